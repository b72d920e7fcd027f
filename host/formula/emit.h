/* SPDX-License-Identifier: MIT
 *
 * emit.h: from the graph of a model to the text of its header: readable C on the contract seam/model.h, to be compiled
 * as any model of include/models is, and to be tuned by hand.
 *
 *   char *text;
 *   basin_error error;
 *   if (!basin_formula_emit(model, &text, &error)) fputs(text, stdout);
 *   free(text);
 *
 * The same graph gives the same bytes. The order of all operations is that of graph.h, once contract.h has been over
 * it, and stands in the text. Where all sizes are constants and small everything is written out, entry by entry; a
 * state of few numbers is then kept in registers. Else arrays are run through in loops, which adjacent operations of
 * the same extent share, and products of matrices take several entries side by side. What follows from the teachers
 * alone is computed when a trial starts.
 *
 * A model without inputs has the kinds population, momentum, nesterov, adam, langevin and noise, one with inputs has
 * direct and law; own/own_methods.h says what they are. Its criteria are stop.at (the loss), stop.at_gradient, and
 * where the model has a condition `when` a criterion of its own of that name, which is given as the number 1.
 */
#ifndef BASIN_FORMULA_EMIT_H
#define BASIN_FORMULA_EMIT_H

#include "formula/graph.h"

/* BASIN_OK, BASIN_BAD_INPUT (names that are none, more vectors than there are random streams), or BASIN_FAILED (out of
   memory). The text is the caller's to free. */
basin_status basin_formula_emit(const formula_model *model, char **text, basin_error *error);

#endif
