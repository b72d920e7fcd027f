/* SPDX-License-Identifier: MIT */
#include "campaign/unfinished.h"
#include "store/charter.h"
#include "store/results.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char TEMPORARY[] = "basin-unfinished";

/* ---- where the parts are ---- */

/* The folder of parts and the charter beside them, for what the path may be: a campaign's folder, an output file, the
   folder of its parts. 0 where there is none. */
static int find_parts(const char *path, char folder[BASIN_PATH_BYTES],
                      char charter[BASIN_PATH_BYTES]) {
  static const struct {
    const char *parts, *charter;
  } place[] = {{"/parts", "/campaign"},
               {".parts", ".parts/" BASIN_RUN_CHARTER},
               {"", "/" BASIN_RUN_CHARTER}};
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/') length--;
  if (!length || length + 64 > BASIN_PATH_BYTES) return 0;
  for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
    snprintf(folder, BASIN_PATH_BYTES, "%.*s%s", (int)length, path, place[i].parts);
    snprintf(charter, BASIN_PATH_BYTES, "%.*s%s", (int)length, path, place[i].charter);
    if (basin_is_there(charter)) return 1;
  }
  return 0;
}

int basin_unfinished_is_run(const char *path) {
  char folder[BASIN_PATH_BYTES], charter[BASIN_PATH_BYTES];
  return find_parts(path, folder, charter) && strstr(charter, "/" BASIN_RUN_CHARTER) != NULL;
}

static basin_status count_cells(basin_unfinished *u, basin_error *error) {
  const int64_t cells = u->store.experiment->cells;
  u->count = calloc((size_t)cells, sizeof *u->count);
  basin_status status = u->count ? BASIN_OK : basin_fail_memory(error);
  for (int64_t c = 0; c < cells && !status; c++) {
    basin_range sum;
    status = basin_store_count(&u->store, c, u->store.target[c], &sum, error);
    u->count[c] = sum.count;
    u->trials += sum.count;
    u->trials_total += u->store.target[c];
  }
  return status;
}

basin_status basin_unfinished_open(const char *path, int whole, basin_unfinished *u, int *found,
                                   basin_error *error) {
  char charter[BASIN_PATH_BYTES];
  int64_t part_trials = 0;
  *u = (basin_unfinished){0};
  *found = 0;
  if (!find_parts(path, u->folder, charter)) return BASIN_OK;
  basin_status status = basin_charter_read(charter, &u->experiment, &part_trials, error);
  if (status || !u->experiment) return status; /* gone by now: the run has ended */
  status = basin_store_open(&u->store, u->experiment, u->folder, part_trials, error);
  if (!status) status = basin_store_list(&u->store, whole, error);
  if (!status) status = basin_store_raise_all(&u->store, error);
  if (!status) status = count_cells(u, error);
  *found = !status;
  if (status) basin_unfinished_close(u);
  return status;
}

void basin_unfinished_close(basin_unfinished *u) {
  basin_store_close(&u->store);
  basin_experiment_free(u->experiment);
  free(u->count);
  *u = (basin_unfinished){0};
}

/* ---- as results ---- */

/* whether that is a file of ours; those of processes that were killed are swept */
static int is_ours(const char *base, const void *context) {
  (void)context;
  return !strncmp(base, TEMPORARY, strlen(TEMPORARY));
}

basin_status basin_unfinished_results(const basin_unfinished *u, const char *path,
                                      basin_results **results, basin_error *error) {
  const char *folder = getenv("TMPDIR");
  char base[BASIN_PATH_BYTES], file[BASIN_PATH_BYTES];
  *results = NULL;
  if (!u->trials)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: the run has not ended, and no part of it is finished yet", path);
  if (!folder || !*folder) folder = "/tmp";
  if (snprintf(base, sizeof base, "%s/%s", folder, TEMPORARY) >= (int)sizeof base ||
      !basin_temporary_name(base, file))
    return basin_fail(error, BASIN_BAD_INPUT, "TMPDIR: the path is too long");
  basin_sweep(folder, is_ours, NULL, 0);
  basin_status status = basin_store_assemble(&u->store, file, NULL, 1, NULL, error);
  if (status) return status;
  status = basin_results_open(file, results, error);
  unlink(file); /* what is open stays readable */
  if (!status) status = basin_results_call(*results, path, error);
  return status;
}

int basin_unfinished_runs(const basin_unfinished *u) {
  const int folder = open(u->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return 0;
  const int runs = flock(folder, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
  close(folder);
  return runs;
}
