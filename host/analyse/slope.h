/* SPDX-License-Identifier: MIT
 *
 * slope.h: whether the first step of a trial follows the slope of the loss: a closed form of the loss, or a formula of
 * it, against the gradient that the step takes.
 *
 * The trial's own start x is given to a cell of one step, and so are the points x + h u around it, u being random
 * directions of length 1. The observable `loss` there makes central differences, (loss(x + h u) - loss(x - h u)) / 2h,
 * for h = 1/8, 1/16, ..., which are extrapolated to h = 0 (Ridders), with an error: rounding, or a kink of the loss
 * that lies nearer than the smallest h. Beside them stands g'u, with g = (x - x') / eta of steps of size eta = 2^-8,
 * 2^-9, ..., extrapolated to eta = 0. So
 *
 *   basin_slope_measure(experiment, draw, self, &usable, &slope, error);
 *   slope.relative                      |g'u - (extrapolated difference)| / |g|, of the worst of the directions
 *
 * is below some 1e-10 where the step is right, and 1e-7 where one entry of ten is wrong by 1e-6 of itself. It may be
 * 1e-9, or the model's MODEL_PRECISION, and what the two extrapolations leave open; where they leave much more open
 * than that nothing is said.
 */
#ifndef BASIN_SLOPE_H
#define BASIN_SLOPE_H

#include "read/experiment.h"

enum { BASIN_SLOPE_DIRECTIONS = 3 };

typedef struct basin_slope {
  const char *kind; /* of dynamics; NULL: none was measured */
  const char *why;  /* why that is so, or why it is not judged, in a few words; else NULL */
  int64_t entries;  /* of the full vectors */
  double relative;  /* of the direction in which the difference is largest beside what is allowed */
  double allowed;   /* of that direction, relative to |g| too */
  int wrong;
} basin_slope;

/* a random number of the normal law; `self` knows where they come from */
typedef double basin_slope_draw(void *self);

/* Of trial 0 of the experiment's cell 0, which records steps 0 and 1, and the observable of the name `loss`. *usable: 0
   where there is no slope at its start: its first step or a finite loss is missing; `slope` says nothing then. */
basin_status basin_slope_measure(const basin_experiment *experiment, const char *loss,
                                 basin_slope_draw *draw, void *self, int *usable,
                                 basin_slope *slope, basin_error *error);

/* The first step of trial 0 of cell 0, which records steps 0 and 1: the observables before it [observables]; where
   `before` is not NULL the full vectors before and behind it. *stepped: whether it was taken. */
basin_status basin_first_step(const basin_experiment *experiment, const basin_backend *backend,
                              double *observed, double *before, double *after, int *stepped,
                              basin_error *error);

/* NULL, or why the first steps of the model's default kind are not the slopes of an observable */
const char *basin_slope_lacks(const basin_model *model);

#endif
