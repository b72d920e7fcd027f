/* SPDX-License-Identifier: MIT */
#include "cli/cells.h"
#include "store/results.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

basin_status basin_cells_open(const basin_experiment *e, basin_cells *x, basin_error *error) {
  *x = (basin_cells){.table = {.experiment = e->name,
                               .title = e->title,
                               .version = BASIN_VERSION,
                               .seed = e->seed,
                               .outcomes = &e->outcomes,
                               .cells = e->cells,
                               .cell = calloc((size_t)e->cells, sizeof *x->table.cell)},
                     .name = calloc(BASIN_COLUMNS_MAX, sizeof *x->name)};
  if (!x->table.cell || !x->name) return basin_fail_memory(error);
  const int columns = basin_experiment_columns(e, x->name);
  x->value = calloc((size_t)(e->cells * columns) + 1, sizeof *x->value);
  if (!x->value) return basin_fail_memory(error);
  for (int64_t c = 0; c < e->cells; c++) {
    double *value = x->value + c * columns;
    for (int p = 0; p < columns; p++) value[p] = basin_experiment_column(e, c, p, x->name[p]);
    x->table.spurious |= (e->cell[c].model->outcomes & BASIN_CAN(BASIN_SPURIOUS)) != 0;
    x->table.cell[c] = (basin_summary){
        .index = c,
        .variant = e->cell[c].variant < 0 ? "" : e->variant[e->cell[c].variant],
        .parameters = columns,
        .parameter_name = x->name,
        .parameter = value,
        .steps_median = NAN,
        .steps_mean = NAN,
        .steps_max = -1,
        .steps = basin_no_steps,
        .steps_to = basin_cell_steps_to(&e->cell[c])};
  }
  basin_table_columns(&x->table);
  return BASIN_OK;
}

void basin_cells_close(basin_cells *x) {
  free(x->table.cell);
  free(x->name);
  free(x->value);
  *x = (basin_cells){0};
}

basin_status basin_cells_count(basin_cells *x, const basin_store *store, basin_error *error) {
  for (int64_t c = 0; c < x->table.cells; c++) {
    basin_summary *s = &x->table.cell[c];
    basin_range sum;
    const basin_status status = basin_store_count(store, c, store->target[c], &sum, error);
    if (status) return status;
    s->trials = sum.count;
    s->success = basin_wilson(basin_outcomes_successes(x->table.outcomes, sum.outcomes), sum.count);
    if (sum.count) s->steps_mean = (double)sum.steps / (double)sum.count;
    memcpy(s->outcomes, sum.outcomes, sizeof s->outcomes);
    x->table.missing += store->target[c] - sum.count;
  }
  return BASIN_OK;
}
