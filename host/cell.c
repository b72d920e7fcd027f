/* SPDX-License-Identifier: MIT
 *
 * cell.c: one point of the grid, for one variant, resolved to numbers.
 */
#include "experiment.h"
#include "expression.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32, WHAT_MAX = 160, SYMBOLS_MAX = 64 /* of one table of a model */ };

/* a step larger than the squared length at which a trial counts as diverged; as the time of a gradient flow it has more
   substeps than could ever be taken */
static const double STEP_SIZE_MAX = 1e100;

/* ---- values ---- */

static basin_status look_up(void *context, const char *name, double *value, int *found,
                            basin_error *error) {
  basin_scope *scope = context;
  *found = 1;
  for (int i = 0; scope->coordinate && i < scope->experiment->axes; i++)
    if (!strcmp(scope->experiment->axis[i], name)) {
      *value = scope->coordinate[i];
      scope->used[i] = 1;
      return BASIN_OK;
    }

  /* expressions that may name each other: evaluated where they are asked for */
  const basin_node *node = NULL;
  if (scope->stage && scope->model &&
      basin_symbol_find(scope->model->step_size, scope->model->step_sizes, name) >= 0)
    node = basin_node_get(scope->stage, name);
  if (!node) node = basin_node_get(scope->parameters, name);
  if (!node) node = basin_node_get(scope->define, name);
  if (node) {
    if (scope->depth > DEPTH_MAX)
      return basin_fail_at(error, node->place,
                           "`%s` is defined by itself, or through over %d names", name, DEPTH_MAX);
    scope->depth++;
    const basin_status status = basin_scope_value(scope, node, name, value, error);
    scope->depth--;
    return status;
  }
  const int parameter = scope->model ? basin_symbol_find(scope->model->parameter,
                                                         scope->model->parameters, name)
                                     : -1;
  if (parameter >= 0) {
    *value = scope->model->parameter[parameter].initial;
    return BASIN_OK;
  }
  *found = 0;
  return BASIN_OK;
}

basin_status basin_scope_value(basin_scope *scope, const basin_node *node, const char *what,
                               double *value, basin_error *error) {
  if (node->kind != BASIN_SCALAR)
    return basin_fail_at(error, node->place, "%s: expected a number or an expression, not %s", what,
                         basin_kind_name(node->kind));
  if (!*node->text)
    return basin_fail_at(error, node->place,
                         "%s: nothing given, expected a number or an expression", what);
  basin_place place = node->place;
  place.column += node->quoted;
  return basin_evaluate(node->text, place, look_up, scope, value, error);
}

basin_status basin_scope_integer(basin_scope *scope, const basin_node *node, const char *what,
                                 int64_t minimum, int64_t maximum, int64_t *value,
                                 basin_error *error) {
  double x;
  const basin_status status = basin_scope_value(scope, node, what, &x, error);
  if (status) return status;
  if (x != floor(x) || x < (double)minimum || x > (double)maximum)
    return basin_fail_at(error, node->place,
                         "%s is %.17g, expected a whole number from %lld to %lld", what, x,
                         (long long)minimum, (long long)maximum);
  *value = (int64_t)x;
  return BASIN_OK;
}

basin_status basin_check_keys(const basin_node *mapping, const char *const *key, int keys,
                              const char *what, basin_error *error) {
  char list[512] = "";
  if (mapping->kind != BASIN_MAPPING)
    return basin_fail_at(error, mapping->place, "%s: expected a mapping, not %s", what,
                         basin_kind_name(mapping->kind));
  for (int i = 0; i < mapping->count; i++) {
    int known = 0;
    for (int j = 0; j < keys; j++) known |= !strcmp(mapping->key[i], key[j]);
    if (known) continue;
    const char *near = basin_nearest(mapping->key[i], key, keys);
    if (near)
      return basin_fail_at(error, mapping->key_place[i],
                           "unknown key `%s` in %s, did you mean `%s`?", mapping->key[i], what,
                           near);
    for (int j = 0; j < keys; j++)
      snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", j ? ", " : "", key[j]);
    return basin_fail_at(error, mapping->key_place[i],
                         "unknown key `%s` in %s, expected one of: %s", mapping->key[i], what,
                         list);
  }
  return BASIN_OK;
}

/* ---- the parts of a cell ---- */

/* a mapping keyed by the names of a model's table */
static basin_status check_symbols(const basin_node *mapping, const basin_symbol *symbol,
                                  int symbols, const char *what, basin_error *error) {
  const char *name[SYMBOLS_MAX] = {NULL};
  for (int i = 0; i < symbols; i++) name[i] = symbol[i].name;
  return basin_check_keys(mapping, name, symbols, what, error);
}

static basin_status read_parameters(basin_scope *scope, basin_cell *cell, basin_error *error) {
  const basin_model *model = cell->model;
  if (scope->parameters) {
    const basin_status status = check_symbols(scope->parameters, model->parameter,
                                              model->parameters, "parameters", error);
    if (status) return status;
  }
  for (int i = 0; i < model->parameters; i++) {
    const basin_symbol *symbol = &model->parameter[i];
    const basin_node *node = basin_node_get(scope->parameters, symbol->name);
    double *value = &cell->parameter[i];
    int found;
    const basin_status status = look_up(scope, symbol->name, value, &found, error);
    if (status) return status;
    if (*value >= symbol->minimum && *value <= symbol->maximum &&
        !(symbol->integer && *value != floor(*value)))
      continue;
    basin_place place = node ? node->place : (basin_place){0};
    for (int a = 0; a < scope->experiment->axes; a++)
      if (!strcmp(scope->experiment->axis[a], symbol->name))
        place = scope->experiment->axis_place[a];
    return basin_fail_at(error, place, "%s is %.17g, expected a %s from %.17g to %.17g",
                         symbol->name, *value, symbol->integer ? "whole number" : "number",
                         symbol->minimum, symbol->maximum);
  }
  return BASIN_OK;
}

static basin_status read_vectors(basin_scope *scope, const basin_node *mapping, basin_place place,
                                 const char *what, const basin_symbol *symbol, int symbols,
                                 int random, basin_cell *cell, basin_vector *vector,
                                 basin_error *error) {
  char name[WHAT_MAX];
  if (!mapping && !symbols) return BASIN_OK;
  if (!mapping) return basin_fail_at(error, place, "key `%s` is missing", what);
  basin_status status = check_symbols(mapping, symbol, symbols, what, error);
  for (int i = 0; i < symbols && !status; i++) {
    const basin_node *node = basin_node_get(mapping, symbol[i].name);
    snprintf(name, sizeof name, "%s.%s", what, symbol[i].name);
    if (!node)
      return basin_fail_at(error, mapping->place, "%s is missing: %s", name, symbol[i].meaning);
    vector[i].rows = symbol[i].rows >= 0 ? (int64_t)cell->parameter[symbol[i].rows] : 1;
    vector[i].length = (int64_t)cell->parameter[symbol[i].length];
    status = basin_vector_read(scope, node, name, symbol[i].rows >= 0, random, &vector[i], error);
  }
  return status;
}

static basin_status read_stage(basin_scope *scope, const basin_node *node, int last,
                               basin_cell *cell, basin_stage *stage, basin_error *error) {
  const basin_model *model = cell->model;
  const char *key[BASIN_STEP_SIZES_MAX + 2] = {"steps", "eta"};
  for (int i = 0; i < model->step_sizes; i++) key[i + 2] = model->step_size[i].name;
  basin_status status = basin_check_keys(node, key, model->step_sizes + 2, "schedule", error);
  if (status) return status;

  const basin_node *steps = basin_node_get(node, "steps");
  stage->steps = INT64_MAX;
  if (last && steps)
    return basin_fail_at(
        error, steps->place,
        "steps of the last stage: it lasts until stop.max_steps, leave `steps` out here");
  if (!last && !steps)
    return basin_fail_at(error, node->place,
                         "steps is missing: every stage but the last one needs a length");
  if (steps)
    status = basin_scope_integer(scope, steps, "steps", 1, BASIN_STEPS_MAX, &stage->steps, error);

  scope->stage = node;
  for (int i = 0; i < model->step_sizes && !status; i++) {
    const basin_node *eta = basin_node_get(node, model->step_size[i].name);
    if (!eta) eta = basin_node_get(node, "eta");
    if (!eta)
      status = basin_fail_at(error, node->place,
                             "step size `%s` is missing (or give `eta` for all)",
                             model->step_size[i].name);
    else status = basin_scope_value(scope, eta, model->step_size[i].name, &stage->eta[i], error);
    if (!status && !(stage->eta[i] >= 0 && stage->eta[i] <= STEP_SIZE_MAX))
      status = basin_fail_at(error, eta->place, "%s is %g, expected a step size from 0 to %g",
                             model->step_size[i].name, stage->eta[i], STEP_SIZE_MAX);
  }
  scope->stage = NULL;
  return status;
}

static basin_status read_schedule(basin_scope *scope, const basin_node *schedule, basin_place place,
                                  basin_cell *cell, basin_error *error) {
  if (!schedule) return basin_fail_at(error, place, "key `schedule` is missing");
  if (schedule->kind != BASIN_SEQUENCE || !schedule->count)
    return basin_fail_at(error, schedule->place, "schedule: expected a list of at least one stage");
  if (schedule->count > BASIN_STAGES_MAX)
    return basin_fail_at(error, schedule->place, "schedule: %d stages, expected at most %d",
                         schedule->count, BASIN_STAGES_MAX);
  cell->stage = calloc((size_t)schedule->count, sizeof *cell->stage);
  if (!cell->stage) return basin_fail_memory(error);
  for (int i = 0; i < schedule->count; i++) {
    const int last = i == schedule->count - 1;
    const basin_status status = read_stage(scope, schedule->child[i], last, cell, &cell->stage[i],
                                           error);
    if (status) return status;
  }
  cell->setting.stage = cell->stage;
  cell->setting.stages = schedule->count;
  return BASIN_OK;
}

static basin_status read_stop(basin_scope *scope, const basin_node *stop, basin_cell *cell,
                              basin_error *error) {
  static const char *const key[] = {"at", "at_spurious", "at_gradient", "max_steps"};
  cell->setting.stop = (basin_stop){.tolerance = 0, .max_steps = 1000000};
  if (!stop) return BASIN_OK;
  basin_status status = basin_check_keys(stop, key, 4, "stop", error);
  const basin_node *at = basin_node_get(stop, "at"), *max_steps = basin_node_get(stop, "max_steps"),
                   *spurious = basin_node_get(stop, "at_spurious"),
                   *gradient = basin_node_get(stop, "at_gradient");
  if (!status && spurious && !at)
    return basin_fail_at(error, spurious->place,
                         "stop.at_spurious goes with stop.at, which is missing");
  if (!status && at)
    status = basin_scope_value(scope, at, "stop.at", &cell->setting.stop.tolerance, error);
  if (!status && at && !(cell->setting.stop.tolerance > 0))
    status = basin_fail_at(error, at->place, "stop.at is %g, expected a tolerance above 0",
                           cell->setting.stop.tolerance);
  if (!status && spurious)
    status = basin_scope_value(scope, spurious, "stop.at_spurious",
                               &cell->setting.stop.tolerance_spurious, error);
  if (!status && spurious && !(cell->setting.stop.tolerance_spurious > 0))
    status = basin_fail_at(error, spurious->place,
                           "stop.at_spurious is %g, expected a tolerance above 0",
                           cell->setting.stop.tolerance_spurious);
  if (!status && gradient)
    status = basin_scope_value(scope, gradient, "stop.at_gradient",
                               &cell->setting.stop.tolerance_gradient, error);
  if (!status && gradient && !(cell->setting.stop.tolerance_gradient > 0))
    status = basin_fail_at(error, gradient->place,
                           "stop.at_gradient is %g, expected a tolerance above 0",
                           cell->setting.stop.tolerance_gradient);
  if (!status && max_steps)
    status = basin_scope_integer(scope, max_steps, "stop.max_steps", 1, BASIN_STEPS_MAX,
                                 &cell->setting.stop.max_steps, error);
  return status;
}

int basin_is_infinity(const basin_node *node) {
  return node->kind == BASIN_SCALAR && (!strcmp(node->text, "inf") || !strcmp(node->text, ".inf"));
}

/* the same, or a grid parameter that is */
static int is_infinite(const basin_scope *scope, const basin_node *node) {
  for (int a = 0; node->kind == BASIN_SCALAR && a < scope->experiment->axes; a++)
    if (!strcmp(node->text, scope->experiment->axis[a]) && scope->coordinate[a] == INFINITY) {
      scope->used[a] = 1;
      return 1;
    }
  return basin_is_infinity(node);
}

/* gradient.sampled.inputs: {fixed: n, batch: B, set: s}; n = inf is the population, B = inf all n inputs */
static basin_status read_fixed(basin_scope *scope, const basin_node *inputs, basin_cell *cell,
                               basin_error *error) {
  static const char *const key[] = {"fixed", "batch", "set"};
  basin_gradient *g = &cell->setting.gradient;
  basin_status status = basin_check_keys(inputs, key, 3, "gradient.sampled.inputs", error);
  const basin_node *fixed = basin_node_get(inputs, "fixed"),
                   *batch = basin_node_get(inputs, "batch"), *set = basin_node_get(inputs, "set");
  if (status) return status;
  if (!fixed)
    return basin_fail_at(error, inputs->place,
                         "gradient.sampled.inputs.fixed is missing: the size of the data set");
  if (!cell->model->states[BASIN_FIXED])
    return basin_fail_at(error, fixed->place, "model %s has no fixed data sets", cell->model->name);
  if (set)
    status = basin_scope_integer(scope, set, "gradient.sampled.inputs.set", 0, BASIN_TRIALS_MAX - 1,
                                 &g->set, error);
  const int whole = !batch || is_infinite(scope, batch);
  if (status) return status;
  if (is_infinite(scope, fixed))
    return whole ? BASIN_OK
                 : basin_fail_at(error, batch->place,
                                 "gradient.sampled.inputs.batch: a mini-batch of infinitely many "
                                 "inputs is `inputs: B` with a sampler");
  status = basin_scope_integer(scope, fixed, "gradient.sampled.inputs.fixed", 1, BASIN_DATA_SET_MAX,
                               &g->fixed, error);
  if (!status && !whole)
    status = basin_scope_integer(scope, batch, "gradient.sampled.inputs.batch", 1, g->fixed,
                                 &g->batch, error);
  g->inputs = g->batch ? g->batch : g->fixed;
  g->dynamics = BASIN_FIXED;
  return status;
}

/* the rule for stationary points asks for the gradient of the whole risk */
static basin_status check_stop(const basin_node *stop, const basin_node *gradient,
                               const basin_cell *cell, basin_error *error) {
  const basin_node *inputs = basin_node_get(basin_node_get(gradient, "sampled"), "inputs");
  const int fixed = inputs && inputs->kind == BASIN_MAPPING; /* of infinitely many inputs, too */
  if (!(cell->setting.stop.tolerance_gradient > 0) || (fixed && !cell->setting.gradient.batch))
    return BASIN_OK;
  return basin_fail_at(error, basin_node_get(stop, "at_gradient")->place,
                       "stop.at_gradient goes with a fixed data set, all of it at every step");
}

/* precision: double, or mixed where that is offered */
static basin_status read_precision(const basin_node *node, int offered, int *mixed,
                                   basin_error *error) {
  const char *text = !node ? "double" : node->kind == BASIN_SCALAR ? node->text : "";
  *mixed = !strcmp(text, "mixed");
  if (!*mixed && strcmp(text, "double") != 0)
    return basin_fail_at(error, node->place,
                         "gradient.sampled.precision: expected `double` or `mixed`");
  return *mixed && !offered
             ? basin_fail_at(
                   error, node->place,
                   "gradient.sampled.precision: mixed goes with sampler direct, of models "
                   "that have it (see basin models)")
             : BASIN_OK;
}

/* gradient: population, or {sampled: {inputs: B, sampler: direct or projected}}, B = inf is the population too, direct
   with `precision: mixed` if wanted; or {sampled: {inputs: {fixed: n}}} */
static basin_status read_gradient(basin_scope *scope, const basin_node *gradient, basin_cell *cell,
                                  basin_error *error) {
  static const char *const group[] = {"sampled"}, *const key[] = {"inputs", "sampler", "precision"};
  static const char expected[] =
      "gradient: expected `population`, or {sampled: {inputs: B, sampler: direct}}, or "
      "{sampled: {inputs: {fixed: n}}}";
  basin_gradient *g = &cell->setting.gradient;
  if (!gradient) return BASIN_OK;
  if (gradient->kind == BASIN_SCALAR && !strcmp(gradient->text, "population")) return BASIN_OK;
  if (gradient->kind != BASIN_MAPPING) return basin_fail_at(error, gradient->place, "%s", expected);
  basin_status status = basin_check_keys(gradient, group, 1, "gradient", error);
  const basin_node *sampled = basin_node_get(gradient, "sampled");
  if (!status && !sampled) return basin_fail_at(error, gradient->place, "%s", expected);
  if (!status) status = basin_check_keys(sampled, key, 3, "gradient.sampled", error);
  if (status) return status;
  const basin_node *size = basin_node_get(sampled, "inputs"),
                   *sampler = basin_node_get(sampled, "sampler"),
                   *precision = basin_node_get(sampled, "precision");
  if (!size)
    return basin_fail_at(error, sampled->place,
                         "gradient.sampled.inputs is missing: how many a step");
  if (size->kind == BASIN_MAPPING) {
    const basin_node *extra = precision ? precision : sampler;
    return extra ? basin_fail_at(error, extra->place,
                                 "gradient.sampled.%s goes with fresh inputs, not with a fixed "
                                 "data set: leave it out",
                                 precision ? "precision" : "sampler")
                 : read_fixed(scope, size, cell, error);
  }
  if (!sampler || sampler->kind != BASIN_SCALAR ||
      (strcmp(sampler->text, "direct") != 0 && strcmp(sampler->text, "projected") != 0))
    return basin_fail_at(error, sampler ? sampler->place : sampled->place,
                         "gradient.sampled.sampler: expected `direct` or `projected`");
  const int direct = !strcmp(sampler->text, "direct");
  int mixed = 0;
  status = read_precision(precision, direct && cell->model->states[BASIN_MIXED], &mixed, error);
  if (status) return status;
  const enum basin_dynamics dynamics = mixed    ? BASIN_MIXED
                                       : direct ? BASIN_DIRECT
                                                : BASIN_PROJECTED;
  if (!cell->model->states[dynamics])
    return basin_fail_at(error, gradient->place, "model %s has no gradient sampled so",
                         cell->model->name);
  if (is_infinite(scope, size)) return BASIN_OK;
  status = basin_scope_integer(scope, size, "gradient.sampled.inputs", 1, BASIN_VECTOR_MAX,
                               &g->inputs, error);
  g->dynamics = dynamics;
  return status;
}

/* what the model says of it */
static basin_status check_gradient(basin_place place, const basin_node *gradient,
                                   const basin_cell *cell, basin_error *error) {
  const char *why = cell->model->gradient_check(&cell->setting);
  return why ? basin_fail_at(error, gradient ? gradient->place : place, "gradient: %s", why)
             : BASIN_OK;
}

/* on_divergence: stop, or halve */
static basin_status read_on_divergence(const basin_node *node, basin_cell *cell,
                                       basin_error *error) {
  if (!node) return BASIN_OK;
  cell->setting.halve = node->kind == BASIN_SCALAR && !strcmp(node->text, "halve");
  if (!cell->setting.halve && (node->kind != BASIN_SCALAR || strcmp(node->text, "stop") != 0))
    return basin_fail_at(error, node->place, "on_divergence: expected `stop` or `halve`");
  return BASIN_OK;
}

/* method: gradient_descent, or gradient_flow, or {gradient_flow: {error: 1e-9}} */
static basin_status read_method(basin_scope *scope, const basin_node *method, basin_cell *cell,
                                basin_error *error) {
  static const char *const name[] = {"gradient_flow"}, *const key[] = {"error"};
  static const double error_default = 1e-9, error_least = 1e-14, error_most = 1e-2;
  basin_gradient *g = &cell->setting.gradient;
  if (!method) return BASIN_OK;
  const int scalar = method->kind == BASIN_SCALAR;
  if (scalar && !strcmp(method->text, "gradient_descent")) return BASIN_OK;
  if (!(scalar && !strcmp(method->text, "gradient_flow")) && method->kind != BASIN_MAPPING)
    return basin_fail_at(error, method->place,
                         "method: expected `gradient_descent` or `gradient_flow`");
  const basin_node *flow = basin_node_get(method, "gradient_flow"),
                   *wrong = basin_node_get(flow, "error");
  basin_status status = scalar ? BASIN_OK : basin_check_keys(method, name, 1, "method", error);
  if (!status && flow) status = basin_check_keys(flow, key, 1, "method.gradient_flow", error);
  if (status) return status;
  if (!cell->model->states[BASIN_FLOW])
    return basin_fail_at(error, method->place, "model %s has no gradient flow", cell->model->name);
  if (g->dynamics != BASIN_POPULATION)
    return basin_fail_at(error, method->place,
                         "gradient flow follows the expectation, not a sampled gradient");
  g->dynamics = BASIN_FLOW;
  g->error = error_default;
  if (wrong)
    status = basin_scope_value(scope, wrong, "method.gradient_flow.error", &g->error, error);
  if (!status && !(g->error >= error_least && g->error <= error_most))
    return basin_fail_at(error, wrong->place,
                         "method.gradient_flow.error is %g, expected a number from %g to %g",
                         g->error, error_least, error_most);
  return status;
}

/* ---- identity of the draws ---- */

static uint64_t hash_value(const char *name, double value) {
  const double canonical = value + 0.0; /* -0 is 0 */
  return basin_hash(basin_hash_text(0, name), &canonical, sizeof canonical);
}

/* a sum of hashes, so that the order of the parameters does not matter */
static uint64_t identify(const basin_experiment *experiment, const basin_cell *cell) {
  uint64_t sum = basin_hash_text(1, cell->model->name);
  if (cell->variant >= 0 && !experiment->same_draw_variant)
    sum += basin_hash_text(2, experiment->variant[cell->variant]);
  for (int i = 0; i < cell->model->parameters; i++) {
    const char *name = cell->model->parameter[i].name;
    int shared = 0;
    for (int a = 0; a < experiment->axes; a++)
      shared |= experiment->same_draw[a] && !strcmp(experiment->axis[a], name);
    if (!shared) sum += hash_value(name, cell->parameter[i]);
  }
  for (int a = 0; a < experiment->axes; a++) {
    const char *name = experiment->axis[a];
    if (experiment->same_draw[a]) continue;
    if (basin_symbol_find(cell->model->parameter, cell->model->parameters, name) >= 0) continue;
    sum += hash_value(name, cell->coordinate[a]);
  }
  return basin_mix(sum);
}

/* ---- the whole ---- */

/* where the model's own check points to: a key like "teacher.v" */
static basin_status check_model(const basin_node *teacher, const basin_node *init,
                                const basin_node *stop, const basin_cell *cell,
                                basin_error *error) {
  const char *where = NULL, *why = cell->model->check(&cell->setting, &where);
  if (!why) return BASIN_OK;
  const basin_node *group = !strncmp(where, "teacher.", 8) ? teacher
                            : !strncmp(where, "stop.", 5)  ? stop
                                                           : init;
  const basin_node *node = basin_node_get(group, strchr(where, '.') + 1);
  return basin_fail_at(error, node ? node->place : group->place, "%s: %s", where, why);
}

static basin_status find_model(const basin_node *node, const basin_model **model,
                               basin_error *error) {
  enum { MODELS_MAX = 64 };
  int count;
  char list[256] = "";
  const char *name[MODELS_MAX] = {NULL}, *text = node->kind == BASIN_SCALAR ? node->text : "";
  const basin_model *const *all = basin_models(&count);
  if ((*model = basin_model_find(text))) return BASIN_OK;
  if (count > MODELS_MAX) count = MODELS_MAX;
  for (int i = 0; i < count; i++) {
    name[i] = all[i]->name;
    snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", name[i]);
  }
  const char *near = basin_nearest(text, name, count);
  return near ? basin_fail_at(error, node->place, "unknown model `%s`, did you mean `%s`?", text,
                              near)
              : basin_fail_at(error, node->place, "unknown model, expected one of: %s", list);
}

basin_status basin_cell_resolve(const basin_experiment *experiment, const basin_node *file,
                                const basin_node *variant, const double *coordinate,
                                int variant_index, char *used, basin_cell *cell,
                                basin_error *error) {
#define PICK(key) \
  (basin_node_get(variant, key) ? basin_node_get(variant, key) : basin_node_get(file, key))
  const basin_place place = variant ? variant->place : file->place;
  const basin_node *model = PICK("model"), *gradient = PICK("gradient"), *teacher = PICK("teacher"),
                   *init = PICK("init"), *method = PICK("method"), *stop = PICK("stop");
  if (!model) return basin_fail_at(error, place, "key `model` is missing");
  basin_status status = find_model(model, &cell->model, error);
  if (status) return status;
  cell->variant = variant_index;
  cell->coordinate = calloc((size_t)experiment->axes + 1, sizeof *cell->coordinate);
  cell->parameter = calloc((size_t)cell->model->parameters + 1, sizeof *cell->parameter);
  cell->vector = calloc((size_t)(cell->model->teachers + cell->model->initials) + 1,
                        sizeof *cell->vector);
  if (!cell->coordinate || !cell->parameter || !cell->vector) return basin_fail_memory(error);
  for (int i = 0; i < experiment->axes; i++) cell->coordinate[i] = coordinate[i];

  basin_scope scope = {.experiment = experiment,
                       .model = cell->model,
                       .coordinate = cell->coordinate,
                       .parameters = PICK("parameters"),
                       .define = PICK("define"),
                       .used = used};
  basin_vector *initial = cell->vector + cell->model->teachers;
  for (int i = 0; i < experiment->axes; i++)
    if (basin_symbol_find(cell->model->parameter, cell->model->parameters, experiment->axis[i]) >=
        0)
      used[i] = 1;
  status = read_parameters(&scope, cell, error);
  if (!status)
    status = read_vectors(&scope, teacher, place, "teacher", cell->model->teacher,
                          cell->model->teachers, cell->model->drawn_teachers, cell, cell->vector,
                          error);
  if (!status)
    status = read_vectors(&scope, init, place, "init", cell->model->initial, cell->model->initials,
                          1, cell, initial, error);
  if (!status) status = read_schedule(&scope, PICK("schedule"), place, cell, error);
  if (!status) status = read_stop(&scope, stop, cell, error);
  if (!status) status = read_gradient(&scope, gradient, cell, error);
  if (!status) status = check_stop(stop, gradient, cell, error);
  if (!status) status = read_method(&scope, method, cell, error);
  if (!status) status = read_on_divergence(PICK("on_divergence"), cell, error);
  if (status) return status;
#undef PICK

  cell->setting.parameter = cell->parameter;
  cell->setting.teacher = cell->vector;
  cell->setting.initial = initial;
  cell->identity = identify(experiment, cell);
  cell->setting.key = basin_key(experiment->seed, cell->identity);
  status = check_model(teacher, init, stop, cell, error);
  return status ? status : check_gradient(place, gradient, cell, error);
}

void basin_cell_free(basin_cell *cell) {
  if (cell->model && cell->vector)
    for (int i = 0; i < cell->model->teachers + cell->model->initials; i++)
      free((void *)(uintptr_t)cell->vector[i].value);
  free(cell->vector);
  free(cell->parameter);
  free(cell->coordinate);
  free(cell->stage);
}
