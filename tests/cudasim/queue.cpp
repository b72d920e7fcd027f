/* SPDX-License-Identifier: MIT
 *
 * queue.cpp: work waits here until it is wanted, and is then done in an order that a device might choose.
 *
 * What must come first is in each Op::after: the work before it in its stream, and what events and the default
 * stream add. Everything else is free, and CUDASIM_ORDER makes different use of it.
 */
#include "internal.h"

#include <chrono>
#include <unordered_set>

namespace cudasim {

namespace {

using Closure = std::unordered_set<const Op *>;

/* `goal` and all that must be done before it */
Closure closure_of(const OpPointer &goal) {
  Closure closure;
  std::vector<const Op *> left;
  if (goal->state != Op::done) left.push_back(goal.get());
  while (!left.empty()) {
    const Op *op = left.back();
    left.pop_back();
    if (!closure.insert(op).second) continue;
    for (const OpPointer &before : op->after)
      if (before->state != Op::done) left.push_back(before.get());
  }
  return closure;
}

bool ready(const Op &op) {
  if (op.state != Op::queued) return false;
  for (const OpPointer &before : op.after)
    if (before->state != Op::done) return false;
  return true;
}

/* the next work to do for `closure`, in the way of CUDASIM_ORDER; NULL where other threads are at it. Functions of the
   host may wait for locks that this thread holds: none runs but those that are waited for. */
OpPointer choose(const Closure &closure) {
  const int order = runtime().order;
  OpPointer wanted, other;
  std::vector<OpPointer> any;
  for (const OpPointer &op : runtime().pending) {
    const bool in = closure.count(op.get()) != 0;
    if (!ready(*op) || (!in && op->host_function)) continue;
    if (in && order == 0) return op;
    (in ? wanted : other) = op;
    any.push_back(op);
  }
  if (order > 1) return any.empty() ? nullptr : any[random_below(any.size())];
  return order == 1 && other ? other : wanted;
}

/* what precedes an operation, for TSan */
std::vector<Tag> tags_before(const Op &op) {
  std::vector<Tag> tags = {op.begin};
  for (const OpPointer &before : op.after)
    tags.insert(tags.end(), before->ends.begin(), before->ends.end());
  return tags;
}

/* an operation that is no kernel, as TSan's own thread */
void run_apart(const Op &op) {
#if defined(CUDASIM_TSAN)
  static std::vector<void *> &fibers = *new std::vector<void *>;
  static std::size_t turn = 0;
  if (fibers.empty())
    for (int i = 0; i < 16; i++) fibers.push_back(__tsan_create_fiber(0));
  void *self = __tsan_get_current_fiber();
  const std::vector<Tag> before = tags_before(op);
  void *fiber = fibers[turn++ % fibers.size()];
  __tsan_switch_to_fiber(fiber, __tsan_switch_to_fiber_no_sync);
  for (const Tag &tag : before) happens_after(tag.get());
  op.body();
  happens_before(op.end.get());
  __tsan_switch_to_fiber(self, __tsan_switch_to_fiber_no_sync);
#else
  op.body();
#endif
}

void carry_out(const OpPointer &op) {
  Device &device = runtime().devices[static_cast<std::size_t>(op->device)];
  if (op->fault != cudaSuccess && device.failed == cudaSuccess) device.failed = op->fault;
  if (device.failed != cudaSuccess || (!op->body && !op->launch)) {
    /* nothing is done: who waits for it waits for all before it */
    op->ends = tags_before(*op);
    return;
  }
  if (op->host_function) {
    op->state = Op::running;
    runtime().mutex.unlock();
    in_host_function = true;
    run_apart(*op);
    in_host_function = false;
    runtime().mutex.lock();
    return;
  }
  use_constants_of(op->device);
  reach_device_memory(op->device, true);
  if (op->launch) run_kernel(*op->launch, op->name, tags_before(*op), op->end);
  else run_apart(*op);
  reach_device_memory(op->device, false);
}

void run(const OpPointer &op) {
  carry_out(op);
  op->state = Op::done;
  op->seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  op->body = nullptr;
  op->launch.reset();
  op->after.clear();
  runtime().pending.remove(op);
  runtime().changed.notify_all();
}

/* all work that uses the memory must come before the operation that frees it */
void check_free(const OpPointer &op) {
  const Closure before = closure_of(op);
  for (const Op *user : users_of(*op->frees))
    if (!before.count(user))
      fatal("%s(%p): queued work of another stream still uses this memory: %s on device %d",
            op->name.c_str(), op->frees->memory, user->name.c_str(), user->device);
}

/* the caller now comes after the operation, for TSan */
void come_after(const Op &op) {
  Loud loud;
  for (const Tag &tag : op.ends) happens_after(tag.get());
}

} // namespace

Stream *find_stream(cudaStream_t stream) {
  if (!stream || stream == cudaStreamLegacy)
    return &runtime().devices[static_cast<std::size_t>(current_device)].null_stream;
  return runtime().streams.count(stream) ? stream : nullptr;
}

cudaError_t stream_state(const Stream &stream) {
  return runtime().devices[static_cast<std::size_t>(stream.device)].failed;
}

OpPointer enqueue(Stream &stream, const OpPointer &op, const OpPointer &wait_for) {
  /* work that is done counts too: this work comes after it, and TSan is to know */
  const auto come_after_stream = [&](const Stream &other) {
    if (other.last) op->after.push_back(other.last);
  };
  Stream &null_stream = runtime().devices[static_cast<std::size_t>(stream.device)].null_stream;
  come_after_stream(stream);
  if (wait_for) op->after.push_back(wait_for);
  /* the default stream waits for the others, and they for it */
  if (&stream == &null_stream) {
    for (const Stream *other : runtime().streams)
      if (other->device == stream.device && !(other->flags & cudaStreamNonBlocking))
        come_after_stream(*other);
  } else if (!(stream.flags & cudaStreamNonBlocking)) {
    come_after_stream(null_stream);
  }
  if (op->frees) check_free(op);
  op->device = stream.device;
  op->begin = std::make_shared<char>();
  op->end = std::make_shared<char>();
  op->ends = {op->end};
  stream.last = op;
  runtime().pending.push_back(op);
  {
    Loud loud;
    happens_before(op->begin.get());
  }
  /* the device may work by itself */
  if (runtime().order > 1 && random_below(2) == 0)
    if (const OpPointer any = choose({})) run(any);
  return op;
}

cudaError_t wait_for(const OpPointer &goal) {
  const Closure closure = closure_of(goal);
  while (goal->state != Op::done) {
    if (const OpPointer op = choose(closure)) run(op);
    else runtime().changed.wait(runtime().mutex);
  }
  come_after(*goal);
  return runtime().devices[static_cast<std::size_t>(goal->device)].failed;
}

bool poll(const OpPointer &goal) {
  if (goal->state == Op::done) {
    come_after(*goal);
    return true;
  }
  if (const OpPointer op = choose(closure_of(goal))) run(op);
  return false;
}

OpPointer join(int number) {
  Device &device = runtime().devices[static_cast<std::size_t>(number)];
  const auto marker = std::make_shared<Op>();
  marker->name = "cudaDeviceSynchronize";
  marker->device = number;
  marker->begin = std::make_shared<char>();
  marker->after.swap(device.orphans);
  if (device.null_stream.last) marker->after.push_back(device.null_stream.last);
  for (const Stream *stream : runtime().streams)
    if (stream->device == number && stream->last) marker->after.push_back(stream->last);
  runtime().pending.push_back(marker);
  return marker;
}

void drop_work(int device) {
  for (auto i = runtime().pending.begin(); i != runtime().pending.end();) {
    const OpPointer op = *i++;
    if (op->device != device || op->state != Op::queued) continue;
    op->state = Op::done;
    op->body = nullptr;
    op->launch.reset();
    op->after.clear();
    runtime().pending.remove(op);
  }
  runtime().changed.notify_all();
}

std::vector<const Op *> users_of(const Allocation &allocation) {
  std::vector<const Op *> users;
  const Address begin = address_of(allocation.memory);
  for (const OpPointer &op : runtime().pending) {
    if (runtime().devices[static_cast<std::size_t>(op->device)].failed) continue;
    for (const Range &range : op->uses)
      if (range.begin < begin + allocation.bytes && range.begin + range.bytes > begin)
        users.push_back(op.get());
  }
  return users;
}

} // namespace cudasim
