/* SPDX-License-Identifier: MIT */
#include "plot.h"
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Okabe and Ito's palette */
const char *const basin_plot_colour[BASIN_COLOURS] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                      "#E69F00", "#56B4E9", "#000000", "#F0E442"};

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

void basin_plot_quote(FILE *to, const char *text) { quote_as(to, text, 1); }

/* ---- gnuplot ---- */

/* columns of a panel's key: three, or as many as its width has room for */
static int key_columns(const basin_figure *f, int panels) {
  const int entry = 7 * f->key_length + 50, fit = (panels == 1 ? 840 : 420) / entry;
  return fit < 1 ? 1 : fit < 3 ? fit : 3;
}

basin_status basin_plot_start(basin_figure *f, const char *title, int panels, basin_error *error) {
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
  const int columns = key_columns(f, panels), rows = (f->key_lines + columns - 1) / columns,
            margin = rows > 3 ? 4 + rows : 7, rows_of_panels = (panels + 1) / 2;
  const int height = (panels == 1 ? 560 : 60 + 300 * rows_of_panels) +
                     17 * (margin - 7) * rows_of_panels;
  fprintf(f->pipe,
          svg ? "set terminal svg size 900,%d font 'DejaVu Sans,14' background 'white'\n"
              : "set terminal pngcairo size 900,%d font 'DejaVu Sans,11'\n",
          height);
  fputs("set encoding utf8\nset output ", f->pipe);
  quote_as(f->pipe, f->temporary, 0);
  fputs("\nset grid back lt 1 lw 0.5 lc rgb '#dddddd'\nset border lc rgb '#444444'\nset tics "
        "nomirror\n",
        f->pipe);
  fprintf(f->pipe, "set bmargin %d\nset xlabel offset 0,0.4\n", margin);
  fprintf(f->pipe, "set key outside bottom center horizontal maxcols %d font ',10'\n", columns);
  fprintf(f->pipe, panels == 1 ? "set title " : "set multiplot layout %d,2 title ", rows_of_panels);
  basin_plot_quote(f->pipe, title);
  putc('\n', f->pipe);
  return BASIN_OK;
}

basin_status basin_plot_end(basin_figure *f, int panels, basin_error *error) {
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

/* ---- labels ---- */

double basin_plot_parameter(const basin_summary *s, const char *name) {
  for (int p = 0; p < s->parameters; p++)
    if (!strcmp(s->parameter_name[p], name)) return s->parameter[p];
  return NAN;
}

int64_t basin_plot_values(const basin_figure *f, const char *name) {
  int64_t values = 0;
  for (int64_t i = 0; i < f->cells; i++) {
    int seen = 0;
    for (int64_t j = 0; j < i && !seen; j++)
      seen = basin_plot_parameter(&f->cell[i], name) == basin_plot_parameter(&f->cell[j], name);
    values += !seen;
  }
  return values;
}

/* whether the value of x alone tells the value of `name` */
static int follows(const basin_figure *f, const char *x, const char *name) {
  for (int64_t i = 0; i < f->cells; i++)
    for (int64_t j = 0; j < i; j++)
      if (basin_plot_parameter(&f->cell[i], x) == basin_plot_parameter(&f->cell[j], x) &&
          basin_plot_parameter(&f->cell[i], name) != basin_plot_parameter(&f->cell[j], name))
        return 0;
  return 1;
}

void basin_plot_label(const basin_figure *f, const basin_summary *s, const char *x,
                      char label[BASIN_LABEL_BYTES]) {
  snprintf(label, BASIN_LABEL_BYTES, "%s", s->variant);
  for (int p = 0; p < basin_results_axes(f->results); p++) {
    const char *name = s->parameter_name[p];
    if (!strcmp(name, x) || basin_plot_values(f, name) < 2 || (*x && follows(f, x, name))) continue;
    const size_t used = strlen(label);
    snprintf(label + used, BASIN_LABEL_BYTES - used, "%s%s = %.6g", used ? ", " : "", name,
             s->parameter[p]);
  }
}

void basin_plot_label_trials(const basin_figure *f, int64_t cell, int outcome, int64_t trials,
                             char label[BASIN_LABEL_BYTES]) {
  char name[BASIN_LABEL_BYTES];
  basin_plot_label(f, &f->cell[cell], "", name);
  snprintf(label, BASIN_LABEL_BYTES, "%.*s%s%s%s(%lld)", BASIN_LABEL_BYTES - 48, name,
           *name && outcome >= 0 ? ": " : "", outcome >= 0 ? basin_outcome_name(outcome) : "",
           *name || outcome >= 0 ? " " : "", (long long)trials);
}

void basin_plot_key(basin_figure *f, const char *label) {
  const int length = (int)strlen(label);
  f->key_lines++;
  if (length > f->key_length) f->key_length = length;
}
