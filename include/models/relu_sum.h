/* SPDX-License-Identifier: MIT
 *
 * relu_sum: a sum of n ReLU neurons that learns a sum of m.
 *
 *   f(w, x) = sum_i max(0, w_i'x),   L = E [ 1/2 (f(w, x) - f(v, x))^2 ],  x ~ N(0, I)      (eq. 1-3)
 *   w_i <- w_i - eta_w grad_i L,   or dw_i/dt = -grad_i L for a time eta_w a step           (eq. 4, section 5)
 *
 * W. Xu, S. S. Du: Over-Parameterization Exponentially Slows Down Gradient Descent for Learning a Single Neuron,
 * COLT 2023; closed forms after Safran and Shamir (2018). With one teacher and n >= 2 the loss falls as the time to
 * the -3, with n = 1 exponentially. What is computed, and how accurate it is: relu_sum.h, relu_flow.h.
 */
#ifndef BASIN_MODELS_RELU_SUM_H
#define BASIN_MODELS_RELU_SUM_H

#include "../relu_flow.h"
#include "../relu_inputs.h"
#include "../relu_sampled.h"

#define relu_sum_TITLE "sum of ReLU neurons, learning a sum of ReLU neurons"
#define relu_sum_SOURCE "Xu and Du, COLT 2023, equations (1)-(4) and (23)"

#define relu_sum_PARAMETERS(X)                                                                    \
  X(n, 2, 1, 1 << 12, 1, "1", "number of students")                                               \
  X(m, 1, 1, 1 << 12, 1, "1", "number of teachers")                                               \
  X(d, 10, 1, 1 << 24, 1, "1", "dimension of the neurons")                                        \
  X(span, 1, 0, 1, 1, "1",                                                                        \
    "1: in coordinates of what the neurons span, at a cost that d is not in; 0: in all d "        \
    "entries. The same "                                                                          \
    "path to rounding, which grows where gradient descent jumps to and fro around w_i = 0. With " \
    "a sampled gradient the sampler decides")

#define relu_sum_TEACHER(X) X(v, m, d, "teachers v_l")
#define relu_sum_INITIAL(X) X(w, n, d, "students w_i")
#define relu_sum_STEP_SIZES(X) X(eta_w, "step size of w; of gradient flow: time of a step")
#define relu_sum_OBSERVABLES(X) RELU_OBSERVABLES(X)
#define relu_sum_SAMPLE_NORMS(X) X(norm_grad, w)

#define relu_sum_OUTCOMES                                                            \
  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_SPURIOUS) | BASIN_CAN(BASIN_DIVERGED) | \
   BASIN_CAN(BASIN_UNRESOLVED))
#define relu_sum_AT "the loss"
#define relu_sum_AT_SPURIOUS "the length of the gradient, where the loss is larger than stop.at"

#define BASIN_DRAWN_TEACHERS
#define BASIN_TEAM_RESIDENT 2
#define BASIN_HAS_population BASIN_ARRAYS
#define BASIN_HAS_direct BASIN_ARRAYS
#define BASIN_HAS_projected BASIN_ARRAYS
#define BASIN_HAS_flow BASIN_ARRAYS

typedef relu_cell relu_sum_cell;

static inline const char *relu_sum_check(const basin_setting *setting, const char **where) {
  return relu_check(setting, where);
}

static inline int64_t relu_sum_data_size(const basin_setting *setting) {
  return relu_data_size(setting);
}

static inline int relu_sum_spanned(const basin_setting *setting) {
  const enum basin_dynamics dynamics = setting->gradient.dynamics;
  return dynamics == BASIN_PROJECTED || (dynamics != BASIN_DIRECT && setting->parameter[3] != 0);
}

static inline void relu_sum_prepare(const basin_setting *setting, relu_cell *cell, double *data) {
  relu_prepare(setting, relu_sum_spanned(setting), cell, data);
}

static inline const char *relu_sum_gradient_check(const basin_setting *setting) {
  const enum basin_dynamics dynamics = setting->gradient.dynamics;
  relu_cell cell;
  if (dynamics != BASIN_DIRECT && dynamics != BASIN_PROJECTED) return NULL;
  relu_layout(setting, relu_sum_spanned(setting), &cell);
  return relu_sampled_check(setting, &cell);
}

/* ---- gradient descent ---- */

typedef real relu_sum_population_state;
typedef struct relu_sum_population_stage {
  double eta;
} relu_sum_population_stage;
typedef struct relu_sum_population_rates {
  real eta;
} relu_sum_population_rates;

static inline int64_t relu_sum_population_states(const basin_setting *setting) {
  relu_cell cell;
  relu_layout(setting, relu_sum_spanned(setting), &cell);
  return cell.states;
}

static inline int64_t relu_sum_population_work(const basin_setting *setting) {
  relu_cell cell;
  relu_layout(setting, relu_sum_spanned(setting), &cell);
  return cell.work;
}

static inline int relu_sum_population_team(const basin_setting *setting) {
  return relu_team(setting);
}

static inline void relu_sum_population_stage_prepare(const relu_cell *cell, const double *eta,
                                                     relu_sum_population_stage *stage) {
  (void)cell;
  stage->eta = eta[0];
}

BASIN_HD void relu_sum_population_start(const relu_cell *cell, const double *data, basin_team team,
                                        bits trial, real *work, real *x) {
  relu_start(cell, data, team, trial, work, x);
}

BASIN_HD void relu_sum_population_step(const relu_cell *cell, const double *data,
                                       const relu_sum_population_rates *rates, basin_team team,
                                       bits trial, bits step, real *work, real *x) {
  (void)data, (void)trial, (void)step;
  relu_step(cell, team, rates->eta, work, x);
}

BASIN_HD void relu_sum_population_reached(const relu_cell *cell, const double *data,
                                          basin_team team, real *work, const real *x,
                                          mask *outcome) {
  (void)data, (void)team, (void)work;
  relu_reached(cell, x, outcome);
}

BASIN_HD void relu_sum_population_observe(const relu_cell *cell, const double *data,
                                          basin_team team, real *work, const real *x, real *out) {
  (void)data;
  relu_observe(cell, team, work, x, r_set(0.0), out);
}

/* ---- gradient flow ---- */

typedef real relu_sum_flow_state;
typedef relu_sum_population_stage relu_sum_flow_stage;
typedef relu_sum_population_rates relu_sum_flow_rates;

static inline int64_t relu_sum_flow_states(const basin_setting *setting) {
  relu_cell cell;
  relu_layout(setting, relu_sum_spanned(setting), &cell);
  return relu_flow_states(&cell);
}

static inline int64_t relu_sum_flow_work(const basin_setting *setting) {
  relu_cell cell;
  relu_layout(setting, relu_sum_spanned(setting), &cell);
  return relu_flow_work(&cell);
}

static inline int relu_sum_flow_team(const basin_setting *setting) { return relu_team(setting); }

static inline void relu_sum_flow_stage_prepare(const relu_cell *cell, const double *eta,
                                               relu_sum_flow_stage *stage) {
  relu_sum_population_stage_prepare(cell, eta, stage);
}

BASIN_HD void relu_sum_flow_start(const relu_cell *cell, const double *data, basin_team team,
                                  bits trial, real *work, real *x) {
  relu_flow_start(cell, data, team, trial, work, x);
}

BASIN_HD void relu_sum_flow_step(const relu_cell *cell, const double *data,
                                 const relu_sum_flow_rates *rates, basin_team team, bits trial,
                                 bits step, real *work, real *x) {
  (void)data, (void)trial, (void)step;
  relu_flow_step(cell, team, rates->eta, work, x);
}

BASIN_HD void relu_sum_flow_reached(const relu_cell *cell, const double *data, basin_team team,
                                    real *work, const real *x, mask *outcome) {
  (void)data, (void)team, (void)work;
  relu_reached(cell, x, outcome);
}

BASIN_HD void relu_sum_flow_observe(const relu_cell *cell, const double *data, basin_team team,
                                    real *work, const real *x, real *out) {
  (void)data;
  relu_observe(cell, team, work, x, x[cell->states + FLOW_FORCED], out);
}

/* ---- sampled gradients ---- */

#define RELU_SUM_SAMPLER(kind)                                                                     \
  typedef real relu_sum_##kind##_state;                                                            \
  typedef relu_sum_population_stage relu_sum_##kind##_stage;                                       \
  typedef relu_sum_population_rates relu_sum_##kind##_rates;                                       \
  static inline int64_t relu_sum_##kind##_states(const basin_setting *setting) {                   \
    return relu_sum_population_states(setting);                                                    \
  }                                                                                                \
  static inline int64_t relu_sum_##kind##_work(const basin_setting *setting) {                     \
    relu_cell cell;                                                                                \
    relu_layout(setting, relu_sum_spanned(setting), &cell);                                        \
    return relu_sampled_work(&cell);                                                               \
  }                                                                                                \
  static inline int relu_sum_##kind##_team(const basin_setting *setting) {                         \
    return relu_team(setting);                                                                     \
  }                                                                                                \
  static inline void relu_sum_##kind##_stage_prepare(const relu_cell *cell, const double *eta,     \
                                                     relu_sum_##kind##_stage *stage) {             \
    stage->eta = eta[0] / (double)cell->inputs;                                                    \
  }                                                                                                \
  BASIN_HD void relu_sum_##kind##_start(const relu_cell *cell, const double *data,                 \
                                        basin_team team, bits trial, real *work, real *x) {        \
    relu_start(cell, data, team, trial, work, x);                                                  \
  }                                                                                                \
  BASIN_HD void relu_sum_##kind##_step(const relu_cell *cell, const double *data,                  \
                                       const relu_sum_##kind##_rates *rates, basin_team team,      \
                                       bits trial, bits step, real *work, real *x) {               \
    (void)data;                                                                                    \
    relu_sampled_step(cell, team, rates->eta, trial, step, work, x);                               \
  }                                                                                                \
  BASIN_HD void relu_sum_##kind##_reached(const relu_cell *cell, const double *data,               \
                                          basin_team team, real *work, const real *x,              \
                                          mask *outcome) {                                         \
    (void)data, (void)team, (void)work;                                                            \
    relu_reached(cell, x, outcome);                                                                \
  }                                                                                                \
  BASIN_HD void relu_sum_##kind##_observe(const relu_cell *cell, const double *data,               \
                                          basin_team team, real *work, const real *x, real *out) { \
    (void)data;                                                                                    \
    relu_observe(cell, team, work, x, r_set(0.0), out);                                            \
  }

RELU_SUM_SAMPLER(direct)
RELU_SUM_SAMPLER(projected)

/* ---- estimates ---- */

static inline int64_t relu_sum_sample_work(const basin_setting *setting) {
  return relu_sample_work(setting);
}

static inline int64_t relu_sum_sample_blocks(const basin_setting *setting) {
  return relu_sample_blocks(setting);
}

BASIN_HD void relu_sum_sample_start(const relu_cell *cell, const double *data,
                                    const double *vectors, bits trial, real *work) {
  relu_sample_start(cell, data, vectors, trial, work);
}

BASIN_HD void relu_sum_sample(const relu_cell *cell, const double *data, bits trial, bits step,
                              bits input, real *work, real *out) {
  (void)data;
  relu_sample_one(cell, trial, step, input, work, out);
}

#if BASIN_LANES == 1 && !defined(__CUDACC__)
static inline void relu_sum_direct_vectors(const relu_cell *cell, const double *data,
                                           uint64_t trial, double *work, const double *x,
                                           double *out) {
  relu_vectors(cell, data, trial, work, x, out);
}

/* where new axes have come, the state has lost their directions */
static inline void relu_sum_projected_vectors(const relu_cell *cell, const double *data,
                                              uint64_t trial, double *work, const double *x,
                                              double *out) {
  relu_vectors(cell, data, trial, work, x, out);
  for (int64_t e = 0; relu_new_axes(cell) && e < cell->n * cell->d; e++) out[e] = NAN;
}

/* Vectors with every observable of the state: its axes, of which the teachers' are the first m for ever, are taken
   for those of the start. In distribution the estimate does not depend on the others' directions. */
static inline void relu_sum_projected_some_vectors(const relu_cell *cell, const double *data,
                                                   uint64_t trial, double *work, const double *x,
                                                   double *out) {
  relu_vectors(cell, data, trial, work, x, out);
}

static inline void relu_sum_population_vectors(const relu_cell *cell, const double *data,
                                               uint64_t trial, double *work, const double *x,
                                               double *out) {
  relu_vectors(cell, data, trial, work, x, out);
}

static inline void relu_sum_flow_vectors(const relu_cell *cell, const double *data, uint64_t trial,
                                         double *work, const double *x, double *out) {
  relu_vectors(cell, data, trial, work, x, out);
}
#endif

#endif
