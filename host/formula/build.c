/* SPDX-License-Identifier: MIT */
#include "formula/build.h"
#include "formula/interpret.h"
#include <math.h>
#include <string.h>

static const formula_shape scalar = {0, {0, 0}};

static const int operands[] = {
#define FORMULA_OPERANDS(NAME, count) count,
    FORMULA_OPERATIONS(FORMULA_OPERANDS)
#undef FORMULA_OPERANDS
};

static int add(formula_model *model, const formula_node *node) {
  return model->nodes < FORMULA_NODES_MAX ? basin_formula_add(model, node) : -1;
}

static int add_of(formula_model *model, formula_operation operation, formula_shape shape, int x,
                  int y, int z) {
  formula_node node = basin_formula_node(operation, shape);
  node.of[0] = x, node.of[1] = y, node.of[2] = z;
  node.is_mask = (operation >= FORMULA_LT && operation <= FORMULA_NOT);
  return add(model, &node);
}

static formula_shape shape_of(const formula_model *model, int x) { return model->node[x].shape; }
static int is(const formula_model *model, int x, formula_operation operation) {
  return x >= 0 && model->node[x].operation == operation;
}

/* ---- leaves ---- */

int basin_formula_number(formula_model *model, double value) {
  formula_node node = basin_formula_node(FORMULA_NUMBER, scalar);
  node.number = value;
  return add(model, &node);
}

int basin_formula_leaf(formula_model *model, formula_operation operation, int index) {
  const formula_array *array = operation == FORMULA_STATE     ? model->state
                               : operation == FORMULA_TEACHER ? model->teacher
                               : operation == FORMULA_INPUT   ? model->input
                                                              : model->constant;
  const int has_shape = operation != FORMULA_PARAMETER && operation != FORMULA_SIZE;
  formula_node node = basin_formula_node(operation, has_shape ? array[index].shape : scalar);
  node.index = index;
  return add(model, &node);
}

int basin_formula_is_number(const formula_model *model, int x, double value) {
  return is(model, x, FORMULA_NUMBER) && !memcmp(&model->node[x].number, &value, sizeof value);
}

int basin_formula_unfilled(const formula_model *model, int x) {
  return is(model, x, FORMULA_FILL) ? model->node[x].of[0] : x;
}

int basin_formula_fill(formula_model *model, int x, formula_shape shape) {
  if (x < 0 || shape.rank == 0 || shape_of(model, x).rank > 0) return x;
  formula_node node = basin_formula_node(FORMULA_FILL, shape);
  node.of[0] = x;
  node.is_mask = model->node[x].is_mask;
  return add(model, &node);
}

/* ---- entry by entry ---- */

/* whether 1/x is exact: x is a power of two, and neither it nor 1/x is subnormal */
static int has_exact_inverse(double x) {
  int exponent;
  return isfinite(x) && fabs(frexp(x, &exponent)) == 0.5 && exponent > -1020 && exponent < 1020;
}

/* an operation on numbers, done now; -1 where it has to be left: its result is not finite, or a mask */
static int fold(formula_model *model, formula_operation operation, const int x[3]) {
  double value[3] = {0, 0, 0};
  if (operation >= FORMULA_LT) return -1;
  for (int j = 0; j < 3 && x[j] >= 0; j++) {
    if (!is(model, x[j], FORMULA_NUMBER)) return -1;
    value[j] = model->node[x[j]].number;
  }
  const double result = basin_formula_scalar(operation, value[0], value[1], value[2]);
  return isfinite(result) ? basin_formula_number(model, result) : -1;
}

static int negated(const formula_model *model, int x) {
  return is(model, x, FORMULA_NEG) ? model->node[x].of[0] : -1;
}

/* One rule of what leaves all bits as they are; -1: none does. Called again on what it has made. */
static int simplify(formula_model *model, formula_operation operation, int x, int y, int z) {
  const int minus_x = negated(model, x), minus_y = negated(model, y);
  switch (operation) {
  case FORMULA_ADD:
    if (basin_formula_is_number(model, y, -0.0)) return x;
    if (basin_formula_is_number(model, x, -0.0)) return y;
    if (minus_y >= 0) return basin_formula_apply(model, FORMULA_SUB, x, minus_y, -1);
    if (minus_x >= 0) return basin_formula_apply(model, FORMULA_SUB, y, minus_x, -1);
    return -1;
  case FORMULA_SUB:
    if (basin_formula_is_number(model, y, 0.0)) return x;
    if (minus_y >= 0) return basin_formula_apply(model, FORMULA_ADD, x, minus_y, -1);
    return -1;
  case FORMULA_MUL:
    if (basin_formula_is_number(model, y, 1)) return x;
    if (basin_formula_is_number(model, x, 1)) return y;
    if (basin_formula_is_number(model, y, -1))
      return basin_formula_apply(model, FORMULA_NEG, x, -1, -1);
    if (basin_formula_is_number(model, x, -1))
      return basin_formula_apply(model, FORMULA_NEG, y, -1, -1);
    if (minus_x >= 0) y = basin_formula_apply(model, operation, minus_x, y, -1);
    else if (minus_y >= 0) y = basin_formula_apply(model, operation, x, minus_y, -1);
    else return -1;
    return basin_formula_apply(model, FORMULA_NEG, y, -1, -1);
  case FORMULA_DIV:
    if (is(model, y, FORMULA_NUMBER) && has_exact_inverse(model->node[y].number))
      return basin_formula_apply(model, FORMULA_MUL, x,
                                 basin_formula_number(model, 1 / model->node[y].number), -1);
    if (minus_x >= 0) y = basin_formula_apply(model, operation, minus_x, y, -1);
    else if (minus_y >= 0) y = basin_formula_apply(model, operation, x, minus_y, -1);
    else return -1;
    return basin_formula_apply(model, FORMULA_NEG, y, -1, -1);
  case FORMULA_NEG:
    if (minus_x >= 0) return minus_x;
    if (is(model, x, FORMULA_MUL))
      for (int j = 0; j < 2; j++) {
        const int number = model->node[x].of[j], other = model->node[x].of[1 - j];
        if (is(model, number, FORMULA_NUMBER))
          return basin_formula_apply(model, FORMULA_MUL,
                                     basin_formula_number(model, -model->node[number].number),
                                     other, -1);
      }
    return -1;
  case FORMULA_NOT:
    return is(model, x, FORMULA_NOT) ? model->node[x].of[0] : -1;
  case FORMULA_MAX2:
  case FORMULA_MIN2:
    return x == y ? x : -1;
  case FORMULA_SELECT:
    return y == z ? y : -1;
  default:
    return -1;
  }
}

int basin_formula_apply(formula_model *model, formula_operation operation, int x, int y, int z) {
  int of[3] = {x, y, z};
  formula_shape shape = scalar, filled = scalar;
  for (int j = 0; j < operands[operation]; j++) {
    if (of[j] < 0) return -1;
    if (is(model, of[j], FORMULA_FILL)) filled = shape_of(model, of[j]);
    of[j] = basin_formula_unfilled(model, of[j]);
    if (shape_of(model, of[j]).rank > 0) shape = shape_of(model, of[j]);
  }
  if (shape.rank == 0 && filled.rank > 0)
    return basin_formula_fill(model, basin_formula_apply(model, operation, of[0], of[1], of[2]),
                              filled);
  int made = fold(model, operation, of);
  if (made < 0) made = simplify(model, operation, of[0], of[1], of[2]);
  if (made >= 0) return basin_formula_fill(model, made, shape);
  if ((operation == FORMULA_ADD || operation == FORMULA_MUL) && of[1] < of[0]) {
    const int first = of[0];
    of[0] = of[1], of[1] = first;
  }
  return add_of(model, operation, shape, of[0], of[1], of[2]);
}

/* x^n, n from 1 on */
static int whole_power(formula_model *model, int x, int n) {
  if (n == 1 || x < 0) return x;
  const int half = whole_power(model, x, n / 2);
  const int even = basin_formula_apply(model, FORMULA_MUL, half, half, -1);
  return n % 2 ? basin_formula_apply(model, FORMULA_MUL, even, x, -1) : even;
}

int basin_formula_power(formula_model *model, int x, int y) {
  if (x < 0 || y < 0) return -1;
  const double exponent = is(model, y, FORMULA_NUMBER) ? model->node[y].number : 0.25;
  const double size = fabs(exponent);
  if (size > 64.5 || 2 * size != floor(2 * size))
    return basin_formula_apply(model, FORMULA_POW, x, y, -1);
  const formula_shape shape = model->node[x].shape;
  if (size == 0) return basin_formula_fill(model, basin_formula_number(model, 1), shape);
  const int root = size != floor(size) ? basin_formula_apply(model, FORMULA_SQRT, x, -1, -1) : -1;
  int power = size >= 1 ? whole_power(model, x, (int)size) : root;
  if (size >= 1 && size != floor(size))
    power = basin_formula_apply(model, FORMULA_MUL, power, root, -1);
  return exponent > 0
             ? power
             : basin_formula_apply(model, FORMULA_DIV, basin_formula_number(model, 1), power, -1);
}

/* ---- sums and products ---- */

int basin_formula_entries_of(formula_model *model, formula_shape shape) {
  int count = basin_formula_number(model, 1);
  for (int i = 0; i < shape.rank; i++) {
    const formula_size *size = &model->size[shape.size[i]];
    const int one = size->constant ? basin_formula_number(model, (double)size->value)
                                   : basin_formula_leaf(model, FORMULA_SIZE, shape.size[i]);
    count = basin_formula_apply(model, FORMULA_MUL, count, one, -1);
  }
  return count;
}

int basin_formula_sum(formula_model *model, int x) {
  if (x < 0 || shape_of(model, x).rank == 0) return x;
  const formula_shape shape = shape_of(model, x);
  if (is(model, x, FORMULA_FILL)) {
    const int entries = basin_formula_entries_of(model, shape);
    return basin_formula_apply(model, FORMULA_MUL, model->node[x].of[0], entries, -1);
  }
  return add_of(model, FORMULA_SUM, scalar, x, -1, -1);
}

int basin_formula_extreme(formula_model *model, formula_operation operation, int x) {
  if (x < 0 || shape_of(model, x).rank == 0) return x;
  return add_of(model, operation, scalar, x, -1, -1);
}

int basin_formula_first_of(formula_model *model, int x, int value) {
  return x < 0 || value < 0 ? -1
                            : add_of(model, FORMULA_FIRST_OF, shape_of(model, x), x, value, -1);
}

int basin_formula_dot(formula_model *model, int x, int y) {
  if (x < 0 || y < 0) return -1;
  const formula_shape a = shape_of(model, x), b = shape_of(model, y);
  formula_shape shape = {a.rank + b.rank - 2, {0, 0}};
  if (a.rank == 2) shape.size[0] = a.size[0];
  if (b.rank == 2) shape.size[a.rank - 1] = b.size[1];
  return add_of(model, FORMULA_DOT, shape, x, y, -1);
}

int basin_formula_square_norm(formula_model *model, int x) {
  if (x >= 0 && shape_of(model, x).rank == 1) return basin_formula_dot(model, x, x);
  return basin_formula_sum(model, basin_formula_apply(model, FORMULA_MUL, x, x, -1));
}

int basin_formula_outer(formula_model *model, int x, int y) {
  if (x < 0 || y < 0) return -1;
  const formula_shape shape = {2, {shape_of(model, x).size[0], shape_of(model, y).size[0]}};
  return add_of(model, FORMULA_OUTER, shape, x, y, -1);
}

int basin_formula_transpose(formula_model *model, int x) {
  if (x < 0 || shape_of(model, x).rank < 2) return x;
  const formula_node node = model->node[x];
  const formula_shape shape = {2, {node.shape.size[1], node.shape.size[0]}};
  if (node.operation == FORMULA_TRANSPOSE) return node.of[0];
  if (node.operation == FORMULA_FILL) return basin_formula_fill(model, node.of[0], shape);
  if (node.operation == FORMULA_OUTER) return basin_formula_outer(model, node.of[1], node.of[0]);
  return add_of(model, FORMULA_TRANSPOSE, shape, x, -1, -1);
}

int basin_formula_part(formula_model *model, formula_operation operation, int x,
                       formula_shape shape, const int begin[2], const int drop[2]) {
  if (x < 0) return -1;
  if (operation == FORMULA_SLICE && is(model, x, FORMULA_FILL))
    return basin_formula_fill(model, model->node[x].of[0], shape);
  formula_node node = basin_formula_node(operation, shape);
  node.of[0] = x;
  memcpy(node.begin, begin, sizeof node.begin);
  memcpy(node.drop, drop, sizeof node.drop);
  return add(model, &node);
}
