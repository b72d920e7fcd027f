/* SPDX-License-Identifier: MIT
 *
 * tiled_product.h: the exact products of seam/tensors.h by the number of an instruction set, for who compares them:
 *
 *   double *room = malloc((size_t)basin_product_room(&forward) * sizeof *room);
 *   basin_product_of(BASIN_ISA_AVX512)(&forward, x, w, u, 0, room);
 */
#ifndef BASIN_TILED_PRODUCT_H
#define BASIN_TILED_PRODUCT_H

#include "seam/entry.h"
#include "seam/tensors.h"

/* NULL where this build has none */
static inline basin_product_runner *basin_product_of(int isa) {
#if BASIN_HAS_avx2
  if (isa == BASIN_ISA_AVX2) return basin_tensor_product_avx2;
#endif
#if BASIN_HAS_avx512
  if (isa == BASIN_ISA_AVX512) return basin_tensor_product_avx512;
#endif
  return isa == BASIN_ISA_GENERIC ? basin_tensor_product_generic : NULL;
}

#endif
