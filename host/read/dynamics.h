/* SPDX-License-Identifier: MIT
 *
 * dynamics.h: keys `gradient`, `method` and `on_divergence`: what a step of a cell does.
 */
#ifndef BASIN_DYNAMICS_H
#define BASIN_DYNAMICS_H

#include "read/scope.h"

/* The keys' nodes, each NULL where it is not given. */
typedef struct basin_dynamics_keys {
  const basin_node *gradient, *method, *on_divergence;
} basin_dynamics_keys;

/* Reads them into setting->gradient and setting->halve; a stop.at_gradient of the setting must go with them. */
basin_status basin_dynamics_read(basin_scope *scope, const basin_dynamics_keys *keys,
                                 const basin_node *stop, basin_setting *setting,
                                 basin_error *error);

#endif
