/* SPDX-License-Identifier: MIT
 *
 * fixed.c: the CPU driver for fixed data sets. Compiled once per model and instruction set, with
 *   BASIN_MODEL         the model's name
 *   BASIN_MODEL_HEADER  its header
 *   BASIN_ISA           generic, avx2 or avx512; BASIN_SIMD to match
 *
 * COLUMNS trials advance together, a column of the matrices each. A step of all of them goes through the data set in
 * tiles: a matrix product gives what the students see of the tile's rows, a pass over it makes residuals and weights
 * of that, a second product adds up the gradients by the filters. With mini-batches every trial has inputs of its
 * own: plain loops in the order of the inputs take the place of the products.
 *
 * Trial number t is always in column t mod COLUMNS, so its results do not depend on its neighbours, although a
 * column of a product may depend on its place (blas.h). A column whose trial ends takes the next one of its own. What
 * is asked of a state (records, rules) is asked when its risk and gradient are known, before the next step.
 */
#include "backend.h"
#include "blas.h"
#include "inputs.h"
#include BASIN_MODEL_HEADER
#include <stdlib.h>

#ifdef BASIN_HAS_fixed

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define MODEL(what) PASTE(BASIN_MODEL, PASTE(_, what))
#define FIXED(what) MODEL(PASTE(fixed_, what))
#define RUNNER PASTE(PASTE(basin_run_, BASIN_MODEL), PASTE(_fixed_, BASIN_ISA))

enum {
  COLUMNS = BASIN_FIXED_COLUMNS,
  VECTORS = COLUMNS / BASIN_LANES, /* a row of a matrix */
  RATES = sizeof(FIXED(rates)) / sizeof(real),
  UNDER_WAY = -2, /* outcome of a trial that waits among the part's flights */
  IDLE = -1,      /* trial of a column that has none */
  MODEL_OBSERVED = 0
#define COUNT(name, unit, meaning) +1
  MODEL(OBSERVABLES)(COUNT)
#undef COUNT
      ,
  OBSERVED = MODEL_OBSERVED + BASIN_RISK_OBSERVABLES
};

/* Everything of one call. */
typedef struct driver {
  const basin_job *job;
  basin_part *part;
  basin_watch *watch;
  const basin_inputs *inputs;
  MODEL(cell) cell;
  double *data;
  FIXED(stage) stage[BASIN_STAGES_MAX];
  int64_t stage_end[BASIN_STAGES_MAX]; /* first step behind each stage */
  int64_t rows, width, states, batch, tile;
  int wants_risk;   /* whether the risk is recorded or kept */
  int knows_risk;   /* whether `loss` is of the present states */
  int broken;       /* told to stop while the data set was drawn */
  int64_t *waiting; /* [flights] indices of the flights that no column has taken up yet */
  int64_t waitings;
  int64_t ended, steps; /* since last told to the watch */
  int pauses;           /* the watch's, when the part came */

  int64_t trial[COLUMNS];     /* index in the part, or IDLE */
  int64_t step[COLUMNS];      /* steps taken */
  int64_t next[COLUMNS];      /* the first trial of the column that has not been looked at */
  int64_t next_time[COLUMNS]; /* index of the next recorded step */
  int stage_of[COLUMNS];
  unsigned active[VECTORS]; /* bit per lane with a trial */
  FIXED(rates) rates[VECTORS];
  real loss[VECTORS];    /* sum of r^2 */
  real *x, *fresh;       /* [VECTORS][states]; [states] */
  real *f, *a;           /* [width][VECTORS], [rows][VECTORS] of the present states */
  real *grad_f, *grad_a; /* the same, of the gradients */
  real *u;               /* [tile * rows][VECTORS]; with mini-batches [rows] */
  real *z;               /* with mini-batches: [rows * width] of the lanes' inputs */
} driver;

static inline real *at(const driver *d, int v) { return d->x + v * d->states; }

static int stopped(const driver *d) { return __atomic_load_n(&d->watch->stop, __ATOMIC_RELAXED); }

/* ---- the data set ---- */

/* the inputs i .. i + BASIN_LANES - 1, a lane each */
static void draw_lanes(driver *d, basin_inputs *inputs, int64_t i, real *z) {
  uint64_t number[BASIN_LANES];
  bits input;
  real label = r_set(0.0);
  const int64_t width = inputs->width, row_size = inputs->rows * width;
  for (int l = 0; l < BASIN_LANES; l++) number[l] = (uint64_t)(i + l);
  memcpy(&input, number, sizeof input);
  const bits set = b_set((uint64_t)d->job->setting->gradient.set);
  for (int64_t row = 0; row < inputs->rows; row++) {
    if (stopped(d)) return;
    FIXED(draw)(&d->cell, d->data, set, input, row, z, &label);
    for (int l = 0; l < BASIN_LANES && i + l < inputs->n; l++)
      for (int64_t q = 0; q < width; q++)
        inputs->z[(i + l) * row_size + row * width + q] = r_lane(&z[q], l);
  }
  for (int l = 0; l < BASIN_LANES && i + l < inputs->n; l++)
    inputs->label[i + l] = r_lane(&label, l);
}

static int draw_inputs(void *context, basin_inputs *inputs) {
  driver *d = context;
  for (int64_t i = 0; i < inputs->n && !stopped(d); i += BASIN_LANES)
    draw_lanes(d, inputs, i, d->u);
  return d->broken = stopped(d);
}

/* ---- the gradient of the whole risk ---- */

/* filters and coefficients of all states; the sums of a gradient begin */
static void begin_gradient(driver *d) {
  for (int v = 0; v < VECTORS; v++) {
    FIXED(filter)(&d->cell, at(d, v), d->f + v, VECTORS);
    FIXED(coefficients)(&d->cell, at(d, v), d->a + v, VECTORS);
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
      for (int v = 0; v < VECTORS; v++) r[v] = FIXED(residual)(a[v], seen[v], r[v]);
    }
    for (int v = 0; v < VECTORS; v++) d->loss[v] = r_fma(r[v], r[v], d->loss[v]);
    for (int64_t j = 0; j < d->rows; j++) {
      const real *a = d->a + j * VECTORS;
      real *seen = u + j * VECTORS, *g = d->grad_a + j * VECTORS;
      BASIN_UNROLL
      for (int v = 0; v < VECTORS; v++) {
        g[v] = FIXED(slope)(seen[v], r[v], g[v]);
        seen[v] = FIXED(weight)(a[v], seen[v], r[v]);
      }
    }
  }
}

/* 0: told to stop meanwhile, nothing is known */
static int whole_gradient(driver *d) {
  const basin_inputs *s = d->inputs;
  begin_gradient(d);
  for (int64_t i = 0; i < s->n; i += d->tile) {
    if (stopped(d)) return 0;
    const int64_t inputs = s->n - i < d->tile ? s->n - i : d->tile, rows = inputs * d->rows;
    const double *z = s->z + i * d->rows * d->width;
    basin_product(rows, COLUMNS, d->width, z, (const double *)d->f, (double *)d->u);
    weigh(d, s->label + i, inputs);
    basin_product_add(rows, COLUMNS, d->width, z, (const double *)d->u, (double *)d->grad_f);
  }
  d->knows_risk = 1;
  return 1;
}

/* ---- the same of mini-batches, in a fixed order ---- */

/* what vector v sees of an input: u, and its residual; z_of(index) is a number of the input */
#define SEE(d, v, label, z_of)                                               \
  real r = r_set(0.0) - (label);                                             \
  for (int64_t j = 0; j < (d)->rows; j++) {                                  \
    real sum = r_set(0.0);                                                   \
    for (int64_t q = 0; q < (d)->width; q++)                                 \
      sum = r_fma(z_of(j * (d)->width + q), (d)->f[q * VECTORS + (v)], sum); \
    (d)->u[j] = sum;                                                         \
    r = FIXED(residual)((d)->a[j * VECTORS + (v)], sum, r);                  \
  }

/* two inputs of each lane's mini-batch: their numbers */
static void choose(const driver *d, bits trial, bits step, int64_t pair,
                   int64_t number[2][BASIN_LANES]) {
  bits word[2];
  basin_words_at(d->cell.key, BASIN_STREAM_BATCH, trial, step, (uint64_t)pair, &word[0], &word[1]);
  for (int w = 0; w < 2; w++) {
    const real place = r_uniform(word[w]) * r_set((double)d->inputs->n);
    for (int l = 0; l < BASIN_LANES; l++) number[w][l] = (int64_t)r_lane(&place, l);
  }
}

/* the lanes' inputs side by side in d->z; their labels */
static real gather(driver *d, const int64_t number[BASIN_LANES]) {
  const int64_t size = d->rows * d->width;
  real label;
  for (int l = 0; l < BASIN_LANES; l++) {
    const double *z = d->inputs->z + number[l] * size;
    for (int64_t q = 0; q < size; q++) r_lane_set(&d->z[q], l, z[q]);
    r_lane_set(&label, l, d->inputs->label[number[l]]);
  }
  return label;
}

static void batch_gradient_of(driver *d, int v) { /* of anything, where told to stop */
  uint64_t trials[BASIN_LANES], taken[BASIN_LANES];
  int64_t number[2][BASIN_LANES];
  bits trial, step;
  for (int l = 0; l < BASIN_LANES; l++) {
    const int c = v * BASIN_LANES + l, idle = d->trial[c] == IDLE;
    trials[l] = idle ? 0 : (uint64_t)(d->part->first + d->trial[c]);
    taken[l] = idle ? 0 : (uint64_t)d->step[c];
  }
  memcpy(&trial, trials, sizeof trial);
  memcpy(&step, taken, sizeof step);
  for (int64_t i = 0; i < d->batch && !stopped(d); i++) {
    if (i % 2 == 0) choose(d, trial, step, i / 2, number);
    const real label = gather(d, number[i % 2]);
#define GATHERED(index) d->z[index]
    SEE(d, v, label, GATHERED)
    for (int64_t j = 0; j < d->rows; j++) {
      real *g = &d->grad_a[j * VECTORS + v];
      *g = FIXED(slope)(d->u[j], r, *g);
      const real weight = FIXED(weight)(d->a[j * VECTORS + v], d->u[j], r);
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
  const basin_inputs *s = d->inputs;
  begin_gradient(d);
  for (int v = 0; v < VECTORS; v++) {
    for (int64_t i = 0; i < s->n && d->active[v]; i++) {
      if (stopped(d)) return 0;
      const double *z = s->z + i * d->rows * d->width;
#define SHARED(index) r_set(z[index])
      SEE(d, v, r_set(s->label[i]), SHARED)
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

/* the outcomes that hold for vector v */
static void ask(const driver *d, int v, answer *x) {
  const double least = d->job->setting->stop.tolerance_gradient;
  mask holds[BASIN_OUTCOMES];
  memset(holds, 0, sizeof holds);
  memset(x, 0, sizeof *x);
  FIXED(reached)(&d->cell, d->data, at(d, v), holds);
  if (least > 0)
    holds[BASIN_STATIONARY] = r_le(
        FIXED(gradient2)(&d->cell, d->grad_a + v, d->grad_f + v, VECTORS, at(d, v)), r_set(least));
  for (int o = 0; o < BASIN_OUTCOMES; o++) x->outcome[o] = m_bits(holds[o]);
}

/* the outcome whose bit is set for a lane, or UNRESOLVED */
static int outcome_of(const answer *x, int lane) {
  for (int o = 1; o < BASIN_OUTCOMES; o++)
    if (x->outcome[o] >> lane & 1) return o;
  return BASIN_UNRESOLVED;
}

/* a comparison with a NaN is false, whatever its sign and payload: store one NaN only */
static double canonical(double x) { return x == x ? x : NAN; }

static void observe(const driver *d, int c, answer *x, double out[OBSERVED]) {
  const int v = c / BASIN_LANES, l = c % BASIN_LANES;
  if (!x->observed) FIXED(observe)(&d->cell, d->data, at(d, v), x->seen);
  x->observed = 1;
  for (int i = 0; i < MODEL_OBSERVED; i++) out[i] = canonical(r_lane(&x->seen[i], l));
  const double loss = r_lane(&d->loss[v], l) / (2 * (double)d->inputs->n);
  out[MODEL_OBSERVED + BASIN_RISK_train_loss] = d->knows_risk ? canonical(loss) : NAN;
}

/* one of the observables, NaN for -1: an observable that this model does not have */
static double pick(const double seen[OBSERVED], int index) { return index < 0 ? NAN : seen[index]; }

static int record_is_due(const driver *d, int c) {
  return d->trial[c] < d->part->recorded && d->next_time[c] < d->job->times &&
         d->job->time[d->next_time[c]] == d->step[c];
}

static void record(driver *d, int c, answer *x) {
  const basin_job *job = d->job;
  const basin_part *part = d->part;
  const int64_t trial = d->trial[c], time = d->next_time[c]++;
  double seen[OBSERVED];
  observe(d, c, x, seen);
  for (int i = 0; i < job->observables; i++)
    part->record[(i * part->recorded + trial) * job->times + time] = pick(seen, job->observable[i]);
  for (int64_t i = 0; job->keep_states && i < d->states; i++)
    part->state[(trial * job->times + time) * d->states + i] = canonical(
        r_lane(at(d, c / BASIN_LANES) + i, c % BASIN_LANES));
}

static void clear(driver *d, int c) {
  const int v = c / BASIN_LANES, l = c % BASIN_LANES;
  for (int i = 0; i < RATES; i++) r_lane_set((real *)&d->rates[v] + i, l, 0.0);
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
    part->final[i * part->count + trial] = outcome == BASIN_DIVERGED ? NAN
                                                                     : pick(seen, d->job->final[i]);
  d->ended++;
  clear(d, c);
}

/* whether the trial ends here, and how */
static int ends(const driver *d, int c, const answer *x, int *outcome) {
  *outcome = outcome_of(x, c % BASIN_LANES);
  return *outcome != BASIN_UNRESOLVED || d->step[c] == d->job->setting->stop.max_steps;
}

/* records and ends of all trials, at their present states; 0: told to stop meanwhile, there are none */
static int settle(driver *d) {
  answer x[VECTORS];
  int outcome, due = 0;
  for (int v = 0; v < VECTORS; v++)
    if (d->active[v]) ask(d, v, &x[v]);
  for (int c = 0; c < COLUMNS; c++)
    due |= d->trial[c] != IDLE &&
           (record_is_due(d, c) || ends(d, c, &x[c / BASIN_LANES], &outcome));
  if (due && d->wants_risk && !d->knows_risk && !whole_loss(d)) return 0;
  for (int v = 0; v < VECTORS; v++) {
    for (int c = v * BASIN_LANES; c < (v + 1) * BASIN_LANES; c++) /* before the first is cleared */
      if (d->trial[c] != IDLE && record_is_due(d, c)) record(d, c, &x[v]);
    for (int c = v * BASIN_LANES; c < (v + 1) * BASIN_LANES; c++)
      if (d->trial[c] != IDLE && ends(d, c, &x[v], &outcome)) {
        finish(d, c, outcome, &x[v]);
      }
  }
  return 1;
}

/* ---- the life of a trial ---- */

static void set_stage(driver *d, int c) {
  while (d->stage_end[d->stage_of[c]] <= d->step[c]) d->stage_of[c]++;
  const double *rate = (const double *)&d->stage[d->stage_of[c]];
  for (int i = 0; i < RATES; i++)
    r_lane_set((real *)&d->rates[c / BASIN_LANES] + i, c % BASIN_LANES, rate[i]);
}

/* the column's state is there, and has taken `step` steps */
static void launch(driver *d, int c, int64_t trial, int64_t step) {
  d->trial[c] = trial;
  d->step[c] = step;
  d->stage_of[c] = 0;
  d->next_time[c] = 0;
  d->active[c / BASIN_LANES] |= 1u << c % BASIN_LANES;
  while (d->next_time[c] < d->job->times && d->job->time[d->next_time[c]] < step) d->next_time[c]++;
  set_stage(d, c);
}

static int column_of(const driver *d, int64_t trial) {
  return (int)((d->part->first + trial) % COLUMNS);
}

/* take up a trial of this column that was under way; 0: there is none */
static int resume(driver *d, int c) {
  for (int64_t w = 0; w < d->waitings; w++) {
    const int64_t index = d->waiting[w];
    const basin_flight *flight = &d->part->flight[index];
    if (column_of(d, flight->trial) != c) continue;
    const double *state = d->part->flight_state + index * d->states;
    for (int64_t i = 0; i < d->states; i++)
      r_lane_set(at(d, c / BASIN_LANES) + i, c % BASIN_LANES, state[i]);
    launch(d, c, flight->trial, flight->step);
    d->waiting[w] = d->waiting[--d->waitings];
    return 1;
  }
  return 0;
}

/* new trials for the idle lanes of a vector */
static void refill(driver *d, int v) {
  uint64_t number[BASIN_LANES];
  unsigned starting = 0;
  bits trial;
  for (int l = 0; l < BASIN_LANES; l++) {
    const int c = v * BASIN_LANES + l;
    number[l] = 0;
    if (d->trial[c] != IDLE || resume(d, c)) continue;
    while (d->next[c] < d->part->count && d->part->outcome[d->next[c]] != -1) d->next[c] += COLUMNS;
    if (d->next[c] >= d->part->count) continue;
    number[l] = (uint64_t)(d->part->first + d->next[c]);
    starting |= 1u << l;
  }
  if (!starting) return;
  memcpy(&trial, number, sizeof trial);
  FIXED(start)(&d->cell, d->data, trial, d->fresh);
  for (int l = 0; l < BASIN_LANES; l++) {
    const int c = v * BASIN_LANES + l;
    if (!(starting >> l & 1)) continue;
    for (int64_t i = 0; i < d->states; i++) r_lane_set(at(d, v) + i, l, r_lane(&d->fresh[i], l));
    launch(d, c, d->next[c], 0);
    d->next[c] += COLUMNS;
  }
}

static int running(const driver *d) {
  unsigned any = 0;
  for (int v = 0; v < VECTORS; v++) any |= d->active[v];
  return any != 0;
}

static void move(driver *d) {
  for (int v = 0; v < VECTORS; v++)
    if (d->active[v])
      FIXED(move)(&d->cell, &d->rates[v], d->grad_a + v, d->grad_f + v, VECTORS, at(d, v));
  for (int c = 0; c < COLUMNS; c++) {
    if (d->trial[c] == IDLE) continue;
    d->step[c]++;
    d->steps++;
    if (d->step[c] == d->stage_end[d->stage_of[c]]) set_stage(d, c);
  }
  d->knows_risk = 0;
}

/* ---- a part ---- */

static void tell(driver *d) {
  __atomic_add_fetch(&d->watch->trials, d->ended, __ATOMIC_RELAXED);
  __atomic_add_fetch(&d->watch->trial_steps, d->steps, __ATOMIC_RELAXED);
  d->ended = d->steps = 0;
}

static int asked_to_pause(const driver *d) {
  return stopped(d) || __atomic_load_n(&d->watch->pauses, __ATOMIC_RELAXED) != d->pauses;
}

/* hand the running trials back, and those that have waited for a column all the while; one that has taken no step
   is drawn again */
static basin_status pause_part(driver *d) {
  basin_part *part = d->part;
  int64_t flights = 0;
  basin_flight *flight = malloc((size_t)(d->waitings + COLUMNS) * sizeof *flight);
  double *state = malloc((size_t)((d->waitings + COLUMNS) * d->states) * sizeof *state);
  if (!flight || !state) {
    free(flight);
    free(state);
    return BASIN_FAILED;
  }
  for (int c = 0; c < COLUMNS; c++) {
    if (d->trial[c] == IDLE || d->step[c] == 0) continue;
    flight[flights] = (basin_flight){d->trial[c], d->step[c]};
    for (int64_t i = 0; i < d->states; i++)
      state[flights * d->states + i] = r_lane(at(d, c / BASIN_LANES) + i, c % BASIN_LANES);
    flights++;
  }
  for (int64_t w = 0; w < d->waitings; w++, flights++) {
    flight[flights] = part->flight[d->waiting[w]];
    memcpy(state + flights * d->states, part->flight_state + d->waiting[w] * d->states,
           (size_t)d->states * sizeof *state);
  }
  free(part->flight);
  free(part->flight_state);
  part->flight = flight;
  part->flight_state = state;
  part->flights = flights;
  return BASIN_INTERRUPTED;
}

static void begin(driver *d) {
  const basin_setting *setting = d->job->setting;
  int64_t end = 0;
  for (int s = 0; s < setting->stages; s++) {
    FIXED(stage_prepare)(&d->cell, setting->stage[s].eta, &d->stage[s]);
    end = s == setting->stages - 1 ? INT64_MAX : end + setting->stage[s].steps;
    d->stage_end[s] = end;
  }
  for (int c = 0; c < COLUMNS; c++) {
    clear(d, c);
    d->next[c] = (c - d->part->first % COLUMNS + COLUMNS) % COLUMNS;
  }
  for (int64_t i = 0; i < d->part->flights; i++) {
    d->part->outcome[d->part->flight[i].trial] = UNDER_WAY;
    d->waiting[d->waitings++] = i;
  }
  for (int i = 0; i < d->job->finals; i++) d->wants_risk |= d->job->final[i] >= MODEL_OBSERVED;
  for (int i = 0; i < d->job->observables && d->part->recorded; i++)
    d->wants_risk |= d->job->observable[i] >= MODEL_OBSERVED;
}

static basin_status run(driver *d) {
  begin(d);
  for (;;) {
    for (int v = 0; v < VECTORS; v++) refill(d, v);
    if (!running(d)) return BASIN_OK;
    if (asked_to_pause(d)) return pause_part(d);
    if (!d->batch && !whole_gradient(d)) continue;
    if (!settle(d) || (d->batch && !batch_gradient(d))) continue;
    move(d);
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
  d->rows = FIXED(rows)(setting);
  d->width = FIXED(width)(setting);
  d->states = FIXED(states)(setting);
  d->batch = g->batch;
  d->tile = basin_fixed_tile(g->fixed, d->rows);
  const int64_t gathered = d->batch ? d->rows * d->width : 0, seen = d->tile * d->rows * VECTORS,
                least = d->rows > d->width ? d->rows : d->width;
  const int64_t reals = (VECTORS + 1) * d->states + 2 * (d->rows + d->width) * VECTORS +
                        (seen > least ? seen : least) + gathered;
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
  d->z = cut(&block, gathered);
  d->waiting = malloc((size_t)(d->part->flights + 1) * sizeof *d->waiting);
  d->data = malloc((size_t)MODEL(data_size)(setting) * sizeof *d->data);
  if (!d->waiting || !d->data) return 0;
  MODEL(prepare)(setting, &d->cell, d->data);
  d->inputs = basin_inputs_take(setting, d->rows, d->width, draw_inputs, d);
  return d->inputs != NULL;
}

basin_lane_runner RUNNER;

basin_status RUNNER(const basin_job *job, basin_part *part, basin_watch *watch) {
  basin_status status = BASIN_FAILED;
  basin_error untold; /* the backend has asked before, and told */
  driver *d = basin_blas_open(&untold) ? NULL : aligned_alloc(64, (sizeof *d + 63) / 64 * 64);
  if (!d) return status;
  memset(d, 0, sizeof *d);
  d->job = job;
  d->part = part;
  d->watch = watch;
  d->pauses = __atomic_load_n(&watch->pauses, __ATOMIC_RELAXED);
  if (allocate(d)) status = run(d);
  else if (d->broken) status = BASIN_INTERRUPTED;
  basin_inputs_leave(d->inputs);
  free(d->u);
  free(d->waiting);
  free(d->data);
  free(d);
  return status;
}

#endif
