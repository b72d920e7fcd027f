/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include <ctype.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Levenshtein distance, for words below 32 characters */
static int distance(const char *a, const char *b) {
  int row[33];
  const int n = (int)strlen(b);
  for (int j = 0; j <= n; j++) row[j] = j;
  for (int i = 1; a[i - 1]; i++) {
    int diagonal = row[0];
    row[0] = i;
    for (int j = 1; j <= n; j++) {
      const int change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      if (row[j - 1] < row[j]) row[j] = row[j - 1];
      row[j] = row[j] + 1 < change ? row[j] + 1 : change;
    }
  }
  return row[n];
}

const char *basin_nearest(const char *word, const char *const *candidate, int candidates) {
  const char *best = NULL;
  int least = 3;
  if (strlen(word) > 31) return NULL;
  for (int i = 0; i < candidates; i++) {
    if (strlen(candidate[i]) > 31) continue;
    const int d = distance(word, candidate[i]);
    if (d < least && d < (int)strlen(candidate[i])) {
      least = d;
      best = candidate[i];
    }
  }
  return best;
}

/* Any decimal of 15 digits survives the way through a double, 17 tell all doubles apart; subnormal ones have fewer. */
basin_number basin_exact(double x) {
  basin_number number = {"nan"};
  if (isnan(x)) return number;
  const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(plain);
  int digits = fabs(x) < DBL_MIN ? 1 : 15;
  do snprintf(number.text, sizeof number.text, "%.*g", digits, x);
  while (digits++ < 17 && strtod(number.text, NULL) != x);
  uselocale(before);
  if (plain) freelocale(plain);
  return number;
}

void basin_show_bytes(char *text, size_t size, double bytes) {
  static const char *const unit[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  int i = 0;
  while (bytes >= 999.5 && i < 5) bytes /= 1000, i++;
  snprintf(text, size, "%.3g %s", bytes, unit[i]);
}

void basin_show_time(char *text, size_t size, double seconds) {
  if (!(seconds >= 0)) snprintf(text, size, "?");
  else if (seconds < 60) snprintf(text, size, "%.0f s", ceil(seconds));
  else if (seconds < 3600) snprintf(text, size, "%.0f min", ceil(seconds / 60));
  else snprintf(text, size, "%.1f h", seconds / 3600);
}

void basin_show_word(char *text, size_t size, const char *word) {
  static const char plain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
  if (*word && !word[strspn(word, plain)]) {
    snprintf(text, size, "%s", word);
    return;
  }
  size_t used = 0;
  if (size < 3) return;
  text[used++] = '\'';
  for (; *word && used + 6 < size; word++) { /* a quote takes four, the last one and the NUL two */
    if (*word == '\'') used = (size_t)(stpcpy(text + used, "'\\''") - text);
    else text[used++] = *word;
  }
  text[used++] = '\'';
  text[used] = 0;
}

int basin_is_name(const char *text) {
  if (!isalpha((unsigned char)*text) && *text != '_') return 0;
  for (const char *c = text; *c; c++)
    if (!isalnum((unsigned char)*c) && *c != '_') return 0;
  return strlen(text) <= BASIN_NAME_LENGTH;
}

size_t basin_number_length(const char *text) {
  static const char digits[] = "0123456789";
  const char *end = text + strspn(text, "0123456789.");
  if (*end == 'e' || *end == 'E') {
    const char *exponent = end + 1;
    if (*exponent == '+' || *exponent == '-') exponent++;
    if (strspn(exponent, digits)) end = exponent + strspn(exponent, digits);
  }
  return (size_t)(end - text);
}
