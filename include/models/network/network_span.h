/* SPDX-License-Identifier: MIT
 *
 * network_span.h: a dense first layer in the coordinates of its inputs. Gradient descent moves its weights W [m][d] in
 * the span of the n inputs, the rows of X, alone. So a trial has V [m][n] in their place, which begins with 0:
 *
 *   W = W(0) + V X,   z = X W' = Z(0) + S V',   S = XX',   Z(0) = X W(0)'
 *   V[r][i] <- V[r][i] - eta scale dz[i][r],   and V X moves by sum_i dz[i][r] x_i, the gradient, without its product
 *   |w_r - w_r(0)|^2 = v_r'S v_r = v_r'(z_r - z_r(0)),   |w_r|^2 = |w_r(0)|^2 + v_r'(z_r + z_r(0))
 *   |G|^2 = sum_r dz_r'S dz_r
 *
 * A step takes 2 n^2 m operations in the place of 4 n d m. The later layers are of any kind. The methods are those that
 * are linear in the gradients: momentum and Nesterov's keep velocities of V. Adam is not, and noise leaves the span.
 *
 * W(0) is drawn from the words that it has in its own coordinates, so trials are the same to rounding. A row of the
 * data set is an input, and behind it its row of S. Where cell->span is 1, layer 0 of the cell has in = n: it looks at
 * S, its weights are V, and what is other than in a dense layer on S is here:
 *
 *   const int begun = network_begin(cell, z0, h, numbers, &at, sum);    Z(0), which the sums of layer 0 begin with
 *   network_move_span(cell, t, &l, numbers, count, x, way, pace, eta);  in the place of the gradient's product
 */
#ifndef BASIN_MODELS_NETWORK_SPAN_H
#define BASIN_MODELS_NETWORK_SPAN_H

#include "models/network/network_cell.h"
#include "models/network/network_tile.h"
#include <stdlib.h>

/* entry number `index` of an array, which every lane has its own of */
BASIN_HD real network_pick(const real *array, real index) {
  real out = r_set(0.0);
  for (int lane = 0; lane < BASIN_LANES; lane++)
    r_lane_set(&out, lane, r_lane(&array[(int64_t)r_lane(&index, lane)], lane));
  return out;
}
BASIN_HD void network_place_back(real *array, real index, real value) {
  for (int lane = 0; lane < BASIN_LANES; lane++)
    r_lane_set(&array[(int64_t)r_lane(&index, lane)], lane, r_lane(&value, lane));
}

/* ---- forward and backward ---- */

/* What the sums of a tile of layer h begin with, where that is not 0: then it is in `sum`, and 1 is returned.
   origin: Z(0); numbers: [rows] of the inputs, by lanes, or NULL where they are all inputs */
NETWORK_PART int network_begin(const network_cell *cell, const real *origin, int h,
                               const real *numbers, const network_tile *at,
                               real sum[NETWORK_ROWS][NETWORK_COLUMNS]) {
  if (h > 0 || !cell->span) return 0;
  const real *z0 = origin + at->column * cell->n;
  for (int c = 0; c < at->columns && c < NETWORK_COLUMNS; c++, z0 += cell->n)
    for (int r = 0; r < at->rows && r < NETWORK_ROWS; r++)
      sum[r][c] = numbers ? network_pick(z0, numbers[at->row + r]) : z0[at->row + r];
  return 1;
}

/* g [n]: the gradient by a row of V, of a mini-batch that may have an input twice; dz: of the row, `to` apart */
BASIN_HD void network_spread(const network_cell *cell, const real *numbers, int64_t count,
                             const real *dz, int64_t to, real *g) {
  for (int64_t i = 0; i < cell->n; i++) g[i] = r_set(0.0);
  for (int64_t b = 0; b < count; b++)
    network_place_back(g, numbers[b], network_pick(g, numbers[b]) + dz[b * to]);
}

/* V moves by dz of all inputs, entry by entry */
BASIN_HD void network_move_all(const network_cell *cell, basin_turn t, const network_layer *l,
                               real *x, const method_step *way, real pace, real eta) {
  const basin_pair rows = {cell->n, 1}, columns = {l->is.out, 1}, none = {0, 0};
  const basin_product p = {rows, columns, none, none, none, none, none, none, none};
  const int64_t to = network_z_size(l);
  for (network_tile at = network_first(&p, t.team); network_goes_on(&at); network_next(&at)) {
    const real *g = t.work + l->z + at.row * to + at.column;
    for (int c = 0; c < at.columns; c++) {
      const int64_t first = l->weights + (at.column + c) * cell->n + at.row;
      for (int r = 0; r < at.rows && !way; r++)
        x[first + r] = r_fnma(pace, g[r * to + c], x[first + r]);
      for (int r = 0; r < at.rows && way; r++)
        method_entry(way, eta, first + r, g[r * to + c], &x[first + r]);
    }
  }
}

/* V moves by dz of a mini-batch: of plain gradient descent its own entries alone */
BASIN_HD void network_move_some(const network_cell *cell, basin_turn t, const network_layer *l,
                                const real *numbers, int64_t count, real *x, const method_step *way,
                                real pace, real eta) {
  const int64_t n = cell->n, to = network_z_size(l);
  /* threads that have a row of a gradient, where that is spread out */
  const int some = way && t.team.size > NETWORK_TEAM ? (int)NETWORK_TEAM : t.team.size;
  real *g = t.work + cell->spread + t.team.rank * n;
  for (int64_t row = t.team.rank; t.team.rank < some && row < l->is.out; row += some) {
    const int64_t first = l->weights + row * n;
    const real *dz = t.work + l->z + row;
    if (team_stopped(t.team)) break;
    for (int64_t b = 0; !way && b < count; b++) {
      const real v = network_pick(x + first, numbers[b]);
      network_place_back(x + first, numbers[b], r_fnma(pace, dz[b * to], v));
    }
    if (!way) continue;
    network_spread(cell, numbers, count, dz, to, g);
    for (int64_t i = 0; i < n; i++) method_entry(way, eta, first + i, g[i], &x[first + i]);
  }
}

/* a step of V, by dz of `count` inputs; way: NULL is plain gradient descent */
NETWORK_PART void network_move_span(const network_cell *cell, basin_turn t, const network_layer *l,
                                    const real *numbers, int64_t count, real *x,
                                    const method_step *way, real pace, real eta) {
  if (numbers) network_move_some(cell, t, l, numbers, count, x, way, pace, eta);
  else network_move_all(cell, t, l, x, way, pace, eta);
  team_sync(t.team);
}

/* |G|^2 of the layer, from dz of `count` inputs: products of theirs are `shared`, a row cell->input apart, or
   `own`, [count][count] */
NETWORK_PART real network_span_length(const network_cell *cell, basin_turn t,
                                      const network_layer *l, int64_t count, const double *shared,
                                      const real *own) {
  const basin_pair rows = {count, 1}, columns = {l->is.out, 1}, depth = {1, count},
                   a_rows = {own ? count : cell->input, 0}, near = {0, 1}, beside = {1, 0},
                   b_depth = {0, network_z_size(l)}, none = {0, 0};
  const basin_product p = {rows, columns, depth, a_rows, near, beside, b_depth, none, none};
  const real *dz = t.work + l->z;
  real *size = t.work + cell->sizes, all = r_set(0.0), length[NETWORK_COLUMNS];
  for (network_tile at = network_first(&p, t.team); network_goes_on(&at); network_next(&at)) {
    real sum[NETWORK_ROWS][NETWORK_COLUMNS];
    if (team_stopped(t.team)) break;
    network_multiply(&p, &at, 0, shared, own, dz, sum);
    for (int c = 0; c < at.columns && c < NETWORK_COLUMNS; c++) {
      if (at.row == 0) length[c] = r_set(0.0);
      for (int r = 0; r < at.rows; r++)
        length[c] = r_fma(sum[r][c], dz[(at.row + r) * network_z_size(l) + at.column + c],
                          length[c]);
      if (at.row + at.rows == at.all_rows) size[at.column + c] = length[c];
    }
  }
  team_sync(t.team);
  for (int64_t c = 0; c < l->is.out; c++) all = all + size[c];
  team_sync(t.team);
  return all;
}

/* ---- start ---- */

enum { NETWORK_DRAWN = 16 }; /* numbers of a row that are drawn at a time: an even number */

/* entries first .. first + count - 1 of a row of W(0); returns norm2 and their squares */
BASIN_HD real network_draw_some(const network_layer *l, basin_turn t, int64_t row, int64_t first,
                                int64_t count, real spread, real *w, real norm2) {
  for (int64_t j = 0; j < count; j += 2) {
    real z[2];
    draw_pair(&l->start, t.data, t.trial, row, (first + j) / 2, &z[0], &z[1]);
    for (int e = 0; e < 2 && j + e < count; e++) {
      w[j + e] = draw_entry(&l->start, t.data, row, first + j + e, spread, z[e]);
      norm2 = r_fma(w[j + e], w[j + e], norm2);
    }
  }
  return norm2;
}

/* what the numbers of a row are multiplied by: of rows of a given length these are drawn twice */
BASIN_HD real network_row_spread(const network_layer *l, basin_turn t, int64_t row) {
  real norm2 = r_set(0.0);
  const int64_t length = l->start.length;
  const int by_length = l->start.kind == BASIN_SPHERE || l->start.kind == BASIN_BALL;
  for (int64_t b = 0; by_length && 2 * b < length; b++) {
    real z0, z1;
    draw_pair(&l->start, t.data, t.trial, row, b, &z0, &z1);
    norm2 = r_fma(z1, z1, r_fma(z0, z0, norm2));
  }
  return draw_spread(&l->start, t.trial, row, norm2);
}

/* adds to Z(0) of the columns of a tile what `count` numbers of the inputs, from `first` on, contribute */
BASIN_HD void network_start_columns(const network_cell *cell, basin_turn t, const network_tile *of,
                                    int64_t first, int64_t count, const real *w, real *z0) {
  const basin_pair rows = {cell->n, 1}, columns = {of->columns, 1}, depth = {1, count},
                   a_rows = {cell->input, 0}, near = {0, 1}, b_columns = {NETWORK_DRAWN, 0},
                   none = {0, 0};
  const basin_product p = {rows, columns, depth, a_rows, near, b_columns, near, none, none};
  for (network_tile at = network_first(&p, basin_alone); network_goes_on(&at); network_next(&at)) {
    real sum[NETWORK_ROWS][NETWORK_COLUMNS];
    for (int c = 0; c < at.columns && c < NETWORK_COLUMNS; c++)
      for (int r = 0; r < at.rows && r < NETWORK_ROWS; r++)
        sum[r][c] = z0[c * cell->n + at.row + r];
    network_multiply(&p, &at, first > 0, t.set + first, NULL, w, sum);
    for (int c = 0; c < at.columns && c < NETWORK_COLUMNS; c++)
      for (int r = 0; r < at.rows && r < NETWORK_ROWS; r++)
        z0[c * cell->n + at.row + r] = sum[r][c];
  }
}

/* V = 0, and Z(0) of the weights that are drawn, in the order of the inputs' numbers */
NETWORK_PART void network_start_span(const network_cell *cell, basin_turn t, const network_layer *l,
                                     real *x) {
  const basin_pair rows = {1, 1}, columns = {l->is.out, 1}, none = {0, 0};
  const basin_product p = {rows, columns, none, none, none, none, none, none, none};
  for (network_tile of = network_first(&p, t.team); network_goes_on(&of); network_next(&of)) {
    real w[NETWORK_COLUMNS * NETWORK_DRAWN], spread[NETWORK_COLUMNS], norm2[NETWORK_COLUMNS];
    real *z0 = x + cell->origin + of.column * cell->n, *v = x + l->weights + of.column * cell->n;
    for (int64_t i = 0; i < of.columns * cell->n; i++) z0[i] = v[i] = r_set(0.0);
    for (int c = 0; c < of.columns && c < NETWORK_COLUMNS; c++) {
      spread[c] = network_row_spread(l, t, of.column + c);
      norm2[c] = r_set(0.0);
    }
    for (int64_t j = 0; j < l->start.length; j += NETWORK_DRAWN) {
      const int64_t left = l->start.length - j,
                    count = left < NETWORK_DRAWN ? left : (int64_t)NETWORK_DRAWN;
      if (team_stopped(t.team)) break;
      for (int c = 0; c < of.columns && c < NETWORK_COLUMNS; c++)
        norm2[c] = network_draw_some(l, t, of.column + c, j, count, spread[c],
                                     w + c * NETWORK_DRAWN, norm2[c]);
      network_start_columns(cell, t, &of, j, count, w, z0);
    }
    for (int c = 0; cell->wanted & NETWORK_NORMS && c < of.columns && c < NETWORK_COLUMNS; c++)
      x[cell->lengths + of.column + c] = norm2[c];
  }
  team_sync(t.team);
}

/* ---- what is seen, of a pass forward of all inputs ---- */

/* |w_r - w_r(0)|^2 of row r */
BASIN_HD real network_span_moved(const network_cell *cell, basin_turn t, const network_layer *l,
                                 const real *x, int64_t row) {
  const real *v = x + l->weights + row * cell->n, *z0 = x + cell->origin + row * cell->n,
             *z = t.work + l->z + row;
  real sum = r_set(0.0);
  for (int64_t i = 0; i < cell->n; i++) sum = r_fma(v[i], z[i * network_z_size(l)] - z0[i], sum);
  return r_select(r_lt(sum, r_set(0.0)), r_set(0.0), sum); /* by rounding; none stays none */
}

/* |w_r|^2 - |w_r(0)|^2 of row r */
BASIN_HD real network_span_grown(const network_cell *cell, basin_turn t, const network_layer *l,
                                 const real *x, int64_t row) {
  const real *v = x + l->weights + row * cell->n, *z0 = x + cell->origin + row * cell->n,
             *z = t.work + l->z + row;
  real sum = r_set(0.0);
  for (int64_t i = 0; i < cell->n; i++) sum = r_fma(v[i], z[i * network_z_size(l)] + z0[i], sum);
  return sum;
}

/* ---- host ---- */

enum { NETWORK_CHAINS = 32 }; /* side by side, in registers */

/* c[j] and the sum over k of a[k] b[k][j], a chain each, j < width; b: a row is `step` from the next */
static inline __attribute__((always_inline)) void network_chains_any(const double *a, int64_t depth,
                                                                     const double *b, int64_t step,
                                                                     int64_t width, double *c) {
  int64_t j = 0;
  for (; j + NETWORK_CHAINS <= width; j += NETWORK_CHAINS) {
    double sum[NETWORK_CHAINS];
    memcpy(sum, c + j, sizeof sum);
    for (int64_t k = 0; k < depth; k++)
      for (int q = 0; q < NETWORK_CHAINS; q++) sum[q] = fma(a[k], b[k * step + j + q], sum[q]);
    memcpy(c + j, sum, sizeof sum);
  }
  for (; j < width; j++)
    for (int64_t k = 0; k < depth; k++) c[j] = fma(a[k], b[k * step + j], c[j]);
}
#if defined(__x86_64__) && !defined(__CUDACC__)
#define NETWORK_OWN_FMA
__attribute__((target("avx2,fma"), unused)) static void network_chains_fma(
    const double *a, int64_t depth, const double *b, int64_t step, int64_t width, double *c) {
  network_chains_any(a, depth, b, step, width, c);
}
#endif
/* with the processor's own fma where it has one: the same bits */
static inline void network_chains_of(const double *a, int64_t depth, const double *b, int64_t step,
                                     int64_t width, double *c) {
#ifdef NETWORK_OWN_FMA
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    network_chains_fma(a, depth, b, step, width, c);
    return;
  }
#endif
  network_chains_any(a, depth, b, step, width, c);
}

/* rows `first` .. first + count - 1 of S, behind the inputs of the same numbers in z [count][cell->input] */
static inline basin_status network_inner(const basin_setting *setting, const network_cell *cell,
                                         int64_t first, int64_t count, double *z) {
  const int64_t n = cell->n, d = cell->look, room = ((int64_t)1 << 20) / d,
                most = room < 1                ? 1
                       : room < NETWORK_CHAINS ? room
                                               : (int64_t)NETWORK_CHAINS;
  const int whole = first == 0 && count == n;
  double *drawn = (double *)malloc((size_t)(2 * most * d) * sizeof *drawn),
         *across = drawn + most * d;
  basin_status status = drawn ? BASIN_OK : BASIN_FAILED;
  for (int64_t j = 0; j < n && !status; j += most) {
    const int64_t width = n - j < most ? n - j : most, step = whole ? cell->input : d;
    const double *from = whole ? z + j * step : drawn;
    if (!whole) status = setting->network->draw(setting, j, width, drawn, NULL);
    if (status) break;
    for (int64_t k = 0; k < d; k++)
      for (int64_t q = 0; q < width; q++) across[k * width + q] = from[q * step + k];
    for (int64_t i = 0; i < count; i++) {
      double *row = z + i * cell->input;
      for (int64_t q = 0; q < width; q++) row[d + j + q] = 0;
      network_chains_of(row, d, across, width, width, row + d + j);
    }
  }
  free(drawn);
  return status;
}

#endif
