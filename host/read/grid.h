/* SPDX-License-Identifier: MIT
 *
 * grid.h: key `grid`: the parameters that tell cells apart, and their values.
 */
#ifndef BASIN_GRID_H
#define BASIN_GRID_H

#include "read/experiment.h"
#include "read/yaml.h"

/* One axis of the grid: parameters that vary together. */
typedef struct basin_grid_group {
  int first, count; /* of the experiment's axes */
  int length;       /* values of each */
} basin_grid_group;

typedef struct basin_grid {
  int axes, groups;
  basin_grid_group group[BASIN_AXES_MAX];
  basin_place place[BASIN_AXES_MAX]; /* of each parameter's values */
  double *value[BASIN_AXES_MAX];     /* [length of its group] */
  int64_t points;
} basin_grid;

/* Reads the key (or NULL: one point) and names the experiment's axes; points * variants is at most BASIN_CELLS_MAX. */
basin_status basin_grid_read(basin_grid *grid, basin_experiment *experiment, const basin_node *node,
                             int variants, basin_error *error);
void basin_grid_free(basin_grid *grid);

/* The coordinates of a point, the first group varying slowest. */
void basin_grid_point(const basin_grid *grid, int64_t point, double coordinate[BASIN_AXES_MAX]);

/* Refuses a model that is not part of the build, at its place, where the output file could not have its names beside
   those of the grid. */
basin_status basin_grid_check_model(const basin_model *model, int axes, char *const *axis,
                                    basin_place place, basin_error *error);

/* Refuses a point that is there twice. */
basin_status basin_grid_check(const basin_grid *grid, const basin_node *node, basin_error *error);

#endif
