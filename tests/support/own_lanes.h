/* SPDX-License-Identifier: MIT
 *
 * own_lanes.h: what an object made of own_lanes.c exports:
 *
 *   own_lanes_run *run = dlsym(library, "own_lanes");
 *   states = run("momentum", &setting, 0, 10, 100, state, observed, ended, &why);
 */
#ifndef BASIN_TESTS_OWN_LANES_H
#define BASIN_TESTS_OWN_LANES_H

#include "seam/setting.h"

/* Trials first, first + 1, ... from their starts, so many steps each. state [trials][states], observed
   [trials][observables]; ended [trials]: a bit for every outcome of the rule. Returns the states; -1 where the setting
   is refused, and why. */
typedef int64_t own_lanes_run(const char *kind, const basin_setting *setting, int64_t first,
                              int64_t trials, int steps, double *state, double *observed,
                              int *ended, const char **why);

/* "own_lanes_input": loss and derivatives, out [1 + entries], on fresh input `number` at these vectors, as
   host/engine/input_sums.c computes them. Of models with inputs. */
typedef void own_lanes_input_run(const basin_setting *setting, const double *vectors,
                                 int64_t entries, int64_t trial, int64_t number, double *out);

#endif
