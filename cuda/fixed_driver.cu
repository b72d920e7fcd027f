/* SPDX-License-Identifier: MIT
 *
 * fixed_driver.cu: a part with a fixed data set, from beginning to end on a device, or to a pause.
 *
 * The part's arrays go over, columns take up its trials (fixed.h), the arrays come back. The host asks now and then how
 * many trials have ended. The data set of a cell lies on a device once, for all workers that are at it.
 */
#include "fixed.h"
#include "blas.h"
#include "worker.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BASIN_MODEL(name) extern const fixed_model fixed_model_##name;
#include "models.inc"
#undef BASIN_MODEL

/* the data set of a cell on a device */
struct device_inputs {
  int device, users;
  const basin_setting *setting;
  double *z, *label;
  device_inputs *next;
};

enum {
  ROOM_DATA,
  ROOM_TIME,
  ROOM_INDEX,
  ROOM_OUTCOME,
  ROOM_STEPS,
  ROOM_FINAL,
  ROOM_RECORD,
  ROOM_RECORD_STATE,
  ROOM_FLIGHT_OF,
  ROOM_FLIGHT_STEP,
  ROOM_FLIGHT_STATE,
  ROOM_COLUMN, /* trial, step, next, next_time */
  ROOM_STATE,
  ROOM_MATRIX, /* f, a, grad_f, grad_a, loss */
  ROOM_U,
  ROOM_W,
  ROOM_R,
  ROOM_CHOSEN,
  ROOM_COUNTERS,
  ROOMS
};

struct fixed_worker {
  blas_handle *blas;
  worker_buffer room[ROOMS];
  int64_t steps; /* between two looks at the counters */
};

namespace {

const fixed_model *const models[] = {
#define BASIN_MODEL(name) &fixed_model_##name,
#include "models.inc"
#undef BASIN_MODEL
};

enum { TILE_BYTES = 1 << 25, STEPS_MOST = 4096 };
const double SECONDS_LEAST = 0.01, SECONDS_MOST = 0.05;

/* Everything of one call. */
struct fixed_part {
  basin_cuda_worker *w;
  fixed_worker *own;
  const fixed_model *model;
  const basin_job *job;
  basin_part *part;
  basin_watch *watch;
  int pauses;
  void *constants;
  double *data;
  fixed_batch b;
  device_inputs *inputs;
  int64_t todo, ended, steps; /* trials to end; told to the watch so far */
  const char *doing, *why;    /* for messages; why: the reason where it is not `bad` */
  cudaError_t bad;
};

#define TRY(p, what, call)                                            \
  do {                                                                \
    (p)->doing = (what);                                              \
    if (((p)->bad = (call)) != cudaSuccess) return BASIN_WORKER_LOST; \
  } while (0)

#define TRY_PRODUCT(p, call)                        \
  do {                                              \
    (p)->doing = "cublasDgemm";                     \
    (p)->why = "the product could not be launched"; \
    if (call) return BASIN_WORKER_LOST;             \
    (p)->why = NULL;                                \
  } while (0)

double seconds_now() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- data sets ---- */

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
device_inputs *list;

void destroy_inputs(device_inputs *inputs) {
  if (inputs->z) cudaFree(inputs->z);
  if (inputs->label) cudaFree(inputs->label);
  free(inputs);
}

/* drawn on this worker's stream, and waited for */
basin_status draw_inputs(fixed_part *p, device_inputs *inputs) {
  fixed_batch *b = &p->b;
  const size_t n = (size_t)b->n, each = (size_t)b->rows * (size_t)b->width * sizeof(double);
  TRY(p, "allocating device memory for the data set", cudaMalloc((void **)&inputs->z, n * each));
  TRY(p, "allocating device memory for the data set",
      cudaMalloc((void **)&inputs->label, n * sizeof(double)));
  b->z = inputs->z;
  b->label = inputs->label;
  TRY(p, "kernel_draw", p->model->draw(b, p->constants, p->w->stream));
  TRY(p, "kernel_draw", worker_wait(p->w));
  return BASIN_OK;
}

basin_status take_inputs(fixed_part *p) {
  basin_status status = BASIN_OK;
  pthread_mutex_lock(&lock);
  device_inputs *inputs = list;
  while (inputs && (inputs->setting != p->job->setting || inputs->device != p->w->device))
    inputs = inputs->next;
  if (!inputs) {
    inputs = (device_inputs *)calloc(1, sizeof *inputs);
    status = inputs ? draw_inputs(p, inputs) : BASIN_FAILED;
    if (status && inputs) destroy_inputs(inputs);
    if (!status) {
      inputs->device = p->w->device;
      inputs->setting = p->job->setting;
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

void leave_inputs(fixed_part *p) {
  if (!p->inputs) return;
  pthread_mutex_lock(&lock);
  if (--p->inputs->users == 0) {
    device_inputs **at = &list;
    while (*at != p->inputs) at = &(*at)->next;
    *at = p->inputs->next;
    destroy_inputs(p->inputs);
  }
  pthread_mutex_unlock(&lock);
}

/* ---- device memory ---- */

size_t room_bytes(const fixed_part *p, int room) {
  const fixed_batch *b = &p->b;
  const size_t n = (size_t)b->count, recorded = (size_t)(b->recorded * b->times),
               states = (size_t)b->states, flights = (size_t)p->part->flights,
               tile = (size_t)b->tile * FIXED_COLUMNS * sizeof(double);
  switch (room) {
  case ROOM_DATA:
    return (size_t)p->model->data_size(p->job->setting) * sizeof(double);
  case ROOM_TIME:
    return (size_t)b->times * sizeof(int64_t);
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
  case ROOM_FLIGHT_OF:
    return n * sizeof(int);
  case ROOM_FLIGHT_STEP:
    return flights * sizeof(int64_t);
  case ROOM_FLIGHT_STATE:
    return flights * states * sizeof(double);
  case ROOM_COLUMN:
    return 4 * FIXED_COLUMNS * sizeof(int64_t);
  case ROOM_STATE:
    return FIXED_COLUMNS * states * sizeof(double);
  case ROOM_MATRIX:
    return (size_t)(2 * (b->rows + b->width) + 1) * FIXED_COLUMNS * sizeof(double);
  case ROOM_U:
  case ROOM_W:
    return tile * (size_t)b->rows;
  case ROOM_CHOSEN:
    return b->batch ? tile : 0;
  case ROOM_R:
    return tile;
  default:
    return sizeof(fixed_counters);
  }
}

basin_status make_room(fixed_part *p) {
  for (int i = 0; i < ROOMS; i++) {
    worker_buffer *room = &p->own->room[i];
    const size_t bytes = room_bytes(p, i);
    if (bytes <= room->bytes) continue;
    if (room->at) TRY(p, "giving device memory back", cudaFree(room->at));
    *room = worker_buffer{};
    TRY(p, "allocating device memory", cudaMalloc(&room->at, bytes));
    room->bytes = bytes;
  }
  return BASIN_OK;
}

/* the batch's pointers into the rooms */
void point(fixed_part *p) {
  fixed_batch *b = &p->b;
  const worker_buffer *room = p->own->room;
  b->data = (const double *)room[ROOM_DATA].at;
  b->time = (const int64_t *)room[ROOM_TIME].at;
  b->final_of = (const int *)room[ROOM_INDEX].at;
  b->observable_of = b->final_of + b->finals;
  b->outcome = (int8_t *)room[ROOM_OUTCOME].at;
  b->steps = (int64_t *)room[ROOM_STEPS].at;
  b->final_value = (double *)room[ROOM_FINAL].at;
  b->record = (double *)room[ROOM_RECORD].at;
  b->record_state = (double *)room[ROOM_RECORD_STATE].at;
  b->flight_of = (int *)room[ROOM_FLIGHT_OF].at;
  b->flight_step = (const int64_t *)room[ROOM_FLIGHT_STEP].at;
  b->flight_state = (const double *)room[ROOM_FLIGHT_STATE].at;
  b->trial = (int64_t *)room[ROOM_COLUMN].at;
  b->step = b->trial + FIXED_COLUMNS;
  b->next = b->step + FIXED_COLUMNS;
  b->next_time = b->next + FIXED_COLUMNS;
  b->state = (double *)room[ROOM_STATE].at;
  b->f = (double *)room[ROOM_MATRIX].at;
  b->grad_f = b->f + b->width * FIXED_COLUMNS;
  b->a = b->grad_f + b->width * FIXED_COLUMNS;
  b->grad_a = b->a + b->rows * FIXED_COLUMNS;
  b->loss = b->grad_a + b->rows * FIXED_COLUMNS;
  b->u = (double *)room[ROOM_U].at;
  b->w = (double *)room[ROOM_W].at;
  b->r = (double *)room[ROOM_R].at;
  b->chosen = (int64_t *)room[ROOM_CHOSEN].at;
  b->counters = (fixed_counters *)room[ROOM_COUNTERS].at;
}

/* ---- copies ---- */

basin_status copy(fixed_part *p, int back, void *device, void *host, size_t bytes) {
  if (!bytes) return BASIN_OK;
  if (back)
    TRY(p, "copying from the device",
        cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, p->w->stream));
  else
    TRY(p, "copying to the device",
        cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, p->w->stream));
  return BASIN_OK;
}

basin_status move_outputs(fixed_part *p, int back) {
  const fixed_batch *b = &p->b;
  basin_part *part = p->part;
  basin_status status = copy(p, back, b->outcome, part->outcome, room_bytes(p, ROOM_OUTCOME));
  if (!status) status = copy(p, back, b->steps, part->steps, room_bytes(p, ROOM_STEPS));
  if (!status) status = copy(p, back, b->final_value, part->final, room_bytes(p, ROOM_FINAL));
  if (!status) status = copy(p, back, b->record, part->record, room_bytes(p, ROOM_RECORD));
  if (!status)
    status = copy(p, back, b->record_state, part->state, room_bytes(p, ROOM_RECORD_STATE));
  return status;
}

basin_status upload_constants(fixed_part *p) {
  const basin_job *job = p->job;
  const fixed_batch *b = &p->b;
  basin_status status = copy(p, 0, (void *)b->data, p->data, room_bytes(p, ROOM_DATA));
  if (!status) status = copy(p, 0, (void *)b->time, (void *)job->time, room_bytes(p, ROOM_TIME));
  if (!status)
    status = copy(p, 0, (void *)b->final_of, (void *)job->final, (size_t)b->finals * sizeof(int));
  if (!status)
    status = copy(p, 0, (void *)b->observable_of, (void *)job->observable,
                  (size_t)b->observables * sizeof(int));
  return status;
}

/* idle columns, and the trials that were under way */
basin_status upload_columns(fixed_part *p) {
  const basin_part *part = p->part;
  const fixed_batch *b = &p->b;
  const size_t n = (size_t)b->count, flights = (size_t)part->flights;
  int64_t column[4 * FIXED_COLUMNS] = {};
  int *flight_of = (int *)malloc((n + 1) * sizeof *flight_of);
  int64_t *step = (int64_t *)malloc((flights + 1) * sizeof *step);
  fixed_counters none = {};
  basin_status status = flight_of && step ? BASIN_OK : BASIN_FAILED;
  for (int c = 0; c < FIXED_COLUMNS; c++) {
    column[c] = FIXED_IDLE;
    column[2 * FIXED_COLUMNS + c] = (c - (int64_t)(b->first % FIXED_COLUMNS) + FIXED_COLUMNS) %
                                    FIXED_COLUMNS;
  }
  for (size_t t = 0; t < n && !status; t++) flight_of[t] = -1;
  for (size_t f = 0; f < flights && !status; f++) {
    flight_of[part->flight[f].trial] = (int)f;
    step[f] = part->flight[f].step;
  }
  if (!status) status = copy(p, 0, b->trial, column, sizeof column);
  if (!status) status = copy(p, 0, b->flight_of, flight_of, n * sizeof *flight_of);
  if (!status) status = copy(p, 0, (void *)b->flight_step, step, flights * sizeof *step);
  if (!status)
    status = copy(p, 0, (void *)b->flight_state, part->flight_state,
                  room_bytes(p, ROOM_FLIGHT_STATE));
  if (!status) status = copy(p, 0, b->counters, &none, sizeof none);
  p->doing = "copying to the device";
  const cudaError_t bad = worker_wait(p->w); /* before the arrays go */
  if (!status && (p->bad = bad) != cudaSuccess) status = BASIN_WORKER_LOST;
  free(flight_of);
  free(step);
  return status;
}

/* ---- steps ---- */

basin_status take_step(fixed_part *p) {
  const fixed_batch *b = &p->b;
  const int64_t inputs = b->batch ? b->batch : b->n;
  cudaStream_t stream = p->w->stream;
  TRY(p, "kernel_begin", p->model->begin(b, p->constants, stream));
  for (int64_t i = 0; i < inputs; i += b->tile) {
    const int64_t here = inputs - i < b->tile ? inputs - i : b->tile, rows = here * b->rows;
    const double *z = b->z + i * b->rows * b->width;
    if (b->batch) {
      TRY(p, "kernel_see, kernel_pull", p->model->choose(b, i, here, p->constants, stream));
      continue;
    }
    TRY_PRODUCT(p, blas_product(p->own->blas, rows, FIXED_COLUMNS, b->width, z, b->f, b->u));
    TRY(p, "kernel_residual, kernel_slope", p->model->weigh(b, i, here, p->constants, stream));
    TRY_PRODUCT(p,
                blas_product_add(p->own->blas, rows, FIXED_COLUMNS, b->width, z, b->w, b->grad_f));
  }
  TRY(p, "kernel_settle", p->model->settle(b, p->constants, stream));
  return BASIN_OK;
}

void tell(fixed_part *p, int64_t ended, int64_t steps) {
  __atomic_add_fetch(&p->watch->trials, ended - p->ended, __ATOMIC_RELAXED);
  __atomic_add_fetch(&p->watch->trial_steps, steps - p->steps, __ATOMIC_RELAXED);
  p->ended = ended;
  p->steps = steps;
}

/* some steps, of which a look at the counters is the end */
basin_status take_steps(fixed_part *p) {
  fixed_worker *own = p->own;
  fixed_counters counters;
  const double begun = seconds_now();
  basin_status status = BASIN_OK;
  for (int64_t i = 0; i < own->steps && !status; i++) status = take_step(p);
  if (!status) status = copy(p, 1, p->b.counters, &counters, sizeof counters);
  if (status) return status;
  TRY(p, "kernel_settle", worker_wait(p->w));
  const double seconds = seconds_now() - begun;
  tell(p, (int64_t)counters.ended, (int64_t)counters.steps);
  if (seconds < SECONDS_LEAST && own->steps < STEPS_MOST) own->steps *= 2;
  if (seconds > SECONDS_MOST && own->steps > 1) own->steps /= 2;
  return BASIN_OK;
}

int asked_to_pause(const fixed_part *p) {
  return __atomic_load_n(&p->watch->stop, __ATOMIC_RELAXED) ||
         __atomic_load_n(&p->watch->pauses, __ATOMIC_RELAXED) != p->pauses;
}

/* ---- a pause ---- */

/* the trials in the columns, whose states have come back, and the flights that no column has taken up */
basin_status keep_flights(fixed_part *p, const int64_t *column, const double *from) {
  basin_part *part = p->part;
  const int64_t states = p->b.states, *trial = column, *step = column + FIXED_COLUMNS;
  const size_t most = FIXED_COLUMNS + (size_t)part->flights;
  basin_flight *flight = (basin_flight *)malloc(most * sizeof *flight);
  double *state = (double *)malloc(most * (size_t)states * sizeof *state);
  char *taken = (char *)calloc((size_t)part->count + 1, 1);
  int64_t flights = 0;
  const int bad = !flight || !state || !taken;
  for (int c = 0; c < FIXED_COLUMNS && !bad; c++) {
    if (trial[c] == FIXED_IDLE) continue;
    taken[trial[c]] = 1;
    flight[flights].trial = trial[c];
    flight[flights].step = step[c];
    memcpy(state + flights++ * states, from + c * states, (size_t)states * sizeof *state);
  }
  for (int64_t f = 0; f < part->flights && !bad; f++) {
    if (taken[part->flight[f].trial] || part->outcome[part->flight[f].trial] >= 0) continue;
    flight[flights] = part->flight[f];
    memcpy(state + flights++ * states, part->flight_state + f * states,
           (size_t)states * sizeof *state);
  }
  free(taken);
  if (bad) {
    free(flight);
    free(state);
    return BASIN_FAILED;
  }
  free(part->flight);
  free(part->flight_state);
  part->flight = flight;
  part->flight_state = state;
  part->flights = flights;
  return BASIN_INTERRUPTED;
}

basin_status hand_back(fixed_part *p) {
  int64_t column[2 * FIXED_COLUMNS];
  const size_t bytes = room_bytes(p, ROOM_STATE);
  double *state = (double *)malloc(bytes);
  basin_status status = state ? BASIN_OK : BASIN_FAILED;
  if (!status) status = copy(p, 1, p->b.trial, column, sizeof column);
  if (!status) status = copy(p, 1, p->b.state, state, bytes);
  if (!status) {
    p->doing = "copying from the device";
    p->bad = worker_wait(p->w);
    status = p->bad ? BASIN_WORKER_LOST : keep_flights(p, column, state);
  }
  free(state);
  return status;
}

/* ---- a part ---- */

basin_status open_blas(fixed_part *p) {
  if (p->own->blas || p->b.batch) return BASIN_OK;
  p->doing = "opening cuBLAS";
  p->own->blas = blas_open(p->w->stream, &p->why);
  if (!p->own->blas) return BASIN_WORKER_LOST;
  p->why = NULL;
  return BASIN_OK;
}

basin_status run(fixed_part *p) {
  TRY(p, "selecting the device", cudaSetDevice(p->w->device));
  basin_part *part = p->part;
  for (int64_t f = 0; f < part->flights; f++)
    part->outcome[part->flight[f].trial] = FIXED_UNDER_WAY;
  for (int64_t t = 0; t < part->count; t++) p->todo += part->outcome[t] < 0;
  basin_status status = open_blas(p);
  if (!status) status = make_room(p);
  if (status) return status;
  point(p);
  status = upload_constants(p);
  if (!status) status = take_inputs(p);
  if (!status) status = move_outputs(p, 0);
  if (!status) status = upload_columns(p);
  while (!status && p->ended < p->todo && !asked_to_pause(p)) status = take_steps(p);
  if (!status) status = move_outputs(p, 1);
  if (status) return status;
  TRY(p, "copying from the device", worker_wait(p->w));
  return p->ended < p->todo ? hand_back(p) : BASIN_OK;
}

void describe(fixed_part *p) {
  const basin_job *job = p->job;
  const basin_setting *setting = job->setting;
  const basin_gradient *g = &setting->gradient;
  fixed_batch *b = &p->b;
  b->first = (uint64_t)p->part->first;
  b->count = p->part->count;
  b->recorded = p->part->recorded;
  b->times = job->times;
  b->finals = job->finals;
  b->observables = job->observables;
  b->keep_states = job->keep_states;
  b->rows = job->model->fixed_rows(setting);
  b->width = job->model->fixed_width(setting);
  b->states = basin_states(job->model, setting);
  b->n = g->fixed;
  b->batch = g->batch;
  b->set = g->set;
  b->tolerance_gradient = setting->stop.tolerance_gradient;
  b->max_steps = setting->stop.max_steps;
  const int64_t input = b->rows * FIXED_COLUMNS * (int64_t)sizeof(double),
                inputs = b->batch ? b->batch : b->n;
  b->tile = TILE_BYTES / input < 1 ? 1 : TILE_BYTES / input < inputs ? TILE_BYTES / input : inputs;
  for (int i = 0; i < job->finals; i++) b->wants_risk |= job->final[i] >= job->model->observables;
  for (int i = 0; i < job->observables && b->recorded; i++)
    b->wants_risk |= job->observable[i] >= job->model->observables;
}

/* which kernel, which part */
void lost(fixed_part *p, basin_error *error) {
  worker_wait(p->w); /* no copy may be on its way into the part any more */
  (void)cudaGetLastError();
  tell(p, 0, 0); /* others run the part from where it was */
  worker_fail(error, BASIN_WORKER_LOST,
              "cuda %d (%s): %s: %s; model %s, cell %lld, trials %lld to %lld", p->w->device,
              p->w->name, p->doing, p->why ? p->why : cudaGetErrorString(p->bad), p->model->name,
              (long long)p->job->cell, (long long)p->part->first,
              (long long)(p->part->first + p->part->count - 1));
}

} // namespace

const fixed_model *fixed_model_find(const char *name) {
  for (const fixed_model *model : models)
    if (!strcmp(model->name, name) && model->draw) return model;
  return NULL;
}

void fixed_worker_free(fixed_worker *own) {
  if (!own) return;
  for (worker_buffer &room : own->room)
    if (room.at) cudaFree(room.at);
  blas_close(own->blas);
  free(own);
}

basin_status fixed_run(basin_cuda_worker *w, const basin_job *job, basin_part *part,
                       basin_watch *watch, basin_error *error) {
  fixed_part p = {};
  p.w = w;
  p.job = job;
  p.part = part;
  p.watch = watch;
  p.pauses = __atomic_load_n(&watch->pauses, __ATOMIC_RELAXED);
  p.model = fixed_model_find(job->model->name);
  if (!p.model)
    return worker_fail(error, BASIN_FAILED,
                       "libbasin_cuda.so was built without this model %s: build it again",
                       job->model->name);
  if (!w->fixed) w->fixed = (fixed_worker *)calloc(1, sizeof *w->fixed);
  p.own = w->fixed;
  p.constants = calloc(1, p.model->constants_size);
  p.data = (double *)calloc((size_t)p.model->data_size(job->setting) + 1, sizeof *p.data);
  basin_status status = BASIN_FAILED;
  if (p.own && p.constants && p.data) {
    if (!p.own->steps) p.own->steps = 1;
    p.model->prepare(job->setting, p.constants, p.data);
    describe(&p);
    worker_busy(w->device, 1);
    status = run(&p);
    if (status == BASIN_WORKER_LOST) lost(&p, error);
    leave_inputs(&p);
    worker_busy(w->device, -1);
  }
  if (status == BASIN_FAILED) worker_fail(error, BASIN_FAILED, "out of memory");
  free(p.constants);
  free(p.data);
  return status;
}
