/* SPDX-License-Identifier: MIT
 *
 * doublewell: gradient descent on f(x) = (x^2 - 1)^2 / 4 + tilt x, the smallest landscape with a spurious minimum.
 *
 *   x <- x - eta (x^3 - x + tilt)
 *
 * For 0 < tilt < 2/sqrt(27) the minimum near -1 is the global one, that near 1 is spurious, and the maximum between
 * them divides their basins. This is the example of README.md: put it into include/models and the program knows it.
 */
#ifndef BASIN_MODELS_DOUBLEWELL_H
#define BASIN_MODELS_DOUBLEWELL_H

#include "../model.h"

#define doublewell_TITLE "a tilted double well, in one dimension"
#define doublewell_SOURCE "textbook example"

#define doublewell_PARAMETERS(X)                                                       \
  X(tilt, 0.1, 1e-6, 0.38, 0, "1", "slope that makes the well near -1 the deeper one") \
  X(d, 1, 1, 1, 1, "1", "dimension: length of x")
#define doublewell_TEACHER(X) /* none */
#define doublewell_INITIAL(X) X(x, one, d, "start x_0")
#define doublewell_STEP_SIZES(X) X(eta_x, "step size")
#define doublewell_OBSERVABLES(X) \
  X(position, "1", "x")           \
  X(loss, "1", "f(x)")
#define doublewell_OUTCOMES                                                          \
  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_SPURIOUS) | BASIN_CAN(BASIN_DIVERGED) | \
   BASIN_CAN(BASIN_UNRESOLVED))
#define doublewell_AT "the squared distance to the global minimum"
#define doublewell_AT_SPURIOUS "the same to the spurious one"

#define BASIN_HAS_population BASIN_REGISTERS

typedef struct doublewell_cell {
  double tilt, tolerance, tolerance_spurious;
  double well[3];  /* roots of f', ascending: global minimum, maximum, spurious minimum */
  int small_steps; /* eta f'' <= 1 for |x| <= 1.5, so that x never jumps over a root */
  uint64_t key;
  int source; /* of x_0: enum basin_source */
  double scale, given;
} doublewell_cell;

typedef struct doublewell_stage {
  double eta;
} doublewell_stage;
typedef struct doublewell_rates {
  real eta;
} doublewell_rates;
typedef struct doublewell_state {
  real x;
} doublewell_state;

/* ---- host ---- */

static inline const char *doublewell_check(const basin_setting *setting, const char **where) {
  *where = "init.x";
  return setting->initial[0].source == BASIN_BALL ? "expected a number, sphere or normal" : NULL;
}

static inline const char *doublewell_gradient_check(const basin_setting *setting) {
  (void)setting;
  return NULL;
}

static inline int64_t doublewell_data_size(const basin_setting *setting) {
  (void)setting;
  return 1;
}

static inline void doublewell_prepare(const basin_setting *setting, doublewell_cell *cell,
                                      double *data) {
  static const double start[3] = {-1, 0, 1};
  (void)data;
  memset(cell, 0, sizeof *cell);
  cell->tilt = setting->parameter[0];
  cell->tolerance = setting->stop.tolerance;
  cell->tolerance_spurious = basin_tolerance_spurious(&setting->stop);
  cell->key = setting->key;
  cell->source = (int)setting->initial[0].source;
  cell->scale = setting->initial[0].scale;
  cell->given = setting->initial[0].value ? setting->initial[0].value[0] : 0;
  for (int i = 0; i < 3; i++) { /* Newton from -1, 0, 1 finds the three roots of f' in this order */
    double x = start[i];
    for (int n = 0; n < 60; n++) x -= (x * x * x - x + cell->tilt) / (3 * x * x - 1);
    cell->well[i] = x;
  }
  cell->small_steps = 1;
  for (int s = 0; s < setting->stages; s++)
    if (setting->stage[s].eta[0] * (3 * 1.5 * 1.5 - 1) > 1) cell->small_steps = 0;
}

static inline void doublewell_stage_prepare(const doublewell_cell *cell, const double *eta,
                                            doublewell_stage *stage) {
  (void)cell;
  stage->eta = eta[0];
}

/* ---- host and device ---- */

BASIN_HD void doublewell_start(const doublewell_cell *cell, const double *data, basin_team team,
                               bits trial, doublewell_state *s) {
  real z = r_set(cell->given), unused;
  (void)data, (void)team;
  if (cell->source != BASIN_GIVEN)
    basin_normals(cell->key, BASIN_STREAM_DIRECTION, trial, 0, 0, &z, &unused);
  if (cell->source == BASIN_NORMAL) z = r_set(cell->scale) * z;
  if (cell->source == BASIN_SPHERE) z = r_copysign(r_set(cell->scale), z);
  s->x = z;
}

BASIN_HD void doublewell_step(const doublewell_cell *cell, const doublewell_rates *rates,
                              doublewell_state *s) {
  const real slope = r_fma(s->x * s->x, s->x, r_set(cell->tilt) - s->x);
  s->x = r_fnma(rates->eta, slope, s->x);
}

BASIN_HD void doublewell_decide(const doublewell_cell *cell, const doublewell_state *s,
                                mask outcome[BASIN_OUTCOMES]) {
  /* small steps keep x on its side of the maximum, and move it to the minimum there */
  const mask proved = r_le(r_abs(s->x), r_set(cell->small_steps ? 1.5 : -1.0));
  outcome[BASIN_GLOBAL] = m_and(proved, r_lt(s->x, r_set(cell->well[1])));
  outcome[BASIN_SPURIOUS] = m_and(proved, r_lt(r_set(cell->well[1]), s->x));
  outcome[BASIN_DIVERGED] = m_not(r_le(r_abs(s->x), r_set(1e50)));
}

BASIN_HD void doublewell_reached(const doublewell_cell *cell, const doublewell_state *s,
                                 mask outcome[BASIN_OUTCOMES]) {
  const real left = s->x - r_set(cell->well[0]), right = s->x - r_set(cell->well[2]);
  outcome[BASIN_GLOBAL] = r_le(left * left, r_set(cell->tolerance));
  outcome[BASIN_SPURIOUS] = r_le(right * right, r_set(cell->tolerance_spurious));
  outcome[BASIN_DIVERGED] = m_not(r_le(r_abs(s->x), r_set(1e50)));
}

BASIN_HD void doublewell_observe(const doublewell_cell *cell, const doublewell_state *s,
                                 real *out) {
  const real bowl = r_fma(s->x, s->x, r_set(-1.0));
  out[0] = s->x;
  out[1] = r_fma(r_set(0.25) * bowl, bowl, r_set(cell->tilt) * s->x);
}

#if BASIN_LANES == 1 && !defined(__CUDACC__)
static inline void doublewell_vectors(const doublewell_cell *cell, const double *data,
                                      uint64_t trial, const doublewell_state *s, double *out) {
  (void)cell, (void)data, (void)trial;
  out[0] = s->x;
}
#endif

#endif
