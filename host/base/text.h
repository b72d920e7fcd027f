/* SPDX-License-Identifier: MIT
 *
 * text.h: numbers and words as a person, or a shell, reads them.
 */
#ifndef BASIN_BASE_TEXT_H
#define BASIN_BASE_TEXT_H

#include <stddef.h>

/* the candidate nearest to a mistyped word, or NULL where none is near: for "did you mean" */
const char *basin_nearest(const char *word, const char *const *candidate, int candidates);

/* Whether `text` may name a symbol: a letter or _, then letters, digits and _, at most BASIN_NAME_LENGTH in all. */
enum { BASIN_NAME_LENGTH = 63 };
int basin_is_name(const char *text);

/* How many characters at the head of a text are those of a number: digits, points and an exponent, as in 12, .05 and
   1e-6. strtod alone also reads hexadecimal, infinity and NaN. */
size_t basin_number_length(const char *text);

/* A double in the fewest digits of %g that read back as the same one: 0.1, 1e+22, 5e-324; "nan", "inf" and "-inf". With
   a decimal point whatever the locale. To be used where it is made: printf("%s", basin_exact(x).text). */
typedef struct basin_number {
  char text[40];
} basin_number;
basin_number basin_exact(double x);

/* 1234567 as "1.23 MB" */
void basin_show_bytes(char *text, size_t size, double bytes);

/* 150 as "3 min"; "?" for NaN */
void basin_show_time(char *text, size_t size, double seconds);

/* a word to be pasted into a shell: as it is, or in single quotes where it needs them */
void basin_show_word(char *text, size_t size, const char *word);

#endif
