/* SPDX-License-Identifier: MIT
 *
 * judge.c: an output file beside the experiment that it is of.
 */
#include "store/results_file.h"
#include "base/files.h"

int basin_results_matches(const basin_results *r, const basin_experiment *e) {
  return r->identity == e->identity && r->trials_asked == e->trials &&
         r->halfwidth == e->halfwidth && r->max_trials == e->max_trials && r->cells == e->cells;
}

basin_status basin_judge_cell(const basin_experiment *e, const char *path, int64_t cell,
                              int64_t trials, const int64_t *outcomes, basin_error *error) {
  const int64_t unresolved = outcomes[BASIN_UNRESOLVED], diverged = outcomes[BASIN_DIVERGED];
  const double n = (double)trials;
  if ((double)unresolved <= e->allow_unresolved * n && (double)diverged <= e->allow_diverged * n)
    return BASIN_OK;
  return basin_fail(error, BASIN_OUTSIDE,
                    "%s: cell %lld has %lld of %lld trials unresolved and %lld diverged, more than "
                    "the experiment allows",
                    path, (long long)cell, (long long)unresolved, (long long)trials,
                    (long long)diverged);
}

basin_status basin_results_check(const char *path, const basin_experiment *e, int *complete,
                                 basin_error *error) {
  basin_results *r;
  *complete = 0;
  if (!basin_is_there(path)) return BASIN_OK;
  basin_status status = basin_results_open(path, &r, error);
  if (status) return status;
  if (!basin_results_matches(r, e))
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "%s: holds another experiment, or other trials; give another name with -o, "
                        "or remove it",
                        path);
  for (int64_t c = 0; c < r->cells && !r->missing && status != BASIN_BAD_INPUT; c++) {
    basin_summary s;
    basin_error other;
    const basin_status read = basin_results_outcomes(r, c, &s, &other);
    if (read) {
      status = read;
      *error = other;
    } else if (!status) status = basin_judge_cell(e, path, c, s.trials, s.outcomes, error);
  }
  *complete = !r->missing && (!status || status == BASIN_OUTSIDE);
  basin_results_close(r);
  return status;
}

int64_t basin_results_wide(basin_results *r, double *halfwidth, int64_t *max_trials) {
  int64_t wide = 0;
  *halfwidth = r->halfwidth;
  *max_trials = r->max_trials;
  for (int64_t c = 0; c < r->cells && r->halfwidth > 0; c++) {
    basin_summary s;
    basin_error ignored = {""};
    if (!basin_results_outcomes(r, c, &s, &ignored))
      wide += (s.success.high - s.success.low) / 2 > r->halfwidth;
  }
  return wide;
}
