/* SPDX-License-Identifier: MIT */
#include "read/network_model.h"
#include "base/text.h"
#include "models/network/network_table.h"
#include "model/network_inputs.h"
#include "network/cell_limit.h"
#include "network/gaussian.h"
#include "read/network_data.h"
#include "read/vector.h"
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))
enum { UNITS_MAX = 1 << 24, WEIGHTS_MAX = 1 << 30, NAME_BYTES = 48 };

static const char *const activations[BASIN_ACTIVATIONS] = {
#define WORD(NAME, word) [BASIN_##NAME] = #word,
    BASIN_ACTIVATION_TABLE(WORD)
#undef WORD
};

/* ---- one layer ---- */

static basin_status unknown_activation(const basin_node *node, const char *what, const char *word,
                                       basin_error *error) {
  const char *near = basin_nearest(word, activations, LENGTH(activations));
  return basin_fail_at(error, node->place,
                       "%s: unknown activation `%s`%s%s%s, expected identity, relu, {leaky: s}, "
                       "softplus, erf or tanh",
                       what, word, near ? ", did you mean `" : "", near ? near : "",
                       near ? "`?" : "");
}

static basin_status read_activation(basin_scope *scope, const basin_node *node, const char *what,
                                    basin_network_layer *layer, basin_error *error) {
  static const char *const keys[] = {"leaky"};
  if (!node) return BASIN_OK;
  if (node->kind == BASIN_MAPPING) {
    const basin_status status = basin_scope_keys(scope, node, keys, 1, what, error);
    if (status) return status;
    const basin_node *slope = basin_node_get(node, "leaky");
    layer->activation = BASIN_LEAKY;
    if (slope) return basin_scope_number(scope, slope, what, -1e6, 1e6, &layer->slope, error);
  }
  const char *word = node->kind == BASIN_SCALAR ? node->text : "";
  for (int i = 0; i < BASIN_ACTIVATIONS; i++)
    if (i != BASIN_LEAKY && !strcmp(word, activations[i])) {
      layer->activation = i;
      return BASIN_OK;
    }
  if (!strcmp(word, "leaky"))
    return basin_fail_at(error, node->place,
                         "%s: expected {leaky: s}, s being the slope where z < 0", what);
  return unknown_activation(node, what, word, error);
}

static basin_status read_flag(const basin_node *node, const char *what, int *flag,
                              basin_error *error) {
  if (!node) return BASIN_OK;
  const char *word = node->kind == BASIN_SCALAR ? node->text : "";
  *flag = !strcmp(word, "true");
  if (*flag || !strcmp(word, "false")) return BASIN_OK;
  return basin_fail_at(error, node->place, "%s: expected true or false", what);
}

/* coordinates: weights, or inputs; of the first layer */
static basin_status read_coordinates(const basin_node *node, const char *what, int number,
                                     basin_network_layer *layer, basin_error *error) {
  if (!node) return BASIN_OK;
  const char *word = node->kind == BASIN_SCALAR ? node->text : "";
  if (number > 1)
    return basin_fail_at(error, node->place, "%s: coordinates goes with the first layer alone",
                         what);
  if (!strcmp(word, "inputs")) layer->coordinates = BASIN_COORDINATES_INPUTS;
  else if (!strcmp(word, "weights")) layer->coordinates = BASIN_COORDINATES_WEIGHTS;
  else
    return basin_fail_at(error, node->place,
                         "%s: coordinates: expected weights or inputs; left out, it is what is "
                         "faster",
                         what);
  return BASIN_OK;
}

/* dense: m, or conv: {channels: m, patch: q} */
static basin_status read_shape(basin_scope *scope, const basin_node *node, const char *what,
                               int64_t channels, int64_t pixels, basin_network_layer *layer,
                               basin_error *error) {
  static const char *const keys[] = {"channels", "patch"};
  const basin_node *dense = basin_node_get(node, "dense"), *conv = basin_node_get(node, "conv");
  if ((dense != NULL) == (conv != NULL))
    return basin_fail_at(error, node->place, "%s: expected one of dense, conv", what);
  layer->patch = layer->pixels = 1;
  if (dense) {
    layer->in = channels * pixels;
    return basin_scope_integer(scope, dense, what, 1, UNITS_MAX, &layer->out, error);
  }
  layer->in = channels;
  layer->pixels = pixels;
  basin_status status = basin_scope_keys(scope, conv, keys, LENGTH(keys), what, error);
  const basin_node *out = basin_node_get(conv, "channels"), *patch = basin_node_get(conv, "patch");
  if (!status && (!out || !patch))
    return basin_fail_at(error, conv->place, "%s: expected conv: {channels: m, patch: q}", what);
  if (!status) status = basin_scope_integer(scope, out, what, 1, UNITS_MAX, &layer->out, error);
  if (!status) status = basin_scope_integer(scope, patch, what, 1, 1 << 20, &layer->patch, error);
  if (status || layer->patch % 2) return status;
  return basin_fail_at(error, patch->place,
                       "%s: a patch of %lld pixels has no middle, expected an odd number", what,
                       (long long)layer->patch);
}

static basin_status check_skip(const basin_node *node, const char *what, int first,
                               int64_t channels, int64_t pixels, const basin_network_layer *layer,
                               basin_error *error) {
  if (!layer->skip) return BASIN_OK;
  if (first)
    return basin_fail_at(error, node->place,
                         "%s: skip: the first layer has no activations below it to be added", what);
  if (layer->out == channels && layer->pixels == pixels) return BASIN_OK;
  return basin_fail_at(error, node->place,
                       "%s: skip: below it are %lld x %lld numbers, and it makes %lld x %lld", what,
                       (long long)channels, (long long)pixels, (long long)layer->out,
                       (long long)layer->pixels);
}

/* its weights, of that name: as an initial matrix, or a word */
static basin_status read_weights(basin_scope *scope, const basin_node *node, const char *what,
                                 const char *name, const basin_network_layer *layer,
                                 basin_vector *weights, double **given, basin_error *error) {
  static const char *const words[] = {"sign", "zero"};
  const char *word = node && node->kind == BASIN_SCALAR ? node->text : "";
  weights->rows = layer->out;
  weights->length = layer->in * layer->patch;
  weights->source = BASIN_NORMAL;
  weights->scale = 1;
  if (!node) return BASIN_OK;
  if (!strcmp(word, "zero")) {
    weights->scale = 0;
    return BASIN_OK;
  }
  if (!strcmp(word, "sign")) {
    weights->source = BASIN_SIGN;
    return BASIN_OK;
  }
  const basin_scope_vector within = {name, layer->patch};
  basin_status status = basin_vector_check_word(scope, node, what, words, LENGTH(words), error);
  scope->vector = &within;
  if (!status) status = basin_vector_read(scope, node, what, 1, 1, NULL, weights, given, error);
  scope->vector = NULL;
  return status;
}

static basin_status read_layer(basin_scope *scope, const basin_node *node, const char *what,
                               int number, int layers, int64_t channels, int64_t pixels,
                               basin_network_layer *layer, basin_vector *weights, double **given,
                               basin_error *error) {
  static const char *const keys[] = {"dense", "conv", "activation", "scale",
                                     "skip",  "init", "train",      "coordinates"};
  char name[NAME_BYTES + 16], weights_name[16];
  layer->scale = 1;
  layer->trained = 1;
  snprintf(name, sizeof name, "%.32s.%d", what, number);
  snprintf(weights_name, sizeof weights_name, "W_%d", number);
  basin_status status = basin_scope_keys(scope, node, keys, LENGTH(keys), name, error);
  if (!status) status = read_shape(scope, node, name, channels, pixels, layer, error);
  if (!status)
    status = read_activation(scope, basin_node_get(node, "activation"), name, layer, error);
  if (!status) status = read_flag(basin_node_get(node, "skip"), name, &layer->skip, error);
  if (!status) status = read_flag(basin_node_get(node, "train"), name, &layer->trained, error);
  if (!status)
    status = read_coordinates(basin_node_get(node, "coordinates"), name, number, layer, error);
  if (!status)
    status = check_skip(basin_node_get(node, "skip"), name, number == 1, channels, pixels, layer,
                        error);
  if (status) return status;
  if ((double)layer->out * (double)layer->in * (double)layer->patch > WEIGHTS_MAX)
    return basin_fail_at(error, node->place, "%s: it has over %d weights", name, WEIGHTS_MAX);
  const basin_node *scale = basin_node_get(node, "scale");
  const basin_scope_layer within = {layers - 1, layer->activation,
                                    basin_node_get(basin_node_get(node, "activation"), "leaky")};
  scope->layer = &within;
  if (scale) status = basin_scope_value(scope, scale, name, &layer->scale, error);
  if (!status)
    status = read_weights(scope, basin_node_get(node, "init"), name, weights_name, layer, weights,
                          given, error);
  scope->layer = NULL;
  return status;
}

basin_status basin_network_layers_read(basin_scope *scope, const basin_node *list, const char *what,
                                       int64_t channels, int64_t pixels, basin_network_layers *out,
                                       basin_error *error) {
  *out = (basin_network_layers){0};
  if (list->kind != BASIN_SEQUENCE || list->count < 1 || list->count > BASIN_LAYERS_MAX)
    return basin_fail_at(error, list->place, "%s: expected a list of 1 to %d layers", what,
                         BASIN_LAYERS_MAX);
  const size_t count = (size_t)list->count;
  out->layer = calloc(count, sizeof *out->layer);
  out->weights = calloc(count, sizeof *out->weights);
  out->given = calloc(count, sizeof *out->given);
  if (!out->layer || !out->weights || !out->given) return basin_fail_memory(error);
  out->count = list->count;
  basin_status status = BASIN_OK;
  for (int h = 0; h < list->count && !status; h++) {
    basin_network_layer *layer = &out->layer[h];
    status = read_layer(scope, list->child[h], what, h + 1, list->count, channels, pixels, layer,
                        &out->weights[h], &out->given[h], error);
    channels = layer->out;
    pixels = layer->pixels;
  }
  return status;
}

void basin_network_layers_free(basin_network_layers *layers) {
  for (int h = 0; layers->given && h < layers->count; h++) free(layers->given[h]);
  free(layers->given);
  free(layers->weights);
  free(layers->layer);
  *layers = (basin_network_layers){0};
}

/* ---- the model ---- */

/* One that was made, with the memory of its tables. */
typedef struct made {
  basin_model model;
  struct made *next;
  basin_symbol *symbol; /* parameters, initials, observables */
  char (*name)[NAME_BYTES];
} made;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static made *all;

static double size_of(int index, const double *parameter) {
  (void)parameter; /* of matrices of weights: the network says it (cell.c) */
  return index < 0 ? 1 : 0;
}

/* whether a model has these layers and parameters */
static int is_like(const basin_model *model, int layers, const basin_node *parameters) {
  const int count = parameters ? parameters->count : 0;
  if (model->initials != layers || model->parameters != count) return 0;
  for (int i = 0; i < count; i++)
    if (strcmp(model->parameter[i].name, parameters->key[i]) != 0) return 0;
  return 1;
}

static made *create(const basin_model *build, int layers, const basin_node *parameters) {
  const int count = parameters ? parameters->count : 0, of_layer = build->layer_observables,
            observables = build->observables + layers * of_layer;
  const size_t symbols = (size_t)(count + layers + observables);
  made *m = calloc(1, sizeof *m);
  if (!m) return NULL;
  m->symbol = calloc(symbols, sizeof *m->symbol);
  m->name = calloc(symbols, sizeof *m->name);
  if (!m->symbol || !m->name) {
    free(m->symbol);
    free(m->name);
    free(m);
    return NULL;
  }
  for (size_t i = 0; i < symbols; i++) m->symbol[i].name = m->name[i];
  basin_symbol *at = m->symbol;
  m->model = *build;
  m->model.parameter = at;
  m->model.parameters = count;
  for (int i = 0; i < count; i++, at++) {
    snprintf(m->name[at - m->symbol], NAME_BYTES, "%s", parameters->key[i]);
    at->unit = "1";
    at->meaning = "a parameter of the experiment's layers and data";
    at->minimum = -INFINITY;
    at->maximum = INFINITY;
  }
  m->model.initial = at;
  m->model.initials = layers;
  for (int h = 0; h < layers; h++, at++) {
    snprintf(m->name[at - m->symbol], NAME_BYTES, "W_%d", h + 1);
    at->unit = "1";
    at->meaning = "weights of a layer, [out][in][patch]";
    at->rows = at->length = 0;
  }
  m->model.observable = at;
  m->model.observables = observables;
  for (int i = 0; i < build->observables; i++, at++) {
    snprintf(m->name[at - m->symbol], NAME_BYTES, "%s", build->observable[i].name);
    at->unit = build->observable[i].unit;
    at->meaning = build->observable[i].meaning;
  }
  for (int i = 0; i < layers * of_layer; i++, at++) {
    const basin_symbol *of = &build->layer_observable[i % of_layer];
    snprintf(m->name[at - m->symbol], NAME_BYTES, "%.32s_%d", of->name, i / of_layer + 1);
    at->unit = of->unit;
    at->meaning = of->meaning;
  }
  m->model.size = size_of;
  return m;
}

/* names of the file's own must not hide those that the scale of a layer knows */
basin_status basin_network_check_name(const char *name, const char *what, basin_place place,
                                      basin_error *error) {
  const int is_known = !strcmp(name, "H") || !strcmp(name, "c_sigma");
  return is_known ? basin_fail_at(error, place,
                                  "%s: `%s` is what the scale of a layer knows by that name, %s: "
                                  "take another one",
                                  what, name,
                                  *name == 'H' ? "the number of layers but the last"
                                               : "1/E sigma(z)^2 of its activation")
                  : BASIN_OK;
}

static basin_status check_names(const basin_node *names, const char *what, basin_error *error) {
  basin_status status = BASIN_OK;
  for (int i = 0; names && i < names->count && !status; i++)
    status = basin_network_check_name(names->key[i], what, names->key_place[i], error);
  return status;
}

static basin_status check_parameters(const basin_node *parameters, basin_error *error) {
  for (int i = 0; parameters && i < parameters->count; i++)
    if (!basin_is_name(parameters->key[i]) || strlen(parameters->key[i]) >= NAME_BYTES)
      return basin_fail_at(error, parameters->key_place[i], "parameters: `%s` cannot be a name",
                           parameters->key[i]);
  return check_names(parameters, "parameters", error);
}

basin_status basin_network_model(const basin_model *build, const basin_network_keys *keys,
                                 const basin_node *parameters, const basin_model **model,
                                 basin_error *error) {
  const basin_node *list = keys->layers;
  if (list && (list->kind != BASIN_SEQUENCE || !list->count || list->count > BASIN_LAYERS_MAX))
    return basin_fail_at(error, list->place, "layers: expected a list of 1 to %d layers",
                         BASIN_LAYERS_MAX);
  basin_status status = check_parameters(parameters, error);
  if (!status) status = check_names(keys->define, "define", error);
  if (status) return status;
  pthread_mutex_lock(&lock);
  made *m = all;
  while (m && !is_like(&m->model, list ? list->count : 0, parameters)) m = m->next;
  if (!m && (m = create(build, list ? list->count : 0, parameters))) {
    m->next = all;
    all = m;
  }
  pthread_mutex_unlock(&lock);
  if (!m) return basin_fail_memory(error);
  *model = &m->model;
  return BASIN_OK;
}

/* ---- what is asked of the trials ---- */

/* the groups of the names in an expression or a list of observables: `distance_2` belongs to that of `distance` */
static const uint64_t everything = ~(uint64_t)NETWORK_NAMED; /* that are to be named */

static uint64_t groups_of_text(const char *text) {
  static const struct group {
    const char *name;
    uint64_t bit;
  } groups[] = {
#define ROW(name, group) {#name, group},
      NETWORK_GROUPS(ROW)
#undef ROW
  };
  uint64_t all = 0;
  for (const char *at = text; *at; at++) {
    if (at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '_')) continue;
    size_t length = 0;
    while (isalnum((unsigned char)at[length]) || at[length] == '_') length++;
    const size_t whole = length;
    while (length && isdigit((unsigned char)at[length - 1])) length--;
    if (length < whole && length && at[length - 1] == '_') length--;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
      if (strlen(groups[i].name) == length && !strncmp(groups[i].name, at, length))
        all |= groups[i].bit;
    if (whole == 3 && !strncmp(at, "all", 3)) all |= everything;
  }
  return all;
}

static uint64_t groups_of(const basin_node *node) {
  uint64_t all = 0;
  if (!node) return 0;
  if (node->kind == BASIN_SCALAR) return groups_of_text(node->text);
  for (int i = 0; i < node->count; i++) {
    if (node->kind == BASIN_MAPPING) all |= groups_of_text(node->key[i]);
    all |= groups_of(node->child[i]);
  }
  return all;
}

/* of all that an experiment asks; without a list of its own a trajectory, where there is one, has everything */
static uint64_t wanted(const basin_network_keys *keys) {
  const basin_node *trials = basin_node_get(keys->record, "trials");
  const int none = !trials || (trials->kind == BASIN_SCALAR && !strcmp(trials->text, "0")),
            all = !none && !basin_node_get(keys->record, "observables");
  return (all ? everything : 0) | groups_of(keys->record) | groups_of(keys->stop) |
         groups_of(keys->outcomes);
}

/* ---- of one cell ---- */

static basin_status read_loss(const basin_node *node, int64_t n, double *weight,
                              basin_error *error) {
  const char *word = node ? node->kind == BASIN_SCALAR ? node->text : "" : "sum";
  *weight = 0.5;
  if (!strcmp(word, "sum")) return BASIN_OK;
  *weight = 0.5 / (double)n;
  if (!strcmp(word, "mean")) return BASIN_OK;
  return basin_fail_at(error, node->place,
                       "loss: expected sum, 1/2 sum_i |u_i - y_i|^2, or mean, 1/(2n) of that sum");
}

static basin_status read_products(const basin_node *node, int *blas, basin_error *error) {
  const char *word = node ? node->kind == BASIN_SCALAR ? node->text : "" : "exact";
  *blas = !strcmp(word, "blas");
  if (*blas || !strcmp(word, "exact")) return BASIN_OK;
  return basin_fail_at(error, node->place,
                       "products: expected exact, the same bits everywhere, or blas, those of the "
                       "machine's BLAS");
}

basin_status basin_network_read(basin_scope *scope, const basin_network_keys *keys,
                                basin_vector *vector, double **given, basin_gradient *gradient,
                                basin_network **network, basin_error *error) {
  basin_network_layers layers = {0};
  basin_network *net = *network = calloc(1, sizeof *net);
  if (!net || !(net->modes = basin_cell_modes_new())) return basin_fail_memory(error);
  basin_status status = basin_network_data_read(scope, keys->data, net, gradient, error);
  if (!status)
    status = basin_network_layers_read(scope, keys->layers, "layers", net->channels, net->pixels,
                                       &layers, error);
  net->layers = layers.count;
  net->layer = layers.layer;
  layers.layer = NULL;
  for (int h = 0; !status && h < net->layers; h++) {
    vector[h] = layers.weights[h];
    given[h] = layers.given[h];
    layers.given[h] = NULL;
  }
  if (!status) status = basin_network_data_fit(keys->data, net, error);
  if (!status) status = read_loss(keys->loss, gradient->set_size, &net->loss_weight, error);
  if (!status) status = read_products(keys->products, &net->blas, error);
  basin_network_layers_free(&layers);
  net->draw = basin_network_inputs;
  net->lambda_0 = basin_cell_lambda;
  net->gram = basin_cell_gram;
  net->wanted = wanted(keys);
  return status;
}

basin_status basin_network_limits(const basin_setting *setting, const basin_network_keys *keys,
                                  basin_network *network, basin_error *error) {
  basin_error why;
  const int none = basin_cell_limit_check(setting, &why) != BASIN_OK;
  network->bounded = network->wanted & NETWORK_BOUND && !none;
  if (network->wanted & NETWORK_GRAM_LIMIT && none)
    return basin_fail_at(error, keys->layers->place,
                         "layers: gram_limit and gram_deviation are distances from infinite width, "
                         "and there is none: %s",
                         why.text);
  return BASIN_OK;
}

void basin_network_free(basin_network *network) {
  if (!network) return;
  basin_cell_modes_free(network->modes);
  basin_network_data_free(&network->data);
  free((void *)network->layer);
  free(network);
}
