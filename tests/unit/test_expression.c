/* SPDX-License-Identifier: MIT
 *
 * test_expression.c: values, and the place and reason of every fault.
 */
#include "test.h"
#include "read/expression.h"

static basin_status lookup(void *context, const char *name, double *value, int *found,
                           basin_error *error) {
  (void)context;
  (void)error;
  *found = !strcmp(name, "k") || !strcmp(name, "eta_a");
  *value = !strcmp(name, "k") ? 16 : 0.25;
  return BASIN_OK;
}

static void values(void **unused) {
  static const struct {
    const char *text;
    double value;
  } known[] = {
      {"1", 1},
      {" 12.5e-1 ", 1.25},
      {".5", 0.5},
      {"1/k^2", 0x1p-8},
      {"eta_a^2", 0.0625},
      {"-2^2", -4},
      {"2^3^2", 512},
      {"2^-1", 0.5},
      {"(1+2)*3-4/2", 7},
      {"10-2-3", 5},
      {"2*-3", -6},
      {"--3", 3},
      {"+k", 16},
      {"7%4", 3},
      {"mod(-1, 4)", 3},
      {"min(k, 3)", 3},
      {"max(k, 3)", 16},
      {"abs(-3)", 3},
      {"sqrt(k)", 4},
      {"k^0.5", 4},
      {"floor(-1.5)", -2},
      {"ceil(1.2)", 2},
      {"round(2.5)", 3},
      {"log(1)", 0},
      {"log2(8)", 3},
      {"log10(1e5)", 5},
      {"exp(0)", 1},
      {"cos(0)", 1},
      {"2 * pi", 6.283185307179586},
      {"cos(7*pi/10)", -0.58778525229247303},
      {"sin(7*pi/10)", 0.80901699437494745},
      {"atan(1)*4", 3.1415926535897931},
      {"abs(9 - 7)/sqrt(k)", 0.5},
      {"exp(log(3))", 3},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    basin_error error;
    double value = NAN;
    assert_ok(basin_evaluate(known[i].text, (basin_place){"f", 1, 1}, lookup, NULL, &value, &error),
              error);
    if (fabs(value - known[i].value) > 4e-16 * fabs(known[i].value))
      fail_msg("%s is %.17g, expected %.17g", known[i].text, value, known[i].value);
  }
}

static void faults(void **unused) {
  static const struct {
    const char *text;
    int column; /* of the message, the text beginning at column 10 */
    const char *reason;
  } known[] = {
      {"", 10, "ends too early"},
      {"1/0", 11, "division by zero"},
      {"1/(k-16)", 11, "division by zero"},
      {"5 % 0", 12, "division by zero"},
      {"mod(1, 0)", 10, "division by zero"},
      {"0^-1", 11, "division by zero"},
      {"kk", 10, "unknown symbol `kk`"},
      {"1 + eta", 14, "unknown symbol `eta`"},
      {"sine(1)", 10, "unknown function `sine`"},
      {"sqrt(-1)", 10, "sqrt(-1) is not defined"},
      {"log(0)", 10, "log(0) is not defined"},
      {"tan(1e6)", 10, "not defined"},
      {"(-8)^(1/3)", 14, "negative number"},
      {"1e308*10", 15, "not a finite number"},
      {"exp(1000)", 10, "not defined"},
      {"1 2", 12, "unexpected `2`"},
      {"1)", 11, "unexpected `)`"},
      {"(1", 12, "expected `)`"},
      {"min(1)", 15, "two arguments"},
      {"sqrt 4", 10, "unknown symbol"},
      {"1..2", 10, "not a number"},
      {"0x10", 11, "unexpected `x`"},
      {"1e", 11, "unexpected `e`"},
      {"inf", 10, "unknown symbol"},
      {"nan", 10, "unknown symbol"},
      {"$", 10, "unexpected `$`"},
      {"1e999", 10, "not a finite number"},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    basin_error error = {""};
    char place[32];
    double value;
    snprintf(place, sizeof place, "f:3:%d: ", known[i].column);
    assert_int_equal(
        basin_evaluate(known[i].text, (basin_place){"f", 3, 10}, lookup, NULL, &value, &error),
        BASIN_BAD_INPUT);
    if (strncmp(error.text, place, strlen(place)) != 0 || !strstr(error.text, known[i].reason))
      fail_msg("%s: \"%s\", expected \"%s...%s\"", known[i].text, error.text, place,
               known[i].reason);
  }
}

/* nesting is bounded, so that no text can exhaust the stack */
static void deep_nesting(void **unused) {
  static char text[200001];
  static const char open[] = {'(', '-', '^'};
  (void)unused;
  for (size_t i = 0; i < sizeof open; i++) {
    basin_error error;
    double value;
    memset(text, open[i], sizeof text - 1);
    if (open[i] == '^')
      for (size_t j = 0; j < sizeof text - 1; j += 2) text[j] = '1';
    assert_int_equal(basin_evaluate(text, (basin_place){"f", 1, 1}, NULL, NULL, &value, &error),
                     BASIN_BAD_INPUT);
    assert_non_null(strstr(error.text, "nested deeper"));
  }
}

/* x has no value */
static basin_status lookup_or_nothing(void *context, const char *name, double *value, int *found,
                                      basin_error *error) {
  const basin_status status = lookup(context, name, value, found, error);
  if (strcmp(name, "x") != 0) return status;
  *found = 1;
  *value = NAN;
  return BASIN_OK;
}

static void conditions(void **unused) {
  static const struct {
    const char *text;
    int holds;
  } known[] = {
      {"1 < 2", 1},
      {"2 < 2", 0},
      {"2 <= 2", 1},
      {"k>15", 1},
      {"k >= 17", 0},
      {"k == 4^2", 1},
      {"k != 16", 0},
      {"not k != 16", 1},
      {"not not 1 > 2", 0},
      {"1 < 2 and 2 < 3", 1},
      {"1 < 2 and 3 < 2", 0},
      {"1 > 2 or 2 < 3", 1},
      {"1 < 2 or 1 < 2 and 1 > 2", 1}, /* and binds tighter */
      {"(1 < 2 or 1 < 2) and 1 > 2", 0},
      {"not 1 > 2 and 1 < 2", 1}, /* and not tightest */
      {"not (1 > 2 and 1 < 2)", 1},
      {"(k + 1)*2 == 34", 1},
      {"((k - 1)) < (16)", 1},
      {"(((k) > 1) and (2 > (1)))", 1},
      {"min(k, 3) == 3 and-1<0", 1},
      /* without a value it is neither true nor false */
      {"x < 1", 0},
      {"not x < 1", 0},
      {"x == x", 0},
      {"x != x", 0},
      {"x*0 == 0", 0},
      {"x < 1 or 1 < 2", 1},
      {"1 < 2 or x < 1", 1},
      {"not (x < 1 and 1 > 2)", 1},
      {"x < 1 and 1 < 2", 0},
      {"not (x < 1 or 1 > 2)", 0},
      {"1/0 > 0", 0},
      {"not 1/0 > 0", 0},
      {"7 % 0 == 0 or mod(7, 0) == 0", 0},
      {"sqrt(-1) < 9", 0},
      {"log(0) < 0", 0},
      {"(-1)^0.5 < 1 or 0^-1 > 0", 0},
      {"exp(1e9) > 0", 0},
      {"exp(700)*exp(700) > 0", 0},
      {"not (tan(1e9) > 0)", 0},
  };
  static const struct {
    const char *text, *why;
    int column;
  } wrong[] = {
      {"", "ends too early", 1},
      {"k", "expected one of < <= > >= == !=", 2},
      {"k = 1", "did you mean `==`", 3},
      {"k < 1 < 2", "comparisons are of two values", 7},
      {"k < and", "unknown symbol `and`", 5},
      {"k < 1 and", "ends too early", 10},
      {"(k < 1", "expected `)`, `and` or `or`", 7},
      {"(k < 1) * 2", "unexpected `*`", 9},
      {"not", "ends too early", 4},
      {"nothing > 1", "unknown symbol `nothing`", 1},
      {"k < foo(1)", "unknown function `foo`", 5},
      {"k < 1e999", "not a finite number", 5},
      {"k =< 1", "did you mean `==`", 3},
      {"k < 1 or or k > 1", "unknown symbol `or`", 10},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    basin_error error;
    int holds = -1;
    assert_ok(basin_condition_holds(known[i].text, (basin_place){"f", 1, 1}, lookup_or_nothing,
                                    NULL, &holds, &error),
              error);
    if (holds != known[i].holds) fail_msg("%s: %d", known[i].text, holds);
  }
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    basin_error error = {""};
    char place[16];
    int holds = -1;
    assert_int_equal(basin_condition_holds(wrong[i].text, (basin_place){"f", 1, 1},
                                           lookup_or_nothing, NULL, &holds, &error),
                     BASIN_BAD_INPUT);
    snprintf(place, sizeof place, "f:1:%d: ", wrong[i].column);
    if (holds || strncmp(error.text, place, strlen(place)) != 0 ||
        !strstr(error.text, wrong[i].why))
      fail_msg("%s: %s", wrong[i].text, error.text);
  }
}

/* ---- programs ---- */

static const double seen[][3] = {{0.5, -2, 3},     {0, 1, 1e-300},     {NAN, 1, 2},
                                 {1, INFINITY, 2}, {1e200, -1e200, 1}, {-0.0, 2, -1}};
static const double *now; /* of x, y and z */

static int observable(void *context, const char *name) {
  (void)context;
  return name[0] >= 'x' && name[0] <= 'z' && !name[1] ? name[0] - 'x' : -1;
}
static basin_status look_up_now(void *context, const char *name, double *value, int *found,
                                basin_error *error) {
  const int i = observable(context, name);
  *found = 1;
  *value = i < 0 ? NAN : now[i];
  return i < 0 ? lookup(context, name, value, found, error) : BASIN_OK;
}

/* a random text of values, into `to` */
static void write_value(uint64_t *random, int depth, char *to) {
  static const char *const leaf[] = {"x", "y", "z", "k", "2", "0", "1e-3", "-3", "1/0", "x", "y"};
  static const char *const form[] = {"(%s + %s)",   "%s - %s",     "%s * %s",   "(%s) / (%s)",
                                     "min(%s, %s)", "max(%s, %s)", "-(%s) + %s"};
  static const char *const alone[] = {"abs(%s)",  "sqrt(%s)", "(%s)^2", "(%s)^-3",
                                      "(%s)^0.5", "-(%s)",    "+(%s)",  "(%s)^0"};
  char left[600], right[600];
  const double u = test_uniform(random);
  if (depth == 0 || u < 0.25) {
    strcpy(to, leaf[(int)(11 * test_uniform(random))]);
    return;
  }
  write_value(random, depth - 1, left);
  write_value(random, depth - 1, right);
  if (u < 0.4) snprintf(to, 600, alone[(int)(8 * test_uniform(random))], left);
  else snprintf(to, 600, form[(int)(7 * test_uniform(random))], left, right);
}
static void write_condition(uint64_t *random, int depth, char *to) {
  static const char *const compare[] = {"%s < %s",  "%s <= %s", "%s > %s",
                                        "%s >= %s", "%s == %s", "%s != %s"};
  char left[600], right[600];
  const double u = test_uniform(random);
  if (depth == 0 || u < 0.3) {
    write_value(random, 2, left);
    write_value(random, 1, right);
    snprintf(to, 600, compare[(int)(6 * test_uniform(random))], left, right);
    return;
  }
  write_condition(random, depth - 1, left);
  write_condition(random, depth - 1, right);
  if (u < 0.5) snprintf(to, 600, "not (%.500s)", left);
  else snprintf(to, 600, u < 0.75 ? "(%.290s) and (%.290s)" : "%.290s or (%.290s)", left, right);
}

/* a program says what the text says, of values that are there and of those that are not */
static void programs(void **unused) {
  uint64_t random = 11;
  int compiled = 0, held = 0;
  (void)unused;
  for (int i = 0; i < 20000; i++) {
    char text[600];
    basin_condition program;
    basin_error error;
    write_condition(&random, 2, text);
    if (basin_condition_compile(text, (basin_place){"f", 1, 1}, lookup_or_nothing, observable, NULL,
                                &program, &error))
      continue; /* too long, or without an observable */
    compiled++;
    for (size_t s = 0; s < sizeof seen / sizeof *seen; s++) {
      int holds;
      now = seen[s];
      assert_ok(
          basin_condition_holds(text, (basin_place){"f", 1, 1}, look_up_now, NULL, &holds, &error),
          error);
      if (holds != (condition_holds(&program, seen[s], 3) != 0))
        fail_msg("%s at %g %g %g: %d", text, now[0], now[1], now[2], holds);
      held += holds;
    }
  }
  assert_true(compiled > 15000 && held > 20000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values), cmocka_unit_test(conditions),   cmocka_unit_test(programs),
      cmocka_unit_test(faults), cmocka_unit_test(deep_nesting),
  };
  return cmocka_run_group_tests_name("expression", tests, NULL, NULL);
}
