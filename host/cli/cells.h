/* SPDX-License-Identifier: MIT
 *
 * cells.h: the table of an experiment whose output is not there yet: its cells by name, and what parts say of them.
 */
#ifndef BASIN_CLI_CELLS_H
#define BASIN_CLI_CELLS_H

#include "cli/report.h"
#include "store/store.h"

typedef struct basin_cells {
  basin_table table;
  const char **name; /* what its cells point to */
  double *value;
} basin_cells;

/* Every cell with its variant and parameters, and no trials. Close it in any case. */
basin_status basin_cells_open(const basin_experiment *experiment, basin_cells *cells,
                              basin_error *error);
void basin_cells_close(basin_cells *cells);

/* How the trials ended that are there of the store's targets. */
basin_status basin_cells_count(basin_cells *cells, const basin_store *store, basin_error *error);

#endif
