/* SPDX-License-Identifier: MIT
 *
 * select.h: which cells of an output file are meant, by the options --variant, --where and --cell.
 */
#ifndef BASIN_SELECT_H
#define BASIN_SELECT_H

#include "cli/cli.h"
#include "store/results.h"

typedef struct basin_selection {
  int64_t *cell; /* [cells] numbers of the cells, ascending; at least one */
  int64_t cells;
} basin_selection;

/* The cells that all of the given options leave; without any, all cells. --variant NAME may be given again for more
   variants, --cell 3,5-7 likewise; each --where NAME=VALUE,... narrows. A value is an expression or inf. It means the
   cells whose number is the same to 1e-9; where there are none, those that the table, with its six digits, prints so.
   BASIN_BAD_INPUT where a name is unknown or no cell is left: the reason says what there is. The selection is to be
   freed in any case. */
basin_status basin_select(const basin_arguments *arguments, const basin_results *results,
                          basin_selection *selection, basin_error *error);
void basin_selection_free(basin_selection *selection);

#endif
