/* SPDX-License-Identifier: MIT
 *
 * values.c: how the values of a grid's parameter, and levels of passages, are written.
 *
 *   [16, 25, pi^2, inf]       these
 *   16                        this one
 *   {linspace: [0, 1, 41]}    41 from 0 to 1, both ends included, in equal steps
 *   {logspace: [1e-3, 1, 13]} 13 from 0.001 to 1, both ends included, each the same multiple of the one before
 *   {range: [16, 26]}         16, 17, ..., 26; {range: [0, 1, 0.1]} in steps of 0.1, {range: [9, 1, -2]} downwards. The
 *                             end is included where a step comes to it
 *
 * A cell's draws follow from its values, to the last bit. linspace is NumPy's: value i is from + i (to - from)/(n - 1),
 * and the last one is `to`. The others are the decimals that are meant: {range: [0, 1, 0.1]} has 0.3, not
 * 0.30000000000000004, and a logspace over powers of ten or of two has these powers. To that end a value of a logspace,
 * from^(1-x) to^x with x = i/(n-1), is rounded once, of some 30 digits, and where a decimal of at most 12 digits is as
 * good as its last bit can tell, that decimal is taken; likewise in a range.
 */
#include "read/values.h"
#include "numeric/dmath.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* x to the twelfth digit of a number of size `largest`, where that is no further off than `near`; or else x */
static double decimal(double x, double largest, double near) {
  enum { DIGITS = 12, LONGEST = 700 };
  char text[LONGEST];
  snprintf(text, sizeof text, "%.*e", DIGITS - 1, largest);
  const int places = DIGITS - 1 - atoi(strchr(text, 'e') + 1);
  snprintf(text, sizeof text, "%.*f", places > 0 ? places : 0, x);
  const double rounded = strtod(text, NULL) + 0.0; /* -0 is 0 */
  return fabs(rounded - x) <= near ? rounded : x;
}

/* ---- positive numbers of twice the digits: (high + low) 2^exponent ---- */

typedef struct wide {
  double high, low; /* high from 1/2 to 1, low below its last bit */
  int64_t exponent;
} wide;

static wide wide_of(double high, double low, int64_t exponent) {
  int shift;
  const double sum = high + low, rest = low - (sum - high);
  const double mantissa = frexp(sum, &shift);
  return (wide){mantissa, ldexp(rest, -shift), exponent + shift};
}

static wide times(wide x, wide y) {
  const double product = x.high * y.high;
  const double rest = fma(x.high, y.high, -product) + (x.high * y.low + x.low * y.high);
  return wide_of(product, rest, x.exponent + y.exponent);
}

static wide to_the(double base, int n) {
  wide result = wide_of(1, 0, 0), x = wide_of(base, 0, 0);
  for (; n; n >>= 1, x = times(x, x))
    if (n & 1) result = times(result, x);
  return result;
}

/* the logarithm of any positive number, within a few last bits */
static double logarithm(double x) {
  int exponent;
  const double mantissa = frexp(x, &exponent);
  return r_log(mantissa) + exponent * 0.69314718055994530942;
}

/* from^(1-i/n) to^(i/n), n at least 1: x by logarithms, right to some 13 digits, then one step of Newton's for
   x^n = from^(n-i) to^i */
static double between(double from, double to, int i, int n) {
  const double part = (double)i / n, power = logarithm(from) * (1 - part) + logarithm(to) * part;
  const double shift = floor(power / 0.69314718055994530942);
  const double x = ldexp(r_exp(power - shift * 0.69314718055994530942), (int)shift);
  if (!(x > 0x1p-1000 && x < 0x1p1000)) return x;
  const wide right = times(to_the(from, n - i), to_the(to, i)), left = to_the(x, n);
  const double scale = ldexp(1, (int)(right.exponent - left.exponent));
  const double excess = (right.high * scale - left.high) + (right.low * scale - left.low);
  return fma(x, excess / left.high / n, x);
}

/* ---- the rules: value [count], from the numbers behind the rule's name ---- */

typedef struct rule {
  const char *name, *expected;
  int least, most; /* numbers */

  /* how many values; 0 where the numbers make no sense, *why being the reason; above BASIN_CELLS_MAX: too many */
  double (*count)(const double *number, const char **why);
  void (*fill)(const double *number, int count, double *value);
} rule;

/* from, to, and how many */
static double count_spaced(const double *number, const char **why) {
  const double n = number[2];
  if (n != floor(n) || n < 2) *why = "expected a whole number of values, at least 2";
  else if (number[0] == number[1]) *why = "the ends are the same, expected two";
  else if (!isfinite(number[1] - number[0])) *why = "the ends are too far apart";
  else return n;
  return 0;
}

static double count_logspace(const double *number, const char **why) {
  const double n = count_spaced(number, why);
  if (number[0] > 0 && number[1] > 0) return n;
  *why = "both ends must be above 0 (they are the values, not exponents)";
  return 0;
}

/* a step comes to the end where it is off by less than this of a step */
static const double TOUCHES = 1e-9;

static double count_range(const double *number, const char **why) {
  const double steps = (number[1] - number[0]) / number[2];
  if (number[2] == 0) *why = "the step is 0";
  else if (!isfinite(steps)) *why = "the ends are too far apart";
  else if (steps < 0)
    *why =
        "the steps lead away from the end, expected [from, to, step] with a step of the other sign";
  else return floor(steps + TOUCHES) + 1;
  return 0;
}

static void fill_linspace(const double *number, int count, double *value) {
  const double step = (number[1] - number[0]) / (count - 1);
  for (int i = 0; i < count; i++) value[i] = i * step + number[0];
  value[count - 1] = number[1];
}

static void fill_logspace(const double *number, int count, double *value) {
  for (int i = 0; i < count; i++) {
    const double x = between(number[0], number[1], i, count - 1);
    value[i] = decimal(x, x, nextafter(x, INFINITY) - x);
  }
  value[0] = number[0];
  value[count - 1] = number[1];
}

static void fill_range(const double *number, int count, double *value) {
  const double largest = fmax(fabs(number[0]), fabs(number[1]));
  for (int i = 0; i < count; i++)
    value[i] = decimal(fma(i, number[2], number[0]), largest, largest * 0x1p-51);
  value[0] = number[0];
  if (fabs((number[1] - number[0]) / number[2] - (count - 1)) <= TOUCHES)
    value[count - 1] = number[1];
}

static const rule rules[] = {
    {"linspace", "linspace: [from, to, number of values]", 3, 3, count_spaced, fill_linspace},
    {"logspace", "logspace: [from, to, number of values]", 3, 3, count_logspace, fill_logspace},
    {"range", "range: [from, to] or [from, to, step]", 2, 3, count_range, fill_range},
};
enum { RULES = sizeof rules / sizeof *rules, NUMBERS_MAX = 3 };

static basin_status read_rule(basin_scope *scope, const basin_node *node, const char *what,
                              double **value, int *count, basin_error *error) {
  const char *word[RULES], *why = NULL;
  const rule *r = rules;
  double number[NUMBERS_MAX] = {0, 0, 1};
  for (int i = 0; i < RULES; i++) word[i] = rules[i].name;
  basin_status status = basin_check_keys(node, word, RULES, what, error);
  if (status) return status;
  if (node->count != 1)
    return basin_fail_at(error, node->place,
                         "%s: expected a list, or one of linspace, logspace, range", what);
  while (strcmp(r->name, node->key[0]) != 0) r++;
  const basin_node *list = node->child[0];
  if (list->kind != BASIN_SEQUENCE || list->count < r->least || list->count > r->most)
    return basin_fail_at(error, list->place, "%s: expected %s", what, r->expected);
  for (int i = 0; i < list->count && !status; i++)
    status = basin_scope_value(scope, list->child[i], r->name, &number[i], error);
  if (status) return status;
  const double values = r->count(number, &why);
  if (why) return basin_fail_at(error, list->place, "%s: %s: %s", what, r->name, why);
  if (values > BASIN_CELLS_MAX)
    return basin_fail_at(error, list->place, "%s: %s has %.0f values, expected at most %d", what,
                         r->name, values, BASIN_CELLS_MAX);
  *count = (int)values;
  *value = calloc((size_t)*count, sizeof **value);
  if (!*value) return basin_fail_memory(error);
  r->fill(number, *count, *value);
  return BASIN_OK;
}

basin_status basin_values_read(basin_scope *scope, const basin_node *node, const char *name,
                               const char *what, double **value, int *count, basin_error *error) {
  basin_status status = BASIN_OK;
  if (node->kind == BASIN_MAPPING) return read_rule(scope, node, what, value, count, error);
  *count = node->kind == BASIN_SEQUENCE ? node->count : 1;
  if (*count == 0)
    return basin_fail_at(error, node->place, "%s has no values, expected at least one", what);
  *value = calloc((size_t)*count, sizeof **value);
  if (!*value) return basin_fail_memory(error);
  for (int i = 0; i < *count && !status; i++) {
    const basin_node *item = node->kind == BASIN_SEQUENCE ? node->child[i] : node;
    if (basin_is_infinity(item)) (*value)[i] = INFINITY;
    else status = basin_scope_value(scope, item, name, &(*value)[i], error);
  }
  return status;
}
