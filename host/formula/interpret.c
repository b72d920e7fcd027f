/* SPDX-License-Identifier: MIT */
#include "formula/interpret.h"
#include "numeric/functions.h"
#include <stdlib.h>
#include <string.h>

/* ---- single entries ---- */

double basin_formula_scalar(formula_operation operation, double x, double y, double z) {
  switch (operation) {
  case FORMULA_ADD:
    return x + y;
  case FORMULA_SUB:
    return x - y;
  case FORMULA_MUL:
    return x * y;
  case FORMULA_DIV:
    return x / y;
  case FORMULA_NEG:
    return -x;
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
  case FORMULA_SIGN:
    return 0 <= x ? 1 : -1;
  case FORMULA_STEP:
    return 0 <= x ? 1 : 0;
  case FORMULA_RELU:
    return 0 <= x ? x : 0;
  case FORMULA_FLOOR:
    return r_floor(x);
  case FORMULA_MAX2:
    return x < y ? y : x;
  case FORMULA_MIN2:
    return y < x ? y : x;
  case FORMULA_LT:
    return x < y;
  case FORMULA_LE:
    return x <= y;
  case FORMULA_EQ:
    return x == y;
  case FORMULA_AND:
    return x != 0 && y != 0;
  case FORMULA_OR:
    return x != 0 || y != 0;
  case FORMULA_NOT:
    return x == 0;
  case FORMULA_SELECT:
    return x != 0 ? y : z;
  default:
    return NAN;
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

int64_t basin_formula_count(const formula_entries *entries, const formula_shape *shape) {
  int64_t count = 1;
  for (int i = 0; i < shape->rank; i++) count *= entries->size[shape->size[i]];
  return count;
}

static basin_status find_sizes(const formula_model *model, const double *parameter, int64_t *size,
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

/* ---- nodes ---- */

/* sum of n entries x_i, or where y is there of x_i y_i, in the order of graph.h */
static double sum(const double *x, const double *y, int64_t n) {
  double strand[8] = {0};
  const int strands = n < 8 ? 1 : 8;
  for (int64_t i = 0; i < n; i++) {
    double *s = &strand[i % strands];
    if (i < strands) *s = y ? x[i] * y[i] : x[i];
    else *s = y ? fma(x[i], y[i], *s) : *s + x[i];
  }
  for (int half = strands / 2; half; half /= 2)
    for (int i = 0; i < half; i++) strand[i] += strand[i + half];
  return strand[0];
}

/* [rows][columns] of matrices or of vectors that stand for one row or column: one chain for every entry */
static void product(const double *x, const double *y, double *out, int64_t rows, int64_t inner,
                    int64_t columns) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) {
      double s = x[i * inner] * y[j];
      for (int64_t l = 1; l < inner; l++) s = fma(x[i * inner + l], y[l * columns + j], s);
      out[i * columns + j] = s;
    }
}

typedef struct computation {
  const formula_model *model;
  const formula_point *point;
  formula_entries *entries;
} computation;

static const formula_shape *shape_of(const computation *c, int node) {
  return &c->model->node[node].shape;
}
static int64_t size_of(const computation *c, int node, int axis) {
  return c->entries->size[shape_of(c, node)->size[axis]];
}

static void dot(const computation *c, const formula_node *node, double *out) {
  const int x = node->of[0], y = node->of[1];
  const int of_vectors = shape_of(c, x)->rank == 1 && shape_of(c, y)->rank == 1;
  const int64_t inner = size_of(c, y, 0);
  const int64_t rows = shape_of(c, x)->rank == 2 ? size_of(c, x, 0) : 1;
  const int64_t columns = shape_of(c, y)->rank == 2 ? size_of(c, y, 1) : 1;
  if (of_vectors) *out = sum(c->entries->of[x], c->entries->of[y], inner);
  else product(c->entries->of[x], c->entries->of[y], out, rows, inner, columns);
}

/* copies between an array and the part of it from begin[] on, as SLICE and, `back`, as PLACE does */
static void copy_part(const computation *c, const formula_node *node, const formula_shape *whole,
                      const formula_shape *part, double *in_whole, double *in_part, int back) {
  int64_t from[2] = {0, 0}, count[2] = {1, 1}, columns = 1;
  for (int axis = 0, kept = 0; axis < whole->rank; axis++) {
    from[axis] = c->entries->size[node->begin[axis]];
    if (!node->drop[axis]) count[axis] = c->entries->size[part->size[kept++]];
    if (axis == 1) columns = c->entries->size[whole->size[1]];
  }
  for (int64_t i = 0; i < count[0]; i++)
    for (int64_t j = 0; j < count[1]; j++) {
      double *inside = &in_whole[(from[0] + i) * columns + from[1] + j];
      double *apart = &in_part[i * count[1] + j];
      if (back) *inside = *apart;
      else *apart = *inside;
    }
}

static void entry_by_entry(const computation *c, const formula_node *node, double *out, int64_t n) {
  const double *x[3] = {NULL, NULL, NULL};
  int64_t stride[3] = {0, 0, 0};
  for (int j = 0; j < 3 && node->of[j] >= 0; j++) {
    x[j] = c->entries->of[node->of[j]];
    stride[j] = shape_of(c, node->of[j])->rank > 0;
  }
  for (int64_t i = 0; i < n; i++)
    out[i] = basin_formula_scalar(node->operation, x[0][i * stride[0]],
                                  x[1] ? x[1][i * stride[1]] : 0, x[2] ? x[2][i * stride[2]] : 0);
}

static double extreme(formula_operation operation, const double *x, int64_t n) {
  double found = x[0];
  for (int64_t i = 1; i < n; i++) found = basin_formula_scalar(operation, found, x[i], 0);
  return found;
}

static void compute(const computation *c, int number) {
  const formula_node *node = &c->model->node[number];
  const int64_t n = basin_formula_count(c->entries, &node->shape);
  double *out = c->entries->of[number];
  double *x = node->of[0] < 0 ? NULL : c->entries->of[node->of[0]];
  double *y = node->of[1] < 0 ? NULL : c->entries->of[node->of[1]];
  const int64_t entries = x ? basin_formula_count(c->entries, shape_of(c, node->of[0])) : 0;
  const size_t bytes = (size_t)n * sizeof *out;
  switch (node->operation) {
  case FORMULA_NUMBER:
    *out = node->number;
    break;
  case FORMULA_PARAMETER:
    *out = c->point->parameter[node->index];
    break;
  case FORMULA_SIZE:
    *out = (double)c->entries->size[node->index];
    break;
  case FORMULA_STATE:
    memcpy(out, c->point->state[node->index], bytes);
    break;
  case FORMULA_TEACHER:
    memcpy(out, c->point->teacher[node->index], bytes);
    break;
  case FORMULA_INPUT:
    memcpy(out, c->point->input[node->index], bytes);
    break;
  case FORMULA_CONSTANT:
    memcpy(out, c->model->constant[node->index].value, bytes);
    break;
  case FORMULA_SUM:
    *out = sum(x, NULL, entries);
    break;
  case FORMULA_MAXIMUM:
    *out = extreme(FORMULA_MAX2, x, entries);
    break;
  case FORMULA_MINIMUM:
    *out = extreme(FORMULA_MIN2, x, entries);
    break;
  case FORMULA_FIRST_OF:
    memset(out, 0, bytes);
    for (int64_t i = 0; i < n; i++)
      if (x[i] == *y) {
        out[i] = 1;
        break;
      }
    break;
  case FORMULA_DOT:
    dot(c, node, out);
    break;
  case FORMULA_OUTER: {
    const int64_t columns = size_of(c, number, 1);
    for (int64_t i = 0; i < n; i++) out[i] = x[i / columns] * y[i % columns];
    break;
  }
  case FORMULA_TRANSPOSE: {
    const int64_t columns = size_of(c, number, 1), rows = size_of(c, number, 0);
    for (int64_t i = 0; i < n; i++) out[i] = x[i % columns * rows + i / columns];
    break;
  }
  case FORMULA_SLICE:
    copy_part(c, node, shape_of(c, node->of[0]), &node->shape, x, out, 0);
    break;
  case FORMULA_PLACE:
    memset(out, 0, bytes);
    copy_part(c, node, &node->shape, shape_of(c, node->of[0]), out, x, 1);
    break;
  case FORMULA_FILL:
    for (int64_t i = 0; i < n; i++) out[i] = *x;
    break;
  default:
    entry_by_entry(c, node, out, n);
  }
}

/* room for all nodes; 0: there is none */
static int divide_memory(const formula_model *model, formula_entries *entries) {
  double all = 0;
  size_t used = 0;
  for (int i = 0; i < model->nodes; i++) {
    double count = 1;
    for (int j = 0; j < model->node[i].shape.rank; j++)
      count *= (double)entries->size[model->node[i].shape.size[j]];
    all += count;
  }
  if (!(all < 0x1p40)) return 0;
  entries->memory = malloc(((size_t)all + 1) * sizeof *entries->memory);
  entries->of = malloc(((size_t)model->nodes + 1) * sizeof *entries->of);
  if (!entries->memory || !entries->of) return 0;
  for (int i = 0; i < model->nodes; i++) {
    entries->of[i] = entries->memory + used;
    used += (size_t)basin_formula_count(entries, &model->node[i].shape);
  }
  return 1;
}

basin_status basin_formula_interpret(const formula_model *model, const formula_point *point,
                                     formula_entries **entries, basin_error *error) {
  formula_entries *e = calloc(1, sizeof *e);
  const computation c = {model, point, e};
  *entries = NULL;
  if (e) e->size = calloc((size_t)model->sizes + 1, sizeof *e->size);
  basin_status status = e && e->size ? find_sizes(model, point->parameter, e->size, error)
                                     : basin_fail_memory(error);
  if (!status && !divide_memory(model, e)) status = basin_fail_memory(error);
  if (status) {
    basin_formula_entries_free(e);
    return status;
  }
  for (int i = 0; i < model->nodes; i++) compute(&c, i);
  *entries = e;
  return BASIN_OK;
}

void basin_formula_entries_free(formula_entries *entries) {
  if (!entries) return;
  free(entries->size);
  free(entries->of);
  free(entries->memory);
  free(entries);
}
