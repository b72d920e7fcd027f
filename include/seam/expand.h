/* SPDX-License-Identifier: MIT
 *
 * expand.h: what a driver calls the functions of the model and dynamics that it is compiled for.
 *
 * A driver is compiled with -DBASIN_MODEL=cnn -DBASIN_MODEL_HEADER='"models/cnn.h"' -DBASIN_KIND=direct and writes
 *
 *   KIND_step(&cell, turn, x);
 *
 * which is the fifth column of the row MODEL_direct of cnn.h. Included behind BASIN_MODEL_HEADER.
 */
#ifndef BASIN_SEAM_EXPAND_H
#define BASIN_SEAM_EXPAND_H

#include "seam/model.h"

#define BASIN_PASTE2(a, b) a##b
#define BASIN_PASTE(a, b) BASIN_PASTE2(a, b)
#define BASIN_TEXT2(x) #x
#define BASIN_TEXT(x) BASIN_TEXT2(x)

/* name_MODEL_KIND, name_MODEL_KIND_ISA: what a driver exports */
#define BASIN_OF_MODEL(name) BASIN_PASTE(BASIN_PASTE(name, _), BASIN_MODEL)
#define BASIN_OF_KIND(name) BASIN_PASTE(BASIN_PASTE(BASIN_OF_MODEL(name), _), BASIN_KIND)

/* one column of a row */
#define ROW_states(states, layout, rates, start, step, reached, decide, observe, vectors) states
#define ROW_layout(states, layout, rates, start, step, reached, decide, observe, vectors) layout
#define ROW_rates(states, layout, rates, start, step, reached, decide, observe, vectors) rates
#define ROW_start(states, layout, rates, start, step, reached, decide, observe, vectors) start
#define ROW_step(states, layout, rates, start, step, reached, decide, observe, vectors) step
#define ROW_reached(states, layout, rates, start, step, reached, decide, observe, vectors) reached
#define ROW_decide(states, layout, rates, start, step, reached, decide, observe, vectors) decide
#define ROW_observe(states, layout, rates, start, step, reached, decide, observe, vectors) observe
#define ROW_vectors(states, layout, rates, start, step, reached, decide, observe, vectors) vectors

#define BASIN_ROW BASIN_PASTE(MODEL_, BASIN_KIND)
#define KIND_states BASIN_ROW(ROW_states)
#define KIND_layout BASIN_ROW(ROW_layout)
#define KIND_rates BASIN_ROW(ROW_rates)
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

/* how many observables and initial vectors the model's tables have, and the number of each */
enum {
#define BASIN_INDEX(name, unit, meaning) OBSERVABLE_##name,
  MODEL_OBSERVABLES(BASIN_INDEX)
#undef BASIN_INDEX
      MODEL_OBSERVED
};
enum {
#define BASIN_INDEX(name, rows, length, meaning) INITIAL_##name,
  MODEL_INITIAL(BASIN_INDEX)
#undef BASIN_INDEX
      MODEL_INITIALS
};

#endif
