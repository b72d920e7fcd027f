/* SPDX-License-Identifier: MIT */
#include "dmath_lanes.h"
#include "numeric/functions.h"
#include "numeric/single.h"

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)

static real load(const double *x) {
  real r;
  memcpy(&r, x, sizeof r);
  return r;
}

static real single_log(real x) {
  single pair[BASIN_HALVES];
  s_pair(x, x, pair);
  pair[0] = s_minus_2_log(pair[0]);
  return s_half(pair, 0);
}

static real single_turn(real x, int of_cosine) {
  words w[BASIN_HALVES], side;
  single sine, cosine, pair[BASIN_HALVES];
  b_halves(r_bits(x + r_set(0x1p52)), w);
  s_sincos_half(w[0], &sine, &cosine, &side);
  for (int h = 0; h < BASIN_HALVES; h++)
    pair[h] = s_from_bits(s_bits(of_cosine ? cosine : sine) ^ side);
  return s_half(pair, 0);
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
    case DMATH_erf:
      s = r_erf(a);
      break;
    case DMATH_erfinv:
      s = r_erfinv(a);
      break;
#define TOTAL(name, call) \
  case DMATH_##name:      \
    s = call;             \
    break;
      DMATH_TOTAL(TOTAL)
#undef TOTAL
    case DMATH_single_log:
      s = single_log(a);
      break;
    case DMATH_single_sine:
    case DMATH_single_cosine:
      s = single_turn(a, function == DMATH_single_cosine);
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

void PASTE(dmath_singles_, BASIN_ISA)(uint64_t key, int stream, uint64_t first, uint64_t step,
                                      uint64_t block, double *out, int count) {
  for (int i = 0; i < count; i += BASIN_LANES) {
    uint64_t number[BASIN_LANES];
    bits trial;
    single z[2 * BASIN_HALVES];
    for (int l = 0; l < BASIN_LANES; l++) number[l] = first + (uint64_t)(i + l);
    memcpy(&trial, number, sizeof trial);
    basin_singles_of(1, key, stream, trial, b_set(step), b_set(block), z);
    for (int e = 0; e < 4; e++) {
      const real entry = s_half(z + e / 2 * BASIN_HALVES, e % 2);
      for (int l = 0; l < BASIN_LANES; l++) out[4 * (i + l) + e] = r_lane(&entry, l);
    }
  }
}
