/* SPDX-License-Identifier: MIT
 *
 * output.h: the output file, a netCDF-4 profile of HDF5.
 *
 * Dimensions  cell, trial, recorded (trials that keep a trajectory), time, and NAME_entry per full vector
 * Coordinates variant(cell), one variable per grid parameter and parameter of the model on cell,
 *             trial(trial) and recorded(recorded) the trial's number, time(time) the step,
 *             eta_t(cell, time) the sum of the step sizes up to it (of a model with several the first one's; as
 *             the cell gives them: a trial that ran with all of them halved h times has been at 2^-h eta_t)
 * Variables   outcome(cell, trial), steps(cell, trial), final_OBSERVABLE(cell, trial),
 *             passage_1(cell, trial), ... first steps at a level, passage_level(cell, passage) these levels,
 *             OBSERVABLE(cell, recorded, time), estimated_OBSERVABLE and estimated_OBSERVABLE_error likewise,
 *             vector_NAME(cell, recorded, time, NAME_entry),
 *             attractor(cell, trial) and, over (cell, attractor_number), attractor_trials, attractor_share and the like
 *             (attractors.h),
 *             trials(cell) how many were run, draw(cell) identity of the draws, model(cell),
 *             early_rule(cell) whether steps count until an outcome was proved, not reached,
 *             success(cell), success_low(cell), success_high(cell) the rate and its 95% Wilson interval,
 *             lambda_0(cell), lambda_max, loss_start_limit, loss_start_exact and loss_limit(cell, time), with
 *             `record.limit`: networks of infinite width (network/cell_limit.h),
 *             crossing_at(crossing) and the like: where success crosses a rate, with `refine` (crossings.c); then the
 *             cells are those of the grid, in its order, and behind them those that were added, as they came
 * /checksum   a checksum of every variable, or of each of its cells (checksum.h)
 *
 * Uncompressed and contiguous; written part by part, so memory does not grow with the file. Fill values:
 * NaN, -1 for outcome and steps. Nothing but /provenance depends on where and when the run was made.
 */
#ifndef BASIN_OUTPUT_H
#define BASIN_OUTPUT_H

#include "store/part.h"
#include <hdf5.h>

typedef struct basin_output basin_output;

/* Which block of the experiment the file holds. */
typedef struct basin_extent {
  int64_t first_cell, cells;
  int64_t first_trial, trials; /* trials: the largest number of any cell */
  int64_t recorded;            /* trials that keep a trajectory: at the head of the block */
  int64_t times;
} basin_extent;

/* Makes the file, which must not be there; count[i] trials were run of the extent's cell i. missing: how many trials of
   all cells together are not there; where not 0 it is the root attribute `trials_missing`. threads: that make
   full vectors; 0: as many as there are processors. On failure there is no file. */
basin_status basin_output_create(const char *path, const basin_experiment *experiment,
                                 const basin_extent *extent, const int64_t *count, int64_t missing,
                                 int threads, basin_output **output, basin_error *error);

/* Writes the trials of a part that lie below `limit` and are not written yet. Parts come by cell and first trial. */
basin_status basin_output_write(basin_output *output, int64_t cell, const basin_part *part,
                                int64_t limit, basin_error *error);

/* What `refine` has found: the variables crossing_... and the attributes refine_... */
basin_status basin_output_crossings(basin_output *output, const basin_crossing *crossing,
                                    int64_t count, basin_error *error);

/* A line of /provenance: text, or a number of an HDF5 type. */
basin_status basin_output_provenance(basin_output *output, const char *name, const char *text,
                                     basin_error *error);
basin_status basin_output_provenance_number(basin_output *output, const char *name, hid_t type,
                                            const void *value, basin_error *error);

/* Closes and fsyncs the file. On failure as on success the output is gone; the file may be incomplete. */
basin_status basin_output_close(basin_output *output, basin_error *error);

/* Bytes of such a file, without its few kB of names. */
double basin_output_bytes(const basin_experiment *experiment, const basin_extent *extent);

#endif
