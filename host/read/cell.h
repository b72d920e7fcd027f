/* SPDX-License-Identifier: MIT
 *
 * cell.h: cells, each resolved to numbers from what the file and one variant say.
 */
#ifndef BASIN_CELL_H
#define BASIN_CELL_H

#include "read/dynamics.h"
#include "read/network_model.h"
#include "read/scope.h"

enum {
  BASIN_SYMBOLS_MAX = 32 /* parameters of a model, and vectors, where the file gives them by name */
};

/* What the file and one variant say of their cells: found once, resolved at every point of the grid. */
typedef struct basin_sheet {
  const basin_model *model;
  int variant;       /* index, -1 where there are none */
  basin_place place; /* of the variant or the file */
  const basin_node *parameters, *teacher, *init, *schedule, *stop, *record, *outcomes;
  basin_dynamics_keys dynamics;
  basin_network_keys network;  /* of the model `network` */
  int axis[BASIN_SYMBOLS_MAX]; /* of each parameter: where it is in the grid, or -1 */
  const basin_node *parameter[BASIN_SYMBOLS_MAX]; /* or what it is given as, or NULL */
  const basin_node *vector[BASIN_SYMBOLS_MAX];    /* teachers, then initials */
  char what[BASIN_SYMBOLS_MAX][96];               /* how messages name them */
} basin_sheet;

/* From the file's top-level keys and the variant's own (or NULL), which go before them. The scope is entered. */
basin_status basin_sheet_read(basin_sheet *sheet, basin_scope *scope, const basin_node *file,
                              const basin_node *variant, int index, basin_error *error);

/* The cell at coordinate[axes]; axis_place [axes]: where the grid's values stand. To be freed, whatever comes of it. */
basin_status basin_cell_read(const basin_experiment *experiment, const basin_sheet *sheet,
                             basin_scope *scope, const double *coordinate,
                             const basin_place *axis_place, basin_cell *cell, basin_error *error);
void basin_cell_free(basin_cell *cell);

#endif
