/* SPDX-License-Identifier: MIT */
#include "store/groups.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows that may stand in any order ---- */

/* entry e of row i */
static double entry(const basin_grouping *g, const double *x, int64_t i, int64_t e) {
  return x[g->order[i * g->width + e]];
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* the lengths of the rows, ascending: of all orders of two points this brings lengths nearest to each other, so their
   squared distance is no larger than that of the points */
static void sort_lengths(const basin_grouping *g, const double *x, double *length) {
  for (int64_t i = 0; i < g->rows; i++) {
    double sum = 0;
    for (int64_t e = 0; e < g->width; e++) sum += entry(g, x, i, e) * entry(g, x, i, e);
    length[i] = sqrt(sum);
  }
  qsort(length, (size_t)g->rows, sizeof *length, by_size);
}

/* the least sum of one entry of each row and each column of cost [n][n]; rows and columns are counted from 1, u and v
   are prices of rows and columns, taker[j] the row that has column j, and column 0 is where a row begins that has
   none */
static double assign(const double *cost, int64_t n, double *room) {
  double *u = room, *v = u + n + 1, *slack = v + n + 1, *taker = slack + n + 1,
         *from = taker + n + 1, *seen = from + n + 1, sum = 0;
  memset(room, 0, (size_t)(6 * (n + 1)) * sizeof *room);
  for (int64_t i = 1; i <= n; i++) {
    int64_t column = 0;
    taker[0] = (double)i;
    for (int64_t j = 0; j <= n; j++) slack[j] = INFINITY, seen[j] = 0;
    while (taker[column] > 0) {
      const int64_t row = (int64_t)taker[column];
      double least = INFINITY;
      int64_t next = 0;
      seen[column] = 1;
      for (int64_t j = 1; j <= n; j++) {
        if (seen[j] > 0) continue;
        const double reduced = cost[(row - 1) * n + j - 1] - u[row] - v[j];
        if (reduced < slack[j]) slack[j] = reduced, from[j] = (double)column;
        if (slack[j] < least) least = slack[j], next = j;
      }
      for (int64_t j = 0; j <= n; j++)
        if (seen[j] > 0) u[(int64_t)taker[j]] += least, v[j] -= least;
        else slack[j] -= least;
      column = next;
    }
    while (column) {
      const int64_t before = (int64_t)from[column];
      taker[column] = taker[before];
      column = before;
    }
  }
  for (int64_t j = 1; j <= n; j++) sum += cost[((int64_t)taker[j] - 1) * n + j - 1];
  return sum;
}

/* squared; more than `limit`: anything that is */
static double permuted(const basin_grouping *g, const double *x, const double *y, double limit) {
  static const double rounding = 1e-9;
  const int64_t n = g->rows;
  double *length = g->room, *cost = length + 2 * n, *taken = cost + n * n, bound = 0;
  int apart = 1;
  sort_lengths(g, x, length);
  sort_lengths(g, y, length + n);
  for (int64_t i = 0; i < n; i++)
    bound += (length[i] - length[n + i]) * (length[i] - length[n + i]);
  if (bound * (1 - rounding) > limit) return bound;
  for (int64_t j = 0; j < n; j++) taken[j] = 0;

  /* each row with the nearest: no order is better, if that is one */
  bound = 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t nearest = 0;
    for (int64_t j = 0; j < n; j++) {
      double sum = 0;
      for (int64_t e = 0; e < g->width; e++)
        sum += (entry(g, x, i, e) - entry(g, y, j, e)) * (entry(g, x, i, e) - entry(g, y, j, e));
      cost[i * n + j] = sum;
      if (sum < cost[i * n + nearest]) nearest = j;
    }
    apart &= taken[nearest] < 1;
    taken[nearest] = 1;
    bound += cost[i * n + nearest];
  }
  return apart || bound * (1 - rounding) > limit ? bound : assign(cost, n, taken);
}

/* ---- distances ---- */

static double squared(const basin_grouping *g, const double *x, const double *y, double limit) {
  double same = 0, opposite = 0;
  if (g->up_to == BASIN_UP_TO_PERMUTATION) return permuted(g, x, y, limit);
  if (g->up_to == BASIN_UP_TO_NOTHING) opposite = INFINITY;
  for (int64_t i = 0; i < g->length && (same <= limit || opposite <= limit); i++) {
    same += (x[i] - y[i]) * (x[i] - y[i]);
    opposite += (x[i] + y[i]) * (x[i] + y[i]);
  }
  return same < opposite ? same : opposite;
}

double basin_grouping_distance(const basin_grouping *g, const double *x, const double *y,
                               double limit) {
  return sqrt(squared(g, x, y, limit * limit));
}

/* ---- groups ---- */

/* the matrix whose rows are permuted: those of all vectors side by side; a vector's entries are rows of one number */
static void put_order(basin_grouping *g, const basin_cell *cell) {
  int64_t at = 0, column = 0;
  const basin_discover *d = cell->discover;
  for (int b = 0; b < d->count; b++) {
    const int64_t wide = basin_by_length(cell, b) / g->rows;
    for (int64_t i = 0; i < g->rows; i++)
      for (int64_t e = 0; e < wide; e++) g->order[i * g->width + column + e] = at++;
    column += wide;
  }
}

basin_status basin_grouping_open(const basin_cell *cell, basin_grouping **out, basin_error *error) {
  const basin_discover *d = cell->discover;
  basin_grouping *g = *out = calloc(1, sizeof *g);
  if (!g) return basin_fail_memory(error);
  *g = (basin_grouping){.up_to = d->up_to,
                        .within = cell->within,
                        .length = basin_point_length(cell),
                        .group = calloc(BASIN_ATTRACTORS_MAX, sizeof *g->group)};
  if (d->up_to == BASIN_UP_TO_PERMUTATION) {
    const basin_vector *vector = &cell->setting.initial[d->by[0].initial];
    const int matrix = cell->model->initial[d->by[0].initial].rows >= 0;
    g->rows = matrix ? vector->rows : vector->length;
    g->width = g->length / g->rows;
    g->order = calloc((size_t)g->length, sizeof *g->order);
    g->room = calloc((size_t)(2 * g->rows + g->rows * g->rows + 6 * (g->rows + 1)),
                     sizeof *g->room);
    if (!g->order || !g->room) return basin_fail_memory(error);
    put_order(g, cell);
  }
  return g->group ? BASIN_OK : basin_fail_memory(error);
}

void basin_grouping_close(basin_grouping *g) {
  if (!g) return;
  for (int i = 0; i < g->count && g->group; i++) free(g->group[i].point);
  free(g->group);
  free(g->order);
  free(g->room);
  free(g);
}

/* the group whose point is nearest, and near enough */
static int nearest(const basin_grouping *g, const double *point) {
  int found = BASIN_OTHER_GROUP;
  double least = INFINITY, limit = g->within * g->within * (1 + 1e-9);
  for (int i = 0; i < g->count; i++) {
    const double here = squared(g, point, g->group[i].point, limit);
    if (here >= least || !(sqrt(here) <= g->within)) continue;
    least = limit = here;
    found = i;
  }
  return found;
}

basin_status basin_grouping_put(basin_grouping *g, const double *point, int64_t trial, double loss,
                                int *number, basin_error *error) {
  *number = BASIN_NO_GROUP;
  for (int64_t i = 0; i < g->length; i++)
    if (!isfinite(point[i])) return BASIN_OK;
  *number = nearest(g, point);
  if (*number == BASIN_OTHER_GROUP && g->count < BASIN_ATTRACTORS_MAX) {
    double *copy = malloc((size_t)g->length * sizeof *copy);
    if (!copy) return basin_fail_memory(error);
    memcpy(copy, point, (size_t)g->length * sizeof *copy);
    g->group[g->count] = (basin_group){copy, trial, loss, 0};
    *number = g->count++;
  }
  if (*number >= 0) g->group[*number].trials++;
  else g->others++;
  return BASIN_OK;
}

/* ---- from cell to cell ---- */

basin_status basin_grouping_match(const basin_grouping *g, const double *const *x, int x_count,
                                  const double *const *y, int y_count, double most, int *partner,
                                  basin_error *error) {
  double *least = malloc((size_t)(x_count + y_count + 1) * sizeof *least);
  int *back = malloc((size_t)(y_count + 1) * sizeof *back);
  if (!least || !back) {
    free(least);
    free(back);
    return basin_fail_memory(error);
  }
  for (int i = 0; i < x_count + y_count; i++) least[i] = INFINITY;
  for (int i = 0; i < x_count; i++) partner[i] = -1;
  for (int j = 0; j < y_count; j++) back[j] = -1;
  for (int i = 0; i < x_count; i++)
    for (int j = 0; j < y_count; j++) {
      const double here = basin_grouping_distance(g, x[i], y[j], INFINITY);
      if (here < least[i]) least[i] = here, partner[i] = j;
      if (here < least[x_count + j]) least[x_count + j] = here, back[j] = i;
    }
  for (int i = 0; i < x_count; i++)
    if (partner[i] >= 0 && (back[partner[i]] != i || least[i] > most)) partner[i] = -1;
  free(least);
  free(back);
  return BASIN_OK;
}
