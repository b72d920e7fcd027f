/* SPDX-License-Identifier: MIT
 *
 * blas.h: the two matrix products that host/engine/dataset.c makes steps of. Matrices are row after row, without gaps.
 *
 * OpenBLAS does them, on the calling thread alone. It is opened when it is first needed, for it takes memory,
 * threads and time to start; once open it stays so. The order of its sums is its own: it depends on the
 * library, its version, the processor's type, and on the sizes and places of the matrices; for these given, the
 * same operands give the same bits.
 */
#ifndef BASIN_BLAS_H
#define BASIN_BLAS_H

#include "base/error.h"

/* Must have succeeded before any product: BASIN_FAILED, with the reason, where there is no such library. */
basin_status basin_blas_open(basin_error *error);

/* U = Z F:  Z [rows][width], F [width][columns], U [rows][columns] */
void basin_blas_product(int64_t rows, int64_t columns, int64_t width, const double *z,
                        const double *f, double *u);

/* G = G + Z'W:  Z [rows][width], W [rows][columns], G [width][columns] */
void basin_blas_product_add(int64_t rows, int64_t columns, int64_t width, const double *z,
                            const double *w, double *g);

/* what does the products, in words: the library, its version and its kernels; "none: " and why where there is none */
const char *basin_blas_name(void);

#endif
