/* SPDX-License-Identifier: MIT
 *
 * relu_inputs.h: the loss and its gradient on single inputs, for the sums of neurons of relu_sum.h.
 *
 * The other side of the closed forms: nothing here knows of angles. An input is a vector x of d standard normals, and
 *
 *   r = sum_i max(0, w_i'x) - sum_l max(0, v_l'x),   loss = 1/2 r^2,   by w_i: r 1{w_i'x >= 0} x.
 *
 * Their means over inputs are the population loss and its gradient (Xu and Du 2023, (1)-(3); w_i = 0 as relu_sum.h
 * has it).
 */
#ifndef BASIN_RELU_INPUTS_H
#define BASIN_RELU_INPUTS_H

#include "relu_sum.h"

#define BASIN_HAS_SAMPLE 1

enum { RELU_SAMPLE_COLUMNS = 32 }; /* scratch of sums */

static inline int64_t relu_sample_blocks(const basin_setting *setting) {
  return (setting->initial[0].length + 1) / 2;
}

/* scratch: columns; an input [d]; the teachers [m][d], drawn or given, and the students [n][d] */
static inline int64_t relu_sample_work(const basin_setting *setting) {
  const int64_t d = setting->initial[0].length;
  return RELU_SAMPLE_COLUMNS + d * (1 + setting->teacher[0].rows + setting->initial[0].rows);
}

BASIN_HD void relu_sample_start(const relu_cell *cell, const double *data, const double *vectors,
                                bits trial, real *work) {
  const int64_t d = cell->d, m = cell->m;
  real *row = work + RELU_SAMPLE_COLUMNS + d;
  for (int64_t l = 0; l < m; l++)
    relu_row(cell, data, basin_alone, &cell->teacher, trial, l, work, row + l * d);
  for (int64_t e = 0; e < cell->n * d; e++) row[m * d + e] = r_set(vectors[e]);
}

/* out: see model.h */
BASIN_HD void relu_sample_one(const relu_cell *cell, bits trial, bits step, bits input, real *work,
                              real *out) {
  const int64_t d = cell->d, m = cell->m, n = cell->n;
  const bits block = b_mul32(input, b_set((uint64_t)(d + 1) / 2));
  const real zero = r_set(0.0);
  real *x = work + RELU_SAMPLE_COLUMNS, *row = x + d, r = zero;
  basin_normals_row(basin_alone, cell->student.key, BASIN_STREAM_ESTIMATE, trial, step, block, d,
                    x);
  for (int64_t a = 0; a < m + n; a++) {
    real dot = zero;
    for (int64_t j = 0; j < d; j++) dot = r_fma(row[a * d + j], x[j], dot);
    r = a < m ? r - r_max(dot, zero) : r + r_max(dot, zero);
    if (a >= m) out[1 + (a - m) * d] = dot;
  }
  out[0] = r_set(0.5) * r * r;
  for (int64_t i = 0; i < n; i++) {
    real *g = out + 1 + i * d;
    const real weight = r_select(r_le(zero, g[0]), r, zero);
    for (int64_t j = 0; j < d; j++) g[j] = weight * x[j];
  }
}

#endif
