/* SPDX-License-Identifier: MIT
 *
 * own.h: a model that is not part of the build. Its header, a text by the contract of seam/model.h, is compiled while
 * the program runs, by the C compiler that is there, and kept: the same text needs no compiler the next time.
 *
 *   status = basin_own_load("mine", header_text, place, &model, &error);           an entry as of any other model
 *   status = basin_own_ready(model, "population", basin_cpu_isa(NULL), &error);    and kind[].run[isa] or calls[isa] is
 *
 * The entry is compiled at once, quickly (host/model/entry.c). An engine, or what that of states in arrays calls, is
 * (host/engine/lanes.c, calls.c, input_sums.c) once it is needed, for one kind of dynamics and instruction set, with
 * the flags of the build. Data sets are left out: their kind is not in the model.
 *
 * The compiler is $BASIN_CC, or else cc, gcc or clang. Libraries are kept in $BASIN_CACHE, or else in basin/ of
 * $XDG_CACHE_HOME or ~/.cache (cache.h); they are named by the text, the sources and the flags, not by the compiler,
 * for what any of them makes of these gives the same bits; kernels by nvcc too, for it decides which drivers run them.
 */
#ifndef BASIN_OWN_H
#define BASIN_OWN_H

#include "seam/entry.h"
#include "base/error.h"

/* The entry of the header, named so: one word of C. The same name and text give the same pointer; it is kept to the end
   of the process. BASIN_BAD_INPUT at the place with the compiler's first complaint, or BASIN_FAILED where there is no
   compiler, or no place to put what it makes. */
basin_status basin_own_load(const char *name, const char *header, basin_place place,
                            const basin_model **model, basin_error *error);

/* Whether the entry of that name and text is compiled already, in this process or in the cache. */
int basin_own_has(const char *name, const char *header);

/* A kind of dynamics, or `input` for the sums over single inputs, that is going to be run. */
typedef struct basin_own_want {
  const basin_model *model;
  const char *kind;
} basin_own_want;

/* Makes what is wanted ready for the instruction set: kind[].run[isa] or kind[].calls[isa], or sum_inputs[isa]. What
   must be compiled is compiled at the same time. Models of the build are ready. BASIN_INTERRUPTED where `stop` is not
   NULL, and not 0. */
basin_status basin_own_prepare(const basin_own_want *want, int wants, int isa,
                               const volatile int *stop, basin_error *error);
basin_status basin_own_ready(const basin_model *model, const char *kind, int isa,
                             basin_error *error);

/* The same for CUDA, of one kind: the table that cuda/lanes/lanes.cu exports, by nvcc ($BASIN_NVCC, or else in PATH or
   /usr/local/cuda/bin). BASIN_FAILED where there is none. */
basin_status basin_own_kernels(const basin_model *model, const char *kind, const volatile int *stop,
                               const void **kernels, basin_error *error);

/* The header that the model was loaded from; NULL of a model of the build. */
const char *basin_own_header(const basin_model *model);

/* For people: the compiler's path, and the folder where libraries are kept; or why there is none. */
void basin_own_describe(char *compiler, size_t compiler_size, char *cache, size_t cache_size);

#endif
