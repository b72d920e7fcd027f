/* SPDX-License-Identifier: MIT
 *
 * dataset.cu: the kernels of one model for data sets that are drawn once, and their launches. Compiled once per model
 * that has the dynamics `dataset`, with BASIN_MODEL, BASIN_MODEL_HEADER and BASIN_KIND as host/engine/dataset.c.
 *
 * The passes between the products are bound by memory: per input, row and trial they read u three times and write one
 * weight, 32 bytes, for about 7 operations. Threads of a warp are neighbouring columns, so that all of it is coalesced.
 */
#include BASIN_MODEL_HEADER
#include "dataset/dataset.h"
#include "seam/expand.h"
#include "seam/paces.h"
#include "seam/products.h"
#include "sizes.h"

namespace {

enum { OBSERVED = MODEL_OBSERVED + BASIN_RISK_OBSERVABLES };

/* What is the same for all trials of a part: a kernel argument. */
struct constants {
  model_cell cell;
  basin_course course; /* its arrays are the device's */
};
static_assert(sizeof(constants) + sizeof(dataset_batch) + 2 * sizeof(int64_t) <= 4096,
              "more than a kernel's arguments may take");

__device__ basin_turn no_turn(const dataset_batch &b) {
  basin_turn t = {};
  t.data = b.data;
  t.team = team_alone();
  return t;
}

__device__ basin_turn turn_of(const dataset_batch &b, int64_t trial) {
  basin_turn t = no_turn(b);
  t.trial = b.first + (uint64_t)trial;
  return t;
}

__device__ int64_t this_thread() { return (int64_t)blockIdx.x * blockDim.x + threadIdx.x; }

/* ---- the data set: a thread an input ---- */

__global__ void kernel_draw(dataset_batch b, constants c) {
  const int64_t i = this_thread();
  double label = 0;
  if (i >= b.n) return;
  for (int64_t j = 0; j < b.rows; j++)
    SET_draw(&c.cell, no_turn(b), (uint64_t)b.set, (uint64_t)i, j, b.z + (i * b.rows + j) * b.width,
             &label);
  b.label[i] = label;
}

/* ---- seats: a thread each ---- */

/* the seat's next trial, drawn or as it was when the part was paused */
__device__ void refill(const dataset_batch &b, const constants &c, int seat) {
  double *x = b.state + seat * b.states;
  int64_t next = b.next[seat], step = 0;
  while (next < b.count && b.outcome[next] != TRIAL_FRESH && b.outcome[next] != FLIGHT_WAITS)
    next += SEATS;
  b.next[seat] = next + SEATS;
  if (next >= b.count) {
    b.next[seat] = next;
    return;
  }
  if (b.outcome[next] == FLIGHT_WAITS) {
    const int64_t flight = b.flight_of[next];
    step = b.flight_step[flight];
    for (int64_t i = 0; i < b.states; i++) x[i] = b.flight_state[flight * b.states + i];
  } else {
    KIND_start(&c.cell, turn_of(b, next), x);
  }
  b.trial[seat] = next;
  b.step[seat] = step;
  clock_set(&c.course, next < b.recorded, step, &b.clock[seat]);
}

__global__ void __launch_bounds__(DATASET_BLOCK, 8) kernel_begin(dataset_batch b, constants c) {
  const int seat = (int)this_thread();
  if (seat >= SEATS) return;
  if (seat == 0) b.counters->live = 0;
  if (b.trial[seat] == DATASET_IDLE) refill(b, c, seat);
  b.loss[seat] = 0;
  for (int64_t q = 0; q < b.width; q++) b.f[q * SEATS + seat] = b.grad_f[q * SEATS + seat] = 0;
  for (int64_t j = 0; j < b.rows; j++) b.a[j * SEATS + seat] = b.grad_a[j * SEATS + seat] = 0;
  if (b.trial[seat] == DATASET_IDLE) return;
  const double *x = b.state + seat * b.states;
  SET_filter(&c.cell, x, b.f + seat, SEATS);
  SET_coefficients(&c.cell, x, b.a + seat, SEATS);
}

/* ---- a tile: a thread an input and seat, then one a coefficient and seat ---- */

__device__ void weigh_input(const dataset_batch &b, int64_t i, int seat, double r) {
  const int64_t from = i * b.rows * SEATS + seat;
  for (int64_t j = 0; j < b.rows; j++)
    r = SET_residual(b.a[j * SEATS + seat], b.u[from + j * SEATS], r);
  for (int64_t j = 0; j < b.rows; j++)
    b.w[from + j * SEATS] = SET_weight(b.a[j * SEATS + seat], b.u[from + j * SEATS], r);
  b.r[i * SEATS + seat] = r;
}

__global__ void kernel_residual(dataset_batch b, constants c, int64_t first, int64_t inputs) {
  const int64_t i = this_thread() / SEATS;
  const int seat = (int)(this_thread() % SEATS);
  (void)c;
  if (i < inputs) weigh_input(b, i, seat, 0.0 - b.label[first + i]);
}

__global__ void kernel_slope(dataset_batch b, constants c, int64_t first, int64_t inputs) {
  const int64_t j = this_thread() / SEATS;
  const int seat = (int)(this_thread() % SEATS);
  (void)c, (void)first;
  if (j >= b.rows) return;
  double g = b.grad_a[j * SEATS + seat], loss = j == 0 ? b.loss[seat] : 0;
  for (int64_t i = 0; i < inputs; i++) {
    const double r = b.r[i * SEATS + seat];
    g = SET_slope(b.u[(i * b.rows + j) * SEATS + seat], r, g);
    loss = r_fma(r, r, loss);
  }
  b.grad_a[j * SEATS + seat] = g;
  if (j == 0) b.loss[seat] = loss;
}

/* ---- mini-batches ---- */

/* row j of an input, as the seat's trial sees it */
__device__ double see(const dataset_batch &b, const double *z, int64_t j, int seat) {
  double sum = 0;
  for (int64_t q = 0; q < b.width; q++) sum = r_fma(z[j * b.width + q], b.f[q * SEATS + seat], sum);
  return sum;
}

__global__ void kernel_see(dataset_batch b, constants c, int64_t first, int64_t inputs) {
  const int64_t i = this_thread() / SEATS;
  const int seat = (int)(this_thread() % SEATS);
  bits low, high; /* for inputs of even and of odd numbers */
  if (i >= inputs || b.trial[seat] == DATASET_IDLE) return;
  basin_words_at(c.cell.key, BASIN_STREAM_BATCH, b.first + (uint64_t)b.trial[seat],
                 (uint64_t)b.step[seat], (uint64_t)((first + i) / 2), &low, &high);
  const int64_t number = (int64_t)(r_uniform((first + i) % 2 ? high : low) * (double)b.n);
  const double *z = b.z + number * b.rows * b.width;
  for (int64_t j = 0; j < b.rows; j++) b.u[(i * b.rows + j) * SEATS + seat] = see(b, z, j, seat);
  b.chosen[i * SEATS + seat] = number;
  weigh_input(b, i, seat, 0.0 - b.label[number]);
}

__global__ void kernel_pull(dataset_batch b, constants c, int64_t first, int64_t inputs) {
  const int64_t q = this_thread() / SEATS;
  const int seat = (int)(this_thread() % SEATS);
  (void)c, (void)first;
  if (q >= b.width || b.trial[seat] == DATASET_IDLE) return;
  double sum = b.grad_f[q * SEATS + seat];
  for (int64_t i = 0; i < inputs; i++) {
    const double *z = b.z + b.chosen[i * SEATS + seat] * b.rows * b.width;
    for (int64_t j = 0; j < b.rows; j++)
      sum = r_fma(b.w[(i * b.rows + j) * SEATS + seat], z[j * b.width + q], sum);
  }
  b.grad_f[q * SEATS + seat] = sum;
}

/* the sum of r^2 over the whole data set, where the steps do not give it */
__device__ double whole_loss(const dataset_batch &b, int seat) {
  double loss = 0;
  for (int64_t i = 0; i < b.n; i++) {
    double r = 0.0 - b.label[i];
    for (int64_t j = 0; j < b.rows; j++)
      r = SET_residual(b.a[j * SEATS + seat], see(b, b.z + i * b.rows * b.width, j, seat), r);
    loss = r_fma(r, r, loss);
  }
  return loss;
}

/* ---- records, ends, steps: a thread a seat ---- */

__device__ int ask(const dataset_batch &b, const constants &c, int seat, const double *x) {
  mask holds[BASIN_OUTCOMES] = {};
  KIND_reached(&c.cell, no_turn(b), x, holds);
  if (b.tolerance_gradient > 0)
    holds[BASIN_STATIONARY] = r_le(
        SET_gradient2(&c.cell, b.grad_a + seat, b.grad_f + seat, SEATS, x), b.tolerance_gradient);
  if (b.when) holds[BASIN_STATIONARY] |= b.holds[seat];
  int outcome = BASIN_UNRESOLVED;
  for (int o = BASIN_OUTCOMES - 1; o > 0; o--)
    if (holds[o]) outcome = o;
  return outcome;
}

__device__ void record(const dataset_batch &b, int64_t trial, int64_t time, const double *seen,
                       const double *x) {
  for (int i = 0; i < b.observables; i++)
    b.record[(i * b.recorded + trial) * b.times + time] = observable_of(seen, OBSERVED,
                                                                        b.observable_of[i]);
  for (int64_t i = 0; b.keep_states && i < b.states; i++)
    b.record_state[(trial * b.times + time) * b.states + i] = canonical(x[i]);
}

/* where there is a step size for it: else the seat waits */
__device__ void move(const dataset_batch &b, const constants &c, int seat, double *x) {
  const int64_t step = b.step[seat];
  const double *pace = b.stage_pace + b.clock[seat].stage * BASIN_PACES_MAX;
  double own[BASIN_PACES_MAX];
  if (b.moves) {
    atomicMax(&b.counters->furthest, (unsigned long long)step);
    if (paces_are_missing(b.paces, step)) return;
    for (int i = 0; i < BASIN_PACES_MAX; i++) own[i] = pace[i];
    paces_look_up(b.paces, step, own);
    pace = own;
  }
  basin_turn t = turn_of(b, b.trial[seat]);
  t.pace = pace;
  t.work = b.work + seat * b.works;
  t.step = (uint64_t)step;
  SET_move(&c.cell, t, b.grad_a + seat, b.grad_f + seat, SEATS, x);
  b.step[seat]++;
  atomicAdd(&b.counters->steps, 1ull);
  atomicAdd(&b.counters->live, 1);
}

/* the empirical risk at the present states; with mini-batches where it is wanted */
__device__ double risk(const dataset_batch &b, int seat, int wanted) {
  const double loss = b.batch && wanted ? whole_loss(b, seat) : b.loss[seat];
  return loss / (2 * (double)b.n);
}

__global__ void kernel_passages(dataset_batch b, constants c) {
  const int seat = (int)this_thread();
  if (seat >= SEATS || b.trial[seat] == DATASET_IDLE) return;
  double seen[OBSERVED];
  KIND_observe(&c.cell, no_turn(b), b.state + seat * b.states, seen);
  seen[MODEL_OBSERVED + BASIN_RISK_train_loss] = risk(b, seat, b.watches_risk);
  for (int i = 0; i < b.ladders.count; i++) {
    const basin_ladder *ladder = &b.ladders.of[i];
    int64_t *passage = b.passage + b.trial[seat];
    int next = ladder->first;
    while (next < ladder->end && passage[next * b.count] >= 0) next++;
    ladder_climb(ladder, b.passage_of, observable_of(seen, OBSERVED, ladder->observable), next,
                 passage, b.count, b.step[seat]);
  }
}

__global__ void kernel_when(dataset_batch b, constants c) {
  const int seat = (int)this_thread();
  if (seat >= SEATS || b.trial[seat] == DATASET_IDLE) return;
  double seen[OBSERVED];
  KIND_observe(&c.cell, no_turn(b), b.state + seat * b.states, seen);
  seen[MODEL_OBSERVED + BASIN_RISK_train_loss] = risk(b, seat, b.asks_risk);
  b.holds[seat] = condition_holds(b.when, seen, OBSERVED);
}

__global__ void kernel_settle(dataset_batch b, constants c) {
  const int seat = (int)this_thread();
  if (seat >= SEATS || b.trial[seat] == DATASET_IDLE) return;
  double *x = b.state + seat * b.states, seen[OBSERVED];
  const int64_t trial = b.trial[seat], step = b.step[seat];
  const int outcome = ask(b, c, seat, x);
  unsigned due = clock_due(&c.course, trial < b.recorded, step, &b.clock[seat]);
  if (outcome != BASIN_UNRESOLVED) due |= CLOCK_END;
  if (due & (CLOCK_RECORD | CLOCK_END)) {
    KIND_observe(&c.cell, no_turn(b), x, seen);
    seen[MODEL_OBSERVED + BASIN_RISK_train_loss] = risk(b, seat, b.wants_risk);
  }
  if (due & CLOCK_RECORD) record(b, trial, b.clock[seat].next_time - 1, seen, x);
  if (!(due & CLOCK_END)) {
    move(b, c, seat, x);
    return;
  }
  b.outcome[trial] = (int8_t)outcome;
  b.steps[trial] = step;
  for (int i = 0; i < b.finals; i++)
    b.final_value[i * b.count + trial] = observable_of(
        seen, OBSERVED, outcome == BASIN_DIVERGED ? -1 : b.final_of[i]);
  for (int64_t i = 0; b.end && i < b.states; i++) b.end[i * b.count + trial] = canonical(x[i]);
  b.trial[seat] = DATASET_IDLE;
  atomicAdd(&b.counters->ended, 1ull);
}

/* ---- launches ---- */

int prepare(const basin_setting *setting, void *given, double *data, int64_t *stage_end,
            double *stage_pace) {
  constants *c = (constants *)given;
  basin_room room = {data, 0, 0};
  const char *where;
  if (model_prepare(setting, &room, &c->cell, &where)) return 0;
  clock_course(setting, 0, NULL, stage_end, &c->course);
  paces_of_stages(setting, &c->cell, stage_pace);
  return 1;
}

int64_t make_paces(const basin_setting *setting, const void *given, int64_t first, int64_t n,
                   double (*pace)[BASIN_PACES_MAX]) {
  return paces_fill(setting, &((const constants *)given)->cell, first, n, pace);
}

/* the constants of a launch: where the recorded steps and the stages lie is known by now */
constants of_launch(const dataset_batch *b, const void *given) {
  constants c = *(const constants *)given;
  c.course.times = b->times;
  c.course.time = b->time;
  c.course.stage_end = b->stage_end;
  return c;
}

/* a thread for each of n */
template <class Kernel>
cudaError_t for_each(Kernel kernel, int64_t n, const dataset_batch *batch, const void *given,
                     cudaStream_t stream) {
  dataset_batch b = *batch;
  constants c = of_launch(batch, given);
  void *argument[] = {&b, &c};
  return cudaLaunchKernel(kernel, dim3((unsigned)((n + DATASET_BLOCK - 1) / DATASET_BLOCK)),
                          dim3(DATASET_BLOCK), argument, 0, stream);
}

/* a thread for each of n and every seat */
template <class Kernel>
cudaError_t for_seats(Kernel kernel, int64_t n, const dataset_batch *batch, int64_t first,
                      int64_t inputs, const void *given, cudaStream_t stream) {
  dataset_batch b = *batch;
  constants c = of_launch(batch, given);
  void *argument[] = {&b, &c, &first, &inputs};
  const int64_t blocks = (n * SEATS + DATASET_BLOCK - 1) / DATASET_BLOCK;
  return cudaLaunchKernel(kernel, dim3((unsigned)blocks), dim3(DATASET_BLOCK), argument, 0, stream);
}

cudaError_t draw(const dataset_batch *b, const void *given, cudaStream_t stream) {
  return for_each(kernel_draw, b->n, b, given, stream);
}

cudaError_t begin(const dataset_batch *b, const void *given, cudaStream_t stream) {
  return for_each(kernel_begin, SEATS, b, given, stream);
}

cudaError_t weigh(const dataset_batch *b, int64_t first, int64_t inputs, const void *given,
                  cudaStream_t stream) {
  const cudaError_t bad = for_seats(kernel_residual, inputs, b, first, inputs, given, stream);
  return bad ? bad : for_seats(kernel_slope, b->rows, b, first, inputs, given, stream);
}

cudaError_t choose(const dataset_batch *b, int64_t first, int64_t inputs, const void *given,
                   cudaStream_t stream) {
  cudaError_t bad = for_seats(kernel_see, inputs, b, first, inputs, given, stream);
  if (!bad) bad = for_seats(kernel_slope, b->rows, b, first, inputs, given, stream);
  return bad ? bad : for_seats(kernel_pull, b->width, b, first, inputs, given, stream);
}

cudaError_t settle(const dataset_batch *b, const void *given, cudaStream_t stream) {
  cudaError_t bad = b->ladders.count ? for_each(kernel_passages, SEATS, b, given, stream)
                                     : cudaSuccess;
  if (!bad && b->when) bad = for_each(kernel_when, SEATS, b, given, stream);
  return bad ? bad : for_each(kernel_settle, SEATS, b, given, stream);
}

} // namespace

extern const dataset_model BASIN_JOIN3(dataset_model, BASIN_MODEL, BASIN_KIND);
const dataset_model BASIN_JOIN3(dataset_model, BASIN_MODEL, BASIN_KIND) = {BASIN_TEXT(BASIN_MODEL),
                                                                           BASIN_TEXT(BASIN_KIND),
                                                                           sizeof(constants),
                                                                           MODEL_OBSERVED,
                                                                           sizes,
                                                                           prepare,
                                                                           make_paces,
                                                                           draw,
                                                                           begin,
                                                                           weigh,
                                                                           choose,
                                                                           settle};
