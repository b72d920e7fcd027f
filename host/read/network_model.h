/* SPDX-License-Identifier: MIT
 *
 * network_model.h: the layers of an experiment with networks, and the model that they make.
 *
 *   model: network
 *   parameters: {m: 32}                 # names of one's own, for the expressions below
 *   layers:                             # the input is layer 0
 *     - {dense: m, activation: relu, scale: 1/sqrt(m), init: {normal: 1}}
 *     - {dense: 1, init: sign, train: false}
 *   data: {n: 10, d: 5, inputs: sphere, labels: {normal: 1}}          # network_data.h
 *   loss: sum                           # 1/2 sum_i |u_i - y_i|^2; mean: 1/(2n) of it
 *   products: exact                     # the same bits everywhere; blas: a BLAS multiplies (engine/blas.h), on a CPU
 *
 * Of a layer
 *
 *   dense: m                            units, each of all numbers below it
 *   conv: {channels: m, patch: q}       of a one-dimensional picture, zero padding, stride 1: its pixels stay
 *   activation: identity                or relu, {leaky: s}, softplus, erf, tanh
 *   scale: 1/sqrt(m)                    before the activation's value; 1 if it is not given. Names that are known here:
 *                                       c_sigma = 1/E sigma(z)^2, z ~ N(0, 1), of the layer's activation, and H, the
 *                                       layers but the last
 *   skip: true                          what is below it is added to what it makes, which must be of that size
 *   init: {normal: 1}                   its weights, W[out][in][q]: as initial vectors (vector.h), row by row; normal
 *                                       of deviation 1 if it is not given; also `sign` and `zero`, and {file: F}:
 *                                       vector_file.h
 *   train: false                        its weights stay as they are
 *
 * The last layer makes the labels. Weights of layer h are the vector W_h in the output.
 */
#ifndef BASIN_READ_NETWORK_MODEL_H
#define BASIN_READ_NETWORK_MODEL_H

#include "read/scope.h"
#include "seam/layers.h"

#define BASIN_NETWORK_MODEL "network"

/* what a file says of networks: nodes, or NULL */
typedef struct basin_network_keys {
  const basin_node *layers, *data, *loss, *products, *define;
  const basin_node *record, *stop, *outcomes; /* what is asked of the trials */
} basin_network_keys;

/* Layers with their sizes, and where their weights come from; given: entries that are, or NULL. */
typedef struct basin_network_layers {
  int count;
  basin_network_layer *layer; /* [count] */
  basin_vector *weights;      /* [count] */
  double **given;             /* [count] */
} basin_network_layers;

/* The list of layers, on inputs of so many channels and pixels. BASIN_BAD_INPUT, with the place and the reason. To be
   freed, whatever comes of it. what: how messages name it, `layers` */
basin_status basin_network_layers_read(basin_scope *scope, const basin_node *list, const char *what,
                                       int64_t channels, int64_t pixels, basin_network_layers *out,
                                       basin_error *error);
void basin_network_layers_free(basin_network_layers *layers);

/* The model of a file's layers: that of the build with the names of `parameters`, a vector of weights for each layer,
   and the observables of each. It is kept for ever, and one for all files that have the same. */
basin_status basin_network_model(const basin_model *build, const basin_network_keys *keys,
                                 const basin_node *parameters, const basin_model **model,
                                 basin_error *error);

/* Refuses a name of the file's own, of its grid, say, that the scale of a layer knows. what: the key that has it */
basin_status basin_network_check_name(const char *name, const char *what, basin_place place,
                                      basin_error *error);

/* The network of one cell, in *network (malloc'ed, with all that it points to; NULL where there is none to free), and
   in vector[layers] and given[layers] where its weights come from; set size, batch and law into the gradient. */
basin_status basin_network_read(basin_scope *scope, const basin_network_keys *keys,
                                basin_vector *vector, double **given, basin_gradient *gradient,
                                basin_network **network, basin_error *error);
void basin_network_free(basin_network *network);

/* Fills in what observables need of infinite width, where the file names them, once the setting is complete: whether
   bound_excess has a bound, which it has where the network has such a limit; the Gram matrix of gram_limit and
   gram_deviation. BASIN_BAD_INPUT, with the place and the reason, where there is none to compare with. */
basin_status basin_network_limits(const basin_setting *setting, const basin_network_keys *keys,
                                  basin_network *network, basin_error *error);

#endif
