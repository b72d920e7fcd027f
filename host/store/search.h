/* SPDX-License-Identifier: MIT
 *
 * search.h: `refine`, the search for the place where success crosses a rate.
 *
 * A curve is success along the refined parameter while all else is fixed. Its points come from the grid; more are added
 * in rounds, like the trials of `until`: in a round every point has the trials that were asked for, then the next
 * points and trials follow from the numbers of successes alone. So the search takes the same way wherever, and however
 * often interrupted, it is run.
 *
 * The rule. Bisection in which a point counts only when its side is told: on which side of `where` its success lies,
 * by a confidence sequence (base/sequential.h), which may be looked at after every round. (Tests of power one at every
 * point are how Waeber, Frazier and Henderson 2013, SIAM J. Control Optim. 51, 2261, bisect; Karp and Kleinberg 2007,
 * SODA, 881, show that noisy bisection costs little more than telling its last points apart.)
 *
 * 1. Every point of the grid gets trials until its side is told. Between neighbours on two sides lies a crossing.
 * 2. Between the ends of a crossing, while they are more than `to` apart, the middle is added: a number of few digits
 *    in the middle eighth. When its side is told it becomes one of the ends.
 * 3. A point may happen to lie on the crossing, or next to it. While it has three times as many trials as its ends it
 *    is set aside, and what lies between it and either end is halved, down to half of `to`. Where that leads no further
 *    (to points which are set aside too, and about as far apart as the ends from them) those get more trials.
 * 4. What cannot be told with max_trials ends the search there: the crossing is reported with the nearest ends that can
 *    be told, as `wide`.
 *
 * What is promised. Of the two ends of an interval, each has its success on the side that is reported: for all
 * intervals of a curve together with probability 0.95 at least. Where success is a continuous function of the parameter
 * it crosses `where` in between; that it is monotone is not assumed, and several crossings are found where the grid
 * shows them. Proof: the search asks at most so many points, a bound that is known beforehand; half of the 0.05 is
 * shared over those of the grid, the other half over the crossings and their points; given all that was before, each of
 * them is told wrong with its share at most, for its draws are its own (same_draw of the parameter is refused).
 */
#ifndef BASIN_SEARCH_H
#define BASIN_SEARCH_H

#include "store/store.h"

/* A point of a curve. */
typedef struct basin_point {
  double at;     /* the parameter */
  int64_t cell;  /* -1: it has none yet */
  int64_t asked; /* its trials, as many as the search looks at */
  int64_t successes;
  int side;  /* of `where`: 1 above, -1 below, 0 not told */
  int added; /* by the search: it is none of the grid */
  int aside; /* set aside: it gets trials only where nothing else leads further */
  int waits; /* for no trials now: those asked for have been looked at */
} basin_point;

/* How many trials a search begins with, and its risk. */
typedef struct basin_search_rule {
  basin_refine refine;
  int64_t trials; /* of a point, at first */
  double error;   /* of a curve: BASIN_SEARCH_ERROR */
} basin_search_rule;

#define BASIN_SEARCH_ERROR 0.05

typedef struct basin_curve {
  basin_point *point; /* [count] ascending */
  int64_t count, room;
  int64_t grid;      /* points of the grid */
  int64_t crossings; /* that the grid shows; -1 until its points are told */
  int64_t more;      /* points that a crossing may have at most */
  int asks;          /* the search goes on */
} basin_curve;

/* A curve of these points, which are told apart by their cells. */
basin_status basin_curve_open(const basin_search_rule *rule, const double *at, const int64_t *cell,
                              int64_t count, basin_curve *curve, basin_error *error);
void basin_curve_close(basin_curve *curve);

/* One round: all points have their trials and successes. Asks for more trials, and adds points with no cell;
   curve->asks is 0 where the search has ended. */
basin_status basin_curve_round(const basin_search_rule *rule, basin_curve *curve,
                               basin_error *error);

/* The crossings so far, at least one entry, where it says that there is none; at most as many as points. */
int64_t basin_curve_crossings(const basin_search_rule *rule, const basin_curve *curve,
                              basin_crossing *crossing);

/* ---- all curves of an experiment ---- */

/* For store->base, before anything has run. */
basin_status basin_search_open(const basin_experiment *experiment, basin_search **search,
                               basin_error *error);
void basin_search_close(basin_search *search);

/* One round of all curves: raises store->target, and grows store->experiment. *raised is set where the search asks for
   anything, and else left as it is. All trials below the targets must be there. */
basin_status basin_search_round(basin_search *search, basin_store *store, int *raised,
                                basin_error *error);

/* The crossings of all curves, which the caller frees. */
basin_status basin_search_crossings(const basin_search *search, basin_crossing **crossing,
                                    int64_t *count, basin_error *error);

#endif
