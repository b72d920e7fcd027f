/* SPDX-License-Identifier: MIT */
#include "engine/cuda.h"
#include "base/files.h"
#include "layout_word.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  PARTS_DEFAULT = 32, /* under way on a device at once, so that it seldom waits for a launch */
  DEVICES_MAX = 64
};

static const char MODULE[] = "libbasin_cuda.so";

typedef struct cuda {
  const basin_cuda_module *module;
  int devices, workers;
  int number[DEVICES_MAX]; /* of the devices in use */
  int lost[DEVICES_MAX];   /* likewise: whether it has failed; accessed atomically */
  int fed[DEVICES_MAX];    /* likewise: workers that its memory suffices for, as far as is known */
  basin_cuda_worker *
      *worker;  /* [workers] NULL until first used; worker i is of device i % devices */
  char *hungry; /* [workers] whether it has left its device to the others */
} cuda;

/* ---- the module ---- */

/* the n-th place to look, 0 where there are no more: of a program with the library, beside that too */
static int candidate(int n, char path[BASIN_PATH_BYTES]) {
  static const char *const relative[] = {"", "../lib/basin/", "", "basin/"};
  const char *given = getenv("BASIN_CUDA_MODULE");
  char folder[BASIN_PATH_BYTES];
  if (given && *given)
    return n == 0 && snprintf(path, BASIN_PATH_BYTES, "%s", given) < BASIN_PATH_BYTES;
  return n < (int)(sizeof relative / sizeof *relative) && basin_folder_of_program(n > 1, folder) &&
         snprintf(path, BASIN_PATH_BYTES, "%s%s%s", folder, relative[n], MODULE) < BASIN_PATH_BYTES;
}

static basin_status open_file(const char *path, const basin_cuda_module **module,
                              basin_error *error) {
  basin_cuda_entry *entry;
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return basin_fail(error, BASIN_FAILED, "%s", dlerror());
  void *symbol = dlsym(handle, BASIN_CUDA_ENTRY);
  if (!symbol) return basin_fail(error, BASIN_FAILED, "%s: no module of basin", path);
  memcpy(&entry, &symbol, sizeof entry);
  const basin_cuda_module *table = entry();
  if (table->abi != BASIN_CUDA_ABI || table->layout != BASIN_LAYOUT_WORD ||
      strcmp(table->version, BASIN_VERSION) != 0)
    return basin_fail(error, BASIN_FAILED,
                      "%s: of another version of basin than this program (%s); build it again",
                      path, BASIN_VERSION);
  *module = table;
  return BASIN_OK;
}

/* never closed: threads of the driver may be inside it to the very end */
static basin_status load(const basin_cuda_module **module, basin_error *error) {
  static const basin_cuda_module *loaded;
  char path[BASIN_PATH_BYTES], first[BASIN_PATH_BYTES] = "";
  basin_status status = BASIN_OK;
  for (int n = 0; !loaded && !status && candidate(n, path); n++) {
    if (!n) snprintf(first, sizeof first, "%s", path);
    if (!access(path, F_OK)) status = open_file(path, &loaded, error);
  }
  *module = loaded;
  if (status || loaded) return status;
  return basin_fail(error, BASIN_FAILED, "there is no module %.512s", *first ? first : MODULE);
}

/* the module and its devices */
static basin_status find(const basin_cuda_module **module, basin_cuda_devices *devices,
                         basin_error *error) {
  *devices = (basin_cuda_devices){0};
  const basin_status status = load(module, error);
  if (status) return status;
  return (*module)->devices(&devices->count, &devices->driver, &devices->runtime, error)
             ? BASIN_FAILED
             : BASIN_OK;
}

/* ---- the backend ---- */

/* "0,2" as numbers below `devices`, none twice */
static basin_status choose(cuda *self, const char *text, int devices, basin_error *error) {
  for (int i = 0; !text && i < devices; i++) self->number[self->devices++] = i;
  for (const char *at = text; at; at = *at == ',' ? at + 1 : NULL) {
    char *end;
    const long number = strtol(at, &end, 10);
    if (end == at || (*end && *end != ',') || *at == '-' || *at == '+' || *at == ' ')
      return basin_fail(error, BASIN_BAD_INPUT, "--devices %s: expected numbers like 0,2", text);
    if (number >= devices)
      return basin_fail(error, BASIN_BAD_INPUT, "--devices %s: there is no device %ld, %s%d", text,
                        number, devices == 1 ? "only " : "only 0 to ", devices - 1);
    for (int i = 0; i < self->devices; i++)
      if (self->number[i] == number)
        return basin_fail(error, BASIN_BAD_INPUT, "--devices %s: %ld is there twice", text, number);
    self->number[self->devices++] = (int)number;
    at = end;
  }
  return BASIN_OK;
}

/* The worker leaves what memory the device has to the others, which go on: the first to do so says why. The last of all
   tries again, with the device to itself, before the device is given up. */
static basin_worker_status starved(cuda *self, int number, int device, const basin_job *job,
                                   basin_part *part, basin_watch *watch, basin_error *error) {
  self->module->close(self->worker[number]);
  self->worker[number] = NULL;
  const int left = __atomic_sub_fetch(&self->fed[device], 1, __ATOMIC_RELAXED);
  if (left > 0) {
    self->hungry[number] = 1;
    const size_t length = strlen(error->text);
    if (left == self->workers / self->devices - 1)
      snprintf(error->text + length, sizeof error->text - length, "; fewer parts at once go on");
    else *error->text = 0;
    return BASIN_WORKER_STARVED;
  }
  basin_worker_status status = self->module->open(self->number[device], &self->worker[number],
                                                  error);
  if (!status) status = self->module->run(self->worker[number], job, part, watch, error);
  return status == BASIN_WORKER_STARVED ? BASIN_WORKER_LOST : status;
}

static basin_worker_status cuda_run(void *context, int number, const basin_job *job,
                                    basin_part *part, basin_watch *watch, basin_error *error) {
  cuda *self = context;
  const int device = number % self->devices;
  basin_worker_status status = BASIN_WORKER_LOST;
  *error->text = 0;
  if (__atomic_load_n(&self->lost[device], __ATOMIC_RELAXED) || self->hungry[number]) return status;
  status = BASIN_WORKER_OK;
  if (!self->worker[number])
    status = self->module->open(self->number[device], &self->worker[number], error);
  if (!status) status = self->module->run(self->worker[number], job, part, watch, error);
  if (status == BASIN_WORKER_STARVED)
    status = starved(self, number, device, job, part, watch, error);
  if (status == BASIN_WORKER_STARVED) return BASIN_WORKER_LOST; /* the device is not */

  /* the first of a device's workers to be lost gives the reason */
  if (status == BASIN_WORKER_LOST && __atomic_exchange_n(&self->lost[device], 1, __ATOMIC_RELAXED))
    *error->text = 0;
  return status;
}

static int cuda_need(void *context, const basin_job *job, int64_t *buffers, int64_t *inputs) {
  cuda *self = context;
  basin_error untold;
  basin_worker_status status = BASIN_WORKER_OK;
  if (!self->worker[0]) status = self->module->open(self->number[0], &self->worker[0], &untold);
  if (!status) status = self->module->need(self->worker[0], job, buffers, inputs, &untold);
  return status != BASIN_WORKER_OK;
}

static void cuda_close(void *context) {
  cuda *self = context;
  for (int i = 0; i < self->workers; i++)
    if (self->worker[i]) self->module->close(self->worker[i]);
  free(self->worker);
  free(self->hungry);
  free(self);
}

/* "cuda, 2 devices (NVIDIA H200), 32 parts at once on each" */
static basin_status describe(const cuda *self, basin_backend *backend, basin_error *error) {
  basin_cuda_device about;
  if (self->module->describe(self->number[0], &about, error)) return BASIN_FAILED;
  int used = snprintf(backend->description, sizeof backend->description, "cuda, %s, device",
                      about.name);
  for (int i = 0; i < self->devices && used < (int)sizeof backend->description; i++)
    used += snprintf(backend->description + used, sizeof backend->description - (size_t)used,
                     "%c%d", i ? ',' : ' ', self->number[i]);
  if (used < (int)sizeof backend->description)
    snprintf(backend->description + used, sizeof backend->description - (size_t)used,
             ", %d parts at once", self->workers);
  return BASIN_OK;
}

basin_status basin_cuda_open(const char *devices, int parts, basin_backend *backend,
                             basin_error *error) {
  const basin_cuda_module *module;
  basin_cuda_devices there;
  basin_status status = find(&module, &there, error);
  if (status) return BASIN_FAILED;
  cuda *self = calloc(1, sizeof *self);
  if (!self) return basin_fail_memory(error);
  self->module = module;
  status = choose(self, devices, there.count < DEVICES_MAX ? there.count : DEVICES_MAX, error);
  self->workers = self->devices * (parts > 0 ? parts : PARTS_DEFAULT);
  for (int i = 0; i < self->devices; i++) self->fed[i] = self->workers / self->devices;
  if (!status) self->worker = calloc((size_t)self->workers, sizeof(basin_cuda_worker *));
  if (!status) self->hungry = calloc((size_t)self->workers, 1);
  if (!status && (!self->worker || !self->hungry)) status = basin_fail_memory(error);
  *backend = (basin_backend){.name = "cuda",
                             .workers = self->workers,
                             .devices = self->devices,
                             .self = self,
                             .run = cuda_run,
                             .need = cuda_need,
                             .close = cuda_close};
  if (!status) status = describe(self, backend, error);
  if (status) {
    free(self->worker);
    free(self->hungry);
    free(self);
  }
  return status;
}

int basin_cuda_has(const char *model, const char *dynamics) {
  const basin_cuda_module *module;
  basin_error ignored;
  return !load(&module, &ignored) && module->has(model, dynamics);
}

basin_status basin_cuda_add(const basin_model *model, const char *kind, const void *kernels,
                            basin_error *error) {
  const basin_cuda_module *module;
  const basin_status status = load(&module, error);
  if (status) return status;
  return module->add(model, kind, kernels, error) ? BASIN_FAILED : BASIN_OK;
}

basin_status basin_cuda_find(basin_cuda_devices *devices, basin_error *error) {
  const basin_cuda_module *module;
  return find(&module, devices, error);
}

basin_status basin_cuda_describe(int device, basin_cuda_device *about, basin_error *error) {
  const basin_cuda_module *module;
  const basin_status status = load(&module, error);
  if (status) return status;
  return module->describe(device, about, error) ? BASIN_FAILED : BASIN_OK;
}
