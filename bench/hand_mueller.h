/* SPDX-License-Identifier: MIT
 *
 * hand_mueller.h: the Mueller-Brown potential of bench/own, written by hand: gradient descent on
 *
 *   V(x, y) = sum over i of A_i exp(a_i u^2 + b_i u v + c_i v^2),   u = x - X_i, v = y - Y_i
 *
 * bench/own runs it as `model: ./hand_mueller.h` beside the formula.
 */
#ifndef BASIN_BENCH_HAND_MUELLER_H
#define BASIN_BENCH_HAND_MUELLER_H

#include "own/own_methods.h"

#define MODEL_TITLE "the Mueller-Brown potential"
#define MODEL_SOURCE "Mueller, Brown 1979"
#define MODEL_PARAMETERS(X) /* none */
#define MODEL_TEACHER(X)    /* none */
#define MODEL_INITIAL(X) X(x, one, one, "x") X(y, one, one, "y")
#define MODEL_STEP_SIZES(X) X(eta, "step size")
#define MODEL_OBSERVABLES(X) X(loss, "1", "V(x, y)")
#define MODEL_OUTCOMES \
  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_DIVERGED) | BASIN_CAN(BASIN_UNRESOLVED))
#define MODEL_AT "the loss"
#define MODEL_AT_SPURIOUS "nothing"
#define MODEL_DYNAMICS(X) X(population)
#define MODEL_population(F)                                                                \
  F(2, NULL, mueller_paces, mueller_start, mueller_step, mueller_reached, mueller_reached, \
    mueller_observe, NULL)

typedef struct model_cell {
  double tolerance;
  draw_source x, y;
} model_cell;

static inline const char *model_prepare(const basin_setting *setting, basin_room *room,
                                        model_cell *c, const char **where) {
  *where = "init";
  c->tolerance = setting->stop.tolerance;
  c->x = draw_put(room, &setting->initial[0], setting->key, BASIN_STREAM_DIRECTION,
                  BASIN_STREAM_RADIUS);
  c->y = draw_put(room, &setting->initial[1], setting->key, BASIN_STREAM_DIRECTION + 1,
                  BASIN_STREAM_RADIUS + 1);
  return NULL;
}
static inline void mueller_paces(const model_cell *c, const double *eta, double *pace) {
  (void)c;
  pace[0] = eta[0];
}
BASIN_HD void mueller_start(const model_cell *c, basin_turn t, real *x) {
  own_draw(&c->x, t, 1, 1, x);
  own_draw(&c->y, t, 1, 1, x + 1);
}

/* adds one of the four terms, and its derivatives; 2 a and 2 c are constants of the compiler */
BASIN_HD void mueller_term(real x, real y, double height, double a, double b, double c, double x0,
                           double y0, real sum[3]) {
  const real u = x - r_set(x0), v = y - r_set(y0);
  const real power = r_fma(r_fma(r_set(a), u, r_set(b) * v), u, (r_set(c) * v) * v);
  const real e = r_set(height) * r_exp_total(power);
  sum[0] = sum[0] + e;
  sum[1] = r_fma(e, r_fma(r_set(2 * a), u, r_set(b) * v), sum[1]);
  sum[2] = r_fma(e, r_fma(r_set(2 * c), v, r_set(b) * u), sum[2]);
}
BASIN_HD void mueller_potential(real x, real y, real sum[3]) {
  sum[0] = sum[1] = sum[2] = r_set(0.0);
  mueller_term(x, y, -200, -1, 0, -10, 1, 0, sum);
  mueller_term(x, y, -100, -1, 0, -10, 0, 0.5, sum);
  mueller_term(x, y, -170, -6.5, 11, -6.5, -0.5, 1.5, sum);
  mueller_term(x, y, 15, 0.7, 0.6, 0.7, -1, 1, sum);
}
BASIN_HD void mueller_step(const model_cell *c, basin_turn t, real *x) {
  real sum[3];
  (void)c;
  mueller_potential(x[0], x[1], sum);
  x[0] = r_fnma(t.pace[0], sum[1], x[0]);
  x[1] = r_fnma(t.pace[0], sum[2], x[1]);
}
BASIN_HD void mueller_observe(const model_cell *c, basin_turn t, const real *x, real *out) {
  real sum[3];
  (void)c, (void)t;
  mueller_potential(x[0], x[1], sum);
  out[0] = sum[0];
}
BASIN_HD void mueller_reached(const model_cell *c, basin_turn t, const real *x, mask *outcome) {
  if (c->tolerance > 0) {
    real loss;
    mueller_observe(c, t, x, &loss);
    outcome[BASIN_GLOBAL] = r_le(loss, r_set(c->tolerance));
  }
  outcome[BASIN_DIVERGED] = own_diverged(r_fma(x[1], x[1], x[0] * x[0]));
}

#endif
