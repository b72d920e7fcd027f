/* SPDX-License-Identifier: MIT */
#include "store/until.h"
#include <math.h>

enum { TRIALS_MULTIPLE = 64 };

static double halfwidth(int64_t trials, double share) {
  const basin_proportion p = basin_wilson((int64_t)nearbyint(share * (double)trials), trials);
  return (p.high - p.low) / 2;
}

int64_t basin_until_enough(const basin_experiment *e, int64_t trials, int64_t successes) {
  const double share = (double)successes / (double)trials;
  if (!(e->halfwidth > 0) || halfwidth(trials, share) <= e->halfwidth) return trials;

  /* the least number that would do at the same share, in steps of 2%; at least a tenth more */
  int64_t enough = trials + trials / 10 + 1;
  while (enough < e->max_trials && halfwidth(enough, share) > e->halfwidth)
    enough += enough / 50 + 1;
  enough = (enough + TRIALS_MULTIPLE - 1) / TRIALS_MULTIPLE * TRIALS_MULTIPLE;
  return enough < e->max_trials ? enough : e->max_trials;
}
