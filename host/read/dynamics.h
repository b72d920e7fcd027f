/* SPDX-License-Identifier: MIT
 *
 * dynamics.h: keys `gradient`, `method`, `noise` and `on_divergence`: what a step of a cell does.
 */
#ifndef BASIN_DYNAMICS_H
#define BASIN_DYNAMICS_H

#include "read/scope.h"

/* The kinds of dynamics that keys of their own choose; every other kind that a model has is a method of its name. */
typedef struct basin_keyed {
  const char *kind;        /* as in MODEL_DYNAMICS */
  const char *key, *words; /* `gradient`, `method` or `noise`, and what stands there, in words */
  const char *sampler, *precision; /* of fresh inputs; else NULL */
  int needs_inputs;                /* whether it must be said of how many inputs */
} basin_keyed;

/* NULL: none of them */
const basin_keyed *basin_keyed_find(const char *kind);

/* The methods that kinds of MODEL_METHODS take: the word of a number, and the options of all, each `of` its word. */
const char *basin_method_name(int method);
const basin_symbol *basin_method_options(int *count);

/* The keys' nodes, each NULL where it is not given. */
typedef struct basin_dynamics_keys {
  const basin_node *gradient, *method, *noise, *on_divergence;
} basin_dynamics_keys;

/* The law of inputs (numeric/law.h): a word, or {student: {degrees: nu}}. */
basin_status basin_law_read(basin_scope *scope, const basin_node *node, basin_input_law *law,
                            basin_error *error);

/* Reads them into setting->gradient and setting->halve; a stop.at_gradient of the setting must go with them. Without
   `gradient` and `method` it is the model's first kind, with its defaults. place: of the cell's settings, for errors.
   BASIN_BAD_INPUT, with the place and the reason, where a key is wrong or the model has no such dynamics. */
basin_status basin_dynamics_read(basin_scope *scope, const basin_dynamics_keys *keys,
                                 basin_place place, const basin_node *stop, basin_setting *setting,
                                 basin_error *error);

#endif
