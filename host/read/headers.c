/* SPDX-License-Identifier: MIT */
#include "read/headers.h"
#include "base/text.h"
#include "base/files.h"
#include "own/own.h"
#include "read/expression.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_BYTES_MAX = 4 << 20, DEPTH_MAX = 16 };

typedef struct header {
  struct header *next;
  char *path, *text; /* as the experiment names it; with what it includes */
  const basin_model *model;
} header;

struct basin_headers {
  char *folder;
  basin_kept kept;
  header *first;
};

basin_headers *basin_headers_open(const char *folder, const basin_kept *kept) {
  basin_headers *h = calloc(1, sizeof *h);
  if (h && kept) h->kept = *kept;
  if (!h || !folder || (h->folder = strdup(folder))) return h;
  free(h);
  return NULL;
}

static void header_free(header *one) {
  if (!one) return;
  free(one->text);
  free(one->path);
  free(one);
}

void basin_headers_close(basin_headers *h) {
  for (header *one = h ? h->first : NULL, *next; one; one = next) {
    next = one->next;
    header_free(one);
  }
  if (h) free(h->folder);
  free(h);
}

int basin_headers_are_meant(const basin_node *node) {
  const size_t length = node->kind == BASIN_SCALAR ? strlen(node->text) : 0;
  return length > 2 && !strcmp(node->text + length - 2, ".h");
}

/* ---- the text, of files ---- */

/* A text that grows; what is wrong, where something is. */
typedef struct writing {
  FILE *to;
  size_t bytes;
  const char *why;
} writing;

static char *read_file(const char *path, const char **why) {
  const int file = basin_open_regular(path);
  *why = file == BASIN_IRREGULAR ? "no plain file" : strerror(errno);
  if (file < 0) return NULL;
  struct stat is;
  const size_t size = fstat(file, &is) || is.st_size > TEXT_BYTES_MAX ? 0 : (size_t)is.st_size;
  char *text = calloc(1, size + 1);
  const int good = text && size && !basin_read_all(file, text, size) && strlen(text) == size;
  close(file);
  *why = "it is no text, or has more than 4 MiB";
  if (good) return text;
  free(text);
  return NULL;
}

/* the name between quotes of a line `#include "name"`, its length; 0 where it is another line */
static int included(const char *line, const char **name) {
  const char *at = line + strspn(line, " \t");
  if (*at++ != '#') return 0;
  at += strspn(at, " \t");
  if (strncmp(at, "include", 7) != 0) return 0;
  at += 7 + strspn(at + 7, " \t");
  if (*at != '"') return 0;
  *name = at + 1;
  const size_t length = strcspn(*name, "\"\n");
  return (*name)[length] == '"' ? (int)length : 0;
}

/* the file, and in the place of a line that includes one of its folder that one; others are basin's, or the
   compiler's */
static void put_file(writing *w, const char *folder, const char *name, int depth) {
  char path[BASIN_PATH_BYTES], below[BASIN_PATH_BYTES];
  int number = 0;
  if (w->why) return;
  snprintf(path, sizeof path, "%.2000s%.2000s", folder, name);
  char *text = read_file(path, &w->why);
  if (!text) return;
  w->why = NULL;
  if (depth == DEPTH_MAX || (w->bytes += strlen(text)) > TEXT_BYTES_MAX)
    w->why = "too much is included, or in a circle";
  if (depth) fprintf(w->to, "#line 1 \"%s\"\n", name);
  for (const char *line = text, *of; *line && !w->why;) {
    const size_t length = strcspn(line, "\n");
    const int inside = included(line, &of);
    number++;
    snprintf(path, sizeof path, "%.*s", inside, inside ? of : "");
    snprintf(below, sizeof below, "%.2000s%.2000s", folder, path);
    if (inside && *path != '/' && basin_is_there(below) && !basin_is_irregular(below)) {
      put_file(w, folder, path, depth + 1);
      fprintf(w->to, "#line %d \"%s\"", number + 1, name);
    } else {
      fprintf(w->to, "%.*s", (int)length, line);
    }
    fputc('\n', w->to);
    line += length + (line[length] == '\n');
  }
  free(text);
}

/* the header at the path and all that it includes of its folder; NULL and why */
static char *read_header(const char *path, const char **why) {
  char folder[BASIN_PATH_BYTES], *text = NULL;
  size_t size;
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  writing w = {.to = open_memstream(&text, &size)};
  *why = "out of memory";
  if (!w.to) return NULL;
  snprintf(folder, sizeof folder, "%.*s", (int)(name - path), path);
  put_file(&w, folder, name, 0);
  const int lost = ferror(w.to);
  if (!fclose(w.to) && !lost && !w.why) return text;
  if (w.why) *why = w.why;
  free(text);
  return NULL;
}

/* ---- or kept ---- */

/* the text that was kept of that path; NULL where there is none, or without memory */
static char *find_kept(const basin_kept *kept, const char *path) {
  const char *at = kept->text, *end = at ? at + kept->length : at;
  while (at < end) {
    char *number_end;
    const char *line_end = memchr(at, '\n', (size_t)(end - at));
    if (!line_end || strncmp(at, "header ", 7) != 0) return NULL;
    const long long bytes = strtoll(at + 7, &number_end, 10);
    if (*number_end != ' ' || bytes < 0 || bytes > end - line_end - 1) return NULL;
    if ((size_t)(line_end - number_end - 1) == strlen(path) &&
        !memcmp(number_end + 1, path, strlen(path)))
      return strndup(line_end + 1, (size_t)bytes);
    at = line_end + 1 + bytes + 1;
  }
  return NULL;
}

char *basin_headers_text(const basin_headers *h) {
  char *text = NULL;
  size_t size;
  FILE *to = open_memstream(&text, &size);
  if (!to) return NULL;
  for (const header *one = h->first; one; one = one->next)
    fprintf(to, "header %zu %s\n%s\n", strlen(one->text), one->path, one->text);
  const int lost = ferror(to);
  if (!fclose(to) && !lost) return text;
  free(text);
  return NULL;
}

/* ---- the model ---- */

int basin_headers_have(const basin_headers *h, const char *name) {
  for (const header *one = h ? h->first : NULL; one; one = one->next)
    if (basin_symbol_find(one->model->parameter, one->model->parameters, name) >= 0 ||
        basin_symbol_find(one->model->step_size, one->model->step_sizes, name) >= 0)
      return 1;
  return 0;
}

/* the file's name without .h */
static basin_status name_of(const basin_node *node, char name[64], basin_error *error) {
  const char *slash = strrchr(node->text, '/'), *start = slash ? slash + 1 : node->text;
  snprintf(name, 64, "%.*s", (int)(strlen(start) - 2), start);
  if (strlen(name) + 2 == strlen(start) && basin_is_name(name) && !strpbrk(node->text, "\n\r\"\\"))
    return BASIN_OK;
  return basin_fail_at(error, node->place,
                       "model: %.200s: its name, without .h, is the model's: expected up to 60 "
                       "letters, digits and _",
                       node->text);
}

static basin_status distrust(const basin_node *node, basin_error *error) {
  return basin_fail_at(error, node->place,
                       "model: %.200s is not there as it was, and C out of a file of results is "
                       "not run unasked: put "
                       "the header beside it, as its attribute experiment_headers has it",
                       node->text);
}

/* the text, from what was kept or from the file */
static basin_status find_text(const basin_headers *h, const basin_node *node, const char *name,
                              char **text, basin_error *error) {
  char path[BASIN_PATH_BYTES];
  const char *why = NULL;
  const int relative = *node->text != '/' && h->folder;
  snprintf(path, sizeof path, "%.2000s%.2000s", relative ? h->folder : "", node->text);
  *text = find_kept(&h->kept, node->text);
  if (*text && h->kept.trusted) return BASIN_OK;
  char *file = read_header(path, &why);
  if (*text) {
    const int same = file && !strcmp(file, *text);
    free(file);
    return same || basin_own_has(name, *text) ? BASIN_OK : distrust(node, error);
  }
  *text = file;
  return file ? BASIN_OK
              : basin_fail_at(error, node->place, "model: %.400s: cannot be read: %s", path, why);
}

basin_status basin_headers_take(basin_headers *h, const basin_node *node, const basin_model **model,
                                basin_error *error) {
  char name[64];
  header **end = &h->first;
  basin_status status = name_of(node, name, error);
  if (status) return status;
  for (; *end; end = &(*end)->next)
    if (!strcmp((*end)->path, node->text)) {
      *model = (*end)->model;
      return BASIN_OK;
    }
  header *one = calloc(1, sizeof *one);
  if (!one || !(one->path = strdup(node->text))) status = basin_fail_memory(error);
  if (!status) status = find_text(h, node, name, &one->text, error);
  if (!status) status = basin_own_load(name, one->text, node->place, &one->model, error);
  if (status) {
    header_free(one);
    return status;
  }
  *model = one->model;
  *end = one;
  return BASIN_OK;
}
