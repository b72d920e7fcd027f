/* SPDX-License-Identifier: MIT */
#include "network/limit.h"
#include "numeric/real.h"
#include <stdlib.h>

/* ---- matrices over (input, pixel): [n pixels][n pixels] ---- */

/* out = D(s), the sum over the two patches of a layer: pixels in (of s) and out */
typedef struct shape {
  int64_t n, in, out, patch;
} shape;

static void sum_patches(const shape *shape, const double *s, double *out) {
  const int64_t in = shape->in, from = shape->n * in, to = shape->n * shape->out,
                reach = (shape->patch - 1) / 2;
  for (int64_t a = 0; a < to; a++)
    for (int64_t b = 0; b < to; b++) {
      const int64_t i = a / shape->out, l = a % shape->out, j = b / shape->out, r = b % shape->out;
      double sum = 0;
      if (!shape->patch) /* dense: the one patch is the picture */
        for (int64_t o = 0; o < in; o++) sum += s[(i * in + o) * from + j * in + o];
      else
        for (int64_t o = -reach; o <= reach; o++)
          if (l + o >= 0 && l + o < in && r + o >= 0 && r + o < in)
            sum += s[(i * in + l + o) * from + j * in + r + o];
      out[a * to + b] = sum;
    }
}

/* backwards: s += factor D'(p). A patch's offsets lie on both sides alike, so that D' is D; dense, it is one number on
   the diagonal of each pair of pictures */
static void spread_patches(const shape *shape, double factor, const double *p, double *s,
                           double *room) {
  const int64_t in = shape->in, from = shape->n * in;
  if (shape->patch) {
    sum_patches(shape, p, room);
    for (int64_t a = 0; a < from * from; a++) s[a] += factor * room[a];
    return;
  }
  for (int64_t i = 0; i < shape->n; i++)
    for (int64_t j = 0; j < shape->n; j++)
      for (int64_t o = 0; o < in; o++)
        s[(i * in + o) * from + j * in + o] += factor * p[i * shape->n + j];
}

static void multiply_inputs(const basin_limit_net *net, double *s) {
  const int64_t p = net->pixels, d = net->channels, size = net->n * p;
  for (int64_t a = 0; a < size; a++)
    for (int64_t b = 0; b <= a; b++) {
      const double *x = net->x + a / p * d * p + a % p, *y = net->x + b / p * d * p + b % p;
      double sum = 0;
      for (int64_t c = 0; c < d; c++) sum += x[c * p] * y[c * p];
      s[a * size + b] = s[b * size + a] = sum;
    }
}

/* ---- one pass up, one down ---- */

/* what a pass keeps of each layer, and its room */
typedef struct pass {
  const basin_limit_net *net;
  double *patches; /* D(S_(h-1)) of layer h: [layers][size][size] */
  double *slopes;  /* E sigma' sigma' */
  double *s, *beta, *room, *k;
  double *mean, *b; /* [size] */
  int64_t size;     /* n pixels */
} pass;

static int64_t pixels_before(const basin_limit_net *net, int64_t h) {
  for (int64_t g = 0; g < h; g++)
    if (!net->layer[g].patch) return 1;
  return net->pixels;
}

static shape shape_of(const basin_limit_net *net, int64_t h) {
  return (shape){net->n, pixels_before(net, h), pixels_before(net, h + 1), net->layer[h].patch};
}

/* S_h, b_h from those below */
static basin_status rise(pass *p, int64_t h, basin_error *error) {
  const basin_limit_layer *layer = &p->net->layer[h];
  const shape shape = shape_of(p->net, h);
  const int64_t size = shape.n * shape.out, square = p->size * p->size;
  double *patches = p->patches + h * square, *slopes = p->slopes + h * square;
  const double step = r_sqrt(layer->weight);
  sum_patches(&shape, p->s, patches);
  for (int64_t a = 0; a < size * size; a++) p->k[a] = layer->sd * layer->sd * patches[a];
  const basin_status status = basin_gaussian_means(&layer->sigma, size, p->k, p->room, slopes,
                                                   p->mean, error);
  if (status) return status;
  for (int64_t a = 0; a < size; a++)
    for (int64_t c = 0; c < size; c++) {
      double *s = &p->s[a * size + c];
      const double more = layer->weight * p->room[a * size + c];
      *s = layer->skip ? *s + step * (p->b[a] * p->mean[c] + p->mean[a] * p->b[c]) + more : more;
    }
  for (int64_t a = 0; a < size; a++) p->b[a] = (layer->skip ? p->b[a] : 0) + step * p->mean[a];
  return BASIN_OK;
}

/* G_h into the sum; beta_(h-1) */
static void fall(pass *p, int64_t h, double share, double *gram) {
  const basin_limit_layer *layer = &p->net->layer[h];
  const shape shape = shape_of(p->net, h);
  const int64_t n = shape.n, size = n * shape.out, below = n * shape.in, square = p->size * p->size;
  const double *patches = p->patches + h * square, *slopes = p->slopes + h * square;
  double *product = p->k;
  for (int64_t a = 0; a < size * size; a++) product[a] = layer->weight * p->beta[a] * slopes[a];
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) {
      double sum = 0;
      for (int64_t l = 0; l < shape.out; l++)
        for (int64_t r = 0; r < shape.out; r++) {
          const int64_t at = (i * shape.out + l) * size + j * shape.out + r;
          sum += patches[at] * product[at];
        }
      gram[i * n + j] += share * sum;
    }
  if (!layer->skip)
    for (int64_t a = 0; a < below * below; a++) p->beta[a] = 0;
  spread_patches(&shape, layer->sd * layer->sd, product, p->beta, p->room);
}

static basin_status check(const basin_limit_net *net, basin_error *error) {
  if (net->layers < 2)
    return basin_fail(error, BASIN_BAD_INPUT, "no limit of a network without a hidden layer");
  const basin_limit_layer *last = &net->layer[net->layers - 1];
  if (last->sigma.kind != BASIN_SIGMA_IDENTITY || last->patch || last->skip)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "limits are of networks whose last layer is dense, the identity and no skip");
  for (int64_t h = 0; h < net->layers; h++) {
    const basin_limit_layer *layer = &net->layer[h];
    if (layer->skip && (h == 0 || pixels_before(net, h) != pixels_before(net, h + 1)))
      return basin_fail(
          error, BASIN_BAD_INPUT,
          "layer %d has no limit with skip: its inputs are not as many as its outputs", (int)h + 1);
    if (!(layer->weight >= 0) || !isfinite(layer->weight) || !isfinite(layer->sd) ||
        layer->patch < 0 || (layer->patch && layer->patch % 2 == 0))
      return basin_fail(error, BASIN_BAD_INPUT, "layer %d has no limit: %s", (int)h + 1,
                        layer->patch % 2 == 0 && layer->patch ? "its patches are even"
                                                              : "its scale is not a finite number");
  }
  return BASIN_OK;
}

basin_status basin_limit_gram(const basin_limit_net *net, const double *share, double *gram,
                              double *covariance, basin_error *error) {
  basin_status status = check(net, error);
  if (status) return status;
  const int64_t n = net->n, size = n * net->pixels, square = size * size, layers = net->layers;
  double *all = malloc((size_t)((2 * layers + 4) * square + 2 * size) * sizeof *all);
  if (!all) return basin_fail_memory(error);
  pass p = {.net = net, .size = size, .patches = all, .slopes = all + layers * square};
  p.s = p.slopes + layers * square;
  p.beta = p.s + square;
  p.room = p.beta + square;
  p.k = p.room + square;
  p.mean = p.k + square;
  p.b = p.mean + size;

  multiply_inputs(net, p.s);
  for (int64_t h = 0; h < layers && !status; h++) status = rise(&p, h, error);
  if (!status && covariance) /* of the readout: scale^2 sd^2 sum over pixels */
    for (int64_t a = 0; a < n * n; a++) covariance[a] = p.s[a];
  if (!status && gram) {
    for (int64_t a = 0; a < n * n; a++) gram[a] = 0;
    for (int64_t a = 0; a < n * n; a++) p.beta[a] = 1; /* du/du, one output */
    for (int64_t h = layers - 1; h >= 0; h--) fall(&p, h, share[h], gram);
  }
  free(all);
  return status;
}
