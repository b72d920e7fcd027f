/* SPDX-License-Identifier: MIT
 *
 * plot_vector.c: a vector as an image: of each cell the teacher's, where it has one of that name, and those of one
 * trial at its start and at its last recorded step. The images of a cell have the same colours for the same numbers:
 * white is 0, and the deepest colours are +-the largest size of an entry.
 */
#include "cli/plot_axis.h"
#include "read/experiment.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TEACHER, START, END, IMAGES };

typedef struct images {
  const char *name; /* of the vector */
  char variable[96];
  int64_t rows, columns, trial;
  int images;    /* of a cell: IMAGES, or one less where no cell has a teacher of the name */
  double *value; /* [cells][IMAGES][rows * columns] */
  int64_t *step; /* [cells] of the last image */
  double *most;  /* [cells] the largest size of an entry */
  basin_label *label;
  basin_page page;
} images;

static double *image_of(const images *m, int64_t cell, int image) {
  return m->value + (cell * IMAGES + image) * m->rows * m->columns;
}

/* "5x5" */
static basin_status read_shape(const char *shape, images *m, basin_error *error) {
  long long rows = 0, columns = 0;
  int used = 0;
  if (shape && sscanf(shape, "%6lldx%6lld%n", &rows, &columns, &used) == 2 && !shape[used] &&
      rows > 0 && columns > 0) {
    m->rows = rows;
    m->columns = columns;
    return BASIN_OK;
  }
  return basin_fail(error, BASIN_BAD_INPUT,
                    "--shape %s: expected the rows and columns of the image, as in 5x5",
                    shape ? shape : "is missing");
}

static basin_status read_trial(const basin_figure *f, const char *trial, images *m,
                               basin_error *error) {
  char *end = NULL;
  const int64_t recorded = basin_results_recorded(f->results);
  m->trial = trial ? strtoll(trial, &end, 10) : 0;
  if (m->trial >= 0 && m->trial < recorded && (!trial || (end != trial && !*end))) return BASIN_OK;
  return basin_fail(error, BASIN_BAD_INPUT, "--trial %s: expected one of the %lld recorded trials",
                    trial ? trial : "0", (long long)recorded);
}

/* the teacher's vector of that name; NaN where there is none */
static void read_teacher(const basin_experiment *e, int64_t cell, const images *m, double *value) {
  const basin_cell *c = &e->cell[cell];
  const int64_t size = m->rows * m->columns;
  const int at = basin_symbol_find(c->model->teacher, c->model->teachers, m->name);
  const basin_vector *vector = at < 0 ? NULL : &c->setting.teacher[at];
  const int given = vector && vector->source == BASIN_GIVEN && basin_vector_size(vector) == size;
  for (int64_t i = 0; i < size; i++) value[i] = given ? vector->value[i] + vector->offset : NAN;
}

/* the first record and the last one of the trial that is there */
static basin_status read_trial_of(const basin_figure *f, int64_t cell, images *m,
                                  basin_error *error) {
  const int64_t size = m->rows * m->columns, times = basin_results_times(f->results);
  double *value = malloc((size_t)(times * size) * sizeof *value);
  if (!value) return basin_fail_memory(error);
  const basin_status status = basin_results_read(f->results, m->variable, f->cell[cell].index,
                                                 m->trial, 1, value, error);
  int64_t last = 0;
  for (int64_t t = 0; t < times && !status; t++)
    if (isfinite(value[t * size])) last = t;
  if (!status) {
    memcpy(image_of(m, cell, START), value, (size_t)size * sizeof *value);
    memcpy(image_of(m, cell, END), value + last * size, (size_t)size * sizeof *value);
    m->step[cell] = basin_results_time(f->results)[last];
  }
  free(value);
  return status;
}

static basin_status read_images(basin_figure *f, images *m, basin_error *error) {
  const int64_t size = m->rows * m->columns;
  basin_experiment *e = NULL;
  basin_array array;
  snprintf(m->variable, sizeof m->variable, "vector_%.80s", m->name);
  basin_status status = basin_results_array_find(f->results, m->variable, &array, error);
  if (status) return status;
  if (array.size[2] != size)
    return basin_fail(error, BASIN_BAD_INPUT, "--shape %lldx%lld: %s has %lld entries",
                      (long long)m->rows, (long long)m->columns, m->name, (long long)array.size[2]);
  m->value = calloc((size_t)(f->cells * IMAGES * size), sizeof *m->value);
  m->step = calloc((size_t)f->cells, sizeof *m->step);
  m->most = calloc((size_t)f->cells, sizeof *m->most);
  if (!m->value || !m->step || !m->most) return basin_fail_memory(error);
  status = basin_results_read_experiment(f->results, &e, error);
  m->images = START;
  for (int64_t c = 0; c < f->cells && !status; c++) {
    read_teacher(e, f->cell[c].index, m, image_of(m, c, TEACHER));
    status = read_trial_of(f, c, m, error);
    if (isfinite(*image_of(m, c, TEACHER))) m->images = TEACHER;
    for (int64_t i = 0; i < IMAGES * size; i++)
      if (isfinite(image_of(m, c, 0)[i])) m->most[c] = fmax(m->most[c], fabs(image_of(m, c, 0)[i]));
    if (!(m->most[c] > 0)) m->most[c] = 1;
  }
  basin_experiment_free(e);
  return status;
}

/* ---- drawing ---- */

static void fill_page(const basin_figure *f, images *m) {
  const int each = IMAGES - m->images;
  m->page.panels = (int)f->cells * each;
  m->page.columns = each;
  m->page.shape = (double)m->rows / (double)m->columns;
  for (int p = 0; p < m->page.panels; p++) {
    const int64_t cell = p / each;
    const int image = m->images + p % each;
    char what[64];
    snprintf(what, sizeof what, "step %lld", (long long)m->step[cell]);
    snprintf(m->page.panel[p].title, BASIN_LABEL_BYTES, "%.*s%s%s", BASIN_LABEL_BYTES - 80,
             m->label[cell], *m->label[cell] ? ": " : "",
             image == TEACHER ? "teacher"
             : image == START ? "start"
                              : what);
  }
}

static void write_image(basin_figure *f, const images *m, int64_t cell, int image) {
  fprintf(f->pipe, "$image%lld_%d << EOD\n", (long long)cell, image);
  for (int64_t i = 0; i < m->rows * m->columns; i++)
    fprintf(f->pipe, "%lld %lld %.10g\n", (long long)(i % m->columns), (long long)(i / m->columns),
            image_of(m, cell, image)[i] / m->most[cell]);
  fputs("EOD\n", f->pipe);
}

static void draw_panel(basin_figure *f, const images *m, int panel) {
  const int each = IMAGES - m->images;
  basin_page_panel(f, panel);
  fprintf(f->pipe,
          "unset grid\nunset tics\nunset colorbox\nset xrange [-0.5:%lld.5]\n"
          "set yrange [%lld.5:-0.5]\nset cbrange [-1:1]\n"
          "set palette defined (-1 '#b35806', 0 '#ffffff', 1 '#542788')\n",
          (long long)m->columns - 1, (long long)m->rows - 1);
  if (!isfinite(*image_of(m, panel / each, m->images + panel % each))) {
    basin_page_empty(f);
    return;
  }
  fprintf(f->pipe,
          "plot $image%d_%d using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):3 with boxxyerror fs "
          "solid 1 border lw 1 lc palette\n",
          panel / each, m->images + panel % each);
}

basin_status basin_plot_vector(basin_figure *f, const char *name, const char *shape,
                               const char *trial, basin_error *error) {
  images *m = calloc(1, sizeof *m);
  if (!m) return basin_fail_memory(error);
  m->name = name;
  basin_status status = read_shape(shape, m, error);
  if (!status) status = read_trial(f, trial, m, error);
  if (!status && f->cells > BASIN_PANELS_MAX / IMAGES)
    status = basin_page_too_many("cells, three panels for each,", BASIN_PANELS_MAX / IMAGES, error);
  if (!status) status = basin_plot_names(f, &m->label, error);
  if (!status) status = read_images(f, m, error);
  if (!status) {
    fill_page(f, m);
    status = basin_page_start(f, &m->page, error);
  }
  if (!status) {
    for (int64_t c = 0; c < f->cells; c++)
      for (int i = m->images; i < IMAGES; i++) write_image(f, m, c, i);
    for (int p = 0; p < m->page.panels; p++) draw_panel(f, m, p);
    status = basin_page_end(f, error);
  }
  free(m->value);
  free(m->step);
  free(m->most);
  free(m->label);
  free(m);
  return status;
}
