/* SPDX-License-Identifier: MIT
 *
 * symmetric.h: eigenvalues of symmetric matrices, and eigenvectors. A is made tridiagonal by Householder's reflections,
 * then diagonal by implicit QR steps with Wilkinson's shift (Golub and Van Loan, Matrix Computations, 8.3).
 *
 * Only + - * / and roots, in a written order: the same bits on every machine, which no LAPACK gives. Observables of
 * trials are made of them (the excess over the bound (1 - eta lambda_0/2)^k). Errors are some units in the last place
 * of the largest eigenvalue, as LAPACK's.
 *
 *   double a[4] = {2, 1, 1, 2}, value[2];
 *   basin_symmetric_eigen(2, a, 1, value, error);     value = {1, 3}; rows of a: (1, -1) and (1, 1) / sqrt 2
 */
#ifndef BASIN_SYMMETRIC_H
#define BASIN_SYMMETRIC_H

#include "base/error.h"

/* value[n], ascending; a[n][n] is overwritten: by the unit eigenvectors where `vectors`, row j that of value[j].
   BASIN_BAD_INPUT where an entry is not finite. */
basin_status basin_symmetric_eigen(int64_t n, double *a, int vectors, double *value,
                                   basin_error *error);

#endif
