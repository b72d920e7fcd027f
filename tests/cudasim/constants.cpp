/* SPDX-License-Identifier: MIT
 *
 * constants.cpp: every device has its own __constant__ memory. The program knows one place for it, so the bytes of
 * the device that works are put there, and those of the device before are kept. Also copies from and to symbols.
 */
#include "internal.h"

namespace cudasim {

namespace {

/* the bytes in place, one variable after another */
std::vector<char> save() {
  std::vector<char> bytes;
  for (const Range &variable : constant_variables()) {
    const char *begin = reinterpret_cast<const char *>(variable.begin);
    bytes.insert(bytes.end(), begin, begin + variable.bytes);
  }
  return bytes;
}

void restore(const std::vector<char> &bytes) {
  const char *from = bytes.data();
  for (const Range &variable : constant_variables()) {
    std::memcpy(reinterpret_cast<char *>(variable.begin), from, variable.bytes);
    from += variable.bytes;
  }
}

/* as the program was loaded */
const std::vector<char> &initial_constants() {
  static const std::vector<char> &initial = *new std::vector<char>(save());
  return initial;
}

} // namespace

void use_constants_of(int device) {
  Runtime &all = runtime();
  initial_constants();
  if (all.constants_of == device) return;
  all.devices[static_cast<std::size_t>(all.constants_of)].constants = save();
  const std::vector<char> &wanted = all.devices[static_cast<std::size_t>(device)].constants;
  restore(wanted.empty() ? initial_constants() : wanted);
  forget_accesses(constant_variables());
  all.constants_of = device;
}

void reset_constants_of(int device) {
  runtime().devices[static_cast<std::size_t>(device)].constants.clear();
  if (runtime().constants_of == device) restore(initial_constants());
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
