/* SPDX-License-Identifier: MIT
 *
 * named.h: the outcomes that an experiment names itself, as it gives them:
 *
 *   outcomes:                                 # asked in this order when a trial ends
 *     A: {near: {v: [1, 0], a: teacher}, within: 0.1, global: true}
 *     other: {when: norm_grad < 1e-6}
 *
 * host/run/naming.h asks them. What stands under `discover` there is no name: discover.h.
 *
 * Near are the full vectors that are named, as entries that are given or as `teacher`: the Euclidean distance of all of
 * them together is at most `within`. `when` is a condition (expression.h) on the observables at the trial's end and on
 * what the experiment's other expressions know. Of both, both must hold.
 */
#ifndef BASIN_READ_NAMED_H
#define BASIN_READ_NAMED_H

#include "read/discover.h"

/* A name in a condition. */
typedef struct basin_rule_symbol {
  char *name;
  int is_observable;
  int final;         /* of an observable: which of the experiment's finals it is */
  basin_place place; /* while the experiment is read */
} basin_rule_symbol;

/* When a trial has the outcome. */
typedef struct basin_outcome_rule {
  int outcome;
  unsigned near; /* bit i: initial vector i has a point that it must be near to */
  char *when;    /* the condition, or NULL */
  int symbols;
  basin_rule_symbol *symbol;     /* [symbols] the names in it */
  const struct basin_node *node; /* while the experiment is read */
} basin_outcome_rule;

/* Those of a variant, or of the file. */
typedef struct basin_outcome_rules {
  int count; /* 0: none is named */
  basin_outcome_rule rule[BASIN_OUTCOMES_NAMED_MAX];
  int nears;                         /* whether any asks where a trial is */
  const struct basin_naming *latest; /* of the cell that was read last */
  basin_discover discover;
} basin_outcome_rules;

/* The same with the numbers of a cell: of each rule `within` and the points' entries, in the order of the initial
   vectors, where it has any, then the value of each name that is no observable. Cells that are alike share one. */
typedef struct basin_naming {
  const basin_outcome_rules *rules;
  int64_t max_steps; /* of the cell: a trial that is unresolved before has not ended */
  int64_t numbers;
  double *number; /* [numbers] */
} basin_naming;

/* Whether what its trials' ends are called asks for the state there. */
static inline int basin_keeps_ends(const basin_cell *cell) {
  return (cell->naming && cell->naming->rules->nears) || basin_point_vectors(cell) > 0;
}

/* Reads what a variant names, for models of this kind, into *rules; the names into the experiment's table. node: the
   mapping, or NULL. */
basin_status basin_named_begin(basin_experiment *experiment, const basin_node *node,
                               const basin_model *model, basin_scope *scope,
                               basin_outcome_rules *rules, basin_error *error);

/* The numbers of a cell, whose setting has been read. outcomes: the experiment's, for messages. */
basin_status basin_named_cell(const basin_outcomes *outcomes, basin_outcome_rules *rules,
                              basin_scope *scope, basin_cell *cell, basin_error *error);

/* Refuses a point near which no trial of the cell can be, for its dynamics do not know that vector; after the model has
   checked the cell. */
basin_status basin_named_check(const basin_outcomes *outcomes, const basin_cell *cell,
                               basin_error *error);

/* Once all cells are read, and what they keep: the observables in conditions are finals too, behind those that are
   kept. */
basin_status basin_named_end(basin_experiment *experiment, basin_error *error);

/* The observable among the finals, asked for where it is not. */
basin_status basin_named_ask(basin_experiment *experiment, const char *name, int *final,
                             basin_error *error);

/* Whether the model has it, or all data sets have. */
int basin_is_observable(const basin_model *model, const char *name);

void basin_named_free(basin_outcome_rules *rules);
void basin_naming_free(basin_naming *naming);

#endif
