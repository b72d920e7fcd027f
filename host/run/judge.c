/* SPDX-License-Identifier: MIT
 *
 * judge.c: what has been run beside what the experiment asks for: more trials, or fewer that end nowhere.
 */
#include "run/run.h"
#include "store/results.h"
#include "store/search.h"
#include "store/until.h"

static basin_status judge_cell(const basin_experiment *e, const char *path, int64_t cell,
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

static basin_status raise_until(basin_store *s, int *raised, basin_error *error) {
  if (!(s->experiment->halfwidth > 0)) return BASIN_OK;
  for (int64_t c = 0; c < s->experiment->cells; c++) {
    basin_range sum;
    const basin_status status = basin_store_count(s, c, s->target[c], &sum, error);
    if (status) return status;
    const int64_t enough = basin_until_enough(s->experiment, s->target[c],
                                              sum.outcomes[BASIN_GLOBAL]);
    if (enough > s->target[c]) *raised = 1;
    s->target[c] = enough;
  }
  return BASIN_OK;
}

basin_status basin_store_raise(basin_store *s, int *raised, basin_error *error) {
  *raised = 0;
  const basin_status status = raise_until(s, raised, error);
  return status || !s->search ? status : basin_search_round(s->search, s, raised, error);
}

basin_status basin_store_judge(const basin_store *s, const char *path, basin_error *error) {
  basin_status status = BASIN_OK;
  for (int64_t c = 0; c < s->experiment->cells && !status; c++) {
    basin_range sum;
    status = basin_store_count(s, c, s->target[c], &sum, error);
    if (!status) status = judge_cell(s->experiment, path, c, sum.count, sum.outcomes, error);
  }
  return status;
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
  const int64_t missing = basin_results_missing(r);
  for (int64_t c = 0; c < basin_results_cells(r) && !missing && status != BASIN_BAD_INPUT; c++) {
    basin_summary s;
    basin_error other;
    const basin_status read = basin_results_outcomes(r, c, &s, &other);
    if (read) {
      status = read;
      *error = other;
    } else if (!status) status = judge_cell(e, path, c, s.trials, s.outcomes, error);
  }
  *complete = !missing && (!status || status == BASIN_OUTSIDE);
  basin_results_close(r);
  return status;
}
