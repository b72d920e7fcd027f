/* SPDX-License-Identifier: MIT
 *
 * peak.c: the machine's peak double-precision rate, as far as a program can reach it.
 *
 *   gcc -std=c17 -O2 -ffp-contract=fast -pthread -o peak bench/peak.c
 *   peak [ISA [THREADS]]      ISA generic, avx2 or avx512 (default: the best of this machine);
 *                             THREADS at most, and by default, the processors this process may use
 *
 * Every thread, bound to a processor of its own, runs CHAINS independent chains x <- x m + b in
 * registers: no memory traffic, and enough of them in flight to hide the latency of one (two units
 * of latency 4 need 8). All threads begin each round together; a round's rate is that of all of them
 * over the slowest one's processor time, which other load disturbs less than the time that passes.
 * Printed is the best of ROUNDS, as one line:
 *
 *   ISA  threads  flop/s of all threads  clock in Hz  flop per cycle and thread
 *
 * The clock is measured after each round by a chain of dependent integer additions, one a cycle, with
 * a few vector operations among them: processors slow down for wide vectors.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  CHAINS = 12,         /* with m and b they fit into 16 registers */
  STEPS = 24000000,    /* of every chain in a round: some 40 ms */
  ADDITIONS = 1 << 24, /* of the integer chain */
  ROUNDS = 8
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the kernels: one body, three instruction sets ---- */

#define UNROLL _Pragma("GCC unroll 16")

/* x <- x m + b stays between 1 and 2; -ffp-contract=fast makes it one instruction where there is one.
   `step` and the barrier keep the compiler from doing the additions of clock_* beforehand. */
#define KERNELS(isa, bytes, target)                                              \
  typedef double vector_##isa __attribute__((vector_size(bytes)));               \
  target static double chains_##isa(double m, double b) {                        \
    vector_##isa x[CHAINS], sum = {0};                                           \
    const vector_##isa vm = sum + m, vb = sum + b;                               \
    UNROLL for (int c = 0; c < CHAINS; c++) x[c] = sum + 1.0 / (c + 1);          \
    for (int i = 0; i < STEPS; i += 8)                                           \
      UNROLL for (int u = 0; u < 8; u++) UNROLL for (int c = 0; c < CHAINS; c++) \
          x[c] = x[c] * vm + vb;                                                 \
    UNROLL for (int c = 0; c < CHAINS; c++) sum += x[c];                         \
    return sum[0];                                                               \
  }                                                                              \
  target static double clock_##isa(double m, double b) {                         \
    uint64_t n = 1, step = 3;                                                    \
    vector_##isa x = {0};                                                        \
    const vector_##isa vm = x + m, vb = x + b;                                   \
    const double begun = now();                                                  \
    for (int i = 0; i < ADDITIONS; i += 16) {                                    \
      x = x * vm + vb;                                                           \
      UNROLL for (int j = 0; j < 16; j++) {                                      \
        n += step;                                                               \
        __asm__ volatile("" : "+r"(n), "+r"(step));                              \
      }                                                                          \
    }                                                                            \
    const double rate = ADDITIONS / (now() - begun);                             \
    return x[0] > 0 ? rate : 0;                                                  \
  }

KERNELS(generic, 16, )
#if defined(__x86_64__)
KERNELS(avx2, 32, __attribute__((target("avx2,fma"))))
KERNELS(avx512, 64, __attribute__((target("avx512f"))))
#endif

typedef struct kernel {
  const char *name;
  int lanes;                        /* doubles of a vector */
  double (*chains)(double, double); /* the CHAINS; some number */
  double (*clock)(double, double);  /* additions a second */
} kernel;

/* the best first; what this processor lacks is left out */
static int kernels(kernel list[3]) {
  int n = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f"))
    list[n++] = (kernel){"avx512", 8, chains_avx512, clock_avx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    list[n++] = (kernel){"avx2", 4, chains_avx2, clock_avx2};
#endif
  list[n++] = (kernel){"generic", 2, chains_generic, clock_generic};
  return n;
}

/* ---- the threads ---- */

typedef struct worker {
  const kernel *kernel;
  pthread_barrier_t *barrier;
  int processor;
  double seconds[ROUNDS]; /* of the chains, from the common beginning, of the processor */
  double clock[ROUNDS];   /* Hz */
  volatile double result; /* so that the work cannot be left out */
} worker;

static void *work(void *argument) {
  worker *w = argument;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET((size_t)w->processor, &one);
  if (pthread_setaffinity_np(pthread_self(), sizeof one, &one))
    fprintf(stderr, "peak: cannot bind a thread to processor %d\n", w->processor);
  for (int r = 0; r < ROUNDS; r++) {
    pthread_barrier_wait(w->barrier);
    const double begun = now();
    w->result = w->kernel->chains(0.5, 0.75);
    w->seconds[r] = now() - begun;
    w->clock[r] = w->kernel->clock(0.5, 0.75);
  }
  return NULL;
}

/* the best round, as the line described above */
static void print_best(const kernel *kernel, const worker *w, int threads) {
  double best = 0, clock = 0;
  for (int r = 0; r < ROUNDS; r++) {
    double slowest = 0;
    for (int i = 0; i < threads; i++)
      if (w[i].seconds[r] > slowest) slowest = w[i].seconds[r];
    const double rate = 2.0 * kernel->lanes * CHAINS * STEPS * threads / slowest;
    if (rate > best) best = rate;
    for (int i = 0; i < threads; i++)
      if (w[i].clock[r] > clock) clock = w[i].clock[r];
  }
  printf("%s %d %.4g %.4g %.2f\n", kernel->name, threads, best, clock, best / clock / threads);
}

int main(int argc, char **argv) {
  kernel list[3];
  const int n = kernels(list);
  const kernel *chosen = argc > 1 ? NULL : &list[0];
  for (int i = 0; i < n && argc > 1; i++)
    if (!strcmp(argv[1], list[i].name)) chosen = &list[i];
  if (!chosen) {
    fprintf(stderr, "peak: this machine has no instruction set %s\n", argv[1]);
    return 2;
  }

  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed)) {
    perror("peak: sched_getaffinity");
    return 1;
  }
  int threads = CPU_COUNT(&allowed);
  if (argc > 2 && atoi(argv[2]) > 0 && atoi(argv[2]) < threads) threads = atoi(argv[2]);

  int exit_code = 1;
  pthread_barrier_t barrier;
  worker *w = calloc((size_t)threads, sizeof *w);
  pthread_t *thread = calloc((size_t)threads, sizeof *thread);
  if (!w || !thread || pthread_barrier_init(&barrier, NULL, (unsigned)threads)) goto cleanup;
  for (int i = 0, processor = 0; i < threads; i++, processor++) {
    while (!CPU_ISSET((size_t)processor, &allowed)) processor++;
    w[i] = (worker){.kernel = chosen, .barrier = &barrier, .processor = processor};
    if (pthread_create(&thread[i], NULL, work, &w[i])) {
      fprintf(stderr, "peak: cannot start thread %d\n", i);
      exit(1); /* the others wait for it at the barrier */
    }
  }
  for (int i = 0; i < threads; i++) pthread_join(thread[i], NULL);
  print_best(chosen, w, threads);
  exit_code = 0;

cleanup:
  free(thread);
  free(w);
  return exit_code;
}
