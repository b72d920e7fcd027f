/* SPDX-License-Identifier: MIT */
#include "read/scope.h"
#include "base/text.h"
#include "read/expression.h"
#include "read/headers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32, SYMBOLS_MAX = 64 /* of one table of a model */ };
static const uint64_t STAGE = (uint64_t)1 << BASIN_AXES_MAX;

basin_status basin_scope_open(basin_scope *scope, int nodes, int axes, char *const *axis,
                              char *used, basin_error *error) {
  *scope = (basin_scope){.axes = axes, .axis = axis, .used = used, .memos = nodes, .clock = 1};
  scope->memo = calloc((size_t)nodes + 1, sizeof *scope->memo);
  return scope->memo ? BASIN_OK : basin_fail_memory(error);
}

void basin_scope_close(basin_scope *scope) {
  free(scope->memo);
  scope->memo = NULL;
}

void basin_scope_enter(basin_scope *scope, const basin_model *model, const basin_node *parameters,
                       const basin_node *define) {
  scope->model = model;
  scope->parameters = parameters;
  scope->define = define;
  scope->stage = NULL;
  memset(scope->memo, 0, (size_t)scope->memos * sizeof *scope->memo);
}

void basin_scope_move(basin_scope *scope, const double *coordinate) {
  scope->clock++;
  scope->cell++;
  for (int a = 0; a < scope->axes; a++) {
    if (coordinate[a] == scope->coordinate[a]) continue;
    scope->coordinate[a] = coordinate[a];
    scope->changed[a] = scope->clock;
  }
}

/* ---- what is known ---- */

static basin_memo *memo_of(const basin_scope *scope, const basin_node *node) {
  return scope->memo ? &scope->memo[node->number] : NULL;
}

static int is_known(const basin_scope *scope, const basin_memo *memo) {
  if (!memo || !memo->since) return 0;
  if ((memo->depends & STAGE) && memo->stage != scope->stage) return 0;
  for (uint64_t bits = memo->depends & ~STAGE; bits; bits &= bits - 1)
    if (scope->changed[__builtin_ctzll(bits)] > memo->since) return 0;
  return 1;
}

/* what is being evaluated depends on this too, which has so many names below it */
static void depend(basin_scope *scope, uint64_t depends, int height) {
  for (uint64_t bits = depends & ~STAGE; bits; bits &= bits - 1)
    scope->used[__builtin_ctzll(bits)] = 1;
  scope->depends |= depends;
  if (height > scope->height) scope->height = height;
}

static basin_status too_deep(const basin_node *node, const char *name, basin_error *error) {
  return basin_fail_at(error, node->place, "`%s` is defined by itself, or through over %d names",
                       name, DEPTH_MAX);
}

/* ---- names ---- */

/* the expression that a name stands for, or NULL */
static const basin_node *find(basin_scope *scope, const char *name) {
  const basin_node *node = NULL;
  if (scope->model &&
      basin_symbol_find(scope->model->step_size, scope->model->step_sizes, name) >= 0) {
    scope->depends |= STAGE;
    node = basin_node_get(scope->stage, name);
  }
  if (!node) node = basin_node_get(scope->parameters, name);
  if (node) return node;
  node = basin_node_get(scope->define, name);
  if (node && scope->memo && !scope->checking) memo_of(scope, node)->cell = scope->cell;
  return node;
}

/* expressions may name each other: evaluated where they are asked for */
static basin_status follow(basin_scope *scope, const basin_node *node, const char *name,
                           double *value, basin_error *error) {
  const int height = scope->height;
  if (scope->depth > DEPTH_MAX) return too_deep(node, name, error);
  scope->height = 0;
  scope->depth++;
  const basin_status status = basin_scope_value(scope, node, name, value, error);
  scope->depth--;
  scope->height = scope->height + 1 > height ? scope->height + 1 : height;
  return status;
}

basin_status basin_scope_look_up(void *context, const char *name, double *value, int *found,
                                 basin_error *error) {
  basin_scope *scope = context;
  *found = 1;
  for (int a = 0; a < scope->axes; a++)
    if (!strcmp(scope->axis[a], name)) {
      *value = scope->coordinate[a];
      scope->elsewhere |= isinf(*value);
      depend(scope, (uint64_t)1 << a, 0);
      return BASIN_OK;
    }
  const basin_node *node = find(scope, name);
  if (node) return follow(scope, node, name, value, error);
  const basin_model *model = scope->model;
  const int parameter = model ? basin_symbol_find(model->parameter, model->parameters, name) : -1;
  *found = parameter >= 0;
  if (*found) *value = model->parameter[parameter].initial;
  else
    scope->elsewhere |= scope->checking &&
                        (basin_is_symbol(name) || basin_headers_have(scope->headers, name));
  return BASIN_OK;
}

/* ---- values ---- */

static basin_status evaluate(basin_scope *scope, const basin_node *node, double *value,
                             basin_error *error) {
  basin_memo *memo = memo_of(scope, node);
  const uint64_t depends = scope->depends;
  const int height = scope->height;
  basin_place place = node->place;
  place.column += node->quoted;
  scope->depends = 0;
  scope->height = 0;
  const basin_status status = basin_evaluate(node->text, place, basin_scope_look_up, scope, value,
                                             error);
  if (memo && !status)
    *memo = (basin_memo){.value = *value,
                         .since = scope->clock,
                         .depends = scope->depends,
                         .cell = memo->cell,
                         .stage = scope->stage,
                         .height = scope->height};
  scope->depends |= depends;
  if (height > scope->height) scope->height = height;
  return status;
}

basin_status basin_scope_value(basin_scope *scope, const basin_node *node, const char *what,
                               double *value, basin_error *error) {
  if (node->kind != BASIN_SCALAR)
    return basin_fail_at(error, node->place, "%s: expected a number or an expression, not %s", what,
                         basin_kind_name(node->kind));
  const basin_memo *memo = memo_of(scope, node);
  if (is_known(scope, memo)) {
    if (memo->height && scope->depth + memo->height - 1 > DEPTH_MAX)
      return too_deep(node, what, error);
    depend(scope, memo->depends, memo->height);
    *value = memo->value;
    return BASIN_OK;
  }
  if (!*node->text)
    return basin_fail_at(error, node->place,
                         "%s: nothing given, expected a number or an expression", what);
  return evaluate(scope, node, value, error);
}

basin_status basin_scope_integer(basin_scope *scope, const basin_node *node, const char *what,
                                 int64_t minimum, int64_t maximum, int64_t *value,
                                 basin_error *error) {
  double x;
  const basin_status status = basin_scope_value(scope, node, what, &x, error);
  if (status) return status;
  if (x != floor(x) || x < (double)minimum || x > (double)maximum)
    return basin_fail_at(error, node->place, "%s is %s, expected a whole number from %lld to %lld",
                         what, basin_exact(x).text, (long long)minimum, (long long)maximum);
  *value = (int64_t)x;
  return BASIN_OK;
}

basin_status basin_scope_number(basin_scope *scope, const basin_node *node, const char *what,
                                double minimum, double maximum, double *value, basin_error *error) {
  const basin_status status = basin_scope_value(scope, node, what, value, error);
  if (status) return status;
  if (!(*value >= minimum && *value <= maximum))
    return basin_fail_at(error, node->place, "%s is %g, expected a number from %g to %g", what,
                         *value, minimum, maximum);
  return BASIN_OK;
}

/* ---- step sizes that fall ---- */

static const char form_of_t[] = "A/(t + 1)^p";

/* behind the characters of `pattern` in a text that may have blanks between them; NULL where it goes on otherwise */
static const char *behind(const char *at, const char *pattern) {
  for (; *pattern; pattern++, at++) {
    while (*at == ' ' && *pattern != ' ') at++;
    if (*at != *pattern) return NULL;
  }
  return at;
}

/* What is read with the symbol t in it. */
typedef struct falling {
  basin_scope *scope;
  double t;
} falling;

static basin_status look_up_t(void *context, const char *name, double *value, int *found,
                              basin_error *error) {
  const falling *f = context;
  if (strcmp(name, "t") != 0) return basin_scope_look_up(f->scope, name, value, found, error);
  *value = f->t;
  *found = 1;
  return BASIN_OK;
}

/* a piece of a node's text, from `from` to `to` */
static basin_status evaluate_piece(basin_scope *scope, const basin_node *node, const char *from,
                                   const char *to, double *value, basin_error *error) {
  basin_place place = node->place;
  place.column += node->quoted + (int)(from - node->text);
  char *copy = strndup(from, (size_t)(to - from));
  if (!copy) return basin_fail_memory(error);
  const basin_status status = basin_evaluate(copy, place, basin_scope_look_up, scope, value, error);
  free(copy);
  return status;
}

/* Whether the text has the values of A/(t + 1)^p: it is cut at the last (t + 1), and what stands around that may bind
   otherwise, as in 1 + 1/(t + 1). */
static basin_status has_form(basin_scope *scope, const basin_node *node, double value, double power,
                             int *has, basin_error *error) {
  basin_place place = node->place;
  place.column += node->quoted;
  *has = 1;
  for (int t = 1; t <= 3; t += 2) {
    falling f = {scope, t};
    double whole;
    const basin_status status = basin_evaluate(node->text, place, look_up_t, &f, &whole, error);
    if (status) return status;
    *has &= fabs(whole - value * exp(-power * log(t + 1.0))) <= 1e-9 * fabs(value);
  }
  return BASIN_OK;
}

basin_status basin_scope_step_size(basin_scope *scope, const basin_node *node, const char *what,
                                   double *value, double *power, basin_error *error) {
  const char *slash = NULL, *end = NULL;
  double unused;
  int known = 0, has = 0;
  *power = 0;
  basin_status status = basin_scope_look_up(scope, "t", &unused, &known, error);
  for (const char *at = node->kind == BASIN_SCALAR && !known && !status ? node->text : ""; *at;
       at++) {
    const char *after = behind(at, "/(t+1)");
    if (after) slash = at, end = after;
  }
  if (status || !slash) return status ? status : basin_scope_value(scope, node, what, value, error);
  const char *exponent = behind(end, "^");
  while (!exponent && *end == ' ') end++;
  status = evaluate_piece(scope, node, node->text, slash, value, error);
  if (!status && exponent)
    status = evaluate_piece(scope, node, exponent, exponent + strlen(exponent), power, error);
  else *power = 1;
  if (!status && (exponent || !*end)) status = has_form(scope, node, *value, *power, &has, error);
  if (!status && !has)
    return basin_fail_at(error, node->place,
                         "%s: of t, the steps since the trial began, the form %s alone is taken",
                         what, form_of_t);
  if (!status && !(*power >= 0 && *power <= BASIN_DECAY_MAX))
    return basin_fail_at(error, node->place, "%s: the power of %s is %g, expected one from 0 to %d",
                         what, form_of_t, *power, BASIN_DECAY_MAX);
  return status;
}

int basin_is_infinity(const basin_node *node) {
  return node->kind == BASIN_SCALAR && (!strcmp(node->text, "inf") || !strcmp(node->text, ".inf"));
}

int basin_scope_infinite(basin_scope *scope, const basin_node *node) {
  for (int a = 0; node->kind == BASIN_SCALAR && a < scope->axes; a++)
    if (scope->coordinate[a] == INFINITY && !strcmp(node->text, scope->axis[a])) {
      scope->used[a] = 1;
      return 1;
    }
  return basin_is_infinity(node);
}

/* ---- names that nothing asks for ---- */

static basin_status check_name(basin_scope *scope, int i, const basin_node *schedule,
                               basin_error *error) {
  const basin_node *node = scope->define->child[i];
  const char *name = scope->define->key[i];
  double value;
  scope->elsewhere = 0;
  basin_status status = basin_scope_value(scope, node, name, &value, error);
  if (!status || !scope->elsewhere) return status;
  for (int s = 0; s < schedule->count; s++) {
    scope->elsewhere = 0;
    scope->stage = schedule->child[s];
    status = basin_scope_value(scope, node, name, &value, error);
    scope->stage = NULL;
    if (status && !scope->elsewhere) return status;
  }
  return BASIN_OK;
}

basin_status basin_scope_check(basin_scope *scope, const basin_node *schedule, basin_error *error) {
  char unused[BASIN_AXES_MAX] = {0}, *const used = scope->used;
  basin_status status = BASIN_OK;
  scope->used = unused; /* what only such a name asks for has no use */
  scope->checking = 1;
  for (int i = 0; scope->define && i < scope->define->count && !status; i++)
    if (memo_of(scope, scope->define->child[i])->cell != scope->cell)
      status = check_name(scope, i, schedule, error);
  scope->checking = 0;
  scope->used = used;
  return status;
}

/* ---- keys ---- */

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

static int are_checked(const basin_node *mapping, const basin_memo *memo) {
  return mapping->kind == BASIN_MAPPING && memo && memo->since;
}

basin_status basin_scope_keys(basin_scope *scope, const basin_node *mapping, const char *const *key,
                              int keys, const char *what, basin_error *error) {
  basin_memo *memo = memo_of(scope, mapping);
  if (are_checked(mapping, memo)) return BASIN_OK;
  const basin_status status = basin_check_keys(mapping, key, keys, what, error);
  if (memo && !status) memo->since = scope->clock;
  return status;
}

basin_status basin_scope_symbols(basin_scope *scope, const basin_node *mapping,
                                 const basin_symbol *symbol, int symbols, const char *what,
                                 basin_error *error) {
  const char *name[SYMBOLS_MAX] = {NULL};
  if (are_checked(mapping, memo_of(scope, mapping))) return BASIN_OK;
  for (int i = 0; i < symbols; i++) name[i] = symbol[i].name;
  return basin_scope_keys(scope, mapping, name, symbols, what, error);
}
