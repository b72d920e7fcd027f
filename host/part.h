/* SPDX-License-Identifier: MIT
 *
 * part.h: a part in memory and on disk.
 *
 * On disk a part is one file, little-endian: a header of fixed size with its own checksum, then the arrays
 * of basin_part one after another under a second checksum (XXH3-64). It is written under a temporary name,
 * fsynced and renamed, and the folder is fsynced; from then on it is acknowledged and never touched.
 */
#ifndef BASIN_PART_H
#define BASIN_PART_H

#include "experiment.h"

/* Which trials a part holds, and how they ended. */
typedef struct basin_range {
  int64_t cell, first, count;
  int64_t outcomes[BASIN_OUTCOMES_MAX];
} basin_range;

/* The job of a range of trials; final[] and observable[] are filled with the model's indices, and hold
   experiment->finals and experiment->observables entries (-1: the model has no such observable). */
void basin_part_job(const basin_experiment *experiment, int64_t cell, int64_t first, int64_t count,
                    int *final, int *observable, basin_job *job);

/* Allocates the arrays of the part that the job asks for. */
basin_status basin_part_allocate(const basin_job *job, basin_part *part, basin_error *error);
void basin_part_free(basin_part *part);

/* Bytes of those arrays. */
double basin_part_bytes(const basin_job *job);

/* Writes the part into the folder and acknowledges it. */
basin_status basin_part_write(const char *folder, uint64_t identity, int64_t cell,
                              const basin_job *job, const basin_part *part, basin_error *error);

/* The part files in the folder, sorted by cell and first trial. Damaged ones are left out and counted. A
   part of another experiment is BASIN_BAD_INPUT. */
basin_status basin_part_list(const char *folder, const basin_experiment *experiment,
                             basin_range **range, int64_t *ranges, int64_t *damaged,
                             basin_error *error);

/* Reads the part of a range back; its arrays are allocated. */
basin_status basin_part_read(const char *folder, const basin_experiment *experiment,
                             const basin_range *range, basin_part *part, basin_error *error);

/* Sorts by cell, then first trial. */
void basin_range_sort(basin_range *range, int64_t ranges);

/* Removes the part files and the folder. */
void basin_part_remove_all(const char *folder);

#endif
