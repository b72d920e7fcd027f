/* SPDX-License-Identifier: MIT
 *
 * dmath.h: elementary functions with the same bits under every compiler and instruction set.
 *
 * Branch-free, built only from correctly rounded operations in a written order. The polynomials are
 * Chebyshev interpolants computed in 300-bit arithmetic (tests/tools/dmath_fit.py prints every coefficient
 * below). tests/unit/test_dmath.c compares each function with binary128 on a hundred thousand to millions of
 * arguments and fails if the largest error leaves the bound that is stated here, in units in the last place:
 *
 *   r_log(x)             0.85 ulp   x positive and normal
 *   r_exp(x)             1.00 ulp   -708 <= x <= 709
 *   r_sincospi(x)        1.05 ulp   |x| <= 2^31, both results
 *   r_sincos(x)          0.95 ulp   |x| <= 1e5, both results
 *   r_atan(x)            1.40 ulp   x finite
 *   r_angle(y, x)        1.40 ulp   the angle of (x, y), y >= 0, both finite: in [0, pi]
 *   r_erf(x)             1.25 ulp   x finite
 *   r_erfinv(x)          2.50 ulp   |x| < 1
 *
 * Outside the stated domain the result is finite garbage or NaN, never a trap. Callers that face
 * users (host/read/expression.c) check the domain first. functions.h has functions for every argument.
 */
#ifndef BASIN_NUMERIC_DMATH_H
#define BASIN_NUMERIC_DMATH_H

#include "numeric/real.h"

#define BASIN_PI 3.14159265358979311600e+00     /* pi rounded to double */
#define BASIN_PI_LOW 1.22464679914735317723e-16 /* pi - BASIN_PI */

/* One Horner step; `rare` as in real.h. The first coefficient of a chain is no BASIN_LITERAL: an fma has one operand in
   uniform registers, and the other literal would take two of a thread's own. */
#define BASIN_HORNER(p, x, c) r_fma(p, x, BASIN_LITERAL(c))
#define BASIN_HORNER_UNLESS(rare, p, x, c) r_fma(p, x, BASIN_LITERAL_UNLESS(rare, c))

/* The functions whose names end with _of are those of `count` values, a constant up to BASIN_ABREAST: a chain waits for
   itself, but those of several values fill each other's gaps, and load each coefficient once. */
enum { BASIN_ABREAST = 2 * BASIN_TOGETHER };
#define BASIN_HORNER_OF(count, p, x, c)                                                     \
  do {                                                                                      \
    BASIN_UNROLL                                                                            \
    for (int of_i = 0; of_i < (count); of_i++) p[of_i] = BASIN_HORNER(p[of_i], x[of_i], c); \
  } while (0)

/* the integer nearest to x, ties to even; |x| < 2^51 */
BASIN_HD real r_nearest(real x) {
  const real magic = r_set(0x1.8p52);
  return (x + magic) - magic;
}

/* x * 2^n for an integer-valued n; the result must be normal */
BASIN_HD real r_scale2(real x, real n) {
  const bits exponent = r_bits(n + r_set(0x1.8p52 + 1023)) << 52;
  return x * r_from_bits(exponent);
}

/* x = 2^e m with m in [sqrt(1/2), sqrt(2)), x positive and normal: the exponent's boundary is shifted to sqrt(1/2) */
BASIN_HD void r_log_split(real x, real *e, real *m) {
  const bits shifted = r_bits(x) + b_set(0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
  *e = r_from_bits((shifted >> 52) | b_set(0x4330000000000000u)) - r_set(0x1p52 + 1023);
  *m = r_from_bits((shifted & b_set(0x000fffffffffffffu)) + b_set(0x3fe6a09e667f3bcdu));
}

/* the high part of log 2 has 42 bits, so a whole number times it is exact */
#define BASIN_LOG2 0x1.62e42fefa38p-1
#define BASIN_LOG2_LOW 0x1.ef35793c76730p-45

/* log(2^e (1 + f)) = e BASIN_LOG2 + (f - (half_square - tail)), 1 + f as m above */
BASIN_HD void r_log_parts_of(int count, const real *e, const real *f, real *half_square,
                             real *tail) {
  /* log m = 2 atanh s = 2s + s R(s^2), s = f / (2 + f), written so that f itself enters exactly */
  real s[BASIN_ABREAST], z[BASIN_ABREAST], p[BASIN_ABREAST];
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    s[i] = f[i] / (r_set(2.0) + f[i]);
    z[i] = s[i] * s[i];
    p[i] = r_set(0x1.2b5b5fb2eac92p-3);
  }
  BASIN_HORNER_OF(count, p, z, 0x1.39fe208c33457p-3);
  BASIN_HORNER_OF(count, p, z, 0x1.7462b69705382p-3);
  BASIN_HORNER_OF(count, p, z, 0x1.c71c62debf86bp-3);
  BASIN_HORNER_OF(count, p, z, 0x1.2492492df6947p-2);
  BASIN_HORNER_OF(count, p, z, 0x1.99999999952b2p-2);
  BASIN_HORNER_OF(count, p, z, 0x1.5555555555558p-1);
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    half_square[i] = r_set(0.5) * f[i] * f[i];
    tail[i] = r_fma(s[i], r_fma(z[i], p[i], half_square[i]), e[i] * BASIN_LITERAL(BASIN_LOG2_LOW));
  }
}

/* natural logarithm */
BASIN_HD void r_log_of(int count, const real *x, real *y) {
  real e[BASIN_ABREAST], f[BASIN_ABREAST], half_square[BASIN_ABREAST], tail[BASIN_ABREAST];
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    r_log_split(x[i], &e[i], &f[i]);
    f[i] = f[i] - r_set(1.0);
  }
  r_log_parts_of(count, e, f, half_square, tail);
  BASIN_UNROLL
  for (int i = 0; i < count; i++)
    y[i] = e[i] * BASIN_LITERAL(BASIN_LOG2) + (f[i] - (half_square[i] - tail[i]));
}
BASIN_HD real r_log(real x) {
  real y[] = {x};
  r_log_of(1, y, y);
  return *y;
}

/* (e^r - 1 - r) / r^2 for |r| <= log(2) / 2 */
BASIN_HD real r_exp_curve(real r) {
  real p = r_set(0x1.1f741af0ef617p-29);
  p = BASIN_HORNER(p, r, 0x1.af4def9df8c09p-26);
  p = BASIN_HORNER(p, r, 0x1.27e4dacd6d6a9p-22);
  p = BASIN_HORNER(p, r, 0x1.71de022ea3daep-19);
  p = BASIN_HORNER(p, r, 0x1.a01a01a710e14p-16);
  p = BASIN_HORNER(p, r, 0x1.a01a01abe8ebep-13);
  p = BASIN_HORNER(p, r, 0x1.6c16c16c1624dp-10);
  p = BASIN_HORNER(p, r, 0x1.11111111100dap-7);
  p = BASIN_HORNER(p, r, 0x1.5555555555556p-5);
  p = BASIN_HORNER(p, r, 0x1.5555555555557p-3);
  p = BASIN_HORNER(p, r, 0x1.0000000000000p-1);
  return p;
}

/* exponential */
BASIN_HD real r_exp(real x) {
  const real n = r_nearest(x * BASIN_LITERAL(0x1.71547652b82fep+0));
  const real r = r_fma(n, BASIN_LITERAL(-BASIN_LOG2_LOW), r_fma(n, BASIN_LITERAL(-BASIN_LOG2), x));

  /* e^x = 2^n (1 + (r + r^2 p)); two factors of 2, so that neither overflows on its own */
  const real y = r_set(1.0) + r_fma(r * r, r_exp_curve(r), r);
  const real half = r_nearest(r_set(0.5) * n);
  return r_scale2(r_scale2(y, half), n - half);
}

/* turn (sin, cos) of a reduced angle by n quarter turns */
BASIN_HD void r_quarter_turns(real n, real *sine, real *cosine) {
  const bits quadrant = r_bits(n + r_set(0x1.8p52));
  const bits one = b_set(1);
  const mask swap = r_lt(r_set(0.0), r_from_bits(((quadrant & one) << 62)));
  const real s = r_select(swap, *cosine, *sine);
  const real c = r_select(swap, *sine, *cosine);
  *sine = r_from_bits(r_bits(s) ^ (((quadrant >> 1) & one) << 63));
  *cosine = r_from_bits(r_bits(c) ^ ((((quadrant + one) >> 1) & one) << 63));
}

/* sin(pi x) and cos(pi x) */
BASIN_HD void r_sincospi_of(int count, const real *x, real *sine, real *cosine) {
  real n[BASIN_ABREAST], r[BASIN_ABREAST], z[BASIN_ABREAST], p[BASIN_ABREAST], q[BASIN_ABREAST];
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    n[i] = r_nearest(x[i] + x[i]);
    r[i] = r_fma(r_set(-0.5), n[i], x[i]); /* exact: |r| <= 1/4 */
    z[i] = r[i] * r[i];
    p[i] = r_set(-0x1.6cc577dadd922p-16);
  }
  BASIN_HORNER_OF(count, p, z, 0x1.e8f036bcd3237p-12);
  BASIN_HORNER_OF(count, p, z, -0x1.e3074d2614b2dp-8);
  BASIN_HORNER_OF(count, p, z, 0x1.50783486facaap-4);
  BASIN_HORNER_OF(count, p, z, -0x1.32d2cce62b872p-1);
  BASIN_HORNER_OF(count, p, z, 0x1.466bc6775aae1p+1);
  BASIN_HORNER_OF(count, p, z, -0x1.4abbce625be53p+2);
  BASIN_UNROLL
  for (int i = 0; i < count; i++) q[i] = r_set(-0x1.b2f3eb054afcdp-14);
  BASIN_HORNER_OF(count, q, z, 0x1.f9ce245cada0bp-10);
  BASIN_HORNER_OF(count, q, z, -0x1.a6d1eef479be1p-6);
  BASIN_HORNER_OF(count, q, z, 0x1.e1f5068688d5bp-3);
  BASIN_HORNER_OF(count, q, z, -0x1.55d3c7e3cb241p+0);
  BASIN_HORNER_OF(count, q, z, 0x1.03c1f081b5ac0p+2);
  BASIN_HORNER_OF(count, q, z, -0x1.3bd3cc9be45dep+2);
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    sine[i] = r_fma(r[i], BASIN_LITERAL(BASIN_PI),
                    r[i] * r_fma(z[i], p[i], BASIN_LITERAL(BASIN_PI_LOW)));
    cosine[i] = r_fma(z[i], q[i], r_set(1.0));
    r_quarter_turns(n[i], &sine[i], &cosine[i]);
  }
}
BASIN_HD void r_sincospi(real x, real *sine, real *cosine) { r_sincospi_of(1, &x, sine, cosine); }

/* sin and cos of r + low + n pi/2, |r| <= pi/4, low being far smaller */
BASIN_HD void r_sincos_reduced_of(int count, const real *n, const real *r, const real *low,
                                  real *sine, real *cosine) {
  real z[BASIN_ABREAST], p[BASIN_ABREAST], q[BASIN_ABREAST];
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    z[i] = r[i] * r[i];
    p[i] = r_set(0x1.5e0af18733f9ep-33);
  }
  BASIN_HORNER_OF(count, p, z, -0x1.ae600a926df9ap-26);
  BASIN_HORNER_OF(count, p, z, 0x1.71de37961e4dcp-19);
  BASIN_HORNER_OF(count, p, z, -0x1.a01a019e8357dp-13);
  BASIN_HORNER_OF(count, p, z, 0x1.1111111110bb1p-7);
  BASIN_HORNER_OF(count, p, z, -0x1.5555555555555p-3);
  BASIN_UNROLL
  for (int i = 0; i < count; i++) q[i] = r_set(-0x1.907d7aec5a8a3p-37);
  BASIN_HORNER_OF(count, q, z, 0x1.1eeb68b109cf5p-29);
  BASIN_HORNER_OF(count, q, z, -0x1.27e4fa17a41bfp-22);
  BASIN_HORNER_OF(count, q, z, 0x1.a01a019f4e867p-16);
  BASIN_HORNER_OF(count, q, z, -0x1.6c16c16c16966p-10);
  BASIN_HORNER_OF(count, q, z, 0x1.5555555555555p-5);
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    const real half = r_set(0.5) * z[i];
    const real rounded = r_set(1.0) - half;
    sine[i] = r[i] + r_fma(z[i] * r[i], p[i], low[i]);
    cosine[i] = rounded + (((r_set(1.0) - rounded) - half) +
                           r_fma(z[i] * z[i], q[i], r_fnma(r[i], low[i], r_set(0.0))));
    r_quarter_turns(n[i], &sine[i], &cosine[i]);
  }
}

/* sin x and cos x */
BASIN_HD void r_sincos_of(int count, const real *x, real *sine, real *cosine) {
  /* x - n pi/2 with pi/2 in three parts: exact to far below the last place for |n| < 2^20 */
  real n[BASIN_ABREAST], r[BASIN_ABREAST], low[BASIN_ABREAST];
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    n[i] = r_nearest(x[i] * BASIN_LITERAL(0x1.45f306dc9c883p-1));
    const real high = r_fma(n[i], BASIN_LITERAL(-0x1.921fb54442d18p+0), x[i]);
    r[i] = r_fma(n[i], BASIN_LITERAL(-0x1.1a62633145c07p-54), high);
    low[i] = r_fma(n[i], BASIN_LITERAL(-0x1.1a62633145c07p-54), high - r[i]);
  }
  r_sincos_reduced_of(count, n, r, low, sine, cosine);
}
BASIN_HD void r_sincos(real x, real *sine, real *cosine) { r_sincos_of(1, &x, sine, cosine); }

/* atan of a ratio in [0, 1], given as the rounded ratio and the error of the rounding; rare: as in real.h */
BASIN_HD real r_atan_unit(real t, real error, int rare) {
  const real z = t * t;
  real p = r_set(-0x1.56d93881af28bp-18);
  p = BASIN_HORNER_UNLESS(rare, p, z, 0x1.0d2ba64dc4b35p-14);
  p = BASIN_HORNER_UNLESS(rare, p, z, -0x1.929735fe2c7dap-12);
  p = BASIN_HORNER_UNLESS(rare, p, z, 0x1.7f300a4168aa2p-10);
  p = BASIN_HORNER_UNLESS(rare, p, z, -0x1.062861c099837p-8);
  p = BASIN_HORNER_UNLESS(rare, p, z, 0x1.14e2d5c3cf8dfp-7);
  p = BASIN_HORNER_UNLESS(rare, p, z, -0x1.db3ca635fdf7fp-7);
  p = BASIN_HORNER_UNLESS(rare, p, z, 0x1.5a0e630f82889p-6);
  p = BASIN_HORNER_UNLESS(rare, p, z, -0x1.bd57b2a70fb25p-6);
  p = BASIN_HORNER_UNLESS(rare, p, z, 0x1.0740e7b22ddb7p-5);
  p = BASIN_HORNER_UNLESS(rare, p, z, -0x1.280da61ab6494p-5);
  p = BASIN_HORNER_UNLESS(rare, p, z, 0x1.4560f34706c85p-5);
  p = BASIN_HORNER_UNLESS(rare, p, z, -0x1.639775bb08f45p-5);
  p = BASIN_HORNER_UNLESS(rare, p, z, 0x1.85fa5056a06ccp-5);
  p = BASIN_HORNER_UNLESS(rare, p, z, -0x1.af23abb356af8p-5);
  p = BASIN_HORNER_UNLESS(rare, p, z, 0x1.e1e14ec4e4c39p-5);
  p = BASIN_HORNER_UNLESS(rare, p, z, -0x1.11110a746070dp-4);
  p = BASIN_HORNER_UNLESS(rare, p, z, 0x1.3b13b0ce8aff4p-4);
  p = BASIN_HORNER_UNLESS(rare, p, z, -0x1.745d17412271bp-4);
  p = BASIN_HORNER_UNLESS(rare, p, z, 0x1.c71c71c6fc8c9p-4);
  p = BASIN_HORNER_UNLESS(rare, p, z, -0x1.24924924920f5p-3);
  p = BASIN_HORNER_UNLESS(rare, p, z, 0x1.9999999999994p-3);
  p = BASIN_HORNER_UNLESS(rare, p, z, -0x1.5555555555555p-2);
  return t + r_fma(t * z, p, error);
}

/* the angle between the positive x axis and (ax, y), or (-ax, y) where `left`, for y >= 0 and ax >= 0: in [0, pi] */
BASIN_HD real r_angle_at(real y, real ax, mask left) {
  const mask steep = r_lt(ax, y);
  const real numerator = r_select(steep, ax, y);
  const real denominator = r_max(r_select(steep, y, ax), r_set(0x1p-1000));
  const real t = numerator / denominator;

  /* first-order effect of the rounding of t on atan t */
  const real error = (r_fnma(t, denominator, numerator) / denominator) / r_fma(t, t, r_set(1.0));
  const real a = r_atan_unit(t, error, 1);

  /* pi/2 - a where steep, then pi - that where left, each with the low part of pi */
  const real from_y = r_set(BASIN_PI / 2) - (a - r_set(BASIN_PI_LOW / 2));
  const real to_y = r_set(BASIN_PI / 2) + (a + r_set(BASIN_PI_LOW / 2));
  const real from_left = r_set(BASIN_PI) - (a - r_set(BASIN_PI_LOW));
  return r_select(steep, r_select(left, to_y, from_y), r_select(left, from_left, a));
}

/* the angle between the positive x axis and (x, y), for y >= 0: in [0, pi]; 0 for (0, 0) */
BASIN_HD real r_angle(real y, real x) { return r_angle_at(y, r_abs(x), r_lt(x, r_set(0.0))); }

/* arc tangent */
BASIN_HD real r_atan(real x) { return r_copysign(r_angle(r_abs(x), r_set(1.0)), x); }

/* error function */
BASIN_HD real r_erf(real x) {
  /* up to 1 a polynomial; beyond it 1 - e^(-x^2) q, q a polynomial in 1 / (|x| + 2), and 1 from 6 on */
  const real a = r_min(r_abs(x), r_set(6.0)), z = a * a;
  real p = r_set(-0x1.29b6758efffb1p-38);
  p = BASIN_HORNER(p, z, 0x1.7f05c4ce71a84p-34);
  p = BASIN_HORNER(p, z, -0x1.4e603f0ea3f96p-30);
  p = BASIN_HORNER(p, z, 0x1.fc434a34e5273p-27);
  p = BASIN_HORNER(p, z, -0x1.5f6d919248428p-23);
  p = BASIN_HORNER(p, z, 0x1.b9e6508a369ffp-20);
  p = BASIN_HORNER(p, z, -0x1.f4d25619e1da1p-17);
  p = BASIN_HORNER(p, z, 0x1.f9a326c2284bep-14);
  p = BASIN_HORNER(p, z, -0x1.c02db3feeb0c9p-11);
  p = BASIN_HORNER(p, z, 0x1.565bcd0e65018p-8);
  p = BASIN_HORNER(p, z, -0x1.b82ce312889bap-6);
  p = BASIN_HORNER(p, z, 0x1.ce2f21a042bdep-4);
  p = BASIN_HORNER(p, z, -0x1.812746b0379e7p-2);
  p = BASIN_HORNER(p, z, 0x1.06eba8214db69p-3);
  const real s = r_set(1.0) / (a + r_set(2.0));
  real q = r_set(-0x1.30b2cea5303a5p+12);
  q = BASIN_HORNER(q, s, 0x1.1b5a4859bde22p+14);
  q = BASIN_HORNER(q, s, -0x1.da6fa19b11433p+14);
  q = BASIN_HORNER(q, s, 0x1.d22ed051dbf10p+14);
  q = BASIN_HORNER(q, s, -0x1.2550b45c8d9edp+14);
  q = BASIN_HORNER(q, s, 0x1.e6360839c475dp+12);
  q = BASIN_HORNER(q, s, -0x1.1088d83826ff9p+11);
  q = BASIN_HORNER(q, s, 0x1.d75830e643122p+8);
  q = BASIN_HORNER(q, s, -0x1.59a225498e88dp+6);
  q = BASIN_HORNER(q, s, 0x1.9461c42c4e869p-2);
  q = BASIN_HORNER(q, s, -0x1.715fa8e38a86ep-1);
  q = BASIN_HORNER(q, s, 0x1.55b4748e19e8dp+1);
  q = BASIN_HORNER(q, s, 0x1.69b5577cc259ap+1);
  q = BASIN_HORNER(q, s, 0x1.f96275e395f8dp+0);
  q = BASIN_HORNER(q, s, 0x1.20df5582e91adp+0);
  q = BASIN_HORNER(q, s, 0x1.20dd567db2a77p-1);
  q = BASIN_HORNER(q, s, 0x1.b5edabcd341c9p-27);
  const real far = r_fnma(r_exp(r_set(0.0) - z), q, r_set(1.0));
  return r_copysign(r_select(r_lt(a, r_set(1.0)), r_fma(a, p, a), far), x);
}

/* the inverse error function over x, by w = -log(1 - x^2) > 6.25 (|x| > 0.999): polynomials in sqrt(w) */
BASIN_HD real r_erfinv_tail(real w) {
  const real root = r_sqrt(r_max(w, r_set(6.25)));
  const real near = root - r_set(3.25), far = root - r_set(5.0);
  real q = r_set(0x1.07bb9f6b7700bp-27);
  q = BASIN_HORNER_UNLESS(1, q, near, -0x1.071e5e183fb84p-26);
  q = BASIN_HORNER_UNLESS(1, q, near, -0x1.671c5c2309bbfp-26);
  q = BASIN_HORNER_UNLESS(1, q, near, 0x1.1aa2ab6ced3bap-23);
  q = BASIN_HORNER_UNLESS(1, q, near, -0x1.079d645464f6ep-22);
  q = BASIN_HORNER_UNLESS(1, q, near, -0x1.daee7520883d2p-26);
  q = BASIN_HORNER_UNLESS(1, q, near, 0x1.8db71c5009c80p-20);
  q = BASIN_HORNER_UNLESS(1, q, near, -0x1.0b79a1bd40036p-18);
  q = BASIN_HORNER_UNLESS(1, q, near, 0x1.899a8b9f2d7e3p-19);
  q = BASIN_HORNER_UNLESS(1, q, near, 0x1.a241bacf2b2a2p-17);
  q = BASIN_HORNER_UNLESS(1, q, near, -0x1.8cf4630a274f1p-15);
  q = BASIN_HORNER_UNLESS(1, q, near, 0x1.1e6abc3710c61p-14);
  q = BASIN_HORNER_UNLESS(1, q, near, 0x1.932e8fc368725p-16);
  q = BASIN_HORNER_UNLESS(1, q, near, -0x1.7448bccb5c6c5p-12);
  q = BASIN_HORNER_UNLESS(1, q, near, 0x1.f3cc545da5572p-11);
  q = BASIN_HORNER_UNLESS(1, q, near, -0x1.ba9240d86c4aap-10);
  q = BASIN_HORNER_UNLESS(1, q, near, 0x1.468eeca944b41p-9);
  q = BASIN_HORNER_UNLESS(1, q, near, -0x1.ebadabba02e52p-9);
  q = BASIN_HORNER_UNLESS(1, q, near, 0x1.5ffcfe5b6cd3ap-8);
  q = BASIN_HORNER_UNLESS(1, q, near, 0x1.0158a6d641d55p+0);
  q = BASIN_HORNER_UNLESS(1, q, near, 0x1.8abcc380d5a48p+1);
  real t = r_set(-0x1.52766a16c4e59p-36);
  t = BASIN_HORNER_UNLESS(1, t, far, 0x1.7b06475edfdcbp-35);
  t = BASIN_HORNER_UNLESS(1, t, far, 0x1.1b93c0690263cp-34);
  t = BASIN_HORNER_UNLESS(1, t, far, -0x1.e1feb1ad42c13p-32);
  t = BASIN_HORNER_UNLESS(1, t, far, 0x1.6c507e04c2580p-30);
  t = BASIN_HORNER_UNLESS(1, t, far, -0x1.dcef51595dc3dp-29);
  t = BASIN_HORNER_UNLESS(1, t, far, 0x1.0c6c2de58ba0fp-27);
  t = BASIN_HORNER_UNLESS(1, t, far, -0x1.061843502763dp-26);
  t = BASIN_HORNER_UNLESS(1, t, far, 0x1.f2a10ae2c26e0p-26);
  t = BASIN_HORNER_UNLESS(1, t, far, -0x1.222673bb4f52dp-24);
  t = BASIN_HORNER_UNLESS(1, t, far, 0x1.ebe21da9763d3p-23);
  t = BASIN_HORNER_UNLESS(1, t, far, -0x1.0a9076f85e01fp-20);
  t = BASIN_HORNER_UNLESS(1, t, far, 0x1.2fbcff0a84d10p-18);
  t = BASIN_HORNER_UNLESS(1, t, far, -0x1.4a348fbb024dcp-16);
  t = BASIN_HORNER_UNLESS(1, t, far, 0x1.3ebf4ef8ce475p-14);
  t = BASIN_HORNER_UNLESS(1, t, far, -0x1.c2f36aa259431p-13);
  t = BASIN_HORNER_UNLESS(1, t, far, -0x1.22ea5df1c1328p-13);
  t = BASIN_HORNER_UNLESS(1, t, far, 0x1.02a30d1fba10dp+0);
  t = BASIN_HORNER_UNLESS(1, t, far, 0x1.3664ddd1ad7fbp+2);
  return r_select(r_lt(root, r_set(4.0)), q, t);
}

/* inverse error function, for |x| < 1 */
BASIN_HD void r_erfinv_of(int count, const real *x, real *y) {
  /* x times a polynomial in w = -log(1 - x^2) (Giles 2010), in sqrt(w) where few come to */
  real w[BASIN_ABREAST], v[BASIN_ABREAST], p[BASIN_ABREAST];
  mask any = r_lt(r_set(6.25), r_set(0.0));
  BASIN_UNROLL
  for (int i = 0; i < count; i++) v[i] = (r_set(1.0) - x[i]) * (r_set(1.0) + x[i]);
  r_log_of(count, v, w);
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    w[i] = r_set(0.0) - w[i];
    any = m_or(any, r_lt(r_set(6.25), w[i]));
    v[i] = w[i] - r_set(3.125);
    p[i] = r_set(-0x1.b27fffc21d492p-72);
  }
  BASIN_HORNER_OF(count, p, v, 0x1.e2ae152d4e779p-69);
  BASIN_HORNER_OF(count, p, v, 0x1.79c02147ead77p-66);
  BASIN_HORNER_OF(count, p, v, -0x1.9a150247c91d7p-62);
  BASIN_HORNER_OF(count, p, v, 0x1.668682cbc3cf4p-61);
  BASIN_HORNER_OF(count, p, v, 0x1.1e2031104d09ep-56);
  BASIN_HORNER_OF(count, p, v, -0x1.19ab29ac01f23p-53);
  BASIN_HORNER_OF(count, p, v, -0x1.6b6eee39e403ep-55);
  BASIN_HORNER_OF(count, p, v, 0x1.d5e9013f84e35p-48);
  BASIN_HORNER_OF(count, p, v, -0x1.6877e074a3da3p-45);
  BASIN_HORNER_OF(count, p, v, -0x1.6b86d3a97f363p-44);
  BASIN_HORNER_OF(count, p, v, 0x1.7236b6e7c9fc0p-39);
  BASIN_HORNER_OF(count, p, v, -0x1.c8a6b0d3d82b8p-37);
  BASIN_HORNER_OF(count, p, v, -0x1.dc3f4547e85d1p-35);
  BASIN_HORNER_OF(count, p, v, 0x1.20f544dcc6dfep-30);
  BASIN_HORNER_OF(count, p, v, -0x1.1a9eb003e7776p-28);
  BASIN_HORNER_OF(count, p, v, -0x1.f36ceed4f94a7p-26);
  BASIN_HORNER_OF(count, p, v, 0x1.c6b4f886939bdp-22);
  BASIN_HORNER_OF(count, p, v, -0x1.6e8a53c7a93b5p-20);
  BASIN_HORNER_OF(count, p, v, -0x1.d1d1f7c9ffc1ep-17);
  BASIN_HORNER_OF(count, p, v, 0x1.879c2a20aeafcp-13);
  BASIN_HORNER_OF(count, p, v, -0x1.84576948359dap-11);
  BASIN_HORNER_OF(count, p, v, -0x1.8b6c33114ea2ep-8);
  BASIN_HORNER_OF(count, p, v, 0x1.ebd80d9b13dfap-3);
  BASIN_HORNER_OF(count, p, v, 0x1.a755e7c99ae86p+0);
  if (BASIN_UNLIKELY(m_any(any))) {
    BASIN_UNROLL
    for (int i = 0; i < count; i++)
      p[i] = r_select(r_lt(r_set(6.25), w[i]), r_erfinv_tail(w[i]), p[i]);
  }
  BASIN_UNROLL
  for (int i = 0; i < count; i++) y[i] = x[i] * p[i];
}
BASIN_HD real r_erfinv(real x) {
  real y[] = {x};
  r_erfinv_of(1, y, y);
  return *y;
}

#endif
