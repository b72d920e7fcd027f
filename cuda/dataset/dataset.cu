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
#include "seam/products.h"

namespace {

enum { OBSERVED = MODEL_OBSERVED + BASIN_RISK_OBSERVABLES };

/* What is the same for all trials of a part: a kernel argument. */
struct constants {
  model_cell cell;
  basin_course course; /* `time` is the device's */
  double stage_rate[BASIN_STAGES_MAX][BASIN_RATES_MAX];
};
static_assert(sizeof(constants) + sizeof(fixed_batch) + 2 * sizeof(int64_t) <= 4096,
              "more than a kernel's arguments may take");

__device__ basin_turn turn_of(const fixed_batch &b, int64_t trial) {
  basin_turn t = {};
  t.data = b.data;
  t.team = team_alone();
  t.trial = b.first + (uint64_t)trial;
  return t;
}

__device__ int64_t this_thread() { return (int64_t)blockIdx.x * blockDim.x + threadIdx.x; }

/* ---- the data set: a thread an input ---- */

__global__ void kernel_draw(fixed_batch b, constants c) {
  const int64_t i = this_thread();
  double label = 0;
  if (i >= b.n) return;
  for (int64_t j = 0; j < b.rows; j++)
    SET_draw(&c.cell, turn_of(b, 0), (uint64_t)b.set, (uint64_t)i, j,
             b.z + (i * b.rows + j) * b.width, &label);
  b.label[i] = label;
}

/* ---- columns: a thread each ---- */

/* the column's next trial, drawn or as it was when the part was paused */
__device__ void refill(const fixed_batch &b, const constants &c, int column) {
  double *x = b.state + column * b.states;
  int64_t next = b.next[column], step = 0;
  while (next < b.count && b.outcome[next] != TRIAL_FRESH && b.outcome[next] != FLIGHT_WAITS)
    next += FIXED_COLUMNS;
  b.next[column] = next + FIXED_COLUMNS;
  if (next >= b.count) {
    b.next[column] = next;
    return;
  }
  if (b.outcome[next] == FLIGHT_WAITS) {
    const int64_t flight = b.flight_of[next];
    step = b.flight_step[flight];
    for (int64_t i = 0; i < b.states; i++) x[i] = b.flight_state[flight * b.states + i];
  } else {
    KIND_start(&c.cell, turn_of(b, next), x);
  }
  b.trial[column] = next;
  b.step[column] = step;
  clock_set(&c.course, next < b.recorded, step, &b.clock[column]);
}

__global__ void kernel_begin(fixed_batch b, constants c) {
  const int column = (int)this_thread();
  if (column >= FIXED_COLUMNS) return;
  if (column == 0) b.counters->live = 0;
  if (b.trial[column] == FIXED_IDLE) refill(b, c, column);
  b.loss[column] = 0;
  for (int64_t q = 0; q < b.width; q++)
    b.f[q * FIXED_COLUMNS + column] = b.grad_f[q * FIXED_COLUMNS + column] = 0;
  for (int64_t j = 0; j < b.rows; j++)
    b.a[j * FIXED_COLUMNS + column] = b.grad_a[j * FIXED_COLUMNS + column] = 0;
  if (b.trial[column] == FIXED_IDLE) return;
  const double *x = b.state + column * b.states;
  SET_filter(&c.cell, x, b.f + column, FIXED_COLUMNS);
  SET_coefficients(&c.cell, x, b.a + column, FIXED_COLUMNS);
}

/* ---- a tile: a thread an input and column, then one a coefficient and column ---- */

__device__ void weigh_input(const fixed_batch &b, int64_t i, int column, double r) {
  const int64_t from = i * b.rows * FIXED_COLUMNS + column;
  for (int64_t j = 0; j < b.rows; j++)
    r = SET_residual(b.a[j * FIXED_COLUMNS + column], b.u[from + j * FIXED_COLUMNS], r);
  for (int64_t j = 0; j < b.rows; j++)
    b.w[from + j * FIXED_COLUMNS] = SET_weight(b.a[j * FIXED_COLUMNS + column],
                                               b.u[from + j * FIXED_COLUMNS], r);
  b.r[i * FIXED_COLUMNS + column] = r;
}

__global__ void kernel_residual(fixed_batch b, constants c, int64_t first, int64_t inputs) {
  const int64_t i = this_thread() / FIXED_COLUMNS;
  const int column = (int)(this_thread() % FIXED_COLUMNS);
  (void)c;
  if (i < inputs) weigh_input(b, i, column, 0.0 - b.label[first + i]);
}

__global__ void kernel_slope(fixed_batch b, constants c, int64_t first, int64_t inputs) {
  const int64_t j = this_thread() / FIXED_COLUMNS;
  const int column = (int)(this_thread() % FIXED_COLUMNS);
  (void)c, (void)first;
  if (j >= b.rows) return;
  double g = b.grad_a[j * FIXED_COLUMNS + column], loss = j == 0 ? b.loss[column] : 0;
  for (int64_t i = 0; i < inputs; i++) {
    const double r = b.r[i * FIXED_COLUMNS + column];
    g = SET_slope(b.u[(i * b.rows + j) * FIXED_COLUMNS + column], r, g);
    loss = r_fma(r, r, loss);
  }
  b.grad_a[j * FIXED_COLUMNS + column] = g;
  if (j == 0) b.loss[column] = loss;
}

/* ---- mini-batches ---- */

/* row j of an input, as the column's trial sees it */
__device__ double see(const fixed_batch &b, const double *z, int64_t j, int column) {
  double sum = 0;
  for (int64_t q = 0; q < b.width; q++)
    sum = r_fma(z[j * b.width + q], b.f[q * FIXED_COLUMNS + column], sum);
  return sum;
}

__global__ void kernel_see(fixed_batch b, constants c, int64_t first, int64_t inputs) {
  const int64_t i = this_thread() / FIXED_COLUMNS;
  const int column = (int)(this_thread() % FIXED_COLUMNS);
  bits word[2];
  if (i >= inputs || b.trial[column] == FIXED_IDLE) return;
  basin_words_at(c.cell.key, BASIN_STREAM_BATCH, b.first + (uint64_t)b.trial[column],
                 (uint64_t)b.step[column], (uint64_t)((first + i) / 2), &word[0], &word[1]);
  const int64_t number = (int64_t)(r_uniform(word[(first + i) % 2]) * (double)b.n);
  const double *z = b.z + number * b.rows * b.width;
  for (int64_t j = 0; j < b.rows; j++)
    b.u[(i * b.rows + j) * FIXED_COLUMNS + column] = see(b, z, j, column);
  b.chosen[i * FIXED_COLUMNS + column] = number;
  weigh_input(b, i, column, 0.0 - b.label[number]);
}

__global__ void kernel_pull(fixed_batch b, constants c, int64_t first, int64_t inputs) {
  const int64_t q = this_thread() / FIXED_COLUMNS;
  const int column = (int)(this_thread() % FIXED_COLUMNS);
  (void)c, (void)first;
  if (q >= b.width || b.trial[column] == FIXED_IDLE) return;
  double sum = b.grad_f[q * FIXED_COLUMNS + column];
  for (int64_t i = 0; i < inputs; i++) {
    const double *z = b.z + b.chosen[i * FIXED_COLUMNS + column] * b.rows * b.width;
    for (int64_t j = 0; j < b.rows; j++)
      sum = r_fma(b.w[(i * b.rows + j) * FIXED_COLUMNS + column], z[j * b.width + q], sum);
  }
  b.grad_f[q * FIXED_COLUMNS + column] = sum;
}

/* the sum of r^2 over the whole data set, where the steps do not give it */
__device__ double whole_loss(const fixed_batch &b, int column) {
  double loss = 0;
  for (int64_t i = 0; i < b.n; i++) {
    double r = 0.0 - b.label[i];
    for (int64_t j = 0; j < b.rows; j++)
      r = SET_residual(b.a[j * FIXED_COLUMNS + column],
                       see(b, b.z + i * b.rows * b.width, j, column), r);
    loss = r_fma(r, r, loss);
  }
  return loss;
}

/* ---- records, ends, steps: a thread a column ---- */

__device__ int ask(const fixed_batch &b, const constants &c, int column, const double *x) {
  mask holds[BASIN_OUTCOMES] = {};
  KIND_reached(&c.cell, turn_of(b, 0), x, holds);
  if (b.tolerance_gradient > 0)
    holds[BASIN_STATIONARY] = r_le(
        SET_gradient2(&c.cell, b.grad_a + column, b.grad_f + column, FIXED_COLUMNS, x),
        b.tolerance_gradient);
  int outcome = BASIN_UNRESOLVED;
  for (int o = BASIN_OUTCOMES - 1; o > 0; o--)
    if (holds[o]) outcome = o;
  return outcome;
}

__device__ void record(const fixed_batch &b, int64_t trial, int64_t time, const double *seen,
                       const double *x) {
  for (int i = 0; i < b.observables; i++)
    b.record[(i * b.recorded + trial) * b.times + time] = observable_of(seen, OBSERVED,
                                                                        b.observable_of[i]);
  for (int64_t i = 0; b.keep_states && i < b.states; i++)
    b.record_state[(trial * b.times + time) * b.states + i] = canonical(x[i]);
}

__device__ void move(const fixed_batch &b, const constants &c, int column, double *x) {
  SET_move(&c.cell, c.stage_rate[b.clock[column].stage], b.grad_a + column, b.grad_f + column,
           FIXED_COLUMNS, x);
  b.step[column]++;
  atomicAdd(&b.counters->steps, 1ull);
  atomicAdd(&b.counters->live, 1);
}

__global__ void kernel_settle(fixed_batch b, constants c) {
  const int column = (int)this_thread();
  if (column >= FIXED_COLUMNS || b.trial[column] == FIXED_IDLE) return;
  double *x = b.state + column * b.states, seen[OBSERVED];
  const int64_t trial = b.trial[column], step = b.step[column];
  const int outcome = ask(b, c, column, x);
  unsigned due = clock_due(&c.course, trial < b.recorded, step, &b.clock[column]);
  if (outcome != BASIN_UNRESOLVED) due |= CLOCK_END;
  if (due & (CLOCK_RECORD | CLOCK_END)) {
    KIND_observe(&c.cell, turn_of(b, trial), x, seen);
    const double loss = b.batch && b.wants_risk ? whole_loss(b, column) : b.loss[column];
    seen[MODEL_OBSERVED + BASIN_RISK_train_loss] = loss / (2 * (double)b.n);
  }
  if (due & CLOCK_RECORD) record(b, trial, b.clock[column].next_time - 1, seen, x);
  if (!(due & CLOCK_END)) {
    move(b, c, column, x);
    return;
  }
  b.outcome[trial] = (int8_t)outcome;
  b.steps[trial] = step;
  for (int i = 0; i < b.finals; i++)
    b.final_value[i * b.count + trial] = observable_of(
        seen, OBSERVED, outcome == BASIN_DIVERGED ? -1 : b.final_of[i]);
  b.trial[column] = FIXED_IDLE;
  atomicAdd(&b.counters->ended, 1ull);
}

/* ---- launches ---- */

int prepare(const basin_setting *setting, void *given, double *data) {
  constants *c = (constants *)given;
  basin_room room = {data, 0};
  const char *where;
  if (model_prepare(setting, &room, &c->cell, &where)) return 0;
  clock_course(setting, 0, NULL, &c->course);
  for (int s = 0; s < setting->stages; s++)
    KIND_rates(&c->cell, setting->stage[s].eta, c->stage_rate[s]);
  return 1;
}

/* the constants of a launch: where the recorded steps lie is known by now */
constants of_launch(const fixed_batch *b, const void *given) {
  constants c = *(const constants *)given;
  c.course.times = b->times;
  c.course.time = b->time;
  return c;
}

/* a thread for each of n */
template <class Kernel>
cudaError_t for_each(Kernel kernel, int64_t n, const fixed_batch *batch, const void *given,
                     cudaStream_t stream) {
  fixed_batch b = *batch;
  constants c = of_launch(batch, given);
  void *argument[] = {&b, &c};
  return cudaLaunchKernel(kernel, dim3((unsigned)((n + FIXED_BLOCK - 1) / FIXED_BLOCK)),
                          dim3(FIXED_BLOCK), argument, 0, stream);
}

/* a thread for each of n and every column */
template <class Kernel>
cudaError_t for_columns(Kernel kernel, int64_t n, const fixed_batch *batch, int64_t first,
                        int64_t inputs, const void *given, cudaStream_t stream) {
  fixed_batch b = *batch;
  constants c = of_launch(batch, given);
  void *argument[] = {&b, &c, &first, &inputs};
  const int64_t blocks = (n * FIXED_COLUMNS + FIXED_BLOCK - 1) / FIXED_BLOCK;
  return cudaLaunchKernel(kernel, dim3((unsigned)blocks), dim3(FIXED_BLOCK), argument, 0, stream);
}

cudaError_t draw(const fixed_batch *b, const void *given, cudaStream_t stream) {
  return for_each(kernel_draw, b->n, b, given, stream);
}

cudaError_t begin(const fixed_batch *b, const void *given, cudaStream_t stream) {
  return for_each(kernel_begin, FIXED_COLUMNS, b, given, stream);
}

cudaError_t weigh(const fixed_batch *b, int64_t first, int64_t inputs, const void *given,
                  cudaStream_t stream) {
  const cudaError_t bad = for_columns(kernel_residual, inputs, b, first, inputs, given, stream);
  return bad ? bad : for_columns(kernel_slope, b->rows, b, first, inputs, given, stream);
}

cudaError_t choose(const fixed_batch *b, int64_t first, int64_t inputs, const void *given,
                   cudaStream_t stream) {
  cudaError_t bad = for_columns(kernel_see, inputs, b, first, inputs, given, stream);
  if (!bad) bad = for_columns(kernel_slope, b->rows, b, first, inputs, given, stream);
  return bad ? bad : for_columns(kernel_pull, b->width, b, first, inputs, given, stream);
}

cudaError_t settle(const fixed_batch *b, const void *given, cudaStream_t stream) {
  return for_each(kernel_settle, FIXED_COLUMNS, b, given, stream);
}

} // namespace

extern const fixed_model BASIN_OF_KIND(fixed_model);
const fixed_model BASIN_OF_KIND(fixed_model) = {BASIN_TEXT(BASIN_MODEL),
                                                BASIN_TEXT(BASIN_KIND),
                                                sizeof(constants),
                                                prepare,
                                                draw,
                                                begin,
                                                weigh,
                                                choose,
                                                settle};
