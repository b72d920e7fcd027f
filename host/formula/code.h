/* SPDX-License-Identifier: MIT
 *
 * code.h: the parts of emit.c: a text that grows, functions with what they use declared at their head, and blocks of
 * code that compute nodes of a graph. One function that computes the loss from the states:
 *
 *   basin_code_function(code, "BASIN_HD real loss(const model_cell *c, basin_turn t, const real *x)");
 *   code_block *block = basin_code_block_new(code, "", NULL);
 *   basin_code_need(block, model->loss, 0);
 *   basin_code_compute(block, 0);
 *   basin_code_line(code, "return %s;", basin_code_scalar(block, model->loss));
 *   basin_code_block_free(block);
 *   basin_code_function_end(code);
 */
#ifndef BASIN_FORMULA_CODE_H
#define BASIN_FORMULA_CODE_H

#include "formula/graph.h"

enum { CODE_TERMS_MAX = 64 }; /* of a sum that is written out */

typedef struct code_text {
  char *at;
  size_t used, room;
} code_text;

typedef struct formula_code {
  const formula_model *model;
  int unrolled;         /* whether everything is written out entry by entry */
  int failed;           /* no memory: what is written from then on is lost */
  code_text text, body; /* all of it; the function at work */
  char *head;           /* of that function */
  int muted;            /* whether lines are thrown away */
  int inside, indent;   /* whether a function is at work */
  char **kept_texts;    /* [keeps] strings that live as long as this */
  int keeps, keep_room;
  code_text scratch; /* reals of scratch that the function takes, a sum in C */
  char *used_size, *used_parameter, *used_state, *used_teacher, *used_input, *used_constant;
  char *used_gradient, *used_kept, *kept; /* [states]; [nodes]: see basin_code_known() */
  const char *vectors;                    /* entries of all states, in C */
  int used_work, used_loss;
} formula_code;

int basin_code_begin(formula_code *code, const formula_model *model);
void basin_code_end(formula_code *code);

/* a line of the function at work, or of the text */
__attribute__((format(printf, 2, 3))) void basin_code_line(formula_code *code, const char *format,
                                                           ...);
void basin_code_blank(formula_code *code);
/* a string that lives as long as the code */
__attribute__((format(printf, 2, 3))) const char *basin_code_say(formula_code *code,
                                                                 const char *format, ...);

void basin_code_function(formula_code *code, const char *head);
/* the scratch that it takes, of arrays behind t.work, a sum in C; "0": none */
const char *basin_code_function_end(formula_code *code);

/* an array of scratch more, of this shape */
void basin_code_scratch(formula_code *code, const formula_shape *shape);
/* what lies before array number i: "", or " + 3 + n_k" */
const char *basin_code_offset(formula_code *code, const formula_array *array, int i);
/* likewise what lies before a node that is kept behind the teachers, from the first of those on */
const char *basin_code_kept_offset(formula_code *code, int node);

/* a size in C: digits, or the name of a local; and how many entries a shape has */
const char *basin_code_size(formula_code *code, int row);
const char *basin_code_count(formula_code *code, const formula_shape *shape);
/* a name of the cell's for a size that is not constant: "n_k", "size_3" */
const char *basin_code_size_name(formula_code *code, int row);
/* entries of a shape of constant sizes; -1: they are not constant, or more than 2^31 */
int64_t basin_code_constant_count(const formula_model *model, const formula_shape *shape);
/* a number as it is written in C */
const char *basin_code_number(formula_code *code, double number);

/* the operation on operands that are there, in C; NULL: it is not one of single entries */
const char *basin_code_apply(formula_code *code, const formula_node *node, const char *const of[3]);
/* the operands of a node as they are computed: the product of an fma may be a negative one. How many there are */
int basin_code_operands(const formula_model *model, int node, int of[3], int *negative);

/* an array as it lies in memory: its entry by index; the leaves of the graph */
const char *basin_code_leaf(formula_code *code, const formula_node *node, const char *index);
int basin_code_is_leaf(const formula_node *node);

/* ---- blocks ---- */

/* What a function finds computed: the loss, behind the gradient `g`; a derivative by a state, there; what follows from
   the teachers alone and is kept behind them, the nodes of code->kept in their order. */
enum { CODE_LOSS = 1, CODE_KEPT, CODE_GRADIENT /* + i, by state i */ };

typedef struct code_block {
  formula_code *code;
  char *part;      /* [nodes] 0: not needed, else 1 + the part it is computed in */
  int *known;      /* [nodes] CODE_... of what need not be computed, 0 of the others */
  const char **to; /* [nodes] a pointer: where the entries are to be put, or NULL */
  char *root;      /* [nodes] whether somebody asks for the scalar itself */
  /* of what is written out: [nodes][entries] whether an entry is used, NULL: none is */
  char **live;
  /* of loops */
  char *kind, *flat, *store;
  int *stage;
  int prepared;
} code_block;

code_block *basin_code_block_new(formula_code *code);
void basin_code_block_free(code_block *block);
/* the node and all that it is made of, as far as that is not known; already in an earlier part: there */
void basin_code_need(code_block *block, int node, int part);
void basin_code_compute(code_block *block, int part);
/* the array that a known node is */
const char *basin_code_known(code_block *block, int node);
/* a scalar node that was computed or is known */
const char *basin_code_scalar(code_block *block, int node);

/* an entry of a node that is written out */
const char *basin_code_unrolled_entry(code_block *block, int node, int64_t at);

/* the two ways to compute: unrolled.c and loops.c */
void basin_code_compute_unrolled(code_block *block, int part);
void basin_code_compute_loops(code_block *block, int part);
/* operations of a part, about, were it written out; infinity where sizes are not constant, or a sum is too long for a
   line */
double basin_code_weight(const code_block *block, int part);

#endif
