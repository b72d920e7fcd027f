/* SPDX-License-Identifier: MIT
 *
 * flights.h: how an engine takes up the trials that were under way when the part was paused, and hands back those that
 * are under way when it is asked to pause itself. Every engine uses it.
 *
 * To take them up flights_mark(part) marks them with FLIGHT_WAITS in part->outcome, so that nobody draws them again. To
 * hand them back:
 *
 *   basin_hand_back back;
 *   if (!flights_open(&back, part, running, states)) return BASIN_FAILED;
 *   for each running trial
 *     if ((to = flights_add(&back, trial, step))) copy its state to to[0 .. states);
 *   flights_close(&back, part);
 *   return BASIN_INTERRUPTED;
 *
 * Of a part of 3 trials, of which number 0 has ended, number 1 has taken 64 steps and number 2 none, there is then
 *
 *   outcome = {1, -1, -1}, flights = 1, flight[0] = {1, 64}, flight_state[0 .. states) the state of number 1
 *
 * Flights of the part that nobody has taken up meanwhile are kept. A trial that has taken no step is not handed back:
 * it is drawn again.
 */
#ifndef BASIN_SEAM_FLIGHTS_H
#define BASIN_SEAM_FLIGHTS_H

#include "seam/job.h"
#include <stdlib.h>
#include <string.h>

enum {
  TRIAL_FRESH = -1,  /* outcome of a trial that has not begun */
  FLIGHT_WAITS = -2, /* of one among the part's flights */
  FLIGHT_TAKEN = -3  /* of one that flights_add() was told of */
};

typedef struct basin_hand_back {
  basin_flight *flight;
  double *state;
  int64_t flights, states;
  int8_t *outcome;
} basin_hand_back;

/* those that have ended meanwhile stay ended: a device takes a part up in batches, and marks before each */
static inline void flights_mark(basin_part *part) {
  for (int64_t i = 0; i < part->flights; i++) {
    int8_t *outcome = &part->outcome[part->flight[i].trial];
    if (*outcome < 0) *outcome = FLIGHT_WAITS;
  }
}

/* room for `running` trials and all flights of the part; 0: no memory, and nothing is changed */
static inline int flights_open(basin_hand_back *back, const basin_part *part, int64_t running,
                               int64_t states) {
  const size_t most = (size_t)(running + part->flights) + 1;
  back->flight = (basin_flight *)malloc(most * sizeof *back->flight);
  back->state = (double *)malloc((most * (size_t)states + 1) * sizeof *back->state);
  back->flights = 0;
  back->states = states;
  back->outcome = part->outcome;
  if (back->flight && back->state) return 1;
  free(back->flight);
  free(back->state);
  return 0;
}

/* where the state of a running trial goes; NULL where it has taken no step */
static inline double *flights_add(basin_hand_back *back, int64_t trial, int64_t step) {
  if (step == 0) return NULL;
  back->outcome[trial] = FLIGHT_TAKEN;
  back->flight[back->flights].trial = trial;
  back->flight[back->flights].step = step;
  return back->state + back->flights++ * back->states;
}

/* the part's flights are those that were added, and those that still wait */
static inline void flights_close(basin_hand_back *back, basin_part *part) {
  for (int64_t i = 0; i < part->flights; i++) {
    if (part->outcome[part->flight[i].trial] != FLIGHT_WAITS) continue;
    back->flight[back->flights] = part->flight[i];
    memcpy(back->state + back->flights++ * back->states, part->flight_state + i * back->states,
           (size_t)back->states * sizeof *back->state);
  }
  for (int64_t i = 0; i < back->flights; i++) part->outcome[back->flight[i].trial] = TRIAL_FRESH;
  free(part->flight);
  free(part->flight_state);
  part->flight = back->flight;
  part->flight_state = back->state;
  part->flights = back->flights;
}

#endif
