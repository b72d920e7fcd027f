/* SPDX-License-Identifier: MIT
 *
 * folder.h: a folder of its own for a test program: what comes before and behind a group of its tests.
 *
 *   return cmocka_run_group_tests_name("run", tests, make_folder, remove_folder);
 */
#ifndef BASIN_TEST_FOLDER_H
#define BASIN_TEST_FOLDER_H

#include "test.h"
#include <unistd.h>

static char folder[] = "/tmp/basin-test-XXXXXX";

static int make_folder(void **unused) {
  (void)unused;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **unused) {
  (void)unused;
  return test_remove_folder(folder);
}

#endif
