/* SPDX-License-Identifier: MIT
 *
 * experiment.h: an experiment with every cell resolved.
 *
 * experiment.c reads the file's own keys, cell.c resolves one point of the grid for one variant, vector.c
 * its vectors, record.c the recorded steps.
 */
#ifndef BASIN_EXPERIMENT_H
#define BASIN_EXPERIMENT_H

#include "backend.h"
#include "error.h"
#include "yaml.h"

enum {
  BASIN_CELLS_MAX = 1000000,
  BASIN_AXES_MAX = 32,      /* grid parameters */
  BASIN_VARIANTS_MAX = 64,  /* alternative settings */
  BASIN_TIMES_MAX = 1000000 /* recorded steps */
};

/* One point of the grid. */
typedef struct basin_cell {
  const basin_model *model;
  int variant;       /* index into the experiment's variants, -1 where there are none */
  uint64_t identity; /* of the draws: hash of the cell's own parameters, `same_draw` left out */
  basin_setting setting;
  double *coordinate;   /* [axes] values of the grid parameters */
  double *parameter;    /* [model->parameters] */
  basin_vector *vector; /* [teachers + initials] */
  basin_stage *stage;
} basin_cell;

struct basin_experiment {
  char *name;      /* base name of the file, without .yaml */
  char *text;      /* the file, verbatim */
  char *overrides; /* the --set assignments, a line each; "" where there are none */
  char *title;
  uint64_t seed;
  int64_t trials; /* per cell */

  /* keep adding trials until every interval's half width is at most this; 0: do not */
  double halfwidth;
  int64_t max_trials;

  /* largest share of trials that may stay unresolved, or diverge, in a cell: else BASIN_OUTSIDE */
  double allow_unresolved, allow_diverged;

  int axes;
  char *axis[BASIN_AXES_MAX];
  basin_place axis_place[BASIN_AXES_MAX]; /* valid while the file is read */
  int same_draw[BASIN_AXES_MAX]; /* whether cells that differ here alone share their draws */
  int variants;
  char *variant[BASIN_VARIANTS_MAX];
  int same_draw_variant; /* likewise for the variants */

  int64_t cells;
  basin_cell *cell;

  /* what is recorded; an observable is named, for models may differ in their tables */
  int64_t recorded; /* trials of each cell that keep their trajectory */
  int64_t times;
  int64_t *time; /* [times] steps, ascending */
  int observables, finals;
  char **observable, **final;
  int keep_vectors; /* full vectors at the recorded steps */
  int64_t inputs;   /* fresh inputs of an estimate at every recorded step; 0: none are made */
  int estimates;
  char **estimate; /* [estimates] the observables that are estimated, see measure.h */

  uint64_t identity; /* of everything that decides the output but `trials`, `until` and the texts */
};

/* Where a value is looked up while a cell is resolved. */
typedef struct basin_scope {
  const basin_experiment *experiment;
  const basin_model *model;
  const double *coordinate;     /* grid values */
  const basin_node *parameters; /* mapping `parameters`, or NULL */
  const basin_node *define;     /* mapping `define`, or NULL */
  const basin_node *stage;      /* the schedule's stage being read, or NULL */
  int depth;                    /* against names defined by each other */
  char *used;                   /* [axes] set where a grid parameter was looked up */
} basin_scope;

/* the value of a scalar node: a number or an expression in the scope */
basin_status basin_scope_value(basin_scope *scope, const basin_node *node, const char *what,
                               double *value, basin_error *error);
/* the same for a whole number within [minimum, maximum] */
basin_status basin_scope_integer(basin_scope *scope, const basin_node *node, const char *what,
                                 int64_t minimum, int64_t maximum, int64_t *value,
                                 basin_error *error);

/* whether the node is `inf`, as a number of inputs may be */
int basin_is_infinity(const basin_node *node);

/* refuse keys that are not in the list */
basin_status basin_check_keys(const basin_node *mapping, const char *const *key, int keys,
                              const char *what, basin_error *error);

/* vector.c: a vector or matrix of the size that *vector has already, from its node; random: it may be drawn.
   Values are allocated */
basin_status basin_vector_read(basin_scope *scope, const basin_node *node, const char *what,
                               int matrix, int random, basin_vector *vector, basin_error *error);

/* cell.c: the model, parameters, vectors, schedule and rules of one cell, from the file's top-level keys and
   the variant's own (or NULL), which go before them */
basin_status basin_cell_resolve(const basin_experiment *experiment, const basin_node *file,
                                const basin_node *variant, const double *coordinate,
                                int variant_index, char *used, basin_cell *cell,
                                basin_error *error);
void basin_cell_free(basin_cell *cell);

/* record.c: mapping `record`, once the cells are known */
basin_status basin_record_read(basin_experiment *experiment, const basin_node *record,
                               basin_error *error);

/* whether parts keep the state at the recorded steps: for the full vectors, or to estimate from it */
static inline int basin_keeps_states(const basin_experiment *experiment) {
  return experiment->keep_vectors || experiment->inputs > 0;
}

/* how many cells have no rule that could end their trials but divergence and stop.max_steps; 0 where the experiment
   allows every trial to stay unresolved */
int64_t basin_experiment_endless(const basin_experiment *experiment);

/* the parameters that tell cells apart or that all cells have: the grid's, then those of the models that are
   not in the grid. Names into name[BASIN_COLUMNS_MAX]; returns how many. */
enum { BASIN_COLUMNS_MAX = 128 };
int basin_experiment_columns(const basin_experiment *experiment,
                             const char *name[BASIN_COLUMNS_MAX]);
/* the value of column i of those, for one cell */
double basin_experiment_column(const basin_experiment *experiment, int64_t cell, int column,
                               const char *name);

/* the model of that name, or NULL; and all of them */
const basin_model *basin_model_find(const char *name);
const basin_model *const *basin_models(int *count);

/* index of a name in a model's table, -1 where it is not there */
int basin_symbol_find(const basin_symbol *symbol, int count, const char *name);

/* observables of a cell: those of its model, then, with a fixed data set, those of BASIN_RISK_TABLE; the index of a
   name, -1 where the cell lacks it, and back. And the latter alone, [BASIN_RISK_OBSERVABLES]. */
int basin_observable_find(const basin_cell *cell, const char *name);
const basin_symbol *basin_observable(const basin_cell *cell, int index);
const basin_symbol *basin_risk_observables(void);

/* 64-bit hash of bytes, continuing from another one */
uint64_t basin_hash(uint64_t seed, const void *bytes, size_t length);
uint64_t basin_hash_text(uint64_t seed, const char *text);

#endif
