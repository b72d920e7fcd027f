/* SPDX-License-Identifier: MIT
 *
 * plot_map.c: basins: where starts end. A panel for each cell, each start a point in the colour of its outcome.
 */
#include "cli/plot_axis.h"
#include "cli/plot_starts.h"
#include "seam/setting.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STARTS_MAX = 2000 };

typedef struct map {
  basin_coordinate axis[2];
  char text[2][96]; /* the axes, as given */
  char units[2][32];
  int64_t room;    /* trials of a cell that are looked at */
  double *value;   /* [cells][2][room] */
  double *outcome; /* [cells][room] the kind of each start: where it ends */
  const basin_outcomes *outcomes;
  int attractors; /* whether kinds are attractors: the most common ones, then the others, then none; else outcomes */
  basin_table table; /* of attractors */
  basin_common common;
  int kinds;
  int64_t shown[BASIN_PANELS_MAX][BASIN_OUTCOMES_MAX];
  int64_t ended[BASIN_OUTCOMES_MAX]; /* of all cells */
  basin_span span[2];
  basin_label *name;
  basin_page page;
} map;

/* "x,y" */
static basin_status read_axes(const char *axes, map *m, basin_error *error) {
  const char *comma = strchr(axes, ',');
  if (comma && comma - axes < (int)sizeof m->text[0] && strlen(comma + 1) < sizeof m->text[1]) {
    snprintf(m->text[0], sizeof m->text[0], "%.*s", (int)(comma - axes), axes);
    snprintf(m->text[1], sizeof m->text[1], "%s", comma + 1);
    if (basin_coordinate_read(m->text[0], &m->axis[0]) &&
        basin_coordinate_read(m->text[1], &m->axis[1]))
      return BASIN_OK;
  }
  return basin_fail(error, BASIN_BAD_INPUT,
                    "--map %s: expected X,Y, each an observable or an entry of a vector, as in "
                    "phi,loss or v[0],v[1]",
                    axes);
}

static double *values_of(const map *m, int64_t cell, int axis) {
  return m->value + (2 * cell + axis) * m->room;
}

/* whether the start is a point, of the outcome */
static int is_point(const map *m, int64_t cell, int64_t trial, int outcome) {
  return m->outcome[cell * m->room + trial] == outcome && isfinite(values_of(m, cell, 0)[trial]) &&
         isfinite(values_of(m, cell, 1)[trial]);
}

/* kinds in the place of numbers of attractors; trials that are not there have none */
static void find_kinds(const map *m, double *number, const double *outcome) {
  for (int64_t i = 0; i < m->room; i++) {
    int kind = number[i] == -1 ? m->common.count + 1 : m->common.count;
    for (int k = 0; k < m->common.count; k++)
      if (number[i] == m->common.number[k]) kind = k;
    number[i] = outcome[i] < 0 ? -1 : kind;
  }
}

/* where the starts of a cell end */
static basin_status read_ends(const basin_figure *f, const map *m, int64_t cell, double *kind,
                              basin_error *error) {
  if (!m->attractors)
    return basin_results_read(f->results, "outcome", cell, 0, m->room, kind, error);
  double *outcome = calloc((size_t)m->room, sizeof *outcome);
  basin_status status = outcome ? BASIN_OK : basin_fail_memory(error);
  if (!status) status = basin_results_read(f->results, "outcome", cell, 0, m->room, outcome, error);
  if (!status) status = basin_results_read(f->results, "attractor", cell, 0, m->room, kind, error);
  if (!status) find_kinds(m, kind, outcome);
  free(outcome);
  return status;
}

static basin_status read_starts(basin_figure *f, map *m, basin_error *error) {
  basin_starts starts = {.results = f->results, .coordinates = 2, .coordinate = m->axis};
  basin_array array;
  basin_status status = basin_results_array_find(f->results, "outcome", &array, error);
  if (status) return status;
  m->room = array.size[0] < STARTS_MAX ? array.size[0] : STARTS_MAX;
  m->value = calloc((size_t)(f->cells * 2 * m->room), sizeof *m->value);
  m->outcome = calloc((size_t)(f->cells * m->room), sizeof *m->outcome);
  if (!m->value || !m->outcome) status = basin_fail_memory(error);
  for (int64_t c = 0; c < f->cells && !status; c++) {
    const int64_t cell = f->cell[c].index;
    status = read_ends(f, m, cell, m->outcome + c * m->room, error);
    if (!status) status = basin_starts_read(&starts, cell, m->room, values_of(m, c, 0), error);
  }
  basin_starts_close(&starts);
  return status;
}

static basin_status count_points(const basin_figure *f, map *m, basin_error *error) {
  int64_t all = 0;
  for (int64_t c = 0; c < f->cells; c++)
    for (int o = 0; o < m->kinds; o++)
      for (int64_t i = 0; i < m->room; i++) {
        if (!is_point(m, c, i, o)) continue;
        for (int k = 0; k < 2; k++) basin_span_widen(&m->span[k], values_of(m, c, k)[i], 0);
        m->shown[c][o]++;
        m->ended[o]++;
        all++;
      }
  return all ? BASIN_OK
             : basin_fail(error, BASIN_BAD_INPUT,
                          "no start has a finite %s and %s: nothing to draw", m->text[0],
                          m->text[1]);
}

/* the units of observables */
static void find_units(const basin_figure *f, map *m) {
  for (int k = 0; k < 2; k++) {
    char name[96];
    basin_array array;
    basin_error unread;
    snprintf(name, sizeof name, "final_%.80s", m->axis[k].name);
    if (m->axis[k].entry < 0 && !basin_results_array_find(f->results, name, &array, &unread))
      snprintf(m->units[k], sizeof m->units[k], "%s", array.units);
  }
}

/* ---- drawing ---- */

static basin_style style_of(const map *m, int kind) {
  basin_style style = m->attractors ? basin_style_of(kind, m->kinds)
                                    : basin_plot_outcome_style(kind);
  if (m->attractors && kind >= m->common.count)
    style.colour = kind > m->common.count ? "#BBBBBB" : "#666666";
  style.width = 1.2;
  return style;
}

/* kinds in the order in which they are told */
static int kind_of(const map *m, int number) {
  return m->attractors ? number : basin_plot_outcome(m->outcomes, number);
}

static void put_label(const map *m, int kind, basin_label label) {
  if (!m->attractors) {
    basin_plot_label_trials(m->outcomes, "", kind, m->ended[kind], label);
    return;
  }
  basin_label name;
  if (kind < m->common.count) basin_common_label(&m->table, m->common.number[kind], name);
  else
    snprintf(name, sizeof name, "%s",
             kind > m->common.count ? "not at rest" : "at another attractor");
  snprintf(label, BASIN_LABEL_BYTES, "%.*s (%lld)", BASIN_LABEL_BYTES - 32, name,
           (long long)m->ended[kind]);
}

static void fill_page(const basin_figure *f, map *m) {
  m->page.panels = (int)f->cells;
  m->page.shape = f->cells == 1 ? 0.7 : 0;
  for (int64_t c = 0; c < f->cells; c++) {
    int64_t shown = 0;
    for (int o = 0; o < m->kinds; o++) shown += m->shown[c][o];
    snprintf(m->page.panel[c].title, BASIN_LABEL_BYTES, "%.*s%s%lld of %lld starts",
             BASIN_LABEL_BYTES - 64, m->name[c], *m->name[c] ? ": " : "", (long long)shown,
             (long long)f->cell[c].trials);
  }
  for (int i = 0; i < m->kinds; i++) {
    const int o = kind_of(m, i);
    basin_label label;
    put_label(m, o, label);
    if (m->ended[o]) basin_legend_add(&m->page.legend, label, style_of(m, o), BASIN_SHOW_POINT);
  }
}

static void write_points(basin_figure *f, const map *m, int64_t cell, int outcome) {
  fprintf(f->pipe, "$start%lld_%d << EOD\n", (long long)cell, outcome);
  for (int64_t i = 0; i < m->room; i++)
    if (is_point(m, cell, i, outcome))
      fprintf(f->pipe, "%.10g %.10g\n", values_of(m, cell, 0)[i], values_of(m, cell, 1)[i]);
  fputs("EOD\n", f->pipe);
}

/* those of the kind that most have first, so that the few are seen */
static void draw_panel(basin_figure *f, const map *m, int64_t cell) {
  const char *separator = "plot ";
  int order[BASIN_OUTCOMES_MAX];
  for (int i = 0; i < m->kinds; i++) {
    int at = i;
    while (at > 0 && m->shown[cell][kind_of(m, order[at - 1])] < m->shown[cell][kind_of(m, i)])
      order[at] = order[at - 1], at--;
    order[at] = i;
  }
  basin_page_panel(f, (int)cell);
  for (int k = 0; k < 2; k++) {
    const char axis = k ? 'y' : 'x';
    basin_plot_axis_label(f, axis, m->text[k], m->units[k]);
    basin_span_set(f, axis, 0, 0, &m->span[k]);
  }
  int any = 0;
  for (int i = 0; i < m->kinds; i++) {
    const int o = kind_of(m, order[i]);
    const basin_style style = style_of(m, o);
    if (!m->shown[cell][o]) continue;
    fprintf(f->pipe, "%s$start%lld_%d using 1:2 with points pt %d ps 0.5 lc rgb '#40%s'", separator,
            (long long)cell, o, style.point, style.colour + 1);
    separator = ", ";
    any = 1;
  }
  if (any) fputc('\n', f->pipe);
  else basin_page_empty(f);
}

basin_status basin_plot_map(basin_figure *f, const char *axes, int attractors, basin_error *error) {
  map *m = calloc(1, sizeof *m);
  if (!m) return basin_fail_memory(error);
  m->outcomes = basin_results_outcomes_of(f->results);
  m->attractors = attractors;
  m->kinds = m->outcomes->count;
  m->span[0] = m->span[1] = BASIN_NO_SPAN;
  basin_status status = read_axes(axes, m, error);
  if (!status && attractors) {
    status = basin_common_find(f, &m->table, &m->common, error);
    m->kinds = m->common.count + 2;
  }
  if (!status && f->cells > BASIN_PANELS_MAX)
    status = basin_page_too_many("panels, one for each cell,", BASIN_PANELS_MAX, error);
  if (!status) status = basin_plot_names(f, &m->name, error);
  if (!status) status = read_starts(f, m, error);
  if (!status) status = count_points(f, m, error);
  if (!status) {
    find_units(f, m);
    fill_page(f, m);
    status = basin_page_start(f, &m->page, error);
  }
  if (!status) {
    for (int64_t c = 0; c < f->cells; c++)
      for (int o = 0; o < m->kinds; o++)
        if (m->shown[c][o]) write_points(f, m, c, o);
    for (int64_t c = 0; c < f->cells; c++) draw_panel(f, m, c);
    status = basin_page_end(f, error);
  }
  basin_table_free_attractors(&m->table);
  free(m->value);
  free(m->outcome);
  free(m->name);
  free(m);
  return status;
}
