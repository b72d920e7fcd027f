/* SPDX-License-Identifier: MIT
 *
 * model.h: the contract of a model: what its header defines, and what drivers call it with.
 *
 * A model is one header, include/models/NAME.h. The build finds it there; YAML keys, --help, HDF5 attributes and
 * observables all expand from its tables. The drivers (host/engine, cuda/lanes) call its functions. A translation unit
 * has one model, so names need no prefix of the model's:
 *
 *   MODEL_TITLE, MODEL_SOURCE             one line each
 *   MODEL_PARAMETERS(X)                   X(name, default, minimum, maximum, integer?, unit, meaning)
 *   MODEL_TEACHER(X), MODEL_INITIAL(X)    X(name, rows, length, meaning): a vector (rows: one) or a matrix; rows and
 *                                         length are names of parameters or of MODEL_SIZES, or `one`
 *   MODEL_SIZES(X)                        X(name, expression), where rows or length of a vector are no parameter: names
 *                                         that may stand for them too. The expression is C, a double, of P(parameter);
 *                                         it must be a whole number from 1
 *   MODEL_STEP_SIZES(X)                   X(name, meaning)
 *   MODEL_OBSERVABLES(X)                  X(name, unit, meaning)
 *   MODEL_OUTCOMES                        the outcomes a trial can have, or-ed BASIN_CAN(outcome)
 *   MODEL_AT, MODEL_AT_SPURIOUS           what stop.at and stop.at_spurious are compared with, a few words each
 *   MODEL_AT_GRADIENT                     where stop.at_gradient is asked of the model, with or without stop.at: its
 *                                         `reached` then compares the squared norm of the gradient with
 *                                         setting->stop.tolerance_gradient, and names such a point stationary
 *   MODEL_PRECISION                       what loss and gradient may be wrong by beside the gradient's length, where
 *                                         that is more than rounding, as of tables: a number
 *   MODEL_INPUT_LAW                       a few words, where the inputs that the model draws itself are not normal
 *   MODEL_STOPS(X)                        X(name, minimum, maximum, example, meaning), where a model has criteria of
 *                                         its own to stop at: stop: {name: number}, a number above 0;
 *                                         setting->stop.own[], in the order of the rows. Where one is given
 *                                         `reached` is asked, as with stop.at
 *   MODEL_PASSAGES(X)                     X(observable, first, last), where a model has passages of its own: those of
 *                                         the observable through the levels first, first + 1, ..., up to the parameter
 *                                         `last`, upwards, are kept where the experiment does not name others
 *                                         (record.passages). first: a number
 *   MODEL_DRAWN_TEACHERS                  where teachers may be drawn for every trial, as initial vectors are
 *   MODEL_DECAYS                          where the step itself computes step sizes A/(t + 1)^p. All other ones that
 *                                         depend on t, and these of other models, are looked up (paces.h): a stage has
 *                                         moving[i] then, and eta[i] is a bound of them, for the early rule to know:
 *                                         infinite in most cases
 *   MODEL_INSTEAD                         name of a function const char *(const basin_setting *), where some cells have
 *                                         a faster kind: the name of the kind that is run in the place of the one that
 *                                         the experiment has chosen, or that one. Asked once model_prepare agrees; from
 *                                         then on the setting has its answer
 *
 *   MODEL_COMMON(cell)                    whether a cell needs none of what a step does for few cells only, where that
 *                                         is so: lanes have a loop for such cells, in whose turn `common` is 1, so
 *                                         that it has no branch
 *   MODEL_MIXED                           where the compiler is to mix the steps of several vectors, which gains where
 *                                         a step is a long chain, as one through a table, and costs registers. Only of
 *                                         steps without a branch
 *
 *   model_cell                            constants of one cell, plain data; arrays are offsets into `data`
 *   model_prepare(setting, room, cell, where)
 *                                         check the setting and fill in the cell: NULL, or what is wrong, *where being
 *                                         the key (like "teacher.v"). Arrays are put into the room (room.h), which
 *                                         counts where it has no memory yet: so their size is said nowhere else
 *
 * and its dynamics, which are what a step can be:
 *
 *   MODEL_DYNAMICS(X)                     X(kind) each, the first of them the default. A kind is any name but `input`:
 *                                         `population`, `flow`, `direct`, `projected`, `mixed`, `law` and `dataset` are
 *                                         chosen by the keys `gradient` and `method`, `noise` by `noise`, `training` by
 *                                         no key, as the only one of networks, any other one by `method: NAME`
 *   MODEL_kind(F)                         F(states, layout, paces, start, step, reached, decide, observe, vectors):
 *                                         a number, then the names of eight functions, which rows may share;
 *                                         they begin with a word of the model's, for drivers have names of their own
 *   MODEL_METHODS(X)                      X(kind) each: kinds whose step asks method.h, so that they take every method
 *                                         and the noise of it. Where one is asked for, `decide` proves nothing but that
 *                                         a trial has diverged; model_prepare may refuse it, *where being "method"
 *   MODEL_NOISY(X)                        X(kind) each: other kinds that add gradient.noise to the gradient
 *   MODEL_OPTIONS(X)                      X(kind, name, default, minimum, maximum, meaning), where a kind has any:
 *                                         method: {NAME: {name: value}}; they come as setting->gradient.option[], in
 *                                         the order of the kind's rows
 *
 * For example, gradient descent on a function of one variable, with a state of one real (tests/support/doublewell.h is
 * the whole of it, and tests/support/rolling.h adds a second kind):
 *
 *   #define MODEL_DYNAMICS(X) X(population)
 *   #define MODEL_population(F) \
 *     F(1, NULL, well_paces, well_start, well_step, well_reached, well_decide, well_observe, NULL)
 *   BASIN_HD void well_step(const model_cell *c, basin_turn t, real *x) {
 *     x[0] = r_fnma(t.pace[0], well_slope(c, x[0]), x[0]);                        x - eta f'(x)
 *   }
 *
 * The functions are the same for every kind (c: the cell, t: the turn, below; x: the state, an array of `real`):
 *
 *   host
 *     basin_layout layout(const basin_setting *, const model_cell *c)
 *                                         reals of a state and of a scratch array, threads that can share a trial;
 *                                         NULL in registers
 *     void paces(const model_cell *c, const double *eta, double *pace)
 *                                         the numbers that a step needs of a stage, made of its step sizes eta: at
 *                                         most BASIN_PACES_MAX. Lanes that idle are stepped on with every pace 0: that
 *                                         must leave a finite state where it is. With MODEL_DECAYS eta[i] is A, and
 *                                         eta[BASIN_DECAY + i] is p, 0 of a constant step size: a pace too, so that the
 *                                         step multiplies by basin_decay(p, t.step)
 *     void vectors(const model_cell *c, basin_turn t, const real *x, int any, double *out)
 *                                         full vectors, one after another in the order of MODEL_INITIAL. What the state
 *                                         does not know is NaN, or with `any` made up such that loss and gradient norms
 *                                         are the state's. For one lane, inside `#if BASIN_ONE_LANE`; NULL where the
 *                                         state is the full vectors. States of a trial come one after another: what
 *                                         they have in common, as the numbers that its start is drawn from, may stay in
 *                                         t.work, which is longer here, by the length of the full vectors and
 *                                         BASIN_COMMON. It is found there where t.warm is 1, and made where it is 0
 *
 *   host and device, BASIN_HD, branch-free up to per-lane selects
 *     void start(const model_cell *c, basin_turn t, real *x)            the random initialisation
 *     void step(const model_cell *c, basin_turn t, real *x)             one step
 *     void reached(const model_cell *c, basin_turn t, const real *x, mask *outcome)
 *                                         tolerance rule, asked at every step where stop.at is given: masks of
 *                                         outcomes reached, and diverged
 *     void decide(const model_cell *c, basin_turn t, const real *x, mask *outcome)
 *                                         early rule, asked every BASIN_DECIDE_EVERY steps else: masks of proved
 *                                         outcomes, and diverged. Must be proved or conservative: a lane it names must
 *                                         end there if run for ever. Dynamics without such a rule give `reached` once
 *                                         more
 *     void observe(const model_cell *c, basin_turn t, const real *x, real *out)
 *                                         every observable; of the kind `dataset` those of BASIN_RISK_TABLE behind
 *                                         them, which may be anything where t.risk is 0: they take as long as a step
 *
 * What a step has computed of the states that it has come to, as their loss, it may leave in t.work: the next step, and
 * a rule or observables asked of just these states, find it there where t.warm is 1, and make it anew where it is 0. It
 * must be the same bits either way.
 *
 * Trial and step of the turn are told to `start`, `step` and `vectors` alone: what holds for a state, and what is seen
 * of it, depends on the state.
 *
 * stop.when of an experiment (condition.h) is no matter of a model: drivers ask it of `observe` behind every step,
 * and `reached` beside it, with setting->stop.tolerance 0 where stop.at is not given.
 *
 * The rules find outcome[BASIN_OUTCOMES] zeroed and set a mask each; a lane in none of them runs on.
 *
 * `states` is how many reals a state has where that is a small constant: then it is kept in registers, alone in its
 * thread, and only constant indices may be used on x. With 0 it is an array of layout.states reals, and the threads of
 * a team (team.h) may share a trial: all of them call a function with the same arguments but t.team, after a team_sync.
 * Who writes to the state does so behind a team_sync, for others may still be reading it, and ends with one; all
 * threads return the same outcomes and observables. Where such a function can take longer than a second it asks
 * team_stopped(t.team) now and then, and returns early, leaving garbage, where that is so.
 *
 * Where several steps can be taken in one go, `states` is BASIN_LEAPS. The state is then an array, too, and in place of
 * `step` the row has
 *
 *     real leap(const model_cell *c, basin_turn t, real limit, real *x)
 *                                         takes 1 to `limit` steps of each lane, and says how many: whole numbers. The
 *                                         limit is the number of steps until something is due to the lane: a record,
 *                                         the next stage, its end. It is 0 in lanes that idle, which take none
 *
 * A leap ends at the first step at which the rule of the run holds, for the rule is asked behind each leap, and only
 * there: `decide` too, whatever the number of steps. What a state has become after n steps must be the same bits
 * whatever leaps they were taken in, since trials are recorded, paused and gone on with. A leap is short: it never asks
 * team_stopped. Observables that no step of a leap but its last one changes are named in
 *
 *   MODEL_STEADY(X)        X(observable)
 *
 *   MODEL_TEAM_RESIDENT(shared, is)    where 128 registers a thread do not do on a device, or fewer do better: blocks
 *                          of 128 threads that a multiprocessor shall hold; 2 leave 255 registers, 8 leave 64.
 *                          shared: whether the states are in shared memory, is(flow): whether the kind is `flow`
 *
 * A model that defines BASIN_TEAM_MOST before it includes anything (numeric/team.h) has teams of so many threads on a
 * device, a block each, where a trial's state does not fit into shared memory.
 *
 * The kind `law` is that of fresh inputs whose law the experiment names: setting->gradient.law, drawn by law_vector()
 * or law_row() of numeric/law.h; the vectors of an input are independent of each other. The observable `loss` and those
 * of MODEL_NORMS are closed forms of the model's own law, or of normal inputs: in cells of another one
 * (basin_law_is_closed) the host takes them for unknown, and MODEL_INPUT draws by that law.
 *
 * A cell may have a data set: inputs and labels that are drawn or read once and shared by all of its trials, in
 * memory once for all workers, on a device once. Of a model that takes one the functions find it in t.set and t.label,
 * which are NULL in other cells, and in host functions that need none; and it defines
 *
 *   MODEL_SET(F)           F(shape, inputs)
 *     basin_input_shape shape(const model_cell *c)        rows of an input, numbers of a row, labels of an input
 *     basin_status inputs(const basin_setting *, const model_cell *c, const double *data, int64_t first, int64_t count,
 *                         double *z, double *label)
 *                          host, one lane: inputs first .. first + count - 1, z [count][rows][width], and their labels
 *                          [count][labels], the same bits whatever the stretches; BASIN_OK or BASIN_FAILED (out of
 *                          memory). Where setting->gradient.images is not NULL z is there already, cut from them, and
 *                          the labels alone are made
 *
 *   MODEL_VECTORS(F)       F(look_at_set, room), where `vectors` may need more than the state and the cell's constants
 *     int look_at_set(const model_cell *c)      whether it needs the data set, which it then finds in t.set and t.label
 *     int64_t room(const model_cell *c)         how much longer t.work is for it, beside what is said there
 *
 * Where a trial of some cells is large enough to fill an instruction set's vectors by itself, a model has
 *
 *   MODEL_WHOLE(F)         F(work, is_large)
 *     int64_t work(const model_cell *c)         reals of the scratch of one trial
 *     int is_large(const model_cell *c)         whether a CPU takes that way in this cell, by its sizes alone
 *   MODEL_whole(F)         a row as those of MODEL_DYNAMICS, compiled for one lane with BASIN_WHOLE 1, which calls
 *                          tensors.h; states and bits are those of the model's dynamics
 *
 * setting->gradient.set_size says how many inputs there are. A model whose closed forms can be
 * measured against its own inputs (record.estimate, basin verify) has a further row:
 *
 *   MODEL_NORMS(X)         X(observable, vector): the observable is the norm of the gradient by that initial vector;
 *                          the observable `loss` is the mean of 1/2 r^2
 *   MODEL_INPUT(F)         F(layout, begin, draw)
 *     basin_input_layout layout(const model_cell *c)      Philox blocks that one input takes, reals of a scratch array
 *     void begin(const model_cell *c, basin_turn t, const double *vectors)
 *                          what all inputs of a state share, into t.work: full vectors as `vectors` writes them, and
 *                          the teachers of that trial, which all lanes have in common
 *     void draw(const model_cell *c, basin_turn t, bits input, real *out)
 *                          one fresh input a lane, of number `input`: its blocks, input * blocks and on, of
 *                          BASIN_STREAM_ESTIMATE. out[0] is its loss 1/2 r^2, out[1 + i] the derivative by entry i of
 *                          the full vectors
 */
#ifndef BASIN_SEAM_MODEL_H
#define BASIN_SEAM_MODEL_H

#include "numeric/philox.h"
#include "seam/room.h"
#include "seam/setting.h"

enum { BASIN_PACES_MAX = 8 }; /* numbers of a stage */
enum { BASIN_COMMON = 8 }; /* what `vectors` has of t.work beside the layout's and full vectors */
#define BASIN_LEAPS (-1)   /* `states` of a kind that takes many steps in one go */

/* What a function is told beside the cell and the state. */
typedef struct basin_turn {
  const double *data; /* the cell's arrays */
  const double *set,
      *label;       /* its data set, [set_size][rows][width] and [set_size][labels], or NULL */
  const real *pace; /* [BASIN_PACES_MAX] of the stage, a lane each */
  real *work;       /* [layout.work] scratch; NULL in registers */
  basin_team team;
  bits trial, step; /* number of the trial; steps taken so far, by lane */
  int warm; /* whether `work` is as the last step left it, of just these states; else it may hold anything */
  int common; /* 1: MODEL_COMMON holds, and the compiler knows it; 0: not known */
  int risk;   /* of `observe`: whether anybody asks for what is in BASIN_RISK_TABLE (setting.h) */
} basin_turn;

/* (t + 1)^-p, t: the steps taken since the trial began, 0 <= p <= BASIN_DECAY_MAX: to the same bits everywhere, and
   right to 1e-14 for p <= 1. Exactly 1 for p = 0. */
BASIN_HD real basin_decay(real p, bits step) {
  const real t = r_from_bits(step | b_set(0x4330000000000000u)) - r_set(0x1p52);
  return r_exp(r_set(0.0) - p * r_log(t + r_set(1.0)));
}

/* Sizes of a kind of dynamics, for one trial. */
typedef struct basin_layout {
  int64_t states, work; /* reals of the state; of the scratch array */
  int team;             /* threads that can share a trial: a power of two, at most 32 */
} basin_layout;

/* of an input of a data set */
typedef struct basin_input_shape {
  int64_t rows, width; /* rows, and numbers of a row */
  int64_t labels;      /* numbers of its label */
} basin_input_shape;

typedef struct basin_input_layout {
  int64_t blocks, work; /* Philox blocks of an input; reals of a scratch array */
} basin_input_layout;

/* the layout of a row that has NULL for it: a state in registers */
static inline basin_layout basin_layout_in_registers(int64_t states) {
  const basin_layout layout = {states, 0, 1};
  return layout;
}

#endif
