/* SPDX-License-Identifier: MIT */
#include "store/part_file.h"
#include "read/named.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

basin_job basin_part_job(const basin_experiment *e, int64_t cell, int64_t first, int64_t count) {
  return (basin_job){.model = e->cell[cell].model,
                     .setting = &e->cell[cell].setting,
                     .cell = cell,
                     .first = first,
                     .count = count,
                     .recorded = e->recorded,
                     .times = e->recorded ? e->times : 0,
                     .time = e->time,
                     .finals = e->asked,
                     .final = e->cell[cell].index,
                     .observables = e->observables,
                     .observable = e->cell[cell].index + e->asked,
                     .passages = e->passages,
                     .passage = e->cell[cell].passage,
                     .keep_states = basin_keeps_states(e),
                     .keep_ends = basin_keeps_ends(&e->cell[cell]),
                     .naming = e->cell[cell].naming,
                     .discover = e->cell[cell].discover,
                     .points = basin_point_length(&e->cell[cell]),
                     .inputs = e->inputs,
                     .estimates = e->estimates};
}

/* ---- the arrays ---- */

/* numbers of the arrays of BASIN_PART_ARRAYS, then those of the flights */
enum {
#define NUMBER(name, type, outer, trials, inner) NUMBER_##name,
  BASIN_PART_ARRAYS(NUMBER, )
#undef NUMBER
      NUMBER_flight,
  NUMBER_flight_state,
  NUMBERS
};

/* their order on disk: an array that comes in addition needs another FORMAT (part_file.c); the last one is not there */
static const int on_disk[] = {NUMBER_outcome,  NUMBER_steps,   NUMBER_final,        NUMBER_record,
                              NUMBER_state,    NUMBER_flight,  NUMBER_flight_state, NUMBER_halvings,
                              NUMBER_estimate, NUMBER_passage, NUMBER_point,        NUMBER_end};
_Static_assert(sizeof on_disk / sizeof *on_disk == NUMBERS, "an array of a part is not on disk");
_Static_assert((int)NUMBERS == (int)BASIN_PART_PIECES_ALL, "the pieces of a part are its arrays");

void basin_part_pieces(basin_part *part, const basin_job *job, int64_t flights,
                       basin_piece piece[BASIN_PART_PIECES_ALL]) {
  const struct { int64_t count, recorded; } number_of = {job->count, basin_job_recorded(job)};
  const basin_piece all[NUMBERS] = {
#define PIECE(name, type, outer, trials, inner) \
  [NUMBER_##name] = {(void **)&part->name,      \
                     (size_t)(outer) * (size_t)number_of.trials * (size_t)(inner) * sizeof(type)},
      BASIN_PART_ARRAYS(PIECE, job)
#undef PIECE
          [NUMBER_flight] = {(void **)&part->flight, (size_t)flights * sizeof *part->flight},
      [NUMBER_flight_state] = {(void **)&part->flight_state, (size_t)flights *
                                                                 (size_t)job->setting->size.states *
                                                                 sizeof *part->flight_state},
  };
  for (int i = 0; i < NUMBERS; i++) piece[i] = all[on_disk[i]];
}

static double bytes_of(const basin_job *job, int64_t flights, int pieces) {
  basin_part part;
  basin_piece piece[BASIN_PART_PIECES_ALL];
  double sum = 0;
  basin_part_pieces(&part, job, flights, piece);
  for (int i = 0; i < pieces; i++) sum += (double)piece[i].bytes;
  return sum;
}

double basin_part_file_bytes(const basin_job *job, int64_t flights) {
  return bytes_of(job, flights, BASIN_PART_PIECES);
}

double basin_part_bytes(const basin_job *job) { return bytes_of(job, 0, BASIN_PART_PIECES_ALL); }

/* Of large arrays the system is asked for large pages: to get one page after another as it is first written to takes
   longer than to read it. */
static void *allocate(size_t bytes) {
  enum { PAGE = 1 << 21 };
  if (bytes < PAGE) return malloc(bytes);
  void *array = aligned_alloc(PAGE, (bytes + PAGE - 1) / PAGE * PAGE);
#ifdef MADV_HUGEPAGE
  if (array) madvise(array, bytes, MADV_HUGEPAGE);
#endif
  return array;
}

basin_status basin_part_allocate_with(const basin_job *job, int64_t flights, int to_read,
                                      basin_part *part, basin_error *error) {
  basin_piece piece[BASIN_PART_PIECES_ALL];
  *part = (basin_part){.first = job->first,
                       .count = job->count,
                       .recorded = basin_job_recorded(job),
                       .flights = flights};
  basin_part_pieces(part, job, flights, piece);
  for (int i = 0; i < BASIN_PART_PIECES_ALL; i++) {
    if (!piece[i].bytes) continue;
    *piece[i].array = allocate(piece[i].bytes);
    if (!*piece[i].array) {
      basin_part_free(part);
      return basin_fail_memory(error);
    }

    /* outcome and steps -1, doubles NaN: what nobody wrote shows */
    if (!to_read || i >= BASIN_PART_PIECES) memset(*piece[i].array, 0xff, piece[i].bytes);
  }
  if (part->halvings) memset(part->halvings, 0, (size_t)part->count);
  return BASIN_OK;
}

basin_status basin_part_allocate(const basin_job *job, basin_part *part, basin_error *error) {
  return basin_part_allocate_with(job, 0, 0, part, error);
}

void basin_part_free(basin_part *part) {
#define FREE(name, type, outer, trials, inner) free(part->name);
  BASIN_PART_ARRAYS(FREE, )
#undef FREE
  free(part->flight);
  free(part->flight_state);
  memset(part, 0, sizeof *part);
}

/* ---- how its trials ended ---- */

void basin_part_count(const basin_part *part, basin_range *range) {
  uint64_t steps = 0; /* of a part that was tampered with, the sum may be anything */
  memset(range->outcomes, 0, sizeof range->outcomes);
  for (int64_t i = 0; i < part->count; i++) {
    if (part->outcome[i] < 0 || part->outcome[i] >= BASIN_OUTCOMES_MAX) continue;
    range->outcomes[part->outcome[i]]++;
    steps += (uint64_t)part->steps[i];
  }
  range->steps = (int64_t)steps;
}
