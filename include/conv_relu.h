/* SPDX-License-Identifier: MIT
 *
 * conv_relu.h: gradient descent on a two-layer convolutional ReLU network, in a few scalars.
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
 * The angle is carried as four numbers, psi = pi - phi, sin phi, omc = 1 - cos phi, d3 = phi - sin phi.
 * Each is updated by a sum of terms of its own order of magnitude, so that all keep their relative
 * accuracy as phi -> 0, and psi and sin phi also as phi -> pi; and h = psi omc + d3 is a sum of
 * positive terms. With y = cos(atan t) = (1 + t^2)^(-1/2):
 *
 *   psi <- psi + atan t
 *   sin <- sin - (1-y) sin - cos t y
 *   omc <- omc + (1-y) cos - sin t y
 *   d3  <- d3 + (1-y) sin - omc t y - (atan t - t y)
 *
 * Operations of one step (no lane with |t| > 1/32): 33 instructions, 18 of them fma, 51 flop; cnn: 36
 * and 54. No division and no square root.
 */
#ifndef BASIN_CONV_RELU_H
#define BASIN_CONV_RELU_H

#include "model.h"

/* a vector's origin, with the given values as an offset into data */
typedef struct conv_source {
  int kind; /* enum basin_source */
  int64_t length;
  double scale;
  int64_t value; /* offset of [length] values where kind is BASIN_GIVEN */
} conv_source;

typedef struct conv_cell {
  int64_t k, p;
  uint64_t key;
  double shift;       /* v_0 = shift 1 + the drawn vector: 1/sqrt(p) for resnet, 0 for cnn */
  double norm2_a;     /* N = |a*|^2 */
  double a1, a2;      /* A1 = 1'a* / sqrt(k), A2 = length of the rest */
  double stiff;       /* k + pi - 1, the largest eigenvalue of 2 pi Hess_a */
  double e1_spurious; /* e at the spurious point: -pi A1/(k+pi-1), -pi A2/(pi-1), 0 */
  double e2_spurious; /* (resnet-shortcut Proposition 1, thesis Lemma 5.1) */
  double rate_w_max;  /* the largest eta_w / (2 pi) of the schedule; infinite where the early rule's
                               other conditions on the step sizes fail, so that it never decides */
  double swing;       /* nu = max(0, c (k+pi-1) - 1) for the largest c: how far 1'e overshoots 0 */
  double forcing;     /* (1'a*)^2 / ((k+pi-1) (1-nu)) */
  double tolerance;   /* of the tolerance rule */
  conv_source initial_a, initial_v;
  int64_t f2, teacher_a, teacher_v; /* offsets into data: [k], [k], [p] */
} conv_cell;

/* constants of a stage: c = eta_a/(2 pi), cw = eta_w/(2 pi) */
#define CONV_RATES(X)            \
  X(keep1)  /* 1 - c (k+pi-1) */ \
  X(keep2)  /* 1 - c (pi-1) */   \
  X(pull1)  /* c A1 */           \
  X(pull2)  /* c A2 */           \
  X(rate_w) /* cw */

typedef struct conv_stage {
#define CONV_MEMBER(name) double name;
  CONV_RATES(CONV_MEMBER)
#undef CONV_MEMBER
} conv_stage;

typedef struct conv_rates {
#define CONV_MEMBER(name) real name;
  CONV_RATES(CONV_MEMBER)
#undef CONV_MEMBER
} conv_rates;

typedef struct conv_state {
  real e1, e2, perp; /* a - a* in the directions f1, f2 and the rest */
  real psi;          /* pi - phi */
  real sine;         /* sin phi */
  real omc;          /* 1 - cos phi */
  real d3;           /* phi - sin phi */
  real shrink;       /* 1/|v|^2: 1 for resnet */
  real side;         /* +1, or -1 where v has crossed v* or -v* an odd number of times */
} conv_state;

/* ---------------------------------------------------------------- the step */

#define CONV_SMALL_T (1.0 / 32) /* below it polynomials in t^2 stand for atan and the square root */

/* Angles to v* or -v* below CONV_TINY are put back to twice that. The error has no meaning at 1e-75; without a
   floor phi, phi^2 and phi^3 run into subnormal numbers, get stuck there, and every operation on them costs a
   hundred. CONV_FLOOR does the same for the length `perp`. */
#define CONV_TINY 1e-75
#define CONV_FLOOR 1e-150

/* v on the other side of v* (phi < 0) or of -v* (phi > pi), or all but on one of them */
BASIN_HD void conv_fold(conv_state *x) {
  const mask crossed = r_lt(x->sine, r_set(0.0));
  const mask far = m_and(crossed, r_lt(x->psi, r_set(0.0)));
  const mask near = m_and(crossed, m_not(far));
  x->sine = r_abs(x->sine);
  x->psi = r_select(near, r_set(2 * BASIN_PI) - x->psi, r_abs(x->psi));
  x->d3 = r_select(far, r_set(2 * BASIN_PI) - x->d3, r_abs(x->d3));
  x->side = r_select(crossed, r_set(0.0) - x->side, x->side);

  const real angle = r_set(2 * CONV_TINY);
  const mask tiny = r_lt(x->sine, r_set(CONV_TINY)), obtuse = r_lt(r_set(1.0), x->omc);
  const mask at_teacher = m_and(tiny, m_not(obtuse)), opposite = m_and(tiny, obtuse);
  x->sine = r_select(tiny, angle, x->sine);
  x->psi = r_select(opposite, angle, x->psi);
  x->omc = r_select(at_teacher, r_set(2 * CONV_TINY * CONV_TINY), x->omc);
  x->d3 = r_select(at_teacher, r_set(4.0 / 3 * CONV_TINY * CONV_TINY * CONV_TINY), x->d3);
}

/* one step of gradient descent; weight_norm: |v| grows (cnn), else it is reset to 1 (resnet) */
BASIN_HD void conv_step(const conv_cell *cell, const conv_rates *rate, conv_state *x,
                        int weight_norm) {
  const real one = r_set(1.0);

  /* what both gradients need: q = a'a*, h = pi - g, and the tangent of the turn */
  const real q = r_fma(r_set(cell->a1), x->e1, r_fma(r_set(cell->a2), x->e2, r_set(cell->norm2_a)));
  const real h = r_fma(x->psi, x->omc, x->d3);
  real pull = rate->rate_w * q;
  if (weight_norm) pull = pull * x->shrink;
  const real t = pull * (x->psi * x->sine);
  const real z = t * t;

  /* 1 - (1+z)^(-1/2) and (atan t / t - (1+z)^(-1/2)), both over z: relative error < 2^-47, that is
     2^-57 of the turned quantities */
  real u = r_set(-0x1.178227a91e4a2p-2);
  u = BASIN_HORNER(u, z, 0x1.3fffec581c88ep-2);
  u = BASIN_HORNER(u, z, -0x1.7fffffff04719p-2);
  u = BASIN_HORNER(u, z, 0x1.fffffffffffe1p-2);
  real w = r_set(-0x1.4bd312a7bbd7cp-3);
  w = BASIN_HORNER(w, z, 0x1.5b6d9e11c16a8p-3);
  w = BASIN_HORNER(w, z, -0x1.66666665292aap-3);
  w = BASIN_HORNER(w, z, 0x1.555555555552ep-3);
  real one_minus_y = z * u;
  real y = one - one_minus_y;
  real ty = t * y;
  real excess = (t * z) * w; /* atan t - t y */

  /* the same for large turns, lane by lane */
  const mask large = r_lt(r_set(CONV_SMALL_T * CONV_SMALL_T), z);
  if (BASIN_UNLIKELY(m_any(large))) {
    const real secant = r_sqrt(one + z);
    const real y_large = one / secant;
    y = r_select(large, y_large, y);
    one_minus_y = r_select(large, z / (secant * (one + secant)), one_minus_y);
    ty = r_select(large, t * y_large, ty);
    excess = r_select(large, r_atan(t) - t * y_large, excess);
  }

  /* turn the filter */
  const real sine = x->sine, cosine = one - x->omc;
  x->d3 = r_fnma(ty, x->omc, r_fma(one_minus_y, sine, x->d3)) - excess;
  x->sine = r_fnma(cosine, ty, r_fnma(one_minus_y, sine, sine));
  x->omc = r_fnma(sine, ty, r_fma(one_minus_y, cosine, x->omc));
  x->psi = x->psi + (ty + excess);
  if (weight_norm) x->shrink = x->shrink * (y * y);
  if (BASIN_UNLIKELY(m_any(r_lt(x->sine, r_set(CONV_TINY))))) conv_fold(x);

  /* move the output weights */
  x->e1 = r_fnma(rate->pull1, h, rate->keep1 * x->e1);
  x->e2 = r_fnma(rate->pull2, h, rate->keep2 * x->e2);
  x->perp = r_fma(rate->keep2, x->perp, r_set(CONV_FLOOR));
}

/* ---------------------------------------------------------------- outcomes */

BASIN_HD real conv_error2_a(const conv_state *x) {
  return r_fma(x->e1, x->e1, r_fma(x->e2, x->e2, x->perp * x->perp));
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
BASIN_HD void conv_decide(const conv_cell *cell, const conv_state *x,
                          mask outcome[BASIN_OUTCOMES]) {
  const real zero = r_set(0.0), norm2_a = r_set(cell->norm2_a), nu = r_set(cell->swing);
  const real q = r_fma(r_set(cell->a1), x->e1, r_fma(r_set(cell->a2), x->e2, norm2_a));
  const real h = r_fma(x->psi, x->omc, x->d3);
  const real bracket = (r_set(BASIN_PI - 1) - h) * norm2_a; /* (g-1) |a*|^2 */
  const real b = r_set(-cell->a1 * (double)cell->k) * x->e1;
  const real b_now = r_max(b, r_set(cell->swing > 0 ? -1 / cell->swing : -1e300) * b);
  const real turn = r_set(cell->rate_w_max * (BASIN_PI / 4)) * x->shrink;
  const real inverse = r_set(1 / (BASIN_PI - 1));

  const real b_global = r_max(b_now, r_set(cell->forcing) * h);
  const real q_global = r_max(q, r_fma(inverse, b_global, norm2_a));
  outcome[BASIN_GLOBAL] = m_and(m_and(r_lt(zero, q), r_lt(nu * b_global, bracket)),
                                r_le(turn * q_global, r_set(0.5)));

  const real b_spurious = r_max(b_now, r_set(cell->forcing * BASIN_PI));
  const real q_spurious = r_max(zero - q, inverse * r_fma(nu, b_spurious, norm2_a));
  outcome[BASIN_SPURIOUS] = m_and(m_and(r_lt(q, zero), r_le(b_spurious, zero - bracket)),
                                  r_le(turn * q_spurious, r_set(1.0)));

  outcome[BASIN_DIVERGED] = conv_unbounded(r_fma(r_set(2.0), x->omc, conv_error2_a(x)));
}

/* Tolerance rule: |a - a_o|^2 + |v/|v| - v_o|^2 <= tolerance, o either optimum (resnet-shortcut section 4).
   At the spurious one |v/|v| + v*|^2 = 2 (1 + cos phi) = 2 sin^2 phi / (1 - cos phi). */
BASIN_HD void conv_reached(const conv_cell *cell, const conv_state *x,
                           mask outcome[BASIN_OUTCOMES]) {
  const real tolerance = r_set(cell->tolerance);
  const real d1 = x->e1 - r_set(cell->e1_spurious), d2 = x->e2 - r_set(cell->e2_spurious);
  const real error2 = r_fma(d1, d1, r_fma(d2, d2, x->perp * x->perp)) - tolerance;
  const real distance2 = r_fma(r_set(2.0), x->omc, conv_error2_a(x));
  outcome[BASIN_GLOBAL] = r_le(distance2, tolerance);
  outcome[BASIN_SPURIOUS] = m_and(
      r_lt(r_set(1.0), x->omc),
      r_le(r_fma(error2, x->omc, (x->sine + x->sine) * x->sine), r_set(0.0)));
  outcome[BASIN_DIVERGED] = conv_unbounded(distance2);
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

BASIN_HD void conv_observe(const conv_cell *cell, const conv_state *x, real out[CONV_OBSERVED]) {
  const real q = r_fma(r_set(cell->a1), x->e1, r_fma(r_set(cell->a2), x->e2, r_set(cell->norm2_a)));
  const real h = r_fma(x->psi, x->omc, x->d3);
  const real error2 = conv_error2_a(x);
  const real sum = r_abs(r_set(sqrt((double)cell->k)) * x->e1);
  const real g1 = r_fma(r_set(cell->stiff), x->e1, h * r_set(cell->a1));
  const real g2 = r_fma(r_set(BASIN_PI - 1), x->e2, h * r_set(cell->a2));
  const real g3 = r_set(BASIN_PI - 1) * x->perp;
  const real half = r_set(1 / (2 * BASIN_PI));
  out[CONV_OBSERVE_loss] = r_set(1 / (4 * BASIN_PI)) *
                           r_fma(sum, sum, r_fma(r_set(BASIN_PI - 1), error2, r_set(2.0) * h * q));
  out[CONV_OBSERVE_phi] = x->sine + x->d3;
  out[CONV_OBSERVE_a_dot_a_star] = q;
  out[CONV_OBSERVE_error_a] = error2;
  out[CONV_OBSERVE_distance_a] = r_sqrt(error2);
  out[CONV_OBSERVE_error_sum] = sum;
  out[CONV_OBSERVE_error_w] = x->omc + x->omc;
  out[CONV_OBSERVE_norm_v] = r_set(1.0) / r_sqrt(x->shrink);
  out[CONV_OBSERVE_norm_grad_a] = half * r_sqrt(r_fma(g1, g1, r_fma(g2, g2, g3 * g3)));
  out[CONV_OBSERVE_norm_grad_v] = half * r_abs(q) * x->psi * x->sine * r_sqrt(x->shrink);
}

/* ---------------------------------------------------------------- initialisation */

enum { CONV_VECTOR_A = 0, CONV_VECTOR_V = 1 }; /* numbers of the initial vectors: random streams */

/* entries 2 block and 2 block + 1 of the drawn direction, or of the given vector (0 past its end) */
BASIN_HD void conv_entries(const conv_cell *cell, const conv_source *source, const double *data,
                           int vector, bits trial, int64_t block, real *x, real *y) {
  const int64_t j = 2 * block;
  if (source->kind == BASIN_GIVEN) {
    *x = r_set(data[source->value + j]);
    *y = r_set(j + 1 < source->length ? data[source->value + j + 1] : 0.0);
  } else {
    basin_normals(cell->key, BASIN_STREAM_DIRECTION + vector, trial, 0, (uint64_t)block, x, y);
    if (j + 1 >= source->length) *y = r_set(0.0);
  }
}

/* the factor that makes the drawn direction of squared length `norm2` the vector itself */
BASIN_HD real conv_factor(const conv_cell *cell, const conv_source *source, int vector, bits trial,
                          real norm2) {
  if (source->kind == BASIN_GIVEN) return r_set(1.0);
  if (source->kind == BASIN_NORMAL) return r_set(source->scale);
  real length = r_set(source->scale);
  if (source->kind == BASIN_BALL) {
    bits low, high;
    basin_words(cell->key, BASIN_STREAM_RADIUS + vector, trial, 0, 0, &low, &high);
    length = length * r_exp(r_log(r_uniform_positive(low)) * r_set(1.0 / (double)source->length));
  }
  return length / r_sqrt(norm2);
}

BASIN_HD void conv_start_a(const conv_cell *cell, const double *data, bits trial, conv_state *x) {
  const double *f2 = data + cell->f2;
  real sum = r_set(0.0), along = r_set(0.0), norm2 = r_set(0.0);
  for (int64_t j = 0; j < cell->k; j += 2) {
    real z0, z1;
    conv_entries(cell, &cell->initial_a, data, CONV_VECTOR_A, trial, j / 2, &z0, &z1);
    sum = sum + (z0 + z1);
    along = r_fma(z0, r_set(f2[j]), along);
    if (j + 1 < cell->k) along = r_fma(z1, r_set(f2[j + 1]), along);
    norm2 = r_fma(z1, z1, r_fma(z0, z0, norm2));
  }
  const real factor = conv_factor(cell, &cell->initial_a, CONV_VECTOR_A, trial, norm2);
  const real first = sum / r_set(sqrt((double)cell->k));
  const real rest2 = r_max(r_fnma(along, along, r_fnma(first, first, norm2)), r_set(0.0));
  const int spanned = cell->k == 1 ||
                      (cell->k == 2 && cell->a2 > 0); /* f1 and f2 are the whole space */
  x->e1 = r_fma(factor, first, r_set(-cell->a1));
  x->e2 = r_fma(factor, along, r_set(-cell->a2));
  x->perp = r_abs(factor) * r_sqrt(rest2);
  if (spanned) x->perp = r_set(0.0);
}

BASIN_HD void conv_start_v(const conv_cell *cell, const double *data, bits trial, conv_state *x,
                           int weight_norm) {
  const double *v_star = data + cell->teacher_v;
  const real shift = r_set(cell->shift);
  real z[2], factor = r_set(0.0), along = r_set(0.0), norm2 = r_set(0.0), rest2 = r_set(0.0);

  /* three passes over the same numbers: the drawn length, then v and v'v*, then |v - v* v'v*| */
  for (int pass = 0; pass < 3; pass++) {
    for (int64_t j = 0; j < cell->p; j += 2) {
      conv_entries(cell, &cell->initial_v, data, CONV_VECTOR_V, trial, j / 2, &z[0], &z[1]);
      for (int64_t i = 0; i < 2 && j + i < cell->p; i++) {
        const real v = r_fma(factor, z[i], shift), v_teacher = r_set(v_star[j + i]);
        const real rest = r_fnma(along, v_teacher, v);
        if (pass == 0) norm2 = r_fma(z[i], z[i], norm2);
        if (pass == 1) along = r_fma(v, v_teacher, along);
        if (pass == 2) rest2 = r_fma(rest, rest, rest2);
      }
    }
    if (pass == 0) factor = conv_factor(cell, &cell->initial_v, CONV_VECTOR_V, trial, norm2);
  }

  /* the angle, without loss of accuracy at either end */
  const real across = r_sqrt(rest2);
  const real length2 = r_fma(along, along, rest2), length = r_sqrt(length2);
  const real sine = across / length, cosine = along / length, phi = r_angle(across, along);
  const mask acute = r_lt(r_set(0.0), cosine);
  x->sine = sine;
  x->omc = r_select(acute, (sine * sine) / (r_set(1.0) + r_abs(cosine)), r_set(1.0) - cosine);
  x->psi = r_angle(across, r_set(0.0) - along);
  x->d3 = r_phi_minus_sin(phi);
  x->shrink = r_set(1.0);
  if (weight_norm) x->shrink = x->shrink / length2;
  x->side = r_set(1.0);
}

/* ---------------------------------------------------------------- host: constants of a cell */

/* what is wrong with the vectors, or NULL; *where names the offending key of the experiment */
static inline const char *conv_check(const basin_setting *setting, const char **where) {
  const basin_vector *a_star = &setting->teacher[0], *v_star = &setting->teacher[1];
  double norm2_a = 0, norm2_v = 0;
  for (int64_t j = 0; j < a_star->length; j++) norm2_a += a_star->value[j] * a_star->value[j];
  for (int64_t j = 0; j < v_star->length; j++) norm2_v += v_star->value[j] * v_star->value[j];
  *where = "teacher.a";
  if (!(norm2_a > 0)) return "the teacher's a must not be zero";
  *where = "teacher.v";
  if (!(fabs(norm2_v - 1) <= 1e-9))
    return "the teacher's v must have length 1 (the papers assume |v*| = 1)";
  return NULL;
}

static inline int64_t conv_data_size(const basin_setting *setting) {
  return 3 * setting->teacher[0].length + 2 * setting->teacher[1].length;
}

/* copy the given values behind those already there; return their offset */
static inline int64_t conv_put(double *data, int64_t *used, const double *value, int64_t length) {
  const int64_t offset = *used;
  for (int64_t j = 0; j < length; j++) data[offset + j] = value ? value[j] : 0.0;
  *used += length;
  return offset;
}

static inline conv_source conv_put_source(double *data, int64_t *used, const basin_vector *vector) {
  conv_source source = {0};
  source.kind = (int)vector->source;
  source.length = vector->length;
  source.scale = vector->scale;
  source.value = conv_put(data, used, vector->value, vector->length);
  return source;
}

/* constants of a checked cell; shift: see conv_cell */
static inline void conv_prepare(const basin_setting *setting, double shift, conv_cell *cell,
                                double *data) {
  const basin_vector *a_star = &setting->teacher[0], *v_star = &setting->teacher[1];
  int64_t used = 0;
  memset(cell, 0, sizeof *cell);
  cell->k = a_star->length;
  cell->p = v_star->length;
  cell->key = setting->key;
  cell->shift = shift;
  cell->teacher_a = conv_put(data, &used, a_star->value, cell->k);
  cell->teacher_v = conv_put(data, &used, v_star->value, cell->p);
  cell->initial_a = conv_put_source(data, &used, &setting->initial[0]);
  cell->initial_v = conv_put_source(data, &used, &setting->initial[1]);

  /* a* in the directions f1 and f2; f2 is zero where a* is a multiple of 1 */
  double sum = 0, rest2 = 0, mean;
  for (int64_t j = 0; j < cell->k; j++) sum += a_star->value[j];
  mean = sum / (double)cell->k;
  cell->f2 = conv_put(data, &used, NULL, cell->k);
  for (int64_t j = 0; j < cell->k; j++) {
    const double rest = a_star->value[j] - mean;
    data[cell->f2 + j] = rest;
    rest2 += rest * rest;
  }
  cell->a1 = sum / sqrt((double)cell->k);
  cell->a2 = sqrt(rest2);
  if (cell->a2 <= 1e-14 * fabs(cell->a1)) cell->a2 = 0;
  for (int64_t j = 0; j < cell->k; j++)
    data[cell->f2 + j] = cell->a2 > 0 ? data[cell->f2 + j] / cell->a2 : 0.0;

  cell->norm2_a = cell->a1 * cell->a1 + cell->a2 * cell->a2;
  cell->stiff = (double)cell->k + (BASIN_PI - 1);
  cell->e1_spurious = -BASIN_PI * cell->a1 / cell->stiff;
  cell->e2_spurious = -BASIN_PI * cell->a2 / (BASIN_PI - 1);
  cell->tolerance = setting->stop.tolerance;

  /* the early rule's conditions on the step sizes, see conv_decide() */
  const basin_stage *last = &setting->stage[setting->stages - 1];
  double c = 0;
  for (int i = 0; i < setting->stages; i++) {
    c = fmax(c, setting->stage[i].eta[0] / (2 * BASIN_PI));
    cell->rate_w_max = fmax(cell->rate_w_max, setting->stage[i].eta[1] / (2 * BASIN_PI));
  }
  cell->swing = fmax(0, c * cell->stiff - 1);
  cell->forcing = sum * sum / (cell->stiff * (1 - cell->swing));
  if (!(cell->swing < 1) || !(c * (BASIN_PI - 1) < 1) || !(last->eta[0] > 0) || !(last->eta[1] > 0))
    cell->rate_w_max = INFINITY;
}

static inline void conv_stage_prepare(const conv_cell *cell, const double *eta, conv_stage *stage) {
  const double c = eta[0] / (2 * BASIN_PI);
  stage->keep1 = 1 - c * cell->stiff;
  stage->keep2 = 1 - c * (BASIN_PI - 1);
  stage->pull1 = c * cell->a1;
  stage->pull2 = c * cell->a2;
  stage->rate_w = eta[1] / (2 * BASIN_PI);
}

#if BASIN_LANES == 1 && !defined(__CUDACC__)
/* Full vectors of one trial from its state: out = [a (k), v (p)]. `now` is the state at some step;
   v_t stays in the plane of v_0 and v*, a_t - a* in span{a_0 - a*, 1, a*}. */
static inline void conv_vectors(const conv_cell *cell, const double *data, uint64_t trial,
                                const conv_state *now, int weight_norm, double *out) {
  conv_state start;
  conv_start_a(cell, data, trial, &start);
  conv_start_v(cell, data, trial, &start, weight_norm);
  double *a = out, *v = out + cell->k;
  const double *f2 = data + cell->f2, *v_star = data + cell->teacher_v;

  /* the drawn directions */
  double norm2_a = 0, norm2_v = 0;
  for (int64_t j = 0; j < cell->k; j += 2) {
    double unused, *second = j + 1 < cell->k ? &a[j + 1] : &unused;
    conv_entries(cell, &cell->initial_a, data, CONV_VECTOR_A, trial, j / 2, &a[j], second);
    norm2_a = r_fma(*second * (second != &unused), *second, r_fma(a[j], a[j], norm2_a));
  }
  for (int64_t j = 0; j < cell->p; j += 2) {
    double unused = 0, *second = j + 1 < cell->p ? &v[j + 1] : &unused;
    conv_entries(cell, &cell->initial_v, data, CONV_VECTOR_V, trial, j / 2, &v[j], second);
    norm2_v = r_fma(*second, *second, r_fma(v[j], v[j], norm2_v));
  }

  /* a_t = a* + e1 f1 + e2 f2 + (perp_t / perp_0) (rest of a_0 - a*) */
  const double factor_a = conv_factor(cell, &cell->initial_a, CONV_VECTOR_A, trial, norm2_a);
  const double kept = start.perp > 0 ? now->perp / start.perp : 0.0, root = sqrt((double)cell->k);
  for (int64_t j = 0; j < cell->k; j++) {
    const double a_star = data[cell->teacher_a + j];
    const double rest = factor_a * a[j] - a_star - start.e1 / root - start.e2 * f2[j];
    a[j] = a_star + now->e1 / root + now->e2 * f2[j] + kept * rest;
  }

  /* v_t = |v| (cos phi v* + side sin phi n), n the unit vector of v_0 - v* v*'v_0 */
  const double factor_v = conv_factor(cell, &cell->initial_v, CONV_VECTOR_V, trial, norm2_v);
  double along = 0, rest2 = 0;
  for (int64_t j = 0; j < cell->p; j++) {
    v[j] = r_fma(factor_v, v[j], cell->shift);
    along = r_fma(v[j], v_star[j], along);
  }
  for (int64_t j = 0; j < cell->p; j++) {
    v[j] = r_fnma(along, v_star[j], v[j]);
    rest2 = r_fma(v[j], v[j], rest2);
  }
  const double length = 1 / sqrt(now->shrink), across = sqrt(rest2);
  for (int64_t j = 0; j < cell->p; j++) {
    const double n = across > 0 ? v[j] / across : 0.0;
    v[j] = length * ((1 - now->omc) * v_star[j] + now->side * now->sine * n);
  }
}
#endif

#endif
