/* SPDX-License-Identifier: MIT
 *
 * peak.cu: what a device can do in double precision: independent chains of fma, or of additions, in registers.
 *
 *   nvcc -O3 -arch=native -o peak_gpu bench/peak.cu
 *   peak_gpu [STEPS]    name, driver, compute capability; then fma: flop/s, and add: flop/s. STEPS of a launch: 16384
 *
 * An fma is counted as two. Blocks of 256 threads, as many as the device holds at once, CHAINS operations in flight per
 * thread: enough to hide a latency of 8 cycles even with one warp per scheduler. The best of ROUNDS launches.
 */
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHAINS = 8, BLOCK = 256, ROUNDS = 7 };

template <bool FMA>
__global__ void kernel_peak(double *out, double factor, double term, int steps) {
  double x[CHAINS];
#pragma unroll
  for (int i = 0; i < CHAINS; i++) x[i] = threadIdx.x + i;
#pragma unroll 4
  for (int s = 0; s < steps; s++) {
#pragma unroll
    for (int i = 0; i < CHAINS; i++) x[i] = FMA ? fma(x[i], factor, term) : x[i] + term;
  }
  double sum = 0;
#pragma unroll
  for (int i = 0; i < CHAINS; i++) sum += x[i];
  out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

#define TRY(call)                                                          \
  do {                                                                     \
    const cudaError_t bad = (call);                                        \
    if (bad) return printf("%s: %s\n", #call, cudaGetErrorString(bad)), 1; \
  } while (0)

/* operations a second of one kernel */
template <bool FMA>
static int measure(const char *name, int flop, int blocks, int steps, double *out) {
  cudaEvent_t begun, ended;
  double best = 0;
  TRY(cudaEventCreate(&begun));
  TRY(cudaEventCreate(&ended));
  for (int round = 0; round < ROUNDS; round++) {
    double factor = 0.999, term = 1e-3;
    void *argument[] = {&out, &factor, &term, &steps};
    float milliseconds = 0;
    TRY(cudaEventRecord(begun));
    TRY(cudaLaunchKernel(kernel_peak<FMA>, dim3((unsigned)blocks), dim3(BLOCK), argument, 0, 0));
    TRY(cudaEventRecord(ended));
    TRY(cudaEventSynchronize(ended));
    TRY(cudaEventElapsedTime(&milliseconds, begun, ended));
    const double rate = (double)flop * CHAINS * steps * BLOCK * blocks / (1e-3 * milliseconds);
    if (rate > best) best = rate;
  }
  printf("%s %.6g flop/s\n", name, best);
  TRY(cudaEventDestroy(begun));
  TRY(cudaEventDestroy(ended));
  return 0;
}

int main(int words, char **word) {
  const int steps = words > 1 ? atoi(word[1]) : 1 << 14;
  cudaDeviceProp device;
  double *out;
  int each, driver;
  TRY(cudaGetDeviceProperties(&device, 0));
  TRY(cudaDriverGetVersion(&driver));
  TRY(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&each, kernel_peak<true>, BLOCK, 0));
  const int blocks = each * device.multiProcessorCount;
  printf("%s, compute capability %d.%d, %d multiprocessors, driver for CUDA %d.%d\n", device.name,
         device.major, device.minor, device.multiProcessorCount, driver / 1000, driver % 1000 / 10);
  TRY(cudaMalloc((void **)&out, sizeof *out * (size_t)blocks * BLOCK));
  if (measure<true>("fma", 2, blocks, steps, out) || measure<false>("add", 1, blocks, steps, out))
    return 1;
  TRY(cudaFree(out));
  return 0;
}
