/* SPDX-License-Identifier: MIT */
#include "read/grid.h"
#include "base/text.h"
#include "read/expression.h"
#include "model/registry.h"
#include "read/values.h"
#include "read/variables.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* whether the name is the pattern's, %s standing for anything */
static int fits(const char *name, const char *pattern) {
  const char *of = strstr(pattern, "%s");
  if (!of) return !strcmp(name, pattern);
  const size_t length = strlen(name), head = (size_t)(of - pattern), tail = strlen(of + 2);
  return length >= head + tail && !strncmp(name, pattern, head) &&
         !strcmp(name + length - tail, of + 2);
}

/* whether any model has an observable of that name */
static int is_observable(const char *name) {
  int models;
  const basin_model *const *model = basin_models(&models);
  for (int m = 0; m < models; m++)
    if (basin_symbol_find(model[m]->observable, model[m]->observables, name) >= 0) return 1;
  return basin_symbol_find(basin_risk_observables(), BASIN_RISK_OBSERVABLES, name) >= 0;
}

/* whether the output file has a variable or a group of that name: with `%s` alone one of each observable */
static int matches(const char *name, int observables) {
#define NAME(id, name, type, dimensions, fill, there, long_name) name,
#define GROUP(name) name,
  static const char *const pattern[] = {BASIN_OUTPUT_VARIABLES(NAME) BASIN_OUTPUT_GROUPS(GROUP)};
#undef GROUP
#undef NAME
  for (size_t i = 0; i < sizeof pattern / sizeof *pattern; i++)
    if (!strcmp(pattern[i], "%s") ? observables && is_observable(name) : fits(name, pattern[i]))
      return 1;
  return 0;
}
static int is_taken(const char *name) { return matches(name, 1); }

static basin_status check_name(const basin_experiment *e, const char *name, basin_place place,
                               basin_error *error) {
  if (e->axes == BASIN_AXES_MAX)
    return basin_fail_at(error, place, "grid: more than %d parameters", BASIN_AXES_MAX);
  if (!basin_is_name(name) || !strcmp(name, "pi"))
    return basin_fail_at(error, place,
                         "grid: `%s` cannot be a name, expected letters, digits and _", name);
  if (is_taken(name))
    return basin_fail_at(error, place, "grid: the name `%s` is taken by the output file", name);
  for (int i = 0; i < e->axes; i++)
    if (!strcmp(e->axis[i], name))
      return basin_fail_at(error, place, "grid: `%s` is given twice", name);
  return BASIN_OK;
}

/* a name of a model's tables, which others are not to have */
static basin_status check_symbol(const basin_model *model, const char *name, int taken,
                                 basin_place place, basin_error *error) {
  if (!taken && basin_is_name(name)) return BASIN_OK;
  return basin_fail_at(
      error, place,
      "model %s: the name `%s` of its tables is taken by the output file, by the grid "
      "or by another of them",
      model->name, name);
}

basin_status basin_grid_check_model(const basin_model *m, int axes, char *const *axis,
                                    basin_place place, basin_error *error) {
  basin_status status = BASIN_OK;
  for (int i = 0; i < m->parameters && !status; i++)
    status = check_symbol(m, m->parameter[i].name, is_taken(m->parameter[i].name), place, error);
  for (int i = 0; i < m->observables && !status; i++) {
    const char *name = m->observable[i].name;
    int taken = matches(name, 0) || basin_symbol_find(m->parameter, m->parameters, name) >= 0;
    for (int a = 0; a < axes; a++) taken |= !strcmp(axis[a], name);
    status = check_symbol(m, name, taken, place, error);
  }
  return status;
}

/* a parameter and its values, *length of them */
static basin_status read_axis(basin_grid *grid, basin_experiment *e, const char *name,
                              basin_place place, const basin_node *list, int *length,
                              basin_error *error) {
  const int axis = e->axes;
  char what[80];
  basin_scope scope = {0};
  basin_status status = check_name(e, name, place, error);
  if (status) return status;
  if (!(e->axis[axis] = strdup(name))) return basin_fail_memory(error);
  snprintf(what, sizeof what, "grid: `%.64s`", name);
  status = basin_values_read(&scope, list, name, what, &grid->value[axis], length, error);
  grid->place[axis] = list->place;
  grid->axes = ++e->axes;
  return status;
}

/* parameters that run together: an item of a list */
static basin_status read_together(basin_grid *grid, basin_experiment *e, const basin_node *item,
                                  basin_grid_group *group, basin_error *error) {
  basin_status status = BASIN_OK;
  if (item->kind != BASIN_MAPPING || !item->count)
    return basin_fail_at(error, item->place, "grid: expected a mapping of parameters to lists");
  for (int j = 0; j < item->count && !status; j++) {
    const basin_node *list = item->child[j];
    int length = 0;
    status = read_axis(grid, e, item->key[j], item->key_place[j], list, &length, error);
    if (j == 0) group->length = length;
    if (!status && length != group->length)
      return basin_fail_at(
          error, list->place,
          "grid: `%s` has %d values and `%s` %d, expected as many: they run together", item->key[j],
          length, item->key[0], group->length);
  }
  return status;
}

/* a mapping crosses its parameters; a list crosses its items, and the parameters of one item run together */
basin_status basin_grid_read(basin_grid *grid, basin_experiment *e, const basin_node *node,
                             int variants, basin_error *error) {
  basin_status status = BASIN_OK;
  grid->points = 1;
  if (!node) return BASIN_OK;
  if (node->kind == BASIN_SCALAR)
    return basin_fail_at(error, node->place,
                         "grid: expected a mapping of parameters to lists, or a list of them");
  if (!node->count)
    return basin_fail_at(error, node->place, "grid: empty, expected at least one parameter");
  for (int i = 0; i < node->count && !status; i++) {
    const basin_node *item = node->child[i];
    basin_grid_group *group = &grid->group[grid->groups];
    if (grid->groups == BASIN_AXES_MAX)
      return basin_fail_at(error, node->place, "grid: more than %d parameters", BASIN_AXES_MAX);
    group->first = e->axes;
    if (node->kind == BASIN_SEQUENCE) {
      status = read_together(grid, e, item, group, error);
    } else {
      status = read_axis(grid, e, node->key[i], node->key_place[i], item, &group->length, error);
    }
    group->count = e->axes - group->first;
    grid->groups++;
  }
  for (int g = 0; g < grid->groups && !status; g++) {
    grid->points *= grid->group[g].length;
    if (grid->points * variants > BASIN_CELLS_MAX)
      return basin_fail_at(error, node->place, "grid: more than %d cells", BASIN_CELLS_MAX);
  }
  return status;
}

void basin_grid_free(basin_grid *grid) {
  for (int i = 0; i < BASIN_AXES_MAX; i++) free(grid->value[i]);
}

void basin_grid_point(const basin_grid *grid, int64_t point, double coordinate[BASIN_AXES_MAX]) {
  for (int g = grid->groups - 1; g >= 0; g--) {
    const basin_grid_group *group = &grid->group[g];
    const int64_t i = point % group->length;
    point /= group->length;
    for (int a = group->first; a < group->first + group->count; a++)
      coordinate[a] = grid->value[a][i];
  }
}

/* ---- points that are alike ---- */

typedef struct entry {
  const basin_grid *grid;
  const basin_grid_group *group;
  int index;
} entry;

static int by_values(const void *a, const void *b) {
  const entry *x = a, *y = b;
  for (int i = x->group->first; i < x->group->first + x->group->count; i++) {
    const double p = x->grid->value[i][x->index], q = x->grid->value[i][y->index];
    if (p != q) return p < q ? -1 : 1;
  }
  return 0;
}

/* groups are crossed, so two points are the same where two entries of one group are: the same trials twice */
basin_status basin_grid_check(const basin_grid *grid, const basin_node *node, basin_error *error) {
  basin_status status = BASIN_OK;
  for (int g = 0; g < grid->groups && !status; g++) {
    const basin_grid_group *group = &grid->group[g];
    entry *sorted = malloc((size_t)group->length * sizeof *sorted);
    if (!sorted) return basin_fail_memory(error);
    for (int i = 0; i < group->length; i++) sorted[i] = (entry){grid, group, i};
    qsort(sorted, (size_t)group->length, sizeof *sorted, by_values);
    for (int i = 1; i < group->length && !status; i++)
      if (!by_values(&sorted[i - 1], &sorted[i]))
        status = basin_fail_at(error, node->place,
                               "grid: two of its points are the same, expected every point once");
    free(sorted);
  }
  return status;
}
