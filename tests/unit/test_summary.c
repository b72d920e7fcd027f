/* SPDX-License-Identifier: MIT
 *
 * test_summary.c: steps by outcome, beside sorted numbers: outputs are made, then filled with steps and outcomes drawn
 * here, of all sizes, with few trials and many, whole and partial. And what the file says that steps count.
 */
#include "folder.h"
#include "base/statistics.h"
#include "run/run.h"
#include "store/results.h"
#include <hdf5.h>
#include <unistd.h>

static const char experiment_text[] = "model: cnn\n"
                                      "grid: {k: [3, 4, 5]}\n"
                                      "parameters: {p: 2}\n"
                                      "teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}\n"
                                      "init: {v: {sphere: 1}, a: {ball: 1}}\n"
                                      "schedule: [{eta: 0.2}]\n"
                                      "record: {trials: 0, final: []}\n";
enum { CELLS = 3 };
static char output[64];

static int set_up(void **unused) {
  if (make_folder(unused)) return -1;
  snprintf(output, sizeof output, "%s/out.h5", folder);
  return 0;
}

static void run_with(const char *const *set, int sets) {
  basin_experiment *e = test_parse(experiment_text, set, sets);
  const basin_run_options options = {.output = output, .threads = 1, .no_provenance = 1};
  basin_error error;
  unlink(output);
  assert_ok(basin_run(e, &options, &error), error);
  basin_experiment_free(e);
}

static void write_variable(hid_t file, const char *name, hid_t type, const void *value) {
  const hid_t id = H5Dopen2(file, name, H5P_DEFAULT);
  assert_true(id >= 0 && H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
  H5Dclose(id);
}

static int ascending(const void *a, const void *b) {
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static void assert_steps(const basin_steps *s, int64_t *value, int64_t n) {
  double sum = 0;
  if (!n) {
    assert_true(isnan(s->median) && isnan(s->low) && isnan(s->high) && isnan(s->mean));
    assert_true(s->max == -1);
    return;
  }
  qsort(value, (size_t)n, sizeof *value, ascending);
  for (int64_t i = 0; i < n; i++) sum += (double)value[i];
  assert_true(s->median == ((double)value[(n - 1) / 2] + (double)value[n / 2]) / 2);
  assert_true(s->max == value[n - 1]);
  assert_within(s->mean, sum / (double)n * (1 - 1e-12), sum / (double)n * (1 + 1e-12));
  const int64_t low = basin_median_rank(n);
  if (low < 0) assert_true(isnan(s->low) && isnan(s->high) && n < 6);
  else assert_true(s->low == (double)value[low] && s->high == (double)value[n - 1 - low]);
}

/* draws outcomes and steps below `most`, some trials missing, writes them, and compares what is counted */
static void draw_and_compare(int64_t trials, int64_t most, int outcomes, int partial,
                             uint64_t *state) {
  const size_t n = (size_t)(CELLS * trials);
  int8_t *outcome = malloc(n);
  int64_t *steps = malloc(n * sizeof *steps), *of = malloc((size_t)trials * sizeof *of);
  int64_t count[CELLS] = {0}, missing = 0;
  basin_results *results;
  basin_error error;
  assert_true(outcome && steps && of);
  for (size_t i = 0; i < n; i++) {
    const int there = !partial || test_random(state) % 4;
    outcome[i] = -1;
    steps[i] = -1;
    if (there) outcome[i] = (int8_t)(test_random(state) % (uint64_t)outcomes);
    if (there) steps[i] = (int64_t)(test_random(state) % (uint64_t)most);
    if (there && test_random(state) % 8 == 0) steps[i] = most - 1; /* ties */
    count[(int64_t)i / trials] += there;
    missing += !there;
  }
  const hid_t file = H5Fopen(output, H5F_ACC_RDWR, H5P_DEFAULT);
  write_variable(file, "outcome", H5T_NATIVE_INT8, outcome);
  write_variable(file, "steps", H5T_NATIVE_INT64, steps);
  write_variable(file, "trials", H5T_NATIVE_INT64, count);
  if (H5Lexists(file, "checksum", H5P_DEFAULT) > 0) H5Ldelete(file, "checksum", H5P_DEFAULT);
  if (H5Aexists(file, "trials_missing") > 0) H5Adelete(file, "trials_missing");
  if (missing) {
    const hid_t space = H5Screate(H5S_SCALAR),
                attribute = H5Acreate2(file, "trials_missing", H5T_NATIVE_INT64, space, H5P_DEFAULT,
                                       H5P_DEFAULT);
    assert_true(H5Awrite(attribute, H5T_NATIVE_INT64, &missing) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
  }
  H5Fclose(file);

  assert_ok(basin_results_open(output, &results, &error), error);
  for (int64_t c = 0; c < CELLS; c++) {
    basin_summary s;
    int64_t all = 0;
    assert_ok(basin_results_summary(results, c, &s, &error), error);
    for (int o = 0; o < BASIN_OUTCOMES; o++) {
      int64_t alike = 0;
      for (int64_t t = 0; t < trials; t++)
        if (outcome[c * trials + t] == o) of[alike++] = steps[c * trials + t];
      assert_true(s.outcomes[o] == alike);
      assert_steps(&s.steps[o], of, alike);
    }
    for (int64_t t = 0; t < trials; t++)
      if (outcome[c * trials + t] >= 0) of[all++] = steps[c * trials + t];
    assert_true(s.trials == all);
    if (!all) continue;
    qsort(of, (size_t)all, sizeof *of, ascending);
    assert_true(s.steps_median == ((double)of[(all - 1) / 2] + (double)of[all / 2]) / 2);
    assert_true(s.steps_max == of[all - 1]);
  }
  basin_results_close(results);
  free(of);
  free(steps);
  free(outcome);
}

static void steps_by_outcome(void **unused) {
  static const int64_t trials[] = {1, 2, 7, 64, 501, 70000};
  uint64_t state = 11;
  (void)unused;
  for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
    char word[32];
    const char *set[] = {word};
    snprintf(word, sizeof word, "trials=%lld", (long long)trials[i]);
    run_with(set, 1);
    for (int bits = 0; bits <= 40; bits += i < 5 ? 4 : 20) /* as many digits as steps may have */
      for (int outcomes = 1; outcomes <= BASIN_OUTCOMES; outcomes += 2)
        draw_and_compare(trials[i], (int64_t)1 << bits, outcomes, bits % 8 == 4, &state);
  }
}

/* what is no number of steps, in a trial that is there, is damage */
static void damage(void **unused) {
  static const int64_t wrong[] = {-1, ((int64_t)1 << 40) + 1};
  const char *set[] = {"trials=4"};
  (void)unused;
  for (int i = 0; i < 2; i++) {
    basin_results *results;
    basin_summary s;
    basin_error error;
    int64_t steps[CELLS * 4] = {[CELLS * 4 - 1] = wrong[i]};
    run_with(set, 1);
    const hid_t file = H5Fopen(output, H5F_ACC_RDWR, H5P_DEFAULT);
    write_variable(file, "steps", H5T_NATIVE_INT64, steps);
    H5Ldelete(file, "checksum", H5P_DEFAULT);
    H5Fclose(file);
    assert_ok(basin_results_open(output, &results, &error), error);
    assert_ok(basin_results_summary(results, 0, &s, &error), error);
    assert_int_equal(basin_results_summary(results, CELLS - 1, &s, &error), BASIN_BAD_INPUT);
    basin_results_close(results);
  }
}

/* what the steps of each cell count, and what the file says of them to every reader */
static void what_steps_count(void **unused) {
  static const char *const variants =
      "variants={proved: {}, reached: {stop: {at: 1e-3, at_spurious: 0.1}}}";
  static const struct {
    const char *set[2];
    int sets;
    basin_steps_to to[2]; /* of the first and the last cell */
    const char *said;
  } row[] = {
      {{"trials=4"}, 1, {BASIN_STEPS_PROVED, BASIN_STEPS_PROVED}, "was proved, by the early rule"},
      {{"trials=4", "stop={at: 1e-3, at_spurious: 0.1}"},
       2,
       {BASIN_STEPS_REACHED, BASIN_STEPS_REACHED},
       "was reached"},
      {{"trials=4", variants},
       2,
       {BASIN_STEPS_PROVED, BASIN_STEPS_REACHED},
       "was reached, or, where early_rule is 1, proved"},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    basin_results *results;
    basin_error error;
    basin_summary s;
    basin_array array;
    run_with(row[i].set, row[i].sets);
    assert_ok(basin_results_open(output, &results, &error), error);
    for (int j = 0; j < 2; j++) {
      const int64_t cell = j ? basin_results_cells(results) - 1 : 0;
      assert_ok(basin_results_summary(results, cell, &s, &error), error);
      assert_int_equal(s.steps_to, row[i].to[j]);
    }
    assert_ok(basin_results_array_find(results, "steps", &array, &error), error);
    assert_non_null(strstr(array.meaning, row[i].said));
    basin_results_close(results);
  }

  /* an older file does not say */
  basin_results *results;
  basin_error error;
  basin_summary s;
  const hid_t file = H5Fopen(output, H5F_ACC_RDWR, H5P_DEFAULT);
  H5Ldelete(file, "early_rule", H5P_DEFAULT);
  H5Ldelete(file, "checksum", H5P_DEFAULT);
  H5Fclose(file);
  assert_ok(basin_results_open(output, &results, &error), error);
  assert_ok(basin_results_summary(results, 0, &s, &error), error);
  assert_int_equal(s.steps_to, BASIN_STEPS_UNKNOWN);
  basin_results_close(results);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_by_outcome),
      cmocka_unit_test(damage),
      cmocka_unit_test(what_steps_count),
  };
  return cmocka_run_group_tests_name("summary", tests, set_up, remove_folder);
}
