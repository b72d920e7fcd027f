/* SPDX-License-Identifier: MIT
 *
 * input_sums.c: sums over fresh inputs, one input a lane. Compiled once per model that has a MODEL_INPUT and
 * instruction set, with BASIN_MODEL, BASIN_MODEL_HEADER, BASIN_ISA and BASIN_SIMD as lanes.c.
 */
#include BASIN_MODEL_HEADER
#include "seam/entry.h"
#include "seam/expand.h"
#include <stdlib.h>

#define SUMMER BASIN_JOIN3(basin_sum_inputs, BASIN_MODEL, BASIN_ISA)

_Static_assert(BASIN_SUMS % BASIN_LANES == 0, "partial sums are whole vectors");

/* add a lane vector to its place in a row of partial sums */
static inline void add(double *row, int vector, real x) {
  real sum;
  memcpy(&sum, row + vector * BASIN_LANES, sizeof sum);
  sum = sum + x;
  memcpy(row + vector * BASIN_LANES, &sum, sizeof sum);
}

/* add what one input a lane has given; `g` is the gradient */
static void add_inputs(const basin_setting *setting, const basin_input_sums *c, int vector,
                       real loss, const real *g) {
  const int n = BASIN_SUMS;
  add(c->loss, vector, loss);
  add(c->loss + n, vector, loss * loss);
  for (int64_t e = 0; e < c->size; e++) add(c->gradient + e * n, vector, g[e]);
  for (int64_t i = 0, e = 0; i < MODEL_INITIALS; i++) {
    const int64_t end = e + basin_vector_size(&setting->initial[i]);
    real square = r_set(0.0);
    for (; e < end; e++) square = r_fma(g[e], g[e], square);
    add(c->square + i * n, vector, square);
  }
  for (int64_t e = 0, row = 0; c->product && e < c->size; e++)
    for (int64_t f = 0; f <= e; f++, row++) add(c->product + row * n, vector, g[e] * g[f]);
}

static int stopped(const basin_input_sums *c) {
  return c->stop && __atomic_load_n(c->stop, __ATOMIC_RELAXED);
}

static void run(const basin_setting *setting, basin_input_sums *c, const model_cell *cell,
                const double *data, real *out, real *work) {
  const basin_turn turn = {.data = data,
                           .work = work,
                           .team = basin_alone,
                           .trial = b_set((uint64_t)c->trial),
                           .step = b_set((uint64_t)c->step)};
  const real zero = r_set(0.0);
  uint64_t number[BASIN_LANES];
  double loss0 = 0;
  INPUT_begin(cell, turn, c->vectors);
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
    INPUT_draw(cell, turn, input, out);
    if (first == 0) loss0 = r_lane(out, 0);

    /* lanes behind the last input have drawn input 0 once more, and add nothing */
    const mask valid = r_lt(zero, counts);
    out[0] = r_select(valid, out[0] - r_set(loss0), zero);
    for (int64_t e = 0; e < c->size; e++) out[1 + e] = r_select(valid, out[1 + e], zero);
    add_inputs(setting, c, (int)(first % BASIN_SUMS) / BASIN_LANES, out[0], out + 1);
  }
  c->shift = loss0;
}

basin_input_summer SUMMER;

basin_status SUMMER(const basin_setting *setting, basin_input_sums *c) {
  const size_t n = BASIN_SUMS * sizeof(double), size = (size_t)c->size,
               reals = 1 + size + (size_t)setting->size.input_work;
  model_cell cell;
  const char *where;
  double *data = malloc((size_t)(setting->size.data + 1) * sizeof *data);
  real *out = aligned_alloc(64, (reals * sizeof *out + 63) / 64 * 64);
  basin_room room = {data, 0, 1};
  const int ready = data && out && !model_prepare(setting, &room, &cell, &where);
  if (ready) {
    memset(c->loss, 0, 2 * n);
    memset(c->gradient, 0, size * n);
    memset(c->square, 0, MODEL_INITIALS * n);
    if (c->product) memset(c->product, 0, size * (size + 1) / 2 * n);
    run(setting, c, &cell, data, out, out + 1 + c->size);
  }
  free(out);
  free(data);
  return !ready ? BASIN_FAILED : stopped(c) ? BASIN_INTERRUPTED : BASIN_OK;
}
