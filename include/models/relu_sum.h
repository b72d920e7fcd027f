/* SPDX-License-Identifier: MIT
 *
 * relu_sum: a sum of n ReLU neurons that learns a sum of m.
 *
 *   f(w, x) = sum_i max(0, w_i'x),   L = E [ 1/2 (f(w, x) - f(v, x))^2 ],  x ~ N(0, I)      (eq. 1-3)
 *   w_i <- w_i - eta_w grad_i L,   or dw_i/dt = -grad_i L for a time eta_w a step           (eq. 4, section 5)
 *
 * W. Xu, S. S. Du: Over-Parameterization Exponentially Slows Down Gradient Descent for Learning a Single Neuron,
 * COLT 2023; closed forms after Safran and Shamir (2018). With one teacher and n >= 2 the loss falls as the time to
 * the -3, with n = 1 exponentially. What is computed, and how accurate it is: relu/relu.h, relu/relu_flow.h.
 */
#ifndef BASIN_MODELS_RELU_SUM_H
#define BASIN_MODELS_RELU_SUM_H

#include "models/relu/relu_flow.h"
#include "models/relu/relu_inputs.h"
#include "models/relu/relu_sampled.h"

#define MODEL_TITLE "sum of ReLU neurons, learning a sum of ReLU neurons"
#define MODEL_SOURCE "Xu and Du, COLT 2023, equations (1)-(4) and (23)"

#define MODEL_PARAMETERS(X)                                                                       \
  X(n, 2, 1, 1 << 12, 1, "1", "number of students")                                               \
  X(m, 1, 1, 1 << 12, 1, "1", "number of teachers")                                               \
  X(d, 10, 1, 1 << 24, 1, "1", "dimension of the neurons")                                        \
  X(span, 1, 0, 1, 1, "1",                                                                        \
    "1: in coordinates of what the neurons span, at a cost that d is not in; 0: in all d "        \
    "entries. The same "                                                                          \
    "path to rounding, which grows where gradient descent jumps to and fro around w_i = 0. With " \
    "a sampled gradient the sampler decides")

#define MODEL_TEACHER(X) X(v, m, d, "teachers v_l")
#define MODEL_INITIAL(X) X(w, n, d, "students w_i")
#define MODEL_STEP_SIZES(X) X(eta_w, "step size of w; of gradient flow: time of a step")
#define MODEL_OBSERVABLES(X) RELU_OBSERVABLES(X)
#define MODEL_NORMS(X) X(norm_grad, w)

#define MODEL_OUTCOMES                                                               \
  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_SPURIOUS) | BASIN_CAN(BASIN_DIVERGED) | \
   BASIN_CAN(BASIN_UNRESOLVED))
#define MODEL_AT "the loss"
#define MODEL_AT_SPURIOUS "the length of the gradient, where the loss is larger than stop.at"

#define MODEL_DYNAMICS(X) X(population) X(flow) X(direct) X(projected) X(law)
#define MODEL_METHODS(X) X(population) X(direct) X(law)
#define MODEL_DRAWN_TEACHERS
/* of the closed forms four in shared memory, where 128 registers do: their chains of operations wait for one another */
#define MODEL_TEAM_RESIDENT(shared, is) ((shared) && (is(population) || is(flow)) ? 4 : 2)

typedef relu_cell model_cell;

static inline const char *model_prepare(const basin_setting *setting, basin_room *room,
                                        model_cell *cell, const char **where) {
  const int direct = !strcmp(setting->gradient.dynamics, "direct") ||
                     !strcmp(setting->gradient.dynamics, "law"),
            projected = !strcmp(setting->gradient.dynamics, "projected");
  const char *why = relu_prepare(setting, projected || (!direct && setting->parameter[3] != 0),
                                 room, cell, where);
  if (why) return why;
  *where = "method";
  if (basin_method_is_asked(&setting->gradient) && cell->spanned)
    return "it moves the entries of the students, which the state has in coordinates of what they "
           "span: give parameters: {span: 0}";
  if (!(direct || projected)) return NULL;
  *where = "gradient";
  return relu_sampled_check(setting, cell);
}

#endif
