/* SPDX-License-Identifier: MIT
 *
 * replay.h: shows one trial that was run again: its outcome, and its trajectory at the recorded steps that it came to.
 */
#ifndef BASIN_REPLAY_H
#define BASIN_REPLAY_H

#include "store/part.h"

/* For a person: some twenty of the steps, and how many there are; output: the file that has all, or NULL. */
void basin_replay_text(const basin_experiment *experiment, int64_t cell, const basin_part *part,
                       const char *output);

/* All steps, a row each. */
void basin_replay_csv(const basin_experiment *experiment, const basin_part *part);

/* One object: what the experiment and the cell are, the outcome, the final observables, and `trajectory`, an array for
   every column of the CSV. */
void basin_replay_json(const basin_experiment *experiment, int64_t cell, const basin_part *part);

#endif
