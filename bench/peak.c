/* SPDX-License-Identifier: MIT
 *
 * peak.c: the machine's peak double-precision rate, as far as a program can reach it.
 *
 *   gcc -std=c17 -O2 -ffp-contract=fast -pthread -o peak bench/peak.c
 *   peak [ISA [THREADS]]      ISA generic, avx2 or avx512 (default: the best of this machine);
 *                             THREADS at most, and by default, the processors this process may use
 *
 * Every thread, bound to a processor of its own, runs CHAINS independent chains x <- x m + b in
 * registers: no memory traffic, and enough of them in flight to hide the latency of one
 * (two units of latency 4 need 8). All threads begin together; the rate is that of their sum over
 * the time of the slowest, the best of ROUNDS. It prints one line:
 *
 *   ISA  threads  flop/s of all threads  clock in Hz  flop per cycle and thread
 *
 * The clock is that of a chain of dependent integer additions, one a cycle, right after each round.
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
  ADDITIONS = 1 << 25, /* of the integer chain */
  ROUNDS = 8
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the kernels: one body, three instruction sets ---- */

/* x <- x m + b stays between 1 and 2; -ffp-contract=fast makes it one instruction where there is one */
#define UNROLL _Pragma("GCC unroll 16")
#define KERNEL(isa, bytes, target)                                               \
  target static double chains_##isa(double m, double b) {                        \
    typedef double vector __attribute__((vector_size(bytes)));                   \
    vector x[CHAINS], sum = {0};                                                 \
    const vector vm = sum + m, vb = sum + b;                                     \
    UNROLL for (int c = 0; c < CHAINS; c++) x[c] = sum + 1.0 / (c + 1);          \
    for (int i = 0; i < STEPS; i += 8)                                           \
      UNROLL for (int u = 0; u < 8; u++) UNROLL for (int c = 0; c < CHAINS; c++) \
          x[c] = x[c] * vm + vb;                                                 \
    UNROLL for (int c = 0; c < CHAINS; c++) sum += x[c];                         \
    double total = 0;                                                            \
    for (size_t l = 0; l < sizeof sum / sizeof total; l++) total += sum[l];      \
    return total;                                                                \
  }

KERNEL(generic, 16, )
#if defined(__x86_64__)
KERNEL(avx2, 32, __attribute__((target("avx2,fma"))))
KERNEL(avx512, 64, __attribute__((target("avx512f"))))
#endif

typedef struct kernel {
  const char *name;
  int lanes; /* doubles of a vector */
  double (*run)(double m, double b);
} kernel;

/* the best first; what this processor lacks is left out */
static int kernels(kernel list[3]) {
  int n = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) list[n++] = (kernel){"avx512", 8, chains_avx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    list[n++] = (kernel){"avx2", 4, chains_avx2};
#endif
  list[n++] = (kernel){"generic", 2, chains_generic};
  return n;
}

/* ---- the threads ---- */

typedef struct worker {
  const kernel *kernel;
  pthread_barrier_t *barrier;
  int processor;
  double seconds[ROUNDS]; /* of the chains, from the common beginning */
  double clock;           /* Hz: the highest of the rounds */
  volatile double result; /* so that the work cannot be left out */
} worker;

/* additions a second of a chain of them; `step` and the barrier keep the compiler from adding up */
static double integer_clock(void) {
  uint64_t n = 1, step = (uint64_t)time(NULL);
  const double begun = now();
  for (int i = 0; i < ADDITIONS / 16; i++) _Pragma("GCC unroll 16") for (int j = 0; j < 16; j++) {
      n += step;
      __asm__ volatile("" : "+r"(n), "+r"(step));
    }
  return ADDITIONS / (now() - begun);
}

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
    w->result = w->kernel->run(0.5, 0.75);
    w->seconds[r] = now() - begun;
    const double clock = integer_clock();
    if (clock > w->clock) w->clock = clock;
  }
  return NULL;
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
  if (sched_getaffinity(0, sizeof allowed, &allowed)) return 1;
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
    if (pthread_create(&thread[i], NULL, work, &w[i])) exit(1);
  }
  for (int i = 0; i < threads; i++) pthread_join(thread[i], NULL);

  double best = 0, clock = 0;
  for (int r = 0; r < ROUNDS; r++) {
    double slowest = 0;
    for (int i = 0; i < threads; i++)
      if (w[i].seconds[r] > slowest) slowest = w[i].seconds[r];
    const double rate = 2.0 * chosen->lanes * CHAINS * STEPS * threads / slowest;
    if (rate > best) best = rate;
  }
  for (int i = 0; i < threads; i++)
    if (w[i].clock > clock) clock = w[i].clock;
  printf("%s %d %.4g %.4g %.2f\n", chosen->name, threads, best, clock, best / clock / threads);
  exit_code = 0;

cleanup:
  free(thread);
  free(w);
  return exit_code;
}
