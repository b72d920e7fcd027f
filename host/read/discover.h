/* SPDX-License-Identifier: MIT
 *
 * discover.h: attractors, the outcomes that nobody has named: points where trials come to rest, in groups, as an
 * experiment asks for them:
 *
 *   outcomes:
 *     discover: {within: 0.1, by: [x, y], up_to: sign, match: 0.5}
 *
 * `by` are vectors of the state, as they are at the end of the trial, or observables; without it all vectors. Points
 * that are at most `within` apart belong together (store/groups.h); up_to says that x and -x are one point (sign), or
 * that points are which differ by the order of their rows (permutation). Groups of neighbouring cells bear one number
 * where they are each other's nearest, and at most `match` apart (store/attractors.c).
 */
#ifndef BASIN_READ_DISCOVER_H
#define BASIN_READ_DISCOVER_H

#include "read/scope.h"

enum {
  BASIN_BY_MAX = 64,
  BASIN_ATTRACTORS_MAX = 1000, /* of a cell, and of all: what comes to rest elsewhere is in none */
  BASIN_PERMUTED_MAX = 256     /* rows whose order does not matter */
};

typedef enum basin_symmetry {
  BASIN_UP_TO_NOTHING,
  BASIN_UP_TO_SIGN,
  BASIN_UP_TO_PERMUTATION
} basin_symmetry;

/* What a variant asks for, or the file. */
typedef struct basin_discover {
  int asked;
  basin_symmetry up_to;
  int count;
  struct basin_by {
    char *name;
    int initial; /* of a vector: which of the model's; -1: an observable */
    int final;   /* of an observable: which of the experiment's finals */
  } by[BASIN_BY_MAX];
  int loss;                      /* which of the finals is the loss; -1: the model has none */
  const struct basin_node *node; /* while the experiment is read */
} basin_discover;

/* Reads what stands under outcomes.discover, for models of this kind. */
basin_status basin_discover_begin(const basin_node *node, const basin_model *model,
                                  basin_discover *discover, basin_error *error);

/* The numbers of a cell, whose setting has been read: cell->discover, within and match. */
basin_status basin_discover_cell(const basin_discover *discover, basin_scope *scope,
                                 basin_cell *cell, basin_error *error);

/* Once all cells are read: the finals that points are made of are asked for, and all variants group by the same. */
basin_status basin_discover_end(basin_experiment *experiment, basin_error *error);
void basin_discover_free(basin_discover *discover);

/* What the experiment groups by: that of its first variant which does; NULL where none does. */
const basin_discover *basin_discover_of(const basin_experiment *experiment);

/* Numbers of a cell's point, and how many of them come from vectors; 0 where it asks for none. And those of one of its
   `by`. */
int64_t basin_point_length(const basin_cell *cell);
int64_t basin_point_vectors(const basin_cell *cell);
int64_t basin_by_length(const basin_cell *cell, int by);

/* Whether a trial that ended so has come to rest. */
static inline int basin_rests(int outcome) {
  return outcome >= 0 && outcome != BASIN_UNRESOLVED && outcome != BASIN_DIVERGED &&
         outcome != BASIN_LEFT;
}

#endif
