/* SPDX-License-Identifier: MIT
 *
 * standing.h: how a campaign stands: who runs, who does not, and what to do about that.
 */
#ifndef BASIN_STANDING_H
#define BASIN_STANDING_H

#include "cli/request.h"

typedef struct basin_standing {
  basin_heartbeat *beat;
  int64_t beats, running;        /* shards heard of, and lately */
  int64_t parts, done, assigned; /* assigned: not done, of a running shard */
  int64_t trials, trials_done;
  int64_t damaged;
  double rate;         /* trial-steps/s of the running shards */
  double seconds_left; /* NaN where nothing is known */
  int64_t shards, idles;
  char *idle; /* [shards] whether the shard has parts to run and does not run */
} basin_standing;

/* Whether the shard has been heard of lately, and has not ended. */
int basin_is_alive(const basin_heartbeat *beat);

/* How many shards most of those that run are of, or else the batch script has, or 1. */
int64_t basin_standing_shards(const basin_campaign *campaign, const basin_standing *standing);

/* Fills in the shards that have parts to run and do not run: they wait, or have ended. */
basin_status basin_standing_find_idle(const basin_rounds *rounds, int64_t shards,
                                      basin_standing *standing, basin_error *error);

/* Says what to do about those. */
void basin_standing_next(FILE *to, const basin_campaign *campaign, const basin_standing *standing);

/* "1 part", "2 parts" */
const char *basin_plural(int64_t count);

#endif
