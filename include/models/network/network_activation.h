/* SPDX-License-Identifier: MIT
 *
 * network_activation.h: the activations of a layer and their derivatives, on lanes as on a double:
 *
 *   const real value = network_activation(&layer, z), slope = network_slope(&layer, z);
 */
#ifndef BASIN_MODELS_NETWORK_ACTIVATION_H
#define BASIN_MODELS_NETWORK_ACTIVATION_H

#include "numeric/functions.h"
#include "seam/layers.h"

BASIN_HD real network_activation(const basin_network_layer *layer, real z) {
  const mask left = r_lt(z, r_set(0.0)); /* not a number on neither side, and stays that */
  switch (layer->activation) {
  case BASIN_RELU:
    return r_select(left, r_set(0.0), z);
  case BASIN_LEAKY:
    return r_select(left, r_set(layer->slope) * z, z);
  case BASIN_SOFTPLUS:
    return r_softplus(z);
  case BASIN_ERF:
    return r_erf_total(z);
  case BASIN_TANH:
    return r_tanh(z);
  default:
    return z;
  }
}

/* sigma'(z); 2/sqrt(pi) exp(-z^2) of erf */
BASIN_HD real network_slope(const basin_network_layer *layer, real z) {
  const mask left = r_lt(z, r_set(0.0)); /* not a number on neither side, and stays that */
  switch (layer->activation) {
  case BASIN_RELU:
    return r_select(left, r_set(0.0), r_set(1.0));
  case BASIN_LEAKY:
    return r_select(left, r_set(layer->slope), r_set(1.0));
  case BASIN_SOFTPLUS:
    return r_logistic(z);
  case BASIN_ERF:
    return r_set(0x1.20dd750429b6dp+0) * r_exp_total(r_set(0.0) - z * z);
  case BASIN_TANH: {
    const real y = r_tanh(z);
    return r_fnma(y, y, r_set(1.0));
  }
  default:
    return r_set(1.0);
  }
}

#endif
