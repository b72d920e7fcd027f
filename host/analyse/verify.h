/* SPDX-License-Identifier: MIT
 *
 * verify.h: the closed forms of a model against Monte Carlo over its inputs, at random states.
 *
 * A state is the start of trial 0 of a small experiment: sizes and switches, teachers (given, or in half of the cases
 * drawn for the trial where the model has that) and widths of the starts are drawn until the model accepts them.
 * Compared with what basin_measure() says of it are
 *
 *   loss        the observable; z against its standard error
 *   norms       the observables that are gradient norms; z against Student's law with BASIN_SUMS - 1 degrees of
 *               freedom, for the jackknife's error has as many
 *   gradient    what one step of the population gradient follows: full vectors before and after a step of size 2^-26,
 *               their difference over it. With d its distance to the measured mean and C the covariance of that mean,
 *               d' C^-1 d is a chi-square number (C is known from many inputs). Directions in which the gradient
 *               cannot point have no variance and count no degree of freedom, but d must be 0 there: C has a floor,
 *               the square of 1e-7 (1 + |gradient|), which is what the step's rounding and curvature leave open.
 *               Two students that are nearly parallel have gradients that differ on few inputs or on none, of which no
 *               variance can be told: C's diagonal is as large as if 16 inputs more had shown such a difference.
 *
 * Of networks, whose tables come from their layers, states are small networks: dense ones, residual ones and
 * convolutions in turn, with activations of all kinds.
 *
 * Of every model, whether it has a sampled form or not, the slope of the loss at the first BASIN_SLOPE_STATES states is
 * compared too: slope.h. Without a sampled form there are no more of them.
 *
 * Errors of numbers have the floor 1e-7 (1 + |closed form|). A norm that, in both forms, is within 10 standard errors
 * of the mean gradient is not judged: see measure.h.
 */
#ifndef BASIN_VERIFY_H
#define BASIN_VERIFY_H

#include "analyse/checks.h"
#include "analyse/slope.h"
#include "engine/measure.h"

enum { BASIN_SLOPE_STATES = 8 };

/* One comparison, or the same quantity of all states together. */
typedef struct basin_comparison {
  const char *name;
  double closed, measured, error, z; /* a number; NaN for the gradient and for all states */
  int64_t entries;                   /* of the gradient, else 0 */
  double largest;                    /* |z| of its entries */
  double chi_square;                 /* of the gradient, and of all states together; else NaN */
  int64_t freedom;                   /* its degrees of freedom */
  double p; /* chance of as much or more; NaN: not judged, both numbers are lost in the noise */
} basin_comparison;

/* A state and its comparisons. */
typedef struct basin_verified {
  const basin_model *model;
  char *experiment;  /* YAML: its trial 0 starts at this state */
  double *parameter; /* [model->parameters] */
  double *observed;  /* [model->observables] closed forms; NaN without a sampled form */
  int comparisons;
  basin_comparison
      *comparison;   /* [comparisons] loss, norms, gradient; none without a sampled form */
  basin_slope slope; /* kind and why NULL: it was not asked for */
} basin_verified;

/* Draws state number `state` of the model and compares. BASIN_BAD_INPUT where no setting of the model has room for so
   many inputs. The result is freed by basin_verified_free() in any case. */
basin_status basin_verify_state(const basin_model *model, uint64_t seed, int64_t state,
                                int64_t inputs, basin_verified *out, basin_error *error);
void basin_verified_free(basin_verified *verified);

/* What the steps of another kind of the model are at such a state: added to a check of it. */
basin_status basin_verify_kind(const basin_verified *verified, uint64_t seed, basin_check *check,
                               basin_error *error);

/* The states of one model together: the sum of z^2 of the loss, and of the gradients' chi-square numbers. */
void basin_verify_together(const basin_verified *state, int64_t states, basin_comparison out[2]);

#endif
