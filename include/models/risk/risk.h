/* SPDX-License-Identifier: MIT
 *
 * risk.h: the empirical risk, on a data set that all trials share, of networks with one filter, and its gradient. With
 * the rows z_ij of input i, j = 0 .. rows - 1, and its label y_i
 *
 *   R = 1/(2n) sum_i r_i^2,   r_i = sum_j a_j sigma(u_ij) - y_i,   u_ij = z_ij'f,   sigma(u) = max(u, 0)
 *
 * and these sums, over all inputs or those of a mini-batch, are in a trial's scratch behind a call:
 *
 *   loss = sum_i r_i^2    grad_a[j] = sum_i r_i sigma(u_ij)    grad_f = sum_ij r_i a_j sigma'(u_ij) z_ij
 *
 * Every element is one chain of fused multiply-adds: u in the order of the width, r in that of the rows, the sums in
 * that of the inputs and, within one, of its rows. What is worked on together, several rows that a filter sees or
 * several entries of a gradient, are different elements. So the bits are the same for any lanes, threads and blocks.
 *
 * Lanes are trials, and a number of a data set is the same for all of them. A mini-batch is that of seam/batch.h.
 *
 * A model has a risk_set in its cell, and risk_reals() of scratch; a step, and what is asked of the risk behind it, are
 * then
 *
 *   const risk_sums s = risk_sums_in(&cell->risk, work);
 *   if (!t.warm) risk_whole(&cell->risk, t, 1, 0, f, a, &s);        1: with gradients; 0: sigma'(0)
 *   real loss = risk_train_loss(&cell->risk, &s);
 *
 * Operations of one input and trial: 4 width rows flop in the products z_ij'f and in grad_f, about 7 rows beside them.
 */
#ifndef BASIN_MODELS_RISK_H
#define BASIN_MODELS_RISK_H

#include "seam/batch.h"

/* Elements that are worked on together, so that no chain waits for itself; a thread of a team has one. */
enum {
#if BASIN_ON_DEVICE
  RISK_TOGETHER = 1,
#else
  RISK_TOGETHER = 8,
#endif
  RISK_NUMBERS =
      1 << 11, /* of a stretch of the data set, which is to stay in the nearest cache; its rows */
  RISK_ROWS = 1 << 7
};

typedef struct risk_set {
  int64_t rows, width, inputs; /* of an input; n */
  int64_t batch;               /* inputs of a mini-batch; 0: all n at every step */
  int64_t stretch;             /* inputs that are gone through together */
  uint64_t key;
} risk_set;

/* what there is in a trial's scratch */
typedef struct risk_sums {
  real *loss, *grad_f, *grad_a; /* [1], [width], [rows] */
  real *r, *u, *z; /* [stretch]; [stretch][rows]; [rows][width] of an input of a mini-batch */
} risk_sums;

/* ---- host ---- */

static inline risk_set risk_set_of(const basin_setting *setting, int64_t rows, int64_t width) {
  const basin_gradient *g = &setting->gradient;
  const int64_t by_numbers = RISK_NUMBERS / (rows * width), by_rows = RISK_ROWS / rows;
  risk_set s = {rows, width, g->set_size, g->batch, 1, setting->key};
  if (!s.batch) s.stretch = by_numbers < by_rows ? by_numbers : by_rows;
  if (s.stretch > s.inputs) s.stretch = s.inputs;
  if (s.stretch < 1) s.stretch = 1;
  return s;
}

static inline int64_t risk_reals(const risk_set *s) {
  return 1 + s->width + s->rows + s->stretch * (1 + s->rows) + (s->batch ? s->rows * s->width : 0);
}

/* ---- host and device ---- */

BASIN_HD risk_sums risk_sums_in(const risk_set *s, real *work) {
  risk_sums sums;
  sums.loss = work;
  sums.grad_f = sums.loss + 1;
  sums.grad_a = sums.grad_f + s->width;
  sums.r = sums.grad_a + s->rows;
  sums.u = sums.r + s->stretch;
  sums.z = sums.u + s->stretch * s->rows;
  return sums;
}

BASIN_HD real risk_relu(real u) { return r_max(u, r_set(0.0)); }

/* before a loop of an unknown number of short turns; other compilers do as much by themselves */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define RISK_UNROLL _Pragma("GCC unroll 8")
#else
#define RISK_UNROLL
#endif

/* numbers z of an input: the lanes' own, or the same for all of them; which, is a constant */
typedef struct risk_numbers {
  const double *shared;
  const real *own;
} risk_numbers;
BASIN_HD real risk_number(int is_own, risk_numbers z, int64_t i) {
  return is_own ? z.own[i] : r_set(z.shared[i]);
}
BASIN_HD risk_numbers risk_behind(int is_own, risk_numbers z, int64_t i) {
  if (is_own) z.own += i;
  else z.shared += i;
  return z;
}

/* `all` elements in as many blocks as are needed, all but equal in size */
typedef struct risk_cut {
  int64_t blocks, least,
      larger; /* how many; elements of one, at least; blocks that have one more, the first ones */
} risk_cut;
BASIN_HD risk_cut risk_cut_of(int64_t all) {
  const int64_t blocks = (all + RISK_TOGETHER - 1) / RISK_TOGETHER;
  const risk_cut cut = {blocks, all / blocks, all % blocks};
  return cut;
}
BASIN_HD int64_t risk_first(const risk_cut *cut, int64_t b) {
  return b * cut->least + (b < cut->larger ? b : cut->larger);
}
BASIN_HD int risk_count(const risk_cut *cut, int64_t b) {
  return (int)(cut->least + (b < cut->larger));
}

/* f(count, ...) with a constant for the count */
#if BASIN_ON_DEVICE
#define RISK_FOR_COUNT(count, f, ...) f(1, __VA_ARGS__);
#else
#define RISK_CASE(n, f, ...) \
  case n:                    \
    f(n, __VA_ARGS__);       \
    break;
#define RISK_FOR_COUNT(count, f, ...) \
  switch (count) {                    \
    RISK_CASE(1, f, __VA_ARGS__)      \
    RISK_CASE(2, f, __VA_ARGS__)      \
    RISK_CASE(3, f, __VA_ARGS__)      \
    RISK_CASE(4, f, __VA_ARGS__)      \
    RISK_CASE(5, f, __VA_ARGS__)      \
    RISK_CASE(6, f, __VA_ARGS__)      \
    RISK_CASE(7, f, __VA_ARGS__)      \
  default:                            \
    f(RISK_TOGETHER, __VA_ARGS__);    \
  }
#endif

/* what the filter sees of `count` rows, a constant */
BASIN_HD void risk_see_block(int count, int is_own, int64_t width, risk_numbers z, const real *f,
                             real *u) {
  real sum[RISK_TOGETHER];
  BASIN_UNROLL
  for (int c = 0; c < count; c++) sum[c] = r_set(0.0);
  for (int64_t q = 0; q < width; q++) {
    const real here = f[q];
    BASIN_UNROLL
    for (int c = 0; c < count; c++)
      sum[c] = r_fma(risk_number(is_own, z, c * width + q), here, sum[c]);
  }
  BASIN_UNROLL
  for (int c = 0; c < count; c++) u[c] = sum[c];
}
BASIN_HD void risk_see_all(int is_own, basin_team team, int64_t rows, int64_t width, risk_numbers z,
                           const real *f, real *u) {
  const risk_cut cut = risk_cut_of(rows);
  BASIN_TEAM_FOR(team, b, cut.blocks) {
    const int64_t first = risk_first(&cut, b);
    RISK_FOR_COUNT(risk_count(&cut, b), risk_see_block, is_own, width,
                   risk_behind(is_own, z, first * width), f, u + first)
  }
  team_sync(team);
}
BASIN_CALLED void risk_see(basin_team team, int64_t rows, int64_t width, risk_numbers z,
                           const real *f, real *u) {
  risk_see_all(0, team, rows, width, z, f, u);
}
BASIN_CALLED void risk_see_own(basin_team team, int64_t rows, int64_t width, risk_numbers z,
                               const real *f, real *u) {
  risk_see_all(1, team, rows, width, z, f, u);
}

/* `count` entries of grad_f, a constant, go on by all rows with their weights */
BASIN_HD void risk_pull_block(int count, int is_own, int64_t rows, int64_t width, risk_numbers z,
                              const real *weight, real *grad) {
  real sum[RISK_TOGETHER];
  BASIN_UNROLL
  for (int c = 0; c < count; c++) sum[c] = grad[c];
  for (int64_t j = 0; j < rows; j++) {
    const real here = weight[j];
    BASIN_UNROLL
    for (int c = 0; c < count; c++)
      sum[c] = r_fma(here, risk_number(is_own, z, j * width + c), sum[c]);
  }
  BASIN_UNROLL
  for (int c = 0; c < count; c++) grad[c] = sum[c];
}
BASIN_HD void risk_pull_all(int is_own, basin_team team, int64_t rows, int64_t width,
                            risk_numbers z, const real *weight, real *grad) {
  const risk_cut cut = risk_cut_of(width);
  BASIN_TEAM_FOR(team, b, cut.blocks) {
    const int64_t first = risk_first(&cut, b);
    RISK_FOR_COUNT(risk_count(&cut, b), risk_pull_block, is_own, rows, width,
                   risk_behind(is_own, z, first), weight, grad + first)
  }
  team_sync(team);
}
BASIN_CALLED void risk_pull(basin_team team, int64_t rows, int64_t width, risk_numbers z,
                            const real *weight, real *grad) {
  risk_pull_all(0, team, rows, width, z, weight, grad);
}
BASIN_CALLED void risk_pull_own(basin_team team, int64_t rows, int64_t width, risk_numbers z,
                                const real *weight, real *grad) {
  risk_pull_all(1, team, rows, width, z, weight, grad);
}

/* residuals of `count` inputs, a constant: r has -y of each */
BASIN_HD void risk_residuals(int count, int64_t rows, const real *a, const real *u, real *r) {
  real sum[RISK_TOGETHER];
  BASIN_UNROLL
  for (int c = 0; c < count; c++) sum[c] = r[c];
  for (int64_t j = 0; j < rows; j++) {
    const real here = a[j];
    BASIN_UNROLL
    for (int c = 0; c < count; c++) sum[c] = r_fma(here, risk_relu(u[c * rows + j]), sum[c]);
  }
  BASIN_UNROLL
  for (int c = 0; c < count; c++) r[c] = sum[c];
}

/* grad_a[j] by the inputs of a stretch; weights in the place of what was seen of their rows */
BASIN_HD void risk_slope(int64_t j, int64_t rows, int64_t inputs, int at_zero, real a,
                         const risk_sums *s) {
  const real zero = r_set(0.0), *r = s->r;
  real g = s->grad_a[j], *u = s->u + j;
  RISK_UNROLL
  for (int64_t i = 0; i < inputs; i++) {
    const real seen = u[i * rows], residual = r[i];
    g = r_fma(residual, risk_relu(seen), g);
    u[i * rows] = r_select(at_zero ? r_le(zero, seen) : r_lt(zero, seen), residual * a, zero);
  }
  s->grad_a[j] = g;
}

/* The residuals of the inputs of a stretch, whose -y are in s->r; with `gradients` the weights of their rows, and the
   gradient by a, go on; the loss in any case. Of a mini-batch is_own. */
BASIN_HD void risk_add(const risk_set *set, basin_team team, int is_own, int gradients, int at_zero,
                       risk_numbers z, int64_t inputs, const real *f, const real *a,
                       const risk_sums *s) {
  const int64_t rows = set->rows;
  const risk_cut cut = risk_cut_of(inputs);
  if (is_own) risk_see_own(team, inputs * rows, set->width, z, f, s->u);
  else risk_see(team, inputs * rows, set->width, z, f, s->u);
  BASIN_TEAM_FOR(team, b, cut.blocks) {
    const int64_t first = risk_first(&cut, b);
    RISK_FOR_COUNT(risk_count(&cut, b), risk_residuals, rows, a, s->u + first * rows, s->r + first)
  }
  team_sync(team);
  if (team.rank == 0) {
    real loss = *s->loss;
    for (int64_t i = 0; i < inputs; i++) loss = r_fma(s->r[i], s->r[i], loss);
    *s->loss = loss;
  }
  BASIN_TEAM_FOR(team, j, gradients ? rows : 0)
  risk_slope(j, rows, inputs, at_zero, a[j], s);
  team_sync(team);
  if (!gradients) return;
  if (is_own) risk_pull_own(team, inputs * rows, set->width, z, s->u, s->grad_f);
  else risk_pull(team, inputs * rows, set->width, z, s->u, s->grad_f);
}

BASIN_HD void risk_begin(const risk_set *set, basin_team team, const risk_sums *s) {
  team_sync(team);
  if (team.rank == 0) *s->loss = r_set(0.0);
  BASIN_TEAM_FOR(team, q, set->width) s->grad_f[q] = r_set(0.0);
  BASIN_TEAM_FOR(team, j, set->rows) s->grad_a[j] = r_set(0.0);
}

/* the sums over all inputs; without `gradients` the loss alone */
BASIN_CALLED void risk_whole(const risk_set *set, basin_turn t, int gradients, int at_zero,
                             const real *f, const real *a, const risk_sums *s) {
  risk_numbers z = {t.set, NULL};
  risk_begin(set, t.team, s);
  for (int64_t i = 0; i < set->inputs && !team_stopped(t.team); i += set->stretch) {
    const int64_t inputs = set->inputs - i < set->stretch ? set->inputs - i : set->stretch;
    BASIN_TEAM_FOR(t.team, c, inputs) s->r[c] = r_set(0.0) - r_set(t.label[i + c]);
    risk_add(set, t.team, 0, gradients, at_zero, z, inputs, f, a, s);
    z.shared += inputs * set->rows * set->width;
  }
}

/* an input of each lane, of the number that is there, side by side; where there is one lane it need not move */
BASIN_HD const real *risk_gather(const risk_set *set, const double *from, const int64_t *number,
                                 real *z) {
#if BASIN_LANES == 1
  (void)z;
  return from + number[0] * set->rows * set->width;
#else
  const int64_t size = set->rows * set->width;
  uint64_t first[BASIN_LANES];
  bits at;
  int64_t q = 0;
  for (int l = 0; l < BASIN_LANES; l++) first[l] = (uint64_t)(number[l] * size);
  memcpy(&at, first, sizeof at);
  for (; q + 8 <= size; q += 8) r_rows(from + q, at, z + q);
  for (; q < size; q++)
    for (int l = 0; l < BASIN_LANES; l++) r_lane_set(&z[q], l, from[(int64_t)first[l] + q]);
  return z;
#endif
}

/* the sums over the mini-batch of the turn's step */
BASIN_CALLED void risk_batch(const risk_set *set, basin_turn t, int at_zero, const real *f,
                             const real *a, const risk_sums *s) {
  real even = r_set(0.0), odd = even;
  risk_begin(set, t.team, s);
  for (int64_t i = 0; i < set->batch && !team_stopped(t.team); i++) {
    int64_t number[BASIN_LANES];
    real label;
    if (i % 2 == 0) batch_pair(set->key, t, i / 2, set->inputs, &even, &odd);
    const real place = i % 2 ? odd : even;
    for (int l = 0; l < BASIN_LANES; l++) {
      number[l] = (int64_t)r_lane(&place, l);
      r_lane_set(&label, l, t.label[number[l]]);
    }
    const risk_numbers z = {NULL, risk_gather(set, t.set, number, s->z)};
    if (t.team.rank == 0) s->r[0] = r_set(0.0) - label;
    risk_add(set, t.team, 1, 1, at_zero, z, 1, f, a, s);
  }
}

/* R, of the sums over all inputs */
BASIN_HD real risk_train_loss(const risk_set *set, const risk_sums *s) {
  return *s->loss / r_set(2 * (double)set->inputs);
}

#endif
