/* SPDX-License-Identifier: MIT */
#include "cli/plot.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Okabe and Ito's palette */
const char *const basin_plot_colour[BASIN_COLOURS] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                      "#E69F00", "#56B4E9", "#000000", "#F0E442"};

/* ---- text ---- */

/* bytes of the character of UTF-8 that text begins with; 0 where it is none: pictures must not hold that */
static int character(const char *text) {
  static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
  const unsigned char first = (unsigned char)*text;
  const int bytes = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  unsigned code = bytes == 1 ? first : first & (0x7fU >> bytes);
  for (int i = 1; i < bytes; i++) {
    if (((unsigned char)text[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | ((unsigned char)text[i] & 0x3f);
  }
  const int bad = code < least[bytes] || (code >= 0xd800 && code < 0xe000) ||
                  (code & 0xfffe) == 0xfffe || code > 0x10ffff;
  return bad ? 0 : bytes;
}

/* an apostrophe is a string of its own: two together are not always one to gnuplot inside its single quotes */
void basin_plot_quote(FILE *to, const char *text) {
  putc('\'', to);
  while (*text) {
    const int bytes = character(text);
    if (*text == '\'') fputs("'.\"'\".'", to);
    else if (!bytes) fputs("\xef\xbf\xbd", to); /* the replacement character */
    else if ((unsigned char)*text < 32 || *text == 127) putc(' ', to);
    else fprintf(to, "%s%.*s", strchr("_^{}@&~\\", *text) ? "\\" : "", bytes, text);
    text += bytes ? bytes : 1;
  }
  putc('\'', to);
}

/* ---- gnuplot ---- */

/* Starts gnuplot: it reads the pipe and writes into files in memory, so that it sees no path, and the picture is looked
   at before it replaces another. */
static basin_status start_gnuplot(basin_figure *f, basin_error *error) {
  char *word[] = {"gnuplot", "-d", "-", NULL};
  int end[2];
  posix_spawn_file_actions_t actions;
  f->picture = memfd_create("picture", MFD_CLOEXEC);
  f->messages = memfd_create("messages", MFD_CLOEXEC);
  if (f->picture < 0 || f->messages < 0 || pipe2(end, O_CLOEXEC))
    return basin_fail_system(error, "cannot be started", "gnuplot");
  signal(SIGPIPE, SIG_IGN); /* a gnuplot that gives up is gone before all is written */
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, end[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, f->picture, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, f->messages, STDERR_FILENO);
  const int failure = posix_spawnp(&f->gnuplot, *word, &actions, NULL, word, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(end[0]);
  f->pipe = failure ? NULL : fdopen(end[1], "w");
  if (!f->pipe) close(end[1]);
  if (failure) f->gnuplot = 0;
  if (failure == ENOENT)
    return basin_fail(error, BASIN_FAILED, "gnuplot is not installed (Debian: gnuplot-nox)");
  errno = failure ? failure : errno;
  return f->pipe ? BASIN_OK : basin_fail_system(error, "cannot be started", "gnuplot");
}

/* the last line that gnuplot complained in */
static void complaint(int messages, char *text, size_t size) {
  char line[512];
  FILE *from = lseek(messages, 0, SEEK_SET) ? NULL : fdopen(dup(messages), "r");
  while (from && fgets(line, sizeof line, from)) {
    line[strcspn(line, "\n")] = 0;
    const char *start = line + strspn(line, " ^\t");
    if (*start) snprintf(text, size, "%s", start);
  }
  if (from) fclose(from);
}

static basin_status wait_for_gnuplot(basin_figure *f, basin_error *error) {
  char reason[256] = "no reason given";
  int code = 0;
  pid_t ended;
  if (f->pipe) fclose(f->pipe);
  f->pipe = NULL;
  while ((ended = waitpid(f->gnuplot, &code, 0)) < 0 && errno == EINTR) {}
  f->gnuplot = 0;
  if (ended > 0 && WIFEXITED(code) && !WEXITSTATUS(code)) return BASIN_OK;
  complaint(f->messages, reason, sizeof reason);
  if (ended > 0 && WIFSIGNALED(code))
    snprintf(reason, sizeof reason, "%s", strsignal(WTERMSIG(code)));
  return basin_fail(error, BASIN_FAILED, "gnuplot failed: %s", reason);
}

/* ---- the picture ---- */

static int is_svg(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot && !strcmp(dot, ".svg");
}

static int is_png(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot && !strcmp(dot, ".png");
}

/* whether the picture begins and ends as one of its kind does */
static int is_whole(int picture, int svg) {
  static const char png_begins[] = "\x89PNG\r\n\x1a\n", png_ends[] = "IEND\xae\x42\x60\x82";
  const char *begins = svg ? "<?xml " : png_begins, *ends = svg ? "</svg>" : png_ends;
  const size_t head = strlen(begins), tail = strlen(ends);
  char bytes[16];
  off_t size = lseek(picture, 0, SEEK_END);
  if (pread(picture, bytes, head, 0) != (ssize_t)head || memcmp(bytes, begins, head) != 0) return 0;
  while (svg && size > 0 && pread(picture, bytes, 1, size - 1) == 1 && strchr("\n ", *bytes))
    size--;
  return size >= (off_t)tail && pread(picture, bytes, tail, size - (off_t)tail) == (ssize_t)tail &&
         !memcmp(bytes, ends, tail);
}

/* the picture into a file beside the output, then into its place */
static basin_status save_picture(basin_figure *f, basin_error *error) {
  char block[65536];
  ssize_t got = 0;
  int bad = 0;
  if (!basin_temporary_name(f->output, f->temporary))
    return basin_fail(error, BASIN_BAD_INPUT, "the output's path is too long");
  const int file = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) return basin_fail_system(error, "cannot be made", f->output);
  for (off_t at = 0; !bad && (got = pread(f->picture, block, sizeof block, at)) > 0; at += got)
    bad = basin_write_all(file, block, (size_t)got);
  bad = bad || got < 0 || fsync(file);
  basin_status status = bad ? basin_fail_system(error, "cannot be written", f->output) : BASIN_OK;
  if (close(file) && !status) status = basin_fail_system(error, "cannot be written", f->output);
  if (!status) status = basin_publish(f->temporary, f->output, error);
  if (status) unlink(f->temporary);
  return status;
}

/* ---- the page ---- */

/* columns of a panel's key: three, or as many as its width has room for */
static int key_columns(const basin_figure *f, int panels) {
  const int entry = 7 * f->key_length + 50, fit = (panels == 1 ? 840 : 420) / entry;
  return fit < 1 ? 1 : fit < 3 ? fit : 3;
}

basin_status basin_plot_start(basin_figure *f, const char *title, int panels, basin_error *error) {
  if (!is_svg(f->output) && !is_png(f->output))
    return basin_fail(error, BASIN_BAD_INPUT, "%s: expected a name that ends in .svg or .png",
                      f->output);
  const basin_status status = start_gnuplot(f, error);
  if (status) return status;
  const int columns = key_columns(f, panels), rows = (f->key_lines + columns - 1) / columns,
            margin = rows > 3 ? 4 + rows : 7, rows_of_panels = (panels + 1) / 2;
  const int height = (panels == 1 ? 560 : 60 + 300 * rows_of_panels) +
                     17 * (margin - 7) * rows_of_panels;
  fprintf(f->pipe,
          is_svg(f->output)
              ? "set terminal svg size 900,%d font 'DejaVu Sans,14' background 'white'\n"
              : "set terminal pngcairo size 900,%d font 'DejaVu Sans,11'\n",
          height);
  fputs("set encoding utf8\nset grid back lt 1 lw 0.5 lc rgb '#dddddd'\nset border lc rgb "
        "'#444444'\nset tics nomirror\n",
        f->pipe);
  fprintf(f->pipe, "set bmargin %d\nset xlabel offset 0,0.4\n", margin);
  fprintf(f->pipe, "set key outside bottom center horizontal maxcols %d font ',10'\n", columns);
  fprintf(f->pipe, panels == 1 ? "set title " : "set multiplot layout %d,2 title ", rows_of_panels);
  basin_plot_quote(f->pipe, title);
  putc('\n', f->pipe);
  return BASIN_OK;
}

basin_status basin_plot_end(basin_figure *f, int panels, basin_error *error) {
  if (panels > 1) fputs("unset multiplot\n", f->pipe);
  fputs("unset output\n", f->pipe);
  const basin_status status = wait_for_gnuplot(f, error);
  if (status) return status;
  if (!is_whole(f->picture, is_svg(f->output)))
    return basin_fail(error, BASIN_FAILED, "gnuplot ended well, but its picture is not whole");
  return save_picture(f, error);
}

void basin_plot_close(basin_figure *f) {
  basin_error unread;
  if (f->gnuplot > 0) wait_for_gnuplot(f, &unread);
  if (f->picture > 0) close(f->picture);
  if (f->messages > 0) close(f->messages);
}

/* ---- axes ---- */

void basin_plot_widen(basin_span *span, double x, int logarithmic) {
  if (!isfinite(x) || (logarithmic && x <= 0)) return;
  if (!(x >= span->least)) span->least = x;
  if (!(x <= span->most)) span->most = x;
}

int basin_plot_range(basin_figure *f, char axis, int logarithmic, const basin_span *span) {
  double least = span->least, most = span->most;
  const double size = fmax(fabs(least), fabs(most));
  const int wide = most - least > 1e-9 * size;
  if (least > most) least = most = 1; /* there is nothing to show */
  else if (!logarithmic && size > 0) least -= size / 2, most += size / 2;
  else if (!logarithmic) least = -1, most = 1;
  if (logarithmic) least /= 2, most *= 2;
  if (wide) fprintf(f->pipe, "set autoscale %c\n", axis);
  else fprintf(f->pipe, "set %crange [%.10g:%.10g]\n", axis, least, most);
  return wide;
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
