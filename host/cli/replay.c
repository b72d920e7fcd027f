/* SPDX-License-Identifier: MIT */
#include "cli/replay.h"
#include "base/text.h"
#include "cli/report.h"
#include <stdio.h>

enum { ROWS_SHOWN = 20, NAME_BYTES = 96 };

/* the columns behind the step, named as the file's variables: observables, then estimates with their errors */
static int columns_of(const basin_experiment *e) { return e->observables + 2 * e->estimates; }

static void name_column(char name[NAME_BYTES], const basin_experiment *e, int column) {
  const int i = column - e->observables;
  if (i < 0) snprintf(name, NAME_BYTES, "%.80s", e->observable[column]);
  else snprintf(name, NAME_BYTES, "estimated_%.70s%s", e->estimate[i / 2], i % 2 ? "_error" : "");
}

/* [times] of each, one after another in the part */
static double value_of(const basin_experiment *e, const basin_part *part, int column, int64_t t) {
  const int i = column - e->observables;
  return i < 0 ? part->record[column * e->times + t] : part->estimate[i * e->times + t];
}

/* how many of the recorded steps the trial came to */
static int64_t rows_of(const basin_experiment *e, const basin_part *part) {
  int64_t rows = 0;
  while (rows < e->times && e->time[rows] <= part->steps[0]) rows++;
  return rows;
}

/* the passages that the trial's cell has, a line or a member each */
static void put_passages(const basin_experiment *e, int64_t cell, const basin_part *part,
                         int json) {
  int shown = 0;
  for (int p = 0; p < e->passages; p++) {
    const basin_passage *passage = &e->cell[cell].passage[p];
    const int64_t step = part->passage[p * part->count];
    if (passage->observable < 0) continue;
    const char *name = basin_observable(&e->cell[cell], passage->observable)->name,
               *sign = passage->above ? ">=" : "<=";
    if (json) {
      printf("%s\"passage_%d\": ", shown++ ? ", " : "", p + 1);
      basin_json_number(step < 0 ? NAN : (double)step);
    } else if (step < 0) {
      printf("\npassage_%d: %s %s %.10g has not come", p + 1, name, sign, passage->level);
    } else {
      printf("\npassage_%d: %s %s %.10g at step %lld", p + 1, name, sign, passage->level,
             (long long)step);
    }
  }
}

/* ---- for a person ---- */

/* the cell, by its variant and its parameters */
static void print_cell(const basin_experiment *e, int64_t cell) {
  const char *name[BASIN_COLUMNS_MAX];
  const int columns = basin_experiment_columns(e, name), variant = e->cell[cell].variant;
  printf("%s", variant >= 0 ? e->variant[variant] : "cell");
  for (int i = 0; i < columns; i++)
    printf("  %s = %.10g", name[i], basin_experiment_column(e, cell, i, name[i]));
}

void basin_replay_text(const basin_experiment *e, int64_t cell, const basin_part *part,
                       const char *output) {
  const int halvings = part->halvings ? part->halvings[0] : 0, columns = columns_of(e);
  const int64_t rows = rows_of(e, part);
  int64_t shown = 0;
  char name[NAME_BYTES];
  print_cell(e, cell);
  printf("\ntrial %lld: %s after %lld steps", (long long)part->first,
         basin_experiment_outcome_name(e, part->outcome[0]), (long long)part->steps[0]);
  if (halvings) printf(", with step sizes halved %d times", halvings);
  put_passages(e, cell, part, 0);
  printf("\n\n%10s", "step");
  for (int i = 0; i < columns; i++) name_column(name, e, i), printf("  %22s", name);
  putchar('\n');
  for (int64_t t = 0; t < rows; t++) {
    if (t != rows - 1 && t * ROWS_SHOWN / (rows > ROWS_SHOWN ? rows : ROWS_SHOWN) < shown) continue;
    shown++;
    printf("%10lld", (long long)e->time[t]);
    for (int i = 0; i < columns; i++) printf("  %22.15e", value_of(e, part, i, t));
    putchar('\n');
  }
  if (shown == rows) return;
  printf("(%lld of %lld recorded steps; ", (long long)shown, (long long)rows);
  if (output) printf("%s has all)\n", output);
  else printf("--csv and --json show all, -o FILE keeps them)\n");
}

/* ---- for programs ---- */

void basin_replay_csv(const basin_experiment *e, const basin_part *part) {
  const int columns = columns_of(e);
  const int64_t rows = rows_of(e, part);
  char name[NAME_BYTES];
  printf("step");
  for (int i = 0; i < columns; i++) name_column(name, e, i), printf(",%s", name);
  putchar('\n');
  for (int64_t t = 0; t < rows; t++) {
    printf("%lld", (long long)e->time[t]);
    for (int i = 0; i < columns; i++) printf(",%s", basin_exact(value_of(e, part, i, t)).text);
    putchar('\n');
  }
}

static void json_of_cell(const basin_experiment *e, int64_t cell) {
  const char *name[BASIN_COLUMNS_MAX];
  double value[BASIN_COLUMNS_MAX];
  const int columns = basin_experiment_columns(e, name), variant = e->cell[cell].variant;
  for (int i = 0; i < columns; i++) value[i] = basin_experiment_column(e, cell, i, name[i]);
  basin_json_cell(&(basin_summary){.index = cell,
                                   .variant = variant < 0 ? "" : e->variant[variant],
                                   .parameters = columns,
                                   .parameter_name = name,
                                   .parameter = value});
}

static void json_trajectory(const basin_experiment *e, const basin_part *part) {
  const int columns = columns_of(e);
  const int64_t rows = rows_of(e, part);
  char name[NAME_BYTES];
  printf("    \"step\": [");
  for (int64_t t = 0; t < rows; t++) printf("%s%lld", t ? ", " : "", (long long)e->time[t]);
  printf("]");
  for (int i = 0; i < columns; i++) {
    name_column(name, e, i);
    printf(",\n    \"%s\": [", name);
    for (int64_t t = 0; t < rows; t++) {
      if (t) printf(", ");
      basin_json_number(value_of(e, part, i, t));
    }
    printf("]");
  }
}

void basin_replay_json(const basin_experiment *e, int64_t cell, const basin_part *part) {
  const basin_table head = {
      .experiment = e->name, .title = e->title, .version = BASIN_VERSION, .seed = e->seed};
  printf("{\n");
  basin_table_json_head(&head);
  printf(",\n  \"cell\": {");
  json_of_cell(e, cell);
  printf("},\n  \"trial\": %lld, \"outcome\": \"%s\", \"steps\": %lld, \"until\": \"%s\", "
         "\"halvings\": %d,\n  \"final\": {",
         (long long)part->first, basin_experiment_outcome_name(e, part->outcome[0]),
         (long long)part->steps[0], basin_steps_word(basin_cell_steps_to(&e->cell[cell])),
         part->halvings ? part->halvings[0] : 0);
  for (int i = 0; i < e->finals; i++) {
    printf("%s\"%s\": ", i ? ", " : "", e->final[i]);
    basin_json_number(part->final[i]);
  }
  if (e->passages) {
    printf("},\n  \"passages\": {");
    put_passages(e, cell, part, 1);
  }
  printf("},\n  \"trajectory\": {\n");
  json_trajectory(e, part);
  printf("}\n}\n");
}
