/* SPDX-License-Identifier: MIT
 *
 * fiber.h: stacks to switch between, known to the sanitizers. One scheduler enters fibers, one at a time; a
 * fiber leaves back to it. The scheduler may be another operating system thread each time.
 */
#ifndef CUDASIM_FIBER_H
#define CUDASIM_FIBER_H

#include <cstddef>

namespace cudasim {

/* where a stack was left, and what the sanitizers know it by */
struct Context {
  void *left = nullptr; /* where its stack ended; or its ucontext_t */
  const void *bottom = nullptr;
  std::size_t size = 0;
  void *fake_stack = nullptr; /* ASan's */
  void *identity = nullptr;   /* TSan's */
};

class Fiber {
public:
  /* body(argument) starts at the first enter() and must never return */
  Fiber(void (*body)(void *), void *argument);
  Fiber(const Fiber &) = delete;
  Fiber &operator=(const Fiber &) = delete;

  void enter(); /* scheduler: go on with this fiber until it leaves */
  void leave(); /* this fiber: back to the scheduler */

private:
  static void first();
  Context context;
  void (*body)(void *);
  void *argument;
};

} // namespace cudasim

#endif
