/* SPDX-License-Identifier: MIT
 *
 * fuzz.h: what the fuzzers of files share: a folder of this process in memory, the bytes as a file there, and the rule
 * that a reader which refuses says why in one line.
 */
#ifndef BASIN_FUZZ_H
#define BASIN_FUZZ_H

#include "basin.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char fuzz_folder[] = "/dev/shm/basin-fuzz-XXXXXX", fuzz_path[256];

static inline void fuzz_clear(void) {
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", fuzz_folder);
  if (system(command)) fputs("a folder of the fuzzer is left in /dev/shm\n", stderr);
}

/* the path of a file of that name */
static inline const char *fuzz_name(const char *name) {
  static int made;
  if (!made) {
    if (!mkdtemp(fuzz_folder)) abort();
    made = 1;
    atexit(fuzz_clear);
  }
  snprintf(fuzz_path, sizeof fuzz_path, "%s/%s", fuzz_folder, name);
  return fuzz_path;
}

/* the same, with the bytes in it */
static inline const char *fuzz_file(const char *name, const void *data, size_t size) {
  FILE *file = fopen(fuzz_name(name), "wb");
  if (!file || fwrite(data, 1, size, file) != size || fclose(file)) abort();
  return fuzz_path;
}

/* no status but these, and with each refusal one line; 1: it was taken */
static inline int fuzz_judge(basin_status status, basin_error *error) {
  const int refused = status == BASIN_BAD_INPUT || status == BASIN_FAILED;
  if (status && !refused) abort();
  if (refused && (!*error->text || strchr(error->text, '\n'))) abort();
  *error->text = 0;
  return !status;
}

/* the experiment whose files are read; the fuzzers run in the folder of the sources */
static inline basin_experiment *fuzz_experiment(void) {
  basin_experiment *e = NULL;
  basin_error error;
  if (basin_experiment_read("tests/fuzz/experiment.yaml", NULL, 0, &e, &error)) {
    puts(error.text);
    abort();
  }
  return e;
}

#endif
