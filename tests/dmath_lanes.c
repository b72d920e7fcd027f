/* SPDX-License-Identifier: MIT */
#include "dmath_lanes.h"
#include "philox.h"

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)

static real load(const double *x) {
  real r;
  memcpy(&r, x, sizeof r);
  return r;
}

void PASTE(dmath_eval_, BASIN_ISA)(int function, const double *x, const double *y, double *out,
                                   int count) {
  for (int i = 0; i < count; i += BASIN_LANES) {
    const real a = load(x + i), b = load(y + i);
    real s = a, c = a;
    switch (function) {
    case DMATH_log:
      s = r_log(a);
      break;
    case DMATH_exp:
      s = r_exp(a);
      break;
    case DMATH_sinpi:
      r_sincospi(a, &s, &c);
      break;
    case DMATH_cospi:
      r_sincospi(a, &c, &s);
      break;
    case DMATH_sin:
      r_sincos(a, &s, &c);
      break;
    case DMATH_cos:
      r_sincos(a, &c, &s);
      break;
    case DMATH_atan:
      s = r_atan(a);
      break;
    case DMATH_angle:
      s = r_angle(a, b);
      break;
    }
    memcpy(out + i, &s, sizeof s);
  }
}

void PASTE(dmath_normals_, BASIN_ISA)(uint64_t key, int stream, uint64_t first, uint64_t step,
                                      uint64_t block, double *out, int count) {
  for (int i = 0; i < count; i += BASIN_LANES) {
    uint64_t number[BASIN_LANES];
    bits trial;
    real x, y;
    for (int l = 0; l < BASIN_LANES; l++) number[l] = first + (uint64_t)(i + l);
    memcpy(&trial, number, sizeof trial);
    basin_normals(key, stream, trial, step, block, &x, &y);
    for (int l = 0; l < BASIN_LANES; l++) {
      out[2 * (i + l)] = r_lane(&x, l);
      out[2 * (i + l) + 1] = r_lane(&y, l);
    }
  }
}
