/* SPDX-License-Identifier: MIT
 *
 * test_groups.c: points of rest in groups: their order, their symmetries beside a search through all orders of the
 * rows, the noise that they bear, how many there may be; and which of two cells' groups are the same.
 */
#include "store/attractors.h"
#include "store/groups.h"
#include "test.h"

enum { ROWS = 5, COLUMNS = 3, POINT = ROWS * COLUMNS };

static basin_experiment *experiment;
static basin_grouping *grouping;

/* a grouping of the students of relu_sum, w [ROWS][COLUMNS], or, of octopus, of one vector x [POINT] */
static void open_grouping(const char *model, const char *discover) {
  char text[1024];
  basin_error error;
  snprintf(text, sizeof text,
           "%s\nschedule: [{eta: 0.05}]\nstop: {at: 0.001, max_steps: 100}\n"
           "outcomes: {discover: {%s}}\n",
           model, discover);
  experiment = test_parse(text, NULL, 0);
  assert_ok(basin_grouping_open(&experiment->cell[0], &grouping, &error), error);
}

static const char students[] = "model: relu_sum\nparameters: {d: 3, n: 5}\n"
                               "teacher: {v: [{head: [1]}]}\ninit: {w: {normal: 1}}";
static const char vector[] = "model: octopus\nparameters: {d: 15}\ninit: {x: {uniform: [-1, 1]}}";

static void close_grouping(void) {
  basin_grouping_close(grouping);
  basin_experiment_free(experiment);
}

static int put(const double *point, int64_t trial) {
  basin_error error;
  int number;
  assert_ok(basin_grouping_put(grouping, point, trial, 0.5 * (double)trial, &number, &error),
            error);
  return number;
}

/* a point along the first entry */
static int put_at(double x, int64_t trial) {
  const double point[POINT] = {x};
  return put(point, trial);
}

static void founded_in_order(void **unused) {
  double bad[POINT] = {0};
  (void)unused;
  open_grouping(vector, "within: 1");
  assert_int_equal(grouping->length, POINT);
  assert_int_equal(put_at(5, 3), 0);
  assert_int_equal(put_at(0, 4), 1);
  assert_int_equal(put_at(4, 5), 0); /* at most within */
  assert_int_equal(put_at(3.9375, 6), 2);
  assert_int_equal(put_at(4.25, 7), 2);      /* the nearer of two that are near */
  assert_int_equal(put_at(4.46875, 8), 0);   /* as near to 0 as to 2: the earlier */
  assert_int_equal(put_at(1.0000001, 9), 3); /* more than within */
  assert_int_equal(put_at(0.5, 10), 1);
  bad[7] = NAN;
  assert_int_equal(put(bad, 11), BASIN_NO_GROUP);
  bad[7] = -INFINITY;
  assert_int_equal(put(bad, 12), BASIN_NO_GROUP);
  assert_int_equal(grouping->count, 4);
  assert_int_equal(grouping->others, 0);
  static const int64_t trials[] = {3, 2, 2, 1}, first[] = {3, 4, 6, 9};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(grouping->group[i].trials, trials[i]);
    assert_int_equal(grouping->group[i].first, first[i]);
    assert_true(grouping->group[i].loss == 0.5 * (double)first[i]);
  }
  close_grouping();
}

static void bounded(void **unused) {
  (void)unused;
  open_grouping(vector, "within: 0.25");
  for (int i = 0; i < BASIN_ATTRACTORS_MAX; i++) assert_int_equal(put_at(i, i), i);
  assert_int_equal(put_at(-1, 5000), BASIN_OTHER_GROUP);
  assert_int_equal(put_at(1e100, 5001), BASIN_OTHER_GROUP);
  assert_int_equal(put_at(7.25, 5002), 7);
  assert_int_equal(grouping->count, BASIN_ATTRACTORS_MAX);
  assert_int_equal(grouping->others, 2);
  assert_int_equal(grouping->group[7].trials, 2);
  close_grouping();
}

static void fill(uint64_t *state, double *x) {
  for (int i = 0; i < POINT; i++) x[i] = 2 * test_uniform(state) - 1;
}

static void up_to_sign(void **unused) {
  uint64_t state = 4;
  double x[POINT], y[POINT];
  (void)unused;
  open_grouping(vector, "within: 1e-9, up_to: sign");
  for (int trial = 0; trial < 40; trial++) {
    fill(&state, x);
    for (int i = 0; i < POINT; i++) y[i] = -x[i] + 1e-12 * test_uniform(&state);
    assert_int_equal(put(x, 2 * trial), trial);
    assert_int_equal(put(y, 2 * trial + 1), trial);
    y[3] = -y[3]; /* one sign alone makes another point */
    assert_true(basin_grouping_distance(grouping, x, y, INFINITY) > 1e-3);
  }
  close_grouping();
}

/* ---- rows in any order ---- */

/* the least squared distance over all orders of the rows from `at` on */
static double search(const double *x, const double *y, int order[ROWS], int at) {
  double least = INFINITY;
  if (at == ROWS) {
    double sum = 0;
    for (int i = 0; i < ROWS; i++)
      for (int e = 0; e < COLUMNS; e++) {
        const double d = x[i * COLUMNS + e] - y[order[i] * COLUMNS + e];
        sum += d * d;
      }
    return sum;
  }
  for (int i = at; i < ROWS; i++) {
    const int first = order[at];
    order[at] = order[i], order[i] = first;
    least = fmin(least, search(x, y, order, at + 1));
    order[i] = order[at], order[at] = first;
  }
  return least;
}

/* points whose rows lie close to each other, repeat, or are all alike: what is nearest to a row is then no order */
static void permuted_distance(void **unused) {
  uint64_t state = 11;
  (void)unused;
  open_grouping(students, "within: 0.5, up_to: permutation");
  for (int trial = 0; trial < 400; trial++) {
    double x[POINT], y[POINT];
    int order[ROWS] = {0, 1, 2, 3, 4};
    fill(&state, x);
    fill(&state, y);
    for (int i = 0; i < POINT && trial % 4; i++) {
      if (trial % 4 == 1) x[i] *= 0.1; /* one cluster against a wide one */
      if (trial % 4 == 2 && i >= COLUMNS) x[i] = x[i % COLUMNS];
      if (trial % 4 == 3) x[i] = nearbyint(x[i]), y[i] = nearbyint(y[i]);
    }
    const double want = sqrt(search(x, y, order, 0)),
                 got = basin_grouping_distance(grouping, x, y, INFINITY);
    assert_within(got, want * (1 - 1e-14), want * (1 + 1e-14));
    const double bounded = basin_grouping_distance(grouping, x, y, 0.5 * want);
    assert_true(bounded > 0.5 * want || want == 0);
  }
  close_grouping();
}

/* rows that differ by rounding alone in what a sort would look at first */
static void permuted_groups(void **unused) {
  uint64_t state = 12;
  double x[POINT], y[POINT];
  (void)unused;
  open_grouping(students, "within: 1e-6, up_to: permutation");
  fill(&state, x);
  for (int i = 0; i < ROWS; i++) x[i * COLUMNS] = 0.25;
  assert_int_equal(put(x, 0), 0);
  for (int trial = 1; trial < 100; trial++) {
    const int turn = 1 + trial % (ROWS - 1);
    for (int i = 0; i < ROWS; i++)
      for (int e = 0; e < COLUMNS; e++)
        y[i * COLUMNS + e] = x[(i + turn) % ROWS * COLUMNS + e] + 1e-12 * test_uniform(&state);
    assert_int_equal(put(y, trial), 0);
  }
  for (int i = 0; i < POINT; i++) y[i] = -x[i];
  assert_int_equal(put(y, 100), 1);

  /* columns are no rows */
  for (int i = 0; i < ROWS; i++)
    for (int e = 0; e < COLUMNS; e++) y[i * COLUMNS + e] = x[i * COLUMNS + (e + 1) % COLUMNS];
  assert_int_equal(put(y, 101), 2);
  close_grouping();
}

/* U and V of factorisation have as many rows: they change places together; entries of a vector are its rows */
static void permuted_together(void **unused) {
  static const char two[] =
      "model: factorisation\nparameters: {d1: 3, d2: 3, r: 1}\nteacher: {sigma: 1}\n"
      "init: {U: {normal: 0.5}, V: {normal: 0.5}}";
  const double x[] = {1, 2, 3, 10, 20, 30}, together[] = {3, 1, 2, 30, 10, 20},
               apart[] = {3, 1, 2, 10, 20, 30};
  double v[POINT], w[POINT];
  (void)unused;
  open_grouping(two, "within: 0.5, up_to: permutation");
  assert_int_equal(grouping->rows, 3);
  assert_int_equal(grouping->width, 2);
  assert_int_equal(put(x, 0), 0);
  assert_int_equal(put(together, 1), 0);
  assert_int_equal(put(apart, 2), 1);
  close_grouping();
  open_grouping(vector, "within: 0.5, up_to: permutation");
  for (int i = 0; i < POINT; i++) v[i] = i * i, w[i * 4 % POINT] = i * i;
  assert_int_equal(put(v, 0), 0);
  assert_int_equal(put(w, 1), 0);
  w[0] += 1;
  assert_int_equal(put(w, 2), 1);
  close_grouping();
}

/* ---- from cell to cell ---- */

static void matched(void **unused) {
  const double a[POINT] = {0}, b[POINT] = {1}, c[POINT] = {1.25}, d[POINT] = {4},
               e[POINT] = {0.125}, f[POINT] = {4.5};
  const double *const here[] = {c, e, f, d}, *const before[] = {a, b, d};
  int partner[4];
  basin_error error;
  (void)unused;
  open_grouping(vector, "within: 0.01");
  assert_ok(basin_grouping_match(grouping, here, 4, before, 3, INFINITY, partner, &error), error);
  assert_int_equal(partner[0], 1);
  assert_int_equal(partner[1], 0);
  assert_int_equal(partner[2], -1); /* d is nearest to it, and has a nearer one */
  assert_int_equal(partner[3], 2);
  assert_ok(basin_grouping_match(grouping, here, 3, before, 3, 0.2, partner, &error), error);
  assert_int_equal(partner[0], -1);
  assert_int_equal(partner[1], 0);
  assert_int_equal(partner[2], -1);
  assert_ok(basin_grouping_match(grouping, here, 2, before, 0, INFINITY, partner, &error), error);
  assert_int_equal(partner[0], -1);
  close_grouping();
}

static void cells_before(void **unused) {
  static const char text[] =
      "model: octopus\nparameters: {d: 2}\ninit: {x: {uniform: [-1, 1]}}\nschedule: [{eta: u*w}]\n"
      "grid: {u: [1, 2], w: [0.01, 0.02, 0.03]}\nstop: {at: 0.1, max_steps: 9}\n"
      "variants: {one: {}, two: {}, three: {outcomes: {discover: {within: 2}}}}\n"
      "outcomes: {discover: {within: 1}}\n";
  static const int before[] = {-1, 0, 1, 0, 3, 4, 0, 6, 7, 6, 9, 10, 6, 12, 13, 12, 15, 16};
  basin_experiment *e = test_parse(text, NULL, 0);
  (void)unused;
  assert_int_equal(e->cells, 18);
  for (int c = 0; c < 18; c++) {
    assert_int_equal(basin_attractors_before(e, c), before[c]);
    assert_true(e->cell[c].within == (c < 12 ? 1 : 2));
  }
  basin_experiment_free(e);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(founded_in_order), cmocka_unit_test(bounded),
      cmocka_unit_test(up_to_sign),       cmocka_unit_test(permuted_distance),
      cmocka_unit_test(permuted_groups),  cmocka_unit_test(permuted_together),
      cmocka_unit_test(matched),          cmocka_unit_test(cells_before),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
