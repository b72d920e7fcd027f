/* SPDX-License-Identifier: MIT
 *
 * plot_axis.h: axes: grid parameters, spans of numbers, tics; and what cells are called that differ in more than an
 * axis.
 */
#ifndef BASIN_PLOT_AXIS_H
#define BASIN_PLOT_AXIS_H

#include "cli/plot.h"
#include "cli/report.h"
#include <math.h>

/* What an axis has to show. It grows by values that are finite and, for a logarithmic axis, above 0. */
typedef struct basin_span {
  double least, most;
} basin_span;
#define BASIN_NO_SPAN ((basin_span){INFINITY, -INFINITY})
void basin_span_widen(basin_span *span, double value, int logarithmic);

/* Sets the range of axis 'x' or 'y', a little wider than the span, logarithmic or not, with tics at whole numbers where
   `whole` says that all are. */
void basin_span_set(basin_figure *figure, char axis, int logarithmic, int whole,
                    const basin_span *span);

/* `set xlabel` or `set ylabel`, with the unit where there is one. */
void basin_plot_axis_label(basin_figure *figure, char axis, const char *text, const char *units);

/* A parameter as an axis. Values of a wide span get a logarithmic one; an infinite one (of a number of inputs) stands
   behind the largest, apart from it as the largest is from the next, or by as much again. */
typedef struct basin_axis {
  const char *name;
  int parameter; /* its number among those of a cell */
  double
      *value; /* [values] of the figure's cells, different ones, ascending; the caller frees it */
  int64_t values;
  int logarithmic, whole;
  double infinity; /* where infinity stands */
} basin_axis;

/* The grid parameter of that name; NULL: the one with most values that is not `other` nor told by it (NULL: none).
   BASIN_BAD_INPUT where there is none. option: the name of the option that says it. */
basin_status basin_axis_open(const basin_figure *figure, const char *name, const basin_axis *other,
                             const char *option, basin_axis *axis, basin_error *error);

/* where a cell stands on it, and a value */
double basin_axis_of(const basin_axis *axis, const basin_summary *cell);
double basin_axis_place(const basin_axis *axis, double value);

/* Sets tics and label of axis 'x' or 'y' of so many pixels that spans [least, most]. */
void basin_axis_set(basin_figure *figure, char axis, const basin_axis *a, double least, double most,
                    double pixels);

/* Cells that differ in x and y alone, and in what these tell, are one series; its label is what the others differ
   in. */
typedef struct basin_series {
  int *of; /* [cells] the series of each */
  int count;
  struct {
    char label[BASIN_LABEL_BYTES]; /* "" where there is one series alone */
    const char *variant;
  } one[BASIN_SERIES_MAX];
} basin_series;

/* x, y: NULL for none. BASIN_OUTSIDE, without a reason, where there are more series than `most`. To be freed in any
   case. */
basin_status basin_series_find(const basin_figure *figure, const basin_axis *x, const basin_axis *y,
                               int most, basin_series *series, basin_error *error);
void basin_series_free(basin_series *series);

/* What the figure's cells are called; label[cells], to be freed by the caller. */
typedef char basin_label[BASIN_LABEL_BYTES];
basin_status basin_plot_names(const basin_figure *figure, basin_label **name, basin_error *error);

/* Notes what the selected cells have in common that others of the file have not: "CNN, ratio = 4". */
void basin_plot_note(basin_figure *figure);

/* trials of a cell that ended alike: "k = 4: global (13)"; of any outcome (-1): "k = 4 (20)" */
void basin_plot_label_trials(const basin_outcomes *outcomes, const char *cell, int outcome,
                             int64_t trials, basin_label label);

/* outcomes in the order in which they are drawn: global first, unresolved last */
int basin_plot_outcome(const basin_outcomes *outcomes, int number);

/* how an outcome looks wherever it is one of all */
basin_style basin_plot_outcome_style(int outcome);

/* The attractors that most trials rest at, as many as a panel takes, in the order of their numbers. */
typedef struct basin_common {
  int count, number[BASIN_CURVES_MAX];
  int left; /* others that there are */
} basin_common;

/* Those of the figure's cells; *table has the attractors of these, and nothing else is to be freed of it:
   basin_table_free_attractors(), in any case. BASIN_BAD_INPUT where the file has none. */
basin_status basin_common_find(basin_figure *figure, basin_table *table, basin_common *common,
                               basin_error *error);

/* "2: x = 3, y = 2", as it is in the first cell that has it */
void basin_common_label(const basin_table *table, int number, basin_label label);

#endif
