/* SPDX-License-Identifier: MIT */
#include "read/scope.h"
#include "base/text.h"
#include "network/gaussian.h"
#include "read/expression.h"
#include "read/headers.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32, SYMBOLS_MAX = 64 /* of one table of a model */ };
static const uint64_t STAGE = (uint64_t)1 << BASIN_AXES_MAX, TIME = (uint64_t)2 << BASIN_AXES_MAX,
                      AXES = ((uint64_t)1 << BASIN_AXES_MAX) - 1;

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
  if ((memo->depends & TIME) && memo->moment != scope->moment) return 0;
  for (uint64_t bits = memo->depends & AXES; bits; bits &= bits - 1)
    if (scope->changed[__builtin_ctzll(bits)] > memo->since) return 0;
  return 1;
}

/* what is being evaluated depends on this too, which has so many names below it */
static void depend(basin_scope *scope, uint64_t depends, int height) {
  for (uint64_t bits = depends & AXES; bits; bits &= bits - 1)
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

/* c_sigma of a layer's activation, which depends on what its slope does */
static basin_status activation_constant(basin_scope *scope, const basin_scope_layer *layer,
                                        double *value, basin_error *error) {
  basin_sigma sigma = {layer->activation, 0};
  basin_status status = BASIN_OK;
  if (layer->slope) status = follow(scope, layer->slope, "c_sigma", &sigma.slope, error);
  if (!status) *value = basin_sigma_constant(&sigma);
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
  if (scope->layer && !strcmp(name, "H")) {
    *value = scope->layer->hidden;
    return BASIN_OK;
  }
  if (scope->layer && !strcmp(name, "c_sigma"))
    return activation_constant(scope, scope->layer, value, error);
  const basin_model *model = scope->model;
  const int parameter = model ? basin_symbol_find(model->parameter, model->parameters, name) : -1;
  const int is_t = !strcmp(name, "t");
  *found = parameter >= 0 || (is_t && scope->moment);
  if (parameter >= 0) {
    *value = model->parameter[parameter].initial;
  } else if (*found) {
    *value = scope->t;
    scope->depends |= TIME;
  } else {
    scope->elsewhere |= scope->checking &&
                        (is_t || basin_is_symbol(name) || basin_headers_have(scope->headers, name));
  }
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
                         .moment = scope->moment,
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

/* ---- expressions of t ---- */

basin_status basin_scope_value_at(basin_scope *scope, const basin_node *node, const char *what,
                                  double t, double *value, int *moves, basin_error *error) {
  scope->t = t;
  scope->moment = ++scope->moments;
  scope->depends = 0;
  const basin_status status = basin_scope_value(scope, node, what, value, error);
  *moves = (scope->depends & TIME) != 0;
  scope->moment = 0;
  return status;
}

/* A text that grows up to a limit. */
enum { TEXT_OF_T = 4096 };
typedef struct writer {
  char *text;
  size_t length;
} writer;

/* 0: it is too long */
static int put(writer *w, const char *piece, size_t length) {
  if (w->length + length >= TEXT_OF_T) return 0;
  memcpy(w->text + w->length, piece, length);
  w->text[w->length += length] = 0;
  return 1;
}

static int put_number(writer *w, double x) {
  const basin_number number = basin_exact(x);
  if (x >= 0) return put(w, number.text, strlen(number.text));
  return put(w, "(", 1) && put(w, number.text, strlen(number.text)) && put(w, ")", 1);
}

static int put_node(writer *w, basin_scope *scope, const basin_node *node);

/* what a name stands for, at the moment of the scope: it has a value there */
static int put_name(writer *w, basin_scope *scope, const char *name) {
  basin_error unused;
  double value;
  int found;
  scope->depends = 0;
  basin_scope_look_up(scope, name, &value, &found, &unused);
  if (!(scope->depends & TIME)) return put_number(w, value);
  const basin_node *node = find(scope, name);
  if (!node) return put(w, "t", 1);
  return put(w, "(", 1) && put_node(w, scope, node) && put(w, ")", 1);
}

/* a node's expression, without blanks */
static int put_node(writer *w, basin_scope *scope, const basin_node *node) {
  int room = 1;
  for (const char *at = node->text; *at && room;) {
    char name[BASIN_NAME_LENGTH + 1];
    size_t length = basin_number_length(at);
    if (length) {
      room = put(w, at, length);
    } else if (isalpha((unsigned char)*at) || *at == '_') {
      while (isalnum((unsigned char)at[length]) || at[length] == '_') length++;
      snprintf(name, sizeof name, "%.*s", (int)length, at);
      const int is_call = at[length + strspn(at + length, " \t\r\n\v\f")] == '(';
      room = is_call || !strcmp(name, "pi") ? put(w, at, length) : put_name(w, scope, name);
    } else {
      length = 1;
      if (!isspace((unsigned char)*at)) room = put(w, at, length);
    }
    at += length;
  }
  return room;
}

basin_status basin_scope_text_of_t(basin_scope *scope, const basin_node *node, char **text,
                                   basin_error *error) {
  writer w = {.text = calloc(1, TEXT_OF_T)};
  *text = w.text;
  if (!w.text) return basin_fail_memory(error);
  scope->moment = ++scope->moments;
  const int room = put_node(&w, scope, node);
  scope->moment = 0;
  if (room) return BASIN_OK;
  free(w.text);
  *text = NULL;
  return basin_fail_at(error, node->place,
                       "with its names put in, this expression of t has over %d characters",
                       TEXT_OF_T - 1);
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
    const int is_piece = strchr(mapping->key[i], ')') != NULL; /* of an expression */
    const char *near = is_piece ? NULL : basin_nearest(mapping->key[i], key, keys);
    if (near)
      return basin_fail_at(error, mapping->key_place[i],
                           "unknown key `%s` in %s, did you mean `%s`?", mapping->key[i], what,
                           near);
    for (int j = 0; j < keys; j++)
      snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", j ? ", " : "", key[j]);
    return basin_fail_at(error, mapping->key_place[i],
                         is_piece
                             ? "unknown key `%s` in %s, expected one of: %s; between braces an "
                               "expression with a comma needs quotes"
                             : "unknown key `%s` in %s, expected one of: %s",
                         mapping->key[i], what, list);
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
