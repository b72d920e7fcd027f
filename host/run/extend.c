/* SPDX-License-Identifier: MIT */
#include "run/extend.h"
#include "read/difference.h"
#include "read/identity.h"
#include "read/passages.h"
#include "run/cut.h"
#include "store/results_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the experiment of the file ---- */

/* read again from the file */
static basin_status read_experiment(const basin_earlier *s, basin_experiment **e,
                                    basin_error *error) {
  const basin_results *r = s->results;
  basin_error ignored;
  const int read = !basin_results_parse_text(r, e, &ignored);
  if (read && (*e)->identity == r->identity && (*e)->cells == r->cells && !r->first_trial &&
      (r->missing || *r->count >= (*e)->trials))
    return BASIN_OK;
  return basin_fail(error, BASIN_BAD_INPUT,
                    "%s: holds another experiment, or other trials, than the text in it says: a "
                    "single trial, or made by another build of basin; give another name with -o",
                    s->path);
}

/* ---- cells ---- */

typedef struct known {
  uint64_t identity;
  int64_t cell;
} known;

static int by_identity(const void *a, const void *b) {
  const known *x = a, *y = b;
  if (x->identity != y->identity) return x->identity < y->identity ? -1 : 1;
  return x->cell < y->cell ? -1 : x->cell > y->cell;
}

static basin_status differs(const basin_earlier *s, const basin_experiment *e, basin_error *error) {
  char difference[BASIN_DIFFERENCE_BYTES];
  basin_experiment_difference(e, s->experiment, difference);
  return basin_fail(error, BASIN_BAD_INPUT,
                    "%s: holds another experiment: %s; give another name with -o, or remove it",
                    s->path, *difference ? difference : "the cells are others");
}

/* which of the file's cells is which of the experiment's: all of them must be there */
static basin_status match_cells(basin_earlier *s, const basin_experiment *e, basin_error *error) {
  const basin_experiment *old = s->experiment;
  known *list = calloc((size_t)old->cells + 1, sizeof *list);
  char *used = calloc((size_t)old->cells + 1, 1);
  s->cell = calloc((size_t)e->cells + 1, sizeof *s->cell);
  s->count = calloc((size_t)e->cells + 1, sizeof *s->count);
  basin_status status = list && used && s->cell && s->count ? BASIN_OK : basin_fail_memory(error);
  for (int64_t c = 0; c < old->cells && !status; c++)
    list[c] = (known){basin_identity_trials(old, &old->cell[c]), c};
  if (!status) qsort(list, (size_t)old->cells, sizeof *list, by_identity);
  for (int64_t c = 0; c < e->cells && !status; c++) {
    const uint64_t identity = basin_identity_trials(e, &e->cell[c]);
    int64_t low = 0, high = old->cells;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (list[middle].identity < identity) low = middle + 1;
      else high = middle;
    }
    s->cell[c] = -1;
    for (; low < old->cells && list[low].identity == identity; low++) {
      used[list[low].cell] = 1; /* any of them: they are equal */
      s->cell[c] = list[low].cell;
      s->count[c] = basin_results_reach(s->results, list[low].cell);
    }
  }
  for (int64_t c = 0; c < old->cells && !status; c++)
    if (!used[c]) status = differs(s, e, error);
  free(used);
  free(list);
  return status;
}

/* ---- more of the same, and nothing less ---- */

/* a key that asks for less than the file has */
static basin_status asks_less(const basin_earlier *s, const char *key, double had, double now,
                              basin_error *error) {
  return basin_fail(
      error, BASIN_BAD_INPUT,
      "%s: holds other trials: its %s is %.10g, and %.10g asks for less; give another "
      "name with -o, or remove it",
      s->path, key, had, now);
}

/* the new experiment asks for all trials that the file has */
static basin_status check_trials(const basin_earlier *s, const basin_experiment *e,
                                 basin_error *error) {
  const basin_experiment *old = s->experiment;
  const int64_t most = e->halfwidth > 0 ? e->max_trials : e->trials;
  if (e->trials < old->trials)
    return asks_less(s, "trials", (double)old->trials, (double)e->trials, error);
  if (e->halfwidth > 0 && old->halfwidth > 0 && e->halfwidth > old->halfwidth)
    return asks_less(s, "until.halfwidth", old->halfwidth, e->halfwidth, error);
  for (int64_t c = 0; c < e->cells; c++) {
    const int64_t has = s->cell[c] < 0 ? 0 : s->results->count[s->cell[c]];
    if (has > most)
      return asks_less(s, "number of trials of a cell", (double)has, (double)most, error);
  }
  return BASIN_OK;
}

static int has_all(char *const *name, int names, char *const *in, int count) {
  for (int i = 0; i < names; i++) {
    int there = 0;
    for (int j = 0; j < count; j++) there |= !strcmp(name[i], in[j]);
    if (!there) return 0;
  }
  return 1;
}

static int has_steps(const basin_experiment *e, const basin_experiment *old) {
  int64_t at = 0;
  for (int64_t t = 0; t < old->times; t++) {
    while (at < e->times && e->time[at] < old->time[t]) at++;
    if (at == e->times || e->time[at] != old->time[t]) return 0;
  }
  return 1;
}

/* whether every passage of a cell is kept in another experiment's cell as well */
static int has_passages_of(const basin_experiment *e, const basin_cell *cell,
                           const basin_experiment *old, const basin_cell *before) {
  for (int q = 0; q < old->passages; q++) {
    const struct basin_named_ladder *was = &old->ladder[basin_passage_ladder(old, q)];
    int there = before->passage[q].observable < 0;
    for (int p = 0; p < e->passages && !there; p++) {
      const struct basin_named_ladder *is = &e->ladder[basin_passage_ladder(e, p)];
      there = is->above == was->above && cell->passage[p].level >= before->passage[q].level &&
              cell->passage[p].level <= before->passage[q].level &&
              !strcmp(is->observable, was->observable);
    }
    if (!there) return 0;
  }
  return 1;
}

static int has_passages(const basin_earlier *s, const basin_experiment *e) {
  const basin_experiment *old = s->experiment;
  for (int64_t c = 0; c < e->cells; c++)
    if (s->cell[c] >= 0 && !has_passages_of(e, &e->cell[c], old, &old->cell[s->cell[c]])) return 0;
  return 1;
}

/* and keeps all of them that the file keeps */
static basin_status check_record(const basin_earlier *s, const basin_experiment *e,
                                 basin_error *error) {
  const basin_experiment *old = s->experiment;
  const struct {
    const char *key;
    int kept, trajectories;
  } row[] = {
      {"final", has_all(old->final, old->finals, e->final, e->finals), 0},
      {"passages", has_passages(s, e), 0},
      {"trials", e->recorded >= old->recorded, 1},
      {"steps", has_steps(e, old), 1},
      {"observables", has_all(old->observable, old->observables, e->observable, e->observables), 1},
      {"parameters", e->keep_vectors >= old->keep_vectors, 1},
      {"estimate", !old->inputs || e->inputs == old->inputs, 1}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++)
    if (!row[i].kept && (!row[i].trajectories || (old->recorded && old->times)))
      return basin_fail(error, BASIN_BAD_INPUT,
                        "%s: holds more than the experiment keeps: record.%s is less than in it; "
                        "give another name with -o, or remove it",
                        s->path, row[i].key);
  return BASIN_OK;
}

static basin_status check_version(const basin_earlier *s, basin_error *error) {
  if (!strcmp(s->results->version, BASIN_VERSION)) return BASIN_OK;
  return basin_fail(error, BASIN_BAD_INPUT,
                    "%s: made by basin %.40s, this is basin " BASIN_VERSION
                    ", whose trials may differ in their bits; give another name with -o",
                    s->path, s->results->version);
}

static basin_status check_finals(basin_earlier *s, const basin_experiment *e, basin_error *error) {
  s->extract = basin_extract_look(s->results, e, s->cell);
  if (s->extract.passage_lacked)
    return basin_fail(
        error, BASIN_BAD_INPUT,
        "%s: does not keep passage_%d, which the experiment asks for; ask for passages "
        "that it has (record.passages), or give another name with -o",
        s->path, s->extract.passage_lacked);
  if (!s->extract.lacked) return BASIN_OK;
  return basin_fail(error, BASIN_BAD_INPUT,
                    "%s: does not keep final_%s, which the experiment asks for; ask for final "
                    "observables that it has (record.final), or give another name with -o",
                    s->path, s->extract.lacked);
}

basin_status basin_earlier_open(const char *path, const basin_experiment *e, basin_earlier *s,
                                basin_error *error) {
  *s = (basin_earlier){.path = path};
  basin_status status = basin_results_open(path, &s->results, error);
  if (!status) status = check_version(s, error);
  if (!status && (e->refine.asked || s->results->refined))
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "%s: holds another experiment, or other trials, and where `refine` adds "
                        "points, they follow "
                        "from the number of trials: give another name with -o",
                        path);
  if (!status) status = read_experiment(s, &s->experiment, error);
  if (!status) status = match_cells(s, e, error);
  if (!status) status = check_trials(s, e, error);
  if (!status) status = check_record(s, e, error);
  if (!status) status = check_finals(s, e, error);
  if (status) basin_earlier_close(s);
  return status;
}

void basin_earlier_close(basin_earlier *s) {
  basin_results_close(s->results);
  basin_experiment_free(s->experiment);
  free(s->cell);
  free(s->count);
  *s = (basin_earlier){0};
}

/* ---- its trials as parts ---- */

static basin_status take_range(const basin_earlier *s, const basin_store *store, int64_t cell,
                               int64_t first, int64_t count, basin_error *error) {
  const basin_experiment *e = store->experiment;
  const basin_job job = basin_part_job(e, cell, first, count);
  basin_part part;
  basin_status status = basin_part_allocate(&job, &part, error);
  if (status) return status;
  status = basin_extract_part(s->results, s->cell[cell], e, &job, &part, error);
  if (!status) status = basin_part_write(store->folder, e->identity, cell, &job, &part, error);
  basin_part_free(&part);
  return status;
}

/* whether the trial is in the file, with all that is to be kept of it */
static int is_there(const basin_earlier *s, const basin_experiment *e, int64_t trial, int outcome) {
  return outcome >= 0 && (trial >= e->recorded || trial < s->extract.recorded);
}

/* the trials of a part that can be taken, in runs without a gap; *again: those that must be run again */
static basin_status take_runs(const basin_earlier *s, const basin_store *store,
                              const basin_range *range, int64_t *again, basin_error *error) {
  int8_t *outcome = malloc((size_t)range->count);
  if (!outcome) return basin_fail_memory(error);
  basin_status status = basin_extract_outcomes(s->results, s->cell[range->cell], range->first,
                                               range->count, outcome, error);
  if (!status && store->experiment->cell[range->cell].discover)
    status = basin_extract_beyond(s->results, s->cell[range->cell], range->first, range->count,
                                  outcome, error);
  for (int64_t at = 0, end; at < range->count && !status; at = end) {
    for (end = at;
         end < range->count && is_there(s, store->experiment, range->first + end, outcome[end]);)
      end++;
    if (end > at) status = take_range(s, store, range->cell, range->first + at, end - at, error);
    else *again += outcome[end] >= 0 || outcome[end] == BASIN_BEYOND, end++;
  }
  free(outcome);
  return status;
}

basin_status basin_earlier_take(const basin_earlier *s, basin_store *store,
                                const basin_run_options *options, basin_error *error) {
  basin_range *range = NULL;
  int64_t ranges = 0, variables, again = 0;
  char text[BASIN_PATH_BYTES + 160];
  basin_status status = basin_results_verify(s->results, &variables, error);
  if (!status)
    status = basin_cut_missing(store->experiment, s->count, store->part_trials, store->parts.range,
                               store->parts.count, &range, &ranges, error);
  basin_range_sort(range, ranges);
  for (int64_t i = 0; i < ranges && !status; i++)
    status = options->stop && *options->stop ? basin_fail(error, BASIN_INTERRUPTED, "interrupted")
                                             : take_runs(s, store, &range[i], &again, error);
  free(range);
  if (again && !status && options->warn) {
    snprintf(text, sizeof text,
             "%s: %lld trials are run again: it does not have all that is to be kept of "
             "them",
             s->path, (long long)again);
    options->warn(text);
  }
  if (status || !ranges) return status;
  return basin_store_list(store, 0, error);
}

int64_t basin_earlier_trials(const basin_earlier *s) {
  int64_t trials = 0;
  for (int64_t c = 0; c < s->results->cells; c++) trials += s->results->count[c];
  return trials;
}

int64_t basin_earlier_left_out(const basin_earlier *s, const basin_store *store) {
  int64_t out = 0;
  for (int64_t c = 0; c < store->experiment->cells; c++) {
    const int64_t has = s->cell[c] < 0 ? 0 : s->results->count[s->cell[c]];
    if (has > store->target[c]) out += has - store->target[c];
  }
  return out;
}
