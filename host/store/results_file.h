/* SPDX-License-Identifier: MIT
 *
 * results_file.h: an open output file, for the files that read it: results.c opens it, summary.c counts, trajectories.c
 * reads trajectories and single trials, crossings.c what `refine` has found.
 */
#ifndef BASIN_RESULTS_FILE_H
#define BASIN_RESULTS_FILE_H

#include "store/checksum.h"
#include "base/hdf5_util.h"
#include "store/results.h"

enum { BASIN_NAMES_MAX = 128 };

struct basin_results {
  char *path;
  hid_t file;
  basin_checks *checks; /* what has been compared with its checksum */
  char *title, *experiment, *version;
  uint64_t seed, identity;
  int64_t trials_asked, max_trials;
  double halfwidth;
  int64_t cells, trials; /* sizes of the dimensions */
  int64_t first_trial;   /* 0, but for a file of a single trial */
  int64_t recorded, times, *time;
  basin_outcomes outcomes; /* what its numbers of outcomes mean */
  basin_steps **steps;     /* [cells] those of the summaries that were asked for */
  int64_t *count;          /* [cells] trials run */
  int64_t missing; /* trials of a partial file that are not there: anywhere, as outcome -1 */
  uint64_t *draw;  /* [cells] */
  int8_t *early; /* [cells] whether the early rule ends trials; NULL where the file does not say */
  char *variant_names;  /* a line each */
  const char **variant; /* [cells] into variant_names, or NULL */
  int parameters, axes;
  char *parameter_name[BASIN_NAMES_MAX];
  double *parameter; /* [cells][parameters] */
  int passages;      /* kept of every trial; of each: */
  struct basin_passage_kind {
    char observable[64];
    int above;
  } * passage;    /* [passages] */
  int attractors; /* that the file tells of */
  int observables;
  char *observable[BASIN_NAMES_MAX];
  char *refined; /* the parameter that `refine` names, or NULL */
  basin_refinement refinement;
};

/* Text of fixed length of a scalar attribute, which the caller frees; NULL where it is not there. */
char *basin_results_text_of(hid_t object, const char *name);

/* The experiment as the text and the settings in the file say, which need not give this file. */
basin_status basin_results_parse_text(const basin_results *results, basin_experiment **experiment,
                                      basin_error *reason);

/* A scalar attribute of the file converted to the type; 0 where it is not there or of another class. */
int basin_results_number_of(const basin_results *results, const char *name, hid_t type,
                            void *value);

/* level[passages] of a cell; 0 where they cannot be read */
int basin_results_levels(const basin_results *results, int64_t cell, double *level);

/* How many attractors the variables of an opened file tell of: attractors.c. */
int basin_results_count_attractors(const basin_results *results);

/* What `refine` asked for, where it is there; 0 where it cannot be read. */
int basin_results_read_refinement(basin_results *results);

/* Opens a variable if it has the rank, sizes (size < 0: any, filled in) and class; a negative number otherwise. */
hid_t basin_results_variable(const basin_results *results, const char *name, int rank,
                             int64_t *size, H5T_class_t class);

/* Whether the variable is as it was written, in this cell; the first to ask reads it whole. */
int basin_results_intact(const basin_results *results, const char *name, int64_t cell);

/* Where the cell's trials end in the file: its first trials are there, or any in a partial one. */
int64_t basin_results_reach(const basin_results *results, int64_t cell);

/* BASIN_BAD_INPUT: what cannot be read, or is damaged. */
basin_status basin_results_unreadable(const basin_results *results, basin_error *error);

#endif
