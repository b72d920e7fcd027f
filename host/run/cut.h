/* SPDX-License-Identifier: MIT
 *
 * cut.h: the trials to run, cut into parts. The cut follows from the experiment and from the parts that
 * are already there, never from time or machine, and no result depends on it.
 */
#ifndef BASIN_CUT_H
#define BASIN_CUT_H

#include "store/part.h"

/* Trials first .. first + count - 1 of the cell that lie below `limit`, or fewer: a part's worth. */
int64_t basin_cut_size(const basin_experiment *experiment, int64_t cell, int64_t first,
                       int64_t limit, int64_t part_trials);

/* The ranges that are missing below target[cell], cells taken in turn so that progress speaks for all. */
basin_status basin_cut_missing(const basin_experiment *experiment, const int64_t *target,
                               int64_t part_trials, const basin_range *kept, int64_t kepts,
                               basin_range **missing, int64_t *missings, basin_error *error);

/* Puts ranges in that order: the first of every cell, the second of every cell, and so on. */
void basin_cut_in_turns(basin_range *range, int64_t ranges);

/* Trials of a part in a campaign of so many shards: small enough for every shard to have its share. */
int64_t basin_cut_campaign_part(const basin_experiment *experiment, int64_t shards);

/* Which shard, from 0, runs each range: the dearest first, each to the shard with the least to do so far. A
   function of the ranges and of `shards` alone. */
basin_status basin_cut_shards(const basin_experiment *experiment, const basin_range *range,
                              int64_t ranges, int64_t shards, int64_t *shard, basin_error *error);

#endif
