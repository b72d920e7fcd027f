/* SPDX-License-Identifier: MIT
 *
 * test_dataset.c: gradient descent on data sets. Steps against plain loops in long double on the same numbers,
 * within what the rounding of sums of n k terms can do; the same bits whatever the part, the instruction set and the
 * pauses, with every method of seam/method.h too; the mean over data sets is the population; rules and refusals.
 */
#include "test.h"
#include "engine/cpu.h"
#include "engine/data.h"
#include "models/cnn.h"
#include "run/halving.h"
#include "store/part.h"
#include <pthread.h>
#include <unistd.h>

enum { K_MAX = 8, P_MAX = 8, STATES_MAX = 3 * (K_MAX + P_MAX) + 2 };

static const char experiment_text[] =
    "trials: 70\n"
    "grid: {n: [1, 3, 25, 26, 900]}\n" /* at k = 5 and p = 7 a stretch has 25 inputs */
    "parameters: {k: 5, p: 7}\n"
    "teacher: {a: [0.9, -0.4, 0.3, 0.6, -0.2], v: {head: [0.6, 0.8]}}\n"
    "variants:\n"
    "  res: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}}\n"
    "  cnn: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}}\n"
    "  bat: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, gradient: {sampled: {inputs: "
    "{fixed: n, batch: 'min(n, 5)'}}}}\n"
    "gradient: {sampled: {inputs: {fixed: n, set: 3}}}\n"
    "schedule: [{steps: 4, eta_a: 0.02, eta_w: 0.05}, {eta_a: 0.03, eta_w: 0.02}]\n"
    "stop: {at: 1e-6, max_steps: 20}\n"
    "record: {trials: 70, steps: [0, 1, 5, 20], parameters: true, final: all}\n";

static basin_status parse_into(const char *const *set, int sets, basin_experiment **e,
                               basin_error *error) {
  return basin_experiment_parse("t.yaml", experiment_text, (int64_t)strlen(experiment_text), set,
                                sets, e, error);
}

static basin_experiment *parse(const char *const *set, int sets) {
  return test_parse(experiment_text, set, sets);
}

/* every method, with and without noise, of all inputs and of mini-batches */
#define RESNET "model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}"
#define CNN "model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}"
static const char every_method[] =
    "variants={mom: {" RESNET ", method: {momentum: 0.9}}, "
    "nes: {" CNN ", method: {nesterov: 0.8}, noise: {gradient: 0.2}}, "
    "ada: {" CNN ", method: {adam: {beta2: 0.99, epsilon: 0.1}}}, "
    "ads: {" RESNET ", method: {adam: {epsilon: 0.1}}, noise: {gradient: 0.2}}, "
    "lan: {" CNN ", method: {langevin: 0.01}}, noi: {" RESNET ", noise: {gradient: 0.2}}, "
    "bat: {" CNN ", method: {nesterov: 0.8}, noise: {gradient: 0.2}, gradient: {sampled: {inputs: "
    "{fixed: n, batch: 'min(n, 5)'}}}}, "
    "bad: {" RESNET ", method: {adam: {epsilon: 0.1}}, gradient: {sampled: {inputs: "
    "{fixed: n, batch: 'min(n, 5)'}}}}}";

/* gradient descent, or those on the grid; `more`: NULL, or other changes */
static basin_experiment *parse_either(int methods, const char *grid, const char *const more[2]) {
  const char *set[4] = {grid, every_method};
  int sets = methods ? 2 : 0;
  for (int i = 0; more && i < 2; i++) set[sets++] = more[i];
  return parse(set, sets);
}

static basin_status run_on(const basin_experiment *e, int isa, int64_t cell, int64_t first,
                           int64_t count, basin_watch *watch, basin_part *part) {
  basin_job job;
  basin_error error;
  job = basin_part_job(e, cell, first, count);
  if (!part->outcome) assert_ok(basin_part_allocate(&job, part, &error), error);
  return basin_cpu_run(&job, isa, part, watch);
}

static void run(const basin_experiment *e, int64_t cell, basin_part *part) {
  basin_watch watch = {0};
  memset(part, 0, sizeof *part);
  assert_int_equal(run_on(e, basin_cpu_isa(NULL), cell, 0, e->trials, &watch, part), BASIN_OK);
  assert_int_equal(watch.trials, e->trials);
}

/* ---- plain loops ---- */

typedef struct reference {
  const basin_setting *setting;
  int weight_norm;
  int64_t k, p, n;
  long double *z, *y;   /* [n][k][p], [n] */
  long double rounding; /* what one step may be wrong by, in units of the step size */
} reference;

static reference reference_of(const basin_cell *cell) {
  const basin_setting *s = &cell->setting;
  reference r = {.setting = s,
                 .weight_norm = !strcmp(cell->model->name, "cnn"),
                 .k = s->teacher[0].length,
                 .p = s->teacher[1].length,
                 .n = s->gradient.set_size};
  r.z = calloc((size_t)(r.n * r.k * r.p), sizeof *r.z);
  r.y = calloc((size_t)r.n, sizeof *r.y);
  for (int64_t i = 0; i < r.n; i++)
    for (int64_t j = 0; j < r.k; j++) {
      long double t = 0;
      for (int64_t q = 0; q < r.p; q++) {
        double pair[2];
        basin_normals(s->key, BASIN_STREAM_DATA, (uint64_t)s->gradient.set, (uint64_t)i,
                      (uint64_t)(j * ((r.p + 1) / 2) + q / 2), &pair[0], &pair[1]);
        r.z[(i * r.k + j) * r.p + q] = pair[q % 2];
        t += pair[q % 2] * (long double)s->teacher[1].value[q];
      }
      r.y[i] += s->teacher[0].value[j] * fmaxl(t, 0);
    }
  return r;
}

static void reference_free(reference *r) {
  free(r->z);
  free(r->y);
}

/* gradients of 1/2 r^2 of one input, added; |terms| too; returns r^2 */
static long double add_input(const reference *f, int64_t i, const double *a,
                             const long double *unit, long double *grad_a, long double *grad_f,
                             long double *size) {
  const long double *z = f->z + i * f->k * f->p;
  long double u[K_MAX], r = -f->y[i];
  for (int64_t j = 0; j < f->k; j++) {
    u[j] = 0;
    for (int64_t q = 0; q < f->p; q++) u[j] += z[j * f->p + q] * unit[q];
    r += a[j] * fmaxl(u[j], 0);
  }
  for (int64_t j = 0; j < f->k; j++) {
    grad_a[j] += r * fmaxl(u[j], 0);
    *size += fabsl(r * u[j]);
    for (int64_t q = 0; q < f->p; q++) {
      const long double term = u[j] > 0 ? r * a[j] * z[j * f->p + q] : 0;
      grad_f[q] += term;
      *size += fabsl(term) + fabsl(a[j] * z[j * f->p + q] * unit[q]);
    }
  }
  return r * r;
}

/* the number of input i of the mini-batch */
static int64_t chosen(const reference *f, uint64_t trial, uint64_t step, int64_t i) {
  uint64_t word[2];
  basin_words(f->setting->key, BASIN_STREAM_BATCH, trial, step, (uint64_t)(i / 2), &word[0],
              &word[1]);
  return (int64_t)floor(r_uniform(word[i % 2]) * (double)f->n);
}

/* sums of a step's gradient over its inputs; whole: over all. Returns the mean of r^2 / 2. */
static long double gradient(reference *f, uint64_t trial, uint64_t step, int whole, const double *x,
                            long double *grad_a, long double *grad_f) {
  const int64_t batch = whole ? 0 : f->setting->gradient.batch, inputs = batch ? batch : f->n;
  long double unit[P_MAX], length2 = 0, sum = 0, size = 0;
  const double *v = x + f->k;
  for (int64_t q = 0; q < f->p; q++) length2 += (long double)v[q] * v[q];
  for (int64_t q = 0; q < f->p; q++) unit[q] = v[q] / sqrtl(length2);
  memset(grad_a, 0, K_MAX * sizeof *grad_a);
  memset(grad_f, 0, P_MAX * sizeof *grad_f);
  for (int64_t i = 0; i < inputs; i++)
    sum += add_input(f, batch ? chosen(f, trial, step, i) : i, x, unit, grad_a, grad_f, &size);
  long double along = 0;
  for (int64_t q = 0; q < f->p; q++) along += grad_f[q] * unit[q];
  for (int64_t q = 0; q < f->p; q++)
    grad_f[q] = (grad_f[q] - along * unit[q]) / (sqrtl(length2) * inputs);
  for (int64_t j = 0; j < f->k; j++) grad_a[j] /= inputs;

  /* Sums of N terms, in whatever order, are right to N 2^-53 of the sum of their magnitudes; N is n k for the filter's
     gradient, and every term is the result of two more sums, of p and of k terms. */
  const long double terms = (long double)(inputs * f->k + f->k + f->p + 16);
  f->rounding = terms * 0x1p-53L * (1 + size / inputs);
  return sum / (2 * inputs);
}

/* entry e of the state by the method's definition: g without noise; its moments lie n and 2 n behind it */
static void reference_entry(const reference *f, double eta, uint64_t step, double xi, long double g,
                            double *x) {
  const basin_gradient *of = &f->setting->gradient;
  const double *option = of->option;
  const int64_t n = f->k + f->p;
  const long double t = (long double)step + 1;
  g += of->noise * xi;
  if (of->method == BASIN_ADAM) {
    x[n] = (double)(option[0] * x[n] + (1 - option[0]) * g);
    x[2 * n] = (double)(option[1] * x[2 * n] + (1 - option[1]) * g * g);
    *x = (double)(*x - eta * x[n] / (1 - powl(option[0], t)) /
                           (sqrtl(x[2 * n] / (1 - powl(option[1], t))) + option[2]));
  } else if (of->method == BASIN_MOMENTUM || of->method == BASIN_NESTEROV) {
    x[n] = (double)(option[0] * x[n] - eta * g);
    *x = (double)(*x + (of->method == BASIN_MOMENTUM ? x[n] : option[0] * x[n] - eta * g));
  } else {
    *x = (double)(*x - eta * g);
    if (of->method == BASIN_LANGEVIN) *x += sqrt(2 * eta * option[0]) * xi;
  }
}

static void reference_step(reference *f, uint64_t trial, uint64_t step, double *x) {
  const double *eta = f->setting->stage[step < 4 ? 0 : 1].eta,
               *option = f->setting->gradient.option;
  const int64_t n = f->k + f->p;
  long double grad_a[K_MAX], grad_f[P_MAX], length2 = 0;
  double xi[K_MAX + P_MAX + 1];
  gradient(f, trial, step, 0, x, grad_a, grad_f);
  basin_normals_row(basin_alone, f->setting->key, BASIN_STREAM_PERTURBATION, trial, step, 0, n, xi);
  for (int64_t j = 0; j < f->k; j++) reference_entry(f, eta[0], step, xi[j], grad_a[j], &x[j]);
  for (int64_t q = 0; q < f->p; q++) {
    reference_entry(f, eta[1], step, xi[f->k + q], grad_f[q], &x[f->k + q]);
    length2 += (long double)x[f->k + q] * x[f->k + q];
  }
  for (int i = 0; i < 2 && f->setting->gradient.method == BASIN_ADAM; i++)
    x[3 * n + i] = pow(option[i], (double)step + 1);
  for (int64_t q = 0; q < f->p && !f->weight_norm; q++)
    x[f->k + q] = (double)(x[f->k + q] / sqrtl(length2));
}

/* Every recorded trial follows the plain loops: to rounding after one step, and after 20, where what is wrong has
   grown by at most 1 + eta L a step, with L <= k + p here. The methods' steps are by up to 1/epsilon or 1/(1 - beta)
   longer, and their moments are compared, too. */
static void check_steps(int methods) {
  basin_experiment *e = parse_either(methods, "grid={n: [1, 205]}", NULL);
  const double longer = methods ? 10 : 1;
  for (int64_t c = 0; c < e->cells; c++) {
    const int64_t states = e->cell[c].setting.size.states;
    const int adam = e->cell[c].setting.gradient.method == BASIN_ADAM;
    const int loss = basin_observable_find(&e->cell[c], "train_loss");
    basin_part part;
    reference f = reference_of(&e->cell[c]);
    run(e, c, &part);
    for (int64_t trial = 0; trial < 70; trial += 23) {
      double x[STATES_MAX] = {0}, *states_of = part.state + trial * e->times * states;
      long double error = 1e-15L, none_a[K_MAX], none_f[P_MAX];
      memcpy(x, states_of, (size_t)(f.k + f.p) * sizeof *x);
      if (adam) x[states - 2] = x[states - 1] = 1;
      for (uint64_t step = 0, at = 0; step <= 20; step++) {
        if ((int64_t)step == e->time[at]) {
          const long double risk = gradient(&f, 0, 0, 1, x, none_a, none_f);
          const double seen = part.record[(loss * part.recorded + trial) * e->times + (int64_t)at];
          for (int64_t i = 0; i < states; i++)
            if (!(fabsl(states_of[(int64_t)at * states + i] - x[i]) <= error))
              fail_msg("cell %d, trial %d, step %d, entry %d: %.17g, not %.17g; tolerance %.3Lg",
                       (int)c, (int)trial, (int)step, (int)i, states_of[(int64_t)at * states + i],
                       x[i], error);
          assert_true(fabsl(seen - risk) <= 100 * (error + f.rounding));
          at++;
        }
        reference_step(&f, (uint64_t)trial, step, x);
        error = error * (1 + 0.05L * (long double)(f.k + f.p)) + 0.05L * longer * f.rounding +
                1e-15L;
      }
      if (!(error < 1e-7L)) fail_msg("a tolerance of %.3Lg says nothing", error);
    }
    basin_part_free(&part);
    reference_free(&f);
  }
  basin_experiment_free(e);
}

static void steps_match_reference(void **unused) {
  (void)unused;
  check_steps(0);
}

static void methods_match_reference(void **unused) {
  (void)unused;
  check_steps(1);
}

/* ---- the same bits ---- */

static void same_part(const basin_experiment *e, int64_t cell, const basin_part *x,
                      const basin_part *y, int64_t offset) {
  const int64_t states = e->cell[cell].setting.size.states;
  for (int64_t t = 0; t < y->count; t++) {
    assert_int_equal(x->outcome[offset + t], y->outcome[t]);
    assert_int_equal(x->steps[offset + t], y->steps[t]);
    for (int i = 0; i < e->finals; i++)
      assert_memory_equal(&x->final[i * x->count + offset + t], &y->final[i * y->count + t], 8);
    for (int i = 0; i < e->observables; i++)
      assert_memory_equal(&x->record[(i * x->recorded + offset + t) * e->times],
                          &y->record[(i * y->recorded + t) * e->times], (size_t)e->times * 8);
    assert_memory_equal(&x->state[(offset + t) * e->times * states],
                        &y->state[t * e->times * states], (size_t)(e->times * states) * 8);
  }
}

/* instruction sets, and parts of any size and place */
static void check_bits(int methods) {
  static const int64_t pieces[][2] = {{0, 70}, {0, 1}, {33, 1}, {5, 40}, {63, 7}};
  basin_experiment *e = parse_either(methods, "grid={n: [3, 205]}", NULL);
  for (int64_t c = 0; c < e->cells; c++) {
    basin_part all;
    run(e, c, &all);
    for (int isa = 0; isa <= basin_cpu_isa(NULL); isa++)
      for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        basin_watch watch = {0};
        basin_part piece = {0};
        assert_int_equal(run_on(e, isa, c, pieces[i][0], pieces[i][1], &watch, &piece), BASIN_OK);
        same_part(e, c, &all, &piece, pieces[i][0]);
        basin_part_free(&piece);
      }
    basin_part_free(&all);
  }
  basin_experiment_free(e);
}

static void same_bits(void **unused) {
  (void)unused;
  check_bits(0);
  check_bits(1);
}

typedef struct disturbance {
  basin_watch *watch;
  int done;
} disturbance;

static void *disturb(void *argument) {
  disturbance *d = argument;
  while (!__atomic_load_n(&d->done, __ATOMIC_RELAXED)) {
    usleep(300);
    __atomic_store_n(&d->watch->stop, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&d->watch->pauses, 1, __ATOMIC_RELAXED);
  }
  return NULL;
}

/* Paused wherever it happens, in the middle of a step too, the part goes on to the same bits. The data set of the first
   cell is drawn again by each call, and broken off; those of the others stay. */
static void check_pauses(int methods) {
  static const char *const set[] = {"stop.max_steps=300", "record.steps=[0, 1, 100, 300]"};
  basin_experiment *e = parse_either(methods, "grid={n: [900]}", set);
  const int64_t sizes = methods ? 1 : 5;
  int64_t pauses = 0;
  for (int64_t c = sizes - 1; c < e->cells; c += sizes) { /* n = 900 */
    basin_part all, part = {0};
    basin_watch watch = {0};
    disturbance d = {.watch = &watch};
    pthread_t thread;
    basin_status status;
    const int never = 0;
    const basin_data *kept = NULL;
    if (c >= sizes || methods)
      kept = basin_data_take(e->cell[c].model, &e->cell[c].setting, &never);
    run(e, c, &all);
    assert_int_equal(pthread_create(&thread, NULL, disturb, &d), 0);
    while ((status = run_on(e, basin_cpu_isa(NULL), c, 0, e->trials, &watch, &part)) ==
           BASIN_INTERRUPTED) {
      pauses++;
      __atomic_store_n(&watch.stop, 0, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&d.done, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    assert_int_equal(status, BASIN_OK);
    basin_data_leave(kept);
    same_part(e, c, &all, &part, 0);
    basin_part_free(&part);
    basin_part_free(&all);
  }
  assert_true(pauses > 0);
  basin_experiment_free(e);
}

static void pauses_change_nothing(void **unused) {
  (void)unused;
  check_pauses(0);
  check_pauses(1);
}

/* ---- the population ---- */

/* a_1, which is linear in the gradient, is the population's in the mean over data sets */
static void unbiased(void **unused) {
  enum { SETS = 400 };
  char *grid = malloc(8 * SETS + 64);
  sprintf(grid, "grid={n: [10, inf], s: [0");
  for (int s = 1; s < SETS; s++) sprintf(grid + strlen(grid), ", %d", s);
  strcat(grid, "]}");
  const char *const set[] = {
      grid, "trials=1", "stop.max_steps=1", "record.steps=[1]",
      "variants={cnn: {model: cnn, init: {v: {head: [0.9, -0.5]}, a: [0.5, 0.2, "
      "-0.3, 0.1, 0.4]}, gradient: {sampled: {inputs: {fixed: n, set: s}}}}}"};
  basin_experiment *e = parse(set, 5);
  double mean[STATES_MAX] = {0}, square[STATES_MAX] = {0}, want[STATES_MAX];
  basin_part part;
  (void)unused;
  run(e, e->cells - 1, &part);
  assert_int_equal(
      e->cell[0].model->vectors(&e->cell[e->cells - 1].setting, 0, 1, part.state, 0, want),
      BASIN_OK);
  basin_part_free(&part);
  for (int64_t c = 0; c < SETS; c++) {
    run(e, c, &part);
    for (int i = 0; i < 12; i++) {
      mean[i] += (part.state[i] - want[i]) / SETS;
      square[i] += (part.state[i] - want[i]) * (part.state[i] - want[i]) / SETS;
    }
    basin_part_free(&part);
  }
  for (int i = 0; i < 12; i++) {
    assert_true(square[i] > 1e-12);                                /* the data sets differ */
    assert_within(fabs(mean[i]) / sqrt(square[i] / SETS), 0, 5.2); /* false alarm 2e-7 each */
  }
  basin_experiment_free(e);
  free(grid);
}

/* ---- rules ---- */

/* a trial that ends as stationary has a small gradient there and is at neither optimum; the teacher is found too */
static void stationary_points(void **unused) {
  static const char *const set[] = {
      "grid={n: [6, 60]}", "stop={at: 1e-6, at_gradient: 1e-9, max_steps: 20000}",
      "schedule=[{eta: 0.1}]", "record={trials: 0, final: all}",
      "variants={res: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}}, cnn: {model: cnn, "
      "init: {v: {sphere: 2}, a: {normal: 0.5}}}}"};
  basin_experiment *e = parse(set, 5);
  int found[BASIN_OUTCOMES] = {0};
  (void)unused;
  for (int64_t c = 0; c < e->cells; c++) {
    basin_part part;
    const double *error_a, *error_w, *loss;
    run(e, c, &part);
    error_a = part.final + basin_observable_find(&e->cell[c], "error_a") * part.count;
    error_w = part.final + basin_observable_find(&e->cell[c], "error_w") * part.count;
    loss = part.final + basin_observable_find(&e->cell[c], "train_loss") * part.count;
    for (int64_t t = 0; t < part.count; t++) {
      found[part.outcome[t]]++;
      if (part.outcome[t] == BASIN_GLOBAL)
        assert_true(error_a[t] + error_w[t] <= 1e-6 && loss[t] < 1e-5);
      if (part.outcome[t] == BASIN_STATIONARY) assert_true(error_a[t] + error_w[t] > 1e-6);
    }
    basin_part_free(&part);
  }
  if (found[BASIN_GLOBAL] < 20 || found[BASIN_STATIONARY] < 20)
    fail_msg("%d global, %d stationary, %d spurious, %d unresolved", found[BASIN_GLOBAL],
             found[BASIN_STATIONARY], found[BASIN_SPURIOUS], found[BASIN_UNRESOLVED]);
  basin_experiment_free(e);
}

/* a trial ends as stationary at the first state where the squared norm of the whole risk's gradient, in long double, is
   at most stop.at_gradient, not before and not behind it */
static void stationary_gradient(void **unused) {
  static const double least = 0.02;
  static const char *const set[] = {
      "grid={n: [3, 205]}", "stop={at_gradient: 0.02, max_steps: 60}", "schedule=[{eta: 0.05}]",
      "record={trials: 70, steps: {every: 1}, parameters: true, final: all}",
      "variants={res: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}}, cnn: {model: cnn, "
      "init: {v: {sphere: 2}, a: {normal: 0.5}}}}"};
  basin_experiment *e = parse(set, 5);
  int ended = 0, by_a = 0, by_v = 0;
  (void)unused;
  for (int64_t c = 0; c < e->cells; c++) {
    const int64_t states = e->cell[c].setting.size.states;
    reference f = reference_of(&e->cell[c]);
    basin_part part;
    run(e, c, &part);
    for (int64_t trial = 0; trial < part.count; trial++)
      for (int64_t step = 0; step <= part.steps[trial]; step++) {
        long double grad_a[K_MAX], grad_f[P_MAX], a2 = 0, v2 = 0;
        gradient(&f, 0, 0, 1, part.state + (trial * e->times + step) * states, grad_a, grad_f);
        for (int64_t j = 0; j < f.k; j++) a2 += grad_a[j] * grad_a[j];
        for (int64_t q = 0; q < f.p; q++) v2 += grad_f[q] * grad_f[q];
        const int ends = step == part.steps[trial] && part.outcome[trial] == BASIN_STATIONARY;
        if (ends) assert_within((double)(a2 + v2), 0, least * (1 + 1e-9));
        else assert_within((double)(a2 + v2), least * (1 - 1e-9), INFINITY);
        ended += ends;
        by_a += !ends && a2 > least && v2 < least / 4; /* each of them keeps some from ending */
        by_v += !ends && v2 > least && a2 < least / 4;
      }
    basin_part_free(&part);
    reference_free(&f);
  }
  if (ended < 40 || by_a < 40 || by_v < 40)
    fail_msg("%d ended, %d states go on by a and %d by v", ended, by_a, by_v);
  basin_experiment_free(e);
}

/* ---- one data set for all workers of a cell ---- */

static int draws; /* data sets that were begun */

static basin_status draw_zeros(const basin_setting *setting, int64_t first, int64_t count,
                               double *z, double *label) {
  draws += first == 0;
  memset(z, 0, (size_t)(count * setting->size.rows * setting->size.width) * sizeof *z);
  memset(label, 0, (size_t)count * sizeof *label);
  return BASIN_OK;
}

/* the cell's model, but for that */
static basin_model with_zeros(const basin_experiment *e) {
  basin_model model = *e->cell[0].model;
  model.inputs = draw_zeros;
  return model;
}

/* a copy of the setting has the cell's own data set; another cell, set, size or key has another one */
static void shared_by_copies(void **unused) {
  static const char *const set[] = {"grid={n: [4, 6]}"};
  basin_experiment *e = parse(set, 1);
  const basin_setting *setting = &e->cell[0].setting;
  basin_setting copy = *setting;
  const basin_model zeros = with_zeros(e);
  const basin_data *held[6];
  int stop = 0;
  (void)unused;
  draws = 0;
  copy.stage = NULL;
  held[0] = basin_data_take(&zeros, setting, &stop);
  held[1] = basin_data_take(&zeros, &copy, &stop);
  assert_non_null(held[0]);
  assert_ptr_equal(held[0], held[1]);
  assert_int_equal(draws, 1);
  held[2] = basin_data_take(&zeros, &e->cell[1].setting, &stop);
  copy.gradient.set++;
  held[3] = basin_data_take(&zeros, &copy, &stop);
  copy.gradient.set_size++;
  held[4] = basin_data_take(&zeros, &copy, &stop);
  copy.key++;
  held[5] = basin_data_take(&zeros, &copy, &stop);
  assert_int_equal(draws, 5);
  for (int i = 0; i < 6; i++) basin_data_leave(held[i]);
  stop =
      1; /* a small one is drawn all the same, so that the part goes on; a large one is broken off */
  held[0] = basin_data_take(&zeros, setting, &stop);
  assert_non_null(held[0]);
  basin_data_leave(held[0]);
  copy.gradient.set_size = 200000;
  assert_null(basin_data_take(&zeros, &copy, &stop));
  basin_experiment_free(e);
}

/* on_divergence: halve runs every round with other step sizes, and with the same data set. It is held here, with zeros
   in it, so that the empirical risk of whoever shares it is 0. */
static void shared_by_halvings(void **unused) {
  static const char *const set[] = {
      "grid={n: [30]}", "on_divergence=halve", "schedule=[{eta: 1e6}]", "stop={max_steps: 50}",
      "variants={cnn: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}}}"};
  basin_experiment *e = parse(set, 5);
  basin_backend backend;
  basin_error error;
  basin_part part;
  const basin_model zeros = with_zeros(e);
  const int stop = 0;
  (void)unused;
  const basin_job job = basin_part_job(e, 0, 0, 40);
  const int loss = basin_observable_find(&e->cell[0], "train_loss");
  assert_ok(basin_cpu_open(NULL, 1, &backend, &error), error);
  for (int held = 0; held < 2; held++) {
    basin_watch watch = {0};
    const basin_data *inputs = held ? basin_data_take(&zeros, job.setting, &stop) : NULL;
    double largest = 0;
    int64_t halvings = 0;
    assert_ok(basin_part_allocate(&job, &part, &error), error);
    assert_ok(basin_run_part(&backend, 0, &job, &part, &watch, &error), error);
    for (int64_t i = 0; i < part.count; i++) {
      largest = fmax(largest, fabs(part.final[loss * part.count + i]));
      halvings += part.halvings[i];
    }
    if (held) assert_within(largest, 0, 0);
    else assert_within(largest, 1e-9, INFINITY);
    if (!held) assert_true(halvings > 0); /* there were rounds */
    basin_data_leave(inputs);
    basin_part_free(&part);
  }
  backend.close(backend.self);
  basin_experiment_free(e);
}

static void expect_refused(const char *set, const char *text) {
  const char *const one[] = {set};
  basin_experiment *e = NULL;
  basin_error error;
  assert_int_equal(parse_into(one, 1, &e, &error), BASIN_BAD_INPUT);
  if (!strstr(error.text, text)) fail_msg("%s: %s", set, error.text);
}

static void refusals(void **unused) {
  (void)unused;
  expect_refused("gradient={sampled: {inputs: {fixed: n}, sampler: direct}}", "leave it out");
  expect_refused("gradient={sampled: {inputs: {batch: n}}}", "fixed is missing");
  expect_refused("gradient={sampled: {inputs: {fixed: 0}}}", "whole number from 1 to");
  expect_refused("gradient={sampled: {inputs: {fixed: n, batch: n + 1}}}",
                 "whole number from 1 to 1");
  expect_refused("gradient={sampled: {inputs: {fixed: inf, batch: n}}}", "with a sampler");
  expect_refused("gradient={sampled: {inputs: {fixed: n, sets: 2}}}", "did you mean `set`");
  expect_refused("stop.at_gradient=1e-9",
                 "all of it at every step"); /* the variant with mini-batches */
  expect_refused("grid={train_loss: 4, n: 3}", "is taken");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_match_reference),
      cmocka_unit_test(methods_match_reference),
      cmocka_unit_test(same_bits),
      cmocka_unit_test(pauses_change_nothing),
      cmocka_unit_test(unbiased),
      cmocka_unit_test(stationary_points),
      cmocka_unit_test(stationary_gradient),
      cmocka_unit_test(shared_by_copies),
      cmocka_unit_test(shared_by_halvings),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
