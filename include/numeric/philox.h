/* SPDX-License-Identifier: MIT
 *
 * philox.h: trial-addressed randomness.
 *
 * Every random word is Philox4x32-10 (Salmon et al. 2011) of a key and a 128-bit counter:
 *
 *   key           mix(seed, identity of the cell), see basin_key()
 *   words 0, 1    step << 24 | block      step < 2^40, block < 2^24
 *   words 2, 3    trial | stream << 48    trial < 2^48, stream < 2^16
 *
 * so that there is no generator state to carry, save or lose: any number of any trial can be had at
 * any time. In cuRAND's terms this is curand_init(key, words 2-3, 4 * words 0-1) and curand4(), for steps below 2^38
 * (its offset has 64 bits); in Random123's it is philox4x32_R(10, counter, key).
 */
#ifndef BASIN_NUMERIC_PHILOX_H
#define BASIN_NUMERIC_PHILOX_H

#include "numeric/dmath.h"
#include "numeric/streams.h"
#include "numeric/team.h"

#if defined(__CUDACC__) || defined(BASIN_CURAND)
#define QUALIFIERS static __forceinline__ __host__ __device__
#include <cuda_runtime.h>
#include <curand_philox4x32_x.h>
#undef QUALIFIERS
#endif

#define BASIN_TRIALS_MAX ((int64_t)1 << 48) /* what the counter can address */
#define BASIN_STEPS_MAX ((int64_t)1 << 40)
#define BASIN_DATA_SET_MAX ((int64_t)1 << 32)   /* inputs of a data set */
#define BASIN_BLOCKS_MAX ((int64_t)1 << 24)     /* of one stream and step */
#define BASIN_VECTOR_MAX (2 * BASIN_BLOCKS_MAX) /* normals of them: two a block */

/* 128 random bits of each lane's trial at its own step, as two words of 64, from each of `count` blocks, a constant.
   For a CUDA thread they are cuRAND's. Otherwise the four words of Philox are kept in the low halves of the lanes; what
   the multiplications leave in the high ones is never read. A round waits for the one before it, so a core that has
   several blocks to work on in turn is done sooner. */
BASIN_HD void basin_words_of(int count, uint64_t key, int stream, bits trial, bits step, bits block,
                             bits *low, bits *high) {
  const bits address = trial | b_set((uint64_t)stream << 48);
#if defined(__CUDACC__) || defined(BASIN_CURAND)
  for (int i = 0; i < count; i++) {
    const bits position = step << 24 | (block + (uint64_t)i);
    const uint4 counter = {(uint32_t)position, (uint32_t)(position >> 32), (uint32_t)address,
                           (uint32_t)(address >> 32)};
    const uint2 keys = {(uint32_t)key, (uint32_t)(key >> 32)};
    const uint4 r = curand_Philox4x32_10(counter, keys);
    low[i] = (uint64_t)r.y << 32 | r.x;
    high[i] = (uint64_t)r.w << 32 | r.z;
  }
#else
  bits c0[BASIN_TOGETHER], c1[BASIN_TOGETHER], c2[BASIN_TOGETHER], c3[BASIN_TOGETHER];
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    c0[i] = step << 24 | (block + b_set((uint64_t)i));
    c1[i] = step >> 8; /* the high word: blocks have 24 bits */
    c2[i] = address;
    c3[i] = address >> 32;
  }
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  BASIN_UNROLL_ROUNDS
  for (int round = 0; round < 10; round++) {
    BASIN_UNROLL
    for (int i = 0; i < count; i++) {
      const bits p0 = b_mul32(c0[i], b_set(0xd2511f53u)), p1 = b_mul32(c2[i], b_set(0xcd9e8d57u));
      c0[i] = (p1 >> 32) ^ c1[i] ^ b_set(k0);
      c2[i] = (p0 >> 32) ^ c3[i] ^ b_set(k1);
      c1[i] = p1;
      c3[i] = p0;
    }
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    low[i] = (c0[i] & b_set(0xffffffffu)) | c1[i] << 32;
    high[i] = (c2[i] & b_set(0xffffffffu)) | c3[i] << 32;
  }
#endif
}

/* from one block */
BASIN_HD void basin_words_in(uint64_t key, int stream, bits trial, bits step, bits block, bits *low,
                             bits *high) {
  basin_words_of(1, key, stream, trial, step, block, low, high);
}

/* the same in one block for all */
BASIN_HD void basin_words_at(uint64_t key, int stream, bits trial, bits step, uint64_t block,
                             bits *low, bits *high) {
  basin_words_in(key, stream, trial, step, b_set(block), low, high);
}

/* and at one step for all */
BASIN_HD void basin_words(uint64_t key, int stream, bits trial, uint64_t step, uint64_t block,
                          bits *low, bits *high) {
  basin_words_at(key, stream, trial, b_set(step), block, low, high);
}

/* uniform on {0, 1, ..., 2^52 - 1} / 2^52 */
BASIN_HD real r_uniform(bits word) {
  return r_from_bits(word >> 12 | b_set(0x3ff0000000000000u)) - r_set(1.0);
}

/* uniform on {1, 2, ..., 2^52} / 2^52: never 0, so that its logarithm is finite */
BASIN_HD real r_uniform_positive(bits word) {
  return r_set(2.0) - r_from_bits(word >> 12 | b_set(0x3ff0000000000000u));
}

/* two independent standard normals of 128 random bits (Box and Muller 1958); none exceeds 8.5 in magnitude */
BASIN_HD void basin_box_muller(bits low, bits high, real *x, real *y) {
  real sine, cosine;
  const real radius = r_sqrt(r_set(-2.0) * r_log(r_uniform_positive(low)));
  const real turn = r_uniform(high);
  r_sincospi(turn + turn, &sine, &cosine);
  *x = radius * cosine;
  *y = radius * sine;
}

/* the same of `count` times as many, a constant up to BASIN_TOGETHER, one function after another: so those that wait
   for a division or a root have others beside them that do not */
BASIN_HD void basin_box_muller_of(int count, const bits *low, const bits *high, real *x, real *y) {
  real radius[BASIN_TOGETHER], turn[BASIN_TOGETHER], sine[BASIN_TOGETHER], cosine[BASIN_TOGETHER];
  BASIN_UNROLL
  for (int i = 0; i < count; i++) radius[i] = r_uniform_positive(low[i]);
  r_log_of(count, radius, radius);
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    radius[i] = r_sqrt(r_set(-2.0) * radius[i]);
    turn[i] = r_uniform(high[i]);
    turn[i] = turn[i] + turn[i];
  }
  r_sincospi_of(count, turn, sine, cosine);
  BASIN_UNROLL
  for (int i = 0; i < count; i++) {
    x[i] = radius[i] * cosine[i];
    y[i] = radius[i] * sine[i];
  }
}

BASIN_HD void basin_normals(uint64_t key, int stream, bits trial, uint64_t step, uint64_t block,
                            real *x, real *y) {
  bits low, high;
  basin_words(key, stream, trial, step, block, &low, &high);
  basin_box_muller(low, high, x, y);
}

/* the same where every lane has a step of its own */
BASIN_HD void basin_normals_at(uint64_t key, int stream, bits trial, bits step, uint64_t block,
                               real *x, real *y) {
  bits low, high;
  basin_words_at(key, stream, trial, step, block, &low, &high);
  basin_box_muller(low, high, x, y);
}

/* and a block of its own, of `count` of them, a constant: x[i] and y[i] are those of block + i */
BASIN_HD void basin_normals_of(int count, uint64_t key, int stream, bits trial, bits step,
                               bits block, real *x, real *y) {
  bits low[BASIN_TOGETHER], high[BASIN_TOGETHER];
  basin_words_of(count, key, stream, trial, step, block, low, high);
  basin_box_muller_of(count, low, high, x, y);
}
BASIN_HD void basin_normals_in(uint64_t key, int stream, bits trial, bits step, bits block, real *x,
                               real *y) {
  basin_normals_of(1, key, stream, trial, step, block, x, y);
}

/* `count` normals from the blocks from `block` on, two of each, into z; a team shares the blocks */
BASIN_HD void basin_normals_row(basin_team team, uint64_t key, int stream, bits trial, bits step,
                                bits block, int64_t count, real *z) {
  int64_t done = 0;
  real x[BASIN_TOGETHER], y[BASIN_TOGETHER];
  if (BASIN_TOGETHER > 1)
    for (; done + 2 * BASIN_TOGETHER <= count; done += 2 * BASIN_TOGETHER) {
      basin_normals_of(BASIN_TOGETHER, key, stream, trial, step, block + b_set((uint64_t)done / 2),
                       x, y);
      for (int i = 0; i < BASIN_TOGETHER; i++) {
        z[done + 2 * i] = x[i];
        z[done + 2 * i + 1] = y[i];
      }
    }
  BASIN_TEAM_FOR(team, b, (count - done + 1) / 2) {
    const int64_t at = done + 2 * (int64_t)b;
    basin_normals_in(key, stream, trial, step, block + b_set((uint64_t)at / 2), x, y);
    z[at] = x[0];
    if (at + 1 < count) z[at + 1] = y[0];
  }
}

/* Philox key of a cell: splitmix64's finaliser (Steele et al. 2014) over both words */
static inline uint64_t basin_mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}
static inline uint64_t basin_key(uint64_t seed, uint64_t identity) {
  return basin_mix(basin_mix(seed) ^ identity);
}

#endif
