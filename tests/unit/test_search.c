/* SPDX-License-Identifier: MIT
 *
 * test_search.c: the search of `refine` against curves whose crossing is known: its intervals hold it, and a rule that
 * looks without paying for it is found out; and the reader's part, cells that are added.
 */
#include "base/sequential.h"
#include "store/search.h"
#include "test.h"
#include <unistd.h>

static const basin_search_rule usual = {
    .refine = {.asked = 1, .to = 0.05, .where = 0.5, .max_trials = 200000},
    .trials = 100,
    .error = BASIN_SEARCH_ERROR};

/* a success rate along the parameter */
typedef double curve_of(double x, double at);
static double rising(double x, double at) { return 1 / (1 + exp(-4 * (x - at))); }
static double falling(double x, double at) { return 1 - rising(x, at); }
static double steep(double x, double at) { return rising(40 * (x - at), 0); }
static double wave(double x, double at) { return 0.5 + 0.4 * sin(3.14159265358979 * (x - at)); }
static double rare(double x, double at) { return 0.1 * exp(2 * (at - x)); }
static double jagged(double x, double at) { return sin(1e4 * (x - at)) * (x - at) > 0 ? 0.9 : 0.1; }
static double decades(double x, double at) { return rising(2 * log(x / at), 0); }
static double flat(double x, double at) { return 0.5 + 0 * (x + at); }
static double high(double x, double at) { return 0.9 + 0 * (x + at); }

static int64_t draw(uint64_t *state, int64_t trials, double p) {
  const double mean = (double)trials * p, spread = sqrt(mean * (1 - p));
  int64_t successes = 0;
  if (spread > 30) { /* by the normal law, to the accuracy that counts here */
    const double u = test_uniform(state), v = test_uniform(state);
    successes = (int64_t)nearbyint(mean +
                                   spread * sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * v));
    return successes < 0 ? 0 : successes > trials ? trials : successes;
  }
  for (int64_t t = 0; t < trials; t++) successes += test_uniform(state) < p;
  return successes;
}

/* what a search has taken */
typedef struct effort {
  int64_t trials, points, rounds;
} effort;

/* runs it to its end; the crossings, at most 16 */
static int64_t search(const basin_search_rule *rule, const double *grid, int points, curve_of *p,
                      double at, uint64_t *state, basin_crossing *crossing, effort *took) {
  static int64_t cells[32];
  int64_t drawn[512] = {0}, next = points;
  basin_curve curve;
  basin_error error;
  for (int i = 0; i < points; i++) cells[i] = i;
  assert_ok(basin_curve_open(rule, grid, cells, points, &curve, &error), error);
  *took = (effort){0};
  while (curve.asks) {
    assert_true(++took->rounds < 1000);
    for (int64_t i = 0; i < curve.count; i++) {
      basin_point *point = &curve.point[i];
      if (point->cell < 0) point->cell = next++;
      assert_true(next <= 512 && point->asked <= rule->refine.max_trials);
      if (i) assert_true(point[-1].at < point->at);
      const int64_t more = point->asked - drawn[point->cell];
      assert_true(more >= 0);
      point->successes += draw(state, more, p(point->at, at));
      drawn[point->cell] = point->asked;
    }
    assert_ok(basin_curve_round(rule, &curve, &error), error);
  }
  for (int64_t i = 0; i < curve.count; i++) took->trials += curve.point[i].asked;
  took->points = curve.count;
  const int64_t found = basin_curve_crossings(rule, &curve, crossing);
  basin_curve_close(&curve);
  return found;
}

/* ---- one point ---- */

/* the side by the library's own lgamma; NaN where it is a matter of rounding */
static double expected_side(const basin_side_rule *r, double n, double s) {
  const double a = r->weight * r->of, b = r->weight * (1 - r->of);
  const double evidence = lgamma(a + s) + lgamma(b + n - s) - lgamma(a + b + n) - lgamma(a) -
                          lgamma(b) + lgamma(a + b) - s * log(r->of) - (n - s) * log(1 - r->of) +
                          log(r->error);
  if (fabs(evidence) < 1e-6 + 1e-12 * n) return NAN;
  return evidence < 0 ? 0 : s > n * r->of ? 1 : -1;
}

static void sides(void **unused) {
  static const double of[] = {0.001, 0.1, 0.5, 0.9, 0.999}, weight[] = {1, 100, 5000},
                      error[] = {0.04, 1e-4};
  static const int64_t trials[] = {1, 7, 100, 4096, 1000000, 3000000000};
  uint64_t state = 5;
  int told = 0;
  (void)unused;
  for (int i = 0; i < 20000; i++) {
    const basin_side_rule rule = {of[i % 5], weight[i / 5 % 3], error[i / 15 % 2]};
    const int64_t n = trials[i / 30 % 6];
    const double off = 8 * (test_uniform(&state) - 0.5) * sqrt(rule.of * (1 - rule.of) / (double)n),
                 share = fmin(fmax(i % 7 ? rule.of + off : test_uniform(&state), 0), 1);
    const int64_t s = (int64_t)nearbyint(share * (double)n);
    const double expected = expected_side(&rule, (double)n, (double)s);
    const int side = basin_side(&rule, n, s);
    if (!isnan(expected) && side != (int)expected)
      fail_msg("%lld of %lld beside %g: %d, not %g", (long long)s, (long long)n, rule.of, side,
               expected);
    told += side != 0;
  }
  assert_within(told, 1000, 19000);
}

/* of a rate that is the number itself a side is told with probability `error` at most, however often one looks */
static void looked_at_often(void **unused) {
  static const basin_side_rule rule = {0.3, 50, 0.1};
  uint64_t state = 77;
  int told = 0, right = 0;
  (void)unused;
  for (int repeat = 0; repeat < 1500; repeat++) {
    int64_t s = 0, z = 0;
    int ever = 0;
    for (int64_t n = 1; n <= 3000 && !ever; n++) {
      s += test_uniform(&state) < 0.3;
      ever = basin_side(&rule, n, s);
    }
    told += ever != 0;
    ever = 0;
    for (int64_t n = 1; n <= 3000 && !ever; n++) {
      z += test_uniform(&state) < 0.4;
      ever = basin_side(&rule, n, z);
    }
    right += ever == 1;
  }
  assert_within(told, 15, 1500 * 0.1 + 3 * 12); /* 12: its standard deviation */
  assert_within(right, 1490, 1500);
}

static void enough(void **unused) {
  static const basin_side_rule rule = {0.5, 100, 1e-3};
  (void)unused;
  assert_int_equal(basin_side_enough(&rule, 1000, 500), 2000);
  assert_within((double)basin_side_enough(&rule, 1000, 560), 1251, 1700);
  assert_int_equal(basin_side_enough(&rule, 1, 1), 2);
}

/* ---- one curve ---- */

/* how many of the searches have an interval that does not hold the crossing, or not one interval */
static int missed(const basin_search_rule *rule, curve_of *p, double least, double most,
                  int repeats, double *trials) {
  static const double grid[] = {0, 1, 2, 3}, whole[] = {1, 10, 100, 1000};
  uint64_t state = 2013;
  int wrong = 0;
  *trials = 0;
  for (int i = 0; i < repeats; i++) {
    const double at = least + (most - least) * test_uniform(&state);
    basin_crossing c[64];
    effort took;
    const int64_t found = search(rule, p == decades ? whole : grid, 4, p, at, &state, c, &took);
    wrong += found != 1 || !(c[0].low <= at && at <= c[0].high) ||
             c[0].direction != (p(c[0].high, at) > p(c[0].low, at) ? 1 : -1);
    *trials += (double)took.trials / repeats;
    if (c[0].status == BASIN_CROSSING_FOUND && !rule->refine.whole)
      assert_within(c[0].high - c[0].low, 0,
                    rule->refine.to * (rule->refine.relative ? c[0].low : 1) * (1 + 1e-9));
    if (c[0].status == BASIN_CROSSING_FOUND) assert_within(c[0].at, c[0].low, c[0].high);
  }
  return wrong;
}

/* the promise: 95% of the intervals hold the crossing, and more, for the error is bounded and not estimated */
static void intervals_hold(void **unused) {
  enum { REPEATS = 400 / TEST_SLOWER };
  basin_search_rule rule = usual;
  double trials;
  (void)unused;
  assert_within(missed(&rule, rising, 0.2, 2.8, REPEATS, &trials), 0, 0.05 * REPEATS);
  assert_within(trials, 1e4, 2e5);
  assert_within(missed(&rule, falling, 0.2, 2.8, REPEATS, &trials), 0, 0.05 * REPEATS);
  assert_within(missed(&rule, steep, 0, 3, REPEATS, &trials), 0, 0.05 * REPEATS);
  assert_within(trials, 500, 1e4);
  assert_within(missed(&rule, rising, 1.5, 1.5, REPEATS, &trials), 0, 0.05 * REPEATS);
  assert_within(trials, 1e4, 1e5); /* the crossing is the first point in between */
  assert_within(missed(&rule, rising, 1, 1, REPEATS, &trials), 0, 0.05 * REPEATS);
  assert_within(trials, 1e4, 1e5); /* and a point of the grid */
  rule.refine.where = 0.1;
  assert_within(missed(&rule, rare, 0.2, 2.8, REPEATS, &trials), 0, 0.05 * REPEATS);
  rule.refine.where = 0.5;
  rule.refine.relative = 1;
  assert_within(missed(&rule, decades, 2, 900, REPEATS, &trials), 0, 0.05 * REPEATS);
  rule.refine.whole = 1;
  assert_within(missed(&rule, decades, 2, 900, REPEATS, &trials), 0, 0.05 * REPEATS);
}

/* and the test above would find a rule out that takes the first look for the truth, or 95% for each of its looks */
static void wrong_rules_are_found_out(void **unused) {
  enum { REPEATS = 400 / TEST_SLOWER };
  basin_search_rule rule = usual;
  double trials;
  (void)unused;
  rule.error = 1e12;
  assert_within(missed(&rule, rising, 0.2, 2.8, REPEATS, &trials), 0.2 * REPEATS, REPEATS);
  rule.error = 200; /* some three to one for each */
  assert_within(missed(&rule, rising, 0.2, 2.8, REPEATS, &trials), 0.051 * REPEATS, REPEATS);
}

/* success rises and falls: every crossing that the grid shows is found, with its direction */
static void several_crossings(void **unused) {
  static const double grid[] = {0, 0.9, 1.8, 2.7, 3.6};
  uint64_t state = 3;
  basin_crossing c[64];
  effort took;
  int wrong = 0;
  (void)unused;
  for (int repeat = 0; repeat < 60; repeat++) {
    const int64_t found = search(&usual, grid, 5, wave, 0.3, &state, c, &took);
    wrong += found != 4;
    for (int i = 0; i < 4 && i < found; i++) {
      const double at = 0.3 + i;
      wrong += !(c[i].low <= at && at <= c[i].high && c[i].direction == (i % 2 ? -1 : 1));
    }
  }
  assert_int_equal(wrong, 0);
}

/* crossings without end: the search ends, and its interval has success on two sides */
static void jagged_curve(void **unused) {
  static const double grid[] = {0, 1, 2, 3};
  basin_search_rule rule = usual;
  uint64_t state = 9;
  basin_crossing c[64];
  effort took;
  (void)unused;
  rule.refine.to = 1e-3;
  for (int repeat = 0; repeat < 100; repeat++) {
    const double at = 3 * test_uniform(&state);
    const int64_t found = search(&rule, grid, 4, jagged, at, &state, c, &took);
    for (int64_t i = 0; i < found; i++)
      if (c[i].direction) assert_int_equal(jagged(c[i].high, at) > 0.5, c[i].direction > 0);
    assert_within((double)took.points, 4, 4 + 3 * 2 * 18);
  }
}

static void no_crossing(void **unused) {
  static const double grid[] = {0, 1, 2};
  static const struct {
    curve_of *curve;
    double where;
    basin_crossing_status status;
  } known[] = {
      {high, 0.5, BASIN_CROSSING_ABOVE},
      {high, 0.95, BASIN_CROSSING_BELOW},
      {flat, 0.5, BASIN_CROSSING_UNTOLD},
      {high, 0.9, BASIN_CROSSING_UNTOLD},
  };
  uint64_t state = 4;
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    basin_search_rule rule = usual;
    basin_crossing c[64];
    effort took;
    rule.refine.where = known[i].where;
    rule.refine.max_trials = 10000;
    assert_int_equal(search(&rule, grid, 3, known[i].curve, 0, &state, c, &took), 1);
    assert_int_equal(c[0].status, known[i].status);
    assert_true(isnan(c[0].at) && isnan(c[0].low) && isnan(c[0].high) && !c[0].direction);
    assert_true(c[0].low_cell == 0 && c[0].high_cell == 2 && took.points == 3);
    assert_true(took.trials == 30000 || known[i].status != BASIN_CROSSING_UNTOLD);
  }
}

/* what cannot be told ends the search, with an interval that is not much wider than it must be */
static void wide(void **unused) {
  static const double grid[] = {0, 1, 2, 3};
  basin_search_rule rule = usual;
  uint64_t state = 8;
  int wrong = 0;
  (void)unused;
  rule.refine.to = 1e-5;
  rule.refine.max_trials = 20000;
  for (int repeat = 0; repeat < 100; repeat++) {
    const double at = repeat % 2 ? 1.5 : 0.2 + 2.6 * test_uniform(&state);
    basin_crossing c[64];
    effort took;
    assert_int_equal(search(&rule, grid, 4, rising, at, &state, c, &took), 1);
    assert_int_equal(c[0].status, BASIN_CROSSING_WIDE);
    wrong += !(c[0].low <= at && at <= c[0].high);
    assert_within(c[0].high - c[0].low, 0,
                  0.4); /* rates of 0.5 -+ 0.1 are told with a tenth of it */
    assert_within((double)took.trials, 20000, 50 * 20000);
  }
  assert_within(wrong, 0, 5);
}

/* points between are numbers of few digits, or whole */
static void numbers_between(void **unused) {
  static const double grid[] = {0, 1, 2, 3}, thousands[] = {1, 1000};
  basin_search_rule rule = usual;
  int64_t cell[] = {0, 1, 2, 3};
  basin_curve curve;
  basin_error error;
  (void)unused;
  rule.refine.to = 1e-3;
  for (int whole = 0; whole < 2; whole++) {
    rule.refine.whole = whole;
    if (whole) rule.refine.to = 1;
    assert_ok(
        basin_curve_open(&rule, whole ? thousands : grid, cell, whole ? 2 : 4, &curve, &error),
        error);
    while (curve.asks) { /* success is certain above 2.2345, and there alone */
      for (int64_t i = 0; i < curve.count; i++) {
        basin_point *p = &curve.point[i];
        char text[32];
        if (p->cell < 0) p->cell = i;
        p->successes = p->at > 2.2345 ? p->asked : 0;
        snprintf(text, sizeof text, "%.5g", p->at);
        assert_true(strtod(text, NULL) == p->at && (!whole || p->at == floor(p->at)));
      }
      assert_ok(basin_curve_round(&rule, &curve, &error), error);
    }
    basin_crossing c[64];
    assert_int_equal(basin_curve_crossings(&rule, &curve, c), 1);
    assert_int_equal(c[0].status, BASIN_CROSSING_FOUND);
    if (whole) assert_true(c[0].low == 2 && c[0].high == 3);
    else assert_within(c[0].high - c[0].low, 1e-4, 1e-3 * (1 + 1e-9));
    basin_curve_close(&curve);
  }
}

/* ---- an experiment ---- */

static const char text[] = "model: cnn\n"
                           "grid: {ratio: [1, 4], angle: [0.1, 3]}\n"
                           "trials: 100\n"
                           "parameters: {k: 9, p: 6}\n"
                           "define: {twice: 2*angle}\n"
                           "teacher: {a: {sum: sqrt(ratio), norm: 1}, v: {head: [1]}}\n"
                           "init: {v: {head: [cos(angle), sin(twice/2)]}, a: {ball: 1}}\n"
                           "schedule: [{steps: 7, eta: 0.05/(1+angle)}, {eta: 0.1}]\n"
                           "variants: {x: {}, y: {define: {twice: 2*angle, more: angle^2}}}\n"
                           "record: {trials: 0}\n"
                           "refine: {angle: {to: 0.01}}\n";

static const double *v_of(const basin_cell *cell) {
  const int v = basin_symbol_find(cell->model->initial, cell->model->initials, "v");
  return cell->setting.initial[v].value;
}

static int same_cell(const basin_cell *x, const basin_cell *y) {
  const basin_setting *p = &x->setting, *q = &y->setting;
  return x->identity == y->identity && p->key == q->key && x->variant == y->variant &&
         v_of(x)[0] == v_of(y)[0] && v_of(x)[1] == v_of(y)[1] &&
         p->stage[0].eta[0] == q->stage[0].eta[0] && p->parameter[0] == q->parameter[0];
}

/* a cell that is added is the one that had been there, had its point been typed into the grid */
static void added_as_typed(void **unused) {
  static const char *const set[] = {"grid.angle=[0.1, 0.7, 1.23456789, 3]"};
  basin_added added[] = {{.variant = 1, .coordinate = {4, 0.7}},
                         {.variant = 0, .coordinate = {1, 1.23456789}}};
  basin_experiment *e = test_parse(text, NULL, 0), *typed = test_parse(text, set, 1), *grown;
  basin_error error;
  (void)unused;
  assert_ok(basin_experiment_grow(e, added, 2, &grown, &error), error);
  assert_true(grown->cells == 10 && grown->grid_cells == 8 && grown->identity == e->identity);
  assert_true(typed->identity != e->identity);
  for (int64_t c = 0; c < 8; c++) assert_true(same_cell(&e->cell[c], &grown->cell[c]));
  assert_true(same_cell(&grown->cell[8], &typed->cell[8 + 4 + 1]));
  assert_true(same_cell(&grown->cell[9], &typed->cell[2]));
  assert_false(same_cell(&grown->cell[9], &typed->cell[1]));
  basin_experiment_free(grown);
  basin_experiment_free(typed);
  basin_experiment_free(e);
}

/* which points are added follows from the trials too: other trials are another experiment */
static void identity(void **unused) {
  static const char *const set[] = {"trials=101",
                                    "refine.angle.to=0.02",
                                    "refine.angle.where=0.4",
                                    "refine.angle.max_trials=5000",
                                    "refine.angle.scale=log",
                                    "refine={ratio: {to: 0.01}}",
                                    "refine={ratio: {to: 1}}"};
  enum { SETS = sizeof set / sizeof *set };
  basin_experiment *e[SETS + 1];
  (void)unused;
  e[SETS] = test_parse(text, NULL, 0);
  for (int i = 0; i < SETS; i++) e[i] = test_parse(text, &set[i], 1);
  for (int i = 0; i <= SETS; i++)
    for (int j = 0; j < i; j++) assert_true(e[i]->identity != e[j]->identity);
  for (int i = 0; i <= SETS; i++) basin_experiment_free(e[i]);
}

static void mistakes(void **unused) {
  static const struct {
    const char *set, *reason;
  } known[] = {
      {"refine=angle", "refine: expected one grid parameter"},
      {"refine={}", "refine: expected one grid parameter"},
      {"refine={angle: {to: 1}, ratio: {to: 1}}", "refine: expected one grid parameter"},
      {"refine={angel: {to: 1}}", "refine: `angel` is no grid parameter"},
      {"refine={angle: 0.01}", "refine: expected a mapping"},
      {"refine={angle: {}}", "`to` is missing"},
      {"refine={angle: {too: 1}}", "unknown key `too` in refine, did you mean `to`?"},
      {"refine.angle.to=0", "to is 0, expected a number above 0"},
      {"refine.angle.to=-1", "to is -1, expected a number above 0"},
      {"refine.angle.to=1e-12", "to is 1e-12, expected at least 3e-09"},
      {"refine.angle.where=1", "where is 1, expected a number from 0.001"},
      {"refine.angle.max_trials=99", "expected a whole number from 100"},
      {"refine.angle.scale=loglog", "scale: expected `linear` or `log`"},
      {"grid.angle=1", "`angle` has one value, expected at least two"},
      {"grid=[{angle: [0, 1], ratio: [1, 4]}]", "`angle` runs together with `ratio`"},
      {"grid=[{ratio: [1, 4], angle: [0, 1]}]", "`angle` runs together with `ratio`"},
      {"same_draw=[angle]", "`angle` is in same_draw"},
  };
  int wrong = 0;
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    basin_experiment *e = NULL;
    basin_error error = {""};
    const basin_status status = basin_experiment_parse("t.yaml", text, (int64_t)strlen(text),
                                                       &known[i].set, 1, &e, &error);
    if (status == BASIN_BAD_INPUT && strstr(error.text, known[i].reason) &&
        !strchr(error.text, '\n'))
      continue;
    print_error("%s: \"%s\", expected \"%s\"\n", known[i].set, error.text, known[i].reason);
    basin_experiment_free(e);
    wrong++;
  }
  assert_int_equal(wrong, 0);
}

/* parameters of a model that are whole numbers, and what the file cannot be at a point that is added */
static void points_that_cannot_be(void **unused) {
  static const char *const whole[] = {"grid={k: [4, 9], angle: [0, 1]}", "parameters={p: 6}",
                                      "teacher.a=1", "refine={k: {to: 0.5}}"};
  static const char *const infinite[] = {"grid={n: [16, inf], angle: [0, 1]}", "teacher.a=1",
                                         "gradient={sampled: {inputs: n, sampler: direct}}",
                                         "refine={n: {to: 1}}"};
  static const char *const half[] = {"schedule=[{steps: 10*angle, eta: 1}, {eta: 1}]"};
  basin_added added = {.variant = 0, .coordinate = {1, 0.77}};
  basin_experiment *e = NULL, *grown;
  basin_error error;
  (void)unused;
  assert_int_equal(
      basin_experiment_parse("t.yaml", text, (int64_t)strlen(text), whole, 4, &e, &error),
      BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "expected at least 1: `k` is a whole number"));
  assert_int_equal(
      basin_experiment_parse("t.yaml", text, (int64_t)strlen(text), infinite, 4, &e, &error),
      BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "`n` has an infinite value"));
  e = test_parse(text, half, 1);
  assert_int_equal(basin_experiment_grow(e, &added, 1, &grown, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "steps is 7.7"));
  assert_non_null(strstr(error.text, "(at angle = 0.77, which `refine` adds)"));
  basin_experiment_free(e);
}

/* what a caller of basin.h reads in the file */
static void in_the_file(void **unused) {
  static const char *const set[] = {"refine.angle.to=0.2", "grid.ratio=[1, 1.5]"},
                           *const none[] = {"refine=none"};
  char folder[] = "/tmp/basin-test-search-XXXXXX", path[64];
  basin_experiment *e = test_parse(text, set, 2), *plain = test_parse(text, none, 1);
  basin_error error;
  basin_results *results;
  basin_refinement r;
  basin_crossing c = {0};
  (void)unused;
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/out.h5", folder);
  const basin_run_options options = {.output = path};
  assert_ok(basin_run(e, &options, &error), error);
  assert_ok(basin_results_open(path, &results, &error), error);
  assert_true(basin_results_refinement(results, &r));
  assert_string_equal(r.parameter, "angle");
  assert_true(r.where == 0.5 && r.to == 0.2 && !r.relative && r.max_trials == 1000000);
  assert_true(r.grid_cells == 8 && r.crossings == 4 && basin_results_cells(results) > 12);
  for (int64_t i = 0; i < r.crossings; i++) {
    basin_summary low, high;
    assert_ok(basin_results_crossing(results, i, &c, &error), error);
    assert_ok(basin_results_summary(results, c.low_cell, &low, &error), error);
    assert_ok(basin_results_summary(results, c.high_cell, &high, &error), error);
    assert_string_equal(low.variant, i < 2 ? "x" : "y");
    assert_true(low.parameter[0] == (i % 2 ? 1.5 : 1) && high.parameter[0] == low.parameter[0]);
    assert_true(low.parameter[1] == c.low && high.parameter[1] == c.high);
    assert_true(low.success.value > 0.5 && high.success.value < 0.5 && c.direction == -1);
    assert_string_equal(basin_crossing_status_name((int)c.status), "found");
  }
  assert_int_equal(basin_results_crossing(results, 4, &c, &error), BASIN_BAD_INPUT);
  basin_results_close(results);

  assert_int_equal(basin_run(plain, &options, &error), BASIN_BAD_INPUT); /* another experiment's */
  unlink(path);
  assert_ok(basin_run(plain, &options, &error), error);
  assert_ok(basin_results_open(path, &results, &error), error);
  assert_false(basin_results_refinement(results, &r));
  assert_int_equal(basin_results_crossing(results, 0, &c, &error), BASIN_BAD_INPUT);
  assert_null(basin_crossing_status_name(6));
  basin_results_close(results);
  basin_experiment_free(plain);
  basin_experiment_free(e);
  assert_int_equal(test_remove_folder(folder), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sides),
      cmocka_unit_test(looked_at_often),
      cmocka_unit_test(enough),
      cmocka_unit_test(intervals_hold),
      cmocka_unit_test(wrong_rules_are_found_out),
      cmocka_unit_test(several_crossings),
      cmocka_unit_test(jagged_curve),
      cmocka_unit_test(no_crossing),
      cmocka_unit_test(wide),
      cmocka_unit_test(numbers_between),
      cmocka_unit_test(added_as_typed),
      cmocka_unit_test(identity),
      cmocka_unit_test(mistakes),
      cmocka_unit_test(points_that_cannot_be),
      cmocka_unit_test(in_the_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
