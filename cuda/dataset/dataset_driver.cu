/* SPDX-License-Identifier: MIT
 *
 * dataset_driver.cu: a part with a data set, from beginning to end on a device, or to a pause.
 *
 * The part's arrays go over, seats take up its trials (dataset.h), the arrays come back. The host asks now and then how
 * many trials have ended. The data set of a cell lies on a device once, for all workers that are at it.
 */
#include "dataset/dataset_call.h"
#include <stdlib.h>
#include <string.h>

#define BASIN_MODEL(model)
#define BASIN_PAIR(model, kind) \
  extern const dataset_model dataset_model_##model##_##kind __attribute__((weak));
#include "models.inc"
#undef BASIN_PAIR

namespace {

const dataset_model *const models[] = {
#define BASIN_PAIR(model, kind) &dataset_model_##model##_##kind,
#include "models.inc"
#undef BASIN_PAIR
#undef BASIN_MODEL
};

enum { STEPS_MOST = 4096 };
const double SECONDS_LEAST = 0.01, SECONDS_MOST = 0.05;

/* ---- steps ---- */

basin_worker_status take_step(dataset_part *p) {
  const dataset_batch *b = &p->b;
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
    TRY(p, "cublasDgemm", blas_product(p->own->blas, rows, SEATS, b->width, z, b->f, b->u));
    TRY(p, "kernel_residual, kernel_slope", p->model->weigh(b, i, here, p->constants, stream));
    TRY(p, "cublasDgemm",
        blas_product_add(p->own->blas, rows, SEATS, b->width, z, b->w, b->grad_f));
  }
  TRY(p, "kernel_settle", p->model->settle(b, p->constants, stream));
  return BASIN_WORKER_OK;
}

void tell(dataset_part *p, int64_t ended, int64_t steps) {
  watch_tell(p->watch, ended - p->ended, steps - p->steps);
  p->ended = ended;
  p->steps = steps;
}

/* the paces of all steps that may come before the next look at the counters */
basin_worker_status reach(dataset_part *p) {
  const int64_t furthest = (int64_t)p->w->counters->dataset.furthest, from = p->table.known.from;
  if (!p->b.moves) return BASIN_WORKER_OK;
  if (furthest >= p->table.bad) {
    basin_setting_explain(p->job->setting, p->table.bad, p->error);
    return BASIN_WORKER_REFUSED;
  }
  const int64_t step = (furthest > from ? furthest : from) + p->own->steps + 1;
  return worker_table(pace_table_reach(&p->table, step, &p->b.paces, p->w->stream, &p->bad),
                      &p->doing, p->error);
}

/* some steps, of which a look at the counters is the end */
basin_worker_status take_steps(dataset_part *p) {
  dataset_worker *own = p->own;
  const dataset_counters *counters = &p->w->counters->dataset;
  basin_worker_status status = reach(p);
  const double begun = worker_seconds();
  for (int64_t i = 0; i < own->steps && !status; i++) status = take_step(p);
  if (!status)
    status = dataset_copy(p, 1, p->b.counters, &p->w->counters->dataset, sizeof *counters);
  if (status) return status;
  TRY(p, "kernel_settle", worker_wait(p->w));
  const double seconds = worker_seconds() - begun;
  tell(p, (int64_t)counters->ended, (int64_t)counters->steps);
  if (seconds < SECONDS_LEAST && own->steps < STEPS_MOST) own->steps *= 2;
  if (seconds > SECONDS_MOST && own->steps > 1) own->steps /= 2;
  return BASIN_WORKER_OK;
}

/* ---- a pause ---- */

basin_worker_status hand_back(dataset_part *p) {
  const int64_t states = p->b.states;
  int64_t seat[2 * SEATS], *trial = seat, *step = seat + SEATS;
  const size_t bytes = dataset_room_bytes(p, ROOM_STATE);
  basin_hand_back back;
  double *state = (double *)malloc(bytes);
  basin_worker_status status = state ? BASIN_WORKER_OK : BASIN_WORKER_FAILED;
  if (!status) status = dataset_copy(p, 1, p->b.trial, seat, sizeof seat);
  if (!status) status = dataset_copy(p, 1, p->b.state, state, bytes);
  if (!status) {
    p->doing = "copying from the device";
    p->bad = worker_wait(p->w);
    if (p->bad) status = BASIN_WORKER_LOST;
  }
  if (!status && !flights_open(&back, p->part, SEATS, states)) status = BASIN_WORKER_FAILED;
  if (!status) {
    for (int c = 0; c < SEATS; c++) {
      double *to = trial[c] == DATASET_IDLE ? NULL : flights_add(&back, trial[c], step[c]);
      if (to) memcpy(to, state + c * states, (size_t)states * sizeof *to);
    }
    flights_close(&back, p->part);
    status = BASIN_WORKER_PAUSED;
  }
  free(state);
  return status;
}

/* ---- a part ---- */

basin_worker_status open_blas(dataset_part *p) {
  if (p->own->blas || p->b.batch) return BASIN_WORKER_OK;
  p->doing = "opening cuBLAS";
  p->own->blas = blas_open(p->w->stream, &p->why);
  if (!p->own->blas) return BASIN_WORKER_LOST;
  p->why = NULL;
  return BASIN_WORKER_OK;
}

basin_worker_status run(dataset_part *p) {
  TRY(p, "selecting the device", cudaSetDevice(p->w->device));
  basin_part *part = p->part;
  flights_mark(part);
  p->todo = 0;
  for (int64_t t = 0; t < part->count; t++) p->todo += part->outcome[t] < 0;
  basin_worker_status status = open_blas(p);
  if (!status) status = dataset_make_room(p);
  if (!status) status = dataset_upload_constants(p);
  if (!status) status = dataset_take_data(p);
  if (!status) status = dataset_move_outputs(p, 0);
  if (!status) status = dataset_upload_seats(p);
  while (!status && p->ended < p->todo && !watch_asks(p->watch, p->pauses)) status = take_steps(p);
  if (status) return status;
  p->fetching = 1;
  status = dataset_move_outputs(p, 1);
  if (status) return status;
  TRY(p, "copying from the device", worker_wait(p->w));
  return p->ended < p->todo ? hand_back(p) : BASIN_WORKER_OK;
}

/* the same, with tiles halved as long as the device has no memory: whatever was done of the part is done again */
basin_worker_status run_fitting(dataset_part *p) {
  for (;;) {
    const basin_worker_status status = run(p);
    if (status != BASIN_WORKER_LOST || p->bad != cudaErrorMemoryAllocation || p->fetching ||
        p->b.tile <= 1)
      return status;
    (void)cudaGetLastError();
    TRY(p, p->doing, worker_wait(p->w)); /* nothing may be on its way into the rooms any more */
    dataset_leave_data(p);
    dataset_free_rooms(p->own);
    p->own->tile_most = p->b.tile /= 2;
    tell(p, 0, 0);
  }
}

/* which kernel, which part */
basin_worker_status lost(dataset_part *p, basin_error *error) {
  worker_wait(p->w); /* no copy may be on its way into the part any more */
  (void)cudaGetLastError();
  tell(p, 0, 0); /* others run the part from where it was */
  return worker_fail(error,
                     p->bad == cudaErrorMemoryAllocation ? BASIN_WORKER_STARVED : BASIN_WORKER_LOST,
                     "cuda %d (%s): %s: %s; model %s, cell %lld, trials %lld to %lld", p->w->device,
                     p->w->name, p->doing, p->why ? p->why : cudaGetErrorString(p->bad),
                     p->model->name, (long long)p->job->cell, (long long)p->part->first,
                     (long long)(p->part->first + p->part->count - 1));
}

} // namespace

const dataset_model *dataset_model_find(const char *name, const char *kind) {
  for (const dataset_model *model : models)
    if (model && !strcmp(model->name, name) && !strcmp(model->kind, kind)) return model;
  return NULL;
}

void dataset_worker_free(dataset_worker *own) {
  if (!own) return;
  dataset_free_rooms(own);
  blas_close(own->blas);
  free(own);
}

namespace {

/* what the part is; BASIN_WORKER_FAILED where the module has no such model, or there is no memory */
basin_worker_status set_up(dataset_part *p, basin_cuda_worker *w, const basin_job *job,
                           basin_part *part, basin_error *error) {
  p->w = w;
  p->job = job;
  p->part = part;
  p->model = dataset_model_find(job->model->name, job->setting->gradient.dynamics);
  basin_size size;
  if (!p->model || !p->model->sizes(job->setting, &size) ||
      memcmp(&size, &job->setting->size, sizeof size) != 0 ||
      p->model->observables != job->model->observables)
    return worker_fail(error, BASIN_WORKER_FAILED,
                       "libbasin_cuda.so was built with another model %s: build it again",
                       job->model->name);
  if (!w->dataset) w->dataset = (dataset_worker *)calloc(1, sizeof *w->dataset);
  if (!w->dataset) return worker_fail(error, BASIN_WORKER_FAILED, "out of memory");
  p->own = w->dataset;
  dataset_describe(p);
  return BASIN_WORKER_OK;
}

} // namespace

basin_worker_status dataset_need(basin_cuda_worker *w, const basin_job *job, basin_part *part,
                                 int64_t *inputs, basin_error *error) {
  dataset_part p = {};
  const basin_worker_status status = set_up(&p, w, job, part, error);
  if (status) return status;
  dataset_need_of_rooms(&p);
  *inputs = p.b.n * (p.b.rows * p.b.width + 1) * (int64_t)sizeof(double);
  return BASIN_WORKER_OK;
}

basin_worker_status dataset_run(basin_cuda_worker *w, const basin_job *job, basin_part *part,
                                basin_watch *watch, basin_error *error) {
  dataset_part p = {};
  basin_worker_status status = set_up(&p, w, job, part, error);
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
                    &p.own->room[ROOM_PACES]);
    if (!p.own->steps || p.own->steps_cell != job->cell) p.own->steps = 1;
    p.own->steps_cell = job->cell;
    worker_busy(w->device, 1);
    status = run_fitting(&p);
    if (status == BASIN_WORKER_LOST) status = lost(&p, error);
    dataset_leave_data(&p);
    worker_busy(w->device, -1);
    pace_table_close(&p.table);
  }
  if (status == BASIN_WORKER_FAILED) worker_fail(error, BASIN_WORKER_FAILED, "out of memory");
  free(p.constants);
  free(p.data);
  free(p.stage_end);
  free(p.stage_pace);
  return status;
}
