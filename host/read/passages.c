/* SPDX-License-Identifier: MIT
 *
 * passages.c: first passages of every trial.
 *
 *   record:
 *     passages:
 *       loss: {below: [1e-2, 1e-4]}       the first step with loss <= 1e-2, and that with loss <= 1e-4
 *       passed: {above: {range: [1, d]}}  the first steps with passed >= 1, ..., passed >= d
 *     passages: none
 *
 * Levels are a number, a list, or a rule of values.c, and may differ from cell to cell, in their number too. They come
 * in the order in which they must be passed: falling under `below`, rising under `above`. Passages are numbered
 * through, from 1, in the order of the file; a cell with fewer levels than another lacks the last ones of that
 * observable.
 *
 * Without the key a model may keep passages by itself (MODEL_PASSAGES).
 */
#include "read/passages.h"
#include "read/record.h"
#include "read/values.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHAT_BYTES = 160 };
static const char *const direction[] = {"below", "above"};

static const basin_node *node_of(const basin_node *record) {
  return record && record->kind == BASIN_MAPPING ? basin_node_get(record, "passages") : NULL;
}

static int is_none(const basin_node *node) {
  return node->kind == BASIN_SCALAR && !strcmp(node->text, "none");
}

/* ---- which there are ---- */

static basin_status add(basin_experiment *e, const char *observable, int above,
                        const basin_node *level, const basin_node *node, basin_error *error) {
  for (int i = 0; i < e->ladders; i++)
    if (!strcmp(e->ladder[i].observable, observable) && e->ladder[i].above == above)
      return BASIN_OK; /* of another variant */
  if (e->ladders == BASIN_LADDERS_MAX)
    return node ? basin_fail_at(error, node->place,
                                "record.passages: more than %d observables and directions",
                                BASIN_LADDERS_MAX)
                : basin_fail(error, BASIN_BAD_INPUT,
                             "the models of the variants keep passages of more than %d "
                             "observables: name some under record.passages",
                             BASIN_LADDERS_MAX);
  struct basin_named_ladder *l = &e->ladder[e->ladders];
  l->above = above;
  l->level = level;
  if (!(l->observable = strdup(observable))) return basin_fail_memory(error);
  e->ladders++;
  return BASIN_OK;
}

basin_status basin_passages_begin(basin_experiment *e, const basin_node *record,
                                  const basin_model *model, basin_error *error) {
  const basin_node *node = node_of(record);
  basin_status status = BASIN_OK;
  char what[WHAT_BYTES];
  for (int i = 0; i < model->passages && !node && !status; i++)
    status = add(e, model->observable[model->passage[i].observable].name, 1, NULL, NULL, error);
  if (!node || is_none(node)) return status;
  if (node->kind != BASIN_MAPPING || !node->count)
    return basin_fail_at(error, node->place,
                         "record.passages: expected a mapping, as in {loss: {below: 1e-6}}, or "
                         "none");
  for (int i = 0; i < node->count && !status; i++) {
    const basin_node *of = node->child[i];
    snprintf(what, sizeof what, "record.passages.%.64s", node->key[i]);
    status = basin_check_keys(of, direction, 2, what, error);
    if (!status && !of->count)
      status = basin_fail_at(error, of->place, "%s: expected `below` or `above`, or both", what);
    for (int j = 0; j < of->count && !status; j++)
      status = add(e, node->key[i], !strcmp(of->key[j], "above"), of->child[j], node, error);
  }
  return status;
}

/* ---- the levels of a cell ---- */

/* those that a model keeps by itself: first, first + 1, ..., to a parameter */
static basin_status read_own(const basin_cell *cell, const char *observable, double **level,
                             int *count, basin_error *error) {
  const basin_model *model = cell->model;
  for (int i = 0; i < model->passages; i++) {
    const basin_own_passages *own = &model->passage[i];
    if (strcmp(model->observable[own->observable].name, observable) != 0) continue;
    const double last = cell->setting.parameter[own->last];
    if (!(last >= own->first)) continue;
    *count = last - own->first < BASIN_PASSAGES_MAX ? (int)(last - own->first) + 1
                                                    : BASIN_PASSAGES_MAX + 1;
    if (!(*level = calloc((size_t)*count, sizeof **level))) return basin_fail_memory(error);
    for (int j = 0; j < *count; j++) (*level)[j] = own->first + j;
  }
  return BASIN_OK;
}

static basin_status read_levels(const basin_experiment *e, int ladder, basin_scope *scope,
                                const basin_cell *cell, double **level, int *count,
                                basin_error *error) {
  const struct basin_named_ladder *l = &e->ladder[ladder];
  char what[WHAT_BYTES];
  *level = NULL;
  *count = 0;
  if (basin_observable_find(cell, l->observable) < 0) return BASIN_OK;
  if (!l->level) return read_own(cell, l->observable, level, count, error);
  snprintf(what, sizeof what, "record.passages.%.64s.%s", l->observable, direction[l->above]);
  const basin_status status = basin_values_read(scope, l->level, what, what, level, count, error);
  for (int i = 0; i < *count && !status; i++) {
    const double x = (*level)[i];
    if (!isfinite(x))
      return basin_fail_at(error, l->level->place, "%s: expected finite levels", what);
    if (i && !(l->above ? x > (*level)[i - 1] : x < (*level)[i - 1]))
      return basin_fail_at(error, l->level->place,
                           "%s: %.10g behind %.10g, expected %s levels: the order in which they "
                           "are passed",
                           what, x, (*level)[i - 1], l->above ? "rising" : "falling");
  }
  return status;
}

basin_status basin_passages_cell(const basin_experiment *e, const basin_node *record,
                                 basin_scope *scope, basin_cell *cell, basin_error *error) {
  const basin_node *node = node_of(record);
  basin_status status = BASIN_OK;
  int all = 0;
  for (int i = 0; i < e->ladders && !status; i++) {
    double *level, *more = NULL;
    int count;
    status = read_levels(e, i, scope, cell, &level, &count, error);
    if (!status && all + count > BASIN_PASSAGES_MAX)
      status = basin_fail_at(error, node ? node->place : (basin_place){0},
                             "record.passages: more than %d levels", BASIN_PASSAGES_MAX);
    if (!status && count) {
      more = realloc(cell->level, (size_t)(all + count) * sizeof *more);
      if (!more) status = basin_fail_memory(error);
    }
    if (more) {
      cell->level = more;
      memcpy(cell->level + all, level, (size_t)count * sizeof *level);
      cell->levels[i] = count;
      all += count;
    }
    free(level);
  }
  return status;
}

/* ---- of all cells together ---- */

int basin_passage_ladder(const basin_experiment *e, int passage) {
  int l = 0;
  while (passage >= e->ladder[l].first + e->ladder[l].count) l++;
  return l;
}

/* how many each ladder has: as many as the cell of the grid that has most */
static basin_status number(basin_experiment *e, const basin_node *node, basin_error *error) {
  e->passages = 0;
  for (int i = 0; i < e->ladders; i++) {
    struct basin_named_ladder *l = &e->ladder[i];
    int known = 0;
    l->first = e->passages;
    for (int64_t c = 0; c < e->cells; c++) {
      const int levels = e->cell[c].levels[i];
      known = known || basin_observable_find(&e->cell[c], l->observable) >= 0;
      if (c < e->grid_cells && levels > l->count) l->count = levels;
      if (levels > l->count)
        return basin_fail(error, BASIN_BAD_INPUT,
                          "record.passages.%s: a cell that `refine` adds has %d levels, those of "
                          "the grid at most %d",
                          l->observable, levels, l->count);
    }
    if (!known)
      return basin_observable_unknown(e, "record.passages", l->observable, node->place, error);
    e->passages += l->count;
  }
  if (e->passages > BASIN_PASSAGES_MAX)
    return basin_fail_at(error, node ? node->place : (basin_place){0},
                         "record.passages: more than %d levels", BASIN_PASSAGES_MAX);
  return BASIN_OK;
}

static void fill(const basin_experiment *e, const basin_cell *cell, basin_passage *passage) {
  const double *level = cell->level;
  for (int i = 0; i < e->ladders; i++) {
    const struct basin_named_ladder *l = &e->ladder[i];
    const int observable = basin_observable_find(cell, l->observable);
    for (int j = 0; j < l->count; j++) {
      const int there = j < cell->levels[i];
      passage[l->first + j] = (basin_passage){.observable = there ? observable : -1,
                                              .above = l->above,
                                              .level = there ? level[j] : NAN};
    }
    level += cell->levels[i];
  }
}

static int are_alike(const basin_experiment *e, const basin_passage *x, const basin_passage *y) {
  for (int i = 0; i < e->passages; i++)
    if (x[i].observable != y[i].observable ||
        (x[i].observable >= 0 && (x[i].level < y[i].level || x[i].level > y[i].level)))
      return 0;
  return 1;
}

basin_status basin_passages_end(basin_experiment *e, const basin_node *record, basin_error *error) {
  const basin_status status = number(e, node_of(record), error);
  if (status || !e->passages) return status;
  basin_passage *mine = NULL;
  for (int64_t c = 0; c < e->cells; c++) {
    basin_cell *cell = &e->cell[c];
    if (!mine) mine = calloc((size_t)e->passages, sizeof *mine);
    if (!mine) return basin_fail_memory(error);
    fill(e, cell, mine);
    free(cell->level);
    cell->level = NULL;
    cell->passage = mine;
    if (c && are_alike(e, cell[-1].passage, mine)) cell->passage = cell[-1].passage;
    else cell->owned = mine, mine = NULL;
  }
  free(mine);
  return BASIN_OK;
}
