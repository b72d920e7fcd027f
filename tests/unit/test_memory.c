/* SPDX-License-Identifier: MIT
 *
 * test_memory.c: what is said where the host has no memory. Every allocation of basin's own fails once, one after the
 * other: a call then says that memory is short, or does without and gives the very answer that it gives otherwise.
 */
#include "test.h"
#include "read/experiment.h"
#include "analyse/verify.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define INJECTS 0 /* the sanitizers' allocator is in the place of this one */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define INJECTS 0
#endif
#endif
#ifndef INJECTS
#define INJECTS 1
#endif

#if INJECTS

/* the C library's own, and where the program's code lies: other libraries' allocations never fail */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
extern const char __executable_start, etext;

static __thread long countdown; /* the allocation that fails; 0: none does */

static int fails(const void *caller) {
  const char *at = caller;
  return at >= &__executable_start && at < &etext && countdown > 0 && --countdown == 0;
}

void *malloc(size_t size) {
  return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
  return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

static const char experiment_text[] = "model: cnn\n"
                                      "trials: 100\n"
                                      "grid: {n: [3, 1000]}\n"
                                      "parameters: {k: 5, p: 7}\n"
                                      "teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}\n"
                                      "init: {v: {sphere: 2}, a: {normal: 0.5}}\n"
                                      "gradient: {sampled: {inputs: {fixed: n}}}\n"
                                      "schedule: [{eta: 0.1}]\n"
                                      "stop: {at: 1e-6, max_steps: 10}\n"
                                      "record: {trials: 10, steps: [0, 10]}\n";

/* an estimate is never 0 bytes for want of memory */
static void estimates(void **unused) {
  const basin_run_options options = {.output = "none.h5", .backend = "cpu", .threads = 2};
  basin_experiment *e = NULL;
  basin_need whole, now;
  basin_error error;
  int refused = 0;
  (void)unused;
  e = test_parse(experiment_text, NULL, 0);
  assert_ok(basin_need_run(e, &options, &whole, &error), error);
  assert_within(whole.memory_bytes, 1000 * 5 * 7 * 8, 1e9);
  for (long nth = 1;; nth++) {
    *error.text = 0;
    countdown = nth;
    const basin_status status = basin_need_run(e, &options, &now, &error);
    const int over = countdown > 0; /* it has fewer allocations */
    countdown = 0;
    if (!status) {
      assert_within(now.memory_bytes, whole.memory_bytes, whole.memory_bytes);
      assert_within(now.disk_bytes, whole.disk_bytes, whole.disk_bytes);
    } else {
      assert_int_equal(status, BASIN_FAILED);
      assert_non_null(strstr(error.text, "memory"));
      refused++;
    }
    if (over) break;
  }
  assert_true(refused >= 2);
  basin_experiment_free(e);
}

/* a setting that is drawn to be verified is whole, or memory is short */
static void verifies(void **unused) {
  const basin_model *model = basin_model_find("relu_sum");
  basin_verified whole, now;
  basin_error error;
  int refused = 0;
  (void)unused;
  assert_ok(basin_verify_state(model, 1, 3, 256, &whole, &error), error);
  for (long nth = 1;; nth++) {
    *error.text = 0;
    countdown = nth;
    const basin_status status = basin_verify_state(model, 1, 3, 256, &now, &error);
    const int over = countdown > 0;
    countdown = 0;
    if (!status) {
      assert_string_equal(now.experiment, whole.experiment);
      assert_memory_equal(now.observed, whole.observed,
                          (size_t)model->observables * sizeof *now.observed);
    } else {
      if (status != BASIN_FAILED || !strstr(error.text, "memory"))
        fail_msg("allocation %ld: status %d, %s", nth, status, error.text);
      refused++;
    }
    basin_verified_free(&now);
    if (over) break;
  }
  assert_true(refused > 10);
  basin_verified_free(&whole);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(estimates),
      cmocka_unit_test(verifies),
  };
  return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}

#else

int main(void) {
  printf("skipped: the sanitizers have an allocator of their own\n0 passed, 0 failed\n");
  return 0;
}

#endif
