/* SPDX-License-Identifier: MIT
 *
 * dataset_call.h: what dataset_driver.cu and dataset_room.cu know of the part that a worker runs.
 */
#ifndef BASIN_CUDA_DATASET_CALL_H
#define BASIN_CUDA_DATASET_CALL_H

#include "dataset/cublas.h"
#include "worker.h"

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
  ROOM_COLUMN, /* trial, step, next, clock */
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
  int64_t steps;      /* between two looks at the counters; 0 at first */
  int64_t steps_cell; /* the cell that this was learnt from */
  int64_t tile_most;  /* inputs of a tile; halved where device memory does not suffice */
};

struct device_inputs;

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
  int fetching;               /* whether the outputs are on their way into the part */
  const char *doing, *why;    /* for messages; why: the reason where it is not `bad` */
  cudaError_t bad;
};

/* dataset_room.cu. What returns a status returns BASIN_WORKER_OK, BASIN_WORKER_FAILED (no memory on the host) or BASIN_WORKER_LOST,
   with p->bad and p->doing set. */

/* the batch's sizes, from the job; with tiles as large as the worker has memory for, as far as it knows */
void fixed_describe(fixed_part *p);

/* bytes that the part needs of a room */
size_t fixed_room_bytes(const fixed_part *p, int room);

/* rooms for the part, and the batch's pointers into them; give them back; their sizes, told to buffer_plan */
basin_worker_status fixed_make_room(fixed_part *p);
void fixed_free_rooms(fixed_worker *worker);
void fixed_plan_room(fixed_part *p);

/* The data set of the cell, which lies on the device once: drawn for the first to take it, freed by the last to leave
   it. Leaving twice does nothing. */
basin_worker_status fixed_take_inputs(fixed_part *p);
void fixed_leave_inputs(fixed_part *p);

/* `bytes` to the device, or back; the outputs likewise */
basin_worker_status fixed_copy(fixed_part *p, int back, void *device, void *host, size_t bytes);
basin_worker_status fixed_move_outputs(fixed_part *p, int back);

/* what the kernels read; idle columns, and the trials that were under way */
basin_worker_status fixed_upload_constants(fixed_part *p);
basin_worker_status fixed_upload_columns(fixed_part *p);

#endif
