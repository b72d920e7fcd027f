/* SPDX-License-Identifier: MIT
 *
 * hand_phase.h: the phase retrieval of bench/own, written by hand: gradient descent on
 *
 *   f(x) = sum over i of ((a_i'x)^2 - y_i)^2/(4 n),   n = 100 rows a_i of 20 entries
 *
 * in one pass over the rows: ten of them at a time are multiplied with x, and then added to the gradient.
 *
 * bench/own runs a copy as `model: ./hand_phase.h` beside the formula; above this text the copy has the numbers:
 *
 *   #define PHASE_NUMBERS 0.0012301533574825742, ...            the rows, one after another, and the y_i behind them
 */
#ifndef BASIN_BENCH_HAND_PHASE_H
#define BASIN_BENCH_HAND_PHASE_H

#include "own/own_methods.h"

#define MODEL_TITLE "phase retrieval, 20 unknowns from 100 measurements"
#define MODEL_SOURCE "bench/own"
#define MODEL_PARAMETERS(X) /* none */
#define MODEL_SIZES(X) X(d, 20)
#define MODEL_TEACHER(X) /* none */
#define MODEL_INITIAL(X) X(x, one, d, "x")
#define MODEL_STEP_SIZES(X) X(eta, "step size")
#define MODEL_OBSERVABLES(X) X(loss, "1", "f(x)")
#define MODEL_OUTCOMES \
  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_DIVERGED) | BASIN_CAN(BASIN_UNRESOLVED))
#define MODEL_AT "the loss"
#define MODEL_AT_SPURIOUS "nothing"
#define MODEL_DYNAMICS(X) X(population)
#define MODEL_population(F)                                                              \
  F(0, phase_layout, phase_paces, phase_start, phase_step, phase_reached, phase_reached, \
    phase_observe, NULL)

enum { PHASE_UNKNOWNS = 20, PHASE_ROWS = 100, PHASE_TOGETHER = 10 };

typedef struct model_cell {
  double tolerance;
  int64_t rows;
  draw_source x;
} model_cell;

static inline const char *model_prepare(const basin_setting *setting, basin_room *room,
                                        model_cell *c, const char **where) {
  static const double numbers[] = {PHASE_NUMBERS};
  *where = "init.x";
  c->tolerance = setting->stop.tolerance;
  c->rows = room_put(room, numbers, PHASE_ROWS * (PHASE_UNKNOWNS + 1));
  c->x = draw_put(room, &setting->initial[0], setting->key, BASIN_STREAM_DIRECTION,
                  BASIN_STREAM_RADIUS);
  return NULL;
}
static inline basin_layout phase_layout(const basin_setting *setting, const model_cell *c) {
  const basin_layout layout = {PHASE_UNKNOWNS, 0, 1};
  (void)setting, (void)c;
  return layout;
}
static inline void phase_paces(const model_cell *c, const double *eta, double *pace) {
  (void)c;
  pace[0] = eta[0] / PHASE_ROWS;
}
BASIN_HD void phase_start(const model_cell *c, basin_turn t, real *x) {
  own_draw(&c->x, t, 1, PHASE_UNKNOWNS, x);
}

/* some rows: the products with x, less y_i, and the products themselves */
BASIN_HD void phase_rows(const double *row, const double *y, const real *x, real *product,
                         real *residual) {
  OWN_UNROLL
  for (int i = 0; i < PHASE_TOGETHER; i++) product[i] = r_set(-0.0);
  for (int j = 0; j < PHASE_UNKNOWNS; j++, row++) {
    OWN_UNROLL
    for (int i = 0; i < PHASE_TOGETHER; i++)
      product[i] = r_fma(r_set(row[i * PHASE_UNKNOWNS]), x[j], product[i]);
  }
  OWN_UNROLL
  for (int i = 0; i < PHASE_TOGETHER; i++)
    residual[i] = r_fma(product[i], product[i], r_set(-y[i]));
}
BASIN_HD void phase_step(const model_cell *c, basin_turn t, real *x) {
  const double *row = t.data + c->rows, *y = row + PHASE_ROWS * PHASE_UNKNOWNS;
  real g[PHASE_UNKNOWNS];
  for (int j = 0; j < PHASE_UNKNOWNS; j++) g[j] = r_set(0.0);
  for (int n = 0; n < PHASE_ROWS; n += PHASE_TOGETHER) {
    real product[PHASE_TOGETHER], residual[PHASE_TOGETHER];
    phase_rows(row, y + n, x, product, residual);
    OWN_UNROLL
    for (int i = 0; i < PHASE_TOGETHER; i++) product[i] = product[i] * residual[i];
    for (int j = 0; j < PHASE_UNKNOWNS; j += 2) { /* a chain is long: two at a time */
      real a = g[j], b = g[j + 1];
      OWN_UNROLL
      for (int i = 0; i < PHASE_TOGETHER; i++) {
        a = r_fma(r_set(row[i * PHASE_UNKNOWNS + j]), product[i], a);
        b = r_fma(r_set(row[i * PHASE_UNKNOWNS + j + 1]), product[i], b);
      }
      g[j] = a, g[j + 1] = b;
    }
    row += PHASE_TOGETHER * PHASE_UNKNOWNS;
  }
  for (int j = 0; j < PHASE_UNKNOWNS; j++) x[j] = r_fnma(t.pace[0], g[j], x[j]);
}
BASIN_HD void phase_observe(const model_cell *c, basin_turn t, const real *x, real *out) {
  const double *row = t.data + c->rows, *y = row + PHASE_ROWS * PHASE_UNKNOWNS;
  out[0] = r_set(0.0);
  for (int n = 0; n < PHASE_ROWS; n += PHASE_TOGETHER, row += PHASE_TOGETHER * PHASE_UNKNOWNS) {
    real product[PHASE_TOGETHER], residual[PHASE_TOGETHER];
    phase_rows(row, y + n, x, product, residual);
    for (int i = 0; i < PHASE_TOGETHER; i++) out[0] = r_fma(residual[i], residual[i], out[0]);
  }
  out[0] = out[0] * r_set(0.25 / PHASE_ROWS);
}
BASIN_HD void phase_reached(const model_cell *c, basin_turn t, const real *x, mask *outcome) {
  if (c->tolerance > 0) {
    real loss;
    phase_observe(c, t, x, &loss);
    outcome[BASIN_GLOBAL] = r_le(loss, r_set(c->tolerance));
  }
  outcome[BASIN_DIVERGED] = own_diverged(own_dot(x, x, PHASE_UNKNOWNS));
}

#endif
