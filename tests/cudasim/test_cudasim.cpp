/* SPDX-License-Identifier: MIT
 *
 * test_cudasim.cpp: tests of the CUDA simulator itself, driven by test_cudasim.sh.
 *
 *   test_cudasim NAME      runs a correct program, a wrong one (cudasim/programs.h) or a test of this file
 *   test_cudasim correct   runs all correct programs; says which results are wrong
 *   test_cudasim api       runs all tests of this file: which error which call returns, and injected failures
 */
#include "cudasim.h"
#include "programs.h"

#include <vector>

namespace {

int failures;

#define EXPECT(condition)                                                     \
  do {                                                                        \
    if (!(condition)) {                                                       \
      fprintf(stderr, "FAILED: %s:%d: %s\n", __FILE__, __LINE__, #condition); \
      failures++;                                                             \
    }                                                                         \
  } while (0)

/* the call returns the error; the thread's last error is it, once */
#define EXPECT_ERROR(error, call)              \
  do {                                         \
    EXPECT((call) == (error));                 \
    EXPECT(cudaPeekAtLastError() == (error));  \
    EXPECT(cudaGetLastError() == (error));     \
    EXPECT(cudaGetLastError() == cudaSuccess); \
  } while (0)

constexpr int n = 64;

__global__ void kernel_add(double *x, double value) { x[threadIdx.x] += value; }

void *memory(std::size_t bytes) {
  void *pointer;
  MUST(cudaMalloc(&pointer, bytes));
  return pointer;
}

/* ---- errors in the use of the API ---- */

void test_devices() {
  int count = 0, value = 0;
  cudaDeviceProp properties;
  EXPECT(cudaGetDeviceCount(&count) == cudaSuccess && count == 2);
  EXPECT_ERROR(cudaErrorInvalidDevice, cudaSetDevice(2));
  EXPECT_ERROR(cudaErrorInvalidDevice, cudaSetDevice(-1));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaSetDeviceFlags(1u << 30));
  EXPECT(cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync) == cudaSuccess);
  EXPECT_ERROR(cudaErrorInvalidValue, cudaInitDevice(0, 1u << 30, cudaInitDeviceFlagsAreValid));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaInitDevice(0, 0, 1u << 30));
  EXPECT_ERROR(cudaErrorInvalidDevice, cudaInitDevice(64, 0, 0));
  EXPECT(cudaInitDevice(0, cudaDeviceScheduleBlockingSync, cudaInitDeviceFlagsAreValid) ==
         cudaSuccess);
  EXPECT_ERROR(cudaErrorInvalidDevice, cudaGetDeviceProperties(&properties, 2));
  EXPECT(cudaGetDeviceProperties(&properties, 1) == cudaSuccess && properties.warpSize == 32);
  EXPECT(cudaDeviceGetAttribute(&value, cudaDevAttrMaxThreadsPerBlock, 0) == cudaSuccess);
  EXPECT(value == 1024);
  EXPECT(cudaSetDevice(1) == cudaSuccess && cudaGetDevice(&value) == cudaSuccess && value == 1);
  EXPECT(cudaSetDevice(0) == cudaSuccess);
  EXPECT(strcmp(cudaGetErrorName(cudaErrorIllegalAddress), "cudaErrorIllegalAddress") == 0);
  EXPECT(strcmp(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory") == 0);
  EXPECT(cudaDriverGetVersion(&value) == cudaSuccess && value == CUDART_VERSION);
  EXPECT(cudaRuntimeGetVersion(&value) == cudaSuccess && value == CUDART_VERSION);
}

void test_memory() {
  double *x = static_cast<double *>(memory(n * sizeof(double))), host[n + 1] = {};
  std::size_t available = 0, total = 0;
  EXPECT(cudaMemGetInfo(&available, &total) == cudaSuccess);
  EXPECT(total == 1 << 20 && total - available == n * sizeof(double));
  EXPECT_ERROR(cudaErrorMemoryAllocation, cudaMalloc(&x, 1 << 20));
  EXPECT(x == nullptr);
  x = static_cast<double *>(memory(n * sizeof(double)));
  const std::size_t bytes = sizeof host;
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemcpy(x, host, bytes, cudaMemcpyHostToDevice));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemcpy(host, x + 1, n * 8, cudaMemcpyDeviceToHost));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemcpy(x, host, n * 8, cudaMemcpyDeviceToHost));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemcpy(host, host + 8, 64, cudaMemcpyHostToDevice));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemcpy(x, host, n * 8, cudaMemcpyHostToHost));
  EXPECT_ERROR(cudaErrorInvalidMemcpyDirection,
               cudaMemcpy(x, host, n * 8, static_cast<cudaMemcpyKind>(7)));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemset(x, 0, bytes));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemset(host, 0, 8));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaFree(x + 1));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaFree(host));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaFreeHost(x));
  EXPECT(cudaFree(nullptr) == cudaSuccess);
  MUST(cudaSetDevice(1));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemcpy(x, host, 8, cudaMemcpyHostToDevice));
  cudaPointerAttributes attributes;
  EXPECT(cudaPointerGetAttributes(&attributes, x) == cudaSuccess);
  EXPECT(attributes.type == cudaMemoryTypeDevice && attributes.device == 0);
  MUST(cudaSetDevice(0));
  EXPECT(cudasim_count(0, CUDASIM_BYTES) == 2 * n * 8 && cudasim_count(1, CUDASIM_BYTES) == 0);
  MUST(cudaDeviceReset());
  EXPECT(cudasim_count(-1, CUDASIM_BYTES) == 0);
  EXPECT(cudasim_count(0, CUDASIM_PEAK) == 2 * n * 8 && cudasim_count(0, CUDASIM_PEAK) == 0);
  EXPECT_ERROR(cudaErrorInvalidValue, cudaFree(x));
}

void test_streams() {
  cudaStream_t stream, foreign;
  cudaEvent_t event, untimed;
  MUST(cudaStreamCreate(&stream));
  MUST(cudaEventCreate(&event));
  MUST(cudaEventCreateWithFlags(&untimed, cudaEventDisableTiming));
  EXPECT(cudaEventQuery(event) == cudaSuccess && cudaEventSynchronize(event) == cudaSuccess);
  EXPECT(cudaStreamWaitEvent(stream, event, 0) == cudaSuccess);
  float milliseconds;
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&milliseconds, event, event));
  MUST(cudaEventRecord(event, stream));
  MUST(cudaEventRecord(untimed, stream));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&milliseconds, event, untimed));
  MUST(cudaSetDevice(1));
  MUST(cudaStreamCreate(&foreign));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaEventRecord(event, foreign));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle,
               cudasim_launch(kernel_add, 1, n, 0, stream, static_cast<double *>(nullptr), 1.0));
  MUST(cudaStreamDestroy(foreign));
  MUST(cudaSetDevice(0));
  MUST(cudaEventSynchronize(event));
  MUST(cudaStreamDestroy(stream));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaStreamDestroy(stream));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaStreamSynchronize(stream));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaEventRecord(event, stream));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle,
               cudasim_launch(kernel_add, 1, n, 0, stream, static_cast<double *>(nullptr), 1.0));
  MUST(cudaEventDestroy(event));
  MUST(cudaEventDestroy(untimed));
  EXPECT_ERROR(cudaErrorInvalidResourceHandle, cudaEventQuery(event));
}

void test_launches() {
  double *x = static_cast<double *>(memory(n * sizeof(double)));
  const auto launch = [&](dim3 grid, dim3 block, std::size_t shared) {
    return cudasim_launch(kernel_add, grid, block, shared, nullptr, x, 0.0);
  };
  EXPECT_ERROR(cudaErrorInvalidConfiguration, launch(1, 1025, 0));
  EXPECT_ERROR(cudaErrorInvalidConfiguration, launch(1, dim3(1, 1, 65), 0));
  EXPECT_ERROR(cudaErrorInvalidConfiguration, launch(1, dim3(32, 33), 0));
  EXPECT_ERROR(cudaErrorInvalidConfiguration, launch(0, 32, 0));
  EXPECT_ERROR(cudaErrorInvalidConfiguration, launch(dim3(1, 65536), 32, 0));
  EXPECT_ERROR(cudaErrorInvalidValue, launch(1, 32, (48 << 10) + 1));
  EXPECT(launch(1, n, 48 << 10) == cudaSuccess);
  const auto attribute = cudaFuncAttributeMaxDynamicSharedMemorySize;
  EXPECT_ERROR(cudaErrorInvalidValue, cudaFuncSetAttribute(kernel_add, attribute, (227 << 10) + 1));
  EXPECT(cudaFuncSetAttribute(kernel_add, attribute, 227 << 10) == cudaSuccess);
  EXPECT(launch(1, n, 227 << 10) == cudaSuccess);
  int blocks = 0, grid = 0, threads = 0;
  EXPECT(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel_add, 256, 0) == cudaSuccess);
  EXPECT(blocks == 8);
  EXPECT(cudaOccupancyMaxPotentialBlockSize(&grid, &threads, kernel_add) == cudaSuccess);
  EXPECT(grid > 0 && threads > 0 && threads <= 1024);
  cudaFuncAttributes attributes;
  EXPECT(cudaFuncGetAttributes(&attributes, kernel_add) == cudaSuccess);
  EXPECT(attributes.maxThreadsPerBlock == 1024 && attributes.numRegs > 0);
  EXPECT(cudasim_count(0, CUDASIM_LAUNCHES) == 2);
  MUST(cudaDeviceSynchronize());
  EXPECT(cudasim_count(-1, CUDASIM_PENDING) == 0);
  MUST(cudaFree(x));
}

__constant__ double table[4];
void test_symbols() {
  const double values[5] = {};
  EXPECT(cudaMemcpyToSymbol(table, values, 4 * sizeof(double)) == cudaSuccess);
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemcpyToSymbol(table, values, sizeof values));
  EXPECT_ERROR(cudaErrorInvalidValue, cudaMemcpyToSymbol(table, values, 16, 24));
  EXPECT_ERROR(cudaErrorInvalidMemcpyDirection,
               cudaMemcpyToSymbol(table, values, 8, 0, cudaMemcpyDeviceToHost));
}

/* ---- injected failures ---- */

void test_malloc_fails() {
  void *x = nullptr, *y = nullptr;
  cudasim_fail_malloc(0, 2, 1);
  EXPECT(cudaMalloc(&x, 8) == cudaSuccess);
  EXPECT_ERROR(cudaErrorMemoryAllocation, cudaMalloc(&y, 8));
  EXPECT(y == nullptr && cudaMalloc(&y, 8) == cudaSuccess);
  EXPECT(cudasim_count(0, CUDASIM_ALLOCATIONS) == 2);
  MUST(cudaFree(x));
  MUST(cudaFree(y));
  cudasim_fail_malloc(-1, 1, 0);
  for (int i = 0; i < 5; i++) EXPECT_ERROR(cudaErrorMemoryAllocation, cudaMalloc(&x, 8));
  cudasim_clear_faults();
  EXPECT(cudaMalloc(&x, 8) == cudaSuccess);
  MUST(cudaFree(x));
}

/* a launch that meets an illegal address: found by who waits, and again and again until the reset */
void test_sticky_error() {
  double *x = static_cast<double *>(memory(n * sizeof(double))), host[n];
  MUST(cudaMemset(x, 0, n * sizeof(double)));
  cudasim_fail_launch(0, 2, cudaErrorIllegalAddress);
  EXPECT(cudasim_launch(kernel_add, 1, n, 0, nullptr, x, 1.0) == cudaSuccess);
  MUST(cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost));
  EXPECT(host[5] == 1);
  EXPECT(cudasim_launch(kernel_add, 1, n, 0, nullptr, x, 1.0) == cudaSuccess);
  for (int i = 0; i < 2; i++) {
    EXPECT(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
    EXPECT(cudaMemcpy(host, x, 8, cudaMemcpyDeviceToHost) == cudaErrorIllegalAddress);
    EXPECT(cudaMalloc(&x, 8) == cudaErrorIllegalAddress);
    EXPECT(cudaFree(x) == cudaErrorIllegalAddress);
    EXPECT(cudaGetLastError() == cudaErrorIllegalAddress);
  }
  /* other devices don't mind */
  MUST(cudaSetDevice(1));
  EXPECT(cudaGetLastError() == cudaSuccess);
  void *y = memory(8);
  MUST(cudaDeviceSynchronize());
  MUST(cudaFree(y));
  MUST(cudaSetDevice(0));
  EXPECT(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
  MUST(cudaDeviceReset());
  EXPECT(cudaGetLastError() == cudaSuccess);
  x = static_cast<double *>(memory(n * sizeof(double)));
  MUST(cudaMemset(x, 0, n * sizeof(double)));
  MUST(cudasim_launch(kernel_add, 1, n, 0, nullptr, x, 1.0));
  MUST(cudaDeviceSynchronize());
  MUST(cudaFree(x));
}

/* launches that are refused; the device works on otherwise */
void test_launch_fails() {
  double *x = static_cast<double *>(memory(n * sizeof(double)));
  cudasim_fail_launch(0, 1, cudaErrorLaunchOutOfResources);
  for (int i = 0; i < 2; i++)
    EXPECT_ERROR(cudaErrorLaunchOutOfResources,
                 cudasim_launch(kernel_add, 1, n, 0, nullptr, x, 1.0));
  MUST(cudaDeviceSynchronize());
  cudasim_clear_faults();
  cudasim_fail_launch(0, 1, cudaErrorMemoryAllocation); /* there may be memory the next time */
  EXPECT_ERROR(cudaErrorMemoryAllocation, cudasim_launch(kernel_add, 1, n, 0, nullptr, x, 1.0));
  MUST(cudasim_launch(kernel_add, 1, n, 0, nullptr, x, 1.0));
  MUST(cudaDeviceSynchronize());
  MUST(cudaFree(x));
}

void test_device_lost() {
  cudaStream_t stream;
  MUST(cudaSetDevice(1));
  MUST(cudaStreamCreate(&stream));
  void *x = memory(8);
  cudasim_fail_device(1, 2);
  MUST(cudaMemsetAsync(x, 0, 8, stream));
  for (int i = 0; i < 2; i++) {
    EXPECT(cudaStreamSynchronize(stream) == cudaErrorDevicesUnavailable);
    EXPECT(cudaDeviceReset() == cudaErrorDevicesUnavailable);
    EXPECT(cudaFree(x) == cudaErrorDevicesUnavailable);
  }
  MUST(cudaSetDevice(0));
  EXPECT(cudaSetDevice(1) == cudaErrorDevicesUnavailable);
  EXPECT(cudaStreamDestroy(stream) == cudaErrorDevicesUnavailable);
  EXPECT(cudaFree(x) == cudaErrorDevicesUnavailable);
  EXPECT(cudaGetLastError() == cudaErrorDevicesUnavailable && cudaGetLastError() == cudaSuccess);
  x = memory(8);
  MUST(cudaFree(x));
}

/* from the environment: CUDASIM_FAIL=malloc:0:3,launch:1:1:719 */
void test_environment() {
  void *x[3] = {};
  EXPECT(cudaMalloc(&x[0], 8) == cudaSuccess && cudaMalloc(&x[1], 8) == cudaSuccess);
  EXPECT_ERROR(cudaErrorMemoryAllocation, cudaMalloc(&x[2], 8));
  MUST(cudaFree(x[0]));
  MUST(cudaFree(x[1]));
  MUST(cudaSetDevice(1));
  double *y = static_cast<double *>(memory(n * sizeof(double)));
  MUST(cudasim_launch(kernel_add, 1, n, 0, nullptr, y, 1.0));
  EXPECT(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
}

/* CUDASIM_DEVICES=0, and -1 for no driver either */
void test_no_device() {
  int count = -1, version = -1;
  void *x = nullptr;
  EXPECT(cudaDriverGetVersion(&version) == cudaSuccess);
  const cudaError_t error = version ? cudaErrorNoDevice : cudaErrorInsufficientDriver;
  EXPECT_ERROR(error, cudaGetDeviceCount(&count));
  EXPECT_ERROR(error, cudaSetDevice(0));
  EXPECT_ERROR(error, cudaMalloc(&x, 8));
  EXPECT_ERROR(error, cudaDeviceSynchronize());
  EXPECT(count == 0);
}

struct test {
  const char *name;
  void (*run)();
  bool in_api; /* part of `api`: it leaves nothing behind */
};
const test tests[] = {
    {"devices_api", test_devices, true},       {"memory_api", test_memory, true},
    {"streams_api", test_streams, true},       {"launches_api", test_launches, false},
    {"symbols_api", test_symbols, true},       {"malloc_fails", test_malloc_fails, false},
    {"sticky_error", test_sticky_error, true}, {"launch_fails", test_launch_fails, true},
    {"device_lost", test_device_lost, true},   {"environment", test_environment, false},
    {"no_device", test_no_device, false},
};

} // namespace

int main(int count, char **arguments) {
  if (count != 2) return 2;
  const char *what = arguments[1];
  bool known = false;
  for (const test &each : tests) {
    if (strcmp(what, each.name) != 0 && !(each.in_api && strcmp(what, "api") == 0)) continue;
    known = true;
    each.run();
  }
  for (const program *each = correct_programs; each->name; each++) {
    if (strcmp(what, each->name) != 0 && strcmp(what, "correct") != 0) continue;
    known = true;
    if (each->run() == 0) continue;
    fprintf(stderr, "FAILED: %s: the result is wrong\n", each->name);
    failures++;
  }
  for (const program *each = bugs; each->name; each++)
    if (strcmp(what, each->name) == 0) return each->run();
  if (!known) return 2;
  return failures ? 1 : 0;
}
