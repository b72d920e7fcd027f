/* SPDX-License-Identifier: MIT */
#include "formula/contract.h"
#include <stdlib.h>
#include <string.h>

/* ---- a copy ---- */

static char *copy_text(const char *text, int *failed) {
  char *copy = text ? strdup(text) : NULL;
  if (text && !copy) *failed = 1;
  return copy;
}

static void *copy_bytes(const void *from, int count, size_t size, int *failed) {
  void *copy = calloc((size_t)count + 1, size);
  if (!copy) *failed = 1;
  else if (count) memcpy(copy, from, (size_t)count * size);
  return copy;
}

static double entries_of(const formula_model *model, const formula_shape *shape) {
  double entries = 1;
  for (int i = 0; i < shape->rank; i++) entries *= (double)model->size[shape->size[i]].value;
  return entries;
}

static formula_array *copy_arrays(const formula_model *model, const formula_array *from, int count,
                                  int *failed) {
  formula_array *copy = copy_bytes(from, count, sizeof *copy, failed);
  for (int i = 0; copy && i < count; i++) {
    copy[i].name = copy_text(from[i].name, failed);
    if (from[i].value)
      copy[i].value = copy_bytes(from[i].value, (int)entries_of(model, &from[i].shape),
                                 sizeof *from[i].value, failed);
  }
  return copy;
}

/* everything but the nodes */
static void copy_rest(const formula_model *from, formula_model *to, int *failed) {
  to->title = copy_text(from->title, failed);
  to->parameter = copy_arrays(from, from->parameter, to->parameters = from->parameters, failed);
  to->state = copy_arrays(from, from->state, to->states = from->states, failed);
  to->teacher = copy_arrays(from, from->teacher, to->teachers = from->teachers, failed);
  to->input = copy_arrays(from, from->input, to->inputs = from->inputs, failed);
  to->constant = copy_arrays(from, from->constant, to->constants = from->constants, failed);
  to->is_size = copy_bytes(from->is_size, from->parameters, sizeof *to->is_size, failed);
  to->size = copy_bytes(from->size, to->sizes = from->sizes, sizeof *to->size, failed);
  for (int i = 0; to->size && i < to->sizes; i++)
    to->size[i].text = copy_text(from->size[i].text, failed);
  to->bound = copy_bytes(from->bound, to->bounds = from->bounds, sizeof *to->bound, failed);
  for (int i = 0; to->bound && i < to->bounds; i++)
    to->bound[i].reason = copy_text(from->bound[i].reason, failed);
  to->gradient = copy_bytes(from->gradient, from->states, sizeof *to->gradient, failed);
  to->observable = copy_bytes(from->observable, to->observables = from->observables,
                              sizeof *to->observable, failed);
  for (int i = 0; to->observable && i < to->observables; i++)
    to->observable[i].name = copy_text(from->observable[i].name, failed);
  /* what basin_formula_free() must not look for */
  if (!to->size) to->sizes = 0;
  if (!to->bound) to->bounds = 0;
  if (!to->observable) to->observables = 0;
}

/* ---- the nodes ---- */

static formula_node node_of(formula_operation operation, formula_shape shape, int x, int y, int z) {
  formula_node node = basin_formula_node(operation, shape);
  node.of[0] = x, node.of[1] = y, node.of[2] = z;
  return node;
}

/* -x; of numbers the number, of -x itself x */
static int negative(formula_model *to, int x) {
  const formula_node *of = &to->node[x];
  formula_node node = node_of(FORMULA_NEG, of->shape, x, -1, -1);
  if (of->operation == FORMULA_NEG) return of->of[0];
  if (of->operation == FORMULA_NUMBER) {
    node = *of;
    node.number = -of->number;
  }
  return basin_formula_add(to, &node);
}

/* a sum of a product: the product is operand number `which` */
static int fused(formula_model *to, const formula_node *sum, int which) {
  const formula_node product = to->node[sum->of[which]];
  int x = product.of[0], rest = sum->of[1 - which];
  if (sum->operation == FORMULA_SUB && which == 1) x = negative(to, x);
  if (sum->operation == FORMULA_SUB && which == 0) rest = negative(to, rest);
  if (x < 0 || rest < 0) return -1;
  const formula_node node = node_of(FORMULA_FMA, sum->shape, x, product.of[1], rest);
  return basin_formula_add(to, &node);
}

/* the number of this node in the copy, its operands being the copy's */
static int contracted_node(formula_model *to, const formula_node *node) {
  if (node->operation == FORMULA_ADD || node->operation == FORMULA_SUB)
    for (int which = 0; which < 2; which++) {
      const formula_node *of = &to->node[node->of[which]];
      if (of->operation == FORMULA_MUL && basin_formula_same_shape(of->shape, node->shape))
        return fused(to, node, which);
    }
  if (node->operation == FORMULA_SUM) {
    const formula_node *of = &to->node[node->of[0]];
    if (of->operation == FORMULA_MUL && of->shape.rank == 1 &&
        basin_formula_same_shape(to->node[of->of[0]].shape, of->shape) &&
        basin_formula_same_shape(to->node[of->of[1]].shape, of->shape)) {
      const formula_node dot = node_of(FORMULA_DOT, node->shape, of->of[0], of->of[1], -1);
      return basin_formula_add(to, &dot);
    }
  }
  return basin_formula_add(to, node);
}

static int renumber(const int *number, int node) { return node < 0 ? -1 : number[node]; }

int basin_formula_contract(const formula_model *model, formula_model **contracted) {
  int failed = 0, *number = calloc((size_t)model->nodes + 1, sizeof *number);
  formula_model *to = calloc(1, sizeof *to);
  *contracted = NULL;
  if (number && to) copy_rest(model, to, &failed);
  for (int i = 0; number && to && !failed && i < model->nodes; i++) {
    formula_node node = model->node[i];
    for (int j = 0; j < 3; j++) node.of[j] = renumber(number, node.of[j]);
    number[i] = contracted_node(to, &node);
    if (number[i] < 0) failed = 1;
  }
  if (!number || !to || failed) {
    free(number);
    basin_formula_free(to);
    return 0;
  }
  to->loss = renumber(number, model->loss);
  to->norm2 = renumber(number, model->norm2);
  to->when = renumber(number, model->when);
  for (int i = 0; i < model->states; i++) to->gradient[i] = renumber(number, model->gradient[i]);
  for (int i = 0; i < model->observables; i++)
    to->observable[i].node = renumber(number, model->observable[i].node);
  free(number);
  *contracted = to;
  return 1;
}
