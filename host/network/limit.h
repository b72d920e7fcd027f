/* SPDX-License-Identifier: MIT
 *
 * limit.h: networks of infinite width at their start: the Gram matrices of their gradients, and the law of their
 * outputs.
 *
 * A network is a list of layers x -> skip x + scale sigma(W phi(x)), phi the patches of a one-dimensional picture (zero
 * padding, stride 1), the entries of W independent with mean 0 and variance sd^2. The last layer is the readout. As all
 * widths but its own go to infinity, with scale^2 times the width kept, for inputs i, j and pixels l, r:
 *
 *   S_h  = lim <x_i^(h)[:, l], x_j^(h)[:, r]>        S_0 = x'x
 *   K_h  = covariance of the pre-activations = sd^2 D(S_(h-1)),  D: the sum over both patches, offset by offset
 *   b_h  = lim m^(-1/2) sum of x_i^(h)[:, l]
 *   S_h  = skip (S_(h-1) + sqrt(weight) (b e' + e b')) + weight E_K sigma sigma,  e = E_K sigma
 *   b_h  = skip b_(h-1) + sqrt(weight) e
 *
 * and backwards, beta_h being the limit of the gradients' products <du_i/dx_i^(h)[:, l], du_j/dx_j^(h)[:, r]> / m,
 * which is 0 but for l = r:
 *
 *   P_h  = weight beta_h E_K sigma' sigma',  beta_(h-1) = skip beta_h + sd^2 D(P_h)
 *   G_h(i, j) = <du_i/dW_h, du_j/dW_h> = sum over l of D(S_(h-1)) P_h
 *
 * G_H of the last hidden layer is K^(H) of Definitions 3.1 to 3.3 of Du's thesis (2019) with their errors mended: the
 * means of K^(H) are over the layer just below, not the one below that; what (3.8) prints as a product is a sum, in
 * which b of one input goes with e of the other; (3.9) starts from pixels, not from patches, and sums patches from the
 * first layer on. `weight` is c_sigma there, and (c_res/H)^2 in the layers with skip. Two layers, ReLU, weight 1: G_1
 * is H_inf of section 2.1, and G_2 = Q_inf = E relu relu, also the covariance C. There are no biases.
 *
 *   const basin_limit_layer two[] = {{.sigma = {BASIN_RELU, 0}, .weight = 1, .sd = 1},
 *                                    {.sigma = {BASIN_IDENTITY, 0}, .weight = 1, .sd = 1}};
 *   const double share[] = {1, 0};     W is trained, the readout is not
 *   basin_limit_gram(&(basin_limit_net){2, two, n, d, 1, x}, share, gram, covariance, error);
 */
#ifndef BASIN_LIMIT_H
#define BASIN_LIMIT_H

#include "network/gaussian.h"

typedef struct basin_limit_layer {
  basin_sigma sigma; /* the readout's is the identity */
  double weight;     /* scale^2 times the channels that come out; of the readout scale^2 */
  double sd;         /* of an entry of W; the first layer's must be normal: its inputs are few */
  int64_t patch;     /* pixels, odd; 0: dense, over all channels and pixels, as the readout is */
  int skip;          /* x is added; not in the first layer, and not in the readout */
} basin_limit_layer;

typedef struct basin_limit_net {
  int64_t layers; /* with the readout: at least 2 */
  const basin_limit_layer *layer;
  int64_t n, channels, pixels; /* of the inputs */
  const double *x;             /* [n][channels][pixels] */
} basin_limit_net;

/* gram[n][n] = sum of share[h] G_(h+1), share[layers]: with 1 for layers that are trained and 0 for others it is what
   moves the residuals, r -> (I - eta G) r; with 1 for a single layer that one's. covariance[n][n] is that of an output
   at the start, which is normal with mean 0; it is exact at every width where there is one hidden layer. Either may be
   NULL. With several outputs, each has these for itself, independent of the others. The loss is 1/2 sum |u - y|^2.
   Memory: 3 (n pixels)^2 + 2 (layers + 1) n^2 pixels numbers. BASIN_BAD_INPUT where a layer is not as said above, and
   where its means do not converge (gaussian.h). */
basin_status basin_limit_gram(const basin_limit_net *net, const double *share, double *gram,
                              double *covariance, basin_error *error);

/* Whether the layers are as said above, which needs no inputs: BASIN_BAD_INPUT with the reason where they are not. */
basin_status basin_limit_check(const basin_limit_net *net, basin_error *error);

#endif
