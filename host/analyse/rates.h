/* SPDX-License-Identifier: MIT
 *
 * rates.h: reads the recorded trials of a cell, one after another, as curves of an observable against the flow time
 * eta t. basin_results_rates() of basin.h fits lines to them.
 */
#ifndef BASIN_RATES_H
#define BASIN_RATES_H

#include "store/results.h"

enum {
  BASIN_POINTS_MIN = 3, /* of a trial to be fitted: any line goes through two */
  BASIN_WINDOW_POINTS =
      5 /* recorded steps in a window that is not given, where there are so many */
};

/* One cell, read trial by trial. */
typedef struct basin_records {
  basin_results *results;
  int64_t cell;
  const char *observable;
  int outcome;    /* only trials that ended so; -1: all but diverged ones */
  int64_t trials; /* recorded ones of the file */
  int64_t times;
  double *eta_t; /* [times] of a trial whose step sizes were not halved */
  char units[32];

  /* of the trial read last */
  int ended;         /* how, as the output has it; -1: there is no such trial */
  int asked;         /* whether that is what was asked for */
  int halvings;      /* its step sizes were 2^-halvings of the cell's */
  int64_t points;    /* records that count, as basin.h says of basin_rates */
  double *t, *log_l; /* [points] eta t, ascending, and ln L */

  int64_t block, first, count; /* trials read at once; the ones in memory */
  double *value;               /* [block][times] */
  int8_t *outcomes;            /* [block] */
  int *halved;                 /* [block] */
} basin_records;

/* Opens the records; basin_records_read() then reads a trial, by its number, into points, t and log_l. BASIN_BAD_INPUT
   where the file has no such observable, or does not know eta t. Close them in any case. */
basin_status basin_records_open(basin_results *results, int64_t cell, const char *observable,
                                int outcome, basin_records *records, basin_error *error);

/* Reads trial number `trial` of those recorded, below records->trials. BASIN_BAD_INPUT where the file is damaged. */
basin_status basin_records_read(basin_records *records, int64_t trial, basin_error *error);
void basin_records_close(basin_records *records);

/* The number of an outcome by its name; -1 of NULL: all but diverged. BASIN_BAD_INPUT, with those that there are. */
basin_status basin_outcome_read(const basin_results *results, const char *name, int *outcome,
                                basin_error *error);

/* As basin_results_passage_along(), of the size of an observable at the end of the trials, `final_NAME`, in the place
   of steps: `power` is the slope of ln |final| in ln x. outcome: of trials that ended so; NULL: all but diverged ones.
   reason: where signs differ, some trial has 0, or some x is not above 0. */
basin_status basin_results_final_along(basin_results *results, const char *observable,
                                       const char *outcome, const int64_t *cell, const double *x,
                                       int64_t cells, basin_passage_rates *rates,
                                       basin_error *error);

#endif
