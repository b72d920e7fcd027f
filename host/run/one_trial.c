/* SPDX-License-Identifier: MIT
 *
 * one_trial.c: one trial of one cell again, shown or written.
 */
#include "engine/cpu.h"
#include "run/choose.h"
#include "run/halving.h"
#include "engine/measure.h"
#include "run/run.h"
#include <pthread.h>
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

/* Tells a watch what the caller wishes, beside a trial that runs on the caller's thread. */
typedef struct sentry {
  const volatile int *wish;
  basin_watch *watch;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t done;
  int posted, dismissed;
} sentry;

static void *stand(void *argument) {
  sentry *s = argument;
  pthread_mutex_lock(&s->lock);
  while (!s->dismissed) {
    struct timespec wake;
    clock_gettime(CLOCK_REALTIME, &wake);
    wake.tv_nsec += 50000000;
    wake.tv_sec += wake.tv_nsec / 1000000000;
    wake.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&s->done, &s->lock, &wake);
    if (*s->wish) basin_watch_stop(s->watch);
  }
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

static basin_status post(sentry *s, basin_error *error) {
  if (!s->wish) return BASIN_OK;
  if (pthread_create(&s->thread, NULL, stand, s))
    return basin_fail(error, BASIN_FAILED, "no thread can be started");
  s->posted = 1;
  return BASIN_OK;
}

static void dismiss(sentry *s) {
  if (!s->posted) return;
  pthread_mutex_lock(&s->lock);
  s->dismissed = 1;
  pthread_cond_signal(&s->done);
  pthread_mutex_unlock(&s->lock);
  pthread_join(s->thread, NULL);
}

/* the trial, into a part of its own */
static basin_status run_alone(basin_runner *r, const basin_job *job, basin_part *part,
                              basin_error *error) {
  sentry s = {.wish = r->options->stop,
              .watch = &r->watch,
              .lock = PTHREAD_MUTEX_INITIALIZER,
              .done = PTHREAD_COND_INITIALIZER};
  basin_status status = basin_part_allocate(job, part, error);
  if (!status) status = post(&s, error);
  if (status) return status;
  switch (basin_run_part(&r->backend, 0, job, part, &r->watch, error)) {
  case BASIN_WORKER_OK:
    status = basin_measure_part(r->experiment, basin_cpu_isa(r->options->isa), job, part, &r->watch,
                                error);
    break;
  case BASIN_WORKER_PAUSED:
    status = BASIN_INTERRUPTED;
    break;
  case BASIN_WORKER_REFUSED:
    status = BASIN_BAD_INPUT;
    break;
  default:
    status = BASIN_FAILED;
  }
  dismiss(&s);
  if (status == BASIN_INTERRUPTED)
    basin_fail(error, status, "interrupted; a single trial is not kept until it has ended");
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
