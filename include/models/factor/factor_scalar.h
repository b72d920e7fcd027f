/* SPDX-License-Identifier: MIT
 *
 * factor_scalar.h: rank 1 in four scalars, which stay in registers: (4.23) of the thesis, with eta sigma_1 in both
 * lines and reg besides. u = a u* + perp_u (a unit vector across), v = b v* + perp_v (another),
 *
 *   nu = a^2 + perp_u^2, nv = b^2 + perp_v^2, E = (reg/2)(nu - nv),
 *   a <- (1 - eta (nv + E)) a + eta sigma b,   perp_u <- (1 - eta (nv + E)) perp_u,
 *   b <- (1 - eta (nu - E)) b + eta sigma a,   perp_v <- (1 - eta (nu - E)) perp_v,
 *   f = 1/2 ((a b - sigma)^2 + (a perp_v)^2 + (perp_u b)^2 + (perp_u perp_v)^2) + (reg/8)(nu - nv)^2.
 *
 * The perpendicular lengths change their signs where eta nv > 1: only their squares matter. A fifth number is the
 * largest step size to come. One step is 15 multiplications and fma, the rule some 25 more.
 */
#ifndef BASIN_MODELS_FACTOR_SCALAR_H
#define BASIN_MODELS_FACTOR_SCALAR_H

#include "models/factor/factor_observe.h"

enum { FACTOR_A, FACTOR_PERP_U, FACTOR_B, FACTOR_PERP_V, FACTOR_ETA, FACTOR_SCALARS };

/* the entry of u (of = 0) or v along its singular vector, and its length across: as factor_start_row has them, with no
   array of the state's */
BASIN_HD void factor_scalar_row(const factor_cell *c, basin_turn t, int of, int64_t rows,
                                real *along, real *across) {
  const draw_source *source = &c->source[of];
  real x, y;
  *across = r_set(0.0);
  if (c->given[of] >= 0) {
    *along = r_set(t.data[c->given[of]]);
    if (rows > 1) *across = r_set(t.data[c->given[of] + 1]);
    return;
  }
  draw_pair(source, t.data, t.trial, 0, 0, &x, &y);
  *along = r_set(source->scale) * x;
  if (rows > 1) *across = factor_start_diagonal(c, t.trial, of, 0);
}

BASIN_HD void factor_scalar_start(const factor_cell *c, basin_turn t, real *x) {
  factor_scalar_row(c, t, 0, c->n_u, &x[FACTOR_A], &x[FACTOR_PERP_U]);
  factor_scalar_row(c, t, 1, c->n_v, &x[FACTOR_B], &x[FACTOR_PERP_V]);
  x[FACTOR_ETA] = r_set(c->eta_most);
}

/* pace: eta, p */
BASIN_HD void factor_scalar_step(const factor_cell *c, basin_turn t, real *x) {
  const real a = x[FACTOR_A], perp_u = x[FACTOR_PERP_U], b = x[FACTOR_B], perp_v = x[FACTOR_PERP_V];
  const real eta = factor_eta(c, t), one = r_set(1.0), pull = eta * r_set(c->first);
  const real u2 = r_fma(perp_u, perp_u, a * a), v2 = r_fma(perp_v, perp_v, b * b);
  const real keep_u = r_fnma(eta, t.common ? v2 : factor_on_u(c, u2, v2), one),
             keep_v = r_fnma(eta, t.common ? u2 : factor_on_v(c, u2, v2), one);
  x[FACTOR_A] = r_fma(keep_u, a, pull * b);
  x[FACTOR_PERP_U] = keep_u * perp_u;
  x[FACTOR_B] = r_fma(keep_v, b, pull * a);
  x[FACTOR_PERP_V] = keep_v * perp_v;
  if (!t.common && c->falls) x[FACTOR_ETA] = r_max(eta, r_set(c->eta_later));
}

/* f, nu and nv */
BASIN_HD real factor_scalar_loss(const factor_cell *c, const real *x, real *u2, real *v2) {
  const real a = x[FACTOR_A], perp_u = x[FACTOR_PERP_U], b = x[FACTOR_B], perp_v = x[FACTOR_PERP_V];
  const real h = r_fma(a, b, r_set(-c->first)), across2 = perp_u * perp_u, along2 = a * a,
             beside2 = perp_v * perp_v;
  *u2 = across2 + along2;
  *v2 = r_fma(b, b, beside2);
  const real d = *u2 - *v2;
  const real residual2 = r_fma(h, h, r_fma(along2, beside2, across2 * *v2));
  return r_fma(r_set(0.125 * c->reg), d * d, r_set(0.5) * residual2);
}

BASIN_HD mask factor_scalar_settled(const factor_cell *c, const real *x, real loss, real u2,
                                    real v2) {
  const real u = r_sqrt(u2), v = r_sqrt(v2);
  return factor_settled(c, loss, x[FACTOR_ETA], u, v, r_min(u, v));
}

/* the derivative by a */
BASIN_HD real factor_scalar_slope(const factor_cell *c, const real *x, real u2, real v2) {
  const real tie = r_set(0.5 * c->reg) * (u2 - v2);
  return r_fma(v2 + tie, x[FACTOR_A], r_set(-c->first) * x[FACTOR_B]);
}

BASIN_HD real factor_scalar_gradient2(const factor_cell *c, const real *x, real u2, real v2) {
  const real tie = r_set(0.5 * c->reg) * (u2 - v2), on_u = v2 + tie, on_v = u2 - tie,
             pull = r_set(-c->first);
  const real da = factor_scalar_slope(c, x, u2, v2), dp = on_u * x[FACTOR_PERP_U],
             db = r_fma(on_v, x[FACTOR_B], pull * x[FACTOR_A]), dq = on_v * x[FACTOR_PERP_V];
  return r_fma(da, da, r_fma(dp, dp, r_fma(db, db, dq * dq)));
}

BASIN_HD void factor_scalar_reached(const factor_cell *c, basin_turn t, const real *x,
                                    mask outcome[BASIN_OUTCOMES]) {
  real u2, v2;
  const real loss = factor_scalar_loss(c, x, &u2, &v2);
  const mask low = r_le(loss, r_set(c->tolerance)),
             near = m_and(low, factor_may_be_settled(c, loss, u2 + v2));
  (void)t;
  outcome[BASIN_DIVERGED] = m_not(r_le(u2 + v2, r_set(1e100)));
  if (BASIN_UNLIKELY(m_any(near)))
    outcome[BASIN_GLOBAL] = m_and(near, factor_scalar_settled(c, x, loss, u2, v2));
  if (c->gradient2 > 0)
    outcome[BASIN_SADDLE] = m_and(r_lt(r_set(c->tolerance), loss),
                                  r_le(factor_scalar_gradient2(c, x, u2, v2), r_set(c->gradient2)));
}

BASIN_HD void factor_scalar_decide(const factor_cell *c, basin_turn t, const real *x,
                                   mask outcome[BASIN_OUTCOMES]) {
  real u2, v2;
  const real loss = factor_scalar_loss(c, x, &u2, &v2);
  const mask low = r_le(r_set(8.0) * loss, r_set(c->endless ? c->last * c->last : -1.0)),
             near = m_and(low, factor_may_be_settled(c, loss, u2 + v2));
  (void)t;
  outcome[BASIN_DIVERGED] = m_not(r_le(u2 + v2, r_set(1e100)));
  /* where the square of one slope is not 0, that of the gradient is not */
  const real slope = factor_scalar_slope(c, x, u2, v2);
  if (BASIN_UNLIKELY(m_any(r_le(slope * slope, r_set(0.0)))))
    outcome[BASIN_SADDLE] = m_and(r_lt(r_set(0.0), loss),
                                  r_le(factor_scalar_gradient2(c, x, u2, v2), r_set(0.0)));
  if (BASIN_UNLIKELY(m_any(near)))
    outcome[BASIN_GLOBAL] = m_and(near, factor_scalar_settled(c, x, loss, u2, v2));
}

BASIN_HD void factor_scalar_observe(const factor_cell *c, basin_turn t, const real *x, real *out) {
  (void)t;
  BASIN_UNROLLED
  for (int i = 0; i < FACTOR_SEEN; i++) out[i] = factor_none();
  factor_observe_scalars(c, x[FACTOR_A], x[FACTOR_PERP_U], x[FACTOR_B], x[FACTOR_PERP_V], out);
}

#if BASIN_ONE_LANE
/* the same numbers in the places that the arrays have them at */
static inline void factor_scalar_vectors(const factor_cell *c, basin_turn t, const real *x, int any,
                                         double *out) {
  double state[FACTOR_SCALARS] = {0};
  state[c->at_u] = x[FACTOR_A];
  state[c->at_v] = x[FACTOR_B];
  if (c->n_u > 1) state[c->at_u + 1] = x[FACTOR_PERP_U];
  if (c->n_v > 1) state[c->at_v + 1] = x[FACTOR_PERP_V];
  factor_vectors(c, t, state, any, out);
}
#endif

#endif
