/* SPDX-License-Identifier: MIT
 *
 * cublas_sim.h: what cuda/dataset/cublas.cu takes from cuBLAS, as a kernel of the simulator: so the products keep the
 * order of their stream, their reads and writes are checked as those of any kernel, and launches can be made to fail.
 * Plain sums in ascending order; no other option than those that basin uses.
 */
#ifndef CUBLAS_SIM_H
#define CUBLAS_SIM_H

#include <cublas_v2.h>

namespace cublas_sim {

struct handle {
  cudaStream_t stream;
};

inline cublasStatus_t create(cublasHandle_t *out) {
  *out = reinterpret_cast<cublasHandle_t>(new handle());
  return CUBLAS_STATUS_SUCCESS;
}

inline cublasStatus_t destroy(cublasHandle_t h) {
  delete reinterpret_cast<handle *>(h);
  return CUBLAS_STATUS_SUCCESS;
}

inline cublasStatus_t set_stream(cublasHandle_t h, cudaStream_t stream) {
  reinterpret_cast<handle *>(h)->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

/* C [m x n] = alpha A B + beta C, column after column; B is [k x n], or its transposed */
__global__ void product(bool transposed, int m, int n, int k, double alpha, const double *a,
                        int lda, const double *b, int ldb, double beta, double *c, int ldc) {
  const long at = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x, i = at % m, j = at / m;
  if (j >= n) return;
  double sum = 0;
  for (long l = 0; l < k; l++)
    sum += a[i + l * lda] * (transposed ? b[j + l * ldb] : b[l + j * ldb]);
  double *to = &c[i + j * ldc];
  *to = alpha * sum + (beta == 0 ? 0 : beta * *to);
}

inline cublasStatus_t dgemm(cublasHandle_t h, cublasOperation_t op_a, cublasOperation_t op_b, int m,
                            int n, int k, const double *alpha, const double *a, int lda,
                            const double *b, int ldb, const double *beta, double *c, int ldc) {
  if (op_a != CUBLAS_OP_N || m < 1 || n < 1 || k < 1 || lda < m || ldc < m ||
      ldb < (op_b == CUBLAS_OP_N ? k : n))
    return CUBLAS_STATUS_INVALID_VALUE;
  bool transposed = op_b == CUBLAS_OP_T;
  double one = *alpha, two = *beta;
  void *argument[] = {&transposed, &m, &n, &k, &one, &a, &lda, &b, &ldb, &two, &c, &ldc};
  const long threads = 128, blocks = (static_cast<long>(m) * n + threads - 1) / threads;
  const cudaError_t bad = cudaLaunchKernel(product, dim3(static_cast<unsigned>(blocks)),
                                           dim3(threads), argument, 0,
                                           reinterpret_cast<handle *>(h)->stream);
  return bad == cudaSuccess                 ? CUBLAS_STATUS_SUCCESS
         : bad == cudaErrorMemoryAllocation ? CUBLAS_STATUS_ALLOC_FAILED
                                            : CUBLAS_STATUS_EXECUTION_FAILED;
}

} // namespace cublas_sim

#endif
