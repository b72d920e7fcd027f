/* SPDX-License-Identifier: MIT
 *
 * report_passages.c: first passages in the tables of `basin summary`.
 */
#include "base/text.h"
#include "cli/csv.h"
#include "cli/report.h"
#include "seam/setting.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 96 };

basin_status basin_passages_count(basin_results *results, const basin_summary *cell, int64_t cells,
                                  int *passages, basin_passages **passage, basin_error *error) {
  const int each = *passages = basin_results_passages(results);
  basin_status status = BASIN_OK;
  *passage = calloc((size_t)(cells * each) + 1, sizeof **passage);
  if (!*passage) return basin_fail_memory(error);
  for (int64_t i = 0; i < cells && !status; i++)
    for (int p = 0; p < each && !status; p++)
      status = basin_results_passage(results, cell[i].index, p + 1, &(*passage)[i * each + p],
                                     error);
  return status;
}

basin_status basin_table_read_passages(basin_results *results, basin_table *t, basin_error *error) {
  return basin_passages_count(results, t->cell, t->cells, &t->passages, &t->passage, error);
}

/* "loss <= 1e-06" */
static void put_words(char words[WORDS], const basin_passages *p) {
  snprintf(words, WORDS, "%s %s %.10g", p->observable, p->above ? ">=" : "<=", p->level);
}

static int widest(const basin_table *t, const char *heading,
                  void (*put)(char words[WORDS], const basin_passages *p)) {
  char words[WORDS];
  int wide = (int)strlen(heading);
  for (int64_t i = 0; i < t->cells * t->passages; i++) {
    if (isnan(t->passage[i].level)) continue;
    put(words, &t->passage[i]);
    if ((int)strlen(words) > wide) wide = (int)strlen(words);
  }
  return wide;
}

static void put_interval(char words[WORDS], const basin_passages *p) {
  basin_steps_interval(&p->steps, words, WORDS);
}

void basin_table_passages(const basin_table *t) {
  char words[WORDS], interval[WORDS];
  int64_t open = 0, proved = 0;
  if (!t->passages) return;
  const int wide = widest(t, "passage", put_words),
            beside = widest(t, "95% interval", put_interval);
  printf("\nFirst passages: steps of the trials that had them\n");
  basin_table_name_heading(t);
  printf("     %-*s    passed   share  %12s  %-*s  %9s\n", wide, "passage", "median", beside,
         "95% interval", "max");
  for (int64_t i = 0; i < t->cells * t->passages; i++) {
    const basin_summary *cell = &t->cell[i / t->passages];
    const basin_passages *p = &t->passage[i];
    if (isnan(p->level)) continue;
    put_words(words, p);
    put_interval(interval, p);
    basin_table_name_cell(t, cell);
    printf("  %2d %-*s  %8lld", (int)(i % t->passages) + 1, wide, words, (long long)p->passed);
    if (p->trials) printf("  %.4f", (double)p->passed / (double)p->trials);
    else printf("  %6s", "-");
    if (p->passed)
      printf("  %12s  %-*s  %9lld\n", basin_exact(p->steps.median).text, beside, interval,
             (long long)p->steps.max);
    else printf("  %12s  %-*s  %9s\n", "-", beside, "-", "-");
    open += p->open;
    proved += cell->steps_to == BASIN_STEPS_PROVED && p->passed < p->trials;
  }
  if (open)
    printf("\n%lld passages are open: their trials are unresolved, and may have them later; these "
           "medians leave them out\n",
           (long long)open);
  if (proved)
    printf(
        "\ntrials end where their outcome is proved, and have no passages beyond: give stop.at\n");
}

void basin_json_passages(const basin_table *t, int64_t cell) {
  int shown = 0;
  if (!t->passages) return;
  printf(",\n     \"passages\": [");
  for (int p = 0; p < t->passages; p++) {
    const basin_passages *x = &t->passage[cell * t->passages + p];
    double number[BASIN_STEPS_NUMBERS];
    if (isnan(x->level)) continue;
    printf("%s\n       {\"number\": %d, \"observable\": ", shown++ ? "," : "", p + 1);
    basin_json_text(x->observable);
    printf(", \"direction\": \"%s\", \"level\": ", x->above ? "above" : "below");
    basin_json_number(x->level);
    printf(", \"trials\": %lld, \"passed\": %lld, \"open\": %lld", (long long)x->trials,
           (long long)x->passed, (long long)x->open);
    basin_steps_numbers(&x->steps, number);
    for (int i = 0; i < BASIN_STEPS_NUMBERS; i++) {
      printf(", \"%s\": ", basin_steps_name[i]);
      basin_json_number(number[i]);
    }
    printf("}");
  }
  printf("]");
}

void basin_csv_passages(const basin_table *t, int64_t cell) {
  static const char *const name[] = {"level", "passed", "open"};
  for (int p = 0; p < t->passages; p++) {
    if (cell < 0) {
      for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        printf(",passage_%d_%s", p + 1, name[i]);
      for (int i = 0; i < BASIN_STEPS_NUMBERS; i++)
        printf(",passage_%d_%s", p + 1, basin_steps_name[i]);
      continue;
    }
    const basin_passages *x = &t->passage[cell * t->passages + p];
    double number[BASIN_STEPS_NUMBERS];
    putchar(',');
    basin_csv_number(stdout, x->level);
    printf(",%lld,%lld", (long long)x->passed, (long long)x->open);
    basin_steps_numbers(&x->steps, number);
    for (int i = 0; i < BASIN_STEPS_NUMBERS; i++) putchar(','), basin_csv_number(stdout, number[i]);
  }
}
