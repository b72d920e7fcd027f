/* SPDX-License-Identifier: MIT
 *
 * test_extremes.c: the extreme eigenvalues of numeric/extremes.h against those of host/network/symmetric.h, of matrices
 * of every size and scale; those that can be written down; entries that are infinite or none.
 */
#include "test.h"
#include "network/symmetric.h"
#include "numeric/extremes.h"

enum { MOST = 40 };

/* full[n][n] by both; the largest eigenvalue by its size is what errors are measured by */
static void compare(int64_t n, const double *full) {
  double a[MOST * MOST], low, high, value[MOST], work[EXTREMES_WORK * MOST];
  basin_error error;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j <= i; j++) a[extremes_at(i, j)] = full[i * n + j];
  extremes_of(basin_alone, n, a, work, &low, &high);
  memcpy(a, full, (size_t)(n * n) * sizeof *a);
  assert_ok(basin_symmetric_eigen(n, a, 0, value, &error), error);
  const double size = fmax(fabs(value[0]), fabs(value[n - 1])),
               most = 4e-16 * (double)(n + 4) * size;
  assert_within(low, value[0] - most, value[0] + most);
  assert_within(high, value[n - 1] - most, value[n - 1] + most);
}

static void of_every_size(void **unused) {
  (void)unused;
  static const double scale[] = {1, 1e-300, 1e-30, 3e100, 1e290};
  uint64_t state = 11;
  double full[MOST * MOST], root[MOST * MOST];
  for (int64_t n = 1; n <= MOST; n++)
    for (int kind = 0; kind < 15; kind++) {
      const int64_t rank = kind < 5 ? n : (n + 2) / 3;
      for (int64_t i = 0; i < n * n; i++) root[i] = 2 * test_uniform(&state) - 1;
      for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
          double sum = kind < 5 ? root[i * n + j]
                                : 0; /* of any sign; or a Gram matrix of low rank */
          for (int64_t k = 0; kind >= 5 && k < rank; k++) sum += root[i * n + k] * root[j * n + k];
          if (kind >= 10 && (i + j) % 2) sum = 0; /* two blocks */
          full[i * n + j] = full[j * n + i] = scale[kind % 5] * sum;
        }
      compare(n, full);
    }
}

static void by_hand(void **unused) {
  (void)unused;
  static const struct row {
    double a[6], low, high;
  } rows[] = {
      {{0}, 0, 0},
      {{1, 0, 1, 0, 0, 1}, 1, 1},
      {{2, 0, -3, 0, 0, 1}, -3, 2},
      {{2, 1, 2, 0, 0, 5}, 1, 5},
      {{1, 1, 1, 1, 1, 1}, 0, 3},
      {{0, 4, 0, 0, 0, 0}, -4, 4},
      {{5e-324, 0, 5e-324, 0, 0, 5e-324}, 5e-324, 5e-324},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    double a[6], work[3 * EXTREMES_WORK], low, high;
    memcpy(a, rows[i].a, sizeof a);
    extremes_of(basin_alone, 3, a, work, &low, &high);
    assert_within(low, rows[i].low - 3e-15, rows[i].low + 3e-15);
    assert_within(high, rows[i].high - 3e-15, rows[i].high + 3e-15);
  }
  double one = -7, work[EXTREMES_WORK], low, high;
  extremes_of(basin_alone, 1, &one, work, &low, &high);
  assert_true(low == -7 && high == -7);
}

static void not_finite(void **unused) {
  (void)unused;
  static const double none[] = {NAN, -NAN, INFINITY, -INFINITY, 1.7e308};
  for (size_t i = 0; i < 6 * sizeof none / sizeof *none; i++) {
    double a[6] = {1, 0.5, 2, 0.25, 0.125, 3}, work[3 * EXTREMES_WORK], low, high;
    a[i % 6] = none[i / 6];
    extremes_of(basin_alone, 3, a, work, &low, &high);
    assert_true(isnan(low) && isnan(high));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(of_every_size), cmocka_unit_test(by_hand),
                                     cmocka_unit_test(not_finite)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
