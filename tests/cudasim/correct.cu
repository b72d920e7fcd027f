/* SPDX-License-Identifier: MIT
 *
 * correct.cu: programs without a mistake. Each is compared, bit for bit, with the same written as serial loops, in
 * every order and under every sanitizer.
 */
#include "programs.h"

#include <atomic>
#include <thread>
#include <vector>

namespace {

/* numbers whose sums depend on the order of summation */
double number(int i) { return 1.0 / (1 + i % 97) + 1e-9 * i; }

template <class T> int same(const std::vector<T> &a, const std::vector<T> &b) {
  return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0 ? 0 : 3;
}

/* device memory with a copy of host memory in it */
template <class T> T *upload(const std::vector<T> &host, cudaStream_t stream = nullptr) {
  T *device;
  MUST(cudaMalloc(&device, host.size() * sizeof(T)));
  MUST(cudaMemcpyAsync(device, host.data(), host.size() * sizeof(T), cudaMemcpyHostToDevice,
                       stream));
  return device;
}
template <class T> T *zeros(std::size_t n) {
  T *device;
  MUST(cudaMalloc(&device, n * sizeof(T)));
  MUST(cudaMemset(device, 0, n * sizeof(T)));
  return device;
}
template <class T> std::vector<T> download(const T *device, std::size_t n) {
  std::vector<T> host(n);
  MUST(cudaMemcpy(host.data(), device, n * sizeof(T), cudaMemcpyDeviceToHost));
  return host;
}

/* ---- reduction: shuffles, static and dynamic shared memory, barriers ---- */

/* the type is written twice into the kernel's name: with a comma */
template <class T, int BLOCK>
__global__ void __launch_bounds__(BLOCK) kernel_reduce(T *sum, const T *x) {
  __shared__ T of_warp[32];
  CUDASIM_DYNAMIC_SHARED(T, copy);
  const unsigned t = threadIdx.x;
  copy[t] = x[blockIdx.x * blockDim.x + t];
  __syncthreads();
  T v = copy[(t + 1) % blockDim.x];
  for (unsigned d = 16; d > 0; d /= 2) v += __shfl_down_sync(0xffffffffu, v, d);
  if (t % 32 == 0) of_warp[t / 32] = v;
  __syncthreads();
  if (t == 0) {
    T s = of_warp[0];
    for (unsigned w = 1; w < blockDim.x / 32; w++) s += of_warp[w];
    sum[blockIdx.x] = s;
  }
}

template <class T> T serial_reduce(const T *x, int block) {
  T s = 0;
  for (int w = 0; w < block / 32; w++) {
    T v[64];
    for (int i = 0; i < 32; i++) v[i] = x[(w * 32 + i + 1) % block];
    for (int d = 16; d > 0; d /= 2)
      for (int i = 0; i < 32; i++) v[i] += i + d < 32 ? v[i + d] : v[i];
    s = w == 0 ? v[0] : s + v[0];
  }
  return s;
}

template <class T> int reduce_as() {
  constexpr int blocks = 7, block = 96;
  std::vector<T> x, expected;
  for (int i = 0; i < blocks * block; i++) x.push_back(static_cast<T>(number(i)));
  for (int b = 0; b < blocks; b++) expected.push_back(serial_reduce(x.data() + b * block, block));
  T *in = upload(x), *out = zeros<T>(blocks);
  MUST(cudasim_launch(kernel_reduce<T, block>, blocks, block, block * sizeof(T), nullptr, out, in));
  const int wrong = same(download(out, blocks), expected);
  MUST(cudaFree(in));
  MUST(cudaFree(out));
  return wrong;
}

/* two types: static shared memory of two instances of one template */
int reduce() { return reduce_as<double>() | reduce_as<float>(); }

/* ---- votes and the other warp operations, in a block whose last warp is not full ---- */

constexpr int votes_block = 40, votes_results = 12;

__global__ void kernel_votes(unsigned long long *out) {
  const unsigned all = 0xffffffffu, t = threadIdx.x;
  const int lane = static_cast<int>(t) % warpSize;
  unsigned long long *mine = out + t * votes_results;
  int i = 0;
  mine[i++] = __ballot_sync(all, t % 3 == 0);
  mine[i++] = static_cast<unsigned>(__any_sync(all, t == 39));
  mine[i++] = static_cast<unsigned>(__all_sync(all, t < 32));
  mine[i++] = static_cast<unsigned>(__syncthreads_count(t % 5 == 0));
  mine[i++] = __syncthreads_or(t == 17) ? 1 : 0;
  mine[i++] = __syncthreads_and(t != 17) ? 1 : 0;
  mine[i++] = __shfl_sync(all, t * 1000000007ull, 3, 8);
  mine[i++] = __shfl_up_sync(all, t, 2, 4);
  mine[i++] = __shfl_xor_sync(all, t, 5);
  mine[i++] = static_cast<unsigned>(__popc(__activemask() & (1u << lane)));
  /* a branch that only some lanes take, who say so */
  const unsigned even = 0x55555555u;
  mine[i++] = lane % 2 == 0 ? __shfl_sync(even, t, 4) : 77;
  mine[i++] = static_cast<unsigned>(__ffs(static_cast<int>(t))) +
              static_cast<unsigned>(__clz(static_cast<int>(t)));
}

int votes() {
  std::vector<unsigned long long> expected;
  for (unsigned t = 0; t < votes_block; t++) {
    const unsigned first = t / 32 * 32, lane = t % 32, lanes = first ? 8 : 32;
    unsigned long long ballot = 0, sum = 0;
    for (unsigned i = 0; i < lanes; i++) ballot |= ((first + i) % 3 == 0 ? 1ull : 0) << i;
    for (unsigned i = 0; i < votes_block; i++) sum += i % 5 == 0;
    const unsigned long long row[votes_results] = {
        ballot,
        first ? 1u : 0u,
        first ? 0u : 1u,
        sum,
        1,
        0,
        (first + lane / 8 * 8 + 3) * 1000000007ull,
        lane % 4 >= 2 ? t - 2 : t,
        first + (lane ^ 5),
        1,
        lane % 2 == 0 ? first + 4 : 77,
        t == 0 ? 32u : static_cast<unsigned>(__builtin_ctz(t) + 1 + __builtin_clz(t))};
    expected.insert(expected.end(), row, row + votes_results);
  }
  auto *out = zeros<unsigned long long>(expected.size());
  void *arguments[] = {&out};
  MUST(cudaLaunchKernel(kernel_votes, dim3(1), dim3(votes_block), arguments));
  const int wrong = same(download(out, expected.size()), expected);
  MUST(cudaFree(out));
  return wrong;
}

/* ---- atomics, and the last block that sums up what the others wrote ---- */

struct counters {
  int sum, most, least, exchanged, bits;
  unsigned ticket, wrapped;
  unsigned long long wide;
  double real;
};

__global__ void kernel_atomics(counters *c, double *partial, double *total) {
  __shared__ bool last;
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(&c->sum, i);
  atomicMax(&c->most, i * 7 % 101);
  atomicMin(&c->least, -(i * 5 % 103));
  atomicOr(&c->bits, 1 << i % 20);
  atomicAdd(&c->wide, 1ull << 33);
  atomicAdd(&c->real, 0.25);
  atomicInc(&c->wrapped, 6);
  if (i == 5) atomicExch(&c->exchanged, 55);
  atomicCAS(&c->exchanged, 55, 66);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = 1.0 / (1 + blockIdx.x);
    __threadfence();
    last = atomicAdd(&c->ticket, 1u) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    double s = 0;
    for (unsigned b = 0; b < gridDim.x; b++) s += partial[b];
    *total = s;
  }
}

int atomics() {
  constexpr int blocks = 6, block = 48;
  counters expected = {};
  double sum = 0;
  for (int i = 0; i < blocks * block; i++) {
    expected.sum += i;
    expected.most = max(expected.most, i * 7 % 101);
    expected.least = min(expected.least, -(i * 5 % 103));
    expected.bits |= 1 << i % 20;
    expected.wide += 1ull << 33;
    expected.real += 0.25;
    expected.wrapped = expected.wrapped >= 6 ? 0 : expected.wrapped + 1;
  }
  for (int b = 0; b < blocks; b++) sum += 1.0 / (1 + b);
  expected.ticket = blocks;
  expected.exchanged = 66;
  auto *c = zeros<counters>(1);
  auto *partial = zeros<double>(blocks), *total = zeros<double>(1);
  MUST(cudasim_launch(kernel_atomics, blocks, block, 0, nullptr, c, partial, total));
  counters got = download(c, 1)[0];
  /* the exchange may come after the last comparison: 55 or 66 */
  if (got.exchanged == 55) got.exchanged = 66;
  const int wrong = memcmp(&got, &expected, sizeof got) != 0 || download(total, 1)[0] != sum;
  MUST(cudaFree(c));
  MUST(cudaFree(partial));
  MUST(cudaFree(total));
  return wrong ? 3 : 0;
}

/* ---- grids and blocks of three dimensions ---- */

__global__ void kernel_shape(int *out) {
  const unsigned x = blockIdx.x * blockDim.x + threadIdx.x, nx = gridDim.x * blockDim.x;
  const unsigned y = blockIdx.y * blockDim.y + threadIdx.y, ny = gridDim.y * blockDim.y;
  const unsigned z = blockIdx.z * blockDim.z + threadIdx.z;
  out[(z * ny + y) * nx + x] += static_cast<int>(x + 100 * y + 10000 * z);
}

int shape() {
  std::vector<int> expected;
  for (int z = 0; z < 6; z++)
    for (int y = 0; y < 6; y++)
      for (int x = 0; x < 8; x++) expected.push_back(x + 100 * y + 10000 * z);
  int *out = zeros<int>(expected.size());
  MUST(cudasim_launch(kernel_shape, dim3(2, 3, 2), dim3(4, 2, 3), 0, nullptr, out));
  const int wrong = same(download(out, expected.size()), expected);
  MUST(cudaFree(out));
  return wrong;
}

/* ---- a pipeline of streams: copy in, two kernels, copy out, with events between ---- */

__global__ void kernel_step(double *y, const double *x, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) y[i] = x[i] * 1.0625 + y[i];
}

struct pipeline_state {
  cudaStream_t copies, work;
  cudaEvent_t copied, free_again;
  double *x, *y, *staging;
};

constexpr int pipeline_n = 200, pipeline_rounds = 6;

pipeline_state pipeline_open() {
  pipeline_state p = {};
  MUST(cudaStreamCreateWithFlags(&p.copies, cudaStreamNonBlocking));
  MUST(cudaStreamCreateWithPriority(&p.work, cudaStreamNonBlocking, -1));
  MUST(cudaEventCreateWithFlags(&p.copied, cudaEventDisableTiming));
  MUST(cudaEventCreateWithFlags(&p.free_again, cudaEventDisableTiming));
  MUST(cudaMalloc(&p.x, pipeline_n * sizeof(double)));
  MUST(cudaMalloc(&p.y, pipeline_n * sizeof(double)));
  MUST(cudaMallocHost(&p.staging, pipeline_n * sizeof(double)));
  MUST(cudaMemsetAsync(p.y, 0, pipeline_n * sizeof(double), p.work));
  return p;
}

void pipeline_close(const pipeline_state &p) {
  MUST(cudaFree(p.x));
  MUST(cudaFree(p.y));
  MUST(cudaFreeHost(p.staging));
  MUST(cudaEventDestroy(p.copied));
  MUST(cudaEventDestroy(p.free_again));
  MUST(cudaStreamDestroy(p.copies));
  MUST(cudaStreamDestroy(p.work));
}

int pipeline() {
  const pipeline_state p = pipeline_open();
  std::vector<double> expected(pipeline_n), got(pipeline_n);
  for (int round = 0; round < pipeline_rounds; round++) {
    if (round > 0) MUST(cudaEventSynchronize(p.copied)); /* the host's memory is free again */
    for (int i = 0; i < pipeline_n; i++) {
      p.staging[i] = number(i + 1000 * round);
      expected[static_cast<std::size_t>(i)] = p.staging[i] * 1.0625 +
                                              expected[static_cast<std::size_t>(i)];
    }
    if (round > 0) MUST(cudaStreamWaitEvent(p.copies, p.free_again, 0)); /* and the device's */
    MUST(cudaMemcpyAsync(p.x, p.staging, pipeline_n * sizeof(double), cudaMemcpyHostToDevice,
                         p.copies));
    MUST(cudaEventRecord(p.copied, p.copies));
    MUST(cudaStreamWaitEvent(p.work, p.copied, 0));
    MUST(cudasim_launch(kernel_step, (pipeline_n + 63) / 64, 64, 0, p.work, p.y, p.x, pipeline_n));
    MUST(cudaEventRecord(p.free_again, p.work));
  }
  MUST(cudaMemcpyAsync(got.data(), p.y, pipeline_n * sizeof(double), cudaMemcpyDeviceToHost,
                       p.work));
  MUST(cudaStreamSynchronize(p.work));
  pipeline_close(p);
  return same(got, expected);
}

/* ---- the default stream waits for others, and they for it; queries make progress ---- */

int default_stream() {
  cudaStream_t a, b;
  cudaEvent_t begun, ended;
  MUST(cudaStreamCreate(&a));
  MUST(cudaStreamCreate(&b));
  MUST(cudaEventCreate(&begun));
  MUST(cudaEventCreate(&ended));
  MUST(cudaEventRecord(begun, a));
  const std::vector<double> ones(64, 1.0), twos(64, 2.0);
  double *x = upload(ones, a), *y = upload(twos, b);
  MUST(cudasim_launch(kernel_step, 1, 64, 0, nullptr, y, x, 64));
  MUST(cudasim_launch(kernel_step, 1, 64, 0, a, x, y, 64));
  MUST(cudaEventRecord(ended, a));
  cudaError_t state;
  while ((state = cudaEventQuery(ended)) == cudaErrorNotReady) (void)cudaGetLastError();
  MUST(state);
  float milliseconds = -1;
  MUST(cudaEventElapsedTime(&milliseconds, begun, ended));
  MUST(cudaStreamQuery(a));
  const double one = 1, two = 2, y1 = one * 1.0625 + two, x1 = y1 * 1.0625 + one;
  const int wrong = same(download(x, 64), std::vector<double>(64, x1)) | (milliseconds < 0);
  MUST(cudaFree(x));
  MUST(cudaFree(y));
  MUST(cudaEventDestroy(begun));
  MUST(cudaEventDestroy(ended));
  MUST(cudaStreamDestroy(a));
  MUST(cudaStreamDestroy(b));
  return wrong;
}

/* ---- constants: each device has its own; a thread of the host for each, with two streams ---- */

__constant__ double scale[3] = {1, 2, 3};
__device__ int launches;

__global__ void kernel_scale(double *x, int n) {
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x))
    x[i] *= scale[i % 3];
  if (threadIdx.x == 0) atomicAdd(&launches, 1);
}

void drive_device(int device, int *wrong) {
  constexpr int n = 90;
  MUST(cudaSetDevice(device));
  const double mine[2] = {10.5 + device, 20.5 + device};
  MUST(cudaMemcpyToSymbol(scale, mine, sizeof mine, sizeof(double)));
  cudaStream_t stream[2];
  double *x[2];
  std::vector<double> in(n, 1.5), out[2], expected;
  for (int i = 0; i < n; i++) expected.push_back(i % 3 == 0 ? 1.5 : 1.5 * mine[i % 3 - 1]);
  for (int s = 0; s < 2; s++) {
    MUST(cudaStreamCreateWithFlags(&stream[s], cudaStreamNonBlocking));
    x[s] = upload(in, stream[s]);
    out[s].resize(n);
  }
  for (int s = 0; s < 2; s++) {
    MUST(cudasim_launch(kernel_scale, 1, 32, 0, stream[s], x[s], n));
    MUST(cudaMemcpyAsync(out[s].data(), x[s], n * sizeof(double), cudaMemcpyDeviceToHost,
                         stream[s]));
  }
  for (int s = 0; s < 2; s++) {
    MUST(cudaStreamSynchronize(stream[s]));
    *wrong |= same(out[s], expected);
    MUST(cudaFree(x[s]));
    MUST(cudaStreamDestroy(stream[s]));
  }
}

int devices() {
  int count = 0, sum = 0;
  MUST(cudaGetDeviceCount(&count));
  std::vector<int> wrong(static_cast<std::size_t>(count));
  std::vector<std::thread> threads;
  for (int d = 0; d < count; d++)
    threads.emplace_back(drive_device, d, &wrong[static_cast<std::size_t>(d)]);
  for (std::thread &thread : threads) thread.join();
  int n = 0;
  MUST(cudaMemcpyFromSymbol(&n, launches, sizeof n));
  for (int w : wrong) sum |= w;
  return sum | (n != 2 * count ? 3 : 0);
}

/* ---- functions of the host in a stream, memory freed in a stream, more shared memory than by default ---- */

__global__ void kernel_large(int *x, int words) {
  CUDASIM_DYNAMIC_SHARED(int, room);
  for (int i = static_cast<int>(threadIdx.x); i < words; i += 32) room[i] = i;
  __syncwarp();
  if (threadIdx.x == 0) x[0] = room[words - 1] + room[0] + room[1];
}

int in_stream() {
  constexpr int words = 25000;
  cudaStream_t stream;
  MUST(cudaStreamCreate(&stream));
  int *x, got = 0, twice = 0;
  MUST(cudaMallocAsync(reinterpret_cast<void **>(&x), sizeof *x, stream));
  MUST(cudaFuncSetAttribute(kernel_large, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            words * static_cast<int>(sizeof(int))));
  MUST(cudasim_launch(kernel_large, 1, 32, words * sizeof(int), stream, x, words));
  MUST(cudaMemcpyAsync(&got, x, sizeof got, cudaMemcpyDefault, stream));
  struct pair {
    const int *from;
    int *to;
  } both = {&got, &twice};
  const auto twofold = [](void *data) {
    const pair *p = static_cast<pair *>(data);
    *p->to = 2 * *p->from;
  };
  MUST(cudaLaunchHostFunc(stream, twofold, &both));
  MUST(cudaFreeAsync(x, stream));
  MUST(cudaStreamDestroy(stream));
  MUST(cudaDeviceSynchronize());
  return got == words && twice == 2 * words ? 0 : 3;
}

/* a function of the host may wait for another thread's calls */
int host_function_waits() {
  cudaStream_t stream;
  MUST(cudaStreamCreateWithFlags(&stream,
                                 cudaStreamNonBlocking)); /* the other uses the default one */
  std::atomic<int> go{0};
  const auto waits = [](void *data) {
    while (!*static_cast<std::atomic<int> *>(data)) std::this_thread::yield();
  };
  MUST(cudaLaunchHostFunc(stream, waits, &go));
  std::thread other([&] {
    int *x = zeros<int>(5);
    const std::vector<int> got = download(x, 5);
    MUST(cudaFree(x));
    go = got == std::vector<int>(5) ? 1 : 2;
  });
  MUST(cudaStreamSynchronize(stream));
  other.join();
  MUST(cudaStreamDestroy(stream));
  return go == 1 ? 0 : 3;
}

/* ---- parts of a warp that go their own ways, as long as they like, until the whole warp is wanted ---- */

__global__ void kernel_teams(int *sum, int size) {
  __shared__ int row[32];
  const int lane = static_cast<int>(threadIdx.x), rank = lane % size;
  const unsigned mine = (0xffffffffu >> (32 - size)) << (lane - rank);
  row[lane] = lane;
  for (int round = 0; round < 3 + lane / size; round++) {
    __syncwarp(mine);
    const int next = row[lane - rank + (rank + 1) % size] + __shfl_xor_sync(mine, 1, size / 2);
    __syncwarp(mine);
    row[lane] = next;
  }
  const unsigned odd = __ballot_sync(0xffffffffu, row[lane] % 2 != 0);
  sum[lane] = row[lane] + static_cast<int>(odd >> lane & 1);
}

int teams() {
  constexpr int size = 4;
  int *sum = zeros<int>(32), wrong = 0;
  MUST(cudasim_launch(kernel_teams, 1, 32, 0, nullptr, sum, size));
  const std::vector<int> got = download(sum, 32);
  for (int lane = 0; lane < 32; lane++) {
    const int rounds = 3 + lane / size, first = lane / size * size;
    const int x = first + (lane - first + rounds) % size + rounds;
    wrong |= got[static_cast<std::size_t>(lane)] != x + x % 2;
  }
  MUST(cudaFree(sum));
  return wrong ? 3 : 0;
}

/* ---- threads of the host that don't know of each other, several to a device ---- */

int crowd() {
  int count = 0, wrong[5] = {};
  MUST(cudaGetDeviceCount(&count));
  std::vector<std::thread> threads;
  for (int &mine : wrong)
    threads.emplace_back([&mine, device = static_cast<int>(&mine - wrong) % count] {
      MUST(cudaSetDevice(device));
      mine = pipeline() | reduce();
    });
  for (std::thread &thread : threads) thread.join();
  return wrong[0] | wrong[1] | wrong[2] | wrong[3] | wrong[4];
}

} // namespace

const program correct_programs[] = {
    {"reduce", reduce},   {"votes", votes},         {"atomics", atomics},
    {"shape", shape},     {"pipeline", pipeline},   {"default_stream", default_stream},
    {"devices", devices}, {"in_stream", in_stream}, {"host_function_waits", host_function_waits},
    {"teams", teams},     {"crowd", crowd},         {nullptr, nullptr},
};
