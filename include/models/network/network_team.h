/* SPDX-License-Identifier: MIT
 *
 * network_team.h: what a network is made of (seam/tensors.h), by the threads of a team on a device, who call it all
 * together and wait for each other at its end: exact products by warps, on the matrix units, and loops over arrays.
 *
 * Of a depth the matrix units take all but what is left behind its last multiple of four, which each thread adds up, so
 * exact products cost nothing beside others there.
 */
#ifndef BASIN_MODELS_NETWORK_TEAM_H
#define BASIN_MODELS_NETWORK_TEAM_H

#include "numeric/matrix_unit.h"

/* units of a tile of C, above each other and side by side, at most */
enum { NETWORK_HIGH = 2, NETWORK_WIDE = 4 };

/* network_offset() of fewer than 2^31 elements: division of 64 bits would spill registers */
BASIN_HD int64_t network_at(basin_pair many, basin_pair stride, int index) {
  if (many.inner == 1) return index * stride.outer;
  if (many.outer == 1) return index * stride.inner;
  return index / (int)many.inner * stride.outer + index % (int)many.inner * stride.inner;
}

/* what a depth of UNIT_DEPTH adds to the units of a tile; from_a, from_b: where the thread's rows and columns begin */
BASIN_HD void network_tile_add(int high, int wide, const double *a, const double *b,
                               const int *from_a, const int *from_b,
                               double x[NETWORK_HIGH][NETWORK_WIDE][2][2]) {
  double y[2 * NETWORK_HIGH], z[NETWORK_WIDE];
  BASIN_UNROLLED
  for (int r = 0; r < 2 * high; r++) y[r] = a[from_a[r]];
  BASIN_UNROLLED
  for (int q = 0; q < wide; q++) z[q] = b[from_b[q]];
  BASIN_UNROLLED
  for (int i = 0; i < high; i++) {
    BASIN_UNROLLED
    for (int q = 0; q < wide; q++) unit_add(x[i][q], y[2 * i], y[2 * i + 1], z[q]);
  }
}

/* rows and columns of a tile that the thread has the sums of, as the matrix units deal them out */
BASIN_HD int network_own_row(int row, int r) { return row + (int)threadIdx.x % 32 / 4 + 8 * r; }
BASIN_HD int network_own_column(int column, int q) {
  return column + 8 * (q / 2) + (int)threadIdx.x % 4 * 2 + q % 2;
}

/* How far the thread's own rows and columns of a tile of C lie behind the first of the tile, or -1 of those beyond the
   last ones (no stride of C is negative); where that is: once for each, for every division stands in the code */
BASIN_HD int64_t network_tile_places(int high, int wide, const basin_product *p, int row,
                                     int column, int of_row[2 * NETWORK_HIGH],
                                     int of_column[2 * NETWORK_WIDE]) {
  const int64_t first_row = network_at(p->rows, p->c_rows, row),
                first_column = network_at(p->columns, p->c_columns, column);
  const int rows = (int)network_count(p->rows), columns = (int)network_count(p->columns);
  BASIN_UNROLLED
  for (int r = 0; r < 2 * high; r++) {
    const int own = network_own_row(row, r);
    of_row[r] = own < rows ? (int)(network_at(p->rows, p->c_rows, own) - first_row) : -1;
  }
  BASIN_UNROLLED
  for (int q = 0; q < 2 * wide; q++) {
    const int own = network_own_column(column, q);
    of_column[q] = own < columns ? (int)(network_at(p->columns, p->c_columns, own) - first_column)
                                 : -1;
  }
  return first_row + first_column;
}

/* The tile of C that begins at (row, column), by the calling warp; high, wide: constants. Rows and columns beyond the
   last ones are these once more. */
BASIN_HD void network_tile_of(int high, int wide, const basin_product *p, int row, int column,
                              const double *a, const double *b, double *c, int add) {
  const int lane = (int)threadIdx.x % 32, of_depth = lane % UNIT_DEPTH;
  const basin_pair depth = p->depth, a_depth = p->a_depth, b_depth = p->b_depth;
  const int rows = (int)network_count(p->rows), columns = (int)network_count(p->columns),
            all = (int)network_count(depth), by_units = all - all % UNIT_DEPTH;
  const int64_t first_a = network_at(p->rows, p->a_rows, row),
                first_b = network_at(p->columns, p->b_columns, column);
  int from_a[2 * NETWORK_HIGH], from_b[NETWORK_WIDE], k = 0; /* from those of the tile */
  int of_row[2 * NETWORK_HIGH], of_column[2 * NETWORK_WIDE];
  double *to = c, x[NETWORK_HIGH][NETWORK_WIDE][2][2];
  BASIN_UNROLLED
  for (int r = 0; r < 2 * high; r++) {
    const int own = network_own_row(row, r);
    from_a[r] = (int)(network_at(p->rows, p->a_rows, own < rows ? own : rows - 1) - first_a);
  }
  BASIN_UNROLLED
  for (int q = 0; q < wide; q++) {
    const int own = column + lane / 4 + 8 * q;
    from_b[q] = (int)(network_at(p->columns, p->b_columns, own < columns ? own : columns - 1) -
                      first_b);
  }
  if (add) to += network_tile_places(high, wide, p, row, column, of_row, of_column);
  BASIN_UNROLLED
  for (int r = 0; r < 2 * high; r++) {
    BASIN_UNROLLED
    for (int q = 0; q < 2 * wide; q++) {
      x[r / 2][q / 2][r % 2][q % 2] = 0.0;
      if (add && of_row[r] >= 0 && of_column[q] >= 0)
        x[r / 2][q / 2][r % 2][q % 2] = to[of_row[r] + of_column[q]];
    }
  }

  a += first_a;
  b += first_b;
  __syncwarp(); /* units are a warp's */
  if (depth.outer == 1) {
    const int64_t step_a = UNIT_DEPTH * a_depth.inner, step_b = UNIT_DEPTH * b_depth.inner;
    const double *at_a = a + of_depth * a_depth.inner, *at_b = b + of_depth * b_depth.inner;
    BASIN_ROLLED
    for (; k < by_units; k += UNIT_DEPTH, at_a += step_a, at_b += step_b)
      network_tile_add(high, wide, at_a, at_b, from_a, from_b, x);
  } else {
    int outer = 0, inner = of_depth;
    BASIN_ROLLED
    for (; k < by_units; k += UNIT_DEPTH, inner += UNIT_DEPTH) {
      for (; inner >= depth.inner; inner -= (int)depth.inner) outer++;
      __syncwarp(); /* the threads' ways differ in this */
      network_tile_add(high, wide, a + outer * a_depth.outer + inner * a_depth.inner,
                       b + outer * b_depth.outer + inner * b_depth.inner, from_a, from_b, x);
    }
  }
  BASIN_ROLLED
  for (; k < all; k++) {
    const double *at_a = a + network_at(depth, a_depth, k),
                 *at_b = b + network_at(depth, b_depth, k);
    BASIN_UNROLLED
    for (int q = 0; q < 2 * wide; q++) {
      const int own = network_own_column(column, q);
      const double z =
          at_b[network_at(p->columns, p->b_columns, own < columns ? own : columns - 1) - first_b];
      BASIN_UNROLLED
      for (int r = 0; r < 2 * high; r++)
        x[r / 2][q / 2][r % 2][q % 2] = fma(at_a[from_a[r]], z, x[r / 2][q / 2][r % 2][q % 2]);
    }
  }

  to = c + network_tile_places(high, wide, p, row, column, of_row, of_column);
  BASIN_UNROLLED
  for (int r = 0; r < 2 * high; r++) {
    BASIN_UNROLLED
    for (int q = 0; q < 2 * wide; q++)
      if (of_row[r] >= 0 && of_column[q] >= 0)
        to[of_row[r] + of_column[q]] = x[r / 2][q / 2][r % 2][q % 2];
  }
}

/* each a function of its own, so that nothing else takes registers from its sums */
#define NETWORK_TILE(high, wide)                                                              \
  NETWORK_PART void network_tile_##high##_##wide(const basin_product *p, int row, int column, \
                                                 const double *a, const double *b, double *c, \
                                                 int add) {                                   \
    network_tile_of(high, wide, p, row, column, a, b, c, add);                                \
  }
NETWORK_TILE(1, 1)
NETWORK_TILE(1, 4)
NETWORK_TILE(2, 4)
#undef NETWORK_TILE

/* as basin_product_runner of tensors.h, without room: the largest tiles of which every warp of the team has one */
NETWORK_PART void network_team_product(basin_team team, const basin_product *p, const double *a,
                                       const double *b, double *c, int add) {
  const int rows = (int)network_count(p->rows), columns = (int)network_count(p->columns),
            warps = team.size / 32;
  int high = rows > UNIT_ROWS ? 2 : 1, wide = columns > UNIT_COLUMNS ? 4 : 1;
  const int of_four = (columns + 4 * UNIT_COLUMNS - 1) / (4 * UNIT_COLUMNS);
  if (high > 1 && (wide == 1 || (rows + 2 * UNIT_ROWS - 1) / (2 * UNIT_ROWS) * of_four < warps))
    high = 1;
  if (wide > 1 && (rows + UNIT_ROWS - 1) / UNIT_ROWS * of_four < warps) wide = 1;
  const int tall = UNIT_ROWS * high, broad = UNIT_COLUMNS * wide,
            of_rows = (rows + tall - 1) / tall, tiles = of_rows * ((columns + broad - 1) / broad);
  BASIN_ROLLED
  for (int tile = team.rank / 32; tile < tiles; tile += warps) {
    const int row = tile % of_rows * tall, column = tile / of_rows * broad;
    if (high > 1) network_tile_2_4(p, row, column, a, b, c, add);
    else if (wide > 1) network_tile_1_4(p, row, column, a, b, c, add);
    else network_tile_1_1(p, row, column, a, b, c, add);
  }
  team_sync(team);
}

/* number e of [rows][pixels], in an array whose rows are `row` apart */
BASIN_HD int64_t network_spaced(int e, int pixels, int64_t row) {
  return pixels == row ? e : e / pixels * row + e % pixels;
}

/* [rows][pixels] activations x from z, and what is passed on where that is not NULL; the rows so far apart */
NETWORK_PART void network_team_activate(basin_team team, const basin_network_layer *layer,
                                        int64_t rows, int pixels, const double *z, int64_t z_row,
                                        double *x, int64_t x_row, const double *passed,
                                        int64_t passed_row) {
  const int count = (int)(rows * pixels);
  const double scale = layer->scale, below = layer->slope;
  switch (layer->activation) {
#define NETWORK_VALUES(NAME, word)                                                      \
  case BASIN_##NAME:                                                                    \
    BASIN_TEAM_FOR(team, e, count) {                                                    \
      const double value = network_value_of(BASIN_##NAME, below,                        \
                                            z[network_spaced(e, pixels, z_row)]);       \
      double *const to = x + network_spaced(e, pixels, x_row);                          \
      *to = passed ? r_fma(scale, value, passed[network_spaced(e, pixels, passed_row)]) \
                   : scale * value;                                                     \
    }                                                                                   \
    break;
    BASIN_ACTIVATION_TABLE(NETWORK_VALUES)
#undef NETWORK_VALUES
  default:;
  }
  team_sync(team);
}

/* [rows][pixels] z become dz, from g */
NETWORK_PART void network_team_slopes(basin_team team, const basin_network_layer *layer,
                                      int64_t rows, int pixels, const double *g, double *z,
                                      int64_t z_row) {
  const int count = (int)(rows * pixels);
  const double scale = layer->scale, below = layer->slope;
  switch (layer->activation) {
#define NETWORK_SLOPES(NAME, word)                                     \
  case BASIN_##NAME:                                                   \
    BASIN_TEAM_FOR(team, e, count) {                                   \
      double *const at = z + network_spaced(e, pixels, z_row);         \
      *at = scale * network_slope_of(BASIN_##NAME, below, *at) * g[e]; \
    }                                                                  \
    break;
    BASIN_ACTIVATION_TABLE(NETWORK_SLOPES)
#undef NETWORK_SLOPES
  default:;
  }
  team_sync(team);
}

/* Two arrays of the same numbers, [n][out] and [out][n]: a warp takes 8 by 4 of them at a time, so that neither is read
   with gaps. How many turns there are, and what thread number e has in its turn: whether there is such a number. */
BASIN_HD int network_turns(int n, int out) { return (n + 7) / 8 * ((out + 3) / 4) * 32; }
BASIN_HD int network_across(int e, int n, int out, int64_t *i, int64_t *r) {
  const int lane = e % 32, block = e / 32, blocks = (n + 7) / 8;
  *i = block % blocks * 8 + lane % 8;
  *r = block / blocks * 4 + lane / 8;
  return *i < n && *r < out;
}

/* V [out][n] moves by dz [n][out] */
NETWORK_PART void network_team_move(basin_team team, int n, int out, const double *dz, double pace,
                                    double *v) {
  BASIN_TEAM_FOR(team, e, network_turns(n, out)) {
    int64_t i, r;
    if (network_across(e, n, out, &i, &r)) v[r * n + i] = fma(-pace, dz[i * out + r], v[r * n + i]);
  }
  team_sync(team);
}

#endif
