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
  MEMORY_BYTES = 1 << 28        /* of the slots' memory, where it is the device's */
};

namespace {

/* ---- device memory ---- */

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
    return recorded * (size_t)p->states * sizeof(double);
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
  const int64_t state = p->states * (int64_t)sizeof(double), row = p->job->times * state,
                passages = p->job->passages * (int64_t)sizeof(int64_t);
  int64_t n = p->part->count - p->first;
  if (n > p->w->batch_most) n = p->w->batch_most;
  if (n > STATE_BYTES / state) n = STATE_BYTES / state > 1 ? STATE_BYTES / state : 1;
  if (passages > 0 && n > STATE_BYTES / passages) n = STATE_BYTES / passages;
  if (rest > 0 && row > 0 && n * row > RECORD_STATE_BYTES && rest * row > RECORD_STATE_BYTES)
    n = RECORD_STATE_BYTES / row > 1 ? RECORD_STATE_BYTES / row : 1;
  p->b.count = (int)n;
  p->b.recorded = rest < 0 ? 0 : (int)(rest < n ? rest : n);
}

/* slots that a launch of the batch can have: twice as many as the device holds, if there is memory for them */
void size_slots(part_run *p) {
  const int of_block = lane_slots_of_block(&p->b.shape);
  const int64_t bytes = lane_slot_bytes(&p->b.shape);
  int64_t slots = 2 * (int64_t)p->resident;
  if (slots > p->b.count) slots = p->b.count;
  if (bytes && slots > MEMORY_BYTES / bytes) slots = MEMORY_BYTES / bytes;
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
  b->record_state = (double *)w->buffer[BUFFER_RECORD_STATE].at;
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
  const size_t bytes = (size_t)(recorded * b->times * p->states) * sizeof(double);
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

/* the batch's flights onto the device: they head the queue */
basin_worker_status upload_flights(part_run *p) {
  const basin_part *part = p->part;
  const lane_batch *b = &p->b;
  const int64_t n = b->count, states = p->states;
  double *state = (double *)malloc((size_t)(n * states) * sizeof *state);
  int64_t *steps = (int64_t *)malloc((size_t)n * sizeof *steps);
  int *queue = (int *)malloc((size_t)n * sizeof *queue);
  basin_worker_status status = state && steps && queue ? BASIN_WORKER_OK : BASIN_WORKER_FAILED;
  for (int64_t t = 0; t < n && !status; t++) steps[t] = part->steps[p->first + t];
  if (!status) memset(state, 0, (size_t)(n * states) * sizeof *state);
  for (int64_t f = 0; f < part->flights && !status; f++) {
    const int64_t trial = part->flight[f].trial - p->first;
    if (trial < 0 || trial >= n) continue;
    queue[p->queued++] = (int)trial;
    steps[trial] = part->flight[f].step;
    for (int64_t i = 0; i < states; i++) state[i * n + trial] = part->flight_state[f * states + i];
  }
  if (!status) status = batch_upload(p, b->state, state, (size_t)(n * states) * sizeof *state);
  if (!status) status = batch_upload(p, b->steps, steps, (size_t)n * sizeof *steps);
  if (!status) status = batch_upload(p, b->queue, queue, (size_t)p->queued * sizeof *queue);
  p->doing = "copying to the device";
  const cudaError_t bad = worker_wait(p->w); /* before the arrays go */
  if (!status && (p->bad = bad) != cudaSuccess) status = BASIN_WORKER_LOST;
  free(state);
  free(steps);
  free(queue);
  return status;
}

} // namespace

basin_worker_status batch_upload_all(part_run *p) {
  basin_worker_status status = move_outputs(p, 0);
  if (!status) status = upload_constants(p);
  if (!status && !p->fresh) status = upload_flights(p);
  return status;
}

basin_worker_status batch_fetch(part_run *p) { return move_outputs(p, 1); }

basin_worker_status batch_hand_back(part_run *p) {
  basin_part *part = p->part;
  const lane_batch *b = &p->b;
  basin_cuda_worker *w = p->w;
  basin_hand_back back;
  const int64_t n = b->count, states = p->states;
  const int waiting = p->queued > p->taken ? p->queued - p->taken : 0;
  int *list = (int *)malloc((size_t)(p->live + waiting + 1) * sizeof *list);
  double *from = (double *)malloc((size_t)(n * states) * sizeof *from);
  basin_worker_status status = list && from ? BASIN_WORKER_OK : BASIN_WORKER_FAILED;
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
  if (!status && !flights_open(&back, part, p->live + waiting, states))
    status = BASIN_WORKER_FAILED;
  if (!status) {
    for (int i = 0; i < p->live + waiting; i++) {
      double *to = flights_add(&back, p->first + list[i], part->steps[p->first + list[i]]);
      for (int64_t s = 0; to && s < states; s++) to[s] = from[s * n + list[i]];
    }
    flights_close(&back, part);
    status = BASIN_WORKER_PAUSED;
  }
  free(list);
  free(from);
  return status;
}
