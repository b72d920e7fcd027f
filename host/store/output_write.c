/* SPDX-License-Identifier: MIT
 *
 * output_write.c: the trials of a part, into the variables of an output file.
 */
#include "store/output_file.h"
#include <stdlib.h>

/* none are made in a cell that does not ask for them */
static basin_status write_halvings(basin_output *o, const hsize_t *start, const hsize_t *size,
                                   const int8_t *halvings, basin_error *error) {
  int8_t *none = halvings ? NULL : calloc((size_t)size[1], sizeof *none);
  if (!halvings && !none) return basin_fail_memory(error);
  basin_netcdf_write(o->file, o->variable[BASIN_VARIABLE_halvings], start, size,
                     none ? none : halvings);
  free(none);
  return BASIN_OK;
}

/* trajectories of the part's recorded trials from `from` to before `to` */
static basin_status write_records(basin_output *o, int64_t cell, const basin_part *part,
                                  int64_t from, int64_t to, basin_error *error) {
  const basin_experiment *e = o->experiment;
  const int64_t times = o->extent.times, all = part->recorded * times;
  const hsize_t start[3] = {(hsize_t)(cell - o->extent.first_cell),
                            (hsize_t)(part->first + from - o->extent.first_trial), 0};
  const hsize_t size[3] = {1, (hsize_t)(to - from), (hsize_t)times};
  for (int i = 0; i < e->observables; i++)
    basin_netcdf_write(o->file, o->record[i], start, size, part->record + i * all + from * times);
  for (int i = 0; i < 2 * e->estimates; i++)
    basin_netcdf_write(o->file, o->estimate[i], start, size,
                       part->estimate + i * all + from * times);
  return e->keep_vectors ? basin_output_vectors(o, cell, part, from, to, error) : BASIN_OK;
}

basin_status basin_output_write(basin_output *o, int64_t cell, const basin_part *part,
                                int64_t limit, basin_error *error) {
  const basin_experiment *e = o->experiment;
  if (cell != o->cell_now) o->reached = 0;
  o->cell_now = cell;

  /* trials of the part: those before are written */
  const int64_t from = o->reached > part->first ? o->reached - part->first : 0,
                to = part->first + part->count <= limit ? part->count : limit - part->first,
                recorded = part->recorded < to ? part->recorded : to;
  basin_status status = BASIN_OK;
  if (to <= from) return BASIN_OK;
  o->reached = part->first + to;
  o->ended[cell - o->extent.first_cell] += to - from;
  for (int64_t i = from; i < to; i++)
    o->successes[cell - o->extent.first_cell] += basin_outcomes_succeeds(&e->outcomes,
                                                                         part->outcome[i]) != 0;
  const hsize_t start[2] = {(hsize_t)(cell - o->extent.first_cell),
                            (hsize_t)(part->first + from - o->extent.first_trial)};
  const hsize_t size[2] = {1, (hsize_t)(to - from)};
  basin_netcdf_write(o->file, o->variable[BASIN_VARIABLE_outcome], start, size,
                     part->outcome + from);
  basin_netcdf_write(o->file, o->variable[BASIN_VARIABLE_steps], start, size, part->steps + from);
  if (o->variable[BASIN_VARIABLE_halvings])
    status = write_halvings(o, start, size, part->halvings ? part->halvings + from : NULL, error);
  for (int i = 0; i < e->finals; i++)
    basin_netcdf_write(o->file, o->final[i], start, size, part->final + i * part->count + from);
  for (int p = 0; p < e->passages; p++)
    basin_netcdf_write(o->file, o->passage[p], start, size, part->passage + p * part->count + from);
  if (!status) status = basin_attractors_write(o, cell, part, from, to, error);
  if (recorded > from && o->extent.times > 0 && !status)
    status = write_records(o, cell, part, from, recorded, error);
  return status ? status : basin_netcdf_status(o->file, error);
}
