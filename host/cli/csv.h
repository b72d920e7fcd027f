/* SPDX-License-Identifier: MIT
 *
 * csv.h: entries of comma-separated values, after RFC 4180.
 */
#ifndef BASIN_CSV_H
#define BASIN_CSV_H

#include <stdio.h>

/* Text, in quotes where it needs them. */
void basin_csv_text(FILE *to, const char *text);

/* A number in the fewest digits that read back as the same double; NaN, Inf and -Inf, as R, Julia and Python read
   them. */
void basin_csv_number(FILE *to, double number);

#endif
