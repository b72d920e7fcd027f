/* SPDX-License-Identifier: MIT
 *
 * lanes.cu: the kernels of one model, and their launches. Compiled once per model, with BASIN_MODEL and
 * BASIN_MODEL_HEADER as host/lanes.c, whose twin it is: what a trial does at which step is the same here and
 * there, to the bit.
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

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define MODEL(what) PASTE(BASIN_MODEL, PASTE(_, what))
#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)

/* a model with its state in arrays has no kernels here: lane_model_find() does not find it */
#if BASIN_HAS_population == BASIN_ARRAYS
extern const lane_model PASTE(lane_model_, BASIN_MODEL);
const lane_model PASTE(lane_model_, BASIN_MODEL) = {};
#else

namespace {

typedef MODEL(cell) model_cell;
typedef MODEL(stage) model_stage;
typedef MODEL(rates) model_rates;
typedef MODEL(state) model_state;

enum {
  STATES = sizeof(model_state) / sizeof(double),
  RESIDENT =
      5, /* blocks that a multiprocessor shall hold: 96 registers a thread, 5 warps a scheduler */
  MODEL_OBSERVED = 0
#define COUNT(name, unit, meaning) +1
  MODEL(OBSERVABLES)(COUNT)
#undef COUNT
};

/* What is the same for all trials of a part: a kernel argument, so it is read through the constant cache. */
struct constants {
  model_cell cell;
  int64_t max_steps;
  int64_t stage_end[BASIN_STAGES_MAX]; /* first step behind each stage */
  model_stage stage[BASIN_STAGES_MAX];
  int tolerance_rule;
};
static_assert(sizeof(constants) + sizeof(lane_batch) + sizeof(lane_launch) <= 4096,
              "more than a kernel's arguments may take");
static_assert(sizeof(model_rates) == sizeof(model_stage), "name_rates is name_stage, as lanes");

/* A thread's trial. */
struct lane {
  int trial; /* in the batch; -1: none */
  int stage;
  int64_t step, event; /* steps taken; step of the next stage, record or end */
  int next_time;       /* index of the next recorded step */
  model_rates rates;
};

/* ---- what is asked of a state ---- */

/* the outcome that holds for x by the rule of this run, or UNRESOLVED */
template <bool TOLERANCE> __device__ int ask(const constants &c, const model_state &x) {
  mask holds[BASIN_OUTCOMES] = {};
  if (TOLERANCE) MODEL(reached)(&c.cell, &x, holds);
  else MODEL(decide)(&c.cell, &x, holds);
  int outcome = BASIN_UNRESOLVED;
#pragma unroll
  for (int o = BASIN_OUTCOMES - 1; o > 0; o--)
    if (holds[o]) outcome = o;
  return outcome;
}

/* one NaN only, whatever the sign and payload: the one that C's NAN is */
__device__ double canonical(double x) { return x == x ? x : r_from_bits(0x7ff8000000000000u); }

/* one of the observables, NaN for -1; no indexing, which would take the array out of the registers */
__device__ double pick(const double seen[MODEL_OBSERVED], int index) {
  double value = r_from_bits(0x7ff8000000000000u);
#pragma unroll
  for (int i = 0; i < MODEL_OBSERVED; i++)
    if (i == index) value = seen[i];
  return canonical(value);
}

/* ---- the life of a trial ---- */

__device__ void load(const lane_batch &b, int trial, model_state *x) {
  double state[STATES];
#pragma unroll
  for (int i = 0; i < STATES; i++) state[i] = b.state[(int64_t)i * b.count + trial];
  memcpy(x, state, sizeof *x);
}

__device__ void store(const lane_batch &b, int trial, int64_t step, const model_state &x) {
  double state[STATES];
  memcpy(state, &x, sizeof x);
#pragma unroll
  for (int i = 0; i < STATES; i++) b.state[(int64_t)i * b.count + trial] = state[i];
  b.steps[trial] = step;
}

/* keep the state of a recorded trial; kernel_record makes the observables of it */
__device__ void record(const lane_batch &b, int trial, int time, const model_state &x) {
  double state[STATES];
  memcpy(state, &x, sizeof x);
#pragma unroll
  for (int i = 0; i < STATES; i++)
    b.record_state[(trial * b.times + time) * STATES + i] = canonical(state[i]);
}

/* end a trial; kernel_finish makes the observables of its last state */
__device__ void finish(const lane_batch &b, int trial, int outcome, int64_t step,
                       const model_state &x) {
  b.outcome[trial] = (int8_t)(LANE_ENDED | outcome);
  store(b, trial, step, x);
}

/* whether the lane's trial is to be recorded at some later step, or now */
__device__ bool awaits_record(const lane_batch &b, const lane &l) {
  return l.trial < b.recorded && l.next_time < b.times;
}

/* step of the next event: the end of the stage, the next record, or max_steps */
__device__ void schedule(const lane_batch &b, const constants &c, lane &l) {
  l.event = c.max_steps;
  if (c.stage_end[l.stage] < l.event) l.event = c.stage_end[l.stage];
  if (awaits_record(b, l) && b.time[l.next_time] < l.event) l.event = b.time[l.next_time];
}

__device__ void set_stage(const constants &c, lane &l, int stage) {
  l.stage = stage;
  memcpy(&l.rates, &c.stage[stage], sizeof l.rates);
}

/* what is due at the lane's present step: a record, the end of the trial, the next stage */
template <bool TOLERANCE>
__device__ void events(const lane_batch &b, const constants &c, lane &l, const model_state &x) {
  while (l.event == l.step) {
    if (awaits_record(b, l) && b.time[l.next_time] == l.step) record(b, l.trial, l.next_time++, x);
    if (l.step == c.max_steps) {
      finish(b, l.trial, ask<TOLERANCE>(c, x), l.step, x);
      l.trial = -1;
      return;
    }
    if (l.step == c.stage_end[l.stage]) set_stage(c, l, l.stage + 1);
    schedule(b, c, l);
  }
}

/* take up a trial whose state is in memory; what was due before its present step is done */
template <bool TOLERANCE>
__device__ void take_up(const lane_batch &b, const constants &c, int trial, lane &l,
                        model_state *x) {
  int stage = 0;
  load(b, trial, x);
  l.trial = trial;
  l.step = b.steps[trial];
  l.next_time = 0;
  while (c.stage_end[stage] <= l.step) stage++;
  set_stage(c, l, stage);
  while (l.step > 0 && awaits_record(b, l) && b.time[l.next_time] <= l.step) l.next_time++;
  schedule(b, c, l);
  events<TOLERANCE>(b, c, l, *x);
}

/* one block: the steps up to the next multiple of BASIN_DECIDE_EVERY, with what falls due on the way */
template <bool TOLERANCE>
__device__ void block(const lane_batch &b, const constants &c, lane &l, model_state *x) {
  int outcome = BASIN_UNRESOLVED;
  do {
    const int64_t until = l.event - l.step;
    const int left = BASIN_DECIDE_EVERY - (int)(l.step % BASIN_DECIDE_EVERY);
    const int n = until < left ? (int)until : left;
    int i = 0;
#pragma unroll 1
    for (; i < n && outcome == BASIN_UNRESOLVED; i++) {
      MODEL(step)(&c.cell, &l.rates, x);
      if (TOLERANCE) outcome = ask<true>(c, *x);
    }
    l.step += i;
    events<TOLERANCE>(b, c, l, *x);
    if (!TOLERANCE && l.trial >= 0 && l.step % BASIN_DECIDE_EVERY == 0) outcome = ask<false>(c, *x);
    if (l.trial >= 0 && outcome != BASIN_UNRESOLVED) {
      finish(b, l.trial, outcome, l.step, *x);
      l.trial = -1;
    }
  } while (l.trial >= 0 && l.step % BASIN_DECIDE_EVERY != 0);
}

/* ---- kernels ---- */

template <bool TOLERANCE>
__global__ void kernel_start(const __grid_constant__ lane_batch b,
                             const __grid_constant__ constants c) {
  const int trial = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  if (trial >= b.count || b.outcome[trial] != -1) return;
  model_state x;
  MODEL(start)(&c.cell, b.data, b.first + (uint64_t)trial, &x);
  const int outcome = ask<TOLERANCE>(c, x);
  if (outcome != BASIN_UNRESOLVED) {
    if (trial < b.recorded && b.times > 0 && b.time[0] == 0) record(b, trial, 0, x);
    finish(b, trial, outcome, 0, x);
    return;
  }
  store(b, trial, 0, x);
  b.queue[atomicAdd(&b.counters->queued, 1)] = trial;
}

/* every thread of a warp comes to every vote, whether it has a trial or not */
template <bool TOLERANCE>
__global__ void __launch_bounds__(LANE_BLOCK, RESIDENT)
    kernel_run(const __grid_constant__ lane_batch b, const __grid_constant__ constants c,
               const __grid_constant__ lane_launch launch) {
  const unsigned all = 0xffffffffu;
  const int thread = (int)(blockIdx.x * blockDim.x + threadIdx.x), rank = thread % LANE_WARP;
  unsigned long long steps = 0;
  int more = launch.queued > 0, quorum = launch.quorum;
  model_state x;
  lane l;
  l.trial = -1;
  if (thread < launch.live) take_up<TOLERANCE>(b, c, launch.live_in[thread], l, &x);

  for (int left = launch.blocks; left > 0; left--) {
    /* the idle threads of the warp take the next trials of the queue, in one go */
    const unsigned idle = __ballot_sync(all, l.trial < 0);
    if (idle && more) {
      int next = 0;
      if (rank == 0) next = atomicAdd(&b.counters->taken, __popc(idle));
      next = __shfl_sync(all, next, 0);
      more = next + __popc(idle) < launch.queued;
      next += __popc(idle & ((1u << rank) - 1));
      if (l.trial < 0 && next < launch.queued) take_up<TOLERANCE>(b, c, b.queue[next], l, &x);
    }

    /* a warp with too few trials hands them back, to be packed with others by the next launch */
    const int running = __popc(__ballot_sync(all, l.trial >= 0));
    if (left == launch.blocks && running / 2 < quorum) quorum = (running + 1) / 2;
    if (!more && running < quorum) break;
    if (!more && !running) break;
    if (l.trial >= 0) {
      const int64_t before = l.step;
      block<TOLERANCE>(b, c, l, &x);
      steps += (unsigned long long)(l.step - before);
    }
  }
  if (l.trial >= 0) {
    store(b, l.trial, l.step, x);
    launch.live_out[atomicAdd(&b.counters->live, 1)] = l.trial;
  }
  if (steps) atomicAdd(&b.counters->steps, steps);
}

/* the observables of the trials that ended since the last call, one per thread */
__global__ void kernel_finish(const __grid_constant__ lane_batch b,
                              const __grid_constant__ constants c) {
  const int trial = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  if (trial >= b.count || b.outcome[trial] < LANE_ENDED) return;
  const int outcome = b.outcome[trial] & ~LANE_ENDED;
  model_state x;
  double seen[MODEL_OBSERVED];
  load(b, trial, &x);
  MODEL(observe)(&c.cell, &x, seen);
  for (int i = 0; i < b.finals; i++)
    b.final_value[(int64_t)i * b.count + trial] = pick(
        seen, outcome == BASIN_DIVERGED ? -1 : b.final_of[i]);
  b.outcome[trial] = (int8_t)outcome;
}

/* the observables of the recorded states, one state per thread; a state that was not recorded is all ones */
__global__ void kernel_record(const __grid_constant__ lane_batch b,
                              const __grid_constant__ constants c) {
  const int64_t at = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= b.recorded * b.times || r_bits(b.record_state[at * STATES]) == ~(uint64_t)0) return;
  double state[STATES], seen[MODEL_OBSERVED];
  model_state x;
#pragma unroll
  for (int i = 0; i < STATES; i++) state[i] = b.record_state[at * STATES + i];
  memcpy(&x, state, sizeof x);
  MODEL(observe)(&c.cell, &x, seen);
  for (int i = 0; i < b.observables; i++)
    b.record[i * b.recorded * b.times + at] = pick(seen, b.observable_of[i]);
}

/* ---- launches ---- */

int64_t data_size(const basin_setting *setting) { return MODEL(data_size)(setting); }

void prepare(const basin_setting *setting, void *out, double *data) {
  constants *c = (constants *)out;
  int64_t end = 0;
  memset((void *)c, 0, sizeof *c);
  MODEL(prepare)(setting, &c->cell, data);
  c->max_steps = setting->stop.max_steps;
  c->tolerance_rule = setting->stop.tolerance > 0;
  for (int s = 0; s < setting->stages; s++) {
    MODEL(stage_prepare)(&c->cell, setting->stage[s].eta, &c->stage[s]);
    end = s == setting->stages - 1 ? INT64_MAX : end + setting->stage[s].steps;
    c->stage_end[s] = end;
  }
}

/* a thread for each of n */
template <class Kernel>
cudaError_t for_each(Kernel kernel, int64_t n, const lane_batch *batch, const void *given,
                     cudaStream_t stream) {
  lane_batch b = *batch;
  constants c = *(const constants *)given;
  void *argument[] = {&b, &c};
  return cudaLaunchKernel(kernel, dim3((unsigned)((n + LANE_BLOCK - 1) / LANE_BLOCK)),
                          dim3(LANE_BLOCK), argument, 0, stream);
}

cudaError_t start(const lane_batch *batch, const void *given, cudaStream_t stream) {
  return ((const constants *)given)->tolerance_rule
             ? for_each(kernel_start<true>, batch->count, batch, given, stream)
             : for_each(kernel_start<false>, batch->count, batch, given, stream);
}

cudaError_t finish_all(const lane_batch *batch, const void *given, cudaStream_t stream) {
  return for_each(kernel_finish, batch->count, batch, given, stream);
}

cudaError_t record_all(const lane_batch *batch, const void *given, cudaStream_t stream) {
  return for_each(kernel_record, batch->recorded * batch->times, batch, given, stream);
}

cudaError_t run(const lane_batch *batch, const lane_launch *launch, const void *given,
                cudaStream_t stream) {
  lane_batch b = *batch;
  lane_launch l = *launch;
  constants c = *(const constants *)given;
  void *argument[] = {&b, &c, &l};
  const dim3 grid((unsigned)(l.threads / LANE_BLOCK)), threads(LANE_BLOCK);
  return c.tolerance_rule ? cudaLaunchKernel(kernel_run<true>, grid, threads, argument, 0, stream)
                          : cudaLaunchKernel(kernel_run<false>, grid, threads, argument, 0, stream);
}

cudaError_t resident(int *threads) {
  int blocks = 0;
  const cudaError_t bad = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel_run<false>,
                                                                        LANE_BLOCK, 0);
  *threads = blocks * LANE_BLOCK;
  return bad;
}

} // namespace

extern const lane_model PASTE(lane_model_, BASIN_MODEL);
const lane_model PASTE(lane_model_, BASIN_MODEL) = {
    TEXT(BASIN_MODEL), STATES,     MODEL_OBSERVED, sizeof(constants),
    data_size,         prepare,    start,          run,
    finish_all,        record_all, resident,
};
#endif
