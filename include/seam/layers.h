/* SPDX-License-Identifier: MIT
 *
 * layers.h: what a network is in one cell: its layers, and where its data come from. The experiment file says it, in
 *
 *   parameters: {m: 32}
 *   layers:
 *     - {dense: m, activation: relu, scale: 1/sqrt(m), init: {normal: 1}}
 *     - {dense: 1, init: sign, train: false}
 *   data: {n: 10, d: 5, inputs: sphere, labels: {normal: 1}}
 *
 * which host/read/network_model.h makes a basin_network of, with layer[0] = {.out = 32, .in = 5, .patch = 1, .scale =
 * 0.1768, .activation = BASIN_RELU, .trained = 1} and layer[1] = {.out = 1, .in = 32, .patch = 1, .scale = 1, ...}. The
 * weights of layer h are the initial vector W_h of the setting, which says how they are drawn.
 *
 * Layer h takes the activations x of the layer below, [in][pixels], and makes
 *
 *   z[r][l] = sum over c, o of W[r][c][o] x[c][l + o - (patch - 1)/2],     x beyond the picture being 0
 *   x'[r][l] = (skip ? x[r][l] : 0) + scale activation(z[r][l])
 *
 * A dense layer takes all numbers of a picture for channels of one pixel, in the order [in][pixels].
 */
#ifndef BASIN_SEAM_LAYERS_H
#define BASIN_SEAM_LAYERS_H

#include "basin.h"
#include <stdint.h>

enum { BASIN_LAYERS_MAX = 65 };

/* name in files; the derivative of relu and leaky at 0 is that on the right, 1 */
#define BASIN_ACTIVATION_TABLE(X) \
  X(IDENTITY, identity)           \
  X(RELU, relu) X(LEAKY, leaky) X(SOFTPLUS, softplus) X(ERF, erf) X(TANH, tanh)

enum basin_activation {
#define BASIN_ACTIVATION_NUMBER(NAME, word) BASIN_##NAME,
  BASIN_ACTIVATION_TABLE(BASIN_ACTIVATION_NUMBER)
#undef BASIN_ACTIVATION_NUMBER
      BASIN_ACTIVATIONS
};

typedef struct basin_network_layer {
  int64_t out, in;   /* channels */
  int64_t pixels;    /* of what it makes; 1 of a dense layer */
  int64_t patch;     /* q, odd: pixels that one looks at; 1 of a dense layer */
  double scale;      /* before the activation's value */
  int activation;    /* enum basin_activation */
  double slope;      /* of leaky: that of z < 0 */
  int skip, trained; /* 0 or 1 */
  int coordinates;   /* enum basin_coordinates; of the first layer */
} basin_network_layer;

static inline int64_t basin_layer_weights(const basin_network_layer *layer) {
  return layer->out * layer->in * layer->patch;
}

/* The coordinates that the first layer's weights are moved in. Of the inputs: gradient descent moves a dense layer in
   the span of its n inputs alone, W = W(0) + V X, and V is [out][n] (models/network/network_span.h). */
enum basin_coordinates {
  BASIN_COORDINATES_BEST, /* of the inputs where these are no more than the numbers of one */
  BASIN_COORDINATES_WEIGHTS,
  BASIN_COORDINATES_INPUTS
};

/* where the inputs come from */
enum basin_inputs_source {
  BASIN_INPUTS_SPHERE,   /* uniform on the unit sphere, of all numbers of an input */
  BASIN_INPUTS_NORMAL,   /* standard normals */
  BASIN_INPUTS_IDENTITY, /* the unit vectors */
  BASIN_INPUTS_LAW,      /* gradient.law of the setting */
  BASIN_INPUTS_READ      /* from a file: `x` */
};

/* and the labels */
enum basin_labels_source {
  BASIN_LABELS_NORMAL,   /* independent N(0, label_scale^2) */
  BASIN_LABELS_SIGN,     /* label_scale times -1 or 1 */
  BASIN_LABELS_TEACHER,  /* what the network `teacher` makes of the input */
  BASIN_LABELS_LOW_RANK, /* label j of input i is singular[i] where i = j < rank, else 0 */
  BASIN_LABELS_READ      /* from a file: `y` */
};

struct basin_network;
struct basin_setting;
struct basin_vector;
typedef struct basin_network_data {
  enum basin_inputs_source inputs;
  enum basin_labels_source labels;
  double label_scale;
  const double *singular; /* [rank] */
  int64_t rank;
  const double *x, *y; /* [n][channels][pixels], [n][labels] of a file */
  uint64_t checksum;   /* of these; what tells data of files apart */

  /* the teacher: its layers, and the weights of each, which are drawn once for the cell's data set */
  const struct basin_network *teacher;
  const struct basin_vector *weights; /* [teacher->layers] */
} basin_network_data;

/* n, the number of inputs, is gradient.set_size of the setting, and gradient.batch how many of them a step takes. */
typedef struct basin_network {
  int layers;
  const basin_network_layer *layer; /* [layers] */
  int64_t channels, pixels;         /* of an input */
  int64_t labels;                   /* of an input: numbers that the last layer makes */
  double loss_weight; /* the loss is loss_weight sum_i |u_i - y_i|^2: 1/2, or 1/(2n) */
  int blas; /* whether products of matrices are made by a BLAS, not exactly: engine/blas.h */
  basin_network_data data;

  /* inputs first .. first + count - 1 of the data set: z [count][channels][pixels], label [count][labels] or NULL,
     the same bits whatever the stretches; BASIN_OK or BASIN_FAILED (out of memory) */
  basin_status (*draw)(const struct basin_setting *setting, int64_t first, int64_t count, double *z,
                       double *label);

  uint64_t wanted; /* what is observed of the trials: enum network_wanted of models/network */

  /* The Gram matrix at infinite width, [n][n], of each label, for gram_limit; and its least eigenvalue, for
     bound_excess where `bounded` says that it is wanted and has a bound. They are worked out where they are first asked
     for, and kept in `modes`; NULL and NaN without memory. Any thread may ask. */
  const double *(*gram)(const struct basin_setting *setting);
  int bounded;
  double (*lambda_0)(const struct basin_setting *setting);
  struct basin_cell_modes *modes;
} basin_network;

#endif
