/* SPDX-License-Identifier: MIT
 *
 * network_gram.h: the Gram matrix of a network's gradients, and how far its spectrum is from that of the start and from
 * that of infinite width.
 *
 *   G_(ia)(jb) = sum over trained layers h of <du_ia/dW_h, du_jb/dW_h>,   u_ia: label a of input i
 *
 * without the loss's factor (du-thesis-2019, H of (2.5) and the sum of the G^(h) of (3.12) to (3.14)): residuals follow
 * r -> (I - 2c eta G) r to first order in eta. With one layer trained it is that layer's own. A pass backward from u_a
 * has dz of all inputs at once; a dense layer adds (dz_ia'dz_jb) (x_i'x_j), x being what it looks at, a convolution
 *
 *   sum over pixels l, k of (dz_ia[:, l]'dz_jb[:, k]) <phi(x_i)_l, phi(x_j)_k>.
 *
 * Cost, at every look, with n inputs and o labels: o passes forward and backward; (n o)^2/2 times out, and n^2 times in
 * for x (a convolution: (n o p)^2/2 times (out + q in), p its pixels); 4/3 (n o)^3 for each spectrum. `gram_change`
 * takes passes and products twice, for G(0) is made of the weights of the start, which are kept. Memory: (n o)^2
 * numbers, and with several labels (o - 1) times z of all layers, for dz of all labels but the last.
 *
 * Chains of fma: an inner product in the order of (channel, offset), a pair of inputs in that of (k, l), G in that of
 * the layers, from the first.
 */
#ifndef BASIN_MODELS_NETWORK_GRAM_H
#define BASIN_MODELS_NETWORK_GRAM_H

#include "models/network/network_pass.h"

/* ---- gradients of a label ---- */

/* where dz of layer h by label a is kept once all labels are through: that of the last one in the place of z */
BASIN_HD real *network_dz(const network_cell *cell, basin_turn t, int h, int64_t a) {
  int64_t at = cell->others + a * cell->of_label;
  if (a + 1 == cell->labels) return t.work + network_layer_at(cell, t.data, h).z;
  for (int below = 0; below < h; below++) {
    const network_layer l = network_layer_at(cell, t.data, below);
    at += cell->n * network_z_size(&l);
  }
  return t.work + at;
}

/* dz of all labels and layers from the lowest trained one on, by the weights x; origin: of network_inputs */
NETWORK_PART void network_differentiate(const network_cell *cell, basin_turn t, const real *x,
                                        const real *origin) {
  network_inputs in = network_all_inputs(cell, t);
  in.origin = origin;
  for (int64_t a = 0; a < cell->labels; a++) {
    network_forward(cell, t, x, &in);
    network_give(cell, t, &in, a);
    for (int h = cell->layers - 1; h > cell->lowest; h--)
      network_backward_layer(cell, t, x, h, in.n);
    for (int h = cell->lowest; h < cell->layers && a + 1 < cell->labels; h++) {
      const network_layer l = network_layer_at(cell, t.data, h);
      real *to = network_dz(cell, t, h, a);
      const real *z = t.work + l.z;
      for (int64_t i = t.team.rank; i < in.n * network_z_size(&l); i += t.team.size) to[i] = z[i];
    }
    team_sync(t.team);
  }
}

/* ---- products of pairs of inputs ---- */

/* a tile of inner products of what a layer looks at; `shared`, or else `own`, and where the two inputs begin in it */
BASIN_HD void network_alike(const basin_product *p, const network_tile *at, const double *shared,
                            const real *own, int64_t first, int64_t second,
                            real sum[NETWORK_ROWS][NETWORK_COLUMNS]) {
#if BASIN_ON_DEVICE
  if (shared) own = shared;
  network_multiply(p, at, 0, NULL, own + first, own + second, sum);
#else
  if (!shared) {
    network_multiply(p, at, 0, NULL, own + first, own + second, sum);
    return;
  }
  for (int r = 0; r < at->rows; r++)
    for (int c = 0; c < at->columns && c < NETWORK_COLUMNS; c++) {
      const double *a = shared + first + network_offset(p->rows, p->a_rows, at->row + r),
                   *b = shared + second + network_offset(p->columns, p->b_columns, at->column + c);
      real chain = r_set(0.0);
      for (int64_t o = 0; o < p->depth.outer; o++)
        for (int64_t i = 0; i < p->depth.inner; i++)
          chain = r_fma(r_set(a[o * p->a_depth.outer + i * p->a_depth.inner]),
                        r_set(b[o * p->b_depth.outer + i * p->b_depth.inner]), chain);
      sum[r][c] = chain;
    }
#endif
}

/* `count` rows and as many columns, from one to the next so far, of vectors of depth.outer times depth.inner */
BASIN_HD basin_product network_square(int64_t count, int64_t apart, basin_pair depth,
                                      basin_pair stride) {
  basin_product p;
  p.rows = p.columns = network_pair(count, 1);
  p.a_rows = p.b_columns = network_pair(apart, 0);
  p.depth = depth;
  p.a_depth = p.b_depth = stride;
  p.c_rows = p.c_columns = network_pair(0, 0);
  network_index(&p.depth, &p.a_depth, &p.b_depth);
  return p;
}

/* the same of the first layer in the coordinates of the inputs, which looks at these products */
BASIN_HD void network_known(const network_tile *at, const network_below *below,
                            real sum[NETWORK_ROWS][NETWORK_COLUMNS]) {
  for (int r = 0; r < at->rows; r++)
    for (int c = 0; c < at->columns && c < NETWORK_COLUMNS; c++)
      sum[r][c] = r_set(below->shared[(at->row + r) * below->example + at->column + c]);
}

/* a dense layer's part of G: columns go to the threads */
NETWORK_PART void network_gram_dense(const network_cell *cell, basin_turn t, int h, real *gram) {
  const network_layer l = network_layer_at(cell, t.data, h);
  const network_inputs in = network_all_inputs(cell, t);
  const network_below below = network_below_of(cell, t, h, &l, &in);
  const basin_product seen = network_square(in.n, below.example, network_pair(l.is.in, 1),
                                            network_pair(below.row, 0)),
                      moved = network_square(in.n, network_z_size(&l), network_pair(l.is.out, 1),
                                             network_pair(1, 0));
  for (network_tile at = network_first(&seen, t.team); network_goes_on(&at); network_next(&at)) {
    real x[NETWORK_ROWS][NETWORK_COLUMNS], dz[NETWORK_ROWS][NETWORK_COLUMNS];
    if (team_stopped(t.team)) break;
    if (cell->labels == 1 && at.row + at.rows <= at.column) continue; /* above the diagonal */
    if (h == 0 && cell->span) network_known(&at, &below, x);
    else network_alike(&seen, &at, below.shared, below.own, 0, 0, x);
    for (int64_t a = 0; a < cell->labels; a++)
      for (int64_t b = 0; b <= a; b++) {
        network_multiply(&moved, &at, 0, NULL, network_dz(cell, t, h, a), network_dz(cell, t, h, b),
                         dz);
        for (int r = 0; r < at.rows; r++)
          for (int c = 0; c < at.columns && c < NETWORK_COLUMNS; c++) {
            const int64_t i = a * in.n + at.row + r, j = b * in.n + at.column + c;
            if (j > i) continue;
            gram[extremes_at(i, j)] = r_fma(x[r][c], dz[r][c], gram[extremes_at(i, j)]);
          }
      }
  }
  team_sync(t.team);
}

/* of one pair of outputs in a convolution: column by column of pixels, each a chain */
BASIN_HD real network_pixel_pairs(const basin_product *seen, const basin_product *moved,
                                  const network_below *below, int64_t i, int64_t j,
                                  const real *dz_a, const real *dz_b) {
  real all = r_set(0.0), column[NETWORK_COLUMNS];
  for (network_tile at = network_first(seen, team_alone()); network_goes_on(&at);
       network_next(&at)) {
    real x[NETWORK_ROWS][NETWORK_COLUMNS], dz[NETWORK_ROWS][NETWORK_COLUMNS];
    network_alike(seen, &at, below->shared, below->own, i * below->example, j * below->example, x);
    network_multiply(moved, &at, 0, NULL, dz_a, dz_b, dz);
    for (int c = 0; c < at.columns && c < NETWORK_COLUMNS; c++) {
      if (at.row == 0) column[c] = r_set(0.0);
      for (int r = 0; r < at.rows; r++) column[c] = r_fma(x[r][c], dz[r][c], column[c]);
      if (at.row + at.rows == at.all_rows) all = all + column[c];
    }
  }
  return all;
}

/* a convolution's part: pairs of outputs go to the threads */
NETWORK_PART void network_gram_pixels(const network_cell *cell, basin_turn t, int h, real *gram) {
  const network_layer l = network_layer_at(cell, t.data, h);
  const network_inputs in = network_all_inputs(cell, t);
  const network_below below = network_below_of(cell, t, h, &l, &in);
  const basin_product seen = network_square(l.is.pixels, 1, network_pair(l.is.in, l.is.patch),
                                            network_pair(below.row, 1)),
                      moved = network_square(l.is.pixels, 1, network_pair(l.is.out, 1),
                                             network_pair(network_z_stride(&l), 0));
  const int64_t outputs = in.n * cell->labels, size = network_z_size(&l);
  for (int64_t row = 0; row < outputs && !team_stopped(t.team); row++)
    for (int64_t column = 0; column <= row; column++) {
      real *entry = gram + extremes_at(row, column);
      if (extremes_at(row, column) % t.team.size != t.team.rank) continue;
      const int64_t i = row % in.n, j = column % in.n;
      *entry = *entry +
               network_pixel_pairs(&seen, &moved, &below, i, j,
                                   network_dz(cell, t, h, row / in.n) + l.pad + i * size,
                                   network_dz(cell, t, h, column / in.n) + l.pad + j * size);
    }
  team_sync(t.team);
}

/* G at the weights x, its lower triangle; output (label a, input i) is row a n + i. No pass forward is left behind. */
NETWORK_PART void network_gram(const network_cell *cell, basin_turn t, const real *x,
                               const real *origin, real *gram) {
  const int64_t size = extremes_size(cell->n * cell->labels);
  network_differentiate(cell, t, x, origin);
  for (int64_t i = t.team.rank; i < size; i += t.team.size) gram[i] = r_set(0.0);
  team_sync(t.team);
  for (int h = cell->lowest; h < cell->layers; h++) {
    const network_layer l = network_layer_at(cell, t.data, h);
    if (!l.is.trained) continue;
    if (l.is.pixels == 1 && l.is.patch == 1) network_gram_dense(cell, t, h, gram);
    else network_gram_pixels(cell, t, h, gram);
  }
}

/* ---- what is seen of it ---- */

/* the eigenvalues of what is in cell->spectrum, which they use up */
NETWORK_PART void network_extremes(const network_cell *cell, basin_turn t, real *low, real *high) {
  const int64_t outputs = cell->n * cell->labels;
  real *a = t.work + cell->spectrum;
  extremes_of(t.team, outputs, a, a + extremes_size(outputs), low, high);
}
BASIN_HD real network_spectral_norm(const network_cell *cell, basin_turn t) {
  real low, high;
  network_extremes(cell, t, &low, &high);
  return r_max(r_abs(low), r_abs(high));
}

/* what G has at infinite width at (row, column): the same for each label, and nothing between two */
BASIN_HD double network_gram_limit(const network_cell *cell, basin_turn t, int64_t row,
                                   int64_t column) {
  if (row / cell->n != column / cell->n) return 0;
  return t.data[cell->limit + row % cell->n * cell->n + column % cell->n];
}

NETWORK_PART void network_see_gram(const network_cell *cell, basin_turn t, const real *x,
                                   real *out) {
  const int64_t outputs = cell->n * cell->labels, size = extremes_size(outputs);
  real *gram = t.work + cell->gram, *other = t.work + cell->spectrum;
  network_gram(cell, t, x, NULL, gram);
  if (cell->wanted & NETWORK_GRAM) {
    for (int64_t i = t.team.rank; i < size; i += t.team.size) other[i] = gram[i];
    team_sync(t.team);
    network_extremes(cell, t, &out[NETWORK_SEES_gram_min], &out[NETWORK_SEES_gram_max]);
  }
  if (cell->wanted & NETWORK_GRAM_LIMIT) {
    real square = r_set(0.0);
    for (int64_t i = 0; i < outputs; i++) /* every thread has all of the sum */
      for (int64_t j = 0; j <= i; j++) {
        const real d = gram[extremes_at(i, j)] - r_set(network_gram_limit(cell, t, i, j));
        square = r_fma(r_set(i == j ? 1.0 : 2.0) * d, d, square);
        if (extremes_at(i, j) % t.team.size == t.team.rank) other[extremes_at(i, j)] = d;
      }
    team_sync(t.team);
    out[NETWORK_SEES_gram_deviation] = square;
    out[NETWORK_SEES_gram_limit] = network_spectral_norm(cell, t);
  }
  if (cell->wanted & NETWORK_GRAM_CHANGE) {
    network_gram(cell, t, x + cell->begun, cell->span ? x + cell->origin : NULL, other);
    for (int64_t i = t.team.rank; i < size; i += t.team.size) other[i] = gram[i] - other[i];
    team_sync(t.team);
    out[NETWORK_SEES_gram_change] = network_spectral_norm(cell, t);
  }
}

#endif
