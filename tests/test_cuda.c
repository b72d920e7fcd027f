/* SPDX-License-Identifier: MIT
 *
 * test_cuda.c: the CUDA backend part by part, in the simulator of tests/cudasim: the same bits as the CPU backend,
 * pauses in the middle of parts that the other backend goes on with, and devices that fail. With the module for real
 * devices all but the failures is tested.
 *
 * The module lies in cudasim/ beside this program, or where BASIN_CUDA_MODULE says; see tests/build_cudasim.
 */
#include "test.h"
#include "backend_cpu.h"
#include "backend_cuda.h"
#include "cudasim/control.h"
#include "part.h"
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

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
    "record: {trials: 40, steps: [0, 1, 2, 3, 13, 14, 16, 50, 100, 333, 700], parameters: true}\n";

static char folder[] = "/tmp/basin-test-cuda-XXXXXX";

/* the simulator's wishes, found in the module; NULL in the module for real devices */
static void (*fail_malloc)(int device, long nth, long count);
static void (*fail_launch)(int device, long nth, int error);
static void (*clear_faults)(void);
static long long (*count)(int device, enum cudasim_what what);

static void find(void *module, const char *name, void *function, size_t size) {
  void *symbol = dlsym(module, name);
  memcpy(function, &symbol, size);
}

static int set_up(void **unused) {
  (void)unused;
  void *module = dlopen(getenv("BASIN_CUDA_MODULE"), RTLD_NOW);
  if (!module) fail_msg("%s", dlerror());
  find(module, "cudasim_fail_malloc", &fail_malloc, sizeof fail_malloc);
  find(module, "cudasim_fail_launch", &fail_launch, sizeof fail_launch);
  find(module, "cudasim_clear_faults", &clear_faults, sizeof clear_faults);
  find(module, "cudasim_count", &count, sizeof count);
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **unused) {
  char command[128];
  (void)unused;
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

static basin_experiment *experiment_with(const char *const *set, int sets) {
  basin_experiment *e = NULL;
  basin_error error;
  assert_ok(basin_experiment_parse("t.yaml", experiment_text, (int64_t)strlen(experiment_text), set,
                                   sets, &e, &error),
            error);
  return e;
}

/* run a job on a fresh backend; a new one each time, so that nothing it has learnt is carried over */
static basin_status run_on(int cuda, const basin_job *job, basin_part *part, basin_watch *watch,
                           basin_error *error) {
  basin_backend backend;
  assert_ok(cuda ? basin_cuda_open(NULL, 1, &backend, error)
                 : basin_cpu_open(NULL, 1, &backend, error),
            *error);
  const basin_status status = backend.run(backend.self, 0, job, part, watch, error);
  backend.close(backend.self);
  return status;
}

/* a range of a cell's trials, all of them recorded where the experiment records any */
static void make_job(const basin_experiment *e, int64_t cell, int64_t first, int64_t trials,
                     int *index, basin_job *job, basin_part *part) {
  basin_error error;
  basin_part_job(e, cell, first, trials, index, index + e->finals, job);
  job->recorded = e->recorded > 0 ? first + trials : 0;
  assert_ok(basin_part_allocate(job, part, &error), error);
}

static void assert_same_part(const basin_experiment *e, int64_t cell, const basin_part *x,
                             const basin_part *y) {
  const size_t n = (size_t)x->count, kept = (size_t)(x->recorded * e->times);
  assert_true(x->count == y->count && x->recorded == y->recorded);
  assert_memory_equal(x->outcome, y->outcome, n);
  assert_memory_equal(x->steps, y->steps, n * sizeof *x->steps);
  assert_memory_equal(x->final, y->final, n * (size_t)e->finals * sizeof *x->final);
  assert_memory_equal(x->record, y->record, kept * (size_t)e->observables * sizeof *x->record);
  if (x->state)
    assert_memory_equal(x->state, y->state,
                        kept * (size_t)e->cell[cell].model->states * sizeof *x->state);
}

/* a part at a high trial number, of any size, by both rules: the CPU's bytes, and the CPU's counts */
static void same_part(void **unused) {
  static const char *const rules[][2] = {{"stop.at=1e-4", "trials=300"},
                                         {"record.parameters=false", "trials=300"}};
  static const int64_t sizes[] = {1, 31, 128, 300};
  (void)unused;
  for (int rule = 0; rule < 2; rule++) {
    basin_experiment *e = experiment_with(rules[rule], 2);
    int index[64];
    for (int64_t cell = 0; cell < e->cells; cell++)
      for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        basin_job job;
        basin_error error;
        basin_part host, device;
        basin_watch by_host = {0}, by_device = {0};
        const int64_t first = i % 2 ? 1000000000007 : 0;
        make_job(e, cell, first, sizes[i], index, &job, &host);
        assert_ok(run_on(0, &job, &host, &by_host, &error), error);
        make_job(e, cell, first, sizes[i], index, &job, &device);
        assert_ok(run_on(1, &job, &device, &by_device, &error), error);
        assert_same_part(e, cell, &host, &device);
        assert_true(by_host.trials == by_device.trials &&
                    by_host.trial_steps == by_device.trial_steps);
        basin_part_free(&host);
        basin_part_free(&device);
      }
    basin_experiment_free(e);
  }
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
    int index[64], pauses = 0, flights = 0;
    for (int64_t cell = 0; cell < e->cells; cell++) {
      basin_job job;
      basin_error error;
      basin_part whole, part, saved;
      basin_watch undisturbed = {0}, watch = {.stop = 1};
      make_job(e, cell, 50, 200, index, &job, &whole);
      assert_ok(run_on(0, &job, &whole, &undisturbed, &error), error);

      /* on the device twice, on the CPU once, and so on */
      make_job(e, cell, 50, 200, index, &job, &part);
      for (;;) {
        if (rule == 0 && fail_malloc)
          fail_malloc(-1, 3, 1); /* so that the part goes over in two batches */
        if (run_on(pauses % 3 != 2, &job, &part, &watch, &error) != BASIN_INTERRUPTED) break;
        pauses++;
        flights += (int)part.flights;
        for (int64_t f = 0; f < part.flights; f++)
          assert_true(part.flight[f].step > 0 && part.flight[f].step % BASIN_DECIDE_EVERY == 0);
        if (e->recorded == 250) {
          assert_ok(basin_part_save(folder, e->identity, cell, &job, &part, &error), error);
          assert_ok(basin_part_allocate(&job, &saved, &error), error);
          assert_ok(basin_part_resume(folder, e, cell, &job, &saved, &error), error);
          assert_same_part(e, cell, &part, &saved);
          basin_part_free(&part);
          part = saved;
        }
      }
      if (clear_faults) clear_faults();
      assert_true(watch.trials == 200 && watch.trial_steps == undisturbed.trial_steps);
      assert_same_part(e, cell, &whole, &part);
      basin_part_free(&whole);
      basin_part_free(&part);
    }
    if (pauses < 15 || flights <= pauses) fail_msg("only %d pauses, %d flights", pauses, flights);
    basin_experiment_free(e);
  }
}

/* the n-th allocation fails, whichever it is: the batch is halved, the bits stay; without any memory the worker is
   lost, and nothing counts */
static void out_of_memory(void **unused) {
  if (!fail_malloc) skip();
  basin_experiment *e = experiment_with(NULL, 0);
  int index[64];
  (void)unused;
  basin_job job;
  basin_error error;
  basin_part host, part;
  basin_watch watch = {0};
  make_job(e, 1, 0, 300, index, &job, &host);
  assert_ok(run_on(0, &job, &host, &watch, &error), error);
  for (long nth = 1; nth < 30; nth += 4) {
    make_job(e, 1, 0, 300, index, &job, &part);
    watch = (basin_watch){0};
    fail_malloc(-1, nth, 1 + nth % 3);
    assert_ok(run_on(1, &job, &part, &watch, &error), error);
    clear_faults();
    assert_same_part(e, 1, &host, &part);
    assert_int_equal(watch.trials, 300);
    basin_part_free(&part);
  }
  make_job(e, 1, 0, 300, index, &job, &part);
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
  int index[64];
  (void)unused;
  for (int i = 0; i < 3; i++) {
    char expected[128];
    basin_job job;
    basin_error error;
    basin_part part;
    basin_watch watch = {0};
    make_job(e, 2, 64, 200, index, &job, &part);
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

/* four times as many trials as threads: those that are done take the next ones inside one launch */
static void refilled(void **unused) {
  static const char *const set[] = {"stop.max_steps=48", "record.trials=0"};
  if (!count) skip();
  basin_experiment *e = experiment_with(set, 2);
  int index[64];
  basin_job job;
  basin_error error;
  basin_part host, device;
  basin_watch watch = {0};
  (void)unused;
  make_job(e, 0, 0, 65536, index, &job, &host);
  assert_ok(run_on(0, &job, &host, &watch, &error), error);
  make_job(e, 0, 0, 65536, index, &job, &device);
  const long long before = count(0, CUDASIM_LAUNCHES);
  assert_ok(run_on(1, &job, &device, &watch, &error), error);
  /* kernel_start, kernel_run, once more for the last few, kernel_finish */
  assert_in_range(count(0, CUDASIM_LAUNCHES) - before, 3, 4);
  assert_same_part(e, 0, &host, &device);
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
  basin_status status;
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
  static const char *const set[] = {"variants.cnn.schedule=[{eta: 0.0005}]", "stop.max_steps=6000",
                                    "stop.at=1e-9", "record.trials=0"};
  if (!count) skip();
  basin_experiment *e = experiment_with(set, 4);
  int index[64];
  basin_job job;
  basin_error error;
  basin_part host, part;
  basin_backend backend;
  basin_watch watch = {0};
  neighbour n = {.backend = &backend};
  pthread_t thread;
  (void)unused;
  make_job(e, 2, 0, 20000, index, &job, &host);
  assert_ok(run_on(0, &job, &host, &watch, &error), error);
  make_job(e, 2, 0, 20000, index, &job, &part);
  make_job(e, 2, 90000, 64, index, &n.job, &n.part);
  basin_setting endless = *n.job.setting;
  endless.stop = (basin_stop){.tolerance = 1e-300, .max_steps = BASIN_STEPS_MAX};
  n.job.setting = &endless;
  assert_ok(basin_cuda_open(NULL, 2, &backend, &error), error);

  watch = (basin_watch){.stop = 1};
  assert_int_equal(backend.run(backend.self, 0, &job, &part, &watch, &error), BASIN_INTERRUPTED);
  const int64_t alone = part.flights;
  const long long before = count(0, CUDASIM_LAUNCHES);
  assert_int_equal(pthread_create(&thread, NULL, run_neighbour, &n), 0);
  while (count(0, CUDASIM_LAUNCHES) == before) usleep(1000);
  assert_int_equal(backend.run(backend.self, 0, &job, &part, &watch, &error), BASIN_INTERRUPTED);
  __atomic_store_n(&n.watch.stop, 1, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
  backend.close(backend.self);

  /* half of the threads: fewer steps were taken than by one launch of all */
  assert_true(alone > 10000 && n.status == BASIN_INTERRUPTED);
  int waited = 0;
  for (int64_t f = 0; f < part.flights; f++) waited += part.flight[f].step == 1024;
  assert_true(waited > 1000);
  watch.stop = 0;
  assert_ok(run_on(0, &job, &part, &watch, &error), error);
  assert_same_part(e, 2, &host, &part);
  basin_part_free(&host);
  basin_part_free(&part);
  basin_part_free(&n.part);
  basin_experiment_free(e);
}

/* nothing of all this is left on the device */
static void nothing_left(void **unused) {
  if (!count) skip();
  (void)unused;
  assert_int_equal(count(0, CUDASIM_BYTES), 0);
  assert_int_equal(count(0, CUDASIM_PINNED), 0);
  assert_int_equal(count(0, CUDASIM_PENDING), 0);
  assert_true(count(0, CUDASIM_LAUNCHES) > 100);
}

int main(int words, char **word) {
  char beside[4096];
  (void)words;
  const char *slash = strrchr(word[0], '/');
  snprintf(beside, sizeof beside, "%.*scudasim/libbasin_cuda.so",
           slash ? (int)(slash - word[0]) + 1 : 0, word[0]);
  setenv("BASIN_CUDA_MODULE", beside, 0);
  if (access(getenv("BASIN_CUDA_MODULE"), F_OK)) {
    printf("skipped: the toolkit's headers are missing, so the kernels cannot be simulated\n"
           "0 passed, 0 failed\n");
    return 0;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_part),     cmocka_unit_test(paused_and_mixed),
      cmocka_unit_test(out_of_memory), cmocka_unit_test(launch_fails),
      cmocka_unit_test(refilled),      cmocka_unit_test(paused_while_waiting),
      cmocka_unit_test(nothing_left),
  };
  return cmocka_run_group_tests_name("cuda", tests, set_up, remove_folder);
}
