/* SPDX-License-Identifier: MIT
 *
 * factor.h: gradient descent on a factorisation U V' of a matrix M, in exact reduced coordinates.
 *
 *   f(U, V) = 1/2 |U V' - M|_F^2 + (reg/8) |U'U - V'V|_F^2,   U d_1 x r, V d_2 x r, M d_1 x d_2 of rank r   (4.1, 4.3)
 *   R = U V' - M,  D = U'U - V'V:   dU = R V + (reg/2) U D,   dV = R'U - (reg/2) V D
 *
 * of S. S. Du's thesis (2019), chapter 4. In the singular bases of M = diag(sigma) let U_s and V_s be the first r rows
 * of U and V, and U_p and V_p the others. A step multiplies U_p from the right, so U_p = Q T stays there with the same
 * Q of orthonormal columns, and only T, min(r, d_1 - r) x r, moves; likewise V_p. So a trial is U_s over T, and the
 * same of V: at most 4 r^2 numbers, whatever d_1 and d_2. Below U and V stand for these. With S = diag(sigma),
 * A = U'U, C = V'V and E = (reg/2)(A - C):
 *
 *   dU = U (C + E) - [S V_s; 0],   dV = V (A - E) - [S U_s; 0],
 *   f = 1/2 |U V' - [S 0; 0 0]|^2 + (reg/8) |A - C|^2,
 *
 * a sum of squares without cancellation: right to about 1e-31 r^4 sigma_1^2.
 *
 * When is a trial at the global optimum for good? A tolerance may be touched in passing where no minimum is stable: for
 * eta sigma_1 > 1 a small loss tells nothing. Let rho = (R, sqrt(reg)/2 D), so that f = 1/2 |rho|^2, J its Jacobian,
 * g = J'rho the gradient, p = |rho|, and write |.| for the spectral norm of a matrix. Then
 *
 *   rho' = rho - eta J J'rho + eta^2 q(g),   |q(g)| <= K/2 |g|^2,   K^2 = max(1 + reg/2, reg),
 *   |J J'| <= L (|U|^2 + |V|^2),   L = max(1, reg),
 *
 * for the parts of J'by R and by D are orthogonal, at every point: <(X V, X'U), (U Y, -V Y)> = 0 for symmetric Y. Hence
 *
 *   p' <= p - eta delta |g|^2 / (2 p),   delta = 2 - eta (L (|U|^2 + |V|^2) + K p).
 *
 * And where p <= sigma_r / 2 the gradient is not small: |g|^2 >= kappa m^2 p^2, m being the least singular value of U
 * and V, kappa = 3/4, with reg > 0 min(3/4, 2 reg); for what of R lies in the range of neither U nor V is
 * (1 - P) R M^+ R (1 - Q), at most p/sigma_r of R. So as long as delta and m keep half of what they are, the path that
 * is left is at most
 *
 *   ell = sum eta |g| <= 8 p / (delta m sqrt(kappa)),
 *
 * and they do keep half if ell <= m/2 and eta L ((|U| + ell)^2 + (|V| + ell)^2 - |U|^2 - |V|^2) <= delta/2. A state of
 * p <= sigma_r/2 and these two is `settled`: f never rises again, and goes to 0 if the steps to come add up to
 * infinity. eta is the largest of the step sizes to come. That is proved of exact arithmetic, and what it asks is
 * harmless: p at most about delta m^2 / 20, with delta = 2 (1 - eta sigma_1) at a balanced optimum. As |U|^2 + |V|^2 is
 * at least 2 (sigma_1 - p), nothing is settled where eta sigma_1 > 1.
 *
 * Other methods than gradient descent (seam/method.h) take U and V in these coordinates. Velocities keep to the
 * columns of Q as U_p does, so momentum and nesterov are those of the full factors; what moves entries each by itself,
 * or adds noise to them, asks that the coordinates are the entries: d_1 and d_2 of at most 2 r, and factors that are
 * given for Adam. No state is settled then: at the global optimum is who has come to a loss of at most stop.at.
 *
 * Multiplications and fma of one step: r (r + 1)/2 (n_U + n_V) for A and C, (n_U + n_V) r^2 for the gradient, n_U n_V r
 * for the loss, n_U = r + min(r, d_1 - r) rows: 8 r^3 + 4 r^3 and a little.
 */
#ifndef BASIN_MODELS_FACTOR_H
#define BASIN_MODELS_FACTOR_H

#include "numeric/chi_square.h"
#include "seam/draw.h"
#include "seam/method.h"

enum { FACTOR_RANK_MAX = 64 };

/* what a watched trial keeps of all its steps, behind D(0) and the law's D */
enum {
  FACTOR_LOSS,  /* of the present state */
  FACTOR_RISES, /* steps at which the loss rose */
  FACTOR_D_MAX, /* largest |D|_F, |U|_F^2, |V|_F^2 */
  FACTOR_U_MAX,
  FACTOR_V_MAX,
  FACTOR_RATIO_MIN, /* rank 1: smallest and largest |a/b|, largest a b - sigma */
  FACTOR_RATIO_MAX,
  FACTOR_H_MAX,
  FACTOR_KEPT
};

typedef struct factor_cell {
  int64_t r, n_u, n_v;         /* rank; rows of the two matrices */
  int64_t dimension[2];        /* d_1, d_2 */
  int64_t sigma;               /* offset into data of sigma [r] */
  int64_t given[2];            /* of matrices that are given, in their coordinates; -1: drawn */
  draw_source source[2];       /* of U and V */
  double reg, first, last;     /* sigma_1, sigma_r */
  double tolerance, gradient2; /* stop.at; stop.at_gradient */
  double bend, curve, pull;    /* K, L, sqrt(kappa) */
  double eta_most,
      eta_later; /* the largest step size; the largest of the stages behind the first */
  int falls;     /* whether any step size does */
  int endless;   /* whether the step sizes add up to infinity */
  int watched;
  basin_method method;

  /* offsets into a state, in reals, and its length; its first number is the largest step size to come */
  int64_t at_u, at_v;
  int64_t at_law, at_begun,
      at_kept; /* watched: [r][r] of D by the one-step law, D(0), and FACTOR_KEPT numbers */
  int64_t states;

  /* offsets into the scratch, and its length */
  int64_t to_strand;             /* [32] */
  int64_t to_g;                  /* [n_u + n_v][r] the gradient */
  int64_t to_a, to_c;            /* [r][r] A, C */
  int64_t to_on_u, to_on_v;      /* [r][r] C + E, A - E */
  int64_t to_term;               /* [n_u + n_v] */
  int64_t to_turned, to_product; /* [2 r][r] */
  int64_t to_factor;             /* [r][r] */
  int64_t to_value;              /* [3][r] singular values of U, V, U V' */
  int64_t work;
} factor_cell;

/* ---------------------------------------------------------------- gradient and loss */

/* What follows takes the rank as a number of its own: the lanes of a CPU have it once more for some small ranks,
   with sums in registers, in the same order. */
enum { FACTOR_SMALL = 5 };

/* x'x [r][r] of x [rows][r] */
BASIN_HD void factor_gram(basin_team team, int64_t rows, int64_t r, const real *x, real *gram) {
  BASIN_TEAM_FOR(team, j, r)
  BASIN_ROLLED
  for (int64_t k = j; k < r; k++) {
    real sum = r_set(0.0);
    BASIN_ROLLED
    for (int64_t i = 0; i < rows; i++) sum = r_fma(x[i * r + j], x[i * r + k], sum);
    gram[j * r + k] = sum;
    gram[k * r + j] = sum;
  }
}
BASIN_HD void factor_gram_small(int64_t rows, int r, const real *x, real *gram) {
  real sum[FACTOR_SMALL * FACTOR_SMALL];
  for (int e = 0; e < r * r; e++) sum[e] = r_set(0.0);
  for (int64_t i = 0; i < rows; i++, x += r)
    for (int j = 0; j < r; j++)
      for (int k = j; k < r; k++) sum[j * r + k] = r_fma(x[j], x[k], sum[j * r + k]);
  for (int j = 0; j < r; j++)
    for (int k = j; k < r; k++) gram[j * r + k] = gram[k * r + j] = sum[j * r + k];
}

/* C + E from A and C, and A - E; of reg = 0 these are C and A, overflown ones too */
BASIN_HD real factor_on_u(const factor_cell *c, real a, real b) {
  if (!(c->reg > 0)) return b;
  return r_fma(r_set(0.5 * c->reg), a - b, b);
}
BASIN_HD real factor_on_v(const factor_cell *c, real a, real b) {
  if (!(c->reg > 0)) return a;
  return r_fnma(r_set(0.5 * c->reg), a - b, a);
}

/* A, C, C + E and A - E */
BASIN_HD void factor_grams_of(const factor_cell *c, int small, int64_t r, basin_team team,
                              const real *x, real *work) {
  if (small) {
    factor_gram_small(c->n_u, small, x + c->at_u, work + c->to_a);
    factor_gram_small(c->n_v, small, x + c->at_v, work + c->to_c);
  } else {
    factor_gram(team, c->n_u, r, x + c->at_u, work + c->to_a);
    factor_gram(team, c->n_v, r, x + c->at_v, work + c->to_c);
  }
  team_sync(team);
  BASIN_TEAM_FOR(team, e, r * r) {
    const real a = work[c->to_a + e], b = work[c->to_c + e];
    work[c->to_on_u + e] = factor_on_u(c, a, b);
    work[c->to_on_v + e] = factor_on_v(c, a, b);
  }
  team_sync(team);
}

/* The gradient of a row of a matrix of small rank, `own` [r]: own times `on` [r][r], which is C + E or A - E, less pull
   times the other matrix's row, `other`, NULL for none. Below, the same sums of any rank. */
BASIN_HD void factor_row_small(int r, const real *own, const real *other, real pull, const real *on,
                               real *g) {
  real sum[FACTOR_SMALL];
  for (int j = 0; j < r; j++) {
    sum[j] = r_set(0.0);
    if (other) sum[j] = sum[j] - pull * other[j];
  }
  for (int k = 0; k < r; k++)
    for (int j = 0; j < r; j++) sum[j] = r_fma(own[k], on[k * r + j], sum[j]);
  for (int j = 0; j < r; j++) g[j] = sum[j];
}

/* the gradient [n_u + n_v][r] into its place in the scratch, and what it needs */
BASIN_HD void factor_gradient_of(const factor_cell *c, int small, int64_t r, basin_team team,
                                 const double *data, const real *x, real *work) {
  const double *sigma = data + c->sigma;
  factor_grams_of(c, small, r, team, x, work);
  BASIN_TEAM_FOR(team, i, c->n_u + c->n_v) {
    const int of_v = i >= c->n_u;
    const int64_t row = of_v ? i - c->n_u : i;
    const real *own = x + (of_v ? c->at_v : c->at_u) + row * r,
               *other = x + (of_v ? c->at_u : c->at_v) + row * r,
               *on = work + (of_v ? c->to_on_v : c->to_on_u);
    const real pull = r_set(row < r ? sigma[row] : 0.0);
    real *g = work + c->to_g + i * r;
    if (small) {
      factor_row_small(small, own, row < r ? other : NULL, pull, on, g);
      continue;
    }
    BASIN_ROLLED
    for (int64_t j = 0; j < r; j++) {
      real sum = r_set(0.0);
      if (row < r) sum = sum - pull * other[j];
      BASIN_ROLLED
      for (int64_t k = 0; k < r; k++) sum = r_fma(own[k], on[k * r + j], sum);
      g[j] = sum;
    }
  }
  team_sync(team);
}

/* f, |R|_F^2 and |U|_F^2 + |V|_F^2; scratch: strand [32], term [n_u] */
BASIN_HD void factor_measure_of(const factor_cell *c, int small, int64_t r, int64_t rows_u,
                                int64_t rows_v, basin_team team, const double *data, const real *x,
                                real *work, real *strand, real *term, real *loss, real *residual2,
                                real *norm2) {
  const double *sigma = data + c->sigma;
  const real *u = x + c->at_u, *v = x + c->at_v;
  team_sync(team);
  BASIN_TEAM_FOR(team, i, rows_u) {
    real sum = r_set(0.0);
    BASIN_ROLLED
    for (int64_t l = 0; l < rows_v; l++) {
      real entry = r_set(i == l && i < r ? -sigma[i] : 0.0);
      BASIN_ROLLED
      for (int64_t k = 0; k < r; k++) entry = r_fma(u[i * r + k], v[l * r + k], entry);
      sum = r_fma(entry, entry, sum);
    }
    term[i] = sum;
  }
  *residual2 = team_total(team, term, rows_u, strand);
  *norm2 = team_dot(team, u, u, (rows_u + rows_v) * r, strand); /* V lies behind U */
  *loss = r_set(0.5) * *residual2;
  if (c->reg > 0) {
    factor_grams_of(c, small, r, team, x, work);
    BASIN_TEAM_FOR(team, j, r) {
      real sum = r_set(0.0);
      BASIN_ROLLED
      for (int64_t k = 0; k < r; k++) {
        const real d = work[c->to_a + j * r + k] - work[c->to_c + j * r + k];
        sum = r_fma(d, d, sum);
      }
      term[j] = sum;
    }
    *loss = r_fma(r_set(0.125 * c->reg), team_total(team, term, r, strand), *loss);
  }
}

/* where the row lies after a step */
BASIN_HD void factor_descend_row(int r, const real *own, const real *other, real pull,
                                 const real *on, real eta, real *to) {
  real g[FACTOR_SMALL];
  factor_row_small(r, own, other, pull, on, g);
  for (int j = 0; j < r; j++) to[j] = r_fnma(eta, g[j], own[j]);
}

/* the rows of one matrix from the r-th on, which the other's do not pull */
BASIN_HD void factor_descend_rest(int r, int64_t rows, const real *on, real eta, real *m) {
  for (int64_t i = r; i < rows; i++) {
    real row[FACTOR_SMALL];
    for (int j = 0; j < r; j++) row[j] = m[i * r + j];
    factor_descend_row(r, row, NULL, r_set(0.0), on, eta, m + i * r);
  }
}

/* One step of a small rank, of a team of one: A, C and the gradient stay in registers, for the compiler knows the rank,
   and mostly the rows, and whether there is an E (tied). The same numbers as factor_gradient and factor_move. */
BASIN_HD void factor_descend_of(const factor_cell *c, int tied, int r, int64_t rows_u,
                                int64_t rows_v, const double *data, real eta, real *x) {
  const double *sigma = data + c->sigma;
  real a[FACTOR_SMALL * FACTOR_SMALL], b[FACTOR_SMALL * FACTOR_SMALL];
  real *u = x + c->at_u, *v = x + c->at_v;
  factor_gram_small(rows_u, r, u, a);
  factor_gram_small(rows_v, r, v, b);
  for (int e = 0; tied && e < r * r; e++) { /* A - E and C + E */
    const real on_v = factor_on_v(c, a[e], b[e]);
    b[e] = factor_on_u(c, a[e], b[e]);
    a[e] = on_v;
  }
  for (int i = 0; i < r; i++) {
    real row_u[FACTOR_SMALL], row_v[FACTOR_SMALL];
    const real pull = r_set(sigma[i]);
    for (int j = 0; j < r; j++) row_u[j] = u[i * r + j], row_v[j] = v[i * r + j];
    factor_descend_row(r, row_u, row_v, pull, b, eta, u + i * r);
    factor_descend_row(r, row_v, row_u, pull, a, eta, v + i * r);
  }
  factor_descend_rest(r, rows_u, b, eta, u);
  factor_descend_rest(r, rows_v, a, eta, v);
}

#if BASIN_ON_DEVICE
#define FACTOR_RANKS(X)
#else
#define FACTOR_RANKS(X) X(2) X(3) X(4) X(5)
#endif
#define FACTOR_OF_RANK(R)                                                                         \
  BASIN_CALLED void factor_gradient_##R(const factor_cell *c, const double *data, const real *x,  \
                                        real *work) {                                             \
    const basin_team one = {0, 1, 1, NULL};                                                       \
    factor_gradient_of(c, R, R, one, data, x, work);                                              \
  }                                                                                               \
  BASIN_CALLED void factor_measure_##R(const factor_cell *c, const double *data, const real *x,   \
                                       real *work, real *loss, real *residual2, real *norm2) {    \
    const basin_team one = {0, 1, 1, NULL};                                                       \
    real strand[32], term[2 * R];                                                                 \
    if (c->n_u == 2 * R && c->n_v == 2 * R)                                                       \
      factor_measure_of(c, R, R, 2 * R, 2 * R, one, data, x, work, strand, term, loss, residual2, \
                        norm2);                                                                   \
    else                                                                                          \
      factor_measure_of(c, R, R, c->n_u, c->n_v, one, data, x, work, strand, term, loss,          \
                        residual2, norm2);                                                        \
  }                                                                                               \
  BASIN_CALLED void factor_descend_##R(const factor_cell *c, const double *data, real eta,        \
                                       real *x) {                                                 \
    const int tied = c->reg > 0, full = c->n_u == 2 * R && c->n_v == 2 * R;                       \
    if (full && !tied) factor_descend_of(c, 0, R, 2 * R, 2 * R, data, eta, x);                    \
    else if (full) factor_descend_of(c, 1, R, 2 * R, 2 * R, data, eta, x);                        \
    else factor_descend_of(c, tied, R, c->n_u, c->n_v, data, eta, x);                             \
  }
FACTOR_RANKS(FACTOR_OF_RANK)

BASIN_HD void factor_grams(const factor_cell *c, basin_team team, const real *x, real *work) {
  factor_grams_of(c, 0, c->r, team, x, work);
}
BASIN_HD void factor_gradient(const factor_cell *c, basin_team team, const double *data,
                              const real *x, real *work) {
#define FACTOR_CASE(R)                     \
  case R:                                  \
    factor_gradient_##R(c, data, x, work); \
    break;
  switch (c->r) {
    FACTOR_RANKS(FACTOR_CASE)
  default:
    factor_gradient_of(c, 0, c->r, team, data, x, work);
  }
#undef FACTOR_CASE
}
BASIN_HD void factor_measure(const factor_cell *c, basin_team team, const double *data,
                             const real *x, real *work, real *loss, real *residual2, real *norm2) {
#define FACTOR_CASE(R)                                            \
  case R:                                                         \
    factor_measure_##R(c, data, x, work, loss, residual2, norm2); \
    break;
  switch (c->r) {
    FACTOR_RANKS(FACTOR_CASE)
  default:
    factor_measure_of(c, 0, c->r, c->n_u, c->n_v, team, data, x, work, work + c->to_strand,
                      work + c->to_term, loss, residual2, norm2);
  }
#undef FACTOR_CASE
}

/* ---------------------------------------------------------------- singular values */

/* The columns of m [rows][r] are turned against each other until they are orthogonal (Hestenes 1958, one-sided Jacobi),
   and their lengths, descending, are the singular values [r]. Pairs that are orthogonal to rounding are left as they
   are, so that a lane does not see what its neighbours still have to do. */
BASIN_HD void factor_singular(basin_team team, int64_t rows, int64_t r, real *m, real *value) {
  enum { SWEEPS = 30 };
  const real zero = r_set(0.0), one = r_set(1.0);
  int busy = r > 1;
  for (int sweep = 0; sweep < SWEEPS && busy && !team_stopped(team); sweep++) {
    busy = 0;
    BASIN_ROLLED
    for (int64_t p = 0; p < r - 1; p++) BASIN_ROLLED
    for (int64_t q = p + 1; q < r; q++) {
      real pp = zero, qq = zero, pq = zero;
      BASIN_ROLLED
      for (int64_t i = 0; i < rows; i++) {
        const real x = m[i * r + p], y = m[i * r + q];
        pp = r_fma(x, x, pp);
        qq = r_fma(y, y, qq);
        pq = r_fma(x, y, pq);
      }
      const mask open = r_lt(r_set(1e-30) * pp * qq, pq * pq);
      if (!m_any(open)) continue;
      busy = 1;
      const real zeta = r_select(open, (qq - pp) / r_select(open, pq + pq, one), zero);
      const real t = r_copysign(one, zeta) / (r_abs(zeta) + r_sqrt(r_fma(zeta, zeta, one)));
      const real cosine = one / r_sqrt(r_fma(t, t, one)), sine = cosine * t;
      team_sync(team);
      BASIN_TEAM_FOR(team, i, rows) {
        const real x = m[i * r + p], y = m[i * r + q];
        m[i * r + p] = r_select(open, r_fnma(sine, y, cosine * x), x);
        m[i * r + q] = r_select(open, r_fma(sine, x, cosine * y), y);
      }
      team_sync(team);
    }
  }
  BASIN_TEAM_FOR(team, j, r) {
    real sum = zero;
    BASIN_ROLLED
    for (int64_t i = 0; i < rows; i++) sum = r_fma(m[i * r + j], m[i * r + j], sum);
    value[j] = r_sqrt(sum);
  }
  team_sync(team);
  BASIN_ROLLED
  for (int64_t last = r - 1; last > 0 && team.rank == 0; last--) BASIN_ROLLED
  for (int64_t j = 0; j < last; j++) {
    const real x = value[j], y = value[j + 1];
    value[j] = r_max(x, y);
    value[j + 1] = r_min(x, y);
  }
  team_sync(team);
}

/* those of U [0] and V [1] into the scratch */
BASIN_HD void factor_own_values(const factor_cell *c, basin_team team, const real *x, real *work) {
  BASIN_ROLLED
  for (int of_v = 0; of_v < 2; of_v++) {
    const int64_t rows = of_v ? c->n_v : c->n_u;
    real *m = work + c->to_turned;
    BASIN_TEAM_FOR(team, e, rows * c->r) m[e] = x[(of_v ? c->at_v : c->at_u) + e];
    team_sync(team);
    factor_singular(team, rows, c->r, m, work + c->to_value + of_v * c->r);
  }
}

/* those of U V' [2]: V = Q T by Gram and Schmidt, and U V' = (U T') Q' */
BASIN_HD void factor_product_values(const factor_cell *c, basin_team team, const real *x,
                                    real *work) {
  const int64_t r = c->r;
  const real zero = r_set(0.0), one = r_set(1.0);
  real *q = work + c->to_turned, *t = work + c->to_factor, *m = work + c->to_product;
  const real *u = x + c->at_u;
  BASIN_TEAM_FOR(team, e, c->n_v * r) q[e] = x[c->at_v + e];
  BASIN_TEAM_FOR(team, e, r * r) t[e] = zero;
  team_sync(team);
  BASIN_ROLLED
  for (int64_t k = 0; k < r && !team_stopped(team); k++) {
    real norm2 = zero;
    BASIN_ROLLED
    for (int64_t i = 0; i < c->n_v; i++) norm2 = r_fma(q[i * r + k], q[i * r + k], norm2);
    const real length = r_sqrt(norm2), safe = r_select(r_lt(zero, length), length, one);
    team_sync(team);
    BASIN_TEAM_FOR(team, i, c->n_v) q[i * r + k] = q[i * r + k] / safe;
    if (team.rank == 0) t[k * r + k] = length;
    team_sync(team);
    BASIN_TEAM_FOR(team, after, r - k - 1) {
      const int64_t j = k + 1 + after;
      real along = zero;
      BASIN_ROLLED
      for (int64_t i = 0; i < c->n_v; i++) along = r_fma(q[i * r + k], q[i * r + j], along);
      BASIN_ROLLED
      for (int64_t i = 0; i < c->n_v; i++) q[i * r + j] = r_fnma(along, q[i * r + k], q[i * r + j]);
      t[k * r + j] = along;
    }
    team_sync(team);
  }
  BASIN_TEAM_FOR(team, i, c->n_u)
  BASIN_ROLLED
  for (int64_t j = 0; j < r; j++) {
    real sum = zero;
    BASIN_ROLLED
    for (int64_t k = j; k < r; k++) sum = r_fma(u[i * r + k], t[j * r + k], sum);
    m[i * r + j] = sum;
  }
  team_sync(team);
  factor_singular(team, c->n_u, r, m, work + c->to_value + 2 * r);
}

/* ---------------------------------------------------------------- when a trial ends */

/* Whether a state is settled (above): from its loss, the largest step size to come, |U|, |V| and the smallest singular
   value of the two. */
BASIN_HD mask factor_settled(const factor_cell *c, real loss, real eta, real long_u, real long_v,
                             real least) {
  const real two = r_set(2.0), p = r_sqrt(loss + loss);
  const real length2 = r_fma(long_u, long_u, long_v * long_v);
  const real delta = two - eta * r_fma(r_set(c->curve), length2, r_set(c->bend) * p);
  const mask stable = m_and(r_lt(r_set(1e-9), delta), r_lt(r_set(0.0), least));
  const real slope = r_select(stable, r_set(c->pull) * delta * least, r_set(1.0));
  const real left = r_set(8.0) * p / slope;
  const real grown = r_set(2 * c->curve) * eta * left * (long_u + long_v + left);
  return m_and(m_and(stable, r_le(p + p, r_set(c->last))),
               m_and(r_le(left + left, least), r_le(grown + grown, delta)));
}

/* What no state lacks that is settled, without singular values: ell <= m/2 and delta <= 2 give
   16 p <= 2 sqrt(kappa) m^2, and m^2 is at most (|U|_F^2 + |V|_F^2) / (2 r). The hundredth is for rounding. */
BASIN_HD mask factor_may_be_settled(const factor_cell *c, real loss, real norm2) {
  const real most = r_set(1.01 * c->pull / (double)c->r) * norm2;
  return r_le(r_set(512.0) * loss, most * most);
}

BASIN_HD mask factor_is_settled(const factor_cell *c, basin_team team, const real *x, real loss,
                                real *work) {
  const int64_t r = c->r;
  const real *value = work + c->to_value;
  factor_own_values(c, team, x, work);
  return factor_settled(c, loss, x[0], value[0], value[r], r_min(value[r - 1], value[2 * r - 1]));
}

/* squared length of the gradient */
BASIN_HD real factor_gradient2(const factor_cell *c, basin_team team, const double *data,
                               const real *x, real *work) {
  const real *g = work + c->to_g;
  factor_gradient(c, team, data, x, work);
  return team_dot(team, g, g, (c->n_u + c->n_v) * c->r, work + c->to_strand);
}

/* the derivative by the first entry of U, as it is in the gradient: while it is not 0, neither is that */
BASIN_HD real factor_first_slope(const factor_cell *c, const double *data, const real *x) {
  const int64_t r = c->r;
  const real *u = x + c->at_u, *v = x + c->at_v;
  real slope = r_set(0.0) - r_set(data[c->sigma]) * v[0];
  BASIN_ROLLED
  for (int64_t k = 0; k < r; k++) {
    real a = r_set(0.0), b = r_set(0.0);
    BASIN_ROLLED
    for (int64_t i = 0; i < c->n_u; i++) a = r_fma(u[i * r], u[i * r + k], a);
    BASIN_ROLLED
    for (int64_t i = 0; i < c->n_v; i++) b = r_fma(v[i * r], v[i * r + k], b);
    slope = r_fma(u[k], factor_on_u(c, a, b), slope);
  }
  return slope;
}

BASIN_HD void factor_reached(const factor_cell *c, basin_turn t, const real *x,
                             mask outcome[BASIN_OUTCOMES]) {
  real loss, residual2, norm2;
  factor_measure(c, t.team, t.data, x, t.work, &loss, &residual2, &norm2);
  const mask low = r_le(loss, r_set(c->tolerance)),
             near = m_and(low, factor_may_be_settled(c, loss, norm2));
  outcome[BASIN_DIVERGED] = m_not(r_le(norm2, r_set(1e100)));
  if (!method_is_plain(&c->method)) outcome[BASIN_GLOBAL] = low;
  else if (BASIN_UNLIKELY(m_any(near)))
    outcome[BASIN_GLOBAL] = m_and(near, factor_is_settled(c, t.team, x, loss, t.work));
  if (c->gradient2 > 0)
    outcome[BASIN_SADDLE] = m_and(
        r_lt(r_set(c->tolerance), loss),
        r_le(factor_gradient2(c, t.team, t.data, x, t.work), r_set(c->gradient2)));
}

/* what is proved: settled, or at a point whose gradient is exactly 0 */
BASIN_HD void factor_decide(const factor_cell *c, basin_turn t, const real *x,
                            mask outcome[BASIN_OUTCOMES]) {
  real loss, residual2, norm2;
  factor_measure(c, t.team, t.data, x, t.work, &loss, &residual2, &norm2);
  const mask low = r_le(r_set(8.0) * loss, r_set(c->endless ? c->last * c->last : -1.0)),
             near = m_and(low, factor_may_be_settled(c, loss, norm2));
  outcome[BASIN_DIVERGED] = m_not(r_le(norm2, r_set(1e100)));
  if (!method_is_plain(&c->method)) return; /* nothing is proved of other methods */
  const real slope = factor_first_slope(c, t.data, x);
  if (BASIN_UNLIKELY(m_any(r_le(slope * slope, r_set(0.0)))))
    outcome[BASIN_SADDLE] = m_and(r_lt(r_set(0.0), loss),
                                  r_le(factor_gradient2(c, t.team, t.data, x, t.work), r_set(0.0)));
  if (m_any(near))
    outcome[BASIN_GLOBAL] = m_and(near, factor_is_settled(c, t.team, x, loss, t.work));
}

/* ---------------------------------------------------------------- a step */

/* the step size of this step */
BASIN_HD real factor_eta(const factor_cell *c, basin_turn t) {
  real eta = t.pace[0];
  if (!t.common && c->falls) eta = eta * basin_decay(t.pace[1], t.step);
  return eta;
}

/* the matrices move by -eta times the gradient in the scratch */
BASIN_HD void factor_move(const factor_cell *c, basin_team team, real eta, const real *work,
                          real *x) {
  const real *g = work + c->to_g;
  BASIN_TEAM_FOR(team, e, (c->n_u + c->n_v) * c->r)
  x[c->at_u + e] = r_fnma(eta, g[e], x[c->at_u + e]);
  team_sync(team);
}

/* one step, of which nothing is left in the scratch */
BASIN_HD void factor_descend(const factor_cell *c, basin_team team, const double *data, real eta,
                             real *work, real *x) {
#define FACTOR_CASE(R)                   \
  case R:                                \
    factor_descend_##R(c, data, eta, x); \
    break;
  switch (c->r) {
    FACTOR_RANKS(FACTOR_CASE)
  default:
    factor_gradient_of(c, 0, c->r, team, data, x, work);
    factor_move(c, team, eta, work, x);
  }
#undef FACTOR_CASE
}

static inline void factor_paces(const factor_cell *c, const double *eta, double *pace) {
  (void)c;
  pace[0] = eta[0];
  pace[1] = eta[BASIN_DECAY];
  method_paces(pace);
}

static inline basin_layout factor_layout(const basin_setting *setting, const factor_cell *c) {
  const basin_layout layout = {c->states, c->work, team_strands(c->n_u + c->n_v)};
  (void)setting;
  return method_layout(&c->method, layout);
}

#endif
