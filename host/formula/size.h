/* SPDX-License-Identifier: MIT
 *
 * size.h: polynomials of a model's parameters with whole coefficients, in a normal form: what sizes and bounds of
 * slices are made of. The parameters in them are whole and at least 1.
 *
 * n - 1 and -2 + n + 1 are both the terms (1, n), (-1), whose text is "n - 1", and in C "P(n) - 1".
 */
#ifndef BASIN_FORMULA_SIZE_H
#define BASIN_FORMULA_SIZE_H

#include "formula/graph.h"

enum { FORMULA_TERMS_MAX = 12, FORMULA_DEGREE_MAX = 4 };

/* A coefficient, which is not 0, times so many parameters, their numbers in order. */
typedef struct formula_term {
  int64_t coefficient;
  int degree, factor[FORMULA_DEGREE_MAX];
} formula_term;

/* Positive terms first, of these the highest degree first; no terms are 0. */
typedef struct formula_polynomial {
  int terms;
  formula_term term[FORMULA_TERMS_MAX];
} formula_polynomial;

formula_polynomial basin_formula_whole(int64_t value);
formula_polynomial basin_formula_of_parameter(int parameter);

/* *sum = x + sign y, *product = x y; 0 where that has too many terms, too high a degree or coefficients above 10^15 */
int basin_formula_polynomial_add(const formula_polynomial *x, const formula_polynomial *y, int sign,
                                 formula_polynomial *sum);
int basin_formula_polynomial_multiply(const formula_polynomial *x, const formula_polynomial *y,
                                      formula_polynomial *product);

/* whether it is a number, and which */
int basin_formula_is_whole(const formula_polynomial *x, int64_t *value);
/* 1: it is at least so much whatever the parameters, -1: it never is, 0: it depends on them, or is not known */
int basin_formula_at_least(const formula_polynomial *x, int64_t least);

/* its text as a person writes it, or in C; allocated, NULL where there is no memory */
char *basin_formula_polynomial_text(const formula_polynomial *x, const formula_array *parameter,
                                    int in_c);

#endif
