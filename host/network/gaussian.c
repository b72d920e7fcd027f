/* SPDX-License-Identifier: MIT */
#include "network/gaussian.h"
#include "numeric/functions.h"
#include <pthread.h>
#include <stdlib.h>

/* ---- closed forms ---- */

/* AB - C^2 without cancellation, not below 0 */
static double determinant(double a, double b, double c) {
  const double square = c * c, low = r_fma(c, c, -square);
  return r_max(r_fma(a, b, -square) - low, 0.0);
}

static double leaky_product(double s, double a, double b, double c) {
  const double root = r_sqrt(determinant(a, b, c)), bent = (1 - s) * (1 - s);
  return (bent * (root - r_angle(root, c) * c) + (1 + s * s) * BASIN_PI * c) / (2 * BASIN_PI);
}

static double leaky_slopes(double s, double a, double b, double c) {
  if (a == 0 && b == 0) return 1; /* sigma'(0) = 1 */
  if (a == 0 || b == 0) return (1 + s) / 2;
  const double angle = r_angle(r_sqrt(determinant(a, b, c)), c);
  return ((1 + s * s) * BASIN_PI - (1 - s) * (1 - s) * angle) / (2 * BASIN_PI);
}

static double erf_product(double a, double b, double c) {
  return 2 / BASIN_PI * r_asin(2 * c / r_sqrt((1 + 2 * a) * (1 + 2 * b)));
}

static double erf_slopes(double a, double b,
                         double c) { /* the radicand, written so that it cannot cancel */
  return 4 / BASIN_PI / r_sqrt(1 + 2 * a + 2 * b + 4 * determinant(a, b, c));
}

/* ---- the expansion of the others ---- */

enum {
  TERMS = BASIN_HERMITE_TERMS,
  PER_UNIT = 64,             /* points of the rule */
  REACH = 12 * PER_UNIT + 32 /* on either side of 0: e^(-z^2/4) is 1e-17 at 12.5 */
};

/* Hermite's polynomials, normalised, at the points of the rule times the weights of these for N(0, 1) */
static double hermite[2 * REACH + 1][TERMS];

static double point_at(int i) { return (double)(i - REACH) / PER_UNIT; }

/* by he_(k+1) = (z he_k - sqrt(k) he_(k-1)) / sqrt(k+1); times e^(-z^2/4), for they grow like its inverse */
static void make_rule(void) {
  for (int i = 0; i <= 2 * REACH; i++) {
    const double z = point_at(i), half = r_exp(-z * z / 4);
    double before = 0, now = half;
    for (int k = 0; k < TERMS; k++) {
      hermite[i][k] = now * half / (PER_UNIT * r_sqrt(2 * BASIN_PI));
      const double next = (z * now - r_sqrt((double)k) * before) / r_sqrt((double)k + 1);
      before = now;
      now = next;
    }
  }
}

static double value_of(int kind, double x) {
  return kind == BASIN_SOFTPLUS ? r_softplus(x) : r_tanh(x);
}

static double slope_of(int kind, double x) {
  if (kind == BASIN_SOFTPLUS) return r_logistic(x);
  const double e = r_exp_total(-2 * r_abs(x)), half = 2 / (1 + e); /* 1 / cosh^2 */
  return half * half * e;
}

/* f(sqrt(variance) z), f the activation or its slope, expanded */
typedef struct expansion {
  double coefficient[TERMS];
  double square, rest; /* its mean square, and what of this is not in the terms */
} expansion;

static void expand(double (*f)(int, double), int kind, double variance, expansion *e) {
  const double deviation = r_sqrt(variance);
  *e = (expansion){0};
  for (int i = 0; i <= 2 * REACH; i++) {
    const double value = f(kind, deviation * point_at(i));
    e->square += value * value * hermite[i][0];
    for (int k = 0; k < TERMS; k++) e->coefficient[k] += value * hermite[i][k];
  }
  double taken = 0;
  for (int k = TERMS - 1; k >= 0; k--) taken += e->coefficient[k] * e->coefficient[k];
  e->rest = r_max(e->square - taken, 0.0);
}

/* x^TERMS */
static double terms_power(double x) {
  for (int k = TERMS; k > 1; k /= 2) x *= x;
  return x;
}
_Static_assert((TERMS & (TERMS - 1)) == 0, "terms_power() squares");

/* all pairs, of the expansions of each */
static basin_status mehler(int64_t n, const double *k, const expansion *e, const char *name,
                           double *out, basin_error *error) {
  for (int64_t i = 0; i < n; i++) {
    out[i * n + i] = e[i].square;
    for (int64_t j = 0; j < i; j++) {
      const double *a = e[i].coefficient, *b = e[j].coefficient;
      const double lengths = r_sqrt(k[i * n + i]) * r_sqrt(k[j * n + j]);
      const double rho = lengths > 0 ? r_clamp(-1.0, k[i * n + j] / lengths, 1.0) : 0;
      if (!(r_sqrt(e[i].rest * e[j].rest) * terms_power(rho) <=
            BASIN_GAUSSIAN_ERROR * r_sqrt(e[i].square * e[j].square)))
        return basin_fail(error, BASIN_BAD_INPUT,
                          "no mean of %s over pre-activations of variances %.4g and %.4g with "
                          "correlation %.6f: they are too large for ones so nearly parallel",
                          name, k[i * n + i], k[j * n + j], rho);
      double sum = 0;
      for (int d = TERMS - 1; d >= 0; d--) sum = sum * rho + a[d] * b[d];
      out[i * n + j] = out[j * n + i] = sum;
    }
  }
  return BASIN_OK;
}

static basin_status expanded(const basin_sigma *sigma, int64_t n, const double *k, double *product,
                             double *slopes, double *mean, basin_error *error) {
  static pthread_once_t made = PTHREAD_ONCE_INIT;
  const int is_tanh = sigma->kind == BASIN_TANH;
  const char *name = is_tanh ? "tanh" : "softplus";

  /* poles at pi/2 i and pi i over the deviation: 2 pi times that is 24 steps there, e^-24 of error */
  const double most = is_tanh ? 640 : 2560;
  for (int64_t i = 0; i < n; i++)
    if (!(k[i * n + i] <= most))
      return basin_fail(error, BASIN_BAD_INPUT,
                        "no mean of %s over a pre-activation of variance %.4g: %.0f is the most",
                        name, k[i * n + i], most);
  pthread_once(&made, make_rule);
  expansion *e = malloc((size_t)n * sizeof *e);
  if (!e) return basin_fail_memory(error);
  basin_status status = BASIN_OK;
  if (product || mean) {
    for (int64_t i = 0; i < n; i++) expand(value_of, sigma->kind, k[i * n + i], &e[i]);
    for (int64_t i = 0; mean && i < n; i++) mean[i] = e[i].coefficient[0];
    if (product) status = mehler(n, k, e, name, product, error);
  }
  if (slopes && !status) {
    for (int64_t i = 0; i < n; i++) expand(slope_of, sigma->kind, k[i * n + i], &e[i]);
    status = mehler(n, k, e, name, slopes, error);
  }
  free(e);
  return status;
}

basin_status basin_gaussian_means(const basin_sigma *sigma, int64_t n, const double *k,
                                  double *product, double *slopes, double *mean,
                                  basin_error *error) {
  if (sigma->kind == BASIN_SOFTPLUS || sigma->kind == BASIN_TANH)
    return expanded(sigma, n, k, product, slopes, mean, error);
  const int is_identity = sigma->kind == BASIN_IDENTITY, is_erf = sigma->kind == BASIN_ERF;
  const double s = sigma->kind == BASIN_LEAKY ? sigma->slope : 0;
  for (int64_t i = 0; i < n; i++) {
    const double a = k[i * n + i];
    if (mean) mean[i] = is_identity || is_erf ? 0 : (1 - s) * r_sqrt(a / (2 * BASIN_PI));
    for (int64_t j = 0; j <= i; j++) {
      const double b = k[j * n + j], c = k[i * n + j];
      if (product)
        product[i * n + j] = product[j * n + i] = is_identity ? c
                                                  : is_erf    ? erf_product(a, b, c)
                                                              : leaky_product(s, a, b, c);
      if (slopes)
        slopes[i * n + j] = slopes[j * n + i] = is_identity ? 1
                                                : is_erf    ? erf_slopes(a, b, c)
                                                            : leaky_slopes(s, a, b, c);
    }
  }
  return BASIN_OK;
}

double basin_sigma_constant(const basin_sigma *sigma) {
  const double one = 1;
  double square = NAN;
  basin_error error;
  if (basin_gaussian_means(sigma, 1, &one, &square, NULL, NULL, &error)) return NAN;
  return 1 / square;
}
