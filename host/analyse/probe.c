/* SPDX-License-Identifier: MIT */
#include "analyse/probe.h"
#include "engine/cpu.h"
#include "own/own.h"
#include "store/part.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 16, DATA_SET = 8 };
static const double FLOW_ERROR = 1e-13;

/* What the cell's gradient becomes; where it is of this kind it stays as it is, but for what a flow may be wrong by and
   for a method that is no kind of its own (seam/method.h): the gradient is asked about. Options are the defaults, but
   `below`, the gradient below which a kind adds noise: none comes. */
static void choose(basin_setting *setting, const basin_model *model, const char *kind) {
  static const char *const fresh[] = {"direct", "projected", "mixed", "law"};
  basin_gradient g = {.dynamics = kind};
  int options = 0;
  if (!strcmp(setting->gradient.dynamics, kind)) {
    if (!strcmp(kind, "flow")) setting->gradient.error = FLOW_ERROR;
    if (basin_kind_is_of(model->methods, kind)) {
      setting->gradient.method = BASIN_DESCENT;
      setting->gradient.noise = 0;
    }
    return;
  }
  for (size_t i = 0; i < sizeof fresh / sizeof *fresh; i++)
    if (!strcmp(kind, fresh[i])) g.inputs = INPUTS;
  if (!strcmp(kind, "law")) g.law.kind = BASIN_LAW_NORMAL;
  if (!strcmp(kind, "dataset")) g.inputs = g.set_size = DATA_SET;
  if (!strcmp(kind, "flow")) g.error = FLOW_ERROR;
  if (!strcmp(kind, "noise")) g.noise = 1;
  for (int i = 0; i < model->options && options < BASIN_OPTIONS_MAX; i++)
    if (!strcmp(model->option[i].of, kind))
      g.option[options++] = strcmp(model->option[i].name, "below") ? model->option[i].initial : 0;
  setting->gradient = g;
}

/* all observables that the cell has, recorded */
static basin_status record_all(basin_probe *p, basin_error *error) {
  basin_experiment *e = &p->experiment;
  const int own = p->cell.model->observables,
            risks = p->cell.setting.gradient.set_size > 0 && !p->cell.setting.network,
            all = own + (risks ? BASIN_RISK_OBSERVABLES : 0);
  p->index = calloc((size_t)all + 1, sizeof *p->index);
  p->observable = calloc((size_t)all + 1, sizeof *p->observable);
  if (!p->index || !p->observable) return basin_fail_memory(error);
  for (int i = 0; i < all; i++) {
    const char *name = basin_observable(&p->cell, i)->name;
    p->index[i] = i;
    memcpy(&p->observable[i], &name, sizeof name);
  }
  e->asked = e->finals = 0;
  e->observables = all;
  e->observable = p->observable;
  p->cell.index = p->index;
  return BASIN_OK;
}

/* a network follows the gradient by all its weights, of all data, whatever the cell says */
static basin_status train_all(basin_probe *p, basin_error *error) {
  const basin_network *network = p->cell.setting.network;
  if (!network) return BASIN_OK;
  basin_network_layer *layer = calloc((size_t)network->layers, sizeof *layer);
  if (!layer) return basin_fail_memory(error);
  memcpy(layer, network->layer, (size_t)network->layers * sizeof *layer);
  for (int h = 0; h < network->layers; h++) layer[h].trained = 1;
  p->network = *network;
  p->network.layer = p->layer = layer;
  p->cell.setting.network = &p->network;
  p->cell.setting.gradient.batch = 0;
  p->cell.setting.gradient.inputs = p->cell.setting.gradient.set_size;
  return BASIN_OK;
}

basin_status basin_probe_open(const basin_experiment *experiment, int64_t cell, const char *kind,
                              uint64_t key, basin_probe *p, basin_error *error) {
  const char *where;
  *p = (basin_probe){.experiment = *experiment, .cell = experiment->cell[cell]};
  basin_experiment *e = &p->experiment;
  basin_setting *setting = &p->cell.setting;
  const basin_model *model = p->cell.model;
  e->cell = &p->cell;
  e->cells = e->grid_cells = 1;
  e->time = p->time;
  e->keep_vectors = 1;
  e->inputs = e->estimates = e->passages = e->ladders = 0;
  p->cell.naming = NULL;
  for (int i = 0; i <= BASIN_PROBE_STEPS; i++) p->time[i] = i;
  p->stage = setting->stage[0];
  p->stage.steps = INT64_MAX;
  memset(p->stage.eta + BASIN_DECAY, 0, BASIN_STEP_SIZES_MAX * sizeof *p->stage.eta);
  memset(p->stage.moving, 0, sizeof p->stage.moving);
  setting->stage = &p->stage;
  setting->stages = 1;
  setting->halve = 0;
  setting->stop = (basin_stop){.tolerance = setting->stop.tolerance,
                               .tolerance_spurious = setting->stop.tolerance_spurious,
                               .max_steps = BASIN_PROBE_STEPS};
  if (key) setting->key = key;
  basin_status status = train_all(p, error);
  if (status) return status;
  if (model->initials > BASIN_PROBE_INITIALS) p->why = "it has too many vectors";
  else {
    choose(setting, model, kind);
    p->why = model->check(setting, &where);
    if (!p->why && strcmp(setting->gradient.dynamics, kind) != 0)
      p->why = "such cells run another kind in its place";
  }
  if (p->why) return BASIN_OK;
  status = record_all(p, error);
  if (!status) status = basin_own_ready(model, kind, basin_cpu_isa(NULL), error);
  if (!status) status = basin_cpu_open(NULL, 1, &p->backend, error);
  return status;
}

void basin_probe_close(basin_probe *p) {
  if (p->backend.close) p->backend.close(p->backend.self);
  free(p->index);
  free(p->observable);
  free(p->layer);
  memset(p, 0, sizeof *p);
}

int basin_probe_start(basin_probe *p, const double *x) {
  const basin_setting *setting = &p->cell.setting;
  for (int i = 0; i < p->cell.model->initials; i++) {
    p->initial[i] = (basin_vector){.source = BASIN_GIVEN,
                                   .rows = setting->initial[i].rows,
                                   .length = setting->initial[i].length,
                                   .value = x};
    x += basin_vector_size(&p->initial[i]);
  }
  p->cell.setting.initial = p->initial;
  const char *where, *kind = setting->gradient.dynamics;
  return !p->cell.model->check(&p->cell.setting, &where) &&
         !strcmp(kind, setting->gradient.dynamics);
}

basin_status basin_probe_run(basin_probe *p, int64_t trials, int steps, double eta,
                             basin_part *part, basin_error *error) {
  basin_watch watch = {0};
  for (int i = 0; i < p->cell.model->step_sizes; i++) p->stage.eta[i] = eta;
  p->cell.setting.stop.max_steps = steps;
  p->experiment.recorded = trials;
  p->experiment.times = steps + 1;
  const basin_job job = basin_part_job(&p->experiment, 0, 0, trials);
  basin_status status = basin_part_allocate(&job, part, error);
  if (!status && p->backend.run(p->backend.self, 0, &job, part, &watch, error))
    status = BASIN_FAILED;
  return status;
}

basin_status basin_probe_vectors(const basin_probe *p, const basin_part *part, int64_t trial,
                                 int64_t time, double *vectors, basin_error *error) {
  const basin_size *size = &p->cell.setting.size;
  const double *state = part->state + (trial * p->experiment.times + time) * size->states;
  return p->cell.model->vectors(&p->cell.setting, trial, 1, state, 0, vectors)
             ? basin_fail_memory(error)
             : BASIN_OK;
}

basin_status basin_probe_steps(basin_probe *p, int steps, double eta, double *vectors,
                               basin_error *error) {
  basin_part part = {0};
  const int64_t entries = p->cell.setting.size.vectors;
  basin_status status = basin_probe_run(p, 1, steps, eta, &part, error);
  for (int time = 0; time <= steps && !status; time++)
    if (time <= part.steps[0])
      status = basin_probe_vectors(p, &part, 0, time, vectors + time * entries, error);
    else
      for (int64_t i = 0; i < entries; i++) vectors[time * entries + i] = NAN;
  basin_part_free(&part);
  return status;
}
