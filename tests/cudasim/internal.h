/* SPDX-License-Identifier: MIT
 *
 * internal.h: the simulator's own structures.
 *
 * One Runtime holds everything, under one lock. A call to the runtime API goes through call(), which takes the lock,
 * counts, and knows of failed devices. Work is an Op: it waits in `pending` until all that it comes after is done
 * and someone wants it (queue.cpp). Kernels are run thread by thread by block.cpp.
 */
#ifndef CUDASIM_INTERNAL_H
#define CUDASIM_INTERNAL_H

#include "cudasim.h"
#include "sanitizers.h"

#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace cudasim {

using Address = std::uintptr_t;
inline Address address_of(const void *pointer) { return reinterpret_cast<Address>(pointer); }

struct Range {
  Address begin;
  std::size_t bytes;
};

/* ---- work ---- */

struct Op;
struct Allocation;
using OpPointer = std::shared_ptr<Op>;
using Tag = std::shared_ptr<char>;

struct Op {
  enum State { queued, running, done };
  State state = queued;
  std::string name;           /* for messages: `kernel step`, `cudaMemcpyAsync` */
  int device = 0;             /* whose work it is */
  bool host_function = false; /* runs without the runtime's lock */
  std::vector<OpPointer> after;
  std::shared_ptr<Launch> launch;    /* a kernel; */
  std::function<void()> body;        /* or something else; or neither: a marker, such as an event */
  std::vector<Range> uses;           /* the device memory and pinned memory that it needs */
  const Allocation *frees = nullptr; /* cudaFreeAsync: what */
  cudaError_t fault = cudaSuccess; /* an injected failure: it ruins the device instead of running */
  double seconds = 0;              /* when it was done */
  Tag begin, end;                  /* TSan: what precedes it, what it precedes */
  std::vector<Tag>
      ends; /* the ends that a waiter comes after: its own, or those of all before a marker */
};

} // namespace cudasim

/* the handles that the toolkit declares */
struct CUstream_st {
  int device;
  unsigned flags;
  int priority;
  cudasim::OpPointer last; /* the latest work; everything before it is before it in the queue too */
};
struct CUevent_st {
  int device;
  unsigned flags;
  cudasim::OpPointer recorded; /* NULL: never */
};

namespace cudasim {

using Stream = CUstream_st;
using Event = CUevent_st;

/* ---- memory and devices ---- */

struct Allocation {
  void *memory;
  std::size_t bytes;
  int device;
  bool pinned;  /* the host's */
  bool freeing; /* cudaFreeAsync is queued */
};

struct Fault {
  long nth = 0;   /* calls to come until it strikes, itself included; 0: none */
  long count = 0; /* how many fail; 0: all from then on */
  cudaError_t error = cudaSuccess;
};

struct Device {
  cudaError_t failed = cudaSuccess; /* returned by every call until the device is reset */
  bool lost = false;                /* not even a reset helps */
  Fault malloc_fault, launch_fault, bus_fault;
  long long calls = 0, launches = 0, allocations = 0;
  std::size_t bytes = 0, pinned = 0, peak = 0;
  Stream null_stream = {};
  std::vector<OpPointer> orphans;             /* the last work of streams that are destroyed */
  std::map<const void *, int> dynamic_shared; /* kernels whose limit was raised */
  std::vector<char> constants; /* its __constant__ memory while another device's is in place */
};

/* A lock that is handed over in the order of asking. With std::mutex a thread that calls all the time gets it back
   before the next in line has woken up, and keeps the others out for minutes. */
class Lock {
public:
  void lock() {
    std::unique_lock<std::mutex> held(mutex);
    const std::uint64_t mine = asked++;
    passed_on.wait(held, [&] { return serving == mine; });
  }
  void unlock() {
    {
      std::lock_guard<std::mutex> held(mutex);
      serving++;
    }
    passed_on.notify_all();
  }

private:
  std::mutex mutex;
  std::condition_variable passed_on;
  std::uint64_t asked = 0, serving = 0;
};

struct Runtime {
  Runtime();

  Lock mutex;
  std::condition_variable_any changed; /* work was done */
  int order = 0;
  bool strict = true, leaks = true;
  bool driver = true;                          /* one is installed, though there may be no device */
  std::size_t capacity = std::size_t{1} << 31; /* bytes of each device */
  std::uint64_t random = 0x9e3779b97f4a7c15u;

  std::vector<Device> devices;
  int constants_of = 0; /* the device whose constants are in place */
  std::map<Address, Allocation> memory;
  std::deque<Allocation> freed; /* kept for a while, to see whether it is written */
  std::size_t freed_bytes = 0;
  std::set<Stream *> streams;
  std::set<Event *> events;
  std::list<OpPointer> pending; /* in the order of the calls */
};

/* made at first use and never destroyed: threads may still call at exit */
Runtime &runtime();

/* per thread of the host */
extern thread_local int current_device;
extern thread_local cudaError_t last_error;
extern thread_local bool in_host_function;

/* a pseudo-random number below `limit` */
std::uint64_t random_below(std::uint64_t limit);

/* ---- messages (report.cpp) ---- */

/* a mistake that the caller is told of by an error code: say what it is */
[[gnu::format(printf, 1, 2)]] void complain(const char *format, ...);
/* a mistake that a real device may hide: say what it is, and abort */
[[noreturn, gnu::format(printf, 1, 2)]] void fatal(const char *format, ...);
[[gnu::format(printf, 1, 2)]] std::string print(const char *format, ...);
/* look for what is left when the program ends */
void report_at_exit();

/* ---- calls (runtime.cpp) ---- */

/* what concerns a device counts and can fail; questions about the runtime itself cannot */
enum class Concerns { device, nothing };

/* the error that calls on this device return now; counts the call */
cudaError_t device_state(Device &device);
/* whether an injected failure strikes now */
bool strikes(Fault &fault);
/* an error after which nothing works on the device until it is reset */
bool ruins_device(int error);
cudaError_t run_call(Concerns concerns, const std::function<cudaError_t(Runtime &)> &body);

/* ---- work (queue.cpp) ---- */

/* NULL where the stream is unknown; otherwise the stream, with the default streams' names resolved */
Stream *find_stream(cudaStream_t stream);
/* the error of a stream's device, which need not be the current one */
cudaError_t stream_state(const Stream &stream);
/* append to a stream; `wait_for`: other work that must be done before */
OpPointer enqueue(Stream &stream, const OpPointer &op, const OpPointer &wait_for = nullptr);
/* carry out what must be for `goal`, and in some orders more; returns the device's error */
cudaError_t wait_for(const OpPointer &goal);
/* carry out one piece of work of those before `goal`, if it isn't done; whether it is */
bool poll(const OpPointer &goal);
/* what has to be done for everything on a device */
OpPointer join(int device);
/* drop a device's work without doing it */
void drop_work(int device);
/* queued work that uses this memory; a failed device's will not be done */
std::vector<const Op *> users_of(const Allocation &allocation);

/* ---- memory (memory.cpp) ---- */

Allocation *find_allocation(const void *pointer); /* the live one that holds it, or NULL */
void release_allocation(const Allocation &allocation);
void check_freed_memory(
    std::size_t keep); /* look at freed memory; give back all but `keep` bytes */
/* device memory is out of reach except where an operation of its device uses it; with ASan only */
void reach_device_memory(int device, bool reachable);

/* ---- the program (symbols.cpp) ---- */

const std::vector<Range> &shared_variables();
const std::vector<Range> &constant_variables();
std::string function_name(const void *function);
/* for TSan: these variables are others from now on, though in the same place */
void forget_accesses(const std::vector<Range> &variables);

/* ---- kernels (block.cpp, constants.cpp) ---- */

void run_kernel(const Launch &launch, const std::string &name, const std::vector<Tag> &before,
                const Tag &end);
void use_constants_of(int device);
void reset_constants_of(int device);

} // namespace cudasim

#endif
