/* SPDX-License-Identifier: MIT
 *
 * gpu_alone.c: the CUDA module against the CPU lanes, without the rest of the program: no HDF5, libfyaml or cmocka, so
 * that it can be built on a machine that has a GPU, gcc and nvcc but little else. `make gpu-alone` builds it beside the
 * module.
 *
 *   gpu_alone bits [TRIALS STEPS]    every model, by every rule: outcomes, steps, observables, records, passages and
 *                                    states, whole and with pauses that the other backend goes on with: all bytes
 *                                    equal. At most so many trials at once (default 20000), of so many steps (3000)
 *   gpu_alone hard [THREADS EVERY]   the cases in which a device is most likely to differ: teams of 1 to 32 threads,
 *                                    states in shared and in the device's memory, trials that diverge, every law; so
 *                                    many of them at once (default 32), each EVERY-th of them (default 1: all)
 *   gpu_alone rate MODEL[:KIND] [N]...
 *                                    trial-steps/s for N trials at once (default 10^3 to 10^7), nothing written: a
 *                                    measurement takes about RATE_SECONDS (default 2). KIND: its dynamics; sampled
 *                                    gradients are of 64 inputs
 *
 * Each model and kind of `bits` and `hard` is a process of its own: one that ruins its context, or hangs for
 * ALONE_SECONDS (default 120), is told, and the next one goes on.
 */
#include "alone.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PART = 65536, INPUTS = 64, CASES_MAX = 2048, THREADS_MAX = 256 };

#define BASIN_PAIR(model, kind)
#define BASIN_MODEL(name) extern const basin_model basin_model_##name;
#include "models.inc"
#undef BASIN_MODEL

static const basin_model *const models[] = {
#define BASIN_MODEL(name) &basin_model_##name,
#include "models.inc"
#undef BASIN_MODEL
};
enum { MODELS = sizeof models / sizeof *models };

static _Noreturn void give_up(const char *what, const char *why) {
  printf("gpu_alone: %s: %s\n", what, why);
  exit(1);
}

static double number(const char *name, double otherwise) {
  return getenv(name) ? atof(getenv(name)) : otherwise;
}

static void open_backends(basin_backend backend[2]) {
  basin_error error;
  if (basin_cpu_open(NULL, 1, &backend[0], &error)) give_up("cpu", error.text);
  if (basin_cuda_open(NULL, 0, &backend[1], &error)) give_up("cuda", error.text);
}

static void close_backends(basin_backend backend[2]) {
  for (int i = 0; i < 2; i++) backend[i].close(backend[i].self);
}

/* ---- what is compared ---- */

/* shared with the processes that compare */
typedef struct tally {
  int64_t compared, wrong;
} tally;

/* One comparison; a case that is none of the model, as a test of it, counts as wrong. */
static void compare(const basin_backend backend[2], int worker, const basin_model *model,
                    const wish *w, int64_t first, int64_t count, tally *t) {
  char line[LINE_BYTES];
  alone_cell cell;
  const char *wrong = alone_set_up(&cell, model, w);
  enum verdict verdict = BROKEN;
  if (wrong) snprintf(line, sizeof line, "%s %s: BROKEN: %s", model->name, w->dynamics, wrong);
  else verdict = alone_compare(backend, worker, &cell, first, count, line);
  alone_tear_down(&cell);
  printf("%s\n", line);
  __atomic_add_fetch(&t->compared, 1, __ATOMIC_RELAXED);
  if (verdict != SAME) __atomic_add_fetch(&t->wrong, 1, __ATOMIC_RELAXED);
}

/* Calls run(argument) in a process of its own. What it counts there is in the tally; an end that is none counts as one
   more that is wrong. */
static void apart(void (*run)(void *), void *argument, const char *model, const char *kind,
                  tally *t) {
  int status = 0;
  fflush(stdout);
  const pid_t child = fork();
  if (child < 0) give_up("fork", "no process can be started");
  if (!child) {
    alarm((unsigned)number("ALONE_SECONDS", 120));
    run(argument);
    exit(0);
  }
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && !WEXITSTATUS(status)) return;
  printf("%s %s: BROKEN: its process %s %d\n", model, kind,
         !WIFSIGNALED(status)          ? "gave up with code"
         : WTERMSIG(status) == SIGALRM ? "was hung, and ended by signal"
                                       : "was ended by signal",
         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  t->wrong++;
}

static tally *new_tally(void) {
  tally *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (t == MAP_FAILED) give_up("mmap", "out of memory");
  return t;
}

static int finish(const tally *t) {
  printf("%lld passed, %lld failed\n",
         (long long)(t->compared - (t->wrong < t->compared ? t->wrong : t->compared)),
         (long long)t->wrong);
  return t->wrong > 0 || t->compared == 0;
}

static void describe(void *unused) {
  basin_backend backend[2];
  (void)unused;
  open_backends(backend);
  printf("%s; %s\n", backend[0].description, backend[1].description);
  close_backends(backend);
}

/* what there is, and an end where there is no device */
static void begin(void) {
  tally none = {0, 0};
  apart(describe, NULL, "the", "device", &none);
  if (none.wrong) exit(1);
}

/* ---- bits ---- */

typedef struct kind_of {
  const basin_model *model;
  const basin_dynamics *dynamics;
  int64_t most, steps;
  tally *t;
} kind_of;

static void compare_kind(void *argument) {
  const kind_of *k = argument;
  const int arrays = !k->dynamics->registers; /* slower, on the CPU above all */
  const int64_t most = arrays ? k->most / 50 + 1 : k->most,
                steps = arrays && k->steps > 40 ? 40 + (k->steps - 40) / 12 : k->steps;
  basin_backend backend[2];
  open_backends(backend);
  for (int rule = 0; rule < 2; rule++)
    for (int size = 0; size < 3; size++) {
      const int64_t count[] = {1, most / 20 + 1, most};
      const wish w = {.dynamics = k->dynamics->name,
                      .inputs = 3,
                      .eta = size == 1 ? 0.2 : 0.02,
                      .tolerance = rule ? 1e-3 : 0,
                      .steps = steps};
      compare(backend, 0, k->model, &w, size ? 999999990000 : 0, count[size], k->t);
    }
  for (int asked = ASKED_NOTHING + 1; asked < ASKED; asked++) {
    const wish w = {.dynamics = k->dynamics->name,
                    .inputs = 3,
                    .eta = 0.05,
                    .steps = steps,
                    .asked = (enum asked)asked};
    compare(backend, 0, k->model, &w, 7, most / 20 + 1, k->t);
  }
  close_backends(backend);
}

static int compare_all(int64_t most, int64_t steps) {
  tally *t = new_tally();
  begin();
  for (int m = 0; m < MODELS; m++)
    for (int d = 0; d < models[m]->kinds; d++) {
      kind_of k = {models[m], &models[m]->kind[d], most, steps, t};
      apart(compare_kind, &k, k.model->name, k.dynamics->name, t);
    }
  return finish(t);
}

/* ---- hard ---- */

typedef struct hard_case {
  const basin_model *model;
  wish of;
  int64_t trials;
} hard_case;

typedef struct case_list {
  hard_case *of;
  int count;
} case_list;

static void add(case_list *list, const char *model, int64_t trials, wish w) {
  int m = 0;
  while (m < MODELS && strcmp(models[m]->name, model) != 0) m++;
  if (m == MODELS) give_up("no such model", model);
  if (list->count == CASES_MAX) give_up("hard", "too many cases");
  list->of[list->count++] = (hard_case){models[m], w, trials};
}

/* k = 1, 2, 5, 16: teams of 1, 2, 8, 16 threads; 33 and 40: of 32, some with two patches */
static void add_convolutions(case_list *list) {
  static const char *const model[] = {"resnet", "cnn"}, *const kind[] = {"direct", "projected",
                                                                         "mixed", "law", "dataset"};
  static const double ks[] = {1, 2, 5, 16, 33, 40}, ps[] = {2, 3, 9};
  for (int m = 0; m < 2; m++)
    for (int d = 0; d < 5; d++) {
      for (int i = 0; i < 6; i++)
        for (int j = 0; j < 3; j++)
          for (int64_t inputs = 1; inputs < 4; inputs += 2) {
            wish w = {.dynamics = kind[d],
                      .inputs = inputs *
                                (strcmp(kind[d], "mixed") && strcmp(kind[d], "dataset") ? 1 : 6),
                      .eta = 0.1,
                      .tolerance = (i + j) % 2 ? 0.5 : 0,
                      .steps = 37,
                      .asked = (enum asked)((i + j + inputs) % ASKED),
                      .parameter = {{"k", ks[i]}, {"p", ps[j]}}};
            add(list, model[m], 20, w);
          }
      for (int i = 0; i < 2; i++) { /* too large for shared memory; few trials fit into it */
        const wish w = {.dynamics = kind[d],
                        .inputs = 2,
                        .eta = 0.1,
                        .steps = 6,
                        .parameter = {{"k", i ? 40 : 33}, {"p", i ? 65 : 100}}};
        add(list, model[m], 300, w);
      }
      for (int i = 0; i < 5; i += 2) { /* trials that diverge, some at once */
        const wish w = {.dynamics = kind[d],
                        .inputs = 2,
                        .eta = 3000,
                        .steps = 37,
                        .parameter = {{"k", ks[i]}, {"p", 3}}};
        add(list, model[m], 40, w);
      }
    }
  for (int law = BASIN_LAW_OWN + 1; law < BASIN_LAW_STUDENT; law++) {
    const wish w = {.dynamics = "law",
                    .inputs = 3,
                    .eta = 0.05,
                    .steps = 37,
                    .parameter = {{"k", 5}, {"p", 3}},
                    .law = law};
    add(list, "cnn", 20, w);
  }
}

static void add_neurons(case_list *list) {
  static const char *const kind[] = {"population", "flow", "direct", "projected", "law"};
  static const double ns[] = {1, 3, 8, 21}, ds[] = {4, 33};
  for (int d = 0; d < 5; d++)
    for (int i = 0; i < 4; i++)
      for (int j = 0; j < 2; j++)
        for (int span = 0; span < 2; span++)
          for (int far = 0; far < 2; far++) {
            const wish w = {.dynamics = kind[d],
                            .inputs = 3,
                            .eta = far ? 9 : 0.05,
                            .tolerance = j ? 1e-6 : 0,
                            .steps = 40,
                            .asked = far ? ASKED_NOTHING : (enum asked)((i + j + span) % ASKED),
                            .parameter = {{"n", ns[i]}, {"m", 2}, {"d", ds[j]}, {"span", span}}};
            if (far && !strcmp(kind[d], "flow")) continue; /* it takes steps of its own */
            add(list, "relu_sum", ns[i] > 8 ? 6 : 20, w);
          }
}

static void add_others(case_list *list) {
  static const char *const filters[] = {"direct", "law", "dataset"};
  static const double shape[][2] = {{1, 5}, {3, 2}, {2, 5}, {4, 40}};
  for (int asked = 0; asked < ASKED; asked++) {
    for (int r = 1; r < 6; r += 2)
      for (int watch = 0; watch < 2; watch++) {
        const wish w = {
            .dynamics = "population",
            .eta = asked ? 0.3 : 9,
            .tolerance = watch ? 1e-3 : 0,
            .steps = 90,
            .decay = 0.1 * watch,
            .asked = (enum asked)asked,
            .parameter = {{"d1", 9}, {"d2", 7}, {"r", r}, {"reg", 0.5}, {"watch", watch}}};
        add(list, "factorisation", 40, w);
      }
    for (int d = 1; d < 8; d += 3)
      for (int kind = 0; kind < 2; kind++) {
        const wish w = {.dynamics = kind ? "perturbed" : "population",
                        .eta = d == 4 ? 0.15 : 0.09,
                        .steps = asked || kind ? 300 : 100000,
                        .asked = (enum asked)asked,
                        .parameter = {{"d", d}}};
        add(list, "octopus", 24, w);
      }
    for (int far = 0; far < 2; far++) {
      const wish w = {.dynamics = "training",
                      .eta = far ? 3000 : 0.05,
                      .steps = 60,
                      .asked = (enum asked)asked};
      add(list, "network", 20, w);
    }
    for (int d = 0; d < 3; d++)
      for (int i = 0; i < 4; i++) {
        const wish w = {.dynamics = filters[d],
                        .inputs = 5,
                        .eta = 0.5,
                        .tolerance = i % 2 ? 0.01 : 0,
                        .steps = 40,
                        .asked = (enum asked)asked,
                        .parameter = {{"k", shape[i][0]}, {"p", shape[i][1]}}};
        add(list, "filter", 20, w);
      }
  }
}

/* the cases of one model and kind, shared by threads */
typedef struct batch_of {
  const basin_backend *backend;
  const hard_case *of;
  int count, every, threads, next, workers; /* next, workers: taken atomically */
  tally *t;
} batch_of;

static void *compare_some(void *argument) {
  batch_of *b = argument;
  const int worker = __atomic_fetch_add(&b->workers, 1, __ATOMIC_RELAXED);
  for (;;) {
    const int i = __atomic_fetch_add(&b->next, b->every, __ATOMIC_RELAXED);
    if (i >= b->count) return NULL;
    const hard_case *c = &b->of[i];
    compare(b->backend, worker, c->model, &c->of, i % 2 ? 999999990000 : 3, c->trials, b->t);
  }
}

static void compare_batch(void *argument) {
  batch_of *b = argument;
  basin_backend backend[2];
  pthread_t thread[THREADS_MAX];
  open_backends(backend);
  b->backend = backend;
  if (b->threads > backend[1].workers) b->threads = backend[1].workers;
  for (int i = 0; i < b->threads; i++)
    if (pthread_create(&thread[i], NULL, compare_some, b))
      give_up("hard", "no thread can be started");
  for (int i = 0; i < b->threads; i++) pthread_join(thread[i], NULL);
  close_backends(backend);
}

static int hard(int threads, int every) {
  tally *t = new_tally();
  case_list list = {alone_memory(CASES_MAX, sizeof(hard_case)), 0};
  if (threads < 1 || threads > THREADS_MAX || every < 1) give_up("hard", "1 to 256 threads");
  begin();
  add_convolutions(&list);
  add_neurons(&list);
  add_others(&list);
  for (int m = 0; m < MODELS; m++)
    for (int d = 0; d < models[m]->kinds; d++) {
      batch_of b = {.of = alone_memory((size_t)list.count, sizeof(hard_case)),
                    .every = every,
                    .threads = threads,
                    .t = t};
      for (int i = 0; i < list.count; i++)
        if (list.of[i].model == models[m] &&
            !strcmp(list.of[i].of.dynamics, models[m]->kind[d].name))
          ((hard_case *)(uintptr_t)b.of)[b.count++] = list.of[i];
      if (b.count) apart(compare_batch, &b, models[m]->name, models[m]->kind[d].name, t);
      free((void *)(uintptr_t)b.of);
    }
  free(list.of);
  return finish(t);
}

/* ---- rate ---- */

typedef struct load {
  const basin_backend *backend;
  const basin_model *model;
  const basin_setting *setting;
  int64_t trials, next; /* next: first trial of the next part, taken atomically */
  basin_watch watch;
  int workers; /* started so far */
} load;

static void *work(void *argument) {
  load *l = argument;
  const int number = __atomic_fetch_add(&l->workers, 1, __ATOMIC_RELAXED);
  basin_error error;
  for (;;) {
    const int64_t first = __atomic_fetch_add(&l->next, PART, __ATOMIC_RELAXED);
    if (first >= l->trials) return NULL;
    const int64_t left = l->trials - first;
    const basin_job job = {.model = l->model,
                           .setting = l->setting,
                           .first = first,
                           .count = left < PART ? left : PART};
    basin_part part = alone_part(&job);
    if (l->backend->run(l->backend->self, number, &job, &part, &l->watch, &error))
      give_up("rate", error.text);
    alone_free(&part);
  }
}

/* seconds for so many trials of so many steps; the early rule is asked, and never decides (last stage of size 0) */
static double measure(const basin_backend *backend, const basin_model *model, const char *dynamics,
                      int64_t trials, int64_t steps) {
  const wish w = {.dynamics = dynamics, .inputs = INPUTS, .steps = steps};
  struct timespec begun, ended;
  pthread_t *thread = alone_memory((size_t)backend->workers, sizeof *thread);
  alone_cell cell;
  const char *wrong = alone_set_up(&cell, model, &w);
  if (wrong) give_up("rate", wrong);
  cell.stage[0].steps = (int64_t)1 << 40;
  for (int i = 0; i < model->step_sizes; i++) cell.stage[0].eta[i] = 1e-4;
  load l = {.backend = backend, .model = model, .setting = &cell.setting, .trials = trials};
  clock_gettime(CLOCK_MONOTONIC, &begun);
  for (int i = 0; i < backend->workers; i++)
    if (pthread_create(&thread[i], NULL, work, &l)) give_up("rate", "no thread can be started");
  for (int i = 0; i < backend->workers; i++) pthread_join(thread[i], NULL);
  clock_gettime(CLOCK_MONOTONIC, &ended);
  if (l.watch.trial_steps != trials * steps) give_up("rate", "not every step was taken");
  alone_tear_down(&cell);
  free(thread);
  return (double)(ended.tv_sec - begun.tv_sec) + 1e-9 * (double)(ended.tv_nsec - begun.tv_nsec);
}

/* As many steps as take about so long: they are doubled, or more, until they take half of it. */
static void rate_of(const basin_backend *backend, const basin_model *model,
                    const basin_dynamics *dynamics, int64_t trials, double wanted) {
  const int64_t least = dynamics->registers ? 128 : 1, most = (int64_t)1 << 40;
  int64_t steps = least;
  double seconds = measure(backend, model, dynamics->name, trials, steps);
  while (seconds < wanted / 2 && steps < most) {
    const double factor = fmin(fmax(wanted / fmax(seconds, 1e-9), 2), 16);
    steps = (int64_t)((double)steps * factor);
    if (steps > 16) steps = steps / 16 * 16;
    seconds = measure(backend, model, dynamics->name, trials, steps);
  }
  const double speed = (double)trials * (double)steps / seconds;
  printf("%s:%s %lld trials %lld steps %.4f s %.4g trial-steps/s", model->name, dynamics->name,
         (long long)trials, (long long)steps, seconds, speed);
  /* of an input of the convolutional models direct draws k p normals, projected 2 k */
  const double k = model->parameter[0].initial, p = model->parameter[1].initial;
  if (alone_is_sampled(dynamics->name) && strcmp(dynamics->name, "dataset") &&
      !strcmp(model->parameter[0].name, "k"))
    printf(" %.4g normals/s", speed * INPUTS * k * (!strcmp(dynamics->name, "projected") ? 2 : p));
  printf("\n");
  fflush(stdout);
}

static int rate(int words, char **word) {
  static const double sizes[] = {1e3, 1e4, 1e5, 1e6, 1e7};
  const double wanted = number("RATE_SECONDS", 2);
  const basin_model *model = NULL;
  basin_backend backend[2];
  char *kind = words ? strchr(*word, ':') : NULL;
  if (kind) *kind++ = 0;
  for (int m = 0; words && m < MODELS; m++)
    if (!strcmp(models[m]->name, *word)) model = models[m];
  if (!model) give_up("rate", "which model?");
  const basin_dynamics *dynamics = kind ? basin_dynamics_find(model, kind) : model->kind;
  if (!dynamics) give_up("rate", "which dynamics?");
  open_backends(backend);
  printf("%s; %s\n", backend[0].description, backend[1].description);
  const int sized = words > 1; /* sizes are given */
  double most = sized ? 0 : sizes[4];
  for (int i = 1; i < words; i++) most = fmax(most, atof(word[i]));
  const int64_t all = dynamics->registers ? (int64_t)PART * backend[1].workers : 64;
  measure(&backend[1], model, dynamics->name, most < (double)all ? (int64_t)most : all,
          16); /* streams and buffers are made */
  for (int i = 0; i < (sized ? words - 1 : 5); i++)
    rate_of(&backend[1], model, dynamics, (int64_t)(sized ? atof(word[i + 1]) : sizes[i]), wanted);
  close_backends(backend);
  return 0;
}

int main(int words, char **word) {
  const char *what = words > 1 ? word[1] : "";
  setvbuf(stdout, NULL, _IOLBF, 0); /* what was said before an end that is none is kept */
  if (!strcmp(what, "bits") && (words == 2 || words == 4))
    return compare_all(words == 4 ? atoll(word[2]) : 20000, words == 4 ? atoll(word[3]) : 3000);
  if (!strcmp(what, "hard") && (words == 2 || words == 4))
    return hard(words == 4 ? atoi(word[2]) : 32, words == 4 ? atoi(word[3]) : 1);
  if (!strcmp(what, "rate")) return rate(words - 2, word + 2);
  give_up("usage", "gpu_alone bits [TRIALS STEPS], gpu_alone hard [THREADS EVERY], or gpu_alone "
                   "rate MODEL[:KIND] [N]...");
}
