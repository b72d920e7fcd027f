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
 * A mini-batch is B inputs drawn from the n with replacement, by every trial for itself at every step; n/B in the sums
 * is then 1/B. How all that is summed up: models/risk/risk.h. A step of the whole data set ends with the gradient where
 * it has come to, so that rules, observables and the next step find it there.
 *
 * The methods of seam/method.h take these gradients, of all inputs or of a mini-batch, as they take those of direct.
 *
 * Entry q of patch j of input i of data set s is normal q % 2 of (key, trial s, BASIN_STREAM_DATA, step i,
 * block j ceil(p/2) + q/2): so the data set of n inputs is the beginning of that of n + 1, and cells that share
 * their draws (same_draw) share their inputs.
 */
#ifndef BASIN_MODELS_CONV_DATASET_H
#define BASIN_MODELS_CONV_DATASET_H

#include "models/conv/conv_sampled.h"

/* the state is that of the direct sampler; scratch: v/|v|, then the sums */
static inline basin_layout conv_dataset_layout(const basin_setting *setting,
                                               const conv_cell *cell) {
  const basin_layout layout = {cell->k + cell->p, cell->p + risk_reals(&cell->risk),
                               (int)team_strands(cell->k)};
  (void)setting;
  return method_layout(&cell->method, layout);
}

/* the trial's scratch */
BASIN_HD real *conv_dataset_filter(const conv_cell *cell, basin_turn t) {
  return t.work + method_work(&cell->method);
}
BASIN_HD risk_sums conv_dataset_sums(const conv_cell *cell, basin_turn t) {
  return risk_sums_in(&cell->risk, conv_dataset_filter(cell, t) + cell->p);
}

/* v/|v| for the sums to come; returns 1/|v| */
BASIN_HD real conv_dataset_begin(const conv_cell *cell, basin_turn t, const real *x) {
  real *f = conv_dataset_filter(cell, t);
  const real *v = x + cell->k, inverse = conv_inverse_length(cell, v);
  BASIN_TEAM_FOR(t.team, q, cell->p) f[q] = inverse * v[q];
  return inverse;
}

/* of the whole data set; without `gradients`, a constant, the risk alone */
BASIN_HD void conv_dataset_whole(const conv_cell *cell, basin_turn t, int gradients,
                                 const real *x) {
  const risk_sums s = conv_dataset_sums(cell, t);
  conv_dataset_begin(cell, t, x);
  risk_whole(&cell->risk, t, gradients, 0, conv_dataset_filter(cell, t), x, &s);
}

/* the move is that of the direct sampler, of sums in one strand */
BASIN_HD void conv_dataset_step(const conv_cell *cell, basin_turn t, real *x) {
  const risk_sums s = conv_dataset_sums(cell, t);
  if (cell->risk.batch) {
    const real inverse = conv_dataset_begin(cell, t, x);
    risk_batch(&cell->risk, t, 0, conv_dataset_filter(cell, t), x, &s);
    conv_direct_move(cell, t, inverse, s.grad_a, s.grad_f, 1, t.work, x);
    return;
  }
  for (int moved = 0; moved < 2; moved++) {
    if (moved)
      conv_direct_move(cell, t, conv_inverse_length(cell, x + cell->k), s.grad_a, s.grad_f, 1,
                       t.work, x);
    if (moved || !t.warm) conv_dataset_whole(cell, t, 1, x);
  }
}

/* |grad_a|^2 + |grad_v|^2 of the sums that are there */
BASIN_HD real conv_dataset_gradient2(const conv_cell *cell, basin_turn t, const real *x) {
  const risk_sums s = conv_dataset_sums(cell, t);
  const real *v = x + cell->k, inverse = conv_inverse_length(cell, v);
  const real scale = r_set(1.0 / (double)cell->inputs);
  real along = r_set(0.0), sum_a = r_set(0.0), sum_v = r_set(0.0);
  for (int64_t j = 0; j < cell->k; j++) {
    const real g = scale * s.grad_a[j];
    sum_a = r_fma(g, g, sum_a);
  }
  for (int64_t q = 0; q < cell->p; q++) along = r_fma(s.grad_f[q], v[q], along);
  along = along * (inverse * inverse);
  for (int64_t q = 0; q < cell->p; q++) {
    const real g = scale * r_fnma(along, v[q], s.grad_f[q]);
    sum_v = r_fma(g, g, sum_v);
  }
  return r_fma(inverse * inverse, sum_v, sum_a);
}

BASIN_HD void conv_dataset_reached(const conv_cell *cell, basin_turn t, const real *x,
                                   mask *outcome) {
  conv_direct_reached(cell, t, x, outcome);
  if (!(cell->tolerance_gradient > 0)) return;
  if (!t.warm) conv_dataset_whole(cell, t, 1, x);
  outcome[BASIN_STATIONARY] = r_le(conv_dataset_gradient2(cell, t, x),
                                   r_set(cell->tolerance_gradient));
}

BASIN_HD void conv_dataset_observe(const conv_cell *cell, basin_turn t, const real *x, real *out) {
  const risk_sums s = conv_dataset_sums(cell, t);
  conv_direct_observe(cell, t, x, out);
  out[CONV_OBSERVED + BASIN_RISK_train_loss] = r_set((double)NAN);
  if (!t.risk) return;
  if (cell->risk.batch || !t.warm) conv_dataset_whole(cell, t, 0, x);
  out[CONV_OBSERVED + BASIN_RISK_train_loss] = risk_train_loss(&cell->risk, &s);
}

static inline basin_input_shape conv_dataset_shape(const conv_cell *cell) {
  const basin_input_shape shape = {cell->k, cell->p, 1};
  return shape;
}

#if BASIN_ONE_LANE
static inline basin_status conv_dataset_inputs(const basin_setting *setting, const conv_cell *cell,
                                               const double *data, int64_t first, int64_t count,
                                               double *z, double *label) {
  const basin_gradient *g = &setting->gradient;
  const int64_t p = cell->p, blocks = law_blocks(&g->law, p);
  const double *a = data + cell->teacher_a, *v = data + cell->teacher_v;
  for (int64_t i = 0; i < count; i++) {
    label[i] = 0;
    for (int64_t j = 0; j < cell->k; j++, z += p) {
      double t = 0;
      if (!g->images)
        law_vector(&g->law, cell->key, BASIN_STREAM_DATA, (uint64_t)g->set, (uint64_t)(first + i),
                   (uint64_t)(j * blocks), p, z);
      for (int64_t q = 0; q < p; q++) t = r_fma(z[q], v[q], t);
      label[i] = r_fma(a[j], conv_relu(t), label[i]);
    }
  }
  return BASIN_OK;
}
#endif

#define MODEL_dataset(F)                                                              \
  F(0, conv_dataset_layout, conv_sampled_paces, conv_direct_start, conv_dataset_step, \
    conv_dataset_reached, conv_dataset_reached, conv_dataset_observe, conv_direct_vectors)

#define MODEL_SET(F) F(conv_dataset_shape, conv_dataset_inputs)

#endif
