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

/* The same of a few numbers: which activation it is, is asked once. to: from one x to the next; passed: what is added
   to them, NULL where there is no skip */
BASIN_HD void network_activate(const basin_network_layer *layer, const real *z, int count, real *x,
                               int64_t to, const real *passed, int64_t from) {
  const real scale = r_set(layer->scale);
  if (layer->activation == BASIN_RELU && !passed) {
    for (int c = 0; c < count; c++)
      x[c * to] = scale * r_select(r_lt(z[c], r_set(0.0)), r_set(0.0), z[c]);
  } else if (layer->activation == BASIN_IDENTITY && !passed) {
    for (int c = 0; c < count; c++) x[c * to] = scale * z[c];
  } else {
    for (int c = 0; c < count; c++) {
      const real value = network_activation(layer, z[c]);
      x[c * to] = scale * value;
      if (passed) x[c * to] = r_fma(scale, value, passed[c * from]);
    }
  }
}

/* dz of a few numbers from the gradients g by their activations, in the place of z */
BASIN_HD void network_slopes(const basin_network_layer *layer, const real *g, int count, real *z,
                             int64_t to) {
  const real scale = r_set(layer->scale), none = r_set(0.0);
  if (layer->activation == BASIN_RELU) {
    for (int c = 0; c < count; c++) z[c * to] = r_select(r_lt(z[c * to], none), none, scale) * g[c];
  } else {
    for (int c = 0; c < count; c++) z[c * to] = scale * network_slope(layer, z[c * to]) * g[c];
  }
}

#endif
