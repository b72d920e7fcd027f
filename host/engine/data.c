/* SPDX-License-Identifier: MIT */
#include "engine/data.h"
#include <pthread.h>
#include <stdlib.h>

static basin_data *list;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t drawn = PTHREAD_COND_INITIALIZER;

static void destroy(basin_data *data) {
  free(data->z);
  free(data->label);
  free(data);
}

static basin_data *create(const basin_setting *setting, int64_t rows, int64_t width) {
  basin_data *data = calloc(1, sizeof *data);
  if (!data) return NULL;
  data->of = basin_data_set_of(setting);
  data->n = setting->gradient.set_size;
  data->rows = rows;
  data->width = width;
  const size_t n = (size_t)data->n, each = (size_t)rows * (size_t)width * sizeof *data->z;
  if (n <= SIZE_MAX / 2 / each)
    data->z = aligned_alloc(64, (n * each + 63) / 64 * 64); /* products depend on the alignment */
  data->label = malloc(n * (size_t)setting->size.labels * sizeof *data->label);
  if (data->z && data->label) return data;
  destroy(data);
  return NULL;
}

/* one user less, with the lock held */
static void drop(basin_data *mine) {
  basin_data **at = &list;
  if (--mine->users > 0) return;
  while (*at && *at != mine) at = &(*at)->next;
  if (*at) *at = mine->next;
  destroy(mine);
}

/* with the lock held: the set that somebody has drawn or is drawing, once it is there; NULL where there is none */
static basin_data *find(const basin_data_set *of) {
  for (;;) {
    basin_data *data = list;
    while (data && !basin_same_data_set(&data->of, of)) data = data->next;
    if (!data) return NULL;
    data->users++;
    while (data->ready == BASIN_DATA_DRAWN_NOW) pthread_cond_wait(&drawn, &lock);
    if (data->ready == BASIN_DATA_READY) return data;
    drop(data); /* whoever drew it was told to stop; that need not be so here */
  }
}

/* broken off: nobody finds it any more */
static void take_out(const basin_data *data) {
  basin_data **at = &list;
  while (*at != data) at = &(*at)->next;
  *at = data->next;
}

const basin_data *basin_data_take(const basin_setting *setting, int64_t rows, int64_t width,
                                  basin_data_drawer *draw, void *context) {
  const basin_data_set of = basin_data_set_of(setting);
  pthread_mutex_lock(&lock);
  basin_data *data = find(&of);
  if (data) {
    pthread_mutex_unlock(&lock);
    return data;
  }
  data = create(setting, rows, width);
  if (data) {
    data->users = 1;
    data->next = list;
    list = data;
  }
  pthread_mutex_unlock(&lock);
  if (!data) return NULL;
  const int broken = draw(context, data);
  pthread_mutex_lock(&lock);
  data->ready = broken ? BASIN_DATA_BROKEN : BASIN_DATA_READY;
  pthread_cond_broadcast(&drawn);
  if (broken) {
    take_out(data);
    drop(data);
  }
  pthread_mutex_unlock(&lock);
  return broken ? NULL : data;
}

void basin_data_leave(const basin_data *data) {
  basin_data *mine;
  if (!data) return;
  pthread_mutex_lock(&lock);
  for (mine = list; mine != data;) mine = mine->next;
  drop(mine);
  pthread_mutex_unlock(&lock);
}

double basin_data_bytes(const basin_setting *setting) {
  if (!setting->gradient.set_size) return 0;
  const double row = (double)setting->size.rows * (double)setting->size.width;
  return 8 * (double)setting->gradient.set_size * (row + (double)setting->size.labels);
}

double basin_data_work_bytes(const basin_setting *setting) {
  if (!setting->gradient.set_size) return 0;
  const int64_t rows = setting->size.rows, width = setting->size.width;
  const double tile = (double)basin_dataset_tile(setting->gradient.set_size, rows) * (double)rows;
  const double batch = setting->gradient.batch ? (double)rows * (double)width : 0;
  return 8 * BASIN_DATASET_SEATS *
         (tile + batch + 2 * (double)rows + 2 * (double)width + 2 * (double)setting->size.states);
}
