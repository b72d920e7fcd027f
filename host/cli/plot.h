/* SPDX-License-Identifier: MIT
 *
 * plot.h: figures through gnuplot. The data and the drawing commands go to it through a pipe, the picture comes back.
 *
 * plot.c speaks with gnuplot, plot_page.c lays out panels and legends, plot_axis.c knows axes and names cells; each
 * kind of figure has a file of its own.
 */
#ifndef BASIN_PLOT_H
#define BASIN_PLOT_H

#include "base/files.h"
#include "cli/plot_page.h"
#include "cli/published.h"
#include "store/results.h"
#include <stdio.h>
#include <sys/types.h>

struct basin_figure {
  basin_results *results;
  basin_summary *cell; /* [cells] those that are drawn; cell[i].index is the number of the cell */
  int64_t cells;
  const char *title;
  char note[BASIN_LABEL_BYTES]; /* below the title, in smaller letters; "" for none */
  const char *output;
  char temporary[BASIN_PATH_BYTES];
  int log_scale;
  basin_published published;

  FILE *pipe;            /* to gnuplot */
  pid_t gnuplot;         /* its process, 0 where it does not run */
  int picture, messages; /* files in memory that take its output and its complaints; 0: none yet */

  /* the page, once it is started */
  const basin_page *page;
  basin_box box[BASIN_PANELS_MAX];
  int width, height; /* pixels */
};

/* What an output's name ends in says what it is. */
typedef struct basin_format {
  const char *ending, *terminal; /* of gnuplot, with its size left open: width, height, font size */
  double pixel;                  /* in the terminal's unit of length, and in that of fonts */
  double font;
  const char *begins, *ends; /* of a whole picture */
} basin_format;
const basin_format *basin_format_of(const char *path); /* NULL: of none */

/* Starts gnuplot; waits for its end and, where it drew a whole picture, moves that into place; frees what they took, in
   any case. */
basin_status basin_gnuplot_start(basin_figure *figure, basin_error *error);
basin_status basin_gnuplot_end(basin_figure *figure, basin_error *error);
void basin_plot_close(basin_figure *figure);

/* A label: text in gnuplot's single quotes, inside which it runs nothing, its mark-up taken literally. */
void basin_plot_quote(FILE *to, const char *text);

/* bytes of the character of UTF-8 that text begins with; 0 where it is none: pictures must not hold that */
int basin_plot_character(const char *text);

/* The figures. Each draws the figure's cells.

   Rates of success against grid parameter x (NULL: the one with most values) as curves; with y, or where there would be
   more than eight curves and another parameter to draw them along, as a map over both, beside it the half-width of the
   interval where that is asked for. With `median` in their place the median of that number of each trial, as curves. */
typedef struct basin_success_options {
  const char *x, *y, *median;
  int halfwidth;
} basin_success_options;
basin_status basin_plot_success(basin_figure *figure, const basin_success_options *options,
                                basin_error *error);
basin_status basin_plot_heat(basin_figure *figure, const char *x, const char *y, int halfwidth,
                             basin_error *error);

/* Observables along the trajectories; the loss (or another observable) against eta t, and its local slope. */
basin_status basin_plot_trajectories(basin_figure *figure, const char **observable, int observables,
                                     basin_error *error);
basin_status basin_plot_rates(basin_figure *figure, const char *observable, basin_error *error);

/* A number of each trial: `steps`, a passage, or an observable at the end of the trial as loss or final_loss.
   BASIN_BAD_INPUT, with those that there are, where the file has none of that name. */
basin_status basin_plot_number(const basin_figure *figure, const char *name, basin_array *found,
                               basin_error *error);

/* How such a number is distributed, apart for each outcome, as a histogram or cumulative. */
basin_status basin_plot_distribution(basin_figure *figure, const char *name, int cumulative,
                                     basin_error *error);

/* First passages: the median of their steps, with its interval, against the level, a curve for each cell, or, with x,
   against a grid parameter, a curve for each passage of each series of cells. */
basin_status basin_plot_passages(basin_figure *figure, const char *x, basin_error *error);

/* Shares of the attractors that were discovered against grid parameter x (NULL: the one with most values), with the
   bands of their intervals. */
basin_status basin_plot_attractors(basin_figure *figure, const char *x, basin_error *error);

/* Where starts end: each a point at (x, y) of step 0, observables or entries of vectors such as v[0], in the colour of
   its outcome, or of its attractor. axes: "x,y". */
basin_status basin_plot_map(basin_figure *figure, const char *axes, int attractors,
                            basin_error *error);

/* A vector as an image of `shape` ("5x5", row by row): the teacher's, and a recorded trial's at its start and end. */
basin_status basin_plot_vector(basin_figure *figure, const char *name, const char *shape,
                               const char *trial, basin_error *error);

#endif
