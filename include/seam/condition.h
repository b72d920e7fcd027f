/* SPDX-License-Identifier: MIT
 *
 * condition.h: stop.when, a condition on a trial's observables at which it ends, as a small program. host/read makes it
 * of a text once for each cell, with the numbers of the cell in it; drivers ask it at every step, in cells that have
 * one, and nowhere else. It gives the same bits on every backend, for it is made of operations that are rounded
 * correctly.
 *
 * Of `loss < 4 and not 2*phi < 1`, in a model whose observables number 0 and 1 are loss and phi:
 *
 *   OBSERVABLE 0          push it
 *   LT, right is 4        the top of the stack beside a number: 1 where it holds, else 0
 *   OBSERVABLE 1
 *   MUL, left is 2
 *   LT, right is 1
 *   NOT
 *   AND                   the two on top of the stack
 *
 *   const mask ends = condition_holds(setting->stop.when, seen, OBSERVED);      seen[OBSERVED]: real, by lane
 *
 * A value that is no finite number, or not defined, is NaN here, and so is a truth value that hangs on one: a condition
 * that comes out so does not hold (host/read/expression.h).
 */
#ifndef BASIN_SEAM_CONDITION_H
#define BASIN_SEAM_CONDITION_H

#include "numeric/real.h"

/* X(NAME, operands); never renumbered, for an experiment's identity has these numbers in it */
#define BASIN_CONDITION_OPERATIONS(X)                            \
  X(OBSERVABLE, 0)                                               \
  X(NUMBER, 0)                                                   \
  X(NEG, 1)                                                      \
  X(ABS, 1)                                                      \
  X(SQRT, 1)                                                     \
  X(POWER, 1) /* to the power `number`, whole: a few products */ \
  X(ADD, 2)                                                      \
  X(SUB, 2)                                                      \
  X(MUL, 2)                                                      \
  X(DIV, 2)                                                      \
  X(MIN, 2)                                                      \
  X(MAX, 2)                                                      \
  X(LT, 2)                                                       \
  X(LE, 2)                                                       \
  X(GT, 2)                                                       \
  X(GE, 2)                                                       \
  X(EQ, 2)                                                       \
  X(NOT, 1)                                                      \
  X(AND, 2)                                                      \
  X(OR, 2)

enum {
#define BASIN_CONDITION_OPERATION(NAME, operands) BASIN_CONDITION_##NAME,
  BASIN_CONDITION_OPERATIONS(BASIN_CONDITION_OPERATION)
#undef BASIN_CONDITION_OPERATION
      BASIN_CONDITION_LENGTH = 40, /* operations, at most */
  BASIN_CONDITION_DEPTH = 8        /* of the stack */
};

/* Which operand is `number`, in the place of one from the stack. */
enum { BASIN_CONDITION_NEITHER, BASIN_CONDITION_LEFT, BASIN_CONDITION_RIGHT };

typedef struct basin_condition_step {
  int operation, side;
  int64_t observable; /* index in the model's table, then in BASIN_RISK_TABLE (setting.h) */
  double number;
} basin_condition_step;

typedef struct basin_condition {
  int64_t count;
  basin_condition_step step[BASIN_CONDITION_LENGTH];
} basin_condition;

/* NaN in the place of infinities */
BASIN_HD real condition_finite(real x) { return x + (x - x); }

/* 1 or 0 where both have a value, else NaN */
BASIN_HD real condition_truth(mask holds, real left, real right) {
  const mask known = m_or(r_le(left, right), r_lt(right, left));
  return r_select(known, r_select(holds, r_set(1.0), r_set(0.0)), r_set((double)NAN));
}

/* by repeated products, in the order of host/read/expression.c */
BASIN_HD real condition_power(real x, double power) {
  real result = r_set(1.0);
  for (int n = (int)(power < 0 ? -power : power); n; n >>= 1, x = x * x)
    if (n & 1) result = result * x;
  if (power < 0) result = r_set(1.0) / result;
  return result;
}

BASIN_HD real condition_step(int operation, real x, real y, double number) {
  const real one = r_set(1.0), zero = r_set(0.0), none = r_set((double)NAN);
  switch (operation) {
  case BASIN_CONDITION_NEG:
    return zero - y;
  case BASIN_CONDITION_ABS:
    return r_abs(y);
  case BASIN_CONDITION_SQRT:
    return r_sqrt(y);
  case BASIN_CONDITION_POWER:
    return condition_power(y, number);
  case BASIN_CONDITION_ADD:
    return x + y;
  case BASIN_CONDITION_SUB:
    return x - y;
  case BASIN_CONDITION_MUL:
    return x * y;
  case BASIN_CONDITION_DIV:
    return x / y;
  case BASIN_CONDITION_MIN:
    return r_select(r_lt(x, y), x, r_select(r_le(y, x), y, none));
  case BASIN_CONDITION_MAX:
    return r_select(r_lt(x, y), y, r_select(r_le(y, x), x, none));
  case BASIN_CONDITION_LT:
    return condition_truth(r_lt(x, y), x, y);
  case BASIN_CONDITION_LE:
    return condition_truth(r_le(x, y), x, y);
  case BASIN_CONDITION_GT:
    return condition_truth(r_lt(y, x), x, y);
  case BASIN_CONDITION_GE:
    return condition_truth(r_le(y, x), x, y);
  case BASIN_CONDITION_EQ:
    return condition_truth(m_and(r_le(x, y), r_le(y, x)), x, y);
  case BASIN_CONDITION_NOT:
    return one - y;
  case BASIN_CONDITION_AND:
    return r_select(m_or(r_le(x, zero), r_le(y, zero)), zero, x * y);
  default: /* OR */
    return r_select(m_or(r_le(one, x), r_le(one, y)), one, x + y);
  }
}

BASIN_HD int condition_operands(int operation) {
  int operands = 0;
#define BASIN_CONDITION_OPERANDS(NAME, count) \
  if (operation == BASIN_CONDITION_##NAME) operands = count;
  BASIN_CONDITION_OPERATIONS(BASIN_CONDITION_OPERANDS)
#undef BASIN_CONDITION_OPERANDS
  return operands;
}

/* So many observables are picked one by one, for an index would take their array out of a device's registers: more are
   not there anyway, and comparing with each is long. */
enum { BASIN_OBSERVED_FEW = 32 };

/* Whether it holds for what is seen [observables]. The stack has its top at index 0, and constant indices alone: a
   device keeps it in registers. */
BASIN_HD mask condition_holds(const basin_condition *c, const real *seen, int observables) {
  real stack[BASIN_CONDITION_DEPTH];
  BASIN_UNROLLED
  for (int i = 0; i < BASIN_CONDITION_DEPTH; i++) stack[i] = r_set(0.0);
  BASIN_ROLLED
  for (int64_t s = 0; s < c->count; s++) {
    const basin_condition_step *step = &c->step[s];
    const int operands = condition_operands(step->operation);
    const int popped = operands - (step->side != BASIN_CONDITION_NEITHER);
    const real number = r_set(step->number);
    const real y = step->side == BASIN_CONDITION_RIGHT ? number : stack[0];
    const real x = step->side == BASIN_CONDITION_LEFT    ? number
                   : step->side == BASIN_CONDITION_RIGHT ? stack[0]
                                                         : stack[1];
    real value = number;
    if (step->operation == BASIN_CONDITION_OBSERVABLE) {
      if (observables > BASIN_OBSERVED_FEW) value = seen[step->observable];
      BASIN_UNROLLED
      for (int i = 0; i < observables && observables <= BASIN_OBSERVED_FEW; i++)
        if (i == step->observable) value = seen[i];
    } else if (operands) {
      value = condition_step(step->operation, x, y, step->number);
    }
    if (popped == 0) {
      BASIN_UNROLLED
      for (int i = BASIN_CONDITION_DEPTH - 1; i > 0; i--) stack[i] = stack[i - 1];
    }
    if (popped == 2) {
      BASIN_UNROLLED
      for (int i = 1; i < BASIN_CONDITION_DEPTH - 1; i++) stack[i] = stack[i + 1];
    }
    stack[0] = condition_finite(value);
  }
  return r_le(r_set(0.5), stack[0]);
}

#endif
