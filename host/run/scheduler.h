/* SPDX-License-Identifier: MIT
 *
 * scheduler.h: the queue of parts and the threads that work it off.
 */
#ifndef BASIN_SCHEDULER_H
#define BASIN_SCHEDULER_H

#include "store/part.h"

/* Runs every range and writes each as a part into the folder; fills in the outcomes. The ranges are taken
   in order. Returns when all are written, when options->stop is set, or at the first failure; parts that
   are written by then are kept. A worker that is lost puts its range back into the queue, with a warning;
   *lost, with BASIN_FAILED, where no worker is left, and the ranges not written have no outcomes. `base` is the
   progress before this call. */
basin_status basin_schedule(const basin_experiment *experiment, const basin_backend *backend,
                            const basin_run_options *options, const char *folder,
                            basin_range *range, int64_t ranges, basin_watch *watch,
                            const basin_progress *base, int *lost, basin_error *error);

#endif
