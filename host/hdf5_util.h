/* SPDX-License-Identifier: MIT
 *
 * hdf5_util.h: what reading and writing HDF5 share.
 */
#ifndef BASIN_HDF5_UTIL_H
#define BASIN_HDF5_UTIL_H

#include "error.h"
#include <hdf5.h>

/* keep the library from printing; once per process is enough, more do no harm */
void basin_hdf5_quiet(void);

/* the innermost reason on HDF5's error stack, as a status: "path: what: reason" */
basin_status basin_hdf5_fail(basin_error *error, basin_status status, const char *path,
                             const char *what);

#endif
