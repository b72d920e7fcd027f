/* SPDX-License-Identifier: MIT
 *
 * conv_sampled.h: stochastic gradient descent on the networks of conv.h.
 *
 * Every step draws B fresh inputs, each of k patches Z_ij of p standard normals, and follows the gradient of
 * the mean of 1/2 r_i^2, r_i = f(v, a, Z_i) - f(v*, a*, Z_i). With u_ij = Z_ij'v / |v| and t_ij = Z_ij'v*,
 *
 *   r_i    = sum_j a_j sigma(u_ij) - a*_j sigma(t_ij)
 *   grad_a = 1/B sum_i r_i sigma(u_ij)                                              (entry j)
 *   grad_v = 1/|v| (I - v v'/|v|^2) G,   G = 1/B sum_ij r_i a_j 1{u_ij > 0} Z_ij
 *
 * direct: all p k normals of every input are drawn. The state is a and v.
 *
 * direct and law, and data sets (conv_dataset.h), take the methods of seam/method.h: a with eta_a and v with eta_w, by
 * grad_a and grad_v; resnet then brings v back to length 1, and leaves the velocity as it is.
 *
 * law: the same with patches Z_ij of another law (numeric/law.h), of mean 0 and covariance I, independent of each
 * other. The global optimum is that of normal inputs; the spurious one, wherever it is, is not, and is not looked for.
 *
 * projected: equal in distribution, at 2 k normals an input whatever p is. Let n be the unit vector of v*
 * orthogonal to v. Then u_ij and xi_ij = Z_ij'n are independent standard normals, t_ij = cos phi u_ij +
 * sin phi xi_ij, and the part of G along n follows. What is left of the Z_ij, orthogonal to v and v*, is
 * independent of all that; so, given it, the rest of G is a normal vector in p - 2 dimensions of variance
 * 1/B^2 sum_ij (r_i a_j 1{u_ij > 0})^2 each, in a direction that is uniform and so does not matter: its
 * length is one chi-square number. The state is a, cos phi, sin phi and 1/|v|^2. For fresh normal inputs only.
 *
 * Sums over patches are taken in strands: patch j belongs to strand j mod 32, a strand adds up in the order of
 * j, and the strands are added by halving (32 to 16, ...). So any team of up to 32 threads can share a trial
 * and come to the same bits. Sums over the p entries of a filter are taken in their order, by every thread for itself.
 *
 * Operations of one input: direct draws p k normals (basin_normals) and does 4 flop on each, 3 for every
 * strand and entry of v; projected draws 2 k normals and does about 20 k flop.
 */
#ifndef BASIN_MODELS_CONV_SAMPLED_H
#define BASIN_MODELS_CONV_SAMPLED_H

#include "models/conv/conv.h"

/* constants of a stage; B is in them already, but of other methods than gradient descent */
enum { CONV_SAMPLED_PACE_A /* eta_a / B */, CONV_SAMPLED_PACE_W /* eta_w / B */ };

static inline void conv_sampled_paces(const conv_cell *cell, const double *eta, double *pace) {
  const double inputs = method_is_plain(&cell->method) ? (double)cell->inputs : 1;
  pace[CONV_SAMPLED_PACE_A] = eta[0] / inputs;
  pace[CONV_SAMPLED_PACE_W] = eta[1] / inputs;
  method_paces(pace);
}

BASIN_HD void conv_clear(basin_team team, real *x, int64_t count) {
  BASIN_TEAM_FOR(team, i, count) x[i] = r_set(0.0);
}

BASIN_HD real conv_relu(real x) { return r_max(x, r_set(0.0)); }

/* |x|^2 of n entries, in their order */
BASIN_HD real conv_norm2(const real *x, int n) {
  real norm2 = r_set(0.0);
  for (int j = 0; j < n; j++) norm2 = r_fma(x[j], x[j], norm2);
  return norm2;
}

/* 1/|v| */
BASIN_HD real conv_inverse_length(const conv_cell *cell, const real *v) {
  return r_set(1.0) / r_sqrt(conv_norm2(v, (int)cell->p));
}

/* phi from its cosine and sine, without loss of accuracy at either end: 1 -+ cos phi = sin^2 phi / (1 +- cos phi) */
BASIN_HD void conv_half_angle(real cosine, real sine, conv_state *s) {
  const real larger = r_set(1.0) + r_abs(cosine), smaller = sine * sine / larger;
  const mask acute = r_lt(r_set(0.0), cosine);
  s->x = r_sqrt(r_set(0.5) * r_select(acute, smaller, larger));
  s->y = r_sqrt(r_set(0.5) * r_select(acute, larger, smaller));
  s->psi = r_angle(sine, r_set(0.0) - cosine);
}

/* the first three members of conv_state from a */
BASIN_HD void conv_reduce_a(const conv_cell *cell, const double *data, const real *a,
                            conv_state *s) {
  real sum = r_set(0.0), along = r_set(0.0), norm2 = r_set(0.0);
  BASIN_ROLLED
  for (int64_t j = 0; j < cell->k; j++) {
    const real e = a[j] - r_set(data[cell->teacher_a + j]);
    sum = sum + e;
    along = r_fma(e, r_set(data[cell->f2 + j]), along);
    norm2 = r_fma(e, e, norm2);
  }
  conv_split(cell, sum, along, norm2, s);
}

/* the numbers of a row of so many entries that a source has, into x */
BASIN_HD void conv_sampled_numbers(const draw_source *source, const double *data, basin_team team,
                                   bits trial, real *x) {
  BASIN_TEAM_FOR(team, block, (source->length + 1) / 2) {
    real z[2];
    if (team_stopped(team)) break;
    draw_pair(source, data, trial, 0, block, &z[0], &z[1]);
    x[2 * block] = z[0];
    if (2 * block + 1 < source->length) x[2 * block + 1] = z[1];
  }
  team_sync(team);
}

/* a_0 of a cell that is `reduced`: what it has of f1 and f2, and the rest in the direction of normals */
BASIN_HD void conv_sampled_start_reduced(const conv_cell *cell, const double *data, basin_team team,
                                         bits trial, real *a) {
  const double *f2 = data + cell->f2;
  const conv_drawn d = conv_draw_reduced(cell, trial);
  const real spread = draw_spread(&cell->initial_a, trial, 0, d.norm2);
  const real length = spread * r_sqrt(d.rest2);
  const real first = spread * d.first / r_set(cell->root_k), along = spread * d.along;
  conv_sums sums = {r_set(0.0), r_set(0.0), r_set(0.0)};
  conv_sampled_numbers(&cell->rest_a, data, team, trial, a);
  for (int64_t j = 0; j < cell->k; j += 2)
    conv_add_pair(cell, f2, j, a[j], j + 1 < cell->k ? a[j + 1] : r_set(0.0), &sums);
  team_sync(team);
  BASIN_TEAM_FOR(team, j, cell->k) a[j] = conv_off_axes(cell, f2, j, sums, a[j]);
  team_sync(team);
  const real scale = length / r_sqrt(conv_norm2(a, (int)cell->k));
  team_sync(team);
  BASIN_TEAM_FOR(team, j, cell->k) {
    const real on_axes = r_fma(along, r_set(f2[j]), first);
    a[j] = r_fma(scale, a[j], on_axes) + r_set(draw_offset(&cell->initial_a, data, 0, j));
  }
  team_sync(team);
}

/* a_0, the same as for the population gradient */
BASIN_HD void conv_sampled_start_a(const conv_cell *cell, const double *data, basin_team team,
                                   bits trial, real *a) {
  if (cell->reduced) {
    conv_sampled_start_reduced(cell, data, team, trial, a);
    return;
  }
  conv_sampled_numbers(&cell->initial_a, data, team, trial, a);
  const real spread = draw_spread(&cell->initial_a, trial, 0, conv_norm2(a, (int)cell->k));
  team_sync(team);
  BASIN_TEAM_FOR(team, j, cell->k) a[j] = draw_entry(&cell->initial_a, data, 0, j, spread, a[j]);
  team_sync(team);
}

/* ---------------------------------------------------------------- direct */

/* from one strand to the next: odd, so that the threads of a team use different banks of memory */
BASIN_HD int conv_direct_stride(int64_t p) { return (int)p | 1; }

/* state: a [k], v [p]; scratch: sigma(u) and grad_a [k] each; the strands of the residual, of one input and of all,
   and, where strands have more than one patch, a patch for each */
static inline basin_layout conv_direct_layout(const basin_setting *setting, const conv_cell *cell) {
  const int64_t k = cell->k, strands = team_strands(k), stride = conv_direct_stride(cell->p);
  const basin_layout layout = {
      k + cell->p, 2 * k + strands + (k > strands ? 3 : 2) * strands * stride, (int)strands};
  (void)setting;
  return method_layout(&cell->method, layout);
}

BASIN_HD void conv_direct_start(const conv_cell *cell, basin_turn turn, real *x) {
  const basin_team team = turn.team;
  const bits trial = turn.trial;
  real *v = x + cell->k;
  conv_sampled_start_a(cell, turn.data, team, trial, x);
  conv_sampled_numbers(&cell->initial_v, turn.data, team, trial, v);
  const real spread = draw_spread(&cell->initial_v, trial, 0, conv_norm2(v, (int)cell->p));
  team_sync(team);
  BASIN_TEAM_FOR(team, q, cell->p) v[q] = r_fma(spread, v[q], conv_shift(cell, turn.data, q));
  method_start(&cell->method, team, x + cell->k + cell->p);
  if (cell->grows) return;
  const real scale = conv_inverse_length(cell, v);
  team_sync(team);
  BASIN_TEAM_FOR(team, q, cell->p) v[q] = scale * v[q];
  team_sync(team);
}

/* entries q, q + 1, ... of a patch from `count` blocks, a constant; p: of the patch, where it may end among them */
BASIN_HD void conv_draw_entries(int count, const conv_cell *cell, const double *v_star, bits trial,
                                bits step, int stream, bits block, int p, const real *v, real *z,
                                int q, real *u, real *t) {
  real x[BASIN_TOGETHER], y[BASIN_TOGETHER];
  basin_normals_of(count, cell->key, stream, trial, step, block, x, y);
  BASIN_UNROLL
  for (int i = 0; i < count; i++, q += 2) {
    z[q] = x[i];
    *u = r_fma(x[i], v[q], *u);
    *t = r_fma(x[i], r_set(v_star[q]), *t);
    if (q + 1 == p) break;
    z[q + 1] = y[i];
    *u = r_fma(y[i], v[q + 1], *u);
    *t = r_fma(y[i], r_set(v_star[q + 1]), *t);
  }
}

/* the p normals of the patch whose first block is `block`, and their products with v and v* */
BASIN_HD void conv_draw_patch(const conv_cell *cell, const double *data, bits trial, bits step,
                              int stream, bits block, const real *v, real *z, real *u, real *t) {
  const int p = (int)cell->p;
  const double *v_star = data + cell->teacher_v;
  int q = 0;
  *u = *t = r_set(0.0);
  if (BASIN_TOGETHER > 1)
    for (; q + 2 * BASIN_TOGETHER <= p; q += 2 * BASIN_TOGETHER) {
      conv_draw_entries(BASIN_TOGETHER, cell, v_star, trial, step, stream, block, p, v, z, q, u, t);
      block = block + b_set(BASIN_TOGETHER);
    }
  BASIN_ROLLED
  for (; q < p; q += 2, block = block + b_set(1))
    conv_draw_entries(1, cell, v_star, trial, step, stream, block, p, v, z, q, u, t);
}

/* the same of another law than the normal one */
BASIN_HD void conv_law_patch(const conv_cell *cell, const basin_input_law *law, const double *data,
                             bits trial, bits step, int stream, bits block, const real *v, real *z,
                             real *u, real *t) {
  const int p = (int)cell->p;
  const double *v_star = data + cell->teacher_v;
  law_vector(law, cell->key, stream, trial, step, block, p, z);
  *u = *t = r_set(0.0);
  for (int q = 0; q < p; q++) {
    *u = r_fma(z[q], v[q], *u);
    *t = r_fma(z[q], r_set(v_star[q]), *t);
  }
}

/* Philox blocks of a patch of which every number is drawn, and of an input; law: NULL for the normal one */
BASIN_HD int64_t conv_patch_blocks(const basin_input_law *law, int64_t p) {
  return law ? law_blocks(law, p) : (p + 1) / 2;
}
BASIN_HD int64_t conv_direct_blocks(const basin_input_law *law, int64_t k, int64_t p) {
  return k * conv_patch_blocks(law, p);
}

/* Draws the input whose first block is `block` and returns its residual r_i. law: NULL, which the compiler has to know,
   for the normal one; inverse: 1/|v|; active [k]: sigma(u_ij);
   input [strands][stride]: sum_j a_j 1{u_ij > 0} Z_ij in strands, so that G_i = r_i times their sum; residual
   [strands] and patch [strands][stride]: scratch. Strands without a patch are left as they are. Patch j, a_j and what
   belongs to them are used by one thread of the team alone, that of strand j mod 32. */
BASIN_HD real conv_direct_input(const conv_cell *cell, const basin_input_law *law,
                                const double *data, basin_team team, int stream, bits trial,
                                bits step, bits block, const real *a, const real *v, real inverse,
                                real *active, real *residual, real *input, real *patch) {
  const int k = (int)cell->k, p = (int)cell->p, stride = conv_direct_stride(p);
  const uint64_t blocks = (uint64_t)conv_patch_blocks(law, p);
  const int strands = team_strands(k);
  const real zero = r_set(0.0);
  BASIN_TEAM_FOR(team, c, strands < k ? strands : k) {
    real sum = zero, *to = input + c * stride;
    BASIN_ROLLED
    for (int j = c; j < k && !team_stopped(team); j += strands) {
      real u, t, *z = j == c ? to : patch + c * stride;
      const bits first = block + b_set((uint64_t)j * blocks);
      if (law) conv_law_patch(cell, law, data, trial, step, stream, first, v, z, &u, &t);
      else conv_draw_patch(cell, data, trial, step, stream, first, v, z, &u, &t);
      active[j] = conv_relu(u * inverse);
      sum = r_fma(a[j], active[j], sum);
      sum = r_fnma(r_set(data[cell->teacher_a + j]), conv_relu(t), sum);
      const real weight = r_select(r_lt(zero, u), a[j], zero);
      if (j == c)
        for (int q = 0; q < p; q++) to[q] = r_fma(weight, z[q], zero);
      else
        for (int q = 0; q < p; q++) to[q] = r_fma(weight, z[q], to[q]);
    }
    residual[c] = sum;
  }
  return team_sum(team, residual, strands);
}

/* G, the sum of its strands, into the first of them; returns its part along v, times 1/|v| */
BASIN_HD real conv_direct_along(const conv_cell *cell, basin_team team, const real *v, real inverse,
                                int strands, real *all) {
  const int p = (int)cell->p, stride = conv_direct_stride(p);
  real along = r_set(0.0);
  team_sync(team);
  BASIN_TEAM_FOR(team, q, p)
  for (int half = strands / 2; half > 0; half /= 2)
    for (int c = 0; c < half; c++)
      all[c * stride + q] = all[c * stride + q] + all[(c + half) * stride + q];
  team_sync(team);
  for (int q = 0; q < p; q++) along = r_fma(all[q], v[q], along);
  return along * (inverse * inverse);
}

/* A state moves: v along the part of G that is orthogonal to v. grad and all: B times grad_a, and B times G in strands;
   z: [method_work()] scratch */
BASIN_HD void conv_direct_move(const conv_cell *cell, basin_turn t, real inverse, const real *grad,
                               real *all, int strands, real *z, real *x) {
  const basin_team team = t.team;
  const int k = (int)cell->k, p = (int)cell->p;
  real *v = x + k;
  const real along = conv_direct_along(cell, team, v, inverse, strands, all);
  const real pace_a = t.pace[CONV_SAMPLED_PACE_A], pace_w = t.pace[CONV_SAMPLED_PACE_W];
  team_sync(team);
  if (method_is_plain(&cell->method)) {
    const real pace = pace_w * inverse;
    BASIN_TEAM_FOR(team, q, p) v[q] = r_fnma(pace, r_fnma(along, v[q], all[q]), v[q]);
    BASIN_TEAM_FOR(team, j, k) x[j] = r_fnma(pace_a, grad[j], x[j]);
  } else {
    const method_step s = method_begin(&cell->method, t, x + k + p, z);
    BASIN_TEAM_FOR(team, q, p)
    method_entry(&s, pace_w, k + q, inverse * r_fnma(along, v[q], all[q]), &v[q]);
    BASIN_TEAM_FOR(team, j, k) method_entry(&s, pace_a, j, grad[j], &x[j]);
  }
  team_sync(team);
  if (cell->grows) return;
  const real scale = conv_inverse_length(cell, v);
  team_sync(team);
  BASIN_TEAM_FOR(team, q, p) v[q] = scale * v[q];
  team_sync(team);
}

BASIN_HD void conv_direct_descend(const conv_cell *cell, const basin_input_law *law, basin_turn t,
                                  real *x) {
  const basin_team team = t.team;
  const int k = (int)cell->k, p = (int)cell->p, stride = conv_direct_stride(p);
  const int strands = team_strands(k);
  const real zero = r_set(0.0);
  real *z = t.work;
  real *a = x, *v = x + k, *active = z + method_work(&cell->method), *grad = active + k,
       *residual = grad + k, *input = residual + strands, *all = input + strands * stride,
       *patch = all + strands * stride;
  const uint64_t blocks = (uint64_t)conv_direct_blocks(law, k, p);
  const real inverse = conv_inverse_length(cell, v);

  conv_clear(team, grad, k);
  BASIN_TEAM_FOR(team, c, strands) {
    residual[c] = zero;
    for (int q = 0; q < p; q++) input[c * stride + q] = all[c * stride + q] = zero;
  }
  BASIN_ROLLED
  for (int i = 0; i < (int)cell->inputs && !team_stopped(team); i++) {
    const real r = conv_direct_input(cell, law, t.data, team, BASIN_STREAM_INPUT, t.trial, t.step,
                                     b_set((uint64_t)i * blocks), a, v, inverse, active, residual,
                                     input, patch);
    BASIN_TEAM_FOR(team, j, k) grad[j] = r_fma(r, active[j], grad[j]);
    BASIN_TEAM_FOR(team, c, strands)
    for (int q = c * stride; q < c * stride + p; q++) all[q] = r_fma(r, input[q], all[q]);
  }
  conv_direct_move(cell, t, inverse, grad, all, strands, z, x);
}

BASIN_HD void conv_direct_step(const conv_cell *cell, basin_turn t, real *x) {
  conv_direct_descend(cell, NULL, t, x);
}
BASIN_HD void conv_law_step(const conv_cell *cell, basin_turn t, real *x) {
  conv_direct_descend(cell, &cell->law, t, x);
}

/* the state of conv.h: what the rules and the observables are made of */
BASIN_HD void conv_direct_reduce(const conv_cell *cell, const double *data, const real *x,
                                 conv_state *s) {
  const real *v = x + cell->k;
  const double *v_star = data + cell->teacher_v;
  real along = r_set(0.0), rest2 = r_set(0.0);
  for (int64_t q = 0; q < cell->p; q++) along = r_fma(v[q], r_set(v_star[q]), along);
  for (int64_t q = 0; q < cell->p; q++) {
    const real rest = r_fnma(along, r_set(v_star[q]), v[q]);
    rest2 = r_fma(rest, rest, rest2);
  }
  const real length2 = r_fma(along, along, rest2), length = r_sqrt(length2);
  conv_reduce_a(cell, data, x, s);
  conv_half_angle(along / length, r_sqrt(rest2) / length, s);
  s->shrink = r_set(1.0) / length2;
  s->side = r_set(1.0);
}

BASIN_HD void conv_direct_reached(const conv_cell *cell, basin_turn t, const real *x,
                                  mask *outcome) {
  conv_state s;
  conv_direct_reduce(cell, t.data, x, &s);
  conv_reached(cell, &s, outcome);
}

BASIN_HD void conv_direct_observe(const conv_cell *cell, basin_turn t, const real *x, real *out) {
  conv_state s;
  conv_direct_reduce(cell, t.data, x, &s);
  conv_observe(cell, &s, out);
}

#if BASIN_ONE_LANE
static inline void conv_direct_vectors(const conv_cell *cell, basin_turn t, const real *x, int any,
                                       double *out) {
  (void)t, (void)any;
  for (int64_t j = 0; j < cell->k; j++) out[j] = x[j];
  for (int64_t q = cell->k; q < cell->k + cell->p; q++) out[q] = x[q] - cell->shift;
}
#endif

#define MODEL_direct(F)                                                             \
  F(0, conv_direct_layout, conv_sampled_paces, conv_direct_start, conv_direct_step, \
    conv_direct_reached, conv_direct_reached, conv_direct_observe, conv_direct_vectors)

#define MODEL_law(F)                                                             \
  F(0, conv_direct_layout, conv_sampled_paces, conv_direct_start, conv_law_step, \
    conv_direct_reached, conv_direct_reached, conv_direct_observe, conv_direct_vectors)

/* ---------------------------------------------------------------- projected */

/* state: a [k], cos phi, sin phi, 1/|v|^2; scratch: sigma(u) and grad_a [k] each; five numbers of every strand */
static inline basin_layout conv_projected_layout(const basin_setting *setting,
                                                 const conv_cell *cell) {
  const int64_t k = cell->k, strands = team_strands(k);
  const basin_layout layout = {k + 3, 2 * k + 5 * strands, (int)strands};
  (void)setting;
  return layout;
}

BASIN_HD void conv_projected_start(const conv_cell *cell, basin_turn t, real *x) {
  conv_state s;
  const real two = r_set(2.0);
  conv_sampled_start_a(cell, t.data, t.team, t.trial, x);
  conv_start_v(cell, t.data, t.team, t.trial, &s);
  if (t.team.rank == 0) {
    x[cell->k] = (s.y - s.x) * (s.y + s.x);
    x[cell->k + 1] = two * s.x * s.y;
    x[cell->k + 2] = s.shrink;
  }
  team_sync(t.team);
}

/* Patches j, j + 1, ..., `count` of them, a constant, of input i: sigma(u) into `active`; their shares of the residual,
   of sum_j a_j 1{u_ij > 0} xi_ij and of sum_j (a_j 1{u_ij > 0})^2 into their strands, which the first patch begins */
BASIN_HD void conv_projected_patches(int count, const conv_cell *cell, const double *data,
                                     bits trial, bits step, int i, int j, int strands, real cosine,
                                     real sine, const real *a, real *active, real *residual,
                                     real *across, real *square) {
  const real zero = r_set(0.0);
  real u[BASIN_TOGETHER], xi[BASIN_TOGETHER];
  basin_normals_of(count, cell->key, BASIN_STREAM_INPUT, trial, step,
                   b_set((uint64_t)(i * (int)cell->k + j)), u, xi);
  BASIN_UNROLL
  for (int l = 0; l < count; l++, j++) {
    const int c = j & (strands - 1), first = j < strands;
    const real t = r_fma(cosine, u[l], sine * xi[l]), on = conv_relu(u[l]);
    const real weight = r_select(r_lt(zero, u[l]), a[j], zero);
    const real sum = r_fma(a[j], on, first ? zero : residual[c]);
    active[j] = on;
    residual[c] = r_fnma(r_set(data[cell->teacher_a + j]), conv_relu(t), sum);
    across[c] = r_fma(weight, xi[l], first ? zero : across[c]);
    square[c] = r_fma(weight, weight, first ? zero : square[c]);
  }
}

BASIN_HD void conv_projected_step(const conv_cell *cell, basin_turn turn, real *x) {
  const int k = (int)cell->k;
  const basin_team team = turn.team;
  const bits trial = turn.trial, step = turn.step;
  const real *pace = turn.pace;
  const int strands = team_strands(k);
  const real zero = r_set(0.0), one = r_set(1.0), cosine = x[k], sine = x[k + 1];
  real *a = x, *active = turn.work, *grad = active + k, *residual = grad + k,
       *across = residual + strands, *square = across + strands, *all_across = square + strands,
       *all_square = all_across + strands;

  const real chi2 = basin_chi_square(cell->key, BASIN_STREAM_CHI, cell->p - 2, trial, step, 0);
  conv_clear(team, grad, k);
  BASIN_TEAM_FOR(team, c, strands)
  residual[c] = across[c] = square[c] = all_across[c] = all_square[c] = zero;
  BASIN_ROLLED
  for (int i = 0; i < (int)cell->inputs && !team_stopped(team); i++) {
    int together = 0; /* patches that were drawn several at a time */
    if (BASIN_TOGETHER > 1)
      for (; together + BASIN_TOGETHER <= k; together += BASIN_TOGETHER)
        conv_projected_patches(BASIN_TOGETHER, cell, turn.data, trial, step, i, together, strands,
                               cosine, sine, a, active, residual, across, square);
    BASIN_ROLLED
    for (int j = together + team.rank; j < k; j += team.size)
      conv_projected_patches(1, cell, turn.data, trial, step, i, j, strands, cosine, sine, a,
                             active, residual, across, square);
    const real r = team_sum(team, residual, strands), r2 = r * r;
    BASIN_TEAM_FOR(team, j, k) grad[j] = r_fma(r, active[j], grad[j]);
    BASIN_TEAM_FOR(team, c, strands) {
      all_across[c] = r_fma(r, across[c], all_across[c]);
      all_square[c] = r_fma(r2, square[c], all_square[c]);
    }
  }

  /* in units of |v|: v moves by -along n, and by `off` orthogonal to v and v* */
  const real sum_across = team_sum(team, all_across, strands),
             sum_square = team_sum(team, all_square, strands);
  if (team.rank == 0) {
    const real pull = pace[CONV_SAMPLED_PACE_W] * x[k + 2], along = pull * sum_across;
    const real off2 = pull * pull * (sum_square * chi2);
    const real length2 = one + r_fma(along, along, off2), length = r_sqrt(length2);
    const real side = r_fma(along, cosine, sine);
    x[k] = r_fnma(along, sine, cosine) / length;
    x[k + 1] = r_sqrt(r_fma(side, side, off2)) / length;
    if (cell->grows) x[k + 2] = x[k + 2] / length2;
  }
  BASIN_TEAM_FOR(team, j, k) a[j] = r_fnma(pace[CONV_SAMPLED_PACE_A], grad[j], a[j]);
  team_sync(team);
}

BASIN_HD void conv_projected_reduce(const conv_cell *cell, const double *data, const real *x,
                                    conv_state *s) {
  conv_reduce_a(cell, data, x, s);
  conv_half_angle(x[cell->k], x[cell->k + 1], s);
  s->shrink = x[cell->k + 2];
  s->side = r_set(1.0);
}

BASIN_HD void conv_projected_reached(const conv_cell *cell, basin_turn t, const real *x,
                                     mask *outcome) {
  conv_state s;
  conv_projected_reduce(cell, t.data, x, &s);
  conv_reached(cell, &s, outcome);
}

BASIN_HD void conv_projected_observe(const conv_cell *cell, basin_turn t, const real *x,
                                     real *out) {
  conv_state s;
  conv_projected_reduce(cell, t.data, x, &s);
  conv_observe(cell, &s, out);
}

#if BASIN_ONE_LANE
/* The state knows the angle to v* and no direction: NaN for the filter; or any with that angle, v = |v| (cos phi v* +
   sin phi n) with the unit vector n orthogonal to v* that is next to the axis where v* is smallest. In distribution an
   estimate does not depend on n. */
static inline void conv_projected_vectors(const conv_cell *cell, basin_turn t, const real *x,
                                          int any, double *out) {
  const int64_t k = cell->k, p = cell->p;
  const double *v_star = t.data + cell->teacher_v, length = 1 / sqrt(x[k + 2]);
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
    out[k + q] = any ? length * (x[k] * v_star[q] + sine * n) - cell->shift : NAN;
  }
}
#endif

#define MODEL_projected(F)                                                                   \
  F(0, conv_projected_layout, conv_sampled_paces, conv_projected_start, conv_projected_step, \
    conv_projected_reached, conv_projected_reached, conv_projected_observe,                  \
    conv_projected_vectors)

#endif
