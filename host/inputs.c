/* SPDX-License-Identifier: MIT */
#include "inputs.h"
#include <pthread.h>
#include <stdlib.h>

static basin_inputs *list;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t drawn = PTHREAD_COND_INITIALIZER;

static void destroy(basin_inputs *inputs) {
  free(inputs->z);
  free(inputs->label);
  free(inputs);
}

static basin_inputs *create(const basin_setting *setting, int64_t rows, int64_t width) {
  basin_inputs *inputs = calloc(1, sizeof *inputs);
  if (!inputs) return NULL;
  inputs->of = basin_data_set_of(setting);
  inputs->n = setting->gradient.fixed;
  inputs->rows = rows;
  inputs->width = width;
  const size_t n = (size_t)inputs->n, each = (size_t)rows * (size_t)width * sizeof *inputs->z;
  if (n <= SIZE_MAX / 2 / each)
    inputs->z = aligned_alloc(64, (n * each + 63) / 64 * 64); /* products depend on the alignment */
  inputs->label = malloc(n * sizeof *inputs->label);
  if (inputs->z && inputs->label) return inputs;
  destroy(inputs);
  return NULL;
}

const basin_inputs *basin_inputs_take(const basin_setting *setting, int64_t rows, int64_t width,
                                      basin_inputs_drawer *draw, void *context) {
  const basin_data_set of = basin_data_set_of(setting);
  pthread_mutex_lock(&lock);
  basin_inputs *inputs = list;
  while (inputs && !basin_same_data_set(&inputs->of, &of)) inputs = inputs->next;
  if (inputs) {
    inputs->users++;
    while (!inputs->ready) pthread_cond_wait(&drawn, &lock);
    pthread_mutex_unlock(&lock);
    return inputs;
  }
  inputs = create(setting, rows, width);
  if (inputs) {
    inputs->users = 1;
    inputs->next = list;
    list = inputs;
  }
  pthread_mutex_unlock(&lock);
  if (!inputs) return NULL;
  draw(context, inputs);
  pthread_mutex_lock(&lock);
  inputs->ready = 1;
  pthread_cond_broadcast(&drawn);
  pthread_mutex_unlock(&lock);
  return inputs;
}

void basin_inputs_leave(const basin_inputs *inputs) {
  basin_inputs **at = &list;
  if (!inputs) return;
  pthread_mutex_lock(&lock);
  while (*at != inputs) at = &(*at)->next;
  basin_inputs *mine = *at;
  if (--mine->users == 0) {
    *at = mine->next;
    destroy(mine);
  }
  pthread_mutex_unlock(&lock);
}

double basin_inputs_bytes(const basin_model *model, const basin_setting *setting) {
  if (setting->gradient.dynamics != BASIN_FIXED) return 0;
  const double row = (double)model->fixed_rows(setting) * (double)model->fixed_width(setting);
  return 8 * (double)setting->gradient.fixed * (row + 1);
}

double basin_inputs_work_bytes(const basin_model *model, const basin_setting *setting) {
  if (setting->gradient.dynamics != BASIN_FIXED) return 0;
  const int64_t rows = model->fixed_rows(setting), width = model->fixed_width(setting);
  const double tile = (double)basin_fixed_tile(setting->gradient.fixed, rows) * (double)rows;
  const double batch = setting->gradient.batch ? (double)rows * (double)width : 0;
  return 8 * BASIN_FIXED_COLUMNS *
         (tile + batch + 2 * (double)rows + 2 * (double)width +
          2 * (double)basin_states(model, setting));
}
