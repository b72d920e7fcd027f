/* SPDX-License-Identifier: MIT
 *
 * tiled_product.c: exact products by tiles, compiled once per instruction set (-DBASIN_ISA=avx512).
 *
 * A tile of C, some rows by some vectors of columns, stays in registers while one fma after the other is added to each of
 * its elements. Of a block of the depth, a block of the columns of B is copied into panels as wide as a tile, in the order
 * in which tiles read them, and then one block of the rows of A after the other. Blocks of the depth come one after
 * the other, and between them the elements are where they end, in C: so the chain is the same whatever the sizes of blocks
 * and tiles. Panels are filled up with copies of the last column; what tiles make of these is not written to C.
 */
#include "engine/tiled_product.h"
#include "numeric/real.h"

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)

#if BASIN_SIMD == 5
#define TILES(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#else
#define TILES(X) X(1) X(2) X(3) X(4)
#endif
enum {
  LANES = BASIN_LANES,
  ROWS = BASIN_SIMD == 5
             ? 8
             : 4, /* of the largest tile: with its accumulators it fills the registers */
  VECTORS = 3,
  WIDTH = VECTORS * LANES
};

/* rows or columns: how many, and the strides in A or B, and in C */
typedef struct side {
  const double *x;
  basin_pair count, stride, c;
} side;

static inline real load(const double *x) {
  real y;
  memcpy(&y, x, sizeof y);
  return y;
}
static inline void store(double *x, real y) { memcpy(x, &y, sizeof y); }

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t parts_of(int64_t count, int64_t size) { return (count + size - 1) / size; }

/* ---- tiles ---- */

/* C[row[i]][column[j]] for a panel of A [depth][rows] and one of B [depth][vectors]; 0 is where they begin, or C */
BASIN_HD void tile(const int rows, const int vectors, int64_t depth, const double *a,
                   const double *b, double *c, const int64_t *row, const int64_t *column,
                   int begun) {
  real x[ROWS][VECTORS];
  BASIN_UNROLL
  for (int i = 0; i < rows; i++) BASIN_UNROLL
  for (int j = 0; j < vectors; j++) x[i][j] = begun ? load(c + row[i] + column[j]) : r_set(0.0);
  for (int64_t k = 0; k < depth; k++, a += rows, b += vectors * LANES) {
    real y[VECTORS];
    BASIN_UNROLL
    for (int j = 0; j < vectors; j++) y[j] = load(b + j * LANES);
    BASIN_UNROLL
    for (int i = 0; i < rows; i++) {
      const real z = r_set(a[i]);
      BASIN_UNROLL
      for (int j = 0; j < vectors; j++) x[i][j] = r_fma(z, y[j], x[i][j]);
    }
  }
  BASIN_UNROLL
  for (int i = 0; i < rows; i++) BASIN_UNROLL
  for (int j = 0; j < vectors; j++) store(c + row[i] + column[j], x[i][j]);
}

typedef void tile_of(int64_t depth, const double *a, const double *b, double *c, const int64_t *row,
                     const int64_t *column, int begun);

#define TILE(rows, vectors)                                                                       \
  static void tile_##rows##_##vectors(int64_t depth, const double *a, const double *b, double *c, \
                                      const int64_t *row, const int64_t *column, int begun) {     \
    tile(rows, vectors, depth, a, b, c, row, column, begun);                                      \
  }
#define TILES_OF(rows) TILE(rows, 1) TILE(rows, 2) TILE(rows, 3)
TILES(TILES_OF)

/* by rows and vectors */
static tile_of *const tile_by[ROWS][VECTORS] = {
#define TILES_ROW(rows) {tile_##rows##_1, tile_##rows##_2, tile_##rows##_3},
    TILES(TILES_ROW)
#undef TILES_ROW
};

/* ---- indices ---- */

static int64_t length(basin_pair count) { return count.outer * count.inner; }

/* a pair that can be told by its inner index alone is */
static void flatten(basin_pair *count, basin_pair *s, basin_pair *t) {
  if (count->inner == 1) {
    *count = (basin_pair){1, count->outer};
    s->inner = s->outer;
    t->inner = t->outer;
  } else if (s->outer == count->inner * s->inner && t->outer == count->inner * t->inner)
    *count = (basin_pair){1, length(*count)};
}

/* where the indices from `from` on lie; the last of them again and again behind them, to `size` */
static void places(basin_pair count, basin_pair stride, int64_t from, int64_t n, int64_t size,
                   int64_t *at) {
  int64_t outer = from / count.inner, inner = from % count.inner;
  for (int64_t l = 0; l < n; l++) {
    at[l] = outer * stride.outer + inner * stride.inner;
    if (++inner == count.inner) inner = 0, outer++;
  }
  for (int64_t l = n; l < size; l++) at[l] = at[n - 1];
}

/* whether a vector lies there in one piece */
static int in_one_piece(const int64_t *at) {
  int one = 1;
  for (int l = 1; l < LANES; l++) one &= at[l] == at[0] + l;
  return one;
}

/* what tiles cost with vectors of this side, about: a vector that C has in pieces costs more */
static int64_t cost(const side *vectors, const side *others) {
  const int pieces = vectors->c.inner != 1 || vectors->count.inner < LANES;
  return parts_of(length(vectors->count), LANES) * length(others->count) * (4 + pieces);
}

/* ---- panels ---- */

/* a block of the depth: where it lies in an operand, and in how many places from there on it goes on one by one */
typedef struct stretch {
  int64_t depth, at[BASIN_BLOCK_DEPTH], run[BASIN_BLOCK_DEPTH];
} stretch;

static void stretch_set(stretch *s, basin_pair count, basin_pair stride, int64_t from,
                        int64_t depth) {
  s->depth = depth;
  if (depth > 0) places(count, stride, from, depth, depth, s->at);
  for (int64_t k = depth - 1; k >= 0; k--)
    s->run[k] = k + 1 < depth && s->at[k + 1] == s->at[k] + 1 ? s->run[k + 1] + 1 : 1;
}

/* LANES rows or columns, `width` of them wanted, into a panel of `stride`. A vector may reach over the row of the panel
   into the next one, which is written after it. */
static void pack_vector(const double *x, const int64_t *at, int width, const stretch *s, int stride,
                        double *panel) {
  int64_t first = at[0];
  for (int l = 1; l < LANES; l++) first = least(first, at[l]);
  bits from;
  uint64_t each[LANES];
  for (int l = 0; l < LANES; l++) each[l] = (uint64_t)(at[l] - first);
  memcpy(&from, each, sizeof from);
  const int piece = in_one_piece(at);
  for (int64_t k = 0; k < s->depth;) {
    const double *here = x + s->at[k];
    if (piece) {
      store(panel + k * stride, load(here + first));
      k++;
    } else if (s->run[k] >= 8) {
      real row[8];
      r_rows(here + first, from, row);
      for (int e = 0; e < 8; e++, k++) store(panel + k * stride, row[e]);
    } else {
      for (int l = 0; l < width; l++) panel[k * stride + l] = here[at[l]];
      k++;
    }
  }
}

/* all panels of a block of a side, that it is cut into evenly: `parts`, of `units` of `unit` rows or columns */
static void pack(const side *of, const stretch *s, int64_t from, int64_t count, int64_t parts,
                 int64_t units, int unit, double *panels) {
  for (int64_t part = 0; part < parts; part++) {
    const int64_t begin = part * units / parts * unit, end = (part + 1) * units / parts * unit;
    const int stride = (int)(end - begin);
    int64_t at[WIDTH];
    places(of->count, of->stride, from + begin, least(end, count) - begin, WIDTH, at);
    for (int l = 0; l < stride; l += LANES)
      pack_vector(of->x, at + l, (int)least(LANES, stride - l), s, stride,
                  panels + begin * s->depth + l);
  }
}

/* ---- the product ---- */

/* a tile that C has in pieces, or that goes over its edge: made in a place of its own */
static void tile_in_pieces(tile_of *run, int64_t depth, const double *a, const double *b, double *c,
                           const int64_t *row, int rows, const int64_t *column, int columns,
                           int begun) {
  _Alignas(64) double x[ROWS * WIDTH];
  int64_t x_row[ROWS], x_column[VECTORS];
  for (int i = 0; i < ROWS; i++) x_row[i] = i * WIDTH;
  for (int j = 0; j < VECTORS; j++) x_column[j] = j * LANES;
  if (begun) {
    memset(x, 0, sizeof x);
    for (int i = 0; i < rows; i++)
      for (int j = 0; j < columns; j++) x[i * WIDTH + j] = c[row[i] + column[j]];
  }
  run(depth, a, b, x, x_row, x_column, begun);
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) c[row[i] + column[j]] = x[i * WIDTH + j];
}

/* the tiles of a block of C, from its panels of A and B */
typedef struct block {
  const double *a, *b;
  int64_t depth, row, rows, column, columns;
  int64_t row_parts, column_parts, vectors;
  int begun;
} block;

static void multiply(const block *d, const side *rows, const side *columns, double *c) {
  int64_t row[BASIN_BLOCK_ROWS];
  places(rows->count, rows->c, d->row, d->rows, d->rows, row);
  for (int64_t j = 0; j < d->column_parts; j++) {
    const int64_t begin = j * d->vectors / d->column_parts,
                  vectors = (j + 1) * d->vectors / d->column_parts - begin,
                  wanted = least(vectors * LANES, d->columns - begin * LANES);
    int64_t column[WIDTH], vector[VECTORS];
    int piece = 1;
    places(columns->count, columns->c, d->column + begin * LANES, wanted, WIDTH, column);
    for (int v = 0; v < vectors; v++) {
      vector[v] = column[v * LANES];
      piece &= wanted >= (v + 1) * LANES && in_one_piece(column + v * LANES);
    }
    const double *b = d->b + begin * LANES * d->depth;
    for (int64_t i = 0; i < d->row_parts; i++) {
      const int64_t first = i * d->rows / d->row_parts,
                    n = (i + 1) * d->rows / d->row_parts - first;
      const double *a = d->a + first * d->depth;
      tile_of *run = tile_by[n - 1][vectors - 1];
      if (piece) run(d->depth, a, b, c, row + first, vector, d->begun);
      else
        tile_in_pieces(run, d->depth, a, b, c, row + first, (int)n, column, (int)wanted, d->begun);
    }
  }
}

basin_product_runner PASTE(basin_product_, BASIN_ISA);

void PASTE(basin_product_, BASIN_ISA)(const basin_product *p, const double *a, const double *b,
                                      double *c, int add, double *room) {
  side rows = {a, p->rows, p->a_rows, p->c_rows},
       columns = {b, p->columns, p->b_columns, p->c_columns};
  basin_pair depth = p->depth, a_depth = p->a_depth, b_depth = p->b_depth;
  if (!length(rows.count) || !length(columns.count)) return;
  flatten(&rows.count, &rows.stride, &rows.c);
  flatten(&columns.count, &columns.stride, &columns.c);
  flatten(&depth, &a_depth, &b_depth);
  if (cost(&rows, &columns) < cost(&columns, &rows)) { /* C' = B' A': the same chains */
    const side side = rows;
    const basin_pair stride = a_depth;
    rows = columns, columns = side;
    a_depth = b_depth, b_depth = stride;
  }
  const int64_t m = length(rows.count), n = length(columns.count), all = length(depth),
                depths = all > 0 ? parts_of(all, BASIN_BLOCK_DEPTH) : 1;
  block d;
  stretch of_a, of_b;
  double *b_panels = (double *)(((uintptr_t)room + 63) & ~(uintptr_t)63);
  for (d.column = 0; d.column < n; d.column += d.columns) {
    d.columns = least(n - d.column, BASIN_BLOCK_COLUMNS);
    d.vectors = parts_of(d.columns, LANES);
    d.column_parts = parts_of(d.vectors, VECTORS);
    for (int64_t q = 0; q < depths; q++) {
      const int64_t from = q * all / depths;
      d.depth = (q + 1) * all / depths - from;
      d.begun = add || q > 0;
      stretch_set(&of_a, depth, a_depth, from, d.depth);
      stretch_set(&of_b, depth, b_depth, from, d.depth);
      pack(&columns, &of_b, d.column, d.columns, d.column_parts, d.vectors, LANES, b_panels);
      double *a_panels = b_panels + d.vectors * LANES * d.depth;
      d.a = a_panels, d.b = b_panels;
      for (d.row = 0; d.row < m; d.row += d.rows) {
        d.rows = least(m - d.row, BASIN_BLOCK_ROWS);
        d.row_parts = parts_of(d.rows, ROWS);
        pack(&rows, &of_a, d.row, d.rows, d.row_parts, d.rows, 1, a_panels);
        multiply(&d, &rows, &columns, c);
      }
    }
  }
}
