/* SPDX-License-Identifier: MIT */
#include "store/charter.h"
#include "base/files.h"
#include "read/headers.h"
#include "read/images.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHARTER_BYTES_MAX = 64 << 20, SETS_MAX = 128 };

static const char HEADING[] = "basin campaign 1\n";

/* the file's bytes with a NUL behind them; NULL in *text where there is no such file */
static basin_status read_text(const char *path, char **text, size_t *length, basin_error *error) {
  struct stat status;
  *text = NULL;
  const int file = basin_open_regular(path);
  if (file == BASIN_IRREGULAR)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: no plain file, expected a campaign's charter",
                      path);
  if (file < 0)
    return errno == ENOENT ? BASIN_OK : basin_fail_system(error, "cannot be read", path);
  int bad = fstat(file, &status) != 0;
  if (!bad && status.st_size > CHARTER_BYTES_MAX) {
    close(file);
    return basin_fail(error, BASIN_BAD_INPUT, "%s: not a campaign's charter: too long", path);
  }
  const size_t size = bad ? 0 : (size_t)status.st_size;
  *length = size;
  *text = calloc(1, size + 1);
  errno = *text ? 0 : ENOMEM;
  bad = bad || !*text || basin_read_all(file, *text, size);
  const int reason = errno ? errno : EIO; /* shorter than it said */
  close(file);
  if (!bad) return BASIN_OK;
  free(*text);
  *text = NULL;
  errno = reason;
  return basin_fail_system(error, "cannot be read", path);
}

/* the line that begins with `key `, cut off from *text; NULL where the next line is another */
static char *take_line(char **text, const char *key) {
  const size_t length = strlen(key);
  char *line = *text, *end = strchr(line, '\n');
  if (!end || strncmp(line, key, length) != 0) return NULL;
  *end = 0;
  *text = end + 1;
  return line + length;
}

/* the texts of headers: each a line that says how many bytes follow it, and these */
static basin_kept take_headers(char **text, const char *behind) {
  basin_kept kept = {.text = *text, .trusted = 1};
  while (!strncmp(*text, "header ", 7)) {
    char *end;
    const long long bytes = strtoll(*text + 7, &end, 10);
    const char *line = strchr(end, '\n');
    if (*end != ' ' || !line || bytes < 0 || bytes > behind - line - 2) break;
    *text += line + 1 + bytes + 1 - *text;
  }
  kept.length = (size_t)(*text - kept.text);
  return kept;
}

/* cuts the text up, which ends at `behind` */
static basin_status parse_charter(const char *path, char *text, const char *behind,
                                  basin_experiment **e, int64_t *part_trials, basin_error *error) {
  const char *set[SETS_MAX];
  basin_error reason;
  char file[BASIN_PATH_BYTES], *name = NULL, *folder = NULL, *size = NULL, *end = NULL;
  basin_kept kept = {0};
  int sets = 0;
  if (!strncmp(text, HEADING, strlen(HEADING))) {
    text += strlen(HEADING);
    name = take_line(&text, "name ");
    if (name) folder = take_line(&text, "images ");
    if (name) size = take_line(&text, "part-trials ");
  }
  if (size)
    while (sets < SETS_MAX && (set[sets] = take_line(&text, "set ")) != NULL) sets++;
  if (size) kept = take_headers(&text, behind);
  *part_trials = size ? strtoll(size, &end, 10) : -1;
  const char *rest = size ? take_line(&text, "experiment") : NULL;
  if (*part_trials < 0 || *end || !rest || *rest)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: not a campaign's charter, or damaged", path);
  if (snprintf(file, sizeof file, "%s%s.yaml", folder ? folder : "", name) >= (int)sizeof file)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: the experiment's name is too long", path);
  const basin_status status = basin_experiment_parse_kept(file, text, behind - text, set, sets,
                                                          &kept, e, &reason);
  return status ? basin_fail(error, status, "%s: the experiment in it: %s", path, reason.text)
                : BASIN_OK;
}

basin_status basin_charter_read(const char *path, basin_experiment **e, int64_t *part_trials,
                                basin_error *error) {
  char *text;
  size_t length = 0;
  *e = NULL;
  basin_status status = read_text(path, &text, &length, error);
  if (text) status = parse_charter(path, text, text + length, e, part_trials, error);
  free(text);
  return status;
}

/* where the paths of images and tables begin, for processes that run anywhere: only where there are any */
static int write_folder(FILE *file, const basin_experiment *e) {
  if (!(basin_album_bytes(e->album) > 0) && !e->album->tables) return 0;
  char *folder = realpath(e->album->folder ? e->album->folder : ".", NULL);
  if (!folder) return -1;
  fprintf(file, "images %s/\n", folder);
  free(folder);
  return 0;
}

/* the charter's text to a file of our own, fsynced */
static int write_charter(const char *path, const basin_experiment *e, int64_t part_trials) {
  FILE *file = fopen(path, "wbx");
  if (!file) return -1;
  fprintf(file, "%sname %s\n", HEADING, e->name);
  int lost = write_folder(file, e);
  fprintf(file, "part-trials %lld\n", (long long)part_trials);
  for (const char *line = e->overrides; *line;) {
    const char *end = strchrnul(line, '\n');
    fprintf(file, "set %.*s\n", (int)(end - line), line);
    line = *end ? end + 1 : end;
  }
  char *headers = basin_headers_text(e->headers);
  fputs(headers ? headers : "", file);
  lost |= !headers;
  free(headers);
  fputs("experiment\n", file);
  fputs(e->text, file);
  int bad = lost || ferror(file) || fflush(file) || fsync(fileno(file));
  return fclose(file) || bad ? -1 : 0;
}

/* whether the charter reads back as what it was made of: a new line in a name or a setting breaks it */
static basin_status check_charter(const char *path, const basin_experiment *e, basin_error *error) {
  basin_experiment *again;
  basin_error ignored;
  int64_t part_trials;
  const basin_status status = basin_charter_read(path, &again, &part_trials, &ignored);
  const int same = !status && again && again->identity == e->identity &&
                   !strcmp(again->name, e->name) && !strcmp(again->overrides, e->overrides);
  basin_experiment_free(again);
  if (same) return BASIN_OK;
  return basin_fail(
      error, BASIN_BAD_INPUT,
      "%s: its name, or a setting, has a new line in it, which a campaign cannot keep", e->name);
}

basin_status basin_charter_place(const char *path, const basin_experiment *e, int64_t part_trials,
                                 int replace, basin_error *error) {
  char temporary[BASIN_PATH_BYTES];
  if (!basin_temporary_name(path, temporary))
    return basin_fail(error, BASIN_BAD_INPUT, "the campaign's path is too long");
  int bad = write_charter(temporary, e, part_trials);
  int reason = errno;
  if (!bad) {
    const basin_status status = check_charter(temporary, e, error);
    if (status) unlink(temporary);
    if (status) return status;
    /* a link fails where another process was faster; some file systems have no links */
    const int linked = !replace && !link(temporary, path);
    const int there = !replace && !linked && errno == EEXIST;
    if (!linked && !there) bad = rename(temporary, path);
    reason = errno;
  }
  unlink(temporary);
  errno = reason;
  return bad ? basin_fail_system(error, "cannot be written", path)
             : basin_sync_folder_of(path, error);
}

void basin_charter_remove(const char *folder) {
  char path[BASIN_PATH_BYTES], heading[sizeof HEADING] = "";
  if (snprintf(path, sizeof path, "%s/" BASIN_RUN_CHARTER, folder) >= (int)sizeof path) return;
  const int file = basin_is_link(path) ? -1 : basin_open_regular(path);
  if (file < 0) return;
  const int ours = !basin_read_all(file, heading, sizeof heading - 1) && !strcmp(heading, HEADING);
  close(file);
  if (ours) unlink(path);
}
