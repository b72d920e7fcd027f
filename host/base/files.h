/* SPDX-License-Identifier: MIT
 *
 * files.h: how basin writes files, so that they appear whole or not at all and last once they are there; and how it
 * opens, sets aside and removes what may not be its own.
 */
#ifndef BASIN_FILES_H
#define BASIN_FILES_H

#include "base/error.h"
#include <stdio.h>

enum { BASIN_PATH_BYTES = 4096, BASIN_HOST_BYTES = 65 };

/* path.tmp-HOST-PID-RANDOM: a name that no other process has. 0 where it does not fit. */
int basin_temporary_name(const char *path, char temporary[BASIN_PATH_BYTES]);

/* Whether an output of that path can be written: with what its temporary names and its folder of parts add to it,
   it must not be longer than the file system takes. */
basin_status basin_check_output_name(const char *path, basin_error *error);

/* The folder, with its slash, of the program, or of the library that this is in; 0 where it is not known. */
int basin_folder_of_program(int library, char path[BASIN_PATH_BYTES]);

/* Fsyncs the folder, or that of a path: a rename or a new entry lasts once its folder is synced. */
basin_status basin_sync_folder(const char *folder, basin_error *error);
basin_status basin_sync_folder_of(const char *path, basin_error *error);

/* Renames a finished, fsynced temporary file into place, for good. */
basin_status basin_publish(const char *temporary, const char *path, basin_error *error);

/* Makes a folder for good; one that exists will do. */
basin_status basin_make_folder(const char *path, basin_error *error);

/* Whether anything has that name, a link that leads nowhere too; and whether it is a symbolic link. */
int basin_is_there(const char *path);
int basin_is_link(const char *path);

/* Whether something is there that is no plain file, nor a link to one: a folder, a pipe, a link that leads nowhere. */
int basin_is_irregular(const char *path);

/* Opens a plain file to be read, and waits for nobody. -1 with errno, or BASIN_IRREGULAR. */
enum { BASIN_IRREGULAR = -2 };
int basin_open_regular(const char *path);
FILE *basin_open_stream(const char *path);

/* What stands at the path and is no plain file, a link included, gets another name, which is in `aside` then: it is
   not ours to remove. 0, or -1 with errno. */
int basin_set_aside(const char *path, char aside[BASIN_PATH_BYTES]);

/* Removes temporary files that killed processes left in the folder: those of the names for which is_ours says
   so, untouched for at least so many seconds. Those of a process that runs stay; of another machine's, which
   nobody here can tell, those stay that were touched in the last BASIN_STALE_SECONDS. */
void basin_sweep(const char *folder, int (*is_ours)(const char *base, const void *context),
                 const void *context, double seconds);
enum { BASIN_STALE_SECONDS = 3600 };

/* For is_ours: the very name that the context is. */
int basin_is_same_name(const char *base, const void *name);

/* The same for the temporary files of one path. */
void basin_sweep_path(const char *path, double seconds);

/* All of them, whatever the system hands over at a time; 0 or -1. */
int basin_write_all(int file, const void *bytes, size_t count);
int basin_read_all(int file, void *bytes, size_t count);
/* The same; *hash becomes basin_hash() of them that goes on from *hash. */
int basin_read_hashed(int file, void *bytes, size_t count, uint64_t *hash);

#endif
