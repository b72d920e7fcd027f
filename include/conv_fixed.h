/* SPDX-License-Identifier: MIT
 *
 * conv_fixed.h: gradient descent on the empirical risk of a fixed data set, for the networks of conv_relu.h.
 *
 * n inputs are drawn once, each of k patches Z_ij of p standard normals; the teacher labels them without noise,
 * y_i = sum_j a*_j sigma(Z_ij'v*), so that it is one of the risk's global minima, with risk 0. Of
 *
 *   R(v, a) = 1/(2n) sum_i r_i^2,   r_i = sum_j a_j sigma(u_ij) - y_i,   u_ij = Z_ij'v / |v|
 *
 * the gradients are those of conv_sampled.h, with the same n inputs at every step and for every trial:
 *
 *   grad_a = 1/n sum_i r_i sigma(u_ij)                                              (entry j)
 *   grad_v = 1/|v| (I - v v'/|v|^2) G,   G = 1/n sum_ij r_i a_j 1{u_ij > 0} Z_ij
 *
 * With the filters v/|v| of T trials as columns of a matrix F, the u of all trials are Z F, [n k x p] times [p x T],
 * and the G are Z'W, where W has the weights r_i a_j 1{u_ij > 0}. A mini-batch is B inputs drawn from the n with
 * replacement, by every trial for itself at every step; n/B in the sums is then 1/B.
 *
 * Entry q of patch j of input i of data set s is normal q % 2 of (key, trial s, BASIN_STREAM_DATA, step i,
 * block j ceil(p/2) + q/2): so the data set of n inputs is the beginning of that of n + 1, and cells that share
 * their draws (same_draw) share their inputs. Input number 2b + c of a mini-batch is floor(n U), U the uniform
 * number of word c of (key, trial, BASIN_STREAM_BATCH, step, block b).
 *
 * Operations of one input and trial: 4 p k flop in the two products, and about 7 k around them.
 */
#ifndef BASIN_CONV_FIXED_H
#define BASIN_CONV_FIXED_H

#include "conv_sampled.h"

#define BASIN_HAS_fixed BASIN_ARRAYS

static inline int64_t conv_fixed_rows(const basin_setting *setting) {
  return setting->teacher[0].length;
}
static inline int64_t conv_fixed_width(const basin_setting *setting) {
  return setting->teacher[1].length;
}

/* patch j of an input, into z [p]; *label: the labels of the patches before it, to which its own is added */
BASIN_HD void conv_fixed_draw(const conv_cell *cell, const double *data, bits set, bits input,
                              int64_t patch, real *z, real *label) {
  const int64_t p = cell->p, blocks = (p + 1) / 2;
  const double *v_star = data + cell->teacher_v;
  real t = r_set(0.0);
  for (int64_t b = 0; b < blocks; b++) {
    const int64_t q = 2 * b;
    real z0, z1;
    basin_normals_at(cell->key, BASIN_STREAM_DATA, set, input, (uint64_t)(patch * blocks + b), &z0,
                     &z1);
    z[q] = z0;
    t = r_fma(z0, r_set(v_star[q]), t);
    if (q + 1 == p) break;
    z[q + 1] = z1;
    t = r_fma(z1, r_set(v_star[q + 1]), t);
  }
  *label = r_fma(r_set(data[cell->teacher_a + patch]), conv_relu(t), *label);
}

/* v/|v| */
BASIN_HD void conv_fixed_filter(const conv_cell *cell, const real *x, real *f, int64_t stride) {
  const real *v = x + cell->k, inverse = conv_inverse_length(cell, v);
  for (int64_t q = 0; q < cell->p; q++) f[q * stride] = inverse * v[q];
}

BASIN_HD void conv_fixed_coefficients(const conv_cell *cell, const real *x, real *a,
                                      int64_t stride) {
  for (int64_t j = 0; j < cell->k; j++) a[j * stride] = x[j];
}

BASIN_HD real conv_fixed_residual(real a, real u, real r) { return r_fma(a, conv_relu(u), r); }
BASIN_HD real conv_fixed_slope(real u, real r, real g) { return r_fma(r, conv_relu(u), g); }
BASIN_HD real conv_fixed_weight(real a, real u, real r) {
  return r_select(r_lt(r_set(0.0), u), r * a, r_set(0.0));
}

/* |grad_a|^2 + |grad_v|^2 */
BASIN_HD real conv_fixed_gradient2(const conv_cell *cell, const real *grad_a, const real *grad_f,
                                   int64_t stride, const real *x) {
  const real *v = x + cell->k, inverse = conv_inverse_length(cell, v);
  const real scale = r_set(1.0 / (double)cell->inputs);
  real along = r_set(0.0), sum_a = r_set(0.0), sum_v = r_set(0.0);
  for (int64_t j = 0; j < cell->k; j++) {
    const real g = scale * grad_a[j * stride];
    sum_a = r_fma(g, g, sum_a);
  }
  for (int64_t q = 0; q < cell->p; q++) along = r_fma(grad_f[q * stride], v[q], along);
  along = along * (inverse * inverse);
  for (int64_t q = 0; q < cell->p; q++) {
    const real g = scale * r_fnma(along, v[q], grad_f[q * stride]);
    sum_v = r_fma(g, g, sum_v);
  }
  return r_fma(inverse * inverse, sum_v, sum_a);
}

/* one step, as that of conv_direct_step */
BASIN_HD void conv_fixed_move(const conv_cell *cell, const conv_sampled_rates *rate,
                              const real *grad_a, const real *grad_f, int64_t stride, real *x,
                              int weight_norm) {
  const int64_t k = cell->k, p = cell->p;
  real *a = x, *v = x + k, along = r_set(0.0), length2 = r_set(0.0);
  const real inverse = conv_inverse_length(cell, v), rate_w = rate->rate_w * inverse;
  for (int64_t q = 0; q < p; q++) along = r_fma(grad_f[q * stride], v[q], along);
  along = along * (inverse * inverse);
  for (int64_t q = 0; q < p; q++) {
    v[q] = r_fnma(rate_w, r_fnma(along, v[q], grad_f[q * stride]), v[q]);
    length2 = r_fma(v[q], v[q], length2);
  }
  const real scale = r_set(1.0) / r_sqrt(length2);
  for (int64_t q = 0; q < p && !weight_norm; q++) v[q] = scale * v[q];
  for (int64_t j = 0; j < k; j++) a[j] = r_fnma(rate->rate_a, grad_a[j * stride], a[j]);
}

/* ---------------------------------------------------------------- what the two models share */

/* the functions of model.h for a fixed data set: state, start, rules and observables are those of direct */
#define CONV_FIXED(name, weight_norm)                                                              \
  typedef real name##_fixed_state;                                                                 \
  typedef conv_sampled_stage name##_fixed_stage;                                                   \
  typedef conv_sampled_rates name##_fixed_rates;                                                   \
  static inline int64_t name##_fixed_states(const basin_setting *setting) {                        \
    return conv_direct_states(setting);                                                            \
  }                                                                                                \
  static inline void name##_fixed_stage_prepare(const conv_cell *cell, const double *eta,          \
                                                conv_sampled_stage *stage) {                       \
    conv_sampled_stage_prepare(cell, eta, stage);                                                  \
  }                                                                                                \
  BASIN_HD void name##_fixed_start(const conv_cell *cell, const double *data, bits trial,          \
                                   real *x) {                                                      \
    conv_direct_start(cell, data, team_alone(), trial, x, weight_norm);                            \
  }                                                                                                \
  BASIN_HD void name##_fixed_reached(const conv_cell *cell, const double *data, const real *x,     \
                                     mask *outcome) {                                              \
    conv_state s;                                                                                  \
    conv_direct_reduce(cell, data, x, &s);                                                         \
    conv_reached(cell, &s, outcome);                                                               \
  }                                                                                                \
  BASIN_HD void name##_fixed_observe(const conv_cell *cell, const double *data, const real *x,     \
                                     real *out) {                                                  \
    conv_state s;                                                                                  \
    conv_direct_reduce(cell, data, x, &s);                                                         \
    conv_observe(cell, &s, out);                                                                   \
  }                                                                                                \
  static inline int64_t name##_fixed_rows(const basin_setting *setting) {                          \
    return conv_fixed_rows(setting);                                                               \
  }                                                                                                \
  static inline int64_t name##_fixed_width(const basin_setting *setting) {                         \
    return conv_fixed_width(setting);                                                              \
  }                                                                                                \
  BASIN_HD void name##_fixed_draw(const conv_cell *cell, const double *data, bits set, bits input, \
                                  int64_t row, real *z, real *label) {                             \
    conv_fixed_draw(cell, data, set, input, row, z, label);                                        \
  }                                                                                                \
  BASIN_HD void name##_fixed_filter(const conv_cell *cell, const real *x, real *f,                 \
                                    int64_t stride) {                                              \
    conv_fixed_filter(cell, x, f, stride);                                                         \
  }                                                                                                \
  BASIN_HD void name##_fixed_coefficients(const conv_cell *cell, const real *x, real *a,           \
                                          int64_t stride) {                                        \
    conv_fixed_coefficients(cell, x, a, stride);                                                   \
  }                                                                                                \
  BASIN_HD real name##_fixed_residual(real a, real u, real r) {                                    \
    return conv_fixed_residual(a, u, r);                                                           \
  }                                                                                                \
  BASIN_HD real name##_fixed_slope(real u, real r, real g) { return conv_fixed_slope(u, r, g); }   \
  BASIN_HD real name##_fixed_weight(real a, real u, real r) { return conv_fixed_weight(a, u, r); } \
  BASIN_HD real name##_fixed_gradient2(const conv_cell *cell, const real *grad_a,                  \
                                       const real *grad_f, int64_t stride, const real *x) {        \
    return conv_fixed_gradient2(cell, grad_a, grad_f, stride, x);                                  \
  }                                                                                                \
  BASIN_HD void name##_fixed_move(const conv_cell *cell, const conv_sampled_rates *rates,          \
                                  const real *grad_a, const real *grad_f, int64_t stride,          \
                                  real *x) {                                                       \
    conv_fixed_move(cell, rates, grad_a, grad_f, stride, x, weight_norm);                          \
  }

#endif
