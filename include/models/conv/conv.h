/* SPDX-License-Identifier: MIT
 *
 * conv.h: gradient descent on a two-layer convolutional ReLU network, in a few scalars.
 *
 * What the models resnet and cnn share. Teacher and student are a' sigma(Z' v): k patches Z_j of p
 * standard normals each, one filter v, output weights a; |v*| = 1 and the student's filter is
 * normalised, v / |v|. The population loss and its gradients (resnet-shortcut Proposition 16, thesis
 * Theorems 5.1 and 5.2, whose (5.3) lacks the factor 1/(2 pi) in its last term) are, with
 * phi = angle(v, v*) and g(phi) = (pi - phi) cos phi + sin phi,
 *
 *   L      = 1/2 [ (pi-1)/(2 pi) (|a*|^2 + |a|^2) - (g-1)/pi a'a* + ((1'a*)^2 + (1'a)^2)/(2 pi) - 1'a* 1'a/pi ]
 *   grad_a = 1/(2 pi) [ (1 1' + (pi-1) I) a - (1 1' + (g-1) I) a* ]
 *   grad_v = - a'a* (pi - phi) / (2 pi |v|) (I - v v'/|v|^2) v*
 *
 * Written in the error e = a - a* and h = pi - g >= 0 nothing cancels near the optimum:
 *
 *   L      = 1/(4 pi) [ (1'e)^2 + (pi-1) |e|^2 + 2 h a'a* ]
 *   grad_a = 1/(2 pi) [ 1 1'e + (pi-1) e + h a* ]
 *
 * Take the orthonormal directions f1 = 1/sqrt(k) and f2 = (a* - f1 f1'a*) / |...|. The matrix
 * 1 1' + (pi-1) I is diagonal in them, and a* = A1 f1 + A2 f2, so with e1 = f1'e, e2 = f2'e and
 * `perp` the length of the rest of e (signed), c = eta_a / (2 pi):
 *
 *   e1   <- (1 - c (k+pi-1)) e1 - c h A1
 *   e2   <- (1 - c (pi-1))   e2 - c h A2
 *   perp <- (1 - c (pi-1)) perp
 *   a'a* = q = |a*|^2 + A1 e1 + A2 e2        |a - a*|^2 = e1^2 + e2^2 + perp^2
 *
 * grad_v is orthogonal to v and lies in span(v, v*), so the filter only turns, by an angle whose tangent
 * is t = eta_w q (pi - phi) sin(phi) / (2 pi |v|^2), and grows: |v|^2 <- |v|^2 (1 + t^2).
 *
 *   phi <- phi - atan t                      (resnet: then |v| <- 1)
 *
 * The angle is carried as x = sin(phi/2), y = cos(phi/2) and psi = pi - phi. With turn = atan t,
 *
 *   x <- x cos(turn/2) - y sin(turn/2),   y <- y cos(turn/2) + x sin(turn/2),   psi <- psi + turn.
 *
 * sin(turn/2) has the factor sin phi = 2 x y, so x keeps its relative accuracy as phi -> 0 and y as
 * phi -> pi; so do 1 - cos phi = 2 x^2 and the distances |v/|v| -+ v*|^2 = 4 x^2, 4 y^2. Near phi = 0
 * phi - sin phi is a polynomial in x, elsewhere it is (pi - psi) - sin phi; and
 *
 *   h = psi (1 - cos phi) + (phi - sin phi)
 *
 * is a sum of positive terms.
 *
 * A start is known by e1, e2, perp and the angle. Where the numbers z that a_0 = c + s z is made of
 * are normal, or their direction is uniform (a sphere, a ball), f1'z and f2'z are two normals and
 * the squared length of the rest of z is chi-square with k - 2 degrees of freedom (k - 1 where f2 is
 * zero), all independent. So a start costs the same whatever k is. The direction of the rest is
 * uniform: it is drawn only for who asks for the vector a, or where c - a* is not in the span of f1
 * and f2.
 *
 * Operations of one step (no lane with |t| > 1/32), resnet: 43 instructions, 25 of them fma, 68 flop; cnn:
 * 48, 26 and 74. Comparisons and selections are not counted. No division and no square root.
 */
#ifndef BASIN_MODELS_CONV_H
#define BASIN_MODELS_CONV_H

#include "models/risk/risk.h"
#include "numeric/chi_square.h"
#include "seam/draw.h"
#include "seam/drawn.h"
#include "seam/method.h"

/* Who includes this has defined CONV_GROWS: whether |v| grows (weight normalisation, cnn) or is reset to 1 (resnet). */

typedef struct conv_cell {
  int64_t k, p;
  int grows; /* CONV_GROWS */
  uint64_t key;
  double shift;       /* v_0 = shift 1 + the drawn vector: 1/sqrt(p) for resnet, 0 for cnn */
  double norm2_a;     /* N = |a*|^2 */
  double a1, a2;      /* A1 = 1'a* / sqrt(k), A2 = length of the rest */
  double root_k;      /* sqrt(k): 1'e = sqrt(k) e1 */
  double stiff;       /* k + pi - 1, the largest eigenvalue of 2 pi Hess_a */
  double e1_spurious; /* e at the spurious point: -pi A1/(k+pi-1), -pi A2/(pi-1), 0 */
  double e2_spurious; /* (resnet-shortcut Proposition 1, thesis Lemma 5.1) */
  double pace_w_max;  /* the largest eta_w / (2 pi) of the schedule; infinite where the early rule's
                               other conditions on the step sizes fail, so that it never decides */
  double swing;       /* nu = max(0, c (k+pi-1) - 1) for the largest c: how far 1'e overshoots 0 */
  double forcing;     /* (1'a*)^2 / ((k+pi-1) (1-nu)) */
  double tolerance, tolerance_spurious; /* of the tolerance rule */
  double tolerance_gradient;            /* of a data set; 0: no such rule */
  risk_set risk;                        /* of a data set */
  int64_t inputs;                       /* B, of a sampled gradient */
  basin_input_law law;                  /* of its inputs */
  basin_method method;                  /* of the samplers that keep the full vectors */
  draw_source initial_a, initial_v;
  int reduced;        /* whether a_0 = c + s z is drawn in the directions f1 and f2 and the rest: */
  draw_source rest_a; /* the normals that the direction of the rest is made of */
  double from1, from2; /* c - a* in the directions f1 and f2; of other cells -A1 and -A2 */
  double from3;        /* and the length of its rest, from3 f3 */
  int64_t f3;          /* offset into data, [k]; -1 where from3 is 0 */
  int64_t f2, teacher_a, teacher_v; /* offsets into data: [k], [k], [p] */
} conv_cell;

/* constants of a stage, with c = eta_a/(2 pi) */
enum {
  CONV_KEEP1, /* 1 - c (k+pi-1) */
  CONV_KEEP2, /* 1 - c (pi-1) */
  CONV_PULL1, /* c A1 */
  CONV_PULL2, /* c A2 */
  CONV_PACE_W /* eta_w/(2 pi) */
};

/* the state of the population dynamics */
#define CONV_STATES 8
typedef struct conv_state {
  real e1, e2, perp; /* a - a* in the directions f1, f2 and the rest */
  real x, y;         /* sin(phi/2), cos(phi/2) */
  real psi;          /* pi - phi */
  real shrink;       /* 1/|v|^2: 1 for resnet */
  real side;         /* +1, or -1 where v has crossed v* or -v* an odd number of times */
} conv_state;

/* the same as the array that drivers know */
BASIN_HD conv_state *conv_state_in(real *x) { return (conv_state *)x; }
BASIN_HD const conv_state *conv_state_of(const real *x) { return (const conv_state *)x; }

/* ---------------------------------------------------------------- the step */

#define CONV_SMALL_T (1.0 / 32)  /* below it polynomials in t^2 stand for atan and square root */
#define CONV_SMALL_X2 (1.0 / 64) /* below it a polynomial in x^2 stands for phi - sin phi */

/* x and y below CONV_TINY are put back to twice that. The error has no meaning at 1e-75; without a floor phi and
   its powers run into subnormal numbers, get stuck there, and every operation on them costs a hundred.
   CONV_FLOOR does the same for the length `perp`. */
#define CONV_TINY 1e-75
#define CONV_FLOOR 1e-150

/* v has crossed v* (x < 0) or -v* (y < 0), or is all but on one of them: measure the angle from this side */
BASIN_HD void conv_fold(conv_state *s) {
  const real zero = r_set(0.0), tiny = r_set(CONV_TINY), twice = r_set(2 * CONV_TINY);
  const mask near = r_lt(s->x, zero), far = r_lt(s->y, zero);
  s->side = r_select(m_or(near, far), zero - s->side, s->side);
  s->psi = r_select(near, r_set(2 * BASIN_PI) - s->psi, r_abs(s->psi));
  s->x = r_abs(s->x);
  s->y = r_abs(s->y);
  s->x = r_select(r_lt(s->x, tiny), twice, s->x);
  s->psi = r_select(r_lt(s->y, tiny), r_set(4 * CONV_TINY), s->psi);
  s->y = r_select(r_lt(s->y, tiny), twice, s->y);
}

/* what both gradients need */
typedef struct conv_terms {
  real q;    /* a'a* */
  real h;    /* pi - g(phi) */
  real sine; /* sin phi */
} conv_terms;

BASIN_HD conv_terms conv_terms_of(const conv_cell *cell, const conv_state *s) {
  conv_terms terms;
  const real x2 = s->x * s->x, xy = s->x * s->y;
  terms.q = r_fma(r_set(cell->a1), s->e1, r_fma(r_set(cell->a2), s->e2, r_set(cell->norm2_a)));
  terms.sine = xy + xy;

  /* phi - sin phi = x^3 D(x^2) for small x: relative error < 2^-53 */
  real d = BASIN_LITERAL(0x1.01c1449bdf0cdp-4);
  d = BASIN_HORNER(d, x2, 0x1.35e85ca5c0915p-4);
  d = BASIN_HORNER(d, x2, 0x1.97467e1585816p-4);
  d = BASIN_HORNER(d, x2, 0x1.1c71c6a35016bp-3);
  d = BASIN_HORNER(d, x2, 0x1.b6db6db72c4b2p-3);
  d = BASIN_HORNER(d, x2, 0x1.99999999998f8p-2);
  d = BASIN_HORNER(d, x2, 0x1.5555555555555p+0);
  const real excess = r_select(r_lt(x2, r_set(CONV_SMALL_X2)), (s->x * x2) * d,
                               (BASIN_LITERAL(BASIN_PI) - s->psi) - terms.sine);
  terms.h = r_fma(s->psi, x2 + x2, excess);
  return terms;
}

/* one step of gradient descent; grows: a constant, so that it costs nothing */
BASIN_HD void conv_step(const conv_cell *cell, const real *pace, conv_state *s, int grows) {
  const real one = r_set(1.0);
  const conv_terms terms = conv_terms_of(cell, s);

  /* the tangent of the turn */
  real pull = pace[CONV_PACE_W] * terms.q;
  if (grows) pull = pull * s->shrink;
  const real t = pull * (s->psi * terms.sine);
  const real z = t * t;

  /* atan t, sin(atan t / 2) and 1 - cos(atan t / 2): relative errors < 2^-48 of a turn by less than 1/32 */
  real turn = BASIN_LITERAL(-0x1.2420a2002266fp-3);
  turn = BASIN_HORNER(turn, z, 0x1.999987d906fb3p-3);
  turn = BASIN_HORNER(turn, z, -0x1.55555554e3bc0p-2);
  turn = BASIN_HORNER(turn, z, 0x1.ffffffffffff9p-1);
  real half_sine = BASIN_LITERAL(-0x1.75685438515cbp-4);
  half_sine = BASIN_HORNER(half_sine, z, 0x1.efffe84f4b44cp-4);
  half_sine = BASIN_HORNER(half_sine, z, -0x1.7fffffff68675p-3);
  half_sine = BASIN_HORNER(half_sine, z, 0x1.ffffffffffff7p-2);
  real half_omc = BASIN_LITERAL(-0x1.cbf8c0c4f5867p-5);
  half_omc = BASIN_HORNER(half_omc, z, 0x1.13fff07086dfdp-4);
  half_omc = BASIN_HORNER(half_omc, z, -0x1.5fffffff38db0p-4);
  half_omc = BASIN_HORNER(half_omc, z, 0x1.fffffffffffe7p-4);
  turn = turn * t;
  half_sine = half_sine * t;
  half_omc = half_omc * z;

  /* the same for large turns, lane by lane */
  const mask large = r_lt(r_set(CONV_SMALL_T * CONV_SMALL_T), z);
  if (BASIN_UNLIKELY(m_any(large))) {
    const real cosine = one / r_sqrt(one + z);
    const real half_cosine = r_sqrt(r_fma(r_set(0.5), cosine, r_set(0.5)));
    const real sine = t * cosine / (half_cosine + half_cosine);
    turn = r_select(large, r_atan(t), turn);
    half_sine = r_select(large, sine, half_sine);
    half_omc = r_select(large, sine * sine / (one + half_cosine), half_omc);
  }

  /* turn the filter */
  const real x = s->x, y = s->y;
  s->x = r_fnma(y, half_sine, r_fnma(x, half_omc, x));
  s->y = r_fma(x, half_sine, r_fnma(y, half_omc, y));
  s->psi = s->psi + turn;
  if (grows) { /* |v|^2 grows by 1 + t^2 = 1/cos^2 */
    const real cosine = r_fnma(half_sine + half_sine, half_sine, one);
    s->shrink = s->shrink * (cosine * cosine);
  }
  if (BASIN_UNLIKELY(m_any(r_lt(r_min(s->x, s->y), BASIN_LITERAL(CONV_TINY))))) conv_fold(s);

  /* move the output weights */
  s->e1 = r_fnma(pace[CONV_PULL1], terms.h, pace[CONV_KEEP1] * s->e1);
  s->e2 = r_fnma(pace[CONV_PULL2], terms.h, pace[CONV_KEEP2] * s->e2);
  s->perp = r_fma(pace[CONV_KEEP2], s->perp, BASIN_LITERAL(CONV_FLOOR));
}

/* ---------------------------------------------------------------- outcomes */

BASIN_HD real conv_error2_a(const conv_state *s) {
  return r_fma(s->e1, s->e1, r_fma(s->e2, s->e2, s->perp * s->perp));
}

/* the bound also catches every NaN: a comparison with one is false */
BASIN_HD mask conv_unbounded(real distance2) { return m_not(r_le(distance2, r_set(1e100))); }

/* Early rule. It speaks of every step to come, whatever the stage, so let c and cw be the largest of the
   schedule, nu = max(0, c (k+pi-1) - 1) < 1, c (pi-1) < 1, and b = -1'a* 1'e. Then

     b <- (1 - c (k+pi-1)) b + c h (1'a*)^2
     q <- (1 - c (pi-1)) q + c [ (g-1) |a*|^2 + b ]                                        (thesis (5.4))

   and while h <= hsup, b stays within [-nu bsup, bsup] for
     bsup = max(b, -b/nu, hsup (1'a*)^2 / ((k+pi-1) (1-nu))).
   (nu = 0, that is eta <= 2 pi/(k+pi-1), is thesis Lemma 5.4; nu > 0 lets 1'e change its sign.)

   global: q > 0 and (g-1) |a*|^2 > nu bsup, hsup = h. The bracket is positive, so q stays so. q never
   exceeds qsup = max(q, |a*|^2 + bsup/(pi-1)), so that cw qsup pi/|v|^2 <= 2 makes atan t <= 2 phi: phi
   never grows, g never falls, and the only limit is phi = 0, e = 0. (Lemmas 5.2 and 5.3, for any nu.)

   spurious: q < 0 and (1-g) |a*|^2 >= bsup, hsup = pi. The bracket is not positive, so q stays negative. |q|
   never exceeds qsup = max(|q|, (|a*|^2 + nu bsup)/(pi-1)), so that cw qsup/|v|^2 <= 4/pi makes
   |atan t| <= 2 psi: psi never grows, g never grows, and the only limit is psi = 0. (Theorem 5.5.) */
BASIN_HD void conv_decide(const conv_cell *cell, const conv_state *s,
                          mask outcome[BASIN_OUTCOMES]) {
  const conv_terms terms = conv_terms_of(cell, s);
  const real zero = r_set(0.0), norm2_a = r_set(cell->norm2_a), nu = r_set(cell->swing);
  const real bracket = (r_set(BASIN_PI - 1) - terms.h) * norm2_a; /* (g-1) |a*|^2 */
  const real b = r_set(-cell->a1 * (double)cell->k) * s->e1;
  const real b_now = r_max(b, r_set(cell->swing > 0 ? -1 / cell->swing : -1e300) * b);
  const real turn = r_set(cell->pace_w_max * (BASIN_PI / 4)) * s->shrink;
  const real inverse = r_set(1 / (BASIN_PI - 1));

  const real b_global = r_max(b_now, r_set(cell->forcing) * terms.h);
  const real q_global = r_max(terms.q, r_fma(inverse, b_global, norm2_a));
  outcome[BASIN_GLOBAL] = m_and(m_and(r_lt(zero, terms.q), r_lt(nu * b_global, bracket)),
                                r_le(turn * q_global, r_set(0.5)));

  const real b_spurious = r_max(b_now, r_set(cell->forcing * BASIN_PI));
  const real q_spurious = r_max(zero - terms.q, inverse * r_fma(nu, b_spurious, norm2_a));
  outcome[BASIN_SPURIOUS] = m_and(m_and(r_lt(terms.q, zero), r_le(b_spurious, zero - bracket)),
                                  r_le(turn * q_spurious, r_set(1.0)));

  outcome[BASIN_DIVERGED] = conv_unbounded(conv_error2_a(s));
}

/* Tolerance rule: |a - a_o|^2 + |v/|v| - v_o|^2 <= tolerance, o either optimum (resnet-shortcut section 4) */
BASIN_HD void conv_reached(const conv_cell *cell, const conv_state *s,
                           mask outcome[BASIN_OUTCOMES]) {
  const real tolerance = r_set(cell->tolerance), four = r_set(4.0);
  const real d1 = s->e1 - r_set(cell->e1_spurious), d2 = s->e2 - r_set(cell->e2_spurious);
  const real perp2 = s->perp * s->perp;
  const real to_global = r_fma(s->e1, s->e1, r_fma(s->e2, s->e2, r_fma(four * s->x, s->x, perp2)));
  const real to_spurious = r_fma(d1, d1, r_fma(d2, d2, r_fma(four * s->y, s->y, perp2)));
  outcome[BASIN_GLOBAL] = r_le(to_global, tolerance);
  outcome[BASIN_SPURIOUS] = r_le(to_spurious, r_set(cell->tolerance_spurious));
  outcome[BASIN_DIVERGED] = conv_unbounded(to_global);
}

/* ---------------------------------------------------------------- observables */

#define CONV_OBSERVABLES(X)                                         \
  X(loss, "1", "population loss L")                                 \
  X(phi, "rad", "angle between v and v*")                           \
  X(a_dot_a_star, "1", "a'a*")                                      \
  X(error_a, "1", "|a - a*|^2")                                     \
  X(distance_a, "1", "|a - a*|")                                    \
  X(error_sum, "1", "|1'a - 1'a*|")                                 \
  X(error_w, "1", "|v/|v| - v*|^2, which is |w - w*|^2 for resnet") \
  X(norm_v, "1", "|v|")                                             \
  X(norm_grad_a, "1", "Euclidean norm of the gradient by a")        \
  X(norm_grad_v, "1", "Euclidean norm of the gradient by v")

enum {
#define CONV_INDEX(name, unit, meaning) CONV_OBSERVE_##name,
  CONV_OBSERVABLES(CONV_INDEX)
#undef CONV_INDEX
      CONV_OBSERVED
};

BASIN_HD void conv_observe(const conv_cell *cell, const conv_state *s, real out[CONV_OBSERVED]) {
  const conv_terms terms = conv_terms_of(cell, s);
  const real x2 = s->x * s->x, error2 = conv_error2_a(s);
  const real sum = r_abs(r_set(cell->root_k) * s->e1);
  const real g1 = r_fma(r_set(cell->stiff), s->e1, terms.h * r_set(cell->a1));
  const real g2 = r_fma(r_set(BASIN_PI - 1), s->e2, terms.h * r_set(cell->a2));
  const real g3 = r_set(BASIN_PI - 1) * s->perp;
  const real half = r_set(1 / (2 * BASIN_PI));
  out[CONV_OBSERVE_loss] = r_set(1 / (4 * BASIN_PI)) * r_fma(sum, sum,
                                                             r_fma(r_set(BASIN_PI - 1), error2,
                                                                   r_set(2.0) * terms.h * terms.q));
  out[CONV_OBSERVE_phi] = terms.sine +
                          r_fnma(s->psi, x2 + x2, terms.h); /* sin phi + (phi - sin phi) */
  out[CONV_OBSERVE_a_dot_a_star] = terms.q;
  out[CONV_OBSERVE_error_a] = error2;
  out[CONV_OBSERVE_distance_a] = r_sqrt(error2);
  out[CONV_OBSERVE_error_sum] = sum;
  out[CONV_OBSERVE_error_w] = r_set(4.0) * x2;
  out[CONV_OBSERVE_norm_v] = r_set(1.0) / r_sqrt(s->shrink);
  out[CONV_OBSERVE_norm_grad_a] = half * r_sqrt(r_fma(g1, g1, r_fma(g2, g2, g3 * g3)));
  out[CONV_OBSERVE_norm_grad_v] = half * r_abs(terms.q) * s->psi * terms.sine * r_sqrt(s->shrink);
}

/* ---------------------------------------------------------------- initialisation */

/* e in the directions f1 and f2 and its rest, from 1'e, f2'e and |e|^2 */
BASIN_HD void conv_split(const conv_cell *cell, real sum, real along, real norm2, conv_state *s) {
  s->e1 = sum / r_set(cell->root_k);
  s->e2 = along;
  s->perp = r_sqrt(r_max(r_fnma(s->e2, s->e2, r_fnma(s->e1, s->e1, norm2)), r_set(0.0)));
}

/* a_0 that is drawn around a point: of a_0 - a*, entry by entry, so that nothing cancels near a* */
BASIN_HD void conv_add_entry(const conv_cell *cell, const double *data, int64_t j, real spread,
                             real z, real *sum, real *along, real *norm2) {
  const double from = draw_offset(&cell->initial_a, data, 0, j) - data[cell->teacher_a + j];
  const real e = r_fma(spread, z, r_set(from));
  *sum = *sum + e;
  *along = r_fma(e, r_set(data[cell->f2 + j]), *along);
  *norm2 = r_fma(e, e, *norm2);
}

BASIN_HD void conv_start_around(const conv_cell *cell, const double *data, bits trial, real spread,
                                conv_state *s) {
  real z[2], sum = r_set(0.0), along = r_set(0.0), norm2 = r_set(0.0);
  for (int64_t j = 0; j < cell->k; j += 2) {
    draw_pair(&cell->initial_a, data, trial, 0, j / 2, &z[0], &z[1]);
    for (int64_t i = 0; i < 2 && j + i < cell->k; i++)
      conv_add_entry(cell, data, j + i, spread, z[i], &sum, &along, &norm2);
  }
  conv_split(cell, sum, along, norm2, s);
}

/* the numbers z that a_0 is drawn from: f1'z, f2'z, |z|^2 and the squared length of what is left of z */
typedef struct conv_drawn {
  real first, along, norm2, rest2;
} conv_drawn;

/* 1'z, f2'z and |z|^2 */
typedef struct conv_sums {
  real sum, along, norm2;
} conv_sums;

/* with entries j and j + 1 */
BASIN_HD void conv_add_pair(const conv_cell *cell, const double *f2, int64_t j, real z0, real z1,
                            conv_sums *s) {
  s->sum = s->sum + (z0 + z1);
  s->along = r_fma(z0, r_set(f2[j]), s->along);
  if (j + 1 < cell->k) s->along = r_fma(z1, r_set(f2[j + 1]), s->along);
  s->norm2 = r_fma(z1, z1, r_fma(z0, z0, s->norm2));
}

BASIN_HD conv_drawn conv_drawn_of(const conv_cell *cell, conv_sums s) {
  conv_drawn d = {s.sum / r_set(cell->root_k), s.along, s.norm2, s.norm2};
  d.rest2 = r_max(r_fnma(d.along, d.along, r_fnma(d.first, d.first, d.norm2)), r_set(0.0));
  return d;
}

/* of a cell that is `reduced` */
BASIN_HD conv_drawn conv_draw_reduced(const conv_cell *cell, bits trial) {
  const draw_source *source = &cell->initial_a;
  const int64_t spanned = cell->a2 > 0 ? 2 : 1;
  conv_drawn d;
  basin_normals_at(source->key, source->direction, trial, b_set(0), 0, &d.first, &d.along);
  if (spanned == 1) d.along = r_set(0.0);
  d.rest2 = basin_chi_square(source->key, BASIN_STREAM_START_CHI + 0, cell->k - spanned, trial,
                             b_set(0), 0);
  d.norm2 = r_fma(d.along, d.along, r_fma(d.first, d.first, d.rest2));
  return d;
}

BASIN_HD conv_drawn conv_draw_a(const conv_cell *cell, const double *data, bits trial) {
  const double *f2 = data + cell->f2;
  conv_sums s = {r_set(0.0), r_set(0.0), r_set(0.0)};
  int64_t j = 0;
  if (BASIN_TOGETHER > 1)
    for (; j + 2 * BASIN_TOGETHER <= cell->k; j += 2 * BASIN_TOGETHER) {
      real z0[BASIN_TOGETHER], z1[BASIN_TOGETHER];
      draw_pairs(BASIN_TOGETHER, &cell->initial_a, data, trial, 0, j / 2, z0, z1);
      BASIN_UNROLL
      for (int i = 0; i < BASIN_TOGETHER; i++) conv_add_pair(cell, f2, j + 2 * i, z0[i], z1[i], &s);
    }
  for (; j < cell->k; j += 2) {
    real z0, z1;
    draw_pair(&cell->initial_a, data, trial, 0, j / 2, &z0, &z1);
    conv_add_pair(cell, f2, j, z0, z1, &s);
  }
  return conv_drawn_of(cell, s);
}

/* the start of those numbers, but for what an offset makes of it; what they are to be multiplied by */
BASIN_HD real conv_start_of(const conv_cell *cell, bits trial, conv_drawn d, conv_state *s) {
  const real spread = draw_spread(&cell->initial_a, trial, 0, d.norm2);
  s->e1 = r_fma(spread, d.first, r_set(cell->from1));
  s->e2 = r_fma(spread, d.along, r_set(cell->from2));
  s->perp = r_abs(spread) * r_sqrt(d.rest2);
  return spread;
}

/* entry j of a vector without what it has of f1 and f2, given its sums */
BASIN_HD real conv_off_axes(const conv_cell *cell, const double *f2, int64_t j, conv_sums s,
                            real x) {
  return r_fnma(s.along, r_set(f2[j]), x - s.sum / r_set((double)cell->k));
}

/* the part along f3 of the direction of the rest */
BASIN_HD real conv_rest_along(const conv_cell *cell, const double *data, bits trial) {
  const double *f2 = data + cell->f2, *f3 = data + cell->f3;
  conv_sums s = {r_set(0.0), r_set(0.0), r_set(0.0)};
  real along = r_set(0.0);
  for (int64_t j = 0; j < cell->k; j += 2) {
    real z0, z1;
    draw_pair(&cell->rest_a, data, trial, 0, j / 2, &z0, &z1);
    conv_add_pair(cell, f2, j, z0, z1, &s);
    along = r_fma(z0, r_set(f3[j]), along);
    if (j + 1 < cell->k) along = r_fma(z1, r_set(f3[j + 1]), along);
  }
  return along / r_sqrt(conv_drawn_of(cell, s).rest2);
}

/* the start of a cell that is `reduced`; returns what the direction of the rest of z is to be multiplied by */
BASIN_HD real conv_start_reduced(const conv_cell *cell, const double *data, bits trial,
                                 conv_state *s) {
  const conv_drawn d = conv_draw_reduced(cell, trial);
  const real length = conv_start_of(cell, trial, d, s) * r_sqrt(d.rest2);
  if (cell->f3 >= 0) {
    const real along = conv_rest_along(cell, data, trial), one = r_set(1.0);
    const real on = r_fma(length, along, r_set(cell->from3));
    const real off2 = length * length * r_max((one - along) * (one + along), r_set(0.0));
    s->perp = r_sqrt(r_fma(on, on, off2));
  }
  return length;
}

/* whether f1 and f2 are the whole space */
BASIN_HD int conv_is_spanned(const conv_cell *cell) {
  return cell->k == 1 || (cell->k == 2 && cell->a2 > 0);
}

BASIN_HD void conv_start_a(const conv_cell *cell, const double *data, bits trial, conv_state *s) {
  if (cell->reduced) {
    conv_start_reduced(cell, data, trial, s);
    return;
  }
  const real spread = conv_start_of(cell, trial, conv_draw_a(cell, data, trial), s);
  if (draw_is_moved(&cell->initial_a)) conv_start_around(cell, data, trial, spread, s);
  if (conv_is_spanned(cell)) s->perp = r_set(0.0);
}

/* what entry q of v_0 has beside the draw */
BASIN_HD real conv_shift(const conv_cell *cell, const double *data, int64_t q) {
  return r_set(cell->shift + draw_offset(&cell->initial_v, data, 0, q));
}

/* v_0 of no more numbers is drawn once, by lanes: a device's registers hold no such array */
enum { CONV_KEPT = BASIN_TOGETHER > 1 ? 16 : 1 };

/* those numbers, where they are no more: whether they are */
BASIN_HD int conv_draw_v(const conv_cell *cell, const double *data, bits trial, real z[CONV_KEPT]) {
  const int kept = BASIN_TOGETHER > 1 && cell->p <= CONV_KEPT;
  const int64_t p = kept ? cell->p : 0;
  int64_t j = 0;
  if (BASIN_TOGETHER > 1)
    for (; j + 2 * BASIN_TOGETHER <= p; j += 2 * BASIN_TOGETHER) {
      real z0[BASIN_TOGETHER], z1[BASIN_TOGETHER];
      draw_pairs(BASIN_TOGETHER, &cell->initial_v, data, trial, 0, j / 2, z0, z1);
      for (int i = 0; i < BASIN_TOGETHER; i++) z[j + 2 * i] = z0[i], z[j + 2 * i + 1] = z1[i];
    }
  for (; j < p; j += 2) draw_pair(&cell->initial_v, data, trial, 0, j / 2, &z[j], &z[j + 1]);
  return kept;
}

BASIN_HD void conv_start_v(const conv_cell *cell, const double *data, basin_team team, bits trial,
                           conv_state *s) {
  const double *v_star = data + cell->teacher_v;
  real all[CONV_KEPT];
  real z[2], spread = r_set(0.0), along = r_set(0.0), norm2 = r_set(0.0), rest2 = r_set(0.0);
  const int kept = conv_draw_v(cell, data, trial, all);

  /* three passes over the same numbers: the drawn length, then v and v'v*, then |v - v* v'v*| */
  for (int pass = 0; pass < 3; pass++) {
    for (int64_t j = 0; j < cell->p && !team_stopped(team); j += 2) {
      if (kept) z[0] = all[j], z[1] = all[j + 1];
      else draw_pair(&cell->initial_v, data, trial, 0, j / 2, &z[0], &z[1]);
      for (int64_t i = 0; i < 2 && j + i < cell->p; i++) {
        const real v = r_fma(spread, z[i], conv_shift(cell, data, j + i)),
                   v_teacher = r_set(v_star[j + i]);
        const real rest = r_fnma(along, v_teacher, v);
        if (pass == 0) norm2 = r_fma(z[i], z[i], norm2);
        if (pass == 1) along = r_fma(v, v_teacher, along);
        if (pass == 2) rest2 = r_fma(rest, rest, rest2);
      }
    }
    if (pass == 0) spread = draw_spread(&cell->initial_v, trial, 0, norm2);
  }

  /* the angle, without loss of accuracy at either end: 1 -+ cos phi = sin^2 phi / (1 +- cos phi) */
  const real one = r_set(1.0), across = r_sqrt(rest2);
  const real length2 = r_fma(along, along, rest2), length = r_sqrt(length2);
  const real sine = across / length, cosine = along / length;
  const real larger = one + r_abs(cosine), smaller = sine * sine / larger;
  const mask acute = r_lt(r_set(0.0), cosine);
  s->x = r_sqrt(r_set(0.5) * r_select(acute, smaller, larger));
  s->y = r_sqrt(r_set(0.5) * r_select(acute, larger, smaller));
  s->psi = r_angle(across, r_set(0.0) - along);
  s->shrink = one;
  if (cell->grows) s->shrink = one / length2;
  s->side = one;
}

/* ---------------------------------------------------------------- host: constants of a cell */

enum { CONV_WHOLE = 8 }; /* no more numbers than these are drawn entry by entry: that costs less */

/* how a_0 is drawn */
static inline void conv_prepare_start(const basin_vector *a_star, basin_room *room,
                                      conv_cell *cell) {
  const draw_source *a = &cell->initial_a;
  const double *f2 = room->data ? room->data + cell->f2 : NULL;
  const int turns = a->kind == BASIN_NORMAL || a->kind == BASIN_SPHERE || a->kind == BASIN_BALL;
  cell->reduced = turns && cell->k > CONV_WHOLE;
  cell->rest_a = *a;
  cell->rest_a.kind = BASIN_NORMAL;
  cell->rest_a.direction = BASIN_STREAM_START_FRAME + 0;
  cell->from1 = -cell->a1;
  cell->from2 = -cell->a2;
  cell->f3 = -1;
  if (!cell->reduced || !draw_is_moved(a)) return;

  const int64_t f3 = room_put(room, NULL, cell->k);
  if (!f2) return;
  double *rest = room->data + f3, sum = 0, along = 0, norm2 = 0, rest2 = 0;
  for (int64_t j = 0; j < cell->k; j++) {
    rest[j] = draw_offset(a, room->data, 0, j) - a_star->value[j];
    sum += rest[j];
    along += f2[j] * rest[j];
    norm2 += rest[j] * rest[j];
  }
  for (int64_t j = 0; j < cell->k; j++) {
    rest[j] -= sum / (double)cell->k + along * f2[j];
    rest2 += rest[j] * rest[j];
  }
  cell->from1 = sum / cell->root_k;
  cell->from2 = along;
  if (rest2 <= 1e-28 * norm2) return;
  cell->f3 = f3;
  cell->from3 = sqrt(rest2);
  for (int64_t j = 0; j < cell->k; j++) rest[j] /= cell->from3;
}

/* constants of a cell; shift: see conv_cell. NULL, or what is wrong with the vectors */
static inline const char *conv_prepare(const basin_setting *setting, double shift, int grows,
                                       basin_room *room, conv_cell *cell, const char **where) {
  const basin_vector *a_star = &setting->teacher[0], *v_star = &setting->teacher[1];
  memset(cell, 0, sizeof *cell);
  cell->k = a_star->length;
  cell->p = v_star->length;
  cell->grows = grows;
  cell->key = setting->key;
  cell->shift = shift;
  cell->teacher_a = room_put(room, a_star->value, cell->k);
  cell->teacher_v = room_put(room, v_star->value, cell->p);
  cell->initial_a = draw_put(room, &setting->initial[0], setting->key, BASIN_STREAM_DIRECTION + 0,
                             BASIN_STREAM_RADIUS + 0);
  cell->initial_v = draw_put(room, &setting->initial[1], setting->key, BASIN_STREAM_DIRECTION + 1,
                             BASIN_STREAM_RADIUS + 1);

  /* a* in the directions f1 and f2; f2 is zero where a* is a multiple of 1 */
  double sum = 0, rest2 = 0, mean;
  for (int64_t j = 0; j < cell->k; j++) sum += a_star->value[j];
  mean = sum / (double)cell->k;
  cell->f2 = room_put(room, NULL, cell->k);
  for (int64_t j = 0; j < cell->k; j++) {
    const double rest = a_star->value[j] - mean;
    rest2 += rest * rest;
  }
  cell->root_k = sqrt((double)cell->k);
  cell->a1 = sum / cell->root_k;
  cell->a2 = sqrt(rest2);
  if (cell->a2 <= 1e-14 * fabs(cell->a1)) cell->a2 = 0;
  for (int64_t j = 0; room->data && cell->a2 > 0 && j < cell->k; j++)
    room->data[cell->f2 + j] = (a_star->value[j] - mean) / cell->a2;

  conv_prepare_start(a_star, room, cell);

  cell->norm2_a = cell->a1 * cell->a1 + cell->a2 * cell->a2;
  cell->stiff = (double)cell->k + (BASIN_PI - 1);
  cell->e1_spurious = -BASIN_PI * cell->a1 / cell->stiff;
  cell->e2_spurious = -BASIN_PI * cell->a2 / (BASIN_PI - 1);
  cell->tolerance = setting->stop.tolerance;
  cell->tolerance_spurious = basin_tolerance_spurious(&setting->stop);
  cell->tolerance_gradient = setting->stop.tolerance_gradient;
  cell->risk = risk_set_of(setting, cell->k, cell->p);
  cell->inputs = setting->gradient.inputs;
  cell->law = setting->gradient.law;
  if (!basin_law_is_closed(&setting->gradient)) cell->tolerance_spurious = -1;

  /* the early rule's conditions on the step sizes, see conv_decide() */
  const basin_stage *last = &setting->stage[setting->stages - 1];
  double c = 0;
  for (int i = 0; i < setting->stages; i++) {
    c = fmax(c, setting->stage[i].eta[0] / (2 * BASIN_PI));
    cell->pace_w_max = fmax(cell->pace_w_max, setting->stage[i].eta[1] / (2 * BASIN_PI));
  }
  cell->swing = fmax(0, c * cell->stiff - 1);
  cell->forcing = sum * sum / (cell->stiff * (1 - cell->swing));
  if (!(cell->swing < 1) || !(c * (BASIN_PI - 1) < 1) || !(last->eta[0] > 0) || !(last->eta[1] > 0))
    cell->pace_w_max = INFINITY;

  double norm2_v = 0;
  for (int64_t j = 0; j < cell->p; j++) norm2_v += v_star->value[j] * v_star->value[j];
  *where = "teacher.a";
  if (!(cell->norm2_a > 0)) return "the teacher's a must not be zero";
  *where = "teacher.v";
  if (!(fabs(norm2_v - 1) <= 1e-9))
    return "the teacher's v must have length 1 (the papers assume |v*| = 1)";
  return NULL;
}

#if BASIN_ONE_LANE
/* What the states of a trial have in common: the lengths e1, e2 and perp of its start; the rest of a_0 - a* in neither
   direction (k), and the unit vector n of v_0 - v* v*'v_0 (p). */
enum { CONV_COMMON_PERP, CONV_COMMON };
_Static_assert((int)CONV_COMMON <= (int)BASIN_COMMON, "raise BASIN_COMMON");

BASIN_HD void conv_common_v(const conv_cell *cell, const double *data, uint64_t trial, double *v) {
  const double *v_star = data + cell->teacher_v;
  double norm2 = 0, along = 0, rest2 = 0;
  drawn_numbers(&cell->initial_v, data, trial, 0, v);
  for (int64_t j = 0; j < cell->p; j++) norm2 = r_fma(v[j], v[j], norm2);
  const double spread = draw_spread(&cell->initial_v, trial, 0, norm2);
  for (int64_t j = 0; j < cell->p; j++) {
    v[j] = r_fma(spread, v[j], conv_shift(cell, data, j));
    along = r_fma(v[j], v_star[j], along);
  }
  for (int64_t j = 0; j < cell->p; j++) {
    v[j] = r_fnma(along, v_star[j], v[j]);
    rest2 = r_fma(v[j], v[j], rest2);
  }
  const double across = sqrt(rest2);
  for (int64_t j = 0; j < cell->p; j++) v[j] = across > 0 ? v[j] / across : 0.0;
}

/* The start of a trial and, in rest (k), what of a_0 - a* is in neither direction */
BASIN_HD void conv_common_reduced(const conv_cell *cell, const double *data, uint64_t trial,
                                  conv_state *start, double *rest) {
  const double *f2 = data + cell->f2;
  conv_sums sums = {0, 0, 0};
  double norm2 = 0;
  const double length = conv_start_reduced(cell, data, trial, start);
  drawn_numbers(&cell->rest_a, data, trial, 0, rest);
  for (int64_t j = 0; j < cell->k; j += 2)
    conv_add_pair(cell, f2, j, rest[j], j + 1 < cell->k ? rest[j + 1] : 0.0, &sums);
  for (int64_t j = 0; j < cell->k; j++) {
    rest[j] = conv_off_axes(cell, f2, j, sums, rest[j]);
    norm2 = r_fma(rest[j], rest[j], norm2);
  }
  const double scale = length / sqrt(norm2);
  for (int64_t j = 0; j < cell->k; j++)
    rest[j] = scale * rest[j] + (cell->f3 < 0 ? 0 : cell->from3 * data[cell->f3 + j]);
}

/* the same, of numbers that are drawn entry by entry, or given */
BASIN_HD void conv_common_whole(const conv_cell *cell, const double *data, uint64_t trial,
                                conv_state *start, double *rest) {
  const double *f2 = data + cell->f2;
  conv_sums sums = {0, 0, 0};
  drawn_numbers(&cell->initial_a, data, trial, 0, rest);
  for (int64_t j = 0; j < cell->k; j += 2)
    conv_add_pair(cell, f2, j, rest[j], j + 1 < cell->k ? rest[j + 1] : 0.0, &sums);
  const double spread = conv_start_of(cell, trial, conv_drawn_of(cell, sums), start);
  if (draw_is_moved(&cell->initial_a)) {
    double sum = 0, along = 0, norm2 = 0;
    for (int64_t j = 0; j < cell->k; j++)
      conv_add_entry(cell, data, j, spread, rest[j], &sum, &along, &norm2);
    conv_split(cell, sum, along, norm2, start);
  }
  if (conv_is_spanned(cell)) start->perp = 0;
  const double e1 = start->e1 / cell->root_k;
  for (int64_t j = 0; j < cell->k; j++) {
    const double a_0 = draw_entry(&cell->initial_a, data, 0, j, spread, rest[j]);
    rest[j] = a_0 - data[cell->teacher_a + j] - e1 - start->e2 * f2[j];
  }
}

BASIN_HD void conv_common(const conv_cell *cell, const double *data, uint64_t trial,
                          double *common) {
  double *rest = common + CONV_COMMON;
  conv_state start;
  if (cell->reduced) conv_common_reduced(cell, data, trial, &start, rest);
  else conv_common_whole(cell, data, trial, &start, rest);
  common[CONV_COMMON_PERP] = start.perp;
  conv_common_v(cell, data, trial, rest + cell->k);
}

/* Full vectors of one trial from its state: out = [a (k), v - shift 1 (p)]. `now` is the state at some step;
   v_t stays in the plane of v_0 and v*, a_t - a* in span{a_0 - a*, 1, a*}. */
BASIN_HD void conv_vectors(const conv_cell *cell, const double *data, const double *common,
                           const conv_state *now, double *out) {
  const double *f2 = data + cell->f2, *a_star = data + cell->teacher_a,
               *v_star = data + cell->teacher_v, *rest = common + CONV_COMMON, *n = rest + cell->k;
  double *v = out + cell->k;

  /* a_t = a* + e1 f1 + e2 f2 + (perp_t / perp_0) (rest of a_0 - a*) */
  const double perp = common[CONV_COMMON_PERP], kept = perp > 0 ? now->perp / perp : 0.0;
  const double e1 = now->e1 / cell->root_k, e2 = now->e2;
  for (int64_t j = 0; j < cell->k; j++) out[j] = a_star[j] + e1 + e2 * f2[j] + kept * rest[j];

  /* v_t = |v| (cos phi v* + side sin phi n), n the unit vector of v_0 - v* v*'v_0 */
  const double length = 1 / sqrt(now->shrink), shift = cell->shift;
  const double cosine = 1 - 2 * now->x * now->x, sine = now->side * (2 * now->x * now->y);
  for (int64_t j = 0; j < cell->p; j++) v[j] = length * (cosine * v_star[j] + sine * n[j]) - shift;
}
#endif

/* ---------------------------------------------------------------- the population dynamics */

static inline basin_layout conv_layout(const basin_setting *setting, const conv_cell *cell) {
  const basin_layout layout = {CONV_STATES, 0, 1};
  (void)setting, (void)cell;
  return layout;
}

static inline void conv_paces(const conv_cell *cell, const double *eta, double *pace) {
  const double c = eta[0] / (2 * BASIN_PI);
  pace[CONV_KEEP1] = 1 - c * cell->stiff;
  pace[CONV_KEEP2] = 1 - c * (BASIN_PI - 1);
  pace[CONV_PULL1] = c * cell->a1;
  pace[CONV_PULL2] = c * cell->a2;
  pace[CONV_PACE_W] = eta[1] / (2 * BASIN_PI);
}

BASIN_HD void conv_population_start(const conv_cell *cell, basin_turn t, real *x) {
  conv_start_a(cell, t.data, t.trial, conv_state_in(x));
  conv_start_v(cell, t.data, t.team, t.trial, conv_state_in(x));
}

BASIN_HD void conv_population_step(const conv_cell *cell, basin_turn t, real *x) {
  conv_step(cell, t.pace, conv_state_in(x), CONV_GROWS);
}

BASIN_HD void conv_population_reached(const conv_cell *cell, basin_turn t, const real *x,
                                      mask *outcome) {
  (void)t;
  conv_reached(cell, conv_state_of(x), outcome);
}

BASIN_HD void conv_population_decide(const conv_cell *cell, basin_turn t, const real *x,
                                     mask *outcome) {
  (void)t;
  conv_decide(cell, conv_state_of(x), outcome);
}

BASIN_HD void conv_population_observe(const conv_cell *cell, basin_turn t, const real *x,
                                      real *out) {
  (void)t;
  conv_observe(cell, conv_state_of(x), out);
}

#if BASIN_ONE_LANE
BASIN_HD void conv_population_vectors(const conv_cell *cell, basin_turn t, const real *x, int any,
                                      double *out) {
  (void)any;
  if (!t.warm) conv_common(cell, t.data, t.trial, t.work);
  conv_vectors(cell, t.data, t.work, conv_state_of(x), out);
}
#endif

#define MODEL_population(F)                                                            \
  F(CONV_STATES, conv_layout, conv_paces, conv_population_start, conv_population_step, \
    conv_population_reached, conv_population_decide, conv_population_observe,          \
    conv_population_vectors)

#endif
