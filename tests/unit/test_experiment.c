/* SPDX-License-Identifier: MIT
 *
 * test_experiment.c: what an experiment file means, and how every fault in one is told.
 */
#include "test.h"
#include "read/experiment.h"
#include <time.h>

/* an experiment that is right; the faults below replace one of its lines */
static const char *const lines[] = {
    "title: test",
    "model: cnn",
    "trials: 100",
    "seed: 7",
    "grid: {k: [4, 9], ratio: [0, 1]}",
    "parameters: {p: 3}",
    "define: {s: sqrt(ratio), half: s/2}",
    "teacher: {a: {sum: s, norm: 1}, v: {head: [1]}}",
    "init: {v: {sphere: 1}, a: {ball: s/sqrt(k)}}",
    "schedule: [{steps: 10, eta_a: 1/k^2, eta_w: eta_a^2}, {eta: 0.1}]",
    "stop: {at: 1e-6, max_steps: 1e5}",
    "record: {trials: 2, steps: [0, 5, 10], observables: [phi, loss], final: [loss]}",
    "allow: {unresolved: 0.5}",
};
enum { LINES = sizeof lines / sizeof *lines };

/* the text with line `which` (from 1) replaced; 0: as it is */
static basin_status read_with(int which, const char *line, const char *const *set, int sets,
                              basin_experiment **e, basin_error *error) {
  static char text[1 << 20];
  *text = 0;
  for (int i = 0; i < LINES; i++) {
    strcat(text, i + 1 == which ? line : lines[i]);
    strcat(text, "\n");
  }
  return basin_experiment_parse("dir/t.yaml", text, (int64_t)strlen(text), set, sets, e, error);
}

static basin_experiment *must_read(int which, const char *line) {
  basin_experiment *e = NULL;
  basin_error error;
  assert_ok(read_with(which, line, NULL, 0, &e, &error), error);
  return e;
}

static void resolved_values(void **unused) {
  basin_experiment *e = must_read(0, NULL);
  (void)unused;
  assert_string_equal(e->name, "t");
  assert_string_equal(basin_experiment_title(e), "test");
  assert_int_equal(basin_experiment_cells(e), 4);
  assert_int_equal(basin_experiment_trials(e), 100);
  assert_true(e->seed == 7 && e->recorded == 2 && e->times == 3 && e->time[2] == 10);
  assert_true(e->observables == 2 && e->finals == 1 && !e->keep_vectors &&
              e->allow_unresolved == 0.5);

  /* the first parameter of the grid varies slowest */
  const basin_cell *cell = &e->cell[3];
  assert_true(e->cell[1].coordinate[0] == 4 && e->cell[1].coordinate[1] == 1);
  assert_true(cell->coordinate[0] == 9 && cell->coordinate[1] == 1);
  assert_true(cell->setting.parameter[0] == 9 && cell->setting.parameter[1] == 3);
  assert_true(cell->setting.stages == 2 && cell->setting.stage[0].steps == 10 &&
              cell->setting.stage[1].steps == INT64_MAX);
  assert_true(cell->setting.stage[0].eta[0] == 1.0 / 81 &&
              cell->setting.stage[0].eta[1] == (1.0 / 81) * (1.0 / 81));
  assert_true(cell->setting.stage[1].eta[0] == 0.1 && cell->setting.stage[1].eta[1] == 0.1);
  assert_true(cell->setting.stop.tolerance == 1e-6 && cell->setting.stop.max_steps == 100000);
  const basin_vector *a = &cell->setting.initial[0], *a_star = &cell->setting.teacher[0];
  assert_true(a->source == BASIN_BALL && a->length == 9 && a->scale == 1.0 / 3);
  double sum = 0, norm2 = 0;
  for (int j = 0; j < 9; j++) sum += a_star->value[j], norm2 += a_star->value[j] * a_star->value[j];
  assert_within(sum, 1 - 1e-14, 1 + 1e-14);
  assert_within(norm2, 1 - 1e-14, 1 + 1e-14);
  basin_experiment_free(e);
}

/* a cell's draws depend on its own parameters alone */
static void identity_of_draws(void **unused) {
  basin_experiment *e = must_read(0, NULL), *other;
  uint64_t key[4];
  (void)unused;
  for (int i = 0; i < 4; i++) key[i] = e->cell[i].setting.key;
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < i; j++) assert_true(key[i] != key[j]);
  basin_experiment_free(e);

  other = must_read(5, "grid: {ratio: [1, 3, 0], k: [16, 9, 4]}"); /* more points, another order */
  assert_true(other->cell[2].setting.key == key[1] && other->cell[7].setting.key == key[2]);
  basin_experiment_free(other);
  other = must_read(3, "trials: 100000");
  assert_true(other->cell[2].setting.key == key[2]);
  basin_experiment_free(other);
  other = must_read(10, "schedule: [{eta: 0.01}]"); /* another schedule keeps the starts */
  assert_true(other->cell[2].setting.key == key[2]);
  basin_experiment_free(other);
  other = must_read(4, "seed: 8");
  assert_true(other->cell[2].setting.key != key[2]);
  basin_experiment_free(other);
  other = must_read(6, "parameters: {p: 4}");
  assert_true(other->cell[2].setting.key != key[2]);
  basin_experiment_free(other);
  other = must_read(6, "parameters: {p: 3}\nsame_draw: [ratio]");
  assert_true(other->cell[2].setting.key == other->cell[3].setting.key);
  assert_true(other->cell[0].setting.key != other->cell[2].setting.key);
  basin_experiment_free(other);
}

static void variants(void **unused) {
  basin_experiment *e = must_read(13, "variants: {one: {stop: {max_steps: 3}}, two: {model: "
                                      "resnet, init: {w: 0, a: {normal: 2}}}}");
  (void)unused;
  assert_true(e->cells == 8 && e->variants == 2);
  assert_true(e->cell[0].setting.stop.max_steps == 3 && e->cell[0].setting.stop.tolerance == 0);
  assert_string_equal(e->cell[4].model->name, "resnet");
  assert_true(e->cell[4].setting.initial[0].source == BASIN_NORMAL &&
              e->cell[4].setting.stop.max_steps == 100000);
  assert_true(e->cell[0].setting.key != e->cell[4].setting.key);
  basin_experiment_free(e);
}

/* a name is evaluated where it stands: at every point of the grid, in every stage, for every variant */
static void names_in_their_place(void **unused) {
  static const char *const set[] = {
      "define={s: sqrt(ratio), half: s/2, twice: 2*eta_a, r: k + ratio, later: twice + r}",
      "variants={one: {}, two: {define: {s: 1, half: s + ratio, twice: eta_a, later: k}}}",
      "parameters={p: k + 1}",
      "schedule=[{steps: k, eta_a: 1/k, eta_w: twice}, {steps: p, eta_a: half, eta_w: later}, "
      "{eta: ratio + 1}]"};
  basin_experiment *e = NULL;
  basin_error error;
  (void)unused;
  assert_ok(read_with(0, NULL, set, 4, &e, &error), error);
  assert_int_equal(e->cells, 8);
  for (int c = 0; c < 8; c++) {
    const basin_stage *stage = e->cell[c].setting.stage;
    const double k = c % 4 < 2 ? 4 : 9, ratio = c % 2;
    const int two = c >= 4;
    const double half = two ? 1 + ratio : ratio / 2;
    assert_true(e->cell[c].setting.parameter[1] == k + 1);
    assert_true((double)stage[0].steps == k && (double)stage[1].steps == k + 1);
    assert_true(stage[0].eta[0] == 1 / k && stage[0].eta[1] == (two ? 1 : 2) * (1 / k));
    assert_true(stage[1].eta[0] == half && stage[1].eta[1] == (two ? k : 2 * half + (k + ratio)));
    assert_true(stage[2].eta[0] == ratio + 1 && stage[2].eta[1] == ratio + 1);
  }
  basin_experiment_free(e);
}

/* names that nothing asks for must be right where they can be, and make nothing used */
static void unused_names(void **unused) {
  static const struct {
    const char *set[2], *reason; /* NULL: it is right */
  } known[] = {
      {{"define={s: sqrt(ratio), half: s, x: 2*eta_a}"}, NULL}, /* in the schedule alone */
      {{"define={s: sqrt(ratio), half: s, x: 2*theta}"}, "unknown symbol `theta`"},
      {{"define={s: sqrt(ratio), half: s, x: y + 1, y: 1/eta_w}"}, NULL},
      {{"define={s: sqrt(ratio), half: s, x: 1/(eta_a - 1/16)}"}, "division by zero"},
      {{"define={s: sqrt(ratio), half: s, x: 1/(eta_a - 1/16)}",
        "schedule=[{eta_a: 0.5, eta_w: 1}]"},
       NULL},
      {{"define={s: sqrt(ratio), half: s, x: n + m}"}, NULL}, /* of relu_sum */
      {{"define={s: sqrt(ratio), half: s, x: 1/z}", "grid={z: [1, inf], k: 4, ratio: 1}"},
       "nothing in the file uses it"},
      {{"define={s: sqrt(ratio), half: s, x: 1/z}", "grid={z: [1, 2], k: 4, ratio: 1}"},
       "nothing in the file uses it"},
      {{"define={s: sqrt(ratio), half: s, x: 1/(ratio - 1)}"}, "division by zero"},
      {{"define={s: sqrt(ratio), half: s, x: y, y: x}"}, "is defined by itself"},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    basin_experiment *e = NULL;
    basin_error error = {""};
    const basin_status status = read_with(0, NULL, known[i].set, 1 + (known[i].set[1] != NULL), &e,
                                          &error);
    if (known[i].reason ? !status || !strstr(error.text, known[i].reason) : status)
      fail_msg("%s: \"%s\"", known[i].set[0], error.text);
    basin_experiment_free(e);
  }
}

/* processor time of reading, which a busy machine does not stretch */
static double seconds_to_read(const char *define, basin_experiment **e) {
  basin_error error;
  const clock_t start = clock();
  assert_ok(read_with(7, define, NULL, 0, e, &error), error);
  return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* names that are defined by each other, or that are many, cost as much as there are of them */
static void many_names(void **unused) {
  enum { DOUBLINGS = 28, KEYS = 20000, NAME = 32 };
  static char text[KEYS * NAME];
  basin_experiment *e;
  char *end = text + sprintf(text, "define: {s: sqrt(ratio)*x0/2^%d, x%d: 1", DOUBLINGS, DOUBLINGS);
  (void)unused;
  for (int i = 0; i < DOUBLINGS; i++) end += sprintf(end, ", x%d: x%d + x%d", i, i + 1, i + 1);
  strcpy(end, "}");
  assert_within(seconds_to_read(text, &e), 0, 0.5 * TEST_SLOWER);
  assert_true(e->cell[3].setting.initial[0].scale == 1.0 / 3);
  basin_experiment_free(e);

  end = text + sprintf(text, "define: {s: sqrt(ratio)");
  for (int i = 0; i < KEYS; i++) end += sprintf(end, ", x%d: %d", i, i);
  strcpy(end, "}");
  assert_within(seconds_to_read(text, &e), 0, 0.5 * TEST_SLOWER);
  basin_experiment_free(e);
}

static void zipped_grid(void **unused) {
  basin_experiment *e = must_read(
      5, "grid: [{k: [4, 9], ratio: [0, 1]}]"); /* one item: they run together */
  (void)unused;
  assert_true(e->cells == 2 && e->cell[1].coordinate[0] == 9 && e->cell[1].coordinate[1] == 1);
  basin_experiment_free(e);
  e = must_read(5, "grid: [{k: [4, 9]}, {ratio: [0, 1]}]"); /* two items: they are crossed */
  assert_true(e->cells == 4 && e->cell[1].coordinate[0] == 4 && e->cell[1].coordinate[1] == 1);
  basin_experiment_free(e);
}

static void overrides(void **unused) {
  static const char *const set[] = {"trials=5", "stop.max_steps=77", "grid.k=[16]",
                                    "allow.diverged=1", "record.steps={every: 1000}"},
                           *const entries[] = {"schedule.0.steps=20", "schedule.1={eta: 0.25}",
                                               "grid.k.1=25",         "teacher.v={head: [0, 1]}",
                                               "teacher.v.head.0=1",  "teacher.v.head.1=0"};
  basin_experiment *e;
  basin_error error;
  (void)unused;
  assert_ok(read_with(0, NULL, set, 5, &e, &error), error);
  assert_true(e->trials == 5 && e->cells == 2 && e->cell[0].setting.stop.max_steps == 77 &&
              e->allow_diverged == 1);
  assert_string_equal(
      e->overrides,
      "trials=5\nstop.max_steps=77\ngrid.k=[16]\nallow.diverged=1\nrecord.steps={every: 1000}\n");
  basin_experiment_free(e);

  /* entries of lists go by their numbers */
  assert_ok(read_with(0, NULL, entries, 6, &e, &error), error);
  const basin_setting *last = &e->cell[3].setting;
  assert_true(e->cells == 4 && e->cell[3].coordinate[0] == 25 && last->stage[0].steps == 20 &&
              last->stage[0].eta[0] == 1.0 / 625 && last->stage[1].eta[1] == 0.25 &&
              last->teacher[1].value[0] == 1 && last->teacher[1].value[1] == 0);
  basin_experiment_free(e);

  static const char *const bad[][2] = {
      {"trials", "--set trials: expected key=value"},
      {"trials=0", "--set trials=0: trials is 0"},
      {"a..b=1", "--set a..b=1: an empty name"},
      {"model.x=1", "--set model.x=1: `x` is not below a mapping or a list"},
      {"schedule.2.eta=1", "`2` is below a list, expected the "
                           "number of an entry, from 0 to 1"},
      {"schedule.x.eta=1", "`x` is below a list, expected"},
      {"schedule.-1.eta=1", "`-1` is below a list, expected"},
      {"schedule.4294967296.eta=1", "is below a list, expected"},
      {"schedule.1.eta=x", "=x: unknown symbol `x`"},
      {"trails=5", "--set trails=5: unknown key `trails`"},
      {"stop.max_steps=[", "--set stop.max_steps=[: not YAML"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(read_with(0, NULL, bad[i], 1, &e, &error), BASIN_BAD_INPUT);
    if (!strstr(error.text, bad[i][1])) fail_msg("%s: \"%s\"", bad[i][0], error.text);
  }
}

/* the values of a parameter of the grid */
static void expect_values(const char *values, const double *expected, int count) {
  static const char text[] = "model: cnn\nparameters: {k: 4, p: 3}\nteacher: {a: 1, v: {head: "
                             "[1]}}\ninit: {v: {sphere: 1}, a: 0}\nschedule: [{eta: 0.1 + 0*x}]\n";
  char set[128];
  snprintf(set, sizeof set, "grid.x=%s", values);
  basin_experiment *e = test_parse(text, (const char *const[]){set}, 1);
  if (e->cells != count) fail_msg("%s: %lld values", values, (long long)e->cells);
  for (int i = 0; i < count; i++)
    if (e->cell[i].coordinate[0] != expected[i])
      fail_msg("%s: value %d is %.17g, expected %.17g", values, i, e->cell[i].coordinate[0],
               expected[i]);
  basin_experiment_free(e);
}

static void grids_by_rules(void **unused) {
  static const struct {
    const char *text;
    int count;
    double value[21];
  } known[] = {
      /* NumPy's, to the last bit */
      {"{linspace: [0, 1, 11]}",
       11,
       {0, 0.1, 0.2, 0.30000000000000004, 0.4, 0.5, 0.6000000000000001, 0.7000000000000001, 0.8,
        0.9, 1}},
      {"{linspace: [1, 0, 3]}", 3, {1, 0.5, 0}},
      {"{linspace: [1/3, sqrt(2), 2^2]}",
       4,
       {0x1.5555555555555p-2, 0x1.63230b61beefap-1, 0x1.0dcdb60c699a5p+0, 0x1.6a09e667f3bcdp+0}},
      /* decimals and powers come out as they are written */
      {"{logspace: [1e-3, 1, 4]}", 4, {1e-3, 1e-2, 1e-1, 1}},
      {"{logspace: [1, 1e-6, 7]}", 7, {1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6}},
      {"{logspace: [16, 1024, 7]}", 7, {16, 32, 64, 128, 256, 512, 1024}},
      {"{logspace: [1, 3^20, 21]}",
       21,
       {1,       3,        9,        27,        81,        243,        729,
        2187,    6561,     19683,    59049,     177147,    531441,     1594323,
        4782969, 14348907, 43046721, 129140163, 387420489, 1162261467, 3486784401}},
      {"{logspace: [1, 2, 3]}", 3, {1, 0x1.6a09e667f3bcdp+0, 2}},
      {"{logspace: [1e-300, 1e300, 3]}", 3, {1e-300, 1, 1e300}},
      {"{range: [16, 20]}", 5, {16, 17, 18, 19, 20}},
      {"{range: [0, 1, 0.1]}", 11, {0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}},
      {"{range: [-0.3, 0.3, 0.1]}", 7, {-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3}},
      {"{range: [0, 1, 0.3]}", 4, {0, 0.3, 0.6, 0.9}}, /* no step comes to the end */
      {"{range: [9, 2, -3]}", 3, {9, 6, 3}},
      {"{range: [5, 5]}", 1, {5}},
      {"{range: [0, pi, pi/2]}", 3, {0, 0x1.921fb54442d18p+0, 0x1.921fb54442d18p+1}},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    expect_values(known[i].text, known[i].value, known[i].count);

  /* run together, and crossed */
  basin_experiment *e = must_read(
      5, "grid: [{k: {range: [4, 6]}, ratio: {linspace: [0, 1, 3]}}, {z: {range: [1, 2]}}]\n"
         "on_divergence: stop\nmethod: gradient_descent\nvariants: {a: {stop: {max_steps: z}}}");
  assert_true(e->cells == 6 && e->cell[5].coordinate[0] == 6 && e->cell[5].coordinate[1] == 1 &&
              e->cell[5].coordinate[2] == 2 && e->cell[2].coordinate[0] == 5 &&
              e->cell[2].coordinate[1] == 0.5 && e->cell[2].coordinate[2] == 1);
  basin_experiment_free(e);
}

static void log_spaced_steps(void **unused) {
  basin_experiment *e = must_read(12, "record: {trials: 1, steps: {log: 50}}");
  (void)unused;
  assert_true(e->time[0] == 0 && e->time[1] == 1 && e->time[e->times - 1] == 100000);
  for (int64_t i = 1; i < e->times; i++) assert_true(e->time[i] > e->time[i - 1]);
  assert_within((double)e->times, 35, 51);
  basin_experiment_free(e);
}

/* at the end of a trial the losses alone, along trajectories everything; `all` is everything there too */
static void kept_by_default(void **unused) {
  static const struct {
    const char *text, *set, *last; /* of the final values */
    int finals, observables;       /* 0: as many as the observables */
  } known[] = {
      {"", "record.trials=1", "loss", 1, 0},
      {"gradient: {sampled: {inputs: {fixed: 9}}}", "record.trials=1", "train_loss", 2, 0},
      {"", "record.final=all", "norm_grad_v", 0, 0},
      {"", "record={final: [], observables: all}", "", -1, 0},
      {"", "record={final: [phi], observables: [loss]}", "phi", 1, 1},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    basin_experiment *e;
    basin_error error;
    const char *const set[] = {known[i].set};
    assert_ok(read_with(12, known[i].text, set, 1, &e, &error), error);
    const int all = e->cell[0].model->observables +
                    (known[i].finals == 2 ? BASIN_RISK_OBSERVABLES : 0),
              observables = known[i].observables ? known[i].observables : all,
              finals = known[i].finals < 0 ? 0
                       : known[i].finals   ? known[i].finals
                                           : all;
    assert_int_equal(e->observables, observables);
    assert_int_equal(e->finals, finals);
    if (finals) assert_string_equal(e->final[finals - 1], known[i].last);
    basin_experiment_free(e);
  }
}

/* what a scientist may get wrong: the message begins with the place and says what was expected */
static void faults(void **unused) {
  static const struct {
    int line;
    const char *text, *place, *reason;
  } known[] = {
      {1, "titel: x", "1:1", "unknown key `titel` in the experiment, did you mean `title`?"},
      {1, "zzz: x", "1:1", "expected one of: title, model,"},
      {1, "title: [a]", "1:9", "expected text"},
      {2, "model: vgg", "2:8", "unknown model `vgg`, expected one of: cnn, "},
      {2, "model: cnnn", "2:8", "unknown model `cnnn`, did you mean `cnn`?"},
      {2, "model: [cnn]", "2:9", "unknown model, expected one of"},
      {2, "", "1:1", "key `model` is missing"},
      {3, "trials: -5", "3:9", "trials is -5, expected a whole number from 1"},
      {3, "trials: 1.5", "3:9", "trials is 1.5, expected a whole number"},
      {3, "trials: many", "3:9", "unknown symbol `many`"},
      {3, "trials: 1e30", "3:9", "expected a whole number from 1 to 281474976710656"},
      {3, "trials: [1]", "3:10", "expected a number or an expression, not a list"},
      {3, "trials:", "3:1", "nothing given"},
      {3, "trials: 10\ntrials: 20", "4:1", "key `trials` is given twice"},
      {4, "seed: -1", "4:7", "seed: expected a whole number"},
      {4, "seed: 010", "4:7", "without leading zeros"},
      {4, "seed: \" -1\"", "4:8", "without leading zeros, blanks or a sign"},
      {4, "seed: 0x", "4:7", "seed: expected a whole number"},
      {4, "seed: 99999999999999999999", "4:7", "seed: expected a whole number"},
      {5, "grid: {k: [], ratio: [0, 1]}", "5:8", "`k` has no values"},
      {5, "grid: {k: {linspce: [4, 9, 2]}, ratio: 1}", "5:12", "did you mean `linspace`?"},
      {5, "grid: {k: {linspace: [4, 9, 2], range: [4, 9]}, ratio: 1}", "5:12",
       "expected a list, or one of linspace, logspace, range"},
      {5, "grid: {k: {}, ratio: 1}", "5:8", "expected a list, or one of linspace"},
      {5, "grid: {k: {linspace: [4, 9]}, ratio: 1}", "5:23",
       "`k`: expected linspace: [from, to, number of values]"},
      {5, "grid: {k: {linspace: 4}, ratio: 1}", "5:22", "expected linspace: [from, to, number"},
      {5, "grid: {k: {linspace: [4, 9, 1]}, ratio: 1}", "5:23", "values, at least 2"},
      {5, "grid: {k: {linspace: [4, 9, 2.5]}, ratio: 1}", "5:23", "expected a whole number"},
      {5, "grid: {k: {linspace: [4, 4, 2]}, ratio: 1}", "5:23", "the ends are the same"},
      {5, "grid: {k: {linspace: [4, x, 2]}, ratio: 1}", "5:26", "unknown symbol `x`"},
      {5, "grid: {k: {linspace: [4, inf, 2]}, ratio: 1}", "5:26", "unknown symbol `inf`"},
      {5, "grid: {k: {linspace: [4, 9, 3]}, ratio: 1}", "5:12",
       "k is 6.5, expected a whole number"},
      {5, "grid: {k: {linspace: [-1e308, 1e308, 3]}, ratio: 1}", "5:23", "too far apart"},
      {5, "grid: {k: {linspace: [4, 9, 1e9]}, ratio: 1}", "5:23",
       "linspace has 1000000000 values, expected at most 1000000"},
      {5, "grid: {k: {range: [1, 1000], }, ratio: {linspace: [0, 1, 1001]}}", "5:8",
       "more than 1000000 cells"},
      {5, "grid: {k: {logspace: [-3, 0, 4]}, ratio: 1}", "5:23",
       "both ends must be above 0 (they are the values, not exponents)"},
      {5, "grid: {k: {range: [4]}, ratio: 1}", "5:20", "range: [from, to] or [from, to, step]"},
      {5, "grid: {k: {range: [4, 9, 1, 1]}, ratio: 1}", "5:20", "range: [from, to]"},
      {5, "grid: {k: {range: [4, 9, 0]}, ratio: 1}", "5:20", "the step is 0"},
      {5, "grid: {k: {range: [9, 4]}, ratio: 1}", "5:20", "a step of the other sign"},
      {5, "grid: {k: {range: [4, 1e12]}, ratio: 1}", "5:20", "expected at most 1000000"},
      {5, "grid: [{k: {range: [4, 6]}, ratio: [0, 1]}]", "5:37", "has 2 values and `k` 3"},
      {5, "grid: {}", "5:1", "empty"},
      {5, "grid: 5", "5:7", "expected a mapping"},
      {5, "grid: {k: [4, x], ratio: 1}", "5:15", "unknown symbol `x`"},
      {5, "grid: {k: [4, 0], ratio: 1}", "5:12", "k is 0, expected a whole number from 1"},
      {5, "grid: {k: [4.5], ratio: 1}", "5:12", "k is 4.5, expected a whole number"},
      {5, "grid: {k: [4], ratio: 1, kk: [1, 2]}", "5:31",
       "`kk` is no parameter of the model, and nothing in the file uses it"},
      {5, "grid: {k: [4], ratio: 1, 2x: 3}", "5:26", "cannot be a name"},
      {5, "grid: {k: [4], ratio: 1, trial: 3}", "5:26", "taken by the output file"},
      {5, "grid: {k: [4], ratio: 1, loss: 3}", "5:26", "taken by the output file"},
      {5, "grid: {k: [4], ratio: 1, vector_a: 3}", "5:26", "taken by the output file"},
      {5, "grid: [{k: [4, 9], ratio: [1]}]", "5:28", "has 1 values and `k` 2"},
      {5, "grid: {k: [4], ratio: [1, 1, 1], p: 3}", "5:37", "in the grid and under parameters"},
      {5, "grid: {k: [4], ratio: [1, 2, 1]}", "5:8", "two of its points are the same"},
      {5, "grid: {k: [4], ratio: 25}", "8:20", "no vector of 4 entries has sum 5 and norm 1"},
      {6, "parameters: {q: 3}", "6:14", "unknown key `q` in parameters"},
      {6, "parameters: {p: 0}", "6:17", "p is 0, expected a whole number from 1"},
      {6, "parameters: {p: 1e9}", "6:17", "expected a whole number from 1 to 16777216"},
      {6, "parameters: [p]", "6:14", "expected a mapping"},
      {7, "define: {s: half, half: s/2}", "7", "is defined by itself"},
      {7, "define: {s: 1/ratio}", "7:14", "division by zero"},
      {7, "define: {s: 1, unused: 1/0}", "7:25", "division by zero"},
      {7, "define: {s: 1, unused: nothing}", "7:24", "unknown symbol `nothing`"},
      {7, "define: {s: 1, unused: unused}", "7:24", "`unused` is defined by itself"},
      {7, "define: {s: 1, unused: 1/(k - 9)}", "7:25", "division by zero"},
      {7, "define: {s: 1, unused: eta_a/0}", "7:29", "division by zero"},
      {7, "define: {s: 1, unused: text here}", "7:24", "unknown symbol `text`"},
      {7, "define: {s: 1, unused: [1]}", "7:25", "expected a number or an expression, not a list"},
      {7, "define: {pi: 3, s: 1}", "7:10", "cannot be a name"},
      {7, "define: {p: 3, s: 1}", "7:10", "already under parameters"},
      {8, "teacher: {a: {sum: s, norm: 1}}", "8:11", "teacher.v is missing: filter v*"},
      {8, "teacher: {a: {sum: s, norm: 1}, v: {head: [1]}, w: 0}", "8:49",
       "unknown key `w` in teacher"},
      {8, "teacher: {a: {sum: s, norm: 1}, v: {sphere: 1}}", "8:37", "a teacher is not drawn"},
      {8, "teacher: {a: {sum: s, norm: 1}, v: [1, 1, 0]}", "8:37", "must have length 1"},
      {8, "teacher: {a: 0, v: {head: [1]}}", "8:14", "must not be zero"},
      {8, "teacher: {a: [1, 2], v: {head: [1]}}", "8:15", "2 entries, expected 4"},
      {8, "teacher: {a: {head: [1, 2, 3, 4, 5]}, v: {head: [1]}}", "8:22",
       "5 entries, expected at most 4"},
      {8, "teacher: {a: {blocks: [[1, 2], [1, 5]]}, v: {head: [1]}}", "8:36",
       "expected a whole number from 0 to 4"},
      {8, "teacher: {a: {blocks: [[1, 2], [2, 3]]}, v: {head: [1]}}", "8:33",
       "longer than the vector"},
      {8, "teacher: {a: {blocks: [[1, 2]]}, v: {head: [1]}}", "8:25",
       "the blocks have 2 entries, expected 4"},
      {8, "teacher: {a: {sum: 1}, v: {head: [1]}}", "8:15",
       "expected one of head, blocks, sum with norm"},
      {8, "teacher: {a: {head: [1], sum: 2}, v: {head: [1]}}", "8:15", "expected one of head"},
      {9, "init: {v: {sphere: 1}, a: {ball: -1}}", "9:34", "-1 is negative"},
      {9, "init: {v: {sphere: 1}, a: {bal: 1}}", "9:28", "did you mean `ball`?"},
      {9, "init: {v: {sphere: 1}, a: {uniform: 1}}", "9:37", "expected uniform: [low, high]"},
      {9, "init: {v: {sphere: 1}, a: {uniform: [1, 2, 3]}}", "9:38", "uniform: [low, high]"},
      {9, "init: {v: {sphere: 1}, a: {uniform: [1, -1]}}", "9:38", "expected the lower end first"},
      {9, "init: {v: {sphere: 1}, a: {uniform: [-1e308, 1e308]}}", "9:38", "the lower end first"},
      {9, "init: {v: {sphere: 1}, a: {uniform: [0, 1], around: 1}}", "9:28",
       "ball, sphere (both may have `around`), normal (may have `mean`)"},
      {9, "init: {v: {sphere: 1}, a: {normal: 1, around: 1}}", "9:28", "normal (may have `mean`)"},
      {9, "init: {v: {sphere: 1}, a: {ball: 1, mean: 1}}", "9:28", "ball, sphere (both may have"},
      {9, "init: {v: {sphere: 1}, a: {around: teacher}}", "9:28", "init.a: expected one of head"},
      {9, "init: {v: {sphere: 1}, a: {ball: 1, around: techer}}", "9:45",
       "unknown symbol `techer`"},
      {9, "init: {v: {sphere: 1}, a: {ball: 1, around: [1, 2]}}", "9:46", "2 entries, expected 4"},
      {9, "init: {v: {sphere: 1}, a: {ball: 1, around: {ball: 1}}}", "9:46", "unknown key `ball`"},
      {9, "init: {v: {sphere: 1}, a: {ball: -1, around: 1}}", "9:34", "-1 is negative"},
      {9, "init: {v: {ball: 0, around: 0}, a: 1}", "9:12", "v_0 must not be zero"},
      {9, "init: {v: {uniform: [0, 0]}, a: 1}", "9:12", "v_0 must not be zero"},
      {8, "teacher: {a: {uniform: [0, 1]}, v: {head: [1]}}", "8:15", "a teacher is not drawn here"},
      {2, "model: resnet\nvariants: {x: {init: {a: 1, w: {ball: 1, around: teacher}}}}",
       "3:", "init.w: no teacher has that name: give the vector itself"},
      {2, "model: resnet\nvariants: {x: {init: {a: 1, w: {ball: 0, around: -1/sqrt(3)}}}}",
       "3:", "1/sqrt(p) + w_0 must not be zero"},
      {9, "init: {v: {sphere: 1}, a: {ball: 1, normal: 1}}", "9:28", "no other key but `scale`"},
      {9, "init: {v: 0, a: {ball: 1}}", "9:11", "v_0 must not be zero"},
      {9, "init: {a: {ball: 1}}", "9:8", "init.v is missing"},
      {10, "schedule: []", "10:1", "at least one stage"},
      {10, "schedule: [{eta_a: 1}]", "10:13", "step size `eta_w` is missing"},
      {10, "schedule: [{eta: -1}]", "10:18", "eta_a is -1, expected a step size from 0 to 1e+100"},
      {10, "schedule: [{eta: 1e300}]", "10:18", "eta_a is 1e+300, expected a step size from 0"},
      {10, "schedule: [{eta: 1}, {eta: 1}]", "10:13", "steps is missing"},
      {10, "schedule: [{steps: 5, eta: 1}]", "10:20", "steps of the last stage"},
      {10, "schedule: [{steps: 0, eta: 1}, {eta: 1}]", "10:20", "expected a whole number from 1"},
      {10, "schedule: [{eta_a: eta_w, eta_w: eta_a}]", "10:", "is defined by itself"},
      {11, "stop: {at: 0}", "11:12", "expected a tolerance above 0"},
      {11, "stop: {at_spurious: 1}", "11:21", "goes with stop.at, which is missing"},
      {11, "stop: {at: 1, at_spurious: 0}", "11:28", "expected a tolerance above 0"},
      {12, "gradient: sgd", "12:11",
       ":11: gradient: expected `population`, or {sampled: {inputs: B, sampler: direct}}, or "
       "{sampled: "
       "{inputs: {fixed: n}}}"},
      {12, "gradient: {sampled: {inputs: 4}}", "12:22", "expected `direct` or `projected`"},
      {12, "gradient: {sampled: {sampler: direct}}", "12:22", "inputs is missing"},
      {12, "gradient: {sampled: {inputs: 0, sampler: direct}}", "12:30",
       "expected a whole number from 1"},
      {12, "gradient: {sampled: {inputs: 4, sampler: exact}}", "12:42", "expected `direct`"},
      {12, "gradient: {sampled: {inputs: 3e7, sampler: direct}}",
       "12:", "more than 2^25 random numbers a step"},
      {12, "gradient: {sampled: {inputs: 4, sampler: direct, precision: half}}", "12:61",
       "expected `double` or `mixed`"},
      {12, "gradient: {sampled: {inputs: 4, sampler: projected, precision: mixed}}", "12:64",
       "mixed goes with sampler direct"},
      {12, "gradient: {sampled: {inputs: {fixed: 9}, precision: mixed}}", "12:53",
       "not with a fixed data set"},
      {12, "gradient: {smapled: 1}", "12:12", "did you mean `sampled`?"},
      {11, "stop: {max_steps: 0}", "11:19", "expected a whole number from 1"},
      {11, "stop: {max_step: 5}", "11:8", "did you mean `max_steps`?"},
      {12, "record: {trials: 1, steps: [0, 5, 5]}", "12:35", "expected a whole number from 6"},
      {12, "record: {trials: 1, steps: {log: 5, every: 5}}", "12:29", "expected {log: n}"},
      {12, "record: {trials: 1, steps: {every: 1e-3}}", "12:36", "expected a whole number"},
      {12, "record: {observables: [phi, ph]}", "12:29", "no observable `ph`"},
      {12, "record: {final: everything}", "12:17", "expected a list of observables, or all"},
      {12, "record: {final: [all]}", "12:18", "no observable `all`"},
      {12, "record: {observables: [phi, phi]}", "12:29", "given twice"},
      {12, "record: {parameters: maybe}", "12:22", "expected true or false"},
      {13, "allow: {unresolved: 2}", "13:21", "expected a number from 0 to 1"},
      {13, "until: {halfwidth: 0}", "13:20", "until.halfwidth is 0"},
      {13, "until: {}", "13:1", "until.halfwidth is missing"},
      {13, "until: {halfwidth: 0.01, max_trials: 5}", "13:38", "expected a whole number from 100"},
      {13, "variants: {}", "13:1", "expected a mapping"},
      {13, "variants: {a: {trials: 5}}", "13:16", "unknown key `trials` in the variant"},
      {13, "same_draw: [x]", "13:13", "`x` is no grid parameter"},
      {13, "gradient: sampled", "13:11",
       "gradient: expected `population`, or {sampled: {inputs: B, sampler: direct}}, or {sampled: "
       "{inputs: {fixed: n}}}"},
      {13, "gradient: {population: 1}", "13:24", "gradient.population: expected a mapping"},
      {13, "gradient: populaton", "13:11", "unknown word `populaton`, did you mean `population`?"},
      {13, "method: gradient_decent", "13:9", "did you mean `gradient_descent`?"},
      {13, "allow: {unresolved: *x}", "13:22", "aliases"},
      {13, "%TAG x", "13:1", "a directive"},
      {13, "title2: \xff", "13:9", "not UTF-8"},
      {13, "x: \xed\xa0\x80", "13:4", "not UTF-8"},
      {13, "x: \x01", "13:4", "a control character (1)"},
      {13, "allow: {unresolved: [}", "13:", "not YAML"},
      {13, "---\ntitle: y", "13:1", "another document (---), expected one alone"},
      {13, "allow: {unresolved: 0.5}\n--- # and nothing", "14:1", "another document (---)"},
      {13, "...\n# a comment\ntitle: y", "15:1", "text behind the end of the document (...)"},
      {13, "...\n\n ]} :\t!", "15:1", "text behind the end of the document (...)"},
      {13, "...\r\rtitle: y", "15:1", "text behind the end of the document (...)"},
      {13, "...\r\n\r\ntitle: y", "15:1", "text behind the end of the document (...)"},
      {13, "allow: &x {unresolved: 1}\nuntil: *x", "14:9", "aliases"},
  };
  int wrong = 0;
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    basin_experiment *e = NULL;
    basin_error error = {""};
    char place[64];
    snprintf(place, sizeof place, "dir/t.yaml:%s", known[i].place);
    const basin_status status = read_with(known[i].line, known[i].text, NULL, 0, &e, &error);
    if (status == BASIN_BAD_INPUT && !e && !strncmp(error.text, place, strlen(place)) &&
        strstr(error.text, known[i].reason) && !strchr(error.text, '\n'))
      continue;
    print_error("%s\n  said     \"%s\"\n  expected \"%s: ...%s\"\n", known[i].text, error.text,
                place, known[i].reason);
    wrong++;
  }
  assert_int_equal(wrong, 0);
}

/* a file is one document: nothing of it goes unread */
static void one_document(void **unused) {
  static const struct {
    const char *text, *reason;
  } known[] = {
      {"{model: cnn}\n{model: resnet}", "x:2:1: not YAML: missing document start"},
      {"{model: cnn} # c\n- resnet", "x:2:1: not YAML: missing document start"},
      {"[cnn]\nmodel: cnn", "x:2:1: not YAML"},
      {"{model: cnn}\n]", "x:2:1: not YAML"},
      {"---\n---\nmodel: cnn", "x:2:1: another document"},
      {"model: cnn\n---", "x:2:1: another document"},
      {"model: cnn\n...\n...\n# c\n", "x:1:1: key `teacher` is missing"},
      {"# c\n\n--- \nmodel: cnn\n...\n", "x:4:1: key `teacher` is missing"},
      {"--- {model: cnn}", "x:1:6: key `teacher` is missing"},
      {"model: cnn\ntitle: |\n ---\n ...\n a", "x:1:1: key `teacher` is missing"},
      {"model: cnn\ntitle: ---a", "x:1:1: key `teacher` is missing"},
  };
  basin_experiment *e;
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    basin_error error = {""};
    assert_int_equal(basin_experiment_parse("x", known[i].text, (int64_t)strlen(known[i].text),
                                            NULL, 0, &e, &error),
                     BASIN_BAD_INPUT);
    if (strncmp(error.text, known[i].reason, strlen(known[i].reason)) != 0)
      fail_msg("%s\n  said     \"%s\"\n  expected \"%s\"", known[i].text, error.text,
               known[i].reason);
  }
  basin_error error;
  assert_int_equal(read_with(0, NULL, (const char *const[]){"trials=5\n---\n6"}, 1, &e, &error),
                   BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, ": another document"));
}

/* which cells have no rule that could end a trial but divergence and max_steps */
static void without_a_rule(void **unused) {
  static const struct {
    const char *gradient;
    int stop; /* whether line 11, with stop.at, stays */
    int64_t cells;
  } known[] = {
      {"gradient: population", 0, 0},
      {"gradient: {sampled: {inputs: 4, sampler: direct}}", 1, 0},
      {"gradient: {sampled: {inputs: 4, sampler: direct}}", 0, 4},
      {"gradient: {sampled: {inputs: inf, sampler: direct}}", 0, 0},
      {"gradient: {sampled: {inputs: {fixed: 9}}}", 0, 4},
      {"gradient: {sampled: {inputs: {fixed: 9}}}\nstop: {at_gradient: 1e-9}", 0, 0},
      {"variants: {a: {}, b: {gradient: {sampled: {inputs: 4, sampler: projected}}}}", 0, 4},
      {"gradient: {sampled: {inputs: 4, sampler: direct}}\nallow: {unresolved: 0.9}", 0, 4},
      {"gradient: {sampled: {inputs: 4, sampler: direct}}\nallow: {unresolved: 1}", 0,
       0}, /* it is known */
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    char text[4096] = "";
    for (int line = 1; line <= 11; line++)
      if (line != 11 || known[i].stop) strcat(strcat(text, lines[line - 1]), "\n");
    strcat(text, known[i].gradient);
    basin_experiment *e = test_parse(text, NULL, 0);
    const int64_t cells = basin_experiment_endless(e);
    if (cells != known[i].cells) fail_msg("%s: %lld cells", known[i].gradient, (long long)cells);
    basin_experiment_free(e);
  }
}

static void seeds(void **unused) {
  static const struct {
    const char *text;
    uint64_t seed;
  } known[] = {{"seed: 0", 0},
               {"seed: 18446744073709551615", UINT64_MAX},
               {"seed: 0xFf", 255},
               {"seed: \"12\"", 12}};
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    basin_experiment *e = must_read(4, known[i].text);
    assert_true(e->seed == known[i].seed);
    basin_experiment_free(e);
  }
}

static void unreadable_files(void **unused) {
  basin_experiment *e;
  basin_error error;
  (void)unused;
  assert_int_equal(basin_experiment_read("/nowhere/x.yaml", NULL, 0, &e, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "/nowhere/x.yaml: cannot be read: No such file"));
  assert_int_equal(basin_experiment_read("/", NULL, 0, &e, &error), BASIN_BAD_INPUT);
  assert_int_equal(basin_experiment_parse("x", "", 0, NULL, 0, &e, &error), BASIN_BAD_INPUT);
  assert_int_equal(basin_experiment_parse("x", "\0\xff\xfe", 3, NULL, 0, &e, &error),
                   BASIN_BAD_INPUT);
  assert_int_equal(basin_experiment_parse("x", "- 1\n- 2\n", 8, NULL, 0, &e, &error),
                   BASIN_BAD_INPUT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(resolved_values),
      cmocka_unit_test(identity_of_draws),
      cmocka_unit_test(variants),
      cmocka_unit_test(zipped_grid),
      cmocka_unit_test(grids_by_rules),
      cmocka_unit_test(overrides),
      cmocka_unit_test(log_spaced_steps),
      cmocka_unit_test(kept_by_default),
      cmocka_unit_test(faults),
      cmocka_unit_test(unreadable_files),
      cmocka_unit_test(one_document),
      cmocka_unit_test(seeds),
      cmocka_unit_test(names_in_their_place),
      cmocka_unit_test(unused_names),
      cmocka_unit_test(many_names),
      cmocka_unit_test(without_a_rule),
  };
  return cmocka_run_group_tests_name("experiment", tests, NULL, NULL);
}
