/* SPDX-License-Identifier: MIT
 *
 * network_table.h: what can be observed of a network, in groups: of a group that nobody asks for nothing is computed,
 * and nothing kept. The reader says what is asked for, basin_network.wanted:
 *
 *   network->wanted = NETWORK_START;           distance_max is recorded, say, and nothing that costs as much
 */
#ifndef BASIN_MODELS_NETWORK_TABLE_H
#define BASIN_MODELS_NETWORK_TABLE_H

/* groups of observables that cost something: bits of basin_network.wanted */
enum network_wanted {
  NETWORK_GRADIENT = 1, /* norm_grad */
  NETWORK_START = 2,    /* what is compared with the start */
  NETWORK_NORMS = 4,    /* lengths of the weights, and balances */
  NETWORK_DRIFT = 8,    /* the drift of balances by the laws of a step */

  /* where they are named alone: */
  NETWORK_BOUND = 16,       /* the excess over a bound that needs basin_network.lambda_0 */
  NETWORK_GRAM = 32,        /* extreme eigenvalues of the Gram matrix */
  NETWORK_GRAM_CHANGE = 64, /* the change of that matrix, of which the start is made again */
  NETWORK_GRAM_LIMIT = 128  /* its distance from that of infinite width, basin_network.gram */
};
enum {
  NETWORK_GRAMS = NETWORK_GRAM | NETWORK_GRAM_CHANGE | NETWORK_GRAM_LIMIT,
  NETWORK_KEPT = NETWORK_START | NETWORK_GRAM_CHANGE, /* what the weights of the start are for */
  NETWORK_NAMED = NETWORK_BOUND | NETWORK_GRAMS
};

/* X(name, unit, meaning): of the whole network */
#define NETWORK_OBSERVABLES(X)                                                                     \
  X(loss, "1", "the loss: 1/2 sum_i |u_i - y_i|^2 over the data, or its mean")                     \
  X(margin, "1", "max_i |u_i - y_i|, the largest of all labels")                                   \
  X(norm_grad, "1", "squared norm of the gradient")                                                \
  X(flow_time, "1", "sum of the step sizes so far")                                                \
  X(loss_rises, "1", "steps so far after which the loss was larger than before")                   \
  X(pattern_changes, "1",                                                                          \
    "fraction of (input, neuron) of the first layer whose z has another sign than at the start")   \
  X(distance_max, "1", "max_r |w_r - w_r(0)| over the rows of W_1")                                \
  X(distance_rms, "1", "root of the mean over r of |w_r - w_r(0)|^2, of W_1")                      \
  X(bound_excess, "1",                                                                             \
    "max_k ln L(k)/L(0) - k ln(1 - c eta lambda_0): above 0 where the bound was violated")         \
  X(gram_min, "1",                                                                                 \
    "smallest eigenvalue of G, the Gram matrix of the gradients of all outputs, over trained W_h") \
  X(gram_max, "1", "largest eigenvalue of G: steps are stable where 2c eta < 2/gram_max")          \
  X(gram_change, "1", "|G - G(0)|, the spectral norm: G at the start")                             \
  X(gram_limit, "1", "|G - G_inf|, the spectral norm: G at infinite width")                        \
  X(gram_deviation, "1", "|G - G_inf|^2, squared Frobenius norm")

/* X(name, unit, meaning): of layer h, as name_h */
#define NETWORK_LAYER_OBSERVABLES(X)                                                       \
  X(distance, "1", "|W_h - W_h(0)|, Frobenius")                                            \
  X(norm, "1", "|W_h|^2, squared Frobenius norm")                                          \
  X(balance, "1", "|W_h|^2 - |W_(h+1)|^2")                                                 \
  X(balance_drift, "1",                                                                    \
    "what the steps so far have added to balance_h: sum of eta^2 (|G_h|^2 - |G_(h+1)|^2)") \
  X(neuron_balance, "1",                                                                   \
    "max_i |D_i - D_i(0)|, D_i = |W_h[i, :]|^2 - |W_(h+1)[:, i]|^2 of neuron i")

/* X(name, group): those that cost something */
#define NETWORK_GROUPS(X)             \
  X(norm_grad, NETWORK_GRADIENT)      \
  X(pattern_changes, NETWORK_START)   \
  X(distance_max, NETWORK_START)      \
  X(distance_rms, NETWORK_START)      \
  X(distance, NETWORK_START)          \
  X(neuron_balance, NETWORK_START)    \
  X(norm, NETWORK_NORMS)              \
  X(balance, NETWORK_NORMS)           \
  X(balance_drift, NETWORK_DRIFT)     \
  X(bound_excess, NETWORK_BOUND)      \
  X(gram_min, NETWORK_GRAM)           \
  X(gram_max, NETWORK_GRAM)           \
  X(gram_change, NETWORK_GRAM_CHANGE) \
  X(gram_limit, NETWORK_GRAM_LIMIT)   \
  X(gram_deviation, NETWORK_GRAM_LIMIT)

enum {
#define NETWORK_COUNT(name, unit, meaning) NETWORK_SEES_##name,
  NETWORK_OBSERVABLES(NETWORK_COUNT) NETWORK_OF_ALL
#undef NETWORK_COUNT
};
enum {
#define NETWORK_COUNT(name, unit, meaning) NETWORK_LAYER_##name,
  NETWORK_LAYER_OBSERVABLES(NETWORK_COUNT) NETWORK_OF_LAYER
#undef NETWORK_COUNT
};

#endif
