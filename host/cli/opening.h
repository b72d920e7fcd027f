/* SPDX-License-Identifier: MIT
 *
 * opening.h: results as commands take them: an output file, or what there is so far of a run that has not ended.
 */
#ifndef BASIN_OPENING_H
#define BASIN_OPENING_H

#include "base/error.h"

/* As basin_results_open(). Where the file is not there and the parts of its run are, or the path is a campaign's
   folder, the results are those of the parts, and a line on stderr says so, with how many trials of how many there are
   of each cell. */
basin_status basin_opening_results(const char *path, basin_results **results, basin_error *error);

/* Whether a command that reads the one file may make the other: BASIN_BAD_INPUT where they are the same, or where
   something is there that is no plain file. */
basin_status basin_opening_output(const char *input, const char *output, basin_error *error);

#endif
