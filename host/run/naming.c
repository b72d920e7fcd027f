/* SPDX-License-Identifier: MIT */
#include "run/naming.h"
#include "read/expression.h"
#include "read/named.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

basin_status basin_naming_begin(const basin_job *job, const basin_part *part, int8_t **before,
                                basin_error *error) {
  *before = NULL;
  if (!job->naming && !job->points) return BASIN_OK;
  *before = malloc((size_t)part->count);
  if (!*before) return basin_fail_memory(error);
  memcpy(*before, part->outcome, (size_t)part->count);
  return BASIN_OK;
}

/* A trial while it is named. */
typedef struct ended {
  const basin_job *job;
  basin_part *part;
  int64_t trial; /* its index in the part */
  double *state; /* [size.states] */
  double *full;  /* [size.vectors] its full vectors, once `known` */
  int known;
  basin_maker *maker;             /* of full vectors, once any were asked for */
  const basin_outcome_rule *rule; /* that is asked, */
  const double *number;           /* and the cell's values of its names */
} ended;

/* ---- near ---- */

static basin_status find_vectors(ended *x, basin_error *error) {
  const basin_setting *setting = x->job->setting;
  const basin_part *part = x->part;
  if (x->known) return BASIN_OK;
  for (int64_t i = 0; i < setting->size.states; i++)
    x->state[i] = part->end[i * part->count + x->trial];
  if (!x->maker) x->maker = x->job->model->maker(setting, NULL);
  if (!x->maker) return basin_fail_memory(error);
  x->job->model->make(x->maker, part->first + x->trial, 1, x->state, 0, x->full);
  x->known = 1;
  return BASIN_OK;
}

/* whether the trial is within number[0] of the point whose entries follow; *entries: how many those are */
static int is_near(const ended *x, const double *number, int64_t *entries) {
  const basin_model *model = x->job->model;
  const double *at = x->full, *point = number + 1;
  double sum = 0;
  for (int v = 0; v < model->initials; v++) {
    const int64_t size = basin_vector_size(&x->job->setting->initial[v]);
    for (int64_t i = 0; i < size && x->rule->near >> v & 1; i++, point++)
      sum += (at[i] - *point) * (at[i] - *point);
    at += size;
  }
  *entries = point - (number + 1);
  return sqrt(sum) <= number[0];
}

/* ---- when ---- */

/* the name of an observable, or of a number of the cell */
static basin_status look_up(void *context, const char *name, double *value, int *found,
                            basin_error *error) {
  const ended *x = context;
  const double *number = x->number;
  (void)error;
  *found = 1;
  for (int s = 0; s < x->rule->symbols; s++) {
    const basin_rule_symbol *symbol = &x->rule->symbol[s];
    const int same = !strcmp(symbol->name, name);
    if (same && symbol->is_observable)
      *value = x->part->final[symbol->final * x->part->count + x->trial];
    else if (same) *value = *number;
    if (same) return BASIN_OK;
    number += !symbol->is_observable;
  }
  *found = 0;
  return BASIN_OK;
}

/* ---- both ---- */

/* whether the rule holds; *number: its numbers, and then those of the next one */
static basin_status ask(ended *x, const basin_outcome_rule *rule, const double **number, int *holds,
                        basin_error *error) {
  basin_status status = BASIN_OK;
  int64_t entries;
  *holds = 1;
  x->rule = rule;
  if (rule->near) {
    status = find_vectors(x, error);
    if (status) return status;
    *holds = is_near(x, *number, &entries);
    *number += 1 + entries;
  }
  x->number = *number;
  for (int s = 0; s < rule->symbols; s++) *number += !rule->symbol[s].is_observable;
  if (*holds && rule->when)
    status = basin_condition_holds(rule->when, (basin_place){0}, look_up, x, holds, error);
  return status;
}

static basin_status name_trial(ended *x, basin_error *error) {
  const basin_naming *naming = x->job->naming;
  const double *number = naming ? naming->number : NULL;
  for (int i = 0; naming && i < naming->rules->count; i++) {
    const basin_outcome_rule *rule = &naming->rules->rule[i];
    int holds;
    const basin_status status = ask(x, rule, &number, &holds, error);
    if (status) return status;
    if (!holds) continue;
    x->part->outcome[x->trial] = (int8_t)rule->outcome;
    break;
  }
  return BASIN_OK;
}

/* a vector at the end of the trial, into *point, which goes on behind it */
static basin_status keep_vector(ended *x, const struct basin_by *by, double **point,
                                basin_error *error) {
  const basin_job *job = x->job;
  const basin_vector *initial = job->setting->initial;
  const double *at = x->full;
  const basin_status status = find_vectors(x, error);
  if (status) return status;
  for (int v = 0; v < by->initial; v++) at += basin_vector_size(&initial[v]);
  for (int64_t i = 0; i < basin_vector_size(&initial[by->initial]); i++) {
    if (isnan(at[i]))
      return basin_fail(error, BASIN_FAILED,
                        "cell %lld, trial %lld: outcomes.discover: the state of these dynamics "
                        "does not know `%s` at the end; name other vectors, or observables, under "
                        "`by`",
                        (long long)job->cell, (long long)(x->part->first + x->trial), by->name);
    **point = at[i];
    *point += x->part->count;
  }
  return BASIN_OK;
}

/* where it has come to rest */
static basin_status keep_point(ended *x, basin_error *error) {
  basin_part *part = x->part;
  basin_status status = BASIN_OK;
  double *point = part->point + x->trial;
  if (!basin_rests(part->outcome[x->trial])) return BASIN_OK;
  for (int b = 0; b < x->job->discover->count && !status; b++) {
    const struct basin_by *by = &x->job->discover->by[b];
    if (by->initial >= 0) {
      status = keep_vector(x, by, &point, error);
      continue;
    }
    *point = part->final[by->final * part->count + x->trial];
    point += part->count;
  }
  return status;
}

/* Whether the trial has ended since. One that had diverged has begun again, if it has not diverged for good. A sample
   of a run (sample.h) ends trials before the cell's max_steps: those are not over. */
static int has_ended(const basin_job *job, const basin_part *part, const int8_t *before,
                     int64_t trial) {
  const int outcome = part->outcome[trial];
  if (outcome < 0 || outcome == BASIN_DIVERGED) return 0;
  if (outcome == BASIN_UNRESOLVED && job->naming && part->steps[trial] < job->naming->max_steps)
    return 0;
  return before[trial] < 0 || before[trial] == BASIN_DIVERGED;
}

basin_status basin_naming_end(const basin_job *job, basin_part *part, int8_t *before,
                              basin_error *error) {
  basin_status status = BASIN_OK;
  if (!before) return BASIN_OK;
  const size_t states = (size_t)job->setting->size.states,
               vectors = (size_t)job->setting->size.vectors;
  double *room = malloc((states + vectors + 1) * sizeof *room);
  ended x = {.job = job, .part = part, .state = room, .full = room ? room + states : NULL};
  if (!room) status = basin_fail_memory(error);
  for (x.trial = 0; x.trial < part->count && !status; x.trial++) {
    if (!has_ended(job, part, before, x.trial)) continue;
    x.known = 0;
    status = name_trial(&x, error);
    if (!status && part->point) status = keep_point(&x, error);
  }
  job->model->maker_free(x.maker);
  free(room);
  free(before);
  return status;
}
