/* SPDX-License-Identifier: MIT
 *
 * report_crossings.c: where success crosses a rate, as a table and as JSON.
 */
#include "cli/report.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* what else tells the curve: the other columns of its first cell */
static void show_curve(const basin_table *t, const basin_refinement *r, const basin_summary *s) {
  int told = 0;
  if (t->has_variants) printf("%s", s->variant), told++;
  for (int p = 0; p < s->parameters; p++) {
    if (!t->show[p] || !strcmp(s->parameter_name[p], r->parameter)) continue;
    printf("%s%s = %.10g", told++ ? ", " : "", s->parameter_name[p], s->parameter[p]);
  }
  if (told) printf(": ");
}

/* the row of the cell; NULL where it was not selected */
static const basin_summary *row_of(const basin_table *t, int64_t cell) {
  for (int64_t i = 0; i < t->cells; i++)
    if (t->cell[i].index == cell) return &t->cell[i];
  return NULL;
}

static void show_crossing(const basin_table *t, const basin_refinement *r,
                          const basin_crossing *c) {
  printf("  ");
  show_curve(t, r, row_of(t, c->low_cell));
  if (c->direction)
    printf("%s = %.6g [%.10g, %.10g], success %s there", r->parameter, c->at, c->low, c->high,
           c->direction > 0 ? "rises" : "falls");
  switch (c->status) {
  case BASIN_CROSSING_FOUND:
    break;
  case BASIN_CROSSING_WIDE:
    printf("; WIDE: points in between cannot be told from it with the trials allowed");
    break;
  case BASIN_CROSSING_ABOVE:
  case BASIN_CROSSING_BELOW:
    printf("no crossing, success is %s it at every point",
           c->status == BASIN_CROSSING_ABOVE ? "above" : "below");
    break;
  case BASIN_CROSSING_UNTOLD:
    printf("no crossing seen; UNTOLD: some points cannot be told from it with the trials allowed");
    break;
  case BASIN_CROSSING_UNFINISHED:
    printf("%sUNFINISHED", c->direction ? "; " : "");
    break;
  }
  putchar('\n');
}

static void json_crossing(const basin_crossing *c, int first) {
  printf("%s\n      {\"status\": \"%s\", \"at\": ", first ? "" : ",",
         basin_crossing_status_name((int)c->status));
  basin_json_number(c->at);
  printf(", \"low\": ");
  basin_json_number(c->low);
  printf(", \"high\": ");
  basin_json_number(c->high);
  printf(", \"low_cell\": %lld, \"high_cell\": %lld, \"direction\": %d}", (long long)c->low_cell,
         (long long)c->high_cell, c->direction);
}

static void head(const basin_refinement *r, int json) {
  if (!json) {
    printf("\nWhere success crosses %g, known to %g%s, with 95%% interval:\n", r->where,
           r->relative ? 100 * r->to : r->to, r->relative ? "%" : "");
    return;
  }
  printf(",\n  \"refine\": {\"parameter\": ");
  basin_json_text(r->parameter);
  printf(", \"to\": ");
  basin_json_number(r->to);
  printf(", \"relative\": %s, \"where\": ", r->relative ? "true" : "false");
  basin_json_number(r->where);
  printf(", \"max_trials\": %lld, \"grid_cells\": %lld,\n    \"crossings\": [",
         (long long)r->max_trials, (long long)r->grid_cells);
}

basin_status basin_table_crossings(const basin_results *results, const basin_table *t, int json,
                                   basin_error *error) {
  basin_refinement r;
  basin_crossing c;
  int shown = 0;
  if (!basin_results_refinement(results, &r)) return BASIN_OK;
  if (json) head(&r, 1);
  for (int64_t i = 0; i < r.crossings; i++) {
    const basin_status status = basin_results_crossing(results, i, &c, error);
    if (status) return status;
    if (!row_of(t, c.low_cell) || !row_of(t, c.high_cell)) continue;
    if (!json && !shown) head(&r, 0);
    if (json) json_crossing(&c, !shown);
    else show_crossing(t, &r, &c);
    shown++;
  }
  if (json) printf("\n    ]}");
  else if (shown && basin_results_cells(results) > r.grid_cells)
    printf("  (cells %lld to %lld were added for it)\n", (long long)r.grid_cells,
           (long long)basin_results_cells(results) - 1);
  return BASIN_OK;
}
