/* SPDX-License-Identifier: MIT
 *
 * programs.h: the programs that the simulator's tests run: correct ones (correct.cu) and wrong ones (bugs.cu).
 */
#ifndef CUDASIM_PROGRAMS_H
#define CUDASIM_PROGRAMS_H

#include <cstdio>
#include <cstdlib>

struct program {
  const char *name;
  int (*run)(); /* 0: the result is right; 3: it is wrong, and the simulator has not stopped it */
};
extern const program correct_programs[], bugs[]; /* the last has no name */

/* calls that must succeed, whatever else the program does wrong */
#define MUST(call)                                                                                 \
  do {                                                                                             \
    const cudaError_t must_error = (call);                                                         \
    if (must_error != cudaSuccess) {                                                               \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, cudaGetErrorName(must_error)); \
      exit(4);                                                                                     \
    }                                                                                              \
  } while (0)

#endif
