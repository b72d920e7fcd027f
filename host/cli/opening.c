/* SPDX-License-Identifier: MIT */
#include "cli/opening.h"
#include "base/files.h"
#include "campaign/unfinished.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { GROUPS_SHOWN = 8 };

/* "cells 0 to 3: 320 of 1500 trials": neighbours that are alike are told of together */
static void tell_cells(const basin_unfinished *u) {
  const int64_t *count = u->count, *target = u->store.target, cells = u->store.experiment->cells;
  int groups = 0;
  for (int64_t c = 0, end; c < cells; c = end) {
    for (end = c + 1; end < cells && count[end] == count[c] && target[end] == target[c];) end++;
    if (++groups > GROUPS_SHOWN) {
      fprintf(stderr, "; and so on");
      return;
    }
    fprintf(stderr, "%scell%s %lld", groups > 1 ? "; " : "", end > c + 1 ? "s" : "", (long long)c);
    if (end > c + 1) fprintf(stderr, " to %lld", (long long)end - 1);
    fprintf(stderr, ": %lld of %lld%s", (long long)count[c], (long long)target[c],
            end > c + 1 ? " each" : "");
  }
}

static void tell(const char *path, const basin_unfinished *u) {
  if (u->trials == u->trials_total) {
    fprintf(stderr, "note: %s: all %lld trials are there, and the output file is not made yet\n",
            path, (long long)u->trials);
    return;
  }
  fprintf(stderr,
          "note: %s: the run has not ended: %lld of %lld trials are there, in whole parts (", path,
          (long long)u->trials, (long long)u->trials_total);
  tell_cells(u);
  fprintf(stderr, ")\nnote: parts whose trials end early are there first: rates so far lean "
                  "towards them\n");
}

basin_status basin_opening_results(const char *path, basin_results **results, basin_error *error) {
  struct stat there;
  basin_unfinished u;
  basin_error other;
  int found = 0;
  *results = NULL;
  const int folder = !stat(path, &there) && S_ISDIR(there.st_mode);
  if (basin_is_there(path) && !folder) return basin_results_open(path, results, error);
  basin_status status = basin_unfinished_open(path, 1, &u, &found, error);
  if (found) {
    status = basin_unfinished_results(&u, path, results, error);
    if (!status) tell(path, &u);
    basin_unfinished_close(&u);
  }
  if (*results && !status) return BASIN_OK;

  /* there is none; or it has ended just now */
  if (!basin_results_open(path, results, status ? &other : error)) return BASIN_OK;
  return status ? status : BASIN_BAD_INPUT;
}

basin_status basin_opening_output(const char *input, const char *output, basin_error *error) {
  struct stat read, made;
  if (!stat(input, &read) && !stat(output, &made) && read.st_dev == made.st_dev &&
      read.st_ino == made.st_ino)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: is what is read, give another name with -o",
                      output);
  if (basin_is_irregular(output))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: a folder, a pipe, or a link that leads nowhere, expected a file",
                      output);
  return BASIN_OK;
}
