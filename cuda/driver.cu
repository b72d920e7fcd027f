/* SPDX-License-Identifier: MIT
 *
 * driver.cu: a part from beginning to end on a device, or to a pause.
 *
 * The part goes over in batches: arrays to the device, kernel_start, launches of kernel_run until no trial is
 * left, kernel_finish and kernel_record, arrays back. Between two launches the host waits for one thing, the
 * counters that say how many trials are left; other workers' streams keep the device busy meanwhile.
 */
#include "worker.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  BATCH_LEAST = 1,  /* trials; a device without memory for that is given up */
  BLOCKS_LEAST = 4, /* of a launch */
  BLOCKS_MOST = 1 << 13,
  SHARES_MOST = 32,            /* a part's share of a device's threads is at least 1 in so many */
  RECORD_STATE_BYTES = 1 << 26 /* of the recorded states of a batch */
};

static const double LAUNCH_SECONDS_LEAST = 0.02, LAUNCH_SECONDS_MOST = 0.1;

namespace {

/* Everything of one call. */
struct part_run {
  basin_cuda_worker *w;
  const lane_model *model;
  const basin_job *job;
  basin_part *part;
  basin_watch *watch;
  int pauses; /* the watch's, when the part came */
  void *constants;
  double *data;

  /* the batch: trials first .. first + b.count - 1 of the part */
  int64_t first;
  lane_batch b;
  int fresh;       /* no trial of it has begun */
  int64_t todo;    /* trials of it that had not ended when it came */
  int64_t left;    /* those that have not ended yet, as far as is known */
  int queued;      /* end of the queue; 0 once all were taken */
  int live, taken; /* after the latest launch */

  int64_t told_trials, told_steps; /* what this call has added to the watch */
  const char *doing;               /* for messages */
  cudaError_t bad;
};

/* a CUDA call: go on, or give the worker up */
#define TRY(p, what, call)                                            \
  do {                                                                \
    (p)->doing = (what);                                              \
    if (((p)->bad = (call)) != cudaSuccess) return BASIN_WORKER_LOST; \
  } while (0)

double seconds_now() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- device memory ---- */

size_t buffer_bytes(const part_run *p, int buffer) {
  const lane_batch *b = &p->b;
  const size_t n = (size_t)b->count, recorded = (size_t)b->recorded * (size_t)b->times;
  switch (buffer) {
  case BUFFER_DATA:
    return (size_t)p->model->data_size(p->job->setting) * sizeof(double);
  case BUFFER_TIME:
    return (size_t)b->times * sizeof(int64_t);
  case BUFFER_INDEX:
    return (size_t)(b->finals + b->observables) * sizeof(int);
  case BUFFER_OUTCOME:
    return n * sizeof(int8_t);
  case BUFFER_STEPS:
    return n * sizeof(int64_t);
  case BUFFER_FINAL:
    return n * (size_t)b->finals * sizeof(double);
  case BUFFER_RECORD:
    return recorded * (size_t)b->observables * sizeof(double);
  case BUFFER_RECORD_STATE:
    return recorded * (size_t)p->model->states * sizeof(double);
  case BUFFER_STATE:
    return n * (size_t)p->model->states * sizeof(double);
  case BUFFER_COUNTERS:
    return sizeof(lane_counters);
  default:
    return n * sizeof(int); /* the queue and the lists of trials under way */
  }
}

/* all buffers for the batch, or what the runtime says */
cudaError_t make_room(part_run *p) {
  for (int i = 0; i < BUFFERS; i++) {
    worker_buffer *buffer = &p->w->buffer[i];
    const size_t bytes = buffer_bytes(p, i);
    if (bytes <= buffer->bytes) continue;
    cudaError_t bad = buffer->at ? cudaFree(buffer->at) : cudaSuccess;
    *buffer = worker_buffer{};
    if (!bad) bad = cudaMalloc(&buffer->at, bytes);
    if (bad) {
      buffer->at = NULL;
      return bad;
    }
    buffer->bytes = bytes;
  }
  return cudaSuccess;
}

/* the size of the batch that begins at p->first, as far as `most` and the recorded states allow */
void size_batch(part_run *p, int64_t most) {
  const int64_t rest = p->part->recorded - p->first;
  const int64_t row = p->job->times * p->model->states * (int64_t)sizeof(double);
  int64_t n = p->part->count - p->first;
  if (n > most) n = most;
  if (rest > 0 && row > 0 && n * row > RECORD_STATE_BYTES && rest * row > RECORD_STATE_BYTES)
    n = RECORD_STATE_BYTES / row > 1 ? RECORD_STATE_BYTES / row : 1;
  p->b.count = (int)n;
  p->b.recorded = rest < 0 ? 0 : (int)(rest < n ? rest : n);
}

/* the batch that begins at p->first, halved until it fits into the device's memory */
basin_status begin_batch(part_run *p) {
  basin_cuda_worker *w = p->w;
  lane_batch *b = &p->b;
  b->first = (uint64_t)(p->part->first + p->first);
  for (;;) {
    size_batch(p, w->batch_most);
    p->doing = "allocating device memory";
    p->bad = make_room(p);
    if (p->bad != cudaErrorMemoryAllocation || b->count <= BATCH_LEAST) break;
    (void)cudaGetLastError();
    worker_free_buffers(w);
    w->batch_most = b->count / 2;
  }
  if (p->bad) return BASIN_WORKER_LOST;
  b->data = (const double *)w->buffer[BUFFER_DATA].at;
  b->time = (const int64_t *)w->buffer[BUFFER_TIME].at;
  b->final_of = (const int *)w->buffer[BUFFER_INDEX].at;
  b->observable_of = b->final_of + b->finals;
  b->outcome = (int8_t *)w->buffer[BUFFER_OUTCOME].at;
  b->steps = (int64_t *)w->buffer[BUFFER_STEPS].at;
  b->final_value = (double *)w->buffer[BUFFER_FINAL].at;
  b->record = (double *)w->buffer[BUFFER_RECORD].at;
  b->record_state = (double *)w->buffer[BUFFER_RECORD_STATE].at;
  b->state = (double *)w->buffer[BUFFER_STATE].at;
  b->queue = (int *)w->buffer[BUFFER_QUEUE].at;
  b->counters = (lane_counters *)w->buffer[BUFFER_COUNTERS].at;
  return BASIN_OK;
}

/* ---- copies ---- */

basin_status upload(part_run *p, void *to, const void *from, size_t bytes) {
  if (bytes)
    TRY(p, "copying to the device",
        cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, p->w->stream));
  return BASIN_OK;
}

/* one array of the batch, to the device or back; where nothing has begun every bit is set, as in the part */
basin_status move(part_run *p, int back, void *device, void *host, size_t bytes) {
  if (!bytes) return BASIN_OK;
  if (back)
    TRY(p, "copying from the device",
        cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, p->w->stream));
  else if (p->fresh)
    TRY(p, "clearing device memory", cudaMemsetAsync(device, 0xff, bytes, p->w->stream));
  else return upload(p, device, host, bytes);
  return BASIN_OK;
}

/* the outputs of the batch: the part's rows go over one by one, for a batch may be a piece of them */
basin_status move_outputs(part_run *p, int back) {
  const basin_part *part = p->part;
  const lane_batch *b = &p->b;
  const size_t n = (size_t)b->count, rows = (size_t)b->recorded * (size_t)b->times,
               states = (size_t)p->model->states;
  basin_status status = move(p, back, b->outcome, part->outcome + p->first, n);
  if (!status) status = move(p, back, b->steps, part->steps + p->first, n * sizeof(int64_t));
  for (int i = 0; i < b->finals && !status; i++)
    status = move(p, back, b->final_value + (size_t)i * n, part->final + i * part->count + p->first,
                  n * sizeof(double));
  for (int i = 0; i < b->observables && rows && !status; i++)
    status = move(p, back, b->record + (size_t)i * rows,
                  part->record + (i * part->recorded + p->first) * b->times, rows * sizeof(double));
  if (status || !rows) return status;
  if (b->keep_states)
    return move(p, back, b->record_state, part->state + p->first * b->times * (int64_t)states,
                rows * states * sizeof(double));
  if (!back)
    TRY(p, "clearing device memory",
        cudaMemsetAsync(b->record_state, 0xff, rows * states * sizeof(double), p->w->stream));
  return BASIN_OK;
}

/* what the kernels read beside the outputs */
basin_status upload_constants(part_run *p) {
  const basin_job *job = p->job;
  const lane_batch *b = &p->b;
  const size_t finals = (size_t)b->finals * sizeof(int);
  basin_status status = upload(p, (void *)b->data, p->data, buffer_bytes(p, BUFFER_DATA));
  if (!status) status = upload(p, (void *)b->time, job->time, buffer_bytes(p, BUFFER_TIME));
  if (!status) status = upload(p, (void *)b->final_of, job->final, finals);
  if (!status)
    status = upload(p, (void *)b->observable_of, job->observable,
                    (size_t)b->observables * sizeof(int));
  return status;
}

/* ---- trials under way from one run to the next ---- */

/* the batch's flights onto the device: they head the queue */
basin_status upload_flights(part_run *p) {
  const basin_part *part = p->part;
  const lane_batch *b = &p->b;
  const int64_t n = b->count, states = p->model->states;
  double *state = (double *)malloc((size_t)(n * states) * sizeof *state);
  int64_t *steps = (int64_t *)malloc((size_t)n * sizeof *steps);
  int *queue = (int *)malloc((size_t)n * sizeof *queue);
  basin_status status = state && steps && queue ? BASIN_OK : BASIN_FAILED;
  for (int64_t t = 0; t < n && !status; t++) steps[t] = part->steps[p->first + t];
  if (!status) memset(state, 0, (size_t)(n * states) * sizeof *state);
  for (int64_t f = 0; f < part->flights && !status; f++) {
    const int64_t trial = part->flight[f].trial - p->first;
    if (trial < 0 || trial >= n) continue;
    queue[p->queued++] = (int)trial;
    steps[trial] = part->flight[f].step;
    for (int64_t i = 0; i < states; i++) state[i * n + trial] = part->flight_state[f * states + i];
  }
  if (!status) status = upload(p, b->state, state, (size_t)(n * states) * sizeof *state);
  if (!status) status = upload(p, b->steps, steps, (size_t)n * sizeof *steps);
  if (!status) status = upload(p, b->queue, queue, (size_t)p->queued * sizeof *queue);
  p->doing = "copying to the device";
  const cudaError_t bad = worker_wait(p->w); /* before the arrays go */
  if (!status && (p->bad = bad) != cudaSuccess) status = BASIN_WORKER_LOST;
  free(state);
  free(steps);
  free(queue);
  return status;
}

/* hand back the trials of this batch that have taken steps, and the flights of the batches behind it. The lists
   and the states are read from the device; live and queued are 0 where the batch is done. */
basin_status hand_back(part_run *p) {
  basin_part *part = p->part;
  const lane_batch *b = &p->b;
  basin_cuda_worker *w = p->w;
  const int64_t n = b->count, states = p->model->states;
  const int waiting = p->queued > p->taken ? p->queued - p->taken : 0;
  const int64_t most = p->live + waiting + part->flights;
  int *list = (int *)malloc((size_t)(p->live + waiting + 1) * sizeof *list);
  double *from = (double *)malloc((size_t)(n * states) * sizeof *from);
  basin_flight *flight = (basin_flight *)malloc((size_t)(most + 1) * sizeof *flight);
  double *state = (double *)malloc((size_t)(most * states + 1) * sizeof *state);
  basin_status status = list && from && flight && state ? BASIN_OK : BASIN_FAILED;
  int64_t flights = 0;
  p->fresh = 0;
  if (!status)
    status = move(p, 1, w->buffer[BUFFER_LIVE_IN].at, list, (size_t)p->live * sizeof *list);
  if (!status)
    status = move(p, 1, b->queue + p->taken, list + p->live, (size_t)waiting * sizeof *list);
  if (!status) status = move(p, 1, b->state, from, (size_t)(n * states) * sizeof *from);
  if (!status) {
    p->doing = "copying from the device";
    p->bad = worker_wait(w);
    if (p->bad) status = BASIN_WORKER_LOST;
  }
  for (int i = 0; i < p->live + waiting && !status; i++) {
    const int64_t trial = list[i], step = part->steps[p->first + trial];
    if (step == 0) continue; /* drawn, and has waited since: to be drawn again */
    flight[flights].trial = p->first + trial;
    flight[flights].step = step;
    for (int64_t s = 0; s < states; s++) state[flights * states + s] = from[s * n + trial];
    flights++;
  }
  for (int64_t f = 0; f < part->flights && !status; f++) {
    if (part->flight[f].trial < p->first + n) continue;
    flight[flights] = part->flight[f];
    memcpy(state + flights * states, part->flight_state + f * states,
           (size_t)states * sizeof *state);
    flights++;
  }
  free(list);
  free(from);
  if (status) {
    free(flight);
    free(state);
    return status;
  }
  free(part->flight);
  free(part->flight_state);
  part->flight = flight;
  part->flight_state = state;
  part->flights = flights;
  return BASIN_INTERRUPTED;
}

/* ---- launches ---- */

/* what the kernels have counted: the one thing the host waits for */
basin_status read_counters(part_run *p, const char *kernel) {
  TRY(p, kernel,
      cudaMemcpyAsync(p->w->counters, p->b.counters, sizeof(lane_counters), cudaMemcpyDeviceToHost,
                      p->w->stream));
  TRY(p, kernel, worker_wait(p->w));
  return BASIN_OK;
}

/* tell the watch what has been done since the last time */
void tell(part_run *p, int64_t ended, int64_t steps) {
  __atomic_add_fetch(&p->watch->trials, ended, __ATOMIC_RELAXED);
  __atomic_add_fetch(&p->watch->trial_steps, steps, __ATOMIC_RELAXED);
  p->told_trials += ended;
  p->told_steps += steps;
}

int64_t outstanding(const part_run *p) {
  return p->live + (p->queued > p->taken ? p->queued - p->taken : 0);
}

/* the batch's arrays onto the device, its starts drawn, its queue filled */
basin_status start_batch(part_run *p) {
  lane_counters *counters = p->w->counters;
  basin_part *part = p->part;
  p->queued = p->live = p->taken = 0;
  for (int64_t f = 0; f < part->flights; f++) part->outcome[part->flight[f].trial] = UNDER_WAY;
  p->fresh = 1;
  p->todo = 0;
  for (int64_t t = p->first; t < p->first + p->b.count; t++) {
    p->todo += part->outcome[t] < 0;
    if (part->outcome[t] != -1) p->fresh = 0;
  }
  p->left = p->todo;
  if (!p->todo) return BASIN_OK;

  basin_status status = move_outputs(p, 0);
  if (!status) status = upload_constants(p);
  if (!status && !p->fresh) status = upload_flights(p);
  if (status) return status;
  memset(counters, 0, sizeof *counters);
  counters->queued = p->queued;
  status = upload(p, p->b.counters, counters, sizeof *counters);
  if (status) return status;
  TRY(p, "kernel_start", p->model->start(&p->b, p->constants, p->w->stream));
  status = read_counters(p, "kernel_start");
  if (status) return status;
  p->queued = counters->queued;
  p->left = outstanding(p);
  tell(p, p->todo - p->left, 0);
  return BASIN_OK;
}

/* threads of the next launch. A part's share of the device is twice what is its due among the parts under way,
   so that others fill the room of one that comes to its end; parts of more trials go through it by refill. */
int share(const part_run *p, int resident, int busy) {
  int64_t threads = 2 * (int64_t)resident / (busy < SHARES_MOST ? busy : SHARES_MOST);
  if (threads > outstanding(p)) threads = outstanding(p);
  if (threads < p->live) threads = p->live;
  return (int)((threads + LANE_BLOCK - 1) / LANE_BLOCK * LANE_BLOCK);
}

/* one launch of kernel_run: p->live and p->queued say what is left behind it */
basin_status launch(part_run *p, int resident) {
  basin_cuda_worker *w = p->w;
  const int busy = worker_busy(w->device, 0);
  lane_launch l = {};
  l.threads = share(p, resident, busy);
  l.live = p->live;
  l.queued = p->queued;
  l.live_in = (const int *)w->buffer[BUFFER_LIVE_IN].at;
  l.live_out = (int *)w->buffer[BUFFER_LIVE_OUT].at;
  l.blocks = w->blocks;

  /* idle threads cost nothing while the device has room for them */
  l.quorum = (int64_t)busy * l.threads > resident ? LANE_WARP / 2 : 1;

  /* the counters of this launch; where the queue has been taken to, `taken` has run past its end */
  lane_counters *counters = w->counters;
  memset(counters, 0, sizeof *counters);
  counters->queued = p->queued;
  counters->taken = p->taken;
  const double begun = seconds_now();
  basin_status status = upload(p, p->b.counters, counters, sizeof *counters);
  if (status) return status;
  TRY(p, "kernel_run", p->model->run(&p->b, &l, p->constants, w->stream));
  status = read_counters(p, "kernel_run");
  if (status) return status;
  const double seconds = seconds_now() - begun;

  /* who is under way now begins the next launch */
  const worker_buffer out = w->buffer[BUFFER_LIVE_OUT];
  w->buffer[BUFFER_LIVE_OUT] = w->buffer[BUFFER_LIVE_IN];
  w->buffer[BUFFER_LIVE_IN] = out;
  p->live = counters->live;
  p->taken = counters->taken;
  if (p->taken >= p->queued) p->queued = p->taken = 0;
  tell(p, p->left - outstanding(p), (int64_t)counters->steps);
  p->left = outstanding(p);
  /* a launch that ended early, with its trials, says nothing of how long its blocks take */
  if (seconds < LAUNCH_SECONDS_LEAST && p->live && w->blocks < BLOCKS_MOST) w->blocks *= 2;
  if (seconds > LAUNCH_SECONDS_MOST && w->blocks > BLOCKS_LEAST) w->blocks /= 2;
  return BASIN_OK;
}

/* the observables of what has ended or was recorded, and all outputs back into the part */
basin_status fetch_batch(part_run *p) {
  TRY(p, "kernel_finish", p->model->finish(&p->b, p->constants, p->w->stream));
  if (p->b.recorded && p->b.times)
    TRY(p, "kernel_record", p->model->record(&p->b, p->constants, p->w->stream));
  const basin_status status = move_outputs(p, 1);
  if (status) return status;
  TRY(p, "kernel_finish, kernel_record", worker_wait(p->w));
  return BASIN_OK;
}

int asked_to_pause(const part_run *p) {
  return __atomic_load_n(&p->watch->stop, __ATOMIC_RELAXED) ||
         __atomic_load_n(&p->watch->pauses, __ATOMIC_RELAXED) != p->pauses;
}

basin_status run_batches(part_run *p) {
  int resident = 0;
  TRY(p, "selecting the device", cudaSetDevice(p->w->device));
  TRY(p, "asking for the occupancy", p->model->resident(&resident));
  resident *= p->w->multiprocessors;
  for (p->first = 0; p->first < p->part->count; p->first += p->b.count) {
    basin_status status = begin_batch(p);
    if (!status) status = start_batch(p);
    int paused = 0;
    while (!status && outstanding(p) && !paused) {
      status = launch(p, resident);
      paused = asked_to_pause(p);
    }
    if (!status && p->todo) status = fetch_batch(p);
    if (status) return status;
    const int last = p->first + p->b.count == p->part->count && !outstanding(p);
    if (asked_to_pause(p) && !last && p->todo) return hand_back(p);
  }
  return BASIN_OK;
}

/* which kernel, which part, which trials */
basin_status lost(part_run *p, basin_error *error) {
  worker_wait(p->w); /* no copy may be on its way into the part any more */
  (void)cudaGetLastError();
  tell(p, -p->told_trials, -p->told_steps); /* others run the part from where it was */
  return worker_fail(
      error, BASIN_WORKER_LOST,
      "cuda %d (%s): %s: %s; model %s, cell %lld, trials %lld to %lld, of which %lld "
      "have not ended",
      p->w->device, p->w->name, p->doing, cudaGetErrorString(p->bad), p->model->name,
      (long long)p->job->cell, (long long)(p->part->first + p->first),
      (long long)(p->part->first + p->first + p->b.count - 1), (long long)p->left);
}

} // namespace

void worker_free_buffers(basin_cuda_worker *w) {
  for (worker_buffer &buffer : w->buffer) {
    if (buffer.at) cudaFree(buffer.at);
    buffer = worker_buffer{};
  }
}

basin_status worker_run(basin_cuda_worker *w, const basin_job *job, basin_part *part,
                        basin_watch *watch, basin_error *error) {
  part_run p = {};
  p.model = lane_model_find(job->model->name);
  if (!p.model || p.model->states != basin_states(job->model, job->setting) ||
      p.model->observables != job->model->observables)
    return worker_fail(error, BASIN_FAILED,
                       "libbasin_cuda.so was built without this model %s: build it again",
                       job->model->name);
  p.w = w;
  p.job = job;
  p.part = part;
  p.watch = watch;
  p.pauses = __atomic_load_n(&watch->pauses, __ATOMIC_RELAXED);
  p.b.finals = job->finals;
  p.b.observables = job->observables;
  p.b.keep_states = job->keep_states;
  p.b.times = job->times;
  p.constants = calloc(1, p.model->constants_size);
  p.data = (double *)calloc((size_t)p.model->data_size(job->setting) + 1, sizeof *p.data);
  basin_status status = BASIN_FAILED;
  if (p.constants && p.data) {
    p.model->prepare(job->setting, p.constants, p.data);
    worker_busy(w->device, 1);
    status = run_batches(&p);
    worker_busy(w->device, -1);
  }
  if (status == BASIN_FAILED) worker_fail(error, BASIN_FAILED, "out of memory");
  if (status == BASIN_WORKER_LOST) lost(&p, error);
  free(p.constants);
  free(p.data);
  return status;
}
