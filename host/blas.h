/* SPDX-License-Identifier: MIT
 *
 * blas.h: the matrix products of fixed data sets. Matrices are row after row, without gaps.
 *
 * They are those of OpenBLAS, on the calling thread alone. The order of its sums is its own: it depends on the
 * library, its version, the processor's type, and on the sizes and places of the matrices; for these given, the
 * same operands give the same bits.
 */
#ifndef BASIN_BLAS_H
#define BASIN_BLAS_H

#include <stdint.h>

/* U = Z F:  Z [rows][width], F [width][columns], U [rows][columns] */
void basin_product(int64_t rows, int64_t columns, int64_t width, const double *z, const double *f,
                   double *u);

/* G = G + Z'W:  Z [rows][width], W [rows][columns], G [width][columns] */
void basin_product_add(int64_t rows, int64_t columns, int64_t width, const double *z,
                       const double *w, double *g);

/* what does the products, in words: the library, its version and its kernels */
const char *basin_blas_name(void);

#endif
