/* SPDX-License-Identifier: MIT
 *
 * choose.h: which backend runs an experiment.
 */
#ifndef BASIN_CHOOSE_H
#define BASIN_CHOOSE_H

#include "read/experiment.h"

/* Opens the backend that the options name; where they leave it open, CUDA where a device answers and the module has all
   that the experiment asks for, else the CPU. BASIN_BAD_INPUT where what they name cannot be had. */
basin_status basin_choose(const basin_experiment *experiment, const basin_run_options *options,
                          basin_backend *backend, basin_error *error);

#endif
