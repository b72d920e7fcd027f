/* SPDX-License-Identifier: MIT
 *
 * derive.h: the derivatives of a loss, as further nodes of its graph.
 */
#ifndef BASIN_FORMULA_DERIVE_H
#define BASIN_FORMULA_DERIVE_H

#include "formula/graph.h"

/* Makes model->gradient of model->loss. BASIN_BAD_INPUT where the loss depends on a state through a function that
   has no derivative, FLOOR: its node is then *without. BASIN_FAILED where there is no memory, or too many nodes. */
basin_status basin_formula_derive(formula_model *model, int *without);

#endif
