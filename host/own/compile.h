/* SPDX-License-Identifier: MIT
 *
 * compile.h: runs the C compiler on the sources that the engines of a model are made of, several at a time. No shell
 * is asked.
 *
 *   basin_compilation job = {.name = "mine", .header = text, .source = "host/model/entry.c", .flag = flags};
 *   status = basin_compile(&job, 1, "/home/me/.cache/basin", NULL, &no_room, &error);
 *   dlopen(job.library, RTLD_NOW);                                       a temporary file: to be renamed or removed
 */
#ifndef BASIN_OWN_COMPILE_H
#define BASIN_OWN_COMPILE_H

#include "base/error.h"
#include "base/files.h"

enum { BASIN_OWN_FLAGS_MAX = 12 };

typedef struct basin_compilation {
  const char *name, *header;             /* of the model */
  const char *source;                    /* which of the sources */
  int cuda;                              /* whether nvcc compiles it */
  const char *flag[BASIN_OWN_FLAGS_MAX]; /* beside those that all have; NULL behind the last */
  char library[BASIN_PATH_BYTES];        /* what is made, a temporary file of its folder; or "" */
} basin_compilation;

/* All of them, or none. BASIN_BAD_INPUT with the compiler's first complaint; BASIN_FAILED where there is no compiler,
   no source, or (*no_room) the folder cannot take what is written; BASIN_INTERRUPTED where `stop` says so. */
basin_status basin_compile(basin_compilation *job, int jobs, const char *folder,
                           const volatile int *stop, int *no_room, basin_error *error);

/* Tells the nvcc that would be run from others: its file, with its size and its time; 0 where there is none. */
uint64_t basin_nvcc_identity(void);

/* The name of the compiler that would be run, or NULL. */
const char *basin_compiler(char path[BASIN_PATH_BYTES]);

#endif
