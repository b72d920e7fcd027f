/* SPDX-License-Identifier: MIT
 *
 * plot_passages.c: the median of first passages, with its interval, against their level or a parameter of the cells.
 */
#include "cli/plot_axis.h"
#include "cli/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double DECADES_TWO = 100;

typedef struct point {
  double x;
  basin_steps steps;
} point;

typedef struct curve {
  char label[BASIN_LABEL_BYTES];
  int group;         /* curves of a group are drawn together, as far as there is room */
  int panel, number; /* where it is drawn, and which curve there */
  point *point;      /* [points] those that can be drawn */
  int64_t points;
} curve;

typedef struct chart {
  const char *x;   /* the parameter; NULL: the levels */
  basin_axis axis; /* of x */
  int passages;
  basin_passages *passage; /* [cells][passages] */
  basin_series series;
  basin_label *name; /* [cells] */
  curve curve[BASIN_SERIES_MAX];
  int curves, groups;
  char title[BASIN_PANELS_MAX][BASIN_LABEL_BYTES]; /* of a group */
  struct {
    basin_span span;
    int logarithmic, whole;
  } across[BASIN_PANELS_MAX]; /* of a group: what its levels, or parameters, span */
  basin_span span_y;
  int log_y;
  int group_of[BASIN_PANELS_MAX], curves_of[BASIN_PANELS_MAX]; /* by panel */
  basin_page page;
} chart;

/* ---- what there is to draw ---- */

static basin_status count_all(const basin_figure *f, chart *c, basin_error *error) {
  if (!basin_results_passages(f->results))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "the file has no passages: the experiment keeps none, see record.passages");
  return basin_passages_count(f->results, f->cell, f->cells, &c->passages, &c->passage, error);
}

/* another of the group that was added last */
static basin_status add_curve(chart *c, int64_t room, curve **added, basin_error *error) {
  if (c->curves == BASIN_SERIES_MAX) return basin_page_too_many("curves", BASIN_SERIES_MAX, error);
  curve *one = &c->curve[c->curves];
  if (!(one->point = calloc((size_t)room + 1, sizeof *one->point))) return basin_fail_memory(error);
  one->group = c->groups - 1;
  c->curves++;
  *added = one;
  return BASIN_OK;
}

static basin_status add_group(chart *c, const char *title, basin_error *error) {
  if (c->groups == BASIN_PANELS_MAX) return basin_page_too_many("panels", BASIN_PANELS_MAX, error);
  snprintf(c->title[c->groups++], BASIN_LABEL_BYTES, "%s", title);
  return BASIN_OK;
}

static void add_point(curve *one, double x, const basin_passages *p) {
  if (p->passed && isfinite(x)) one->point[one->points++] = (point){x, p->steps};
}

static int by_x(const void *a, const void *b) {
  const point *p = a, *q = b;
  return (p->x > q->x) - (p->x < q->x);
}

/* whether passage p is of the same observable and direction as the one before */
static int goes_on(const chart *c, int p) {
  const basin_passages *before = &c->passage[p - 1], *here = &c->passage[p];
  return before->above == here->above && !strcmp(before->observable, here->observable);
}

/* a group for each observable and direction, with a curve for each cell */
static basin_status curves_by_level(const basin_figure *f, chart *c, basin_error *error) {
  for (int first = 0, end; first < c->passages; first = end) {
    char title[BASIN_LABEL_BYTES];
    for (end = first + 1; end < c->passages && goes_on(c, end);) end++;
    snprintf(title, sizeof title, "level that %s is %s", c->passage[first].observable,
             c->passage[first].above ? "above" : "below");
    basin_status status = add_group(c, title, error);
    for (int64_t i = 0; i < f->cells && !status; i++) {
      curve *one = NULL;
      status = add_curve(c, end - first, &one, error);
      if (status) break;
      snprintf(one->label, sizeof one->label, "%s", c->name[i]);
      for (int p = first; p < end; p++) {
        const basin_passages *passage = &c->passage[i * c->passages + p];
        add_point(one, passage->level, passage);
      }
    }
    if (status) return status;
  }
  return BASIN_OK;
}

/* a group for each series of cells, with a curve for each passage */
static basin_status curves_by_parameter(const basin_figure *f, chart *c, basin_error *error) {
  basin_status status = basin_axis_open(f, c->x, NULL, "x", &c->axis, error);
  if (!status) status = basin_series_find(f, &c->axis, NULL, BASIN_PANELS_MAX, &c->series, error);
  if (status == BASIN_OUTSIDE) status = basin_page_too_many("panels", BASIN_PANELS_MAX, error);
  for (int s = 0; s < c->series.count && !status; s++) {
    status = add_group(c, c->series.one[s].label, error);
    for (int p = 0; p < c->passages && !status; p++) {
      curve *one = NULL;
      status = add_curve(c, f->cells, &one, error);
      if (status) break;
      double level = NAN;
      int same = 1;
      for (int64_t i = 0; i < f->cells; i++) {
        const basin_passages *passage = &c->passage[i * c->passages + p];
        if (c->series.of[i] != s || isnan(passage->level)) continue;
        same = same && !(passage->level < level || passage->level > level);
        level = passage->level;
        add_point(one, basin_axis_of(&c->axis, &f->cell[i]), passage);
      }
      const basin_passages *of = &c->passage[p];
      if (same)
        snprintf(one->label, sizeof one->label, "%s %s %.6g", of->observable, of->above ? "≥" : "≤",
                 level);
      else
        snprintf(one->label, sizeof one->label, "passage %d, %s %s its level", p + 1,
                 of->observable, of->above ? "above" : "below");
    }
  }
  return status;
}

static basin_status measure(const basin_figure *f, chart *c, basin_error *error) {
  basin_span above = BASIN_NO_SPAN;
  int64_t points = 0;
  c->span_y = BASIN_NO_SPAN;
  for (int g = 0; g < c->groups; g++) c->across[g].span = BASIN_NO_SPAN, c->across[g].whole = 1;
  for (int i = 0; i < c->curves; i++)
    for (int64_t k = 0; k < c->curve[i].points; k++) {
      const point *p = &c->curve[i].point[k];
      c->across[c->curve[i].group].whole &= p->x == floor(p->x);
      basin_span_widen(&c->across[c->curve[i].group].span, p->x, 0);
      basin_span_widen(&above, p->steps.median, 1);
      points++;
    }
  if (!points) return basin_fail(error, BASIN_BAD_INPUT, "no trial had a passage: nothing to draw");
  for (int g = 0; g < c->groups; g++) {
    const basin_span *span = &c->across[g].span;
    c->across[g].logarithmic = c->x ? c->axis.logarithmic
                                    : span->least > 0 && span->most >= DECADES_TWO * span->least;
  }
  c->log_y = f->log_scale || above.most >= DECADES_TWO * above.least;
  for (int i = 0; i < c->curves; i++) {
    curve *one = &c->curve[i];
    int64_t kept = 0;
    qsort(one->point, (size_t)one->points, sizeof *one->point, by_x);
    for (int64_t k = 0; k < one->points; k++) {
      const basin_steps *s = &one->point[k].steps;
      if (c->log_y && s->median <= 0) continue;
      basin_span_widen(&c->span_y, s->median, c->log_y);
      basin_span_widen(&c->span_y, s->low, c->log_y);
      basin_span_widen(&c->span_y, s->high, c->log_y);
      one->point[kept++] = one->point[k];
    }
    one->points = kept;
  }
  return BASIN_OK;
}

/* ---- panels ---- */

/* more curves than a panel takes are spread over several, alike */
static basin_status spread(chart *c, basin_error *error) {
  int panel = -1;
  for (int g = 0; g < c->groups; g++) {
    int mine = 0, number = 0;
    for (int i = 0; i < c->curves; i++) mine += c->curve[i].group == g && c->curve[i].points;
    if (!mine) continue;
    const int panels = (mine + BASIN_CURVES_MAX - 1) / BASIN_CURVES_MAX,
              most = (mine + panels - 1) / panels;
    for (int i = 0; i < c->curves; i++) {
      if (c->curve[i].group != g || !c->curve[i].points) continue;
      if (number % most == 0) panel++;
      if (panel == BASIN_PANELS_MAX) return basin_page_too_many("panels", BASIN_PANELS_MAX, error);
      c->curve[i].panel = panel;
      c->group_of[panel] = g;
      c->curve[i].number = number++ % most;
      c->curves_of[panel] = c->curve[i].number + 1;
      if (c->x && c->groups > 1) memcpy(c->page.panel[panel].title, c->title[g], BASIN_LABEL_BYTES);
    }
  }
  c->page.panels = panel + 1;
  return BASIN_OK;
}

static basin_style style_of(const chart *c, const curve *one) {
  return basin_style_of(one->number, c->curves_of[one->panel]);
}

/* ---- drawing ---- */

static void draw_panel(basin_figure *f, const chart *c, int panel) {
  const int group = c->group_of[panel];
  const basin_span *span = &c->across[group].span;
  const char *separator = "plot";
  basin_page_panel(f, panel);
  basin_span_set(f, 'x', c->across[group].logarithmic, c->across[group].whole, span);
  if (c->x) basin_axis_set(f, 'x', &c->axis, span->least, span->most, f->box[panel].width * 0.8);
  else basin_plot_axis_label(f, 'x', c->title[group], "");
  basin_span_set(f, 'y', c->log_y, 0, &c->span_y);
  basin_plot_axis_label(f, 'y', "step of the first passage, median", "");
  for (int i = 0; i < c->curves; i++) {
    const curve *one = &c->curve[i];
    if (!one->points || one->panel != panel) continue;
    const basin_style s = style_of(c, one);
    fprintf(f->pipe,
            "%s $curve%d using 1:3:(0):($4-$3) with vectors heads size graph 0.007,90 lw 1.2 lc "
            "rgb '%s', $curve%d using 1:2 with linespoints ",
            separator, i, s.colour, i);
    basin_style_both(f, &s);
    separator = ",";
  }
  fputc('\n', f->pipe);
}

static basin_status draw(basin_figure *f, chart *c, basin_error *error) {
  for (int i = 0; i < c->curves; i++) {
    const curve *one = &c->curve[i];
    if (one->points && *one->label)
      basin_legend_add(&c->page.panel[one->panel].legend, one->label, style_of(c, one),
                       BASIN_SHOW_LINE | BASIN_SHOW_POINT);
  }
  const basin_status status = basin_page_start(f, &c->page, error);
  if (status) return status;
  for (int i = 0; i < c->curves; i++) {
    fprintf(f->pipe, "$curve%d << EOD\n", i);
    for (int64_t k = 0; k < c->curve[i].points; k++) {
      const point *p = &c->curve[i].point[k];
      const int known = !isnan(p->steps.low) && (!c->log_y || p->steps.low > 0);
      fprintf(f->pipe, "%.10g %.10g %.10g %.10g\n", p->x, p->steps.median,
              known ? p->steps.low : p->steps.median, known ? p->steps.high : p->steps.median);
    }
    fputs("EOD\n", f->pipe);
  }
  for (int p = 0; p < c->page.panels; p++) draw_panel(f, c, p);
  return basin_page_end(f, error);
}

basin_status basin_plot_passages(basin_figure *f, const char *x, basin_error *error) {
  chart *c = calloc(1, sizeof *c);
  if (!c) return basin_fail_memory(error);
  c->x = x;
  basin_status status = count_all(f, c, error);
  if (!status) status = basin_plot_names(f, &c->name, error);
  if (!status) status = x ? curves_by_parameter(f, c, error) : curves_by_level(f, c, error);
  if (!status) status = measure(f, c, error);
  if (!status) status = spread(c, error);
  if (!status) status = draw(f, c, error);
  for (int i = 0; i < c->curves; i++) free(c->curve[i].point);
  basin_series_free(&c->series);
  free(c->axis.value);
  free(c->name);
  free(c->passage);
  free(c);
  return status;
}
