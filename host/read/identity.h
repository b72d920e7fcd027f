/* SPDX-License-Identifier: MIT
 *
 * identity.h: three hashes. They say which random numbers a cell draws, which trials it has, and which experiment a
 * part on disk belongs to. Equal settings have equal hashes. Draws and parts are found by them: those two never change
 * for an experiment that could be read before.
 */
#ifndef BASIN_IDENTITY_H
#define BASIN_IDENTITY_H

#include "read/experiment.h"

/* of a cell's draws: its own parameters and coordinates, those in `same_draw` left out */
uint64_t basin_identity_draws(const basin_experiment *experiment, const basin_cell *cell);

/* of a cell's trials: everything that decides how they go, and neither what is kept of them nor where in a grid the
   cell stands. Cells of two experiments with the same one have the same trials. */
uint64_t basin_identity_trials(const basin_experiment *experiment, const basin_cell *cell);

/* of an experiment: everything that decides its output but `trials`, `until` and the texts */
uint64_t basin_identity(const basin_experiment *experiment);

#endif
