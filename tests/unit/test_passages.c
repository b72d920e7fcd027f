/* SPDX-License-Identifier: MIT
 *
 * test_passages.c: first passages. Against a plain loop over records of every step, for every kind of state; the same
 * bits whatever the neighbours, the instruction set and the pauses; what is read back from a file, and the lines
 * through it.
 */
#include "compare.h"
#include "folder.h"
#include "engine/cpu.h"
#include "base/statistics.h"
#include "run/halving.h"
#include "store/results.h"

static const char text[] =
    "grid: {k: [5], n: [2, 3]}\n"
    "trials: 80\n"
    "parameters: {p: 6}\n"
    "teacher: {a: {sum: 1, norm: 1}, v: {head: [0.6, 0.8]}}\n"
    "variants:\n"
    "  res: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}, schedule: [{steps: 13, eta: "
    "0.02}, {eta: 0.05}]}\n"
    "  cnn: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, stop: {at: 1e-3, max_steps: "
    "300}}\n"
    "  bad: {model: cnn, init: {v: {sphere: 1}, a: {ball: 1}}, schedule: [{eta: 9}]}\n"
    "  half: {model: cnn, init: {v: {sphere: 1}, a: {ball: 1}}, schedule: [{eta: 4}], "
    "on_divergence: halve}\n"
    "  dir: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, stop: {max_steps: 60},"
    " gradient: {sampled: {inputs: 2, sampler: direct}}}\n"
    "  sum: {model: relu_sum, parameters: {m: 2, d: 5}, teacher: {v: {normal: 1}}, init: {w: "
    "{normal: 1}}, stop: {at: 1e-6, max_steps: 90}}\n"
    "  flow: {model: relu_sum, parameters: {m: 2, d: 5}, teacher: {v: {normal: 1}}, init: {w: "
    "{normal: 1}}, stop: {at: 1e-4, max_steps: 20}, method: gradient_flow}\n"
    "  set: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, stop: {max_steps: 60},"
    " gradient: {sampled: {inputs: {fixed: 9, batch: 3}}}}\n"
    "schedule: [{eta: 0.2}]\n"
    "stop: {max_steps: 200}\n"
    "record:\n"
    "  trials: 80\n"
    "  steps: {every: 1}\n"
    "  final: all\n"
    "  parameters: true\n"
    "  passages: {loss: {below: [1, 1e-1, 1e-2, 1e-30], above: [0.2, n]}, phi: {above: 0.5},"
    " train_loss: {below: [0.5, 0.1]}}\n";

/* ---- against a plain loop ---- */

/* the first recorded step at which the observable is at the level or past it, no later than the trial's end; strict: a
   level that is met does not count, as it must */
static int64_t plain(const basin_experiment *e, const basin_part *part, int64_t trial,
                     const char *observable, int above, double level, int strict) {
  int o = 0;
  while (strcmp(e->observable[o], observable) != 0) o++;
  for (int64_t t = 0; t < e->times && e->time[t] <= part->steps[trial]; t++) {
    const double seen = part->record[(o * part->recorded + trial) * e->times + t];
    if (strict ? (above ? seen > level : seen < level) : (above ? seen >= level : seen <= level))
      return e->time[t];
  }
  return -1;
}

typedef struct tally {
  int64_t later, never, at_0, apart; /* apart: where a strict comparison gives another step */
} tally;

static void compare_cell(const basin_experiment *e, int64_t cell, const basin_part *part,
                         tally *seen) {
  for (int p = 0; p < e->passages; p++) {
    int l = 0;
    while (p >= e->ladder[l].first + e->ladder[l].count) l++;
    const basin_passage *of = &e->cell[cell].passage[p];
    for (int64_t i = 0; i < part->count; i++) {
      const int64_t found = part->passage[p * part->count + i];
      const int64_t right = of->observable < 0 ? -1
                                               : plain(e, part, i, e->ladder[l].observable,
                                                       e->ladder[l].above, of->level, 0);
      if (found != right)
        fail_msg("cell %lld, passage %d, trial %lld: step %lld, expected %lld", (long long)cell,
                 p + 1, (long long)i, (long long)found, (long long)right);
      if (of->observable < 0) continue;
      seen->later += found > 0, seen->never += found < 0, seen->at_0 += found == 0;
      seen->apart += found !=
                     plain(e, part, i, e->ladder[l].observable, e->ladder[l].above, of->level, 1);
    }
  }
}

static void run_whole(const basin_experiment *e, int64_t cell, basin_part *part) {
  basin_backend backend;
  basin_error error;
  basin_watch watch = {0};
  const basin_job job = basin_part_job(e, cell, 0, e->trials);
  assert_ok(basin_part_allocate(&job, part, &error), error);
  assert_ok(basin_cpu_open(NULL, 1, &backend, &error), error);
  assert_ok(basin_run_part(&backend, 0, &job, part, &watch, &error), error);
  backend.close(backend.self);
}

static void by_a_plain_loop(void **unused) {
  basin_experiment *e = test_parse(text, NULL, 0);
  tally seen = {0};
  (void)unused;
  assert_true(e->ladders == 4 && e->passages == 9 && e->cells == 16);
  for (int64_t cell = 0; cell < e->cells; cell++) {
    basin_part part;
    run_whole(e, cell, &part);
    compare_cell(e, cell, &part, &seen);
    basin_part_free(&part);
  }
  if (seen.later < 1000 || seen.never < 1000 || seen.at_0 < 1000)
    fail_msg("too few to tell: %lld later, %lld never, %lld at the start", (long long)seen.later,
             (long long)seen.never, (long long)seen.at_0);
  basin_experiment_free(e);
}

/* a level that a trial meets exactly, and nothing between it and the step before: it counts */
static void a_level_that_is_met(void **unused) {
  basin_experiment *e = test_parse(text, NULL, 0);
  basin_part part;
  char set[96];
  tally seen = {0};
  (void)unused;
  run_whole(e, 2, &part);
  int loss = 0;
  while (strcmp(e->observable[loss], "loss") != 0) loss++;
  snprintf(set, sizeof set, "record.passages={loss: {below: %.17g}}",
           part.record[loss * part.recorded * e->times + 37]);
  basin_part_free(&part);
  basin_experiment_free(e);
  e = test_parse(text, (const char *[]){set}, 1);
  run_whole(e, 2, &part);
  compare_cell(e, 2, &part, &seen);
  assert_int_equal(seen.apart, 1);
  assert_int_equal(part.passage[0], 37);
  basin_part_free(&part);
  basin_experiment_free(e);
}

/* ---- bits ---- */

/* Other instruction sets, other neighbours, pauses wherever there can be one: the same. And a trial is what it would be
   without passages. */
static void same_bits(void **unused) {
  static const char *const without[] = {"record.passages=none"};
  basin_experiment *e = test_parse(text, NULL, 0), *plain_one = test_parse(text, without, 1);
  (void)unused;
  assert_true(plain_one->passages == 0 && plain_one->identity != e->identity);
  for (int64_t cell = 0; cell < e->cells; cell += 2) {
    basin_part part, other;
    if (e->cell[cell].setting.halve || e->cell[cell].setting.gradient.set_size) continue;
    test_same_bits(e, cell);
    assert_true(e->cell[cell].identity == plain_one->cell[cell].identity);
    run_whole(e, cell, &part);
    run_whole(plain_one, cell, &other);
    assert_null(other.passage);
    assert_memory_equal(part.outcome, other.outcome, (size_t)part.count);
    assert_memory_equal(part.steps, other.steps, (size_t)part.count * sizeof *part.steps);
    assert_memory_equal(part.record, other.record,
                        (size_t)(part.recorded * e->times * e->observables) * sizeof *part.record);
    basin_part_free(&part);
    basin_part_free(&other);
  }
  basin_experiment_free(e);
  basin_experiment_free(plain_one);
}

/* ---- files ---- */

/* a part half done, of trials that have gone back behind a passage: it comes again; one later than a trial's end is
   damage */
static void gone_back(void **unused) {
  basin_experiment *e = test_parse(text, NULL, 0);
  const basin_job job = basin_part_job(e, 10, 0, 80);
  basin_watch pausing = {.stop = 1}, watch = {0};
  basin_part whole, part;
  basin_error error;
  int64_t later = 0;
  (void)unused;
  run_whole(e, 10, &whole);
  assert_ok(basin_part_allocate(&job, &part, &error), error);
  for (int i = 0; i < 3; i++)
    assert_int_equal(basin_cpu_run(&job, BASIN_ISA_GENERIC, &part, &pausing), BASIN_INTERRUPTED);
  assert_true(part.flights > 0);
  for (int64_t f = 0; f < part.flights; f++)
    for (int p = 0; p < 4; p++) {
      int64_t *step = &part.passage[p * part.count + part.flight[f].trial];
      if (*step < 0) *step = part.flight[f].step + 5, later++;
    }
  assert_true(later > 0);
  assert_int_equal(basin_cpu_run(&job, BASIN_ISA_GENERIC, &part, &watch), BASIN_OK);
  test_same_part(e, 10, &whole, &part);
  part.flights = 0; /* those of the pauses mean nothing any more */

  basin_parts parts;
  for (int wrong = 0; wrong < 3; wrong++) {
    int64_t *step = &part.passage[3 * part.count + 7];
    const int64_t right = *step;
    if (wrong == 1) *step = part.steps[7] + 1;
    if (wrong == 2) *step = -2;
    assert_ok(basin_part_write(folder, e->identity, 10, &job, &part, &error), error);
    assert_ok(basin_parts_list(folder, e, 1, &parts, &error), error);
    assert_true(parts.count == (wrong == 0) && parts.damageds == (wrong > 0));
    basin_parts_free(&parts);
    *step = right;
  }
  basin_part_free(&whole);
  basin_part_free(&part);
  basin_experiment_free(e);
}

/* a file of doubles, by cell and passage, -1 for never */
static basin_results *run_file(const char *const *set, int sets, const char *name) {
  basin_experiment *e = test_parse(text, set, sets);
  basin_results *results;
  basin_error error;
  char path[128];
  snprintf(path, sizeof path, "%s/%s.h5", folder, name);
  const basin_status status = basin_run(
      e, &(basin_run_options){.output = path, .threads = 1, .part_trials = 33}, &error);
  if (status && status != BASIN_OUTSIDE) fail_msg("%s", error.text);
  assert_ok(basin_results_open(path, &results, &error), error);
  basin_experiment_free(e);
  return results;
}

static const char *const few[] = {
    "variants={cnn: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, stop: {at: 1e-7, "
    "at_spurious: 1e-3, max_steps: 400}}}",
    "grid={k: [4, 9, 16]}",
    "record={passages: {loss: {below: [1e-2, 1e-3, 1e-4, 1e-5]}, phi: {above: 1}}}", "trials=100"};

static int by_number(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void counted(void **unused) {
  basin_results *r = run_file(few, 4, "counted");
  basin_error error;
  double value[100], outcome[100];
  (void)unused;
  assert_int_equal(basin_results_passages(r), 5);
  for (int64_t cell = 0; cell < 3; cell++)
    for (int number = 1; number <= 5; number++) {
      basin_passages p;
      char name[32];
      int64_t passed = 0, open = 0;
      snprintf(name, sizeof name, "passage_%d", number);
      assert_ok(basin_results_passage(r, cell, number, &p, &error), error);
      assert_ok(basin_results_read(r, name, cell, 0, 100, value, &error), error);
      assert_ok(basin_results_read(r, "outcome", cell, 0, 100, outcome, &error), error);
      for (int i = 0; i < 100; i++) {
        open += value[i] < 0 && outcome[i] == BASIN_UNRESOLVED;
        if (value[i] >= 0) value[passed++] = value[i];
      }
      qsort(value, (size_t)passed, sizeof *value, by_number);
      assert_string_equal(p.observable, number < 5 ? "loss" : "phi");
      assert_int_equal(p.above, number == 5);
      assert_within(p.level, number < 5 ? pow(10, -number - 1) * 0.999 : 1,
                    number < 5 ? pow(10, -number - 1) * 1.001 : 1);
      assert_true(p.trials == 100 && p.passed == passed && p.open == open);
      if (!passed) continue;
      assert_within(p.steps.median, (value[(passed - 1) / 2] + value[passed / 2]) / 2,
                    (value[(passed - 1) / 2] + value[passed / 2]) / 2);
      assert_int_equal(p.steps.max, (int64_t)value[passed - 1]);
      const int64_t low = basin_median_rank(passed);
      if (low >= 0) assert_within(p.steps.low, value[low], value[low]);
    }
  basin_passages p;
  assert_int_equal(basin_results_passage(r, 0, 6, &p, &error), BASIN_BAD_INPUT);
  assert_int_equal(basin_results_passage(r, 3, 1, &p, &error), BASIN_BAD_INPUT);
  basin_results_close(r);
}

/* slope by least squares, by its normal equations */
static double slope(const double *x, const double *y, int n) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (int i = 0; i < n; i++) sx += x[i], sy += y[i], sxx += x[i] * x[i], sxy += x[i] * y[i];
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

static void assert_near(double value, double right) {
  assert_within(value, right - 1e-9 * fabs(right), right + 1e-9 * fabs(right));
}

static void lines(void **unused) {
  basin_results *r = run_file(few, 4, "lines");
  basin_passage_rates rates;
  basin_error error;
  double value[4][100], sum[4] = {0};
  int64_t used = 0;
  (void)unused;

  /* along the levels of cell 1: every trial its own line */
  for (int p = 0; p < 4; p++) {
    char name[32];
    snprintf(name, sizeof name, "passage_%d", p + 1);
    assert_ok(basin_results_read(r, name, 1, 0, 100, value[p], &error), error);
  }
  for (int t = 0; t < 100; t++) {
    const double number[4] = {1, 2, 3, 4};
    double y[4], log_y[4], fold[4];
    if (value[3][t] < 0) continue;
    for (int p = 0; p < 4; p++) {
      y[p] = value[p][t], log_y[p] = log(value[p][t]);
      fold[p] = -log(pow(10, -2 - p));
    }
    sum[0] += slope(number, y, 4), sum[1] += slope(number, log_y, 4);
    sum[2] += slope(fold, y, 4), sum[3] += slope(fold, log_y, 4);
    used++;
  }
  assert_true(used > 20 && used < 100);
  assert_ok(basin_results_passage_rates(r, 1, 1, 4, &rates, &error), error);
  assert_true(rates.trials == used && rates.left_out == 100 - used);
  assert_near(rates.steps.value, sum[0] / (double)used);
  assert_near(rates.factor.value, exp(sum[1] / (double)used));
  assert_near(rates.per_fold.value, sum[2] / (double)used);
  assert_near(rates.power.value, sum[3] / (double)used);
  assert_true(rates.steps.low < rates.steps.value && rates.steps.value < rates.steps.high);
  assert_true(rates.factor.low > 1 && rates.factor.high < 10);

  /* one passage along k = 4, 9, 16: lines through means, and the variance of the slope by its definition */
  const int64_t cell[3] = {0, 1, 2};
  const double k[3] = {4, 9, 16};
  double mean[3], variance = 0;
  for (int c = 0; c < 3; c++) {
    double of[100], square = 0;
    int n = 0;
    mean[c] = 0;
    assert_ok(basin_results_read(r, "passage_2", c, 0, 100, value[0], &error), error);
    for (int t = 0; t < 100; t++)
      if (value[0][t] >= 0) of[n++] = value[0][t];
    for (int t = 0; t < n; t++) mean[c] += of[t] / n;
    for (int t = 0; t < n; t++) square += (of[t] - mean[c]) * (of[t] - mean[c]) / (n - 1);
    const double unit[3] = {c == 0, c == 1, c == 2}, weight = slope(k, unit, 3);
    variance += weight * weight * square / n;
  }
  assert_ok(basin_results_passage_along(r, 2, cell, k, 3, &rates, &error), error);
  assert_near(rates.steps.value, slope(k, mean, 3));
  assert_within((rates.steps.high - rates.steps.value) / sqrt(variance), 1.97, 2.1);
  assert_within((rates.steps.value - rates.steps.low) / sqrt(variance), 1.97, 2.1);

  assert_int_equal(basin_results_passage_rates(r, 1, 4, 5, &rates, &error), BASIN_BAD_INPUT);
  assert_ok(basin_results_passage_along(r, 2, cell, k, 1, &rates, &error), error);
  assert_true(*rates.reason);
  basin_results_close(r);
}

/* ---- what is refused ---- */

static void refused(void **unused) {
  static const char *const wrong[][2] = {
      {"record.passages={loss: {below: [1e-4, 1e-2]}}", "expected falling levels"},
      {"record.passages={loss: {above: [1, 1]}}", "expected rising levels"},
      {"record.passages={lss: {below: 1}}", "no observable `lss`"},
      {"record.passages={loss: {at: 1}}", "unknown key `at`"},
      {"record.passages={loss: 1}", "expected a mapping"},
      {"record.passages={loss: {}}", "expected `below` or `above`"},
      {"record.passages=[loss]", "expected a mapping, as in"},
      {"record.passages={loss: {below: {range: [1, 2000]}}}", "falling levels"},
      {"record.passages={loss: {above: {range: [1, 2000]}}}", "more than 1000 levels"},
      {"record.passages={loss: {below: 1, above: 1}, phi: {below: 1, above: 1}, train_loss: "
       "{below: 1}}",
       "more than 4 observables and directions"}};
  basin_experiment *e;
  basin_error error;
  (void)unused;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const basin_status status = basin_experiment_parse("t.yaml", text, (int64_t)strlen(text),
                                                       &wrong[i][0], 1, &e, &error);
    assert_int_equal(status, BASIN_BAD_INPUT);
    if (!strstr(error.text, wrong[i][1])) fail_msg("%s: not %s", error.text, wrong[i][1]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(by_a_plain_loop), cmocka_unit_test(a_level_that_is_met),
      cmocka_unit_test(same_bits),       cmocka_unit_test(gone_back),
      cmocka_unit_test(counted),         cmocka_unit_test(lines),
      cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests_name("passages", tests, make_folder, remove_folder);
}
