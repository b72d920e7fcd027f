/* SPDX-License-Identifier: MIT */
#include "model/network_inputs.h"
#include "models/network/network_activation.h"
#include "numeric/law.h"
#include "seam/draw.h"
#include <stdlib.h>
#include <string.h>

/* ---- the inputs ---- */

/* input i, of `count` numbers */
static void put_input(const basin_setting *setting, int64_t i, int64_t count, double *z) {
  static const basin_input_law normal = {BASIN_LAW_NORMAL, 0};
  const basin_network_data *data = &setting->network->data;
  const basin_gradient *g = &setting->gradient;
  if (data->inputs == BASIN_INPUTS_READ) memcpy(z, data->x + i * count, (size_t)count * sizeof *z);
  else if (data->inputs == BASIN_INPUTS_IDENTITY)
    for (int64_t j = 0; j < count; j++) z[j] = i == j;
  else
    law_vector(data->inputs == BASIN_INPUTS_LAW ? &g->law : &normal, setting->key,
               BASIN_STREAM_DATA, (uint64_t)g->set, (uint64_t)i, 0, count, z);
  if (data->inputs != BASIN_INPUTS_SPHERE) return;
  double norm2 = 0;
  for (int64_t j = 0; j < count; j++) norm2 = r_fma(z[j], z[j], norm2);
  const double spread = law_spread(1, norm2);
  for (int64_t j = 0; j < count; j++) z[j] = spread * z[j];
}

/* ---- a teacher ---- */

/* what a layer of the weights w makes of x [in][pixels] */
static void forward(const basin_network_layer *layer, const double *w, const double *x,
                    double *out) {
  const int64_t pixels = layer->pixels, patch = layer->patch, margin = (patch - 1) / 2;
  for (int64_t r = 0; r < layer->out; r++, w += layer->in * patch)
    for (int64_t l = 0; l < pixels; l++) {
      double z = 0;
      for (int64_t c = 0; c < layer->in; c++)
        for (int64_t o = 0; o < patch; o++) {
          const int64_t at = l + o - margin;
          if (at >= 0 && at < pixels) z = r_fma(w[c * patch + o], x[c * pixels + at], z);
        }
      const double value = network_activation(layer, z);
      out[r * pixels + l] = layer->skip ? r_fma(layer->scale, value, x[r * pixels + l])
                                        : layer->scale * value;
    }
}

/* a matrix as draw.h draws it */
static void draw_matrix(const basin_vector *vector, uint64_t key, int layer, uint64_t trial,
                        double *w) {
  basin_room room = {NULL, 0, 1}; /* it counts alone: the values are where they are, at offset 0 */
  draw_source source = draw_put(&room, vector, key, BASIN_STREAM_DATA_TEACHER,
                                BASIN_STREAM_DATA_TEACHER_RADIUS);
  source.step = (uint64_t)layer;
  for (int64_t row = 0; row < vector->rows; row++)
    draw_row(&source, vector->value, trial, row, vector->length, w + row * vector->length);
}

/* The teacher of a data set: the weights of its layers, one behind another, and room for what two of them make. */
typedef struct drawn_teacher {
  const basin_network *network;
  double *weights, *made[2];
} drawn_teacher;

/* draws it; NULL where there is no memory. What it has is to be freed by its `weights`. */
static double *draw_teacher(const basin_setting *setting, drawn_teacher *teacher) {
  const basin_network_data *data = &setting->network->data;
  const basin_network *network = teacher->network = data->teacher;
  int64_t weights = 0, most = 1;
  for (int h = 0; h < network->layers; h++) {
    const int64_t made = network->layer[h].out * network->layer[h].pixels;
    weights += basin_layer_weights(&network->layer[h]);
    most = made > most ? made : most;
  }
  double *w = teacher->weights = malloc((size_t)(weights + 2 * most) * sizeof *w);
  if (!w) return NULL;
  teacher->made[0] = w + weights;
  teacher->made[1] = teacher->made[0] + most;
  for (int h = 0; h < network->layers; h++) {
    draw_matrix(&data->weights[h], setting->key, h, (uint64_t)setting->gradient.set, w);
    w += basin_layer_weights(&network->layer[h]);
  }
  return teacher->weights;
}

/* what it makes of an input */
static const double *ask_teacher(const drawn_teacher *teacher, const double *x) {
  const double *w = teacher->weights;
  for (int h = 0; h < teacher->network->layers; h++) {
    const basin_network_layer *layer = &teacher->network->layer[h];
    forward(layer, w, x, teacher->made[h % 2]);
    w += basin_layer_weights(layer);
    x = teacher->made[h % 2];
  }
  return x;
}

/* ---- the labels ---- */

/* labels that are drawn, of input i */
static void draw_labels(const basin_setting *setting, int64_t i, double *label) {
  const basin_network *network = setting->network;
  const double scale = network->data.label_scale;
  for (int64_t j = 0; j < network->labels; j += 2) {
    bits word[2];
    double pair[2];
    basin_words(setting->key, BASIN_STREAM_LABEL, (uint64_t)setting->gradient.set, (uint64_t)i,
                (uint64_t)(j / 2), &word[0], &word[1]);
    if (network->data.labels == BASIN_LABELS_NORMAL)
      basin_box_muller(word[0], word[1], &pair[0], &pair[1]);
    else
      for (int e = 0; e < 2; e++) pair[e] = law_rademacher(word[e]);
    for (int64_t e = j; e < network->labels && e < j + 2; e++) label[e] = scale * pair[e - j];
  }
}

/* those of input i, whose numbers are z */
static void put_label(const basin_setting *setting, const drawn_teacher *teacher, int64_t i,
                      const double *z, double *label) {
  const basin_network_data *data = &setting->network->data;
  const int64_t labels = setting->network->labels;
  const size_t bytes = (size_t)labels * sizeof *label;
  switch (data->labels) {
  case BASIN_LABELS_NORMAL:
  case BASIN_LABELS_SIGN:
    draw_labels(setting, i, label);
    break;
  case BASIN_LABELS_TEACHER:
    memcpy(label, ask_teacher(teacher, z), bytes);
    break;
  case BASIN_LABELS_LOW_RANK:
    for (int64_t j = 0; j < labels; j++)
      label[j] = i == j && i < data->rank ? data->singular[i] : 0.0;
    break;
  case BASIN_LABELS_READ:
    memcpy(label, data->y + i * labels, bytes);
    break;
  }
}

basin_status basin_network_inputs(const basin_setting *setting, int64_t first, int64_t count,
                                  double *z, double *label) {
  const basin_network *network = setting->network;
  const int64_t numbers = network->channels * network->pixels;
  drawn_teacher teacher = {0};
  if (label && network->data.labels == BASIN_LABELS_TEACHER && !draw_teacher(setting, &teacher))
    return BASIN_FAILED;
  for (int64_t i = first; i < first + count; i++, z += numbers) {
    put_input(setting, i, numbers, z);
    if (label) put_label(setting, &teacher, i, z, label + (i - first) * network->labels);
  }
  free(teacher.weights);
  return BASIN_OK;
}
