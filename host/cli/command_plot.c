/* SPDX-License-Identifier: MIT
 *
 * command_plot.c: basin plot.
 */
#include "cli/cli.h"
#include "cli/opening.h"
#include "cli/plot_axis.h"
#include "cli/select.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBSERVABLES_MAX = 8 };

/* The kinds of figures: the option that asks for one, and the other options that it takes. --observable alone is one
   kind, and with --rates it says of what. */
typedef struct kind {
  const char *option, *takes;
} kind;
static const kind kinds[] = {
    {"map", "attractors"}, {"vector", "shape trial"},
    {"histogram", "log"},  {"ecdf", ""},
    {"median", "x log"},   {"rates", "observable"},
    {"passages", "x log"}, {"attractors", "x log"},
    {"observable", "log"}, {NULL, "x y halfwidth published log"},
};
static const char *const choices[] = {
    "map",       "histogram", "ecdf", "rates",  "observable", "passages", "x",          "y",
    "halfwidth", "published", "log",  "vector", "shape",      "trial",    "attractors", "median"};

/* whether the word is one of the list */
static int is_in(const char *list, const char *word) {
  const size_t length = strlen(word);
  for (const char *at = list; (at = strstr(at, word)); at += length)
    if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length])) return 1;
  return 0;
}

static basin_status choose_kind(const basin_arguments *a, const kind **chosen, basin_error *error) {
  const kind *k = kinds;
  while (k->option && !basin_argument(a, k->option)) k++;
  *chosen = k;
  for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
    const char *option = choices[i];
    if (!basin_argument(a, option) || is_in(k->takes, option)) continue;
    if (!k->option && (!strcmp(option, "shape") || !strcmp(option, "trial")))
      return basin_fail(error, BASIN_BAD_INPUT, "plot: --%s goes with --vector", option);
    if (k->option && strcmp(option, k->option) != 0)
      return basin_fail(error, BASIN_BAD_INPUT, "plot: --%s and --%s do not go together", k->option,
                        option);
  }
  return BASIN_OK;
}

static basin_status read_observables(const basin_arguments *a, const char **observable, int *count,
                                     basin_error *error) {
  *count = 0;
  for (int i = 0; i < a->givens; i++) {
    if (strcmp(a->given[i].name, "observable") != 0) continue;
    if (*count == OBSERVABLES_MAX)
      return basin_fail(error, BASIN_BAD_INPUT, "plot: more than %d observables", OBSERVABLES_MAX);
    observable[(*count)++] = a->given[i].value;
  }
  if (*count > 1 && basin_argument(a, "rates"))
    return basin_fail(error, BASIN_BAD_INPUT, "plot: --rates draws one --observable");
  return BASIN_OK;
}

static basin_status draw(basin_figure *f, const kind *k, const basin_arguments *a,
                         const char **observable, int observables, basin_error *error) {
  const char *value = k->option ? basin_argument(a, k->option) : NULL;
  if (!k->option || !strcmp(k->option, "median"))
    return basin_plot_success(
        f,
        &(basin_success_options){.x = basin_argument(a, "x"),
                                 .y = basin_argument(a, "y"),
                                 .median = value,
                                 .halfwidth = basin_argument(a, "halfwidth") != NULL},
        error);
  if (!strcmp(k->option, "passages")) return basin_plot_passages(f, basin_argument(a, "x"), error);
  if (!strcmp(k->option, "vector"))
    return basin_plot_vector(f, value, basin_argument(a, "shape"), basin_argument(a, "trial"),
                             error);
  if (!strcmp(k->option, "map"))
    return basin_plot_map(f, value, basin_argument(a, "attractors") != NULL, error);
  if (!strcmp(k->option, "attractors"))
    return basin_plot_attractors(f, basin_argument(a, "x"), error);
  if (!strcmp(k->option, "rates"))
    return basin_plot_rates(f, observables ? *observable : "loss", error);
  if (!strcmp(k->option, "observable"))
    return basin_plot_trajectories(f, observable, observables, error);
  return basin_plot_distribution(f, value, !strcmp(k->option, "ecdf"), error);
}

/* the cells that are selected, and the title */
static basin_status read_cells(basin_figure *f, const basin_arguments *a, basin_error *error) {
  basin_selection selection;
  basin_status status = basin_select(a, f->results, &selection, error);
  f->cells = selection.cells;
  f->cell = calloc((size_t)f->cells, sizeof *f->cell);
  if (!f->cell && !status) status = basin_fail_memory(error);
  for (int64_t i = 0; i < f->cells && !status; i++)
    status = basin_results_outcomes(f->results, selection.cell[i], &f->cell[i], error);
  basin_selection_free(&selection);
  return status;
}

basin_status basin_command_plot(const basin_arguments *a, basin_error *error) {
  basin_figure f = {.output = basin_argument(a, "output"),
                    .log_scale = basin_argument(a, "log") != NULL};
  const char *observable[OBSERVABLES_MAX];
  const kind *k;
  int observables;
  if (!f.output)
    return basin_fail(error, BASIN_BAD_INPUT, "plot: -o FIG.svg, FIG.png or FIG.pdf is missing");
  basin_status status = choose_kind(a, &k, error);
  if (!status) status = read_observables(a, observable, &observables, error);
  if (!status) status = basin_opening_output(a->positional[0], f.output, error);
  if (!status) status = basin_opening_results(a->positional[0], &f.results, error);
  if (status) return status;
  status = read_cells(&f, a, error);
  if (!status && basin_argument(a, "published"))
    status = basin_published_read(basin_argument(a, "published"), &f.published, error);
  const char *title = basin_argument(a, "title");
  char marked[512];
  f.title = title ? title : basin_results_title(f.results);
  if (basin_results_missing(f.results)) {
    snprintf(marked, sizeof marked, "%s (partial)", f.title);
    f.title = marked;
  }
  if (!status && !title) basin_plot_note(&f);
  if (!status) status = draw(&f, k, a, observable, observables, error);
  basin_plot_close(&f);
  basin_published_free(&f.published);
  free(f.cell);
  basin_results_close(f.results);
  return status;
}
