/* SPDX-License-Identifier: MIT
 *
 * calls.h: the functions of one kind of dynamics whose state is an array, by pointers: what the one driver of all such
 * kinds calls (host/engine/lanes.c, by way of host/engine/any_model.h). host/engine/calls.c makes them of a model's
 * header, for one instruction set, and the model's entry has them:
 *
 *   const basin_calls *calls = kind->calls[isa];
 *   calls->step(cell, &turn, 1, x);                    relu_step(cell, turn, x)
 *
 * A call is little to a step in arrays, and less to several; a driver of its own for every kind would be much to a
 * build. What they do, and when, is said in model.h; a cell is the model's own model_cell.
 */
#ifndef BASIN_SEAM_CALLS_H
#define BASIN_SEAM_CALLS_H

#include "seam/condition.h"
#include "seam/model.h"
#include "seam/room.h"

typedef struct basin_calls {
  size_t cell_size; /* bytes of a cell */
  int whole;        /* whether it is a row MODEL_whole: the scratch is that of one trial */
  const char *(*prepare)(const basin_setting *setting, basin_room *room, void *cell,
                         const char **where);
  void (*paces)(const void *cell, const double *eta, double *pace);
  void (*start)(const void *cell, const basin_turn *t, real *x);

  /* n steps in a row, of which the turn has the number of the next one then, and is warm; NULL of a kind that leaps */
  void (*step)(const void *cell, basin_turn *t, int64_t n, real *x);

  /* how many steps it took into *taken; NULL of others */
  void (*leap)(const void *cell, const basin_turn *t, const real *limit, real *x, real *taken);
  void (*reached)(const void *cell, const basin_turn *t, const real *x, mask *outcome);
  void (*decide)(const void *cell, const basin_turn *t, const real *x, mask *outcome);
  void (*observe)(const void *cell, const basin_turn *t, const real *x, real *out);

  /* whether no step of a leap but its last one changes that observable; every one of the condition, where there is
     one */
  int (*is_steady)(int observable);
  int (*is_steady_when)(const basin_condition *when);
} basin_calls;

#endif
