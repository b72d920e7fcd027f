/* SPDX-License-Identifier: MIT
 *
 * report.h: tables of success rates, as text and as JSON.
 */
#ifndef BASIN_REPORT_H
#define BASIN_REPORT_H

#include "cli/cli.h"
#include "model/outcomes.h"
#include "read/discover.h"
#include "store/results.h"

/* Cells and what is said of them all. */
typedef struct basin_table {
  const char *experiment, *title, *version;
  uint64_t seed;
  const basin_outcomes *outcomes; /* what is told of the trials' ends */
  int spurious; /* whether there is a column of spurious ones: a model can have them, or a trial did */
  int64_t missing; /* trials that should be there and are not */
  int64_t cells;
  basin_summary *cell; /* [cells] */
  int has_variants;
  int has_steps;           /* whether steps are known by their outcome; else only the mean of all */
  int passages;            /* once basin_table_read_passages() has counted them */
  basin_passages *passage; /* [cells][passages] */
  int attractors;          /* once basin_table_read_attractors() has read them */
  basin_attractor *attractor; /* [cells][attractors] */
  int64_t *others;            /* [cells] trials beyond them */
  int bys;                    /* what their points are made of */
  struct basin_point_part {
    char name[64];
    int64_t length; /* numbers */
  } by[BASIN_BY_MAX];
  int64_t length;            /* of a point */
  double *point;             /* [cells][attractors][length] */
  basin_limit_values *limit; /* [cells] once basin_table_read_limits() has read them, or NULL */
  char show
      [128]; /* [parameters] whether a parameter is a column: it is no function of those before it */
} basin_table;

/* Fills the table from the output file that is the first argument, with the cells that its options select (select.h).
   Close both in any case. */
basin_status basin_table_open(const basin_arguments *arguments, basin_results **results,
                              basin_table *table, basin_error *error);
void basin_table_close(basin_results *results, basin_table *table);

/* Decides on the columns, once the cells are filled in. */
void basin_table_columns(basin_table *table);

/* The title, the constants and, where trials are missing, a line that says so. */
void basin_table_title(const basin_table *table);

/* The columns that name a cell: heading and row, without a newline. */
void basin_table_name_heading(const basin_table *table);
void basin_table_name_cell(const basin_table *table, const basin_summary *cell);

/* Columns that a table has only where a trial ended so: those of all outcomes but global, spurious, unresolved and
   diverged. Which a cell needs, or-ed BASIN_CAN(); their headings; their numbers in a row. */
unsigned basin_table_rare(const int64_t outcomes[BASIN_OUTCOMES_MAX]);
void basin_table_rare_heading(const basin_table *table, unsigned rare);
void basin_table_rare_row(const basin_table *table, unsigned rare,
                          const int64_t outcomes[BASIN_OUTCOMES_MAX]);

/* A row per cell: trials, success rate and interval, outcomes; the mean of the steps where no more is known of them. */
void basin_table_rates(const basin_table *table);

/* A row per cell of a table that has steps: for every outcome that is there, global first, the median of the steps with
   its interval, and the largest number. The heading says whether they count until the outcome was reached or proved. */
void basin_table_steps(const basin_table *table);

/* A column, two blanks before it: a value with its interval, the value where that has none, or "-". */
void basin_table_interval(const basin_interval *interval, int width);

/* The interval of a median of steps, "[250, 256]", or "-" where there is none. */
void basin_steps_interval(const basin_steps *steps, char *text, size_t size);

/* "reached", "proved" or "unknown" */
const char *basin_steps_word(basin_steps_to to);

/* What CSV and JSON say of the steps of an outcome, and the names of these numbers; NaN for what is not there. */
enum { BASIN_STEPS_NUMBERS = 5 };
extern const char *const basin_steps_name[BASIN_STEPS_NUMBERS];
void basin_steps_numbers(const basin_steps *steps, double number[BASIN_STEPS_NUMBERS]);

/* The object's members `experiment`, `title`, `seed`, `version`, `missing` (where not 0) and `cells`, without the
   braces around them. */
void basin_table_json(const basin_table *table);

/* Of these all but `cells`, and of each cell `index`, `variant` and `parameters`. */
void basin_table_json_head(const basin_table *table);
void basin_json_cell(const basin_summary *cell);

/* What `refine` has found, below the rates, or the member `refine`; nothing where the experiment does not refine. */
basin_status basin_table_crossings(const basin_results *results, const basin_table *table, int json,
                                   basin_error *error);

/* The passages of every cell, [cells][passages], which the caller frees in any case. */
basin_status basin_passages_count(basin_results *results, const basin_summary *cell, int64_t cells,
                                  int *passages, basin_passages **passage, basin_error *error);

/* Counts the passages that the file keeps; a row for each passage of each cell below the steps; the member `passages`
   of a cell of the table, with the comma before it; its columns of CSV, or with -1 their names. */
basin_status basin_table_read_passages(basin_results *results, basin_table *table,
                                       basin_error *error);
void basin_table_passages(const basin_table *table);
void basin_json_passages(const basin_table *table, int64_t cell);
void basin_csv_passages(const basin_table *table, int64_t cell);

/* Reads what theory says of networks of infinite width, of a file that has it; a row for each cell; the member `limit`
   of a cell, with the comma before it; its columns of CSV, or with -1 their names. */
basin_status basin_table_read_limits(basin_results *results, basin_table *table,
                                     basin_error *error);
void basin_table_limits(const basin_table *table);
void basin_json_limits(const basin_table *table, int64_t cell);
void basin_csv_limits(const basin_table *table, int64_t cell);

/* Reads the attractors of the cells, of a file that has any; a row for each one of each cell below the steps, of the
   twenty most common ones; the member `attractors` of a cell of the table, with the comma before it; its columns of
   CSV, or with -1 their names. What has been read basin_table_close() frees; of a table that was not opened
   basin_table_free_attractors(). */
basin_status basin_table_read_attractors(basin_results *results, basin_table *table,
                                         basin_error *error);
void basin_table_free_attractors(basin_table *table);
void basin_table_attractors(const basin_table *table);
/* Where one of a cell is, in few words: "x = 3, w = (0.1, 0.25, ...)". */
enum { BASIN_POINT_BYTES = 64 };
void basin_attractor_words(const basin_table *table, int64_t cell, int number,
                           char text[BASIN_POINT_BYTES]);
void basin_json_attractors(const basin_table *table, int64_t cell);
void basin_csv_attractors(const basin_table *table, int64_t cell);

/* Text, a number, and a member `name` with an interval's value, low and high, as JSON. */
void basin_json_text(const char *text);
void basin_json_number(double number);
void basin_json_interval(const char *name, const basin_interval *interval);

#endif
