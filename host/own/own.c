/* SPDX-License-Identifier: MIT */
#include "own/own.h"
#include "own/cache.h"
#include "own/compile.h"
#include "base/hash.h"
#include "own_build.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A model that was loaded. */
typedef struct own {
  basin_model model; /* with what is ours in it: name, content, kinds, engines */
  struct own *next;
  char *name, *header;
  basin_dynamics *kind;
} own;

/* one at a time: what is compiled, is for all who wait */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static own *loaded;

enum { ISA_FLAGS = 6 };
static const char *const isa_flags[BASIN_ISAS][ISA_FLAGS] = {BASIN_OWN_ISA_FLAGS};
static const char *const engine_flags[] = {BASIN_OWN_ENGINE_FLAGS NULL};
static const char *const all_flags[] = {BASIN_OWN_FLAGS NULL};
static const char *const cuda_flags[] = {BASIN_OWN_CUDA_FLAGS NULL};
static const char *const isa_word[BASIN_ISAS] = {
#define BASIN_ISA_ROW(NAME, word) word,
    BASIN_ISA_TABLE(BASIN_ISA_ROW)
#undef BASIN_ISA_ROW
};

/* ---- a library: found, or made ---- */

/* One that is wanted, and where its symbol goes. */
typedef struct library {
  basin_compilation job;
  char kind_flag[160], isa_flag[64]; /* of engines */
  uint64_t compiler; /* of kernels: which nvcc makes them, for their devices differ */
  char key[33];      /* its name in the cache */
  char symbol[192];
  void *found; /* what the symbol is */
} library;

static uint64_t hash_flags(uint64_t hash, const char *const *flag) {
  for (; *flag; flag++) hash = basin_hash_text(hash, *flag);
  return basin_hash_text(hash, "");
}

/* of all that the library is made of; of engines but the compiler, for any of them makes the same of it */
static void name_library(library *l) {
  uint64_t part[2];
  for (int i = 0; i < 2; i++) {
    uint64_t hash = basin_hash_text((uint64_t)i, "basin " BASIN_VERSION);
    hash = basin_hash_text(hash, BASIN_OWN_SOURCES_HASH);
    hash = hash_flags(hash_flags(hash, l->job.cuda ? cuda_flags : all_flags), l->job.flag);
    hash = basin_hash_text(basin_hash_text(hash, l->job.source), l->symbol);
    part[i] = basin_hash_text(hash, l->job.header);
    if (l->compiler) part[i] = basin_hash(part[i], &l->compiler, sizeof l->compiler);
  }
  snprintf(l->key, sizeof l->key, "%016llx%016llx", (unsigned long long)part[0],
           (unsigned long long)part[1]);
}

static library entry_of(const char *name, const char *header) {
  library l = {.job = {.name = name,
                       .header = header,
                       .source = "host/model/entry.c",
                       .flag = {"-O1", "-DBASIN_SIMD=0"}},
               .symbol = "basin_model_own"};
  name_library(&l);
  return l;
}

static void engine_of(const own *o, const char *kind, int isa, library *l) {
  const int input = !strcmp(kind, "input"),
            registers = !input && basin_dynamics_find(&o->model, kind)->registers;
  int n = 0;
  *l = (library){.job = {.name = o->name,
                         .header = o->header,
                         .source = input       ? "host/engine/input_sums.c"
                                   : registers ? "host/engine/lanes.c"
                                               : "host/engine/calls.c"}};
  snprintf(l->kind_flag, sizeof l->kind_flag, "-DBASIN_KIND=%.128s", kind);
  snprintf(l->isa_flag, sizeof l->isa_flag, "-DBASIN_ISA=%s", isa_word[isa]);
  for (int i = 0; engine_flags[i] && n < 4; i++) l->job.flag[n++] = engine_flags[i];
  for (int i = 0; i < ISA_FLAGS && isa_flags[isa][i]; i++) l->job.flag[n++] = isa_flags[isa][i];
  l->job.flag[n++] = l->kind_flag;
  l->job.flag[n++] = l->isa_flag;
  if (input) snprintf(l->symbol, sizeof l->symbol, "basin_sum_inputs_own_%s", isa_word[isa]);
  else
    snprintf(l->symbol, sizeof l->symbol, "basin_%s_own_%.128s_%s", registers ? "run" : "calls",
             kind, isa_word[isa]);
  name_library(l);
}

static int find_symbol(library *l, void *handle) {
  if (handle) l->found = dlsym(handle, l->symbol);
  if (handle && !l->found) dlclose(handle);
  return l->found != NULL;
}

/* those that are not found yet, compiled in the folder: the cache, or a private one, where they do not stay */
static basin_status make(library *l, int libraries, const char *folder, int keep,
                         const volatile int *stop, int *no_room, basin_error *error) {
  basin_compilation *job = calloc((size_t)libraries, sizeof *job);
  int jobs = 0;
  if (!job) return basin_fail_memory(error);
  for (int i = 0; i < libraries; i++)
    if (!l[i].found) job[jobs++] = l[i].job;
  basin_status status = basin_compile(job, jobs, folder, stop, no_room, error);
  for (int i = 0, j = 0; i < libraries && !status; i++) {
    if (l[i].found) continue;
    const char *path = job[j++].library;
    if (keep && !basin_cache_put(folder, l[i].key, path))
      find_symbol(&l[i], basin_cache_open(folder, l[i].key));
    if (!l[i].found) find_symbol(&l[i], dlopen(path, RTLD_NOW | RTLD_LOCAL));
    unlink(path);
  }
  for (int i = 0; i < libraries && !status; i++) {
    if (l[i].found) continue;
    const char *why = dlerror();
    *no_room = 1; /* of a folder from which nothing may be executed, say */
    status = basin_fail(error, BASIN_FAILED, "a compiled model cannot be loaded: %.600s",
                        why ? why : l[i].symbol);
  }
  free(job);
  return status;
}

/* all of them, from the cache or by the compiler; where there is no cache to write to, by way of a private folder,
   gone by the end of the call */
static basin_status obtain(library *l, int libraries, const volatile int *stop,
                           basin_error *error) {
  char folder[BASIN_PATH_BYTES];
  int missing = 0, no_room = 1;
  basin_status status = basin_cache_find(folder, error);
  for (int i = 0; i < libraries && !status; i++)
    missing += !find_symbol(&l[i], basin_cache_open(folder, l[i].key));
  if (status || !missing) return status;
  if (*folder) {
    status = make(l, libraries, folder, 1, stop, &no_room, error);
    if (!status || !no_room) return status;
  }
  status = basin_cache_make_private(folder, error);
  if (status) return status;
  status = make(l, libraries, folder, 0, stop, &no_room, error);
  basin_cache_remove_private(folder);
  return status;
}

/* ---- entries ---- */

static own *find(const char *name, const char *header) {
  own *o = loaded;
  while (o && (strcmp(o->name, name) != 0 || strcmp(o->header, header) != 0)) o = o->next;
  return o;
}

static void own_free(own *o) {
  if (!o) return;
  free(o->kind);
  free(o->header);
  free(o->name);
  free(o);
}

/* ours, from what the library has; NULL without memory */
static own *adopt(const char *name, const char *header, const basin_model *entry) {
  own *o = calloc(1, sizeof *o);
  if (!o) return NULL;
  o->model = *entry;
  o->name = strdup(name);
  o->header = strdup(header);
  o->kind = calloc((size_t)entry->kinds + 1, sizeof *o->kind);
  if (!o->name || !o->header || !o->kind) {
    own_free(o);
    return NULL;
  }
  o->model.name = o->name;
  o->model.content = basin_hash_text(0, header);
  o->model.content += !o->model.content;
  o->model.kinds = 0;
  for (int i = 0; i < entry->kinds; i++)
    if (strcmp(entry->kind[i].name, "dataset") != 0) o->kind[o->model.kinds++] = entry->kind[i];
  o->model.kind = o->kind;
  return o;
}

static basin_status load(const char *name, const char *header, const basin_model **model,
                         basin_error *error) {
  own *o = find(name, header);
  if (!o) {
    library l = entry_of(name, header);
    const basin_status status = obtain(&l, 1, NULL, error);
    if (status) return status;
    o = adopt(name, header, l.found);
    if (!o) return basin_fail_memory(error);
    if (!o->model.kinds) {
      own_free(o);
      return basin_fail(error, BASIN_BAD_INPUT,
                        "it has no dynamics but fixed data sets, which are of the models of the "
                        "build alone");
    }
    o->next = loaded;
    loaded = o;
  }
  *model = &o->model;
  return BASIN_OK;
}

basin_status basin_own_load(const char *name, const char *header, basin_place place,
                            const basin_model **model, basin_error *error) {
  basin_error why;
  *model = NULL;
  pthread_mutex_lock(&lock);
  const basin_status status = load(name, header, model, &why);
  pthread_mutex_unlock(&lock);
  if (!status) return BASIN_OK;
  basin_fail_at(error, place, "model %.64s: %.800s", name, why.text);
  return status;
}

int basin_own_has(const char *name, const char *header) {
  char folder[BASIN_PATH_BYTES];
  basin_error ignored;
  library l = entry_of(name, header);
  pthread_mutex_lock(&lock);
  const int has = find(name, header) || (!basin_cache_find(folder, &ignored) &&
                                         find_symbol(&l, basin_cache_open(folder, l.key)));
  pthread_mutex_unlock(&lock);
  return has;
}

/* ---- engines ---- */

/* where the engine of a kind, or its calls, go; NULL where the model has no such kind */
static void *slot_of(own *o, const char *kind, int isa) {
  if (!strcmp(kind, "input")) return o->model.has_inputs ? &o->model.sum_inputs[isa] : NULL;
  for (int i = 0; i < o->model.kinds; i++)
    if (!strcmp(o->kind[i].name, kind))
      return o->kind[i].registers ? (void *)&o->kind[i].run[isa] : &o->kind[i].calls[isa];
  return NULL;
}

static own *own_of(const basin_model *model) {
  own *o = loaded;
  while (o && &o->model != model) o = o->next;
  return o;
}

static int is_among(void *const *slot, int slots, const void *one) {
  for (int i = 0; i < slots; i++)
    if (slot[i] == one) return 1;
  return 0;
}

static basin_status prepare(const basin_own_want *want, int wants, int isa,
                            const volatile int *stop, basin_error *error) {
  library *l = calloc((size_t)wants + 1, sizeof *l);
  void **slot = calloc((size_t)wants + 1, sizeof *slot);
  basin_status status = l && slot ? BASIN_OK : basin_fail_memory(error);
  int libraries = 0;
  for (int i = 0; i < wants && !status; i++) {
    own *o = own_of(want[i].model);
    void *engine = NULL;
    if (!o) continue;
    slot[libraries] = slot_of(o, want[i].kind, isa);
    if (!slot[libraries])
      status = basin_fail(error, BASIN_BAD_INPUT, "model %s has no %s", o->name, want[i].kind);
    else memcpy(&engine, slot[libraries], sizeof engine);
    if (!status && !engine && !is_among(slot, libraries, slot[libraries]))
      engine_of(o, want[i].kind, isa, &l[libraries++]);
  }
  if (!status && libraries) status = obtain(l, libraries, stop, error);
  for (int i = 0; i < libraries && !status; i++) memcpy(slot[i], &l[i].found, sizeof l[i].found);
  free(slot);
  free(l);
  return status;
}

basin_status basin_own_prepare(const basin_own_want *want, int wants, int isa,
                               const volatile int *stop, basin_error *error) {
  basin_error why;
  int own_ones = 0;
  for (int i = 0; i < wants; i++) own_ones += want[i].model->content != 0;
  if (!own_ones) return BASIN_OK;
  pthread_mutex_lock(&lock);
  const basin_status status = prepare(want, wants, isa, stop, &why);
  pthread_mutex_unlock(&lock);
  if (status == BASIN_BAD_INPUT)
    return basin_fail(error, status, "the model does not compile: %.900s", why.text);
  if (status) *error = why;
  return status;
}

basin_status basin_own_ready(const basin_model *model, const char *kind, int isa,
                             basin_error *error) {
  const basin_own_want want = {model, kind};
  return basin_own_prepare(&want, 1, isa, NULL, error);
}

/* ---- kernels ---- */

static basin_status find_kernels(const own *o, const char *kind, const volatile int *stop,
                                 const void **kernels, basin_error *error) {
  library l = {
      .job = {.name = o->name, .header = o->header, .source = "cuda/lanes/lanes.cu", .cuda = 1},
      .compiler = basin_nvcc_identity()};
  snprintf(l.kind_flag, sizeof l.kind_flag, "-DBASIN_KIND=%.128s", kind);
  snprintf(l.symbol, sizeof l.symbol, "lane_model_own_%.128s", kind);
  l.job.flag[0] = l.kind_flag;
  name_library(&l);
  const basin_status status = obtain(&l, 1, stop, error);
  *kernels = l.found;
  return status;
}

basin_status basin_own_kernels(const basin_model *model, const char *kind, const volatile int *stop,
                               const void **kernels, basin_error *error) {
  basin_error why;
  *kernels = NULL;
  pthread_mutex_lock(&lock);
  const own *o = own_of(model);
  const basin_status status = o ? find_kernels(o, kind, stop, kernels, &why)
                                : basin_fail(&why, BASIN_BAD_INPUT, "it is of the build");
  pthread_mutex_unlock(&lock);
  if (status) basin_fail(error, status, "model %.64s: %.800s", model->name, why.text);
  return status;
}

/* ---- for people ---- */

const char *basin_own_header(const basin_model *model) {
  pthread_mutex_lock(&lock);
  const own *o = own_of(model);
  pthread_mutex_unlock(&lock);
  return o ? o->header : NULL;
}

void basin_own_describe(char *compiler, size_t compiler_size, char *cache, size_t cache_size) {
  char path[BASIN_PATH_BYTES];
  const char *found = basin_compiler(path);
  snprintf(compiler, compiler_size, "%s", found ? found : "nothing: there is no C compiler");
  snprintf(cache, cache_size, "%s", basin_cache_place(path) ? path : "no folder: there is no HOME");
}
