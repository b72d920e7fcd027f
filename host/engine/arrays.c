/* SPDX-License-Identifier: MIT
 *
 * arrays.c: what seam/tensors.h does to arrays number by number, a vector of them at a time. Compiled once per
 * instruction set (-DBASIN_ISA=avx512). The end of an array that fills no vector is computed in one that is filled up
 * with zeros.
 */
#include "models/network/network_activation.h"
#include "seam/tensors.h"

enum { LANES = BASIN_LANES };

static inline real load_some(const double *x, int64_t n) {
  double y[LANES] = {0};
  memcpy(y, x, (size_t)n * sizeof *x);
  return tensor_load(y);
}
static inline void store_some(double *x, real y, int64_t n) {
  double all[LANES];
  tensor_store(all, y);
  memcpy(x, all, (size_t)n * sizeof *x);
}

/* x = scale sigma(z); kind is a constant */
BASIN_HD void activate(int kind, const basin_network_layer *layer, const double *z, int64_t count,
                       double *x) {
  const real scale = r_set(layer->scale);
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    tensor_store(x + i, scale * network_value_of(kind, layer->slope, tensor_load(z + i)));
  const int64_t n = count - i;
  if (n > 0)
    store_some(x + i, scale * network_value_of(kind, layer->slope, load_some(z + i, n)), n);
}

/* x = scale sigma(z) + passed */
BASIN_HD void activate_passed(int kind, const basin_network_layer *layer, const double *z,
                              int64_t count, double *x, const double *passed) {
  const real scale = r_set(layer->scale);
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    tensor_store(x + i, r_fma(scale, network_value_of(kind, layer->slope, tensor_load(z + i)),
                              tensor_load(passed + i)));
  const int64_t n = count - i;
  if (n == 0) return;
  const real value = network_value_of(kind, layer->slope, load_some(z + i, n));
  store_some(x + i, r_fma(scale, value, load_some(passed + i, n)), n);
}

void TENSOR(activate)(const basin_network_layer *layer, const double *z, int64_t count, double *x,
                      const double *passed) {
  switch (layer->activation) {
#define ACTIVATE(NAME, word)                                               \
  case BASIN_##NAME:                                                       \
    if (passed) activate_passed(BASIN_##NAME, layer, z, count, x, passed); \
    else activate(BASIN_##NAME, layer, z, count, x);                       \
    break;
    BASIN_ACTIVATION_TABLE(ACTIVATE)
#undef ACTIVATE
  default:;
  }
}

BASIN_HD void slopes(int kind, const basin_network_layer *layer, const double *g, int64_t count,
                     double *z) {
  const real scale = r_set(layer->scale);
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    tensor_store(z + i, scale * network_slope_of(kind, layer->slope, tensor_load(z + i)) *
                            tensor_load(g + i));
  const int64_t n = count - i;
  if (n == 0) return;
  store_some(
      z + i,
      scale * network_slope_of(kind, layer->slope, load_some(z + i, n)) * load_some(g + i, n), n);
}

void TENSOR(slopes)(const basin_network_layer *layer, const double *g, int64_t count, double *z) {
  switch (layer->activation) {
#define SLOPES(NAME, word)                    \
  case BASIN_##NAME:                          \
    slopes(BASIN_##NAME, layer, g, count, z); \
    break;
    BASIN_ACTIVATION_TABLE(SLOPES)
#undef SLOPES
  default:;
  }
}

void TENSOR(move)(double pace, const double *g, int64_t count, double *w) {
  const real step = r_set(pace);
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    tensor_store(w + i, r_fnma(step, tensor_load(g + i), tensor_load(w + i)));
  const int64_t n = count - i;
  if (n > 0) store_some(w + i, r_fnma(step, load_some(g + i, n), load_some(w + i, n)), n);
}

/* a lane a block, which is a pair of numbers */
void TENSOR(numbers)(const draw_source *source, const double *data, uint64_t trial, int64_t row,
                     double *w) {
  const int64_t length = source->length, blocks = (length + 1) / 2;
  uint64_t each[LANES];
  bits lane;
  if (source->kind == BASIN_GIVEN) {
    memcpy(w, data + source->value + row * length, (size_t)length * sizeof *w);
    return;
  }
  for (int l = 0; l < LANES; l++) each[l] = (uint64_t)l;
  memcpy(&lane, each, sizeof lane);
  for (int64_t block = 0; block < blocks; block += LANES) {
    bits low, high;
    real x, y;
    double pair[2 * LANES];
    basin_words_in(source->key, source->direction, b_set(trial), b_set(source->step),
                   lane + b_set((uint64_t)(row * blocks + block)), &low, &high);
    draw_numbers(source, low, high, &x, &y);
    for (int l = 0; l < LANES; l++) {
      pair[2 * l] = r_lane(&x, l);
      pair[2 * l + 1] = r_lane(&y, l);
    }
    const int64_t left = length - 2 * block;
    memcpy(w + 2 * block, pair, (size_t)(left < 2 * LANES ? left : 2 * LANES) * sizeof *w);
  }
}
