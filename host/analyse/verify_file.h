/* SPDX-License-Identifier: MIT
 *
 * verify_file.h: the models of an experiment file put to the test, each with every kind of dynamics that it has, at
 * starts and settings of the file's cells (checks.h).
 *
 *   basin_verify_file(experiment, seed, &file, &error);
 *   for (int i = 0; i < file.checks; i++) file.check[i].kind, file.variant[i], ...
 *   basin_verified_file_free(&file);
 */
#ifndef BASIN_VERIFY_FILE_H
#define BASIN_VERIFY_FILE_H

#include "analyse/checks.h"

typedef struct basin_verified_file {
  int checks;
  basin_check *check; /* [checks] */
  int *variant;       /* [checks] its number in the experiment, or -1 */
} basin_verified_file;

/* the cells of a variant that are looked at, evenly among all, and the starts of each */
enum { BASIN_VERIFY_CELLS = 4, BASIN_VERIFY_STARTS = 2 };

/* Of a variant whose model is that of the one before, its own kind alone. To be freed in any case. */
basin_status basin_verify_file(const basin_experiment *experiment, uint64_t seed,
                               basin_verified_file *file, basin_error *error);
void basin_verified_file_free(basin_verified_file *file);

#endif
