/* SPDX-License-Identifier: MIT */
#include "read/network_data.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/text.h"
#include "read/array.h"
#include "read/dynamics.h"
#include "read/images.h"
#include "read/network_model.h"
#include "read/numbers.h"
#include "seam/draw.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

/* What was read of a file, with so many labels; of one that tells them itself those that were asked for, or 0. */
struct basin_data_file {
  char *path;
  int64_t asked;
  int64_t n, d, labels;
  double *x, *y; /* [n][d], [n][labels] */
  uint64_t checksum;
  basin_data_file *next;
};

typedef struct reading {
  basin_scope *scope;
  const basin_node *node; /* the section */
  basin_network *network;
  basin_gradient *gradient;
  basin_error *error;
} reading;

static void free_file(basin_data_file *file) {
  free(file->path);
  free(file->x);
  free(file->y);
  free(file);
}

void basin_data_files_free(basin_data_file *first) {
  for (basin_data_file *next; first; first = next) {
    next = first->next;
    free_file(first);
  }
}

double basin_data_files_bytes(const basin_data_file *first) {
  double bytes = 0;
  for (; first; first = first->next)
    bytes += 8 * (double)first->n * (double)(first->d + first->labels);
  return bytes;
}

/* ---- HDF5 ---- */

/* a variable, [rows][columns], or [rows], which is one column: of labels alone */
static basin_status read_variable(const basin_array_file *of, hid_t from, const char *variable,
                                  int64_t size[2], double **value) {
  const int labels = *variable == 'y';
  basin_file_array array;
  basin_status status = basin_array_open(of, from, variable, &array);
  if (status) return status;
  const int64_t columns = array.rank == 2 ? (int64_t)array.size[1] : 1;
  if ((array.rank != 2 && (array.rank != 1 || !labels)) || !array.size[0] || !columns)
    status = basin_array_wrong(&array, labels ? "is no array of examples, or of examples x labels"
                                              : "is no array of examples x numbers");
  else status = basin_array_read(&array, NULL, NULL, 1, value);
  size[0] = (int64_t)array.size[0];
  size[1] = columns;
  basin_array_close(&array);
  return status;
}

static basin_status read_hdf5(basin_place place, basin_data_file *file, basin_error *error) {
  const basin_array_file of = {"data.file", file->path, place, error};
  int64_t x[2] = {0}, y[2] = {0};
  const hid_t from = H5Fopen(file->path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (from < 0)
    return basin_fail_at(error, place, "data.file: %.300s: the HDF5 file cannot be read",
                         file->path);
  basin_status status = read_variable(&of, from, "x", x, &file->x);
  if (!status) status = read_variable(&of, from, "y", y, &file->y);
  H5Fclose(from);
  if (status) return status;
  if (x[0] != y[0])
    return basin_fail_at(error, place, "data.file: %.300s: `x` has %lld examples, and `y` has %lld",
                         file->path, (long long)x[0], (long long)y[0]);
  file->n = x[0];
  file->d = x[1];
  file->labels = y[1];
  return BASIN_OK;
}

/* ---- text ---- */

static basin_status read_table(basin_place place, basin_data_file *file, basin_error *error) {
  double *value = NULL;
  int64_t columns;
  basin_status status = basin_numbers_read(file->path, place, BASIN_NUMBERS_MAX, &file->n, &columns,
                                           &value, error);
  if (!status && !file->asked)
    status = basin_fail_at(error, place,
                           "data.labels is missing: how many of the last columns of %.300s are "
                           "labels",
                           file->path);
  else if (!status && columns <= file->asked)
    status = basin_fail_at(error, place,
                           "data.file: %.300s has %lld columns, expected at least %lld, for the "
                           "last %lld are labels",
                           file->path, (long long)columns, (long long)file->asked + 1,
                           (long long)file->asked);
  if (!status) {
    const int64_t d = file->d = columns - file->asked, labels = file->labels = file->asked;
    file->x = malloc((size_t)(file->n * d) * sizeof *file->x);
    file->y = malloc((size_t)(file->n * labels) * sizeof *file->y);
    if (!file->x || !file->y) status = basin_fail_memory(error);
    for (int64_t i = 0; i < file->n && !status; i++) {
      memcpy(file->x + i * d, value + i * columns, (size_t)d * sizeof *value);
      memcpy(file->y + i * labels, value + i * columns + d, (size_t)labels * sizeof *value);
    }
  }
  free(value);
  return status;
}

/* ---- a file of the section ---- */

static basin_status read_file(basin_place place, basin_data_file *file, basin_error *error) {
  basin_hdf5_quiet();
  const int irregular = basin_is_irregular(file->path);
  const basin_status status = !irregular && H5Fis_hdf5(file->path) > 0
                                  ? read_hdf5(place, file, error)
                                  : read_table(place, file, error);
  if (status) return status;
  file->checksum = basin_hash(0, (int64_t[3]){file->n, file->d, file->labels}, 3 * sizeof(int64_t));
  file->checksum = basin_hash(file->checksum, file->x,
                              (size_t)(file->n * file->d) * sizeof *file->x);
  file->checksum = basin_hash(file->checksum, file->y,
                              (size_t)(file->n * file->labels) * sizeof *file->y);
  return BASIN_OK;
}

/* the album's, read where it is the first time */
static basin_status find_file(const reading *r, basin_place place, const char *path, int64_t asked,
                              const basin_data_file **found) {
  basin_data_file **list = &r->scope->album->data, *file = *list;
  while (file && (file->asked != asked || strcmp(file->path, path) != 0)) file = file->next;
  *found = file;
  if (file) return BASIN_OK;
  if (!(file = calloc(1, sizeof *file))) return basin_fail_memory(r->error);
  file->asked = asked;
  file->path = strdup(path);
  const basin_status status = file->path ? read_file(place, file, r->error)
                                         : basin_fail_memory(r->error);
  if (status) {
    free_file(file);
    return status;
  }
  r->scope->album->tables = 1;
  file->next = *list;
  *found = *list = file;
  return BASIN_OK;
}

/* a whole number of the section, which stays as it is where it is not given */
static basin_status read_whole(const reading *r, const char *key, int64_t least, int64_t most,
                               int64_t *value) {
  const basin_node *node = basin_node_get(r->node, key);
  char what[32];
  snprintf(what, sizeof what, "data.%s", key);
  return node ? basin_scope_integer(r->scope, node, what, least, most, value, r->error) : BASIN_OK;
}

static basin_status read_given(const reading *r) {
  static const char *const key[] = {"file", "labels", "n", "channels", "batch"};
  const basin_node *node = basin_node_get(r->node, "file"),
                   *labels = basin_node_get(r->node, "labels"),
                   *channels = basin_node_get(r->node, "channels");
  basin_network *network = r->network;
  basin_network_data *data = &network->data;
  const basin_data_file *file = NULL;
  char path[BASIN_PATH_BYTES];
  int64_t asked = 0;
  basin_status status = basin_scope_keys(r->scope, r->node, key, LENGTH(key), "data (of a file)",
                                         r->error);
  if (!status) status = read_whole(r, "labels", 1, BASIN_NUMBERS_MAX, &asked);
  if (!status) status = basin_path_read(r->scope, node, "data.file", path, r->error);
  if (!status) status = find_file(r, node->place, path, asked, &file);
  if (status) return status;
  if (asked && asked != file->labels)
    return basin_fail_at(r->error, labels->place,
                         "data.labels is %lld, and `y` of %.300s has %lld for every example",
                         (long long)asked, path, (long long)file->labels);
  network->channels = file->d;
  status = read_whole(r, "channels", 1, file->d, &network->channels);
  if (!status && file->d % network->channels)
    status = basin_fail_at(r->error, channels->place,
                           "data.channels is %lld, and an input of %.300s has %lld numbers, which "
                           "are no multiple of it",
                           (long long)network->channels, path, (long long)file->d);
  r->gradient->set_size = file->n;
  if (!status) status = read_whole(r, "n", 1, file->n, &r->gradient->set_size);
  if (status) return status;
  network->pixels = file->d / network->channels;
  network->labels = file->labels;
  data->inputs = BASIN_INPUTS_READ;
  data->labels = BASIN_LABELS_READ;
  data->x = file->x;
  data->y = file->y;
  data->checksum = file->checksum;
  return BASIN_OK;
}

/* ---- what is drawn ---- */

static basin_status missing(const reading *r, const char *key, const char *what) {
  return basin_fail_at(r->error, r->node->place, "data.%s is missing: %s", key, what);
}

/* d, or channels and pixels */
static basin_status read_shape(const reading *r) {
  const basin_node *d = basin_node_get(r->node, "d"),
                   *channels = basin_node_get(r->node, "channels"),
                   *pixels = basin_node_get(r->node, "pixels");
  basin_network *network = r->network;
  if (d && (channels || pixels))
    return basin_fail_at(r->error, (channels ? channels : pixels)->place,
                         "data.%s: give either d, or channels and pixels",
                         channels ? "channels" : "pixels");
  if (!d && !channels && !pixels)
    return missing(r, "d", "how many numbers an input has (or channels and pixels)");
  if (!d && !pixels) return missing(r, "pixels", "of a channel");
  if (!d && !channels) return missing(r, "channels", "of a picture");
  network->pixels = 1;
  basin_status status = read_whole(r, d ? "d" : "channels", 1, BASIN_VECTOR_MAX,
                                   &network->channels);
  if (!status) status = read_whole(r, "pixels", 1, BASIN_VECTOR_MAX, &network->pixels);
  if (status || network->channels <= BASIN_VECTOR_MAX / network->pixels) return status;
  return basin_fail_at(r->error, pixels->place,
                       "data: channels x pixels are more than the %lld numbers that an input may "
                       "have",
                       (long long)BASIN_VECTOR_MAX);
}

static basin_status wrong_form(const reading *r, const basin_node *node, const char *what,
                               const char *expected, const char *const *word, int words) {
  const char *near = node->kind == BASIN_SCALAR ? basin_nearest(node->text, word, words) : NULL;
  return near ? basin_fail_at(r->error, node->place, "%s: unknown word `%s`, did you mean `%s`?",
                              what, node->text, near)
              : basin_fail_at(r->error, node->place, "%s: expected %s", what, expected);
}

static basin_status read_inputs(const reading *r) {
  static const char *const word[] = {[BASIN_INPUTS_SPHERE] = "sphere",
                                     [BASIN_INPUTS_NORMAL] = "normal",
                                     [BASIN_INPUTS_IDENTITY] = "identity",
                                     [BASIN_INPUTS_LAW] = "law"};
  static const char expected[] = "sphere, normal, identity or {law: WORD}";
  const basin_node *node = basin_node_get(r->node, "inputs");
  basin_network_data *data = &r->network->data;
  if (!node) return missing(r, "inputs", expected);
  for (int i = 0; i < BASIN_INPUTS_LAW && node->kind == BASIN_SCALAR; i++)
    if (!strcmp(node->text, word[i])) {
      data->inputs = (enum basin_inputs_source)i;
      return BASIN_OK;
    }
  if (node->kind != BASIN_MAPPING || !node->count)
    return wrong_form(r, node, "data.inputs", expected, word, BASIN_INPUTS_LAW);
  data->inputs = BASIN_INPUTS_LAW;
  basin_status status = basin_scope_keys(r->scope, node, &word[BASIN_INPUTS_LAW], 1, "data.inputs",
                                         r->error);
  if (!status) status = basin_law_read(r->scope, node->child[0], &r->gradient->law, r->error);
  return status;
}

/* how many there are, and whether there are random numbers for as long ones */
static basin_status check_inputs(const reading *r) {
  const int64_t d = r->network->channels * r->network->pixels;
  if (r->network->data.inputs == BASIN_INPUTS_IDENTITY && r->gradient->set_size > d)
    return basin_fail_at(r->error, basin_node_get(r->node, "n")->place,
                         "data.n is %lld, and there are %lld unit vectors of as many numbers",
                         (long long)r->gradient->set_size, (long long)d);
  if (law_blocks(&r->gradient->law, d) <= BASIN_BLOCKS_MAX) return BASIN_OK;
  return basin_fail_at(r->error, basin_node_get(r->node, "inputs")->place,
                       "data.inputs: an input of this law has at most %lld numbers",
                       (long long)BASIN_BLOCKS_MAX);
}

/* ---- drawn labels ---- */

static basin_status read_scale(const reading *r, const basin_node *node, const char *what) {
  double *scale = &r->network->data.label_scale;
  const basin_status status = basin_scope_value(r->scope, node, what, scale, r->error);
  if (status || (*scale >= 0 && isfinite(*scale))) return status;
  return basin_fail_at(r->error, node->place, "%s is %s, expected a number from 0 on", what,
                       basin_exact(*scale).text);
}

static basin_status read_low_rank(const reading *r, const basin_node *body) {
  static const char *const key[] = {"singular"};
  const char *what = "data.labels.low_rank.singular";
  basin_status status = basin_scope_keys(r->scope, body, key, 1, "data.labels.low_rank", r->error);
  const basin_node *list = basin_node_get(body, "singular");
  if (status) return status;
  if (!list || list->kind != BASIN_SEQUENCE || !list->count)
    return basin_fail_at(r->error, (list ? list : body)->place,
                         "%s: expected a list of singular values", what);
  if (list->count > r->gradient->set_size)
    return basin_fail_at(r->error, list->place, "%s: %d of them, and there are %lld inputs", what,
                         list->count, (long long)r->gradient->set_size);
  double *singular = calloc((size_t)list->count, sizeof *singular);
  if (!singular) return basin_fail_memory(r->error);
  r->network->data.singular = singular;
  r->network->data.rank = list->count;
  for (int i = 0; i < list->count && !status; i++) {
    status = basin_scope_value(r->scope, list->child[i], what, &singular[i], r->error);
    if (!status && !isfinite(singular[i]))
      status = basin_fail_at(r->error, list->child[i]->place, "%s: expected a finite number", what);
  }
  return status;
}

/* A teacher that network->data points to, with the memory of its layers. */
typedef struct held_teacher {
  basin_network network; /* the first member */
  basin_network_layers layers;
} held_teacher;

static basin_status read_teacher(const reading *r, const basin_node *body) {
  static const char *const key[] = {"layers"};
  const char *what = "data.labels.teacher.layers";
  basin_network *of = r->network;
  basin_status status = basin_scope_keys(r->scope, body, key, 1, "data.labels.teacher", r->error);
  const basin_node *list = basin_node_get(body, "layers");
  if (status) return status;
  if (!list)
    return basin_fail_at(r->error, body->place, "%s is missing: those of the teacher", what);
  held_teacher *held = calloc(1, sizeof *held);
  if (!held) return basin_fail_memory(r->error);
  basin_network_layers *layers = &held->layers;
  of->data.teacher = &held->network;
  status = basin_network_layers_read(r->scope, list, what, of->channels, of->pixels, layers,
                                     r->error);
  if (status) return status;
  const basin_network_layer *last = &layers->layer[layers->count - 1];
  const int64_t labels = last->out * last->pixels;
  held->network = (basin_network){.layers = layers->count,
                                  .layer = layers->layer,
                                  .channels = of->channels,
                                  .pixels = of->pixels,
                                  .labels = labels};
  of->data.weights = layers->weights;
  for (int h = 0; h < layers->count; h++)
    if (!draw_fits(&layers->weights[h]))
      return basin_fail_at(r->error, list->child[h]->place, "%s: layer %d has too many weights",
                           what, h + 1);
  if (of->labels && of->labels != labels)
    return basin_fail_at(r->error, basin_node_get(r->node, "outputs")->place,
                         "data.outputs is %lld, and the teacher makes %lld numbers",
                         (long long)of->labels, (long long)labels);
  of->labels = labels;
  return BASIN_OK;
}

static basin_status read_labels(const reading *r) {
  static const char *const word[] = {[BASIN_LABELS_NORMAL] = "normal",
                                     [BASIN_LABELS_SIGN] = "sign",
                                     [BASIN_LABELS_TEACHER] = "teacher",
                                     [BASIN_LABELS_LOW_RANK] = "low_rank"};
  static const char expected[] = "{normal: sd}, sign, {sign: c}, {teacher: {layers: [...]}} or "
                                 "{low_rank: {singular: [...]}}";
  const basin_node *node = basin_node_get(r->node, "labels");
  basin_network_data *data = &r->network->data;
  int source = BASIN_LABELS_SIGN;
  if (!node) return missing(r, "labels", expected);
  data->label_scale = 1;
  if (node->kind == BASIN_SCALAR && !strcmp(node->text, word[BASIN_LABELS_SIGN])) {
    data->labels = BASIN_LABELS_SIGN;
    return BASIN_OK;
  }
  if (node->kind != BASIN_MAPPING)
    return wrong_form(r, node, "data.labels", expected, &word[BASIN_LABELS_SIGN], 1);
  const basin_status status = basin_scope_keys(r->scope, node, word, LENGTH(word), "data.labels",
                                               r->error);
  if (status) return status;
  if (node->count != 1)
    return basin_fail_at(r->error, node->place, "data.labels: expected %s", expected);
  for (int i = 0; i < LENGTH(word); i++)
    if (!strcmp(node->key[0], word[i])) source = i;
  data->labels = (enum basin_labels_source)source;
  if (source == BASIN_LABELS_LOW_RANK) return read_low_rank(r, node->child[0]);
  if (source == BASIN_LABELS_TEACHER) return read_teacher(r, node->child[0]);
  return read_scale(r, node->child[0],
                    source == BASIN_LABELS_NORMAL ? "data.labels.normal" : "data.labels.sign");
}

static basin_status read_drawn(const reading *r) {
  static const char *const key[] = {"n",      "d",   "channels", "pixels", "inputs",
                                    "labels", "set", "batch",    "outputs"};
  basin_status status = basin_scope_keys(r->scope, r->node, key, LENGTH(key), "data", r->error);
  if (status) return status;
  if (!basin_node_get(r->node, "n")) return missing(r, "n", "how many inputs there are");
  status = read_whole(r, "n", 1, BASIN_DATA_SET_MAX, &r->gradient->set_size);
  if (!status) status = read_whole(r, "set", 0, BASIN_TRIALS_MAX - 1, &r->gradient->set);
  if (!status) status = read_whole(r, "outputs", 1, BASIN_VECTOR_MAX, &r->network->labels);
  if (!status) status = read_shape(r);
  if (!status) status = read_inputs(r);
  if (!status) status = check_inputs(r);
  if (!status) status = read_labels(r);
  return status;
}

/* ---- the whole ---- */

basin_status basin_network_data_read(basin_scope *scope, const basin_node *node,
                                     basin_network *network, basin_gradient *gradient,
                                     basin_error *error) {
  const reading r = {scope, node, network, gradient, error};
  if (node->kind != BASIN_MAPPING)
    return basin_fail_at(error, node->place, "data: expected a mapping, not %s",
                         basin_kind_name(node->kind));
  const basin_node *batch = basin_node_get(node, "batch");
  basin_status status = basin_node_get(node, "file") ? read_given(&r) : read_drawn(&r);
  if (!status && batch && !basin_scope_infinite(scope, batch))
    status = read_whole(&r, "batch", 1, gradient->set_size, &gradient->batch);
  gradient->inputs = gradient->batch ? gradient->batch : gradient->set_size;
  return status;
}

void basin_network_data_free(basin_network_data *data) {
  held_teacher *held = (held_teacher *)data->teacher;
  if (held) basin_network_layers_free(&held->layers);
  free(held);
  free((double *)data->singular);
  *data = (basin_network_data){0};
}

basin_status basin_network_data_fit(const basin_node *node, basin_network *network,
                                    basin_error *error) {
  const basin_network_layer *last = &network->layer[network->layers - 1];
  const int64_t made = last->out * last->pixels;
  const basin_network_data *data = &network->data;
  if (network->labels && network->labels != made)
    return basin_fail_at(error, node->place,
                         "data: an input has %lld labels, and the last layer makes %lld numbers of "
                         "it",
                         (long long)network->labels, (long long)made);
  network->labels = made;
  if (data->rank <= made) return BASIN_OK;
  return basin_fail_at(error, basin_node_get(node, "labels")->place,
                       "data.labels.low_rank: %lld singular values, and an input has %lld labels",
                       (long long)data->rank, (long long)made);
}
