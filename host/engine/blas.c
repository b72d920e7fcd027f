/* SPDX-License-Identifier: MIT */
#include "engine/blas.h"
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* of cblas.h */
enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
typedef void gemm_function(int order, int trans_a, int trans_b, int m, int n, int k, double alpha,
                           const double *a, int lda, const double *b, int ldb, double beta,
                           double *c, int ldc);

static struct {
  gemm_function *gemm;
  char name[256];
  char why[512]; /* there is none */
} blas;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* a function's address, as POSIX has it */
static void *find(void *library, const char *symbol, size_t bytes, void *function) {
  void *at = dlsym(library, symbol);
  memcpy(function, &at, bytes);
  return at;
}

static void open_once(void) {
  const char *given = getenv("BASIN_BLAS"), *file = given && *given ? given : "libopenblas.so.0";
  void (*set_threads)(int);
  char *(*config)(void);
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    snprintf(blas.why, sizeof blas.why, "%s", reason ? reason : file);
    return;
  }
  if (!find(library, "cblas_dgemm", sizeof blas.gemm, &blas.gemm)) {
    snprintf(blas.why, sizeof blas.why, "%s: it has no cblas_dgemm", file);
    return;
  }
  if (find(library, "openblas_set_num_threads", sizeof set_threads, &set_threads)) set_threads(1);
  const int knows = find(library, "openblas_get_config", sizeof config, &config) != NULL;
  snprintf(blas.name, sizeof blas.name, "%s", knows ? config() : file);
}

basin_status basin_blas_open(basin_error *error) {
  pthread_once(&once, open_once);
  if (blas.gemm) return BASIN_OK;
  return basin_fail(error, BASIN_BAD_INPUT,
                    "products: blas needs a BLAS, and there is none: %s. Install OpenBLAS, name "
                    "another one's file in BASIN_BLAS, or leave `products` out: exact products are "
                    "as fast on most machines",
                    blas.why);
}

const char *basin_blas_name(void) { return blas.name; }

/* ---- what a product is to it ---- */

/* an index with one stride in either array */
typedef struct axis {
  int64_t count, in, out; /* strides in A or B, and in the other of the two that have it */
} axis;

/* 0 where there is more than one, or nothing to count */
static int axis_of(basin_pair count, basin_pair in, basin_pair out, axis *to) {
  basin_product_flatten(&count, &in, &out);
  *to = (axis){count.inner, in.inner, out.inner};
  return count.outer == 1 && count.inner > 0 && count.inner <= INT_MAX;
}

/* An operand of `rows` by `columns`, row by row, or column by column: how it is passed. 0 where it is neither. */
static int layout(int64_t rows, int64_t row_stride, int64_t columns, int64_t column_stride,
                  int *order, int *stride) {
  const int by_rows = columns == 1 || column_stride == 1, by_columns = rows == 1 || row_stride == 1;
  const int64_t least_row = columns > 1 ? columns : 1, least_column = rows > 1 ? rows : 1;
  const int64_t from_row = rows == 1 ? least_row : row_stride,
                from_column = columns == 1 ? least_column : column_stride;
  if (by_rows && from_row >= least_row && from_row <= INT_MAX) {
    *order = PLAIN;
    *stride = (int)from_row;
    return 1;
  }
  if (!by_columns || from_column < least_column || from_column > INT_MAX) return 0;
  *order = TRANSPOSED;
  *stride = (int)from_column;
  return 1;
}

void basin_blas_product(const basin_product *p, const double *a, const double *b, double *c,
                        int add, double *room, basin_product_runner *exact) {
  axis rows, columns, depth;
  const double *left = a, *right = b;
  int of_left, of_right, of_c, ld_left, ld_right, ldc;
  pthread_once(&once, open_once);
  int plain = blas.gemm && axis_of(p->rows, p->a_rows, p->c_rows, &rows) &&
              axis_of(p->columns, p->b_columns, p->c_columns, &columns) &&
              axis_of(p->depth, p->a_depth, p->b_depth, &depth) &&
              layout(rows.count, rows.out, columns.count, columns.out, &of_c, &ldc);
  if (plain && of_c == TRANSPOSED) { /* C' = B' A' */
    const axis axis = rows;
    rows = columns, columns = axis;
    left = b, right = a;
    depth = (struct axis){depth.count, depth.out, depth.in};
  }
  plain = plain && layout(rows.count, rows.in, depth.count, depth.in, &of_left, &ld_left) &&
          layout(depth.count, depth.out, columns.count, columns.in, &of_right, &ld_right);
  if (plain)
    blas.gemm(ROW_MAJOR, of_left, of_right, (int)rows.count, (int)columns.count, (int)depth.count,
              1.0, left, ld_left, right, ld_right, add ? 1.0 : 0.0, c, ldc);
  else exact(p, a, b, c, add, room);
}
