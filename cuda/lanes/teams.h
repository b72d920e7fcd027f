/* SPDX-License-Identifier: MIT
 *
 * teams.h: slots of a team of threads of a warp each (numeric/team.h), for dynamics whose state is an array: that and
 * the scratch of the steps lie in shared memory where they fit, else in the device's. There a team may be a whole
 * block, where the model says so (BASIN_TEAM_MOST): then there is work for it.
 *
 * The bound, for sampled gradients, which are made of normals (numeric/philox.h). Two of them cost 47 double-precision
 * instructions as nvcc 13 writes them in PTX (24 fma), a square root and a division, some 8 more each, and about 100
 * of integers, 40 of them the halves of Philox's products. `direct` spends 4 fma on a normal. So that is some 36
 * double-precision instructions a normal; a multiprocessor of an H100 or H200 starts 64 threads' a cycle, 132 of them
 * at 1.98 GHz 1.7e13 a second: at most 4.6e11 normals/s. All instructions together are about 100 a normal, of which
 * 128 threads' start a cycle: at most 3.3e11. The aim was 1e11, which leaves two thirds for waiting: a warp's chain
 * of dependent operations is long. An H200 drew 1.08e11 with 16 warps a multiprocessor, and 1.21e11 with the 32 that 64
 * registers a thread allow. `mixed` has some
 * 62 instructions a normal, none of them of double precision: 50 of a quarter of a block, 12 for the products and sums;
 * at most 5.4e11 normals/s, and on devices that have little double precision many times what `direct` does there.
 * (Bounds are counted.)
 */
#ifndef BASIN_CUDA_TEAMS_H
#define BASIN_CUDA_TEAMS_H

#include "lanes/kernels.h"

/* tests/cudasim has its own */
#ifndef CUDASIM_DYNAMIC_SHARED
#define CUDASIM_DYNAMIC_SHARED(type, name) extern __shared__ type name[]
#endif

namespace {

enum { BLOCKS_FIRST = 1, BLOCKS_LEAST = 1 }; /* of steps, of the first launch and of the shortest */

/* where the state of a trial and the scratch lie: in one or the other as the shape of the batch says, of kernels that
   come to a trial once */
enum place { IN_SHARED, IN_GLOBAL, IN_EITHER };

/* a team */
template <int PLACE> struct slot {
  enum {
    SHARED = PLACE == IN_SHARED,
    WHOLE_BLOCKS = 0,
    WIDE = !SHARED && BASIN_TEAM_MOST > LANE_WARP,
    THREADS = WIDE ? BASIN_TEAM_MOST : LANE_BLOCK
  };
  /* blocks that a multiprocessor shall hold: 128, or 168 registers a thread, where the model says nothing */
#ifdef MODEL_TEAM_RESIDENT
#define IS_KIND(kind) same_text(BASIN_TEXT(BASIN_KIND), #kind)
  enum { RESIDENT = MODEL_TEAM_RESIDENT(SHARED, IS_KIND) };
#else
  enum { RESIDENT = WIDE ? 512 / THREADS : SHARED ? 4 : 3 };
#endif
  /* one less with the numbers of observables and ladders, and three at most; in the device's memory one kernel is for
     all runs */
  enum { RESIDENT_WATCHING = !SHARED ? RESIDENT : (RESIDENT < 4 ? RESIDENT : 4) - 1 };
  basin_team team;
  real *x, *work;
  int warm; /* whether `work` is as a step of the trial that is held left it */

  __device__ slot(const lane_batch &b, const constants &c) {
    CUDASIM_DYNAMIC_SHARED(real, shared);
    const int size = b.shape.team, lane = (int)threadIdx.x % LANE_WARP;
    team.stop = NULL;
    team.size = size;
    team.rank = (int)threadIdx.x & (size - 1);
    team.threads = 0xffffffffu;
    if (!(WIDE && PLACE == IN_GLOBAL) && size < LANE_WARP)
      team.threads = ((1u << size) - 1) << (lane - team.rank);
    x = PLACE == IN_SHARED || (PLACE == IN_EITHER && b.shape.shared)
            ? shared + (int)threadIdx.x / size * b.shape.reals
            : b.memory + number() * b.shape.reals;
    work = x + c.states;
    warm = 0;
  }
  __device__ int number() const { return (int)(blockIdx.x * blockDim.x + threadIdx.x) / team.size; }
  __device__ int slots() const { return (int)(gridDim.x * blockDim.x) / team.size; }
  __device__ bool leader() const { return team.rank == 0; }
  __device__ unsigned before() const { return (team.threads & -team.threads) - 1; }
  __device__ int64_t states(const constants &c) const { return c.states; }

  __device__ basin_turn no_turn(const lane_batch &b) const {
    basin_turn t = {};
    t.data = b.data;
    t.set = b.set;
    t.label = b.label;
    t.warm = warm;
    t.work = work;
    t.team = team;
    return t;
  }
  /* pace: of the stage, read where they are; or of the step */
  __device__ basin_turn turn(const lane_batch &b, const real *pace, int trial, int64_t step) const {
    basin_turn t = no_turn(b);
    t.pace = pace;
    t.trial = b.first + (uint64_t)trial;
    t.step = (uint64_t)step;
    return t;
  }
  __device__ void set_stage(const lane_batch &, int) {}
  __device__ void meet() const { team_sync(team); }
  __device__ void start(const lane_batch &b, const constants &c, int trial) {
    team_sync(team);
    warm = 0;
    KIND_start(&c.cell, turn(b, NULL, trial, 0), x);
  }
  /* the paces of a step, into `own` where they move */
  template <int RULE>
  __device__ const real *paces_of(const lane_batch &b, int stage, int64_t step, real *own) const {
    const real *pace = b.stage_pace + stage * BASIN_PACES_MAX;
    if (RULE == WATCHING && paces_move(b.paces, step)) {
#pragma unroll
      for (int i = 0; i < BASIN_PACES_MAX; i++) own[i] = pace[i];
      paces_look_up(b.paces, step, own);
      pace = own;
    }
    return pace;
  }
#if KIND_states < 0
  template <int RULE>
  __device__ real leap(const lane_batch &b, const constants &c, int stage, int trial, int64_t step,
                       real limit) {
    real own[BASIN_PACES_MAX];
    return KIND_step(&c.cell, turn(b, paces_of<RULE>(b, stage, step, own), trial, step), limit, x);
  }
#else
  template <int RULE>
  __device__ void step(const lane_batch &b, const constants &c, int stage, int trial,
                       int64_t step) {
    real own[BASIN_PACES_MAX];
    KIND_step(&c.cell, turn(b, paces_of<RULE>(b, stage, step, own), trial, step), x);
    warm = 1;
  }
#endif
  template <int RULE>
  __device__ void ask(const lane_batch &b, const constants &c, mask *holds) const {
    if (ONE_RULE || asks_always<RULE>(c)) KIND_reached(&c.cell, no_turn(b), x, holds);
    else KIND_decide(&c.cell, no_turn(b), x, holds);
  }
  __device__ void observe(const lane_batch &b, const constants &c, int risk, double *seen) const {
    basin_turn t = no_turn(b);
    t.risk = risk;
    KIND_observe(&c.cell, t, x, seen);
  }

  __device__ void get(const double *from, int64_t stride) {
    team_sync(team);
    warm = 0;
    BASIN_TEAM_FOR(team, i, work - x) x[i] = from[i * stride];
    team_sync(team);
  }
  __device__ void put(double *to, int64_t stride) const {
    BASIN_TEAM_FOR(team, i, work - x) to[i * stride] = canonical(x[i]);
  }
};

enum { BLOCK_BYTES = 1 << 26 }; /* of a block's slots in the device's memory */

typedef slot<IN_SHARED> in_shared;
typedef slot<IN_GLOBAL> in_global;
typedef slot<IN_EITHER> in_either;

/* the kernel may take as much shared memory as a block of the device can have; all kernels want the same share of what
   caches leave, for a multiprocessor must be empty to change it */
template <class Kernel> cudaError_t allow_shared(Kernel kernel, int bytes) {
  const cudaError_t bad = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                               bytes);
  return bad ? bad
             : cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                                    cudaSharedmemCarveoutMaxShared);
}

/* Shared memory where a multiprocessor has it for LANE_BLOCK threads at least, a warp for each scheduler; the blocks
   such that most threads find room, for smaller ones fill it better. */
cudaError_t shape(const basin_setting *setting, lane_shape *out) {
  int device = 0, limit = 0, blocks = 0;
  lane_shape s = {};
  s.team = (int)setting->size.team;
  /* odd: slots begin in different banks */
  s.reals = (setting->size.states + setting->size.work) | 1;
  *out = s;
  cudaError_t bad = cudaGetDevice(&device);
  if (!bad) bad = cudaDeviceGetAttribute(&limit, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  if (!bad) bad = allow_shared(kernel_start<in_either>, limit);
  if (!bad) bad = allow_shared(kernel_run<in_shared, EITHER_RULE>, limit);
  if (!bad) bad = allow_shared(kernel_run<in_shared, WATCHING>, limit);
  if (!bad) bad = allow_shared(kernel_observe<in_either>, limit);
  s.shared = 1;
  for (s.block = LANE_BLOCK; !bad && s.block >= LANE_WARP; s.block /= 2) {
    if (shared_bytes(s) > (size_t)limit) continue;
    bad = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel_run<in_shared, EITHER_RULE>,
                                                        s.block, shared_bytes(s));
    s.resident = blocks * lane_slots_of_block(&s);
    if (!bad && s.resident > out->resident) *out = s;
  }
  if (bad || out->resident * s.team >= LANE_BLOCK) return bad;
  s.shared = 0;
  s.block = in_global::THREADS;
  if (in_global::WIDE) s.team = s.block;
  while (!in_global::WIDE && s.block > LANE_WARP &&
         lane_slots_of_block(&s) * lane_slot_bytes(&s) > BLOCK_BYTES)
    s.block /= 2;
  bad = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel_run<in_global, WATCHING>,
                                                      s.block, 0);
  s.resident = blocks * lane_slots_of_block(&s);
  *out = s;
  return bad;
}

cudaError_t start(const lane_batch *b, const void *given, cudaStream_t stream) {
  return for_each(kernel_start<in_either>, b->to_draw - b->drawn, 0, b, given, stream);
}

/* In the device's memory there is one kernel for all: steps are long there, and what is asked behind each is nothing
   beside them. */
cudaError_t run(const lane_batch *b, const lane_launch *launch, const void *given,
                cudaStream_t stream) {
  if (!b->shape.shared) return run_with(kernel_run<in_global, WATCHING>, b, launch, given, stream);
  if (lane_watches(b)) return run_with(kernel_run<in_shared, WATCHING>, b, launch, given, stream);
  return run_with(kernel_run<in_shared, EITHER_RULE>, b, launch, given, stream);
}

cudaError_t finish_all(const lane_batch *b, const void *given, cudaStream_t stream) {
  return for_each(kernel_observe<in_either>, b->count, 0, b, given, stream);
}

cudaError_t record_all(const lane_batch *b, const void *given, cudaStream_t stream) {
  return for_each(kernel_observe<in_either>, b->recorded * b->times, 1, b, given, stream);
}

} // namespace

#endif
