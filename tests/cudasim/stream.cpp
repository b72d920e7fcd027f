/* SPDX-License-Identifier: MIT
 *
 * stream.cpp: streams, events, functions of the host in a stream.
 */
#include "internal.h"

using namespace cudasim;

namespace {

/* a stream handle that is no default stream */
bool is_created(Runtime &all, cudaStream_t stream) { return all.streams.count(stream) != 0; }

OpPointer marker(const char *name) {
  const auto op = std::make_shared<Op>();
  op->name = name;
  return op;
}

/* what has to be done for all that is in a stream; the default stream includes what it waits for */
OpPointer all_of(Runtime &all, Stream &stream) {
  const bool created = is_created(all, &stream);
  return created ? stream.last : enqueue(stream, marker("cudaStreamSynchronize"));
}

} // namespace

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority) {
  return run_call(Concerns::device, [&](Runtime &all) {
    if (!stream || (flags & ~static_cast<unsigned>(cudaStreamNonBlocking)))
      return cudaErrorInvalidValue;
    *stream = new Stream{current_device, flags, priority, nullptr};
    all.streams.insert(*stream);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
  return cudaStreamCreateWithPriority(stream, flags, 0);
}

cudaError_t cudaStreamCreate(cudaStream_t *stream) {
  return cudaStreamCreateWithPriority(stream, cudaStreamDefault, 0);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  return run_call(Concerns::device, [&](Runtime &) {
    if (least) *least = 0;
    if (greatest) *greatest = -5;
    return cudaSuccess;
  });
}

/* work that is queued in it will be done all the same */
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return run_call(Concerns::device, [&](Runtime &all) {
    if (!is_created(all, stream)) {
      complain("cudaStreamDestroy(%p): there is no such stream", static_cast<void *>(stream));
      return cudaErrorInvalidResourceHandle;
    }
    if (stream_state(*stream)) return stream_state(*stream);
    if (stream->last)
      all.devices[static_cast<std::size_t>(stream->device)].orphans.push_back(stream->last);
    all.streams.erase(stream);
    delete stream;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return run_call(Concerns::device, [&](Runtime &all) {
    Stream *stream = find_stream(handle);
    if (!stream) return cudaErrorInvalidResourceHandle;
    const OpPointer goal = all_of(all, *stream);
    return goal ? wait_for(goal) : stream_state(*stream);
  });
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return run_call(Concerns::device, [&](Runtime &all) {
    Stream *stream = find_stream(handle);
    if (!stream) return cudaErrorInvalidResourceHandle;
    const OpPointer goal = all_of(all, *stream);
    const bool done = !goal || poll(goal);
    return stream_state(*stream) ? stream_state(*stream) : done ? cudaSuccess : cudaErrorNotReady;
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned) {
  return run_call(Concerns::device, [&](Runtime &all) {
    Stream *stream = find_stream(handle);
    if (!stream || !all.events.count(event)) return cudaErrorInvalidResourceHandle;
    if (stream_state(*stream)) return stream_state(*stream);
    if (event->recorded) enqueue(*stream, marker("cudaStreamWaitEvent"), event->recorded);
    return cudaSuccess;
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t function, void *data) {
  return run_call(Concerns::device, [&](Runtime &) {
    Stream *stream = find_stream(handle);
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (!function) return cudaErrorInvalidValue;
    if (stream_state(*stream)) return stream_state(*stream);
    const OpPointer op = marker("cudaLaunchHostFunc");
    op->host_function = true;
    op->body = [=] { function(data); };
    enqueue(*stream, op);
    return cudaSuccess;
  });
}

/* ---- events ---- */

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
  return run_call(Concerns::device, [&](Runtime &all) {
    if (!event) return cudaErrorInvalidValue;
    *event = new Event{current_device, flags, nullptr};
    all.events.insert(*event);
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return run_call(Concerns::device, [&](Runtime &all) {
    if (!all.events.count(event)) {
      complain("cudaEventDestroy(%p): there is no such event", static_cast<void *>(event));
      return cudaErrorInvalidResourceHandle;
    }
    all.events.erase(event);
    delete event;
    return cudaSuccess;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
  return run_call(Concerns::device, [&](Runtime &all) {
    Stream *stream = find_stream(handle);
    if (!stream || !all.events.count(event)) return cudaErrorInvalidResourceHandle;
    if (stream->device != event->device) {
      complain("cudaEventRecord: the event is of device %d, the stream of device %d", event->device,
               stream->device);
      return cudaErrorInvalidResourceHandle;
    }
    if (stream_state(*stream)) return stream_state(*stream);
    event->recorded = enqueue(*stream, marker("cudaEventRecord"));
    return cudaSuccess;
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return run_call(Concerns::device, [&](Runtime &all) {
    if (!all.events.count(event)) return cudaErrorInvalidResourceHandle;
    return event->recorded ? wait_for(event->recorded) : cudaSuccess;
  });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return run_call(Concerns::device, [&](Runtime &all) {
    if (!all.events.count(event)) return cudaErrorInvalidResourceHandle;
    const bool done = !event->recorded || poll(event->recorded);
    const cudaError_t failed = all.devices[static_cast<std::size_t>(event->device)].failed;
    return failed ? failed : done ? cudaSuccess : cudaErrorNotReady;
  });
}

cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  return run_call(Concerns::device, [&](Runtime &all) {
    if (!milliseconds) return cudaErrorInvalidValue;
    for (const cudaEvent_t event : {start, stop})
      if (!all.events.count(event) || !event->recorded || (event->flags & cudaEventDisableTiming))
        return cudaErrorInvalidResourceHandle;
    if (start->recorded->state != Op::done || stop->recorded->state != Op::done)
      return cudaErrorNotReady;
    *milliseconds = static_cast<float>((stop->recorded->seconds - start->recorded->seconds) * 1e3);
    return cudaSuccess;
  });
}
