/* SPDX-License-Identifier: MIT
 *
 * identity.h: what makes a cell's draws, and an experiment's parts, these and no others. Parts on disk are found by
 * these numbers: they never change for an experiment that could be read before.
 */
#ifndef BASIN_IDENTITY_H
#define BASIN_IDENTITY_H

#include "read/experiment.h"

/* of a cell's draws: its own parameters and coordinates, those in `same_draw` left out */
uint64_t basin_identity_draws(const basin_experiment *experiment, const basin_cell *cell);

/* of an experiment: everything that decides its output but `trials`, `until` and the texts */
uint64_t basin_identity(const basin_experiment *experiment);

#endif
