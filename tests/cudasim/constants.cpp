/* SPDX-License-Identifier: MIT
 *
 * constants.cpp: every device has its own __constant__ memory. The program knows one place for it, so the bytes of
 * the device that works are put there, and those of the device before are kept. Also copies from and to symbols.
 */
#include "internal.h"

extern "C" char __start_cudasim_constant[] __attribute__((weak));
extern "C" char __stop_cudasim_constant[] __attribute__((weak));

namespace cudasim {

namespace {

std::size_t constant_bytes() {
  return static_cast<std::size_t>(__stop_cudasim_constant - __start_cudasim_constant);
}

/* behind the sanitizers' backs: between the variables are ASan's red zones */
__attribute__((no_sanitize("address"))) void copy_bytes(volatile char *to,
                                                        const volatile char *from) {
  for (std::size_t i = 0, n = constant_bytes(); i < n; i++) to[i] = from[i];
}

/* as the program was loaded */
const std::vector<char> &initial_constants() {
  static const std::vector<char> &initial = *[] {
    auto *bytes = new std::vector<char>(constant_bytes());
    copy_bytes(bytes->data(), __start_cudasim_constant);
    return bytes;
  }();
  return initial;
}

} // namespace

void use_constants_of(int device) {
  Runtime &all = runtime();
  initial_constants();
  if (all.constants_of == device) return;
  std::vector<char> &kept = all.devices[static_cast<std::size_t>(all.constants_of)].constants;
  kept.resize(constant_bytes());
  copy_bytes(kept.data(), __start_cudasim_constant);
  const std::vector<char> &wanted = all.devices[static_cast<std::size_t>(device)].constants;
  copy_bytes(__start_cudasim_constant, wanted.empty() ? initial_constants().data() : wanted.data());
  all.constants_of = device;
}

void reset_constants_of(int device) {
  runtime().devices[static_cast<std::size_t>(device)].constants.clear();
  if (runtime().constants_of == device)
    copy_bytes(__start_cudasim_constant, initial_constants().data());
}

cudaError_t copy_symbol(bool to_symbol, bool wait, const void *symbol, std::size_t symbol_bytes,
                        void *memory, std::size_t count, std::size_t offset, cudaMemcpyKind kind,
                        cudaStream_t handle) {
  const char *name = to_symbol ? "cudaMemcpyToSymbol" : "cudaMemcpyFromSymbol";
  return run_call(Concerns::device, [&](Runtime &) {
    Stream *stream = find_stream(handle);
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (stream_state(*stream)) return stream_state(*stream);
    if (kind != cudaMemcpyDefault &&
        kind != (to_symbol ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost)) {
      complain("%s: the direction is neither cudaMemcpyDefault nor that of the call", name);
      return cudaErrorInvalidMemcpyDirection;
    }
    if (offset > symbol_bytes || count > symbol_bytes - offset) {
      complain("%s: %zu bytes at %zu of a symbol of %zu", name, count, offset, symbol_bytes);
      return cudaErrorInvalidValue;
    }
    const Allocation *allocation = find_allocation(memory);
    if (allocation && !allocation->pinned) {
      complain("%s: the memory is not the host's", name);
      return cudaErrorInvalidValue;
    }
    char *at = const_cast<char *>(static_cast<const char *>(symbol)) + offset;
    const auto op = std::make_shared<Op>();
    op->name = name;
    op->uses.push_back({address_of(memory), count});
    op->body = [=] {
      if (to_symbol) std::memcpy(at, memory, count);
      else std::memcpy(memory, at, count);
    };
    enqueue(*stream, op);
    return wait ? wait_for(op) : cudaSuccess;
  });
}

} // namespace cudasim
