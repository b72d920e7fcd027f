/* SPDX-License-Identifier: MIT
 *
 * predict.h: what gradient descent on a wide network does, in the mean over starts: laws without a free constant, that
 * a run can be held against.
 *
 * Full batch, a constant step size eta, loss 1/2 sum_i |u_i - y_i|^2. At infinite width the residuals r = u - y follow
 * r(k+1) = (I - eta G) r(k) from r(0) ~ N(-y, C), with G and C of limit.h. Along the eigenvectors v of G, with
 * eigenvalue lambda and energy E (v'r(0))^2 = (v'y)^2 + v'C v:
 *
 *   E L(k) = 1/2 sum (1 - eta lambda)^(2k) energy                     = 1/2 tr[(I - eta G)^(2k) (yy' + C)]
 *   E |theta(k) - theta(0)|^2 = sum (1 - (1 - eta lambda)^k)^2 / lambda energy
 *
 * the latter over all trained weights: of two layers with W alone it is m E|w_r(k) - w_r(0)|^2 for each neuron r, s'H s
 * with s = H_inf^-1 (I - (I - eta H_inf)^k) r(0). Du's thesis (2019) has the set-up (chapter 2), not these laws. For a
 * loss with another factor c in place of 1/2 (1/(2n), the mean) give 2 c eta for eta, and multiply the loss by 2c.
 *
 *   basin_modes modes;
 *   basin_modes_make(n, outputs, gram, covariance, y, &modes, error);
 *   lambda_0 = modes.lambda[0];  loss[k] = basin_modes_loss(&modes, eta, k);
 *   basin_modes_free(&modes);
 */
#ifndef BASIN_PREDICT_H
#define BASIN_PREDICT_H

#include "base/error.h"

typedef struct basin_modes {
  int64_t n;
  double *lambda; /* [n] eigenvalues of G, ascending */
  double *energy; /* [n] of r(0), summed over outputs */
} basin_modes;

/* gram[n][n], covariance[n][n] of an output, y[n][outputs]. Memory: 2 n^2 numbers while at work. */
basin_status basin_modes_make(int64_t n, int64_t outputs, const double *gram,
                              const double *covariance, const double *y, basin_modes *modes,
                              basin_error *error);
void basin_modes_free(basin_modes *modes);

/* E L(k) and E|theta(k) - theta(0)|^2. E L(0) = 1/2 (|y|^2 + tr C) holds at every width where there is one hidden layer
   (two layers of ReLU: tr C = 1/2 sum |x_i|^2). */
double basin_modes_loss(const basin_modes *modes, double eta, int64_t k);
double basin_modes_distance(const basin_modes *modes, double eta, int64_t k);

/* Two layers of ReLU with m neurons, weights N(0, 1), scale 1/sqrt(m), signs as the readout: E|H(0) - H_inf|_F^2 =
   1/m sum_ij (x_i'x_j)^2 p (1 - p), p = (pi - theta_ij) / (2 pi): exact at every m. x[n][d]. */
basin_status basin_gram_deviation(int64_t n, int64_t d, const double *x, int64_t m, double *out,
                                  basin_error *error);

#endif
