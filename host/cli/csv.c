/* SPDX-License-Identifier: MIT */
#include "cli/csv.h"
#include "base/text.h"
#include <math.h>
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
  if (isnan(number)) fputs("NaN", to);
  else if (isinf(number)) fputs(number > 0 ? "Inf" : "-Inf", to);
  else fputs(basin_exact(number).text, to);
}
