/* SPDX-License-Identifier: MIT */
#include "cli/plot.h"
#include <stdlib.h>
#include <string.h>

enum {
  WIDTH = 900,
  WIDE = 1260, /* of three columns */
  EDGE = 8,    /* around everything */
  TITLE_FONT = 15,
  PANEL_FONT = 13, /* titles of panels, axes */
  LEGEND_FONT = 12,
  LINE = 18,   /* of a legend */
  SAMPLE = 38, /* what stands before a label */
  GAP = 16,    /* behind it */
  TITLE_LINES = 3,
  TITLE_BYTES = 512
};

/* ---- styles ---- */

/* The palette of Okabe and Ito, without its yellow, which is too light for a line on white. 7 colours, 5 dashes and 8
   points: 280 combinations, and neighbours share none of the three. */
basin_style basin_style_of(int number, int of) {
  static const char *const colour[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                       "#E69F00", "#56B4E9", "#000000"};
  static const char *const dash[] = {"1", "(9,5)", "(0.5,4)", "(9,4,0.5,4)", "(20,6)"};
  static const int point[] = {7, 4, 9, 12, 5, 8, 13, 10};
  const double finer = of > 1 ? (double)(number % BASIN_CURVES_MAX) / (BASIN_CURVES_MAX - 1) : 0.6;
  return (basin_style){colour[number % 7], dash[number % 5], point[number % 8], 2.8 - 1.6 * finer};
}

void basin_style_lines(basin_figure *f, const basin_style *s) {
  fprintf(f->pipe, "lw %.3g dt %s lc rgb '%s'", s->width, s->dash, s->colour);
}

void basin_style_points(basin_figure *f, const basin_style *s) {
  fprintf(f->pipe, "pt %d ps %.3g lw 1.5 lc rgb '%s'", s->point, 0.3 + 0.25 * s->width, s->colour);
}

void basin_style_both(basin_figure *f, const basin_style *s) {
  fprintf(f->pipe, "pt %d ps %.3g ", s->point, 0.3 + 0.25 * s->width);
  basin_style_lines(f, s);
}

/* ---- text ---- */

/* how wide a text is, about, or a little less: DejaVu Sans, which is a wide face */
static double text_width(const char *text, double font) {
  double em = 0;
  for (int bytes; *text; text += bytes ? bytes : 1) {
    bytes = basin_plot_character(text);
    em += strchr("mwMW@%", *text) ? 0.95 : strchr("ijltfI.,:;|'() ", *text) ? 0.4 : 0.66;
  }
  return em * font;
}

/* cuts a text that is too wide, so that it ends in ... */
static void fit(char *text, double font, double width) {
  size_t length = strlen(text);
  if (text_width(text, font) <= width) return;
  while (length && text_width(text, font) > width - font) {
    do length--;
    while (length && ((unsigned char)text[length] & 0xc0) == 0x80);
    text[length] = 0;
  }
  strcpy(text + length, "…");
}

/* cuts the title into lines, in place, at spaces; how many */
static int break_title(char *title, double width, char *line[TITLE_LINES]) {
  int lines = 1;
  *line = title;
  for (char *space = strchr(title, ' '), *next; space && lines < TITLE_LINES; space = next) {
    next = strchr(space + 1, ' ');
    if (next) *next = 0;
    const int wide = text_width(line[lines - 1], TITLE_FONT) > width;
    if (next) *next = ' ';
    if (!wide) continue;
    *space = 0;
    line[lines++] = space + 1;
  }
  return lines;
}

/* ---- legends ---- */

void basin_legend_add(basin_legend *l, const char *label, basin_style style, unsigned shows) {
  if (l->entries == BASIN_ENTRIES_MAX) return;
  basin_entry *e = &l->entry[l->entries++];
  snprintf(e->label, sizeof e->label, "%s", label);
  e->style = style;
  e->shows = shows;
}

static int entry_width(const basin_entry *e) {
  return (int)text_width(e->label, LEGEND_FONT) + SAMPLE + GAP;
}

/* columns of a legend in a strip of that width, and how wide one is */
static int columns_of(const basin_legend *l, int width, int *column) {
  *column = 1;
  for (int i = 0; i < l->entries; i++)
    if (entry_width(&l->entry[i]) > *column) *column = entry_width(&l->entry[i]);
  if (*column > width) *column = width;
  const int most = width / *column, rows = (l->entries + most - 1) / most;
  return rows ? (l->entries + rows - 1) / rows : 1;
}

static int legend_height(const basin_legend *l, int width) {
  int column;
  if (!l->entries) return 0;
  const int columns = columns_of(l, width, &column);
  return LINE * ((l->entries + columns - 1) / columns) + EDGE;
}

/* a label's sample, its middle at y */
static void draw_sample(basin_figure *f, const basin_entry *e, int x, double y) {
  const double left = basin_page_across(f, x), right = basin_page_across(f, x + SAMPLE - 8),
               at = basin_page_up(f, y);
  if (e->shows & BASIN_SHOW_AREA)
    fprintf(f->pipe,
            "set object rectangle from screen %.6f,%.6f to screen %.6f,%.6f fc rgb '%s' fs "
            "transparent solid 0.3 noborder\n",
            left, basin_page_up(f, y + 5), right, basin_page_up(f, y - 5), e->style.colour);
  if (e->shows & BASIN_SHOW_LINE) {
    fprintf(f->pipe, "set arrow from screen %.6f,%.6f to screen %.6f,%.6f nohead ", left, at, right,
            at);
    basin_style_lines(f, &e->style);
    fputc('\n', f->pipe);
  }
  if (!(e->shows & (BASIN_SHOW_POINT | BASIN_SHOW_RING))) return;
  fprintf(f->pipe, "set label '' at screen %.6f,%.6f point ", (left + right) / 2, at);
  if (e->shows & BASIN_SHOW_RING)
    fprintf(f->pipe, "pt 6 ps 1.5 lw 1.5 lc rgb '%s'", e->style.colour);
  else basin_style_points(f, &e->style);
  fputc('\n', f->pipe);
}

static void draw_text(basin_figure *f, const char *text, double x, double y, const char *how,
                      int font) {
  fputs("set label ", f->pipe);
  basin_plot_quote(f->pipe, text);
  fprintf(f->pipe, " at screen %.6f,%.6f %s font ',%.4g' front\n", basin_page_across(f, x),
          basin_page_up(f, y), how, basin_page_font(f, font));
}

static void draw_legend(basin_figure *f, const basin_legend *l, int x, int y, int width) {
  int column;
  if (!l->entries) return;
  const int columns = columns_of(l, width, &column), left = x + (width - columns * column) / 2;
  for (int i = 0; i < l->entries; i++) {
    const int at = left + i % columns * column;
    const double middle = y + LINE * (i / columns + 0.5);
    char label[BASIN_LABEL_BYTES + 4];
    snprintf(label, sizeof label, "%s", l->entry[i].label);
    fit(label, LEGEND_FONT, column - SAMPLE);
    draw_sample(f, &l->entry[i], at, middle);
    draw_text(f, label, at + SAMPLE, middle, "left", LEGEND_FONT);
  }
}

/* ---- groups of curves ---- */

int basin_groups_add(basin_groups *g, int together) {
  if (!g->count || g->of[g->count - 1] + together > BASIN_CURVES_MAX) {
    if (g->count == BASIN_PANELS_MAX) return -1;
    g->count++;
  }
  g->of[g->count - 1] += together;
  return g->count - 1;
}

int basin_groups_put(basin_groups *g, int together, int i, int *number) {
  const int first = i - i % BASIN_CURVES_MAX, left = together - first,
            mine = left < BASIN_CURVES_MAX ? left : BASIN_CURVES_MAX;
  if (i == first && basin_groups_add(g, mine) < 0) return -1;
  *number = g->of[g->count - 1] - mine + i - first;
  return g->count - 1;
}

/* ---- the page ---- */

double basin_page_font(const basin_figure *f, double pixels) {
  return pixels * basin_format_of(f->output)->font;
}
double basin_page_across(const basin_figure *f, double pixels) { return pixels / f->width; }
double basin_page_up(const basin_figure *f, double y) { return 1 - y / f->height; }

static int columns_of_page(const basin_page *p) {
  if (p->columns) return p->columns;
  return p->panels == 1 ? 1 : p->panels <= BASIN_CURVES_MAX ? 2 : 3;
}

/* Boxes from the top down, a row at a time: its legends take as much room as the longest of them. */
static int place_boxes(basin_figure *f, const basin_page *p, int top) {
  const int columns = columns_of_page(p), width = (f->width - 2 * EDGE) / columns,
            height = (int)(width * (p->shape > 0   ? p->shape
                                    : columns == 1 ? 0.55
                                                   : 0.68));
  int y = top;
  for (int row = 0; row * columns < p->panels; row++) {
    int legend = 0;
    for (int i = row * columns; i < p->panels && i < (row + 1) * columns; i++) {
      const int mine = legend_height(&p->panel[i].legend, width - 2 * EDGE);
      legend = mine > legend ? mine : legend;
    }
    for (int i = row * columns; i < p->panels && i < (row + 1) * columns; i++)
      f->box[i] = (basin_box){EDGE + i % columns * width, y, width, height, legend};
    y += height + legend + EDGE;
  }
  return y;
}

static basin_status start_picture(basin_figure *f, basin_error *error) {
  const basin_format *format = basin_format_of(f->output);
  const basin_status status = basin_gnuplot_start(f, error);
  if (status) return status;
  fputs("set encoding utf8\nset terminal ", f->pipe);
  fprintf(f->pipe, format->terminal, f->width * format->pixel, f->height * format->pixel,
          PANEL_FONT * format->font);
  fputs("\nset multiplot\n", f->pipe);
  return BASIN_OK;
}

basin_status basin_page_start(basin_figure *f, const basin_page *p, basin_error *error) {
  char title[TITLE_BYTES], *line[TITLE_LINES];
  if (!basin_format_of(f->output))
    return basin_fail(error, BASIN_BAD_INPUT, "%s: expected a name that ends in .svg, .png or .pdf",
                      f->output);
  f->page = p;
  f->width = columns_of_page(p) > 2 ? WIDE : WIDTH;
  snprintf(title, sizeof title, "%s", f->title);
  const int lines = break_title(title, f->width - 4 * EDGE, line);
  f->height = place_boxes(f, p, EDGE + lines * (TITLE_FONT + 6) + (*f->note ? LINE : 0)) +
              legend_height(&p->legend, f->width - 4 * EDGE) + p->foot;
  return start_picture(f, error);
}

static void draw_title(basin_figure *f) {
  char title[TITLE_BYTES], *line[TITLE_LINES];
  snprintf(title, sizeof title, "%s", f->title);
  const int lines = break_title(title, f->width - 4 * EDGE, line);
  for (int i = 0; i < lines; i++)
    draw_text(f, line[i], f->width / 2.0, EDGE + (i + 0.5) * (TITLE_FONT + 6), "center",
              TITLE_FONT);
  if (*f->note)
    draw_text(f, f->note, f->width / 2.0, EDGE + lines * (TITLE_FONT + 6) + LINE / 2.0, "center",
              LEGEND_FONT);
}

void basin_page_panel(basin_figure *f, int panel) {
  const basin_panel *p = &f->page->panel[panel];
  const basin_box *b = &f->box[panel];
  char title[BASIN_LABEL_BYTES + 4];
  snprintf(title, sizeof title, "%s", p->title);
  fit(title, PANEL_FONT, b->width * 0.8);
  fprintf(f->pipe, "reset\nset origin %.6f,%.6f\nset size %.6f,%.6f\nunset key\n",
          basin_page_across(f, b->x), basin_page_up(f, b->y + b->height),
          basin_page_across(f, b->width), (double)b->height / f->height);
  fputs("set grid back lt 1 lw 0.5 lc rgb '#dddddd'\nset border lc rgb '#444444'\n"
        "set tics nomirror\nset title ",
        f->pipe);
  basin_plot_quote(f->pipe, title);
  fputc('\n', f->pipe);
  if (panel == 0) {
    draw_title(f);
    draw_legend(f, &f->page->legend, 2 * EDGE,
                f->height - f->page->foot - legend_height(&f->page->legend, f->width - 4 * EDGE),
                f->width - 4 * EDGE);
  }
  draw_legend(f, &p->legend, b->x + EDGE, b->y + b->height, b->width - 2 * EDGE);
}

void basin_page_empty(basin_figure *f) {
  fputs("set xrange [0:1]\nset yrange [0:1]\nunset tics\n"
        "set label 'nothing to draw' at graph 0.5,0.5 center\nplot -1\n",
        f->pipe);
}

basin_status basin_page_end(basin_figure *f, basin_error *error) {
  fputs("unset multiplot\nunset output\n", f->pipe);
  return basin_gnuplot_end(f, error);
}

basin_status basin_page_too_many(const char *what, int most, basin_error *error) {
  return basin_fail(error, BASIN_BAD_INPUT,
                    "more than %d %s to draw; select fewer cells with --cell, --where or --variant",
                    most, what);
}
