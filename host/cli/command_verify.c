/* SPDX-License-Identifier: MIT
 *
 * command_verify.c: basin verify.
 */
#include "cli/cli.h"
#include "cli/report.h"
#include "analyse/verify.h"
#include "analyse/verify_file.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double FALSE_ALARM = 1e-6; /* of a whole run */

/* What was found of one model of the build, or of an experiment file. */
typedef struct finding {
  const char *path;             /* of the file, or NULL */
  basin_experiment *experiment; /* that is there, or NULL */
  const basin_model *model;     /* else */
  int64_t states;
  basin_verified *state; /* [states] */
  basin_comparison together[2];
  basin_verified_file kinds; /* beside the model's first one; of a file all of them */
} finding;

/* All of them. */
typedef struct findings {
  int64_t seed, states, inputs;
  int models;
  finding *model; /* [models] */
  int64_t judged, beyond;
  int64_t slopes, wrong_slopes; /* that were judged, and those that were wrong */
  int64_t kinds, wrong_kinds;   /* likewise, but for means, which are among the comparisons */
  double limit;                 /* of a single comparison: FALSE_ALARM over their number */
} findings;

/* ---- what is beyond chance ---- */

static void judge_one(findings *f, const basin_comparison *c, int count) {
  if (isnan(c->p)) return;
  if (count) f->judged++;
  else f->beyond += c->p < f->limit;
}

static int is_sampled(const finding *found) { return found->model && found->model->norms > 0; }

static int is_mean(const basin_check *c) { return c->starts > 0 && isnan(c->error); }

static void judge_kinds(findings *f, const finding *found, int count) {
  for (int i = 0; i < found->kinds.checks; i++) {
    const basin_check *c = &found->kinds.check[i];
    if (is_mean(c) && count) f->judged++;
    else if (is_mean(c)) f->beyond += c->p < f->limit;
    else if (count) f->kinds += c->starts > 0, f->wrong_kinds += c->wrong;
  }
}

/* count the comparisons, then those beyond the limit that follows from their number (Bonferroni) */
static void judge(findings *f) {
  for (int count = 1; count >= 0; count--) {
    for (int m = 0; m < f->models; m++) {
      const finding *found = &f->model[m];
      judge_kinds(f, found, count);
      for (int64_t s = 0; s < found->states && !count; s++) {
        f->slopes += found->state[s].slope.kind && !found->state[s].slope.why;
        f->wrong_slopes += found->state[s].slope.wrong;
      }
      if (!is_sampled(found)) continue;
      for (int64_t s = 0; s < found->states; s++)
        for (int i = 0; i < found->state[s].comparisons; i++)
          judge_one(f, &found->state[s].comparison[i], count);
      for (int i = 0; i < 2; i++) judge_one(f, &found->together[i], count);
    }
    if (count && f->judged) f->limit = FALSE_ALARM / (double)f->judged;
  }
}

/* ---- tables ---- */

static void show_comparison(const findings *f, const basin_comparison *c, const char *of) {
  char text[128];
  printf("  %s%-*s", of, 16 - (int)(of[0] ? 4 : 0), c->name);
  if (isnan(c->chi_square)) {
    printf("  %14.8f  %14.8f  %14.2e  %+7.2f", c->closed, c->measured, c->error, c->z);
  } else {
    if (c->entries)
      snprintf(text, sizeof text, "%lld entries, largest |z| %.2f; chi-square %.2f of %lld",
               (long long)c->entries, c->largest, c->chi_square, (long long)c->freedom);
    else
      snprintf(text, sizeof text, "chi-square %.2f of %lld", c->chi_square, (long long)c->freedom);
    printf("  %55s", text);
  }
  if (isnan(c->p)) printf("  %9s\n", "in noise");
  else printf("  %9.2g%s\n", c->p, c->p < f->limit ? "  WRONG" : "");
}

static void show_slope(const basin_slope *s) {
  if (!s->kind && !s->why) return;
  if (!s->kind) printf("  slope of the loss: not measured, for %s\n", s->why);
  else if (s->why) printf("  slope of the loss, %s: not judged, for %s\n", s->kind, s->why);
  else
    printf("  slope of the loss, %s: %lld entries, relative error %.1e, allowed %.1e: %s\n",
           s->kind, (long long)s->entries, s->relative, s->allowed, s->wrong ? "WRONG" : "agrees");
}

/* whether an observable is among the comparisons */
static int is_compared(const basin_verified *v, int observable) {
  for (int i = 0; i < v->comparisons; i++)
    if (basin_symbol_find(v->model->observable, v->model->observables, v->comparison[i].name) ==
        observable)
      return 1;
  return 0;
}

static void show_state(const findings *f, const basin_verified *v, int64_t number) {
  const basin_model *m = v->model;
  printf("\n%s, state %lld:", m->name, (long long)number);
  for (int i = 0; i < m->parameters; i++)
    printf("%s %s = %.6g", i ? "," : "", m->parameter[i].name, v->parameter[i]);
  for (int i = 0; i < m->observables; i++)
    if (!is_compared(v, i) && !isnan(v->observed[i]))
      printf(", %s = %.4g", m->observable[i].name, v->observed[i]);
  const char *layers = strstr(v->experiment, "\nlayers: ");
  if (layers) printf(" %.*s", (int)strcspn(layers + 1, "\n"), layers + 1);
  printf("\n");
  if (v->comparisons)
    printf("  %-16s  %14s  %14s  %14s  %7s  %9s\n", "quantity", "closed form", "measured",
           "standard error", "z", "p");
  for (int i = 0; i < v->comparisons; i++) show_comparison(f, &v->comparison[i], "");
  show_slope(&v->slope);
}

/* a line for every kind */
static void show_kinds(const findings *f, const finding *found) {
  for (int i = 0; i < found->kinds.checks; i++) {
    const basin_check *c = &found->kinds.check[i];
    const int variant = found->kinds.variant[i];
    printf("  %s%s%s: ", variant < 0 ? "" : found->experiment->variant[variant],
           variant < 0 ? "" : ", ", c->kind);
    if (!c->starts) {
      printf("not tested, for %s\n", c->why);
      continue;
    }
    printf("%s: %lld starts, %lld numbers, ", c->what, (long long)c->starts, (long long)c->entries);
    if (is_mean(c)) printf("p = %.2g: %s\n", c->p, c->p < f->limit ? "WRONG" : "agrees");
    else
      printf("largest error %.1e, allowed %.1e: %s\n", c->error, c->bound,
             c->wrong ? "WRONG" : "agrees");
  }
}

static void show(const findings *f) {
  for (int m = 0; m < f->models; m++) {
    const finding *found = &f->model[m];
    if (found->path) {
      printf("%s%s: %s\n", m ? "\n" : "", found->path, found->experiment->title);
      show_kinds(f, found);
      continue;
    }
    printf("%s%s: %s\n", m ? "\n" : "", found->model->name, found->model->title);
    for (int64_t s = 0; s < found->states; s++) show_state(f, &found->state[s], s);
    if (is_sampled(found)) {
      printf("\n%s, all states together\n", found->model->name);
      for (int i = 0; i < 2; i++) show_comparison(f, &found->together[i], "all ");
    } else {
      printf("\n%s has no sampled form to compare with\n", found->model->name);
    }
    if (found->kinds.checks) printf("\n%s, other kinds of steps\n", found->model->name);
    show_kinds(f, found);
  }
  if (f->judged)
    printf("\n%lld comparisons, %lld inputs at a state, seed %lld; beyond p = %.2g, a false alarm "
           "in %.0e runs: %lld\n",
           (long long)f->judged, (long long)f->inputs, (long long)f->seed, f->limit,
           1 / FALSE_ALARM, (long long)f->beyond);
  if (f->slopes)
    printf("%s%lld slopes of the loss beside the steps that follow them; wrong: %lld\n",
           f->judged ? "" : "\n", (long long)f->slopes, (long long)f->wrong_slopes);
  if (f->kinds)
    printf("%s%lld kinds of steps beside what they say they are; wrong: %lld\n",
           f->judged || f->slopes ? "" : "\n", (long long)f->kinds, (long long)f->wrong_kinds);
}

/* ---- JSON ---- */

static void json_member(const char *name, double value) {
  printf(", \"%s\": ", name);
  basin_json_number(value);
}

static void json_comparison(const findings *f, const basin_comparison *c) {
  printf("{\"quantity\": \"%s\"", c->name);
  if (isnan(c->chi_square)) {
    json_member("closed", c->closed);
    json_member("measured", c->measured);
    json_member("error", c->error);
    json_member("z", c->z);
  } else {
    if (c->entries) printf(", \"entries\": %lld", (long long)c->entries);
    if (c->entries) json_member("largest_z", c->largest);
    json_member("chi_square", c->chi_square);
    printf(", \"freedom\": %lld", (long long)c->freedom);
  }
  json_member("p", c->p);
  printf(", \"wrong\": %s}", c->p < f->limit ? "true" : "false");
}

static void json_comparisons(const findings *f, const basin_comparison *c, int count) {
  printf("[");
  for (int i = 0; i < count; i++) {
    printf("%s\n      ", i ? "," : "");
    json_comparison(f, &c[i]);
  }
  printf("]");
}

static void json_slope(const basin_slope *s) {
  printf("{\"kind\": ");
  if (s->kind) basin_json_text(s->kind);
  else printf("null");
  printf(", \"entries\": %lld", (long long)s->entries);
  json_member("relative", s->kind ? s->relative : NAN);
  json_member("allowed", s->kind ? s->allowed : NAN);
  printf(", \"judged\": %s, \"wrong\": %s}", s->why ? "false" : "true",
         s->wrong ? "true" : "false");
}

/* those of a model or of a file */
static void json_kinds(const findings *f, const finding *found) {
  printf("[");
  for (int i = 0; i < found->kinds.checks; i++) {
    const basin_check *c = &found->kinds.check[i];
    const int variant = found->kinds.variant[i];
    printf("%s\n      {\"kind\": \"%s\", \"variant\": ", i ? "," : "", c->kind);
    if (variant < 0) printf("null");
    else basin_json_text(found->experiment->variant[variant]);
    printf(", \"compared\": ");
    if (c->what) basin_json_text(c->what);
    else printf("null");
    printf(", \"starts\": %lld, \"numbers\": %lld", (long long)c->starts, (long long)c->entries);
    json_member("error", c->error);
    json_member("allowed", c->bound);
    json_member("p", c->p);
    printf(", \"why\": ");
    if (c->starts) printf("null");
    else basin_json_text(c->why);
    printf(", \"wrong\": %s}", c->wrong || c->p < f->limit ? "true" : "false");
  }
  printf("]");
}

static void json_state(const findings *f, const basin_verified *v) {
  const basin_model *m = v->model;
  printf("{\"parameters\": {");
  for (int i = 0; i < m->parameters; i++) {
    printf("%s\"%s\": ", i ? ", " : "", m->parameter[i].name);
    basin_json_number(v->parameter[i]);
  }
  printf("}, \"observables\": {");
  for (int i = 0; i < m->observables; i++) {
    printf("%s\"%s\": ", i ? ", " : "", m->observable[i].name);
    basin_json_number(v->observed[i]);
  }
  printf("},\n     \"experiment\": ");
  basin_json_text(v->experiment);
  printf(",\n     \"comparisons\": ");
  json_comparisons(f, v->comparison, v->comparisons);
  printf(",\n     \"slope\": ");
  json_slope(&v->slope);
  printf("}");
}

static void show_json(const findings *f) {
  printf("{\"version\": \"%s\", \"seed\": %lld, \"states\": %lld, \"inputs\": %lld,\n"
         " \"false_alarm\": %g, \"comparisons\": %lld, \"limit\": %s, \"wrong\": %lld,\n"
         " \"slopes\": %lld, \"wrong_slopes\": %lld, \"kinds\": %lld, \"wrong_kinds\": %lld,\n"
         " \"models\": [",
         BASIN_VERSION, (long long)f->seed, (long long)f->states, (long long)f->inputs, FALSE_ALARM,
         (long long)f->judged, basin_exact(f->limit).text, (long long)f->beyond,
         (long long)f->slopes, (long long)f->wrong_slopes, (long long)f->kinds,
         (long long)f->wrong_kinds);
  for (int m = 0; m < f->models; m++) {
    const finding *found = &f->model[m];
    if (found->path) {
      printf("%s\n  {\"file\": ", m ? "," : "");
      basin_json_text(found->path);
      printf(", \"kinds\": ");
      json_kinds(f, found);
      printf("}");
      continue;
    }
    printf("%s\n  {\"model\": \"%s\", \"sampled\": %s, \"states\": [", m ? "," : "",
           found->model->name, is_sampled(found) ? "true" : "false");
    for (int64_t s = 0; s < found->states; s++) {
      printf("%s\n    ", s ? "," : "");
      json_state(f, &found->state[s]);
    }
    printf("], \"together\": ");
    json_comparisons(f, found->together, is_sampled(found) ? 2 : 0);
    printf(",\n   \"kinds\": ");
    json_kinds(f, found);
    printf("}");
  }
  printf("]}\n");
}

/* ---- the command ---- */

/* whether it is an experiment file, and no name */
static int is_file(const char *argument) { return strchr(argument, '/') || strchr(argument, '.'); }

/* the models and files that are named, or all models */
static basin_status choose(const basin_arguments *a, findings *f, basin_error *error) {
  int count;
  char text[BASIN_UNKNOWN];
  const basin_model *const *all = basin_models(&count);
  f->models = a->positionals ? a->positionals : count;
  f->model = calloc((size_t)f->models + 1, sizeof *f->model);
  if (!f->model) return basin_fail_memory(error);
  for (int m = 0; m < f->models; m++) {
    if (a->positionals && is_file(a->positional[m])) {
      f->model[m].path = a->positional[m];
      const basin_status status = basin_experiment_read(f->model[m].path, NULL, 0,
                                                        &f->model[m].experiment, error);
      if (status) return status;
      continue;
    }
    f->model[m].model = a->positionals ? basin_model_find(a->positional[m]) : all[m];
    if (!f->model[m].model)
      return basin_fail(error, BASIN_BAD_INPUT, "verify: %s",
                        basin_model_unknown(a->positional[m], text));
  }
  return BASIN_OK;
}

/* the kinds beside the first, each at states until it has been tested at some */
static basin_status find_kinds(const findings *f, finding *found, basin_error *error) {
  const basin_model *model = found->model;
  basin_verified_file *kinds = &found->kinds;
  basin_status status = BASIN_OK;
  kinds->check = calloc((size_t)model->kinds, sizeof *kinds->check);
  kinds->variant = calloc((size_t)model->kinds, sizeof *kinds->variant);
  if (!kinds->check || !kinds->variant) return basin_fail_memory(error);
  for (int k = 1; k < model->kinds && !status; k++) {
    basin_check *check = &kinds->check[kinds->checks];
    kinds->variant[kinds->checks++] = -1;
    *check = basin_check_none(model->kind[k].name);
    for (int64_t s = 0; s < found->states && check->starts < BASIN_VERIFY_STARTS && !status; s++)
      status = basin_verify_kind(&found->state[s], (uint64_t)f->seed, check, error);
  }
  return status;
}

static basin_status find(const findings *f, finding *found, basin_error *error) {
  basin_status status = BASIN_OK;
  if (found->path)
    return basin_verify_file(found->experiment, (uint64_t)f->seed, &found->kinds, error);
  found->states = is_sampled(found) ? f->states
                                    : (int64_t)fmin((double)f->states, BASIN_SLOPE_STATES);
  found->state = calloc((size_t)found->states, sizeof *found->state);
  if (!found->state) return basin_fail_memory(error);
  for (int64_t s = 0; s < found->states && !status; s++)
    status = basin_verify_state(found->model, (uint64_t)f->seed, s, f->inputs, &found->state[s],
                                error);
  if (!status && is_sampled(found)) basin_verify_together(found->state, f->states, found->together);
  return status ? status : find_kinds(f, found, error);
}

basin_status basin_command_verify(const basin_arguments *a, basin_error *error) {
  findings f = {.states = 16, .inputs = 1 << 20};
  basin_status status = basin_argument_integer(a, "states", 1, 10000, &f.states, error);
  if (!status) status = basin_argument_integer(a, "inputs", 1024, 1 << 24, &f.inputs, error);
  if (!status) status = basin_argument_integer(a, "seed", 0, INT64_MAX, &f.seed, error);
  if (!status) status = choose(a, &f, error);
  for (int m = 0; m < f.models && !status; m++) status = find(&f, &f.model[m], error);
  if (!status) {
    judge(&f);
    if (basin_argument(a, "json")) show_json(&f);
    else show(&f);
    if (f.beyond)
      status = basin_fail(error, BASIN_OUTSIDE,
                          "verify: %lld of %lld comparisons are beyond chance: the closed form or "
                          "the sampled form is wrong",
                          (long long)f.beyond, (long long)f.judged);
    else if (f.wrong_slopes)
      status = basin_fail(error, BASIN_OUTSIDE,
                          "verify: %lld of %lld slopes are wrong: the loss or the step that "
                          "follows its gradient is",
                          (long long)f.wrong_slopes, (long long)f.slopes);
    else if (f.wrong_kinds)
      status = basin_fail(error, BASIN_OUTSIDE,
                          "verify: %lld of %lld kinds of steps are not what they say they are",
                          (long long)f.wrong_kinds, (long long)f.kinds);
    else if (!f.judged && !f.slopes && !f.kinds)
      status = basin_fail(error, BASIN_OUTSIDE, "verify: nothing of it could be tested");
  }
  for (int m = 0; f.model && m < f.models; m++) {
    for (int64_t s = 0; f.model[m].state && s < f.model[m].states; s++)
      basin_verified_free(&f.model[m].state[s]);
    free(f.model[m].state);
    basin_verified_file_free(&f.model[m].kinds);
    basin_experiment_free(f.model[m].experiment);
  }
  free(f.model);
  return status;
}
