/* SPDX-License-Identifier: MIT
 *
 * dataset.c: the CPU engine for data sets that are drawn once. Compiled once per model that has the dynamics `dataset`
 * and instruction set, with
 *   BASIN_MODEL         the model's name
 *   BASIN_MODEL_HEADER  its header
 *   BASIN_KIND          dataset
 *   BASIN_ISA           generic, avx2 or avx512; BASIN_SIMD to match
 *
 * SEATS trials advance together, each the owner of a column of the matrices: its seat. A step of all of them goes
 * through the data set in tiles: a matrix product gives what the students see of the tile's rows, a pass over it makes
 * residuals and weights of that, a second product adds up the gradients by the filters. With mini-batches every trial
 * has inputs of its own: plain loops in the order of the inputs take the place of the products.
 *
 * Trial number t always has seat t mod SEATS, so its results do not depend on its neighbours, although a column of a
 * product may depend on its place (blas.h). A seat whose trial ends takes the next one of its own. What is asked of
 * a state (records, rules) is asked when its risk and gradient are known, before the next step.
 */
#include BASIN_MODEL_HEADER
#include "engine/data.h"
#include "engine/blas.h"
#include "seam/clock.h"
#include "seam/condition.h"
#include "seam/entry.h"
#include "seam/expand.h"
#include "seam/products.h"
#include "seam/flights.h"
#include "seam/paces.h"
#include "seam/passage.h"

#define RUNNER BASIN_JOIN4(basin_run, BASIN_MODEL, BASIN_KIND, BASIN_ISA)

enum {
  SEATS = BASIN_DATASET_SEATS,
  VECTORS = SEATS / BASIN_LANES, /* a row of a matrix */
  IDLE = -1,                     /* trial of a seat that has none */
  OBSERVED = MODEL_OBSERVED + BASIN_RISK_OBSERVABLES
};

/* Everything of one call. */
typedef struct driver {
  const basin_job *job;
  basin_part *part;
  basin_watch *watch;
  const basin_data *set;
  model_cell cell;
  double *data;
  basin_course course;
  double *stage_pace;    /* [stages][BASIN_PACES_MAX] */
  int64_t *stage_end;    /* [stages] the course's */
  basin_paces paces;     /* where step sizes move */
  int moves[SEATS];      /* whether they do in the stage of a seat */
  basin_status stuck;    /* not BASIN_OK where there are no paces for the next step */
  basin_ladders ladders; /* of passages; of most jobs none */
  int64_t rows, width, states, batch, tile;
  int wants_risk;   /* whether the risk is recorded or kept, or there are passages of it */
  int watches_risk; /* whether there are */
  int asks_risk;    /* whether stop.when asks it */
  int knows_risk;   /* whether `loss` is of the present states */
  int broken;       /* told to stop while the data set was drawn */
  int64_t *waiting; /* [flights] indices of the flights that no seat has taken up yet */
  int64_t waitings;
  int64_t ended, steps; /* since last told to the watch */
  int pauses;           /* the watch's, when the part came */

  int64_t trial[SEATS]; /* index in the part, or IDLE */
  int64_t step[SEATS];  /* steps taken */
  basin_clock clock[SEATS];
  int next_passage[SEATS][BASIN_LADDERS_MAX];
  int64_t next[SEATS];      /* the first trial of the seat that has not been looked at */
  unsigned active[VECTORS]; /* bit per lane with a trial */
  real pace[VECTORS][BASIN_PACES_MAX];
  real loss[VECTORS];    /* sum of r^2 */
  real *x, *fresh;       /* [VECTORS][states]; [states] */
  real *work;            /* scratch of a step */
  real *f, *a;           /* [width][VECTORS], [rows][VECTORS] of the present states */
  real *grad_f, *grad_a; /* the same, of the gradients */
  real *u;               /* [tile * rows][VECTORS]; with mini-batches [rows] */
  real *z;               /* with mini-batches: [rows * width] of the lanes' inputs */
} driver;

static inline real *at(const driver *d, int v) { return d->x + v * d->states; }

static inline basin_turn turn_of(const driver *d, bits trial) {
  return (basin_turn){.data = d->data, .team = basin_alone, .trial = trial, .step = b_set(0)};
}

/* of the next step of vector v */
static basin_turn turn_of_step(const driver *d, int v) {
  uint64_t trials[BASIN_LANES], taken[BASIN_LANES];
  basin_turn t = {.data = d->data, .pace = d->pace[v], .work = d->work, .team = basin_alone};
  for (int l = 0; l < BASIN_LANES; l++) {
    const int c = v * BASIN_LANES + l, idle = d->trial[c] == IDLE;
    trials[l] = idle ? 0 : (uint64_t)(d->part->first + d->trial[c]);
    taken[l] = idle ? 0 : (uint64_t)d->step[c];
  }
  memcpy(&t.trial, trials, sizeof t.trial);
  memcpy(&t.step, taken, sizeof t.step);
  return t;
}

static int stopped(const driver *d) { return __atomic_load_n(&d->watch->stop, __ATOMIC_RELAXED); }

/* ---- the data set ---- */

/* the inputs i .. i + BASIN_LANES - 1, a lane each */
static void draw_lanes(const driver *d, basin_data *inputs, int64_t i, real *z) {
  uint64_t number[BASIN_LANES];
  bits input;
  real label = r_set(0.0);
  const int64_t width = inputs->width, row_size = inputs->rows * width;
  for (int l = 0; l < BASIN_LANES; l++) number[l] = (uint64_t)(i + l);
  memcpy(&input, number, sizeof input);
  const bits set = b_set((uint64_t)d->job->setting->gradient.set);
  for (int64_t row = 0; row < inputs->rows; row++) {
    if (stopped(d)) return;
    SET_draw(&d->cell, turn_of(d, b_set(0)), set, input, row, z, &label);
    for (int l = 0; l < BASIN_LANES && i + l < inputs->n; l++)
      for (int64_t q = 0; q < width; q++)
        inputs->z[(i + l) * row_size + row * width + q] = r_lane(&z[q], l);
  }
  for (int l = 0; l < BASIN_LANES && i + l < inputs->n; l++)
    inputs->label[i + l] = r_lane(&label, l);
}

/* those that the model does not draw itself */
static int make_inputs(driver *d, basin_data *inputs) {
  const int64_t row_size = inputs->rows * inputs->width, most = 64;
  for (int64_t i = 0; i < inputs->n && !stopped(d); i += most) {
    const int64_t count = inputs->n - i < most ? inputs->n - i : most;
    if (d->job->model->inputs(d->job->setting, i, count, inputs->z + i * row_size,
                              inputs->label + i))
      return 1;
  }
  return d->broken = stopped(d);
}

static int draw_inputs(void *context, basin_data *inputs) {
  driver *d = context;
  if (!basin_inputs_are_own(&d->job->setting->gradient)) return make_inputs(d, inputs);
  for (int64_t i = 0; i < inputs->n && !stopped(d); i += BASIN_LANES)
    draw_lanes(d, inputs, i, d->u);
  return d->broken = stopped(d);
}

/* ---- the gradient of the whole risk ---- */

/* filters and coefficients of all states; the sums of a gradient begin */
static void begin_gradient(driver *d) {
  for (int v = 0; v < VECTORS; v++) {
    SET_filter(&d->cell, at(d, v), d->f + v, VECTORS);
    SET_coefficients(&d->cell, at(d, v), d->a + v, VECTORS);
    d->loss[v] = r_set(0.0);
  }
  memset(d->grad_f, 0, (size_t)(d->width * VECTORS) * sizeof(real));
  memset(d->grad_a, 0, (size_t)(d->rows * VECTORS) * sizeof(real));
}

/* of a tile whose rows the students have seen: loss and gradient by the coefficients; weights in place of u */
static void weigh(driver *d, const double *label, int64_t inputs) {
  real *u = d->u;
  for (int64_t i = 0; i < inputs; i++, u += d->rows * VECTORS) {
    real r[VECTORS];
    for (int v = 0; v < VECTORS; v++) r[v] = r_set(-label[i]);
    for (int64_t j = 0; j < d->rows; j++) {
      const real *a = d->a + j * VECTORS, *seen = u + j * VECTORS;
      BASIN_UNROLL
      for (int v = 0; v < VECTORS; v++) r[v] = SET_residual(a[v], seen[v], r[v]);
    }
    for (int v = 0; v < VECTORS; v++) d->loss[v] = r_fma(r[v], r[v], d->loss[v]);
    for (int64_t j = 0; j < d->rows; j++) {
      const real *a = d->a + j * VECTORS;
      real *seen = u + j * VECTORS, *g = d->grad_a + j * VECTORS;
      BASIN_UNROLL
      for (int v = 0; v < VECTORS; v++) {
        g[v] = SET_slope(seen[v], r[v], g[v]);
        seen[v] = SET_weight(a[v], seen[v], r[v]);
      }
    }
  }
}

/* 0: told to stop meanwhile, nothing is known */
static int whole_gradient(driver *d) {
  const basin_data *s = d->set;
  begin_gradient(d);
  for (int64_t i = 0; i < s->n; i += d->tile) {
    if (stopped(d)) return 0;
    const int64_t inputs = s->n - i < d->tile ? s->n - i : d->tile, rows = inputs * d->rows;
    const double *z = s->z + i * d->rows * d->width;
    basin_blas_product(rows, SEATS, d->width, z, (const double *)d->f, (double *)d->u);
    weigh(d, s->label + i, inputs);
    basin_blas_product_add(rows, SEATS, d->width, z, (const double *)d->u, (double *)d->grad_f);
  }
  d->knows_risk = 1;
  return 1;
}

/* ---- the same of mini-batches, in a fixed order ---- */

/* What vector v sees of an input: u, and its residual. The numbers of the input are the lanes' own (gathered), or those
   of one input for all of them (shared), whichever is not NULL. */
static inline real see(const driver *d, int v, real label, const real *gathered,
                       const double *shared) {
  real r = r_set(0.0) - label;
  for (int64_t j = 0; j < d->rows; j++) {
    real sum = r_set(0.0);
    for (int64_t q = 0; q < d->width; q++) {
      const real z = shared ? r_set(shared[j * d->width + q]) : gathered[j * d->width + q];
      sum = r_fma(z, d->f[q * VECTORS + v], sum);
    }
    d->u[j] = sum;
    r = SET_residual(d->a[j * VECTORS + v], sum, r);
  }
  return r;
}

/* two inputs of each lane's mini-batch: their numbers */
static void choose(const driver *d, bits trial, bits step, int64_t pair,
                   int64_t number[2][BASIN_LANES]) {
  bits word[2];
  basin_words_at(d->cell.key, BASIN_STREAM_BATCH, trial, step, (uint64_t)pair, &word[0], &word[1]);
  for (int w = 0; w < 2; w++) {
    const real place = r_uniform(word[w]) * r_set((double)d->set->n);
    for (int l = 0; l < BASIN_LANES; l++) number[w][l] = (int64_t)r_lane(&place, l);
  }
}

/* the lanes' inputs side by side in d->z; their labels */
static real gather(driver *d, const int64_t number[BASIN_LANES]) {
  const int64_t size = d->rows * d->width;
  real label;
  for (int l = 0; l < BASIN_LANES; l++) {
    const double *z = d->set->z + number[l] * size;
    for (int64_t q = 0; q < size; q++) r_lane_set(&d->z[q], l, z[q]);
    r_lane_set(&label, l, d->set->label[number[l]]);
  }
  return label;
}

/* of anything, where told to stop */
static void batch_gradient_of(driver *d, int v) {
  const basin_turn t = turn_of_step(d, v);
  int64_t number[2][BASIN_LANES];
  for (int64_t i = 0; i < d->batch && !stopped(d); i++) {
    if (i % 2 == 0) choose(d, t.trial, t.step, i / 2, number);
    const real label = gather(d, number[i % 2]);
    const real r = see(d, v, label, d->z, NULL);
    for (int64_t j = 0; j < d->rows; j++) {
      real *g = &d->grad_a[j * VECTORS + v];
      *g = SET_slope(d->u[j], r, *g);
      const real weight = SET_weight(d->a[j * VECTORS + v], d->u[j], r);
      for (int64_t q = 0; q < d->width; q++) {
        real *sum = &d->grad_f[q * VECTORS + v];
        *sum = r_fma(weight, d->z[j * d->width + q], *sum);
      }
    }
  }
}

/* 0: told to stop meanwhile, nothing is known */
static int batch_gradient(driver *d) {
  begin_gradient(d);
  for (int v = 0; v < VECTORS; v++)
    if (d->active[v]) batch_gradient_of(d, v);
  return !stopped(d);
}

/* the risk of the present states on the whole data set; 0: told to stop meanwhile, nothing is known */
static int whole_loss(driver *d) {
  const basin_data *s = d->set;
  begin_gradient(d);
  for (int v = 0; v < VECTORS; v++) {
    for (int64_t i = 0; i < s->n && d->active[v]; i++) {
      if (stopped(d)) return 0;
      const double *z = s->z + i * d->rows * d->width;
      const real r = see(d, v, r_set(s->label[i]), NULL, z);
      d->loss[v] = r_fma(r, r, d->loss[v]);
    }
  }
  return d->knows_risk = 1;
}

/* ---- what is asked of a state ---- */

typedef struct answer {
  unsigned outcome[BASIN_OUTCOMES]; /* bits per lane */
  real seen[MODEL_OBSERVED];
  int observed; /* whether `seen` is filled */
} answer;

/* what vector v shows; the risk, or NaN where it is not known */
static void observe_all(const driver *d, int v, real seen[OBSERVED]) {
  const real loss = d->loss[v] / r_set(2 * (double)d->set->n);
  KIND_observe(&d->cell, turn_of(d, b_set(0)), at(d, v), seen);
  seen[MODEL_OBSERVED + BASIN_RISK_train_loss] = d->knows_risk ? loss : r_set((double)NAN);
}

/* the outcomes that hold for vector v */
static void ask(const driver *d, int v, answer *x) {
  const double least = d->job->setting->stop.tolerance_gradient;
  const basin_condition *when = d->job->setting->stop.when;
  mask holds[BASIN_OUTCOMES];
  real seen[OBSERVED];
  memset(holds, 0, sizeof holds);
  memset(x, 0, sizeof *x);
  KIND_reached(&d->cell, turn_of(d, b_set(0)), at(d, v), holds);
  if (least > 0)
    holds[BASIN_STATIONARY] = r_le(
        SET_gradient2(&d->cell, d->grad_a + v, d->grad_f + v, VECTORS, at(d, v)), r_set(least));
  if (when) observe_all(d, v, seen);
  if (when)
    holds[BASIN_STATIONARY] = m_or(holds[BASIN_STATIONARY], condition_holds(when, seen, OBSERVED));
  for (int o = 0; o < BASIN_OUTCOMES; o++) x->outcome[o] = m_bits(holds[o]);
}

/* the outcome whose bit is set for a lane, or UNRESOLVED */
static int outcome_of(const answer *x, int lane) {
  for (int o = 1; o < BASIN_OUTCOMES; o++)
    if (x->outcome[o] >> lane & 1) return o;
  return BASIN_UNRESOLVED;
}

static void observe(const driver *d, int c, answer *x, double out[OBSERVED]) {
  const int v = c / BASIN_LANES, l = c % BASIN_LANES;
  if (!x->observed) KIND_observe(&d->cell, turn_of(d, b_set(0)), at(d, v), x->seen);
  x->observed = 1;
  for (int i = 0; i < MODEL_OBSERVED; i++) out[i] = r_lane(&x->seen[i], l);
  const double loss = r_lane(&d->loss[v], l) / (2 * (double)d->set->n);
  out[MODEL_OBSERVED + BASIN_RISK_train_loss] = d->knows_risk ? loss : NAN;
}

/* the record number `time` */
static void record(const driver *d, int c, int64_t time, answer *x) {
  const basin_job *job = d->job;
  const basin_part *part = d->part;
  const int64_t trial = d->trial[c];
  double seen[OBSERVED];
  observe(d, c, x, seen);
  for (int i = 0; i < job->observables; i++)
    part->record[(i * part->recorded + trial) * job->times + time] = observable_of(
        seen, OBSERVED, job->observable[i]);
  for (int64_t i = 0; job->keep_states && i < d->states; i++)
    part->state[(trial * job->times + time) * d->states + i] = canonical(
        r_lane(at(d, c / BASIN_LANES) + i, c % BASIN_LANES));
}

static void clear(driver *d, int c) {
  const int v = c / BASIN_LANES, l = c % BASIN_LANES;
  for (int i = 0; i < BASIN_PACES_MAX; i++) r_lane_set(&d->pace[v][i], l, 0.0);
  for (int64_t i = 0; i < d->states; i++) r_lane_set(at(d, v) + i, l, 1.0);
  d->active[v] &= ~(1u << l);
  d->trial[c] = IDLE;
}

static void finish(driver *d, int c, int outcome, answer *x) {
  const basin_part *part = d->part;
  const int64_t trial = d->trial[c];
  double seen[OBSERVED];
  observe(d, c, x, seen);
  part->outcome[trial] = (int8_t)outcome;
  part->steps[trial] = d->step[c];
  for (int i = 0; i < d->job->finals; i++)
    part->final[i * part->count + trial] = observable_of(
        seen, OBSERVED, outcome == BASIN_DIVERGED ? -1 : d->job->final[i]);
  for (int64_t i = 0; part->end && i < d->states; i++)
    part->end[i * part->count + trial] = canonical(
        r_lane(at(d, c / BASIN_LANES) + i, c % BASIN_LANES));
  d->ended++;
  clear(d, c);
}

/* the passages at the present steps */
static void watch_passages(driver *d, int c, answer *x) {
  double seen[OBSERVED];
  if (!d->ladders.count) return;
  observe(d, c, x, seen);
  for (int i = 0; i < d->ladders.count; i++) {
    const basin_ladder *ladder = &d->ladders.of[i];
    d->next_passage[c][i] = ladder_climb(ladder, d->job->passage, seen[ladder->observable],
                                         d->next_passage[c][i], d->part->passage + d->trial[c],
                                         d->part->count, d->step[c]);
  }
}

/* the paces of the seat's stage */
static void set_stage(driver *d, int c) {
  const int stage = d->clock[c].stage;
  d->moves[c] = basin_stage_moves(&d->job->setting->stage[stage]);
  for (int i = 0; i < BASIN_PACES_MAX; i++)
    r_lane_set(&d->pace[c / BASIN_LANES][i], c % BASIN_LANES,
               d->stage_pace[stage * BASIN_PACES_MAX + i]);
}

/* those of the seat's next step, where they move */
static void look_up_paces(driver *d, int c) {
  int64_t rows;
  const double *row = paces_at(&d->paces, d->step[c], &rows);
  if (!row) {
    d->stuck = rows < 0 ? BASIN_FAILED : BASIN_BAD_INPUT;
    d->part->refused = d->step[c];
    return;
  }
  for (int k = 0; k < d->paces.count; k++)
    r_lane_set(&d->pace[c / BASIN_LANES][d->paces.column[k]], c % BASIN_LANES, row[k * PACES_ROWS]);
}

/* what is due at the present steps: records, passages, ends, stages; 0: told to stop meanwhile, nothing is done */
static int settle(driver *d) {
  answer x[VECTORS];
  unsigned due[SEATS] = {0};
  int outcome[SEATS] = {0}, any = 0;
  if (d->asks_risk && !d->knows_risk && !whole_loss(d)) return 0;
  for (int v = 0; v < VECTORS; v++)
    if (d->active[v]) ask(d, v, &x[v]);
  for (int c = 0; c < SEATS; c++) {
    if (d->trial[c] == IDLE) continue;
    const int recorded = d->trial[c] < d->part->recorded;
    due[c] = clock_due(&d->course, recorded, d->step[c], &d->clock[c]);
    outcome[c] = outcome_of(&x[c / BASIN_LANES], c % BASIN_LANES);
    if (due[c] & CLOCK_STAGE) set_stage(d, c);
    if (outcome[c] != BASIN_UNRESOLVED) due[c] |= CLOCK_END;
    any |= (due[c] & (CLOCK_RECORD | CLOCK_END)) != 0 || d->watches_risk;
  }
  if (any && d->wants_risk && !d->knows_risk && !whole_loss(d)) return 0;
  for (int c = 0; c < SEATS; c++) /* before one is cleared, for they share what was observed */
    if (due[c] & CLOCK_RECORD) record(d, c, d->clock[c].next_time - 1, &x[c / BASIN_LANES]);
  for (int c = 0; c < SEATS; c++)
    if (d->trial[c] != IDLE) watch_passages(d, c, &x[c / BASIN_LANES]);
  for (int c = 0; c < SEATS; c++)
    if (due[c] & CLOCK_END) finish(d, c, outcome[c], &x[c / BASIN_LANES]);
  return 1;
}

/* ---- the life of a trial ---- */

/* the seat's state is there, and has taken `step` steps */
static void launch(driver *d, int c, int64_t trial, int64_t step) {
  d->trial[c] = trial;
  d->step[c] = step;
  d->active[c / BASIN_LANES] |= 1u << c % BASIN_LANES;
  for (int i = 0; i < d->ladders.count; i++)
    d->next_passage[c][i] = ladder_begin(&d->ladders.of[i], d->part->passage + trial,
                                         d->part->count, step);
  clock_set(&d->course, trial < d->part->recorded, step, &d->clock[c]);
  set_stage(d, c);
}

static int seat_of(const driver *d, int64_t trial) {
  return (int)((d->part->first + trial) % SEATS);
}

/* take up a trial of this seat that was under way; 0: there is none */
static int resume(driver *d, int c) {
  for (int64_t w = 0; w < d->waitings; w++) {
    const int64_t index = d->waiting[w];
    const basin_flight *flight = &d->part->flight[index];
    if (seat_of(d, flight->trial) != c) continue;
    const double *state = d->part->flight_state + index * d->states;
    for (int64_t i = 0; i < d->states; i++)
      r_lane_set(at(d, c / BASIN_LANES) + i, c % BASIN_LANES, state[i]);
    d->part->outcome[flight->trial] = FLIGHT_TAKEN;
    launch(d, c, flight->trial, flight->step);
    d->waiting[w] = d->waiting[--d->waitings];
    return 1;
  }
  return 0;
}

/* new trials for the idle seats of a vector */
static void refill(driver *d, int v) {
  uint64_t number[BASIN_LANES];
  unsigned starting = 0;
  bits trial;
  for (int l = 0; l < BASIN_LANES; l++) {
    const int c = v * BASIN_LANES + l;
    number[l] = 0;
    if (d->trial[c] != IDLE || resume(d, c)) continue;
    while (d->next[c] < d->part->count && d->part->outcome[d->next[c]] != TRIAL_FRESH)
      d->next[c] += SEATS;
    if (d->next[c] >= d->part->count) continue;
    number[l] = (uint64_t)(d->part->first + d->next[c]);
    starting |= 1u << l;
  }
  if (!starting) return;
  memcpy(&trial, number, sizeof trial);
  KIND_start(&d->cell, turn_of(d, trial), d->fresh);
  for (int l = 0; l < BASIN_LANES; l++) {
    const int c = v * BASIN_LANES + l;
    if (!(starting >> l & 1)) continue;
    for (int64_t i = 0; i < d->states; i++) r_lane_set(at(d, v) + i, l, r_lane(&d->fresh[i], l));
    launch(d, c, d->next[c], 0);
    d->next[c] += SEATS;
  }
}

static int running(const driver *d) {
  unsigned any = 0;
  for (int v = 0; v < VECTORS; v++) any |= d->active[v];
  return any != 0;
}

static void move(driver *d) {
  for (int c = 0; c < SEATS; c++)
    if (d->trial[c] != IDLE && d->moves[c]) look_up_paces(d, c);
  if (d->stuck) return;
  for (int v = 0; v < VECTORS; v++)
    if (d->active[v])
      SET_move(&d->cell, turn_of_step(d, v), d->grad_a + v, d->grad_f + v, VECTORS, at(d, v));
  for (int c = 0; c < SEATS; c++) {
    if (d->trial[c] == IDLE) continue;
    d->step[c]++;
    d->steps++;
  }
  d->knows_risk = 0;
}

/* ---- a part ---- */

static void tell(driver *d) {
  watch_tell(d->watch, d->ended, d->steps);
  d->ended = d->steps = 0;
}

static basin_status hand_back(driver *d) {
  basin_hand_back back;
  if (!flights_open(&back, d->part, SEATS, d->states)) return BASIN_FAILED;
  for (int c = 0; c < SEATS; c++) {
    if (d->trial[c] == IDLE) continue;
    double *to = flights_add(&back, d->trial[c], d->step[c]);
    for (int64_t i = 0; to && i < d->states; i++)
      to[i] = r_lane(at(d, c / BASIN_LANES) + i, c % BASIN_LANES);
  }
  flights_close(&back, d->part);
  return BASIN_INTERRUPTED;
}

static void begin(driver *d) {
  const basin_setting *setting = d->job->setting;
  clock_course(setting, d->job->times, d->job->time, d->stage_end, &d->course);
  paces_of_stages(setting, &d->cell, d->stage_pace);
  d->ladders = basin_ladders_of(d->job);
  for (int i = 0; i < d->ladders.count; i++)
    d->watches_risk |= d->ladders.of[i].observable >= MODEL_OBSERVED;
  d->wants_risk = d->watches_risk;
  for (int64_t i = 0; setting->stop.when && i < setting->stop.when->count; i++)
    d->asks_risk |= setting->stop.when->step[i].observable >= MODEL_OBSERVED;
  for (int c = 0; c < SEATS; c++) {
    clear(d, c);
    d->next[c] = (c - d->part->first % SEATS + SEATS) % SEATS;
  }
  flights_mark(d->part);
  for (int64_t i = 0; i < d->part->flights; i++) d->waiting[d->waitings++] = i;
  for (int i = 0; i < d->job->finals; i++) d->wants_risk |= d->job->final[i] >= MODEL_OBSERVED;
  for (int i = 0; i < d->job->observables && d->part->recorded; i++)
    d->wants_risk |= d->job->observable[i] >= MODEL_OBSERVED;
}

static basin_status run(driver *d) {
  begin(d);
  for (;;) {
    for (int v = 0; v < VECTORS; v++) refill(d, v);
    if (!running(d)) return BASIN_OK;
    if (watch_asks(d->watch, d->pauses)) return hand_back(d);
    if (!d->batch && !whole_gradient(d)) continue;
    if (!settle(d) || (d->batch && !batch_gradient(d))) continue;
    move(d);
    if (d->stuck) return d->stuck;
    tell(d);
  }
}

/* n reals from a block */
static real *cut(real **block, int64_t n) {
  real *piece = *block;
  *block += n;
  return piece;
}

static int allocate(driver *d) {
  const basin_setting *setting = d->job->setting;
  const basin_gradient *g = &setting->gradient;
  const char *where;
  d->rows = setting->size.rows;
  d->width = setting->size.width;
  d->states = setting->size.states;
  d->batch = g->batch;
  d->tile = basin_dataset_tile(g->set_size, d->rows);
  const int64_t gathered = d->batch ? d->rows * d->width : 0, seen = d->tile * d->rows * VECTORS,
                least = d->rows > d->width ? d->rows : d->width;
  const int64_t reals = (VECTORS + 1) * d->states + setting->size.work +
                        2 * (d->rows + d->width) * VECTORS + (seen > least ? seen : least) +
                        gathered;
  real *block = aligned_alloc(64, ((size_t)reals * sizeof(real) + 63) / 64 * 64);
  d->u = cut(&block, 0);
  if (!d->u) return 0;
  cut(&block, seen > least ? seen : least);
  d->f = cut(&block, d->width * VECTORS);
  d->a = cut(&block, d->rows * VECTORS);
  d->grad_f = cut(&block, d->width * VECTORS);
  d->grad_a = cut(&block, d->rows * VECTORS);
  d->x = cut(&block, VECTORS * d->states);
  d->fresh = cut(&block, d->states);
  d->work = cut(&block, setting->size.work);
  d->z = cut(&block, gathered);
  d->waiting = malloc((size_t)(d->part->flights + 1) * sizeof *d->waiting);
  d->data = malloc((size_t)(setting->size.data + 1) * sizeof *d->data);
  d->stage_pace = malloc((size_t)setting->stages * BASIN_PACES_MAX * sizeof *d->stage_pace);
  d->stage_end = malloc((size_t)setting->stages * sizeof *d->stage_end);
  basin_room room = {d->data, 0, 0};
  if (!d->waiting || !d->data || !d->stage_pace || !d->stage_end ||
      model_prepare(setting, &room, &d->cell, &where) || !paces_open(&d->paces, setting, &d->cell))
    return 0;
  d->set = basin_data_take(setting, d->rows, d->width, draw_inputs, d);
  return d->set != NULL;
}

basin_engine RUNNER;

basin_status RUNNER(const basin_job *job, basin_part *part, basin_watch *watch) {
  basin_status status = BASIN_FAILED;
  basin_error untold; /* the backend has asked before, and told */
  driver *d = basin_blas_open(&untold) ? NULL : aligned_alloc(64, (sizeof *d + 63) / 64 * 64);
  if (!d) return status;
  memset(d, 0, sizeof *d);
  d->job = job;
  d->part = part;
  d->watch = watch;
  d->pauses = watch_pauses(watch);
  if (allocate(d)) status = run(d);
  else if (d->broken) status = BASIN_INTERRUPTED;
  basin_data_leave(d->set);
  free(d->u);
  free(d->waiting);
  paces_close(&d->paces);
  free(d->stage_pace);
  free(d->stage_end);
  free(d->data);
  free(d);
  return status;
}
