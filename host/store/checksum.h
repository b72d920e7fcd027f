/* SPDX-License-Identifier: MIT
 *
 * checksum.h: checksums of the variables of an output file.
 *
 * A checksum is XXH3-64 of the values in the order of the file, little-endian, the fill values too; of text every
 * string with the zero byte that ends it. A variable over cells and something more has a checksum per cell: they are a
 * variable of the same name in the group /checksum. Any other variable has one checksum: an attribute of that group.
 */
#ifndef BASIN_CHECKSUM_H
#define BASIN_CHECKSUM_H

#include <hdf5.h>
#include <stdint.h>

#define BASIN_CHECKSUMS "checksum" /* the group's name */

/* ---- while a variable is written ---- */

/* A variable in units (cells, or the whole) of the same length, which come in order. */
typedef struct basin_checksum {
  int64_t units, length; /* length: bytes of a unit; 0: as many as come */
  int64_t width;         /* bytes of an entry */
  unsigned char fill[8];
  int64_t unit, reached; /* where the next bytes go: what lies between is fill values */
  void *state;
  uint64_t *sum; /* [units] */
} basin_checksum;

/* fill: the value of entries that are never written; NULL: zero. 0, or -1 without memory. */
int basin_checksum_open(basin_checksum *checksum, int64_t units, int64_t length, int64_t width,
                        const void *fill);

/* Bytes of a unit from byte `at` on. -1 where they lie before what was there last. */
int basin_checksum_feed(basin_checksum *checksum, int64_t unit, int64_t at, const void *bytes,
                        int64_t count);

/* What has not come of the unit that is written is fill values: the next one. */
void basin_checksum_next(basin_checksum *checksum);

/* All that has not come is fill values: sum[] is complete. */
void basin_checksum_finish(basin_checksum *checksum);
void basin_checksum_close(basin_checksum *checksum);

/* ---- when it is read ---- */

/* The checksums of a file that is being read, and what has been compared with them. */
typedef struct basin_checks basin_checks;

/* A file without checksums comes from an older version: then nothing is compared. NULL without memory, or where the
   group is damaged. */
basin_checks *basin_checks_open(hid_t file, int64_t cells);
void basin_checks_close(basin_checks *checks);

/* Whether the variable's values of the cell are those that were written; read once, the first time. A variable that has
   no checksum is taken as it is: others may have added it. */
int basin_checks_intact(basin_checks *checks, const char *name, int64_t cell);

/* Whether all variables are that have checksums, but for those of text; how many these are. */
int basin_checks_all_intact(basin_checks *checks, int64_t *variables);

/* What was found damaged last; "" for nothing. */
const char *basin_checks_damage(const basin_checks *checks);

#endif
