/* SPDX-License-Identifier: MIT
 *
 * command_report.c: basin summary, basin compare.
 */
#include "cli/cli.h"
#include "seam/setting.h"
#include "cli/csv.h"
#include "cli/published.h"
#include "cli/report.h"
#include "store/results.h"
#include "base/statistics.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { Z_LIMIT = 3 };

static void csv_numbers(const double *number, int count) {
  for (int i = 0; i < count; i++) {
    putchar(',');
    basin_csv_number(stdout, number[i]);
  }
}

/* ---- summary ---- */

static void summary_csv(const basin_table *t) {
  if (t->missing) printf("# partial: %lld trials are missing\n", (long long)t->missing);
  printf("index,variant");
  for (int p = 0; p < t->cell[0].parameters; p++) printf(",%s", t->cell[0].parameter_name[p]);
  printf(",trials");
  const int outcomes = t->outcomes->count;
  for (int o = 0; o < outcomes; o++) printf(",%s", t->outcomes->name[o]);
  printf(",success,low,high,steps_median,steps_mean,steps_max,halved,steps_until");
  for (int o = 0; o < outcomes; o++)
    for (int i = 0; i < BASIN_STEPS_NUMBERS; i++)
      printf(",steps_%s_%s", t->outcomes->name[o], basin_steps_name[i]);
  basin_csv_passages(t, -1);
  basin_csv_attractors(t, -1);
  basin_csv_limits(t, -1);
  putchar('\n');
  for (int64_t i = 0; i < t->cells; i++) {
    const basin_summary *s = &t->cell[i];
    printf("%lld,", (long long)s->index);
    basin_csv_text(stdout, s->variant);
    csv_numbers(s->parameter, s->parameters);
    printf(",%lld", (long long)s->trials);
    for (int o = 0; o < outcomes; o++) printf(",%lld", (long long)s->outcomes[o]);
    csv_numbers((const double[]){s->success.value, s->success.low, s->success.high, s->steps_median,
                                 s->steps_mean},
                5);
    printf(",%lld,%lld,%s", (long long)s->steps_max, (long long)(s->halved > 0 ? s->halved : 0),
           basin_steps_word(s->steps_to));
    for (int o = 0; o < outcomes; o++) {
      double number[BASIN_STEPS_NUMBERS];
      basin_steps_numbers(&s->steps[o], number);
      csv_numbers(number, BASIN_STEPS_NUMBERS);
    }
    basin_csv_passages(t, i);
    basin_csv_attractors(t, i);
    basin_csv_limits(t, i);
    putchar('\n');
  }
}

/* of a group of cells those that are in the table */
static int64_t keep_shown(const basin_table *t, int64_t *group, int64_t count) {
  int64_t kept = 0, row = 0;
  for (int64_t j = 0; j < count; j++) {
    while (row < t->cells && t->cell[row].index < group[j]) row++;
    if (row < t->cells && t->cell[row].index == group[j]) group[kept++] = group[j];
  }
  return kept;
}

/* cells that share their draws: how often at least one of them reached the global optimum */
static basin_status summary_draws(basin_results *results, const basin_table *t,
                                  basin_error *error) {
  basin_status status = BASIN_OK;
  int heading = 0;
  for (int64_t i = 0; i < t->cells && !status; i++) {
    int64_t *group, count, trials, any;
    status = basin_results_draw_group(results, t->cell[i].index, &group, &count, error);
    if (status) return status;
    count = keep_shown(t, group, count);
    if (count > 1 && group[0] == t->cell[i].index) {
      status = basin_results_any_global(results, group, count, &trials, &any, error);
      const basin_proportion any_global = basin_wilson(any, trials);
      if (!heading++)
        printf("\nDraws of which at least one of the cells that share them is %s\n",
               basin_outcomes_success_word(t->outcomes));
      printf("  cells");
      for (int64_t j = 0; j < count; j++) printf("%s%lld", j ? ", " : " ", (long long)group[j]);
      printf(": %lld of %lld draws, %.4f [%.4f, %.4f]\n", (long long)any, (long long)trials,
             any_global.value, any_global.low, any_global.high);
    }
    free(group);
  }
  return status;
}

typedef enum style { TEXT, JSON, CSV } style;

static void pair_row(style style, int first, const int64_t cell[2], int64_t trials,
                     const int64_t only[2]) {
  const basin_interval d = basin_paired_difference(only, trials);
  const long long c[2] = {cell[0], cell[1]}, n = trials, o[2] = {only[0], only[1]};
  if (style == CSV) {
    printf("%lld,%lld,%lld,%lld,%lld", c[0], c[1], n, o[0], o[1]);
    csv_numbers((const double[]){d.value, d.low, d.high}, 3);
    putchar('\n');
  } else if (style == JSON) {
    printf("%s\n    {\"cells\": [%lld, %lld], \"draws\": %lld, \"only\": [%lld, %lld], ",
           first ? "" : ",", c[0], c[1], n, o[0], o[1]);
    basin_json_interval("difference", &d);
    printf("}");
  } else if (n) {
    printf("%6lld  %6lld  %9lld  %10lld  %10lld     %+.4f  [%+.4f, %+.4f]\n", c[0], c[1], n, o[0],
           o[1], d.value, d.low, d.high);
  }
}

/* every two cells that share their draws: the difference of their success rates */
static basin_status summary_pairs(basin_results *results, const basin_table *t, style style,
                                  basin_error *error) {
  basin_status status = BASIN_OK;
  int rows = 0;
  if (style == CSV) printf("first,second,draws,only_first,only_second,difference,low,high\n");
  if (style == JSON) printf(",\n  \"pairs\": [");
  for (int64_t i = 0; i < t->cells && !status; i++)
    for (int64_t j = i + 1; j < t->cells && !status; j++) {
      const int64_t cell[2] = {t->cell[i].index, t->cell[j].index};
      int64_t trials, only[2];
      if (basin_results_draw(results, cell[0]) != basin_results_draw(results, cell[1])) continue;
      status = basin_results_pair(results, cell, &trials, only, error);
      if (!rows && style == TEXT)
        printf("\nDifferences between the success rates of cells that share their draws\n"
               " first  second      draws  first only second only  difference  95%% interval\n");
      if (!status) pair_row(style, !rows++, cell, trials, only);
    }
  if (style == JSON) printf("%s]", rows ? "\n  " : "");
  if (!rows && style == TEXT) printf("\nno two cells share their draws: see same_draw\n");
  return status;
}

basin_status basin_command_summary(const basin_arguments *arguments, basin_error *error) {
  basin_results *results = NULL;
  basin_table t;
  const int json = basin_argument(arguments, "json") != NULL,
            csv = basin_argument(arguments, "csv") != NULL,
            pairs = basin_argument(arguments, "pairs") != NULL;
  const style style = json ? JSON : csv ? CSV : TEXT;
  if (json && csv) return basin_fail(error, BASIN_BAD_INPUT, "summary: --json or --csv, not both");
  basin_status status = basin_table_open(arguments, &results, &t, error);
  if (!status && (style != CSV || !pairs)) status = basin_table_read_passages(results, &t, error);
  if (!status && (style != CSV || !pairs)) status = basin_table_read_attractors(results, &t, error);
  if (!status && (style != CSV || !pairs)) status = basin_table_read_limits(results, &t, error);
  if (!status && style == JSON) {
    printf("{\n");
    basin_table_json(&t);
    status = basin_table_crossings(results, &t, 1, error);
  } else if (!status && style == CSV && !pairs) {
    summary_csv(&t);
  } else if (!status && style == TEXT) {
    basin_table_title(&t);
    basin_table_rates(&t);
    basin_table_steps(&t);
    basin_table_passages(&t);
    basin_table_attractors(&t);
    basin_table_limits(&t);
    status = basin_table_crossings(results, &t, 0, error);
    if (!status) status = summary_draws(results, &t, error);
  }
  if (!status && pairs) status = summary_pairs(results, &t, style, error);
  if (!status && style == JSON) printf("\n}\n");
  basin_table_close(results, &t);
  return status;
}

/* ---- compare ---- */

static void compare_row(const basin_table *t, const basin_summary *s,
                        const basin_published_row *row, double z, int csv) {
  if (csv) {
    printf("%lld,", (long long)s->index);
    basin_csv_text(stdout, s->variant);
    csv_numbers(s->parameter, s->parameters);
    printf(",%lld", (long long)s->trials);
    csv_numbers((const double[]){s->success.value, s->success.low, s->success.high}, 3);
    printf(",%.*f,%lld", row->decimals, row->success, (long long)row->trials);
    csv_numbers(&z, 1);
    printf(",%s\n", fabs(z) > Z_LIMIT ? "differs" : "agrees");
    return;
  }
  basin_table_name_cell(t, s);
  printf("  %8lld   %.4f  [%.4f, %.4f]  %9.*f  %+10.4f  %+7.1f  %s\n", (long long)s->trials,
         s->success.value, s->success.low, s->success.high, row->decimals, row->success,
         s->success.value - row->success, z, fabs(z) > Z_LIMIT ? "DIFFERS" : "agrees");
}

static basin_status compare(const basin_table *t, const basin_published *published, int csv,
                            basin_error *error) {
  int64_t compared = 0, differ = 0;
  if (csv) {
    if (t->missing) printf("# partial: %lld trials are missing\n", (long long)t->missing);
    printf("index,variant");
    for (int p = 0; p < t->cell[0].parameters; p++) printf(",%s", t->cell[0].parameter_name[p]);
    printf(",trials,success,low,high,published,published_trials,z,verdict\n");
  } else {
    basin_table_title(t);
    basin_table_name_heading(t);
    printf("    trials  success  95%% interval       published  difference        z\n");
  }
  for (int64_t i = 0; i < t->cells; i++) {
    const basin_published_row *row = basin_published_find(published, &t->cell[i]);
    if (!row) continue;
    const basin_summary *s = &t->cell[i];
    if (!s->trials) continue; /* of a partial file: nothing to compare */
    const double z = basin_z_score(s->success.value, s->trials, row->success, row->trials,
                                   0.5 * pow(10, -row->decimals));
    compare_row(t, s, row, z, csv);
    compared++;
    differ += fabs(z) > Z_LIMIT;
  }
  if (!compared)
    return basin_fail(
        error, BASIN_BAD_INPUT,
        "%s: no row names a cell of the output; its columns must be `variant` or parameters of it",
        published->path);
  if (csv) return BASIN_OK;
  printf("\n%lld of %lld cells with a published value agree with it; %lld differ (|z| > %d)",
         (long long)(compared - differ), (long long)compared, (long long)differ, Z_LIMIT);
  if (compared < t->cells) printf("; %lld cells have none", (long long)(t->cells - compared));
  printf("\n");
  for (int i = 0; i < published->notes; i++) printf("%s\n", published->note[i]);
  return BASIN_OK;
}

basin_status basin_command_compare(const basin_arguments *arguments, basin_error *error) {
  basin_results *results = NULL;
  basin_table t;
  basin_published published = {0};
  basin_status status = basin_table_open(arguments, &results, &t, error);
  if (!status) status = basin_published_read(arguments->positional[1], &published, error);
  if (!status) status = compare(&t, &published, basin_argument(arguments, "csv") != NULL, error);
  basin_published_free(&published);
  basin_table_close(results, &t);
  return status;
}
