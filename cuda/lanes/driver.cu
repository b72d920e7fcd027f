/* SPDX-License-Identifier: MIT
 *
 * driver.cu: a part from beginning to end on a device, or to a pause.
 *
 * The part goes over in batches: arrays to the device, kernel_start, launches of kernel_run until no trial is
 * left, kernel_finish and kernel_record, arrays back. Between two launches the host waits for one thing, the
 * counters that say how many trials are left; other workers' streams keep the device busy meanwhile.
 */
#include "lanes/call.h"
#include <stdlib.h>
#include <string.h>

enum {
  BATCH_LEAST = 1, /* trials; a device without memory for that is given up */
  BLOCKS_MOST = 1 << 13,
  NUMBERS_FIRST =
      1 << 16, /* that a slot draws in the first launch of kernel_start, at most, or one trial's */
  SHARES_MOST = 32 /* a part's share of a device's slots is at least 1 in so many */
};

static const double LAUNCH_SECONDS_LEAST = 0.02, LAUNCH_SECONDS_MOST = 0.1;

namespace {

/* what the kernels have counted: the one thing the host waits for */
basin_worker_status read_counters(part_run *p, const char *kernel) {
  TRY(p, kernel,
      cudaMemcpyAsync(p->w->counters, p->b.counters, sizeof(lane_counters), cudaMemcpyDeviceToHost,
                      p->w->stream));
  TRY(p, kernel, worker_wait(p->w));
  return BASIN_WORKER_OK;
}

/* tell the watch what has been done since the last time */
void tell(part_run *p, int64_t ended, int64_t steps) {
  watch_tell(p->watch, ended, steps);
  p->told_trials += ended;
  p->told_steps += steps;
}

int64_t outstanding(const part_run *p) {
  return p->undrawn + p->live + (p->queued > p->taken ? p->queued - p->taken : 0);
}

/* Starts, some at a time, for each may take long; the rest is not drawn where the run is to stop. A pause to save does
   not matter here: what is drawn and has taken no step is not saved. */
basin_worker_status draw_starts(part_run *p) {
  lane_batch *b = &p->b;
  const int64_t numbers = p->job->setting->size.data + 1;
  int64_t some = b->slots * (1 + NUMBERS_FIRST / numbers);
  for (b->drawn = 0; b->drawn < b->count; b->drawn = b->to_draw) {
    if (b->drawn && __atomic_load_n(&p->watch->stop, __ATOMIC_RELAXED)) break;
    b->to_draw = some < b->count - b->drawn ? b->drawn + (int)some : b->count;
    const double begun = worker_seconds();
    TRY(p, "kernel_start", p->model->start(b, p->constants, p->w->stream));
    const basin_worker_status status = read_counters(p, "kernel_start");
    if (status) return status;
    if (worker_seconds() - begun < LAUNCH_SECONDS_LEAST && some < b->count) some *= 2;
    p->queued = p->w->counters->queued;
  }
  for (int t = b->drawn; t < b->count; t++)
    p->undrawn += p->part->outcome[p->first + t] == TRIAL_FRESH;
  p->left = outstanding(p);
  return BASIN_WORKER_OK;
}

/* the batch's arrays onto the device, its starts drawn, its queue filled */
basin_worker_status start_batch(part_run *p) {
  lane_counters *counters = p->w->counters;
  basin_part *part = p->part;
  p->queued = p->live = p->taken = 0;
  p->undrawn = 0;
  flights_mark(part);
  p->fresh = 1;
  p->todo = 0;
  p->furthest = 0;
  for (int64_t f = 0; f < part->flights; f++)
    if (part->flight[f].step > p->furthest) p->furthest = part->flight[f].step;
  for (int64_t t = p->first; t < p->first + p->b.count; t++) {
    p->todo += part->outcome[t] < 0;
    if (part->outcome[t] != TRIAL_FRESH) p->fresh = 0;
  }
  p->left = p->todo;
  if (!p->todo) return BASIN_WORKER_OK;

  basin_worker_status status = batch_upload_all(p);
  if (status) return status;
  memset(counters, 0, sizeof *counters);
  counters->queued = p->queued;
  status = batch_upload(p, p->b.counters, counters, sizeof *counters);
  if (status) return status;
  status = draw_starts(p);
  if (status) return status;
  tell(p, p->todo - p->left, 0);
  return BASIN_WORKER_OK;
}

/* slots of the next launch. A part's share of the device is twice what is its due among the parts under way,
   so that others fill the room of one that comes to its end; parts of more trials go through it by refill. */
int share(const part_run *p, int busy) {
  const int of_block = lane_slots_of_block(&p->b.shape);
  int64_t slots = 2 * (int64_t)p->resident / (busy < SHARES_MOST ? busy : SHARES_MOST);
  if (slots > p->b.slots) slots = p->b.slots;
  if (slots > outstanding(p)) slots = outstanding(p);
  if (slots < p->live) slots = p->live;
  if (slots < 1) slots = 1;
  return (int)((slots + of_block - 1) / of_block * of_block);
}

/* lengthen or shorten the next launch. One that ended early, with its trials, says nothing of how long its blocks
   take. */
void adapt(const part_run *p, double seconds) {
  basin_cuda_worker *w = p->w;
  if (seconds < LAUNCH_SECONDS_LEAST && p->live) {
    if (w->block_steps < BASIN_DECIDE_EVERY) w->block_steps *= 2;
    else if (w->blocks < BLOCKS_MOST) w->blocks *= 2;
  }
  if (seconds > LAUNCH_SECONDS_MOST) {
    if (w->blocks > p->model->blocks_least) w->blocks /= 2;
    else if (p->b.shape.reals && w->block_steps > 1) w->block_steps /= 2;
  }
}

/* one launch of kernel_run: p->live and p->queued say what is left behind it */
basin_worker_status launch(part_run *p) {
  basin_cuda_worker *w = p->w;
  const int busy = worker_busy(w->device, 0), of_warp = LANE_WARP / p->b.shape.team;
  lane_launch l = {};
  l.slots = share(p, busy);
  l.live = p->live;
  l.queued = p->queued;
  l.live_in = (const int *)w->buffer[BUFFER_LIVE_IN].at;
  l.live_out = (int *)w->buffer[BUFFER_LIVE_OUT].at;
  l.blocks = w->blocks;
  l.block_steps = w->block_steps;

  /* idle slots cost nothing while the device has room for them */
  l.quorum = (int64_t)busy * l.slots > p->resident && of_warp > 1 ? of_warp / 2 : 1;

  /* the counters of this launch; where the queue has been taken to, `taken` has run past its end */
  lane_counters *counters = w->counters;
  memset(counters, 0, sizeof *counters);
  counters->queued = p->queued;
  counters->taken = p->taken;
  basin_worker_status status = batch_reach(p, (int64_t)l.blocks * BASIN_DECIDE_EVERY);
  if (status) return status;
  const double begun = worker_seconds();
  status = batch_upload(p, p->b.counters, counters, sizeof *counters);
  if (status) return status;
  TRY(p, "kernel_run", p->model->run(&p->b, &l, p->constants, w->stream));
  status = read_counters(p, "kernel_run");
  if (status) return status;
  const double seconds = worker_seconds() - begun;

  /* who is under way now begins the next launch */
  const worker_buffer out = w->buffer[BUFFER_LIVE_OUT];
  w->buffer[BUFFER_LIVE_OUT] = w->buffer[BUFFER_LIVE_IN];
  w->buffer[BUFFER_LIVE_IN] = out;
  p->live = counters->live;
  p->taken = counters->taken;
  if ((int64_t)counters->furthest > p->furthest || p->taken >= p->queued)
    p->furthest = (int64_t)counters->furthest;
  if (p->taken >= p->queued) p->queued = p->taken = 0;
  tell(p, p->left - outstanding(p), (int64_t)counters->steps);
  p->left = outstanding(p);
  adapt(p, seconds);
  return BASIN_WORKER_OK;
}

/* the observables of what has ended or was recorded, and all outputs back into the part */
basin_worker_status fetch_batch(part_run *p) {
  TRY(p, "kernel_finish", p->model->finish(&p->b, p->constants, p->w->stream));
  if (p->b.recorded && p->b.times && p->b.record_state)
    TRY(p, "kernel_record", p->model->record(&p->b, p->constants, p->w->stream));
  TRY(p, "kernel_finish, kernel_record", worker_wait(p->w)); /* for what fails there has a name */
  p->fetching = 1;
  const basin_worker_status status = batch_fetch(p);
  if (status) return status;
  TRY(p, "copying from the device", worker_wait(p->w));
  return BASIN_WORKER_OK;
}

/* one batch to its end, or to a pause */
basin_worker_status run_batch(part_run *p, int *paused) {
  p->fetching = *paused = 0;
  basin_worker_status status = batch_begin(p);
  if (!status) status = set_take(p);
  if (!status) status = start_batch(p);
  while (!status && outstanding(p) && !*paused) {
    status = launch(p);
    *paused = watch_asks(p->watch, p->pauses) || p->undrawn;
  }
  if (!status && p->todo) status = fetch_batch(p);
  return status;
}

/* the same, halved as long as the device has no memory for it: whatever was done of it is done again */
basin_worker_status run_fitting(part_run *p, int *paused) {
  const int64_t trials = p->told_trials, steps = p->told_steps;
  for (;;) {
    const basin_worker_status status = run_batch(p, paused);
    if (status != BASIN_WORKER_LOST || p->bad != cudaErrorMemoryAllocation || p->fetching ||
        p->b.count <= BATCH_LEAST)
      return status;
    (void)cudaGetLastError();
    TRY(p, p->doing, worker_wait(p->w)); /* nothing may be on its way into the buffers any more */
    worker_free_buffers(p->w);
    p->w->batch_most = p->b.count / 2;
    tell(p, trials - p->told_trials, steps - p->told_steps);
  }
}

/* how many blocks a launch may have is learnt: by lanes once for all, by teams for every cell anew, for the steps
   of another one may take far longer */
void begin_learning(part_run *p) {
  const int64_t cell = p->b.shape.reals ? p->job->cell : -1;
  if (p->w->blocks && p->w->blocks_cell == cell) return;
  p->w->blocks = p->model->blocks_first;
  p->w->block_steps = p->b.shape.reals ? 1 : BASIN_DECIDE_EVERY;
  p->w->blocks_cell = cell;
}

/* how the part's trials lie on the device */
basin_worker_status set_shape(part_run *p) {
  TRY(p, "selecting the device", cudaSetDevice(p->w->device));
  TRY(p, "asking for the occupancy", p->model->shape(p->job->setting, &p->b.shape));
  p->resident = p->b.shape.resident * p->w->multiprocessors;
  return BASIN_WORKER_OK;
}

basin_worker_status run_batches(part_run *p) {
  const basin_worker_status bad = set_shape(p);
  if (bad) return bad;
  begin_learning(p);
  for (p->first = 0; p->first < p->part->count; p->first += p->b.count) {
    int paused;
    const basin_worker_status status = run_fitting(p, &paused);
    if (status) return status;
    const int last = p->first + p->b.count == p->part->count && !outstanding(p);
    if ((watch_asks(p->watch, p->pauses) || p->undrawn) && !last && p->todo)
      return batch_hand_back(p);
  }
  return BASIN_WORKER_OK;
}

/* kernels count the numbers of a trial, and of its scratch, in 32 bits; so that they do: BASIN_WORKER_REFUSED */
basin_worker_status check_size(const part_run *p, basin_error *error) {
  const int64_t numbers = p->job->setting->size.states + p->job->setting->size.work;
  if (numbers <= INT32_MAX) return BASIN_WORKER_OK;
  return worker_fail(error, BASIN_WORKER_REFUSED,
                     "model %s, cell %lld: a trial takes %lld numbers, of which a device counts "
                     "2^31 - 1 at most; --backend cpu takes any",
                     p->job->model->name, (long long)p->job->cell, (long long)numbers);
}

/* which kernel, which part, which trials */
basin_worker_status lost(part_run *p, basin_error *error) {
  worker_wait(p->w); /* no copy may be on its way into the part any more */
  (void)cudaGetLastError();
  tell(p, -p->told_trials, -p->told_steps); /* others run the part from where it was */
  return worker_fail(
      error, p->bad == cudaErrorMemoryAllocation ? BASIN_WORKER_STARVED : BASIN_WORKER_LOST,
      "cuda %d (%s): %s: %s; model %s, cell %lld, trials %lld to %lld, of which %lld "
      "have not ended",
      p->w->device, p->w->name, p->doing, cudaGetErrorString(p->bad), p->job->model->name,
      (long long)p->job->cell, (long long)(p->part->first + p->first),
      (long long)(p->part->first + p->first + p->b.count - 1), (long long)p->left);
}

/* what the part is, and the model's tables; BASIN_WORKER_FAILED where the module has another model */
basin_worker_status set_up(part_run *p, basin_cuda_worker *w, const basin_job *job,
                           basin_part *part, basin_error *error) {
  basin_size size;
  p->model = lane_model_find(job->model, job->setting->gradient.dynamics);
  p->states = job->setting->size.states;
  if (!p->model || !p->model->sizes(job->setting, &size) ||
      memcmp(&size, &job->setting->size, sizeof size) != 0 ||
      p->model->observables != job->model->observed)
    return worker_fail(error, BASIN_WORKER_FAILED,
                       "libbasin_cuda.so was built with another model %s: build it again",
                       job->model->name);
  p->w = w;
  p->job = job;
  p->part = part;
  p->b.finals = job->finals;
  p->b.observables = job->observables;
  p->b.times = job->times;
  p->b.ladders = basin_ladders_of(job);
  p->b.risk = basin_risk_wanted(job);
  return BASIN_WORKER_OK;
}

/* the sizes of all batches */
basin_worker_status need_of_batches(part_run *p) {
  const basin_worker_status status = set_shape(p);
  for (p->first = 0; p->first < p->part->count && !status; p->first += p->b.count) batch_need(p);
  return status;
}

} // namespace

basin_worker_status worker_need(basin_cuda_worker *w, const basin_job *job, int64_t *buffers,
                                int64_t *inputs, basin_error *error) {
  basin_part part = {};
  basin_worker_status status;
  part.first = job->first;
  part.count = job->count;
  part.recorded = basin_job_recorded(job);
  part_run p = {};
  status = set_up(&p, w, job, &part, error);
  if (!status && need_of_batches(&p))
    status = worker_fail(error, BASIN_WORKER_LOST, "cuda %d (%s): %s: %s", w->device, w->name,
                         p.doing, cudaGetErrorString(p.bad));
  *inputs = set_bytes(job->setting);
  *buffers = w->needed;
  return status;
}

basin_worker_status worker_run(basin_cuda_worker *w, const basin_job *job, basin_part *part,
                               basin_watch *watch, basin_error *error) {
  part_run p = {};
  basin_worker_status status = set_up(&p, w, job, part, error);
  if (!status) status = check_size(&p, error);
  if (status) return status;
  p.watch = watch;
  p.pauses = watch_pauses(watch);
  const size_t stages = (size_t)job->setting->stages;
  p.error = error;
  p.constants = calloc(1, p.model->constants_size);
  p.data = (double *)calloc((size_t)job->setting->size.data + 1, sizeof *p.data);
  p.stage_end = (int64_t *)calloc(stages, sizeof *p.stage_end);
  p.stage_pace = (double *)calloc(stages * BASIN_PACES_MAX, sizeof *p.stage_pace);
  status = BASIN_WORKER_FAILED;
  if (p.constants && p.data && p.stage_end && p.stage_pace &&
      p.model->prepare(job->setting, p.constants, p.data, p.stage_end, p.stage_pace)) {
    pace_table_open(&p.table, job->setting, p.constants, p.stage_pace, p.model->paces,
                    &w->buffer[BUFFER_PACES]);
    worker_busy(w->device, 1);
    status = run_batches(&p);
    set_leave(&p);
    worker_busy(w->device, -1);
    pace_table_close(&p.table);
  }
  if (status == BASIN_WORKER_FAILED) worker_fail(error, BASIN_WORKER_FAILED, "out of memory");
  if (status == BASIN_WORKER_LOST) status = lost(&p, error);
  free(p.constants);
  free(p.data);
  free(p.stage_end);
  free(p.stage_pace);
  return status;
}
