/* SPDX-License-Identifier: MIT
 *
 * block.cpp: runs a kernel, block after block. Each thread of the block is a fiber that runs until it waits or ends.
 * When none can go on, complete warp operations and then the barrier let threads go on; if nothing does, or the
 * threads wait for different things, the kernel is wrong.
 */
#include "fiber.h"
#include "internal.h"

/* the toolkit declares it, with C linkage */
const int warpSize = cudasim::warp_size;

namespace cudasim {

Lane *current;
dim3 grid_size, block_size;
uint3 block_index;

namespace {

enum class State { ready, at_barrier, at_warp_op, exited };

/* one thread of the block */
struct Thread : Lane {
  Thread() : fiber(main, this) {}
  [[noreturn]] static void main(void *self);

  Fiber fiber;
  State state = State::ready;
  Site site = {};         /* where it waits */
  bool predicate = false; /* its vote */
  WarpOp op =
      WarpOp::sync; /* what it waits for, with whom, what it gives and whose value it wants */
  unsigned mask = 0;
  std::uint64_t value = 0;
  int source = 0;
  unsigned ballot = 0;
  unsigned barriers = 0, syncs = 0; /* passed: they take turns with two tags */
};

const Launch *the_launch;
const std::string *kernel_name;
const std::vector<Tag> *before_launch;
void *end_of_launch;
/* never destroyed, for threads of the host may still be at work at exit */
std::vector<Thread *> &pool = *new std::vector<Thread *>;    /* all that ever were needed */
std::vector<Thread *> &threads = *new std::vector<Thread *>; /* of this block, by linear index */
void *dynamic;
struct Tags {
  char barrier[2], warp[32][2];
} * tags; /* for TSan, those of this block */
bool vote_any, vote_all;
int vote_count;

Thread &self() { return *static_cast<Thread *>(current); }

const char *describe(State state) {
  switch (state) {
  case State::ready:
    return "running";
  case State::at_barrier:
    return "waits at __syncthreads";
  case State::at_warp_op:
    return "waits at a warp operation";
  case State::exited:
    return "has exited";
  }
  return "";
}

/* say what is wrong, where, and what each thread does: one line for neighbours that do the same */
[[noreturn]] void fail(const char *what) {
  fprintf(stderr, "cudasim: error: %s: block (%u, %u, %u): %s\n", kernel_name->c_str(),
          block_index.x, block_index.y, block_index.z, what);
  const Thread *previous = nullptr;
  int lines = 0;
  for (const Thread *thread : threads) {
    if (previous && previous->state == thread->state && previous->mask == thread->mask &&
        previous->site.number == thread->site.number && previous != current && thread != current)
      continue;
    previous = thread;
    if (++lines > 16) break;
    fprintf(stderr, "  from thread (%u, %u, %u) on: %s", thread->index.x, thread->index.y,
            thread->index.z, thread == current ? "is the one" : describe(thread->state));
    if (thread->state == State::at_barrier || thread->state == State::at_warp_op)
      fprintf(stderr, ", %s:%d", thread->site.file, thread->site.line);
    if (thread->state == State::at_warp_op) fprintf(stderr, ", mask %08x", thread->mask);
    fputc('\n', stderr);
  }
  abort();
}

void Thread::main(void *argument) {
  Thread *thread = static_cast<Thread *>(argument);
  for (;;) {
    for (const Tag &tag : *before_launch) happens_after(tag.get());
    the_launch->body();
    happens_before(end_of_launch);
    thread->state = State::exited;
    thread->fiber.leave();
  }
}

void wait(State state, Site site, void *tag) {
  Thread &thread = self();
  thread.state = state;
  thread.site = site;
  if (tag) happens_before(tag);
  thread.fiber.leave();
  if (tag) happens_after(tag);
}

/* ---- when no thread can go on ---- */

/* the lanes of a warp, as far as the block has them */
struct Warp {
  explicit Warp(int number) : first(number * warp_size) {
    const int left = static_cast<int>(threads.size()) - first;
    lanes = left < warp_size ? left : warp_size;
  }
  Thread &lane(int i) const {
    return *threads[static_cast<std::size_t>(first) + static_cast<std::size_t>(i)];
  }
  bool has(int i, unsigned mask) const { return i < lanes && (mask >> i & 1); }
  int first, lanes;
};

/* whether all lanes that `thread` waits for have come; checks that they have come for the same thing */
bool complete(const Warp &warp, const Thread &thread) {
  const bool strict = runtime().strict;
  for (int i = 0; i < warp.lanes; i++) {
    if (!warp.has(i, thread.mask)) continue;
    const Thread &other = warp.lane(i);
    if (other.state == State::exited) {
      if (strict) fail("warp operation: a lane named in the mask has exited");
      continue;
    }
    if (other.state != State::at_warp_op) return false;
    /* it waits among others first, and may come yet: parts of a warp can go their own ways for a while */
    if (!warp.has(thread.lane, other.mask)) return false;
    if (other.mask != thread.mask || other.op != thread.op ||
        (strict && other.site.number != thread.site.number))
      fail("warp operation: lanes named in one mask wait for different operations");
  }
  return true;
}

/* hand the values over and let the lanes go on */
void settle(const Warp &warp, unsigned mask) {
  unsigned ballot = 0, there = 0;
  for (int i = 0; i < warp.lanes; i++) {
    if (!warp.has(i, mask) || warp.lane(i).state != State::at_warp_op) continue;
    there |= 1u << i;
    if (warp.lane(i).predicate) ballot |= 1u << i;
  }
  std::uint64_t given[warp_size];
  for (int i = 0; i < warp.lanes; i++) given[i] = warp.lane(i).value;
  for (int i = 0; i < warp.lanes; i++) {
    if (!(there >> i & 1)) continue;
    Thread &thread = warp.lane(i);
    const bool present = thread.source >= 0 && thread.source < warp_size &&
                         (there >> thread.source & 1);
    if (!present && runtime().strict) {
      current = &thread;
      fail("shuffle: the lane to be read takes no part");
    }
    thread.value = present ? given[thread.source] : ~std::uint64_t{0};
    thread.ballot = ballot;
    thread.state = State::ready;
  }
}

bool settle_warps() {
  bool any = false;
  const int warps = (static_cast<int>(threads.size()) + warp_size - 1) / warp_size;
  for (int number = 0; number < warps; number++) {
    const Warp warp(number);
    for (int i = 0; i < warp.lanes; i++) {
      const Thread &thread = warp.lane(i);
      if (thread.state != State::at_warp_op || !complete(warp, thread)) continue;
      settle(warp, thread.mask);
      any = true;
    }
  }
  return any;
}

/* all threads wait at the barrier or have exited: let them go on; false when all have exited */
bool settle_barrier() {
  const Thread *first = nullptr;
  bool exited = false, elsewhere = false;
  vote_any = false, vote_all = true, vote_count = 0;
  for (const Thread *thread : threads) {
    exited |= thread->state == State::exited;
    elsewhere |= thread->state == State::at_warp_op;
    if (thread->state != State::at_barrier) continue;
    if (!first) first = thread;
    if (runtime().strict && thread->site.number != first->site.number)
      fail("__syncthreads: threads wait at different barriers");
    vote_any |= thread->predicate;
    vote_all &= thread->predicate;
    vote_count += thread->predicate;
  }
  if (elsewhere) fail("deadlock: threads wait at a warp operation for lanes that wait elsewhere");
  if (!first) return false;
  if (exited && runtime().strict) fail("__syncthreads: some threads have exited");
  for (Thread *thread : threads)
    if (thread->state == State::at_barrier) thread->state = State::ready;
  return true;
}

/* ---- a block ---- */

void run_block() {
  const int order = runtime().order;
  const std::size_t count = threads.size();
  for (;;) {
    const std::size_t turn = order > 1 ? random_below(count) : 0;
    for (std::size_t k = 0; k < count; k++) {
      Thread *thread = threads[order == 1 ? count - 1 - k : (k + turn) % count];
      if (thread->state != State::ready) continue;
      current = thread;
      thread->fiber.enter();
    }
    current = nullptr;
    if (!settle_warps() && !settle_barrier()) return;
  }
}

/* every block finds NaN in its static shared memory, and under TSan memory that nobody ever touched */
void fill_shared() {
  for (const Range &variable : shared_variables())
    std::memset(reinterpret_cast<void *>(variable.begin), 0xff, variable.bytes);
  forget_accesses(shared_variables());
}

/* threads of this block. They take turns with the fibers: TSan knows threads by their fiber, and shall not take the
   threads of the same number in two blocks, or two kernels, for one. */
void take_threads(const dim3 &block) {
  static std::size_t turn = 0;
  const std::size_t count = std::size_t{block.x} * block.y * block.z;
  while (pool.size() < count + warp_size) pool.push_back(new Thread);
  turn += 7;
  threads.resize(count);
  for (std::size_t i = 0; i < count; i++) {
    Thread *thread = threads[i] = pool[(i + turn) % pool.size()];
    const unsigned number = static_cast<unsigned>(i);
    thread->linear = static_cast<int>(i);
    thread->lane = thread->linear % warp_size;
    thread->index = {number % block.x, number / block.x % block.y, number / (block.x * block.y)};
    thread->fenced = false;
    thread->state = State::ready;
    thread->site = {};
    thread->mask = 0;
    thread->barriers = thread->syncs = 0;
  }
}

/* the k-th block to run */
std::uint64_t block_number(std::uint64_t k, std::uint64_t blocks, std::uint64_t turn) {
  const int order = runtime().order;
  return order == 0 ? k : order == 1 ? blocks - 1 - k : (k + turn) % blocks;
}

} // namespace

void run_kernel(const Launch &what, const std::string &name, const std::vector<Tag> &before,
                const Tag &end) {
  the_launch = &what;
  kernel_name = &name;
  before_launch = &before;
  end_of_launch = end.get();
  grid_size = what.grid;
  block_size = what.block;
  const std::uint64_t blocks = std::uint64_t{what.grid.x} * what.grid.y * what.grid.z;
  const std::uint64_t turn = runtime().order > 1 ? random_below(blocks) : 0;
  for (std::uint64_t k = 0; k < blocks; k++) {
    const std::uint64_t number = block_number(k, blocks, turn);
    block_index = {static_cast<unsigned>(number % what.grid.x),
                   static_cast<unsigned>(number / what.grid.x % what.grid.y),
                   static_cast<unsigned>(number / what.grid.x / what.grid.y)};
    take_threads(what.block);
    fill_shared();
    /* its own memory for every block, so that ASan sees where it ends */
    if (posix_memalign(&dynamic, 128, what.shared ? what.shared : 1) != 0)
      fatal("no memory for a block's shared memory");
    std::memset(dynamic, 0xff, what.shared);
    tags = new Tags;
    run_block();
    delete tags;
    free(dynamic);
  }
  current = nullptr;
}

/* ---- what kernels call ---- */

void *dynamic_shared() { return dynamic; }

void barrier(Site site) { wait(State::at_barrier, site, &tags->barrier[self().barriers++ & 1]); }

int barrier_vote(Site site, Vote vote, bool predicate) {
  self().predicate = predicate;
  barrier(site);
  return vote == Vote::any ? vote_any : vote == Vote::all ? vote_all : vote_count;
}

std::uint64_t warp_exchange(Site site, WarpOp op, unsigned mask, std::uint64_t value, int source) {
  Thread &thread = self();
  thread.op = op;
  thread.mask = mask;
  thread.value = value;
  thread.source = source;
  if (!(mask >> thread.lane & 1)) fail("warp operation: a lane is not in its own mask");
  /* shuffles order no memory, __syncwarp does */
  wait(State::at_warp_op, site,
       op == WarpOp::sync ? &tags->warp[thread.linear / warp_size][thread.syncs++ & 1] : nullptr);
  return thread.value;
}

unsigned warp_ballot(Site site, unsigned mask, bool predicate) {
  self().predicate = predicate;
  warp_exchange(site, WarpOp::ballot, mask, 0, self().lane);
  return self().ballot;
}

/* Which lanes are together is the device's choice: all that are left, or this one alone. */
unsigned active_mask() {
  if (runtime().order != 0) return 1u << self().lane;
  const Warp warp(self().linear / warp_size);
  unsigned mask = 0;
  for (int i = 0; i < warp.lanes; i++)
    if (warp.lane(i).state != State::exited) mask |= 1u << i;
  return mask;
}

void trap(Site site) {
  const std::string what = print("__trap() at %s:%d", site.file, site.line);
  fail(what.c_str());
}

} // namespace cudasim
