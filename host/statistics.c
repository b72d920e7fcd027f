/* SPDX-License-Identifier: MIT */
#include "statistics.h"
#include "model.h"
#include <math.h>
#include <stdlib.h>

static const double Z95 = 1.959963984540054; /* normal quantile of 0.975 */

const char *basin_outcome_name(int outcome) {
  static const char *const name[] = {
#define BASIN_OUTCOME(NAME, word, meaning) [BASIN_##NAME] = word,
      BASIN_OUTCOME_TABLE(BASIN_OUTCOME)
#undef BASIN_OUTCOME
  };
  return outcome >= 0 && outcome < BASIN_OUTCOMES ? name[outcome] : NULL;
}

basin_rate basin_wilson(int64_t successes, int64_t trials) {
  if (trials <= 0) return (basin_rate){NAN, NAN, NAN};
  const double n = (double)trials, p = (double)successes / n, z2 = Z95 * Z95;
  const double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = Z95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return (basin_rate){p, successes == 0 ? 0 : centre - half,
                      successes == trials ? 1 : centre + half};
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
