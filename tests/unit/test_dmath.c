/* SPDX-License-Identifier: MIT
 *
 * test_dmath.c: dmath.h, functions.h and single.h against binary128, and the same bits from every instruction set.
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
  case DMATH_log_total:
    return logq(a);
  case DMATH_exp:
  case DMATH_exp_total:
    return expq(a);
  case DMATH_expm1:
    return expm1q(a);
  case DMATH_log1p:
    return log1pq(a);
  case DMATH_tan:
    return tanq(a);
  case DMATH_asin:
    return asinq(a);
  case DMATH_acos:
    return acosq(a);
  case DMATH_tanh:
    return tanhq(a);
  case DMATH_logistic:
    return 1 / (1 + expq(-(__float128)a));
  case DMATH_softplus:
    return fmaxq(a, 0) + log1pq(expq(-fabsq(a)));
  case DMATH_pow:
    return powq(a, b);
  case DMATH_floor:
    return floorq(a);
  case DMATH_sinpi:
    return sinq(pi() * fmodq(a, 2));
  case DMATH_cospi:
    return cosq(pi() * fmodq(a, 2));
  case DMATH_sin:
  case DMATH_sin_total:
    return sinq(a);
  case DMATH_cos:
  case DMATH_cos_total:
    return cosq(a);
  case DMATH_atan:
  case DMATH_atan_total:
    return atanq(a);
  case DMATH_erf:
  case DMATH_erf_total:
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
  if (isinf(rounded) && value == rounded) return 0;
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
  /* binary128 has no quick error function, and functions.h many functions */
  const int few = function == DMATH_erf ||
                  (function >= DMATH_erfinv && function < DMATH_single_log);
  const int pieces = few ? 1 : PIECES, samples = few ? SAMPLES / 4 : SAMPLES;
  for (int piece = 0; piece < pieces; piece++) {
    for (int i = 0; i < samples; i++) {
      x[i] = sample(&state, low, high, spread);
      if (function > DMATH_single_log) x[i] = floor(x[i]);
      y[i] = sample(&state, -1, 1, 0) * pow(2, floor(40 * test_uniform(&state) - 20));
      if (function == DMATH_pow) y[i] = sample(&state, -746, 711, 0) / log(x[i]);
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

static void total_error(void **unused) {
  (void)unused;
  check(DMATH_exp_total, -746, 711, 0, 1.00);
  check(DMATH_log_total, 5e-324, 1e308, 1, 0.85);
  check(DMATH_log_total, 5e-324, 2e-308, 1, 0.85);
  check(DMATH_expm1, -2, 2, 0, 0.85);
  check(DMATH_expm1, -50, 711, 0, 0.85);
  check(DMATH_expm1, 5e-324, 1, 1, 0.85);
  check(DMATH_log1p, -1, 2, 0, 0.90);
  check(DMATH_log1p, 5e-324, 1e308, 1, 0.90);
  check(DMATH_tanh, -3, 3, 0, 0.80);
  check(DMATH_tanh, 5e-324, 30, 1, 0.80);
  check(DMATH_erf_total, -7, 7, 0, 1.25);
  check(DMATH_logistic, -3, 3, 0, 0.80);
  check(DMATH_logistic, -750, 750, 0, 0.80);
  check(DMATH_logistic, -750, -700, 0, 0.80);
  check(DMATH_softplus, -3, 3, 0, 0.90);
  check(DMATH_softplus, -750, 750, 0, 0.90);
  check(DMATH_softplus, -750, -700, 0, 0.90);
}

static void total_angle_error(void **unused) {
  (void)unused;
  check(DMATH_sin_total, -10, 10, 0, 0.95);
  check(DMATH_cos_total, -10, 10, 0, 0.95);
  check(DMATH_sin_total, 5e-324, 0x1p40, 1, 0.95);
  check(DMATH_sin_total, -0x1p40, 0x1p40, 0, 0.95);
  check(DMATH_cos_total, 1, 0x1p40, 1, 0.95);
  check(DMATH_tan, -10, 10, 0, 1.10);
  check(DMATH_tan, 5e-324, 0x1p40, 1, 1.10);
  check(DMATH_tan, -0x1p40, 0x1p40, 0, 1.10);
  check(DMATH_asin, -1, 1, 0, 0.70);
  check(DMATH_asin, 5e-324, 1, 1, 0.70);
  check(DMATH_acos, -1, 1, 0, 0.70);
  check(DMATH_acos, 0.999, 1, 0, 0.70);
  check(DMATH_acos, 5e-324, 1, 1, 0.70);
  check(DMATH_atan_total, 5e-324, 1.7e308, 1, 1.40);
  check(DMATH_atan2, -10, 10, 0, 1.40);
  check(DMATH_atan2, 5e-324, 1.7e308, 1, 1.40);
}

static void pow_error(void **unused) {
  (void)unused;
  check(DMATH_pow, 0, 10, 0, 0.90);
  check(DMATH_pow, 0.5, 2, 0, 0.90);
  check(DMATH_pow, 0.9999, 1.0001, 0, 0.90);
  check(DMATH_pow, 5e-324, 1.7e308, 1, 0.90);
}

/* the doubles that come nearest to a multiple of pi/2, of those with their exponents, found by continued fractions */
static void nearest_to_quarters(void **unused) {
  static const double near[] = {
      0x1.921fb54442d18p+0,  0x1.921fb54442d18p+1,  0x1.2d97c7f3321d2p+2,  0x1.6c6cbc45dc8dep+5,
      0x1.6c6cbc45dc8dep+6,  0x1.6c6cbc45dc8dep+9,  0x1.635e3d74befcap+14, 0x1.39c6fd67805a7p+18,
      0x1.9eb7148f354d6p+20, 0x1.b951f1572eba5p+23, 0x1.b951f1572eba5p+24, 0x1.b951f1572eba5p+27,
      0x1.5c9508c58aafap+32, 0x1.de5e5054e921bp+34, 0x1.46546a5bd73ccp+35, 0x1.065c829d68730p+39};
  enum { COUNT = sizeof near / sizeof *near };
  (void)unused;
  memcpy(x, near, sizeof near);
  for (int function = DMATH_sin_total; function <= DMATH_tan; function++) {
    eval[0](function, x, y, got, COUNT);
    for (int i = 0; i < COUNT; i++)
      if (!(ulps(got[i], reference(function, x[i], 0)) <= 0.95))
        fail_msg("function %d of %a is %a, expected %a", function, x[i], got[i],
                 (double)reference(function, x[i], 0));
  }
}

static double logistic(double a) { return a < 0 ? exp(a) / (1 + exp(a)) : 1 / (1 + exp(-a)); }
static double softplus(double a) { return a > 0 ? a : log1p(exp(a)); }

/* C's own function: right where its value is infinite, 0 or undefined */
static double of_c(int function, double a, double b) {
  switch (function) {
  case DMATH_atan2:
    return atan2(a, b);
  case DMATH_pow:
    return pow(a, b);
  case DMATH_logistic:
    return logistic(a);
  case DMATH_softplus:
    return softplus(a);
  default: {
    static double (*const one[DMATH_COUNT])(double) = {
        [DMATH_exp_total] = exp, [DMATH_log_total] = log,   [DMATH_expm1] = expm1,
        [DMATH_log1p] = log1p,   [DMATH_sin_total] = sin,   [DMATH_cos_total] = cos,
        [DMATH_tan] = tan,       [DMATH_asin] = asin,       [DMATH_acos] = acos,
        [DMATH_tanh] = tanh,     [DMATH_atan_total] = atan, [DMATH_erf_total] = erf,
        [DMATH_floor] = floor};
    return one[function](a);
  }
  }
}

/* every function of functions.h, of every pair: what C says, to the sign of a zero, and one NaN */
static void total_values(void **unused) {
  static const double special[] = {0,
                                   5e-324,
                                   0x1p-1022,
                                   0x1p-1000,
                                   0x1p-54,
                                   0x1p-30,
                                   0.1,
                                   0.5,
                                   0.75,
                                   0.9999999999999999,
                                   1,
                                   1.5,
                                   2,
                                   3,
                                   700,
                                   709.782712893384,
                                   709.7827128933841,
                                   745.1332191019411,
                                   745.2,
                                   1e5,
                                   0x1p40,
                                   0x1.8p51,
                                   0x1p52 + 0.5,
                                   0x1p53 - 1,
                                   0x1p53,
                                   1e300,
                                   0x1.fffffffffffffp+1023,
                                   INFINITY};
  enum { COUNT = sizeof special / sizeof *special };
  const uint64_t undefined = 0x7ff8000000000000u;
  int pairs = 0;
  (void)unused;
  for (int i = 0; i < 2 * COUNT + 1; i++) {
    for (int j = 0; j < 2 * COUNT + 1; j++, pairs++) {
      x[pairs] = i < COUNT ? special[i] : i < 2 * COUNT ? -special[i - COUNT] : NAN;
      y[pairs] = j < COUNT ? special[j] : j < 2 * COUNT ? -special[j - COUNT] : NAN;
    }
  }
  for (int function = DMATH_exp_total; function < DMATH_single_log; function++) {
    const int turns = function >= DMATH_sin_total && function <= DMATH_tan;
    eval[0](function, x, y, got, (pairs + 7) / 8 * 8);
    for (int i = 0; i < pairs; i++) {
      const double c = turns && fabs(x[i]) > 0x1p40 ? NAN : of_c(function, x[i], y[i]);
      if (isnan(c)             ? memcmp(&got[i], &undefined, sizeof undefined) != 0
          : c == 0 || isinf(c) ? got[i] != c || signbit(got[i]) != signbit(c)
                               : !(ulps(got[i], reference(function, x[i], y[i])) <= 1.40))
        fail_msg("function %d of (%a, %a) is %a, expected %a", function, x[i], y[i], got[i], c);
    }
  }
}

/* where r_exp and r_log are defined the total ones have their bits */
static void total_as_before(void **unused) {
  uint64_t state = 7;
  (void)unused;
  for (int i = 0; i < SAMPLES; i++) x[i] = sample(&state, -708, 709, 0);
  eval[0](DMATH_exp, x, y, got, SAMPLES);
  eval[0](DMATH_exp_total, x, y, other, SAMPLES);
  assert_memory_equal(got, other, sizeof got);
  for (int i = 0; i < SAMPLES; i++) x[i] = sample(&state, 0x1p-1022, 1.7e308, 1);
  eval[0](DMATH_log, x, y, got, SAMPLES);
  eval[0](DMATH_log_total, x, y, other, SAMPLES);
  assert_memory_equal(got, other, sizeof got);
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

/* any doubles: half of the arguments of usual size, the others of any, infinite ones and NaN too */
static void any_pair(uint64_t *state, int i) {
  const uint64_t word[2] = {test_random(state), test_random(state)};
  if (word[0] % 2) {
    memcpy(&x[i], &word[0], sizeof x[i]);
    memcpy(&y[i], &word[1], sizeof y[i]);
  } else {
    x[i] = sample(state, -20, 20, 0);
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
      if (function >= DMATH_exp_total && function < DMATH_single_log) any_pair(&state, i);
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
      cmocka_unit_test(log_error),           cmocka_unit_test(exp_error),
      cmocka_unit_test(sincospi_error),      cmocka_unit_test(sincos_error),
      cmocka_unit_test(atan_error),          cmocka_unit_test(erf_error),
      cmocka_unit_test(exact_values),        cmocka_unit_test(same_bits),
      cmocka_unit_test(same_normals),        cmocka_unit_test(single_error),
      cmocka_unit_test(same_singles),        cmocka_unit_test(total_error),
      cmocka_unit_test(total_angle_error),   cmocka_unit_test(pow_error),
      cmocka_unit_test(nearest_to_quarters), cmocka_unit_test(total_values),
      cmocka_unit_test(total_as_before),
  };
  return cmocka_run_group_tests_name("dmath", tests, NULL, NULL);
}
