/* SPDX-License-Identifier: MIT */
#include "analyse/rates.h"
#include "base/statistics.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_RECORDS = 1 << 20 };
static const char no_trial[] = "no recorded trial ended as asked for";
static const double NOISE = 0x1p-88; /* of the largest: rounding of the weights to 2^-44 */

/* ---- records ---- */

basin_status basin_records_open(basin_results *results, int64_t cell, const char *observable,
                                int outcome, basin_records *r, basin_error *error) {
  *r = (basin_records){.results = results,
                       .cell = cell,
                       .observable = observable,
                       .outcome = outcome,
                       .trials = basin_results_recorded(results),
                       .times = basin_results_times(results)};
  /* nothing read yet: says what is wrong with the observable's name, or that there are no records */
  basin_status status = basin_results_records(results, cell, observable, 0, 0, NULL, r->units,
                                              error);
  if (status) return status;
  r->block = r->times < BLOCK_RECORDS ? BLOCK_RECORDS / r->times : 1;
  if (r->block > r->trials) r->block = r->trials;
  const size_t times = (size_t)r->times, block = (size_t)r->block;
  r->eta_t = calloc(times, sizeof *r->eta_t);
  r->t = calloc(times, sizeof *r->t);
  r->log_l = calloc(times, sizeof *r->log_l);
  r->value = calloc(block * times, sizeof *r->value);
  r->outcomes = calloc(block, sizeof *r->outcomes);
  r->halved = calloc(block, sizeof *r->halved);
  if (!r->eta_t || !r->t || !r->log_l || !r->value || !r->outcomes || !r->halved)
    return basin_fail_memory(error);
  return basin_results_flow_time(results, cell, r->eta_t, error);
}

void basin_records_close(basin_records *r) {
  free(r->halved);
  free(r->outcomes);
  free(r->value);
  free(r->log_l);
  free(r->t);
  free(r->eta_t);
  *r = (basin_records){0};
}

static basin_status read_block_of(basin_records *r, int64_t trial, basin_error *error) {
  r->first = trial;
  r->count = r->trials - trial < r->block ? r->trials - trial : r->block;
  const basin_status status = basin_results_records(r->results, r->cell, r->observable, r->first,
                                                    r->count, r->value, r->units, error);
  return status ? status
                : basin_results_trials(r->results, r->cell, r->first, r->count, r->outcomes,
                                       r->halved, error);
}

basin_status basin_records_read(basin_records *r, int64_t trial, basin_error *error) {
  if (trial < r->first || trial >= r->first + r->count) {
    const basin_status status = read_block_of(r, trial, error);
    if (status) return status;
  }
  const int64_t row = trial - r->first;
  const double *value = r->value + row * r->times, scale = ldexp(1, -r->halved[row]);
  double largest = 0;
  r->halvings = r->halved[row];
  r->points = 0;
  r->ended = r->outcomes[row];
  r->asked = r->outcome < 0 ? r->ended >= 0 && r->ended != BASIN_DIVERGED : r->ended == r->outcome;
  for (int64_t i = 0; i < r->times && r->asked; i++) {
    if (!isfinite(value[i])) continue;
    if (value[i] <= NOISE * largest) break;
    if (value[i] > largest) largest = value[i];
    if (!(r->eta_t[i] > 0 && isfinite(r->eta_t[i]))) continue;
    r->t[r->points] = r->eta_t[i] * scale;
    r->log_l[r->points++] = log(value[i]);
  }
  return BASIN_OK;
}

/* ---- the window ---- */

/* where a trial's records end, and its step sizes */
typedef struct reach {
  double t;
  int halvings;
} reach;

static int by_time(const void *a, const void *b) {
  const reach *x = a, *y = b;
  return x->t != y->t ? (x->t < y->t ? -1 : 1)
                      : (x->halvings > y->halvings) - (x->halvings < y->halvings);
}

/* what at least half of the trials reach that have points enough, t = 0 where none has; and how many trials there are
   that ended as asked for */
static basin_status common_reach(basin_records *r, reach *common, int64_t *asked,
                                 basin_error *error) {
  reach *end = calloc((size_t)r->trials, sizeof *end);
  basin_status status = end ? BASIN_OK : basin_fail_memory(error);
  int64_t count = 0;
  *asked = 0;
  for (int64_t i = 0; i < r->trials && !status; i++) {
    status = basin_records_read(r, i, error);
    if (status) break;
    *asked += r->asked;
    if (r->points >= BASIN_POINTS_MIN) end[count++] = (reach){r->t[r->points - 1], r->halvings};
  }
  *common = (reach){0, 0};
  if (!status && count) {
    qsort(end, (size_t)count, sizeof *end, by_time);
    *common = end[count / 2];
  }
  free(end);
  return status;
}

/* a tenth of `to`, or less where that leaves too few steps between that a trial with so many halvings recorded */
static double decade_before(const basin_records *r, double to, int halvings) {
  const double scale = ldexp(1, -halvings);
  double from = to / 10;
  int64_t last = r->times - 1;
  while (last > 0 && r->eta_t[last] * scale > to) last--;
  int64_t first = last >= BASIN_WINDOW_POINTS ? last - BASIN_WINDOW_POINTS + 1 : 0;
  while (first < last && !(r->eta_t[first] > 0)) first++;
  if (r->eta_t[first] > 0 && r->eta_t[first] * scale < from) from = r->eta_t[first] * scale;
  return from;
}

static basin_status choose_window(basin_records *r, const basin_rates_options *options,
                                  basin_rates *out, basin_error *error) {
  double from = options->from, to = options->to;
  if (!(to > 0 && from > 0)) {
    reach common;
    int64_t asked;
    const basin_status status = common_reach(r, &common, &asked, error);
    if (status) return status;
    if (!(to > 0)) to = common.t;
    if (!asked) snprintf(out->reason, sizeof out->reason, "%s", no_trial);
    else if (!(common.t > 0))
      snprintf(out->reason, sizeof out->reason, "no trial has %d records of %.40s above 0",
               BASIN_POINTS_MIN, r->observable);
    else if (from >= to)
      snprintf(out->reason, sizeof out->reason,
               "half of the trials reach no further than eta t = %.6g, the window begins at %.6g",
               to, from);
    if (*out->reason) return BASIN_OK;
    if (!(from > 0)) from = decade_before(r, to, common.halvings);
  }
  out->from = from;
  out->to = to;
  return BASIN_OK;
}

/* ---- the fits ---- */

/* per trial, and summed over them */
typedef struct fits {
  double *slope, *rate, *local; /* [trials] of those used */
  double *log_t;                /* [times] scratch */
  double power, exponential;    /* sums of squared residuals */
  int64_t trials, left_out;     /* used and not used */
  int64_t points;
} fits;

static void fit_trial(const basin_records *r, const basin_rates *window, fits *f) {
  int64_t first = 0, end = r->points;
  while (first < end && r->t[first] < window->from) first++;
  while (end > first && r->t[end - 1] > window->to) end--;
  const double *t = r->t + first, *y = r->log_l + first;
  const int64_t count = end - first;
  basin_line power, exponential;
  for (int64_t i = 0; i < count; i++) f->log_t[i] = log(t[i]);
  if (count < BASIN_POINTS_MIN || !basin_line_fit(f->log_t, y, count, &power) ||
      !basin_line_fit(t, y, count, &exponential)) {
    f->left_out++;
    return;
  }
  f->slope[f->trials] = power.slope;
  f->rate[f->trials] = -exponential.slope;
  f->local[f->trials] = t[count - 1] > 1 ? y[count - 1] / f->log_t[count - 1] : NAN;
  f->power += power.residual;
  f->exponential += exponential.residual;
  f->points += count;
  f->trials++;
}

static basin_status fit_all(basin_records *r, fits *f, basin_rates *out, basin_error *error) {
  basin_status status = BASIN_OK;
  for (int64_t i = 0; i < r->trials && !status; i++) {
    status = basin_records_read(r, i, error);
    if (!status && r->asked) fit_trial(r, out, f);
    else if (!status) f->left_out += r->outcome < 0 && r->ended == BASIN_DIVERGED;
  }
  if (status) return status;
  out->trials = f->trials;
  out->left_out = f->left_out;
  if (!f->trials) {
    snprintf(out->reason, sizeof out->reason,
             f->left_out ? "no trial has %d records in the window" : no_trial, BASIN_POINTS_MIN);
    return BASIN_OK;
  }
  const double *const value[] = {f->slope, f->rate, f->local};
  basin_interval interval[3];
  const uint64_t key = basin_key(basin_results_seed(r->results),
                                 basin_results_draw(r->results, r->cell));
  status = basin_bootstrap(value, 3, f->trials, key, interval, error);
  out->slope = interval[0];
  out->rate = interval[1];
  out->local = interval[2];
  out->power_residual = sqrt(f->power / (double)f->points);
  out->exponential_residual = sqrt(f->exponential / (double)f->points);
  if (f->power < f->exponential) out->better = BASIN_POWER;
  if (f->exponential < f->power) out->better = BASIN_EXPONENTIAL;
  return status;
}

static basin_status fit_cell(basin_records *r, basin_rates *out, basin_error *error) {
  const size_t trials = (size_t)r->trials;
  fits f = {.slope = calloc(trials, sizeof *f.slope),
            .rate = calloc(trials, sizeof *f.rate),
            .local = calloc(trials, sizeof *f.local),
            .log_t = calloc((size_t)r->times, sizeof *f.log_t)};
  const basin_status status = f.slope && f.rate && f.local && f.log_t ? fit_all(r, &f, out, error)
                                                                      : basin_fail_memory(error);
  free(f.log_t);
  free(f.local);
  free(f.rate);
  free(f.slope);
  return status;
}

/* ---- the interface ---- */

basin_status basin_outcome_read(const basin_results *results, const char *name, int *outcome,
                                basin_error *error) {
  const basin_outcomes *outcomes = basin_results_outcomes_of(results);
  char list[BASIN_OUTCOMES_MAX * (BASIN_OUTCOME_BYTES + 2)] = "";
  *outcome = -1;
  if (!name) return BASIN_OK;
  *outcome = basin_outcomes_find(outcomes, name);
  for (int i = 0; i < outcomes->count; i++)
    snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "",
             basin_outcomes_name(outcomes, i));
  return *outcome >= 0
             ? BASIN_OK
             : basin_fail(error, BASIN_BAD_INPUT, "no outcome `%s`, expected %s", name, list);
}

basin_status basin_results_rates(basin_results *results, int64_t cell,
                                 const basin_rates_options *options, basin_rates *out,
                                 basin_error *error) {
  const basin_interval none = {NAN, NAN, NAN};
  basin_records records = {0};
  int outcome;
  *out = (basin_rates){.from = NAN,
                       .to = NAN,
                       .slope = none,
                       .rate = none,
                       .local = none,
                       .power_residual = NAN,
                       .exponential_residual = NAN};
  if (cell < 0 || cell >= basin_results_cells(results))
    return basin_fail(error, BASIN_BAD_INPUT, "no cell %lld, expected 0 to %lld", (long long)cell,
                      (long long)basin_results_cells(results) - 1);
  if (!(options->from >= 0 && options->to >= 0 && isfinite(options->from) && isfinite(options->to)))
    return basin_fail(error, BASIN_BAD_INPUT, "the window from %g to %g: expected positive numbers",
                      options->from, options->to);
  if (options->to > 0 && options->from >= options->to)
    return basin_fail(error, BASIN_BAD_INPUT, "the window ends at %g, before it begins at %g",
                      options->to, options->from);
  basin_status status = basin_outcome_read(results, options->outcome, &outcome, error);
  if (!status)
    status = basin_records_open(results, cell, options->observable ? options->observable : "loss",
                                outcome, &records, error);
  if (!status) status = choose_window(&records, options, out, error);
  if (!status && !*out->reason) status = fit_cell(&records, out, error);
  basin_records_close(&records);
  return status;
}
