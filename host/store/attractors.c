/* SPDX-License-Identifier: MIT
 *
 * attractors.c: the attractors of an output file (read/discover.h). While trials are written those of a cell are
 * grouped, and the variable `attractor` has their groups as a draft. When all trials of the cell are there its groups
 * get their numbers, those of the groups that they match in the cell before along the grid, and the draft is written
 * again with them. The variables attractor_... tell of each number in each cell; they come last, for only then it is
 * known how many there are.
 */
#include "store/attractors.h"
#include "base/statistics.h"
#include "store/output_file.h"
#include "store/results_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_TRIALS = 65536 };

/* A group with its number. */
typedef struct attractor {
  int64_t cell;
  int number;
  basin_group group; /* its point is owned here */
} attractor;

struct basin_attractors {
  int numbers;          /* that have been given */
  attractor *attractor; /* [count] of all cells so far */
  int64_t count, room;
  int64_t *others; /* [cells] trials at rest in none */
  int32_t **known; /* [cells][numbers then]: which attractor bears the number there, or -1 */
  int *knowns;     /* [cells] */
  basin_grouping *grouping; /* of the cell that is written, or NULL */
  int64_t cell, first, end; /* that cell, and its trials so far: first .. end - 1, in the file */
  double *point;            /* [longest] */
  int32_t block[BLOCK_TRIALS];
};

basin_status basin_attractors_open(basin_output *o, basin_error *error) {
  const basin_experiment *e = o->experiment;
  int64_t longest = 1;
  if (o->extent.first_cell || o->extent.first_trial || o->extent.cells != e->cells ||
      !basin_discover_of(e))
    return BASIN_OK;
  basin_attractors *a = o->attractors = calloc(1, sizeof *a);
  if (!a) return basin_fail_memory(error);
  for (int64_t c = 0; c < e->cells; c++)
    if (basin_point_length(&e->cell[c]) > longest) longest = basin_point_length(&e->cell[c]);
  a->others = calloc((size_t)e->cells, sizeof *a->others);
  a->known = calloc((size_t)e->cells, sizeof *a->known);
  a->knowns = calloc((size_t)e->cells, sizeof *a->knowns);
  a->point = calloc((size_t)longest, sizeof *a->point);
  return a->others && a->known && a->knowns && a->point ? BASIN_OK : basin_fail_memory(error);
}

void basin_attractors_close(basin_output *o) {
  basin_attractors *a = o->attractors;
  if (!a) return;
  for (int64_t i = 0; i < a->count; i++) free(a->attractor[i].group.point);
  for (int64_t c = 0; c < o->experiment->cells && a->known; c++) free(a->known[c]);
  basin_grouping_close(a->grouping);
  free(a->attractor);
  free(a->others);
  free(a->known);
  free(a->knowns);
  free(a->point);
  free(a);
}

/* ---- the cell before ---- */

/* of the cells before it, which differ in the refined parameter alone, the one that is nearest there */
static int64_t before_added(const basin_experiment *e, int64_t cell) {
  const basin_cell *here = &e->cell[cell];
  double least = INFINITY;
  int64_t found = -1;
  for (int64_t c = 0; c < cell; c++) {
    const basin_cell *there = &e->cell[c];
    int alike = here->variant == there->variant;
    for (int a = 0; a < e->axes && alike; a++)
      alike = a == e->refine.axis || !(here->coordinate[a] < there->coordinate[a] ||
                                       here->coordinate[a] > there->coordinate[a]);
    const double apart = fabs(here->coordinate[e->refine.axis] - there->coordinate[e->refine.axis]);
    if (alike && apart < least) least = apart, found = c;
  }
  return found;
}

int64_t basin_attractors_before(const basin_experiment *e, int64_t cell) {
  int64_t stride = 1, left = cell;
  if (cell >= e->grid_cells) return before_added(e, cell);
  for (int d = e->dimensions - 1; d >= 0; d--) {
    if (left % e->dimension[d].length) return cell - stride;
    left /= e->dimension[d].length;
    stride *= e->dimension[d].length;
  }
  return left ? cell - stride : -1; /* the variants are numbered before all */
}

/* ---- a cell's end ---- */

static basin_status keep(basin_attractors *a, int number, const basin_group *group,
                         basin_error *error) {
  if (a->count == a->room) {
    a->room = 2 * a->room + 64;
    attractor *more = realloc(a->attractor, (size_t)a->room * sizeof *more);
    if (!more) return basin_fail_memory(error);
    a->attractor = more;
  }
  a->attractor[a->count++] = (attractor){a->cell, number, *group};
  return BASIN_OK;
}

/* Attractors on the way to a cell: those of the cell before, and those that were there before it and it has not. */
enum { OWN = 1, EARLIER = 2 };

/* Gives the cell's groups the numbers of attractors among these that are no further than `most`, where both are each
   other's nearest and have no partner yet. */
static basin_status match(const basin_experiment *e, basin_attractors *a, int64_t before, int which,
                          double most, int *number, basin_error *error) {
  const basin_grouping *g = a->grouping;
  const double *x[BASIN_ATTRACTORS_MAX] = {NULL}, *y[BASIN_ATTRACTORS_MAX] = {NULL};
  int known[BASIN_ATTRACTORS_MAX] = {0}, partner[BASIN_ATTRACTORS_MAX], count = 0;
  char taken[BASIN_ATTRACTORS_MAX] = {0};
  for (int i = 0; i < g->count; i++) {
    x[i] = g->group[i].point;
    if (number[i] >= 0) taken[number[i]] = 1;
  }
  for (int k = 0; k < a->knowns[before]; k++) {
    const int32_t at = a->known[before][k];
    if (at < 0) continue;
    const attractor *there = &a->attractor[at];
    if (!(which & (there->cell == before ? OWN : EARLIER)) ||
        basin_point_length(&e->cell[there->cell]) != g->length)
      continue;
    y[count] = there->group.point;
    known[count++] = k;
  }
  const basin_status status = basin_grouping_match(g, x, g->count, y, count, most, partner, error);
  for (int i = 0; i < g->count && !status; i++)
    if (partner[i] >= 0 && number[i] < 0 && !taken[known[partner[i]]])
      number[i] = known[partner[i]];
  return status;
}

/* What is at the same place is the same attractor, be it that a cell between had none there; then come those of the
   cell before, and with outcomes.discover.match earlier ones too. */
static basin_status number_groups(const basin_output *o, basin_attractors *a, int *number,
                                  basin_error *error) {
  const basin_experiment *e = o->experiment;
  const basin_cell *cell = &e->cell[a->cell];
  const int64_t before = basin_attractors_before(e, a->cell);
  const double same = cell->within < cell->match ? cell->within : cell->match;
  basin_status status = BASIN_OK;
  for (int i = 0; i < a->grouping->count; i++) number[i] = -1;
  if (before >= 0 && a->known[before]) {
    status = match(e, a, before, OWN | EARLIER, same, number, error);
    if (!status) status = match(e, a, before, OWN, cell->match, number, error);
    if (!status && isfinite(cell->match))
      status = match(e, a, before, EARLIER, cell->match, number, error);
  }
  for (int i = 0; i < a->grouping->count; i++) {
    if (number[i] >= 0) continue;
    number[i] = a->numbers < BASIN_ATTRACTORS_MAX ? a->numbers++ : BASIN_OTHER_GROUP;
  }
  return status;
}

/* which attractor bears each number here, or was the last to bear it on the way here */
static basin_status know(const basin_experiment *e, basin_attractors *a, basin_error *error) {
  const int64_t before = basin_attractors_before(e, a->cell);
  int32_t *known = a->known[a->cell] = calloc((size_t)a->numbers + 1, sizeof *known);
  if (!known) return basin_fail_memory(error);
  a->knowns[a->cell] = a->numbers;
  for (int k = 0; k < a->numbers; k++)
    known[k] = before >= 0 && k < a->knowns[before] ? a->known[before][k] : -1;
  return BASIN_OK;
}

/* the groups become attractors: their points are handed over */
static basin_status hand_over(const basin_output *o, basin_attractors *a, const int *number,
                              basin_error *error) {
  basin_grouping *g = a->grouping;
  basin_status status = know(o->experiment, a, error);
  a->others[a->cell] = g->others;
  for (int i = 0; i < g->count && !status; i++) {
    if (number[i] < 0) {
      a->others[a->cell] += g->group[i].trials;
      continue;
    }
    a->known[a->cell][number[i]] = (int32_t)a->count;
    status = keep(a, number[i], &g->group[i], error);
    if (!status) g->group[i].point = NULL;
  }
  return status;
}

/* the draft once more, with numbers in the place of groups */
static void write_numbers(basin_output *o, basin_attractors *a, const int *number) {
  basin_variable *v = o->variable[BASIN_VARIABLE_attractor];
  for (int64_t at = a->first; at < a->end; at += BLOCK_TRIALS) {
    const hsize_t start[2] = {(hsize_t)a->cell, (hsize_t)at};
    const hsize_t size[2] = {1, (hsize_t)(a->end - at < BLOCK_TRIALS ? a->end - at : BLOCK_TRIALS)};
    basin_netcdf_draft_read(o->file, v, start, size, a->block);
    for (hsize_t i = 0; i < size[1]; i++)
      if (a->block[i] >= 0 && a->block[i] < a->grouping->count) a->block[i] = number[a->block[i]];
    basin_netcdf_write(o->file, v, start, size, a->block);
  }
}

static basin_status end_cell(basin_output *o, basin_error *error) {
  basin_attractors *a = o->attractors;
  int number[BASIN_ATTRACTORS_MAX];
  if (!a->grouping) return BASIN_OK;
  basin_status status = number_groups(o, a, number, error);
  if (!status) status = hand_over(o, a, number, error);
  if (!status) write_numbers(o, a, number);
  basin_grouping_close(a->grouping);
  a->grouping = NULL;
  return status;
}

/* ---- trials ---- */

static basin_status put_block(basin_attractors *a, const basin_cell *cell, const basin_part *part,
                              int64_t from, int64_t count, basin_error *error) {
  const int loss = cell->discover->loss;
  basin_status status = BASIN_OK;
  for (int64_t i = 0; i < count && !status; i++) {
    const int64_t t = from + i;
    int number = BASIN_NO_GROUP;
    if (basin_rests(part->outcome[t])) {
      for (int64_t k = 0; k < a->grouping->length; k++)
        a->point[k] = part->point[k * part->count + t];
      status = basin_grouping_put(a->grouping, a->point, part->first + t,
                                  loss < 0 ? NAN : part->final[loss * part->count + t], &number,
                                  error);
    }
    a->block[i] = number;
  }
  return status;
}

basin_status basin_attractors_write(basin_output *o, int64_t cell, const basin_part *part,
                                    int64_t from, int64_t to, basin_error *error) {
  basin_attractors *a = o->attractors;
  const basin_cell *of = &o->experiment->cell[cell];
  basin_status status = BASIN_OK;
  if (!a) return BASIN_OK;
  if (a->grouping && a->cell != cell) status = end_cell(o, error);
  if (status || !of->discover) return status;
  if (!a->grouping) {
    a->cell = cell;
    a->first = part->first + from;
    status = basin_grouping_open(of, &a->grouping, error);
  }
  for (int64_t at = from; at < to && !status; at += BLOCK_TRIALS) {
    const int64_t count = to - at < BLOCK_TRIALS ? to - at : BLOCK_TRIALS;
    const hsize_t start[2] = {(hsize_t)cell, (hsize_t)(part->first + at)},
                  size[2] = {1, (hsize_t)count};
    status = put_block(a, of, part, at, count, error);
    if (!status)
      basin_netcdf_draft(o->file, o->variable[BASIN_VARIABLE_attractor], start, size, a->block);
  }
  a->end = part->first + to;
  return status;
}

/* ---- the table ---- */

/* of a cell and every number: trials, their first one, the loss there, and the share with its interval */
typedef struct row {
  int64_t *trials, *first;                   /* [numbers] */
  double *loss, *share, *low, *high, *point; /* [numbers], point [numbers][wide] */
} row;

static void fill_row(const basin_output *o, const basin_attractors *a, int64_t cell,
                     int64_t numbers, int64_t *next, const row *r) {
  for (int64_t n = 0; n < numbers; n++) r->trials[n] = 0, r->first[n] = -1, r->loss[n] = NAN;
  for (; *next < a->count && a->attractor[*next].cell == cell; ++*next) {
    const attractor *x = &a->attractor[*next];
    r->trials[x->number] = x->group.trials;
    r->first[x->number] = x->group.first;
    r->loss[x->number] = x->group.loss;
  }
  for (int64_t n = 0; n < numbers; n++) {
    const basin_proportion p = basin_wilson(r->trials[n], o->ended[cell]);
    r->share[n] = p.value, r->low[n] = p.low, r->high[n] = p.high;
  }
}

static void write_counts(basin_output *o, const basin_attractors *a, int64_t numbers,
                         const row *r) {
  const struct {
    int id;
    const void *value;
  } column[] = {
      {BASIN_VARIABLE_attractor_trials, r->trials}, {BASIN_VARIABLE_attractor_share, r->share},
      {BASIN_VARIABLE_attractor_share_low, r->low}, {BASIN_VARIABLE_attractor_share_high, r->high},
      {BASIN_VARIABLE_attractor_loss, r->loss},     {BASIN_VARIABLE_attractor_first, r->first}};
  enum { COLUMNS = sizeof column / sizeof *column };
  int64_t next = 0;
  for (int i = 0; i < COLUMNS && !basin_netcdf_bad(o->file); i++)
    basin_output_variable(o, column[i].id);
  for (int64_t c = 0; c < o->extent.cells && !basin_netcdf_bad(o->file); c++) {
    const hsize_t start[2] = {(hsize_t)c, 0}, size[2] = {1, (hsize_t)numbers};
    fill_row(o, a, c, numbers, &next, r);
    for (int i = 0; i < COLUMNS; i++)
      basin_netcdf_write(o->file, o->variable[column[i].id], start, size, column[i].value);
  }
}

/* where in a cell's point the numbers of its `by` begin */
static int64_t begin_of(const basin_cell *cell, int by) {
  int64_t at = 0;
  for (int b = 0; b < by; b++) at += basin_by_length(cell, b);
  return at;
}

/* the points, of one `by`: of an observable over cells and numbers, of a vector over its entries too */
static void write_points(basin_output *o, const basin_attractors *a, int64_t numbers, int by,
                         int64_t wide, double *point) {
  const basin_experiment *e = o->experiment;
  const basin_discover *d = basin_discover_of(e);
  const char *name = d->by[by].name;
  const int vector = d->by[by].initial >= 0;
  basin_variable *v = vector ? basin_output_vector(o, BASIN_VARIABLE_attractor_at, name, wide)
                             : basin_output_of(o, BASIN_VARIABLE_attractor_value, name);
  int64_t next = 0;
  for (int64_t c = 0; c < o->extent.cells && !basin_netcdf_bad(o->file); c++) {
    const hsize_t start[3] = {(hsize_t)c, 0, 0}, size[3] = {1, (hsize_t)numbers, (hsize_t)wide};
    for (int64_t i = 0; i < numbers * wide; i++) point[i] = NAN;
    for (; next < a->count && a->attractor[next].cell == c; next++) {
      const attractor *x = &a->attractor[next];
      memcpy(point + x->number * wide, x->group.point + begin_of(&e->cell[c], by),
             (size_t)basin_by_length(&e->cell[c], by) * sizeof *point);
    }
    basin_netcdf_write(o->file, v, start, size, point);
  }
}

/* the longest vector of that name, as record.parameters has it; 1 of an observable */
static int64_t widest(const basin_experiment *e, const struct basin_by *by) {
  int64_t wide = 1;
  for (int64_t c = 0; c < e->cells && by->initial >= 0; c++) {
    const basin_model *model = e->cell[c].model;
    const int i = basin_symbol_find(model->initial, model->initials, by->name);
    const int64_t size = i < 0 ? 1 : basin_vector_size(&e->cell[c].setting.initial[i]);
    if (size > wide) wide = size;
  }
  return wide;
}

basin_status basin_attractors_end(basin_output *o, basin_error *error) {
  basin_attractors *a = o->attractors;
  const basin_experiment *e = o->experiment;
  if (!a) return BASIN_OK;
  basin_status status = end_cell(o, error);
  if (status) return status;
  const basin_discover *d = basin_discover_of(e);
  const int64_t numbers = a->numbers ? a->numbers : 1; /* there must be one: of no trials */
  int64_t wide = 1;
  for (int b = 0; b < d->count; b++)
    if (widest(e, &d->by[b]) > wide) wide = widest(e, &d->by[b]);
  int64_t *whole = calloc((size_t)(2 * numbers), sizeof *whole);
  double *real = calloc((size_t)((4 + wide) * numbers), sizeof *real);
  if (!whole || !real) status = basin_fail_memory(error);
  if (!status) {
    const row r = {whole,
                   whole + numbers,
                   real,
                   real + numbers,
                   real + 2 * numbers,
                   real + 3 * numbers,
                   real + 4 * numbers};
    basin_output_dimension(o, BASIN_VARIABLE_attractor_number, numbers);
    basin_output_variable(o, BASIN_VARIABLE_attractor_other);
    basin_netcdf_write_whole(o->file, o->variable[BASIN_VARIABLE_attractor_other], a->others);
    write_counts(o, a, numbers, &r);
    for (int b = 0; b < d->count && !basin_netcdf_bad(o->file); b++)
      write_points(o, a, numbers, b, widest(e, &d->by[b]), r.point);
    status = basin_netcdf_status(o->file, error);
  }
  free(whole);
  free(real);
  return status;
}

/* ---- reading ---- */

int basin_results_count_attractors(const basin_results *r) {
  int64_t size[2] = {r->cells, -1};
  if (H5Lexists(r->file, "attractor_trials", H5P_DEFAULT) <= 0) return 0;
  const hid_t id = basin_results_variable(r, "attractor_trials", 2, size, H5T_INTEGER);
  if (id < 0) return 0;
  H5Dclose(id);
  return size[1] > BASIN_ATTRACTORS_MAX ? 0 : (int)size[1];
}

int basin_results_attractors(const basin_results *r) { return r->attractors; }

static int read_others(const basin_results *r, int64_t cell, int64_t *others) {
  int64_t size = r->cells;
  const hsize_t start = (hsize_t)cell, one = 1;
  const hid_t id = basin_results_variable(r, "attractor_other", 1, &size, H5T_INTEGER);
  const int ok = id >= 0 && basin_results_intact(r, "attractor_other", 0) &&
                 basin_hdf5_read(id, H5T_NATIVE_INT64, 1, &start, &one, others);
  if (id >= 0) H5Dclose(id);
  return ok;
}

basin_status basin_results_attractors_of(basin_results *r, int64_t cell, basin_attractor *x,
                                         int64_t *others, basin_error *error) {
  static const char *const name[] = {"attractor_trials",    "attractor_first_trial",
                                     "attractor_loss",      "attractor_share",
                                     "attractor_share_low", "attractor_share_high"};
  enum { COLUMNS = sizeof name / sizeof *name };
  const int numbers = basin_results_attractors(r);
  double *value = calloc((size_t)(COLUMNS * numbers) + 1, sizeof *value);
  basin_status status = value ? BASIN_OK : basin_fail_memory(error);
  *others = 0;
  for (int i = 0; i < COLUMNS && numbers && !status; i++)
    status = basin_results_read(r, name[i], cell, 0, numbers, value + i * numbers, error);
  for (int n = 0; n < numbers && !status; n++) {
    const double *v = value + n;
    if (!(v[0] >= 0 && v[0] <= BASIN_TRIALS_MAX && v[numbers] >= -1 &&
          v[numbers] <= BASIN_TRIALS_MAX))
      status = basin_results_unreadable(r, error);
    else
      x[n] = (basin_attractor){(int64_t)v[0],
                               (int64_t)v[numbers],
                               v[2 * numbers],
                               {v[3 * numbers], v[4 * numbers], v[5 * numbers]}};
  }
  if (numbers && !status && !read_others(r, cell, others))
    status = basin_results_unreadable(r, error);
  free(value);
  return status;
}
