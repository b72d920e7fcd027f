/* SPDX-License-Identifier: MIT */
#include "output.h"
#include "hdf5_util.h"
#include <fcntl.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  VECTORS_MAX = 16,
  NAME_BYTES = 96,
  COORDINATES_BYTES = 4096,
  COMPACT_MAX = 4096 /* links and attributes kept in the object's header, which has a checksum */
};

struct basin_output {
  const basin_experiment *experiment;
  basin_extent extent;
  char *path;
  hid_t file;
  int bad; /* set by the first HDF5 call that failed, so that a run of calls is checked once */
  char coordinates[COORDINATES_BYTES]; /* names of the variables that tell what a cell is */
  hid_t cell, trial, recorded, time;   /* dimension scales */

  hid_t outcome, steps, *final, *record, *estimate; /* estimate: [2 estimates], the errors too */
  hid_t halvings;                                   /* 0 where no cell asks for them */
  int vectors;                                      /* full vectors, by name over all models */
  const char *vector_name[VECTORS_MAX];
  int64_t vector_length[VECTORS_MAX]; /* the longest of any cell */
  hid_t vector[VECTORS_MAX], entry[VECTORS_MAX];
};

/* ---- attributes ---- */

static void check(basin_output *o, int failed) {
  if (failed) o->bad = 1;
}

static void attribute(basin_output *o, hid_t object, const char *name, hid_t type, hid_t space,
                      const void *value) {
  const hid_t id = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  check(o, id < 0 || H5Awrite(id, type, value) < 0);
  if (id >= 0) H5Aclose(id);
}

/* text of fixed length: it lies inside the object's checksummed header, text of variable length does not */
static void attribute_text(basin_output *o, hid_t object, const char *name, const char *text) {
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  check(o, H5Tset_size(type, strlen(text) + 1) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0);
  attribute(o, object, name, type, space, text);
  H5Sclose(space);
  H5Tclose(type);
}

static void attribute_scalar(basin_output *o, hid_t object, const char *name, hid_t type,
                             const void *value) {
  const hid_t space = H5Screate(H5S_SCALAR);
  attribute(o, object, name, type, space, value);
  H5Sclose(space);
}

/* ---- datasets ---- */

/* a variable over dimensions given by their scales; scale: it is itself one */
static hid_t variable(basin_output *o, const char *name, hid_t type, const void *fill, int rank,
                      const hid_t *scales, const hsize_t *size, const char *long_name,
                      const char *units) {
  const hid_t space = H5Screate_simple(rank, size, NULL), create = H5Pcreate(H5P_DATASET_CREATE);
  check(o, H5Pset_obj_track_times(create, 0) < 0);
  check(o, H5Pset_attr_creation_order(create, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) < 0);
  check(o, H5Pset_attr_phase_change(create, COMPACT_MAX, 0) < 0);

  if (fill) check(o, H5Pset_fill_value(create, type, fill) < 0);
  const hid_t id = H5Dcreate2(o->file, name, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
  check(o, id < 0);
  H5Pclose(create);
  H5Sclose(space);
  if (id < 0) return id;
  if (long_name) attribute_text(o, id, "long_name", long_name);
  if (units) attribute_text(o, id, "units", units);
  for (int i = 0; scales && i < rank; i++)
    check(o, H5DSattach_scale(id, scales[i], (unsigned)i) < 0);
  if (scales && rank == 2) attribute_text(o, id, "coordinates", o->coordinates);
  if (scales && rank > 2) {
    char all[COORDINATES_BYTES + 8];
    snprintf(all, sizeof all, "%s eta_t", o->coordinates);
    attribute_text(o, id, "coordinates", all);
  }
  return id;
}

/* a dimension with its coordinate values */
static hid_t dimension(basin_output *o, const char *name, int64_t size, const int64_t *value,
                       int64_t first, const char *long_name, const char *units) {
  const hsize_t n = (hsize_t)size;
  const hid_t id = variable(o, name, H5T_NATIVE_INT64, NULL, 1, NULL, &n, long_name, units);
  check(o, id < 0 || H5DSset_scale(id, name) < 0);
  int64_t block[1024];
  for (int64_t at = 0; at < size && !o->bad; at += 1024) {
    const hsize_t start = (hsize_t)at, count = (hsize_t)(size - at < 1024 ? size - at : 1024);
    for (hsize_t i = 0; i < count; i++)
      block[i] = value ? value[start + i] : first + (int64_t)(start + i);
    const hid_t memory = H5Screate_simple(1, &count, NULL), disk = H5Dget_space(id);
    check(o, H5Sselect_hyperslab(disk, H5S_SELECT_SET, &start, NULL, &count, NULL) < 0);
    check(o, H5Dwrite(id, H5T_NATIVE_INT64, memory, disk, H5P_DEFAULT, block) < 0);
    H5Sclose(disk);
    H5Sclose(memory);
  }
  return id;
}

static void write_whole(basin_output *o, hid_t id, hid_t type, const void *value) {
  check(o, id < 0 || H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) < 0);
  if (id >= 0) H5Dclose(id);
}

/* write a block that begins at `start`; memory holds rows of `stride` doubles of which size[last] are used */
static void write_block(basin_output *o, hid_t id, hid_t type, int rank, const hsize_t *start,
                        const hsize_t *size, const void *value) {
  const hid_t memory = H5Screate_simple(rank, size, NULL), disk = H5Dget_space(id);
  check(o, H5Sselect_hyperslab(disk, H5S_SELECT_SET, start, NULL, size, NULL) < 0);
  check(o, H5Dwrite(id, type, memory, disk, H5P_DEFAULT, value) < 0);
  H5Sclose(disk);
  H5Sclose(memory);
}

/* a number per cell; whole numbers are stored as such */
static void cell_number(basin_output *o, const char *name, const double *value,
                        const char *long_name) {
  const int64_t n = o->extent.cells;
  const hsize_t size = (hsize_t)n;
  int whole = 1;
  for (int64_t i = 0; i < n; i++) whole &= value[i] == floor(value[i]) && fabs(value[i]) < 0x1p53;
  int64_t *integer = calloc((size_t)n + 1, sizeof *integer);
  if (!integer) {
    o->bad = 1;
    return;
  }
  for (int64_t i = 0; i < n && whole; i++) integer[i] = (int64_t)value[i];
  const hid_t type = whole ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE;
  const hid_t id = variable(o, name, type, NULL, 1, &o->cell, &size, long_name, "1");
  write_whole(o, id, type, whole ? (const void *)integer : value);
  free(integer);
}

/* a text per cell, of variable length: the only kind of text that every reader takes in a variable */
static void cell_text(basin_output *o, const char *name, const char **value,
                      const char *long_name) {
  const hsize_t size = (hsize_t)o->extent.cells;
  const hid_t type = H5Tcopy(H5T_C_S1);
  check(o, H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0);

  const hid_t id = variable(o, name, type, NULL, 1, &o->cell, &size, long_name, NULL);
  write_whole(o, id, type, value);
  H5Tclose(type);
}

/* ---- the file's variables ---- */

/* whether any cell's steps are matrix products: not with mini-batches */
static int has_products(const basin_experiment *e) {
  for (int64_t c = 0; c < e->cells; c++)
    if (e->cell[c].setting.gradient.dynamics == BASIN_FIXED && !e->cell[c].setting.gradient.batch)
      return 1;
  return 0;
}

static void write_attributes(basin_output *o) {
  const basin_experiment *e = o->experiment;
  const int64_t axes = e->axes;
  attribute_text(o, o->file, "title", e->title);
  attribute_text(o, o->file, "Conventions", "CF-1.8");
  attribute_text(o, o->file, "source", "basin " BASIN_VERSION);
  attribute_text(o, o->file, "basin_version", BASIN_VERSION);
  attribute_text(o, o->file, "experiment", e->name);
  attribute_text(o, o->file, "experiment_yaml", e->text);
  attribute_text(o, o->file, "experiment_set", e->overrides);
  attribute_scalar(o, o->file, "seed", H5T_NATIVE_UINT64, &e->seed);
  attribute_scalar(o, o->file, "identity", H5T_NATIVE_UINT64, &e->identity);
  attribute_scalar(o, o->file, "trials", H5T_NATIVE_INT64, &e->trials);
  attribute_scalar(o, o->file, "grid_parameters", H5T_NATIVE_INT64, &axes);
  attribute_scalar(o, o->file, "until_halfwidth", H5T_NATIVE_DOUBLE, &e->halfwidth);
  attribute_scalar(o, o->file, "until_max_trials", H5T_NATIVE_INT64, &e->max_trials);
  attribute_scalar(o, o->file, "allow_unresolved", H5T_NATIVE_DOUBLE, &e->allow_unresolved);
  attribute_scalar(o, o->file, "allow_diverged", H5T_NATIVE_DOUBLE, &e->allow_diverged);
  if (has_products(e))
    attribute_text(o, o->file, "bits",
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
  o->bad |= !number || !names;
  for (hsize_t i = 0; i < size && !o->bad; i++)
    number[i] = (int8_t)e->cell[o->extent.first_cell + (int64_t)i].variant;
  for (int v = 0; v < e->variants && !o->bad; v++) strcat(strcat(names, e->variant[v]), "\n");
  if (!o->bad) {
    const hid_t id = variable(o, "variant_number", H5T_NATIVE_INT8, NULL, 1, &o->cell, &size,
                              "number of the variant, a line of the attribute `names`", "1");
    if (!o->bad) attribute_text(o, id, "names", names);
    write_whole(o, id, H5T_NATIVE_INT8, number);
  }
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
  o->bad |= !value || !text || !draw;
  for (int64_t i = 0; i < n && !o->bad; i++)
    text[i] = cell[i].variant < 0 ? "" : e->variant[cell[i].variant];
  if (!o->bad && e->variants)
    cell_text(o, "variant", text, "alternative setting of the experiment");
  if (!o->bad && e->variants) write_variant_numbers(o);

  for (int64_t i = 0; i < n && !o->bad; i++) text[i] = cell[i].model->name;
  if (!o->bad) cell_text(o, "model", text, "model");
  const char *column[BASIN_COLUMNS_MAX];
  const int columns = basin_experiment_columns(e, column);
  for (int p = 0; p < columns && !o->bad; p++) {
    for (int64_t i = 0; i < n; i++)
      value[i] = basin_experiment_column(e, o->extent.first_cell + i, p, column[p]);
    const int known = basin_symbol_find(cell[0].model->parameter, cell[0].model->parameters,
                                        column[p]);
    cell_number(o, column[p], value,
                known < 0 ? "grid parameter" : cell[0].model->parameter[known].meaning);
  }
  for (int64_t i = 0; i < n && !o->bad; i++)
    value[i] = (double)count[i], draw[i] = cell[i].identity;
  if (!o->bad) cell_number(o, "trials", value, "number of trials run");
  if (!o->bad)
    write_whole(o,
                variable(o, "draw", H5T_NATIVE_UINT64, NULL, 1, &o->cell, &size,
                         "identity of the random draws: cells with the same value share them", "1"),
                H5T_NATIVE_UINT64, draw);
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

static void create_outcome(basin_output *o, const hid_t *scales, const hsize_t *size) {
  int8_t value[BASIN_OUTCOMES];
  const int8_t fill = -1;
  const hsize_t n = BASIN_OUTCOMES;
  char meanings[256] = "";
  for (int i = 0; i < BASIN_OUTCOMES; i++) {
    value[i] = (int8_t)i;
    snprintf(meanings + strlen(meanings), sizeof meanings - strlen(meanings), "%s%s", i ? " " : "",
             basin_outcome_name(i));
  }
  o->outcome = variable(o, "outcome", H5T_NATIVE_INT8, &fill, 2, scales, size,
                        "how the trial ended", "1");
  if (o->bad) return;
  const hid_t space = H5Screate_simple(1, &n, NULL);
  attribute_scalar(o, o->outcome, "_FillValue", H5T_NATIVE_INT8, &fill);
  attribute(o, o->outcome, "flag_values", H5T_NATIVE_INT8, space, value);
  attribute_text(o, o->outcome, "flag_meanings", meanings);
  H5Sclose(space);
}

static hid_t create_double(basin_output *o, const char *name, int rank, const hid_t *scales,
                           const hsize_t *size, const char *long_name, const char *units) {
  const double fill = NAN;
  const hid_t id = variable(o, name, H5T_NATIVE_DOUBLE, &fill, rank, scales, size, long_name,
                            units);
  if (!o->bad) attribute_scalar(o, id, "_FillValue", H5T_NATIVE_DOUBLE, &fill);
  return id;
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
static void create_estimates(basin_output *o, const hid_t *scales, const hsize_t *size) {
  const basin_experiment *e = o->experiment;
  for (int i = 0; i < 2 * e->estimates && !o->bad; i++) {
    const basin_symbol *symbol = observable_symbol(e, e->estimate[i / 2]);
    char name[NAME_BYTES], meaning[256];
    snprintf(name, sizeof name, "estimated_%s%s", symbol->name, i % 2 ? "_error" : "");
    snprintf(meaning, sizeof meaning,
             i % 2 ? "standard error of estimated_%s" : "%s, on fresh inputs",
             i % 2 ? symbol->name : symbol->meaning);
    o->estimate[i] = create_double(o, name, 3, scales, size, meaning, symbol->unit);
    if (!o->bad) attribute_scalar(o, o->estimate[i], "inputs", H5T_NATIVE_INT64, &e->inputs);
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
  const hid_t scales[2] = {o->cell, o->time};
  const hsize_t size[2] = {(hsize_t)o->extent.cells, (hsize_t)o->extent.times};
  const hid_t id = create_double(
      o, "eta_t", 2, scales, size,
      "flow time: sum of the step sizes up to the step, of the model's first where it has several; "
      "of a trial with halvings h the 2^h-th part",
      "1");
  double *row = calloc(size[1] + 1, sizeof *row);
  check(o, !row);
  for (hsize_t c = 0; c < size[0] && !o->bad; c++) {
    const basin_setting *setting = &e->cell[o->extent.first_cell + (int64_t)c].setting;
    const hsize_t start[2] = {c, 0}, block[2] = {1, size[1]};
    for (hsize_t t = 0; t < size[1]; t++) row[t] = flow_time(setting, e->time[t]);
    write_block(o, id, H5T_NATIVE_DOUBLE, 2, start, block, row);
  }
  if (id >= 0) H5Dclose(id);
  free(row);
}

static void create_trajectories(basin_output *o, hsize_t cells) {
  const basin_experiment *e = o->experiment;
  const hid_t scales[4] = {o->cell, o->recorded, o->time, 0};
  const hsize_t size[4] = {cells, (hsize_t)o->extent.recorded, (hsize_t)o->extent.times, 0};
  write_flow_time(o);
  for (int i = 0; i < e->observables && !o->bad; i++) {
    const basin_symbol *symbol = observable_symbol(e, e->observable[i]);
    o->record[i] = create_double(o, e->observable[i], 3, scales, size, symbol->meaning,
                                 symbol->unit);
  }
  create_estimates(o, scales, size);
  if (e->keep_vectors) find_vectors(o);
  for (int v = 0; v < o->vectors && !o->bad; v++) {
    char name[NAME_BYTES], meaning[NAME_BYTES];
    snprintf(name, sizeof name, "%s_entry", o->vector_name[v]);
    o->entry[v] = dimension(o, name, o->vector_length[v], NULL, 0, "index of the entry, from 0",
                            "1");
    const hid_t all_scales[4] = {o->cell, o->recorded, o->time, o->entry[v]};
    const hsize_t all_size[4] = {size[0], size[1], size[2], (hsize_t)o->vector_length[v]};
    snprintf(name, sizeof name, "vector_%s", o->vector_name[v]);
    snprintf(meaning, sizeof meaning, "entries of %s", o->vector_name[v]);
    if (!o->bad) o->vector[v] = create_double(o, name, 4, all_scales, all_size, meaning, "1");
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
  o->cell = dimension(o, "cell", x->cells, NULL, x->first_cell, "point of the grid", "1");
  o->trial = dimension(o, "trial", x->trials, NULL, x->first_trial,
                       "number of the random initialisation", "1");
  if (x->recorded && x->times) {
    o->recorded = dimension(o, "recorded", x->recorded, NULL, x->first_trial,
                            "number of the recorded trial", "1");
    o->time = dimension(o, "time", x->times, e->time, 0, "step of gradient descent", "1");
  }
  if (!o->bad) write_cells(o, count);
  name_coordinates(o);
  const hid_t scales[2] = {o->cell, o->trial};
  const hsize_t size[2] = {(hsize_t)x->cells, (hsize_t)x->trials};
  if (!o->bad) create_outcome(o, scales, size);
  if (!o->bad) {
    o->steps = variable(o, "steps", H5T_NATIVE_INT64, &minus_one, 2, scales, size,
                        "steps taken until the outcome", "1");
    attribute_scalar(o, o->steps, "_FillValue", H5T_NATIVE_INT64, &minus_one);
  }
  if (!o->bad && halves(e)) {
    const int8_t fill = -1;
    o->halvings = variable(o, "halvings", H5T_NATIVE_INT8, &fill, 2, scales, size,
                           "how often the trial diverged and began again with half the step sizes",
                           "1");
    attribute_scalar(o, o->halvings, "_FillValue", H5T_NATIVE_INT8, &fill);
  }
  for (int i = 0; i < e->finals && !o->bad; i++) {
    char name[NAME_BYTES], meaning[256];
    const basin_symbol *symbol = observable_symbol(e, e->final[i]);
    snprintf(name, sizeof name, "final_%s", e->final[i]);
    snprintf(meaning, sizeof meaning, "%s, at the end of the trial", symbol->meaning);
    o->final[i] = create_double(o, name, 2, scales, size, meaning, symbol->unit);
  }
  if (!o->bad && o->recorded) create_trajectories(o, size[0]);
}

static void close_all(basin_output *o) {
  const basin_experiment *e = o->experiment;
  const hid_t single[] = {o->cell,    o->trial, o->recorded, o->time,
                          o->outcome, o->steps, o->halvings};
  for (size_t i = 0; i < sizeof single / sizeof *single; i++)
    if (single[i] > 0) H5Dclose(single[i]);
  for (int i = 0; o->final && i < e->finals; i++)
    if (o->final[i] > 0) H5Dclose(o->final[i]);
  for (int i = 0; o->record && i < e->observables; i++)
    if (o->record[i] > 0) H5Dclose(o->record[i]);
  for (int i = 0; o->estimate && i < 2 * e->estimates; i++)
    if (o->estimate[i] > 0) H5Dclose(o->estimate[i]);
  for (int i = 0; i < o->vectors; i++) {
    if (o->vector[i] > 0) H5Dclose(o->vector[i]);
    if (o->entry[i] > 0) H5Dclose(o->entry[i]);
  }
  if (o->file > 0) check(o, H5Fclose(o->file) < 0);
  o->file = 0;
}

static void free_output(basin_output *o) {
  free(o->final);
  free(o->record);
  free(o->estimate);
  free(o->path);
  free(o);
}

basin_status basin_output_create(const char *path, const basin_experiment *e,
                                 const basin_extent *extent, const int64_t *count, int64_t missing,
                                 basin_output **out, basin_error *error) {
  basin_output *o = calloc(1, sizeof *o);
  *out = NULL;
  if (!o) return basin_fail_memory(error);
  o->experiment = e;
  o->extent = *extent;
  o->path = strdup(path);
  o->final = calloc((size_t)e->finals + 1, sizeof *o->final);
  o->record = calloc((size_t)e->observables + 1, sizeof *o->record);
  o->estimate = calloc(2 * (size_t)e->estimates + 1, sizeof *o->estimate);
  if (!o->path || !o->final || !o->record || !o->estimate) {
    free_output(o);
    return basin_fail_memory(error);
  }
  const int made = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (made < 0) {
    free_output(o);
    return basin_fail_system(error, "cannot be made", path);
  }
  close(made);
  basin_hdf5_quiet();
  H5Eclear2(H5E_DEFAULT);
  const hid_t create = H5Pcreate(H5P_FILE_CREATE);
  const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  check(o, H5Pset_link_creation_order(create, order) < 0 ||
               H5Pset_attr_creation_order(create, order) < 0 ||
               H5Pset_obj_track_times(create, 0) < 0);
  check(o, H5Pset_link_phase_change(create, COMPACT_MAX, 0) < 0 ||
               H5Pset_attr_phase_change(create, COMPACT_MAX, 0) < 0);

  /* the format of HDF5 1.8, which every reader of today knows, has checksums on its metadata */
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  check(o, H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) < 0);
  o->file = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
  H5Pclose(access);
  H5Pclose(create);
  check(o, o->file < 0);
  if (!o->bad) create_variables(o, count);
  if (!o->bad && missing)
    attribute_scalar(o, o->file, "trials_missing", H5T_NATIVE_INT64, &missing);
  if (o->bad) {
    const basin_status status = basin_hdf5_fail(error, BASIN_FAILED, path, "cannot be written");
    close_all(o);
    free_output(o);
    return status;
  }
  *out = o;
  return BASIN_OK;
}

/* ---- parts ---- */

/* full vectors of one recorded trial, one recorded step after another */
static basin_status write_vectors(basin_output *o, int64_t cell, const basin_part *part, int64_t r,
                                  basin_error *error) {
  const basin_cell *c = &o->experiment->cell[cell];
  const int64_t times = o->extent.times, trial = part->first + r;
  double *all = calloc((size_t)c->model->vector_size(&c->setting) + 1, sizeof *all);
  basin_status status = all ? BASIN_OK : basin_fail_memory(error);
  for (int64_t t = 0; t < times && !status; t++) {
    const double *state = part->state + (r * times + t) * basin_states(c->model, &c->setting);
    if (isnan(state[0])) break; /* the trial had ended */
    if (c->model->vectors(&c->setting, trial, state, all)) {
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
      write_block(o, o->vector[v], H5T_NATIVE_DOUBLE, 4, start, size, at);
      at += length;
    }
  }
  free(all);
  return status;
}

/* none are made in a cell that does not ask for them */
static basin_status write_halvings(basin_output *o, const hsize_t *start, const hsize_t *size,
                                   const basin_part *part, basin_error *error) {
  int8_t *none = part->halvings ? NULL : calloc((size_t)part->count, sizeof *none);
  if (!part->halvings && !none) return basin_fail_memory(error);
  write_block(o, o->halvings, H5T_NATIVE_INT8, 2, start, size, none ? none : part->halvings);
  free(none);
  return BASIN_OK;
}

basin_status basin_output_write(basin_output *o, int64_t cell, const basin_part *part,
                                int64_t limit, basin_error *error) {
  const basin_experiment *e = o->experiment;
  const int64_t kept = part->first + part->count <= limit ? part->count : limit - part->first;
  const int64_t recorded = part->recorded < kept ? part->recorded : kept;
  basin_status status = BASIN_OK;
  if (kept <= 0) return BASIN_OK;
  H5Eclear2(H5E_DEFAULT);
  const hsize_t start[3] = {(hsize_t)(cell - o->extent.first_cell),
                            (hsize_t)(part->first - o->extent.first_trial), 0};
  const hsize_t size[3] = {1, (hsize_t)kept, 0};
  write_block(o, o->outcome, H5T_NATIVE_INT8, 2, start, size, part->outcome);
  write_block(o, o->steps, H5T_NATIVE_INT64, 2, start, size, part->steps);
  if (o->halvings) status = write_halvings(o, start, size, part, error);
  for (int i = 0; i < e->finals; i++)
    write_block(o, o->final[i], H5T_NATIVE_DOUBLE, 2, start, size, part->final + i * part->count);
  if (recorded > 0 && o->extent.times > 0) {
    const hsize_t all[3] = {1, (hsize_t)recorded, (hsize_t)o->extent.times};
    for (int i = 0; i < e->observables; i++)
      write_block(o, o->record[i], H5T_NATIVE_DOUBLE, 3, start, all,
                  part->record + i * part->recorded * o->extent.times);
    for (int i = 0; i < 2 * e->estimates; i++)
      write_block(o, o->estimate[i], H5T_NATIVE_DOUBLE, 3, start, all,
                  part->estimate + i * part->recorded * o->extent.times);
    for (int64_t r = 0; r < recorded && e->keep_vectors && !status; r++)
      status = write_vectors(o, cell, part, r, error);
  }
  if (!status && o->bad)
    status = basin_hdf5_fail(error, BASIN_FAILED, o->path, "cannot be written");
  return status;
}

basin_status basin_output_provenance(basin_output *o, const char *name, const char *text,
                                     basin_error *error) {
  H5Eclear2(H5E_DEFAULT);
  hid_t group = H5Lexists(o->file, "provenance", H5P_DEFAULT) > 0
                    ? H5Gopen2(o->file, "provenance", H5P_DEFAULT)
                    : -1;
  if (group < 0) {
    const hid_t create = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_obj_track_times(create, 0);
    H5Pset_link_creation_order(create, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    group = H5Gcreate2(o->file, "provenance", H5P_DEFAULT, create, H5P_DEFAULT);
    H5Pclose(create);
  }
  check(o, group < 0);
  if (!o->bad && name) attribute_text(o, group, name, text);
  if (group >= 0) H5Gclose(group);
  return o->bad ? basin_hdf5_fail(error, BASIN_FAILED, o->path, "cannot be written") : BASIN_OK;
}

basin_status basin_output_close(basin_output *o, basin_error *error) {
  basin_status status = BASIN_OK;
  H5Eclear2(H5E_DEFAULT);
  const int was_bad = o->bad;
  close_all(o);
  if (o->bad)
    status = was_bad ? BASIN_FAILED
                     : basin_hdf5_fail(error, BASIN_FAILED, o->path, "cannot be written");
  if (!status) {
    const int file = open(o->path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fsync(file)) status = basin_fail_system(error, "cannot be synced", o->path);
    if (file >= 0) close(file);
  }
  free_output(o);
  return status;
}

double basin_output_bytes(const basin_experiment *e, const basin_extent *x) {
  const double trials = (double)x->cells * (double)x->trials;
  double vectors = 0, entries = 0;
  for (int64_t c = x->first_cell; c < x->first_cell + x->cells && e->keep_vectors; c++) {
    const double size = (double)e->cell[c].model->vector_size(&e->cell[c].setting);
    if (size > entries) entries = size;
  }
  vectors = (double)x->cells * (double)x->recorded * (double)x->times * entries;
  const double flow_times = x->recorded ? (double)x->cells * (double)x->times : 0;
  return 65536 + 8 * (double)x->trials + trials * (1 + 8 + 8 * (double)e->finals) +
         8 * (vectors + flow_times +
              (double)x->cells * (double)x->recorded * (double)x->times *
                  (double)(e->observables + 2 * e->estimates));
}
