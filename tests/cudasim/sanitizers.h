/* SPDX-License-Identifier: MIT
 *
 * sanitizers.h: what the simulator tells the sanitizers.
 *
 * TSan must see the simulated program and not the simulator: the lock that the simulator takes would order what a
 * real device leaves unordered. So the simulator's files are built without -fsanitize=thread, with
 * -DCUDASIM_TSAN, and are quiet while they work: Quiet hides the memory and the locks that they use. What CUDA
 * does order is told by happens_before and happens_after on a tag, which is any address.
 */
#ifndef CUDASIM_SANITIZERS_H
#define CUDASIM_SANITIZERS_H

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(CUDASIM_TSAN)
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
void AnnotateIgnoreSyncBegin(const char *file, int line);
void AnnotateIgnoreSyncEnd(const char *file, int line);
void __tsan_java_init(unsigned long begin, unsigned long size);
void __tsan_java_alloc(unsigned long begin, unsigned long size);
void __tsan_java_free(unsigned long begin, unsigned long size);
}
#endif

namespace cudasim {

#if defined(CUDASIM_TSAN)
struct Quiet {
  Quiet() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
  }
  ~Quiet() {
    AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
  Quiet(const Quiet &) = delete;
  Quiet &operator=(const Quiet &) = delete;
};
/* within Quiet: orders are told again */
struct Loud {
  Loud() { AnnotateIgnoreSyncEnd(__FILE__, __LINE__); }
  ~Loud() { AnnotateIgnoreSyncBegin(__FILE__, __LINE__); }
  Loud(const Loud &) = delete;
  Loud &operator=(const Loud &) = delete;
};
inline void happens_before(void *tag) { __tsan_release(tag); }
inline void happens_after(void *tag) { __tsan_acquire(tag); }
#else
struct Quiet {
  Quiet() {}
};
struct Loud {
  Loud() {}
};
inline void happens_before(void *) {}
inline void happens_after(void *) {}
#endif

} // namespace cudasim

#endif
