/* SPDX-License-Identifier: MIT
 *
 * dmath_lanes.h: the functions of dmath.h, functions.h, philox.h and single.h over arrays, compiled once per
 * instruction set.
 */
#ifndef BASIN_DMATH_LANES_H
#define BASIN_DMATH_LANES_H

#include <stdint.h>

/* those of functions.h: X(function, as called) */
#define DMATH_TOTAL(X)           \
  X(exp_total, r_exp_total(a))   \
  X(log_total, r_log_total(a))   \
  X(expm1, r_expm1(a))           \
  X(log1p, r_log1p(a))           \
  X(sin_total, r_sin(a))         \
  X(cos_total, r_cos(a))         \
  X(tan, r_tan(a))               \
  X(asin, r_asin(a))             \
  X(acos, r_acos(a))             \
  X(atan_total, r_atan_total(a)) \
  X(atan2, r_atan2(a, b))        \
  X(tanh, r_tanh(a))             \
  X(erf_total, r_erf_total(a))   \
  X(logistic, r_logistic(a))     \
  X(softplus, r_softplus(a))     \
  X(pow, r_pow(a, b))            \
  X(floor, r_floor(a))

#define DMATH_FUNCTIONS(X) \
  X(log)                   \
  X(exp)                   \
  X(sinpi)                 \
  X(cospi)                 \
  X(sin) X(cos) X(atan) X(angle) X(erf) X(erfinv)
#define DMATH_SINGLES(X) X(single_log) X(single_sine) X(single_cosine)

enum dmath_function {
#define DMATH_INDEX(name) DMATH_##name,
#define DMATH_TOTAL_INDEX(name, call) DMATH_##name,
  DMATH_FUNCTIONS(DMATH_INDEX) DMATH_TOTAL(DMATH_TOTAL_INDEX) DMATH_SINGLES(DMATH_INDEX)
#undef DMATH_INDEX
#undef DMATH_TOTAL_INDEX
      DMATH_COUNT
};

/* out[i] = function(x[i]), or of two arguments, function(x[i], y[i]); those of single.h by single precision: -2 log x,
   and sine and cosine of x / 2^32 turns, x an integer below 2^32; count is a multiple of 8 */
typedef void dmath_eval(int function, const double *x, const double *y, double *out, int count);

/* out[2 i], out[2 i + 1]: the two normals of trial `first + i`; count is a multiple of 8 */
typedef void dmath_normals(uint64_t key, int stream, uint64_t first, uint64_t step, uint64_t block,
                           double *out, int count);

extern dmath_eval dmath_eval_generic, dmath_eval_avx2, dmath_eval_avx512;
extern dmath_normals dmath_normals_generic, dmath_normals_avx2, dmath_normals_avx512;
/* out[4 i .. 4 i + 3]: the four singles likewise */
extern dmath_normals dmath_singles_generic, dmath_singles_avx2, dmath_singles_avx512;

#endif
