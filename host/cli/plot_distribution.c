/* SPDX-License-Identifier: MIT
 *
 * plot_distribution.c: how a number of each trial is distributed, apart for each outcome: as a histogram, a panel for
 * each cell, or cumulative, curves of several cells in a panel. The trials are counted into bins, in two passes over
 * the file, so that memory does not grow with their number. A cumulative curve has so many bins that they do not show,
 * and each of its points is exact.
 */
#include "cli/plot_axis.h"
#include "base/text.h"
#include "seam/setting.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_TRIALS = 65536, BARS = 40, FINE = 2000, NAMES_MAX = 256 };

/* one outcome of one cell */
typedef struct group {
  int64_t cell; /* of the figure */
  int outcome;
  int64_t trials; /* that have a number which is finite */
  int64_t never;  /* that have none: of a passage, those that did not have it until they ended */
  int64_t below;  /* of these: at or below the left end of a logarithmic axis, which is 0 */
  basin_span span;
  int64_t *count;    /* [bins] */
  int panel, number; /* where it is drawn, and which curve there */
} group;

typedef struct distribution {
  const basin_outcomes *outcomes;
  basin_array array;
  int cumulative, passage; /* whether the number is a passage, which a trial may not have */
  group *group;
  int64_t groups;
  int logarithmic, whole; /* the axis; whether all numbers are whole */
  basin_span span;
  int bins;
  double *
      edge; /* [bins + 1] ascending; bin i has edge[i] < x <= edge[i + 1], and the first its left edge too */
  basin_label *name;
  basin_groups panels;
  basin_page page;
} distribution;

/* ---- which number ---- */

/* `loss` is final_loss where there is no number of each trial that is called loss */
basin_status basin_plot_number(const basin_figure *f, const char *name, basin_array *found,
                               basin_error *error) {
  const int arrays = basin_results_arrays(f->results);
  char(*names)[96] = calloc((size_t)arrays + 1, sizeof *names), list[512] = "";
  const char *candidate[NAMES_MAX];
  int candidates = 0;
  basin_array steps;
  basin_status status = names ? basin_results_array_find(f->results, "steps", &steps, error)
                              : basin_fail_memory(error);
  for (int i = 0; i < arrays && !status; i++) {
    status = basin_results_array(f->results, i, found, error);
    if (status || found->rank != 1 || found->size[0] != steps.size[0]) continue;
    const char *plain = !strncmp(found->name, "final_", 6) ? found->name + 6 : found->name;
    if (!strcmp(plain, "outcome") || !strcmp(plain, "eta_t") || !strcmp(plain, "passage_level"))
      continue;
    if (!strcmp(name, plain) || !strcmp(name, found->name)) {
      free(names);
      return BASIN_OK;
    }
    if (candidates == NAMES_MAX) continue;
    snprintf(names[candidates], sizeof *names, "%s", plain);
    candidate[candidates] = names[candidates];
    const size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", plain);
    candidates++;
  }
  const char *near = basin_nearest(name, candidate, candidates);
  if (!status)
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "the file has no `%s` of each trial%s%s%s; there are: %s", name,
                        near ? ", did you mean `" : "", near ? near : "", near ? "`?" : "", list);
  free(names);
  return status;
}

/* ---- two passes over the trials ---- */

typedef struct trials {
  double value[BLOCK_TRIALS], outcome[BLOCK_TRIALS];
} trials;

/* every finite number of a cell's trials, with its group */
static basin_status visit(basin_figure *f, distribution *d, int64_t cell, trials *t,
                          void (*see)(distribution *, group *, double), basin_error *error) {
  const int first_pass = !d->bins;
  const int64_t size = d->array.size[0];
  basin_status status = BASIN_OK;
  for (int64_t first = 0; first < size && !status; first += BLOCK_TRIALS) {
    const int64_t count = size - first < BLOCK_TRIALS ? size - first : BLOCK_TRIALS,
                  index = f->cell[cell].index;
    status = basin_results_read(f->results, "outcome", index, first, count, t->outcome, error);
    if (!status)
      status = basin_results_read(f->results, d->array.name, index, first, count, t->value, error);
    for (int64_t i = 0; i < count && !status; i++) {
      if (!(t->outcome[i] >= 0 && t->outcome[i] < d->outcomes->count && isfinite(t->value[i])))
        continue;
      group *g = &d->group[cell * d->outcomes->count + (int)t->outcome[i]];
      if (d->passage && t->value[i] < 0) g->never += first_pass;
      else see(d, g, t->value[i]);
    }
  }
  return status;
}

static basin_status visit_all(basin_figure *f, distribution *d,
                              void (*see)(distribution *, group *, double), basin_error *error) {
  trials *t = malloc(sizeof *t);
  basin_status status = t ? BASIN_OK : basin_fail_memory(error);
  for (int64_t c = 0; c < f->cells && !status; c++) status = visit(f, d, c, t, see, error);
  free(t);
  return status;
}

static void see_span(distribution *d, group *g, double x) {
  g->trials++;
  g->below += x <= 0;
  d->whole &= x == floor(x);
  basin_span_widen(&g->span, x, 1);
  basin_span_widen(&d->span, x, 0);
}

static void see_bin(distribution *d, group *g, double x) {
  int low = 0, high = d->bins - 1;
  if (d->logarithmic && x <= 0) return;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (x > d->edge[middle + 1]) low = middle + 1;
    else high = middle;
  }
  g->count[low]++;
}

/* ---- bins ---- */

/* A logarithmic axis where the numbers above 0 span two decades and hardly any other is there: a histogram would not
   show those. A cumulative curve begins with their share, so any number of zeros will do. */
static void choose_scale(distribution *d) {
  basin_span above = BASIN_NO_SPAN;
  int64_t trials = 0, below = 0;
  for (int64_t i = 0; i < d->groups; i++) {
    trials += d->group[i].trials;
    below += d->group[i].below;
    basin_span_widen(&above, d->group[i].span.least, 1);
    basin_span_widen(&above, d->group[i].span.most, 1);
  }
  const int few = 20 * below <= trials || (d->cumulative && d->span.least >= 0);
  d->logarithmic = few && above.most >= 100 * above.least;
  if (d->logarithmic) d->span = above;
}

/* Equal bins, of the logarithm on a logarithmic axis; of whole numbers every bin has as many, or at least one, and its
   edges are between them. */
static basin_status choose_bins(distribution *d, basin_error *error) {
  double least = d->span.least, most = d->span.most;
  int bins = d->cumulative ? FINE : BARS, kept = 1;
  const double width = ceil((most - least + 1) / bins);
  d->edge = calloc((size_t)bins + 2, sizeof *d->edge);
  if (!d->edge) return basin_fail_memory(error);
  if (d->whole && !d->logarithmic) {
    bins = (int)ceil((most - least + 1) / width);
    for (int i = 0; i <= bins; i++) d->edge[i] = least - 0.5 + width * i;
    d->bins = bins;
    return BASIN_OK;
  }
  if (!(most - least > 1e-12 * fmax(fabs(least), fabs(most)))) {
    const double half = least == 0 ? 0.5 : 0.05 * fabs(least);
    least -= half, most += half;
  }
  for (int i = 0; i <= bins; i++) {
    const double share = (double)i / bins;
    d->edge[i] = d->logarithmic ? least * pow(most / least, share) : least + (most - least) * share;
  }
  d->edge[bins] = most;
  if (d->whole) { /* edges that fall between the same whole numbers are one */
    for (int i = 0; i <= bins; i++) d->edge[i] = floor(d->edge[i]) + (i ? 0.5 : -0.5);
    for (int i = 1; i <= bins; i++)
      if (d->edge[i] > d->edge[kept - 1]) d->edge[kept++] = d->edge[i];
    bins = kept - 1;
  }
  d->bins = bins;
  return BASIN_OK;
}

static basin_status count_trials(basin_figure *f, distribution *d, basin_error *error) {
  for (int64_t i = 0; i < d->groups; i++) {
    if (!d->group[i].trials) continue;
    d->group[i].count = calloc((size_t)d->bins, sizeof *d->group[i].count);
    if (!d->group[i].count) return basin_fail_memory(error);
  }
  return visit_all(f, d, see_bin, error);
}

/* ---- panels ---- */

static group *group_of(const distribution *d, int64_t cell, int number) {
  return &d->group[cell * d->outcomes->count + basin_plot_outcome(d->outcomes, number)];
}

/* A histogram has a panel for every cell, where an outcome always looks alike. */
static basin_status place_groups(const basin_figure *f, distribution *d, basin_error *error) {
  for (int64_t c = 0; c < f->cells; c++) {
    int mine = 0, here = 0;
    for (int i = 0; i < d->outcomes->count; i++) mine += group_of(d, c, i)->trials > 0;
    if (!mine) continue;
    if (!d->cumulative) d->panels.of[d->panels.count++] = d->outcomes->count;
    for (int i = 0; i < d->outcomes->count; i++) {
      group *g = group_of(d, c, i);
      if (!g->trials) continue;
      g->panel = d->cumulative ? basin_groups_put(&d->panels, mine, here++, &g->number)
                               : d->panels.count - 1;
      if (g->panel < 0) return basin_page_too_many("panels", BASIN_PANELS_MAX, error);
    }
  }
  d->page.panels = d->panels.count;
  return d->page.panels ? BASIN_OK
                        : basin_fail(error, BASIN_BAD_INPUT,
                                     "no trial has a finite %s: nothing to draw", d->array.name);
}

static basin_style style_of(const distribution *d, const group *g) {
  return d->cumulative ? basin_style_of(g->number, d->panels.of[g->panel])
                       : basin_plot_outcome_style(g->outcome);
}

static void fill_panels(const basin_figure *f, distribution *d) {
  for (int64_t c = 0; c < f->cells; c++)
    for (int i = 0; i < d->outcomes->count; i++) {
      const group *g = group_of(d, c, i);
      basin_label label;
      if (!g->trials) continue;
      basin_panel *panel = &d->page.panel[g->panel];
      const int alone = d->cumulative && d->page.panels == 1;
      basin_plot_label_trials(d->outcomes, d->cumulative ? d->name[c] : "", g->outcome, g->trials,
                              label);
      if (g->below && d->logarithmic) {
        const size_t used = strlen(label);
        snprintf(label + used, sizeof label - used, ", %lld not above 0", (long long)g->below);
      }
      if (g->never) {
        const size_t used = strlen(label);
        snprintf(label + used, sizeof label - used, ", %lld not", (long long)g->never);
      }
      if (!d->cumulative) snprintf(panel->title, sizeof panel->title, "%s", d->name[c]);
      basin_legend_add(alone ? &d->page.legend : &panel->legend, label, style_of(d, g),
                       d->cumulative ? BASIN_SHOW_LINE : BASIN_SHOW_LINE | BASIN_SHOW_AREA);
    }
}

/* ---- drawing ---- */

/* the outline of the bars: left and right end of each in turn */
static void write_bars(basin_figure *f, const distribution *d, const group *g) {
  fprintf(f->pipe, "%.10g 0\n", d->edge[0]);
  for (int i = 0; i < d->bins; i++)
    fprintf(f->pipe, "%.10g %lld\n%.10g %lld\n", d->edge[i], (long long)g->count[i], d->edge[i + 1],
            (long long)g->count[i]);
  fprintf(f->pipe, "%.10g 0\n", d->edge[d->bins]);
}

/* the share of the trials that are at or below the end of each bin which has any; of whole numbers the largest in it */
static void write_shares(basin_figure *f, const distribution *d, const group *g) {
  int64_t sum = d->logarithmic ? g->below : 0;
  fprintf(f->pipe, "%.10g %.10g\n", d->edge[0], (double)sum / (double)(g->trials + g->never));
  for (int i = 0; i < d->bins; i++) {
    sum += g->count[i];
    if (g->count[i])
      fprintf(f->pipe, "%.10g %.10g\n", d->edge[i + 1] - (d->whole ? 0.5 : 0),
              (double)sum / (double)(g->trials + g->never));
  }
  fprintf(f->pipe, "%.10g %.10g\n", d->edge[d->bins],
          (double)g->trials / (double)(g->trials + g->never));
}

static void draw_group(basin_figure *f, const distribution *d, const group *g,
                       const char **separator) {
  const basin_style style = style_of(d, g);
  const int number = (int)(g - d->group);
  if (!d->cumulative) {
    fprintf(f->pipe,
            "%s$group%d using 1:2 with filledcurves y=%g fs transparent solid 0.3 noborder lc rgb "
            "'%s'",
            *separator, number, f->log_scale ? 0.5 : 0, style.colour);
    *separator = ", ";
  }
  fprintf(f->pipe, "%s$group%d using 1:2 with %s ", *separator, number,
          d->cumulative ? "steps" : "lines");
  basin_style_lines(f, &style);
  *separator = ", ";
}

static void draw_panel(basin_figure *f, const distribution *d, int panel) {
  const basin_span all = {d->edge[0], d->edge[d->bins]};
  const char *separator = "plot ";
  basin_page_panel(f, panel);
  basin_span_set(f, 'x', d->logarithmic, d->whole, &all);
  basin_plot_axis_label(f, 'x', d->array.name, d->array.units);
  basin_plot_axis_label(f, 'y', d->cumulative ? "share of the trials that end so" : "trials", "");
  if (d->cumulative) fputs("set yrange [0:1.02]\n", f->pipe);
  else if (f->log_scale) fputs("set logscale y\nset yrange [0.5:*]\n", f->pipe);
  else fputs("set yrange [0:*]\nset offsets 0, 0, graph 0.05, 0\n", f->pipe);
  for (int64_t i = 0; i < d->groups; i++)
    if (d->group[i].trials && d->group[i].panel == panel)
      draw_group(f, d, &d->group[i], &separator);
  fputc('\n', f->pipe);
}

static basin_status draw(basin_figure *f, distribution *d, basin_error *error) {
  fill_panels(f, d);
  const basin_status status = basin_page_start(f, &d->page, error);
  if (status) return status;
  for (int64_t i = 0; i < d->groups; i++) {
    if (!d->group[i].trials) continue;
    fprintf(f->pipe, "$group%lld << EOD\n", (long long)i);
    if (d->cumulative) write_shares(f, d, &d->group[i]);
    else write_bars(f, d, &d->group[i]);
    fputs("EOD\n", f->pipe);
  }
  for (int p = 0; p < d->page.panels; p++) draw_panel(f, d, p);
  return basin_page_end(f, error);
}

/* an empty group for every outcome of every cell */
static basin_status open_groups(const basin_figure *f, distribution *d, basin_error *error) {
  const int most = d->cumulative ? BASIN_SERIES_MAX : BASIN_PANELS_MAX;
  if (f->cells > most)
    return basin_page_too_many(d->cumulative ? "cells" : "panels, one for each cell,", most, error);
  const int outcomes = d->outcomes->count;
  d->groups = f->cells * outcomes;
  d->group = calloc((size_t)d->groups, sizeof *d->group);
  if (!d->group) return basin_fail_memory(error);
  for (int64_t i = 0; i < d->groups; i++)
    d->group[i] = (group){
        .cell = i / outcomes, .outcome = (int)(i % outcomes), .span = BASIN_NO_SPAN};
  return BASIN_OK;
}

basin_status basin_plot_distribution(basin_figure *f, const char *name, int cumulative,
                                     basin_error *error) {
  distribution *d = calloc(1, sizeof *d);
  if (!d) return basin_fail_memory(error);
  d->outcomes = basin_results_outcomes_of(f->results);
  d->cumulative = cumulative;
  d->whole = 1;
  d->span = BASIN_NO_SPAN;
  basin_status status = basin_plot_number(f, name, &d->array, error);
  d->passage = !strncmp(d->array.name, "passage_", 8);
  if (!status) status = open_groups(f, d, error);
  if (!status) status = basin_plot_names(f, &d->name, error);
  if (!status) status = visit_all(f, d, see_span, error);
  if (!status) status = place_groups(f, d, error);
  if (!status) {
    choose_scale(d);
    status = choose_bins(d, error);
  }
  if (!status) status = count_trials(f, d, error);
  if (!status) status = draw(f, d, error);
  for (int64_t i = 0; i < d->groups; i++) free(d->group[i].count);
  free(d->group);
  free(d->edge);
  free(d->name);
  free(d);
  return status;
}
