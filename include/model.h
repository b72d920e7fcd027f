/* SPDX-License-Identifier: MIT
 *
 * model.h: what a model is.
 *
 * A model is one header in include/models. The build finds it there, compiles it once per instruction
 * set, and everything the program says about the model (YAML keys, --help, HDF5 attributes, observables)
 * expands from its tables. The header NAME.h of a model `name` defines
 *
 *   macros
 *     name_TITLE, name_SOURCE             one line each
 *     name_PARAMETERS(X)                  X(name, default, minimum, maximum, integer?, unit, meaning)
 *     name_TEACHER(X), name_INITIAL(X)    X(name, rows, length, meaning): a vector (rows: one) or a matrix; rows and
 *                                         length are names of parameters
 *     name_STEP_SIZES(X)                  X(name, meaning)
 *     name_OBSERVABLES(X)                 X(name, unit, meaning)
 *     name_OUTCOMES                       the outcomes a trial can have, or-ed BASIN_CAN(outcome)
 *     name_AT, name_AT_SPURIOUS           what stop.at and stop.at_spurious are compared with, a few words each
 *
 *   for each kind of dynamics that it has, BASIN_HAS_kind: where the state of a trial lies
 *     BASIN_HAS_population    the expectation's gradient      BASIN_REGISTERS or BASIN_ARRAYS
 *     BASIN_HAS_flow          the same, gradient flow         BASIN_ARRAYS
 *     BASIN_HAS_direct        sampled: all of every input     BASIN_ARRAYS
 *     BASIN_HAS_projected     sampled: equal in distribution  BASIN_ARRAYS
 *     BASIN_HAS_mixed         direct, in single precision with double accumulation   BASIN_ARRAYS
 *     BASIN_HAS_fixed         a data set that is drawn once   BASIN_ARRAYS, see the end
 *
 *   BASIN_DRAWN_TEACHERS, where the teachers may be drawn for every trial, as initial vectors are
 *
 *   types
 *     name_cell     constants of one cell, plain data; arrays are offsets into `data`
 *
 *   host functions
 *     const char *name_check(setting, &where)            what is wrong with the setting, or NULL
 *     const char *name_gradient_check(setting)           what is wrong with setting->gradient, or NULL
 *     int64_t name_data_size(setting)                    doubles in `data`
 *     void name_prepare(setting, cell *, double *data)   constants of a cell that passed the check
 *
 * For dynamics in registers, of which the state is a few numbers,
 *
 *   types
 *     name_stage    constants of one stage of the schedule: `double` members only
 *     name_rates    the same as lanes: the members of name_stage, each a `real`
 *     name_state    the state of BASIN_LANES trials: `real` members only
 *
 *   host functions
 *     void name_stage_prepare(cell, eta[], stage *)      constants of a stage
 *     void name_vectors(cell, data, trial, state, out)   full vectors from the state, one after another
 *
 *   functions of host and device, BASIN_HD, branch-free up to per-lane selects
 *     void name_start(cell, data, team, trial, state *)  the random initialisation; `team`: a thread alone
 *     void name_step(cell, rates, state *)               one step of gradient descent
 *     void name_decide(cell, state, outcome[])           early rule: masks of proved outcomes, and diverged
 *     void name_reached(cell, state, outcome[])          tolerance rule: masks of outcomes reached, and diverged
 *     void name_observe(cell, state, out[])              every observable, in the table's order
 *
 * For dynamics in arrays the names have the kind in them, name_direct_step; a state is an array of `real`, and the
 * threads of a team may share a trial (hd.h): every function is called by all of them with the same arguments but
 * `team`, after a team_sync. Who writes to the state does so behind a team_sync, for others may still be reading it,
 * and ends with one; all threads return the same outcomes and observables.
 *
 *   types
 *     name_KIND_state   `real`;   name_KIND_stage, name_KIND_rates   as above
 *
 *   host functions
 *     int64_t name_KIND_states(setting), name_KIND_work(setting)   lengths of the state and of a scratch array
 *     int name_KIND_team(setting)                        threads that can share a trial: a power of two, at most 32
 *     BASIN_TEAM_RESIDENT                                where 128 registers a thread do not do: blocks of 128 threads
 *                                                        that a CUDA multiprocessor shall hold; 2 leave 255 registers
 *     name_KIND_stage_prepare(cell, eta[], stage *)
 *     name_KIND_vectors(cell, data, trial, work, state, out)   NaN for what the state does not know
 *
 *   functions of host and device
 *     name_KIND_start(cell, data, team, trial, work, state)
 *     name_KIND_step(cell, data, rates, team, trial, step, work, state)   `step`: steps taken so far, by lane
 *     name_KIND_reached(cell, data, team, work, state, outcome[])   where stop.tolerance is 0: diverged alone
 *     name_KIND_observe(cell, data, team, work, state, out[])
 *
 * An idle lane is stepped on with all rates 0. There is no early rule for dynamics in arrays. Functions that are given a
 * team may end early, with anything, once team_stopped(team): long loops ask, so that a run can be interrupted within
 * two seconds.
 *
 * A fixed data set has inputs, each of them `rows` rows z of `width` normals and a label. All that a student sees of
 * a row is u = z'f, with a filter f that follows from its state, and the gradient by f is a sum of rows, each with a
 * weight that follows from the u of its input: so the u of all rows and trials are one matrix product, and so are
 * the gradients. Matrices lie in rows of `stride` reals, a trial a lane.
 *
 *   types, host functions
 *     name_fixed_state, name_fixed_stage, name_fixed_rates, name_fixed_states(), name_fixed_stage_prepare(),
 *     name_fixed_vectors()                               as above
 *     int64_t name_fixed_rows(setting), name_fixed_width(setting)
 *
 *   functions of host and device
 *     name_fixed_draw(cell, data, set, input, row, z[width], real *label)   a row; adds its share to the label
 *     name_fixed_start(cell, data, trial, state), name_fixed_reached(cell, data, state, outcome[]),
 *     name_fixed_observe(cell, data, state, out[])       as above
 *     name_fixed_filter(cell, state, f, stride)          f [width]
 *     name_fixed_coefficients(cell, state, a, stride)    a [rows]
 *     real name_fixed_residual(a, u, r)                  the residual so far, from -label on, and one row more
 *     real name_fixed_weight(a, u, r)                    the weight of a row, given the whole residual
 *     real name_fixed_slope(u, r, g)                     the gradient by a coefficient so far, and one input more
 *     real name_fixed_gradient2(cell, grad_a, grad_f, stride, state)   squared norm of the risk's gradient
 *     name_fixed_move(cell, rates, grad_a, grad_f, stride, state)      one step; grad_a [rows] and grad_f [width] are
 *                                                        the sums over the step's inputs
 *
 * A model whose closed forms can be measured against its own inputs defines BASIN_HAS_SAMPLE and
 *
 *     name_SAMPLE_NORMS(X)                         X(observable, vector): the observable is the norm of the gradient by
 *                                                  that initial vector; the observable `loss` is the mean of 1/2 r^2
 *     int64_t name_sample_blocks(setting)          Philox blocks that one input takes
 *     int64_t name_sample_work(setting)            reals of a scratch array
 *     void name_sample_start(cell, data, const double *vectors, trial, work)
 *          what all inputs of a state share, into the scratch: full vectors as name_vectors writes them, and the
 *          teachers of that trial, which all lanes have in common
 *     void name_sample(cell, data, trial, step, input, work, out)
 *          one fresh input a lane, of number `input`: its blocks, input * name_sample_blocks() and on, of
 *          BASIN_STREAM_ESTIMATE. out[0] is its loss 1/2 r^2, out[1 + i] the derivative by entry i of the full
 *          vectors
 *     void name_projected_some_vectors(cell, data, trial, work, state, out)   where it has projected gradients: any
 *          full vectors with the loss and the gradient norms of the state; `work` as for name_projected_vectors
 *
 * The rules fill outcome[BASIN_OUTCOMES] with one mask each; a lane in none of them runs on.
 * name_decide must be proved or conservative: a lane it names must end there if run for ever.
 */
#ifndef BASIN_MODEL_H
#define BASIN_MODEL_H

#include "philox.h"

/* How a trial ended. Never merged, never renumbered: these are the values in the output file. */
#define BASIN_OUTCOME_TABLE(X)                                               \
  X(UNRESOLVED, "unresolved", "neither proved nor reached before max_steps") \
  X(GLOBAL, "global", "the global optimum")                                  \
  X(SPURIOUS, "spurious", "a spurious stationary point with a larger loss")  \
  X(STATIONARY, "stationary", "some other stationary point")                 \
  X(DIVERGED, "diverged",                                                    \
    "the state left every bound: not a number, or a squared length above 1e100")

enum basin_outcome {
#define BASIN_OUTCOME(name, word, meaning) BASIN_##name,
  BASIN_OUTCOME_TABLE(BASIN_OUTCOME)
#undef BASIN_OUTCOME
      BASIN_OUTCOMES
};

#define BASIN_CAN(outcome) (1u << (outcome))

/* where the state of a trial lies */
#define BASIN_ARRAYS 1
#define BASIN_REGISTERS 2

enum {
  BASIN_STEP_SIZES_MAX = 4, /* step sizes of a model */
  BASIN_STAGES_MAX = 16,    /* stages of a schedule */
  BASIN_DECIDE_EVERY = 16   /* the early rule is asked at every multiple of so many steps */
};

/* Where a vector comes from. */
enum basin_source {
  BASIN_GIVEN,  /* value[length] */
  BASIN_BALL,   /* uniform in the ball of radius `scale` */
  BASIN_SPHERE, /* uniform on the sphere of radius `scale` */
  BASIN_NORMAL  /* independent N(0, scale^2) entries */
};

/* or a matrix: what is said of the vector holds for each of its rows */
typedef struct basin_vector {
  enum basin_source source;
  int64_t rows, length; /* length: of a row */
  double scale; /* radius or standard deviation; may be negative: the draw with its sign turned */
  const double *value; /* [rows][length] where given, else NULL */
} basin_vector;

static inline int64_t basin_vector_size(const basin_vector *vector) {
  return vector->rows * vector->length;
}

/* One stage of the schedule. */
typedef struct basin_stage {
  int64_t steps; /* its length; INT64_MAX for the last one */
  double eta[BASIN_STEP_SIZES_MAX];
} basin_stage;

typedef struct basin_stop {
  double tolerance;          /* stop.at: stop where name_AT is at most this; 0: the early rule */
  double tolerance_spurious; /* the same for name_AT_SPURIOUS; 0: the same number */
  double
      tolerance_gradient; /* fixed data set: stationary where the squared norm of the risk's gradient is
                                at most this; 0: no such rule */
  int64_t max_steps;      /* the trial is unresolved after so many steps */
} basin_stop;

static inline double basin_tolerance_spurious(const basin_stop *stop) {
  return stop->tolerance_spurious > 0 ? stop->tolerance_spurious : stop->tolerance;
}

/* What a step does: follow the expectation over the inputs, the mean over fresh ones, or the mean over a data set
   that is drawn once, or over a mini-batch of it. */
enum basin_dynamics {
  BASIN_POPULATION,
  BASIN_FLOW,      /* gradient flow of the expectation, for a time of the step size */
  BASIN_DIRECT,    /* every number of every input is drawn */
  BASIN_PROJECTED, /* only what the gradient depends on, equal in distribution */
  BASIN_FIXED,     /* the inputs are those of the cell's data set */
  BASIN_MIXED,     /* as BASIN_DIRECT, in single precision with double accumulation */
  BASIN_DYNAMICS_COUNT
};

typedef struct basin_gradient {
  enum basin_dynamics dynamics;
  int64_t inputs; /* B of a step; 0 for the population */
  int64_t fixed;  /* n, the size of the data set; 0 where there is none */
  int64_t batch;  /* B where every step draws a mini-batch of it; 0: all n inputs */
  int64_t set;    /* which of the cell's data sets */
  double
      error; /* of gradient flow: what one step of the integrator may be wrong by, relative to the state */
} basin_gradient;

/* One cell, as the experiment file resolves it. Arrays follow the order of the model's tables. */
typedef struct basin_setting {
  const double *parameter;
  const basin_vector *teacher;
  const basin_vector *initial;
  const basin_stage *stage;
  int stages;
  basin_stop stop;
  basin_gradient gradient;
  int halve;    /* whether a trial that diverges begins again with half the step sizes */
  uint64_t key; /* Philox key */
} basin_setting;

/* Which data set a setting has. The vectors are the cell's own, so that copies of its setting have the same one. */
typedef struct basin_data_set {
  const basin_vector *teacher;
  uint64_t key;
  int64_t inputs, set;
} basin_data_set;

static inline basin_data_set basin_data_set_of(const basin_setting *setting) {
  const basin_data_set of = {setting->teacher, setting->key, setting->gradient.fixed,
                             setting->gradient.set};
  return of;
}

static inline int basin_same_data_set(const basin_data_set *x, const basin_data_set *y) {
  return x->teacher == y->teacher && x->key == y->key && x->inputs == y->inputs && x->set == y->set;
}

#endif
