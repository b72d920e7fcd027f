/* SPDX-License-Identifier: MIT
 *
 * arrays.c: the arrays of an output file as a caller sees them: those that there are for each cell.
 */
#include "store/results_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANK_MAX = 4 };

static void copy_text(hid_t id, const char *name, const char *otherwise, char *to, size_t size) {
  char *text = basin_results_text_of(id, name);
  snprintf(to, size, "%s", text ? text : otherwise);
  free(text);
}

/* Opens the variable where it is such an array, and says what it is; a negative number otherwise. */
static hid_t open_array(const basin_results *r, const char *name, basin_array *array) {
  hsize_t size[H5S_MAX_RANK];
  const hid_t id = basin_hdf5_open(r->file, name);
  if (id < 0) return id;
  const hid_t space = H5Dget_space(id), type = H5Dget_type(id);
  const int rank = H5Sget_simple_extent_dims(space, size, NULL);
  const H5T_class_t class = H5Tget_class(type);
  const int ok = rank >= 2 && rank <= RANK_MAX && size[0] == (hsize_t)r->cells &&
                 (class == H5T_INTEGER || class == H5T_FLOAT) && strlen(name) < sizeof array->name;
  H5Tclose(type);
  H5Sclose(space);
  if (!ok) {
    H5Dclose(id);
    return H5I_INVALID_HID;
  }
  *array = (basin_array){.rank = rank - 1};
  for (int i = 1; i < rank; i++) array->size[i - 1] = (int64_t)size[i];
  snprintf(array->name, sizeof array->name, "%s", name);
  copy_text(id, "long_name", "", array->meaning, sizeof array->meaning);
  copy_text(id, "units", "1", array->units, sizeof array->units);
  return id;
}

/* ---- all of them, in the order of the file ---- */

typedef struct listing {
  const basin_results *results;
  int count, wanted; /* arrays seen; the one to be kept in `array`, or -1 */
  basin_array *array;
  char names[512]; /* a, b, c */
} listing;

static herr_t see_array(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  listing *list = context;
  basin_array array;
  (void)group;
  const hid_t id = info->type == H5L_TYPE_HARD ? open_array(list->results, name, &array) : -1;
  if (id < 0) return 0;
  H5Dclose(id);
  if (list->count == list->wanted) *list->array = array;
  const size_t used = strlen(list->names);
  snprintf(list->names + used, sizeof list->names - used, "%s%s", used ? ", " : "", name);
  list->count++;
  return 0;
}

static int list_arrays(listing *list) {
  hsize_t at = 0;
  H5Eclear2(H5E_DEFAULT);
  return H5Literate(list->results->file, H5_INDEX_CRT_ORDER, H5_ITER_INC, &at, see_array, list) >=
         0;
}

int basin_results_arrays(const basin_results *r) {
  listing list = {.results = r, .wanted = -1};
  return list_arrays(&list) ? list.count : 0;
}

basin_status basin_results_array(const basin_results *r, int index, basin_array *array,
                                 basin_error *error) {
  listing list = {.results = r, .wanted = index, .array = array};
  if (!list_arrays(&list)) return basin_results_unreadable(r, error);
  if (index >= 0 && index < list.count) return BASIN_OK;
  return basin_fail(error, BASIN_BAD_INPUT, "%s: no array %d, expected 0 to %d", r->path, index,
                    list.count - 1);
}

static basin_status unknown(const basin_results *r, const char *name, basin_error *error) {
  listing list = {.results = r, .wanted = -1};
  if (!list_arrays(&list)) return basin_results_unreadable(r, error);
  return basin_fail(error, BASIN_BAD_INPUT, "%s: no array `%.96s`, expected one of %s", r->path,
                    name, list.names);
}

/* ---- one of them ---- */

basin_status basin_results_array_find(const basin_results *r, const char *name, basin_array *array,
                                      basin_error *error) {
  const hid_t id = open_array(r, name, array);
  if (id < 0) return unknown(r, name, error);
  H5Dclose(id);
  return BASIN_OK;
}

basin_status basin_results_read(basin_results *r, const char *name, int64_t cell, int64_t first,
                                int64_t count, double *value, basin_error *error) {
  basin_array array;
  basin_status status = BASIN_OK;
  H5Eclear2(H5E_DEFAULT);
  const hid_t id = open_array(r, name, &array);
  if (id < 0) return unknown(r, name, error);
  hsize_t start[RANK_MAX] = {(hsize_t)cell, (hsize_t)first}, block[RANK_MAX] = {1, (hsize_t)count};
  for (int i = 1; i < array.rank; i++) block[i + 1] = (hsize_t)array.size[i];
  if (cell < 0 || cell >= r->cells)
    status = basin_fail(error, BASIN_BAD_INPUT, "%s: no cell %lld, expected 0 to %lld", r->path,
                        (long long)cell, (long long)r->cells - 1);
  else if (first < 0 || count < 0 || first > array.size[0] || count > array.size[0] - first)
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "%s: %s has %lld entries of a cell, no %lld from %lld on", r->path, name,
                        (long long)array.size[0], (long long)count, (long long)first);
  else if (count && !(basin_results_intact(r, name, cell) &&
                      basin_hdf5_read(id, H5T_NATIVE_DOUBLE, array.rank + 1, start, block, value)))
    status = basin_results_unreadable(r, error);
  H5Dclose(id);
  return status;
}
