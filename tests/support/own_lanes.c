/* SPDX-License-Identifier: MIT
 *
 * own_lanes.c: the lanes of an emitted header by themselves, for tests/unit/test_emit.c: compiled for an instruction
 * set as host/engine/lanes.c is, several kinds in one object, which takes the compiler less time than the engine does.
 */
#include BASIN_MODEL_HEADER
#include "seam/expand.h"
#include "own_lanes.h"
#include <stdlib.h>

/* a test may want some of the kinds alone: -DLANES_KINDS(X)=X(adam) */
#ifndef LANES_KINDS
#define LANES_KINDS(X) MODEL_DYNAMICS(X)
#endif

static basin_layout layout_of(const char *kind, const basin_setting *setting,
                              const model_cell *cell) {
  typedef basin_layout layout_function(const basin_setting *setting, const model_cell *cell);
#define LAYOUT(name)                                                           \
  if (!strcmp(kind, #name)) {                                                  \
    layout_function *own = MODEL_##name(ROW_layout);                           \
    return own ? own(setting, cell)                                            \
               : basin_layout_in_registers((int64_t)MODEL_##name(ROW_states)); \
  }
  LANES_KINDS(LAYOUT)
  return basin_layout_in_registers(0);
}

#define ONE_COPY static __attribute__((noinline))
#define RUN(name)                                                                       \
  ONE_COPY void run_##name(const model_cell *cell, basin_turn turn, int steps, real *x, \
                           real *seen, mask *outcome) {                                 \
    MODEL_##name(ROW_start)(cell, turn, x);                                             \
    for (; steps > 0; steps--) {                                                        \
      MODEL_##name(ROW_step)(cell, turn, x);                                            \
      turn.step = turn.step + b_set(1);                                                 \
    }                                                                                   \
    MODEL_##name(ROW_observe)(cell, turn, x, seen);                                     \
    MODEL_##name(ROW_reached)(cell, turn, x, outcome);                                  \
  }
LANES_KINDS(RUN)

static void *aligned(int64_t reals) {
  void *memory = aligned_alloc(64, (((size_t)reals + 1) * sizeof(real) + 63) / 64 * 64);
  if (!memory) abort();
  memset(memory, 0, (size_t)reals * sizeof(real));
  return memory;
}

__attribute__((visibility("default"))) own_lanes_run own_lanes;
int64_t own_lanes(const char *kind, const basin_setting *setting, int64_t first, int64_t trials,
                  int steps, double *state, double *observed, int *ended, const char **why) {
  const char *where;
  model_cell cell;
  basin_room room = {NULL, 0, 0};
  *why = model_prepare(setting, &room, &cell, &where);
  if (*why) return -1;
  double *data = aligned(room.used);
  room = (basin_room){data, 0, 0};
  *why = model_prepare(setting, &room, &cell, &where);
  const basin_layout layout = layout_of(kind, setting, &cell);
  real *x = aligned(layout.states), *work = aligned(layout.work), seen[MODEL_OBSERVED],
       pace[BASIN_PACES_MAX];
  double paces[BASIN_PACES_MAX] = {0};
  formula_paces(&cell, setting->stage[0].eta, paces);
  for (int i = 0; i < BASIN_PACES_MAX; i++) pace[i] = r_set(paces[i]);
  for (int64_t at = 0; at < trials && layout.states; at += BASIN_LANES) {
    mask outcome[BASIN_OUTCOMES];
    uint64_t number[BASIN_LANES];
    basin_turn turn = {
        .data = data, .pace = pace, .work = work, .team = basin_alone, .step = b_set(0)};
    memset(outcome, 0, sizeof outcome);
    for (int l = 0; l < BASIN_LANES; l++) number[l] = (uint64_t)(first + at + l);
    memcpy(&turn.trial, number, sizeof turn.trial);
#define CALL(name) \
  if (!strcmp(kind, #name)) run_##name(&cell, turn, steps, x, seen, outcome);
    LANES_KINDS(CALL)
    for (int l = 0; l < BASIN_LANES && at + l < trials; l++) {
      for (int64_t i = 0; state && i < layout.states; i++)
        state[(at + l) * layout.states + i] = r_lane(x + i, l);
      for (int i = 0; observed && i < MODEL_OBSERVED; i++)
        observed[(at + l) * MODEL_OBSERVED + i] = r_lane(seen + i, l);
      if (!ended) continue;
      ended[at + l] = 0;
      for (int o = 0; o < BASIN_OUTCOMES; o++)
        ended[at + l] |= (int)(m_bits(outcome[o]) >> l & 1) << o;
    }
  }
  free(x);
  free(work);
  free(data);
  return layout.states;
}

#ifdef MODEL_INPUT
__attribute__((visibility("default"))) own_lanes_input_run own_lanes_input;
void own_lanes_input(const basin_setting *setting, const double *vectors, int64_t entries,
                     int64_t trial, int64_t number, double *out) {
  const char *where;
  model_cell cell;
  basin_room room = {NULL, 0, 1};
  if (model_prepare(setting, &room, &cell, &where)) return;
  double *data = aligned(room.used);
  room = (basin_room){data, 0, 1};
  if (model_prepare(setting, &room, &cell, &where)) return;
  real *work = aligned(INPUT_layout(&cell).work), *seen = aligned(1 + entries);
  const basin_turn turn = {.data = data,
                           .work = work,
                           .team = basin_alone,
                           .trial = b_set((uint64_t)trial),
                           .step = b_set(0)};
  INPUT_begin(&cell, turn, vectors);
  INPUT_draw(&cell, turn, b_set((uint64_t)number), seen);
  for (int64_t i = 0; i <= entries; i++) out[i] = r_lane(seen + i, 0);
  free(seen);
  free(work);
  free(data);
}
#endif
