/* SPDX-License-Identifier: MIT
 *
 * registers.h: slots of one thread each, for dynamics whose state is a few numbers: it stays in registers.
 *
 * The bound. A step of resnet is 43 double-precision instructions, 25 of them fma (models/conv/conv.h), and 4
 * comparisons, which take the same pipe. A multiprocessor of an A100, H100 or H200 starts 2 (A100: 1)
 * warps of them a cycle counted over its four schedulers, that is 64 (32) threads' instructions, so a step costs
 * at least 43/64 cycles per trial and multiprocessor: with fma counted twice, 68 flop of the 86 that 43 fma would
 * be, 79% of the fma peak. All instructions of a step are 66 on sm_90 (tests/tools/sass counts them), of which 128
 * threads' start a cycle: that is less than the 47 take. State, step sizes, clocks and coefficients (BASIN_LITERAL of
 * numeric/real.h) stay in registers; memory is touched where a trial
 * begins, ends or is recorded, and once per launch. So what is left to lose is idle threads: hence the refill
 * inside the launch, and the quorum that ends a launch for a warp of which most have nothing to do.
 */
#ifndef BASIN_CUDA_REGISTERS_H
#define BASIN_CUDA_REGISTERS_H

#include "lanes/kernels.h"

namespace {

enum {
  BLOCKS_FIRST = 64,
  BLOCKS_LEAST = 4
}; /* of steps, of the first launch and of the shortest */

/* a thread */
struct slot {
  enum {
    STATES = KIND_states,
    /* blocks that a multiprocessor shall hold: 96 registers a thread, 5 warps a scheduler */
    RESIDENT = 5,
    RESIDENT_WATCHING = 4, /* with numbers of observables and ladders */
    WHOLE_BLOCKS = 1,
    THREADS = LANE_BLOCK,
    WIDE = 0
  };
  real x[STATES], pace[BASIN_PACES_MAX];

  __device__ slot(const lane_batch &, const constants &) {}
  __device__ int number() const { return (int)(blockIdx.x * blockDim.x + threadIdx.x); }
  __device__ int slots() const { return (int)(gridDim.x * blockDim.x); }
  __device__ bool leader() const { return true; }
  __device__ void meet() const {}
  __device__ unsigned before() const { return (1u << threadIdx.x % LANE_WARP) - 1; }
  __device__ int64_t states(const constants &) const { return STATES; }

  __device__ basin_turn no_turn(const lane_batch &b) const {
    basin_turn t = {};
    t.data = b.data;
    t.team = team_alone();
    return t;
  }
  __device__ basin_turn turn(const lane_batch &b, int trial, int64_t step) const {
    basin_turn t = no_turn(b);
    t.pace = pace;
    t.trial = b.first + (uint64_t)trial;
    t.step = (uint64_t)step;
    return t;
  }
  __device__ void set_stage(const lane_batch &b, int stage) {
#pragma unroll
    for (int i = 0; i < BASIN_PACES_MAX; i++) pace[i] = b.stage_pace[stage * BASIN_PACES_MAX + i];
  }
  __device__ void start(const lane_batch &b, const constants &c, int trial) {
    KIND_start(&c.cell, turn(b, trial, 0), x);
  }
  template <int RULE>
  __device__ void step(const lane_batch &b, const constants &c, int, int trial, int64_t step) {
    if (RULE == WATCHING) paces_look_up(b.paces, step, pace);
    KIND_step(&c.cell, turn(b, trial, step), x);
  }
  template <int RULE>
  __device__ void ask(const lane_batch &b, const constants &c, mask *holds) const {
    if (asks_always<RULE>(c)) KIND_reached(&c.cell, no_turn(b), x, holds);
    else KIND_decide(&c.cell, no_turn(b), x, holds);
  }
  __device__ void observe(const lane_batch &b, const constants &c, int, double *seen) const {
    KIND_observe(&c.cell, no_turn(b), x, seen);
  }

  __device__ void get(const double *from, int64_t stride) {
#pragma unroll
    for (int i = 0; i < STATES; i++) x[i] = from[i * stride];
  }
  __device__ void put(double *to, int64_t stride) const {
#pragma unroll
    for (int i = 0; i < STATES; i++) to[i * stride] = canonical(x[i]);
  }
};

cudaError_t shape(const basin_setting *, lane_shape *out) {
  int blocks = 0;
  const cudaError_t bad = cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      &blocks, kernel_run<slot, EARLY_RULE>, LANE_BLOCK, 0);
  *out = lane_shape{};
  out->team = 1;
  out->block = LANE_BLOCK;
  out->resident = blocks * LANE_BLOCK;
  return bad;
}

cudaError_t start(const lane_batch *batch, const void *given, cudaStream_t stream) {
  return for_each(kernel_start<slot>, batch->to_draw - batch->drawn, 0, batch, given, stream);
}

cudaError_t run(const lane_batch *batch, const lane_launch *launch, const void *given,
                cudaStream_t stream) {
  if (lane_watches(batch))
    return run_with(kernel_run<slot, WATCHING>, batch, launch, given, stream);
  return ((const constants *)given)->tolerance_rule
             ? run_with(kernel_run<slot, TOLERANCE_RULE>, batch, launch, given, stream)
             : run_with(kernel_run<slot, EARLY_RULE>, batch, launch, given, stream);
}

cudaError_t finish_all(const lane_batch *batch, const void *given, cudaStream_t stream) {
  return for_each(kernel_observe<slot>, batch->count, 0, batch, given, stream);
}

cudaError_t record_all(const lane_batch *batch, const void *given, cudaStream_t stream) {
  return for_each(kernel_observe<slot>, batch->recorded * batch->times, 1, batch, given, stream);
}

} // namespace

#endif
