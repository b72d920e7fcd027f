/* SPDX-License-Identifier: MIT
 *
 * command_plot.c: basin plot.
 */
#include "cli/cli.h"
#include "cli/opening.h"
#include "cli/plot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

basin_status basin_command_plot(const basin_arguments *a, basin_error *error) {
  basin_figure f = {.output = basin_argument(a, "output"),
                    .log_scale = basin_argument(a, "log") != NULL};
  const char *observable[BASIN_PANELS_MAX];
  int panels = 0;
  if (!f.output)
    return basin_fail(error, BASIN_BAD_INPUT, "plot: -o FIG.svg or FIG.png is missing");
  for (int i = 0; i < a->givens; i++)
    if (!strcmp(a->given[i].name, "observable")) {
      if (panels == BASIN_PANELS_MAX)
        return basin_fail(error, BASIN_BAD_INPUT, "plot: more than %d panels", BASIN_PANELS_MAX);
      observable[panels++] = a->given[i].value;
    }
  const int rates = basin_argument(a, "rates") != NULL;
  if (rates && panels > 1)
    return basin_fail(error, BASIN_BAD_INPUT, "plot: --rates draws one --observable");
  if (rates && (basin_argument(a, "x") || basin_argument(a, "published") || f.log_scale))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "plot: --rates has axes of its own: leave --x, --published and --log out");
  basin_status status = basin_opening_results(a->positional[0], &f.results, error);
  if (status) return status;
  f.cells = basin_results_cells(f.results);
  f.cell = calloc((size_t)f.cells, sizeof *f.cell);
  if (!f.cell) status = basin_fail_memory(error);
  for (int64_t i = 0; i < f.cells && !status; i++)
    status = basin_results_outcomes(f.results, i, &f.cell[i], error);
  if (!status && basin_argument(a, "published"))
    status = basin_published_read(basin_argument(a, "published"), &f.published, error);
  const char *title = basin_argument(a, "title") ? basin_argument(a, "title")
                                                 : basin_results_title(f.results);
  char marked[512];
  if (basin_results_missing(f.results)) {
    snprintf(marked, sizeof marked, "%s (partial)", title);
    title = marked;
  }
  if (!status)
    status = rates    ? basin_plot_rates(&f, title, panels ? observable[0] : "loss", error)
             : panels ? basin_plot_trajectories(&f, title, observable, panels, error)
                      : basin_plot_success(&f, title, basin_argument(a, "x"), error);
  basin_plot_close(&f);
  basin_published_free(&f.published);
  free(f.cell);
  basin_results_close(f.results);
  return status;
}
