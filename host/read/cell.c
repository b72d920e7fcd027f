/* SPDX-License-Identifier: MIT */
#include "read/cell.h"
#include "base/text.h"
#include "own/own.h"
#include "read/grid.h"
#include "read/headers.h"
#include "read/identity.h"
#include "read/images.h"
#include "read/named.h"
#include "read/own_model.h"
#include "read/passages.h"
#include "read/step_size.h"
#include "read/stop_when.h"
#include "read/vector.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the file says of a variant ---- */

/* a model of formulas; when: the node of stop.when, or NULL */
static basin_status read_own_model(const basin_node *node, const basin_node *when,
                                   const basin_scope *scope, const basin_model **model,
                                   basin_error *error) {
  char *text;
  basin_status status = basin_own_model_header(node, when, scope->album, &text, error);
  if (!status) status = basin_own_load(BASIN_OWN_NAME, text, node->place, model, error);
  free(text);
  return status;
}

static basin_status find_model(const basin_node *node, const basin_node *when,
                               const basin_scope *scope, const basin_model **model,
                               basin_error *error) {
  char text[BASIN_UNKNOWN];
  const char *name = node->kind == BASIN_SCALAR ? node->text : "";
  const int own = basin_own_model_is_meant(node);
  if (own || basin_headers_are_meant(node)) {
    const basin_status status = own ? read_own_model(node, when, scope, model, error)
                                    : basin_headers_take(scope->headers, node, model, error);
    return status ? status
                  : basin_grid_check_model(*model, scope->axes, scope->axis, node->place, error);
  }
  if ((*model = basin_model_find(name))) return BASIN_OK;
  return basin_fail_at(error, node->place, "%s", basin_model_unknown(name, text));
}

static basin_status find_parameters(basin_sheet *sheet, basin_scope *scope, basin_error *error) {
  const basin_model *model = sheet->model;
  basin_status status = BASIN_OK;
  if (sheet->parameters)
    status = basin_scope_symbols(scope, sheet->parameters, model->parameter, model->parameters,
                                 "parameters", error);
  for (int i = 0; i < model->parameters; i++) {
    sheet->parameter[i] = basin_node_get(sheet->parameters, model->parameter[i].name);
    sheet->axis[i] = -1;
    for (int a = 0; a < scope->axes; a++)
      if (!strcmp(scope->axis[a], model->parameter[i].name)) scope->used[sheet->axis[i] = a] = 1;
  }
  return status;
}

/* the nodes of a mapping of vectors, from number `first` of the sheet's on */
static basin_status find_vectors(basin_sheet *sheet, basin_scope *scope, const basin_node *mapping,
                                 const char *what, const basin_symbol *symbol, int symbols,
                                 int first, basin_error *error) {
  if (!mapping && !symbols) return BASIN_OK;
  if (!mapping) return basin_fail_at(error, sheet->place, "key `%s` is missing", what);
  const basin_status status = basin_scope_symbols(scope, mapping, symbol, symbols, what, error);
  if (status) return status;
  for (int i = 0; i < symbols; i++) {
    char *name = sheet->what[first + i];
    snprintf(name, sizeof sheet->what[0], "%s.%s", what, symbol[i].name);
    if (!(sheet->vector[first + i] = basin_node_get(mapping, symbol[i].name)))
      return basin_fail_at(error, mapping->place, "%s is missing: %s", name, symbol[i].meaning);
  }
  return BASIN_OK;
}

static basin_status check_schedule(const basin_sheet *sheet, basin_error *error) {
  const basin_node *schedule = sheet->schedule;
  if (!schedule) return basin_fail_at(error, sheet->place, "key `schedule` is missing");
  if (schedule->kind != BASIN_SEQUENCE || !schedule->count)
    return basin_fail_at(error, schedule->place, "schedule: expected a list of at least one stage");
  return BASIN_OK;
}

/* of the variant, or else of the file */
static const basin_node *pick(const basin_node *file, const basin_node *variant, const char *key) {
  const basin_node *node = basin_node_get(variant, key);
  return node ? node : basin_node_get(file, key);
}

static int is_network(const basin_model *model) {
  return !strcmp(model->name, BASIN_NETWORK_MODEL);
}

/* the keys of networks, which no other model has, and the model that they make */
static basin_status find_network(basin_sheet *sheet, const basin_node *model, basin_error *error) {
  const basin_network_keys *keys = &sheet->network;
  const basin_node *node = keys->layers ? keys->layers
                           : keys->data ? keys->data
                           : keys->loss ? keys->loss
                                        : keys->products;
  if (!is_network(sheet->model))
    return node ? basin_fail_at(error, node->place,
                                "layers, data, loss and products go with model: network, and the "
                                "model is %s",
                                sheet->model->name)
                : BASIN_OK;
  if (!keys->layers || !keys->data)
    return basin_fail_at(error, model->place, "key `%s` is missing: a network has layers, and data",
                         keys->layers ? "data" : "layers");
  if (sheet->teacher)
    return basin_fail_at(error, sheet->teacher->place,
                         "teacher: that of a network makes its labels: data: {labels: {teacher: "
                         "{layers: ...}}}");
  if (sheet->init)
    return basin_fail_at(error, sheet->init->place,
                         "init: the weights of a network start as its layers say: init of a layer");
  return basin_network_model(sheet->model, keys, sheet->parameters, &sheet->model, error);
}

basin_status basin_sheet_read(basin_sheet *sheet, basin_scope *scope, const basin_node *file,
                              const basin_node *variant, int index, basin_error *error) {
  const basin_node *model = pick(file, variant, "model");
  *sheet = (basin_sheet){.variant = index,
                         .place = variant ? variant->place : file->place,
                         .parameters = pick(file, variant, "parameters"),
                         .teacher = pick(file, variant, "teacher"),
                         .init = pick(file, variant, "init"),
                         .schedule = pick(file, variant, "schedule"),
                         .stop = pick(file, variant, "stop"),
                         .record = basin_node_get(file, "record"),
                         .outcomes = pick(file, variant, "outcomes"),
                         .dynamics = {.gradient = pick(file, variant, "gradient"),
                                      .method = pick(file, variant, "method"),
                                      .noise = pick(file, variant, "noise"),
                                      .on_divergence = pick(file, variant, "on_divergence")}};
  if (!model) return basin_fail_at(error, sheet->place, "key `model` is missing");
  basin_status status = find_model(model, basin_node_get(sheet->stop, "when"), scope, &sheet->model,
                                   error);
  sheet->network = (basin_network_keys){.layers = pick(file, variant, "layers"),
                                        .data = pick(file, variant, "data"),
                                        .loss = pick(file, variant, "loss"),
                                        .products = pick(file, variant, "products"),
                                        .define = pick(file, variant, "define"),
                                        .record = sheet->record,
                                        .stop = sheet->stop,
                                        .outcomes = sheet->outcomes};
  if (!status) status = find_network(sheet, model, error);
  if (status) return status;
  const basin_model *m = sheet->model;
  const int vectors = m->teachers + (is_network(m) ? 0 : m->initials);
  if (m->parameters > BASIN_SYMBOLS_MAX || vectors > BASIN_SYMBOLS_MAX)
    return basin_fail_at(error, model->place, "model %s has over %d parameters or vectors", m->name,
                         BASIN_SYMBOLS_MAX);
  basin_scope_enter(scope, m, sheet->parameters, pick(file, variant, "define"));
  status = find_parameters(sheet, scope, error);
  if (!status)
    status = find_vectors(sheet, scope, sheet->teacher, "teacher", m->teacher, m->teachers, 0,
                          error);
  if (!status && !is_network(m))
    status = find_vectors(sheet, scope, sheet->init, "init", m->initial, m->initials, m->teachers,
                          error);
  return status ? status : check_schedule(sheet, error);
}

/* ---- one point of the grid ---- */

/* A cell while it is read: what everybody else sees through the setting. */
typedef struct draft {
  const basin_sheet *sheet;
  basin_scope *scope;
  basin_cell *cell;
  double *coordinate, *parameter;
  basin_vector *vector; /* teachers, then initials */
  basin_stage *stage;
} draft;

/* all that a cell has but the entries of its vectors, in one block: 10^6 cells are read in a second */
static basin_status allocate(draft *d, basin_error *error) {
  const basin_model *model = d->sheet->model;
  const size_t axes = (size_t)d->scope->axes, parameters = (size_t)model->parameters,
               vectors = (size_t)(model->teachers + model->initials),
               stages = (size_t)d->sheet->schedule->count;
  basin_cell *cell = d->cell;
  cell->memory = calloc(1, vectors * (sizeof *d->vector + sizeof *cell->given) +
                               stages * sizeof *d->stage +
                               (axes + parameters) * sizeof *d->parameter);
  if (!cell->memory) return basin_fail_memory(error);
  d->vector = cell->memory;
  d->stage = (basin_stage *)(d->vector + vectors);
  cell->given = (double **)(d->stage + stages);
  d->coordinate = (double *)(cell->given + vectors);
  d->parameter = d->coordinate + axes;
  cell->coordinate = d->coordinate;
  cell->setting.parameter = d->parameter;
  cell->setting.teacher = d->vector;
  cell->setting.initial = d->vector + model->teachers;
  cell->setting.stage = d->stage;
  cell->setting.stages = d->sheet->schedule->count;
  return BASIN_OK;
}

static basin_status read_parameters(draft *d, const basin_place *axis_place, basin_error *error) {
  const basin_sheet *sheet = d->sheet;
  for (int i = 0; i < sheet->model->parameters; i++) {
    const basin_symbol *symbol = &sheet->model->parameter[i];
    const basin_node *node = sheet->parameter[i];
    const int axis = sheet->axis[i];
    double *value = &d->parameter[i];
    basin_status status = BASIN_OK;
    if (axis >= 0) *value = d->coordinate[axis];
    else if (node && symbol->maximum == INFINITY && basin_scope_infinite(d->scope, node))
      *value = INFINITY;
    else if (node) status = basin_scope_value(d->scope, node, symbol->name, value, error);
    else *value = symbol->initial;
    if (status) return status;
    if (*value >= symbol->minimum && *value <= symbol->maximum &&
        !(symbol->integer && *value != floor(*value)))
      continue;
    const basin_place place = axis >= 0 ? axis_place[axis] : node ? node->place : sheet->place;
    return basin_fail_at(error, place, "%s is %s, expected a %s from %s to %s", symbol->name,
                         basin_exact(*value).text, symbol->integer ? "whole number" : "number",
                         basin_exact(symbol->minimum).text, basin_exact(symbol->maximum).text);
  }
  return BASIN_OK;
}

/* rows or length of a vector, which must be a whole number */
static basin_status read_size(const draft *d, int vector, int index, const char *what, int64_t *out,
                              basin_error *error) {
  const basin_model *model = d->sheet->model;
  const double size = model->size(index, d->parameter);
  *out = 1;
  if (size >= 1 && size <= 2147483648.0 && size == floor(size)) {
    *out = (int64_t)size;
    return BASIN_OK;
  }
  return basin_fail_at(error, d->sheet->vector[vector]->place,
                       "%s: its %s, %s, is %s here, expected a whole number from 1 to 2147483648",
                       d->sheet->what[vector], what,
                       index < model->parameters ? model->parameter[index].name
                                                 : model->size_text[index - model->parameters],
                       basin_exact(size).text);
}

static basin_status read_network(draft *d, basin_error *error) {
  basin_cell *cell = d->cell;
  const basin_status status = basin_network_read(d->scope, &d->sheet->network, d->vector,
                                                 cell->given, &cell->setting.gradient,
                                                 &cell->network, error);
  cell->setting.network = cell->network;
  return status;
}

static basin_status read_vectors(draft *d, basin_error *error) {
  const basin_model *model = d->sheet->model;
  basin_status status = BASIN_OK;
  if (is_network(model)) return read_network(d, error);
  for (int i = 0; i < model->teachers + model->initials && !status; i++) {
    const int teacher = i < model->teachers;
    const basin_symbol *symbol = teacher ? &model->teacher[i]
                                         : &model->initial[i - model->teachers];
    status = read_size(d, i, symbol->rows, "number of rows", &d->vector[i].rows, error);
    if (!status) status = read_size(d, i, symbol->length, "length", &d->vector[i].length, error);
    if (status) return status;
    const int named = teacher ? -1
                              : basin_symbol_find(model->teacher, model->teachers, symbol->name);
    const basin_scope_vector within = {symbol->name, 1};
    d->scope->vector = &within;
    status = basin_vector_read(d->scope, d->sheet->vector[i], d->sheet->what[i], symbol->rows >= 0,
                               !teacher || model->drawn_teachers,
                               named < 0 ? NULL : &d->vector[named], &d->vector[i],
                               &d->cell->given[i], error);
    d->scope->vector = NULL;
  }
  return status;
}

static basin_status read_stage(basin_scope *scope, const basin_node *node, int last, int64_t begun,
                               basin_stage *stage, basin_error *error) {
  const basin_model *model = scope->model;
  const char *key[BASIN_STEP_SIZES_MAX + 2] = {"steps", "eta"};
  for (int i = 0; i < model->step_sizes; i++) key[i + 2] = model->step_size[i].name;
  basin_status status = basin_scope_keys(scope, node, key, model->step_sizes + 2, "schedule",
                                         error);
  if (status) return status;

  const basin_node *steps = basin_node_get(node, "steps");
  stage->steps = INT64_MAX;
  stage->scale = 1;
  if (last && steps)
    return basin_fail_at(
        error, steps->place,
        "steps of the last stage: it lasts until stop.max_steps, leave `steps` out here");
  if (!last && !steps)
    return basin_fail_at(error, node->place,
                         "steps is missing: every stage but the last one needs a length");
  if (steps)
    status = basin_scope_integer(scope, steps, "steps", 1, BASIN_STEPS_MAX, &stage->steps, error);

  scope->stage = node;
  for (int i = 0; i < model->step_sizes && !status; i++) {
    const char *name = model->step_size[i].name;
    const basin_node *eta = basin_node_get(node, name);
    if (!eta) eta = basin_node_get(node, "eta");
    if (!eta)
      status = basin_fail_at(error, node->place,
                             "step size `%s` is missing (or give `eta` for all)", name);
    else status = basin_step_size_read(scope, eta, name, begun, i, stage, error);
  }
  scope->stage = NULL;
  return status;
}

static basin_status read_schedule(draft *d, basin_error *error) {
  const basin_node *schedule = d->sheet->schedule;
  basin_status status = BASIN_OK;
  int64_t begun = 0;
  for (int i = 0; i < schedule->count && !status; i++) {
    const int last = i == schedule->count - 1;
    status = read_stage(d->scope, schedule->child[i], last, begun, &d->stage[i], error);
    if (last || status) return status;
    if (begun + d->stage[i].steps > BASIN_STEPS_MAX)
      return basin_fail_at(error, schedule->child[i]->place,
                           "schedule: the stages up to here have over %lld steps",
                           (long long)BASIN_STEPS_MAX);
    begun += d->stage[i].steps;
  }
  return status;
}

static basin_status check_step_sizes(draft *d, basin_error *error) {
  const basin_setting *setting = &d->cell->setting;
  int64_t begun = 0;
  basin_status status = BASIN_OK;
  for (int i = 0; i < setting->stages && !status; i++) {
    status = basin_step_sizes_check(&d->stage[i], begun, setting->stop.max_steps, error);
    if (i < setting->stages - 1) begun += d->stage[i].steps;
  }
  return status;
}

/* a tolerance, which stays as it is where it is not given */
static basin_status read_tolerance(basin_scope *scope, const basin_node *node, const char *what,
                                   double *tolerance, basin_error *error) {
  if (!node) return BASIN_OK;
  const basin_status status = basin_scope_value(scope, node, what, tolerance, error);
  if (status || *tolerance > 0) return status;
  return basin_fail_at(error, node->place, "%s is %g, expected a tolerance above 0", what,
                       *tolerance);
}

/* the model's own criteria */
static basin_status read_own_stops(basin_scope *scope, const basin_node *node, basin_stop *stop,
                                   basin_error *error) {
  const basin_model *model = scope->model;
  basin_status status = BASIN_OK;
  for (int i = 0; i < model->stops && !status; i++) {
    const basin_symbol *own = &model->stop[i];
    const basin_node *value = basin_node_get(node, own->name);
    char what[64];
    snprintf(what, sizeof what, "stop.%s", own->name);
    if (value && !strcmp(own->name, "when")) stop->own[i] = 1; /* the model has the condition */
    else if (value)
      status = basin_scope_number(scope, value, what, own->minimum, own->maximum, &stop->own[i],
                                  error);
  }
  return status;
}

static basin_status read_stop(basin_scope *scope, const basin_node *node, basin_stop *stop,
                              basin_error *error) {
  const char *key[5 + BASIN_STOPS_MAX] = {"at", "at_spurious", "at_gradient", "max_steps", "when"};
  const int stops = scope->model->stops;
  *stop = (basin_stop){.max_steps = 1000000};
  if (!node) return BASIN_OK;
  for (int i = 0; i < stops; i++) key[5 + i] = scope->model->stop[i].name;
  basin_status status = basin_scope_keys(scope, node, key, 5 + stops, "stop", error);
  const basin_node *at = basin_node_get(node, "at"), *max_steps = basin_node_get(node, "max_steps"),
                   *spurious = basin_node_get(node, "at_spurious"),
                   *gradient = basin_node_get(node, "at_gradient");
  if (!status && spurious && !at)
    return basin_fail_at(error, spurious->place,
                         "stop.at_spurious goes with stop.at, which is missing");
  if (!status) status = read_tolerance(scope, at, "stop.at", &stop->tolerance, error);
  if (!status)
    status = read_tolerance(scope, spurious, "stop.at_spurious", &stop->tolerance_spurious, error);
  if (!status)
    status = read_tolerance(scope, gradient, "stop.at_gradient", &stop->tolerance_gradient, error);
  if (!status) status = read_own_stops(scope, node, stop, error);
  if (!status && max_steps)
    status = basin_scope_integer(scope, max_steps, "stop.max_steps", 1, BASIN_STEPS_MAX,
                                 &stop->max_steps, error);
  return status;
}

/* what the model says of it, and the sizes; its check points to a key like "teacher.v" */
static basin_status check_model(const basin_sheet *sheet, basin_cell *cell, basin_error *error) {
  const char *where = NULL, *why = cell->model->check(&cell->setting, &where);
  if (!why) return BASIN_OK;
  if (!strcmp(where, "gradient")) {
    const basin_node *gradient = sheet->dynamics.gradient;
    return basin_fail_at(error, gradient ? gradient->place : sheet->place, "gradient: %s", why);
  }
  if (!strcmp(where, "method")) { /* or the noise, where that is all */
    const basin_node *method = sheet->dynamics.method ? sheet->dynamics.method
                                                      : sheet->dynamics.noise;
    return basin_fail_at(error, method ? method->place : sheet->place, "method: %s", why);
  }
  if (!strcmp(where, "layers"))
    return basin_fail_at(error, sheet->network.layers->place, "layers: %s", why);
  if (!strcmp(where, "schedule"))
    return basin_fail_at(error, sheet->schedule->place, "schedule: %s", why);
  const basin_node *group = !strncmp(where, "teacher.", 8) ? sheet->teacher
                            : !strncmp(where, "stop.", 5)  ? sheet->stop
                                                           : sheet->init;
  const basin_node *node = basin_node_get(group, strchr(where, '.') + 1);
  return basin_fail_at(error, node ? node->place : group->place, "%s: %s", where, why);
}

basin_status basin_cell_read(const basin_experiment *e, const basin_sheet *sheet,
                             basin_scope *scope, const double *coordinate,
                             const basin_place *axis_place, basin_cell *cell, basin_error *error) {
  draft d = {.sheet = sheet, .scope = scope, .cell = cell};
  cell->model = sheet->model;
  cell->variant = sheet->variant;
  basin_status status = allocate(&d, error);
  if (status) return status;
  for (int a = 0; a < scope->axes; a++) d.coordinate[a] = coordinate[a];
  basin_scope_move(scope, coordinate);
  status = read_parameters(&d, axis_place, error);
  if (!status) status = read_vectors(&d, error);
  if (!status) status = read_schedule(&d, error);
  if (!status) status = read_stop(scope, sheet->stop, &cell->setting.stop, error);
  if (!status) status = check_step_sizes(&d, error);
  if (!status)
    status = basin_dynamics_read(scope, &sheet->dynamics, sheet->place, sheet->stop, &cell->setting,
                                 error);
  if (!status) status = basin_stop_when_read(scope, sheet->stop, cell, error);
  if (!status) status = basin_passages_cell(e, sheet->record, scope, cell, error);
  if (!status)
    status = basin_named_cell(&e->outcomes, &e->rules[sheet->variant < 0 ? 0 : sheet->variant],
                              scope, cell, error);
  if (!status) status = basin_scope_check(scope, sheet->schedule, error);
  if (status) return status;
  cell->identity = basin_identity_draws(e, cell);
  cell->setting.key = basin_key(e->seed, cell->identity);
  if (cell->network)
    status = basin_network_limits(&cell->setting, &sheet->network, cell->network, error);
  if (!status) status = check_model(sheet, cell, error);
  if (!status) status = basin_named_check(&e->outcomes, cell, error);
  if (!status && cell->setting.gradient.images)
    status = basin_images_check(&cell->setting, sheet->dynamics.gradient->place, error);
  return status;
}

void basin_cell_free(basin_cell *cell) {
  for (int i = 0; cell->memory && i < cell->model->teachers + cell->model->initials; i++)
    free(cell->given[i]);
  for (int i = 0; cell->memory && i < cell->setting.stages; i++)
    basin_step_sizes_free(&cell->setting.stage[i]);
  free(cell->memory);
  free(cell->level);
  free(cell->owned);
  basin_naming_free(cell->own_naming);
  free(cell->own_when);
  basin_network_free(cell->network);
}
