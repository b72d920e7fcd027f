/* SPDX-License-Identifier: MIT
 *
 * resnet: the two-layer non-overlapping convolutional residual network.
 *
 *   f(w, a, Z) = sum_j a_j sigma(Z_j'v / |v|),   v = 1/sqrt(p) + w            (resnet-shortcut eq. 6)
 *   w <- w - eta_w grad_w L, then v <- v / |v|;   a <- a - eta_a grad_a L      (resnet-shortcut eq. 8)
 *
 * Liu, Chen, Zhou, Du, Zhou, Zhao: Towards Understanding the Importance of Shortcut Connections in
 * Residual Networks, NeurIPS 2019. The shortcut 1/sqrt(p) enters through the start alone: w_0 = 0 means
 * v_0 = 1/sqrt(p). The dynamics are those of conv/conv.h with |v| = 1 restored after every step.
 */
#ifndef BASIN_MODELS_RESNET_H
#define BASIN_MODELS_RESNET_H

#define CONV_GROWS 0
#include "models/conv/conv_model.h"

#define MODEL_TITLE "two-layer convolutional residual network, normalised after every step"
#define MODEL_SOURCE "Liu et al., NeurIPS 2019, equations (6)-(8) and Proposition 16"

#define MODEL_PARAMETERS(X)                                      \
  X(k, 25, 1, 1 << 24, 1, "1", "number of patches: length of a") \
  X(p, 8, 1, 1 << 24, 1, "1", "size of a patch: length of v and w")

#define MODEL_INITIAL(X)             \
  X(a, one, k, "output weights a_0") \
  X(w, one, p, "residual filter w_0; v_0 = (1/sqrt(p) + w_0) / |1/sqrt(p) + w_0|")

#define MODEL_STEP_SIZES(X) X(eta_a, "step size of a") X(eta_w, "step size of w")
#define MODEL_NORMS(X) X(norm_grad_a, a) X(norm_grad_v, w)

static inline const char *model_prepare(const basin_setting *setting, basin_room *room,
                                        model_cell *cell, const char **where) {
  const basin_vector *w = &setting->initial[1];
  const double shift = 1 / sqrt(setting->parameter[1]);
  const int fixed = w->source == BASIN_GIVEN || w->scale == 0;
  double norm2 = fixed ? 0 : 1;
  for (int64_t j = 0; fixed && j < w->length; j++) {
    const double v = shift + draw_given(w, 0, j);
    norm2 += v * v;
  }
  const char *why = norm2 > 1e-24 ? NULL : "1/sqrt(p) + w_0 must not be zero: it has no direction";
  return conv_model_prepare(setting, shift, why, "init.w", room, cell, where);
}

#endif
