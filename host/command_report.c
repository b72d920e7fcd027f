/* SPDX-License-Identifier: MIT
 *
 * command_report.c: basin summary, basin compare.
 */
#include "cli.h"
#include "model.h"
#include "published.h"
#include "results.h"
#include "statistics.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { Z_LIMIT = 3 };

/* ---- numbers and text in JSON and CSV ---- */

static void json_text(const char *text) {
  putchar('"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') printf("\\%c", *text);
    else if ((unsigned char)*text < 32) printf("\\u%04x", *text);
    else putchar(*text);
  }
  putchar('"');
}

static void json_number(double x) {
  if (isfinite(x)) printf("%.17g", x);
  else printf("null");
}

static void csv_text(const char *text) {
  if (!strpbrk(text, ",\"\n")) {
    fputs(text, stdout);
    return;
  }
  putchar('"');
  for (; *text; text++) {
    if (*text == '"') putchar('"');
    putchar(*text);
  }
  putchar('"');
}

/* ---- all cells ---- */

typedef struct table {
  basin_results *results;
  basin_summary *cell;
  int64_t cells;
  int has_variants;
  char show
      [128]; /* [parameters] whether a parameter is a column: it is no function of those before it */
} table;

/* whether the parameter is constant, or the columns shown so far tell its value */
static int is_told(const table *t, int parameter) {
  for (int64_t i = 0; i < t->cells; i++)
    for (int64_t j = 0; j < i && j < 4096; j++) {
      int alike = t->cell[i].parameter[parameter] != t->cell[j].parameter[parameter];
      for (int p = 0; p < parameter && alike; p++)
        if (t->show[p]) alike = t->cell[i].parameter[p] == t->cell[j].parameter[p];
      if (alike) return 0;
    }
  return 1;
}

static basin_status table_open(const char *path, table *t, basin_error *error) {
  memset(t, 0, sizeof *t);
  basin_status status = basin_results_open(path, &t->results, error);
  if (status) return status;
  t->cells = basin_results_cells(t->results);
  t->cell = calloc((size_t)t->cells, sizeof *t->cell);
  if (!t->cell) status = basin_fail_memory(error);
  for (int64_t i = 0; i < t->cells && !status; i++) {
    status = basin_results_summary(t->results, i, &t->cell[i], error);
    t->has_variants |= !status && *t->cell[i].variant;
  }
  for (int p = 0; !status && p < t->cell[0].parameters && p < (int)sizeof t->show; p++)
    t->show[p] = !is_told(t, p);
  return status;
}

static void table_close(table *t) {
  free(t->cell);
  basin_results_close(t->results);
}

/* ---- summary ---- */

static void summary_json(const table *t) {
  printf("{\n  \"experiment\": ");
  json_text(basin_results_experiment(t->results));
  printf(",\n  \"title\": ");
  json_text(basin_results_title(t->results));
  printf(",\n  \"seed\": %llu,\n  \"version\": ",
         (unsigned long long)basin_results_seed(t->results));
  json_text(basin_results_version(t->results));
  printf(",\n  \"cells\": [");
  for (int64_t i = 0; i < t->cells; i++) {
    const basin_summary *s = &t->cell[i];
    printf("%s\n    {\"index\": %lld, \"variant\": ", i ? "," : "", (long long)s->index);
    json_text(s->variant);
    printf(", \"parameters\": {");
    for (int p = 0; p < s->parameters; p++) {
      printf("%s", p ? ", " : "");
      json_text(s->parameter_name[p]);
      printf(": ");
      json_number(s->parameter[p]);
    }
    printf("},\n     \"trials\": %lld, \"outcomes\": {", (long long)s->trials);
    for (int o = 0; o < BASIN_OUTCOMES; o++)
      printf("%s\"%s\": %lld", o ? ", " : "", basin_outcome_name(o), (long long)s->outcomes[o]);
    printf("},\n     \"success\": {\"rate\": ");
    json_number(s->success.rate);
    printf(", \"low\": ");
    json_number(s->success.low);
    printf(", \"high\": ");
    json_number(s->success.high);
    printf("}, \"steps\": {\"median\": ");
    json_number(s->steps_median);
    printf(", \"mean\": ");
    json_number(s->steps_mean);
    printf(", \"max\": %lld}}", (long long)s->steps_max);
  }
  printf("\n  ]\n}\n");
}

static void summary_csv(const table *t) {
  printf("index,variant");
  for (int p = 0; p < t->cell[0].parameters; p++) printf(",%s", t->cell[0].parameter_name[p]);
  printf(",trials");
  for (int o = 0; o < BASIN_OUTCOMES; o++) printf(",%s", basin_outcome_name(o));
  printf(",success,low,high,steps_median,steps_mean,steps_max\n");
  for (int64_t i = 0; i < t->cells; i++) {
    const basin_summary *s = &t->cell[i];
    printf("%lld,", (long long)s->index);
    csv_text(s->variant);
    for (int p = 0; p < s->parameters; p++) printf(",%.17g", s->parameter[p]);
    printf(",%lld", (long long)s->trials);
    for (int o = 0; o < BASIN_OUTCOMES; o++) printf(",%lld", (long long)s->outcomes[o]);
    printf(",%.17g,%.17g,%.17g,%.17g,%.17g,%lld\n", s->success.rate, s->success.low,
           s->success.high, s->steps_median, s->steps_mean, (long long)s->steps_max);
  }
}

/* the columns that name a cell: as wide as they need to be */
static int variant_width(const table *t) {
  int width = 7;
  for (int64_t i = 0; i < t->cells; i++)
    if ((int)strlen(t->cell[i].variant) > width) width = (int)strlen(t->cell[i].variant);
  return width;
}

static void name_heading(const table *t) {
  printf("%4s", "cell");
  if (t->has_variants) printf("  %-*s", variant_width(t), "variant");
  for (int p = 0; p < t->cell[0].parameters; p++)
    if (t->show[p]) printf("  %8s", t->cell[0].parameter_name[p]);
}

static void name_cell(const table *t, const basin_summary *s) {
  printf("%4lld", (long long)s->index);
  if (t->has_variants) printf("  %-*s", variant_width(t), s->variant);
  for (int p = 0; p < s->parameters; p++)
    if (t->show[p]) {
      const int wide = (int)strlen(s->parameter_name[p]);
      printf("  %*.6g", wide > 8 ? wide : 8, s->parameter[p]);
    }
}

static void title(const table *t) {
  printf("%s\n", basin_results_title(t->results));
  for (int p = 0, first = 1; p < t->cell[0].parameters; p++) {
    int constant = 1;
    for (int64_t i = 1; i < t->cells; i++)
      constant &= t->cell[i].parameter[p] == t->cell[0].parameter[p];
    if (constant && !t->show[p])
      printf("%s%s = %.10g", first ? "" : ", ", t->cell[0].parameter_name[p],
             t->cell[0].parameter[p]),
          first = 0;
    if (p == t->cell[0].parameters - 1)
      printf("%sseed %llu\n\n", first ? "" : ", ",
             (unsigned long long)basin_results_seed(t->results));
  }
}

/* cells that share their draws: how often at least one of them reached the global optimum */
static basin_status summary_draws(const table *t, basin_error *error) {
  basin_status status = BASIN_OK;
  int heading = 0;
  for (int64_t i = 0; i < t->cells && !status; i++) {
    int64_t *group, count, trials, any;
    status = basin_results_draw_group(t->results, i, &group, &count, error);
    if (status) return status;
    if (count > 1 && group[0] == i) {
      status = basin_results_any_global(t->results, group, count, &trials, &any, error);
      const basin_rate rate = basin_wilson(any, trials);
      if (!heading++)
        printf("\nDraws of which at least one of the cells that share them is global\n");
      if (!status)
        printf("  cells %lld to %lld (%lld of them): %lld of %lld draws, %.4f [%.4f, %.4f]\n",
               (long long)group[0], (long long)group[count - 1], (long long)count, (long long)any,
               (long long)trials, rate.rate, rate.low, rate.high);
    }
    free(group);
  }
  return status;
}

static basin_status summary_text(const table *t, basin_error *error) {
  int64_t unresolved = 0, diverged = 0, trials = 0;
  title(t);
  name_heading(t);
  printf("    trials  success  95%% interval       spurious  unresolved  diverged  steps: median   "
         "     max\n");
  for (int64_t i = 0; i < t->cells; i++) {
    const basin_summary *s = &t->cell[i];
    name_cell(t, s);
    printf("  %8lld   %.4f  [%.4f, %.4f]  %8lld  %10lld  %8lld  %13.6g  %9lld\n",
           (long long)s->trials, s->success.rate, s->success.low, s->success.high,
           (long long)(s->outcomes[BASIN_SPURIOUS] + s->outcomes[BASIN_STATIONARY]),
           (long long)s->outcomes[BASIN_UNRESOLVED], (long long)s->outcomes[BASIN_DIVERGED],
           s->steps_median, (long long)s->steps_max);
    unresolved += s->outcomes[BASIN_UNRESOLVED];
    diverged += s->outcomes[BASIN_DIVERGED];
    trials += s->trials;
  }
  if (unresolved || diverged)
    printf("\n%lld of %lld trials are unresolved and %lld diverged: they count as not global\n",
           (long long)unresolved, (long long)trials, (long long)diverged);
  return summary_draws(t, error);
}

basin_status basin_command_summary(const basin_arguments *arguments, basin_error *error) {
  table t;
  basin_status status = table_open(arguments->positional[0], &t, error);
  if (!status && basin_argument(arguments, "json")) summary_json(&t);
  else if (!status && basin_argument(arguments, "csv")) summary_csv(&t);
  else if (!status) status = summary_text(&t, error);
  table_close(&t);
  return status;
}

/* ---- compare ---- */

static void compare_row(const table *t, const basin_summary *s, const basin_published_row *row,
                        double z, int csv) {
  if (csv) {
    printf("%lld,", (long long)s->index);
    csv_text(s->variant);
    for (int p = 0; p < s->parameters; p++) printf(",%.17g", s->parameter[p]);
    printf(",%lld,%.17g,%.17g,%.17g,%.*f,%lld,%.17g,%s\n", (long long)s->trials, s->success.rate,
           s->success.low, s->success.high, row->decimals, row->success, (long long)row->trials, z,
           fabs(z) > Z_LIMIT ? "differs" : "agrees");
    return;
  }
  name_cell(t, s);
  printf("  %8lld   %.4f  [%.4f, %.4f]  %9.*f  %+10.4f  %+7.1f  %s\n", (long long)s->trials,
         s->success.rate, s->success.low, s->success.high, row->decimals, row->success,
         s->success.rate - row->success, z, fabs(z) > Z_LIMIT ? "DIFFERS" : "agrees");
}

static basin_status compare(const table *t, const basin_published *published, int csv,
                            basin_error *error) {
  int64_t compared = 0, differ = 0;
  if (csv) {
    printf("index,variant");
    for (int p = 0; p < t->cell[0].parameters; p++) printf(",%s", t->cell[0].parameter_name[p]);
    printf(",trials,success,low,high,published,published_trials,z,verdict\n");
  } else {
    title(t);
    name_heading(t);
    printf("    trials  success  95%% interval       published  difference        z\n");
  }
  for (int64_t i = 0; i < t->cells; i++) {
    const basin_published_row *row = basin_published_find(published, &t->cell[i]);
    if (!row) continue;
    const basin_summary *s = &t->cell[i];
    const double z = basin_z_score(s->success.rate, s->trials, row->success, row->trials,
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
  table t;
  basin_published published = {0};
  basin_status status = table_open(arguments->positional[0], &t, error);
  if (!status) status = basin_published_read(arguments->positional[1], &published, error);
  if (!status) status = compare(&t, &published, basin_argument(arguments, "csv") != NULL, error);
  basin_published_free(&published);
  table_close(&t);
  return status;
}
