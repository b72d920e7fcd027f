/* SPDX-License-Identifier: MIT */
#include "read/array.h"
#include "read/images.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

basin_status basin_array_wrong(const basin_file_array *array, const char *what) {
  const basin_array_file *file = array->file;
  return basin_fail_at(file->error, file->place, "%.100s: %.300s: the variable `%s` %s", file->what,
                       file->path, array->variable, what);
}

basin_status basin_array_open(const basin_array_file *file, hid_t from, const char *variable,
                              basin_file_array *array) {
  *array = (basin_file_array){
      .file = file, .variable = variable, .id = basin_hdf5_open(from, variable)};
  if (array->id < 0)
    return basin_fail_at(file->error, file->place, "%.100s: %.300s has no variable `%s`",
                         file->what, file->path, variable);
  const hid_t space = H5Dget_space(array->id), type = H5Dget_type(array->id);
  const H5T_class_t class = H5Tget_class(type);
  array->rank = H5Sget_simple_extent_ndims(space);
  if (array->rank >= 0 && array->rank <= BASIN_ARRAY_RANK)
    H5Sget_simple_extent_dims(space, array->size, NULL);
  H5Tclose(type);
  H5Sclose(space);
  if (class == H5T_INTEGER || class == H5T_FLOAT) return BASIN_OK;
  basin_array_close(array);
  return basin_array_wrong(array, "has no numbers");
}

void basin_array_close(const basin_file_array *array) { H5Dclose(array->id); }

/* the row of the first number that is infinite, or none; -1: there is no such */
static int64_t first_bad(const double *value, size_t numbers, size_t of_row) {
  for (size_t i = 0; i < numbers; i++)
    if (!isfinite(value[i])) return (int64_t)(i / of_row);
  return -1;
}

basin_status basin_array_read(const basin_file_array *array, const hsize_t *start,
                              const hsize_t *count, int finite, double **value) {
  static const hsize_t origin[BASIN_ARRAY_RANK] = {0};
  const basin_array_file *file = array->file;
  double numbers = 1;
  *value = NULL;
  if (!count) count = array->size;
  for (int i = 0; i < array->rank; i++) numbers *= (double)count[i];
  if (numbers > BASIN_NUMBERS_MAX) return basin_array_wrong(array, "has more than 2 GiB");
  const size_t all = (size_t)numbers;
  *value = malloc((all + 1) * sizeof **value);
  if (!*value) return basin_fail_memory(file->error);
  if (!basin_hdf5_read(array->id, H5T_NATIVE_DOUBLE, array->rank, start ? start : origin, count,
                       *value))
    return basin_array_wrong(array, "cannot be read");
  for (size_t i = 0; i < all; i++) (*value)[i] += 0.0; /* -0 is 0 */
  const int64_t bad = finite ? first_bad(*value, all, array->rank ? all / (size_t)count[0] : 1)
                             : -1;
  if (bad < 0) return BASIN_OK;
  return basin_fail_at(file->error, file->place,
                       "%.100s: %.300s: the variable `%s` has a number that is infinite, or none, "
                       "in row %lld, counted from 0",
                       file->what, file->path, array->variable, (long long)bad);
}

basin_status basin_path_read(const basin_scope *scope, const basin_node *node, const char *what,
                             char path[BASIN_PATH_BYTES], basin_error *error) {
  const char *folder = scope->album ? scope->album->folder : NULL;
  if (node->kind != BASIN_SCALAR || !*node->text)
    return basin_fail_at(error, node->place, "%s: expected a path", what);
  const int used = snprintf(path, BASIN_PATH_BYTES, "%s%s",
                            *node->text == '/' || !folder ? "" : folder, node->text);
  return used < BASIN_PATH_BYTES
             ? BASIN_OK
             : basin_fail_at(error, node->place, "%s: the path is too long", what);
}
