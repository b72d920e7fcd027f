/* SPDX-License-Identifier: MIT
 *
 * refine.h: key `refine`: the grid parameter along which points are added, and how closely the place where success
 * crosses a rate shall be known.
 */
#ifndef BASIN_READ_REFINE_H
#define BASIN_READ_REFINE_H

#include "read/grid.h"

/* Reads the key (`none`, or NULL: nothing is refined) into experiment->refine, once its trials, its grid and its cells
   are read. */
basin_status basin_refine_read(basin_experiment *experiment, const basin_grid *grid,
                               const basin_node *node, basin_error *error);

#endif
