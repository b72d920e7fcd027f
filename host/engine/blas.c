/* SPDX-License-Identifier: MIT
 *
 * blas.c: OpenBLAS, opened when it is first needed; or plain loops with BASIN_PLAIN_PRODUCTS, for programs
 * that need no library.
 */
#include "engine/blas.h"

#if BASIN_PLAIN_PRODUCTS

void basin_blas_product(int64_t rows, int64_t columns, int64_t width, const double *z,
                        const double *f, double *u) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t c = 0; c < columns; c++) {
      double sum = 0;
      for (int64_t q = 0; q < width; q++) sum += z[i * width + q] * f[q * columns + c];
      u[i * columns + c] = sum;
    }
}

void basin_blas_product_add(int64_t rows, int64_t columns, int64_t width, const double *z,
                            const double *w, double *g) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t q = 0; q < width; q++)
      for (int64_t c = 0; c < columns; c++)
        g[q * columns + c] += z[i * width + q] * w[i * columns + c];
}

basin_status basin_blas_open(basin_error *error) {
  (void)error;
  return BASIN_OK;
}

const char *basin_blas_name(void) { return "plain loops"; }

#else
#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char LIBRARY[] = "libopenblas.so.0";

/* what is used of it; its header says of which type that is */
static struct {
  __typeof__(&cblas_dgemm) dgemm;
  __typeof__(&openblas_set_num_threads) set_threads;
  __typeof__(&openblas_get_parallel) parallel;
  __typeof__(&openblas_get_config) config;
  __typeof__(&openblas_get_corename) core;
} blas;

/* Every worker is a thread already, so the library is to have none of its own. It may be called from several threads
   at once where it was built for POSIX threads. Version 0.3.21, as Debian builds it, gives wrong numbers then where it
   was built for one thread, and hangs where it was built for OpenMP: such a library is called by one at a time. */
static int alone;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char name[128];
static char missing[512]; /* why it could not be opened */

static int find(void *library, const char *symbol, void *function) {
  void *at = dlsym(library, symbol);
  memcpy(function, &at, sizeof at);
  return at != NULL;
}

/* never closed: other threads may be in it to the very end */
static void open_library(void) {
  /* else it starts a thread, and takes 32 MB or more, for every processor, before it can be told not to */
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library && find(library, "cblas_dgemm", &blas.dgemm) &&
      find(library, "openblas_set_num_threads", &blas.set_threads) &&
      find(library, "openblas_get_parallel", &blas.parallel) &&
      find(library, "openblas_get_config", &blas.config) &&
      find(library, "openblas_get_corename", &blas.core)) {
    blas.set_threads(1);
    alone = blas.parallel() != OPENBLAS_THREAD;
    snprintf(name, sizeof name, "%.60s, kernels for %.30s", blas.config(), blas.core());
    return;
  }
  const char *why = dlerror();
  snprintf(missing, sizeof missing, "%s", why ? why : LIBRARY);
  snprintf(name, sizeof name, "none: %.100s", missing);
}

static void once(void) {
  static pthread_once_t opened = PTHREAD_ONCE_INIT;
  pthread_once(&opened, open_library);
}

basin_status basin_blas_open(basin_error *error) {
  once();
  if (!*missing) return BASIN_OK;
  return basin_fail(error, BASIN_FAILED,
                    "fixed data sets need the library OpenBLAS, which cannot be opened: %s",
                    missing);
}

static void begin(void) {
  if (alone) pthread_mutex_lock(&turn);
}

static void end(void) {
  if (alone) pthread_mutex_unlock(&turn);
}

void basin_blas_product(int64_t rows, int64_t columns, int64_t width, const double *z,
                        const double *f, double *u) {
  begin();
  blas.dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, (blasint)columns,
             (blasint)width, 1.0, z, (blasint)width, f, (blasint)columns, 0.0, u, (blasint)columns);
  end();
}

void basin_blas_product_add(int64_t rows, int64_t columns, int64_t width, const double *z,
                            const double *w, double *g) {
  begin();
  blas.dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)width, (blasint)columns,
             (blasint)rows, 1.0, z, (blasint)width, w, (blasint)columns, 1.0, g, (blasint)columns);
  end();
}

const char *basin_blas_name(void) {
  once();
  return name;
}

#endif
