/* SPDX-License-Identifier: MIT
 *
 * plot_success.c: success rates against a grid parameter.
 */
#include "plot.h"
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
  if (!isfinite(next)) next = most - 1;
  return (axis){logarithmic, logarithmic ? most * most / next : most + (most - next)};
}

static double place(const axis *a, double at) { return at == INFINITY ? a->infinity : at; }

static void set_axis(basin_figure *f, const char *x, const axis *a) {
  int infinite = 0;
  for (int64_t i = 0; i < f->cells; i++)
    infinite |= basin_plot_parameter(&f->cell[i], x) == INFINITY;
  if (a->logarithmic) fputs("set logscale x\nset autoscale xfix\n", f->pipe);
  if (!infinite) return;
  fputs("set xtics (",
        f->pipe); /* a tic per value: gnuplot's own would run on to infinity's place */
  for (int64_t i = 0; i < f->cells; i++) {
    const double at = basin_plot_parameter(&f->cell[i], x);
    if (at != INFINITY) fprintf(f->pipe, "'%.6g' %.10g, ", at, at);
  }
  fprintf(f->pipe, "'∞' %.10g)\n", a->infinity);
}

basin_status basin_plot_success(basin_figure *f, const char *title, const char *wanted,
                                basin_error *error) {
  char label[BASIN_SERIES_MAX][BASIN_LABEL_BYTES];
  int series = 0;
  const char *x;
  basin_status status = choose_x(f, wanted, &x, error);
  int *of = calloc((size_t)f->cells, sizeof *of);
  if (!status && !of) status = basin_fail_memory(error);
  for (int64_t i = 0; i < f->cells && !status; i++) {
    char name[BASIN_LABEL_BYTES];
    basin_plot_label(f, &f->cell[i], x, name);
    if (!*name) strcpy(name, "success");
    for (of[i] = 0; of[i] < series && strcmp(label[of[i]], name) != 0;) of[i]++;
    if (of[i] < series) continue;
    if (series == BASIN_SERIES_MAX)
      status = basin_fail(error, BASIN_BAD_INPUT, "more than %d lines to draw; choose another --x",
                          BASIN_SERIES_MAX);
    else strcpy(label[series++], name);
  }
  if (!status) status = basin_plot_start(f, title, 1, error);
  if (status) {
    free(of);
    return status;
  }
  if (basin_plot_values(f, x) < 2) {
    const double at = basin_plot_parameter(&f->cell[0], x);
    fprintf(f->pipe, "set xrange [%.17g:%.17g]\n", at - 1, at + 1);
  }
  const axis horizontal = choose_axis(f, x);
  set_axis(f, x, &horizontal);
  for (int s = 0; s < series; s++) {
    fprintf(f->pipe, "$rate%d << EOD\n", s);
    for (int64_t i = 0; i < f->cells; i++)
      if (of[i] == s && f->cell[i].trials)
        fprintf(f->pipe, "%.10g %.10g %.10g %.10g\n",
                place(&horizontal, basin_plot_parameter(&f->cell[i], x)), f->cell[i].success.rate,
                f->cell[i].success.low, f->cell[i].success.high);
    fprintf(f->pipe, "EOD\n$published%d << EOD\n", s);
    for (int64_t i = 0; i < f->cells; i++) {
      const basin_published_row *row = of[i] == s && f->published.rows
                                           ? basin_published_find(&f->published, &f->cell[i])
                                           : NULL;
      if (row)
        fprintf(f->pipe, "%.10g %.10g\n", place(&horizontal, basin_plot_parameter(&f->cell[i], x)),
                row->success);
    }
    fputs("EOD\n", f->pipe);
  }
  fputs("set xlabel ", f->pipe);
  basin_plot_quote(f->pipe, x);
  fprintf(f->pipe,
          "\nset ylabel 'success rate, with 95%% interval'\nset offsets graph 0.03, graph 0.03, 0, "
          "0\n%s",
          f->log_scale ? "set logscale y\n" : "set yrange [-0.02:1.02]\n");
  for (int s = 0; s < series; s++) {
    fprintf(f->pipe,
            "%s $rate%d using 1:2:3:4 with yerrorlines lw 1.5 pt 7 ps 0.6 lc rgb '%s' title ",
            s ? "," : "plot", s, basin_plot_colour[s % BASIN_COLOURS]);
    basin_plot_quote(f->pipe, label[s]);
    int any = 0;
    for (int64_t i = 0; i < f->cells; i++)
      any |= of[i] == s && f->published.rows && basin_published_find(&f->published, &f->cell[i]);
    if (!any) continue;
    fprintf(f->pipe, ", $published%d using 1:2 with points pt 6 ps 1.4 lw 1.5 lc rgb '%s' title ",
            s, basin_plot_colour[s % BASIN_COLOURS]);
    strncat(label[s], ", published", BASIN_LABEL_BYTES - strlen(label[s]) - 1);
    basin_plot_quote(f->pipe, label[s]);
  }
  fputc('\n', f->pipe);
  free(of);
  return basin_plot_end(f, 1, error);
}
