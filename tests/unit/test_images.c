/* SPDX-License-Identifier: MIT
 *
 * test_images.c: data sets that are cut from images. Drawings of strokes against plain formulas; patches against plain
 * loops, of images and of patches that are there; steps and risks of the filter on them; files that are not what they
 * should be; what is another experiment.
 */
#include "compare.h"
#include "folder.h"
#include "model/patches.h"
#include <hdf5.h>
#include <hdf5_hl.h>

enum { SIDE = BASIN_STROKES_SIDE, PIXELS = SIDE * SIDE, P = 9, K_MAX = 64 };

/* ---- drawings ---- */

/* the brightest pen of all points, of control points as the blocks have them; returns the number of strokes */
static int plain_drawing(int64_t set, int64_t i, long double *image) {
  const uint64_t key = basin_hash_text(0, "basin strokes 1");
  bits low, high;
  basin_words(key, BASIN_STREAM_STROKES, (uint64_t)set, (uint64_t)i, 0, &low, &high);
  const int strokes = r_uniform(low) < 0.5 ? 2 : 3;
  memset(image, 0, PIXELS * sizeof *image);
  for (int s = 0; s < strokes; s++) {
    long double c[3][2];
    for (int n = 0; n < 3; n++) {
      basin_words(key, BASIN_STREAM_STROKES, (uint64_t)set, (uint64_t)i, (uint64_t)(1 + 3 * s + n),
                  &low, &high);
      c[n][0] = 4 + 20.0L * r_uniform(low);
      c[n][1] = 4 + 20.0L * r_uniform(high);
    }
    for (int p = 0; p < 40; p++) {
      const long double t = p / 39.0L, r = 1 - t;
      const long double x = r * r * c[0][0] + 2 * r * t * c[1][0] + t * t * c[2][0],
                        y = r * r * c[0][1] + 2 * r * t * c[1][1] + t * t * c[2][1];
      for (int q = 0; q < PIXELS; q++) {
        const long double dx = q % SIDE - x, dy = q / SIDE - y,
                          pen = expl(-(dx * dx + dy * dy) / (2 * 0.8L * 0.8L));
        image[q] = fmaxl(image[q], pen);
      }
    }
  }
  return strokes;
}

static void drawings(void **unused) {
  static long double want[PIXELS];
  double image[PIXELS], other[PIXELS];
  int strokes[4] = {0};
  (void)unused;
  for (int64_t i = 0; i < 20; i++) {
    double ink = 0;
    strokes[plain_drawing(i / 10, i, want)]++;
    basin_strokes_draw(i / 10, i, image);
    for (int q = 0; q < PIXELS; q++) {
      assert_within(image[q] - (double)want[q], -1e-13, 1e-13);
      ink += image[q];
    }
    assert_within(ink, 5, 400);
    basin_strokes_draw(i / 10, i + 1, other);
    assert_true(memcmp(image, other, sizeof image) != 0);
    basin_strokes_draw(i / 10 + 1, i, other);
    assert_true(memcmp(image, other, sizeof image) != 0);
  }
  assert_true(strokes[2] > 1 && strokes[3] > 1);
}

/* ---- patches ---- */

static const char text[] =
    "model: filter\n"
    "trials: 6\n"
    "parameters: {k: 16, p: 9}\n"
    "teacher: {w: {head: [1, -0.5, 0.3]}}\n"
    "init: {w: {sphere: 0.5, around: teacher}}\n"
    "schedule: [{eta: 0.1}]\n"
    "gradient: {sampled: {inputs: {file: a.h5, variable: images, size: 3}}}\n"
    "stop: {at: 1e-9, max_steps: 4}\n"
    "record: {trials: 6, steps: [0, 1, 4], parameters: true, final: "
    "[train_loss], observables: [train_loss]}\n";

/* 5 images of 6 x 6: pixels that are all different */
static void write_file(const char *name, const char *variable, int rank, const hsize_t *size,
                       double shift) {
  char path[128];
  double value[5 * 36];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  for (int i = 0; i < 5 * 36; i++) value[i] = sin(7 * i) + shift;
  assert_true(H5LTmake_dataset_double(file, variable, rank, size, value) >= 0);
  H5Fclose(file);
}

static basin_status read_with(const char *const *set, int sets, basin_experiment **e,
                              basin_error *error) {
  char path[128];
  snprintf(path, sizeof path, "%s/e.yaml", folder);
  return basin_experiment_parse(path, text, (int64_t)strlen(text), set, sets, e, error);
}

static basin_experiment *experiment(const char *set) {
  basin_experiment *e = NULL;
  basin_error error;
  assert_ok(read_with(&set, set ? 1 : 0, &e, &error), error);
  return e;
}

/* inputs and labels of all of them: patch j of image i at (row, column) (j / across, j % across) stride */
static void check_inputs(const basin_experiment *e, int64_t across, int64_t stride,
                         const double *images, int64_t side) {
  const basin_cell *cell = &e->cell[0];
  const basin_setting *s = &cell->setting;
  const int64_t n = s->gradient.set_size, k = s->size.rows, p = s->size.width,
                size = s->gradient.patch_size;
  double *z = malloc((size_t)(n * k * p) * sizeof *z), *label = malloc((size_t)n * sizeof *label);
  assert_int_equal(cell->model->inputs(s, 0, n, z, label), BASIN_OK);
  for (int64_t i = 0; i < n; i++) {
    long double want = 0;
    for (int64_t j = 0; j < k; j++) {
      long double dot = 0;
      for (int64_t q = 0; q < p; q++) {
        const double here = z[(i * k + j) * p + q];
        const int64_t y = j / across * stride + (size ? q / size : 0),
                      x = size ? j % across * stride + q % size : q;
        assert_true(here == images[(i * side + y) * side + x]);
        dot += (long double)here * s->teacher[0].value[q];
      }
      want += fmaxl(dot, 0) / k;
    }
    assert_within(label[i] - (double)want, -1e-15, 1e-15);
  }
  free(z);
  free(label);
}

static void patches(void **unused) {
  static const hsize_t size[3] = {5, 6, 6};
  static const char *const stride = "gradient.sampled.inputs.stride=3";
  double pixel[5 * 36];
  (void)unused;
  for (int i = 0; i < 5 * 36; i++) pixel[i] = sin(7 * i);
  write_file("a.h5", "images", 3, size, 0);
  basin_experiment *e = experiment(NULL);
  assert_int_equal(e->cell[0].setting.gradient.set_size, 5);
  check_inputs(e, 4, 1, pixel, 6);
  basin_experiment_free(e);
  const char *const apart[] = {stride, "parameters.k=4"},
                    *const as_they_are[] = {"gradient={sampled: {inputs: {file: a.h5, variable: "
                                            "images, images: 3}}}",
                                            "parameters={k: 6, p: 6}"},
                    *const drawn[] = {"gradient={sampled: {inputs: {strokes: 3, set: 1, size: 9, "
                                      "stride: 6}}}",
                                      "parameters={k: 16, p: 81}"};
  basin_error error;
  assert_ok(read_with(apart, 2, &e, &error), error);
  check_inputs(e, 2, 3, pixel, 6);
  basin_experiment_free(e);
  assert_ok(read_with(as_they_are, 2, &e, &error), error);
  assert_int_equal(e->cell[0].setting.gradient.set_size, 3);
  check_inputs(e, 1, 1, pixel, 6);
  basin_experiment_free(e);
  double *strokes = malloc(3 * PIXELS * sizeof *strokes);
  for (int64_t i = 0; i < 3; i++) basin_strokes_draw(1, i, strokes + i * PIXELS);
  assert_ok(read_with(drawn, 2, &e, &error), error);
  check_inputs(e, 4, 6, strokes, SIDE);
  basin_experiment_free(e);
  free(strokes);
}

/* ---- steps ---- */

/* whole steps and mini-batches of the filter against plain loops, its risk, and nothing that is a closed form */
static void steps(void **unused) {
  static const char *const sets[] = {"gradient.sampled.inputs.batch=inf",
                                     "gradient.sampled.inputs.batch=3"};
  (void)unused;
  for (int batch = 0; batch < 2; batch++) {
    basin_experiment *e = experiment(sets[batch]);
    const basin_cell *cell = &e->cell[0];
    const basin_setting *s = &cell->setting;
    const int64_t k = s->size.rows, n = 5;
    double z[5 * K_MAX * P], label[5];
    basin_part part;
    test_run_cell(e, 0, &part);
    assert_int_equal(cell->model->inputs(s, 0, n, z, label), BASIN_OK);
    assert_int_equal(basin_observable_find(cell, "loss"), -1);
    for (int64_t trial = 0; trial < e->trials; trial++) {
      double w[3 * P]; /* at steps 0, 1 and 4 */
      const int64_t states = s->size.states;
      assert_int_equal(cell->model->vectors(s, trial, 3, part.state + trial * 3 * states, 0, w),
                       BASIN_OK);
      long double grad[P] = {0}, risk = 0;
      for (int64_t b = 0; b < (batch ? 3 : n) + n; b++) { /* then all of them, for the risk */
        const int64_t drawn = batch ? 3 : n;
        bits word[2];
        int64_t i = b < drawn ? b : b - drawn;
        basin_words(s->key, BASIN_STREAM_BATCH, (uint64_t)trial, 0, (uint64_t)(b / 2), &word[0],
                    &word[1]);
        if (batch && b < drawn) i = (int64_t)(r_uniform(word[b % 2]) * (double)n);
        long double r = -label[i], u[K_MAX];
        for (int64_t j = 0; j < k; j++) {
          u[j] = 0;
          for (int64_t q = 0; q < P; q++) u[j] += (long double)z[(i * k + j) * P + q] * w[q];
          r += fmaxl(u[j], 0) / k;
        }
        if (b >= drawn) risk += r * r / (2 * n);
        for (int64_t j = 0; j < k && b < drawn; j++)
          for (int64_t q = 0; q < P && u[j] > 0; q++)
            grad[q] += r * z[(i * k + j) * P + q] / (k * drawn);
      }
      assert_within(part.record[trial * 3] - (double)risk, -1e-14, 1e-14);
      for (int64_t q = 0; q < P; q++)
        assert_within(w[P + q] - (double)(w[q] - 0.1L * grad[q]), -1e-14, 1e-14);
    }
    basin_part_free(&part);
    basin_experiment_free(e);
  }
}

/* ---- what is refused, and what is another experiment ---- */

static void refused(void **unused) {
  static const hsize_t flat[2] = {5, 36};
  static const char *const wrong[][2] = {
      {"gradient.sampled.inputs.file=none.h5", "no HDF5 file that can be read"},
      {"gradient.sampled.inputs.file=flat.h5", "no array of images x height x width"},
      {"gradient.sampled.inputs.file=nan.h5", "a number of it is infinite, or none"},
      {"gradient.sampled.inputs.variable=pictures", "has no variable `pictures`"},
      {"gradient.sampled.inputs.images=6", "5 images, and 6 are asked for"},
      {"gradient.sampled.inputs.size=7", "the images have 6 x 6 pixels"},
      {"gradient.sampled.inputs.stride=2", "an image has 4 patches of 9 numbers"},
      {"gradient.sampled.inputs.batch=6", "from 1 to 5"},
      {"gradient.sampled.inputs={strokes: 4}", "inputs.size is missing"},
      {"gradient.sampled.inputs={file: a.h5}", "inputs.variable is missing"},
      {"gradient.sampled.inputs={file: a.h5, variable: images, stride: 2}",
       "goes with inputs.size"},
      {"gradient.sampled.law=uniform", "the inputs are patches of images"},
      {"gradient.sampled.sampler=direct", "goes with fresh inputs"},
      {"record.estimate={inputs: 100}", "there are no fresh inputs"},
      {"model=relu_sum", ""}};
  (void)unused;
  write_file("flat.h5", "images", 2, flat, 0);
  write_file("nan.h5", "images", 3, (const hsize_t[3]){5, 6, 6}, NAN);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    basin_experiment *e = NULL;
    basin_error error;
    if (read_with(&wrong[i][0], 1, &e, &error) != BASIN_BAD_INPUT)
      fail_msg("%s was taken", wrong[i][0]);
    if (!strstr(error.text, wrong[i][1])) fail_msg("%s: %s", wrong[i][0], error.text);
    if (strchr(error.text, '\n')) fail_msg("more than a line: %s", error.text);
  }
}

static void identities(void **unused) {
  static const hsize_t size[3] = {5, 6, 6};
  static const char *const other[] = {
      "gradient.sampled.inputs.file=other.h5",
      "gradient.sampled.inputs.images=4",
      "gradient.sampled.inputs.batch=2",
  };
  uint64_t seen[8];
  int count = 0;
  (void)unused;
  write_file("other.h5", "images", 3, size, 1e-9);
  write_file("same.h5", "pixels", 3, size, 0);
  basin_experiment *e = experiment(NULL);
  seen[count++] = e->identity;
  basin_experiment_free(e);
  e = experiment("gradient.sampled.inputs={file: same.h5, variable: pixels, size: 3}");
  assert_true(e->identity == seen[0]); /* the values are what counts */
  basin_experiment_free(e);
  for (int i = 0; i < 3; i++) {
    e = experiment(other[i]);
    for (int j = 0; j < count; j++) assert_true(seen[j] != e->identity);
    seen[count++] = e->identity;
    basin_experiment_free(e);
  }
  static const char *const strokes[][2] = {
      {"gradient.sampled.inputs={strokes: 4, size: 14, stride: 14}", "parameters={k: 4, p: 196}"},
      {"gradient.sampled.inputs={strokes: 5, size: 14, stride: 14}", "parameters={k: 4, p: 196}"},
      {"gradient.sampled.inputs={strokes: 4, size: 14, stride: 13}", "parameters={k: 4, p: 196}"},
      {"gradient.sampled.inputs={strokes: 4, size: 14, stride: 14, set: 1}",
       "parameters={k: 4, p: 196}"}};
  for (int i = 0; i < 4; i++) {
    basin_error error;
    assert_ok(read_with(strokes[i], 2, &e, &error), error);
    for (int j = 0; j < count; j++) assert_true(seen[j] != e->identity);
    seen[count++] = e->identity;
    basin_experiment_free(e);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(drawings), cmocka_unit_test(patches),
                                     cmocka_unit_test(steps), cmocka_unit_test(refused),
                                     cmocka_unit_test(identities)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
