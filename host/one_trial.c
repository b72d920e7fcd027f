/* SPDX-License-Identifier: MIT
 *
 * one_trial.c: one trial of one cell again, shown or written.
 */
#include "backend_cpu.h"
#include "choose.h"
#include "halving.h"
#include "measure.h"
#include "run.h"
#include <stdio.h>
#include <string.h>

typedef struct one_trial {
  int64_t cell;
  const basin_part *part;
} one_trial;

static basin_status fill(const void *context, basin_output *output, basin_error *error) {
  const one_trial *one = context;
  return basin_output_write(output, one->cell, one->part, one->part->first + 1, error);
}

static basin_status write_trial(const basin_runner *r, const basin_extent *extent,
                                const basin_part *part, basin_error *error) {
  const basin_provenance provenance = basin_runner_provenance(r);
  const one_trial one = {extent->first_cell, part};
  const int64_t count = 1;
  return basin_make_output(
      r->options->output,
      &(basin_making){.experiment = r->experiment,
                      .extent = extent,
                      .count = &count,
                      .provenance = r->options->no_provenance ? NULL : &provenance,
                      .fill = fill,
                      .context = &one},
      error);
}

/* the trial, into a part of its own */
static basin_status run_alone(basin_runner *r, const basin_job *job, basin_part *part,
                              basin_error *error) {
  basin_status status = basin_part_allocate(job, part, error);
  if (status) return status;
  switch (basin_run_part(&r->backend, 0, job, part, &r->watch, error)) {
  case BASIN_WORKER_OK:
    break;
  case BASIN_WORKER_PAUSED:
    return basin_fail(error, BASIN_INTERRUPTED, "interrupted");
  default:
    return BASIN_FAILED;
  }
  status = basin_measure_part(r->experiment, basin_cpu_isa(r->options->isa), job, part, &r->watch,
                              error);
  r->progress.seconds = basin_runner_seconds(r);
  return status;
}

basin_status basin_trial_again(const basin_experiment *e, int64_t cell, int64_t trial,
                               const basin_run_options *options, basin_part *part,
                               basin_error *error) {
  /* the CPU has done one trial by the time a device is awake */
  basin_run_options alone = *options;
  if (!alone.devices && (!alone.backend || !strcmp(alone.backend, "auto"))) alone.backend = "cpu";
  basin_runner r = {.experiment = e, .options = &alone};
  const basin_extent extent = {.first_cell = cell,
                               .cells = 1,
                               .first_trial = trial,
                               .trials = 1,
                               .recorded = 1,
                               .times = e->times};
  *part = (basin_part){0};
  if (cell < 0 || cell >= e->cells)
    return basin_fail(error, BASIN_BAD_INPUT, "--cell %lld: expected 0 to %lld", (long long)cell,
                      (long long)e->cells - 1);
  if (trial < 0 || trial >= BASIN_TRIALS_MAX)
    return basin_fail(error, BASIN_BAD_INPUT, "--trial %lld: expected a number from 0",
                      (long long)trial);
  basin_status status = alone.output ? basin_check_output_name(alone.output, error) : BASIN_OK;
  clock_gettime(CLOCK_REALTIME, &r.began);
  if (!status) status = basin_choose(e, &alone, &r.backend, error);
  if (status) return status;
  basin_job job = basin_part_job(e, cell, trial, 1);
  job.recorded = trial + 1;
  job.times = e->times;
  status = run_alone(&r, &job, part, error);
  if (!status && alone.output) status = write_trial(&r, &extent, part, error);
  if (status) basin_part_free(part);
  basin_runner_close(&r);
  return status;
}

basin_status basin_run_trial(const basin_experiment *e, int64_t cell, int64_t trial,
                             const basin_run_options *options, basin_error *error) {
  basin_part part;
  if (!options->output || !*options->output)
    return basin_fail(error, BASIN_BAD_INPUT, "no output file given");
  const basin_status status = basin_trial_again(e, cell, trial, options, &part, error);
  if (!status) basin_part_free(&part);
  return status;
}
