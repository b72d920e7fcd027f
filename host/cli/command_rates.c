/* SPDX-License-Identifier: MIT
 *
 * command_rates.c: basin rates.
 */
#include "cli/cli.h"
#include "cli/rates_passages.h"
#include "seam/setting.h"
#include "cli/report.h"
#include "store/results.h"
#include "base/statistics.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INTERVAL_BYTES = 64 };

/* the word for a law, as JSON and the table have it; NULL for none */
static const char *law_name(basin_law law) {
  return law == BASIN_POWER ? "power" : law == BASIN_EXPONENTIAL ? "exponential" : NULL;
}

/* ---- JSON ---- */

static void json_cell(const basin_summary *s, const basin_rates *r, int first) {
  const char *better = law_name(r->better);
  printf("%s\n    {", first ? "" : ",");
  basin_json_cell(s);
  printf(",\n     \"trials\": %lld, \"left_out\": %lld, \"window\": [", (long long)r->trials,
         (long long)r->left_out);
  basin_json_number(r->from);
  printf(", ");
  basin_json_number(r->to);
  printf("],\n     ");
  basin_json_interval("slope", &r->slope);
  printf(",\n     ");
  basin_json_interval("rate", &r->rate);
  printf(",\n     ");
  basin_json_interval("local_slope", &r->local);
  printf(",\n     \"residual\": {\"power\": ");
  basin_json_number(r->power_residual);
  printf(", \"exponential\": ");
  basin_json_number(r->exponential_residual);
  printf("}, \"better\": ");
  if (better) basin_json_text(better);
  else printf("null");
  if (*r->reason) {
    printf(", \"reason\": ");
    basin_json_text(r->reason);
  }
  printf("}");
}

static void json_head(const basin_table *t, const char *observable) {
  printf("{\n");
  basin_table_json_head(t);
  printf(",\n  \"observable\": ");
  basin_json_text(observable);
  printf(",\n  \"resamples\": %d,\n  \"cells\": [", BASIN_RESAMPLES);
}

/* ---- the table ---- */

static void table_heading(const basin_table *t, const char *observable) {
  char local[INTERVAL_BYTES];
  snprintf(local, sizeof local, "ln(%.24s)/ln(eta t)", observable);
  basin_table_title(t);
  basin_table_name_heading(t);
  printf("    trials  %-22s  %-28s  %-35s  %-11s  %s\n", "window in eta t", "slope in ln(eta t)",
         "exponential rate", "better", local);
}

static void table_row(const basin_table *t, const basin_summary *s, const basin_rates *r) {
  char window[INTERVAL_BYTES] = "-";
  const char *better = law_name(r->better);
  if (!isnan(r->to)) snprintf(window, sizeof window, "%.6g to %.6g", r->from, r->to);
  basin_table_name_cell(t, s);
  printf("  %8lld  %-22s", (long long)r->trials, window);
  basin_table_interval(&r->slope, 28);
  basin_table_interval(&r->rate, 35);
  printf("  %-11s", better ? better : "-");
  basin_table_interval(&r->local, 0);
  putchar('\n');
}

/* whether trials of more than one outcome are in one mean */
static int is_mixed(const basin_summary *s) {
  int outcomes = 0;
  for (int o = 0; o < BASIN_OUTCOMES_MAX; o++)
    outcomes += o != BASIN_DIVERGED && s->outcomes[o] > 0;
  return outcomes > 1;
}

/* what stands under the table: cells without a fit, and why; trials that were not used */
static void table_notes(const basin_table *t, const basin_rates *rates, int one_outcome) {
  int64_t left_out = 0, cells = 0, single = 0, mixed = 0;
  putchar('\n');
  for (int64_t i = 0; i < t->cells; i++) {
    const basin_rates *r = &rates[i];
    if (*r->reason) printf("cell %lld: %s\n", (long long)t->cell[i].index, r->reason);
    left_out += r->left_out;
    cells += r->left_out > 0;
    single += r->trials == 1;
    mixed += !one_outcome && is_mixed(&t->cell[i]);
  }
  if (left_out)
    printf("%lld recorded trials of %lld cells are left out: diverged, or fewer than 3 records in "
           "the window\n",
           (long long)left_out, (long long)cells);
  if (single) printf("one trial has no interval\n");
  if (mixed)
    printf("trials of %lld cells did not all end alike: --outcome global takes those alone\n",
           (long long)mixed);
  printf("means over trials, with 95%% intervals from %d bootstrap resamples of the trials\n",
         BASIN_RESAMPLES);
}

/* ---- the command ---- */

/* the options that only some of the kinds of rates have: of trajectories, of passages, of the end of the trials */
static basin_status check_options(const basin_arguments *a, basin_error *error) {
  static const struct rule {
    const char *option;
    int lines, passages, final;
  } rules[] = {{"observable", 1, 0, 0}, {"outcome", 1, 0, 1}, {"along", 0, 1, 1},
               {"from", 1, 1, 0},       {"to", 1, 1, 0},      {"passages", 1, 1, 0}};
  const int passages = basin_argument(a, "passages") != NULL,
            final = basin_argument(a, "final") != NULL;
  if (final && !basin_argument(a, "along"))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "rates: --final goes with --along: the grid parameter that it depends on");
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    const struct rule *r = &rules[i];
    if (!basin_argument(a, r->option) || (final ? r->final : passages ? r->passages : r->lines))
      continue;
    return final || passages
               ? basin_fail(error, BASIN_BAD_INPUT, "rates: --%s does not go with --%s", r->option,
                            final ? "final" : "passages")
               : basin_fail(error, BASIN_BAD_INPUT, "rates: --%s goes with --passages or --final",
                            r->option);
  }
  return BASIN_OK;
}

basin_status basin_command_rates(const basin_arguments *a, basin_error *error) {
  const int json = basin_argument(a, "json") != NULL;
  basin_rates_options options = {.observable = basin_argument(a, "observable"),
                                 .outcome = basin_argument(a, "outcome")};
  basin_results *results = NULL;
  basin_rates *rates = NULL;
  basin_table t = {0};
  basin_status status = check_options(a, error);
  if (status) return status;
  if (basin_argument(a, "passages")) return basin_rates_passages(a, error);
  if (basin_argument(a, "final")) return basin_rates_final(a, error);
  status = basin_argument_positive(a, "from", &options.from, error);
  if (!status) status = basin_argument_positive(a, "to", &options.to, error);
  if (!status) status = basin_table_open(a, &results, &t, error);
  if (status) goto cleanup;

  const char *observable = options.observable ? options.observable : "loss";
  rates = calloc((size_t)t.cells, sizeof *rates);
  if (!rates) status = basin_fail_memory(error);
  for (int64_t i = 0; i < t.cells && !status; i++)
    status = basin_results_rates(results, t.cell[i].index, &options, &rates[i], error);
  if (status) goto cleanup;

  if (json) json_head(&t, observable);
  else table_heading(&t, observable);
  for (int64_t i = 0; i < t.cells; i++)
    if (json) json_cell(&t.cell[i], &rates[i], i == 0);
    else table_row(&t, &t.cell[i], &rates[i]);
  if (json) printf("\n  ]\n}\n");
  else table_notes(&t, rates, options.outcome != NULL);

cleanup:
  free(rates);
  basin_table_close(results, &t);
  return status;
}
