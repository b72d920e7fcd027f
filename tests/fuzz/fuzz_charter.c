/* SPDX-License-Identifier: MIT
 *
 * fuzz_charter.c: any bytes as the charter of a campaign or a run: it is read whole, or refused with one line of
 * reason.
 */
#include "fuzz.h"
#include "store/charter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  basin_experiment *e = NULL;
  basin_error error = {""};
  int64_t part_trials = -1;
  if (fuzz_judge(basin_charter_read(fuzz_file("campaign", data, size), &e, &part_trials, &error),
                 &error)) {
    if (!e || part_trials < 0 || memchr(data, 0, size)) abort();
  } else if (e) abort();
  basin_experiment_free(e);
  return 0;
}
