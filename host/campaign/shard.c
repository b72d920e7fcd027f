/* SPDX-License-Identifier: MIT */
#include "campaign/campaign_files.h"
#include "base/files.h"
#include "run/cut.h"
#include <stdlib.h>

/* read the parts that lie in a range of this shard to their end; damaged ones leave the list */
static basin_status check_own(basin_store *store, const basin_rounds *rounds, int64_t shard,
                              int *damaged, basin_error *error) {
  basin_parts *parts = &store->parts;
  int64_t kept = 0;
  *damaged = 0;
  for (int64_t i = 0, at = 0; i < parts->count; i++) {
    const basin_range range = parts->range[i];
    int own = 0;
    while (at < rounds->count &&
           (rounds->range[at].cell < range.cell ||
            (rounds->range[at].cell == range.cell &&
             rounds->range[at].first + rounds->range[at].count <= range.first)))
      at++;
    for (int64_t j = at; j < rounds->count && rounds->range[j].cell == range.cell &&
                         rounds->range[j].first < range.first + range.count;
         j++)
      own |= rounds->shard[j] == shard;
    int bad = 0;
    if (own) {
      basin_part part;
      const basin_status status = basin_part_read(store->folder, store->experiment, &range, &part,
                                                  &bad, error);
      if (status) return status;
      if (!bad) basin_part_free(&part);
    }
    *damaged |= bad;
    if (!bad) parts->range[kept++] = range;
  }
  parts->count = kept;
  return BASIN_OK;
}

/* the shard's own parts that are not done; in turns over the cells, as one machine would take them */
static basin_status own_missing(const basin_rounds *rounds, int64_t shard, basin_range **own,
                                int64_t *count, basin_progress *progress, basin_error *error) {
  *count = 0;
  *own = calloc((size_t)rounds->count + 1, sizeof **own);
  if (!*own) return basin_fail_memory(error);
  for (int64_t i = 0; i < rounds->count; i++) {
    if (rounds->shard[i] != shard) continue;
    progress->trials_total += rounds->range[i].count;
    if (rounds->done[i]) progress->trials_kept += rounds->range[i].count;
    else (*own)[(*count)++] = rounds->range[i];
  }
  basin_cut_in_turns(*own, *count);
  return BASIN_OK;
}

/* one round of a shard: *work is 0 where it has nothing to do in it; check: read what it has done before */
static basin_status run_round(const basin_campaign *c, basin_runner *r, int64_t shard,
                              int64_t shards, int check, int *work, int *complete,
                              basin_error *error) {
  basin_rounds rounds;
  basin_range *own = NULL;
  int64_t count = 0;
  int damaged = 0;
  *work = 0;
  basin_status status = basin_store_restart(&r->store, error);
  if (!status) status = basin_store_list(&r->store, 0, error);
  if (!status) status = basin_campaign_rounds(c, &r->store, shards, &rounds, error);
  if (status) return status;
  if (check) status = check_own(&r->store, &rounds, shard, &damaged, error);
  if (!status && damaged) {
    basin_rounds_free(&rounds);
    status = basin_campaign_rounds(c, &r->store, shards, &rounds, error);
    if (status) return status;
  }
  *complete = rounds.complete;
  if (!status) status = own_missing(&rounds, shard, &own, &count, &r->progress, error);
  if (!status && count) {
    *work = 1;
    status = basin_runner_check_room(r, 0, error);
    if (!status) status = basin_runner_work(r, own, count, error);
  }
  free(own);
  basin_rounds_free(&rounds);
  return status;
}

basin_status basin_campaign_run(const basin_campaign *c, int64_t shard, int64_t shards,
                                const basin_run_options *options, int *complete,
                                basin_error *error) {
  basin_teller t;
  basin_run_options told = *options;
  basin_runner r;
  int work = 1;
  *complete = 0;
  told.output = c->folder;
  told.progress = basin_teller_tell;
  told.context = &t;
  basin_status status = basin_make_folder(c->parts, error);
  if (!status) status = basin_teller_open(c, shard, shards, options, &t, error);
  if (status) return status;
  basin_sweep(c->folder, basin_is_same_name, "campaign", BASIN_STALE_SECONDS);
  basin_sweep(c->parts, basin_is_part_name, NULL, BASIN_STALE_SECONDS);
  status = basin_runner_open(&r, c->experiment, &told, c->parts, c->part_trials, error);
  if (status) return status;
  for (int round = 0; !status && work; round++) {
    r.progress.trials_kept = r.progress.trials_total = 0;
    r.watch.trials = 0;
    status = run_round(c, &r, shard - 1, shards, round == 0, &work, complete, error);
  }
  if (status == BASIN_INTERRUPTED) status = basin_runner_interrupted(&r, error);
  basin_teller_close(&t);
  basin_runner_close(&r);
  return status;
}
