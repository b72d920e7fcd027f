/* SPDX-License-Identifier: MIT
 *
 * error.h: one line of reason, with its place.
 */
#ifndef BASIN_ERROR_H
#define BASIN_ERROR_H

#include "basin.h"

/* A place in a file; line 0 where there is none (then `file` alone names the origin). */
typedef struct basin_place {
  const char *file;
  int line, column;
} basin_place;

/* write the reason and return the status, so that callers can `return basin_fail(...)` */
__attribute__((format(printf, 3, 4))) basin_status basin_fail(basin_error *error,
                                                              basin_status status,
                                                              const char *format, ...);
/* the same behind `file:line:col: `; always BASIN_BAD_INPUT */
__attribute__((format(printf, 3, 4))) basin_status basin_fail_at(basin_error *error,
                                                                 basin_place place,
                                                                 const char *format, ...);
/* BASIN_FAILED with what the system says of errno: "what: reason" */
basin_status basin_fail_system(basin_error *error, const char *what, const char *path);
basin_status basin_fail_memory(basin_error *error);

/* the candidate nearest to a mistyped word, or NULL where none is near: for "did you mean" */
const char *basin_nearest(const char *word, const char *const *candidate, int candidates);

/* 1234567 as "1.23 MB" */
void basin_show_bytes(char *text, size_t size, double bytes);

/* 150 as "3 min"; "?" for NaN */
void basin_show_time(char *text, size_t size, double seconds);

/* a word to be pasted into a shell: as it is, or in single quotes where it needs them */
void basin_show_word(char *text, size_t size, const char *word);

#endif
