/* SPDX-License-Identifier: MIT
 *
 * cpu.h: opens the CPU backend (seam/backend.h), which runs parts by the engine lanes.c, compiled for the instruction
 * set that is asked for or the best that the machine has.
 */
#ifndef BASIN_BACKEND_CPU_H
#define BASIN_BACKEND_CPU_H

#include "seam/backend.h"
#include "seam/entry.h"
#include "base/error.h"

/* isa: "generic", "avx2", "avx512", or NULL for the best; threads: its workers, 0 for as many as processors.
   BASIN_BAD_INPUT where the machine cannot execute that isa. */
basin_status basin_cpu_open(const char *isa, int threads, basin_backend *backend,
                            basin_error *error);

/* number of the named instruction set (NULL: the best) that this machine can execute, -1 where it cannot */
int basin_cpu_isa(const char *name);
const char *basin_cpu_isa_name(int isa);

/* Runs a part on the calling thread by the engine of the job's cell, which was checked, and is ready (own/own.h). See
   basin_engine. */
basin_status basin_cpu_run(const basin_job *job, int isa, basin_part *part, basin_watch *watch);

/* processors this process may use */
int basin_cpu_processors(void);

#endif
