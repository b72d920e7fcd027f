/* SPDX-License-Identifier: MIT
 *
 * test_vectors.c: full vectors by a maker that has had other states and trials before, or that shares another's
 * constants, are those of a state alone, bit by bit, for every kind of dynamics that makes them of something; and what
 * is written of a variable, in any pieces and with gaps between them, is what HDF5 reads.
 */
#include "compare.h"
#include "folder.h"
#include "base/hdf5_util.h"
#include "store/netcdf.h"

/* ---- makers ---- */

#define TIMES "record: {trials: 5, steps: [0, 1, 2, 5, 9], parameters: true}\n"
#define END \
  "trials: 5\nstop: {max_steps: 9, at: 1e-12}\nallow: {unresolved: 1, diverged: 1}\n" TIMES
#define TEACHER "parameters: {k: 21, p: 5}\nteacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}\n"
#define RESNET \
  "model: resnet\ninit: {w: {ball: 0.5}, a: {ball: 1}}\nschedule: [{eta: 0.02}]\n" TEACHER END
#define CONV \
  "model: cnn\ninit: {v: {sphere: 1}, a: {ball: 1}}\nschedule: [{eta: 0.02}]\n" TEACHER END
#define RELU                                                                      \
  "model: relu_sum\nparameters: {n: 3, m: 2, d: 11}\nteacher: {v: {sphere: 1}}\n" \
  "init: {w: {normal: 0.3}}\nschedule: [{eta: 0.05}]\n" END
#define FILTER                                                                       \
  "model: filter\nparameters: {k: 1, p: 9, sigma: inf}\nteacher: {w: {head: [1]}}\n" \
  "init: {w: {normal: 1}}\nschedule: [{eta: 0.2}]\n" END
#define FACTOR                                                                           \
  "model: factorisation\nparameters: {d1: 9, d2: 7, r: 2}\nteacher: {sigma: [1, 0.5]}\n" \
  "init: {U: {normal: 0.3}, V: {normal: 0.2}}\nschedule: [{eta: 0.05}]\n" END
#define FACTOR_ONE                                                                  \
  "model: factorisation\nparameters: {d1: 6, d2: 4, r: 1}\nteacher: {sigma: [1]}\n" \
  "init: {U: {normal: 0.3}, V: {normal: 0.2}}\nschedule: [{eta: 0.05}]\n" END
#define NETWORK                                                                       \
  "model: network\nlayers: [{dense: 6, activation: relu, init: {normal: 1}},"         \
  " {dense: 1, init: sign}]\ndata: {n: 4, d: 9, inputs: normal, labels: {sign: 1}}\n" \
  "schedule: [{eta: 0.01}]\n" END

static void make_alike(const char *text, const char *set) {
  basin_error error;
  basin_experiment *e = NULL;
  basin_part part;
  assert_ok(
      basin_experiment_parse("t.yaml", text, (int64_t)strlen(text), &set, set ? 1 : 0, &e, &error),
      error);
  test_run_cell(e, 0, &part);
  const basin_model *model = e->cell[0].model;
  const basin_setting *setting = &e->cell[0].setting;
  const size_t n = (size_t)setting->size.vectors;
  double *alone = calloc(2 * n, sizeof *alone), *made = alone + n;
  basin_maker *first = model->maker(setting, NULL), *second = model->maker(setting, first);
  int64_t compared = 0;
  assert_true(alone && first && second);
  for (int64_t i = 0; i < 4 * part.recorded * e->times; i++) {
    const int any = (int)(i / 2 % 5 == 3);
    const int64_t at = i * 7 % (part.recorded * e->times) / (1 + i % 2), trial = at / e->times;
    const double *state = part.state + at * setting->size.states;
    if (isnan(*state)) continue;
    assert_int_equal(model->vectors(setting, trial, 1, state, any, alone), BASIN_OK);
    model->make(i % 3 ? first : second, trial, 1, state, any, made);
    assert_memory_equal(alone, made, n * sizeof *made);
    compared++;
  }
  assert_true(compared > 40);
  model->maker_free(second);
  model->maker_free(first);
  free(alone);
  basin_part_free(&part);
  basin_experiment_free(e);
}

static void makers_remember(void **unused) {
  static const char *const of[][2] = {
      {CONV, NULL},
      {CONV, "init.a={uniform: [-1, 1]}"},
      {RESNET, NULL},
      {CONV, "parameters={k: 3, p: 40}"},
      {RELU, "method=gradient_flow"},
      {CONV, "gradient={sampled: {inputs: 3, sampler: direct}}"},
      {CONV, "gradient={sampled: {inputs: 3, sampler: projected}}"},
      {RELU, NULL},
      {RELU, "parameters={n: 3, m: 2, d: 4}"},
      {RELU, "gradient={sampled: {inputs: 3, sampler: projected}}"},
      {FILTER, NULL},
      {FILTER, "gradient={sampled: {inputs: 3, sampler: direct}}"},
      {FACTOR, NULL},
      {FACTOR, "parameters={d1: 9, d2: 3, r: 2}"},
      {FACTOR_ONE, NULL},
      {NETWORK, NULL},
      {NETWORK, "data={n: 12, d: 3, inputs: normal, labels: {sign: 1}}"}};
  (void)unused;
  for (size_t i = 0; i < sizeof of / sizeof *of; i++) make_alike(of[i][0], of[i][1]);
}

/* ---- pieces ---- */

enum { CELLS = 3, ROWS = 7, WIDTH = 5, UNIT = ROWS * WIDTH };

/* entry i of a cell where it is written */
static double entry_of(int64_t cell, int64_t i) { return (double)(100 * cell + i) + 0.5; }

/* those that are written: of cell 1 none, in the others with gaps, also at both ends */
static int is_written(int64_t cell, int64_t i) {
  return cell != 1 && i > 2 && i < 31 && i % 11 < 8;
}

/* the runs of what is written, in two steps where `steps`, else as blocks */
static void write_runs(basin_netcdf *f, basin_variable *v, int steps) {
  double value[UNIT];
  for (int64_t c = 0; c < CELLS; c++)
    for (int64_t i = 0, n; i < UNIT; i += n) {
      for (n = 0; i + n < UNIT && is_written(c, i + n) && (steps || n == 0); n++)
        value[n] = entry_of(c, i + n);
      if (!n) {
        n = 1;
        continue;
      }
      const hsize_t start[3] = {(hsize_t)c, (hsize_t)(i / WIDTH), (hsize_t)(i % WIDTH)},
                    size[3] = {1, 1, (hsize_t)n};
      if (steps) {
        basin_netcdf_announce(f, v, c, i, n, value);
        basin_netcdf_put(f, v, c, i, n, value);
      } else {
        basin_netcdf_write(f, v, start, size, value);
      }
    }
}

static void assert_runs(hid_t file, const char *name) {
  const hsize_t start[3] = {0}, size[3] = {CELLS, ROWS, WIDTH};
  static double value[CELLS * UNIT];
  const hid_t id = H5Dopen2(file, name, H5P_DEFAULT);
  assert_true(basin_hdf5_read(id, H5T_NATIVE_DOUBLE, 3, start, size, value));
  for (int64_t c = 0; c < CELLS; c++)
    for (int64_t i = 0; i < UNIT; i++)
      if (is_written(c, i)) assert_true(value[c * UNIT + i] == entry_of(c, i));
      else assert_true(isnan(value[c * UNIT + i]));
  H5Dclose(id);
}

/* of three variables one by blocks, one by announced pieces, and one that is drafted first, by HDF5; another stays
   empty, so that it has no place in the file */
static void pieces_with_gaps(void **unused) {
  static const char *const name[] = {"blocks", "steps", "drafted", "empty"};
  const hsize_t size[3] = {CELLS, ROWS, WIDTH};
  const double fill = NAN;
  char path[80];
  basin_netcdf *f;
  basin_error error;
  basin_variable *v[4];
  (void)unused;
  snprintf(path, sizeof path, "%s/pieces.h5", folder);
  assert_ok(basin_netcdf_create(path, &f, &error), error);
  for (int i = 0; i < 4; i++)
    v[i] = basin_netcdf_variable(f, name[i], H5T_NATIVE_DOUBLE, &fill, 3, NULL, size, name[i], "1");
  for (hsize_t c = 0; c < CELLS; c++) {
    const hsize_t start[3] = {c, 0, 3}, one[3] = {1, 1, 1};
    const double value = entry_of((int64_t)c, 3);
    if (c != 1) basin_netcdf_draft(f, v[2], start, one, &value);
  }
  write_runs(f, v[0], 0);
  write_runs(f, v[1], 1);
  write_runs(f, v[2], 0);
  basin_netcdf_write(f, v[3], (const hsize_t[]){1, 0, 0}, (const hsize_t[]){1, 0, 5},
                     &fill); /* nothing */
  assert_ok(basin_netcdf_close(f, &error), error);

  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  uint64_t sum[3][CELLS];
  for (int i = 0; i < 3; i++) {
    const hsize_t at = 0, cells = CELLS;
    char of[32];
    assert_runs(file, name[i]);
    snprintf(of, sizeof of, "checksum/%s", name[i]);
    const hid_t id = H5Dopen2(file, of, H5P_DEFAULT);
    assert_true(basin_hdf5_read(id, H5T_NATIVE_UINT64, 1, &at, &cells, sum[i]));
    H5Dclose(id);
  }
  assert_memory_equal(sum[0], sum[1], sizeof sum[0]);
  assert_memory_equal(sum[0], sum[2], sizeof sum[0]);
  const hid_t empty = H5Dopen2(file, "empty", H5P_DEFAULT);
  assert_true(H5Dget_offset(empty) == HADDR_UNDEF);
  H5Dclose(empty);
  H5Fclose(file);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(makers_remember),
      cmocka_unit_test_setup_teardown(pieces_with_gaps, make_folder, remove_folder)};
  return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
