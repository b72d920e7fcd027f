/* SPDX-License-Identifier: MIT
 *
 * hdf5_driver.h: how HDF5 reaches a file that is being made.
 *
 * The library does not survive a write that fails: a file that it cannot flush it cannot close, and at exit it tries
 * once more and crashes. So this driver never tells it of a failure. It keeps the first one's errno, and leaves out
 * every write that follows: the file is lost, and everything closes in order.
 */
#ifndef BASIN_HDF5_DRIVER_H
#define BASIN_HDF5_DRIVER_H

#include <hdf5.h>

/* A file access list with this driver, or a negative number. *failure becomes the errno of the first write that
   failed, and must outlive the file: closing it writes too. */
hid_t basin_driver_access(int *failure);

#endif
