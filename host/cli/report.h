/* SPDX-License-Identifier: MIT
 *
 * report.h: tables of success rates, as text and as JSON.
 */
#ifndef BASIN_REPORT_H
#define BASIN_REPORT_H

#include "basin.h"

/* Cells and what is said of them all. */
typedef struct basin_table {
  const char *experiment, *title, *version;
  uint64_t seed;
  int64_t missing; /* trials that should be there and are not */
  int64_t cells;
  basin_summary *cell; /* [cells] */
  int has_variants;
  char show
      [128]; /* [parameters] whether a parameter is a column: it is no function of those before it */
} basin_table;

/* Fills the table from an output file. Close both in any case. */
basin_status basin_table_open(const char *path, basin_results **results, basin_table *table,
                              basin_error *error);
void basin_table_close(basin_results *results, basin_table *table);

/* Decides on the columns, once the cells are filled in. */
void basin_table_columns(basin_table *table);

/* The title, the constants and, where trials are missing, a line that says so. */
void basin_table_title(const basin_table *table);

/* The columns that name a cell: heading and row, without a newline. */
void basin_table_name_heading(const basin_table *table);
void basin_table_name_cell(const basin_table *table, const basin_summary *cell);

/* A row per cell: trials, success rate and interval, outcomes, steps (median and maximum; the mean where the
   median is not known). */
void basin_table_rates(const basin_table *table);

/* The object's members `experiment`, `title`, `seed`, `version`, `missing` (where not 0) and `cells`, without the
   braces around them. */
void basin_table_json(const basin_table *table);

/* Of these all but `cells`, and of each cell `index`, `variant` and `parameters`. */
void basin_table_json_head(const basin_table *table);
void basin_json_cell(const basin_summary *cell);

/* What `refine` has found, below the rates, or the member `refine`; nothing where the experiment does not refine. */
basin_status basin_table_crossings(const basin_results *results, const basin_table *table, int json,
                                   basin_error *error);

/* Text, a number, and a member `name` with an interval's value, low and high, as JSON. */
void basin_json_text(const char *text);
void basin_json_number(double number);
void basin_json_interval(const char *name, const basin_interval *interval);

#endif
