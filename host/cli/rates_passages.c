/* SPDX-License-Identifier: MIT
 *
 * rates_passages.c: how first passages follow each other, along their levels in every cell, or, each of them, along a
 * parameter of the cells; and how the end of the trials depends on one.
 */
#include "cli/rates_passages.h"
#include "analyse/rates.h"
#include "base/statistics.h"
#include "base/text.h"
#include "cli/plot_axis.h"
#include "cli/report.h"
#include "store/results.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INTERVAL_BYTES = 64, WIDE = 29 };

/* What is printed, and how. */
typedef struct listing {
  basin_results *results;
  basin_table t;
  int json, rows;
  int first, last; /* numbers of passages */
  const char *final,
      *outcome; /* in their place: an observable at the end, of trials that ended so */
  int64_t left_out;
} listing;

/* the end of an object of JSON */
static void show_reason(const basin_passage_rates *r) {
  if (*r->reason) {
    printf(", \"reason\": ");
    basin_json_text(r->reason);
  }
  printf("}");
}

static void show_rates(listing *l, const basin_passage_rates *r) {
  const basin_interval *const all[] = {&r->steps, &r->factor, &r->per_fold, &r->power};
  static const char *const name[] = {"steps", "factor", "per_fold", "power"};
  l->left_out += r->left_out;
  if (!l->json) {
    printf("  %8lld", (long long)r->trials);
    for (int i = 0; i < 4; i++) basin_table_interval(all[i], WIDE);
    printf("%s\n", r->reason);
    return;
  }
  printf(", \"trials\": %lld, \"left_out\": %lld", (long long)r->trials, (long long)r->left_out);
  for (int i = 0; i < 4; i++) {
    printf(",\n     ");
    basin_json_interval(name[i], all[i]);
  }
  show_reason(r);
}

static void show_heading(const char *of, const char *unit, const char *log_of) {
  char steps[INTERVAL_BYTES], factor[INTERVAL_BYTES], fold[INTERVAL_BYTES], power[INTERVAL_BYTES];
  snprintf(steps, sizeof steps, "steps per %.20s", unit);
  snprintf(factor, sizeof factor, "factor per %.20s", unit);
  snprintf(fold, sizeof fold, "steps per e-fold of %.20s", log_of);
  snprintf(power, sizeof power, "power of %.20s", log_of);
  printf("  %-24s    trials  %-*s  %-*s  %-*s  %s\n", of, WIDE, steps, WIDE, factor, WIDE, fold,
         power);
}

/* ---- along the levels ---- */

/* the last passage from `first` on that is of the same observable and direction, up to l->last */
static basin_status find_last(const listing *l, int first, basin_passages *p, int *last,
                              basin_error *error) {
  basin_status status = basin_results_passage(l->results, l->t.cell[0].index, first, p, error);
  for (*last = first; *last < l->last && !status; ++*last) {
    basin_passages next;
    status = basin_results_passage(l->results, l->t.cell[0].index, *last + 1, &next, error);
    if (next.above != p->above || strcmp(next.observable, p->observable) != 0) break;
  }
  return status;
}

static basin_status along_levels(listing *l, basin_error *error) {
  basin_status status = BASIN_OK;
  if (!l->json) {
    basin_table_name_heading(&l->t);
    show_heading("passages", "passage", "the level");
  }
  for (int first = l->first, last; first <= l->last && !status; first = last + 1) {
    basin_passages p;
    status = find_last(l, first, &p, &last, error);
    for (int64_t i = 0; i < l->t.cells && !status; i++) {
      const basin_summary *s = &l->t.cell[i];
      basin_passage_rates rates;
      char words[96];
      status = basin_results_passage_rates(l->results, s->index, first, last, &rates, error);
      if (status) break;
      if (l->json) {
        printf("%s\n    {", l->rows++ ? "," : "");
        basin_json_cell(s);
        printf(",\n     \"first\": %d, \"last\": %d, \"observable\": ", first, last);
        basin_json_text(p.observable);
        printf(", \"direction\": \"%s\"", p.above ? "above" : "below");
      } else {
        snprintf(words, sizeof words, "%d to %d, %s %s", first, last, p.observable,
                 p.above ? "above" : "below");
        basin_table_name_cell(&l->t, s);
        printf("  %-24s", words);
      }
      show_rates(l, &rates);
    }
  }
  return status;
}

/* ---- along a parameter ---- */

/* the cells of a series, with their values of the parameter */
static int64_t gather(const listing *l, const basin_axis *axis, const basin_series *series,
                      int number, int64_t *cell, double *x) {
  int64_t n = 0;
  for (int64_t i = 0; i < l->t.cells; i++) {
    if (series->of[i] != number) continue;
    cell[n] = l->t.cell[i].index;
    x[n++] = l->t.cell[i].parameter[axis->parameter];
  }
  return n;
}

/* as JSON: what a line is along, and of which cells */
static void show_cells(const basin_axis *axis, const char *label, const int64_t *cell,
                       int64_t cells) {
  printf(", \"along\": ");
  basin_json_text(axis->name);
  printf(", \"series\": ");
  basin_json_text(label);
  printf(", \"cells\": [");
  for (int64_t i = 0; i < cells; i++) printf("%s%lld", i ? ", " : "", (long long)cell[i]);
  printf("]");
}

static basin_status one_along(listing *l, const basin_axis *axis, const char *label, int number,
                              const int64_t *cell, const double *x, int64_t cells,
                              basin_error *error) {
  basin_passage_rates rates;
  basin_passages p;
  char words[128];
  basin_status status = basin_results_passage(l->results, cell[0], number, &p, error);
  if (!status)
    status = basin_results_passage_along(l->results, number, cell, x, cells, &rates, error);
  if (status) return status;
  if (l->json) {
    printf("%s\n    {\"number\": %d", l->rows++ ? "," : "", number);
    show_cells(axis, label, cell, cells);
  } else {
    snprintf(words, sizeof words, "%d, %.40s %s%s%.48s", number, p.observable,
             p.above ? "above" : "below", *label ? ", " : "", label);
    printf("  %-24s", words);
  }
  show_rates(l, &rates);
  return BASIN_OK;
}

/* the power of the parameter that an observable is in, of the cells of a series */
static basin_status one_final(listing *l, const basin_axis *axis, const char *label,
                              const int64_t *cell, const double *x, int64_t cells,
                              basin_error *error) {
  basin_passage_rates rates;
  char words[128];
  const basin_status status = basin_results_final_along(l->results, l->final, l->outcome, cell, x,
                                                        cells, &rates, error);
  if (status) return status;
  if (l->json) {
    printf("%s\n    {\"final\": ", l->rows++ ? "," : "");
    basin_json_text(l->final);
    show_cells(axis, label, cell, cells);
    printf(", \"trials\": %lld, \"left_out\": %lld,\n     ", (long long)rates.trials,
           (long long)rates.left_out);
    basin_json_interval("power", &rates.power);
    show_reason(&rates);
    return BASIN_OK;
  }
  l->left_out += rates.left_out;
  snprintf(words, sizeof words, "%.48s%s%.48s", l->final, *label ? ", " : "", label);
  printf("  %-24s  %5lld  %8lld", words, (long long)cells, (long long)rates.trials);
  basin_table_interval(&rates.power, *rates.reason ? WIDE : 0);
  printf("%s\n", rates.reason);
  return BASIN_OK;
}

static basin_status along_parameter(listing *l, const char *name, basin_error *error) {
  const basin_figure of = {.results = l->results, .cell = l->t.cell, .cells = l->t.cells};
  basin_axis axis = {0};
  basin_series *series = calloc(1, sizeof *series);
  int64_t *cell = calloc((size_t)l->t.cells + 1, sizeof *cell);
  double *x = calloc((size_t)l->t.cells + 1, sizeof *x);
  basin_status status = series && cell && x ? BASIN_OK : basin_fail_memory(error);
  if (!status) status = basin_axis_open(&of, name, NULL, "along", &axis, error);
  if (!status) status = basin_series_find(&of, &axis, NULL, BASIN_SERIES_MAX, series, error);
  if (status == BASIN_OUTSIDE)
    status = basin_fail(error, BASIN_BAD_INPUT, "more than %d series of cells: select some",
                        BASIN_SERIES_MAX);
  if (!status && !l->json && l->final)
    printf("  %-24s  cells    trials  power of %s\n", "at the end", name);
  else if (!status && !l->json) show_heading("passage", name, name);
  for (int s = 0; status == BASIN_OK && s < series->count; s++) {
    const int64_t cells = gather(l, &axis, series, s, cell, x);
    if (l->final) status = one_final(l, &axis, series->one[s].label, cell, x, cells, error);
    for (int p = l->first; p <= l->last && !l->final && !status; p++)
      status = one_along(l, &axis, series->one[s].label, p, cell, x, cells, error);
  }
  if (series) basin_series_free(series);
  free(series);
  free(axis.value);
  free(x);
  free(cell);
  return status;
}

basin_status basin_rates_final(const basin_arguments *a, basin_error *error) {
  const char *along = basin_argument(a, "along");
  listing l = {.json = basin_argument(a, "json") != NULL,
               .final = basin_argument(a, "final"),
               .outcome = basin_argument(a, "outcome")};
  char name[BASIN_NAME_LENGTH + 16];
  basin_status status = basin_table_open(a, &l.results, &l.t, error);
  snprintf(name, sizeof name, "final_%.*s", BASIN_NAME_LENGTH, l.final);
  if (!status) /* nothing read yet: says what is wrong with the observable's name */
    status = basin_results_read(l.results, name, 0, 0, 0, NULL, error);
  if (!status && l.json) {
    printf("{\n");
    basin_table_json_head(&l.t);
    printf(",\n  \"resamples\": %d,\n  \"finals\": [", BASIN_RESAMPLES);
  } else if (!status) {
    basin_table_title(&l.t);
  }
  if (!status) status = along_parameter(&l, along, error);
  if (!status && l.json) printf("\n  ]\n}\n");
  if (!status && !l.json && l.left_out)
    printf("\n%lld trials are left out: diverged, or without a number in some cell\n",
           (long long)l.left_out);
  basin_table_close(l.results, &l.t);
  return status;
}

/* ---- the command ---- */

static basin_status read_numbers(const basin_arguments *a, listing *l, basin_error *error) {
  const int passages = basin_results_passages(l->results);
  int64_t first = 1, last = passages;
  if (!passages)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: no passages: the experiment keeps none, see record.passages",
                      a->positional[0]);
  basin_status status = basin_argument_integer(a, "from", 1, passages, &first, error);
  if (!status) status = basin_argument_integer(a, "to", first, passages, &last, error);
  l->first = (int)first;
  l->last = (int)last;
  return status;
}

basin_status basin_rates_passages(const basin_arguments *a, basin_error *error) {
  const char *along = basin_argument(a, "along");
  listing l = {.json = basin_argument(a, "json") != NULL};
  basin_status status = basin_table_open(a, &l.results, &l.t, error);
  if (!status) status = read_numbers(a, &l, error);
  if (!status && l.json) {
    printf("{\n");
    basin_table_json_head(&l.t);
    printf(",\n  \"passages\": [");
  } else if (!status) {
    basin_table_title(&l.t);
  }
  if (!status) status = along ? along_parameter(&l, along, error) : along_levels(&l, error);
  if (!status && l.json) printf("\n  ]\n}\n");
  if (!status && !l.json) {
    if (l.left_out)
      printf("\n%lld trials are left out, as often as they lack a passage\n",
             (long long)l.left_out);
    printf("%sslopes by least squares, with 95%% intervals: `basin rates --help`\n",
           l.left_out ? "" : "\n");
  }
  basin_table_close(l.results, &l.t);
  return status;
}
