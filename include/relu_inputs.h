/* SPDX-License-Identifier: MIT
 *
 * relu_inputs.h: the loss and its gradient on single inputs, for the sums of neurons of relu_sum.h.
 *
 * The other side of the closed forms: nothing here knows of angles. An input is one vector x of d standard normals, r
 * its residual as in relu_sampled.h, and
 *
 *   loss = 1/2 r^2,   by w_i: r 1{w_i'x >= 0} x.
 */
#ifndef BASIN_RELU_INPUTS_H
#define BASIN_RELU_INPUTS_H

#include "relu_sum.h"

#define BASIN_HAS_SAMPLE 1

static inline int64_t relu_input_blocks(const basin_setting *setting) {
  return (setting->initial[0].length + 1) / 2;
}

/* scratch: the input and a teacher [d] each; w_i'x [n]; the columns of a sum [32] */
static inline int64_t relu_input_work(const basin_setting *setting) {
  return 2 * setting->initial[0].length + setting->initial[0].rows + 32;
}

/* vectors, out: see model.h; w [n][d] */
BASIN_HD void relu_one_input(const relu_cell *cell, const double *data, const double *vectors,
                             bits trial, bits step, bits input, real *work, real *out) {
  const int64_t n = cell->n, m = cell->m, d = cell->d;
  const real zero = r_set(0.0);
  real *x = work, *teacher = x + d, *dot = teacher + d, *column = dot + n, r = zero;
  bits block = b_mul32(input, b_set((uint64_t)((d + 1) / 2)));
  for (int64_t q = 0; q < d; q += 2, block = block + b_set(1)) {
    real z0, z1;
    basin_normals_in(cell->student.key, BASIN_STREAM_ESTIMATE, trial, step, block, &z0, &z1);
    x[q] = z0;
    if (q + 1 < d) x[q + 1] = z1;
  }
  for (int64_t i = 0; i < n; i++) {
    dot[i] = zero;
    for (int64_t q = 0; q < d; q++) dot[i] = r_fma(r_set(vectors[i * d + q]), x[q], dot[i]);
    r = r + r_max(dot[i], zero);
  }
  for (int64_t l = 0; l < m; l++) {
    relu_row(cell, data, basin_alone, &cell->teacher, trial, l, column, teacher);
    r = r - r_max(team_dot(basin_alone, teacher, x, d, column), zero);
  }
  out[0] = r_set(0.5) * r * r;
  for (int64_t i = 0; i < n; i++) {
    const real pull = r_select(r_le(zero, dot[i]), r, zero);
    for (int64_t q = 0; q < d; q++) out[1 + i * d + q] = pull * x[q];
  }
}

#if BASIN_LANES == 1 && !defined(__CUDACC__)
/* Students with the inner products of a projected state, among each other and with the teachers: its teachers have
   kept the axes of the start, and any axes will do for the rest. */
static inline void relu_some_vectors(const relu_cell *cell, const double *data, uint64_t trial,
                                     double *work, const double *state, double *out) {
  double *row = work + cell->to_row;
  basin_frame frame;
  relu_place(cell, data, basin_alone, trial, work, work + cell->to_teacher, out, &frame);
  for (int64_t j = 0; j < cell->d && frame.used < (double)cell->width; j++) {
    memset(row, 0, (size_t)cell->d * sizeof *row);
    row[j] = 1;
    frame_add(basin_alone, &frame, row, out);
  }
  for (int64_t i = 0; i < cell->n; i++)
    frame_vector(basin_alone, &frame, state + cell->at_w + i * cell->width, out + i * cell->d);
}
#endif

#endif
