/* SPDX-License-Identifier: MIT
 *
 * fuzz_part.c: any bytes as a part, finished or half done; the first of them says whether its checksums are made
 * right. It is taken and becomes an output file or goes on, or is found damaged, or refused with one line of reason.
 */
#include "fuzz.h"
#include "base/hash.h"
#include "engine/cpu.h"
#include "model/registry.h"
#include "store/part_file.h"
#include "store/results.h"
#include "store/store.h"

/* bytes of host/store/part_file.c: preamble and header end with their checksums; where some of its numbers are */
enum { HEADER = 328, PREAMBLE = 48, FLIGHTS = 128, COUNTS = 136, BYTES = 272 };

static void sum_up(uint8_t *at, const void *bytes, size_t count) {
  const uint64_t sum = basin_hash(0, bytes, count);
  memcpy(at, &sum, sizeof sum);
}

/* what was changed on purpose has the right checksums, size and counts */
static void make_right(const basin_experiment *e, uint8_t *bytes, size_t size) {
  const basin_job job = basin_part_job(e, 0, 0, e->trials);
  basin_piece piece[BASIN_PART_PIECES_ALL];
  basin_part part = {.count = job.count};
  basin_range range;
  int64_t flights;
  uint64_t sum = 0;
  if (size < HEADER) return;
  const int64_t behind = (int64_t)size - HEADER;
  memcpy(bytes + BYTES, &behind, sizeof behind);
  memcpy(&flights, bytes + FLIGHTS, sizeof flights);
  if (flights >= 0 && flights <= job.count &&
      (double)behind == basin_part_file_bytes(&job, flights)) {
    uint8_t *at = bytes + HEADER;
    basin_part_pieces(&part, &job, flights, piece);
    for (int i = 0; i < BASIN_PART_PIECES; at += piece[i++].bytes) {
      *piece[i].array = at;
      sum = basin_hash(sum, at, piece[i].bytes);
    }
    int small = 1;
    for (int64_t t = 0; t < part.count; t++) small = small && part.steps[t] >> 40 == 0;
    if (small) {
      basin_part_count(&part, &range);
      memcpy(bytes + COUNTS, &range.steps, sizeof range.steps);
      memcpy(bytes + COUNTS + 8, range.outcomes, sizeof range.outcomes);
    }
  }
  memcpy(bytes + HEADER - 16, &sum, sizeof sum);
  sum_up(bytes + PREAMBLE - 8, bytes, PREAMBLE - 8);
  sum_up(bytes + HEADER - 8, bytes, HEADER - 8);
}

/* a part half done goes on to its end: every trial has an outcome then */
static void go_on(const basin_experiment *e, const char *folder) {
  basin_error error = {""};
  basin_watch watch = {0};
  basin_part part;
  const basin_job job = basin_part_job(e, 0, 0, e->trials);
  if (basin_part_allocate(&job, &part, &error)) abort();
  if (fuzz_judge(basin_part_resume(folder, e, 0, &job, &part, &error), &error)) {
    if (basin_cpu_run(&job, BASIN_ISA_GENERIC, &part, &watch)) abort();
    for (int64_t i = 0; i < part.count; i++)
      if (part.outcome[i] < 0 || part.outcome[i] >= e->outcomes.count) abort();
  }
  basin_part_free(&part);
}

/* a finished one is damaged, or becomes a file that can be read */
static void assemble(const basin_experiment *e, const char *folder) {
  char output[256];
  basin_error error = {""};
  basin_store store;
  basin_results *r = NULL;
  basin_summary s;
  snprintf(output, sizeof output, "%s", fuzz_name("made.h5"));
  basin_status status = basin_store_open(&store, e, folder, e->trials, &error);
  if (!status) status = basin_store_list(&store, 1, &error);
  if (!status && store.parts.count)
    status = basin_store_assemble(&store, output, NULL, 1, NULL, &error);
  if (fuzz_judge(status, &error) && store.parts.count) {
    if (basin_results_open(output, &r, &error) || basin_results_summary(r, 0, &s, &error)) {
      puts(error.text);
      abort();
    }
    basin_results_close(r);
    unlink(output);
  }
  basin_store_close(&store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static basin_experiment *e;
  char folder[256], path[256];
  if (!e) e = fuzz_experiment();
  if (!size) return 0;
  uint8_t *bytes = malloc(size);
  if (!bytes) return 0;
  const int saved = data[0] & 1;
  memcpy(bytes, data + 1, --size);
  if (data[0] & 2) make_right(e, bytes, size);
  snprintf(
      path, sizeof path, "%s",
      fuzz_file(saved ? "c000000-t0000000000000-n16.part.saved" : "c000000-t0000000000000-n16.part",
                bytes, size));
  free(bytes);
  snprintf(folder, sizeof folder, "%s", fuzz_folder);
  if (saved) go_on(e, folder);
  else assemble(e, folder);
  unlink(path);
  return 0;
}
