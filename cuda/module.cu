/* SPDX-License-Identifier: MIT
 *
 * module.cu: the table that libbasin_cuda.so exports; devices, workers and models.
 */
#include "layout_word.h"
#include "worker.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEVICES_MAX = 64, BATCH_MAX = 1 << 18 };

/* models.inc has a line BASIN_MODEL(model) each, and a line BASIN_PAIR(model, kind) for each of its dynamics */
#define BASIN_MODEL(model)
#define BASIN_PAIR(model, kind) extern const lane_model lane_model_##model##_##kind;
#include "models.inc"
#undef BASIN_PAIR

static const lane_model *const models[] = {
#define BASIN_PAIR(model, kind) &lane_model_##model##_##kind,
#include "models.inc"
#undef BASIN_PAIR
#undef BASIN_MODEL
};

static const lane_model *find_built(const char *name, const char *kind) {
  for (const lane_model *model : models)
    if (!strcmp(model->name, name) && !strcmp(model->kind, kind)) return model;
  return NULL;
}

/* Kernels that came later, of models that are not part of the build: kept to the end, the newest first. */
struct added_model {
  const basin_model *model;
  const char *kind; /* the table's */
  const lane_model *kernels;
  added_model *next;
};
static added_model *added;

static const lane_model *find_added(const basin_model *model, const char *kind) {
  const added_model *one = __atomic_load_n(&added, __ATOMIC_ACQUIRE);
  while (one && (one->model != model || strcmp(one->kind, kind) != 0)) one = one->next;
  return one ? one->kernels : NULL;
}

static basin_worker_status add(const basin_model *model, const char *kind, const void *kernels,
                               basin_error *error) {
  if (find_added(model, kind)) return BASIN_WORKER_OK;
  added_model *one = (added_model *)calloc(1, sizeof *one);
  if (!one) return worker_fail(error, BASIN_WORKER_FAILED, "out of memory");
  one->model = model;
  one->kernels = (const lane_model *)kernels;
  one->kind = one->kernels->kind;
  one->next = __atomic_load_n(&added, __ATOMIC_RELAXED);
  while (
      !__atomic_compare_exchange_n(&added, &one->next, one, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    continue;
  return BASIN_WORKER_OK;
}

const lane_model *lane_model_find(const basin_model *model, const char *kind) {
  return model->content ? find_added(model, kind) : find_built(model->name, kind);
}

basin_worker_status worker_fail(basin_error *error, basin_worker_status status, const char *format,
                                ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
  return status;
}

cudaError_t worker_wait(basin_cuda_worker *w) {
  const cudaError_t bad = cudaEventRecord(w->done, w->stream);
  return bad ? bad : cudaEventSynchronize(w->done);
}

basin_worker_status worker_table(pace_table_status status, const char **doing, basin_error *error) {
  switch (status) {
  case PACE_TABLE_OK:
    return BASIN_WORKER_OK;
  case PACE_TABLE_FULL:
    return worker_fail(error, BASIN_WORKER_REFUSED,
                       "schedule: step sizes that depend on t for more steps than a device has a "
                       "table for (1 GB); --backend cpu takes any number");
  case PACE_TABLE_NO_MEMORY:
    return BASIN_WORKER_FAILED;
  default:
    *doing = "copying step sizes to the device";
    return BASIN_WORKER_LOST;
  }
}

double worker_seconds() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int worker_busy(int device, int change) {
  static int busy[DEVICES_MAX];
  return __atomic_add_fetch(&busy[device], change, __ATOMIC_RELAXED);
}

static int has(const char *model, const char *kind) { return find_built(model, kind) != NULL; }

/* ---- devices ---- */

static basin_worker_status devices(int *count, int *driver, int *runtime, basin_error *error) {
  *count = *driver = *runtime = 0;

  /* Hardware queues; read when the driver starts. With one for each of 32 streams its context took 0.35 s longer than
     with 8, and a run of 105 parts 0.24 s longer than with 16 (H200, driver 580.159) */
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "16", 0);
  const cudaError_t bad = cudaGetDeviceCount(count);
  (void)cudaGetLastError();
  cudaDriverGetVersion(driver);
  cudaRuntimeGetVersion(runtime);
  if (*count > DEVICES_MAX) *count = DEVICES_MAX;
  if (bad == cudaSuccess && *count > 0) return BASIN_WORKER_OK;
  if (bad == cudaErrorInsufficientDriver && !*driver)
    return worker_fail(error, BASIN_WORKER_FAILED, "no CUDA driver is installed");
  return worker_fail(error, BASIN_WORKER_FAILED, "%s", bad ? cudaGetErrorString(bad) : "no device");
}

static basin_worker_status describe(int device, basin_cuda_device *about, basin_error *error) {
  cudaDeviceProp properties;
  const cudaError_t bad = cudaGetDeviceProperties(&properties, device);
  if (bad) {
    (void)cudaGetLastError();
    return worker_fail(error, BASIN_WORKER_LOST, "cuda %d: %s", device, cudaGetErrorString(bad));
  }
  memset(about, 0, sizeof *about);
  snprintf(about->name, sizeof about->name, "%.63s", properties.name);
  about->major = properties.major;
  about->minor = properties.minor;
  about->multiprocessors = properties.multiProcessorCount;
  about->memory = (int64_t)properties.totalGlobalMem;
  return BASIN_WORKER_OK;
}

/* ---- workers ---- */

/* Up to a quarter more than is asked for, so that buffers seldom grow: that waits for all that the device is at. */
static size_t rounded(size_t bytes) {
  size_t step = 1 << 14;
  while (bytes / 8 > step) step *= 2;
  return (bytes + step - 1) / step * step;
}

cudaError_t buffer_grow(worker_buffer *buffer, size_t bytes) {
  if (bytes <= buffer->bytes) return cudaSuccess;
  bytes = rounded(bytes);
  cudaError_t bad = buffer->at ? cudaFree(buffer->at) : cudaSuccess;
  buffer->at = NULL;
  buffer->bytes = 0;
  if (!bad) bad = cudaMalloc(&buffer->at, bytes);
  if (bad) buffer->at = NULL;
  else buffer->bytes = bytes;
  return bad;
}

void buffer_free(worker_buffer *buffer) {
  if (buffer->at) cudaFree(buffer->at);
  buffer->at = NULL;
  buffer->bytes = 0;
}

void buffer_need(basin_cuda_worker *w, worker_buffer *buffer, size_t bytes) {
  if ((int64_t)bytes <= buffer->needed) return;
  w->needed += (int64_t)rounded(bytes) - buffer->needed;
  buffer->needed = (int64_t)rounded(bytes);
}

static void close_worker(basin_cuda_worker *w) {
  if (!w) return;
  cudaSetDevice(w->device);
  if (w->done) worker_wait(w);
  worker_free_buffers(w);
  if (w->counters) cudaFreeHost(w->counters);
  if (w->done) cudaEventDestroy(w->done);
  if (w->stream) cudaStreamDestroy(w->stream);
  (void)cudaGetLastError(); /* of a device that has failed: said already */
  free(w);
}

/* Threads that wait for the device must not spin: there are more of them than processors. To be said before its context
   is there, and cudaSetDevice makes that; where it is too late things stay as they were. */
static void be_patient(int device) {
  cudaInitDevice(device, cudaDeviceScheduleBlockingSync, cudaInitDeviceFlagsAreValid);
  (void)cudaGetLastError();
}

static basin_worker_status open_worker(int device, basin_cuda_worker **worker, basin_error *error) {
  basin_cuda_device about;
  basin_worker_status status = describe(device, &about, error);
  if (status) return status;
  basin_cuda_worker *w = (basin_cuda_worker *)calloc(1, sizeof *w);
  if (!w) return worker_fail(error, BASIN_WORKER_FAILED, "out of memory");
  w->device = device;
  w->multiprocessors = about.multiprocessors;
  w->memory = about.memory;
  w->batch_most = BATCH_MAX;
  snprintf(w->name, sizeof w->name, "%s", about.name);

  be_patient(device);
  cudaError_t bad = cudaSetDevice(device);
  if (!bad) bad = cudaStreamCreateWithFlags(&w->stream, cudaStreamNonBlocking);
  if (!bad)
    bad = cudaEventCreateWithFlags(&w->done, cudaEventBlockingSync | cudaEventDisableTiming);
  if (!bad) bad = cudaMallocHost((void **)&w->counters, sizeof *w->counters);
  if (bad) {
    status = worker_fail(error, BASIN_WORKER_LOST, "cuda %d (%s): cannot be opened: %s", device,
                         w->name, cudaGetErrorString(bad));
    close_worker(w);
    return status;
  }
  *worker = w;
  return BASIN_WORKER_OK;
}

/* ---- the export ---- */

extern "C" __attribute__((visibility("default"))) const basin_cuda_module *basin_cuda_module_table(
    void) {
  static const basin_cuda_module table = {
      BASIN_CUDA_ABI, BASIN_LAYOUT_WORD, BASIN_VERSION, devices,      describe, has,
      open_worker,    worker_run,        worker_need,   close_worker, add,
  };
  return &table;
}
