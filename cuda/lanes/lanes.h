/* SPDX-License-Identifier: MIT
 *
 * lanes.h: the seam between the driver of a part (driver.cu), which decides what to launch, and the kernels of a model
 * (lanes.cu), which step its trials. The driver finds a model's kernels and calls them, a batch at a time:
 *
 *   const lane_model *model = lane_model_find(job->model, "population");
 *   model->start(&batch, constants, stream);
 *   model->run(&batch, &launch, constants, stream);        again and again, while trials are under way or queued
 *   model->finish(&batch, constants, stream);
 *   model->record(&batch, constants, stream);              where trajectories are recorded
 *
 * A batch is a run of trials of a part whose arrays lie on the device. Its trials are counted from the batch's
 * first; arrays over trials are [count], several of them [row][count]. A slot is what holds one trial at a time: a
 * thread, with the state in registers (registers.h), or a team of threads, with the state in an array (teams.h), which
 * may be a whole block: a wide slot.
 *
 *   kernel_start   draws every trial that has not begun, ends those that end at step 0, queues the others
 *   kernel_run     one trial per slot, many blocks of BASIN_DECIDE_EVERY steps, or of fewer where the state is an
 *                  array; a slot whose trial ends takes the next one from the queue
 *   kernel_observe the observables of every trial that has ended, and the passages of one that did so at its start; or
 *                  the observables of every recorded state
 *
 * Which slot runs a trial, and in how many launches, does not enter its result.
 */
#ifndef BASIN_CUDA_LANES_H
#define BASIN_CUDA_LANES_H

#include "pace_table.h"
#include "seam/backend.h"
#include "seam/condition.h"
#include "seam/flights.h"
#include "seam/passage.h"
#include <cuda_runtime.h>

enum {
  LANE_WARP = 32,
  LANE_BLOCK = 128, /* threads of a block, at most, but where a slot is one */
  LANE_ENDED = 64   /* or-ed to the outcome of a trial whose observables are not made yet */
};

/* What kernels count for the driver. */
struct lane_counters {
  int queued;               /* trials in the queue, from its beginning */
  int taken;                /* of those, taken by slots; may run past the end of the queue */
  int live;                 /* trials put back under way by this launch */
  unsigned long long steps; /* steps taken by this launch */
  unsigned long long
      furthest; /* where step sizes move: the steps of the trial under way with most */
};

/* How the slots of a part lie on the device. */
struct lane_shape {
  int team;      /* threads of a slot: a power of two, at most LANE_WARP, or a block's */
  int block;     /* threads of a block: a multiple of LANE_WARP */
  int resident;  /* slots of kernel_run that a multiprocessor holds at once */
  int shared;    /* whether the slots' memory is shared memory; else it is lane_batch.memory */
  int64_t reals; /* doubles of a slot's memory; 0 where all is in registers */
};

static inline int lane_slots_of_block(const lane_shape *shape) {
  return shape->block / shape->team;
}

/* whether a slot is a whole block; then its states are long: what is recorded of them is made at once */
static inline int lane_is_wide(const lane_shape *shape) { return shape->team > LANE_WARP; }

/* bytes of device memory that a slot needs */
static inline int64_t lane_slot_bytes(const lane_shape *shape) {
  return shape->shared ? 0 : shape->reals * (int64_t)sizeof(double);
}

/* The arrays of a batch. All pointers are to device memory. */
struct lane_batch {
  uint64_t first; /* number of the first trial */
  int count, recorded;
  int finals, observables;
  int64_t times;

  const double *data;        /* constants of the cell, see model.h */
  const double *set, *label; /* its data set, or NULL */
  int risk;                  /* who asks for what is in BASIN_RISK_TABLE (seam/entry.h) */
  const int64_t *time;       /* [times] recorded steps */
  const int64_t *stage_end;  /* [stages] the course's */
  const double *stage_pace;  /* [stages][BASIN_PACES_MAX] */
  lane_paces paces;          /* of steps whose step sizes move */
  int moves;                 /* whether any do */
  const int *final_of,
      *observable_of; /* [finals], [observables] indices in the model's table, or -1 */

  int8_t *outcome;
  int64_t *steps;      /* taken so far */
  double *final_value; /* [finals][count] */
  double *record;      /* [observables][recorded][times] */
  double *
      record_state; /* [recorded][times][states]; all ones where nothing is recorded yet. Or NULL */
  double *state;    /* [states][count] of the trials under way */
  int64_t *passage; /* [job's passages][count] */
  int *queue;       /* [count] trials that no slot has taken yet */
  lane_counters *counters;

  basin_ladders ladders;
  const basin_passage *passage_of; /* [job's passages] */
  const basin_condition *when;     /* stop.when, or NULL */

  lane_shape shape;
  double *memory;     /* [slots][shape.reals], or NULL where none is needed */
  int slots;          /* of a launch, at most; a multiple of those of a block */
  int drawn, to_draw; /* kernel_start draws the trials from the first to before the second */
};

/* whether something else than the rule is looked at behind every step, or step sizes move */
static inline int lane_watches(const lane_batch *batch) {
  return batch->moves || batch->when || batch->ladders.count > 0;
}

/* One launch of kernel_run. */
struct lane_launch {
  int slots;          /* a multiple of those of a block, at least `live` */
  int live, queued;   /* trials under way; end of the queue */
  const int *live_in; /* [live] the trials under way: one each for the first slots */
  int *live_out;      /* [slots] those under way at the end of the launch */
  int blocks;         /* of steps, for every slot */
  int block_steps;    /* a power of two; BASIN_DECIDE_EVERY where the state is in registers */
  int quorum;         /* a warp gives up its trials where fewer of its slots have one */
};

/* The kernels of one model and kind of dynamics. */
struct lane_model {
  const char *name, *kind;
  int observables;                /* of its table */
  int blocks_first, blocks_least; /* of the first launch, and of the shortest */
  size_t constants_size;          /* bytes of the constants that every launch is given */

  /* the sizes of the cell by this build of the model; its constants; 0: the setting is wrong */
  int (*sizes)(const basin_setting *setting, basin_size *size);
  int (*prepare)(const basin_setting *setting, void *constants, double *data, int64_t *stage_end,
                 double *stage_pace);
  pace_maker *paces;
  cudaError_t (*shape)(const basin_setting *setting, lane_shape *shape); /* on the current device */
  cudaError_t (*start)(const lane_batch *batch, const void *constants, cudaStream_t stream);
  cudaError_t (*run)(const lane_batch *batch, const lane_launch *launch, const void *constants,
                     cudaStream_t stream);
  cudaError_t (*finish)(const lane_batch *batch, const void *constants, cudaStream_t stream);
  cudaError_t (*record)(const lane_batch *batch, const void *constants, cudaStream_t stream);
};

/* the kernels of a model, or NULL where the module lacks it or the dynamics (module.cu) */
const lane_model *lane_model_find(const basin_model *model, const char *kind);

#endif
