/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* one line only: whatever a file put into a name must not break it */
static void flatten(char *text) {
  for (; *text; text++)
    if ((unsigned char)*text < 32 || *text == 127) *text = ' ';
}

basin_status basin_fail(basin_error *error, basin_status status, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(error->text, sizeof error->text, format, list);
  va_end(list);
  flatten(error->text);
  return status;
}

basin_status basin_fail_at(basin_error *error, basin_place place, const char *format, ...) {
  va_list list;
  size_t used;
  if (place.line > 0)
    snprintf(error->text, sizeof error->text, "%s:%d:%d: ", place.file, place.line, place.column);
  else snprintf(error->text, sizeof error->text, "%s: ", place.file);
  used = strlen(error->text);
  va_start(list, format);
  vsnprintf(error->text + used, sizeof error->text - used, format, list);
  va_end(list);
  flatten(error->text);
  return BASIN_BAD_INPUT;
}

basin_status basin_fail_system(basin_error *error, const char *what, const char *path) {
  return basin_fail(error, BASIN_FAILED, "%s: %s: %s", path, what, strerror(errno));
}

basin_status basin_fail_memory(basin_error *error) {
  return basin_fail(error, BASIN_FAILED, "out of memory");
}
