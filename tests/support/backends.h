/* SPDX-License-Identifier: MIT
 *
 * backends.h: parts by the CPU and by CUDA, for test_cuda.c and test_teams.c. The module lies in cudasim/ beside the
 * program, or where BASIN_CUDA_MODULE says; see tests/cudasim/cudasim.sh.
 */
#ifndef BASIN_TESTS_BACKENDS_H
#define BASIN_TESTS_BACKENDS_H

#include "compare.h"
#include "folder.h"
#include "engine/cuda.h"
#include "cudasim/control.h"
#include "run/halving.h"
#include <dlfcn.h>

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
  void *module = dlopen(getenv("BASIN_CUDA_MODULE"), RTLD_NOW);
  if (!module) fail_msg("%s", dlerror());
  find(module, "cudasim_fail_malloc", &fail_malloc, sizeof fail_malloc);
  find(module, "cudasim_fail_launch", &fail_launch, sizeof fail_launch);
  find(module, "cudasim_clear_faults", &clear_faults, sizeof clear_faults);
  find(module, "cudasim_count", &count, sizeof count);
  return make_folder(unused);
}

/* run a job on a fresh backend; a new one each time, so that nothing it has learnt is carried over */
static basin_worker_status run_on(int cuda, const basin_job *job, basin_part *part,
                                  basin_watch *watch, basin_error *error) {
  basin_backend backend;
  assert_ok(cuda ? basin_cuda_open(NULL, 1, &backend, error)
                 : basin_cpu_open(NULL, 1, &backend, error),
            *error);
  const basin_worker_status status = basin_run_part(&backend, 0, job, part, watch, error);
  backend.close(backend.self);
  return status;
}

/* a range of a cell's trials, all of them recorded where the experiment records any */
static void make_job(const basin_experiment *e, int64_t cell, int64_t first, int64_t trials,
                     basin_job *job, basin_part *part) {
  basin_error error;
  *job = basin_part_job(e, cell, first, trials);
  job->recorded = e->recorded > 0 ? first + trials : 0;
  assert_ok(basin_part_allocate(job, part, &error), error);
}

/* a job by both backends, whole: the CPU's bytes, and the CPU's counts */
static void compare_part(const basin_experiment *e, int64_t cell, int64_t first, int64_t trials) {
  basin_job job;
  basin_error error;
  basin_part host, device;
  basin_watch by_host = {0}, by_device = {0};
  make_job(e, cell, first, trials, &job, &host);
  assert_ok(run_on(0, &job, &host, &by_host, &error), error);
  make_job(e, cell, first, trials, &job, &device);
  assert_ok(run_on(1, &job, &device, &by_device, &error), error);
  test_same_part(e, cell, &host, &device);
  assert_true(by_host.trials == by_device.trials && by_host.trial_steps == by_device.trial_steps);
  basin_part_free(&host);
  basin_part_free(&device);
}

/* Paused as soon as may be, saved, taken up from the file by the other backend (on the device twice, on the CPU once,
   and so on), again and again: the same bits. With `halved` the part goes over in two batches. Counts the pauses and
   the flights. */
static void run_in_turns(const basin_experiment *e, int64_t cell, int64_t first, int64_t trials,
                         int halved, int *pauses, int *flights) {
  basin_job job;
  basin_error error;
  basin_part whole, part, saved;
  basin_watch undisturbed = {0}, watch = {.stop = 1};
  make_job(e, cell, first, trials, &job, &whole);
  assert_ok(run_on(0, &job, &whole, &undisturbed, &error), error);
  make_job(e, cell, first, trials, &job, &part);
  for (;;) {
    if (halved && fail_malloc) fail_malloc(-1, 3, 1);
    if (run_on(*pauses % 3 != 2, &job, &part, &watch, &error) != BASIN_WORKER_PAUSED) break;
    ++*pauses;
    *flights += (int)part.flights;
    for (int64_t f = 0; f < part.flights; f++) assert_true(part.flight[f].step > 0);
    if (e->recorded == 0 || *pauses % 8 != 1) continue; /* syncing takes its time */
    assert_ok(basin_part_save(folder, e->identity, cell, &job, &part, &error), error);
    assert_ok(basin_part_allocate(&job, &saved, &error), error);
    assert_ok(basin_part_resume(folder, e, cell, &job, &saved, &error), error);
    test_same_part(e, cell, &part, &saved);
    basin_part_free(&part);
    part = saved;
  }
  if (clear_faults) clear_faults();
  assert_true(watch.trials == trials && watch.trial_steps == undisturbed.trial_steps);
  test_same_part(e, cell, &whole, &part);
  basin_part_free(&whole);
  basin_part_free(&part);
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

/* the module, or 0 and a line where there is none */
static int find_module(const char *program) {
  char beside[4096];
  const char *slash = strrchr(program, '/');
  snprintf(beside, sizeof beside, "%.*scudasim/libbasin_cuda.so",
           slash ? (int)(slash - program) + 1 : 0, program);
  setenv("BASIN_CUDA_MODULE", beside, 0);
  if (!access(getenv("BASIN_CUDA_MODULE"), F_OK)) return 1;
  printf("skipped: the toolkit's headers are missing, so the kernels cannot be simulated\n"
         "0 passed, 0 failed\n");
  return 0;
}

#endif
