/* SPDX-License-Identifier: MIT
 *
 * test_teams.c: the CUDA backend where the state is an array and a team of threads shares a trial (cuda/lanes/teams.h),
 * in the simulator of tests/cudasim: the same bits as the lanes of the CPU, whatever the size of the team, whether its
 * memory is shared or the device's, and whoever goes on with the part.
 */
#include "backends.h"

/* k = 1, 2, 5, 16: teams of 1, 2, 8, 16 threads; 33 and 40: columns with two patches */
static const char experiment_text[] =
    "grid: {k: [1, 2, 5, 16, 33, 40], p: [2, 3, 8, 9], B: [1, 3]}\n"
    "trials: 300\n"
    "teacher: {a: 0.4, v: {head: [0.6, 0.8]}}\n"
    "variants:\n"
    "  res direct: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}},"
    " gradient: {sampled: {inputs: B, sampler: direct}}}\n"
    "  res projected: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}},"
    " gradient: {sampled: {inputs: B, sampler: projected}}}\n"
    "  cnn direct: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}},"
    " gradient: {sampled: {inputs: B, sampler: direct}}}\n"
    "  cnn projected: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}},"
    " gradient: {sampled: {inputs: B, sampler: projected}}}\n"
    "  res mixed: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}},"
    " gradient: {sampled: {inputs: 6 * B, sampler: direct, precision: mixed}}}\n"
    "  cnn mixed: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}},"
    " gradient: {sampled: {inputs: B, sampler: direct, precision: mixed}}}\n"
    "schedule: [{steps: 13, eta: 0.02}, {eta: 0.1}]\n"
    "stop: {max_steps: 37}\n"
    "record: {trials: 300, steps: [0, 1, 2, 3, 13, 14, 16, 33, 37], parameters: true, final: "
    "all}\n";

/* too large for shared memory */
static const char large[] = "grid={k: [33, 40], p: [100], B: [2]}";
/* few trials fit into the shared memory of the device at a time */
static const char wide[] = "grid={k: [40], p: [65], B: [1]}";

static basin_experiment *experiment_with(const char *const *set, int sets) {
  return test_parse(experiment_text, set, sets);
}

/* every cell, at a high trial number too, by both rules */
static void same_part(void **unused) {
  static const char *const rules[][2] = {
      {"stop.at=0.5", TEST_SLOWER > 1 ? "stop.max_steps=17" : "stop.max_steps=37"},
      {"stop.max_steps=37", "grid={k: [2, 40], p: [3], B: [3]}"}};
  (void)unused;
  for (int rule = 0; rule < 2; rule++) {
    basin_experiment *e = experiment_with(rules[rule], 2);
    for (int64_t cell = 0; cell < e->cells; cell++)
      compare_part(e, cell, cell % 2 * 1000000000007, 5);
    basin_experiment_free(e);
  }
}

/* trials that begin again with half the step sizes, and pauses while others are under way: the same bits */
static void halved(void **unused) {
  static const char neuron[] =
      "model: relu_sum\n"
      "trials: 40\n"
      "grid: {n: [3, 8]}\n"
      "parameters: {d: 4, m: 2, span: 0}\n"
      "teacher: {v: {normal: 1}}\n"
      "init: {w: {normal: 0.3}}\n"
      "schedule: [{eta: 9}]\n"
      "on_divergence: halve\n"
      "stop: {at: 1e-6, max_steps: 200}\n"
      "record: {trials: 40, steps: [0, 1, 20], parameters: true, final: all}\n";
  (void)unused;
  static const char *const fewer[] = {"stop.max_steps=60", "trials=16"};
  basin_experiment *e = test_parse(neuron, fewer, TEST_SLOWER > 1 ? 2 : 0);
  int pauses = 0, flights = 0;
  for (int64_t cell = 0; cell < e->cells; cell++)
    run_in_turns(e, cell, 0, e->trials, 0, &pauses, &flights);
  if (pauses < 5 || flights <= pauses) fail_msg("only %d pauses, %d flights", pauses, flights);
  basin_experiment_free(e);
}

/* the matrix factorisation, in arrays, watched and in four scalars, with steps that fall, by both rules */
static void factorisation(void **unused) {
  static const char text[] =
      "model: factorisation\n"
      "trials: 40\n"
      "grid: {r: [1, 2, 5]}\n"
      "parameters: {d1: 9, d2: 7, reg: 0.5}\n"
      "teacher: {sigma: {blocks: [[1, 1], [0.5, r - 1]]}}\n"
      "init: {U: {normal: 0.3}, V: {normal: 0.1}}\n"
      "schedule: [{steps: 9, eta: 0.3}, {eta: 0.6/(t + 1)^0.1}]\n"
      "variants:\n"
      "  plain: {}\n"
      "  watched: {parameters: {d1: 9, d2: 7, reg: 0.5, watch: 1}}\n"
      "  halved: {schedule: [{eta: 9/(t + 1)^0.2}], on_divergence: halve}\n"
      "stop: {max_steps: 90}\n"
      "record: {trials: 40, steps: [0, 1, 7, 9, 50], parameters: true, final: all}\n";
  static const char *const rules[] = {"stop={at: 1e-3, at_gradient: 1e-4, max_steps: 90}",
                                      "trials=40"};
  int pauses = 0, flights = 0;
  (void)unused;
  for (int rule = 0; rule < 2; rule++) {
    basin_experiment *e = test_parse(text, &rules[rule], 1);
    for (int64_t cell = 0; cell < e->cells; cell++) {
      if (!e->cell[cell].setting.halve) compare_part(e, cell, cell % 2 * 1000000000007, 7);
      if (TEST_SLOWER == 1 || rule == 0)
        run_in_turns(e, cell, 0, TEST_SLOWER > 4 ? 6 : 12, 0, &pauses, &flights);
    }
    basin_experiment_free(e);
  }
  if (pauses < 5 || flights <= pauses) fail_msg("only %d pauses, %d flights", pauses, flights);
}

/* kinds that take many steps in one go: whole, and in turns with the CPU, by both rules, with passages that leaps may
   pass and with such that they may not; beside one that does not leap */
static void leaping(void **unused) {
  static const char octopus[] =
      "model: octopus\n"
      "trials: 24\n"
      "grid: {d: [1, 4, 7]}\n"
      "init: {x: {uniform: [-1, 1]}}\n"
      "schedule: [{steps: 37, eta: 0.05}, {steps: 60, eta: 0.15}, {eta: 1/(4*L)}]\n"
      "stop: {passed: d, max_steps: 1e9}\n"
      "variants: {leaps: {}, early: {stop: {max_steps: 2000}}, near: {stop: {at: 1e-6, max_steps: "
      "2e4}}, perturbed: {method: {perturbed: {radius: 0.1, below: 0.1}}, stop: {passed: d, "
      "max_steps: 90}}}\n"
      "record: {trials: 24, steps: {log: 12}, parameters: true, final: all}\n";
  static const char *const set[] = {"record.passages={f: {below: [-1, -100]}, passed: {above: 1}}",
                                    "grid.d=[2]", TEST_SLOWER > 4 ? "trials=6" : "trials=24"};
  (void)unused;
  for (int watched = 0; watched < 2; watched++) {
    basin_experiment *e = test_parse(octopus, watched ? set : set + 2, watched ? 3 : 1);
    int pauses = 0, flights = 0;
    for (int64_t cell = 0; cell < e->cells; cell++) {
      compare_part(e, cell, 1000000000007, e->trials);
      run_in_turns(e, cell, 0, e->trials / 3, 0, &pauses, &flights);
    }
    if (pauses < 20 || flights <= pauses) fail_msg("only %d pauses, %d flights", pauses, flights);
    basin_experiment_free(e);
  }
}

/* trials that diverge, some at once */
static void diverging(void **unused) {
  static const char *const set[] = {"schedule=[{eta: 3000}]",
                                    "grid={k: [1, 5, 33], p: [3], B: [2]}"};
  (void)unused;
  basin_experiment *e = experiment_with(set, 2);
  for (int64_t cell = 0; cell < e->cells; cell++) {
    basin_job job;
    basin_error error;
    basin_part part;
    basin_watch watch = {0};
    int diverged = 0;
    compare_part(e, cell, 7, 9);
    make_job(e, cell, 7, 9, &job, &part);
    assert_ok(run_on(1, &job, &part, &watch, &error), error);
    for (int64_t i = 0; i < part.count; i++) diverged += part.outcome[i] == BASIN_DIVERGED;
    assert_true(diverged > 0);
    basin_part_free(&part);
  }
  basin_experiment_free(e);
}

/* memory of the device for the teams; more trials than teams there, and in shared memory */
static void few_slots(void **unused) {
  static const char *const in_device[] = {large, "stop.max_steps=2", "record.trials=3"};
  static const char *const in_shared[] = {
      wide, "record.trials=20", TEST_SLOWER > 1 ? "stop.max_steps=3" : "stop.max_steps=37"};
  (void)unused;
  basin_experiment *e = experiment_with(in_device, 3);
  compare_part(e, 0, 0, 600);
  for (int64_t cell = 1; cell < e->cells; cell++) compare_part(e, cell, 0, 9);
  basin_experiment_free(e);
  e = experiment_with(in_shared, 3);
  for (int64_t cell = 0; cell < e->cells; cell++) compare_part(e, cell, 0, 100);
  basin_experiment_free(e);
}

static void paused_and_mixed(void **unused) {
  static const char *const rules[][4] = {
      {TEST_SLOWER > 1 ? "stop.max_steps=50" : "stop.max_steps=150", "record.steps={log: 10}",
       "stop.at=1e-9", "grid={k: [5, 33], p: [3], B: [2]}"},
      {TEST_SLOWER > 1 ? "stop.max_steps=30" : "stop.max_steps=100", "record.trials=0",
       "stop.at=1e-9", large}};
  (void)unused;
  for (int rule = 0; rule < 2; rule++) {
    basin_experiment *e = experiment_with(rules[rule], 4);
    int pauses = 0, flights = 0;
    for (int64_t cell = 0; cell < e->cells; cell++)
      run_in_turns(e, cell, 50, 6, rule == 0, &pauses, &flights);
    if (pauses < 20 || flights <= pauses) fail_msg("only %d pauses, %d flights", pauses, flights);
    basin_experiment_free(e);
  }
}

/* no memory for an allocation or a launch: the batch is halved; a launch that fails otherwise: the worker is lost */
static void failures(void **unused) {
  if (!fail_malloc) skip();
  static const char *const set[] = {large, "stop.max_steps=20"};
  static const char *const kernel[] = {"kernel_start", "kernel_run", "kernel_observe",
                                       "kernel_observe"};
  const int no_memory = 2, too_many_resources = 701;
  basin_experiment *e = experiment_with(set, 2);
  (void)unused;
  basin_job job;
  basin_error error;
  basin_part host, part;
  basin_watch watch = {0};
  make_job(e, 2, 0, 12, &job, &host);
  assert_ok(run_on(0, &job, &host, &watch, &error), error);
  for (int nth = 1; nth < 16; nth++) {
    watch = (basin_watch){0};
    make_job(e, 2, 0, 12, &job, &part);
    if (nth < 12) fail_malloc(-1, nth, 1 + nth % 3);
    else fail_launch(-1, nth - 11, no_memory);
    assert_ok(run_on(1, &job, &part, &watch, &error), error);
    clear_faults();
    test_same_part(e, 2, &host, &part);
    assert_int_equal(watch.trials, 12);
    basin_part_free(&part);
  }
  for (int nth = 1; nth < 3; nth++) {
    char expected[128];
    watch = (basin_watch){0};
    make_job(e, 2, 64, 12, &job, &part);
    fail_launch(-1, nth, too_many_resources);
    assert_int_equal(run_on(1, &job, &part, &watch, &error), BASIN_WORKER_LOST);
    clear_faults();
    if (!strstr(error.text, kernel[nth - 1])) fail_msg("%s: no %s", error.text, kernel[nth - 1]);
    snprintf(expected, sizeof expected, "%s, cell 2, trials 64 to 75", e->cell[2].model->name);
    if (!strstr(error.text, expected)) fail_msg("%s: no `%s`", error.text, expected);
    assert_true(watch.trials == 0 && watch.trial_steps == 0);
    basin_part_free(&part);
  }
  basin_part_free(&host);
  basin_experiment_free(e);
}

int main(int words, char **word) {
  (void)words;
  if (!find_module(word[0])) return 0;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_part), cmocka_unit_test(halved),    cmocka_unit_test(factorisation),
      cmocka_unit_test(diverging), cmocka_unit_test(few_slots), cmocka_unit_test(paused_and_mixed),
      cmocka_unit_test(leaping),   cmocka_unit_test(failures),  cmocka_unit_test(nothing_left),
  };
  return cmocka_run_group_tests_name("teams", tests, set_up, remove_folder);
}
