/* SPDX-License-Identifier: MIT
 *
 * lanes.c: the CPU engine: trials that go each their own way. Compiled once per instruction set and kind of dynamics
 * whose state is in registers, with
 *   BASIN_MODEL         the model's name
 *   BASIN_MODEL_HEADER  its header
 *   BASIN_KIND          one of its MODEL_DYNAMICS
 *   BASIN_ISA           generic, avx2 or avx512; BASIN_SIMD to match
 * and for all kinds in arrays together, as the kinds `arrays` and `leaps` of the model `any` (any_model.h).
 *
 * A group of BASIN_LANES x VECTORS trials advances together, one trial per lane, with the state in registers where it
 * is small. A lane whose trial ends is then refilled with the next one at the end of the block of BASIN_DECIDE_EVERY
 * steps, so that every lane's own step count is a multiple of it when the early rule is asked, or as soon as all have
 * ended; with states in arrays at once. What a trial does depends on its own number alone, never on its neighbours.
 * Asked to pause, the driver hands the states of the running trials back: of states in registers between two blocks, of
 * states in arrays between any two long steps, or where anything else than steps is due.
 *
 * Of a kind that leaps (seam/model.h) every lane takes as many steps as it can, so the group's clock counts leaps, and
 * a lane that took more than one step is put back by the rest: it started as much earlier. The rule is asked behind
 * each leap.
 *
 * Where step sizes move (seam/paces.h), the paces of the steps of a block are laid out before it, a lane each.
 *
 * Told to give up, it breaks a step in arrays off, with the records and ends that are due behind it, hands back the
 * states from before it, and leaves a start that it was drawing for later.
 */
#include BASIN_MODEL_HEADER
#include "seam/clock.h"
#include "seam/condition.h"
#include "seam/entry.h"
#include "seam/expand.h"
#include "seam/flights.h"
#include "seam/paces.h"
#include "seam/passage.h"

#define REGISTERS (KIND_states > 0)
#if !REGISTERS
#include "engine/data.h" /* there may be a data set */
#endif
#define LEAPS (KIND_states < 0)
/* before a loop that copies states: entry by entry, where gcc would call it a copy of memory, and leave them there */
#if defined(__GNUC__) && !defined(__clang__) && !defined(BASIN_PLAIN)
#define IN_REGISTERS _Pragma("GCC unroll 128")
#else
#define IN_REGISTERS
#endif
#define RUNNER BASIN_JOIN4(basin_run, BASIN_MODEL, BASIN_KIND, BASIN_ISA)

enum {
#if REGISTERS
  STATES = KIND_states,
  /* independent vectors in flight hide the latency of one step's chain of operations. A large state has enough that is
     independent in itself, and more of it would not fit into the 32 registers of AVX-512; into 16 it never does */
  VECTORS = STATES <= 8 || BASIN_SIMD < 5 ? 4 : (STATES <= 14 ? 2 : 1),
  BLOCKS_UNTOLD = 64, /* blocks of steps from one look at the watch to the next */
#else
  /* two where a step is a chain of few operations (driver.vectors), else one: then it has enough that are independent
     of each other */
  VECTORS = LEAPS ? 1 : 2,
  FEW_OPERATIONS = 512,
  BLOCKS_UNTOLD = 1, /* a step takes long */
#endif
  LANES = BASIN_LANES * VECTORS
};

/* Everything of one call. The group's clock counts its steps; a lane's own step is clock - start. */
typedef struct driver {
  const basin_job *job;
  basin_part *part;
  basin_watch *watch;
  model_cell cell;
  double *data;
  basin_course course;
  double *stage_pace;    /* [stages][BASIN_PACES_MAX] */
  int64_t *stage_end;    /* [stages] the course's */
  basin_ladders ladders; /* of passages; of most jobs none */
  basin_team team;
  int64_t states; /* reals of a state */
  int always; /* whether the tolerance rule is asked, at every step, in the place of the early one */
  int vectors; /* of states in arrays: 2 where a step is a chain of few operations, and leaves nothing in the scratch */
#if REGISTERS
  real x[VECTORS * STATES], fresh_state[STATES];
  real seen[KIND_OBSERVED], looked[KIND_OBSERVED];
  double out[KIND_OBSERVED];
#else
  /* the states; behind them the fresh ones, the states as they were at clock kept_at, what is observed, and the
     scratch; what leaps keeps none */
  real *x, *kept;
  int64_t kept_at; /* before the latest step, where it may be broken off */
  int long_steps; /* whether to look at the watch at each, and to keep the states where they break */
  basin_turn turn[VECTORS]; /* of the steps of each vector, kept from one to the next */
  basin_turn asking;        /* of all that is asked of a state */
  int observed;             /* numbers that are observed of one: as many each of the following */
  real *seen, *looked;      /* see seen_of; of a step, for passages or the condition */
  double *out;              /* of one lane */
#endif
  real *work;
  const real *warm; /* the states of which the scratch is as their last step left it; NULL: none */
#if !REGISTERS
  const basin_data *set; /* of the cell, where it has one */
#endif
  int breaks;     /* whether a step, or a start, may be broken off: it takes tenths of a second */
  int broken_set; /* told to stop while it was drawn */
  int risk;       /* who asks for what is in BASIN_RISK_TABLE (entry.h) */
  real pace[VECTORS][BASIN_PACES_MAX];
  basin_paces paces;
  unsigned moving[VECTORS]; /* bit per lane in a stage whose step sizes move */
  basin_status stuck;       /* not BASIN_OK where there are no paces for the next step */

  /* of each ladder: what must be passed next, above it as it is and below it with its sign turned, NaN where nothing;
     and by lane the number of that passage */
  real level[VECTORS][BASIN_LADDERS_MAX];
  int next_passage[LANES][BASIN_LADDERS_MAX];
  unsigned active[VECTORS];  /* bit per lane with a running trial */
  int64_t trial[LANES];      /* index in the part */
  int64_t start[LANES];      /* the group's clock at the trial's step 0 */
  int64_t event[LANES];      /* the group's clock when something is due; INT64_MAX where idle */
  basin_clock of[LANES];     /* the trial's own */
  int64_t clock, next_event; /* now, and the earliest event of any lane */
  real *fresh;               /* starts waiting for a lane: trials next_trial .. of the part */
  int fresh_used;            /* lanes of `fresh` already handed out */
  unsigned fresh_outcome[BASIN_OUTCOMES];

  /* The observables of all lanes of the states that were observed last (seen), and what holds for those that were asked
     last: several trials of a vector are often recorded, or end, at once. NULL: of none, or the states have changed. */
  const real *seen_of, *asked_of;
  int seen_risk; /* the one who asked */
  unsigned asked[BASIN_OUTCOMES];
  int64_t next_trial;
  int64_t next_flight;  /* of the trials that were under way when the part came */
  int pauses;           /* the watch's, when the part came */
  int drawn_any;        /* whether starts have been drawn since then */
  int64_t ended, steps; /* trials and steps since last told to the watch */
  int blocks;           /* likewise */
} driver;

/* how many reals a state has, how many are observed of it, and how many vectors of them there are, known beforehand in
   registers; the state of vector v */
static inline int64_t states(const driver *d) {
#if REGISTERS
  (void)d;
  return STATES;
#else
  return d->states;
#endif
}
static inline int observed(const driver *d) {
#if REGISTERS
  (void)d;
  return KIND_OBSERVED;
#else
  return d->observed;
#endif
}
static inline int vectors(const driver *d) { return REGISTERS || LEAPS ? VECTORS : d->vectors; }
static inline int lanes(const driver *d) { return vectors(d) * BASIN_LANES; }
static inline real *at(driver *d, int v) { return d->x + v * states(d); }

static inline basin_turn turn_of(const driver *d, const real *pace, bits trial, bits step) {
  basin_turn t = {.data = d->data,
                  .pace = pace,
                  .work = d->work,
                  .team = d->team,
                  .trial = trial,
                  .step = step};
#if !REGISTERS
  if (d->set) t.set = d->set->z, t.label = d->set->label;
#endif
  return t;
}

/* a turn for what knows neither trial nor step, of the states x */
#if REGISTERS
static inline basin_turn no_turn(driver *d, const real *x) {
  (void)x;
  return turn_of(d, NULL, b_set(0), b_set(0));
}
#else
static inline basin_turn *no_turn(driver *d, const real *x) {
  if (x != d->warm) d->warm = NULL; /* the scratch is used for other states */
  d->asking.warm = d->warm != NULL;
  return &d->asking;
}
#endif

/* ---- what the watch says ---- */

static int told_to_give_up(const driver *d) {
  return __atomic_load_n(&d->watch->give_up, __ATOMIC_RELAXED);
}

/* Whether what was computed just now from states in arrays may be broken off, and must go nowhere. Nothing takes long
   with states in registers, or of those that leap, but the starts. */
static inline int broken(const driver *d) {
  return !REGISTERS && !LEAPS && d->breaks && told_to_give_up(d);
}

/* ---- single lanes of whole vectors ---- */

/* states are about to change */
static inline void forget(driver *d) { d->seen_of = d->asked_of = NULL; }

static void lane_copy(driver *d, real *to, int to_lane, const real *from, int from_lane) {
  forget(d);
  for (int64_t i = 0; i < states(d); i++) r_lane_set(to + i, to_lane, r_lane(from + i, from_lane));
}

/* an idle lane goes on with paces 0 from wherever its trial ended: nothing changes there, and nobody looks */
static void lane_clear(driver *d, int lane) {
  const int v = lane / BASIN_LANES, l = lane % BASIN_LANES;
  for (int i = 0; i < BASIN_PACES_MAX; i++) r_lane_set(&d->pace[v][i], l, 0.0);
  for (int i = 0; i < d->ladders.count; i++) r_lane_set(&d->level[v][i], l, NAN);
  d->active[v] &= ~(1u << l);
  d->moving[v] &= ~(1u << l);
  d->event[lane] = INT64_MAX;
}

static void lane_set_stage(driver *d, int lane, int stage) {
  const int v = lane / BASIN_LANES, l = lane % BASIN_LANES;
  const unsigned moves = (unsigned)basin_stage_moves(&d->job->setting->stage[stage]);
  for (int i = 0; i < BASIN_PACES_MAX; i++)
    r_lane_set(&d->pace[v][i], l, d->stage_pace[stage * BASIN_PACES_MAX + i]);
  d->moving[v] = (d->moving[v] & ~(1u << l)) | moves << l;
}

/* whether the step sizes of any lane move */
static inline int moves(const driver *d) {
  unsigned moving = 0;
  for (int v = 0; v < vectors(d); v++) moving |= d->moving[v];
  return moving != 0;
}

/* ---- what is asked of a state ---- */

/* no outcome holds; by stores of vectors, for of masks that are vectors memset becomes a slow string instruction */
BASIN_HD void none_holds(mask holds[BASIN_OUTCOMES]) {
  BASIN_UNROLL
  for (int o = 0; o < BASIN_OUTCOMES; o++) holds[o] = r_lt(r_set(0.0), r_set(0.0));
}

BASIN_HD void reached(driver *d, const real *x, mask holds[BASIN_OUTCOMES]) {
  KIND_reached(&d->cell, no_turn(d, x), x, holds);
}

/* risk: the one who may ask for what is in BASIN_RISK_TABLE */
BASIN_HD void observe_all(driver *d, int risk, const real *x, real *seen) {
#if REGISTERS
  (void)risk; /* there is no data set */
#else
  d->asking.risk = d->risk & risk;
#endif
  KIND_observe(&d->cell, no_turn(d, x), x, seen);
}

/* the lanes in which the experiment's condition holds, a bit each */
static __attribute__((noinline)) unsigned ask_when(driver *d, const real *x) {
  observe_all(d, BASIN_RISK_ASKED, x, d->looked);
  return m_bits(condition_holds(d->job->setting->stop.when, d->looked, observed(d)));
}

/* the outcomes that hold for x by the rule of this run, as bits per lane */
static inline void ask(driver *d, const real *x, unsigned outcome[BASIN_OUTCOMES]) {
  mask holds[BASIN_OUTCOMES];
  none_holds(holds);
  if (d->always) reached(d, x, holds);
  else KIND_decide(&d->cell, no_turn(d, x), x, holds);
  for (int o = 0; o < BASIN_OUTCOMES; o++) outcome[o] = m_bits(holds[o]);
  if (BASIN_UNLIKELY(d->job->setting->stop.when != NULL))
    outcome[BASIN_STATIONARY] |= ask_when(d, x);
}

static __attribute__((noinline)) void look(driver *d, int risk, const real *x) {
  observe_all(d, risk, x, d->seen);
  d->seen_of = x;
  d->seen_risk = risk;
}

/* those of one lane, until the next ones */
static const double *observe(driver *d, int risk, const real *x, int lane) {
  if (d->seen_of != x || d->seen_risk != risk) look(d, risk, x);
  for (int i = 0; i < observed(d); i++) d->out[i] = r_lane(&d->seen[i], lane);
  return d->out;
}

/* keep the observables (and the state) of a recorded trial */
static void record(driver *d, int64_t trial, int64_t time, const real *x, int lane) {
  const basin_job *job = d->job;
  const basin_part *part = d->part;
  const double *seen = observe(d, BASIN_RISK_KEPT, x, lane);
  for (int i = 0; i < job->observables; i++)
    part->record[(i * part->recorded + trial) * job->times + time] = observable_of(
        seen, observed(d), job->observable[i]);
  for (int64_t i = 0; job->keep_states && i < states(d); i++)
    part->state[(trial * job->times + time) * states(d) + i] = canonical(r_lane(x + i, lane));
}

/* nothing comes of it where it is broken off */
static void finish(driver *d, int64_t trial, int outcome, int64_t steps, const real *x, int lane) {
  const basin_part *part = d->part;
  const double *seen = d->job->finals ? observe(d, BASIN_RISK_KEPT, x, lane) : NULL;
  if (broken(d)) return;
  part->outcome[trial] = (int8_t)outcome;
  part->steps[trial] = steps;
  for (int i = 0; i < d->job->finals; i++)
    part->final[i * part->count + trial] = observable_of(
        seen, observed(d), outcome == BASIN_DIVERGED ? -1 : d->job->final[i]);
  for (int64_t i = 0; part->end && i < states(d); i++)
    part->end[i * part->count + trial] = canonical(r_lane(x + i, lane));
  d->ended++;
}

/* the outcome whose bit is set for a lane, or UNRESOLVED */
static int outcome_of(const unsigned outcome[BASIN_OUTCOMES], int lane) {
  for (int o = 1; o < BASIN_OUTCOMES; o++)
    if (outcome[o] >> lane & 1) return o;
  return BASIN_UNRESOLVED;
}

/* ---- passages ---- */

/* what is below a level is above it with both signs turned */
static inline double upwards(const basin_ladder *l) { return l->above ? 1.0 : -1.0; }

/* The passages that a trial has had, with those at its present state x, which has taken `step` steps: in next[] the
   numbers of those that it waits for. Nothing comes of the state where it is broken off. */
static void begin_passages(driver *d, int64_t trial, int64_t step, const real *x, int lane,
                           int next[BASIN_LADDERS_MAX]) {
  if (!d->ladders.count) return;
  const double *seen = observe(d, BASIN_RISK_PASSED, x, lane);
  for (int i = 0; i < d->ladders.count; i++) {
    const basin_ladder *ladder = &d->ladders.of[i];
    int64_t *passage = d->part->passage + trial;
    next[i] = ladder_begin(ladder, passage, d->part->count, step);
    if (broken(d)) continue;
    next[i] = ladder_climb(ladder, d->job->passage, seen[ladder->observable], next[i], passage,
                           d->part->count, step);
  }
}

/* what the lane waits for on one of the ladders */
static void set_level(driver *d, int lane, int i, int next) {
  const basin_ladder *ladder = &d->ladders.of[i];
  d->next_passage[lane][i] = next;
  r_lane_set(&d->level[lane / BASIN_LANES][i], lane % BASIN_LANES,
             next < ladder->end ? upwards(ladder) * d->job->passage[next].level : NAN);
}

/* the lanes of vector v whose bits are set have passed on a ladder, at this clock; `seen` is what is on it */
static __attribute__((noinline)) void pass(driver *d, int v, int i, const real *seen,
                                           unsigned passed, int64_t clock) {
  const basin_ladder *ladder = &d->ladders.of[i];
  if (broken(d)) return;
  for (int l = 0; passed >> l; l++) {
    if (!(passed >> l & 1)) continue;
    const int lane = v * BASIN_LANES + l;
    set_level(d, lane, i,
              ladder_climb(ladder, d->job->passage, r_lane(seen, l), d->next_passage[lane][i],
                           d->part->passage + d->trial[lane], d->part->count,
                           clock - d->start[lane]));
  }
}

/* the passages of vector v, whose states have come to this clock */
BASIN_HD void watch_passages(driver *d, int v, const real *x, int64_t clock) {
  observe_all(d, BASIN_RISK_PASSED, x, d->looked);
  for (int i = 0; i < d->ladders.count; i++) {
    const basin_ladder *ladder = &d->ladders.of[i];
    const real *value = &d->looked[ladder->observable];
    const unsigned passed = m_bits(r_le(d->level[v][i], r_set(upwards(ladder)) * *value));
    if (BASIN_UNLIKELY(passed)) pass(d, v, i, value, passed, clock);
  }
}

/* ---- the life of a trial ---- */

/* the group's clock at which something is due to the lane; with states in arrays, where lanes may have begun at any
   clock, also where the early rule is asked, if that is not behind each leap */
static void schedule(driver *d, int lane) {
  int64_t at = d->of[lane].event;
  const int64_t step = d->clock - d->start[lane],
                asked = (step / BASIN_DECIDE_EVERY + 1) * BASIN_DECIDE_EVERY;
  if (!REGISTERS && !LEAPS && asked < at) at = asked;
  d->event[lane] = d->start[lane] + at;
}

/* the trial at the present step of a lane is recorded, ends, goes on to the next stage: whatever is due */
static void lane_events(driver *d, int lane) {
  const int v = lane / BASIN_LANES, l = lane % BASIN_LANES;
  const int recorded = d->trial[lane] < d->part->recorded;
  const int64_t step = d->clock - d->start[lane];
  basin_clock *clock = &d->of[lane];
  if (d->event[lane] != d->clock) return;
  if (step < clock->event) { /* the early rule alone */
    schedule(d, lane);
    return;
  }
  const unsigned due = clock_due(&d->course, recorded, step, clock);
  if (due & CLOCK_RECORD) record(d, d->trial[lane], clock->next_time - 1, at(d, v), l);
  if (due & CLOCK_END) {
    if (d->asked_of != at(d, v)) ask(d, at(d, v), d->asked);
    d->asked_of = at(d, v);
    finish(d, d->trial[lane], outcome_of(d->asked, l), step, at(d, v), l);
    if (!broken(d)) lane_clear(d, lane);
    return;
  }
  if (due & CLOCK_STAGE) lane_set_stage(d, lane, clock->stage);
  schedule(d, lane);
}

/* draw the starts of the next BASIN_LANES trials */
static void draw(driver *d) {
  uint64_t number[BASIN_LANES];
  bits trial;
  for (int l = 0; l < BASIN_LANES; l++) number[l] = (uint64_t)(d->part->first + d->next_trial + l);
  memcpy(&trial, number, sizeof trial);
  d->warm = NULL; /* the scratch is used for other states */
  forget(d);
  const basin_turn t = turn_of(d, NULL, trial, b_set(0));
#if REGISTERS
  KIND_start(&d->cell, t, d->fresh);
#else
  KIND_start(&d->cell, &t, d->fresh);
#endif
  ask(d, d->fresh, d->fresh_outcome);
  d->fresh_used = told_to_give_up(d) ? BASIN_LANES : 0;
  d->drawn_any = 1;
}

/* start the clock of a trial whose state is in the lane already, and has taken `step` steps */
static void launch(driver *d, int lane, int64_t trial, int64_t step) {
  d->warm = NULL;
  clock_set(&d->course, trial < d->part->recorded, step, &d->of[lane]);
  lane_set_stage(d, lane, d->of[lane].stage);
  d->active[lane / BASIN_LANES] |= 1u << lane % BASIN_LANES;
  d->trial[lane] = trial;
  d->start[lane] = d->clock - step;
  d->event[lane] = d->start[lane] + d->of[lane].event;
  int next[BASIN_LADDERS_MAX];
  begin_passages(d, trial, step, at(d, lane / BASIN_LANES), lane % BASIN_LANES, next);
  for (int i = 0; i < d->ladders.count; i++) set_level(d, lane, i, next[i]);
  lane_events(d, lane);
  if (d->active[lane / BASIN_LANES] >> lane % BASIN_LANES & 1) schedule(d, lane);
}

/* a trial that was under way goes on */
static void resume(driver *d, int lane) {
  const int v = lane / BASIN_LANES, l = lane % BASIN_LANES;
  const basin_flight *flight = &d->part->flight[d->next_flight];
  const double *state = d->part->flight_state + d->next_flight * states(d);
  forget(d);
  for (int64_t i = 0; i < states(d); i++) r_lane_set(at(d, v) + i, l, state[i]);
  d->part->outcome[flight->trial] = FLIGHT_TAKEN;
  d->next_flight++;
  launch(d, lane, flight->trial, flight->step);
}

/* skip what a part that came half done need not draw again */
static void skip_done(driver *d) {
  const int8_t *outcome = d->part->outcome;
  while (d->fresh_used == BASIN_LANES && d->next_trial < d->part->count &&
         outcome[d->next_trial] != TRIAL_FRESH)
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
      if (d->drawn_any && watch_asks(d->watch, d->pauses)) return;
      draw(d);
      if (d->fresh_used == BASIN_LANES) return;
    }
    const int64_t trial = d->next_trial++;
    const int from = d->fresh_used++, outcome = outcome_of(d->fresh_outcome, from);
    if (d->part->outcome[trial] != TRIAL_FRESH) continue;
    if (outcome != BASIN_UNRESOLVED) {
      d->warm = NULL;
      if (trial < d->part->recorded && d->job->times > 0 && d->job->time[0] == 0)
        record(d, trial, 0, d->fresh, from);
      int next[BASIN_LADDERS_MAX];
      begin_passages(d, trial, 0, d->fresh, from, next);
      finish(d, trial, outcome, 0, d->fresh, from);
      continue;
    }
    lane_copy(d, at(d, v), l, d->fresh, from);
    launch(d, lane, trial, 0);
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

/* the lanes' trials of vector v, and their steps so far; of lanes that idle, those of the trial before */
static inline void numbers(const driver *d, int v, bits *trial, bits *step) {
  bits start;
  memcpy(trial, d->trial + v * BASIN_LANES, sizeof *trial);
  memcpy(&start, d->start + v * BASIN_LANES, sizeof start);
  *trial = *trial + b_set((uint64_t)d->part->first);
  *step = b_set((uint64_t)d->clock) - start;
}

#if !REGISTERS && !LEAPS
static void keep(driver *d, int64_t clock) {
  memcpy(d->kept, d->x, (size_t)(d->vectors * d->states) * sizeof *d->kept);
  d->kept_at = clock;
}
#endif

#if !LEAPS
#if REGISTERS
BASIN_HD void take_step(driver *d, int v, bits trial, bits *step, int common, real *x) {
  basin_turn t = turn_of(d, d->pace[v], trial, *step);
  t.common = common;
  KIND_step(&d->cell, t, x);
  *step = *step + b_set(1);
}
#else
/* n steps in a row */
BASIN_HD void take_steps(driver *d, int v, int64_t n) {
  basin_turn *t = &d->turn[v];
  real *x = at(d, v);
  t->warm = x == d->warm;
  KIND_step(&d->cell, t, n, x);
  d->warm = x;
}
#endif

/* whether vector v is not stepped on, for nothing runs in it: of states in registers all are */
static inline int idles(const driver *d, int v) { return !REGISTERS && !d->active[v]; }

/* The paces of the next steps where they move: of the vectors with a lane whose step sizes do. */
typedef struct window {
  int columns, column[BASIN_PACES_MAX];
  real pace[VECTORS][BASIN_PACES_MAX][BASIN_DECIDE_EVERY];      /* by vector, column and step */
  double row[BASIN_LANES][BASIN_PACES_MAX][BASIN_DECIDE_EVERY]; /* of one vector, lane by lane */
} window;

/* those of one lane: how many, fewer than n where the next step has none; -1: no memory */
static int64_t look_at_lane(driver *d, int lane, int64_t n, window *w) {
  int64_t step = d->clock - d->start[lane], rows;
  for (int64_t i = 0; i < n; i += rows, step += rows) {
    const double *row = paces_at(&d->paces, step, &rows);
    if (!row && rows == 0) d->part->refused = step;
    if (!row) return rows < 0 ? -1 : i;
    if (rows > n - i) rows = n - i;
    for (int k = 0; k < d->paces.count; k++)
      memcpy(&w->row[lane % BASIN_LANES][k][i], row + k * PACES_ROWS, (size_t)rows * sizeof *row);
  }
  return n;
}

/* of all lanes of a vector, 0 of those that idle; as above */
static int64_t look_at_vector(driver *d, int v, int64_t n, window *w) {
  uint64_t at[BASIN_LANES];
  bits lanes;
  for (int l = 0; l < BASIN_LANES; l++) {
    at[l] = (uint64_t)l * (sizeof w->row[0] / sizeof(double));
    memset(w->row[l], 0, (size_t)d->paces.count * sizeof w->row[l][0]);
    if (d->active[v] >> l & 1 && n >= 0) n = look_at_lane(d, v * BASIN_LANES + l, n, w);
  }
  memcpy(&lanes, at, sizeof lanes);
  for (int k = 0; k < d->paces.count && n >= 0; k++)
    for (int i = 0; i < BASIN_DECIDE_EVERY; i += 8)
      r_rows(&w->row[0][k][i], lanes, &w->pace[v][k][i]);
  return n;
}

/* of all of them; how many steps there are, or -1 */
static int64_t look_ahead(driver *d, int64_t n, window *w) {
  unsigned columns;
  int64_t good;
  do {
    columns = d->paces.columns;
    good = n;
    for (int v = 0; v < vectors(d) && good >= 0; v++)
      if (d->moving[v]) good = look_at_vector(d, v, good, w);
  } while (good >= 0 && columns != d->paces.columns);
  w->columns = d->paces.count;
  memcpy(w->column, d->paces.column, sizeof w->column);
  return good;
}

/* up to n steps of the whole group; fewer where the tolerance rule holds for an active lane (*hit), and in arrays where
   the part is to pause. ahead: where step sizes move, else NULL */
BASIN_HD int64_t advance(driver *d, int64_t n, int tolerance, int passages, int when,
                         const window *ahead, unsigned *hit) {
  int64_t i = 0;
#if REGISTERS
  bits trial[VECTORS], step[VECTORS];
  real x[VECTORS * STATES];
  for (int v = 0; v < VECTORS; v++) numbers(d, v, &trial[v], &step[v]);
  IN_REGISTERS
  for (int j = 0; j < VECTORS * STATES; j++) x[j] = d->x[j];
#else
  const real *x = d->x;
  for (int v = 0; v < vectors(d); v++) numbers(d, v, &d->turn[v].trial, &d->turn[v].step);
  /* short steps, between which nobody asks or changes anything: a vector's in one call, its state at hand */
  if (!tolerance && !passages && !when && !ahead && !d->long_steps) {
    for (int v = 0; v < vectors(d); v++)
      if (!idles(d, v)) take_steps(d, v, n);
    return n;
  }
#endif
  for (; i < n && !*hit; i++) {
#if !REGISTERS
    if (i > 0 && d->long_steps && watch_asks(d->watch, d->pauses)) break;
    if (d->breaks) keep(d, d->clock + i);
#endif
    for (int v = 0; ahead && v < vectors(d); v++)
      for (int k = 0; d->moving[v] && k < ahead->columns; k++)
        d->pace[v][ahead->column[k]] = ahead->pace[v][k][i];
    BASIN_UNROLL
    for (int v = 0; v < VECTORS; v++) {
      if (idles(d, v)) continue;
#if REGISTERS
      take_step(d, v, trial[v], &step[v], 0, x + v * STATES);
#else
      take_steps(d, v, 1);
#endif
    }
#if !REGISTERS
    if (broken(d)) return i + 1;
#endif
    if (passages)
      for (int v = 0; v < vectors(d); v++)
        watch_passages(d, v, x + v * states(d), d->clock + i + 1);
    if (when)
      for (int v = 0; v < vectors(d); v++) *hit |= ask_when(d, x + v * states(d)) & d->active[v];
    if (!tolerance) continue;
    BASIN_UNROLL
    for (int v = 0; v < VECTORS; v++) {
      if (idles(d, v)) continue;
      mask holds[BASIN_OUTCOMES];
      none_holds(holds);
      reached(d, x + v * states(d), holds);
      for (int o = 1; o < BASIN_OUTCOMES; o++) *hit |= m_bits(holds[o]) & d->active[v];
    }
  }
#if REGISTERS
  IN_REGISTERS
  for (int j = 0; j < VECTORS * STATES; j++) d->x[j] = x[j];
#endif
  return i;
}

#if REGISTERS
/* Whole blocks, with the states in registers from one to the next: the early rule is asked behind each, until it holds
   for an active lane (hit[]: a bit each), or the driver is told to give up, of `blocks` at most; how many steps that
   were. */
BASIN_HD int64_t blocks_of(driver *d, int64_t blocks, int common, unsigned hit[VECTORS]) {
  bits trial[VECTORS], step[VECTORS];
  real x[VECTORS * STATES];
  unsigned any = 0;
  int64_t done = 0;
  for (int v = 0; v < VECTORS; v++) numbers(d, v, &trial[v], &step[v]);
  IN_REGISTERS
  for (int j = 0; j < VECTORS * STATES; j++) x[j] = d->x[j];
  for (int v = 0; v < VECTORS; v++) hit[v] = 0;
  for (; done < blocks && !any && !told_to_give_up(d); done++) {
    for (int i = 0; i < BASIN_DECIDE_EVERY; i++) {
      BASIN_UNROLL
      for (int v = 0; v < VECTORS; v++) {
        take_step(d, v, trial[v], &step[v], common, x + v * STATES);
      }
    }
    BASIN_UNROLL
    for (int v = 0; v < VECTORS; v++) {
      mask holds[BASIN_OUTCOMES];
      none_holds(holds);
      KIND_decide(&d->cell, no_turn(d, x + v * STATES), x + v * STATES, holds);
      for (int o = 2; o < BASIN_OUTCOMES; o++) holds[1] = m_or(holds[1], holds[o]);
      hit[v] = m_bits(holds[1]) & d->active[v];
      any |= hit[v];
    }
  }
  IN_REGISTERS
  for (int j = 0; j < VECTORS * STATES; j++) d->x[j] = x[j];
  return done * BASIN_DECIDE_EVERY;
}

static __attribute__((noinline)) int64_t advance_blocks(driver *d, int64_t blocks,
                                                        unsigned hit[VECTORS]) {
#ifdef MODEL_COMMON
  if (MODEL_COMMON(&d->cell)) return blocks_of(d, blocks, 1, hit);
#endif
  return blocks_of(d, blocks, 0, hit);
}
#endif

/* the same with passages, a condition, or step sizes that move, whichever there are, apart from the loop without; no
   step and d->stuck where there is no memory, or no step size */
static __attribute__((noinline)) int64_t advance_watching(driver *d, int64_t n, int tolerance,
                                                          unsigned *hit) {
  window ahead;
  const int64_t asked = n;
  const int moving = moves(d);
  if (moving) n = look_ahead(d, n, &ahead);
  d->stuck = n < 0 ? BASIN_FAILED : n < asked && n == 0 ? BASIN_BAD_INPUT : BASIN_OK;
  if (d->stuck) return 0;
  return advance(d, n, tolerance, d->ladders.count > 0, d->job->setting->stop.when != NULL,
                 moving ? &ahead : NULL, hit);
}
#endif

static void find_next_event(driver *d) {
  d->next_event = INT64_MAX;
  for (int lane = 0; lane < lanes(d); lane++)
    if (d->event[lane] < d->next_event) d->next_event = d->event[lane];
}

#if LEAPS

/* steps until something is due to each lane, 0 where it idles; 1 where its step size moves, or passages or a condition
   are watched that could come and go within a leap */
static real limits(const driver *d) {
  real limit = r_set(0.0);
  const basin_calls *calls = d->cell.calls;
  int steady = calls->is_steady_when(d->job->setting->stop.when);
  for (int i = 0; i < d->ladders.count; i++)
    steady &= calls->is_steady(d->ladders.of[i].observable);
  for (int lane = 0; lane < lanes(d); lane++)
    if (d->active[0] >> lane & 1)
      r_lane_set(&limit, lane,
                 steady && !(d->moving[0] >> lane & 1) ? (double)(d->event[lane] - d->clock) : 1.0);
  return limit;
}

/* the paces of the lanes whose step sizes move */
static void look_up_paces(driver *d) {
  for (int lane = 0; lane < lanes(d); lane++) {
    if (!(d->moving[0] >> lane & 1)) continue;
    int64_t rows;
    const int64_t step = d->clock - d->start[lane];
    const double *row = paces_at(&d->paces, step, &rows);
    if (!row) {
      d->stuck = rows < 0 ? BASIN_FAILED : BASIN_BAD_INPUT;
      d->part->refused = step;
      return;
    }
    for (int k = 0; k < d->paces.count; k++)
      r_lane_set(&d->pace[0][d->paces.column[k]], lane, row[k * PACES_ROWS]);
  }
}

/* one leap of every lane */
static void leap(driver *d) {
  basin_turn *t = &d->turn[0];
  if (moves(d)) look_up_paces(d);
  if (d->stuck) return;
  forget(d);
  numbers(d, 0, &t->trial, &t->step);
  const real taken = KIND_step(&d->cell, t, limits(d), d->x);
  for (int lane = 0; lane < lanes(d); lane++) {
    if (!(d->active[0] >> lane & 1)) continue;
    const int64_t n = (int64_t)r_lane(&taken, lane);
    d->steps += n;
    d->start[lane] -= n - 1;
    d->event[lane] -= n - 1;
  }
  d->clock++;
  if (d->ladders.count) watch_passages(d, 0, d->x, d->clock);
  find_next_event(d);
}

/* one block: BASIN_DECIDE_EVERY leaps, with what falls due behind them; fewer where the part is to pause */
static void block(driver *d) {
  unsigned outcome[BASIN_OUTCOMES];
  for (int left = BASIN_DECIDE_EVERY; left > 0 && d->active[0]; left--) {
    leap(d);
    if (d->stuck) return;
    if (d->clock == d->next_event) {
      for (int lane = 0; lane < lanes(d); lane++) lane_events(d, lane);
      find_next_event(d);
    }
    ask(d, d->x, outcome);
    retire(d, 0, ~0u, outcome);
    if (watch_asks(d->watch, d->pauses)) return;
  }
}

#else

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
  forget(d);
  memcpy(d->x, d->kept, (size_t)(d->vectors * d->states) * sizeof *d->kept);
  d->clock = d->kept_at;
  d->warm = NULL;
#endif
}

/* whether all lanes idle, or in arrays, where trials may begin at any step, one that could have another trial */
static int wants_refill(const driver *d) {
  unsigned active = 0, idle = 0;
  for (int v = 0; v < vectors(d); v++) {
    active |= d->active[v];
    idle |= ~d->active[v] & ((1u << BASIN_LANES) - 1);
  }
  return !active || (!REGISTERS && idle &&
                     (d->next_trial < d->part->count || d->next_flight < d->part->flights));
}

/* whether passages or a condition are looked at behind every step */
static inline int watches(const driver *d) {
  return d->ladders.count > 0 || d->job->setting->stop.when != NULL;
}

/* `done` steps have been taken by every lane: what falls due behind them */
static void count_steps(driver *d, int64_t done) {
  for (int v = 0; v < vectors(d); v++) d->steps += done * __builtin_popcount(d->active[v]);
  d->clock += done;
  if (d->clock != d->next_event) return;
  for (int lane = 0; lane < lanes(d); lane++) lane_events(d, lane);
  find_next_event(d);
}

/* Blocks in which nothing falls due, one after the other, to the next look at the watch at most; none where something
   else than the early rule is asked, or step sizes move. */
static int plain_blocks(driver *d) {
#if REGISTERS
  int64_t blocks = (d->next_event - d->clock) / BASIN_DECIDE_EVERY;
  unsigned hit[VECTORS], outcome[BASIN_OUTCOMES];
  if (blocks > BLOCKS_UNTOLD - d->blocks) blocks = BLOCKS_UNTOLD - d->blocks;
  if (blocks < 1 || d->always || watches(d) || moves(d)) return 0;
  forget(d);
  const int64_t done = advance_blocks(d, blocks, hit);
  d->blocks += (int)(done / BASIN_DECIDE_EVERY) - 1;
  count_steps(d, done);
  for (int v = 0; v < vectors(d); v++) {
    if (!hit[v]) continue;
    ask(d, at(d, v), outcome);
    retire(d, v, ~0u, outcome);
  }
  return 1;
#else
  (void)d;
  return 0;
#endif
}

/* one block: BASIN_DECIDE_EVERY steps, with what falls due inside it; fewer where all trials have ended, and in arrays
   where the part is to pause, or lanes wait for trials: their steps take too long to be taken for nothing. Plain ones
   may be several. */
static void block(driver *d) {
  const int tolerance = d->always, watching = watches(d);
  unsigned outcome[BASIN_OUTCOMES];
  if (plain_blocks(d)) return;
  for (int64_t left = BASIN_DECIDE_EVERY; left > 0;) {
    const int64_t until = d->next_event - d->clock, n = until < left ? until : left;
    unsigned hit = 0;
    forget(d);
    const int64_t done = watching || moves(d) ? advance_watching(d, n, tolerance, &hit)
                         : tolerance ? advance(d, n, 1, 0, 0, NULL, &hit)
                                     : advance(d, n, 0, 0, 0, NULL, &hit);
    if (d->stuck) return;
    if (broken(d)) { /* before anything is made of these states: a rule may have held on the way */
      if (done > 0) go_back(d);
      return;
    }
    count_steps(d, done);
    left -= done;
    for (int v = 0; v < vectors(d) && (tolerance ? hit : !REGISTERS || left == 0); v++) {
      const unsigned asked = tolerance ? ~0u : asked_now(d, v);
      if (!asked) continue;
      ask(d, at(d, v), outcome);
      retire(d, v, asked, outcome);
    }
    if (broken(d) && done > 0) go_back(d);
    if ((!REGISTERS && watch_asks(d->watch, d->pauses)) || wants_refill(d)) return;
  }
}
#endif

/* fill the idle lanes while there are trials; whether any lane runs */
static int refill_all(driver *d) {
  unsigned running = 0, idle = 0;
  for (int v = 0; v < vectors(d); v++) {
    idle |= ~d->active[v] & ((1u << BASIN_LANES) - 1);
    running |= d->active[v];
  }
  if (!idle || (running && d->next_trial == d->part->count && d->next_flight == d->part->flights))
    return 1;
  for (int lane = 0; lane < lanes(d); lane++)
    if (!(d->active[lane / BASIN_LANES] >> lane % BASIN_LANES & 1)) refill(d, lane);
  find_next_event(d);
  for (int v = 0; v < vectors(d); v++) running |= d->active[v];
  return running != 0;
}

/* tell the watch how far the work is, not at every block: the counters are shared by all workers */
static void tell(driver *d) {
  watch_tell(d->watch, d->ended, d->steps);
  d->ended = d->steps = 0;
  d->blocks = 0;
}

/* ---- a part from one run to the next ---- */

static basin_status hand_back(driver *d) {
  basin_hand_back back;
  if (!flights_open(&back, d->part, LANES, states(d))) return BASIN_FAILED;
  for (int lane = 0; lane < lanes(d); lane++) {
    const int v = lane / BASIN_LANES, l = lane % BASIN_LANES;
    if (!(d->active[v] >> l & 1)) continue;
    double *to = flights_add(&back, d->trial[lane], d->clock - d->start[lane]);
    for (int64_t i = 0; to && i < states(d); i++) to[i] = r_lane(at(d, v) + i, l);
  }
  flights_close(&back, d->part);
  return BASIN_INTERRUPTED;
}

static basin_status run(driver *d) {
  const basin_setting *setting = d->job->setting;
  clock_course(setting, d->job->times, d->job->time, d->stage_end, &d->course);
  paces_of_stages(setting, &d->cell, d->stage_pace);
  d->ladders = basin_ladders_of(d->job);
  d->risk = basin_risk_wanted(d->job);
#if !REGISTERS
  for (int v = 0; v < vectors(d); v++) d->turn[v] = turn_of(d, d->pace[v], b_set(0), b_set(0));
  d->asking = turn_of(d, NULL, b_set(0), b_set(0));
#endif
  for (int lane = 0; lane < lanes(d); lane++) lane_clear(d, lane);
  for (int64_t i = 0; i < vectors(d) * states(d); i++) d->x[i] = r_set(1.0);
  d->fresh_used = BASIN_LANES;
  flights_mark(d->part);

  int running = refill_all(d);
  while (running && !told_to_give_up(d)) {
    block(d);
    if (d->stuck) return d->stuck;
    if (++d->blocks >= BLOCKS_UNTOLD) {
      tell(d);
      if (watch_asks(d->watch, d->pauses)) break;
    }
    running = refill_all(d);
  }
  tell(d);
  return running || d->next_trial < d->part->count || broken(d) ? hand_back(d) : BASIN_OK;
}

#if !REGISTERS
/* the cell's data set, where it has one */
static int take_set(driver *d) {
  const basin_setting *setting = d->job->setting;
  if (!setting->gradient.set_size) return 1;
  d->set = basin_data_take(d->job->model, setting, &d->watch->stop);
  d->broken_set = !d->set && __atomic_load_n(&d->watch->stop, __ATOMIC_RELAXED);
  return d->set != NULL;
}

/* the states and the scratch, and what is observed, with the lanes aligned; the model's own constants; the data set */
static int allocate_arrays(driver *d, const basin_calls *calls) {
  const basin_setting *setting = d->job->setting;
  const basin_size *size = &setting->size;
  d->states = size->states;
  d->observed = d->job->model->observed + BASIN_RISK_OBSERVABLES;
#if !LEAPS
  const double operations = basin_operations(setting);
  /* what data sets leave in the scratch is of one vector */
  d->vectors = operations <= FEW_OPERATIONS && !setting->gradient.set_size ? VECTORS : 1;
  d->long_steps = operations > 0x1p16; /* milliseconds */
  d->breaks = operations > 0x1p24;
#endif
  const int64_t work = calls->whole ? size->whole : size->work;
  const size_t reals = (size_t)((2 * vectors(d) + 1) * size->states + 2 * d->observed + work);
  d->x = aligned_alloc(64, (reals * sizeof(real) + 63) / 64 * 64);
  if (!d->x) return 0;
  d->fresh = at(d, vectors(d));
  d->kept = at(d, vectors(d) + 1);
  d->seen = at(d, 2 * vectors(d) + 1);
  d->looked = d->seen + d->observed;
  d->work = d->looked + d->observed;
  d->out = malloc((size_t)d->observed * sizeof *d->out);
  d->cell.calls = calls;
  d->cell.own = calloc(1, calls->cell_size);
  return d->out && d->cell.own && take_set(d);
}
#endif

/* and the cell's constants */
static int allocate(driver *d, const basin_calls *calls) {
  const basin_size *size = &d->job->setting->size;
  const char *where;
#if REGISTERS
  (void)calls;
  d->fresh = d->fresh_state;
#else
  if (!allocate_arrays(d, calls)) return 0;
#endif
  d->data = malloc((size_t)(size->data + 1) * sizeof *d->data);
  d->stage_pace = malloc((size_t)d->job->setting->stages * BASIN_PACES_MAX * sizeof(double));
  d->stage_end = malloc((size_t)d->job->setting->stages * sizeof *d->stage_end);
  basin_room room = {d->data, 0, 0};
  return d->data && d->stage_pace && d->stage_end &&
         !model_prepare(d->job->setting, &room, &d->cell, &where) &&
         paces_open(&d->paces, d->job->setting, &d->cell);
}

basin_engine RUNNER;

basin_status RUNNER(const basin_calls *calls, const basin_job *job, basin_part *part,
                    basin_watch *watch) {
  basin_status status = BASIN_FAILED;
  driver *d = aligned_alloc(64, (sizeof *d + 63) / 64 * 64);
  if (!d) return status;
  memset(d, 0, sizeof *d);
  d->job = job;
  d->part = part;
  d->watch = watch;
  d->pauses = watch_pauses(watch);
  d->team = basin_alone;
  d->always = basin_stop_given(&job->setting->stop);
  if (allocate(d, calls)) {
    d->team.stop = REGISTERS || LEAPS || d->breaks ? &watch->give_up : NULL;
    status = run(d);
  } else if (d->broken_set) status = BASIN_INTERRUPTED;
#if !REGISTERS
  basin_data_leave(d->set);
  free(d->cell.own);
  free(d->out);
  free(d->x);
#endif
  paces_close(&d->paces);
  free(d->stage_pace);
  free(d->stage_end);
  free(d->data);
  free(d);
  return status;
}
