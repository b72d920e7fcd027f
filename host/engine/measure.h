/* SPDX-License-Identifier: MIT
 *
 * measure.h: the loss and its gradient at a state, measured on fresh inputs, beside the closed forms.
 *
 * M inputs are drawn from a stream of their own, addressed by the trial and the step alone, and summed in
 * n = BASIN_SUMS partial sums (see basin_input_sums): the same bits for any instruction set and whatever ran the trial.
 * With l_i the loss of input i and g_i its gradient by one of the initial vectors,
 *
 *   loss    mean of l_i; its standard error is sqrt(s^2 / M), s^2 the sample variance (sums of l_i - l_0)
 *   norm    U = (|sum g_i|^2 - sum |g_i|^2) / (M (M-1)), the mean of g_i'g_j over pairs, is |E g|^2 without bias; the
 *           square of the mean's norm would be too large by its noise. The norm is sqrt(max(U, 0)).
 *           The standard error e of U is the jackknife's over these sums: U_c leaves sum c out, m is the mean of the
 *           U_c, and e^2 = (n-1)/n sum (U_c - m)^2. That of the norm is e / max(2 norm, sqrt(e)): where the gradient
 *           is lost in the noise both are of the size of sqrt(e), and the norm, cut off at 0, is not normal.
 */
#ifndef BASIN_MEASURE_H
#define BASIN_MEASURE_H

#include "read/experiment.h"

/* A number and its standard error. */
typedef struct basin_measured {
  double value, error;
} basin_measured;

/* Mean and covariance of the gradient over the inputs. */
typedef struct basin_moments {
  double *mean; /* [size] */
  double *
      covariance; /* [size][size], of one input: divide by the number of inputs for that of the mean */
} basin_moments;

/* Measures at a state given by its full vectors; isa: a number of basin_cpu_isa(); inputs: BASIN_INPUTS_MIN to
   basin_inputs_max(). out[0] is the loss, out[1 + i] the model's norm[i]. moments may be NULL. */
basin_status basin_measure(const basin_model *model, int isa, const basin_setting *setting,
                           const double *vectors, int64_t trial, int64_t step, int64_t inputs,
                           basin_measured *out, const basin_moments *moments, basin_error *error);

/* Fills what is missing of part->estimate from part->state, once every trial has ended: quantity i of the
   experiment's `estimate` in row 2 i, its standard error in row 2 i + 1. BASIN_INTERRUPTED where the watch wants
   it, after one recorded state at least where it does not want to give up: call again. */
basin_status basin_measure_part(const basin_experiment *experiment, int isa, const basin_job *job,
                                basin_part *part, const basin_watch *watch, basin_error *error);

/* Bytes that measuring in a cell needs beside the part. */
double basin_measure_bytes(const basin_model *model, const basin_setting *setting);

#endif
