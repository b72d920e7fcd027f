/* SPDX-License-Identifier: MIT
 *
 * command_plot.c: basin plot. The data and the drawing commands go to gnuplot through a pipe.
 */
#include "cli.h"
#include "files.h"
#include "model.h"
#include "published.h"
#include "results.h"
#include "statistics.h"
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PANELS_MAX = 8, SERIES_MAX = 64, LABEL_BYTES = 160 };

/* Okabe and Ito's palette, told apart by colour-blind readers */
static const char *const colour[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                     "#E69F00", "#56B4E9", "#000000", "#F0E442"};
enum { COLOURS = sizeof colour / sizeof *colour };

typedef struct figure {
  basin_results *results;
  basin_summary *cell;
  int64_t cells;
  const char *output;
  char temporary[BASIN_PATH_BYTES];
  int log_scale;
  FILE *pipe;
  char messages[64]; /* file that takes gnuplot's complaints */
  basin_published published;
} figure;

/* text in gnuplot's single quotes, inside which it runs nothing; literally: its mark-up characters too */
static void quote_as(FILE *to, const char *text, int literally) {
  putc('\'', to);
  for (; *text; text++) {
    if (literally && strchr("_^{}@&~\\", *text)) putc('\\', to);
    if (*text == '\'') putc('\'', to);
    putc((unsigned char)*text < 32 ? ' ' : *text, to);
  }
  putc('\'', to);
}

/* a label */
static void quote(FILE *to, const char *text) { quote_as(to, text, 1); }

/* ---- gnuplot ---- */

static basin_status start(figure *f, const char *title, int panels, basin_error *error) {
  const char *dot = strrchr(f->output, '.');
  char command[128];
  const int svg = dot && !strcmp(dot, ".svg");
  if (!svg && !(dot && !strcmp(dot, ".png")))
    return basin_fail(error, BASIN_BAD_INPUT, "%s: expected a name that ends in .svg or .png",
                      f->output);
  if (strpbrk(f->output, "\n\r"))
    return basin_fail(error, BASIN_BAD_INPUT, "the output's path has a new line in it");
  if (!basin_temporary_name(f->output, f->temporary))
    return basin_fail(error, BASIN_BAD_INPUT, "the output's path is too long");
  const int made = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (made < 0) return basin_fail_system(error, "cannot be made", f->output);
  close(made);
  snprintf(f->messages, sizeof f->messages, "/tmp/basin-plot-XXXXXX");
  const int file = mkstemp(f->messages);
  if (file < 0) return basin_fail_system(error, "cannot be made", f->messages);
  close(file);
  snprintf(command, sizeof command, "gnuplot - >/dev/null 2>%s", f->messages);
  signal(SIGPIPE, SIG_IGN); /* a shell that finds no gnuplot is gone before all is written */
  f->pipe = popen(command, "w");
  if (!f->pipe) return basin_fail_system(error, "cannot be started", "gnuplot");
  fprintf(f->pipe,
          svg ? "set terminal svg size 900,%d font 'DejaVu Sans,14' background 'white'\n"
              : "set terminal pngcairo size 900,%d font 'DejaVu Sans,11'\n",
          panels == 1 ? 560 : 60 + 300 * ((panels + 1) / 2));
  fputs("set encoding utf8\nset output ", f->pipe);
  quote_as(f->pipe, f->temporary, 0);
  fputs("\nset grid back lt 1 lw 0.5 lc rgb '#dddddd'\nset border lc rgb '#444444'\nset tics "
        "nomirror\n",
        f->pipe);
  fputs("set bmargin 7\nset xlabel offset 0,0.4\n", f->pipe);
  fputs("set key outside bottom center horizontal maxcols 3 font ',10'\n", f->pipe);
  fprintf(f->pipe, panels == 1 ? "set title " : "set multiplot layout %d,2 title ",
          (panels + 1) / 2);
  quote(f->pipe, title);
  putc('\n', f->pipe);
  return BASIN_OK;
}

static basin_status end(figure *f, int panels, basin_error *error) {
  char message[256] = "";
  if (panels > 1) fputs("unset multiplot\n", f->pipe);
  fputs("unset output\n", f->pipe);
  const int code = pclose(f->pipe);
  f->pipe = NULL;
  FILE *messages = fopen(f->messages, "r");
  for (char line[256]; messages && !*message && fgets(line, sizeof line, messages);) {
    line[strcspn(line, "\n")] = 0;
    const char *text = line + strspn(line, " ^");
    if (*text) snprintf(message, sizeof message, "%s", text);
  }
  if (messages) fclose(messages);
  if (WIFEXITED(code) && WEXITSTATUS(code) == 127)
    return basin_fail(error, BASIN_FAILED, "gnuplot is not installed (Debian: gnuplot-nox)");
  if (code || *message)
    return basin_fail(error, BASIN_FAILED, "gnuplot failed: %s",
                      *message ? message : "no reason given");
  if (rename(f->temporary, f->output))
    return basin_fail_system(error, "cannot be written", f->output);
  return BASIN_OK;
}

/* ---- success rates ---- */

static double parameter(const basin_summary *s, const char *name) {
  for (int p = 0; p < s->parameters; p++)
    if (!strcmp(s->parameter_name[p], name)) return s->parameter[p];
  return NAN;
}

/* number of different values of a parameter */
static int64_t values_of(const figure *f, const char *name) {
  int64_t values = 0;
  for (int64_t i = 0; i < f->cells; i++) {
    int seen = 0;
    for (int64_t j = 0; j < i && !seen; j++)
      seen = parameter(&f->cell[i], name) == parameter(&f->cell[j], name);
    values += !seen;
  }
  return values;
}

/* whether the value of x alone tells the value of `name` */
static int follows(const figure *f, const char *x, const char *name) {
  for (int64_t i = 0; i < f->cells; i++)
    for (int64_t j = 0; j < i; j++)
      if (parameter(&f->cell[i], x) == parameter(&f->cell[j], x) &&
          parameter(&f->cell[i], name) != parameter(&f->cell[j], name))
        return 0;
  return 1;
}

/* the series a cell belongs to: its variant and the grid parameters that are neither x nor told by it */
static void series_label(const figure *f, const basin_summary *s, const char *x,
                         char label[LABEL_BYTES]) {
  snprintf(label, LABEL_BYTES, "%s", s->variant);
  for (int p = 0; p < basin_results_axes(f->results); p++) {
    const char *name = s->parameter_name[p];
    if (!strcmp(name, x) || values_of(f, name) < 2 || follows(f, x, name)) continue;
    const size_t used = strlen(label);
    snprintf(label + used, LABEL_BYTES - used, "%s%s = %.6g", used ? ", " : "", name,
             s->parameter[p]);
  }
  if (!*label) snprintf(label, LABEL_BYTES, "success");
}

static basin_status choose_x(const figure *f, const char *wanted, const char **x,
                             basin_error *error) {
  int64_t most = 0;
  *x = NULL;
  for (int p = 0; p < basin_results_axes(f->results); p++) {
    const char *name = f->cell[0].parameter_name[p];
    if (wanted && !strcmp(wanted, name)) *x = name;
    if (!wanted && values_of(f, name) > most) most = values_of(f, name), *x = name;
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

static axis choose_axis(const figure *f, const char *x) {
  double least = INFINITY, most = -INFINITY, next = -INFINITY;
  for (int64_t i = 0; i < f->cells; i++) {
    const double at = parameter(&f->cell[i], x);
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

static void set_axis(figure *f, const char *x, const axis *a) {
  int infinite = 0;
  for (int64_t i = 0; i < f->cells; i++) infinite |= parameter(&f->cell[i], x) == INFINITY;
  if (a->logarithmic) fputs("set logscale x\nset autoscale xfix\n", f->pipe);
  if (!infinite) return;
  fputs("set xtics (",
        f->pipe); /* a tic per value: gnuplot's own would run on to infinity's place */
  for (int64_t i = 0; i < f->cells; i++) {
    const double at = parameter(&f->cell[i], x);
    if (at != INFINITY) fprintf(f->pipe, "'%.6g' %.10g, ", at, at);
  }
  fprintf(f->pipe, "'∞' %.10g)\n", a->infinity);
}

static basin_status draw_rates(figure *f, const char *title, const char *wanted,
                               basin_error *error) {
  char label[SERIES_MAX][LABEL_BYTES];
  int series = 0;
  const char *x;
  basin_status status = choose_x(f, wanted, &x, error);
  int *of = calloc((size_t)f->cells, sizeof *of);
  if (!status && !of) status = basin_fail_memory(error);
  for (int64_t i = 0; i < f->cells && !status; i++) {
    char name[LABEL_BYTES];
    series_label(f, &f->cell[i], x, name);
    for (of[i] = 0; of[i] < series && strcmp(label[of[i]], name) != 0;) of[i]++;
    if (of[i] < series) continue;
    if (series == SERIES_MAX)
      status = basin_fail(error, BASIN_BAD_INPUT, "more than %d lines to draw; choose another --x",
                          SERIES_MAX);
    else strcpy(label[series++], name);
  }
  if (!status) status = start(f, title, 1, error);
  if (status) {
    free(of);
    return status;
  }
  if (values_of(f, x) < 2) {
    const double at = parameter(&f->cell[0], x);
    fprintf(f->pipe, "set xrange [%.17g:%.17g]\n", at - 1, at + 1);
  }
  const axis horizontal = choose_axis(f, x);
  set_axis(f, x, &horizontal);
  for (int s = 0; s < series; s++) {
    fprintf(f->pipe, "$rate%d << EOD\n", s);
    for (int64_t i = 0; i < f->cells; i++)
      if (of[i] == s && f->cell[i].trials)
        fprintf(f->pipe, "%.10g %.10g %.10g %.10g\n", place(&horizontal, parameter(&f->cell[i], x)),
                f->cell[i].success.rate, f->cell[i].success.low, f->cell[i].success.high);
    fprintf(f->pipe, "EOD\n$published%d << EOD\n", s);
    for (int64_t i = 0; i < f->cells; i++) {
      const basin_published_row *row = of[i] == s && f->published.rows
                                           ? basin_published_find(&f->published, &f->cell[i])
                                           : NULL;
      if (row)
        fprintf(f->pipe, "%.10g %.10g\n", place(&horizontal, parameter(&f->cell[i], x)),
                row->success);
    }
    fputs("EOD\n", f->pipe);
  }
  fputs("set xlabel ", f->pipe);
  quote(f->pipe, x);
  fprintf(f->pipe,
          "\nset ylabel 'success rate, with 95%% interval'\nset offsets graph 0.03, graph 0.03, 0, "
          "0\n%s",
          f->log_scale ? "set logscale y\n" : "set yrange [-0.02:1.02]\n");
  for (int s = 0; s < series; s++) {
    fprintf(f->pipe,
            "%s $rate%d using 1:2:3:4 with yerrorlines lw 1.5 pt 7 ps 0.6 lc rgb '%s' title ",
            s ? "," : "plot", s, colour[s % COLOURS]);
    quote(f->pipe, label[s]);
    int any = 0;
    for (int64_t i = 0; i < f->cells; i++)
      any |= of[i] == s && f->published.rows && basin_published_find(&f->published, &f->cell[i]);
    if (!any) continue;
    fprintf(f->pipe, ", $published%d using 1:2 with points pt 6 ps 1.4 lw 1.5 lc rgb '%s' title ",
            s, colour[s % COLOURS]);
    strncat(label[s], ", published", LABEL_BYTES - strlen(label[s]) - 1);
    quote(f->pipe, label[s]);
  }
  fputc('\n', f->pipe);
  free(of);
  return end(f, 1, error);
}

/* ---- trajectories ---- */

/* the recorded trials of one cell that ended alike */
typedef struct bundle {
  int64_t cell;
  int outcome;
  int64_t trials;
} bundle;

static basin_status find_bundles(figure *f, bundle *list, int *count, basin_error *error) {
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
      if (*count == SERIES_MAX)
        return basin_fail(error, BASIN_BAD_INPUT,
                          "more than %d bundles of trajectories to draw; narrow the grid",
                          SERIES_MAX);
      list[(*count)++] = (bundle){c, o, ended[o]};
    }
  }
  if (!*count)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "the output has no recorded trajectories; see `record` in the experiment");
  return BASIN_OK;
}

static void bundle_label(const figure *f, const bundle *b, char label[LABEL_BYTES]) {
  const basin_summary *s = &f->cell[b->cell];
  char name[LABEL_BYTES];
  series_label(f, s, "", name);
  snprintf(label, LABEL_BYTES, "%.*s%s%s (%lld)", LABEL_BYTES - 48,
           strcmp(name, "success") ? name : "", strcmp(name, "success") ? ": " : "",
           basin_outcome_name(b->outcome), (long long)b->trials);
}

/* a data block: step, quantiles 5%, 25%, 50%, 75%, 95% over the bundle's trials */
static basin_status write_bundle(figure *f, const bundle *b, int panel, int number,
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

static basin_status draw_panel(figure *f, const bundle *list, int bundles, int panel,
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
  char label[LABEL_BYTES];
  snprintf(label, sizeof label, strcmp(units, "1") ? "%s [%s]" : "%s", observable, units);
  quote(f->pipe, label);
  fputs(f->log_scale ? "\nset logscale y\nset format y '10^{%T}'\n" : "\n", f->pipe);
  for (int i = 0; i < bundles; i++) {
    const char *c = colour[i % COLOURS];
    char name[LABEL_BYTES];
    bundle_label(f, &list[i], name);
    fprintf(f->pipe, "%s", i ? ", " : "plot ");
    if (list[i].trials > 1)
      fprintf(f->pipe,
              "$bundle%d_%d using 1:2:6 with filledcurves fs transparent solid 0.15 noborder lc "
              "rgb '%s' notitle, "
              "$bundle%d_%d using 1:3:5 with filledcurves fs transparent solid 0.3 noborder lc rgb "
              "'%s' notitle, ",
              panel, i, c, panel, i, c);
    fprintf(f->pipe, "$bundle%d_%d using 1:4 with lines lw 2 lc rgb '%s' title ", panel, i, c);
    quote(f->pipe, name);
  }
  fputc('\n', f->pipe);
  return BASIN_OK;
}

static basin_status draw_trajectories(figure *f, const char *title, const char **observable,
                                      int panels, basin_error *error) {
  bundle list[SERIES_MAX];
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
  if (!status) status = start(f, title, panels, error);
  for (int i = 0; i < panels && !status; i++)
    status = draw_panel(f, list, bundles, i, observable[i], error);
  return status ? status : end(f, panels, error);
}

/* ---- the command ---- */

basin_status basin_command_plot(const basin_arguments *a, basin_error *error) {
  figure f = {.output = basin_argument(a, "output"), .log_scale = basin_argument(a, "log") != NULL};
  const char *observable[PANELS_MAX];
  int panels = 0;
  if (!f.output)
    return basin_fail(error, BASIN_BAD_INPUT, "plot: -o FIG.svg or FIG.png is missing");
  for (int i = 0; i < a->givens; i++)
    if (!strcmp(a->given[i].name, "observable")) {
      if (panels == PANELS_MAX)
        return basin_fail(error, BASIN_BAD_INPUT, "plot: more than %d panels", PANELS_MAX);
      observable[panels++] = a->given[i].value;
    }
  basin_status status = basin_results_open(a->positional[0], &f.results, error);
  if (status) return status;
  f.cells = basin_results_cells(f.results);
  f.cell = calloc((size_t)f.cells, sizeof *f.cell);
  if (!f.cell) status = basin_fail_memory(error);
  for (int64_t i = 0; i < f.cells && !status; i++)
    status = basin_results_summary(f.results, i, &f.cell[i], error);
  if (!status && basin_argument(a, "published"))
    status = basin_published_read(basin_argument(a, "published"), &f.published, error);
  const char *title = basin_argument(a, "title") ? basin_argument(a, "title")
                                                 : basin_results_title(f.results);
  char marked[512];
  if (basin_results_missing(f.results)) {
    snprintf(marked, sizeof marked, "%s (partial)", title);
    title = marked;
  }
  if (!status)
    status = panels ? draw_trajectories(&f, title, observable, panels, error)
                    : draw_rates(&f, title, basin_argument(a, "x"), error);
  if (f.pipe) pclose(f.pipe);
  if (*f.temporary) unlink(f.temporary);
  if (*f.messages) unlink(f.messages);
  basin_published_free(&f.published);
  free(f.cell);
  basin_results_close(f.results);
  return status;
}
