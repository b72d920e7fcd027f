/* SPDX-License-Identifier: MIT
 *
 * bugs.cu: programs with one mistake each, to see that it is found. A program returns 3 where its result is wrong:
 * a mistake that shows as wrong data; it returns 0 where the mistake went by unnoticed. test_cudasim.sh says which is
 * found how, in which build.
 */
#include "programs.h"

#include <cmath>
#include <vector>

namespace {

constexpr int n = 128;

double *device_memory(std::size_t count = n) {
  double *memory;
  MUST(cudaMalloc(&memory, count * sizeof(double)));
  return memory;
}

cudaStream_t new_stream() {
  cudaStream_t stream;
  MUST(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return stream;
}

/* wait for the kernel that was launched last; the memory is left to the end of the process */
int finish(int wrong = 0) {
  MUST(cudaDeviceSynchronize());
  return wrong;
}

int compare(const double *device, double expected) {
  double got[n];
  MUST(cudaMemcpy(got, device, sizeof got, cudaMemcpyDeviceToHost));
  for (double value : got)
    if (!(value == expected)) return 3;
  return 0;
}

__global__ void kernel_set(double *x, double value, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) x[i] = value;
}
__global__ void kernel_copy(double *to, const double *from) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  to[i] = from[i];
}

/* ---- within a block ---- */

__global__ void kernel_divergent_barrier(double *x) {
  if (threadIdx.x < 64) __syncthreads();
  else x[threadIdx.x] = 1;
  __syncthreads();
}
int divergent_barrier() {
  MUST(cudasim_launch(kernel_divergent_barrier, 2, n, 0, nullptr, device_memory()));
  return finish();
}

__global__ void kernel_early_exit(double *x, int count) {
  const int i = static_cast<int>(threadIdx.x);
  if (i >= count) return;
  x[i] = 1;
  __syncthreads();
  x[i] += x[(i + 1) % count];
}
int early_exit() {
  MUST(cudasim_launch(kernel_early_exit, 1, n, 0, nullptr, device_memory(), 100));
  return finish();
}

__global__ void kernel_absent_lane(int *x) {
  const int lane = static_cast<int>(threadIdx.x);
  if (lane < 16) x[lane] = __shfl_down_sync(0x0000ffffu, lane, 4);
}
int absent_lane() {
  MUST(cudasim_launch(kernel_absent_lane, 1, 32, 0, nullptr,
                      reinterpret_cast<int *>(device_memory())));
  return finish();
}

__global__ void kernel_half_warp(int *x) {
  const int lane = static_cast<int>(threadIdx.x);
  if (lane < 16) x[lane] = __shfl_xor_sync(0xffffffffu, lane, 1);
  __syncthreads();
}
int half_warp() {
  MUST(cudasim_launch(kernel_half_warp, 1, 32, 0, nullptr,
                      reinterpret_cast<int *>(device_memory())));
  return finish();
}

__global__ void kernel_exited_lane(int *x) {
  const int lane = static_cast<int>(threadIdx.x);
  if (lane == 31) return;
  x[lane] = __ballot_sync(0xffffffffu, lane > 3) != 0;
}
int exited_lane() {
  MUST(cudasim_launch(kernel_exited_lane, 1, 32, 0, nullptr,
                      reinterpret_cast<int *>(device_memory())));
  return finish();
}

__global__ void kernel_foreign_mask(int *x) {
  x[threadIdx.x] = __any_sync(0x0000ffffu, threadIdx.x == 3);
}
int foreign_mask() {
  MUST(cudasim_launch(kernel_foreign_mask, 1, 32, 0, nullptr,
                      reinterpret_cast<int *>(device_memory())));
  return finish();
}

__global__ void kernel_mixed_operations(int *x) {
  const int lane = static_cast<int>(threadIdx.x);
  if (lane < 16) x[lane] = __shfl_sync(0xffffffffu, lane, 0);
  else __syncwarp();
}
int mixed_operations() {
  MUST(cudasim_launch(kernel_mixed_operations, 1, 32, 0, nullptr,
                      reinterpret_cast<int *>(device_memory())));
  return finish();
}

__global__ void kernel_trap(const double *x) {
  if (x[threadIdx.x] != 0) __trap();
}
int trap() {
  MUST(cudasim_launch(kernel_trap, 1, 32, 0, nullptr, device_memory()));
  return finish();
}

/* ---- order: right as long as threads, warps, blocks or streams happen to come in one order ---- */

template <bool BARRIER> __global__ void kernel_reverse(double *x) {
  __shared__ double row[n];
  row[threadIdx.x] = threadIdx.x;
  if (BARRIER) __syncthreads();
  x[threadIdx.x] = row[n - 1 - threadIdx.x];
}
int missing_syncthreads() {
  double *x = device_memory(), got[n];
  MUST(cudasim_launch(kernel_reverse<false>, 1, n, 0, nullptr, x));
  MUST(cudaMemcpy(got, x, sizeof got, cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; i++)
    if (!(got[i] == n - 1 - i)) return 3;
  return 0;
}

__global__ void kernel_neighbour(double *x) {
  CUDASIM_DYNAMIC_SHARED(double, row);
  row[threadIdx.x] = 5;
  x[threadIdx.x] = row[threadIdx.x ^ 1];
}
int missing_syncwarp() {
  double *x = device_memory();
  MUST(cudasim_launch(kernel_neighbour, n / 32, 32, 32 * sizeof(double), nullptr, x));
  return compare(x, 5);
}

__global__ void kernel_one_place(double *x) {
  if (threadIdx.x == 0) *x = blockIdx.x;
}
int block_race() {
  double *x = device_memory(), got = 0;
  MUST(cudasim_launch(kernel_one_place, 4, 32, 0, nullptr, x));
  MUST(cudaMemcpy(&got, x, sizeof got, cudaMemcpyDeviceToHost));
  return got == 3 ? 0 : 3;
}

/* the last block to come sums up, without the fence that would let it see what the others wrote */
__global__ void kernel_last_block(double *sum, double *partial, unsigned *ticket) {
  if (threadIdx.x != 0) return;
  partial[blockIdx.x] = 1;
  if (atomicAdd(ticket, 1u) < gridDim.x - 1) return;
  *sum = 0;
  for (unsigned b = 0; b < gridDim.x; b++) *sum += partial[b];
}
int missing_fence() {
  unsigned *ticket;
  MUST(cudaMalloc(&ticket, sizeof *ticket));
  MUST(cudaMemset(ticket, 0, sizeof *ticket));
  MUST(cudasim_launch(kernel_last_block, 4, 32, 0, nullptr, device_memory(), device_memory(),
                      ticket));
  return finish();
}

int missing_stream_sync() {
  const cudaStream_t stream = new_stream();
  double *x = device_memory();
  std::vector<double> got(n, 0.0);
  MUST(cudasim_launch(kernel_set, 1, n, 0, stream, x, 7.0, n));
  MUST(cudaMemcpyAsync(got.data(), x, n * sizeof(double), cudaMemcpyDeviceToHost, stream));
  const int wrong = got[5] == 7 ? 0 : 3;
  return finish(wrong);
}

int missing_event() {
  const cudaStream_t first = new_stream(), second = new_stream();
  double *x = device_memory(), *y = device_memory();
  MUST(cudasim_launch(kernel_set, 1, n, 0, first, x, 7.0, n));
  MUST(cudasim_launch(kernel_copy, 1, n, 0, second, y, x));
  MUST(cudaStreamSynchronize(second));
  MUST(cudaStreamSynchronize(first));
  return compare(y, 7);
}

int missing_event_back() {
  const cudaStream_t first = new_stream(), second = new_stream();
  cudaEvent_t written;
  double *x = device_memory(), *y = device_memory();
  MUST(cudaEventCreate(&written));
  MUST(cudasim_launch(kernel_set, 1, n, 0, first, x, 7.0, n));
  MUST(cudaEventRecord(written, first));
  MUST(cudaStreamWaitEvent(second, written, 0));
  MUST(cudasim_launch(kernel_copy, 1, n, 0, second, y, x));
  MUST(cudasim_launch(kernel_set, 1, n, 0, first, x, 8.0, n)); /* must wait for the copy */
  MUST(cudaStreamSynchronize(first));
  MUST(cudaStreamSynchronize(second));
  return compare(y, 7);
}

int host_buffer_reused() {
  const cudaStream_t stream = new_stream();
  double *x = device_memory(), *staging;
  MUST(cudaMallocHost(&staging, n * sizeof(double)));
  for (int i = 0; i < n; i++) staging[i] = 1;
  MUST(cudaMemcpyAsync(x, staging, n * sizeof(double), cudaMemcpyHostToDevice, stream));
  for (int i = 0; i < n; i++) staging[i] = 2;
  MUST(cudaStreamSynchronize(stream));
  return compare(x, 1);
}

/* the constants of one device only are set */
__constant__ double factor = 1;
__global__ void kernel_factor(double *x) { x[threadIdx.x] = factor; }
int other_constants() {
  const double five = 5;
  MUST(cudaMemcpyToSymbol(factor, &five, sizeof five));
  MUST(cudaSetDevice(1));
  double *x = device_memory();
  MUST(cudasim_launch(kernel_factor, 1, n, 0, nullptr, x));
  return compare(x, 5);
}

/* ---- memory ---- */

int uninitialised_global() {
  double *x = device_memory(), *y = device_memory();
  MUST(cudasim_launch(kernel_copy, 1, n, 0, nullptr, y, x));
  double got = 0;
  MUST(cudaMemcpy(&got, y, sizeof got, cudaMemcpyDeviceToHost));
  return std::isnan(got) ? 3 : 0;
}

/* the second block must not see what the first has left */
template <class T> __global__ void kernel_uninitialised(double *x) {
  __shared__ T row[2];
  CUDASIM_DYNAMIC_SHARED(T, more);
  if (blockIdx.x == 0) row[0] = row[1] = more[0] = 0;
  x[blockIdx.x] = static_cast<double>(row[0] + row[1] + more[0]);
}
int uninitialised_shared() {
  double *x = device_memory(), got[4];
  MUST(cudasim_launch(kernel_uninitialised<float>, 4, 1, sizeof(float), nullptr, x));
  MUST(cudaMemcpy(got, x, sizeof got, cudaMemcpyDeviceToHost));
  return got[0] == 0 && std::isnan(got[1] + got[2] + got[3]) ? 3 : 0;
}

int outside_global() {
  MUST(cudasim_launch(kernel_set, 2, n, 0, nullptr, device_memory(n + 1), 1.0, n + 2));
  return finish();
}

template <class T> __global__ void kernel_outside_shared(T *x, int limit) {
  __shared__ T row[40];
  const int i = static_cast<int>(threadIdx.x);
  if (i < limit) row[i] = T(1);
  __syncthreads();
  x[i] = row[i % 40];
}
int outside_static_shared() {
  MUST(cudasim_launch(kernel_outside_shared<double>, 1, 64, 0, nullptr, device_memory(), 41));
  return finish();
}

/* through a pointer, whose bounds the compiler does not know */
__global__ void kernel_beyond_shared(double *x, int index) {
  __shared__ double row[40];
  double *volatile p = row;
  p[index] = 1;
  x[0] = row[0];
}
int beyond_static_shared() {
  MUST(cudasim_launch(kernel_beyond_shared, 1, 1, 0, nullptr, device_memory(), 40));
  return finish();
}

__global__ void kernel_outside_dynamic(double *x) {
  CUDASIM_DYNAMIC_SHARED(double, row);
  row[threadIdx.x + 1] = 1;
  __syncthreads();
  x[threadIdx.x] = row[threadIdx.x];
}
int outside_dynamic_shared() {
  MUST(
      cudasim_launch(kernel_outside_dynamic, 1, 64, 64 * sizeof(double), nullptr, device_memory()));
  return finish();
}

/* the pointer is hidden from the look at the arguments: memory on the device holds it */
__global__ void kernel_through(double **x) { **x = 1; }
int through(double *hidden) {
  double **pointer;
  MUST(cudaMalloc(&pointer, sizeof *pointer));
  MUST(cudaMemcpy(pointer, &hidden, sizeof hidden, cudaMemcpyHostToDevice));
  MUST(cudasim_launch(kernel_through, 1, 1, 0, nullptr, pointer));
  return finish();
}
int use_after_free() {
  double *x = device_memory();
  MUST(cudaFree(x));
  return through(x);
}
int other_devices_memory() {
  double *x = device_memory();
  MUST(cudaSetDevice(1));
  return through(x);
}
int other_devices_argument() {
  double *x = device_memory();
  MUST(cudaSetDevice(1));
  MUST(cudasim_launch(kernel_set, 1, n, 0, nullptr, x, 1.0, n));
  return finish();
}
int host_uses_device() {
  double *x = device_memory();
  MUST(cudasim_launch(kernel_set, 1, n, 0, nullptr, x, 1.0, n));
  MUST(cudaDeviceSynchronize());
  return x[0] == 1 ? 0 : 3;
}

int double_free() {
  double *x = device_memory();
  MUST(cudaFree(x));
  return cudaFree(x) == cudaErrorInvalidValue ? 3 : 0;
}

int free_while_queued() {
  double *x = device_memory();
  MUST(cudasim_launch(kernel_set, 1, n, 0, new_stream(), x, 1.0, n));
  MUST(cudaFree(x));
  return finish();
}
int free_async_while_queued() {
  double *x = device_memory();
  MUST(cudasim_launch(kernel_set, 1, n, 0, new_stream(), x, 1.0, n));
  MUST(cudaFreeAsync(x, new_stream()));
  return finish();
}
int use_after_free_async() {
  double *x = device_memory();
  const cudaStream_t stream = new_stream();
  MUST(cudaFreeAsync(x, stream));
  MUST(cudasim_launch(kernel_set, 1, n, 0, stream, x, 1.0, n));
  return finish();
}
int reset_while_queued() {
  MUST(cudasim_launch(kernel_set, 1, n, 0, nullptr, device_memory(), 1.0, n));
  MUST(cudaDeviceReset());
  return 0;
}

int leak_memory() {
  device_memory();
  return 0;
}
int leak_stream() {
  new_stream();
  return 0;
}
int leak_event() {
  cudaEvent_t event;
  MUST(cudaEventCreate(&event));
  return 0;
}
int leak_work() {
  double *x = device_memory();
  MUST(cudasim_launch(kernel_set, 1, n, 0, nullptr, x, 1.0, n));
  return 0;
}

void calls(void *result) { *static_cast<cudaError_t *>(result) = cudaDeviceSynchronize(); }
int call_in_host_function() {
  cudaError_t error = cudaSuccess;
  MUST(cudaLaunchHostFunc(nullptr, calls, &error));
  MUST(cudaDeviceSynchronize());
  return error == cudaErrorNotPermitted ? 3 : 0;
}

} // namespace

#define BUG(name) \
  { #name, name }
const program bugs[] = {
    BUG(divergent_barrier),
    BUG(early_exit),
    BUG(absent_lane),
    BUG(half_warp),
    BUG(exited_lane),
    BUG(foreign_mask),
    BUG(mixed_operations),
    BUG(trap),
    BUG(missing_syncthreads),
    BUG(missing_syncwarp),
    BUG(block_race),
    BUG(missing_fence),
    BUG(missing_stream_sync),
    BUG(missing_event),
    BUG(missing_event_back),
    BUG(host_buffer_reused),
    BUG(other_constants),
    BUG(uninitialised_global),
    BUG(uninitialised_shared),
    BUG(outside_global),
    BUG(outside_static_shared),
    BUG(beyond_static_shared),
    BUG(outside_dynamic_shared),
    BUG(use_after_free),
    BUG(other_devices_memory),
    BUG(other_devices_argument),
    BUG(host_uses_device),
    BUG(double_free),
    BUG(free_while_queued),
    BUG(free_async_while_queued),
    BUG(use_after_free_async),
    BUG(reset_while_queued),
    BUG(leak_memory),
    BUG(leak_stream),
    BUG(leak_event),
    BUG(leak_work),
    BUG(call_in_host_function),
    {nullptr, nullptr},
};
