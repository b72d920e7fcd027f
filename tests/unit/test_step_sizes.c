/* SPDX-License-Identifier: MIT
 *
 * test_step_sizes.c: step sizes that are expressions of t. One that changes every third step is a schedule of as many
 * stages, so every kind of dynamics must come to the same bits by both: on the CPU with every instruction set and
 * pauses, and in the simulator of tests/cudasim, where it is there. And how they are read, and what is refused.
 */
#include "backends.h"
#include "read/expression.h"
#include "read/step_size.h"

enum { STEPS = 60, HELD = 3 /* steps of a stage */ };

/* A model, its moving step sizes and those of stage number s, behind whose first stage others follow. */
typedef struct kind {
  const char *text, *moving, *stage;
} kind;

#define TWO(model) \
  "model: " model "\nparameters: {k: 5, p: 3}\nteacher: {a: 0.4, v: {head: [0.6, 0.8]}}\n"
#define RES TWO("resnet") "init: {w: {normal: 0.3}, a: {ball: 1}}\n"
#define CNN TWO("cnn") "init: {v: {sphere: 2}, a: {normal: 0.5}}\n"
#define ETA "eta: 0.02*(1 + floor(t/3)/8)"
#define ETA_S "eta: 0.02*(1 + %d/8)"
static const kind kinds[] = {
    {CNN, ETA, ETA_S},
    {RES, "eta_a: 0.1/(1 + floor(t/3)), eta_w: '0.02 + 0.001*mod(floor(t/3), 4)'",
     "eta_a: 0.1/(1 + %d), eta_w: '0.02 + 0.001*mod(%d, 4)'"},
    {RES "gradient: {sampled: {inputs: 3, sampler: direct}}\n", "eta_a: 0.02, " ETA,
     "eta_a: 0.02, " ETA_S},
    {CNN "gradient: {sampled: {inputs: 3, sampler: projected}}\n", ETA, ETA_S},
    {RES "gradient: {sampled: {inputs: 12, sampler: direct, precision: mixed}}\n", ETA, ETA_S},
    {"model: filter\nparameters: {p: 4}\nteacher: {w: {head: [0.7, 0.5]}}\ninit: {w: {ball: 1}}\n",
     ETA, ETA_S},
    {"model: factorisation\nparameters: {d1: 9, d2: 7, reg: 0.5, r: 3}\nteacher: {sigma: [1, 0.5, "
     "0.5]}\ninit: {U: {normal: 0.3}, V: {normal: 0.1}}\n",
     ETA, ETA_S},
    {"model: factorisation\nparameters: {d1: 9, d2: 7, reg: 0.5, r: 1}\nteacher: {sigma: [1]}\n"
     "init: {U: {normal: 0.3}, V: {normal: 0.1}}\n",
     ETA, ETA_S},
    {"model: relu_sum\nparameters: {n: 3, d: 4, m: 2}\nteacher: {v: {normal: 1}}\ninit: {w: "
     "{normal: 0.3}}\n",
     ETA, ETA_S},
    {"model: relu_sum\nparameters: {n: 3, d: 4, m: 2}\nteacher: {v: {normal: 1}}\ninit: {w: "
     "{normal: 0.3}}\nmethod: gradient_flow\n",
     ETA, ETA_S},
    {"model: octopus\nparameters: {d: 4}\ninit: {x: {uniform: [-1, 1]}}\n", ETA, ETA_S},
    {"model: octopus\nparameters: {d: 4}\ninit: {x: {uniform: [-1, 1]}}\nmethod: {perturbed: "
     "{radius: 0.1, below: 0.1}}\n",
     ETA, ETA_S},
    {CNN "gradient: {sampled: {inputs: {fixed: 7}}}\n", ETA, ETA_S},
    {CNN "gradient: {sampled: {inputs: {fixed: 7, batch: 3}}}\n", ETA, ETA_S},
};

/* the experiment of a kind, with that schedule */
static basin_experiment *with_schedule(const char *head, const char *schedule, const char *rule,
                                       int max_steps) {
  const size_t room = strlen(head) + strlen(schedule) + 512;
  char *text = malloc(room);
  assert_non_null(text);
  snprintf(text, room,
           "%strials: 40\nschedule: %s\nstop: {%smax_steps: %d}\nallow: {unresolved: 1}\nrecord: "
           "{trials: 40, steps: [0, 1, 3, 17, 59, 60], parameters: true, final: all}\n",
           head, schedule, rule, max_steps);
  basin_experiment *e = test_parse(text, NULL, 0);
  free(text);
  return e;
}

/* with a stage whose step sizes move, or with one for every value of floor(t/3); behind them one that is constant, so
   that the largest step size is known to be the same */
static basin_experiment *moving(const kind *k, const char *rule) {
  char schedule[256];
  snprintf(schedule, sizeof schedule, "[{steps: 60, %s}, {eta: 0.02}]", k->moving);
  return with_schedule(k->text, schedule, rule, STEPS);
}
static basin_experiment *in_stages(const kind *k, const char *rule) {
  char schedule[8192] = "[", stage[256];
  for (int s = 0; s * HELD < STEPS; s++) {
    const size_t length = strlen(schedule);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(stage, sizeof stage, k->stage, s, s);
#pragma GCC diagnostic pop
    snprintf(schedule + length, sizeof schedule - length, "{steps: 3, %s}, ", stage);
  }
  strcat(schedule, "{eta: 0.02}]");
  return with_schedule(k->text, schedule, rule, STEPS);
}

static const char *const rules[] = {"", "at: 0.05, "};

static void same_as_stages(void **unused) {
  (void)unused;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    for (int rule = 0; rule < 2; rule++) {
      basin_experiment *e = moving(&kinds[i], rules[rule]),
                       *stages = in_stages(&kinds[i], rules[rule]);
      const int is_set = e->cell[0].setting.gradient.set_size > 0; /* pauses before it steps */
      basin_part whole;
      assert_true(basin_schedule_moves(&e->cell[0].setting) &&
                  stages->cell[0].setting.stages == 21);
      assert_true(!basin_schedule_moves(&stages->cell[0].setting) &&
                  e->identity != stages->identity);
      test_run_cell(stages, 0, &whole);
      for (int isa = 0; isa <= basin_cpu_isa(NULL); isa++)
        for (int pausing = 0; pausing < 2 - is_set; pausing++) {
          basin_part part;
          test_run_range(e, 0, isa, 11, 17, pausing, &part);
          test_assert_same(e, 0, &whole, &part, 11);
          basin_part_free(&part);
        }
      basin_part_free(&whole);
      basin_experiment_free(e);
      basin_experiment_free(stages);
    }
}

/* on a device, by itself and in turns with the CPU; of a fixed data set beside its stages on the device */
static void same_on_device(void **unused) {
  (void)unused;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    for (int rule = 0; rule < 2; rule++) {
      basin_experiment *e = moving(&kinds[i], rules[rule]),
                       *stages = in_stages(&kinds[i], rules[rule]);
      basin_job job;
      basin_error error;
      basin_part one, other;
      basin_watch watch = {0};
      int pauses = 0, flights = 0;
      make_job(e, 0, 0, 9, &job, &one);
      assert_ok(run_on(1, &job, &one, &watch, &error), error);
      make_job(stages, 0, 0, 9, &job, &other);
      assert_ok(run_on(1, &job, &other, &watch, &error), error);
      test_same_part(e, 0, &one, &other);
      basin_part_free(&one);
      basin_part_free(&other);
      if (e->cell[0].setting.gradient.set_size == 0) {
        compare_part(e, 0, 1000000000007, 9);
        run_in_turns(e, 0, 0, 5, 0, &pauses, &flights);
      }
      basin_experiment_free(e);
      basin_experiment_free(stages);
    }
}

/* a schedule of a thousand stages, of one step each; moving step sizes between constant ones; passages; halved */
static void many_stages(void **unused) {
  char *schedule = malloc(1 << 16);
  size_t length = 1;
  (void)unused;
  assert_non_null(schedule);
  strcpy(schedule, "[");
  for (int s = 0; s < 1000; s++)
    length += (size_t)snprintf(
        schedule + length, (1 << 16) - length,
        s < 999 ? "{steps: 1, eta: 0.05/(1 + %d)}, " : "{eta: 0.05/(1 + %d)}]", s);
  static const char *const set[] = {"stop={at: 1e-9, max_steps: 1000}",
                                    "record.steps=[0, 1, 500, 1000]",
                                    "record.passages={loss: {below: [0.3, 0.2, 0.1]}}"};
  for (int devices = 0; devices <= (count != NULL); devices++) {
    basin_part part[2];
    basin_experiment *e[2];
    for (int i = 0; i < 2; i++) {
      char text[70000];
      basin_job job;
      basin_error error;
      basin_watch watch = {0};
      snprintf(text, sizeof text,
               CNN "trials: 20\nallow: {unresolved: 1}\nrecord: {trials: 20, parameters: true}\n"
                   "schedule: %s\n",
               i ? schedule : "[{eta: 0.05/(1 + t)}]");
      e[i] = test_parse(text, set, 3);
      make_job(e[i], 0, 0, 20, &job, &part[i]);
      assert_ok(run_on(devices, &job, &part[i], &watch, &error), error);
    }
    assert_int_equal(e[1]->cell[0].setting.stages, 1000);
    test_same_part(e[0], 0, &part[0], &part[1]);
    for (int i = 0; i < 2; i++) {
      basin_part_free(&part[i]);
      basin_experiment_free(e[i]);
    }
  }
  free(schedule);
}

/* constant, moving, constant; and trials that diverge begin again with half of all of them */
static void between_stages(void **unused) {
  static const char *const schedule[2][2] = {
      {"[{steps: 7, eta: 0.3}, {steps: 20, eta: 0.3 + 0*t}, {eta: 0.1}]",
       "[{steps: 27, eta: 0.3}, {eta: 0.1}]"},
      {"[{steps: 7, eta: 7}, {steps: 20, eta: 9 + 0*t}, {eta: 8}]",
       "[{steps: 7, eta: 7}, {steps: 20, eta: 9}, {eta: 8}]"}};
  (void)unused;
  for (int halve = 0; halve < 2; halve++)
    for (int devices = 0; devices <= (count != NULL); devices++) {
      basin_part part[2];
      basin_experiment *e[2];
      int halved = 0;
      for (int i = 0; i < 2; i++) {
        basin_job job;
        basin_error error;
        basin_watch watch = {0};
        e[i] = with_schedule(halve
                                 ? "model: relu_sum\nparameters: {n: 3, d: 4, m: 2}\nteacher: {v: "
                                   "{normal: 1}}\ninit: {w: {normal: 0.3}}\non_divergence: halve\n"
                                 : CNN,
                             schedule[halve][i], "", STEPS);
        make_job(e[i], 0, 0, 20, &job, &part[i]);
        assert_ok(run_on(devices, &job, &part[i], &watch, &error), error);
        for (int t = 0; halve && t < 20; t++) halved += part[i].halvings[t] > 0;
      }
      if (halve && halved < 10) fail_msg("only %d trials were halved", halved);
      test_same_part(e[0], 0, &part[0], &part[1]);
      for (int i = 0; i < 2; i++) {
        basin_part_free(&part[i]);
        basin_experiment_free(e[i]);
      }
    }
}

/* ---- reading ---- */

static basin_status look_up(void *context, const char *name, double *value, int *found,
                            basin_error *error) {
  (void)error;
  *found = !strcmp(name, "t");
  *value = *(double *)context;
  return BASIN_OK;
}

/* many together are what they are one by one, and end where one has none */
static void together(void **unused) {
  static const struct {
    const char *text;
    int64_t first, good;
  } known[] = {
      {"0.1/sqrt(1+t)", 0, 1000},
      {"min(1,t/300)*0.01", 0, 1000},
      {"max(0.1,cos(pi*t/700))+mod(t,7)^2%5", 100, 1000},
      {"-2^-(t/900)*exp(log(1+t))-floor(t/3)+round(t/7)*atan(t)", 5, 1000},
      {"(1+t)^-0.6", 0, 1000},
      {"1/(500-t)", 0, 500},
      {"sqrt(130-t)", 3, 128},
      {"mod(3,t-300)", 0, 300},
      {"exp(t)", 0, 710},
      {"(5-t)^0.3", 0, 6},
      {"log(t)", 0, 0},
      {"1/t+0*log(900-t)", 1, 899},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    double value[1000];
    const int64_t good = basin_evaluate_counted(known[i].text, "t", known[i].first, 1000, value);
    if (good != known[i].good) fail_msg("%s: %lld", known[i].text, (long long)good);
    for (int64_t j = 0; j <= good && j < 1000; j++) {
      const basin_place place = {"x", 0, 0};
      double t = (double)(known[i].first + j), one;
      basin_error error;
      const basin_status status = basin_evaluate(known[i].text, place, look_up, &t, &one, &error);
      assert_int_equal(status, j < good ? BASIN_OK : BASIN_BAD_INPUT);
      if (j < good) assert_memory_equal(&one, &value[j], sizeof one);
    }
  }
}

#define CELL                                                                           \
  "model: cnn\nparameters: {k: 3, p: 4}\ntrials: 9\nteacher: {a: 1, v: {head: [1]}}\n" \
  "init: {a: {ball: 1}, v: {sphere: 1}}\nallow: {unresolved: 1}\n"

/* what is left of an expression when names are put in, and how large it becomes */
static void texts(void **unused) {
  static const struct {
    const char *schedule, *text; /* of cell 1, where c is 3; NULL: it does not move */
    double bound;
  } known[] = {
      {"schedule: [{eta: c/sqrt(1 + t)}]", "3/sqrt(1+t)", INFINITY},
      {"schedule: [{eta: 'min(1, t / 1e3)*warm/c'}]\ndefine: {warm: cos(low) + 1, low: -c}",
       "min(1,t/1e3)*0.010007503399554585/3", INFINITY},
      {"schedule: [{steps: 1000, eta: warm}, {eta: c}]\ndefine: {warm: c*(1 + t)/T, T: 1e3}",
       "(3*(1+t)/1000)", 3},
      {"schedule: [{steps: 1e5, eta: t/1e5}, {eta: c}]", "t/1e5", INFINITY},
      {"schedule: [{steps: 10, eta: 1/(2 + t) - low}, {eta: c}]\ndefine: {low: -c}", "1/(2+t)-(-3)",
       3.5},
      {"schedule: [{steps: 10, eta_w: eta_a^2, eta_a: t}, {eta: c}]", "t", 9},
      {"schedule: [{eta: c/t}]\ndefine: {t: 2}", NULL, 1.5},
      {"schedule: [{eta: 0.1/(t + 1)^0.5}]", "0.1/(t+1)^0.5", INFINITY},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    char text[1024];
    snprintf(text, sizeof text, CELL "grid: {c: [0.5, 3]}\nstop: {at: 1e-6*c}\n%s\n",
             known[i].schedule);
    basin_experiment *e = test_parse(text, NULL, 0);
    const basin_stage *stage = &e->cell[1].setting.stage[0];
    const basin_moving *found = stage->moving[0];
    if (!found != !known[i].text || (found && strcmp(found->text, known[i].text) != 0))
      fail_msg("%s: %s", known[i].schedule, found ? found->text : "none");
    assert_true(!(stage->eta[0] < known[i].bound) && !(stage->eta[0] > known[i].bound));
    assert_true(e->cell[0].identity == e->cell[1].identity || e->axes == 1);
    basin_experiment_free(e);
  }
}

/* the same formula in other words keeps its identity, another one has its own */
static void identities(void **unused) {
  static const char *const schedule[] = {"[{eta: 0.1/sqrt(1 + t)}]", "[{eta: 0.1 / sqrt(1+t)}]",
                                         "[{eta: 0.1/sqrt(2 + t)}]", "[{eta: 0.1}]",
                                         "[{eta_w: 0.1/sqrt(1 + t), eta_a: 0.1}]"};
  uint64_t identity[5];
  (void)unused;
  for (int i = 0; i < 5; i++) {
    char text[1024];
    snprintf(text, sizeof text, CELL "schedule: %s\n", schedule[i]);
    basin_experiment *e = test_parse(text, NULL, 0);
    identity[i] = e->identity;
    basin_experiment_free(e);
  }
  assert_true(identity[0] == identity[1]);
  for (int i = 1; i < 5; i++)
    for (int j = i + 1; j < 5; j++) assert_true(identity[i] != identity[j]);
}

static void refused(void **unused) {
  static const char *const wrong[][2] = {
      {"[{eta: 0.1 - t/100}]", "t.yaml:7:18: eta_a at t = 14 is -0.04"},
      {"[{steps: 50, eta: 0.1 - t/100}, {eta: 0.1}]", "7:29: eta_a at t = 11 is -0.0"},
      {"[{eta: sqrt(90 - t)}]", "eta_a at t = 9"},
      {"[{steps: 50, eta: 1/(20 - t)}, {eta: 0.1}]", "eta_a at t = 20: 1/(20-t): division by zero"},
      {"[{eta: 1/t}]", "7:19: division by zero"},
      {"[{eta: t*1e99}]", "eta_a at t = 14 is 1.4e+100, expected a step size from 0 to 1e+100"},
      {"[{eta: 1/(1 + s)}]", "7:25: unknown symbol `s`"},
      {"[{eta: 0.1*(t}]", "expected `)`"},
      {"[{steps: t, eta: 0.1}, {eta: 0.1}]", "unknown symbol `t`: the steps since the trial began"},
      {"[{eta: a}]\ndefine: {a: b + t, b: a}", "is defined by itself"},
      {"[{eta: a}]\ndefine: {a: b + b, b: d + d, d: e + e, e: f + f, f: g + g, g: h + h, h: i + i, "
       "i: j + j, j: l + l, l: m + m, m: n + n, n: t}",
       "has over 4095 characters"},
      {"[{eta_w: eta_a - 1, eta_a: 1/(1 + t)}]", "eta_w at t = 7 is -0.875"},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char text[1024];
    basin_experiment *e = NULL;
    basin_error error;
    snprintf(text, sizeof text, CELL "schedule: %s\nstop: {at: 1e-6, max_steps: 100}\n",
             wrong[i][0]);
    assert_int_equal(
        basin_experiment_parse("t.yaml", text, (int64_t)strlen(text), NULL, 0, &e, &error),
        BASIN_BAD_INPUT);
    if (!strstr(error.text, wrong[i][1])) fail_msg("%s: %s", wrong[i][0], error.text);
  }
}

/* a step without a step size, which is not among those that are tried: found by the trial that comes to it, and by none
   that has ended before */
static void found_on_the_way(void **unused) {
  static const char schedule[] = "[{eta: 0.01/abs(t - 37)}]", never[] = "at: 1e-9, ";
  static const char *const gaps[] = {
      CNN, RES "gradient: {sampled: {inputs: 2, sampler: direct}}\n",
      "model: octopus\nparameters: {d: 4}\ninit: {x: {uniform: [-1, 1]}}\n",
      CNN "gradient: {sampled: {inputs: {fixed: 7}}}\n"};
  (void)unused;
  for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++)
    for (int devices = 0; devices <= (count != NULL); devices++) {
      basin_experiment *e = with_schedule(gaps[i], schedule, never, STEPS), *short_of_it;
      basin_job job;
      basin_error error;
      basin_part part;
      basin_watch watch = {0};
      make_job(e, 0, 0, 9, &job, &part);
      assert_int_equal(run_on(devices, &job, &part, &watch, &error), BASIN_WORKER_REFUSED);
      if (!strstr(error.text, " at t = 37: 0.01/abs(t-37): division by zero"))
        fail_msg("%s", error.text);
      basin_part_free(&part);
      basin_experiment_free(e);

      short_of_it = with_schedule(gaps[i], schedule, never, 37);
      make_job(short_of_it, 0, 0, 9, &job, &part);
      assert_ok(run_on(devices, &job, &part, &watch, &error), error);
      basin_part_free(&part);
      basin_experiment_free(short_of_it);
    }
}

static void tables_go_on(void **unused) {
  /* more steps than a table has rows of a chunk, by trials that are at different steps */
  static const char text[] = CNN
      "trials: 40\nschedule: [{eta: 0.3/(10 + t)^0.5}]\nstop: {at: 1e-3, "
      "max_steps: 3000}\nallow: {unresolved: 1}\n";
  basin_experiment *e = test_parse(text, NULL, 0);
  basin_part whole;
  int64_t least = INT64_MAX, most = 0;
  (void)unused;
  test_run_cell(e, 0, &whole);
  for (int isa = 0; isa <= basin_cpu_isa(NULL); isa++) {
    basin_part part;
    test_run_range(e, 0, isa, 13, 20, 1, &part);
    assert_memory_equal(whole.steps + 13, part.steps, 20 * sizeof *part.steps);
    assert_memory_equal(whole.outcome + 13, part.outcome, 20);
    basin_part_free(&part);
  }
  for (int i = 0; i < 40; i++) {
    if (whole.steps[i] < least) least = whole.steps[i];
    if (whole.steps[i] > most) most = whole.steps[i];
  }
  if (most < 1500 || least == most)
    fail_msg("%lld to %lld steps", (long long)least, (long long)most);
  basin_part_free(&whole);
  basin_experiment_free(e);
}

int main(int words, char **word) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(together),         cmocka_unit_test(texts),
      cmocka_unit_test(identities),       cmocka_unit_test(refused),
      cmocka_unit_test(same_as_stages),   cmocka_unit_test(tables_go_on),
      cmocka_unit_test(many_stages),      cmocka_unit_test(between_stages),
      cmocka_unit_test(found_on_the_way), cmocka_unit_test(same_on_device),
      cmocka_unit_test(nothing_left),
  };
  (void)words;
  if (find_module(word[0]))
    return cmocka_run_group_tests_name("step sizes", tests, set_up, remove_folder);
  const size_t alone = sizeof tests / sizeof *tests - 2; /* without a device */
  return _cmocka_run_group_tests("step sizes", tests, alone, NULL, NULL);
}
