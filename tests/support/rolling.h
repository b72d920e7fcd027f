/* SPDX-License-Identifier: MIT
 *
 * rolling: the double well of doublewell.h with one more kind of dynamics, which this header alone knows of: a heavy
 * ball, u <- momentum u - eta f'(x), x <- x + u (Polyak 1964), chosen by method: {heavy_ball: {momentum: 0.5}}.
 */
#ifndef BASIN_MODELS_ROLLING_H
#define BASIN_MODELS_ROLLING_H

#include "models/doublewell.h"

#undef MODEL_DYNAMICS
#define MODEL_DYNAMICS(X) X(population) X(heavy_ball)
#define MODEL_heavy_ball(F)                                                                 \
  F(2, NULL, well_friction, well_rest, well_roll, well_reached, well_reached, well_observe, \
    well_position)
#define MODEL_OPTIONS(X) X(heavy_ball, momentum, 0.9, 0, 1, "what is kept of the last step")

/* the momentum is an option of the cell; a lane that idles has all paces 0, and stays where it is */
static inline void well_friction(const model_cell *c, const double *eta, double *pace) {
  pace[0] = eta[0];
  pace[1] = c->option;
}
#if BASIN_ONE_LANE
static inline void well_position(const model_cell *c, basin_turn t, const real *x, int any,
                                 double *out) {
  (void)c, (void)t, (void)any;
  out[0] = x[0];
}
#endif
BASIN_HD void well_rest(const model_cell *c, basin_turn t, real *x) {
  well_start(c, t, x);
  x[1] = r_set(0.0);
}
BASIN_HD void well_roll(const model_cell *c, basin_turn t, real *x) {
  x[1] = r_fnma(t.pace[0], well_slope(c, x[0]), t.pace[1] * x[1]);
  x[0] = x[0] + x[1];
}
#endif
