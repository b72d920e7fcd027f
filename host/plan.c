/* SPDX-License-Identifier: MIT */
#include "plan.h"
#include <math.h>
#include <stdlib.h>

enum { PART_TRIALS_MIN = 64, PART_TRIALS_MAX = 65536, PARTS_PER_CELL = 8 };
static const double PART_BYTES = 67108864; /* of trajectories in one part */

int64_t basin_plan_size(const basin_experiment *e, int64_t cell, int64_t first, int64_t limit,
                        int64_t part_trials) {
  int64_t size = part_trials;
  if (!size)
    for (size = PART_TRIALS_MIN; size < PART_TRIALS_MAX && size * PARTS_PER_CELL < limit;)
      size *= 2;
  if (size > limit - first) size = limit - first;
  if (first < e->recorded) {
    const double each = (double)e->times *
                        (e->observables + (e->keep_vectors ? e->cell[cell].model->states : 0)) * 8;
    const int64_t most = each > 0 ? (int64_t)(PART_BYTES / each) : size;
    if (size > most) size = most > 1 ? most : 1;
  }
  return size;
}

static basin_status append(basin_range **list, int64_t *count, int64_t *room, basin_range range,
                           basin_error *error) {
  if (*count == *room) {
    *room = 2 * *room + 64;
    basin_range *more = realloc(*list, (size_t)*room * sizeof **list);
    if (!more) return basin_fail_memory(error);
    *list = more;
  }
  (*list)[(*count)++] = range;
  return BASIN_OK;
}

static int by_turn(const void *a, const void *b) {
  const basin_range *x = a, *y = b;
  if (x->first != y->first) return x->first < y->first ? -1 : 1;
  return x->cell < y->cell ? -1 : x->cell > y->cell;
}

basin_status basin_plan_missing(const basin_experiment *e, const int64_t *target,
                                int64_t part_trials, const basin_range *kept, int64_t kepts,
                                basin_range **missing, int64_t *missings, basin_error *error) {
  basin_status status = BASIN_OK;
  int64_t room = 0, at = 0;
  *missing = NULL;
  *missings = 0;
  for (int64_t cell = 0; cell < e->cells && !status; cell++) {
    for (int64_t first = 0; first < target[cell] && !status;) {
      /* the next kept part of this cell that reaches beyond `first` */
      while (at < kepts && (kept[at].cell < cell ||
                            (kept[at].cell == cell && kept[at].first + kept[at].count <= first)))
        at++;
      const int here = at < kepts && kept[at].cell == cell;
      if (here && kept[at].first <= first) {
        first = kept[at].first + kept[at].count;
        continue;
      }
      const int64_t limit = here && kept[at].first < target[cell] ? kept[at].first : target[cell];
      int64_t size = basin_plan_size(e, cell, first, target[cell], part_trials);
      if (size > limit - first) size = limit - first;
      status = append(missing, missings, &room,
                      (basin_range){.cell = cell, .first = first, .count = size}, error);
      first += size;
    }
  }
  if (status) {
    free(*missing);
    return status;
  }
  if (*missings) qsort(*missing, (size_t)*missings, sizeof **missing, by_turn);
  return BASIN_OK;
}

static double halfwidth(int64_t trials, double share) {
  const basin_rate rate = basin_wilson((int64_t)nearbyint(share * (double)trials), trials);
  return (rate.high - rate.low) / 2;
}

int64_t basin_plan_enough(const basin_experiment *e, int64_t trials, int64_t successes) {
  const double share = (double)successes / (double)trials;
  if (!(e->halfwidth > 0) || halfwidth(trials, share) <= e->halfwidth) return trials;

  /* the least number that would do at the same share, in steps of 2%; at least a tenth more */
  int64_t enough = trials + trials / 10 + 1;
  while (enough < e->max_trials && halfwidth(enough, share) > e->halfwidth)
    enough += enough / 50 + 1;
  enough = (enough + PART_TRIALS_MIN - 1) / PART_TRIALS_MIN * PART_TRIALS_MIN;
  return enough < e->max_trials ? enough : e->max_trials;
}
