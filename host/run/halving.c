/* SPDX-License-Identifier: MIT */
#include "run/halving.h"
#include "base/error.h"
#include "run/naming.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* the backend's run, behind which no trial is under way any more: those of an earlier pause have landed, and are none
   of the next round */
static basin_worker_status run(const basin_backend *backend, int worker, const basin_job *job,
                               basin_part *part, basin_watch *watch, basin_error *error) {
  const basin_worker_status status = backend->run(backend->self, worker, job, part, watch, error);
  if (!status) part->flights = 0;
  return status;
}

/* the same, with the step sizes halved so often */
static basin_worker_status run_at(const basin_backend *backend, int worker, const basin_job *job,
                                  basin_part *part, basin_watch *watch, int halvings,
                                  basin_error *error) {
  basin_setting setting = *job->setting;
  basin_stage *stage = calloc((size_t)setting.stages, sizeof *stage);
  basin_job halved = *job;
  if (!stage) {
    basin_fail_memory(error);
    return BASIN_WORKER_FAILED;
  }
  for (int s = 0; s < setting.stages; s++) {
    stage[s] = setting.stage[s];
    stage[s].scale = ldexp(stage[s].scale, -halvings);
    for (int i = 0; i < job->model->step_sizes; i++)
      stage[s].eta[i] = ldexp(stage[s].eta[i], -halvings);
  }
  setting.stage = stage;
  halved.setting = &setting;
  const basin_worker_status status = run(backend, worker, &halved, part, watch, error);
  free(stage);
  return status;
}

/* every bit of every array is set, as in a part that comes fresh */
static void begin_again(const basin_job *job, basin_part *part, int64_t trial) {
  const int8_t halvings = part->halvings[trial];
#define CLEAR(name, type, outer, trials, inner)                 \
  for (int64_t o = 0; trial < part->trials && o < (outer); o++) \
    memset(part->name + (o * part->trials + trial) * (inner), 0xff, (size_t)(inner) * sizeof(type));
  BASIN_PART_ARRAYS(CLEAR, job)
#undef CLEAR
  part->halvings[trial] = (int8_t)(halvings + 1);
}

static int64_t count_ended(const basin_part *part) {
  int64_t ended = 0;
  for (int64_t i = 0; i < part->count; i++) ended += part->outcome[i] >= 0;
  return ended;
}

/* The trials that have not ended have all been halved equally often: a round ends before the next one begins. */
static int round_of(const basin_part *part) {
  for (int64_t i = 0; i < part->count; i++)
    if (part->outcome[i] < 0) return part->halvings[i];
  return 0;
}

static basin_worker_status run_rounds(const basin_backend *backend, int worker,
                                      const basin_job *job, basin_part *part, basin_watch *watch,
                                      basin_error *error) {
  if (!job->setting->halve) return run(backend, worker, job, part, watch, error);
  const int64_t ended = count_ended(part);
  for (;;) {
    const int64_t before = count_ended(part);
    const int halvings = round_of(part);
    const basin_worker_status status = run_at(backend, worker, job, part, watch, halvings, error);
    if (status == BASIN_WORKER_LOST) /* nothing that this call has told the watch counts */
      __atomic_sub_fetch(&watch->trials, before - ended, __ATOMIC_RELAXED);
    if (status) return status;
    int64_t again = 0;
    for (int64_t i = 0; i < part->count; i++) {
      if (part->outcome[i] != BASIN_DIVERGED || part->halvings[i] == BASIN_HALVINGS_MAX) continue;
      begin_again(job, part, i);
      again++;
    }
    if (!again) return BASIN_WORKER_OK;
    __atomic_sub_fetch(&watch->trials, again, __ATOMIC_RELAXED);
  }
}

basin_worker_status basin_run_part(const basin_backend *backend, int worker, const basin_job *job,
                                   basin_part *part, basin_watch *watch, basin_error *error) {
  int8_t *before;
  if (basin_naming_begin(job, part, &before, error)) return BASIN_WORKER_FAILED;
  const basin_worker_status status = run_rounds(backend, worker, job, part, watch, error);
  if (status == BASIN_WORKER_OK || status == BASIN_WORKER_PAUSED)
    return basin_naming_end(job, part, before, error) ? BASIN_WORKER_FAILED : status;
  free(before);
  return status;
}
