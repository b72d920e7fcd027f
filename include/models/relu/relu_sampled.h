/* SPDX-License-Identifier: MIT
 *
 * relu_sampled.h: stochastic gradient descent on the sums of neurons of relu.h.
 *
 * Every step draws B fresh inputs x_s of d standard normals and follows the gradient of the mean of 1/2 r_s^2,
 *
 *   r_s = sum_i max(0, w_i'x_s) - sum_l max(0, v_l'x_s),   grad_i = 1/B sum_s r_s 1{w_i'x_s >= 0} x_s,
 *
 * of which the mean is the population's gradient, at w_i = 0 too.
 *
 * direct: all d normals of every input are drawn, and the state is the full vectors.
 *
 * direct and law take the methods of seam/method.h.
 *
 * law: the same with inputs of another law (numeric/law.h), of mean 0 and covariance I. The loss over normal inputs, of
 * which stop.at is the bound, is no longer the mean of 1/2 r_s^2, but still a distance of the functions: 0 at the
 * global optimum alone. No trial ends as spurious: where the mean gradient vanishes is not known.
 *
 * projected: equal in distribution, at a cost that has no d in it. The state is the D = min(d, n + m) coordinates of
 * relu.h in an orthonormal frame of the span, of which the teachers' take the first m. An input's D coordinates
 * xi_s are standard normals and give all r_s and 1_is = 1{w_i'x_s >= 0}, and the gradient's part within the span. What
 * is left of the x_s, in f = d - D dimensions, is independent of that; so, given it, the parts of the n gradients
 * orthogonal to the span are normal vectors of covariance Q/B^2 with each other in every one of the f dimensions,
 * Q_ij = sum_s r_s^2 1_is 1_js. With Q = L L' they are L G, G of n x f normals, of which only inner products
 * matter: G G' is a Wishart matrix of f degrees of freedom, T T' with T lower triangular (Bartlett 1933): T_ii^2 is
 * chi-square with f - i degrees of freedom (i = 0, 1, ...), T_ij, j < i, is normal, and T has min(n, f) columns. So
 * in new axes behind the old ones the students have moved by -(eta/B) L T; the n + min(n, f) coordinates behind the
 * teachers' are then turned (reflected, by Householder) into n again, in which the students are lower triangular.
 * Nothing is squared on the way but Q. A pivot of Q below RELU_PIVOT of its diagonal entry counts as 0: students that
 * are active on the same inputs move alike, to rounding. Where Q is singular in another way (B < n, or a student that
 * is active where one of two others is) rounding may leave a pivot of 1e-16 of the largest entry of Q instead, and so a
 * motion of 1e-8 of the largest one. For fresh normal inputs only.
 *
 * Operations of one input, D its width (d for direct), N = n + m: D normals, 2 D (N + n) flop, and n^2 for Q. Of a
 * step, projected: n chi-square numbers, n^2/2 normals and 4 n^3 flop or so.
 */
#ifndef BASIN_MODELS_RELU_SAMPLED_H
#define BASIN_MODELS_RELU_SAMPLED_H

#include "models/relu/relu_observe.h"
#include "numeric/chi_square.h"

#define RELU_PIVOT 1e-12

/* the scratch of the samplers, behind that of relu.h; offsets */
typedef struct relu_samples {
  int64_t input; /* [D] */
  int64_t dot;   /* [N] products of teachers and students with it */
  int64_t q;     /* [n][n] Q, then L below the diagonal and on it */
  int64_t t;     /* [n][min(n, f)] T */
  int64_t row;   /* [n][n + min(n, f)] coordinates behind the teachers' */
  int64_t end;
} relu_samples;

/* dimensions that the frame leaves */
BASIN_HD int64_t relu_freedom(const relu_cell *cell) {
  return cell->spanned ? cell->d - cell->width : 0;
}

/* columns of T */
BASIN_HD int64_t relu_new_axes(const relu_cell *cell) {
  const int64_t freedom = relu_freedom(cell);
  return cell->n < freedom ? cell->n : freedom;
}

BASIN_HD relu_samples relu_samples_of(const relu_cell *cell) {
  const int64_t n = cell->n, axes = relu_new_axes(cell), square = axes ? n * n : 0;
  relu_samples s;
  s.input = cell->to_own;
  s.dot = s.input + cell->width;
  s.q = s.dot + cell->m + n;
  s.t = s.q + square;
  s.row = s.t + n * axes;
  s.end = s.row + (axes ? n * (n + axes) : 0);
  return s;
}

static inline basin_layout relu_sampled_layout(const basin_setting *setting,
                                               const relu_cell *cell) {
  const int64_t end = relu_samples_of(cell).end;
  const basin_layout layout = {cell->states, end > cell->work ? end : cell->work, relu_team(cell)};
  (void)setting;
  return method_layout(&cell->method, layout);
}

/* the pace is eta / B, of other methods than gradient descent eta */
static inline void relu_sampled_paces(const relu_cell *cell, const double *eta, double *pace) {
  pace[0] = eta[0] / (method_is_plain(&cell->method) ? (double)cell->inputs : 1);
  method_paces(pace);
}

/* What is wrong with the sampled gradient, or NULL. The chi-square numbers are in range: of as many students as the
   model takes, 2^12, they have all blocks there are. */
static inline const char *relu_sampled_check(const basin_setting *setting, const relu_cell *cell) {
  const double blocks = (double)law_blocks(&cell->law, cell->width);
  if ((double)setting->gradient.inputs * blocks <= (double)BASIN_BLOCKS_MAX) return NULL;
  return cell->spanned || cell->law.kind
             ? "more than 2^25 random numbers a step: fewer inputs"
             : "more than 2^25 random numbers a step: fewer inputs, or sampler projected";
}

/* ---------------------------------------------------------------- the inputs of a step */

/* The input of that number, and its product with every teacher and student. law: NULL, which the compiler has to know,
   for the normal one */
BASIN_HD void relu_draw_input(const relu_cell *cell, const basin_input_law *law, basin_team team,
                              bits trial, bits step, int64_t number, const relu_samples *s,
                              const real *x, real *work) {
  const int64_t width = cell->width, m = cell->m;
  const int64_t blocks = law ? law_blocks(law, width) : (width + 1) / 2;
  real *input = work + s->input;
  if (law)
    law_row(law, team, cell->student.key, BASIN_STREAM_INPUT, trial, step,
            b_set((uint64_t)(number * blocks)), width, input);
  else
    basin_normals_row(team, cell->student.key, BASIN_STREAM_INPUT, trial, step,
                      b_set((uint64_t)(number * blocks)), width, input);
  team_sync(team);
  BASIN_TEAM_FOR(team, a, m + cell->n) {
    const real *vector = a < m ? x + cell->at_unit_v + a * width : x + cell->at_w + (a - m) * width;
    work[s->dot + a] = relu_dot(vector, input, width);
  }
  team_sync(team);
}

/* its residual: the teachers are kept at length 1 beside -|v_l| */
BASIN_HD real relu_residual(const relu_cell *cell, const relu_samples *s, const real *x,
                            const real *work) {
  const real zero = r_set(0.0), *dot = work + s->dot;
  real r = zero;
  for (int64_t i = 0; i < cell->n; i++) r = r + r_max(dot[cell->m + i], zero);
  for (int64_t l = 0; l < cell->m; l++) r = r_fma(x[cell->at_mass_v + l], r_max(dot[l], zero), r);
  return r;
}

/* B times the gradient at the state's students, in their coordinates, into its place in the state; and Q */
BASIN_HD void relu_sample(const relu_cell *cell, const basin_input_law *law, basin_team team,
                          bits trial, bits step, const relu_samples *s, real *work, real *x) {
  const int64_t n = cell->n, width = cell->width, pairs = relu_new_axes(cell) ? n * (n + 1) / 2 : 0;
  const real zero = r_set(0.0), *dot = work + s->dot + cell->m, *input = work + s->input;
  real *g = x + cell->at_g, *q = work + s->q;
  team_sync(team);
  BASIN_TEAM_FOR(team, e, n * width) g[e] = zero;
  BASIN_TEAM_FOR(team, e, pairs ? n * n : 0) q[e] = zero;
  for (int64_t number = 0; number < cell->inputs && !team_stopped(team); number++) {
    relu_draw_input(cell, law, team, trial, step, number, s, x, work);
    const real r = relu_residual(cell, s, x, work), r2 = r * r;
    int lo, hi = 1;
    for (int64_t i = 0; i < n; i++) {
      const real weight = r_select(r_le(zero, dot[i]), r, zero);
      BASIN_TEAM_FOR(team, k, width) g[i * width + k] = r_fma(weight, input[k], g[i * width + k]);
    }
    BASIN_TEAM_FOR(team, p, pairs) {
      relu_pair(p, &lo, &hi); /* (0, 1) stands for Q_00, (0, 2) for Q_10, (1, 2) for Q_11, ... */
      const mask both = m_and(r_le(zero, dot[lo]), r_le(zero, dot[hi - 1]));
      q[(hi - 1) * n + lo] = q[(hi - 1) * n + lo] + r_select(both, r2, zero);
    }
    team_sync(team);
  }
}

/* ---------------------------------------------------------------- projected: what lies outside of the span */

/* Q = L L', in its place */
BASIN_HD void relu_factor(const relu_cell *cell, basin_team team, real *q) {
  const int64_t n = cell->n;
  const real zero = r_set(0.0), one = r_set(1.0);
  for (int64_t j = 0; j < n && !team_stopped(team); j++) {
    const real diagonal = q[j * n + j];
    real pivot = diagonal;
    for (int64_t k = 0; k < j; k++) pivot = r_fnma(q[j * n + k], q[j * n + k], pivot);
    const mask dependent = r_le(pivot, r_set(RELU_PIVOT) * diagonal);
    const real root = r_select(dependent, zero, r_sqrt(r_select(dependent, one, pivot)));
    const real inverse = r_select(dependent, zero, one / r_select(dependent, one, root));
    team_sync(team);
    BASIN_TEAM_FOR(team, below, n - j) {
      const int64_t i = j + below;
      real sum = q[i * n + j];
      for (int64_t k = 0; k < j; k++) sum = r_fnma(q[i * n + k], q[j * n + k], sum);
      sum = inverse * sum;
      q[i * n + j] = i == j ? root : sum;
    }
    team_sync(team);
  }
}

/* T [n][axes] */
BASIN_HD void relu_bartlett(const relu_cell *cell, basin_team team, bits trial, bits step,
                            real *t) {
  const int64_t n = cell->n, axes = relu_new_axes(cell), freedom = relu_freedom(cell);
  const uint64_t key = cell->student.key;
  int lo, hi = 1;
  BASIN_TEAM_FOR(team, e, n * axes) t[e] = r_set(0.0);
  team_sync(team);
  BASIN_TEAM_FOR(team, i, axes) {
    t[i * axes + i] = r_sqrt(basin_chi_square(key, BASIN_STREAM_CHI, freedom - i, trial, step,
                                              (uint64_t)i * BASIN_CHI_BLOCKS));
  }
  BASIN_TEAM_FOR(team, p, relu_pairs(n)) {
    real first, second;
    relu_pair(p, &lo, &hi);
    if (lo >= axes) continue;
    basin_normals_at(key, BASIN_STREAM_WISHART, trial, step, (uint64_t)p / 2, &first, &second);
    t[hi * axes + lo] = p % 2 ? second : first;
  }
  team_sync(team);
}

/* rows [n][columns] times an orthogonal matrix, so that they become lower triangular: row after row is reflected
   onto its axis, and the rows below with it */
BASIN_HD void relu_triangulate(basin_team team, int64_t n, int64_t columns, real *row) {
  const real zero = r_set(0.0), one = r_set(1.0);
  for (int64_t i = 0; i < n && !team_stopped(team); i++) {
    real *u = row + i * columns, norm2 = zero;
    for (int64_t k = i; k < columns; k++) norm2 = r_fma(u[k], u[k], norm2);
    const real length = r_copysign(r_sqrt(norm2), u[i]), head = u[i] + length;
    /* the reflection along h = u + length e_i, of which |h|^2 / 2 = length head */
    const real half2 = length * head;
    const mask none = r_le(half2, zero);
    const real inverse = r_select(none, zero, one / r_select(none, one, half2));
    team_sync(team);
    BASIN_TEAM_FOR(team, below, n - i - 1) {
      real *to = row + (i + 1 + below) * columns, along = head * to[i];
      for (int64_t k = i + 1; k < columns; k++) along = r_fma(u[k], to[k], along);
      along = along * inverse;
      to[i] = r_fnma(along, head, to[i]);
      for (int64_t k = i + 1; k < columns; k++) to[k] = r_fnma(along, u[k], to[k]);
    }
    team_sync(team);
    BASIN_TEAM_FOR(team, k, columns - i)
    u[i + k] = k == 0 ? r_select(none, u[i], zero - length) : r_select(none, u[i + k], zero);
    team_sync(team);
  }
}

/* the students [n][D] move by -pace L T in new axes, and are turned back into D coordinates */
BASIN_HD void relu_scatter(const relu_cell *cell, basin_team team, bits trial, bits step, real pace,
                           const relu_samples *s, real *work, real *x) {
  const int64_t n = cell->n, m = cell->m, width = cell->width, axes = relu_new_axes(cell);
  const int64_t columns = n + axes;
  real *w = x + cell->at_w, *row = work + s->row, *q = work + s->q;
  const real *t = work + s->t;
  relu_factor(cell, team, q);
  relu_bartlett(cell, team, trial, step, work + s->t);
  BASIN_TEAM_FOR(team, e, n * columns) {
    const int i = e / (int)columns, k = e % (int)columns; /* n is at most 2^12 */
    if (team_stopped(team)) break;
    real sum = r_set(0.0);
    for (int64_t j = k - n; k >= n && j <= i; j++)
      sum = r_fma(q[i * n + j], t[j * axes + k - n], sum);
    sum = r_set(0.0) - pace * sum;
    row[e] = k < n ? w[i * width + m + k] : sum;
  }
  team_sync(team);
  relu_triangulate(team, n, columns, row);
  BASIN_TEAM_FOR(team, e, n * n) {
    const int i = e / (int)n, k = e % (int)n;
    w[i * width + m + k] = row[i * columns + k];
  }
  team_sync(team);
}

/* ---------------------------------------------------------------- a step */

/* one step */
BASIN_HD void relu_sampled_descend(const relu_cell *cell, const basin_input_law *law, basin_turn t,
                                   real *x) {
  const relu_samples s = relu_samples_of(cell);
  real *z = t.work;
  t.work += method_work(&cell->method);
  relu_sample(cell, law, t.team, t.trial, t.step, &s, t.work, x);
  relu_move(cell, t, z, x);
  team_sync(t.team);
  if (relu_new_axes(cell)) relu_scatter(cell, t.team, t.trial, t.step, t.pace[0], &s, t.work, x);
  if (cell->with_loss) relu_refresh(cell, 0, t.team, t.work, x);
  else relu_bound(cell, t.team, t.work, x);
}

BASIN_HD void relu_sampled_step(const relu_cell *cell, basin_turn t, real *x) {
  relu_sampled_descend(cell, NULL, t, x);
}
BASIN_HD void relu_law_step(const relu_cell *cell, basin_turn t, real *x) {
  relu_sampled_descend(cell, &cell->law, t, x);
}

#if BASIN_ONE_LANE
/* Where new axes have come, the state has lost their directions; with `any` its axes, of which the teachers' are the
   first m for ever, are taken for those of the start. In distribution an estimate does not depend on the others. */
static inline void relu_projected_vectors(const relu_cell *cell, basin_turn t, const real *x,
                                          int any, double *out) {
  relu_vectors(cell, t, x, any, out);
  for (int64_t e = 0; !any && relu_new_axes(cell) && e < cell->n * cell->d; e++) out[e] = NAN;
}
#endif

#define MODEL_direct(F)                                                               \
  F(0, relu_sampled_layout, relu_sampled_paces, relu_method_start, relu_sampled_step, \
    relu_reached, relu_reached, relu_observe, relu_vectors)
#define MODEL_law(F)                                                                            \
  F(0, relu_sampled_layout, relu_sampled_paces, relu_method_start, relu_law_step, relu_reached, \
    relu_reached, relu_observe, relu_vectors)
#define MODEL_projected(F)                                                                   \
  F(0, relu_sampled_layout, relu_sampled_paces, relu_start, relu_sampled_step, relu_reached, \
    relu_reached, relu_observe, relu_projected_vectors)

#endif
