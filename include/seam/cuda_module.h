/* SPDX-License-Identifier: MIT
 *
 * cuda_module.h: the seam between the program and libbasin_cuda.so, the module with the CUDA backend.
 *
 * The program links no CUDA library: it opens the module with dlopen (host/engine/cuda.c) and calls through
 * the table that the one exported function returns. Both sides are compiled from the headers of this folder;
 * `abi`, `layout` and `version` tell a module that was not.
 *
 *   basin_cuda_entry *entry = (basin_cuda_entry *)dlsym(dlopen("libbasin_cuda.so", RTLD_NOW), BASIN_CUDA_ENTRY);
 *   const basin_cuda_module *module = entry();
 *   module->open(0, &worker, &error);                               a stream of device 0
 *   status = module->run(worker, &job, &part, &watch, &error);
 *   module->close(worker);
 */
#ifndef BASIN_SEAM_CUDA_MODULE_H
#define BASIN_SEAM_CUDA_MODULE_H

#include "seam/backend.h"

/* raised with every change of what is declared below or in cuda/lanes/lanes.h, or of what their functions mean */
#define BASIN_CUDA_ABI 7

/* What there is to know of a device before it is used. */
typedef struct basin_cuda_device {
  char name[64];
  int major, minor;    /* compute capability */
  int multiprocessors; /* number of them */
  int64_t memory;      /* bytes */
} basin_cuda_device;

/* What runs parts, one at a time: a stream of a device with its buffers. */
typedef struct basin_cuda_worker basin_cuda_worker;

typedef struct basin_cuda_module {
  int abi;             /* BASIN_CUDA_ABI */
  uint64_t layout;     /* BASIN_LAYOUT_WORD, which the build makes of the headers of the seam */
  const char *version; /* BASIN_VERSION */

  /* the number of devices, and the CUDA versions of driver and runtime (1000 major + 10 minor); BASIN_WORKER_FAILED
     with the runtime's reason where no device answers */
  basin_worker_status (*devices)(int *count, int *driver, int *runtime, basin_error *error);
  basin_worker_status (*describe)(int device, basin_cuda_device *about, basin_error *error);

  /* whether the module was built with the model, and with this kind of dynamics */
  int (*has)(const char *model, const char *kind);

  /* BASIN_WORKER_FAILED (out of memory) or BASIN_WORKER_LOST (the device does not do it) */
  basin_worker_status (*open)(int device, basin_cuda_worker **worker, basin_error *error);

  /* as basin_backend.run, and BASIN_WORKER_STARVED; BASIN_WORKER_FAILED where the module has no such model, or
     the host no memory */
  basin_worker_status (*run)(basin_cuda_worker *worker, const basin_job *job, basin_part *part,
                             basin_watch *watch, basin_error *error);

  /* Bytes that `run` would take of the device's memory; takes none. `buffers`: for this job or any that was asked about
     before, whichever needs more, until the worker is closed. `inputs`: the cell's data set, once for all workers of
     the device. BASIN_WORKER_LOST (the device does not answer) or BASIN_WORKER_FAILED, as run. */
  basin_worker_status (*need)(basin_cuda_worker *worker, const basin_job *job, int64_t *buffers,
                              int64_t *inputs, basin_error *error);
  void (*close)(basin_cuda_worker *worker);

  /* Kernels of a model that is not part of the build, for that very entry: the lane_model that cuda/lanes/lanes.cu
     exports, compiled with its header and BASIN_MODEL `own`. From now on `run` takes it. BASIN_WORKER_FAILED (out of
     memory) */
  basin_worker_status (*add)(const struct basin_model *model, const char *kind, const void *kernels,
                             basin_error *error);
} basin_cuda_module;

/* the exported function */
#define BASIN_CUDA_ENTRY "basin_cuda_module_table"
typedef const basin_cuda_module *basin_cuda_entry(void);

#endif
