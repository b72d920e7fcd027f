/* SPDX-License-Identifier: MIT
 *
 * command_export.c: basin export. Trials or trajectories as comma-separated values, a block of trials at a time, so
 * that memory does not grow with the number of trials.
 */
#include "cli/cli.h"
#include "cli/csv.h"
#include "cli/opening.h"
#include "cli/request.h"
#include "cli/select.h"
#include "base/files.h"
#include "store/results.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COLUMNS_MAX = 256, BLOCK_VALUES = 1 << 14 };

typedef struct table {
  basin_results *results;
  FILE *to;
  const char *name;                /* of where it goes, for a message */
  int trajectories;                /* a row for each record of a trial, else for each trial */
  int64_t first_cell, first_trial; /* numbers of what stands first in the file */
  int variants, halvings, flow;    /* whether there are any, and a flow time */
  int64_t times;
  const int64_t *time; /* [times] */
  double *eta_t;       /* [times] of the cell */

  /* a block of the cell's trials */
  int64_t trials, block,
      entry; /* of a cell in the file; of a block; values that a column has of a trial */
  double *outcome, *steps, *halved; /* [block] */
  int columns;
  char column[COLUMNS_MAX][96]; /* arrays of the file, the last columns of the table */
  double *value;                /* [columns][block][entry] */
} table;

/* ---- what is there ---- */

/* final values, or what was recorded; and what others have added of the same shape */
static int is_column(const table *t, const basin_array *array) {
  static const char *const own[] = {"outcome", "steps",      "halvings",
                                    "eta_t",   "loss_limit", "passage_level"};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (!strcmp(array->name, own[i])) return 0;
  return array->rank == 1 + t->trajectories && array->size[0] == t->trials &&
         (!t->trajectories || array->size[1] == t->times);
}

static basin_status see_arrays(table *t, basin_error *error) {
  basin_array array;
  basin_status status = basin_results_array_find(t->results, "outcome", &array, error);
  t->trials = t->trajectories ? basin_results_recorded(t->results) : array.size[0];
  for (int i = 0, n = basin_results_arrays(t->results); i < n && !status; i++) {
    status = basin_results_array(t->results, i, &array, error);
    if (status) return status;
    t->halvings |= !strcmp(array.name, "halvings");
    t->flow |= !strcmp(array.name, "eta_t");
    if (is_column(t, &array) && t->columns < COLUMNS_MAX)
      strcpy(t->column[t->columns++], array.name);
  }
  return status;
}

static basin_status open_table(table *t, const char *path, basin_error *error) {
  basin_status status = basin_opening_results(path, &t->results, error);
  if (!status) status = basin_results_first(t->results, &t->first_cell, &t->first_trial, error);
  if (status) return status;
  t->times = basin_results_times(t->results);
  t->time = basin_results_time(t->results);
  t->variants = basin_results_has_variants(t->results);
  if (t->trajectories && !basin_results_recorded(t->results))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: no trajectories: the experiment records none, see record.trials", path);
  status = see_arrays(t, error);
  if (status) return status;
  t->entry = t->trajectories ? t->times : 1;
  t->block = t->entry < BLOCK_VALUES ? BLOCK_VALUES / t->entry : 1;
  t->outcome = calloc((size_t)(3 * t->block), sizeof *t->outcome);
  t->value = calloc((size_t)(t->columns * t->block * t->entry) + 1, sizeof *t->value);
  t->eta_t = calloc((size_t)t->times + 1, sizeof *t->eta_t);
  if (!t->outcome || !t->value || !t->eta_t) return basin_fail_memory(error);
  t->steps = t->outcome + t->block;
  t->halved = t->steps + t->block;
  return BASIN_OK;
}

static void close_table(table *t) {
  free(t->outcome);
  free(t->value);
  free(t->eta_t);
  basin_results_close(t->results);
}

/* ---- rows ---- */

/* the columns that name a cell, or what they are called */
static void put_cell(const table *t, FILE *to, const basin_summary *s, int heading) {
  if (heading) fputs("cell", to);
  else fprintf(to, "%lld", (long long)(t->first_cell + s->index));
  if (t->variants) putc(',', to);
  if (t->variants) basin_csv_text(to, heading ? "variant" : s->variant);
  for (int p = 0; p < basin_results_axes(t->results); p++) {
    putc(',', to);
    if (heading) basin_csv_text(to, s->parameter_name[p]);
    else basin_csv_number(to, s->parameter[p]);
  }
}

static void put_heading(const table *t, const basin_summary *s) {
  put_cell(t, t->to, s, 1);
  fputs(t->trajectories ? ",trial,step" : ",trial,outcome,steps", t->to);
  if (t->trajectories && t->flow) fputs(",eta_t", t->to);
  if (!t->trajectories && t->halvings) fputs(",halvings", t->to);
  for (int c = 0; c < t->columns; c++) {
    putc(',', t->to);
    basin_csv_text(t->to, t->column[c]);
  }
  putc('\n', t->to);
}

/* the last columns: value `at` of trial i of the block; of a passage that has not come nothing */
static void put_columns(const table *t, int64_t i, int64_t at) {
  for (int c = 0; c < t->columns; c++) {
    const double value = t->value[(c * t->block + i) * t->entry + at];
    const int passage = !t->trajectories && !strncmp(t->column[c], "passage_", 8);
    putc(',', t->to);
    basin_csv_number(t->to, passage && value < 0 ? NAN : value);
  }
  putc('\n', t->to);
}

static void put_trial(const table *t, const char *cell, int64_t trial, int64_t i) {
  fprintf(t->to, "%s,%lld,%s,%.0f", cell, (long long)trial,
          basin_results_outcome_name(t->results, (int)t->outcome[i]), t->steps[i]);
  if (t->halvings) fprintf(t->to, ",%.0f", t->halved[i]);
  put_columns(t, i, 0);
}

/* as far as the trial went; one that was halved has been at less than the cell's eta t */
static void put_trajectory(const table *t, const char *cell, int64_t trial, int64_t i) {
  for (int64_t k = 0; k < t->times && (double)t->time[k] <= t->steps[i]; k++) {
    fprintf(t->to, "%s,%lld,%lld", cell, (long long)trial, (long long)t->time[k]);
    if (t->flow) {
      putc(',', t->to);
      basin_csv_number(t->to, ldexp(t->eta_t[k], -(int)t->halved[i]));
    }
    put_columns(t, i, k);
  }
}

static basin_status read_block(table *t, int64_t cell, int64_t first, int64_t count,
                               basin_error *error) {
  basin_results *r = t->results;
  basin_status status = basin_results_read(r, "outcome", cell, first, count, t->outcome, error);
  if (!status) status = basin_results_read(r, "steps", cell, first, count, t->steps, error);
  if (!status && t->halvings)
    status = basin_results_read(r, "halvings", cell, first, count, t->halved, error);
  for (int c = 0; c < t->columns && !status; c++)
    status = basin_results_read(r, t->column[c], cell, first, count,
                                t->value + c * t->block * t->entry, error);
  return status;
}

static basin_status put_rows(table *t, const basin_summary *s, const char *cell,
                             basin_error *error) {
  basin_status status = BASIN_OK;
  if (t->trajectories && t->flow)
    status = basin_results_read(t->results, "eta_t", s->index, 0, t->times, t->eta_t, error);
  for (int64_t at = 0; at < t->trials && !status; at += t->block) {
    if (basin_stop_wish)
      return basin_fail(error, BASIN_INTERRUPTED, "interrupted; %s is not written", t->name);
    const int64_t count = t->trials - at < t->block ? t->trials - at : t->block;
    status = read_block(t, s->index, at, count, error);
    for (int64_t i = 0; i < count && !status; i++) {
      const int64_t trial = t->first_trial + at + i;
      if (!basin_results_outcome_name(t->results, (int)t->outcome[i])) continue; /* no such trial */
      if (t->trajectories) put_trajectory(t, cell, trial, i);
      else put_trial(t, cell, trial, i);
    }
    if (!status && ferror(t->to)) status = basin_fail_system(error, "cannot be written", t->name);
  }
  return status;
}

/* a cell; before the first one the heading */
static basin_status put_whole_cell(table *t, int64_t index, int heading, basin_error *error) {
  basin_summary s;
  char *text = NULL;
  size_t size;
  basin_status status = basin_results_outcomes(t->results, index, &s, error);
  if (status) return status;
  if (heading) put_heading(t, &s);
  FILE *to = open_memstream(&text, &size);
  if (to) put_cell(t, to, &s, 0);
  status = to && !fclose(to) ? put_rows(t, &s, text, error) : basin_fail_memory(error);
  free(text);
  return status;
}

static basin_status put_table(table *t, const basin_selection *cells, basin_error *error) {
  basin_status status = BASIN_OK;
  for (int64_t i = 0; i < cells->cells && !status; i++)
    status = put_whole_cell(t, cells->cell[i], i == 0, error);
  if (!status && fflush(t->to)) status = basin_fail_system(error, "cannot be written", t->name);
  return status;
}

/* ---- where it goes ---- */

/* under a temporary name, and renamed once it is whole */
static basin_status put_file(table *t, const basin_selection *cells, basin_error *error) {
  char temporary[BASIN_PATH_BYTES];
  basin_sweep_path(t->name, 0);
  if (!basin_temporary_name(t->name, temporary))
    return basin_fail(error, BASIN_BAD_INPUT, "%s: the path is too long", t->name);
  t->to = fopen(temporary, "wx");
  if (!t->to) return basin_fail_system(error, "cannot be made", t->name);
  basin_status status = put_table(t, cells, error);
  if (!status && fsync(fileno(t->to)))
    status = basin_fail_system(error, "cannot be written", t->name);
  if (fclose(t->to) && !status) status = basin_fail_system(error, "cannot be written", t->name);
  if (!status) status = basin_publish(temporary, t->name, error);
  if (status) unlink(temporary);
  return status;
}

basin_status basin_command_export(const basin_arguments *a, basin_error *error) {
  const char *path = a->positional[0], *output = basin_argument(a, "output");
  table t = {.to = stdout,
             .name = output ? output : "standard output",
             .trajectories = basin_argument(a, "trajectories") != NULL};
  basin_selection cells = {0};
  basin_status status = output ? basin_opening_output(path, output, error) : BASIN_OK;
  if (!status) status = open_table(&t, path, error);
  if (!status) status = basin_select(a, t.results, &cells, error);
  if (output) basin_catch_signals();
  if (!status) status = output ? put_file(&t, &cells, error) : put_table(&t, &cells, error);
  basin_selection_free(&cells);
  close_table(&t);
  return status;
}
