/* SPDX-License-Identifier: MIT
 *
 * record.c: what an experiment keeps.
 *
 *   record:
 *     trials: 100                 trials of each cell that keep their trajectory (default 0)
 *     steps: {log: 200}           0 and about so many steps, evenly spaced in the logarithm (default 100)
 *            {every: 10}          every tenth step
 *            [0, 1, 10, 100]      these
 *     observables: [phi, loss]    along the trajectory (default: all, as `all`)
 *     final: [loss, phi]          at the end of every trial, or `all` (default: [loss], with fixed data sets
 *                                 [loss, train_loss])
 *     parameters: true            the full vectors too, at the recorded steps
 *     estimate: {inputs: 1000}    loss and gradient norms measured on so many fresh inputs there, see measure.h
 *     passages: {loss: {below: 1e-6}}   first steps at a level, of every trial: passages.c
 *     limit: true                 of networks: eigenvalues and mean losses at infinite width, see network/cell_limit.h
 */
#include "read/record.h"
#include "base/text.h"
#include "network/cell_limit.h"
#include "numeric/dmath.h"
#include "read/named.h"
#include "read/scope.h"
#include "seam/layers.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t longest(const basin_experiment *e) {
  int64_t steps = 0;
  for (int64_t i = 0; i < e->cells; i++)
    if (e->cell[i].setting.stop.max_steps > steps) steps = e->cell[i].setting.stop.max_steps;
  return steps;
}

static basin_status reserve(basin_experiment *e, int64_t times, basin_place place,
                            basin_error *error) {
  if (times > BASIN_TIMES_MAX)
    return basin_fail_at(error, place, "record.steps: %lld steps, expected at most %d",
                         (long long)times, BASIN_TIMES_MAX);
  e->time = calloc((size_t)times + 1, sizeof *e->time);
  return e->time ? BASIN_OK : basin_fail_memory(error);
}

/* 0, 1, ..., last: about n of them, evenly spaced in the logarithm, duplicates left out */
static basin_status log_spaced(basin_experiment *e, int64_t n, basin_place place,
                               basin_error *error) {
  const int64_t last = longest(e);
  const basin_status status = reserve(e, n + 2, place, error);
  if (status) return status;
  e->time[e->times++] = 0;
  for (int64_t i = 0; i < n; i++) {
    const double x = n > 1 ? (double)i / (double)(n - 1) : 1;
    const int64_t step = i == n - 1 ? last : (int64_t)nearbyint(r_exp(x * r_log((double)last)));
    if (step > e->time[e->times - 1]) e->time[e->times++] = step;
  }
  return BASIN_OK;
}

static basin_status read_steps(basin_experiment *e, basin_scope *scope, const basin_node *node,
                               basin_error *error) {
  static const char *const key[] = {"log", "every"};
  basin_status status;
  int64_t n = 100;
  if (!node) return log_spaced(e, n, (basin_place){0}, error);
  if (node->kind == BASIN_SEQUENCE) {
    status = reserve(e, node->count, node->place, error);
    for (int i = 0; i < node->count && !status; i++) {
      const int64_t before = i ? e->time[i - 1] + 1 : 0;
      status = basin_scope_integer(scope, node->child[i], "record.steps (in ascending order)",
                                   before, BASIN_STEPS_MAX, &e->time[i], error);
      e->times++;
    }
    return status;
  }
  status = basin_check_keys(node, key, 2, "record.steps", error);
  if (status) return status;
  if (node->count != 1)
    return basin_fail_at(error, node->place,
                         "record.steps: expected {log: n}, {every: n} or a list of steps");
  status = basin_scope_integer(scope, node->child[0], "record.steps", 1, BASIN_STEPS_MAX, &n,
                               error);
  if (status) return status;
  if (basin_node_get(node, "log"))
    return n <= BASIN_TIMES_MAX ? log_spaced(e, n, node->place, error)
                                : reserve(e, n, node->place, error);
  const int64_t times = longest(e) / n + 1;
  status = reserve(e, times, node->place, error);
  for (int64_t i = 0; i < times && !status; i++) e->time[e->times++] = i * n;
  return status;
}

/* whether any cell has it */
static int is_observable(const basin_experiment *e, const char *name) {
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_cell *cell = &e->cell[c], *before = c ? cell - 1 : NULL;
    if (before && basin_same_observables(before, cell)) continue;
    if (basin_observable_find(cell, name) >= 0) return 1;
  }
  return 0;
}

/* whether any cell's model has it */
static int is_known(const basin_experiment *e, const char *name) {
  int known = 0;
  for (int64_t c = 0; c < e->cells && !known; c++) {
    const basin_model *model = e->cell[c].model;
    known = basin_symbol_find(model->observable, model->observables, name) >= 0;
  }
  return known;
}

/* number i of all: the first model's, then those of data sets; NULL where no cell has it */
static const char *one_of_all(const basin_experiment *e, int i) {
  const basin_model *model = e->cell[0].model;
  const char *name = i < model->observables ? model->observable[i].name
                                            : basin_risk_observables()[i - model->observables].name;
  return is_observable(e, name) ? name : NULL;
}

static int is_loss(const char *name) {
  return !strcmp(name, "loss") || !strcmp(name, "train_loss");
}

/* all observables, in the order of the first cell's, or the losses among them */
static basin_status keep_all(const basin_experiment *e, int losses, int *count, char ***name,
                             basin_error *error) {
  const int n = e->cell[0].model->observables + BASIN_RISK_OBSERVABLES;
  *name = calloc((size_t)n + 1, sizeof **name);
  if (!*name) return basin_fail_memory(error);
  for (int i = 0; i < n; i++) {
    const char *text = one_of_all(e, i);
    if (!text || (losses && !is_loss(text))) continue;
    if (!((*name)[*count] = strdup(text))) return basin_fail_memory(error);
    ++*count;
  }
  return BASIN_OK;
}

/* layers of the deepest network that has the observable `name`, but for the number at its end; *stem: bytes before that
   number; 0: there is none */
static int layers_with(const basin_experiment *e, const char *name, int *stem) {
  int length = (int)strlen(name), deepest = 0;
  while (length && isdigit((unsigned char)name[length - 1])) length--;
  *stem = length;
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_model *model = e->cell[c].model;
    for (int i = 0; i < model->layer_observables; i++) {
      const char *of = model->layer_observable[i].name;
      const int is_it = length == (int)strlen(of) + 1 && name[length - 1] == '_' &&
                        !strncmp(name, of, strlen(of));
      if (is_it && model->initials > deepest) deepest = model->initials;
    }
  }
  return deepest;
}

/* the observable of some cell whose name is nearest, or NULL */
static const char *nearest_of(const basin_experiment *e, const char *name) {
  const char *known[BASIN_LAYERS_MAX];
  const basin_model *model = e->cell[0].model;
  int count = 0;
  for (int i = 0; i < model->observables && count < BASIN_LAYERS_MAX; i++)
    if (is_observable(e, model->observable[i].name)) known[count++] = model->observable[i].name;
  return basin_nearest(name, known, count);
}

basin_status basin_observable_unknown(const basin_experiment *e, const char *what, const char *name,
                                      basin_place place, basin_error *error) {
  int stem;
  const int layers = layers_with(e, name, &stem);
  const char *near = nearest_of(e, name);
  if (layers)
    return basin_fail_at(error, place,
                         "%s: no observable `%s`: the layers of this experiment are %.*s1%s%.*s%.d",
                         what, name, stem, name, layers > 1 ? " to " : "", layers > 1 ? stem : 0,
                         name, layers > 1 ? layers : 0);
  return near ? basin_fail_at(error, place, "%s: no observable `%s`, did you mean `%s`?", what,
                              name, near)
              : basin_fail_at(error, place, "%s: no observable `%s`, see `basin models`", what,
                              name);
}

/* names of observables, or `all`; losses: what is kept where none are named */
static basin_status read_names(const basin_experiment *e, const basin_node *node, const char *what,
                               int losses, int *count, char ***name, basin_error *error) {
  const int all = node && node->kind == BASIN_SCALAR && !strcmp(node->text, "all");
  if (!node || all) return keep_all(e, losses && !all, count, name, error);
  if (node->kind != BASIN_SEQUENCE)
    return basin_fail_at(error, node->place, "%s: expected a list of observables, or all", what);
  *name = calloc((size_t)node->count + 1, sizeof **name);
  if (!*name) return basin_fail_memory(error);
  for (int i = 0; i < node->count; i++) {
    const basin_node *item = node->child[i];
    const char *text = item->kind == BASIN_SCALAR ? item->text : "";
    if (!is_observable(e, text) && is_known(e, text))
      return basin_fail_at(error, item->place,
                           "%s: `%s` is a closed form, and not of this law of the inputs: measure "
                           "it, by record.estimate",
                           what, text);
    if (!is_observable(e, text)) return basin_observable_unknown(e, what, text, item->place, error);
    for (int j = 0; j < i; j++)
      if (!strcmp((*name)[j], text))
        return basin_fail_at(error, item->place, "%s: `%s` is given twice", what, text);
    if (!((*name)[i] = strdup(text))) return basin_fail_memory(error);
    ++*count;
  }
  return BASIN_OK;
}

/* the name of a quantity that is estimated, once */
static basin_status add_need(basin_experiment *e, const char *name, basin_error *error) {
  for (int i = 0; i < e->estimates; i++)
    if (!strcmp(e->estimate[i], name)) return BASIN_OK;
  char **more = realloc(e->estimate, (size_t)(e->estimates + 1) * sizeof *more);
  if (!more) return basin_fail_memory(error);
  e->estimate = more;
  if (!(e->estimate[e->estimates] = strdup(name))) return basin_fail_memory(error);
  e->estimates++;
  return BASIN_OK;
}

/* estimate: {inputs: M}: the loss, and every gradient norm that a model of the experiment has */
static basin_status read_estimate(basin_experiment *e, basin_scope *scope, const basin_node *node,
                                  basin_error *error) {
  static const char *const key[] = {"inputs"};
  basin_status status = basin_check_keys(node, key, 1, "record.estimate", error);
  const basin_node *inputs = basin_node_get(node, "inputs");
  if (!status && !inputs)
    return basin_fail_at(error, node->place,
                         "record.estimate.inputs is missing: how many at every recorded step");
  if (!status)
    status = basin_scope_integer(scope, inputs, "record.estimate.inputs", BASIN_INPUTS_MIN,
                                 BASIN_BLOCKS_MAX, &e->inputs, error);
  if (!status) status = add_need(e, "loss", error);
  for (int64_t c = 0; c < e->cells && !status; c++) {
    const basin_model *model = e->cell[c].model;
    if (!model->has_inputs)
      return basin_fail_at(error, node->place,
                           "record.estimate: model %s has no sampled form to estimate from",
                           model->name);
    if (e->cell[c].setting.gradient.images)
      return basin_fail_at(error, node->place,
                           "record.estimate: there are no fresh inputs, for those of cell %lld are "
                           "cut from images: train_loss is their loss",
                           (long long)c);
    const int64_t most = basin_inputs_max(&e->cell[c].setting);
    if (e->inputs > most)
      return basin_fail_at(error, inputs->place,
                           "record.estimate.inputs is %lld, expected at most %lld: an input of "
                           "cell %lld takes %lld blocks of random numbers, of %lld at a step",
                           (long long)e->inputs, (long long)most, (long long)c,
                           (long long)e->cell[c].setting.size.input_blocks,
                           (long long)BASIN_BLOCKS_MAX);
    for (int i = 0; i < model->norms && !status; i++)
      status = add_need(e, model->observable[model->norm[i].observable].name, error);
  }
  return status;
}

static basin_status read_flag(const basin_node *node, const char *what, int *flag,
                              basin_error *error) {
  if (!node) return BASIN_OK;
  const char *text = node->kind == BASIN_SCALAR ? node->text : "";
  *flag = !strcmp(text, "true");
  if (*flag || !strcmp(text, "false")) return BASIN_OK;
  return basin_fail_at(error, node->place, "%s: expected true or false", what);
}

/* that there is one, of any cell */
static basin_status check_limit(const basin_experiment *e, const basin_node *node,
                                basin_error *error) {
  basin_error why, first;
  for (int64_t c = 0; c < e->cells && e->limit; c++) {
    if (!basin_cell_limit_check(&e->cell[c].setting, c ? &why : &first)) return BASIN_OK;
  }
  if (!e->limit) return BASIN_OK;
  return basin_fail_at(error, node->place, "record.limit: there is none: %s", first.text);
}

static int *index_of(const basin_experiment *e, const basin_cell *cell) {
  int *index = calloc((size_t)(e->asked + e->observables) + 1, sizeof *index);
  for (int i = 0; index && i < e->asked; i++) index[i] = basin_observable_find(cell, e->final[i]);
  for (int i = 0; index && i < e->observables; i++)
    index[e->asked + i] = basin_observable_find(cell, e->observable[i]);
  return index;
}

/* what the names are to every cell; `first`: the cell that a list was made for */
static basin_status find_names(basin_experiment *e, basin_error *error) {
  int64_t *first = calloc((size_t)e->cells + 1, sizeof *first);
  e->index = calloc((size_t)e->cells + 1, sizeof *e->index);
  basin_status status = first && e->index ? BASIN_OK : basin_fail_memory(error);
  for (int64_t c = 0; c < e->cells && !status; c++) {
    int i = 0;
    while (i < e->indices && !basin_same_observables(&e->cell[first[i]], &e->cell[c])) i++;
    if (i == e->indices) {
      first[i] = c;
      e->index[i] = index_of(e, &e->cell[c]);
      if (e->index[i]) e->indices++;
      else status = basin_fail_memory(error);
    }
    e->cell[c].index = e->index[i];
  }
  free(first);
  return status;
}

basin_status basin_record_read(basin_experiment *e, const basin_node *record, basin_error *error) {
  static const char *const key[] = {"trials",     "steps",    "observables", "final",
                                    "parameters", "estimate", "passages",    "limit"};
  basin_scope scope = {0};
  const basin_node *trials = basin_node_get(record, "trials"),
                   *limit = basin_node_get(record, "limit"),
                   *estimate = basin_node_get(record, "estimate");
  basin_status status = record ? basin_check_keys(record, key, 8, "record", error) : BASIN_OK;
  if (!status && trials)
    status = basin_scope_integer(&scope, trials, "record.trials", 0, BASIN_TRIALS_MAX, &e->recorded,
                                 error);
  if (!status)
    status = read_flag(basin_node_get(record, "parameters"), "record.parameters", &e->keep_vectors,
                       error);
  if (!status) status = read_flag(limit, "record.limit", &e->limit, error);
  if (!status) status = check_limit(e, limit, error);
  if (!status) status = read_steps(e, &scope, basin_node_get(record, "steps"), error);
  if (!status)
    status = read_names(e, basin_node_get(record, "observables"), "record.observables", 0,
                        &e->observables, &e->observable, error);
  if (!status)
    status = read_names(e, basin_node_get(record, "final"), "record.final", 1, &e->finals,
                        &e->final, error);
  e->asked = e->finals;
  if (!status) status = basin_named_end(e, error);
  if (!status) status = find_names(e, error);
  if (!status && estimate) status = read_estimate(e, &scope, estimate, error);
  return status;
}
