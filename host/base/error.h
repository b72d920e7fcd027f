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

#endif
