/* SPDX-License-Identifier: MIT
 *
 * batch.cu: a batch's memory on the device, and the copies to it and back.
 */
#include "lanes/call.h"
#include <stdlib.h>
#include <string.h>

enum {
  RECORD_STATE_BYTES = 1 << 26, /* of the recorded states of a batch */
  STATE_BYTES = 1 << 28,        /* of its trials' states, and of their passages */
  MEMORY_BYTES = 1 << 28,       /* of the slots' memory, where it is the device's */
  WIDE_SHARE = 128,     /* of the device's memory, where slots are wide: for some 32 workers */
  MOVED_BYTES = 1 << 20 /* of the states that go over at a time, of trials under way */
};

namespace {

/* ---- device memory ---- */

/* trials of whose states there is room in BUFFER_MOVED */
int64_t moved_at_once(const part_run *p) {
  const int64_t most = MOVED_BYTES / (p->states * (int64_t)sizeof(double));
  return most < 1 ? 1 : most < p->b.count ? most : p->b.count;
}

/* bytes of slots, or of states: at most so many, or where slots are wide a share of what the device has */
int64_t most_bytes(const part_run *p, int64_t bytes) {
  const int64_t share = p->w->memory / WIDE_SHARE;
  return lane_is_wide(&p->b.shape) && share > bytes ? share : bytes;
}

/* whether states are recorded, of which kernel_record makes the observables */
int records_states(const part_run *p) { return p->job->keep_states || !lane_is_wide(&p->b.shape); }

size_t buffer_bytes(const part_run *p, int buffer) {
  const lane_batch *b = &p->b;
  const size_t n = (size_t)b->count, recorded = (size_t)b->recorded * (size_t)b->times;
  switch (buffer) {
  case BUFFER_DATA:
    return (size_t)p->job->setting->size.data * sizeof(double);
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
    return records_states(p) ? recorded * (size_t)p->states * sizeof(double) : 0;
  case BUFFER_PASSAGE:
    return n * (size_t)p->job->passages * sizeof(int64_t);
  case BUFFER_PASSAGE_OF:
    return (size_t)p->job->passages * sizeof(basin_passage);
  case BUFFER_WHEN:
    return p->job->setting->stop.when ? sizeof(basin_condition) : 0;
  case BUFFER_STATE:
    return n * (size_t)p->states * sizeof(double);
  case BUFFER_COUNTERS:
    return sizeof(lane_counters);
  case BUFFER_STAGE_END:
    return (size_t)p->job->setting->stages * sizeof(int64_t);
  case BUFFER_STAGE_PACE:
    return (size_t)p->job->setting->stages * BASIN_PACES_MAX * sizeof(double);
  case BUFFER_PACES: /* grows with the steps that are taken: batch_reach */
    return 0;
  case BUFFER_MEMORY:
    return (size_t)(b->slots * lane_slot_bytes(&b->shape));
  case BUFFER_MOVED:
    return (size_t)moved_at_once(p) * (size_t)p->states * sizeof(double);
  default:
    return n * sizeof(int); /* the queue and the lists of trials under way */
  }
}

/* all buffers for the batch, or what the runtime says */
cudaError_t make_room(part_run *p) {
  for (int i = 0; i < BUFFERS; i++) {
    const cudaError_t bad = buffer_grow(&p->w->buffer[i], buffer_bytes(p, i));
    if (bad) return bad;
  }
  return cudaSuccess;
}

/* the size of the batch that begins at p->first, as far as the worker, the states and what is recorded of them allow */
void size_batch(part_run *p) {
  const int64_t rest = p->part->recorded - p->first;
  const int64_t state = p->states * (int64_t)sizeof(double),
                row = records_states(p) ? p->job->times * state : 0,
                passages = p->job->passages * (int64_t)sizeof(int64_t),
                states_most = most_bytes(p, STATE_BYTES);
  int64_t n = p->part->count - p->first;
  if (n > p->w->batch_most) n = p->w->batch_most;
  if (n > states_most / state) n = states_most / state > 1 ? states_most / state : 1;
  if (passages > 0 && n > STATE_BYTES / passages) n = STATE_BYTES / passages;
  if (rest > 0 && row > 0 && n * row > RECORD_STATE_BYTES && rest * row > RECORD_STATE_BYTES)
    n = RECORD_STATE_BYTES / row > 1 ? RECORD_STATE_BYTES / row : 1;
  p->b.count = (int)n;
  p->b.recorded = rest < 0 ? 0 : (int)(rest < n ? rest : n);
}

/* slots that a launch of the batch can have: twice as many as the device holds, if there is memory for them */
void size_slots(part_run *p) {
  const int of_block = lane_slots_of_block(&p->b.shape);
  const int64_t bytes = lane_slot_bytes(&p->b.shape), most = most_bytes(p, MEMORY_BYTES);
  int64_t slots = 2 * (int64_t)p->resident;
  if (slots > p->b.count) slots = p->b.count;
  if (bytes && slots > most / bytes) slots = most / bytes;
  if (slots < 1) slots = 1;
  p->b.slots = (int)((slots + of_block - 1) / of_block * of_block);
}

} // namespace

void worker_free_buffers(basin_cuda_worker *w) {
  for (worker_buffer &buffer : w->buffer) buffer_free(&buffer);
}

void batch_need(part_run *p) {
  size_batch(p);
  size_slots(p);
  for (int i = 0; i < BUFFERS; i++) buffer_need(p->w, &p->w->buffer[i], buffer_bytes(p, i));
  buffer_need(p->w, &p->w->buffer[BUFFER_PACES], pace_table_bytes(p->job->setting));
}

basin_worker_status batch_begin(part_run *p) {
  basin_cuda_worker *w = p->w;
  lane_batch *b = &p->b;
  b->first = (uint64_t)(p->part->first + p->first);
  size_batch(p);
  size_slots(p);
  TRY(p, "allocating device memory", make_room(p));
  b->data = (const double *)w->buffer[BUFFER_DATA].at;
  b->time = (const int64_t *)w->buffer[BUFFER_TIME].at;
  b->final_of = (const int *)w->buffer[BUFFER_INDEX].at;
  b->observable_of = b->final_of + b->finals;
  b->outcome = (int8_t *)w->buffer[BUFFER_OUTCOME].at;
  b->steps = (int64_t *)w->buffer[BUFFER_STEPS].at;
  b->final_value = (double *)w->buffer[BUFFER_FINAL].at;
  b->record = (double *)w->buffer[BUFFER_RECORD].at;
  b->record_state = records_states(p) ? (double *)w->buffer[BUFFER_RECORD_STATE].at : NULL;
  b->state = (double *)w->buffer[BUFFER_STATE].at;
  b->passage = (int64_t *)w->buffer[BUFFER_PASSAGE].at;
  b->passage_of = (const basin_passage *)w->buffer[BUFFER_PASSAGE_OF].at;
  b->when = p->job->setting->stop.when ? (const basin_condition *)w->buffer[BUFFER_WHEN].at : NULL;
  b->queue = (int *)w->buffer[BUFFER_QUEUE].at;
  b->counters = (lane_counters *)w->buffer[BUFFER_COUNTERS].at;
  b->memory = (double *)w->buffer[BUFFER_MEMORY].at;
  b->stage_end = (const int64_t *)w->buffer[BUFFER_STAGE_END].at;
  b->stage_pace = (const double *)w->buffer[BUFFER_STAGE_PACE].at;
  b->moves = basin_schedule_moves(p->job->setting);
  if (!w->buffer[BUFFER_PACES].at) pace_table_forget(&p->table);
  return BASIN_WORKER_OK;
}

basin_worker_status batch_reach(part_run *p, int64_t steps) {
  const int64_t from = p->furthest > p->table.known.from ? p->furthest : p->table.known.from;
  if (!p->b.moves) return BASIN_WORKER_OK;
  if (p->furthest >= p->table.bad) {
    basin_setting_explain(p->job->setting, p->table.bad, p->error);
    return BASIN_WORKER_REFUSED;
  }
  return worker_table(pace_table_reach(&p->table, from + steps, &p->b.paces, p->w->stream, &p->bad),
                      &p->doing, p->error);
}

/* ---- copies ---- */

basin_worker_status batch_upload(part_run *p, void *to, const void *from, size_t bytes) {
  if (bytes)
    TRY(p, "copying to the device",
        cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, p->w->stream));
  return BASIN_WORKER_OK;
}

namespace {

/* one array of the batch, to the device or back; where nothing has begun every bit is set, as in the part */
basin_worker_status move(part_run *p, int back, void *device, void *host, size_t bytes) {
  if (!bytes) return BASIN_WORKER_OK;
  if (back)
    TRY(p, "copying from the device",
        cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, p->w->stream));
  else if (p->fresh)
    TRY(p, "clearing device memory", cudaMemsetAsync(device, 0xff, bytes, p->w->stream));
  else return batch_upload(p, device, host, bytes);
  return BASIN_WORKER_OK;
}

/* The outputs of the batch, as the table of a part's arrays has them: rows go over one by one, for a batch may be a
   piece of them. What the device has no array for is not the engine's. */
basin_worker_status move_outputs(part_run *p, int back) {
  basin_part *part = p->part;
  const basin_job *job = p->job;
  const lane_batch *b = &p->b;
  void *outcome = b->outcome, *steps = b->steps, *final = b->final_value, *record = b->record,
       *state = b->record_state, *passage = b->passage, *halvings = NULL, *estimate = NULL,
       *point = NULL,
       *end = back ? b->state : NULL; /* trials that have ended stay where they are */
  const int64_t count = b->count, recorded = b->recorded;
  basin_worker_status status = BASIN_WORKER_OK;
#define MOVE(name, type, outer, trials, inner)                          \
  for (int64_t o = 0; name && o < (outer) && !status; o++)              \
    status = move(p, back, (type *)name + o * trials * (inner),         \
                  part->name + (o * part->trials + p->first) * (inner), \
                  (size_t)(trials * (inner)) * sizeof(type));
  BASIN_PART_ARRAYS(MOVE, job)
#undef MOVE
  if (status || back || job->keep_states) return status;

  /* the states are recorded in any case, for kernel_record */
  const size_t bytes = buffer_bytes(p, BUFFER_RECORD_STATE);
  if (bytes)
    TRY(p, "clearing device memory", cudaMemsetAsync(b->record_state, 0xff, bytes, p->w->stream));
  return BASIN_WORKER_OK;
}

/* what the kernels read beside the outputs */
basin_worker_status upload_constants(part_run *p) {
  const basin_job *job = p->job;
  const lane_batch *b = &p->b;
  const size_t finals = (size_t)b->finals * sizeof(int);
  basin_worker_status status = batch_upload(p, (void *)b->data, p->data,
                                            buffer_bytes(p, BUFFER_DATA));
  if (!status) status = batch_upload(p, (void *)b->time, job->time, buffer_bytes(p, BUFFER_TIME));
  if (!status)
    status = batch_upload(p, (void *)b->stage_end, p->stage_end, buffer_bytes(p, BUFFER_STAGE_END));
  if (!status)
    status = batch_upload(p, (void *)b->stage_pace, p->stage_pace,
                          buffer_bytes(p, BUFFER_STAGE_PACE));
  if (!status) status = batch_upload(p, (void *)b->final_of, job->final, finals);
  if (!status)
    status = batch_upload(p, (void *)b->observable_of, job->observable,
                          (size_t)b->observables * sizeof(int));
  if (!status)
    status = batch_upload(p, (void *)b->passage_of, job->passage,
                          buffer_bytes(p, BUFFER_PASSAGE_OF));
  if (!status)
    status = batch_upload(p, (void *)b->when, job->setting->stop.when,
                          buffer_bytes(p, BUFFER_WHEN));
  return status;
}

/* ---- trials under way from one run to the next ---- */

/* States of the trials in the list, [trials][states], into the batch's, [states][count], or out of them. */
template <bool OUT>
__global__ void __launch_bounds__(LANE_BLOCK)
    kernel_move(double *state, int64_t count, const int *list, int64_t trials, int64_t states,
                double *moved) {
  const int64_t step = (int64_t)gridDim.x * blockDim.x, numbers = trials * states;
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < numbers; i += step) {
    double *one = &state[i % states * count + list[i / states]];
    if (OUT) moved[i] = *one;
    else *one = moved[i];
  }
}

/* of the trials whose list begins at `list`, on the device: to BUFFER_MOVED, or from there */
template <bool OUT> basin_worker_status move_states(part_run *p, const int *list, int64_t trials) {
  const int64_t blocks_most = 1024;
  double *state = p->b.state, *moved = (double *)p->w->buffer[BUFFER_MOVED].at;
  int64_t count = p->b.count, states = p->states;
  const int64_t blocks = (trials * states + LANE_BLOCK - 1) / LANE_BLOCK;
  void *argument[] = {&state, &count, &list, &trials, &states, &moved};
  TRY(p, "kernel_move",
      cudaLaunchKernel(kernel_move<OUT>,
                       dim3((unsigned)(blocks < blocks_most ? blocks : blocks_most)),
                       dim3(LANE_BLOCK), argument, 0, p->w->stream));
  return BASIN_WORKER_OK;
}

/* the flights of the batch: their trials into `trial`, their numbers among the part's into `flight`, and their steps */
void list_flights(part_run *p, int *trial, int64_t *flight, int64_t *steps) {
  const basin_part *part = p->part;
  memcpy(steps, part->steps + p->first, (size_t)p->b.count * sizeof *steps);
  for (int64_t f = 0; f < part->flights; f++) {
    const int64_t at = part->flight[f].trial - p->first;
    if (at < 0 || at >= p->b.count) continue;
    trial[p->queued] = (int)at;
    flight[p->queued++] = f;
    steps[at] = part->flight[f].step;
  }
}

/* the states of the flights, some at a time: `some` has room for them */
basin_worker_status send_states(part_run *p, const int64_t *flight, double *some) {
  const int64_t most = moved_at_once(p);
  const size_t state = (size_t)p->states * sizeof *some;
  basin_worker_status status = BASIN_WORKER_OK;
  for (int64_t f = 0; f < p->queued && !status; f += most) {
    const int64_t n = p->queued - f < most ? p->queued - f : most;
    for (int64_t i = 0; i < n; i++)
      memcpy(some + i * p->states, p->part->flight_state + flight[f + i] * p->states, state);
    status = batch_upload(p, p->w->buffer[BUFFER_MOVED].at, some, (size_t)n * state);
    if (!status) status = move_states<false>(p, p->b.queue + f, n);
    if (!status) TRY(p, "kernel_move", worker_wait(p->w)); /* before the next take their place */
  }
  return status;
}

/* the batch's flights onto the device: they head the queue */
basin_worker_status upload_flights(part_run *p) {
  const lane_batch *b = &p->b;
  const size_t n = (size_t)b->count;
  double *some = (double *)malloc(buffer_bytes(p, BUFFER_MOVED));
  int64_t *steps = (int64_t *)malloc(2 * n * sizeof *steps);
  int *queue = (int *)malloc(n * sizeof *queue);
  basin_worker_status status = some && steps && queue ? BASIN_WORKER_OK : BASIN_WORKER_FAILED;
  if (!status) list_flights(p, queue, steps + n, steps);
  if (!status) status = batch_upload(p, b->steps, steps, n * sizeof *steps);
  if (!status) status = batch_upload(p, b->queue, queue, (size_t)p->queued * sizeof *queue);
  if (!status) status = send_states(p, steps + n, some);
  const cudaError_t bad = worker_wait(p->w); /* before the arrays go */
  if (!status && (p->bad = bad) != cudaSuccess) status = BASIN_WORKER_LOST;
  free(some);
  free(steps);
  free(queue);
  return status;
}

} // namespace

basin_worker_status batch_upload_all(part_run *p) {
  basin_worker_status status = move_outputs(p, 0);
  if (!status) status = upload_constants(p);
  if (!status && !p->fresh && p->job->keep_ends) /* all of them are fetched in the end */
    TRY(p, "clearing device memory",
        cudaMemsetAsync(p->b.state, 0, buffer_bytes(p, BUFFER_STATE), p->w->stream));
  if (!status && !p->fresh) status = upload_flights(p);
  return status;
}

basin_worker_status batch_fetch(part_run *p) { return move_outputs(p, 1); }

namespace {

/* the states of the trials in the list, gathered on the device, some at a time */
basin_worker_status fetch_states(part_run *p, const int *list, int64_t trials, double *state) {
  const int64_t most = moved_at_once(p);
  int *on_device = (int *)p->w->buffer[BUFFER_LIVE_OUT].at; /* which nobody reads any more */
  basin_worker_status status = batch_upload(p, on_device, list, (size_t)trials * sizeof *list);
  for (int64_t f = 0; f < trials && !status; f += most) {
    const int64_t n = trials - f < most ? trials - f : most;
    status = move_states<true>(p, on_device + f, n);
    if (!status)
      status = move(p, 1, p->w->buffer[BUFFER_MOVED].at, state + f * p->states,
                    (size_t)(n * p->states) * sizeof *state);
  }
  if (!status) TRY(p, "copying from the device", worker_wait(p->w));
  return status;
}

/* the trials that are under way or wait, into `list`; how many of them have taken steps: those come first */
basin_worker_status list_trials(part_run *p, int waiting, int *list, int64_t *begun) {
  basin_worker_status status = move(p, 1, p->w->buffer[BUFFER_LIVE_IN].at, list,
                                    (size_t)p->live * sizeof *list);
  if (!status)
    status = move(p, 1, p->b.queue + p->taken, list + p->live, (size_t)waiting * sizeof *list);
  if (!status) TRY(p, "copying from the device", worker_wait(p->w));
  *begun = 0;
  for (int64_t i = 0; i < p->live + waiting && !status; i++)
    if (p->part->steps[p->first + list[i]] > 0) list[(*begun)++] = list[i];
  return status;
}

} // namespace

basin_worker_status batch_hand_back(part_run *p) {
  basin_part *part = p->part;
  basin_hand_back back;
  int64_t begun = 0;
  const int waiting = p->queued > p->taken ? p->queued - p->taken : 0;
  const size_t state = (size_t)p->states * sizeof(double);
  int *list = (int *)malloc((size_t)(p->live + waiting + 1) * sizeof *list);
  double *from = NULL;
  basin_worker_status status = list ? list_trials(p, waiting, list, &begun) : BASIN_WORKER_FAILED;
  if (!status && !(from = (double *)malloc((size_t)begun * state + 1)))
    status = BASIN_WORKER_FAILED;
  if (!status) status = fetch_states(p, list, begun, from);
  if (!status && !flights_open(&back, part, begun, p->states)) status = BASIN_WORKER_FAILED;
  if (!status) {
    for (int64_t i = 0; i < begun; i++) {
      const int64_t trial = p->first + list[i];
      memcpy(flights_add(&back, trial, part->steps[trial]), from + i * p->states, state);
    }
    flights_close(&back, part);
    status = BASIN_WORKER_PAUSED;
  }
  p->fresh = 0;
  free(list);
  free(from);
  return status;
}
