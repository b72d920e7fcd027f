/* SPDX-License-Identifier: MIT
 *
 * data.h: the drawn data sets of the cells. Each is in memory once, for all workers that are at its cell: the first of
 * them draws it, and it goes with the last.
 */
#ifndef BASIN_DATA_H
#define BASIN_DATA_H

#include "seam/backend.h"

/* A data set that has been drawn, or is being drawn. */
typedef struct basin_data {
  basin_data_set of;
  int64_t n, rows, width; /* inputs; rows of an input; numbers of a row */
  double *z;              /* [n][rows][width] */
  double *label;          /* [n][labels] */

  /* under the lock of data.c */
  int users;
  enum { BASIN_DATA_DRAWN_NOW, BASIN_DATA_READY, BASIN_DATA_BROKEN } ready;
  struct basin_data *next;
} basin_data;

/* draws all of it; not 0: broken off, for it was told to stop, or out of memory */
typedef int basin_data_drawer(void *context, basin_data *data);

/* The cell's data set, by its setting or any copy of it: drawn now, by `draw`, where no other worker holds it. NULL:
   out of memory, or broken off by this very call of `draw`. */
const basin_data *basin_data_take(const basin_setting *setting, int64_t rows, int64_t width,
                                  basin_data_drawer *draw, void *context);

/* Gives it back; it goes with its last user. */
void basin_data_leave(const basin_data *data);

/* Bytes of the cell's data set, and of what every worker needs beside it; 0 where the cell has none. */
double basin_data_bytes(const basin_setting *setting);
double basin_data_work_bytes(const basin_setting *setting);

/* A worker of the CPU advances BASIN_DATASET_SEATS trials together, on a tile of the data set at a time: as many inputs
   as fit into BASIN_DATASET_TILE_BYTES. A trial keeps to its seat, number `trial mod BASIN_DATASET_SEATS`, which is a
   column of the products; and the products always have the same sizes. So the bits of a trial depend neither on the
   other trials nor on the part. */
enum { BASIN_DATASET_SEATS = 32, BASIN_DATASET_TILE_BYTES = 1 << 18 };
static inline int64_t basin_dataset_tile(int64_t n, int64_t rows) {
  const int64_t row = BASIN_DATASET_SEATS * (int64_t)sizeof(double) * rows,
                inputs = BASIN_DATASET_TILE_BYTES / row;
  return inputs < 1 ? 1 : inputs < n ? inputs : n;
}

#endif
