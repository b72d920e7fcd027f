/* SPDX-License-Identifier: MIT */
#include "run/choose.h"
#include "engine/cpu.h"
#include "engine/cuda.h"
#include "engine/blas.h"
#include "own/own.h"
#include <stdlib.h>
#include <string.h>

/* the first cell that the CUDA module cannot run, or -1: it has models of the build, and one of another origin may bear
   the name of one */
static int64_t beyond_cuda(const basin_experiment *e) {
  for (int64_t c = 0; c < e->cells; c++)
    if (e->cell[c].model->content ||
        !basin_cuda_has(e->cell[c].model->name, e->cell[c].setting.gradient.dynamics))
      return c;
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
    if (e->cell[beyond].model->content)
      return basin_fail(
          error, BASIN_BAD_INPUT,
          "model %s of cell %lld is not part of this build: such models run on the CPU, "
          "expected --backend cpu or auto",
          e->cell[beyond].model->name, (long long)beyond);
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

static int is_wanted(const basin_own_want *want, int wants, const basin_model *model,
                     const char *kind) {
  for (int i = 0; i < wants; i++)
    if (want[i].model == model && !strcmp(want[i].kind, kind)) return 1;
  return 0;
}

/* What the cells' models of other origin run on the CPU is compiled before there is anything to lose: all of it at
   once. */
static basin_status prepare(const basin_experiment *e, const basin_run_options *options,
                            basin_error *error) {
  enum { WANTS_MAX = 4 * BASIN_VARIANTS_MAX };
  basin_own_want want[WANTS_MAX];
  int wants = 0;
  for (int64_t c = 0; c < e->cells && wants < WANTS_MAX - 1; c++) {
    const basin_model *model = e->cell[c].model;
    const char *kind = e->cell[c].setting.gradient.dynamics;
    if (!model->content || is_wanted(want, wants, model, kind)) continue;
    want[wants++] = (basin_own_want){model, kind};
    if (e->inputs > 0 && model->norms && !is_wanted(want, wants, model, "input"))
      want[wants++] = (basin_own_want){model, "input"};
  }
  return basin_own_prepare(want, wants, basin_cpu_isa(options->isa), options->stop, error);
}

basin_status basin_choose(const basin_experiment *e, const basin_run_options *options,
                          basin_backend *backend, basin_error *error) {
  basin_status status = open_backend(e, options, backend, error);
  if (status) return status;
  status = prepare(e, options, error);
  if (!status && !backend->devices && has_products(e)) status = basin_blas_open(error);
  if (status) backend->close(backend->self);
  return status;
}
