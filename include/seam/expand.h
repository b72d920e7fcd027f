/* SPDX-License-Identifier: MIT
 *
 * expand.h: the names by which a driver calls the functions of the one model and kind of dynamics that it is compiled
 * for. The drivers of host/engine and cuda include it, and so does host/model/entry.c for the tables.
 *
 * A driver is compiled with -DBASIN_MODEL=cnn -DBASIN_MODEL_HEADER='"models/cnn.h"' -DBASIN_KIND=direct and writes
 *
 *   KIND_step(&cell, turn, x);
 *
 * which is the fifth of the model's row MODEL_direct: conv_direct_step(&cell, turn, x). To be included behind
 * BASIN_MODEL_HEADER.
 */
#ifndef BASIN_SEAM_EXPAND_H
#define BASIN_SEAM_EXPAND_H

#include "seam/condition.h"
#include "seam/model.h"
#include "seam/layers.h"

#define BASIN_PASTE2(a, b) a##b
#define BASIN_PASTE(a, b) BASIN_PASTE2(a, b)
#define BASIN_TEXT2(x) #x
#define BASIN_TEXT(x) BASIN_TEXT2(x)

/* what a driver exports: name_MODEL, name_MODEL_KIND or name_MODEL_ISA, name_MODEL_KIND_ISA */
#define BASIN_JOIN2_(a, b) a##_##b
#define BASIN_JOIN2(a, b) BASIN_JOIN2_(a, b)
#define BASIN_JOIN3_(a, b, c) a##_##b##_##c
#define BASIN_JOIN3(a, b, c) BASIN_JOIN3_(a, b, c)
#define BASIN_JOIN4_(a, b, c, d) a##_##b##_##c##_##d
#define BASIN_JOIN4(a, b, c, d) BASIN_JOIN4_(a, b, c, d)

/* one of a row */
#define ROW_states(states, layout, paces, start, step, reached, decide, observe, vectors) states
#define ROW_layout(states, layout, paces, start, step, reached, decide, observe, vectors) layout
#define ROW_paces(states, layout, paces, start, step, reached, decide, observe, vectors) paces
#define ROW_start(states, layout, paces, start, step, reached, decide, observe, vectors) start
#define ROW_step(states, layout, paces, start, step, reached, decide, observe, vectors) step
#define ROW_reached(states, layout, paces, start, step, reached, decide, observe, vectors) reached
#define ROW_decide(states, layout, paces, start, step, reached, decide, observe, vectors) decide
#define ROW_observe(states, layout, paces, start, step, reached, decide, observe, vectors) observe
#define ROW_vectors(states, layout, paces, start, step, reached, decide, observe, vectors) vectors

#define BASIN_ROW BASIN_PASTE(MODEL_, BASIN_KIND)
#define KIND_states BASIN_ROW(ROW_states)
#define KIND_layout BASIN_ROW(ROW_layout)
#define KIND_paces BASIN_ROW(ROW_paces)
#define KIND_start BASIN_ROW(ROW_start)
#define KIND_step BASIN_ROW(ROW_step)
#define KIND_reached BASIN_ROW(ROW_reached)
#define KIND_decide BASIN_ROW(ROW_decide)
#define KIND_observe BASIN_ROW(ROW_observe)

/* the row of estimates */
#define INPUT_LAYOUT(layout, begin, draw) layout
#define INPUT_BEGIN(layout, begin, draw) begin
#define INPUT_DRAW(layout, begin, draw) draw
#define INPUT_layout MODEL_INPUT(INPUT_LAYOUT)
#define INPUT_begin MODEL_INPUT(INPUT_BEGIN)
#define INPUT_draw MODEL_INPUT(INPUT_DRAW)

/* the row of full vectors */
#define VECTORS_LOOK_AT_SET(look_at_set, room) look_at_set
#define VECTORS_ROOM(look_at_set, room) room
#define VECTORS_look_at_set MODEL_VECTORS(VECTORS_LOOK_AT_SET)
#define VECTORS_room MODEL_VECTORS(VECTORS_ROOM)

/* the row of data sets */
#define SET_SHAPE(shape, inputs) shape
#define SET_INPUTS(shape, inputs) inputs
#define SET_shape MODEL_SET(SET_SHAPE)
#define SET_inputs MODEL_SET(SET_INPUTS)

/* the row of the engine that runs one trial at a time */
#define WHOLE_WORK(work, is_large) work
#define WHOLE_IS_LARGE(work, is_large) is_large
#define WHOLE_work MODEL_WHOLE(WHOLE_WORK)
#define WHOLE_is_large MODEL_WHOLE(WHOLE_IS_LARGE)

/* how many observables and initial vectors the model's tables have, and the number of each */
enum {
#define BASIN_INDEX(name, unit, meaning) OBSERVABLE_##name,
  MODEL_OBSERVABLES(BASIN_INDEX)
#undef BASIN_INDEX
      MODEL_OBSERVED_OF_ALL
};
#ifndef MODEL_LAYER_OBSERVABLES
#define MODEL_LAYER_OBSERVABLES(X)
#endif
enum {
#define BASIN_INDEX(name, unit, meaning) OBSERVABLE_OF_LAYER_##name,
  MODEL_LAYER_OBSERVABLES(BASIN_INDEX)
#undef BASIN_INDEX
      MODEL_OBSERVED_OF_LAYER
};
enum { MODEL_OBSERVED = MODEL_OBSERVED_OF_ALL + BASIN_LAYERS_MAX * MODEL_OBSERVED_OF_LAYER };

/* and how many the kind of dynamics has, with those of data sets behind them */
#define BASIN_HAS_RISK_dataset 1
enum {
#if BASIN_PASTE(BASIN_HAS_RISK_, BASIN_KIND)
  KIND_OBSERVED = MODEL_OBSERVED + BASIN_RISK_OBSERVABLES
#else
  KIND_OBSERVED = MODEL_OBSERVED
#endif
};

/* whether no step of a leap but its last one changes the observable of that number */
#ifndef MODEL_STEADY
#define MODEL_STEADY(X)
#endif
BASIN_HD int expand_is_steady(int observable) {
  int steady = 0;
#define BASIN_STEADY(name) steady |= observable == OBSERVABLE_##name;
  MODEL_STEADY(BASIN_STEADY)
#undef BASIN_STEADY
  (void)observable;
  return steady;
}

/* likewise every observable of the condition, where there is one */
BASIN_HD int expand_is_steady_when(const basin_condition *when) {
  int steady = 1;
  for (int64_t i = 0; when && i < when->count; i++)
    if (when->step[i].operation == BASIN_CONDITION_OBSERVABLE)
      steady &= expand_is_steady((int)when->step[i].observable);
  return steady;
}

enum {
#define BASIN_INDEX(name, rows, length, meaning) INITIAL_##name,
  MODEL_INITIAL(BASIN_INDEX)
#undef BASIN_INDEX
      MODEL_INITIALS
};

#endif
