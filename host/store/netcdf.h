/* SPDX-License-Identifier: MIT
 *
 * netcdf.h: making a file in the netCDF-4 profile of HDF5, once, from front to back, with checksums (checksum.h).
 *
 * Calls do not say whether they succeeded: after the first failure all of them do nothing of use, and
 * basin_netcdf_status() tells it. Variables are uncompressed and contiguous, objects have no time stamps, and their
 * order of creation is kept. HDF5 gives a variable its place in the file; the values are written there without it, each
 * byte once.
 */
#ifndef BASIN_NETCDF_H
#define BASIN_NETCDF_H

#include "base/error.h"
#include <hdf5.h>

typedef struct basin_netcdf basin_netcdf;
typedef struct basin_variable basin_variable;

enum { BASIN_RANK_MAX = 4 };

/* Makes the file, which must not be there. Without *file there is nothing to close, and no file. */
basin_status basin_netcdf_create(const char *path, basin_netcdf **file, basin_error *error);

/* The first failure, with its reason. */
basin_status basin_netcdf_status(const basin_netcdf *file, basin_error *error);

/* whether anything has failed, and for callers that have: no memory */
int basin_netcdf_bad(const basin_netcdf *file);
void basin_netcdf_fail(basin_netcdf *file);

/* Adds the checksums, closes and fsyncs. On failure as on success the handle is gone; the file may be incomplete. */
basin_status basin_netcdf_close(basin_netcdf *file, basin_error *error);

/* An attribute of a variable, or of the file where it is NULL. Text of fixed length: it lies inside the object's
   checksummed header, text of variable length does not. */
void basin_netcdf_text(basin_netcdf *file, const basin_variable *variable, const char *name,
                       const char *text);
void basin_netcdf_number(basin_netcdf *file, const basin_variable *variable, const char *name,
                         hid_t type, const void *value);
void basin_netcdf_numbers(basin_netcdf *file, const basin_variable *variable, const char *name,
                          hid_t type, hsize_t count, const void *value);

/* An attribute of a group of the root, which is made where it is not there. */
void basin_netcdf_group_text(basin_netcdf *file, const char *group, const char *name,
                             const char *text);
void basin_netcdf_group_number(basin_netcdf *file, const char *group, const char *name, hid_t type,
                               const void *value);

/* A variable over dimensions given by their scales (NULL: none). Its first dimension is the cells where it has more
   than one. fill: the value of what is never written, NULL: 0. NULL on failure. */
basin_variable *basin_netcdf_variable(basin_netcdf *file, const char *name, hid_t type,
                                      const void *fill, int rank, basin_variable *const *scales,
                                      const hsize_t *size, const char *long_name,
                                      const char *units);

/* A dimension with its values: value[size], or first, first + 1, ... */
basin_variable *basin_netcdf_dimension(basin_netcdf *file, const char *name, int64_t size,
                                       const int64_t *value, int64_t first, const char *long_name,
                                       const char *units);

/* Writes a block that is contiguous in the file, of one cell where the variable has more than one dimension; in order.
   `variable` may be NULL after a failure. */
void basin_netcdf_write(basin_netcdf *file, basin_variable *variable, const hsize_t *start,
                        const hsize_t *size, const void *value);

/* The same in two steps, for threads: `count` values of a cell (or of all of a variable with one dimension) from its
   number `at` on. They are announced in the order of the file, by one thread at a time; then any thread puts them
   there. */
void basin_netcdf_announce(basin_netcdf *file, basin_variable *variable, int64_t cell, int64_t at,
                           int64_t count, const void *value);
void basin_netcdf_put(basin_netcdf *file, const basin_variable *variable, int64_t cell, int64_t at,
                      int64_t count, const void *value);

/* As basin_netcdf_write() of what will be written again before the end: no checksum is made of it. And that block read
   back. */
void basin_netcdf_draft(basin_netcdf *file, basin_variable *variable, const hsize_t *start,
                        const hsize_t *size, const void *value);
void basin_netcdf_draft_read(basin_netcdf *file, basin_variable *variable, const hsize_t *start,
                             const hsize_t *size, void *value);

/* The whole of a variable with one dimension. */
void basin_netcdf_write_whole(basin_netcdf *file, basin_variable *variable, const void *value);

/* A text per entry of the one dimension, of variable length: the only kind that every reader takes in a variable. */
void basin_netcdf_texts(basin_netcdf *file, const char *name, basin_variable *scale, int64_t size,
                        const char *const *value, const char *long_name);

#endif
