/* SPDX-License-Identifier: MIT
 *
 * dataset.h: the seam between the driver of a part with a data set (dataset_driver.cu) and the kernels of a model
 * (dataset.cu).
 *
 * FIXED_COLUMNS trials of the part advance together, a column of the matrices each; trial number t keeps to column
 * t mod FIXED_COLUMNS, as in host/engine/dataset.c, whose twin this is. A step is
 *
 *   kernel_begin      idle columns take their next trial; filters and coefficients of all
 *   for each tile of the data set
 *     cuBLAS          U = Z F
 *     kernel_residual residuals and weights
 *     kernel_slope    the gradient by the coefficients, and the risk
 *     cuBLAS          G = G + Z'W
 *   kernel_settle     records and ends at the present states; the others move
 *
 * With mini-batches kernel_see and kernel_pull take the place of the products, in the order of host/engine/dataset.c.
 */
#ifndef BASIN_CUDA_DATASET_H
#define BASIN_CUDA_DATASET_H

#include "seam/backend.h"
#include "seam/clock.h"
#include "seam/flights.h"
#include <cuda_runtime.h>

enum { FIXED_COLUMNS = 128, FIXED_BLOCK = 128, FIXED_IDLE = -1 };

/* What kernels count for the driver. */
struct fixed_counters {
  int live;                 /* columns with a trial, after the latest step */
  unsigned long long ended; /* trials that have ended in this call */
  unsigned long long steps; /* taken in this call */
};

/* Everything of a part, on the device. */
struct fixed_batch {
  uint64_t first; /* number of the part's first trial */
  int64_t count, recorded, times;
  int finals, observables, keep_states, wants_risk;
  int64_t rows, width, states, n, batch, set, tile;
  double tolerance_gradient;
  int64_t max_steps;

  const double *data;  /* constants of the cell */
  const int64_t *time; /* [times] */
  const int *final_of, *observable_of;
  double *z, *label; /* [n][rows][width], [n] */

  int8_t *outcome;                             /* [count] */
  int64_t *steps;                              /* [count] */
  double *final_value, *record, *record_state; /* as in basin_part */
  int *flight_of;                              /* [count] index of a trial's flight, -1: none */
  const int64_t *flight_step;                  /* [flights] */
  const double *flight_state;                  /* [flights][states] */

  /* columns */
  int64_t *trial, *step, *next; /* trial: index in the part, or FIXED_IDLE */
  basin_clock *clock;
  double *state;                   /* [FIXED_COLUMNS][states] */
  double *f, *a, *grad_f, *grad_a; /* [width or rows][FIXED_COLUMNS] */
  double *loss;                    /* [FIXED_COLUMNS] sum of r^2 */
  double *u, *w;   /* [tile * rows][FIXED_COLUMNS]; an input a mini-batch draws, likewise */
  double *r;       /* [tile][FIXED_COLUMNS] */
  int64_t *chosen; /* [tile][FIXED_COLUMNS] numbers of a mini-batch's inputs */
  fixed_counters *counters;
};

/* The kernels of one model. */
struct fixed_model {
  const char *name, *kind;
  size_t constants_size;
  int (*prepare)(const basin_setting *setting, void *constants,
                 double *data); /* 0: wrong setting */
  cudaError_t (*draw)(const fixed_batch *b, const void *constants, cudaStream_t stream);
  cudaError_t (*begin)(const fixed_batch *b, const void *constants, cudaStream_t stream);
  cudaError_t (*weigh)(const fixed_batch *b, int64_t first, int64_t inputs, const void *constants,
                       cudaStream_t stream);
  cudaError_t (*choose)(const fixed_batch *b, int64_t first, int64_t inputs, const void *constants,
                        cudaStream_t stream);
  cudaError_t (*settle)(const fixed_batch *b, const void *constants, cudaStream_t stream);
};

/* the model of that name, if `kind` is driven by products and the module has it; or NULL */
const fixed_model *fixed_model_find(const char *name, const char *kind);

/* What a worker keeps for such parts. */
struct fixed_worker;
void fixed_worker_free(fixed_worker *worker);

#endif
