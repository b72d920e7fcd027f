/* SPDX-License-Identifier: MIT */
#include "cli/report.h"
#include "base/text.h"
#include "cli/opening.h"
#include "cli/select.h"
#include "seam/setting.h"
#include "store/results.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON ---- */

void basin_json_text(const char *text) {
  putchar('"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') printf("\\%c", *text);
    else if ((unsigned char)*text < 32) printf("\\u%04x", *text);
    else putchar(*text);
  }
  putchar('"');
}

void basin_json_number(double x) { fputs(isfinite(x) ? basin_exact(x).text : "null", stdout); }

void basin_json_interval(const char *name, const basin_interval *i) {
  printf("\"%s\": {\"value\": ", name);
  basin_json_number(i->value);
  printf(", \"low\": ");
  basin_json_number(i->low);
  printf(", \"high\": ");
  basin_json_number(i->high);
  printf("}");
}

/* ---- all cells of a file ---- */

basin_status basin_table_open(const basin_arguments *arguments, basin_results **results,
                              basin_table *t, basin_error *error) {
  basin_selection selection;
  memset(t, 0, sizeof *t);
  basin_status status = basin_opening_results(arguments->positional[0], results, error);
  if (status) return status;
  status = basin_select(arguments, *results, &selection, error);
  t->experiment = basin_results_experiment(*results);
  t->title = basin_results_title(*results);
  t->version = basin_results_version(*results);
  t->seed = basin_results_seed(*results);
  t->outcomes = basin_results_outcomes_of(*results);
  t->spurious = (basin_results_can(*results) & BASIN_CAN(BASIN_SPURIOUS)) != 0;
  t->missing = basin_results_missing(*results);
  t->cells = selection.cells;
  t->has_steps = 1;
  t->cell = calloc((size_t)t->cells, sizeof *t->cell);
  if (!t->cell && !status) status = basin_fail_memory(error);
  for (int64_t i = 0; i < t->cells && !status; i++)
    status = basin_results_summary(*results, selection.cell[i], &t->cell[i], error);
  if (!status) basin_table_columns(t);
  basin_selection_free(&selection);
  return status;
}

void basin_table_close(basin_results *results, basin_table *t) {
  free(t->cell);
  free(t->passage);
  free(t->limit);
  basin_table_free_attractors(t);
  basin_results_close(results);
}

/* ---- columns ---- */

/* whether the parameter is constant, or the columns shown so far tell its value */
static int is_told(const basin_table *t, int parameter) {
  for (int64_t i = 0; i < t->cells; i++)
    for (int64_t j = 0; j < i && j < 4096; j++) {
      int alike = t->cell[i].parameter[parameter] != t->cell[j].parameter[parameter];
      for (int p = 0; p < parameter && alike; p++)
        if (t->show[p]) alike = t->cell[i].parameter[p] == t->cell[j].parameter[p];
      if (alike) return 0;
    }
  return 1;
}

void basin_table_columns(basin_table *t) {
  t->has_variants = 0;
  for (int64_t i = 0; i < t->cells; i++) t->has_variants |= *t->cell[i].variant != 0;
  for (int p = 0; p < t->cell[0].parameters && p < (int)sizeof t->show; p++)
    t->show[p] = (char)!is_told(t, p);
}

/* the columns that name a cell: as wide as they need to be */
static int variant_width(const basin_table *t) {
  int width = 7;
  for (int64_t i = 0; i < t->cells; i++)
    if ((int)strlen(t->cell[i].variant) > width) width = (int)strlen(t->cell[i].variant);
  return width;
}

void basin_table_name_heading(const basin_table *t) {
  printf("%4s", "cell");
  if (t->has_variants) printf("  %-*s", variant_width(t), "variant");
  for (int p = 0; p < t->cell[0].parameters; p++)
    if (t->show[p]) printf("  %8s", t->cell[0].parameter_name[p]);
}

void basin_table_name_cell(const basin_table *t, const basin_summary *s) {
  printf("%4lld", (long long)s->index);
  if (t->has_variants) printf("  %-*s", variant_width(t), s->variant);
  for (int p = 0; p < s->parameters; p++)
    if (t->show[p]) {
      const int wide = (int)strlen(s->parameter_name[p]);
      printf("  %*.6g", wide > 8 ? wide : 8, s->parameter[p]);
    }
}

void basin_table_title(const basin_table *t) {
  printf("%s\n", t->title);
  for (int p = 0; p < t->cell[0].parameters; p++) {
    int constant = !t->show[p];
    for (int64_t i = 1; i < t->cells; i++)
      constant &= t->cell[i].parameter[p] == t->cell[0].parameter[p];
    if (constant) printf("%s = %.10g, ", t->cell[0].parameter_name[p], t->cell[0].parameter[p]);
  }
  printf("seed %llu\n", (unsigned long long)t->seed);
  if (t->missing)
    printf(
        "PARTIAL: %lld trials are missing; the rates are those of the trials that are there, and "
        "parts whose trials end early are there first\n",
        (long long)t->missing);
  putchar('\n');
}

/* ---- rates ---- */

unsigned basin_table_rare(const int64_t outcomes[BASIN_OUTCOMES_MAX]) {
  const unsigned common = BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_SPURIOUS) |
                          BASIN_CAN(BASIN_UNRESOLVED) | BASIN_CAN(BASIN_DIVERGED);
  unsigned rare = 0;
  for (int o = 0; o < BASIN_OUTCOMES_MAX; o++)
    if (outcomes[o] > 0) rare |= BASIN_CAN(o);
  return rare & ~common;
}

/* a column of counts: as wide as its heading */
static int rare_width(const char *name) { return strlen(name) > 10 ? (int)strlen(name) : 10; }

void basin_table_rare_heading(const basin_table *t, unsigned rare) {
  for (int o = 0; o < t->outcomes->count; o++)
    if (rare & BASIN_CAN(o)) printf("  %10s", t->outcomes->name[o]);
}

void basin_table_rare_row(const basin_table *t, unsigned rare,
                          const int64_t outcomes[BASIN_OUTCOMES_MAX]) {
  for (int o = 0; o < t->outcomes->count; o++)
    if (rare & BASIN_CAN(o))
      printf("  %*lld", rare_width(t->outcomes->name[o]), (long long)outcomes[o]);
}

void basin_table_rates(const basin_table *t) {
  int64_t unresolved = 0, diverged = 0, halved = 0, trials = 0;
  unsigned rare = 0;
  int spurious = t->spurious;
  for (int64_t i = 0; i < t->cells; i++) rare |= basin_table_rare(t->cell[i].outcomes);
  for (int64_t i = 0; i < t->cells; i++) spurious |= t->cell[i].outcomes[BASIN_SPURIOUS] > 0;
  basin_table_name_heading(t);
  printf("    trials  success  95%% interval  %s", spurious ? "     spurious" : "  ");
  basin_table_rare_heading(t, rare);
  printf("  unresolved  diverged%s\n", t->has_steps ? "" : "  mean steps");
  for (int64_t i = 0; i < t->cells; i++) {
    const basin_summary *s = &t->cell[i];
    basin_table_name_cell(t, s);
    if (!s->trials) {
      printf("  %8d        -  [0.0000, 1.0000]\n", 0);
      continue;
    }
    printf("  %8lld   %.4f  [%.4f, %.4f]", (long long)s->trials, s->success.value, s->success.low,
           s->success.high);
    if (spurious) printf("  %8lld", (long long)s->outcomes[BASIN_SPURIOUS]);
    basin_table_rare_row(t, rare, s->outcomes);
    printf("  %10lld  %8lld", (long long)s->outcomes[BASIN_UNRESOLVED],
           (long long)s->outcomes[BASIN_DIVERGED]);
    if (!t->has_steps) printf("  %10.6g", s->steps_mean);
    putchar('\n');
    unresolved += s->outcomes[BASIN_UNRESOLVED];
    diverged += s->outcomes[BASIN_DIVERGED];
    if (s->halved > 0) halved += s->halved;
    trials += s->trials;
  }
  if (unresolved || diverged)
    printf("\n%lld of %lld trials are unresolved and %lld diverged: they count as not %s\n",
           (long long)unresolved, (long long)trials, (long long)diverged,
           basin_outcomes_success_word(t->outcomes));
  if (halved)
    printf("%s%lld of %lld trials diverged at first and began again with half the step sizes, or "
           "less\n",
           unresolved || diverged ? "" : "\n", (long long)halved, (long long)trials);
}

/* ---- steps ---- */

const char *const basin_steps_name[BASIN_STEPS_NUMBERS] = {"median", "low", "high", "mean", "max"};

void basin_steps_numbers(const basin_steps *s, double number[BASIN_STEPS_NUMBERS]) {
  const double all[] = {s->median, s->low, s->high, s->mean, s->max < 0 ? NAN : (double)s->max};
  memcpy(number, all, sizeof all);
}

const char *basin_steps_word(basin_steps_to to) {
  static const char *const word[] = {"unknown", "reached", "proved"};
  return word[to - BASIN_STEPS_UNKNOWN];
}

void basin_table_interval(const basin_interval *i, int width) {
  char text[64];
  if (isnan(i->value)) snprintf(text, sizeof text, "-");
  else if (isnan(i->low)) snprintf(text, sizeof text, "%.5g", i->value);
  else snprintf(text, sizeof text, "%.5g [%.5g, %.5g]", i->value, i->low, i->high);
  printf("  %-*s", width, text);
}

void basin_steps_interval(const basin_steps *s, char *text, size_t size) {
  if (isnan(s->low)) snprintf(text, size, "-");
  else snprintf(text, size, "[%lld, %lld]", (long long)s->low, (long long)s->high);
}

/* what the steps of all cells count; of cells that differ every row says it */
static int steps_heading(const basin_table *t) {
  int seen[3] = {0};
  for (int64_t i = 0; i < t->cells; i++) seen[t->cell[i].steps_to + 1] = 1;
  const int mixed = seen[0] + seen[1] + seen[2] > 1;
  printf("\nSteps until the outcome was %s\n",
         mixed     ? "reached, or proved, which is sooner"
         : seen[1] ? "reached"
         : seen[2] ? "proved, by the early rule: give stop.at to see when it is reached"
                   : "reached or proved: this file, of an older version, does not say which");
  return mixed;
}

void basin_table_steps(const basin_table *t) {
  enum { TEXT = 64 };
  char text[TEXT], heading[BASIN_OUTCOME_BYTES + 16];
  int shown[BASIN_OUTCOMES_MAX] = {[BASIN_GLOBAL] = t->outcomes->success ==
                                                    BASIN_CAN(BASIN_GLOBAL)},
      wide = (int)strlen("95% interval"), width[BASIN_OUTCOMES_MAX] = {0};
  for (int64_t i = 0; i < t->cells; i++)
    for (int o = BASIN_GLOBAL; o < t->outcomes->count; o++) {
      shown[o] |= t->cell[i].outcomes[o] > 0;
      basin_steps_interval(&t->cell[i].steps[o], text, sizeof text);
      if ((int)strlen(text) > wide) wide = (int)strlen(text);
    }
  const int mixed = steps_heading(t);
  basin_table_name_heading(t);
  if (mixed) printf("  steps to");
  for (int o = BASIN_GLOBAL; o < t->outcomes->count; o++) {
    snprintf(heading, sizeof heading, "%s: median", t->outcomes->name[o]);
    width[o] = strlen(heading) > 18 ? (int)strlen(heading) : 18;
    if (shown[o]) printf("  %*s  %-*s  %9s", width[o], heading, wide, "95% interval", "max");
  }
  putchar('\n');
  for (int64_t i = 0; i < t->cells; i++) {
    basin_table_name_cell(t, &t->cell[i]);
    if (mixed) printf("  %-8s", basin_steps_word(t->cell[i].steps_to));
    for (int o = BASIN_GLOBAL; o < t->outcomes->count; o++) {
      const basin_steps *s = &t->cell[i].steps[o];
      if (!shown[o]) continue;
      basin_steps_interval(s, text, sizeof text);
      if (s->max < 0) printf("  %*s  %-*s  %9s", width[o], "-", wide, "-", "-");
      else
        printf("  %*s  %-*s  %9lld", width[o], basin_exact(s->median).text, wide, text,
               (long long)s->max);
    }
    putchar('\n');
  }
}

/* ---- JSON of all cells ---- */

/* median, mean and maximum of all trials, what they count, and the same of every outcome */
static void json_steps(const basin_outcomes *outcomes, const basin_summary *s) {
  double number[BASIN_STEPS_NUMBERS];
  printf("{\"median\": ");
  basin_json_number(s->steps_median);
  printf(", \"mean\": ");
  basin_json_number(s->steps_mean);
  printf(", \"max\": ");
  basin_json_number(s->steps_max < 0 ? NAN : (double)s->steps_max);
  printf(", \"until\": \"%s\"", basin_steps_word(s->steps_to));
  for (int o = 0; o < outcomes->count; o++) {
    basin_steps_numbers(&s->steps[o], number);
    printf(",\n       \"%s\": {", outcomes->name[o]);
    for (int i = 0; i < BASIN_STEPS_NUMBERS; i++) {
      printf("%s\"%s\": ", i ? ", " : "", basin_steps_name[i]);
      basin_json_number(number[i]);
    }
    printf("}");
  }
  printf("}");
}

void basin_table_json_head(const basin_table *t) {
  printf("  \"experiment\": ");
  basin_json_text(t->experiment);
  printf(",\n  \"title\": ");
  basin_json_text(t->title);
  printf(",\n  \"seed\": %llu,\n  \"version\": ", (unsigned long long)t->seed);
  basin_json_text(t->version);
  if (t->missing) printf(",\n  \"missing\": %lld", (long long)t->missing);
}

void basin_json_cell(const basin_summary *s) {
  printf("\"index\": %lld, \"variant\": ", (long long)s->index);
  basin_json_text(s->variant);
  printf(", \"parameters\": {");
  for (int p = 0; p < s->parameters; p++) {
    printf("%s", p ? ", " : "");
    basin_json_text(s->parameter_name[p]);
    printf(": ");
    basin_json_number(s->parameter[p]);
  }
  printf("}");
}

void basin_table_json(const basin_table *t) {
  basin_table_json_head(t);
  printf(",\n  \"cells\": [");
  for (int64_t i = 0; i < t->cells; i++) {
    const basin_summary *s = &t->cell[i];
    printf("%s\n    {", i ? "," : "");
    basin_json_cell(s);
    printf(",\n     \"trials\": %lld, \"outcomes\": {", (long long)s->trials);
    for (int o = 0; o < t->outcomes->count; o++)
      printf("%s\"%s\": %lld", o ? ", " : "", t->outcomes->name[o], (long long)s->outcomes[o]);
    printf("}");
    if (s->halved >= 0) printf(", \"halved\": %lld", (long long)s->halved);
    printf(",\n     \"success\": {\"rate\": ");
    basin_json_number(s->success.value);
    printf(", \"low\": ");
    basin_json_number(s->success.low);
    printf(", \"high\": ");
    basin_json_number(s->success.high);
    printf("}, \"steps\": ");
    json_steps(t->outcomes, s);
    basin_json_passages(t, i);
    basin_json_attractors(t, i);
    basin_json_limits(t, i);
    printf("}");
  }
  printf("\n  ]");
}
