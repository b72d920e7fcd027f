/* SPDX-License-Identifier: MIT */
#include "read/numbers.h"
#include "base/files.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_LEAST = 64 << 20, BYTES_OF_A_NUMBER = 32 /* of a file: what may be read at least */ };

/* A table while it is read. */
typedef struct table {
  const char *path;
  basin_place place;
  basin_error *error;
  int64_t most, line, rows, columns, count, room;
  double *value;
} table;

static basin_status wrong(const table *t, const char *what) {
  return basin_fail_at(t->error, t->place, "%.300s:%lld: %s", t->path, (long long)t->line, what);
}

static basin_status add(table *t, double x) {
  if (t->count == t->most)
    return basin_fail_at(t->error, t->place,
                         "%.300s:%lld: more than the %lld numbers that may be here", t->path,
                         (long long)t->line, (long long)t->most);
  if (t->count == t->room) {
    t->room = t->room ? 2 * t->room : 256;
    double *grown = realloc(t->value, (size_t)t->room * sizeof *grown);
    if (!grown) return basin_fail_memory(t->error);
    t->value = grown;
  }
  t->value[t->count++] = x + 0.0; /* -0 is 0 */
  return BASIN_OK;
}

static basin_status read_line(table *t, char *text) {
  static const char blanks[] = " \t\r\n", number[] = "+-.0123456789eE";
  const int64_t before = t->count;
  text[strcspn(text, "#")] = 0;
  for (char *at = text + strspn(text, blanks); *at;) {
    const size_t length = strspn(at, number);
    char *end;
    errno = 0;
    const double x = strtod(at, &end);
    if (!length || end != at + length || !isfinite(x)) return wrong(t, "that is no number");
    const basin_status status = add(t, x);
    if (status) return status;
    at = end + strspn(end, blanks);
    if (*at == ',') {
      at++;
      at += strspn(at, blanks);
      if (!*at) return wrong(t, "a number is missing behind the last comma");
    }
  }
  if (t->count == before) return BASIN_OK;
  if (t->rows++ && t->count - before != t->columns)
    return wrong(t, "this row has another number of entries than those before it");
  t->columns = t->count - before;
  return BASIN_OK;
}

basin_status basin_numbers_read(const char *path, basin_place place, int64_t most, int64_t *rows,
                                int64_t *columns, double **value, basin_error *error) {
  table t = {.path = path, .place = place, .error = error, .most = most};
  char *text = NULL;
  size_t room = 0;
  FILE *file = basin_open_stream(path);
  *value = NULL;
  if (!file) return basin_fail_at(error, place, "%.300s: no file that can be read", path);
  const int64_t bytes = most > BYTES_LEAST / BYTES_OF_A_NUMBER ? BYTES_OF_A_NUMBER * most
                                                               : BYTES_LEAST;
  if (fseek(file, 0, SEEK_END) || ftell(file) > bytes || fseek(file, 0, SEEK_SET)) {
    fclose(file);
    return basin_fail_at(error, place, "%.300s: more than %lld MiB, too long for a table", path,
                         (long long)(bytes >> 20));
  }
  basin_status status = BASIN_OK;
  ssize_t length;
  while (!status && (length = getline(&text, &room, file)) >= 0) {
    t.line++;
    status = strlen(text) == (size_t)length ? read_line(&t, text) : wrong(&t, "that is no text");
  }
  if (!status && ferror(file)) status = wrong(&t, "the file cannot be read");
  if (!status && !t.rows) status = basin_fail_at(error, place, "%.300s: no numbers in it", path);
  fclose(file);
  free(text);
  *rows = t.rows;
  *columns = t.columns;
  *value = t.value;
  return status;
}
