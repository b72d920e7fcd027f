/* SPDX-License-Identifier: MIT */
#include "run/choose.h"
#include "engine/cpu.h"
#include "engine/cuda.h"
#include "engine/blas.h"
#include <string.h>

/* the first cell that the CUDA module cannot run, or -1 */
static int64_t beyond_cuda(const basin_experiment *e) {
  for (int64_t c = 0; c < e->cells; c++)
    if (!basin_cuda_has(e->cell[c].model->name, e->cell[c].setting.gradient.dynamics)) return c;
  return -1;
}

static basin_status open_backend(const basin_experiment *e, const basin_run_options *options,
                                 basin_backend *backend, basin_error *error) {
  const char *name = options->backend ? options->backend : "auto";
  const int cuda = !strcmp(name, "cuda"), cpu = !strcmp(name, "cpu");
  basin_error reason;
  if (!cpu && !cuda && strcmp(name, "auto") != 0)
    return basin_fail(error, BASIN_BAD_INPUT, "--backend %s: expected auto, cpu or cuda", name);
  if (options->devices && cpu)
    return basin_fail(error, BASIN_BAD_INPUT, "--devices: goes with the backend cuda, not cpu");
  if (options->isa && (cuda || options->devices))
    return basin_fail(error, BASIN_BAD_INPUT, "--isa: goes with the backend cpu, not cuda");
  if (cpu || options->isa) return basin_cpu_open(options->isa, options->threads, backend, error);
  const basin_status status = basin_cuda_open(options->devices, options->threads, backend, &reason);
  if (status == BASIN_FAILED && !cuda && !options->devices)
    return basin_cpu_open(NULL, options->threads, backend, error);
  if (status == BASIN_FAILED)
    return basin_fail(error, BASIN_BAD_INPUT, "no CUDA device to run on: %.900s", reason.text);
  const int64_t beyond = status ? -1 : beyond_cuda(e);
  if (beyond >= 0) {
    backend->close(backend->self);
    if (!cuda && !options->devices) return basin_cpu_open(NULL, options->threads, backend, error);
    return basin_fail(
        error, BASIN_BAD_INPUT,
        "libbasin_cuda.so lacks the model %s with the gradient of cell %lld, expected "
        "--backend cpu or auto",
        e->cell[beyond].model->name, (long long)beyond);
  }
  *error = reason;
  return status;
}

static int has_products(const basin_experiment *e) {
  for (int64_t c = 0; c < e->cells; c++)
    if (e->cell[c].setting.gradient.set_size > 0) return 1;
  return 0;
}

basin_status basin_choose(const basin_experiment *e, const basin_run_options *options,
                          basin_backend *backend, basin_error *error) {
  const basin_status status = open_backend(e, options, backend, error);
  if (status || backend->devices || !has_products(e) || !basin_blas_open(error)) return status;
  backend->close(backend->self);
  return BASIN_FAILED;
}
