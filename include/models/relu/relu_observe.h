/* SPDX-License-Identifier: MIT
 *
 * relu_observe.h: the observables of the sums of neurons of relu.h, after section 3 and Appendix G of Xu and Du (2023).
 */
#ifndef BASIN_MODELS_RELU_OBSERVE_H
#define BASIN_MODELS_RELU_OBSERVE_H

#include "models/relu/relu.h"

/* section 3 and Appendix G for one teacher v; for several, theta_max is that to the nearest teacher, and what
   is made of the parts z_i of w_i orthogonal to v is not a number */
#define RELU_OBSERVABLES(X)                                                                        \
  X(loss, "1", "population loss L")                                                                \
  X(H, "1", "|v| - sum_i w_i'v/|v|; for one teacher")                                              \
  X(theta_max, "rad", "largest angle between a student and its nearest teacher")                   \
  X(norm_w_max, "1", "largest |w_i|")                                                              \
  X(norm_w_min, "1", "smallest |w_i|")                                                             \
  X(Z, "1", "sum over i < j of |z_i - z_j|, z_i the part of w_i orthogonal to v; for one teacher") \
  X(kappa_max, "rad", "largest angle between z_i and z_j that are not 0; for one teacher")         \
  X(norm_grad, "1", "Euclidean norm of the gradient")                                              \
  X(forced_substeps, "1",                                                                          \
    "gradient flow: substeps that were not accurate enough, but the shortest there are")

enum {
#define RELU_INDEX(name, unit, meaning) RELU_OBSERVE_##name,
  RELU_OBSERVABLES(RELU_INDEX)
#undef RELU_INDEX
      RELU_OBSERVED
};

/* the smallest angle of every student with a teacher, the largest of these */
BASIN_HD real relu_theta_max(const relu_cell *cell, basin_team team, const real *x, real *work) {
  const int64_t width = cell->width;
  real *pull = work + cell->to_pull, largest = r_set(0.0);
  BASIN_TEAM_FOR(team, i, cell->n) {
    real nearest = r_set(BASIN_PI), theta, sine;
    if (team_stopped(team)) break;
    for (int64_t l = 0; l < cell->m; l++) {
      relu_angle(x + cell->at_unit_v + l * width, work + cell->to_unit + i * width, width, &theta,
                 &sine);
      nearest = r_min(theta, nearest);
    }
    pull[i] = nearest;
  }
  team_sync(team);
  for (int64_t i = 0; i < cell->n; i++) largest = r_max(largest, pull[i]);
  team_sync(team);
  return largest;
}

/* Z and kappa_max; uses up the scratch for gradient and directions */
BASIN_HD void relu_across(const relu_cell *cell, basin_team team, const real *x, real *work,
                          real *all, real *kappa_max) {
  const int64_t n = cell->n, width = cell->width, pairs = relu_pairs(n);
  const real *v = x + cell->at_unit_v, *w = x + cell->at_w;
  real *z = work + cell->to_gradient, *unit = work + cell->to_unit, *term = work + cell->to_term;
  int lo, hi = 1;
  BASIN_TEAM_FOR(team, i, n) {
    const real along = relu_dot(w + i * width, v, width);
    for (int64_t k = 0; k < width; k++) z[i * width + k] = r_fnma(along, v[k], w[i * width + k]);
    relu_unit(z + i * width, width, unit + i * width);
  }
  team_sync(team);
  BASIN_TEAM_FOR(team, p, pairs) {
    real distance2 = r_set(0.0);
    if (team_stopped(team)) break;
    relu_pair(p, &lo, &hi);
    for (int64_t k = 0; k < width; k++) {
      const real difference = z[lo * width + k] - z[hi * width + k];
      distance2 = r_fma(difference, difference, distance2);
    }
    term[p] = r_sqrt(distance2);
  }
  *all = team_total(team, term, pairs, work + cell->to_strand);
  hi = 1;
  BASIN_TEAM_FOR(team, p, pairs) {
    real sine;
    if (team_stopped(team)) break;
    relu_pair(p, &lo, &hi);
    relu_angle(unit + lo * width, unit + hi * width, width, &term[p], &sine);
  }
  team_sync(team);
  *kappa_max = r_set(0.0);
  for (int64_t p = 0; p < pairs; p++) *kappa_max = r_max(*kappa_max, term[p]);
  team_sync(team);
}

/* forced: see relu_flow.h */
BASIN_CALLED void relu_observe_with(const relu_cell *cell, basin_turn t, const real *x, real forced,
                                    real out[RELU_OBSERVED]) {
  const basin_team team = t.team;
  real *work = t.work;
  const real *mass = work + cell->to_mass;
  real head[RELU_HEAD];
  team_sync(team);
  relu_gradient(cell, team, x, x + cell->at_w, 1, work, work + cell->to_gradient, head);
  out[RELU_OBSERVE_loss] = head[RELU_LOSS];
  out[RELU_OBSERVE_norm_grad] = r_sqrt(head[RELU_GRAD2]);
  out[RELU_OBSERVE_forced_substeps] = forced;
  out[RELU_OBSERVE_norm_w_max] = out[RELU_OBSERVE_norm_w_min] = mass[0];
  for (int64_t i = 1; i < cell->n; i++) {
    out[RELU_OBSERVE_norm_w_max] = r_max(out[RELU_OBSERVE_norm_w_max], mass[i]);
    out[RELU_OBSERVE_norm_w_min] = r_min(out[RELU_OBSERVE_norm_w_min], mass[i]);
  }
  out[RELU_OBSERVE_theta_max] = relu_theta_max(cell, team, x, work);
  if (cell->m > 1) {
    const real none = r_from_bits(b_set(0x7ff8000000000000u));
    out[RELU_OBSERVE_H] = out[RELU_OBSERVE_Z] = out[RELU_OBSERVE_kappa_max] = none;
    return;
  }
  out[RELU_OBSERVE_H] = r_set(0.0) - team_dot(team, work + cell->to_residual, x + cell->at_unit_v,
                                              cell->width, work + cell->to_strand);
  relu_across(cell, team, x, work, &out[RELU_OBSERVE_Z], &out[RELU_OBSERVE_kappa_max]);
}

BASIN_HD void relu_observe(const relu_cell *cell, basin_turn t, const real *x, real *out) {
  relu_observe_with(cell, t, x, r_set(0.0), out);
}

#define MODEL_population(F)                                                               \
  F(0, relu_layout, relu_paces, relu_method_start, relu_step, relu_reached, relu_reached, \
    relu_observe, relu_vectors)

#endif
