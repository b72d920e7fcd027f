/* SPDX-License-Identifier: MIT
 *
 * plot.h: figures through gnuplot. The data and the drawing commands go to it through a pipe, the picture comes back.
 */
#ifndef BASIN_PLOT_H
#define BASIN_PLOT_H

#include "base/files.h"
#include "cli/published.h"
#include "store/results.h"
#include <math.h>
#include <stdio.h>
#include <sys/types.h>

enum { BASIN_PANELS_MAX = 8, BASIN_SERIES_MAX = 64, BASIN_LABEL_BYTES = 160, BASIN_COLOURS = 8 };

/* told apart by colour-blind readers */
extern const char *const basin_plot_colour[BASIN_COLOURS];

typedef struct basin_figure {
  basin_results *results;
  basin_summary *cell; /* [cells] */
  int64_t cells;
  const char *output;
  char temporary[BASIN_PATH_BYTES];
  int log_scale;
  int key_lines,
      key_length; /* of the key below a panel: entries, characters of the longest; 0: not known */
  FILE *pipe;     /* to gnuplot */
  pid_t gnuplot;  /* its process, 0 where it does not run */
  int picture, messages; /* files in memory that take its output and its complaints; 0: none yet */
  basin_published published;
} basin_figure;

/* Starts gnuplot and sets the page up for so many panels; ends it and, where it drew a whole picture, moves that into
   place; frees what they took, in any case. */
basin_status basin_plot_start(basin_figure *figure, const char *title, int panels,
                              basin_error *error);
basin_status basin_plot_end(basin_figure *figure, int panels, basin_error *error);
void basin_plot_close(basin_figure *figure);

/* Notes an entry of the key, before the start, so that there is room for it. */
void basin_plot_key(basin_figure *figure, const char *label);

/* A label: text in gnuplot's single quotes, inside which it runs nothing, its mark-up taken literally. */
void basin_plot_quote(FILE *to, const char *text);

/* What an axis has to show. It grows by values that are finite and, for a logarithmic axis, above 0. */
typedef struct basin_span {
  double least, most;
} basin_span;
#define BASIN_NO_SPAN ((basin_span){INFINITY, -INFINITY})
void basin_plot_widen(basin_span *span, double value, int logarithmic);

/* Lets gnuplot choose the range of axis 'x' or 'y'; around a span without width, for which it has none, sets one and
   returns 0. */
int basin_plot_range(basin_figure *figure, char axis, int logarithmic, const basin_span *span);

/* The parameter's value in a cell, NaN where it has none; how many different ones the cells have. */
double basin_plot_parameter(const basin_summary *cell, const char *name);
int64_t basin_plot_values(const basin_figure *figure, const char *name);

/* trials of a cell that ended alike: "k = 4: global (13)"; of any outcome (-1): "k = 4 (20)" */
void basin_plot_label_trials(const basin_figure *figure, int64_t cell, int outcome, int64_t trials,
                             char label[BASIN_LABEL_BYTES]);

/* The series a cell belongs to: its variant and the grid parameters that are neither x nor told by it; "" where there
   are none. */
void basin_plot_label(const basin_figure *figure, const basin_summary *cell, const char *x,
                      char label[BASIN_LABEL_BYTES]);

/* The figures. Rates of success against grid parameter x (NULL: the one with most values); observables along the
   trajectories; the loss (or another observable) against eta t, and its local slope. */
basin_status basin_plot_success(basin_figure *figure, const char *title, const char *x,
                                basin_error *error);
basin_status basin_plot_trajectories(basin_figure *figure, const char *title,
                                     const char **observable, int panels, basin_error *error);
basin_status basin_plot_rates(basin_figure *figure, const char *title, const char *observable,
                              basin_error *error);

#endif
