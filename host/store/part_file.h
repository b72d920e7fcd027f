/* SPDX-License-Identifier: MIT
 *
 * part_file.h: what the files of a part share: part.c its arrays, part_file.c one file of it, parts.c a folder of them.
 */
#ifndef BASIN_PART_FILE_H
#define BASIN_PART_FILE_H

#include "store/part.h"
#include "base/files.h"

/* what is in the file, and all that a part in memory has */
enum { BASIN_PART_PIECES = 11, BASIN_PART_PIECES_ALL };

/* An array of a part. */
typedef struct basin_piece {
  void **array; /* the pointer's place */
  size_t bytes;
} basin_piece;

/* The arrays of the job's part with so many flights, in the order of its file; behind them those that are in none. */
void basin_part_pieces(basin_part *part, const basin_job *job, int64_t flights,
                       basin_piece piece[BASIN_PART_PIECES_ALL]);

/* Bytes in the file behind the header. */
double basin_part_file_bytes(const basin_job *job, int64_t flights);

/* As basin_part_allocate(), with flights. to_read: what is on disk is to be read, and may be anything. */
basin_status basin_part_allocate_with(const basin_job *job, int64_t flights, int to_read,
                                      basin_part *part, basin_error *error);

/* ---- names ---- */

#define BASIN_PART_SUFFIX ".part"
#define BASIN_SAVE_SUFFIX ".part.saved"

/* The range in a part's name; 0 where it is no such name. */
int basin_part_parse_name(const char *name, const char *suffix, basin_range *range);

/* ---- one file ---- */

/* Looks at a range's finished file: *range has its counts. whole: every byte is checked, else the header. */
basin_status basin_part_look(const char *folder, const basin_experiment *experiment, int whole,
                             basin_range *range, int *damaged, basin_error *error);

/* Refuses a file of a part half done that is of another experiment or version: it is in the way as a finished one. */
basin_status basin_part_check_saved(const char *path, const basin_experiment *experiment,
                                    basin_error *error);

#endif
