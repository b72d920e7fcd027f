/* SPDX-License-Identifier: MIT
 *
 * functions.h: elementary functions for every argument: what a formula that a scientist wrote is made of. As those of
 * dmath.h they are branch-free and have the same bits under every compiler and instruction set:
 *
 *   const real y = r_exp_total(r_set(1000.0));      infinity, where r_exp has garbage
 *
 * Each is right for every double, infinities, zeros, subnormals and NaN too. It is NaN, always the same NaN, where it
 * is undefined and where an argument is NaN; the sign of a zero is C's. The largest errors found by
 * tests/unit/test_dmath.c, which fails beyond these bounds, in units in the last place (of a subnormal result: of it):
 *
 *   r_exp_total(x)       1.00 ulp   r_exp where that is defined, bit for bit
 *   r_log_total(x)       0.85 ulp   likewise
 *   r_expm1(x)           0.85 ulp
 *   r_log1p(x)           0.90 ulp
 *   r_sin(x), r_cos(x)   0.95 ulp   |x| <= 2^40, NaN beyond
 *   r_tan(x)             1.10 ulp   likewise
 *   r_asin(x), r_acos(x) 0.70 ulp
 *   r_atan_total(x)      1.40 ulp   r_atan where that is defined, bit for bit
 *   r_atan2(y, x)        1.40 ulp
 *   r_tanh(x)            0.80 ulp
 *   r_erf_total(x)       1.25 ulp   r_erf, but for NaN
 *   r_logistic(x)        0.80 ulp   1 / (1 + e^-x)
 *   r_softplus(x)        0.90 ulp   log(1 + e^x)
 *   r_pow(x, y)          0.90 ulp   x^y; of all pairs what C's pow says
 *   r_floor(x)           exact
 *
 * r_sqrt and r_abs of real.h are right for every argument as they are.
 */
#ifndef BASIN_NUMERIC_FUNCTIONS_H
#define BASIN_NUMERIC_FUNCTIONS_H

#include "numeric/dmath.h"

#define BASIN_ANGLE_MAX 0x1p40 /* of r_sin, r_cos and r_tan */
#define BASIN_DOUBLE_MAX 0x1.fffffffffffffp+1023

BASIN_HD real r_infinity(void) { return r_from_bits(b_set(0x7ff0000000000000u)); }
BASIN_HD mask r_equal(real a, real b) { return m_and(r_le(a, b), r_le(b, a)); }

/* y where `defined`, else the one NaN */
BASIN_HD real r_where(mask defined, real y) {
  return r_select(defined, y, r_from_bits(b_set(0x7ff8000000000000u)));
}

/* x between the two, and NaN as it is */
BASIN_HD real r_clamp(real low, real x, real high) { return r_max(low, r_min(high, x)); }

/* y with its sign turned where s is negative, or -0 */
BASIN_HD real r_sign_times(real y, real s) {
  return r_from_bits(r_bits(y) ^ (r_bits(s) & b_set(0x8000000000000000u)));
}

/* y 2^n in two factors, neither of which overflows on its own */
BASIN_HD real r_scale2_far(real y, real n) {
  const real half = r_nearest(r_set(0.5) * n);
  return r_scale2(r_scale2(y, half), n - half);
}

/* the largest whole number that is not above x */
BASIN_HD real r_floor(real x) {
  const real a = r_abs(x);
  const real near = r_copysign((a + r_set(0x1p52)) - r_set(0x1p52), x);
  const real below = near - r_select(r_lt(x, near), r_set(1.0), r_set(0.0));
  return r_where(r_le(x, x), r_select(r_lt(a, r_set(0x1p52)), r_copysign(below, x), x));
}

/* ---- exponentials ---- */

/* e^(x + low) = 2^n (1 + r + rest), |r| <= 0.35, |rest| <= 0.07, for |x| <= 800; low is at most 2^-40, and `rest` right
   to some 2^-57 */
BASIN_HD void r_exp_parts(real x, real low, real *n, real *r, real *rest) {
  *n = r_nearest(x * BASIN_LITERAL(0x1.71547652b82fep+0));
  const real high = r_fma(*n, BASIN_LITERAL(-BASIN_LOG2), x); /* exact */
  const real first = r_fma(*n, BASIN_LITERAL(-BASIN_LOG2_LOW), high);
  const real second = r_fma(*n, BASIN_LITERAL(-BASIN_LOG2_LOW), high - first) + low;
  *r = first + second;
  const real left = (first - *r) + second;
  *rest = r_fma(*r * *r, r_exp_curve(*r), r_fma(left, *r, left));
}

/* e^-|x| = high + low */
BASIN_HD void r_exp_below(real x, real *high, real *low) {
  real n, r, rest;
  r_exp_parts(r_max(r_set(-746.0), r_set(0.0) - r_abs(x)), r_set(0.0), &n, &r, &rest);
  const real one = r_set(1.0) + r, more = ((r_set(1.0) - one) + r) + rest, y = one + more;
  *high = r_scale2_far(y, n);
  *low = r_scale2_far((one - y) + more, n);
}

/* e^x - 1 = 2^n (high + low), for -40 <= x <= 710 */
BASIN_HD void r_expm1_parts(real x, real *n, real *high, real *low) {
  real r, rest;
  r_exp_parts(x, r_set(0.0), n, &r, &rest);
  const real one = r_set(1.0), power = r_scale2(one, r_set(0.0) - r_min(r_set(64.0), *n));
  const real c = one - power, back = c - one, c_low = (one - (c - back)) - (power + back);
  const real sum = c + r, more = (((c - sum) + r) + rest) + c_low;
  *high = sum + more;
  *low = (sum - *high) + more;
}

/* (a + a_low) / (b + b_low) */
BASIN_HD real r_quotient(real a, real a_low, real b, real b_low) {
  const real q = a / b;
  return q + (r_fnma(q, b, a) + r_fnma(q, b_low, a_low)) / b;
}

/* e^x */
BASIN_HD real r_exp_total(real x) {
  return r_where(r_le(x, x), r_exp(r_clamp(r_set(-746.0), x, r_set(710.0))));
}

/* e^x - 1 */
BASIN_HD real r_expm1(real x) {
  real n, high, low;
  r_expm1_parts(r_clamp(r_set(-40.0), x, r_set(710.0)), &n, &high, &low);
  return r_where(r_le(x, x), r_copysign(r_scale2_far(high, n), x));
}

/* hyperbolic tangent: with t = e^(-2|x|) - 1 it is -t / (2 + t), with the sign of x */
BASIN_HD real r_tanh(real x) {
  real n, high, low;
  r_expm1_parts(r_max(r_set(-40.0), r_set(-2.0) * r_abs(x)), &n, &high, &low);
  const real t = r_scale2(high, n), t_low = r_scale2(low, n);
  const real d = r_set(2.0) + t;
  const real y = r_quotient(t, t_low, d, ((r_set(2.0) - d) + t) + t_low);
  return r_where(r_le(x, x), r_copysign(y, x));
}

/* 1 / (1 + e^-x) */
BASIN_HD real r_logistic(real x) {
  real e, low;
  r_exp_below(x, &e, &low);
  const mask right = r_le(r_set(0.0), x);
  const real d = r_set(1.0) + e, d_low = ((r_set(1.0) - d) + e) + low;
  const real y = r_quotient(r_select(right, r_set(1.0), e), r_select(right, r_set(0.0), low), d,
                            d_low);
  return r_where(r_le(x, x), y);
}

/* ---- logarithms ---- */

/* log x */
BASIN_HD real r_log_total(real x) {
  const mask tiny = r_lt(x, r_set(0x1p-1022));
  const real y = r_log(r_select(tiny, x * r_set(0x1p54), x)) -
                 r_select(tiny, BASIN_LITERAL(54 * 0x1.62e42fefa39efp-1), r_set(0.0));
  const real finite = r_select(r_lt(x, r_infinity()), y, x);
  const real low = r_select(r_lt(r_set(0.0), x), finite, r_set(0.0) - r_infinity());
  return r_where(r_le(r_set(0.0), x), low);
}

/* log(1 + x + low) for x > -1 and |low| far smaller than x */
BASIN_HD real r_log1p_parts(real x, real low) {
  real e, m, half_square, tail;
  const real u = r_set(1.0) + x, back = u - r_set(1.0);
  const real left = (r_set(1.0) - (u - back)) + (x - back); /* 1 + x = u + left */
  r_log_split(u, &e, &m);
  const mask near = r_lt(r_abs(e), r_set(0.5)); /* there x itself is f */
  const real f = r_select(near, x, m - r_set(1.0));
  r_log_parts_of(1, &e, &f, &half_square, &tail);
  tail = tail + (r_select(near, r_set(0.0), left) + low) / u;
  return e * BASIN_LITERAL(BASIN_LOG2) + (f - (half_square - tail));
}

/* log(1 + x) */
BASIN_HD real r_log1p(real x) {
  const real y = r_copysign(r_log1p_parts(x, r_set(0.0)), x);
  const real finite = r_select(r_lt(x, r_infinity()), y, x);
  const real low = r_select(r_lt(r_set(-1.0), x), finite, r_set(0.0) - r_infinity());
  return r_where(r_le(r_set(-1.0), x), low);
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
BASIN_HD real r_softplus(real x) {
  real e, low;
  r_exp_below(x, &e, &low);
  return r_where(r_le(x, x), r_max(x, r_set(0.0)) + r_log1p_parts(e, low));
}

/* ---- angles ---- */

/* |x| = n pi/2 + r + low for |x| <= BASIN_ANGLE_MAX: pi/2 in three parts. No double up to there is nearer than 2^-61 to
   a multiple of pi/2, and low is right to 2^-119 */
BASIN_HD void r_quarters(real x, real *n, real *r, real *low) {
  const real a = r_abs(x);
  *n = r_nearest(a * BASIN_LITERAL(0x1.45f306dc9c883p-1));
  const real high = r_fma(*n, BASIN_LITERAL(-0x1.921fb54442d18p+0), a); /* exact */
  const real part = *n * BASIN_LITERAL(0x1.1a62633145c07p-54);
  const real part_low = r_fma(*n, BASIN_LITERAL(0x1.1a62633145c07p-54), r_set(0.0) - part);
  const real first = high - part, back = first - high;
  const real left = (high - (first - back)) - (part + back);
  const real rest = r_fma(*n, BASIN_LITERAL(0x1.f1976b7ed8fbcp-110), left - part_low);
  *r = first + rest;
  *low = (first - *r) + rest;
}

/* sin x and cos x */
BASIN_HD void r_sincos_total(real x, real *sine, real *cosine) {
  const mask defined = r_le(r_abs(x), r_set(BASIN_ANGLE_MAX));
  real n, r, low;
  r_quarters(x, &n, &r, &low);
  r_sincos_reduced_of(1, &n, &r, &low, sine, cosine);
  *sine = r_where(defined, r_sign_times(*sine, x));
  *cosine = r_where(defined, *cosine);
}

BASIN_HD real r_sin(real x) {
  real sine, cosine;
  r_sincos_total(x, &sine, &cosine);
  return sine;
}

BASIN_HD real r_cos(real x) {
  real sine, cosine;
  r_sincos_total(x, &sine, &cosine);
  return cosine;
}

/* tan x: a polynomial up to pi/4, and -1 over it behind an odd number of quarter turns */
BASIN_HD real r_tan(real x) {
  real n, r, low;
  r_quarters(x, &n, &r, &low);
  const real z = r * r;
  real p = r_set(0x1.092f1883e0cfdp-18);
  p = BASIN_HORNER(p, z, -0x1.4749d92c06fdep-17);
  p = BASIN_HORNER(p, z, 0x1.48116887c2b11p-16);
  p = BASIN_HORNER(p, z, -0x1.56dcce8ff2d2cp-17);
  p = BASIN_HORNER(p, z, 0x1.c714ce9ce52a5p-16);
  p = BASIN_HORNER(p, z, 0x1.1c8a9231db3dbp-15);
  p = BASIN_HORNER(p, z, 0x1.9e47ded911e62p-14);
  p = BASIN_HORNER(p, z, 0x1.f481f28ebdb50p-13);
  p = BASIN_HORNER(p, z, 0x1.35639dca8ce31p-11);
  p = BASIN_HORNER(p, z, 0x1.7da2a5f5df9acp-10);
  p = BASIN_HORNER(p, z, 0x1.d6d3d95f32efbp-9);
  p = BASIN_HORNER(p, z, 0x1.226e353eb25ccp-7);
  p = BASIN_HORNER(p, z, 0x1.664f488350075p-6);
  p = BASIN_HORNER(p, z, 0x1.ba1ba1ba1a503p-5);
  p = BASIN_HORNER(p, z, 0x1.111111111111bp-3);
  p = BASIN_HORNER(p, z, 0x1.5555555555555p-2);
  const real bend = z * r * p, t = r + bend;
  const real rest = ((r - t) + bend) + r_fma(low * t, t, low); /* tan' = 1 + tan^2 */
  const real q = r_set(1.0) / t;
  const real turned = r_fma(q, r_fnma(q, t, r_set(1.0)) - q * rest, q);
  const bits odd = (r_bits(n + r_set(0x1.8p52)) & b_set(1)) << 62;
  const real y = r_select(r_lt(r_set(0.0), r_from_bits(odd)), r_set(0.0) - turned, t + rest);
  return r_where(r_le(r_abs(x), r_set(BASIN_ANGLE_MAX)), r_sign_times(y, x));
}

/* asin s = s + tail, and for |x| > 1/2, where `far`, acos |x| = 2 (s + tail): s = |x| or sqrt((1 - |x|) / 2) */
BASIN_HD void r_arc_parts(real x, mask *far, real *s, real *tail) {
  const real a = r_abs(x);
  *far = r_lt(r_set(0.5), a);
  const real z = r_select(*far, r_fma(r_set(-0.5), a, r_set(0.5)), a * a);
  const real root = r_sqrt(z);
  const real left = r_fnma(root, root, z) / r_max(root + root, r_set(0x1p-1000));
  real p = r_set(0x1.e58a4f278e007p-6);
  p = BASIN_HORNER(p, z, -0x1.3bd7e353ddbc2p-6);
  p = BASIN_HORNER(p, z, 0x1.40c91fa8deb7ep-6);
  p = BASIN_HORNER(p, z, 0x1.8dcdf11997e0fp-9);
  p = BASIN_HORNER(p, z, 0x1.31777489dfd29p-7);
  p = BASIN_HORNER(p, z, 0x1.3b462d121c5d2p-7);
  p = BASIN_HORNER(p, z, 0x1.7b02ef007d23ep-7);
  p = BASIN_HORNER(p, z, 0x1.c990a42b32b03p-7);
  p = BASIN_HORNER(p, z, 0x1.1c4efd20ebb99p-6);
  p = BASIN_HORNER(p, z, 0x1.6e8ba121b9d5fp-6);
  p = BASIN_HORNER(p, z, 0x1.f1c71c7a5e151p-6);
  p = BASIN_HORNER(p, z, 0x1.6db6db6dac0eap-5);
  p = BASIN_HORNER(p, z, 0x1.3333333333389p-4);
  p = BASIN_HORNER(p, z, 0x1.5555555555555p-3);
  *s = r_select(*far, root, a);
  *tail = r_fma(*s * z, p, r_select(*far, left, r_set(0.0)));
}

/* base + base_low - times (s + tail), where base is 0 or larger than the rest */
BASIN_HD real r_arc(real base, real base_low, real times, real s, real tail) {
  const real part = times * s, y = base - part;
  return y + (((base - y) - part) - (times * tail - base_low));
}

/* arc sine */
BASIN_HD real r_asin(real x) {
  mask far;
  real s, tail;
  r_arc_parts(x, &far, &s, &tail);
  const real y = r_arc(r_select(far, BASIN_LITERAL(BASIN_PI / 2), r_set(0.0)),
                       r_select(far, BASIN_LITERAL(BASIN_PI_LOW / 2), r_set(0.0)),
                       r_select(far, r_set(2.0), r_set(-1.0)), s, tail);
  return r_where(r_le(r_abs(x), r_set(1.0)), r_copysign(y, x));
}

/* arc cosine: pi/2 - asin x, or beyond 1/2 twice the arc, or pi minus that */
BASIN_HD real r_acos(real x) {
  mask far;
  real s, tail;
  r_arc_parts(x, &far, &s, &tail);
  const mask left = r_lt(x, r_set(0.0));
  const real end = r_select(left, BASIN_LITERAL(BASIN_PI), r_set(0.0));
  const real end_low = r_select(left, BASIN_LITERAL(BASIN_PI_LOW), r_set(0.0));
  const real sign = r_copysign(r_set(1.0), x);
  const real y = r_arc(r_select(far, end, BASIN_LITERAL(BASIN_PI / 2)),
                       r_select(far, end_low, BASIN_LITERAL(BASIN_PI_LOW / 2)),
                       r_select(far, r_set(-2.0) * sign, sign), s, tail);
  return r_where(r_le(r_abs(x), r_set(1.0)), y);
}

/* arc tangent */
BASIN_HD real r_atan_total(real x) {
  return r_where(r_le(x, x), r_atan(r_clamp(r_set(-BASIN_DOUBLE_MAX), x, r_set(BASIN_DOUBLE_MAX))));
}

/* the angle between the positive x axis and (x, y), in [-pi, pi] */
BASIN_HD real r_atan2(real y, real x) {
  /* beside an infinite coordinate a finite one is 0; tiny coordinates are made larger */
  real ax = r_abs(x), ay = r_abs(y);
  const real largest = r_set(BASIN_DOUBLE_MAX);
  const mask infinite = r_lt(largest, r_max(ax, ay));
  const real scale = r_select(r_lt(r_max(ax, ay), r_set(0x1p-900)), r_set(0x1p200), r_set(1.0));
  ax = r_select(m_and(infinite, r_le(ax, largest)), r_set(0.0), r_min(ax, largest) * scale);
  ay = r_select(m_and(infinite, r_le(ay, largest)), r_set(0.0), r_min(ay, largest) * scale);
  const real angle = r_angle_at(ay, ax, r_lt(r_copysign(r_set(1.0), x), r_set(0.0)));
  return r_where(m_and(r_le(x, x), r_le(y, y)), r_copysign(angle, y));
}

/* error function */
BASIN_HD real r_erf_total(real x) { return r_where(r_le(x, x), r_erf(x)); }

/* ---- powers ---- */

/* log x = high + low for a positive, finite x, right to 2^-65 of it: 2 s + s^3 (2/3 + s^2 q(s^2)), s = f / (2 + f), in
   pairs of doubles but for q */
BASIN_HD void r_log_pair(real x, real *high, real *low) {
  const mask tiny = r_lt(x, r_set(0x1p-1022));
  real e, m;
  r_log_split(r_select(tiny, x * r_set(0x1p54), x), &e, &m);
  e = e - r_select(tiny, r_set(54.0), r_set(0.0));
  const real f = m - r_set(1.0), d = r_set(2.0) + f, d_low = (r_set(2.0) - d) + f;
  const real s = f / d, s_low = (r_fnma(s, d, f) - s * d_low) / d;
  const real z = s * s, z_low = r_fma(s + s, s_low, r_fma(s, s, r_set(0.0) - z));
  real q = r_set(0x1.e032e4d8436a1p-4);
  q = BASIN_HORNER(q, z, 0x1.df7c5bc7c7563p-4);
  q = BASIN_HORNER(q, z, 0x1.1118c9ee5b8a4p-3);
  q = BASIN_HORNER(q, z, 0x1.3b1395c881220p-3);
  q = BASIN_HORNER(q, z, 0x1.745d177aad02ap-3);
  q = BASIN_HORNER(q, z, 0x1.c71c71c6ea871p-3);
  q = BASIN_HORNER(q, z, 0x1.2492492492522p-2);
  q = BASIN_HORNER(q, z, 0x1.999999999999ap-2);
  const real more = r_fma(z, q, BASIN_LITERAL(0x1.5555555555555p-55));
  const real c = BASIN_LITERAL(0x1.5555555555555p-1) + more;
  const real c_low = (BASIN_LITERAL(0x1.5555555555555p-1) - c) + more;
  const real p = z * c, p_low = r_fma(z, c, r_set(0.0) - p) + r_fma(z, c_low, z_low * c);
  const real g = r_set(2.0) + p, g_low = ((r_set(2.0) - g) + p) + p_low;
  const real l = s * g, l_low = r_fma(s, g, r_set(0.0) - l) + r_fma(s, g_low, s_low * g);
  const real whole = e * BASIN_LITERAL(BASIN_LOG2), sum = whole + l; /* |whole| >= |l|, or 0 */
  const real rest = ((whole - sum) + l) + r_fma(e, BASIN_LITERAL(BASIN_LOG2_LOW), l_low);
  *high = sum + rest;
  *low = (sum - *high) + rest;
}

/* whether a number that is not negative is a whole one; infinity is, NaN is not */
BASIN_HD mask r_is_whole(real a) {
  return m_or(r_le(r_set(0x1p52), a), r_equal((a + r_set(0x1p52)) - r_set(0x1p52), a));
}

/* x^y for a finite x > 0 */
BASIN_HD real r_pow_positive(real x, real y) {
  real high, low, n, r, rest;
  r_log_pair(x, &high, &low);
  const real p = y * high, p_low = r_fma(y, high, r_set(0.0) - p) + y * low;
  const mask far = r_lt(r_set(800.0), r_abs(p));
  r_exp_parts(r_clamp(r_set(-800.0), p, r_set(800.0)), r_select(far, r_set(0.0), p_low), &n, &r,
              &rest);
  const real one = r_set(1.0) + r;
  return r_scale2_far(one + (((r_set(1.0) - one) + r) + rest), n);
}

/* x^y, as C's pow */
BASIN_HD real r_pow(real x, real y) {
  const real zero = r_set(0.0), a = r_abs(x), b = r_abs(y);
  const mask whole = r_is_whole(b), odd = m_and(whole, m_not(r_is_whole(r_set(0.5) * b)));
  const mask none = r_equal(a, zero), endless = r_equal(a, r_infinity());
  real z = r_pow_positive(a, y);
  z = r_select(none, r_select(r_lt(y, zero), r_infinity(), zero), z);
  z = r_select(endless, r_select(r_lt(y, zero), zero, r_infinity()), z);
  z = r_sign_times(z, r_select(odd, x, zero));

  /* a negative base, finite, has whole powers alone; and 1^y, x^0 and (-1)^infinity are 1 */
  const mask roots = m_and(m_and(r_lt(x, zero), m_not(endless)), m_not(whole));
  const mask ordered = m_and(r_le(x, x), r_le(y, y));
  const mask unit = m_and(r_equal(a, r_set(1.0)), r_equal(b, r_infinity()));
  const mask one = m_or(m_or(r_equal(y, zero), r_equal(x, r_set(1.0))), unit);
  return r_select(one, r_set(1.0), r_where(m_and(ordered, m_not(roots)), z));
}

#endif
