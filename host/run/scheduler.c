/* SPDX-License-Identifier: MIT */
#include "run/scheduler.h"
#include "engine/cpu.h"
#include "run/halving.h"
#include "engine/measure.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double REPORT_SECONDS = 0.1, SAVE_SECONDS = 30;

typedef struct pool {
  const basin_experiment *experiment;
  const basin_backend *backend;
  const basin_run_options *options;
  const char *folder;
  basin_range *range;
  int64_t ranges;
  basin_watch *watch;

  pthread_mutex_t lock;
  pthread_cond_t changed;   /* a worker has left */
  pthread_cond_t came_back; /* a range is done, or back in the queue */
  int64_t next;             /* range to be taken */
  int64_t *returned;        /* [returns] ranges back in the queue: their workers were lost */
  int64_t returns;
  int64_t resumed;     /* trials that had ended in parts taken up half done */
  int64_t before;      /* trials of earlier rounds */
  int64_t under_way;   /* ranges taken and neither done nor back */
  int working;         /* workers that have not left */
  basin_status status; /* the first failure */
  basin_error error;   /* likewise; the latest loss of a worker where there is none */
} pool;

typedef struct worker {
  pool *pool;
  int number;
} worker;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* run the part from where it is to its end, estimates and all; saved now and then, and where it must stop */
static basin_status run_part(pool *p, int number, int64_t cell, const basin_job *job,
                             basin_part *part, int *lost, basin_error *error) {
  const basin_experiment *e = p->experiment;
  for (;;) {
    basin_status status = BASIN_INTERRUPTED;
    const basin_worker_status worker = basin_run_part(p->backend, number, job, part, p->watch,
                                                      error);
    *lost = worker == BASIN_WORKER_LOST;
    if (worker == BASIN_WORKER_REFUSED) return BASIN_BAD_INPUT;
    if (worker == BASIN_WORKER_LOST || worker == BASIN_WORKER_FAILED) return BASIN_FAILED;
    if (worker == BASIN_WORKER_OK)
      status = basin_measure_part(e, basin_cpu_isa(p->options->isa), job, part, p->watch, error);
    if (status != BASIN_INTERRUPTED) return status;
    status = basin_part_save(p->folder, e->identity, cell, job, part, error);
    if (status) return status;
    if (__atomic_load_n(&p->watch->stop, __ATOMIC_RELAXED)) return BASIN_INTERRUPTED;
  }
}

/* run one range and acknowledge its part; *lost: it fails because the worker is lost */
static basin_status run_range(pool *p, int number, basin_range *range, int *lost,
                              basin_error *error) {
  const basin_experiment *e = p->experiment;
  const basin_job job = basin_part_job(e, range->cell, range->first, range->count);
  basin_part part;
  *lost = 0;
  basin_status status = basin_part_allocate(&job, &part, error);
  if (status) return status;
  status = basin_part_resume(p->folder, e, range->cell, &job, &part, error);
  if (!status) {
    basin_part_count(&part, range);
    for (int o = 0; o < BASIN_OUTCOMES_MAX; o++) {
      __atomic_add_fetch(&p->watch->trials, range->outcomes[o], __ATOMIC_RELAXED);
      __atomic_add_fetch(&p->resumed, range->outcomes[o], __ATOMIC_RELAXED);
    }
    status = run_part(p, number, range->cell, &job, &part, lost, error);
  }
  for (int64_t t = 0; t < part.count && !status; t++)
    if (part.outcome[t] < 0 || part.outcome[t] >= e->outcomes.count)
      status = basin_fail(
          error, BASIN_FAILED,
          "cell %lld, trial %lld: handed back without an outcome: a defect of basin",
          (long long)range->cell, (long long)(range->first + t));
  if (!status) status = basin_part_write(p->folder, e->identity, range->cell, &job, &part, error);
  if (!status) basin_part_count(&part, range);
  basin_part_free(&part);
  return status;
}

/* the next range, -1 where there is none; waits while another worker may still hand one back */
static int64_t take(pool *p) {
  pthread_mutex_lock(&p->lock);
  while (!p->returns && p->next == p->ranges && p->under_way)
    pthread_cond_wait(&p->came_back, &p->lock);
  const int64_t mine = p->returns            ? p->returned[--p->returns]
                       : p->next < p->ranges ? p->next++
                                             : -1;
  p->under_way += mine >= 0;
  pthread_mutex_unlock(&p->lock);
  return mine;
}

/* the range is done; or back in the queue, as if it had never been taken */
static void put_back(pool *p, int64_t mine, int lost, const basin_error *error) {
  basin_range *range = &p->range[mine];
  pthread_mutex_lock(&p->lock);
  if (lost) {
    for (int o = 0; o < BASIN_OUTCOMES_MAX; o++) {
      __atomic_sub_fetch(&p->watch->trials, range->outcomes[o], __ATOMIC_RELAXED);
      __atomic_sub_fetch(&p->resumed, range->outcomes[o], __ATOMIC_RELAXED);
    }
    memset(range->outcomes, 0, sizeof range->outcomes);
    range->steps = 0;
    p->returned[p->returns++] = mine;
    if (*error->text && !p->status) p->error = *error;
    if (*error->text && p->options->warn) p->options->warn(error->text);
  }
  p->under_way--;
  pthread_cond_broadcast(&p->came_back);
  pthread_mutex_unlock(&p->lock);
}

static void *work(void *argument) {
  const worker *w = argument;
  pool *p = w->pool;
  basin_error error = {""};
  basin_status status = BASIN_OK;
  int lost = 0;

  while (!status && !__atomic_load_n(&p->watch->stop, __ATOMIC_RELAXED)) {
    const int64_t mine = take(p);
    if (mine < 0) break;
    status = run_range(p, w->number, &p->range[mine], &lost, &error);
    put_back(p, mine, lost, &error);
  }

  /* the first failure stops everybody; an interrupted part is no failure of its own, nor is a lost worker */
  pthread_mutex_lock(&p->lock);
  if (status && status != BASIN_INTERRUPTED && !lost && !p->status) {
    p->status = status;
    p->error = error;
    basin_watch_stop(p->watch);
  }
  p->working--;
  pthread_cond_signal(&p->changed);
  pthread_mutex_unlock(&p->lock);
  return NULL;
}

/* tell the caller how far the work is */
static void report(const pool *p, const basin_run_options *options, const basin_progress *base,
                   double started) {
  basin_progress progress = *base;
  if (!options->progress) return;
  const double here = now() - started;
  const int64_t ended = __atomic_load_n(&p->watch->trials, __ATOMIC_RELAXED);
  progress.trials = base->trials_kept + ended;
  progress.trial_steps = __atomic_load_n(&p->watch->trial_steps, __ATOMIC_RELAXED);
  progress.seconds = base->seconds + here;
  const int64_t fresh = ended - p->before - __atomic_load_n(&p->resumed, __ATOMIC_RELAXED);
  progress.seconds_left =
      fresh > 0 ? here * (double)(base->trials_total - progress.trials) / (double)fresh : NAN;
  options->progress(options->context, &progress);
}

basin_status basin_schedule(const basin_experiment *experiment, const basin_backend *backend,
                            const basin_run_options *options, const char *folder,
                            basin_range *range, int64_t ranges, basin_watch *watch,
                            const basin_progress *base, int *lost, basin_error *error) {
  pool p = {.experiment = experiment,
            .backend = backend,
            .options = options,
            .folder = folder,
            .range = range,
            .ranges = ranges,
            .watch = watch,
            .before = watch->trials,
            .lock = PTHREAD_MUTEX_INITIALIZER};
  const int workers = backend->workers; /* idle ones too: they stand in for those that are lost */
  const double started = now();
  double saved = started;
  pthread_condattr_t monotonic;
  pthread_t *thread = calloc((size_t)workers + 1, sizeof *thread);
  worker *w = calloc((size_t)workers + 1, sizeof *w);
  int running = 0;
  *lost = 0;
  p.returned = calloc((size_t)workers + 1, sizeof *p.returned);
  if (!thread || !w || !p.returned) {
    free(thread);
    free(w);
    free(p.returned);
    return basin_fail_memory(error);
  }
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&p.changed, &monotonic);
  pthread_cond_init(&p.came_back, NULL);

  pthread_mutex_lock(&p.lock);
  for (; running < workers; running++) {
    w[running] = (worker){&p, running};
    if (pthread_create(&thread[running], NULL, work, &w[running])) break;
    p.working++;
  }
  if (!running && ranges > 0)
    p.status = basin_fail(&p.error, BASIN_FAILED, "no thread can be started");

  /* watch and report until the last worker has left */
  while (p.working > 0) {
    const double until = now() + REPORT_SECONDS;
    struct timespec wake = {.tv_sec = (time_t)until,
                            .tv_nsec = (long)((until - floor(until)) * 1e9)};
    pthread_cond_timedwait(&p.changed, &p.lock, &wake);
    if (options->stop && *options->stop) basin_watch_stop(watch);
    if (until - saved > (options->save_seconds > 0 ? options->save_seconds : SAVE_SECONDS)) {
      __atomic_add_fetch(&watch->pauses, 1, __ATOMIC_RELAXED);
      saved = until;
    }
    pthread_mutex_unlock(&p.lock);
    report(&p, options, base, started);
    pthread_mutex_lock(&p.lock);
  }
  pthread_mutex_unlock(&p.lock);
  for (int i = 0; i < running; i++) pthread_join(thread[i], NULL);
  report(&p, options, base, started);
  pthread_cond_destroy(&p.changed);
  pthread_cond_destroy(&p.came_back);
  pthread_condattr_destroy(&monotonic);
  free(thread);
  free(w);
  free(p.returned);

  if (p.status) *error = p.error;
  if (p.status) return p.status;
  if (options->stop && *options->stop) return basin_fail(error, BASIN_INTERRUPTED, "interrupted");
  *lost = p.returns || p.next < ranges;
  if (*lost) *error = p.error;
  return *lost ? BASIN_FAILED : BASIN_OK;
}
