/* SPDX-License-Identifier: MIT
 *
 * gaussian.h: means of activations over normal vectors, of which the infinite-width limits of networks are made.
 *
 * For z ~ N(0, K) and an activation sigma: E sigma(z_i) sigma(z_j), E sigma'(z_i) sigma'(z_j) and E sigma(z_i).
 *
 *   const basin_sigma softplus = {BASIN_SOFTPLUS, 0};
 *   basin_gaussian_means(&softplus, n, k, product, slopes, mean, error);     [n][n], [n][n], [n]
 *
 * identity, relu, leaky and erf have closed forms (Cho and Saul 2009; Williams 1997). With A, B the variances, C the
 * covariance, D = AB - C^2 and theta the angle of (C, sqrt D):
 *
 *   leaky, z < 0 times s:  E sigma sigma = [(1-s)^2 (sqrt D - theta C) + (1+s^2) pi C] / (2 pi)
 *                          E sigma' sigma' = [(1+s^2) pi - (1-s)^2 theta] / (2 pi),  E sigma = (1-s) sqrt(A / (2 pi))
 *   relu: s = 0, and sigma'(0) = 1; identity: s = 1
 *   erf:                   E sigma sigma = 2/pi asin(2C / sqrt((1+2A)(1+2B))),  E sigma = 0
 *                          E sigma' sigma' = 4/pi / sqrt((1+2A)(1+2B) - 4C^2)
 *
 * softplus and tanh are expanded in Hermite polynomials of a normal number; by Mehler's formula the mean is then a
 * power series of the correlation rho = C / sqrt(AB):
 *
 *   sigma(sqrt A z) = sum_k a_k(A) he_k(z),   E sigma sigma = sum_k a_k(A) a_k(B) rho^k,   E sigma = a_0(A)
 *
 * whose first BASIN_HERMITE_TERMS terms are taken. The coefficients and the means of squares are integrals over one
 * number, by the trapezoidal rule, whose error for such functions falls like e^(-2 pi d/h), d being the distance of
 * their poles from the real line and h the step (Trefethen and Weideman 2014). What is left out is at most
 * sqrt(T(A) T(B)) |rho|^terms, T the mean square less its part in the terms taken: where that is beyond
 * BASIN_GAUSSIAN_ERROR of the mean squares the pair is refused. At variances up to 2 for tanh and 10 for softplus all
 * pairs are good to 1e-13, at larger ones those that are not nearly parallel. The bits are the same on every machine
 * (functions.h).
 */
#ifndef BASIN_GAUSSIAN_H
#define BASIN_GAUSSIAN_H

#include "base/error.h"
#include "seam/layers.h"

enum { BASIN_HERMITE_TERMS = 256 };
#define BASIN_GAUSSIAN_ERROR 1e-8

typedef struct basin_sigma {
  int kind;     /* enum basin_activation */
  double slope; /* of leaky, for z < 0 */
} basin_sigma;

/* product[n][n], slopes[n][n] and mean[n], of the covariance k[n][n], each NULL where it is not wanted; none of them k.
   BASIN_BAD_INPUT, with the numbers, where the expansion does not converge. */
basin_status basin_gaussian_means(const basin_sigma *sigma, int64_t n, const double *k,
                                  double *product, double *slopes, double *mean,
                                  basin_error *error);

/* c_sigma = 1 / E sigma(z)^2, z ~ N(0, 1): relu 2, leaky 2 / (1 + s^2), softplus 1.085486502988, erf 2.152578860608,
   tanh 2.536175433217 */
double basin_sigma_constant(const basin_sigma *sigma);

#endif
