/* SPDX-License-Identifier: MIT
 *
 * difference.h: in which key two experiments differ, for messages.
 */
#ifndef BASIN_DIFFERENCE_H
#define BASIN_DIFFERENCE_H

#include "read/experiment.h"

enum { BASIN_DIFFERENCE_BYTES = 256 };

/* Names the first key, of those that decide about trials, in which the files with their settings differ:
   "schedule.0.eta is 0.2, in it 0.1". Grid and variants come last. "" where there is none. */
void basin_experiment_difference(const basin_experiment *now, const basin_experiment *before,
                                 char text[BASIN_DIFFERENCE_BYTES]);

#endif
