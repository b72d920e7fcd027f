/* SPDX-License-Identifier: MIT
 *
 * room.h: memory for the arrays of a cell. model_prepare() asks for it, and the same code counts the arrays and fills
 * them, so their size is said in one place.
 *
 * model_prepare() puts its arrays one after another, and keeps their offsets. With a teacher of 3 values
 *
 *   cell->teacher = room_put(room, vector->value, 3);       offset 0: a copy of the values
 *   cell->sums = room_put(room, NULL, 2);                   offset 3: zeros
 *   if (room->data) room->data[cell->sums] = 1.5;           there is memory: the second time
 *
 * room->used is 5 then. The caller calls it with {NULL, 0, 0} first, which only counts, and again with that much
 * memory. Where it wants full vectors or inputs alone it says so by room->bare, and long tables need not be computed.
 */
#ifndef BASIN_SEAM_ROOM_H
#define BASIN_SEAM_ROOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct basin_room {
  double *data; /* NULL: count alone */
  int64_t used; /* doubles so far */
  int bare;     /* whether arrays for steps, rules and observables may be left zeros */
} basin_room;

/* put `count` values, or zeros where `value` is NULL, behind those already there; return their offset */
static inline int64_t room_put(basin_room *room, const double *value, int64_t count) {
  const int64_t offset = room->used;
  for (int64_t j = 0; room->data && j < count; j++) room->data[offset + j] = value ? value[j] : 0.0;
  room->used += count;
  return offset;
}

#endif
