/* SPDX-License-Identifier: MIT
 *
 * dmath.h: elementary functions with the same bits under every compiler and instruction set.
 *
 * Branch-free, built only from correctly rounded operations in a written order. The polynomials are
 * Chebyshev interpolants computed in 300-bit arithmetic (tests/tools/dmath_fit.py prints every coefficient
 * below). tests/unit/test_dmath.c compares each function with binary128 on several million arguments and
 * fails if the largest error leaves the bound that is stated here, in units in the last place:
 *
 *   r_log(x)             0.85 ulp   x positive and normal
 *   r_exp(x)             1.00 ulp   -708 <= x <= 709
 *   r_sincospi(x)        1.05 ulp   |x| <= 2^31, both results
 *   r_sincos(x)          0.95 ulp   |x| <= 1e5, both results
 *   r_atan(x)            1.40 ulp   x finite
 *   r_angle(y, x)        1.40 ulp   the angle of (x, y), y >= 0, both finite: in [0, pi]
 *
 * Outside the stated domain the result is finite garbage or NaN, never a trap. Callers that face
 * users (host/read/expression.c) check the domain first.
 */
#ifndef BASIN_NUMERIC_DMATH_H
#define BASIN_NUMERIC_DMATH_H

#include "numeric/real.h"

#define BASIN_PI 3.14159265358979311600e+00     /* pi rounded to double */
#define BASIN_PI_LOW 1.22464679914735317723e-16 /* pi - BASIN_PI */

/* one Horner step */
#define BASIN_HORNER(p, x, c) r_fma(p, x, r_set(c))

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

/* natural logarithm */
BASIN_HD real r_log(real x) {
  /* x = 2^e m with m in [sqrt(1/2), sqrt(2)): shift the exponent boundary to sqrt(1/2) */
  const bits shifted = r_bits(x) + b_set(0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
  const real e = r_from_bits((shifted >> 52) | b_set(0x4330000000000000u)) - r_set(0x1p52 + 1023);
  const real m = r_from_bits((shifted & b_set(0x000fffffffffffffu)) + b_set(0x3fe6a09e667f3bcdu));

  /* log m = 2 atanh s = 2s + s R(s^2), s = f / (2 + f), written so that f itself enters exactly */
  const real f = m - r_set(1.0);
  const real s = f / (r_set(2.0) + f);
  const real z = s * s;
  real p = r_set(0x1.2b5b5fb2eac92p-3);
  p = BASIN_HORNER(p, z, 0x1.39fe208c33457p-3);
  p = BASIN_HORNER(p, z, 0x1.7462b69705382p-3);
  p = BASIN_HORNER(p, z, 0x1.c71c62debf86bp-3);
  p = BASIN_HORNER(p, z, 0x1.2492492df6947p-2);
  p = BASIN_HORNER(p, z, 0x1.99999999952b2p-2);
  p = BASIN_HORNER(p, z, 0x1.5555555555558p-1);
  const real half_square = r_set(0.5) * f * f;
  const real tail = r_fma(s, r_fma(z, p, half_square), e * r_set(0x1.ef35793c76730p-45));

  /* the high part of log 2 has 42 bits, so e times it is exact */
  return e * r_set(0x1.62e42fefa38p-1) + (f - (half_square - tail));
}

/* exponential */
BASIN_HD real r_exp(real x) {
  const real n = r_nearest(x * r_set(0x1.71547652b82fep+0));
  const real r = r_fma(n, r_set(-0x1.ef35793c76730p-45), r_fma(n, r_set(-0x1.62e42fefa38p-1), x));
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

  /* e^x = 2^n (1 + (r + r^2 p)); two factors of 2, so that neither overflows on its own */
  const real y = r_set(1.0) + r_fma(r * r, p, r);
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
BASIN_HD void r_sincospi(real x, real *sine, real *cosine) {
  const real n = r_nearest(x + x);
  const real r = r_fma(r_set(-0.5), n, x); /* exact: |r| <= 1/4 */
  const real z = r * r;
  real p = r_set(-0x1.6cc577dadd922p-16);
  p = BASIN_HORNER(p, z, 0x1.e8f036bcd3237p-12);
  p = BASIN_HORNER(p, z, -0x1.e3074d2614b2dp-8);
  p = BASIN_HORNER(p, z, 0x1.50783486facaap-4);
  p = BASIN_HORNER(p, z, -0x1.32d2cce62b872p-1);
  p = BASIN_HORNER(p, z, 0x1.466bc6775aae1p+1);
  p = BASIN_HORNER(p, z, -0x1.4abbce625be53p+2);
  real q = r_set(-0x1.b2f3eb054afcdp-14);
  q = BASIN_HORNER(q, z, 0x1.f9ce245cada0bp-10);
  q = BASIN_HORNER(q, z, -0x1.a6d1eef479be1p-6);
  q = BASIN_HORNER(q, z, 0x1.e1f5068688d5bp-3);
  q = BASIN_HORNER(q, z, -0x1.55d3c7e3cb241p+0);
  q = BASIN_HORNER(q, z, 0x1.03c1f081b5ac0p+2);
  q = BASIN_HORNER(q, z, -0x1.3bd3cc9be45dep+2);
  *sine = r_fma(r, r_set(BASIN_PI), r * r_fma(z, p, r_set(BASIN_PI_LOW)));
  *cosine = r_fma(z, q, r_set(1.0));
  r_quarter_turns(n, sine, cosine);
}

/* sin x and cos x */
BASIN_HD void r_sincos(real x, real *sine, real *cosine) {
  /* x - n pi/2 with pi/2 in three parts: exact to far below the last place for |n| < 2^20 */
  const real n = r_nearest(x * r_set(0x1.45f306dc9c883p-1));
  const real high = r_fma(n, r_set(-0x1.921fb54442d18p+0), x);
  const real r = r_fma(n, r_set(-0x1.1a62633145c07p-54), high);
  const real low = r_fma(n, r_set(-0x1.1a62633145c07p-54), high - r);
  const real z = r * r;
  real p = r_set(0x1.5e0af18733f9ep-33);
  p = BASIN_HORNER(p, z, -0x1.ae600a926df9ap-26);
  p = BASIN_HORNER(p, z, 0x1.71de37961e4dcp-19);
  p = BASIN_HORNER(p, z, -0x1.a01a019e8357dp-13);
  p = BASIN_HORNER(p, z, 0x1.1111111110bb1p-7);
  p = BASIN_HORNER(p, z, -0x1.5555555555555p-3);
  real q = r_set(-0x1.907d7aec5a8a3p-37);
  q = BASIN_HORNER(q, z, 0x1.1eeb68b109cf5p-29);
  q = BASIN_HORNER(q, z, -0x1.27e4fa17a41bfp-22);
  q = BASIN_HORNER(q, z, 0x1.a01a019f4e867p-16);
  q = BASIN_HORNER(q, z, -0x1.6c16c16c16966p-10);
  q = BASIN_HORNER(q, z, 0x1.5555555555555p-5);
  const real half = r_set(0.5) * z;
  const real rounded = r_set(1.0) - half;
  *sine = r + r_fma(z * r, p, low);
  *cosine = rounded +
            (((r_set(1.0) - rounded) - half) + r_fma(z * z, q, r_fnma(r, low, r_set(0.0))));
  r_quarter_turns(n, sine, cosine);
}

/* atan of a ratio in [0, 1], given as the rounded ratio and the error of the rounding */
BASIN_HD real r_atan_unit(real t, real error) {
  const real z = t * t;
  real p = r_set(-0x1.56d93881af28bp-18);
  p = BASIN_HORNER(p, z, 0x1.0d2ba64dc4b35p-14);
  p = BASIN_HORNER(p, z, -0x1.929735fe2c7dap-12);
  p = BASIN_HORNER(p, z, 0x1.7f300a4168aa2p-10);
  p = BASIN_HORNER(p, z, -0x1.062861c099837p-8);
  p = BASIN_HORNER(p, z, 0x1.14e2d5c3cf8dfp-7);
  p = BASIN_HORNER(p, z, -0x1.db3ca635fdf7fp-7);
  p = BASIN_HORNER(p, z, 0x1.5a0e630f82889p-6);
  p = BASIN_HORNER(p, z, -0x1.bd57b2a70fb25p-6);
  p = BASIN_HORNER(p, z, 0x1.0740e7b22ddb7p-5);
  p = BASIN_HORNER(p, z, -0x1.280da61ab6494p-5);
  p = BASIN_HORNER(p, z, 0x1.4560f34706c85p-5);
  p = BASIN_HORNER(p, z, -0x1.639775bb08f45p-5);
  p = BASIN_HORNER(p, z, 0x1.85fa5056a06ccp-5);
  p = BASIN_HORNER(p, z, -0x1.af23abb356af8p-5);
  p = BASIN_HORNER(p, z, 0x1.e1e14ec4e4c39p-5);
  p = BASIN_HORNER(p, z, -0x1.11110a746070dp-4);
  p = BASIN_HORNER(p, z, 0x1.3b13b0ce8aff4p-4);
  p = BASIN_HORNER(p, z, -0x1.745d17412271bp-4);
  p = BASIN_HORNER(p, z, 0x1.c71c71c6fc8c9p-4);
  p = BASIN_HORNER(p, z, -0x1.24924924920f5p-3);
  p = BASIN_HORNER(p, z, 0x1.9999999999994p-3);
  p = BASIN_HORNER(p, z, -0x1.5555555555555p-2);
  return t + r_fma(t * z, p, error);
}

/* the angle between the positive x axis and (x, y), for y >= 0: in [0, pi]; 0 for (0, 0) */
BASIN_HD real r_angle(real y, real x) {
  const real ax = r_abs(x);
  const mask steep = r_lt(ax, y);
  const real numerator = r_select(steep, ax, y);
  const real denominator = r_max(r_select(steep, y, ax), r_set(0x1p-1000));
  const real t = numerator / denominator;

  /* first-order effect of the rounding of t on atan t */
  const real error = (r_fnma(t, denominator, numerator) / denominator) / r_fma(t, t, r_set(1.0));
  const real a = r_atan_unit(t, error);

  /* pi/2 - a where steep, then pi - that where x < 0, each with the low part of pi */
  const mask left = r_lt(x, r_set(0.0));
  const real from_y = r_set(BASIN_PI / 2) - (a - r_set(BASIN_PI_LOW / 2));
  const real to_y = r_set(BASIN_PI / 2) + (a + r_set(BASIN_PI_LOW / 2));
  const real from_left = r_set(BASIN_PI) - (a - r_set(BASIN_PI_LOW));
  return r_select(steep, r_select(left, to_y, from_y), r_select(left, from_left, a));
}

/* arc tangent */
BASIN_HD real r_atan(real x) { return r_copysign(r_angle(r_abs(x), r_set(1.0)), x); }

#endif
