/* SPDX-License-Identifier: MIT
 *
 * conv_inputs.h: the loss and its gradient on single inputs, for the networks of conv_relu.h.
 *
 * The other side of the closed forms: nothing here knows of angles or of g(phi). An input is k patches Z_j of p
 * standard normals each, all of them drawn; its residual r, sigma(u_j) and G are those of conv_sampled.h, and
 *
 *   loss = 1/2 r^2,   by a_j: r sigma(u_j),   by v (and by w, v = shift 1 + w): 1/|v| (I - v v'/|v|^2) G.
 *
 * Their means over inputs are the population loss and its gradient.
 */
#ifndef BASIN_CONV_INPUTS_H
#define BASIN_CONV_INPUTS_H

#include "conv_sampled.h"

#define BASIN_HAS_SAMPLE 1

static inline int64_t conv_sample_blocks(const basin_setting *setting) {
  return conv_direct_blocks(setting->teacher[0].length, setting->teacher[1].length);
}

/* scratch: a and sigma(u) [k] each; v [p]; the columns of the residual, of patches and of G */
static inline int64_t conv_sample_work(const basin_setting *setting) {
  const int64_t k = setting->teacher[0].length, p = setting->teacher[1].length;
  return 2 * k + p + conv_columns(k) * (1 + 2 * conv_direct_stride(p));
}

/* vectors, out: see model.h; a [k], then v - shift 1 [p] */
BASIN_HD void conv_sample(const conv_cell *cell, const double *data, const double *vectors,
                          bits trial, bits step, bits input, real *work, real *out) {
  const int64_t k = cell->k, p = cell->p;
  const int64_t stride = conv_direct_stride(p);
  const int columns = conv_columns(k);
  real *a = work, *active = a + k, *v = active + k, *residual = v + p, *sum = residual + columns,
       *patch = sum + columns * stride, length2 = r_set(0.0);
  for (int64_t i = 0; i < columns * (1 + stride); i++) residual[i] = r_set(0.0);
  for (int64_t j = 0; j < k; j++) a[j] = r_set(vectors[j]);
  for (int64_t q = 0; q < p; q++) {
    v[q] = r_set(vectors[k + q] + cell->shift);
    length2 = r_fma(v[q], v[q], length2);
  }
  const real inverse = r_set(1.0) / r_sqrt(length2);
  const bits block = b_mul32(input, b_set((uint64_t)conv_direct_blocks(k, p)));
  const real r = conv_direct_input(cell, data, basin_alone, BASIN_STREAM_ESTIMATE, trial, step,
                                   block, a, v, inverse, active, residual, sum, patch);
  const real along = conv_direct_along(cell, basin_alone, v, inverse, columns, sum);
  out[0] = r_set(0.5) * r * r;
  for (int64_t j = 0; j < k; j++) out[1 + j] = r * active[j];
  for (int64_t q = 0; q < p; q++) out[1 + k + q] = r * (inverse * r_fnma(along, v[q], sum[q]));
}

/* Vectors with the loss and the gradient norms of a projected state, which knows the angle to v* and no direction:
   v = |v| (cos phi v* + sin phi n) with the unit vector n orthogonal to v* that is next to the axis where v* is
   smallest. In distribution the estimate does not depend on n. */
static inline void conv_projected_some_vectors(const conv_cell *cell, const double *data,
                                               const double *x, double *out) {
  const int64_t k = cell->k, p = cell->p;
  const double *v_star = data + cell->teacher_v, length = 1 / sqrt(x[k + 2]);
  int64_t axis = 0;
  for (int64_t q = 1; q < p; q++)
    if (fabs(v_star[q]) < fabs(v_star[axis])) axis = q;
  double rest2 = 0;
  for (int64_t q = 0; q < p; q++) {
    const double n = (q == axis) - v_star[axis] * v_star[q];
    rest2 += n * n;
  }
  const double sine = x[k + 1] / sqrt(rest2);
  for (int64_t j = 0; j < k; j++) out[j] = x[j];
  for (int64_t q = 0; q < p; q++) {
    const double n = (q == axis) - v_star[axis] * v_star[q];
    out[k + q] = length * (x[k] * v_star[q] + sine * n) - cell->shift;
  }
}

/* the functions of model.h that differ in the name alone */
#define CONV_SAMPLE(name)                                                                         \
  static inline int64_t name##_sample_work(const basin_setting *setting) {                        \
    return conv_sample_work(setting);                                                             \
  }                                                                                               \
  static inline int64_t name##_sample_blocks(const basin_setting *setting) {                      \
    return conv_sample_blocks(setting);                                                           \
  }                                                                                               \
  BASIN_HD void name##_sample(const conv_cell *cell, const double *data, const double *vectors,   \
                              bits trial, bits step, bits input, real *work, real *out) {         \
    conv_sample(cell, data, vectors, trial, step, input, work, out);                              \
  }                                                                                               \
  static inline void name##_projected_some_vectors(const conv_cell *cell, const double *data,     \
                                                   uint64_t trial, double *work, const double *x, \
                                                   double *out) {                                 \
    (void)trial, (void)work;                                                                      \
    conv_projected_some_vectors(cell, data, x, out);                                              \
  }

#endif
