/* SPDX-License-Identifier: MIT
 *
 * network_cell.h: the constants of a cell of the model network, and where a trial's numbers lie.
 *
 *   state     the weights of all layers, W[out][in][q] each; behind them what the method keeps; two sums over the
 *             steps, flow_time and loss_rises; for each layer but the last the drift of its balance, where that is
 *             wanted; two numbers of the bound on the loss, likewise; where the first layer is in the coordinates of
 *             the inputs (network_span.h), whose V [out][n] is in the place of its weights, Z(0) [out][n], and the
 *             squared lengths of the rows of W(0), where these are wanted; the weights of the start, but those of
 *             such a layer, where anything is compared with them
 *   scratch   a few numbers (enum network_number), then for each layer z [n][out][pixels + 2 pad] and the activations x
 *             [n][out][pixels + 2 above], with zeros where a patch looks beyond the picture, an example's by lanes in
 *             an odd number (network_room); the gradient by the activations of a layer, where one has a skip; the
 *             inputs of a mini-batch; Gram matrices, where they are wanted, of all outputs, and dz of all labels but
 *             the last; normals of the method. Of a mini-batch in the coordinates of the inputs these are rows of S,
 *             and there are the numbers of the inputs, the products of theirs, where the drift is wanted, and a row of
 *             a gradient for each thread
 *
 * where n is the number of inputs of the data set. Layers are counted from 0 here; their names, W_1 and so on, from 1.
 */
#ifndef BASIN_MODELS_NETWORK_CELL_H
#define BASIN_MODELS_NETWORK_CELL_H

#include "models/network/network_table.h"
#include "numeric/extremes.h"
#include "seam/method.h"
#include "seam/tensors.h"

/* 1: a trial's arrays one after the other, network_whole.h: in the engine that runs one trial at a time, on devices */
#ifndef BASIN_WHOLE
#define BASIN_WHOLE BASIN_ON_DEVICE
#endif

/* the numbers at the head of the scratch */
enum network_number {
  NETWORK_READY, /* 1: what follows, z and x are those of all inputs */
  NETWORK_LOSS,
  NETWORK_MARGIN, /* max |u - y| */
  NETWORK_NUMBERS
};

/* sums over the steps, in the state behind the weights and the method's numbers */
enum network_sum { NETWORK_FLOW_TIME, NETWORK_LOSS_RISES, NETWORK_SUMS };

/* where bound_excess is wanted: ln of the bound on the loss now, and what the loss has exceeded it by at most */
enum network_bound { NETWORK_BOUND_NOW, NETWORK_BOUND_EXCESS, NETWORK_BOUNDS };

/* threads that can share a trial; a large one has more on a device (BASIN_TEAM_MOST) */
enum { NETWORK_TEAM = 32 };

enum network_pace { NETWORK_PACE, NETWORK_ETA }; /* eta times the gradient's scale; eta */

typedef struct network_layer {
  basin_network_layer is;
  draw_source start;
  int64_t weights;    /* offset in the state */
  int64_t pad, above; /* zeros either side of a row of z, and of x */
  int64_t z, x;       /* offsets in the scratch */
  int64_t stretch;    /* rows of the gradient that network_whole.h makes in one go */
} network_layer;

typedef struct network_cell {
  int layers;
  int lowest;            /* trained layer */
  int64_t layer;         /* offset of the network_layer's in the cell's data */
  int64_t n, batch;      /* inputs; of a mini-batch, 0: all */
  int64_t input, labels; /* numbers of an input, with the zeros beside each row; of its label */
  int64_t channels, row; /* of an input: rows, and numbers of one */
  int span;              /* whether the first layer is in the coordinates of the inputs */
  int blas;              /* whether a BLAS makes the products */
  int64_t look, looks;   /* what it looks at, of an input: from this number on, so many */
  int64_t units;         /* of the first layer */
  int64_t weights;       /* of all layers */
  int64_t states;        /* reals of the state; offsets in it: */
  int64_t sums, drift, bound, origin, lengths, begun;
  int64_t gradient, gathered, numbers, products, spread, sizes, normal; /* offsets in the scratch */

  /* where one trial is run at a time: the gradient by the activations of a layer, a part of that by its weights, the
     room of products; and what there is in all. And the room of V X, where full vectors are made of it. */
  int64_t whole_gradient, part, room, alone, making;

  int64_t gram, spectrum, others; /* in the scratch: G, another one, dz of labels but the last */
  int64_t of_label;               /* numbers of dz by a label */
  int64_t limit;                  /* in the cell's data: G at infinite width, [n][n] */
  double loss_weight,
      scale;          /* loss = loss_weight sum |u - y|^2; the gradient is scale sum (u - y) du */
  int bounded;        /* whether bound_excess is wanted, and steps are plain */
  double half_lambda; /* then lambda_0 / 2, where there is memory; 0: there is no bound */
  double at, at_gradient; /* stop.at, stop.at_gradient; 0: not given */
  uint64_t wanted, key;
  basin_method method;
} network_cell;

typedef network_cell model_cell;

enum { NETWORK_LAYER_DOUBLES = (sizeof(network_layer) + sizeof(double) - 1) / sizeof(double) };

BASIN_HD network_layer network_layer_at(const network_cell *cell, const double *data, int h) {
  network_layer layer;
  memcpy(&layer, data + cell->layer + (int64_t)h * NETWORK_LAYER_DOUBLES, sizeof layer);
  return layer;
}

BASIN_HD int64_t network_weights(const network_layer *layer) {
  return layer->is.out * layer->is.in * layer->is.patch;
}
/* Numbers of an example: of z and of x. In lanes it is an odd number, the last of them of nobody: most widths are
   powers of two, and examples that are as far apart as these times the lanes would share a few lines of the cache.
   There is room for that everywhere. */
BASIN_HD int64_t network_room(int64_t size) { return size | 1; }
BASIN_HD int64_t network_z_size(const network_layer *l) {
  const int64_t size = l->is.out * (l->is.pixels + 2 * l->pad);
  return BASIN_WHOLE ? size : network_room(size);
}
BASIN_HD int64_t network_x_size(const network_layer *l) {
  const int64_t size = l->is.out * (l->is.pixels + 2 * l->above);
  return BASIN_WHOLE ? size : network_room(size);
}

/* ---- host ---- */

static inline int64_t network_put(int64_t *used, int64_t count) {
  const int64_t offset = *used;
  *used += count;
  return offset;
}

/* Columns of a product that are computed in one go, where one trial is run at a time: a multiple of every tile's, so
   few that it takes some tenths of a second at most; and so many that `kept` numbers of C are. */
static inline int64_t network_stretch(int64_t rows, int64_t columns, int64_t depth, int64_t kept) {
  enum { TILE = 24 };
  const double most = fmin(0x1p30 / ((double)rows * (double)depth), (double)kept / (double)rows);
  const int64_t tiles = (columns + TILE - 1) / TILE,
                wanted = most < TILE ? 1 : (int64_t)fmin(most / TILE, 0x1p40),
                stretches = (tiles + wanted - 1) / wanted;
  return (tiles + stretches - 1) / stretches * TILE;
}
enum { NETWORK_PART_MOST = 1 << 17 }; /* numbers of the gradient by weights, 1 MiB */

/* the layers, into the room; *states and *work: what they take so far */
static inline const char *network_put_layers(const basin_setting *setting, basin_room *room,
                                             network_cell *cell, int64_t *states, int64_t *work,
                                             const char **where) {
  const basin_network *network = setting->network;
  cell->layer = room_put(room, NULL, network->layers * (int64_t)NETWORK_LAYER_DOUBLES);
  cell->lowest = network->layers;
  for (int h = 0; h < network->layers; h++) {
    const basin_network_layer *is = &network->layer[h];
    network_layer layer;
    memset(&layer, 0, sizeof layer);
    layer.is = *is;
    layer.pad = (is->patch - 1) / 2;
    layer.above = h + 1 < network->layers ? (network->layer[h + 1].patch - 1) / 2 : 0;
    *where = "layers";
    if (!draw_fits(&setting->initial[h])) return "a layer has too many weights";
    layer.start = draw_put(room, &setting->initial[h], setting->key, BASIN_STREAM_WEIGHTS,
                           BASIN_STREAM_WEIGHTS_RADIUS);
    layer.start.step = (uint64_t)h;
    if (h == 0 && cell->span) layer.is.in = cell->n;
    layer.stretch = network_stretch(layer.is.in * is->patch, is->out, cell->n * is->pixels,
                                    NETWORK_PART_MOST);
    layer.weights = network_put(states, network_weights(&layer));
    layer.z = network_put(work, cell->n * network_room(network_z_size(&layer)));
    layer.x = network_put(work, cell->n * network_room(network_x_size(&layer)));
    if (is->trained && h < cell->lowest) cell->lowest = h;
    if (room->data)
      memcpy(room->data + cell->layer + (int64_t)h * NETWORK_LAYER_DOUBLES, &layer, sizeof layer);
  }
  return cell->lowest < network->layers ? NULL : "no layer is trained";
}

static inline int64_t network_most(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t network_product_room(int64_t rows, int64_t columns, int64_t depth) {
  const basin_pair many = {rows, 1}, others = {columns, 1}, deep = {depth, 1}, none = {0, 0};
  const basin_product p = {many, others, deep, none, none, none, none, none, none};
  return basin_product_room(&p);
}

/* rows of W(0) that are drawn at a time, where its layer is in the coordinates of the inputs */
BASIN_HD int64_t network_drawn(const network_cell *cell) {
  const int64_t rows = NETWORK_PART_MOST / cell->look, some = rows > 1 ? rows : 1;
  return some < cell->units ? some : cell->units;
}

/* what the engine that runs one trial at a time (network_whole.h) has behind the rest of the scratch */
static inline void network_put_arrays(network_cell *cell, const basin_network *network,
                                      int64_t work) {
  int64_t gradient = 0, part = 0, room = 0;
  for (int h = 0; h < network->layers; h++) {
    const basin_network_layer *is = &network->layer[h];
    const int64_t places = cell->n * is->pixels, out = is->out, q = is->patch,
                  in = h == 0 && cell->span ? cell->n : is->in;
    gradient = network_most(gradient, places * out);
    const int64_t stretch = network_stretch(in * q, out, places, NETWORK_PART_MOST);
    part = network_most(part, in * q * (stretch < out ? stretch : out));
    room = network_most(room, network_product_room(places, out, in * q));
    room = network_most(room, network_product_room(places, in, out * q));
    room = network_most(room, network_product_room(in * q, out, places));
  }
  if (cell->span) { /* some rows of W(0), and Z(0) of them */
    part = network_most(part, cell->look * network_drawn(cell));
    room = network_most(room, network_product_room(cell->n, network_drawn(cell), cell->look));
    cell->making = network_product_room(network->layer[0].out, cell->look, cell->n);
  }
  cell->whole_gradient = network_put(&work, gradient);
  cell->part = network_put(&work, part);
  cell->room = network_put(&work, room);
  cell->alone = work;
}

/* the Gram matrices, where they are wanted; dz: numbers of z of all layers */
static inline const char *network_put_gram(const basin_setting *setting, basin_room *room,
                                           network_cell *cell, int64_t dz, int64_t *work) {
  const int64_t outputs = cell->n * cell->labels, size = extremes_size(outputs);
  const int some = (cell->wanted & NETWORK_GRAMS) != 0,
            limit = (cell->wanted & NETWORK_GRAM_LIMIT) != 0;
  const double *gram = limit && room->data && !room->bare ? setting->network->gram(setting) : NULL;
  cell->of_label = dz;
  cell->limit = room_put(room, gram, limit ? cell->n * cell->n : 0);
  cell->gram = network_put(work, some ? size : 0);
  cell->spectrum = network_put(work, some ? size + EXTREMES_WORK * outputs : 0);
  cell->others = network_put(work, some ? (cell->labels - 1) * dz : 0);
  return limit && room->data && !room->bare && !gram ? "there is no memory for its Gram matrix"
                                                     : NULL;
}

/* the most numbers, and inputs, of a data set whose products are made */
enum { NETWORK_SPAN_NUMBERS = 1 << 23, NETWORK_SPAN_INPUTS = 1 << 14 };

/* Whether the first layer of the cell is moved in the coordinates of its inputs: NULL, or why it cannot be where that
   is asked for. Without being asked it is where there are at most as many inputs as an input has numbers: then steps
   are faster, and the inputs are in general independent, so that V stays as bounded as the weights. */
static inline const char *network_choose(const basin_setting *setting, int *span) {
  const basin_network *network = setting->network;
  const basin_network_layer *first = &network->layer[0];
  const basin_gradient *g = &setting->gradient;
  const int able = first->pixels == 1 && first->patch == 1 && first->trained,
            linear = !(g->noise > 0) &&
                     (g->method == BASIN_DESCENT || g->method == BASIN_MOMENTUM ||
                      g->method == BASIN_NESTEROV);
  const double numbers = (double)g->set_size * (double)first->in;
  *span = 0;
  if (first->coordinates == BASIN_COORDINATES_WEIGHTS) return NULL;
  *span = able && linear && numbers <= NETWORK_SPAN_NUMBERS;
  if (first->coordinates == BASIN_COORDINATES_BEST) *span = *span && g->set_size <= first->in;
  else if (!able) return "coordinates: inputs goes with a dense first layer that is trained";
  else if (!linear)
    return "coordinates: inputs goes with gradient descent, momentum and nesterov, without noise";
  else if (!*span || g->set_size > NETWORK_SPAN_INPUTS)
    return "coordinates: inputs goes with at most 8388608 numbers of the data, and 16384 inputs";
  return NULL;
}

static inline const char *network_prepare(const basin_setting *setting, basin_room *room,
                                          network_cell *cell, const char **where) {
  const basin_network *network = setting->network;
  const basin_gradient *g = &setting->gradient;
  int64_t states = 0, work = NETWORK_NUMBERS, widest = 0, dz = 0;
  memset(cell, 0, sizeof *cell);
  *where = "layers";
  if (!network || !g->set_size) return "a network has layers, and data";
  cell->layers = network->layers;
  cell->n = g->set_size;
  cell->batch = g->batch;
  cell->units = network->layer[0].out;
  const char *why = network_choose(setting, &cell->span);
  if (why) return why;
  cell->labels = network->labels;
  cell->channels = network->channels;
  cell->row = network->pixels + network->layer[0].patch - 1;
  if (cell->span) {
    cell->look = network->layer[0].in;
    cell->channels = 1;
    cell->row = cell->look + cell->n;
  }
  cell->input = cell->channels * cell->row;
  cell->looks = cell->input - cell->look;
  cell->blas = network->blas;
  cell->loss_weight = network->loss_weight;
  cell->scale = 2 * network->loss_weight;
  if (g->batch) cell->scale *= (double)g->set_size / (double)g->batch;
  cell->at = setting->stop.tolerance;
  cell->at_gradient = setting->stop.tolerance_gradient;
  cell->wanted = network->wanted;
  if (cell->at_gradient > 0) cell->wanted |= NETWORK_GRADIENT;
  cell->key = setting->key;
  why = network_put_layers(setting, room, cell, &states, &work, where);
  if (why) return why;
  cell->weights = states;
  cell->method = method_of(setting, states, 1);
  cell->method.scale = cell->scale; /* a sum, or a mean, as the loss is */
  for (int h = 0; h < network->layers; h++) {
    const basin_network_layer *is = &network->layer[h];
    if (is->skip && is->out * is->pixels > widest) widest = is->out * is->pixels;
    cell->sizes = is->out > cell->sizes ? is->out : cell->sizes;
    dz += cell->n * network_room(is->out * (is->pixels + is->patch - 1));
  }
  states += method_moments(&cell->method);
  cell->sums = network_put(&states, NETWORK_SUMS);
  cell->drift = network_put(&states, cell->wanted & NETWORK_DRIFT ? network->layers : 0);
  cell->bounded = network->bounded && !g->batch && method_is_plain(&cell->method);
  if (cell->bounded && room->data && !room->bare)
    cell->half_lambda = network->lambda_0(setting) / 2;
  if (isnan(cell->half_lambda)) return "there is no memory for its Gram matrix";
  cell->bound = network_put(&states, cell->bounded ? NETWORK_BOUNDS : 0);
  const int64_t units = cell->units, moved = cell->span ? units * cell->n : 0;
  cell->origin = network_put(&states, moved);
  cell->lengths = network_put(&states, cell->span && cell->wanted & NETWORK_NORMS ? units : 0);
  cell->begun = network_put(&states, cell->wanted & NETWORK_KEPT ? cell->weights - moved : 0);
  cell->begun -= moved; /* so that a layer has the same offset behind it as in the state */
  cell->states = states;
  cell->gradient = network_put(&work, cell->n * widest);
  cell->gathered = network_put(&work, cell->batch * (cell->looks + cell->labels));
  const int64_t of_span = cell->span ? cell->batch : 0;
  const int drifts = (cell->wanted & NETWORK_DRIFT) != 0, plain = method_is_plain(&cell->method);
  cell->numbers = network_put(&work, of_span);
  cell->products = network_put(&work, drifts ? of_span * of_span : 0);
  cell->spread = network_put(&work, of_span && !plain ? NETWORK_TEAM * cell->n : 0);
  cell->sizes = network_put(&work, cell->sizes);
  why = network_put_gram(setting, room, cell, dz, &work);
  if (why) return why;
  cell->normal = network_put(&work, method_work(&cell->method));
  network_put_arrays(cell, network, work);
  return NULL;
}

/* on a device there are the arrays of whole layers, but the room of products */
static inline basin_layout network_layout(const basin_setting *setting, const network_cell *cell) {
  const basin_layout layout = {cell->states, cell->room, NETWORK_TEAM};
  (void)setting;
  return layout;
}

/* reals of the scratch of the engine that runs one trial at a time */
static inline int64_t network_whole_work(const network_cell *cell) { return cell->alone; }

/* Whether it is that engine: where a step of eight trials side by side, of which there may be fewer, takes as long or
   longer (bench/RESULTS.md); and where a BLAS is asked for, which has no products of trials side by side. */
static inline int network_is_large(const network_cell *cell) {
  return cell->blas || (double)cell->weights * (double)cell->n > 0x1p22;
}

static inline void network_paces(const network_cell *cell, const double *eta, double *pace) {
  pace[NETWORK_PACE] = eta[0] * cell->scale;
  pace[NETWORK_ETA] = eta[0];
  method_paces(pace);
}

static inline basin_input_shape network_shape(const network_cell *cell) {
  const basin_input_shape shape = {cell->channels, cell->row, cell->labels};
  return shape;
}

#endif
