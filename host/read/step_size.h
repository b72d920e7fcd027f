/* SPDX-License-Identifier: MIT
 *
 * step_size.h: a step size of a stage, as the file has it: a number, A/(t + 1)^p, or any other expression of t, the
 * steps since the trial began.
 *
 *   schedule: [{steps: 1000, eta: 0.1*t/1000}, {eta: 0.1/sqrt(t/1000)}]
 *
 * Of the models that know it (MODEL_DECAYS) A/(t + 1)^p is two numbers, with which the step itself computes. All else
 * that depends on t moves: the stage has an expression whose values the engines look up (seam/paces.h). It must be a
 * step size at every step that a trial takes. Some steps are tried here; at another one the run ends, which says where.
 */
#ifndef BASIN_STEP_SIZE_H
#define BASIN_STEP_SIZE_H

#include "read/scope.h"

/* Step size number i of a stage, whose first step is `begun`, into stage->eta and stage->moving. */
basin_status basin_step_size_read(basin_scope *scope, const basin_node *node, const char *what,
                                  int64_t begun, int i, basin_stage *stage, basin_error *error);

/* All step sizes of a stage that move, once it is known how many steps a trial may take: whether they are any; and how
   large they become. */
basin_status basin_step_sizes_check(basin_stage *stage, int64_t begun, int64_t max_steps,
                                    basin_error *error);
void basin_step_sizes_free(const basin_stage *stage);

#endif
