/* SPDX-License-Identifier: MIT
 *
 * summary.c: counting what is in an output file. Memory does not grow with the number of trials.
 */
#include "store/results_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_TRIALS = 65536, RADIX_BITS = 16 };

/* the steps' digit of RADIX_BITS at `shift`, counted over the trials whose higher digits are `prefix` */
static int count_digits(const basin_results *r, hid_t steps, int64_t cell, int shift,
                        int64_t prefix, int64_t *bucket) {
  int64_t block[4096];
  memset(bucket, 0, sizeof *bucket << RADIX_BITS);
  for (int64_t at = 0, end = basin_results_reach(r, cell); at < end; at += 4096) {
    const hsize_t start[2] = {(hsize_t)cell, (hsize_t)at};
    const hsize_t count[2] = {1, (hsize_t)(end - at < 4096 ? end - at : 4096)};
    if (!basin_hdf5_read(steps, H5T_NATIVE_INT64, 2, start, count, block)) return 0;
    for (hsize_t i = 0; i < count[1]; i++)
      if (block[i] >= 0 && block[i] >> (shift + RADIX_BITS) == prefix)
        bucket[block[i] >> shift & ((1 << RADIX_BITS) - 1)]++;
  }
  return 1;
}

/* the rank-th smallest number of steps (rank from 0), by radix selection: one pass over the file per digit */
static int select_steps(const basin_results *r, hid_t steps, int64_t cell, int64_t rank,
                        int64_t *value) {
  int64_t *bucket = calloc(1 << RADIX_BITS, sizeof *bucket), prefix = 0;
  int ok = bucket != NULL;
  for (int shift = 48 - RADIX_BITS; shift >= 0 && ok; shift -= RADIX_BITS) {
    int64_t digit = 0;
    ok = count_digits(r, steps, cell, shift, prefix, bucket);
    while (ok && digit < (1 << RADIX_BITS) - 1 && rank >= bucket[digit]) rank -= bucket[digit++];
    prefix = prefix << RADIX_BITS | digit;
  }
  *value = prefix;
  free(bucket);
  return ok;
}

static int count_outcomes(const basin_results *r, hid_t outcome, int64_t cell, basin_summary *s) {
  int8_t *block = malloc(BLOCK_TRIALS);
  int64_t counted = 0;
  int ok = block != NULL;
  for (int64_t at = 0, end = basin_results_reach(r, cell); at < end && ok; at += BLOCK_TRIALS) {
    const hsize_t start[2] = {(hsize_t)cell, (hsize_t)at};
    const hsize_t count[2] = {1, (hsize_t)(end - at < BLOCK_TRIALS ? end - at : BLOCK_TRIALS)};
    ok = basin_hdf5_read(outcome, H5T_NATIVE_INT8, 2, start, count, block);
    for (hsize_t i = 0; i < count[1] && ok; i++) {
      if (block[i] == -1 && r->missing) continue;
      ok = block[i] >= 0 && block[i] < BASIN_OUTCOMES;
      if (ok) s->outcomes[block[i]]++, counted++;
    }
  }
  free(block);
  return ok && counted == r->count[cell];
}

static int count_steps(const basin_results *r, hid_t steps, int64_t cell, basin_summary *s) {
  int64_t *block = malloc(BLOCK_TRIALS * sizeof *block), low, high;
  double sum = 0;
  int ok = block != NULL;
  for (int64_t at = 0, end = basin_results_reach(r, cell); at < end && ok; at += BLOCK_TRIALS) {
    const hsize_t start[2] = {(hsize_t)cell, (hsize_t)at};
    const hsize_t count[2] = {1, (hsize_t)(end - at < BLOCK_TRIALS ? end - at : BLOCK_TRIALS)};
    ok = basin_hdf5_read(steps, H5T_NATIVE_INT64, 2, start, count, block);
    for (hsize_t i = 0; i < count[1] && ok; i++) {
      if (block[i] == -1 && r->missing) continue;
      ok = block[i] >= 0 && block[i] <= BASIN_STEPS_MAX;
      sum += (double)block[i];
      if (block[i] > s->steps_max) s->steps_max = block[i];
    }
  }
  free(block);
  const int64_t n = r->count[cell];
  if (!ok || !n) return ok;
  s->steps_mean = sum / (double)n;
  ok = select_steps(r, steps, cell, (n - 1) / 2, &low);
  high = low;
  if (ok && n % 2 == 0) ok = select_steps(r, steps, cell, n / 2, &high);
  s->steps_median = ((double)low + (double)high) / 2;
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
    const hsize_t start[2] = {(hsize_t)cell, (hsize_t)at};
    const hsize_t count[2] = {1, (hsize_t)(end - at < BLOCK_TRIALS ? end - at : BLOCK_TRIALS)};
    ok = basin_hdf5_read(id, H5T_NATIVE_INT8, 2, start, count, block);
    for (hsize_t i = 0; i < count[1] && ok; i++) s->halved += block[i] > 0;
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
                       .steps_mean = NAN};
  H5Eclear2(H5E_DEFAULT);
  const hid_t outcome = basin_results_variable(r, "outcome", 2, size, H5T_INTEGER);
  const int ok = outcome >= 0 && basin_results_intact(r, "outcome", cell) &&
                 count_outcomes(r, outcome, cell, s) && count_halved(r, cell, s);
  if (outcome >= 0) H5Dclose(outcome);
  s->success = basin_wilson(s->outcomes[BASIN_GLOBAL], s->trials);
  return ok ? BASIN_OK : basin_results_unreadable(r, error);
}

basin_status basin_results_summary(basin_results *r, int64_t cell, basin_summary *s,
                                   basin_error *error) {
  int64_t size[2] = {r->cells, r->trials};
  const basin_status status = basin_results_outcomes(r, cell, s, error);
  if (status) return status;
  const hid_t steps = basin_results_variable(r, "steps", 2, size, H5T_INTEGER);
  const int ok = steps >= 0 && basin_results_intact(r, "steps", cell) &&
                 count_steps(r, steps, cell, s);
  if (steps >= 0) H5Dclose(steps);
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

/* Of the draws that all of the cells ran, count[seen]: bit 0 where one of the cells is global, or, `apart`, bit i where
   cell[i] of two is. */
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
      const int8_t global = (int8_t)(apart ? 1 << i : 1);
      ok = basin_hdf5_read(outcome, H5T_NATIVE_INT8, 2, start, extent, block);
      for (hsize_t t = 0; t < n && ok; t++)
        seen[t] |= block[t] == BASIN_GLOBAL ? global : block[t] < 0 ? MISSING : 0;
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
