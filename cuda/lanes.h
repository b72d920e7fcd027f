/* SPDX-License-Identifier: MIT
 *
 * lanes.h: the seam between the driver of a part (driver.cu) and the kernels of a model (lanes.cu).
 *
 * A batch is a run of trials of a part whose arrays lie on the device. Its trials are counted from the batch's
 * first; arrays over trials are [count], several of them [row][count].
 *
 *   kernel_start   draws every trial that has not begun, ends those that end at step 0, queues the others
 *   kernel_run     one trial per thread, its state in registers, many blocks of BASIN_DECIDE_EVERY steps; a
 *                  thread whose trial ends takes the next one from the queue
 *   kernel_finish  the observables of every trial that has ended
 *   kernel_record  the observables of every recorded state
 *
 * Which thread runs a trial, and in how many launches, does not enter its result.
 */
#ifndef BASIN_CUDA_LANES_H
#define BASIN_CUDA_LANES_H

#include "backend.h"
#include <cuda_runtime.h>

enum {
  LANE_WARP = 32,
  LANE_BLOCK = 128, /* threads of a block */
  LANE_ENDED = 64,  /* or-ed to the outcome of a trial whose observables are not made yet */
  UNDER_WAY = -2    /* outcome of a trial that was queued by the driver: not to be drawn */
};

/* What kernels count for the driver. */
struct lane_counters {
  int queued;               /* trials in the queue, from its beginning */
  int taken;                /* of those, taken by threads; may run past the end of the queue */
  int live;                 /* trials put back under way by this launch */
  unsigned long long steps; /* steps taken by this launch */
};

/* The arrays of a batch. All pointers are to device memory. */
struct lane_batch {
  uint64_t first; /* number of the first trial */
  int count, recorded;
  int finals, observables, keep_states;
  int64_t times;

  const double *data;  /* constants of the cell, see model.h */
  const int64_t *time; /* [times] recorded steps */
  const int *final_of,
      *observable_of; /* [finals], [observables] indices in the model's table, or -1 */

  int8_t *outcome;
  int64_t *steps;       /* taken so far */
  double *final_value;  /* [finals][count] */
  double *record;       /* [observables][recorded][times] */
  double *record_state; /* [recorded][times][states]; all ones where nothing is recorded yet */
  double *state;        /* [states][count] of the trials under way */
  int *queue;           /* [count] trials that no thread has taken yet */
  lane_counters *counters;
};

/* One launch of kernel_run. */
struct lane_launch {
  int threads;        /* a multiple of LANE_BLOCK, at least `live` */
  int live, queued;   /* trials under way; end of the queue */
  const int *live_in; /* [live] the trials under way: one each for the first threads */
  int *live_out;      /* [threads] those under way at the end of the launch */
  int blocks;         /* of steps, for every thread */
  int quorum;         /* a warp gives up its trials where fewer of its threads have one */
};

/* The kernels of one model. */
struct lane_model {
  const char *name;
  int states, observables;
  size_t constants_size; /* bytes of the constants that every launch is given */
  int64_t (*data_size)(const basin_setting *setting);
  void (*prepare)(const basin_setting *setting, void *constants, double *data);
  cudaError_t (*start)(const lane_batch *batch, const void *constants, cudaStream_t stream);
  cudaError_t (*run)(const lane_batch *batch, const lane_launch *launch, const void *constants,
                     cudaStream_t stream);
  cudaError_t (*finish)(const lane_batch *batch, const void *constants, cudaStream_t stream);
  cudaError_t (*record)(const lane_batch *batch, const void *constants, cudaStream_t stream);
  cudaError_t (*resident)(
      int *threads); /* threads of kernel_run that a multiprocessor holds at once */
};

/* the model of that name, or NULL (module.cu) */
const lane_model *lane_model_find(const char *name);

#endif
