/* SPDX-License-Identifier: MIT
 *
 * preview.h: what `basin run --dry-run` says of a run beside its needs: how long, and how it may come out.
 */
#ifndef BASIN_PREVIEW_H
#define BASIN_PREVIEW_H

#include "base/error.h"

/* Runs a sample of each cell for some seconds and shows, on stdout, its outcomes, warnings, and the whole run's steps
   and time; of `shards` more than 1, that of each too. BASIN_INTERRUPTED where options->stop says so. */
basin_status basin_preview_show(const basin_experiment *experiment,
                                const basin_run_options *options, const basin_need *need,
                                int64_t shards, basin_error *error);

#endif
