/* SPDX-License-Identifier: MIT
 *
 * sample.c: sums over fresh inputs, one input a lane. Compiled once per model and instruction set, with BASIN_MODEL,
 * BASIN_MODEL_HEADER, BASIN_ISA and BASIN_SIMD as in lanes.c.
 */
#include "backend.h"
#include BASIN_MODEL_HEADER
#include <stdlib.h>

#ifdef BASIN_HAS_SAMPLE

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define MODEL(what) PASTE(BASIN_MODEL, PASTE(_, what))
#define RUNNER PASTE(PASTE(basin_sample_, BASIN_MODEL), PASTE(_, BASIN_ISA))

enum {
  VECTORS = BASIN_COLUMNS / BASIN_LANES, /* of a row of columns */
  INITIALS = 0
#define COUNT(name, rows, length, meaning) +1
  MODEL(INITIAL)(COUNT)
#undef COUNT
};

_Static_assert(VECTORS *BASIN_LANES == BASIN_COLUMNS, "the columns are whole vectors");

/* add a lane vector to its place in a row of columns */
static inline void add(double *row, int vector, real x) {
  real sum;
  memcpy(&sum, row + vector * BASIN_LANES, sizeof sum);
  sum = sum + x;
  memcpy(row + vector * BASIN_LANES, &sum, sizeof sum);
}

/* add what one input a lane has given; `g` is the gradient */
static void add_inputs(const basin_setting *setting, const basin_columns *c, int vector, real loss,
                       const real *g) {
  const int n = BASIN_COLUMNS;
  add(c->loss, vector, loss);
  add(c->loss + n, vector, loss * loss);
  for (int64_t e = 0; e < c->size; e++) add(c->gradient + e * n, vector, g[e]);
  for (int64_t i = 0, e = 0; i < INITIALS; i++) {
    const int64_t end = e + basin_vector_size(&setting->initial[i]);
    real square = r_set(0.0);
    for (; e < end; e++) square = r_fma(g[e], g[e], square);
    add(c->square + i * n, vector, square);
  }
  for (int64_t e = 0, row = 0; c->product && e < c->size; e++)
    for (int64_t f = 0; f <= e; f++, row++) add(c->product + row * n, vector, g[e] * g[f]);
}

static int stopped(const basin_columns *c) {
  return c->stop && __atomic_load_n(c->stop, __ATOMIC_RELAXED);
}

static void run(const basin_setting *setting, basin_columns *c, const MODEL(cell) * cell,
                const double *data, real *out, real *work) {
  const bits trial = b_set((uint64_t)c->trial), step = b_set((uint64_t)c->step);
  const real zero = r_set(0.0);
  uint64_t number[BASIN_LANES];
  double loss0 = 0;
  MODEL(sample_start)(cell, data, c->vectors, trial, work);
  for (int64_t first = 0; first < c->inputs && !stopped(c); first += BASIN_LANES) {
    double there[BASIN_LANES];
    bits input;
    real counts;
    for (int l = 0; l < BASIN_LANES; l++) {
      number[l] = (uint64_t)(first + l < c->inputs ? first + l : 0);
      there[l] = first + l < c->inputs ? 1 : 0;
    }
    memcpy(&input, number, sizeof input);
    memcpy(&counts, there, sizeof counts);
    MODEL(sample)(cell, data, trial, step, input, work, out);
    if (first == 0) loss0 = r_lane(out, 0);

    /* lanes behind the last input have drawn input 0 once more, and add nothing */
    const mask valid = r_lt(zero, counts);
    out[0] = r_select(valid, out[0] - r_set(loss0), zero);
    for (int64_t e = 0; e < c->size; e++) out[1 + e] = r_select(valid, out[1 + e], zero);
    add_inputs(setting, c, (int)(first % BASIN_COLUMNS) / BASIN_LANES, out[0], out + 1);
  }
  c->shift = loss0;
}

basin_sample_runner RUNNER;

basin_status RUNNER(const basin_setting *setting, basin_columns *c) {
  const size_t n = BASIN_COLUMNS * sizeof(double), size = (size_t)c->size,
               reals = 1 + size + (size_t)MODEL(sample_work)(setting);
  MODEL(cell) cell;
  double *data = malloc((size_t)MODEL(data_size)(setting) * sizeof *data);
  real *out = aligned_alloc(64, (reals * sizeof *out + 63) / 64 * 64);
  if (data && out) {
    MODEL(prepare)(setting, &cell, data);
    memset(c->loss, 0, 2 * n);
    memset(c->gradient, 0, size * n);
    memset(c->square, 0, INITIALS * n);
    if (c->product) memset(c->product, 0, size * (size + 1) / 2 * n);
    run(setting, c, &cell, data, out, out + 1 + c->size);
  }
  basin_status status = data && out ? BASIN_OK : BASIN_FAILED;
  if (!status && stopped(c)) status = BASIN_INTERRUPTED;
  free(out);
  free(data);
  return status;
}

#endif
