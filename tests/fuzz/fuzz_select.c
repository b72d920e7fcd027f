/* SPDX-License-Identifier: MIT
 *
 * fuzz_select.c: any lines as values of --cell, --where and --variant, which their first letter tells. The cells that
 * are left, ascending, or one line of reason.
 */
#include "fuzz.h"
#include "cli/select.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static basin_results *r;
  basin_error error = {""};
  if (!r) {
    char path[256];
    basin_experiment *e = fuzz_experiment();
    snprintf(path, sizeof path, "%s", fuzz_name("made.h5"));
    if (basin_run(e, &(basin_run_options){.output = path, .threads = 1}, &error) ||
        basin_results_open(path, &r, &error))
      abort();
    basin_experiment_free(e);
  }
  char *text = malloc(size + 1), *rest = text;
  if (!text) return 0;
  memcpy(text, data, size);
  text[size] = 0;
  basin_arguments arguments = {.givens = 0};
  basin_selection selection;
  for (char *line; arguments.givens < 8 && (line = strsep(&rest, "\n")) && *line;
       arguments.givens++) {
    arguments.given[arguments.givens].name = *line == 'c'   ? "cell"
                                             : *line == 'w' ? "where"
                                                            : "variant";
    arguments.given[arguments.givens].value = line + 1;
  }
  if (fuzz_judge(basin_select(&arguments, r, &selection, &error), &error)) {
    if (selection.cells < 1) abort();
    for (int64_t i = 0; i < selection.cells; i++)
      if (selection.cell[i] < (i ? selection.cell[i - 1] + 1 : 0) ||
          selection.cell[i] >= basin_results_cells(r))
        abort();
  }
  basin_selection_free(&selection);
  free(text);
  return 0;
}
