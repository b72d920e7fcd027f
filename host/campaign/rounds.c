/* SPDX-License-Identifier: MIT */
#include "campaign/campaign.h"
#include "run/cut.h"
#include <stdlib.h>
#include <string.h>

void basin_rounds_free(basin_rounds *rounds) {
  free(rounds->range);
  free(rounds->done);
  free(rounds->shard);
  memset(rounds, 0, sizeof *rounds);
}

/* whether every trial of each part of the rounds lies in the parts that are there: both are in order */
static void mark_done(const basin_parts *parts, basin_rounds *rounds) {
  int64_t at = 0, cell = -1, from = 0,
          to = 0; /* a run of trials without a gap; parts before `at` are in it */
  for (int64_t i = 0; i < rounds->count; i++) {
    const basin_range *range = &rounds->range[i];
    while (at < parts->count &&
           (cell < range->cell || (cell == range->cell && to < range->first + range->count))) {
      const basin_range *part = &parts->range[at];
      if (part->cell > range->cell) break;
      if (part->cell == cell && part->first <= to) {
        if (part->first + part->count > to) to = part->first + part->count;
      } else {
        if (part->cell == range->cell && cell == part->cell && part->first > range->first) break;
        cell = part->cell;
        from = part->first;
        to = part->first + part->count;
      }
      at++;
    }
    rounds->done[i] = cell == range->cell && from <= range->first &&
                      range->first + range->count <= to;
  }
}

/* the parts of one more round, with their shards, join the earlier ones in order */
static basin_status join_round(const basin_parts *parts, const basin_range *fresh,
                               const int64_t *owner, int64_t round, basin_rounds *rounds,
                               basin_error *error) {
  const int64_t total = rounds->count + round;
  basin_rounds joined = {.count = total,
                         .range = malloc((size_t)total * sizeof *joined.range),
                         .done = malloc((size_t)total),
                         .shard = malloc((size_t)total * sizeof *joined.shard)};
  if (!joined.range || !joined.done || !joined.shard) {
    basin_rounds_free(&joined);
    return basin_fail_memory(error);
  }
  for (int64_t i = 0, old = 0, new = 0; i < total; i++) {
    const int first = new == round ||
                      (old < rounds->count && basin_range_before(&rounds->range[old], &fresh[new]));
    joined.shard[i] = first ? rounds->shard[old] : owner[new];
    joined.range[i] = first ? rounds->range[old++] : fresh[new ++];
  }
  mark_done(parts, &joined);
  basin_rounds_free(rounds);
  *rounds = joined;
  return BASIN_OK;
}

static basin_status add_round(const basin_campaign *c, const basin_store *store, int64_t shards,
                              basin_rounds *rounds, basin_error *error) {
  basin_range *fresh = NULL;
  int64_t *owner = NULL, round = 0;
  basin_status status = basin_cut_missing(store->experiment, store->target, c->part_trials,
                                          rounds->range, rounds->count, &fresh, &round, error);
  if (!status && round) {
    basin_range_sort(fresh, round);
    owner = malloc((size_t)round * sizeof *owner);
    status = owner ? basin_cut_shards(store->experiment, fresh, round, shards, owner, error)
                   : basin_fail_memory(error);
    if (!status) status = join_round(&store->parts, fresh, owner, round, rounds, error);
  }
  free(owner);
  free(fresh);
  return status;
}

basin_status basin_campaign_rounds(const basin_campaign *c, basin_store *store, int64_t shards,
                                   basin_rounds *rounds, basin_error *error) {
  basin_status status = basin_store_restart(store, error);
  memset(rounds, 0, sizeof *rounds);
  while (!status) {
    int64_t missing = 0;
    int raised = 0;
    status = add_round(c, store, shards, rounds, error);
    for (int64_t i = 0; i < rounds->count; i++) missing += !rounds->done[i];
    if (status || missing) break;
    status = basin_store_raise(store, &raised, error);
    rounds->complete = !raised;
    if (!raised) break;
  }
  if (status) basin_rounds_free(rounds);
  return status;
}
