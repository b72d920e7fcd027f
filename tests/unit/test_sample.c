/* SPDX-License-Identifier: MIT
 *
 * test_sample.c: what a sample foretells beside what happens: the steps of the whole run, the outcomes of the very
 * trials, those that had not ended. Steps are compared, not seconds: the machine need not be idle.
 */
#include "folder.h"
#include "run/sample.h"
#include <unistd.h>

static const char experiment_text[] =
    "grid: {k: [4, 16, 25]}\n"
    "trials: 600\n"
    "parameters: {p: 6}\n"
    "teacher: {a: {sum: 1, norm: 1}, v: {head: [0.6, 0.8]}}\n"
    "variants:\n"
    "  res: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}, schedule: [{eta: 0.02}]}\n"
    "  cnn: {model: cnn, init: {v: {sphere: 1}, a: {ball: 1}}, schedule: [{eta: 0.05}]}\n"
    "stop: {at: 1e-3, max_steps: 20000}\n"
    "allow: {unresolved: 1, diverged: 1}\n";

/* the trials of the run, one by one: outcome and steps */
typedef struct truth {
  basin_results *results;
  double outcome[600], steps[600];
} truth;

static void read_truth(truth *t, int64_t cell) {
  basin_error error;
  assert_ok(basin_results_read(t->results, "outcome", cell, 0, 600, t->outcome, &error), error);
  assert_ok(basin_results_read(t->results, "steps", cell, 0, 600, t->steps, &error), error);
}

static void run_whole(const basin_experiment *e, truth *t) {
  char path[128];
  basin_error error;
  snprintf(path, sizeof path, "%s/truth.h5", folder);
  unlink(path);
  const basin_run_options options = {.output = path, .backend = "cpu"};
  assert_ok(basin_run(e, &options, &error), error);
  assert_ok(basin_results_open(path, &t->results, &error), error);
}

/* A sample that has its time: the outcomes are those of these trials in the run, and the run's steps lie where it says,
   to within a fifth. */
static void foretold(void **unused) {
  const basin_run_options options = {.backend = "cpu", .threads = 3};
  basin_experiment *e = test_parse(experiment_text, NULL, 0);
  basin_sample s;
  basin_error error;
  static truth t;
  double steps = 0;
  (void)unused;
  assert_ok(basin_sample_run(e, &options, 3600, &s, &error), error);
  run_whole(e, &t);
  assert_int_equal(s.cells, e->cells);
  assert_int_equal(s.workers, 3);
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_sampled *cell = &s.cell[c];
    int64_t outcomes[BASIN_OUTCOMES_MAX] = {0};
    double sum = 0, most = 0;
    read_truth(&t, c);
    for (int i = 0; i < 600; i++) steps += t.steps[i];
    for (int i = 0; i < 64; i++) {
      outcomes[(int)t.outcome[i]]++;
      sum += t.steps[i];
      most = fmax(most, t.steps[i]);
    }
    assert_int_equal(cell->trials, 64);
    assert_int_equal(cell->open, 0);
    assert_memory_equal(cell->outcomes, outcomes, sizeof outcomes);
    assert_within(cell->mean, sum / 64 * (1 - 1e-12), sum / 64 * (1 + 1e-12));
    assert_true(cell->most <= cell->mean && cell->most >= cell->mean);
    assert_true((double)cell->bound <= most && (double)cell->bound >= most);
    assert_true(cell->slow > 0 && cell->fast >= cell->slow && cell->error > 0);
  }
  const basin_forecast f = basin_forecast_make(e, &s, 1000);
  assert_within(steps, f.steps[0] / 1.2, f.steps[1] * 1.2);
  assert_within(f.steps[1] / f.steps[0], 1, 2);
  assert_within(f.trials[0], 3600, 3600);
  assert_within(f.trials[1], 3600, 3600);
  assert_true(f.seconds[0] > 0 && f.seconds[1] >= f.seconds[0] && !f.open);

  /* of two parts one worker of the three is idle: the time is that of two */
  const basin_forecast fewer = basin_forecast_make(e, &s, 2);
  assert_within(fewer.seconds[0] / f.seconds[0], 1.5 - 1e-9, 1.5 + 1e-9);
  basin_results_close(t.results);
  basin_sample_free(&s);
  basin_experiment_free(e);
}

/* A sample whose time is over: what had not ended is open, has taken at least so many steps, and the truth lies between
   the two ends. */
static void cut_short(void **unused) {
  static const char *const set[] = {"stop={at: 1e-3, max_steps: 1000000000}", "grid.k=[25]",
                                    "variants.cnn.schedule=[{eta: 1e-9}]"};
  const basin_run_options options = {.backend = "cpu", .threads = 1};
  basin_experiment *e = test_parse(experiment_text, set, 3);
  basin_sample s;
  basin_error error;
  (void)unused;
  assert_ok(basin_sample_run(e, &options, 2.0 * (TEST_SLOWER > 4 ? 4 : TEST_SLOWER), &s, &error),
            error);
  assert_true(s.seconds < 60);
  const basin_sampled *res = &s.cell[0], *cnn = &s.cell[1];
  assert_int_equal(res->open, 0);
  assert_true(cnn->trials > 0 && cnn->open == cnn->trials);
  assert_true(cnn->bound >= 1024 && cnn->mean >= (double)cnn->bound);
  assert_within(cnn->most, 1e9, 1e9);
  const basin_forecast f = basin_forecast_make(e, &s, 1000);
  assert_int_equal(f.open, cnn->open);
  assert_true(f.steps[0] < 600e9 && f.steps[1] >= 600e9);
  basin_sample_free(&s);
  basin_experiment_free(e);
}

/* under `until` the number of trials is what the rates let expect: the true one lies between */
static void until_foretold(void **unused) {
  static const char *const set[] = {"until={halfwidth: 0.03, max_trials: 5000}", "trials=64",
                                    "stop={max_steps: 20000}"};
  const basin_run_options options = {.backend = "cpu", .threads = 2};
  basin_experiment *e = test_parse(experiment_text, set, 3);
  basin_sample s;
  basin_error error;
  basin_summary cell;
  static truth t;
  double trials = 0;
  (void)unused;
  assert_ok(basin_sample_run(e, &options, 3600, &s, &error), error);
  run_whole(e, &t);
  for (int64_t c = 0; c < e->cells; c++) {
    assert_ok(basin_results_summary(t.results, c, &cell, &error), error);
    trials += (double)cell.trials;
  }
  const basin_forecast f = basin_forecast_make(e, &s, 1000);
  assert_within(trials, f.trials[0], f.trials[1]);
  assert_true(f.trials[1] > f.trials[0] && f.trials[0] >= 64 * (double)e->cells);
  basin_results_close(t.results);
  basin_sample_free(&s);
  basin_experiment_free(e);
}

/* more cells than are sampled: they are spread over the grid, and stand for the others */
static void many_cells(void **unused) {
  static const char *const set[] = {"trials=3", "stop={max_steps: 64}",
                                    "teacher.a={sum: 1, norm: 1 + ratio/3000}"};
  const basin_run_options options = {.backend = "cpu", .threads = 2};
  char grid[32000] = "grid={k: [4], ratio: [1";
  const char *more[4] = {set[0], set[1], set[2], grid};
  basin_sample s;
  basin_error error;
  (void)unused;
  for (int i = 2; i <= 3000; i++) sprintf(grid + strlen(grid), ", %d", i);
  strcat(grid, "]}");
  basin_experiment *e = test_parse(experiment_text, more, 4);
  assert_int_equal(e->cells, 6000);
  assert_ok(basin_sample_run(e, &options, 3600, &s, &error), error);
  assert_int_equal(s.cells, 4096);
  int64_t gap = 0;
  for (int64_t c = 0; c < e->cells; c++) {
    gap = s.cell[c].trials ? 0 : gap + 1;
    assert_true(gap < 3 && (!s.cell[c].trials || s.cell[c].trials == 3));
  }
  const basin_forecast f = basin_forecast_make(e, &s, 1000);
  assert_within(f.trials[0], 18000 * (1 - 1e-9), 18000 * (1 + 1e-9));
  basin_sample_free(&s);
  basin_experiment_free(e);
}

/* one that is told to stop does so, and says so */
static void stopped(void **unused) {
  static const volatile int stop = 1;
  const basin_run_options options = {.backend = "cpu", .stop = &stop};
  basin_experiment *e = test_parse(experiment_text, NULL, 0);
  basin_sample s;
  basin_error error;
  (void)unused;
  assert_int_equal(basin_sample_run(e, &options, 3600, &s, &error), BASIN_INTERRUPTED);
  basin_sample_free(&s);
  basin_experiment_free(e);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(foretold),   cmocka_unit_test(cut_short), cmocka_unit_test(until_foretold),
      cmocka_unit_test(many_cells), cmocka_unit_test(stopped),
  };
  return cmocka_run_group_tests_name("sample", tests, make_folder, remove_folder);
}
