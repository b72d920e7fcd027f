/* SPDX-License-Identifier: MIT
 *
 * real.h: the types and operations of which every formula is made, the same on the CPU and on a device.
 *
 * Every formula of basin is written once, on the type `real`, and compiled
 *   - by a C compiler for SIMD lanes: `real` holds BASIN_LANES doubles, one trial per lane;
 *   - by a C compiler for one lane, on any machine: `real` is a double;
 *   - by nvcc for a CUDA thread: `real` is a double.
 *
 * The result must not depend on which one it was. So only operations that IEEE 754 rounds correctly
 * are offered (+ - * / sqrt fma, comparisons, bit operations), and every translation unit that
 * includes this header is compiled with contraction off (-ffp-contract=off, nvcc -fmad=false).
 *
 *   real   BASIN_LANES doubles       + - * / work on it as they are
 *   bits   BASIN_LANES uint64_t      + - & | ^ << >> (by a scalar) work on it as they are
 *   mask   BASIN_LANES truth values  m_and, m_or, m_not, m_any, and r_select
 *
 * r_max and r_min are the larger and the smaller of two, the second where either is NaN or both are 0; r_unless(m, x)
 * is 0 where m, else x.
 * r_rows(from, i, out) has from[i] to from[i + 7], a row of a table for each lane, as out[0] to out[7]: whole rows are
 * loaded and transposed, for a gather costs as much as loading every entry by itself. r_cubics(from, i, f, out) has
 * c_0 + c_1 f + c_2 f^2 + c_3 f^3 of four cubics for each lane, c_j of cubic k at from[i + 4 j + k]: a lane's four are
 * one vector, and only the four values are transposed.
 */
#ifndef BASIN_NUMERIC_REAL_H
#define BASIN_NUMERIC_REAL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* A function of models and engines: part of whoever calls it, so that loops over constants become none and vectors stay
   in registers. With BASIN_PLAIN each is compiled once and called, and loops stay loops: for sanitizers, to which speed
   is nothing, and whose builds take half the time so. The same bits. */
#if defined(__CUDACC__)
#define BASIN_HD static __host__ __device__ __forceinline__
#elif defined(BASIN_PLAIN)
#define BASIN_HD static __attribute__((unused))
#else
#define BASIN_HD static inline __attribute__((always_inline, unused))
#endif

/* a function that is called on a CPU, for its loops to have all registers and its callers no frame of its size; on a
   device part of them */
#if defined(__CUDACC__) || defined(CUDASIM)
#define BASIN_CALLED BASIN_HD
#else
#define BASIN_CALLED static __attribute__((noinline, unused))
#endif

/* before a loop of few iterations over independent values: keep them all in flight */
#if defined(__clang__)
#define BASIN_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__) && !defined(__CUDACC__) && !defined(BASIN_PLAIN)
#define BASIN_UNROLL _Pragma("GCC unroll 8")
#else
#define BASIN_UNROLL
#endif

/* before the rounds of a cipher */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__) && !defined(BASIN_PLAIN)
#define BASIN_UNROLL_ROUNDS _Pragma("GCC unroll 10")
#else
#define BASIN_UNROLL_ROUNDS BASIN_UNROLL
#endif

/* before a loop of long iterations: one at a time, where the registers would not do for several */
#if defined(__CUDA_ARCH__)
#define BASIN_ROLLED _Pragma("unroll 1")
#else
#define BASIN_ROLLED
#endif

/* before a short loop with constant bounds over an array that shall stay in a device's registers */
#if defined(__CUDA_ARCH__)
#define BASIN_UNROLLED _Pragma("unroll")
#else
#define BASIN_UNROLLED
#endif

/* before a table of constants, by whose entries all threads go the same way */
#if defined(__CUDA_ARCH__)
#define BASIN_TABLE static __constant__ const
#else
#define BASIN_TABLE static const
#endif

/* A number of more digits than a single one has, in what trials do again and again, as

     y = r_fma(BASIN_LITERAL(0x1.999987d906fb3p-3), z, x);

   An instruction of sm_90 holds 32 bits of a double, the upper ones; any other takes two instructions more, each time.
   In constant memory the number is one instruction away, or none: ptxas keeps some 30 of them in the uniform registers
   across a loop. So not in a part of a loop that few of its turns come to: those would take the room of others; rare
   is a constant that says whether it is such a part. The load is written in PTX because the compiler, which knows the
   number, would put it back. */
#if defined(__CUDA_ARCH__)
#define BASIN_LITERAL(c)                                    \
  ({                                                        \
    static __constant__ double basin_literal = (c);         \
    double basin_loaded;                                    \
    asm("ld.const.f64 %0, [%1];"                            \
        : "=d"(basin_loaded)                                \
        : "l"(__cvta_generic_to_constant(&basin_literal))); \
    basin_loaded;                                           \
  })
#define BASIN_LITERAL_UNLESS(rare, c) ((rare) ? r_set(c) : BASIN_LITERAL(c))
#else
#define BASIN_LITERAL(c) r_set(c)
#define BASIN_LITERAL_UNLESS(rare, c) ((void)(rare), r_set(c))
#endif

#define BASIN_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* The instruction set is chosen by the build, once per object file: 0 any machine, 2 AVX2, 5 AVX-512. */
#ifndef BASIN_SIMD
#define BASIN_SIMD 0
#endif

/* A number that has been loaded and that several operations need: kept in a register, where the compiler would have
   each of them load it again. */
#if BASIN_SIMD == 5
#define BASIN_KEEP(x) __asm__("" : "+v"(x))
#elif BASIN_SIMD == 2
#define BASIN_KEEP(x) __asm__("" : "+x"(x))
#else
#define BASIN_KEEP(x) ((void)(x))
#endif

/* independent blocks of random words that are worked on in turn: a round of the cipher, and a chain of a polynomial,
   waits for the one before it */
enum { BASIN_TOGETHER = BASIN_SIMD ? 4 : 1 };

#if BASIN_SIMD == 5
/* ---- AVX-512: eight lanes ---- */
#include <immintrin.h>
#define BASIN_LANES 8
typedef __m512d real;
typedef uint64_t bits __attribute__((vector_size(64)));
typedef __mmask8 mask;

BASIN_HD real r_set(double x) { return _mm512_set1_pd(x); }
BASIN_HD bits b_set(uint64_t x) { return (bits)_mm512_set1_epi64((long long)x); }
/* the product of the low halves */
BASIN_HD bits b_mul32(bits a, bits b) { return (bits)_mm512_mul_epu32((__m512i)a, (__m512i)b); }
BASIN_HD bits r_bits(real x) { return (bits)_mm512_castpd_si512(x); }
BASIN_HD real r_from_bits(bits x) { return _mm512_castsi512_pd((__m512i)x); }
BASIN_HD real r_fma(real a, real b, real c) { return _mm512_fmadd_pd(a, b, c); }
BASIN_HD real r_fnma(real a, real b, real c) { return _mm512_fnmadd_pd(a, b, c); }
BASIN_HD real r_sqrt(real x) { return _mm512_sqrt_pd(x); }
BASIN_HD mask r_lt(real a, real b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
BASIN_HD mask r_le(real a, real b) { return _mm512_cmp_pd_mask(a, b, _CMP_LE_OQ); }
BASIN_HD mask m_and(mask a, mask b) { return (mask)(a & b); }
BASIN_HD mask m_or(mask a, mask b) { return (mask)(a | b); }
BASIN_HD mask m_not(mask a) { return (mask)~a; }
BASIN_HD unsigned m_bits(mask a) { return a; }
BASIN_HD real r_select(mask m, real yes, real no) { return _mm512_mask_blend_pd(m, no, yes); }
BASIN_HD real r_unless(mask m, real x) { return _mm512_maskz_mov_pd((mask)~m, x); }
BASIN_HD real r_max(real a, real b) { return _mm512_max_pd(a, b); }
BASIN_HD real r_min(real a, real b) { return _mm512_min_pd(a, b); }
/* out[k] from four vectors of pairs of lanes l and l + 4: entry k of lane l is entry k of the half of its vector */
BASIN_HD void r_transposed(const real row[4], real out[4]) {
  const __m512i even = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13),
                odd = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
  const __m512d a = _mm512_unpacklo_pd(row[0], row[1]), b = _mm512_unpacklo_pd(row[2], row[3]),
                c = _mm512_unpackhi_pd(row[0], row[1]), d = _mm512_unpackhi_pd(row[2], row[3]);
  out[0] = _mm512_permutex2var_pd(a, even, b);
  out[1] = _mm512_permutex2var_pd(c, even, d);
  out[2] = _mm512_permutex2var_pd(a, odd, b);
  out[3] = _mm512_permutex2var_pd(c, odd, d);
}
/* four entries of two lanes, at x and at y */
BASIN_HD real r_pair(const double *x, const double *y) {
  return _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(x)), _mm256_loadu_pd(y), 1);
}
BASIN_HD void r_rows(const double *from, bits i, real out[8]) {
  uint64_t at[8];
  memcpy(at, &i, sizeof at);
  for (int half = 0; half < 2; half++, from += 4) {
    real row[4];
    for (int l = 0; l < 4; l++) row[l] = r_pair(from + at[l], from + at[l + 4]);
    r_transposed(row, out + 4 * half);
  }
}
BASIN_HD void r_cubics(const double *from, bits i, real f, real out[4]) {
  const real g[4] = {_mm512_permutex_pd(f, 0x00), _mm512_permutex_pd(f, 0x55),
                     _mm512_permutex_pd(f, 0xaa), _mm512_permutex_pd(f, 0xff)};
  uint64_t at[8];
  real row[4];
  memcpy(at, &i, sizeof at);
  for (int l = 0; l < 4; l++) {
    const double *x = from + at[l], *y = from + at[l + 4];
    row[l] = r_fma(r_pair(x + 12, y + 12), g[l], r_pair(x + 8, y + 8));
    row[l] = r_fma(r_fma(row[l], g[l], r_pair(x + 4, y + 4)), g[l], r_pair(x, y));
  }
  r_transposed(row, out);
}

#elif BASIN_SIMD == 2
/* ---- AVX2 with FMA: four lanes ---- */
#include <immintrin.h>
#define BASIN_LANES 4
typedef __m256d real;
typedef uint64_t bits __attribute__((vector_size(32)));
typedef __m256d mask;

BASIN_HD real r_set(double x) { return _mm256_set1_pd(x); }
BASIN_HD bits b_set(uint64_t x) { return (bits)_mm256_set1_epi64x((long long)x); }
BASIN_HD bits b_mul32(bits a, bits b) { return (bits)_mm256_mul_epu32((__m256i)a, (__m256i)b); }
BASIN_HD bits r_bits(real x) { return (bits)_mm256_castpd_si256(x); }
BASIN_HD real r_from_bits(bits x) { return _mm256_castsi256_pd((__m256i)x); }
BASIN_HD real r_fma(real a, real b, real c) { return _mm256_fmadd_pd(a, b, c); }
BASIN_HD real r_fnma(real a, real b, real c) { return _mm256_fnmadd_pd(a, b, c); }
BASIN_HD real r_sqrt(real x) { return _mm256_sqrt_pd(x); }
BASIN_HD mask r_lt(real a, real b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
BASIN_HD mask r_le(real a, real b) { return _mm256_cmp_pd(a, b, _CMP_LE_OQ); }
BASIN_HD mask m_and(mask a, mask b) { return _mm256_and_pd(a, b); }
BASIN_HD mask m_or(mask a, mask b) { return _mm256_or_pd(a, b); }
BASIN_HD mask m_not(mask a) {
  return _mm256_xor_pd(a, _mm256_castsi256_pd(_mm256_set1_epi64x(-1)));
}
BASIN_HD unsigned m_bits(mask a) { return (unsigned)_mm256_movemask_pd(a); }
BASIN_HD real r_select(mask m, real yes, real no) { return _mm256_blendv_pd(no, yes, m); }
BASIN_HD real r_unless(mask m, real x) { return _mm256_andnot_pd(m, x); }
BASIN_HD real r_max(real a, real b) { return _mm256_max_pd(a, b); }
BASIN_HD real r_min(real a, real b) { return _mm256_min_pd(a, b); }
/* out[k] from the vectors of four lanes */
BASIN_HD void r_transposed(const real row[4], real out[4]) {
  const __m256d a = _mm256_unpacklo_pd(row[0], row[1]), b = _mm256_unpacklo_pd(row[2], row[3]),
                c = _mm256_unpackhi_pd(row[0], row[1]), d = _mm256_unpackhi_pd(row[2], row[3]);
  out[0] = _mm256_permute2f128_pd(a, b, 0x20);
  out[1] = _mm256_permute2f128_pd(c, d, 0x20);
  out[2] = _mm256_permute2f128_pd(a, b, 0x31);
  out[3] = _mm256_permute2f128_pd(c, d, 0x31);
}
BASIN_HD void r_rows(const double *from, bits i, real out[8]) {
  uint64_t at[4];
  memcpy(at, &i, sizeof at);
  for (int half = 0; half < 2; half++, from += 4) {
    real row[4];
    for (int l = 0; l < 4; l++) row[l] = _mm256_loadu_pd(from + at[l]);
    r_transposed(row, out + 4 * half);
  }
}
BASIN_HD void r_cubics(const double *from, bits i, real f, real out[4]) {
  const real g[4] = {_mm256_permute4x64_pd(f, 0x00), _mm256_permute4x64_pd(f, 0x55),
                     _mm256_permute4x64_pd(f, 0xaa), _mm256_permute4x64_pd(f, 0xff)};
  uint64_t at[4];
  real row[4];
  memcpy(at, &i, sizeof at);
  for (int l = 0; l < 4; l++) {
    const double *x = from + at[l];
    row[l] = r_fma(_mm256_loadu_pd(x + 12), g[l], _mm256_loadu_pd(x + 8));
    row[l] = r_fma(r_fma(row[l], g[l], _mm256_loadu_pd(x + 4)), g[l], _mm256_loadu_pd(x));
  }
  r_transposed(row, out);
}

#else
/* ---- one lane: any C compiler, and a CUDA thread ---- */
#define BASIN_LANES 1
typedef double real;
typedef uint64_t bits;
typedef int mask;

BASIN_HD real r_set(double x) { return x; }
BASIN_HD bits b_set(uint64_t x) { return x; }
BASIN_HD bits b_mul32(bits a, bits b) { return (a & 0xffffffffu) * (b & 0xffffffffu); }
BASIN_HD bits r_bits(real x) {
  bits b;
  memcpy(&b, &x, sizeof b);
  return b;
}
BASIN_HD real r_from_bits(bits b) {
  real x;
  memcpy(&x, &b, sizeof x);
  return x;
}
/* without the FMA instructions libm's fma is exact all the same, and slow: the price of running anywhere */
BASIN_HD real r_fma(real a, real b, real c) { return fma(a, b, c); }
BASIN_HD real r_fnma(real a, real b, real c) { return fma(-a, b, c); }
BASIN_HD real r_sqrt(real x) { return sqrt(x); }
BASIN_HD mask r_lt(real a, real b) { return a < b; }
BASIN_HD mask r_le(real a, real b) { return a <= b; }
BASIN_HD mask m_and(mask a, mask b) { return a & b; }
BASIN_HD mask m_or(mask a, mask b) { return a | b; }
BASIN_HD mask m_not(mask a) { return !a; }
BASIN_HD unsigned m_bits(mask a) { return (unsigned)a; }
BASIN_HD real r_select(mask m, real yes, real no) { return m ? yes : no; }
BASIN_HD real r_unless(mask m, real x) { return m ? 0 : x; }
BASIN_HD real r_max(real a, real b) { return b < a ? a : b; }
BASIN_HD real r_min(real a, real b) { return a < b ? a : b; }
BASIN_HD void r_rows(const double *from, bits i, real out[8]) {
  BASIN_UNROLLED
  for (int j = 0; j < 8; j++) out[j] = from[i + (bits)j];
}
BASIN_HD void r_cubics(const double *from, bits i, real f, real out[4]) {
  BASIN_UNROLLED
  for (bits k = 0; k < 4; k++) {
    const double *c = from + (i + k);
    out[k] = r_fma(r_fma(r_fma(c[12], f, c[8]), f, c[4]), f, c[0]);
  }
}
#endif

/* plain C with one lane: where the host's own functions of a model are compiled */
#if BASIN_SIMD == 0 && !defined(__CUDACC__) && !defined(CUDASIM)
#define BASIN_ONE_LANE 1
#else
#define BASIN_ONE_LANE 0
#endif

/* ---- what follows from the above ---- */

BASIN_HD int m_any(mask m) { return m_bits(m) != 0; }

/* |x|, and x with the sign of s; s must be +-finite or +-0 */
BASIN_HD real r_abs(real x) { return r_from_bits(r_bits(x) & b_set(0x7fffffffffffffffu)); }
BASIN_HD real r_copysign(real x, real s) {
  return r_from_bits((r_bits(x) & b_set(0x7fffffffffffffffu)) |
                     (r_bits(s) & b_set(0x8000000000000000u)));
}

/* lane i of a value in memory: how the drivers move single trials in and out */
BASIN_HD double r_lane(const real *x, int i) {
  double y;
  memcpy(&y, (const char *)x + sizeof y * (size_t)i, sizeof y);
  return y;
}
BASIN_HD void r_lane_set(real *x, int i, double y) {
  memcpy((char *)x + sizeof y * (size_t)i, &y, sizeof y);
}

#endif
