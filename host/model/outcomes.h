/* SPDX-License-Identifier: MIT
 *
 * outcomes.h: how trials end, by name: the built-in outcomes, then those that an experiment names itself, and which of
 * them count as success. An experiment has such a table, and an output file has that of its experiment.
 *
 *   basin_outcomes table = basin_outcomes_built_in();
 *   basin_outcomes_add(&table, "A", 1);                     the first behind the built-in ones, a success
 *   basin_outcomes_find(&table, "A")                        BASIN_OUTCOMES
 *   basin_outcomes_successes(&table, range.outcomes)        trials that ended global or at A
 */
#ifndef BASIN_MODEL_OUTCOMES_H
#define BASIN_MODEL_OUTCOMES_H

#include "basin.h"
#include "seam/setting.h"

enum {
  BASIN_OUTCOME_BYTES = 64, /* of a name, with the NUL behind it */
  BASIN_OUTCOMES_NAMED_MAX = BASIN_OUTCOMES_MAX - BASIN_OUTCOMES
};
_Static_assert((int)BASIN_OUTCOMES < (int)BASIN_OUTCOMES_MAX, "no outcome is left to be named");

typedef struct basin_outcomes {
  int count; /* outcomes 0 .. count - 1, at most BASIN_OUTCOMES_MAX */
  char name[BASIN_OUTCOMES_MAX][BASIN_OUTCOME_BYTES];
  unsigned success; /* or-ed BASIN_CAN() of those that count as success */
} basin_outcomes;

/* Those of every model: global alone is success. */
basin_outcomes basin_outcomes_built_in(void);

/* One more, which returns its number; -1 where there is no room, or the name is too long. */
int basin_outcomes_add(basin_outcomes *outcomes, const char *name, int success);

/* The number of a name, -1 where there is none; the name of a number, NULL where there is none. */
int basin_outcomes_find(const basin_outcomes *outcomes, const char *name);
const char *basin_outcomes_name(const basin_outcomes *outcomes, int outcome);

/* Whether a trial that ended so is a success; and how many are, of these counts by outcome. */
static inline int basin_outcomes_succeeds(const basin_outcomes *outcomes, int outcome) {
  return outcome >= 0 && outcome < outcomes->count && (outcomes->success & BASIN_CAN(outcome));
}
int64_t basin_outcomes_successes(const basin_outcomes *outcomes,
                                 const int64_t count[BASIN_OUTCOMES_MAX]);

/* What such trials are: "global" where nothing else is a success, or else "successful". */
const char *basin_outcomes_success_word(const basin_outcomes *outcomes);

#endif
