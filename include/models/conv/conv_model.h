/* SPDX-License-Identifier: MIT
 *
 * conv_model.h: the tables that the models of this family share, and what they check together. cnn.h and resnet.h
 * define CONV_GROWS, include this, and add what is their own.
 */
#ifndef BASIN_MODELS_CONV_MODEL_H
#define BASIN_MODELS_CONV_MODEL_H

#include "models/conv/conv_dataset.h"
#include "models/conv/conv_inputs.h"
#include "models/conv/conv_mixed.h"

#define MODEL_TEACHER(X)            \
  X(a, one, k, "output weights a*") \
  X(v, one, p, "filter v*, of length 1")

#define MODEL_OBSERVABLES(X) CONV_OBSERVABLES(X)

#define MODEL_OUTCOMES                                                                 \
  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_SPURIOUS) | BASIN_CAN(BASIN_STATIONARY) | \
   BASIN_CAN(BASIN_DIVERGED) | BASIN_CAN(BASIN_UNRESOLVED))

#define MODEL_AT "the squared distance |a - a*|^2 + |v/|v| - v*|^2 to the global optimum"
#define MODEL_AT_SPURIOUS "the same to the spurious one"

#define MODEL_DYNAMICS(X) X(population) X(direct) X(projected) X(mixed) X(law) X(dataset)

#define MODEL_METHODS(X) X(direct) X(mixed) X(law) X(dataset)

/* in shared memory 64 registers and what they spill are 1.09 to 1.20 times as fast as the 82 to 117 of four blocks
   (resnet, on an H200) */
#define MODEL_TEAM_RESIDENT(shared, is) \
  ((shared) ? is(direct) || is(projected) || is(mixed) ? 8 : 4 : 3)

typedef conv_cell model_cell;

/* what is wrong with the gradient, or NULL */
static inline const char *conv_gradient_check(const basin_setting *setting) {
  const double k = (double)setting->teacher[0].length, p = (double)setting->teacher[1].length;
  const basin_gradient *g = &setting->gradient;
  const int projected = !strcmp(g->dynamics, "projected"), mixed = !strcmp(g->dynamics, "mixed");
  const double inputs = g->set_size ? 1 : (double)g->inputs;
  const double blocks = inputs * k *
                        (projected ? 1
                         : mixed   ? (double)(int64_t)((p + 3) / 4)
                                   : (double)law_blocks(&g->law, (int64_t)p));
  if (g->set_size && blocks > (double)(BASIN_VECTOR_MAX / 2))
    return "more than 2^25 random numbers an input: fewer or smaller patches";
  if (projected && p < 2)
    return "sampler projected needs p of at least 2: with p = 1 no direction is orthogonal to v";
  if (blocks > (double)(BASIN_VECTOR_MAX / 2))
    return "more than 2^25 random numbers a step: fewer inputs, or sampler projected";
  return NULL;
}

/* shift: see conv_cell; why: what is wrong with v_0, or NULL */
static inline const char *conv_model_prepare(const basin_setting *setting, double shift,
                                             const char *why, const char *key, basin_room *room,
                                             model_cell *cell, const char **where) {
  const char *wrong = conv_prepare(setting, shift, CONV_GROWS, room, cell, where);
  if (why) {
    *where = key;
    return why;
  }
  if (wrong) return wrong;
  cell->method = method_of(setting, cell->k + cell->p, 1);
  *where = "gradient";
  return conv_gradient_check(setting);
}

#endif
