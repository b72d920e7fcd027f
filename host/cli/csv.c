/* SPDX-License-Identifier: MIT */
#include "cli/csv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void basin_csv_text(FILE *to, const char *text) {
  if (!strpbrk(text, ",\"\r\n")) {
    fputs(text, to);
    return;
  }
  putc('"', to);
  for (; *text; text++) {
    if (*text == '"') putc('"', to);
    putc(*text, to);
  }
  putc('"', to);
}

void basin_csv_number(FILE *to, double number) {
  char text[32];
  if (isnan(number)) {
    fputs("NaN", to);
  } else if (isinf(number)) {
    fputs(number > 0 ? "Inf" : "-Inf", to);
  } else if (number == floor(number) && fabs(number) < 0x1p53) {
    fprintf(to, "%.0f", number);
  } else {
    int digits = 15; /* 17 always read back */
    do snprintf(text, sizeof text, "%.*g", digits, number);
    while (digits++ < 17 && strtod(text, NULL) != number);
    fputs(text, to);
  }
}
