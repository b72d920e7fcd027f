/* SPDX-License-Identifier: MIT
 *
 * dataset_call.h: what dataset_driver.cu, which steps a part with a data set, and dataset_room.cu, which has its
 * memory, share of one call.
 */
#ifndef BASIN_CUDA_DATASET_CALL_H
#define BASIN_CUDA_DATASET_CALL_H

#include "dataset/cublas.h"
#include "worker.h"

enum {
  ROOM_DATA,
  ROOM_TIME,
  ROOM_STAGE_END,
  ROOM_STAGE_PACE,
  ROOM_PACES, /* grows with the steps that are taken */
  ROOM_INDEX,
  ROOM_OUTCOME,
  ROOM_STEPS,
  ROOM_FINAL,
  ROOM_RECORD,
  ROOM_RECORD_STATE,
  ROOM_END,
  ROOM_PASSAGE,
  ROOM_PASSAGE_OF,
  ROOM_WHEN,
  ROOM_HOLDS,
  ROOM_FLIGHT_OF,
  ROOM_FLIGHT_STEP,
  ROOM_FLIGHT_STATE,
  ROOM_SEAT, /* trial, step, next, clock */
  ROOM_STATE,
  ROOM_WORK,
  ROOM_MATRIX, /* f, a, grad_f, grad_a, loss */
  ROOM_U,
  ROOM_W,
  ROOM_R,
  ROOM_CHOSEN,
  ROOM_COUNTERS,
  ROOMS
};

struct dataset_worker {
  blas_handle *blas;
  worker_buffer room[ROOMS];
  int64_t steps;      /* between two looks at the counters; 0 at first */
  int64_t steps_cell; /* the cell that this was learnt from */
  int64_t tile_most;  /* inputs of a tile; halved where device memory does not suffice */
};

struct device_data;

/* Everything of one call. */
struct dataset_part {
  basin_cuda_worker *w;
  dataset_worker *own;
  const dataset_model *model;
  const basin_job *job;
  basin_part *part;
  basin_watch *watch;
  int pauses;
  void *constants;
  double *data;
  int64_t *stage_end;
  double *stage_pace;
  pace_table table;
  basin_error *error; /* where a status says nothing yet */
  dataset_batch b;
  device_data *inputs;
  int64_t todo, ended, steps; /* trials to end; told to the watch so far */
  int fetching;               /* whether the outputs are on their way into the part */
  const char *doing, *why;    /* for messages; why: the reason where it is not `bad` */
  cudaError_t bad;
};

/* dataset_room.cu. What returns a status returns BASIN_WORKER_OK, BASIN_WORKER_FAILED (no memory on the host) or
   BASIN_WORKER_LOST, with p->bad and p->doing set. */

/* the batch's sizes, from the job; with tiles as large as the worker has memory for, as far as it knows */
void dataset_describe(dataset_part *p);

/* bytes that the part needs of a room */
size_t dataset_room_bytes(const dataset_part *p, int room);

/* rooms for the part, and the batch's pointers into them; give them back; their sizes, told to buffer_need */
basin_worker_status dataset_make_room(dataset_part *p);
void dataset_free_rooms(dataset_worker *worker);
void dataset_need_of_rooms(dataset_part *p);

/* The data set of the cell, which lies on the device once: drawn for the first to take it, freed by the last to leave
   it. Leaving twice does nothing. */
basin_worker_status dataset_take_data(dataset_part *p);
void dataset_leave_data(dataset_part *p);

/* `bytes` to the device, or back; the outputs likewise */
basin_worker_status dataset_copy(dataset_part *p, int back, void *device, void *host, size_t bytes);
basin_worker_status dataset_move_outputs(dataset_part *p, int back);

/* what the kernels read; idle seats, and the trials that were under way */
basin_worker_status dataset_upload_constants(dataset_part *p);
basin_worker_status dataset_upload_seats(dataset_part *p);

#endif
