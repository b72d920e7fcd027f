/* SPDX-License-Identifier: MIT
 *
 * network_activation.h: the activations of a layer and their derivatives, on lanes as on a double:
 *
 *   const real value = network_activation(&layer, z), slope = network_slope_of(BASIN_RELU, 0, z);
 */
#ifndef BASIN_MODELS_NETWORK_ACTIVATION_H
#define BASIN_MODELS_NETWORK_ACTIVATION_H

#include "numeric/functions.h"
#include "seam/layers.h"

/* of activation number `activation`; below: the slope of leaky where z < 0 */
BASIN_HD real network_value_of(int activation, double below, real z) {
  const mask left = r_lt(z, r_set(0.0)); /* not a number on neither side, and stays that */
  switch (activation) {
  case BASIN_RELU:
    return r_select(left, r_set(0.0), z);
  case BASIN_LEAKY:
    return r_select(left, r_set(below) * z, z);
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
BASIN_HD real network_slope_of(int activation, double below, real z) {
  const mask left = r_lt(z, r_set(0.0));
  switch (activation) {
  case BASIN_RELU:
    return r_select(left, r_set(0.0), r_set(1.0));
  case BASIN_LEAKY:
    return r_select(left, r_set(below), r_set(1.0));
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

BASIN_HD real network_activation(const basin_network_layer *layer, real z) {
  return network_value_of(layer->activation, layer->slope, z);
}
/* numbers of some rows and columns: number (r, c) is first[r row + c column] */
typedef struct network_numbers {
  real *first;
  int64_t row, column;
} network_numbers;

/* What a layer makes of sums, x, and the sums themselves, z; which activation it is, is asked once. passed: what is
   added to x; its first is NULL where there is no skip. */
BASIN_HD void network_activate(const basin_network_layer *layer, int rows, int columns,
                               network_numbers sum, network_numbers z, network_numbers x,
                               network_numbers passed) {
  const real scale = r_set(layer->scale);
  switch (layer->activation) {
#define NETWORK_VALUES(NAME, word)                                                      \
  case BASIN_##NAME:                                                                    \
    for (int c = 0; c < columns; c++)                                                   \
      for (int r = 0; r < rows; r++) {                                                  \
        const real of = sum.first[r * sum.row + c * sum.column],                        \
                   value = network_value_of(BASIN_##NAME, layer->slope, of);            \
        z.first[r * z.row + c * z.column] = of;                                         \
        real made = scale * value;                                                      \
        if (passed.first)                                                               \
          made = r_fma(scale, value, passed.first[r * passed.row + c * passed.column]); \
        x.first[r * x.row + c * x.column] = made;                                       \
      }                                                                                 \
    break;
    BASIN_ACTIVATION_TABLE(NETWORK_VALUES)
#undef NETWORK_VALUES
  default:;
  }
}

/* dz from the gradients g by the activations, in the place of z */
BASIN_HD void network_slopes(const basin_network_layer *layer, int rows, int columns,
                             network_numbers g, network_numbers z) {
  const real scale = r_set(layer->scale);
  switch (layer->activation) {
#define NETWORK_SLOPES(NAME, word)                                        \
  case BASIN_##NAME:                                                      \
    for (int c = 0; c < columns; c++)                                     \
      for (int r = 0; r < rows; r++) {                                    \
        real *at = &z.first[r * z.row + c * z.column];                    \
        *at = scale * network_slope_of(BASIN_##NAME, layer->slope, *at) * \
              g.first[r * g.row + c * g.column];                          \
      }                                                                   \
    break;
    BASIN_ACTIVATION_TABLE(NETWORK_SLOPES)
#undef NETWORK_SLOPES
  default:;
  }
}

#endif
