/* SPDX-License-Identifier: MIT
 *
 * scope.h: the value of a number in an experiment file, which may be an expression. The same text has different values
 * in different cells, so a scope says where it is read: at one point of the grid, for one model and variant, in one
 * stage of the schedule or in none.
 *
 * A value is kept, with what it was made of: which grid parameters, and whether the stage. It is read anew only where
 * one of these has changed. So names that are defined by each other cost as much as there are of them, and what is the
 * same in all cells is read once.
 */
#ifndef BASIN_SCOPE_H
#define BASIN_SCOPE_H

#include "read/experiment.h"
#include "read/yaml.h"

/* What is known of the node of one number. */
typedef struct basin_memo {
  double value;
  uint64_t since;          /* the scope's clock when it was evaluated; 0: it was not */
  uint64_t depends;        /* bit a: on grid parameter a; behind them: on the stage, and on t */
  uint64_t moment;         /* the scope's */
  uint64_t cell;           /* the cell where it was asked for by its name last */
  const basin_node *stage; /* the stage where it was evaluated */
  int height;              /* names below it, one defined through the other */
} basin_memo;

/* A layer of a network, whose scale is being read: names that are known there. */
typedef struct basin_scope_layer {
  int hidden;              /* H */
  int activation;          /* of which c_sigma is: enum basin_activation */
  const basin_node *slope; /* of leaky */
} basin_scope_layer;

/* A vector that is being read, as a file may have it (vector_file.h). */
typedef struct basin_scope_vector {
  const char *name;
  int64_t patch; /* of a layer's weights [out][in][patch]; 1 of anything else */
} basin_scope_vector;

/* All zero is a scope too: there are no names in it, and nothing to free. */
typedef struct basin_scope {
  int axes;
  char *const *axis; /* [axes] the grid parameters' names */
  double coordinate[BASIN_AXES_MAX];
  char *used;                            /* [axes] set where a grid parameter was asked for */
  const basin_model *model;              /* or NULL */
  const basin_node *parameters, *define; /* mappings, or NULL */
  const basin_node *stage;               /* of the schedule, while it is read, or NULL */
  basin_memo *memo;                      /* [memos] by number of the node */
  int memos;
  uint64_t clock, cell, changed[BASIN_AXES_MAX]; /* changed: the clock when a coordinate did */
  uint64_t depends;                              /* of what is being evaluated, so far */
  const basin_scope_layer *layer;                /* while it is read, or NULL */
  const basin_scope_vector *vector;              /* likewise */
  double t; /* steps since the trial began: where `moment` is not 0, a new number for every t */
  uint64_t moment, moments; /* moments: those that have been */
  int depth, height;
  int checking, elsewhere;   /* see basin_scope_check() */
  struct basin_album *album; /* the images that have been read, where there may be any */
  const struct basin_condition *latest_when; /* of the cell that was read last, or NULL */
  struct basin_headers *headers; /* and the headers of models that are not part of the build */
} basin_scope;

/* A scope for a tree of so many nodes; used[axes] is the caller's. */
basin_status basin_scope_open(basin_scope *scope, int nodes, int axes, char *const *axis,
                              char *used, basin_error *error);
void basin_scope_close(basin_scope *scope);

/* Another model, with other parameters and names: nothing is known any more. */
void basin_scope_enter(basin_scope *scope, const basin_model *model, const basin_node *parameters,
                       const basin_node *define);

/* Another point of the grid: coordinate[axes]. */
void basin_scope_move(basin_scope *scope, const double *coordinate);

/* The value of a name in the scope, a basin_lookup whose context the scope is; a grid parameter may be infinite. */
basin_status basin_scope_look_up(void *scope, const char *name, double *value, int *found,
                                 basin_error *error);

/* the value of a scalar node: a number or an expression in the scope */
basin_status basin_scope_value(basin_scope *scope, const basin_node *node, const char *what,
                               double *value, basin_error *error);
/* The same of a step size, at t, the steps since the trial began; *moves: whether it depends on t. A `t` that the scope
   knows is what it is there. */
basin_status basin_scope_value_at(basin_scope *scope, const basin_node *node, const char *what,
                                  double t, double *value, int *moves, basin_error *error);

/* A node's expression with all names put in, but t, where it depends on t: of `0.1*c/sqrt(1 + t)` where c is 3 it is
   `0.1*3/sqrt(1+t)`. To be freed. It must have had a value at some t. */
basin_status basin_scope_text_of_t(basin_scope *scope, const basin_node *node, char **text,
                                   basin_error *error);

/* the value of a node where it is a whole number within [minimum, maximum], or a number */
basin_status basin_scope_integer(basin_scope *scope, const basin_node *node, const char *what,
                                 int64_t minimum, int64_t maximum, int64_t *value,
                                 basin_error *error);
basin_status basin_scope_number(basin_scope *scope, const basin_node *node, const char *what,
                                double minimum, double maximum, double *value, basin_error *error);

/* Evaluates the names under `define` that nothing in this cell has asked for, so that a fault in one is told. What a
   name cannot be here is no fault of it: a step size outside of the schedule, a parameter of another model, a grid
   parameter that is infinite. Names of step sizes are tried in every stage of the schedule. */
basin_status basin_scope_check(basin_scope *scope, const basin_node *schedule, basin_error *error);

/* whether the node is `inf`, as a number of inputs may be; and the same, or a grid parameter that is */
int basin_is_infinity(const basin_node *node);
int basin_scope_infinite(basin_scope *scope, const basin_node *node);

/* refuse keys that are not in the list; in a scope: keys that were right are not looked at again before another
   model is entered */
basin_status basin_check_keys(const basin_node *mapping, const char *const *key, int keys,
                              const char *what, basin_error *error);
basin_status basin_scope_keys(basin_scope *scope, const basin_node *mapping, const char *const *key,
                              int keys, const char *what, basin_error *error);
/* the keys are names of a model's table */
basin_status basin_scope_symbols(basin_scope *scope, const basin_node *mapping,
                                 const basin_symbol *symbol, int symbols, const char *what,
                                 basin_error *error);

#endif
