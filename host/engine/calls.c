/* SPDX-License-Identifier: MIT
 *
 * calls.c: the calls (seam/calls.h) of the kinds of dynamics of a model whose state is an array. Compiled once per
 * model and instruction set, with BASIN_MODEL, BASIN_MODEL_HEADER, BASIN_ISA and BASIN_SIMD as lanes.c; with BASIN_KIND
 * for that kind alone, and so for the kind `whole` of models that have it (MODEL_WHOLE), which is one lane by any
 * instruction set, with BASIN_SIMD 0 and BASIN_WHOLE 1.
 */
#include BASIN_MODEL_HEADER
#include "seam/calls.h"
#include "seam/expand.h"
#ifndef BASIN_WHOLE
#define BASIN_WHOLE 0
#endif

/* a row has either; the other is one of these, which nobody calls */
typedef void step_function(const model_cell *c, basin_turn t, real *x);
typedef real leap_function(const model_cell *c, basin_turn t, real limit, real *x);
BASIN_HD void no_step(const model_cell *c, basin_turn t, real *x) { (void)c, (void)t, (void)x; }
BASIN_HD real no_leap(const model_cell *c, basin_turn t, real limit, real *x) {
  (void)c, (void)t, (void)x;
  return limit;
}
#define STEP_OF(f) _Generic(&(f), step_function * : (f), default : no_step)
#define LEAP_OF(f) _Generic(&(f), leap_function * : (f), default : no_leap)

static const char *prepare(const basin_setting *setting, basin_room *room, void *cell,
                           const char **where) {
  return model_prepare(setting, room, (model_cell *)cell, where);
}

/* of a kind that has its state in registers, nothing */
#define IN_ARRAY(kind) (MODEL_##kind(ROW_states) <= 0)
#define LEAPS(kind) (MODEL_##kind(ROW_states) < 0)

#define FUNCTIONS(kind)                                                                            \
  static void kind##_paces(const void *cell, const double *eta, double *pace) {                    \
    MODEL_##kind(ROW_paces)((const model_cell *)cell, eta, pace);                                  \
  }                                                                                                \
  static void kind##_start(const void *cell, const basin_turn *t, real *x) {                       \
    if (IN_ARRAY(kind)) MODEL_##kind(ROW_start)((const model_cell *)cell, *t, x);                  \
  }                                                                                                \
  static void kind##_step(const void *cell, basin_turn *t, int64_t n, real *x) {                   \
    for (int64_t i = 0; IN_ARRAY(kind) && i < n; i++) {                                            \
      STEP_OF(MODEL_##kind(ROW_step))((const model_cell *)cell, *t, x);                            \
      t->step = t->step + b_set(1);                                                                \
      t->warm = 1;                                                                                 \
    }                                                                                              \
  }                                                                                                \
  static void kind##_leap(const void *cell, const basin_turn *t, const real *limit, real *x,       \
                          real *taken) {                                                           \
    if (IN_ARRAY(kind))                                                                            \
      *taken = LEAP_OF(MODEL_##kind(ROW_step))((const model_cell *)cell, *t, *limit, x);           \
  }                                                                                                \
  static void kind##_reached(const void *cell, const basin_turn *t, const real *x,                 \
                             mask *outcome) {                                                      \
    if (IN_ARRAY(kind)) MODEL_##kind(ROW_reached)((const model_cell *)cell, *t, x, outcome);       \
  }                                                                                                \
  static void kind##_decide(const void *cell, const basin_turn *t, const real *x, mask *outcome) { \
    if (IN_ARRAY(kind)) MODEL_##kind(ROW_decide)((const model_cell *)cell, *t, x, outcome);        \
  }                                                                                                \
  static void kind##_observe(const void *cell, const basin_turn *t, const real *x, real *out) {    \
    if (IN_ARRAY(kind)) MODEL_##kind(ROW_observe)((const model_cell *)cell, *t, x, out);           \
  }

#define CALLS(kind)                                                                     \
  FUNCTIONS(kind)                                                                       \
  extern const basin_calls BASIN_JOIN4(basin_calls, BASIN_MODEL, kind, BASIN_ISA);      \
  const basin_calls BASIN_JOIN4(basin_calls, BASIN_MODEL, kind,                         \
                                BASIN_ISA) = {.cell_size = sizeof(model_cell),          \
                                              .whole = BASIN_WHOLE,                     \
                                              .prepare = prepare,                       \
                                              .paces = kind##_paces,                    \
                                              .start = kind##_start,                    \
                                              .step = LEAPS(kind) ? NULL : kind##_step, \
                                              .leap = LEAPS(kind) ? kind##_leap : NULL, \
                                              .reached = kind##_reached,                \
                                              .decide = kind##_decide,                  \
                                              .observe = kind##_observe,                \
                                              .is_steady = expand_is_steady,            \
                                              .is_steady_when = expand_is_steady_when};

#ifdef BASIN_KIND
#define CALLS_OF(kind) CALLS(kind)
CALLS_OF(BASIN_KIND)
#else
MODEL_DYNAMICS(CALLS)
#endif
