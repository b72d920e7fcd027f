/* SPDX-License-Identifier: MIT
 *
 * formula_script.h: models of formulas as lines of text, for tests and fuzzers; what is refused has the line and the
 * column of this text.
 *
 *   parameter n = 10
 *   state x: n                 (or nothing behind the colon, or two sizes: `k; p`)
 *   constant c: 1 2 3          (rows of a matrix: `1 2 3; 4 5 6`)
 *   define f: 1 - x[:-1]
 *   loss: sum(f^2)
 *
 * and teacher, input, observable and when. Lines that begin otherwise are passed over.
 */
#ifndef BASIN_FORMULA_SCRIPT_H
#define BASIN_FORMULA_SCRIPT_H

#include "formula/formula.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCRIPT_ITEMS = 64, SCRIPT_NUMBERS = 64 };

typedef struct script {
  formula_source source;
  char *text;
  formula_default parameter[SCRIPT_ITEMS];
  formula_sized state[SCRIPT_ITEMS], teacher[SCRIPT_ITEMS], input[SCRIPT_ITEMS];
  formula_values constant[SCRIPT_ITEMS];
  formula_text define[SCRIPT_ITEMS], observable[SCRIPT_ITEMS];
  double value[SCRIPT_ITEMS][SCRIPT_NUMBERS];
} script;

static inline basin_place script_place(const char *line, const char *at, int number) {
  return (basin_place){"f", number, (int)(at - line) + 1};
}

/* the name that ends at one of the characters, which becomes its end; what is behind it in *rest */
static inline char *script_name(char *at, const char *ends, char **rest) {
  char *name = at + strspn(at, " "), *end = name + strcspn(name, ends);
  *rest = *end ? end + 1 : end;
  *end = 0;
  while (end > name && end[-1] == ' ') *--end = 0;
  return name;
}

static inline void script_sized(formula_sized *array, int *arrays, char *line, char *at,
                                int number) {
  char *rest;
  if (*arrays == SCRIPT_ITEMS) return;
  formula_sized *a = &array[(*arrays)++];
  a->name = script_name(at, ":", &rest);
  a->name_place = script_place(line, a->name, number);
  for (; a->sizes < 2 && rest[strspn(rest, " ")]; a->sizes++) {
    a->size[a->sizes] = script_name(rest, ";", &rest);
    a->size_place[a->sizes] = script_place(line, a->size[a->sizes], number);
  }
}

static inline void script_values(script *s, char *line, char *at, int number) {
  char *rest, *end;
  int values = 0;
  if (s->source.constants == SCRIPT_ITEMS) return;
  double *value = s->value[s->source.constants];
  formula_values *c = &s->constant[s->source.constants++];
  c->name = script_name(at, ":", &rest);
  c->name_place = script_place(line, c->name, number);
  for (c->rows = 1; *rest && values < SCRIPT_NUMBERS;) {
    value[values] = strtod(rest, &end);
    if (end != rest) values++;
    else if (*end == ';') c->rows++, end++;
    else if (*end) end++;
    rest = end;
  }
  c->columns = c->rows > 1 ? values / c->rows : 0;
  if (c->rows == 1) c->rows = values;
  c->value = value;
}

static inline void script_text(formula_text *text, char *line, char *at, int number) {
  char *rest;
  text->name = script_name(at, ":", &rest);
  text->name_place = script_place(line, text->name, number);
  text->text = rest + strspn(rest, " ");
  text->place = script_place(line, text->text, number);
}

static inline void script_line(script *s, char *line, int number) {
  formula_source *f = &s->source;
  char *rest;
  if (!strncmp(line, "loss", 4)) script_text(&f->loss, line, line, number);
  if (!strncmp(line, "when", 4)) script_text(&f->when, line, line, number);
  if (!strncmp(line, "parameter ", 10) && f->parameters < SCRIPT_ITEMS) {
    formula_default *p = &s->parameter[f->parameters++];
    p->name = script_name(line + 10, "=", &rest);
    p->name_place = script_place(line, p->name, number);
    p->value = strtod(rest, NULL);
  }
  if (!strncmp(line, "state ", 6)) script_sized(s->state, &f->states, line, line + 6, number);
  if (!strncmp(line, "teacher ", 8)) script_sized(s->teacher, &f->teachers, line, line + 8, number);
  if (!strncmp(line, "input ", 6)) script_sized(s->input, &f->inputs, line, line + 6, number);
  if (!strncmp(line, "constant ", 9)) script_values(s, line, line + 9, number);
  if (!strncmp(line, "define ", 7) && f->defines < SCRIPT_ITEMS)
    script_text(&s->define[f->defines++], line, line + 7, number);
  if (!strncmp(line, "observable ", 11) && f->observables < SCRIPT_ITEMS)
    script_text(&s->observable[f->observables++], line, line + 11, number);
}

/* to be freed by script_free() */
static inline script *script_read(const char *text) {
  script *s = calloc(1, sizeof *s);
  if (s) s->text = strdup(text);
  if (!s || !s->text) abort();
  s->source = (formula_source){.title = "script",
                               .parameter = s->parameter,
                               .state = s->state,
                               .teacher = s->teacher,
                               .input = s->input,
                               .constant = s->constant,
                               .define = s->define,
                               .observable = s->observable,
                               .loss = {.text = "0", .place = {"f", 0, 0}}};
  int number = 1;
  for (char *line = s->text, *end; line; line = end, number++) {
    end = strchr(line, '\n');
    if (end) *end++ = 0;
    script_line(s, line, number);
  }
  return s;
}

static inline void script_free(script *s) {
  free(s->text);
  free(s);
}

#endif
