/* SPDX-License-Identifier: MIT
 *
 * error.h: how a call says why it failed: by its status, and by one line of reason, with the place in the file where
 * there is one: `table1.yaml:12:9: unknown key ...`.
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
/* BASIN_FAILED with what the system says of errno: "path: what: reason"; and "out of memory" */
basin_status basin_fail_system(basin_error *error, const char *what, const char *path);
basin_status basin_fail_memory(basin_error *error);

#endif
