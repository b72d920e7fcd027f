/* SPDX-License-Identifier: MIT */
#include "network/predict.h"
#include "network/gaussian.h"
#include "network/symmetric.h"
#include "numeric/functions.h"
#include <stdlib.h>
#include <string.h>

/* v'C v */
static double form(int64_t n, const double *c, const double *v, double *room) {
  memset(room, 0, (size_t)n * sizeof *room);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) room[j] += v[i] * c[i * n + j];
  double sum = 0;
  for (int64_t j = 0; j < n; j++) sum += room[j] * v[j];
  return sum;
}

basin_status basin_modes_make(int64_t n, int64_t outputs, const double *gram,
                              const double *covariance, const double *y, basin_modes *modes,
                              basin_error *error) {
  *modes = (basin_modes){.n = n, .lambda = malloc((size_t)n * 2 * sizeof(double))};
  double *v = malloc((size_t)(n * n + n) * sizeof *v);
  basin_status status = modes->lambda && v ? BASIN_OK : basin_fail_memory(error);
  if (!status) {
    modes->energy = modes->lambda + n;
    memcpy(v, gram, (size_t)(n * n) * sizeof *v);
    status = basin_symmetric_eigen(n, v, 1, modes->lambda, error);
  }
  for (int64_t k = 0; k < n && !status; k++) {
    const double *row = v + k * n;
    double energy = (double)outputs * form(n, covariance, row, v + n * n);
    for (int64_t o = 0; o < outputs; o++) {
      double along = 0;
      for (int64_t i = 0; i < n; i++) along += row[i] * y[i * outputs + o];
      energy += along * along;
    }
    modes->energy[k] = energy;
  }
  free(v);
  if (status) basin_modes_free(modes);
  return status;
}

void basin_modes_free(basin_modes *modes) {
  free(modes->lambda);
  *modes = (basin_modes){0};
}

/* x^k, k >= 0 */
static double power(double x, int64_t k) {
  double y = 1;
  for (; k; k >>= 1, x *= x)
    if (k & 1) y *= x;
  return y;
}

double basin_modes_loss(const basin_modes *modes, double eta, int64_t k) {
  double sum = 0;
  for (int64_t i = 0; i < modes->n; i++) {
    const double shrink = power(1 - eta * modes->lambda[i], k);
    sum += shrink * shrink * modes->energy[i];
  }
  return sum / 2;
}

double basin_modes_distance(const basin_modes *modes, double eta, int64_t k) {
  double sum = 0;
  for (int64_t i = 0; i < modes->n; i++) {
    /* gone = 1 - (1 - x)^k, for small x without cancellation; gone / lambda -> eta k as lambda -> 0 */
    const double x = eta * modes->lambda[i];
    const double gone = x < 0.5 ? -r_expm1((double)k * r_log1p(-x)) : 1 - power(1 - x, k);
    sum += x == 0 ? 0 : gone * gone / modes->lambda[i] * modes->energy[i];
  }
  return sum;
}

basin_status basin_gram_deviation(int64_t n, int64_t d, const double *x, int64_t m, double *out,
                                  basin_error *error) {
  const basin_sigma relu = {BASIN_RELU, 0};
  double *k = malloc((size_t)(n * n) * 2 * sizeof *k), sum = 0;
  if (!k) return basin_fail_memory(error);
  double *p = k + n * n;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) {
      k[i * n + j] = 0;
      for (int64_t c = 0; c < d; c++) k[i * n + j] += x[i * d + c] * x[j * d + c];
    }
  const basin_status status = basin_gaussian_means(&relu, n, k, NULL, p, NULL, error);
  for (int64_t i = 0; i < n * n; i++) sum += k[i] * k[i] * p[i] * (1 - p[i]);
  *out = sum / (double)m;
  free(k);
  return status;
}
