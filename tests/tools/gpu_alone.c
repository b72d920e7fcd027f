/* SPDX-License-Identifier: MIT
 *
 * gpu_alone.c: the CUDA module against the CPU lanes, without the rest of the program: no HDF5, libfyaml, xxHash or
 * cmocka, so that it can be built on a machine that has a GPU, gcc and nvcc but little else. `make gpu-alone`
 * builds it beside the module.
 *
 *   gpu_alone bits [TRIALS STEPS]  every model: outcomes, steps, observables, records and states, whole and with
 *                                pauses that the other backend goes on with: all bytes equal. At most so many trials
 *                                at once (default 20000), of so many steps (default 3000)
 *   gpu_alone rate MODEL [N]...  trial-steps/s for N trials at once (default 10^4 to 10^8), nothing written;
 *                                TRIAL_STEPS sets how many trial-steps a measurement takes (default 1e11).
 *                                MODEL:direct, MODEL:projected, MODEL:mixed: with gradients of 64 sampled inputs
 */
#include "engine/cpu.h"
#include "engine/cuda.h"
#include "seam/layers.h"
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  VECTORS_MAX = 8,
  PARAMETERS_MAX = 32,
  OBSERVABLES_MAX = 64,
  PART = 65536,
  INPUTS = 64,
  TIMES = 11
};

#define BASIN_PAIR(model, kind)
#define BASIN_MODEL(name) extern const basin_model basin_model_##name;
#include "models.inc"
#undef BASIN_MODEL

static const basin_model *const models[] = {
#define BASIN_MODEL(name) &basin_model_##name,
#include "models.inc"
#undef BASIN_MODEL
};

static _Noreturn void give_up(const char *what, const char *why) {
  printf("gpu_alone: %s: %s\n", what, why);
  exit(1);
}

static void *allocate(size_t count, size_t size) {
  void *memory = malloc(count * size + 1);
  if (!memory) give_up("malloc", "out of memory");
  return memset(memory, 0xff, count * size + 1);
}

/* ---- a setting of any model: default parameters, teachers of length 1, starts in a ball, of matrices normal ---- */

typedef struct setup {
  basin_setting setting;
  double parameter[PARAMETERS_MAX];
  basin_vector teacher[VECTORS_MAX], initial[VECTORS_MAX];
  basin_stage stage[2];
  basin_network network; /* of the model `network` */
} setup;

/* rows of length 1, whose entries differ; of a single vector they fall and are above 0, as singular values do */
static void teach(basin_vector *vector, int64_t rows, int64_t length) {
  double *value = allocate((size_t)(rows * length), sizeof *value);
  for (int64_t row = 0; row < rows; row++) {
    double *to = value + row * length, norm2 = 0;
    for (int64_t i = 0; i < length; i++) {
      to[i] = rows > 1 ? cos(1.0 + 0.7 * (double)(row * length + i)) : 1 / (1.0 + (double)i);
      norm2 += to[i] * to[i];
    }
    for (int64_t i = 0; i < length; i++) to[i] /= sqrt(norm2);
  }
  *vector = (basin_vector){.source = BASIN_GIVEN, .rows = rows, .length = length, .value = value};
}

/* inputs at every step, fresh ones or a data set; what else there is follows the expectation, or a landscape */
static int is_sampled(const char *dynamics) {
  return !strcmp(dynamics, "direct") || !strcmp(dynamics, "projected") ||
         !strcmp(dynamics, "mixed") || !strcmp(dynamics, "law") || !strcmp(dynamics, "dataset");
}

/* a network of a convolution, a residual layer and a readout, on pictures of 2 channels and 4 pixels; its data are no
   random ones, only different ones */
enum { NETWORK_INPUTS = 5, NETWORK_LAYERS = 3 };
static basin_status draw_network(const basin_setting *setting, int64_t first, int64_t count,
                                 double *z, double *label) {
  (void)setting;
  for (int64_t i = 0; i < count; i++) {
    for (int64_t j = 0; j < 8; j++) z[8 * i + j] = sin(1.0 + 3.7 * (double)(8 * (first + i) + j));
    label[i] = cos((double)(first + i));
  }
  return BASIN_OK;
}

static void connect(setup *s) {
  static const basin_network_layer layer[NETWORK_LAYERS] = {
      {3, 2, 4, 3, 0.5, BASIN_RELU, 0, 0, 1, 0},
      {3, 3, 4, 3, 0.3, BASIN_SOFTPLUS, 0, 1, 1, 0},
      {1, 12, 1, 1, 1, BASIN_IDENTITY, 0, 0, 1, 0}};
  s->network = (basin_network){.layers = NETWORK_LAYERS,
                               .layer = layer,
                               .channels = 2,
                               .pixels = 4,
                               .labels = 1,
                               .loss_weight = 0.5,
                               .draw = draw_network,
                               .wanted = ~(uint64_t)0};
  for (int h = 0; h < NETWORK_LAYERS; h++)
    s->initial[h] = (basin_vector){.source = BASIN_NORMAL,
                                   .rows = layer[h].out,
                                   .length = layer[h].in * layer[h].patch,
                                   .scale = 1};
  s->setting.network = &s->network;
  s->setting.gradient.set_size = NETWORK_INPUTS;
}

static void set_up(setup *s, const basin_model *m, const char *dynamics, int64_t inputs, double eta,
                   double tolerance, int64_t steps) {
  const char *where;
  memset(s, 0, sizeof *s);
  for (int i = 0; i < m->parameters; i++) s->parameter[i] = m->parameter[i].initial;
  for (int i = 0; i < m->teachers; i++)
    teach(&s->teacher[i], (int64_t)m->size(m->teacher[i].rows, s->parameter),
          (int64_t)m->size(m->teacher[i].length, s->parameter));
  for (int i = 0; i < m->initials; i++)
    s->initial[i] = (basin_vector){.source = m->initial[i].rows < 0 ? BASIN_BALL : BASIN_NORMAL,
                                   .rows = (int64_t)m->size(m->initial[i].rows, s->parameter),
                                   .length = (int64_t)m->size(m->initial[i].length, s->parameter),
                                   .scale = 0.9};
  s->stage[0].steps = 13;
  s->stage[1].steps = INT64_MAX;
  for (int i = 0; i < m->step_sizes; i++) {
    s->stage[0].eta[i] = eta / 2;
    s->stage[1].eta[i] = eta;
  }
  s->setting = (basin_setting){
      .parameter = s->parameter,
      .teacher = s->teacher,
      .initial = s->initial,
      .stage = s->stage,
      .stages = 2,
      .stop = {.tolerance = tolerance, .tolerance_spurious = tolerance, .max_steps = steps},
      .gradient = {.dynamics = dynamics,
                   .inputs = is_sampled(dynamics) ? inputs : 0,
                   .set_size = strcmp(dynamics, "dataset") ? 0 : inputs,
                   .law = {!strcmp(dynamics, "law") ? BASIN_LAW_LAPLACE : BASIN_LAW_OWN, 0},
                   .error = 1e-6},
      .key = 12345};
  if (m->layer_observables) connect(s);
  const char *wrong = m->check(&s->setting, &where);
  if (wrong) give_up(m->name, wrong);
}

static void tear_down(setup *s, const basin_model *m) {
  for (int i = 0; i < m->teachers; i++) free((void *)(uintptr_t)s->teacher[i].value);
}

/* ---- bits ---- */

static const int64_t recorded_steps[TIMES] = {0, 1, 2, 13, 14, 16, 50, 100, 333, 1000, 2999};

static basin_part make_part(const basin_job *job) {
  basin_part p = {.first = job->first, .count = job->count, .recorded = basin_job_recorded(job)};
  const size_t n = (size_t)p.count, rows = (size_t)(p.recorded * job->times);
  p.outcome = allocate(n, sizeof *p.outcome);
  p.steps = allocate(n, sizeof *p.steps);
  p.final = allocate(n * (size_t)job->finals, sizeof *p.final);
  p.record = allocate(rows * (size_t)job->observables, sizeof *p.record);
  p.state = allocate(rows * (size_t)job->setting->size.states, sizeof *p.state);
  return p;
}

static void free_part(basin_part *p) {
  free(p->outcome);
  free(p->steps);
  free(p->final);
  free(p->record);
  free(p->state);
  free(p->flight);
  free(p->flight_state);
}

static int same(const basin_job *job, const basin_part *x, const basin_part *y) {
  const size_t n = (size_t)x->count, rows = (size_t)(x->recorded * job->times) * sizeof(double);
  return !memcmp(x->outcome, y->outcome, n) && !memcmp(x->steps, y->steps, n * sizeof *x->steps) &&
         !memcmp(x->final, y->final, n * (size_t)job->finals * sizeof *x->final) &&
         !memcmp(x->record, y->record, rows * (size_t)job->observables) &&
         !memcmp(x->state, y->state, rows * (size_t)job->setting->size.states);
}

/* one job by the CPU, by the device, and by both in turns: 0 where all agree */
static int compare(const basin_backend backend[2], const basin_job *job) {
  basin_error error = {""};
  basin_part part[3];
  int64_t ended[BASIN_OUTCOMES] = {0};
  for (int way = 0; way < 3; way++) {
    basin_watch watch = {.stop = way == 2};
    basin_worker_status status = BASIN_WORKER_PAUSED;
    part[way] = make_part(job);
    for (int turn = way == 1; status == BASIN_WORKER_PAUSED; turn++) {
      const basin_backend *b = &backend[way == 2 ? turn % 2 : way];
      status = b->run(b->self, 0, job, &part[way], &watch, &error);
    }
    if (status) give_up(job->model->name, error.text);
  }
  for (int64_t i = 0; i < job->count; i++) ended[part[0].outcome[i]]++;
  const int whole = same(job, &part[0], &part[1]), turns = same(job, &part[0], &part[2]);
  printf("%-8s %-10s %6lld trials, %-14s %5lld recorded: %s, %s in turns;", job->model->name,
         job->setting->gradient.dynamics, (long long)job->count,
         job->setting->stop.tolerance > 0 ? "to a tolerance" : "early rule",
         (long long)part[0].recorded, whole ? "same bits" : "OTHER BITS",
         turns ? "same bits" : "OTHER BITS");
  for (int o = 0; o < BASIN_OUTCOMES; o++) printf(" %lld", (long long)ended[o]);
  printf("\n");
  for (int way = 0; way < 3; way++) free_part(&part[way]);
  return !whole || !turns;
}

static int compare_kind(const basin_backend backend[2], const basin_model *model,
                        const basin_dynamics *dynamics, int64_t most, int64_t steps) {
  const int64_t count[] = {1, most / 20 + 1, most}, few[] = {1, 10, 40};
  const int slow = !dynamics->registers; /* in the simulator */
  int wrong = 0, index[OBSERVABLES_MAX];
  for (int i = 0; i < OBSERVABLES_MAX; i++) index[i] = i;
  for (int rule = 0; rule < 2; rule++)
    for (int size = 0; size < 3; size++) {
      setup s;
      set_up(&s, model, dynamics->name, 3, size == 1 ? 0.2 : 0.02, rule ? 1e-3 : 0,
             slow ? (steps < 40 ? steps : 40) : steps);
      const int64_t first = size ? 999999990000 : 0;
      const basin_job job = {.model = model,
                             .setting = &s.setting,
                             .first = first,
                             .count = slow ? few[size] : count[size],
                             .recorded = first + 500,
                             .times = TIMES,
                             .time = recorded_steps,
                             .finals = model->observables,
                             .final = index,
                             .observables = model->observables,
                             .observable = index,
                             .keep_states = 1};
      wrong += compare(backend, &job);
      tear_down(&s, model);
    }
  return wrong;
}

static int compare_all(const basin_backend backend[2], int64_t most, int64_t steps) {
  int wrong = 0, compared = 0;
  for (size_t m = 0; m < sizeof models / sizeof *models; m++)
    for (int d = 0; d < models[m]->kinds; d++) {
      wrong += compare_kind(backend, models[m], &models[m]->kind[d], most, steps);
      compared += 6;
    }
  printf("%d passed, %d failed\n", compared - wrong, wrong);
  return wrong > 0;
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
    basin_part part = make_part(&job);
    if (l->backend->run(l->backend->self, number, &job, &part, &l->watch, &error))
      give_up("rate", error.text);
    free_part(&part);
  }
}

/* seconds for so many trials of so many steps; the early rule is asked, and never decides (last stage of size 0) */
static double measure(const basin_backend *backend, const basin_model *model, const char *dynamics,
                      int64_t trials, int64_t steps) {
  setup s;
  struct timespec begun, ended;
  pthread_t *thread = allocate((size_t)backend->workers, sizeof *thread);
  set_up(&s, model, dynamics, INPUTS, 0, 0, steps);
  s.stage[0].steps = (int64_t)1 << 40;
  for (int i = 0; i < model->step_sizes; i++) s.stage[0].eta[i] = 1e-4;
  load l = {.backend = backend, .model = model, .setting = &s.setting, .trials = trials};
  clock_gettime(CLOCK_MONOTONIC, &begun);
  for (int i = 0; i < backend->workers; i++)
    if (pthread_create(&thread[i], NULL, work, &l)) give_up("rate", "no thread can be started");
  for (int i = 0; i < backend->workers; i++) pthread_join(thread[i], NULL);
  clock_gettime(CLOCK_MONOTONIC, &ended);
  if (l.watch.trial_steps != trials * steps) give_up("rate", "not every step was taken");
  tear_down(&s, model);
  free(thread);
  return (double)(ended.tv_sec - begun.tv_sec) + 1e-9 * (double)(ended.tv_nsec - begun.tv_nsec);
}

static int rate(const basin_backend *backend, int words, char **word) {
  const double total = getenv("TRIAL_STEPS") ? atof(getenv("TRIAL_STEPS")) : 1e11;
  const basin_model *model = NULL;
  char *kind = words ? strchr(*word, ':') : NULL;
  if (kind) *kind++ = 0;
  for (size_t m = 0; words && m < sizeof models / sizeof *models; m++)
    if (!strcmp(models[m]->name, *word)) model = models[m];
  if (!model) give_up("rate", "which model?");
  const basin_dynamics *dynamics = kind ? basin_dynamics_find(model, kind) : model->kind;
  if (!dynamics) give_up("rate", "which dynamics?");
  words--;
  word++;
  const int sampled = is_sampled(dynamics->name);
  measure(backend, model, dynamics->name, sampled ? 64 : (int64_t)PART * backend->workers,
          16); /* streams and buffers are made */
  for (int i = 0; i < (words ? words : 5); i++) {
    const double trials = words ? atof(word[i]) : pow(10, 4 + i);
    const double steps = fmin(fmax(total / trials, dynamics->registers ? 128 : 16), 1 << 20);
    const double seconds = measure(backend, model, dynamics->name, (int64_t)trials, (int64_t)steps);
    const double speed = trials * floor(steps) / seconds;
    printf("%s %.0f trials %.0f steps %.4f s %.4g trial-steps/s", model->name, trials, floor(steps),
           seconds, speed);
    /* of an input of the convolutional models direct draws k p normals, projected 2 k */
    const double k = model->parameter[0].initial, p = model->parameter[1].initial;
    if (sampled && !strcmp(model->parameter[0].name, "k"))
      printf(" %.4g normals/s",
             speed * INPUTS * k * (!strcmp(dynamics->name, "projected") ? 2 : p));
    printf("\n");
    fflush(stdout);
  }
  return 0;
}

int main(int words, char **word) {
  basin_backend backend[2];
  basin_error error;
  if (words < 2 || (strcmp(word[1], "bits") && strcmp(word[1], "rate")))
    give_up("usage", "gpu_alone bits [TRIALS STEPS], or gpu_alone rate MODEL [N]...");
  const int64_t most = words == 4 ? atoll(word[2]) : 20000,
                steps = words == 4 ? atoll(word[3]) : 3000;
  if (basin_cpu_open(NULL, 1, &backend[0], &error)) give_up("cpu", error.text);
  if (basin_cuda_open(NULL, 0, &backend[1], &error)) give_up("cuda", error.text);
  printf("%s; %s\n", backend[0].description, backend[1].description);
  const int wrong = strcmp(word[1], "bits") ? rate(&backend[1], words - 2, word + 2)
                                            : compare_all(backend, most, steps);
  for (int i = 0; i < 2; i++) backend[i].close(backend[i].self);
  return wrong;
}
