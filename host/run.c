/* SPDX-License-Identifier: MIT
 *
 * run.c: a run from experiment to output file.
 *
 * Parts go into the folder OUTPUT.parts. When all are there they are copied, in order, into OUTPUT.tmp,
 * which is fsynced and renamed to OUTPUT; then the folder is removed. So an output that exists is complete.
 */
#include "run.h"
#include "backend_cpu.h"
#include "backend_cuda.h"
#include "halving.h"
#include "inputs.h"
#include "measure.h"
#include "plan.h"
#include "results.h"
#include "scheduler.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BASE_MEMORY = 24 << 20 };

/* the first cell that the CUDA module cannot run, or -1 */
static int64_t beyond_cuda(const basin_experiment *e) {
  for (int64_t c = 0; c < e->cells; c++)
    if (!basin_cuda_has(e->cell[c].model->name, e->cell[c].setting.gradient.dynamics)) return c;
  return -1;
}

static basin_status backend_open(const basin_experiment *e, const basin_run_options *options,
                                 basin_backend *backend, basin_error *error) {
  const char *name = options->backend ? options->backend : "auto";
  const int cuda = !strcmp(name, "cuda"), cpu = !strcmp(name, "cpu");
  basin_error reason;
  if (!cpu && !cuda && strcmp(name, "auto") != 0)
    return basin_fail(error, BASIN_BAD_INPUT, "--backend %s: expected auto, cpu or cuda", name);
  if (options->devices && cpu)
    return basin_fail(error, BASIN_BAD_INPUT, "--devices: goes with the backend cuda, not cpu");
  if (options->isa && (cuda || options->devices))
    return basin_fail(error, BASIN_BAD_INPUT, "--isa: goes with the backend cpu, not cuda");
  if (cpu || options->isa) return basin_cpu_open(options->isa, options->threads, backend, error);
  const basin_status status = basin_cuda_open(options->devices, options->threads, backend, &reason);
  if (status == BASIN_FAILED && !cuda && !options->devices)
    return basin_cpu_open(NULL, options->threads, backend, error);
  if (status == BASIN_FAILED)
    return basin_fail(error, BASIN_BAD_INPUT, "no CUDA device to run on: %.900s", reason.text);
  const int64_t beyond = status ? -1 : beyond_cuda(e);
  if (beyond >= 0) {
    backend->close(backend->self);
    if (!cuda && !options->devices) return basin_cpu_open(NULL, options->threads, backend, error);
    return basin_fail(
        error, BASIN_BAD_INPUT,
        "libbasin_cuda.so lacks the model %s with the gradient of cell %lld, expected "
        "--backend cpu or auto",
        e->cell[beyond].model->name, (long long)beyond);
  }
  *error = reason;
  return status;
}

/* ---- what it needs ---- */

static double job_bytes(const basin_experiment *e, int64_t cell, int64_t first, int64_t count) {
  basin_job job;
  int *index = calloc((size_t)(e->finals + e->observables) + 1, sizeof *index);
  if (!index) return 0;
  basin_part_job(e, cell, first, count, index, index + e->finals, &job);
  const double bytes = basin_part_bytes(&job);
  free(index);
  return bytes;
}

/* what a worker of the CPU simulates in: two states and the scratch, of as many trials as a vector has lanes */
static double simulation_bytes(const basin_model *model, const basin_setting *setting) {
  enum { LANES_MOST = 8 };
  const double trial = 2 * (double)basin_states(model, setting) + (double)model->work(setting);
  return 8 * (LANES_MOST * trial + (double)model->data_size(setting));
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

/* data sets of as many cells as can be at work at once, and what each worker needs beside them. On CUDA they are in the
   memory of the devices. */
static double inputs_bytes(const basin_experiment *e, const basin_backend *backend) {
  double *bytes = calloc((size_t)e->cells + 1, sizeof *bytes), work = 0, sum = 0;
  for (int64_t c = 0; c < e->cells && bytes && !backend->devices; c++) {
    const basin_cell *cell = &e->cell[c];
    const double here = basin_inputs_work_bytes(cell->model, &cell->setting);
    bytes[c] = basin_inputs_bytes(cell->model, &cell->setting);
    if (here > work) work = here;
  }
  if (bytes) sum = sum_of_largest(bytes, e->cells, backend->workers);
  free(bytes);
  return sum + work * backend->workers;
}

/* The next parts of a cell from `first` on that are alike: their number, and the trials of one. */
static int64_t parts_alike(const basin_experiment *e, int64_t cell, int64_t first, int64_t target,
                           int64_t part_trials, int64_t *size) {
  *size = basin_plan_size(e, cell, first, target, part_trials);
  return first >= e->recorded ? (target - first) / *size : 1;
}

static void estimate(const basin_experiment *e, int64_t part_trials, const basin_backend *backend,
                     const int64_t *target, basin_estimate *out) {
  const int workers = backend->workers;
  const basin_extent extent = basin_store_extent(e, target);
  double largest = 0, parts_bytes = 0, vectors = 0, measuring = 0, simulating = 0;
  *out = (basin_estimate){.cells = e->cells};
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_setting *s = &e->cell[c].setting;
    for (int i = 0; i < e->cell[c].model->teachers; i++)
      vectors += 8.0 * (double)basin_vector_size(&s->teacher[i]);
    if (!backend->devices) simulating = fmax(simulating, simulation_bytes(e->cell[c].model, s));
    if (e->inputs) measuring = fmax(measuring, basin_measure_bytes(e->cell[c].model, s));
    out->trials += target[c];
    for (int64_t first = 0, size; first < target[c];) {
      const int64_t alike = parts_alike(e, c, first, target[c], part_trials, &size);
      const double bytes = job_bytes(e, c, first, size);
      if (bytes > largest) largest = bytes;
      parts_bytes += bytes * (double)alike;
      out->parts += alike;
      first += size * alike;
    }
  }
  out->memory_bytes = BASE_MEMORY + vectors + largest * (workers + 1) +
                      (measuring + simulating) * workers + inputs_bytes(e, backend);
  out->disk_bytes = parts_bytes + basin_output_bytes(e, &extent);
}

/* of the memory of each device: the buffers of all its workers that can be at work, and the largest data sets of as
   many cells. 0 where the device does not tell. */
static double device_bytes(const basin_experiment *e, int64_t part_trials,
                           const basin_backend *backend, const int64_t *target, int64_t parts) {
  const int64_t workers = backend->workers / backend->devices,
                due = (parts + backend->devices - 1) / backend->devices,
                busy = due < workers ? due : workers;
  int *index = calloc((size_t)(e->finals + e->observables) + 1, sizeof *index);
  double *inputs = calloc((size_t)e->cells + 1, sizeof *inputs), sum = 0;
  int64_t buffers = 0, set = 0;
  int bad = !index || !inputs;
  for (int64_t c = 0; c < e->cells && !bad; c++) {
    for (int64_t first = 0, size; first < target[c] && !bad;) {
      const int64_t alike = parts_alike(e, c, first, target[c], part_trials, &size);
      basin_job job;
      basin_part_job(e, c, first, size, index, index + e->finals, &job);
      bad = backend->plan(backend->self, &job, &buffers, &set);
      inputs[c] = (double)set;
      first += size * alike;
    }
  }
  if (!bad) sum = sum_of_largest(inputs, e->cells, busy) + (double)buffers * (double)busy;
  free(index);
  free(inputs);
  return sum;
}

basin_status basin_estimate_run(const basin_experiment *e, const basin_run_options *options,
                                basin_estimate *out, basin_error *error) {
  basin_store store;
  basin_backend backend;
  basin_status status = backend_open(e, options, &backend, error);
  if (status) return status;
  status = basin_store_open(&store, e, "", 0, error);
  if (!status) estimate(e, options->part_trials, &backend, store.target, out);
  if (!status && backend.devices)
    out->device_bytes = device_bytes(e, options->part_trials, &backend, store.target, out->parts);
  snprintf(out->backend, sizeof out->backend, "%s", backend.description);
  if (!status) basin_store_close(&store);
  backend.close(backend.self);
  return status;
}

basin_status basin_runner_check_room(const basin_runner *r, int output, basin_error *error) {
  const basin_extent extent = basin_store_extent(r->experiment, r->store.target);
  basin_estimate need;
  struct statvfs disk;
  char needed[32], have[32];
  estimate(r->experiment, r->store.part_trials, &r->backend, r->store.target, &need);
  const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  if (need.memory_bytes > memory) {
    basin_show_bytes(needed, sizeof needed, need.memory_bytes);
    basin_show_bytes(have, sizeof have, memory);
    return basin_fail(error, BASIN_BAD_INPUT,
                      "needs %s of memory, this machine has %s: record fewer trials or steps, use "
                      "fewer threads, smaller data sets, or smaller vectors",
                      needed, have);
  }
  if (!output) need.disk_bytes -= basin_output_bytes(r->experiment, &extent);
  for (int64_t i = 0; i < r->store.parts.count; i++) {
    const basin_range *range = &r->store.parts.range[i];
    need.disk_bytes -= job_bytes(r->experiment, range->cell, range->first, range->count);
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

/* ---- a runner ---- */

double basin_runner_seconds(const basin_runner *r) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (double)(t.tv_sec - r->began.tv_sec) + 1e-9 * (double)(t.tv_nsec - r->began.tv_nsec);
}

basin_status basin_runner_open(basin_runner *r, const basin_experiment *e,
                               const basin_run_options *options, const char *folder,
                               int64_t part_trials, basin_error *error) {
  *r = (basin_runner){.experiment = e, .options = options};
  clock_gettime(CLOCK_REALTIME, &r->began);
  basin_status status = backend_open(e, options, &r->backend, error);
  if (status) return status;
  r->progress.backend = r->backend.description;
  status = basin_store_open(&r->store, e, folder, part_trials, error);
  if (status) basin_runner_close(r);
  return status;
}

void basin_runner_close(basin_runner *r) {
  basin_store_close(&r->store);
  if (r->backend.close) r->backend.close(r->backend.self);
  r->backend.close = NULL;
}

/* every device has failed: the CPU takes over, where the user did not insist on devices */
static basin_status fall_back(basin_runner *r, basin_error *error) {
  const basin_run_options *options = r->options;
  const basin_error last = *error;
  char text[sizeof error->text];
  if (options->devices || (options->backend && !strcmp(options->backend, "cuda")))
    return basin_fail(error, BASIN_FAILED,
                      "no CUDA device is left to run on; finished parts are kept in %.256s, the "
                      "same command goes on. The last one: %.600s",
                      r->store.folder, last.text);
  r->backend.close(r->backend.self);
  r->backend.close = NULL;
  const basin_status status = basin_cpu_open(NULL, 0, &r->backend, error);
  if (status) return status;
  snprintf(text, sizeof text, "no CUDA device is left, going on with %s", r->backend.description);
  if (options->warn) options->warn(text);
  return BASIN_OK;
}

/* the ranges that are written, to the front; how many they are */
static int64_t written_first(basin_range *range, int64_t ranges) {
  int64_t written = 0;
  for (int64_t i = 0; i < ranges; i++) {
    int64_t ended = 0;
    for (int o = 0; o < BASIN_OUTCOMES; o++) ended += range[i].outcomes[o];
    if (ended < range[i].count) continue;
    const basin_range swap = range[i];
    range[i] = range[written];
    range[written++] = swap;
  }
  return written;
}

basin_status basin_runner_work(basin_runner *r, basin_range *range, int64_t ranges,
                               basin_error *error) {
  basin_parts *parts = &r->store.parts;
  basin_status status;
  int64_t done = 0;
  do {
    status = basin_schedule(r->experiment, &r->backend, r->options, r->store.folder, range + done,
                            ranges - done, &r->watch, &r->progress, error);
    if (status != BASIN_WORKER_LOST) break;
    done += written_first(range + done, ranges - done);
    status = fall_back(r, error);
  } while (!status);
  r->progress.seconds = basin_runner_seconds(r);
  if (status) return status;
  basin_range *more = realloc(parts->range, (size_t)(parts->count + ranges) * sizeof *more);
  if (!more) return basin_fail_memory(error);
  memcpy(more + parts->count, range, (size_t)ranges * sizeof *more);
  parts->range = more;
  parts->count += ranges;
  basin_range_sort(parts->range, parts->count);
  return BASIN_OK;
}

basin_status basin_runner_interrupted(basin_runner *r, basin_error *error) {
  int64_t trials = 0;
  basin_parts_free(&r->store.parts);
  if (!basin_parts_list(r->store.folder, r->experiment, 0, &r->store.parts, error))
    for (int64_t i = 0; i < r->store.parts.count; i++) trials += r->store.parts.range[i].count;
  return basin_fail(
      error, BASIN_INTERRUPTED,
      "interrupted; the parts at work are saved, %lld finished trials are kept in %s, "
      "the same command goes on",
      (long long)trials, r->store.folder);
}

basin_provenance basin_runner_provenance(const basin_runner *r) {
  return (basin_provenance){.began = r->began.tv_sec,
                            .seconds = r->progress.seconds,
                            .trial_steps = r->watch.trial_steps,
                            .backend = r->backend.description};
}

/* ---- into one file ---- */

/* the parts are in the output now: they go; but what is not ours stays, and is told of */
static void remove_parts(const basin_run_options *options, const char *folder) {
  char text[BASIN_PATH_BYTES + 128];
  if (!basin_parts_remove(folder) || !options->warn) return;
  snprintf(text, sizeof text,
           basin_is_link(folder) ? "%s: a symbolic link: the parts that it leads to are left there"
                                 : "%s: left, for there are other things in it than parts",
           folder);
  options->warn(text);
}

/* a run that was killed while it removed its parts has left some: the output is complete, they may go */
static void sweep(const basin_experiment *e, const basin_run_options *options, const char *folder) {
  basin_parts parts;
  basin_error ignored;
  const int there = basin_is_there(folder) && !basin_is_link(folder);
  if (there && !basin_parts_list(folder, e, 0, &parts, &ignored)) {
    remove_parts(options, folder);
    basin_parts_free(&parts);
  }
}

/* One run at a time. A run that ends removes the folder: then it is made again. */
static basin_status lock_folder(const char *folder, int *lock, basin_error *error) {
  for (;;) {
    struct stat status;
    const basin_status made = basin_make_folder(folder, error);
    if (made) return made;
    *lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*lock < 0 && errno == ENOENT) continue;
    if (*lock < 0) return basin_fail_system(error, "cannot be opened", folder);
    if (flock(*lock, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
      close(*lock);
      *lock = -1;
      return basin_fail(error, BASIN_FAILED, "%s: another basin is running on it", folder);
    }
    if (!fstat(*lock, &status) && status.st_nlink > 0) return BASIN_OK;
    close(*lock);
  }
}

static basin_status run_round(basin_runner *r, basin_error *error) {
  const basin_store *store = &r->store;
  basin_range *missing = NULL;
  int64_t missings = 0;
  basin_status status = basin_plan_missing(r->experiment, store->target, store->part_trials,
                                           store->parts.range, store->parts.count, &missing,
                                           &missings, error);
  if (status || !missings) return status;
  r->progress.trials_total = 0;
  for (int64_t c = 0; c < r->experiment->cells; c++) r->progress.trials_total += store->target[c];
  status = basin_runner_work(r, missing, missings, error);
  free(missing);
  return status;
}

static basin_status run_rounds(basin_runner *r, basin_error *error) {
  int raised = 1;
  basin_status status = basin_parts_list(r->store.folder, r->experiment, 1, &r->store.parts, error);
  for (int64_t i = 0; i < r->store.parts.count; i++)
    r->progress.trials_kept += r->store.parts.range[i].count;
  while (!status && raised) {
    status = basin_runner_check_room(r, 1, error);
    if (!status) status = run_round(r, error);
    if (!status) status = basin_store_raise(&r->store, &raised, error);
  }
  return status == BASIN_INTERRUPTED ? basin_runner_interrupted(r, error) : status;
}

basin_status basin_run(const basin_experiment *e, const basin_run_options *options,
                       basin_error *error) {
  basin_runner r;
  char folder[BASIN_PATH_BYTES];
  int complete = 0, lock = -1;
  if (!options->output || !*options->output)
    return basin_fail(error, BASIN_BAD_INPUT, "no output file given");
  basin_status status = basin_check_output_name(options->output, error);
  if (status) return status;
  snprintf(folder, sizeof folder, "%s.parts", options->output);
  status = basin_results_check(options->output, e, &complete, error);
  if (complete) sweep(e, options, folder);
  if (status || complete) return status;
  status = basin_runner_open(&r, e, options, folder, options->part_trials, error);
  if (status) return status;
  status = lock_folder(folder, &lock, error);
  if (!status) { /* what killed runs have left: with the folder locked, nobody writes these now */
    basin_sweep_path(options->output, 0);
    if (!basin_is_link(folder)) basin_sweep(folder, basin_is_part_name, NULL, 0);
  }
  if (!status) status = run_rounds(&r, error);
  if (!status) {
    const basin_provenance provenance = basin_runner_provenance(&r);
    status = basin_store_assemble(&r.store, options->output,
                                  options->no_provenance ? NULL : &provenance, 0, options->stop,
                                  error);
  }
  if (!status) {
    status = basin_store_judge(&r.store, options->output, error);
    remove_parts(options, folder);
  } else if (lock >= 0) {
    rmdir(folder); /* goes only where it is empty */
  }
  if (lock >= 0) close(lock);
  basin_runner_close(&r);
  return status;
}

/* ---- one trial ---- */

static basin_status write_trial(const basin_runner *r, const basin_extent *extent,
                                const basin_part *part, basin_error *error) {
  const int64_t count = 1;
  const basin_provenance provenance = basin_runner_provenance(r);
  char temporary[BASIN_PATH_BYTES];
  basin_output *output;
  basin_error ignored;
  if (!basin_temporary_name(r->options->output, temporary))
    return basin_fail(error, BASIN_BAD_INPUT, "the output's path is too long");
  basin_status status = basin_output_create(temporary, r->experiment, extent, &count, 0, &output,
                                            error);
  if (status) return status;
  status = basin_output_write(output, extent->first_cell, part, extent->first_trial + 1, error);
  if (!status && !r->options->no_provenance)
    status = basin_provenance_write(output, &provenance, error);
  const basin_status closed = basin_output_close(output, status ? &ignored : error);
  if (!status) status = closed;
  if (!status) status = basin_publish(temporary, r->options->output, error);
  if (status) unlink(temporary);
  return status;
}

basin_status basin_run_trial(const basin_experiment *e, int64_t cell, int64_t trial,
                             const basin_run_options *options, basin_error *error) {
  /* the CPU has done one trial by the time a device is awake */
  basin_run_options alone = *options;
  if (!alone.devices && (!alone.backend || !strcmp(alone.backend, "auto"))) alone.backend = "cpu";
  basin_runner r = {.experiment = e, .options = &alone};
  const basin_extent extent = {.first_cell = cell,
                               .cells = 1,
                               .first_trial = trial,
                               .trials = 1,
                               .recorded = 1,
                               .times = e->times};
  basin_part part = {0};
  basin_job job;
  if (cell < 0 || cell >= e->cells)
    return basin_fail(error, BASIN_BAD_INPUT, "--cell %lld: expected 0 to %lld", (long long)cell,
                      (long long)e->cells - 1);
  if (trial < 0 || trial >= BASIN_TRIALS_MAX)
    return basin_fail(error, BASIN_BAD_INPUT, "--trial %lld: expected a number from 0",
                      (long long)trial);
  basin_status status = basin_check_output_name(alone.output, error);
  if (status) return status;
  int *index = calloc((size_t)(e->finals + e->observables) + 1, sizeof *index);
  clock_gettime(CLOCK_REALTIME, &r.began);
  status = index ? backend_open(e, &alone, &r.backend, error) : basin_fail_memory(error);
  if (status) {
    free(index);
    return status;
  }
  basin_part_job(e, cell, trial, 1, index, index + e->finals, &job);
  job.recorded = trial + 1;
  job.times = e->times;
  status = basin_part_allocate(&job, &part, error);
  if (!status) status = basin_run_part(&r.backend, 0, &job, &part, &r.watch, error);
  if (!status)
    status = basin_measure_part(e, basin_cpu_isa(alone.isa), &job, &part, &r.watch, error);
  if (status == BASIN_WORKER_LOST) status = BASIN_FAILED;
  r.progress.seconds = basin_runner_seconds(&r);
  if (!status) status = write_trial(&r, &extent, &part, error);
  basin_part_free(&part);
  basin_runner_close(&r);
  free(index);
  return status;
}
