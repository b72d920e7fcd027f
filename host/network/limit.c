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

/* ---- gradients ---- Those by different pixels have nothing in common, for no two of them go through the same weights:
   their products are numbers over (pixel, input, input) */

/* s += factor D'(p). A patch's offsets lie on both sides alike, so that D' is D; of a dense layer every pixel has the
   one number of the pair */
static void spread_patches(const shape *shape, double factor, const double *p, double *s) {
  const int64_t pair = shape->n * shape->n, reach = shape->patch / 2;
  for (int64_t l = 0; l < shape->in; l++)
    for (int64_t r = 0; r < shape->out; r++) {
      if (shape->patch && (r < l - reach || r > l + reach)) continue;
      for (int64_t a = 0; a < pair; a++) s[l * pair + a] += factor * p[r * pair + a];
    }
}

/* of a matrix over (input, pixel) the numbers of pixel l with itself */
static void take_pixel(int64_t n, int64_t pixels, int64_t l, const double *k, double *out) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++)
      out[i * n + j] = k[(i * pixels + l) * n * pixels + j * pixels + l];
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
  double *patches;    /* D(S_(h-1)) of layer h + 1: [layers][pixels][n][n] */
  double *slopes;     /* E sigma' sigma', likewise */
  double *s, *k, *to; /* [size][size] */
  double *beta, *p;   /* [pixels][n][n] */
  double *mean, *b;   /* [size] */
  int64_t size, kept; /* n pixels; n n pixels */
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
  const int64_t n = shape.n, size = n * shape.out;
  const double step = r_sqrt(layer->weight);
  sum_patches(&shape, p->s, p->k);
  for (int64_t l = 0; l < shape.out; l++)
    take_pixel(n, shape.out, l, p->k, p->patches + h * p->kept + l * n * n);
  for (int64_t a = 0; a < size * size; a++) p->k[a] *= layer->sd * layer->sd;
  basin_status status = basin_gaussian_means(&layer->sigma, size, p->k, p->to, NULL, p->mean,
                                             error);
  for (int64_t l = 0; l < shape.out && !status; l++) {
    take_pixel(n, shape.out, l, p->k, p->p);
    status = basin_gaussian_means(&layer->sigma, n, p->p, NULL, p->slopes + h * p->kept + l * n * n,
                                  NULL, error);
  }
  if (status) return status;
  for (int64_t a = 0; a < size; a++)
    for (int64_t c = 0; c < size; c++) {
      double *s = &p->s[a * size + c];
      const double more = layer->weight * p->to[a * size + c];
      *s = layer->skip ? *s + step * (p->b[a] * p->mean[c] + p->mean[a] * p->b[c]) + more : more;
    }
  for (int64_t a = 0; a < size; a++) p->b[a] = (layer->skip ? p->b[a] : 0) + step * p->mean[a];
  return BASIN_OK;
}

/* G_h into the sum; beta_(h-1) */
static void fall(pass *p, int64_t h, double share, double *gram) {
  const basin_limit_layer *layer = &p->net->layer[h];
  const shape shape = shape_of(p->net, h);
  const int64_t pair = shape.n * shape.n;
  const double *patches = p->patches + h * p->kept, *slopes = p->slopes + h * p->kept;
  for (int64_t a = 0; a < shape.out * pair; a++) {
    p->p[a] = layer->weight * p->beta[a] * slopes[a];
    gram[a % pair] += share * patches[a] * p->p[a];
  }
  if (!layer->skip)
    for (int64_t a = 0; a < shape.in * pair; a++) p->beta[a] = 0;
  spread_patches(&shape, layer->sd * layer->sd, p->p, p->beta);
}

basin_status basin_limit_check(const basin_limit_net *net, basin_error *error) {
  if (net->layers < 2)
    return basin_fail(error, BASIN_BAD_INPUT, "no limit of a network without a hidden layer");
  const basin_limit_layer *last = &net->layer[net->layers - 1];
  if (last->sigma.kind != BASIN_IDENTITY || last->patch || last->skip)
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
  basin_status status = basin_limit_check(net, error);
  if (status) return status;
  const int64_t n = net->n, size = n * net->pixels, square = size * size, kept = n * size,
                layers = net->layers;
  double *all = malloc((size_t)(3 * square + (2 * layers + 2) * kept + 2 * size) * sizeof *all);
  if (!all) return basin_fail_memory(error);
  pass p = {.net = net, .size = size, .kept = kept, .s = all, .k = all + square};
  p.to = p.k + square;
  p.patches = p.to + square;
  p.slopes = p.patches + layers * kept;
  p.beta = p.slopes + layers * kept;
  p.p = p.beta + kept;
  p.mean = p.p + kept;
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
