/* SPDX-License-Identifier: MIT
 *
 * report_limits.c: networks of infinite width in the tables of `basin summary`, beside what was measured.
 */
#include "cli/csv.h"
#include "cli/report.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

basin_status basin_table_read_limits(basin_results *results, basin_table *t, basin_error *error) {
  basin_status status = BASIN_OK;
  if (!basin_results_has_limits(results)) return BASIN_OK;
  t->limit = calloc((size_t)t->cells + 1, sizeof *t->limit);
  if (!t->limit) return basin_fail_memory(error);
  for (int64_t i = 0; i < t->cells && !status; i++)
    status = basin_results_limit(results, t->cell[i].index, &t->limit[i], error);
  return status;
}

/* how many standard errors the mean of the trials is from the limit */
static double z_of(const basin_limit_values *x) {
  return x->error > 0 ? (x->mean - x->loss_start) / x->error : NAN;
}

static void put(int width, const char *format, double x) {
  char text[32];
  snprintf(text, sizeof text, format, x);
  printf("  %*s", width, isnan(x) ? "-" : text);
}

void basin_table_limits(const basin_table *t) {
  int near = 0;
  if (!t->limit) return;
  printf(
      "\nInfinite width: eigenvalues of the Gram matrix at the start, and the mean loss there\n");
  basin_table_name_heading(t);
  printf("  %10s  %10s  %10s  %10s  %10s  %6s\n", "lambda_0", "lambda_max", "mean loss", "measured",
         "std error", "z");
  for (int64_t i = 0; i < t->cells; i++) {
    const basin_limit_values *x = &t->limit[i];
    basin_table_name_cell(t, &t->cell[i]);
    put(10, "%.6g", x->lambda_0);
    put(10, "%.6g", x->lambda_max);
    put(10, "%.6g", x->loss_start);
    put(10, "%.6g", x->mean);
    put(10, "%.2g", x->error);
    put(6, "%+.1f", z_of(x));
    putchar('\n');
    near |= !x->exact && !isnan(x->loss_start);
  }
  if (near)
    printf("\nwith more than one hidden layer the mean loss is not that of finite widths\n");
  else printf("\nwith one hidden layer this mean loss holds at every width\n");
}

enum { NUMBERS = 6 };
static const char *const name[NUMBERS] = {"lambda_0",        "lambda_max",       "loss_start_limit",
                                          "loss_start_mean", "loss_start_error", "loss_start_z"};
static void numbers_of(const basin_limit_values *x, double number[NUMBERS]) {
  number[0] = x->lambda_0;
  number[1] = x->lambda_max;
  number[2] = x->loss_start;
  number[3] = x->mean;
  number[4] = x->error;
  number[5] = z_of(x);
}

void basin_json_limits(const basin_table *t, int64_t cell) {
  double number[NUMBERS];
  if (!t->limit) return;
  numbers_of(&t->limit[cell], number);
  printf(",\n     \"limit\": {\"loss_start_exact\": %s", t->limit[cell].exact ? "true" : "false");
  for (int i = 0; i < NUMBERS; i++) {
    printf(", \"%s\": ", name[i]);
    basin_json_number(number[i]);
  }
  printf("}");
}

void basin_csv_limits(const basin_table *t, int64_t cell) {
  double number[NUMBERS];
  if (!t->limit) return;
  if (cell >= 0) numbers_of(&t->limit[cell], number);
  for (int i = 0; i < NUMBERS; i++) {
    putchar(',');
    if (cell < 0) printf("%s", name[i]);
    else basin_csv_number(stdout, number[i]);
  }
}
