/* SPDX-License-Identifier: MIT
 *
 * stop_when.h: `stop.when`, the condition at which a trial ends, of models that do not have it in their header.
 *
 *   stop: {when: "loss < 1e-8 and norm_v > 1"}
 *
 * It is a condition (expression.h) on the observables of the cell and on what the experiment's other expressions know,
 * and becomes a program (seam/condition.h) with the numbers of the cell in it. A trial that satisfies it is stationary,
 * unless the outcomes that the experiment names say otherwise.
 */
#ifndef BASIN_READ_STOP_WHEN_H
#define BASIN_READ_STOP_WHEN_H

#include "read/scope.h"

/* Whether the model's header has the condition: it was made of the experiment's formulas. */
int basin_stop_when_is_own(const basin_model *model);

/* The condition of a cell whose dynamics are known, into its setting; stop: the key's node, or NULL. Cells that are
   alike, one behind the other, share one. */
basin_status basin_stop_when_read(basin_scope *scope, const basin_node *stop, basin_cell *cell,
                                  basin_error *error);

#endif
