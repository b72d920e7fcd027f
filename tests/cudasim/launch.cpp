/* SPDX-License-Identifier: MIT
 *
 * launch.cpp: launches, what a device would say to them, and what a program can ask about devices and kernels. The
 * device is a made-up one of compute capability 9.0, with few multiprocessors so that grids stay small.
 */
#include "internal.h"

namespace cudasim {

namespace {

constexpr int max_threads = 1024, multiprocessors = 4, threads_per_multiprocessor = 2048,
              blocks_per_multiprocessor = 32, registers = 65536, registers_per_thread = 32;
constexpr int shared_per_block = 48 << 10, shared_opt_in = 227 << 10,
              shared_per_multiprocessor = 228 << 10, shared_reserved = 1 << 10;

cudaError_t check_shape(const Launch &launch, const Device &device, const std::string &name) {
  const dim3 &grid = launch.grid, &block = launch.block;
  const auto limit = device.dynamic_shared.find(launch.function);
  const std::size_t shared = static_cast<std::size_t>(
      limit == device.dynamic_shared.end() ? shared_per_block : limit->second);
  const bool grid_fits = grid.x >= 1 && grid.y >= 1 && grid.z >= 1 && grid.x <= 0x7fffffff &&
                         grid.y <= 65535 && grid.z <= 65535;
  const bool block_fits = block.x >= 1 && block.y >= 1 && block.z >= 1 && block.x <= max_threads &&
                          block.y <= max_threads && block.z <= 64 &&
                          block.x * block.y * block.z <= max_threads;
  if (!grid_fits || !block_fits) {
    complain("%s: no device takes a grid of (%u, %u, %u) blocks of (%u, %u, %u) threads",
             name.c_str(), grid.x, grid.y, grid.z, block.x, block.y, block.z);
    return cudaErrorInvalidConfiguration;
  }
  if (launch.shared > shared) {
    complain("%s: %zu bytes of dynamic shared memory, %zu are allowed", name.c_str(), launch.shared,
             shared);
    return cudaErrorInvalidValue;
  }
  return cudaSuccess;
}

/* the memory that the arguments point to */
void find_uses(const Launch &launch, int device, Op &op) {
  const char *bytes = static_cast<const char *>(launch.arguments.get());
  for (std::size_t i = 0; i + sizeof(void *) <= launch.argument_bytes; i += sizeof(void *)) {
    void *pointer;
    std::memcpy(&pointer, bytes + i, sizeof pointer);
    const Allocation *allocation = find_allocation(pointer);
    if (!allocation) continue;
    if (!allocation->pinned && allocation->device != device)
      fatal("%s on device %d: an argument points to memory of device %d", op.name.c_str(), device,
            allocation->device);
    if (allocation->freeing)
      fatal("%s: an argument points to memory that is being freed by cudaFreeAsync",
            op.name.c_str());
    op.uses.push_back({address_of(allocation->memory), allocation->bytes});
  }
}

} // namespace

cudaError_t enqueue(Launch &&given, cudaStream_t handle) {
  return run_call(Concerns::device, [&](Runtime &all) {
    const auto op = std::make_shared<Op>();
    op->launch = std::make_shared<Launch>(std::move(given));
    const Launch &launch = *op->launch;
    Stream *stream = find_stream(handle);
    if (!stream) return cudaErrorInvalidResourceHandle;
    const std::string name = "kernel " + function_name(launch.function);
    if (stream->device != current_device) {
      complain("%s: the stream is of device %d, the current device is %d", name.c_str(),
               stream->device, current_device);
      return cudaErrorInvalidResourceHandle;
    }
    Device &device = all.devices[static_cast<std::size_t>(stream->device)];
    if (const cudaError_t error = check_shape(launch, device, name)) return error;
    op->name = name;
    if (strikes(device.launch_fault)) {
      if (!ruins_device(device.launch_fault.error)) return device.launch_fault.error;
      op->fault = device.launch_fault.error;
    }
    device.launches++;
    find_uses(launch, stream->device, *op);
    enqueue(*stream, op);
    return cudaSuccess;
  });
}

} // namespace cudasim

using namespace cudasim;

/* what the toolkit's template comes down to: the types of the arguments are lost */
cudaError_t cudaLaunchKernel(const void *, dim3, dim3, void **, std::size_t, cudaStream_t) {
  return run_call(Concerns::device, [](Runtime &) {
    complain("cudaLaunchKernel: the kernel must be given as a function, not as a void pointer");
    return cudaErrorInvalidDeviceFunction;
  });
}

/* ---- questions ---- */

cudaError_t cudaDriverGetVersion(int *version) {
  return run_call(Concerns::nothing, [&](Runtime &all) {
    if (!version) return cudaErrorInvalidValue;
    *version = all.driver ? CUDART_VERSION : 0;
    return cudaSuccess;
  });
}

cudaError_t cudaRuntimeGetVersion(int *version) {
  return run_call(Concerns::nothing, [&](Runtime &) {
    if (!version) return cudaErrorInvalidValue;
    *version = CUDART_VERSION;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int number) {
  return run_call(Concerns::nothing, [&](Runtime &all) {
    if (number < 0 || number >= static_cast<int>(all.devices.size())) return cudaErrorInvalidDevice;
    if (!properties) return cudaErrorInvalidValue;
    cudaDeviceProp p = {};
    snprintf(p.name, sizeof p.name, "simulated device %d", number);
    p.totalGlobalMem = all.capacity;
    p.sharedMemPerBlock = shared_per_block;
    p.sharedMemPerBlockOptin = shared_opt_in;
    p.sharedMemPerMultiprocessor = shared_per_multiprocessor;
    p.reservedSharedMemPerBlock = shared_reserved;
    p.regsPerBlock = p.regsPerMultiprocessor = registers;
    p.warpSize = cudasim::warp_size;
    p.maxThreadsPerBlock = max_threads;
    p.maxThreadsDim[0] = p.maxThreadsDim[1] = max_threads;
    p.maxThreadsDim[2] = 64;
    p.maxGridSize[0] = 0x7fffffff;
    p.maxGridSize[1] = p.maxGridSize[2] = 65535;
    p.totalConstMem = 64 << 10;
    p.major = 9;
    p.multiProcessorCount = multiprocessors;
    p.maxThreadsPerMultiProcessor = threads_per_multiprocessor;
    p.maxBlocksPerMultiProcessor = blocks_per_multiprocessor;
    p.concurrentKernels = p.unifiedAddressing = p.canMapHostMemory = 1;
    p.asyncEngineCount = 2;
    p.streamPrioritiesSupported = p.memoryPoolsSupported = 1;
    p.pciBusID = number + 1;
    *properties = p;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int number) {
  cudaDeviceProp p;
  if (const cudaError_t error = cudaGetDeviceProperties(&p, number)) return error;
  return run_call(Concerns::nothing, [&](Runtime &) {
    if (!value) return cudaErrorInvalidValue;
    switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = p.maxThreadsPerBlock;
      break;
    case cudaDevAttrWarpSize:
      *value = p.warpSize;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = p.multiProcessorCount;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = shared_per_block;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = shared_opt_in;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = shared_per_multiprocessor;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = p.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrMaxRegistersPerBlock:
      *value = registers;
      break;
    case cudaDevAttrMaxGridDimX:
      *value = p.maxGridSize[0];
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = p.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = p.minor;
      break;
    case cudaDevAttrClockRate:
      *value = 1000000;
      break;
    case cudaDevAttrConcurrentKernels:
      *value = 1;
      break;
    case cudaDevAttrAsyncEngineCount:
      *value = p.asyncEngineCount;
      break;
    case cudaDevAttrMemoryPoolsSupported:
      *value = 1;
      break;
    case cudaDevAttrCooperativeLaunch:
      *value = 0;
      break;
    default:
      complain("cudaDeviceGetAttribute: the simulator does not know attribute %d",
               static_cast<int>(attribute));
      return cudaErrorNotSupported;
    }
    return cudaSuccess;
  });
}

cudaError_t cudaFuncSetAttribute(const void *function, cudaFuncAttribute attribute, int value) {
  return run_call(Concerns::device, [&](Runtime &all) {
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess; /* hints */
    if (value < 0 || value > shared_opt_in) return cudaErrorInvalidValue;
    all.devices[static_cast<std::size_t>(current_device)].dynamic_shared[function] = value;
    return cudaSuccess;
  });
}

cudaError_t cudaFuncSetCacheConfig(const void *, cudaFuncCache) {
  return run_call(Concerns::device, [](Runtime &) { return cudaSuccess; });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, const void *function) {
  return run_call(Concerns::device, [&](Runtime &all) {
    if (!attributes || !function) return cudaErrorInvalidValue;
    const auto &raised = all.devices[static_cast<std::size_t>(current_device)].dynamic_shared;
    const auto limit = raised.find(function);
    *attributes = {};
    attributes->maxThreadsPerBlock = max_threads;
    attributes->numRegs = registers_per_thread;
    attributes->ptxVersion = attributes->binaryVersion = 90;
    attributes->maxDynamicSharedSizeBytes = limit == raised.end() ? shared_per_block
                                                                  : limit->second;
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *,
                                                                   int threads, std::size_t shared,
                                                                   unsigned) {
  return run_call(Concerns::device, [&](Runtime &) {
    if (!blocks || threads < 1) return cudaErrorInvalidValue;
    const int whole_warps = (threads + 31) / 32 * 32;
    const int by_shared = shared_per_multiprocessor / (static_cast<int>(shared) + shared_reserved);
    *blocks = threads > max_threads ? 0
                                    : min({threads_per_multiprocessor / whole_warps,
                                           registers / (registers_per_thread * whole_warps),
                                           blocks_per_multiprocessor, by_shared});
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *function,
                                                          int threads, std::size_t shared) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, threads, shared,
                                                                0);
}
