/* SPDX-License-Identifier: MIT */
#include "engine/data.h"
#include <pthread.h>
#include <stdlib.h>

enum {
  NUMBERS = 1 << 20
}; /* that are drawn before the next look at the watch, or those of one input */

static basin_data *list;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t drawn = PTHREAD_COND_INITIALIZER;

static void destroy(basin_data *data) {
  free(data->z);
  free(data->label);
  free(data);
}

static basin_data *create(const basin_setting *setting) {
  basin_data *data = calloc(1, sizeof *data);
  if (!data) return NULL;
  const size_t n = (size_t)setting->gradient.set_size, width = (size_t)setting->size.width,
               each = (size_t)setting->size.rows * width * sizeof *data->z;
  data->of = basin_data_set_of(setting);
  if (n <= SIZE_MAX / 2 / each) data->z = malloc(n * each);
  data->label = malloc(n * (size_t)setting->size.labels * sizeof *data->label);
  if (data->z && data->label) return data;
  destroy(data);
  return NULL;
}

/* not 0: told to stop, or out of memory */
static int draw(const basin_model *model, const basin_setting *setting, const int *stop,
                basin_data *data) {
  const basin_size *size = &setting->size;
  const int64_t n = setting->gradient.set_size, row = size->rows * size->width,
                most = 1 + NUMBERS / row;
  for (int64_t i = 0; i < n; i += most) {
    const int64_t count = n - i < most ? n - i : most;
    if ((i > 0 && __atomic_load_n(stop, __ATOMIC_RELAXED)) ||
        model->inputs(setting, i, count, data->z + i * row, data->label + i * size->labels))
      return 1;
  }
  return 0;
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

const basin_data *basin_data_take(const basin_model *model, const basin_setting *setting,
                                  const int *stop) {
  const basin_data_set of = basin_data_set_of(setting);
  pthread_mutex_lock(&lock);
  basin_data *data = find(&of);
  if (data) {
    pthread_mutex_unlock(&lock);
    return data;
  }
  data = create(setting);
  if (data) {
    data->users = 1;
    data->next = list;
    list = data;
  }
  pthread_mutex_unlock(&lock);
  if (!data) return NULL;
  const int broken = draw(model, setting, stop, data);
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
