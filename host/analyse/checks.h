/* SPDX-License-Identifier: MIT
 *
 * checks.h: whether the steps of a kind of dynamics are what the kind says, at random starts: of any model, be it part
 * of the build, a header or formulas.
 *
 *   basin_check check = basin_check_none("adam");
 *   basin_check_kind(experiment, 3, graph, seed, 4, &check, &error);         cell 3, four starts
 *
 * What is compared:
 *
 *   population, flow,         the gradient that a step follows, with differences of the loss. Of formulas entry by
 *   a header's own            entry in binary128 (formula/wide.h); else in random directions (slope.h)
 *   flow, of formulas         three steps with an integration by another method, on these differences
 *   momentum, nesterov,       three steps with the method's definition (seam/method.h), in plain loops, on these
 *   adam, langevin, noise     differences, or on the gradient of `population`
 *   direct, law, of formulas  the gradient of a step with differences of the mean loss over the very inputs of the step
 *   direct, mixed, law        else: the mean over 4096 steps of 16 fresh normal inputs with the population's gradient,
 *                             by Student's t of every entry over 32 batches
 *   projected                 the observables behind one step with those of `direct`, means of 4096 each, likewise
 *   dataset                   the gradient of a step with differences of the empirical risk of 8 inputs (slope.h)
 *
 * Of kinds that take a method (MODEL_METHODS) the gradient is compared: the step is then one of gradient descent,
 * without noise.
 */
#ifndef BASIN_CHECKS_H
#define BASIN_CHECKS_H

#include "formula/graph.h"
#include "read/experiment.h"

typedef struct basin_check {
  const char *kind;
  const char *what; /* what was compared */
  int64_t starts;   /* at which something was */
  int64_t entries;  /* compared, of all starts */
  double error,
      bound; /* where the first is largest beside the second, both relative to the gradient; NaN of means */
  double p;      /* of means: the chance of one as far out, of all entries together; else NaN */
  int wrong;     /* an error is beyond its bound; of means p is for the caller to judge */
  char why[160]; /* where there are no starts: why */
} basin_check;

basin_check basin_check_none(const char *kind);

/* Adds what is found at so many starts of the cell to a check of a kind that its model has. graph: of a model of
   formulas, else NULL. */
basin_status basin_check_kind(const basin_experiment *experiment, int64_t cell,
                              const formula_model *graph, uint64_t seed, int starts,
                              basin_check *check, basin_error *error);

#endif
