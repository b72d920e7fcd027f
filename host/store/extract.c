/* SPDX-License-Identifier: MIT */
#include "store/extract.h"
#include "read/passages.h"
#include "seam/clock.h"
#include "store/groups.h"
#include "store/results_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what there is ---- */

static int has(const basin_results *r, const char *pattern, const char *name) {
  char full[BASIN_NAMES_MAX];
  snprintf(full, sizeof full, pattern, name);
  return H5Lexists(r->file, full, H5P_DEFAULT) > 0;
}

/* whether the file has the trajectories that the experiment keeps: nothing at all, or the same at the same steps */
static int has_trajectories(const basin_results *r, const basin_experiment *e) {
  if (!e->times || (!e->observables && !basin_keeps_states(e))) return 1;
  if (basin_keeps_states(e) || r->times != e->times ||
      memcmp(r->time, e->time, (size_t)e->times * sizeof *e->time) != 0)
    return 0;
  for (int i = 0; i < e->observables; i++) {
    int known = 0;
    for (int j = 0; j < r->observables; j++) known |= !strcmp(r->observable[j], e->observable[i]);
    if (!known) return 0;
  }
  return 1;
}

/* number[passages]: which of the file's, from 1, each passage of the cell is; 0: none */
static void find_passages(const basin_results *r, int64_t from, const basin_experiment *e,
                          const basin_cell *cell, int *number) {
  double level[BASIN_PASSAGES_MAX];
  const int known = r->passages && basin_results_levels(r, from, level);
  for (int p = 0; p < e->passages; p++) {
    const struct basin_named_ladder *ladder = &e->ladder[basin_passage_ladder(e, p)];
    number[p] = 0;
    for (int q = 0; q < r->passages && known && !number[p]; q++)
      if (r->passage[q].above == ladder->above && level[q] >= cell->passage[p].level &&
          level[q] <= cell->passage[p].level &&
          !strcmp(r->passage[q].observable, ladder->observable))
        number[p] = q + 1;
  }
}

basin_extract basin_extract_look(const basin_results *r, const basin_experiment *e,
                                 const int64_t *cell) {
  const int none = !e->times || !e->observables;
  basin_extract x = {.recorded = !has_trajectories(r, e) ? 0 : none ? e->recorded : r->recorded};
  for (int i = 0; i < e->finals && !x.lacked; i++) {
    if (has(r, "final_%s", e->final[i])) continue;
    for (int64_t c = 0; c < e->cells && !x.lacked; c++)
      if (cell[c] >= 0 && e->cell[c].index[i] >= 0) x.lacked = e->final[i];
  }
  for (int64_t c = 0; c < e->cells && e->passages && !x.passage_lacked; c++) {
    int number[BASIN_PASSAGES_MAX];
    if (cell[c] < 0) continue;
    find_passages(r, cell[c], e, &e->cell[c], number);
    for (int p = 0; p < e->passages && !x.passage_lacked; p++)
      if (e->cell[c].passage[p].observable >= 0 && !number[p]) x.passage_lacked = p + 1;
  }
  return x;
}

/* ---- reading ---- */

basin_status basin_extract_outcomes(basin_results *r, int64_t cell, int64_t first, int64_t count,
                                    int8_t *outcome, basin_error *error) {
  double *value = malloc((size_t)count * sizeof *value);
  if (!value) return basin_fail_memory(error);
  basin_status status = basin_results_read(r, "outcome", cell, first, count, value, error);
  for (int64_t t = 0; t < count && !status; t++) {
    if (!(value[t] >= -1 && value[t] < r->outcomes.count))
      status = basin_fail(error, BASIN_BAD_INPUT, "%s: outcome of cell %lld, trial %lld is damaged",
                          r->path, (long long)cell, (long long)(first + t));
    else outcome[t] = (int8_t)value[t];
  }
  free(value);
  return status;
}

/* The numbers of the attractors where trials first .. first + count - 1 rest, as the file has them. */
static basin_status read_attractors(basin_results *r, int64_t cell, int64_t first, int64_t count,
                                    double *number, basin_error *error) {
  const int attractors = basin_results_attractors(r);
  const basin_status status = basin_results_read(r, "attractor", cell, first, count, number, error);
  for (int64_t t = 0; t < count && !status; t++)
    if (!(number[t] >= BASIN_OTHER_GROUP && number[t] < attractors))
      return basin_fail(error, BASIN_BAD_INPUT, "%s: attractor of cell %lld, trial %lld is damaged",
                        r->path, (long long)cell, (long long)(first + t));
  return status;
}

basin_status basin_extract_beyond(basin_results *r, int64_t cell, int64_t first, int64_t count,
                                  int8_t *outcome, basin_error *error) {
  double *number = malloc((size_t)count * sizeof *number);
  if (!number) return basin_fail_memory(error);
  const basin_status status = read_attractors(r, cell, first, count, number, error);
  for (int64_t t = 0; t < count && !status; t++)
    if (number[t] < -1) outcome[t] = BASIN_BEYOND;
  free(number);
  return status;
}

/* so many numbers of each trial, from those of its attractor */
static basin_status put_numbers(basin_results *r, int64_t cell, const char *name,
                                const double *number, int64_t count, int64_t length, double *to,
                                basin_error *error) {
  basin_array array;
  const int64_t attractors = basin_results_attractors(r);
  basin_status status = basin_results_array_find(r, name, &array, error);
  if (status) return status;
  const int64_t wide = array.rank > 1 ? array.size[1] : 1;
  if (array.rank > 2 || array.size[0] != attractors || wide < length)
    return basin_results_unreadable(r, error);
  double *value = malloc((size_t)(attractors * wide) * sizeof *value);
  if (!value) return basin_fail_memory(error);
  status = basin_results_read(r, name, cell, 0, attractors, value, error);
  for (int64_t i = 0; i < length && !status; i++, to += count)
    for (int64_t t = 0; t < count; t++)
      if (number[t] >= 0) to[t] = value[(int64_t)number[t] * wide + i];
  free(value);
  return status;
}

/* The file has a point for each attractor, that of its first trial: the others of its trials get that one too. So the
   same groups are found again, in the same order. */
static basin_status take_points(basin_results *r, int64_t cell, const basin_experiment *e,
                                const basin_job *job, basin_part *part, double *number,
                                basin_error *error) {
  const basin_discover *d = job->discover;
  const int64_t n = job->count;
  double *to = part->point;
  char name[BASIN_NAMES_MAX];
  basin_status status = read_attractors(r, cell, job->first, n, number, error);
  for (int b = 0; b < d->count && !status; b++) {
    const int64_t length = basin_by_length(&e->cell[job->cell], b);
    snprintf(name, sizeof name, "attractor_at_%s", d->by[b].name);
    status = put_numbers(r, cell, name, number, n, length, to, error);
    to += length * n;
  }
  if (!status && d->loss >= e->finals) /* else the file has it of every trial */
    status = put_numbers(r, cell, "attractor_loss", number, n, 1, part->final + d->loss * n, error);
  return status;
}

basin_status basin_extract_part(basin_results *r, int64_t cell, const basin_experiment *e,
                                const basin_job *job, basin_part *part, basin_error *error) {
  const int64_t n = job->count, trajectory = part->recorded * job->times;
  char name[BASIN_NAMES_MAX];
  int number[BASIN_PASSAGES_MAX];
  double *value = malloc((size_t)n * sizeof *value);
  if (!value) return basin_fail_memory(error);
  basin_status status = basin_extract_outcomes(r, cell, job->first, n, part->outcome, error);
  if (!status) status = basin_results_read(r, "steps", cell, job->first, n, value, error);
  for (int64_t t = 0; t < n && !status; t++) part->steps[t] = (int64_t)value[t];
  if (part->halvings && !status)
    status = basin_results_read(r, "halvings", cell, job->first, n, value, error);
  for (int64_t t = 0; t < n && part->halvings && !status; t++) part->halvings[t] = (int8_t)value[t];
  for (int i = 0; i < e->finals && !status;
       i++) { /* the others have had their say, and are not kept */
    double *final = part->final + i * n;
    snprintf(name, sizeof name, "final_%s", e->final[i]);
    if (job->final[i] >= 0) status = basin_results_read(r, name, cell, job->first, n, final, error);
    else /* the cell has no such observable, and the file may not either */
      for (int64_t t = 0; t < n; t++) final[t] = canonical(NAN);
  }
  if (job->discover && !status) status = take_points(r, cell, e, job, part, value, error);
  if (job->passages && !status) find_passages(r, cell, e, &e->cell[job->cell], number);
  for (int p = 0; p < job->passages && !status; p++) {
    if (!number[p]) continue; /* the cell has no such passage */
    snprintf(name, sizeof name, "passage_%d", number[p]);
    status = basin_results_read(r, name, cell, job->first, n, value, error);
    for (int64_t t = 0; t < n && !status; t++) part->passage[p * n + t] = (int64_t)value[t];
  }
  for (int i = 0; i < job->observables && trajectory && !status; i++)
    status = basin_results_read(r, e->observable[i], cell, job->first, part->recorded,
                                part->record + i * trajectory, error);
  free(value);
  return status;
}

int basin_extract_has(const char *path, const basin_parts *parts) {
  basin_results *r;
  basin_error ignored;
  int all = 1;
  if (basin_results_open(path, &r, &ignored)) return 0;
  for (int64_t i = 0; i < parts->count && all; i++) {
    const basin_range *range = &parts->range[i];
    all = range->cell < r->cells &&
          range->first + range->count <= basin_results_reach(r, range->cell);
  }
  basin_results_close(r);
  return all;
}
