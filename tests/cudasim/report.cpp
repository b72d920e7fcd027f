/* SPDX-License-Identifier: MIT
 *
 * report.cpp: messages, the names of errors, and what is said at exit.
 */
#include "internal.h"

#include <cstdarg>
#include <unistd.h>

namespace cudasim {

namespace {
std::string vprint(const char *format, va_list arguments) {
  char text[512];
  vsnprintf(text, sizeof text, format, arguments);
  return text;
}
} // namespace

std::string print(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::string text = vprint(format, arguments);
  va_end(arguments);
  return text;
}

void complain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "cudasim: %s\n", vprint(format, arguments).c_str());
  va_end(arguments);
}

void fatal(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "cudasim: error: %s\n", vprint(format, arguments).c_str());
  va_end(arguments);
  abort();
}

namespace {

/* what was never given back, a line each; how many */
int report_leaks() {
  Runtime &all = runtime();
  int leaks = 0;
  const auto failed = [&](int device) {
    return all.devices[static_cast<std::size_t>(device)].failed != cudaSuccess;
  };
  for (const auto &entry : all.memory) {
    const Allocation &allocation = entry.second;
    if (failed(allocation.device)) continue; /* it could not be freed */
    complain("leak: %zu bytes of %s of device %d", allocation.bytes,
             allocation.pinned ? "pinned host memory" : "memory", allocation.device);
    leaks++;
  }
  for (const Stream *stream : all.streams) {
    if (failed(stream->device)) continue;
    complain("leak: a stream of device %d", stream->device);
    leaks++;
  }
  for (const Event *event : all.events) {
    if (failed(event->device)) continue;
    complain("leak: an event of device %d", event->device);
    leaks++;
  }
  for (const OpPointer &op : all.pending) {
    if (failed(op->device) || (!op->body && !op->launch)) continue;
    complain("never waited for, so never done: %s on device %d", op->name.c_str(), op->device);
    leaks++;
  }
  return leaks;
}

bool used; /* the runtime was made: at exit there is something to look at */

/* at exit, or when a library with the simulator in it is closed */
int look_back() {
  Quiet quiet;
  std::lock_guard<Lock> lock(runtime().mutex);
  check_freed_memory(0);
  return runtime().leaks ? report_leaks() : 0;
}

__attribute__((destructor)) void at_exit() {
  if (!used || look_back() == 0) return;
  fflush(nullptr);
  _exit(67);
}

/* the errors that a program may meet; the texts are the toolkit's */
struct ErrorName {
  cudaError_t error;
  const char *name, *text;
};
#define NAME(error, text) \
  { error, #error, text }
const ErrorName error_names[] = {
    NAME(cudaSuccess, "no error"),
    NAME(cudaErrorInvalidValue, "invalid argument"),
    NAME(cudaErrorMemoryAllocation, "out of memory"),
    NAME(cudaErrorInitializationError, "initialization error"),
    NAME(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    NAME(cudaErrorInvalidSymbol, "invalid device symbol"),
    NAME(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    NAME(cudaErrorInsufficientDriver,
         "CUDA driver version is insufficient for CUDA runtime version"),
    NAME(cudaErrorDevicesUnavailable, "CUDA-capable device(s) is/are busy or unavailable"),
    NAME(cudaErrorInvalidDeviceFunction, "invalid device function"),
    NAME(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    NAME(cudaErrorInvalidDevice, "invalid device ordinal"),
    NAME(cudaErrorNoKernelImageForDevice,
         "no kernel image is available for execution on the device"),
    NAME(cudaErrorECCUncorrectable, "uncorrectable ECC error encountered"),
    NAME(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    NAME(cudaErrorNotReady, "device not ready"),
    NAME(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    NAME(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    NAME(cudaErrorLaunchTimeout, "the launch timed out and was terminated"),
    NAME(cudaErrorAssert, "device-side assert triggered"),
    NAME(cudaErrorHardwareStackError, "hardware stack error"),
    NAME(cudaErrorIllegalInstruction, "an illegal instruction was encountered"),
    NAME(cudaErrorMisalignedAddress, "misaligned address"),
    NAME(cudaErrorInvalidAddressSpace, "operation not supported on global/shared address space"),
    NAME(cudaErrorInvalidPc, "invalid program counter"),
    NAME(cudaErrorLaunchFailure, "unspecified launch failure"),
    NAME(cudaErrorNotPermitted, "operation not permitted"),
    NAME(cudaErrorNotSupported, "operation not supported"),
    NAME(cudaErrorUnknown, "unknown error"),
};
#undef NAME

const ErrorName *find_error(cudaError_t error) {
  for (const ErrorName &entry : error_names)
    if (entry.error == error) return &entry;
  return nullptr;
}

} // namespace

void report_at_exit() { used = true; }

} // namespace cudasim

const char *cudaGetErrorName(cudaError_t error) {
  const cudasim::ErrorName *entry = cudasim::find_error(error);
  return entry ? entry->name : "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t error) {
  const cudasim::ErrorName *entry = cudasim::find_error(error);
  return entry ? entry->text : "unrecognized error code";
}
