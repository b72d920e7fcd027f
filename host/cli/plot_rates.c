/* SPDX-License-Identifier: MIT
 *
 * plot_rates.c: the loss against eta t, and its local slope log_(eta t) L = ln L / ln(eta t): the two panels of
 * xu-du-2023, Figure 1.
 */
#include "seam/setting.h"
#include "cli/plot_axis.h"
#include "analyse/rates.h"
#include "base/statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The trials of a cell that ended alike. */
typedef struct curve {
  int64_t cell, trials; /* trials: that have records */
  int outcome;
  int64_t points, slopes; /* of the left and of the right panel */
  int group, number;      /* the group, and its number there */
} curve;

/* both panels: their curves, and what their axes span */
typedef struct panels {
  const basin_outcomes *outcomes;
  curve curve[BASIN_SERIES_MAX];
  int curves;
  int losses, slopes; /* curves that a line can be drawn through, in each panel */
  basin_span time, loss, slope;
  char units[32];
  basin_groups groups;
  basin_label *name; /* [cells] */
  basin_page page;
} panels;

/* the trials of one cell at its own eta t */
typedef struct sheet {
  int64_t trials, times;
  double *y;      /* [trials][times] ln L, NaN where there is none */
  int64_t *reach; /* [trials] index of the last record */
  int8_t *ended;  /* [trials] -1: no records */
  double *sample; /* [trials] scratch */
} sheet;

/* A trial's row: its records, or, where its step sizes were halved, between them on a straight line in ln t. A trial
   that has ended keeps its last value; an unresolved one has none beyond its last step. */
static void fill_row(sheet *s, int64_t trial, const basin_records *r) {
  double *y = s->y + trial * s->times;
  const double last = r->points && r->ended != BASIN_UNRESOLVED ? r->log_l[r->points - 1] : NAN;
  int64_t next = 0;
  s->ended[trial] = (int8_t)(r->points ? r->ended : -1);
  for (int64_t i = 0; i < r->times; i++) {
    const double at = r->eta_t[i];
    while (next < r->points && r->t[next] < at) next++;
    y[i] = next == r->points ? last : NAN;
    if (next == r->points) continue;
    if (r->t[next] == at) {
      y[i] = r->log_l[next];
    } else if (next > 0 && r->halvings) {
      const double share = log(at / r->t[next - 1]) / log(r->t[next] / r->t[next - 1]);
      y[i] = r->log_l[next - 1] + share * (r->log_l[next] - r->log_l[next - 1]);
    }
    if (!isnan(y[i])) s->reach[trial] = i;
  }
}

/* the values at one time of the trials that ended so, into s->sample; 0 where fewer than half of them, c->trials,
   have got so far */
static int64_t gather(const sheet *s, const curve *c, int64_t time) {
  int64_t n = 0, there = 0;
  for (int64_t i = 0; i < s->trials; i++) {
    const double y = s->y[i * s->times + time];
    if (s->ended[i] != c->outcome || isnan(y)) continue;
    s->sample[n++] = y;
    there += time <= s->reach[i];
  }
  return 2 * there >= c->trials ? n : 0;
}

/* Data blocks of one curve: $loss eta t, mean of ln L as a loss, 5% and 95% quantiles; $slope the same over ln(eta t),
   from eta t = e on: at eta t = 1 it has a pole. */
static void write_curve(FILE *to, const sheet *s, const double *eta_t, curve *c, panels *p) {
  static const double tails[] = {0.05, 0.95};
  const int number = (int)(c - p->curve);
  char *slopes = NULL;
  size_t size;
  FILE *aside = open_memstream(&slopes, &size);
  fprintf(to, "$loss%d << EOD\n", number);
  for (int64_t i = 0; i < s->times && aside; i++) {
    const int64_t n = gather(s, c, i);
    double mean = 0, q[2];
    if (!n) continue;
    for (int64_t j = 0; j < n; j++) mean += s->sample[j] / (double)n;
    basin_quantiles(s->sample, n, tails, 2, q);
    const double t = eta_t[i], log_t = log(t);
    fprintf(to, "%.10g %.10g %.10g %.10g\n", t, exp(mean), exp(q[0]), exp(q[1]));
    c->points++;
    basin_span_widen(&p->time, t, 1);
    basin_span_widen(&p->loss, exp(q[0]), 1);
    basin_span_widen(&p->loss, exp(q[1]), 1);
    if (log_t < 1) continue;
    fprintf(aside, "%.10g %.10g %.10g %.10g\n", t, mean / log_t, q[0] / log_t, q[1] / log_t);
    basin_span_widen(&p->slope, q[0] / log_t, 0);
    basin_span_widen(&p->slope, q[1] / log_t, 0);
    c->slopes++;
  }
  if (aside) fclose(aside);
  fprintf(to, "EOD\n$slope%d << EOD\n%sEOD\n", number, slopes ? slopes : "");
  free(slopes);
  p->losses += c->points > 1;
  p->slopes += c->slopes > 1;
}

/* a curve for each outcome: global first, unresolved last */
static basin_status write_curves(FILE *to, const sheet *s, const double *eta_t, int64_t cell,
                                 panels *p, basin_error *error) {
  for (int i = 0; i < p->outcomes->count; i++) {
    curve c = {.cell = cell, .outcome = basin_plot_outcome(p->outcomes, i)};
    for (int64_t j = 0; j < s->trials; j++) c.trials += s->ended[j] == c.outcome;
    if (!c.trials) continue;
    if (p->curves == BASIN_SERIES_MAX / 2)
      return basin_page_too_many("curves", BASIN_SERIES_MAX / 2, error);
    p->curve[p->curves] = c;
    write_curve(to, s, eta_t, &p->curve[p->curves], p);
    p->curves++;
  }
  return BASIN_OK;
}

static basin_status read_cell(basin_figure *f, FILE *to, int64_t cell, const char *observable,
                              panels *p, basin_error *error) {
  basin_records r = {0};
  sheet s = {0};
  basin_status status = basin_records_open(f->results, f->cell[cell].index, observable, -1, &r,
                                           error);
  if (status) goto cleanup;
  s = (sheet){.trials = r.trials,
              .times = r.times,
              .y = calloc((size_t)(r.trials * r.times), sizeof *s.y),
              .reach = calloc((size_t)r.trials, sizeof *s.reach),
              .ended = calloc((size_t)r.trials, sizeof *s.ended),
              .sample = calloc((size_t)r.trials, sizeof *s.sample)};
  if (!s.y || !s.reach || !s.ended || !s.sample) status = basin_fail_memory(error);
  for (int64_t i = 0; i < r.trials && !status; i++) {
    status = basin_records_read(&r, i, error);
    if (!status) fill_row(&s, i, &r);
  }
  if (!status) status = write_curves(to, &s, r.eta_t, cell, p, error);
  memcpy(p->units, r.units, sizeof p->units);
cleanup:
  free(s.sample);
  free(s.ended);
  free(s.reach);
  free(s.y);
  basin_records_close(&r);
  return status;
}

/* An outcome is named where they differ. */
static basin_status group_curves(panels *p, basin_error *error) {
  const int drawn = p->slopes ? 2 : 1;
  int differ = 0;
  for (int i = 0; i < p->curves; i++) differ |= p->curve[i].outcome != p->curve[0].outcome;
  for (int i = 0; i < p->curves;) {
    int together = 1;
    while (i + together < p->curves && p->curve[i + together].cell == p->curve[i].cell) together++;
    for (int here = 0; here < together; here++, i++) {
      curve *c = &p->curve[i];
      c->group = basin_groups_put(&p->groups, together, here, &c->number);
      if (c->group < 0 || p->groups.count * drawn > BASIN_PANELS_MAX)
        return basin_page_too_many("panels of curves", BASIN_PANELS_MAX / drawn, error);
    }
  }
  p->page.panels = drawn * p->groups.count;
  p->page.columns = drawn * p->groups.count > 1 ? 2 : 1;
  for (int i = 0; i < p->curves; i++) {
    const curve *c = &p->curve[i];
    const basin_style style = basin_style_of(c->number, p->groups.of[c->group]);
    basin_label label;
    basin_plot_label_trials(p->outcomes, p->name[c->cell], differ ? c->outcome : -1, c->trials,
                            label);
    basin_legend_add(p->groups.count > 1 ? &p->page.panel[drawn * c->group].legend
                                         : &p->page.legend,
                     label, style, BASIN_SHOW_LINE | BASIN_SHOW_AREA);
  }
  return BASIN_OK;
}

/* whether a line can be drawn through the curve, in a panel of that group */
static int is_drawn(const curve *c, int group, int slope) {
  return c->group == group && (slope ? c->slopes : c->points) > 1;
}

/* a panel's lines over their bands, which those have that are of more than one trial */
static void draw_curves(basin_figure *f, const panels *p, int group, int slope) {
  const char *separator = "plot ";
  for (int line = 0; line < 2; line++)
    for (int i = 0; i < p->curves; i++) {
      const curve *c = &p->curve[i];
      const basin_style style = basin_style_of(c->number, p->groups.of[group]);
      if (!is_drawn(c, group, slope) || (!line && c->trials < 2)) continue;
      fprintf(f->pipe, "%s$%s%d using ", separator, slope ? "slope" : "loss", i);
      separator = ", ";
      if (line) {
        fputs("1:2 with lines ", f->pipe);
        basin_style_lines(f, &style);
      } else {
        fprintf(f->pipe, "1:3:4 with filledcurves fs transparent solid 0.2 noborder lc rgb '%s'",
                style.colour);
      }
    }
  fputc('\n', f->pipe);
}

static void draw_group(basin_figure *f, const panels *p, int group, const char *observable) {
  const int drawn = p->slopes ? 2 : 1;
  basin_label label;
  for (int slope = 0; slope < drawn; slope++) {
    int curves = 0;
    for (int i = 0; i < p->curves; i++) curves += is_drawn(&p->curve[i], group, slope);
    basin_page_panel(f, drawn * group + slope);
    if (!curves) {
      basin_page_empty(f);
      continue;
    }
    basin_span_set(f, 'x', 1, 0, &p->time);
    basin_span_set(f, 'y', !slope, 0, slope ? &p->slope : &p->loss);
    basin_plot_axis_label(f, 'x', "η t", "");
    snprintf(label, sizeof label, slope ? "ln(%.100s) / ln(η t)" : "%s", observable);
    basin_plot_axis_label(f, 'y', label, slope ? "" : p->units);
    draw_curves(f, p, group, slope);
  }
}

basin_status basin_plot_rates(basin_figure *f, const char *observable, basin_error *error) {
  panels *p = calloc(1, sizeof *p);
  char *data = NULL;
  size_t size;
  FILE *to = open_memstream(&data, &size);
  basin_status status = p && to ? BASIN_OK : basin_fail_memory(error);
  if (p) p->time = p->loss = p->slope = BASIN_NO_SPAN;
  if (p) p->outcomes = basin_results_outcomes_of(f->results);
  for (int64_t i = 0; i < f->cells && !status; i++)
    status = read_cell(f, to, i, observable, p, error);
  if (to && fclose(to) && !status) status = basin_fail_memory(error);
  if (!status && !p->losses)
    status = basin_fail(error, BASIN_BAD_INPUT, "no trial has two records of %s above 0 to draw",
                        observable);
  if (!status) status = basin_plot_names(f, &p->name, error);
  if (!status) status = group_curves(p, error);
  if (!status) status = basin_page_start(f, &p->page, error);
  if (!status) {
    fputs(data, f->pipe);
    for (int g = 0; g < p->groups.count; g++) draw_group(f, p, g, observable);
    status = basin_page_end(f, error);
  }
  free(data);
  if (p) free(p->name);
  free(p);
  return status;
}
