/* SPDX-License-Identifier: MIT
 *
 * own_sums.h: the operations of models that are written as formulas (host/formula/graph.h) which are none of a lane's
 * own: sums and products in an order that the text says, and a few functions of kinks. Headers that host/formula/emit.c
 * writes are made of them, and so may others be.
 *
 * A sum over n entries is a chain below 8 entries. From 8 on it is eight strands, entry i in strand i mod 8, which are
 * added by halving (0 + 4, 1 + 5, 2 + 6, 3 + 7; then 0 + 2, 1 + 3; then 0 + 1). A chain and a strand begin with their
 * first entry: with -0, that is, which changes none. The sum of x[i] and the largest x[i] y[i], in one loop:
 *
 *   own_strands sum = own_strands_none();
 *   real most = r_set(0.0);
 *   OWN_STRANDS(n) {
 *     const int i = OWN_INDEX;
 *     sum.of[OWN_STRAND] = sum.of[OWN_STRAND] + x[i];
 *     most = i == 0 ? x[i] * y[i] : own_max(most, x[i] * y[i]);
 *   }
 *   const real total = own_strands_sum(&sum);
 *
 * The product of a matrix of constants A [n][d] with x [d], every entry one chain over j, which many entries take side
 * by side; OWN_PRODUCT_OF where n is a constant:
 *
 *   OWN_PRODUCT(i, n, j, d, r_set(A[i * d + j]), x[j], y[i])
 */
#ifndef BASIN_OWN_SUMS_H
#define BASIN_OWN_SUMS_H

#include "numeric/functions.h"

/* before a long function that is called from several places, with arrays in memory: one copy of it */
#if defined(__CUDACC__)
#define OWN_ONE_COPY static __host__ __device__ __noinline__
#else
#define OWN_ONE_COPY static __attribute__((noinline, unused))
#endif

typedef struct own_strands {
  real of[8];
} own_strands;

BASIN_HD own_strands own_strands_none(void) {
  own_strands s;
  BASIN_UNROLL
  for (int b = 0; b < 8; b++) s.of[b] = r_set(-0.0);
  return s;
}
BASIN_HD real own_strands_sum(const own_strands *s) {
  return ((s->of[0] + s->of[4]) + (s->of[2] + s->of[6])) +
         ((s->of[1] + s->of[5]) + (s->of[3] + s->of[7]));
}

/* The loop over OWN_INDEX < n, in its order; OWN_STRAND: the strand of it, a constant once the inner loop is unrolled.
   Below 8 entries one strand has them all. To be left by nothing but its end. */
#define OWN_STRAND own_b
#define OWN_INDEX (own_at + own_b)
#define OWN_STRANDS(n)                                                                          \
  for (int own_at = 0, own_width = (n) < 8 ? 1 : 8, own_end; own_at < (n); own_at += own_width) \
    if ((own_end = (n)-own_at < own_width ? (n) : own_at + own_width) > 0) BASIN_UNROLL         \
  for (int own_b = 0; own_b < 8; own_b++)                                                       \
    if (OWN_INDEX < own_end)

/* sums of x[0 .. n - 1] and of x[i] y[i] */
BASIN_HD real own_sum(const real *x, int n) {
  own_strands s = own_strands_none();
  OWN_STRANDS(n) s.of[OWN_STRAND] = s.of[OWN_STRAND] + x[OWN_INDEX];
  return own_strands_sum(&s);
}
BASIN_HD real own_dot(const real *x, const real *y, int n) {
  own_strands s = own_strands_none();
  OWN_STRANDS(n) s.of[OWN_STRAND] = r_fma(x[OWN_INDEX], y[OWN_INDEX], s.of[OWN_STRAND]);
  return own_strands_sum(&s);
}

/* Entries of a product that are at work at a time: as many as leave registers for what they are made of. So a number
   that is loaded for all of them is a small part of what is loaded, and no entry waits for its own chain. */
#if defined(__CUDACC__) || BASIN_SIMD == 0
#define OWN_WIDE 8
#elif BASIN_SIMD == 2
#define OWN_WIDE 12
#else
#define OWN_WIDE 24
#endif

/* before a loop over them, to be in registers */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define OWN_UNROLL _Pragma("GCC unroll 24")
#else
#define OWN_UNROLL BASIN_UNROLL
#endif

/* a pointer of which a compiler shall not know where it comes from */
#if defined(__CUDA_ARCH__)
#define OWN_AS_IT_IS(pointer) (void)(pointer)
#else
#define OWN_AS_IT_IS(pointer) __asm__("" : "+r"(pointer))
#endif

/* `count` of them, a constant, from own_i on */
#define OWN_PRODUCT_BLOCK(count, i, k, m, left, right, to)                    \
  do {                                                                        \
    real own_s[count];                                                        \
    OWN_UNROLL                                                                \
    for (int own_b = 0; own_b < (count); own_b++) own_s[own_b] = r_set(-0.0); \
    for (int k = 0; k < (m); k++) {                                           \
      OWN_UNROLL                                                              \
      for (int own_b = 0; own_b < (count); own_b++) {                         \
        const int i = own_i + own_b;                                          \
        (void)i;                                                              \
        own_s[own_b] = r_fma(left, right, own_s[own_b]);                      \
      }                                                                       \
    }                                                                         \
    OWN_UNROLL                                                                \
    for (int own_b = 0; own_b < (count); own_b++) {                           \
      const int i = own_i + own_b;                                            \
      (void)i;                                                                \
      to = own_s[own_b];                                                      \
    }                                                                         \
  } while (0)

/* all n >= count of them; those of the last block may be computed twice */
#define OWN_PRODUCT_BLOCKS(count, i, n, k, m, left, right, to)         \
  for (int own_at = 0; own_at < (n); own_at += (count)) {              \
    const int own_i = own_at + (count) < (n) ? own_at : (n) - (count); \
    OWN_PRODUCT_BLOCK(count, i, k, m, left, right, to);                \
  }

/* to(i) = sum over k < m of left(i, k) right(i, k), for all i < n: each one chain of fma in the order of k. What is
   written to is read by neither. */
#define OWN_PRODUCT(i, n, k, m, left, right, to)         \
  do {                                                   \
    if ((n) >= 8) {                                      \
      OWN_PRODUCT_BLOCKS(8, i, n, k, m, left, right, to) \
    } else if ((n) >= 3) {                               \
      OWN_PRODUCT_BLOCKS(3, i, n, k, m, left, right, to) \
    } else {                                             \
      OWN_PRODUCT_BLOCKS(1, i, n, k, m, left, right, to) \
    }                                                    \
  } while (0)

/* The same of a constant n, in blocks of one size: the smallest that takes no more of them than the largest would. */
#define OWN_COUNT(n) (((n) + OWN_BLOCKS(n) - 1) / OWN_BLOCKS(n))
#define OWN_BLOCKS(n) (((n) + OWN_WIDE - 1) / OWN_WIDE)
#define OWN_PRODUCT_OF(i, n, k, m, left, right, to)            \
  do {                                                         \
    enum { own_count = OWN_COUNT(n) };                         \
    OWN_PRODUCT_BLOCKS(own_count, i, n, k, m, left, right, to) \
  } while (0)

/* The same where left(i, k) is the number from[i row + k step], of an array of doubles, and right knows k alone. One
   pointer goes along: compilers make one for each row, and so many do not fit into registers. */
#define OWN_PRODUCT_OF_NUMBERS(i, n, k, m, from, row, step, right, to)                   \
  do {                                                                                   \
    enum { own_count = OWN_COUNT(n) };                                                   \
    for (int own_at = 0; own_at < (n); own_at += own_count) {                            \
      const int own_i = own_at + own_count < (n) ? own_at : (n)-own_count;               \
      const double *own_from = (from) + (int64_t)own_i * (row);                          \
      real own_s[own_count];                                                             \
      OWN_UNROLL                                                                         \
      for (int own_b = 0; own_b < own_count; own_b++) own_s[own_b] = r_set(-0.0);        \
      for (int k = 0; k < (m); k++) {                                                    \
        const real own_right = right;                                                    \
        OWN_UNROLL                                                                       \
        for (int own_b = 0; own_b < own_count; own_b++)                                  \
          own_s[own_b] = r_fma(r_set(own_from[own_b * (row)]), own_right, own_s[own_b]); \
        own_from += (step);                                                              \
        OWN_AS_IT_IS(own_from);                                                          \
      }                                                                                  \
      OWN_UNROLL                                                                         \
      for (int own_b = 0; own_b < own_count; own_b++) {                                  \
        const int i = own_i + own_b;                                                     \
        to = own_s[own_b];                                                               \
      }                                                                                  \
    }                                                                                    \
  } while (0)

/* the first where it is not smaller, or not larger */
BASIN_HD real own_max(real a, real b) { return r_select(r_lt(a, b), b, a); }
BASIN_HD real own_min(real a, real b) { return r_select(r_lt(b, a), b, a); }

/* at 0 as on its right */
BASIN_HD real own_sign(real x) { return r_select(r_le(r_set(0.0), x), r_set(1.0), r_set(-1.0)); }
BASIN_HD real own_step(real x) { return r_select(r_le(r_set(0.0), x), r_set(1.0), r_set(0.0)); }
BASIN_HD real own_relu(real x) { return r_select(r_le(r_set(0.0), x), x, r_set(0.0)); }

BASIN_HD mask own_eq(real a, real b) { return m_and(r_le(a, b), r_le(b, a)); }
BASIN_HD mask own_none(void) { return r_lt(r_set(0.0), r_set(0.0)); }

/* 1 where x is `what` for the first time, else 0 */
BASIN_HD real own_first(real x, real what, mask *found) {
  const mask here = m_and(own_eq(x, what), m_not(*found));
  *found = m_or(*found, here);
  return r_select(here, r_set(1.0), r_set(0.0));
}

#endif
