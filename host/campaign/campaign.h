/* SPDX-License-Identifier: MIT
 *
 * campaign.h: an experiment spread over many processes, on one machine or on the nodes of a cluster.
 *
 * A campaign is a folder that all of them see:
 *
 *   DIR/campaign      its charter: the experiment as it was given, with its settings, and the size of its parts
 *   DIR/parts/        finished parts, and saved ones that are half done
 *   DIR/running/      a line from every running shard, for `basin status` alone
 *   DIR/submit.sh     the batch script, where `basin submit` wrote one
 *   DIR/logs/         what the batch jobs print
 *
 * The parts are the state: nothing else is needed to go on, or to merge. Every process derives the same list
 * of parts and the same owner of each from the charter alone, and so they need not talk to each other. Under
 * `until` the parts come in rounds, the next of which follows from the results of the last.
 */
#ifndef BASIN_CAMPAIGN_H
#define BASIN_CAMPAIGN_H

#include "run/run.h"

enum { BASIN_SHARDS_MAX = 1000000 };

typedef struct basin_campaign {
  basin_experiment *experiment; /* as the folder has it */
  int64_t part_trials;
  char folder[BASIN_PATH_BYTES], parts[BASIN_PATH_BYTES], running[BASIN_PATH_BYTES];
} basin_campaign;

/* Opens the campaign in the folder. BASIN_BAD_INPUT where there is none. */
basin_status basin_campaign_open(const char *folder, basin_campaign *campaign, basin_error *error);

/* The same for this experiment: makes the folder and its charter where there is none; `shards` and part_trials
   (0: chosen) decide the size of its parts. A campaign of another experiment is BASIN_BAD_INPUT. More trials
   than the campaign has so far, and new texts, become the campaign's; fewer are BASIN_BAD_INPUT. */
basin_status basin_campaign_make(const basin_experiment *experiment, const char *folder,
                                 int64_t shards, int64_t part_trials, basin_campaign *campaign,
                                 basin_error *error);
void basin_campaign_close(basin_campaign *campaign);

/* The rounds of a campaign so far: its parts, and which of them are done. */
typedef struct basin_rounds {
  basin_range *range; /* [count] the parts of all rounds so far, by cell and first trial */
  int64_t count;
  char *done;     /* [count] whether every trial of the part is there */
  int64_t *shard; /* [count] its shard, from 0 */
  int complete;   /* nothing is missing, and no more is asked for */
} basin_rounds;

/* The rounds, given the parts that store->parts lists; raises store->target to that of the present round. */
basin_status basin_campaign_rounds(const basin_campaign *campaign, basin_store *store,
                                   int64_t shards, basin_rounds *rounds, basin_error *error);
void basin_rounds_free(basin_rounds *rounds);

/* Runs what shard `shard` (from 1) of `shards` has to do. options->output is not used. *complete: whether all
   parts of all shards are there now. */
basin_status basin_campaign_run(const basin_campaign *campaign, int64_t shard, int64_t shards,
                                const basin_run_options *options, int *complete,
                                basin_error *error);

/* Who hears of parts that are missing or damaged. The rounds are for so many shards; they are empty where all parts
   seemed to be there and the bytes of some are damaged. What it returns ends the merge; BASIN_OK: a file is made of
   what is there. */
typedef struct basin_incomplete {
  int64_t shards;
  basin_status (*report)(void *context, const basin_rounds *rounds, const basin_parts *parts,
                         basin_error *error);
  void *context;
} basin_incomplete;

/* Writes the output file. `partial`: damaged parts are known before it begins, and left out; the file may lack trials.
   *there: the file was there, and complete, and is left as it is. */
basin_status basin_campaign_merge(const basin_campaign *campaign, const char *output, int partial,
                                  int no_provenance, const volatile int *stop, int *there,
                                  const basin_incomplete *incomplete, basin_error *error);

/* A shard that runs, or that has stopped without a word. */
typedef struct basin_heartbeat {
  char host[65];
  long long pid, shard, shards;
  long long trials, trials_total; /* of the shard */
  double steps_per_second;
  double age; /* seconds since it was heard of */
  int gone;   /* it ran on this machine, and runs no more */
} basin_heartbeat;

/* The shards heard of, sorted by number; the caller frees *list. */
basin_status basin_campaign_heartbeats(const basin_campaign *campaign, basin_heartbeat **list,
                                       int64_t *count, basin_error *error);

#endif
