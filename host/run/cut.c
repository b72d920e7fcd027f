/* SPDX-License-Identifier: MIT */
#include "run/cut.h"
#include "read/named.h"
#include <stdlib.h>

enum {
  PART_TRIALS_MIN = 64,
  PART_TRIALS_LONG = 16,
  PART_TRIALS_MAX = 65536,
  PARTS_PER_CELL = 8,
  PARTS_PER_LONG_CELL = 64, /* of parts that take long, so that many threads end about together */
  PARTS_PER_SHARD = 16
};
static const double PART_BYTES = 67108864; /* of trajectories, and states at the end, in one part */
static const double PART_OPERATIONS = 0x1p31; /* some tenths of a second */
static const double START_STEPS = 400;

/* What a trial of the cell is expected to cost: in steps; in operations. Gradient descent takes a number of steps that
   goes as one over its step size, and starting a trial costs about as much as START_STEPS steps. */
static double expected_steps(const basin_cell *cell) {
  const basin_setting *s = &cell->setting;
  double steps = 0, eta = 0;
  int falling = 0;
  for (int i = 0; i < s->stages - 1; i++) steps += (double)s->stage[i].steps;
  for (int i = 0; i < cell->model->step_sizes; i++) {
    const basin_stage *stage = &s->stage[s->stages - 1];
    const double here = stage->eta[i];
    if (here > 0 && (eta <= 0 || here < eta)) eta = here;
    falling |= stage->eta[BASIN_DECAY + i] > 0 || stage->moving[i];
  }
  const double most = (double)s->stop.max_steps;
  steps = eta > 0 && !falling ? steps + 1 / eta : most;
  return START_STEPS + (steps < most ? steps : most);
}

static double expected_operations(const basin_cell *cell) {
  return expected_steps(cell) * basin_operations(&cell->setting);
}

/* Trials of the smallest parts: so few that a run of some dozens has work for several threads where these take long.
   Those that are run one at a time need no others beside them. */
static int64_t least_trials(const basin_cell *cell) {
  const basin_setting *s = &cell->setting;
  if (s->size.large) return 1;
  if (basin_dynamics_of(cell->model, s)->registers) return PART_TRIALS_MIN;
  const int long_ones = expected_operations(cell) * PART_TRIALS_MIN > PART_OPERATIONS;
  return long_ones ? PART_TRIALS_LONG : PART_TRIALS_MIN;
}

/* Trials of the cell's parts where the user has not said how many: few parts, for each has a cost of its own, but more
   of them where twice as many trials would take long. */
static int64_t usual_trials(const basin_cell *cell, int64_t trials) {
  const double operations = expected_operations(cell);
  int64_t size = least_trials(cell);
  while (size < PART_TRIALS_MAX && size * PARTS_PER_CELL < trials) {
    const int takes_long = 2 * (double)size * operations > PART_OPERATIONS;
    if (takes_long && size * PARTS_PER_LONG_CELL >= trials) break;
    size *= 2;
  }
  return size;
}

int64_t basin_cut_size(const basin_experiment *e, int64_t cell, int64_t first, int64_t limit,
                       int64_t part_trials) {
  const basin_cell *c = &e->cell[cell];
  int64_t size = part_trials ? part_trials : usual_trials(c, limit);
  if (size > limit - first) size = limit - first;
  const double states = 8 * (double)c->setting.size.states, ends = basin_keeps_ends(c) ? states : 0;
  if (first < e->recorded || ends > 0) {
    const double row = 8 * (double)(e->observables + 2 * e->estimates) +
                       (basin_keeps_states(e) ? states : 0),
                 each = ends + (first < e->recorded ? (double)e->times * row : 0);
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

void basin_cut_in_turns(basin_range *range, int64_t ranges) {
  if (ranges > 0) qsort(range, (size_t)ranges, sizeof *range, by_turn);
}

basin_status basin_cut_missing(const basin_experiment *e, const int64_t *target,
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
      int64_t size = basin_cut_size(e, cell, first, target[cell], part_trials);
      if (size > limit - first) size = limit - first;
      status = append(missing, missings, &room,
                      (basin_range){.cell = cell, .first = first, .count = size}, error);
      first += size;
    }
  }
  if (status) {
    free(*missing);
    *missing = NULL;
    return status;
  }
  basin_cut_in_turns(*missing, *missings);
  return BASIN_OK;
}

/* ---- shards ---- */

int64_t basin_cut_campaign_part(const basin_experiment *e, int64_t shards) {
  const double trials = (double)e->cells * (double)e->trials;
  int64_t size = PART_TRIALS_MIN;
  while (size < PART_TRIALS_MAX && size * PARTS_PER_CELL < e->trials &&
         trials / (double)(2 * size) >= (double)PARTS_PER_SHARD * (double)shards)
    size *= 2;
  return size;
}

typedef struct load {
  double cost;
  int64_t index; /* of the range, or of the shard */
} load;

static int dearest_first(const void *a, const void *b) {
  const load *x = a, *y = b;
  if (x->cost != y->cost) return x->cost > y->cost ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

static int is_lighter(const load *x, const load *y) {
  return x->cost < y->cost || (x->cost == y->cost && x->index < y->index);
}

/* put the heap's root, which has become heavier, in its place */
static void sink(load *heap, int64_t count) {
  for (int64_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && is_lighter(&heap[child + 1], &heap[child])) child++;
    if (!is_lighter(&heap[child], &heap[at])) return;
    const load swap = heap[at];
    heap[at] = heap[child];
    heap[child] = swap;
  }
}

basin_status basin_cut_shards(const basin_experiment *e, const basin_range *range, int64_t ranges,
                              int64_t shards, int64_t *shard, basin_error *error) {
  load *cost = calloc((size_t)ranges + 1, sizeof *cost);
  load *heap = calloc((size_t)shards + 1, sizeof *heap);
  if (!cost || !heap) {
    free(cost);
    free(heap);
    return basin_fail_memory(error);
  }
  for (int64_t i = 0; i < ranges; i++)
    cost[i] = (load){(double)range[i].count * expected_steps(&e->cell[range[i].cell]), i};
  for (int64_t i = 0; i < shards; i++) heap[i] = (load){0, i};
  qsort(cost, (size_t)ranges, sizeof *cost, dearest_first);
  for (int64_t i = 0; i < ranges; i++) {
    shard[cost[i].index] = heap[0].index;
    heap[0].cost += cost[i].cost;
    sink(heap, shards);
  }
  free(cost);
  free(heap);
  return BASIN_OK;
}
