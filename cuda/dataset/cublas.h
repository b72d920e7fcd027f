/* SPDX-License-Identifier: MIT
 *
 * cublas.h: the matrix products of dataset_driver.cu, by cuBLAS. The library is opened when the first product is
 * wanted, so that the module loads on machines that lack it.
 */
#ifndef BASIN_CUDA_CUBLAS_H
#define BASIN_CUDA_CUBLAS_H

#include <cuda_runtime.h>
#include <stdint.h>

struct blas_handle;

/* Every product of the handle is done by the stream. NULL: `why` says why not. */
blas_handle *blas_open(cudaStream_t stream, const char **why);
void blas_close(blas_handle *handle);

/* As in host/engine/blas.h, of device memory. */
cudaError_t blas_product(blas_handle *handle, int64_t rows, int64_t columns, int64_t width,
                         const double *z, const double *f, double *u);
cudaError_t blas_product_add(blas_handle *handle, int64_t rows, int64_t columns, int64_t width,
                             const double *z, const double *w, double *g);

#endif
