/* SPDX-License-Identifier: MIT
 *
 * pace_table.h: the paces of steps whose step sizes move (seam/paces.h), on a device: a row for each of the steps that
 * trials can come to in the next launch. The driver lengthens it before a launch, kernels look up in it:
 *
 *   status = pace_table_reach(&table, furthest + steps_of_the_launch, &batch.paces, stream);
 *
 * behind pace_table_open(). Trials that come to a step without a step size stop there: then table.bad is not above the
 * step of the one that is furthest.
 */
#ifndef BASIN_CUDA_PACE_TABLE_H
#define BASIN_CUDA_PACE_TABLE_H

#include "seam/model.h"
#include <cuda_runtime.h>

struct worker_buffer;

/* What kernels see: steps from `from` to before `end` have their paces in rows, those before `to` have one. */
struct lane_paces {
  const double *
      row; /* [to - from][width]: the paces of the bits of `columns`; the others are those of the stage */
  int64_t from, to, end;
  unsigned columns;
  int width;
};

/* The paces of n steps, at most PACE_BLOCK; of how many from the first on there are any: paces_fill of the model. */
enum { PACE_BLOCK = 512 };
typedef int64_t pace_maker(const basin_setting *setting, const void *constants, int64_t first,
                           int64_t n, double (*pace)[BASIN_PACES_MAX]);

struct pace_table {
  const basin_setting *setting;
  const void *constants;
  pace_maker *make;
  double base[BASIN_PACES_MAX]; /* what paces that do not move are */
  lane_paces known;             /* all but `row` */
  int64_t bad;        /* the first step without a step size, as far as is known; else INT64_MAX */
  double *host;       /* [room][width] */
  int64_t room, sent; /* rows */
  worker_buffer *buffer;
};

/* A table of no rows: the schedule's, whose stages have these paces [stages][BASIN_PACES_MAX]. */
void pace_table_open(pace_table *table, const basin_setting *setting, const void *constants,
                     const double *stage_pace, pace_maker *make, worker_buffer *buffer);
void pace_table_close(pace_table *table);

/* What comes of lengthening it: not enough memory on the host, more rows than a device's table may have, or what CUDA
   says, in *bad. */
enum pace_table_status { PACE_TABLE_OK, PACE_TABLE_FULL, PACE_TABLE_NO_MEMORY, PACE_TABLE_LOST };
pace_table_status pace_table_reach(pace_table *table, int64_t step, lane_paces *paces,
                                   cudaStream_t stream, cudaError_t *bad);

/* bytes of it that a plan reckons with: two paces of 10^6 steps, or of as many as a trial may take; else 0 */
size_t pace_table_bytes(const basin_setting *setting);

/* the device's copy has gone, with the buffer */
static inline void pace_table_forget(pace_table *table) { table->sent = 0; }

#ifdef __CUDACC__
#define PACE_DEVICE static __device__ __forceinline__
#else
#define PACE_DEVICE static inline
#endif

/* whether a step cannot be taken: it has no row */
PACE_DEVICE bool paces_are_missing(const lane_paces &p, int64_t step) {
  return step >= p.to && step < p.end;
}

/* whether the paces of a step are in the table */
PACE_DEVICE bool paces_move(const lane_paces &p, int64_t step) {
  return step >= p.from && step < p.end;
}

/* those of them that are, into pace */
PACE_DEVICE void paces_look_up(const lane_paces &p, int64_t step, double *pace) {
  if (!paces_move(p, step)) return;
  const double *row = p.row + (step - p.from) * p.width;
#pragma unroll
  for (int i = 0; i < BASIN_PACES_MAX; i++)
    if (p.columns >> i & 1) pace[i] = *row++;
}

#endif
