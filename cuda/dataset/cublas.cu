/* SPDX-License-Identifier: MIT */
#include "dataset/cublas.h"
#include <cublas_v2.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef CUDASIM
#include "cublas_sim.h"
#else
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#endif

struct blas_handle {
  cublasHandle_t cublas;
};

namespace {

struct library {
  decltype(&cublasCreate_v2) create;
  decltype(&cublasDestroy_v2) destroy;
  decltype(&cublasSetStream_v2) set_stream;
  decltype(&cublasDgemm_v2) dgemm;
  char why[256]; /* it is not there; "" where it is */
} blas;

#ifdef CUDASIM
void load() {
  blas.create = cublas_sim::create;
  blas.destroy = cublas_sim::destroy;
  blas.set_stream = cublas_sim::set_stream;
  blas.dgemm = cublas_sim::dgemm;
}
#else
template <class Function> void find(void *library, const char *name, Function *function) {
  void *symbol = dlsym(library, name);
  memcpy(function, &symbol, sizeof symbol);
  if (!symbol && !*blas.why) snprintf(blas.why, sizeof blas.why, "libcublas has no %s", name);
}

/* of the version that the module was built with; toolkit "": where the loader looks */
void *open_in(const char *toolkit) {
  char name[4096];
  snprintf(name, sizeof name, "%s%slibcublas.so.%d", toolkit, *toolkit ? "/lib64/" : "",
           CUBLAS_VER_MAJOR);
  return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

/* cuBLAS, where the loader finds it or in the toolkit; it stays loaded */
void load() {
  void *library = open_in("");
  if (!library)
    snprintf(blas.why, sizeof blas.why, "fixed data sets need cuBLAS: %.200s", dlerror());
  const char *home = getenv("CUDA_HOME");
  if (!library && home && *home) library = open_in(home);
  if (!library) library = open_in("/usr/local/cuda");
  if (!library) return;
  *blas.why = 0;
  find(library, "cublasCreate_v2", &blas.create);
  find(library, "cublasDestroy_v2", &blas.destroy);
  find(library, "cublasSetStream_v2", &blas.set_stream);
  find(library, "cublasDgemm_v2", &blas.dgemm);
}
#endif

void load_once() {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
}

} // namespace

blas_handle *blas_open(cudaStream_t stream, const char **why) {
  load_once();
  *why = blas.why;
  if (*blas.why) return NULL;
  blas_handle *handle = (blas_handle *)calloc(1, sizeof *handle);
  *why = "out of memory";
  if (!handle) return NULL;
  *why = "cuBLAS cannot be started on this device";
  if (blas.create(&handle->cublas) == CUBLAS_STATUS_SUCCESS) {
    if (blas.set_stream(handle->cublas, stream) == CUBLAS_STATUS_SUCCESS) return handle;
    blas.destroy(handle->cublas);
  }
  free(handle);
  return NULL;
}

void blas_close(blas_handle *handle) {
  if (!handle) return;
  blas.destroy(handle->cublas);
  free(handle);
}

namespace {

/* the runtime's name for what cuBLAS says */
cudaError_t error_of(cublasStatus_t status) {
  switch (status) {
  case CUBLAS_STATUS_SUCCESS:
    return cudaSuccess;
  case CUBLAS_STATUS_ALLOC_FAILED:
    return cudaErrorMemoryAllocation;
  case CUBLAS_STATUS_EXECUTION_FAILED:
    return cudaErrorLaunchFailure;
  case CUBLAS_STATUS_INVALID_VALUE:
    return cudaErrorInvalidValue;
  case CUBLAS_STATUS_ARCH_MISMATCH:
  case CUBLAS_STATUS_NOT_SUPPORTED:
    return cudaErrorNotSupported;
  default:
    return cudaErrorUnknown;
  }
}

} // namespace

/* cuBLAS has its matrices column after column: a matrix of ours is the transposed one there */
cudaError_t blas_product(blas_handle *handle, int64_t rows, int64_t columns, int64_t width,
                         const double *z, const double *f, double *u) {
  const double one = 1, zero = 0;
  return error_of(blas.dgemm(handle->cublas, CUBLAS_OP_N, CUBLAS_OP_N, (int)columns, (int)rows,
                             (int)width, &one, f, (int)columns, z, (int)width, &zero, u,
                             (int)columns));
}

cudaError_t blas_product_add(blas_handle *handle, int64_t rows, int64_t columns, int64_t width,
                             const double *z, const double *w, double *g) {
  const double one = 1;
  return error_of(blas.dgemm(handle->cublas, CUBLAS_OP_N, CUBLAS_OP_T, (int)columns, (int)width,
                             (int)rows, &one, w, (int)columns, z, (int)width, &one, g,
                             (int)columns));
}
