/* SPDX-License-Identifier: MIT
 *
 * dataset.c ROWS WIDTH PER_INPUT: the rate of the two matrix products of a step on a fixed data set alone, in the tiles
 * of host/engine/dataset.c, in trial-steps a second.
 */
#include "engine/blas.h"
#include "engine/data.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double *numbers(int64_t count) {
  double *x = aligned_alloc(64, ((size_t)count * sizeof *x + 63) / 64 * 64);
  for (int64_t i = 0; x && i < count; i++) x[i] = (double)(i % 17) / 17 - 0.5;
  return x;
}

int main(int arguments, char **argument) {
  enum { COLUMNS = BASIN_DATASET_SEATS };
  if (arguments != 4) return 2;
  const int64_t rows = atoll(argument[1]), width = atoll(argument[2]), each = atoll(argument[3]);
  const int64_t tile = basin_dataset_tile(rows / each, each) * each;
  double *z = numbers(rows * width), *f = numbers(width * COLUMNS), *u = numbers(tile * COLUMNS),
         *g = numbers(width * COLUMNS);
  int64_t steps = 0;
  basin_error error;
  if (!z || !f || !u || !g || basin_blas_open(&error)) return 1;
  const double begun = now();
  do {
    memset(g, 0, (size_t)(width * COLUMNS) * sizeof *g);
    for (int64_t i = 0; i < rows; i += tile) {
      const int64_t here = rows - i < tile ? rows - i : tile;
      basin_blas_product(here, COLUMNS, width, z + i * width, f, u);
      basin_blas_product_add(here, COLUMNS, width, z + i * width, u, g);
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
