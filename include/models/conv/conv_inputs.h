/* SPDX-License-Identifier: MIT
 *
 * conv_inputs.h: the loss and its gradient on single inputs, for the networks of conv.h.
 *
 * The other side of the closed forms: nothing here knows of angles or of g(phi). An input is k patches Z_j of p
 * standard normals each, or of the experiment's law, all of them drawn; its residual r, sigma(u_j) and G are those of
 * conv_sampled.h, and
 *
 *   loss = 1/2 r^2,   by a_j: r sigma(u_j),   by v (and by w, v = shift 1 + w): 1/|v| (I - v v'/|v|^2) G.
 *
 * Their means over inputs are the population loss and its gradient.
 */
#ifndef BASIN_MODELS_CONV_INPUTS_H
#define BASIN_MODELS_CONV_INPUTS_H

#include "models/conv/conv_sampled.h"

/* scratch: a and sigma(u) [k] each; v [p]; 1/|v|; the strands of the residual, of patches and of G */
static inline basin_input_layout conv_input_layout(const conv_cell *cell) {
  const int64_t k = cell->k, p = cell->p;
  const basin_input_layout layout = {conv_direct_blocks(&cell->law, k, p),
                                     2 * k + p + 1 +
                                         team_strands(k) * (1 + 2 * conv_direct_stride(p))};
  return layout;
}

/* vectors: a [k], then v - shift 1 [p] */
BASIN_HD void conv_input_begin(const conv_cell *cell, basin_turn t, const double *vectors) {
  const int64_t k = cell->k, p = cell->p;
  real *a = t.work, *v = a + 2 * k, length2 = r_set(0.0);
  for (int64_t j = 0; j < k; j++) a[j] = r_set(vectors[j]);
  for (int64_t q = 0; q < p; q++) {
    v[q] = r_set(vectors[k + q] + cell->shift);
    length2 = r_fma(v[q], v[q], length2);
  }
  v[p] = r_set(1.0) / r_sqrt(length2);
}

/* out: see model.h */
BASIN_HD void conv_input_draw(const conv_cell *cell, basin_turn t, bits input, real *out) {
  const int64_t k = cell->k, p = cell->p;
  const int64_t stride = conv_direct_stride(p);
  const int strands = team_strands(k);
  real *a = t.work, *active = a + k, *v = active + k, *residual = v + p + 1,
       *sum = residual + strands, *patch = sum + strands * stride;
  const real inverse = v[p];
  for (int64_t i = 0; i < strands * (1 + stride); i++) residual[i] = r_set(0.0);
  const basin_input_law *law = &cell->law;
  const bits block = b_mul32(input, b_set((uint64_t)conv_direct_blocks(law, k, p)));
  const real r = law->kind ? conv_direct_input(cell, law, t.data, basin_alone,
                                               BASIN_STREAM_ESTIMATE, t.trial, t.step, block, a, v,
                                               inverse, active, residual, sum, patch)
                           : conv_direct_input(cell, NULL, t.data, basin_alone,
                                               BASIN_STREAM_ESTIMATE, t.trial, t.step, block, a, v,
                                               inverse, active, residual, sum, patch);
  const real along = conv_direct_along(cell, basin_alone, v, inverse, strands, sum);
  out[0] = r_set(0.5) * r * r;
  for (int64_t j = 0; j < k; j++) out[1 + j] = r * active[j];
  for (int64_t q = 0; q < p; q++) out[1 + k + q] = r * (inverse * r_fnma(along, v[q], sum[q]));
}

#define MODEL_INPUT(F) F(conv_input_layout, conv_input_begin, conv_input_draw)

#endif
