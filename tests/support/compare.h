/* SPDX-License-Identifier: MIT
 *
 * compare.h: what the tests of samplers and drivers share: a cell run into a part, parts compared byte by byte, and
 * samples compared by Kolmogorov and Smirnov's test. FALSE_ALARM is how often a comparison of two equal samplers would
 * fail with another seed.
 */
#ifndef BASIN_TEST_COMPARE_H
#define BASIN_TEST_COMPARE_H

#include "test.h"
#include "engine/cpu.h"
#include "store/part.h"

#define FALSE_ALARM 1e-6 /* of one comparison */
#define ROUNDING 1e-12   /* values so close count as one: atoms differ in their last bits */

/* run a range of a cell's trials; pausing: as often as can be, and gone on with */
static inline void test_run_range(const basin_experiment *e, int64_t cell, int isa, int64_t first,
                                  int64_t count, int pausing, basin_part *part) {
  basin_job job;
  basin_error error;
  basin_watch watch = {.stop = pausing};
  basin_status status;
  job = basin_part_job(e, cell, first, count);
  assert_ok(basin_part_allocate(&job, part, &error), error);
  do status = basin_cpu_run(&job, isa, part, &watch);
  while (pausing && status == BASIN_INTERRUPTED);
  assert_int_equal(status, BASIN_OK);
}

/* all trials of a cell */
static inline void test_run_cell(const basin_experiment *e, int64_t cell, basin_part *part) {
  test_run_range(e, cell, basin_cpu_isa(NULL), 0, e->trials, 0, part);
}

/* the trials of y are those of x from number `skip` on, byte by byte; all are recorded */
static inline void test_assert_same(const basin_experiment *e, int64_t cell, const basin_part *x,
                                    const basin_part *y, int64_t skip) {
  const int64_t states = e->cell[cell].setting.size.states;
  const size_t n = (size_t)y->count, kept = (size_t)(y->recorded * e->times);
  assert_memory_equal(x->outcome + skip, y->outcome, n);
  assert_memory_equal(x->steps + skip, y->steps, n * sizeof *x->steps);
  for (int64_t p = 0; p < e->passages; p++)
    assert_memory_equal(x->passage + p * x->count + skip, y->passage + p * y->count,
                        n * sizeof *x->passage);
  for (int64_t o = 0; o < e->observables; o++)
    assert_memory_equal(x->record + (o * x->recorded + skip) * e->times,
                        y->record + o * y->recorded * e->times, kept * sizeof *x->record);
  assert_memory_equal(x->state + skip * e->times * states, y->state,
                      kept * (size_t)states * sizeof *x->state);
}

/* the same trials, byte by byte, with all that the part keeps of them */
static inline void test_same_part(const basin_experiment *e, int64_t cell, const basin_part *x,
                                  const basin_part *y) {
  const size_t n = (size_t)x->count, kept = (size_t)(x->recorded * e->times);
  assert_true(x->count == y->count && x->recorded == y->recorded);
  assert_true(!x->state == !y->state && !x->halvings == !y->halvings);
  assert_memory_equal(x->outcome, y->outcome, n);
  assert_memory_equal(x->steps, y->steps, n * sizeof *x->steps);
  if (x->halvings) assert_memory_equal(x->halvings, y->halvings, n);
  if (x->passage)
    assert_memory_equal(x->passage, y->passage, n * (size_t)e->passages * sizeof *x->passage);
  assert_memory_equal(x->final, y->final, n * (size_t)e->finals * sizeof *x->final);
  assert_memory_equal(x->record, y->record, kept * (size_t)e->observables * sizeof *x->record);
  if (x->state)
    assert_memory_equal(x->state, y->state,
                        kept * (size_t)e->cell[cell].setting.size.states * sizeof *x->state);
}

/* every instruction set, other neighbours in the lanes, and pauses after every 16 steps: the same bits. Returns how
   many trials ended with an outcome. */
static inline int64_t test_same_bits(const basin_experiment *e, int64_t cell) {
  const int64_t trials = e->trials, half = trials / 2;
  int64_t ended = 0;
  basin_part whole, part;
  test_run_range(e, cell, BASIN_ISA_GENERIC, 0, trials, 0, &whole);
  for (int64_t i = 0; i < trials; i++) ended += whole.outcome[i] != BASIN_UNRESOLVED;
  for (int isa = 0; isa < BASIN_ISAS; isa++) {
    if (basin_cpu_isa(basin_cpu_isa_name(isa)) < 0) continue;
    for (int pausing = 0; pausing < 2; pausing++) {
      test_run_range(e, cell, isa, 0, trials, pausing, &part);
      test_assert_same(e, cell, &whole, &part, 0);
      basin_part_free(&part);
    }
    test_run_range(e, cell, isa, half, trials - half, 0, &part);
    test_assert_same(e, cell, &whole, &part, half);
    basin_part_free(&part);
  }
  basin_part_free(&whole);
  return ended;
}

static inline int test_ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* whether Kolmogorov and Smirnov's test tells samples of n apart; sorts them */
static inline int test_differ(double *x, double *y, int n) {
  double largest = 0;
  qsort(x, (size_t)n, sizeof *x, test_ascending);
  qsort(y, (size_t)n, sizeof *y, test_ascending);
  for (int i = 0, j = 0; i < n && j < n;) {
    const double at = fmin(x[i], y[j]) + ROUNDING;
    while (i < n && x[i] <= at) i++;
    while (j < n && y[j] <= at) j++;
    largest = fmax(largest, fabs((double)(i - j)) / n);
  }
  return largest > sqrt(-0.5 * log(FALSE_ALARM / 2)) * sqrt(2.0 / n);
}

#endif
