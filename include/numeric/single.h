/* SPDX-License-Identifier: MIT
 *
 * single.h: single precision, with the same bits under every compiler and instruction set.
 *
 * A double takes the room of two floats, and so a lane of real.h has two of them: a pair. In vectors the halves of all
 * lanes' pairs are one `single`; for one lane a `single` is one float and a pair two in turn:
 *
 *   single   floats           + - * work on it as they are
 *   words    uint32_t, as many    + - & | ^ << >> (by a scalar) work on it as they are
 *   BASIN_HALVES              of either make a pair: 1 in vectors, 2 for one lane
 *
 * An array of pairs has pair i at [i * BASIN_HALVES] and takes as much memory as one of reals; entries 2 i and 2 i + 1
 * of a vector are the halves of pair i. As in real.h there are only operations that IEEE 754 rounds correctly.
 *
 * Largest errors, fitted and tested as those of dmath.h (tests/unit/test_dmath.c):
 *
 *   s_minus_2_log(x)     1.3 ulp     x normal, 0 < x <= 1
 *   s_sincos_half(w)     1.6e-7      both results, absolute
 */
#ifndef BASIN_NUMERIC_SINGLE_H
#define BASIN_NUMERIC_SINGLE_H

#include "numeric/philox.h"

#if BASIN_SIMD == 5
enum { BASIN_HALVES = 1 };
typedef __m512 single;
typedef uint32_t words __attribute__((vector_size(64)));

BASIN_HD single s_set(float x) { return _mm512_set1_ps(x); }
BASIN_HD words w_set(uint32_t x) { return (words)_mm512_set1_epi32((int)x); }
BASIN_HD words s_bits(single x) { return (words)_mm512_castps_si512(x); }
BASIN_HD single s_from_bits(words x) { return _mm512_castsi512_ps((__m512i)x); }
BASIN_HD single s_fma(single a, single b, single c) { return _mm512_fmadd_ps(a, b, c); }
BASIN_HD single s_sqrt(single x) { return _mm512_sqrt_ps(x); }
/* of signed integers, rounded to nearest */
BASIN_HD single s_integer(words x) { return _mm512_cvtepi32_ps((__m512i)x); }
/* of unsigned ones, likewise */
BASIN_HD single s_unsigned(words x) { return _mm512_cvtepu32_ps((__m512i)x); }

/* the halves of 64 bits a lane */
BASIN_HD void b_halves(bits x, words *out) { *out = (words)x; }
/* half 0 or 1, a constant, of a pair */
BASIN_HD real s_half(const single *pair, int half) {
  const __m512i both = _mm512_castps_si512(*pair);
  const __m512i low = half ? _mm512_srli_epi64(both, 32) : both;
  return _mm512_cvtps_pd(_mm256_castsi256_ps(_mm512_cvtepi64_epi32(low)));
}
/* a pair, rounded to nearest */
BASIN_HD void s_pair(real first, real second, single *out) {
  const __m512i low = _mm512_cvtepu32_epi64(_mm256_castps_si256(_mm512_cvtpd_ps(first))),
                high = _mm512_cvtepu32_epi64(_mm256_castps_si256(_mm512_cvtpd_ps(second)));
  *out = _mm512_castsi512_ps(_mm512_or_si512(low, _mm512_slli_epi64(high, 32)));
}

#elif BASIN_SIMD == 2
enum { BASIN_HALVES = 1 };
typedef __m256 single;
typedef uint32_t words __attribute__((vector_size(32)));

BASIN_HD single s_set(float x) { return _mm256_set1_ps(x); }
BASIN_HD words w_set(uint32_t x) { return (words)_mm256_set1_epi32((int)x); }
BASIN_HD words s_bits(single x) { return (words)_mm256_castps_si256(x); }
BASIN_HD single s_from_bits(words x) { return _mm256_castsi256_ps((__m256i)x); }
BASIN_HD single s_fma(single a, single b, single c) { return _mm256_fmadd_ps(a, b, c); }
BASIN_HD single s_sqrt(single x) { return _mm256_sqrt_ps(x); }
BASIN_HD single s_integer(words x) { return _mm256_cvtepi32_ps((__m256i)x); }
BASIN_HD single s_unsigned(words x) {
  return s_fma(s_integer(x >> 16), s_set(0x1p16f), s_integer(x & w_set(0xffff)));
}

BASIN_HD void b_halves(bits x, words *out) { *out = (words)x; }
BASIN_HD real s_half(const single *pair, int half) {
  const __m128 low = _mm256_castps256_ps128(*pair), high = _mm256_extractf128_ps(*pair, 1);
  return _mm256_cvtps_pd(half ? _mm_shuffle_ps(low, high, 0xdd) : _mm_shuffle_ps(low, high, 0x88));
}
BASIN_HD void s_pair(real first, real second, single *out) {
  const __m128 a = _mm256_cvtpd_ps(first), b = _mm256_cvtpd_ps(second);
  *out = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_unpacklo_ps(a, b)), _mm_unpackhi_ps(a, b),
                              1);
}

#else
enum { BASIN_HALVES = 2 };
typedef float single;
typedef uint32_t words;

BASIN_HD single s_set(float x) { return x; }
BASIN_HD words w_set(uint32_t x) { return x; }
BASIN_HD words s_bits(single x) {
  words w;
  memcpy(&w, &x, sizeof w);
  return w;
}
BASIN_HD single s_from_bits(words w) {
  single x;
  memcpy(&x, &w, sizeof x);
  return x;
}
BASIN_HD single s_fma(single a, single b, single c) { return fmaf(a, b, c); }
BASIN_HD single s_sqrt(single x) { return sqrtf(x); }
BASIN_HD single s_integer(words x) { return (float)(int32_t)x; }
BASIN_HD single s_unsigned(words x) { return (float)x; }

BASIN_HD void b_halves(bits x, words *out) {
  out[0] = (uint32_t)x;
  out[1] = (uint32_t)(x >> 32);
}
BASIN_HD real s_half(const single *pair, int half) { return (double)pair[half]; }
BASIN_HD void s_pair(real first, real second, single *out) {
  out[0] = (float)first;
  out[1] = (float)second;
}
#endif

#define SINGLE_HORNER(p, x, c) s_fma(p, x, s_set(c))

/* -2 log x, as r_log() but that it needs no division: -2 log m = g + g^2 Q(g) with g = 2 - 2 m */
BASIN_HD single s_minus_2_log(single x) {
  const words exponent = (s_bits(x) - w_set(0x3f3504f3u)) & w_set(0xff800000u);
  const single e = s_integer(exponent); /* times 2^23 */
  const single m = s_from_bits(s_bits(x) - exponent);
  const single g = s_fma(s_set(-2.0f), m, s_set(2.0f));
  single q = s_set(0x1.67ed28p-12f);
  q = SINGLE_HORNER(q, g, 0x1.21fd54p-10f);
  q = SINGLE_HORNER(q, g, 0x1.2fd102p-9f);
  q = SINGLE_HORNER(q, g, 0x1.53bb74p-8f);
  q = SINGLE_HORNER(q, g, 0x1.990710p-7f);
  q = SINGLE_HORNER(q, g, 0x1.000302p-5f);
  q = SINGLE_HORNER(q, g, 0x1.555638p-4f);
  q = SINGLE_HORNER(q, g, 0x1.fffffep-3f);
  return s_fma(e, s_set(-0x1.62e430p-23f), s_fma(g * g, q, g));
}

/* sine and cosine of w / 2^32 turns, both with the sign turned where the cosine would be negative; *side: there the bit
   of the sign, else 0 */
BASIN_HD void s_sincos_half(words w, single *sine, single *cosine, words *side) {
  *side = (w + w_set(0x40000000u)) & w_set(0x80000000u);
  const single x = s_integer(w - *side) * s_set(0x1p-30f); /* quarters of a turn: |x| <= 1 */
  const single z = x * x;
  single p = s_set(0x1.3e1420p-13f);
  p = SINGLE_HORNER(p, z, -0x1.32531ep-8f);
  p = SINGLE_HORNER(p, z, 0x1.4668f0p-4f);
  p = SINGLE_HORNER(p, z, -0x1.4abbc4p-1f);
  p = SINGLE_HORNER(p, z, 0x1.921fb6p+0f);
  single q = s_set(-0x1.8fb3f4p-16f);
  q = SINGLE_HORNER(q, z, 0x1.e126b0p-11f);
  q = SINGLE_HORNER(q, z, -0x1.55d074p-6f);
  q = SINGLE_HORNER(q, z, 0x1.03c1e4p-2f);
  q = SINGLE_HORNER(q, z, -0x1.3bd3ccp+0f);
  q = SINGLE_HORNER(q, z, 1.0f);
  *sine = x * p;
  *cosine = q;
}

/* Two independent standard normals of 32 random bits each for the length and the direction (Box and Muller 1958): of u
   on {1/2, 3/2, ...} / 2^32, rounded, and w / 2^32 turns. None exceeds 6.77 in magnitude, beyond which a true one is
   once in 8e10. */
BASIN_HD void s_box_muller(words length, words turn, single *x, single *y) {
  words side;
  single sine, cosine;
  const single u = s_fma(s_unsigned(length), s_set(0x1p-32f), s_set(0x1p-33f));
  s_sincos_half(turn, &sine, &cosine, &side);
  const single radius = s_from_bits(s_bits(s_sqrt(s_minus_2_log(u))) ^ side);
  *x = radius * cosine;
  *y = radius * sine;
}

/* Four standard normals of each of `count` blocks, a constant: two pairs a block into z, [2 count] pairs */
BASIN_HD void basin_singles_of(int count, uint64_t key, int stream, bits trial, bits step,
                               bits block, single *z) {
  bits low[BASIN_TOGETHER], high[BASIN_TOGETHER];
  basin_words_of(count, key, stream, trial, step, block, low, high);
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    words length[BASIN_HALVES], turn[BASIN_HALVES];
    single *to = z + 2 * i * BASIN_HALVES;
    b_halves(low[i], length);
    b_halves(high[i], turn);
    for (int h = 0; h < BASIN_HALVES; h++)
      s_box_muller(length[h], turn[h], to + h, to + BASIN_HALVES + h);
  }
}

#endif
