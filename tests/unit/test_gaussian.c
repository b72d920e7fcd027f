/* SPDX-License-Identifier: MIT
 *
 * test_gaussian.c: means of activations over normal vectors (host/network/gaussian.h) against quadrature and Monte
 * Carlo; eigenvalues (symmetric.h) against LAPACK. Seeds are fixed.
 */
#include "wide_nets.h"
#include "network/symmetric.h"
#include <dlfcn.h>

/* ---- eigenvalues ---- */

static void eigen(void **unused) {
  (void)unused;
  enum { MOST = 60 };
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  assert_non_null(library);
  void (*dsyev)(const char *, const char *, const int *, double *, const int *, double *, double *,
                const int *, int *);
  void *symbol = dlsym(library, "dsyev_");
  assert_non_null(symbol);
  memcpy(&dsyev, &symbol, sizeof symbol);

  source s = {.state = 11};
  basin_error error;
  for (int kind = 0; kind < 4; kind++)
    for (int n = 1; n <= MOST; n += n < 5 ? 1 : 11) {
      double a[MOST * MOST], v[MOST * MOST], b[MOST * MOST], value[MOST], alone[MOST], theirs[MOST],
          work[40 * MOST];
      for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) /* full, all equal, tridiagonal, small beside large */
          a[i * n + j] = a[j * n + i] = kind == 0   ? normal(&s)
                                        : kind == 1 ? 1
                                        : kind == 2 ? (i == j       ? 2
                                                       : i == j + 1 ? -1
                                                                    : 0)
                                                    : normal(&s) * pow(0.5, i + j);
      memcpy(v, a, sizeof a);
      memcpy(b, a, sizeof a);
      assert_ok(basin_symmetric_eigen(n, v, 1, value, &error), error);
      assert_ok(basin_symmetric_eigen(n, b, 0, alone, &error), error);
      memcpy(b, a, sizeof a);
      int info, length = 40 * MOST;
      dsyev("N", "U", &n, b, &n, theirs, work, &length, &info);
      assert_int_equal(info, 0);
      const double scale = fmax(fabs(theirs[0]), fabs(theirs[n - 1]));
      for (int k = 0; k < n; k++) {
        assert_within(value[k] - theirs[k], -1e-14 * scale, 1e-14 * scale);
        assert_true(value[k] == alone[k]);
        if (kind == 2)
          assert_within(value[k] - (2 - 2 * cos(M_PI * (k + 1) / (n + 1))), -1e-14, 1e-14);
        for (int l = 0; l < n; l++) { /* A v = value v, and the rows are orthonormal */
          double image = 0, product = 0;
          for (int j = 0; j < n; j++) {
            image += a[l * n + j] * v[k * n + j];
            product += v[l * n + j] * v[k * n + j];
          }
          assert_within(image - value[k] * v[k * n + l], -2e-14 * scale, 2e-14 * scale);
          assert_within(product - (k == l), -2e-14, 2e-14);
        }
      }
    }
  double far[4] = {2e200, 1e200, 1e200, 2e200}, value[2];
  assert_ok(basin_symmetric_eigen(2, far, 1, value, &error), error);
  assert_within(value[0], 0.999999999999999e200, 1.000000000000001e200);
  assert_within(value[1], 2.999999999999999e200, 3.000000000000001e200);
  far[1] = NAN;
  assert_int_equal(basin_symmetric_eigen(2, far, 1, value, &error), BASIN_BAD_INPUT);
}

/* ---- Gaussian means ---- */

static const basin_sigma sigmas[] = {{BASIN_IDENTITY, 0}, {BASIN_RELU, 0},     {BASIN_LEAKY, 0.1},
                                     {BASIN_LEAKY, -0.3}, {BASIN_SOFTPLUS, 0}, {BASIN_ERF, 0},
                                     {BASIN_TANH, 0}};
enum { SIGMAS = sizeof sigmas / sizeof *sigmas, CASES = 5 };

/* A, B, correlation */
static const double cases[CASES][3] = {
    {1, 1, 0.3}, {1, 1, 0.9999}, {0.4, 2, -0.6}, {2, 0.5, 1}, {1.5, 0.3, -1}};

/* what the mean of f(u) f(v) is, by the trapezoidal rule in both coordinates of the Cholesky factor */
static double tensor(const basin_sigma *s, double (*f)(const basin_sigma *, double), double a,
                     double b, double rho) {
  enum { PER_UNIT = 10, REACH = 90 };
  double sum = 0;
  for (int i = -REACH; i <= REACH; i++) {
    const double x = (double)i / PER_UNIT, fx = f(s, sqrt(a) * x) * exp(-x * x / 2);
    for (int j = -REACH; j <= REACH; j++) {
      const double y = (double)j / PER_UNIT;
      sum += fx * f(s, sqrt(b) * (rho * x + sqrt(1 - rho * rho) * y)) * exp(-y * y / 2);
    }
  }
  return sum / (PER_UNIT * PER_UNIT * 2 * M_PI);
}

/* the same of a function with f(r z) = r^degree f(z), degree 1 or 0: an integral over the angle */
static double polar(const basin_sigma *s, double (*f)(const basin_sigma *, double), int degree,
                    double a, double b, double rho) {
  enum { POINTS = 100000 };
  double sum = 0;
  for (int i = 0; i < POINTS; i++) {
    const double angle = 2 * M_PI * (i + 0.5) / POINTS;
    sum += f(s, sqrt(a) * cos(angle)) * f(s, sqrt(b) * cos(angle - acos(rho)));
  }
  return sum / POINTS * (degree ? 2 : 1);
}

static void means_of(const basin_sigma *s, double a, double b, double rho, double *product,
                     double *slopes, double *mean) {
  const double c = rho * sqrt(a * b), k[4] = {a, c, c, b};
  basin_error error;
  assert_ok(basin_gaussian_means(s, 2, k, product, slopes, mean, &error), error);
  for (int i = 0; i < 3; i += 2) assert_true(product[1] == product[2] && slopes[1] == slopes[2]);
}

static void quadrature(void **unused) {
  (void)unused;
  for (int i = 0; i < SIGMAS; i++)
    for (int c = 0; c < CASES; c++) {
      const basin_sigma *s = &sigmas[i];
      const double a = cases[c][0], b = cases[c][1], rho = cases[c][2];
      const int bent = s->kind == BASIN_RELU || s->kind == BASIN_LEAKY;
      double product[4], slopes[4], mean[2];
      means_of(s, a, b, rho, product, slopes, mean);
      for (int which = 0; which < 3; which++) { /* (A, A), (A, B), (B, B) */
        const double u = which < 2 ? a : b, v = which ? b : a, r = which == 1 ? rho : 1;
        const double p = bent ? polar(s, activate, 1, u, v, r) : tensor(s, activate, u, v, r),
                     q = bent ? polar(s, slope, 0, u, v, r) : tensor(s, slope, u, v, r);
        const double near = bent ? 1e-8 : 2e-13, near_slopes = bent ? 3e-5 : 2e-13;
        const int at = which < 2 ? which : 3;
        assert_within(product[at] - p, -near, near);
        assert_within(slopes[at] - q, -near_slopes, near_slopes);
      }
    }
  /* large variances: exact where the pair is not nearly parallel, refused where it is; small, and none */
  const basin_sigma *s = &sigmas[SIGMAS - 1], *softplus = &sigmas[4];
  double product[4], slopes[4], mean[2];
  basin_error error;
  means_of(softplus, 8, 6, 0.9, product, slopes, mean);
  assert_within(product[1] / tensor(softplus, activate, 8, 6, 0.9) - 1, -1e-12, 1e-12);
  assert_within(slopes[1] / tensor(softplus, slope, 8, 6, 0.9) - 1, -1e-12, 1e-12);
  means_of(s, 600, 600, 0.8, product, slopes, mean); /* nearly the sign: 2/pi asin */
  assert_within(product[1], 0.98 * 2 / M_PI * asin(0.8), 2 / M_PI * asin(0.8));
  const double near[4] = {600, 599, 599, 600}, large[4] = {1e4, 0, 0, 1}, none[4] = {0, 0, 0, 1};
  assert_int_equal(basin_gaussian_means(s, 2, near, product, NULL, NULL, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "nearly parallel"));
  assert_int_equal(basin_gaussian_means(s, 2, large, product, NULL, NULL, &error), BASIN_BAD_INPUT);
  for (int i = 0; i < SIGMAS; i++) {
    assert_ok(basin_gaussian_means(&sigmas[i], 2, none, product, slopes, mean, &error), error);
    const double at_0 = activate(&sigmas[i], 0);
    assert_within(product[0] - at_0 * at_0, -1e-15, 1e-15);
    assert_within(product[1] - at_0 * mean[1], -1e-15, 1e-15);
    assert_within(slopes[0] - pow(slope(&sigmas[i], 0), 2), -1e-14, 1e-14);
    double stein = 0; /* E sigma'(v) = E v sigma(v) */
    for (int j = -1000; j <= 1000; j++)
      stein += j / 100.0 * activate(&sigmas[i], j / 100.0) * exp(-j * j / 2e4) / 100;
    stein *= slope(&sigmas[i], 0) / sqrt(2 * M_PI);
    assert_within(slopes[1] - stein, -1e-9, 1e-9);
  }
}

static void monte_carlo(void **unused) {
  (void)unused;
  enum { DRAWS = 40000 };
  source s = {.state = 5};
  for (int c = 0; c < 3; c++) {
    tally product[SIGMAS] = {0}, slopes[SIGMAS] = {0}, mean[SIGMAS] = {0};
    const double a = cases[c][0], b = cases[c][1], rho = cases[c][2];
    for (int draw = 0; draw < DRAWS; draw++) {
      const double x = normal(&s), y = normal(&s), u = sqrt(a) * x,
                   v = sqrt(b) * (rho * x + sqrt(1 - rho * rho) * y);
      for (int i = 0; i < SIGMAS; i++) {
        count(&product[i], activate(&sigmas[i], u) * activate(&sigmas[i], v));
        count(&slopes[i], slope(&sigmas[i], u) * slope(&sigmas[i], v));
        count(&mean[i], activate(&sigmas[i], v));
      }
    }
    for (int i = 0; i < SIGMAS; i++) {
      double p[4], q[4], e[2];
      means_of(&sigmas[i], a, b, rho, p, q, e);
      assert_within(z_of(&product[i], p[1]), -4.5, 4.5);
      if (i) assert_within(z_of(&slopes[i], q[1]), -4.5, 4.5);
      assert_within(z_of(&mean[i], e[1]), -4.5, 4.5);
    }
  }
}

static void constants(void **unused) {
  (void)unused;
  /* the last three by the trapezoidal rule in forty digits; the thesis has no numbers */
  static const double exact[SIGMAS] = {
      1, 2, 2 / 1.01, 2 / 1.09, 1.08548650298834342, 2.15257886060759855, 2.53617543321745375};
  for (int i = 0; i < SIGMAS; i++)
    assert_within(basin_sigma_constant(&sigmas[i]) / exact[i] - 1, -4e-15, 4e-15);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(eigen),
      cmocka_unit_test(quadrature),
      cmocka_unit_test(monte_carlo),
      cmocka_unit_test(constants),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
