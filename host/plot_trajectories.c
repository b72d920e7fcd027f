/* SPDX-License-Identifier: MIT
 *
 * plot_trajectories.c: an observable along the recorded trajectories, apart for each outcome.
 */
#include "model.h"
#include "plot.h"
#include "statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* the recorded trials of one cell that ended alike */
typedef struct bundle {
  int64_t cell;
  int outcome;
  int64_t trials;
} bundle;

static basin_status find_bundles(basin_figure *f, bundle *list, int *count, basin_error *error) {
  *count = 0;
  for (int64_t c = 0; c < f->cells; c++) {
    int64_t ended[BASIN_OUTCOMES] = {0};
    const int64_t recorded = basin_results_recorded(f->results);
    const int64_t end = basin_results_missing(f->results) || f->cell[c].trials > recorded
                            ? recorded
                            : f->cell[c].trials;
    for (int64_t r = 0; r < end; r++) {
      int outcome;
      int64_t steps;
      const basin_status status = basin_results_trial(f->results, c, r, &outcome, &steps, error);
      if (status) return status;
      if (outcome >= 0) ended[outcome]++;
    }
    for (int i = 0; i < BASIN_OUTCOMES; i++) {
      const int o = (i + BASIN_GLOBAL) % BASIN_OUTCOMES; /* global first, unresolved last */
      if (!ended[o]) continue;
      if (*count == BASIN_SERIES_MAX)
        return basin_fail(error, BASIN_BAD_INPUT,
                          "more than %d bundles of trajectories to draw; narrow the grid",
                          BASIN_SERIES_MAX);
      list[(*count)++] = (bundle){c, o, ended[o]};
    }
  }
  if (!*count)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "the output has no recorded trajectories; see `record` in the experiment");
  return BASIN_OK;
}

/* a data block: step, quantiles 5%, 25%, 50%, 75%, 95% over the bundle's trials */
static basin_status write_bundle(basin_figure *f, const bundle *b, int panel, int number,
                                 const double *value, basin_error *error) {
  static const double at[] = {0.05, 0.25, 0.5, 0.75, 0.95};
  const int64_t times = basin_results_times(f->results),
                recorded = basin_results_recorded(f->results);
  double *sample = calloc((size_t)recorded + 1, sizeof *sample),
         *last = calloc((size_t)recorded + 1, sizeof *last);
  char *member = calloc((size_t)recorded + 1, 1);
  basin_status status = sample && last && member ? BASIN_OK : basin_fail_memory(error);
  for (int64_t r = 0; r < recorded && r < f->cell[b->cell].trials && !status; r++) {
    int outcome;
    int64_t steps;
    status = basin_results_trial(f->results, b->cell, r, &outcome, &steps, error);
    member[r] = outcome == b->outcome;
    last[r] = NAN;
  }
  fprintf(f->pipe, "$bundle%d_%d << EOD\n", panel, number);
  for (int64_t t = 0; t < times && !status; t++) {
    int64_t n = 0, fresh = 0;
    double q[5];
    for (int64_t r = 0; r < recorded; r++) {
      if (!member[r]) continue;
      const double x = value[r * times + t];
      fresh += !isnan(x);
      if (!isnan(x)) last[r] = x; /* a trial that has ended keeps its last value */
      if (!isnan(last[r])) sample[n++] = last[r];
    }
    if (!fresh) break;
    basin_quantiles(sample, n, at, 5, q);
    fprintf(f->pipe, "%lld %.10g %.10g %.10g %.10g %.10g\n",
            (long long)basin_results_time(f->results)[t], q[0], q[1], q[2], q[3], q[4]);
  }
  fputs("EOD\n", f->pipe);
  free(member);
  free(last);
  free(sample);
  return status;
}

static basin_status draw_panel(basin_figure *f, const bundle *list, int bundles, int panel,
                               const char *observable, basin_error *error) {
  const int64_t size = basin_results_times(f->results) * basin_results_recorded(f->results);
  double *value = calloc((size_t)size + 1, sizeof *value);
  char units[32] = "1";
  basin_status status = value ? BASIN_OK : basin_fail_memory(error);
  for (int i = 0; i < bundles && !status; i++) {
    status = basin_results_trajectory(f->results, list[i].cell, observable, value, units, error);
    if (!status) status = write_bundle(f, &list[i], panel, i, value, error);
  }
  free(value);
  if (status) return status;
  const int64_t *time = basin_results_time(f->results), times = basin_results_times(f->results);
  if (times > 2 && time[times - 1] > 100 * (times - 1))
    fputs("set logscale x\nset format x '10^{%T}'\n", f->pipe);
  fputs("set xlabel 'step'\nset ylabel ", f->pipe);
  char label[BASIN_LABEL_BYTES];
  snprintf(label, sizeof label, strcmp(units, "1") ? "%s [%s]" : "%s", observable, units);
  basin_plot_quote(f->pipe, label);
  fputs(f->log_scale ? "\nset logscale y\nset format y '10^{%T}'\n" : "\n", f->pipe);
  for (int i = 0; i < bundles; i++) {
    const char *c = basin_plot_colour[i % BASIN_COLOURS];
    char name[BASIN_LABEL_BYTES];
    basin_plot_label_trials(f, list[i].cell, list[i].outcome, list[i].trials, name);
    fprintf(f->pipe, "%s", i ? ", " : "plot ");
    if (list[i].trials > 1)
      fprintf(f->pipe,
              "$bundle%d_%d using 1:2:6 with filledcurves fs transparent solid 0.15 noborder lc "
              "rgb '%s' notitle, "
              "$bundle%d_%d using 1:3:5 with filledcurves fs transparent solid 0.3 noborder lc rgb "
              "'%s' notitle, ",
              panel, i, c, panel, i, c);
    fprintf(f->pipe, "$bundle%d_%d using 1:4 with lines lw 2 lc rgb '%s' title ", panel, i, c);
    basin_plot_quote(f->pipe, name);
  }
  fputc('\n', f->pipe);
  return BASIN_OK;
}

basin_status basin_plot_trajectories(basin_figure *f, const char *title, const char **observable,
                                     int panels, basin_error *error) {
  bundle list[BASIN_SERIES_MAX];
  int bundles;
  basin_status status = find_bundles(f, list, &bundles, error);
  for (int i = 0; i < panels && !status; i++) {
    int known = 0;
    for (int j = 0; j < basin_results_observables(f->results); j++)
      known |= !strcmp(observable[i], basin_results_observable(f->results, j));
    if (!known)
      status = basin_results_trajectory(f->results, 0, observable[i], NULL, NULL,
                                        error); /* says what there is */
  }
  for (int i = 0; i < bundles && !status; i++) {
    char label[BASIN_LABEL_BYTES];
    basin_plot_label_trials(f, list[i].cell, list[i].outcome, list[i].trials, label);
    basin_plot_key(f, label);
  }
  if (!status) status = basin_plot_start(f, title, panels, error);
  for (int i = 0; i < panels && !status; i++)
    status = draw_panel(f, list, bundles, i, observable[i], error);
  return status ? status : basin_plot_end(f, panels, error);
}
