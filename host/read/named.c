/* SPDX-License-Identifier: MIT */
#include "read/named.h"
#include "base/text.h"
#include "read/cell.h"
#include "read/expression.h"
#include "read/vector.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHAT_BYTES = 160, LISTED_MAX = 256 };

/* ---- what is written ---- */

/* Columns and members of `basin summary` beside those of the outcomes: an outcome of such a name could not be told from
   them. */
static const char *const reserved[] = {"index",  "variant", "trials", "success", "low",  "high",
                                       "halved", "median",  "mean",   "max",     "until"};
#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

static basin_status check_name(const basin_experiment *e, const basin_model *model,
                               const char *name, basin_place place, basin_error *error) {
  const basin_outcomes built_in = basin_outcomes_built_in();
  int taken = basin_symbol_find(model->parameter, model->parameters, name) >= 0;
  if (!basin_is_name(name))
    return basin_fail_at(error, place,
                         "outcomes: `%s` cannot be a name, expected a letter or _, then letters, "
                         "digits and _, 63 at most",
                         name);
  if (basin_outcomes_find(&built_in, name) >= 0)
    return basin_fail_at(
        error, place, "outcomes: `%s` is an outcome of basin's own, expected another name", name);
  for (int a = 0; a < e->axes; a++) taken |= !strcmp(e->axis[a], name);
  for (int i = 0; i < LENGTH(reserved); i++) taken |= !strcmp(reserved[i], name);
  if (!taken) return BASIN_OK;
  return basin_fail_at(error, place,
                       "outcomes: `%s` is the name of a parameter, or of a column of `basin "
                       "summary`: expected another name",
                       name);
}

/* the outcome's number; a name has one success in all variants */
static basin_status number_name(basin_experiment *e, const char *name, int success,
                                basin_place place, int *outcome, basin_error *error) {
  *outcome = basin_outcomes_find(&e->outcomes, name);
  if (*outcome < 0) *outcome = basin_outcomes_add(&e->outcomes, name, success);
  if (*outcome < 0)
    return basin_fail_at(error, place, "outcomes: more than %d names in the experiment",
                         BASIN_OUTCOMES_NAMED_MAX);
  if (success == (basin_outcomes_succeeds(&e->outcomes, *outcome) != 0)) return BASIN_OK;
  return basin_fail_at(error, place,
                       "outcomes.%s: `global: true` in one variant and not in another", name);
}

static basin_status read_global(const basin_node *node, const char *what, int *global,
                                basin_error *error) {
  const char *text = !node || node->kind != BASIN_SCALAR ? "" : node->text;
  *global = !strcmp(text, "true");
  if (!node || *global || !strcmp(text, "false")) return BASIN_OK;
  return basin_fail_at(error, node->place, "%s.global: expected true or false", what);
}

/* ---- the names in a condition ---- */

typedef struct collector {
  const basin_model *model;
  basin_scope *scope;
  basin_outcome_rule *rule;
  basin_place place; /* of the condition */
} collector;

int basin_is_observable(const basin_model *model, const char *name) {
  return basin_symbol_find(model->observable, model->observables, name) >= 0 ||
         basin_symbol_find(basin_risk_observables(), BASIN_RISK_OBSERVABLES, name) >= 0;
}

/* What is no observable of the model and not in the scope may be one of another variant's model: it has no value here,
   and basin_named_end() refuses it where no model has it. */
static basin_status collect(void *context, const char *name, double *value, int *found,
                            basin_error *error) {
  collector *c = context;
  basin_outcome_rule *rule = c->rule;
  basin_status status = BASIN_OK;
  *value = NAN;
  *found = 0;
  for (int i = 0; i < rule->symbols; i++) *found |= !strcmp(rule->symbol[i].name, name);
  if (*found) return BASIN_OK;
  basin_rule_symbol *more = realloc(rule->symbol, (size_t)(rule->symbols + 1) * sizeof *more);
  if (!more) return basin_fail_memory(error);
  rule->symbol = more;
  basin_rule_symbol *symbol = &more[rule->symbols];
  *symbol = (basin_rule_symbol){.name = strdup(name), .place = c->place};
  if (!symbol->name) return basin_fail_memory(error);
  rule->symbols++;
  symbol->is_observable = basin_is_observable(c->model, name);
  if (!symbol->is_observable) status = basin_scope_look_up(c->scope, name, value, found, error);
  if (!*found) symbol->is_observable = 1;
  *found = 1;
  return status;
}

static basin_status read_condition(const basin_node *node, const char *what,
                                   const basin_model *model, basin_scope *scope,
                                   basin_outcome_rule *rule, basin_error *error) {
  int unused;
  if (node->kind != BASIN_SCALAR || !*node->text)
    return basin_fail_at(error, node->place, "%s.when: expected a condition, as in loss < 1e-6",
                         what);
  collector c = {model, scope, rule, node->place};
  c.place.column += node->quoted;
  rule->when = strdup(node->text);
  return rule->when ? basin_condition_holds(node->text, c.place, collect, &c, &unused, error)
                    : basin_fail_memory(error);
}

/* ---- of a variant ---- */

static basin_status check_near(const basin_node *near, const basin_node *within, const char *what,
                               const basin_model *model, basin_scope *scope,
                               basin_outcome_rule *rule, basin_error *error) {
  char name[WHAT_BYTES];
  if (!near && within)
    return basin_fail_at(error, within->place, "%s: `within` goes with `near`, which is missing",
                         what);
  if (!near) return BASIN_OK;
  if (near->kind != BASIN_MAPPING || !near->count)
    return basin_fail_at(error, near->place,
                         "%s.near: expected a mapping of initial vectors to points", what);
  snprintf(name, sizeof name, "%.120s.near", what);
  const basin_status status = basin_scope_symbols(scope, near, model->initial, model->initials,
                                                  name, error);
  if (status) return status;
  for (int i = 0; i < model->initials; i++)
    if (basin_node_get(near, model->initial[i].name)) rule->near |= 1u << i;
  if (within) return BASIN_OK;
  return basin_fail_at(error, near->place,
                       "%s: `within` is missing: the largest distance that is near", what);
}

static basin_status read_rule(basin_experiment *e, const char *name, const basin_node *node,
                              basin_place place, const basin_model *model, basin_scope *scope,
                              basin_outcome_rule *rule, basin_error *error) {
  static const char *const key[] = {"near", "within", "when", "global"};
  char what[WHAT_BYTES];
  int global;
  basin_status status = check_name(e, model, name, place, error);
  if (status) return status;
  snprintf(what, sizeof what, "outcomes.%s", name);
  status = basin_check_keys(node, key, LENGTH(key), what, error);
  const basin_node *near = basin_node_get(node, "near"), *when = basin_node_get(node, "when");
  rule->node = node;
  if (!status && !near && !when)
    status = basin_fail_at(error, node->place, "%s: expected a condition: `near` or `when`", what);
  if (!status) status = read_global(basin_node_get(node, "global"), what, &global, error);
  if (!status) status = number_name(e, name, global, place, &rule->outcome, error);
  if (!status)
    status = check_near(near, basin_node_get(node, "within"), what, model, scope, rule, error);
  if (!status && when) status = read_condition(when, what, model, scope, rule, error);
  return status;
}

basin_status basin_named_begin(basin_experiment *e, const basin_node *node,
                               const basin_model *model, basin_scope *scope,
                               basin_outcome_rules *rules, basin_error *error) {
  basin_status status = BASIN_OK;
  if (!node) return BASIN_OK;
  if (node->kind != BASIN_MAPPING || !node->count)
    return basin_fail_at(error, node->place,
                         "outcomes: expected a mapping of names to conditions, as in {found: "
                         "{when: loss < 1e-6}}");
  if (node->count - (basin_node_get(node, "discover") != NULL) > BASIN_OUTCOMES_NAMED_MAX)
    return basin_fail_at(error, node->place, "outcomes: more than %d names in the experiment",
                         BASIN_OUTCOMES_NAMED_MAX);
  for (int i = 0; i < node->count && !status; i++) {
    if (!strcmp(node->key[i], "discover")) {
      status = basin_discover_begin(node->child[i], model, &rules->discover, error);
      continue;
    }
    basin_outcome_rule *rule = &rules->rule[rules->count++];
    status = read_rule(e, node->key[i], node->child[i], node->key_place[i], model, scope, rule,
                       error);
    rules->nears |= rule->near != 0;
  }
  return status;
}

void basin_named_free(basin_outcome_rules *rules) {
  basin_discover_free(&rules->discover);
  for (int i = 0; i < rules->count; i++) {
    basin_outcome_rule *rule = &rules->rule[i];
    for (int s = 0; s < rule->symbols; s++) free(rule->symbol[s].name);
    free(rule->symbol);
    free(rule->when);
  }
}

/* ---- of a cell ---- */

static int64_t count_numbers(const basin_outcome_rules *rules, const basin_cell *cell) {
  int64_t numbers = 0;
  for (int i = 0; i < rules->count; i++) {
    const basin_outcome_rule *rule = &rules->rule[i];
    numbers += rule->near != 0;
    for (int v = 0; v < cell->model->initials; v++)
      if (rule->near >> v & 1) numbers += basin_vector_size(&cell->setting.initial[v]);
    for (int s = 0; s < rule->symbols; s++) numbers += !rule->symbol[s].is_observable;
  }
  return numbers;
}

/* the entries of a point, which go to *at */
static basin_status read_point(const basin_node *node, const char *what, basin_scope *scope,
                               const basin_cell *cell, int initial, double **at,
                               basin_error *error) {
  const basin_model *model = cell->model;
  const basin_symbol *symbol = &model->initial[initial];
  const int named = basin_symbol_find(model->teacher, model->teachers, symbol->name);
  basin_vector point = {.rows = cell->setting.initial[initial].rows,
                        .length = cell->setting.initial[initial].length};
  const int64_t size = basin_vector_size(&point);
  char name[WHAT_BYTES];
  double *given = NULL;
  snprintf(name, sizeof name, "%.90s.%.60s", what, symbol->name);
  const basin_scope_vector within = {symbol->name,
                                     cell->network ? cell->network->layer[initial].patch : 1};
  scope->vector = &within;
  const basin_status status = basin_vector_read_point(
      scope, node, name, symbol->rows >= 0, named < 0 ? NULL : &cell->setting.teacher[named],
      &point, &given, error);
  scope->vector = NULL;
  if (!status) memcpy(*at, point.value, (size_t)size * sizeof **at);
  free(given);
  *at += size;
  return status;
}

static basin_status read_numbers(const basin_outcome_rule *rule, basin_scope *scope,
                                 const basin_cell *cell, const char *name, double **at,
                                 basin_error *error) {
  const basin_node *near = basin_node_get(rule->node, "near"),
                   *within = basin_node_get(rule->node, "within");
  basin_status status = BASIN_OK;
  char what[WHAT_BYTES];
  int found;
  if (rule->near) {
    snprintf(what, sizeof what, "outcomes.%s.within", name);
    status = basin_scope_value(scope, within, what, *at, error);
    if (!status && !(**at > 0))
      status = basin_fail_at(error, within->place, "%s is %g, expected a distance above 0", what,
                             **at);
    ++*at;
  }
  snprintf(what, sizeof what, "outcomes.%s.near", name);
  for (int v = 0; v < cell->model->initials && !status; v++)
    if (rule->near >> v & 1)
      status = read_point(basin_node_get(near, cell->model->initial[v].name), what, scope, cell, v,
                          at, error);
  for (int s = 0; s < rule->symbols && !status; s++)
    if (!rule->symbol[s].is_observable)
      status = basin_scope_look_up(scope, rule->symbol[s].name, (*at)++, &found, error);
  return status;
}

static int are_alike(const basin_naming *x, const basin_naming *y) {
  return x->rules == y->rules && x->max_steps == y->max_steps && x->numbers == y->numbers &&
         !memcmp(x->number, y->number, (size_t)x->numbers * sizeof *x->number);
}

basin_status basin_named_cell(const basin_outcomes *outcomes, basin_outcome_rules *rules,
                              basin_scope *scope, basin_cell *cell, basin_error *error) {
  basin_status status = basin_discover_cell(&rules->discover, scope, cell, error);
  if (status || !rules->count) return status;
  basin_naming *naming = calloc(1, sizeof *naming);
  if (!naming) return basin_fail_memory(error);
  *naming = (basin_naming){.rules = rules,
                           .max_steps = cell->setting.stop.max_steps,
                           .numbers = count_numbers(rules, cell)};
  double *at = naming->number = calloc((size_t)naming->numbers + 1, sizeof *at);
  if (!at) status = basin_fail_memory(error);
  for (int i = 0; i < rules->count && !status; i++)
    status = read_numbers(&rules->rule[i], scope, cell,
                          basin_outcomes_name(outcomes, rules->rule[i].outcome), &at, error);
  if (!status && rules->latest && are_alike(rules->latest, naming)) {
    cell->naming = rules->latest;
  } else if (!status) {
    cell->naming = rules->latest = cell->own_naming = naming;
    return BASIN_OK;
  }
  basin_naming_free(naming);
  return status;
}

/* the vectors that a state has no entry of, whatever its numbers are, a bit each */
static basin_status find_unknown(const basin_cell *cell, unsigned *unknown, basin_error *error) {
  const basin_size *size = &cell->setting.size;
  double *state = calloc((size_t)(size->states + size->vectors) + 1, sizeof *state),
         *entry = state + size->states;
  basin_status status = state ? BASIN_OK : basin_fail_memory(error);
  *unknown = ~0u;
  for (int fill = 1; fill <= 2 && !status; fill++) {
    for (int64_t i = 0; i < size->states; i++) state[i] = 0.5 * fill;
    if (cell->model->vectors(&cell->setting, 0, 1, state, 0, entry))
      status = basin_fail_memory(error);
    const double *at = entry;
    for (int v = 0; v < cell->model->initials && !status; v++) {
      for (int64_t i = 0; i < basin_vector_size(&cell->setting.initial[v]); i++)
        if (!isnan(*at++)) *unknown &= ~(1u << v);
    }
  }
  free(state);
  return status;
}

basin_status basin_named_check(const basin_outcomes *outcomes, const basin_cell *cell,
                               basin_error *error) {
  const basin_outcome_rules *rules = cell->naming ? cell->naming->rules : NULL;
  unsigned unknown = 0;
  /* the first kind of a model knows all of its vectors */
  if (!rules || !rules->nears ||
      !strcmp(cell->setting.gradient.dynamics, cell->model->kind[0].name))
    return BASIN_OK;
  basin_status status = find_unknown(cell, &unknown, error);
  for (int i = 0; i < rules->count && !status; i++) {
    const basin_outcome_rule *rule = &rules->rule[i];
    for (int v = 0; v < cell->model->initials && !status; v++)
      if (rule->near & unknown & 1u << v)
        status = basin_fail_at(error, basin_node_get(rule->node, "near")->place,
                               "outcomes.%s.near.%s: steps of the kind %s do not know %s, so no "
                               "trial is near: leave it out, or take another kind",
                               basin_outcomes_name(outcomes, rule->outcome),
                               cell->model->initial[v].name, cell->setting.gradient.dynamics,
                               cell->model->initial[v].name);
  }
  return status;
}

void basin_naming_free(basin_naming *naming) {
  if (naming) free(naming->number);
  free(naming);
}

/* ---- of the whole ---- */

/* a name that no model and no scope knows */
static basin_status refuse_name(const basin_experiment *e, const basin_rule_symbol *symbol,
                                basin_error *error) {
  const char *known[LISTED_MAX];
  const basin_model *model = e->cell[0].model;
  int count = 0;
  for (int i = 0; i < model->observables && count < LISTED_MAX; i++)
    known[count++] = model->observable[i].name;
  for (int i = 0; i < model->parameters && count < LISTED_MAX; i++)
    known[count++] = model->parameter[i].name;
  for (int a = 0; a < e->axes && count < LISTED_MAX; a++) known[count++] = e->axis[a];
  const char *near = basin_nearest(symbol->name, known, count);
  return basin_fail_at(error, symbol->place,
                       "`%s` is no observable of the model, nor a parameter%s%s%s", symbol->name,
                       near ? ", did you mean `" : ", see `basin info MODEL`", near ? near : "",
                       near ? "`?" : "");
}

/* whether the model of any cell has it, or all data sets have */
static int is_known(const basin_experiment *e, const char *name) {
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_model *model = e->cell[c].model;
    if (c && model == e->cell[c - 1].model) continue;
    if (basin_is_observable(model, name)) return 1;
  }
  return 0;
}

basin_status basin_named_ask(basin_experiment *e, const char *name, int *final,
                             basin_error *error) {
  int i = 0;
  while (i < e->asked && strcmp(e->final[i], name) != 0) i++;
  *final = i;
  if (i < e->asked) return BASIN_OK;
  char **more = realloc(e->final, (size_t)(e->asked + 2) * sizeof *more);
  if (!more) return basin_fail_memory(error);
  e->final = more;
  if (!(e->final[e->asked] = strdup(name))) return basin_fail_memory(error);
  e->asked++;
  return BASIN_OK;
}

static basin_status ask_symbol(basin_experiment *e, basin_rule_symbol *symbol, basin_error *error) {
  if (!is_known(e, symbol->name)) return refuse_name(e, symbol, error);
  return basin_named_ask(e, symbol->name, &symbol->final, error);
}

basin_status basin_named_end(basin_experiment *e, basin_error *error) {
  basin_status status = BASIN_OK;
  for (int v = 0; v < e->rule_sets; v++)
    for (int i = 0; i < e->rules[v].count; i++) {
      basin_outcome_rule *rule = &e->rules[v].rule[i];
      rule->node = NULL;
      for (int s = 0; s < rule->symbols && !status; s++)
        if (rule->symbol[s].is_observable) status = ask_symbol(e, &rule->symbol[s], error);
    }
  return status ? status : basin_discover_end(e, error);
}
