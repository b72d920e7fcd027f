/* SPDX-License-Identifier: MIT
 *
 * dataset_room.cu: the memory of a part with a data set on the device, the data set's own, and the copies to it
 * and back.
 */
#include "dataset/dataset_call.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { TILE_BYTES = 1 << 25, SEND_BYTES = 1 << 22 };

/* the data set of a cell on a device */
struct device_data {
  int device, users;
  basin_data_set of;
  double *z, *label;
  device_data *next;
};

/* ---- device memory ---- */

void dataset_describe(dataset_part *p) {
  const basin_job *job = p->job;
  const basin_setting *setting = job->setting;
  const basin_gradient *g = &setting->gradient;
  dataset_batch *b = &p->b;
  b->first = (uint64_t)p->part->first;
  b->count = p->part->count;
  b->recorded = p->part->recorded;
  b->times = job->times;
  b->finals = job->finals;
  b->observables = job->observables;
  b->keep_states = job->keep_states;
  b->rows = setting->size.rows;
  b->width = setting->size.width;
  b->states = setting->size.states;
  b->works = setting->size.work;
  b->n = g->set_size;
  b->batch = g->batch;
  b->set = g->set;
  b->tolerance_gradient = setting->stop.tolerance_gradient;
  const int64_t input = b->rows * SEATS * (int64_t)sizeof(double);
  b->tile = TILE_BYTES / input < 1 ? 1 : TILE_BYTES / input;
  if (b->tile > (b->batch ? b->batch : b->n)) b->tile = b->batch ? b->batch : b->n;
  if (p->own->tile_most && b->tile > p->own->tile_most) b->tile = p->own->tile_most;
  for (int i = 0; i < job->finals; i++) b->wants_risk |= job->final[i] >= job->model->observables;
  for (int i = 0; i < job->observables && b->recorded; i++)
    b->wants_risk |= job->observable[i] >= job->model->observables;
  b->ladders = basin_ladders_of(job);
  for (int i = 0; i < b->ladders.count; i++)
    b->watches_risk |= b->ladders.of[i].observable >= job->model->observables;
  const basin_condition *when = setting->stop.when;
  for (int64_t i = 0; when && i < when->count; i++)
    b->asks_risk |= when->step[i].observable >= job->model->observables;
}

size_t dataset_room_bytes(const dataset_part *p, int room) {
  const dataset_batch *b = &p->b;
  const size_t n = (size_t)b->count, recorded = (size_t)(b->recorded * b->times),
               states = (size_t)b->states, flights = (size_t)p->part->flights,
               tile = (size_t)b->tile * SEATS * sizeof(double);
  switch (room) {
  case ROOM_DATA:
    return (size_t)p->job->setting->size.data * sizeof(double);
  case ROOM_TIME:
    return (size_t)b->times * sizeof(int64_t);
  case ROOM_STAGE_END:
    return (size_t)p->job->setting->stages * sizeof(int64_t);
  case ROOM_STAGE_PACE:
    return (size_t)p->job->setting->stages * BASIN_PACES_MAX * sizeof(double);
  case ROOM_PACES:
    return 0;
  case ROOM_INDEX:
    return (size_t)(b->finals + b->observables) * sizeof(int);
  case ROOM_OUTCOME:
    return n * sizeof(int8_t);
  case ROOM_STEPS:
    return n * sizeof(int64_t);
  case ROOM_FINAL:
    return n * (size_t)b->finals * sizeof(double);
  case ROOM_RECORD:
    return recorded * (size_t)b->observables * sizeof(double);
  case ROOM_RECORD_STATE:
    return b->keep_states ? recorded * states * sizeof(double) : 0;
  case ROOM_END:
    return p->job->keep_ends ? n * states * sizeof(double) : 0;
  case ROOM_PASSAGE:
    return n * (size_t)p->job->passages * sizeof(int64_t);
  case ROOM_PASSAGE_OF:
    return (size_t)p->job->passages * sizeof(basin_passage);
  case ROOM_WHEN:
    return p->job->setting->stop.when ? sizeof(basin_condition) : 0;
  case ROOM_HOLDS:
    return p->job->setting->stop.when ? SEATS * sizeof(int) : 0;
  case ROOM_FLIGHT_OF:
    return n * sizeof(int);
  case ROOM_FLIGHT_STEP:
    return flights * sizeof(int64_t);
  case ROOM_FLIGHT_STATE:
    return flights * states * sizeof(double);
  case ROOM_SEAT:
    return SEATS * (3 * sizeof(int64_t) + sizeof(basin_clock));
  case ROOM_STATE:
    return SEATS * states * sizeof(double);
  case ROOM_WORK:
    return SEATS * (size_t)b->works * sizeof(double);
  case ROOM_MATRIX:
    return (size_t)(2 * (b->rows + b->width) + 1) * SEATS * sizeof(double);
  case ROOM_U:
  case ROOM_W:
    return tile * (size_t)b->rows;
  case ROOM_CHOSEN:
    return b->batch ? tile : 0;
  case ROOM_R:
    return tile;
  default:
    return sizeof(dataset_counters);
  }
}

namespace {

/* the batch's pointers into the rooms */
void point(dataset_part *p) {
  dataset_batch *b = &p->b;
  const worker_buffer *room = p->own->room;
  b->data = (const double *)room[ROOM_DATA].at;
  b->time = (const int64_t *)room[ROOM_TIME].at;
  b->stage_end = (const int64_t *)room[ROOM_STAGE_END].at;
  b->stage_pace = (const double *)room[ROOM_STAGE_PACE].at;
  b->moves = basin_schedule_moves(p->job->setting);
  if (!room[ROOM_PACES].at) pace_table_forget(&p->table);
  b->final_of = (const int *)room[ROOM_INDEX].at;
  b->observable_of = b->final_of + b->finals;
  b->outcome = (int8_t *)room[ROOM_OUTCOME].at;
  b->steps = (int64_t *)room[ROOM_STEPS].at;
  b->final_value = (double *)room[ROOM_FINAL].at;
  b->record = (double *)room[ROOM_RECORD].at;
  b->record_state = (double *)room[ROOM_RECORD_STATE].at;
  b->end = p->job->keep_ends ? (double *)room[ROOM_END].at : NULL;
  b->passage = (int64_t *)room[ROOM_PASSAGE].at;
  b->passage_of = (const basin_passage *)room[ROOM_PASSAGE_OF].at;
  b->when = p->job->setting->stop.when ? (const basin_condition *)room[ROOM_WHEN].at : NULL;
  b->holds = (int *)room[ROOM_HOLDS].at;
  b->flight_of = (int *)room[ROOM_FLIGHT_OF].at;
  b->flight_step = (const int64_t *)room[ROOM_FLIGHT_STEP].at;
  b->flight_state = (const double *)room[ROOM_FLIGHT_STATE].at;
  b->trial = (int64_t *)room[ROOM_SEAT].at;
  b->step = b->trial + SEATS;
  b->next = b->step + SEATS;
  b->clock = (basin_clock *)(b->next + SEATS);
  b->state = (double *)room[ROOM_STATE].at;
  b->work = (double *)room[ROOM_WORK].at;
  b->f = (double *)room[ROOM_MATRIX].at;
  b->grad_f = b->f + b->width * SEATS;
  b->a = b->grad_f + b->width * SEATS;
  b->grad_a = b->a + b->rows * SEATS;
  b->loss = b->grad_a + b->rows * SEATS;
  b->u = (double *)room[ROOM_U].at;
  b->w = (double *)room[ROOM_W].at;
  b->r = (double *)room[ROOM_R].at;
  b->chosen = (int64_t *)room[ROOM_CHOSEN].at;
  b->counters = (dataset_counters *)room[ROOM_COUNTERS].at;
}

} // namespace

basin_worker_status dataset_make_room(dataset_part *p) {
  for (int i = 0; i < ROOMS; i++)
    TRY(p, "allocating device memory", buffer_grow(&p->own->room[i], dataset_room_bytes(p, i)));
  point(p);
  return BASIN_WORKER_OK;
}

void dataset_free_rooms(dataset_worker *own) {
  for (worker_buffer &room : own->room) buffer_free(&room);
}

void dataset_need_of_rooms(dataset_part *p) {
  for (int i = 0; i < ROOMS; i++) buffer_need(p->w, &p->own->room[i], dataset_room_bytes(p, i));
  buffer_need(p->w, &p->own->room[ROOM_PACES], pace_table_bytes(p->job->setting));
}

/* ---- data sets ---- */

namespace {

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
device_data *list;

void destroy_data(device_data *inputs) {
  if (inputs->z) cudaFree(inputs->z);
  if (inputs->label) cudaFree(inputs->label);
  free(inputs);
}

/* those that the model does not draw itself: made by the host, some at a time */
basin_worker_status send_data(dataset_part *p, device_data *inputs) {
  const dataset_batch *b = &p->b;
  const int64_t size = b->rows * b->width, most = 1 + SEND_BYTES / (size * (int64_t)sizeof(double));
  const basin_job *job = p->job;
  double *z = (double *)malloc((size_t)(most * (size + 1)) * sizeof *z);
  basin_worker_status status = z ? BASIN_WORKER_OK : BASIN_WORKER_FAILED;
  for (int64_t i = 0; i < b->n && !status; i += most) {
    const int64_t count = b->n - i < most ? b->n - i : most;
    double *label = z + count * size;
    if (job->model->inputs(job->setting, i, count, z, label)) status = BASIN_WORKER_FAILED;
    if (!status)
      status = dataset_copy(p, 0, inputs->z + i * size, z, (size_t)(count * size) * sizeof *z);
    if (!status)
      status = dataset_copy(p, 0, inputs->label + i, label, (size_t)count * sizeof *label);
    p->doing = "copying to the device";
    const cudaError_t bad = worker_wait(p->w); /* before the next ones take their place */
    if (!status && (p->bad = bad) != cudaSuccess) status = BASIN_WORKER_LOST;
  }
  free(z);
  return status;
}

/* drawn on this worker's stream, and waited for */
basin_worker_status draw_data(dataset_part *p, device_data *inputs) {
  dataset_batch *b = &p->b;
  const size_t n = (size_t)b->n, each = (size_t)b->rows * (size_t)b->width * sizeof(double);
  TRY(p, "allocating device memory for the data set", cudaMalloc((void **)&inputs->z, n * each));
  TRY(p, "allocating device memory for the data set",
      cudaMalloc((void **)&inputs->label, n * sizeof(double)));
  b->z = inputs->z;
  b->label = inputs->label;
  if (!basin_inputs_are_own(&p->job->setting->gradient)) return send_data(p, inputs);
  TRY(p, "kernel_draw", p->model->draw(b, p->constants, p->w->stream));
  TRY(p, "kernel_draw", worker_wait(p->w));
  return BASIN_WORKER_OK;
}

} // namespace

basin_worker_status dataset_take_data(dataset_part *p) {
  basin_worker_status status = BASIN_WORKER_OK;
  const basin_data_set of = basin_data_set_of(p->job->setting);
  pthread_mutex_lock(&lock);
  device_data *inputs = list;
  while (inputs && (!basin_same_data_set(&inputs->of, &of) || inputs->device != p->w->device))
    inputs = inputs->next;
  if (!inputs) {
    inputs = (device_data *)calloc(1, sizeof *inputs);
    status = inputs ? draw_data(p, inputs) : BASIN_WORKER_FAILED;
    if (status && inputs) destroy_data(inputs);
    if (!status) {
      inputs->device = p->w->device;
      inputs->of = of;
      inputs->next = list;
      list = inputs;
    }
  }
  if (!status) {
    inputs->users++;
    p->inputs = inputs;
    p->b.z = inputs->z;
    p->b.label = inputs->label;
  }
  pthread_mutex_unlock(&lock);
  return status;
}

void dataset_leave_data(dataset_part *p) {
  if (!p->inputs) return;
  pthread_mutex_lock(&lock);
  if (--p->inputs->users == 0) {
    device_data **at = &list;
    while (*at != p->inputs) at = &(*at)->next;
    *at = p->inputs->next;
    destroy_data(p->inputs);
  }
  p->inputs = NULL;
  pthread_mutex_unlock(&lock);
}

/* ---- copies ---- */

basin_worker_status dataset_copy(dataset_part *p, int back, void *device, void *host,
                                 size_t bytes) {
  if (!bytes) return BASIN_WORKER_OK;
  if (back)
    TRY(p, "copying from the device",
        cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, p->w->stream));
  else
    TRY(p, "copying to the device",
        cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, p->w->stream));
  return BASIN_WORKER_OK;
}

/* the arrays of the part that the device has, by their table; the others are not the engine's */
basin_worker_status dataset_move_outputs(dataset_part *p, int back) {
  const dataset_batch *b = &p->b;
  const basin_job *job = p->job;
  basin_part *part = p->part;
  void *outcome = b->outcome, *steps = b->steps, *final = b->final_value, *record = b->record,
       *state = b->record_state, *passage = b->passage, *end = b->end, *halvings = NULL,
       *estimate = NULL, *point = NULL;
  basin_worker_status status = BASIN_WORKER_OK;
#define MOVE(name, type, outer, trials, inner)       \
  if (name && !status)                               \
    status = dataset_copy(p, back, name, part->name, \
                          (size_t)((outer)*part->trials * (inner)) * sizeof(type));
  BASIN_PART_ARRAYS(MOVE, job)
#undef MOVE
  return status;
}

basin_worker_status dataset_upload_constants(dataset_part *p) {
  const basin_job *job = p->job;
  const dataset_batch *b = &p->b;
  basin_worker_status status = dataset_copy(p, 0, (void *)b->data, p->data,
                                            dataset_room_bytes(p, ROOM_DATA));
  if (!status)
    status = dataset_copy(p, 0, (void *)b->time, (void *)job->time,
                          dataset_room_bytes(p, ROOM_TIME));
  if (!status)
    status = dataset_copy(p, 0, (void *)b->stage_end, p->stage_end,
                          dataset_room_bytes(p, ROOM_STAGE_END));
  if (!status)
    status = dataset_copy(p, 0, (void *)b->stage_pace, p->stage_pace,
                          dataset_room_bytes(p, ROOM_STAGE_PACE));
  if (!status)
    status = dataset_copy(p, 0, (void *)b->final_of, (void *)job->final,
                          (size_t)b->finals * sizeof(int));
  if (!status)
    status = dataset_copy(p, 0, (void *)b->observable_of, (void *)job->observable,
                          (size_t)b->observables * sizeof(int));
  if (!status)
    status = dataset_copy(p, 0, (void *)b->passage_of, (void *)job->passage,
                          dataset_room_bytes(p, ROOM_PASSAGE_OF));
  if (!status)
    status = dataset_copy(p, 0, (void *)b->when, (void *)job->setting->stop.when,
                          dataset_room_bytes(p, ROOM_WHEN));
  return status;
}

/* idle seats, and the trials that were under way */
basin_worker_status dataset_upload_seats(dataset_part *p) {
  const basin_part *part = p->part;
  const dataset_batch *b = &p->b;
  const size_t n = (size_t)b->count, flights = (size_t)part->flights;
  int64_t seat[3 * SEATS] = {};
  int *flight_of = (int *)malloc((n + 1) * sizeof *flight_of);
  int64_t *step = (int64_t *)malloc((flights + 1) * sizeof *step);
  dataset_counters none = {};
  basin_worker_status status = flight_of && step ? BASIN_WORKER_OK : BASIN_WORKER_FAILED;
  for (int c = 0; c < SEATS; c++) {
    seat[c] = DATASET_IDLE;
    seat[2 * SEATS + c] = (c - (int64_t)(b->first % SEATS) + SEATS) % SEATS;
  }
  for (size_t t = 0; t < n && !status; t++) flight_of[t] = -1;
  for (size_t f = 0; f < flights; f++)
    if ((uint64_t)part->flight[f].step > none.furthest)
      none.furthest = (uint64_t)part->flight[f].step;
  p->w->counters->dataset = none;
  for (size_t f = 0; f < flights && !status; f++) {
    flight_of[part->flight[f].trial] = (int)f;
    step[f] = part->flight[f].step;
  }
  if (!status) status = dataset_copy(p, 0, b->trial, seat, sizeof seat);
  if (!status) status = dataset_copy(p, 0, b->flight_of, flight_of, n * sizeof *flight_of);
  if (!status) status = dataset_copy(p, 0, (void *)b->flight_step, step, flights * sizeof *step);
  if (!status)
    status = dataset_copy(p, 0, (void *)b->flight_state, part->flight_state,
                          dataset_room_bytes(p, ROOM_FLIGHT_STATE));
  if (!status) status = dataset_copy(p, 0, b->counters, &none, sizeof none);
  p->doing = "copying to the device";
  const cudaError_t bad = worker_wait(p->w); /* before the arrays go */
  if (!status && (p->bad = bad) != cudaSuccess) status = BASIN_WORKER_LOST;
  free(flight_of);
  free(step);
  return status;
}
