/* SPDX-License-Identifier: MIT
 *
 * plot_page.h: a page of panels. Every panel has a box of its own; what its curves mean stands in a strip below it, or,
 * where all panels have the same curves, once at the foot of the page. gnuplot lays out nothing but the axes inside a
 * box, so that a legend lies over no data, no axis and no other legend, however many entries it has.
 *
 *   +--------------------------------+
 *   |             title              |
 *   |  +-----------+ +-----------+   |
 *   |  |  panel 0  | |  panel 1  |   |   columns = 2
 *   |  | its legend| | its legend|   |
 *   |  +-----------+ +-----------+   |
 *   |  +-----------+                 |
 *   |  |  panel 2  |                 |
 *   |  | its legend|                 |
 *   |  +-----------+                 |
 *   |    legend of the whole page    |
 *   |   foot: colour bars, if any    |
 *   +--------------------------------+
 */
#ifndef BASIN_PLOT_PAGE_H
#define BASIN_PLOT_PAGE_H

#include "base/error.h"

enum {
  BASIN_PANELS_MAX = 24,
  BASIN_CURVES_MAX = 8, /* of a panel: more are spread over several */
  BASIN_ENTRIES_MAX = 2 * BASIN_CURVES_MAX,
  BASIN_SERIES_MAX = BASIN_PANELS_MAX * BASIN_CURVES_MAX,
  BASIN_LABEL_BYTES = 160
};

typedef struct basin_figure basin_figure;

/* How a curve looks: told apart by its colour, by colour-blind readers too, by its dashes and by its points, each of
   which is enough. Of curves that lie on each other the later are thinner, so that the earlier show beside them. */
typedef struct basin_style {
  const char *colour, *dash; /* dash: gnuplot's dashtype */
  int point;
  double width; /* of the line, and relative to it of the points */
} basin_style;
basin_style basin_style_of(int number, int of); /* curve number 0 .. of - 1 of a panel */

/* what a legend shows beside a label */
enum { BASIN_SHOW_LINE = 1, BASIN_SHOW_POINT = 2, BASIN_SHOW_AREA = 4, BASIN_SHOW_RING = 8 };

typedef struct basin_entry {
  char label[BASIN_LABEL_BYTES];
  basin_style style;
  unsigned shows;
} basin_entry;

typedef struct basin_legend {
  int entries;
  basin_entry entry[BASIN_ENTRIES_MAX];
} basin_legend;

typedef struct basin_panel {
  char title[BASIN_LABEL_BYTES];
  basin_legend legend;
} basin_panel;

typedef struct basin_page {
  int panels, columns; /* columns 0: chosen by the number of panels */
  int foot;            /* pixels for colour bars at the bottom */
  double shape;        /* of a box, height to width; 0: chosen */
  basin_panel panel[BASIN_PANELS_MAX];
  basin_legend legend; /* of all panels */
} basin_page;

/* where a panel lies, in pixels from the left and from the top; its legend below it */
typedef struct basin_box {
  int x, y, width, height;
  int legend; /* height of the legend's strip */
} basin_box;

/* Another entry. An empty legend has none. */
void basin_legend_add(basin_legend *legend, const char *label, basin_style style, unsigned shows);

/* Curves of one cell stay together, and BASIN_CURVES_MAX at most are in a group, which is drawn in one panel. Puts so
   many more into the last group, or into a new one: its number, where theirs begin at of[group] - together; -1 where
   there are BASIN_PANELS_MAX already. */
typedef struct basin_groups {
  int count, of[BASIN_PANELS_MAX];
} basin_groups;
int basin_groups_add(basin_groups *groups, int together);

/* The group of curve i of the `together` ones of a cell, which come one after another from 0 on, and *number, its
   number there: of more than a group takes each BASIN_CURVES_MAX stay together. -1 as above. */
int basin_groups_put(basin_groups *groups, int together, int i, int *number);

/* Lays the page out, which must stay as it is until its end, and starts gnuplot. Begins a panel: from there on to the
   next everything is drawn into it. Ends the page. Where one fails, or nothing is drawn, basin_plot_close() cleans
   up. */
basin_status basin_page_start(basin_figure *figure, const basin_page *page, basin_error *error);
void basin_page_panel(basin_figure *figure, int panel);
void basin_page_empty(basin_figure *figure); /* a panel that has nothing to draw */
basin_status basin_page_end(basin_figure *figure, basin_error *error);

/* A font of so many pixels, as gnuplot takes it; a length as a share of the page's width or height. */
double basin_page_font(const basin_figure *figure, double pixels);
double basin_page_across(const basin_figure *figure, double pixels);
double basin_page_up(const basin_figure *figure, double pixels_from_top);

/* How gnuplot is to draw: behind `with lines`, `with points` or `with linespoints`. */
void basin_style_lines(basin_figure *figure, const basin_style *style);
void basin_style_points(basin_figure *figure, const basin_style *style);
void basin_style_both(basin_figure *figure, const basin_style *style);

/* Says that there are more panels or curves than a page takes: BASIN_BAD_INPUT, with what to do. */
basin_status basin_page_too_many(const char *what, int most, basin_error *error);

#endif
