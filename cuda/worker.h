/* SPDX-License-Identifier: MIT
 *
 * worker.h: a worker's stream and buffers, and how a CUDA call that fails becomes a status.
 */
#ifndef BASIN_CUDA_WORKER_H
#define BASIN_CUDA_WORKER_H

#include "seam/cuda_module.h"
#include "lanes/lanes.h"

/* Device memory that grows to what the largest batch so far needed. */
struct worker_buffer {
  void *at;
  size_t bytes;
  int64_t needed; /* the most that buffer_need was asked about */
};

/* module.cu: at least so many bytes for it, or what the runtime says; give them back */
cudaError_t buffer_grow(worker_buffer *buffer, size_t bytes);
void buffer_free(worker_buffer *buffer);

enum {
  BUFFER_DATA,
  BUFFER_TIME,
  BUFFER_INDEX,
  BUFFER_OUTCOME,
  BUFFER_STEPS,
  BUFFER_FINAL,
  BUFFER_RECORD,
  BUFFER_RECORD_STATE,
  BUFFER_PASSAGE,
  BUFFER_PASSAGE_OF,
  BUFFER_WHEN,
  BUFFER_STATE,
  BUFFER_QUEUE,
  BUFFER_LIVE_IN,
  BUFFER_LIVE_OUT,
  BUFFER_COUNTERS,
  BUFFER_MEMORY,
  BUFFER_MOVED,
  BUFFER_STAGE_END,
  BUFFER_STAGE_PACE,
  BUFFER_PACES,
  BUFFERS
};

struct basin_cuda_worker {
  int device;
  char name[64];
  int multiprocessors;
  int64_t memory; /* of the device, bytes */
  cudaStream_t stream;
  cudaEvent_t done;        /* for worker_wait */
  lane_counters *counters; /* page-locked, where kernels' counts are read */
  worker_buffer buffer[BUFFERS];
  int batch_most;  /* trials of a batch; halved where device memory does not suffice */
  int blocks;      /* of a launch, so that it takes a fraction of a second; 0 at first */
  int block_steps; /* likewise: where even one block is too long, fewer than BASIN_DECIDE_EVERY */
  int64_t blocks_cell; /* the cell that this was learnt from; -1: any of lanes */
  int64_t needed;      /* bytes of all buffers, as far as buffer_need was asked */
};

/* module.cu: some part needs so many bytes of this buffer */
void buffer_need(basin_cuda_worker *worker, worker_buffer *buffer, size_t bytes);

/* a CUDA call: go on, or give the worker up */
#define TRY(p, what, call)                                            \
  do {                                                                \
    (p)->doing = (what);                                              \
    if (((p)->bad = (call)) != cudaSuccess) return BASIN_WORKER_LOST; \
  } while (0)

/* a line of reason; returns the status */
__attribute__((format(printf, 3, 4))) basin_worker_status worker_fail(basin_error *error,
                                                                      basin_worker_status status,
                                                                      const char *format, ...);

/* module.cu: what a table of paces that was lengthened comes to; *doing: for messages */
basin_worker_status worker_table(pace_table_status status, const char **doing, basin_error *error);

/* module.cu: wait until the stream has done everything, asleep: there are more workers than processors */
cudaError_t worker_wait(basin_cuda_worker *worker);

/* module.cu: of a clock that only goes on */
double worker_seconds();

/* lanes/driver.cu: basin_cuda_module.run and need */
basin_worker_status worker_run(basin_cuda_worker *worker, const basin_job *job, basin_part *part,
                               basin_watch *watch, basin_error *error);
basin_worker_status worker_need(basin_cuda_worker *worker, const basin_job *job, int64_t *buffers,
                                int64_t *inputs, basin_error *error);

/* lanes/batch.cu: give the device memory back */
void worker_free_buffers(basin_cuda_worker *worker);

/* module.cu: parts under way on a device, counted up (+1) and down (-1) by worker_run; how many there are */
int worker_busy(int device, int change);

#endif
