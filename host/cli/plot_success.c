/* SPDX-License-Identifier: MIT
 *
 * plot_success.c: success rates against a grid parameter.
 */
#include "cli/plot.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static basin_status choose_x(const basin_figure *f, const char *wanted, const char **x,
                             basin_error *error) {
  int64_t most = 0;
  *x = NULL;
  for (int p = 0; p < basin_results_axes(f->results); p++) {
    const char *name = f->cell[0].parameter_name[p];
    if (wanted && !strcmp(wanted, name)) *x = name;
    if (!wanted && basin_plot_values(f, name) > most) most = basin_plot_values(f, name), *x = name;
  }
  if (wanted && !*x)
    return basin_fail(error, BASIN_BAD_INPUT, "--x %s: no grid parameter of that name", wanted);
  if (!*x)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "the experiment has no grid to draw a rate against; try --observable");
  return BASIN_OK;
}

/* The horizontal axis. Values of a wide span get a logarithmic one; an infinite one (of a number of inputs) stands
   behind the largest, apart from it as the largest is from the next, or by as much again. */
typedef struct axis {
  int logarithmic;
  double infinity; /* where infinity stands */
} axis;

static axis choose_axis(const basin_figure *f, const char *x) {
  double least = INFINITY, most = -INFINITY, next = -INFINITY;
  for (int64_t i = 0; i < f->cells; i++) {
    const double at = basin_plot_parameter(&f->cell[i], x);
    if (!isfinite(at)) continue;
    least = fmin(least, at);
    if (at > most) next = most, most = at;
    else if (at < most) next = fmax(next, at);
  }
  const int logarithmic = least > 0 && most / least >= 64;
  if (!isfinite(most)) return (axis){0, 1}; /* infinity alone */
  if (!isfinite(next)) next = most - 1;
  return (axis){logarithmic, logarithmic ? most * most / next : most + (most - next)};
}

static double place(const axis *a, double at) { return at == INFINITY ? a->infinity : at; }

/* a line of the figure; how many of its points can be drawn */
typedef struct line {
  char label[BASIN_LABEL_BYTES];
  int64_t rates, published;
} line;

typedef struct chart {
  const char *x;
  axis axis;
  basin_span span_x, span_y;
  int *of;        /* [cells] the line of each */
  int64_t *order; /* [cells] along x: `refine` adds cells as they come */
  int lines;
  line line[BASIN_SERIES_MAX];
} chart;

static basin_status find_lines(const basin_figure *f, chart *c, basin_error *error) {
  for (int64_t i = 0; i < f->cells; i++) {
    char name[BASIN_LABEL_BYTES];
    basin_plot_label(f, &f->cell[i], c->x, name);
    if (!*name) strcpy(name, "success");
    for (c->of[i] = 0; c->of[i] < c->lines && strcmp(c->line[c->of[i]].label, name) != 0;)
      c->of[i]++;
    if (c->of[i] < c->lines) continue;
    if (c->lines == BASIN_SERIES_MAX)
      return basin_fail(error, BASIN_BAD_INPUT, "more than %d lines to draw; choose another --x",
                        BASIN_SERIES_MAX);
    strcpy(c->line[c->lines++].label, name);
  }
  return BASIN_OK;
}

static double across(const basin_figure *f, const chart *c, int64_t cell) {
  return place(&c->axis, basin_plot_parameter(&f->cell[cell], c->x));
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

/* whether there is a point to draw, by which the axes then grow */
static int measure_point(const basin_figure *f, chart *c, double x, double y) {
  if (!isfinite(x) || (f->log_scale && y <= 0)) return 0;
  basin_plot_widen(&c->span_x, x, c->axis.logarithmic);
  basin_plot_widen(&c->span_y, y, f->log_scale);
  return 1;
}

static basin_status measure(const basin_figure *f, chart *c, basin_error *error) {
  int64_t points = 0;
  c->span_x = c->span_y = BASIN_NO_SPAN;
  for (int64_t i = 0; i < f->cells; i++) {
    line *l = &c->line[c->of[i]];
    const basin_published_row *row = published(f, i);
    if (f->cell[i].trials && measure_point(f, c, across(f, c, i), f->cell[i].success.value)) {
      basin_plot_widen(&c->span_y, f->cell[i].success.low, f->log_scale);
      basin_plot_widen(&c->span_y, f->cell[i].success.high, f->log_scale);
      l->rates++, points++;
    }
    if (row && measure_point(f, c, across(f, c, i), row->success)) l->published++, points++;
  }
  return points ? BASIN_OK
                : basin_fail(error, BASIN_BAD_INPUT, "no cell has %s to draw",
                             f->log_scale ? "a rate above 0, which --log needs," : "a rate");
}

static void set_axes(basin_figure *f, const chart *c) {
  int infinite = 0;
  for (int64_t i = 0; i < f->cells; i++)
    infinite |= basin_plot_parameter(&f->cell[i], c->x) == INFINITY;
  if (c->axis.logarithmic) fputs("set logscale x\n", f->pipe);
  if (basin_plot_range(f, 'x', c->axis.logarithmic, &c->span_x) && c->axis.logarithmic)
    fputs("set autoscale xfix\n", f->pipe);
  fputs("set offsets graph 0.03, graph 0.03, 0, 0\nset xlabel ", f->pipe);
  basin_plot_quote(f->pipe, c->x);
  fputs("\nset ylabel 'success rate, with 95% interval'\n", f->pipe);
  fputs(f->log_scale ? "set logscale y\n" : "set yrange [-0.02:1.02]\n", f->pipe);
  if (f->log_scale) basin_plot_range(f, 'y', 1, &c->span_y);
  if (!infinite) return;
  fputs("set xtics (",
        f->pipe); /* a tic per value: gnuplot's own would run on to infinity's place */
  for (int64_t i = 0; i < f->cells; i++) {
    const double at = basin_plot_parameter(&f->cell[i], c->x);
    if (isfinite(at)) fprintf(f->pipe, "'%.6g' %.10g, ", at, at);
  }
  fprintf(f->pipe, "'∞' %.10g)\n", c->axis.infinity);
}

static void write_line(basin_figure *f, const chart *c, int number) {
  fprintf(f->pipe, "$rate%d << EOD\n", number);
  for (int64_t k = 0; k < f->cells; k++) {
    const int64_t i = c->order[k];
    if (c->of[i] == number && f->cell[i].trials)
      fprintf(f->pipe, "%.10g %.10g %.10g %.10g\n", across(f, c, i), f->cell[i].success.value,
              f->cell[i].success.low, f->cell[i].success.high);
  }
  fprintf(f->pipe, "EOD\n$published%d << EOD\n", number);
  for (int64_t i = 0; i < f->cells; i++) {
    const basin_published_row *row = c->of[i] == number ? published(f, i) : NULL;
    if (row) fprintf(f->pipe, "%.10g %.10g\n", across(f, c, i), row->success);
  }
  fputs("EOD\n", f->pipe);
}

static void draw_lines(basin_figure *f, const chart *c) {
  const char *separator = "plot";
  for (int i = 0; i < c->lines; i++) {
    const line *l = &c->line[i];
    const char *colour = basin_plot_colour[i % BASIN_COLOURS];
    char label[BASIN_LABEL_BYTES + 16];
    if (l->rates) {
      fprintf(f->pipe,
              "%s $rate%d using 1:2:3:4 with yerrorlines lw 1.5 pt 7 ps 0.6 lc rgb '%s' title ",
              separator, i, colour);
      basin_plot_quote(f->pipe, l->label);
      separator = ",";
    }
    if (!l->published) continue;
    fprintf(f->pipe, "%s $published%d using 1:2 with points pt 6 ps 1.4 lw 1.5 lc rgb '%s' title ",
            separator, i, colour);
    snprintf(label, sizeof label, "%s, published", l->label);
    basin_plot_quote(f->pipe, label);
    separator = ",";
  }
  fputc('\n', f->pipe);
}

basin_status basin_plot_success(basin_figure *f, const char *title, const char *wanted,
                                basin_error *error) {
  chart *c = calloc(1, sizeof *c);
  if (c) c->of = calloc((size_t)f->cells, sizeof *c->of);
  if (c) c->order = calloc((size_t)f->cells, sizeof *c->order);
  basin_status status = c && c->of && c->order ? choose_x(f, wanted, &c->x, error)
                                               : basin_fail_memory(error);
  if (!status) status = find_lines(f, c, error);
  if (!status) c->axis = choose_axis(f, c->x);
  if (!status) sort_cells(f, c);
  if (!status) status = measure(f, c, error);
  if (!status) status = basin_plot_start(f, title, 1, error);
  if (!status) {
    for (int i = 0; i < c->lines; i++) write_line(f, c, i);
    set_axes(f, c);
    draw_lines(f, c);
    status = basin_plot_end(f, 1, error);
  }
  if (c) free(c->order);
  if (c) free(c->of);
  free(c);
  return status;
}
