/* SPDX-License-Identifier: MIT
 *
 * cudasim.h: runs CUDA sources on the CPU, in tests, and looks for the mistakes that a GPU forgives or hides.
 *
 *   . tests/cudasim/cudasim.sh                  # finds the toolkit's headers; the compiler's options
 *   cudasim_library plain DIR                   # DIR/libcudasim.a; or asan, or tsan
 *   g++ $(cudasim_flags plain) -c kernels.cu -o kernels.o       # this file is included by those options
 *   g++ kernels.o ... DIR/libcudasim.a $(cudasim_link plain) -o program
 *
 * A kernel is launched by cudaLaunchKernel(kernel, ...), or by cudasim_launch(kernel, grid, block, shared, stream,
 * arguments...), for <<<>>> does not parse here; dynamic shared memory is declared by
 * CUDASIM_DYNAMIC_SHARED(type, name). CUDASIM is defined, so that a source can choose. Everything else is written as
 * for nvcc. The toolkit's own headers are used, its libraries are not: the runtime functions are the simulator's
 * (runtime.cpp, launch.cpp, memory.cpp, stream.cpp). Kernels and simulator must be linked into the same program or
 * library, with its symbol table left in.
 *
 * Streams are queues: a copy, a fill or a kernel is carried out when something waits for it, copies from and to the
 * host's memory included. Threads of a block are fibers that change at barriers and warp operations; blocks run one
 * after another, kernels one at a time; several threads of the host may call at once.
 *
 * Where CUDA leaves a choice or promises little, the simulator is strict: a copy between a device and pageable memory
 * does not wait either, and cudaFree does not wait for the device.
 *
 * Environment
 *   CUDASIM_ORDER    0 (default): threads, blocks and streams forward, and only the work that was waited for;
 *                    1: all of them backward, unrelated streams first; n > 1: pseudo-random, of seed n, and work may
 *                    also be done before anything waits for it
 *   CUDASIM_DEVICES  number of devices (1); -1: not even a driver
 *   CUDASIM_MEMORY   bytes of memory of each device (2^31)
 *   CUDASIM_STRICT   0: a thread may exit before a barrier or warp operation of others, or wait for it at another
 *                    line than they, and a shuffle may read an absent lane (it gets NaN)
 *   CUDASIM_LEAKS    0: say nothing at exit of memory, streams, events and work that are left; else the exit code is 67
 *   CUDASIM_FAIL     failures to come, as by the functions of control.h: malloc:DEVICE:NTH[:COUNT],
 *                    launch:DEVICE:NTH[:ERROR], device:DEVICE:NTH; with commas between, and * for every device
 *
 * What is found
 *   always           the program is aborted, with kernel, block and threads: divergent barriers, exit before a barrier,
 *                    warp operations with lanes that are absent or elsewhere, waits without end;
 *                    it is aborted: memory freed or a device reset while queued work needs it, arguments that point to
 *                    another device's memory, writes to freed memory (when it is given back, or at exit);
 *                    an error is returned, and the reason said on stderr: copies that leave their allocation, go the
 *                    wrong way or concern another device, launches that no device would take, double frees, calls from
 *                    functions of the host; and without a word, unknown streams and events;
 *                    at exit: memory, streams and events that are left, work that was never waited for
 *   as wrong data    uninitialised memory (new memory of any kind is full of NaN), missing synchronisation of host and
 *                    stream or stream and stream, host memory used again too early, constants not set on a device,
 *                    results that depend on the order of threads or blocks: compare those of several CUDASIM_ORDER
 *   with ASan        accesses outside allocations, dynamic and static shared memory; use after free; the host using
 *                    device memory directly, a kernel using another device's
 *   with TSan        a missing __syncthreads, __syncwarp or __threadfence; blocks, streams or the host using the same
 *                    memory with nothing between
 * What is not: differences of the device's own math library, occupancy, registers, speed, launch bounds, the size of
 * static shared memory; kernels that use pageable host memory; writes to __constant__ memory by kernels; blocks that
 * wait for one another (they hang). __device__ variables are shared by all devices. There are no graphs, textures,
 * cooperative launches, managed memory, peer copies or per-thread default streams.
 */
#ifndef CUDASIM_H
#define CUDASIM_H

#define CUDASIM 1

/* the toolkit declares threadIdx and its like as variables: before they become macros */
#include <cuda_runtime.h>
#include <device_launch_parameters.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "control.h"

/* ---- who am I ---- */

namespace cudasim {

constexpr int warp_size = 32;

/* a place in the source: two barriers on one line differ by their number */
struct Site {
  const char *file;
  int line, number;
};

/* the thread that runs */
struct Lane {
  uint3 index;
  int linear, lane;
  bool fenced; /* has called __threadfence: its atomics order memory (only TSan can tell) */
};
extern Lane *current;
extern dim3 grid_size, block_size;
extern uint3 block_index;

void *dynamic_shared();
void barrier(Site site);
enum class Vote { any, all, count };
int barrier_vote(Site site, Vote vote, bool predicate);

enum class WarpOp { shuffle, shuffle_up, shuffle_down, shuffle_xor, ballot, sync };
/* waits for the lanes of the mask, and gives the value of the lane `source` */
std::uint64_t warp_exchange(Site site, WarpOp op, unsigned mask, std::uint64_t value, int source);
unsigned warp_ballot(Site site, unsigned mask, bool predicate);
unsigned active_mask();
[[noreturn]] void trap(Site site);

} // namespace cudasim

#define threadIdx (cudasim::current->index)
#define blockIdx (cudasim::block_index)
#define blockDim (cudasim::block_size)
#define gridDim (cudasim::grid_size)
#define CUDASIM_SITE (cudasim::Site{__FILE__, __LINE__, __COUNTER__})

/* ---- memory spaces: the simulator knows their variables by the tag ---- */

#undef __shared__
#undef __constant__
#define __shared__ static __attribute__((abi_tag("cudasim_shared")))
#define __constant__ __attribute__((abi_tag("cudasim_constant")))
#define CUDASIM_DYNAMIC_SHARED(type, name) \
  type *const name = static_cast<type *>(cudasim::dynamic_shared())
#ifndef __launch_bounds__
#define __launch_bounds__(...)
#endif

/* ---- barriers and warp operations ---- */

#define __syncthreads() cudasim::barrier(CUDASIM_SITE)
#define __syncthreads_or(p) cudasim::barrier_vote(CUDASIM_SITE, cudasim::Vote::any, (p) != 0)
#define __syncthreads_and(p) cudasim::barrier_vote(CUDASIM_SITE, cudasim::Vote::all, (p) != 0)
#define __syncthreads_count(p) cudasim::barrier_vote(CUDASIM_SITE, cudasim::Vote::count, (p) != 0)
#define __syncwarp(...) cudasim::warp_sync(CUDASIM_SITE, cudasim::mask_or_all(__VA_ARGS__))
#define __shfl_sync(mask, ...) cudasim::shuffle(CUDASIM_SITE, mask, __VA_ARGS__)
#define __shfl_up_sync(mask, ...) cudasim::shuffle_up(CUDASIM_SITE, mask, __VA_ARGS__)
#define __shfl_down_sync(mask, ...) cudasim::shuffle_down(CUDASIM_SITE, mask, __VA_ARGS__)
#define __shfl_xor_sync(mask, ...) cudasim::shuffle_xor(CUDASIM_SITE, mask, __VA_ARGS__)
#define __ballot_sync(mask, p) cudasim::warp_ballot(CUDASIM_SITE, mask, (p) != 0)
#define __any_sync(mask, p) (cudasim::warp_ballot(CUDASIM_SITE, mask, (p) != 0) != 0)
#define __all_sync(mask, p) (cudasim::warp_ballot(CUDASIM_SITE, mask, (p) == 0) == 0)
#define __activemask() cudasim::active_mask()
#define __trap() cudasim::trap(CUDASIM_SITE)

namespace cudasim {

inline unsigned mask_or_all(unsigned mask = 0xffffffffu) { return mask; }

inline void warp_sync(Site site, unsigned mask) {
  warp_exchange(site, WarpOp::sync, mask, 0, current->lane);
}

template <class T> T exchange(Site site, WarpOp op, unsigned mask, T value, int source) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t), "shuffles move at most 8 bytes");
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof value);
  word = warp_exchange(site, op, mask, word, source);
  std::memcpy(&value, &word, sizeof value);
  return value;
}

/* the segment of `width` lanes that this lane is in; a source outside of it is the lane itself */
inline int segment(int width) { return current->lane / width * width; }
inline int within(int source, int width) {
  return source >= segment(width) && source < segment(width) + width ? source : current->lane;
}
template <class T> T shuffle(Site site, unsigned mask, T value, int source, int width = warp_size) {
  return exchange(site, WarpOp::shuffle, mask, value, segment(width) + (source & (width - 1)));
}
template <class T>
T shuffle_up(Site site, unsigned mask, T value, unsigned delta, int width = warp_size) {
  const int source = within(current->lane - static_cast<int>(delta), width);
  return exchange(site, WarpOp::shuffle_up, mask, value, source);
}
template <class T>
T shuffle_down(Site site, unsigned mask, T value, unsigned delta, int width = warp_size) {
  const int source = within(current->lane + static_cast<int>(delta), width);
  return exchange(site, WarpOp::shuffle_down, mask, value, source);
}
/* other segments than this one: lower ones may be read, higher ones may not */
template <class T>
T shuffle_xor(Site site, unsigned mask, T value, int bits, int width = warp_size) {
  const int source = current->lane ^ bits;
  return exchange(site, WarpOp::shuffle_xor, mask, value,
                  source < segment(width) + width ? source : current->lane);
}

/* ---- atomics: relaxed, as CUDA's, unless the thread has asked for order by a fence ---- */

inline int memory_order() { return current->fenced ? __ATOMIC_ACQ_REL : __ATOMIC_RELAXED; }

template <class T, class F> T update(T *address, F function) {
  T old;
  __atomic_load(address, &old, __ATOMIC_RELAXED);
  for (;;) {
    T next = function(old);
    if (__atomic_compare_exchange(address, &old, &next, false, memory_order(), __ATOMIC_RELAXED))
      return old;
  }
}

} // namespace cudasim

/* the second argument takes no part in the deduction: atomicAdd(&a_double, 1) works, as under nvcc */
template <class T> T atomicAdd(T *address, std::common_type_t<T> value) {
  return cudasim::update(address, [=](T old) { return static_cast<T>(old + value); });
}
template <class T> T atomicSub(T *address, std::common_type_t<T> value) {
  return cudasim::update(address, [=](T old) { return static_cast<T>(old - value); });
}
template <class T> T atomicMax(T *address, std::common_type_t<T> value) {
  return cudasim::update(address, [=](T old) { return old > value ? old : value; });
}
template <class T> T atomicMin(T *address, std::common_type_t<T> value) {
  return cudasim::update(address, [=](T old) { return old < value ? old : value; });
}
template <class T> T atomicAnd(T *address, std::common_type_t<T> value) {
  return cudasim::update(address, [=](T old) { return old & value; });
}
template <class T> T atomicOr(T *address, std::common_type_t<T> value) {
  return cudasim::update(address, [=](T old) { return old | value; });
}
template <class T> T atomicXor(T *address, std::common_type_t<T> value) {
  return cudasim::update(address, [=](T old) { return old ^ value; });
}
template <class T> T atomicExch(T *address, std::common_type_t<T> value) {
  return cudasim::update(address, [=](T) { return value; });
}
template <class T>
T atomicCAS(T *address, std::common_type_t<T> compare, std::common_type_t<T> value) {
  __atomic_compare_exchange(address, &compare, &value, false, cudasim::memory_order(),
                            __ATOMIC_RELAXED);
  return compare;
}
inline unsigned atomicInc(unsigned *address, unsigned limit) {
  return cudasim::update(address, [=](unsigned old) { return old >= limit ? 0 : old + 1; });
}
inline void __threadfence() { cudasim::current->fenced = true; }
inline void __threadfence_block() { cudasim::current->fenced = true; }
inline void __threadfence_system() { cudasim::current->fenced = true; }

/* ---- functions that only devices have ---- */

using std::max;
using std::min;

template <class T> T __ldg(const T *address) { return *address; }
template <class T> T __ldcs(const T *address) { return *address; }
template <class T> void __stcs(T *address, T value) { *address = value; }

template <class To, class From> To cudasim_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "as many bits");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
inline float __int_as_float(int x) { return cudasim_bits<float>(x); }
inline int __float_as_int(float x) { return cudasim_bits<int>(x); }
inline float __uint_as_float(unsigned x) { return cudasim_bits<float>(x); }
inline unsigned __float_as_uint(float x) { return cudasim_bits<unsigned>(x); }
inline double __longlong_as_double(long long x) { return cudasim_bits<double>(x); }
inline long long __double_as_longlong(double x) { return cudasim_bits<long long>(x); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
inline int __clzll(long long x) {
  return x ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64;
}
inline unsigned __umulhi(unsigned x, unsigned y) {
  return static_cast<unsigned>(std::uint64_t{x} * y >> 32);
}
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
  __extension__ typedef unsigned __int128 wide;
  return static_cast<unsigned long long>(static_cast<wide>(x) * y >> 64);
}

/* rounded to nearest, never contracted */
inline float __fmaf_rn(float x, float y, float z) { return std::fma(x, y, z); }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline double __fma_rn(double x, double y, double z) { return std::fma(x, y, z); }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dsub_rn(double x, double y) { return x - y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline double __ddiv_rn(double x, double y) { return x / y; }
inline double __drcp_rn(double x) { return 1 / x; }
inline double __dsqrt_rn(double x) { return std::sqrt(x); }

/* close to the device's, not the same bits */
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
inline double rsqrt(double x) { return 1 / std::sqrt(x); }
inline double rcbrt(double x) { return 1 / std::cbrt(x); }
inline double sinpi(double x) { return std::sin(3.141592653589793 * std::remainder(x, 2)); }
inline double cospi(double x) { return std::cos(3.141592653589793 * std::remainder(x, 2)); }
inline void sincospi(double x, double *s, double *c) { *s = sinpi(x), *c = cospi(x); }

/* nanoseconds, not cycles */
inline long long clock64() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}
inline void __nanosleep(unsigned) {}

/* ---- launches ---- */

namespace cudasim {

struct Launch {
  const void *function; /* the kernel */
  dim3 grid, block;
  std::size_t shared;
  std::shared_ptr<void> arguments; /* a copy of them, freed by the simulator; its size */
  std::size_t argument_bytes;
  std::function<void()> body; /* what one thread does */
};
cudaError_t enqueue(Launch &&launch, cudaStream_t stream);
cudaError_t copy_symbol(bool to_symbol, bool wait, const void *symbol, std::size_t symbol_bytes,
                        void *memory, std::size_t count, std::size_t offset, cudaMemcpyKind kind,
                        cudaStream_t stream);

template <class... P, class... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared,
                   cudaStream_t stream, A &&...arguments) {
  using Values = std::tuple<std::decay_t<P>...>;
  auto values = std::make_shared<Values>(std::forward<A>(arguments)...);
  Values *const them = values.get();
  return enqueue({reinterpret_cast<const void *>(kernel), grid, block, shared, std::move(values),
                  sizeof(Values), [kernel, them] { std::apply(kernel, *them); }},
                 stream);
}

/* the same with pointers to the arguments */
template <class... P, std::size_t... I>
cudaError_t launch_pointers(void (*kernel)(P...), dim3 grid, dim3 block, void **arguments,
                            std::size_t shared, cudaStream_t stream, std::index_sequence<I...>) {
  return launch(kernel, grid, block, shared, stream,
                *static_cast<std::decay_t<P> *>(arguments[I])...);
}

} // namespace cudasim

template <class... P, class... A>
cudaError_t cudasim_launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared,
                           cudaStream_t stream, A &&...arguments) {
  return cudasim::launch(kernel, grid, block, shared, stream, std::forward<A>(arguments)...);
}

/* more specialised than the toolkit's, which forgets the types of the arguments */
template <class... P>
cudaError_t cudaLaunchKernel(void (*kernel)(P...), dim3 grid, dim3 block, void **arguments,
                             std::size_t shared = 0, cudaStream_t stream = nullptr) {
  return cudasim::launch_pointers(kernel, grid, block, arguments, shared, stream,
                                  std::index_sequence_for<P...>{});
}

/* ---- what the toolkit's header offers to nvcc only ---- */

template <class... P>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, void (*kernel)(P...)) {
  return cudaFuncGetAttributes(attributes, reinterpret_cast<const void *>(kernel));
}
template <class... P>
cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), cudaFuncAttribute attribute, int value) {
  return cudaFuncSetAttribute(reinterpret_cast<const void *>(kernel), attribute, value);
}
template <class T>
cudaError_t cudaMemcpyToSymbol(const T &symbol, const void *source, std::size_t count,
                               std::size_t offset = 0,
                               cudaMemcpyKind kind = cudaMemcpyHostToDevice) {
  return cudasim::copy_symbol(true, true, &symbol, sizeof symbol, const_cast<void *>(source), count,
                              offset, kind, nullptr);
}
template <class T>
cudaError_t cudaMemcpyToSymbolAsync(const T &symbol, const void *source, std::size_t count,
                                    std::size_t offset = 0,
                                    cudaMemcpyKind kind = cudaMemcpyHostToDevice,
                                    cudaStream_t stream = nullptr) {
  return cudasim::copy_symbol(true, false, &symbol, sizeof symbol, const_cast<void *>(source),
                              count, offset, kind, stream);
}
template <class T>
cudaError_t cudaMemcpyFromSymbol(void *destination, const T &symbol, std::size_t count,
                                 std::size_t offset = 0,
                                 cudaMemcpyKind kind = cudaMemcpyDeviceToHost) {
  return cudasim::copy_symbol(false, true, &symbol, sizeof symbol, destination, count, offset, kind,
                              nullptr);
}
template <class T>
cudaError_t cudaMemcpyFromSymbolAsync(void *destination, const T &symbol, std::size_t count,
                                      std::size_t offset = 0,
                                      cudaMemcpyKind kind = cudaMemcpyDeviceToHost,
                                      cudaStream_t stream = nullptr) {
  return cudasim::copy_symbol(false, false, &symbol, sizeof symbol, destination, count, offset,
                              kind, stream);
}

#endif
