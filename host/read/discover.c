/* SPDX-License-Identifier: MIT */
#include "read/discover.h"
#include "base/text.h"
#include "read/named.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LISTED_MAX = 256 };
#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- what is written ---- */

static basin_status refuse_name(const basin_node *node, const basin_model *model,
                                basin_error *error) {
  const char *known[LISTED_MAX];
  int count = 0;
  for (int i = 0; i < model->initials; i++) known[count++] = model->initial[i].name;
  for (int i = 0; i < model->observables && count < LISTED_MAX; i++)
    known[count++] = model->observable[i].name;
  const char *near = basin_nearest(node->text, known, count);
  return basin_fail_at(error, node->place,
                       "outcomes.discover.by: `%s` is no vector of the state and no observable of "
                       "the model%s%s%s",
                       node->text, near ? ", did you mean `" : ", see `basin info MODEL`",
                       near ? near : "", near ? "`?" : "");
}

static basin_status add(basin_discover *d, const char *name, int initial, basin_error *error) {
  d->by[d->count] = (struct basin_by){.name = strdup(name), .initial = initial};
  if (!d->by[d->count].name) return basin_fail_memory(error);
  d->count++;
  return BASIN_OK;
}

static basin_status read_name(const basin_node *node, const basin_model *model, basin_discover *d,
                              basin_error *error) {
  if (node->kind != BASIN_SCALAR || !*node->text)
    return basin_fail_at(error, node->place,
                         "outcomes.discover.by: expected names of vectors of the state, or of "
                         "observables, as in [x, y]");
  const int initial = basin_symbol_find(model->initial, model->initials, node->text);
  if (initial < 0 && !basin_is_observable(model, node->text))
    return refuse_name(node, model, error);
  for (int i = 0; i < d->count; i++)
    if (!strcmp(d->by[i].name, node->text))
      return basin_fail_at(error, node->place, "outcomes.discover.by: `%s` is there twice",
                           node->text);
  if (d->count == BASIN_BY_MAX)
    return basin_fail_at(error, node->place, "outcomes.discover.by: more than %d names",
                         BASIN_BY_MAX);
  return add(d, node->text, initial, error);
}

static basin_status read_by(const basin_node *by, const basin_model *model, basin_discover *d,
                            basin_error *error) {
  basin_status status = BASIN_OK;
  for (int i = 0; !by && i < model->initials && !status; i++)
    status = add(d, model->initial[i].name, i, error);
  if (!by) return status;
  if (by->kind == BASIN_SCALAR) return read_name(by, model, d, error);
  if (by->kind != BASIN_SEQUENCE || !by->count)
    return basin_fail_at(error, by->place,
                         "outcomes.discover.by: expected a list of vectors of the state, or of "
                         "observables, as in [x, y]");
  for (int i = 0; i < by->count && !status; i++) status = read_name(by->child[i], model, d, error);
  return status;
}

static basin_status read_up_to(const basin_node *node, basin_discover *d, basin_error *error) {
  const char *text = !node || node->kind != BASIN_SCALAR ? "" : node->text;
  if (!node) return BASIN_OK;
  d->up_to = !strcmp(text, "sign")          ? BASIN_UP_TO_SIGN
             : !strcmp(text, "permutation") ? BASIN_UP_TO_PERMUTATION
                                            : BASIN_UP_TO_NOTHING;
  if (!d->up_to)
    return basin_fail_at(error, node->place,
                         "outcomes.discover.up_to: expected sign or permutation");
  for (int i = 0; i < d->count; i++)
    if (d->by[i].initial < 0)
      return basin_fail_at(error, node->place,
                           "outcomes.discover.up_to: %s is of vectors of the state, and `%s` under "
                           "`by` is an observable",
                           text, d->by[i].name);
  return BASIN_OK;
}

basin_status basin_discover_begin(const basin_node *node, const basin_model *model,
                                  basin_discover *d, basin_error *error) {
  static const char *const key[] = {"within", "by", "up_to", "match"};
  basin_status status = BASIN_OK;
  if (node->kind != BASIN_MAPPING)
    status = basin_fail_at(error, node->place,
                           "outcomes.discover: expected a mapping, as in {within: 0.1}");
  if (!status) status = basin_check_keys(node, key, LENGTH(key), "outcomes.discover", error);
  if (!status && !basin_node_get(node, "within"))
    status = basin_fail_at(error, node->place,
                           "outcomes.discover: `within` is missing: the largest distance of points "
                           "that belong together");
  if (!status) status = read_by(basin_node_get(node, "by"), model, d, error);
  if (!status) status = read_up_to(basin_node_get(node, "up_to"), d, error);
  d->asked = 1;
  d->node = node;
  d->loss = -1;
  return status;
}

/* ---- of a cell ---- */

static basin_status read_distance(basin_scope *scope, const basin_node *node, const char *what,
                                  double *value, basin_error *error) {
  const basin_status status = basin_scope_value(scope, node, what, value, error);
  if (status || *value > 0) return status;
  return basin_fail_at(error, node->place, "%s is %g, expected a distance above 0", what, *value);
}

/* rows that are permuted: those of a matrix, the entries of a vector */
static int64_t rows_of(const basin_cell *cell, const struct basin_by *by) {
  const basin_vector *vector = &cell->setting.initial[by->initial];
  return cell->model->initial[by->initial].rows >= 0 ? vector->rows : vector->length;
}

static basin_status check_rows(const basin_discover *d, const basin_cell *cell,
                               basin_error *error) {
  const basin_place place = basin_node_get(d->node, "up_to")->place;
  const int64_t rows = rows_of(cell, &d->by[0]);
  for (int i = 1; i < d->count; i++)
    if (rows_of(cell, &d->by[i]) != rows)
      return basin_fail_at(error, place,
                           "outcomes.discover.up_to: rows are permuted together, and `%s` has %lld "
                           "of them, `%s` %lld; name vectors that have as many under `by`",
                           d->by[0].name, (long long)rows, d->by[i].name,
                           (long long)rows_of(cell, &d->by[i]));
  if (rows <= BASIN_PERMUTED_MAX) return BASIN_OK;
  return basin_fail_at(error, place,
                       "outcomes.discover.up_to: `%s` has %lld rows, more than %d cannot be "
                       "permuted",
                       d->by[0].name, (long long)rows, BASIN_PERMUTED_MAX);
}

basin_status basin_discover_cell(const basin_discover *d, basin_scope *scope, basin_cell *cell,
                                 basin_error *error) {
  if (!d->asked) return BASIN_OK;
  const basin_node *match = basin_node_get(d->node, "match");
  basin_status status = read_distance(scope, basin_node_get(d->node, "within"),
                                      "outcomes.discover.within", &cell->within, error);
  cell->match = INFINITY;
  if (!status && match)
    status = read_distance(scope, match, "outcomes.discover.match", &cell->match, error);
  if (!status && d->up_to == BASIN_UP_TO_PERMUTATION) status = check_rows(d, cell, error);
  cell->discover = d;
  return status;
}

int64_t basin_by_length(const basin_cell *cell, int by) {
  const int initial = cell->discover->by[by].initial;
  return initial < 0 ? 1 : basin_vector_size(&cell->setting.initial[initial]);
}

int64_t basin_point_length(const basin_cell *cell) {
  int64_t length = 0;
  for (int i = 0; cell->discover && i < cell->discover->count; i++)
    length += basin_by_length(cell, i);
  return length;
}

int64_t basin_point_vectors(const basin_cell *cell) {
  int64_t length = 0;
  for (int i = 0; cell->discover && i < cell->discover->count; i++)
    if (cell->discover->by[i].initial >= 0) length += basin_by_length(cell, i);
  return length;
}

/* ---- of the whole ---- */

const basin_discover *basin_discover_of(const basin_experiment *e) {
  for (int v = 0; v < e->rule_sets; v++)
    if (e->rules[v].discover.asked) return &e->rules[v].discover;
  return NULL;
}

static int group_alike(const basin_discover *x, const basin_discover *y) {
  if (x->count != y->count || x->up_to != y->up_to) return 0;
  for (int i = 0; i < x->count; i++)
    if (strcmp(x->by[i].name, y->by[i].name) != 0 ||
        (x->by[i].initial < 0) != (y->by[i].initial < 0))
      return 0;
  return 1;
}

/* whether the model of any cell that asks with `d` has it */
static int has_loss(const basin_experiment *e, const basin_discover *d) {
  for (int64_t c = 0; c < e->cells; c++)
    if (e->cell[c].discover == d && basin_observable_find(&e->cell[c], "loss") >= 0) return 1;
  return 0;
}

basin_status basin_discover_end(basin_experiment *e, basin_error *error) {
  const basin_discover *first = basin_discover_of(e);
  basin_status status = BASIN_OK;
  for (int v = 0; v < e->rule_sets && !status; v++) {
    basin_discover *d = &e->rules[v].discover;
    if (!d->asked) continue;
    if (!group_alike(first, d))
      status = basin_fail_at(error, d->node->place,
                             "outcomes.discover: another `by` or `up_to` than in another variant: "
                             "attractors are numbered over all of them, expected the same");
    for (int i = 0; i < d->count && !status; i++)
      if (d->by[i].initial < 0) status = basin_named_ask(e, d->by[i].name, &d->by[i].final, error);
    if (!status && has_loss(e, d)) status = basin_named_ask(e, "loss", &d->loss, error);
    d->node = NULL;
  }
  return status;
}

void basin_discover_free(basin_discover *d) {
  for (int i = 0; i < d->count; i++) free(d->by[i].name);
}
