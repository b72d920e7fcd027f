/* SPDX-License-Identifier: MIT
 *
 * kernels.h: the kernels of all dynamics: every trial is stepped by itself. registers.h and teams.h include it, and
 * have the slot for it; lanes.cu takes the one of these that the dynamics want. When a trial is
 * recorded, goes on to the next stage and ends is said in seam/clock.h, for the CPU's lanes and these kernels alike, so
 * that is the same, to the bit.
 *
 * A slot is what holds one trial at a time, a class with
 *
 *     Slot(b, c)                    the slot of this thread
 *     number(), slots()             its number in the grid; how many there are
 *     WHOLE_BLOCKS                  whether all blocks have BASIN_DECIDE_EVERY steps, a constant
 *     THREADS                       of a block of the grid, at most
 *     RESIDENT, RESIDENT_WATCHING   blocks that a multiprocessor shall hold
 *     WIDE                          whether a slot is, or may be, a whole block of the grid, not threads of a warp
 *     leader()                      whether this thread speaks for its slot
 *     before()                      the threads of the warp before those of the slot, a bit each
 *     set_stage(b, stage)           the stage of the next steps
 *     start(b, c, trial), step<RULE>(b, c, stage, trial, step), observe(b, c, risk, seen)     as the model has them;
 *                                   risk: whether BASIN_RISK_TABLE is asked for
 *     leap<RULE>(b, c, stage, trial, step, limit)   in the place of step(), of a kind that leaps
 *     states(c)                     reals of a state
 *     ask<RULE>(b, c, holds)        the rule of that kind
 *     get(from, stride), put(to, stride)   the state from memory and into it, real i at i * stride
 *
 * All threads of a slot go the same way and hold the same numbers.
 */
#ifndef BASIN_CUDA_KERNELS_H
#define BASIN_CUDA_KERNELS_H

#include "lanes/lanes.h"
#include "seam/clock.h"
#include "seam/expand.h"
#include "seam/paces.h"
#include "sizes.h"

namespace {

/* When the rule is asked. */
enum rule {
  EARLY_RULE,     /* at multiples of BASIN_DECIDE_EVERY */
  TOLERANCE_RULE, /* at every step */
  EITHER_RULE,    /* the constants say which */
  WATCHING /* likewise; and at every step passages, the experiment's condition, and paces that move, whichever there
                     are: a kernel_run of its own, for that of a run without any shall not need more registers */
};

/* What is the same for all trials of a part: a kernel argument, so it is read through the constant cache. */
struct constants {
  model_cell cell;
  basin_course course; /* its arrays are the device's */
  int tolerance_rule;
  int64_t states; /* reals of a state */
};
static_assert(sizeof(constants) + sizeof(lane_batch) + sizeof(lane_launch) <= 4096,
              "more than a kernel's arguments may take");

/* A slot's trial. */
enum { TO_TAKE_UP = -1 };
struct slot_trial {
  int trial;    /* in the batch; -1: none */
  int64_t step; /* taken so far; TO_TAKE_UP: the state is not here yet */
  basin_clock clock;
  int next_passage[BASIN_LADDERS_MAX]; /* by ladder; WATCHING alone, as what follows */
  bool begins;                         /* whether they are still to be found out */
};

/* ---- what is asked of a state ---- */

/* whether the rule is asked at every step */
template <int RULE> __device__ bool asks_always(const constants &c) {
  return RULE >= EITHER_RULE ? c.tolerance_rule != 0 : RULE == TOLERANCE_RULE;
}

/* whether there is a condition; whether a state's observables are looked at, for that or for passages; whether the next
   step has no step size */
template <int RULE> __device__ bool has_condition(const lane_batch &b) {
  return RULE == WATCHING && b.when;
}
template <int RULE> __device__ bool watches(const lane_batch &b) {
  return RULE == WATCHING && (b.ladders.count > 0 || b.when);
}
template <int RULE> __device__ bool is_stuck(const lane_batch &b, int64_t step) {
  return RULE == WATCHING && paces_are_missing(b.paces, step);
}

/* whether the dynamics have one rule for both: then it is in the code once */
constexpr bool same_text(const char *a, const char *b) {
  return *a == *b && (*a == 0 || same_text(a + 1, b + 1));
}
constexpr bool ONE_RULE = same_text(BASIN_TEXT(KIND_reached), BASIN_TEXT(KIND_decide));

/* The outcome that holds for the state by the rule of this run, or UNRESOLVED; seen: its observables, where there is a
   condition on them */
template <int RULE, class Slot>
__device__ int ask(const lane_batch &b, const constants &c, const Slot &s, const double *seen) {
  mask holds[BASIN_OUTCOMES] = {};
  s.template ask<RULE>(b, c, holds);
  if (has_condition<RULE>(b))
    holds[BASIN_STATIONARY] |= condition_holds(b.when, seen, KIND_OBSERVED);
  int outcome = BASIN_UNRESOLVED;
#pragma unroll
  for (int o = BASIN_OUTCOMES - 1; o > 0; o--)
    if (holds[o]) outcome = o;
  return outcome;
}

/* ---- the life of a trial ---- */

template <class Slot>
__device__ void store(const lane_batch &b, int trial, int64_t step, const Slot &s) {
  s.put(b.state + trial, b.count);
  if (s.leader()) b.steps[trial] = step;
}

/* the observables of recorded state number `at` */
__device__ void keep_record(const lane_batch &b, int64_t at, const double *seen) {
  for (int i = 0; i < b.observables; i++)
    b.record[i * b.recorded * b.times + at] = observable_of(seen, KIND_OBSERVED,
                                                            b.observable_of[i]);
}

/* keep the state of a recorded trial; kernel_observe makes the observables of it. A wide slot's is so long that they
   are made at once, unless the states are wanted */
template <class Slot>
__device__ void record(const lane_batch &b, const constants &c, int trial, int time,
                       const Slot &s) {
  const int64_t at = trial * b.times + time;
  if (Slot::WIDE && !b.record_state) {
    double seen[KIND_OBSERVED];
    s.observe(b, c, b.risk & BASIN_RISK_KEPT, seen);
    if (s.leader()) keep_record(b, at, seen);
  } else {
    s.put(b.record_state + at * s.states(c), 1);
  }
}

/* end a trial; kernel_observe makes the observables of its last state */
template <class Slot>
__device__ void finish(const lane_batch &b, int trial, int outcome, int64_t step, const Slot &s) {
  if (s.leader()) b.outcome[trial] = (int8_t)(LANE_ENDED | outcome);
  store(b, trial, step, s);
}

/* The passages of the trial at its present step; of one that begins, or goes on, those that it has had before. Constant
   indices, for these numbers stay in registers */
template <class Slot>
__device__ void watch_passages(const lane_batch &b, slot_trial &l, const Slot &s,
                               const double *seen) {
#pragma unroll
  for (int i = 0; i < BASIN_LADDERS_MAX; i++) {
    if (i >= b.ladders.count) continue;
    const basin_ladder ladder = b.ladders.of[i];
    int64_t *passage = b.passage + l.trial;
    int next = l.next_passage[i];
    if (l.begins) {
      next = ladder_next(&ladder, passage, b.count, l.step);
      s.meet(); // the others have read what the leader writes
      for (int later = next; later < ladder.end && s.leader(); later++)
        passage[(int64_t)later * b.count] = -1;
    }
    const double x = observable_of(seen, KIND_OBSERVED, ladder.observable);
    for (; next < ladder.end && ladder_holds(&ladder, &b.passage_of[next], x); next++)
      if (s.leader()) passage[(int64_t)next * b.count] = l.step;
    l.next_passage[i] = next;
  }
  l.begins = false;
}

/* take up a trial whose state is in memory; what is due at its present step is so still */
template <class Slot>
__device__ void take_up(const lane_batch &b, const constants &c, slot_trial &l, Slot &s) {
  s.get(b.state + l.trial, b.count);
  l.step = b.steps[l.trial];
  l.begins = true;
  clock_set(&c.course, l.trial < b.recorded, l.step, &l.clock);
  s.set_stage(b, l.clock.stage);
}

/* What is due at the trial's present step: a record, the rule where it is `asked` or the trial must end, its end, the
   next stage. outcome: of that rule, where it has been asked already. A long rule, and what is long to observe, are in
   the code of a kernel once: ptxas takes its time over copies, and registers. */
template <int RULE, class Slot>
__device__ void events(const lane_batch &b, const constants &c, bool asked, int outcome,
                       slot_trial &l, Slot &s) {
  double seen[RULE == WATCHING ? KIND_OBSERVED : 1];
  if (watches<RULE>(b)) {
    s.observe(b, c, b.risk & (BASIN_RISK_PASSED | BASIN_RISK_ASKED), seen);
    watch_passages(b, l, s, seen);
  }
  const unsigned due = clock_due(&c.course, l.trial < b.recorded, l.step, &l.clock);
  if (due & CLOCK_RECORD) record(b, c, l.trial, l.clock.next_time - 1, s);
  if (asked || (due & CLOCK_END && outcome == BASIN_UNRESOLVED)) outcome = ask<RULE>(b, c, s, seen);
  if (due & CLOCK_END || outcome != BASIN_UNRESOLVED) {
    finish(b, l.trial, outcome, l.step, s);
    l.trial = -1;
  } else if (due & CLOCK_STAGE) {
    s.set_stage(b, l.clock.stage);
  }
}

/* whether the condition is still to be asked of a start, which kernel_start has not done */
template <int RULE> __device__ bool asks_start(const lane_batch &b, const slot_trial &l) {
  return has_condition<RULE>(b) && l.step == 0;
}

/* steps of a launch, of one slot: few but where one leap may take many */
#if KIND_states < 0
typedef int64_t step_count;

/* steps until something is due, or 1 where step sizes move, or passages or a condition are watched that could come and
   go in a leap; 0 of a trial that has just been taken up where something is due at once, or that has no step size */
template <int RULE> __device__ int64_t leap_limit(const lane_batch &b, const slot_trial &l) {
  int steady = RULE == WATCHING ? expand_is_steady_when(b.when) : 1;
#pragma unroll
  for (int i = 0; RULE == WATCHING && i < BASIN_LADDERS_MAX; i++)
    if (i < b.ladders.count) steady &= expand_is_steady(b.ladders.of[i].observable);
  const int64_t until = l.clock.event - l.step;
  if (is_stuck<RULE>(b, l.step)) return 0;
  if (RULE == WATCHING && paces_move(b.paces, l.step)) steady = 0;
  return watches<RULE>(b) && l.begins ? 0 : steady || until < 1 ? until : 1;
}

/* one block: `leaps` of them, with what falls due behind each */
template <int RULE, class Slot>
__device__ void block(const lane_batch &b, const constants &c, int leaps, slot_trial &l, Slot &s) {
#pragma unroll 1
  while (leaps > 0 && l.trial >= 0) {
    const int64_t limit = leap_limit<RULE>(b, l);
    if (limit > 0) {
      l.step += (int64_t)s.template leap<RULE>(b, c, l.clock.stage, l.trial, l.step, (real)limit);
      leaps--;
    }
    events<RULE>(b, c, limit > 0 || asks_start<RULE>(b, l), BASIN_UNRESOLVED, l, s);
    if (is_stuck<RULE>(b, l.step)) return;
  }
}
#else
typedef int step_count;

/* one block: the steps up to the next multiple of `steps`, with what falls due on the way; of a trial that has just
   been taken up, what is due at once comes first. Where the rule is the early one, alone in its kernel, steps are taken
   without a question in between; a step in arrays is long, and what it is followed by costs nothing beside it */
template <int RULE, class Slot>
__device__ void block(const lane_batch &b, const constants &c, int steps, slot_trial &l, Slot &s) {
  int taken;
  bool stuck;
  do {
    stuck = is_stuck<RULE>(b, l.step);
    const int64_t until = l.clock.event - l.step;
    const int left = steps - (int)(l.step & (steps - 1));
    int n = until < left ? (int)until : left, outcome = BASIN_UNRESOLVED;
    taken = 0;
    if (RULE >= EITHER_RULE) {
      if (n > 0 && !stuck && !(watches<RULE>(b) && l.begins))
        s.template step<RULE>(b, c, l.clock.stage, l.trial, l.step + taken++);
    } else {
#pragma unroll 1
      for (; taken < n && outcome == BASIN_UNRESOLVED; taken++) {
        s.template step<RULE>(b, c, l.clock.stage, l.trial, l.step + taken);
        if (RULE == TOLERANCE_RULE) outcome = ask<RULE>(b, c, s, NULL);
      }
    }
    l.step += taken;
    const bool asked = asks_always<RULE>(c) ? RULE != TOLERANCE_RULE && taken > 0
                                            : l.step % BASIN_DECIDE_EVERY == 0;
    events<RULE>(b, c, asked || asks_start<RULE>(b, l), outcome, l, s);
  } while (l.trial >= 0 && !stuck && (taken == 0 || (l.step & (steps - 1)) != 0));
}
#endif

/* ---- kernels ---- */

template <class Slot>
__global__ void __launch_bounds__(Slot::THREADS, 1)
    kernel_start(const __grid_constant__ lane_batch b, const __grid_constant__ constants c) {
  Slot s(b, c);
  for (int trial = b.drawn + s.number(); trial < b.to_draw; trial += s.slots()) {
    if (b.outcome[trial] != -1) continue;
    s.start(b, c, trial);
    const int outcome = ask<EITHER_RULE>(b, c, s, NULL);
    store(b, trial, 0, s);
    if (outcome == BASIN_UNRESOLVED) {
      if (s.leader()) b.queue[atomicAdd(&b.counters->queued, 1)] = trial;
    } else {
      if (trial < b.recorded && b.times > 0 && b.time[0] == 0) record(b, c, trial, 0, s);
      if (s.leader()) b.outcome[trial] = (int8_t)(LANE_ENDED | outcome);
    }
  }
}

/* The slots of the warp that have no trial take the next ones of the queue, in one go; whether that has more. */
template <class Slot>
__device__ int take_next(const lane_batch &b, int queued, const Slot &s, slot_trial &l) {
  const unsigned all = 0xffffffffu, idle = __ballot_sync(all, s.leader() && l.trial < 0);
  if (!idle) return 1;
  int next = 0;
  if (threadIdx.x % LANE_WARP == 0) next = atomicAdd(&b.counters->taken, __popc(idle));
  next = __shfl_sync(all, next, 0);
  const int more = next + __popc(idle) < queued;
  next += __popc(idle & s.before());
  if (l.trial < 0 && next < queued) {
    l.trial = b.queue[next];
    l.step = TO_TAKE_UP;
  }
  return more;
}
/* the same of a slot that is a block */
template <class Slot>
__device__ int take_next_wide(const lane_batch &b, int queued, const Slot &s, slot_trial &l) {
  __shared__ int shared_next;
  if (l.trial >= 0) return 1;
  if (s.leader()) shared_next = atomicAdd(&b.counters->taken, 1);
  __syncthreads();
  const int next = shared_next;
  __syncthreads(); // before the leader comes here again
  if (next < queued) {
    l.trial = b.queue[next];
    l.step = TO_TAKE_UP;
  }
  return next + 1 < queued;
}

/* Every thread of a warp comes to every vote, whether its slot has a trial or not */
template <class Slot, int RULE>
__global__ void __launch_bounds__(Slot::THREADS, (int)(RULE == WATCHING ? Slot::RESIDENT_WATCHING
                                                                        : Slot::RESIDENT))
    kernel_run(const __grid_constant__ lane_batch b, const __grid_constant__ constants c,
               const __grid_constant__ lane_launch launch) {
  const unsigned all = 0xffffffffu;
  step_count steps = 0; /* at most BASIN_DECIDE_EVERY a block, but where it leaps */
  int more = launch.queued > 0, quorum = launch.quorum;
  Slot s(b, c);
  slot_trial l = {};
  l.trial = s.number() < launch.live ? launch.live_in[s.number()] : -1;
  l.step = TO_TAKE_UP;

  for (int left = launch.blocks; left > 0; left--) {
    if constexpr (Slot::WIDE) {
      if (more) more = take_next_wide(b, launch.queued, s, l);
    } else {
      if (more) more = take_next(b, launch.queued, s, l);
    }
    if (l.trial >= 0 && l.step == TO_TAKE_UP) take_up(b, c, l, s);

    /* a warp with too few trials hands them back, to be packed with others by the next launch */
    const int running = Slot::WIDE ? l.trial >= 0
                                   : __popc(__ballot_sync(all, s.leader() && l.trial >= 0));
    if (left == launch.blocks && running / 2 < quorum) quorum = (running + 1) / 2;
    if (!more && running < quorum) break;
    if (!more && !running) break;
    if (l.trial >= 0) {
      const int64_t before = l.step;
      block<RULE>(b, c, Slot::WHOLE_BLOCKS ? (int)BASIN_DECIDE_EVERY : launch.block_steps, l, s);
      steps += (step_count)(l.step - before);
    }
  }
  if (l.trial >= 0) {
    store(b, l.trial, l.step, s);
    if (s.leader()) launch.live_out[atomicAdd(&b.counters->live, 1)] = l.trial;
    if (RULE == WATCHING && s.leader())
      atomicMax(&b.counters->furthest, (unsigned long long)l.step);
  }
  if (steps && s.leader()) atomicAdd(&b.counters->steps, (unsigned long long)steps);
}

/* the passages of a trial that ended where it started, so that no slot took it up */
__device__ void passages_at_start(const lane_batch &b, int trial, const double *seen) {
  for (int i = 0; i < b.ladders.count; i++) {
    const basin_ladder *ladder = &b.ladders.of[i];
    int64_t *passage = b.passage + trial;
    ladder_climb(ladder, b.passage_of, observable_of(seen, KIND_OBSERVED, ladder->observable),
                 ladder_begin(ladder, passage, b.count, 0), passage, b.count, 0);
  }
}

/* of a trial that has ended: the observables of its last state */
__device__ void keep_finals(const lane_batch &b, int trial, const double *seen) {
  const int outcome = b.outcome[trial] & ~LANE_ENDED;
  for (int i = 0; i < b.finals; i++)
    b.final_value[(int64_t)i * b.count + trial] = observable_of(
        seen, KIND_OBSERVED, outcome == BASIN_DIVERGED ? -1 : b.final_of[i]);
  if (b.steps[trial] == 0) passages_at_start(b, trial, seen);
  b.outcome[trial] = (int8_t)outcome;
}

/* The observables of the trials that ended since the last call, or of the `recorded` states; a state that was not
   recorded is all ones. */
template <class Slot>
__global__ void __launch_bounds__(Slot::THREADS, 1)
    kernel_observe(const __grid_constant__ lane_batch b, const __grid_constant__ constants c,
                   const int recorded) {
  Slot s(b, c);
  const int64_t n = recorded ? b.recorded * b.times : b.count;
  for (int64_t at = s.number(); at < n; at += s.slots()) {
    const double *state = recorded ? b.record_state + at * s.states(c) : b.state + at;
    if (recorded ? r_bits(state[0]) == ~(uint64_t)0 : b.outcome[at] < LANE_ENDED) continue;
    double seen[KIND_OBSERVED];
    s.get(state, recorded ? 1 : b.count);
    s.observe(b, c, recorded ? b.risk & BASIN_RISK_KEPT : b.risk, seen);
    if (!s.leader()) continue;
    if (recorded) keep_record(b, at, seen);
    else keep_finals(b, (int)at, seen);
  }
}

/* ---- launches ---- */

int prepare(const basin_setting *setting, void *out, double *data, int64_t *stage_end,
            double *stage_pace) {
  constants *c = (constants *)out;
  basin_room room = {data, 0, 0};
  const char *where;
  memset(out, 0, sizeof *c);
  if (model_prepare(setting, &room, &c->cell, &where)) return 0;
  clock_course(setting, 0, NULL, stage_end, &c->course);
  c->tolerance_rule = basin_stop_given(&setting->stop);
  c->states = setting->size.states;
  paces_of_stages(setting, &c->cell, stage_pace);
  return 1;
}

int64_t make_paces(const basin_setting *setting, const void *given, int64_t first, int64_t n,
                   double (*pace)[BASIN_PACES_MAX]) {
  return paces_fill(setting, &((const constants *)given)->cell, first, n, pace);
}

/* the constants of a launch: where the recorded steps and the stages lie is known by now */
constants of_launch(const lane_batch *b, const void *given) {
  constants c = *(const constants *)given;
  c.course.times = b->times;
  c.course.time = b->time;
  c.course.stage_end = b->stage_end;
  return c;
}

/* bytes of shared memory of a block */
size_t shared_bytes(const lane_shape &shape) {
  return shape.shared ? (size_t)(lane_slots_of_block(&shape) * shape.reals) * sizeof(double) : 0;
}

/* a slot for each of n, or as many as there is memory for: they go on to others; recorded: see kernel_observe */
template <class Kernel>
cudaError_t for_each(Kernel kernel, int64_t n, int recorded, const lane_batch *batch,
                     const void *given, cudaStream_t stream) {
  lane_batch b = *batch;
  constants c = of_launch(batch, given);
  void *argument[] = {&b, &c, &recorded}; /* kernel_start takes the first two */
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
  constants c = of_launch(batch, given);
  void *argument[] = {&b, &c, &l};
  return cudaLaunchKernel(kernel, dim3((unsigned)(l.slots / lane_slots_of_block(&b.shape))),
                          dim3((unsigned)b.shape.block), argument, shared_bytes(b.shape), stream);
}

} // namespace

#endif
