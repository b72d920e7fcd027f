/* SPDX-License-Identifier: MIT
 *
 * run.c: a run from experiment to output file.
 *
 * Parts go into the folder OUTPUT.parts. When all are there they are copied, in order, into OUTPUT.tmp,
 * which is fsynced and renamed to OUTPUT; then the folder is removed. So an output that exists is complete.
 */
#include "backend_cpu.h"
#include "output.h"
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
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, BASE_MEMORY = 24 << 20 };

typedef struct run {
  const basin_experiment *experiment;
  const basin_run_options *options;
  basin_backend backend;
  basin_watch watch;
  basin_progress progress; /* before the present round */
  char folder[PATH_BYTES], temporary[PATH_BYTES];
  int lock;         /* descriptor of the folder, locked */
  int64_t *target;  /* [cells] trials each cell should have */
  basin_parts kept; /* finished parts */
  struct timespec began;
  double seconds; /* of all rounds */
} run;

static double seconds_since(const struct timespec *begun) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (double)(t.tv_sec - begun->tv_sec) + 1e-9 * (double)(t.tv_nsec - begun->tv_nsec);
}

static basin_status backend_open(const basin_run_options *options, basin_backend *backend,
                                 basin_error *error) {
  const char *name = options->backend ? options->backend : "auto";
  if (!strcmp(name, "cuda"))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "--backend cuda: this build has no CUDA backend, expected auto or cpu");
  if (strcmp(name, "auto") != 0 && strcmp(name, "cpu") != 0)
    return basin_fail(error, BASIN_BAD_INPUT, "--backend %s: expected auto, cpu or cuda", name);
  return basin_cpu_open(options->isa, options->threads, backend, error);
}

basin_status basin_describe_backend(const basin_run_options *options, char *text, size_t size,
                                    basin_error *error) {
  basin_backend backend;
  const basin_status status = backend_open(options, &backend, error);
  if (status) return status;
  snprintf(text, size, "%s", backend.description);
  backend.close(backend.self);
  return BASIN_OK;
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

static basin_extent whole_extent(const basin_experiment *e, const int64_t *target) {
  basin_extent extent = {.cells = e->cells, .recorded = e->recorded, .times = e->times};
  for (int64_t c = 0; c < e->cells; c++)
    if (target[c] > extent.trials) extent.trials = target[c];
  if (extent.recorded > extent.trials) extent.recorded = extent.trials;
  return extent;
}

static void estimate(const basin_experiment *e, const basin_run_options *options, int workers,
                     const int64_t *target, basin_estimate *out) {
  const basin_extent extent = whole_extent(e, target);
  double largest = 0, parts_bytes = 0, vectors = 0;
  *out = (basin_estimate){.cells = e->cells};
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_setting *s = &e->cell[c].setting;
    for (int i = 0; i < e->cell[c].model->teachers; i++)
      vectors += 8.0 * (double)s->teacher[i].length;
    out->trials += target[c];
    for (int64_t first = 0; first < target[c];) {
      const int64_t size = basin_plan_size(e, c, first, target[c], options->part_trials);
      const double bytes = job_bytes(e, c, first, size);
      const int64_t alike = first >= e->recorded ? (target[c] - first) / size
                                                 : 1; /* parts of the same size */
      if (bytes > largest) largest = bytes;
      parts_bytes += bytes * (double)alike;
      out->parts += alike;
      first += size * alike;
    }
  }
  out->memory_bytes = BASE_MEMORY + vectors + largest * (workers + 1);
  out->disk_bytes = parts_bytes + basin_output_bytes(e, &extent);
}

static int64_t *first_targets(const basin_experiment *e, basin_error *error) {
  int64_t *target = calloc((size_t)e->cells, sizeof *target);
  if (!target) basin_fail_memory(error);
  for (int64_t c = 0; c < e->cells && target; c++) target[c] = e->trials;
  return target;
}

basin_status basin_estimate_run(const basin_experiment *e, const basin_run_options *options,
                                basin_estimate *out, basin_error *error) {
  int64_t *target = first_targets(e, error);
  if (!target) return BASIN_FAILED;
  estimate(e, options, options->threads > 0 ? options->threads : basin_cpu_processors(), target,
           out);
  free(target);
  return BASIN_OK;
}

/* refuse what cannot fit; the folder exists already */
static basin_status check_room(const run *r, basin_error *error) {
  basin_estimate need;
  struct statvfs disk;
  char needed[32], have[32];
  estimate(r->experiment, r->options, r->backend.workers, r->target, &need);
  const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  if (need.memory_bytes > memory) {
    basin_show_bytes(needed, sizeof needed, need.memory_bytes);
    basin_show_bytes(have, sizeof have, memory);
    return basin_fail(error, BASIN_BAD_INPUT,
                      "needs %s of memory, this machine has %s: record fewer trials or steps, or "
                      "use fewer threads",
                      needed, have);
  }
  for (int64_t i = 0; i < r->kept.count; i++)
    need.disk_bytes -= job_bytes(r->experiment, r->kept.range[i].cell, r->kept.range[i].first,
                                 r->kept.range[i].count);
  const double room = statvfs(r->folder, &disk) ? INFINITY
                                                : (double)disk.f_bavail * (double)disk.f_frsize;
  if (need.disk_bytes > room) {
    basin_show_bytes(needed, sizeof needed, need.disk_bytes);
    basin_show_bytes(have, sizeof have, room);
    return basin_fail(error, BASIN_FAILED,
                      "%s: needs %s of disk for the parts and the output, %s are free",
                      r->options->output, needed, have);
  }
  return BASIN_OK;
}

/* ---- rounds ---- */

/* successes among the first `limit` trials of a cell */
static basin_status count_successes(const run *r, int64_t cell, int64_t limit, int64_t *successes,
                                    basin_error *error) {
  *successes = 0;
  for (int64_t i = 0; i < r->kept.count; i++) {
    const basin_range *k = &r->kept.range[i];
    basin_part part;
    if (k->cell != cell || k->first >= limit) continue;
    if (k->first + k->count <= limit) {
      *successes += k->outcomes[BASIN_GLOBAL];
      continue;
    }
    const basin_status status = basin_part_read(r->folder, r->experiment, k, &part, NULL, error);
    if (status) return status;
    for (int64_t t = 0; t < limit - k->first; t++) *successes += part.outcome[t] == BASIN_GLOBAL;
    basin_part_free(&part);
  }
  return BASIN_OK;
}

/* raise the targets of cells whose interval is too wide; *raised: whether any was */
static basin_status raise_targets(run *r, int *raised, basin_error *error) {
  *raised = 0;
  if (!(r->experiment->halfwidth > 0)) return BASIN_OK;
  for (int64_t c = 0; c < r->experiment->cells; c++) {
    int64_t successes;
    const basin_status status = count_successes(r, c, r->target[c], &successes, error);
    if (status) return status;
    const int64_t enough = basin_plan_enough(r->experiment, r->target[c], successes);
    if (enough > r->target[c]) *raised = 1;
    r->target[c] = enough;
  }
  return BASIN_OK;
}

static basin_status add_kept(run *r, const basin_range *range, int64_t ranges, basin_error *error) {
  basin_range *more = realloc(r->kept.range, (size_t)(r->kept.count + ranges) * sizeof *more);
  if (!more) return basin_fail_memory(error);
  memcpy(more + r->kept.count, range, (size_t)ranges * sizeof *more);
  r->kept.range = more;
  r->kept.count += ranges;
  basin_range_sort(r->kept.range, r->kept.count);
  return BASIN_OK;
}

static basin_status run_round(run *r, basin_error *error) {
  basin_range *missing = NULL;
  int64_t missings = 0;
  basin_status status = basin_plan_missing(r->experiment, r->target, r->options->part_trials,
                                           r->kept.range, r->kept.count, &missing, &missings,
                                           error);
  if (status || !missings) return status;
  r->progress.trials_total = 0;
  for (int64_t c = 0; c < r->experiment->cells; c++) r->progress.trials_total += r->target[c];
  status = basin_schedule(r->experiment, &r->backend, r->options, r->folder, missing, missings,
                          &r->watch, &r->progress, error);
  if (!status) status = add_kept(r, missing, missings, error);
  free(missing);
  return status;
}

/* ---- the output ---- */

static basin_status write_provenance(const run *r, basin_output *output, basin_error *error) {
  char text[512], host[256] = "";
  time_t seconds = r->began.tv_sec;
  struct tm utc;
  gethostname(host, sizeof host - 1);
  gmtime_r(&seconds, &utc);
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  basin_status status = basin_output_provenance(output, "host", host, error);
  if (!status) status = basin_output_provenance(output, "date", text, error);
  if (!status) status = basin_output_provenance(output, "backend", r->backend.description, error);
  snprintf(text, sizeof text, "%.3f", r->seconds);
  if (!status) status = basin_output_provenance(output, "seconds", text, error);
  snprintf(text, sizeof text, "%lld", (long long)r->watch.trial_steps);
  if (!status) status = basin_output_provenance(output, "trial_steps", text, error);
  return status;
}

static basin_status write_parts(const run *r, basin_output *output, basin_error *error) {
  basin_status status = BASIN_OK;
  for (int64_t i = 0, reached = 0; i < r->kept.count && !status; i++) {
    const basin_range *k = &r->kept.range[i];
    basin_part part;
    if (i && r->kept.range[i - 1].cell != k->cell) reached = 0;
    if (k->first + k->count <= reached || k->first >= r->target[k->cell])
      continue; /* wholly covered, or beyond */
    if (r->options->stop && *r->options->stop)
      return basin_fail(error, BASIN_INTERRUPTED, "interrupted");
    status = basin_part_read(r->folder, r->experiment, k, &part, NULL, error);
    if (status) return status;
    status = basin_output_write(output, k->cell, &part, r->target[k->cell], error);
    basin_part_free(&part);
    reached = k->first + k->count;
  }
  return status;
}

/* a rename lasts once the folder is synced */
static basin_status sync_folder_of(const char *path, basin_error *error) {
  char folder[PATH_BYTES];
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  if (slash) slash[slash == folder] = 0;
  const int file = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int bad = file < 0 || fsync(file);
  if (file >= 0) close(file);
  return bad ? basin_fail_system(error, "cannot sync its folder", path) : BASIN_OK;
}

static basin_status publish(const char *temporary, const char *path, basin_error *error) {
  if (rename(temporary, path))
    return basin_fail_system(error, "cannot be renamed into place", path);
  return sync_folder_of(path, error);
}

static basin_status write_output(run *r, basin_error *error) {
  const basin_extent extent = whole_extent(r->experiment, r->target);
  basin_output *output;
  basin_error ignored;
  basin_status status = basin_output_create(r->temporary, r->experiment, &extent, r->target,
                                            &output, error);
  if (!status) {
    status = write_parts(r, output, error);
    if (!status) status = r->options->no_provenance ? BASIN_OK : write_provenance(r, output, error);
    const basin_status closed = basin_output_close(output, status ? &ignored : error);
    if (!status) status = closed;
  }
  if (!status) status = publish(r->temporary, r->options->output, error);
  if (status) unlink(r->temporary);
  return status;
}

/* ---- beginning and end ---- */

/* what stands at the output's path already: *complete where it is this very experiment, done */
static basin_status check_output(const run *r, int *complete, basin_error *error) {
  const basin_experiment *e = r->experiment;
  basin_results *results;
  *complete = 0;
  if (access(r->options->output, F_OK)) return BASIN_OK;
  basin_status status = basin_results_open(r->options->output, &results, error);
  if (status) return status;
  *complete = basin_results_matches(results, e);
  basin_results_close(results);
  if (!*complete)
    return basin_fail(
        error, BASIN_BAD_INPUT,
        "%s: holds another experiment, or other trials; give another name with -o, or remove it",
        r->options->output);
  return BASIN_OK;
}

/* a run that was killed while it removed its parts has left some: the output is complete, they may go */
static void sweep(run *r) {
  basin_error ignored;
  if (!basin_parts_list(r->folder, r->experiment, 0, &r->kept, &ignored))
    basin_parts_remove(r->folder);
  basin_parts_free(&r->kept);
}

static basin_status open_folder(run *r, basin_error *error) {
  if (mkdir(r->folder, 0777) && errno != EEXIST)
    return basin_fail_system(error, "cannot be made", r->folder);
  r->lock = open(r->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (r->lock < 0) return basin_fail_system(error, "cannot be opened", r->folder);
  if (flock(r->lock, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
    return basin_fail(error, BASIN_FAILED, "%s: another basin is running on it", r->folder);
  return BASIN_OK;
}

static basin_status load_kept(run *r, basin_error *error) {
  const basin_status status = basin_parts_list(r->folder, r->experiment, 1, &r->kept, error);
  for (int64_t i = 0; i < r->kept.count; i++) r->progress.trials_kept += r->kept.range[i].count;
  return status;
}

/* more trials without a decision than the experiment allows? */
static basin_status judge(const run *r, basin_error *error) {
  const basin_experiment *e = r->experiment;
  for (int64_t c = 0; c < e->cells; c++) {
    int64_t trials = 0, unresolved = 0, diverged = 0;
    for (int64_t i = 0; i < r->kept.count; i++) {
      if (r->kept.range[i].cell != c) continue;
      trials += r->kept.range[i].count;
      unresolved += r->kept.range[i].outcomes[BASIN_UNRESOLVED];
      diverged += r->kept.range[i].outcomes[BASIN_DIVERGED];
    }
    const double n = (double)trials;
    if ((double)unresolved > e->allow_unresolved * n || (double)diverged > e->allow_diverged * n)
      return basin_fail(error, BASIN_OUTSIDE,
                        "%s: cell %lld has %lld of %lld trials unresolved and %lld diverged, more "
                        "than the experiment allows",
                        r->options->output, (long long)c, (long long)unresolved, (long long)trials,
                        (long long)diverged);
  }
  return BASIN_OK;
}

static basin_status run_rounds(run *r, basin_error *error) {
  int raised = 1;
  basin_status status = check_room(r, error);
  while (!status && raised) {
    status = run_round(r, error);
    r->progress.seconds = seconds_since(&r->began);
    if (!status) status = raise_targets(r, &raised, error);
  }
  r->seconds = seconds_since(&r->began);
  if (status == BASIN_INTERRUPTED) {
    int64_t trials = 0;
    basin_parts_free(&r->kept);
    if (!basin_parts_list(r->folder, r->experiment, 0, &r->kept, error))
      for (int64_t i = 0; i < r->kept.count; i++) trials += r->kept.range[i].count;
    return basin_fail(error, status,
                      "interrupted; %lld trials are kept in %s, the same command goes on",
                      (long long)trials, r->folder);
  }
  return status;
}

basin_status basin_run(const basin_experiment *e, const basin_run_options *options,
                       basin_error *error) {
  run r = {.experiment = e, .options = options, .lock = -1};
  int complete = 0;
  if (!options->output || !*options->output)
    return basin_fail(error, BASIN_BAD_INPUT, "no output file given");
  if (snprintf(r.folder, sizeof r.folder, "%s.parts", options->output) >= (int)sizeof r.folder ||
      snprintf(r.temporary, sizeof r.temporary, "%s.tmp", options->output) >=
          (int)sizeof r.temporary)
    return basin_fail(error, BASIN_BAD_INPUT, "the output's path is too long");
  clock_gettime(CLOCK_REALTIME, &r.began);
  basin_status status = check_output(&r, &complete, error);
  if (!status && complete) sweep(&r);
  if (status || complete) return status;
  status = backend_open(options, &r.backend, error);
  if (status) return status;
  r.progress.backend = r.backend.description;
  r.target = first_targets(e, error);
  if (!r.target) status = BASIN_FAILED;
  if (!status) status = open_folder(&r, error);
  if (!status) status = load_kept(&r, error);
  if (!status) status = run_rounds(&r, error);
  if (!status) status = write_output(&r, error);
  if (!status) {
    basin_parts_remove(r.folder);
    status = judge(&r, error);
  } else {
    rmdir(r.folder); /* goes only where it is empty */
  }
  if (r.lock >= 0) close(r.lock);
  r.backend.close(r.backend.self);
  basin_parts_free(&r.kept);
  free(r.target);
  return status;
}

basin_status basin_run_trial(const basin_experiment *e, int64_t cell, int64_t trial,
                             const basin_run_options *options, basin_error *error) {
  run r = {.experiment = e, .options = options};
  const basin_extent extent = {.first_cell = cell,
                               .cells = 1,
                               .first_trial = trial,
                               .trials = 1,
                               .recorded = 1,
                               .times = e->times};
  const int64_t count = 1;
  basin_part part = {0};
  basin_job job;
  basin_output *output;
  basin_error ignored;
  if (cell < 0 || cell >= e->cells)
    return basin_fail(error, BASIN_BAD_INPUT, "--cell %lld: expected 0 to %lld", (long long)cell,
                      (long long)e->cells - 1);
  if (trial < 0 || trial >= BASIN_TRIALS_MAX)
    return basin_fail(error, BASIN_BAD_INPUT, "--trial %lld: expected a number from 0",
                      (long long)trial);
  if (snprintf(r.temporary, sizeof r.temporary, "%s.tmp", options->output) >=
      (int)sizeof r.temporary)
    return basin_fail(error, BASIN_BAD_INPUT, "the output's path is too long");
  int *index = calloc((size_t)(e->finals + e->observables) + 1, sizeof *index);
  clock_gettime(CLOCK_REALTIME, &r.began);
  basin_status status = index ? backend_open(options, &r.backend, error) : basin_fail_memory(error);
  if (status) {
    free(index);
    return status;
  }
  basin_part_job(e, cell, trial, 1, index, index + e->finals, &job);
  job.recorded = trial + 1;
  job.times = e->times;
  status = basin_part_allocate(&job, &part, error);
  if (!status) status = r.backend.run(r.backend.self, 0, &job, &part, &r.watch, error);
  r.seconds = seconds_since(&r.began);
  if (!status) status = basin_output_create(r.temporary, e, &extent, &count, &output, error);
  if (!status) {
    status = basin_output_write(output, cell, &part, trial + 1, error);
    if (!status && !options->no_provenance) status = write_provenance(&r, output, error);
    const basin_status closed = basin_output_close(output, status ? &ignored : error);
    if (!status) status = closed;
    if (!status) status = publish(r.temporary, options->output, error);
    if (status) unlink(r.temporary);
  }
  basin_part_free(&part);
  r.backend.close(r.backend.self);
  free(index);
  return status;
}
