/* SPDX-License-Identifier: MIT
 *
 * files.h: files that appear whole or not at all, and stay.
 */
#ifndef BASIN_FILES_H
#define BASIN_FILES_H

#include "error.h"

enum { BASIN_PATH_BYTES = 4096, BASIN_HOST_BYTES = 65 };

/* path.tmp-HOST-PID-RANDOM: a name that no other process has. 0 where it does not fit. */
int basin_temporary_name(const char *path, char temporary[BASIN_PATH_BYTES]);

/* Fsyncs the folder, or that of a path: a rename or a new entry lasts once its folder is synced. */
basin_status basin_sync_folder(const char *folder, basin_error *error);
basin_status basin_sync_folder_of(const char *path, basin_error *error);

/* Renames a finished, fsynced temporary file into place, for good. */
basin_status basin_publish(const char *temporary, const char *path, basin_error *error);

/* Makes a folder for good; one that exists will do. */
basin_status basin_make_folder(const char *path, basin_error *error);

/* Removes temporary files that killed processes left in the folder: names with `marker` in them, untouched for
   at least so many seconds. */
void basin_sweep(const char *folder, const char *marker, double seconds);
enum { BASIN_STALE_SECONDS = 3600 };

/* The same for the temporary files of one path. */
void basin_sweep_path(const char *path, double seconds);

/* All of them, whatever the system hands over at a time; 0 or -1. */
int basin_write_all(int file, const void *bytes, size_t count);
int basin_read_all(int file, void *bytes, size_t count);

#endif
