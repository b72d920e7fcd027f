/* SPDX-License-Identifier: MIT
 *
 * tiled_product.c: exact products by tiles, compiled once per instruction set (-DBASIN_ISA=avx512).
 *
 * A tile of C, some rows by some vectors of columns, stays in registers while one fma after the other is added to
 * each of its elements. Of a block of the depth, a block of the columns of B is copied into panels as wide as a tile,
 * in the order in which tiles read them, and then one block of the rows of A after the other; small ones are read
 * where they lie. Blocks of the depth come one after the other, and between them the elements are where they end, in
 * C: so the chain is the same whatever the sizes of blocks and tiles. Where vectors of rows fit better, as where C
 * lies column by column, A and B change places. The last panel is filled up with copies of the last column; what
 * tiles make of these is not written to C.
 */
#include "seam/tensors.h"

#if BASIN_SIMD == 5
#define TILES(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#else
#define TILES(X) X(1) X(2) X(3) X(4)
#endif
/* of the largest tile, whose accumulators fill the registers: rows, vectors and columns */
enum { LANES = BASIN_LANES, ROWS = BASIN_SIMD == 5 ? 8 : 4, VECTORS = 3, WIDTH = VECTORS * LANES };
enum { LONGEST = WIDTH > ROWS ? WIDTH : ROWS }; /* panel */

/* the doubles that a block may lie among for tiles to read it in place, from L2 */
enum { SMALL = 1 << 15 };

/* rows or columns: how many, and the strides in A or B, and in C */
typedef struct side {
  const double *x;
  basin_pair count, stride, c;
} side;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t parts_of(int64_t count, int64_t size) { return (count + size - 1) / size; }

/* ---- tiles ---- */

#if defined(__clang__)
#define FOUR_AT_A_TIME _Pragma("clang loop unroll_count(4)")
#else
#define FOUR_AT_A_TIME _Pragma("GCC unroll 4")
#endif

/* a panel of A or B in the order of tiles: from one place of the depth to the next are `step` */
typedef struct panel {
  const double *x;
  int64_t step;
} panel;

/* C[row[i]][column[j]] by a panel of A and one of B; 0 is where they begin, or C */
BASIN_HD void tile(const int rows, const int vectors, int64_t depth, panel a, panel b, double *c,
                   const int64_t *row, const int64_t *column, int begun) {
  real x[ROWS][VECTORS];
  BASIN_UNROLL
  for (int i = 0; i < rows; i++) {
    BASIN_UNROLL
    for (int j = 0; j < vectors; j++)
      x[i][j] = begun ? tensor_load(c + row[i] + column[j]) : r_set(0.0);
  }
  FOUR_AT_A_TIME
  for (int64_t k = 0; k < depth; k++, a.x += a.step, b.x += b.step) {
    real y[VECTORS];
    BASIN_UNROLL
    for (int j = 0; j < vectors; j++) y[j] = tensor_load(b.x + j * LANES);
    BASIN_UNROLL
    for (int i = 0; i < rows; i++) {
      const real z = r_set(a.x[i]);
      BASIN_UNROLL
      for (int j = 0; j < vectors; j++) x[i][j] = r_fma(z, y[j], x[i][j]);
    }
  }
  BASIN_UNROLL
  for (int i = 0; i < rows; i++) {
    BASIN_UNROLL
    for (int j = 0; j < vectors; j++) tensor_store(c + row[i] + column[j], x[i][j]);
  }
}

typedef void tile_of(int64_t depth, panel a, panel b, double *c, const int64_t *row,
                     const int64_t *column, int begun);

#define TILE(rows, vectors)                                                                   \
  static void tile_##rows##_##vectors(int64_t depth, panel a, panel b, double *c,             \
                                      const int64_t *row, const int64_t *column, int begun) { \
    tile(rows, vectors, depth, a, b, c, row, column, begun);                                  \
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

/* where the indices from `from` on lie; the last of them again and again behind them, to `size` */
static void places(basin_pair count, basin_pair stride, int64_t from, int64_t n, int64_t size,
                   int64_t *at) {
  int64_t outer = from / count.inner, inner = from % count.inner, last = 0;
  for (int64_t l = 0; l < n; l++) {
    at[l] = last = outer * stride.outer + inner * stride.inner;
    if (++inner == count.inner) inner = 0, outer++;
  }
  for (int64_t l = n; l < size; l++) at[l] = last;
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

/* a block of the depth: where it lies in an operand, in how many places from there on it goes on one by one, and from
   one place to the next, or 0 where that differs */
typedef struct stretch {
  int64_t depth, step, at[BASIN_BLOCK_DEPTH], run[BASIN_BLOCK_DEPTH];
} stretch;

static void stretch_set(stretch *s, basin_pair count, basin_pair stride, int64_t from,
                        int64_t depth) {
  s->depth = depth;
  s->at[0] = 0;
  if (depth > 0) places(count, stride, from, depth, depth, s->at);
  s->step = depth > 1 ? s->at[1] - s->at[0] : 1;
  for (int64_t k = depth - 1; k >= 0; k--) {
    const int64_t step = k + 1 < depth ? s->at[k + 1] - s->at[k] : s->step;
    s->run[k] = k + 1 < depth && step == 1 ? s->run[k + 1] + 1 : 1;
    if (step != s->step) s->step = 0;
  }
}

/* A block of one side: all of its panels, copied one behind the other, or where they lie. They have `units` units
   each, of LANES columns or of one row, and the first `longer` ones one more. */
typedef struct panels {
  const double *x;
  int64_t step; /* from one place of the depth to the next; 0 where panels are copied */
  int64_t depth, count, parts, units, longer;
  int unit;
} panels;

static int64_t begin_of(const panels *p, int64_t part) {
  return (part * p->units + least(part, p->longer)) * p->unit;
}

static panel panel_of(const panels *p, int64_t part) {
  const int64_t begin = begin_of(p, part);
  return p->step ? (panel){p->x + begin, p->step}
                 : (panel){p->x + begin * p->depth, begin_of(p, part + 1) - begin};
}

/* LANES rows or columns, `width` of them wanted, into a panel of `stride`. A vector may reach over the row of the panel
   into the next one, which is written after it. */
static void pack_vector(const double *x, const int64_t *at, int width, const stretch *s, int stride,
                        double *copy) {
  int64_t first = at[0];
  for (int l = 1; l < LANES; l++) first = least(first, at[l]);
  bits from;
  uint64_t each[LANES];
  for (int l = 0; l < LANES; l++) each[l] = (uint64_t)(at[l] - first);
  memcpy(&from, each, sizeof from);
  for (int64_t k = 0; k < s->depth;) {
    const double *here = x + s->at[k];
    if (s->run[k] >= 8) {
      real row[8];
      r_rows(here + first, from, row);
      for (int e = 0; e < 8; e++, k++) tensor_store(copy + k * stride, row[e]);
    } else {
      for (int l = 0; l < width; l++) copy[k * stride + l] = here[at[l]];
      k++;
    }
  }
}

/* so many rows or columns that lie one behind the other */
static void pack_in_one_piece(const double *x, int64_t wanted, int width, const stretch *s,
                              double *copy) {
  for (int64_t k = 0; k < s->depth; k++, copy += width) {
    const double *here = x + s->at[k];
    int l = 0;
    for (; l + LANES <= wanted; l += LANES) tensor_store(copy + l, tensor_load(here + l));
    for (; l < width; l++) copy[l] = here[least(l, wanted - 1)];
  }
}

/* the panels of a block, one behind the other */
static void pack(const side *of, const stretch *s, int64_t from, const panels *p, double *copies) {
  for (int64_t part = 0; part < p->parts; part++) {
    const int64_t begin = begin_of(p, part),
                  wanted = least(begin_of(p, part + 1), p->count) - begin;
    const int width = (int)(begin_of(p, part + 1) - begin);
    int64_t at[LONGEST];
    int piece = 1;
    places(of->count, of->stride, from + begin, wanted, LONGEST, at);
    for (int l = 1; l < wanted; l++) piece &= at[l] == at[0] + l;
    double *copy = copies + begin * s->depth;
    if (piece) pack_in_one_piece(of->x + at[0], wanted, width, s, copy);
    else
      for (int l = 0; l < width; l += LANES)
        pack_vector(of->x, at + l, (int)least(LANES, width - l), s, width, copy + l);
  }
}

/* A block for tiles, copied to `copies` unless it is small and one row of the depth lies in one piece. */
static panels panels_of(const side *of, const stretch *s, int64_t from, int64_t count, int unit,
                        int largest, double *copies) {
  const int64_t span = s->step * s->depth;
  const int64_t units = parts_of(count, unit), parts = parts_of(units, largest);
  panels p = {.x = copies, .depth = s->depth, .count = count, .parts = parts};
  p.units = units / parts;
  p.longer = units % parts;
  p.unit = unit;
  if (s->step && span <= SMALL && span >= -SMALL && of->count.outer == 1 && of->stride.inner == 1 &&
      count % unit == 0) {
    p.x = of->x + from + s->at[0];
    p.step = s->step;
  } else pack(of, s, from, &p, copies);
  return p;
}

/* ---- the product ---- */

/* a tile that C has in pieces, or that goes over its edge: made in a place of its own */
static void tile_in_pieces(tile_of *run, int64_t depth, panel a, panel b, double *c,
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
static void multiply(const panels *a, const panels *b, const side *rows, int64_t first_row,
                     const side *columns, int64_t first_column, double *c, int begun) {
  int64_t row[BASIN_BLOCK_ROWS];
  places(rows->count, rows->c, first_row, a->count, a->count, row);
  for (int64_t j = 0; j < b->parts; j++) {
    const int64_t begin = begin_of(b, j), wanted = least(begin_of(b, j + 1), b->count) - begin;
    const int vectors = (int)parts_of(wanted, LANES);
    int64_t column[WIDTH], vector[VECTORS];
    int piece = 1;
    places(columns->count, columns->c, first_column + begin, wanted, WIDTH, column);
    for (int v = 0; v < vectors; v++) {
      vector[v] = column[v * LANES];
      piece &= wanted >= (v + 1) * LANES && in_one_piece(column + v * LANES);
    }
    const panel right = panel_of(b, j);
    for (int64_t i = 0; i < a->parts; i++) {
      const int64_t top = begin_of(a, i), n = begin_of(a, i + 1) - top;
      const panel left = panel_of(a, i);
      tile_of *run = tile_by[n - 1][vectors - 1];
      if (piece) run(a->depth, left, right, c, row + top, vector, begun);
      else
        tile_in_pieces(run, a->depth, left, right, c, row + top, (int)n, column, (int)wanted,
                       begun);
    }
  }
}

void TENSOR(product)(const basin_product *p, const double *a, const double *b, double *c, int add,
                     double *room) {
  side rows = {a, p->rows, p->a_rows, p->c_rows},
       columns = {b, p->columns, p->b_columns, p->c_columns};
  basin_pair depth = p->depth, a_depth = p->a_depth, b_depth = p->b_depth;
  if (!length(rows.count) || !length(columns.count)) return;
  basin_product_flatten(&rows.count, &rows.stride, &rows.c);
  basin_product_flatten(&columns.count, &columns.stride, &columns.c);
  basin_product_flatten(&depth, &a_depth, &b_depth);
  if (cost(&rows, &columns) < cost(&columns, &rows)) { /* C' = B' A': the same chains */
    const side side = rows;
    const basin_pair stride = a_depth;
    rows = columns, columns = side;
    a_depth = b_depth, b_depth = stride;
  }
  const int64_t m = length(rows.count), n = length(columns.count), all = length(depth),
                depths = all > 0 ? parts_of(all, BASIN_BLOCK_DEPTH) : 1;
  stretch of_a, of_b;
  double *b_copies = (double *)(((uintptr_t)room + 63) & ~(uintptr_t)63);
  for (int64_t column = 0, width; column < n; column += width) {
    width = least(n - column, BASIN_BLOCK_COLUMNS);
    double *a_copies = b_copies + parts_of(width, LANES) * LANES * least(all, BASIN_BLOCK_DEPTH);
    for (int64_t q = 0; q < depths; q++) {
      const int64_t from = q * all / depths, here = (q + 1) * all / depths - from;
      stretch_set(&of_a, depth, a_depth, from, here);
      stretch_set(&of_b, depth, b_depth, from, here);
      const panels right = panels_of(&columns, &of_b, column, width, LANES, VECTORS, b_copies);
      for (int64_t row = 0; row < m; row += BASIN_BLOCK_ROWS) {
        const panels left = panels_of(&rows, &of_a, row, least(m - row, BASIN_BLOCK_ROWS), 1, ROWS,
                                      a_copies);
        multiply(&left, &right, &rows, row, &columns, column, c, add || q > 0);
      }
    }
  }
}
