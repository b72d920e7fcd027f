/* SPDX-License-Identifier: MIT
 *
 * setting.h: what is to be run of one cell: numbers, vectors, step sizes, and when to stop. host/read makes it of a
 * cell of the experiment; models and engines read it.
 *
 *   schedule: [{steps: 1000, eta_a: 0.01, eta_w: 0}, {eta: 0.02}]
 *
 * of the model resnet, whose step sizes are eta_a and eta_w, becomes stages = 2 and
 *
 *   stage[0] = {.steps = 1000, .eta = {0.01, 0}}, stage[1] = {.steps = INT64_MAX, .eta = {0.02, 0.02}}
 *
 * and `eta: 0.5/(t + 1)^0.6`, of a model with one step size, becomes eta[0] = 0.5, eta[BASIN_DECAY] = 0.6. Of other
 * expressions of t, as `eta: 0.1*min(1, (t + 1)/1000)`, the stage has a pointer: moving[0].
 *
 * Its parameters k: 25 and p: 8 become parameter = {25, 8}, and `stop: {at: 1e-6}` becomes stop.tolerance = 1e-6.
 */
#ifndef BASIN_SEAM_SETTING_H
#define BASIN_SEAM_SETTING_H

#include "basin.h"
#include "numeric/law.h"
#include <math.h>
#include <stdint.h>

/* How a trial ended. Never merged, never renumbered: these are the values in the output file. Behind them are outcomes
   that an experiment names itself (host/model/outcomes.h), which no engine knows. */
#define BASIN_OUTCOME_TABLE(X)                                                       \
  X(UNRESOLVED, "unresolved", "neither proved nor reached before max_steps")         \
  X(GLOBAL, "global", "the global optimum")                                          \
  X(SPURIOUS, "spurious", "a spurious stationary point with a larger loss")          \
  X(STATIONARY, "stationary", "some other stationary point")                         \
  X(DIVERGED, "diverged",                                                            \
    "the state left every bound: not a number, or a squared length above 1e100")     \
  X(SADDLE, "saddle", "a saddle point: the gradient is small, the objective is not") \
  X(LEFT, "left", "the state left the set on which the objective is defined")

enum basin_outcome {
#define BASIN_OUTCOME(name, word, meaning) BASIN_##name,
  BASIN_OUTCOME_TABLE(BASIN_OUTCOME)
#undef BASIN_OUTCOME
      BASIN_OUTCOMES
};

#define BASIN_CAN(outcome) (1u << (outcome))

enum {
  BASIN_STEP_SIZES_MAX = 4,   /* step sizes of a model */
  BASIN_OPTIONS_MAX = 4,      /* options of a kind of dynamics */
  BASIN_STOPS_MAX = 2,        /* criteria of a model's own to stop at */
  BASIN_PACES_KEPT = 1 << 22, /* steps whose paces a worker keeps where step sizes move */
  BASIN_DECIDE_EVERY = 16     /* the early rule is asked at every multiple of so many steps */
};

/* Where a vector comes from. */
enum basin_source {
  BASIN_GIVEN,   /* value[length] */
  BASIN_BALL,    /* uniform in the ball of radius `scale` */
  BASIN_SPHERE,  /* uniform on the sphere of radius `scale` */
  BASIN_NORMAL,  /* independent N(0, scale^2) entries */
  BASIN_UNIFORM, /* independent entries, uniform from 0 to `scale` */
  BASIN_SIGN     /* independent entries, -scale or scale, each with probability 1/2 */
};

/* A vector, or a matrix: then what is said of the vector holds for each of its rows. What is drawn lies around a
   point: `offset` and `value` are added to its entries. So uniform entries from -1 to 1 are a scale of 2 and an
   offset of -1. */
typedef struct basin_vector {
  enum basin_source source;
  int64_t rows, length; /* length: of a row */
  /* radius, standard deviation or width; may be negative: the sign of the draw turned */
  double scale;
  const double *value; /* [rows][length] where given; where drawn what is added to it, or NULL */
  double offset;       /* where drawn: added to every entry, too */
} basin_vector;

static inline int64_t basin_vector_size(const basin_vector *vector) {
  return vector->rows * vector->length;
}

/* A step size that is an expression of t, the steps that the trial has taken. Any thread may ask for its values, which
   have the same bits wherever they are asked for. */
typedef struct basin_moving {
  /* The step sizes of the steps first .. first + n - 1. Returns how many of them, from the first on, are step sizes: n
     where all are; with `why`, not NULL, one line that says why the next is none. */
  int64_t (*at)(const struct basin_moving *self, int64_t first, int64_t n, double *value,
                basin_error *why);
  const char *
      text; /* the expression, t being the one name that is left in it: what it is, for identities and files */
} basin_moving;

/* One stage of the schedule. Step size i is A/(t + 1)^p, where t counts from the start of the trial, not of the stage:
   A is eta[i], and p, 0 where it is constant, is eta[BASIN_DECAY + i]. Or it moves: then it is `scale` times that of
   moving[i], at most eta[i], which is infinite where nobody knows how large it may become. */
enum { BASIN_DECAY = BASIN_STEP_SIZES_MAX, BASIN_DECAY_MAX = 25 /* p is from 0 to this */ };
typedef struct basin_stage {
  int64_t steps; /* its length; INT64_MAX for the last one */
  double eta[2 * BASIN_STEP_SIZES_MAX];
  const basin_moving *moving[BASIN_STEP_SIZES_MAX]; /* NULL where it is A/(t + 1)^p */
  double scale;                                     /* 1, but where step sizes were halved */
} basin_stage;

static inline int basin_stage_moves(const basin_stage *stage) {
  int moves = 0;
  for (int i = 0; i < BASIN_STEP_SIZES_MAX; i++) moves |= stage->moving[i] != NULL;
  return moves;
}

struct basin_condition;
typedef struct basin_stop {
  double tolerance;          /* stop.at: stop where MODEL_AT is at most this; 0: the early rule */
  double tolerance_spurious; /* the same for MODEL_AT_SPURIOUS; 0: the same number */
  /* data sets: stationary where the squared norm of the risk's gradient is at most this; 0: no such rule. Models that
     can end at a saddle point: that is one where the squared norm of the gradient is at most this */
  double tolerance_gradient;
  double
      own[BASIN_STOPS_MAX]; /* the model's own criteria, in the order of its table; 0: not given */
  int64_t max_steps;        /* the trial is unresolved after so many steps */

  /* stop.when: stationary where it holds (condition.h); or NULL. Of models of formulas the header has it instead. */
  const struct basin_condition *when;
} basin_stop;

/* whether a rule other than the early one is asked, at every step */
static inline int basin_stop_given(const basin_stop *stop) {
  int given = stop->tolerance > 0 || stop->tolerance_gradient > 0 || stop->when;
  for (int i = 0; i < BASIN_STOPS_MAX; i++) given |= stop->own[i] > 0;
  return given;
}

static inline double basin_tolerance_spurious(const basin_stop *stop) {
  return stop->tolerance_spurious > 0 ? stop->tolerance_spurious : stop->tolerance;
}

/* Observables of the kind `dataset` beside those of the model's own table. */
#define BASIN_RISK_TABLE(X) \
  X(train_loss, "1", "empirical risk: half the mean of r^2 over the data set")

enum {
#define BASIN_RISK(name, unit, meaning) BASIN_RISK_##name,
  BASIN_RISK_TABLE(BASIN_RISK)
#undef BASIN_RISK
      BASIN_RISK_OBSERVABLES
};

/* Images that a data set is cut from. */
enum { BASIN_STROKES_SIDE = 28 /* pixels of a drawing, either way */ };
typedef struct basin_images {
  int64_t height,
      width;           /* pixels; of images that are patches already: how many, and their length */
  const double *value; /* [images][height][width]; NULL: drawings of strokes, of the set `set` */
  int64_t set;
  uint64_t checksum; /* of the values, with how many there are */
} basin_images;

/* Methods that a step can have (method.h): word, vectors that a state has beside its own, numbers beside those; in the
   order of their numbers */
#define BASIN_METHOD_TABLE(X)        \
  X(DESCENT, gradient_descent, 0, 0) \
  X(MOMENTUM, momentum, 1, 0)        \
  X(NESTEROV, nesterov, 1, 0)        \
  X(ADAM, adam, 2, 2)                \
  X(LANGEVIN, langevin, 0, 0)

/* as MODEL_OPTIONS: X(method, name, default, minimum, maximum, meaning) */
#define BASIN_METHOD_OPTIONS(X)                                            \
  X(momentum, beta, 0.9, 0, 1, "what is kept of the last step")            \
  X(nesterov, beta, 0.9, 0, 1, "what is kept of the last step")            \
  X(adam, beta1, 0.9, 0, 1, "what is kept of the mean gradient")           \
  X(adam, beta2, 0.999, 0, 1, "what is kept of the mean square")           \
  X(adam, epsilon, 1e-8, 0, 1e300, "added to the root of the mean square") \
  X(langevin, temperature, 1, 0, 1e300, "T of the noise sqrt(2 eta T) xi")

enum basin_method_number {
#define BASIN_METHOD_NUMBER(NAME, word, vectors, numbers) BASIN_##NAME,
  BASIN_METHOD_TABLE(BASIN_METHOD_NUMBER)
#undef BASIN_METHOD_NUMBER
      BASIN_METHODS
};

/* What a step does. `dynamics` is the name of one of the model's kinds, as its header has it:

     "population"  the gradient of the expectation over the inputs     "flow"       the same, gradient flow
     "direct"      the mean over fresh inputs, all of them drawn        "projected"  equal in distribution
     "mixed"       as direct, in single precision with double sums      "dataset"    inputs that are drawn once
     "law"         as direct, of inputs of another law than the model's own

   and whatever else a header defines (method: NAME). */
typedef struct basin_gradient {
  const char *dynamics;

  /* B of a step: fresh inputs, or what a step takes of a data set; 0 for the expectation */
  int64_t inputs;

  /* a data set: n, its size (0: there is none); B where every step draws a mini-batch of it (0: all n); which of the
     cell's data sets it is */
  int64_t set_size, batch, set;

  basin_input_law law; /* of the inputs, of `law` and of data sets */

  /* Where the data set is cut from images (law.kind is BASIN_LAW_IMAGES then): patches of patch_size x patch_size
     pixels, patch_stride apart; patch_size 0: they are patches already. Else NULL. */
  const basin_images *images;
  int64_t patch_size, patch_stride;

  /* gradient flow: what one step of the integrator may be wrong by, relative to the state */
  double error;

  /* other dynamics: the numbers of method: {NAME: {...}}, in the order of the header's table; or of `method`, in the
     order of its table */
  double option[BASIN_OPTIONS_MAX];

  int method;   /* of kinds that take one (MODEL_METHODS): enum basin_method_number */
  double noise; /* sigma of the normal noise that is added to the gradient; 0: there is none */
} basin_gradient;

/* Whether a step is more than gradient descent, of a kind that takes methods or noise. */
static inline int basin_method_is_asked(const basin_gradient *gradient) {
  return gradient->method != BASIN_DESCENT || gradient->noise > 0;
}

/* Whether the inputs have the law of the model's own. */
static inline int basin_inputs_are_own(const basin_gradient *gradient) {
  return gradient->law.kind == BASIN_LAW_OWN;
}

/* Whether the model may have closed forms for their law: of its own, and of normal inputs. Of the others the loss and
   the lengths of its gradient are not known, nor where a spurious optimum is. */
static inline int basin_law_is_closed(const basin_gradient *gradient) {
  return gradient->law.kind <= BASIN_LAW_NORMAL;
}

/* What a trial of the cell takes, in doubles: filled in by basin_model.check (entry.h) from the model's own layout, and
   read by everybody else. */
typedef struct basin_size {
  int64_t data;         /* the cell's constant arrays */
  int64_t states, work; /* a trial's state; the scratch of its steps */
  int64_t vectors;      /* its full vectors */
  int64_t making;       /* what else making them takes */
  int64_t rows, width;  /* of an input of a data set: rows, and numbers of a row; else 0 */
  int64_t labels;       /* numbers of its label; else 0 */

  /* what is measured on fresh inputs: Philox blocks of one, scratch; 0 where the model has no such inputs */
  int64_t input_blocks, input_work;

  int64_t team; /* threads that can share a trial */

  int64_t
      whole; /* reals of the scratch of the engine that runs one trial at a time; 0: there is none */
  int large; /* whether a CPU runs the cell by that one */
} basin_size;

/* One cell, as the experiment file resolves it. Arrays follow the order of the model's tables. */
typedef struct basin_setting {
  const double *parameter;
  const basin_vector *teacher;
  const basin_vector *initial;
  const basin_stage *stage;
  int stages;
  basin_stop stop;
  basin_gradient gradient;
  const struct basin_network
      *network; /* of the model `network`: its layers and data (network.h); else NULL */
  int halve;    /* whether a trial that diverges begins again with half the step sizes */
  uint64_t key; /* Philox key */
  basin_size size;
} basin_setting;

/* the stage that a trial of so many steps is in, and, with `begun`, the step at which it began */
static inline const basin_stage *basin_stage_at(const basin_setting *setting, int64_t step,
                                                int64_t *begun) {
  const basin_stage *stage = setting->stage, *last = stage + setting->stages - 1;
  for (*begun = 0; stage < last && step - *begun >= stage->steps; stage++) *begun += stage->steps;
  return stage;
}

/* whether any step size moves */
static inline int basin_schedule_moves(const basin_setting *setting) {
  int moves = 0;
  for (int s = 0; s < setting->stages; s++) moves |= basin_stage_moves(&setting->stage[s]);
  return moves;
}

/* The operations of a step, about: of a network every input comes to every weight; others do some states^2, with each
   of the inputs; a flow takes many steps to make one, as many as it needs. */
static inline double basin_operations(const basin_setting *setting) {
  const double states = (double)setting->size.states, inputs = (double)setting->gradient.inputs;
  if (setting->network) return states * (double)setting->gradient.set_size;
  return setting->gradient.error > 0 ? HUGE_VAL : states * states * (1 + inputs);
}

/* why there is no step size for a step */
static inline void basin_setting_explain(const basin_setting *setting, int64_t step,
                                         basin_error *why) {
  int64_t begun;
  double value;
  const basin_stage *stage = basin_stage_at(setting, step, &begun);
  for (int i = 0; i < BASIN_STEP_SIZES_MAX; i++)
    if (stage->moving[i] && stage->moving[i]->at(stage->moving[i], step, 1, &value, why) < 1)
      return;
}

/* Which data set a setting has. The vectors are the cell's own, so that copies of its setting have the same one, but
   where they have other numbers of an input in memory. */
typedef struct basin_data_set {
  const basin_vector *teacher;
  uint64_t key;
  int64_t inputs, set, numbers;
} basin_data_set;

static inline basin_data_set basin_data_set_of(const basin_setting *setting) {
  const basin_data_set of = {setting->teacher, setting->key, setting->gradient.set_size,
                             setting->gradient.set, setting->size.rows * setting->size.width};
  return of;
}

static inline int basin_same_data_set(const basin_data_set *x, const basin_data_set *y) {
  return x->teacher == y->teacher && x->key == y->key && x->inputs == y->inputs &&
         x->set == y->set && x->numbers == y->numbers;
}

#endif
