/* SPDX-License-Identifier: MIT
 *
 * fuzz_published.c: any bytes as a table of published numbers.
 */
#include "fuzz.h"
#include "cli/published.h"
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const name[] = {"k", "p"};
  static const double value[] = {4, 3};
  const basin_summary cell = {
      .variant = "fast", .parameters = 2, .parameter_name = name, .parameter = value};
  basin_published published;
  basin_error error = {""};
  const char *path = fuzz_file("published.csv", data, size);
  if (fuzz_judge(basin_published_read(path, &published, &error), &error)) {
    for (int64_t i = 0; i < published.rows; i++) {
      const basin_published_row *row = &published.row[i];
      if (!(row->success >= 0 && row->success <= 1) || row->trials < 1 || row->decimals < 0)
        abort();
    }
    const basin_published_row *row = basin_published_find(&published, &cell);
    if (row && (row < published.row || row >= published.row + published.rows)) abort();
  }
  basin_published_free(&published);
  return 0;
}
