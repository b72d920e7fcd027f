/* SPDX-License-Identifier: MIT
 *
 * network_pass.h: forward and backward through a network, and a step of gradient descent.
 *
 *   z_h = W_h phi(x_(h-1)),  x_h = [x_(h-1)] + scale sigma(z_h),  u = x_L,  loss = c sum_i |u_i - y_i|^2
 *
 *   g_L = u - y,   dz_h = scale sigma'(z_h) g_h,   G_h = sum_i dz_h phi(x_(h-1))',   g_(h-1) = phi'(W_h'dz_h) + [g_h]
 *
 * (du-thesis-2019, (2.3), (3.10) and section 4.4, without their misprints), where G_h times 2c is the gradient by W_h.
 * sigma'(0) is the derivative on the right. Sums are chains of fma: z in the order of (channel, offset), g in that of
 * (channel, offset) of the layer above, G in that of (example, pixel), the loss in that of (example, label).
 *
 * dz takes the place of z, so a pass backward leaves no pass forward: NETWORK_READY says which it is.
 */
#ifndef BASIN_MODELS_NETWORK_PASS_H
#define BASIN_MODELS_NETWORK_PASS_H

#include "models/network/network_activation.h"
#include "models/network/network_span.h"
#include "seam/batch.h"

/* the inputs of a pass: shared by all lanes, or their own */
typedef struct network_inputs {
  const double *shared, *shared_label;
  const real *own, *own_label;
  int64_t n;
  const real *numbers; /* of a mini-batch in the coordinates of the inputs: theirs; else NULL */
  const real *origin;  /* Z(0), where z is that, of the start in these coordinates; else NULL */
} network_inputs;

BASIN_HD network_inputs network_all_inputs(const network_cell *cell, basin_turn t) {
  const network_inputs in = {t.set, t.label, NULL, NULL, cell->n, NULL, NULL};
  return in;
}

struct network_use;

/* What is done by tiles, of trials in lanes, or by whole arrays of one trial (network_whole.h): z and x of layer h;
   from dz of layer h to dz of the layer below; what becomes of the gradient by the weights of layer h, and the squared
   length of its sums, or 0 where it is not measured; the weights of an output of a layer at the start. */
NETWORK_PART void network_forward_layer(const network_cell *cell, basin_turn t, const real *x,
                                        int h, const network_inputs *in);
NETWORK_PART void network_backward_layer(const network_cell *cell, basin_turn t, const real *x,
                                         int h, int64_t n);
NETWORK_PART real network_use_gradient(const network_cell *cell, basin_turn t, int h,
                                       const network_inputs *in, const struct network_use *use);
NETWORK_PART void network_draw_row(const network_layer *l, basin_turn t, int64_t row, real *w);
#if BASIN_WHOLE
NETWORK_PART void network_whole_start(const network_cell *cell, basin_turn t,
                                      const network_layer *l, real *x);
#endif

/* ---- where numbers lie ---- */

/* a row of a product: an example and a pixel */
typedef struct network_place {
  int64_t example, pixel;
} network_place;
BASIN_HD network_place network_place_of(const basin_product *p, int64_t row) {
  network_place at;
  at.example = row;
  at.pixel = 0;
  if (p->rows.inner > 1) {
    at.example = row / p->rows.inner;
    at.pixel = row % p->rows.inner;
  }
  return at;
}

/* z and x of channel 0; from one channel to the next */
BASIN_HD int64_t network_z_stride(const network_layer *l) { return l->is.pixels + 2 * l->pad; }
BASIN_HD int64_t network_x_stride(const network_layer *l) { return l->is.pixels + 2 * l->above; }
BASIN_HD real *network_z(const network_layer *l, real *work, network_place at) {
  return work + l->z + at.example * network_z_size(l) + l->pad + at.pixel;
}
BASIN_HD real *network_x(const network_layer *l, real *work, network_place at) {
  return work + l->x + at.example * network_x_size(l) + l->above + at.pixel;
}
/* the gradient by its activations, where it is kept; from one channel to the next it is as many pixels */
BASIN_HD real *network_kept(const network_cell *cell, const network_layer *l, real *work,
                            network_place at) {
  const int64_t gradient = BASIN_WHOLE ? cell->whole_gradient : cell->gradient;
  return work + gradient + at.example * l->is.out * l->is.pixels + at.pixel;
}

/* How many of the rows from `place` on lie evenly: of a picture its pixels, else all of them; at most `left`. */
BASIN_HD int network_run(const basin_product *p, network_place place, int left) {
  const int64_t run = p->rows.inner > 1 ? p->rows.inner - place.pixel : left;
  return run < left ? (int)run : left;
}
/* z and x of these rows, from a column on: of examples where there is one pixel, else of pixels */
BASIN_HD network_numbers network_z_numbers(const network_layer *l, real *work, network_place at,
                                           int64_t column) {
  network_numbers z;
  z.column = network_z_stride(l);
  z.row = l->is.pixels == 1 ? network_z_size(l) : 1;
  z.first = network_z(l, work, at) + column * z.column;
  return z;
}
BASIN_HD network_numbers network_x_numbers(const network_layer *l, real *work, network_place at,
                                           int64_t column) {
  network_numbers x;
  x.column = network_x_stride(l);
  x.row = l->is.pixels == 1 ? network_x_size(l) : 1;
  x.first = network_x(l, work, at) + column * x.column;
  return x;
}
/* rows of the sums of a tile */
BASIN_HD network_numbers network_sums(real *first) {
  network_numbers numbers;
  numbers.first = first;
  numbers.row = NETWORK_COLUMNS;
  numbers.column = 1;
  return numbers;
}

/* what a layer looks at: the activations below it, or the inputs */
typedef struct network_below {
  const double *shared;
  const real *own;
  int64_t example, row; /* numbers of an example; of a channel, with the zeros beside it */
} network_below;
BASIN_HD network_below network_below_of(const network_cell *cell, basin_turn t, int h,
                                        const network_layer *l, const network_inputs *in) {
  network_below b;
  b.shared = NULL;
  b.own = NULL;
  if (h == 0) {
    b.shared = in->shared ? in->shared + cell->look : NULL;
    b.own = in->own;
    b.example = in->shared ? cell->input : cell->looks;
    b.row = cell->row;
  } else {
    const network_layer below = network_layer_at(cell, t.data, h - 1);
    b.own = t.work + below.x;
    b.example = network_x_size(&below);
    b.row = below.is.pixels + 2 * below.above;
  }
  if (l->is.pixels == 1 && l->is.patch == 1) b.row = 1; /* dense: every number is a channel */
  return b;
}

BASIN_HD basin_pair network_pair(int64_t outer, int64_t inner) {
  const basin_pair pair = {outer, inner};
  return pair;
}
/* a pair of indices of which the outer one, or the inner one, may be 1: then it is the outer one that counts on */
BASIN_HD void network_index(basin_pair *many, basin_pair *stride, basin_pair *other) {
  if (many->inner != 1) return;
  *many = network_pair(1, many->outer);
  *stride = network_pair(0, stride->outer);
  *other = network_pair(0, other->outer);
}

/* zeros beside the rows of an array [count][row], of `pad` numbers */
BASIN_HD void network_margins(basin_team team, real *array, int64_t count, int64_t row,
                              int64_t pad) {
  if (!pad) return;
  for (int64_t i = team.rank; i < count; i += team.size)
    for (int64_t j = 0; j < pad; j++)
      array[i * row + j] = array[i * row + row - 1 - j] = r_set(0.0);
}

/* ---- forward ---- */

BASIN_HD basin_product network_forward_product(const network_layer *l, const network_below *below,
                                               int64_t n) {
  basin_product p;
  const int64_t q = l->is.patch;
  p.rows = network_pair(n, l->is.pixels);
  p.columns = network_pair(l->is.out, 1);
  p.depth = network_pair(l->is.in, q);
  p.a_rows = network_pair(below->example, 1);
  p.a_depth = network_pair(below->row, 1);
  p.b_columns = network_pair(l->is.in * q, 0);
  p.b_depth = network_pair(q, 1);
  p.c_rows = p.c_columns = network_pair(0, 0); /* elements are put where they belong one by one */
  network_index(&p.depth, &p.a_depth, &p.b_depth);
  return p;
}

#if !BASIN_WHOLE
NETWORK_PART void network_forward_layer(const network_cell *cell, basin_turn t, const real *x,
                                        int h, const network_inputs *in) {
  const network_layer l = network_layer_at(cell, t.data, h);
  const network_below below = network_below_of(cell, t, h, &l, in);
  const network_layer under = network_layer_at(cell, t.data, h ? h - 1 : 0);
  const real *origin = in->origin ? in->origin : x + cell->origin;
  basin_product p = network_forward_product(&l, &below, in->n);
  if (h == 0 && in->origin) p.depth = network_pair(0, 0);
  for (int64_t i = 0; (l.pad || l.above) && i < in->n; i++) {
    network_margins(t.team, t.work + l.z + i * network_z_size(&l), l.is.out, network_z_stride(&l),
                    l.pad);
    network_margins(t.team, t.work + l.x + i * network_x_size(&l), l.is.out, network_x_stride(&l),
                    l.above);
  }
  for (network_tile at = network_first(&p, t.team); network_goes_on(&at); network_next(&at)) {
    real sum[NETWORK_ROWS][NETWORK_COLUMNS];
    if (team_stopped(t.team)) break;
    const int begun = network_begin(cell, origin, h, in->numbers, &at, sum);
    network_multiply(&p, &at, begun, below.shared, below.own, x + l.weights, sum);
    for (int r = 0, rows; r < at.rows; r += rows) {
      const network_place place = network_place_of(&p, at.row + r);
      network_numbers passed = network_x_numbers(&under, t.work, place, at.column);
      if (!l.is.skip) passed.first = NULL;
      rows = network_run(&p, place, at.rows - r);
      network_activate(&l.is, rows, at.columns, network_sums(sum[r]),
                       network_z_numbers(&l, t.work, place, at.column),
                       network_x_numbers(&l, t.work, place, at.column), passed);
    }
  }
  team_sync(t.team);
}
#endif

/* the residual of a label */
BASIN_HD real network_residual(const network_cell *cell, basin_turn t, const network_layer *last,
                               const network_inputs *in, int64_t i, int64_t j) {
  const int64_t label = i * cell->labels + j;
  network_place at;
  at.example = i;
  at.pixel = last->is.pixels > 1 ? j % last->is.pixels : 0;
  const int64_t channel = last->is.pixels > 1 ? j / last->is.pixels : j;
  return network_x(last, t.work, at)[channel * network_x_stride(last)] -
         (in->own_label ? in->own_label[label] : r_set(in->shared_label[label]));
}

/* every thread comes to the same sums */
NETWORK_PART void network_lose(const network_cell *cell, basin_turn t, const network_inputs *in,
                               real *loss, real *margin) {
  const network_layer last = network_layer_at(cell, t.data, cell->layers - 1);
  *loss = *margin = r_set(0.0);
  for (int64_t i = 0; i < in->n; i++)
    for (int64_t j = 0; j < cell->labels; j++) {
      const real r = network_residual(cell, t, &last, in, i, j);
      *loss = r_fma(r, r, *loss);
      *margin = r_max(r_abs(r), *margin);
    }
  *loss = r_set(cell->loss_weight) * *loss;
}

BASIN_HD void network_forward(const network_cell *cell, basin_turn t, const real *x,
                              const network_inputs *in) {
  real loss, margin;
  team_sync(t.team);
  for (int h = 0; h < cell->layers; h++) network_forward_layer(cell, t, x, h, in);
  network_lose(cell, t, in, &loss, &margin);
  team_sync(t.team);
  if (t.team.rank == 0) {
    t.work[NETWORK_READY] = r_set(in->own ? 0.0 : 1.0);
    t.work[NETWORK_LOSS] = loss;
    t.work[NETWORK_MARGIN] = margin;
  }
  team_sync(t.team);
}

/* the scratch has a pass forward of all inputs, of these states */
BASIN_HD void network_ready(const network_cell *cell, basin_turn t, const real *x) {
  const network_inputs in = network_all_inputs(cell, t);
  const int ready = t.warm && r_lane(&t.work[NETWORK_READY], 0) == 1.0;
  team_sync(t.team); /* before one of them writes to it */
  if (!ready) network_forward(cell, t, x, &in);
}

/* ---- backward ---- */

/* dz of the last layer, from the gradients of the outputs: residuals where `label` is -1, else those of label number
   `label` of every input itself, 1 and 0 */
NETWORK_PART void network_give(const network_cell *cell, basin_turn t, const network_inputs *in,
                               int64_t label) {
  const network_layer last = network_layer_at(cell, t.data, cell->layers - 1);
  for (int64_t i = t.team.rank; i < in->n; i += t.team.size)
    for (int64_t j = 0; j < cell->labels; j++) {
      network_place at;
      at.example = i;
      at.pixel = last.is.pixels > 1 ? j % last.is.pixels : 0;
      const int64_t channel = last.is.pixels > 1 ? j / last.is.pixels : j;
      real g = label < 0 ? network_residual(cell, t, &last, in, i, j)
                         : r_set(j == label ? 1.0 : 0.0);
      if (last.is.skip) network_kept(cell, &last, t.work, at)[channel * last.is.pixels] = g;
      network_slopes(&last.is, 1, 1, network_sums(&g),
                     network_z_numbers(&last, t.work, at, channel));
    }
  if (t.team.rank == 0) t.work[NETWORK_READY] = r_set(0.0);
  team_sync(t.team);
}

BASIN_HD basin_product network_backward_product(const network_layer *l, int64_t n) {
  const int64_t q = l->is.patch, row = l->is.pixels + 2 * l->pad;
  basin_product p;
  p.rows = network_pair(n, l->is.pixels);
  p.columns = network_pair(l->is.in, 1);
  p.depth = network_pair(l->is.out, q);
  p.a_rows = network_pair(network_z_size(l), 1);
  p.a_depth = network_pair(row, -1);
  p.b_columns = network_pair(q, 0);
  p.b_depth = network_pair(l->is.in * q, 1);
  p.c_rows = p.c_columns = network_pair(0, 0);
  network_index(&p.depth, &p.a_depth, &p.b_depth);
  return p;
}

#if !BASIN_WHOLE
NETWORK_PART void network_backward_layer(const network_cell *cell, basin_turn t, const real *x,
                                         int h, int64_t n) {
  const network_layer l = network_layer_at(cell, t.data, h),
                      below = network_layer_at(cell, t.data, h - 1);
  /* a dense layer takes the pixels below it for channels */
  const int flat = l.is.pixels == 1 && below.is.pixels > 1;
  const int64_t pixels = below.is.pixels;
  const basin_product p = network_backward_product(&l, n);
  const real *dz = t.work + l.z + 2 * l.pad;
  for (network_tile at = network_first(&p, t.team); network_goes_on(&at); network_next(&at)) {
    real sum[NETWORK_ROWS][NETWORK_COLUMNS];
    if (team_stopped(t.team)) break;
    for (int r = 0; l.is.skip && r < at.rows; r++) {
      const network_place place = network_place_of(&p, at.row + r);
      const real *passed = network_kept(cell, &l, t.work, place) + at.column * l.is.pixels;
      /* gcc 12 sees no other bound of the columns */
      for (int c = 0; c < at.columns && c < NETWORK_COLUMNS; c++)
        sum[r][c] = passed[c * l.is.pixels];
    }
    network_multiply(&p, &at, l.is.skip, NULL, dz, x + l.weights, sum);
    for (int r = 0, rows; r < at.rows; r += rows) {
      network_place place = network_place_of(&p, at.row + r);
      real *kept = network_kept(cell, &below, t.work, place);
      rows = flat || below.is.skip ? 1 : network_run(&p, place, at.rows - r);
      for (int c = 0; below.is.skip && c < at.columns; c++)
        kept[(at.column + c) * (flat ? 1 : pixels)] = sum[r][c];
      if (!flat) {
        network_slopes(&below.is, rows, at.columns, network_sums(sum[r]),
                       network_z_numbers(&below, t.work, place, at.column));
        continue;
      }
      for (int c = 0; c < at.columns; c++) {
        place.pixel = (at.column + c) % pixels;
        network_slopes(&below.is, 1, 1, network_sums(&sum[r][c]),
                       network_z_numbers(&below, t.work, place, (at.column + c) / pixels));
      }
    }
  }
  team_sync(t.team);
}
#endif

/* What becomes of the gradient by the weights: a step is made of it, or its squared length. */
typedef struct network_use {
  real *x;                /* the weights, to be moved; or NULL */
  const method_step *way; /* or NULL: plain gradient descent */
  real pace, eta;
  int measures; /* whether its squared length is wanted: of the sums, without the scale */
} network_use;

BASIN_HD basin_product network_gradient_product(const network_layer *l, const network_below *below,
                                                int64_t n) {
  const int64_t q = l->is.patch;
  basin_product p;
  p.rows = network_pair(l->is.in, q);
  p.columns = network_pair(l->is.out, 1);
  p.depth = network_pair(n, l->is.pixels);
  p.a_rows = network_pair(below->row, 1);
  p.a_depth = network_pair(below->example, 1);
  p.b_columns = network_pair(l->is.pixels + 2 * l->pad, 0);
  p.b_depth = network_pair(network_z_size(l), 1);
  p.c_rows = p.c_columns = network_pair(0, 0);
  network_index(&p.depth, &p.a_depth, &p.b_depth);
  return p;
}

#if !BASIN_WHOLE
/* the same as below, of a first layer in the coordinates of the inputs */
BASIN_HD real network_use_span(const network_cell *cell, basin_turn t, const network_layer *l,
                               const network_inputs *in, const network_use *use) {
  real size = r_set(0.0);
  if (use->measures)
    size = network_span_length(cell, t, l, in->n, in->shared ? in->shared + cell->look : NULL,
                               in->own ? t.work + cell->products : NULL);
  if (use->x)
    network_move_span(cell, t, l, in->numbers, in->n, use->x, use->way, use->pace, use->eta);
  return size;
}

NETWORK_PART real network_use_gradient(const network_cell *cell, basin_turn t, int h,
                                       const network_inputs *in, const network_use *use) {
  const network_layer l = network_layer_at(cell, t.data, h);
  if (h == 0 && cell->span) return network_use_span(cell, t, &l, in, use);
  const network_below below = network_below_of(cell, t, h, &l, in);
  const int64_t q = l.is.patch;
  real *size = t.work + cell->sizes, all = r_set(0.0), length[NETWORK_COLUMNS];
  const basin_product p = network_gradient_product(&l, &below, in->n);
  for (network_tile at = network_first(&p, t.team); network_goes_on(&at); network_next(&at)) {
    real sum[NETWORK_ROWS][NETWORK_COLUMNS];
    if (team_stopped(t.team)) break;
    network_multiply(&p, &at, 0, below.shared, below.own, t.work + l.z + l.pad, sum);
    for (int c = 0; c < at.columns; c++) {
      const int64_t first = l.weights + (at.column + c) * l.is.in * q + at.row;
      if (at.row == 0) length[c] = r_set(0.0);
      for (int r = 0; use->measures && r < at.rows; r++)
        length[c] = r_fma(sum[r][c], sum[r][c], length[c]);
      for (int r = 0; use->way && r < at.rows; r++)
        method_entry(use->way, use->eta, first + r, sum[r][c], &use->x[first + r]);
      for (int r = 0; use->x && !use->way && r < at.rows; r++)
        use->x[first + r] = r_fnma(use->pace, sum[r][c], use->x[first + r]);
      if (at.row + at.rows == at.all_rows) size[at.column + c] = length[c];
    }
  }
  team_sync(t.team);
  for (int64_t c = 0; use->measures && c < l.is.out; c++) all = all + size[c];
  team_sync(t.team);
  return all;
}
#endif

/* All layers, from above to below, after a pass forward. *total: the squared length of the sums of all of them;
   drift: where the drift of the balance of each layer and the next is added up, or NULL */
BASIN_HD void network_backward(const network_cell *cell, basin_turn t, const real *x,
                               const network_inputs *in, const network_use *use, real *drift,
                               real *total) {
  real above = r_set(0.0);
  *total = r_set(0.0);
  network_give(cell, t, in, -1);
  for (int h = cell->layers - 1; h >= cell->lowest; h--) {
    const network_layer l = network_layer_at(cell, t.data, h);
    real size = r_set(0.0);
    /* dz of this layer is needed for its own gradient, its weights for dz of the one below: which comes first */
    if (h > cell->lowest) network_backward_layer(cell, t, x, h, in->n);
    if (l.is.trained) size = network_use_gradient(cell, t, h, in, use);
    *total = *total + size;
    if (drift && h + 1 < cell->layers && t.team.rank == 0) {
      const real eta = use->pace;
      drift[h] = r_fma(eta * eta, size - above, drift[h]);
    }
    above = size;
  }
  for (int h = cell->lowest - 1; drift && h >= 0 && t.team.rank == 0; h--) {
    drift[h] = r_fma(use->pace * use->pace, r_set(0.0) - above, drift[h]);
    above = r_set(0.0);
  }
  team_sync(t.team);
}

/* ---- start and step ---- */

#if !BASIN_WHOLE || BASIN_ON_DEVICE
NETWORK_PART void network_draw_row(const network_layer *l, basin_turn t, int64_t row, real *w) {
  draw_row(&l->start, t.data, t.trial, row, l->start.length, w);
}
#endif

BASIN_HD void network_start(const network_cell *cell, basin_turn t, real *x) {
  for (int h = 0; h < cell->layers; h++) {
    const network_layer l = network_layer_at(cell, t.data, h);
    if (h == 0 && cell->span) {
#if BASIN_WHOLE
      network_whole_start(cell, t, &l, x);
#else
      network_start_span(cell, t, &l, x);
#endif
      continue;
    }
    for (int64_t row = t.team.rank; row < l.is.out; row += t.team.size) {
      if (team_stopped(t.team)) break;
      network_draw_row(&l, t, row, x + l.weights + row * l.start.length);
    }
  }
  team_sync(t.team);
  method_start(&cell->method, t.team, x + cell->weights);
  BASIN_TEAM_FOR(t.team, i, NETWORK_SUMS) x[cell->sums + i] = r_set(0.0);
  if (cell->wanted & NETWORK_DRIFT)
    BASIN_TEAM_FOR(t.team, h, cell->layers) x[cell->drift + h] = r_set(0.0);
  if (cell->bounded) BASIN_TEAM_FOR(t.team, i, NETWORK_BOUNDS) x[cell->bound + i] = r_set(0.0);
  const int64_t first = cell->span ? network_layer_at(cell, t.data, 0).is.out * cell->n : 0;
  if (cell->wanted & NETWORK_KEPT)
    for (int64_t i = first + t.team.rank; i < cell->weights; i += t.team.size)
      x[cell->begun + i] = x[i];
  team_sync(t.team);
}

/* an input of each lane, of the number that is there, to place b of the scratch */
BASIN_HD void network_fetch(const network_cell *cell, basin_turn t, real place, int64_t b,
                            real *own, real *label) {
  for (int lane = 0; lane < BASIN_LANES; lane++) {
    const int64_t i = (int64_t)r_lane(&place, lane);
    for (int64_t q = 0; q < cell->looks; q++)
      r_lane_set(&own[b * cell->looks + q], lane, t.set[i * cell->input + cell->look + q]);
    for (int64_t j = 0; j < cell->labels; j++)
      r_lane_set(&label[b * cell->labels + j], lane, t.label[i * cell->labels + j]);
  }
}

/* the inputs of the step's mini-batch, into the scratch */
BASIN_HD network_inputs network_gather(const network_cell *cell, basin_turn t) {
  real *own = t.work + cell->gathered, *label = own + cell->batch * cell->looks,
       *numbers = cell->span ? t.work + cell->numbers : NULL;
  for (int64_t pair = t.team.rank; 2 * pair < cell->batch; pair += t.team.size) {
    real even, odd;
    batch_pair(cell->key, t, pair, cell->n, &even, &odd);
    network_fetch(cell, t, even, 2 * pair, own, label);
    if (2 * pair + 1 < cell->batch) network_fetch(cell, t, odd, 2 * pair + 1, own, label);
    if (numbers) numbers[2 * pair] = even;
    if (numbers && 2 * pair + 1 < cell->batch) numbers[2 * pair + 1] = odd;
  }
  team_sync(t.team);
  if (numbers && cell->wanted & NETWORK_DRIFT) {
    real *products = t.work + cell->products;
    for (int64_t e = t.team.rank; e < cell->batch * cell->batch; e += t.team.size)
      products[e] = network_pick(own + e / cell->batch * cell->n, numbers[e % cell->batch]);
    team_sync(t.team);
  }
  const network_inputs in = {NULL, NULL, own, label, cell->batch, numbers, NULL};
  return in;
}

/* The bound L(0) (1 - 2c eta lambda_0/2)^k after a step from the loss `before` to `after`, and the excess over it.
   Nothing is known where eta lambda_0 is so large that the bound is none: NaN from there on. */
BASIN_HD void network_bound_step(const network_cell *cell, basin_turn t, real pace, real before,
                                 real after, real *bound) {
  const mask first = r_le(r_from_bits(t.step | b_set(0x4330000000000000u)), r_set(0x1p52));
  const real now = r_select(first, r_log_total(before), bound[NETWORK_BOUND_NOW]) +
                   r_log1p(r_set(0.0) - pace * r_set(cell->half_lambda)),
             excess = r_log_total(after) - now, most = bound[NETWORK_BOUND_EXCESS];
  bound[NETWORK_BOUND_NOW] = now;
  bound[NETWORK_BOUND_EXCESS] = r_select(r_le(excess, most), most, excess);
}

BASIN_HD void network_step(const network_cell *cell, basin_turn t, real *x) {
  network_inputs in = network_all_inputs(cell, t);
  network_use use;
  real total;
  if (cell->batch) {
    in = network_gather(cell, t);
    network_forward(cell, t, x, &in);
  } else {
    network_ready(cell, t, x);
  }
  const real before = t.work[NETWORK_LOSS];
  const method_step way = method_begin(&cell->method, t, x + cell->weights, t.work + cell->normal);
  use.x = x;
  use.way = method_is_plain(&cell->method) ? NULL : &way;
  use.pace = t.pace[NETWORK_PACE];
  use.eta = t.pace[NETWORK_ETA];
  use.measures = (cell->wanted & NETWORK_DRIFT) != 0;
  network_backward(cell, t, x, &in, &use, use.measures ? x + cell->drift : NULL, &total);
  if (!cell->batch) network_forward(cell, t, x, &in);
  if (t.team.rank == 0) {
    real *sum = x + cell->sums;
    sum[NETWORK_FLOW_TIME] = sum[NETWORK_FLOW_TIME] + use.eta;
    if (!cell->batch) /* in lanes that idle neither rises */
      sum[NETWORK_LOSS_RISES] = sum[NETWORK_LOSS_RISES] +
                                r_select(r_lt(before, t.work[NETWORK_LOSS]), r_set(1.0),
                                         r_set(0.0));
    if (cell->half_lambda > 0)
      network_bound_step(cell, t, use.pace, before, t.work[NETWORK_LOSS], x + cell->bound);
  }
  team_sync(t.team);
}

/* the squared norm of the gradient of the whole loss; the scratch has no pass forward behind it */
BASIN_HD real network_norm_grad(const network_cell *cell, basin_turn t, const real *x) {
  const network_inputs in = network_all_inputs(cell, t);
  const real scale = r_set(2 * cell->loss_weight);
  network_use use;
  real total;
  use.x = NULL;
  use.way = NULL;
  use.pace = use.eta = r_set(0.0);
  use.measures = 1;
  network_backward(cell, t, x, &in, &use, NULL, &total);
  return scale * scale * total;
}

#if BASIN_WHOLE
#include "models/network/network_whole.h"
#endif

#endif
