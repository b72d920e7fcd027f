/* SPDX-License-Identifier: MIT
 *
 * cpu.c: the backend that is always there. One thread per part, SIMD lanes over trials.
 */
#include "engine/cpu.h"
#include "own/own.h"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const isa_name[BASIN_ISAS] = {
#define BASIN_ISA_ROW(NAME, word) word,
    BASIN_ISA_TABLE(BASIN_ISA_ROW)
#undef BASIN_ISA_ROW
};

/* whether this machine can execute what was compiled for the instruction set */
static int isa_runs(int isa) {
#if BASIN_HAS_avx2
  if (isa == BASIN_ISA_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
#if BASIN_HAS_avx512
  if (isa == BASIN_ISA_AVX512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#endif
  return isa == BASIN_ISA_GENERIC;
}

int basin_cpu_isa(const char *name) {
  int best = -1;
  for (int isa = 0; isa < BASIN_ISAS; isa++)
    if (isa_runs(isa) && (!name || !strcmp(name, isa_name[isa]))) best = isa;
  return best;
}

const char *basin_cpu_isa_name(int isa) { return isa_name[isa]; }

int basin_cpu_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set)) return 1;
  return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}

/* the engines of all kinds whose states are arrays: those that leap, and the others */
#define ENGINES(isa) basin_run_any_arrays_##isa, basin_run_any_leaps_##isa
basin_engine ENGINES(generic), ENGINES(avx2), ENGINES(avx512);
static basin_engine *const in_arrays[BASIN_ISAS][2] = {
    [BASIN_ISA_GENERIC] = {ENGINES(generic)},
#if BASIN_HAS_avx2
    [BASIN_ISA_AVX2] = {ENGINES(avx2)},
#endif
#if BASIN_HAS_avx512
    [BASIN_ISA_AVX512] = {ENGINES(avx512)},
#endif
};

/* whether what the cell's engine needs is compiled */
static int is_ready(const basin_job *job, int isa) {
  const basin_dynamics *kind = basin_dynamics_of(job->model, job->setting);
  return job->setting->size.large || kind->run[isa] || kind->calls[isa];
}

basin_status basin_cpu_run(const basin_job *job, int isa, basin_part *part, basin_watch *watch) {
  const basin_dynamics *kind = basin_dynamics_of(job->model, job->setting);
  if (job->setting->size.large) /* one lane, by any instruction set */
    return in_arrays[BASIN_ISA_GENERIC][0](job->model->whole[isa], job, part, watch);
  if (kind->registers) return kind->run[isa](NULL, job, part, watch);
  return in_arrays[isa][kind->leaps](kind->calls[isa], job, part, watch);
}

static basin_worker_status cpu_run(void *self, int worker, const basin_job *job, basin_part *part,
                                   basin_watch *watch, basin_error *error) {
  const int isa = *(const int *)self;
  (void)worker;
  if (!is_ready(job, isa) &&
      basin_own_ready(job->model, job->setting->gradient.dynamics, isa, error))
    return BASIN_WORKER_FAILED;
  switch (basin_cpu_run(job, isa, part, watch)) {
  case BASIN_OK:
    return BASIN_WORKER_OK;
  case BASIN_INTERRUPTED:
    return BASIN_WORKER_PAUSED;
  case BASIN_BAD_INPUT:
    basin_setting_explain(job->setting, part->refused, error);
    return BASIN_WORKER_REFUSED;
  default:
    basin_fail_memory(error);
    return BASIN_WORKER_FAILED;
  }
}

static void cpu_close(void *self) { free(self); }

basin_status basin_cpu_open(const char *isa, int threads, basin_backend *backend,
                            basin_error *error) {
  const int chosen = basin_cpu_isa(isa);
  if (chosen < 0) {
    for (int i = 0; i < BASIN_ISAS; i++)
      if (!strcmp(isa, isa_name[i]))
        return basin_fail(error, BASIN_BAD_INPUT,
                          "--isa %s: this machine cannot execute it, expected %s at most", isa,
                          isa_name[basin_cpu_isa(NULL)]);
    return basin_fail(error, BASIN_BAD_INPUT, "--isa %s: expected generic, avx2 or avx512", isa);
  }
  int *self = malloc(sizeof *self);
  if (!self) return basin_fail_memory(error);
  *self = chosen;
  *backend = (basin_backend){.name = "cpu",
                             .workers = threads > 0 ? threads : basin_cpu_processors(),
                             .self = self,
                             .run = cpu_run,
                             .close = cpu_close};
  snprintf(backend->description, sizeof backend->description, "cpu, %s, %d thread%s",
           isa_name[chosen], backend->workers, backend->workers == 1 ? "" : "s");
  return BASIN_OK;
}
