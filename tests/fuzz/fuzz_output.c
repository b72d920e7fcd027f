/* SPDX-License-Identifier: MIT
 *
 * fuzz_output.c: any bytes as an output file. All that can be asked of it has an answer, or one line of reason.
 */
#include "fuzz.h"
#include "store/results.h"

enum { VALUES_MAX = 1 << 16, CELLS_MAX = 16 };

static void read_array(basin_results *r, const basin_array *a, int64_t cell, double *value) {
  basin_error error = {""};
  int64_t inner = 1;
  for (int i = 1; i < a->rank; i++) {
    if (a->size[i] < 0) abort();
    inner = a->size[i] && inner > VALUES_MAX / a->size[i] ? VALUES_MAX + 1 : inner * a->size[i];
  }
  if (a->rank < 1 || a->size[0] < 0 || inner > VALUES_MAX) return;
  const int64_t most = inner ? VALUES_MAX / inner : VALUES_MAX;
  const int64_t count = a->size[0] < most ? a->size[0] : most;
  fuzz_judge(basin_results_read(r, a->name, cell, 0, count, value, &error), &error);
}

static void ask(basin_results *r, int thorough) {
  static double value[VALUES_MAX];
  basin_error error = {""};
  basin_refinement refinement;
  basin_crossing crossing;
  basin_experiment *e = NULL;
  basin_rates rates;
  int64_t variables, max_trials, first_cell, first_trial;
  double halfwidth;
  const int64_t cells = basin_results_cells(r) < CELLS_MAX ? basin_results_cells(r) : CELLS_MAX;
  if (!basin_results_title(r) || !basin_results_experiment(r) || !basin_results_version(r)) abort();
  for (int64_t t = 0; t < basin_results_times(r); t++)
    if (t && basin_results_time(r)[t] <= basin_results_time(r)[t - 1]) abort();
  for (int64_t c = 0; c < cells; c++) {
    basin_summary s;
    if (fuzz_judge(basin_results_summary(r, c, &s, &error), &error)) {
      int64_t sum = 0;
      for (int o = 0; o < BASIN_OUTCOMES_MAX; o++) sum += s.outcomes[o];
      if (sum != s.trials || !s.variant) abort();
    }
    for (int i = 0; i < basin_results_arrays(r) && c == 0; i++) {
      basin_array array;
      if (fuzz_judge(basin_results_array(r, i, &array, &error), &error))
        read_array(r, &array, c, value);
    }
  }
  /* two thousand resamples take as long as a hundred files */
  if (cells && thorough && basin_results_recorded(r) < 8)
    fuzz_judge(
        basin_results_rates(r, 0, &(basin_rates_options){.observable = NULL}, &rates, &error),
        &error);
  for (int64_t i = 0;
       basin_results_refinement(r, &refinement) && i < refinement.crossings && i < CELLS_MAX; i++)
    fuzz_judge(basin_results_crossing(r, i, &crossing, &error), &error);
  fuzz_judge(basin_results_first(r, &first_cell, &first_trial, &error), &error);
  basin_results_wide(r, &halfwidth, &max_trials);
  fuzz_judge(basin_results_verify(r, &variables, &error), &error);
  if (fuzz_judge(basin_results_read_experiment(r, &e, &error), &error)) basin_experiment_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  basin_results *r = NULL;
  basin_error error = {""};
  const char *path = fuzz_file("output.h5", data, size);
  if (fuzz_judge(basin_results_open(path, &r, &error), &error)) {
    ask(r, size % 64 == 0);
    basin_results_close(r);
  } else if (r) abort();
  return 0;
}
