/* SPDX-License-Identifier: MIT */
#include "run/sample.h"
#include "read/named.h"
#include "run/choose.h"
#include "run/cut.h"
#include "run/halving.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  TRIALS = 64,          /* of a task */
  TRIALS_MAX = 1 << 22, /* of all tasks */
  CELLS_MAX = 4096,
  FIRST_BOUND = 1024,
  BOUND_GROWS = 16
};
static const double LOOK_SECONDS = 0.005, MEASURED_SECONDS = 0.001;

/* Trials of a cell that are run together, again and again. */
typedef struct task {
  int64_t cell;
  basin_part part;
  int64_t bound,
      before; /* in steps: of this round and of the last one, in which all were reached */
  int paused, done;
  double lately[2],
      ever[2]; /* work and seconds, of the last call and of all; work: steps, and starts of trials */
  double fast;   /* work a second of the best call that took long enough to be measured */
  int64_t steps; /* of all calls */
} task;

typedef struct sampler {
  const basin_experiment *experiment;
  const basin_backend *backend;
  task *task;
  int64_t tasks, next; /* next: of this round */
  double end;          /* when it is over */
  pthread_mutex_t lock;
  pthread_cond_t idle; /* no task is under way, or a worker has left */
  int under_way, working;
  int over;            /* nothing is begun any more */
  int lost;            /* workers whose device has failed, or is short of memory */
  basin_status status; /* the first failure */
  basin_error error;
} sampler;

typedef struct worker {
  sampler *sampler;
  int number;
  basin_watch watch;
  double until; /* when its task is to pause; 0: it has none */
} worker;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- one task ---- */

static int64_t max_steps(const sampler *s, const task *t) {
  return s->experiment->cell[t->cell].setting.stop.max_steps;
}

/* only the trials' ends are wanted, and what they are named by */
static basin_job job_of(const sampler *s, const task *t, basin_setting *setting) {
  basin_job job = basin_part_job(s->experiment, t->cell, t->part.first, t->part.count);
  *setting = *job.setting;
  if (t->bound < setting->stop.max_steps) setting->stop.max_steps = t->bound;
  job.setting = setting;
  job.recorded = job.times = job.inputs = 0;
  job.observables = job.estimates = job.keep_states = 0;
  if (!job.naming) job.finals = 0;
  if (!job.naming || !job.naming->rules->nears) job.keep_ends = 0;
  job.discover = NULL;
  job.points = 0;
  return job;
}

/* whether the trial has come to the bound, and the cell would let it go on */
static int is_open(const sampler *s, const task *t, int64_t trial) {
  return t->part.outcome[trial] < 0 ||
         (t->part.outcome[trial] == BASIN_UNRESOLVED && t->bound < max_steps(s, t));
}

/* trials that are open begin once more, with a larger bound */
static void raise_bound(const sampler *s, task *t) {
  for (int64_t i = 0; i < t->part.count; i++) {
    if (!is_open(s, t, i)) continue;
    t->part.outcome[i] = -1;
    t->part.steps[i] = -1;
    if (t->part.halvings) t->part.halvings[i] = 0;
  }
  t->before = t->bound;
  t->bound *= BOUND_GROWS;
  t->part.flights = 0;
}

/* steps that the trial has taken, at least; 0: it has not begun. step[trial]: of those under way */
static int64_t steps_of(const task *t, const int64_t *step, int64_t trial) {
  if (t->part.outcome[trial] >= 0) return t->part.steps[trial];
  return step[trial] > t->before ? step[trial] : t->before;
}

/* [count] of the trials under way, else 0; NULL without memory */
static int64_t *flight_steps(const task *t) {
  int64_t *step = calloc((size_t)t->part.count, sizeof *step);
  for (int64_t i = 0; step && t->paused && i < t->part.flights; i++)
    step[t->part.flight[i].trial] = t->part.flight[i].step;
  return step;
}

static int64_t count_open(const sampler *s, const task *t) {
  int64_t open = 0;
  for (int64_t i = 0; i < t->part.count; i++) open += is_open(s, t, i);
  return open;
}

/* what a call of an engine has done, and how long it took */
static void measure(task *t, int64_t begun, int64_t steps, double seconds) {
  const double work = (double)(begun + steps);
  t->steps += steps;
  t->lately[0] = work;
  t->lately[1] = seconds;
  t->ever[0] += work;
  t->ever[1] += seconds;
  if (seconds > MEASURED_SECONDS) t->fast = fmax(t->fast, work / seconds);
}

/* as if it had not begun */
static void forget(task *t) {
  const task fresh = {.cell = t->cell, .part = {.first = t->part.first, .count = t->part.count}};
  basin_part_free(&t->part);
  *t = fresh;
}

/* runs the task until it pauses, or all its trials have come to the bound */
static basin_worker_status run_task(const sampler *s, worker *w, task *t, basin_error *error) {
  basin_setting setting;
  int64_t begun = t->paused ? 0 : t->part.count;
  if (t->part.outcome && !t->paused) {
    begun = count_open(s, t);
    raise_bound(s, t);
  }
  if (!t->bound) t->bound = FIRST_BOUND;
  const basin_job job = job_of(s, t, &setting);
  if (!t->part.outcome && basin_part_allocate(&job, &t->part, error)) return BASIN_WORKER_FAILED;
  const double start = now();
  const basin_worker_status status = basin_run_part(s->backend, w->number, &job, &t->part,
                                                    &w->watch, error);
  measure(t, begun, w->watch.trial_steps, now() - start);
  t->paused = status == BASIN_WORKER_PAUSED;
  t->done = status == BASIN_WORKER_OK && !count_open(s, t);
  return status;
}

/* ---- all of them ---- */

/* the next task of this round, or of the next one, and its share of the time; NULL at the end */
static task *take(sampler *s, worker *w) {
  for (;;) {
    int64_t left = 0;
    while (s->next < s->tasks && s->task[s->next].done) s->next++;
    for (int64_t i = s->next; i < s->tasks; i++) left += !s->task[i].done;
    const double time = s->end - now();
    if (s->over || s->status || time <= 0) return NULL;
    if (left) {
      w->until = now() + fmin(time, time * s->backend->workers / (double)left);
      memset(&w->watch, 0, sizeof w->watch);
      s->under_way++;
      return &s->task[s->next++];
    }
    if (s->under_way) {
      pthread_cond_wait(&s->idle, &s->lock);
      continue;
    }
    s->next = 0;
    while (s->next < s->tasks && s->task[s->next].done) s->next++;
    if (s->next == s->tasks) return NULL;
  }
}

static void *work(void *argument) {
  worker *w = argument;
  sampler *s = w->sampler;
  task *t;
  pthread_mutex_lock(&s->lock);
  while ((t = take(s, w)) != NULL) {
    basin_error error = {""};
    pthread_mutex_unlock(&s->lock);
    const basin_worker_status status = run_task(s, w, t, &error);
    pthread_mutex_lock(&s->lock);
    w->until = 0;
    s->under_way--;
    if (status != BASIN_WORKER_OK && status != BASIN_WORKER_PAUSED && *error.text) s->error = error;
    if (status == BASIN_WORKER_FAILED) s->status = BASIN_FAILED;
    if (status == BASIN_WORKER_REFUSED) s->status = BASIN_BAD_INPUT;
    pthread_cond_broadcast(&s->idle);
    if (status != BASIN_WORKER_LOST) continue;
    forget(t); /* another one begins it anew */
    s->lost++;
    break;
  }
  s->working--;
  pthread_cond_broadcast(&s->idle);
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

/* until every worker has left: ends the tasks whose time is over, and all where the caller wishes */
static void watch_over(sampler *s, worker *w, int workers, const volatile int *stop) {
  pthread_mutex_lock(&s->lock);
  while (s->working > 0) {
    const double wake = now() + LOOK_SECONDS;
    const struct timespec at = {.tv_sec = (time_t)wake,
                                .tv_nsec = (long)((wake - floor(wake)) * 1e9)};
    pthread_cond_timedwait(&s->idle, &s->lock, &at);
    s->over |= stop && *stop;
    const int over = s->over || s->status;
    for (int i = 0; i < workers; i++)
      if (w[i].until > 0 && (over || now() >= w[i].until)) basin_watch_stop(&w[i].watch);
    if (over) pthread_cond_broadcast(&s->idle);
  }
  pthread_mutex_unlock(&s->lock);
}

static basin_status run_tasks(sampler *s, const volatile int *stop, basin_error *error) {
  const int workers = s->backend->workers;
  pthread_t *thread = calloc((size_t)workers, sizeof *thread);
  worker *w = calloc((size_t)workers, sizeof *w);
  pthread_condattr_t monotonic;
  int running = 0;
  if (!thread || !w) {
    free(thread);
    free(w);
    return basin_fail_memory(error);
  }
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&s->idle, &monotonic);
  pthread_mutex_init(&s->lock, NULL);
  pthread_mutex_lock(&s->lock);
  for (; running < workers; running++) {
    w[running] = (worker){.sampler = s, .number = running};
    if (pthread_create(&thread[running], NULL, work, &w[running])) break;
    s->working++;
  }
  pthread_mutex_unlock(&s->lock);
  watch_over(s, w, running, stop);
  for (int i = 0; i < running; i++) pthread_join(thread[i], NULL);
  pthread_mutex_destroy(&s->lock);
  pthread_cond_destroy(&s->idle);
  pthread_condattr_destroy(&monotonic);
  free(thread);
  free(w);
  if (!running) return basin_fail(error, BASIN_FAILED, "no thread can be started");
  if (s->lost == running) s->status = BASIN_FAILED;
  if (s->status) *error = s->error;
  if (!s->status && stop && *stop) return basin_fail(error, BASIN_INTERRUPTED, "interrupted");
  return s->status;
}

static int64_t common_divisor(int64_t a, int64_t b) { return b ? common_divisor(b, a % b) : a; }

/* Tasks of evenly spread cells, one after another far apart, so that those for which the time is enough are spread,
   too; as many of a cell as keep all workers busy. A device has work for a whole part of the run at a time. */
static basin_status make_tasks(sampler *s, const basin_run_options *options, basin_error *error) {
  const basin_experiment *e = s->experiment;
  const int64_t cells = e->cells < CELLS_MAX ? e->cells : CELLS_MAX,
                each = (s->backend->workers + cells - 1) / cells,
                most = TRIALS_MAX / (cells * each);
  int64_t stride = (int64_t)(0.618 * (double)cells) + 1;
  while (common_divisor(cells, stride) > 1) stride++;
  s->task = calloc((size_t)(cells * each), sizeof *s->task);
  if (!s->task) return basin_fail_memory(error);
  for (int64_t i = 0; i < cells * each; i++) {
    const int64_t cell = i * stride % cells * e->cells / cells;
    int64_t count = s->backend->devices
                        ? basin_cut_size(e, cell, 0, e->trials, options->part_trials)
                        : TRIALS;
    if (count > most && most > TRIALS) count = most;
    const int64_t first = i / cells * count, left = e->trials - first;
    if (left > 0)
      s->task[s->tasks++] = (task){.cell = cell,
                                   .part = {.first = first, .count = left < count ? left : count}};
  }
  return BASIN_OK;
}

/* ---- what comes of them ---- */

/* Of a cell: steps of its trials and their squares, if the open ones end now, and steps if they take max_steps; work
   and seconds. */
typedef struct sums {
  double steps, squares, most, lately[2], ever[2];
} sums;

/* adds a task's trials; 0 without memory */
static int add_task(const sampler *s, const task *t, basin_sampled *c, sums *sum) {
  if (!t->part.outcome) return 1; /* its turn has not come */
  int64_t *step = flight_steps(t);
  for (int64_t i = 0; step && i < t->part.count; i++) {
    const int open = is_open(s, t, i);
    const int64_t steps = steps_of(t, step, i);
    if (open && !steps) continue;
    if (open ? !c->open || steps < c->bound : !c->open && steps > c->bound) c->bound = steps;
    c->trials++;
    c->open += open;
    if (!open) c->outcomes[t->part.outcome[i]]++;
    sum->steps += (double)steps;
    sum->squares += (double)steps * (double)steps;
    sum->most += open ? (double)max_steps(s, t) : (double)steps;
  }
  for (int i = 0; i < 2; i++) {
    sum->lately[i] += t->lately[i];
    sum->ever[i] += t->ever[i];
  }
  c->fast = fmax(c->fast, t->fast);
  free(step);
  return step != NULL;
}

static void sum_up(const sums *sum, basin_sampled *c) {
  const double n = (double)c->trials, ever = sum->ever[0] / sum->ever[1];
  c->mean = sum->steps / n;
  c->most = sum->most / n;
  c->error = sqrt(fmax(sum->squares / n - c->mean * c->mean, 0) / n);
  c->slow = fmin(ever, sum->lately[0] / sum->lately[1]);
  c->fast = fmax(ever, c->fast);
}

static basin_status count_tasks(const sampler *s, basin_sample *out, basin_error *error) {
  const int64_t cells = s->experiment->cells;
  double seconds = 0;
  sums *sum = calloc((size_t)cells, sizeof *sum);
  out->cell = calloc((size_t)cells, sizeof *out->cell);
  basin_status status = sum && out->cell ? BASIN_OK : basin_fail_memory(error);
  for (int64_t i = 0; i < s->tasks && !status; i++) {
    const task *t = &s->task[i];
    if (!add_task(s, t, &out->cell[t->cell], &sum[t->cell])) status = basin_fail_memory(error);
    if (t->bound > out->bound) out->bound = t->bound;
    out->steps += t->steps;
    seconds += t->ever[1];
  }
  for (int64_t i = 0; i < cells && !status; i++) {
    if (!out->cell[i].trials) continue;
    out->cells++;
    sum_up(&sum[i], &out->cell[i]);
  }
  if (seconds > 0) out->rate = (double)out->steps * s->backend->workers / seconds;
  free(sum);
  return status;
}

basin_status basin_sample_run(const basin_experiment *e, const basin_run_options *options,
                              double seconds, basin_sample *sample, basin_error *error) {
  basin_backend backend;
  sampler s = {.experiment = e, .backend = &backend};
  *sample = (basin_sample){0};
  basin_status status = basin_choose(e, options, &backend, error);
  if (status) return status;
  const double began = now();
  s.end = began + seconds;
  status = make_tasks(&s, options, error);
  if (!status) status = run_tasks(&s, options->stop, error);
  if (!status) status = count_tasks(&s, sample, error);
  sample->workers = backend.workers;
  sample->seconds = now() - began;
  for (int64_t i = 0; i < s.tasks; i++) basin_part_free(&s.task[i].part);
  free(s.task);
  backend.close(backend.self);
  return status;
}

void basin_sample_free(basin_sample *sample) {
  free(sample->cell);
  *sample = (basin_sample){0};
}
