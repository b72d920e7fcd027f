/* SPDX-License-Identifier: MIT */
#include "base/sequential.h"
#include "numeric/dmath.h"

/* ln Gamma(x), x > 0, by Stirling's series (Abramowitz and Stegun 6.1.41) from 16 on: to 1e-14 of its size or of 1 */
static double log_gamma(double x) {
  double below = 1;
  for (; x < 16; x++) below *= x;
  const double square = x * x;
  const double series =
      (1 / 12.0 - (1 / 360.0 - (1 / 1260.0 - 1 / (1680 * square)) / square) / square) / x;
  return (x - 0.5) * r_log(x) - x + 0.5 * r_log(2 * BASIN_PI) + series - r_log(below);
}

static double log_beta(double x, double y) {
  return log_gamma(x) + log_gamma(y) - log_gamma(x + y);
}

int basin_side(const basin_side_rule *r, int64_t trials, int64_t successes) {
  const double n = (double)trials, s = (double)successes, q = r->of, a = r->weight * q,
               b = r->weight * (1 - q);
  const double evidence = log_beta(a + s, b + n - s) - log_beta(a, b) - s * r_log(q) -
                          (n - s) * r_log(1 - q);
  if (evidence < -r_log(r->error)) return 0;
  return s > n * q ? 1 : -1;
}

static int64_t at_share(int64_t trials, double share) {
  const double successes = nearbyint((double)trials * share);
  return successes < 0 ? 0 : successes > (double)trials ? trials : (int64_t)successes;
}

int64_t basin_side_enough(const basin_side_rule *r, int64_t trials, int64_t successes) {
  const double share = (double)successes / (double)trials;
  int64_t enough = trials + trials / 4 + 1;
  while (enough < 2 * trials && !basin_side(r, enough, at_share(enough, share)))
    enough += enough / 16 + 1;
  return enough < 2 * trials ? enough : 2 * trials;
}
