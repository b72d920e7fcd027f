/* SPDX-License-Identifier: MIT
 *
 * summary.c: counting what is in an output file. Memory does not grow with the number of trials.
 */
#include "store/results_file.h"
#include "base/statistics.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  BLOCK_TRIALS = 65536,
  DIGIT_BITS = 12,
  ALL = BASIN_OUTCOMES_MAX, /* a kind of trials: those of an outcome, or all of them */
  KINDS,
  RANKS = 4
};

/* up to BLOCK_TRIALS of the cell's trials, from `at` on: how many, 0 on failure */
static hsize_t read_block(const basin_results *r, hid_t id, hid_t type, int64_t cell, int64_t at,
                          void *block) {
  const int64_t left = basin_results_reach(r, cell) - at;
  const hsize_t start[2] = {(hsize_t)cell, (hsize_t)at};
  const hsize_t count[2] = {1, (hsize_t)(left < BLOCK_TRIALS ? left : BLOCK_TRIALS)};
  return basin_hdf5_read(id, type, 2, start, count, block) ? count[1] : 0;
}

static int count_outcomes(const basin_results *r, hid_t outcome, int64_t cell, basin_summary *s) {
  int8_t *block = malloc(BLOCK_TRIALS);
  int64_t counted = 0;
  int ok = block != NULL;
  for (int64_t at = 0, end = basin_results_reach(r, cell); at < end && ok; at += BLOCK_TRIALS) {
    const hsize_t n = read_block(r, outcome, H5T_NATIVE_INT8, cell, at, block);
    ok = n > 0;
    for (hsize_t i = 0; i < n && ok; i++) {
      if (block[i] == -1 && r->missing) continue;
      ok = block[i] >= 0 && block[i] < r->outcomes.count;
      if (ok) s->outcomes[block[i]]++, counted++;
    }
  }
  free(block);
  return ok && counted == r->count[cell];
}

/* ---- steps ---- */

#define NONE \
  { NAN, NAN, NAN, NAN, -1 }
#define NONE_OF_4 NONE, NONE, NONE, NONE
const basin_steps basin_no_steps[BASIN_OUTCOMES_MAX] = {NONE_OF_4, NONE_OF_4, NONE_OF_4, NONE_OF_4};
_Static_assert(BASIN_OUTCOMES_MAX == 16, "steps of no trials for every outcome");

/* Trials of a kind whose steps begin with the digits `prefix`, counted by the next digit. */
typedef struct branch {
  int64_t prefix, *count; /* [1 << DIGIT_BITS] */
} branch;

/* Steps of the trials of a kind: how many trials, and what is looked for: the rank[i]-th smallest number, ranks from 0
   and ascending, of which the digits prefix[i] are known. */
typedef struct kind {
  int64_t trials, max;
  double sum;
  int64_t rank[RANKS], prefix[RANKS];
  branch branch[RANKS];
  int branches;
} kind;

/* What is read again and again. */
typedef struct reading {
  const basin_results *results;
  int64_t cell;
  hid_t outcome, steps;
  int passages;          /* whether `steps` are passages, which some trials have not had: -1 */
  int8_t *outcome_block; /* [BLOCK_TRIALS] */
  int64_t *steps_block;  /* [BLOCK_TRIALS] */
  int64_t *count;        /* [KINDS][RANKS][1 << DIGIT_BITS] */
  kind kind[KINDS];
} reading;

static void add_steps(kind *k, int64_t steps) {
  k->trials++;
  k->sum += (double)steps;
  if (steps > k->max) k->max = steps;
}

static void add_digit(kind *k, int64_t steps, int shift) {
  for (int b = 0; b < k->branches; b++)
    if (steps >> (shift + DIGIT_BITS) == k->branch[b].prefix)
      k->branch[b].count[steps >> shift & ((1 << DIGIT_BITS) - 1)]++;
}

/* all trials of the cell: their numbers of steps, or of these the digit at `shift` (-1: none) */
static int read_steps(reading *x, int shift) {
  const basin_results *r = x->results;
  int ok = 1;
  for (int64_t at = 0, end = basin_results_reach(r, x->cell); at < end && ok; at += BLOCK_TRIALS) {
    const hsize_t n = read_block(r, x->outcome, H5T_NATIVE_INT8, x->cell, at, x->outcome_block);
    ok = n && read_block(r, x->steps, H5T_NATIVE_INT64, x->cell, at, x->steps_block) == n;
    for (hsize_t i = 0; i < n && ok; i++) {
      const int8_t outcome = x->outcome_block[i];
      const int64_t steps = x->steps_block[i];
      if (outcome == -1 && r->missing) continue;
      if (steps == -1 && x->passages) continue;
      ok = outcome >= 0 && outcome < r->outcomes.count && steps >= 0 && steps <= BASIN_STEPS_MAX;
      if (!ok) break;
      if (shift < 0) add_steps(&x->kind[outcome], steps), add_steps(&x->kind[ALL], steps);
      else add_digit(&x->kind[outcome], steps, shift), add_digit(&x->kind[ALL], steps, shift);
    }
  }
  return ok;
}

/* which numbers of a kind are looked for: the ends of the median's interval, and between them the middle two */
static void set_ranks(kind *k) {
  const int64_t n = k->trials, least = basin_median_rank(n), low = least < 0 ? (n - 1) / 2 : least;
  const int64_t rank[RANKS] = {low, (n - 1) / 2, n / 2, n - 1 - low};
  memcpy(k->rank, rank, sizeof rank);
}

/* equal prefixes, which stand side by side, have one branch; the number of branches so far, `used`, grows */
static void set_branches(reading *x, kind *k, int64_t *used) {
  k->branches = 0;
  for (int i = 0; i < RANKS && k->trials; i++) {
    if (i && k->prefix[i] == k->prefix[i - 1]) continue;
    branch *b = &k->branch[k->branches++];
    b->prefix = k->prefix[i];
    b->count = x->count + ((*used)++ << DIGIT_BITS);
    memset(b->count, 0, sizeof *b->count << DIGIT_BITS);
  }
}

static void choose_digits(kind *k) {
  for (int i = 0, b = 0; i < RANKS && k->trials; i++) {
    int64_t digit = 0;
    while (k->branch[b].prefix != k->prefix[i]) b++;
    while (digit < (1 << DIGIT_BITS) - 1 && k->rank[i] >= k->branch[b].count[digit])
      k->rank[i] -= k->branch[b].count[digit++];
    k->prefix[i] = k->prefix[i] << DIGIT_BITS | digit;
  }
}

/* Radix selection of all numbers looked for at once: a pass over the file for every digit that the largest has. */
static int select_steps(reading *x) {
  int shift = 0, ok = 1;
  for (int k = 0; k < KINDS; k++) set_ranks(&x->kind[k]);
  while (x->kind[ALL].max >> (shift + DIGIT_BITS)) shift += DIGIT_BITS;
  for (; shift >= 0 && ok; shift -= DIGIT_BITS) {
    int64_t used = 0;
    for (int k = 0; k < KINDS; k++) set_branches(x, &x->kind[k], &used);
    ok = read_steps(x, shift);
    for (int k = 0; k < KINDS && ok; k++) choose_digits(&x->kind[k]);
  }
  return ok;
}

static basin_steps steps_of(const kind *k) {
  basin_steps s = BASIN_NO_STEPS;
  if (!k->trials) return s;
  s.median = ((double)k->prefix[1] + (double)k->prefix[2]) / 2;
  s.mean = k->sum / (double)k->trials;
  s.max = k->max;
  if (basin_median_rank(k->trials) < 0) return s;
  s.low = (double)k->prefix[0];
  s.high = (double)k->prefix[3];
  return s;
}

static void close_reading(reading *x) {
  if (!x) return;
  free(x->outcome_block);
  free(x->steps_block);
  free(x->count);
  free(x);
}

/* the steps, or passages, of a cell counted by kind; NULL on failure */
static reading *count_kinds(const basin_results *r, hid_t outcome, hid_t steps, int passages,
                            int64_t cell) {
  reading *x = calloc(1, sizeof *x);
  if (!x) return NULL;
  *x = (reading){.results = r,
                 .cell = cell,
                 .outcome = outcome,
                 .steps = steps,
                 .passages = passages,
                 .outcome_block = malloc(BLOCK_TRIALS),
                 .steps_block = malloc(BLOCK_TRIALS * sizeof *x->steps_block),
                 .count = malloc(KINDS * RANKS * sizeof *x->count << DIGIT_BITS)};
  if (x->outcome_block && x->steps_block && x->count && read_steps(x, -1) && select_steps(x))
    return x;
  close_reading(x);
  return NULL;
}

/* room for the steps of a cell by outcome, which stays as long as the results are open; NULL without memory */
static basin_steps *steps_room(basin_results *r, int64_t cell) {
  if (!r->steps) r->steps = calloc((size_t)r->cells, sizeof *r->steps);
  if (r->steps && !r->steps[cell]) r->steps[cell] = calloc(BASIN_OUTCOMES_MAX, sizeof **r->steps);
  return r->steps ? r->steps[cell] : NULL;
}

static int count_steps(basin_results *r, hid_t outcome, hid_t steps, int64_t cell,
                       basin_summary *s) {
  basin_steps *room = steps_room(r, cell);
  reading *x = room ? count_kinds(r, outcome, steps, 0, cell) : NULL;
  for (int o = 0; o < BASIN_OUTCOMES_MAX && x; o++) room[o] = steps_of(&x->kind[o]);
  if (x) s->steps = room;
  if (x && x->kind[ALL].trials) {
    const basin_steps all = steps_of(&x->kind[ALL]);
    s->steps_median = all.median;
    s->steps_mean = all.mean;
    s->steps_max = all.max;
  }
  const int ok = x != NULL;
  close_reading(x);
  return ok;
}

/* the trials that have begun again with half the step sizes; the variable is there where any cell asks for it */
static int count_halved(const basin_results *r, int64_t cell, basin_summary *s) {
  int64_t size[2] = {r->cells, r->trials};
  s->halved = -1;
  if (H5Lexists(r->file, "halvings", H5P_DEFAULT) <= 0) return 1;
  const hid_t id = basin_results_variable(r, "halvings", 2, size, H5T_INTEGER);
  int8_t *block = malloc(BLOCK_TRIALS);
  int ok = block && id >= 0 && basin_results_intact(r, "halvings", cell);
  s->halved = 0;
  for (int64_t at = 0, end = basin_results_reach(r, cell); at < end && ok; at += BLOCK_TRIALS) {
    const hsize_t n = read_block(r, id, H5T_NATIVE_INT8, cell, at, block);
    ok = n > 0;
    for (hsize_t i = 0; i < n; i++) s->halved += block[i] > 0;
  }
  if (id >= 0) H5Dclose(id);
  free(block);
  return ok;
}

basin_status basin_results_outcomes(basin_results *r, int64_t cell, basin_summary *s,
                                    basin_error *error) {
  int64_t size[2] = {r->cells, r->trials};
  if (cell < 0 || cell >= r->cells)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: no cell %lld, expected 0 to %lld", r->path,
                      (long long)cell, (long long)r->cells - 1);
  *s = (basin_summary){.index = cell,
                       .variant = r->variant ? r->variant[cell] : "",
                       .parameters = r->parameters,
                       .parameter_name = (const char *const *)r->parameter_name,
                       .parameter = r->parameter + cell * r->parameters,
                       .trials = r->count[cell],
                       .steps_median = NAN,
                       .steps_mean = NAN,
                       .steps_to = !r->early        ? BASIN_STEPS_UNKNOWN
                                   : r->early[cell] ? BASIN_STEPS_PROVED
                                                    : BASIN_STEPS_REACHED};
  s->steps = basin_no_steps;
  H5Eclear2(H5E_DEFAULT);
  const hid_t outcome = basin_results_variable(r, "outcome", 2, size, H5T_INTEGER);
  const int ok = outcome >= 0 && basin_results_intact(r, "outcome", cell) &&
                 count_outcomes(r, outcome, cell, s) && count_halved(r, cell, s);
  if (outcome >= 0) H5Dclose(outcome);
  s->success = basin_wilson(basin_outcomes_successes(&r->outcomes, s->outcomes), s->trials);
  return ok ? BASIN_OK : basin_results_unreadable(r, error);
}

basin_status basin_results_summary(basin_results *r, int64_t cell, basin_summary *s,
                                   basin_error *error) {
  int64_t size[2] = {r->cells, r->trials};
  const basin_status status = basin_results_outcomes(r, cell, s, error);
  if (status) return status;
  const hid_t steps = basin_results_variable(r, "steps", 2, size, H5T_INTEGER),
              outcome = basin_results_variable(r, "outcome", 2, size, H5T_INTEGER);
  const int ok = steps >= 0 && outcome >= 0 && basin_results_intact(r, "steps", cell) &&
                 count_steps(r, outcome, steps, cell, s);
  if (steps >= 0) H5Dclose(steps);
  if (outcome >= 0) H5Dclose(outcome);
  return ok ? BASIN_OK : basin_results_unreadable(r, error);
}

/* ---- passages ---- */

/* what it is of; 0 where that cannot be read */
static int describe_passage(const basin_results *r, int64_t cell, int number, basin_passages *p) {
  double level[BASIN_PASSAGES_MAX];
  if (!basin_results_levels(r, cell, level)) return 0;
  strcpy(p->observable, r->passage[number - 1].observable);
  p->above = r->passage[number - 1].above;
  p->level = level[number - 1];
  return 1;
}

static int count_passages(const basin_results *r, hid_t outcome, hid_t id, int64_t cell,
                          basin_passages *p) {
  basin_summary all = {0};
  if (!count_outcomes(r, outcome, cell, &all)) return 0;
  reading *x = count_kinds(r, outcome, id, 1, cell);
  if (!x) return 0;
  p->trials = r->count[cell];
  p->passed = x->kind[ALL].trials;
  p->open = all.outcomes[BASIN_UNRESOLVED] - x->kind[BASIN_UNRESOLVED].trials;
  p->steps = steps_of(&x->kind[ALL]);
  close_reading(x);
  return 1;
}

basin_status basin_results_passage(basin_results *r, int64_t cell, int number, basin_passages *p,
                                   basin_error *error) {
  int64_t size[2] = {r->cells, r->trials};
  char name[32];
  *p = (basin_passages){.level = NAN, .steps = BASIN_NO_STEPS};
  if (cell < 0 || cell >= r->cells || number < 1 || number > r->passages)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: no passage %d of cell %lld, expected 1 to %d of 0 to %lld", r->path,
                      number, (long long)cell, r->passages, (long long)r->cells - 1);
  snprintf(name, sizeof name, "passage_%d", number);
  H5Eclear2(H5E_DEFAULT);
  const hid_t id = basin_results_variable(r, name, 2, size, H5T_INTEGER),
              outcome = basin_results_variable(r, "outcome", 2, size, H5T_INTEGER);
  const int ok = id >= 0 && outcome >= 0 && basin_results_intact(r, name, cell) &&
                 basin_results_intact(r, "outcome", cell) && describe_passage(r, cell, number, p) &&
                 count_passages(r, outcome, id, cell, p);
  if (id >= 0) H5Dclose(id);
  if (outcome >= 0) H5Dclose(outcome);
  return ok ? BASIN_OK : basin_results_unreadable(r, error);
}

basin_status basin_results_draw_group(const basin_results *r, int64_t cell, int64_t **group,
                                      int64_t *count, basin_error *error) {
  *count = 0;
  *group = calloc((size_t)r->cells, sizeof **group);
  if (!*group) return basin_fail_memory(error);
  for (int64_t c = 0; c < r->cells; c++)
    if (r->draw[c] == r->draw[cell]) (*group)[(*count)++] = c;
  return BASIN_OK;
}

/* Of the draws that all of the cells ran, count[seen]: bit 0 where one of the cells succeeds, or, `apart`, bit i
   where cell[i] of two does. */
static basin_status count_draws(basin_results *r, const int64_t *cell, int64_t cells, int apart,
                                int64_t count[4], basin_error *error) {
  enum { MISSING = 4 };
  int64_t size[2] = {r->cells, r->trials}, end = r->trials;
  int8_t *block = malloc(BLOCK_TRIALS), *seen = malloc(BLOCK_TRIALS);
  const hid_t outcome = basin_results_variable(r, "outcome", 2, size, H5T_INTEGER);
  int ok = block && seen && outcome >= 0;
  for (int s = 0; s < 4; s++) count[s] = 0;
  for (int64_t i = 0; i < cells && ok; i++) {
    ok = basin_results_intact(r, "outcome", cell[i]);
    if (basin_results_reach(r, cell[i]) < end) end = basin_results_reach(r, cell[i]);
  }
  for (int64_t at = 0; at < end && ok; at += BLOCK_TRIALS) {
    const hsize_t n = (hsize_t)(end - at < BLOCK_TRIALS ? end - at : BLOCK_TRIALS),
                  extent[2] = {1, n};
    memset(seen, 0, n);
    for (int64_t i = 0; i < cells && ok; i++) {
      const hsize_t start[2] = {(hsize_t)cell[i], (hsize_t)at};
      const int8_t success = (int8_t)(apart ? 1 << i : 1);
      ok = basin_hdf5_read(outcome, H5T_NATIVE_INT8, 2, start, extent, block);
      for (hsize_t t = 0; t < n && ok; t++)
        seen[t] |= basin_outcomes_succeeds(&r->outcomes, block[t]) ? success
                   : block[t] < 0                                  ? MISSING
                                                                   : 0;
    }
    for (hsize_t t = 0; t < n && ok; t++)
      if (seen[t] < MISSING) count[seen[t]]++;
  }
  if (outcome >= 0) H5Dclose(outcome);
  free(block);
  free(seen);
  return ok ? BASIN_OK : basin_results_unreadable(r, error);
}

basin_status basin_results_any_global(basin_results *r, const int64_t *cell, int64_t cells,
                                      int64_t *trials, int64_t *any, basin_error *error) {
  int64_t count[4];
  const basin_status status = count_draws(r, cell, cells, 0, count, error);
  *any = count[1];
  *trials = count[0] + count[1];
  return status;
}

basin_status basin_results_pair(basin_results *r, const int64_t cell[2], int64_t *trials,
                                int64_t only[2], basin_error *error) {
  int64_t count[4];
  const basin_status status = count_draws(r, cell, 2, 1, count, error);
  *trials = count[0] + count[1] + count[2] + count[3];
  only[0] = count[1];
  only[1] = count[2];
  return status;
}

int64_t basin_results_wide(basin_results *r, double *halfwidth, int64_t *max_trials) {
  int64_t wide = 0;
  *halfwidth = r->halfwidth;
  *max_trials = r->max_trials;
  for (int64_t c = 0; c < r->cells && r->halfwidth > 0; c++) {
    basin_summary s;
    basin_error ignored = {""};
    if (!basin_results_outcomes(r, c, &s, &ignored))
      wide += (s.success.high - s.success.low) / 2 > r->halfwidth;
  }
  return wide;
}
