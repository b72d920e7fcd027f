/* SPDX-License-Identifier: MIT
 *
 * fiber.cpp: the switching itself; a few instructions on x86-64, ucontext elsewhere.
 */
#include "fiber.h"
#include "sanitizers.h"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

/* -DCUDASIM_UCONTEXT: as on other machines */
#if !defined(__x86_64__) && !defined(CUDASIM_UCONTEXT)
#define CUDASIM_UCONTEXT
#endif

#if defined(CUDASIM_UCONTEXT)
#include <ucontext.h>
#else
/* cudasim_switch(save, load): put the registers that a call must keep on this stack, note where it ends in *save,
   and go on with the stack that ends at `load` */
extern "C" void cudasim_switch(void **save, void *load);
asm(R"(
  .text
  .globl cudasim_switch
  .hidden cudasim_switch
  .type cudasim_switch, @function
cudasim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size cudasim_switch, . - cudasim_switch
)");
#endif

namespace cudasim {

namespace {
constexpr std::size_t stack_bytes = 256 << 10, guard_bytes = 4096;
Context scheduler;
Fiber *entered; /* the fiber that runs */

/* stacks live as long as the process: blocks use them again and again */
char *new_stack() {
  void *memory = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, guard_bytes, PROT_NONE) != 0) {
    perror("cudasim: no memory for the stacks of the threads");
    abort();
  }
  return static_cast<char *>(memory) + guard_bytes;
}

void switch_stacks(Context &from, Context &to) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&from.fake_stack, to.bottom, to.size);
#endif
#if defined(CUDASIM_TSAN)
  __tsan_switch_to_fiber(to.identity, __tsan_switch_to_fiber_no_sync);
#endif
#if defined(CUDASIM_UCONTEXT)
  if (!from.left) from.left = new ucontext_t;
  swapcontext(static_cast<ucontext_t *>(from.left), static_cast<ucontext_t *>(to.left));
#else
  cudasim_switch(&from.left, to.left);
#endif
#if defined(__SANITIZE_ADDRESS__)
  /* back on `from`; what was left is always the other of the two */
  __sanitizer_finish_switch_fiber(from.fake_stack, &to.bottom, &to.size);
#endif
}
} // namespace

Fiber::Fiber(void (*function)(void *), void *its_argument)
    : body(function), argument(its_argument) {
  char *stack = new_stack();
  context.bottom = stack;
  context.size = stack_bytes;
#if defined(CUDASIM_TSAN)
  context.identity = __tsan_create_fiber(0);
#endif
#if defined(CUDASIM_UCONTEXT)
  auto *registers = new ucontext_t;
  getcontext(registers);
  registers->uc_stack.ss_sp = stack;
  registers->uc_stack.ss_size = stack_bytes;
  registers->uc_link = nullptr;
  makecontext(registers, first, 0);
  context.left = registers;
#else
  /* as cudasim_switch leaves a stack: six registers, the address to go on at, and no caller above */
  void **top = reinterpret_cast<void **>(stack + stack_bytes);
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(first);
  for (int i = 0; i < 6; i++) *--top = nullptr;
  context.left = top;
#endif
}

void Fiber::first() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &scheduler.bottom, &scheduler.size);
#endif
  entered->body(entered->argument);
}

void Fiber::enter() {
  entered = this;
#if defined(CUDASIM_TSAN)
  scheduler.identity = __tsan_get_current_fiber();
#endif
  switch_stacks(scheduler, context);
}

void Fiber::leave() { switch_stacks(context, scheduler); }

} // namespace cudasim
