/* SPDX-License-Identifier: MIT
 *
 * values.h: the values of one parameter of a grid: a list, a number, or a rule that makes them. values.c has the rules.
 */
#ifndef BASIN_VALUES_H
#define BASIN_VALUES_H

#include "read/scope.h"

/* The values of a node, at most BASIN_CELLS_MAX, allocated into *value, their number into *count: the caller's to free,
   whatever comes of it. For messages, name: of the parameter; what: what they are the values of. */
basin_status basin_values_read(basin_scope *scope, const basin_node *node, const char *name,
                               const char *what, double **value, int *count, basin_error *error);

#endif
