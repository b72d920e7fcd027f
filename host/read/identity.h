/* SPDX-License-Identifier: MIT
 *
 * identity.h: two hashes. One says which random numbers a cell draws, the other which experiment a part on disk belongs
 * to. Equal settings have equal hashes. Parts are found by them: they never change for an experiment that could be read
 * before.
 */
#ifndef BASIN_IDENTITY_H
#define BASIN_IDENTITY_H

#include "read/experiment.h"

/* of a cell's draws: its own parameters and coordinates, those in `same_draw` left out */
uint64_t basin_identity_draws(const basin_experiment *experiment, const basin_cell *cell);

/* of an experiment: everything that decides its output but `trials`, `until` and the texts */
uint64_t basin_identity(const basin_experiment *experiment);

#endif
