/* SPDX-License-Identifier: MIT
 *
 * backend.h: the seam between who decides what to run (host/run) and what runs it.
 *
 * The host hands parts to the workers of a backend, one call a part; nothing else crosses the seam while trials run. On
 * the CPU (host/engine/cpu.h) with four workers:
 *
 *   basin_cpu_open(NULL, 4, &backend, &error);
 *   status = backend.run(backend.self, worker, &job, &part, &watch, &error);       in each thread, worker 0 .. 3
 *   if (status == BASIN_WORKER_PAUSED) save the part; the same call goes on with it;
 *   backend.close(backend.self);
 */
#ifndef BASIN_SEAM_BACKEND_H
#define BASIN_SEAM_BACKEND_H

#include "seam/entry.h"

/* What came of a worker's call. */
typedef enum basin_worker_status {
  BASIN_WORKER_OK,
  BASIN_WORKER_PAUSED, /* the part is half done */
  BASIN_WORKER_FAILED, /* the host has no memory, or lacks what the part needs: no worker would do better */
  BASIN_WORKER_REFUSED, /* the experiment asks for what cannot be: error->text says what, and where it is asked for */

  /* this worker is gone (its device failed), and nothing that this call did counts; others may run the part.
     error->text is the reason, "" where another worker has given it already */
  BASIN_WORKER_LOST,

  /* from the CUDA module alone, not from a backend: as BASIN_WORKER_LOST, but all that is amiss is memory of the
     device, which other workers may have; it is given back when the worker is closed */
  BASIN_WORKER_STARVED
} basin_worker_status;

/* A backend. run may be called from `workers` threads at once, each with its own worker number. */
typedef struct basin_backend {
  const char *name;
  int workers;
  int devices; /* with memory of their own, worker i at device i % devices; 0: the workers use the machine's */
  char description[128]; /* one line for `basin info` and the provenance */
  void *self;
  basin_worker_status (*run)(void *self, int worker, const basin_job *job, basin_part *part,
                             basin_watch *watch, basin_error *error);

  /* Bytes that worker 0 would take of its device's memory. *buffers: for this job or any asked about before, whichever
     needs more; *inputs: for the data set of the job's cell. Returns 0, or not 0 where the device does not tell. NULL
     without devices. */
  int (*need)(void *self, const basin_job *job, int64_t *buffers, int64_t *inputs);
  void (*close)(void *self);
} basin_backend;

#endif
