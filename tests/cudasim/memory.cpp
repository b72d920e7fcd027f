/* SPDX-License-Identifier: MIT
 *
 * memory.cpp: allocations, each one of its own so that ASan sees its ends; copies and fills.
 */
#include "internal.h"

namespace cudasim {

namespace {
constexpr std::size_t freed_limit = 64 << 20; /* bytes of freed memory that are watched */
constexpr int poison = 0xff;                  /* NaN, for every type of floating point */

Device &device_of(const Allocation &allocation) {
  return runtime().devices[static_cast<std::size_t>(allocation.device)];
}
std::size_t &counter_of(const Allocation &allocation) {
  return allocation.pinned ? device_of(allocation).pinned : device_of(allocation).bytes;
}

cudaError_t allocate(void **pointer, std::size_t bytes, int number, bool pinned) {
  Runtime &all = runtime();
  Device &device = all.devices[static_cast<std::size_t>(number)];
  if (!pointer) return cudaErrorInvalidValue;
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  if (!pinned && strikes(device.malloc_fault)) return cudaErrorMemoryAllocation;
  if (!pinned && bytes > all.capacity - device.bytes) return cudaErrorMemoryAllocation;
  void *memory = nullptr;
  if (posix_memalign(&memory, 256, bytes) != 0) return cudaErrorMemoryAllocation;
  std::memset(memory, poison, bytes);
#if defined(__SANITIZE_ADDRESS__)
  if (!pinned) __asan_poison_memory_region(memory, bytes);
#endif
  const Allocation allocation = {memory, bytes, number, pinned, false};
  all.memory[address_of(memory)] = allocation;
  counter_of(allocation) += bytes;
  device.peak = std::max(device.peak, device.bytes);
  if (!pinned) device.allocations++;
  *pointer = memory;
  return cudaSuccess;
}

/* the allocation that begins at `pointer`; says what is wrong where there is none */
Allocation *begins_at(const char *call, const void *pointer, bool pinned) {
  Allocation *allocation = find_allocation(pointer);
  const char *wrong = nullptr;
  if (!allocation) wrong = "this is no live allocation; was it freed before?";
  else if (allocation->memory != pointer) wrong = "this is inside an allocation, not its beginning";
  else if (allocation->pinned != pinned)
    wrong = pinned ? "this is memory of a device" : "this is memory of the host";
  else if (allocation->freeing) wrong = "this is already being freed by cudaFreeAsync";
  if (wrong) complain("%s(%p): %s", call, pointer, wrong);
  return wrong ? nullptr : allocation;
}

cudaError_t release(const char *call, void *pointer, bool pinned) {
  if (!pointer) return cudaSuccess;
  const Allocation *allocation = begins_at(call, pointer, pinned);
  if (!allocation) return cudaErrorInvalidValue;
  if (device_of(*allocation).failed) return device_of(*allocation).failed;
  const std::vector<const Op *> users = users_of(*allocation);
  if (!users.empty())
    fatal("%s(%p): queued work still uses this memory: %s on device %d", call, pointer,
          users.front()->name.c_str(), users.front()->device);
  release_allocation(*allocation);
  return cudaSuccess;
}

/* ---- copies ---- */

/* One end of a copy or fill. Device memory must be one live allocation of the stream's device. */
bool check_end(const char *call, const char *which, const void *pointer, std::size_t bytes,
               bool on_device, const Stream &stream, Op &op) {
  const Allocation *allocation = find_allocation(pointer);
  const char *wrong = nullptr;
  if (on_device && (!allocation || allocation->pinned)) wrong = "is not memory of a device";
  else if (!on_device && allocation && !allocation->pinned) wrong = "is memory of a device";
  else if (allocation &&
           address_of(pointer) - address_of(allocation->memory) + bytes > allocation->bytes)
    wrong = "leaves its allocation";
  else if (on_device && allocation->device != stream.device)
    wrong = "is memory of another device than the stream's";
  else if (allocation && allocation->freeing) wrong = "is being freed by cudaFreeAsync";
  if (wrong) complain("%s: the %s (%p, %zu bytes) %s", call, which, pointer, bytes, wrong);
  op.uses.push_back({address_of(pointer), bytes});
  return !wrong;
}

bool is_device_memory(const void *pointer) {
  const Allocation *allocation = find_allocation(pointer);
  return allocation && !allocation->pinned;
}

cudaError_t copy(const char *call, void *to, const void *from, std::size_t bytes,
                 cudaMemcpyKind kind, cudaStream_t handle, bool wait) {
  return run_call(Concerns::device, [&](Runtime &) {
    Stream *stream = find_stream(handle);
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (stream_state(*stream)) return stream_state(*stream);
    if (static_cast<unsigned>(kind) > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
    if (bytes == 0) return cudaSuccess;
    const bool by_pointer = kind == cudaMemcpyDefault;
    const bool to_device = by_pointer
                               ? is_device_memory(to)
                               : kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = by_pointer ? is_device_memory(from)
                                        : kind == cudaMemcpyDeviceToHost ||
                                              kind == cudaMemcpyDeviceToDevice;
    const auto op = std::make_shared<Op>();
    op->name = call;
    const bool to_right = check_end(call, "destination", to, bytes, to_device, *stream, *op);
    const bool from_right = check_end(call, "source", from, bytes, from_device, *stream, *op);
    if (!to_right || !from_right) return cudaErrorInvalidValue;
    op->body = [=] { std::memcpy(to, from, bytes); };
    enqueue(*stream, op);
    /* within a device, even cudaMemcpy does not wait */
    return wait && !(to_device && from_device) ? wait_for(op) : cudaSuccess;
  });
}

cudaError_t fill(const char *call, void *to, int value, std::size_t bytes, cudaStream_t handle) {
  return run_call(Concerns::device, [&](Runtime &) {
    Stream *stream = find_stream(handle);
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (stream_state(*stream)) return stream_state(*stream);
    if (bytes == 0) return cudaSuccess;
    const auto op = std::make_shared<Op>();
    op->name = call;
    if (!check_end(call, "destination", to, bytes, true, *stream, *op))
      return cudaErrorInvalidValue;
    op->body = [=] { std::memset(to, value, bytes); };
    enqueue(*stream, op);
    return cudaSuccess;
  });
}

} // namespace

/* ---- what the other files use ---- */

Allocation *find_allocation(const void *pointer) {
  auto &memory = runtime().memory;
  auto after = memory.upper_bound(address_of(pointer));
  if (after == memory.begin()) return nullptr;
  Allocation &allocation = (--after)->second;
  return address_of(pointer) - after->first < allocation.bytes ? &allocation : nullptr;
}

void release_allocation(const Allocation &released) {
  const Allocation allocation = released;
  Runtime &all = runtime();
  counter_of(allocation) -= allocation.bytes;
  all.memory.erase(address_of(allocation.memory));
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(allocation.memory, allocation.bytes);
  free(allocation.memory); /* ASan watches it from now on */
#else
  std::memset(allocation.memory, poison, allocation.bytes);
  all.freed.push_back(allocation);
  all.freed_bytes += allocation.bytes;
  check_freed_memory(freed_limit);
#endif
}

void check_freed_memory(std::size_t keep) {
  Runtime &all = runtime();
  while (all.freed_bytes > keep) {
    const Allocation allocation = all.freed.front();
    const unsigned char *bytes = static_cast<unsigned char *>(allocation.memory);
    for (std::size_t i = 0; i < allocation.bytes; i++)
      if (bytes[i] != poison)
        fatal("memory of device %d, %zu bytes, was written after it was freed, at byte %zu",
              allocation.device, allocation.bytes, i);
    all.freed.pop_front();
    all.freed_bytes -= allocation.bytes;
    free(allocation.memory);
  }
}

void reach_device_memory([[maybe_unused]] int device, [[maybe_unused]] bool reachable) {
#if defined(__SANITIZE_ADDRESS__)
  for (const auto &entry : runtime().memory) {
    const Allocation &allocation = entry.second;
    if (allocation.pinned || allocation.device != device) continue;
    if (reachable) __asan_unpoison_memory_region(allocation.memory, allocation.bytes);
    else __asan_poison_memory_region(allocation.memory, allocation.bytes);
  }
#endif
}

} // namespace cudasim

/* ---- the runtime API ---- */

using namespace cudasim;

cudaError_t cudaMalloc(void **pointer, std::size_t bytes) {
  return run_call(Concerns::device,
                  [&](Runtime &) { return allocate(pointer, bytes, current_device, false); });
}

cudaError_t cudaMallocHost(void **pointer, std::size_t bytes) {
  return run_call(Concerns::device,
                  [&](Runtime &) { return allocate(pointer, bytes, current_device, true); });
}

cudaError_t cudaHostAlloc(void **pointer, std::size_t bytes, unsigned) {
  return cudaMallocHost(pointer, bytes);
}

cudaError_t cudaFree(void *pointer) {
  return run_call(Concerns::device, [&](Runtime &) { return release("cudaFree", pointer, false); });
}

cudaError_t cudaFreeHost(void *pointer) {
  return run_call(Concerns::device,
                  [&](Runtime &) { return release("cudaFreeHost", pointer, true); });
}

cudaError_t cudaMallocAsync(void **pointer, std::size_t bytes, cudaStream_t handle) {
  return run_call(Concerns::device, [&](Runtime &) {
    const Stream *stream = find_stream(handle);
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (stream_state(*stream)) return stream_state(*stream);
    return allocate(pointer, bytes, stream->device, false);
  });
}

cudaError_t cudaFreeAsync(void *pointer, cudaStream_t handle) {
  return run_call(Concerns::device, [&](Runtime &) {
    Stream *stream = find_stream(handle);
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (stream_state(*stream)) return stream_state(*stream);
    if (!pointer) return cudaSuccess;
    Allocation *allocation = begins_at("cudaFreeAsync", pointer, false);
    if (!allocation) return cudaErrorInvalidValue;
    allocation->freeing = true;
    const auto op = std::make_shared<Op>();
    op->name = "cudaFreeAsync";
    op->frees = allocation;
    op->body = [pointer] {
      Quiet quiet;
      release_allocation(*find_allocation(pointer));
    };
    enqueue(*stream, op);
    return cudaSuccess;
  });
}

cudaError_t cudaMemGetInfo(std::size_t *available, std::size_t *total) {
  return run_call(Concerns::device, [&](Runtime &all) {
    if (!available || !total) return cudaErrorInvalidValue;
    const Device &device = all.devices[static_cast<std::size_t>(current_device)];
    *total = all.capacity;
    *available = all.capacity - device.bytes;
    return cudaSuccess;
  });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *pointer) {
  return run_call(Concerns::device, [&](Runtime &) {
    if (!attributes) return cudaErrorInvalidValue;
    *attributes = {};
    const Allocation *allocation = find_allocation(pointer);
    attributes->type = !allocation          ? cudaMemoryTypeUnregistered
                       : allocation->pinned ? cudaMemoryTypeHost
                                            : cudaMemoryTypeDevice;
    attributes->device = allocation ? allocation->device : -1;
    if (allocation) attributes->devicePointer = const_cast<void *>(pointer);
    if (allocation && allocation->pinned) attributes->hostPointer = const_cast<void *>(pointer);
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpy(void *to, const void *from, std::size_t bytes, cudaMemcpyKind kind) {
  return copy("cudaMemcpy", to, from, bytes, kind, nullptr, true);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return copy("cudaMemcpyAsync", to, from, bytes, kind, stream, false);
}

cudaError_t cudaMemset(void *to, int value, std::size_t bytes) {
  return fill("cudaMemset", to, value, bytes, nullptr);
}

cudaError_t cudaMemsetAsync(void *to, int value, std::size_t bytes, cudaStream_t stream) {
  return fill("cudaMemsetAsync", to, value, bytes, stream);
}
