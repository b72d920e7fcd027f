/* SPDX-License-Identifier: MIT */
#include "store/output.h"
#include "store/netcdf.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VECTORS_MAX = 16, NAME_BYTES = 96, COORDINATES_BYTES = 4096 };

struct basin_output {
  const basin_experiment *experiment;
  basin_extent extent;
  basin_netcdf *file;
  int64_t cell_now, reached;           /* where the next trials go: what lies before is written */
  char coordinates[COORDINATES_BYTES]; /* names of the variables that tell what a cell is */
  basin_variable *cell, *trial, *recorded, *time; /* dimension scales */

  basin_variable *outcome, *steps, **final, **record,
      **estimate;           /* estimate: [2 estimates], the errors too */
  basin_variable *halvings; /* NULL where no cell asks for them */
  int vectors;              /* full vectors, by name over all models */
  const char *vector_name[VECTORS_MAX];
  int64_t vector_length[VECTORS_MAX]; /* the longest of any cell */
  basin_variable *vector[VECTORS_MAX];
};

static int bad(const basin_output *o) { return basin_netcdf_bad(o->file); }

/* a number per cell; whole numbers are stored as such */
static void cell_number(basin_output *o, const char *name, const double *value,
                        const char *long_name) {
  const int64_t n = o->extent.cells;
  const hsize_t size = (hsize_t)n;
  int whole = 1;
  for (int64_t i = 0; i < n; i++) whole &= value[i] == floor(value[i]) && fabs(value[i]) < 0x1p53;
  int64_t *integer = calloc((size_t)n + 1, sizeof *integer);
  if (!integer) {
    basin_netcdf_fail(o->file);
    return;
  }
  for (int64_t i = 0; i < n && whole; i++) integer[i] = (int64_t)value[i];
  basin_variable *v = basin_netcdf_variable(o->file, name,
                                            whole ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE, NULL, 1,
                                            &o->cell, &size, long_name, "1");
  basin_netcdf_write_whole(o->file, v, whole ? (const void *)integer : value);
  free(integer);
}

/* ---- what is known before the trials ---- */

/* whether any cell's steps are matrix products: not with mini-batches */
static int has_products(const basin_experiment *e) {
  for (int64_t c = 0; c < e->cells; c++)
    if (e->cell[c].setting.gradient.set_size > 0 && !e->cell[c].setting.gradient.batch)
      return 1;
  return 0;
}

static void write_attributes(basin_output *o) {
  const basin_experiment *e = o->experiment;
  const int64_t axes = e->axes;
  basin_netcdf *f = o->file;
  basin_netcdf_text(f, NULL, "title", e->title);
  basin_netcdf_text(f, NULL, "Conventions", "CF-1.8");
  basin_netcdf_text(f, NULL, "source", "basin " BASIN_VERSION);
  basin_netcdf_text(f, NULL, "basin_version", BASIN_VERSION);
  basin_netcdf_text(f, NULL, "experiment", e->name);
  basin_netcdf_text(f, NULL, "experiment_yaml", e->text);
  basin_netcdf_text(f, NULL, "experiment_set", e->overrides);
  basin_netcdf_number(f, NULL, "seed", H5T_NATIVE_UINT64, &e->seed);
  basin_netcdf_number(f, NULL, "identity", H5T_NATIVE_UINT64, &e->identity);
  basin_netcdf_number(f, NULL, "trials", H5T_NATIVE_INT64, &e->trials);
  basin_netcdf_number(f, NULL, "grid_parameters", H5T_NATIVE_INT64, &axes);
  basin_netcdf_number(f, NULL, "until_halfwidth", H5T_NATIVE_DOUBLE, &e->halfwidth);
  basin_netcdf_number(f, NULL, "until_max_trials", H5T_NATIVE_INT64, &e->max_trials);
  basin_netcdf_number(f, NULL, "allow_unresolved", H5T_NATIVE_DOUBLE, &e->allow_unresolved);
  basin_netcdf_number(f, NULL, "allow_diverged", H5T_NATIVE_DOUBLE, &e->allow_diverged);
  if (has_products(e))
    basin_netcdf_text(f, NULL, "bits",
                      "fixed data sets: sums in the order of a BLAS; another library, processor or "
                      "backend may round them otherwise");
}

/* the variants once more, as numbers into a list of names of fixed length: what our own reader reads */
static void write_variant_numbers(basin_output *o) {
  const basin_experiment *e = o->experiment;
  const hsize_t size = (hsize_t)o->extent.cells;
  int8_t *number = calloc(size, sizeof *number);
  size_t bytes = 1;
  for (int v = 0; v < e->variants; v++) bytes += strlen(e->variant[v]) + 1;
  char *names = calloc(1, bytes);
  if (!number || !names) basin_netcdf_fail(o->file);
  for (hsize_t i = 0; i < size && !bad(o); i++)
    number[i] = (int8_t)e->cell[o->extent.first_cell + (int64_t)i].variant;
  for (int v = 0; v < e->variants && !bad(o); v++) strcat(strcat(names, e->variant[v]), "\n");
  basin_variable *v = basin_netcdf_variable(
      o->file, "variant_number", H5T_NATIVE_INT8, NULL, 1, &o->cell, &size,
      "number of the variant, a line of the attribute `names`", "1");
  basin_netcdf_text(o->file, v, "names", names);
  basin_netcdf_write_whole(o->file, v, number);
  free(names);
  free(number);
}

static void write_cells(basin_output *o, const int64_t *count) {
  const basin_experiment *e = o->experiment;
  const basin_cell *cell = e->cell + o->extent.first_cell;
  const int64_t n = o->extent.cells;
  const hsize_t size = (hsize_t)n;
  double *value = calloc((size_t)n + 1, sizeof *value);
  const char **text = calloc((size_t)n + 1, sizeof *text);
  uint64_t *draw = calloc((size_t)n + 1, sizeof *draw);
  if (!value || !text || !draw) basin_netcdf_fail(o->file);
  for (int64_t i = 0; i < n && !bad(o); i++)
    text[i] = cell[i].variant < 0 ? "" : e->variant[cell[i].variant];
  if (!bad(o) && e->variants)
    basin_netcdf_texts(o->file, "variant", o->cell, n, text,
                       "alternative setting of the experiment");
  if (!bad(o) && e->variants) write_variant_numbers(o);

  for (int64_t i = 0; i < n && !bad(o); i++) text[i] = cell[i].model->name;
  if (!bad(o)) basin_netcdf_texts(o->file, "model", o->cell, n, text, "model");
  const char *column[BASIN_COLUMNS_MAX];
  const int columns = basin_experiment_columns(e, column);
  for (int p = 0; p < columns && !bad(o); p++) {
    for (int64_t i = 0; i < n; i++)
      value[i] = basin_experiment_column(e, o->extent.first_cell + i, p, column[p]);
    const int known = basin_symbol_find(cell[0].model->parameter, cell[0].model->parameters,
                                        column[p]);
    cell_number(o, column[p], value,
                known < 0 ? "grid parameter" : cell[0].model->parameter[known].meaning);
  }
  for (int64_t i = 0; i < n && !bad(o); i++)
    value[i] = (double)count[i], draw[i] = cell[i].identity;
  if (!bad(o)) cell_number(o, "trials", value, "number of trials run");
  basin_variable *v = basin_netcdf_variable(
      o->file, "draw", H5T_NATIVE_UINT64, NULL, 1, &o->cell, &size,
      "identity of the random draws: cells with the same value share them", "1");
  basin_netcdf_write_whole(o->file, v, draw);
  free(draw);
  free(text);
  free(value);
}

/* CF: readers take these variables for coordinates of the others */
static void name_coordinates(basin_output *o) {
  const basin_experiment *e = o->experiment;
  const char *column[BASIN_COLUMNS_MAX];
  const int columns = basin_experiment_columns(e, column);
  char *text = o->coordinates;
  snprintf(text, COORDINATES_BYTES, "%smodel", e->variants ? "variant " : "");
  for (int p = 0; p < columns; p++)
    snprintf(text + strlen(text), COORDINATES_BYTES - strlen(text), " %s", column[p]);
}

/* a variable over cells and something more; its fill value is shown to readers */
static basin_variable *create(basin_output *o, const char *name, hid_t type, const void *fill,
                              int rank, basin_variable *const *scales, const hsize_t *size,
                              const char *long_name, const char *units) {
  char all[COORDINATES_BYTES + 8];
  basin_variable *v = basin_netcdf_variable(o->file, name, type, fill, rank, scales, size,
                                            long_name, units);
  snprintf(all, sizeof all, "%s%s", o->coordinates, rank > 2 ? " eta_t" : "");
  basin_netcdf_text(o->file, v, "coordinates", all);
  basin_netcdf_number(o->file, v, "_FillValue", type, fill);
  return v;
}

static void create_outcome(basin_output *o, basin_variable *const *scales, const hsize_t *size) {
  int8_t value[BASIN_OUTCOMES];
  const int8_t fill = -1;
  char meanings[256] = "";
  for (int i = 0; i < BASIN_OUTCOMES; i++) {
    value[i] = (int8_t)i;
    snprintf(meanings + strlen(meanings), sizeof meanings - strlen(meanings), "%s%s", i ? " " : "",
             basin_outcome_name(i));
  }
  o->outcome = create(o, "outcome", H5T_NATIVE_INT8, &fill, 2, scales, size, "how the trial ended",
                      "1");
  basin_netcdf_numbers(o->file, o->outcome, "flag_values", H5T_NATIVE_INT8, BASIN_OUTCOMES, value);
  basin_netcdf_text(o->file, o->outcome, "flag_meanings", meanings);
}

static basin_variable *create_double(basin_output *o, const char *name, int rank,
                                     basin_variable *const *scales, const hsize_t *size,
                                     const char *long_name, const char *units) {
  const double fill = NAN;
  return create(o, name, H5T_NATIVE_DOUBLE, &fill, rank, scales, size, long_name, units);
}

/* an observable's row in the tables of the first cell that has it */
static const basin_symbol *observable_symbol(const basin_experiment *e, const char *name) {
  for (int64_t c = 0; c < e->cells; c++) {
    const int i = basin_observable_find(&e->cell[c], name);
    if (i >= 0) return basin_observable(&e->cell[c], i);
  }
  return NULL;
}

/* the full vectors of all models by name, each as long as the longest */
static void find_vectors(basin_output *o) {
  for (int64_t c = o->extent.first_cell; c < o->extent.first_cell + o->extent.cells; c++) {
    const basin_cell *cell = &o->experiment->cell[c];
    for (int i = 0; i < cell->model->initials; i++) {
      int v = 0;
      while (v < o->vectors && strcmp(o->vector_name[v], cell->model->initial[i].name) != 0) v++;
      if (v == VECTORS_MAX) continue;
      if (v == o->vectors) o->vector_name[o->vectors++] = cell->model->initial[i].name;
      const int64_t length = basin_vector_size(&cell->setting.initial[i]);
      if (length > o->vector_length[v]) o->vector_length[v] = length;
    }
  }
}

/* what is measured on fresh inputs, and its standard error */
static void create_estimates(basin_output *o, basin_variable *const *scales, const hsize_t *size) {
  const basin_experiment *e = o->experiment;
  for (int i = 0; i < 2 * e->estimates && !bad(o); i++) {
    const basin_symbol *symbol = observable_symbol(e, e->estimate[i / 2]);
    char name[NAME_BYTES], meaning[256];
    snprintf(name, sizeof name, "estimated_%s%s", symbol->name, i % 2 ? "_error" : "");
    snprintf(meaning, sizeof meaning,
             i % 2 ? "standard error of estimated_%s" : "%s, on fresh inputs",
             i % 2 ? symbol->name : symbol->meaning);
    o->estimate[i] = create_double(o, name, 3, scales, size, meaning, symbol->unit);
    basin_netcdf_number(o->file, o->estimate[i], "inputs", H5T_NATIVE_INT64, &e->inputs);
  }
}

/* eta t after so many steps: the sum of the step sizes taken, of a model with several the first one's */
static double flow_time(const basin_setting *setting, int64_t step) {
  double sum = 0;
  for (int i = 0; i < setting->stages && step > 0; i++) {
    const basin_stage *stage = &setting->stage[i];
    const int64_t taken = step < stage->steps ? step : stage->steps;
    sum += (double)taken * stage->eta[0];
    step -= taken;
  }
  return sum;
}

static void write_flow_time(basin_output *o) {
  const basin_experiment *e = o->experiment;
  basin_variable *const scales[2] = {o->cell, o->time};
  const hsize_t size[2] = {(hsize_t)o->extent.cells, (hsize_t)o->extent.times};
  basin_variable *v = create_double(
      o, "eta_t", 2, scales, size,
      "flow time: sum of the step sizes up to the step, of the model's first where it has several; "
      "of a trial with halvings h the 2^h-th part",
      "1");
  double *row = calloc(size[1] + 1, sizeof *row);
  if (!row) basin_netcdf_fail(o->file);
  for (hsize_t c = 0; c < size[0] && !bad(o); c++) {
    const basin_setting *setting = &e->cell[o->extent.first_cell + (int64_t)c].setting;
    const hsize_t start[2] = {c, 0}, block[2] = {1, size[1]};
    for (hsize_t t = 0; t < size[1]; t++) row[t] = flow_time(setting, e->time[t]);
    basin_netcdf_write(o->file, v, start, block, row);
  }
  free(row);
}

static void create_trajectories(basin_output *o, hsize_t cells) {
  const basin_experiment *e = o->experiment;
  basin_variable *const scales[3] = {o->cell, o->recorded, o->time};
  const hsize_t size[3] = {cells, (hsize_t)o->extent.recorded, (hsize_t)o->extent.times};
  write_flow_time(o);
  for (int i = 0; i < e->observables && !bad(o); i++) {
    const basin_symbol *symbol = observable_symbol(e, e->observable[i]);
    o->record[i] = create_double(o, e->observable[i], 3, scales, size, symbol->meaning,
                                 symbol->unit);
  }
  create_estimates(o, scales, size);
  if (e->keep_vectors) find_vectors(o);
  for (int v = 0; v < o->vectors && !bad(o); v++) {
    char name[NAME_BYTES], meaning[NAME_BYTES];
    snprintf(name, sizeof name, "%s_entry", o->vector_name[v]);
    basin_variable *entry = basin_netcdf_dimension(o->file, name, o->vector_length[v], NULL, 0,
                                                   "index of the entry, from 0", "1");
    basin_variable *const all_scales[4] = {o->cell, o->recorded, o->time, entry};
    const hsize_t all_size[4] = {size[0], size[1], size[2], (hsize_t)o->vector_length[v]};
    snprintf(name, sizeof name, "vector_%s", o->vector_name[v]);
    snprintf(meaning, sizeof meaning, "entries of %s", o->vector_name[v]);
    o->vector[v] = create_double(o, name, 4, all_scales, all_size, meaning, "1");
  }
}

/* whether any cell does so on divergence */
static int halves(const basin_experiment *e) {
  for (int64_t c = 0; c < e->cells; c++)
    if (e->cell[c].setting.halve) return 1;
  return 0;
}

static void create_variables(basin_output *o, const int64_t *count) {
  const basin_experiment *e = o->experiment;
  const basin_extent *x = &o->extent;
  const int64_t minus_one = -1;
  write_attributes(o);
  o->cell = basin_netcdf_dimension(o->file, "cell", x->cells, NULL, x->first_cell,
                                   "point of the grid", "1");
  o->trial = basin_netcdf_dimension(o->file, "trial", x->trials, NULL, x->first_trial,
                                    "number of the random initialisation", "1");
  if (x->recorded && x->times) {
    o->recorded = basin_netcdf_dimension(o->file, "recorded", x->recorded, NULL, x->first_trial,
                                         "number of the recorded trial", "1");
    o->time = basin_netcdf_dimension(o->file, "time", x->times, e->time, 0,
                                     "step of gradient descent", "1");
  }
  write_cells(o, count);
  name_coordinates(o);
  basin_variable *const scales[2] = {o->cell, o->trial};
  const hsize_t size[2] = {(hsize_t)x->cells, (hsize_t)x->trials};
  create_outcome(o, scales, size);
  o->steps = create(o, "steps", H5T_NATIVE_INT64, &minus_one, 2, scales, size,
                    "steps taken until the outcome", "1");
  if (halves(e)) {
    const int8_t fill = -1;
    o->halvings = create(o, "halvings", H5T_NATIVE_INT8, &fill, 2, scales, size,
                         "how often the trial diverged and began again with half the step sizes",
                         "1");
  }
  for (int i = 0; i < e->finals && !bad(o); i++) {
    char name[NAME_BYTES], meaning[256];
    const basin_symbol *symbol = observable_symbol(e, e->final[i]);
    snprintf(name, sizeof name, "final_%s", e->final[i]);
    snprintf(meaning, sizeof meaning, "%s, at the end of the trial", symbol->meaning);
    o->final[i] = create_double(o, name, 2, scales, size, meaning, symbol->unit);
  }
  if (!bad(o) && o->recorded) create_trajectories(o, size[0]);
}

static void free_output(basin_output *o) {
  free(o->final);
  free(o->record);
  free(o->estimate);
  free(o);
}

basin_status basin_output_create(const char *path, const basin_experiment *e,
                                 const basin_extent *extent, const int64_t *count, int64_t missing,
                                 basin_output **out, basin_error *error) {
  basin_output *o = calloc(1, sizeof *o);
  basin_status status = BASIN_OK;
  basin_error ignored;
  *out = NULL;
  if (!o) return basin_fail_memory(error);
  o->experiment = e;
  o->extent = *extent;
  o->final = calloc((size_t)e->finals + 1, sizeof *o->final);
  o->record = calloc((size_t)e->observables + 1, sizeof *o->record);
  o->estimate = calloc(2 * (size_t)e->estimates + 1, sizeof *o->estimate);
  if (!o->final || !o->record || !o->estimate) status = basin_fail_memory(error);
  else status = basin_netcdf_create(path, &o->file, error);
  if (status) {
    free_output(o);
    return status;
  }
  create_variables(o, count);
  if (missing) basin_netcdf_number(o->file, NULL, "trials_missing", H5T_NATIVE_INT64, &missing);
  status = basin_netcdf_status(o->file, error);
  if (!status) {
    *out = o;
    return BASIN_OK;
  }
  basin_output_close(o, &ignored);
  unlink(path);
  return status;
}

/* ---- parts ---- */

/* full vectors of one recorded trial, one recorded step after another */
static basin_status write_vectors(basin_output *o, int64_t cell, const basin_part *part, int64_t r,
                                  basin_error *error) {
  const basin_cell *c = &o->experiment->cell[cell];
  const int64_t times = o->extent.times, trial = part->first + r;
  double *all = calloc((size_t)c->setting.size.vectors + 1, sizeof *all);
  basin_status status = all ? BASIN_OK : basin_fail_memory(error);
  for (int64_t t = 0; t < times && !status; t++) {
    const double *state = part->state + (r * times + t) * c->setting.size.states;
    if (isnan(state[0])) break; /* the trial had ended */
    if (c->model->vectors(&c->setting, trial, 1, state, 0, all)) {
      status = basin_fail_memory(error);
      break;
    }
    const double *at = all;
    for (int i = 0; i < c->model->initials; i++) {
      const int64_t length = basin_vector_size(&c->setting.initial[i]);
      int v = 0;
      while (strcmp(o->vector_name[v], c->model->initial[i].name) != 0) v++;
      const hsize_t start[4] = {(hsize_t)(cell - o->extent.first_cell),
                                (hsize_t)(trial - o->extent.first_trial), (hsize_t)t, 0};
      const hsize_t size[4] = {1, 1, 1, (hsize_t)length};
      basin_netcdf_write(o->file, o->vector[v], start, size, at);
      at += length;
    }
  }
  free(all);
  return status;
}

/* none are made in a cell that does not ask for them */
static basin_status write_halvings(basin_output *o, const hsize_t *start, const hsize_t *size,
                                   const int8_t *halvings, basin_error *error) {
  int8_t *none = halvings ? NULL : calloc((size_t)size[1], sizeof *none);
  if (!halvings && !none) return basin_fail_memory(error);
  basin_netcdf_write(o->file, o->halvings, start, size, none ? none : halvings);
  free(none);
  return BASIN_OK;
}

/* trajectories of the part's recorded trials from `from` to before `to` */
static basin_status write_records(basin_output *o, int64_t cell, const basin_part *part,
                                  int64_t from, int64_t to, basin_error *error) {
  const basin_experiment *e = o->experiment;
  const int64_t times = o->extent.times, all = part->recorded * times;
  const hsize_t start[3] = {(hsize_t)(cell - o->extent.first_cell),
                            (hsize_t)(part->first + from - o->extent.first_trial), 0};
  const hsize_t size[3] = {1, (hsize_t)(to - from), (hsize_t)times};
  basin_status status = BASIN_OK;
  for (int i = 0; i < e->observables; i++)
    basin_netcdf_write(o->file, o->record[i], start, size, part->record + i * all + from * times);
  for (int i = 0; i < 2 * e->estimates; i++)
    basin_netcdf_write(o->file, o->estimate[i], start, size,
                       part->estimate + i * all + from * times);
  for (int64_t r = from; r < to && e->keep_vectors && !status; r++)
    status = write_vectors(o, cell, part, r, error);
  return status;
}

basin_status basin_output_write(basin_output *o, int64_t cell, const basin_part *part,
                                int64_t limit, basin_error *error) {
  const basin_experiment *e = o->experiment;
  if (cell != o->cell_now) o->reached = 0;
  o->cell_now = cell;

  /* trials of the part: those before are written */
  const int64_t from = o->reached > part->first ? o->reached - part->first : 0,
                to = part->first + part->count <= limit ? part->count : limit - part->first,
                recorded = part->recorded < to ? part->recorded : to;
  basin_status status = BASIN_OK;
  if (to <= from) return BASIN_OK;
  o->reached = part->first + to;
  const hsize_t start[2] = {(hsize_t)(cell - o->extent.first_cell),
                            (hsize_t)(part->first + from - o->extent.first_trial)};
  const hsize_t size[2] = {1, (hsize_t)(to - from)};
  basin_netcdf_write(o->file, o->outcome, start, size, part->outcome + from);
  basin_netcdf_write(o->file, o->steps, start, size, part->steps + from);
  if (o->halvings)
    status = write_halvings(o, start, size, part->halvings ? part->halvings + from : NULL, error);
  for (int i = 0; i < e->finals; i++)
    basin_netcdf_write(o->file, o->final[i], start, size, part->final + i * part->count + from);
  if (recorded > from && o->extent.times > 0 && !status)
    status = write_records(o, cell, part, from, recorded, error);
  return status ? status : basin_netcdf_status(o->file, error);
}

basin_status basin_output_provenance(basin_output *o, const char *name, const char *text,
                                     basin_error *error) {
  basin_netcdf_group_text(o->file, "provenance", name, text);
  return basin_netcdf_status(o->file, error);
}

basin_status basin_output_close(basin_output *o, basin_error *error) {
  const basin_status status = basin_netcdf_close(o->file, error);
  free_output(o);
  return status;
}

double basin_output_bytes(const basin_experiment *e, const basin_extent *x) {
  const double trials = (double)x->cells * (double)x->trials;
  double vectors = 0, entries = 0;
  for (int64_t c = x->first_cell; c < x->first_cell + x->cells && e->keep_vectors; c++) {
    const double size = (double)e->cell[c].setting.size.vectors;
    if (size > entries) entries = size;
  }
  vectors = (double)x->cells * (double)x->recorded * (double)x->times * entries;
  const double flow_times = x->recorded ? (double)x->cells * (double)x->times : 0;
  const double checksums = 8 * (double)x->cells *
                           (double)(4 + e->finals + e->observables + 2 * e->estimates);
  return 65536 + 8 * (double)x->trials + checksums + trials * (1 + 8 + 8 * (double)e->finals) +
         8 * (vectors + flow_times +
              (double)x->cells * (double)x->recorded * (double)x->times *
                  (double)(e->observables + 2 * e->estimates));
}
