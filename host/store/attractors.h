/* SPDX-License-Identifier: MIT
 *
 * attractors.h: the attractors that an experiment discovers (read/discover.h), in its output file: found while trials
 * are written, told when all are.
 *
 *   basin_attractors_open(output, error);                         of a whole experiment that asks for them
 *   basin_attractors_write(output, cell, part, from, to, error);  for each piece of a cell, in order
 *   basin_attractors_end(output, error);                          the variables attractor_...
 *
 * Memory does not grow with the trials: all that is kept of a cell is a point for each of its groups.
 */
#ifndef BASIN_ATTRACTORS_H
#define BASIN_ATTRACTORS_H

#include "store/groups.h"
#include "store/output.h"

typedef struct basin_attractors basin_attractors;

/* Nothing where the file does not hold the experiment's cells and trials from the first on, or none are asked for. */
basin_status basin_attractors_open(basin_output *output, basin_error *error);
void basin_attractors_close(basin_output *output);

/* Trials from .. to - 1 of the part. */
basin_status basin_attractors_write(basin_output *output, int64_t cell, const basin_part *part,
                                    int64_t from, int64_t to, basin_error *error);
basin_status basin_attractors_end(basin_output *output, basin_error *error);

/* The cell whose attractors give theirs to those of a cell: the one before it along the last axis of the grid; at the
   start of that one along the axis before, and so on, the variants before all. Of a cell that `refine` added the
   nearest one of its curve that was there. -1: none. */
int64_t basin_attractors_before(const basin_experiment *experiment, int64_t cell);

#endif
