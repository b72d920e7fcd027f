/* SPDX-License-Identifier: MIT
 *
 * test_run.c: whole runs through the public interface. The same bits whatever the threads, the instruction set
 * and the size of the parts; any trial replayed alone; every output of a part filled.
 */
#include "compare.h"
#include "folder.h"
#include "engine/cpu.h"
#include "run/cut.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char experiment_text[] =
    "grid: {k: [5, 16]}\n"
    "trials: 300\n"
    "parameters: {p: 6}\n"
    "teacher: {a: {sum: 1, norm: 1}, v: {head: [0.6, 0.8]}}\n"
    "variants:\n"
    "  res: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}, schedule: [{steps: 13, eta: "
    "0.02}, {eta: 0.05}]}\n"
    "  cnn: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, schedule: [{eta: 0.2}]}\n"
    "  big: {model: cnn, init: {v: {sphere: 1}, a: {ball: 1}}, schedule: [{eta_a: 0.2, eta_w: "
    "4}]}\n"
    "  bad: {model: cnn, init: {v: {sphere: 1}, a: {ball: 1}}, schedule: [{eta: 9}]}\n"
    "  sgd: {model: resnet, init: {w: {normal: 0.3}, a: {ball: 1}}, stop: {at: 0.05, at_spurious: "
    "0.3, max_steps: "
    "700}, schedule: [{steps: 13, eta: 0.02}, {eta: 0.05}], gradient: {sampled: {inputs: 1, "
    "sampler: "
    "direct}}}\n"
    "  prj: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, stop: {at: 0.05, at_spurious: "
    "0.3, max_steps: "
    "700}, schedule: [{eta: 0.2}], gradient: {sampled: {inputs: 2, sampler: projected}}}\n"
    "  mix: {model: cnn, init: {v: {sphere: 2}, a: {normal: 0.5}}, stop: {at: 0.05, at_spurious: "
    "0.3, max_steps: 60}, schedule: [{eta: 0.2}], gradient: {sampled: {inputs: 18, sampler: "
    "direct, precision: mixed}}}\n"
    "stop: {max_steps: 700}\n"
    "record: {trials: 40, steps: [0, 1, 2, 3, 13, 14, 16, 50, 100, 333, 700], parameters: true, "
    "final: all}\n";

/* states that are arrays: the neuron, by every dynamics it has */
static const char neuron_text[] =
    "model: relu_sum\n"
    "trials: 250\n"
    "parameters: {d: 5, n: 3}\n"
    "teacher: {v: {head: [0.6, 0.8]}}\n"
    "init: {w: {normal: 0.3}}\n"
    "schedule: [{steps: 13, eta: 0.02}, {eta: 0.3}]\n"
    "variants:\n"
    "  span: {}\n"
    "  full: {parameters: {d: 5, n: 3, span: 0}}\n"
    "  flow: {method: gradient_flow}\n"
    "  direct: {gradient: {sampled: {inputs: 2, sampler: direct}}}\n"
    "  wishart: {gradient: {sampled: {inputs: 2, sampler: projected}}}\n"
    "stop: {at: 1e-4, max_steps: 120}\n"
    "record: {trials: 250, steps: [0, 1, 13, 50, 120], parameters: true, final: all}\n";

static basin_experiment *experiment_with(const char *const *set, int sets) {
  return test_parse(experiment_text, set, sets);
}

/* run into a file and return its bytes */
static char *run(const basin_experiment *e, const char *isa, int threads, int64_t part_trials,
                 size_t *size) {
  char path[128];
  basin_error error;
  snprintf(path, sizeof path, "%s/out.h5", folder);
  const basin_run_options options = {.output = path,
                                     .isa = isa,
                                     .threads = threads,
                                     .part_trials = part_trials,
                                     .no_provenance = 1};
  const basin_status status = basin_run(e, &options, &error);
  if (status != BASIN_OK && status != BASIN_OUTSIDE) fail_msg("%s", error.text);
  char *bytes = test_read_file(path, size);
  unlink(path);
  return bytes;
}

/* the instruction sets that this build has and this machine executes, generic first; how many */
static int runnable(int isas[BASIN_ISAS]) {
  int count = 0;
  for (int isa = 0; isa < BASIN_ISAS; isa++)
    if (basin_cpu_isa(basin_cpu_isa_name(isa)) >= 0) isas[count++] = isa;
  return count;
}

/* both rules, every instruction set, part size and thread count: one file. Every part is synced to the disk, so parts
   of a trial each are for few trials. */
static void same_bits(void **unused) {
  static const char *const many = TEST_SLOWER > 1 ? "trials=70" : "trials=200";
  const struct {
    const char *text, *set[2];
    int64_t part_trials[4];
  } rules[] = {{experiment_text, {"stop.at=1e-4", many}, {0, 23, 64, 200}},
               {experiment_text, {many, "record.trials=40"}, {0, 23, 64, 200}},
               {experiment_text, {"trials=20", "record.trials=9"}, {0, 1, 3, 19}},
               {neuron_text, {"trials=40", "record.trials=40"}, {0, 1, 7, 64}}};
  int isa_of[BASIN_ISAS];
  const int isas = runnable(isa_of);
  (void)unused;
  for (size_t rule = TEST_SLOWER > 4 ? 2 : 0; rule < sizeof rules / sizeof *rules; rule++) {
    basin_experiment *e = test_parse(rules[rule].text, rules[rule].set, 2);
    size_t size, other_size;
    char *bytes = run(e, basin_cpu_isa_name(isa_of[isas - 1]), 1, 0, &size);
    for (int i = 1; i < isas + 3; i++) { /* the other instruction sets, then the other part sizes */
      const char *isa = basin_cpu_isa_name(isa_of[(isas - 1 + i) % isas]);
      const int64_t trials = i < isas ? 0 : rules[rule].part_trials[i - isas + 1];
      char *other = run(e, isa, 1 + i % 3, trials, &other_size);
      if (size != other_size || memcmp(bytes, other, size) != 0)
        fail_msg("%s, parts of %lld: other bytes", isa, (long long)trials);
      free(other);
    }
    free(bytes);
    basin_experiment_free(e);
  }
}

/* run a range of a cell's trials into a poisoned part */
static void run_part(const basin_experiment *e, int isa, int64_t cell, int64_t first, int64_t count,
                     basin_part *part) {
  basin_job job;
  basin_error error;
  basin_watch watch = {0};
  job = basin_part_job(e, cell, first, count);
  job.recorded = e->recorded > 0 ? first + count : 0; /* record every trial of the part */
  assert_ok(basin_part_allocate(&job, part, &error), error);
  assert_int_equal(basin_cpu_run(&job, isa, part, &watch), BASIN_OK);
  assert_int_equal(watch.trials, count);
}

/* any trial alone is the trial in the crowd, its trajectory and state too */
static void replay_alone(void **unused) {
  skip_without_races();
  basin_experiment *e = experiment_with(NULL, 0);
  const int64_t trials = TEST_SLOWER > 1 ? 60 : 300;
  (void)unused;
  int isa_of[BASIN_ISAS];
  for (int i = 0, isas = runnable(isa_of); i < isas; i++)
    for (int64_t cell = 0; cell < e->cells; cell++) {
      const int64_t times = e->times, states = e->cell[cell].setting.size.states;
      basin_part all, one;
      run_part(e, isa_of[i], cell, 0, trials, &all);
      for (int64_t trial = cell; trial < trials; trial += 37) {
        run_part(e, BASIN_ISA_GENERIC, cell, trial, 1, &one);
        assert_true(one.outcome[0] == all.outcome[trial] && one.steps[0] == all.steps[trial]);
        for (int i = 0; i < e->finals; i++)
          assert_memory_equal(&one.final[i], &all.final[i * all.count + trial], sizeof(double));
        for (int i = 0; i < e->observables; i++)
          assert_memory_equal(one.record + i * times,
                              all.record + (i * all.recorded + trial) * times,
                              (size_t)times * sizeof(double));
        assert_memory_equal(one.state, all.state + trial * times * states,
                            (size_t)(times * states) * sizeof(double));
        basin_part_free(&one);
      }
      basin_part_free(&all);
    }
  basin_experiment_free(e);
}

/* a part that is paused again and again, saved, and taken up from the file by another instruction set: the same bits */
static void paused_and_resumed(void **unused) {
  skip_without_races();
  char steps[64];
  snprintf(steps, sizeof steps, "stop.max_steps=%d", TEST_SLOWER > 1 ? 100 : 1200);
  const char *const rules[][3] = {
      {steps, "record.trials=250", "stop.at=1e-9"},
      {steps, "record.trials=250", "variants.cnn.schedule=[{eta: 0.0005}]"},
      {"stop.max_steps=51", "record.trials=250", "stop.at=1e-7"}};
  int isa_of[BASIN_ISAS];
  const int isas = runnable(isa_of);
  const int64_t trials = TEST_SLOWER > 1 ? 40 : 200; /* in several batches of lanes */
  (void)unused;
  for (int rule = 0; rule < 3; rule++) {
    basin_experiment *e = test_parse(rule < 2 ? experiment_text : neuron_text, rules[rule], 3);
    int pauses = 0, flights = 0;
    for (int64_t cell = 0; cell < e->cells; cell++) {
      basin_job job;
      basin_error error;
      basin_part whole, part, saved;
      basin_watch watch = {.stop = 1}; /* pauses as soon as it looks */
      run_part(e, isa_of[isas - 1], cell, 50, trials, &whole);
      job = basin_part_job(e, cell, 50, trials);
      assert_ok(basin_part_allocate(&job, &part, &error), error);
      while (basin_cpu_run(&job, isa_of[pauses % isas], &part, &watch) == BASIN_INTERRUPTED) {
        pauses++;
        flights += (int)part.flights;
        if (pauses % 16 != 1) continue; /* syncing takes its time */
        assert_ok(basin_part_save(folder, e->identity, cell, &job, &part, &error), error);
        assert_ok(basin_part_allocate(&job, &saved, &error), error);
        assert_ok(basin_part_resume(folder, e, cell, &job, &saved, &error), error);
        test_same_part(e, cell, &part, &saved);
        basin_part_free(&part);
        part = saved;
      }
      assert_true(watch.trials == trials);
      test_same_part(e, cell, &whole, &part);
      basin_part_free(&whole);
      basin_part_free(&part);
    }
    if (pauses < 15 || flights <= pauses / 2)
      fail_msg("only %d pauses, %d flights", pauses, flights);
    basin_experiment_free(e);
  }
}

/* tells a run to give up after so many microseconds */
typedef struct impatience {
  basin_watch *watch;
  int64_t microseconds;
} impatience;

static void *lose_patience(void *argument) {
  const impatience *i = argument;
  const struct timespec wait = {i->microseconds / 1000000, i->microseconds % 1000000 * 1000};
  nanosleep(&wait, NULL);
  basin_watch_stop(i->watch);
  return NULL;
}

/* A part that is broken off at any moment, in the midst of steps and starts, and gone on with: the same bits. A run
   that was told so before it came does nothing. */
static void broken_off(void **unused) {
  static const char *const steps[] = {"stop.max_steps=60", "record.trials=250", "trials=250"};
  const int64_t trials = TEST_SLOWER > 4 ? 80 : 200;
  (void)unused;
  for (int which = 0; which < 2; which++) {
    basin_experiment *e = test_parse(which ? neuron_text : experiment_text, steps, 3);
    for (int64_t cell = 0; cell < e->cells; cell++) {
      const int isa = basin_cpu_isa(NULL);
      basin_job job;
      basin_error error;
      basin_part whole, part;
      impatience i = {.microseconds = 20};
      run_part(e, isa, cell, 50, trials, &whole);
      job = basin_part_job(e, cell, 50, trials);
      assert_ok(basin_part_allocate(&job, &part, &error), error);
      basin_watch watch = {.stop = 1, .give_up = 1};
      assert_int_equal(basin_cpu_run(&job, isa, &part, &watch), BASIN_INTERRUPTED);
      assert_true(part.flights == 0 && watch.trials == 0);
      for (basin_status status = BASIN_INTERRUPTED; status; i.microseconds += 10) {
        pthread_t thread;
        watch = (basin_watch){0};
        i.watch = &watch;
        assert_int_equal(pthread_create(&thread, NULL, lose_patience, &i), 0);
        status = basin_cpu_run(&job, isa, &part, &watch);
        pthread_join(thread, NULL);
        assert_true(status == BASIN_OK || status == BASIN_INTERRUPTED);
      }
      test_same_part(e, cell, &whole, &part);
      basin_part_free(&whole);
      basin_part_free(&part);
    }
    basin_experiment_free(e);
  }
}

/* the part's saved half, where there is one */
static void saved_path(const char *output, char path[256]) {
  snprintf(path, 256, "%s.parts/c000000-t0000000000000-n40.part.saved", output);
}
static void die_after_a_save(void *output, const basin_progress *progress) {
  char path[256];
  (void)progress;
  saved_path(output, path);
  if (!access(path, F_OK)) raise(SIGKILL);
}
static int64_t steps_taken;
static void count_steps(void *unused, const basin_progress *progress) {
  (void)unused;
  steps_taken = progress->trial_steps;
}

/* A run of a single part is killed (-9) after the part was saved: the run goes on from there to the same bytes, and
   takes fewer steps than the whole. By gradient descent, gradient flow and both samplers. */
static void killed_after_a_save(void **unused) {
  static const char *const variant[] = {
      "variants={one: {schedule: [{eta: 1e-4}], stop: {at: 1e-30, max_steps: 10 * steps}}}",
      "variants={one: {method: gradient_flow}}",
      "variants={one: {gradient: {sampled: {inputs: 9, sampler: direct}}}}",
      "variants={one: {gradient: {sampled: {inputs: 9, sampler: projected}}}}"};
  (void)unused;
  for (size_t i = 0; i < sizeof variant / sizeof *variant; i++) {
    char steps[64];
    snprintf(steps, sizeof steps, "define={steps: %d}", 40000 / TEST_SLOWER);
    const char *set[] = {variant[i],
                         "schedule=[{eta: 1e-3}]",
                         "stop={at: 1e-30, max_steps: steps}",
                         "record={trials: 9, steps: {log: 20}}",
                         "trials=40",
                         steps};
    basin_experiment *e = test_parse(neuron_text, set, 6);
    char path[128], saved[256];
    size_t size, other_size;
    int status;
    basin_error error;
    snprintf(path, sizeof path, "%s/killed.h5", folder);
    saved_path(path, saved);
    char *whole = run(e, NULL, 1, 40, &size);
    basin_run_options options = {.output = path,
                                 .threads = 1,
                                 .part_trials = 40,
                                 .save_seconds = 0.1,
                                 .no_provenance = 1,
                                 .progress = die_after_a_save,
                                 .context = path};
    const pid_t child = fork();
    if (child == 0) _exit((int)basin_run(e, &options, &error) + 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) fail_msg("too fast to be saved");
    assert_int_equal(access(saved, F_OK), 0);
    options.progress = count_steps;
    assert_int_equal(basin_run(e, &options, &error), BASIN_OUTSIDE);
    char *other = test_read_file(path, &other_size);
    assert_int_equal(size, other_size);
    assert_memory_equal(whole, other, size);
    const int64_t all = 40 * e->cell[0].setting.stop.max_steps;
    if (steps_taken >= all)
      fail_msg("%lld of %lld steps again", (long long)steps_taken, (long long)all);
    unlink(path);
    free(whole);
    free(other);
    basin_experiment_free(e);
  }
}

/* the poison of a new part is gone: every outcome, step count and final value; every record up to the end of the
   trial, and none behind it */
static void outputs_filled(void **unused) {
  skip_without_races();
  basin_experiment *e = experiment_with(NULL, 0);
  int ended[BASIN_OUTCOMES] = {0};
  (void)unused;
  for (int64_t cell = 0; cell < e->cells; cell++) {
    const int64_t end = e->cell[cell].setting.stop.max_steps;
    basin_part part;
    run_part(e, basin_cpu_isa(NULL), cell, 0, 300, &part);
    for (int64_t t = 0; t < 300; t++) {
      assert_true(part.outcome[t] >= 0 && part.outcome[t] < BASIN_OUTCOMES);
      assert_true(part.steps[t] >= 0 && part.steps[t] <= end);
      assert_true(part.outcome[t] != BASIN_UNRESOLVED || part.steps[t] == end);
      ended[part.outcome[t]]++;
      for (int i = 0; i < e->finals; i++)
        assert_true(isnan(part.final[i * 300 + t]) == (part.outcome[t] == BASIN_DIVERGED));
      for (int64_t s = 0; s < e->times; s++) {
        const double phi = part.record[(1 * part.recorded + t) * e->times + s];
        if (part.outcome[t] != BASIN_DIVERGED)
          assert_true(isnan(phi) == (e->time[s] > part.steps[t]));
      }
    }
    basin_part_free(&part);
  }
  for (int o = 0; o < BASIN_OUTCOMES; o++)
    assert_int_equal(ended[o] > 0, o <= BASIN_DIVERGED && o != BASIN_STATIONARY);
  basin_experiment_free(e);
}

/* `until` adds trials to the cells that need them, the same whether interrupted or not, and changes none */
static void until_rounds(void **unused) {
  const double halfwidth = TEST_SLOWER > 4 ? 0.06 : 0.03;
  const int64_t most = TEST_SLOWER > 4 ? 500 : 2000;
  char until[64];
  snprintf(until, sizeof until, "until={halfwidth: %g, max_trials: %d}", halfwidth, (int)most);
  const char *const set[] = {until, "trials=100", "record.trials=0"};
  static const char *const plain[] = {"trials=100", "record.trials=0"};
  basin_experiment *e = experiment_with(set, 3), *fixed = experiment_with(plain, 2);
  char path[128];
  basin_error error;
  basin_results *results;
  basin_summary more, less;
  int64_t trials[64];
  int raised = 0;
  (void)unused;
  assert_true(e->cells <= 64);
  snprintf(path, sizeof path, "%s/until.h5", folder);
  const basin_run_options options = {.output = path};
  assert_int_equal(basin_run(e, &options, &error), BASIN_OUTSIDE);
  assert_ok(basin_results_open(path, &results, &error), error);
  for (int64_t c = 0; c < e->cells; c++) {
    assert_ok(basin_results_summary(results, c, &more, &error), error);
    trials[c] = more.trials;
    raised += more.trials > 100;
    assert_true(more.trials <= most);
    if (more.trials < most) assert_within((more.success.high - more.success.low) / 2, 0, halfwidth);
  }
  assert_true(raised > 2);
  basin_results_close(results);
  unlink(path);

  /* the first hundred are those of the plain run */
  assert_int_equal(basin_run(fixed, &options, &error), BASIN_OUTSIDE);
  assert_ok(basin_results_open(path, &results, &error), error);
  for (int64_t c = 0; c < e->cells; c++) {
    int64_t counted[BASIN_OUTCOMES] = {0};
    basin_part part;
    assert_ok(basin_results_summary(results, c, &less, &error), error);
    run_part(e, basin_cpu_isa(NULL), c, 0, trials[c], &part);
    for (int t = 0; t < 100; t++) counted[part.outcome[t]]++;
    assert_memory_equal(counted, less.outcomes, sizeof counted);
    basin_part_free(&part);
  }
  basin_results_close(results);
  unlink(path);
  basin_experiment_free(fixed);
  basin_experiment_free(e);
}

/* the median and the mean of the file are those of its numbers; its threads are those of until_rounds */
static void summary_of_steps(void **unused) {
  skip_without_races();
  static const char *const set[] = {"record.trials=0", "trials=301"};
  basin_experiment *e = experiment_with(set, 2);
  char path[128];
  basin_error error;
  basin_results *results;
  (void)unused;
  snprintf(path, sizeof path, "%s/steps.h5", folder);
  const basin_run_options options = {.output = path};
  assert_int_equal(basin_run(e, &options, &error), BASIN_OUTSIDE);
  assert_ok(basin_results_open(path, &results, &error), error);
  for (int64_t c = 0; c < e->cells; c++) {
    double sum = 0;
    basin_part part;
    basin_summary s;
    assert_ok(basin_results_summary(results, c, &s, &error), error);
    run_part(e, basin_cpu_isa(NULL), c, 0, 301, &part);
    int64_t below = 0, above = 0, most = 0;
    for (int t = 0; t < 301; t++) {
      sum += (double)part.steps[t];
      below += (double)part.steps[t] < s.steps_median;
      above += (double)part.steps[t] > s.steps_median;
      most = part.steps[t] > most ? part.steps[t] : most;
    }
    assert_true(below <= 150 && above <= 150 && s.steps_max == most);
    assert_within(s.steps_mean, sum / 301 - 1e-9, sum / 301 + 1e-9);
    basin_part_free(&part);
  }
  basin_results_close(results);
  basin_experiment_free(e);
}

/* a cell has few parts where its trials are short, and enough for many threads where they are long */
static void cut_by_length(void **unused) {
  static const char *const set[][2] = {{"parameters={d: 2, n: 1}", "stop={max_steps: 50}"},
                                       {"parameters={d: 30, n: 30}", "stop={max_steps: 50000}"}};
  static const int64_t fewest[] = {4, 32};
  (void)unused;
  for (int i = 0; i < 2; i++) {
    basin_experiment *e = test_parse(neuron_text, set[i], 2);
    const int64_t size = basin_cut_size(e, 0, 0, 20000, 0), parts = (20000 + size - 1) / size;
    assert_true(parts >= fewest[i] && parts <= 2 * fewest[i]);
    assert_int_equal(basin_cut_size(e, 0, 19999, 20000, 0), 1);
    assert_int_equal(basin_cut_size(e, 0, 0, 20000, 77), 77);
    basin_experiment_free(e);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_bits),           cmocka_unit_test(replay_alone),
      cmocka_unit_test(paused_and_resumed),  cmocka_unit_test(broken_off),
      cmocka_unit_test(killed_after_a_save), cmocka_unit_test(outputs_filled),
      cmocka_unit_test(until_rounds),        cmocka_unit_test(summary_of_steps),
      cmocka_unit_test(cut_by_length),
  };
  return cmocka_run_group_tests_name("run", tests, make_folder, remove_folder);
}
