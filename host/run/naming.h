/* SPDX-License-Identifier: MIT
 *
 * naming.h: what the ends of trials are called, where the experiment names outcomes itself (read/named.h), and the
 * points where they come to rest, where it groups them (read/discover.h).
 *
 * Behind the engines: when one hands a part back, each trial that has ended since, and has not diverged, gets the first
 * named outcome whose condition holds, or keeps the engine's; and of each that has come to rest the part keeps the
 * point. So both are the same for every model, backend and instruction set.
 *
 *   basin_naming_begin(job, part, &before, error);
 *   status = ... the engine runs the part, to its end or to a pause ...
 *   basin_naming_end(job, part, before, error);
 */
#ifndef BASIN_NAMING_H
#define BASIN_NAMING_H

#include "base/error.h"
#include "seam/job.h"

/* Which trials have ended already: *before [count], NULL where nothing is named, and no point
   is kept. */
basin_status basin_naming_begin(const basin_job *job, const basin_part *part, int8_t **before,
                                basin_error *error);

/* Names what has ended since, and keeps its point; before is freed. BASIN_FAILED where there is no memory, or a
   vector that the model's state does not know. */
basin_status basin_naming_end(const basin_job *job, basin_part *part, int8_t *before,
                              basin_error *error);

#endif
