/* SPDX-License-Identifier: MIT
 *
 * unfinished.h: what there is so far of a run into one file, or of a campaign, that has not ended.
 *
 *   basin run E.yaml -o OUT.h5     keeps its parts in OUT.h5.parts
 *   basin run E.yaml -o DIR/       in DIR/parts
 *
 * Whole parts count. Parts whose trials end early are there first, so rates so far may lean towards such trials.
 */
#ifndef BASIN_UNFINISHED_H
#define BASIN_UNFINISHED_H

#include "run/run.h"

typedef struct basin_unfinished {
  basin_experiment *experiment;
  basin_store store; /* its parts that are sound, and the targets of the present round */
  char folder[BASIN_PATH_BYTES];
  int64_t *count; /* [cells] trials that are there */
  int64_t trials, trials_total;
} basin_unfinished;

/* Looks for the parts of the output file OUT.h5, or of the campaign DIR, at that path; OUT.h5.parts itself will do.
   *found: whether they are there; else there is nothing to be closed. whole: parts are read to their end, and damaged
   ones left out; else by their headers. */
basin_status basin_unfinished_open(const char *path, int whole, basin_unfinished *unfinished,
                                   int *found, basin_error *error);
void basin_unfinished_close(basin_unfinished *unfinished);

/* Whether there are parts of a run into one file. */
int basin_unfinished_is_run(const char *path);

/* The trials that are there as results, marked by basin_results_missing(): from a file in $TMPDIR (else /tmp) that has
   no name any more. Messages call it `path`. BASIN_BAD_INPUT where there are none yet. */
basin_status basin_unfinished_results(const basin_unfinished *unfinished, const char *path,
                                      basin_results **results, basin_error *error);

/* Whether a process of this machine is at work on a run into one file. */
int basin_unfinished_runs(const basin_unfinished *unfinished);

#endif
