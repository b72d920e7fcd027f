/* SPDX-License-Identifier: MIT
 *
 * loops.c: nodes computed in loops over their entries. A block is divided into stages; a stage has scalars, then
 * products of matrices, then loops, and each of these needs no more than what is before it. Nodes of one extent that a
 * stage has share a loop, in which an entry is a local, "e12"; what is needed outside of its loop is an array in
 * scratch, "v12". A scalar is "v12", too. For y = (x - a)^2 and its entries divided by their sum
 *
 *   stage 0   loop: e3 = x[i] - a[i], e4 = e3 * e3, v4[i] = e4; strands of v5, the sum of e4
 *   stage 1   loop: g[i] = v4[i] / v5
 *
 * What moves entries alone (slices, transposes and the like), outer products and masks are no arrays: they are worked
 * out where they are used. Matrices are run through by one index, as they lie in memory, or where what they are made of
 * does not lie so by two.
 */
#include "formula/code.h"
#include <stdlib.h>
#include <string.h>

enum { HERE, MOVED, MASK, SCALAR, REDUCED, LOOP, PRODUCT };

/* how the entry at work is called: its row and column, and where it lies in an array of that shape */
typedef struct place {
  const char *row, *column, *flat; /* flat: NULL where it is made of row and column */
} place;

static const formula_node *node_at(const code_block *block, int node) {
  return &block->code->model->node[node];
}
static int rank_of(const code_block *block, int node) { return node_at(block, node)->shape.rank; }

static int kind_of(const code_block *block, int node) {
  const formula_node *x = node_at(block, node);
  if (block->known[node] || basin_code_is_leaf(x)) return HERE;
  switch (x->operation) {
  case FORMULA_SLICE:
    return x->shape.rank ? MOVED : SCALAR;
  case FORMULA_TRANSPOSE:
  case FORMULA_PLACE:
  case FORMULA_FILL:
  case FORMULA_OUTER:
    return MOVED;
  case FORMULA_SUM:
  case FORMULA_MAXIMUM:
  case FORMULA_MINIMUM:
    return rank_of(block, x->of[0]) ? REDUCED : SCALAR;
  case FORMULA_DOT:
    return x->shape.rank ? PRODUCT : REDUCED;
  default:
    return !x->shape.rank ? SCALAR : x->is_mask ? MASK : LOOP;
  }
}

/* the shape that a node of a loop is run through by */
static const formula_shape *extent(const code_block *block, int node) {
  const formula_node *x = node_at(block, node);
  return &node_at(block, block->kind[node] == REDUCED ? x->of[0] : node)->shape;
}

static int same_extent(const code_block *block, int a, int b) {
  const formula_shape *x = extent(block, a), *y = extent(block, b);
  return x->rank == y->rank && block->flat[a] == block->flat[b] && x->size[0] == y->size[0] &&
         (x->rank < 2 || x->size[1] == y->size[1]);
}

static int is_looped(const code_block *block, int node) {
  return block->kind[node] == LOOP || block->kind[node] == REDUCED;
}

/* ---- what a node is made of ---- */

typedef void visitor(code_block *block, int user, int of, int entry_by_entry);

/* everything computed that `node` leads to through what is worked out where it is used */
static void visit(code_block *block, int user, int node, int by_entry, visitor *seen) {
  int of[3], negative;
  const int kind = block->kind[node];
  if (kind == HERE) return;
  if (kind != MOVED && kind != MASK) {
    seen(block, user, node, by_entry && rank_of(block, node) > 0);
    return;
  }
  const int count = basin_code_operands(block->code->model, node, of, &negative);
  for (int j = 0; j < count; j++) visit(block, user, of[j], by_entry && kind == MASK, seen);
}

static void visit_operands(code_block *block, int node, visitor *seen) {
  int of[3], negative;
  const int count = basin_code_operands(block->code->model, node, of, &negative);
  for (int j = 0; j < count; j++) visit(block, node, of[j], is_looped(block, node), seen);
}

/* whether entries of a node come from places that one index does not tell */
static int is_moved(const code_block *block, int node) {
  int of[3], negative;
  const int kind = block->kind[node];
  if (kind == MOVED) return node_at(block, node)->operation != FORMULA_FILL;
  if (kind != MASK) return 0;
  const int count = basin_code_operands(block->code->model, node, of, &negative);
  for (int j = 0; j < count; j++)
    if (is_moved(block, of[j])) return 1;
  return 0;
}

static int is_flat(const code_block *block, int node) {
  int of[3], negative;
  if (extent(block, node)->rank != 2 || block->kind[node] == REDUCED) return 1;
  const int count = basin_code_operands(block->code->model, node, of, &negative);
  for (int j = 0; j < count; j++)
    if (is_moved(block, of[j])) return 0;
  return 1;
}

/* ---- the stages ---- */

/* whether a user reads the entry in the very loop that makes it, if their stages are the same */
static int may_share(const code_block *block, int user, int of, int by_entry) {
  return by_entry && is_looped(block, user) && block->kind[of] == LOOP &&
         block->part[user] == block->part[of] && same_extent(block, user, of);
}

/* a node stands no earlier than what it is made of */
static void stand_behind(code_block *block, int user, int of, int by_entry) {
  int stage = block->stage[of];
  if (block->part[user] != block->part[of]) return;
  if (block->kind[of] == REDUCED) stage++;
  if (block->kind[of] == PRODUCT && block->kind[user] == SCALAR) stage++;
  if (block->kind[of] == LOOP && !may_share(block, user, of, by_entry)) stage++;
  if (block->stage[user] < stage) block->stage[user] = stage;
}

static void note_store(code_block *block, int user, int of, int by_entry) {
  if (block->kind[of] != LOOP) return;
  if (!may_share(block, user, of, by_entry) || block->stage[user] != block->stage[of])
    block->store[of] = 1;
}

/* users of `node`: whether all of them would share its loop, and the first stage of any */
static int first_use(const code_block *block, int node, int *stage) {
  const formula_model *model = block->code->model;
  int users = 0;
  for (int i = node + 1; i < model->nodes; i++) {
    int of[3], negative, uses = 0;
    if (!block->part[i] || block->kind[i] == HERE) continue;
    const int count = basin_code_operands(model, i, of, &negative);
    for (int j = 0; j < count; j++) uses |= of[j] == node;
    if (!uses) continue;
    if (!is_looped(block, i) || !may_share(block, i, node, 1)) return 0;
    if (!users || block->stage[i] < *stage) *stage = block->stage[i];
    users++;
  }
  return users;
}

/* An array is made as late as it can be, in the loop that uses it, where it is made of no more than one other and so
   costs none. */
static void sink(code_block *block, int node) {
  int of[3], negative, arrays = 0, stage = 0;
  const int count = basin_code_operands(block->code->model, node, of, &negative);
  for (int j = 0; j < count; j++) arrays += rank_of(block, of[j]) > 0;
  if (block->kind[node] != LOOP || arrays > 1 || block->to[node]) return;
  if (first_use(block, node, &stage)) block->stage[node] = stage;
}

static void prepare(code_block *block) {
  const int nodes = block->code->model->nodes;
  block->prepared = 1;
  for (int i = 0; i < nodes; i++)
    if (block->part[i]) block->kind[i] = (char)kind_of(block, i);
  for (int i = 0; i < nodes; i++)
    if (block->part[i] && is_looped(block, i)) block->flat[i] = (char)is_flat(block, i);
  for (int i = 0; i < nodes; i++)
    if (block->part[i] && block->kind[i] >= SCALAR) visit_operands(block, i, stand_behind);
  for (int i = nodes - 1; i >= 0; i--)
    if (block->part[i]) sink(block, i);
  for (int i = 0; i < nodes; i++) {
    if (!block->part[i]) continue;
    if (block->kind[i] >= SCALAR) visit_operands(block, i, note_store);
    else if (block->to[i]) visit(block, i, i, 0, note_store);
  }
}

/* ---- entries ---- */

static const char *in_brackets(formula_code *code, const char *index) {
  return strpbrk(index, " ") ? basin_code_say(code, "(%s)", index) : index;
}

/* where the place lies in an array of this shape */
static const char *flat_index(code_block *block, const formula_shape *shape, const place *at) {
  formula_code *code = block->code;
  if (shape->rank == 0) return "0";
  if (shape->rank == 1) return at->row;
  if (at->flat) return at->flat;
  return basin_code_say(code, "%s * %s + %s", in_brackets(code, at->row),
                        basin_code_size(code, shape->size[1]), at->column);
}

static const char *plus(formula_code *code, const char *index, int row, char sign) {
  const formula_size *size = &code->model->size[row];
  if (size->constant && size->value == 0) return index;
  if (!strcmp(index, "0") && sign == '+') return basin_code_size(code, row);
  return basin_code_say(code, "%s %c %s", index, sign, basin_code_size(code, row));
}

static const char *entry(code_block *block, int node, const place *at, int user);

/* an entry of what a slice is taken from */
static const char *sliced(code_block *block, const formula_node *x, const place *at) {
  formula_code *code = block->code;
  const formula_shape *whole = &node_at(block, x->of[0])->shape;
  const char *index[2] = {at->row, at->column}, *from[2] = {"0", "0"};
  for (int axis = 0, kept = 0; axis < whole->rank; axis++)
    from[axis] = plus(code, x->drop[axis] ? "0" : index[kept++], x->begin[axis], '+');
  const place inside = {from[0], from[1], NULL};
  return entry(block, x->of[0], &inside, -1);
}

/* an entry of an array that is 0 but for a part */
static const char *placed(code_block *block, const formula_node *x, const place *at) {
  formula_code *code = block->code;
  const formula_shape *part = &node_at(block, x->of[0])->shape;
  const char *index[2] = {at->row, at->column}, *within[2] = {"0", "0"}, *condition = "";
  for (int axis = 0, kept = 0; axis < x->shape.rank; axis++) {
    const char *i = plus(code, index[axis], x->begin[axis], '-');
    const char *both = *condition ? " && " : "";
    if (x->drop[axis]) {
      condition = basin_code_say(code, "%s%s%s == 0", condition, both, i);
      continue;
    }
    const formula_size *begin = &code->model->size[x->begin[axis]];
    const char *low = begin->constant && begin->value == 0 ? ""
                                                           : basin_code_say(code, "%s >= 0 && ", i);
    condition = basin_code_say(code, "%s%s%s%s < %s", condition, both, low, i,
                               basin_code_size(code, part->size[kept]));
    within[kept++] = i;
  }
  const place inside = {within[0], within[1], NULL};
  return basin_code_say(code, "(%s ? %s : r_set(0.0))", condition,
                        entry(block, x->of[0], &inside, -1));
}

/* The entry of a node in C; user: the node of a loop that is at work where `at` is the loop's own place, else -1 */
static const char *entry(code_block *block, int node, const place *at, int user) {
  formula_code *code = block->code;
  const formula_node *x = node_at(block, node);
  const char *index = flat_index(block, &x->shape, at);
  const char *word[3] = {"", "", ""};
  if (block->known[node])
    return basin_code_say(code, "%s[%s]", basin_code_known(block, node), index);
  if (basin_code_is_leaf(x)) return basin_code_leaf(code, x, index);
  switch (block->kind[node]) {
  case MOVED:
    if (x->operation == FORMULA_FILL) return basin_code_scalar(block, x->of[0]);
    if (x->operation == FORMULA_SLICE) return sliced(block, x, at);
    if (x->operation == FORMULA_PLACE) return placed(block, x, at);
    if (x->operation == FORMULA_OUTER) {
      /* the type by its name: vectors of one type have a sum or product of another, which ?: does not take */
      const place left = {at->row, "0", NULL}, right = {at->column, "0", NULL};
      return basin_code_say(code, "(real)(%s * %s)", entry(block, x->of[0], &left, -1),
                            entry(block, x->of[1], &right, -1));
    }
    const place across = {at->column, at->row, NULL};
    return entry(block, x->of[0], &across, -1);
  case MASK:
    for (int j = 0; j < 3 && x->of[j] >= 0; j++) word[j] = entry(block, x->of[j], at, user);
    return basin_code_apply(code, x, word);
  case LOOP:
    if (user >= 0 && may_share(block, user, node, 1) && block->stage[user] == block->stage[node])
      return basin_code_say(code, "e%d", node);
    break;
  default:
    break;
  }
  if (!x->shape.rank) return basin_code_scalar(block, node);
  return basin_code_say(
      code, "%s[%s]", block->to[node] ? block->to[node] : basin_code_say(code, "v%d", node), index);
}

/* ---- scalars and products ---- */

static void scalar(code_block *block, int node) {
  formula_code *code = block->code;
  const formula_node *x = node_at(block, node);
  const place none = {"0", "0", NULL};
  const char *word[3] = {"", "", ""}, *what;
  int of[3], negative;
  const int count = basin_code_operands(code->model, node, of, &negative);
  if (x->operation == FORMULA_SLICE) {
    what = sliced(block, x, &none);
  } else {
    for (int j = 0; j < count; j++) word[j] = entry(block, of[j], &none, -1);
    what = basin_code_apply(code, x, word);
  }
  basin_code_line(code, "const %s v%d = %s;", x->is_mask ? "mask" : "real", node, what);
}

/* a matrix of constants: its array, and what it is from one row, and from one column, to the next */
typedef struct numbers {
  const char *array;
  int64_t stride[2];
} numbers;

static numbers numbers_of(code_block *block, int node) {
  const formula_node *x = node_at(block, node);
  const int across = x->operation == FORMULA_TRANSPOSE;
  if (across) x = node_at(block, x->of[0]);
  if (x->operation != FORMULA_CONSTANT || x->shape.rank != 2) return (numbers){0};
  const int64_t columns = block->code->model->size[x->shape.size[1]].value;
  block->code->used_constant[x->index] = 1;
  return (numbers){basin_code_say(block->code, "c_%s", block->code->model->constant[x->index].name),
                   {across ? 1 : columns, across ? columns : 1}};
}

static void product(code_block *block, int node) {
  formula_code *code = block->code;
  const formula_model *model = code->model;
  const formula_node *x = node_at(block, node);
  const formula_shape *left = &node_at(block, x->of[0])->shape,
                      *right = &node_at(block, x->of[1])->shape;
  const char *inner = basin_code_size(code, right->size[0]);
  const char *rows = left->rank == 2 ? basin_code_size(code, left->size[0]) : "1",
             *columns = right->rank == 2 ? basin_code_size(code, right->size[1]) : "1";
  const place of_left = {left->rank == 2 ? "i" : "k", "k", NULL}, of_right = {"k", "j", NULL},
              of_out = {x->shape.rank == 1 && left->rank == 1 ? "j" : "i", "j", NULL};
  const char *l = entry(block, x->of[0], &of_left, -1), *r = entry(block, x->of[1], &of_right, -1),
             *to = entry(block, node, &of_out, -1);
  /* side by side along the axis that is long */
  const formula_size *width = right->rank == 2 ? &model->size[right->size[1]] : NULL;
  const int narrow = left->rank == 2 && (!width || (width->constant && width->value < 4));
  if (left->rank == 2 && right->rank == 2)
    basin_code_line(code, narrow ? "for (int j = 0; j < %s; j++)" : "for (int i = 0; i < %s; i++)",
                    narrow ? columns : rows);
  const char *wide = narrow ? rows : columns, *side = narrow ? "i" : "j";
  const int constant = strspn(wide, "0123456789") == strlen(wide);
  const numbers table = constant ? numbers_of(block, x->of[narrow ? 0 : 1]) : (numbers){0};
  if (table.array)
    basin_code_line(code, "OWN_PRODUCT_OF_NUMBERS(%s, %s, k, %s, %s, %lld, %lld, %s, %s);", side,
                    wide, inner, table.array, (long long)table.stride[!narrow],
                    (long long)table.stride[narrow], narrow ? r : l, to);
  else
    basin_code_line(code, "OWN_PRODUCT%s(%s, %s, k, %s, %s, %s, %s);", constant ? "_OF" : "", side,
                    wide, inner, l, r, to);
}

/* ---- loops ---- */

/* whether a reduction is one of two arrays, or one, as they lie in memory */
static int is_plain(code_block *block, int node) {
  const formula_node *x = node_at(block, node);
  if (x->operation != FORMULA_SUM && x->operation != FORMULA_DOT) return 0;
  for (int j = 0; j < 2 && x->of[j] >= 0; j++) {
    const formula_node *of = node_at(block, x->of[j]);
    const int kind = block->kind[x->of[j]];
    const int stored = kind == PRODUCT ||
                       (kind == LOOP && (block->stage[x->of[j]] != block->stage[node] ||
                                         block->part[x->of[j]] != block->part[node] ||
                                         !same_extent(block, node, x->of[j])));
    if (!stored && !(kind == HERE && of->operation != FORMULA_CONSTANT)) return 0;
  }
  return 1;
}

static void plain_reduction(code_block *block, int node) {
  formula_code *code = block->code;
  const formula_node *x = node_at(block, node);
  const place start = {"0", "0", "0"};
  const char *n = basin_code_count(code, extent(block, node));
  if (x->operation == FORMULA_SUM)
    basin_code_line(code, "const real v%d = own_sum(&%s, %s);", node,
                    entry(block, x->of[0], &start, -1), n);
  else
    basin_code_line(code, "const real v%d = own_dot(&%s, &%s, %s);", node,
                    entry(block, x->of[0], &start, -1), entry(block, x->of[1], &start, -1), n);
}

static int is_strands(const code_block *block, int node) {
  const formula_operation operation = node_at(block, node)->operation;
  return block->kind[node] == REDUCED && (operation == FORMULA_SUM || operation == FORMULA_DOT);
}

static void before_loop(code_block *block, int node) {
  formula_code *code = block->code;
  if (is_strands(block, node)) basin_code_line(code, "own_strands s%d = own_strands_none();", node);
  else if (block->kind[node] == REDUCED) basin_code_line(code, "real v%d = r_set(0.0);", node);
  else if (node_at(block, node)->operation == FORMULA_FIRST_OF)
    basin_code_line(code, "mask f%d = own_none();", node);
}

static void inside_loop(code_block *block, int node, const place *at) {
  formula_code *code = block->code;
  const formula_node *x = node_at(block, node);
  const char *word[3] = {"", "", ""};
  int of[3], negative;
  const int count = basin_code_operands(code->model, node, of, &negative);
  for (int j = 0; j < count; j++) word[j] = entry(block, of[j], at, node);
  if (x->operation == FORMULA_SUM)
    basin_code_line(code, "s%d.of[OWN_STRAND] = s%d.of[OWN_STRAND] + %s;", node, node, word[0]);
  else if (x->operation == FORMULA_DOT)
    basin_code_line(code, "s%d.of[OWN_STRAND] = r_fma(%s, %s, s%d.of[OWN_STRAND]);", node, word[0],
                    word[1], node);
  else if (block->kind[node] == REDUCED)
    basin_code_line(code, "v%d = %s == 0 ? %s : own_%s(v%d, %s);", node, at->flat, word[0],
                    x->operation == FORMULA_MAXIMUM ? "max" : "min", node, word[0]);
  else if (x->operation == FORMULA_FIRST_OF)
    basin_code_line(code, "const real e%d = own_first(%s, %s, &f%d);", node, word[0], word[1],
                    node);
  else basin_code_line(code, "const real e%d = %s;", node, basin_code_apply(code, x, word));
  if (block->kind[node] == LOOP && (block->store[node] || block->to[node]))
    basin_code_line(code, "%s[%s] = e%d;",
                    block->to[node] ? block->to[node] : basin_code_say(code, "v%d", node),
                    flat_index(block, &x->shape, at), node);
}

/* the loop of the nodes that share one with the first */
static void loop(code_block *block, int first, const char *in_loop) {
  formula_code *code = block->code;
  const int nodes = code->model->nodes;
  const formula_shape *shape = extent(block, first);
  const char *n = basin_code_count(code, shape);
  const char *columns = shape->rank == 2 ? basin_code_size(code, shape->size[1]) : "";
  int strands = 0;
  place at = {"i", "0", "i"};
  for (int i = first; i < nodes; i++) {
    if (!in_loop[i]) continue;
    before_loop(block, i);
    strands |= is_strands(block, i);
  }
  if (shape->rank == 2 && block->flat[first]) {
    at = (place){basin_code_say(code, "(i / %s)", columns),
                 basin_code_say(code, "(i %% %s)", columns), "i"};
  } else if (shape->rank == 2) {
    basin_code_line(code, "for (int i = 0; i < %s; i++)", basin_code_size(code, shape->size[0]));
    at = (place){"i", "j", NULL};
  }
  if (!at.flat) basin_code_line(code, "for (int j = 0; j < %s; j++) {", columns);
  else if (strands) basin_code_line(code, "OWN_STRANDS(%s) {", n);
  else basin_code_line(code, "for (int i = 0; i < %s; i++) {", n);
  if (at.flat && strands) {
    basin_code_line(code, "const int i = OWN_INDEX;");
    basin_code_line(code, "(void)i;");
  }
  for (int i = first; i < nodes; i++)
    if (in_loop[i]) inside_loop(block, i, &at);
  basin_code_line(code, "}");
  for (int i = first; i < nodes; i++)
    if (in_loop[i] && is_strands(block, i))
      basin_code_line(code, "const real v%d = own_strands_sum(&s%d);", i, i);
}

/* ---- a part ---- */

static void declare_scratch(code_block *block) {
  formula_code *code = block->code;
  for (int i = 0; i < code->model->nodes; i++) {
    const int stored = block->kind[i] == PRODUCT || (block->kind[i] == LOOP && block->store[i]);
    if (!block->part[i] || !stored || block->to[i] || block->known[i]) continue;
    const char *count = basin_code_count(code, &node_at(block, i)->shape);
    basin_code_line(code, "real *v%d = work;", i);
    basin_code_line(code, "work += %s;", count);
    code->used_work = 1;
    basin_code_scratch(code, &node_at(block, i)->shape);
  }
}

/* what was not put where it shall be when it was computed */
static void deliver(code_block *block, int node) {
  formula_code *code = block->code;
  const formula_shape *shape = &node_at(block, node)->shape;
  if (block->kind[node] == PRODUCT || block->kind[node] == LOOP) return;
  if (shape->rank == 0) {
    basin_code_line(code, "%s[0] = %s;", block->to[node], basin_code_scalar(block, node));
    return;
  }
  const place at = {"i", "j", NULL};
  basin_code_line(code, "for (int i = 0; i < %s; i++)", basin_code_size(code, shape->size[0]));
  if (shape->rank == 2)
    basin_code_line(code, "for (int j = 0; j < %s; j++)", basin_code_size(code, shape->size[1]));
  basin_code_line(code, "%s[%s] = %s;", block->to[node], flat_index(block, shape, &at),
                  entry(block, node, &at, -1));
}

static void compute_stage(code_block *block, int part, int stage, char *in_loop, char *done) {
  const int nodes = block->code->model->nodes;
  for (int i = 0; i < nodes; i++)
    if (block->part[i] == 1 + part && block->kind[i] == SCALAR && block->stage[i] == stage)
      scalar(block, i);
  for (int i = 0; i < nodes; i++)
    if (block->part[i] == 1 + part && block->kind[i] == PRODUCT && block->stage[i] == stage)
      product(block, i);
  for (int i = 0; i < nodes; i++) {
    int shared = 0;
    if (done[i] || block->part[i] != 1 + part || !is_looped(block, i) || block->stage[i] != stage)
      continue;
    memset(in_loop, 0, (size_t)nodes);
    for (int j = i; j < nodes; j++)
      if (!done[j] && block->part[j] == 1 + part && is_looped(block, j) &&
          block->stage[j] == stage && same_extent(block, i, j)) {
        in_loop[j] = done[j] = 1;
        shared++;
      }
    if (shared == 1 && block->kind[i] == REDUCED && is_plain(block, i)) plain_reduction(block, i);
    else loop(block, i, in_loop);
  }
}

void basin_code_compute_loops(code_block *block, int part) {
  formula_code *code = block->code;
  const int nodes = code->model->nodes;
  char *in_loop = calloc((size_t)nodes + 1, 1), *done = calloc((size_t)nodes + 1, 1);
  int last = 0;
  if (!in_loop || !done) code->failed = 1;
  if (!block->prepared) {
    prepare(block);
    declare_scratch(block);
  }
  for (int i = 0; i < nodes; i++)
    if (block->part[i] == 1 + part && block->stage[i] > last) last = block->stage[i];
  for (int stage = 0; stage <= last && !code->failed; stage++)
    compute_stage(block, part, stage, in_loop, done);
  for (int i = 0; i < nodes && !code->failed; i++)
    if (block->part[i] == 1 + part && block->to[i]) deliver(block, i);
  free(in_loop);
  free(done);
}
