/* SPDX-License-Identifier: MIT
 *
 * plot_trajectories.c: an observable along the recorded trajectories, apart for each outcome; and beside the loss its
 * mean at infinite width, where the file has that (record.limit).
 */
#include "seam/setting.h"
#include "cli/plot_axis.h"
#include "base/statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* the recorded trials of one cell that ended alike */
typedef struct bundle {
  int64_t cell; /* of the figure */
  int outcome;
  int64_t trials;
  int group, number; /* the group, and its number there */
} bundle;

typedef struct bundles {
  int count;
  bundle one[BASIN_SERIES_MAX];
  basin_groups groups;
  basin_label *name; /* [cells] */
  basin_page page;
} bundles;

/* Each recorded trial's outcome; -1: there is none, or a partial file lacks it. outcome[recorded] */
static basin_status read_outcomes(const basin_figure *f, int64_t cell, double *outcome,
                                  basin_error *error) {
  const int64_t recorded = basin_results_recorded(f->results), trials = f->cell[cell].trials;
  const int64_t end = basin_results_missing(f->results) || trials > recorded ? recorded : trials;
  for (int64_t r = end; r < recorded; r++) outcome[r] = -1;
  return basin_results_read(f->results, "outcome", f->cell[cell].index, 0, end, outcome, error);
}

/* a cell's bundles: ended[BASIN_OUTCOMES_MAX] trials each */
static basin_status add_bundles(const basin_outcomes *outcomes, bundles *b, int64_t cell,
                                const int64_t *ended, basin_error *error) {
  int together = 0, here = 0;
  for (int o = 0; o < outcomes->count; o++) together += ended[o] > 0;
  for (int i = 0; i < outcomes->count; i++) {
    bundle one = {.cell = cell, .outcome = basin_plot_outcome(outcomes, i)};
    one.trials = ended[one.outcome];
    if (!one.trials) continue;
    one.group = basin_groups_put(&b->groups, together, here++, &one.number);
    if (one.group < 0)
      return basin_page_too_many("panels of trajectories", BASIN_PANELS_MAX, error);
    b->one[b->count++] = one;
  }
  return BASIN_OK;
}

static basin_status find_bundles(basin_figure *f, bundles *b, basin_error *error) {
  const basin_outcomes *outcomes = basin_results_outcomes_of(f->results);
  const int64_t recorded = basin_results_recorded(f->results);
  double *outcome = calloc((size_t)recorded + 1, sizeof *outcome);
  basin_status status = outcome ? BASIN_OK : basin_fail_memory(error);
  for (int64_t c = 0; c < f->cells && !status; c++) {
    int64_t ended[BASIN_OUTCOMES_MAX] = {0};
    status = read_outcomes(f, c, outcome, error);
    for (int64_t r = 0; r < recorded && !status; r++)
      if (outcome[r] >= 0 && outcome[r] < outcomes->count) ended[(int)outcome[r]]++;
    if (!status) status = add_bundles(outcomes, b, c, ended, error);
  }
  free(outcome);
  if (!status && !b->count)
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "the output has no recorded trajectories; see `record` in the experiment");
  return status;
}

/* ---- the mean loss at infinite width ---- */

static const basin_style limit_style = {"#000000", "1", 0, 1};

/* whether there may be curves of it beside an observable */
static int has_limit(const basin_figure *f, const char *observable) {
  return !strcmp(observable, "loss") && basin_results_has_limit_curves(f->results);
}

/* Those of the cells of one panel. Curves that are alike are one: cells that differ in their width alone often have the
   same, but for rounding. */
typedef struct limits {
  int count;
  int64_t cell[BASIN_CURVES_MAX];
  const char *colour[BASIN_CURVES_MAX]; /* of the first bundle of the cell */
  double *curve;                        /* [BASIN_CURVES_MAX][times] */
} limits;

static int are_alike(const double *x, const double *y, int64_t times) {
  for (int64_t t = 0; t < times; t++)
    if (!(fabs(x[t] - y[t]) <= 1e-6 * fabs(x[t]))) return 0;
  return 1;
}

static basin_status find_limits(basin_figure *f, const bundles *b, int group, limits *l,
                                basin_error *error) {
  const int64_t times = basin_results_times(f->results);
  basin_status status = BASIN_OK;
  for (int i = 0; i < b->count && !status; i++) {
    const bundle *one = &b->one[i];
    double *curve = l->curve + l->count * times;
    int known = one->group != group;
    for (int j = 0; j < l->count; j++) known |= l->cell[j] == one->cell;
    if (known) continue;
    status = basin_results_limit_curve(f->results, f->cell[one->cell].index, curve, error);
    for (int j = 0; j < l->count; j++) known |= are_alike(l->curve + j * times, curve, times);
    if (status || known || isnan(curve[0])) continue;
    l->cell[l->count] = one->cell;
    l->colour[l->count++] = basin_style_of(one->number, b->groups.of[group]).colour;
  }
  return status;
}

/* a data block for each, of the steps within the span, which the curves that fall make higher */
static void write_limits(basin_figure *f, const limits *l, int number, const basin_span *x,
                         basin_span *y) {
  const int64_t *time = basin_results_time(f->results), times = basin_results_times(f->results);
  for (int j = 0; j < l->count; j++) {
    const double *curve = l->curve + j * times;
    fprintf(f->pipe, "$limit%d_%d << EOD\n", number, j);
    for (int64_t t = 0; t < times; t++) {
      if ((double)time[t] < x->least || (double)time[t] > x->most) continue;
      if (!isfinite(curve[t]) || (f->log_scale && curve[t] <= 0)) continue;
      fprintf(f->pipe, "%lld %.10g\n", (long long)time[t], curve[t]);
      if (curve[t] <= curve[0]) basin_span_widen(y, curve[t], f->log_scale);
    }
    fputs("EOD\n", f->pipe);
  }
}

/* one alone in black, as the legend has it; of several each in the colour of its cell */
static void draw_limits(basin_figure *f, const limits *l, int number, const char **separator) {
  for (int j = 0; j < l->count; j++) {
    basin_style style = limit_style;
    if (l->count > 1) style.colour = l->colour[j];
    fprintf(f->pipe, "%s$limit%d_%d using 1:2 with lines ", *separator, number, j);
    basin_style_lines(f, &style);
    *separator = ", ";
  }
}

/* ---- the trials ---- */

/* What is drawn of a bundle: the median, and two bands about it, from one quantile to its opposite. */
enum { MEDIAN, HALF, MOST, BANDS, CURVES_WITH_ALL = 4 };
static const double tail[BANDS] = {0.5, 0.25, 0.05};

typedef struct panel {
  basin_span span_x, span_y;
  int64_t points[BASIN_CURVES_MAX][BANDS]; /* of the bundles of the group */
  int logarithmic_x;
  double *value; /* [recorded][times] of one bundle's cell */
  int64_t
      *reach; /* [recorded] index of the last record; -1: none, or the trial is not of the bundle */
  double *last;    /* [recorded] the record read last */
  int over[BANDS]; /* of the bundle at work: drawn to its end */
  double *sample;  /* [recorded] scratch */
  double *outcome; /* [recorded] of the bundle's cell */
  limits limit;
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

/* whether the order statistics that make up the quantile are of trials still under way; sample is sorted */
static int is_alive(const panel *p, int64_t recorded, int64_t times, int64_t time, int64_t n,
                    double at) {
  const double place = at * (double)(n - 1);
  const double ends[] = {p->sample[(int64_t)floor(place)], p->sample[(int64_t)ceil(place)]};
  int found[2] = {0, 0};
  for (int64_t r = 0; r < recorded; r++)
    for (int i = 0; i < 2; i++)
      found[i] |= p->reach[r] >= time && p->value[r * times + time] == ends[i];
  return found[0] && found[1];
}

/* Quantiles at one of the recorded times. A trial that has ended counts with its last value, so that they stay those of
   all trials; the median, or a band, ends where trials that have ended make it up. Whether the median is there. */
static int write_row(basin_figure *f, panel *p, int64_t *points, int64_t time) {
  const int64_t times = basin_results_times(f->results),
                recorded = basin_results_recorded(f->results),
                step = basin_results_time(f->results)[time];
  int64_t n = 0;
  for (int64_t r = 0; r < recorded; r++) {
    const double x = p->value[r * times + time];
    if (p->reach[r] < 0) continue;
    if (!isnan(x)) p->last[r] = x;
    if (isnan(p->last[r])) continue;
    p->sample[n++] = p->last[r];
  }
  for (int band = 0; band < BANDS; band++) {
    const double at[] = {tail[band], 1 - tail[band]};
    double q[2];
    basin_quantiles(p->sample, n, at, 2, q);
    p->over[band] |= p->over[MEDIAN] || !n || !is_alive(p, recorded, times, time, n, at[0]) ||
                     !is_alive(p, recorded, times, time, n, at[1]);
    if (p->over[MEDIAN]) return 0;
    if (band == MEDIAN) fprintf(f->pipe, "%lld", (long long)step);
    const int there = !p->over[band] && !(f->log_scale && q[1] <= 0); /* no place on the axis */
    for (int i = 0; i < 2; i++) {
      if (there && isfinite(q[i])) fprintf(f->pipe, " %.10g", q[i]);
      else fputs(" NaN", f->pipe);
      if (there) basin_span_widen(&p->span_y, q[i], f->log_scale);
    }
    const int drawn = there && isfinite(q[0]) && isfinite(q[1]) && (!f->log_scale || q[0] > 0);
    points[band] += drawn;
    if (drawn) basin_span_widen(&p->span_x, (double)step, p->logarithmic_x);
  }
  putc('\n', f->pipe);
  return 1;
}

/* A data block for each bundle of the group: the step, then two quantiles of the median, which are the same, and of
   each band. BASIN_OUTSIDE where other groups may have something to draw, and this one has not. */
static basin_status write_group(basin_figure *f, const bundles *b, int group, int number,
                                const char *observable, panel *p, basin_error *error) {
  int64_t medians = 0;
  for (int i = 0; i < b->count; i++) {
    const bundle *one = &b->one[i];
    if (one->group != group) continue;
    basin_status status = basin_results_read(f->results, observable, f->cell[one->cell].index, 0,
                                             basin_results_recorded(f->results), p->value, error);
    if (!status) status = find_reach(f, one, p, error);
    if (status) return status;
    fprintf(f->pipe, "$bundle%d_%d << EOD\n", number, one->number);
    memset(p->over, 0, sizeof p->over);
    for (int64_t t = 0; t < basin_results_times(f->results); t++)
      if (!write_row(f, p, p->points[one->number], t)) break;
    fputs("EOD\n", f->pipe);
    medians += p->points[one->number][MEDIAN];
  }
  if (medians) return BASIN_OK;
  return b->groups.count > 1
             ? BASIN_OUTSIDE
             : basin_fail(error, BASIN_BAD_INPUT, "no value of %s is %s: nothing to draw",
                          observable, f->log_scale ? "finite and above 0" : "finite");
}

/* among many curves the inner band alone */
static void draw_bands(basin_figure *f, const bundle *b, int curves, int number, const panel *p,
                       const char *colour, const char **separator) {
  for (int band = BANDS - 1; band > MEDIAN && b->trials > 1; band--) {
    if (p->points[b->number][band] < 2 || (band == MOST && curves > CURVES_WITH_ALL)) continue;
    fprintf(f->pipe,
            "%s$bundle%d_%d using 1:%d:%d with filledcurves fs transparent solid %s noborder lc "
            "rgb '%s'",
            *separator, number, b->number, 2 + 2 * band, 3 + 2 * band,
            band == MOST ? "0.15" : "0.3", colour);
    *separator = ", ";
  }
}

/* the median, with a few points on it, at other places than those of its neighbours */
static void draw_median(basin_figure *f, const bundle *b, int number, const panel *p,
                        const basin_style *style, const char **separator) {
  const int64_t points = p->points[b->number][MEDIAN];
  if (!points) return;
  fprintf(f->pipe, "%s$bundle%d_%d using 1:2 with ", *separator, number, b->number);
  *separator = ", ";
  if (points > 1) {
    const int64_t apart = points / BASIN_CURVES_MAX + 1;
    fputs("lines ", f->pipe);
    basin_style_lines(f, style);
    fprintf(f->pipe, ", $bundle%d_%d every %lld::%lld using 1:2 with points ", number, b->number,
            (long long)apart, (long long)(b->number * apart / BASIN_CURVES_MAX));
  } else {
    fputs("points ", f->pipe);
  }
  basin_style_points(f, style);
}

static basin_status draw_panel(basin_figure *f, const bundles *b, int group, int number,
                               const char *observable, panel *p, basin_error *error) {
  const int64_t *time = basin_results_time(f->results), times = basin_results_times(f->results);
  const char *separator = "plot ";
  basin_array array;
  basin_page_panel(f, number);
  p->span_x = p->span_y = BASIN_NO_SPAN;
  p->logarithmic_x = times > 2 && time[times - 1] > 100 * (times - 1);
  memset(p->points, 0, sizeof p->points);
  basin_status status = basin_results_array_find(f->results, observable, &array, error);
  if (!status) status = write_group(f, b, group, number, observable, p, error);
  if (status == BASIN_OUTSIDE) {
    basin_page_empty(f);
    return BASIN_OK;
  }
  p->limit.count = 0;
  if (!status && has_limit(f, observable)) status = find_limits(f, b, group, &p->limit, error);
  if (status) return status;
  write_limits(f, &p->limit, number, &p->span_x, &p->span_y);
  basin_span_set(f, 'x', p->logarithmic_x, 1, &p->span_x);
  basin_span_set(f, 'y', f->log_scale, 0, &p->span_y);
  basin_plot_axis_label(f, 'x', "step", "");
  basin_plot_axis_label(f, 'y', observable, array.units);
  for (int kind = 0; kind < 2; kind++)
    for (int i = 0; i < b->count; i++) {
      const basin_style style = basin_style_of(b->one[i].number, b->groups.of[group]);
      if (b->one[i].group != group) continue;
      if (kind) draw_median(f, &b->one[i], number, p, &style, &separator);
      else draw_bands(f, &b->one[i], b->groups.of[group], number, p, style.colour, &separator);
    }
  draw_limits(f, &p->limit, number, &separator);
  putc('\n', f->pipe);
  return BASIN_OK;
}

static basin_status draw_panels(basin_figure *f, const bundles *b, const char **observable,
                                int observables, basin_error *error) {
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
  p->limit.curve = calloc(BASIN_CURVES_MAX * times, sizeof *p->limit.curve);
  if (!p->value || !p->reach || !p->last || !p->sample || !p->outcome || !p->limit.curve)
    status = basin_fail_memory(error);
  for (int i = 0; i < b->page.panels && !status; i++)
    status = draw_panel(f, b, i / observables, i, observable[i % observables], p, error);
  free(p->limit.curve);
  free(p->outcome);
  free(p->sample);
  free(p->last);
  free(p->reach);
  free(p->value);
  free(p);
  return status;
}

/* one legend for all panels where they have the same bundles, else one for each */
static void fill_legends(const basin_outcomes *outcomes, bundles *b, int observables) {
  for (int i = 0; i < b->count; i++) {
    const bundle *one = &b->one[i];
    const basin_style style = basin_style_of(one->number, b->groups.of[one->group]);
    basin_label label;
    basin_plot_label_trials(outcomes, b->name[one->cell], one->outcome, one->trials, label);
    for (int o = 0; o < (b->groups.count > 1 ? observables : 1); o++) {
      basin_panel *panel = &b->page.panel[one->group * observables + o];
      basin_legend_add(b->groups.count > 1 ? &panel->legend : &b->page.legend, label, style,
                       BASIN_SHOW_LINE | BASIN_SHOW_POINT | BASIN_SHOW_AREA);
    }
  }
}

/* and behind them the mean loss at infinite width, where a panel has any */
static basin_status fill_limits(basin_figure *f, bundles *b, const char **observable,
                                int observables, basin_error *error) {
  limits l = {0};
  basin_status status = BASIN_OK;
  l.curve = calloc((size_t)(BASIN_CURVES_MAX * basin_results_times(f->results)) + 1,
                   sizeof *l.curve);
  if (!l.curve) return basin_fail_memory(error);
  for (int i = 0; i < b->page.panels && !status; i++) {
    l.count = 0;
    if (has_limit(f, observable[i % observables]))
      status = find_limits(f, b, i / observables, &l, error);
    if (l.count)
      basin_legend_add(b->groups.count > 1 ? &b->page.panel[i].legend : &b->page.legend,
                       "mean loss at infinite width", limit_style, BASIN_SHOW_LINE);
  }
  free(l.curve);
  return status;
}

static basin_status check_observable(const basin_figure *f, const char *name, basin_error *error) {
  for (int j = 0; j < basin_results_observables(f->results); j++)
    if (!strcmp(name, basin_results_observable(f->results, j))) return BASIN_OK;
  return basin_results_trajectory(f->results, 0, name, NULL, NULL, error); /* says what there is */
}

basin_status basin_plot_trajectories(basin_figure *f, const char **observable, int observables,
                                     basin_error *error) {
  bundles *b = calloc(1, sizeof *b);
  basin_status status = b ? basin_plot_names(f, &b->name, error) : basin_fail_memory(error);
  if (!status) status = find_bundles(f, b, error);
  for (int i = 0; i < observables && !status; i++)
    status = check_observable(f, observable[i], error);
  if (!status && b->groups.count * observables > BASIN_PANELS_MAX)
    status = basin_page_too_many("panels of trajectories", BASIN_PANELS_MAX, error);
  if (!status) {
    b->page.panels = b->groups.count * observables;
    if (b->groups.count > 1 && observables > 1) b->page.columns = observables < 3 ? 2 : 3;
    fill_legends(basin_results_outcomes_of(f->results), b, observables);
    status = fill_limits(f, b, observable, observables, error);
  }
  if (!status) status = basin_page_start(f, &b->page, error);
  if (!status) status = draw_panels(f, b, observable, observables, error);
  if (!status) status = basin_page_end(f, error);
  if (b) free(b->name);
  free(b);
  return status;
}
