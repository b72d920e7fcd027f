/* SPDX-License-Identifier: MIT
 *
 * groups.h: the points where the trials of a cell come to rest, in groups (read/discover.h).
 *
 * Points come in the order of trial numbers. Each joins the group whose first point is nearest to it (of equally near
 * ones the earlier), if that is at most `within` away; else it is the first point of a new group. Groups bear numbers
 * in the order in which they were founded, so they follow from the points and their order alone. There are
 * BASIN_ATTRACTORS_MAX at most: of any more points only those are in a group that are near to one.
 *
 *   basin_grouping_open(cell, &grouping, error);
 *   basin_grouping_put(grouping, point, trial, loss, &number, error);     for each trial at rest: 0, 1, 0, ...
 *   grouping->group[number].trials                                       how many are there
 *
 * Distances are Euclidean, of all vectors together: of x and y; with `sign` the smaller one of x and y, and -x and y;
 * with `permutation` the smallest one of x and any y whose rows stand in another order. That one is found exactly, by
 * an assignment of rows (Kuhn 1955, Naval Res. Logist. 2, 83, as in Jonker and Volgenant 1987, Computing 38, 325),
 * so rounding errors of the points do not matter, as they would if rows were sorted.
 */
#ifndef BASIN_GROUPS_H
#define BASIN_GROUPS_H

#include "read/discover.h"

/* what basin_grouping_put() says of points in no group: not finite; or too many groups are there */
enum { BASIN_NO_GROUP = -1, BASIN_OTHER_GROUP = -2 };

typedef struct basin_group {
  double *point; /* [length] of its first trial */
  int64_t first; /* that trial */
  double loss;   /* there */
  int64_t trials;
} basin_group;

typedef struct basin_grouping {
  basin_symmetry up_to;
  double within;
  int64_t length;      /* of a point */
  int64_t rows, width; /* with a permutation: of the matrix that it is */
  int64_t *order; /* [length] likewise: where the matrix, row by row, has its entries in a point */
  int count;
  basin_group *group; /* [count] */
  int64_t others;     /* points that found no group */
  double *room;       /* for distances */
} basin_grouping;

basin_status basin_grouping_open(const basin_cell *cell, basin_grouping **grouping,
                                 basin_error *error);
void basin_grouping_close(basin_grouping *grouping);

/* The group of the next point [length]: its number, or one of the two above. loss: NaN where it is not known. */
basin_status basin_grouping_put(basin_grouping *grouping, const double *point, int64_t trial,
                                double loss, int *number, basin_error *error);

/* The distance of two points up to the symmetry; where it is more than `limit` anything that is more. */
double basin_grouping_distance(const basin_grouping *grouping, const double *x, const double *y,
                               double limit);

/* Pairs that are each other's nearest and at most `most` apart: partner[i] is which point of y [y_count] goes with
   point i of x [x_count], -1 for none. Of equally near ones the first counts. */
basin_status basin_grouping_match(const basin_grouping *grouping, const double *const *x,
                                  int x_count, const double *const *y, int y_count, double most,
                                  int *partner, basin_error *error);

#endif
