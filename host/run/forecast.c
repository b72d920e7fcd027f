/* SPDX-License-Identifier: MIT
 *
 * forecast.c: from a few trials of each cell to the whole run.
 */
#include "run/sample.h"
#include "store/until.h"
#include <math.h>

static const double MOOD = 1.2; /* how far a machine's speed wanders */

/* the trials of a cell that has this share of successes, under `until` */
static double trials_at(const basin_experiment *e, double share) {
  int64_t trials = e->trials;
  for (;;) {
    const int64_t more = basin_until_enough(e, trials, (int64_t)nearbyint(share * (double)trials));
    if (more <= trials) return (double)trials;
    trials = more;
  }
}

/* from the share that needs the fewest to the one that needs most, the closest to 1/2 */
static void trials_of(const basin_experiment *e, const basin_sampled *c, double trials[2]) {
  const int64_t global = basin_outcomes_successes(&e->outcomes, c->outcomes);
  const double low = basin_wilson(global, c->trials).low,
               high = basin_wilson(global + c->open, c->trials).high;
  const double a = trials_at(e, low), b = trials_at(e, high);
  trials[0] = fmin(a, b);
  trials[1] = low < 0.5 && high > 0.5 ? trials_at(e, 0.5) : fmax(a, b);
}

basin_forecast basin_forecast_make(const basin_experiment *e, const basin_sample *sample,
                                   int64_t parts) {
  const double cells = (double)e->cells, sampled = (double)sample->cells;
  const double workers = (double)(parts < sample->workers ? parts : sample->workers);
  double variance = 0, sum = 0, squares = 0;
  basin_forecast f = {0};
  for (int64_t i = 0; i < e->cells; i++) {
    const basin_sampled *c = &sample->cell[i];
    double trials[2];
    if (!c->trials) continue;
    trials_of(e, c, trials);
    const double steps[2] = {trials[0] * c->mean, trials[1] * c->most};
    f.open += c->open;
    for (int j = 0; j < 2; j++) {
      f.trials[j] += trials[j];
      f.steps[j] += steps[j];
      f.seconds[j] += (steps[j] + trials[j]) / (j ? c->slow : c->fast) / workers;
    }
    variance += trials[0] * c->error * trials[0] * c->error;
    sum += steps[0];
    squares += steps[0] * steps[0];
  }

  /* the cells that were not reached: what the others have on average, and how much those differ */
  const double between = fmax(squares / sampled - sum / sampled * sum / sampled, 0);
  variance += between * sampled * (1 - sampled / cells);
  const double factor = cells / sampled, spread = exp(sum > 0 ? 2 * sqrt(variance) / sum : 0);
  for (int j = 0; j < 2; j++) {
    const double off = j ? spread : 1 / spread;
    f.trials[j] *= factor;
    f.steps[j] *= factor * off;
    f.seconds[j] *= factor * off * (j ? MOOD : 1 / MOOD);
    if (!sample->cells || !isfinite(f.seconds[j])) f.seconds[j] = NAN;
  }
  return f;
}
