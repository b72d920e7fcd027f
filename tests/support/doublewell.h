/* SPDX-License-Identifier: MIT
 *
 * doublewell: gradient descent on f(x) = (x^2 - 1)^2 / 4 + tilt x, the smallest landscape with a spurious minimum.
 *
 *   x <- x - eta (x^3 - x + tilt)
 *
 * For 0 < tilt < 2/sqrt(27) the minimum near -1 is the global one, that near 1 is spurious, and the maximum between
 * them divides their basins. This is the example of include/models/README.md: put it there and the program knows it.
 */
#ifndef BASIN_MODELS_DOUBLEWELL_H
#define BASIN_MODELS_DOUBLEWELL_H

#include "seam/draw.h"

#define MODEL_TITLE "a tilted double well, in one dimension"
#define MODEL_SOURCE "textbook example"
#define MODEL_PARAMETERS(X) \
  X(tilt, 0.1, 1e-6, 0.38, 0, "1", "slope that makes the well near -1 the deeper one")
#define MODEL_TEACHER(X) /* none */
#define MODEL_INITIAL(X) X(x, one, one, "start x_0")
#define MODEL_STEP_SIZES(X) X(eta_x, "step size")
#define MODEL_OBSERVABLES(X) X(position, "1", "x") X(loss, "1", "f(x)")
#define MODEL_OUTCOMES                                                               \
  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_SPURIOUS) | BASIN_CAN(BASIN_DIVERGED) | \
   BASIN_CAN(BASIN_UNRESOLVED))
#define MODEL_AT "the squared distance to the global minimum"
#define MODEL_AT_SPURIOUS "the same to the spurious one"
#define MODEL_DYNAMICS(X) X(population)
#define MODEL_population(F) \
  F(1, NULL, well_paces, well_start, well_step, well_reached, well_decide, well_observe, NULL)

typedef struct model_cell {
  double tilt, tolerance, tolerance_spurious;
  double well[3];  /* roots of f', ascending: global minimum, maximum, spurious minimum */
  int small_steps; /* eta f'' <= 1 for |x| <= 1.5, so that x never jumps over a root */
  double option;   /* of dynamics that have one */
  draw_source x;
} model_cell;

static inline const char *model_prepare(const basin_setting *setting, basin_room *room,
                                        model_cell *c, const char **where) {
  *where = "init.x";
  memset(c, 0, sizeof *c);
  c->tilt = setting->parameter[0];
  c->option = setting->gradient.option[0];
  c->tolerance = setting->stop.tolerance;
  c->tolerance_spurious = basin_tolerance_spurious(&setting->stop);
  c->x = draw_put(room, &setting->initial[0], setting->key, BASIN_STREAM_DIRECTION,
                  BASIN_STREAM_RADIUS);
  for (int i = 0; i < 3; i++) { /* Newton from -1, 0, 1 finds the three roots of f' in this order */
    double x = i - 1;
    for (int n = 0; n < 60; n++) x -= (x * x * x - x + c->tilt) / (3 * x * x - 1);
    c->well[i] = x;
  }
  c->small_steps = 1;
  for (int s = 0; s < setting->stages; s++)
    if (setting->stage[s].eta[0] * (3 * 1.5 * 1.5 - 1) > 1) c->small_steps = 0;
  return NULL;
}
static inline void well_paces(const model_cell *c, const double *eta, double *pace) {
  (void)c;
  pace[0] = eta[0];
}

BASIN_HD void well_start(const model_cell *c, basin_turn t, real *x) {
  real z, unused;
  draw_pair(&c->x, t.data, t.trial, 0, 0, &z, &unused);
  x[0] = draw_entry(&c->x, t.data, 0, 0, draw_spread(&c->x, t.trial, 0, z * z), z);
}
BASIN_HD real well_slope(const model_cell *c, real x) {
  return r_fma(x * x, x, r_set(c->tilt) - x);
}
BASIN_HD void well_step(const model_cell *c, basin_turn t, real *x) {
  x[0] = r_fnma(t.pace[0], well_slope(c, x[0]), x[0]);
}
BASIN_HD void well_reached(const model_cell *c, basin_turn t, const real *x, mask *outcome) {
  const real left = x[0] - r_set(c->well[0]), right = x[0] - r_set(c->well[2]);
  (void)t;
  outcome[BASIN_GLOBAL] = r_le(left * left, r_set(c->tolerance));
  outcome[BASIN_SPURIOUS] = r_le(right * right, r_set(c->tolerance_spurious));
  outcome[BASIN_DIVERGED] = m_not(r_le(r_abs(x[0]), r_set(1e50)));
}
/* small steps keep x on its side of the maximum, and move it to the minimum there */
BASIN_HD void well_decide(const model_cell *c, basin_turn t, const real *x, mask *outcome) {
  const mask proved = r_le(r_abs(x[0]), r_set(c->small_steps ? 1.5 : -1.0));
  (void)t;
  outcome[BASIN_GLOBAL] = m_and(proved, r_lt(x[0], r_set(c->well[1])));
  outcome[BASIN_SPURIOUS] = m_and(proved, r_lt(r_set(c->well[1]), x[0]));
  outcome[BASIN_DIVERGED] = m_not(r_le(r_abs(x[0]), r_set(1e50)));
}
BASIN_HD void well_observe(const model_cell *c, basin_turn t, const real *x, real *out) {
  const real bowl = r_fma(x[0], x[0], r_set(-1.0));
  (void)t;
  out[0] = x[0];
  out[1] = r_fma(r_set(0.25) * bowl, bowl, r_set(c->tilt) * x[0]);
}
#endif
