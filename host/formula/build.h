/* SPDX-License-Identifier: MIT
 *
 * build.h: the nodes of a graph, made one on the other with their shapes, simplified where no bit changes (formula.h
 * says how).
 *
 *   int x = basin_formula_leaf(model, FORMULA_STATE, 0);
 *   int y = basin_formula_apply(model, FORMULA_MUL, basin_formula_number(model, 2), x, -1);      // 2 x
 *   int f = basin_formula_sum(model, y);
 *
 * Operands have shapes that fit; the caller has looked. Every function returns the number of a node, and -1 where an
 * operand is -1, where there is no memory, or where there are FORMULA_NODES_MAX nodes; so only the last must be asked.
 */
#ifndef BASIN_FORMULA_BUILD_H
#define BASIN_FORMULA_BUILD_H

#include "formula/graph.h"

enum { FORMULA_NODES_MAX = 100000 };

int basin_formula_number(formula_model *model, double value);
/* PARAMETER to CONSTANT */
int basin_formula_leaf(formula_model *model, formula_operation operation, int index);

/* ADD to SELECT, entry by entry; operands that it has not are -1 */
int basin_formula_apply(formula_model *model, formula_operation operation, int x, int y, int z);
/* x^y as formula.h says */
int basin_formula_power(formula_model *model, int x, int y);

/* a scalar at every entry of a shape; what has the shape already stays */
int basin_formula_fill(formula_model *model, int x, formula_shape shape);
/* the number of entries of a shape */
int basin_formula_entries_of(formula_model *model, formula_shape shape);
/* of a scalar itself */
int basin_formula_sum(formula_model *model, int x);
/* MAXIMUM, MINIMUM; of a scalar itself */
int basin_formula_extreme(formula_model *model, formula_operation operation, int x);
int basin_formula_first_of(formula_model *model, int x, int scalar);
/* the product as NumPy means it, of vectors and matrices */
int basin_formula_dot(formula_model *model, int x, int y);
/* the sum of the squares of all entries */
int basin_formula_square_norm(formula_model *model, int x);
int basin_formula_outer(formula_model *model, int x, int y);
int basin_formula_transpose(formula_model *model, int x);
/* SLICE and PLACE: `shape` is that of the result */
int basin_formula_part(formula_model *model, formula_operation operation, int x,
                       formula_shape shape, const int begin[2], const int drop[2]);

/* the scalar that stands at every entry of a FILL; every other node itself */
int basin_formula_unfilled(const formula_model *model, int x);
/* whether it is the number, with its sign where that is 0 */
int basin_formula_is_number(const formula_model *model, int x, double value);

#endif
