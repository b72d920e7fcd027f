/* SPDX-License-Identifier: MIT */
#include "base/statistics.h"
#include "base/error.h"
#include "numeric/philox.h"
#include <math.h>
#include <stdlib.h>

static const double Z95 = 1.959963984540054; /* normal quantile of 0.975 */

basin_proportion basin_wilson(int64_t successes, int64_t trials) {
  if (trials <= 0) return (basin_proportion){NAN, NAN, NAN};
  const double n = (double)trials, p = (double)successes / n, z2 = Z95 * Z95;
  const double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = Z95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return (basin_proportion){p, successes == 0 ? 0 : centre - half,
                            successes == trials ? 1 : centre + half};
}

basin_interval basin_paired_difference(const int64_t only[2], int64_t trials) {
  if (trials <= 0) return (basin_interval){NAN, NAN, NAN};
  const double n = (double)trials + 2, first = (double)(only[0] + 1) / n,
               second = (double)(only[1] + 1) / n, centre = second - first;
  const double half = Z95 * sqrt((first + second - centre * centre) / n);
  return (basin_interval){(double)(only[1] - only[0]) / (double)trials, fmax(centre - half, -1),
                          fmin(centre + half, 1)};
}

/* P(X <= k) of X binomial (n, 1/2), k < n/2, from its largest term downwards */
static double binomial_tail(int64_t n, int64_t k) {
  const double all = (double)n, log_term = lgamma(all + 1) - lgamma((double)k + 1) -
                                           lgamma((double)(n - k) + 1) - all * log(2);
  double term = exp(log_term), sum = 0;
  for (; k >= 0 && term > sum * 1e-17; k--) {
    sum += term;
    term *= (double)k / (double)(n - k + 1);
  }
  return sum;
}

int64_t basin_median_rank(int64_t n) {
  int64_t rank = (int64_t)(((double)n - Z95 * sqrt((double)n)) / 2) + 2; /* by the normal law */
  if (rank > (n - 1) / 2) rank = (n - 1) / 2;
  while (rank >= 0 && binomial_tail(n, rank) > 0.025) rank--;
  return rank;
}

double basin_z_score(double p, int64_t n, double q, int64_t m, double rounding) {
  const double difference = p - q, excess = fabs(difference) - rounding;
  if (!(excess > 0)) return 0;
  const double pooled = (p * (double)n + q * (double)m) / ((double)n + (double)m);
  const double variance = pooled * (1 - pooled) * (1 / (double)n + 1 / (double)m);
  return copysign(variance > 0 ? excess / sqrt(variance) : INFINITY, difference);
}

double basin_normal_tail(double z) { return erfc(fabs(z) * sqrt(0.5)); }

/* Abramowitz and Stegun 26.7.3 and 26.7.4 */
double basin_student_tail(double t, int freedom) {
  const double angle = atan(fabs(t) / sqrt(freedom)), cosine2 = freedom / (freedom + t * t);
  double term = freedom % 2 ? sqrt(cosine2) : 1, sum = freedom > 1 ? term : 0;
  for (int i = freedom % 2 ? 3 : 2; i < freedom; i += 2) {
    term *= cosine2 * (i - 1) / i;
    sum += term;
  }
  const double inside = sin(angle) * sum;
  return fmax(0, 1 - (freedom % 2 ? (angle + inside) * 2 / acos(-1) : inside));
}

/* Abramowitz and Stegun 26.4.4 and 26.4.5, term by term in logarithms: none overflows */
double basin_chi_square_tail(double x, int64_t freedom) {
  const double half = x / 2, odd = (double)(freedom % 2) / 2;
  if (!(x > 0)) return 1;
  double sum = freedom % 2 ? erfc(sqrt(half)) : 0;
  for (int64_t i = 0; i < freedom / 2; i++) {
    const double power = (double)i + odd;
    sum += exp(power * log(half) - half - lgamma(power + 1));
  }
  return fmin(sum, 1);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

void basin_quantiles(double *value, int64_t count, const double *at, int quantiles, double *out) {
  qsort(value, (size_t)count, sizeof *value, ascending);
  for (int i = 0; i < quantiles; i++) {
    const double position = at[i] * (double)(count - 1);
    const int64_t below = (int64_t)position;
    const double share = position - (double)below;
    out[i] = count ? value[below] + (below + 1 < count && share > 0
                                         ? share * (value[below + 1] - value[below])
                                         : 0)
                   : NAN;
  }
}

int basin_line_fit(const double *x, const double *y, int64_t count, basin_line *line) {
  double x_mean = 0, y_mean = 0, xx = 0, xy = 0, residual = 0;
  for (int64_t i = 0; i < count; i++) x_mean += x[i], y_mean += y[i];
  x_mean /= (double)count;
  y_mean /= (double)count;
  for (int64_t i = 0; i < count; i++) {
    xx += (x[i] - x_mean) * (x[i] - x_mean);
    xy += (x[i] - x_mean) * (y[i] - y_mean);
  }
  if (!(xx > 0)) return 0;
  const double slope = xy / xx;
  for (int64_t i = 0; i < count; i++) {
    const double distance = (y[i] - y_mean) - slope * (x[i] - x_mean);
    residual += distance * distance;
  }
  *line = (basin_line){slope, y_mean - slope * x_mean, residual};
  return 1;
}

/* sum[s] of value[s] over one resample of the trials */
static void resample(const double *const *value, int statistics, int64_t trials, uint64_t key,
                     int64_t number, double *sum) {
  bits word[2] = {0, 0};
  for (int s = 0; s < statistics; s++) sum[s] = 0;
  for (int64_t i = 0; i < trials; i++) {
    if (i % 2 == 0) /* a step for every 2^24 blocks, of two words each */
      basin_words(key, BASIN_STREAM_BOOTSTRAP, (uint64_t)number, (uint64_t)i >> 25,
                  (uint64_t)i / 2 % (1 << 24), &word[0], &word[1]);
    const int64_t drawn = (int64_t)(r_uniform(word[i % 2]) * (double)trials);
    for (int s = 0; s < statistics; s++) sum[s] += value[s][drawn];
  }
}

basin_status basin_bootstrap(const double *const *value, int statistics, int64_t trials,
                             uint64_t key, basin_interval *out, basin_error *error) {
  static const double tails[] = {0.025, 0.975};
  const double n = (double)trials;
  for (int s = 0; s < statistics; s++) {
    double sum = 0;
    for (int64_t i = 0; i < trials; i++) sum += value[s][i];
    out[s] = (basin_interval){trials ? sum / n : NAN, NAN, NAN};
  }
  if (trials < 2) return BASIN_OK;
  double *mean = calloc((size_t)statistics * BASIN_RESAMPLES, sizeof *mean);
  if (!mean) return basin_fail_memory(error);
  for (int64_t r = 0; r < BASIN_RESAMPLES; r++) {
    double sum[BASIN_STATISTICS_MAX];
    resample(value, statistics, trials, key, r, sum);
    for (int s = 0; s < statistics; s++) mean[s * BASIN_RESAMPLES + r] = sum[s] / n;
  }
  for (int s = 0; s < statistics; s++) {
    double limit[2];
    if (!isfinite(out[s].value)) continue;
    basin_quantiles(mean + s * BASIN_RESAMPLES, BASIN_RESAMPLES, tails, 2, limit);
    out[s].low = limit[0];
    out[s].high = limit[1];
  }
  free(mean);
  return BASIN_OK;
}
