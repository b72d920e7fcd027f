/* SPDX-License-Identifier: MIT */
#include "cli/published.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = BASIN_PUBLISHED_KEYS + 3, LINE_BYTES_MAX = 65536, ROWS_MAX = 1000000 };

enum {
  SUCCESS = -1,
  TRIALS = -2,
  VARIANT = -3
}; /* roles of columns; 0 and above: a key's number */

/* cut the line at its commas, in place; quoted fields may hold commas, and "" for a quote */
static int split(char *line, char *field[COLUMNS_MAX]) {
  int n = 0;
  char *in = line, *out = line;
  while (n < COLUMNS_MAX) {
    while (*in == ' ') in++;
    field[n++] = out;
    if (*in == '"') {
      for (in++; *in && !(*in == '"' && in[1] != '"'); in++) {
        if (*in == '"') in++;
        *out++ = *in;
      }
      if (*in) in++;
    }
    while (*in && *in != ',') *out++ = *in++;
    const char last = *in++;
    while (out > field[n - 1] && out[-1] == ' ') out--;
    *out++ = 0;
    if (!last) return n;
  }
  return COLUMNS_MAX + 1;
}

static int parse_number(const char *text, double *value) {
  char *end;
  *value = strtod(text, &end);
  return *text && !*end && isfinite(*value);
}

static basin_status read_heading(basin_published *p, char *line, int *role, int *columns,
                                 basin_place place, basin_error *error) {
  char *field[COLUMNS_MAX];
  int success = 0, trials = 0, variants = 0;
  *columns = split(line, field);
  if (*columns > COLUMNS_MAX)
    return basin_fail_at(error, place, "more than %d columns", COLUMNS_MAX);
  for (int i = 0; i < *columns; i++) {
    if (!strcmp(field[i], "success")) role[i] = SUCCESS, success++;
    else if (!strcmp(field[i], "trials")) role[i] = TRIALS, trials++;
    else if (!strcmp(field[i], "variant")) role[i] = VARIANT, variants++;
    else {
      if (p->keys == BASIN_PUBLISHED_KEYS)
        return basin_fail_at(error, place, "more than %d columns", COLUMNS_MAX);
      role[i] = p->keys;
      p->key[p->keys++] = strdup(field[i]);
      if (!p->key[role[i]]) return basin_fail_memory(error);
    }
  }
  if (success != 1 || trials != 1 || variants > 1)
    return basin_fail_at(error, place,
                         "expected a heading with one `success` and one `trials` column, and not "
                         "more than one `variant`");
  return BASIN_OK;
}

static basin_status read_row(basin_published *p, char *line, const int *role, int columns,
                             basin_place place, basin_error *error) {
  char *field[COLUMNS_MAX];
  basin_published_row *row = &p->row[p->rows];
  double x;
  memset(row, 0, sizeof *row);
  p->rows++; /* it is freed with the others, whatever is wrong in it */
  if (split(line, field) != columns)
    return basin_fail_at(error, place, "expected %d columns, as in the heading", columns);
  for (int i = 0; i < columns; i++) {
    if (role[i] == VARIANT) {
      row->variant = strdup(field[i]);
      if (!row->variant) return basin_fail_memory(error);
      continue;
    }
    if (!parse_number(field[i], &x))
      return basin_fail_at(error, place, "`%s` is not a number", field[i]);
    if (role[i] >= 0) row->key[role[i]] = x;
    if (role[i] == SUCCESS) {
      const char *point = strchr(field[i], '.');
      if (x < 0 || x > 1)
        return basin_fail_at(error, place, "success is %s, expected a rate from 0 to 1", field[i]);
      row->success = x;
      row->decimals = point ? (int)strlen(point + 1) : 0;
    }
    if (role[i] == TRIALS) {
      if (x < 1 || x != floor(x) || x > 1e15)
        return basin_fail_at(error, place, "trials is %s, expected a whole number from 1",
                             field[i]);
      row->trials = (int64_t)x;
    }
  }
  return BASIN_OK;
}

static basin_status add_note(basin_published *p, const char *text, basin_error *error) {
  if (p->notes == BASIN_PUBLISHED_NOTES) return BASIN_OK;
  if (!(p->note[p->notes] = strdup(text))) return basin_fail_memory(error);
  p->notes++;
  return BASIN_OK;
}

static basin_status read_lines(basin_published *p, FILE *file, basin_error *error) {
  basin_status status = BASIN_OK;
  int role[COLUMNS_MAX], columns = 0;
  int64_t room = 0;
  char *line = NULL;
  size_t size = 0;
  for (int number = 1; !status && getline(&line, &size, file) >= 0; number++) {
    const basin_place place = {p->path, number, 1};
    line[strcspn(line, "\r\n")] = 0;
    if (strlen(line) > LINE_BYTES_MAX)
      status = basin_fail_at(error, place, "a line of over %d bytes", LINE_BYTES_MAX);
    else if (!strncmp(line, "# note: ", 8)) status = add_note(p, line + 2, error);
    else if (!*line || *line == '#') continue;
    else if (!columns) status = read_heading(p, line, role, &columns, place, error);
    else {
      if (p->rows == room) {
        room = 2 * room + 64;
        basin_published_row *more = room <= ROWS_MAX ? realloc(p->row, (size_t)room * sizeof *more)
                                                     : NULL;
        if (more) p->row = more;
        else status = basin_fail_at(error, place, "too many rows");
      }
      if (!status) status = read_row(p, line, role, columns, place, error);
    }
  }
  free(line);
  if (!status && ferror(file))
    status = basin_fail(error, BASIN_BAD_INPUT, "%s: cannot be read", p->path);
  if (!status && !p->rows)
    status = basin_fail(error, BASIN_BAD_INPUT, "%s: no rows, expected published rates as CSV",
                        p->path);
  return status;
}

basin_status basin_published_read(const char *path, basin_published *p, basin_error *error) {
  memset(p, 0, sizeof *p);
  FILE *file = fopen(path, "rb");
  if (!file)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: cannot be read: %s", path, strerror(errno));
  p->path = strdup(path);
  const basin_status status = p->path ? read_lines(p, file, error) : basin_fail_memory(error);
  fclose(file);
  return status;
}

void basin_published_free(basin_published *p) {
  for (int64_t i = 0; i < p->rows; i++) free(p->row[i].variant);
  for (int i = 0; i < p->keys; i++) free(p->key[i]);
  for (int i = 0; i < p->notes; i++) free(p->note[i]);
  free(p->row);
  free(p->path);
}

const basin_published_row *basin_published_find(const basin_published *p,
                                                const basin_summary *cell) {
  for (int64_t i = 0; i < p->rows; i++) {
    const basin_published_row *row = &p->row[i];
    int same = !row->variant || !strcmp(row->variant, cell->variant);
    for (int k = 0; k < p->keys && same; k++) {
      int found = 0;
      for (int c = 0; c < cell->parameters; c++)
        if (!strcmp(cell->parameter_name[c], p->key[k]))
          found = fabs(cell->parameter[c] - row->key[k]) <= 1e-9 * fabs(row->key[k]);
      same = found;
    }
    if (same) return row;
  }
  return NULL;
}
