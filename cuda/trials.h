/* SPDX-License-Identifier: MIT
 *
 * trials.h: the kernels, and the life of a trial in them: when it is recorded, goes on to the next stage, is asked
 * for its outcome and ends. Included once by lanes.cu and by teams.cu, the twins of the two ways in which
 * host/lanes.c runs: what a trial does at which step is the same here and there, to the bit.
 *
 * Who includes this has defined MODEL(what) and DYNAMICS(what) as host/lanes.c, and defines
 *
 *   constants_more   a structure that is a part of `constants`, plain data
 *   a class Slot     one for each way in which slots hold trials:
 *     Slot(b, c)                    the slot of this thread
 *     number(), slots()             its number in the grid; how many there are
 *     WHOLE_BLOCKS                  whether all blocks have BASIN_DECIDE_EVERY steps, a constant
 *     leader()                      whether this thread speaks for its slot
 *     before()                      the threads of the warp before those of the slot, a bit each
 *     set_stage(c, stage)           the stage of the next steps
 *     start(b, c, trial), step(b, c, stage, trial, step), observe(b, c, seen)     name_start and so on
 *     states(c)                     reals of a state
 *     ask<TOLERANCE>(b, c, holds)   name_reached, or name_decide
 *     get(from, stride), put(to, stride)   the state from memory and into it, real i at i * stride
 *
 * All threads of a slot go the same way and hold the same numbers.
 */
#ifndef BASIN_CUDA_TRIALS_H
#define BASIN_CUDA_TRIALS_H

#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)

namespace {

typedef MODEL(cell) model_cell;
typedef DYNAMICS(stage) model_stage;
typedef DYNAMICS(rates) model_rates;

enum {
  MODEL_OBSERVED = 0
#define COUNT(name, unit, meaning) +1
  MODEL(OBSERVABLES)(COUNT)
#undef COUNT
};

/* When the rule is asked. */
enum rule {
  EARLY_RULE,     /* at multiples of BASIN_DECIDE_EVERY */
  TOLERANCE_RULE, /* at every step */
  EITHER_RULE     /* the constants say which */
};

/* What is the same for all trials of a part: a kernel argument, so it is read through the constant cache. */
struct constants {
  model_cell cell;
  int64_t max_steps;
  int64_t stage_end[BASIN_STAGES_MAX]; /* first step behind each stage */
  model_stage stage[BASIN_STAGES_MAX];
  int tolerance_rule;
  constants_more more;
};
static_assert(sizeof(constants) + sizeof(lane_batch) + sizeof(lane_launch) <= 4096,
              "more than a kernel's arguments may take");
static_assert(sizeof(model_rates) == sizeof(model_stage), "name_rates is name_stage, as lanes");

/* A slot's trial. */
struct trial_clock {
  int trial; /* in the batch; -1: none */
  int stage;
  int64_t step, event; /* steps taken; step of the next stage, record or end */
  int next_time;       /* index of the next recorded step */
};

/* ---- what is asked of a state ---- */

/* whether the rule is asked at every step */
template <int RULE> __device__ bool asks_always(const constants &c) {
  return RULE == EITHER_RULE ? c.tolerance_rule != 0 : RULE == TOLERANCE_RULE;
}

/* the outcome that holds for the state by the rule of this run, or UNRESOLVED */
template <int RULE, class Slot>
__device__ int ask(const lane_batch &b, const constants &c, const Slot &s) {
  mask holds[BASIN_OUTCOMES] = {};
  s.template ask<RULE != EARLY_RULE>(b, c, holds);
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

template <class Slot>
__device__ void store(const lane_batch &b, int trial, int64_t step, const Slot &s) {
  s.put(b.state + trial, b.count);
  if (s.leader()) b.steps[trial] = step;
}

/* keep the state of a recorded trial; kernel_record makes the observables of it */
template <class Slot>
__device__ void record(const lane_batch &b, const constants &c, int trial, int time,
                       const Slot &s) {
  s.put(b.record_state + (trial * b.times + time) * s.states(c), 1);
}

/* end a trial; kernel_finish makes the observables of its last state */
template <class Slot>
__device__ void finish(const lane_batch &b, int trial, int outcome, int64_t step, const Slot &s) {
  if (s.leader()) b.outcome[trial] = (int8_t)(LANE_ENDED | outcome);
  store(b, trial, step, s);
}

/* whether the trial is to be recorded at some later step, or now */
__device__ bool awaits_record(const lane_batch &b, const trial_clock &l) {
  return l.trial < b.recorded && l.next_time < b.times;
}

/* step of the next event: the end of the stage, the next record, or max_steps */
__device__ void schedule(const lane_batch &b, const constants &c, trial_clock &l) {
  l.event = c.max_steps;
  if (c.stage_end[l.stage] < l.event) l.event = c.stage_end[l.stage];
  if (awaits_record(b, l) && b.time[l.next_time] < l.event) l.event = b.time[l.next_time];
}

/* what is due at the trial's present step: a record, its end, the next stage */
template <int RULE, class Slot>
__device__ void events(const lane_batch &b, const constants &c, trial_clock &l, Slot &s) {
  while (l.event == l.step) {
    if (awaits_record(b, l) && b.time[l.next_time] == l.step)
      record(b, c, l.trial, l.next_time++, s);
    if (l.step == c.max_steps) {
      finish(b, l.trial, ask<RULE>(b, c, s), l.step, s);
      l.trial = -1;
      return;
    }
    if (l.step == c.stage_end[l.stage]) s.set_stage(c, ++l.stage);
    schedule(b, c, l);
  }
}

/* take up a trial whose state is in memory; what was due before its present step is done */
template <int RULE, class Slot>
__device__ void take_up(const lane_batch &b, const constants &c, int trial, trial_clock &l,
                        Slot &s) {
  s.get(b.state + trial, b.count);
  l.trial = trial;
  l.step = b.steps[trial];
  l.next_time = 0;
  l.stage = 0;
  while (c.stage_end[l.stage] <= l.step) l.stage++;
  s.set_stage(c, l.stage);
  while (l.step > 0 && awaits_record(b, l) && b.time[l.next_time] <= l.step) l.next_time++;
  schedule(b, c, l);
  events<RULE>(b, c, l, s);
}

/* one block: the steps up to the next multiple of `steps`, with what falls due on the way */
template <int RULE, class Slot>
__device__ void block(const lane_batch &b, const constants &c, int steps, trial_clock &l, Slot &s) {
  int outcome = BASIN_UNRESOLVED;
  do {
    const int64_t until = l.event - l.step;
    const int left = steps - (int)(l.step & (steps - 1));
    const int n = until < left ? (int)until : left;
    int i = 0;
#pragma unroll 1
    for (; i < n && outcome == BASIN_UNRESOLVED; i++) {
      s.step(b, c, l.stage, l.trial, l.step + i);
      if (asks_always<RULE>(c)) outcome = ask<RULE>(b, c, s);
    }
    l.step += i;
    events<RULE>(b, c, l, s);
    if (!asks_always<RULE>(c) && l.trial >= 0 && l.step % BASIN_DECIDE_EVERY == 0)
      outcome = ask<RULE>(b, c, s);
    if (l.trial >= 0 && outcome != BASIN_UNRESOLVED) {
      finish(b, l.trial, outcome, l.step, s);
      l.trial = -1;
    }
  } while (l.trial >= 0 && (l.step & (steps - 1)) != 0);
}

/* ---- kernels ---- */

template <class Slot, int RULE>
__global__ void __launch_bounds__(LANE_BLOCK, 1)
    kernel_start(const __grid_constant__ lane_batch b, const __grid_constant__ constants c) {
  Slot s(b, c);
  for (int trial = b.drawn + s.number(); trial < b.to_draw; trial += s.slots()) {
    if (b.outcome[trial] != -1) continue;
    s.start(b, c, trial);
    const int outcome = ask<RULE>(b, c, s);
    store(b, trial, 0, s);
    if (outcome == BASIN_UNRESOLVED) {
      if (s.leader()) b.queue[atomicAdd(&b.counters->queued, 1)] = trial;
    } else {
      if (trial < b.recorded && b.times > 0 && b.time[0] == 0) record(b, c, trial, 0, s);
      if (s.leader()) b.outcome[trial] = (int8_t)(LANE_ENDED | outcome);
    }
  }
}

/* every thread of a warp comes to every vote, whether its slot has a trial or not */
template <class Slot, int RULE>
__global__ void __launch_bounds__(LANE_BLOCK, Slot::RESIDENT)
    kernel_run(const __grid_constant__ lane_batch b, const __grid_constant__ constants c,
               const __grid_constant__ lane_launch launch) {
  const unsigned all = 0xffffffffu;
  int steps = 0; /* at most BASIN_DECIDE_EVERY a block */
  int more = launch.queued > 0, quorum = launch.quorum;
  Slot s(b, c);
  trial_clock l;
  l.trial = -1;
  if (s.number() < launch.live) take_up<RULE>(b, c, launch.live_in[s.number()], l, s);

  for (int left = launch.blocks; left > 0; left--) {
    /* the idle slots of the warp take the next trials of the queue, in one go */
    const unsigned idle = __ballot_sync(all, s.leader() && l.trial < 0);
    if (idle && more) {
      int next = 0;
      if (threadIdx.x % LANE_WARP == 0) next = atomicAdd(&b.counters->taken, __popc(idle));
      next = __shfl_sync(all, next, 0);
      more = next + __popc(idle) < launch.queued;
      next += __popc(idle & s.before());
      if (l.trial < 0 && next < launch.queued) take_up<RULE>(b, c, b.queue[next], l, s);
    }

    /* a warp with too few trials hands them back, to be packed with others by the next launch */
    const int running = __popc(__ballot_sync(all, s.leader() && l.trial >= 0));
    if (left == launch.blocks && running / 2 < quorum) quorum = (running + 1) / 2;
    if (!more && running < quorum) break;
    if (!more && !running) break;
    if (l.trial >= 0) {
      const int64_t before = l.step;
      block<RULE>(b, c, Slot::WHOLE_BLOCKS ? (int)BASIN_DECIDE_EVERY : launch.block_steps, l, s);
      steps += (int)(l.step - before);
    }
  }
  if (l.trial >= 0) {
    store(b, l.trial, l.step, s);
    if (s.leader()) launch.live_out[atomicAdd(&b.counters->live, 1)] = l.trial;
  }
  if (steps && s.leader()) atomicAdd(&b.counters->steps, (unsigned long long)steps);
}

/* the observables of the trials that ended since the last call */
template <class Slot>
__global__ void __launch_bounds__(LANE_BLOCK, 1)
    kernel_finish(const __grid_constant__ lane_batch b, const __grid_constant__ constants c) {
  Slot s(b, c);
  for (int trial = s.number(); trial < b.count; trial += s.slots()) {
    if (b.outcome[trial] < LANE_ENDED) continue;
    const int outcome = b.outcome[trial] & ~LANE_ENDED;
    double seen[MODEL_OBSERVED];
    s.get(b.state + trial, b.count);
    s.observe(b, c, seen);
    if (!s.leader()) continue;
    for (int i = 0; i < b.finals; i++)
      b.final_value[(int64_t)i * b.count + trial] = pick(
          seen, outcome == BASIN_DIVERGED ? -1 : b.final_of[i]);
    b.outcome[trial] = (int8_t)outcome;
  }
}

/* the observables of the recorded states; a state that was not recorded is all ones */
template <class Slot>
__global__ void __launch_bounds__(LANE_BLOCK, 1)
    kernel_record(const __grid_constant__ lane_batch b, const __grid_constant__ constants c) {
  Slot s(b, c);
  for (int64_t at = s.number(); at < b.recorded * b.times; at += s.slots()) {
    const double *state = b.record_state + at * s.states(c);
    if (r_bits(state[0]) == ~(uint64_t)0) continue;
    double seen[MODEL_OBSERVED];
    s.get(state, 1);
    s.observe(b, c, seen);
    for (int i = 0; i < b.observables && s.leader(); i++)
      b.record[i * b.recorded * b.times + at] = pick(seen, b.observable_of[i]);
  }
}

/* ---- launches ---- */

int64_t data_size(const basin_setting *setting) { return MODEL(data_size)(setting); }

/* all but `more` */
void prepare_constants(const basin_setting *setting, constants *c, double *data) {
  int64_t end = 0;
  memset((void *)c, 0, sizeof *c);
  MODEL(prepare)(setting, &c->cell, data);
  c->max_steps = setting->stop.max_steps;
  c->tolerance_rule = setting->stop.tolerance > 0;
  for (int s = 0; s < setting->stages; s++) {
    DYNAMICS(stage_prepare)(&c->cell, setting->stage[s].eta, &c->stage[s]);
    end = s == setting->stages - 1 ? INT64_MAX : end + setting->stage[s].steps;
    c->stage_end[s] = end;
  }
}

/* bytes of shared memory of a block */
size_t shared_bytes(const lane_shape &shape) {
  return shape.shared ? (size_t)(lane_slots_of_block(&shape) * shape.reals) * sizeof(double) : 0;
}

/* a slot for each of n, or as many as there is memory for: they go on to others */
template <class Kernel>
cudaError_t for_each(Kernel kernel, int64_t n, const lane_batch *batch, const void *given,
                     cudaStream_t stream) {
  lane_batch b = *batch;
  constants c = *(const constants *)given;
  void *argument[] = {&b, &c};
  const int of_block = lane_slots_of_block(&b.shape);
  int64_t blocks = (n + of_block - 1) / of_block;
  if (lane_slot_bytes(&b.shape) && blocks > b.slots / of_block) blocks = b.slots / of_block;
  return cudaLaunchKernel(kernel, dim3((unsigned)blocks), dim3((unsigned)b.shape.block), argument,
                          shared_bytes(b.shape), stream);
}

template <class Kernel>
cudaError_t run_with(Kernel kernel, const lane_batch *batch, const lane_launch *launch,
                     const void *given, cudaStream_t stream) {
  lane_batch b = *batch;
  lane_launch l = *launch;
  constants c = *(const constants *)given;
  void *argument[] = {&b, &c, &l};
  return cudaLaunchKernel(kernel, dim3((unsigned)(l.slots / lane_slots_of_block(&b.shape))),
                          dim3((unsigned)b.shape.block), argument, shared_bytes(b.shape), stream);
}

} // namespace

#endif
