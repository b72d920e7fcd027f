/* SPDX-License-Identifier: MIT
 *
 * Reverse mode: the nodes from the loss back, each handing to its operands the derivative of the loss by it (its
 * adjoint) times its own derivative. Adjoints have the shape of their node; what is the same at every entry is a FILL,
 * which operations entry by entry take as a scalar. An adjoint that a `where` has made 0 for some entries stays so
 * through products: the mask is put around them, so that 0 times infinity does not come into it.
 */
#include "formula/derive.h"
#include "formula/build.h"
#include "numeric/dmath.h"
#include <stdlib.h>

typedef struct derivation {
  formula_model *model;
  int *adjoint; /* of the nodes up to the loss; -1: none so far */
  char *active; /* whether the node depends on a state */
  int failed;
} derivation;

static int number(derivation *d, double x) { return basin_formula_number(d->model, x); }
static int unary(derivation *d, formula_operation operation, int x) {
  return basin_formula_apply(d->model, operation, x, -1, -1);
}
static int binary(derivation *d, formula_operation operation, int x, int y) {
  return basin_formula_apply(d->model, operation, x, y, -1);
}
static int choose(derivation *d, int mask, int x, int y) {
  return basin_formula_apply(d->model, FORMULA_SELECT, mask, x, y);
}
static int is_zero(const derivation *d, int x) {
  const int y = basin_formula_unfilled(d->model, x);
  return basin_formula_is_number(d->model, y, 0.0) || basin_formula_is_number(d->model, y, -0.0);
}
static int rank(const derivation *d, int x) { return x < 0 ? 0 : d->model->node[x].shape.rank; }

/* What of a SELECT is not 0: 1 the first, 2 the second, and 3 both where one of them is masked itself; 0: it is nothing
   of the kind */
static int masked(const derivation *d, int x) {
  if (x < 0 || d->model->node[x].operation != FORMULA_SELECT) return 0;
  const int first = d->model->node[x].of[1], second = d->model->node[x].of[2];
  if (is_zero(d, second)) return 1;
  if (is_zero(d, first)) return 2;
  return masked(d, first) || masked(d, second) ? 3 : 0;
}

enum {
  MASKS_MAX = 4
}; /* that are put around a product: more would make the graph grow as their square */

static int is_a_number(const derivation *d, int x) {
  return x >= 0 && d->model->node[x].operation == FORMULA_NUMBER;
}

/* an adjoint times a number; together with one that it is a multiple by already */
static int times_number(derivation *d, int g, int by) {
  const formula_node node = d->model->node[g];
  for (int j = 0; j < 2 && node.operation == FORMULA_MUL; j++)
    if (is_a_number(d, node.of[j])) {
      const int both = binary(d, FORMULA_MUL, node.of[j], by);
      if (is_a_number(d, both)) return binary(d, FORMULA_MUL, both, node.of[1 - j]);
    }
  return binary(d, FORMULA_MUL, g, by);
}

/* an adjoint times or over a derivative, any masks of the adjoint around it; a scalar where both are */
static int scale_within(derivation *d, formula_operation operation, int g, int by, int masks) {
  if (g < 0 || by < 0) return -1;
  g = basin_formula_unfilled(d->model, g);
  const int let = masks ? masked(d, g) : 0;
  if (!let && operation == FORMULA_MUL && is_a_number(d, by)) return times_number(d, g, by);
  if (!let) return binary(d, operation, g, by);
  const formula_node node = d->model->node[g];
  int part[2];
  for (int i = 0; i < 2; i++)
    part[i] = let & (i + 1) ? scale_within(d, operation, node.of[i + 1], by, masks - 1)
                            : number(d, 0);
  return choose(d, node.of[0], part[0], part[1]);
}
static int times(derivation *d, int g, int by) {
  return scale_within(d, FORMULA_MUL, g, by, MASKS_MAX);
}
static int over(derivation *d, int g, int by) {
  return scale_within(d, FORMULA_DIV, g, by, MASKS_MAX);
}
/* an adjoint where a mask holds, or where it does not, else 0 */
static int where(derivation *d, int mask, int holds, int g, int masks) {
  if (g < 0) return -1;
  g = basin_formula_unfilled(d->model, g);
  const int let = masks ? masked(d, g) : 0, none = number(d, 0);
  if (!let) return holds ? choose(d, mask, g, none) : choose(d, mask, none, g);
  const formula_node node = d->model->node[g];
  int part[2];
  for (int i = 0; i < 2; i++)
    part[i] = let & (i + 1) ? where(d, mask, holds, node.of[i + 1], masks - 1) : none;
  return choose(d, node.of[0], part[0], part[1]);
}
static int minus(derivation *d, int g) { return times(d, g, number(d, -1)); }

/* the sum of two adjoints; under one mask where they have the same */
static int sum_of(derivation *d, int x, int y) {
  if (x < 0 || y < 0) return -1;
  if (is_zero(d, x)) return y;
  if (is_zero(d, y)) return x;
  const formula_node a = d->model->node[basin_formula_unfilled(d->model, x)],
                     b = d->model->node[basin_formula_unfilled(d->model, y)];
  if (a.operation != FORMULA_SELECT || b.operation != FORMULA_SELECT || a.of[0] != b.of[0])
    return binary(d, FORMULA_ADD, x, y);
  const int first = sum_of(d, a.of[1], b.of[1]), second = sum_of(d, a.of[2], b.of[2]);
  return choose(d, a.of[0], first, second);
}

/* hand an operand its part of the derivative; `part` is a scalar or has the operand's shape */
static void give(derivation *d, int to, int part) {
  if (!d->active[to]) return;
  if (part < 0) d->failed = 1;
  if (part < 0 || is_zero(d, part)) return;
  const formula_shape shape = d->model->node[to].shape;
  part = basin_formula_fill(d->model, part, shape);
  if (part >= 0 && d->adjoint[to] >= 0)
    part = basin_formula_fill(d->model, sum_of(d, d->adjoint[to], part), shape);
  d->adjoint[to] = part;
  if (part < 0) d->failed = 1;
}

/* the same from a node that works entry by entry: to a scalar goes the sum over the entries */
static void give_entries(derivation *d, int from, int to, int part) {
  const formula_shape shape = d->model->node[from].shape;
  if (!d->active[to]) return;
  if (rank(d, to) == 0 && shape.rank > 0)
    part = basin_formula_sum(d->model, basin_formula_fill(d->model, part, shape));
  give(d, to, part);
}

/* the adjoint of `from` times a factor to one operand of a product; the sum of products to a scalar is a DOT */
static void give_product(derivation *d, int from, int to, int g, int factor) {
  const int plain = basin_formula_unfilled(d->model, g);
  if (!d->active[to]) return;
  if (rank(d, to) == 0 && rank(d, from) > 0 && !masked(d, plain)) {
    if (rank(d, plain) == 1 && rank(d, factor) == 1) {
      give(d, to, basin_formula_dot(d->model, plain, factor));
      return;
    }
    if (rank(d, plain) == 0 && rank(d, factor) > 0) {
      give(d, to, binary(d, FORMULA_MUL, plain, basin_formula_sum(d->model, factor)));
      return;
    }
  }
  give_entries(d, from, to, times(d, g, factor));
}

/* ---- the operations ---- */

/* x x: 2 g x */
static void of_square(derivation *d, int x, int g) {
  give(d, x, times(d, times(d, g, number(d, 2)), x));
}

/* Whether the root is a norm, sqrt(dot(x, x)) or sqrt(sum(x x)); *x is then what it is the norm of. Its derivative is
   x / norm, and 0 at 0, where that of the root times that of the square is infinity times 0. */
static int is_norm(const derivation *d, const formula_node *root, int *x) {
  const formula_node *of = &d->model->node[root->of[0]];
  if (of->operation == FORMULA_SUM) of = &d->model->node[of->of[0]];
  else if (of->operation != FORMULA_DOT) return 0;
  *x = of->of[0];
  return (of->operation == FORMULA_MUL || of->operation == FORMULA_DOT) && of->of[1] == *x &&
         rank(d, *x) == (of->operation == FORMULA_DOT ? 1 : of->shape.rank);
}

static void of_root(derivation *d, int i, int g) {
  const formula_node node = d->model->node[i];
  int x;
  if (!is_norm(d, &node, &x)) {
    give(d, node.of[0], over(d, times(d, g, number(d, 0.5)), i));
    return;
  }
  const int at_zero = binary(d, FORMULA_EQ, i, number(d, 0));
  give(d, x, binary(d, FORMULA_MUL, choose(d, at_zero, number(d, 0), over(d, g, i)), x));
}

/* m, up to `most`, where a node is x^m as repeated products make it, else 0 */
static int whole_power_of(const derivation *d, int node, int x, int most) {
  const int a = d->model->node[node].of[0], b = d->model->node[node].of[1];
  if (node == x) return most > 0;
  if (d->model->node[node].operation != FORMULA_MUL || most < 2) return 0;
  if (a == b) return 2 * whole_power_of(d, a, x, most / 2);
  const int lower = a == x || b == x ? whole_power_of(d, a == x ? b : a, x, most - 1) : 0;
  return lower ? lower + 1 : 0;
}

/* x^m sqrt(x): (m + 1/2) x^(m - 1/2), which is 0 at 0, where the root has no derivative; 0: it is not that */
static int of_half_power(derivation *d, int i, int g) {
  for (int j = 0; j < 2; j++) {
    const formula_node node = d->model->node[i], root = d->model->node[node.of[j]];
    const int x = root.of[0];
    const int m = root.operation == FORMULA_SQRT ? whole_power_of(d, node.of[1 - j], x, 64) : 0;
    if (!m) continue;
    const int lower = basin_formula_power(d->model, x, number(d, m - 0.5));
    give(d, x, times(d, g, binary(d, FORMULA_MUL, number(d, m + 0.5), lower)));
    return 1;
  }
  return 0;
}

/* x where a node is x^m as repeated products make it, else the node itself */
static int base_of(const derivation *d, int node) {
  while (d->model->node[node].operation == FORMULA_MUL) {
    const int a = d->model->node[node].of[0], b = d->model->node[node].of[1];
    if (a != b)
      return whole_power_of(d, b, a, 63) ? a : node; /* factors are in the order of their numbers */
    node = a;
  }
  return node;
}

static void of_product(derivation *d, int i, int g) {
  const int x = d->model->node[i].of[0], y = d->model->node[i].of[1], base = base_of(d, i);
  const int m = whole_power_of(d, i, base, 64);
  if (m > 1) { /* m x^(m - 1) */
    const int lower = basin_formula_power(d->model, base, number(d, m - 1));
    give(d, base, times(d, times(d, g, number(d, m)), lower));
    return;
  }
  if (x == y) {
    of_square(d, x, g);
    return;
  }
  if (of_half_power(d, i, g)) return;
  give_product(d, i, x, g, y);
  give_product(d, i, y, g, x);
}

/* d(x/y) = (dx - x/y dy)/y */
static void of_quotient(derivation *d, int i, int g) {
  const int x = d->model->node[i].of[0], y = d->model->node[i].of[1];
  const int part = over(d, g, y);
  give_entries(d, i, x, part);
  if (d->active[y]) give_product(d, i, y, minus(d, part), i);
}

static void of_power(derivation *d, int i, int g) {
  const int x = d->model->node[i].of[0], y = d->model->node[i].of[1];
  if (d->active[x]) {
    const int lower = basin_formula_power(d->model, x, binary(d, FORMULA_SUB, y, number(d, 1)));
    give_entries(d, i, x, times(d, g, binary(d, FORMULA_MUL, y, lower)));
  }
  if (d->active[y])
    give_entries(d, i, y, times(d, g, binary(d, FORMULA_MUL, i, unary(d, FORMULA_LOG, x))));
}

/* the angle of (x, y): (x dy - y dx)/(x^2 + y^2) */
static void of_angle(derivation *d, int i, int g) {
  const int y = d->model->node[i].of[0], x = d->model->node[i].of[1];
  const int part = over(
      d, g, binary(d, FORMULA_ADD, binary(d, FORMULA_MUL, x, x), binary(d, FORMULA_MUL, y, y)));
  give_entries(d, i, y, times(d, part, x));
  give_entries(d, i, x, minus(d, times(d, part, y)));
}

/* SELECT, MAX2, MIN2: the mask says whether the first has it */
static void of_choice(derivation *d, int i, int g, int mask, int first, int second) {
  if (d->active[first]) give_entries(d, i, first, where(d, mask, 1, g, MASKS_MAX));
  if (d->active[second]) give_entries(d, i, second, where(d, mask, 0, g, MASKS_MAX));
}

static void of_dot(derivation *d, int i, int g) {
  formula_model *m = d->model;
  const int x = m->node[i].of[0], y = m->node[i].of[1];
  if (rank(d, i) == 0) {
    if (x == y) {
      of_square(d, x, g);
      return;
    }
    give(d, x, times(d, g, y));
    give(d, y, times(d, g, x));
    return;
  }
  if (d->active[x])
    give(d, x,
         rank(d, x) == 1   ? basin_formula_dot(m, y, g)
         : rank(d, y) == 1 ? basin_formula_outer(m, g, y)
                           : basin_formula_dot(m, g, basin_formula_transpose(m, y)));
  if (d->active[y])
    give(d, y,
         rank(d, y) == 1   ? basin_formula_dot(m, g, x)
         : rank(d, x) == 1 ? basin_formula_outer(m, x, g)
                           : basin_formula_dot(m, basin_formula_transpose(m, x), g));
}

/* g times the derivative of a function of one argument */
static int of_function(derivation *d, int i, int g) {
  const int x = d->model->node[i].of[0], one = number(d, 1);
  switch (d->model->node[i].operation) {
  case FORMULA_EXP:
    return times(d, g, i);
  case FORMULA_EXPM1:
    return times(d, g, binary(d, FORMULA_ADD, i, one));
  case FORMULA_LOG:
    return over(d, g, x);
  case FORMULA_LOG1P:
    return over(d, g, binary(d, FORMULA_ADD, x, one));
  case FORMULA_SIN:
    return times(d, g, unary(d, FORMULA_COS, x));
  case FORMULA_COS:
    return minus(d, times(d, g, unary(d, FORMULA_SIN, x)));
  case FORMULA_TAN:
    return times(d, g, binary(d, FORMULA_ADD, one, binary(d, FORMULA_MUL, i, i)));
  case FORMULA_ATAN:
    return over(d, g, binary(d, FORMULA_ADD, one, binary(d, FORMULA_MUL, x, x)));
  case FORMULA_ACOS:
  case FORMULA_ASIN: {
    const int square = binary(d, FORMULA_MUL, binary(d, FORMULA_SUB, one, x),
                              binary(d, FORMULA_ADD, one, x));
    const int part = over(d, g, unary(d, FORMULA_SQRT, square));
    return d->model->node[i].operation == FORMULA_ASIN ? part : minus(d, part);
  }
  case FORMULA_TANH:
    return times(d, g, binary(d, FORMULA_SUB, one, binary(d, FORMULA_MUL, i, i)));
  case FORMULA_ERF: {
    const int bell = unary(d, FORMULA_EXP, unary(d, FORMULA_NEG, binary(d, FORMULA_MUL, x, x)));
    return times(d, times(d, g, number(d, 1.1283791670955126) /* 2/sqrt(pi) */), bell);
  }
  case FORMULA_LOGISTIC:
    return times(d, g, binary(d, FORMULA_MUL, i, binary(d, FORMULA_SUB, one, i)));
  case FORMULA_SOFTPLUS:
    return times(d, g, unary(d, FORMULA_LOGISTIC, x));
  case FORMULA_ABS:
    return times(d, g, unary(d, FORMULA_SIGN, x));
  default:
    return number(d, 0); /* SIGN, STEP */
  }
}

static void hand_on(derivation *d, int i, int g) {
  formula_model *m = d->model;
  const formula_node node = m->node[i];
  const int x = node.of[0], y = node.of[1];
  switch (node.operation) {
  case FORMULA_ADD:
    give_entries(d, i, x, g);
    give_entries(d, i, y, g);
    break;
  case FORMULA_SUB:
    give_entries(d, i, x, g);
    if (d->active[y]) give_entries(d, i, y, minus(d, g));
    break;
  case FORMULA_NEG:
    give(d, x, minus(d, g));
    break;
  case FORMULA_MUL:
    of_product(d, i, g);
    break;
  case FORMULA_DIV:
    of_quotient(d, i, g);
    break;
  case FORMULA_POW:
    of_power(d, i, g);
    break;
  case FORMULA_SQRT:
    of_root(d, i, g);
    break;
  case FORMULA_ATAN2:
    of_angle(d, i, g);
    break;
  case FORMULA_SELECT:
    of_choice(d, i, g, x, y, node.of[2]);
    break;
  case FORMULA_RELU: {
    const int mask = binary(d, FORMULA_LE, number(d, 0), x);
    give(d, x, where(d, mask, 1, g, MASKS_MAX));
    break;
  }
  case FORMULA_MAX2:
    of_choice(d, i, g, binary(d, FORMULA_LT, x, y), y, x);
    break;
  case FORMULA_MIN2:
    of_choice(d, i, g, binary(d, FORMULA_LT, y, x), y, x);
    break;
  case FORMULA_SUM:
    give(d, x, g);
    break;
  case FORMULA_MAXIMUM:
  case FORMULA_MINIMUM:
    give(d, x, times(d, g, basin_formula_first_of(m, x, i)));
    break;
  case FORMULA_DOT:
    of_dot(d, i, g);
    break;
  case FORMULA_OUTER:
    if (d->active[x]) give(d, x, basin_formula_dot(m, g, y));
    if (d->active[y]) give(d, y, basin_formula_dot(m, x, g));
    break;
  case FORMULA_TRANSPOSE:
    give(d, x, basin_formula_transpose(m, g));
    break;
  case FORMULA_SLICE:
    give(d, x, basin_formula_part(m, FORMULA_PLACE, g, m->node[x].shape, node.begin, node.drop));
    break;
  case FORMULA_FILL:
    give(d, x, basin_formula_sum(m, g));
    break;
  case FORMULA_STATE:
    break;
  default:
    give(d, x, of_function(d, i, g));
  }
}

static void find_active(derivation *d) {
  for (int i = 0; i <= d->model->loss; i++) {
    const formula_node *node = &d->model->node[i];
    d->active[i] = node->operation == FORMULA_STATE;
    for (int j = 0; j < 3; j++)
      if (node->of[j] >= 0 && !node->is_mask && d->active[node->of[j]]) d->active[i] = 1;
  }
}

/* the derivative by a state, of its shape: that of its node, or 0 where the loss does not depend on it */
static int collect(derivation *d, int state) {
  int found = -1;
  for (int i = 0; i <= d->model->loss; i++)
    if (d->model->node[i].operation == FORMULA_STATE && d->model->node[i].index == state)
      found = d->adjoint[i];
  if (found < 0) found = basin_formula_fill(d->model, number(d, 0), d->model->state[state].shape);
  return found;
}

basin_status basin_formula_derive(formula_model *model, int *without) {
  const size_t nodes = (size_t)model->loss + 1;
  derivation d = {.model = model,
                  .adjoint = malloc(nodes * sizeof *d.adjoint),
                  .active = calloc(nodes, sizeof *d.active)};
  *without = -1;
  model->gradient = calloc((size_t)model->states + 1, sizeof *model->gradient);
  if (!d.adjoint || !d.active || !model->gradient) d.failed = 1;
  else find_active(&d);
  for (int i = 0; i <= model->loss && !d.failed; i++) d.adjoint[i] = -1;
  if (!d.failed) d.adjoint[model->loss] = number(&d, 1);
  for (int i = model->loss; i >= 0 && !d.failed && *without < 0; i--) {
    if (!d.active[i] || d.adjoint[i] < 0) continue;
    if (model->node[i].operation == FORMULA_FLOOR) *without = i;
    else hand_on(&d, i, d.adjoint[i]);
  }
  for (int s = 0; s < model->states && !d.failed && *without < 0; s++) {
    model->gradient[s] = collect(&d, s);
    if (model->gradient[s] < 0) d.failed = 1;
  }
  free(d.adjoint);
  free(d.active);
  return d.failed ? BASIN_FAILED : *without >= 0 ? BASIN_BAD_INPUT : BASIN_OK;
}
