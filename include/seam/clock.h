/* SPDX-License-Identifier: MIT
 *
 * clock.h: the life of a trial: at which steps it is recorded, goes on to the next stage of the schedule, and ends at
 * the latest. Every driver, on the CPU and on a device, asks it here.
 *
 * A course is what all trials of a part have in common, a clock is one trial's place in it. A driver sets the clock of
 * a trial that begins (step 0) or goes on after a pause (any step), and asks at the steps that it has come to:
 *
 *   clock_set(&course, recorded, 0, &clock);
 *   for (step = 0;; step++) {
 *     const unsigned due = clock_due(&course, recorded, step, &clock);     nearly always 0
 *     if (due & CLOCK_RECORD) keep the observables as record number clock.next_time - 1;
 *     if (due & CLOCK_END) ask for the outcome, end;
 *     if (due & CLOCK_STAGE) use the paces of stage number clock.stage;
 *     ... one step ...
 *   }
 *
 * With the recorded steps 0 and 100, a first stage of 1000 steps and max_steps 5000 something is due at the steps 0,
 * 100, 1000 and 5000. No step before clock.event needs to ask. A trial that goes on at some step finds due whatever is
 * due at that step, whether or not that was done before the pause: records are made of the same
 * state, to the same bits.
 */
#ifndef BASIN_SEAM_CLOCK_H
#define BASIN_SEAM_CLOCK_H

#include "seam/condition.h"
#include "seam/setting.h"

typedef struct basin_course {
  int64_t max_steps;
  const int64_t *stage_end; /* [stages] first step behind each; INT64_MAX for the last one */
  int64_t times;
  const int64_t *time; /* [times] recorded steps, ascending */
} basin_course;

typedef struct basin_clock {
  int64_t event; /* the next step at which something is due */
  int next_time; /* index of the next recorded step */
  int stage;
} basin_clock;

enum { CLOCK_RECORD = 1, CLOCK_STAGE = 2, CLOCK_END = 4 };

/* host: the course of a cell's trials; stage_end [setting->stages] is filled in, and must stay */
static inline void clock_course(const basin_setting *setting, int64_t times, const int64_t *time,
                                int64_t *stage_end, basin_course *course) {
  int64_t end = 0;
  course->max_steps = setting->stop.max_steps;
  course->stage_end = stage_end;
  course->times = times;
  course->time = time;
  for (int s = 0; s < setting->stages; s++) {
    end = s == setting->stages - 1 ? INT64_MAX : end + setting->stage[s].steps;
    stage_end[s] = end;
  }
}

/* recorded: whether the trial's records are kept */
BASIN_HD void clock_schedule(const basin_course *course, int recorded, basin_clock *clock) {
  clock->event = course->max_steps;
  if (course->stage_end[clock->stage] < clock->event)
    clock->event = course->stage_end[clock->stage];
  if (recorded && clock->next_time < course->times && course->time[clock->next_time] < clock->event)
    clock->event = course->time[clock->next_time];
}

/* the clock of a trial that has taken `step` steps; what is due at that step is still due, but the stage is set */
BASIN_HD void clock_set(const basin_course *course, int recorded, int64_t step,
                        basin_clock *clock) {
  clock->stage = 0;
  clock->next_time = 0;
  while (course->stage_end[clock->stage] <= step) clock->stage++;
  while (recorded && clock->next_time < course->times && course->time[clock->next_time] < step)
    clock->next_time++;
  clock_schedule(course, recorded, clock);
}

/* what is due at this step, or-ed; it will not be due again */
BASIN_HD unsigned clock_due(const basin_course *course, int recorded, int64_t step,
                            basin_clock *clock) {
  unsigned due = 0;
  if (clock->event != step) return 0;
  if (recorded && clock->next_time < course->times && course->time[clock->next_time] == step) {
    clock->next_time++;
    due |= CLOCK_RECORD;
  }
  if (step == course->max_steps) return due | CLOCK_END;
  while (course->stage_end[clock->stage] == step) {
    clock->stage++;
    due |= CLOCK_STAGE;
  }
  clock_schedule(course, recorded, clock);
  return due;
}

/* One NaN for all, whatever its sign and payload: what is stored, and the same on every backend. */
BASIN_HD double canonical(double x) {
  const uint64_t none = 0x7ff8000000000000u;
  if (x == x) return x;
  memcpy(&x, &none, sizeof x);
  return x;
}

/* one of the observables, NaN for -1: an observable that this model does not have */
BASIN_HD double observable_of(const double *seen, int count, int index) {
  double value = NAN;
  if (count > BASIN_OBSERVED_FEW) return index < 0 ? value : canonical(seen[index]);
  BASIN_UNROLLED
  for (int i = 0; i < count; i++)
    if (i == index) value = seen[i];
  return canonical(value);
}

#endif
