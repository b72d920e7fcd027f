/* SPDX-License-Identifier: MIT
 *
 * output_limit.c: what theory says of networks of infinite width (network/cell_limit.h), a value or a curve for each
 * cell. It depends on nothing but the experiment, so it is written when the file is made. Why a cell has none is told
 * by the attribute `comment` of lambda_0, of the first such cell.
 */
#include "network/cell_limit.h"
#include "store/output_file.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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
  if (times) basin_netcdf_write(o->file, o->variable[BASIN_VARIABLE_loss_limit], start, block, curve);
  return BASIN_OK;
}

void basin_output_limits(basin_output *o) {
  const size_t cells = (size_t)o->extent.cells, times = (size_t)o->extent.times;
  basin_netcdf *f = o->file;
  basin_error error;
  char why[sizeof error.text + 32] = "";
  double *room = calloc(3 * cells + times + 1, sizeof *room);
  int8_t *exact = calloc(cells + 1, sizeof *exact);
  const columns to = {room, room + cells, room + 2 * cells, exact};
  if (!room || !exact) basin_netcdf_fail(f);
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
