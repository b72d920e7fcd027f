/* SPDX-License-Identifier: MIT
 *
 * runtime.cpp: devices, errors, injected failures, and what every call has in common.
 */
#include "internal.h"

namespace cudasim {

thread_local int current_device = 0;
thread_local cudaError_t last_error = cudaSuccess;
thread_local bool in_host_function = false;

namespace {

const char *setting(const char *name, const char *otherwise) {
  const char *value = getenv(name);
  return value && *value ? value : otherwise;
}

} // namespace

bool ruins_device(int error) {
  switch (error) {
  case cudaErrorECCUncorrectable:
  case cudaErrorIllegalAddress:
  case cudaErrorLaunchTimeout:
  case cudaErrorAssert:
  case cudaErrorHardwareStackError:
  case cudaErrorIllegalInstruction:
  case cudaErrorMisalignedAddress:
  case cudaErrorInvalidAddressSpace:
  case cudaErrorInvalidPc:
  case cudaErrorLaunchFailure:
  case cudaErrorUnknown:
    return true;
  default:
    return false;
  }
}

namespace {

Fault launch_fault(long nth, int error) {
  const bool once = ruins_device(error) || error == cudaErrorMemoryAllocation;
  return {nth, once ? 1 : 0, static_cast<cudaError_t>(error)};
}

/* one failure of CUDASIM_FAIL: WHAT:DEVICE:NTH[:MORE] */
void read_failure(Runtime &all, const std::string &text) {
  char what[16] = "", device[16] = "";
  long nth = 0, more = 0;
  const int read = sscanf(text.c_str(), "%15[a-z]:%15[0-9*]:%ld:%ld", what, device, &nth, &more);
  if (read < 3 || nth < 1) fatal("CUDASIM_FAIL: cannot read '%s'", text.c_str());
  const std::string kind = what;
  for (Device &each : all.devices) {
    if (device[0] != '*' && atoi(device) != each.null_stream.device) continue;
    if (kind == "malloc") each.malloc_fault = {nth, read == 4 ? more : 1, cudaSuccess};
    else if (kind == "launch")
      each.launch_fault = launch_fault(nth, read == 4 ? static_cast<int>(more)
                                                      : cudaErrorIllegalAddress);
    else if (kind == "device") each.bus_fault = {nth, 1, cudaSuccess};
    else fatal("CUDASIM_FAIL: '%s' is not malloc, launch or device", what);
  }
}

void read_failures(Runtime &all) {
  std::string left = setting("CUDASIM_FAIL", "");
  while (!left.empty()) {
    const std::size_t comma = left.find(',');
    read_failure(all, left.substr(0, comma));
    left = comma == std::string::npos ? "" : left.substr(comma + 1);
  }
}

template <class F> void for_devices(int device, F function) {
  Quiet quiet;
  std::lock_guard<Lock> lock(runtime().mutex);
  int number = 0;
  for (Device &each : runtime().devices)
    if (const int mine = number++; device == -1 || device == mine) function(each, mine);
}

/* what a machine without a device says */
cudaError_t no_device() {
  return runtime().driver ? cudaErrorNoDevice : cudaErrorInsufficientDriver;
}

Device &device_now() { return runtime().devices[static_cast<std::size_t>(current_device)]; }

} // namespace

Runtime::Runtime() {
  order = atoi(setting("CUDASIM_ORDER", "0"));
  strict = atoi(setting("CUDASIM_STRICT", "1")) != 0;
  leaks = atoi(setting("CUDASIM_LEAKS", "1")) != 0;
  capacity = strtoull(setting("CUDASIM_MEMORY", "2147483648"), nullptr, 10);
  random += static_cast<std::uint64_t>(order) * 0xbf58476d1ce4e5b9u;
  const int count = atoi(setting("CUDASIM_DEVICES", "1"));
  driver = count >= 0;
  devices.resize(static_cast<std::size_t>(max(count, 0)));
  int number = 0;
  for (Device &device : devices) device.null_stream.device = number++;
  read_failures(*this);
  report_at_exit();
}

Runtime &runtime() {
  static Runtime *all = [] {
    Quiet quiet;
    return new Runtime;
  }();
  return *all;
}

std::uint64_t random_below(std::uint64_t limit) {
  std::uint64_t &state = runtime().random;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (state >> 11) % limit;
}

bool strikes(Fault &fault) {
  if (fault.nth == 0) return false;
  if (fault.nth > 1) {
    fault.nth--;
    return false;
  }
  if (fault.count > 0 && --fault.count == 0) fault.nth = 0;
  return true;
}

cudaError_t run_call(Concerns concerns, const std::function<cudaError_t(Runtime &)> &body) {
  Quiet quiet;
  Runtime &all = runtime();
  std::lock_guard<Lock> lock(all.mutex);
  cudaError_t error = cudaSuccess;
  if (in_host_function) {
    complain("a function of the host, in a stream, must not call the runtime");
    error = cudaErrorNotPermitted;
  } else if (concerns == Concerns::device) {
    if (all.devices.empty()) error = no_device();
    else error = device_state(device_now());
  }
  if (!error) error = body(all);
  if (error) last_error = error;
  return error;
}

cudaError_t device_state(Device &device) {
  device.calls++;
  if (strikes(device.bus_fault)) {
    device.lost = true;
    device.failed = cudaErrorDevicesUnavailable;
  }
  return device.failed;
}

} // namespace cudasim

using namespace cudasim;

/* ---- control.h ---- */

void cudasim_fail_malloc(int device, long nth, long count) {
  for_devices(device, [=](Device &each, int) { each.malloc_fault = {nth, count, cudaSuccess}; });
}

void cudasim_fail_launch(int device, long nth, int error) {
  for_devices(device, [=](Device &each, int) { each.launch_fault = launch_fault(nth, error); });
}

void cudasim_fail_device(int device, long nth) {
  for_devices(device, [=](Device &each, int) { each.bus_fault = {nth, 1, cudaSuccess}; });
}

void cudasim_clear_faults(void) {
  for_devices(-1, [](Device &each, int) {
    each.malloc_fault = each.launch_fault = each.bus_fault = Fault();
  });
}

long long cudasim_count(int device, enum cudasim_what what) {
  long long sum = 0;
  for_devices(device, [&](Device &each, int number) {
    switch (what) {
    case CUDASIM_CALLS:
      sum += each.calls;
      break;
    case CUDASIM_LAUNCHES:
      sum += each.launches;
      break;
    case CUDASIM_ALLOCATIONS:
      sum += each.allocations;
      break;
    case CUDASIM_BYTES:
      sum += static_cast<long long>(each.bytes);
      break;
    case CUDASIM_PEAK:
      sum += static_cast<long long>(each.peak);
      each.peak = each.bytes;
      break;
    case CUDASIM_PINNED:
      sum += static_cast<long long>(each.pinned);
      break;
    case CUDASIM_PENDING:
      for (const OpPointer &op : runtime().pending) sum += op->device == number;
      break;
    }
  });
  return sum;
}

/* ---- devices ---- */

cudaError_t cudaGetDeviceCount(int *count) {
  return run_call(Concerns::nothing, [&](Runtime &all) {
    if (!count) return cudaErrorInvalidValue;
    *count = static_cast<int>(all.devices.size());
    return *count ? cudaSuccess : no_device();
  });
}

cudaError_t cudaSetDevice(int number) {
  return run_call(Concerns::nothing, [&](Runtime &all) {
    if (all.devices.empty()) return no_device();
    if (number < 0 || number >= static_cast<int>(all.devices.size())) return cudaErrorInvalidDevice;
    Device &device = all.devices[static_cast<std::size_t>(number)];
    /* a device that must be reset can be chosen, for the reset; a lost one cannot */
    device_state(device);
    if (device.lost) return device.failed;
    current_device = number;
    return cudaSuccess;
  });
}

/* how threads wait is the host's affair here */
cudaError_t cudaSetDeviceFlags(unsigned flags) {
  return run_call(Concerns::nothing, [&](Runtime &all) {
    if (all.devices.empty()) return no_device();
    return flags & ~static_cast<unsigned>(cudaDeviceMask) ? cudaErrorInvalidValue : cudaSuccess;
  });
}

/* likewise; the device does not become the current one */
cudaError_t cudaInitDevice(int number, unsigned flags, unsigned valid) {
  return run_call(Concerns::nothing, [&](Runtime &all) {
    if (all.devices.empty()) return no_device();
    if (number < 0 || number >= static_cast<int>(all.devices.size())) return cudaErrorInvalidDevice;
    const unsigned unknown = (flags & ~static_cast<unsigned>(cudaDeviceMask)) |
                             (valid & ~static_cast<unsigned>(cudaInitDeviceFlagsAreValid));
    return unknown ? cudaErrorInvalidValue : cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int *number) {
  return run_call(Concerns::nothing, [&](Runtime &all) {
    if (all.devices.empty()) return no_device();
    if (!number) return cudaErrorInvalidValue;
    *number = current_device;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceSynchronize(void) {
  return run_call(Concerns::device, [&](Runtime &) { return wait_for(join(current_device)); });
}

cudaError_t cudaDeviceReset(void) {
  return run_call(Concerns::nothing, [&](Runtime &all) {
    if (all.devices.empty()) return no_device();
    Device &device = device_now();
    device_state(device);
    if (device.lost) return device.failed;
    const int number = current_device;
    for (const OpPointer &op : all.pending)
      if (!device.failed && op->device == number && (op->body || op->launch))
        fatal("cudaDeviceReset: work is still queued: %s", op->name.c_str());
    drop_work(number);
    for (auto i = all.memory.begin(); i != all.memory.end();) {
      const Allocation allocation = (i++)->second;
      if (allocation.device == number) release_allocation(allocation);
    }
    for (auto i = all.streams.begin(); i != all.streams.end();)
      if (Stream *stream = *i++; stream->device == number) {
        all.streams.erase(stream);
        delete stream;
      }
    for (auto i = all.events.begin(); i != all.events.end();)
      if (Event *event = *i++; event->device == number) {
        all.events.erase(event);
        delete event;
      }
    reset_constants_of(number);
    device.null_stream.last = nullptr;
    device.orphans.clear();
    device.dynamic_shared.clear();
    device.failed = last_error = cudaSuccess;
    return cudaSuccess;
  });
}

/* ---- errors ---- */

cudaError_t cudaPeekAtLastError(void) {
  Quiet quiet;
  std::lock_guard<Lock> lock(runtime().mutex);
  if (!runtime().devices.empty() && device_now().failed) return device_now().failed;
  return last_error;
}

cudaError_t cudaGetLastError(void) {
  const cudaError_t error = cudaPeekAtLastError();
  last_error = cudaSuccess;
  return error;
}
