/* SPDX-License-Identifier: MIT
 *
 * records.c: trajectories and single trials of an output file.
 */
#include "store/results_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

basin_status basin_results_records(basin_results *r, int64_t cell, const char *name, int64_t first,
                                   int64_t count, double *value, char units[32],
                                   basin_error *error) {
  int64_t size[3] = {r->cells, r->recorded, r->times};
  int known = 0;
  for (int i = 0; i < r->observables; i++) known |= !strcmp(r->observable[i], name);
  if (!known) {
    char list[512] = "";
    for (int i = 0; i < r->observables; i++)
      snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "",
               r->observable[i]);
    return basin_fail(error, BASIN_BAD_INPUT, "%s: no recorded observable `%s`, expected %s",
                      r->path, name, *list ? list : "none: the experiment records no trajectories");
  }
  const hsize_t start[3] = {(hsize_t)cell, (hsize_t)first, 0},
                block[3] = {1, (hsize_t)count, (hsize_t)r->times};
  H5Eclear2(H5E_DEFAULT);
  const hid_t id = basin_results_variable(r, name, 3, size, H5T_FLOAT);
  const int ok = id >= 0 && (!count || basin_results_intact(r, name, cell)) &&
                 basin_hdf5_read(id, H5T_NATIVE_DOUBLE, 3, start, block, value);
  if (ok) {
    char *text = basin_results_text_of(id, "units");
    snprintf(units, 32, "%s", text ? text : "1");
    free(text);
  }
  if (id >= 0) H5Dclose(id);
  return ok ? BASIN_OK : basin_results_unreadable(r, error);
}

basin_status basin_results_trajectory(basin_results *r, int64_t cell, const char *name,
                                      double *value, char units[32], basin_error *error) {
  return basin_results_records(r, cell, name, 0, r->recorded, value, units, error);
}

basin_status basin_results_flow_time(basin_results *r, int64_t cell, double *eta_t,
                                     basin_error *error) {
  int64_t size[2] = {r->cells, r->times};
  if (H5Lexists(r->file, "eta_t", H5P_DEFAULT) <= 0)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: has no flow time `eta_t`: basin %s made it; run the experiment again",
                      r->path, r->version);
  const hsize_t start[2] = {(hsize_t)cell, 0}, block[2] = {1, (hsize_t)r->times};
  H5Eclear2(H5E_DEFAULT);
  const hid_t id = basin_results_variable(r, "eta_t", 2, size, H5T_FLOAT);
  const int ok = id >= 0 && basin_results_intact(r, "eta_t", cell) &&
                 basin_hdf5_read(id, H5T_NATIVE_DOUBLE, 2, start, block, eta_t);
  if (id >= 0) H5Dclose(id);
  return ok ? BASIN_OK : basin_results_unreadable(r, error);
}

basin_status basin_results_trials(basin_results *r, int64_t cell, int64_t first, int64_t count,
                                  int8_t *outcome, int *halvings, basin_error *error) {
  int64_t size[2] = {r->cells, r->trials};
  const hsize_t start[2] = {(hsize_t)cell, (hsize_t)first}, block[2] = {1, (hsize_t)count};
  const int halved = H5Lexists(r->file, "halvings", H5P_DEFAULT) > 0;
  H5Eclear2(H5E_DEFAULT);
  const hid_t outcome_id = basin_results_variable(r, "outcome", 2, size, H5T_INTEGER);
  const hid_t halvings_id = halved ? basin_results_variable(r, "halvings", 2, size, H5T_INTEGER)
                                   : -1;
  memset(halvings, 0, (size_t)count * sizeof *halvings);
  const int ok = outcome_id >= 0 && basin_results_intact(r, "outcome", cell) &&
                 (!halved || basin_results_intact(r, "halvings", cell)) &&
                 basin_hdf5_read(outcome_id, H5T_NATIVE_INT8, 2, start, block, outcome) &&
                 (!halved || (halvings_id >= 0 && basin_hdf5_read(halvings_id, H5T_NATIVE_INT, 2,
                                                                  start, block, halvings)));
  if (outcome_id >= 0) H5Dclose(outcome_id);
  if (halvings_id >= 0) H5Dclose(halvings_id);
  for (int64_t i = 0; i < count; i++)
    if (halvings[i] < 0) halvings[i] = 0; /* the fill value */
  return ok ? BASIN_OK : basin_results_unreadable(r, error);
}

basin_status basin_results_trial(basin_results *r, int64_t cell, int64_t trial, int *outcome,
                                 int64_t *steps, basin_error *error) {
  int64_t size[2] = {r->cells, r->trials};
  const hsize_t start[2] = {(hsize_t)cell, (hsize_t)trial}, one[2] = {1, 1};
  H5Eclear2(H5E_DEFAULT);
  const hid_t outcome_id = basin_results_variable(r, "outcome", 2, size, H5T_INTEGER);
  const hid_t steps_id = basin_results_variable(r, "steps", 2, size, H5T_INTEGER);
  const int ok = outcome_id >= 0 && steps_id >= 0 && basin_results_intact(r, "outcome", cell) &&
                 basin_results_intact(r, "steps", cell) &&
                 basin_hdf5_read(outcome_id, H5T_NATIVE_INT, 2, start, one, outcome) &&
                 basin_hdf5_read(steps_id, H5T_NATIVE_INT64, 2, start, one, steps) &&
                 *outcome >= (r->missing ? -1 : 0) && *outcome < BASIN_OUTCOMES;
  if (outcome_id >= 0) H5Dclose(outcome_id);
  if (steps_id >= 0) H5Dclose(steps_id);
  return ok ? BASIN_OK : basin_results_unreadable(r, error);
}
