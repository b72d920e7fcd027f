/* SPDX-License-Identifier: MIT
 *
 * structure.c: basin_version() and basin_structure(): what a language sees of the library that cannot read basin.h.
 */
#include "basin.h"
#include <string.h>

#define WHOLE(structure) \
  { #structure, 0, sizeof(structure) }
#define MEMBER(structure, member) \
  { #structure "." #member, offsetof(structure, member), sizeof(((structure *)0)->member) }

static const struct {
  const char *name;
  size_t offset, size;
} part[] = {
    WHOLE(basin_error),
    MEMBER(basin_error, text),

    WHOLE(basin_progress),
    MEMBER(basin_progress, trials),
    MEMBER(basin_progress, trials_total),
    MEMBER(basin_progress, trials_kept),
    MEMBER(basin_progress, trial_steps),
    MEMBER(basin_progress, seconds),
    MEMBER(basin_progress, seconds_left),
    MEMBER(basin_progress, backend),

    WHOLE(basin_run_options),
    MEMBER(basin_run_options, output),
    MEMBER(basin_run_options, backend),
    MEMBER(basin_run_options, devices),
    MEMBER(basin_run_options, isa),
    MEMBER(basin_run_options, threads),
    MEMBER(basin_run_options, part_trials),
    MEMBER(basin_run_options, save_seconds),
    MEMBER(basin_run_options, no_provenance),
    MEMBER(basin_run_options, extend),
    MEMBER(basin_run_options, progress),
    MEMBER(basin_run_options, context),
    MEMBER(basin_run_options, warn),
    MEMBER(basin_run_options, stop),
};

const char *basin_version(void) { return BASIN_VERSION; }

int basin_structure(const char *name, int64_t *offset, int64_t *size) {
  for (size_t i = 0; i < sizeof part / sizeof *part; i++)
    if (!strcmp(part[i].name, name)) {
      *offset = (int64_t)part[i].offset;
      *size = (int64_t)part[i].size;
      return 1;
    }
  return 0;
}
