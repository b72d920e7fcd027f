/* SPDX-License-Identifier: MIT
 *
 * passages.c: how the steps of first passages grow, from level to level and from cell to cell; and how an observable at
 * the end of the trials does, from cell to cell, T being its size.
 *
 * A slope by least squares is a sum of the T_i with weights w_i = (x_i - mean x) / sum (x_i - mean x)^2. Where the line
 * goes through one trial's passages the T_i are not independent, but trials are: each has a slope of its own, and their
 * mean has the interval of a mean. Where it goes through means of cells with draws of their own, the variance of the
 * slope is sum w_i^2 s_i^2/n_i, s_i^2 the variance of the n_i trials of cell i, with
 *
 *   (sum w_i^2 s_i^2/n_i)^2 / sum (w_i^2 s_i^2/n_i)^2/(n_i - 1)
 *
 * degrees of freedom (Satterthwaite 1946, Biometrics Bulletin 2, 110).
 */
#include "analyse/rates.h"
#include "base/hash.h"
#include "base/statistics.h"
#include "base/text.h"
#include "store/results_file.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* the four lines: T and ln T against x and against ln y */
enum { STEPS, FACTOR, PER_FOLD, POWER, LINES };
enum { OF_LOG = 1 /* the odd ones are of ln T */, REASON_BYTES = 128 };

static const basin_interval NOTHING = {NAN, NAN, NAN};

/* weight[lines][points] of T_i, or of ln T_i, in the slope of each line; NaN where there is no such line */
static void weigh(const double *x, const double *log_y, int64_t points, double *weight) {
  for (int l = 0; l < LINES; l++) {
    const double *at = l < PER_FOLD ? x : log_y;
    double mean = 0, square = 0;
    for (int64_t i = 0; i < points; i++) mean += at[i] / (double)points;
    for (int64_t i = 0; i < points; i++) square += (at[i] - mean) * (at[i] - mean);
    for (int64_t i = 0; i < points; i++)
      weight[l * points + i] = square > 0 ? (at[i] - mean) / square : NAN;
  }
}

/* Passages that belong together: value[points][trials], all of them of the same trials. */
typedef struct sample {
  int64_t points, trials;
  double *value;
} sample;

/* What a trial has a number of, T: a variable of the file. */
typedef struct quantity {
  char name[BASIN_NAME_LENGTH + 16];
  uint64_t number; /* which it is, for the draws of the bootstrap */
  int is_size; /* T is the size of what is there, which is never 0, and of one sign in all trials */
  int outcome; /* then: of trials that ended so; -1: all but diverged ones */
  int sign;    /* of those read so far, which the first of them was in signed_cell; 0: of none */
  int64_t signed_cell;
  char *reason; /* [REASON_BYTES] why there is no line, where it is known; else "" */
} quantity;

static quantity passage_of(int number, char *reason) {
  quantity q = {.number = (uint64_t)number, .reason = reason};
  snprintf(q.name, sizeof q.name, "passage_%d", number);
  return q;
}

/* |value| where a trial counts, NaN where it does not */
static void take_size(quantity *q, int64_t cell, int64_t trial, int ended, double *value) {
  const int counts = q->outcome < 0 ? ended >= 0 && ended != BASIN_DIVERGED : ended == q->outcome;
  if (!counts || !isfinite(*value)) {
    *value = NAN;
    return;
  }
  const int sign = (*value > 0) - (*value < 0);
  if (!q->sign) q->sign = sign, q->signed_cell = cell;
  if (!*q->reason && !sign)
    snprintf(q->reason, REASON_BYTES, "trial %lld of cell %lld has 0, which has no logarithm",
             (long long)trial, (long long)cell);
  else if (!*q->reason && sign != q->sign)
    snprintf(q->reason, REASON_BYTES,
             "signs differ: trials of cell %lld are %s 0, and one of cell %lld is %s: --cell takes "
             "some",
             (long long)q->signed_cell, q->sign > 0 ? "above" : "below", (long long)cell,
             sign > 0 ? "above" : "below");
  *value = fabs(*value);
}

/* T of the cell's first trials; negative, or NaN, where a trial has none */
static basin_status read_quantity(basin_results *r, int64_t cell, quantity *q, int64_t trials,
                                  double *value, basin_error *error) {
  basin_status status = basin_results_read(r, q->name, cell, 0, trials, value, error);
  if (status || !q->is_size) return status;
  int8_t *outcome = calloc((size_t)trials + 1, sizeof *outcome);
  int *halvings = calloc((size_t)trials + 1, sizeof *halvings);
  status = outcome && halvings ? basin_results_trials(r, cell, 0, trials, outcome, halvings, error)
                               : basin_fail_memory(error);
  for (int64_t t = 0; t < trials && !status; t++) take_size(q, cell, t, outcome[t], &value[t]);
  free(halvings);
  free(outcome);
  return status;
}

/* slopes of every trial that has all points, then their means */
static basin_status fit_trials(const sample *s, const double *weight, uint64_t key,
                               basin_passage_rates *rates, basin_error *error) {
  double *slope = calloc((size_t)(LINES * s->trials) + 1, sizeof *slope);
  basin_interval mean[LINES];
  if (!slope) return basin_fail_memory(error);
  int64_t used = 0;
  for (int64_t t = 0; t < s->trials; t++) {
    int all = 1;
    for (int64_t i = 0; i < s->points; i++) all = all && s->value[i * s->trials + t] >= 0;
    if (!all) continue;
    for (int l = 0; l < LINES; l++) {
      double sum = 0;
      for (int64_t i = 0; i < s->points; i++) {
        const double step = s->value[i * s->trials + t];
        sum += weight[l * s->points + i] * (l & OF_LOG ? log(step) : step);
      }
      slope[l * s->trials + used] = isfinite(sum) ? sum : NAN;
    }
    used++;
  }
  rates->trials = used;
  basin_status status = BASIN_OK;
  const double *of[LINES];
  for (int l = 0; l < LINES; l++) of[l] = slope + l * s->trials;
  if (used) status = basin_bootstrap(of, LINES, used, key, mean, error);
  free(slope);
  if (status || !used) return status;
  rates->steps = mean[STEPS];
  rates->factor = (basin_interval){exp(mean[FACTOR].value), exp(mean[FACTOR].low),
                                   exp(mean[FACTOR].high)};
  rates->per_fold = mean[PER_FOLD];
  rates->power = mean[POWER];
  return BASIN_OK;
}

static void begin(basin_passage_rates *rates) {
  *rates = (basin_passage_rates){
      .steps = NOTHING, .factor = NOTHING, .per_fold = NOTHING, .power = NOTHING};
}

/* ---- along the levels ---- */

static uint64_t key_of(const basin_results *r, int64_t cell, uint64_t number) {
  const uint64_t of[3] = {r->seed, r->draw[cell], number};
  return basin_hash(0, of, sizeof of);
}

basin_status basin_results_passage_rates(basin_results *r, int64_t cell, int first, int last,
                                         basin_passage_rates *rates, basin_error *error) {
  double level[BASIN_PASSAGES_MAX], x[BASIN_PASSAGES_MAX], log_y[BASIN_PASSAGES_MAX];
  begin(rates);
  if (cell < 0 || cell >= r->cells)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: no cell %lld, expected 0 to %lld", r->path,
                      (long long)cell, (long long)r->cells - 1);
  if (first < 1 || last < first || last > r->passages)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: no passages %d to %d, expected 1 to %d", r->path,
                      first, last, r->passages);
  const struct basin_passage_kind *kind = &r->passage[first - 1];
  for (int p = first; p < last; p++)
    if (r->passage[p].above != kind->above ||
        strcmp(r->passage[p].observable, kind->observable) != 0)
      return basin_fail(error, BASIN_BAD_INPUT,
                        "%s: the passages %d to %d are not of one observable and direction",
                        r->path, first, last);
  if (!basin_results_levels(r, cell, level)) return basin_results_unreadable(r, error);
  while (last >= first && isnan(level[last - 1])) last--; /* the cell has fewer */
  sample s = {.points = last - first + 1, .trials = basin_results_reach(r, cell)};
  if (s.points < 2) {
    snprintf(rates->reason, sizeof rates->reason, "fewer than two passages, no line");
    return BASIN_OK;
  }
  for (int64_t i = 0; i < s.points; i++) {
    x[i] = (double)(first + i);
    log_y[i] = (kind->above ? 1 : -1) * log(level[first - 1 + i]);
  }
  double *weight = calloc((size_t)(LINES * s.points), sizeof *weight);
  s.value = calloc((size_t)(s.points * s.trials) + 1, sizeof *s.value);
  basin_status status = weight && s.value ? BASIN_OK : basin_fail_memory(error);
  for (int64_t i = 0; i < s.points && !status; i++) {
    quantity passage = passage_of(first + (int)i, rates->reason);
    status = read_quantity(r, cell, &passage, s.trials, s.value + i * s.trials, error);
  }
  if (!status) weigh(x, log_y, s.points, weight);
  if (!status) status = fit_trials(&s, weight, key_of(r, cell, (uint64_t)first), rates, error);
  rates->left_out = r->count[cell] - rates->trials;
  if (!status && !rates->trials)
    snprintf(rates->reason, sizeof rates->reason, "no trial had all of these passages");
  else if (!status && isnan(rates->factor.value))
    snprintf(rates->reason, sizeof rates->reason,
             "some passages are at step 0, which has no logarithm: begin with a later one");
  free(s.value);
  free(weight);
  return status;
}

/* ---- along cells ---- */

/* t with a probability of 5% beyond -t and t together */
static double student(double freedom) {
  const int whole = freedom < 1 ? 1 : freedom > 1000000 ? 1000000 : (int)freedom;
  double low = 0, high = 1000;
  for (int i = 0; i < 100; i++) {
    const double middle = (low + high) / 2;
    if (basin_student_tail(middle, whole) > 0.05) low = middle;
    else high = middle;
  }
  return high;
}

/* mean and variance of T or ln T over the trials that had the passage; how many */
static int64_t moments(const double *value, int64_t trials, int of_log, double *mean,
                       double *variance) {
  int64_t n = 0;
  *mean = *variance = 0;
  for (int64_t t = 0; t < trials; t++) {
    if (!(value[t] >= 0)) continue;
    const double x = of_log ? log(value[t]) : value[t], step = x - *mean;
    *mean += step / (double)++n;
    *variance += step * (x - *mean);
  }
  *variance = n > 1 ? *variance / (double)(n - 1) : NAN;
  return n;
}

/* of cells whose trials are independent of each other's */
static basin_status fit_means(basin_results *r, quantity *q, const int64_t *cell, int64_t cells,
                              const double *weight, basin_passage_rates *rates,
                              basin_error *error) {
  double sum[LINES] = {0}, variance[LINES] = {0}, spread[LINES] = {0};
  basin_status status = BASIN_OK;
  for (int64_t c = 0; c < cells && !status; c++) {
    const int64_t trials = basin_results_reach(r, cell[c]);
    double *value = calloc((size_t)trials + 1, sizeof *value);
    status = value ? read_quantity(r, cell[c], q, trials, value, error) : basin_fail_memory(error);
    for (int l = 0; l < LINES && !status; l++) {
      double mean, square;
      const int64_t n = moments(value, trials, l & OF_LOG, &mean, &square);
      const double w = weight[l * cells + c], share = w * w * square / (double)n;
      sum[l] += n ? w * mean : NAN;
      variance[l] += share;
      spread[l] += share * share / (double)(n - 1);
      if (l == 0) rates->trials += n, rates->left_out += r->count[cell[c]] - n;
    }
    free(value);
  }
  basin_interval *const to[LINES] = {&rates->steps, &rates->factor, &rates->per_fold,
                                     &rates->power};
  for (int l = 0; l < LINES && !status; l++) {
    const double half = variance[l] > 0
                            ? student(variance[l] * variance[l] / spread[l]) * sqrt(variance[l])
                            : variance[l];
    *to[l] = isfinite(sum[l]) ? (basin_interval){sum[l], sum[l] - half, sum[l] + half} : NOTHING;
  }
  rates->factor = (basin_interval){exp(rates->factor.value), exp(rates->factor.low),
                                   exp(rates->factor.high)};
  return status;
}

/* of cells that share their draws: trial t of all of them begins alike */
static basin_status fit_draws(basin_results *r, quantity *q, const int64_t *cell, int64_t cells,
                              const double *weight, basin_passage_rates *rates,
                              basin_error *error) {
  sample s = {.points = cells, .trials = basin_results_reach(r, cell[0])};
  for (int64_t c = 1; c < cells; c++)
    if (basin_results_reach(r, cell[c]) < s.trials) s.trials = basin_results_reach(r, cell[c]);
  s.value = calloc((size_t)(s.points * s.trials) + 1, sizeof *s.value);
  basin_status status = s.value ? BASIN_OK : basin_fail_memory(error);
  for (int64_t c = 0; c < cells && !status; c++)
    status = read_quantity(r, cell[c], q, s.trials, s.value + c * s.trials, error);
  if (!status && !*rates->reason)
    status = fit_trials(&s, weight, key_of(r, cell[0], q->number), rates, error);
  rates->left_out = s.trials - rates->trials;
  free(s.value);
  return status;
}

/* lines through the cells at x */
static basin_status fit_along(basin_results *r, quantity *q, const int64_t *cell, const double *x,
                              int64_t cells, basin_passage_rates *rates, basin_error *error) {
  int64_t shared = 0;
  for (int64_t c = 1; c < cells; c++)
    for (int64_t b = 0; b < c; b++) shared += r->draw[cell[b]] == r->draw[cell[c]];
  if (cells < 2 || (shared && shared < cells * (cells - 1) / 2)) {
    snprintf(rates->reason, sizeof rates->reason, "%s",
             cells < 2 ? "one cell, no line"
                       : "some of the cells share their draws and some do not");
    return BASIN_OK;
  }
  double *log_y = calloc((size_t)cells, sizeof *log_y),
         *weight = calloc((size_t)(LINES * cells), sizeof *weight);
  basin_status status = log_y && weight ? BASIN_OK : basin_fail_memory(error);
  for (int64_t c = 0; c < cells && !status; c++) log_y[c] = log(x[c]);
  if (!status) {
    weigh(x, log_y, cells, weight);
    status = shared ? fit_draws(r, q, cell, cells, weight, rates, error)
                    : fit_means(r, q, cell, cells, weight, rates, error);
  }
  free(weight);
  free(log_y);
  return status;
}

basin_status basin_results_passage_along(basin_results *r, int number, const int64_t *cell,
                                         const double *x, int64_t cells, basin_passage_rates *rates,
                                         basin_error *error) {
  begin(rates);
  if (number < 1 || number > r->passages)
    return basin_fail(error, BASIN_BAD_INPUT, "%s: no passage %d, expected 1 to %d", r->path,
                      number, r->passages);
  quantity q = passage_of(number, rates->reason);
  const basin_status status = fit_along(r, &q, cell, x, cells, rates, error);
  if (!status && !*rates->reason && isnan(rates->steps.value))
    snprintf(rates->reason, sizeof rates->reason, "some cell has no trial that had the passage");
  return status;
}

basin_status basin_results_final_along(basin_results *r, const char *observable,
                                       const char *outcome, const int64_t *cell, const double *x,
                                       int64_t cells, basin_passage_rates *rates,
                                       basin_error *error) {
  quantity q = {.number = basin_hash_text(0, observable), .is_size = 1, .reason = rates->reason};
  begin(rates);
  if (snprintf(q.name, sizeof q.name, "final_%s", observable) >= (int)sizeof q.name)
    return basin_fail(error, BASIN_BAD_INPUT, "no observable has as long a name as that");
  basin_status status = basin_outcome_read(r, outcome, &q.outcome, error);
  for (int64_t c = 0; c < cells && !status && !*rates->reason; c++)
    if (!(x[c] > 0 && isfinite(x[c])))
      snprintf(rates->reason, sizeof rates->reason,
               "the parameter is %g in cell %lld, which has no logarithm", x[c],
               (long long)cell[c]);
  if (!status && !*rates->reason) status = fit_along(r, &q, cell, x, cells, rates, error);
  if (status) return status;
  if (!*rates->reason && isnan(rates->power.value))
    snprintf(rates->reason, sizeof rates->reason, "some cell has no trial with a number");
  if (!*rates->reason) return BASIN_OK;
  rates->steps = rates->factor = rates->per_fold = rates->power = NOTHING;
  rates->trials = rates->left_out = 0;
  return BASIN_OK;
}
