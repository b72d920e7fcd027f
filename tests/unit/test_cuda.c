/* SPDX-License-Identifier: MIT
 *
 * test_cuda.c: the CUDA backend part by part, in the simulator of tests/cudasim: the same bits as the CPU backend,
 * pauses in the middle of parts that the other backend goes on with, and devices that fail. With the module for real
 * devices all but the failures is tested.
 */
#include "backends.h"
#include <pthread.h>

static const char experiment_text[] =
    "grid: {k: [5, 16]}\n"
    "trials: 300\n"
    "parameters: {p: 6}\n"
    "teacher: {a: {sum: 1, norm: 1}, v: {head: [0.6, 0.8]}}\n"
    "variants:\n"
    "  res: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}, schedule: [{steps: 13, eta: "
    "0.02}, {eta: 0.05}]}\n"
    "  cnn: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, schedule: [{eta: 0.2}]}\n"
    "  big: {model: cnn, init: {v: {sphere: 1}, a: {ball: 1}}, schedule: [{eta_a: 0.2, eta_w: "
    "4}]}\n"
    "  bad: {model: cnn, init: {v: {sphere: 1}, a: {ball: 1}}, schedule: [{eta: 9}]}\n"
    "stop: {max_steps: 700}\n"
    "record: {trials: 40, steps: [0, 1, 2, 3, 13, 14, 16, 50, 100, 333, 700], parameters: true, "
    "final: all}\n";

static const char fixed_text[] =
    "grid: {k: [1, 5], n: [30]}\n"
    "trials: 150\n"
    "parameters: {p: 6}\n"
    "teacher: {a: 0.4, v: {head: [0.6, 0.8]}}\n"
    "variants:\n"
    "  res: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}}\n"
    "  cnn: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}}\n"
    "  mini: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}},"
    " gradient: {sampled: {inputs: {fixed: n, batch: 7}}}}\n"
    "gradient: {sampled: {inputs: {fixed: n}}}\n"
    "schedule: [{steps: 2, eta: 0.02}, {eta: 0.1}]\n"
    "stop: {at: 0.2, max_steps: 5}\n"
    "record: {trials: 150, steps: [0, 1, 3], parameters: true, final: all}\n";

static basin_experiment *experiment_with(const char *const *set, int sets) {
  return test_parse(experiment_text, set, sets);
}

/* a part at a high trial number, of any size, by both rules: the CPU's bytes, and the CPU's counts */
static void same_part(void **unused) {
  static const char *const rules[][2] = {{"stop.at=1e-4", "trials=300"},
                                         {"record.parameters=false", "trials=300"}};
  static const int64_t sizes[] = {1, 31, 128, 300};
  (void)unused;
  for (int rule = 0; rule < 2; rule++) {
    basin_experiment *e = experiment_with(rules[rule], 2);
    for (int64_t cell = 0; cell < e->cells; cell++)
      for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        compare_part(e, cell, i % 2 ? 1000000000007 : 0, sizes[i]);
    basin_experiment_free(e);
  }
}

/* starts around a point, and uniform ones, by every kind of state: in registers, of teams, of data sets */
static void starts_around(void **unused) {
  static const char *const set[] = {
      "trials=40",
      "stop.max_steps=20",
      "grid={k: [5], p: [3, 6]}",
      "parameters={}",
      "variants={res: {model: resnet, init: {w: {ball: 0.3, around: 0.2}, a: {uniform: [-1, 2]}}},"
      " cnn: {model: cnn, init: {v: {normal: 0.1, mean: teacher}, a: {sphere: 0.5, around: "
      "teacher}}},"
      " dir: {model: cnn, init: {v: {uniform: [0, 1], scale: -1}, a: {ball: 1, around: {head: "
      "[2]}}},"
      " gradient: {sampled: {inputs: 2, sampler: direct}}},"
      " prj: {model: resnet, init: {w: {sphere: 1, around: 1}, a: {normal: 1, mean: teacher}},"
      " gradient: {sampled: {inputs: 2, sampler: projected}}},"
      " set: {model: cnn, init: {v: {uniform: [0, 1]}, a: {ball: 1, around: teacher}},"
      " gradient: {sampled: {inputs: {fixed: 9, batch: 3}}}},"
      " sum: {model: relu_sum, parameters: {n: 3, m: 2, d: 5}, teacher: {v: {uniform: [0, p]}},"
      " init: {w: {ball: k, around: {orthonormal: 2}}}, stop: {at: 1e-6, max_steps: 20}}}",
      "schedule=[{eta: 0.05}]",
      "record={trials: 40, steps: [0, 1, 20], parameters: true}"};
  basin_experiment *e = experiment_with(set, sizeof set / sizeof *set);
  (void)unused;
  for (int64_t cell = 0; cell < e->cells; cell++) compare_part(e, cell, 7, 40);
  basin_experiment_free(e);
}

/* first passages by every kind of state, with ladders up and down, cells that lack some, steps of which each is asked,
   and trials that end where they start: the CPU's bytes, at once and after pauses by both backends */
static void passages(void **unused) {
  static const char *const set[] = {
      "trials=20",
      "stop.max_steps=20",
      "grid={k: [5], n: [2]}",
      "parameters={p: 6}",
      "variants={res: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}},"
      " at: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, stop: {at: 1e-2, max_steps: "
      "90}},"
      " begun: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, stop: {at: 1, max_steps: 9}},"
      " dir: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}},"
      " gradient: {sampled: {inputs: 2, sampler: direct}}},"
      " set: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}},"
      " gradient: {sampled: {inputs: {fixed: 9, batch: 3}}}},"
      " sum: {model: relu_sum, parameters: {m: 2, d: 5}, teacher: {v: {normal: 1}},"
      " init: {w: {normal: 1}}, stop: {at: 0.5, max_steps: 20}}}",
      "schedule=[{eta: 0.2}]",
      "record={trials: 20, steps: [0, 1], passages: {loss: {below: [1, 1e-1, 1e-2], above: "
      "[0.2, n]}, phi: {below: 0.5}, train_loss: {below: [0.5, 0.1]}}}"};
  basin_experiment *e = experiment_with(set, sizeof set / sizeof *set);
  int pauses = 0, flights = 0;
  (void)unused;
  assert_int_equal(e->passages, 8);
  for (int64_t cell = 0; cell < e->cells; cell++) {
    compare_part(e, cell, 7, 20);
    run_in_turns(e, cell, 0, 12, 0, &pauses, &flights);
  }
  if (pauses < 10 || flights < pauses) fail_msg("only %d pauses, %d flights", pauses, flights);
  basin_experiment_free(e);
}

/* the model filter: entries of a table by lane, and every law of its inputs */
static void filters(void **unused) {
  static const char text[] =
      "model: filter\ntrials: 40\nseed: 5\nteacher: {w: {head: [0.6, 0.8]}}\n"
      "init: {w: {ball: 1, around: teacher}}\nschedule: [{steps: 3, eta: 0.1}, {eta: 0.5}]\n"
      "stop: {at: 0.01, max_steps: 20}\n"
      "record: {trials: 40, steps: [0, 1, 3, 20], parameters: true, final: all}\n"
      "variants:\n"
      "  one: {parameters: {k: 1, p: 5, sigma: 0.3}}\n"
      "  patches: {parameters: {k: 3, p: 2, sigma2: inf}}\n"
      "  normal: {parameters: {k: 3, p: 4}, gradient: {population: {law: normal}}}\n"
      "  plane: {parameters: {k: 2, p: 2}, gradient: {sampled: {inputs: 3, sampler: direct}}}\n"
      "  space: {parameters: {k: 2, p: 5}, gradient: {sampled: {inputs: 2, sampler: direct}}}\n"
      "  laplace: {parameters: {k: 2, p: 3}, gradient: {sampled: {inputs: 2, sampler: direct, law: "
      "laplace}}}\n"
      "  set: {parameters: {k: 2, p: 3}, gradient: {sampled: {inputs: {fixed: 9, batch: 3}}}}\n";
  basin_experiment *e = test_parse(text, NULL, 0);
  (void)unused;
  for (int64_t cell = 0; cell < e->cells; cell++) compare_part(e, cell, 7, 40);
  basin_experiment_free(e);
}

/* paused as soon as may be, saved, taken up from the file by the other backend, again and again: the same bits */
static void paused_and_mixed(void **unused) {
  static const char *const rules[][3] = {
      {"stop.max_steps=9000", "record.trials=250", "stop.at=1e-9"},
      {"stop.max_steps=9000", "record.trials=250", "variants.cnn.schedule=[{eta: 0.0005}]"},
      {"stop.max_steps=9000", "record.trials=0", "variants.cnn.schedule=[{eta: 0.0005}]"}};
  (void)unused;
  for (int rule = 0; rule < 3; rule++) {
    basin_experiment *e = experiment_with(rules[rule], 3);
    int pauses = 0, flights = 0;
    for (int64_t cell = 0; cell < e->cells; cell++)
      run_in_turns(e, cell, 50, 200, rule == 0, &pauses, &flights);
    if (pauses < 15 || flights <= pauses) fail_msg("only %d pauses, %d flights", pauses, flights);
    basin_experiment_free(e);
  }
}

/* the n-th allocation fails, whichever it is: the batch is halved, the bits stay; without any memory the worker is
   lost, and nothing counts */
static void out_of_memory(void **unused) {
  if (!fail_malloc) skip();
  basin_experiment *e = experiment_with(NULL, 0);
  (void)unused;
  basin_job job;
  basin_error error;
  basin_part host, part;
  basin_watch watch = {0};
  make_job(e, 1, 0, 300, &job, &host);
  assert_ok(run_on(0, &job, &host, &watch, &error), error);
  for (long nth = 1; nth < 30; nth += 4) {
    make_job(e, 1, 0, 300, &job, &part);
    watch = (basin_watch){0};
    fail_malloc(-1, nth, 1 + nth % 3);
    assert_ok(run_on(1, &job, &part, &watch, &error), error);
    clear_faults();
    test_same_part(e, 1, &host, &part);
    assert_int_equal(watch.trials, 300);
    basin_part_free(&part);
  }
  make_job(e, 1, 0, 300, &job, &part);
  watch = (basin_watch){0};
  fail_malloc(-1, 1, 0);
  assert_int_equal(run_on(1, &job, &part, &watch, &error), BASIN_WORKER_LOST);
  clear_faults();
  assert_non_null(strstr(error.text, "allocating device memory"));
  assert_true(watch.trials == 0 && watch.trial_steps == 0);
  basin_part_free(&part);
  basin_part_free(&host);
  basin_experiment_free(e);
}

/* a launch that fails, at any place: the message says what and where, and what this call has told the watch is
   taken back */
static void launch_fails(void **unused) {
  if (!fail_launch) skip();
  static const char *const set[] = {"variants.cnn.schedule=[{eta: 0.0005}]", "stop.max_steps=5000",
                                    "record.trials=0"};
  static const char *const kernel[] = {"kernel_start", "kernel_run", "kernel_run"};
  const int too_many_resources = 701; /* cudaErrorLaunchOutOfResources: does not ruin the context */
  basin_experiment *e = experiment_with(set, 3);
  (void)unused;
  for (int i = 0; i < 3; i++) {
    char expected[128];
    basin_job job;
    basin_error error;
    basin_part part;
    basin_watch watch = {0};
    make_job(e, 2, 64, 200, &job, &part);
    fail_launch(-1, i + 1, too_many_resources);
    assert_int_equal(run_on(1, &job, &part, &watch, &error), BASIN_WORKER_LOST);
    clear_faults();
    if (!strstr(error.text, kernel[i])) fail_msg("%s: no %s", error.text, kernel[i]);
    snprintf(expected, sizeof expected, "%s, cell 2, trials 64 to 263", e->cell[2].model->name);
    if (!strstr(error.text, expected)) fail_msg("%s: no `%s`", error.text, expected);
    assert_true(watch.trials == 0 && watch.trial_steps == 0);
    basin_part_free(&part);
  }
  basin_experiment_free(e);
}

/* a launch for which there is no memory: the batch is halved and done again, the bits and the counts stay */
static void launch_without_memory(void **unused) {
  if (!fail_launch) skip();
  const int no_memory = 2; /* cudaErrorMemoryAllocation */
  basin_experiment *e = experiment_with(NULL, 0);
  (void)unused;
  basin_job job;
  basin_error error;
  basin_part host, part;
  basin_watch by_host = {0};
  make_job(e, 2, 0, 300, &job, &host);
  assert_ok(run_on(0, &job, &host, &by_host, &error), error);
  for (int nth = 1; nth <= 4; nth++) { /* kernel_start, kernel_run, kernel_observe twice */
    basin_watch watch = {0};
    const long long before = count(0, CUDASIM_LAUNCHES);
    make_job(e, 2, 0, 300, &job, &part);
    fail_launch(-1, nth, no_memory);
    assert_ok(run_on(1, &job, &part, &watch, &error), error);
    clear_faults();
    test_same_part(e, 2, &host, &part);
    assert_true(watch.trials == by_host.trials && watch.trial_steps == by_host.trial_steps);
    assert_true(count(0, CUDASIM_LAUNCHES) - before >= nth - 1 + 8); /* two batches */
    basin_part_free(&part);
  }
  basin_part_free(&host);
  basin_experiment_free(e);
}

/* data sets, with and without mini-batches: the CPU's bits, paused at every look at the counters too */
static void fixed_data_sets(void **unused) {
  basin_experiment *e = test_parse(fixed_text, NULL, 0);
  int pauses = 0, flights = 0;
  (void)unused;
  for (int64_t cell = 0; cell < e->cells; cell++) {
    compare_part(e, cell, 7, 150);
    run_in_turns(e, cell, 7, 12, 0, &pauses, &flights);
  }
  if (pauses < 10 || flights < pauses) fail_msg("only %d pauses, %d flights", pauses, flights);
  basin_experiment_free(e);
}

static const char drawn_text[] =
    "model: filter\n"
    "trials: 40\n"
    "parameters: {k: 4, p: 196}\n"
    "teacher: {w: {head: [1]}}\n"
    "init: {w: {normal: 0.1}}\n"
    "gradient: {sampled: {inputs: {strokes: 9, size: 14, stride: 14, batch: 3}}}\n"
    "schedule: [{eta: 0.05}]\n"
    "stop: {at: 1e-6, max_steps: 12}\n"
    "record: {trials: 40, steps: [0, 1, 12], parameters: true, final: all}\n";

/* inputs of other laws: fresh ones of teams, with pauses; and mini-batches of data sets, which the host makes for
   both, drawn or cut from images */
static void other_laws(void **unused) {
  static const char *const law[] = {"uniform", "rademacher", "sphere", "laplace",
                                    "{student: {degrees: 3}}"};
  int pauses = 0, flights = 0;
  (void)unused;
  for (size_t l = 0; l < sizeof law / sizeof *law; l++) {
    char fresh[128], batch[128], neurons[320], all[1200];
    snprintf(fresh, sizeof fresh, "{sampled: {inputs: 2, sampler: direct, law: %s}}", law[l]);
    snprintf(batch, sizeof batch, "{sampled: {inputs: {fixed: 9, batch: 3}, law: %s}}", law[l]);
    snprintf(neurons, sizeof neurons,
             "{model: relu_sum, parameters: {n: 3, m: 2, d: 5}, teacher: {v: {sphere: 1}}, init: "
             "{w: {normal: 1}}, gradient: %s}",
             fresh);
    snprintf(all, sizeof all,
             "variants={res: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}, gradient: %s},"
             " cnn: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, gradient: %s},"
             " set: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, gradient: %s},"
             " sum: %s}",
             fresh, fresh, batch, neurons);
    const char *const set[] = {all,
                               "grid={k: [5], p: [3, 6]}",
                               "parameters={}",
                               "schedule=[{eta: 0.05}]",
                               "stop={at: 1e-6, max_steps: 12}",
                               "record={trials: 40, steps: [0, 1, 12], parameters: true}"};
    basin_experiment *e = experiment_with(set, sizeof set / sizeof *set);
    for (int64_t cell = 0; cell < e->cells; cell++) compare_part(e, cell, 7, 20);
    if (l == 4) run_in_turns(e, 0, 7, 20, 0, &pauses, &flights);
    basin_experiment_free(e);
  }
  assert_true(pauses > 1 && flights > 1);
  basin_experiment *e = test_parse(drawn_text, NULL, 0);
  compare_part(e, 0, 7, 20);
  basin_experiment_free(e);
}

/* what `need` says a worker takes is what it then has, cell after cell, for lanes, teams and data sets; it takes
   nothing itself */
static void needed(void **unused) {
  static const char *const set[] = {
      "variants.fix={model: cnn, init: {v: {sphere: 1}, a: {ball: 1}}, schedule: [{eta: 0.1}], "
      "gradient: {sampled: {inputs: {fixed: 300}}}}",
      "variants.dir={model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}, schedule: [{eta: 0.1}],"
      " gradient: {sampled: {inputs: 2, sampler: direct}}}",
      "stop.max_steps=3", "record.steps=[0, 1]"};
  if (!count) skip();
  basin_experiment *e = experiment_with(set, 4);
  basin_error error;
  basin_backend backend, asked;
  int64_t sets = 0, before = 0;
  (void)unused;
  assert_ok(basin_cuda_open(NULL, 1, &backend, &error), error);
  assert_ok(basin_cuda_open(NULL, 1, &asked, &error), error);
  assert_int_equal(asked.devices, 1);
  for (int64_t cell = e->cells - 1; cell >= 0; cell--) {
    const int64_t trials = 200 - 10 * cell;
    basin_job job;
    basin_part part;
    basin_watch watch = {0};
    int64_t buffers, inputs;
    make_job(e, cell, 0, trials, &job, &part);
    count(0, CUDASIM_PEAK);
    assert_int_equal(asked.need(asked.self, &job, &buffers, &inputs), 0);
    assert_int_equal(count(0, CUDASIM_PEAK), before);
    assert_ok(backend.run(backend.self, 0, &job, &part, &watch, &error), error);
    assert_int_equal(count(0, CUDASIM_BYTES), buffers);
    assert_true(buffers >= before && buffers > 1000);
    assert_true((inputs > 0) == (job.setting->gradient.set_size > 0));
    assert_true(count(0, CUDASIM_PEAK) == buffers + inputs || !inputs);
    sets += inputs;
    before = buffers;
    basin_part_free(&part);
  }
  assert_int_equal(sets, 300 * (5 * 6 + 1 + 16 * 6 + 1) * 8);
  backend.close(backend.self);
  asked.close(asked.self);
  basin_experiment_free(e);
}

/* four times as many trials as threads: those that are done take the next ones inside one launch */
static void refilled(void **unused) {
  static const char *const set[] = {"stop.max_steps=48", "record.trials=0"};
  if (!count) skip();
  basin_experiment *e = experiment_with(set, 2);
  basin_job job;
  basin_error error;
  basin_part host, device;
  basin_watch watch = {0};
  (void)unused;
  make_job(e, 0, 0, 65536, &job, &host);
  assert_ok(run_on(0, &job, &host, &watch, &error), error);
  make_job(e, 0, 0, 65536, &job, &device);
  const long long before = count(0, CUDASIM_LAUNCHES);
  assert_ok(run_on(1, &job, &device, &watch, &error), error);
  /* kernel_start, kernel_run, once more for the last few, kernel_observe */
  assert_in_range(count(0, CUDASIM_LAUNCHES) - before, 3, 4);
  test_same_part(e, 0, &host, &device);
  basin_part_free(&host);
  basin_part_free(&device);
  basin_experiment_free(e);
}

/* a part that runs on another thread until it is told to stop */
typedef struct neighbour {
  basin_backend *backend;
  basin_job job;
  basin_part part;
  basin_watch watch;
  basin_worker_status status;
} neighbour;

static void *run_neighbour(void *argument) {
  neighbour *n = argument;
  basin_error error;
  n->status = n->backend->run(n->backend->self, 1, &n->job, &n->part, &n->watch, &error);
  return NULL;
}

/* paused with the device to itself, taken up and paused again beside a neighbour, when its share of the threads is
   too small for all that were under way: those that wait for a thread are kept */
static void paused_while_waiting(void **unused) {
  static const char *const set[] = {"variants.cnn.schedule=[{eta: 0.0005}]", "stop.max_steps=2500",
                                    "stop.at=1e-9", "record.trials=0"};
  if (!count) skip();
  basin_experiment *e = experiment_with(set, 4);
  basin_job job;
  basin_error error;
  basin_part host, part;
  basin_backend backend;
  basin_watch watch = {0};
  neighbour n = {.backend = &backend};
  pthread_t thread;
  (void)unused;
  make_job(e, 2, 0, 20000, &job, &host);
  assert_ok(run_on(0, &job, &host, &watch, &error), error);
  make_job(e, 2, 0, 20000, &job, &part);
  make_job(e, 2, 90000, 64, &n.job, &n.part);
  basin_setting endless = *n.job.setting;
  endless.stop = (basin_stop){.tolerance = 1e-300, .max_steps = BASIN_STEPS_MAX};
  n.job.setting = &endless;
  assert_ok(basin_cuda_open(NULL, 2, &backend, &error), error);

  watch = (basin_watch){.stop = 1};
  assert_int_equal(backend.run(backend.self, 0, &job, &part, &watch, &error), BASIN_WORKER_PAUSED);
  const int64_t alone = part.flights;
  const long long before = count(0, CUDASIM_LAUNCHES);
  assert_int_equal(pthread_create(&thread, NULL, run_neighbour, &n), 0);
  while (count(0, CUDASIM_LAUNCHES) == before) usleep(1000);
  assert_int_equal(backend.run(backend.self, 0, &job, &part, &watch, &error), BASIN_WORKER_PAUSED);
  __atomic_store_n(&n.watch.stop, 1, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
  backend.close(backend.self);

  /* half of the threads: fewer steps were taken than by one launch of all */
  assert_true(alone > 10000 && n.status == BASIN_WORKER_PAUSED);
  int waited = 0;
  for (int64_t f = 0; f < part.flights; f++) waited += part.flight[f].step == 1024;
  assert_true(waited > 1000);
  watch.stop = 0;
  assert_ok(run_on(0, &job, &part, &watch, &error), error);
  test_same_part(e, 2, &host, &part);
  basin_part_free(&host);
  basin_part_free(&part);
  basin_part_free(&n.part);
  basin_experiment_free(e);
}

/* on_divergence: halve with a data set: the rounds of two workers that are at a cell have one data set between
   them on the device, for which `need` asks once */
static void halvings_share_a_data_set(void **unused) {
  static const char *const set[] = {
      "grid={k: [5], n: [60]}", "on_divergence=halve", "schedule=[{eta: 1e4}]",
      "stop={at: 1e-9, max_steps: 20}",
      "variants={cnn: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}}}"};
  if (!count) skip();
  basin_experiment *e = test_parse(fixed_text, set, 5);
  basin_job job;
  basin_error error;
  basin_part part;
  basin_backend backend;
  basin_watch watch = {0};
  neighbour n = {.backend = &backend};
  pthread_t thread;
  int64_t buffers, inputs, halvings = 0;
  (void)unused;
  make_job(e, 0, 0, 16, &job, &part);
  make_job(e, 0, 1000, 16, &n.job, &n.part);
  basin_setting endless = *n.job.setting;
  basin_stage still = endless.stage[0];
  for (int i = 0; i < BASIN_STEP_SIZES_MAX; i++) still.eta[i] = 0;
  still.steps = INT64_MAX;
  endless.stage = &still;
  endless.stages = 1;
  endless.stop = (basin_stop){.tolerance = 1e-300, .max_steps = BASIN_STEPS_MAX};
  n.job.setting = &endless;
  assert_ok(basin_cuda_open(NULL, 2, &backend, &error), error);
  const long long before = count(0, CUDASIM_LAUNCHES);
  assert_int_equal(pthread_create(&thread, NULL, run_neighbour, &n), 0);
  while (count(0, CUDASIM_LAUNCHES) < before + 20) usleep(1000); /* all that it takes is taken */
  const long long beside = count(0, CUDASIM_BYTES);
  count(0, CUDASIM_PEAK);
  assert_ok(basin_run_part(&backend, 0, &job, &part, &watch, &error), error);
  const long long peak = count(0, CUDASIM_PEAK);
  assert_int_equal(backend.need(backend.self, &job, &buffers, &inputs), 0);
  __atomic_store_n(&n.watch.stop, 1, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
  assert_true(n.status == BASIN_WORKER_PAUSED);
  for (int64_t i = 0; i < part.count; i++) halvings += part.halvings[i];
  assert_true(halvings > 60);
  assert_int_equal(inputs, 60 * (5 * 6 + 1) * 8);
  assert_int_equal(peak - beside, buffers);
  backend.close(backend.self);
  basin_part_free(&part);
  basin_part_free(&n.part);
  basin_experiment_free(e);
}

int main(int words, char **word) {
  (void)words;
  if (!find_module(word[0])) return 0;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_part),
      cmocka_unit_test(starts_around),
      cmocka_unit_test(passages),
      cmocka_unit_test(filters),
      cmocka_unit_test(paused_and_mixed),
      cmocka_unit_test(out_of_memory),
      cmocka_unit_test(launch_fails),
      cmocka_unit_test(launch_without_memory),
      cmocka_unit_test(fixed_data_sets),
      cmocka_unit_test(other_laws),
      cmocka_unit_test(needed),
      cmocka_unit_test(refilled),
      cmocka_unit_test(paused_while_waiting),
      cmocka_unit_test(halvings_share_a_data_set),
      cmocka_unit_test(nothing_left),
  };
  return cmocka_run_group_tests_name("cuda", tests, set_up, remove_folder);
}
