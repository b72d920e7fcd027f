/* SPDX-License-Identifier: MIT
 *
 * cnn: the two-layer non-overlapping convolutional network with weight normalisation.
 *
 *   f(v, a, Z) = sum_j a_j sigma(Z_j'v / |v|)                                  (thesis section 5.2)
 *   v <- v - eta_w grad_v L,   a <- a - eta_a grad_a L                         (thesis Algorithm 1, Theorem 5.2)
 *
 * S. S. Du: Gradient Descent for Non-convex Problems in Modern Machine Learning, CMU-ML-19-102, chapter 5
 * (Du, Lee, Tian, Singh, Poczos, ICML 2018). The gradient by v is orthogonal to v, so |v| only grows.
 * The dynamics are those of conv/conv.h. The thesis writes one eta for both step sizes, and w* for v*.
 */
#ifndef BASIN_MODELS_CNN_H
#define BASIN_MODELS_CNN_H

#define CONV_GROWS 1
#include "models/conv/conv_model.h"

#define MODEL_TITLE "two-layer convolutional network with weight normalisation"
#define MODEL_SOURCE \
  "Du, thesis CMU-ML-19-102, Theorems 5.1 and 5.2, with the 1/(2 pi) that (5.3) lacks"

#define MODEL_PARAMETERS(X)                                      \
  X(k, 25, 1, 1 << 24, 1, "1", "number of patches: length of a") \
  X(p, 8, 1, 1 << 24, 1, "1", "size of a patch: length of v")

#define MODEL_INITIAL(X)             \
  X(a, one, k, "output weights a_0") \
  X(v, one, p, "filter v_0")

#define MODEL_STEP_SIZES(X) X(eta_a, "step size of a") X(eta_w, "step size of v")
#define MODEL_NORMS(X) X(norm_grad_a, a) X(norm_grad_v, v)

static inline const char *model_prepare(const basin_setting *setting, basin_room *room,
                                        model_cell *cell, const char **where) {
  const char *why = draw_reach(&setting->initial[1], 0) > 0
                        ? NULL
                        : "v_0 must not be zero: it has no direction";
  return conv_model_prepare(setting, 0.0, why, "init.v", room, cell, where);
}

#endif
