/* SPDX-License-Identifier: MIT
 *
 * peak.cu: what a device can do in double precision: independent chains of fma, or of additions, in registers, and of
 * its matrix units; and whether these make chains of fma, in the order of the depth, as numeric/matrix_unit.h has it.
 *
 *   nvcc -O3 -arch=native -Iinclude -o peak_gpu bench/peak.cu
 *   peak_gpu [STEPS]    name, driver, compute capability; then of fma, add and units: flop/s. STEPS of a launch: 16384
 *
 * An fma is counted as two. Blocks of 256 threads, as many as the device holds at once, CHAINS operations in flight per
 * thread: enough to hide a latency of 8 cycles even with one warp per scheduler. The best of ROUNDS launches.
 */
#include "numeric/matrix_unit.h"
#include <cuda_runtime.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHAINS = 8, BLOCK = 256, ROUNDS = 7, WARP = 32 };
enum what { FMA, ADD, UNITS };

/* numbers of all kinds: of far and near sizes, subnormal, infinite, of zeros of both signs */
static __device__ double draw(uint64_t at, int kind) {
  uint64_t z = at + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  const double sign = z & 1 ? -1.0 : 1.0, part = 1 + (double)(z >> 12) * 0x1p-52;
  const int some = (int)(z >> 1 & 127);
  switch (kind) {
  case 0:
    return sign * part;
  case 1:
    return sign * ldexp(part, some - 64);
  case 2:
    return sign * ldexp(part, -490 - some); /* products that are subnormal, or are not */
  case 3:
    return sign * (double)(some % 3);
  default:
    return some < 4 ? sign * INFINITY : sign * ldexp(part, some < 40 ? -1040 : 0);
  }
}

/* unlike[0] elements of C that are unlike their chains, of unlike[1] */
__global__ void kernel_units(unsigned *unlike) {
  const int lane = (int)threadIdx.x % WARP, row = lane / UNIT_DEPTH, q = lane % UNIT_DEPTH;
  const uint64_t warp = (blockIdx.x * blockDim.x + threadIdx.x) / WARP;
  for (int kind = 0; kind < 5; kind++) {
    const uint64_t of_a = (warp * 5 + (uint64_t)kind) << 12, of_b = of_a + 1024, of_c = of_b + 1024;
    double c[2][2], chain[2][2];
    for (int i = 0; i < 4; i++)
      c[i / 2][i % 2] = chain[i / 2][i % 2] = draw(
          of_c + (uint64_t)((row + 8 * (i / 2)) * UNIT_COLUMNS + 2 * q + i % 2), kind);
    unit_add(c, draw(of_a + (uint64_t)(row * UNIT_DEPTH + q), kind),
             draw(of_a + (uint64_t)((row + 8) * UNIT_DEPTH + q), kind),
             draw(of_b + (uint64_t)(row * UNIT_DEPTH + q), kind));
    for (int i = 0; i < 4; i++) {
      double *x = &chain[i / 2][i % 2], y = c[i / 2][i % 2];
      for (int k = 0; k < UNIT_DEPTH; k++)
        *x = fma(draw(of_a + (uint64_t)((row + 8 * (i / 2)) * UNIT_DEPTH + k), kind),
                 draw(of_b + (uint64_t)((2 * q + i % 2) * UNIT_DEPTH + k), kind), *x);
      if (*x != y ? !(isnan(*x) && isnan(y)) : signbit(*x) != signbit(y)) atomicAdd(unlike, 1u);
      atomicAdd(unlike + 1, 1u);
    }
  }
}

template <enum what WHAT>
__global__ void kernel_peak(double *out, double factor, double term, int steps) {
  if (WHAT == UNITS) {
    double c[CHAINS][2][2] = {};
    for (int s = 0; s < steps; s++) {
#pragma unroll
      for (int i = 0; i < CHAINS; i++) unit_add(c[i], factor, term, factor);
    }
    double all = 0;
#pragma unroll
    for (int i = 0; i < CHAINS; i++) all += c[i][0][0] + c[i][0][1] + c[i][1][0] + c[i][1][1];
    out[blockIdx.x * blockDim.x + threadIdx.x] = all;
    return;
  }
  double x[CHAINS];
#pragma unroll
  for (int i = 0; i < CHAINS; i++) x[i] = threadIdx.x + i;
#pragma unroll 4
  for (int s = 0; s < steps; s++) {
#pragma unroll
    for (int i = 0; i < CHAINS; i++) x[i] = WHAT == FMA ? fma(x[i], factor, term) : x[i] + term;
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

/* operations a second of one kernel; flop: of one of its operations, a thread */
template <enum what WHAT>
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
    TRY(cudaLaunchKernel(kernel_peak<WHAT>, dim3((unsigned)blocks), dim3(BLOCK), argument, 0, 0));
    TRY(cudaEventRecord(ended));
    TRY(cudaEventSynchronize(ended));
    TRY(cudaEventElapsedTime(&milliseconds, begun, ended));
    const double rate = (double)flop * CHAINS * steps * BLOCK * blocks / (1e-3 * milliseconds);
    if (rate > best) best = rate;
  }
  printf("%s %.6g flop/s\n", name, best);
  fflush(stdout);
  TRY(cudaEventDestroy(begun));
  TRY(cudaEventDestroy(ended));
  return 0;
}

/* whether the matrix units make chains of fma */
static int check_units(int blocks) {
  unsigned *unlike, count[2];
  TRY(cudaMalloc((void **)&unlike, sizeof count));
  TRY(cudaMemset(unlike, 0, sizeof count));
  void *argument[] = {&unlike};
  TRY(cudaLaunchKernel(kernel_units, dim3((unsigned)blocks), dim3(BLOCK), argument, 0, 0));
  TRY(cudaMemcpy(count, unlike, sizeof count, cudaMemcpyDeviceToHost));
  TRY(cudaFree(unlike));
  printf("unlike %u of %u elements of matrix units and of chains of fma\n", count[0], count[1]);
  return count[0] != 0;
}

int main(int words, char **word) {
  const int steps = words > 1 ? atoi(word[1]) : 1 << 14;
  cudaDeviceProp device;
  double *out;
  int each, driver;
  TRY(cudaGetDeviceProperties(&device, 0));
  TRY(cudaDriverGetVersion(&driver));
  TRY(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&each, kernel_peak<FMA>, BLOCK, 0));
  const int blocks = each * device.multiProcessorCount;
  printf("%s, compute capability %d.%d, %d multiprocessors, driver for CUDA %d.%d\n", device.name,
         device.major, device.minor, device.multiProcessorCount, driver / 1000, driver % 1000 / 10);
  TRY(cudaMalloc((void **)&out, sizeof *out * (size_t)blocks * BLOCK));
  const int flop_of_units = 2 * UNIT_ROWS * UNIT_COLUMNS * UNIT_DEPTH / WARP;
  if (measure<FMA>("fma", 2, blocks, steps, out) || measure<ADD>("add", 1, blocks, steps, out) ||
      measure<UNITS>("units", flop_of_units, blocks, steps, out) || check_units(blocks))
    return 1;
  TRY(cudaFree(out));
  return 0;
}
