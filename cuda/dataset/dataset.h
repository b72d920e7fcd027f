/* SPDX-License-Identifier: MIT
 *
 * dataset.h: the seam between the driver of a part with a data set (dataset_driver.cu), which decides what to launch,
 * and the kernels of a model (dataset.cu), which do what lies around the matrix products.
 *
 * SEATS trials of the part advance together, each the owner of a column of the matrices: its seat. Trial number t has
 * seat t mod SEATS, as in host/engine/dataset.c, whose twin this is: of the trials 0 .. 299 seat 5 has 5, 133 and 261,
 * one after the other. A step is, in kernels and products,
 *
 *   kernel_begin      idle seats take their next trial; filters and coefficients of all
 *   for each tile of the data set
 *     cuBLAS          U = Z F
 *     kernel_residual residuals and weights
 *     kernel_slope    the gradient by the coefficients, and the risk
 *     cuBLAS          G = G + Z'W
 *   kernel_passages   where there are any: those at the present states
 *   kernel_when       where there is stop.when: whether it holds there
 *   kernel_settle     records and ends at the present states; the others move
 *
 * and in calls of the driver, with one tile of all n inputs,
 *
 *   model->begin(b, constants, stream);
 *   blas_product(blas, n * b->rows, SEATS, b->width, b->z, b->f, b->u);
 *   model->weigh(b, 0, n, constants, stream);
 *   blas_product_add(blas, n * b->rows, SEATS, b->width, b->z, b->w, b->grad_f);
 *   model->settle(b, constants, stream);
 *
 * With mini-batches kernel_see and kernel_pull take the place of the products, in the order of host/engine/dataset.c.
 */
#ifndef BASIN_CUDA_DATASET_H
#define BASIN_CUDA_DATASET_H

#include "pace_table.h"
#include "seam/backend.h"
#include "seam/clock.h"
#include "seam/condition.h"
#include "seam/flights.h"
#include "seam/passage.h"
#include <cuda_runtime.h>

enum { SEATS = 128, DATASET_BLOCK = 128, DATASET_IDLE = -1 };

/* What kernels count for the driver. */
struct dataset_counters {
  int live;                 /* seats with a trial, after the latest step */
  unsigned long long ended; /* trials that have ended in this call */
  unsigned long long steps; /* taken in this call */
  unsigned long long
      furthest; /* where step sizes move: the steps of the trial with most that goes on */
};

/* Everything of a part, on the device. */
struct dataset_batch {
  uint64_t first; /* number of the part's first trial */
  int64_t count, recorded, times;
  int finals, observables, keep_states;
  int wants_risk, watches_risk, asks_risk; /* recorded or kept; of passages; of stop.when */
  int64_t rows, width, states, works, n, batch, set, tile; /* works: reals of a step's scratch */
  double tolerance_gradient;

  const double *data;       /* constants of the cell */
  const int64_t *time;      /* [times] */
  const int64_t *stage_end; /* [stages] the course's */
  const double *stage_pace; /* [stages][BASIN_PACES_MAX] */
  lane_paces paces;         /* of steps whose step sizes move */
  int moves;                /* whether any do */
  const int *final_of, *observable_of;
  double *z, *label; /* [n][rows][width], [n] */

  int8_t *outcome;                             /* [count] */
  int64_t *steps;                              /* [count] */
  double *final_value, *record, *record_state; /* as in basin_part */
  double *end;                                 /* [states][count], or NULL */
  basin_ladders ladders;
  const basin_passage *passage_of; /* [job's passages] */
  int64_t *passage;                /* [job's passages][count] */
  const basin_condition *when;     /* stop.when, or NULL */
  int *flight_of;                  /* [count] index of a trial's flight, -1: none */
  const int64_t *flight_step;      /* [flights] */
  const double *flight_state;      /* [flights][states] */

  /* seats */
  int64_t *trial, *step, *next; /* trial: index in the part, or DATASET_IDLE */
  basin_clock *clock;
  int *holds;                      /* whether stop.when does; of jobs that have it */
  double *state, *work;            /* [SEATS][states], [SEATS][works] */
  double *f, *a, *grad_f, *grad_a; /* [width or rows][SEATS] */
  double *loss;                    /* [SEATS] sum of r^2 */
  double *u, *w;                   /* [tile * rows][SEATS]; an input a mini-batch draws, likewise */
  double *r;                       /* [tile][SEATS] */
  int64_t *chosen;                 /* [tile][SEATS] numbers of a mini-batch's inputs */
  dataset_counters *counters;
};

/* The kernels of one model. */
struct dataset_model {
  const char *name, *kind;
  size_t constants_size;
  int observables;
  /* the sizes of the cell by this build of the model; its constants; 0: the setting is wrong */
  int (*sizes)(const basin_setting *setting, basin_size *size);
  int (*prepare)(const basin_setting *setting, void *constants, double *data, int64_t *stage_end,
                 double *stage_pace);
  pace_maker *paces;
  cudaError_t (*draw)(const dataset_batch *b, const void *constants, cudaStream_t stream);
  cudaError_t (*begin)(const dataset_batch *b, const void *constants, cudaStream_t stream);
  cudaError_t (*weigh)(const dataset_batch *b, int64_t first, int64_t inputs, const void *constants,
                       cudaStream_t stream);
  cudaError_t (*choose)(const dataset_batch *b, int64_t first, int64_t inputs,
                        const void *constants, cudaStream_t stream);
  cudaError_t (*settle)(const dataset_batch *b, const void *constants, cudaStream_t stream);
};

/* the model of that name, if `kind` is driven by products and the module has it; or NULL */
const dataset_model *dataset_model_find(const char *name, const char *kind);

/* What a worker keeps for such parts. */
struct dataset_worker;
void dataset_worker_free(dataset_worker *worker);

#endif
