/* SPDX-License-Identifier: MIT
 *
 * resnet: the two-layer non-overlapping convolutional residual network.
 *
 *   f(w, a, Z) = sum_j a_j sigma(Z_j'v / |v|),   v = 1/sqrt(p) + w            (resnet-shortcut eq. 6)
 *   w <- w - eta_w grad_w L, then v <- v / |v|;   a <- a - eta_a grad_a L      (resnet-shortcut eq. 8)
 *
 * Liu, Chen, Zhou, Du, Zhou, Zhao: Towards Understanding the Importance of Shortcut Connections in
 * Residual Networks, NeurIPS 2019. The shortcut 1/sqrt(p) enters through the start alone: w_0 = 0 means
 * v_0 = 1/sqrt(p). The dynamics are those of conv_relu.h with |v| = 1 restored after every step.
 */
#ifndef BASIN_MODELS_RESNET_H
#define BASIN_MODELS_RESNET_H

#include "../conv_fixed.h"
#include "../conv_inputs.h"
#include "../conv_mixed.h"

#define resnet_TITLE "two-layer convolutional residual network, normalised after every step"
#define resnet_SOURCE "Liu et al., NeurIPS 2019, equations (6)-(8) and Proposition 16"

#define resnet_PARAMETERS(X) CONV_PARAMETERS(X, "v and w")
#define resnet_TEACHER(X) CONV_TEACHER(X)

#define resnet_INITIAL(X)            \
  X(a, one, k, "output weights a_0") \
  X(w, one, p, "residual filter w_0; v_0 = (1/sqrt(p) + w_0) / |1/sqrt(p) + w_0|")

#define resnet_STEP_SIZES(X) \
  X(eta_a, "step size of a") \
  X(eta_w, "step size of w")

#define resnet_OBSERVABLES(X) CONV_OBSERVABLES(X)

#define resnet_SAMPLE_NORMS(X) \
  X(norm_grad_a, a)            \
  X(norm_grad_v, w)

#define resnet_OUTCOMES CONV_OUTCOMES
#define resnet_AT CONV_AT
#define resnet_AT_SPURIOUS CONV_AT_SPURIOUS

CONV_FUNCTIONS(resnet, 0)
CONV_SAMPLER(resnet, direct, 0)
CONV_SAMPLER(resnet, projected, 0)
CONV_SAMPLER(resnet, mixed, 0)
CONV_FIXED(resnet, 0)
CONV_SAMPLE(resnet)

static inline const char *resnet_gradient_check(const basin_setting *setting) {
  return conv_gradient_check(setting);
}

static inline const char *resnet_check(const basin_setting *setting, const char **where) {
  const basin_vector *w = &setting->initial[1];
  if (w->source == BASIN_GIVEN) {
    double norm2 = 0;
    for (int64_t j = 0; j < w->length; j++) {
      const double v = 1 / sqrt((double)w->length) + w->value[j];
      norm2 += v * v;
    }
    *where = "init.w";
    if (!(norm2 > 1e-24)) return "1/sqrt(p) + w_0 must not be zero: it has no direction";
  }
  return conv_check(setting, where);
}

static inline void resnet_prepare(const basin_setting *setting, resnet_cell *cell, double *data) {
  conv_prepare(setting, 1 / sqrt(setting->parameter[1]), cell, data);
}

#if BASIN_LANES == 1 && !defined(__CUDACC__)
static inline void resnet_vectors(const resnet_cell *cell, const double *data, uint64_t trial,
                                  const resnet_state *x, double *out) {
  conv_vectors(cell, data, trial, x, 0, out);
  for (int64_t j = 0; j < cell->p; j++) out[cell->k + j] -= cell->shift; /* w = v - 1/sqrt(p) */
}

static inline void resnet_projected_vectors(const resnet_cell *cell, const double *data,
                                            uint64_t trial, double *work, const double *x,
                                            double *out) {
  (void)data, (void)trial, (void)work;
  conv_projected_vectors(cell, x, out);
}

static inline void resnet_direct_vectors(const resnet_cell *cell, const double *data,
                                         uint64_t trial, double *work, const double *x,
                                         double *out) {
  (void)data, (void)trial, (void)work;
  memcpy(out, x, (size_t)(cell->k + cell->p) * sizeof *out);
  for (int64_t j = 0; j < cell->p; j++) out[cell->k + j] -= cell->shift; /* w = v - 1/sqrt(p) */
}

static inline void resnet_mixed_vectors(const resnet_cell *cell, const double *data, uint64_t trial,
                                        double *work, const double *x, double *out) {
  resnet_direct_vectors(cell, data, trial, work, x, out);
}

static inline void resnet_fixed_vectors(const resnet_cell *cell, const double *data, uint64_t trial,
                                        double *work, const double *x, double *out) {
  resnet_direct_vectors(cell, data, trial, work, x, out);
}
#endif

#endif
