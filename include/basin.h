/* SPDX-License-Identifier: MIT
 *
 * basin.h: the public interface of the library, and all that a caller needs: it reads an experiment, runs its trials,
 * and reads the results. The program basin is made of it, too. Handles are opaque; every function that can
 * fail returns a status and writes one line of reason into `error`; nothing here prints or exits.
 * Strings are UTF-8 and, unless said otherwise, belong to the handle they came from.
 * One thread at a time: HDF5, which is behind it, is not safe for several. A run takes threads of its own.
 *
 *   basin_experiment *experiment = NULL;
 *   basin_error error;
 *   basin_run_options options = {.output = "table1.h5"};
 *   if (basin_experiment_read("table1.yaml", NULL, 0, &experiment, &error) ||
 *       basin_run(experiment, &options, &error))
 *     puts(error.text);
 *   basin_experiment_free(experiment);
 *
 * For C (from C99 on) and C++. `pkg-config --cflags --libs basin` says how to build with it.
 */
#ifndef BASIN_H
#define BASIN_H

#include <stddef.h>
#include <stdint.h>

/* what stands here is all that libbasin.so shows */
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif

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
   file, with dots between levels ("stop.max_steps=1e5") and numbers from 0 for the entries of lists
   ("schedule.0.eta=0.1"). BASIN_BAD_INPUT with the place of the fault, or BASIN_FAILED where the file
   cannot be read. */
basin_status basin_experiment_read(const char *path, const char *const *set, int sets,
                                   basin_experiment **experiment, basin_error *error);

/* The same from text in memory; `name` stands for the file in messages. */
basin_status basin_experiment_parse(const char *name, const char *text, int64_t length,
                                    const char *const *set, int sets, basin_experiment **experiment,
                                    basin_error *error);
void basin_experiment_free(basin_experiment *experiment);

const char *basin_experiment_title(const basin_experiment *experiment);
int64_t basin_experiment_cells(const basin_experiment *experiment);

/* As basin_results_outcome_name(), of a file that the experiment makes. */
const char *basin_experiment_outcome_name(const basin_experiment *experiment, int outcome);
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
  int extend; /* an output that holds fewer trials or cells of the experiment: run the others, replace it */
  void (*progress)(void *context, const basin_progress *progress);
  void *context;
  void (*warn)(
      const char *text);    /* a line on what went wrong while the run goes on; from any thread, one
                                     call at a time */
  const volatile int *stop; /* not 0: finish what is being written and return BASIN_INTERRUPTED */
} basin_run_options;

/* What a run needs, before it starts. */
typedef struct basin_need {
  int64_t cells, trials, parts; /* trials of all cells together */
  double memory_bytes;          /* largest resident memory, estimated */
  double device_bytes;          /* of each device, but for the driver's; 0: unknown */
  double disk_bytes;            /* of the output and, while running, the parts beside it */
  char backend[128]; /* what the options and the experiment choose, e.g. "cpu, avx512, 2 threads" */
} basin_need;

/* Works out what a run with these options would need; starts nothing. BASIN_BAD_INPUT where they name a backend or
   device that cannot be had. */
basin_status basin_need_run(const basin_experiment *experiment, const basin_run_options *options,
                            basin_need *need, basin_error *error);

/* Runs every trial that is not kept yet and writes the output. Parts already finished by an interrupted
   run of the same experiment are taken over. An output that exists and is complete is left as it is; one that holds
   fewer trials, or fewer points of the grid, is BASIN_BAD_INPUT without options->extend. With it those are added: the
   file is that of a fresh run, and the old one stays whole until it is in its place. */
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
typedef struct basin_proportion {
  double value, low, high; /* NaN where there are no trials */
} basin_proportion;

/* Outcomes have numbers: the built-in ones from 0 on, "unresolved", "global", ...; behind them those that an experiment
   names itself under `outcomes`. A file's table of them are flag_values and flag_meanings of its `outcome`. */
enum { BASIN_OUTCOMES_MAX = 16 };

/* The name of an outcome in this file; NULL past the last one. And whether it counts as success: "global" does, and
   those of the experiment's own that have `global: true`. */
const char *basin_results_outcome_name(const basin_results *results, int outcome);
int basin_results_succeeds(const basin_results *results, int outcome);

/* How many steps trials took, of those that ended alike: see basin_summary. */
typedef struct basin_steps {
  double median; /* of an even number of trials the mean of the middle two */
  double low,
      high; /* 95% interval of the median: two of the trials' numbers, by their ranks; NaN below 6 trials */
  double mean;
  int64_t max; /* -1 where there are no trials; the rest is NaN then */
} basin_steps;

/* What a trial's steps count: those until it reached what it ended at, or, under the early rule (an experiment without
   stop.at), only those until its outcome was proved, which is sooner. */
typedef enum basin_steps_to {
  BASIN_STEPS_UNKNOWN = -1, /* the file comes from an older version */
  BASIN_STEPS_REACHED,
  BASIN_STEPS_PROVED,
} basin_steps_to;

typedef struct basin_summary {
  int64_t index;       /* of the cell */
  const char *variant; /* "" where the experiment has none */
  int parameters;
  const char *const *parameter_name; /* [parameters] the grid's, then the model's */
  const double *parameter;           /* [parameters] */
  int64_t trials;
  int64_t outcomes[BASIN_OUTCOMES_MAX]; /* trials per outcome, see basin_results_outcome_name() */
  int64_t
      halved; /* trials that began again with smaller steps; -1 where the experiment does not ask for it */
  basin_proportion success; /* of all outcomes that count as success */
  double steps_median,
      steps_mean; /* of all trials, whatever their outcome; NaN where there are none */
  int64_t steps_max;
  const basin_steps *
      steps; /* [BASIN_OUTCOMES_MAX] of the trials of each outcome: steps to the global optimum, ... */
  basin_steps_to steps_to; /* what the steps of a resolved trial of this cell count */
} basin_summary;

/* Counts one cell; memory does not grow with the number of trials. Valid until the results are closed. */
basin_status basin_results_summary(basin_results *results, int64_t cell, basin_summary *summary,
                                   basin_error *error);

/* ---- first passages: record.passages ---- */

/* How many first passages the file keeps of every trial, as arrays passage_1, passage_2, ... */
int basin_results_passages(const basin_results *results);

/* One of them, in one cell: the first step at which an observable is at a level, or past it. */
typedef struct basin_passages {
  char observable[64];
  int above;         /* 1: observable >= level, 0: observable <= level */
  double level;      /* NaN: the cell has no such passage, and others have */
  int64_t trials;    /* of the cell */
  int64_t passed;    /* of these: that had it until they ended */
  int64_t open;      /* that had not, and ended unresolved: it may come later */
  basin_steps steps; /* of those that had it */
} basin_passages;

/* Counts passage number 1, 2, ... of a cell; memory does not grow with the number of trials. */
basin_status basin_results_passage(basin_results *results, int64_t cell, int number,
                                   basin_passages *passages, basin_error *error);

/* ---- where success crosses a rate: `refine` ---- */

typedef enum basin_crossing_status {
  BASIN_CROSSING_FOUND,      /* as closely as was asked for, or as there are numbers */
  BASIN_CROSSING_WIDE,       /* not so closely: points in between cannot be told from the rate */
  BASIN_CROSSING_ABOVE,      /* there is none: success is above the rate at all points */
  BASIN_CROSSING_BELOW,      /* below it */
  BASIN_CROSSING_UNTOLD,     /* none is seen, and some points cannot be told from the rate */
  BASIN_CROSSING_UNFINISHED, /* of a partial file: the search would go on */
} basin_crossing_status;

/* Success along the refined parameter, all else fixed, crosses the rate between `low` and `high`: at these two it lies
   on two sides of it, for all crossings of the curve together with 95% confidence. */
typedef struct basin_crossing {
  double at, low,
      high; /* of the parameter; NaN where there is no crossing; `at`: on the line between the two rates */
  int64_t low_cell,
      high_cell; /* the cells at low and high; the curve's first and last where there is no crossing */
  int direction; /* 1: success rises there with the parameter, -1: it falls, 0: there is no crossing */
  basin_crossing_status status;
} basin_crossing;

/* What was asked for. */
typedef struct basin_refinement {
  const char *parameter;
  double to;                      /* how far apart low and high may be */
  int relative;                   /* `to` is a share of low */
  double where;                   /* the rate */
  int64_t max_trials, grid_cells; /* of a point; cells of the grid: those behind them were added */
  int64_t crossings;
} basin_refinement;

/* Fills it in; 0 where the experiment does not refine. It is valid until the results are closed. */
int basin_results_refinement(const basin_results *results, basin_refinement *refinement);

/* One of the crossings, index from 0: those of a curve by the parameter, at least one entry for each curve. */
basin_status basin_results_crossing(const basin_results *results, int64_t index,
                                    basin_crossing *crossing, basin_error *error);

/* "found", "wide", ...; NULL past the last one */
const char *basin_crossing_status_name(int status);

/* ---- numbers of single trials ---- */

/* How many trials a partial file lacks, any of them: what `basin merge --partial` makes. 0: the file is complete. */
int64_t basin_results_missing(const basin_results *results);

/* The recorded trials of a cell are its first ones: so many; 0 where the experiment records none. */
int64_t basin_results_recorded(const basin_results *results);

/* The recorded steps: how many, and which, ascending. */
int64_t basin_results_times(const basin_results *results);
const int64_t *basin_results_time(const basin_results *results);

/* An array that the file has for each of its cells. Of one cell:

     outcome                      [trial]                see basin_results_outcome_name()
     steps                        [trial]                taken until the outcome
     halvings                     [trial]                where any cell asks for it: on_divergence: halve
     final_NAME                   [trial]                an observable at the end of the trial
     passage_1, passage_2, ...    [trial]                first steps at a level, -1: not until the end
     passage_level                [passage]              these levels
     eta_t, loss_limit            [time]                 step sizes summed up to there; mean loss at infinite width
     NAME                         [recorded][time]       an observable along the trajectory
     estimated_NAME, ..._error    [recorded][time]       measured on fresh inputs, with its standard error
     vector_NAME                  [recorded][time][entry]   a full vector
     attractor                    [trial]                where it came to rest: outcomes.discover; -1: nowhere, -2: at a
                                                         point beyond those that are told apart
     attractor_trials             [attractor]            how many trials came to rest there
     attractor_share, ..._low, ..._high   [attractor]    their share of all trials of the cell, with its interval
     attractor_first_trial        [attractor]            the first of them, -1: none
     attractor_loss               [attractor]            the loss at its end
     attractor_at_NAME            [attractor][entry]     a full vector there; of an observable [attractor]

   An attractor has one number in all cells. How many there are is size[0] of attractor_trials, for a cell has all of
   them: of those that it has not, attractor_trials is 0 and attractor_at_NAME is NaN.

   `trial` has the size of the cell with the most trials: behind a cell's own trials, as where a partial file lacks one,
   whole numbers are -1 and others NaN. NaN, too, is what a trial does not know, and what lies behind its end. */
typedef struct basin_array {
  char name[96];
  char meaning[256];
  char units[32]; /* "1": none */
  int rank;
  int64_t size[3]; /* [rank] */
} basin_array;

/* How many arrays there are, and one of them, index from 0, in the order of the file. */
int basin_results_arrays(const basin_results *results);
basin_status basin_results_array(const basin_results *results, int index, basin_array *array,
                                 basin_error *error);

/* The same by name. BASIN_BAD_INPUT where the file has none of this name: the reason lists those it has. */
basin_status basin_results_array_find(const basin_results *results, const char *name,
                                      basin_array *array, basin_error *error);

/* Reads entries first .. first + count - 1 along the first dimension of a cell's array, with all that they hold, into
   value[count][size[1]][size[2]] (of as many dimensions as it has), for which the caller has the room. Whole numbers
   are exact: they are below 2^53. The first reading of a cell's array compares all of it with its checksum.
   BASIN_BAD_INPUT where there is no such array, cell or range, or the file is damaged. */
basin_status basin_results_read(basin_results *results, const char *name, int64_t cell,
                                int64_t first, int64_t count, double *value, basin_error *error);

/* Compares everything in the file that has a checksum with it, but for text: how many variables these are.
   BASIN_BAD_INPUT where something is damaged, or the file has no checksums: it comes from an older version, or
   somebody took them away. */
basin_status basin_results_verify(basin_results *results, int64_t *variables, basin_error *error);

/* ---- rates of convergence ---- */

/* A mean over trials with its 95% interval: percentiles of the bootstrap over trials. */
typedef struct basin_interval {
  double value, low, high; /* NaN where not known; one trial has no interval */
} basin_interval;

typedef enum basin_law {
  BASIN_NO_LAW,      /* nothing could be fitted, or both fit alike */
  BASIN_POWER,       /* L = C t^slope */
  BASIN_EXPONENTIAL, /* L = C exp(-rate t) */
} basin_law;

typedef struct basin_rates_options {
  const char *observable; /* what is called L; NULL: "loss" */
  const char *
      outcome; /* only trials that ended so, see basin_results_outcome_name(); NULL: all but diverged */
  double from, to; /* the window in eta t, both ends in it; 0: chosen for each cell */
} basin_rates_options;

/* How an observable L of one cell falls with t = eta t, the sum of the step sizes, between `from` and `to`.

   In each recorded trial two straight lines are fitted to the same points by least squares, ln L against ln t and ln L
   against t. A trial needs three records within the window. Its records count where t > 0 and L > 0, up to the first
   one that is at most 2^-88 of the trial's largest before it: there a loss, the square of a distance, tells how the
   weights were rounded (to 2^-44: they are sums). An observable that is no square comes to that earlier: give it a
   window. `slope` is the mean of the first line's slope over trials, `rate` of the second one's, its sign turned:
   positive for decay. The law that fits better has the smaller sum of squared residuals of ln L over all points of all
   trials. `local` is the mean of ln L / ln t at each trial's last record in the window (xu-du-2023, Figure 1, right),
   NaN where one of them is at t <= 1.

   Where `to` is not given it is the largest t that at least half of the trials reach; where `from` is not given it is
   a tenth of `to`, or less where fewer than five recorded steps lie between. */
typedef struct basin_rates {
  int64_t trials;   /* used */
  int64_t left_out; /* recorded and not used: diverged, or fewer than three points in the window */
  double from, to;  /* NaN where no window could be chosen */
  basin_interval slope, rate, local;
  double power_residual, exponential_residual; /* root mean squares, of ln L */
  basin_law better;
  char reason[128]; /* why nothing could be fitted; "" where it could */
} basin_rates;

/* Memory grows with the number of recorded trials and of recorded steps, not with their product. BASIN_BAD_INPUT where
   the file has no such observable, or the options make no sense. */
basin_status basin_results_rates(basin_results *results, int64_t cell,
                                 const basin_rates_options *options, basin_rates *rates,
                                 basin_error *error);

/* ---- how passages follow each other ---- */

/* Straight lines through the steps T of first passages, and through ln T, by least squares, against a number x that
   tells the passages apart: their number, or a parameter of the cells. The intervals are of 95%. */
typedef struct basin_passage_rates {
  int64_t trials;       /* used: those that had every passage of the line */
  int64_t left_out;     /* that lack one */
  basin_interval steps; /* dT/dx */
  basin_interval
      factor; /* exp(d ln T/dx): what T is multiplied by from x to x + 1; NaN where some T is 0 */
  basin_interval
      per_fold; /* dT/d ln y, y being x, or the level; of passages below levels -dT/d ln y */
  basin_interval power; /* d ln T/d ln y, likewise; both NaN where some y is not above 0 */
  char reason[128];     /* why nothing could be fitted; "" where it could */
} basin_passage_rates;

/* Along the levels of one observable in one direction: x is the number of the passage, from `first` to `last`, and y
   its level. A line is fitted in every trial that had all of these passages; slopes are means over trials (of ln T:
   the factor is the exponential of that mean), with percentiles of the bootstrap over trials. BASIN_BAD_INPUT where
   the passages are not of one observable and direction. */
basin_status basin_results_passage_rates(basin_results *results, int64_t cell, int first, int last,
                                         basin_passage_rates *rates, basin_error *error);

/* One passage along cells, x[i] and y = x being a parameter of cell[i]: lines through the means of the cells. Trials
   of different cells are independent unless the cells share their draws. Where none do, the interval is Student's, with
   the degrees of freedom of Satterthwaite (1946); where all do, a line is fitted for every draw, as above. reason: of
   cells of which some do. */
basin_status basin_results_passage_along(basin_results *results, int number, const int64_t *cell,
                                         const double *x, int64_t cells, basin_passage_rates *rates,
                                         basin_error *error);

/* Wilson's score interval for `successes` out of `trials` at 95% (Wilson 1927). */
basin_proportion basin_wilson(int64_t successes, int64_t trials);

/* ---- for other languages ---- */

/* The BASIN_VERSION that the library was built with. */
const char *basin_version(void);

/* Where a member of a structure lies, for a language that cannot read this header: "basin_run_options.threads", or
   "basin_run_options" for all of it; offset and size in bytes. 0 where there is none of this name. Known are the
   structures that a run takes: basin_error, basin_progress and basin_run_options. */
int basin_structure(const char *name, int64_t *offset, int64_t *size);

#ifdef __cplusplus
}
#endif
#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#endif
