/* SPDX-License-Identifier: MIT
 *
 * passage.h: passages, the first steps at which an observable is at its level or past it. Every driver, on the CPU and
 * on a device, asks for them here: at every step, in cells that have any, and nowhere else.
 *
 * The passages of one observable in one direction are a ladder: their levels come one after another, so a trial has at
 * most one of them to wait for. A driver keeps for each trial the number of that one, `next`:
 *
 *   next = ladder_begin(ladder, passage, stride, step);     a trial that begins, or goes on after a pause
 *   next = ladder_climb(ladder, of, seen, next, passage, stride, step);     at every step, that one too
 *
 * where passage[i * stride] is the trial's passage number i in the part. Of an observable that falls 3, 0.5, 0.02, 0.3
 * with steps 0 to 3 the levels 1, 0.1 and 0.01 are passed at the steps 1, 2 and never.
 *
 * A driver that takes several steps in one go sees no state between: there it may ask for observables alone that keep
 * their value until the last of these steps.
 */
#ifndef BASIN_SEAM_PASSAGE_H
#define BASIN_SEAM_PASSAGE_H

#include "numeric/real.h"
#include "seam/job.h"

/* more would cost a device's registers */
enum { BASIN_LADDERS_MAX = 4 };

typedef struct basin_ladder {
  int observable;
  int first, end; /* of the passages: first .. end - 1 */
  int above;
} basin_ladder;

typedef struct basin_ladders {
  int count;
  basin_ladder of[BASIN_LADDERS_MAX];
} basin_ladders;

/* host: the ladders of a job; passages that its cell lacks are in none */
static inline basin_ladders basin_ladders_of(const basin_job *job) {
  basin_ladders l;
  memset(&l, 0, sizeof l);
  for (int i = 0; i < job->passages; i++) {
    const basin_passage *p = &job->passage[i];
    basin_ladder *last = l.count ? &l.of[l.count - 1] : NULL;
    if (p->observable < 0) continue;
    if (last && last->end == i && last->observable == p->observable && last->above == p->above) {
      last->end++;
    } else if (l.count < BASIN_LADDERS_MAX) {
      const basin_ladder one = {p->observable, i, i + 1, p->above};
      l.of[l.count++] = one;
    }
  }
  return l;
}

/* the first passage that the trial has not had, which has taken `step` steps */
BASIN_HD int ladder_next(const basin_ladder *l, const int64_t *passage, int64_t stride,
                         int64_t step) {
  int next = l->first;
  while (next < l->end && passage[next * stride] >= 0 && passage[next * stride] <= step) next++;
  return next;
}

/* Likewise, and what was noted of later steps is forgotten: the trial has gone back behind them. */
BASIN_HD int ladder_begin(const basin_ladder *l, int64_t *passage, int64_t stride, int64_t step) {
  const int next = ladder_next(l, passage, stride, step);
  for (int i = next; i < l->end; i++) passage[i * stride] = -1;
  return next;
}

/* whether the observable's value makes the passage */
BASIN_HD int ladder_holds(const basin_ladder *l, const basin_passage *of, double seen) {
  return l->above ? seen >= of->level : seen <= of->level;
}

/* notes the passages that the observable's value at this step makes */
BASIN_HD int ladder_climb(const basin_ladder *l, const basin_passage *of, double seen, int next,
                          int64_t *passage, int64_t stride, int64_t step) {
  for (; next < l->end && ladder_holds(l, &of[next], seen); next++) passage[next * stride] = step;
  return next;
}

#endif
