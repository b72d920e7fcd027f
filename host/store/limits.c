/* SPDX-License-Identifier: MIT
 *
 * limits.c: what theory says of networks of infinite width (network/cell_limit.h), in an output file: a value or a
 * curve for each cell. It depends on nothing but the experiment, so it is written when the file is made. Why a cell has
 * none is told by the attribute `comment` of lambda_0, of the first such cell.
 */
#include "network/cell_limit.h"
#include "store/output_file.h"
#include "store/results_file.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

/* of all cells: what becomes a variable each */
typedef struct columns {
  double *lambda_0, *lambda_max, *loss_start;
  int8_t *exact;
} columns;

/* one cell, and its curve into the file; *why: why it has no limit, of the first that has none */
static basin_status find(basin_output *o, int64_t i, const columns *to, double *curve, char *why,
                         size_t size, basin_error *error) {
  const basin_experiment *e = o->experiment;
  const int64_t cell = o->extent.first_cell + i,
                times = o->variable[BASIN_VARIABLE_loss_limit] ? o->extent.times : 0;
  const hsize_t start[2] = {(hsize_t)i, 0}, block[2] = {1, (hsize_t)times};
  basin_cell_limit limit = {NAN, NAN, NAN, -1};
  for (int64_t t = 0; t < times; t++) curve[t] = NAN;
  const basin_status status = basin_cell_limit_find(&e->cell[cell].setting, times, e->time, &limit,
                                                    curve, error);
  if (status == BASIN_FAILED) return status;
  if (status && !*why) snprintf(why, size, "cell %lld has none: %s", (long long)cell, error->text);
  to->lambda_0[i] = limit.lambda_0;
  to->lambda_max[i] = limit.lambda_max;
  to->loss_start[i] = limit.loss_start;
  to->exact[i] = (int8_t)limit.exact;
  if (times)
    basin_netcdf_write(o->file, o->variable[BASIN_VARIABLE_loss_limit], start, block, curve);
  return BASIN_OK;
}

void basin_output_limits(basin_output *o) {
  const size_t cells = (size_t)o->extent.cells, times = (size_t)o->extent.times;
  basin_netcdf *f = o->file;
  basin_error error;
  char why[sizeof error.text + 32] = "";
  double *room = calloc(3 * cells + times + 1, sizeof *room);
  int8_t *exact = calloc(cells + 1, sizeof *exact);
  if (!room || !exact) {
    free(room);
    free(exact);
    basin_netcdf_fail(f);
    return;
  }
  const columns to = {room, room + cells, room + 2 * cells, exact};
  for (int id = BASIN_VARIABLE_lambda_0; id <= BASIN_VARIABLE_loss_limit; id++)
    if (basin_variable_count(o->experiment, &o->extent, &o->vectors, basin_variable_rows[id].there))
      basin_output_variable(o, id);
  for (int64_t i = 0; i < o->extent.cells && !basin_netcdf_bad(f); i++)
    if (find(o, i, &to, room + 3 * cells, why, sizeof why, &error)) basin_netcdf_fail(f);
  if (!basin_netcdf_bad(f)) {
    if (*why) basin_netcdf_text(f, o->variable[BASIN_VARIABLE_lambda_0], "comment", why);
    basin_netcdf_write_whole(f, o->variable[BASIN_VARIABLE_lambda_0], to.lambda_0);
    basin_netcdf_write_whole(f, o->variable[BASIN_VARIABLE_lambda_max], to.lambda_max);
    basin_netcdf_write_whole(f, o->variable[BASIN_VARIABLE_loss_start_limit], to.loss_start);
    basin_netcdf_write_whole(f, o->variable[BASIN_VARIABLE_loss_start_exact], exact);
  }
  free(room);
  free(exact);
}

/* ---- reading ---- */

int basin_results_has_limits(const basin_results *r) {
  return H5Lexists(r->file, "lambda_0", H5P_DEFAULT) > 0;
}

/* a cell's value of a variable */
static int read_value(const basin_results *r, int variable, int64_t cell, double *value) {
  const basin_variable_row *row = &basin_variable_rows[variable];
  const hsize_t start = (hsize_t)cell, size = 1;
  int64_t cells = r->cells;
  const hid_t id = basin_results_variable(r, row->name, 1, &cells, H5Tget_class(row->type()));
  if (id < 0) return 0;
  const int ok = basin_results_intact(r, row->name, 0) &&
                 basin_hdf5_read(id, H5T_NATIVE_DOUBLE, 1, &start, &size, value);
  H5Dclose(id);
  return ok;
}

/* whether losses of the start are there */
static int has_start(const basin_results *r) {
  int known = 0;
  for (int i = 0; i < r->observables; i++) known |= !strcmp(r->observable[i], "loss");
  return known && r->times > 0 && r->time[0] == 0;
}

/* mean and standard error of the recorded trials' losses at step 0, a block of trials at a time; by Welford's sums */
static basin_status measure_start(basin_results *r, int64_t cell, basin_limit_values *out,
                                  basin_error *error) {
  enum { NUMBERS = 1 << 18 };
  const int64_t block = r->times < NUMBERS ? NUMBERS / r->times : 1;
  double *value = malloc((size_t)(block * r->times) * sizeof *value), squares = 0;
  basin_status status = value ? BASIN_OK : basin_fail_memory(error);
  out->mean = 0;
  for (int64_t first = 0; first < r->recorded && !status; first += block) {
    const int64_t count = r->recorded - first < block ? r->recorded - first : block;
    status = basin_results_read(r, "loss", cell, first, count, value, error);
    for (int64_t i = 0; i < count && !status; i++) {
      const double loss = value[i * r->times], off = loss - out->mean;
      if (isnan(loss)) continue;
      out->mean += off / (double)++out->trials;
      squares += off * (loss - out->mean);
    }
  }
  free(value);
  const double n = (double)out->trials;
  if (!out->trials) out->mean = NAN;
  out->error = out->trials > 1 ? sqrt(squares / (n - 1) / n) : NAN;
  return status;
}

basin_status basin_results_limit(basin_results *r, int64_t cell, basin_limit_values *out,
                                 basin_error *error) {
  double exact;
  *out = (basin_limit_values){.mean = NAN, .error = NAN};
  H5Eclear2(H5E_DEFAULT);
  if (!read_value(r, BASIN_VARIABLE_lambda_0, cell, &out->lambda_0) ||
      !read_value(r, BASIN_VARIABLE_lambda_max, cell, &out->lambda_max) ||
      !read_value(r, BASIN_VARIABLE_loss_start_limit, cell, &out->loss_start) ||
      !read_value(r, BASIN_VARIABLE_loss_start_exact, cell, &exact))
    return basin_results_unreadable(r, error);
  out->exact = exact > 0;
  return has_start(r) ? measure_start(r, cell, out, error) : BASIN_OK;
}

int basin_results_has_limit_curves(const basin_results *r) {
  return H5Lexists(r->file, "loss_limit", H5P_DEFAULT) > 0;
}

basin_status basin_results_limit_curve(const basin_results *r, int64_t cell, double *loss,
                                       basin_error *error) {
  int64_t sizes[2] = {r->cells, r->times};
  const hsize_t start[2] = {(hsize_t)cell, 0}, block[2] = {1, (hsize_t)r->times};
  H5Eclear2(H5E_DEFAULT);
  const hid_t id = basin_results_variable(r, "loss_limit", 2, sizes, H5T_FLOAT);
  const int ok = id >= 0 && basin_results_intact(r, "loss_limit", cell) &&
                 basin_hdf5_read(id, H5T_NATIVE_DOUBLE, 2, start, block, loss);
  if (id >= 0) H5Dclose(id);
  return ok ? BASIN_OK : basin_results_unreadable(r, error);
}
