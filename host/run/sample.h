/* SPDX-License-Identifier: MIT
 *
 * sample.h: a few trials of each cell, run for some seconds by the workers of a backend; nothing is written.
 *
 * A cell's trials are run to a bound of 1024 steps, those that have not ended then to 16 times as many, and so on, up
 * to the cell's max_steps or until the time is over, which the cells share evenly. What has not ended by then is open:
 * of it a number of steps is known that it takes at least. Trials are those of the run, from trial 0 on, to the bit.
 */
#ifndef BASIN_SAMPLE_H
#define BASIN_SAMPLE_H

#include "read/experiment.h"

/* Of one cell. */
typedef struct basin_sampled {
  int64_t trials;                       /* begun */
  int64_t open;                         /* of these, not ended */
  int64_t outcomes[BASIN_OUTCOMES_MAX]; /* of the others */
  int64_t
      bound; /* steps that the open ones have taken at least; where there are none, the most of any trial */
  double mean, most; /* steps of a trial, if the open ones end now; if they take max_steps */
  double error;      /* standard error of the former */

  /* Steps a second of one worker, a trial's start counted as a step: lately, when few trials were left, and at best. 0
     where not even a start has come to its end. */
  double slow, fast;
} basin_sampled;

typedef struct basin_sample {
  int64_t cells;       /* in which trials were begun: all, or as many as the time was enough for */
  basin_sampled *cell; /* [cells of the experiment] */
  int workers;
  int64_t bound; /* the largest that trials were run to */
  int64_t steps; /* of all trials together, those of earlier rounds too */
  double rate;   /* trial-steps a second of all workers, while they had work */
  double seconds;
} basin_sample;

/* What the sample says of the whole run: from .. to, where numbers are as far off as it lets them be. */
typedef struct basin_forecast {
  double trials[2]; /* of all cells; under `until` as the rates so far let expect */
  double
      steps[2]; /* of all trials together. From: the open ones end now; to: they take max_steps */
  double seconds[2]; /* NaN where nothing is known */
  int64_t open; /* trials of the sample that had not ended: the truth may lie near either end */
} basin_forecast;

/* forecast.c. The mean steps of the cells' trials are taken to within two standard errors, and the time by the worst
   and by the best rate of the sample, with a fifth for the mood of the machine. Cells that were not reached are as the
   others on average. parts: of the run; fewer than workers leave some of these idle. */
basin_forecast basin_forecast_make(const basin_experiment *experiment, const basin_sample *sample,
                                   int64_t parts);

/* Runs the sample for at most so many seconds. BASIN_INTERRUPTED where options->stop says so. Free it in any case. */
basin_status basin_sample_run(const basin_experiment *experiment, const basin_run_options *options,
                              double seconds, basin_sample *sample, basin_error *error);
void basin_sample_free(basin_sample *sample);

#endif
