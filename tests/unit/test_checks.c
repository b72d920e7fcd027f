/* SPDX-License-Identifier: MIT
 *
 * test_checks.c: what analyse/checks.c says of kinds of steps that are right, and of those that are wrong: the steps of
 * one model stand beside the loss, or the gradient, of a slightly other one.
 */
#include "analyse/checks.h"
#include "formula/wide.h"
#include "read/images.h"
#include "read/own_model.h"
#include "folder.h"
#include "test.h"

static int begin(void **unused) {
  if (make_folder(unused)) return -1;
  return setenv("BASIN_CACHE", folder, 1);
}

static basin_experiment *parse(const char *text) {
  basin_experiment *e;
  basin_error error;
  if (basin_experiment_parse("c.yaml", text, (int64_t)strlen(text), NULL, 0, &e, &error))
    fail_msg("%s", error.text);
  return e;
}

static formula_model *graph_of(const char *text) {
  basin_yaml *yaml;
  basin_error error;
  basin_album album = {0};
  formula_model *graph;
  assert_ok(basin_yaml_parse("c.yaml", text, (int64_t)strlen(text), &yaml, &error), error);
  assert_ok(basin_own_model_graph(basin_node_get(basin_yaml_root(yaml), "model"), NULL, &album,
                                  &graph, &error),
            error);
  basin_yaml_free(yaml);
  return graph;
}

/* a check of the steps of one text beside the graph of another, or NULL */
static basin_check look(const char *steps, const char *loss, const char *kind) {
  basin_experiment *e = parse(steps);
  formula_model *graph = loss ? graph_of(loss) : NULL;
  basin_check check = basin_check_none(kind);
  basin_error error;
  assert_ok(basin_check_kind(e, 0, graph, 5, 2, &check, &error), error);
  basin_formula_free(graph);
  basin_experiment_free(e);
  return check;
}

#define VALLEY(change)                                                                   \
  "model:\n  state: {x: 3, s: 1}\n  teacher: {c: 3}\n  parameters: {k: 2}\n"             \
  "  define:\n    r: exp(-k*dot(x - c, x - c)/9)*s\n"                                    \
  "  loss: " change " + softplus(s)/3 + relu(s - 5)\n"                                   \
  "trials: 1\nteacher: {c: {normal: 1}}\ninit: {x: {normal: 1}, s: {uniform: [1, 2]}}\n" \
  "schedule: [{eta: 0.1}]\nstop: {max_steps: 5}\nallow: {unresolved: 1}\n"

static void formulas(void **unused) {
  static const char *const kind[] = {"population", "nesterov", "flow"}; /* formulas.sh: all */
  static const char *const wrong[] = {VALLEY("r - x[1]^4 + sin(x[2])"),
                                      VALLEY("r + 1.000001*x[1]^4 + sin(x[2])"),
                                      VALLEY("r + x[1]^4 + sin(1.000001*x[2])")};
  const char *right = VALLEY("r + x[1]^4 + sin(x[2])");
  (void)unused;
  for (size_t i = 0; i < sizeof kind / sizeof *kind; i++) {
    const basin_check good = look(right, right, kind[i]);
    assert_int_equal(good.starts, 2);
    assert_int_equal(good.entries, i ? 2 * 3 * 4 : 2 * 4);
    assert_false(good.wrong);
    assert_true(good.error < 1e-12 && good.bound < 1e-8 && isnan(good.p));
    for (size_t j = 0; j < sizeof wrong / sizeof *wrong; j++) {
      const basin_check bad = look(right, wrong[j], kind[i]);
      assert_true(bad.starts == 2 && bad.wrong && bad.error > bad.bound);
    }
  }
  const basin_check unknown = look(right, right, "direct");
  assert_int_equal(unknown.starts, 0);
  assert_true(*unknown.why);
}

/* steps of Euler follow the slope, and are no flow */
static void flows(void **unused) {
  const char *text = VALLEY("r + x[1]^4 + sin(x[2])"), *rest = strstr(text, "trials:"),
             *loop = "while (own_flow_goes_on(&f, t)) {",
             *euler = "for (int i = 0; i < 4; i++) x[i] = r_fnma(f.eta, f.g[i], x[i]);\n"
                      "f.left = r_set(0.0);\n";
  char *header, path[4096], steps[8192];
  basin_yaml *yaml;
  basin_error error;
  basin_album album = {0};
  (void)unused;
  assert_ok(basin_yaml_parse("c.yaml", text, (int64_t)strlen(text), &yaml, &error), error);
  assert_ok(basin_own_model_header(basin_node_get(basin_yaml_root(yaml), "model"), NULL, &album,
                                   &header, &error),
            error);
  basin_yaml_free(yaml);
  char *at = strstr(header, loop);
  assert_non_null(at);
  for (int harmed = 0; harmed < 2; harmed++) {
    snprintf(path, sizeof path, "%s/flow%d.h", folder, harmed);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%.*s%s%s", (int)(at - header), header, harmed ? euler : "", at);
    assert_int_equal(fclose(file), 0);
    snprintf(steps, sizeof steps, "model: %s\n%s", path, rest);
    const basin_check check = look(steps, text, "flow");
    assert_int_equal(check.starts, 2);
    assert_true(check.wrong == harmed && check.error < 1 && (check.error > 1e-4) == harmed);
  }
  free(header);
}

#define SAMPLED(change)                                                                           \
  "model:\n  state: {a: 2, v: 3}\n  inputs: {Z: [2, 3], e: 1}\n  define:\n"                       \
  "    r: dot(a, relu(dot(Z, v)))/norm(v) - " change "e/8\n  loss: r^2/2\n"                       \
  "gradient: {sampled: {inputs: 3, sampler: direct, law: laplace}}\ntrials: 1\n"                  \
  "init: {a: {normal: 1}, v: {sphere: 1}}\nschedule: [{eta: 0.1}]\nstop: {max_steps: 5}\nallow: " \
  "{unresolved: 1}\n"

static void inputs(void **unused) {
  (void)unused;
  const basin_check good = look(SAMPLED(""), SAMPLED(""), "law");
  assert_true(good.starts == 2 && good.entries == 10 && !good.wrong && good.error < 1e-13);
  const basin_check bad = look(SAMPLED(""), SAMPLED("1.000001*"), "law");
  assert_true(bad.starts == 2 && bad.wrong);
}

#define NET                                                                                  \
  "model: cnn\ntrials: 1\nparameters: {k: 3, p: 2}\nteacher: {a: [1, 0.5, -1], v: [1, 0]}\n" \
  "init: {a: {normal: 1}, v: {normal: 1}}\nschedule: [{eta: 0.1}]\nstop: {at: 1e-12}\n"

static void of_the_build(void **unused) {
  static const char *const kind[] = {"direct", "mixed", "law", "projected"};
  (void)unused;
  for (size_t i = 0; i < sizeof kind / sizeof *kind; i++) {
    const basin_check mean = look(NET, NULL, kind[i]);
    assert_int_equal(mean.starts, 2);
    assert_true(mean.p > 1e-4 && isnan(mean.error) && !mean.wrong);
  }
  const basin_check drawn = look(
      "model: relu_sum\ntrials: 1\nteacher: {v: {normal: 1}}\n"
      "init: {w: {normal: 1}}\nschedule: [{eta: 0.1}]\nstop: {at: 1e-12}",
      NULL, "direct");
  assert_int_equal(drawn.starts, 0);
  assert_string_equal(drawn.why, "its teachers are drawn for every trial");
}

/* the digits of the loss in binary128 */
static void wide(void **unused) {
  formula_model *graph = graph_of("model: {state: {x: 2}, loss: \"exp(x[0])*sin(x[1]) + "
                                  "norm(x)^3 + log1p(x[0]^2)\"}");
  const double x[] = {0.75, -1.25}, *state[] = {x};
  const formula_point point = {NULL, state, NULL, NULL};
  formula_wide loss;
  formula_entries *plain;
  basin_error error;
  (void)unused;
  assert_ok(basin_formula_wide_loss(graph, &point, &loss, &error), error);
  assert_ok(basin_formula_interpret(graph, &point, &plain, &error), error);
  assert_float_equal((double)loss, plain->of[graph->loss][0], 4e-15);
  /* the same in 40 digits, its first 30 */
  const formula_wide rest = loss - (formula_wide)(double)loss;
  assert_float_equal((double)loss, 1.5349798418240366, 1e-15);
  assert_float_equal((double)rest, 5.138380685261799e-17, 1e-31);
  basin_formula_entries_free(plain);
  basin_formula_free(graph);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(formulas),     cmocka_unit_test(flows), cmocka_unit_test(inputs),
      cmocka_unit_test(of_the_build), cmocka_unit_test(wide),
  };
  return cmocka_run_group_tests(tests, begin, remove_folder);
}
