/* SPDX-License-Identifier: MIT
 *
 * cuda.h: the CUDA backend, in the module libbasin_cuda.so.
 *
 * The module is looked for where $BASIN_CUDA_MODULE says, else beside the program, in ../lib/basin from there, beside
 * libbasin.so and in basin/ from there. Once opened it stays open, and so do the devices' contexts.
 */
#ifndef BASIN_BACKEND_CUDA_H
#define BASIN_BACKEND_CUDA_H

#include "seam/cuda_module.h"
#include "seam/entry.h"
#include "base/error.h"

/* devices: their numbers, "0,2", or NULL for all; parts: how many are under way on each device at once, 0 for
   the default. BASIN_BAD_INPUT where `devices` names one that is not there, BASIN_FAILED with the reason where
   there is no module, no driver or no device. */
basin_status basin_cuda_open(const char *devices, int parts, basin_backend *backend,
                             basin_error *error);

/* whether there is a module, and it has the model with these dynamics */
int basin_cuda_has(const char *model, const char *dynamics);

/* Hands the module kernels of a model that is not part of the build (own/own.h); it must be there. */
basin_status basin_cuda_add(const basin_model *model, const char *kind, const void *kernels,
                            basin_error *error);

/* What the driver knows of: devices, and the CUDA versions of driver and runtime (1000 major + 10 minor). */
typedef struct basin_cuda_devices {
  int count, driver, runtime;
} basin_cuda_devices;

/* BASIN_FAILED with the reason where there is no module, no driver or no device */
basin_status basin_cuda_find(basin_cuda_devices *devices, basin_error *error);

/* one of them, by its number; BASIN_FAILED where it does not answer */
basin_status basin_cuda_describe(int device, basin_cuda_device *about, basin_error *error);

#endif
