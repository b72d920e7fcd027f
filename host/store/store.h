/* SPDX-License-Identifier: MIT
 *
 * store.h: a folder of finished parts, and how many trials each cell should have: counts what is there, and makes the
 * output file of it.
 */
#ifndef BASIN_STORE_H
#define BASIN_STORE_H

#include "store/output.h"
#include "store/part.h"

typedef struct basin_search basin_search;

/* A folder of parts and what it is to become. */
typedef struct basin_store {
  const basin_experiment *experiment; /* with the cells that `refine` has added so far */
  const basin_experiment *base;       /* as it was read */
  basin_experiment *grown;            /* the first of them where it has any, or NULL */
  basin_search *search;               /* of `refine`, or NULL */
  const char *folder;
  basin_parts parts;   /* what is there; after a restart with those of cells to come behind */
  int64_t listed;      /* cells whose parts have been looked for */
  int whole;           /* whether they were checked, see basin_parts_list() */
  int64_t *target;     /* [cells] trials that each cell should have */
  int64_t part_trials; /* trials of a part; 0: chosen from the experiment alone */
  int threads;         /* that make full vectors of an output; 0: as many as there are processors */
} basin_store;

/* Targets: experiment->trials for every cell. */
basin_status basin_store_open(basin_store *store, const basin_experiment *experiment,
                              const char *folder, int64_t part_trials, basin_error *error);
void basin_store_close(basin_store *store);

/* Looks for the parts that are there, as basin_parts_list() does. */
basin_status basin_store_list(basin_store *store, int whole, basin_error *error);

/* Back to the first round: targets and cells as when it was opened. What is known of parts stays. */
basin_status basin_store_restart(basin_store *store, basin_error *error);

/* More cells, with experiment->trials for each that is new, and the parts of theirs that are there. */
basin_status basin_store_grow(basin_store *store, const basin_added *added, int64_t count,
                              basin_error *error);

/* Counts the trials of a cell below `limit`, each once: sum->count, ->steps and ->outcomes. */
basin_status basin_store_count(const basin_store *store, int64_t cell, int64_t limit,
                               basin_range *sum, basin_error *error);

/* The block of the output file that the targets make. */
basin_extent basin_store_extent(const basin_experiment *experiment, const int64_t *target);

/* Where and when a run was made: what goes to /provenance. */
typedef struct basin_provenance {
  int64_t began;  /* seconds since 1970 */
  double seconds; /* negative: not known */
  int64_t trial_steps;
  const char *backend; /* or what stands for it */
} basin_provenance;

/* Makes an output file under a temporary name, has `fill` write the trials, fsyncs it and renames it to path; on
   failure nothing is left. provenance may be NULL; the rest as in basin_output_create(). */
typedef struct basin_making {
  const basin_experiment *experiment;
  const basin_extent *extent;
  const int64_t *count;
  int64_t missing;
  int threads;
  const basin_provenance *provenance;
  basin_status (*fill)(const void *context, basin_output *output, basin_error *error);
  const void *context;
} basin_making;

basin_status basin_make_output(const char *path, const basin_making *making, basin_error *error);

/* Makes the output file of all parts below the targets. provenance may be NULL; partial: write what is there, and mark
   the file, where trials are missing. A damaged part is BASIN_FAILED and named; *stop not 0 ends it with
   BASIN_INTERRUPTED. */
basin_status basin_store_assemble(const basin_store *store, const char *path,
                                  const basin_provenance *provenance, int partial,
                                  const volatile int *stop, basin_error *error);

#endif
