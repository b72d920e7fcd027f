/* SPDX-License-Identifier: MIT
 *
 * data.h: the data sets of the cells. Each is in memory once, for all workers that are at its cell: the first of them
 * draws it, and it goes with the last.
 *
 *   const basin_data *set = basin_data_take(job->model, job->setting, &watch->stop);
 *   t.set = set->z, t.label = set->label;                                   of a turn (seam/model.h)
 *   basin_data_leave(set);
 */
#ifndef BASIN_DATA_H
#define BASIN_DATA_H

#include "seam/entry.h"

/* A data set that has been drawn, or is being drawn. */
typedef struct basin_data {
  basin_data_set of;
  double *z;     /* [inputs][rows][width] */
  double *label; /* [inputs][labels] */

  /* under the lock of data.c */
  int users;
  enum { BASIN_DATA_DRAWN_NOW, BASIN_DATA_READY, BASIN_DATA_BROKEN } ready;
  struct basin_data *next;
} basin_data;

/* The cell's data set, by its setting or any copy of it: drawn now, by the model, where no other worker holds it. NULL:
   out of memory, or *stop became 1 meanwhile. */
const basin_data *basin_data_take(const basin_model *model, const basin_setting *setting,
                                  const int *stop);

/* Gives it back, if there is one; it goes with its last user. */
void basin_data_leave(const basin_data *data);

/* Bytes of the cell's data set; 0 where the cell has none. */
double basin_data_bytes(const basin_setting *setting);

#endif
