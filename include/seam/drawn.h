/* SPDX-License-Identifier: MIT
 *
 * drawn.h: the numbers of a row that one trial's vector or matrix is drawn from, on the host, by the longest vectors
 * that the processor has: a lane a block; and products. Functions that make full vectors call it where rows may be
 * long:
 *
 *   drawn_numbers(&cell->initial_a, t.data, t.trial, 0, z);                z[j]: the numbers of draw_pair()
 *   drawn_row(&layer->start, t.data, t.trial, row, w);                     w[j]: the entries, draw_row()'s bits
 *   drawn_product(&p, v, t.set, w, 1, room);                               as TENSOR(product) of tensors.h
 */
#ifndef BASIN_SEAM_DRAWN_H
#define BASIN_SEAM_DRAWN_H

#include "seam/draw.h"
#if BASIN_ONE_LANE
#include "seam/tensors.h"

/* a function of tensors.h, by the longest vectors that the build and the processor have; a model that is not part of
   the build has none */
#if !defined(BASIN_OWN)
#if BASIN_HAS_avx512
#define DRAWN_AVX512(name)                                                  \
  (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) \
      ? basin_tensor_##name##_avx512                                        \
      :
#else
#define DRAWN_AVX512(name)
#endif
#if BASIN_HAS_avx2
#define DRAWN_AVX2(name) \
  (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) ? basin_tensor_##name##_avx2:
#else
#define DRAWN_AVX2(name)
#endif
#define DRAWN_BY(name) (DRAWN_AVX512(name) DRAWN_AVX2(name) basin_tensor_##name##_generic)

static inline void drawn_product(const basin_product *p, const double *a, const double *b,
                                 double *c, int add, double *room) {
  DRAWN_BY(product)(p, a, b, c, add, room);
}
#endif

/* z [source->length] */
BASIN_HD void drawn_numbers(const draw_source *source, const double *data, uint64_t trial,
                            int64_t row, double *z) {
#if !defined(BASIN_OWN)
  DRAWN_BY(numbers)(source, data, trial, row, z);
#else
  for (int64_t j = 0; j < source->length; j += 2) {
    double second;
    draw_pair(source, data, trial, row, j / 2, &z[j], &second);
    if (j + 1 < source->length) z[j + 1] = second;
  }
#endif
}

/* the entries of the row, in w [source->length] */
BASIN_HD void drawn_row(const draw_source *source, const double *data, uint64_t trial, int64_t row,
                        double *w) {
  const int64_t length = source->length;
  double norm2 = 0;
  drawn_numbers(source, data, trial, row, w);
  for (int64_t j = 0; j < length; j++) norm2 = r_fma(w[j], w[j], norm2);
  const double spread = draw_spread(source, trial, row, norm2);
  for (int64_t j = 0; j < length; j++) w[j] = draw_entry(source, data, row, j, spread, w[j]);
}
#endif

#endif
