/* SPDX-License-Identifier: MIT
 *
 * team.h: threads that share one trial, and sums whose bits do not depend on how many they are.
 *
 * A function that is called by all threads of a team writes
 *
 *   BASIN_TEAM_FOR(team, i, n) x[i] = ...;   each thread takes its share of the i
 *   team_sync(team);                         and waits before it reads what others have written
 *   sum = team_total(team, x, n, scratch);   the same number for all of them, whatever the size of the team
 *
 * On a CPU a team is one thread, and all this is a plain loop.
 */
#ifndef BASIN_NUMERIC_TEAM_H
#define BASIN_NUMERIC_TEAM_H

#include "numeric/real.h"

/* Threads that share one trial, where its state is an array: each takes its share of every BASIN_TEAM_FOR loop, the
   i whose remainder by the team's size is its rank, and they wait for each other with team_sync where one reads what
   another has written, or writes what another has read. On a CPU a lane is alone, and a loop is a plain one. */
typedef struct basin_team {
  int rank, size;   /* of this thread; of the team: a power of two, at most BASIN_TEAM_MOST */
  unsigned threads; /* the team's threads in their warp, a bit each: neighbours */

  /* not NULL: where it points to becomes 1 when nobody wants the result any more, and stays so */
  const int *stop;
} basin_team;

/* Threads of a team, at most: those of a warp; of a model that says so before it includes this, those of a block. */
#ifndef BASIN_TEAM_MOST
#define BASIN_TEAM_MOST 32
#endif

/* Macros, so that tests/cudasim sees where each thread waits. With a whole warp the mask is a constant: any other must
   be compared among the threads at every wait, which are some ten instructions. A team of more is a block. */
#if defined(__CUDA_ARCH__) || defined(CUDASIM)
#define BASIN_ON_DEVICE 1
#define team_sync_warp(team) ((team).size == 32 ? __syncwarp() : __syncwarp((team).threads))
#if BASIN_TEAM_MOST > 32
#define team_sync(team) ((team).size > 32 ? __syncthreads() : team_sync_warp(team))
#else
#define team_sync(team) team_sync_warp(team)
#endif
#define BASIN_TEAM_FOR(team, i, n) for (int i = (team).rank; i < (int)(n); i += (team).size)
#else
#define BASIN_ON_DEVICE 0
#define team_sync(team) ((void)(team))
#define BASIN_TEAM_FOR(team, i, n) for (int i = ((void)(team), 0); i < (int)(n); i++)
#endif

/* the team of one: on a CPU, and of the calling thread of a block of one dimension */
static const basin_team basin_alone = {0, 1, 1, NULL};
BASIN_HD basin_team team_alone(void) {
  basin_team team = {0, 1, 1, NULL};
#if BASIN_ON_DEVICE
  team.threads = 1u << threadIdx.x % 32;
#endif
  return team;
}

/* Whether to break off, with anything for a result: whoever called throws that away, for he looks at the same number
   afterwards. A loop that may take longer than some milliseconds asks at each turn, and again in the loops around it;
   threads may see the number at different times, so where they wait for each other inside the loop they must agree. */
BASIN_HD int team_stopped(basin_team team) {
#if BASIN_ON_DEVICE
  (void)team;
  return 0;
#else
  return team.stop && __atomic_load_n(team.stop, __ATOMIC_RELAXED);
#endif
}

#if !BASIN_ON_DEVICE
/* the sum of `strands` numbers, a constant from 4 to 32, by halving, in registers */
BASIN_HD real team_fold(const real *x, int strands) {
  real sum[16];
  for (int c = 0; c < strands / 2; c++) sum[c] = x[c] + x[c + strands / 2];
  for (int half = strands / 4; half > 0; half /= 2)
    for (int c = 0; c < half; c++) sum[c] = sum[c] + sum[c + half];
  return sum[0];
}
static __attribute__((noinline, unused)) real team_fold_32(const real *x) {
  return team_fold(x, 32);
}
static __attribute__((noinline, unused)) real team_fold_16(const real *x) {
  return team_fold(x, 16);
}
#endif

/* The sum of the strands x[0 .. strands), a power of two, by halving (32 to 16, ...), so that it does not depend on
   the size of the team. Begins with a team_sync; the strands are used up; all threads of the team get the sum. */
BASIN_HD real team_sum(basin_team team, real *x, int strands) {
  team_sync(team);
#if BASIN_ON_DEVICE
  /* a thread a strand: exchanged among registers, every thread adds the two halves of its own pair */
  if (team.size == 32 && strands == 32) {
    real sum = x[team.rank];
    for (int half = 16; half > 0; half /= 2) sum = sum + __shfl_xor_sync(0xffffffffu, sum, half);
    return sum;
  }
  if (team.size == strands) {
    real sum = x[team.rank];
    for (int half = strands / 2; half > 0; half /= 2)
      sum = sum + __shfl_xor_sync(team.threads, sum, half);
    return sum;
  }
#else
  if (strands == 32) return team_fold_32(x);
  if (strands == 16) return team_fold_16(x);
#endif
  for (int half = strands / 2; half > 0; half /= 2) {
    BASIN_TEAM_FOR(team, c, half) x[c] = x[c] + x[c + half];
    team_sync(team);
  }
  const real sum = x[0];
  team_sync(team);
  return sum;
}

/* A long sum is taken in up to 32 strands, each a partial sum of its own, so that its bits do not depend on how many
   threads share it. How many strands so many terms fill: a power of two. */
BASIN_HD int team_strands(int64_t count) {
  int strands = 1;
  while (strands < count && strands < 32) strands *= 2;
  return strands;
}

/* The sums of x[i] and of x[i] y[i], i < count: term i belongs to strand i modulo team_strands(count), and a strand
   adds up in the order of i. strand: scratch for 32. What other threads have written is waited for. */
BASIN_HD real team_total(basin_team team, const real *x, int64_t count, real *strand) {
  const int strands = team_strands(count);
  team_sync(team);
  BASIN_TEAM_FOR(team, c, strands) {
    real sum = r_set(0.0);
    for (int64_t i = c; i < count; i += strands) sum = sum + x[i];
    strand[c] = sum;
  }
  return team_sum(team, strand, strands);
}
BASIN_HD real team_dot(basin_team team, const real *x, const real *y, int64_t count, real *strand) {
  const int strands = team_strands(count);
  int begun = 0;
  team_sync(team);
#if !BASIN_ON_DEVICE
  for (; begun + 8 <= strands; begun += 8) { /* eight in turn, for a strand is a chain */
    real sum[8];
    int64_t i = begun;
    BASIN_UNROLL
    for (int c = 0; c < 8; c++) sum[c] = r_set(0.0);
    for (; i + 8 <= count; i += strands) BASIN_UNROLL
    for (int c = 0; c < 8; c++) sum[c] = r_fma(x[i + c], y[i + c], sum[c]);
    BASIN_UNROLL
    for (int c = 0; c < 8; c++) {
      if (i + c < count) sum[c] = r_fma(x[i + c], y[i + c], sum[c]);
      strand[begun + c] = sum[c];
    }
  }
#endif
  BASIN_TEAM_FOR(team, rest, strands - begun) {
    const int c = begun + rest;
    real sum = r_set(0.0);
    for (int64_t i = c; i < count; i += strands) sum = r_fma(x[i], y[i], sum);
    strand[c] = sum;
  }
  return team_sum(team, strand, strands);
}

#endif
