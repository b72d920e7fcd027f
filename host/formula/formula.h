/* SPDX-License-Identifier: MIT
 *
 * formula.h: a scientist's own model: texts, as they stand in an experiment file, become the graph of graph.h with
 * the derivatives of the loss.
 *
 *   parameters {n: 10}, state {x: n}, define {f: 1 - x[:-1], g: x[1:] - x[:-1]^2}, loss: sum(f^2 + 100*g^2)
 *
 * is Rosenbrock's function of n variables: two definitions, vectors of length n - 1, and one gradient, of length n.
 *
 * The language is arithmetic as NumPy means it, on numbers, vectors and matrices of doubles:
 *
 *   numbers         12  .05  1e-6  pi
 *   names           parameters; states, teachers, inputs, constants; definitions, in any order
 *   operators       ^ or ** (to the right, before the sign: -2^2 = -4), - + (signs), * /, + -, < <= > >= == !=, not,
 *                   and, or: from the tightest to the loosest. Comparisons do not chain.
 *   entries         x[i]  x[a:b]  x[:-1]  A[i]  A[i, j]  A[i, :]  A[a:b, c:d]: indices from 0, those below 0 from the
 *                   end; + - * ^ of whole numbers and of parameters, which are then whole and at least 1. What may be
 *                   of either sign, n - k, counts from the beginning. A slice must lie within, and is never empty.
 *   x.T  T(x)       the transpose of a matrix; of a vector or a scalar itself
 *   dot(x, y)       of vectors a scalar; of matrix and vector, vector and matrix, two matrices the product
 *   outer(u, v)     of vectors the matrix u_i v_j
 *   sum mean max min norm      of all entries; norm: of a scalar |x|, of a vector Euclid's, of a matrix Frobenius's
 *   max(x, y) min(x, y) where(c, x, y)   entry by entry
 *   abs sign square sqrt exp expm1 log log1p sin cos tan asin acos atan atan2(y, x) tanh erf logistic softplus relu
 *   leaky(x, slope) floor      entry by entry
 *
 * What works entry by entry takes arrays of one shape, or scalars; rows are never repeated. Comparisons make masks,
 * which `and`, `or`, `not` and `where` take and nothing else does. A state, teacher or input whose only size is the
 * number 1 is a scalar.
 *
 * The order of operations is the order in which they are written. x^n, for a whole n of up to 64: x^(2m) = x^m x^m
 * and x^(2m+1) = x^(2m) x, x^-n = 1/x^n; x^(n+1/2) = x^n sqrt(x); every other power is C's pow(x, y), which for x <
 * 0 asks for a whole y. mean is sum(x)/count. Numbers are computed while reading, by the very operations of a
 * trial. What is dropped changes no bit: x*1, x/1, x - 0, a double sign or transpose, where(c, x, x); x/2^n is
 * x*2^-n. x + 0 is left as it is (-0 + 0 = 0).
 *
 * Derivatives are those of reverse mode, in an order that the texts alone decide. At a kink the derivative on the
 * right is taken: that of relu, abs and leaky at 0 is 1 and of max and min, where two are equal, the first has it.
 * The derivative of norm (and of sqrt(dot(x, x)), which is the same) at 0 is 0 for vectors and matrices, that of
 * sign is 0, masks have none. where(c, x, y) has the derivative of what it takes, even where that of the other is
 * not finite, if that is made entry by entry. floor has none: a loss that depends on a state through floor is
 * refused.
 */
#ifndef BASIN_FORMULA_FORMULA_H
#define BASIN_FORMULA_FORMULA_H

#include "formula/graph.h"

/* A formula; the places are those of the first characters of text and name. */
typedef struct formula_text {
  const char *name, *text;
  basin_place place, name_place;
} formula_text;

/* A parameter with its default. */
typedef struct formula_default {
  const char *name;
  basin_place name_place;
  double value;
} formula_default;

/* A state, teacher or input: no size (a scalar), one, or rows and columns. */
typedef struct formula_sized {
  const char *name;
  basin_place name_place;
  int sizes;
  const char *size[2]; /* as they are written: "n", "2*k + 1", "8" */
  basin_place size_place[2];
} formula_sized;

/* A constant given as numbers, row by row; columns 0: a vector of so many rows. */
typedef struct formula_values {
  const char *name;
  basin_place name_place;
  int64_t rows, columns;
  const double *value;
} formula_values;

/* What an experiment file says of a model. All of it is the caller's; the model has copies. */
typedef struct formula_source {
  const char *title;
  const formula_default *parameter;
  const formula_sized *state, *teacher, *input;
  const formula_values *constant;
  const formula_text *define;     /* in any order; none may depend on itself */
  const formula_text *observable; /* scalars that depend on no input */
  int parameters, states, teachers, inputs, constants, defines, observables;
  formula_text loss; /* its name is not looked at */
  formula_text when; /* a mask of one entry; text NULL: there is none */
} formula_source;

/* Observables and `when` may use `loss` and `norm_grad`, the norm of the gradient, unless the loss has inputs.
   BASIN_BAD_INPUT with the place of the very character, or BASIN_FAILED where there is no memory; *model is then NULL.
   To be freed by basin_formula_free(). */
basin_status basin_formula_read(const formula_source *source, formula_model **model,
                                basin_error *error);

#endif
