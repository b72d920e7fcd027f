/* SPDX-License-Identifier: MIT
 *
 * command_init.c: basin init: an experiment to begin with, written from the model's tables, so for any model that the
 * build has. What a table does not tell, which vectors the model takes and how large a step may be, is tried: the
 * candidates are run, and the first one of which every trial ends is written. As the trials are those that `basin run`
 * will run, it ends well too.
 */
#include "cli/cli.h"
#include "base/text.h"
#include "engine/cpu.h"
#include "read/dynamics.h"
#include "store/part.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIALS = 200, MAX_STEPS = 100000 };

static const char *const teachers[] = {"{head: [1]}", "1", "{orthonormal: 1}"}, *const starts[] = {
                                                                                    "{ball: 1}",
                                                                                    "{normal: 1}",
                                                                                    "{sphere: 1}",
                                                                                    "1"};
static const double step_sizes[] = {0.1, 0.03, 0.01, 0.003, 0.001, 1e-4, 1e-5};
#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

/* What an experiment is written from. */
typedef struct draft {
  const basin_model *model;
  int axis; /* the parameter of the grid, -1: there is no grid */
  const char *teacher, *start;
  double eta;
  double unresolved, diverged; /* the largest shares of a cell's trials, once they have been run */
} draft;

/* ---- the text ---- */

static void put_quoted(FILE *to, const char *text) {
  putc('"', to);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') putc('\\', to);
    putc(*text, to);
  }
  putc('"', to);
}

/* what is said of a key, behind it or, where it is long, below it */
static void put_note(FILE *to, const char *text) {
  enum { WIDTH = 100, SHORT = 80 };
  const char *const line = strlen(text) > SHORT ? "\n    #" : "  #";
  size_t used = 0;
  fputs(line, to);
  while (*text) {
    const size_t word = strcspn(text, " ");
    if (used && used + word > WIDTH) fputs(line, to), used = 0;
    fprintf(to, " %.*s", (int)word, text);
    used += word + 1;
    text += word;
    text += strspn(text, " ");
  }
  putc('\n', to);
}

static void put_range(FILE *to, const basin_symbol *s) {
  char note[1024];
  snprintf(note, sizeof note, "%s; %s from %.9g to %.9g", s->meaning,
           s->integer ? "whole number" : "number", s->minimum, s->maximum);
  put_note(to, note);
}

/* another value of a parameter, to compare with its default; NAN where none comes to mind */
static double other_value(const basin_symbol *s) {
  if (s->initial > 0 && 2 * s->initial <= s->maximum) return 2 * s->initial;
  const double half = s->integer ? floor(s->initial / 2) : s->initial / 2;
  return s->initial > 0 && half >= s->minimum && half < s->initial ? half : NAN;
}

static void put_parameters(FILE *to, const draft *d) {
  const basin_model *m = d->model;
  if (d->axis >= 0) {
    const basin_symbol *s = &m->parameter[d->axis];
    fprintf(
        to,
        "# What tells cells apart: the lists are crossed. A list may also be {range: [from, to]}, "
        "with a\n"
        "# step as the third number, or {linspace: [from, to, how many]}, or {logspace: [...]}\n"
        "grid:\n  %s: [",
        s->name);
    fputs(basin_exact(fmin(s->initial, other_value(s))).text, to);
    fputs(", ", to);
    fputs(basin_exact(fmax(s->initial, other_value(s))).text, to);
    putc(']', to);
    put_range(to, s);
    putc('\n', to);
  }
  if (m->parameters == (d->axis >= 0)) return;
  fputs("# The model's parameters; these are the defaults\nparameters:\n", to);
  for (int i = 0; i < m->parameters; i++) {
    if (i == d->axis) continue;
    fprintf(to, "  %s: ", m->parameter[i].name);
    fputs(basin_exact(m->parameter[i].initial).text, to);
    put_range(to, &m->parameter[i]);
  }
  putc('\n', to);
}

/* in the place of parameters and vectors: what a network is made of */
static void put_network(FILE *to) {
  fputs(
      "# What tells cells apart: the lists are crossed. The names are one's own, for expressions "
      "below\n"
      "grid:\n"
      "  m: [32, 64]  # units of the hidden layer\n\n"
      "# The layers; the input is layer 0, and the last one makes the labels. Each of them is\n"
      "#   dense: m                           units, or\n"
      "#   conv: {channels: 4, patch: 3}      of inputs with pixels: data: {n: 8, channels: 3, "
      "pixels: 32, ...}\n"
      "#   activation: identity               or relu, {leaky: 0.1}, softplus, erf, tanh\n"
      "#   scale: 1                           before the activation's value\n"
      "#   skip: true                         what is below it is added\n"
      "#   init: {normal: 1}                  or {uniform: [-1, 1]}, {sphere: 1}, {ball: 1}, sign, "
      "zero, ...\n"
      "#   train: false                       its weights stay as they are\n"
      "layers:\n"
      "  - {dense: m, activation: relu, scale: 1/sqrt(m), init: {normal: 1}}\n"
      "  - {dense: 1, init: sign, train: false}\n\n"
      "# Inputs and labels, the same for all trials of a cell: drawn, or {file: digits.csv, "
      "labels: "
      "1}, whose\n"
      "# last column is the label. With batch: 2 every step takes two of them\n"
      "data: {n: 6, d: 6, inputs: sphere, labels: {normal: 1}}\n"
      "# loss: mean  # 1/(2n) sum_i |u_i - y_i|^2 in the place of 1/2 sum_i |u_i - y_i|^2\n\n",
      to);
}

static void put_vectors(FILE *to, const basin_model *m, const char *key, const basin_symbol *vector,
                        int vectors, const char *form) {
  fprintf(to, "%s:\n", key);
  for (int i = 0; i < vectors; i++) {
    const char *length = vector[i].length < 0 ? NULL : m->parameter[vector[i].length].name;
    fprintf(to, "  %s: %s  # %s: ", vector[i].name, form, vector[i].meaning);
    if (vector[i].rows >= 0) fprintf(to, "%s rows of ", m->parameter[vector[i].rows].name);
    fprintf(to, "%s %s\n", length ? length : "one", length ? "entries" : "entry");
  }
  putc('\n', to);
}

/* whether a start can be drawn around the teacher */
static int has_namesakes(const basin_model *m) {
  for (int i = 0; i < m->initials; i++)
    if (basin_symbol_find(m->teacher, m->teachers, m->initial[i].name) >= 0) return 1;
  return 0;
}

static void put_schedule(FILE *to, const draft *d) {
  const basin_model *m = d->model;
  fputs("# Stages of step sizes; the last one lasts. With another one before it:\n"
        "#   - {steps: 100, eta: 1e-3}\n"
        "schedule:\n  - {eta: ",
        to);
  fputs(basin_exact(d->eta).text, to);
  fputs("}", to);
  for (int i = 0; i < m->step_sizes; i++)
    fprintf(to, "%s %s (%s)", i ? "," : "  # for all:", m->step_size[i].name,
            m->step_size[i].meaning);
  fputs("\n\n", to);
}

/* the keys that choose a kind of dynamics, none for the first one where it needs none */
static void put_kind(FILE *to, const basin_model *m, int i) {
  const basin_keyed *keyed = basin_keyed_find(m->kind[i].name);
  const char *comment = i ? "# " : "";
  int options = 0;
  if (!i && !(keyed && keyed->needs_inputs)) return;
  if (keyed && keyed->sampler)
    fprintf(to, "%sgradient: {sampled: {inputs: 16, sampler: %s, precision: %s}}\n", comment,
            keyed->sampler, keyed->precision);
  else if (keyed && !strcmp(keyed->kind, "law"))
    fprintf(to, "%sgradient: {sampled: {inputs: 16, sampler: direct, law: uniform}}\n", comment);
  else if (keyed && keyed->needs_inputs)
    fprintf(to, "%sgradient: {sampled: {inputs: {fixed: 500}}}\n", comment);
  else if (keyed && strcmp(keyed->key, "method") != 0)
    fprintf(to, "%s%s: %s\n", comment, keyed->key, keyed->words);
  else {
    const char *name = keyed ? keyed->words : m->kind[i].name;
    fprintf(to, "%smethod: ", comment);
    for (int o = 0; o < m->options; o++) {
      if (strcmp(m->option[o].of, m->kind[i].name) != 0) continue;
      if (options++) fprintf(to, ", %s: ", m->option[o].name);
      else fprintf(to, "{%s: {%s: ", name, m->option[o].name);
      fputs(basin_exact(m->option[o].initial).text, to);
    }
    fprintf(to, "%s\n", options ? "}}" : name);
  }
}

static void put_dynamics(FILE *to, const basin_model *m) {
  if (m->layer_observables) {
    fputs("# What a step does beside gradient descent\n"
          "# method: {momentum: 0.9}  # or {nesterov: 0.9}, adam, {langevin: 0.01}\n"
          "# noise: {gradient: 0.1}\n\n",
          to);
    return;
  }
  if (m->kinds < 2 && !basin_keyed_find(m->kind[0].name)) return;
  fprintf(to, "# What a step does: %s, or\n", m->kind[0].name);
  for (int i = 0; i < m->kinds; i++) put_kind(to, m, i);
  if (*m->methods)
    fprintf(
        to,
        "# and with gradient %s (see `basin models %s`) a method of\n"
        "# {momentum: 0.9}, {nesterov: 0.9}, adam, {langevin: 0.01}, and noise: {gradient: 0.1}\n",
        basin_keyed_find(m->methods[0])->words, m->name);
  putc('\n', to);
}

static int has_early_rule(const basin_model *m) {
  return strcmp(m->kind[0].early_rule, m->kind[0].tolerance_rule) != 0;
}

static void put_stop(FILE *to, const basin_model *m) {
  const int early = has_early_rule(m);
  fprintf(to,
          "# When a trial ends. %s\n"
          "stop:\n"
          "  max_steps: %d  # then it is unresolved\n"
          "  %sat: 1e-6  # %s%s\n",
          early ? "Here: where it is proved which way it goes; sampled gradients need `at`"
                : "Here: where it is near enough",
          MAX_STEPS, early ? "# " : "", early ? "or run on to this: " : "", m->at);
  if (early && *m->at_spurious)
    fprintf(to,
            "  # at_spurious: 0.1  # with `at`, where trials settle more slowly at the spurious "
            "optimum: %s\n",
            m->at_spurious);
  for (int i = 0; i < m->stops; i++)
    fprintf(to, "  # %s: %s  # %s\n", m->stop[i].name, m->stop[i].example, m->stop[i].meaning);
  putc('\n', to);
}

static void put_record(FILE *to, const basin_model *m) {
  fputs("# What is kept besides how every trial ended\n"
        "record:\n"
        "  trials: 20         # of each cell keep the trajectory\n"
        "  steps: {log: 100}  # at about so many steps; or {every: 10}, or [0, 1, 10]\n"
        "  # parameters: true # the full vectors there, too\n"
        "  # final: [",
        to);
  for (int i = 0; i < m->observables && i < 2; i++)
    fprintf(to, "%s%s", i ? ", " : "", m->observable[i].name);
  fputs("]  # at the end of every trial, by default the loss\n"
        "  # observables: all  # along trajectories; of these:\n",
        to);
  for (int i = 0; i < m->observables; i++)
    fprintf(to, "  #   %-14s %s\n", m->observable[i].name, m->observable[i].meaning);
  for (int i = 0; i < m->layer_observables; i++)
    fprintf(to, "  #   %s_1%-*s %s\n", m->layer_observable[i].name,
            (int)(12 - strlen(m->layer_observable[i].name)), ", _2 ...",
            m->layer_observable[i].meaning);
  putc('\n', to);
}

static void put_allow(FILE *to, const draft *d) {
  const int live = d->unresolved > 0 || d->diverged > 0;
  fprintf(to,
          "# Shares of a cell's trials that may end so; with more the exit code is 3\n"
          "%sallow: {unresolved: ",
          live ? "" : "# ");
  fputs(basin_exact(live ? d->unresolved : 0.01).text, to);
  fputs(", diverged: ", to);
  fputs(basin_exact(d->diverged).text, to);
  fputs("}\n\n", to);
}

static void put_more(FILE *to, const draft *d) {
  fputs("# More trials, until every 95% interval is that narrow\n"
        "# until: {halfwidth: 0.02, max_trials: 1e5}\n\n"
        "# Alternative settings, each of them at every point of the grid\n"
        "# variants: {as above: {}, small steps: {schedule: [{eta: ",
        to);
  fputs(basin_exact(d->eta / 2).text, to);
  fputs("}]}}\n", to);
  fprintf(to,
          "\n# Outcomes by names of your own: the first whose condition holds when a trial ends\n"
          "# outcomes: {here: {near: {%s: 1}, within: 0.1}, small: {when: %s < 1e-6}}\n",
          d->model->layer_observables ? "W_1" : d->model->initial[0].name,
          d->model->observable[0].name);
}

static void put_starts(FILE *to, const draft *d) {
  const basin_model *m = d->model;
  put_parameters(to, d);
  if (m->teachers) {
    fprintf(to,
            "# What is to be found: a number for every entry, [entries], {head: [first, ...]}, the "
            "rest 0,\n"
            "# {blocks: [[value, how many], ...]}, {sum: s, norm: n}%s\n",
            m->drawn_teachers ? "; or drawn, as under init" : "");
    put_vectors(to, m, "teacher", m->teacher, m->teachers, d->teacher);
  }
  fputs(
      "# Where a trial starts. Drawn for it: {ball: radius}, {sphere: radius}, {normal: sigma} or\n"
      "# {uniform: [low, high]}; around a point: {ball: 0.1, around: x}, {normal: 1, mean: x}; or "
      "given,\n"
      "# which x is too: a number for every entry, [entries], {head: [first, ...]}",
      to);
  fputs(has_namesakes(m) ? ";\n# or, around it, `teacher`: the one of the same name\n"
                         : " and so on\n",
        to);
  put_vectors(to, m, "init", m->initial, m->initials, d->start);
}

static void put_experiment(FILE *to, const draft *d) {
  const basin_model *m = d->model;
  fprintf(
      to,
      "# A first experiment with the model %s, by basin %s. Save it as first.yaml; then\n"
      "#   basin run first.yaml       runs the trials, into first.h5\n"
      "#   basin summary first.h5     prints the success rates\n"
      "#   basin models %-12s  tells more of the model\n"
      "# Numbers may be expressions, as in 1/sqrt(2). Behind # are comments, and keys to try.\n\n"
      "title: ",
      m->name, BASIN_VERSION, m->name);
  put_quoted(to, m->title);
  fprintf(
      to,
      "\nmodel: %s\n"
      "trials: %d  # of each cell, each from its own start; with more trials these stay the same\n"
      "seed: 1      # with another one they start elsewhere\n\n",
      m->name, TRIALS);
  if (m->layer_observables) put_network(to);
  else put_starts(to, d);
  put_schedule(to, d);
  put_dynamics(to, m);
  put_stop(to, m);
  put_record(to, m);
  put_allow(to, d);
  put_more(to, d);
}

/* the text, allocated; NULL without memory */
static char *text_of(const draft *d) {
  char *text = NULL;
  size_t size;
  FILE *to = open_memstream(&text, &size);
  if (!to) return NULL;
  put_experiment(to, d);
  const int lost = ferror(to);
  if (!fclose(to) && !lost) return text;
  free(text);
  return NULL;
}

static basin_status parse(const draft *d, basin_experiment **e, basin_error *error) {
  char *text = text_of(d);
  *e = NULL;
  if (!text) return basin_fail_memory(error);
  const basin_status status = basin_experiment_parse("first.yaml", text, (int64_t)strlen(text),
                                                     NULL, 0, e, error);
  free(text);
  return status;
}

/* ---- what is tried ---- */

/* runs the trials, keeping nothing but how they ended */
static basin_status run_cell(const basin_experiment *e, int64_t cell, draft *d,
                             basin_error *error) {
  basin_job job = basin_part_job(e, cell, 0, TRIALS);
  basin_part part;
  basin_range sum;
  basin_watch watch = {0};
  job.recorded = 0;
  basin_status status = basin_part_allocate(&job, &part, error);
  if (status) return status;
  if (basin_cpu_run(&job, basin_cpu_isa(NULL), &part, &watch)) status = basin_fail_memory(error);
  basin_part_count(&part, &sum);
  d->unresolved = fmax(d->unresolved, (double)sum.outcomes[BASIN_UNRESOLVED] / TRIALS);
  d->diverged = fmax(d->diverged, (double)sum.outcomes[BASIN_DIVERGED] / TRIALS);
  basin_part_free(&part);
  return status;
}

/* the largest step size with which all trials end, or else that with which most do */
static basin_status find_step_size(draft *d, basin_error *error) {
  draft best = {.unresolved = INFINITY};
  for (int i = 0; i < LENGTH(step_sizes) && best.unresolved + best.diverged > 0; i++) {
    basin_experiment *e;
    d->eta = step_sizes[i];
    d->unresolved = d->diverged = 0;
    basin_status status = parse(d, &e, error);
    for (int64_t c = 0; !status && c < e->cells; c++) status = run_cell(e, c, d, error);
    basin_experiment_free(e);
    if (status) return status;
    if (d->unresolved + d->diverged < best.unresolved + best.diverged) best = *d;
  }
  *d = best;
  return BASIN_OK;
}

/* the first parameter that can be given another value, or -1 */
static int find_axis(const basin_model *m) {
  for (int i = 0; i < m->parameters; i++)
    if (!isnan(other_value(&m->parameter[i]))) return i;
  return -1;
}

/* vectors that the model takes; the grid goes where there are none with it */
static basin_status find_vectors(draft *d, basin_error *error) {
  basin_status status = BASIN_BAD_INPUT;
  for (int n = 0; n < 2 * LENGTH(teachers) * LENGTH(starts); n++) {
    basin_experiment *e;
    d->axis = n < LENGTH(teachers) * LENGTH(starts) ? find_axis(d->model) : -1;
    d->teacher = teachers[n / LENGTH(starts) % LENGTH(teachers)];
    d->start = starts[n % LENGTH(starts)];
    status = parse(d, &e, error);
    basin_experiment_free(e);
    if (status != BASIN_BAD_INPUT) break;
  }
  return status;
}

basin_status basin_command_init(const basin_arguments *arguments, basin_error *error) {
  int count;
  char text[BASIN_UNKNOWN];
  draft d = {.model = basin_models(&count)[0], .eta = step_sizes[0]};
  if (arguments->positionals && !(d.model = basin_model_find(arguments->positional[0])))
    return basin_fail(error, BASIN_BAD_INPUT, "init: %s",
                      basin_model_unknown(arguments->positional[0], text));
  basin_status status = d.model->layer_observables ? BASIN_OK : find_vectors(&d, error);
  if (!status) status = find_step_size(&d, error);
  if (!status) put_experiment(stdout, &d);
  return status;
}
