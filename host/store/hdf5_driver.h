/* SPDX-License-Identifier: MIT
 *
 * hdf5_driver.h: how HDF5 reaches a file that is being made.
 *
 * The library does not survive a write that fails: a file that it cannot flush it cannot close, and at exit it tries
 * once more and crashes. So this driver never tells it of a failure. It keeps the first one's errno, and leaves out
 * every write that follows: the file is lost, and everything closes in order.
 *
 *   basin_driver driver = {0};
 *   hid_t access = basin_driver_access(&driver), file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
 *   ...
 *   if (driver.failure) fprintf(stderr, "%s\n", strerror(driver.failure));      behind H5Fclose(file)
 */
#ifndef BASIN_HDF5_DRIVER_H
#define BASIN_HDF5_DRIVER_H

#include <hdf5.h>
#include <stdint.h>

/* What goes between the driver and who makes the file. */
typedef struct basin_driver {
  int failure; /* errno of the first write that failed, or 0 */
  int mute;    /* whether the values of datasets are left out, which somebody else writes */
} basin_driver;

/* A file access list with this driver, or a negative number. *driver must outlive the file: closing it writes too. */
hid_t basin_driver_access(basin_driver *driver);

/* Writes bytes at a place of a file, unless a write has failed before; else *failure is why. For any thread. */
void basin_driver_put(int file, int *failure, int64_t at, size_t count, const void *bytes);

#endif
