/* SPDX-License-Identifier: MIT
 *
 * network_whole.h: the layers of one trial by whole arrays (seam/tensors.h), for networks so large that the numbers of
 * trials in lanes, side by side, leave the caches at every step; and on devices, where a team of threads shares them.
 * What network_pass.h does by tiles is done here a layer at a time: first all products, then what is made of them. The
 * same chains, so the same bits; but for rounding where the network asks for a BLAS.
 *
 *   network_forward_layer(cell, t, x, h, &in);      z and x of layer h of all inputs
 *
 * The gradient by the activations of a layer is kept for every layer, [n][out][pixels]; that by the weights in parts,
 * each of which is used before the next one is made.
 */
#ifndef BASIN_MODELS_NETWORK_WHOLE_H
#define BASIN_MODELS_NETWORK_WHOLE_H

#if BASIN_ON_DEVICE
#include "models/network/network_team.h"
#endif

/* C = A B, or with `add` C + A B */
BASIN_HD void network_whole_product(const network_cell *cell, basin_turn t, const basin_product *p,
                                    const double *a, const double *b, double *c, int add) {
#if BASIN_ON_DEVICE
  (void)cell;
  network_team_product(t.team, p, a, b, c, add);
#else
  double *room = t.work + cell->room;
  if (cell->blas) basin_blas_product(p, a, b, c, add, room, TENSOR(product));
  else TENSOR(product)(p, a, b, c, add, room);
#endif
}

/* columns first .. first + count - 1 of a product of A and B, to where c is */
BASIN_HD void network_columns(const network_cell *cell, basin_turn t, const basin_product *p,
                              int64_t first, int64_t count, const double *a, const double *b,
                              double *c, int add) {
  basin_product some = *p;
  some.columns = network_pair(count, 1);
  network_whole_product(cell, t, &some, a, b + first * p->b_columns.outer, c, add);
}

/* all columns, unless it is broken off */
BASIN_HD void network_product(const network_cell *cell, basin_turn t, const basin_product *p,
                              const double *a, const double *b, double *c, int add) {
#if BASIN_ON_DEVICE
  network_whole_product(cell, t, p, a, b, c, add);
#else
  const int64_t all = p->columns.outer,
                stretch = network_stretch(network_count(p->rows), all, network_count(p->depth),
                                          INT64_MAX);
  for (int64_t first = 0; first < all && !team_stopped(t.team); first += stretch)
    network_columns(cell, t, p, first, all - first < stretch ? all - first : stretch, a, b,
                    c + first * p->c_columns.outer, add);
#endif
}

/* Z(0) of the inputs, into z[n][out], where the first layer is in their coordinates */
NETWORK_PART void network_whole_origin(const network_cell *cell, basin_turn t, const double *origin,
                                       int64_t out, const network_inputs *in, double *z) {
#if BASIN_ON_DEVICE
  BASIN_TEAM_FOR(t.team, e, network_turns((int)in->n, (int)out)) {
    int64_t i, r;
    if (network_across(e, (int)in->n, (int)out, &i, &r))
      z[i * out + r] = origin[r * cell->n + (in->numbers ? (int64_t)in->numbers[i] : i)];
  }
  team_sync(t.team);
#else
  (void)t;
  for (int64_t i = 0; i < in->n; i++) {
    const int64_t input = in->numbers ? (int64_t)in->numbers[i] : i;
    for (int64_t r = 0; r < out; r++) z[i * out + r] = origin[r * cell->n + input];
  }
#endif
}

/* z of layer h, into z[n] [out][row], of the weights of all layers, x; z points to pixel 0 */
NETWORK_PART void network_whole_z(const network_cell *cell, basin_turn t, const double *x, int h,
                                  const network_inputs *in, double *z, int64_t row) {
  const network_layer l = network_layer_at(cell, t.data, h);
  const network_below below = network_below_of(cell, t, h, &l, in);
  const int begun = h == 0 && cell->span;
  basin_product p = network_forward_product(&l, &below, in->n);
  if (begun)
    network_whole_origin(cell, t, in->origin ? in->origin : x + cell->origin, l.is.out, in, z);
  if (h == 0 && in->origin) return;
  p.c_rows = network_pair(l.is.out * row, 1);
  p.c_columns = network_pair(row, 0);
  network_product(cell, t, &p, below.shared ? below.shared : below.own, x + l.weights, z, begun);
}

NETWORK_PART void network_forward_layer(const network_cell *cell, basin_turn t, const double *x,
                                        int h, const network_inputs *in) {
  const network_layer l = network_layer_at(cell, t.data, h),
                      under = network_layer_at(cell, t.data, h ? h - 1 : 0);
  const int64_t z_row = network_z_stride(&l), x_row = network_x_stride(&l), rows = in->n * l.is.out;
  double *z = t.work + l.z, *made = t.work + l.x;
  const double *passed = l.is.skip ? t.work + under.x : NULL;
  network_margins(t.team, z, rows, z_row, l.pad);
  network_whole_z(cell, t, x, h, in, z + l.pad, z_row);
#if BASIN_ON_DEVICE
  network_team_activate(t.team, &l.is, rows, (int)l.is.pixels, z + l.pad, z_row, made + l.above,
                        x_row, passed ? passed + under.above : NULL, network_x_stride(&under));
#else
  if (z_row == x_row && (!passed || network_x_stride(&under) == x_row))
    TENSOR(activate)(&l.is, z, rows * z_row, made, passed);
  else
    for (int64_t r = 0; r < rows; r++) {
      const double *from = passed ? passed + r * network_x_stride(&under) + under.above : NULL;
      double *to = made + r * x_row + l.above;
      TENSOR(activate)(&l.is, z + r * z_row + l.pad, l.is.pixels, to, from);
    }
#endif
  network_margins(t.team, made, rows, x_row, l.above);
  team_sync(t.team);
}

NETWORK_PART void network_backward_layer(const network_cell *cell, basin_turn t, const double *x,
                                         int h, int64_t n) {
  const network_layer l = network_layer_at(cell, t.data, h),
                      below = network_layer_at(cell, t.data, h - 1);
  const int64_t pixels = below.is.pixels, row = network_z_stride(&below), rows = n * below.is.out;
  double *g = t.work + cell->whole_gradient, *z = t.work + below.z;
  basin_product p = network_backward_product(&l, n);
  p.c_rows = network_pair(l.is.in * l.is.pixels, 1);
  p.c_columns = network_pair(l.is.pixels, 0);
  network_product(cell, t, &p, t.work + l.z + 2 * l.pad, x + l.weights, g, l.is.skip);
#if BASIN_ON_DEVICE
  network_team_slopes(t.team, &below.is, rows, (int)pixels, g, z + below.pad, row);
#else
  if (row == pixels) TENSOR(slopes)(&below.is, g, rows * row, z);
  else
    for (int64_t r = 0; r < rows; r++)
      TENSOR(slopes)(&below.is, g + r * pixels, pixels, z + r * row + below.pad);
#endif
}

/* a step of the weights w, by the gradient g */
BASIN_HD void network_whole_step(basin_team team, double pace, const double *g, int64_t count,
                                 double *w) {
#if BASIN_ON_DEVICE
  BASIN_TEAM_FOR(team, i, count) w[i] = fma(-pace, g[i], w[i]);
#else
  (void)team;
  TENSOR(move)(pace, g, count, w);
#endif
}

/* what a part of the gradient by the weights is used for: so many rows of them, from first on */
NETWORK_PART void network_use_part(basin_team team, const network_layer *l, const network_use *use,
                                   int64_t first, int64_t count, const double *g, double *length) {
  const int64_t row = l->is.in * l->is.patch;
  double *w = use->x ? use->x + l->weights + first * row : NULL;
  BASIN_TEAM_FOR(team, c, use->measures ? count : 0) {
    length[first + c] = 0;
    for (int64_t r = 0; r < row; r++)
      length[first + c] = fma(g[c * row + r], g[c * row + r], length[first + c]);
  }
  if (use->way) {
    BASIN_TEAM_FOR(team, i, count * row) {
      method_entry(use->way, use->eta, l->weights + first * row + i, g[i], &w[i]);
    }
  } else if (w) {
    network_whole_step(team, use->pace, g, count * row, w);
  }
  team_sync(team);
}

/* a step of V by dz of all inputs: some rows at a time, laid out as V is */
NETWORK_PART void network_whole_move(const network_cell *cell, basin_turn t, const network_layer *l,
                                     const double *dz, double pace, double *x) {
  enum { ROWS = 8 };
  const int64_t n = cell->n, out = l->is.out;
#if BASIN_ON_DEVICE
  network_team_move(t.team, (int)n, (int)out, dz, pace, x + l->weights);
#else
  double *g = t.work + cell->part;
  for (int64_t first = 0, rows; first < out; first += rows) {
    rows = out - first < ROWS ? out - first : ROWS;
    for (int64_t i = 0; i < n; i++)
      for (int64_t r = 0; r < rows; r++) g[r * n + i] = dz[i * out + first + r];
    TENSOR(move)(pace, g, rows * n, x + l->weights + first * n);
  }
#endif
}

/* what becomes of the gradient of a first layer in the coordinates of the inputs, and the squared length of its sums */
NETWORK_PART double network_use_span(const network_cell *cell, basin_turn t, const network_layer *l,
                                     const network_inputs *in, const network_use *use) {
  const int64_t n = in->n, out = l->is.out;
  const double *dz = t.work + l->z;
  double *s = t.work + cell->whole_gradient, *size = t.work + cell->sizes, all = 0;
  if (use->measures) {
    const basin_product p = {.rows = {n, 1},
                             .columns = {out, 1},
                             .depth = {1, n},
                             .a_rows = {in->own ? n : cell->input, 0},
                             .a_depth = {0, 1},
                             .b_columns = {1, 0},
                             .b_depth = {0, out},
                             .c_rows = {out, 1},
                             .c_columns = {1, 0}};
    network_product(cell, t, &p, in->own ? t.work + cell->products : in->shared + cell->look, dz, s,
                    0);
    BASIN_TEAM_FOR(t.team, c, out) size[c] = 0;
    for (int64_t i = 0; i < n; i++)
      BASIN_TEAM_FOR(t.team, c, out) size[c] = fma(s[i * out + c], dz[i * out + c], size[c]);
    team_sync(t.team);
    for (int64_t c = 0; c < out; c++) all = all + size[c];
    team_sync(t.team);
  }
  if (use->x && (use->way || in->numbers))
    network_move_span(cell, t, l, in->numbers, n, use->x, use->way, use->pace, use->eta);
  else if (use->x) network_whole_move(cell, t, l, dz, use->pace, use->x);
  return all;
}

/* V = 0, and Z(0): some rows of the weights at a time are drawn, multiplied with the inputs, and forgotten */
NETWORK_PART void network_whole_start(const network_cell *cell, basin_turn t,
                                      const network_layer *l, double *x) {
  const int64_t d = cell->look, n = cell->n, rows = network_drawn(cell);
  double *w = t.work + cell->part, *z0 = x + cell->origin;
  BASIN_TEAM_FOR(t.team, e, l->is.out * n) x[l->weights + e] = 0;
  for (int64_t first = 0; first < l->is.out && !team_stopped(t.team); first += rows) {
    const int64_t count = l->is.out - first < rows ? l->is.out - first : rows;
    const basin_product p = {.rows = {n, 1},
                             .columns = {count, 1},
                             .depth = {1, d},
                             .a_rows = {cell->input, 0},
                             .a_depth = {0, 1},
                             .b_columns = {d, 0},
                             .b_depth = {0, 1},
                             .c_rows = {1, 0},
                             .c_columns = {n, 0}};
    BASIN_TEAM_FOR(t.team, r, count) {
      double norm2 = 0;
      network_draw_row(l, t, first + r, w + r * d);
      for (int64_t j = 0; j < d; j++) norm2 = fma(w[r * d + j], w[r * d + j], norm2);
      if (cell->wanted & NETWORK_NORMS) x[cell->lengths + first + r] = norm2;
    }
    team_sync(t.team);
    network_whole_product(cell, t, &p, t.set, w, z0 + first * n, 0);
  }
}

NETWORK_PART double network_use_gradient(const network_cell *cell, basin_turn t, int h,
                                         const network_inputs *in, const network_use *use) {
  const network_layer l = network_layer_at(cell, t.data, h);
  if (h == 0 && cell->span) return network_use_span(cell, t, &l, in, use);
  const network_below below = network_below_of(cell, t, h, &l, in);
  const int64_t q = l.is.patch, out = l.is.out;
  double *size = t.work + cell->sizes, *part = t.work + cell->part, all = 0;
  basin_product p = network_gradient_product(&l, &below, in->n);
  p.c_rows = network_pair(q, 1);
  p.c_columns = network_pair(l.is.in * q, 0);
  for (int64_t first = 0; first < out && !team_stopped(t.team); first += l.stretch) {
    const int64_t count = out - first < l.stretch ? out - first : l.stretch;
    network_columns(cell, t, &p, first, count, below.shared ? below.shared : below.own,
                    t.work + l.z + l.pad, part, 0);
    network_use_part(t.team, &l, use, first, count, part, size);
  }
  for (int64_t c = 0; use->measures && c < out; c++) all = all + size[c];
  team_sync(t.team);
  return all;
}

/* of the first layer: how many z of another sign than at the start */
NETWORK_PART double network_flips(const network_cell *cell, basin_turn t, const double *x) {
  network_inputs in = network_all_inputs(cell, t);
  const network_layer l = network_layer_at(cell, t.data, 0);
  const int64_t out = l.is.out, pixels = l.is.pixels, row = network_z_stride(&l);
  const double *z = t.work + l.z + l.pad;
  double *was = t.work + cell->whole_gradient, *flips = t.work + cell->sizes, count = 0;
  if (cell->span) in.origin = x + cell->origin;
  network_whole_z(cell, t, x + cell->begun, 0, &in, was, pixels);
  BASIN_TEAM_FOR(t.team, c, out) flips[c] = 0;
  for (int64_t i = 0; i < in.n; i++) {
    BASIN_TEAM_FOR(t.team, c, out) {
      const int64_t r = i * out + c;
      for (int64_t j = 0; j < pixels; j++)
        flips[c] += (0 <= was[r * pixels + j]) != (0 <= z[r * row + j]);
    }
  }
  team_sync(t.team);
  for (int64_t c = 0; c < out; c++) count += flips[c];
  team_sync(t.team);
  return count / (double)(in.n * out * pixels);
}

#if !BASIN_ON_DEVICE
NETWORK_PART void network_draw_row(const network_layer *l, basin_turn t, int64_t row, double *w) {
  const int64_t length = l->start.length;
  double norm2 = 0;
  TENSOR(numbers)(&l->start, t.data, t.trial, row, w);
  for (int64_t j = 0; j < length; j++) norm2 = fma(w[j], w[j], norm2);
  const double spread = draw_spread(&l->start, t.trial, row, norm2);
  for (int64_t j = 0; j < length; j++) w[j] = draw_entry(&l->start, t.data, row, j, spread, w[j]);
}
#endif

#endif
