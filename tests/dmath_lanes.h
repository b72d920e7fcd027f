/* SPDX-License-Identifier: MIT
 *
 * dmath_lanes.h: the functions of dmath.h and philox.h over arrays, compiled once per instruction set.
 */
#ifndef BASIN_DMATH_LANES_H
#define BASIN_DMATH_LANES_H

#include <stdint.h>

/* X(function, number of results) */
#define DMATH_FUNCTIONS(X) X(log) X(exp) X(sinpi) X(cospi) X(sin) X(cos) X(atan) X(angle)

enum dmath_function {
#define DMATH_INDEX(name) DMATH_##name,
  DMATH_FUNCTIONS(DMATH_INDEX)
#undef DMATH_INDEX
      DMATH_COUNT
};

/* out[i] = function(x[i]), or angle(x[i], y[i]); count is a multiple of 8 */
typedef void dmath_eval(int function, const double *x, const double *y, double *out, int count);

/* out[2 i], out[2 i + 1]: the two normals of trial `first + i`; count is a multiple of 8 */
typedef void dmath_normals(uint64_t key, int stream, uint64_t first, uint64_t step, uint64_t block,
                           double *out, int count);

extern dmath_eval dmath_eval_generic, dmath_eval_avx2, dmath_eval_avx512;
extern dmath_normals dmath_normals_generic, dmath_normals_avx2, dmath_normals_avx512;

#endif
