/* SPDX-License-Identifier: MIT
 *
 * plot_success.c: success rates, or medians of a number of each trial, against a grid parameter, a curve for each
 * series of cells.
 */
#include "cli/plot_axis.h"
#include "base/statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* what is drawn of a cell, with its 95% interval */
typedef struct point {
  int known;
  basin_interval at;
} point;

typedef struct chart {
  const char *median; /* of which number; NULL: the success rate */
  point *point;       /* [cells] */
  basin_axis x;
  basin_series series;
  struct {
    int64_t rates, published; /* points that can be drawn */
    int panel, number;        /* where the curve is, and which one there */
  } curve[BASIN_SERIES_MAX];
  basin_span span_x, span_y;
  int curves_of[BASIN_PANELS_MAX];
  basin_page page;
  int64_t *order; /* [cells] along x: `refine` adds cells as they come */
} chart;

static double across(const basin_figure *f, const chart *c, int64_t cell) {
  return basin_axis_of(&c->x, &f->cell[cell]);
}

typedef struct sorting {
  const basin_figure *figure;
  const chart *chart;
} sorting;

static int along_x(const void *a, const void *b, void *context) {
  const sorting *s = context;
  const int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
  const double x = across(s->figure, s->chart, i), y = across(s->figure, s->chart, j);
  return x < y ? -1 : x > y ? 1 : i < j ? -1 : i > j;
}

static void sort_cells(const basin_figure *f, const chart *c) {
  sorting s = {f, c};
  for (int64_t i = 0; i < f->cells; i++) c->order[i] = i;
  qsort_r(c->order, (size_t)f->cells, sizeof *c->order, along_x, &s);
}

static const basin_published_row *published(const basin_figure *f, int64_t cell) {
  return f->published.rows ? basin_published_find(&f->published, &f->cell[cell]) : NULL;
}

/* ---- what there is to draw ---- */

/* the median of those that are finite; where they are too few for an interval it is the median alone */
static basin_interval median_of(double *value, int64_t count) {
  const double half = 0.5;
  basin_interval at;
  int64_t finite = 0;
  for (int64_t i = 0; i < count; i++)
    if (isfinite(value[i])) value[finite++] = value[i];
  basin_quantiles(value, finite, &half, 1, &at.value);
  const int64_t rank = basin_median_rank(finite);
  at.low = rank < 0 ? at.value : value[rank];
  at.high = rank < 0 ? at.value : value[finite - 1 - rank];
  return at;
}

static basin_status find_medians(const basin_figure *f, chart *c, basin_error *error) {
  basin_array array;
  basin_status status = basin_plot_number(f, c->median, &array, error);
  if (status) return status;
  double *value = malloc((size_t)array.size[0] * sizeof *value);
  if (!value) return basin_fail_memory(error);
  for (int64_t i = 0; i < f->cells && !status; i++) {
    status = basin_results_read(f->results, array.name, f->cell[i].index, 0, array.size[0], value,
                                error);
    if (status) break;
    c->point[i].at = median_of(value, array.size[0]);
    c->point[i].known = isfinite(c->point[i].at.value);
  }
  free(value);
  return status;
}

static basin_status find_points(const basin_figure *f, chart *c, basin_error *error) {
  if (c->median) return find_medians(f, c, error);
  for (int64_t i = 0; i < f->cells; i++)
    c->point[i] = (point){
        f->cell[i].trials > 0,
        {f->cell[i].success.value, f->cell[i].success.low, f->cell[i].success.high}};
  return BASIN_OK;
}

/* whether there is a point to draw, by which the axes then grow */
static int measure_point(const basin_figure *f, chart *c, double x, double y) {
  if (!isfinite(x) || (f->log_scale && y <= 0)) return 0;
  basin_span_widen(&c->span_x, x, c->x.logarithmic);
  basin_span_widen(&c->span_y, y, f->log_scale);
  return 1;
}

static basin_status measure(const basin_figure *f, chart *c, basin_error *error) {
  int64_t points = 0;
  c->span_x = c->span_y = BASIN_NO_SPAN;
  for (int64_t i = 0; i < f->cells; i++) {
    const int curve = c->series.of[i];
    const basin_published_row *row = published(f, i);
    const point *p = &c->point[i];
    if (p->known && measure_point(f, c, across(f, c, i), p->at.value)) {
      basin_span_widen(&c->span_y, p->at.low, f->log_scale);
      basin_span_widen(&c->span_y, p->at.high, f->log_scale);
      c->curve[curve].rates++, points++;
    }
    if (row && measure_point(f, c, across(f, c, i), row->success))
      c->curve[curve].published++, points++;
  }
  return points ? BASIN_OK
                : basin_fail(error, BASIN_BAD_INPUT, "no cell has a %s%s to draw",
                             c->median ? "median" : "rate",
                             f->log_scale ? " above 0, which --log needs," : "");
}

/* ---- panels ---- */

static int is_new_variant(const basin_series *s, int curve) {
  const char *before = s->one[curve ? curve - 1 : 0].variant;
  return strcmp(s->one[curve].variant, before) != 0;
}

/* More curves than a panel takes are spread over several: one for each variant, if these have several curves each, else
   alike; whatever is still too much is cut. */
static basin_status spread(chart *c, basin_error *error) {
  int changes = 0, panel = 0, number = 0;
  for (int i = 0; i < c->series.count; i++) changes += is_new_variant(&c->series, i);
  const int by_variant = c->series.count > BASIN_CURVES_MAX && c->series.count > changes + 1;
  const int panels = (c->series.count + BASIN_CURVES_MAX - 1) / BASIN_CURVES_MAX,
            most = by_variant ? BASIN_CURVES_MAX : (c->series.count + panels - 1) / panels;
  for (int i = 0; i < c->series.count; i++) {
    if (number == most || (by_variant && is_new_variant(&c->series, i))) panel++, number = 0;
    if (panel == BASIN_PANELS_MAX) return basin_page_too_many("panels", BASIN_PANELS_MAX, error);
    c->curve[i].panel = panel;
    c->curve[i].number = number++;
    c->curves_of[panel] = number;
    if (by_variant)
      snprintf(c->page.panel[panel].title, BASIN_LABEL_BYTES, "%s", c->series.one[i].variant);
  }
  c->page.panels = panel + 1;
  return BASIN_OK;
}

static basin_style style_of(const chart *c, int curve) {
  return basin_style_of(c->curve[curve].number, c->curves_of[c->curve[curve].panel]);
}

static void fill_legends(chart *c) {
  for (int i = 0; i < c->series.count; i++) {
    basin_legend *legend = &c->page.panel[c->curve[i].panel].legend;
    const char *label = c->series.one[i].label;
    if (c->curve[i].rates)
      basin_legend_add(legend,
                       *label      ? label
                       : c->median ? c->median
                                   : "success",
                       style_of(c, i), BASIN_SHOW_LINE | BASIN_SHOW_POINT);
  }
  for (int p = 0; p < c->page.panels; p++) {
    int64_t rings = 0;
    for (int i = 0; i < c->series.count; i++)
      rings += c->curve[i].panel == p ? c->curve[i].published : 0;
    if (rings)
      basin_legend_add(&c->page.panel[p].legend, "published", basin_style_of(6, 1),
                       BASIN_SHOW_RING);
  }
}

/* ---- drawing ---- */

static void set_axes(basin_figure *f, const chart *c, int panel) {
  basin_span_set(f, 'x', c->x.logarithmic, c->x.whole, &c->span_x);
  basin_axis_set(f, 'x', &c->x, c->span_x.least, c->span_x.most, f->box[panel].width * 0.8);
  char label[BASIN_LABEL_BYTES];
  snprintf(label, sizeof label, "%s%s, with 95%% interval",
           c->median ? "median of " : "success rate", c->median ? c->median : "");
  fputs("set format x '%g'\n", f->pipe);
  basin_plot_axis_label(f, 'y', label, "");
  if (f->log_scale || c->median) basin_span_set(f, 'y', f->log_scale, 0, &c->span_y);
  else fputs("set yrange [-0.02:1.02]\n", f->pipe);
}

static void write_curve(basin_figure *f, const chart *c, int curve) {
  fprintf(f->pipe, "$rate%d << EOD\n", curve);
  for (int64_t k = 0; k < f->cells; k++) {
    const int64_t i = c->order[k];
    if (c->series.of[i] == curve && c->point[i].known)
      fprintf(f->pipe, "%.10g %.10g %.10g %.10g\n", across(f, c, i), c->point[i].at.value,
              c->point[i].at.low, c->point[i].at.high);
  }
  fprintf(f->pipe, "EOD\n$published%d << EOD\n", curve);
  for (int64_t i = 0; i < f->cells; i++) {
    const basin_published_row *row = c->series.of[i] == curve ? published(f, i) : NULL;
    if (row) fprintf(f->pipe, "%.10g %.10g\n", across(f, c, i), row->success);
  }
  fputs("EOD\n", f->pipe);
}

/* An interval is an arrow with flat heads: gnuplot's own error bars clear a disc in what lies below them. */
static void draw_curves(basin_figure *f, const chart *c, int panel) {
  const char *separator = "plot";
  int64_t points = 0;
  for (int i = 0; i < c->series.count; i++)
    if (c->curve[i].panel == panel) points += c->curve[i].rates + c->curve[i].published;
  if (!points) {
    basin_page_empty(f);
    return;
  }
  for (int i = 0; i < c->series.count; i++) {
    const basin_style s = style_of(c, i);
    if (c->curve[i].panel != panel) continue;
    if (c->curve[i].rates) {
      fprintf(f->pipe,
              "%s $rate%d using 1:3:(0):($4-$3) with vectors heads size graph 0.007,90 lw 1.2 lc "
              "rgb '%s', "
              "$rate%d using 1:2 with linespoints ",
              separator, i, s.colour, i);
      basin_style_both(f, &s);
      separator = ",";
    }
    if (!c->curve[i].published) continue;
    fprintf(f->pipe, "%s $published%d using 1:2 with points pt 6 ps 1.5 lw 1.5 lc rgb '%s'",
            separator, i, s.colour);
    separator = ",";
  }
  fputc('\n', f->pipe);
}

static basin_status draw(basin_figure *f, chart *c, basin_error *error) {
  fill_legends(c);
  const basin_status status = basin_page_start(f, &c->page, error);
  if (status) return status;
  for (int i = 0; i < c->series.count; i++) write_curve(f, c, i);
  for (int p = 0; p < c->page.panels; p++) {
    basin_page_panel(f, p);
    set_axes(f, c, p);
    draw_curves(f, c, p);
  }
  return basin_page_end(f, error);
}

/* ---- curves, or a map ---- */

/* Whether a map shows the cells better: as curves they would not fit into one panel, and there is another parameter to
   draw them along. */
static basin_status prefers_map(basin_figure *f, const chart *c, int *map, basin_error *error) {
  basin_axis y;
  basin_error unread;
  basin_series few = {0};
  const basin_status status = basin_series_find(f, &c->x, NULL, BASIN_CURVES_MAX, &few, error);
  basin_series_free(&few);
  *map = 0;
  if (status != BASIN_OUTSIDE || f->published.rows || f->log_scale)
    return status == BASIN_OUTSIDE ? BASIN_OK : status;
  *map = !basin_axis_open(f, NULL, &c->x, "y", &y, &unread) && y.values > 1;
  free(y.value);
  return BASIN_OK;
}

basin_status basin_plot_success(basin_figure *f, const basin_success_options *o,
                                basin_error *error) {
  int map = o->y || o->halfwidth;
  if (map) return basin_plot_heat(f, o->x, o->y, o->halfwidth, error);
  chart *c = calloc(1, sizeof *c);
  if (c) c->order = calloc((size_t)f->cells, sizeof *c->order);
  if (c) c->point = calloc((size_t)f->cells, sizeof *c->point);
  if (c) c->median = o->median;
  basin_status status = c && c->order && c->point
                            ? basin_axis_open(f, o->x, NULL, "x", &c->x, error)
                            : basin_fail_memory(error);
  if (!status) status = find_points(f, c, error);
  if (!status && !o->median) status = prefers_map(f, c, &map, error);
  if (!status && map) {
    status = basin_plot_heat(f, o->x, NULL, 0, error);
  } else if (!status) {
    status = basin_series_find(f, &c->x, NULL, BASIN_SERIES_MAX, &c->series, error);
    if (status == BASIN_OUTSIDE) status = basin_page_too_many("curves", BASIN_SERIES_MAX, error);
    if (!status) sort_cells(f, c);
    if (!status) status = measure(f, c, error);
    if (!status) status = spread(c, error);
    if (!status) status = draw(f, c, error);
  }
  if (c) {
    basin_series_free(&c->series);
    free(c->x.value);
    free(c->order);
    free(c->point);
  }
  free(c);
  return status;
}
