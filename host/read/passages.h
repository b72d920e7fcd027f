/* SPDX-License-Identifier: MIT
 *
 * passages.h: key `record.passages`: the levels at which the first passage of every trial is kept.
 *
 *   ladders of the file or of its models, when a variant is begun      basin_passages_begin()
 *   their levels at a point of the grid, when a cell is read           basin_passages_cell()
 *   what all cells have together, once they are known                  basin_passages_end()
 */
#ifndef BASIN_PASSAGES_H
#define BASIN_PASSAGES_H

#include "read/scope.h"

/* The key's node, or NULL: then what the model of the variant keeps by itself. */
basin_status basin_passages_begin(basin_experiment *experiment, const basin_node *record,
                                  const basin_model *model, basin_error *error);

/* Reads the levels of a cell whose dynamics are known, in its scope. */
basin_status basin_passages_cell(const basin_experiment *experiment, const basin_node *record,
                                 basin_scope *scope, basin_cell *cell, basin_error *error);

/* Numbers the passages, and tells every cell its own. */
basin_status basin_passages_end(basin_experiment *experiment, const basin_node *record,
                                basin_error *error);

/* The ladder that a passage is of, by their numbers in the experiment. */
int basin_passage_ladder(const basin_experiment *experiment, int passage);

#endif
