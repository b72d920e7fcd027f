/* SPDX-License-Identifier: MIT
 *
 * plot_starts.h: where trials start: the values of observables and of entries of vectors at step 0. They are read where
 * the file has recorded them of all the trials asked for, and drawn again from its experiment where it has not.
 */
#ifndef BASIN_PLOT_STARTS_H
#define BASIN_PLOT_STARTS_H

#include "read/experiment.h"
#include "store/results.h"

/* `loss`, or an entry of a vector, `v[0]` */
typedef struct basin_coordinate {
  char name[80];
  int64_t entry; /* -1: an observable, or a vector of one entry */
} basin_coordinate;

typedef struct basin_starts {
  basin_results *results;
  int coordinates;
  basin_coordinate
      *coordinate; /* [coordinates]; the name of a vector of one entry becomes that entry */
  basin_experiment *experiment; /* NULL until it is needed */
  basin_backend backend;
} basin_starts;

/* Reads such a name. 0: it is none. */
int basin_coordinate_read(const char *text, basin_coordinate *coordinate);

/* value[coordinates][count] of the cell's first `count` trials; NaN where a start does not know it. BASIN_BAD_INPUT
   where there is no such observable, vector or entry: the reason says what there is. */
basin_status basin_starts_read(basin_starts *starts, int64_t cell, int64_t count, double *value,
                               basin_error *error);
void basin_starts_close(basin_starts *starts);

#endif
