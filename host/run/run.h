/* SPDX-License-Identifier: MIT
 *
 * run.h: what a run into one file (run.c) and a shard of a campaign (host/campaign/shard.c) have in common: a backend,
 * a folder of parts, progress, and when to stop. Also one trial, run again alone.
 */
#ifndef BASIN_RUN_H
#define BASIN_RUN_H

#include "store/store.h"
#include "base/files.h"
#include <time.h>

typedef struct basin_runner {
  const basin_experiment *experiment;
  const basin_run_options *options;
  basin_backend backend;
  basin_watch watch;
  basin_progress progress; /* before the present round */
  basin_store store;
  struct timespec began;
} basin_runner;

/* Opens the backend and the store of the folder, which must be there by the time work begins; reads no part yet. */
basin_status basin_runner_open(basin_runner *runner, const basin_experiment *experiment,
                               const basin_run_options *options, const char *folder,
                               int64_t part_trials, basin_error *error);
void basin_runner_close(basin_runner *runner);

/* need.c: refuses what cannot fit into memory or on the disk; output: whether the output file is made there too. */
basin_status basin_runner_check_room(const basin_runner *runner, int output, basin_error *error);

/* Runs the ranges and adds them to the store's parts. */
basin_status basin_runner_work(basin_runner *runner, basin_range *range, int64_t ranges,
                               basin_error *error);

/* Seconds since the runner was opened. */
double basin_runner_seconds(const basin_runner *runner);

/* For BASIN_INTERRUPTED: says what is kept. */
basin_status basin_runner_interrupted(basin_runner *runner, basin_error *error);

/* What the run was, for /provenance. */
basin_provenance basin_runner_provenance(const basin_runner *runner);

/* one_trial.c: runs one trial again, with its whole trajectory, into a part of its own, which the caller frees, and
   writes it to options->output where that is given. The part holds nothing to be freed where it fails. */
basin_status basin_trial_again(const basin_experiment *experiment, int64_t cell, int64_t trial,
                               const basin_run_options *options, basin_part *part,
                               basin_error *error);

/* ---- judge.c: what has been run beside what the experiment asks for ---- */

/* `until` and `refine`: raises the targets of the cells whose interval is too wide, or whose side of a rate is not
   told, and adds cells; *raised: whether more is asked for. All trials below the targets must be there. */
basin_status basin_store_raise(basin_store *store, int *raised, basin_error *error);

/* The same as often as all trials below the targets are there: those of the present round. */
basin_status basin_store_raise_all(basin_store *store, basin_error *error);

/* BASIN_OUTSIDE where more trials are unresolved or diverged than the experiment allows. */
basin_status basin_store_judge(const basin_store *store, const char *path, basin_error *error);

/* Warns where trials of the file rest at points beyond the attractors that are told apart. */
void basin_warn_beyond(const char *path, void (*warn)(const char *text));

/* What stands at an output's path: nothing, or this experiment's file, which is *complete where no trial is missing.
   Outcomes are counted, nothing else is read of the trials. BASIN_OUTSIDE where it is complete and more trials are
   unresolved or diverged than the experiment allows, BASIN_BAD_INPUT where it is something else. */
basin_status basin_results_check(const char *path, const basin_experiment *experiment,
                                 int *complete, basin_error *error);

#endif
