/* SPDX-License-Identifier: MIT
 *
 * sizes.h: the sizes of a cell as this build of the model has them. The drivers compare them with those that the
 * program has: a module that was built from another header of the model is told by it.
 */
#ifndef BASIN_CUDA_SIZES_H
#define BASIN_CUDA_SIZES_H

#include "seam/expand.h"

namespace {

/* 0: the setting is wrong */
int sizes(const basin_setting *setting, basin_size *size) {
  basin_room room = {NULL, 0, 0};
  const char *where;
  model_cell cell;
  if (model_prepare(setting, &room, &cell, &where)) return 0;
  basin_layout (*own)(const basin_setting *, const model_cell *) = KIND_layout;
  const basin_layout layout = own ? own(setting, &cell) : basin_layout_in_registers(KIND_states);
  *size = setting->size;
  size->data = room.used;
  size->states = layout.states;
  size->work = layout.work;
  size->team = layout.team;
  return 1;
}

} // namespace

#endif
