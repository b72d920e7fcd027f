/* SPDX-License-Identifier: MIT
 *
 * factor_observe.h: what is seen of a factorisation, and trials that are watched at every step.
 *
 * A watched trial (`parameters: {watch: 1}`) carries D(0), and the D that the law of one step gives, exactly:
 *
 *   D' = D - (eta reg/2) ((A + C) D + D (A + C)) + eta^2 (dU'dU - dV'dV);
 *
 * for reg = 0 only the last term is there, eta^2 (V'R'R V - U'R R'U); in (4.13) of the thesis and the display before it
 * the second product stands as U'R'R U, of which the shapes do not fit. The difference between the two is rounding. It
 * also keeps what has been largest and smallest over all its steps, for Lemmas 4.1, 4.5 and 4.6.
 */
#ifndef BASIN_MODELS_FACTOR_OBSERVE_H
#define BASIN_MODELS_FACTOR_OBSERVE_H

#include "models/factor/factor_start.h"

#define FACTOR_OBSERVABLES(X)                                                              \
  X(loss, "1", "f(U, V)")                                                                  \
  X(norm_R, "1", "|U V' - M|_F")                                                           \
  X(norm_grad, "1", "length of the gradient")                                              \
  X(norm2_U, "1", "|U|_F^2")                                                               \
  X(norm2_V, "1", "|V|_F^2")                                                               \
  X(norm_ratio, "1", "|U|_F / |V|_F")                                                      \
  X(norm_D, "1", "|D|_F, D = U'U - V'V")                                                   \
  X(learnt, "1", "how many singular values of U V' are at least half of the sigma_i of M") \
  X(sv_1, "1", "largest singular value of U V'")                                           \
  X(sv_2, "1", "its second one; NaN where r is smaller")                                   \
  X(sv_3, "1", "likewise")                                                                 \
  X(sv_4, "1", "likewise")                                                                 \
  X(sv_5, "1", "likewise")                                                                 \
  X(alpha_t, "1", "rank 1: a = u'u*; else NaN, as what follows")                           \
  X(beta_t, "1", "b = v'v*")                                                               \
  X(perp_U, "1", "|u - a u*|")                                                             \
  X(perp_V, "1", "|v - b v*|")                                                             \
  X(h_t, "1", "a b - sigma_1")                                                             \
  X(xi_t, "1", "perp_U^2 + perp_V^2")                                                      \
  X(signal, "1", "a^2 + b^2")                                                              \
  X(drift, "1", "watched: |D - D(0)|_F; else NaN, as what follows")                        \
  X(law_error, "1", "|D - D by the one-step law|_F: rounding")                             \
  X(rises, "1", "steps so far at which the loss rose")                                     \
  X(max_D, "1", "largest |D|_F so far")                                                    \
  X(max_norm2_U, "1", "largest |U|_F^2 so far")                                            \
  X(max_norm2_V, "1", "largest |V|_F^2 so far")                                            \
  X(min_a_b, "1", "rank 1: smallest |a/b| so far")                                         \
  X(max_a_b, "1", "rank 1: largest |a/b| so far")                                          \
  X(max_h, "1", "rank 1: largest a b - sigma_1 so far")

enum {
#define FACTOR_INDEX(name, unit, meaning) FACTOR_SEES_##name,
  FACTOR_OBSERVABLES(FACTOR_INDEX)
#undef FACTOR_INDEX
      FACTOR_SEEN
};

BASIN_HD real factor_none(void) { return r_from_bits(b_set(0x7ff8000000000000u)); }

/* of rank 1, from the four scalars; all but those that only watched trials have */
BASIN_HD void factor_observe_scalars(const factor_cell *c, real a, real perp_u, real b, real perp_v,
                                     real *out) {
  const real half = r_set(0.5), h = r_fma(a, b, r_set(-c->first));
  const real u2 = r_fma(a, a, perp_u * perp_u), v2 = r_fma(b, b, perp_v * perp_v), d = u2 - v2;
  const real across = a * perp_v, over = perp_u * b, beside = perp_u * perp_v;
  const real residual2 = r_fma(h, h, r_fma(across, across, r_fma(over, over, beside * beside)));
  const real tie = r_set(0.5 * c->reg) * d, on_u = v2 + tie, on_v = u2 - tie;
  const real g[4] = {r_fma(on_u, a, r_set(-c->first) * b), on_u * perp_u,
                     r_fma(on_v, b, r_set(-c->first) * a), on_v * perp_v};
  real grad2 = r_set(0.0);
  BASIN_UNROLLED
  for (int i = 0; i < 4; i++) grad2 = r_fma(g[i], g[i], grad2);
  const real value = r_sqrt(u2 * v2);
  out[FACTOR_SEES_loss] = r_fma(r_set(0.125 * c->reg), d * d, half * residual2);
  out[FACTOR_SEES_norm_R] = r_sqrt(residual2);
  out[FACTOR_SEES_norm_grad] = r_sqrt(grad2);
  out[FACTOR_SEES_norm2_U] = u2;
  out[FACTOR_SEES_norm2_V] = v2;
  out[FACTOR_SEES_norm_ratio] = r_sqrt(u2 / v2);
  out[FACTOR_SEES_norm_D] = r_abs(d);
  out[FACTOR_SEES_learnt] = r_select(r_le(r_set(0.5 * c->first), value), r_set(1.0), r_set(0.0));
  out[FACTOR_SEES_sv_1] = value;
  out[FACTOR_SEES_alpha_t] = a;
  out[FACTOR_SEES_beta_t] = b;
  out[FACTOR_SEES_perp_U] = r_abs(perp_u);
  out[FACTOR_SEES_perp_V] = r_abs(perp_v);
  out[FACTOR_SEES_h_t] = h;
  out[FACTOR_SEES_xi_t] = r_fma(perp_u, perp_u, perp_v * perp_v);
  out[FACTOR_SEES_signal] = r_fma(a, a, b * b);
}

/* a matrix's length squared */
BASIN_HD real factor_norm2(const factor_cell *c, basin_team team, const real *m, int64_t count,
                           real *work) {
  return team_dot(team, m, m, count, work + c->to_strand);
}

/* |D - other|_F^2 for A and C in the scratch; other NULL: 0 */
BASIN_HD real factor_distance2(const factor_cell *c, basin_team team, const real *other,
                               real *work) {
  real *difference = work + c->to_factor;
  team_sync(team);
  BASIN_TEAM_FOR(team, e, c->r * c->r) {
    difference[e] = work[c->to_a + e] - work[c->to_c + e];
    if (other) difference[e] = difference[e] - other[e];
  }
  return factor_norm2(c, team, difference, c->r * c->r, work);
}

/* ---------------------------------------------------------------- what a state shows */

BASIN_HD void factor_observe(const factor_cell *c, basin_turn t, const real *x, real *out) {
  const int64_t r = c->r;
  const basin_team team = t.team;
  real *work = t.work, *value = work + c->to_value + 2 * r;
  BASIN_UNROLLED
  for (int i = 0; i < FACTOR_SEEN; i++) out[i] = factor_none();
  if (r == 1) {
    const real none = r_set(0.0);
    factor_observe_scalars(c, x[c->at_u], c->n_u > 1 ? x[c->at_u + 1] : none, x[c->at_v],
                           c->n_v > 1 ? x[c->at_v + 1] : none, out);
    factor_grams(c, team, x, work);
  } else {
    real residual2, norm2;
    factor_measure(c, team, t.data, x, work, &out[FACTOR_SEES_loss], &residual2, &norm2);
    out[FACTOR_SEES_norm_R] = r_sqrt(residual2);
    out[FACTOR_SEES_norm_grad] = r_sqrt(factor_gradient2(c, team, t.data, x, work));
    out[FACTOR_SEES_norm2_U] = factor_norm2(c, team, x + c->at_u, c->n_u * r, work);
    out[FACTOR_SEES_norm2_V] = factor_norm2(c, team, x + c->at_v, c->n_v * r, work);
    out[FACTOR_SEES_norm_ratio] = r_sqrt(out[FACTOR_SEES_norm2_U] / out[FACTOR_SEES_norm2_V]);
    out[FACTOR_SEES_norm_D] = r_sqrt(factor_distance2(c, team, NULL, work));
    factor_product_values(c, team, x, work);
    real learnt = r_set(0.0);
    for (int64_t i = 0; i < r; i++)
      learnt = learnt +
               r_select(r_le(r_set(0.5 * t.data[c->sigma + i]), value[i]), r_set(1.0), r_set(0.0));
    out[FACTOR_SEES_learnt] = learnt;
    out[FACTOR_SEES_sv_1] = value[0];
    out[FACTOR_SEES_sv_2] = value[1];
    if (r > 2) out[FACTOR_SEES_sv_3] = value[2];
    if (r > 3) out[FACTOR_SEES_sv_4] = value[3];
    if (r > 4) out[FACTOR_SEES_sv_5] = value[4];
  }
  if (!c->watched) return;
  const real *kept = x + c->at_kept;
  out[FACTOR_SEES_drift] = r_sqrt(factor_distance2(c, team, x + c->at_begun, work));
  out[FACTOR_SEES_law_error] = r_sqrt(factor_distance2(c, team, x + c->at_law, work));
  out[FACTOR_SEES_rises] = kept[FACTOR_RISES];
  out[FACTOR_SEES_max_D] = kept[FACTOR_D_MAX];
  out[FACTOR_SEES_max_norm2_U] = kept[FACTOR_U_MAX];
  out[FACTOR_SEES_max_norm2_V] = kept[FACTOR_V_MAX];
  if (r > 1) return;
  out[FACTOR_SEES_min_a_b] = kept[FACTOR_RATIO_MIN];
  out[FACTOR_SEES_max_a_b] = kept[FACTOR_RATIO_MAX];
  out[FACTOR_SEES_max_h] = kept[FACTOR_H_MAX];
}

/* ---------------------------------------------------------------- watched trials */

/* the extremes take in the present state, of which A and C are left in the scratch; one that begins has none yet */
BASIN_HD void factor_watch(const factor_cell *c, basin_team team, const double *data, int begins,
                           real *work, real *x) {
  const int64_t r = c->r;
  real loss, residual2, norm2, *kept = x + c->at_kept;
  factor_measure(c, team, data, x, work, &loss, &residual2, &norm2);
  factor_grams(c, team, x, work);
  const real d = r_sqrt(factor_distance2(c, team, NULL, work));
  const real u2 = factor_norm2(c, team, x + c->at_u, c->n_u * r, work),
             v2 = factor_norm2(c, team, x + c->at_v, c->n_v * r, work);
  const real a = x[c->at_u], b = x[c->at_v], ratio = r_abs(a / b),
             h = r_fma(a, b, r_set(-c->first));
  team_sync(team);
  if (team.rank == 0) {
    const real zero = r_set(0.0), one = r_set(1.0);
    if (begins) {
      kept[FACTOR_LOSS] = loss;
      kept[FACTOR_RISES] = zero;
      kept[FACTOR_D_MAX] = d;
      kept[FACTOR_U_MAX] = u2;
      kept[FACTOR_V_MAX] = v2;
      kept[FACTOR_RATIO_MIN] = kept[FACTOR_RATIO_MAX] = ratio;
      kept[FACTOR_H_MAX] = h;
    }
    kept[FACTOR_RISES] = kept[FACTOR_RISES] + r_select(r_lt(kept[FACTOR_LOSS], loss), one, zero);
    kept[FACTOR_LOSS] = loss;
    kept[FACTOR_D_MAX] = r_max(d, kept[FACTOR_D_MAX]);
    kept[FACTOR_U_MAX] = r_max(u2, kept[FACTOR_U_MAX]);
    kept[FACTOR_V_MAX] = r_max(v2, kept[FACTOR_V_MAX]);
    kept[FACTOR_RATIO_MIN] = r_min(ratio, kept[FACTOR_RATIO_MIN]);
    kept[FACTOR_RATIO_MAX] = r_max(ratio, kept[FACTOR_RATIO_MAX]);
    kept[FACTOR_H_MAX] = r_max(h, kept[FACTOR_H_MAX]);
  }
  team_sync(team);
}

/* D(0), and D by the law so far, of A and C in the scratch */
BASIN_HD void factor_watch_begins(const factor_cell *c, basin_team team, const real *work,
                                  real *x) {
  BASIN_TEAM_FOR(team, e, c->r * c->r) {
    const real d = work[c->to_a + e] - work[c->to_c + e];
    x[c->at_begun + e] = d;
    x[c->at_law + e] = d;
  }
  team_sync(team);
}

/* D by the law takes a step, from the gradient, A and C in the scratch */
BASIN_HD void factor_watch_law(const factor_cell *c, basin_team team, real eta, const real *work,
                               real *x) {
  const int64_t r = c->r;
  const real eta2 = eta * eta, tie = r_set(-0.5 * c->reg) * eta;
  const real *g = work + c->to_g, *a = work + c->to_a, *b = work + c->to_c;
  BASIN_TEAM_FOR(team, e, r * r) {
    const int64_t j = e / r, k = e % r;
    real grown = r_set(0.0), tied = r_set(0.0);
    for (int64_t i = 0; i < c->n_u; i++) grown = r_fma(g[i * r + j], g[i * r + k], grown);
    for (int64_t i = c->n_u; i < c->n_u + c->n_v; i++)
      grown = r_fnma(g[i * r + j], g[i * r + k], grown);
    for (int64_t l = 0; l < r; l++) { /* (A + C) D + D (A + C), all of them symmetric */
      tied = r_fma(a[j * r + l] + b[j * r + l], a[l * r + k] - b[l * r + k], tied);
      tied = r_fma(a[k * r + l] + b[k * r + l], a[l * r + j] - b[l * r + j], tied);
    }
    x[c->at_law + e] = x[c->at_law + e] + r_fma(eta2, grown, tie * tied);
  }
  team_sync(team);
}

/* ---------------------------------------------------------------- the start, and a step */

BASIN_HD void factor_start(const factor_cell *c, basin_turn t, real *x) {
  factor_draw(c, t, x);
  method_start(&c->method, t.team, x + c->states);
  if (!c->watched) return;
  factor_watch(c, t.team, t.data, 1, t.work, x);
  factor_watch_begins(c, t.team, t.work, x);
}

BASIN_HD void factor_step(const factor_cell *c, basin_turn t, real *x) {
  const real eta = factor_eta(c, t);
  team_sync(t.team);
  if (c->falls && t.team.rank == 0) x[0] = r_max(eta, r_set(c->eta_later));
  if (!method_is_plain(&c->method)) {
    const real *g = t.work + c->to_g;
    real *u = x + c->at_u; /* V lies behind U */
    factor_gradient(c, t.team, t.data, x, t.work);
    const method_step s = method_begin(&c->method, t, x + c->states, t.work + c->work);
    BASIN_TEAM_FOR(t.team, e, c->method.size) method_entry(&s, eta, e, g[e], &u[e]);
    team_sync(t.team);
    return;
  }
  if (!c->watched) {
    factor_descend(c, t.team, t.data, eta, t.work, x);
    return;
  }
  factor_gradient(c, t.team, t.data, x, t.work);
  factor_watch_law(c, t.team, eta, t.work, x);
  factor_move(c, t.team, eta, t.work, x);
  factor_watch(c, t.team, t.data, 0, t.work, x);
}

#endif
