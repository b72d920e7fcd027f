/* SPDX-License-Identifier: MIT
 *
 * lanes.c: the CPU lane driver. Compiled once per model and instruction set, with
 *   BASIN_MODEL         the model's name
 *   BASIN_MODEL_HEADER  its header
 *   BASIN_ISA           generic, avx2 or avx512; BASIN_SIMD to match
 *   BASIN_DYNAMICS      population, flow, direct, projected or mixed: nothing comes of it where the model lacks it
 *
 * A group of BASIN_LANES x VECTORS trials advances together, one trial per lane, state in registers.
 * A lane whose trial ends is refilled with the next one at the end of the block of BASIN_DECIDE_EVERY
 * steps. What a trial does depends on its own number alone, never on its neighbours. Asked to pause, the driver hands
 * the states of the running trials back: of states in registers between two blocks, so that every lane's own step
 * count is a multiple of BASIN_DECIDE_EVERY, where the early rule is asked; of states in arrays between any two long steps, or where anything else than steps is due.
 *
 * Told to give up, it breaks a step in arrays off, with the records and ends that are due behind it, hands back the
 * states from before it, and leaves a start that it was drawing for later.
 */
#include "backend.h"
#include BASIN_MODEL_HEADER
#include <stdlib.h>

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define MODEL(what) PASTE(BASIN_MODEL, PASTE(_, what))

#if PASTE(BASIN_HAS_, BASIN_DYNAMICS)

/* DYNAMICS(step) is name_step where the state is in registers, name_direct_step where it is an array */
#if PASTE(BASIN_HAS_, BASIN_DYNAMICS) == BASIN_REGISTERS
#define REGISTERS 1
#define DYNAMICS(what) MODEL(what)
#else
#define REGISTERS 0
#define DYNAMICS(what) MODEL(PASTE(BASIN_DYNAMICS, PASTE(_, what)))
#endif
#define RUNNER \
  PASTE(PASTE(basin_run_, BASIN_MODEL), PASTE(_, PASTE(BASIN_DYNAMICS, PASTE(_, BASIN_ISA))))

typedef MODEL(cell) model_cell;
typedef DYNAMICS(stage) model_stage;
typedef DYNAMICS(rates) model_rates;
typedef DYNAMICS(state) model_state; /* in arrays: one of the reals that a state has */

enum {
#if REGISTERS
  VECTORS =
      4, /* independent vectors in flight hide the latency of one step's chain of operations */
#else
  VECTORS = 1,       /* a step has enough operations that are independent of each other */
#endif
  LANES = BASIN_LANES * VECTORS,
  STATE_REALS = sizeof(model_state) / sizeof(real),
  RATES = sizeof(model_rates) / sizeof(real),
#if REGISTERS
  BLOCKS_UNTOLD = 64, /* blocks of steps from one look at the watch to the next */
#else
  BLOCKS_UNTOLD = 1, /* a step takes long */
#endif
  UNDER_WAY = -2, /* outcome of a trial that waits among the part's flights */
  MODEL_OBSERVED = 0
#define COUNT(name, unit, meaning) +1
  MODEL(OBSERVABLES)(COUNT)
#undef COUNT
};

/* Everything of one call. Clocks count the group's steps; a lane's own step is clock - start. */
typedef struct driver {
  const basin_job *job;
  basin_part *part;
  basin_watch *watch;
  model_cell cell;
  double *data;
  model_stage stage[BASIN_STAGES_MAX];
  int64_t stage_end[BASIN_STAGES_MAX]; /* first step behind each stage */
  int64_t states;                      /* reals of a state */
#if REGISTERS
  model_state x[VECTORS], drawn; /* `drawn` is what `fresh` points to */
#else
  /* the states of one vector; `fresh` and these, as they were at clock kept_at, lie behind them, then the scratch */
  model_state *x, *kept;
  int64_t kept_at; /* before the latest long step, or the latest few short ones */
  int long_steps;  /* whether to look at the watch and to keep the states at each */
  real *work;
#endif
  model_rates rates[VECTORS];
  unsigned active[VECTORS]; /* bit per lane with a running trial */
  int64_t trial[LANES];     /* index in the part */
  int64_t start[LANES];     /* clock at the trial's step 0 */
  int64_t event[LANES];     /* clock of the next stage, record or end; INT64_MAX where idle */
  int64_t next_time[LANES]; /* index of the next recorded step */
  int stage_of[LANES];
  int64_t clock, next_event; /* now, and the earliest event of any lane */
  model_state *fresh;        /* starts waiting for a lane: trials next_trial .. of the part */
  int fresh_used;            /* lanes of `fresh` already handed out */
  unsigned fresh_outcome[BASIN_OUTCOMES];
  int64_t next_trial;
  int64_t next_flight;  /* of the trials that were under way when the part came */
  int pauses;           /* the watch's, when the part came */
  int drawn_any;        /* whether starts have been drawn since then */
  int64_t ended, steps; /* trials and steps since last told to the watch */
  int blocks;           /* likewise */
} driver;

/* the state of vector v; its reals, known beforehand where they are a structure */
#if REGISTERS
static inline model_state *at(driver *d, int v) { return d->x + v; }
static inline int64_t states(const driver *d) {
  (void)d;
  return STATE_REALS;
}
#else
static inline model_state *at(driver *d, int v) { return d->x + v * d->states; }
static inline int64_t states(const driver *d) { return d->states; }
#endif

/* ---- what the watch says ---- */

static int told_to_give_up(const driver *d) {
  return __atomic_load_n(&d->watch->give_up, __ATOMIC_RELAXED);
}

static int asked_to_pause(const driver *d) {
  return __atomic_load_n(&d->watch->stop, __ATOMIC_RELAXED) || told_to_give_up(d) ||
         __atomic_load_n(&d->watch->pauses, __ATOMIC_RELAXED) != d->pauses;
}

/* a thread alone, that breaks off when told to */
static inline basin_team alone(const driver *d) {
  basin_team team = basin_alone;
  team.stop = &d->watch->give_up;
  return team;
}

/* Whether what was computed just now from states in arrays may be broken off, and must go nowhere. Nothing takes long
   with states in registers but the starts. */
static inline int broken(const driver *d) { return !REGISTERS && told_to_give_up(d); }

/* ---- single lanes of whole vectors ---- */

static void lane_copy(const driver *d, model_state *to, int to_lane, const model_state *from,
                      int from_lane) {
  for (int64_t i = 0; i < states(d); i++)
    r_lane_set((real *)to + i, to_lane, r_lane((const real *)from + i, from_lane));
}

/* an idle lane goes on with rates 0 from wherever its trial ended: nothing changes there, and nobody looks */
static void lane_clear(driver *d, int lane) {
  const int v = lane / BASIN_LANES, l = lane % BASIN_LANES;
  for (int i = 0; i < RATES; i++) r_lane_set((real *)&d->rates[v] + i, l, 0.0);
  d->active[v] &= ~(1u << l);
  d->event[lane] = INT64_MAX;
}

static void lane_set_stage(driver *d, int lane, int stage) {
  const double *rate = (const double *)&d->stage[stage];
  for (int i = 0; i < RATES; i++)
    r_lane_set((real *)&d->rates[lane / BASIN_LANES] + i, lane % BASIN_LANES, rate[i]);
  d->stage_of[lane] = stage;
}

/* ---- what is asked of a state ---- */

/* the outcomes that hold for x by the rule of this run, as bits per lane */
static inline void ask(const driver *d, const model_state *x, unsigned outcome[BASIN_OUTCOMES]) {
  mask holds[BASIN_OUTCOMES];
  memset(holds, 0, sizeof holds);
#if REGISTERS
  if (d->job->setting->stop.tolerance > 0) MODEL(reached)(&d->cell, x, holds);
  else MODEL(decide)(&d->cell, x, holds);
#else
  DYNAMICS(reached)(&d->cell, d->data, alone(d), d->work, x, holds);
#endif
  for (int o = 0; o < BASIN_OUTCOMES; o++) outcome[o] = m_bits(holds[o]);
}

/* a comparison with a NaN is false, whatever its sign and payload: store one NaN only */
static double canonical(double x) { return x == x ? x : NAN; }

static void observe(const driver *d, const model_state *x, int lane, double out[MODEL_OBSERVED]) {
  real all[MODEL_OBSERVED];
#if REGISTERS
  MODEL(observe)(&d->cell, x, all);
#else
  DYNAMICS(observe)(&d->cell, d->data, alone(d), d->work, x, all);
#endif
  for (int i = 0; i < MODEL_OBSERVED; i++) out[i] = canonical(r_lane(&all[i], lane));
}

/* one of the observables, NaN for -1: an observable that this model does not have */
static double pick(const double seen[MODEL_OBSERVED], int index) {
  return index < 0 ? NAN : seen[index];
}

/* keep the observables (and the state) of a recorded trial */
static void record(const driver *d, int64_t trial, int64_t time, const model_state *x, int lane) {
  const basin_job *job = d->job;
  const basin_part *part = d->part;
  double seen[MODEL_OBSERVED];
  observe(d, x, lane, seen);
  for (int i = 0; i < job->observables; i++)
    part->record[(i * part->recorded + trial) * job->times + time] = pick(seen, job->observable[i]);
  for (int64_t i = 0; job->keep_states && i < states(d); i++)
    part->state[(trial * job->times + time) * states(d) + i] = canonical(
        r_lane((const real *)x + i, lane));
}

/* nothing comes of it where it is broken off */
static void finish(driver *d, int64_t trial, int outcome, int64_t steps, const model_state *x,
                   int lane) {
  const basin_part *part = d->part;
  double seen[MODEL_OBSERVED];
  observe(d, x, lane, seen);
  if (broken(d)) return;
  part->outcome[trial] = (int8_t)outcome;
  part->steps[trial] = steps;
  for (int i = 0; i < d->job->finals; i++)
    part->final[i * part->count + trial] = outcome == BASIN_DIVERGED ? NAN
                                                                     : pick(seen, d->job->final[i]);
  d->ended++;
}

/* the outcome whose bit is set for a lane, or UNRESOLVED */
static int outcome_of(const unsigned outcome[BASIN_OUTCOMES], int lane) {
  for (int o = 1; o < BASIN_OUTCOMES; o++)
    if (outcome[o] >> lane & 1) return o;
  return BASIN_UNRESOLVED;
}

/* ---- the life of a trial ---- */

/* whether the lane's trial is to be recorded at some later step, or now */
static int awaits_record(const driver *d, int lane) {
  return d->trial[lane] < d->part->recorded && d->next_time[lane] < d->job->times;
}

/* clock of the lane's next event: the end of its stage, its next record, or max_steps; in arrays, where lanes may have
   begun at any clock, also where the rule is asked */
static void schedule(driver *d, int lane) {
  int64_t at = d->job->setting->stop.max_steps;
  const int64_t asked = ((d->clock - d->start[lane]) / BASIN_DECIDE_EVERY + 1) * BASIN_DECIDE_EVERY;
  if (!REGISTERS && asked < at) at = asked;
  if (d->stage_end[d->stage_of[lane]] < at) at = d->stage_end[d->stage_of[lane]];
  if (awaits_record(d, lane) && d->job->time[d->next_time[lane]] < at)
    at = d->job->time[d->next_time[lane]];
  d->event[lane] = d->start[lane] + at;
}

/* what is due at the lane's present step: a record, the end of the trial, the next stage */
static void lane_events(driver *d, int lane) {
  const int v = lane / BASIN_LANES, l = lane % BASIN_LANES;
  while (d->event[lane] == d->clock) {
    const int64_t step = d->clock - d->start[lane];
    if (awaits_record(d, lane) && d->job->time[d->next_time[lane]] == step)
      record(d, d->trial[lane], d->next_time[lane]++, at(d, v), l);
    if (step == d->job->setting->stop.max_steps) {
      unsigned outcome[BASIN_OUTCOMES];
      ask(d, at(d, v), outcome);
      finish(d, d->trial[lane], outcome_of(outcome, l), step, at(d, v), l);
      if (!broken(d)) lane_clear(d, lane);
      return;
    }
    if (step == d->stage_end[d->stage_of[lane]]) lane_set_stage(d, lane, d->stage_of[lane] + 1);
    schedule(d, lane);
  }
}

/* draw the starts of the next BASIN_LANES trials */
static void draw(driver *d) {
  uint64_t number[BASIN_LANES];
  bits trial;
  for (int l = 0; l < BASIN_LANES; l++) number[l] = (uint64_t)(d->part->first + d->next_trial + l);
  memcpy(&trial, number, sizeof trial);
#if REGISTERS
  MODEL(start)(&d->cell, d->data, alone(d), trial, d->fresh);
#else
  DYNAMICS(start)(&d->cell, d->data, alone(d), trial, d->work, d->fresh);
#endif
  ask(d, d->fresh, d->fresh_outcome);
  d->fresh_used = told_to_give_up(d) ? BASIN_LANES : 0;
  d->drawn_any = 1;
}

/* start the clock of a trial whose state is in the lane already, and has taken `step` steps */
static void launch(driver *d, int lane, int64_t trial, int64_t step) {
  int stage = 0;
  while (d->stage_end[stage] <= step) stage++;
  lane_set_stage(d, lane, stage);
  d->active[lane / BASIN_LANES] |= 1u << lane % BASIN_LANES;
  d->trial[lane] = trial;
  d->start[lane] = d->clock - step;
  d->next_time[lane] = 0;
  while (step > 0 && awaits_record(d, lane) && d->job->time[d->next_time[lane]] <= step)
    d->next_time[lane]++;
  schedule(d, lane);
}

/* a trial that was under way goes on */
static void resume(driver *d, int lane) {
  const int v = lane / BASIN_LANES, l = lane % BASIN_LANES;
  const basin_flight *flight = &d->part->flight[d->next_flight];
  const double *state = d->part->flight_state + d->next_flight * states(d);
  for (int64_t i = 0; i < states(d); i++) r_lane_set((real *)at(d, v) + i, l, state[i]);
  launch(d, lane, flight->trial, flight->step);
  d->next_flight++;
}

/* skip what a part that came half done need not draw again */
static void skip_done(driver *d) {
  const int8_t *outcome = d->part->outcome;
  while (d->fresh_used == BASIN_LANES && d->next_trial < d->part->count &&
         outcome[d->next_trial] != -1)
    d->next_trial++;
}

/* give the lane the next trial that does not end at once; none where the part is to pause, for drawing may take long */
static void refill(driver *d, int lane) {
  const int v = lane / BASIN_LANES, l = lane % BASIN_LANES;
  if (d->next_flight < d->part->flights) {
    resume(d, lane);
    return;
  }
  for (skip_done(d); d->next_trial < d->part->count; skip_done(d)) {
    if (d->fresh_used == BASIN_LANES) {
      if (d->drawn_any && asked_to_pause(d)) return;
      draw(d);
      if (d->fresh_used == BASIN_LANES) return;
    }
    const int64_t trial = d->next_trial++;
    const int from = d->fresh_used++, outcome = outcome_of(d->fresh_outcome, from);
    if (d->part->outcome[trial] != -1) continue;
    if (outcome != BASIN_UNRESOLVED) {
      if (trial < d->part->recorded && d->job->times > 0 && d->job->time[0] == 0)
        record(d, trial, 0, d->fresh, from);
      finish(d, trial, outcome, 0, d->fresh, from);
      continue;
    }
    lane_copy(d, at(d, v), l, d->fresh, from);
    launch(d, lane, trial, 0);
    lane_events(d, lane);
    return;
  }
}

/* end the active lanes that are `asked` and whose bit is set in one of the outcomes */
static void retire(driver *d, int v, unsigned asked, const unsigned outcome[BASIN_OUTCOMES]) {
  unsigned ending = 0;
  for (int o = 1; o < BASIN_OUTCOMES; o++) ending |= outcome[o];
  ending &= d->active[v] & asked;
  for (int l = 0; ending >> l; l++) {
    if (!(ending >> l & 1)) continue;
    const int lane = v * BASIN_LANES + l;
    finish(d, d->trial[lane], outcome_of(outcome, l), d->clock - d->start[lane], at(d, v), l);
    if (broken(d)) return;
    lane_clear(d, lane);
  }
}

/* ---- the hot loop ---- */

/* up to n steps of the whole group; fewer where the tolerance rule holds for an active lane (*hit), and in arrays where
   the part is to pause */
#if REGISTERS
static inline __attribute__((always_inline)) int64_t advance(driver *d, int64_t n, int tolerance,
                                                             unsigned *hit) {
  model_state x[VECTORS];
  int64_t i = 0;
  for (int j = 0; j < VECTORS * STATE_REALS; j++) ((real *)x)[j] = ((const real *)d->x)[j];
  for (; i < n && !*hit; i++) {
    BASIN_UNROLL
    for (int v = 0; v < VECTORS; v++) MODEL(step)(&d->cell, &d->rates[v], &x[v]);
    if (!tolerance) continue;
    BASIN_UNROLL
    for (int v = 0; v < VECTORS; v++) {
      mask holds[BASIN_OUTCOMES];
      memset(holds, 0, sizeof holds);
      MODEL(reached)(&d->cell, &x[v], holds);
      for (int o = 1; o < BASIN_OUTCOMES; o++) *hit |= m_bits(holds[o]) & d->active[v];
    }
  }
  for (int j = 0; j < VECTORS * STATE_REALS; j++) ((real *)d->x)[j] = ((const real *)x)[j];
  return i;
}
#else
static void keep(driver *d, int64_t clock) {
  memcpy(d->kept, d->x, (size_t)d->states * sizeof *d->kept);
  d->kept_at = clock;
}

static int64_t advance(driver *d, int64_t n, int tolerance, unsigned *hit) {
  uint64_t number[BASIN_LANES], taken[BASIN_LANES];
  bits trial, step;
  int64_t i = 0;
  for (int l = 0; l < BASIN_LANES; l++) {
    const int active = d->active[0] >> l & 1;
    number[l] = active ? (uint64_t)(d->part->first + d->trial[l]) : 0;
    taken[l] = active ? (uint64_t)(d->clock - d->start[l]) : 0;
  }
  memcpy(&trial, number, sizeof trial);
  memcpy(&step, taken, sizeof step);
  for (; i < n && !*hit; i++, step = step + b_set(1)) {
    if (i == 0) keep(d, d->clock);
    if (i > 0 && d->long_steps) {
      if (asked_to_pause(d)) break;
      keep(d, d->clock + i);
    }
    DYNAMICS(step)(&d->cell, d->data, &d->rates[0], alone(d), trial, step, d->work, d->x);
    if (d->long_steps && broken(d)) return i + 1;
    if (!tolerance) continue;
    mask holds[BASIN_OUTCOMES];
    memset(holds, 0, sizeof holds);
    DYNAMICS(reached)(&d->cell, d->data, alone(d), d->work, d->x, holds);
    for (int o = 1; o < BASIN_OUTCOMES; o++) *hit |= m_bits(holds[o]) & d->active[0];
  }
  return i;
}
#endif

static void find_next_event(driver *d) {
  d->next_event = INT64_MAX;
  for (int lane = 0; lane < LANES; lane++)
    if (d->event[lane] < d->next_event) d->next_event = d->event[lane];
}

/* the lanes of vector v that are asked now where there is no tolerance: those whose own step count is a multiple of
   BASIN_DECIDE_EVERY; with states in registers all of them, for that is so at the end of a block */
static unsigned asked_now(const driver *d, int v) {
  unsigned asked = 0;
  if (REGISTERS) return ~0u;
  for (int l = 0; l < BASIN_LANES; l++)
    asked |= (unsigned)((d->clock - d->start[v * BASIN_LANES + l]) % BASIN_DECIDE_EVERY == 0) << l;
  return asked & d->active[v];
}

/* back to the states that were kept: what came of them may be broken off, but for the trials that have ended */
static void go_back(driver *d) {
#if REGISTERS
  (void)d;
#else
  memcpy(d->x, d->kept, (size_t)d->states * sizeof *d->kept);
  d->clock = d->kept_at;
#endif
}

/* one block: BASIN_DECIDE_EVERY steps, with what falls due inside it; in arrays fewer where the part is to pause */
static void block(driver *d) {
  const int tolerance = d->job->setting->stop.tolerance > 0;
  unsigned outcome[BASIN_OUTCOMES];
  for (int64_t left = BASIN_DECIDE_EVERY; left > 0;) {
    const int64_t until = d->next_event - d->clock, n = until < left ? until : left;
    unsigned hit = 0;
    const int64_t done = tolerance ? advance(d, n, 1, &hit) : advance(d, n, 0, &hit);
    for (int v = 0; v < VECTORS; v++) d->steps += done * __builtin_popcount(d->active[v]);
    d->clock += done;
    left -= done;
    if (d->clock == d->next_event) {
      for (int lane = 0; lane < LANES; lane++) lane_events(d, lane);
      find_next_event(d);
    }
    for (int v = 0; v < VECTORS && (tolerance ? hit : !REGISTERS || left == 0); v++) {
      const unsigned asked = tolerance ? ~0u : asked_now(d, v);
      if (!asked) continue;
      ask(d, at(d, v), outcome);
      retire(d, v, asked, outcome);
    }
    if (broken(d) && done > 0) go_back(d);
    if (!REGISTERS && asked_to_pause(d)) return;
  }
}

/* fill the idle lanes while there are trials; whether any lane runs */
static int refill_all(driver *d) {
  unsigned running = 0, idle = 0;
  for (int v = 0; v < VECTORS; v++) {
    idle |= ~d->active[v] & ((1u << BASIN_LANES) - 1);
    running |= d->active[v];
  }
  if (!idle || (running && d->next_trial == d->part->count && d->next_flight == d->part->flights))
    return 1;
  for (int lane = 0; lane < LANES; lane++)
    if (!(d->active[lane / BASIN_LANES] >> lane % BASIN_LANES & 1)) refill(d, lane);
  find_next_event(d);
  for (int v = 0; v < VECTORS; v++) running |= d->active[v];
  return running != 0;
}

/* tell the watch how far the work is, not at every block: the counters are shared by all workers */
static void tell(driver *d) {
  __atomic_add_fetch(&d->watch->trials, d->ended, __ATOMIC_RELAXED);
  __atomic_add_fetch(&d->watch->trial_steps, d->steps, __ATOMIC_RELAXED);
  d->ended = d->steps = 0;
  d->blocks = 0;
}

/* ---- a part from one run to the next ---- */

/* hand the running trials back, and those that have waited for a lane all the while; one that has taken no step is
   drawn again */
static basin_status pause_part(driver *d) {
  basin_part *part = d->part;
  int64_t flights = 0, waiting = part->flights - d->next_flight;
  basin_flight *flight = malloc((size_t)(waiting + LANES) * sizeof *flight);
  double *state = malloc((size_t)((waiting + LANES) * states(d)) * sizeof *state);
  if (!flight || !state) {
    free(flight);
    free(state);
    return BASIN_FAILED;
  }
  for (int lane = 0; lane < LANES; lane++) {
    const int v = lane / BASIN_LANES, l = lane % BASIN_LANES;
    if (!(d->active[v] >> l & 1) || d->clock == d->start[lane]) continue;
    flight[flights] = (basin_flight){d->trial[lane], d->clock - d->start[lane]};
    for (int64_t i = 0; i < states(d); i++)
      state[flights * states(d) + i] = r_lane((const real *)at(d, v) + i, l);
    flights++;
  }
  if (waiting > 0) {
    memcpy(flight + flights, part->flight + d->next_flight, (size_t)waiting * sizeof *flight);
    memcpy(state + flights * states(d), part->flight_state + d->next_flight * states(d),
           (size_t)(waiting * states(d)) * sizeof *state);
  }
  free(part->flight);
  free(part->flight_state);
  part->flight = flight;
  part->flight_state = state;
  part->flights = flights + waiting;
  return BASIN_INTERRUPTED;
}

static basin_status run(driver *d) {
  const basin_setting *setting = d->job->setting;
  MODEL(prepare)(setting, &d->cell, d->data);
  int64_t end = 0;
  for (int s = 0; s < setting->stages; s++) {
    DYNAMICS(stage_prepare)(&d->cell, setting->stage[s].eta, &d->stage[s]);
    end = s == setting->stages - 1 ? INT64_MAX : end + setting->stage[s].steps;
    d->stage_end[s] = end;
  }
  for (int lane = 0; lane < LANES; lane++) lane_clear(d, lane);
  for (int64_t i = 0; i < VECTORS * states(d); i++) ((real *)d->x)[i] = r_set(1.0);
  d->fresh_used = BASIN_LANES;
  for (int64_t i = 0; i < d->part->flights; i++)
    d->part->outcome[d->part->flight[i].trial] = UNDER_WAY;

  int running = refill_all(d);
  while (running && !told_to_give_up(d)) {
    block(d);
    if (++d->blocks >= BLOCKS_UNTOLD) {
      tell(d);
      if (asked_to_pause(d)) break;
    }
    running = refill_all(d);
  }
  tell(d);
  return running || d->next_trial < d->part->count || broken(d) ? pause_part(d) : BASIN_OK;
}

#if !REGISTERS
/* whether a step may take longer than a millisecond: a flow takes many to make one; others do some states^2 operations,
   with each of the inputs */
static int are_long(const basin_setting *setting, double states) {
  return setting->gradient.dynamics == BASIN_FLOW ||
         states * states * (1 + (double)setting->gradient.inputs) > 0x1p16;
}
#endif

/* the states and the scratch, with the lanes aligned */
static int allocate(driver *d) {
  const basin_setting *setting = d->job->setting;
#if REGISTERS
  d->states = STATE_REALS;
  d->fresh = &d->drawn;
#else
  d->states = DYNAMICS(states)(setting);
  d->long_steps = are_long(setting, (double)d->states);
  const size_t reals = (size_t)((VECTORS + 2) * d->states + DYNAMICS(work)(setting));
  d->x = aligned_alloc(64, (reals * sizeof(real) + 63) / 64 * 64);
  if (!d->x) return 0;
  d->fresh = at(d, VECTORS);
  d->kept = at(d, VECTORS + 1);
  d->work = (real *)at(d, VECTORS + 2);
#endif
  d->data = malloc((size_t)MODEL(data_size)(setting) * sizeof *d->data);
  return d->data != NULL;
}

basin_lane_runner RUNNER;

basin_status RUNNER(const basin_job *job, basin_part *part, basin_watch *watch) {
  basin_status status = BASIN_FAILED;
  driver *d = aligned_alloc(64, (sizeof *d + 63) / 64 * 64);
  if (!d) return status;
  memset(d, 0, sizeof *d);
  d->job = job;
  d->part = part;
  d->watch = watch;
  d->pauses = __atomic_load_n(&watch->pauses, __ATOMIC_RELAXED);
  if (allocate(d)) status = run(d);
#if !REGISTERS
  free(d->x);
#endif
  free(d->data);
  free(d);
  return status;
}

#endif
