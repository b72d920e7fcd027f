/* SPDX-License-Identifier: MIT
 *
 * part.h: a part in memory and on disk.
 *
 * On disk a part is one file, little-endian: a header of fixed size with its own checksum, then the arrays
 * of basin_part one after another under a second checksum (XXH3-64). It is written under a temporary name,
 * fsynced and renamed, and the folder is fsynced; from then on it is acknowledged and never touched. Its
 * name and every byte follow from the experiment and the range alone, so that two processes that run the
 * same part by mistake write the same file.
 *
 * A part that was paused half done is kept likewise, under another name, until it is finished.
 */
#ifndef BASIN_PART_H
#define BASIN_PART_H

#include "read/experiment.h"

/* Which trials a part holds, and how they ended. */
typedef struct basin_range {
  int64_t cell, first, count;
  int64_t steps; /* of all trials together */
  int64_t outcomes[BASIN_OUTCOMES_MAX];
} basin_range;

/* The part files of a folder. */
typedef struct basin_parts {
  basin_range *range; /* [count] sound ones, sorted by cell and first trial, the longer first */
  int64_t count;
  basin_range *damaged; /* [damageds] the ranges in the names of damaged ones, sorted likewise */
  int64_t damageds;
} basin_parts;

/* The job of a range of trials. */
basin_job basin_part_job(const basin_experiment *experiment, int64_t cell, int64_t first,
                         int64_t count);

/* Allocates the arrays of the part that the job asks for; no trial has ended. */
basin_status basin_part_allocate(const basin_job *job, basin_part *part, basin_error *error);
void basin_part_free(basin_part *part);

/* Bytes of those arrays. */
double basin_part_bytes(const basin_job *job);

/* Counts how the trials ended. */
void basin_part_count(const basin_part *part, basin_range *range);

/* Writes the part into the folder and acknowledges it. */
basin_status basin_part_write(const char *folder, uint64_t identity, int64_t cell,
                              const basin_job *job, const basin_part *part, basin_error *error);

/* Keeps a part that is half done, in place of what was kept of it before. */
basin_status basin_part_save(const char *folder, uint64_t identity, int64_t cell,
                             const basin_job *job, const basin_part *part, basin_error *error);

/* Takes up what was kept of the job's part, into an allocated one. Nothing kept, or damaged: no trial has
   ended, BASIN_OK. */
basin_status basin_part_resume(const char *folder, const basin_experiment *experiment, int64_t cell,
                               const basin_job *job, basin_part *part, basin_error *error);

/* Lists the folder; one that does not exist is empty. whole: read the files to their end and check every
   byte, else the headers. A part of another experiment or version is BASIN_BAD_INPUT. */
basin_status basin_parts_list(const char *folder, const basin_experiment *experiment, int whole,
                              basin_parts *parts, basin_error *error);

/* Parts of cells that an experiment which refines does not have yet are passed over; when it has grown this adds those
   of cells from `first` on to a list that ends before them. */
basin_status basin_parts_add(const char *folder, const basin_experiment *experiment, int64_t first,
                             int whole, basin_parts *parts, basin_error *error);
void basin_parts_free(basin_parts *parts);

/* Whether the part of this very range is there, and damaged. */
int basin_parts_damaged(const basin_parts *parts, const basin_range *range);

/* Reads the part of a range back; its arrays are allocated. *damaged (may be NULL): its bytes are not what
   was written, and nothing is allocated; without it that is BASIN_FAILED. */
basin_status basin_part_read(const char *folder, const basin_experiment *experiment,
                             const basin_range *range, basin_part *part, int *damaged,
                             basin_error *error);

enum { BASIN_PART_NAME = 80 };

/* The name of a range's file, without its folder. */
void basin_part_name(const basin_range *range, char name[BASIN_PART_NAME]);

/* Whether x stands before y: by cell, then first trial, then the longer first; and a sort into that order. */
int basin_range_before(const basin_range *x, const basin_range *y);
void basin_range_sort(basin_range *range, int64_t ranges);

/* Whether that is the name of a part, finished or saved, or of whatever else of ours is in their folder: for
   basin_sweep. And whether any part is in the folder. */
int basin_is_part_name(const char *name, const void *context);
int basin_is_ours_among_parts(const char *name, const void *context);
int basin_parts_any(const char *folder);

/* Removes the part files, the charter beside them (charter.h) and the folder. What else is in it stays, and so does all
   that a symbolic link leads to: then -1. */
int basin_parts_remove(const char *folder);

#endif
