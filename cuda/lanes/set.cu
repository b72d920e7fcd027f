/* SPDX-License-Identifier: MIT
 *
 * set.cu: the data sets of the cells, on the devices.
 */
#include "lanes/call.h"
#include <pthread.h>
#include <stdlib.h>

enum { SEND_BYTES = 8 << 20 }; /* that the host makes at a time */

/* the data set of a cell on a device */
struct device_set {
  int device, users;
  basin_data_set of;
  double *set, *label;
  device_set *next;
};

namespace {

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
device_set *list;

void destroy(device_set *data) {
  if (data->set) cudaFree(data->set);
  if (data->label) cudaFree(data->label);
  free(data);
}

/* made by the model on the host, some inputs at a time */
basin_worker_status send(part_run *p, device_set *data) {
  const basin_setting *setting = p->job->setting;
  const int64_t n = setting->gradient.set_size, size = setting->size.rows * setting->size.width,
                labels = setting->size.labels,
                most = 1 + SEND_BYTES / ((size + labels) * (int64_t)sizeof(double));
  double *z = (double *)malloc((size_t)(most * (size + labels)) * sizeof *z);
  basin_worker_status status = z ? BASIN_WORKER_OK : BASIN_WORKER_FAILED;
  for (int64_t i = 0; i < n && !status; i += most) {
    const int64_t count = n - i < most ? n - i : most;
    double *label = z + most * size;
    if (i > 0 && __atomic_load_n(&p->watch->stop, __ATOMIC_RELAXED)) status = BASIN_WORKER_PAUSED;
    else if (p->job->model->inputs(setting, i, count, z, label)) status = BASIN_WORKER_FAILED;
    if (!status)
      status = batch_upload(p, data->set + i * size, z, (size_t)(count * size) * sizeof *z);
    if (!status)
      status = batch_upload(p, data->label + i * labels, label,
                            (size_t)(count * labels) * sizeof *label);
    p->doing = "copying to the device";
    const cudaError_t bad = worker_wait(p->w); /* before the next ones take their place */
    if (!status && (p->bad = bad) != cudaSuccess) status = BASIN_WORKER_LOST;
  }
  free(z);
  return status;
}

basin_worker_status make(part_run *p, device_set *data) {
  const basin_setting *setting = p->job->setting;
  const size_t n = (size_t)setting->gradient.set_size, width = (size_t)setting->size.width,
               row = (size_t)setting->size.rows * width, labels = (size_t)setting->size.labels;
  TRY(p, "allocating device memory for the data set",
      cudaMalloc((void **)&data->set, n * row * sizeof *data->set));
  TRY(p, "allocating device memory for the data set",
      cudaMalloc((void **)&data->label, n * labels * sizeof *data->label));
  return send(p, data);
}

} // namespace

int64_t set_bytes(const basin_setting *setting) {
  const basin_size *size = &setting->size;
  return setting->gradient.set_size * (size->rows * size->width + size->labels) *
         (int64_t)sizeof(double);
}

basin_worker_status set_take(part_run *p) {
  basin_worker_status status = BASIN_WORKER_OK;
  const basin_data_set of = basin_data_set_of(p->job->setting);
  if (p->set || !p->job->setting->gradient.set_size) return status;
  pthread_mutex_lock(&lock);
  device_set *data = list;
  while (data && (!basin_same_data_set(&data->of, &of) || data->device != p->w->device))
    data = data->next;
  if (!data) {
    data = (device_set *)calloc(1, sizeof *data);
    status = data ? make(p, data) : BASIN_WORKER_FAILED;
    if (status && data) destroy(data);
    if (!status) {
      data->device = p->w->device;
      data->of = of;
      data->next = list;
      list = data;
    }
  }
  if (!status) {
    data->users++;
    p->set = data;
    p->b.set = data->set;
    p->b.label = data->label;
  }
  pthread_mutex_unlock(&lock);
  return status;
}

void set_leave(part_run *p) {
  if (!p->set) return;
  pthread_mutex_lock(&lock);
  if (--p->set->users == 0) {
    device_set **at = &list;
    while (*at != p->set) at = &(*at)->next;
    *at = p->set->next;
    destroy(p->set);
  }
  p->set = NULL;
  pthread_mutex_unlock(&lock);
}
