/* SPDX-License-Identifier: MIT
 *
 * charter.h: the file beside parts that says what they are parts of: the experiment as it was given, with its settings,
 * and the size of its parts. A campaign has it as DIR/campaign, a run into one file as OUT.h5.parts/basin-run.
 */
#ifndef BASIN_CHARTER_H
#define BASIN_CHARTER_H

#include "read/experiment.h"

#define BASIN_RUN_CHARTER "basin-run"

/* The experiment, and the size of parts (0: chosen from it), that the charter at the path has. Without such a file
   *experiment is NULL. */
basin_status basin_charter_read(const char *path, basin_experiment **experiment,
                                int64_t *part_trials, basin_error *error);

/* Puts a charter in place, in the stead of the one that is there where `replace` says so, and syncs it. BASIN_BAD_INPUT
   where it cannot keep a name or a setting. */
basin_status basin_charter_place(const char *path, const basin_experiment *experiment,
                                 int64_t part_trials, int replace, basin_error *error);

/* Removes the charter of a run into one file from the folder of its parts; what is none stays. */
void basin_charter_remove(const char *folder);

#endif
