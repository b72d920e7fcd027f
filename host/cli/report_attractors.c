/* SPDX-License-Identifier: MIT
 *
 * report_attractors.c: attractors in the tables of `basin summary`.
 */
#include "cli/csv.h"
#include "cli/report.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 20, NUMBERS_SHOWN = 6 };
static const char AT[] = "attractor_at_";

static const basin_attractor *of(const basin_table *t, int64_t cell, int number) {
  return &t->attractor[cell * t->attractors + number];
}

/* ---- reading ---- */

/* what points are made of: the arrays attractor_at_... */
static basin_status find_parts(basin_results *results, basin_table *t, basin_error *error) {
  basin_array array;
  for (int i = 0, n = basin_results_arrays(results); i < n && t->bys < BASIN_BY_MAX; i++) {
    const basin_status status = basin_results_array(results, i, &array, error);
    if (status) return status;
    if (strncmp(array.name, AT, sizeof AT - 1) != 0 || array.rank > 2) continue;
    struct basin_point_part *part = &t->by[t->bys++];
    snprintf(part->name, sizeof part->name, "%.63s", array.name + sizeof AT - 1);
    part->length = array.rank > 1 ? array.size[1] : 1;
    t->length += part->length;
  }
  return BASIN_OK;
}

/* the points of all attractors of a cell */
static basin_status read_points(basin_results *results, basin_table *t, int64_t cell,
                                basin_error *error) {
  double *to = t->point + cell * t->attractors * t->length;
  double *value = calloc((size_t)(t->attractors * t->length) + 1, sizeof *value);
  basin_status status = value ? BASIN_OK : basin_fail_memory(error);
  char name[sizeof AT + sizeof t->by->name];
  for (int b = 0; b < t->bys && !status; b++) {
    const int64_t wide = t->by[b].length;
    snprintf(name, sizeof name, "%s%s", AT, t->by[b].name);
    status = basin_results_read(results, name, t->cell[cell].index, 0, t->attractors, value, error);
    for (int n = 0; n < t->attractors && !status; n++)
      memcpy(to + n * t->length, value + n * wide, (size_t)wide * sizeof *to);
    to += wide;
  }
  free(value);
  return status;
}

basin_status basin_table_read_attractors(basin_results *results, basin_table *t,
                                         basin_error *error) {
  t->attractors = basin_results_attractors(results);
  if (!t->attractors) return BASIN_OK;
  basin_status status = find_parts(results, t, error);
  const size_t all = (size_t)t->cells * (size_t)t->attractors;
  t->attractor = calloc(all, sizeof *t->attractor);
  t->others = calloc((size_t)t->cells, sizeof *t->others);
  t->point = calloc(all * (size_t)t->length + 1, sizeof *t->point);
  if (!status && (!t->attractor || !t->others || !t->point)) status = basin_fail_memory(error);
  for (int64_t i = 0; i < t->cells && !status; i++) {
    status = basin_results_attractors_of(results, t->cell[i].index,
                                         t->attractor + i * t->attractors, &t->others[i], error);
    if (!status) status = read_points(results, t, i, error);
  }
  return status;
}

void basin_table_free_attractors(basin_table *t) {
  free(t->attractor);
  free(t->others);
  free(t->point);
}

/* ---- as text ---- */

/* entries of a vector that are there: those of a shorter cell end before */
static int64_t entries(const double *value, int64_t length) {
  while (length > 1 && isnan(value[length - 1])) length--;
  return length;
}

void basin_attractor_words(const basin_table *t, int64_t cell, int number,
                           char text[BASIN_POINT_BYTES]) {
  const double *at = t->point + (cell * t->attractors + number) * t->length;
  char whole[1024] = "";
  for (int b = 0; b < t->bys && strlen(whole) < BASIN_POINT_BYTES; at += t->by[b].length, b++) {
    const int64_t n = entries(at, t->by[b].length);
    size_t used = strlen(whole);
    snprintf(whole + used, sizeof whole - used, "%s%s = %s", b ? ", " : "", t->by[b].name,
             n > 1 ? "(" : "");
    for (int64_t i = 0; i < n && i < NUMBERS_SHOWN; i++) {
      used = strlen(whole);
      snprintf(whole + used, sizeof whole - used, "%s%.5g", i ? ", " : "", at[i]);
    }
    used = strlen(whole);
    if (n > 1) snprintf(whole + used, sizeof whole - used, "%s)", n > NUMBERS_SHOWN ? ", ..." : "");
  }
  if (strlen(whole) < BASIN_POINT_BYTES) strcpy(text, whole);
  else snprintf(text, BASIN_POINT_BYTES, "%.*s...", BASIN_POINT_BYTES - 4, whole);
}

/* whether it is one of the most common ones of the cell */
static int is_shown(const basin_table *t, int64_t cell, int number) {
  const int64_t trials = of(t, cell, number)->trials;
  int before = 0;
  for (int n = 0; n < t->attractors; n++) {
    const int64_t there = of(t, cell, n)->trials;
    before += there > trials || (there == trials && n < number);
  }
  return trials > 0 && before < SHOWN_MAX;
}

static int widest_point(const basin_table *t) {
  char text[BASIN_POINT_BYTES];
  int wide = (int)strlen("point");
  for (int64_t i = 0; i < t->cells; i++)
    for (int n = 0; n < t->attractors; n++) {
      if (!is_shown(t, i, n)) continue;
      basin_attractor_words(t, i, n, text);
      if ((int)strlen(text) > wide) wide = (int)strlen(text);
    }
  return wide;
}

static void put_row(const basin_table *t, int64_t cell, int number, int wide) {
  const basin_attractor *x = of(t, cell, number);
  char text[BASIN_POINT_BYTES];
  basin_attractor_words(t, cell, number, text);
  basin_table_name_cell(t, &t->cell[cell]);
  printf("  %9d  %-*s", number, wide, text);
  if (isnan(x->loss)) printf("  %12s", "-");
  else printf("  %12.6g", x->loss);
  printf("  %8lld  %.4f  [%.4f, %.4f]\n", (long long)x->trials, x->share.value, x->share.low,
         x->share.high);
}

void basin_table_attractors(const basin_table *t) {
  int64_t others = 0;
  if (!t->attractors) return;
  const int wide = widest_point(t);
  printf("\nAttractors: where trials came to rest, at the first one's point\n");
  basin_table_name_heading(t);
  printf("  attractor  %-*s  %12s    trials   share  95%% interval\n", wide, "point", "loss");
  for (int64_t i = 0; i < t->cells; i++) {
    int64_t more = 0, trials = 0;
    for (int n = 0; n < t->attractors; n++) {
      if (is_shown(t, i, n)) put_row(t, i, n, wide);
      else more += of(t, i, n)->trials > 0, trials += of(t, i, n)->trials;
    }
    if (more)
      printf("cell %lld: %lld more, with %lld trials together; --json has them all\n",
             (long long)t->cell[i].index, (long long)more, (long long)trials);
    others += t->others[i];
  }
  if (others)
    printf("\n%lld trials rest at points beyond the %d attractors that are told apart: "
           "outcomes.discover.within is too small, or trials end before they are at rest\n",
           (long long)others, BASIN_ATTRACTORS_MAX);
}

/* ---- as JSON and CSV ---- */

static void json_point(const basin_table *t, int64_t cell, int number) {
  const double *at = t->point + (cell * t->attractors + number) * t->length;
  printf("{");
  for (int b = 0; b < t->bys; at += t->by[b].length, b++) {
    printf("%s", b ? ", " : "");
    basin_json_text(t->by[b].name);
    printf(": [");
    for (int64_t i = 0; i < entries(at, t->by[b].length); i++) {
      printf("%s", i ? ", " : "");
      basin_json_number(at[i]);
    }
    printf("]");
  }
  printf("}");
}

void basin_json_attractors(const basin_table *t, int64_t cell) {
  int shown = 0;
  if (!t->attractors) return;
  printf(",\n     \"attractors\": [");
  for (int n = 0; n < t->attractors; n++) {
    const basin_attractor *x = of(t, cell, n);
    if (!x->trials) continue;
    printf("%s\n       {\"number\": %d, \"point\": ", shown++ ? "," : "", n);
    json_point(t, cell, n);
    printf(", \"loss\": ");
    basin_json_number(x->loss);
    printf(", \"trials\": %lld, \"first_trial\": %lld, ", (long long)x->trials,
           (long long)x->first);
    basin_json_interval("share", &(basin_interval){x->share.value, x->share.low, x->share.high});
    printf("}");
  }
  printf("], \"attractors_beyond\": %lld", (long long)t->others[cell]);
}

void basin_csv_attractors(const basin_table *t, int64_t cell) {
  for (int n = 0; n < t->attractors; n++) {
    if (cell < 0) {
      printf(",attractor_%d_trials,attractor_%d_share,attractor_%d_low,attractor_%d_high,"
             "attractor_%d_loss",
             n, n, n, n, n);
      continue;
    }
    const basin_attractor *x = of(t, cell, n);
    const double number[] = {x->share.value, x->share.low, x->share.high, x->loss};
    printf(",%lld", (long long)x->trials);
    for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
      putchar(',');
      basin_csv_number(stdout, number[i]);
    }
  }
}
