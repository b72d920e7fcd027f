/* SPDX-License-Identifier: MIT
 *
 * crossings.c: what `refine` has found, in an output file: the variables crossing_..., a value for each crossing (of a
 * curve without one: a value too), and what was asked for as attributes of the file.
 */
#include "store/output_file.h"
#include "store/results_file.h"
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char RULE[] =
    "bisection: a point becomes an end of the interval when a confidence sequence (a mixture "
    "martingale, Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021) tells on which side of "
    "refine_where its success lies; 0.05 of error is shared over the points of a curve, so that "
    "all its intervals together hold with 95% confidence, monotone or not";

static const char *const statuses[] = {"found", "wide", "above", "below", "untold", "unfinished"};
enum { STATUSES = sizeof statuses / sizeof *statuses };

const char *basin_crossing_status_name(int status) {
  return status >= 0 && status < STATUSES ? statuses[status] : NULL;
}

/* the variables: where a crossing has their value, by their type */
typedef struct column {
  int variable;
  size_t offset;
} column;

static const column columns[] = {
    {BASIN_VARIABLE_crossing_at, offsetof(basin_crossing, at)},
    {BASIN_VARIABLE_crossing_low, offsetof(basin_crossing, low)},
    {BASIN_VARIABLE_crossing_high, offsetof(basin_crossing, high)},
    {BASIN_VARIABLE_crossing_low_cell, offsetof(basin_crossing, low_cell)},
    {BASIN_VARIABLE_crossing_high_cell, offsetof(basin_crossing, high_cell)},
    {BASIN_VARIABLE_crossing_direction, offsetof(basin_crossing, direction)},
    {BASIN_VARIABLE_crossing_status, offsetof(basin_crossing, status)},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* ---- writing ---- */

static void write_attributes(basin_netcdf *f, const basin_experiment *e) {
  const basin_refine *r = &e->refine;
  const int8_t relative = (int8_t)r->relative;
  basin_netcdf_text(f, NULL, "refine_parameter", e->axis[r->axis]);
  basin_netcdf_number(f, NULL, "refine_to", H5T_NATIVE_DOUBLE, &r->to);
  basin_netcdf_number(f, NULL, "refine_relative", H5T_NATIVE_INT8, &relative);
  basin_netcdf_number(f, NULL, "refine_where", H5T_NATIVE_DOUBLE, &r->where);
  basin_netcdf_number(f, NULL, "refine_max_trials", H5T_NATIVE_INT64, &r->max_trials);
  basin_netcdf_number(f, NULL, "refine_grid_cells", H5T_NATIVE_INT64, &e->grid_cells);
  basin_netcdf_text(f, NULL, "refine_cells",
                    "the first refine_grid_cells cells are those of the grid, in its order; behind "
                    "them are those that were added, in the order in which they were");
  basin_netcdf_text(f, NULL, "refine_rule", RULE);
}

/* the values of a column, in a block of its type */
static void gather(const column *c, int bytes, const basin_crossing *crossing, int64_t count,
                   void *block) {
  for (int64_t i = 0; i < count; i++) {
    const char *from = (const char *)&crossing[i] + c->offset;
    if (bytes == 8) memcpy((double *)block + i, from, 8);
    else ((int8_t *)block)[i] = (int8_t) * (const int *)(const void *)from;
  }
}

static void write_meanings(basin_netcdf *f, const basin_variable *v) {
  int8_t value[STATUSES];
  char meanings[128] = "";
  for (int i = 0; i < STATUSES; i++) {
    value[i] = (int8_t)i;
    strcat(strcat(meanings, i ? " " : ""), statuses[i]);
  }
  basin_netcdf_numbers(f, v, "flag_values", H5T_NATIVE_INT8, STATUSES, value);
  basin_netcdf_text(f, v, "flag_meanings", meanings);
}

basin_status basin_output_crossings(basin_output *o, const basin_crossing *crossing, int64_t count,
                                    basin_error *error) {
  const basin_variable_row *row = &basin_variable_rows[BASIN_VARIABLE_crossing];
  const hsize_t size = (hsize_t)count;
  basin_netcdf *f = o->file;
  double *block = calloc((size_t)count + 1, sizeof *block);
  if (!block) return basin_fail_memory(error);
  write_attributes(f, o->experiment);
  basin_variable *scale = basin_netcdf_dimension(f, row->name, count, NULL, 0, row->long_name, "1");
  for (int i = 0; i < COLUMNS && !basin_netcdf_bad(f); i++) {
    row = &basin_variable_rows[columns[i].variable];
    basin_variable *v = basin_netcdf_variable(f, row->name, row->type(), row->fill, 1, &scale,
                                              &size, row->long_name, "1");
    gather(&columns[i], row->bytes, crossing, count, block);
    basin_netcdf_write_whole(f, v, block);
    if (columns[i].variable == BASIN_VARIABLE_crossing_status && !basin_netcdf_bad(f))
      write_meanings(f, v);
  }
  free(block);
  return basin_netcdf_status(f, error);
}

/* ---- reading ---- */

int basin_results_read_refinement(basin_results *r) {
  basin_refinement *x = &r->refinement;
  int8_t relative = 0;
  int64_t count = -1;
  if (H5Aexists(r->file, "refine_parameter") <= 0) return 1;
  r->refined = basin_results_text_of(r->file, "refine_parameter");
  x->parameter = r->refined;
  const hid_t id = basin_results_variable(r, "crossing_at", 1, &count, H5T_FLOAT);
  if (id >= 0) H5Dclose(id);
  x->relative = 0;
  const int ok = r->refined && id >= 0 && count > 0 &&
                 basin_results_number_of(r, "refine_to", H5T_NATIVE_DOUBLE, &x->to) &&
                 basin_results_number_of(r, "refine_relative", H5T_NATIVE_INT8, &relative) &&
                 basin_results_number_of(r, "refine_where", H5T_NATIVE_DOUBLE, &x->where) &&
                 basin_results_number_of(r, "refine_max_trials", H5T_NATIVE_INT64,
                                         &x->max_trials) &&
                 basin_results_number_of(r, "refine_grid_cells", H5T_NATIVE_INT64, &x->grid_cells);
  x->relative = relative;
  x->crossings = count;
  return ok && x->grid_cells > 0 && x->grid_cells <= r->cells;
}

int basin_results_refinement(const basin_results *r, basin_refinement *refinement) {
  *refinement = r->refinement;
  return r->refined != NULL;
}

/* one value of a column, into the crossing */
static int read_column(const basin_results *r, const column *c, int64_t index,
                       basin_crossing *crossing) {
  const basin_variable_row *row = &basin_variable_rows[c->variable];
  const hid_t type = row->bytes == 8 ? row->type() : H5T_NATIVE_INT;
  const hsize_t start = (hsize_t)index, size = 1;
  int64_t count = r->refinement.crossings;
  const hid_t id = basin_results_variable(r, row->name, 1, &count, H5Tget_class(type));
  if (id < 0) return 0;
  const int ok = basin_results_intact(r, row->name, 0) &&
                 basin_hdf5_read(id, type, 1, &start, &size, (char *)crossing + c->offset);
  H5Dclose(id);
  return ok;
}

basin_status basin_results_crossing(const basin_results *r, int64_t index, basin_crossing *crossing,
                                    basin_error *error) {
  int ok = 1;
  if (index < 0 || index >= r->refinement.crossings)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: no crossing %lld of %lld", r->path,
                      (long long)index, (long long)r->refinement.crossings);
  H5Eclear2(H5E_DEFAULT);
  for (int i = 0; i < COLUMNS && ok; i++) ok = read_column(r, &columns[i], index, crossing);
  const int64_t low = crossing->low_cell, high = crossing->high_cell;
  ok = ok && low >= 0 && low < r->cells && high >= 0 && high < r->cells &&
       basin_crossing_status_name((int)crossing->status);
  return ok ? BASIN_OK : basin_results_unreadable(r, error);
}
