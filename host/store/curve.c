/* SPDX-License-Identifier: MIT
 *
 * curve.c: the search along one curve, by the rule of search.h.
 */
#include "base/sequential.h"
#include "store/search.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  TRIALS_MULTIPLE = 64,
  PATIENCE = 3 /* trials of a point that is set aside, beside those of its ends */
};

/* `to` is typed in decimal, and so are the points: 0.74 - 0.73 is not quite 0.01 */
static const double SLACK = 1 + 1e-9;

/* ---- numbers between two ---- */

static int is_close(const basin_refine *r, double low, double high) {
  return high - low <= r->to * SLACK * (r->relative ? low : 1);
}

/* the number of fewest digits that is at most so far from x */
static double of_few_digits(double x, double off) {
  char text[40];
  for (int digits = 0; digits < 17; digits++) {
    snprintf(text, sizeof text, "%.*e", digits, x);
    const double y = strtod(text, NULL);
    if (fabs(y - x) <= off) return y;
  }
  return x;
}

/* In the middle of two, and in a distance that halves them: each part is at most 4/7 of the whole, or half of it and
   one. It is one of the two where no number lies between them. */
static double middle(const basin_refine *r, double low, double high) {
  const double x = r->relative ? sqrt(low) * sqrt(high) : low + (high - low) / 2;
  if (r->whole) return fmin(fmax(floor(x), low + 1), high);
  return of_few_digits(x, (x - low) / 8);
}

/* how far from a point that is set aside an end is close enough; up: above it */
static double half_of_to(const basin_refine *r, double at, int up) {
  if (!r->relative) return r->to / 2;
  return up ? at * (sqrt(1 + r->to) - 1) : at - at / sqrt(1 + r->to);
}

/* between an end and a point that is set aside, the outermost of a zone of such: the middle, or as near to the point as
   is close enough. The end where there is nothing to add. */
static double beside(const basin_refine *r, double end, double at, double zone) {
  const double gap = fabs(at - end), half = half_of_to(r, at, end > at), sign = end > at ? 1 : -1;
  if (gap <= half * SLACK || gap <= 1.5 * zone) return end;
  if (gap > 2 * half) return middle(r, fmin(end, at), fmax(end, at));
  if (!r->whole) return of_few_digits(at + sign * 0.95 * half, 0.05 * half);
  const double off = fmax(1, floor(half));
  return gap > off ? at + sign * off : end;
}

/* ---- opening ---- */

/* How many points may be added for a crossing: in every round one, or two that both halve what is left. */
static int64_t most_points(const basin_refine *r, double low, double high) {
  double width = r->relative ? high / low - 1 : high - low;
  int64_t rounds = 2;
  for (; width > r->to; width *= 4.0 / 7) rounds++;
  return 2 * rounds;
}

static int by_place(const void *a, const void *b) {
  const basin_point *x = a, *y = b;
  return x->at < y->at ? -1 : x->at > y->at;
}

static basin_status append(const basin_search_rule *rule, basin_curve *c, double at, int64_t cell,
                           basin_error *error) {
  if (c->count == c->room) {
    basin_point *more = realloc(c->point, (size_t)(2 * c->room + 8) * sizeof *more);
    if (!more) return basin_fail_memory(error);
    c->point = more;
    c->room = 2 * c->room + 8;
  }
  c->point[c->count++] = (basin_point){
      .at = at, .cell = cell, .asked = rule->trials, .added = cell < 0};
  return BASIN_OK;
}

basin_status basin_curve_open(const basin_search_rule *rule, const double *at, const int64_t *cell,
                              int64_t count, basin_curve *c, basin_error *error) {
  basin_status status = BASIN_OK;
  *c = (basin_curve){.grid = count, .crossings = -1, .asks = 1};
  for (int64_t i = 0; i < count && !status; i++) status = append(rule, c, at[i], cell[i], error);
  if (status) return status;
  qsort(c->point, (size_t)count, sizeof *c->point, by_place);
  /* an interval may reach over points of the grid that cannot be told */
  c->more = most_points(&rule->refine, c->point[0].at, c->point[count - 1].at);
  return BASIN_OK;
}

void basin_curve_close(basin_curve *c) { free(c->point); }

/* ---- sides ---- */

static basin_side_rule side_rule(const basin_search_rule *rule, const basin_curve *c,
                                 const basin_point *p) {
  const double points = p->added ? (double)(c->crossings * c->more) : (double)c->grid;
  return (basin_side_rule){
      .of = rule->refine.where, .weight = (double)rule->trials, .error = rule->error / 2 / points};
}

static void tell_sides(const basin_search_rule *rule, basin_curve *c) {
  for (int64_t i = 0; i < c->count; i++) {
    basin_point *p = &c->point[i];
    const basin_side_rule side = side_rule(rule, c, p);
    if (!p->side && !p->waits) p->side = basin_side(&side, p->asked, p->successes);
  }
}

static double rate(const basin_point *p) { return (double)p->successes / (double)p->asked; }

/* the next point from i on whose side is told; count where there is none */
static int64_t next_told(const basin_curve *c, int64_t i) {
  while (i < c->count && !c->point[i].side) i++;
  return i;
}

/* whether points i and j, neighbours among those told, lie on two sides */
static int is_crossing(const basin_curve *c, int64_t i, int64_t j) {
  return i >= 0 && j < c->count && c->point[i].side != c->point[j].side;
}

static int is_close_crossing(const basin_search_rule *rule, const basin_curve *c, int64_t i,
                             int64_t j) {
  return is_crossing(c, i, j) && is_close(&rule->refine, c->point[i].at, c->point[j].at);
}

/* ---- asking ---- */

/* the trials after which a point between i and j is set aside: early only where there is another way, in a crossing */
static int64_t most_trials(const basin_search_rule *rule, const basin_curve *c, int64_t i,
                           int64_t j) {
  const int64_t most = rule->refine.max_trials;
  if (!is_crossing(c, i, j)) return most;
  const int64_t low = c->point[i].asked, high = c->point[j].asked,
                enough = PATIENCE * (low > high ? low : high);
  return enough < most ? enough : most;
}

/* asks for more trials of a point, at most so many in all; whether it gets any */
static int ask(const basin_search_rule *rule, const basin_curve *c, basin_point *p, int64_t most) {
  const basin_side_rule side = side_rule(rule, c, p);
  p->waits = p->asked >= most;
  if (p->waits) return 0;
  const int64_t enough = basin_side_enough(&side, p->asked, p->successes),
                even = (enough + TRIALS_MULTIPLE - 1) / TRIALS_MULTIPLE * TRIALS_MULTIPLE;
  p->asked = even < most ? even : most;
  return 1;
}

/* of the points between i and j that are not set aside, or must be now; whether any gets trials */
static int ask_between(const basin_search_rule *rule, basin_curve *c, int64_t i, int64_t j) {
  int asks = 0;
  for (int64_t k = i + 1; k < j; k++) {
    basin_point *p = &c->point[k];
    const int64_t most = most_trials(rule, c, i, j);
    p->aside = p->asked >= most;
    p->waits = 1;
    if (!p->aside && !is_close_crossing(rule, c, i, j)) asks |= ask(rule, c, p, most);
  }
  return asks;
}

/* all points between i and j are set aside, and no other could be added */
static int ask_again(const basin_search_rule *rule, basin_curve *c, int64_t i, int64_t j) {
  int asks = 0;
  for (int64_t k = i + 1; k < j; k++) asks |= ask(rule, c, &c->point[k], rule->refine.max_trials);
  return asks;
}

/* adds what brings the ends i and j of a crossing nearer */
static basin_status add_between(const basin_search_rule *rule, basin_curve *c, int64_t i, int64_t j,
                                basin_error *error) {
  const basin_refine *r = &rule->refine;
  const int none = j == i + 1;
  const double low = c->point[i].at, high = c->point[j].at, first = c->point[none ? j : i + 1].at,
               last = c->point[none ? i : j - 1].at,
               x = none ? middle(r, low, high) : beside(r, low, first, last - first),
               y = none ? high : beside(r, high, last, last - first);
  basin_status status = BASIN_OK;
  if (c->count - c->grid + 2 > c->crossings * c->more) return BASIN_OK; /* no risk is left */
  if (x > low && x < first) status = append(rule, c, x, -1, error);
  if (!status && y < high && y > last) status = append(rule, c, y, -1, error);
  return status;
}

static basin_status work_on(const basin_search_rule *rule, basin_curve *c, int64_t i, int64_t j,
                            basin_error *error) {
  const int64_t count = c->count;
  if (is_close_crossing(rule, c, i, j)) return BASIN_OK;
  for (int64_t k = i + 1; k < j; k++)
    if (!c->point[k].aside) return BASIN_OK; /* it gets trials */
  const basin_status status = add_between(rule, c, i, j, error);
  if (!status) c->asks |= c->count > count || ask_again(rule, c, i, j);
  return status;
}

basin_status basin_curve_round(const basin_search_rule *rule, basin_curve *c, basin_error *error) {
  const int64_t count = c->count;
  basin_status status = BASIN_OK;
  tell_sides(rule, c);
  c->asks = 0;
  for (int64_t i = -1, j; i < count; i = j) {
    j = next_told(c, i + 1);
    c->asks |= ask_between(rule, c, i, j);
  }
  if (c->crossings < 0 && c->asks) return BASIN_OK; /* first the grid */
  if (c->crossings < 0) {
    c->crossings = 0;
    for (int64_t i = next_told(c, 0), j; i < count; i = j)
      c->crossings += is_crossing(c, i, j = next_told(c, i + 1));
  }
  for (int64_t i = next_told(c, 0), j; i < count && !status; i = j)
    if (is_crossing(c, i, j = next_told(c, i + 1))) status = work_on(rule, c, i, j, error);
  qsort(c->point, (size_t)c->count, sizeof *c->point, by_place);
  return status;
}

/* ---- what came of it ---- */

/* by the straight line between the ends */
static double between(const basin_refine *r, const basin_point *low, const basin_point *high) {
  const double p = rate(low), q = rate(high);
  return low->at + (r->where - p) / (q - p) * (high->at - low->at);
}

static basin_crossing crossing_of(const basin_search_rule *rule, const basin_curve *c, int64_t i,
                                  int64_t j) {
  const basin_refine *r = &rule->refine;
  const basin_point *low = &c->point[i], *high = &c->point[j];
  const int found = is_close(r, low->at, high->at) ||
                    (j == i + 1 && (middle(r, low->at, high->at) <= low->at ||
                                    middle(r, low->at, high->at) >= high->at));
  return (basin_crossing){.at = between(r, low, high),
                          .low = low->at,
                          .high = high->at,
                          .low_cell = low->cell,
                          .high_cell = high->cell,
                          .direction = high->side,
                          .status = found ? BASIN_CROSSING_FOUND : BASIN_CROSSING_WIDE};
}

/* the whole curve */
static basin_crossing no_crossing(const basin_curve *c, basin_crossing_status status) {
  return (basin_crossing){.at = NAN,
                          .low = NAN,
                          .high = NAN,
                          .low_cell = c->point[0].cell,
                          .high_cell = c->point[c->count - 1].cell,
                          .status = status};
}

int64_t basin_curve_crossings(const basin_search_rule *rule, const basin_curve *c,
                              basin_crossing *crossing) {
  int64_t found = 0, told[2] = {0, 0};
  for (int64_t i = 0; i < c->count; i++)
    if (c->point[i].side) told[c->point[i].side > 0]++;
  for (int64_t i = next_told(c, 0), j; i < c->count; i = j)
    if (is_crossing(c, i, j = next_told(c, i + 1))) crossing[found++] = crossing_of(rule, c, i, j);
  if (!found)
    crossing[found++] = no_crossing(c, told[1] == c->count   ? BASIN_CROSSING_ABOVE
                                       : told[0] == c->count ? BASIN_CROSSING_BELOW
                                                             : BASIN_CROSSING_UNTOLD);
  for (int64_t i = 0; i < found && c->asks; i++) crossing[i].status = BASIN_CROSSING_UNFINISHED;
  return found;
}
