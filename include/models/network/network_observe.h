/* SPDX-License-Identifier: MIT
 *
 * network_observe.h: what is seen of a network, and when it has ended.
 *
 * Observables of a layer h stand behind those of the whole, NETWORK_OF_LAYER for each layer, in the order of
 * NETWORK_LAYER_OBSERVABLES; where nobody has asked for a group of them they are NaN.
 */
#ifndef BASIN_MODELS_NETWORK_OBSERVE_H
#define BASIN_MODELS_NETWORK_OBSERVE_H

#include "models/network/network_gram.h"

/* ---- rules ---- */

BASIN_HD void network_reached(const network_cell *cell, basin_turn t, const real *x,
                              mask *outcome) {
  network_ready(cell, t, x);
  const real loss = t.work[NETWORK_LOSS];
  if (cell->at > 0) outcome[BASIN_GLOBAL] = r_le(loss, r_set(cell->at));
  outcome[BASIN_DIVERGED] = m_not(r_le(loss, r_set(1e100)));
  if (cell->at_gradient <= 0) return;
  const mask small = r_le(network_norm_grad(cell, t, x), r_set(cell->at_gradient));
  outcome[BASIN_STATIONARY] = m_and(small, m_not(outcome[BASIN_GLOBAL]));
}

/* ---- observables ---- */

/* the sum of (x_j - y_j)^2, j < count; y: NULL is 0. A thread's own */
NETWORK_PART real network_length2(const real *x, const real *y, int64_t count) {
  real sum = r_set(0.0);
  for (int64_t j = 0; j < count; j++) {
    real d = x[j];
    if (y) d = d - y[j];
    sum = r_fma(d, d, sum);
  }
  return sum;
}

#if !BASIN_WHOLE
/* of the first layer: how many z of another sign than at the start */
NETWORK_PART real network_flips(const network_cell *cell, basin_turn t, const real *x) {
  const network_inputs in = network_all_inputs(cell, t);
  const network_layer l = network_layer_at(cell, t.data, 0);
  const network_below below = network_below_of(cell, t, 0, &l, &in);
  const basin_product p = network_forward_product(&l, &below, in.n);
  real *count = t.work + cell->sizes, all = r_set(0.0), flips[NETWORK_COLUMNS];
  for (network_tile at = network_first(&p, t.team); network_goes_on(&at); network_next(&at)) {
    real sum[NETWORK_ROWS][NETWORK_COLUMNS];
    if (team_stopped(t.team)) break;
    if (!network_begin(cell, x + cell->origin, 0, NULL, &at, sum))
      network_multiply(&p, &at, 0, below.shared, below.own, x + cell->begun + l.weights, sum);
    for (int c = 0; c < at.columns; c++) {
      if (at.row == 0) flips[c] = r_set(0.0);
      for (int r = 0; r < at.rows; r++) {
        const network_place place = network_place_of(&p, at.row + r);
        const real one = r_set(1.0), none = r_set(0.0);
        const real was = r_select(r_le(none, sum[r][c]), one, none),
                   is = r_select(
                       r_le(none,
                            network_z(&l, t.work, place)[(at.column + c) * network_z_stride(&l)]),
                       one, none);
        flips[c] = flips[c] + r_abs(was - is);
      }
      if (at.row + at.rows == at.all_rows) count[at.column + c] = flips[c];
    }
  }
  team_sync(t.team);
  for (int64_t c = 0; c < l.is.out; c++) all = all + count[c];
  team_sync(t.team);
  return all / r_set((double)(in.n * l.is.out * l.is.pixels));
}
#endif

/* whether these are the weights in the coordinates of the inputs */
BASIN_HD int network_is_span(const network_cell *cell, int h) { return h == 0 && cell->span; }

/* |w_r - w_r(0)|^2 of row r of layer h */
BASIN_HD real network_row_moved(const network_cell *cell, basin_turn t, int h,
                                const network_layer *l, const real *x, int64_t row) {
  const int64_t length = l->is.in * l->is.patch;
  const real *w = x + l->weights + row * length;
  if (network_is_span(cell, h)) return network_span_moved(cell, t, l, x, row);
  return network_length2(w, w + cell->begun, length);
}

/* |W_h - W_h(0)|^2 */
BASIN_HD real network_layer_moved(const network_cell *cell, basin_turn t, int h,
                                  const network_layer *l, const real *x) {
  const real *w = x + l->weights;
  real *of_row = t.work + cell->sizes, sum = r_set(0.0);
  if (!network_is_span(cell, h)) return network_length2(w, w + cell->begun, network_weights(l));
  BASIN_TEAM_FOR(t.team, r, l->is.out) of_row[r] = network_span_moved(cell, t, l, x, r);
  team_sync(t.team);
  for (int64_t r = 0; r < l->is.out; r++) sum = sum + of_row[r];
  team_sync(t.team);
  return sum;
}

/* |W_h|^2 */
BASIN_HD real network_layer_norm(const network_cell *cell, basin_turn t, int h,
                                 const network_layer *l, const real *x) {
  real *of_row = t.work + cell->sizes, sum = r_set(0.0);
  if (!network_is_span(cell, h)) return network_length2(x + l->weights, NULL, network_weights(l));
  BASIN_TEAM_FOR(t.team, r, l->is.out) {
    of_row[r] = x[cell->lengths + r] + network_span_grown(cell, t, l, x, r);
  }
  team_sync(t.team);
  for (int64_t r = 0; r < l->is.out; r++) sum = sum + of_row[r];
  team_sync(t.team);
  return sum;
}

/* by how much the balance of neuron i of layer h has changed, at most */
BASIN_HD real network_neurons(const network_cell *cell, basin_turn t, int h, const network_layer *l,
                              const network_layer *next, const real *x, const real *x0) {
  const int64_t in = l->is.in * l->is.patch, above = next->is.in * next->is.patch;
  /* entries of the next layer's rows that belong to one neuron: its patch, or the pixels it was flattened to */
  const int64_t own = above / l->is.out;
  real most = r_set(0.0);
  for (int64_t i = 0; i < l->is.out; i++) {
    real d = r_set(0.0);
    if (network_is_span(cell, h)) d = network_span_grown(cell, t, l, x, i);
    else
      d = network_length2(x + l->weights + i * in, NULL, in) -
          network_length2(x0 + l->weights + i * in, NULL, in);
    real up = r_set(0.0), up0 = r_set(0.0);
    for (int64_t r = 0; r < next->is.out; r++)
      for (int64_t j = 0; j < own; j++) {
        const int64_t e = next->weights + r * above + i * own + j;
        up = r_fma(x[e], x[e], up);
        up0 = r_fma(x0[e], x0[e], up0);
      }
    d = d - (up - up0);
    most = r_max(r_abs(d), most);
  }
  return most;
}

NETWORK_PART void network_see_layers(const network_cell *cell, basin_turn t, const real *x,
                                     real *out) {
  real *of = out + NETWORK_OF_ALL;
  const real *x0 = x + cell->begun, nothing = r_set((double)NAN);
  real above = nothing;
  for (int h = cell->layers - 1; h >= 0; h--) {
    const network_layer l = network_layer_at(cell, t.data, h),
                        next = network_layer_at(cell, t.data, h + 1 < cell->layers ? h + 1 : h);
    real *seen = of + h * NETWORK_OF_LAYER;
    const int last = h == cell->layers - 1;
    for (int i = 0; i < NETWORK_OF_LAYER; i++) seen[i] = nothing;
    if (cell->wanted & NETWORK_START) {
      seen[NETWORK_LAYER_distance] = r_sqrt(network_layer_moved(cell, t, h, &l, x));
      if (!last) seen[NETWORK_LAYER_neuron_balance] = network_neurons(cell, t, h, &l, &next, x, x0);
    }
    if (cell->wanted & NETWORK_NORMS) {
      seen[NETWORK_LAYER_norm] = network_layer_norm(cell, t, h, &l, x);
      if (!last) seen[NETWORK_LAYER_balance] = seen[NETWORK_LAYER_norm] - above;
      above = seen[NETWORK_LAYER_norm];
    }
    if (cell->wanted & NETWORK_DRIFT && !last)
      seen[NETWORK_LAYER_balance_drift] = x[cell->drift + h];
  }
}

NETWORK_PART void network_see_start(const network_cell *cell, basin_turn t, const real *x,
                                    real *out) {
  const network_layer l = network_layer_at(cell, t.data, 0);
  real *of_row = t.work + cell->sizes, most = r_set(0.0), sum = r_set(0.0);
  BASIN_TEAM_FOR(t.team, r, l.is.out) of_row[r] = network_row_moved(cell, t, 0, &l, x, r);
  team_sync(t.team);
  for (int64_t r = 0; r < l.is.out; r++) {
    most = r_max(of_row[r], most);
    sum = sum + of_row[r];
  }
  team_sync(t.team);
  out[NETWORK_SEES_distance_max] = r_sqrt(most);
  out[NETWORK_SEES_distance_rms] = r_sqrt(sum / r_set((double)l.is.out));
  out[NETWORK_SEES_pattern_changes] = network_flips(cell, t, x);
}

/* what is seen of all threads alike; what leaves no pass forward behind comes last */
BASIN_HD void network_observe(const network_cell *cell, basin_turn t, const real *x, real *out) {
  network_ready(cell, t, x);
  for (int i = 0; i < NETWORK_OF_ALL; i++) out[i] = r_set((double)NAN);
  out[NETWORK_SEES_loss] = t.work[NETWORK_LOSS];
  out[NETWORK_SEES_margin] = t.work[NETWORK_MARGIN];
  out[NETWORK_SEES_flow_time] = x[cell->sums + NETWORK_FLOW_TIME];
  out[NETWORK_SEES_loss_rises] = x[cell->sums + NETWORK_LOSS_RISES];
  if (cell->half_lambda > 0) out[NETWORK_SEES_bound_excess] = x[cell->bound + NETWORK_BOUND_EXCESS];
  if (cell->wanted & NETWORK_START) network_see_start(cell, t, x, out);
  network_see_layers(cell, t, x, out);
  if (cell->wanted & NETWORK_GRADIENT) out[NETWORK_SEES_norm_grad] = network_norm_grad(cell, t, x);
  if (cell->wanted & NETWORK_GRAMS) network_see_gram(cell, t, x, out);
  team_sync(t.team);
}

#endif
