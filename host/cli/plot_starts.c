/* SPDX-License-Identifier: MIT */
#include "cli/plot_starts.h"
#include "base/text.h"
#include "run/choose.h"
#include "store/part.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 128 };

int basin_coordinate_read(const char *text, basin_coordinate *c) {
  const size_t length = strcspn(text, "[");
  char *end;
  if (!length || length >= sizeof c->name) return 0;
  memcpy(c->name, text, length);
  c->name[length] = 0;
  c->entry = -1;
  if (!text[length]) return 1;
  if (text[length + 1] < '0' || text[length + 1] > '9') return 0;
  c->entry = strtoll(text + length + 1, &end, 10);
  return !strcmp(end, "]");
}

/* ---- recorded ---- */

static void array_name(const basin_coordinate *c, char name[96]) {
  snprintf(name, 96, "%s%s", c->entry < 0 ? "" : "vector_", c->name);
}

/* whether the file has the coordinate of the first `count` trials of its cells, at step 0 */
static int is_recorded(const basin_starts *s, const basin_coordinate *c, int64_t count) {
  basin_array array;
  basin_error unread;
  char name[96];
  array_name(c, name);
  return basin_results_recorded(s->results) >= count && basin_results_times(s->results) > 0 &&
         basin_results_time(s->results)[0] == 0 &&
         !basin_results_array_find(s->results, name, &array, &unread) &&
         array.rank == (c->entry < 0 ? 2 : 3) && (c->entry < 0 || c->entry < array.size[2]);
}

static basin_status read_recorded(const basin_starts *s, const basin_coordinate *c, int64_t cell,
                                  int64_t count, double *value, basin_error *error) {
  basin_array array;
  char name[96];
  array_name(c, name);
  basin_status status = basin_results_array_find(s->results, name, &array, error);
  if (status) return status;
  const int64_t entries = c->entry < 0 ? 1 : array.size[2];
  double *trial = malloc((size_t)(array.size[1] * entries) * sizeof *trial);
  if (!trial) return basin_fail_memory(error);
  for (int64_t i = 0; i < count && !status; i++) {
    status = basin_results_read(s->results, name, cell, i, 1, trial, error);
    value[i] = trial[c->entry < 0 ? 0 : c->entry];
  }
  free(trial);
  return status;
}

/* ---- drawn again ---- */

/* where the entry stands among the full vectors; -1: there is none */
static int64_t entry_of(const basin_cell *cell, const basin_coordinate *c) {
  int64_t at = 0;
  for (int i = 0; i < cell->model->initials; i++) {
    const int64_t size = basin_vector_size(&cell->setting.initial[i]);
    if (!strcmp(cell->model->initial[i].name, c->name)) return c->entry < size ? at + c->entry : -1;
    at += size;
  }
  return -1;
}

/* whether a name alone is that of a vector of one entry, and of no observable: then it is that entry */
static int is_alone(const basin_cell *cell, basin_coordinate *c) {
  const int vector = basin_symbol_find(cell->model->initial, cell->model->initials, c->name);
  const int alone = c->entry < 0 && vector >= 0 && basin_observable_find(cell, c->name) < 0 &&
                    basin_vector_size(&cell->setting.initial[vector]) == 1;
  if (alone) c->entry = 0;
  return alone;
}

static basin_status check_coordinate(const basin_cell *cell, basin_coordinate *c,
                                     basin_error *error) {
  const basin_model *m = cell->model;
  const char *name[NAMES_MAX];
  char vectors[256] = "", observables[512] = "";
  int names = 0;
  if (is_alone(cell, c) ||
      (c->entry < 0 ? basin_observable_find(cell, c->name) >= 0 : entry_of(cell, c) >= 0))
    return BASIN_OK;
  for (int i = 0; i < m->initials; i++) {
    const size_t used = strlen(vectors);
    const long long last = (long long)basin_vector_size(&cell->setting.initial[i]) - 1;
    snprintf(vectors + used, sizeof vectors - used, "%s%s[0] to [%lld]", i ? ", " : "",
             m->initial[i].name, last);
  }
  for (int i = 0; i < m->observables && names < NAMES_MAX; i++) {
    const size_t used = strlen(observables);
    name[names++] = m->observable[i].name;
    snprintf(observables + used, sizeof observables - used, "%s%s", i ? ", " : "",
             m->observable[i].name);
  }
  const char *near = c->entry < 0 ? basin_nearest(c->name, name, names) : NULL;
  return basin_fail(error, BASIN_BAD_INPUT,
                    c->entry < 0
                        ? "--map: no observable `%s`%s%s%s; there are: %s; and the vectors' "
                          "entries %s"
                        : "--map: no entry of that number, or no vector, `%s`%s%s%s; the "
                          "observables are: %s; the vectors' entries %s",
                    c->name, near ? ", did you mean `" : "", near ? near : "", near ? "`?" : "",
                    observables, vectors);
}

static basin_status open_experiment(basin_starts *s, basin_error *error) {
  const basin_run_options options = {.backend = "cpu", .threads = 1};
  if (s->experiment) return BASIN_OK;
  basin_status status = basin_results_read_experiment(s->results, &s->experiment, error);
  if (!status) status = basin_choose(s->experiment, &options, &s->backend, error);
  return status;
}

/* entry number `at` of the full vectors of every start */
static basin_status read_entries(const basin_job *job, const basin_part *part, int64_t at,
                                 double *value, basin_error *error) {
  const basin_size *size = &job->setting->size;
  double *vectors = malloc((size_t)size->vectors * sizeof *vectors);
  int bad = !vectors;
  for (int64_t i = 0; i < job->count && !bad; i++) {
    bad = job->model->vectors(job->setting, i, 1, part->state + i * size->states, 0, vectors) != 0;
    value[i] = vectors[at];
  }
  free(vectors);
  return bad ? basin_fail_memory(error) : BASIN_OK;
}

/* Trials that may take one step: each is recorded as it starts. */
static basin_status start_again(basin_starts *s, int64_t cell, int64_t count, double *value,
                                basin_error *error) {
  static const int64_t start = 0;
  basin_setting setting = s->experiment->cell[cell].setting;
  basin_job job = basin_part_job(s->experiment, cell, 0, count);
  basin_watch watch = {0};
  basin_part part;
  int *index = calloc((size_t)s->coordinates, sizeof *index);
  if (!index) return basin_fail_memory(error);
  for (int i = 0; i < s->coordinates; i++)
    index[i] = s->coordinate[i].entry < 0
                   ? basin_observable_find(&s->experiment->cell[cell], s->coordinate[i].name)
                   : -1;
  setting.stop.max_steps = 1;
  job.setting = &setting;
  job.recorded = count;
  job.times = 1;
  job.time = &start;
  job.finals = job.passages = 0;
  job.observables = s->coordinates;
  job.observable = index;
  job.keep_states = 1;
  job.inputs = job.estimates = 0;
  basin_status status = basin_part_allocate(&job, &part, error);
  if (!status && s->backend.run(s->backend.self, 0, &job, &part, &watch, error) != BASIN_WORKER_OK)
    status = basin_fail(error, BASIN_FAILED, "the starts of cell %lld cannot be drawn again",
                        (long long)cell);
  for (int i = 0; i < s->coordinates && !status; i++) {
    const basin_coordinate *c = &s->coordinate[i];
    if (c->entry < 0)
      memcpy(value + i * count, part.record + i * count, (size_t)count * sizeof *value);
    else
      status = read_entries(&job, &part, entry_of(&s->experiment->cell[cell], c), value + i * count,
                            error);
  }
  basin_part_free(&part);
  free(index);
  return status;
}

basin_status basin_starts_read(basin_starts *s, int64_t cell, int64_t count, double *value,
                               basin_error *error) {
  basin_status status = BASIN_OK;
  int recorded = 1;
  for (int i = 0; i < s->coordinates; i++) recorded &= is_recorded(s, &s->coordinate[i], count);
  for (int i = 0; i < s->coordinates && recorded && !status; i++)
    status = read_recorded(s, &s->coordinate[i], cell, count, value + i * count, error);
  if (recorded) return status;
  status = open_experiment(s, error);
  for (int i = 0; i < s->coordinates && !status; i++)
    status = check_coordinate(&s->experiment->cell[cell], &s->coordinate[i], error);
  return status ? status : start_again(s, cell, count, value, error);
}

void basin_starts_close(basin_starts *s) {
  if (s->backend.close) s->backend.close(s->backend.self);
  basin_experiment_free(s->experiment);
}
