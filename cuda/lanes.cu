/* SPDX-License-Identifier: MIT
 *
 * lanes.cu: the kernels of one model whose state is a few numbers: one trial per thread, its state in registers.
 * Compiled once per model, with BASIN_MODEL and BASIN_MODEL_HEADER as host/lanes.c; nothing comes of it where the
 * model's population dynamics are in arrays.
 *
 * The bound. A step of resnet is 43 double-precision instructions, 25 of them fma (include/conv_relu.h), and some
 * 6 comparisons and minima, which take the same pipe. A multiprocessor of an A100, H100 or H200 starts 2 (A100: 1)
 * warps of them a cycle counted over its four schedulers, that is 64 (32) threads' instructions, so a step costs
 * at least 43/64 cycles per trial and multiprocessor: with fma counted twice, 68 flop of the 86 that 43 fma would
 * be, 79% of the fma peak. State, step sizes and clocks stay in registers; memory is touched where a trial
 * begins, ends or is recorded, and once per launch. So what is left to lose is idle threads: hence the refill
 * inside the launch, and the quorum that ends a launch for a warp of which most have nothing to do.
 */
#include "lanes.h"
#include BASIN_MODEL_HEADER

#if BASIN_HAS_population == BASIN_REGISTERS

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define MODEL(what) PASTE(BASIN_MODEL, PASTE(_, what))
#define DYNAMICS(what) MODEL(what)

namespace {
struct constants_more {};
} // namespace

#include "trials.h"

namespace {

/* a thread */
struct slot {
  typedef MODEL(state) model_state;
  enum {
    STATES = sizeof(model_state) / sizeof(double),
    /* blocks that a multiprocessor shall hold: 96 registers a thread, 5 warps a scheduler */
    RESIDENT = 5,
    WHOLE_BLOCKS = 1
  };
  model_state x;
  model_rates rates;

  __device__ slot(const lane_batch &, const constants &) {}
  __device__ int number() const { return (int)(blockIdx.x * blockDim.x + threadIdx.x); }
  __device__ int slots() const { return (int)(gridDim.x * blockDim.x); }
  __device__ bool leader() const { return true; }
  __device__ unsigned before() const { return (1u << threadIdx.x % LANE_WARP) - 1; }
  __device__ int64_t states(const constants &) const { return STATES; }

  __device__ void set_stage(const constants &c, int stage) {
    memcpy(&rates, &c.stage[stage], sizeof rates);
  }
  __device__ void start(const lane_batch &b, const constants &c, int trial) {
    MODEL(start)(&c.cell, b.data, team_alone(), b.first + (uint64_t)trial, &x);
  }
  __device__ void step(const lane_batch &, const constants &c, int, int, int64_t) {
    MODEL(step)(&c.cell, &rates, &x);
  }
  template <bool TOLERANCE>
  __device__ void ask(const lane_batch &, const constants &c, mask *holds) const {
    if (TOLERANCE) MODEL(reached)(&c.cell, &x, holds);
    else MODEL(decide)(&c.cell, &x, holds);
  }
  __device__ void observe(const lane_batch &, const constants &c, double *seen) const {
    MODEL(observe)(&c.cell, &x, seen);
  }

  __device__ void get(const double *from, int64_t stride) {
    double state[STATES];
#pragma unroll
    for (int i = 0; i < STATES; i++) state[i] = from[i * stride];
    memcpy(&x, state, sizeof x);
  }
  __device__ void put(double *to, int64_t stride) const {
    double state[STATES];
    memcpy(state, &x, sizeof x);
#pragma unroll
    for (int i = 0; i < STATES; i++) to[i * stride] = canonical(state[i]);
  }
};

int64_t states(const basin_setting *) { return slot::STATES; }

void prepare(const basin_setting *setting, void *out, double *data) {
  prepare_constants(setting, (constants *)out, data);
}

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
  return ((const constants *)given)->tolerance_rule
             ? for_each(kernel_start<slot, TOLERANCE_RULE>, batch->to_draw - batch->drawn, batch,
                        given, stream)
             : for_each(kernel_start<slot, EARLY_RULE>, batch->to_draw - batch->drawn, batch, given,
                        stream);
}

cudaError_t run(const lane_batch *batch, const lane_launch *launch, const void *given,
                cudaStream_t stream) {
  return ((const constants *)given)->tolerance_rule
             ? run_with(kernel_run<slot, TOLERANCE_RULE>, batch, launch, given, stream)
             : run_with(kernel_run<slot, EARLY_RULE>, batch, launch, given, stream);
}

cudaError_t finish_all(const lane_batch *batch, const void *given, cudaStream_t stream) {
  return for_each(kernel_finish<slot>, batch->count, batch, given, stream);
}

cudaError_t record_all(const lane_batch *batch, const void *given, cudaStream_t stream) {
  return for_each(kernel_record<slot>, batch->recorded * batch->times, batch, given, stream);
}

} // namespace

#define TABLE PASTE(lane_model_, PASTE(BASIN_MODEL, _population))
extern const lane_model TABLE;
const lane_model TABLE = {
    TEXT(BASIN_MODEL), MODEL_OBSERVED, 64,    4,   sizeof(constants), states,     data_size,
    prepare,           shape,          start, run, finish_all,        record_all,
};

#endif
