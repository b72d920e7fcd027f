/* SPDX-License-Identifier: MIT
 *
 * octopus: a staircase of d saddle points with a minimum behind the last, on which gradient descent takes a number of
 * steps that grows exponentially with d, and perturbed gradient descent does not.
 *
 * S. S. Du, C. Jin, J. D. Lee, M. I. Jordan, B. Poczos, A. Singh: Gradient Descent Can Take Exponential Time to Escape
 * Saddle Points, NeurIPS 2017; here after chapter 7 of Du's thesis (2019). The function: octopus/landscape.h. Gradient
 * descent, many steps at a time: octopus/descent.h. With noise: octopus/perturbed.h.
 *
 * T_k, the number of steps to |x_k| >= 2 tau, when saddle point k has been passed, grows from k to k + 1 by the factor
 * 1 + a/b, a = -ln(1 - 2 eta L), b = ln(1 + 2 eta gamma), in the limit; (L + gamma)/gamma of Lemma 7.2 is less, and its
 * limit for eta -> 0. Lemma 7.2 needs eta <= 1/(2 L); at eta = 1/(2 L) every coordinate ahead is 0 after one step.
 */
#ifndef BASIN_MODELS_OCTOPUS_H
#define BASIN_MODELS_OCTOPUS_H

#include "models/octopus/descent.h"
#include "models/octopus/perturbed.h"

#define MODEL_TITLE "a staircase of saddle points"
#define MODEL_SOURCE "Du et al., NeurIPS 2017; Du's thesis (2019), section 7.4 and Algorithm 2"

#define MODEL_PARAMETERS(X)                                                   \
  X(d, 2, 1, 64, 1, "1", "dimension, and number of saddle points on the way") \
  X(L, 2.718281828459045, 1e-6, 1e6, 0, "1",                                  \
    "half the curvature along which gradient descent "                        \
    "comes to a saddle point")                                                \
  X(gamma, 1, 1e-6, 1e6, 0, "1", "half the curvature along which it leaves")  \
  X(tau, 2.718281828459045, 1e-6, 1e6, 0, "1",                                \
    "scale of x: a saddle point lies 4 tau from the next")

#define MODEL_TEACHER(X) /* none */
#define MODEL_INITIAL(X) X(x, one, d, "start x_0")
#define MODEL_STEP_SIZES(X) X(eta_x, "step size")
#define MODEL_OBSERVABLES(X)                                          \
  X(loss, "1", "f - f_min = f + d nu")                                \
  X(f, "1", "objective f")                                            \
  X(passed, "1", "saddle points passed: how many |x_j| >= 2 tau")     \
  X(norm_grad, "1", "Euclidean norm of the gradient")                 \
  X(distance, "1", "distance to the nearest minimum, (+-4 tau, ...)") \
  X(noises, "1", "perturbed: how often noise was added so far")
#define MODEL_STEADY(X) X(passed)
#define MODEL_PASSAGES(X) X(passed, 1, d)

#define MODEL_OUTCOMES                                                         \
  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_SADDLE) | BASIN_CAN(BASIN_LEFT) | \
   BASIN_CAN(BASIN_DIVERGED) | BASIN_CAN(BASIN_UNRESOLVED))
#define MODEL_AT "max_j ||x_j| - 4 tau|, which is at most 2 tau behind the last saddle point"
#define MODEL_AT_SPURIOUS ""
#define MODEL_STOPS(X) \
  X(passed, 1, 64, "d", "saddle points passed: the last one, number d, at T_d steps")

#define MODEL_DYNAMICS(X) X(population) X(perturbed)
#define MODEL_OPTIONS(X)                                                                         \
  X(perturbed, radius, 0.02718281828459045, 0, 1e6, "of the ball in which noise is uniform")     \
  X(perturbed, below, 0.02718281828459045, 0, 1e6, "the gradient at which noise comes, g_thres") \
  X(perturbed, every, 1, 0, 1e9, "more steps than so many between two noises, t_thres")

typedef octopus_cell model_cell;

/* whether a trial behind the last saddle point stays there, and the last stage leads to the minimum */
static inline int octopus_settles(const basin_setting *setting, const octopus_cell *c) {
  const double hover = c->below / (2 * c->L) + c->radius;
  for (int s = 0; s < setting->stages; s++)
    if (!(setting->stage[s].eta[0] * c->L <= 1)) return 0;
  const double last = setting->stage[setting->stages - 1].eta[0];
  return last > 0 && last * c->L < 1 && hover <= 2 * c->tau;
}

static inline const char *model_prepare(const basin_setting *setting, basin_room *room,
                                        model_cell *c, const char **where) {
  const double *p = setting->parameter, *option = setting->gradient.option;
  const int perturbed = !strcmp(setting->gradient.dynamics, "perturbed");
  real l;
  memset(c, 0, sizeof *c);
  c->d = (int64_t)p[0];
  c->L = p[1];
  c->gamma = p[2];
  c->tau = p[3];
  c->nu = c->tau * c->tau * (37 * c->L + 13 * c->gamma) / 6;
  c->c2 = 10 * c->gamma - 14 * c->L;
  c->c3 = 10 * c->L - 6 * c->gamma;
  l = octopus_log(r_set(c->tau));
  c->log_tau = r_lane(&l, 0);
  c->tolerance = setting->stop.tolerance;
  l = octopus_log(r_set(c->tolerance));
  c->log_tolerance = r_lane(&l, 0);
  c->passed = setting->stop.own[0] > 0;
  c->radius = perturbed ? option[0] : 0;
  c->below = perturbed ? option[1] : 0;
  c->every = perturbed ? option[2] : 0;
  c->settles = octopus_settles(setting, c);
  c->x = draw_put(room, &setting->initial[0], setting->key, BASIN_STREAM_DIRECTION,
                  BASIN_STREAM_RADIUS);
  *where = "stop.passed";
  if (c->passed && setting->stop.own[0] != p[0])
    return "a trial ends behind the last saddle point: d";
  *where = "stop.at";
  return c->tolerance <= 2 * c->tau ? NULL : "more than 2 tau: no distance to a minimum";
}

#endif
