/* SPDX-License-Identifier: MIT
 *
 * landscape.h: the octopus of Du et al. (2017), section 7.4 of Du's thesis (2019): a function of d coordinates with d
 * saddle points one behind another, and a minimum behind the last.
 *
 * With y = |x_i| and u = (y - tau)/tau, taken as 0 where y <= tau (the quadratic piece) and from 0 to 1 on the spline,
 *
 *   g1(y) = -gamma y^2 + tau^2 u^3 (c2/3 + c3 u/4),    c2 = 10 gamma - 14 L,   c3 = 10 L - 6 gamma
 *   g2(y) = -gamma - (L + gamma) z^3 (10 + 15 z + 6 z^2),    z = u - 1
 *   nu    = -g1(2 tau) + 4 L tau^2 = tau^2 (37 L + 13 gamma)/6
 *
 * g1' is the cubic with g1'(tau) = -2 gamma tau, g1''(tau) = -2 gamma, g1'(2 tau) = -4 L tau, g1''(2 tau) = 2 L. Let i
 * be the first coordinate with |x_i| < 2 tau (d + 1: none). Then
 *
 *   f = sum_{j<i} (L (|x_j| - 4 tau)^2 - nu) + g1(|x_i|) + g2(|x_i|) x_{i+1}^2 + sum_{j>i+1} L x_j^2     (7.14)-(7.18)
 *
 * for g2(y) = L and g1(y) = -gamma y^2 up to tau. f is twice continuously differentiable. It is defined on D (7.12):
 * |x_j| <= 6 tau for j < i, |x_j| <= tau for j > i; what is outside ends a trial as `left`. In D it has the saddle
 * points (+-4 tau, ..., +-4 tau, 0, ..., 0), with k = 0 .. d - 1 entries before the zeros and f = -k nu, and the minima
 * (+-4 tau)^d, f = -d nu. (7.14) as printed lacks the signs of the entries, (7.18) runs to d instead of i - 1.
 *
 * What is kept of a coordinate here is its excess |x_j| - 4 tau for j < i, so that nothing cancels near a minimum, and
 * |x_j| for the others.
 */
#ifndef BASIN_MODELS_OCTOPUS_LANDSCAPE_H
#define BASIN_MODELS_OCTOPUS_LANDSCAPE_H

#include "seam/draw.h"

typedef struct octopus_cell {
  int64_t d;
  double L, gamma, tau, nu;
  double c2, c3;
  double log_tau;
  double tolerance,
      log_tolerance; /* of max_j ||x_j| - 4 tau|; its logarithm where it is 0: far below all */
  int passed;        /* whether a trial ends behind the last saddle point, whatever the tolerance */
  int settles; /* whether a trial behind the last saddle point stays there, and comes to the minimum */
  double radius, below, every; /* of perturbed gradient descent */
  draw_source x;
} octopus_cell;

/* What a state shows; see the model's table. */
enum {
  OCTOPUS_LOSS,
  OCTOPUS_F,
  OCTOPUS_PASSED,
  OCTOPUS_NORM_GRAD,
  OCTOPUS_DISTANCE,
  OCTOPUS_NOISES,
  OCTOPUS_OBSERVED
};

/* g1, g1', g2 and g2' at y */
typedef struct octopus_piece {
  real value, slope, factor, factor_slope;
} octopus_piece;

BASIN_HD octopus_piece octopus_piece_of(const octopus_cell *c, real y) {
  octopus_piece p;
  const real tau = r_set(c->tau), u = r_max((y - tau) * r_set(1 / c->tau), r_set(0.0));
  const real z = u - r_set(1.0), u2 = u * u, z2 = z * z;
  const real c2 = r_set(c->c2), c3 = r_set(c->c3), both = r_set(c->L + c->gamma);
  const real quadratic = r_set(c->gamma) * y;
  const real quintic = r_fma(r_fma(r_set(6.0), z, r_set(15.0)), z, r_set(10.0));
  p.value = r_fnma(quadratic, y,
                   (tau * tau) * (u2 * u) * r_fma(r_set(0.25) * c3, u, r_set(1.0 / 3) * c2));
  p.slope = r_fma(tau * u2, r_fma(c3, u, c2), r_set(-2.0) * quadratic);
  p.factor = r_fnma(both * (z2 * z), quintic, r_set(-c->gamma));
  p.factor_slope = r_set(-30 * (c->L + c->gamma) / c->tau) * (z2 * u2);
  return p;
}

/* entry number `at` of the array, by lane; 0 where there is none */
BASIN_HD real octopus_entry(const octopus_cell *c, const real *value, real at) {
  real entry = r_set(0.0);
  for (int64_t j = 0; j < c->d; j++) {
    const real number = r_set((double)j);
    entry = r_select(m_and(r_le(number, at), r_le(at, number)), value[j], entry);
  }
  return entry;
}

/* Every observable but the noises. i: the first coordinate below 2 tau, counted from 0; kept [d]: see above. */
BASIN_HD void octopus_evaluate(const octopus_cell *c, real i, const real *kept, real *out) {
  const real zero = r_set(0.0), L = r_set(c->L), twice = r_set(2 * c->L), one = r_set(1.0);
  const real next = i + one, y = octopus_entry(c, kept, i), w = octopus_entry(c, kept, next);
  const octopus_piece p = octopus_piece_of(c, y);
  real value = r_fma(p.factor * w, w, p.value), bowl = zero, distance2 = zero;
  const real here = r_fma(p.factor_slope * w, w, p.slope), beside = (p.factor + p.factor) * w;
  real grad2 = r_fma(here, here, beside * beside);
  for (int64_t j = 0; j < c->d; j++) {
    const real number = r_set((double)j), e = kept[j], grad = twice * e;
    const mask passed = r_lt(number, i), own = m_and(r_le(i, number), r_le(number, next));
    const real off = r_select(passed, e, e - r_set(4 * c->tau));
    bowl = r_select(own, bowl, r_fma(L * e, e, bowl));
    grad2 = r_select(own, grad2, r_fma(grad, grad, grad2));
    distance2 = r_fma(off, off, distance2);
  }
  const real left = r_set((double)c->d) - i;
  out[OCTOPUS_LOSS] = r_fma(left, r_set(c->nu), value) + bowl;
  out[OCTOPUS_F] = (value + bowl) - i * r_set(c->nu);
  out[OCTOPUS_PASSED] = i;
  out[OCTOPUS_NORM_GRAD] = r_sqrt(grad2);
  out[OCTOPUS_DISTANCE] = r_sqrt(distance2);
}

/* The start as it is given or drawn [d]. */
BASIN_HD void octopus_draw(const octopus_cell *c, basin_turn t, real *x) {
  draw_row(&c->x, t.data, t.trial, 0, c->d, x);
}

#endif
