/* SPDX-License-Identifier: MIT
 *
 * results.h: reading output files, beyond what basin.h offers.
 */
#ifndef BASIN_RESULTS_H
#define BASIN_RESULTS_H

#include "read/experiment.h"
#include <math.h>

/* what messages call the file from now on */
basin_status basin_results_call(basin_results *results, const char *path, basin_error *error);

/* whether the file holds this experiment: the same cells, records, trials and `until` */
int basin_results_matches(const basin_results *results, const basin_experiment *experiment);

/* As basin_results_summary(), but nothing of the steps is read: median and mean are NaN, steps_max 0. */
basin_status basin_results_outcomes(basin_results *results, int64_t cell, basin_summary *summary,
                                    basin_error *error);

/* What names a cell: its variant ("" where there are none) and its parameters, of which the names are those of all
   cells: the grid's, then the model's. */
const char *basin_results_variant(const basin_results *results, int64_t cell);
int basin_results_parameters(const basin_results *results, const char *const **name);
double basin_results_parameter(const basin_results *results, int64_t cell, int parameter);

/* what its numbers of outcomes mean */
const basin_outcomes *basin_results_outcomes_of(const basin_results *results);

/* The outcomes of basin's own that its models can have, or-ed BASIN_CAN(), as far as the names of the models tell: all
   where one is a header. */
unsigned basin_results_can(const basin_results *results);

/* steps of no trials, and those of every outcome where none are known, [BASIN_OUTCOMES_MAX] */
#define BASIN_NO_STEPS ((basin_steps){NAN, NAN, NAN, NAN, -1})
extern const basin_steps basin_no_steps[BASIN_OUTCOMES_MAX];

/* Reads the experiment that the file was made of from the text it holds. BASIN_BAD_INPUT where that does not give this
   file: another version reads it otherwise. */
basin_status basin_results_read_experiment(const basin_results *results,
                                           basin_experiment **experiment, basin_error *error);

/* cells whose interval is wider than `until` asks for: they have reached its max_trials */
int64_t basin_results_wide(basin_results *results, double *halfwidth, int64_t *max_trials);

/* numbers of the grid parameters among the parameters of a summary: the first so many */
int basin_results_axes(const basin_results *results);

/* numbers of the file's first cell and of its first trial: 0, but where it holds a single trial */
basin_status basin_results_first(const basin_results *results, int64_t *cell, int64_t *trial,
                                 basin_error *error);

/* whether its cells are of variants */
int basin_results_has_variants(const basin_results *results);

/* cells that share their draws with cell `cell`: *count of them in *group, ascending, with the cell itself;
   the caller frees *group */
basin_status basin_results_draw_group(const basin_results *results, int64_t cell, int64_t **group,
                                      int64_t *count, basin_error *error);

/* of the `trials` draws that all of the cells ran: in how many at least one reached the global optimum */
basin_status basin_results_any_global(basin_results *results, const int64_t *cell, int64_t cells,
                                      int64_t *trials, int64_t *any, basin_error *error);

/* of the `trials` draws that both cells ran: in how many only the one and only the other reached the global optimum */
basin_status basin_results_pair(basin_results *results, const int64_t cell[2], int64_t *trials,
                                int64_t only[2], basin_error *error);

/* names of the recorded observables */
int basin_results_observables(const basin_results *results);
const char *basin_results_observable(const basin_results *results, int index);

/* value[recorded][times] of one cell; NaN where a trial has ended; *units as in the model's table */
basin_status basin_results_trajectory(basin_results *results, int64_t cell, const char *observable,
                                      double *value, char units[32], basin_error *error);

/* value[count][times] of the cell's recorded trials from `first` on; the same otherwise */
basin_status basin_results_records(basin_results *results, int64_t cell, const char *observable,
                                   int64_t first, int64_t count, double *value, char units[32],
                                   basin_error *error);

/* eta_t[times] of one cell: the sum of the step sizes up to every recorded step, as the cell gives them.
   BASIN_BAD_INPUT where the file has none: it comes from an older version. */
basin_status basin_results_flow_time(basin_results *results, int64_t cell, double *eta_t,
                                     basin_error *error);

/* Of trials first .. first + count - 1 by their place in the file: the outcome, -1 where there is none, and how often
   the step sizes were halved, 0 where the file does not say. */
basin_status basin_results_trials(basin_results *results, int64_t cell, int64_t first,
                                  int64_t count, int8_t *outcome, int *halvings,
                                  basin_error *error);

/* How many attractors the file tells of; 0 where none were looked for. */
int basin_results_attractors(const basin_results *results);

/* An attractor in a cell, as far as it is there. */
typedef struct basin_attractor {
  int64_t trials, first; /* that came to rest there, and the first of them; -1: none did */
  double loss;           /* at the end of that one */
  basin_proportion share;
} basin_attractor;

/* All of a cell: attractor[basin_results_attractors()]; *others: trials that rest beyond them. */
basin_status basin_results_attractors_of(basin_results *results, int64_t cell,
                                         basin_attractor *attractor, int64_t *others,
                                         basin_error *error);

/* Whether the file tells of networks of infinite width: record.limit. */
int basin_results_has_limits(const basin_results *results);

/* Of a cell: what theory says, NaN where it has no limit, and what was measured at the start. */
typedef struct basin_limit_values {
  double lambda_0, lambda_max; /* eigenvalues of the Gram matrix */
  double loss_start;           /* mean loss at the start */
  int exact;                   /* whether that holds at the cell's own width */
  int64_t trials;              /* that were recorded at step 0, with their loss; */
  double mean, error;          /* its mean and standard error; NaN where there are too few */
} basin_limit_values;
basin_status basin_results_limit(basin_results *results, int64_t cell, basin_limit_values *limit,
                                 basin_error *error);

/* Whether the file has mean curves of the loss at infinite width; and that of a cell, loss[times]: NaN where it has
   none. */
int basin_results_has_limit_curves(const basin_results *results);
basin_status basin_results_limit_curve(const basin_results *results, int64_t cell, double *loss,
                                       basin_error *error);

/* identity of the random draws of a cell */
uint64_t basin_results_draw(const basin_results *results, int64_t cell);

#endif
