/* SPDX-License-Identifier: MIT
 *
 * output_write.c: the trials of a part, into the variables of an output file.
 */
#include "store/output_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_VALUES = 1 << 17 }; /* of full vectors at a time: 1 MiB */

/* Full vectors of one recorded trial, a block of its recorded steps at a time: memory stays small however many there
   are. Rows shorter than the variable's end in the fill value, so that a block is one piece of the file. */
static basin_status write_vectors(basin_output *o, int64_t cell, const basin_part *part, int64_t r,
                                  double *room, int64_t block, basin_error *error) {
  const basin_cell *c = &o->experiment->cell[cell];
  const int64_t times = o->extent.times, trial = part->first + r, all = c->setting.size.vectors,
                states = c->setting.size.states;
  const double *state = part->state + r * times * states;
  double *row = room + block * all;
  int64_t end = 0;
  while (end < times && !isnan(state[end * states])) end++; /* there the trial had ended */
  for (int64_t t = 0; t < end; t += block) {
    const int64_t n = end - t < block ? end - t : block;
    if (c->model->vectors(&c->setting, trial, n, state + t * states, 0, room))
      return basin_fail_memory(error);
    const double *at = room;
    for (int i = 0; i < c->model->initials; i++) {
      const int64_t length = basin_vector_size(&c->setting.initial[i]);
      int v = 0;
      while (strcmp(o->vectors.name[v], c->model->initial[i].name) != 0) v++;
      const int64_t width = o->vectors.length[v];
      for (int64_t j = 0; j < n; j++) {
        memcpy(row + j * width, at + j * all, (size_t)length * sizeof *row);
        for (int64_t k = length; k < width; k++) row[j * width + k] = NAN;
      }
      const hsize_t start[4] = {(hsize_t)(cell - o->extent.first_cell),
                                (hsize_t)(trial - o->extent.first_trial), (hsize_t)t, 0};
      const hsize_t size[4] = {1, 1, (hsize_t)n, (hsize_t)width};
      basin_netcdf_write(o->file, o->vector[v], start, size, row);
      at += length;
    }
  }
  return BASIN_OK;
}

/* those of the part's recorded trials from `from` to before `to` */
static basin_status write_all_vectors(basin_output *o, int64_t cell, const basin_part *part,
                                      int64_t from, int64_t to, basin_error *error) {
  const int64_t all = o->experiment->cell[cell].setting.size.vectors;
  int64_t longest = 1;
  for (int v = 0; v < o->vectors.count; v++)
    if (o->vectors.length[v] > longest) longest = o->vectors.length[v];
  int64_t block = BLOCK_VALUES / (all + longest);
  block = block < 1 ? 1 : block > o->extent.times ? o->extent.times : block;
  double *room = malloc((size_t)(block * (all + longest)) * sizeof *room);
  basin_status status = room ? BASIN_OK : basin_fail_memory(error);
  for (int64_t r = from; r < to && !status; r++)
    status = write_vectors(o, cell, part, r, room, block, error);
  free(room);
  return status;
}

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
  return e->keep_vectors ? write_all_vectors(o, cell, part, from, to, error) : BASIN_OK;
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
