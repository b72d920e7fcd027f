/* SPDX-License-Identifier: MIT
 *
 * conv_dataset.h: gradient descent on the empirical risk of a data set that is drawn once, for the networks of conv.h.
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
 * The methods of seam/method.h take these gradients, of all inputs or of a mini-batch, as they take those of direct.
 *
 * Entry q of patch j of input i of data set s is normal q % 2 of (key, trial s, BASIN_STREAM_DATA, step i,
 * block j ceil(p/2) + q/2): so the data set of n inputs is the beginning of that of n + 1, and cells that share
 * their draws (same_draw) share their inputs. Input number 2b + c of a mini-batch is floor(n U), U the uniform
 * number of word c of (key, trial, BASIN_STREAM_BATCH, step, block b).
 *
 * Operations of one input and trial: 4 p k flop in the two products, and about 7 k around them.
 */
#ifndef BASIN_MODELS_CONV_DATASET_H
#define BASIN_MODELS_CONV_DATASET_H

#include "models/conv/conv_sampled.h"
#include "seam/products.h"

/* the state is that of the direct sampler; what is needed beside it the driver has */
static inline basin_layout conv_dataset_layout(const basin_setting *setting,
                                               const conv_cell *cell) {
  const basin_layout layout = {cell->k + cell->p, 0, 1};
  (void)setting;
  return method_layout(&cell->method, layout);
}

static inline basin_input_shape conv_dataset_shape(const conv_cell *cell) {
  const basin_input_shape shape = {cell->k, cell->p, 1};
  return shape;
}

/* patch j of an input, into z [p]; *label: the labels of the patches before it, to which its own is added */
BASIN_HD void conv_dataset_draw(const conv_cell *cell, basin_turn turn, bits set, bits input,
                                int64_t patch, real *z, real *label) {
  const double *data = turn.data;
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

/* the label's share of patch j with the numbers z [p], which are there */
BASIN_HD void conv_dataset_label(const conv_cell *cell, basin_turn turn, int64_t patch,
                                 const real *z, real *label) {
  const double *data = turn.data;
  real t = r_set(0.0);
  for (int64_t q = 0; q < cell->p; q++) t = r_fma(z[q], r_set(data[cell->teacher_v + q]), t);
  *label = r_fma(r_set(data[cell->teacher_a + patch]), conv_relu(t), *label);
}

/* v/|v| */
BASIN_HD void conv_dataset_filter(const conv_cell *cell, const real *x, real *f, int64_t stride) {
  const real *v = x + cell->k, inverse = conv_inverse_length(cell, v);
  for (int64_t q = 0; q < cell->p; q++) f[q * stride] = inverse * v[q];
}

BASIN_HD void conv_dataset_coefficients(const conv_cell *cell, const real *x, real *a,
                                        int64_t stride) {
  for (int64_t j = 0; j < cell->k; j++) a[j * stride] = x[j];
}

BASIN_HD real conv_dataset_residual(real a, real u, real r) { return r_fma(a, conv_relu(u), r); }
BASIN_HD real conv_dataset_slope(real u, real r, real g) { return r_fma(r, conv_relu(u), g); }
BASIN_HD real conv_dataset_weight(real a, real u, real r) {
  return r_select(r_lt(r_set(0.0), u), r * a, r_set(0.0));
}

/* |grad_a|^2 + |grad_v|^2 */
BASIN_HD real conv_dataset_gradient2(const conv_cell *cell, const real *grad_a, const real *grad_f,
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
BASIN_HD void conv_dataset_move(const conv_cell *cell, basin_turn t, const real *grad_a,
                                const real *grad_f, int64_t stride, real *x) {
  const int64_t k = cell->k, p = cell->p;
  real *a = x, *v = x + k, along = r_set(0.0);
  const real pace_a = t.pace[CONV_SAMPLED_PACE_A], pace_w = t.pace[CONV_SAMPLED_PACE_W];
  const real inverse = conv_inverse_length(cell, v);
  for (int64_t q = 0; q < p; q++) along = r_fma(grad_f[q * stride], v[q], along);
  along = along * (inverse * inverse);
  if (method_is_plain(&cell->method)) {
    const real pace = pace_w * inverse;
    for (int64_t q = 0; q < p; q++)
      v[q] = r_fnma(pace, r_fnma(along, v[q], grad_f[q * stride]), v[q]);
    for (int64_t j = 0; j < k; j++) a[j] = r_fnma(pace_a, grad_a[j * stride], a[j]);
  } else {
    const method_step s = method_begin(&cell->method, t, x + k + p, t.work);
    for (int64_t q = 0; q < p; q++)
      method_entry(&s, pace_w, k + q, inverse * r_fnma(along, v[q], grad_f[q * stride]), &v[q]);
    for (int64_t j = 0; j < k; j++) method_entry(&s, pace_a, j, grad_a[j * stride], &a[j]);
  }
  if (cell->grows) return;
  const real scale = conv_inverse_length(cell, v);
  for (int64_t q = 0; q < p; q++) v[q] = scale * v[q];
}

/* state, start, rules and observables are those of direct */
#define MODEL_dataset(F)                                                                      \
  F(0, conv_dataset_layout, conv_sampled_paces, conv_direct_start, none, conv_direct_reached, \
    conv_direct_reached, conv_direct_observe, conv_direct_vectors)

#define MODEL_PRODUCTS(F)                                                                   \
  F(conv_dataset_shape, conv_dataset_draw, conv_dataset_filter, conv_dataset_coefficients,  \
    conv_dataset_residual, conv_dataset_slope, conv_dataset_weight, conv_dataset_gradient2, \
    conv_dataset_move, conv_dataset_label)

#endif
