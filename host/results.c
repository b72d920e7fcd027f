/* SPDX-License-Identifier: MIT */
#include "results.h"
#include "files.h"
#include "hdf5_util.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 128, TEXT_BYTES_MAX = 32 << 20, BLOCK_TRIALS = 65536, RADIX_BITS = 16 };

struct basin_results {
  char *path;
  hid_t file;
  char *title, *experiment, *version;
  uint64_t seed, identity;
  int64_t trials_asked, max_trials;
  double halfwidth;
  int64_t cells, trials; /* sizes of the dimensions */
  int64_t recorded, times, *time;
  int64_t *count;       /* [cells] trials run */
  int64_t missing;      /* trials of a partial file that are not there: anywhere, as outcome -1 */
  uint64_t *draw;       /* [cells] */
  char *variant_names;  /* a line each */
  const char **variant; /* [cells] into variant_names, or NULL */
  int parameters, axes;
  char *parameter_name[NAMES_MAX];
  double *parameter; /* [cells][parameters] */
  int observables;
  char *observable[NAMES_MAX];
};

/* ---- pieces of a file ---- */

/* a scalar attribute converted to the type; 0 where it is not there or of another class */
static int read_attribute(const basin_results *r, const char *name, hid_t type, void *value) {
  const hid_t id = H5Aexists(r->file, name) > 0 ? H5Aopen(r->file, name, H5P_DEFAULT)
                                                : H5I_INVALID_HID;
  if (id < 0) return 0;
  const hid_t space = H5Aget_space(id), stored = H5Aget_type(id);
  const int ok = H5Sget_simple_extent_npoints(space) == 1 &&
                 H5Tget_class(stored) == H5Tget_class(type) && H5Aread(id, type, value) >= 0;
  H5Tclose(stored);
  H5Sclose(space);
  H5Aclose(id);
  return ok;
}

/* text of fixed length of a scalar attribute, allocated; NULL where it is not there */
static char *read_text_of(hid_t object, const char *name) {
  char *text = NULL;
  if (H5Aexists(object, name) <= 0) return NULL;
  const hid_t id = H5Aopen(object, name, H5P_DEFAULT);
  if (id < 0) return NULL;
  const hid_t stored = H5Aget_type(id), space = H5Aget_space(id);
  const size_t size = H5Tget_size(stored);
  if (H5Tget_class(stored) == H5T_STRING && H5Tis_variable_str(stored) == 0 &&
      H5Sget_simple_extent_npoints(space) == 1 && size < TEXT_BYTES_MAX &&
      (text = calloc(1, size + 1)) && H5Aread(id, stored, text) < 0) {
    free(text);
    text = NULL;
  }
  H5Sclose(space);
  H5Tclose(stored);
  H5Aclose(id);
  return text;
}

/* whether the values are in this very file: what leads to others may lead anywhere, to a pipe too */
static int is_within(const basin_results *r, const char *name) {
  H5L_info_t info;
  return H5Lget_info(r->file, name, &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
}

static int keeps_its_values(hid_t id) {
  const hid_t made = H5Dget_create_plist(id);
  const int ok = H5Pget_external_count(made) == 0 && H5Pget_layout(made) != H5D_VIRTUAL;
  H5Pclose(made);
  return ok;
}

/* open a dataset if it has the rank and sizes (size < 0: any, filled in) and class */
static hid_t open_variable(const basin_results *r, const char *name, int rank, int64_t *size,
                           H5T_class_t class) {
  hsize_t have[4] = {0};
  if (!is_within(r, name)) return H5I_INVALID_HID;
  const hid_t id = H5Dopen2(r->file, name, H5P_DEFAULT);
  if (id < 0) return id;
  const hid_t space = H5Dget_space(id), type = H5Dget_type(id);
  int ok = H5Sget_simple_extent_ndims(space) == rank && H5Tget_class(type) == class &&
           keeps_its_values(id);
  if (ok) H5Sget_simple_extent_dims(space, have, NULL);
  for (int i = 0; i < rank && ok; i++) {
    if (size[i] < 0) size[i] = (int64_t)have[i];
    ok = size[i] == (int64_t)have[i];
  }
  H5Tclose(type);
  H5Sclose(space);
  if (ok) return id;
  H5Dclose(id);
  return H5I_INVALID_HID;
}

/* a whole one-dimensional variable of the known length; 0 on failure */
static int read_variable(const basin_results *r, const char *name, int64_t length,
                         H5T_class_t class, hid_t type, void *value) {
  const hid_t id = open_variable(r, name, 1, &length, class);
  if (id < 0) return 0;
  const int ok = H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0;
  H5Dclose(id);
  return ok;
}

static int read_block(hid_t id, hid_t type, int rank, const hsize_t *start, const hsize_t *count,
                      void *value) {
  const hid_t memory = H5Screate_simple(rank, count, NULL), disk = H5Dget_space(id);
  const int ok = H5Sselect_hyperslab(disk, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                 H5Dread(id, type, memory, disk, H5P_DEFAULT, value) >= 0;
  H5Sclose(disk);
  H5Sclose(memory);
  return ok;
}

/* ---- opening ---- */

/* names of the variants from `variant_number`: the text variable beside it has no checksum in HDF5 */
static int read_variants(basin_results *r) {
  int64_t length = r->cells;
  if (H5Lexists(r->file, "variant_number", H5P_DEFAULT) <= 0) return 1;
  const hid_t id = open_variable(r, "variant_number", 1, &length, H5T_INTEGER);
  if (id < 0) return 0;
  r->variant_names = read_text_of(id, "names");
  r->variant = calloc((size_t)r->cells, sizeof *r->variant);
  int8_t *number = calloc((size_t)r->cells, sizeof *number);
  int ok = r->variant_names && r->variant && number &&
           H5Dread(id, H5T_NATIVE_INT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, number) >= 0;
  H5Dclose(id);

  /* cut the list at its line ends */
  const char *name[BASIN_VARIANTS_MAX];
  int names = 0;
  for (char *at = ok ? r->variant_names : NULL, *end;
       at && (end = strchr(at, '\n')) && names < BASIN_VARIANTS_MAX; at = end + 1) {
    *end = 0;
    name[names++] = at;
  }
  for (int64_t c = 0; c < r->cells && ok; c++) {
    ok = number[c] >= 0 && number[c] < names;
    if (ok) r->variant[c] = name[number[c]];
  }
  free(number);
  return ok;
}

/* the variables on (cell) and (cell, recorded, time), in the order of the file: parameters and observables */
static herr_t see_variable(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  static const char *const not_a_parameter[] = {"cell",  "variant", "variant_number",
                                                "model", "trials",  "draw"};
  basin_results *r = context;
  int64_t one[1] = {r->cells}, three[3] = {r->cells, r->recorded, r->times};
  (void)group;
  (void)info;
  for (size_t i = 0; i < sizeof not_a_parameter / sizeof *not_a_parameter; i++)
    if (!strcmp(name, not_a_parameter[i])) return 0;
  hid_t id = open_variable(r, name, 1, one, H5T_FLOAT);
  if (id < 0) id = open_variable(r, name, 1, one, H5T_INTEGER);
  if (id >= 0) {
    /* a dimension whose length happens to be the number of cells is a scale: leave it out */
    const int scale = H5Aexists(id, "CLASS") > 0;
    if (!scale && r->parameters < NAMES_MAX) r->parameter_name[r->parameters++] = strdup(name);
    H5Dclose(id);
    return 0;
  }
  if (!r->times) return 0;
  id = open_variable(r, name, 3, three, H5T_FLOAT);
  if (id < 0) return 0;
  H5Dclose(id);
  if (r->observables < NAMES_MAX) r->observable[r->observables++] = strdup(name);
  return 0;
}

static int read_parameters(basin_results *r) {
  hsize_t at = 0;
  double *column = calloc((size_t)r->cells, sizeof *column);
  int ok = column &&
           H5Literate(r->file, H5_INDEX_CRT_ORDER, H5_ITER_INC, &at, see_variable, r) >= 0;
  r->parameter = ok ? calloc((size_t)(r->cells * (r->parameters + 1)), sizeof *r->parameter) : NULL;
  ok = ok && r->parameter;
  for (int p = 0; p < r->parameters && ok; p++) {
    ok = r->parameter_name[p] &&
         (read_variable(r, r->parameter_name[p], r->cells, H5T_INTEGER, H5T_NATIVE_DOUBLE,
                        column) ||
          read_variable(r, r->parameter_name[p], r->cells, H5T_FLOAT, H5T_NATIVE_DOUBLE, column));
    for (int64_t c = 0; c < r->cells && ok; c++) r->parameter[c * r->parameters + p] = column[c];
  }
  free(column);
  return ok;
}

static int read_all(basin_results *r) {
  int64_t any[3] = {-1, -1, -1}, axes = 0;
  double unused;
  r->title = read_text_of(r->file, "title");
  r->experiment = read_text_of(r->file, "experiment");
  r->version = read_text_of(r->file, "basin_version");
  if (!r->title || !r->experiment || !r->version) return 0;
  if (!read_attribute(r, "seed", H5T_NATIVE_UINT64, &r->seed) ||
      !read_attribute(r, "identity", H5T_NATIVE_UINT64, &r->identity) ||
      !read_attribute(r, "trials", H5T_NATIVE_INT64, &r->trials_asked) ||
      !read_attribute(r, "grid_parameters", H5T_NATIVE_INT64, &axes) ||
      !read_attribute(r, "until_max_trials", H5T_NATIVE_INT64, &r->max_trials) ||
      !read_attribute(r, "until_halfwidth", H5T_NATIVE_DOUBLE, &r->halfwidth) ||
      !read_attribute(r, "allow_unresolved", H5T_NATIVE_DOUBLE, &unused))
    return 0;
  if (!read_attribute(r, "trials_missing", H5T_NATIVE_INT64, &r->missing)) r->missing = 0;
  const hid_t outcome = open_variable(r, "outcome", 2, any, H5T_INTEGER);
  if (outcome < 0) return 0;
  H5Dclose(outcome);
  r->cells = any[0];
  r->trials = any[1];
  if (r->cells < 1 || r->cells > BASIN_CELLS_MAX || r->trials < 1) return 0;
  const hid_t steps = open_variable(r, "steps", 2, any, H5T_INTEGER);
  if (steps < 0) return 0;
  H5Dclose(steps);

  int64_t recorded = -1, times = -1;
  const hid_t recorded_id = open_variable(r, "recorded", 1, &recorded, H5T_INTEGER);
  const hid_t time_id = open_variable(r, "time", 1, &times, H5T_INTEGER);
  if (recorded_id >= 0 && time_id >= 0 && times <= BASIN_TIMES_MAX)
    r->recorded = recorded, r->times = times;
  if (recorded_id >= 0) H5Dclose(recorded_id);
  if (time_id >= 0) H5Dclose(time_id);
  r->time = calloc((size_t)r->times + 1, sizeof *r->time);
  r->count = calloc((size_t)r->cells, sizeof *r->count);
  r->draw = calloc((size_t)r->cells, sizeof *r->draw);
  if (!r->time || !r->count || !r->draw) return 0;
  if (r->times && !read_variable(r, "time", r->times, H5T_INTEGER, H5T_NATIVE_INT64, r->time))
    return 0;
  if (!read_variable(r, "trials", r->cells, H5T_INTEGER, H5T_NATIVE_INT64, r->count)) return 0;
  if (!read_variable(r, "draw", r->cells, H5T_INTEGER, H5T_NATIVE_UINT64, r->draw)) return 0;
  for (int64_t c = 0; c < r->cells; c++)
    if (r->count[c] < 0 || r->count[c] > r->trials) return 0;
  if (!read_variants(r) || !read_parameters(r)) return 0;
  r->axes = axes >= 0 && axes <= r->parameters ? (int)axes : r->parameters;
  return 1;
}

basin_status basin_results_open(const char *path, basin_results **out, basin_error *error) {
  basin_results *r = calloc(1, sizeof *r);
  basin_status status = BASIN_OK;
  *out = NULL;
  if (!r || !(r->path = strdup(path))) {
    free(r);
    return basin_fail_memory(error);
  }
  if (basin_is_irregular(path)) { /* of a pipe HDF5 would wait for a first byte */
    basin_results_close(r);
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: a folder, a pipe, or a link that leads nowhere, expected a file", path);
  }
  basin_hdf5_quiet();
  H5Eclear2(H5E_DEFAULT);
  r->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (r->file < 0) status = basin_hdf5_fail(error, BASIN_BAD_INPUT, path, "cannot be read as HDF5");
  else if (!read_all(r))
    status = basin_fail(error, BASIN_BAD_INPUT, "%s: not an output file of basin, or damaged",
                        path);
  if (status) basin_results_close(r);
  else *out = r;
  return status;
}

void basin_results_close(basin_results *r) {
  if (!r) return;
  for (int i = 0; i < r->parameters; i++) free(r->parameter_name[i]);
  for (int i = 0; i < r->observables; i++) free(r->observable[i]);
  free(r->variant_names);

  if (r->file > 0) H5Fclose(r->file);
  free(r->variant);
  free(r->parameter);
  free(r->draw);
  free(r->count);
  free(r->time);
  free(r->version);
  free(r->experiment);
  free(r->title);
  free(r->path);
  free(r);
}

/* ---- what it holds ---- */

const char *basin_results_title(const basin_results *r) { return r->title; }
const char *basin_results_experiment(const basin_results *r) { return r->experiment; }
const char *basin_results_version(const basin_results *r) { return r->version; }
uint64_t basin_results_seed(const basin_results *r) { return r->seed; }
int64_t basin_results_cells(const basin_results *r) { return r->cells; }
int basin_results_axes(const basin_results *r) { return r->axes; }
int64_t basin_results_times(const basin_results *r) { return r->times; }
int64_t basin_results_recorded(const basin_results *r) { return r->recorded; }
const int64_t *basin_results_time(const basin_results *r) { return r->time; }
int basin_results_observables(const basin_results *r) { return r->observables; }
const char *basin_results_observable(const basin_results *r, int index) {
  return r->observable[index];
}

int64_t basin_results_missing(const basin_results *r) { return r->missing; }

uint64_t basin_results_draw(const basin_results *r, int64_t cell) { return r->draw[cell]; }

int basin_results_matches(const basin_results *r, const basin_experiment *e) {
  return r->identity == e->identity && r->trials_asked == e->trials &&
         r->halfwidth == e->halfwidth && r->max_trials == e->max_trials && r->cells == e->cells;
}

/* ---- counting ---- */

/* where the cell's trials end in the file: its first trials are there, or any in a partial one */
static int64_t reach(const basin_results *r, int64_t cell) {
  return r->missing ? r->trials : r->count[cell];
}

static basin_status unreadable(const basin_results *r, basin_error *error) {
  return basin_hdf5_fail(error, BASIN_BAD_INPUT, r->path, "cannot be read, the file is damaged");
}

/* the steps' digit of RADIX_BITS at `shift`, counted over the trials whose higher digits are `prefix` */
static int count_digits(const basin_results *r, hid_t steps, int64_t cell, int shift,
                        int64_t prefix, int64_t *bucket) {
  int64_t block[4096];
  memset(bucket, 0, sizeof *bucket << RADIX_BITS);
  for (int64_t at = 0; at < reach(r, cell); at += 4096) {
    const hsize_t start[2] = {(hsize_t)cell, (hsize_t)at};
    const hsize_t count[2] = {1,
                              (hsize_t)(reach(r, cell) - at < 4096 ? reach(r, cell) - at : 4096)};
    if (!read_block(steps, H5T_NATIVE_INT64, 2, start, count, block)) return 0;
    for (hsize_t i = 0; i < count[1]; i++)
      if (block[i] >= 0 && block[i] >> (shift + RADIX_BITS) == prefix)
        bucket[block[i] >> shift & ((1 << RADIX_BITS) - 1)]++;
  }
  return 1;
}

/* the rank-th smallest number of steps (rank from 0), by radix selection: one pass over the file per digit */
static int select_steps(const basin_results *r, hid_t steps, int64_t cell, int64_t rank,
                        int64_t *value) {
  int64_t *bucket = calloc(1 << RADIX_BITS, sizeof *bucket), prefix = 0;
  int ok = bucket != NULL;
  for (int shift = 48 - RADIX_BITS; shift >= 0 && ok; shift -= RADIX_BITS) {
    int64_t digit = 0;
    ok = count_digits(r, steps, cell, shift, prefix, bucket);
    while (ok && digit < (1 << RADIX_BITS) - 1 && rank >= bucket[digit]) rank -= bucket[digit++];
    prefix = prefix << RADIX_BITS | digit;
  }
  *value = prefix;
  free(bucket);
  return ok;
}

static int count_outcomes(const basin_results *r, hid_t outcome, int64_t cell, basin_summary *s) {
  int8_t *block = malloc(BLOCK_TRIALS);
  int64_t counted = 0;
  int ok = block != NULL;
  for (int64_t at = 0; at < reach(r, cell) && ok; at += BLOCK_TRIALS) {
    const hsize_t start[2] = {(hsize_t)cell, (hsize_t)at};
    const hsize_t count[2] = {
        1, (hsize_t)(reach(r, cell) - at < BLOCK_TRIALS ? reach(r, cell) - at : BLOCK_TRIALS)};
    ok = read_block(outcome, H5T_NATIVE_INT8, 2, start, count, block);
    for (hsize_t i = 0; i < count[1] && ok; i++) {
      if (block[i] == -1 && r->missing) continue;
      ok = block[i] >= 0 && block[i] < BASIN_OUTCOMES;
      if (ok) s->outcomes[block[i]]++, counted++;
    }
  }
  free(block);
  return ok && counted == r->count[cell];
}

static int count_steps(const basin_results *r, hid_t steps, int64_t cell, basin_summary *s) {
  int64_t *block = malloc(BLOCK_TRIALS * sizeof *block), low, high;
  double sum = 0;
  int ok = block != NULL;
  for (int64_t at = 0; at < reach(r, cell) && ok; at += BLOCK_TRIALS) {
    const hsize_t start[2] = {(hsize_t)cell, (hsize_t)at};
    const hsize_t count[2] = {
        1, (hsize_t)(reach(r, cell) - at < BLOCK_TRIALS ? reach(r, cell) - at : BLOCK_TRIALS)};
    ok = read_block(steps, H5T_NATIVE_INT64, 2, start, count, block);
    for (hsize_t i = 0; i < count[1] && ok; i++) {
      if (block[i] == -1 && r->missing) continue;
      ok = block[i] >= 0 && block[i] <= BASIN_STEPS_MAX;
      sum += (double)block[i];
      if (block[i] > s->steps_max) s->steps_max = block[i];
    }
  }
  free(block);
  const int64_t n = r->count[cell];
  if (!ok || !n) return ok;
  s->steps_mean = sum / (double)n;
  ok = select_steps(r, steps, cell, (n - 1) / 2, &low);
  high = low;
  if (ok && n % 2 == 0) ok = select_steps(r, steps, cell, n / 2, &high);
  s->steps_median = ((double)low + (double)high) / 2;
  return ok;
}

/* the trials that have begun again with half the step sizes; the variable is there where any cell asks for it */
static int count_halved(const basin_results *r, int64_t cell, basin_summary *s) {
  int64_t size[2] = {r->cells, r->trials};
  s->halved = -1;
  if (H5Lexists(r->file, "halvings", H5P_DEFAULT) <= 0) return 1;
  const hid_t id = open_variable(r, "halvings", 2, size, H5T_INTEGER);
  int8_t *block = malloc(BLOCK_TRIALS);
  int ok = block && id >= 0;
  s->halved = 0;
  for (int64_t at = 0; at < reach(r, cell) && ok; at += BLOCK_TRIALS) {
    const hsize_t start[2] = {(hsize_t)cell, (hsize_t)at};
    const hsize_t count[2] = {
        1, (hsize_t)(reach(r, cell) - at < BLOCK_TRIALS ? reach(r, cell) - at : BLOCK_TRIALS)};
    ok = read_block(id, H5T_NATIVE_INT8, 2, start, count, block);
    for (hsize_t i = 0; i < count[1] && ok; i++) s->halved += block[i] > 0;
  }
  if (id >= 0) H5Dclose(id);
  free(block);
  return ok;
}

basin_status basin_results_summary(basin_results *r, int64_t cell, basin_summary *s,
                                   basin_error *error) {
  int64_t size[2] = {r->cells, r->trials};
  if (cell < 0 || cell >= r->cells)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: no cell %lld, expected 0 to %lld", r->path,
                      (long long)cell, (long long)r->cells - 1);
  *s = (basin_summary){.index = cell,
                       .variant = r->variant ? r->variant[cell] : "",
                       .parameters = r->parameters,
                       .parameter_name = (const char *const *)r->parameter_name,
                       .parameter = r->parameter + cell * r->parameters,
                       .trials = r->count[cell],
                       .steps_median = NAN,
                       .steps_mean = NAN};
  H5Eclear2(H5E_DEFAULT);
  const hid_t outcome = open_variable(r, "outcome", 2, size, H5T_INTEGER);
  const hid_t steps = open_variable(r, "steps", 2, size, H5T_INTEGER);
  const int ok = outcome >= 0 && steps >= 0 && count_outcomes(r, outcome, cell, s) &&
                 count_steps(r, steps, cell, s) && count_halved(r, cell, s);
  if (outcome >= 0) H5Dclose(outcome);
  if (steps >= 0) H5Dclose(steps);
  s->success = basin_wilson(s->outcomes[BASIN_GLOBAL], s->trials);
  return ok ? BASIN_OK : unreadable(r, error);
}

basin_status basin_results_draw_group(const basin_results *r, int64_t cell, int64_t **group,
                                      int64_t *count, basin_error *error) {
  *count = 0;
  *group = calloc((size_t)r->cells, sizeof **group);
  if (!*group) return basin_fail_memory(error);
  for (int64_t c = 0; c < r->cells; c++)
    if (r->draw[c] == r->draw[cell]) (*group)[(*count)++] = c;
  return BASIN_OK;
}

/* Of the draws that all of the cells ran, count[seen]: bit 0 where one of the cells is global, or, `apart`, bit i where
   cell[i] of two is. */
static basin_status count_draws(basin_results *r, const int64_t *cell, int64_t cells, int apart,
                                int64_t count[4], basin_error *error) {
  enum { MISSING = 4 };
  int64_t size[2] = {r->cells, r->trials}, end = r->trials;
  int8_t *block = malloc(BLOCK_TRIALS), *seen = malloc(BLOCK_TRIALS);
  const hid_t outcome = open_variable(r, "outcome", 2, size, H5T_INTEGER);
  int ok = block && seen && outcome >= 0;
  for (int s = 0; s < 4; s++) count[s] = 0;
  for (int64_t i = 0; i < cells; i++)
    if (reach(r, cell[i]) < end) end = reach(r, cell[i]);
  for (int64_t at = 0; at < end && ok; at += BLOCK_TRIALS) {
    const hsize_t n = (hsize_t)(end - at < BLOCK_TRIALS ? end - at : BLOCK_TRIALS),
                  extent[2] = {1, n};
    memset(seen, 0, n);
    for (int64_t i = 0; i < cells && ok; i++) {
      const hsize_t start[2] = {(hsize_t)cell[i], (hsize_t)at};
      const int8_t global = (int8_t)(apart ? 1 << i : 1);
      ok = read_block(outcome, H5T_NATIVE_INT8, 2, start, extent, block);
      for (hsize_t t = 0; t < n && ok; t++)
        seen[t] |= block[t] == BASIN_GLOBAL ? global : block[t] < 0 ? MISSING : 0;
    }
    for (hsize_t t = 0; t < n && ok; t++)
      if (seen[t] < MISSING) count[seen[t]]++;
  }
  if (outcome >= 0) H5Dclose(outcome);
  free(block);
  free(seen);
  return ok ? BASIN_OK : unreadable(r, error);
}

basin_status basin_results_any_global(basin_results *r, const int64_t *cell, int64_t cells,
                                      int64_t *trials, int64_t *any, basin_error *error) {
  int64_t count[4];
  const basin_status status = count_draws(r, cell, cells, 0, count, error);
  *any = count[1];
  *trials = count[0] + count[1];
  return status;
}

basin_status basin_results_pair(basin_results *r, const int64_t cell[2], int64_t *trials,
                                int64_t only[2], basin_error *error) {
  int64_t count[4];
  const basin_status status = count_draws(r, cell, 2, 1, count, error);
  *trials = count[0] + count[1] + count[2] + count[3];
  only[0] = count[1];
  only[1] = count[2];
  return status;
}

basin_status basin_results_records(basin_results *r, int64_t cell, const char *name, int64_t first,
                                   int64_t count, double *value, char units[32],
                                   basin_error *error) {
  int64_t size[3] = {r->cells, r->recorded, r->times};
  int known = 0;
  for (int i = 0; i < r->observables; i++) known |= !strcmp(r->observable[i], name);
  if (!known) {
    char list[512] = "";
    for (int i = 0; i < r->observables; i++)
      snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "",
               r->observable[i]);
    return basin_fail(error, BASIN_BAD_INPUT, "%s: no recorded observable `%s`, expected %s",
                      r->path, name, *list ? list : "none: the experiment records no trajectories");
  }
  const hsize_t start[3] = {(hsize_t)cell, (hsize_t)first, 0},
                block[3] = {1, (hsize_t)count, (hsize_t)r->times};
  H5Eclear2(H5E_DEFAULT);
  const hid_t id = open_variable(r, name, 3, size, H5T_FLOAT);
  const int ok = id >= 0 && read_block(id, H5T_NATIVE_DOUBLE, 3, start, block, value);
  if (ok) {
    char *text = read_text_of(id, "units");
    snprintf(units, 32, "%s", text ? text : "1");
    free(text);
  }
  if (id >= 0) H5Dclose(id);
  return ok ? BASIN_OK : unreadable(r, error);
}

basin_status basin_results_trajectory(basin_results *r, int64_t cell, const char *name,
                                      double *value, char units[32], basin_error *error) {
  return basin_results_records(r, cell, name, 0, r->recorded, value, units, error);
}

basin_status basin_results_flow_time(basin_results *r, int64_t cell, double *eta_t,
                                     basin_error *error) {
  int64_t size[2] = {r->cells, r->times};
  if (H5Lexists(r->file, "eta_t", H5P_DEFAULT) <= 0)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: has no flow time `eta_t`: basin %s made it; run the experiment again",
                      r->path, r->version);
  const hsize_t start[2] = {(hsize_t)cell, 0}, block[2] = {1, (hsize_t)r->times};
  H5Eclear2(H5E_DEFAULT);
  const hid_t id = open_variable(r, "eta_t", 2, size, H5T_FLOAT);
  const int ok = id >= 0 && read_block(id, H5T_NATIVE_DOUBLE, 2, start, block, eta_t);
  if (id >= 0) H5Dclose(id);
  return ok ? BASIN_OK : unreadable(r, error);
}

basin_status basin_results_trials(basin_results *r, int64_t cell, int64_t first, int64_t count,
                                  int8_t *outcome, int *halvings, basin_error *error) {
  int64_t size[2] = {r->cells, r->trials};
  const hsize_t start[2] = {(hsize_t)cell, (hsize_t)first}, block[2] = {1, (hsize_t)count};
  const int halved = H5Lexists(r->file, "halvings", H5P_DEFAULT) > 0;
  H5Eclear2(H5E_DEFAULT);
  const hid_t outcome_id = open_variable(r, "outcome", 2, size, H5T_INTEGER);
  const hid_t halvings_id = halved ? open_variable(r, "halvings", 2, size, H5T_INTEGER) : -1;
  memset(halvings, 0, (size_t)count * sizeof *halvings);
  const int ok = outcome_id >= 0 &&
                 read_block(outcome_id, H5T_NATIVE_INT8, 2, start, block, outcome) &&
                 (!halved || (halvings_id >= 0 &&
                              read_block(halvings_id, H5T_NATIVE_INT, 2, start, block, halvings)));
  if (outcome_id >= 0) H5Dclose(outcome_id);
  if (halvings_id >= 0) H5Dclose(halvings_id);
  for (int64_t i = 0; i < count; i++)
    if (halvings[i] < 0) halvings[i] = 0; /* the fill value */
  return ok ? BASIN_OK : unreadable(r, error);
}

basin_status basin_results_trial(basin_results *r, int64_t cell, int64_t trial, int *outcome,
                                 int64_t *steps, basin_error *error) {
  int64_t size[2] = {r->cells, r->trials};
  const hsize_t start[2] = {(hsize_t)cell, (hsize_t)trial}, one[2] = {1, 1};
  H5Eclear2(H5E_DEFAULT);
  const hid_t outcome_id = open_variable(r, "outcome", 2, size, H5T_INTEGER);
  const hid_t steps_id = open_variable(r, "steps", 2, size, H5T_INTEGER);
  const int ok = outcome_id >= 0 && steps_id >= 0 &&
                 read_block(outcome_id, H5T_NATIVE_INT, 2, start, one, outcome) &&
                 read_block(steps_id, H5T_NATIVE_INT64, 2, start, one, steps) &&
                 *outcome >= (r->missing ? -1 : 0) && *outcome < BASIN_OUTCOMES;
  if (outcome_id >= 0) H5Dclose(outcome_id);
  if (steps_id >= 0) H5Dclose(steps_id);
  return ok ? BASIN_OK : unreadable(r, error);
}

/* ---- beside an experiment ---- */

basin_status basin_judge_cell(const basin_experiment *e, const char *path, int64_t cell,
                              int64_t trials, const int64_t *outcomes, basin_error *error) {
  const int64_t unresolved = outcomes[BASIN_UNRESOLVED], diverged = outcomes[BASIN_DIVERGED];
  const double n = (double)trials;
  if ((double)unresolved <= e->allow_unresolved * n && (double)diverged <= e->allow_diverged * n)
    return BASIN_OK;
  return basin_fail(error, BASIN_OUTSIDE,
                    "%s: cell %lld has %lld of %lld trials unresolved and %lld diverged, more than "
                    "the experiment allows",
                    path, (long long)cell, (long long)unresolved, (long long)trials,
                    (long long)diverged);
}

basin_status basin_results_check(const char *path, const basin_experiment *e, int *complete,
                                 basin_error *error) {
  basin_results *r;
  *complete = 0;
  if (!basin_is_there(path)) return BASIN_OK;
  basin_status status = basin_results_open(path, &r, error);
  if (status) return status;
  if (!basin_results_matches(r, e))
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "%s: holds another experiment, or other trials; give another name with -o, "
                        "or remove it",
                        path);
  for (int64_t c = 0; c < r->cells && !r->missing && !status; c++) {
    basin_summary s;
    status = basin_results_summary(r, c, &s, error);
    if (!status) status = basin_judge_cell(e, path, c, s.trials, s.outcomes, error);
  }
  *complete = !r->missing && (!status || status == BASIN_OUTSIDE);
  basin_results_close(r);
  return status;
}

int64_t basin_results_wide(basin_results *r, double *halfwidth, int64_t *max_trials) {
  int64_t wide = 0;
  *halfwidth = r->halfwidth;
  *max_trials = r->max_trials;
  for (int64_t c = 0; c < r->cells && r->halfwidth > 0; c++) {
    basin_summary s;
    basin_error ignored = {""};
    if (!basin_results_summary(r, c, &s, &ignored))
      wide += (s.success.high - s.success.low) / 2 > r->halfwidth;
  }
  return wide;
}
