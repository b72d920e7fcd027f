/* SPDX-License-Identifier: MIT
 *
 * extract.h: parts out of an output file: what output_write.c has made of a part, turned back.
 *
 * A file has everything of a part but the states that full vectors and estimates are made of. So trials that keep
 * their trajectory come back where no states are kept, and the file has the same observables at the same steps.
 */
#ifndef BASIN_EXTRACT_H
#define BASIN_EXTRACT_H

#include "store/part.h"

/* What an experiment can take of a file whose cells have the same trials. */
typedef struct basin_extract {
  int64_t recorded; /* trials below this number come back with their trajectories */
  const char *
      lacked; /* a final observable that cells need and the file lacks: nothing comes back; else NULL */
  int passage_lacked; /* likewise the number of a passage, from 1; else 0 */
} basin_extract;

/* cell[i]: the file's cell that cell i of the experiment is, -1 for none */
basin_extract basin_extract_look(const basin_results *results, const basin_experiment *experiment,
                                 const int64_t *cell);

/* Reads the outcomes of the cell's trials first .. first + count - 1, -1 where the file has none. BASIN_BAD_INPUT where
   it is damaged, or one is no outcome. */
basin_status basin_extract_outcomes(basin_results *results, int64_t cell, int64_t first,
                                    int64_t count, int8_t *outcome, basin_error *error);

/* Trials that rest at none of the attractors that are told apart, of an experiment that discovers them, get the outcome
   BASIN_BEYOND: the file does not know where that is. */
enum { BASIN_BEYOND = -2 };
basin_status basin_extract_beyond(basin_results *results, int64_t cell, int64_t first,
                                  int64_t count, int8_t *outcome, basin_error *error);

/* Fills the job's part, which is allocated, with the trials of the same numbers of the file's cell; all are there. */
basin_status basin_extract_part(basin_results *results, int64_t cell,
                                const basin_experiment *experiment, const basin_job *job,
                                basin_part *part, basin_error *error);

/* Whether the file of an experiment has all trials of these parts of it. */
int basin_extract_has(const char *path, const basin_parts *parts);

#endif
