/* SPDX-License-Identifier: MIT
 *
 * call.h: what driver.cu, which launches the kernels of a part, and batch.cu, which moves its arrays, share of one
 * call.
 */
#ifndef BASIN_CUDA_CALL_H
#define BASIN_CUDA_CALL_H

#include "worker.h"

struct device_set;

/* Everything of one call of worker_run. */
struct part_run {
  basin_cuda_worker *w;
  const lane_model *model;
  const basin_job *job;
  basin_part *part;
  basin_watch *watch;
  int pauses; /* the watch's, when the part came */
  void *constants;
  double *data;
  int64_t *stage_end;
  double *stage_pace;
  pace_table table;
  int64_t furthest;   /* steps of any trial of the batch that is under way, at most */
  basin_error *error; /* where a status says nothing yet */
  int64_t states;     /* doubles of a trial's state */
  int resident;       /* slots that the device holds at once */

  /* the batch: trials first .. first + b.count - 1 of the part */
  int64_t first;
  lane_batch b;
  int fresh;       /* no trial of it has begun */
  int64_t todo;    /* trials of it that had not ended when it came */
  int64_t left;    /* those that have not ended yet, as far as is known */
  int64_t undrawn; /* trials whose start has not been drawn, for the run is to stop */
  int queued;      /* end of the queue; 0 once all were taken */
  int live, taken; /* after the latest launch */
  int fetching;    /* whether its outputs are on their way into the part */

  int64_t told_trials, told_steps; /* what this call has added to the watch */
  device_set *set;                 /* the cell's, once it is there */
  const char *doing;               /* for messages */
  cudaError_t bad;
};

/* batch.cu. All return BASIN_WORKER_OK, BASIN_WORKER_FAILED (no memory on the host) or BASIN_WORKER_LOST, with p->bad
   and p->doing set. */

/* the batch that begins at p->first, with room for it on the device */
basin_worker_status batch_begin(part_run *p);

/* sizes of the batch that begins at p->first, told to buffer_need */
void batch_need(part_run *p);

/* the paces of all steps that a launch of so many may come to */
basin_worker_status batch_reach(part_run *p, int64_t steps);

/* `bytes` from the host to the device */
basin_worker_status batch_upload(part_run *p, void *to, const void *from, size_t bytes);

/* constants, outputs so far and trials under way onto the device */
basin_worker_status batch_upload_all(part_run *p);

/* the outputs back into the part */
basin_worker_status batch_fetch(part_run *p);

/* Hand back the trials of this batch that have taken steps, and the flights of the batches behind it:
   BASIN_WORKER_PAUSED instead of BASIN_WORKER_OK. The lists and the states are read from the device; live and queued
   are 0 where the batch is done. */
basin_worker_status batch_hand_back(part_run *p);

/* set.cu. The data set of the cell, where it has one, for the batches of the part: it lies on the device once, made by
   the first to take it, freed by the last to leave it. Taking and leaving twice do nothing. Also BASIN_WORKER_PAUSED:
   told to stop meanwhile, and the part is as it came. */
basin_worker_status set_take(part_run *p);
void set_leave(part_run *p);
int64_t set_bytes(const basin_setting *setting);

#endif
