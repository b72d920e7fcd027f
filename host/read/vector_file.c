/* SPDX-License-Identifier: MIT */
#include "read/vector_file.h"
#include "base/files.h"
#include "read/array.h"
#include "read/images.h"
#include "read/numbers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 128, SIZES_BYTES = 96 };

/* Where entries lie. */
typedef struct source {
  char path[BASIN_PATH_BYTES], variable[NAME_BYTES];
  int of_run;          /* an output file of basin: of these */
  int64_t cell, trial; /* 0 where it is none */
} source;

/* What was read of one source: a table of text is the same whatever the variable. */
struct basin_vector_page {
  source from;
  int is_text, rank;
  int64_t size[BASIN_ARRAY_RANK]; /* [rank]; of a run the number of entries */
  double *value;
  basin_vector_page *next;
};

static void free_page(basin_vector_page *page) {
  free(page->value);
  free(page);
}

void basin_vector_pages_free(basin_vector_page *first) {
  for (basin_vector_page *next; first; first = next) {
    next = first->next;
    free_page(first);
  }
}

static int64_t numbers_of(const basin_vector_page *page) {
  int64_t numbers = 1;
  for (int i = 0; i < page->rank; i++) numbers *= page->size[i];
  return numbers;
}

double basin_vector_pages_bytes(const basin_vector_page *first) {
  double bytes = 0;
  for (; first; first = first->next) bytes += 8 * (double)numbers_of(first);
  return bytes;
}

/* ---- a variable ---- */

static basin_status read_variable(const basin_array_file *of, hid_t from, basin_vector_page *page) {
  basin_file_array array;
  basin_status status = basin_array_open(of, from, page->from.variable, &array);
  if (status) return status;
  page->rank = array.rank;
  for (int i = 0; i < array.rank && i < BASIN_ARRAY_RANK; i++)
    page->size[i] = (int64_t)array.size[i];
  if (array.rank < 1 || array.rank > 3 || !numbers_of(page))
    status = basin_array_wrong(&array, "is no vector or matrix of numbers");
  else status = basin_array_read(&array, NULL, NULL, 1, &page->value);
  basin_array_close(&array);
  return status;
}

/* ---- a run of basin ---- */

/* where a coordinate, `cell` or `recorded`, has the number; -1: nowhere */
static basin_status find_place(const basin_array_file *of, hid_t from, const char *coordinate,
                               int64_t number, hsize_t *place) {
  basin_file_array array;
  double *value = NULL;
  basin_status status = basin_array_open(of, from, coordinate, &array);
  if (status) return status;
  status = array.rank == 1 ? basin_array_read(&array, NULL, NULL, 1, &value)
                           : basin_array_wrong(&array, "is no list");
  const hsize_t count = array.size[0];
  basin_array_close(&array);
  for (*place = 0; !status && *place < count && value[*place] != (double)number;) ++*place;
  free(value);
  if (status || *place < count) return status;
  return basin_fail_at(of->error, of->place, "%.100s: %.300s has no %s %lld", of->what, of->path,
                       strcmp(coordinate, "cell") ? "recorded trial" : "cell", (long long)number);
}

/* of a row of the file, which NaN fills up behind the cell's own entries */
static int64_t length_of(const double *value, hsize_t entries) {
  while (entries && isnan(value[entries - 1])) entries--;
  return (int64_t)entries;
}

/* the last of the recorded steps at which the trial was there */
static basin_status read_last(const basin_file_array *array, hsize_t cell, hsize_t trial,
                              basin_vector_page *page) {
  const hsize_t count[] = {1, 1, 1, array->size[3]};
  basin_status status = BASIN_OK;
  page->rank = 1;
  for (hsize_t t = array->size[2]; t-- > 0 && !status && !page->size[0];) {
    free(page->value);
    status = basin_array_read(array, (hsize_t[]){cell, trial, t, 0}, count, 0, &page->value);
    if (!status) page->size[0] = length_of(page->value, array->size[3]);
  }
  for (int64_t i = 0; !status && i < page->size[0]; i++)
    if (!isfinite(page->value[i])) page->size[0] = 0;
  return status || page->size[0]
             ? status
             : basin_array_wrong(array, "has numbers of that trial that are infinite, or none");
}

static basin_status read_run(const basin_array_file *of, hid_t from, basin_vector_page *page) {
  char name[NAME_BYTES + 8];
  basin_file_array array;
  hsize_t cell = 0, trial = 0;
  snprintf(name, sizeof name, "vector_%s", page->from.variable);
  basin_status status = find_place(of, from, "cell", page->from.cell, &cell);
  if (!status) status = find_place(of, from, "recorded", page->from.trial, &trial);
  if (!status) status = basin_array_open(of, from, name, &array);
  if (status) return status;
  status = array.rank == 4 && cell < array.size[0] && trial < array.size[1]
               ? read_last(&array, cell, trial, page)
               : basin_array_wrong(&array, "is no array of a run");
  basin_array_close(&array);
  return status;
}

/* ---- a page ---- */

/* an output file of basin, where it was not said that it is one */
static basin_status is_run(const basin_array_file *of, const char *variable) {
  return basin_fail_at(of->error, of->place,
                       "%.100s: %.300s is the output of a run: say which of its trials is meant, "
                       "{file: ..., cell: 0, trial: 0}; it has `vector_%.100s`, and no `%.100s`",
                       of->what, of->path, variable, variable);
}

static basin_status read_hdf5(const basin_array_file *of, basin_vector_page *page) {
  const char *variable = page->from.variable;
  char recorded[NAME_BYTES + 8];
  const hid_t from = H5Fopen(of->path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (from < 0)
    return basin_fail_at(of->error, of->place, "%.100s: %.300s: the HDF5 file cannot be read",
                         of->what, of->path);
  snprintf(recorded, sizeof recorded, "vector_%s", variable);
  const basin_status status = page->from.of_run ? read_run(of, from, page)
                              : H5Lexists(from, variable, H5P_DEFAULT) <= 0 &&
                                      H5Lexists(from, recorded, H5P_DEFAULT) > 0
                                  ? is_run(of, variable)
                                  : read_variable(of, from, page);
  H5Fclose(from);
  return status;
}

static basin_status read_page(const basin_array_file *of, basin_vector_page *page) {
  basin_hdf5_quiet();
  if (!basin_is_irregular(of->path) && H5Fis_hdf5(of->path) > 0) return read_hdf5(of, page);
  page->is_text = 1;
  page->rank = 2;
  if (!page->from.of_run)
    return basin_numbers_read(of->path, of->place, BASIN_NUMBERS_MAX, &page->size[0],
                              &page->size[1], &page->value, of->error);
  return basin_fail_at(of->error, of->place,
                       "%.100s: %.300s: `cell` and `trial` are of the output of a run, and this is "
                       "no HDF5 file",
                       of->what, of->path);
}

static int is_of(const basin_vector_page *page, const source *from) {
  const source *x = &page->from;
  if (strcmp(x->path, from->path) != 0 || x->of_run != from->of_run) return 0;
  return page->is_text ||
         (!strcmp(x->variable, from->variable) && x->cell == from->cell && x->trial == from->trial);
}

/* the album's, read where it is the first time */
static basin_status find_page(basin_album *album, const basin_array_file *of, const source *from,
                              const basin_vector_page **found) {
  basin_vector_page *page = album->vectors;
  while (page && !is_of(page, from)) page = page->next;
  *found = page;
  if (page) return BASIN_OK;
  if (!(page = calloc(1, sizeof *page))) return basin_fail_memory(of->error);
  page->from = *from;
  const basin_status status = read_page(of, page);
  if (status) {
    free_page(page);
    return status;
  }
  album->tables = 1;
  page->next = album->vectors;
  *found = album->vectors = page;
  return BASIN_OK;
}

/* ---- the keys ---- */

static basin_status read_source(basin_scope *scope, const basin_node *node, const char *what,
                                source *from, basin_error *error) {
  const basin_node *variable = basin_node_get(node, "variable"),
                   *cell = basin_node_get(node, "cell"), *trial = basin_node_get(node, "trial");
  const char *name = !variable                        ? scope->vector->name
                     : variable->kind == BASIN_SCALAR ? variable->text
                                                      : "";
  *from = (source){.of_run = cell || trial};
  if (!*name || strlen(name) >= NAME_BYTES)
    return basin_fail_at(error, variable->place, "%s: variable: expected a name", what);
  if (from->of_run && !(cell && trial))
    return basin_fail_at(error, node->place, "%s: `%s` is missing: {file: ..., cell: 0, trial: 0}",
                         what, cell ? "trial" : "cell");
  snprintf(from->variable, sizeof from->variable, "%s", name);
  basin_status status = basin_path_read(scope, basin_node_get(node, "file"), what, from->path,
                                        error);
  if (!status && cell)
    status = basin_scope_integer(scope, cell, what, 0, INT64_MAX >> 11, &from->cell, error);
  if (!status && trial)
    status = basin_scope_integer(scope, trial, what, 0, BASIN_TRIALS_MAX - 1, &from->trial, error);
  return status;
}

static int fits(const basin_vector_page *page, int64_t rows, int64_t length, int64_t patch) {
  const int64_t *size = page->size;
  if (numbers_of(page) != rows * length) return 0;
  if (page->from.of_run) return 1; /* in a line, whatever the matrix is */
  if (page->rank == 3) return size[0] == rows && size[2] == patch;
  if (page->rank == 2 && size[0] == rows) return 1;
  const int line = page->rank == 1 || size[0] == 1 || size[1] == 1;
  return line && (rows == 1 || length == 1);
}

/* "3 x 4" */
static void put_sizes(const basin_vector_page *page, char text[SIZES_BYTES]) {
  *text = 0;
  for (int i = 0; i < page->rank; i++)
    snprintf(text + strlen(text), SIZES_BYTES - strlen(text), "%s%lld", i ? " x " : "",
             (long long)page->size[i]);
}

basin_status basin_vector_file(basin_scope *scope, const basin_node *node, const char *what,
                               int64_t rows, int64_t length, const double **value,
                               basin_error *error) {
  const basin_array_file of = {what, NULL, basin_node_get(node, "file")->place, error};
  const int64_t patch = scope->vector->patch;
  const basin_vector_page *page;
  char found[SIZES_BYTES], as_patches[SIZES_BYTES] = "";
  source from;
  basin_status status = read_source(scope, node, what, &from, error);
  basin_array_file named = of;
  named.path = from.path;
  if (!status) status = find_page(scope->album, &named, &from, &page);
  if (status) return status;
  *value = page->value;
  if (fits(page, rows, length, patch)) return BASIN_OK;
  put_sizes(page, found);
  if (patch > 1 && !page->is_text)
    snprintf(as_patches, sizeof as_patches, ", or %lld x %lld x %lld", (long long)rows,
             (long long)(length / patch), (long long)patch);
  return basin_fail_at(error, of.place, "%.100s: %.300s: %s%s%s%s numbers, expected %lld x %lld%s",
                       what, from.path, page->is_text ? "" : "`",
                       page->is_text ? "" : from.variable, page->is_text ? "" : "` has ", found,
                       (long long)rows, (long long)length, as_patches);
}
