/* SPDX-License-Identifier: MIT */
#include "read/refine.h"
#include "numeric/philox.h"
#include "read/scope.h"
#include <math.h>
#include <string.h>

static const double FINEST = 1e-9; /* `to`, beside the span of the grid's values */
static const int64_t MOST_TRIALS = 1000000;

static const basin_grid_group *group_of(const basin_grid *grid, int axis) {
  const basin_grid_group *group = grid->group;
  while (axis >= group->first + group->count) group++;
  return group;
}

static basin_status find_axis(basin_experiment *e, const basin_grid *grid, const basin_node *node,
                              basin_error *error) {
  const char *name = node->key[0];
  const basin_place place = node->key_place[0];
  int axis = 0;
  while (axis < e->axes && strcmp(e->axis[axis], name) != 0) axis++;
  if (axis == e->axes)
    return basin_fail_at(error, place, "refine: `%s` is no grid parameter", name);
  const basin_grid_group *group = group_of(grid, axis);
  if (group->count > 1)
    return basin_fail_at(error, place,
                         "refine: `%s` runs together with `%s`, expected a parameter whose list is "
                         "crossed with all others",
                         name, e->axis[axis == group->first ? axis + 1 : group->first]);
  if (group->length < 2)
    return basin_fail_at(error, grid->place[axis],
                         "refine: `%s` has one value, expected at least two: points are added "
                         "between them",
                         name);
  if (e->same_draw[axis])
    return basin_fail_at(error, place,
                         "refine: `%s` is in same_draw, and the search needs draws of its own at "
                         "every point: take it out there",
                         name);
  e->refine.axis = axis;
  return BASIN_OK;
}

/* whether points must be whole numbers: where a model takes no others, or where all that is given is */
static int is_whole(const basin_experiment *e, const double *value, int values) {
  for (int i = 0; i < values; i++)
    if (value[i] != floor(value[i])) return 0;
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_model *model = e->cell[c].model;
    if (c && model == e->cell[c - 1].model) continue;
    const int i = basin_symbol_find(model->parameter, model->parameters, e->axis[e->refine.axis]);
    if (i >= 0 && model->parameter[i].integer) return 1;
  }
  return !e->refine.relative && e->refine.to == floor(e->refine.to);
}

static basin_status read_scale(const basin_node *node, int *relative, basin_error *error) {
  if (!node) return BASIN_OK;
  const char *text = node->kind == BASIN_SCALAR ? node->text : "";
  *relative = !strcmp(text, "log");
  if (*relative || !strcmp(text, "linear")) return BASIN_OK;
  return basin_fail_at(error, node->place, "refine: scale: expected `linear` or `log`");
}

/* `to` against the values between which points are added */
static basin_status check_values(basin_experiment *e, const basin_grid *grid, basin_place place,
                                 basin_error *error) {
  basin_refine *r = &e->refine;
  const double *value = grid->value[r->axis];
  const int values = group_of(grid, r->axis)->length;
  const char *name = e->axis[r->axis];
  double least = INFINITY, most = -INFINITY;
  for (int i = 0; i < values; i++) least = fmin(least, value[i]), most = fmax(most, value[i]);
  if (!isfinite(least) || !isfinite(most))
    return basin_fail_at(error, grid->place[r->axis],
                         "refine: `%s` has an infinite value, expected finite ones", name);
  if (r->relative && !(least > 0))
    return basin_fail_at(error, grid->place[r->axis],
                         "refine: `%s` is %.10g, expected values above 0 for scale: log", name,
                         least);
  r->whole = is_whole(e, value, values);
  const double finest = FINEST * (r->relative ? 1 : fmax(fabs(least), fabs(most)));
  if (r->to < finest)
    return basin_fail_at(error, place, "refine: to is %.10g, expected at least %.10g", r->to,
                         finest);
  if (r->whole && !r->relative && r->to < 1)
    return basin_fail_at(error, place,
                         "refine: to is %.10g, expected at least 1: `%s` is a whole number", r->to,
                         name);
  return BASIN_OK;
}

basin_status basin_refine_read(basin_experiment *e, const basin_grid *grid, const basin_node *node,
                               basin_error *error) {
  static const char *const key[] = {"to", "where", "max_trials", "scale"};
  basin_refine *r = &e->refine;
  basin_scope scope = {0};
  if (!node || (node->kind == BASIN_SCALAR && !strcmp(node->text, "none"))) return BASIN_OK;
  if (node->kind != BASIN_MAPPING || node->count != 1)
    return basin_fail_at(error, node->place,
                         "refine: expected one grid parameter, as in {angle: {to: 0.01}}, or none");
  const basin_node *what = node->child[0];
  *r = (basin_refine){.where = 0.5,
                      .max_trials = e->trials > MOST_TRIALS ? e->trials : MOST_TRIALS};
  basin_status status = find_axis(e, grid, node, error);
  if (!status) status = basin_check_keys(what, key, 4, "refine", error);
  if (status) return status;
  const basin_node *to = basin_node_get(what, "to"), *where = basin_node_get(what, "where"),
                   *most = basin_node_get(what, "max_trials");
  if (!to)
    return basin_fail_at(error, what->place,
                         "refine: `to` is missing: how closely the crossing shall be known");
  status = basin_scope_value(&scope, to, "refine: to", &r->to, error);
  if (!status && !(r->to > 0 && isfinite(r->to)))
    status = basin_fail_at(error, to->place, "refine: to is %g, expected a number above 0", r->to);
  if (!status && where)
    status = basin_scope_number(&scope, where, "refine: where", 0.001, 0.999, &r->where, error);
  if (!status && most)
    status = basin_scope_integer(&scope, most, "refine: max_trials", e->trials, BASIN_TRIALS_MAX,
                                 &r->max_trials, error);
  if (!status) status = read_scale(basin_node_get(what, "scale"), &r->relative, error);
  if (!status) status = check_values(e, grid, to->place, error);
  r->asked = !status;
  return status;
}
