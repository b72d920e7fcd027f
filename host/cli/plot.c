/* SPDX-License-Identifier: MIT */
#include "cli/plot.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- text ---- */

int basin_plot_character(const char *text) {
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
    const int bytes = basin_plot_character(text);
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
basin_status basin_gnuplot_start(basin_figure *f, basin_error *error) {
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

/* lengths of pdfcairo are inches, its fonts points: a hundred pixels are an inch */
static const basin_format formats[] = {
    {.ending = ".svg",
     .terminal = "svg size %.6g,%.6g rounded font 'DejaVu Sans,%.4g' background 'white'",
     .pixel = 1,
     .font = 1,
     .begins = "<?xml ",
     .ends = "</svg>"},
    {.ending = ".png",
     .terminal = "pngcairo size %.6g,%.6g rounded font 'DejaVu Sans,%.4g'",
     .pixel = 1,
     .font = 0.75,
     .begins = "\x89PNG\r\n\x1a\n",
     .ends = "IEND\xae\x42\x60\x82"},
    {.ending = ".pdf",
     .terminal = "pdfcairo size %.6g,%.6g rounded font 'DejaVu Sans,%.4g'",
     .pixel = 0.01,
     .font = 0.72,
     .begins = "%PDF-",
     .ends = "%%EOF"},
};

const basin_format *basin_format_of(const char *path) {
  const char *dot = strrchr(path, '.');
  for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++)
    if (!strcmp(dot, formats[i].ending)) return &formats[i];
  return NULL;
}

/* whether the picture begins and ends as one of its kind does */
static int is_whole(int picture, const basin_format *format) {
  const size_t head = strlen(format->begins), tail = strlen(format->ends);
  char bytes[16];
  off_t size = lseek(picture, 0, SEEK_END);
  if (pread(picture, bytes, head, 0) != (ssize_t)head || memcmp(bytes, format->begins, head) != 0)
    return 0;
  while (size > 0 && pread(picture, bytes, 1, size - 1) == 1 && strchr("\n ", *bytes)) size--;
  return size >= (off_t)tail && pread(picture, bytes, tail, size - (off_t)tail) == (ssize_t)tail &&
         !memcmp(bytes, format->ends, tail);
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

/* ---- its end ---- */

basin_status basin_gnuplot_end(basin_figure *f, basin_error *error) {
  const basin_status status = wait_for_gnuplot(f, error);
  if (status) return status;
  if (!is_whole(f->picture, basin_format_of(f->output)))
    return basin_fail(
        error, BASIN_FAILED,
        "%s: gnuplot ended well, but its picture is not whole: no memory is left, or files may "
        "not be so large",
        f->output);
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  const basin_status saved = save_picture(f, error); /* whole, or nothing is left: signals wait */
  sigprocmask(SIG_SETMASK, &before, NULL);
  return saved;
}

void basin_plot_close(basin_figure *f) {
  basin_error unread;
  if (f->gnuplot > 0) wait_for_gnuplot(f, &unread);
  if (f->picture > 0) close(f->picture);
  if (f->messages > 0) close(f->messages);
}
