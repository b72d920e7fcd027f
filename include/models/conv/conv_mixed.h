/* SPDX-License-Identifier: MIT
 *
 * conv_mixed.h: the direct sampler of conv_sampled.h in single precision with double accumulation, where an experiment
 * asks for `precision: mixed`.
 *
 * In single precision is what a step does p k B times: the normals Z_ij, four of each Philox block, their products u_ij
 * and t_ij with v/|v| and v*, which are rounded for that, and the sums of up to CONV_MIXED_INPUTS inputs' shares of G.
 * In double precision are the state, r_i and all that is made of it, grad_a, the sum of those sums, and the step.
 * Rounding takes some 1e-7 of a gradient, below the noise of any mini-batch; the tails of the normals end at 6.77; a
 * trial counts as diverged from some 1e19 on, where r_i a_j is more than single precision holds. Patches belong to
 * strands and sums are taken as in conv_sampled.h, so the bits do not depend on the team here, either.
 *
 * Operations of one input: p k normals, four of which take some 110 vector instructions of 8 lanes, 60 of them
 * Philox's, where the double sampler takes 150 for two; 3 fma on each.
 */
#ifndef BASIN_MODELS_CONV_MIXED_H
#define BASIN_MODELS_CONV_MIXED_H

#include "models/conv/conv_sampled.h"
#include "numeric/single.h"

enum { CONV_MIXED_INPUTS = 16 };

/* Philox blocks of a patch, the pairs they fill, and pairs from one patch or strand to the next: odd, as in
   conv_direct_stride() */
BASIN_HD int conv_mixed_blocks(int64_t p) { return (int)((p + 3) / 4); }
BASIN_HD int conv_mixed_pairs(int64_t p) { return 2 * conv_mixed_blocks(p); }
BASIN_HD int conv_mixed_stride(int64_t p) { return conv_mixed_pairs(p) | 1; }

/* The state is that of the direct sampler. Scratch: sigma(u) and grad_a [k] each; the strands of the residual and of G;
   in pairs: v/|v| and v*, the normals of an input, and G's strands of several */
static inline basin_layout conv_mixed_layout(const basin_setting *setting, const conv_cell *cell) {
  const int64_t k = cell->k, p = cell->p, strands = team_strands(k);
  const basin_layout layout = {k + p,
                               2 * k + strands + strands * conv_direct_stride(p) +
                                   2 * conv_mixed_pairs(p) + (k + strands) * conv_mixed_stride(p),
                               (int)strands};
  (void)setting;
  return method_layout(&cell->method, layout);
}

/* v/|v| and v* as pairs, zeros behind the p entries; inverse: 1/|v| */
BASIN_HD void conv_mixed_filters(const conv_cell *cell, const double *data, basin_team team,
                                 const real *v, real inverse, single *v_pairs,
                                 single *v_star_pairs) {
  const double *v_star = data + cell->teacher_v;
  const real zero = r_set(0.0);
  const int p = (int)cell->p;
  BASIN_TEAM_FOR(team, e, conv_mixed_pairs(p)) {
    const int q = 2 * e, first = q < p, second = q + 1 < p;
    s_pair(inverse * (first ? v[q] : zero), inverse * (second ? v[q + 1] : zero),
           v_pairs + e * BASIN_HALVES);
    s_pair(first ? r_set(v_star[q]) : zero, second ? r_set(v_star[q + 1]) : zero,
           v_star_pairs + e * BASIN_HALVES);
  }
  team_sync(team);
}

/* The normals of the k patches of the input whose first block is `block`, into z: `width` singles from one to the next.
   A patch is drawn by the thread that has its strand. */
BASIN_HD void conv_mixed_draw(const conv_cell *cell, basin_team team, bits trial, bits step,
                              bits block, int width, single *z) {
  enum { SINGLES = 2 * BASIN_HALVES }; /* of a block */
  const int k = (int)cell->k, blocks = conv_mixed_blocks(cell->p);
  const uint64_t key = cell->key;
  int drawn = 0;
  if (BASIN_TOGETHER > 1)
    for (int j = 0, b = 0; drawn + BASIN_TOGETHER <= k * blocks; drawn += BASIN_TOGETHER) {
      single several[BASIN_TOGETHER * SINGLES];
      basin_singles_of(BASIN_TOGETHER, key, BASIN_STREAM_INPUT, trial, step,
                       block + b_set((uint64_t)drawn), several);
      BASIN_UNROLL
      for (int i = 0; i < BASIN_TOGETHER; i++) {
        for (int s = 0; s < SINGLES; s++) z[j * width + b * SINGLES + s] = several[i * SINGLES + s];
        if (++b == blocks) b = 0, j++;
      }
    }
  for (int j = drawn / blocks + team.rank; j < k; j += team.size) {
    BASIN_ROLLED
    for (int b = drawn > j * blocks ? drawn - j * blocks : 0; b < blocks; b++)
      basin_singles_of(1, key, BASIN_STREAM_INPUT, trial, step,
                       block + b_set((uint64_t)(j * blocks + b)), z + j * width + b * SINGLES);
  }
}

/* the products of a patch with v/|v| and v* */
BASIN_HD void conv_mixed_products(int pairs, const single *z, const single *v, const single *v_star,
                                  real *u, real *t) {
  single along_v[BASIN_HALVES], along_v_star[BASIN_HALVES];
  for (int h = 0; h < BASIN_HALVES; h++) along_v[h] = along_v_star[h] = s_set(0.0f);
  for (int e = 0; e < pairs; e++)
    for (int h = 0; h < BASIN_HALVES; h++) {
      const int at = e * BASIN_HALVES + h;
      along_v[h] = s_fma(z[at], v[at], along_v[h]);
      along_v_star[h] = s_fma(z[at], v_star[at], along_v_star[h]);
    }
  *u = s_half(along_v, 0) + s_half(along_v, 1);
  *t = s_half(along_v_star, 0) + s_half(along_v_star, 1);
}

/* the residual r_i of an input with the normals z; active [k]: sigma(u_ij) */
BASIN_HD real conv_mixed_residual(const conv_cell *cell, const double *data, basin_team team,
                                  const real *a, const single *v, const single *v_star, int width,
                                  const single *z, real *active, real *residual) {
  const int k = (int)cell->k, pairs = conv_mixed_pairs(cell->p), strands = team_strands(k);
  BASIN_TEAM_FOR(team, c, strands < k ? strands : k) {
    real sum = r_set(0.0);
    BASIN_ROLLED
    for (int j = c; j < k; j += strands) {
      real u, t;
      conv_mixed_products(pairs, z + j * width, v, v_star, &u, &t);
      active[j] = conv_relu(u);
      sum = r_fma(a[j], active[j], sum);
      sum = r_fnma(r_set(data[cell->teacher_a + j]), conv_relu(t), sum);
    }
    residual[c] = sum;
  }
  return team_sum(team, residual, strands);
}

/* an input's shares of grad_a and, in pairs and strands, of G */
BASIN_HD void conv_mixed_add(const conv_cell *cell, basin_team team, const real *a, real r,
                             const real *active, int width, const single *z, real *grad,
                             single *sum) {
  const int k = (int)cell->k, singles = conv_mixed_pairs(cell->p) * BASIN_HALVES;
  const int strands = team_strands(k);
  const real zero = r_set(0.0);
  BASIN_TEAM_FOR(team, c, strands < k ? strands : k)
  for (int j = c; j < k; j += strands) {
    const single *from = z + j * width;
    single *to = sum + c * width, weight[BASIN_HALVES];
    const real share = r_select(r_lt(zero, active[j]), r * a[j], zero);
    grad[j] = r_fma(r, active[j], grad[j]);
    s_pair(share, share, weight);
    for (int s = 0; s < singles; s++) to[s] = s_fma(weight[0], from[s], to[s]);
  }
}

/* adds what the strands have summed up in pairs to those in double precision, and empties them */
BASIN_HD void conv_mixed_settle(const conv_cell *cell, basin_team team, int strands, single *sum,
                                real *all) {
  const int p = (int)cell->p, stride = conv_direct_stride(p);
  const int width = conv_mixed_stride(p) * BASIN_HALVES;
  BASIN_TEAM_FOR(team, c, strands) {
    single *from = sum + c * width;
    real *to = all + c * stride;
    for (int q = 0; q < p; q += 2, from += BASIN_HALVES) {
      to[q] = to[q] + s_half(from, 0);
      if (q + 1 < p) to[q + 1] = to[q + 1] + s_half(from, 1);
      for (int h = 0; h < BASIN_HALVES; h++) from[h] = s_set(0.0f);
    }
  }
}

/* one step, as conv_direct_step() */
BASIN_HD void conv_mixed_step(const conv_cell *cell, basin_turn t, real *x) {
  const int k = (int)cell->k, p = (int)cell->p, inputs = (int)cell->inputs;
  const basin_team team = t.team;
  const double *data = t.data;
  const int strands = team_strands(k), pairs = conv_mixed_pairs(p);
  const int width = conv_mixed_stride(p) * BASIN_HALVES;
  const real zero = r_set(0.0);
  real *normals = t.work;
  real *a = x, *v = x + k, *active = normals + method_work(&cell->method), *grad = active + k,
       *residual = grad + k, *all = residual + strands;
  void *singles = all + strands * conv_direct_stride(p); /* the rest of the scratch holds these */
  single *v_pairs = (single *)singles, *v_star_pairs = v_pairs + pairs * BASIN_HALVES,
         *z = v_star_pairs + pairs * BASIN_HALVES, *sum = z + k * width;
  const uint64_t blocks = (uint64_t)k * (uint64_t)conv_mixed_blocks(p);
  const real inverse = conv_inverse_length(cell, v);

  conv_mixed_filters(cell, data, team, v, inverse, v_pairs, v_star_pairs);
  conv_clear(team, grad, k);
  BASIN_TEAM_FOR(team, c, strands) {
    residual[c] = zero;
    for (int q = 0; q < p; q++) all[c * conv_direct_stride(p) + q] = zero;
    for (int s = 0; s < width; s++) sum[c * width + s] = s_set(0.0f);
  }
  BASIN_ROLLED
  for (int i = 0; i < inputs && !team_stopped(team); i++) {
    conv_mixed_draw(cell, team, t.trial, t.step, b_set((uint64_t)i * blocks), width, z);
    const real r = conv_mixed_residual(cell, data, team, a, v_pairs, v_star_pairs, width, z, active,
                                       residual);
    conv_mixed_add(cell, team, a, r, active, width, z, grad, sum);
    if ((i + 1) % CONV_MIXED_INPUTS == 0 || i + 1 == inputs)
      conv_mixed_settle(cell, team, strands, sum, all);
  }
  conv_direct_move(cell, t, inverse, grad, all, strands, normals, x);
}

#define MODEL_mixed(F)                                                            \
  F(0, conv_mixed_layout, conv_sampled_paces, conv_direct_start, conv_mixed_step, \
    conv_direct_reached, conv_direct_reached, conv_direct_observe, conv_direct_vectors)

#endif
