/* SPDX-License-Identifier: MIT */
#include "engine/measure.h"
#include "numeric/philox.h"
#include "own/own.h"
#include "seam/clock.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = BASIN_SUMS, LANES_MAX = 8 };

/* the partial sums of a row, added by halving */
static double total(const double *row) {
  double sum[N];
  memcpy(sum, row, sizeof sum);
  for (int half = N / 2; half > 0; half /= 2)
    for (int c = 0; c < half; c++) sum[c] = sum[c] + sum[c + half];
  return sum[0];
}

static basin_measured loss_of(const basin_input_sums *s) {
  const double m = (double)s->inputs, sum = total(s->loss), square = total(s->loss + N);
  const double variance = (square - sum * sum / m) / (m - 1);
  return (basin_measured){canonical(s->shift + sum / m),
                          canonical(sqrt((variance > 0 ? variance : variance * 0) / m))};
}

/* U of `inputs` inputs with these sums */
static double pairs(double norm2, double square, double inputs) {
  return (norm2 - square) / (inputs * (inputs - 1));
}

/* the norm of entries first .. first + length - 1; square: the row of sum |g|^2 */
static basin_measured norm_of(const basin_input_sums *s, const double *square, int64_t first,
                              int64_t length) {
  const double m = (double)s->inputs;
  double all2 = 0, without2[N] = {0}, u[N], mean = 0, spread = 0;
  for (int64_t e = first; e < first + length; e++) {
    const double *row = s->gradient + e * N, sum = total(row);
    all2 += sum * sum;
    for (int c = 0; c < N; c++) {
      const double without = sum - row[c];
      without2[c] += without * without;
    }
  }
  const double all_square = total(square), whole = pairs(all2, all_square, m);
  for (int c = 0; c < N; c++) {
    const double left = m - (double)((s->inputs - c + N - 1) / N);
    u[c] = pairs(without2[c], all_square - square[c], left);
    mean += u[c] / N;
  }
  for (int c = 0; c < N; c++) spread += (u[c] - mean) * (u[c] - mean);
  const double error = sqrt((N - 1.0) / N * spread);
  const double norm = whole > 0 ? sqrt(whole) : whole == whole ? 0 : NAN;
  const double scale = 2 * norm > sqrt(error) ? 2 * norm : sqrt(error);
  return (basin_measured){canonical(norm), canonical(error > 0 ? error / scale : error)};
}

static void moments_of(const basin_input_sums *s, const basin_moments *out) {
  const double m = (double)s->inputs;
  for (int64_t e = 0; e < s->size; e++) out->mean[e] = total(s->gradient + e * N) / m;
  for (int64_t e = 0, row = 0; e < s->size; e++)
    for (int64_t f = 0; f <= e; f++, row++) {
      const double product = total(s->product + row * N);
      out->covariance[e * s->size + f] = out->covariance[f * s->size + e] =
          (product - m * out->mean[e] * out->mean[f]) / (m - 1);
    }
}

/* as basin_measure(); BASIN_INTERRUPTED where *stop is not 0 */
static basin_status measure(const basin_model *model, int isa, const basin_setting *setting,
                            const double *vectors, int64_t trial, int64_t step, int64_t inputs,
                            basin_measured *out, const basin_moments *moments, const int *stop,
                            basin_error *error) {
  basin_input_sums s = {.vectors = vectors,
                        .stop = stop,
                        .trial = trial,
                        .step = step,
                        .inputs = inputs,
                        .size = setting->size.vectors};
  const size_t rows = (size_t)(2 + s.size + model->initials),
               products = moments ? (size_t)(s.size * (s.size + 1) / 2) : 0;
  double *sums = malloc((rows + products) * N * sizeof *sums);
  if (!sums) return basin_fail_memory(error);
  s.loss = sums;
  s.gradient = s.loss + 2 * N;
  s.square = s.gradient + s.size * N;
  s.product = moments ? s.square + model->initials * N : NULL;
  basin_status status = BASIN_OK;
  if (!model->sum_inputs[isa]) status = basin_own_ready(model, "input", isa, error);
  if (status) goto cleanup;
  status = model->sum_inputs[isa](setting, &s);
  if (status == BASIN_FAILED) status = basin_fail_memory(error);
  if (status) goto cleanup;
  out[0] = loss_of(&s);
  for (int i = 0; i < model->norms; i++) {
    const int vector = model->norm[i].initial;
    int64_t first = 0;
    for (int v = 0; v < vector; v++) first += basin_vector_size(&setting->initial[v]);
    out[1 + i] = norm_of(&s, s.square + vector * N, first,
                         basin_vector_size(&setting->initial[vector]));
  }
  if (moments) moments_of(&s, moments);

cleanup:
  free(sums);
  return status;
}

basin_status basin_measure(const basin_model *model, int isa, const basin_setting *setting,
                           const double *vectors, int64_t trial, int64_t step, int64_t inputs,
                           basin_measured *out, const basin_moments *moments, basin_error *error) {
  return measure(model, isa, setting, vectors, trial, step, inputs, out, moments, NULL, error);
}

/* index of a quantity into what basin_measure() gives for the model, -1 where it has no such */
static int quantity_of(const basin_model *model, const char *name) {
  if (!strcmp(name, "loss")) return 0;
  for (int i = 0; i < model->norms; i++)
    if (!strcmp(model->observable[model->norm[i].observable].name, name)) return 1 + i;
  return -1;
}

/* one recorded state; measured [1 + norms] and vectors: scratch */
static basin_status measure_record(const basin_experiment *e, int isa, const basin_job *job,
                                   basin_part *part, int64_t r, int64_t t, basin_maker *maker,
                                   basin_measured *measured, double *vectors, const int *stop,
                                   basin_error *error) {
  const int64_t trial = part->first + r, rows = part->recorded * job->times;
  const double *state = part->state + (r * job->times + t) * job->setting->size.states;
  job->model->make(maker, trial, 1, state, 1, vectors);
  const basin_status status = measure(job->model, isa, job->setting, vectors, trial, job->time[t],
                                      job->inputs, measured, NULL, stop, error);
  for (int i = 0; i < e->estimates && !status; i++) {
    const int quantity = quantity_of(job->model, e->estimate[i]);
    double *to = part->estimate + 2 * i * rows + r * job->times + t;
    to[0] = quantity < 0 ? NAN : measured[quantity].value;
    to[rows] = quantity < 0 ? NAN : measured[quantity].error;
  }
  return status;
}

basin_status basin_measure_part(const basin_experiment *e, int isa, const basin_job *job,
                                basin_part *part, const basin_watch *watch, basin_error *error) {
  const basin_model *model = job->model;
  const int pauses = watch_pauses(watch);
  if (!job->inputs || !part->recorded || !job->times) return BASIN_OK;
  basin_measured *measured = calloc((size_t)model->norms + 1, sizeof *measured);
  double *vectors = calloc((size_t)job->setting->size.vectors + 1, sizeof *vectors);
  basin_maker *maker = model->maker(job->setting, NULL);
  basin_status status = measured && vectors && maker ? BASIN_OK : basin_fail_memory(error);
  int done = 0;
  for (int64_t r = 0; r < part->recorded && !status; r++) {
    for (int64_t t = 0; t < job->times && !status; t++) {
      const int64_t at = r * job->times + t;
      if (isnan(part->state[at * job->setting->size.states])) break; /* it had ended */
      if (!isnan(part->estimate[at])) continue;
      if (done++ && watch_asks(watch, pauses)) status = BASIN_INTERRUPTED;
      else
        status = measure_record(e, isa, job, part, r, t, maker, measured, vectors, &watch->give_up,
                                error);
    }
  }
  model->maker_free(maker);
  free(vectors);
  free(measured);
  return status;
}

double basin_measure_bytes(const basin_model *model, const basin_setting *setting) {
  const double size = (double)setting->size.vectors;
  const double sums = (2 + size + model->initials) * N;
  const double lanes = (1 + size + (double)setting->size.input_work) * LANES_MAX;
  return 8 * (sums + lanes + size);
}
