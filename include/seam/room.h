/* SPDX-License-Identifier: MIT
 *
 * room.h: where a cell's arrays lie, counted and filled by the same code.
 *
 * model_prepare() puts its arrays one after another:
 *
 *   cell->teacher = room_put(room, vector->value, vector->length);      an offset into the room
 *   if (room->data) room->data[cell->teacher + 1] += 1;                 there is memory: the second time
 *
 * It is called with an empty room first, which only counts (room->used), and again with that much memory.
 */
#ifndef BASIN_SEAM_ROOM_H
#define BASIN_SEAM_ROOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct basin_room {
  double *data; /* NULL: count alone */
  int64_t used; /* doubles so far */
} basin_room;

/* put `count` values, or zeros, behind those already there; return their offset */
static inline int64_t room_put(basin_room *room, const double *value, int64_t count) {
  const int64_t offset = room->used;
  for (int64_t j = 0; room->data && j < count; j++) room->data[offset + j] = value ? value[j] : 0.0;
  room->used += count;
  return offset;
}

#endif
