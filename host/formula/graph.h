/* SPDX-License-Identifier: MIT
 *
 * graph.h: a model that a scientist wrote as formulas, as a graph of operations on scalars, vectors and matrices.
 * formula.c reads the formulas into it, derive.c adds the derivatives of the loss, emit.c writes the header of a
 * model (seam/model.h) from it, and interpret.c computes it in plain doubles, for tests and checks.
 *
 * A node is an operation on earlier nodes; equal nodes are one node, so a common subexpression is computed once.
 * The loss s * dot(x, x) of a state x of length n and a parameter s is
 *
 *   0  STATE 0        vector n
 *   1  DOT 0 0        scalar
 *   2  PARAMETER 0    scalar
 *   3  MUL 2 1        scalar
 *
 * Shapes have sizes, which are numbers of rows of the table size[]: constants, or polynomials of the parameters.
 * Two sizes are the same where their rows are. Every size is at least 1.
 *
 * The order of sums. SUM over n entries, row by row, and DOT of two vectors of n entries: below 8 entries one chain
 * in the order of the entries; else 8 strands, entry i in strand i mod 8, each strand one chain, and the strands
 * are added by halving: (0 + 4), (1 + 5), (2 + 6), (3 + 7), then (0 + 2), (1 + 3), then (0 + 1). DOT with a matrix:
 * every entry one chain in the order of the common index. A chain of SUM begins with its first entry and adds the
 * others; a chain of DOT begins with its first product and takes the others by fma: s = fma(x_i, y_i, s). MAXIMUM
 * and MINIMUM are chains of MAX2 and MIN2, with what was found so far as the first.
 */
#ifndef BASIN_FORMULA_GRAPH_H
#define BASIN_FORMULA_GRAPH_H

#include "base/error.h"

/* X(NAME, operands). Elementwise operations take operands of one shape, or scalars, which stand for every entry. Masks
   (is_mask) are made by LT to NOT, and are taken by AND, OR, NOT and SELECT alone. */
#define FORMULA_OPERATIONS(X)                                                                      \
  X(NUMBER, 0)    /* `number` */                                                                   \
  X(PARAMETER, 0) /* `index`: of parameter[] */                                                    \
  X(SIZE, 0)      /* `index`: of size[], as a number */                                            \
  X(STATE, 0)     /* `index`: of state[], and so on */                                             \
  X(TEACHER, 0)                                                                                    \
  X(INPUT, 0)                                                                                      \
  X(CONSTANT, 0)                                                                                   \
  X(ADD, 2)                                                                                        \
  X(SUB, 2)                                                                                        \
  X(MUL, 2)                                                                                        \
  X(DIV, 2)                                                                                        \
  X(NEG, 1)                                                                                        \
  X(FMA, 3) /* of[0] of[1] + of[2], rounded once: made by nobody but emit.c and interpret.c */     \
  X(POW, 2) /* C's pow; whole and half powers are made of MUL, DIV and SQRT */                     \
  X(SQRT, 1)                                                                                       \
  X(EXP, 1)                                                                                        \
  X(EXPM1, 1)                                                                                      \
  X(LOG, 1)                                                                                        \
  X(LOG1P, 1)                                                                                      \
  X(SIN, 1)                                                                                        \
  X(COS, 1)                                                                                        \
  X(TAN, 1)                                                                                        \
  X(ATAN, 1)                                                                                       \
  X(ATAN2, 2)                                                                                      \
  X(ACOS, 1)                                                                                       \
  X(ASIN, 1)                                                                                       \
  X(TANH, 1)                                                                                       \
  X(ERF, 1)                                                                                        \
  X(LOGISTIC, 1)                                                                                   \
  X(SOFTPLUS, 1)                                                                                   \
  X(ABS, 1)                                                                                        \
  X(SIGN, 1) /* 1 where 0 <= x, else -1: the derivative of |x| on its right */                     \
  X(STEP, 1) /* 1 where 0 <= x, else 0: the derivative of relu */                                  \
  X(RELU, 1) /* x where 0 <= x, else 0 */                                                          \
  X(FLOOR, 1)                                                                                      \
  X(MAX2, 2) /* the first where it is not smaller */                                               \
  X(MIN2, 2)                                                                                       \
  X(LT, 2)                                                                                         \
  X(LE, 2)                                                                                         \
  X(EQ, 2)                                                                                         \
  X(AND, 2)                                                                                        \
  X(OR, 2)                                                                                         \
  X(NOT, 1)                                                                                        \
  X(SELECT, 3)  /* of[1] where the mask of[0] holds, else of[2] */                                 \
  X(SUM, 1)     /* of all entries, a scalar */                                                     \
  X(MAXIMUM, 1) /* the largest entry */                                                            \
  X(MINIMUM, 1)                                                                                    \
  X(FIRST_OF, 2) /* of[0]'s shape: 1 at the first entry of of[0] that is equal to the scalar     \
                     of[1], 0 at all others */ \
  X(DOT, 2)      /* vector vector: a scalar; matrix vector, vector matrix, matrix matrix: the    \
                     product. Every entry is one sum over the common index, in its order */ \
  X(OUTER, 2)    /* of two vectors: [i][j] is of[0][i] of[1][j] */                                 \
  X(TRANSPOSE, 1) /* of a matrix */                                                                \
  X(SLICE, 1) /* entries from begin[] on, as many as the shape says; a matrix may become a    \
                     vector or a scalar, a vector a scalar: axes of one entry fall away where     \
                     `drop` says so */    \
  X(PLACE, 1) /* the adjoint of a slice: zeros of the node's shape, but of[0] from begin[] on */   \
  X(FILL, 1)  /* a scalar, at every entry of the shape */

typedef enum formula_operation {
#define FORMULA_OPERATION(NAME, operands) FORMULA_##NAME,
  FORMULA_OPERATIONS(FORMULA_OPERATION)
#undef FORMULA_OPERATION
      FORMULA_ENDS
} formula_operation;

/* A whole number that shapes and slices are made of. */
typedef struct formula_size {
  int constant;  /* whether `value` is known */
  int64_t value; /* where it is */
  char *
      text; /* in C, of the parameters: "P(k) * P(p) - 1", every number a double; of a constant its digits */
} formula_size;

typedef struct formula_shape {
  int rank; /* 0 a scalar, 1 a vector, 2 a matrix */
  int size
      [2]; /* rows of the table of sizes: of a vector its length, of a matrix rows and columns */
} formula_shape;

typedef struct formula_node {
  formula_operation operation;
  formula_shape shape;
  int is_mask;
  int of[3];     /* the operands: numbers of earlier nodes; -1: none */
  double number; /* of NUMBER */
  int index;     /* of PARAMETER to CONSTANT */
  int begin
      [2]; /* of SLICE and PLACE: rows of the table of sizes, along each axis of the larger shape; -1: no axis */
  int drop[2]; /* likewise: whether that axis, of one entry, is not in the smaller shape */
} formula_node;

/* A parameter, or an array of the model: a state, a teacher, an input, a constant. */
typedef struct formula_array {
  char *name;
  formula_shape shape;
  double initial; /* of a parameter: its default */
  double *value;  /* of a constant: its entries, row by row */
} formula_array;

/* A size that has to be at least so much, which is known when the parameters are. */
typedef struct formula_bound {
  int size; /* row of the table of sizes */
  int64_t least;
  char *
      reason; /* what is wrong where it is less: "f.yaml:3:9: the slice ends beyond the 3 entries of `x`" */
} formula_bound;

typedef struct formula_result {
  char *name; /* of an observable */
  int node;
} formula_result;

/* Everything that a header is written from. All of it is freed by basin_formula_free(). */
typedef struct formula_model {
  char *title;
  formula_array *parameter, *state, *teacher, *input, *constant;
  int parameters, states, teachers, inputs, constants;
  int *is_size; /* [parameters] whether a size depends on it: then it must be a whole number */
  formula_size *size;
  int sizes;
  formula_bound *
      bound; /* what the parameters must obey; every other size is large enough where they are at least 1 */
  int bounds;
  formula_node *node;
  int nodes, room;
  int *
      slot; /* [slots] a hash table of the nodes, basin_formula_add()'s own; NULL: it makes one when it next needs it */
  int slots;

  int loss;      /* a scalar node */
  int *gradient; /* [states] the derivative of the loss by each state, of the state's shape */
  int norm2;     /* the squared norm of the gradient, a scalar node; -1 where the loss has inputs */
  formula_result *observable; /* scalars that depend on no input, beside loss and norm_grad */
  int observables;
  int when; /* the mask at which a trial stops, of states, parameters, teachers, loss and gradient; -1: none */
} formula_model;

/* a node of that operation and shape, without operands */
formula_node basin_formula_node(formula_operation operation, formula_shape shape);

int basin_formula_same_shape(formula_shape x, formula_shape y);

/* The number of the node with these fields, an earlier one where there is such; -1 where there is no memory. Shapes are
   the caller's to get right. */
int basin_formula_add(formula_model *model, const formula_node *node);

/* whether the node depends on an input; -1 where there is no memory */
int basin_formula_has_input(const formula_model *model, int node);

void basin_formula_free(formula_model *model);

#endif
