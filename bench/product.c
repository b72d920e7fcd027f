/* SPDX-License-Identifier: MIT
 *
 * product.c ISA PRODUCT N IN OUT SECONDS: the rates of an exact product of a dense layer and of OpenBLAS for the same
 * one, on one thread, in Gflop/s. Both take turns of a millisecond or one call, for SECONDS in all. It is the
 * processor's time that is counted, so that other load on the machine disturbs less.
 *
 * PRODUCT is forward, U = X W', backward, Y = U W, or gradient, V = U'X, with W and V [OUT][IN], X and Y [N][IN],
 * U [N][OUT]. Before anything is timed both results are compared.
 */
#include "engine/tiled_product.h"
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double *numbers(int64_t count) {
  double *x = aligned_alloc(64, ((size_t)count * sizeof *x + 63) / 64 * 64);
  for (int64_t i = 0; x && i < count; i++) x[i] = (double)(i * 7919 % 1009) / 1009 - 0.5;
  return x;
}

int main(int arguments, char **argument) {
  if (arguments != 7) return 2;
  static const char *const isas[BASIN_ISAS] = {
#define WORD(NAME, word) word,
      BASIN_ISA_TABLE(WORD)
#undef WORD
  };
  static const char *const kinds[] = {"forward", "backward", "gradient"};
  int isa = 0, kind = 0;
  while (isa < BASIN_ISAS && strcmp(argument[1], isas[isa])) isa++;
  while (kind < 3 && strcmp(argument[2], kinds[kind])) kind++;
  basin_product_runner *exact = basin_product_of(isa);
  if (!exact || kind == 3) return 2;
  const int64_t n = atoll(argument[3]), in = atoll(argument[4]), out = atoll(argument[5]);
  const basin_product products[] = {
      {{n, 1}, {out, 1}, {in, 1}, {in, 0}, {1, 0}, {in, 0}, {1, 0}, {out, 0}, {1, 0}},
      {{n, 1}, {in, 1}, {out, 1}, {out, 0}, {1, 0}, {1, 0}, {in, 0}, {in, 0}, {1, 0}},
      {{out, 1}, {in, 1}, {n, 1}, {1, 0}, {out, 0}, {1, 0}, {in, 0}, {in, 0}, {1, 0}}};
  const basin_product *p = &products[kind];
  const int64_t rows = p->rows.outer, columns = p->columns.outer, depth = p->depth.outer;
  double *a = numbers(rows * depth), *b = numbers(columns * depth), *c = numbers(rows * columns),
         *d = numbers(rows * columns), *room = numbers(basin_product_room(p));
  if (!a || !b || !c || !d || !room) return 1;
  openblas_set_num_threads(1);
  const int a_turned = p->a_depth.outer != 1, b_turned = p->b_depth.outer == 1;

  const double flop = 2 * (double)rows * (double)columns * (double)depth;
  const int calls = flop < 5e7 ? (int)(5e7 / flop) : 1;
  double spent[2] = {0};
  int64_t turns = 0;
  do {
    const double begun = now();
    for (int i = 0; i < calls; i++) exact(p, a, b, c, 0, room);
    const double half = now();
    for (int i = 0; i < calls; i++)
      cblas_dgemm(CblasRowMajor, a_turned ? CblasTrans : CblasNoTrans,
                  b_turned ? CblasTrans : CblasNoTrans, (int)rows, (int)columns, (int)depth, 1, a,
                  (int)(a_turned ? rows : depth), b, (int)(b_turned ? depth : columns), 0, d,
                  (int)columns);
    const double end = now();
    if (turns++ == 0) { /* which is not timed: pages are made */
      for (int64_t i = 0; i < rows * columns; i++)
        if (!(fabs(c[i] - d[i]) <= 1e-12 * (double)depth)) return 1;
      continue;
    }
    spent[0] += half - begun;
    spent[1] += end - half;
  } while (turns < 2 || spent[0] + spent[1] < atof(argument[6]));
  const double done = 1e-9 * flop * calls * (double)(turns - 1);
  printf("%.6g %.6g\n", done / spent[0], done / spent[1]);
  free(a);
  free(b);
  free(c);
  free(d);
  free(room);
  return 0;
}
