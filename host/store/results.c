/* SPDX-License-Identifier: MIT */
#include "store/results_file.h"
#include "base/files.h"
#include "read/headers.h"
#include "read/own_model.h"
#include "read/variables.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* h5repack makes pieces of 32 MiB of a variable that it compresses: one that is kept is not unpacked for every block */
enum { TEXT_BYTES_MAX = 32 << 20, CHUNKS = 521, CHUNK_BYTES = 64 << 20 };

/* ---- pieces of a file ---- */

int basin_results_number_of(const basin_results *r, const char *name, hid_t type, void *value) {
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

char *basin_results_text_of(hid_t object, const char *name) {
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

hid_t basin_results_variable(const basin_results *r, const char *name, int rank, int64_t *size,
                             H5T_class_t class) {
  hsize_t have[4] = {0};
  const hid_t id = basin_hdf5_open(r->file, name);
  if (id < 0) return id;
  const hid_t space = H5Dget_space(id), type = H5Dget_type(id);
  int ok = H5Sget_simple_extent_ndims(space) == rank && H5Tget_class(type) == class;
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

int basin_results_intact(const basin_results *r, const char *name, int64_t cell) {
  return basin_checks_intact(r->checks, name, cell);
}

/* a whole one-dimensional variable of the known length; 0 on failure */
static int read_variable(const basin_results *r, const char *name, int64_t length,
                         H5T_class_t class, hid_t type, void *value) {
  const hid_t id = basin_results_variable(r, name, 1, &length, class);
  if (id < 0) return 0;
  const int ok = basin_results_intact(r, name, 0) &&
                 H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0;
  H5Dclose(id);
  return ok;
}

/* ---- opening ---- */

/* names of the variants from `variant_number`: the text variable beside it has no checksum in HDF5 */
static int read_variants(basin_results *r) {
  int64_t length = r->cells;
  if (H5Lexists(r->file, "variant_number", H5P_DEFAULT) <= 0) return 1;
  const hid_t id = basin_results_variable(r, "variant_number", 1, &length, H5T_INTEGER);
  if (id < 0) return 0;
  r->variant_names = basin_results_text_of(id, "names");
  r->variant = calloc((size_t)r->cells, sizeof *r->variant);
  int8_t *number = calloc((size_t)r->cells, sizeof *number);
  int ok = r->variant_names && r->variant && number &&
           basin_results_intact(r, "variant_number", 0) &&
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

/* a list of numbers of outcomes that the variable `outcome` has: how many; -1 where there is none, or it is no list */
static int read_numbers(hid_t outcome, const char *name, int8_t number[BASIN_OUTCOMES_MAX]) {
  const hid_t id = H5Aexists(outcome, name) > 0 ? H5Aopen(outcome, name, H5P_DEFAULT)
                                                : H5I_INVALID_HID;
  if (id < 0) return -1;
  const hid_t space = H5Aget_space(id), stored = H5Aget_type(id);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  const int ok = count >= 0 && count <= BASIN_OUTCOMES_MAX && H5Tget_class(stored) == H5T_INTEGER &&
                 H5Aread(id, H5T_NATIVE_INT8, number) >= 0;
  H5Tclose(stored);
  H5Sclose(space);
  H5Aclose(id);
  return ok ? (int)count : -1;
}

/* The outcomes that the experiment names itself: those of the file's table behind the built-in ones, and what counts as
   success; most files have none. */
static int read_outcomes(basin_results *r, hid_t outcome) {
  int8_t value[BASIN_OUTCOMES_MAX], success[BASIN_OUTCOMES_MAX];
  const int values = read_numbers(outcome, "flag_values", value),
            successes = read_numbers(outcome, "success_values", success);
  char *meanings = basin_results_text_of(outcome, "flag_meanings"), *rest = meanings;
  int ok = 1;
  r->outcomes = basin_outcomes_built_in();
  for (int i = 0; i < values && ok; i++) {
    const char *name = strsep(&rest, " ");
    ok = name && *name;
    if (ok && value[i] >= BASIN_OUTCOMES)
      ok = value[i] == r->outcomes.count && basin_outcomes_add(&r->outcomes, name, 0) >= 0;
  }
  free(meanings);
  if (successes >= 0) r->outcomes.success = 0;
  for (int i = 0; i < successes && ok; i++) {
    ok = success[i] >= 0 && success[i] < r->outcomes.count;
    if (ok) r->outcomes.success |= BASIN_CAN(success[i]);
  }
  return ok;
}

/* whether steps count until a proof; files of older versions do not say */
static int read_early_rule(basin_results *r) {
  if (H5Lexists(r->file, "early_rule", H5P_DEFAULT) <= 0) return 1;
  r->early = calloc((size_t)r->cells, sizeof *r->early);
  int ok = r->early &&
           read_variable(r, "early_rule", r->cells, H5T_INTEGER, H5T_NATIVE_INT8, r->early);
  for (int64_t c = 0; c < r->cells && ok; c++) ok = r->early[c] == 0 || r->early[c] == 1;
  return ok;
}

/* what the passages are of */
static int read_passages(basin_results *r) {
  int64_t size[2] = {r->cells, -1}, trials[2] = {r->cells, r->trials};
  if (H5Lexists(r->file, "passage_level", H5P_DEFAULT) <= 0) return 1;
  const hid_t level = basin_results_variable(r, "passage_level", 2, size, H5T_FLOAT);
  if (level < 0) return 0;
  H5Dclose(level);
  if (size[1] < 1 || size[1] > BASIN_PASSAGES_MAX) return 0;
  r->passage = calloc((size_t)size[1], sizeof *r->passage);
  int ok = r->passage != NULL;
  for (int p = 0; p < size[1] && ok; p++) {
    char name[32];
    snprintf(name, sizeof name, "passage_%d", p + 1);
    const hid_t id = basin_results_variable(r, name, 2, trials, H5T_INTEGER);
    char *observable = id < 0 ? NULL : basin_results_text_of(id, "observable"),
         *direction = id < 0 ? NULL : basin_results_text_of(id, "direction");
    if (id >= 0) H5Dclose(id);
    ok = observable && direction && strlen(observable) < sizeof r->passage->observable &&
         (!strcmp(direction, "above") || !strcmp(direction, "below"));
    if (ok) {
      strcpy(r->passage[p].observable, observable);
      r->passage[p].above = *direction == 'a';
    }
    free(direction);
    free(observable);
  }
  r->passages = (int)size[1];
  return ok;
}

int basin_results_levels(const basin_results *r, int64_t cell, double *level) {
  int64_t size[2] = {r->cells, r->passages};
  const hsize_t start[2] = {(hsize_t)cell, 0}, count[2] = {1, (hsize_t)r->passages};
  const hid_t id = basin_results_variable(r, "passage_level", 2, size, H5T_FLOAT);
  const int ok = id >= 0 && basin_results_intact(r, "passage_level", cell) &&
                 basin_hdf5_read(id, H5T_NATIVE_DOUBLE, 2, start, count, level);
  if (id >= 0) H5Dclose(id);
  return ok;
}

/* the variables on (cell) and (cell, recorded, time), in the order of the file: parameters and observables */
static herr_t see_variable(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  basin_results *r = context;
  int64_t one[1] = {r->cells}, three[3] = {r->cells, r->recorded, r->times};
  (void)group;
  if (info->type != H5L_TYPE_HARD) return 0;
#define OF_CELLS(id, own, type, dimensions, fill, there, long_name)               \
  if (((dimensions) == BASIN_BY_CELL || (dimensions) == BASIN_BY_CROSSING ||      \
       (dimensions) == BASIN_BY_PASSAGE || (dimensions) == BASIN_BY_ATTRACTOR) && \
      !strcmp(name, own))                                                         \
    return 0; /* not a parameter */
  BASIN_OUTPUT_VARIABLES(OF_CELLS)
#undef OF_CELLS
  hid_t id = basin_results_variable(r, name, 1, one, H5T_FLOAT);
  if (id < 0) id = basin_results_variable(r, name, 1, one, H5T_INTEGER);
  if (id >= 0) {
    /* a dimension whose length happens to be the number of cells is a scale: leave it out */
    const int scale = H5Aexists(id, "CLASS") > 0;
    if (!scale && r->parameters < BASIN_NAMES_MAX)
      r->parameter_name[r->parameters++] = strdup(name);
    H5Dclose(id);
    return 0;
  }
  if (!r->times || !strncmp(name, "attractor_at_", 13)) return 0;
  id = basin_results_variable(r, name, 3, three, H5T_FLOAT);
  if (id < 0) return 0;
  H5Dclose(id);
  if (r->observables < BASIN_NAMES_MAX) r->observable[r->observables++] = strdup(name);
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

/* A damaged header must not count as a variable that is not there. Before all else: HDF5 1.10 refuses such an object
   the first time it is opened, and opens it the second time. */
static herr_t open_object(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  (void)context;
  if (info->type != H5L_TYPE_HARD) return 0;
  const hid_t id = H5Oopen(group, name, H5P_DEFAULT);
  if (id >= 0) H5Oclose(id);
  return id < 0 ? -1 : 0;
}

static int read_all(basin_results *r) {
  hsize_t at = 0;
  int64_t any[3] = {-1, -1, -1}, axes = 0;
  double unused;
  if (H5Literate(r->file, H5_INDEX_NAME, H5_ITER_INC, &at, open_object, NULL) < 0) return 0;
  r->title = basin_results_text_of(r->file, "title");
  r->experiment = basin_results_text_of(r->file, "experiment");
  r->version = basin_results_text_of(r->file, "basin_version");
  if (!r->title || !r->experiment || !r->version) return 0;
  if (!basin_results_number_of(r, "seed", H5T_NATIVE_UINT64, &r->seed) ||
      !basin_results_number_of(r, "identity", H5T_NATIVE_UINT64, &r->identity) ||
      !basin_results_number_of(r, "trials", H5T_NATIVE_INT64, &r->trials_asked) ||
      !basin_results_number_of(r, "grid_parameters", H5T_NATIVE_INT64, &axes) ||
      !basin_results_number_of(r, "until_max_trials", H5T_NATIVE_INT64, &r->max_trials) ||
      !basin_results_number_of(r, "until_halfwidth", H5T_NATIVE_DOUBLE, &r->halfwidth) ||
      !basin_results_number_of(r, "allow_unresolved", H5T_NATIVE_DOUBLE, &unused))
    return 0;
  if (!basin_results_number_of(r, "trials_missing", H5T_NATIVE_INT64, &r->missing)) r->missing = 0;
  const hid_t outcome = basin_results_variable(r, "outcome", 2, any, H5T_INTEGER);
  const int named = outcome >= 0 && read_outcomes(r, outcome);
  if (outcome >= 0) H5Dclose(outcome);
  if (!named) return 0;
  r->cells = any[0];
  r->trials = any[1];
  if (r->cells < 1 || r->cells > BASIN_CELLS_MAX || r->trials < 1) return 0;
  const hid_t steps = basin_results_variable(r, "steps", 2, any, H5T_INTEGER);
  if (steps < 0) return 0;
  H5Dclose(steps);

  const hsize_t start = 0, one = 1;
  const hid_t trial = basin_results_variable(r, "trial", 1, &r->trials, H5T_INTEGER);
  const int read = trial >= 0 &&
                   basin_hdf5_read(trial, H5T_NATIVE_INT64, 1, &start, &one, &r->first_trial);
  if (trial >= 0) H5Dclose(trial);
  if (!read) return 0;

  int64_t recorded = -1, times = -1;
  const hid_t recorded_id = basin_results_variable(r, "recorded", 1, &recorded, H5T_INTEGER);
  const hid_t time_id = basin_results_variable(r, "time", 1, &times, H5T_INTEGER);
  if (recorded_id >= 0 && time_id >= 0 && times <= BASIN_TIMES_MAX)
    r->recorded = recorded, r->times = times;
  if (recorded_id >= 0) H5Dclose(recorded_id);
  if (time_id >= 0) H5Dclose(time_id);
  if (r->recorded > r->trials || !(r->checks = basin_checks_open(r->file, r->cells))) return 0;
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
  if (!read_early_rule(r) || !read_passages(r)) return 0;
  if (!read_variants(r) || !read_parameters(r) || !basin_results_read_refinement(r)) return 0;
  r->attractors = basin_results_count_attractors(r);
  r->axes = axes >= 0 && axes <= r->parameters ? (int)axes : r->parameters;
  return 1;
}

static basin_status open_file(basin_results *r, basin_error *error) {
  if (basin_is_irregular(r->path)) /* of a pipe HDF5 would wait for a first byte */
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%s: a folder, a pipe, or a link that leads nowhere, expected a file",
                      r->path);
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_cache(access, 0, CHUNKS, CHUNK_BYTES, 0.75);
  r->file = H5Fopen(r->path, H5F_ACC_RDONLY, access);
  const basin_status status = r->file < 0 ? basin_hdf5_fail(error, BASIN_BAD_INPUT, r->path,
                                                            "cannot be read as HDF5")
                                          : BASIN_OK;
  H5Pclose(access); /* now: it clears HDF5's reasons */
  if (status) return status;
  if (read_all(r)) return BASIN_OK;
  if (*basin_checks_damage(r->checks)) return basin_results_unreadable(r, error);
  return basin_fail(error, BASIN_BAD_INPUT, "%s: not an output file of basin, or damaged", r->path);
}

basin_status basin_results_open(const char *path, basin_results **out, basin_error *error) {
  basin_results *r = calloc(1, sizeof *r);
  *out = NULL;
  if (!r || !(r->path = strdup(path))) {
    free(r);
    return basin_fail_memory(error);
  }
  basin_hdf5_quiet();
  H5Eclear2(H5E_DEFAULT);
  const basin_status status = open_file(r, error);
  if (status) basin_results_close(r);
  else *out = r;
  return status;
}

void basin_results_close(basin_results *r) {
  if (!r) return;
  for (int i = 0; i < r->parameters; i++) free(r->parameter_name[i]);
  for (int i = 0; i < r->observables; i++) free(r->observable[i]);
  for (int64_t c = 0; c < r->cells && r->steps; c++) free(r->steps[c]);
  free(r->steps);
  free(r->passage);
  free(r->refined);
  free(r->variant_names);
  basin_checks_close(r->checks);
  if (r->file > 0) H5Fclose(r->file);
  free(r->variant);
  free(r->parameter);
  free(r->early);
  free(r->draw);
  free(r->count);
  free(r->time);
  free(r->version);
  free(r->experiment);
  free(r->title);
  free(r->path);
  free(r);
}

basin_status basin_results_call(basin_results *r, const char *path, basin_error *error) {
  char *name = strdup(path);
  if (!name) return basin_fail_memory(error);
  free(r->path);
  r->path = name;
  return BASIN_OK;
}

/* ---- what it holds ---- */

const char *basin_results_title(const basin_results *r) { return r->title; }
const char *basin_results_experiment(const basin_results *r) { return r->experiment; }
const char *basin_results_version(const basin_results *r) { return r->version; }
uint64_t basin_results_seed(const basin_results *r) { return r->seed; }
int64_t basin_results_cells(const basin_results *r) { return r->cells; }
int basin_results_axes(const basin_results *r) { return r->axes; }
int basin_results_passages(const basin_results *r) { return r->passages; }
int64_t basin_results_times(const basin_results *r) { return r->times; }
int64_t basin_results_recorded(const basin_results *r) { return r->recorded; }
const int64_t *basin_results_time(const basin_results *r) { return r->time; }
int basin_results_observables(const basin_results *r) { return r->observables; }
const char *basin_results_observable(const basin_results *r, int index) {
  return r->observable[index];
}

const basin_outcomes *basin_results_outcomes_of(const basin_results *r) { return &r->outcomes; }
const char *basin_results_outcome_name(const basin_results *r, int outcome) {
  return basin_outcomes_name(&r->outcomes, outcome);
}
int basin_results_succeeds(const basin_results *r, int outcome) {
  return basin_outcomes_succeeds(&r->outcomes, outcome) != 0;
}

const char *basin_results_variant(const basin_results *r, int64_t cell) {
  return r->variant ? r->variant[cell] : "";
}
int basin_results_parameters(const basin_results *r, const char *const **name) {
  *name = (const char *const *)r->parameter_name;
  return r->parameters;
}
double basin_results_parameter(const basin_results *r, int64_t cell, int parameter) {
  return r->parameter[cell * r->parameters + parameter];
}

int64_t basin_results_missing(const basin_results *r) { return r->missing; }

uint64_t basin_results_draw(const basin_results *r, int64_t cell) { return r->draw[cell]; }

int basin_results_has_variants(const basin_results *r) { return r->variant != NULL; }

/* the first value of a dimension's own variable; 0 on failure */
static int read_first(const basin_results *r, const char *name, int64_t *value) {
  int64_t size = -1;
  const hsize_t start = 0, count = 1;
  const hid_t id = basin_results_variable(r, name, 1, &size, H5T_INTEGER);
  const int ok = id >= 0 && size > 0 && basin_results_intact(r, name, 0) &&
                 basin_hdf5_read(id, H5T_NATIVE_INT64, 1, &start, &count, value);
  if (id >= 0) H5Dclose(id);
  return ok;
}

basin_status basin_results_first(const basin_results *r, int64_t *cell, int64_t *trial,
                                 basin_error *error) {
  H5Eclear2(H5E_DEFAULT);
  return read_first(r, "cell", cell) && read_first(r, "trial", trial)
             ? BASIN_OK
             : basin_results_unreadable(r, error);
}

int basin_results_matches(const basin_results *r, const basin_experiment *e) {
  return r->identity == e->identity && r->trials_asked == e->trials &&
         r->halfwidth == e->halfwidth && r->max_trials == e->max_trials && !r->first_trial &&
         (r->refined ? r->refinement.grid_cells : r->cells) == e->cells;
}

int64_t basin_results_reach(const basin_results *r, int64_t cell) {
  return r->missing ? r->trials : r->count[cell];
}

basin_status basin_results_unreadable(const basin_results *r, basin_error *error) {
  const char *damage = basin_checks_damage(r->checks);
  if (*damage)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: %s; run it again, or fetch a sound copy",
                      r->path, damage);
  return basin_hdf5_fail(error, BASIN_BAD_INPUT, r->path, "cannot be read, the file is damaged");
}

basin_status basin_results_verify(basin_results *r, int64_t *variables, basin_error *error) {
  if (basin_checks_all_intact(r->checks, variables)) return BASIN_OK;
  if (*basin_checks_damage(r->checks)) return basin_results_unreadable(r, error);
  return basin_fail(error, BASIN_BAD_INPUT,
                    "%s: has no checksums: basin %s made it; run the experiment again", r->path,
                    r->version);
}

/* ---- what it was made of ---- */

basin_status basin_results_parse_text(const basin_results *r, basin_experiment **experiment,
                                      basin_error *reason) {
  char *text = basin_results_text_of(r->file, "experiment_yaml"),
       *lines = basin_results_text_of(r->file, "experiment_set"), *rest = lines,
       *headers = basin_results_text_of(r->file, "experiment_headers");
  const basin_kept kept = {.text = headers, .length = headers ? strlen(headers) : 0};
  char name[BASIN_PATH_BYTES];
  int sets = 0, room = 1;
  *experiment = NULL;
  const char *slash = strrchr(r->path, '/'); /* images are looked for beside the file */
  const int folder = slash ? (int)(slash - r->path) + 1 : 0;
  snprintf(name, sizeof name, "%.*s%.2000s.yaml", folder < 2000 ? folder : 0, r->path,
           r->experiment);
  for (const char *at = lines; at && *at; at++) room += *at == '\n';
  const char **set = calloc((size_t)room, sizeof *set);
  for (char *line; set && (line = strsep(&rest, "\n"));)
    if (*line) set[sets++] = line;
  const basin_status status = !set ? basin_fail_memory(reason)
                              : text && lines
                                  ? basin_experiment_parse_kept(name, text, (int64_t)strlen(text),
                                                                set, sets, &kept, experiment,
                                                                reason)
                                  : basin_fail(reason, BASIN_BAD_INPUT, "it has none");
  free(set);
  free(headers);
  free(lines);
  free(text);
  return status;
}

/* those of the model that a node names; formulas have no spurious optimum that is known */
static unsigned can_of(const basin_node *model) {
  const unsigned all = ~0u;
  if (!model) return 0;
  if (basin_own_model_is_meant(model)) return all & ~BASIN_CAN(BASIN_SPURIOUS);
  const basin_model *found = model->kind == BASIN_SCALAR ? basin_model_find(model->text) : NULL;
  return found ? found->outcomes : all;
}

unsigned basin_results_can(const basin_results *r) {
  char *text = basin_results_text_of(r->file, "experiment_yaml"),
       *lines = basin_results_text_of(r->file, "experiment_set"), *rest = lines;
  basin_yaml *yaml = NULL;
  basin_error unread;
  unsigned can = ~0u;
  if (text && !basin_yaml_parse("", text, (int64_t)strlen(text), &yaml, &unread)) {
    for (char *line; rest && (line = strsep(&rest, "\n"));)
      if (*line && basin_yaml_set(yaml, line, &unread)) break;
    const basin_node *root = basin_yaml_root(yaml), *variants = basin_node_get(root, "variants");
    can = can_of(basin_node_get(root, "model"));
    for (int i = 0; variants && i < variants->count; i++)
      can |= can_of(basin_node_get(variants->child[i], "model"));
  }
  basin_yaml_free(yaml);
  free(lines);
  free(text);
  return can;
}

/* the cells that `refine` has added, from the file's own columns */
static basin_status add_cells(const basin_results *r, basin_experiment **e, basin_error *error) {
  const int64_t from = (*e)->cells, count = r->cells - from;
  basin_experiment *grown = NULL;
  if (count <= 0) return BASIN_OK;
  basin_added *added = calloc((size_t)count, sizeof *added);
  if (!added) return basin_fail_memory(error);
  for (int64_t i = 0; i < count; i++) {
    added[i].variant = -1;
    for (int v = 0; v < (*e)->variants; v++)
      if (!strcmp((*e)->variant[v], basin_results_variant(r, from + i))) added[i].variant = v;
    for (int a = 0; a < (*e)->axes && a < r->parameters; a++)
      added[i].coordinate[a] = basin_results_parameter(r, from + i, a);
  }
  const basin_status status = basin_experiment_grow(*e, added, count, &grown, error);
  free(added);
  if (status) return status;
  basin_experiment_free(*e);
  *e = grown;
  return BASIN_OK;
}

basin_status basin_results_read_experiment(const basin_results *r, basin_experiment **experiment,
                                           basin_error *error) {
  basin_error reason;
  const basin_status status = basin_results_parse_text(r, experiment, &reason);
  if (!status && basin_results_matches(r, *experiment)) return add_cells(r, experiment, error);
  if (!status) snprintf(reason.text, sizeof reason.text, "it means something else here");
  basin_experiment_free(*experiment);
  *experiment = NULL;
  return status == BASIN_FAILED ? basin_fail(error, status, "%s", reason.text)
                                : basin_fail(error, BASIN_BAD_INPUT,
                                             "%s: the experiment in it cannot be run again: %.800s",
                                             r->path, reason.text);
}
