/* SPDX-License-Identifier: MIT
 *
 * blas.h: matrix products by a BLAS, for networks that ask for them (`products: blas`): in the place of the exact ones
 * of seam/tensors.h, and equal to them but for rounding. Which library it is, its version and the processor decide on
 * the bits. It is loaded when it is first asked for: what BASIN_BLAS names, or libopenblas.so.0; basin is not linked
 * with it.
 *
 *   if (basin_blas_open(error)) ...;                                       no such library
 *   basin_blas_product(&forward, x, w, u, 0, room, TENSOR(product));       of seam/tensors.h
 *
 * Each call computes on the calling thread: OpenBLAS is told so; of another library it is for who chose it to say.
 */
#ifndef BASIN_BLAS_H
#define BASIN_BLAS_H

#include "base/error.h"
#include "seam/tensors.h"

/* BASIN_OK, or BASIN_BAD_INPUT with the reason. Any thread may ask. */
basin_status basin_blas_open(basin_error *error);

/* What it calls itself, or else its file's name; "" where it is not open. */
const char *basin_blas_name(void);

#endif
