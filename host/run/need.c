/* SPDX-License-Identifier: MIT
 *
 * need.c: what a run needs of memory and disk, and whether it is there.
 */
#include "run/choose.h"
#include "base/text.h"
#include "engine/data.h"
#include "read/images.h"
#include "engine/measure.h"
#include "run/cut.h"
#include "run/run.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BASE_MEMORY = 24 << 20 };

static double part_bytes(const basin_experiment *e, int64_t cell, int64_t first, int64_t count) {
  const basin_job job = basin_part_job(e, cell, first, count);
  return basin_part_bytes(&job);
}

/* what a worker of the CPU simulates in: three states and the scratch, of as many trials as a vector has lanes, or of
   one that is large */
static double simulation_bytes(const basin_setting *setting) {
  enum { LANES_MOST = 8 };
  const basin_size *size = &setting->size;
  const double states = 3 * (double)size->states,
               trials = size->large ? states + (double)size->whole
                                    : LANES_MOST * (states + (double)size->work);
  return 8 * (trials + (double)size->data);
}

/* and for the paces of steps whose step sizes move, of which most models have one or two that do */
static double pace_bytes(const basin_setting *setting) {
  const double steps = fmin((double)setting->stop.max_steps, BASIN_PACES_KEPT);
  return basin_schedule_moves(setting) ? 8 * 2 * steps : 0;
}

/* what full vectors of the output are made in: a row of every vector twice, what a trial's have in common, the cell's
   constants and its data set. More threads stay within what workers have for their parts while they simulate. */
static double making_bytes(const basin_experiment *e, const basin_setting *setting) {
  const basin_size *size = &setting->size;
  if (!e->keep_vectors) return 0;
  return 8 * (3 * (double)size->vectors + (double)size->work + (double)size->making +
              (double)size->data) +
         basin_data_bytes(setting);
}

static int descending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? 1 : x > y ? -1 : 0;
}

/* of the `most` largest; sorts them */
static double sum_of_largest(double *bytes, int64_t count, int64_t most) {
  double sum = 0;
  qsort(bytes, (size_t)count, sizeof *bytes, descending);
  for (int64_t i = 0; i < count && i < most; i++) sum += bytes[i];
  return sum;
}

/* images, and data sets of as many cells as can be at work at once. On CUDA these are in the memory of the devices. */
static basin_status data_bytes(const basin_experiment *e, const basin_backend *backend, double *all,
                               basin_error *error) {
  double *bytes = calloc((size_t)e->cells + 1, sizeof *bytes);
  if (!bytes) return basin_fail_memory(error);
  for (int64_t c = 0; c < e->cells && !backend->devices; c++)
    bytes[c] = basin_data_bytes(&e->cell[c].setting);
  *all = basin_album_bytes(e->album) + sum_of_largest(bytes, e->cells, backend->workers);
  free(bytes);
  return BASIN_OK;
}

/* The next parts of a cell from `first` on that are alike: their number, and the trials of one. */
static int64_t parts_alike(const basin_experiment *e, int64_t cell, int64_t first, int64_t target,
                           int64_t part_trials, int64_t *size) {
  *size = basin_cut_size(e, cell, first, target, part_trials);
  return first >= e->recorded ? (target - first) / *size : 1;
}

static basin_status measure_need(const basin_experiment *e, int64_t part_trials,
                                 const basin_backend *backend, const int64_t *target,
                                 basin_need *out, basin_error *error) {
  const int workers = backend->workers;
  const basin_extent extent = basin_store_extent(e, target);
  double largest = 0, parts_bytes = 0, vectors = 0, measuring = 0, simulating = 0, inputs = 0,
         making = 0;
  const basin_status status = data_bytes(e, backend, &inputs, error);
  *out = (basin_need){.cells = e->cells};
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_setting *s = &e->cell[c].setting;
    for (int i = 0; i < e->cell[c].model->teachers; i++)
      vectors += 8.0 * (double)basin_vector_size(&s->teacher[i]);
    if (!backend->devices) simulating = fmax(simulating, simulation_bytes(s) + pace_bytes(s));
    making = fmax(making, making_bytes(e, s));
    if (e->inputs) measuring = fmax(measuring, basin_measure_bytes(e->cell[c].model, s));
    out->trials += target[c];
    for (int64_t first = 0, size; first < target[c];) {
      const int64_t alike = parts_alike(e, c, first, target[c], part_trials, &size);
      const double bytes = part_bytes(e, c, first, size);
      if (bytes > largest) largest = bytes;
      parts_bytes += bytes * (double)alike;
      out->parts += alike;
      first += size * alike;
    }
  }
  out->memory_bytes = BASE_MEMORY + vectors + inputs +
                      fmax(largest * (workers + 1) + (measuring + simulating) * workers,
                           largest * workers + making);
  out->disk_bytes = parts_bytes + basin_output_bytes(e, &extent);
  return status;
}

/* of the memory of each device: the buffers of all its workers that can be at work, and the largest data sets of as
   many cells. 0 where the device does not tell. */
static basin_status device_bytes(const basin_experiment *e, int64_t part_trials,
                                 const basin_backend *backend, const int64_t *target, int64_t parts,
                                 double *bytes, basin_error *error) {
  const int64_t workers = backend->workers / backend->devices,
                due = (parts + backend->devices - 1) / backend->devices,
                busy = due < workers ? due : workers;
  double *inputs = calloc((size_t)e->cells + 1, sizeof *inputs);
  int64_t buffers = 0, set = 0;
  int untold = 0;
  *bytes = 0;
  if (!inputs) return basin_fail_memory(error);
  for (int64_t c = 0; c < e->cells && !untold; c++) {
    for (int64_t first = 0, size; first < target[c] && !untold;) {
      const int64_t alike = parts_alike(e, c, first, target[c], part_trials, &size);
      const basin_job job = basin_part_job(e, c, first, size);
      untold = backend->need(backend->self, &job, &buffers, &set);
      inputs[c] = (double)set;
      first += size * alike;
    }
  }
  if (!untold) *bytes = sum_of_largest(inputs, e->cells, busy) + (double)buffers * (double)busy;
  free(inputs);
  return BASIN_OK;
}

basin_status basin_need_run(const basin_experiment *e, const basin_run_options *options,
                            basin_need *out, basin_error *error) {
  basin_store store;
  basin_backend backend;
  basin_status status = basin_choose(e, options, &backend, error);
  if (status) return status;
  status = basin_store_open(&store, e, "", 0, error);
  if (status) goto cleanup;
  status = measure_need(e, options->part_trials, &backend, store.target, out, error);
  if (!status && backend.devices)
    status = device_bytes(e, options->part_trials, &backend, store.target, out->parts,
                          &out->device_bytes, error);
  snprintf(out->backend, sizeof out->backend, "%s", backend.description);
  basin_store_close(&store);

cleanup:
  backend.close(backend.self);
  return status;
}

basin_status basin_runner_check_room(const basin_runner *r, int output, basin_error *error) {
  const basin_extent extent = basin_store_extent(r->store.experiment, r->store.target);
  basin_need need;
  struct statvfs disk;
  char needed[32], have[32];
  const basin_status status = measure_need(r->store.experiment, r->store.part_trials, &r->backend,
                                           r->store.target, &need, error);
  if (status) return status;
  const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  if (need.memory_bytes > memory) {
    basin_show_bytes(needed, sizeof needed, need.memory_bytes);
    basin_show_bytes(have, sizeof have, memory);
    return basin_fail(error, BASIN_BAD_INPUT,
                      "needs %s of memory, this machine has %s: record fewer trials or steps, use "
                      "fewer threads, smaller data sets, or smaller vectors",
                      needed, have);
  }
  if (!output) need.disk_bytes -= basin_output_bytes(r->store.experiment, &extent);
  for (int64_t i = 0; i < r->store.parts.count; i++) {
    const basin_range *range = &r->store.parts.range[i];
    if (range->cell >= r->store.experiment->cells) break; /* of cells to come */
    need.disk_bytes -= part_bytes(r->store.experiment, range->cell, range->first, range->count);
  }
  const double room = statvfs(r->store.folder, &disk)
                          ? INFINITY
                          : (double)disk.f_bavail * (double)disk.f_frsize;
  if (need.disk_bytes > room) {
    basin_show_bytes(needed, sizeof needed, need.disk_bytes);
    basin_show_bytes(have, sizeof have, room);
    return basin_fail(error, BASIN_FAILED, "%s: needs %s of disk for the parts%s, %s are free",
                      r->options->output, needed, output ? " and the output" : "", have);
  }
  return BASIN_OK;
}
