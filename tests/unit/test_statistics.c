/* SPDX-License-Identifier: MIT
 *
 * test_statistics.c: intervals against known values and against their promise, scores, quantiles, `until`.
 */
#include "test.h"
#include "store/until.h"
#include "base/statistics.h"

static void wilson_known(void **unused) {
  (void)unused;
  basin_proportion proportion = basin_wilson(5, 10);
  assert_within(proportion.low, 0.23658, 0.23660); /* Newcombe 1998: 0.2366 to 0.7634 */
  assert_within(proportion.high, 0.76340, 0.76342);
  proportion = basin_wilson(0, 10);
  assert_true(proportion.low == 0);
  assert_within(proportion.high, 0.27753, 0.27754);
  proportion = basin_wilson(5000, 5000);
  assert_true(proportion.high == 1 && proportion.value == 1);
  assert_within(proportion.low, 0.99923, 0.99924);
  proportion = basin_wilson(0, 0);
  assert_true(isnan(proportion.value) && isnan(proportion.low) && isnan(proportion.high));
}

/* the interval holds the true probability in about 95% of experiments */
static void wilson_coverage(void **unused) {
  uint64_t state = 3;
  (void)unused;
  for (double p = 0.05; p < 1; p += 0.15) {
    int covered = 0;
    for (int i = 0; i < 20000; i++) {
      int successes = 0;
      for (int j = 0; j < 100; j++) successes += test_uniform(&state) < p;
      const basin_proportion proportion = basin_wilson(successes, 100);
      covered += proportion.low <= p && p <= proportion.high;
    }
    assert_within(covered / 20000.0, 0.925, 0.98); /* discrete: from 0.93 to 0.97 for n = 100 */
  }
}

/* against the sums of binomial coefficients */
static void median_known(void **unused) {
  (void)unused;
  for (int64_t n = 0; n < 1000; n++) {
    const int64_t rank = basin_median_rank(n);
    long double term = powl(0.5L, (long double)n), below = 0;
    assert_true(rank >= -1 && (rank < 0) == (n < 6));
    for (int64_t k = 0; k <= rank + 1; k++) {
      if (k <= rank) below += term;
      else assert_true(below + term > 0.025L); /* the next one is too far inside */
      term *= (long double)(n - k) / (long double)(k + 1);
    }
    assert_true(below <= 0.025L);
  }
  assert_int_equal(basin_median_rank(100), 39); /* the 40th and the 61st, as tables have it */
  assert_within((double)basin_median_rank(100000000), 5e7 - 9800 - 2, 5e7 - 9800 + 2);
}

/* the interval holds the median in at least 95% of experiments, and not in many more */
static void median_coverage(void **unused) {
  enum { N = 51, EXPERIMENTS = 20000 };
  uint64_t state = 8;
  int covered = 0;
  (void)unused;
  for (int i = 0; i < EXPERIMENTS; i++) {
    int below =
        0; /* numbers below the median: it is within where enough of them are on either side */
    for (int j = 0; j < N; j++) below += test_uniform(&state) < 0.5;
    const int64_t rank = basin_median_rank(N);
    covered += below > rank && N - below > rank;
  }
  assert_within((double)covered / EXPERIMENTS, 0.95, 0.975);
}

/* by hand: (11 and 21 of 102) */
static void paired_known(void **unused) {
  (void)unused;
  basin_interval d = basin_paired_difference((const int64_t[2]){10, 20}, 100);
  assert_true(d.value == 0.1);
  assert_within(d.low, -0.008982, -0.008980);
  assert_within(d.high, 0.205059, 0.205060);
  d = basin_paired_difference((const int64_t[2]){20, 10}, 100);
  assert_within(d.high, 0.008980, 0.008982);
  d = basin_paired_difference((const int64_t[2]){0, 0}, 50);
  assert_true(d.value == 0 && d.low == -d.high && d.high > 0);
  d = basin_paired_difference((const int64_t[2]){0, 1}, 1);
  assert_true(d.value == 1 && d.high == 1);
  d = basin_paired_difference((const int64_t[2]){0, 0}, 0);
  assert_true(isnan(d.value) && isnan(d.low) && isnan(d.high));
}

/* the interval holds the true difference in about 95% of experiments, however much the pairs have in common */
static void paired_coverage(void **unused) {
  static const double share[][2] = {{0.02, 0.02}, {0.1, 0.05}, {0.3, 0.3}, {0.4, 0.1}};
  uint64_t state = 4;
  (void)unused;
  for (size_t s = 0; s < sizeof share / sizeof *share; s++) {
    const double truth = share[s][1] - share[s][0];
    int covered = 0;
    for (int i = 0; i < 20000; i++) {
      int64_t only[2] = {0, 0};
      for (int j = 0; j < 100; j++) {
        const double u = test_uniform(&state);
        only[0] += u < share[s][0];
        only[1] += u > 1 - share[s][1];
      }
      const basin_interval d = basin_paired_difference(only, 100);
      covered += d.low <= truth && truth <= d.high;
    }
    assert_within(covered / 20000.0, 0.935, 0.998); /* discrete, and wide where few pairs differ */
  }
}

static void z_score(void **unused) {
  (void)unused;
  assert_within(basin_z_score(0.55, 5000, 0.53, 5000, 0), 2.0064, 2.0065);
  assert_true(basin_z_score(0.555, 5000, 0.55, 5000, 0.006) == 0);
  assert_true(basin_z_score(1, 5000, 1, 5000, 0) == 0);
  assert_true(basin_z_score(0.5, 100, 0.6, 100, 0) < 0);
}

/* quantiles of the tables, and far tails by other means: 2 (1 - Phi(6)), the chi-square law with 2 degrees of freedom
   in closed form, Student's with 1 (Cauchy's), and many degrees, where the sum runs over hundreds of powers */
static void tails(void **unused) {
  (void)unused;
  assert_within(basin_normal_tail(-1.959963984540054), 0.05 - 1e-14, 0.05 + 1e-14);
  assert_within(basin_normal_tail(6), 1.973175290075396e-9 * (1 - 1e-12),
                1.973175290075396e-9 * (1 + 1e-12));
  assert_within(basin_student_tail(2.0395134464, 31), 0.05 - 1e-11, 0.05 + 1e-11);
  assert_within(basin_student_tail(-2.2281388520, 10), 0.05 - 1e-11, 0.05 + 1e-11);
  for (double t = 0.1; t < 200; t *= 3) {
    const double pi = acos(-1), cauchy = 1 - 2 / pi * atan(t), two = 1 - t / sqrt(2 + t * t);
    assert_within(basin_student_tail(t, 1), cauchy - 1e-14, cauchy + 1e-14);
    assert_within(basin_student_tail(t, 2), two - 1e-14, two + 1e-14);
    assert_within(basin_chi_square_tail(t, 2) / exp(-t / 2), 1 - 1e-11, 1 + 1e-11);
    if (t < 30) /* else both are 0 */
      assert_within(basin_chi_square_tail(t * t, 1) / basin_normal_tail(t), 1 - 1e-11, 1 + 1e-11);
  }
  assert_within(basin_chi_square_tail(11.0704976935, 5), 0.05 - 1e-11, 0.05 + 1e-11);
  assert_within(basin_chi_square_tail(18.3070380533, 10), 0.05 - 1e-11, 0.05 + 1e-11);
  assert_within(basin_chi_square_tail(10000, 10000), 0.498, 0.5); /* 1/2 - 1/(3 sqrt(pi 5000)) */
  assert_within(basin_chi_square_tail(10000 + 6 * sqrt(20000), 10000), 1e-9, 4e-9);
  assert_true(basin_chi_square_tail(0, 3) == 1);
}

static void quantiles(void **unused) {
  double value[] = {5, 1, 4, 2, 3}, out[5];
  static const double at[] = {0, 0.25, 0.5, 0.9, 1};
  (void)unused;
  basin_quantiles(value, 5, at, 5, out);
  assert_true(out[0] == 1 && out[1] == 2 && out[2] == 3 && out[4] == 5);
  assert_within(out[3], 4.6 - 1e-12, 4.6 + 1e-12);
  basin_quantiles(value, 0, at, 1, out);
  assert_true(isnan(out[0]));
}

/* `until` asks for more until the interval is narrow, and never for more than it may */
static void until_halfwidth(void **unused) {
  basin_experiment e = {.halfwidth = 0.01, .max_trials = 1000000};
  (void)unused;
  for (double p = 0.02; p < 1; p += 0.12) {
    int64_t trials = 100;
    int rounds = 0;
    for (;;) {
      const int64_t more = basin_until_enough(&e, trials, (int64_t)(p * (double)trials));
      if (more == trials) break;
      assert_true(more > trials && ++rounds < 30);
      trials = more;
    }
    const basin_proportion proportion = basin_wilson((int64_t)(p * (double)trials), trials);
    assert_within((proportion.high - proportion.low) / 2, 0, 0.01);
    assert_within((double)trials, 0, 1.2 * 1.96 * 1.96 * 0.25 / 1e-4);
  }
  e.max_trials = 200;
  assert_int_equal(basin_until_enough(&e, 100, 50), 200);
  assert_int_equal(basin_until_enough(&e, 200, 100), 200);
  e.halfwidth = 0;
  assert_int_equal(basin_until_enough(&e, 100, 50), 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wilson_known), cmocka_unit_test(wilson_coverage),
      cmocka_unit_test(median_known), cmocka_unit_test(median_coverage),
      cmocka_unit_test(paired_known), cmocka_unit_test(paired_coverage),
      cmocka_unit_test(z_score),      cmocka_unit_test(tails),
      cmocka_unit_test(quantiles),    cmocka_unit_test(until_halfwidth),
  };
  return cmocka_run_group_tests_name("statistics", tests, NULL, NULL);
}
