/* SPDX-License-Identifier: MIT
 *
 * network_tile.h: products of numeric/product.h with a trial a lane. A tile is some rows and a few columns of C; a
 * block of its rows at a time is kept in registers over the whole depth. Every element is its own chain of fma, so the
 * bits do not depend on tiles and blocks.
 *
 * A is the inputs of the data set, which all lanes share, or an array of the lanes' own; B and C are the lanes' own.
 * Strides are counted in doubles of the first, and in reals of the others. A product is written as
 *
 *   for (network_tile at = network_first(&p, team); network_goes_on(&at); network_next(&at)) {
 *     real sum[NETWORK_ROWS][NETWORK_COLUMNS];
 *     network_multiply(&p, &at, 0, inputs, NULL, weights, sum);
 *     ... element (at.row + r, at.column + c) is sum[r][c], for r < at.rows and c < at.columns
 *   }
 *
 * Columns go to the threads of a team, tiles of a column to one of them, in the order of the rows.
 */
#ifndef BASIN_MODELS_NETWORK_TILE_H
#define BASIN_MODELS_NETWORK_TILE_H

#include "numeric/product.h"
#include "numeric/team.h"

/* What is long, and called: a copy for every caller would be slow to compile, and need more registers than there
   are. */
#if defined(__CUDACC__)
#define NETWORK_PART static __host__ __device__ __attribute__((noinline, unused))
#else
#define NETWORK_PART static __attribute__((noinline, unused))
#endif

/* A block and the columns are as many as the vector registers hold, with a row of B and a number of A beside them. What
   is done for a tile is done once for its rows: a few kilobytes of sums. */
enum {
#if BASIN_SIMD == 5
  NETWORK_BLOCK = 4,
  NETWORK_COLUMNS = 6,
#elif BASIN_SIMD == 2
  NETWORK_BLOCK = 4,
  NETWORK_COLUMNS = 3,
#else
  NETWORK_BLOCK = 2,
  NETWORK_COLUMNS = 2,
#endif
  NETWORK_TALL = BASIN_ON_DEVICE ? NETWORK_BLOCK : 2 * NETWORK_BLOCK, /* of one column */
  NETWORK_ROWS = BASIN_ON_DEVICE ? NETWORK_BLOCK : 16
};

typedef struct network_tile {
  int64_t row, column, all_rows, all_columns;
  int rows, columns; /* of this tile */
  int step;          /* columns from one tile of this thread to the next */
} network_tile;

BASIN_HD int64_t network_count(basin_pair pair) { return pair.outer * pair.inner; }
/* where element `index` of a pair of indices lies */
BASIN_HD int64_t network_offset(basin_pair many, basin_pair stride, int64_t index) {
  if (many.inner == 1) return index * stride.outer;
  return index / many.inner * stride.outer + index % many.inner * stride.inner;
}

BASIN_HD void network_cut(network_tile *at) {
  const int64_t rows = at->all_rows - at->row, columns = at->all_columns - at->column;
  at->rows = rows < NETWORK_ROWS ? (int)rows : NETWORK_ROWS;
  at->columns = columns < NETWORK_COLUMNS ? (int)columns : NETWORK_COLUMNS;
}
BASIN_HD network_tile network_first(const basin_product *p, basin_team team) {
  network_tile at;
  at.row = 0;
  at.column = (int64_t)team.rank * NETWORK_COLUMNS;
  at.all_rows = network_count(p->rows);
  at.all_columns = network_count(p->columns);
  at.step = team.size * NETWORK_COLUMNS;
  network_cut(&at);
  return at;
}
BASIN_HD int network_goes_on(const network_tile *at) { return at->column < at->all_columns; }
BASIN_HD void network_next(network_tile *at) {
  at->row += NETWORK_ROWS;
  if (at->row >= at->all_rows) {
    at->row = 0;
    at->column += at->step;
  }
  network_cut(at);
}

/* The rows of the next block, of those left. None is left alone, and of one column twice as many are taken: few chains
   wait for each other. */
BASIN_HD int network_block(int left, int columns) {
  const int most = columns == 1 ? NETWORK_TALL : NETWORK_BLOCK;
  if (left <= most) return left;
  return left < 2 * most ? (left + 1) / 2 : most;
}

/* a block; rows and columns are constants */
BASIN_HD void network_chains(int rows, int columns, int begun, const basin_product *p,
                             const int64_t *a_at, const int64_t *b_at, const double *shared,
                             const real *a, const real *b, real sum[][NETWORK_COLUMNS]) {
  real x[NETWORK_TALL][NETWORK_COLUMNS];
  BASIN_UNROLL
  for (int r = 0; r < rows; r++) {
    BASIN_UNROLL
    for (int c = 0; c < columns; c++) x[r][c] = r_set(0.0);
  }
  if (begun) {
    BASIN_UNROLL
    for (int r = 0; r < rows; r++) {
      BASIN_UNROLL
      for (int c = 0; c < columns; c++) x[r][c] = sum[r][c];
    }
  }
  for (int64_t o = 0; o < p->depth.outer; o++) {
    const int64_t a_outer = o * p->a_depth.outer, b_outer = o * p->b_depth.outer;
    for (int64_t i = 0; i < p->depth.inner; i++) {
      const int64_t from_a = a_outer + i * p->a_depth.inner,
                    from_b = b_outer + i * p->b_depth.inner;
      real y[NETWORK_COLUMNS];
      BASIN_UNROLL
      for (int c = 0; c < columns; c++) y[c] = b[b_at[c] + from_b];
      BASIN_UNROLL
      for (int r = 0; r < rows; r++) {
        const real z = shared ? r_set(shared[a_at[r] + from_a]) : a[a_at[r] + from_a];
        BASIN_UNROLL
        for (int c = 0; c < columns; c++) x[r][c] = r_fma(z, y[c], x[r][c]);
      }
    }
  }
  BASIN_UNROLL
  for (int r = 0; r < rows; r++) {
    BASIN_UNROLL
    for (int c = 0; c < columns; c++) sum[r][c] = x[r][c];
  }
}

#if !BASIN_ON_DEVICE
/* sums of one product each, as below a layer of one output */
BASIN_HD void network_single(const basin_product *p, const network_tile *at, int begun,
                             const real *a, const real *b, real sum[][NETWORK_COLUMNS]) {
  for (int c = 0; c < at->columns; c++) {
    const real y = b[network_offset(p->columns, p->b_columns, at->column + c)];
    for (int r = 0; r < at->rows; r++)
      sum[r][c] = r_fma(a[network_offset(p->rows, p->a_rows, at->row + r)], y,
                        begun ? sum[r][c] : r_set(0.0));
  }
}
#endif

/* the sums of a tile, which begin with what they have where they have `begun`, else with 0; A: `shared` or `a`,
   whichever is not NULL. On a device every tile is whole: rows and columns beyond the last ones are these once more. */
NETWORK_PART void network_multiply(const basin_product *p, const network_tile *at, int begun,
                                   const double *shared, const real *a, const real *b,
                                   real sum[NETWORK_ROWS][NETWORK_COLUMNS]) {
  int64_t a_at[NETWORK_TALL], b_at[NETWORK_COLUMNS];
#if BASIN_ON_DEVICE
  BASIN_UNROLLED
  for (int r = 0; r < NETWORK_ROWS; r++)
    a_at[r] = network_offset(p->rows, p->a_rows, at->row + (r < at->rows ? r : at->rows - 1));
  BASIN_UNROLLED
  for (int c = 0; c < NETWORK_COLUMNS; c++)
    b_at[c] = network_offset(p->columns, p->b_columns,
                             at->column + (c < at->columns ? c : at->columns - 1));
  network_chains(NETWORK_ROWS, NETWORK_COLUMNS, begun, p, a_at, b_at, NULL, shared ? shared : a, b,
                 sum);
#else
  if (!shared && p->depth.outer * p->depth.inner == 1) {
    network_single(p, at, begun, a, b, sum);
    return;
  }
  for (int c = 0; c < at->columns; c++)
    b_at[c] = network_offset(p->columns, p->b_columns, at->column + c);
  for (int first = 0, rows; first < at->rows; first += rows, sum += rows) {
    rows = network_block(at->rows - first, at->columns);
    for (int r = 0; r < rows; r++)
      a_at[r] = network_offset(p->rows, p->a_rows, at->row + first + r);
#define NETWORK_CASE(r, c)                                                        \
  case 8 * (r) + (c):                                                             \
    if (shared) network_chains(r, c, begun, p, a_at, b_at, shared, NULL, b, sum); \
    else network_chains(r, c, begun, p, a_at, b_at, NULL, a, b, sum);             \
    break;
    switch (8 * rows + at->columns) {
      NETWORK_CASE(1, 1)
      NETWORK_CASE(1, 2)
      NETWORK_CASE(2, 1)
      NETWORK_CASE(2, 2)
      NETWORK_CASE(3, 1)
      NETWORK_CASE(4, 1)
#if BASIN_SIMD > 0
      NETWORK_CASE(1, 3)
      NETWORK_CASE(2, 3)
      NETWORK_CASE(3, 2)
      NETWORK_CASE(3, 3)
      NETWORK_CASE(4, 2)
      NETWORK_CASE(4, 3)
      NETWORK_CASE(5, 1)
      NETWORK_CASE(6, 1)
      NETWORK_CASE(7, 1)
      NETWORK_CASE(8, 1)
#endif
#if BASIN_SIMD == 5
      NETWORK_CASE(1, 4)
      NETWORK_CASE(2, 4)
      NETWORK_CASE(3, 4)
      NETWORK_CASE(4, 4)
      NETWORK_CASE(1, 5)
      NETWORK_CASE(2, 5)
      NETWORK_CASE(3, 5)
      NETWORK_CASE(4, 5)
      NETWORK_CASE(1, 6)
      NETWORK_CASE(2, 6)
      NETWORK_CASE(3, 6)
      NETWORK_CASE(4, 6)
#endif
    default:;
    }
  }
#undef NETWORK_CASE
#endif
}

#endif
