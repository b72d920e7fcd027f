/* SPDX-License-Identifier: MIT
 *
 * relu_inputs.h: the loss and its gradient on single inputs, for the sums of neurons of relu.h.
 *
 * The other side of the closed forms: nothing here knows of angles. An input is a vector x of d standard normals, or of
 * the experiment's law, and
 *
 *   r = sum_i max(0, w_i'x) - sum_l max(0, v_l'x),   loss = 1/2 r^2,   by w_i: r 1{w_i'x >= 0} x.
 *
 * Their means over inputs are the population loss and its gradient (Xu and Du 2023, (1)-(3); w_i = 0 as relu.h
 * has it).
 */
#ifndef BASIN_MODELS_RELU_INPUTS_H
#define BASIN_MODELS_RELU_INPUTS_H

#include "models/relu/relu.h"

enum { RELU_INPUT_SUMS = 32 }; /* scratch of team_total() */

/* scratch: strands; an input [d]; the teachers [m][d], drawn or given, and the students [n][d] */
static inline basin_input_layout relu_input_layout(const relu_cell *cell) {
  const basin_input_layout layout = {law_blocks(&cell->law, cell->d),
                                     RELU_INPUT_SUMS + cell->d * (1 + cell->m + cell->n)};
  return layout;
}

BASIN_HD void relu_input_begin(const relu_cell *cell, basin_turn t, const double *vectors) {
  const int64_t d = cell->d, m = cell->m;
  real *row = t.work + RELU_INPUT_SUMS + d;
  for (int64_t l = 0; l < m; l++)
    relu_row(cell, t.data, basin_alone, &cell->teacher, t.trial, l, t.work, row + l * d);
  for (int64_t e = 0; e < cell->n * d; e++) row[m * d + e] = r_set(vectors[e]);
}

/* out: see model.h */
BASIN_HD void relu_input_draw(const relu_cell *cell, basin_turn t, bits input, real *out) {
  const int64_t d = cell->d, m = cell->m, n = cell->n;
  const bits block = b_mul32(input, b_set((uint64_t)law_blocks(&cell->law, d)));
  const real zero = r_set(0.0);
  real *x = t.work + RELU_INPUT_SUMS, *row = x + d, r = zero;
  if (cell->law.kind)
    law_vector(&cell->law, cell->student.key, BASIN_STREAM_ESTIMATE, t.trial, t.step, block, d, x);
  else
    basin_normals_row(basin_alone, cell->student.key, BASIN_STREAM_ESTIMATE, t.trial, t.step, block,
                      d, x);
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

#define MODEL_INPUT(F) F(relu_input_layout, relu_input_begin, relu_input_draw)

#endif
