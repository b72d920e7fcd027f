/* SPDX-License-Identifier: MIT
 *
 * tiled_product.h: the exact products of numeric/product.h by blocks that fit into caches and tiles that fit into
 * registers, on the calling thread: for networks that are too large to be run with trials as lanes.
 *
 *   double *room = malloc((size_t)basin_product_room(&forward) * sizeof *room);
 *   basin_product_avx512(&forward, x, w, u, 0, room);
 *
 * The same bits for every instruction set, as for the three plain loops. Threads may share a product: each takes some
 * of the rows, with pointers moved there, and room of its own.
 */
#ifndef BASIN_TILED_PRODUCT_H
#define BASIN_TILED_PRODUCT_H

#include "numeric/product.h"
#include "seam/entry.h"

/* C = A B, or with `add` C = C + A B; C shares no memory with A, B and the room. `room` is scratch for copies of blocks
   of A and B, as many doubles as basin_product_room tells. */
typedef void basin_product_runner(const basin_product *p, const double *a, const double *b,
                                  double *c, int add, double *room);

/* blocks: so many rows of A, so many columns of B, multiples of the sizes of every tile, and so much of the depth */
enum { BASIN_BLOCK_ROWS = 96, BASIN_BLOCK_COLUMNS = 1536, BASIN_BLOCK_DEPTH = 512 };

/* doubles, the same for every instruction set: 0.9 million at most */
static inline int64_t basin_product_room(const basin_product *p) {
  enum { VECTOR = 8 }; /* the longest one: what a panel is filled up to, and where panels begin */
  const int64_t rows = p->rows.outer * p->rows.inner, columns = p->columns.outer * p->columns.inner,
                depth = p->depth.outer * p->depth.inner, longer = rows > columns ? rows : columns,
                panels = (longer + VECTOR - 1) / VECTOR * VECTOR;
  return (depth < BASIN_BLOCK_DEPTH ? depth : BASIN_BLOCK_DEPTH) *
             ((panels < BASIN_BLOCK_COLUMNS ? panels : BASIN_BLOCK_COLUMNS) +
              (longer < BASIN_BLOCK_ROWS ? longer : BASIN_BLOCK_ROWS)) +
         2 * VECTOR;
}

/* compiled once per instruction set of the build */
basin_product_runner basin_product_generic, basin_product_avx2, basin_product_avx512;

/* that of an instruction set, NULL where this build has none */
static inline basin_product_runner *basin_product_of(int isa) {
#if BASIN_HAS_avx2
  if (isa == BASIN_ISA_AVX2) return basin_product_avx2;
#endif
#if BASIN_HAS_avx512
  if (isa == BASIN_ISA_AVX512) return basin_product_avx512;
#endif
  return isa == BASIN_ISA_GENERIC ? basin_product_generic : NULL;
}

#endif
