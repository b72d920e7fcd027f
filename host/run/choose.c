/* SPDX-License-Identifier: MIT */
#include "run/choose.h"
#include "engine/blas.h"
#include "engine/cpu.h"
#include "engine/cuda.h"
#include "own/own.h"
#include <stdio.h>
#include <string.h>

/* ---- models that are not part of the build ---- */

enum { WANTS_MAX = 4 * BASIN_VARIANTS_MAX };

static int is_wanted(const basin_own_want *want, int wants, const basin_model *model,
                     const char *kind) {
  for (int i = 0; i < wants; i++)
    if (want[i].model == model && !strcmp(want[i].kind, kind)) return 1;
  return 0;
}

/* Which engines the cells need; returns how many: those that step trials, and those of estimates, as asked. */
static int find_wants(const basin_experiment *e, int steps, int estimates,
                      basin_own_want want[WANTS_MAX]) {
  int wants = 0;
  for (int64_t c = 0; c < e->cells && wants < WANTS_MAX - 1; c++) {
    const basin_model *model = e->cell[c].model;
    const char *kind = e->cell[c].setting.gradient.dynamics;
    if (!model->content) continue;
    if (steps && !is_wanted(want, wants, model, kind))
      want[wants++] = (basin_own_want){model, kind};
    if (estimates && e->inputs > 0 && model->has_inputs && !is_wanted(want, wants, model, "input"))
      want[wants++] = (basin_own_want){model, "input"};
  }
  return wants;
}

/* What is run on the CPU is compiled before there is anything to lose: all of it at once. Estimates always are. */
static basin_status prepare(const basin_experiment *e, const basin_run_options *options,
                            int devices, basin_error *error) {
  basin_own_want want[WANTS_MAX];
  const int wants = find_wants(e, !devices, 1, want);
  return basin_own_prepare(want, wants, basin_cpu_isa(options->isa), options->stop, error);
}

/* the kernels of such models, one after another */
static basin_status add_kernels(const basin_experiment *e, const basin_run_options *options,
                                basin_error *error) {
  basin_own_want want[WANTS_MAX];
  const int wants = find_wants(e, 1, 0, want);
  basin_status status = BASIN_OK;
  for (int i = 0; i < wants && !status; i++) {
    const void *kernels = NULL;
    status = basin_own_kernels(want[i].model, want[i].kind, options->stop, &kernels, error);
    if (!status) status = basin_cuda_add(want[i].model, want[i].kind, kernels, error);
  }
  return status;
}

/* and where they cannot be had, the CPU is there, for who has not asked for devices */
static basin_status go_on_without(const basin_run_options *options, const basin_error *why,
                                  basin_backend *backend, basin_error *error) {
  char text[sizeof why->text + 64];
  snprintf(text, sizeof text, "%s; going on with the CPU", why->text);
  if (options->warn) options->warn(text);
  return basin_cpu_open(NULL, options->threads, backend, error);
}

/* ---- the backend ---- */

/* whether any cell's products are a BLAS's */
static int wants_blas(const basin_experiment *e) {
  int any = 0;
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_network *network = e->cell[c].setting.network;
    any |= network && network->blas;
  }
  return any;
}

/* the first cell that the CUDA module cannot run, or -1 */
static int64_t beyond_cuda(const basin_experiment *e) {
  for (int64_t c = 0; c < e->cells; c++)
    if (!e->cell[c].model->content &&
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
  if (wants_blas(e)) {
    if (cuda || options->devices)
      return basin_fail(
          error, BASIN_BAD_INPUT,
          "products: blas is for the CPU: with the backend cuda leave it out, or take "
          "--backend cpu");
    const basin_status status = basin_blas_open(error);
    return status ? status : basin_cpu_open(options->isa, options->threads, backend, error);
  }
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
  if (status) return status;
  const basin_status added = add_kernels(e, options, &reason);
  if (!added) return BASIN_OK;
  backend->close(backend->self);
  if (added != BASIN_INTERRUPTED && !cuda && !options->devices)
    return go_on_without(options, &reason, backend, error);
  *error = reason;
  return added;
}

basin_status basin_choose(const basin_experiment *e, const basin_run_options *options,
                          basin_backend *backend, basin_error *error) {
  basin_status status = open_backend(e, options, backend, error);
  if (status) return status;
  status = prepare(e, options, backend->devices, error);
  if (status) backend->close(backend->self);
  return status;
}
