/* SPDX-License-Identifier: MIT
 *
 * run.c: a run from experiment to output file.
 *
 * Parts go into the folder OUTPUT.parts. When all are there they are copied, in order, into a temporary file beside
 * OUTPUT, which is fsynced and renamed to OUTPUT; then the folder is removed. So an output that exists is complete.
 */
#include "run/run.h"
#include "read/discover.h"
#include "engine/cpu.h"
#include "run/choose.h"
#include "run/cut.h"
#include "run/extend.h"
#include "store/charter.h"
#include "store/results.h"
#include "run/scheduler.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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
  basin_status status = basin_choose(e, options, &r->backend, error);
  if (status) return status;
  r->progress.backend = r->backend.description;
  status = basin_store_open(&r->store, e, folder, part_trials, error);
  r->store.threads = r->backend.devices ? 0 : r->backend.workers;
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
    for (int o = 0; o < BASIN_OUTCOMES_MAX; o++) ended += range[i].outcomes[o];
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
  int lost;
  do {
    status = basin_schedule(r->store.experiment, &r->backend, r->options, r->store.folder,
                            range + done, ranges - done, &r->watch, &r->progress, &lost, error);
    if (!lost) break;
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
  if (!basin_store_list(&r->store, 0, error))
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

/* A run that was killed while it removed its parts has left some: the output is complete, they may go. But where they
   have more than it they are of a larger run, which began to extend it. */
static void sweep(const basin_experiment *e, const basin_run_options *options, const char *folder) {
  basin_parts parts;
  basin_error ignored;
  const int there = basin_is_there(folder) && !basin_is_link(folder);
  const int lock = there ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (lock < 0) return;
  if (!flock(lock, LOCK_EX | LOCK_NB) && /* else a run is at work in it */
      !basin_parts_list(folder, e, 0, &parts, &ignored)) {
    if (basin_extract_has(options->output, &parts)) remove_parts(options, folder);
    basin_parts_free(&parts);
  }
  close(lock);
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
  basin_status status = basin_cut_missing(store->experiment, store->target, store->part_trials,
                                          store->parts.range, store->parts.count, &missing,
                                          &missings, error);
  if (status || !missings) return status;
  r->progress.trials_total = 0;
  for (int64_t c = 0; c < store->experiment->cells; c++)
    r->progress.trials_total += store->target[c];
  status = basin_runner_work(r, missing, missings, error);
  free(missing);
  return status;
}

/* What the parts are parts of, for those who look at them before the end. An experiment with a name or a setting that
   no charter can keep runs without one, and so does one in whose folder that name is another's. */
static basin_status place_charter(const basin_runner *r, basin_error *error) {
  char path[BASIN_PATH_BYTES];
  snprintf(path, sizeof path, "%.4000s/" BASIN_RUN_CHARTER, r->store.folder);
  basin_charter_remove(r->store.folder);
  if (basin_is_there(path)) return BASIN_OK;
  const basin_status status = basin_charter_place(path, r->experiment, r->store.part_trials, 1,
                                                  error);
  return status == BASIN_BAD_INPUT ? BASIN_OK : status;
}

/* the trials of the file that is extended, where one is, as parts; earlier->results: NULL where none is */
static basin_status take_over(basin_runner *r, const basin_earlier *earlier, basin_error *error) {
  return earlier->results ? basin_earlier_take(earlier, &r->store, r->options, error) : BASIN_OK;
}

/* Finished trials that the experiment no longer asks for would go with the parts: not without a word. */
static basin_status check_fewer(const basin_runner *r, basin_error *error) {
  const basin_experiment *e = r->experiment;
  int64_t most = 0;
  if (e->halfwidth > 0 || e->refine.asked) return BASIN_OK; /* rounds may come to them */
  for (int64_t i = 0; i < r->store.parts.count; i++) {
    const basin_range *range = &r->store.parts.range[i];
    most = range->first + range->count > most ? range->first + range->count : most;
  }
  if (most <= e->trials) return BASIN_OK;
  return basin_fail(
      error, BASIN_BAD_INPUT,
      "%s: has finished trials of this experiment up to number %lld of a cell, and fewer are "
      "asked for now: go on with more (--trials), or give another name with -o, or remove it",
      r->store.folder, (long long)most);
}

static int64_t trials_there(const basin_store *store) {
  int64_t trials = 0;
  for (int64_t i = 0; i < store->parts.count; i++) trials += store->parts.range[i].count;
  return trials;
}

static basin_status run_rounds(basin_runner *r, const basin_earlier *earlier, basin_error *error) {
  int raised = 1;
  basin_status status = basin_store_list(&r->store, 1, error);
  if (!status) status = check_fewer(r, error);
  if (!status) status = basin_runner_check_room(r, 1, error);
  if (!status) status = place_charter(r, error);
  if (!status) status = take_over(r, earlier, error);
  r->progress.trials_kept = trials_there(&r->store);
  while (!status && raised) {
    status = basin_runner_check_room(r, 1, error);
    if (!status) status = run_round(r, error);
    const int64_t before = trials_there(&r->store);
    if (!status) status = basin_store_raise(&r->store, &raised, error);
    r->progress.trials_kept += trials_there(&r->store) - before; /* of cells that were added */
  }
  return status == BASIN_INTERRUPTED ? basin_runner_interrupted(r, error) : status;
}

/* What stands at the output's path: nothing, the complete file, or a smaller one of the same, which is opened where it
   is to be extended. */
static basin_status look(const basin_experiment *e, const basin_run_options *options, int *complete,
                         basin_earlier *earlier, basin_error *error) {
  basin_error damage;
  basin_status status = basin_results_check(options->output, e, complete, error);
  if (*complete || !basin_is_there(options->output) || !(status || options->extend)) return status;
  damage = *error;
  status = basin_earlier_open(options->output, e, earlier, error);
  if (status || options->extend) return status;
  if (basin_results_matches(earlier->results, e)) { /* it is the very file, and cannot be read */
    *error = damage;
    status = BASIN_BAD_INPUT;
  } else {
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "%s: has %lld trials of this experiment, which asks for more: --extend "
                        "runs those; or give another name with -o",
                        options->output, (long long)basin_earlier_trials(earlier));
  }
  basin_earlier_close(earlier);
  return status;
}

/* what stands at a path: another file has another one of these; all 0 where there is none */
static struct stat standing(const char *path) {
  struct stat status;
  if (stat(path, &status)) memset(&status, 0, sizeof status);
  return status;
}

/* that nobody has written the output since it was looked at */
static basin_status check_standing(const char *path, const struct stat *before,
                                   basin_error *error) {
  const struct stat now = standing(path);
  if (now.st_dev == before->st_dev && now.st_ino == before->st_ino &&
      now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
      now.st_mtim.tv_nsec == before->st_mtim.tv_nsec)
    return BASIN_OK;
  return basin_fail(error, BASIN_FAILED,
                    "%s: another run has just written it: give the command again", path);
}

/* parts of the file that is extended, left by a run that was killed as it removed them, would be in the way */
static basin_status clear_folder(const basin_experiment *e, const basin_earlier *earlier,
                                 const char *folder, int *lock, basin_error *error) {
  basin_parts parts;
  basin_error other;
  if (!earlier->results || earlier->experiment->identity == e->identity || basin_is_link(folder) ||
      basin_parts_list(folder, earlier->experiment, 0, &parts, &other))
    return BASIN_OK;
  const int old = parts.count > 0 && basin_extract_has(earlier->path, &parts);
  basin_parts_free(&parts);
  if (!old) return BASIN_OK;
  basin_parts_remove(folder);
  close(*lock);
  *lock = -1;
  return lock_folder(folder, lock, error);
}

static basin_status assemble(basin_runner *r, const basin_earlier *earlier, basin_error *error) {
  const basin_run_options *options = r->options;
  const basin_provenance provenance = basin_runner_provenance(r);
  const int64_t out = earlier->results ? basin_earlier_left_out(earlier, &r->store) : 0;
  char text[BASIN_PATH_BYTES + 128];
  if (out && options->warn) {
    snprintf(text, sizeof text, "%s: %lld trials that it had are more than `until` asks for now",
             options->output, (long long)out);
    options->warn(text);
  }
  const basin_status status = basin_store_assemble(&r->store, options->output,
                                                   options->no_provenance ? NULL : &provenance, 0,
                                                   options->stop, error);
  if (!status && options->warn && basin_discover_of(r->store.experiment))
    basin_warn_beyond(options->output, options->warn);
  return status;
}

basin_status basin_run(const basin_experiment *e, const basin_run_options *options,
                       basin_error *error) {
  basin_runner r;
  basin_earlier earlier = {0};
  char folder[BASIN_PATH_BYTES];
  int complete = 0, lock = -1;
  if (!options->output || !*options->output)
    return basin_fail(error, BASIN_BAD_INPUT, "no output file given");
  basin_status status = basin_check_output_name(options->output, error);
  if (status) return status;
  snprintf(folder, sizeof folder, "%s.parts", options->output);
  const struct stat before = standing(options->output);
  status = look(e, options, &complete, &earlier, error);
  if (complete) sweep(e, options, folder);
  if (status || complete) return status;
  status = basin_experiment_ends(e, error);
  if (!status) status = basin_runner_open(&r, e, options, folder, options->part_trials, error);
  if (status) {
    basin_earlier_close(&earlier);
    return status;
  }
  status = lock_folder(folder, &lock, error);
  if (!status) status = check_standing(options->output, &before, error);
  if (!status) { /* what killed runs have left: with the folder locked, nobody writes these now */
    basin_sweep_path(options->output, 0);
    if (!basin_is_link(folder)) basin_sweep(folder, basin_is_ours_among_parts, NULL, 0);
    status = clear_folder(e, &earlier, folder, &lock, error);
  }
  if (!status) status = run_rounds(&r, &earlier, error);
  if (!status) status = assemble(&r, &earlier, error);
  if (!status) {
    status = basin_store_judge(&r.store, options->output, error);
    remove_parts(options, folder);
  } else if (lock >= 0 && !basin_parts_any(folder)) {
    basin_parts_remove(folder); /* but for what is not ours */
  }
  if (lock >= 0) close(lock);
  basin_runner_close(&r);
  basin_earlier_close(&earlier);
  return status;
}
