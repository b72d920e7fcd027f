/* SPDX-License-Identifier: MIT
 *
 * contract.h: products and sums that are rounded once. The formulas of a model are read as they are written; before a
 * header is written from them, every sum of a product and something else becomes one fma, as a person who writes r_fma
 * by hand has it:
 *
 *   a b + c, c + a b -> FMA a b c      c - a b -> FMA -a b c      a b - c -> FMA a b -c      sum(x y) -> DOT x y
 *
 * Of a b + c d the first product is taken into the fma. Results, and the order of all else, stay.
 */
#ifndef BASIN_FORMULA_CONTRACT_H
#define BASIN_FORMULA_CONTRACT_H

#include "formula/graph.h"

/* a copy of the graph, so contracted, with its arrays, sizes and names: basin_formula_free() has all of it. 0: there is
   no memory */
int basin_formula_contract(const formula_model *model, formula_model **contracted);

#endif
