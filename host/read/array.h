/* SPDX-License-Identifier: MIT
 *
 * array.h: numbers of HDF5 and netCDF-4 files that an experiment names.
 *
 *   const basin_array_file file = {"data.file", "digits.h5", place, error};
 *   basin_file_array x;
 *   if (!(from = ..., status = basin_array_open(&file, from, "x", &x))) {      x.rank = 2, x.size = {1000, 784}
 *     status = basin_array_read(&x, NULL, NULL, &value);                       all of it; or a block
 *     basin_array_close(&x);
 *   }
 *
 * Messages are told at the place in the experiment file, and begin with the key that names the file.
 */
#ifndef BASIN_READ_ARRAY_H
#define BASIN_READ_ARRAY_H

#include "base/error.h"
#include "base/files.h"
#include "base/hdf5_util.h"
#include "read/scope.h"

enum { BASIN_ARRAY_RANK = 4, BASIN_NUMBERS_MAX = 1 << 28 /* of a file: 2 GiB */ };

typedef struct basin_array_file {
  const char *what, *path; /* the key, as messages name it */
  basin_place place;
  basin_error *error;
} basin_array_file;

/* An open variable of numbers; of one with more dimensions than BASIN_ARRAY_RANK the rank alone. */
typedef struct basin_file_array {
  const basin_array_file *file;
  const char *variable;
  hid_t id;
  int rank;
  hsize_t size[BASIN_ARRAY_RANK];
} basin_file_array;

/* BASIN_BAD_INPUT where there is none of that name, or it has no numbers. To be closed where it was opened. */
basin_status basin_array_open(const basin_array_file *file, hid_t from, const char *variable,
                              basin_file_array *array);
void basin_array_close(const basin_file_array *array);

/* "%s: FILE: the variable `NAME` WHAT", as BASIN_BAD_INPUT */
basin_status basin_array_wrong(const basin_file_array *array, const char *what);

/* A block from start[rank] on of count[rank] numbers, all of it where these are NULL: *value is the caller's to free,
   whatever comes of it. -0 is 0. Numbers that are infinite, or none, are refused, with their row, where `finite` says
   so. */
basin_status basin_array_read(const basin_file_array *array, const hsize_t *start,
                              const hsize_t *count, int finite, double **value);

/* The path in a scalar node, from the folder of the experiment file. */
basin_status basin_path_read(const basin_scope *scope, const basin_node *node, const char *what,
                             char path[BASIN_PATH_BYTES], basin_error *error);

#endif
