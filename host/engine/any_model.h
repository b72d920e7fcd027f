/* SPDX-License-Identifier: MIT
 *
 * any_model.h: stands for a model's header where lanes.c is compiled for all kinds of dynamics whose state is an array:
 * its two kinds, `arrays` and `leaps`, are whatever calls (seam/calls.h) the driver is given. Turns come as pointers:
 * the driver keeps them from one step to the next, for a short step is no longer than it takes to fill one in.
 */
#ifndef BASIN_ENGINE_ANY_MODEL_H
#define BASIN_ENGINE_ANY_MODEL_H

#include "seam/calls.h"

#define MODEL_INITIAL(X)
#define MODEL_OBSERVABLES(X)
#define MODEL_DYNAMICS(X) X(arrays) X(leaps)
#define MODEL_arrays(F) \
  F(0, NULL, any_paces, any_start, any_step, any_reached, any_decide, any_observe, NULL)
#define MODEL_leaps(F) \
  F(BASIN_LEAPS, NULL, any_paces, any_start, any_leap, any_reached, any_decide, any_observe, NULL)

typedef struct model_cell {
  const basin_calls *calls;
  void *own; /* the model's */
} model_cell;

static inline const char *model_prepare(const basin_setting *setting, basin_room *room,
                                        model_cell *c, const char **where) {
  return c->calls->prepare(setting, room, c->own, where);
}
static inline void any_paces(const model_cell *c, const double *eta, double *pace) {
  c->calls->paces(c->own, eta, pace);
}
BASIN_HD void any_start(const model_cell *c, const basin_turn *t, real *x) {
  c->calls->start(c->own, t, x);
}
BASIN_HD void any_step(const model_cell *c, basin_turn *t, int64_t n, real *x) {
  c->calls->step(c->own, t, n, x);
}
BASIN_HD real any_leap(const model_cell *c, const basin_turn *t, real limit, real *x) {
  real taken;
  c->calls->leap(c->own, t, &limit, x, &taken);
  return taken;
}
BASIN_HD void any_reached(const model_cell *c, const basin_turn *t, const real *x, mask *outcome) {
  c->calls->reached(c->own, t, x, outcome);
}
BASIN_HD void any_decide(const model_cell *c, const basin_turn *t, const real *x, mask *outcome) {
  c->calls->decide(c->own, t, x, outcome);
}
BASIN_HD void any_observe(const model_cell *c, const basin_turn *t, const real *x, real *out) {
  c->calls->observe(c->own, t, x, out);
}

#endif
