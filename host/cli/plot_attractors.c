/* SPDX-License-Identifier: MIT
 *
 * plot_attractors.c: the shares of attractors against a grid parameter, a curve for each attractor with the band of its
 * intervals, a panel for each series of cells.
 */
#include "cli/plot_axis.h"
#include "cli/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct chart {
  basin_axis x;
  basin_series series;
  basin_table table; /* the attractors of the figure's cells */
  basin_common common;
  int64_t *order; /* [cells] along x */
  basin_span span_x, span_y;
  basin_page page;
} chart;

/* ---- the most common ones ---- */

basin_status basin_common_find(basin_figure *f, basin_table *t, basin_common *common,
                               basin_error *error) {
  double most[BASIN_CURVES_MAX];
  int there = 0;
  *t = (basin_table){.cell = f->cell, .cells = f->cells};
  *common = (basin_common){0};
  const basin_status status = basin_table_read_attractors(f->results, t, error);
  if (status) return status;
  if (!t->attractors)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "--attractors: the experiment looks for none, see outcomes.discover");
  for (int n = 0; n < t->attractors; n++) {
    double share = 0; /* the largest of any cell */
    for (int64_t c = 0; c < t->cells; c++)
      share = fmax(share, t->attractor[c * t->attractors + n].share.value);
    if (!(share > 0)) continue;
    there++;
    int at = common->count;
    if (common->count < BASIN_CURVES_MAX) common->count++;
    else if (share > most[at - 1]) at--;
    else continue;
    for (; at > 0 && most[at - 1] < share; at--)
      most[at] = most[at - 1], common->number[at] = common->number[at - 1];
    most[at] = share;
    common->number[at] = n;
  }
  common->left = there - common->count;

  /* in the order of their numbers, as everywhere */
  for (int i = 1; i < common->count; i++)
    for (int j = i; j > 0 && common->number[j - 1] > common->number[j]; j--) {
      const int swap = common->number[j];
      common->number[j] = common->number[j - 1];
      common->number[j - 1] = swap;
    }
  if (common->left)
    snprintf(f->note, sizeof f->note, "the %d most common of %d attractors", common->count, there);
  return BASIN_OK;
}

void basin_common_label(const basin_table *t, int number, basin_label label) {
  char words[BASIN_POINT_BYTES];
  int64_t c = 0;
  while (c < t->cells - 1 && !t->attractor[c * t->attractors + number].trials) c++;
  basin_attractor_words(t, c, number, words);
  snprintf(label, BASIN_LABEL_BYTES, "%d: %s", number, words);
}

/* ---- curves ---- */

static int along_x(const void *a, const void *b) {
  const double *x = a, *y = b;
  return x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : x[1] < y[1] ? -1 : x[1] > y[1];
}

static basin_status sort_cells(const basin_figure *f, chart *c, basin_error *error) {
  double(*at)[2] = calloc((size_t)f->cells, sizeof *at);
  c->order = calloc((size_t)f->cells, sizeof *c->order);
  if (!at || !c->order) {
    free(at);
    return basin_fail_memory(error);
  }
  for (int64_t i = 0; i < f->cells; i++)
    at[i][0] = basin_axis_of(&c->x, &f->cell[i]), at[i][1] = (double)i;
  qsort(at, (size_t)f->cells, sizeof *at, along_x);
  for (int64_t i = 0; i < f->cells; i++) c->order[i] = (int64_t)at[i][1];
  free(at);
  return BASIN_OK;
}

static const basin_proportion *share(const chart *c, int64_t cell, int curve) {
  return &c->table.attractor[cell * c->table.attractors + c->common.number[curve]].share;
}

/* whether a point can be drawn: on a logarithmic axis where the share is above 0 */
static int is_drawn(const basin_figure *f, const chart *c, int64_t cell, int curve) {
  const basin_proportion *p = share(c, cell, curve);
  return isfinite(basin_axis_of(&c->x, &f->cell[cell])) && f->cell[cell].trials > 0 &&
         (!f->log_scale || p->value > 0);
}

static basin_status measure(const basin_figure *f, chart *c, basin_error *error) {
  int64_t points = 0;
  c->span_x = c->span_y = BASIN_NO_SPAN;
  for (int64_t i = 0; i < f->cells; i++)
    for (int k = 0; k < c->common.count; k++) {
      if (!is_drawn(f, c, i, k)) continue;
      basin_span_widen(&c->span_x, basin_axis_of(&c->x, &f->cell[i]), c->x.logarithmic);
      basin_span_widen(&c->span_y, share(c, i, k)->low, f->log_scale);
      basin_span_widen(&c->span_y, share(c, i, k)->high, f->log_scale);
      points++;
    }
  if (points) return BASIN_OK;
  return basin_fail(error, BASIN_BAD_INPUT,
                    "no trial came to rest at an attractor: nothing to draw");
}

static void write_curve(basin_figure *f, const chart *c, int series, int curve) {
  fprintf(f->pipe, "$share%d_%d << EOD\n", series, curve);
  for (int64_t k = 0; k < f->cells; k++) {
    const int64_t i = c->order[k];
    const basin_proportion *p = share(c, i, curve);
    if (c->series.of[i] != series || !is_drawn(f, c, i, curve)) continue;
    fprintf(f->pipe, "%.10g %.10g %.10g %.10g\n", basin_axis_of(&c->x, &f->cell[i]), p->value,
            p->low, p->high);
  }
  fputs("EOD\n", f->pipe);
}

static int has_points(const basin_figure *f, const chart *c, int series, int curve) {
  for (int64_t i = 0; i < f->cells; i++)
    if (c->series.of[i] == series && is_drawn(f, c, i, curve)) return 1;
  return 0;
}

static void draw_panel(basin_figure *f, const chart *c, int series) {
  const char *separator = "plot";
  basin_page_panel(f, series);
  basin_span_set(f, 'x', c->x.logarithmic, c->x.whole, &c->span_x);
  basin_axis_set(f, 'x', &c->x, c->span_x.least, c->span_x.most, f->box[series].width * 0.8);
  fputs("set format x '%g'\nset ylabel 'share of trials, with 95% interval'\n", f->pipe);
  if (f->log_scale) basin_span_set(f, 'y', 1, 0, &c->span_y);
  else fputs("set yrange [-0.02:1.02]\n", f->pipe);
  for (int k = 0; k < c->common.count; k++) {
    const basin_style s = basin_style_of(k, c->common.count);
    if (!has_points(f, c, series, k)) continue;
    fprintf(f->pipe,
            "%s $share%d_%d using 1:3:4 with filledcurves fs transparent solid 0.3 noborder lc rgb "
            "'%s', $share%d_%d using 1:2 with linespoints ",
            separator, series, k, s.colour, series, k);
    basin_style_both(f, &s);
    separator = ",";
  }
  if (*separator == ',') fputc('\n', f->pipe);
  else basin_page_empty(f);
}

static basin_status draw(basin_figure *f, chart *c, basin_error *error) {
  c->page.panels = c->series.count;
  for (int k = 0; k < c->common.count; k++) {
    basin_label label;
    basin_common_label(&c->table, c->common.number[k], label);
    basin_legend_add(&c->page.legend, label, basin_style_of(k, c->common.count),
                     BASIN_SHOW_LINE | BASIN_SHOW_POINT);
  }
  for (int s = 0; s < c->series.count; s++)
    memcpy(c->page.panel[s].title, c->series.one[s].label, sizeof c->page.panel[s].title);
  const basin_status status = basin_page_start(f, &c->page, error);
  if (status) return status;
  for (int s = 0; s < c->series.count; s++)
    for (int k = 0; k < c->common.count; k++) write_curve(f, c, s, k);
  for (int s = 0; s < c->series.count; s++) draw_panel(f, c, s);
  return basin_page_end(f, error);
}

basin_status basin_plot_attractors(basin_figure *f, const char *x, basin_error *error) {
  chart *c = calloc(1, sizeof *c);
  if (!c) return basin_fail_memory(error);
  basin_status status = basin_common_find(f, &c->table, &c->common, error);
  if (!status) status = basin_axis_open(f, x, NULL, "x", &c->x, error);
  if (!status) status = basin_series_find(f, &c->x, NULL, BASIN_PANELS_MAX, &c->series, error);
  if (status == BASIN_OUTSIDE) status = basin_page_too_many("panels", BASIN_PANELS_MAX, error);
  if (!status) status = sort_cells(f, c, error);
  if (!status) status = measure(f, c, error);
  if (!status) status = draw(f, c, error);
  basin_table_free_attractors(&c->table);
  basin_series_free(&c->series);
  free(c->x.value);
  free(c->order);
  free(c);
  return status;
}
