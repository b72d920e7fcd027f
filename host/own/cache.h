/* SPDX-License-Identifier: MIT
 *
 * cache.h: the folder where compiled models are kept. What is in it is loaded into the program, so nobody else may
 * write to it: a folder of another user, or one that others may write to or rename, is refused.
 *
 *   status = basin_cache_find(folder, &error);
 *   void *library = basin_cache_open(folder, key);                             NULL: make it, then basin_cache_put()
 *
 * A library KEY.so has a seal behind its last byte: a hash of its bytes and its name, so that one that is damaged, cut
 * off or another's is not loaded. It is put in place by renaming, so any number of processes may do so at once. Beyond
 * 256 MiB those go that were not used for longest.
 */
#ifndef BASIN_OWN_CACHE_H
#define BASIN_OWN_CACHE_H

#include "base/error.h"
#include "base/files.h"

/* Where the user's folder is, or is to be; 0 where nothing says. */
int basin_cache_place(char folder[BASIN_PATH_BYTES]);

/* The user's folder, made where it is missing; "" where there can be none: no home, or it cannot be written to.
   BASIN_FAILED where it must not be used, with what to do. */
basin_status basin_cache_find(char folder[BASIN_PATH_BYTES], basin_error *error);

/* A folder for this time only, and its end with all that is in it. */
basin_status basin_cache_make_private(char folder[BASIN_PATH_BYTES], basin_error *error);
void basin_cache_remove_private(const char *folder);

/* The library of that key, opened; NULL where it is missing, or not whole. */
void *basin_cache_open(const char *folder, const char *key);

/* Seals the library that was just made, and puts it in place as that of the key. 0, or -1 where that cannot be. */
int basin_cache_put(const char *folder, const char *key, const char *library);

#endif
