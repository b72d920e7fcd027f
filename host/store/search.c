/* SPDX-License-Identifier: MIT
 *
 * search.c: the curves of an experiment: which cells they are made of, and the cells that are added to them.
 */
#include "store/search.h"
#include <stdlib.h>
#include <string.h>

struct basin_search {
  basin_search_rule rule;
  const basin_experiment *experiment; /* as it was read */
  basin_curve *curve;                 /* [curves] */
  int64_t curves;
  basin_added *added; /* [addeds] */
  int64_t addeds;
};

/* ---- cells into curves ---- */

typedef struct entry {
  const basin_experiment *experiment;
  int64_t cell;
} entry;

/* the variant, and the grid's parameters but for the refined one */
static int compare_curves(const entry *x, const entry *y) {
  const basin_experiment *e = x->experiment;
  const basin_cell *p = &e->cell[x->cell], *q = &e->cell[y->cell];
  if (p->variant != q->variant) return p->variant < q->variant ? -1 : 1;
  for (int a = 0; a < e->axes; a++)
    if (a != e->refine.axis && p->coordinate[a] != q->coordinate[a])
      return p->coordinate[a] < q->coordinate[a] ? -1 : 1;
  return 0;
}

static int by_curve(const void *a, const void *b) {
  const entry *x = a, *y = b;
  const int axis = x->experiment->refine.axis, order = compare_curves(x, y);
  if (order) return order;
  const double p = x->experiment->cell[x->cell].coordinate[axis],
               q = y->experiment->cell[y->cell].coordinate[axis];
  return p < q ? -1 : p > q;
}

/* the curve whose first cell of the grid is the first comes first */
static int by_cell(const void *a, const void *b) {
  const basin_curve *x = a, *y = b;
  int64_t first[2] = {INT64_MAX, INT64_MAX};
  for (int64_t i = 0; i < x->count; i++)
    if (x->point[i].cell < first[0]) first[0] = x->point[i].cell;
  for (int64_t i = 0; i < y->count; i++)
    if (y->point[i].cell < first[1]) first[1] = y->point[i].cell;
  return first[0] < first[1] ? -1 : first[0] > first[1];
}

static basin_status open_curves(basin_search *s, entry *sorted, double *at, int64_t *cell,
                                basin_error *error) {
  const basin_experiment *e = s->experiment;
  basin_status status = BASIN_OK;
  for (int64_t c = 0; c < e->cells; c++) sorted[c] = (entry){e, c};
  qsort(sorted, (size_t)e->cells, sizeof *sorted, by_curve);
  for (int64_t c = 0; c < e->cells; c++) {
    cell[c] = sorted[c].cell;
    at[c] = e->cell[cell[c]].coordinate[e->refine.axis];
  }
  for (int64_t first = 0, end; first < e->cells && !status; first = end) {
    for (end = first + 1; end < e->cells && !compare_curves(&sorted[first], &sorted[end]);) end++;
    status = basin_curve_open(&s->rule, at + first, cell + first, end - first, &s->curve[s->curves],
                              error);
    s->curves++;
  }
  qsort(s->curve, (size_t)s->curves, sizeof *s->curve, by_cell);
  return status;
}

basin_status basin_search_open(const basin_experiment *e, basin_search **out, basin_error *error) {
  const size_t cells = (size_t)e->cells;
  basin_search *s = calloc(1, sizeof *s);
  entry *sorted = calloc(cells, sizeof *sorted);
  double *at = calloc(cells, sizeof *at);
  int64_t *cell = calloc(cells, sizeof *cell);
  if (s) {
    s->experiment = e;
    s->rule = (basin_search_rule){e->refine, e->trials, BASIN_SEARCH_ERROR};
    s->curve = calloc(cells, sizeof *s->curve);
  }
  basin_status status = s && s->curve && sorted && at && cell
                            ? open_curves(s, sorted, at, cell, error)
                            : basin_fail_memory(error);
  free(cell);
  free(at);
  free(sorted);
  if (status) basin_search_close(s);
  *out = status ? NULL : s;
  return status;
}

void basin_search_close(basin_search *s) {
  if (!s) return;
  for (int64_t i = 0; i < s->curves; i++) basin_curve_close(&s->curve[i]);
  free(s->curve);
  free(s->added);
  free(s);
}

/* ---- a round ---- */

/* a new point's cell: as the others of its curve, but there */
static basin_status add_cell(basin_search *s, const basin_curve *curve, basin_point *point,
                             basin_error *error) {
  const basin_experiment *e = s->experiment;
  const basin_point *other = curve->point;
  while (other->cell < 0 || other->cell >= e->cells) other++;
  basin_added *more = realloc(s->added, (size_t)(s->addeds + 1) * sizeof *more);
  if (!more) return basin_fail_memory(error);
  s->added = more;
  more += s->addeds;
  *more = (basin_added){.variant = e->cell[other->cell].variant};
  memcpy(more->coordinate, e->cell[other->cell].coordinate,
         (size_t)e->axes * sizeof *more->coordinate);
  more->coordinate[e->refine.axis] = point->at;
  point->cell = e->cells + s->addeds++;
  return BASIN_OK;
}

static basin_status round_of_curve(basin_search *s, const basin_store *store, basin_curve *curve,
                                   basin_error *error) {
  basin_status status = BASIN_OK;
  for (int64_t i = 0; i < curve->count && !status; i++) {
    basin_point *point = &curve->point[i];
    basin_range sum;
    if (point->side || point->waits) continue; /* it was counted */
    status = basin_store_count(store, point->cell, point->asked, &sum, error);
    point->successes = basin_outcomes_successes(&s->experiment->outcomes, sum.outcomes);
  }
  if (!status) status = basin_curve_round(&s->rule, curve, error);
  for (int64_t i = 0; i < curve->count && !status; i++)
    if (curve->point[i].cell < 0) status = add_cell(s, curve, &curve->point[i], error);
  return status;
}

basin_status basin_search_round(basin_search *s, basin_store *store, int *raised,
                                basin_error *error) {
  const int64_t before = s->addeds;
  basin_status status = BASIN_OK;
  for (int64_t i = 0; i < s->curves && !status; i++) {
    if (!s->curve[i].asks) continue;
    status = round_of_curve(s, store, &s->curve[i], error);
    *raised |= s->curve[i].asks;
  }
  if (!status && s->addeds > before) status = basin_store_grow(store, s->added, s->addeds, error);
  for (int64_t i = 0; i < s->curves && !status; i++)
    for (int64_t j = 0; j < s->curve[i].count; j++) {
      const basin_point *point = &s->curve[i].point[j];
      if (store->target[point->cell] < point->asked) store->target[point->cell] = point->asked;
    }
  return status;
}

/* ---- what came of it ---- */

basin_status basin_search_crossings(const basin_search *s, basin_crossing **out, int64_t *count,
                                    basin_error *error) {
  const basin_experiment *e = s->experiment;
  basin_crossing *crossing = calloc((size_t)(e->cells + s->addeds), sizeof *crossing);
  *count = 0;
  *out = crossing;
  if (!crossing) return basin_fail_memory(error);
  for (int64_t i = 0; i < s->curves; i++)
    *count += basin_curve_crossings(&s->rule, &s->curve[i], crossing + *count);
  return BASIN_OK;
}
