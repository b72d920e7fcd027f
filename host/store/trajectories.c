/* SPDX-License-Identifier: MIT
 *
 * trajectories.c: trajectories and single trials of an output file.
 */
#include "store/results_file.h"
#include <stdio.h>
#include <string.h>

basin_status basin_results_records(basin_results *r, int64_t cell, const char *name, int64_t first,
                                   int64_t count, double *value, char units[32],
                                   basin_error *error) {
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
  basin_array array;
  const basin_status status = basin_results_array_find(r, name, &array, error);
  if (status) return status;
  snprintf(units, 32, "%s", array.units);
  return basin_results_read(r, name, cell, first, count, value, error);
}

basin_status basin_results_trajectory(basin_results *r, int64_t cell, const char *name,
                                      double *value, char units[32], basin_error *error) {
  return basin_results_records(r, cell, name, 0, r->recorded, value, units, error);
}

basin_status basin_results_flow_time(basin_results *r, int64_t cell, double *eta_t,
                                     basin_error *error) {
  if (H5Lexists(r->file, "eta_t", H5P_DEFAULT) <= 0)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: has no flow time `eta_t`: basin %s made it; run the experiment again",
                      r->path, r->version);
  return basin_results_read(r, "eta_t", cell, 0, r->times, eta_t, error);
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
