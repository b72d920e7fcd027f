/* SPDX-License-Identifier: MIT */
#include "read/expression.h"
#include "base/text.h"
#include "numeric/dmath.h"
#include <ctype.h>
#include <stdlib.h>

enum { NESTING_MAX = 64, TOGETHER = 128 };

/* An expression is evaluated while it is read: for `n` values of a symbol together, or for one. */
typedef struct parser {
  const char *text, *at;
  basin_place place;
  basin_lookup *lookup;
  void *context;
  basin_error *error;
  int depth;
  int lenient; /* a fault of a value is no failure: `faults` counts them, and the value is 0 */
  int faults;
  int n;               /* at most TOGETHER */
  const char *counted; /* where n is not 1: the symbol, whose values are from, from + 1, ... */
  int64_t from;
  int good; /* values from the first on that no fault has come to */

  /* where a program is written, of n = 1: what varies is an observable, or made of some */
  basin_condition *program; /* or NULL */
  basin_observable_lookup *observable;
  int height, overflows; /* of its stack; whether anything of it had no room */
  int asked;             /* observables in it */
} parser;

/* for one value */
static parser parser_of(const char *text, basin_place place, basin_lookup *lookup, void *context,
                        basin_error *error) {
  return (parser){.text = text,
                  .at = text,
                  .place = place,
                  .lookup = lookup,
                  .context = context,
                  .error = error,
                  .n = 1};
}

/* A value: n numbers, or what varies, which is then on top of the program's stack. */
typedef struct operand {
  int varies;
  double x[TOGETHER];
} operand;

static basin_status sum(parser *p, operand *value);

/* the place of a character of the text, for messages */
static basin_place here(const parser *p, const char *at) {
  basin_place place = p->place;
  if (place.line > 0) place.column += (int)(at - p->text);
  return place;
}

static void skip_space(parser *p) {
  while (isspace((unsigned char)*p->at)) p->at++;
}

/* take the character if it is next */
static int take(parser *p, char c) {
  skip_space(p);
  if (*p->at != c) return 0;
  p->at++;
  return 1;
}

/* whether a fault of number i of a value is passed over: it is 0 then */
static int pass_over(parser *p, int i, operand *value) {
  if (!p->lenient) return 0;
  p->faults++;
  if (i < p->good) p->good = i;
  value->x[i] = p->program ? NAN : 0;
  return 1;
}

static basin_status finite_value(parser *p, const char *at, operand *value) {
  for (int i = 0; i < p->n && !value->varies; i++)
    if (!isfinite(value->x[i]) && !pass_over(p, i, value))
      return basin_fail_at(p->error, here(p, at), "the result is not a finite number");
  return BASIN_OK;
}

static basin_status set(const parser *p, double x, operand *value) {
  value->varies = 0;
  for (int i = 0; i < p->n; i++) value->x[i] = x;
  return BASIN_OK;
}

/* ---- a program ---- */

/* a step behind those that are there; what is too long or too deep is told at the end */
static void write_step(parser *p, int operation, int side, int observable, double number) {
  const int operands = condition_operands(operation) - (side != BASIN_CONDITION_NEITHER);
  basin_condition *program = p->program;
  p->height += 1 - operands;
  if (p->height > BASIN_CONDITION_DEPTH || program->count == BASIN_CONDITION_LENGTH)
    p->overflows = 1;
  else
    program->step[program->count++] = (basin_condition_step){operation, side, observable, number};
}

/* an operation of two values, of which one varies at least; what varies is on the stack in their order */
static void write_two(parser *p, int operation, const operand *x, const operand *y,
                      operand *value) {
  if (!x->varies) write_step(p, operation, BASIN_CONDITION_LEFT, 0, *x->x);
  else if (!y->varies) write_step(p, operation, BASIN_CONDITION_RIGHT, 0, *y->x);
  else write_step(p, operation, BASIN_CONDITION_NEITHER, 0, 0);
  value->varies = 1;
}

static void write_one(parser *p, int operation, double number) {
  write_step(p, operation, BASIN_CONDITION_NEITHER, 0, number);
}

static basin_status varies_nowhere(parser *p, const char *at, const char *what) {
  return basin_fail_at(p->error, here(p, at),
                       "%s of an observable is not asked at every step, expected + - * / abs sqrt "
                       "min max, or a whole power: loss < exp(-9) in the place of log(loss) < -9",
                       what);
}

/* ---- functions ---- */

/* x^y */
static double power(double x, double y) {
  if (y == 0.5) return sqrt(x);
  if (y == floor(y) && fabs(y) <= 1024) {
    double result = 1, base = x;
    for (int n = (int)fabs(y); n; n >>= 1, base *= base)
      if (n & 1) result *= base;
    return y < 0 ? 1 / result : result;
  }
  if (x == 0) return y > 0 ? 0 : INFINITY;
  const double exponent = y * r_log(x);
  return exponent < -708 ? 0 : exponent > 709 ? INFINITY : r_exp(exponent);
}

/* 0 where the function is not defined there, with what it expects in *expected */
static int sine(double x, double *y, const char **expected) {
  double unused;
  *expected = "an argument between -1e5 and 1e5";
  r_sincos(x, y, &unused);
  return fabs(x) <= 1e5;
}
static int cosine(double x, double *y, const char **expected) {
  double unused;
  *expected = "an argument between -1e5 and 1e5";
  r_sincos(x, &unused, y);
  return fabs(x) <= 1e5;
}
static int tangent(double x, double *y, const char **expected) {
  double s, c;
  *expected = "an argument between -1e5 and 1e5, not a multiple of pi/2";
  r_sincos(x, &s, &c);
  *y = s / c;
  return fabs(x) <= 1e5 && c != 0;
}
static int logarithm(double x, double *y, const char **expected) {
  *expected = "a positive argument";
  *y = r_log(x < 0x1p-1022 ? x * 0x1p60 : x) - (x < 0x1p-1022 ? 60 * 0.69314718055994530942 : 0);
  return x > 0;
}
static int logarithm2(double x, double *y, const char **expected) {
  const int ok = logarithm(x, y, expected);
  *y = *y / 0.69314718055994530942;
  if (ok && *y == nearbyint(*y)) return ok;
  if (ok && power(2, nearbyint(*y)) == x) *y = nearbyint(*y);
  return ok;
}
static int logarithm10(double x, double *y, const char **expected) {
  const int ok = logarithm(x, y, expected);
  *y = *y / 2.30258509299404568402;
  if (ok && fabs(*y) < 300 && power(10, nearbyint(*y)) == x) *y = nearbyint(*y);
  return ok;
}
static int exponential(double x, double *y, const char **expected) {
  *expected = "an argument of at most 709";
  *y = x < -708 ? 0 : r_exp(x > 709 ? 709 : x);
  return x <= 709;
}
static int root(double x, double *y, const char **expected) {
  *expected = "an argument of at least 0";
  *y = sqrt(x);
  return x >= 0;
}
static int arctangent(double x, double *y, const char **expected) {
  *expected = "a number";
  *y = r_atan(x);
  return 1;
}
static int magnitude(double x, double *y, const char **expected) {
  *expected = "a number";
  *y = fabs(x);
  return 1;
}
static int down(double x, double *y, const char **expected) {
  *expected = "a number";
  *y = floor(x);
  return 1;
}
static int up(double x, double *y, const char **expected) {
  *expected = "a number";
  *y = ceil(x);
  return 1;
}
static int nearest(double x, double *y, const char **expected) {
  *expected = "a number";
  *y = round(x);
  return 1;
}

static const struct {
  const char *name;
  int (*of)(double x, double *y, const char **expected);
} functions[] = {
    {"sqrt", root},       {"abs", magnitude},   {"exp", exponential},   {"log", logarithm},
    {"log2", logarithm2}, {"sin", sine},        {"log10", logarithm10}, {"cos", cosine},
    {"tan", tangent},     {"atan", arctangent}, {"floor", down},        {"ceil", up},
    {"round", nearest},
};

/* remainder with the sign of the divisor, as in mathematics */
static double modulo(double x, double y) { return x - y * floor(x / y); }

/* ---- grammar: sum > product > sign > power > atom ---- */

/* what a function of two arguments makes of numbers; the value is the first */
static basin_status combine(parser *p, const char *name, const char *at, operand *value,
                            const operand *y) {
  const int minimum = !strcmp(name, "min"), is_mod = !strcmp(name, "mod");
  for (int i = 0; i < p->n; i++) {
    const double x = value->x[i], z = y->x[i];
    if (!is_mod) value->x[i] = isnan(x) || isnan(z) ? NAN : (x < z) == minimum ? x : z;
    else if (z != 0) value->x[i] = modulo(x, z);
    else if (!pass_over(p, i, value))
      return basin_fail_at(p->error, here(p, at), "division by zero in mod()");
  }
  return is_mod ? finite_value(p, at, value) : BASIN_OK;
}

static basin_status call_two(parser *p, const char *name, const char *at, operand *value,
                             const operand *y) {
  if (!value->varies && !y->varies) return combine(p, name, at, value, y);
  if (!strcmp(name, "mod")) return varies_nowhere(p, at, "mod()");
  write_two(p, strcmp(name, "min") ? BASIN_CONDITION_MAX : BASIN_CONDITION_MIN, value, y, value);
  return BASIN_OK;
}

static basin_status call_one(parser *p, const char *name, const char *at, operand *value) {
  const char *expected = NULL;
  size_t f = 0;
  while (f < sizeof functions / sizeof *functions && strcmp(name, functions[f].name) != 0) f++;
  if (f == sizeof functions / sizeof *functions)
    return basin_fail_at(
        p->error, here(p, at),
        "unknown function `%s`, expected sqrt abs exp log log2 log10 sin cos tan atan floor ceil "
        "round min max mod",
        name);
  if (value->varies && functions[f].of == root) write_one(p, BASIN_CONDITION_SQRT, 0);
  else if (value->varies && functions[f].of == magnitude) write_one(p, BASIN_CONDITION_ABS, 0);
  else if (value->varies) return varies_nowhere(p, at, name);
  for (int i = 0; i < p->n && !value->varies; i++) {
    const double x = value->x[i];
    if (!functions[f].of(x, &value->x[i], &expected) && !pass_over(p, i, value))
      return basin_fail_at(p->error, here(p, at), "%s(%g) is not defined, expected %s", name, x,
                           expected);
  }
  return finite_value(p, at, value);
}

static basin_status call(parser *p, const char *name, const char *at, operand *value) {
  operand second;
  const int two = !strcmp(name, "min") || !strcmp(name, "max") || !strcmp(name, "mod");
  set(p, 0, &second);
  basin_status status = sum(p, value);
  if (!status && two && !take(p, ','))
    return basin_fail_at(p->error, here(p, p->at), "%s takes two arguments, expected a comma",
                         name);
  if (!status && two) status = sum(p, &second);
  if (status) return status;
  if (!take(p, ')'))
    return basin_fail_at(p->error, here(p, p->at), "expected `)` to close %s(", name);
  return two ? call_two(p, name, at, value, &second) : call_one(p, name, at, value);
}

static basin_status named(parser *p, operand *value) {
  char name[BASIN_NAME_LENGTH + 1];
  const char *at = p->at;
  int length = 0, found = 0;
  while (isalnum((unsigned char)*p->at) || *p->at == '_') {
    if (length == BASIN_NAME_LENGTH)
      return basin_fail_at(p->error, here(p, at), "a name of over 63 characters");
    name[length++] = *p->at++;
  }
  name[length] = 0;
  if (take(p, '(')) return call(p, name, at, value);
  set(p, BASIN_PI, value);
  if (!strcmp(name, "pi")) return BASIN_OK;
  if (p->counted && !strcmp(name, p->counted)) {
    for (int i = 0; i < p->n; i++) value->x[i] = (double)(p->from + i);
    return BASIN_OK;
  }
  const int observable = p->program ? p->observable(p->context, name) : -1;
  if (observable >= 0) {
    write_step(p, BASIN_CONDITION_OBSERVABLE, BASIN_CONDITION_NEITHER, observable, 0);
    p->asked++;
    value->varies = 1;
    return BASIN_OK;
  }
  double x = 0;
  const basin_status status = p->lookup ? p->lookup(p->context, name, &x, &found, p->error)
                                        : BASIN_OK;
  if (status) return status;
  if (!found && !strcmp(name, "t"))
    return basin_fail_at(p->error, here(p, at),
                         "unknown symbol `t`: the steps since the trial began, which step sizes of "
                         "the schedule may depend on, and nothing else");
  if (!found)
    return basin_fail_at(
        p->error, here(p, at),
        "unknown symbol `%s`, expected a grid parameter, a parameter of the model or a name "
        "under `define`",
        name);
  set(p, x, value);
  return finite_value(p, at, value);
}

static basin_status number(parser *p, operand *value) {
  const char *start = p->at, *end = start + basin_number_length(start);
  char copy[64], *stop;
  if (end - start >= (int)sizeof copy)
    return basin_fail_at(p->error, here(p, start), "a number of over 63 characters");
  memcpy(copy, start, (size_t)(end - start));
  copy[end - start] = 0;
  const double x = strtod(copy, &stop);
  if (*stop) return basin_fail_at(p->error, here(p, start), "`%s` is not a number", copy);
  p->at = end;
  if (isfinite(x)) return set(p, x, value);
  return basin_fail_at(p->error, here(p, start), "%s is not a finite number", copy);
}

static basin_status atom(parser *p, operand *value) {
  skip_space(p);
  if (isdigit((unsigned char)*p->at) || (*p->at == '.' && isdigit((unsigned char)p->at[1])))
    return number(p, value);
  if (isalpha((unsigned char)*p->at) || *p->at == '_') return named(p, value);
  if (take(p, '(')) {
    const basin_status status = sum(p, value);
    if (status) return status;
    return take(p, ')') ? BASIN_OK : basin_fail_at(p->error, here(p, p->at), "expected `)`");
  }
  if (!*p->at)
    return basin_fail_at(p->error, here(p, p->at),
                         "the expression ends too early, expected a value");
  return basin_fail_at(p->error, here(p, p->at), "unexpected `%c`, expected a value", *p->at);
}

static basin_status sign(parser *p, operand *value);

/* of what varies. 0 x + 1 is 1 where x is a number, and none where it is none; a power of 0 would be 1 of that. */
static basin_status write_power(parser *p, const char *at, const operand *y) {
  const double n = *y->x;
  if (!y->varies && n == 0) {
    write_step(p, BASIN_CONDITION_MUL, BASIN_CONDITION_RIGHT, 0, 0.0);
    write_step(p, BASIN_CONDITION_ADD, BASIN_CONDITION_RIGHT, 0, 1.0);
  } else if (!y->varies && n == 0.5) write_one(p, BASIN_CONDITION_SQRT, 0);
  else if (!y->varies && n == floor(n) && fabs(n) <= 1024) write_one(p, BASIN_CONDITION_POWER, n);
  else return varies_nowhere(p, at, "this power");
  return BASIN_OK;
}

static basin_status exponent(parser *p, operand *value) {
  basin_status status = atom(p, value);
  skip_space(p);
  const char *at = p->at;
  if (status || !take(p, '^')) return status;
  operand y;
  status = sign(p, &y); /* to the right: 2^3^2 = 2^9, and 2^-1 */
  if (status) return status;
  if (value->varies) return write_power(p, at, &y);
  if (y.varies) return varies_nowhere(p, at, "the power");
  for (int i = 0; i < p->n; i++) {
    const double x = value->x[i], n = y.x[i];
    const int divides = x == 0 && n < 0, is_complex = x < 0 && n != floor(n);
    if (!divides && !is_complex) value->x[i] = isnan(x) ? NAN : power(x, n);
    else if (!pass_over(p, i, value))
      return basin_fail_at(p->error, here(p, at),
                           divides ? "division by zero: 0 to a negative power"
                                   : "a negative number to a power that is not whole");
  }
  return finite_value(p, at, value);
}

static basin_status sign(parser *p, operand *value) {
  basin_status status;
  if (++p->depth > NESTING_MAX)
    return basin_fail_at(p->error, here(p, p->at), "nested deeper than %d levels", NESTING_MAX);
  if (take(p, '-')) {
    status = sign(p, value);
    if (!status && value->varies) write_one(p, BASIN_CONDITION_NEG, 0);
    for (int i = 0; i < p->n && !status && !value->varies; i++) value->x[i] = -value->x[i];
  } else if (take(p, '+')) {
    status = sign(p, value);
  } else {
    status = exponent(p, value);
  }
  p->depth--;
  return status;
}

/* x op y, op being * / or % */
static basin_status multiply(parser *p, char op, const char *at, operand *x, const operand *y) {
  if ((x->varies || y->varies) && op == '%') return varies_nowhere(p, at, "%");
  if (x->varies || y->varies) {
    write_two(p, op == '*' ? BASIN_CONDITION_MUL : BASIN_CONDITION_DIV, x, y, x);
    return BASIN_OK;
  }
  for (int i = 0; i < p->n; i++) {
    const double by = y->x[i];
    if (op == '*') x->x[i] = x->x[i] * by;
    else if (by != 0) x->x[i] = op == '/' ? x->x[i] / by : modulo(x->x[i], by);
    else if (!pass_over(p, i, x)) return basin_fail_at(p->error, here(p, at), "division by zero");
  }
  return finite_value(p, at, x);
}

static basin_status product(parser *p, operand *value) {
  basin_status status = sign(p, value);
  while (!status) {
    skip_space(p);
    const char op = *p->at, *at = p->at;
    operand y;
    if (op != '*' && op != '/' && op != '%') break;
    p->at++;
    status = sign(p, &y);
    if (!status) status = multiply(p, op, at, value, &y);
  }
  return status;
}

static basin_status add(parser *p, char op, const char *at, operand *x, const operand *y) {
  if (x->varies || y->varies) {
    write_two(p, op == '+' ? BASIN_CONDITION_ADD : BASIN_CONDITION_SUB, x, y, x);
    return BASIN_OK;
  }
  for (int i = 0; i < p->n; i++) x->x[i] = op == '+' ? x->x[i] + y->x[i] : x->x[i] - y->x[i];
  return finite_value(p, at, x);
}

static basin_status sum(parser *p, operand *value) {
  set(p, 0, value);
  basin_status status = product(p, value);
  while (!status) {
    skip_space(p);
    const char op = *p->at, *at = p->at;
    operand y;
    if (op != '+' && op != '-') break;
    p->at++;
    status = product(p, &y);
    if (!status) status = add(p, op, at, value, &y);
  }
  return status;
}

/* the whole text */
static basin_status whole(parser *p, operand *value) {
  const basin_status status = sum(p, value);
  if (status) return status;
  skip_space(p);
  if (*p->at)
    return basin_fail_at(p->error, here(p, p->at),
                         "unexpected `%c`, expected an operator or the end", *p->at);
  return BASIN_OK;
}

basin_status basin_evaluate(const char *text, basin_place place, basin_lookup *lookup,
                            void *context, double *value, basin_error *error) {
  parser p = parser_of(text, place, lookup, context, error);
  operand result;
  const basin_status status = whole(&p, &result);
  *value = *result.x;
  return status;
}

int64_t basin_evaluate_counted(const char *text, const char *symbol, int64_t first, int64_t n,
                               double *value) {
  basin_error unused;
  operand result;
  for (int64_t done = 0; done < n; done += TOGETHER) {
    const int some = n - done < TOGETHER ? (int)(n - done) : TOGETHER;
    parser p = {.text = text,
                .at = text,
                .place = {text, 0, 0},
                .error = &unused,
                .lenient = 1,
                .n = some,
                .counted = symbol,
                .from = first + done,
                .good = some};
    if (whole(&p, &result)) return done;
    memcpy(value + done, result.x, (size_t)some * sizeof *value);
    if (p.good < some) return done + p.good;
  }
  return n;
}

/* ---- conditions: alternatives > joint > negation > comparison ---- */

/* a truth value; of what has no value it is UNKNOWN, by Kleene's tables */
enum { UNKNOWN = -1, NO, YES };

static basin_status alternatives(parser *p, int *truth);

static int is_word_at(const char *at, const char *word) {
  const size_t length = strlen(word);
  return !strncmp(at, word, length) && !isalnum((unsigned char)at[length]) && at[length] != '_';
}

/* take the word if it is next */
static int take_word(parser *p, const char *word) {
  skip_space(p);
  if (!is_word_at(p->at, word)) return 0;
  p->at += strlen(word);
  return 1;
}

/* whether what stands in the parentheses that open here is a condition */
static int encloses_condition(const char *at) {
  int depth = 0, in_word = 0;
  for (; *at; at++) {
    depth += (*at == '(') - (*at == ')');
    if (depth == 0) return 0;
    if (strchr("<>=!", *at)) return 1;
    if (!in_word && (is_word_at(at, "and") || is_word_at(at, "or") || is_word_at(at, "not")))
      return 1;
    in_word = isalnum((unsigned char)*at) || *at == '_';
  }
  return 0;
}

static basin_status comparison(parser *p, int *truth) { /* of n = 1 */
  static const struct {
    const char *sign;
    int operation;
  } sign_of[] = {{"<=", BASIN_CONDITION_LE}, {">=", BASIN_CONDITION_GE}, {"==", BASIN_CONDITION_EQ},
                 {"!=", BASIN_CONDITION_EQ}, {"<", BASIN_CONDITION_LT},  {">", BASIN_CONDITION_GT}};
  enum { SIGNS = sizeof sign_of / sizeof *sign_of };
  const int faults = p->faults;
  operand x, y;
  int i = 0;
  basin_status status = sum(p, &x);
  if (status) return status;
  skip_space(p);
  while (i < SIGNS && strncmp(p->at, sign_of[i].sign, strlen(sign_of[i].sign)) != 0) i++;
  if (i == SIGNS)
    return basin_fail_at(p->error, here(p, p->at),
                         *p->at == '=' ? "`=` compares nothing, did you mean `==`?"
                                       : "expected one of < <= > >= == != and a value behind it");
  p->at += strlen(sign_of[i].sign);
  status = sum(p, &y);
  if (status) return status;
  if (x.varies || y.varies) {
    write_two(p, sign_of[i].operation, &x, &y, &x);
    if (*sign_of[i].sign == '!') write_one(p, BASIN_CONDITION_NOT, 0);
    return BASIN_OK;
  }
  const double a = *x.x, b = *y.x;
  const int holds[SIGNS] = {a <= b, a >= b, a == b, a != b, a<b, a> b};
  *truth = p->faults > faults ? UNKNOWN : holds[i];
  if (p->program) write_one(p, BASIN_CONDITION_NUMBER, *truth == UNKNOWN ? (double)NAN : *truth);
  return BASIN_OK;
}

static basin_status negation(parser *p, int *truth) {
  basin_status status;
  if (++p->depth > NESTING_MAX)
    return basin_fail_at(p->error, here(p, p->at), "nested deeper than %d levels", NESTING_MAX);
  skip_space(p);
  if (take_word(p, "not")) {
    status = negation(p, truth);
    if (*truth != UNKNOWN) *truth = !*truth;
    if (!status && p->program) write_one(p, BASIN_CONDITION_NOT, 0);
  } else if (*p->at == '(' && encloses_condition(p->at)) {
    p->at++;
    status = alternatives(p, truth);
    if (!status && !take(p, ')'))
      status = basin_fail_at(p->error, here(p, p->at), "expected `)`, `and` or `or`");
  } else {
    status = comparison(p, truth);
  }
  p->depth--;
  return status;
}

static basin_status joint(parser *p, int *truth) {
  basin_status status = negation(p, truth);
  while (!status && take_word(p, "and")) {
    int other = NO;
    status = negation(p, &other);
    if (!status && p->program) write_one(p, BASIN_CONDITION_AND, 0);
    *truth = !*truth || !other ? NO : *truth == UNKNOWN || other == UNKNOWN ? UNKNOWN : YES;
  }
  return status;
}

static basin_status alternatives(parser *p, int *truth) {
  *truth = NO;
  basin_status status = joint(p, truth);
  while (!status && take_word(p, "or")) {
    int other = NO;
    status = joint(p, &other);
    if (!status && p->program) write_one(p, BASIN_CONDITION_OR, 0);
    *truth = *truth == YES || other == YES           ? YES
             : *truth == UNKNOWN || other == UNKNOWN ? UNKNOWN
                                                     : NO;
  }
  return status;
}

/* the whole text */
static basin_status condition(parser *p, int *truth) {
  *truth = NO;
  const basin_status status = alternatives(p, truth);
  if (status) return status;
  skip_space(p);
  if (!*p->at) return BASIN_OK;
  return basin_fail_at(p->error, here(p, p->at),
                       "unexpected `%c`, expected `and`, `or` or the end: comparisons are of two "
                       "values",
                       *p->at);
}

basin_status basin_condition_holds(const char *text, basin_place place, basin_lookup *lookup,
                                   void *context, int *holds, basin_error *error) {
  parser p = parser_of(text, place, lookup, context, error);
  int truth;
  p.lenient = 1;
  const basin_status status = condition(&p, &truth);
  *holds = !status && truth == YES;
  return status;
}

basin_status basin_condition_compile(const char *text, basin_place place, basin_lookup *lookup,
                                     basin_observable_lookup *observable, void *context,
                                     basin_condition *program, basin_error *error) {
  parser p = parser_of(text, place, lookup, context, error);
  int truth;
  p.lenient = 1;
  p.program = program;
  p.observable = observable;
  memset(program, 0, sizeof *program);
  const basin_status status = condition(&p, &truth);
  if (status) return status;
  if (!p.asked)
    return basin_fail_at(error, place, "the condition has no observable: it holds always or never");
  if (!p.overflows) return BASIN_OK;
  return basin_fail_at(error, place,
                       "the condition is too long: over %d operations, or over %d values at a time",
                       (int)BASIN_CONDITION_LENGTH, (int)BASIN_CONDITION_DEPTH);
}
