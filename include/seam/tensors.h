/* SPDX-License-Identifier: MIT
 *
 * tensors.h: what a large network is made of, whole arrays at a time: exact products, activations, their slopes, a step
 * of all weights, random numbers. For the engine that runs one trial at a time (MODEL_LARGE in model.h), on the calling
 * thread; host/engine/tiled_product.c and host/engine/arrays.c have them, once for every instruction set, and a
 * translation unit calls those of its own:
 *
 *   TENSOR(product)(&forward, x, w, u, 0, room);
 *   TENSOR(activate)(&layer, u, n * 8, x, NULL);
 *
 * The same bits for every instruction set, and the bits of trials in lanes: of a product every element is one chain
 * (numeric/product.h), of the others each is computed from its own numbers alone.
 */
#ifndef BASIN_SEAM_TENSORS_H
#define BASIN_SEAM_TENSORS_H

#include "numeric/product.h"
#include "seam/draw.h"
#include "seam/layers.h"

/* C = A B, or with `add` C = C + A B; C shares no memory with A, B and the room. `room` is scratch for copies of blocks
   of A and B, basin_product_room() doubles that need no alignment, and no array of a thread beside. Where there is no
   depth C is 0, or stays as it is. Threads may share a product: each takes some of the rows, with pointers moved there,
   and room of its own. */
typedef void basin_product_runner(const basin_product *p, const double *a, const double *b,
                                  double *c, int add, double *room);

/* The same where a network asks for a BLAS (engine/blas.h): by its cblas_dgemm() where the product is one of matrices,
   as those of dense layers are, else, and where there is no BLAS, by `exact`. */
void basin_blas_product(const basin_product *p, const double *a, const double *b, double *c,
                        int add, double *room, basin_product_runner *exact);

/* x = scale sigma(z), or that added to `passed` where it is not NULL; count numbers each */
typedef void basin_activate_runner(const basin_network_layer *layer, const double *z, int64_t count,
                                   double *x, const double *passed);
/* z becomes scale sigma'(z) g */
typedef void basin_slopes_runner(const basin_network_layer *layer, const double *g, int64_t count,
                                 double *z);
/* w becomes w - pace g, with one rounding */
typedef void basin_move_runner(double pace, const double *g, int64_t count, double *w);
/* the numbers that a row of a trial's matrix is drawn from, draw_pair()'s, one behind the other */
typedef void basin_numbers_runner(const draw_source *source, const double *data, uint64_t trial,
                                  int64_t row, double *w);

/* a vector at a place that need not be aligned */
BASIN_HD real tensor_load(const double *x) {
  real y;
  memcpy(&y, x, sizeof y);
  return y;
}
BASIN_HD void tensor_store(double *x, real y) { memcpy(x, &y, sizeof y); }

#define BASIN_TENSORS(X) X(product) X(activate) X(slopes) X(move) X(numbers)
#define BASIN_TENSORS_DECLARE(name)                                                \
  basin_##name##_runner basin_tensor_##name##_generic, basin_tensor_##name##_avx2, \
      basin_tensor_##name##_avx512;
BASIN_TENSORS(BASIN_TENSORS_DECLARE)
#undef BASIN_TENSORS_DECLARE

#define TENSOR_PASTE2(name, isa) basin_tensor_##name##_##isa
#define TENSOR_PASTE(name, isa) TENSOR_PASTE2(name, isa)
#define TENSOR(name) TENSOR_PASTE(name, BASIN_ISA)

/* blocks: so many rows of A, so many columns of B, multiples of the sizes of every tile, and so much of the depth */
enum { BASIN_BLOCK_ROWS = 96, BASIN_BLOCK_COLUMNS = 1536, BASIN_BLOCK_DEPTH = 512 };

static inline int64_t basin_product_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* an index that can be told by its inner one alone is; s and t: its strides in two arrays */
static inline void basin_product_flatten(basin_pair *count, basin_pair *s, basin_pair *t) {
  if (count->inner == 1) {
    *count = (basin_pair){1, count->outer};
    s->inner = s->outer;
    t->inner = t->outer;
  } else if (s->outer == count->inner * s->inner && t->outer == count->inner * t->inner)
    *count = (basin_pair){1, count->outer * count->inner};
}

/* doubles, the same for every instruction set: 0.9 million at most */
static inline int64_t basin_product_room(const basin_product *p) {
  enum { VECTOR = 8 }; /* the longest one: what a panel is filled up to, and where panels begin */
  const int64_t rows = p->rows.outer * p->rows.inner, columns = p->columns.outer * p->columns.inner,
                depth = p->depth.outer * p->depth.inner, longer = rows > columns ? rows : columns,
                panels = (longer + VECTOR - 1) / VECTOR * VECTOR;
  return basin_product_least(depth, BASIN_BLOCK_DEPTH) *
             (basin_product_least(panels, BASIN_BLOCK_COLUMNS) +
              basin_product_least(longer, BASIN_BLOCK_ROWS)) +
         2 * VECTOR;
}

#endif
