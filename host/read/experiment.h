/* SPDX-License-Identifier: MIT
 *
 * experiment.h: an experiment with every cell resolved: what came of reading it.
 *
 * experiment.c reads the file's own keys, grid.c the grid, cell.c one point of it for one variant, with dynamics.c and
 * vector.c, record.c and passages.c what is kept, and refine.c where points of the grid are added. All of them ask
 * scope.c for the values of numbers. identity.c makes of it all the hash that the experiment's parts are found by.
 */
#ifndef BASIN_EXPERIMENT_H
#define BASIN_EXPERIMENT_H

#include "seam/backend.h"
#include "seam/passage.h"
#include "base/error.h"
#include "base/hash.h"
#include "model/outcomes.h"
#include "model/registry.h"

enum {
  BASIN_CELLS_MAX = 1000000,
  BASIN_AXES_MAX = 32,       /* grid parameters */
  BASIN_VARIANTS_MAX = 64,   /* alternative settings */
  BASIN_TIMES_MAX = 1000000, /* recorded steps */
  BASIN_PASSAGES_MAX = 1000
};

/* One point of the grid. Its numbers are read through the setting. */
typedef struct basin_cell {
  const basin_model *model;
  int variant;       /* index into the experiment's variants, -1 where there are none */
  uint64_t identity; /* of the draws: hash of the cell's own parameters, `same_draw` left out */
  basin_setting setting;
  const double *coordinate; /* [axes] values of the grid parameters */

  /* what it owns */
  void *memory; /* one block: the coordinates, and the arrays of the setting */
  double **
      given; /* [teachers + initials] entries of vectors, or what is added to drawn ones; or NULL */

  /* while they are read: how many levels each of the experiment's ladders has here, and these one after another */
  int levels[BASIN_LADDERS_MAX];
  double *level;
  basin_passage *owned;         /* of `passage`: where it is not that of the cell before */
  const basin_passage *passage; /* [passages] of the experiment */

  const int *index; /* of what is recorded: [asked], then [observables]; see basin_observable() */

  /* the outcomes that are named here, or NULL: its own, or those of an earlier cell that is alike */
  const struct basin_naming *naming;
  struct basin_naming *own_naming;

  /* what groups the points where trials come to rest, or NULL, with its distances here (discover.h) */
  const struct basin_discover *discover;
  double within, match;

  struct basin_condition *own_when; /* of the setting's stop.when, likewise */
  struct basin_network *network;    /* of the model `network`, likewise */
} basin_cell;

/* Along a parameter of the grid points are added until the place where success crosses a rate is known closely. */
typedef struct basin_refine {
  int asked;
  int axis;           /* the parameter */
  double to;          /* how far apart the ends of the crossing's interval may be */
  int relative;       /* beside the lower one; points between two are then geometric means */
  int whole;          /* points are whole numbers */
  double where;       /* the rate */
  int64_t max_trials; /* of a point */
} basin_refine;

/* A point that was added to the grid. */
typedef struct basin_added {
  int variant; /* -1 where there are none */
  double coordinate[BASIN_AXES_MAX];
} basin_added;

struct basin_yaml;

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
  int dimensions; /* of the grid, the first varying slowest, the variants before them all */
  struct {
    int first, count; /* of the axes: those that run together */
    int64_t length;
  } dimension[BASIN_AXES_MAX];
  int same_draw[BASIN_AXES_MAX]; /* whether cells that differ here alone share their draws */
  int variants;
  char *variant[BASIN_VARIANTS_MAX];
  int same_draw_variant; /* likewise for the variants */

  int64_t cells;
  struct
      basin_stop_place { /* where the first cell whose trials nothing can end is told when to stop */
    char *file;          /* or NULL: there is no such cell */
    int line, column;
    int64_t cell;
  } endless;
  int64_t grid_cells; /* of the grid: the first ones. Behind them are those that were added to it */
  basin_cell *cell;

  struct basin_album *album;     /* images that data sets are cut from; or NULL */
  struct basin_headers *headers; /* of models that are not part of the build */
  basin_refine refine;
  struct basin_yaml *yaml; /* the file as it was read, where cells may be added; or NULL */

  /* what is recorded; an observable is named, for models may differ in their tables */
  int64_t recorded; /* trials of each cell that keep their trajectory */
  int64_t times;
  int64_t *time; /* [times] steps, ascending */
  int observables, finals;
  int asked; /* finals, and behind them those that conditions of `outcomes` alone look at */
  char **observable, **final; /* [observables], [asked] */
  int **index; /* [indices] cells of the same model with the same observables share one */
  int indices;
  int keep_vectors; /* full vectors at the recorded steps */
  int limit;        /* of networks: what theory says of infinite width (network/cell_limit.h) */
  int64_t inputs;   /* fresh inputs of an estimate at every recorded step; 0: none are made */
  int estimates;
  char **estimate; /* [estimates] the observables that are estimated, see measure.h */

  /* first passages, of every trial: an observable through levels in one direction (passages.c) */
  int ladders;
  struct basin_named_ladder {
    char *observable;
    int above;
    const struct basin_node
        *level;       /* as the file has them, while it is read; NULL: the model's own */
    int first, count; /* of the passages */
  } ladder[BASIN_LADDERS_MAX];
  int passages; /* of all ladders, as many as the cell with most has */

  /* how trials end, those ways too that the experiment names, and when (named.h): of each variant, or of the file */
  basin_outcomes outcomes;
  int rule_sets;
  struct basin_outcome_rules *rules; /* [rule_sets] */

  uint64_t
      identity; /* of everything that decides the output but `trials`, `until` and the texts; of an
                        experiment that refines, of its trials too: the points follow from them */
};

/* basin_experiment_parse, with the texts of headers that were kept of it (read/headers.h), or NULL. */
struct basin_kept;
basin_status basin_experiment_parse_kept(const char *name, const char *text, int64_t length,
                                         const char *const *set, int sets,
                                         const struct basin_kept *kept,
                                         basin_experiment **experiment, basin_error *error);

/* The same experiment with cells behind those of the grid: each what it would be had its point been typed into the
   grid. The experiment must refine, and not be grown itself. BASIN_BAD_INPUT where the file makes no sense at a point,
   or there are too many. */
basin_status basin_experiment_grow(const basin_experiment *experiment, const basin_added *added,
                                   int64_t count, basin_experiment **grown, basin_error *error);

/* whether parts keep the state at the recorded steps: for the full vectors, or to estimate from it */
static inline int basin_keeps_states(const basin_experiment *experiment) {
  return experiment->keep_vectors || experiment->inputs > 0;
}

/* What ends the trials of a cell, beside divergence and stop.max_steps. */
typedef enum basin_rule {
  BASIN_NO_RULE,
  BASIN_EARLY_RULE,    /* the outcome is proved, before the optimum is reached */
  BASIN_TOLERANCE_RULE /* stop.at or stop.at_gradient: it is reached */
} basin_rule;
basin_rule basin_cell_rule(const basin_cell *cell);

/* what the steps of a cell's trials count */
basin_steps_to basin_cell_steps_to(const basin_cell *cell);

/* how many cells have no rule that could end their trials but divergence and stop.max_steps, and no outcome that could
   be theirs then; 0 where the experiment allows every trial to stay unresolved */
int64_t basin_experiment_endless(const basin_experiment *experiment);

/* BASIN_BAD_INPUT where there are such cells: asked before a run, of all that begin one */
basin_status basin_experiment_ends(const basin_experiment *experiment, basin_error *error);

/* The keys that an experiment file may have. */
const char *const *basin_experiment_keys(int *count);

/* the parameters that tell cells apart or that all cells have: the grid's, then those of the models that are
   not in the grid. Names into name[BASIN_COLUMNS_MAX]; returns how many. */
enum { BASIN_COLUMNS_MAX = 128 };
int basin_experiment_columns(const basin_experiment *experiment,
                             const char *name[BASIN_COLUMNS_MAX]);
/* the value of column i of those, for one cell */
double basin_experiment_column(const basin_experiment *experiment, int64_t cell, int column,
                               const char *name);

/* whether both have the same observables, and so the same indices of them */
int basin_same_observables(const basin_cell *x, const basin_cell *y);

/* observables of a cell: those of its model, then, with a data set, those of BASIN_RISK_TABLE; the index of a
   name, -1 where the cell lacks it, and back. A cell of another law than the model's own lacks what is a closed form of
   that one: the loss, and the norms of its gradient */
int basin_observable_find(const basin_cell *cell, const char *name);
const basin_symbol *basin_observable(const basin_cell *cell, int index);

#endif
