/* SPDX-License-Identifier: MIT
 *
 * alone.h: cells of any model without an experiment file, and parts of them by two backends: for programs that have
 * next to nothing (tests/tools/gpu_alone.c).
 *
 *   const wish w = {.dynamics = "direct", .inputs = 3, .eta = 0.02, .steps = 40, .parameter = {{"k", 5}}};
 *   alone_cell cell;
 *   if (!(wrong = alone_set_up(&cell, model, &w)))
 *     verdict = alone_compare(backend, worker, &cell, first, count, line);
 *   alone_tear_down(&cell);
 */
#ifndef BASIN_TESTS_ALONE_H
#define BASIN_TESTS_ALONE_H

#include "engine/cpu.h"
#include "engine/cuda.h"
#include "seam/layers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  VECTORS_MAX = 8,
  PARAMETERS_MAX = 32,
  OBSERVABLES_MAX = 64,
  CHANGES_MAX = 6,
  TIMES = 11,
  LADDER = 3,
  LINE_BYTES = 512
};

/* What is asked at every step, beside the rule: nothing; passages; a condition; or the step sizes move. Each is a
   kernel of its own on a device. */
enum asked { ASKED_NOTHING, ASKED_PASSAGES, ASKED_CONDITION, ASKED_MOVING, ASKED };

/* What a cell is to be like: what is not said is the model's default. */
typedef struct wish {
  const char *dynamics;
  int64_t inputs, steps; /* inputs: of a step where it is sampled, or of the data set */
  double eta, tolerance; /* tolerance: 0: the early rule */
  double decay;          /* step sizes fall as eta/(t + 1)^decay, of models that can */
  enum asked asked;
  struct {
    const char *name;
    double value;
  } parameter[CHANGES_MAX];
  int law; /* of inputs: enum basin_input_law_kind */
} wish;

typedef struct alone_cell {
  const basin_model *model;
  basin_setting setting;
  double parameter[PARAMETERS_MAX];
  basin_vector teacher[VECTORS_MAX], initial[VECTORS_MAX];
  basin_stage stage[2];
  basin_network network; /* of the model `network` */
  basin_condition when;
  basin_moving moving;
  double eta; /* that moves */
  int passages;
} alone_cell;

static inline void *alone_memory(size_t count, size_t size) {
  void *memory = malloc(count * size + 1);
  if (!memory) {
    printf("FAILED: out of memory\n");
    exit(1);
  }
  return memset(memory, 0xff, count * size + 1);
}

/* ---- a cell: teachers of length 1, starts in a ball, of matrices normal ---- */

/* rows of length 1, whose entries differ; of a single vector they fall and are above 0, as singular values do */
static inline void alone_teach(basin_vector *vector, int64_t rows, int64_t length) {
  double *value = alone_memory((size_t)(rows * length), sizeof *value);
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
static inline int alone_is_sampled(const char *dynamics) {
  return !strcmp(dynamics, "direct") || !strcmp(dynamics, "projected") ||
         !strcmp(dynamics, "mixed") || !strcmp(dynamics, "law") || !strcmp(dynamics, "dataset");
}

/* a network of a convolution, a residual layer and a readout, on pictures of 2 channels and 4 pixels; its data are no
   random ones, only different ones */
enum { NETWORK_INPUTS = 5, NETWORK_LAYERS = 3 };
static inline basin_status alone_draw(const basin_setting *setting, int64_t first, int64_t count,
                                      double *z, double *label) {
  (void)setting;
  for (int64_t i = 0; i < count; i++) {
    for (int64_t j = 0; j < 8; j++) z[8 * i + j] = sin(1.0 + 3.7 * (double)(8 * (first + i) + j));
    if (label) label[i] = cos((double)(first + i));
  }
  return BASIN_OK;
}

/* in the place of the Gram matrix at infinite width */
static inline const double *alone_gram(const basin_setting *setting) {
  static const double gram[NETWORK_INPUTS * NETWORK_INPUTS] = {1, 0.5, 0.25};
  (void)setting;
  return gram;
}

static inline void alone_connect(alone_cell *c) {
  static const basin_network_layer layer[NETWORK_LAYERS] = {
      {3, 2, 4, 3, 0.5, BASIN_RELU, 0, 0, 1, 0},
      {3, 3, 4, 3, 0.3, BASIN_SOFTPLUS, 0, 1, 1, 0},
      {1, 12, 1, 1, 1, BASIN_IDENTITY, 0, 0, 1, 0}};
  c->network = (basin_network){.layers = NETWORK_LAYERS,
                               .layer = layer,
                               .channels = 2,
                               .pixels = 4,
                               .labels = 1,
                               .loss_weight = 0.5,
                               .draw = alone_draw,
                               .gram = alone_gram,
                               .wanted = ~(uint64_t)0};
  for (int h = 0; h < NETWORK_LAYERS; h++)
    c->initial[h] = (basin_vector){.source = BASIN_NORMAL,
                                   .rows = layer[h].out,
                                   .length = layer[h].in * layer[h].patch,
                                   .scale = 1};
  c->setting.network = &c->network;
  c->setting.gradient.set_size = NETWORK_INPUTS;
}

/* eta sqrt(8/(8 + t)) */
static inline int64_t alone_falls(const basin_moving *self, int64_t first, int64_t n, double *value,
                                  basin_error *why) {
  const alone_cell *c = (const alone_cell *)(const void *)((const char *)self -
                                                           offsetof(alone_cell, moving));
  (void)why;
  for (int64_t i = 0; i < n; i++) value[i] = c->eta * sqrt(8 / (8.0 + (double)(first + i)));
  return n;
}

/* 13 steps of half the size, then the others */
static inline void alone_schedule(alone_cell *c, const wish *w) {
  c->stage[0] = (basin_stage){.steps = 13, .scale = 1};
  c->stage[1] = (basin_stage){.steps = INT64_MAX, .scale = 1};
  c->moving = (basin_moving){.at = alone_falls, .text = "it falls"};
  c->eta = w->eta;
  for (int i = 0; i < c->model->step_sizes; i++) {
    c->stage[0].eta[i] = w->eta / 2;
    c->stage[1].eta[i] = w->eta;
    if (c->model->decays) c->stage[1].eta[BASIN_DECAY + i] = w->decay;
    if (w->asked != ASKED_MOVING) continue;
    c->stage[1].eta[i] = (double)INFINITY;
    c->stage[1].moving[i] = &c->moving;
  }
}

/* the vectors and parameters; NULL, or the name of a parameter that the model lacks */
static inline const char *alone_fill(alone_cell *c, const wish *w) {
  const basin_model *m = c->model;
  for (int i = 0; i < m->parameters; i++) c->parameter[i] = m->parameter[i].initial;
  for (int j = 0; j < CHANGES_MAX && w->parameter[j].name; j++) {
    int i = 0;
    while (i < m->parameters && strcmp(m->parameter[i].name, w->parameter[j].name) != 0) i++;
    if (i == m->parameters) return w->parameter[j].name;
    c->parameter[i] = w->parameter[j].value;
  }
  for (int i = 0; i < m->teachers; i++)
    alone_teach(&c->teacher[i], (int64_t)m->size(m->teacher[i].rows, c->parameter),
                (int64_t)m->size(m->teacher[i].length, c->parameter));
  for (int i = 0; i < m->initials; i++)
    c->initial[i] = (basin_vector){.source = m->initial[i].rows < 0 ? BASIN_BALL : BASIN_NORMAL,
                                   .rows = (int64_t)m->size(m->initial[i].rows, c->parameter),
                                   .length = (int64_t)m->size(m->initial[i].length, c->parameter),
                                   .scale = 0.9};
  return NULL;
}

/* NULL, or what is wrong with it; alone_tear_down in either case */
static inline const char *alone_set_up(alone_cell *c, const basin_model *m, const wish *w) {
  const char *where;
  const int sampled = alone_is_sampled(w->dynamics);
  memset(c, 0, sizeof *c);
  c->model = m;
  const char *wrong = alone_fill(c, w);
  if (wrong) return wrong;
  alone_schedule(c, w);
  c->passages = w->asked == ASKED_PASSAGES ? LADDER + 1 : 0;
  c->when = (basin_condition){
      .count = 2,
      .step = {{.operation = BASIN_CONDITION_OBSERVABLE},
               {.operation = BASIN_CONDITION_LT, .side = BASIN_CONDITION_RIGHT, .number = 0.05}}};
  c->setting = (basin_setting){
      .parameter = c->parameter,
      .teacher = c->teacher,
      .initial = c->initial,
      .stage = c->stage,
      .stages = 2,
      .stop = {.tolerance = w->tolerance,
               .tolerance_spurious = w->tolerance,
               .max_steps = w->steps,
               .when = w->asked == ASKED_CONDITION ? &c->when : NULL},
      .gradient = {.dynamics = w->dynamics,
                   .inputs = sampled ? w->inputs : 0,
                   .set_size = strcmp(w->dynamics, "dataset") ? 0 : w->inputs,
                   .law = {w->law, 0},
                   .error = 1e-6},
      .key = 12345};
  if (!strcmp(w->dynamics, "law") && w->law == BASIN_LAW_OWN)
    c->setting.gradient.law.kind = BASIN_LAW_LAPLACE;
  if (m->layer_observables) alone_connect(c);
  return m->check(&c->setting, &where);
}

static inline void alone_tear_down(alone_cell *c) {
  for (int i = 0; i < c->model->teachers; i++) free((void *)(uintptr_t)c->teacher[i].value);
}

/* ---- parts ---- */

static inline basin_part alone_part(const basin_job *job) {
  basin_part p = {.first = job->first, .count = job->count, .recorded = basin_job_recorded(job)};
#define ALONE_ALLOCATE(name, type, outer, trials, inner)                  \
  if ((outer)*p.trials * (inner) > 0) /* those of no elements are NULL */ \
    p.name = alone_memory((size_t)((outer)*p.trials * (inner)), sizeof(type));
  BASIN_PART_ARRAYS(ALONE_ALLOCATE, job)
#undef ALONE_ALLOCATE
  return p;
}

static inline void alone_free(basin_part *p) {
#define ALONE_FREE(name, type, outer, trials, inner) free(p->name);
  BASIN_PART_ARRAYS(ALONE_FREE, )
#undef ALONE_FREE
  free(p->flight);
  free(p->flight_state);
}

static inline int alone_same(const basin_job *job, const basin_part *x, const basin_part *y) {
  int same = 1;
#define ALONE_SAME(name, type, outer, trials, inner) \
  same &= !x->name ||                                \
          !memcmp(x->name, y->name, (size_t)((outer)*x->trials * (inner)) * sizeof(type));
  BASIN_PART_ARRAYS(ALONE_SAME, job)
#undef ALONE_SAME
  return same;
}

enum verdict { SAME, OTHER, BROKEN };

/* `count` trials of a cell, all recorded but those from number first + 500 on, by the CPU (backend[0]), by the device,
   and by both in turns, pausing as often as can be: whether all bytes agree. line: what came of it. */
static inline enum verdict alone_compare(const basin_backend backend[2], int worker,
                                         const alone_cell *c, int64_t first, int64_t count,
                                         char line[LINE_BYTES]) {
  static const int64_t time[TIMES] = {0, 1, 2, 13, 14, 16, 50, 100, 333, 1000, 2999};
  static const basin_passage passage[LADDER + 1] = {
      {0, 0, 1}, {0, 0, 0.3}, {0, 0, 0.1}, {1, 1, 0.5}};
  static const char *const asked[] = {"", ", passages", ", a condition", ", moving steps"};
  int index[OBSERVABLES_MAX];
  for (int i = 0; i < OBSERVABLES_MAX; i++) index[i] = i;
  const basin_job job = {.model = c->model,
                         .setting = &c->setting,
                         .first = first,
                         .count = count,
                         .recorded = first + 500,
                         .times = TIMES,
                         .time = time,
                         .finals = c->model->observables,
                         .final = index,
                         .observables = c->model->observables,
                         .observable = index,
                         .passages = c->passages,
                         .passage = passage,
                         .keep_states = 1};
  basin_error error = {""};
  basin_part part[3];
  int64_t ended[BASIN_OUTCOMES] = {0}, turns = 0;
  basin_worker_status status = BASIN_WORKER_OK;
  for (int way = 0; way < 3; way++) part[way] = alone_part(&job);
  for (int way = 0; way < 3 && !status; way++) {
    basin_watch watch = {.stop = way == 2};
    status = BASIN_WORKER_PAUSED;
    for (int turn = way == 1; status == BASIN_WORKER_PAUSED; turn++) {
      const basin_backend *b = &backend[way == 2 ? turn % 2 : way];
      status = b->run(b->self, b == backend ? 0 : worker, &job, &part[way], &watch, &error);
      turns = turn;
    }
  }
  const int whole = !status && alone_same(&job, &part[0], &part[1]),
            mixed = !status && alone_same(&job, &part[0], &part[2]);
  int used = snprintf(line, LINE_BYTES, "%s %s", c->model->name, c->setting.gradient.dynamics);
  for (int i = 0; i < c->model->parameters && used < LINE_BYTES; i++)
    used += snprintf(line + used, (size_t)(LINE_BYTES - used), " %s=%g",
                     c->model->parameter[i].name, c->parameter[i]);
  if (used < LINE_BYTES)
    used += snprintf(line + used, (size_t)(LINE_BYTES - used),
                     ", B=%lld, eta %g, %lld trials, %s%s: ", (long long)c->setting.gradient.inputs,
                     c->eta, (long long)count,
                     c->setting.stop.tolerance > 0 ? "to a tolerance" : "early rule",
                     asked[c->passages                         ? ASKED_PASSAGES
                           : c->setting.stop.when              ? ASKED_CONDITION
                           : basin_schedule_moves(&c->setting) ? ASKED_MOVING
                                                               : ASKED_NOTHING]);
  if (status) {
    if (used < LINE_BYTES)
      snprintf(line + used, (size_t)(LINE_BYTES - used), "BROKEN: %.200s", error.text);
  } else {
    for (int64_t i = 0; i < count; i++) ended[part[0].outcome[i]]++;
    if (used < LINE_BYTES)
      used += snprintf(line + used, (size_t)(LINE_BYTES - used), "%s, %s in %lld turns; ended",
                       whole ? "same bits" : "OTHER BITS", mixed ? "same bits" : "OTHER BITS",
                       (long long)turns + 1);
    for (int o = 0; o < BASIN_OUTCOMES && used < LINE_BYTES; o++)
      used += snprintf(line + used, (size_t)(LINE_BYTES - used), " %lld", (long long)ended[o]);
  }
  for (int way = 0; way < 3; way++) alone_free(&part[way]);
  return status ? BROKEN : whole && mixed ? SAME : OTHER;
}

#endif
