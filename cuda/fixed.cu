/* SPDX-License-Identifier: MIT
 *
 * fixed.cu: the kernels of one model for fixed data sets, and their launches. Compiled once per model, with
 * BASIN_MODEL and BASIN_MODEL_HEADER as host/fixed.c.
 *
 * The passes between the products are bound by memory: per input, row and trial they read u three times and write one
 * weight, 32 bytes, for about 7 operations. Threads of a warp are neighbouring columns, so that all of it is coalesced.
 */
#include "fixed.h"
#include BASIN_MODEL_HEADER

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define MODEL(what) PASTE(BASIN_MODEL, PASTE(_, what))
#define FIXED(what) MODEL(PASTE(fixed_, what))
#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)

#ifdef BASIN_HAS_fixed

namespace {

enum {
  MODEL_OBSERVED = 0
#define COUNT(name, unit, meaning) +1
  MODEL(OBSERVABLES)(COUNT)
#undef COUNT
      ,
  OBSERVED = MODEL_OBSERVED + BASIN_RISK_OBSERVABLES
};

/* What is the same for all trials of a part: a kernel argument. */
struct constants {
  MODEL(cell) cell;
  int64_t stage_end[BASIN_STAGES_MAX]; /* first step behind each stage */
  FIXED(stage) stage[BASIN_STAGES_MAX];
};
static_assert(sizeof(constants) + sizeof(fixed_batch) + 2 * sizeof(int64_t) <= 4096,
              "more than a kernel's arguments may take");
static_assert(sizeof(FIXED(rates)) == sizeof(FIXED(stage)), "name_rates is name_stage, as lanes");

__device__ int64_t this_thread() { return (int64_t)blockIdx.x * blockDim.x + threadIdx.x; }

/* one NaN only, whatever the sign and payload: the one that C's NAN is */
__device__ double canonical(double x) { return x == x ? x : r_from_bits(0x7ff8000000000000u); }

/* ---- the data set: a thread an input ---- */

__global__ void kernel_draw(fixed_batch b, constants c) {
  const int64_t i = this_thread();
  double label = 0;
  if (i >= b.n) return;
  for (int64_t j = 0; j < b.rows; j++) FIXED(draw)
  (&c.cell, b.data, (uint64_t)b.set, (uint64_t)i, j, b.z + (i * b.rows + j) * b.width, &label);
  b.label[i] = label;
}

/* ---- columns: a thread each ---- */

/* the column's next trial, drawn or as it was when the part was paused */
__device__ void refill(const fixed_batch &b, const constants &c, int column) {
  double *x = b.state + column * b.states;
  int64_t next = b.next[column];
  while (next < b.count && b.outcome[next] != -1 && b.outcome[next] != FIXED_UNDER_WAY)
    next += FIXED_COLUMNS;
  b.next[column] = next + FIXED_COLUMNS;
  if (next >= b.count) {
    b.next[column] = next;
    return;
  }
  int64_t step = 0, time = 0;
  if (b.outcome[next] == FIXED_UNDER_WAY) {
    const int64_t flight = b.flight_of[next];
    step = b.flight_step[flight];
    for (int64_t i = 0; i < b.states; i++) x[i] = b.flight_state[flight * b.states + i];
  } else {
    FIXED(start)(&c.cell, b.data, b.first + (uint64_t)next, x);
  }
  while (time < b.times && b.time[time] < step) time++;
  b.trial[column] = next;
  b.step[column] = step;
  b.next_time[column] = time;
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
  FIXED(filter)(&c.cell, x, b.f + column, FIXED_COLUMNS);
  FIXED(coefficients)(&c.cell, x, b.a + column, FIXED_COLUMNS);
}

/* ---- a tile: a thread an input and column, then one a coefficient and column ---- */

__device__ void weigh_input(const fixed_batch &b, int64_t i, int column, double r) {
  const int64_t from = i * b.rows * FIXED_COLUMNS + column;
  for (int64_t j = 0; j < b.rows; j++)
    r = FIXED(residual)(b.a[j * FIXED_COLUMNS + column], b.u[from + j * FIXED_COLUMNS], r);
  for (int64_t j = 0; j < b.rows; j++)
    b.w[from + j * FIXED_COLUMNS] = FIXED(weight)(b.a[j * FIXED_COLUMNS + column],
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
    g = FIXED(slope)(b.u[(i * b.rows + j) * FIXED_COLUMNS + column], r, g);
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
      r = FIXED(residual)(b.a[j * FIXED_COLUMNS + column],
                          see(b, b.z + i * b.rows * b.width, j, column), r);
    loss = r_fma(r, r, loss);
  }
  return loss;
}

/* ---- records, ends, steps: a thread a column ---- */

__device__ int ask(const fixed_batch &b, const constants &c, int column, const double *x) {
  mask holds[BASIN_OUTCOMES] = {};
  FIXED(reached)(&c.cell, b.data, x, holds);
  if (b.tolerance_gradient > 0)
    holds[BASIN_STATIONARY] = r_le(
        FIXED(gradient2)(&c.cell, b.grad_a + column, b.grad_f + column, FIXED_COLUMNS, x),
        b.tolerance_gradient);
  int outcome = BASIN_UNRESOLVED;
  for (int o = BASIN_OUTCOMES - 1; o > 0; o--)
    if (holds[o]) outcome = o;
  return outcome;
}

__device__ double pick(const double *seen, int index) {
  return canonical(index < 0 ? r_from_bits(0x7ff8000000000000u) : seen[index]);
}

__device__ void record(const fixed_batch &b, int64_t trial, int64_t time, const double *seen,
                       const double *x) {
  for (int i = 0; i < b.observables; i++)
    b.record[(i * b.recorded + trial) * b.times + time] = pick(seen, b.observable_of[i]);
  for (int64_t i = 0; b.keep_states && i < b.states; i++)
    b.record_state[(trial * b.times + time) * b.states + i] = canonical(x[i]);
}

__device__ void move(const fixed_batch &b, const constants &c, int column, double *x) {
  FIXED(rates) rates;
  int stage = 0;
  while (c.stage_end[stage] <= b.step[column]) stage++;
  memcpy(&rates, &c.stage[stage], sizeof rates);
  FIXED(move)(&c.cell, &rates, b.grad_a + column, b.grad_f + column, FIXED_COLUMNS, x);
  b.step[column]++;
  atomicAdd(&b.counters->steps, 1ull);
  atomicAdd(&b.counters->live, 1);
}

__global__ void kernel_settle(fixed_batch b, constants c) {
  const int column = (int)this_thread();
  if (column >= FIXED_COLUMNS || b.trial[column] == FIXED_IDLE) return;
  double *x = b.state + column * b.states, seen[OBSERVED];
  const int64_t trial = b.trial[column], step = b.step[column], time = b.next_time[column];
  const int outcome = ask(b, c, column, x);
  const int ends = outcome != BASIN_UNRESOLVED || step == b.max_steps;
  const int due = trial < b.recorded && time < b.times && b.time[time] == step;
  if (ends || due) {
    FIXED(observe)(&c.cell, b.data, x, seen);
    const double loss = b.batch && b.wants_risk ? whole_loss(b, column) : b.loss[column];
    seen[MODEL_OBSERVED + BASIN_RISK_train_loss] = loss / (2 * (double)b.n);
  }
  if (due) {
    record(b, trial, time, seen, x);
    b.next_time[column]++;
  }
  if (!ends) {
    move(b, c, column, x);
    return;
  }
  b.outcome[trial] = (int8_t)outcome;
  b.steps[trial] = step;
  for (int i = 0; i < b.finals; i++)
    b.final_value[i * b.count + trial] = pick(seen, outcome == BASIN_DIVERGED ? -1 : b.final_of[i]);
  b.trial[column] = FIXED_IDLE;
  atomicAdd(&b.counters->ended, 1ull);
}

/* ---- launches ---- */

int64_t data_size(const basin_setting *setting) { return MODEL(data_size)(setting); }

void prepare(const basin_setting *setting, void *given, double *data) {
  constants *c = (constants *)given;
  int64_t end = 0;
  MODEL(prepare)(setting, &c->cell, data);
  for (int s = 0; s < setting->stages; s++) {
    FIXED(stage_prepare)(&c->cell, setting->stage[s].eta, &c->stage[s]);
    end = s == setting->stages - 1 ? INT64_MAX : end + setting->stage[s].steps;
    c->stage_end[s] = end;
  }
}

/* a thread for each of n */
template <class Kernel>
cudaError_t for_each(Kernel kernel, int64_t n, const fixed_batch *batch, const void *given,
                     cudaStream_t stream) {
  fixed_batch b = *batch;
  constants c = *(const constants *)given;
  void *argument[] = {&b, &c};
  return cudaLaunchKernel(kernel, dim3((unsigned)((n + FIXED_BLOCK - 1) / FIXED_BLOCK)),
                          dim3(FIXED_BLOCK), argument, 0, stream);
}

/* a thread for each of n and every column */
template <class Kernel>
cudaError_t for_columns(Kernel kernel, int64_t n, const fixed_batch *batch, int64_t first,
                        int64_t inputs, const void *given, cudaStream_t stream) {
  fixed_batch b = *batch;
  constants c = *(const constants *)given;
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

extern const fixed_model PASTE(fixed_model_, BASIN_MODEL);
const fixed_model PASTE(fixed_model_, BASIN_MODEL) = {
    TEXT(BASIN_MODEL), sizeof(constants), data_size, prepare, draw, begin, weigh, choose, settle};

#else

extern const fixed_model PASTE(fixed_model_, BASIN_MODEL);
const fixed_model PASTE(fixed_model_, BASIN_MODEL) = {
    TEXT(BASIN_MODEL), 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL};

#endif
