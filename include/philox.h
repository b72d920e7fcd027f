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
 * any time. In cuRAND's terms this is curand_init(key, words 2-3, 4 * words 0-1) and curand4(), in Random123's
 * it is philox4x32_R(10, counter, key).
 */
#ifndef BASIN_PHILOX_H
#define BASIN_PHILOX_H

#include "dmath.h"

#if defined(__CUDACC__) || defined(BASIN_CURAND)
#define QUALIFIERS static __forceinline__ __host__ __device__
#include <cuda_runtime.h>
#include <curand_philox4x32_x.h>
#undef QUALIFIERS
#else
#include <Random123/philox.h>
#endif

/* The random streams. A stream is never reused for a second purpose. */
#define BASIN_STREAMS(X)                                                       \
  X(BASIN_STREAM_DIRECTION, 0,                                                 \
    "initial vector i: normal j is number j % 2 of block j / 2, stream 0 + i") \
  X(BASIN_STREAM_RADIUS, 16,                                                   \
    "initial vector i: one uniform for the radius in a ball, stream 16 + i")

enum basin_stream {
#define BASIN_STREAM(name, number, use) name = (number),
  BASIN_STREAMS(BASIN_STREAM)
#undef BASIN_STREAM
};

#define BASIN_TRIALS_MAX ((int64_t)1 << 48) /* what the counter can address */
#define BASIN_STEPS_MAX ((int64_t)1 << 40)
#define BASIN_VECTOR_MAX ((int64_t)1 << 25) /* normals of one stream and step: two a block */

/* Philox4x32-10 of one counter, in place: cuRAND's for a CUDA thread, Random123's for C; the same words */
BASIN_HD void basin_philox(uint64_t key, uint64_t *low, uint64_t *high) {
#if defined(__CUDACC__) || defined(BASIN_CURAND)
  const uint4 counter = {(uint32_t)*low, (uint32_t)(*low >> 32), (uint32_t)*high,
                         (uint32_t)(*high >> 32)};
  const uint2 keys = {(uint32_t)key, (uint32_t)(key >> 32)};
  const uint4 r = curand_Philox4x32_10(counter, keys);
  *low = (uint64_t)r.y << 32 | r.x;
  *high = (uint64_t)r.w << 32 | r.z;
#else
  const philox4x32_ctr_t counter = {
      {(uint32_t)*low, (uint32_t)(*low >> 32), (uint32_t)*high, (uint32_t)(*high >> 32)}};
  const philox4x32_key_t keys = {{(uint32_t)key, (uint32_t)(key >> 32)}};
  const philox4x32_ctr_t r = philox4x32_R(10, counter, keys);
  *low = (uint64_t)r.v[1] << 32 | r.v[0];
  *high = (uint64_t)r.v[3] << 32 | r.v[2];
#endif
}

/* 128 random bits of each lane's trial, as two words of 64 */
BASIN_HD void basin_words(uint64_t key, int stream, bits trial, uint64_t step, uint64_t block,
                          bits *low, bits *high) {
  uint64_t a[BASIN_LANES], b[BASIN_LANES];
  const bits address = trial | b_set((uint64_t)stream << 48);
  memcpy(b, &address, sizeof address);
  for (int lane = 0; lane < BASIN_LANES; lane++) {
    a[lane] = step << 24 | block;
    basin_philox(key, &a[lane], &b[lane]);
  }
  memcpy(low, a, sizeof *low);
  memcpy(high, b, sizeof *high);
}

/* uniform on {0, 1, ..., 2^52 - 1} / 2^52 */
BASIN_HD real r_uniform(bits word) {
  return r_from_bits(word >> 12 | b_set(0x3ff0000000000000u)) - r_set(1.0);
}

/* uniform on {1, 2, ..., 2^52} / 2^52: never 0, so that its logarithm is finite */
BASIN_HD real r_uniform_positive(bits word) {
  return r_set(2.0) - r_from_bits(word >> 12 | b_set(0x3ff0000000000000u));
}

/* two independent standard normals (Box and Muller 1958); none exceeds 8.5 in magnitude */
BASIN_HD void basin_normals(uint64_t key, int stream, bits trial, uint64_t step, uint64_t block,
                            real *x, real *y) {
  bits low, high;
  real sine, cosine;
  basin_words(key, stream, trial, step, block, &low, &high);
  const real radius = r_sqrt(r_set(-2.0) * r_log(r_uniform_positive(low)));
  const real turn = r_uniform(high);
  r_sincospi(turn + turn, &sine, &cosine);
  *x = radius * cosine;
  *y = radius * sine;
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
