/* SPDX-License-Identifier: MIT
 *
 * plot_trajectories.c: an observable along the recorded trajectories, apart for each outcome.
 */
#include "seam/setting.h"
#include "cli/plot.h"
#include "base/statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* the recorded trials of one cell that ended alike */
typedef struct bundle {
  int64_t cell;
  int outcome;
  int64_t trials;
} bundle;

/* Each recorded trial's outcome; -1: there is none, or a partial file lacks it. outcome[recorded] */
static basin_status read_outcomes(const basin_figure *f, int64_t cell, double *outcome,
                                  basin_error *error) {
  const int64_t recorded = basin_results_recorded(f->results), trials = f->cell[cell].trials;
  const int64_t end = basin_results_missing(f->results) || trials > recorded ? recorded : trials;
  for (int64_t r = end; r < recorded; r++) outcome[r] = -1;
  return basin_results_read(f->results, "outcome", cell, 0, end, outcome, error);
}

static basin_status find_bundles(basin_figure *f, bundle *list, int *count, basin_error *error) {
  const int64_t recorded = basin_results_recorded(f->results);
  double *outcome = calloc((size_t)recorded + 1, sizeof *outcome);
  basin_status status = outcome ? BASIN_OK : basin_fail_memory(error);
  *count = 0;
  for (int64_t c = 0; c < f->cells && !status; c++) {
    int64_t ended[BASIN_OUTCOMES] = {0};
    status = read_outcomes(f, c, outcome, error);
    for (int64_t r = 0; r < recorded && !status; r++)
      if (outcome[r] >= 0 && outcome[r] < BASIN_OUTCOMES) ended[(int)outcome[r]]++;
    for (int i = 0; i < BASIN_OUTCOMES && !status; i++) {
      const int o = (i + BASIN_GLOBAL) % BASIN_OUTCOMES; /* global first, unresolved last */
      if (!ended[o]) continue;
      if (*count == BASIN_SERIES_MAX)
        status = basin_fail(error, BASIN_BAD_INPUT,
                            "more than %d bundles of trajectories to draw; narrow the grid",
                            BASIN_SERIES_MAX);
      else list[(*count)++] = (bundle){c, o, ended[o]};
    }
  }
  free(outcome);
  if (status) return status;
  if (!*count)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "the output has no recorded trajectories; see `record` in the experiment");
  return BASIN_OK;
}

/* What is drawn of a bundle: the median, and two bands about it, from one quantile to its opposite. */
enum { MEDIAN, HALF, MOST, BANDS };
static const double tail[BANDS] = {0.5, 0.25, 0.05};

typedef struct panel {
  basin_span span_x, span_y;
  int64_t points[BASIN_SERIES_MAX][BANDS];
  int logarithmic_x;
  double *value; /* [recorded][times] of one bundle's cell */
  int64_t
      *reach; /* [recorded] index of the last record; -1: none, or the trial is not of the bundle */
  double *last;    /* [recorded] the record read last */
  double *sample;  /* [recorded] scratch */
  double *outcome; /* [recorded] of the bundle's cell */
} panel;

static basin_status find_reach(basin_figure *f, const bundle *b, panel *p, basin_error *error) {
  const int64_t times = basin_results_times(f->results),
                recorded = basin_results_recorded(f->results);
  const basin_status status = read_outcomes(f, b->cell, p->outcome, error);
  for (int64_t r = 0; r < recorded && !status; r++) {
    p->reach[r] = -1;
    p->last[r] = NAN;
    for (int64_t t = 0; t < times && p->outcome[r] == b->outcome; t++)
      if (!isnan(p->value[r * times + t])) p->reach[r] = t;
  }
  return status;
}

/* Quantiles at one of the recorded times. A trial that has ended counts with its last value, so that they stay those of
   all trials; the median, or a band, ends where ended trials could make it up. Whether the median is there. */
static int write_row(basin_figure *f, panel *p, int64_t *points, int64_t time) {
  const int64_t times = basin_results_times(f->results),
                recorded = basin_results_recorded(f->results),
                step = basin_results_time(f->results)[time];
  int64_t n = 0, ended = 0;
  for (int64_t r = 0; r < recorded; r++) {
    const double x = p->value[r * times + time];
    if (p->reach[r] < 0) continue;
    if (!isnan(x)) p->last[r] = x;
    if (isnan(p->last[r])) continue;
    ended += p->reach[r] < time;
    p->sample[n++] = p->last[r];
  }
  if ((double)ended > tail[MEDIAN] * (double)(n - 1)) return 0;
  fprintf(f->pipe, "%lld", (long long)step);
  for (int band = 0; band < BANDS; band++) {
    const double at[] = {tail[band], 1 - tail[band]};
    double q[2];
    const int there = (double)ended <= tail[band] * (double)(n - 1);
    basin_quantiles(p->sample, n, at, 2, q);
    for (int i = 0; i < 2; i++) {
      if (there && isfinite(q[i])) fprintf(f->pipe, " %.10g", q[i]);
      else fputs(" NaN", f->pipe);
      if (there) basin_plot_widen(&p->span_y, q[i], f->log_scale);
    }
    const int drawn = there && isfinite(q[0]) && isfinite(q[1]) && (!f->log_scale || q[0] > 0);
    points[band] += drawn;
    if (drawn) basin_plot_widen(&p->span_x, (double)step, p->logarithmic_x);
  }
  putc('\n', f->pipe);
  return 1;
}

/* A data block for each bundle: the step, then two quantiles of the median, which are the same, and of each band. */
static basin_status write_bundles(basin_figure *f, const bundle *list, int bundles, int number,
                                  const char *observable, panel *p, basin_error *error) {
  int64_t medians = 0;
  for (int i = 0; i < bundles; i++) {
    basin_status status = basin_results_read(f->results, observable, list[i].cell, 0,
                                             basin_results_recorded(f->results), p->value, error);
    if (!status) status = find_reach(f, &list[i], p, error);
    if (status) return status;
    fprintf(f->pipe, "$bundle%d_%d << EOD\n", number, i);
    for (int64_t t = 0; t < basin_results_times(f->results); t++)
      if (!write_row(f, p, p->points[i], t)) break;
    fputs("EOD\n", f->pipe);
    medians += p->points[i][MEDIAN];
  }
  return medians ? BASIN_OK
                 : basin_fail(error, BASIN_BAD_INPUT, "no value of %s is %s: nothing to draw",
                              observable, f->log_scale ? "finite and above 0" : "finite");
}

static void draw_bundle(basin_figure *f, const bundle *b, int number, int index,
                        const int64_t *points, const char **separator) {
  const char *colour = basin_plot_colour[index % BASIN_COLOURS];
  char name[BASIN_LABEL_BYTES];
  for (int band = BANDS - 1; band > MEDIAN && b->trials > 1; band--) {
    if (points[band] < 2) continue;
    fprintf(f->pipe,
            "%s$bundle%d_%d using 1:%d:%d with filledcurves fs transparent solid %s noborder lc "
            "rgb '%s' notitle",
            *separator, number, index, 2 + 2 * band, 3 + 2 * band, band == MOST ? "0.15" : "0.3",
            colour);
    *separator = ", ";
  }
  if (!points[MEDIAN]) return;
  fprintf(f->pipe, "%s$bundle%d_%d using 1:2 with %s lc rgb '%s' title ", *separator, number, index,
          points[MEDIAN] > 1 ? "lines lw 2" : "points pt 7 ps 0.8", colour);
  *separator = ", ";
  basin_plot_label_trials(f, b->cell, b->outcome, b->trials, name);
  basin_plot_quote(f->pipe, name);
}

static basin_status draw_panel(basin_figure *f, const bundle *list, int bundles, int number,
                               const char *observable, panel *p, basin_error *error) {
  const int64_t *time = basin_results_time(f->results), times = basin_results_times(f->results);
  const char *separator = "plot ";
  char label[BASIN_LABEL_BYTES];
  basin_array array;
  p->span_x = p->span_y = BASIN_NO_SPAN;
  p->logarithmic_x = times > 2 && time[times - 1] > 100 * (times - 1);
  memset(p->points, 0, sizeof p->points);
  basin_status status = basin_results_array_find(f->results, observable, &array, error);
  if (!status) status = write_bundles(f, list, bundles, number, observable, p, error);
  if (status) return status;
  if (p->logarithmic_x) fputs("set logscale x\nset format x '10^{%T}'\n", f->pipe);
  if (f->log_scale) fputs("set logscale y\nset format y '10^{%T}'\n", f->pipe);
  basin_plot_range(f, 'x', p->logarithmic_x, &p->span_x);
  basin_plot_range(f, 'y', f->log_scale, &p->span_y);
  fputs("set xlabel 'step'\nset ylabel ", f->pipe);
  snprintf(label, sizeof label, strcmp(array.units, "1") ? "%s [%s]" : "%s", observable,
           array.units);
  basin_plot_quote(f->pipe, label);
  putc('\n', f->pipe);
  for (int i = 0; i < bundles; i++) draw_bundle(f, &list[i], number, i, p->points[i], &separator);
  putc('\n', f->pipe);
  return BASIN_OK;
}

static basin_status draw_panels(basin_figure *f, const bundle *list, int bundles,
                                const char **observable, int panels, basin_error *error) {
  const size_t recorded = (size_t)basin_results_recorded(f->results) + 1,
               times = (size_t)basin_results_times(f->results) + 1;
  panel *p = calloc(1, sizeof *p);
  basin_status status = BASIN_OK;
  if (!p) return basin_fail_memory(error);
  p->value = calloc(recorded * times, sizeof *p->value);
  p->reach = calloc(recorded, sizeof *p->reach);
  p->last = calloc(recorded, sizeof *p->last);
  p->sample = calloc(recorded, sizeof *p->sample);
  p->outcome = calloc(recorded, sizeof *p->outcome);
  if (!p->value || !p->reach || !p->last || !p->sample || !p->outcome)
    status = basin_fail_memory(error);
  for (int i = 0; i < panels && !status; i++)
    status = draw_panel(f, list, bundles, i, observable[i], p, error);
  free(p->outcome);
  free(p->sample);
  free(p->last);
  free(p->reach);
  free(p->value);
  free(p);
  return status;
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
  if (!status) status = draw_panels(f, list, bundles, observable, panels, error);
  return status ? status : basin_plot_end(f, panels, error);
}
