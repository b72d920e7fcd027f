/* SPDX-License-Identifier: MIT
 *
 * hand_quartic.h: the quartic of bench/own, written by hand: gradient descent on
 *
 *   f(x) = sum over i of (x_i^2 - 1)^2/4 + sum over i of x_i x_(i+1)/10,   10 entries
 *
 * bench/own runs it as `model: ./hand_quartic.h` beside the formula.
 */
#ifndef BASIN_BENCH_HAND_QUARTIC_H
#define BASIN_BENCH_HAND_QUARTIC_H

#include "own/own_methods.h"

#define MODEL_TITLE "a quartic of 10 entries"
#define MODEL_SOURCE "bench/own"
#define MODEL_PARAMETERS(X) /* none */
#define MODEL_SIZES(X) X(d, 10)
#define MODEL_TEACHER(X) /* none */
#define MODEL_INITIAL(X) X(x, one, d, "x")
#define MODEL_STEP_SIZES(X) X(eta, "step size")
#define MODEL_OBSERVABLES(X) X(loss, "1", "f(x)")
#define MODEL_OUTCOMES \
  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_DIVERGED) | BASIN_CAN(BASIN_UNRESOLVED))
#define MODEL_AT "the loss"
#define MODEL_AT_SPURIOUS "nothing"
#define MODEL_DYNAMICS(X) X(population)
#define MODEL_population(F)                                                             \
  F(QUARTIC_ENTRIES, NULL, quartic_paces, quartic_start, quartic_step, quartic_reached, \
    quartic_reached, quartic_observe, NULL)
#define QUARTIC_ENTRIES 10

typedef struct model_cell {
  double tolerance;
  draw_source x;
} model_cell;

static inline const char *model_prepare(const basin_setting *setting, basin_room *room,
                                        model_cell *c, const char **where) {
  *where = "init.x";
  c->tolerance = setting->stop.tolerance;
  c->x = draw_put(room, &setting->initial[0], setting->key, BASIN_STREAM_DIRECTION,
                  BASIN_STREAM_RADIUS);
  return NULL;
}
static inline void quartic_paces(const model_cell *c, const double *eta, double *pace) {
  (void)c;
  pace[0] = eta[0];
}
BASIN_HD void quartic_start(const model_cell *c, basin_turn t, real *x) {
  own_draw(&c->x, t, 1, QUARTIC_ENTRIES, x);
}
BASIN_HD void quartic_step(const model_cell *c, basin_turn t, real *x) {
  real left = r_set(0.0); /* the entry before, as it was */
  (void)c;
  BASIN_UNROLL
  for (int i = 0; i < 8; i++) {
    const real old = x[i], sides = i ? (real)(left + x[i + 1]) : x[1];
    const real slope = r_fma(r_fma(old, old, r_set(-1.0)), old, r_set(0.1) * sides);
    x[i] = r_fnma(t.pace[0], slope, old);
    left = old;
  }
  const real before = x[8], last = x[9];
  x[8] = r_fnma(t.pace[0],
                r_fma(r_fma(before, before, r_set(-1.0)), before, r_set(0.1) * (left + last)),
                before);
  x[9] = r_fnma(t.pace[0], r_fma(r_fma(last, last, r_set(-1.0)), last, r_set(0.1) * before), last);
}
BASIN_HD real quartic_loss(const real *x) {
  real wells = r_set(0.0), pairs = r_set(0.0);
  BASIN_UNROLLED
  for (int i = 0; i < QUARTIC_ENTRIES; i++) {
    const real well = r_fma(x[i], x[i], r_set(-1.0));
    wells = r_fma(well, well, wells);
    if (i) pairs = r_fma(x[i - 1], x[i], pairs);
  }
  return r_fma(r_set(0.25), wells, r_set(0.1) * pairs);
}
BASIN_HD void quartic_reached(const model_cell *c, basin_turn t, const real *x, mask *outcome) {
  (void)t;
  if (c->tolerance > 0) outcome[BASIN_GLOBAL] = r_le(quartic_loss(x), r_set(c->tolerance));
  outcome[BASIN_DIVERGED] = own_diverged(own_dot(x, x, QUARTIC_ENTRIES));
}
BASIN_HD void quartic_observe(const model_cell *c, basin_turn t, const real *x, real *out) {
  (void)c, (void)t;
  out[0] = quartic_loss(x);
}

#endif
