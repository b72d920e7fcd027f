/* SPDX-License-Identifier: MIT
 *
 * published.h: numbers that a paper printed, from a CSV file.
 *
 *   # any comment; a line that begins with `# note: ` is shown below the comparison
 *   variant,k,success,trials
 *   CNN,16,0.5348,5000
 *
 * `success` is the printed rate (its digits tell the rounding), `trials` how many runs stand behind it. Every
 * other column names the cell: `variant`, or a parameter of the output.
 */
#ifndef BASIN_PUBLISHED_H
#define BASIN_PUBLISHED_H

#include "base/error.h"

enum { BASIN_PUBLISHED_KEYS = 16, BASIN_PUBLISHED_NOTES = 16 };

typedef struct basin_published_row {
  char *variant; /* NULL where there is no such column */
  double key[BASIN_PUBLISHED_KEYS];
  double success;
  int decimals; /* digits printed behind the point */
  int64_t trials;
} basin_published_row;

typedef struct basin_published {
  char *path;
  char *key[BASIN_PUBLISHED_KEYS]; /* names of the other columns */
  int keys;
  basin_published_row *row;
  int64_t rows;
  char *note[BASIN_PUBLISHED_NOTES];
  int notes;
} basin_published;

/* Reads the file. BASIN_BAD_INPUT where it cannot be read, or with the place of what is wrong in it. *published is to
   be freed in any case. */
basin_status basin_published_read(const char *path, basin_published *published, basin_error *error);
void basin_published_free(basin_published *published);

/* The row that names the cell, or NULL. */
const basin_published_row *basin_published_find(const basin_published *published,
                                                const basin_summary *cell);

#endif
