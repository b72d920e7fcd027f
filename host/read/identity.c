/* SPDX-License-Identifier: MIT */
#include "read/identity.h"
#include "base/hash.h"
#include "model/registry.h"
#include "read/named.h"
#include "seam/condition.h"
#include "seam/layers.h"
#include <string.h>

/* ---- of the draws ---- */

static uint64_t hash_value(const char *name, double value) {
  const double canonical = value + 0.0; /* -0 is 0 */
  return basin_hash(basin_hash_text(0, name), &canonical, sizeof canonical);
}

/* a sum of hashes, so that the order of the parameters does not matter */
uint64_t basin_identity_draws(const basin_experiment *e, const basin_cell *cell) {
  const basin_model *model = cell->model;
  uint64_t sum = basin_hash_text(1, model->name);
  if (cell->variant >= 0 && !e->same_draw_variant)
    sum += basin_hash_text(2, e->variant[cell->variant]);
  for (int i = 0; i < model->parameters; i++) {
    const char *name = model->parameter[i].name;
    int shared = 0;
    for (int a = 0; a < e->axes; a++) shared |= e->same_draw[a] && !strcmp(e->axis[a], name);
    if (!shared) sum += hash_value(name, cell->setting.parameter[i]);
  }
  for (int a = 0; a < e->axes; a++)
    if (!e->same_draw[a] && basin_symbol_find(model->parameter, model->parameters, e->axis[a]) < 0)
      sum += hash_value(e->axis[a], cell->coordinate[a]);
  return basin_mix(sum);
}

/* ---- of a setting ---- */

/* Numbers that are hashed: an enumeration may grow, and keeps those that it has. */
_Static_assert(BASIN_GIVEN == 0 && BASIN_BALL == 1 && BASIN_SPHERE == 2 && BASIN_NORMAL == 3 &&
                   BASIN_UNIFORM == 4,
               "never renumbered");

/* Kinds of dynamics have names; the first ones had numbers, and are hashed as those for ever. */
static int64_t number_of(const char *dynamics) {
  static const char *const numbered[] = {"population", "flow",    "direct",
                                         "projected",  "dataset", "mixed"};
  const int count = (int)(sizeof numbered / sizeof *numbered);
  for (int i = 0; i < count; i++)
    if (!strcmp(dynamics, numbered[i])) return i;
  return (int64_t)basin_hash_text(3, dynamics);
}

typedef struct hasher {
  const basin_experiment *experiment;
  const basin_cell *cell;
  uint64_t hash;
  int64_t word[4]; /* whole numbers that are hashed together */
  int words;
  size_t entries; /* of the vector being hashed */
} hasher;

static void hash_bytes(hasher *h, const void *bytes, size_t size) {
  h->hash = basin_hash(h->hash, bytes, size);
}
static void hash_real(hasher *h, double x) { hash_bytes(h, &x, sizeof x); }
/* of draws around a number, and of noise, alone: they came later */
static void hash_added(hasher *h, double x) {
  if (x != 0) hash_real(h, x);
}
static void hash_flag(hasher *h, int x) { hash_bytes(h, &x, sizeof x); }
static void hash_whole(hasher *h, int64_t x) { hash_bytes(h, &x, sizeof x); }

/* one of several whole numbers, hashed with the last of them */
static void hash_more(hasher *h, int64_t x) { h->word[h->words++] = x; }
static void hash_last(hasher *h, int64_t x) {
  hash_more(h, x);
  hash_bytes(h, h->word, (size_t)h->words * sizeof *h->word);
  h->words = 0;
}

/* of data sets alone: added when they came, so that what was there before keeps its identity */
static int is_data_set(const hasher *h) { return h->cell->setting.gradient.set_size > 0; }

/* of dynamics that have options alone, likewise */
static void hash_options(hasher *h, const double *option) {
  const basin_setting *setting = &h->cell->setting;
  int options = 0;
  for (int i = 0; i < h->cell->model->options; i++)
    options += !strcmp(h->cell->model->option[i].of, setting->gradient.dynamics);
  if (options) hash_bytes(h, option, (size_t)options * sizeof *option);
}
/* of methods that a kind takes alone, likewise */
static void hash_method(hasher *h, int method) {
  if (!method) return;
  hash_flag(h, method);
  hash_bytes(h, h->cell->setting.gradient.option, sizeof h->cell->setting.gradient.option);
}
/* of models that have criteria of their own, likewise */
static void hash_own(hasher *h, const double *own) {
  const int stops = h->cell->model->stops;
  if (stops) hash_bytes(h, own, (size_t)stops * sizeof *own);
}
static void hash_dynamics(hasher *h, const char *dynamics) { hash_more(h, number_of(dynamics)); }
/* of another law than the model's own alone, likewise */
static void hash_law(hasher *h, basin_input_law law) {
  if (law.kind == BASIN_LAW_OWN) return;
  hash_whole(h, law.kind);
  hash_real(h, law.degrees);
}
/* of images alone, likewise */
static void hash_images(hasher *h, const basin_images *images) {
  if (images) hash_bytes(h, &images->checksum, sizeof images->checksum);
}
static void hash_patch(hasher *h, int64_t x) {
  if (h->cell->setting.gradient.images) hash_whole(h, x);
}
static void hash_set_more(hasher *h, int64_t x) {
  if (is_data_set(h)) hash_more(h, x);
}
static void hash_set_last(hasher *h, int64_t x) {
  if (is_data_set(h)) hash_last(h, x);
}
static void hash_set_real(hasher *h, double x) {
  if (is_data_set(h)) hash_real(h, x);
  else if (h->cell->model->at_gradient || h->cell->model->outcomes & BASIN_CAN(BASIN_SADDLE))
    hash_added(h, x); /* likewise */
}

/* of cells that have a condition alone, likewise: its observables by their names */
static void hash_when(hasher *h, const basin_condition *when) {
  for (int64_t i = 0; when && i < when->count; i++) {
    const basin_condition_step *step = &when->step[i];
    hash_more(h, step->operation);
    hash_last(h, step->side);
    if (step->operation == BASIN_CONDITION_OBSERVABLE)
      h->hash = basin_hash_text(h->hash, basin_observable(h->cell, (int)step->observable)->name);
    hash_real(h, step->number);
  }
}

static void hash_key(hasher *h, uint64_t key) {
  hash_bytes(h, &key, sizeof key);
  hash_bytes(h, h->cell->coordinate, (size_t)h->experiment->axes * sizeof(double));
}
static void hash_parameters(hasher *h, const double *parameter) {
  hash_bytes(h, parameter, (size_t)h->cell->model->parameters * sizeof *parameter);
}

/* ROW(structure, field, how): every field of a cell's setting, in the order in which they are hashed. What a field is
   hashed as, or that it is not, stands here and nowhere else. */
#define VECTOR_FIELDS(ROW)    \
  ROW(vector, source, more)   \
  ROW(vector, rows, more)     \
  ROW(vector, length, last)   \
  ROW(vector, scale, real)    \
  ROW(vector, value, entries) \
  ROW(vector, offset, added)
#define STAGE_FIELDS(ROW)     \
  ROW(stage, steps, whole)    \
  ROW(stage, eta, step_sizes) \
  ROW(stage, moving, moving)  \
  ROW(stage, scale, nothing) /* 1 in a cell */
#define SETTING_FIELDS(ROW)               \
  ROW(setting, key, key)                  \
  ROW(setting, parameter, parameters)     \
  ROW(setting, teacher, teachers)         \
  ROW(setting, initial, initials)         \
  ROW(setting, stages, nothing)           \
  ROW(setting, stage, stages)             \
  ROW(setting, stop, nothing)             \
  ROW(stop, tolerance, real)              \
  ROW(stop, tolerance_spurious, real)     \
  ROW(setting, gradient, nothing)         \
  ROW(gradient, dynamics, dynamics)       \
  ROW(gradient, inputs, last)             \
  ROW(gradient, error, real)              \
  ROW(gradient, option, options)          \
  ROW(gradient, method, method)           \
  ROW(gradient, noise, added)             \
  ROW(gradient, set_size, set_more)       \
  ROW(gradient, batch, set_more)          \
  ROW(gradient, set, set_last)            \
  ROW(gradient, law, law)                 \
  ROW(gradient, images, images)           \
  ROW(gradient, patch_size, patch)        \
  ROW(gradient, patch_stride, patch)      \
  ROW(stop, tolerance_gradient, set_real) \
  ROW(stop, own, own)                     \
  ROW(setting, network, network)          \
  ROW(setting, halve, flag)               \
  ROW(stop, max_steps, whole)             \
  ROW(stop, when, when)                   \
  ROW(setting, size, nothing) /* follows from the rest */

/* The compiler complains of a field that is missing in these lists, and of one that is in them and not in a table. */
#define NAME(structure, field, how) HAS_##structure##_##field,
enum { VECTOR_FIELDS(NAME) STAGE_FIELDS(NAME) SETTING_FIELDS(NAME) };
#define NUMBER(name) (0 * HAS_##name)
#define POINTER(name) (HAS_##name ? NULL : NULL)
#define COMPLETE(type, ...) _Static_assert(sizeof((type){__VA_ARGS__}) == sizeof(type), #type)
COMPLETE(basin_vector, NUMBER(vector_source), NUMBER(vector_rows), NUMBER(vector_length),
         NUMBER(vector_scale), POINTER(vector_value), NUMBER(vector_offset));
COMPLETE(basin_stage, NUMBER(stage_steps), {NUMBER(stage_eta)}, {POINTER(stage_moving)},
         NUMBER(stage_scale));
#define STOP                                                                                \
  NUMBER(stop_tolerance), NUMBER(stop_tolerance_spurious), NUMBER(stop_tolerance_gradient), \
      {NUMBER(stop_own)}, NUMBER(stop_max_steps), POINTER(stop_when)
#define GRADIENT                                                                            \
  POINTER(gradient_dynamics), NUMBER(gradient_inputs), NUMBER(gradient_set_size),           \
      NUMBER(gradient_batch), NUMBER(gradient_set), {NUMBER(gradient_law), 0},              \
      POINTER(gradient_images), NUMBER(gradient_patch_size), NUMBER(gradient_patch_stride), \
      NUMBER(gradient_error), {NUMBER(gradient_option)}, NUMBER(gradient_method),           \
      NUMBER(gradient_noise)
COMPLETE(basin_stop, STOP);
COMPLETE(basin_gradient, GRADIENT);
COMPLETE(basin_setting, POINTER(setting_parameter), POINTER(setting_teacher),
         POINTER(setting_initial), POINTER(setting_stage), NUMBER(setting_stages), {STOP},
         {GRADIENT}, POINTER(setting_network), NUMBER(setting_halve), NUMBER(setting_key),
         {NUMBER(setting_size), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});

/* ---- the rows, hashed ---- */

#define HASH(structure, field, how) hash_##how(h, structure->field);
#define hash_nothing(h, x) \
  ((void)(x)) /* its own fields are, or its number is that of what is hashed */

static void hash_entries(hasher *h, const double *value) {
  if (value) hash_bytes(h, value, h->entries * sizeof *value);
}

static void hash_vectors(hasher *h, const basin_vector *vector, int vectors) {
  for (const basin_vector *end = vector + vectors; vector < end; vector++) {
    h->entries = (size_t)basin_vector_size(vector);
    VECTOR_FIELDS(HASH)
  }
}
static void hash_teachers(hasher *h, const basin_vector *vector) {
  hash_vectors(h, vector, h->cell->model->teachers);
}
static void hash_initials(hasher *h, const basin_vector *vector) {
  hash_vectors(h, vector, h->cell->model->initials);
}

static void hash_step_sizes(hasher *h, const double *eta) {
  const int count = h->cell->model->step_sizes;
  int falling = 0;
  for (int i = 0; i < count; i++) falling |= eta[BASIN_DECAY + i] > 0;
  hash_bytes(h, eta, (size_t)count * sizeof *eta);
  if (falling) hash_bytes(h, eta + BASIN_DECAY, (size_t)count * sizeof *eta); /* they came later */
}
/* what those are that move: these came later, too */
static void hash_moving(hasher *h, const basin_moving *const *moving) {
  for (int i = 0; i < h->cell->model->step_sizes; i++) {
    if (!moving[i]) continue;
    hash_flag(h, i);
    h->hash = basin_hash_text(h->hash, moving[i]->text);
  }
}
static void hash_stages(hasher *h, const basin_stage *stage) {
  for (const basin_stage *end = stage + h->cell->setting.stages; stage < end; stage++) {
    STAGE_FIELDS(HASH)
  }
}

static void hash_layers(hasher *h, const basin_network *network) {
  for (int i = 0; i < network->layers; i++) {
    const basin_network_layer *layer = &network->layer[i];
    hash_bytes(h,
               &(int64_t[6]){layer->out, layer->in, layer->pixels, layer->patch, layer->activation,
                             2 * layer->trained + layer->skip},
               6 * sizeof(int64_t));
    hash_bytes(h, &(double[2]){layer->scale, layer->slope}, 2 * sizeof(double));
    if (layer->coordinates) hash_bytes(h, &layer->coordinates, sizeof layer->coordinates);
  }
}
/* of the model `network` alone, which came later */
static void hash_network(hasher *h, const basin_network *network) {
  if (!network) return;
  const basin_network_data *data = &network->data;
  hash_layers(h, network);
  hash_bytes(h,
             &(int64_t[5]){network->channels, network->pixels, network->labels,
                           (int64_t)data->inputs, (int64_t)data->labels},
             5 * sizeof(int64_t));
  hash_bytes(h, &(double[2]){network->loss_weight, data->label_scale}, 2 * sizeof(double));
  hash_bytes(h, data->singular, (size_t)data->rank * sizeof *data->singular);
  hash_bytes(h, &data->checksum, sizeof data->checksum);
  if (network->blas) hash_bytes(h, &network->blas, sizeof network->blas);
  if (!data->teacher) return;
  hash_layers(h, data->teacher);
  hash_vectors(h, data->weights, data->teacher->layers);
}

/* how its trials' ends are named, where they are: this came later. The texts, and the numbers that they mean. */
static void hash_naming(hasher *h) {
  const basin_naming *naming = h->cell->naming;
  if (!naming) return;
  h->hash = basin_hash_text(h->hash, "outcomes");
  for (int i = 0; i < naming->rules->count; i++) {
    const basin_outcome_rule *rule = &naming->rules->rule[i];
    const basin_outcomes *outcomes = &h->experiment->outcomes;
    h->hash = basin_hash_text(h->hash, basin_outcomes_name(outcomes, rule->outcome));
    hash_more(h, rule->outcome);
    hash_more(h, basin_outcomes_succeeds(outcomes, rule->outcome) != 0);
    hash_last(h, rule->near);
    h->hash = basin_hash_text(h->hash, rule->when ? rule->when : "");
    for (int s = 0; s < rule->symbols; s++) hash_flag(h, rule->symbol[s].is_observable);
  }
  hash_bytes(h, naming->number, (size_t)naming->numbers * sizeof *naming->number);
}

/* how points of rest are grouped, likewise */
static void hash_discover(hasher *h) {
  const basin_cell *cell = h->cell;
  const basin_discover *d = cell->discover;
  if (!d) return;
  h->hash = basin_hash_text(h->hash, "discover");
  for (int i = 0; i < d->count; i++) h->hash = basin_hash_text(h->hash, d->by[i].name);
  hash_flag(h, (int)d->up_to);
  hash_real(h, cell->within);
  hash_real(h, cell->match);
}

static uint64_t hash_cell(uint64_t hash, const basin_experiment *e, const basin_cell *cell) {
  const basin_setting *setting = &cell->setting;
  const basin_stop *stop = &setting->stop;
  const basin_gradient *gradient = &setting->gradient;
  hasher hashing = {.experiment = e, .cell = cell}, *h = &hashing;
  h->hash = basin_hash_text(hash, cell->model->name);
  if (cell->model->content) /* not of the build: the formulas may change under its name */
    hash_bytes(h, &cell->model->content, sizeof cell->model->content);
  SETTING_FIELDS(HASH)
  hash_naming(h);
  hash_discover(h);
  return h->hash;
}

uint64_t basin_identity_trials(const basin_experiment *e, const basin_cell *cell) {
  basin_experiment nowhere = *e;
  nowhere.axes =
      0; /* so that the coordinates are left out: they are in the key, where they matter */
  return hash_cell(0, &nowhere, cell);
}

/* ---- of the whole ---- */

static uint64_t hash_names(uint64_t hash, char *const *name, int names) {
  for (int i = 0; i < names; i++) hash = basin_hash_text(hash, name[i]);
  return hash;
}

/* which points are added, and what the numbers of cells stand for, follows from these */
static uint64_t hash_refine(uint64_t hash, const basin_experiment *e) {
  const basin_refine *r = &e->refine;
  hash = basin_hash_text(basin_hash_text(hash, "refine 1"), e->axis[r->axis]);
  hash = basin_hash(hash, &(double[2]){r->to, r->where}, 2 * sizeof(double));
  return basin_hash(hash, &(int64_t[4]){r->relative, r->whole, r->max_trials, e->trials},
                    4 * sizeof(int64_t));
}

/* which passages are kept; of experiments that keep any */
static uint64_t hash_passages(uint64_t hash, const basin_experiment *e) {
  hash = basin_hash_text(hash, "passages");
  for (int i = 0; i < e->ladders; i++) {
    const struct basin_named_ladder *l = &e->ladder[i];
    hash = basin_hash_text(hash, l->observable);
    hash = basin_hash(hash, &(int64_t[2]){l->above, l->count}, 2 * sizeof(int64_t));
  }
  for (int64_t c = 0; c < e->grid_cells; c++)
    for (int i = 0; i < e->passages; i++)
      if (e->cell[c].passage[i].observable >= 0)
        hash = basin_hash(hash, &e->cell[c].passage[i].level, sizeof(double));
  return hash;
}

uint64_t basin_identity(const basin_experiment *e) {
  uint64_t hash = basin_hash_text(0, "basin experiment 1");
  hash = hash_names(hash, e->axis, e->axes);
  hash = hash_names(hash, e->variant, e->variants);
  for (int64_t i = 0; i < e->grid_cells; i++) hash = hash_cell(hash, e, &e->cell[i]);
  hash = basin_hash(hash, &(int64_t[3]){e->recorded, e->times, e->keep_vectors},
                    3 * sizeof(int64_t));
  hash = basin_hash(hash, e->time, (size_t)e->times * sizeof *e->time);
  hash = hash_names(hash, e->observable, e->observables);
  hash = basin_hash_text(hash, "final");
  hash = hash_names(hash, e->final, e->finals);
  if (e->inputs) hash = basin_hash(basin_hash_text(hash, "estimate"), &e->inputs, sizeof e->inputs);
  if (e->passages) hash = hash_passages(hash, e);
  if (e->limit) hash = basin_hash_text(hash, "limit");
  if (e->refine.asked) hash = hash_refine(hash, e);
  return hash;
}
