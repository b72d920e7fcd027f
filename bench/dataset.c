/* SPDX-License-Identifier: MIT
 *
 * dataset.c ROWS WIDTH PER_INPUT: the rate of two matrix products that a step on a fixed data set would be by OpenBLAS:
 * what 32 trials see of the rows, and the sums of rows with weights, tile by tile; in trial-steps a second of its time.
 */
#include <cblas.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLUMNS = 32, TILE_BYTES = 1 << 18 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double *numbers(int64_t count) {
  double *x = aligned_alloc(64, ((size_t)count * sizeof *x + 63) / 64 * 64);
  for (int64_t i = 0; x && i < count; i++) x[i] = (double)(i % 17) / 17 - 0.5;
  return x;
}

/* C = (A or A') B + beta C, all of them row after row */
static void multiply(CBLAS_TRANSPOSE turned, int64_t rows, int64_t depth, const double *a,
                     int64_t row_of_a, const double *b, double beta, double *c) {
  cblas_dgemm(CblasRowMajor, turned, CblasNoTrans, (int)rows, COLUMNS, (int)depth, 1, a,
              (int)row_of_a, b, COLUMNS, beta, c, COLUMNS);
}

int main(int arguments, char **argument) {
  if (arguments != 4) return 2;
  const int64_t rows = atoll(argument[1]), width = atoll(argument[2]), each = atoll(argument[3]),
                fitting = TILE_BYTES / (COLUMNS * (int64_t)sizeof(double) * each),
                tile = (fitting > 1 ? fitting : 1) * each;
  double *z = numbers(rows * width), *f = numbers(width * COLUMNS), *u = numbers(tile * COLUMNS),
         *g = numbers(width * COLUMNS);
  int64_t steps = 0;
  if (!z || !f || !u || !g) return 1;
  openblas_set_num_threads(1);
  const double begun = now();
  do {
    memset(g, 0, (size_t)(width * COLUMNS) * sizeof *g);
    for (int64_t i = 0; i < rows; i += tile) {
      const int64_t here = rows - i < tile ? rows - i : tile;
      multiply(CblasNoTrans, here, width, z + i * width, width, f, 0, u);
      multiply(CblasTrans, width, here, z + i * width, width, u, 1, g);
    }
    steps++;
  } while (now() - begun < 1);
  printf("%.6g\n", (double)(steps * COLUMNS) / (now() - begun));
  free(z);
  free(f);
  free(u);
  free(g);
  return 0;
}
