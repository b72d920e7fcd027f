/* SPDX-License-Identifier: MIT
 *
 * hdf5_util.h: what reading and writing HDF5 share.
 */
#ifndef BASIN_HDF5_UTIL_H
#define BASIN_HDF5_UTIL_H

#include "base/error.h"
#include <hdf5.h>

/* keep the library from printing; once per process is enough, more do no harm */
void basin_hdf5_quiet(void);

/* the innermost reason on HDF5's error stack, as a status: "path: what: reason" */
basin_status basin_hdf5_fail(basin_error *error, basin_status status, const char *path,
                             const char *what);

/* Opens a dataset of a file or group for reading: a negative number where there is none. Links that lead elsewhere,
   data in other files, and datasets that claim more than the file can hold are none. */
hid_t basin_hdf5_open(hid_t place, const char *name);

/* Reads a block; 0 where it cannot be read. */
int basin_hdf5_read(hid_t dataset, hid_t type, int rank, const hsize_t *start, const hsize_t *count,
                    void *value);

#endif
