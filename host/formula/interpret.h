/* SPDX-License-Identifier: MIT
 *
 * interpret.h: what a graph of formulas computes, in plain doubles and in the very order of graph.h: for tests, for
 * checks of generated code, and for numbers that are computed while formulas are read.
 *
 *   formula_entries *entries;
 *   basin_formula_interpret(model, &(formula_point){parameter, state, teacher, input}, &entries, &error);
 *   entries->of[model->loss][0]       // the loss
 *   entries->of[model->gradient[0]]   // its derivative by the first state, row by row
 *   basin_formula_entries_free(entries);
 */
#ifndef BASIN_FORMULA_INTERPRET_H
#define BASIN_FORMULA_INTERPRET_H

#include "formula/graph.h"

/* Where a graph is computed: [parameters], and for each array its entries, row by row. */
typedef struct formula_point {
  const double *parameter;
  const double *const *state, *const *teacher, *const *input;
} formula_point;

typedef struct formula_entries {
  int64_t *size; /* [sizes] */
  double **of;   /* [nodes] the entries of each node, row by row; of masks 1 and 0 */
  double *memory;
} formula_entries;

/* BASIN_BAD_INPUT where a parameter that is a size is not a whole number from 1 on, or one of the model's bounds does
   not hold; BASIN_FAILED where there is no memory. */
basin_status basin_formula_interpret(const formula_model *model, const formula_point *point,
                                     formula_entries **entries, basin_error *error);
void basin_formula_entries_free(formula_entries *entries);

/* the value of a size, and the number of entries of a shape (size: the values of all) */
double basin_formula_size_value(const formula_model *model, int size, const double *parameter);
int64_t basin_formula_count(const int64_t *size, const formula_shape *shape);

/* the values of all sizes; failures as of basin_formula_interpret() */
basin_status basin_formula_sizes(const formula_model *model, const double *parameter, int64_t *size,
                                 basin_error *error);

/* an operation on single entries, ADD to SELECT; masks are 1 and 0, operands that it has not are not looked at */
double basin_formula_scalar(formula_operation operation, double x, double y, double z);

#endif
