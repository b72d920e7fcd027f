/* SPDX-License-Identifier: MIT
 *
 * test_estimates.c: estimates on fresh inputs. Single inputs against a plain reference; the formulas of measure.h
 * against their definitions; standard errors against the spread of many repetitions; the same bits for every
 * instruction set; a part that is interrupted between two estimates. Seeds are fixed: what passes once passes always.
 */
#include "compare.h"
#include "models/cnn.h"
#undef MODEL_INPUT
#include "engine/cpu.h"
#include "engine/measure.h"
#include "models/relu/relu_inputs.h"
#include <unistd.h>

static const char experiment_text[] =
    "trials: 4\n"
    "grid: {k: [1, 5, 40], p: [2, 3, 7]}\n"
    "teacher: {a: {blocks: [[1, ceil(k/2)], [-0.5, floor(k/2)]]}, v: {head: [0.6, 0.8]}}\n"
    "variants:\n"
    "  population: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}}\n"
    "  residual: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}}\n"
    "  direct: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}},"
    " gradient: {sampled: {inputs: 2, sampler: direct}}}\n"
    "  projected: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}},"
    " gradient: {sampled: {inputs: 2, sampler: projected}}}\n"
    "  turned: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}},"
    " gradient: {sampled: {inputs: 2, sampler: projected}}}\n"
    "schedule: [{eta: 0.05}]\n"
    "stop: {at: 1e-9, max_steps: 40}\n"
    "record: {trials: 3, steps: [0, 3, 17, 40], estimate: {inputs: 100}}\n";

/* sums of neurons: matrices; teachers drawn, and given (equal ones); every kind of state */
static const char sums_text[] =
    "model: relu_sum\n"
    "trials: 4\n"
    "grid: {n: [1, 3], m: [1, 2], d: [1, 4, 7]}\n"
    "teacher: {v: {sphere: 1.5}}\n"
    "init: {w: {normal: 0.4}}\n"
    "variants:\n"
    "  population: {}\n"
    "  given: {teacher: {v: {head: [0.8]}}}\n"
    "  flow: {method: gradient_flow}\n"
    "  direct: {gradient: {sampled: {inputs: 2, sampler: direct}}}\n"
    "  projected: {gradient: {sampled: {inputs: 2, sampler: projected}}}\n"
    "  equal: {teacher: {v: {head: [0.8]}}, init: {w: {head: [-0.5]}},"
    " gradient: {sampled: {inputs: 2, sampler: projected}}}\n"
    "schedule: [{eta: 0.05}]\n"
    "stop: {at: 1e-9, max_steps: 40}\n"
    "record: {trials: 3, steps: [0, 3, 17, 40], estimate: {inputs: 100}}\n";
static const char *const texts[] = {experiment_text, sums_text};

enum { SIZE = 47, LOSS = 0, BY_A, BY_V, QUANTITIES };

static basin_experiment *parse(const char *const *set, int sets) {
  return test_parse(experiment_text, set, sets);
}

static void allocate(const basin_experiment *e, int64_t cell, basin_job *job, basin_part *part) {
  basin_error error;
  *job = basin_part_job(e, cell, 0, e->trials);
  assert_ok(basin_part_allocate(job, part, &error), error);
}

static void run_trials(const basin_job *job, basin_part *part) {
  basin_watch watch = {0};
  assert_int_equal(basin_cpu_run(job, basin_cpu_isa(NULL), part, &watch), BASIN_OK);
}

/* the full vectors of trial 0 of a cell at its recorded step `time`, and its closed forms: loss and norms */
static void state_of(const basin_experiment *e, int64_t cell, int64_t time, double *vectors,
                     double closed[QUANTITIES]) {
  basin_job job;
  basin_part part;
  allocate(e, cell, &job, &part);
  run_trials(&job, &part);
  const int64_t states = job.setting->size.states;
  assert_int_equal(job.model->vectors(job.setting, 0, 1, part.state + time * states, 1, vectors),
                   BASIN_OK);
  for (int i = 0; i < 1 + job.model->norms; i++) {
    const int loss = basin_symbol_find(job.model->observable, job.model->observables, "loss");
    const int at = i ? job.model->norm[i - 1].observable : loss;
    closed[i] = part.record[at * part.recorded * job.times + time];
  }
  basin_part_free(&part);
}

static void measure(const basin_experiment *e, int64_t cell, int isa, const double *vectors,
                    int64_t step, int64_t inputs, basin_measured out[QUANTITIES],
                    const basin_moments *moments) {
  const basin_cell *c = &e->cell[cell];
  basin_error error;
  assert_ok(
      basin_measure(c->model, isa, &c->setting, vectors, 0, step, inputs, out, moments, &error),
      error);
}

/* ---- single inputs ---- */

static basin_turn turn_of(const double *data, double *work, uint64_t trial, uint64_t step) {
  return (basin_turn){
      .data = data, .work = work, .team = basin_alone, .trial = trial, .step = step};
}

typedef struct problem {
  conv_cell cell;
  double data[3 * SIZE + 2 * SIZE], work[2 * SIZE + 32 * SIZE];
} problem;

static void prepare(const basin_cell *c, problem *x) {
  const int residual = !strcmp(c->model->name, "resnet");
  basin_room room = {x->data, 0, 0};
  const char *where;
  assert_null(conv_prepare(&c->setting, residual ? 1 / sqrt(c->setting.parameter[1]) : 0, !residual,
                           &room, &x->cell, &where));
}

/* the loss of one input at full vectors, from the same numbers, in long double */
typedef long double loss_function(const void *problem, const long double *vectors, uint64_t trial,
                                  uint64_t step, uint64_t input);

static long double reference_loss(const void *of, const long double *vectors, uint64_t trial,
                                  uint64_t step, uint64_t input) {
  const problem *x = of;
  const int64_t k = x->cell.k, p = x->cell.p;
  const double *a_star = x->data + x->cell.teacher_a, *v_star = x->data + x->cell.teacher_v;
  long double r = 0, length2 = 0;
  for (int64_t q = 0; q < p; q++)
    length2 += (vectors[k + q] + x->cell.shift) * (vectors[k + q] + x->cell.shift);
  for (int64_t j = 0; j < k; j++) {
    long double u = 0, t = 0;
    for (int64_t q = 0; q < p; q++) {
      double pair[2];
      const uint64_t blocks = (uint64_t)(p + 1) / 2;
      basin_normals(x->cell.key, BASIN_STREAM_ESTIMATE, trial, step,
                    (input * (uint64_t)k + (uint64_t)j) * blocks + (uint64_t)q / 2, &pair[0],
                    &pair[1]);
      u += pair[q % 2] * (vectors[k + q] + x->cell.shift);
      t += (long double)pair[q % 2] * v_star[q];
    }
    r += vectors[j] * fmaxl(u / sqrtl(length2), 0) - a_star[j] * fmaxl(t, 0);
  }
  return 0.5L * r * r;
}

/* loss and gradient of an input, the latter as differences of the reference's loss */
static void assert_input(loss_function *reference, const void *x, const double *vectors,
                         int64_t size, uint64_t trial, uint64_t step, uint64_t input,
                         const double *out) {
  const long double h = 1e-7L;
  long double at[SIZE] = {0};
  for (int64_t i = 0; i < size; i++) at[i] = vectors[i];
  const double loss = (double)reference(x, at, trial, step, input);
  assert_within(out[0], loss - 1e-12 * (1 + loss), loss + 1e-12 * (1 + loss));
  for (int64_t i = 0; i < size; i++) {
    at[i] = vectors[i] + h;
    const long double above = reference(x, at, trial, step, input);
    at[i] = vectors[i] - h;
    const long double below = reference(x, at, trial, step, input);
    at[i] = vectors[i];
    const double slope = (double)((above - below) / (2 * h)), room = 1e-7 * (1 + fabs(slope));
    assert_within(out[1 + i], slope - room, slope + room);
  }
}

static void input_matches_reference(void **unused) {
  basin_experiment *e = parse(NULL, 0);
  (void)unused;
  for (int64_t c = 0; c < e->cells; c++) {
    problem x;
    double vectors[SIZE], out[1 + SIZE], closed[QUANTITIES];
    prepare(&e->cell[c], &x);
    state_of(e, c, 1, vectors, closed);
    conv_input_begin(&x.cell, turn_of(x.data, x.work, 0, 0), vectors);
    for (uint64_t input = 0; input < 6; input++) {
      conv_input_draw(&x.cell, turn_of(x.data, x.work, 5, 17), input, out);
      assert_input(reference_loss, &x, vectors, x.cell.k + x.cell.p, 5, 17, input, out);
    }
  }
  basin_experiment_free(e);
}

/* a cell of sums of neurons, and the teachers of a trial [m][d] */
typedef struct sum {
  const basin_setting *setting;
  relu_cell cell;
  double data[2 * SIZE], work[32 + 4 * SIZE];
  long double v[SIZE];
} sum;

/* teachers as given, or a direction from the stream, brought to length */
static void prepare_sum(const basin_cell *c, uint64_t trial, sum *x) {
  const basin_vector *teacher = &c->setting.teacher[0];
  const int64_t d = teacher->length;
  x->setting = &c->setting;
  basin_room room = {x->data, 0, 0};
  const char *where;
  assert_null(relu_prepare(&c->setting, 1, &room, &x->cell, &where));
  for (int64_t l = 0; l < teacher->rows; l++) {
    long double norm2 = 0;
    for (int64_t j = 0; j < d; j++) {
      double pair[2];
      basin_normals(c->setting.key, BASIN_STREAM_TEACHER_DIRECTION, trial, 0,
                    (uint64_t)(l * ((d + 1) / 2) + j / 2), &pair[0], &pair[1]);
      x->v[l * d + j] = teacher->value ? teacher->value[l * d + j] : pair[j % 2];
      norm2 += x->v[l * d + j] * x->v[l * d + j];
    }
    for (int64_t j = 0; j < d && !teacher->value; j++)
      x->v[l * d + j] *= teacher->scale / sqrtl(norm2);
  }
}

static long double reference_sum(const void *of, const long double *w, uint64_t trial,
                                 uint64_t step, uint64_t input) {
  const sum *x = of;
  const int64_t n = x->cell.n, m = x->cell.m, d = x->cell.d;
  long double r = 0;
  for (int64_t a = 0; a < n + m; a++) {
    const long double *u = a < n ? w + a * d : x->v + (a - n) * d;
    long double product = 0;
    for (int64_t j = 0; j < d; j++) {
      double pair[2];
      basin_normals(x->setting->key, BASIN_STREAM_ESTIMATE, trial, step,
                    input * (uint64_t)((d + 1) / 2) + (uint64_t)j / 2, &pair[0], &pair[1]);
      product += u[j] * pair[j % 2];
    }
    r += (a < n ? 1 : -1) * fmaxl(product, 0);
  }
  return 0.5L * r * r;
}

/* the same of sums of neurons, whose teachers are those of the trial */
static void sum_matches_reference(void **unused) {
  basin_experiment *e = test_parse(sums_text, NULL, 0);
  (void)unused;
  for (int64_t c = 0; c < e->cells; c++) {
    sum x;
    double vectors[SIZE], out[1 + SIZE], closed[QUANTITIES];
    state_of(e, c, 1, vectors, closed);
    prepare_sum(&e->cell[c], 5, &x);
    relu_input_begin(&x.cell, turn_of(x.data, x.work, 5, 17), vectors);
    for (uint64_t input = 0; input < 6; input++) {
      relu_input_draw(&x.cell, turn_of(x.data, x.work, 5, 17), input, out);
      assert_input(reference_sum, &x, vectors, x.cell.n * x.cell.d, 5, 17, input, out);
    }
  }
  basin_experiment_free(e);
}

/* ---- the formulas ---- */

/* |E g|^2 from pairs of the inputs i < count with i mod 32 != without, by definition */
static double pairs(double (*g)[SIZE], int count, int without, int first, int end) {
  double sum = 0, number = 0;
  for (int i = 0; i < count; i++)
    for (int j = 0; j < count; j++) {
      if (i == j || i % BASIN_SUMS == without || j % BASIN_SUMS == without) continue;
      for (int q = first; q < end; q++) sum += g[i][q] * g[j][q];
      number++;
    }
  return sum / number;
}

static void assert_near(double x, double y) {
  assert_within(x, y - 1e-11 * fabs(y), y + 1e-11 * fabs(y));
}

/* mean, U statistic and jackknife as measure.h has them, over 100 inputs: columns of 3 and of 4 */
static void formulas(void **unused) {
  enum { M = 100 };
  basin_experiment *e = parse(NULL, 0);
  (void)unused;
  for (int64_t c = 0; c < 9; c++) {
    static double g[M][SIZE];
    double vectors[SIZE], out[1 + SIZE], loss[M], closed[QUANTITIES], mean = 0, square = 0;
    double moments[SIZE + SIZE * SIZE];
    basin_measured got[QUANTITIES];
    problem x;
    prepare(&e->cell[c], &x);
    state_of(e, c, 0, vectors, closed);
    const int k = (int)x.cell.k, size = k + (int)x.cell.p;
    conv_input_begin(&x.cell, turn_of(x.data, x.work, 0, 0), vectors);
    for (int i = 0; i < M; i++) {
      conv_input_draw(&x.cell, turn_of(x.data, x.work, 0, 3), (uint64_t)i, out);
      loss[i] = out[0];
      memcpy(g[i], out + 1, (size_t)size * sizeof(double));
      mean += loss[i] / M;
    }
    for (int i = 0; i < M; i++) square += (loss[i] - mean) * (loss[i] - mean);
    measure(e, c, 0, vectors, 3, M, got, &(basin_moments){moments, moments + size});
    assert_near(got[LOSS].value, mean);
    assert_near(got[LOSS].error, sqrt(square / (M - 1) / M));
    for (int v = 0; v < 2; v++) {
      const int first = v ? k : 0, end = v ? size : k;
      const double whole = pairs(g, M, -1, first, end);
      double u[BASIN_SUMS], centre = 0, spread = 0;
      for (int n = 0; n < BASIN_SUMS; n++) {
        u[n] = pairs(g, M, n, first, end);
        centre += u[n] / BASIN_SUMS;
      }
      for (int n = 0; n < BASIN_SUMS; n++) spread += (u[n] - centre) * (u[n] - centre);
      const double error = sqrt(spread * 31 / 32), norm = sqrt(fmax(whole, 0));
      assert_within(got[BY_A + v].value, norm - 1e-9, norm + 1e-9);
      assert_near(got[BY_A + v].error, error / fmax(2 * norm, sqrt(error)));
    }
    for (int q = 0; q < size; q++) {
      double average = 0, product = 0;
      for (int i = 0; i < M; i++) average += g[i][q] / M;
      assert_within(moments[q], average - 1e-12, average + 1e-12);
      for (int i = 0; i < M; i++) product += g[i][q] * (g[i][0] - moments[0]) / (M - 1);
      assert_within(moments[size + q], product - 1e-11, product + 1e-11);
      assert_true(moments[size + q] == moments[size + q * size]);
    }
  }
  basin_experiment_free(e);
}

/* ---- errors ---- */

/* The spread of many estimates is what their errors say, and |grad|^2 is met in the mean; its plain estimate, the
   squared norm of the mean, would be found out by its bias. Bounds: 5.2 standard errors, 2e-7 each; z varies as
   Student's t with 31 degrees of freedom where the error is the jackknife's. */
static void errors_are_right(void **unused) {
  enum { REPEATS = 2000, M = 2000 };
  static const char *const set[] = {
      "grid={k: 5, p: [3, 7]}",
      "variants={cnn: {model: cnn, init: {v: {head: [0.5, -0.7]}, a: [0.5, 0.9, -0.3, 0.1, 0.4]}},"
      " resnet: {model: resnet, init: {w: {head: [0.3, -1]}, a: [0.5, 0.9, -0.3, 0.1, 0.4]}}}"};
  basin_experiment *e = parse(set, 2);
  double worst_bias = 0;
  (void)unused;
  for (int64_t c = 0; c < e->cells; c++) {
    double vectors[SIZE], closed[QUANTITIES], moments[SIZE + SIZE * SIZE];
    double mean[QUANTITIES] = {0}, square[QUANTITIES] = {0}, u[QUANTITIES] = {0},
           u2[QUANTITIES] = {0};
    const int size = 5 + (int)e->cell[c].setting.parameter[1];
    state_of(e, c, 0, vectors, closed);
    for (int r = 0; r < REPEATS; r++) {
      basin_measured got[QUANTITIES];
      measure(e, c, basin_cpu_isa(NULL), vectors, r, M, got,
              r ? NULL : &(basin_moments){moments, moments + size});
      for (int i = 0; i < QUANTITIES; i++) {
        const double z = (got[i].value - closed[i]) / got[i].error, x = got[i].value * got[i].value;
        mean[i] += z / REPEATS;
        square[i] += z * z / REPEATS;
        u[i] += x / REPEATS;
        u2[i] += x * x / REPEATS;
      }
    }
    for (int i = 0; i < QUANTITIES; i++) {
      const double variance = square[i] - mean[i] * mean[i], law = i == LOSS ? 1 : 31.0 / 29;
      const double error = sqrt((u2[i] - u[i] * u[i]) / REPEATS), room = 5.2 * sqrt(2.0 / REPEATS);
      assert_within(variance, law * (1 - room), law * (1 + room));
      assert_within(mean[i], -0.25, 0.25); /* skewness of M inputs */
      if (i == LOSS) continue;
      double bias = 0;
      for (int q = i == BY_A ? 0 : 5; q < (i == BY_A ? 5 : size); q++)
        bias += moments[size + q * size + q] / M;
      worst_bias = fmax(worst_bias, bias / error);
      assert_within((u[i] - closed[i] * closed[i]) / error, -5.2, 5.2);
    }
  }
  assert_within(worst_bias, 10, INFINITY);
  basin_experiment_free(e);
}

/* at the optimum every input has loss 0; where the gradient alone is 0 the norm is within its error's reach */
static void nothing_to_measure(void **unused) {
  static const char *const optimum[] = {
      "grid={k: 2, p: 3}",
      "variants={cnn: {model: cnn, init: {v: {head: [0.6, 0.8]}, a: [1, -0.5]}}}"};
  static const char *const symmetric[] = {
      "grid={k: 2, p: 3}", "teacher.a=[1, -1]",
      "variants={cnn: {model: cnn, init: {v: {head: [0.8, -0.6]}, a: [1, 1]}}}"};
  basin_measured got[QUANTITIES];
  double vectors[SIZE] = {1, -0.5, 0.6, 0.8, 0}, closed[QUANTITIES];
  basin_experiment *e = parse(optimum, 2);
  (void)unused;
  measure(e, 0, 0, vectors, 0, 500, got, NULL);
  for (int i = 0; i < QUANTITIES; i++) assert_within(got[i].value, 0, 1e-15);
  for (int i = 0; i < QUANTITIES; i++) assert_within(got[i].error, 0, 1e-15);
  basin_experiment_free(e);

  /* a'a* = 0: no gradient by v, and much noise */
  int far = 0, zero = 0;
  e = parse(symmetric, 3);
  state_of(e, 0, 0, vectors, closed);
  assert_within(closed[BY_V], 0, 1e-15);
  for (int r = 0; r < 1000; r++) {
    measure(e, 0, basin_cpu_isa(NULL), vectors, r, 1000, got, NULL);
    assert_true(got[BY_V].error > 0);
    far += got[BY_V].value > 8 * got[BY_V].error; /* U beyond 4 of its errors */
    zero += got[BY_V].value == 0;
  }
  assert_within(zero, 400, 800);
  assert_within(far, 0, 20);
  basin_experiment_free(e);
}

/* ---- bits ---- */

/* every instruction set, for numbers of inputs that fill the lanes and that do not */
static void same_bits(void **unused) {
  static const int64_t inputs[] = {64, 65, 71, 333};
  (void)unused;
  for (int text = 0; text < 2; text++) {
    basin_experiment *e = test_parse(texts[text], NULL, 0);
    for (int64_t c = 0; c < e->cells; c++) {
      double vectors[SIZE], closed[QUANTITIES];
      state_of(e, c, 3, vectors, closed);
      const size_t size = (size_t)e->cell[c].setting.size.vectors;
      for (int n = 0; n < 4; n++) {
        double first[SIZE + SIZE * SIZE], other[SIZE + SIZE * SIZE];
        basin_measured want[QUANTITIES] = {{0, 0}}, got[QUANTITIES] = {{0, 0}};
        measure(e, c, 0, vectors, 7, inputs[n], want, &(basin_moments){first, first + size});
        for (int isa = 1; isa < BASIN_ISAS; isa++) {
          if (basin_cpu_isa(basin_cpu_isa_name(isa)) < 0) continue;
          measure(e, c, isa, vectors, 7, inputs[n], got, &(basin_moments){other, other + size});
          assert_memory_equal(want, got, sizeof want);
          assert_memory_equal(first, other, (size + size * size) * sizeof *first);
        }
      }
    }
    basin_experiment_free(e);
  }
}

/* the vectors that stand in for a projected state have its loss, its norms and its angle */
static void some_vectors(void **unused) {
  basin_experiment *e = parse(NULL, 0);
  (void)unused;
  for (int64_t c = 27; c < e->cells; c++) {
    double vectors[SIZE], closed[QUANTITIES], seen[CONV_OBSERVED], v2 = 0;
    conv_state s;
    problem x;
    prepare(&e->cell[c], &x);
    state_of(e, c, 2, vectors, closed);
    for (int64_t q = 0; q < x.cell.p; q++) {
      vectors[x.cell.k + q] += x.cell.shift;
      v2 += vectors[x.cell.k + q] * vectors[x.cell.k + q];
    }
    conv_direct_reduce(&x.cell, x.data, vectors, &s);
    conv_observe(&x.cell, &s, seen);
    const int at[] = {CONV_OBSERVE_loss, CONV_OBSERVE_norm_grad_a, CONV_OBSERVE_norm_grad_v};
    for (int i = 0; i < QUANTITIES; i++)
      assert_within(seen[at[i]], closed[i] * (1 - 1e-9), closed[i] * (1 + 1e-9));
    if (c >= 36) assert_within(v2, 1 - 1e-12, 1 + 1e-12); /* resnet */
    else assert_true(v2 > 4);
  }
  basin_experiment_free(e);
}

/* Those of sums of neurons have the state's inner products with each other and with the teachers, at every step; where
   no axes are added they are the full vectors, else these are not known. */
static void some_sums(void **unused) {
  basin_experiment *e = test_parse(sums_text, NULL, 0);
  int64_t known = 0, unknown = 0;
  (void)unused;
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_model *model = e->cell[c].model;
    const basin_setting *setting = &e->cell[c].setting;
    basin_job job;
    basin_part part;
    if (strcmp(setting->gradient.dynamics, "projected") != 0) continue;
    allocate(e, c, &job, &part);
    run_trials(&job, &part);
    for (int64_t row = 0; row < part.recorded * job.times; row++) {
      sum x;
      double some[SIZE], full[SIZE];
      const uint64_t trial = (uint64_t)(row / job.times);
      prepare_sum(&e->cell[c], trial, &x);
      const int64_t n = x.cell.n, m = x.cell.m, d = x.cell.d, width = x.cell.width;
      const double *state = part.state + row * x.cell.states, *w = state + x.cell.at_w;
      assert_int_equal(model->vectors(setting, (int64_t)trial, 1, state, 1, some), BASIN_OK);
      assert_int_equal(model->vectors(setting, (int64_t)trial, 1, state, 0, full), BASIN_OK);
      for (int64_t i = 0; i < n; i++)
        for (int64_t a = 0; a <= i + m; a++) {
          const int64_t j = a - m;
          const double *u = j < 0 ? state + x.cell.at_unit_v + a * width : w + j * width;
          const double factor = j < 0 ? -state[x.cell.at_mass_v + a] : 1;
          double want = 0, got = 0;
          for (int64_t k = 0; k < width; k++) want += w[i * width + k] * factor * u[k];
          for (int64_t k = 0; k < d; k++)
            got += some[i * d + k] * (j < 0 ? (double)x.v[a * d + k] : some[j * d + k]);
          assert_within(got, want - 1e-13, want + 1e-13);
        }
      for (int64_t i = 0; i < n * d; i++) {
        assert_true(d > n + m ? isnan(full[i]) : full[i] == some[i]);
        known += !isnan(full[i]);
        unknown += isnan(full[i]);
      }
    }
    basin_part_free(&part);
  }
  assert_true(known > 0 && unknown > 0);
  basin_experiment_free(e);
}

/* ---- parts ---- */

/* The estimates of a part are those at the states of its own trials, on inputs of the trial's own and of the recorded
   step: any two of them are independent. */
static void addressed(void **unused) {
  enum { FIRST = 2, COUNT = 1 };
  (void)unused;
  for (int text = 0; text < 2; text++) {
    basin_experiment *e = test_parse(texts[text], NULL, 0);
    for (int64_t c = 0; c < e->cells; c += 7) {
      const basin_setting *setting = &e->cell[c].setting;
      basin_watch calm = {0};
      basin_part part;
      basin_error error;
      basin_job job;
      job = basin_part_job(e, c, FIRST, COUNT);
      assert_ok(basin_part_allocate(&job, &part, &error), error);
      run_trials(&job, &part);
      assert_ok(basin_measure_part(e, 0, &job, &part, &calm, &error), error);
      const int64_t rows = part.recorded * job.times, states = setting->size.states;
      assert_int_equal(part.recorded, COUNT);
      for (int64_t t = 0; t < rows && !isnan(part.record[t]); t++) {
        double vectors[SIZE];
        basin_measured want[QUANTITIES];
        assert_int_equal(job.model->vectors(setting, FIRST, 1, part.state + t * states, 1, vectors),
                         BASIN_OK);
        assert_ok(basin_measure(job.model, 0, setting, vectors, FIRST, job.time[t], job.inputs,
                                want, NULL, &error),
                  error);
        for (int i = 0; i < e->estimates; i++) {
          assert_memory_equal(part.estimate + 2 * i * rows + t, &want[i].value, sizeof(double));
          assert_memory_equal(part.estimate + (2 * i + 1) * rows + t, &want[i].error,
                              sizeof(double));
        }
      }
      basin_part_free(&part);
    }
    basin_experiment_free(e);
  }
}

/* asked to stop after every estimate, saved and taken up again: the same part; and nothing behind a trial's end */
static void interrupt(const char *text) {
  char folder[] = "/tmp/basin-test-sample-XXXXXX";
  static const char *const early[] = {"stop.at=0.2"};
  basin_experiment *e = test_parse(text, early, 1);
  assert_non_null(mkdtemp(folder));
  for (int64_t c = 0; c < e->cells; c += 5) {
    int rounds = 0;
    int64_t filled = 0;
    basin_watch calm = {0}, stop = {.stop = 1};
    basin_part whole, part;
    basin_error error;
    basin_status status;
    basin_job job;
    allocate(e, c, &job, &whole);
    allocate(e, c, &job, &part);
    run_trials(&job, &whole);
    run_trials(&job, &part);
    assert_ok(basin_measure_part(e, 0, &job, &whole, &calm, &error), error);
    while ((status = basin_measure_part(e, basin_cpu_isa(NULL), &job, &part, &stop, &error)) ==
           BASIN_INTERRUPTED) {
      assert_ok(basin_part_save(folder, e->identity, c, &job, &part, &error), error);
      basin_part_free(&part);
      assert_ok(basin_part_allocate(&job, &part, &error), error);
      assert_ok(basin_part_resume(folder, e, c, &job, &part, &error), error);
      run_trials(&job, &part); /* none is left */
      rounds++;
    }
    assert_ok(status, error);
    const int64_t rows = part.recorded * job.times;
    assert_memory_equal(part.estimate, whole.estimate,
                        (size_t)(2 * e->estimates * rows) * sizeof(double));
    for (int i = 0; i < 2 * e->estimates; i++)
      for (int64_t t = 0; t < rows; t++) {
        assert_int_equal(isnan(part.estimate[i * rows + t]), isnan(part.record[t]));
        filled += i == 0 && !isnan(part.record[t]);
      }
    assert_int_equal(rounds, filled - 1);
    assert_ok(basin_part_write(folder, e->identity, c, &job, &part, &error), error);
    basin_part_free(&part);
    basin_part_free(&whole);
  }
  basin_parts_remove(folder);
  basin_experiment_free(e);
}

static void interrupted(void **unused) {
  (void)unused;
  for (int text = 0; text < 2; text++) interrupt(texts[text]);
}

/* ---- the experiment file ---- */

static void refused(const char *setting, const char *reason) {
  basin_experiment *e = NULL;
  basin_error error;
  assert_int_equal(basin_experiment_parse("t.yaml", experiment_text,
                                          (int64_t)strlen(experiment_text), &setting, 1, &e,
                                          &error),
                   BASIN_BAD_INPUT);
  if (!strstr(error.text, reason)) fail_msg("%s: said %s", setting, error.text);
}

static void mistakes(void **unused) {
  static const char *const most[] = {"record.estimate.inputs=104857"},
                           *const none[] = {"record={trials: 3, steps: [0, 3, 17, 40]}"};
  basin_run_options options = {.output = "none", .backend = "cpu", .threads = 1};
  basin_need with, without;
  basin_error error;
  (void)unused;
  refused("record.estimate.inputs=63", "inputs is 63, expected a whole number from 64");
  refused("record.estimate.inputs=104858", "expected at most 104857: an input of cell 8 takes 160");
  refused("record.estimate={}", "record.estimate.inputs is missing");
  refused("record.estimate={input: 100}", "did you mean `inputs`");
  refused("grid={k: 5, p: 3, estimated_k: 2}", "is taken by the output file");
  const char *bad = strstr(experiment_text, "estimate: {inputs: 100}");
  char text[2048], place[32];
  int64_t line = 1, column = 1;
  snprintf(text, sizeof text, "%.*sestimate: {inputs: 1e7}}\n", (int)(bad - experiment_text),
           experiment_text);
  for (const char *at = experiment_text; at < bad + 19; at++) {
    column = *at == '\n' ? 1 : column + 1;
    line += *at == '\n';
  }
  basin_experiment *e = NULL;
  snprintf(place, sizeof place, "t.yaml:%d:%d: ", (int)line, (int)column);
  assert_int_equal(
      basin_experiment_parse("t.yaml", text, (int64_t)strlen(text), NULL, 0, &e, &error),
      BASIN_BAD_INPUT);
  if (strncmp(error.text, place, strlen(place)) != 0) fail_msg("%s: said %s", place, error.text);

  /* the states are counted, and estimating is another experiment */
  basin_experiment *x = parse(most, 1), *y = parse(none, 1);
  assert_true(x->identity != y->identity && !y->estimates && x->estimates == QUANTITIES);
  assert_ok(basin_need_run(x, &options, &with, &error), error);
  assert_ok(basin_need_run(y, &options, &without, &error), error);
  const double rows = 3 * 4,
               cell = 8 * rows * (2 * QUANTITIES + 43); /* the states of `projected` */
  assert_within(with.memory_bytes - without.memory_bytes, 2 * cell, INFINITY);
  assert_within(with.disk_bytes - without.disk_bytes, 45 * 8 * rows * 4 * QUANTITIES, INFINITY);
  basin_experiment_free(x);
  basin_experiment_free(y);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(input_matches_reference),
      cmocka_unit_test(sum_matches_reference),
      cmocka_unit_test(formulas),
      cmocka_unit_test(errors_are_right),
      cmocka_unit_test(nothing_to_measure),
      cmocka_unit_test(same_bits),
      cmocka_unit_test(some_vectors),
      cmocka_unit_test(some_sums),
      cmocka_unit_test(addressed),
      cmocka_unit_test(interrupted),
      cmocka_unit_test(mistakes),
  };
  return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
