/* SPDX-License-Identifier: MIT
 *
 * expression.h: the arithmetic a scientist writes into an experiment file.
 *
 *   numbers       12  0.05  1e-6
 *   constants     pi
 *   operators     + - * / % ^   with the usual precedence; ^ binds tightest and to the right; -2^2 = -4
 *   functions     sqrt abs exp log log2 log10 sin cos tan atan floor ceil round min(x, y) max(x, y) mod(x, y)
 *   symbols       grid parameters, the model's parameters, `define`d names, step sizes of the stage; in step sizes t
 *
 * and the conditions: such values beside each other, as in
 *
 *   norm_grad < 1e-6 and not (loss > 2*floor(x) or k == 4)
 *
 *   comparisons   < <= > >= == !=, of two values
 *   words         not binds tightest, then and, then or; parentheses
 *
 * Evaluated with dmath.h, so that a value has the same bits on every machine. Integer powers are repeated
 * products, x^0.5 is sqrt(x), any other power is exp(y log x).
 */
#ifndef BASIN_EXPRESSION_H
#define BASIN_EXPRESSION_H

#include "base/error.h"
#include "seam/condition.h"

/* The value of a symbol. BASIN_OK, or a failure already written into `error`; sets *found to 0 where
   there is no such symbol. */
typedef basin_status basin_lookup(void *context, const char *name, double *value, int *found,
                                  basin_error *error);

/* Evaluates `text`, which stands at `place` (the column counts on from there). The result is finite. */
basin_status basin_evaluate(const char *text, basin_place place, basin_lookup *lookup,
                            void *context, double *value, basin_error *error);

/* The values of `text`, in which `symbol` is the one name, for symbol = first, ..., first + n - 1. Returns how many
   there are from the first on: n, or as far as all are finite and defined. */
int64_t basin_evaluate_counted(const char *text, const char *symbol, int64_t first, int64_t n,
                               double *value);

/* Whether a condition holds. A value that is no finite number, or not defined, makes its comparison neither true nor
   false: a condition that hangs on such a one does not hold. Failures are what is written wrong, and the look-up's. */
basin_status basin_condition_holds(const char *text, basin_place place, basin_lookup *lookup,
                                   void *context, int *holds, basin_error *error);

/* The number of an observable, or -1 where the name is none; it is asked before the other look-up. */
typedef int basin_observable_lookup(void *context, const char *name);

/* The same condition as a program (seam/condition.h) on observables, to be asked at every step; all else is a number in
   it. It must ask an observable, of which it knows + - * / abs sqrt min max and whole powers. */
basin_status basin_condition_compile(const char *text, basin_place place, basin_lookup *lookup,
                                     basin_observable_lookup *observable, void *context,
                                     basin_condition *program, basin_error *error);

#endif
