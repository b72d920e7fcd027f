/* SPDX-License-Identifier: MIT
 *
 * cnn: the two-layer non-overlapping convolutional network with weight normalisation.
 *
 *   f(v, a, Z) = sum_j a_j sigma(Z_j'v / |v|)                                  (thesis section 5.2)
 *   v <- v - eta_w grad_v L,   a <- a - eta_a grad_a L                         (thesis Algorithm 1, Theorem 5.2)
 *
 * S. S. Du: Gradient Descent for Non-convex Problems in Modern Machine Learning, CMU-ML-19-102, chapter 5
 * (Du, Lee, Tian, Singh, Poczos, ICML 2018). The gradient by v is orthogonal to v, so |v| only grows.
 * The dynamics are those of conv_relu.h. The thesis writes one eta for both step sizes, and w* for v*.
 */
#ifndef BASIN_MODELS_CNN_H
#define BASIN_MODELS_CNN_H

#include "../conv_fixed.h"
#include "../conv_inputs.h"
#include "../conv_mixed.h"

#define cnn_TITLE "two-layer convolutional network with weight normalisation"
#define cnn_SOURCE \
  "Du, thesis CMU-ML-19-102, Theorems 5.1 and 5.2, with the 1/(2 pi) that (5.3) lacks"

#define cnn_PARAMETERS(X) CONV_PARAMETERS(X, "v")
#define cnn_TEACHER(X) CONV_TEACHER(X)

#define cnn_INITIAL(X)               \
  X(a, one, k, "output weights a_0") \
  X(v, one, p, "filter v_0")

#define cnn_STEP_SIZES(X)    \
  X(eta_a, "step size of a") \
  X(eta_w, "step size of v")

#define cnn_OBSERVABLES(X) CONV_OBSERVABLES(X)

#define cnn_SAMPLE_NORMS(X) \
  X(norm_grad_a, a)         \
  X(norm_grad_v, v)

#define cnn_OUTCOMES CONV_OUTCOMES
#define cnn_AT CONV_AT
#define cnn_AT_SPURIOUS CONV_AT_SPURIOUS

CONV_FUNCTIONS(cnn, 1)
CONV_SAMPLER(cnn, direct, 1)
CONV_SAMPLER(cnn, projected, 1)
CONV_SAMPLER(cnn, mixed, 1)
CONV_FIXED(cnn, 1)
CONV_SAMPLE(cnn)

static inline const char *cnn_gradient_check(const basin_setting *setting) {
  return conv_gradient_check(setting);
}

static inline const char *cnn_check(const basin_setting *setting, const char **where) {
  const basin_vector *v = &setting->initial[1];
  double norm2 = 0;
  for (int64_t j = 0; v->source == BASIN_GIVEN && j < v->length; j++)
    norm2 += v->value[j] * v->value[j];
  *where = "init.v";
  if (v->source == BASIN_GIVEN ? !(norm2 > 0) : v->scale == 0)
    return "v_0 must not be zero: it has no direction";
  return conv_check(setting, where);
}

static inline void cnn_prepare(const basin_setting *setting, cnn_cell *cell, double *data) {
  conv_prepare(setting, 0.0, cell, data);
}

#if BASIN_LANES == 1 && !defined(__CUDACC__)
static inline void cnn_vectors(const cnn_cell *cell, const double *data, uint64_t trial,
                               const cnn_state *x, double *out) {
  conv_vectors(cell, data, trial, x, 1, out);
}

static inline void cnn_projected_vectors(const cnn_cell *cell, const double *data, uint64_t trial,
                                         double *work, const double *x, double *out) {
  (void)data, (void)trial, (void)work;
  conv_projected_vectors(cell, x, out);
}

static inline void cnn_direct_vectors(const cnn_cell *cell, const double *data, uint64_t trial,
                                      double *work, const double *x, double *out) {
  (void)data, (void)trial, (void)work;
  memcpy(out, x, (size_t)(cell->k + cell->p) * sizeof *out);
}

static inline void cnn_mixed_vectors(const cnn_cell *cell, const double *data, uint64_t trial,
                                     double *work, const double *x, double *out) {
  cnn_direct_vectors(cell, data, trial, work, x, out);
}

static inline void cnn_fixed_vectors(const cnn_cell *cell, const double *data, uint64_t trial,
                                     double *work, const double *x, double *out) {
  cnn_direct_vectors(cell, data, trial, work, x, out);
}
#endif

#endif
