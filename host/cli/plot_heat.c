/* SPDX-License-Identifier: MIT
 *
 * plot_heat.c: success rates over two grid parameters, as a map of coloured tiles with the contour where the rate is
 * one half; beside it, on request, the half-width of the intervals. A tile reaches half way to its neighbours, so the
 * axes are right for grids that are unevenly spaced; where there is no cell the page stays white.
 */
#include "cli/plot_axis.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FOOT = 64, BAR = 12 };

/* Perceptually uniform and in order of lightness, for print and for the colour-blind: viridis (van der Walt and Smith)
   and, from light to dark, cividis (Nunez, Anderton and Renslow 2018), each at ten places. */
enum { COLOURS = 10 };
static const char *const palette[2][COLOURS] = {
    {"#440154", "#482878", "#3e4a89", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6dcd59",
     "#b4de2c", "#fde725"},
    {"#ffea46", "#e4cf5b", "#c4b56c", "#a69d75", "#8a8779", "#707173", "#575c6d", "#39486b",
     "#00336f", "#00204d"}};

typedef struct heat {
  basin_axis x, y;
  double *edge_x, *edge_y; /* [values + 1] of the tiles */
  basin_series series;
  int quantities;                /* panels of a series: rate, and half-width */
  int64_t *at;                   /* [series][y][x] the cell there, -1: none */
  double widest;                 /* of the half-widths */
  int crossed[BASIN_PANELS_MAX]; /* [series] whether it has a contour */
  basin_page page;
} heat;

/* ---- the grid ---- */

/* positions along an axis are compared where it is straight: as logarithms on a logarithmic one */
static double straight(const basin_axis *a, double place) {
  return a->logarithmic ? log(place) : place;
}
static double bent(const basin_axis *a, double place) {
  return a->logarithmic ? exp(place) : place;
}
static double place_of(const basin_axis *a, int64_t i) {
  return straight(a, basin_axis_place(a, a->value[i]));
}

/* half way between neighbours; the outermost as far out as in */
static basin_status find_edges(const basin_axis *a, double **edge, basin_error *error) {
  const int64_t n = a->values;
  double *e = *edge = malloc((size_t)(n + 1) * sizeof *e);
  if (!e) return basin_fail_memory(error);
  for (int64_t i = 1; i < n; i++) e[i] = (place_of(a, i - 1) + place_of(a, i)) / 2;
  e[0] = n > 1 ? 2 * place_of(a, 0) - e[1] : place_of(a, 0) - 0.5;
  e[n] = n > 1 ? 2 * place_of(a, n - 1) - e[n - 1] : place_of(a, 0) + 0.5;
  return BASIN_OK;
}

static int64_t index_of(const basin_axis *a, double value) {
  int64_t low = 0, high = a->values - 1;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (a->value[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

static int64_t *slot(const heat *h, int series, int64_t x, int64_t y) {
  return &h->at[(series * h->y.values + y) * h->x.values + x];
}

static basin_status fill_grid(const basin_figure *f, heat *h, basin_error *error) {
  const int64_t slots = h->series.count * h->x.values * h->y.values;
  int64_t there = 0;
  h->at = malloc((size_t)slots * sizeof *h->at);
  if (!h->at) return basin_fail_memory(error);
  for (int64_t i = 0; i < slots; i++) h->at[i] = -1;
  for (int64_t i = 0; i < f->cells; i++) {
    const basin_summary *s = &f->cell[i];
    const double x = s->parameter[h->x.parameter], y = s->parameter[h->y.parameter];
    if (!s->trials || isnan(x) || isnan(y)) continue;
    *slot(h, h->series.of[i], index_of(&h->x, x), index_of(&h->y, y)) = i;
    h->widest = fmax(h->widest, (s->success.high - s->success.low) / 2);
    there++;
  }
  return there ? BASIN_OK : basin_fail(error, BASIN_BAD_INPUT, "no cell has a rate to draw");
}

/* ---- the contour ---- */

typedef struct corner {
  double x, y, rate;
} corner;

/* where the rate crosses one half between two corners, by linear interpolation; 0 where it does not */
static int cross(const corner *a, const corner *b, corner *at) {
  const double from = a->rate - 0.5, to = b->rate - 0.5;
  if ((from < 0) == (to < 0)) return 0;
  const double share = from / (from - to);
  *at = (corner){a->x + share * (b->x - a->x), a->y + share * (b->y - a->y), 0.5};
  return 1;
}

/* The segments of the contour in each rectangle of four cells, where all four are there: its two triangles on either
   side of a diagonal have at most one each (marching triangles). */
static void write_contour(const basin_figure *f, FILE *to, heat *h, int series) {
  fprintf(to, "$contour%d << EOD\n", series);
  for (int64_t y = 1; y < h->y.values; y++)
    for (int64_t x = 1; x < h->x.values; x++) {
      corner c[4];
      int whole = 1;
      for (int k = 0; k < 4; k++) { /* around the rectangle */
        const int64_t cx = x - (k == 0 || k == 3), cy = y - (k < 2);
        const int64_t cell = *slot(h, series, cx, cy);
        whole &= cell >= 0;
        c[k] = (corner){place_of(&h->x, cx), place_of(&h->y, cy),
                        cell < 0 ? NAN : f->cell[cell].success.value};
      }
      for (int t = 0; t < 2 && whole; t++) {
        const corner *triangle[] = {&c[0], &c[1 + t], &c[2 + t]};
        corner end[3];
        int ends = 0;
        for (int k = 0; k < 3; k++) ends += cross(triangle[k], triangle[(k + 1) % 3], &end[ends]);
        for (int k = 0; k < ends; k++)
          fprintf(to, "%.10g %.10g\n", bent(&h->x, end[k].x), bent(&h->y, end[k].y));
        if (ends) fputc('\n', to), h->crossed[series] = 1;
      }
    }
  fputs("EOD\n", to);
}

/* ---- drawing ---- */

/* x, y, left, right, bottom, top, rate, half-width */
static void write_tiles(const basin_figure *f, FILE *to, const heat *h, int series) {
  fprintf(to, "$tile%d << EOD\n", series);
  for (int64_t y = 0; y < h->y.values; y++)
    for (int64_t x = 0; x < h->x.values; x++) {
      const int64_t cell = *slot(h, series, x, y);
      if (cell < 0) continue;
      const basin_proportion *p = &f->cell[cell].success;
      fprintf(to, "%.10g %.10g %.10g %.10g %.10g %.10g %.10g %.10g\n",
              bent(&h->x, place_of(&h->x, x)), bent(&h->y, place_of(&h->y, y)),
              bent(&h->x, h->edge_x[x]), bent(&h->x, h->edge_x[x + 1]), bent(&h->y, h->edge_y[y]),
              bent(&h->y, h->edge_y[y + 1]), p->value, (p->high - p->low) / 2);
    }
  fputs("EOD\n", to);
}

static void set_axis(basin_figure *f, char axis, const basin_axis *a, const double *edge,
                     double pixels) {
  const double least = bent(a, edge[0]), most = bent(a, edge[a->values]);
  basin_axis_set(f, axis, a, least, most, pixels);
  fprintf(f->pipe, "set %crange [%.10g:%.10g]\nset format %c '%%g'\n", axis, least, most, axis);
}

/* the colour bar at the foot of the page: of the rate on the left, or alone in the middle */
static void set_colours(basin_figure *f, const heat *h, int quantity, int shown) {
  const double width = 0.36, middle = h->quantities == 1 ? 0.5 : quantity ? 0.75 : 0.25;
  fputs("set palette defined (", f->pipe);
  for (int i = 0; i < COLOURS; i++)
    fprintf(f->pipe, "%s%d '%s'", i ? ", " : "", i, palette[quantity][i]);
  const double most = quantity ? h->widest : 1, power = pow(10, floor(log10(most))),
               share = most / power;
  fprintf(f->pipe, ")\nset cbrange [0:%.10g]\nset cbtics %.10g\n", most,
          power * (share < 1.5 ? 0.2
                   : share < 3 ? 0.5
                   : share < 6 ? 1
                               : 2));
  if (!shown) {
    fputs("unset colorbox\n", f->pipe);
    return;
  }
  fprintf(f->pipe,
          "set colorbox user horizontal origin screen %.6f,%.6f size screen %.6f,%.6f\n"
          "set cblabel '%s' offset 0,0.3\nset cbtics font ',%.4g' offset 0,0.3\n",
          middle - width / 2, basin_page_up(f, f->height - FOOT + BAR + 4), width,
          (double)BAR / f->height, quantity ? "half-width of the 95% interval" : "success rate",
          basin_page_font(f, 12));
}

static void draw_panel(basin_figure *f, const heat *h, int panel) {
  const int series = panel / h->quantities, quantity = panel % h->quantities;
  basin_page_panel(f, panel);
  fputs("unset grid\nset tics out\n", f->pipe);
  set_axis(f, 'x', &h->x, h->edge_x, f->box[panel].width * 0.8);
  set_axis(f, 'y', &h->y, h->edge_y, f->box[panel].height * 0.75);
  set_colours(f, h, quantity, series == 0);
  fprintf(f->pipe,
          "plot $tile%d using 1:2:3:4:5:6:%d with boxxyerror fs solid 1 border lw 1 lc palette",
          series, 7 + quantity);
  for (int i = 0; i < 2 && h->crossed[series]; i++)
    fprintf(f->pipe, ", $contour%d using 1:2 with lines lw %d lc rgb '%s'", series, 4 - 2 * i,
            i ? "#000000" : "#ffffff");
  fputc('\n', f->pipe);
}

static void fill_page(heat *h) {
  int crossed = 0;
  h->page.panels = h->series.count * h->quantities;
  h->page.foot = FOOT;
  if (h->quantities == 2) h->page.columns = 2;
  for (int p = 0; p < h->page.panels; p++) {
    memcpy(h->page.panel[p].title, h->series.one[p / h->quantities].label, BASIN_LABEL_BYTES);
    crossed |= h->crossed[p / h->quantities];
  }
  if (crossed)
    basin_legend_add(&h->page.legend, "success rate 0.5",
                     (basin_style){.colour = "#000000", .dash = "1", .width = 2}, BASIN_SHOW_LINE);
}

static basin_status draw(basin_figure *f, heat *h, basin_error *error) {
  char *data = NULL;
  size_t size;
  FILE *to = open_memstream(&data, &size);
  for (int s = 0; s < h->series.count && to; s++)
    write_tiles(f, to, h, s), write_contour(f, to, h, s);
  basin_status status = !to || fclose(to) ? basin_fail_memory(error) : BASIN_OK;
  fill_page(h);
  if (!status) status = basin_page_start(f, &h->page, error);
  if (!status) {
    fputs(data, f->pipe);
    for (int p = 0; p < h->page.panels; p++) draw_panel(f, h, p);
    status = basin_page_end(f, error);
  }
  free(data);
  return status;
}

basin_status basin_plot_heat(basin_figure *f, const char *x, const char *y, int halfwidth,
                             basin_error *error) {
  heat *h = calloc(1, sizeof *h);
  if (!h) return basin_fail_memory(error);
  basin_axis first = {0};
  h->quantities = halfwidth ? 2 : 1;
  basin_status status = BASIN_OK;
  if (f->published.rows || f->log_scale)
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "plot: --published and --log go with curves, not with a map: leave them "
                        "out, or --y");
  if (!status && !x && y) status = basin_axis_open(f, y, NULL, "y", &first, error);
  if (!status) status = basin_axis_open(f, x, x ? NULL : y ? &first : NULL, "x", &h->x, error);
  if (!status) status = basin_axis_open(f, y, &h->x, "y", &h->y, error);
  if (!status && h->x.parameter == h->y.parameter)
    status = basin_fail(error, BASIN_BAD_INPUT, "plot: --x and --y are both %s", h->x.name);
  if (!status) status = find_edges(&h->x, &h->edge_x, error);
  if (!status) status = find_edges(&h->y, &h->edge_y, error);
  const int most = BASIN_PANELS_MAX / h->quantities;
  if (!status) status = basin_series_find(f, &h->x, &h->y, most, &h->series, error);
  if (status == BASIN_OUTSIDE) status = basin_page_too_many("maps", most, error);
  if (!status) status = fill_grid(f, h, error);
  if (!status) status = draw(f, h, error);
  free(h->at);
  free(h->edge_x);
  free(h->edge_y);
  free(h->x.value);
  free(h->y.value);
  free(first.value);
  basin_series_free(&h->series);
  free(h);
  return status;
}
