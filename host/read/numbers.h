/* SPDX-License-Identifier: MIT
 *
 * numbers.h: a table of numbers in a text file: rows are lines, their entries parted by commas or blanks.
 *
 *   # what is behind a number sign is left out, and so are empty lines
 *   1, 2.5, -3e-4
 *   4, 5, 6
 *
 * are 2 rows of 3 columns. There is no header.
 */
#ifndef BASIN_NUMBERS_H
#define BASIN_NUMBERS_H

#include "base/error.h"
#include <stdint.h>

/* The numbers of the file, [rows][columns], at most `most` of them: *value is the caller's to free. BASIN_BAD_INPUT at
   `place`, with the line of the file, where it cannot be read or is no such table. */
basin_status basin_numbers_read(const char *path, basin_place place, int64_t most, int64_t *rows,
                                int64_t *columns, double **value, basin_error *error);

#endif
