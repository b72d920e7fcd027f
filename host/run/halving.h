/* SPDX-License-Identifier: MIT
 *
 * halving.h: runs a part to its end, or to a pause: lets trials that diverge begin again where the experiment asks for
 * that, and names the ends of the others where it does (naming.h).
 *
 * Under `on_divergence: halve` a trial that diverges begins again, from the same start, with all step sizes of
 * the schedule halved, up to BASIN_HALVINGS_MAX times; after that it has diverged for good. The part counts how often
 * each did. What a trial did before it began again is not kept, neither its steps nor its records.
 */
#ifndef BASIN_HALVING_H
#define BASIN_HALVING_H

#include "seam/backend.h"

enum { BASIN_HALVINGS_MAX = 30 };

/* As basin_backend.run. A part that has paused goes on with the same call; worker: of the backend. */
basin_worker_status basin_run_part(const basin_backend *backend, int worker, const basin_job *job,
                                   basin_part *part, basin_watch *watch, basin_error *error);

#endif
