/* SPDX-License-Identifier: MIT
 *
 * job.h: what an engine is asked to run (the job), and what came of it (the part). host/run makes both, an engine fills
 * in the part, host/store keeps it.
 *
 * A part is a contiguous range of trials of one cell: trials 4096 .. 8191 of cell 3, say. The job says which, and what
 * is wanted of them; the part has the arrays for it. An engine fills in every output, and its bits must not depend on
 * the backend, the worker or the size of the part.
 *
 * A part of the 3 trials 99, 100 and 101, of which those below 100 are recorded at two steps, with one observable, and
 * one final observable, when all have ended:
 *
 *   first = 99, count = 3, recorded = 1
 *   outcome = {1, 2, 4}                    global, spurious, diverged
 *   steps   = {96, 112, 16}
 *   final   = {1e-9, 0.4, NaN}             [1][3]
 *   record  = {0.8, 0.3}                   [1][1][2], of trial 99 alone
 *
 * A part may come half done: trials whose outcome is not negative have ended and are left as they are, the trials under
 * way (flights) go on from their state. An engine that is asked to pause leaves the part like that. Of a part that
 * comes fresh every bit of every array is set: outcome, steps and passages are -1, doubles NaN.
 */
#ifndef BASIN_SEAM_JOB_H
#define BASIN_SEAM_JOB_H

#include "basin.h"
#include "seam/setting.h"

struct basin_model;

/* What is asked of every step: when an observable is at a level, or past it, for the first time (passage.h). */
typedef struct basin_passage {
  int observable; /* index in the model's table, then in BASIN_RISK_TABLE; -1: the cell has no such passage */
  int above; /* 1: at the level or above it, 0: at it or below */
  double level;
} basin_passage;

typedef struct basin_job {
  const struct basin_model *model;
  const basin_setting *setting;
  int64_t cell;         /* its index in the experiment, for messages */
  int64_t first, count; /* trials first .. first + count - 1 */
  int64_t recorded;     /* trials below this number keep their trajectory */
  int64_t times;        /* number of recorded steps */
  const int64_t *time;  /* [times] the steps, ascending */

  /* observables kept at the end of every trial, and along trajectories: indices in the model's table, then in
     BASIN_RISK_TABLE (setting.h); -1: NaN */
  int finals, observables;
  const int *final, *observable; /* [finals], [observables] */

  /* passages kept of every trial; those of one observable in one direction follow each other, in the order in which
     they must come */
  int passages;
  const basin_passage *passage; /* [passages] */

  int keep_states; /* whether the state is kept at the recorded steps too */
  int keep_ends;   /* and that of every trial at its end */

  /* what its trials' ends are called, and the point of each that is kept (host/run/naming.h): no engine's business */
  const struct basin_naming *naming;
  const struct basin_discover *discover;
  int64_t points; /* numbers of a point; 0: none is kept */

  /* fresh inputs of the estimates at a recorded step (0: none), and quantities estimated: no engine's business, but
     host/engine/measure.h's */
  int64_t inputs;
  int estimates;
} basin_job;

/* how many of its trials are recorded: those at its head */
static inline int64_t basin_job_recorded(const basin_job *job) {
  const int64_t n = job->recorded - job->first;
  return n < 0 ? 0 : n > job->count ? job->count : n;
}

/* A trial under way: its index in the part, and the steps it has taken, a positive number. What is due at that step is
   done when it goes on (clock.h). Of states in registers the step is a multiple of BASIN_DECIDE_EVERY. */
typedef struct basin_flight {
  int64_t trial, step;
} basin_flight;

/* Every array of a part: X(name, type, outer, trials, inner), [outer][trials][inner] of the type; `trials` is `count`
   or `recorded`. job: the job that the part is of. The order in a part's file is that of `on_disk` in
   host/store/part.c: a new array has a place there, and makes a new FORMAT. `end` is in no file: it has been
   read by the time that the part is written. */
#define BASIN_PART_ARRAYS(X, job)                                                                  \
  X(outcome, int8_t, 1, count, 1)           /* enum basin_outcome; -1: has not ended */            \
  X(steps, int64_t, 1, count, 1)            /* taken until the outcome */                          \
  X(final, double, (job)->finals, count, 1) /* NaN where diverged */                               \
  X(record, double, (job)->observables, recorded, (job)->times) /* NaN after the trial's end */    \
  X(state, double, (job)->keep_states ? 1 : 0, recorded,                                           \
    (job)->times *(job)->setting->size.states)                                                     \
  X(halvings, int8_t, (job)->setting->halve ? 1 : 0, count, 1)      /* how often it began again */ \
  X(estimate, double, 2 * (job)->estimates, recorded, (job)->times) /* values, then errors */      \
  X(passage, int64_t, (job)->passages, count, 1) /* the step; -1: has not come */                  \
  X(point, double, (job)->points, count, 1)      /* where a trial came to rest; NaN: it did not */ \
  X(end, double, (job)->keep_ends ? (job)->setting->size.states : 0, count,                        \
    1) /* of a trial that ended in this call: the state; of others anything */

/* What came of it. Trials are counted from the part's first; the recorded ones are at its head. Arrays of no elements
   are NULL; halvings, estimate and point are no engine's business. */
typedef struct basin_part {
  int64_t first, count, recorded; /* recorded: number of recorded trials in the part */
#define BASIN_PART_MEMBER(name, type, outer, trials, inner) type *name;
  BASIN_PART_ARRAYS(BASIN_PART_MEMBER, )
#undef BASIN_PART_MEMBER

  int64_t
      refused; /* where an engine says BASIN_BAD_INPUT: the step that there is no step size for */

  /* trials under way, where the run was paused: malloc'ed by the engine (flights.h), freed by the host. Where it was
     not, those of an earlier pause are still here, and mean nothing any more. */
  int64_t flights;
  basin_flight *flight; /* [flights], or NULL */
  double *flight_state; /* [flights][size.states] */
} basin_part;

/* Shared by all workers: the host's wishes, and how far the work is. Accessed atomically. */
typedef struct basin_watch {
  int stop; /* not 0: pause soon, for good */
  int give_up; /* likewise, in the midst of a step: what takes long is broken off and done again later */
  int pauses;          /* when it changes: pause soon, to be saved and called again */
  int64_t trials;      /* trials ended */
  int64_t trial_steps; /* steps taken by all trials */
} basin_watch;

/* all workers leave, within a fraction of a second wherever they are */
static inline void basin_watch_stop(basin_watch *watch) {
  __atomic_store_n(&watch->stop, 1, __ATOMIC_RELAXED);
  __atomic_store_n(&watch->give_up, 1, __ATOMIC_RELAXED);
}

static inline int watch_pauses(const basin_watch *watch) {
  return __atomic_load_n(&watch->pauses, __ATOMIC_RELAXED);
}

/* whether the host wants the work to pause; pauses: what watch_pauses() was when the part came */
static inline int watch_asks(const basin_watch *watch, int pauses) {
  return __atomic_load_n(&watch->stop, __ATOMIC_RELAXED) ||
         __atomic_load_n(&watch->give_up, __ATOMIC_RELAXED) || watch_pauses(watch) != pauses;
}

/* tell how much has been done since the last time */
static inline void watch_tell(basin_watch *watch, int64_t trials, int64_t steps) {
  __atomic_add_fetch(&watch->trials, trials, __ATOMIC_RELAXED);
  __atomic_add_fetch(&watch->trial_steps, steps, __ATOMIC_RELAXED);
}

#endif
