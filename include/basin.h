/* SPDX-License-Identifier: MIT
 *
 * basin.h: the public C interface.
 *
 * Reads an experiment, runs its trials, reads the results. Handles are opaque; every function that can
 * fail returns a status and writes one line of reason into `error`; nothing here prints or exits.
 * Strings are UTF-8 and, unless said otherwise, belong to the handle they came from.
 *
 *   basin_experiment *experiment;
 *   basin_error error;
 *   if (basin_experiment_read("table1.yaml", NULL, 0, &experiment, &error)) puts(error.text);
 *   basin_run_options options = {.output = "table1.h5"};
 *   if (basin_run(experiment, &options, &error)) puts(error.text);
 *   basin_experiment_free(experiment);
 */
#ifndef BASIN_H
#define BASIN_H

#include <stddef.h>
#include <stdint.h>

#define BASIN_VERSION "0.1.0"

/* The status of a call, and the exit code of the program. */
typedef enum basin_status {
  BASIN_OK = 0,
  BASIN_FAILED = 1,    /* the system failed: disk, memory, permission */
  BASIN_BAD_INPUT = 2, /* usage, or a file that is not what it should be */
  BASIN_OUTSIDE =
      3, /* done, but more trials unresolved or diverged than the experiment allows; or a closed
                          form that is not what `basin verify` measures */
  BASIN_INTERRUPTED = 75, /* stopped on request; the same command goes on */
} basin_status;

typedef struct basin_error {
  char text[1024]; /* one line, no newline: `file:line:col: what is wrong, what was expected` */
} basin_error;

/* ---- an experiment: a model, a grid, a schedule, what to record ---- */

typedef struct basin_experiment basin_experiment;

/* Reads an experiment file and resolves every cell. set[i] is "key=value" and replaces one key of the
   file, with dots between levels ("stop.max_steps=1e5"). BASIN_BAD_INPUT with the place of the fault, or
   BASIN_FAILED where the file cannot be read. */
basin_status basin_experiment_read(const char *path, const char *const *set, int sets,
                                   basin_experiment **experiment, basin_error *error);

/* The same from text in memory; `name` stands for the file in messages. */
basin_status basin_experiment_parse(const char *name, const char *text, int64_t length,
                                    const char *const *set, int sets, basin_experiment **experiment,
                                    basin_error *error);
void basin_experiment_free(basin_experiment *experiment);

const char *basin_experiment_title(const basin_experiment *experiment);
int64_t basin_experiment_cells(const basin_experiment *experiment);
int64_t basin_experiment_trials(
    const basin_experiment *experiment); /* per cell, before `until` adds any */

/* ---- a run ---- */

/* How far a run is. Given to the progress callback a few times a second, from the calling thread. */
typedef struct basin_progress {
  int64_t trials, trials_total; /* ended so far, and to be run as far as is known */
  int64_t trials_kept;          /* found from an earlier, interrupted run */
  int64_t trial_steps;          /* steps of gradient descent taken, all trials together */
  double seconds;               /* since the run began */
  double seconds_left;          /* estimate, NaN where nothing is known yet */
  const char *backend;          /* e.g. "cpu, avx512, 2 threads" */
} basin_progress;

typedef struct basin_run_options {
  const char *output; /* the HDF5 file to make */
  const char *
      backend; /* "auto", "cpu", "cuda"; NULL: auto: cuda where a device answers and no isa is given */
  const char *devices; /* CUDA devices, "0,2"; NULL: all there are */
  const char *isa;     /* "generic", "avx2", "avx512"; NULL: the best of this machine */
  int threads; /* 0: all processors this process may use; with cuda: parts at once on each device, 0: 32 */
  int64_t part_trials; /* trials of a part; 0: chosen from the experiment alone */
  double save_seconds; /* how often parts under way are saved, so that little is lost; 0: 30 */
  int no_provenance;   /* leave /provenance empty, so that equal runs make equal files */
  void (*progress)(void *context, const basin_progress *progress);
  void *context;
  void (*warn)(
      const char *text);    /* a line on what went wrong while the run goes on; from any thread, one
                                     call at a time */
  const volatile int *stop; /* not 0: finish what is being written and return BASIN_INTERRUPTED */
} basin_run_options;

/* What a run needs, before it starts. */
typedef struct basin_estimate {
  int64_t cells, trials, parts; /* trials of all cells together */
  double memory_bytes;          /* largest resident memory, estimated */
  double disk_bytes;            /* of the output and, while running, the parts beside it */
  char backend[128]; /* what the options and the experiment choose, e.g. "cpu, avx512, 2 threads" */
} basin_estimate;

basin_status basin_estimate_run(const basin_experiment *experiment,
                                const basin_run_options *options, basin_estimate *estimate,
                                basin_error *error);

/* Runs every trial that is not kept yet and writes the output. Parts already finished by an interrupted
   run of the same experiment are taken over. An output that exists and is complete is left as it is. */
basin_status basin_run(const basin_experiment *experiment, const basin_run_options *options,
                       basin_error *error);

/* Runs one trial of one cell again and writes it, with its whole trajectory, to options->output: the same
   bits as in a full run. */
basin_status basin_run_trial(const basin_experiment *experiment, int64_t cell, int64_t trial,
                             const basin_run_options *options, basin_error *error);

/* ---- results ---- */

typedef struct basin_results basin_results;

/* Opens an output file. BASIN_BAD_INPUT where it is not one of ours, or damaged. */
basin_status basin_results_open(const char *path, basin_results **results, basin_error *error);
void basin_results_close(basin_results *results);

const char *basin_results_title(const basin_results *results);
const char *basin_results_experiment(const basin_results *results); /* the file's base name */
const char *basin_results_version(const basin_results *results);
uint64_t basin_results_seed(const basin_results *results);
int64_t basin_results_cells(const basin_results *results);

/* A probability with its 95% Wilson interval. */
typedef struct basin_rate {
  double rate, low, high; /* NaN where there are no trials */
} basin_rate;

enum { BASIN_OUTCOMES_MAX = 8 };

typedef struct basin_summary {
  int64_t index;       /* of the cell */
  const char *variant; /* "" where the experiment has none */
  int parameters;
  const char *const *parameter_name; /* [parameters] grid parameters, then the model's */
  const double *parameter;           /* [parameters] */
  int64_t trials;
  int64_t outcomes[BASIN_OUTCOMES_MAX]; /* trials per outcome, see basin_outcome_name() */
  basin_rate success;                   /* of the outcome "global" */
  double steps_median, steps_mean;      /* NaN where there are no trials */
  int64_t steps_max;
} basin_summary;

/* Counts one cell; memory does not grow with the number of trials. Valid until the results are closed. */
basin_status basin_results_summary(basin_results *results, int64_t cell, basin_summary *summary,
                                   basin_error *error);

/* "unresolved", "global", ...; NULL past the last one */
const char *basin_outcome_name(int outcome);

/* Wilson's score interval for `successes` out of `trials` at 95% (Wilson 1927). */
basin_rate basin_wilson(int64_t successes, int64_t trials);

#endif
