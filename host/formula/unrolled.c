/* SPDX-License-Identifier: MIT
 *
 * unrolled.c: nodes written out entry by entry, each with a name of its own: "v12", or "v12_3" for entry 3. What moves
 * entries alone (slices, transposes and the like) is no operation: its entries are those of its operand.
 */
#include "formula/code.h"
#include <stdlib.h>

static int64_t columns_of(const formula_model *model, const formula_shape *shape) {
  return shape->rank == 2 ? model->size[shape->size[1]].value : 1;
}

/* entry of the larger array that is entry `at` of the smaller one, of a SLICE or a PLACE */
static int64_t entry_in_whole(const formula_model *model, const formula_node *node,
                              const formula_shape *whole, const formula_shape *part, int64_t at) {
  const int64_t columns = columns_of(model, part);
  const int64_t place[2] = {part->rank == 2 ? at / columns : at,
                            part->rank == 2 ? at % columns : 0};
  int64_t index[2] = {0, 0};
  for (int axis = 0, kept = 0; axis < whole->rank; axis++)
    index[axis] = model->size[node->begin[axis]].value + (node->drop[axis] ? 0 : place[kept++]);
  return whole->rank == 2 ? index[0] * columns_of(model, whole) + index[1] : index[0];
}

/* Which entries are used is found by writing everything once, from the last node to the first, and throwing it away. */
static void use(code_block *block, int node, int64_t at) {
  formula_code *code = block->code;
  const int64_t count = basin_code_constant_count(code->model, &code->model->node[node].shape);
  if (!code->muted) return;
  if (!block->live[node]) block->live[node] = calloc((size_t)count + 1, 1);
  if (block->live[node]) block->live[node][at] = 1;
  else code->failed = 1;
}
static int is_used(const code_block *block, int node, int64_t at) {
  return block->live[node] && block->live[node][at];
}

/* the entry as it is written: a name, a number, an entry of an array */
const char *basin_code_unrolled_entry(code_block *block, int node, int64_t at) {
  formula_code *code = block->code;
  const formula_model *model = code->model;
  const formula_node *x = &model->node[node];
  const formula_shape *shape = node >= 0 && x->of[0] >= 0 ? &model->node[x->of[0]].shape : NULL;
  if (block->known[node])
    return basin_code_say(code, "%s[%lld]", basin_code_known(block, node), (long long)at);
  if (basin_code_is_leaf(x))
    return basin_code_leaf(code, x, basin_code_say(code, "%lld", (long long)at));
  if (x->operation == FORMULA_FILL) return basin_code_unrolled_entry(block, x->of[0], 0);
  if (x->operation == FORMULA_TRANSPOSE) {
    const int64_t columns = columns_of(model, &x->shape), from = columns_of(model, shape);
    return basin_code_unrolled_entry(block, x->of[0], at % columns * from + at / columns);
  }
  if (x->operation == FORMULA_SLICE)
    return basin_code_unrolled_entry(block, x->of[0],
                                     entry_in_whole(model, x, shape, &x->shape, at));
  if (x->operation == FORMULA_PLACE) {
    const int64_t count = basin_code_constant_count(model, shape);
    for (int64_t i = 0; i < count; i++)
      if (entry_in_whole(model, x, &x->shape, shape, i) == at)
        return basin_code_unrolled_entry(block, x->of[0], i);
    return "r_set(0.0)";
  }
  use(block, node, at);
  return x->shape.rank ? basin_code_say(code, "v%d_%lld", node, (long long)at)
                       : basin_code_say(code, "v%d", node);
}

/* operand number j of entry `at` of an operation on single entries */
static const char *operand(code_block *block, int of, int64_t at) {
  return basin_code_unrolled_entry(block, of, block->code->model->node[of].shape.rank ? at : 0);
}

/* a chain over the terms first, first + step, ..., of a sum or of a dot of two vectors */
static const char *chain(code_block *block, const formula_node *x, int64_t first, int64_t step,
                         int64_t n) {
  formula_code *code = block->code;
  const int dot = x->operation == FORMULA_DOT;
  const char *so_far = "";
  for (int64_t i = first; i < n; i += step) {
    const char *term = basin_code_unrolled_entry(block, x->of[0], i),
               *other = dot ? basin_code_unrolled_entry(block, x->of[1], i) : NULL;
    if (i == first) so_far = dot ? basin_code_say(code, "%s * %s", term, other) : term;
    else if (dot) so_far = basin_code_say(code, "r_fma(%s, %s, %s)", term, other, so_far);
    else so_far = basin_code_say(code, i == first + step ? "%s + %s" : "(%s) + %s", so_far, term);
  }
  return so_far;
}

static void sum(code_block *block, int node, int64_t n) {
  formula_code *code = block->code;
  const formula_node *x = &code->model->node[node];
  if (n < 8) {
    basin_code_line(code, "const real v%d = %s;", node, chain(block, x, 0, 1, n));
    return;
  }
  for (int strand = 0; strand < 8; strand++)
    basin_code_line(code, "const real s%d_%d = %s;", node, strand, chain(block, x, strand, 8, n));
  const int s = node;
  basin_code_line(
      code,
      "const real v%d = ((s%d_0 + s%d_4) + (s%d_2 + s%d_6)) + ((s%d_1 + s%d_5) + (s%d_3 + s%d_7));",
      s, s, s, s, s, s, s, s, s);
}

/* the largest or the smallest entry */
static void extreme(code_block *block, int node, int64_t n) {
  formula_code *code = block->code;
  const formula_node *x = &code->model->node[node];
  const char *so_far = basin_code_unrolled_entry(block, x->of[0], 0);
  for (int64_t i = 1; i < n; i++)
    so_far = basin_code_say(code, "own_%s(%s, %s)", x->operation == FORMULA_MAXIMUM ? "max" : "min",
                            so_far, basin_code_unrolled_entry(block, x->of[0], i));
  basin_code_line(code, "const real v%d = %s;", node, so_far);
}

static void product(code_block *block, int node, int64_t count) {
  formula_code *code = block->code;
  const formula_model *model = code->model;
  const formula_node *x = &model->node[node];
  const formula_shape *left = &model->node[x->of[0]].shape, *right = &model->node[x->of[1]].shape;
  const int64_t inner = model->size[right->size[0]].value, columns = columns_of(model, right);
  for (int64_t at = 0; at < count; at++) {
    if (!is_used(block, node, at)) continue;
    const int64_t row = at / columns, column = at % columns;
    const char *so_far = "";
    for (int64_t k = 0; k < inner; k++) {
      const char *l = basin_code_unrolled_entry(block, x->of[0],
                                                left->rank == 2 ? row * inner + k : k),
                 *r = basin_code_unrolled_entry(block, x->of[1], k * columns + column);
      so_far = k ? basin_code_say(code, "r_fma(%s, %s, %s)", l, r, so_far)
                 : basin_code_say(code, "%s * %s", l, r);
    }
    basin_code_line(code, "const real v%d_%lld = %s;", node, (long long)at, so_far);
  }
}

static void by_entry(code_block *block, int node, int64_t count) {
  formula_code *code = block->code;
  const formula_model *model = code->model;
  const formula_node *x = &model->node[node];
  const int64_t columns = columns_of(model, &x->shape);
  int of[3], negative;
  const int operands = basin_code_operands(model, node, of, &negative);
  if (x->operation == FORMULA_FIRST_OF) basin_code_line(code, "mask f%d = own_none();", node);
  for (int64_t at = 0; at < count; at++) {
    const char *word[3] = {"", "", ""}, *what;
    const int used = is_used(block, node, at);
    if (!used && x->operation != FORMULA_FIRST_OF) continue;
    if (x->operation == FORMULA_OUTER) {
      what = basin_code_say(code, "%s * %s", basin_code_unrolled_entry(block, of[0], at / columns),
                            basin_code_unrolled_entry(block, of[1], at % columns));
    } else {
      for (int j = 0; j < operands; j++) word[j] = operand(block, of[j], at);
      what = x->operation == FORMULA_FIRST_OF
                 ? basin_code_say(code, "own_first(%s, %s, &f%d)", word[0], word[1], node)
                 : basin_code_apply(code, x, word);
    }
    if (used)
      basin_code_line(code, "const %s %s = %s;", x->is_mask ? "mask" : "real",
                      basin_code_unrolled_entry(block, node, at), what);
    else basin_code_line(code, "(void)%s;", what);
  }
}

static void compute(code_block *block, int node) {
  const formula_model *model = block->code->model;
  if (!block->live[node]) return;
  const formula_node *x = &model->node[node];
  const int64_t count = basin_code_constant_count(model, &x->shape);
  const formula_shape *of = x->of[0] >= 0 ? &model->node[x->of[0]].shape : NULL;
  const int64_t terms = of ? basin_code_constant_count(model, of) : 0;
  switch (x->operation) {
  case FORMULA_FILL:
  case FORMULA_TRANSPOSE:
  case FORMULA_SLICE:
  case FORMULA_PLACE:
    return;
  case FORMULA_SUM:
    sum(block, node, terms);
    return;
  case FORMULA_MAXIMUM:
  case FORMULA_MINIMUM:
    extreme(block, node, terms);
    return;
  case FORMULA_DOT:
    if (x->shape.rank) product(block, node, count);
    else sum(block, node, terms);
    return;
  default:
    by_entry(block, node, count);
  }
}

static void find_used(code_block *block) {
  formula_code *code = block->code;
  const formula_model *model = code->model;
  code->muted = 1;
  for (int i = model->nodes - 1; i >= 0 && !code->failed; i--) {
    const int64_t count = basin_code_constant_count(model, &model->node[i].shape);
    if (!block->part[i] || block->known[i] || basin_code_is_leaf(&model->node[i])) continue;
    for (int64_t at = 0; (block->to[i] || block->root[i]) && at < count; at++)
      basin_code_unrolled_entry(block, i, at);
    compute(block, i);
  }
  code->muted = 0;
  block->prepared = 1;
}

void basin_code_compute_unrolled(code_block *block, int part) {
  formula_code *code = block->code;
  const formula_model *model = code->model;
  if (!block->prepared) find_used(block);
  for (int i = 0; i < model->nodes && !code->failed; i++)
    if (block->part[i] == 1 + part && !block->known[i] && !basin_code_is_leaf(&model->node[i]))
      compute(block, i);
  for (int i = 0; i < model->nodes && !code->failed; i++) {
    const int64_t count = basin_code_constant_count(model, &model->node[i].shape);
    for (int64_t at = 0; block->part[i] == 1 + part && block->to[i] && at < count; at++)
      basin_code_line(code, "%s[%lld] = %s;", block->to[i], (long long)at,
                      basin_code_unrolled_entry(block, i, at));
  }
}
