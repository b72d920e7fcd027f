/* SPDX-License-Identifier: MIT
 *
 * test_dmath.c: dmath.h and single.h against binary128, and the same bits from every instruction set.
 */
#include "test.h"
#include "engine/cpu.h"
#include "dmath_lanes.h"
#include <quadmath.h>

enum { SAMPLES = 1 << 18, PIECES = 3 };

static double x[SAMPLES], y[SAMPLES], got[SAMPLES], other[SAMPLES];

static dmath_eval *const eval[] = {
    dmath_eval_generic,
#if BASIN_HAS_avx512
    dmath_eval_avx2,
    dmath_eval_avx512,
#endif
};
static dmath_normals *const normals[] = {
    dmath_normals_generic,
#if BASIN_HAS_avx512
    dmath_normals_avx2,
    dmath_normals_avx512,
#endif
};

static dmath_normals *const singles[] = {
    dmath_singles_generic,
#if BASIN_HAS_avx512
    dmath_singles_avx2,
    dmath_singles_avx512,
#endif
};

static __float128 pi(void) {
  return (__float128)3.14159265358979311600e+00 + 1.22464679914735317723e-16;
}

/* Winitzki's start, three of Halley's steps in double precision and one in binary128 */
static __float128 inverse_erf(double a) {
  const double x = fabs(a), w = -log1p(-x * x), b = 2 / (M_PI * 0.147) - w / 2;
  double y = sqrt(sqrt(b * b + w / 0.147) - b);
  if (w < 1e-3) y = x * sqrt(M_PI) / 2;
  for (int i = 0; i < 3; i++) {
    const double d = (x < 0.5 ? x - erf(y) : erfc(y) - (1 - x)) * sqrt(M_PI) / 2 * exp(y * y);
    y += d / (1 - y * d);
  }
  const __float128 z = y, error = x < 0.5 ? x - erfq(z) : erfcq(z) - (1 - (__float128)x);
  const __float128 d = error * sqrtq(pi()) / 2 * expq(z * z);
  return copysignq(z + d / (1 - z * d), a);
}

static __float128 reference(int function, double a, double b) {
  switch (function) {
  case DMATH_log:
    return logq(a);
  case DMATH_exp:
    return expq(a);
  case DMATH_sinpi:
    return sinq(pi() * fmodq(a, 2));
  case DMATH_cospi:
    return cosq(pi() * fmodq(a, 2));
  case DMATH_sin:
    return sinq(a);
  case DMATH_cos:
    return cosq(a);
  case DMATH_atan:
    return atanq(a);
  case DMATH_erf:
    return erfq(a);
  case DMATH_erfinv:
    return inverse_erf(a);
  case DMATH_single_log:
    return -2 * logq((float)a);
  case DMATH_single_sine:
    return sinq(2 * pi() * a / 4294967296);
  case DMATH_single_cosine:
    return cosq(2 * pi() * a / 4294967296);
  default:
    return atan2q(a, b);
  }
}

/* distance in units of the last place of the exact value's double */
static double ulps(double value, __float128 exact) {
  const double rounded = (double)exact;
  const double unit = nextafter(fabs(rounded), INFINITY) - fabs(rounded);
  return (double)(fabsq(value - exact) / unit);
}

/* the error as it is stated: in units in the last place, of a float for single.h's logarithm, and absolute for its sine
   and cosine */
static double error_of(int function, double value, __float128 exact) {
  const float rounded = (float)exact;
  if (function < DMATH_single_log) return ulps(value, exact);
  const double error = (double)fabsq(value - exact);
  return function > DMATH_single_log
             ? error
             : error / (double)(nextafterf(fabsf(rounded), INFINITY) - fabsf(rounded));
}

/* arguments: uniform in [low, high], or in the exponent where low > 0 and `spread` */
static double sample(uint64_t *state, double low, double high, int spread) {
  const double u = test_uniform(state);
  return spread ? exp(log(low) + u * (log(high) - log(low))) : low + u * (high - low);
}

static void check(int function, double low, double high, int spread, double bound) {
  double worst = 0, at = 0;
  uint64_t state = 88172645463325252u;
  /* binary128 has no quick error function */
  const int slow = function == DMATH_erf || function == DMATH_erfinv;
  const int pieces = slow ? 1 : PIECES, samples = slow ? SAMPLES / 4 : SAMPLES;
  for (int piece = 0; piece < pieces; piece++) {
    for (int i = 0; i < samples; i++) {
      x[i] = sample(&state, low, high, spread);
      if (function > DMATH_single_log) x[i] = floor(x[i]);
      y[i] = sample(&state, -1, 1, 0) * pow(2, floor(40 * test_uniform(&state) - 20));
    }
    eval[basin_cpu_isa(NULL)](function, x, y, got, samples);
    for (int i = 0; i < samples; i++) {
      const double error = error_of(function, got[i], reference(function, x[i], y[i]));
      if (!(error <= worst)) worst = error, at = x[i];
    }
  }
  print_message("  %g to %g: largest error %.3g%s, at %.17g\n", low, high, worst,
                function > DMATH_single_log ? "" : " ulp", at);
  assert_within(worst, 0, bound);
}

static void log_error(void **unused) {
  (void)unused;
  check(DMATH_log, 0x1p-52, 1, 0, 0.85);
  check(DMATH_log, 1e-307, 1e308, 1, 0.85);
  check(DMATH_log, 0.99, 1.01, 0, 0.85);
}

static void exp_error(void **unused) {
  (void)unused;
  check(DMATH_exp, -1, 1, 0, 1.00);
  check(DMATH_exp, -708, 709, 0, 1.00);
}

static void sincospi_error(void **unused) {
  (void)unused;
  check(DMATH_sinpi, 0, 2, 0, 1.05);
  check(DMATH_cospi, 0, 2, 0, 1.05);
  check(DMATH_sinpi, 1e-300, 1e-3, 1, 1.05);
  check(DMATH_sinpi, -1e6, 1e6, 0, 1.05);
}

static void sincos_error(void **unused) {
  (void)unused;
  check(DMATH_sin, -10, 10, 0, 0.95);
  check(DMATH_cos, -10, 10, 0, 0.95);
  check(DMATH_sin, -1e5, 1e5, 0, 0.95);
  check(DMATH_cos, -1e5, 1e5, 0, 0.95);
  check(DMATH_sin, 1e-300, 1, 1, 0.95);
}

static void atan_error(void **unused) {
  (void)unused;
  check(DMATH_atan, -3, 3, 0, 1.40);
  check(DMATH_atan, 1e-300, 1e300, 1, 1.40);
  check(DMATH_angle, 0, 1, 0, 1.40);
  check(DMATH_angle, 1e-12, 1e12, 1, 1.40);
}

static void erf_error(void **unused) {
  (void)unused;
  check(DMATH_erf, -2, 2, 0, 1.25);
  check(DMATH_erf, 0.9, 7, 0, 1.25);
  check(DMATH_erf, 1e-300, 1, 1, 1.25);
  check(DMATH_erfinv, -1, 1, 0, 2.50);
  check(DMATH_erfinv, 1e-300, 0.99999, 1, 2.50);
  check(DMATH_erfinv, 0.999, 1, 0, 2.50);
}

static void single_error(void **unused) {
  (void)unused;
  check(DMATH_single_log, 0x1p-33, 1, 0, 1.3);
  check(DMATH_single_log, 0x1p-33, 1, 1, 1.3);
  check(DMATH_single_log, 0.999, 1, 0, 1.3);
  check(DMATH_single_sine, 0, 4294967296, 0, 1.6e-7);
  check(DMATH_single_cosine, 0, 4294967296, 0, 1.6e-7);
  check(DMATH_single_sine, 1, 4294967296, 1, 1.6e-7);
}

/* results at the ends of the domains */
static void exact_values(void **unused) {
  (void)unused;
  const struct {
    int function;
    double x, y, value;
  } known[] = {
      {DMATH_log, 1, 0, 0},
      {DMATH_exp, 0, 0, 1},
      {DMATH_sinpi, 1, 0, 0},
      {DMATH_cospi, 1, 0, -1},
      {DMATH_sinpi, 0.5, 0, 1},
      {DMATH_cospi, 0.5, 0, 0},
      {DMATH_sinpi, 1.5, 0, -1},
      {DMATH_sin, 0, 0, 0},
      {DMATH_cos, 0, 0, 1},
      {DMATH_atan, 1, 0, 0.78539816339744831},
      {DMATH_atan, -1, 0, -0.78539816339744831},
      {DMATH_atan, 1e300, 0, 1.5707963267948966},
      {DMATH_angle, 0, 1, 0},
      {DMATH_angle, 0, -1, 3.1415926535897931},
      {DMATH_angle, 1, 0, 1.5707963267948966},
      {DMATH_angle, 0, 0, 0},
      {DMATH_erf, 0, 0, 0},
      {DMATH_erf, 1e300, 0, 1},
      {DMATH_erf, -7, 0, -1},
      {DMATH_erfinv, 0, 0, 0},
      {DMATH_single_log, 1, 0, 0},
      {DMATH_single_sine, 0, 0, 0},
      {DMATH_single_cosine, 0, 0, 1},
      {DMATH_single_cosine, 0x1p31, 0, -1},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    for (int j = 0; j < 8; j++) x[j] = known[i].x, y[j] = known[i].y;
    eval[0](known[i].function, x, y, got, 8);
    if (got[0] != known[i].value)
      fail_msg("function %d of (%g, %g) is %.17g, expected %.17g", known[i].function, x[0], y[0],
               got[0], known[i].value);
  }
}

static void same_bits(void **unused) {
  uint64_t state = 1;
  (void)unused;
  for (int function = 0; function < DMATH_COUNT; function++) {
    for (int i = 0; i < SAMPLES; i++) {
      x[i] = function == DMATH_exp ? sample(&state, -700, 700, 0)
             : function > DMATH_single_log
                 ? floor(sample(&state, 0, 4294967296, 0))
                 : sample(&state, 1e-20, function == DMATH_erfinv ? 1 : 1e4, 1);
      y[i] = sample(&state, -10, 10, 0);
    }
    eval[0](function, x, y, got, SAMPLES);
    for (int isa = 1; isa <= basin_cpu_isa(NULL); isa++) {
      memset(other, 0xff, sizeof other);
      eval[isa](function, x, y, other, SAMPLES);
      assert_memory_equal(got, other, sizeof got);
    }
  }
}

/* of as many trials as fill the array with so many numbers each */
static void same_draws(dmath_normals *const *draw, int numbers) {
  const int trials = SAMPLES / numbers;
  draw[0](0x123456789abcdef0u, 3, ((uint64_t)1 << 48) - SAMPLES, 77, 5, got, trials);
  for (int isa = 1; isa <= basin_cpu_isa(NULL); isa++) {
    memset(other, 0xff, sizeof other);
    draw[isa](0x123456789abcdef0u, 3, ((uint64_t)1 << 48) - SAMPLES, 77, 5, other, trials);
    assert_memory_equal(got, other, sizeof got);
  }
}

static void same_normals(void **unused) {
  (void)unused;
  same_draws(normals, 2);
}

static void same_singles(void **unused) {
  (void)unused;
  same_draws(singles, 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(log_error),      cmocka_unit_test(exp_error),
      cmocka_unit_test(sincospi_error), cmocka_unit_test(sincos_error),
      cmocka_unit_test(atan_error),     cmocka_unit_test(erf_error),
      cmocka_unit_test(exact_values),   cmocka_unit_test(same_bits),
      cmocka_unit_test(same_normals),   cmocka_unit_test(single_error),
      cmocka_unit_test(same_singles),
  };
  return cmocka_run_group_tests_name("dmath", tests, NULL, NULL);
}
