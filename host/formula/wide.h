/* SPDX-License-Identifier: MIT
 *
 * wide.h: the loss of a graph of formulas in binary128, 113 binary digits, so that differences of it tell a derivative
 * to the last digit of a double:
 *
 *   basin_formula_wide_loss(model, &(formula_point){parameter, state, teacher, input}, &loss, &error);
 *   slope = (double)((loss of x + h - loss of x - h) / ((formula_wide)2 * h));
 *
 * The functions are those of the C library (glibc's expf128 and so on), which know nothing of basin's own.
 */
#ifndef BASIN_FORMULA_WIDE_H
#define BASIN_FORMULA_WIDE_H

#include "formula/interpret.h"

#if defined(__x86_64__)
__extension__ typedef __float128 formula_wide;
#else
typedef long double formula_wide; /* binary128 on machines like aarch64 */
#endif

/* As basin_formula_interpret(), of the loss alone. */
basin_status basin_formula_wide_loss(const formula_model *model, const formula_point *point,
                                     formula_wide *loss, basin_error *error);

#endif
