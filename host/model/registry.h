/* SPDX-License-Identifier: MIT
 *
 * registry.h: finds models by their names, and parameters, vectors and observables in their tables.
 */
#ifndef BASIN_MODEL_REGISTRY_H
#define BASIN_MODEL_REGISTRY_H

#include "seam/entry.h"

/* the model of that name, or NULL; and all of them */
const basin_model *basin_model_find(const char *name);
const basin_model *const *basin_models(int *count);

/* what to say where there is none: "unknown model `cnnn`, did you mean `cnn`?", or which there are; returns text */
enum { BASIN_UNKNOWN = 320 };
const char *basin_model_unknown(const char *name, char text[BASIN_UNKNOWN]);

/* index of a name in a model's table, -1 where it is not there */
int basin_symbol_find(const basin_symbol *symbol, int count, const char *name);

/* whether any model has a parameter or a step size of that name */
int basin_is_symbol(const char *name);

/* the observables of data sets, [BASIN_RISK_OBSERVABLES] */
const basin_symbol *basin_risk_observables(void);

/* of estimates on fresh inputs: the least number of inputs, two in every partial sum; and the largest that the counter
   has blocks for, in a cell whose model has single inputs */
enum { BASIN_INPUTS_MIN = 2 * BASIN_SUMS };
int64_t basin_inputs_max(const basin_setting *setting);

#endif
