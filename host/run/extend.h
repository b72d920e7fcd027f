/* SPDX-License-Identifier: MIT
 *
 * extend.h: a finished file whose trials a larger experiment takes over: more trials, a narrower `until`, more points
 * of the grid or more variants.
 *
 * The trials that are there become parts, as if they had just been run; the rest is the usual run, which puts its
 * output in the file's place. So the file that was there stays whole until the new one is, and is that of a fresh run.
 * Cells are recognised by what decides their trials (basin_identity_trials). Trials whose trajectories are to be kept
 * and are not in the file are run again.
 */
#ifndef BASIN_EXTEND_H
#define BASIN_EXTEND_H

#include "run/run.h"
#include "store/extract.h"

typedef struct basin_earlier {
  const char *path;
  basin_results *results;
  basin_experiment *experiment; /* that made the file */
  int64_t *cell;                /* [cells of the new experiment] which of the file's it is, or -1 */
  int64_t *count;               /* [cells] of that, where its trials end in the file; else 0 */
  basin_extract extract;
} basin_earlier;

/* Opens the file to be extended to the experiment. BASIN_BAD_INPUT with the reason where it cannot be: it is of another
   experiment (the key is named), or asks for more, or keeps less. Reads no trial. */
basin_status basin_earlier_open(const char *path, const basin_experiment *experiment,
                                basin_earlier *earlier, basin_error *error);
void basin_earlier_close(basin_earlier *earlier);

/* Checks all of the file, and makes parts of its trials in the store's folder, but of those of which there are parts
   already; the store's list of parts has them then. */
basin_status basin_earlier_take(const basin_earlier *earlier, basin_store *store,
                                const basin_run_options *options, basin_error *error);

/* How many trials the file has; and how many of them the store's targets leave out. */
int64_t basin_earlier_trials(const basin_earlier *earlier);
int64_t basin_earlier_left_out(const basin_earlier *earlier, const basin_store *store);

#endif
