/* SPDX-License-Identifier: MIT
 *
 * blas.c: OpenBLAS; or plain loops with BASIN_PLAIN_PRODUCTS, for programs that link no library.
 */
#include "blas.h"

#if BASIN_PLAIN_PRODUCTS

void basin_product(int64_t rows, int64_t columns, int64_t width, const double *z, const double *f,
                   double *u) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t c = 0; c < columns; c++) {
      double sum = 0;
      for (int64_t q = 0; q < width; q++) sum += z[i * width + q] * f[q * columns + c];
      u[i * columns + c] = sum;
    }
}

void basin_product_add(int64_t rows, int64_t columns, int64_t width, const double *z,
                       const double *w, double *g) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t q = 0; q < width; q++)
      for (int64_t c = 0; c < columns; c++)
        g[q * columns + c] += z[i * width + q] * w[i * columns + c];
}

const char *basin_blas_name(void) { return "plain loops"; }

#else
#include <cblas.h>
#include <pthread.h>
#include <stdio.h>

/* Every worker is a thread already, so the library is to have none of its own. It may be called from several threads
   at once where it was built for POSIX threads. Version 0.3.21, as Debian builds it, gives wrong numbers then where it
   was built for one thread, and hangs where it was built for OpenMP: such a library is called by one at a time. */
static int alone;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void one_thread(void) {
  openblas_set_num_threads(1);
  alone = openblas_get_parallel() != OPENBLAS_THREAD;
}

static void begin(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, one_thread);
  if (alone) pthread_mutex_lock(&turn);
}

static void end(void) {
  if (alone) pthread_mutex_unlock(&turn);
}

void basin_product(int64_t rows, int64_t columns, int64_t width, const double *z, const double *f,
                   double *u) {
  begin();
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, (blasint)columns,
              (blasint)width, 1.0, z, (blasint)width, f, (blasint)columns, 0.0, u,
              (blasint)columns);
  end();
}

void basin_product_add(int64_t rows, int64_t columns, int64_t width, const double *z,
                       const double *w, double *g) {
  begin();
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)width, (blasint)columns,
              (blasint)rows, 1.0, z, (blasint)width, w, (blasint)columns, 1.0, g, (blasint)columns);
  end();
}

const char *basin_blas_name(void) {
  static char name[128];
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  snprintf(name, sizeof name, "%.60s, kernels for %.30s", openblas_get_config(),
           openblas_get_corename());
  pthread_mutex_unlock(&lock);
  return name;
}

#endif
