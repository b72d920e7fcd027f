/* SPDX-License-Identifier: MIT */
#include "read/stop_when.h"
#include "base/text.h"
#include "read/expression.h"
#include "read/own_model.h"
#include <stdlib.h>
#include <string.h>

/* Where its names are looked up. */
typedef struct names {
  basin_scope *scope;
  const basin_cell *cell;
  basin_place place; /* of the condition */
} names;

int basin_stop_when_is_own(const basin_model *model) {
  return !strcmp(model->name, BASIN_OWN_NAME);
}

static int find_observable(void *context, const char *name) {
  const names *n = context;
  return basin_observable_find(n->cell, name);
}

/* what the names of the model's observables and parameters are nearest to */
static basin_status refuse(const names *n, const char *name, basin_error *error) {
  const basin_model *model = n->cell->model;
  const int all = model->observables + model->parameters;
  const char **known = calloc((size_t)all + 1, sizeof *known);
  if (!known) return basin_fail_memory(error);
  for (int i = 0; i < model->observables; i++) known[i] = model->observable[i].name;
  for (int i = 0; i < model->parameters; i++)
    known[model->observables + i] = model->parameter[i].name;
  const char *near = basin_nearest(name, known, all);
  const int unknown_here = near && !strcmp(near, name);
  basin_fail_at(error, n->place,
                unknown_here
                    ? "stop.when: `%s` is not known in this cell: its inputs have another law%s%s%s"
                    : "stop.when: `%s` is no observable of this cell, nor a parameter%s%s%s",
                name,
                unknown_here ? ""
                : near       ? ", did you mean `"
                             : ", see `basin info MODEL`",
                near && !unknown_here ? near : "", near && !unknown_here ? "`?" : "");
  free(known);
  return BASIN_BAD_INPUT;
}

static basin_status look_up(void *context, const char *name, double *value, int *found,
                            basin_error *error) {
  names *n = context;
  const basin_status status = basin_scope_look_up(n->scope, name, value, found, error);
  return status || *found ? status : refuse(n, name, error);
}

static int are_alike(const basin_condition *x, const basin_condition *y) {
  return x && !memcmp(x, y, sizeof *x); /* NaN too, and what no step has is 0 */
}

basin_status basin_stop_when_read(basin_scope *scope, const basin_node *stop, basin_cell *cell,
                                  basin_error *error) {
  const basin_node *when = basin_node_get(stop, "when");
  if (!when || basin_stop_when_is_own(cell->model)) return BASIN_OK;
  if (when->kind != BASIN_SCALAR || !*when->text)
    return basin_fail_at(error, when->place, "stop.when: expected a condition, as in loss < 1e-6");
  names n = {scope, cell, when->place};
  n.place.column += when->quoted;
  basin_condition *program = calloc(1, sizeof *program);
  if (!program) return basin_fail_memory(error);
  const basin_status status = basin_condition_compile(when->text, n.place, look_up, find_observable,
                                                      &n, program, error);
  const int shared = !status && are_alike(scope->latest_when, program);
  if (status || shared) free(program);
  if (status) return status;
  if (!shared) scope->latest_when = cell->own_when = program;
  cell->setting.stop.when = scope->latest_when;
  return BASIN_OK;
}
