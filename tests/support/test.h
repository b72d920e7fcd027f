/* SPDX-License-Identifier: MIT
 *
 * test.h: what the unit tests share. Every program ends with cmocka's own summary and its number of failures.
 */
#ifndef BASIN_TEST_H
#define BASIN_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basin.h"

/* fail with what was measured where a number is not within [low, high] */
#define assert_within(value, low, high)                                                 \
  do {                                                                                  \
    const double within_value = (value), within_low = (low), within_high = (high);      \
    if (!(within_value >= within_low && within_value <= within_high))                   \
      fail_msg("%s = %.17g, expected [%.17g, %.17g]", #value, within_value, within_low, \
               within_high);                                                            \
  } while (0)

/* how many times slower the program is made by the sanitizers, about */
#if defined(__SANITIZE_THREAD__)
#define TEST_SLOWER 20
#elif defined(__SANITIZE_ADDRESS__)
#define TEST_SLOWER 4
#else
#define TEST_SLOWER 1
#endif

/* skip a test of one thread where what is looked for are races: it has none to show */
#if defined(__SANITIZE_THREAD__)
#define skip_without_races() skip()
#else
#define skip_without_races() (void)0
#endif

/* fail with basin's own reason where a call did not succeed */
#define assert_ok(call, error)                                \
  do {                                                        \
    if ((call) != 0) fail_msg("%s: %s", #call, (error).text); \
  } while (0)

/* a small generator for test arguments; the tests' own, apart from what they test */
static inline uint64_t test_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}
static inline double test_uniform(uint64_t *state) {
  return (double)(test_random(state) >> 11) * 0x1p-53;
}

/* the experiment of a text that is right, with settings as those of --set */
static inline basin_experiment *test_parse(const char *text, const char *const *set, int sets) {
  basin_experiment *e = NULL;
  basin_error error;
  assert_ok(basin_experiment_parse("t.yaml", text, (int64_t)strlen(text), set, sets, &e, &error),
            error);
  return e;
}

/* removes a folder of the test's own; 0: done */
static inline int test_remove_folder(const char *folder) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

/* the bytes of a file, allocated */
static inline char *test_read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  *size = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*size + 1);
  assert_non_null(bytes);
  assert_int_equal(fread(bytes, 1, *size, file), *size);
  fclose(file);
  return bytes;
}

#endif
