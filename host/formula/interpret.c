/* SPDX-License-Identifier: MIT */
#include "formula/interpret.h"
#include "numeric/functions.h"
#include <stdlib.h>
#include <string.h>

#define NUMBER double
#define ENTRIES formula_entries
#define SCALAR basin_formula_scalar
#define FMA fma
#include "formula/interpret_nodes.h"

/* ---- single entries ---- */

double basin_formula_scalar(formula_operation operation, double x, double y, double z) {
  switch (operation) {
  case FORMULA_FMA:
    return fma(x, y, z);
  case FORMULA_POW:
    return r_pow(x, y);
  case FORMULA_SQRT:
    return sqrt(x);
  case FORMULA_EXP:
    return r_exp_total(x);
  case FORMULA_EXPM1:
    return r_expm1(x);
  case FORMULA_LOG:
    return r_log_total(x);
  case FORMULA_LOG1P:
    return r_log1p(x);
  case FORMULA_SIN:
    return r_sin(x);
  case FORMULA_COS:
    return r_cos(x);
  case FORMULA_TAN:
    return r_tan(x);
  case FORMULA_ATAN:
    return r_atan_total(x);
  case FORMULA_ATAN2:
    return r_atan2(x, y);
  case FORMULA_ACOS:
    return r_acos(x);
  case FORMULA_ASIN:
    return r_asin(x);
  case FORMULA_TANH:
    return r_tanh(x);
  case FORMULA_ERF:
    return r_erf_total(x);
  case FORMULA_LOGISTIC:
    return r_logistic(x);
  case FORMULA_SOFTPLUS:
    return r_softplus(x);
  case FORMULA_ABS:
    return fabs(x);
  case FORMULA_FLOOR:
    return r_floor(x);
  default:
    return arithmetic(operation, x, y, z);
  }
}

/* ---- sizes ---- */

/* one factor of a size's text, a whole number or P(name); *text behind it */
static double factor(const formula_model *model, const double *parameter, const char **text) {
  if (**text != 'P') {
    char *end;
    const double value = (double)strtoll(*text, &end, 10);
    *text = end;
    return value;
  }
  const char *name = *text + 2;
  const size_t length = strcspn(name, ")");
  *text = name + length + 1;
  for (int i = 0; i < model->parameters; i++)
    if (strlen(model->parameter[i].name) == length &&
        !memcmp(model->parameter[i].name, name, length))
      return parameter[i];
  return NAN;
}

double basin_formula_size_value(const formula_model *model, int size, const double *parameter) {
  const char *text = model->size[size].text;
  double sum = 0;
  if (model->size[size].constant) return (double)model->size[size].value;
  while (*text) {
    double term = 1;
    if (*text == '-') term = -1;
    text += strspn(text, "-+ ");
    term *= factor(model, parameter, &text);
    while (!strncmp(text, " * ", 3)) {
      text += 3;
      term *= factor(model, parameter, &text);
    }
    sum += term;
    text += *text == ' ';
  }
  return sum;
}

int64_t basin_formula_count(const int64_t *size, const formula_shape *shape) {
  int64_t count = 1;
  for (int i = 0; i < shape->rank; i++) count *= size[shape->size[i]];
  return count;
}

basin_status basin_formula_sizes(const formula_model *model, const double *parameter, int64_t *size,
                                 basin_error *error) {
  for (int i = 0; i < model->parameters; i++)
    if (model->is_size[i] &&
        !(parameter[i] >= 1 && parameter[i] <= 1e6 && parameter[i] == floor(parameter[i])))
      return basin_fail(error, BASIN_BAD_INPUT,
                        "%s = %g is a size, expected a whole number from 1 to 1000000",
                        model->parameter[i].name, parameter[i]);
  for (int i = 0; i < model->sizes; i++) {
    const double value = basin_formula_size_value(model, i, parameter);
    if (!(fabs(value) <= 0x1p52)) return basin_fail_memory(error);
    size[i] = (int64_t)value;
  }
  for (int i = 0; i < model->bounds; i++)
    if (size[model->bound[i].size] < model->bound[i].least)
      return basin_fail(error, BASIN_BAD_INPUT, "%s", model->bound[i].reason);
  return BASIN_OK;
}

basin_status basin_formula_interpret(const formula_model *model, const formula_point *point,
                                     formula_entries **entries, basin_error *error) {
  return interpret(model, point, model->nodes, entries, error);
}

void basin_formula_entries_free(formula_entries *entries) { forget(entries); }
