/* SPDX-License-Identifier: MIT
 *
 * interpret_nodes.h: how a graph is computed node by node, in numbers of one type: interpret.c takes doubles, wide.c
 * what has more digits. Who includes it has defined
 *
 *   NUMBER    the type                   ENTRIES   a structure with size, of and memory, as formula_entries
 *   FMA       x y + z                    SCALAR    an operation on single entries, as basin_formula_scalar: declared;
 *                                                  it leaves to arithmetic() what that can do
 */
#ifndef BASIN_FORMULA_INTERPRET_NODES_H
#define BASIN_FORMULA_INTERPRET_NODES_H

#include "formula/interpret.h"
#include <stdlib.h>
#include <string.h>

/* what needs no function of the type's own; NaN of any other operation */
static NUMBER arithmetic(formula_operation operation, NUMBER x, NUMBER y, NUMBER z) {
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
  case FORMULA_SIGN:
    return 0 <= x ? 1 : -1;
  case FORMULA_STEP:
    return 0 <= x ? 1 : 0;
  case FORMULA_RELU:
    return 0 <= x ? x : 0;
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
    return (NUMBER)NAN;
  }
}

/* sum of n entries x_i, or where y is there of x_i y_i, in the order of graph.h */
static NUMBER sum(const NUMBER *x, const NUMBER *y, int64_t n) {
  NUMBER strand[8] = {0};
  const int strands = n < 8 ? 1 : 8;
  for (int64_t i = 0; i < n; i++) {
    NUMBER *s = &strand[i % strands];
    if (i < strands) *s = y ? x[i] * y[i] : x[i];
    else *s = y ? FMA(x[i], y[i], *s) : *s + x[i];
  }
  for (int half = strands / 2; half; half /= 2)
    for (int i = 0; i < half; i++) strand[i] += strand[i + half];
  return strand[0];
}

/* [rows][columns] of matrices or of vectors that stand for one row or column: one chain for every entry */
static void product(const NUMBER *x, const NUMBER *y, NUMBER *out, int64_t rows, int64_t inner,
                    int64_t columns) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) {
      NUMBER s = x[i * inner] * y[j];
      for (int64_t l = 1; l < inner; l++) s = FMA(x[i * inner + l], y[l * columns + j], s);
      out[i * columns + j] = s;
    }
}

typedef struct computation {
  const formula_model *model;
  const formula_point *point;
  ENTRIES *entries;
} computation;

static const formula_shape *shape_of(const computation *c, int node) {
  return &c->model->node[node].shape;
}
static int64_t size_of(const computation *c, int node, int axis) {
  return c->entries->size[shape_of(c, node)->size[axis]];
}

static void dot(const computation *c, const formula_node *node, NUMBER *out) {
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
                      const formula_shape *part, NUMBER *in_whole, NUMBER *in_part, int back) {
  int64_t from[2] = {0, 0}, count[2] = {1, 1}, columns = 1;
  for (int axis = 0, kept = 0; axis < whole->rank; axis++) {
    from[axis] = c->entries->size[node->begin[axis]];
    if (!node->drop[axis]) count[axis] = c->entries->size[part->size[kept++]];
    if (axis == 1) columns = c->entries->size[whole->size[1]];
  }
  for (int64_t i = 0; i < count[0]; i++)
    for (int64_t j = 0; j < count[1]; j++) {
      NUMBER *inside = &in_whole[(from[0] + i) * columns + from[1] + j];
      NUMBER *apart = &in_part[i * count[1] + j];
      if (back) *inside = *apart;
      else *apart = *inside;
    }
}

static void entry_by_entry(const computation *c, const formula_node *node, NUMBER *out, int64_t n) {
  const NUMBER *x[3] = {NULL, NULL, NULL};
  int64_t stride[3] = {0, 0, 0};
  for (int j = 0; j < 3 && node->of[j] >= 0; j++) {
    x[j] = c->entries->of[node->of[j]];
    stride[j] = shape_of(c, node->of[j])->rank > 0;
  }
  for (int64_t i = 0; i < n; i++)
    out[i] = SCALAR(node->operation, x[0][i * stride[0]], x[1] ? x[1][i * stride[1]] : 0,
                    x[2] ? x[2][i * stride[2]] : 0);
}

static NUMBER extreme(formula_operation operation, const NUMBER *x, int64_t n) {
  NUMBER found = x[0];
  for (int64_t i = 1; i < n; i++) found = SCALAR(operation, found, x[i], 0);
  return found;
}

static void take(NUMBER *out, const double *from, int64_t n) {
  for (int64_t i = 0; i < n; i++) out[i] = from[i];
}

static void compute(const computation *c, int number) {
  const formula_node *node = &c->model->node[number];
  const int64_t n = basin_formula_count(c->entries->size, &node->shape);
  NUMBER *out = c->entries->of[number];
  NUMBER *x = node->of[0] < 0 ? NULL : c->entries->of[node->of[0]];
  NUMBER *y = node->of[1] < 0 ? NULL : c->entries->of[node->of[1]];
  const int64_t entries = x ? basin_formula_count(c->entries->size, shape_of(c, node->of[0])) : 0;
  const size_t bytes = (size_t)n * sizeof *out;
  switch (node->operation) {
  case FORMULA_NUMBER:
    *out = node->number;
    break;
  case FORMULA_PARAMETER:
    *out = c->point->parameter[node->index];
    break;
  case FORMULA_SIZE:
    *out = (NUMBER)c->entries->size[node->index];
    break;
  case FORMULA_STATE:
    take(out, c->point->state[node->index], n);
    break;
  case FORMULA_TEACHER:
    take(out, c->point->teacher[node->index], n);
    break;
  case FORMULA_INPUT:
    take(out, c->point->input[node->index], n);
    break;
  case FORMULA_CONSTANT:
    take(out, c->model->constant[node->index].value, n);
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
static int divide_memory(const formula_model *model, int nodes, ENTRIES *entries) {
  double all = 0;
  size_t used = 0;
  for (int i = 0; i < nodes; i++) {
    double count = 1;
    for (int j = 0; j < model->node[i].shape.rank; j++)
      count *= (double)entries->size[model->node[i].shape.size[j]];
    all += count;
  }
  if (!(all < 0x1p40)) return 0;
  entries->memory = malloc(((size_t)all + 1) * sizeof *entries->memory);
  entries->of = malloc(((size_t)nodes + 1) * sizeof *entries->of);
  if (!entries->memory || !entries->of) return 0;
  for (int i = 0; i < nodes; i++) {
    entries->of[i] = entries->memory + used;
    used += (size_t)basin_formula_count(entries->size, &model->node[i].shape);
  }
  return 1;
}

static void forget(ENTRIES *entries) {
  if (!entries) return;
  free(entries->size);
  free(entries->of);
  free(entries->memory);
  free(entries);
}

/* the first nodes of them */
static basin_status interpret(const formula_model *model, const formula_point *point, int nodes,
                              ENTRIES **entries, basin_error *error) {
  ENTRIES *e = calloc(1, sizeof *e);
  const computation c = {model, point, e};
  *entries = NULL;
  if (e) e->size = calloc((size_t)model->sizes + 1, sizeof *e->size);
  basin_status status = e && e->size ? basin_formula_sizes(model, point->parameter, e->size, error)
                                     : basin_fail_memory(error);
  if (!status && !divide_memory(model, nodes, e)) status = basin_fail_memory(error);
  if (status) {
    forget(e);
    return status;
  }
  for (int i = 0; i < nodes; i++) compute(&c, i);
  *entries = e;
  return BASIN_OK;
}

#endif
