/* SPDX-License-Identifier: MIT
 *
 * until.h: `until`, the precision that an experiment asks for.
 */
#ifndef BASIN_UNTIL_H
#define BASIN_UNTIL_H

#include "read/experiment.h"

/* How many trials a cell should have, given its first `trials` with that many successes. A function of these
   alone, so that an interrupted run asks for the same. Returns `trials` where they suffice. */
int64_t basin_until_enough(const basin_experiment *experiment, int64_t trials, int64_t successes);

#endif
