/* SPDX-License-Identifier: MIT */
#include "analyse/verify.h"
#include "engine/cpu.h"
#include "numeric/philox.h"
#include "base/statistics.h"
#include "base/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_MOST = 6, ATTEMPTS = 10000 };
static const double ETA = 0x1p-26, FLOOR = 1e-7;
static const double RESOLVED =
    10; /* a norm within so many standard errors of the mean gradient is lost in it */
static const double VARIANCE_LEFT =
    1e-6;                      /* an entry that keeps less of it follows from the others */
static const double RARE = 16; /* inputs: what fewer show of a difference is not trusted */

/* ---- a random setting ---- */

typedef struct source {
  uint64_t key, state, attempt, block;
} source;

static void next(source *s, double *normal, double *uniform) {
  bits low, high;
  double other;
  basin_words(s->key, BASIN_STREAM_VERIFY, s->state, s->attempt, s->block++, &low, &high);
  basin_box_muller(low, high, normal, &other);
  *uniform = r_uniform(high);
}

static double draw_uniform(source *s, double low, double high) {
  double normal, uniform;
  next(s, &normal, &uniform);
  return low + (high - low) * uniform;
}

/* whether fresh inputs say of it what its closed forms are compared with */
static int is_sampled(const basin_model *model) { return model->norms > 0; }

/* whole numbers are sizes and switches: SIZE_MOST of them from the smallest on; everything else at its default, or, of
   a model without a sampled form, in half of the cases near it */
static void draw_parameters(const basin_model *model, source *s, double *parameter) {
  for (int i = 0; i < model->parameters; i++) {
    const basin_symbol *symbol = &model->parameter[i];
    parameter[i] = symbol->initial;
    if (!symbol->integer && !is_sampled(model) && draw_uniform(s, 0, 1) < 0.5)
      parameter[i] = fmin(
          symbol->maximum,
          fmax(symbol->minimum,
               symbol->initial + draw_uniform(s, -0.5, 0.5) * fmax(1, fabs(symbol->initial))));
    if (!symbol->integer) continue;
    const double low = symbol->minimum, high = fmin(symbol->maximum, low + SIZE_MOST - 1);
    parameter[i] = floor(draw_uniform(s, low, high + 1));
  }
}

static int compare_falling(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x > y ? -1 : x < y;
}

/* entries above 0 that fall, as a model may want them */
static void make_falling(double *value, int64_t length) {
  for (int64_t j = 0; j < length; j++) value[j] = fabs(value[j]);
  qsort(value, (size_t)length, sizeof *value, compare_falling);
}

/* a vector in a direction that is uniform; of length 1 in half of the cases, for a model may insist on that; 0 where
   memory is short */
static int write_row(source *s, int64_t length, int falling, FILE *to) {
  double *value = malloc((size_t)length * sizeof *value), norm2 = 0, uniform;
  if (!value) return 0;
  for (int64_t j = 0; j < length; j++) {
    next(s, &value[j], &uniform);
    norm2 += value[j] * value[j];
  }
  if (falling) make_falling(value, length);
  const int unit = draw_uniform(s, 0, 1) < 0.5;
  const double scale = (unit ? 1 : draw_uniform(s, 0.5, 2)) / sqrt(norm2);
  fprintf(to, "[");
  for (int64_t j = 0; j < length; j++)
    fprintf(to, "%s%s", j ? ", " : "", basin_exact(scale * value[j]).text);
  fprintf(to, "]");
  free(value);
  return 1;
}

/* a teacher, vector or matrix; in half of the cases drawn for the trial, where the model has that; 0 as write_row */
static int write_teacher(const basin_model *model, source *s, const basin_symbol *teacher,
                         const double *parameter, FILE *to) {
  const int matrix = teacher->rows >= 0;
  const int64_t rows = (int64_t)model->size(teacher->rows, parameter),
                length = (int64_t)model->size(teacher->length, parameter);
  if (model->drawn_teachers && draw_uniform(s, 0, 1) < 0.5) {
    fprintf(to, "{normal: %.3f}", draw_uniform(s, 0.3, 1.5));
    return 1;
  }
  const int falling = !is_sampled(model) && draw_uniform(s, 0, 1) < 0.5;
  int good = 1;
  if (matrix) fprintf(to, "[");
  for (int64_t i = 0; i < rows && good; i++) {
    if (i) fprintf(to, ", ");
    good = write_row(s, length, falling, to);
  }
  if (matrix) fprintf(to, "]");
  return good;
}

static int draw_whole(source *s, int low, int high) {
  return (int)floor(draw_uniform(s, low, high + 1));
}

static const char *draw_activation(source *s) {
  static const char *const all[] = {"identity", "relu", "{leaky: 0.3}", "softplus", "erf", "tanh"};
  return all[draw_whole(s, 0, (int)(sizeof all / sizeof *all) - 1)];
}

/* A network in the place of parameters, teachers and starts: dense layers, dense ones with skips, convolutions with
   skips, in turn. The first state is section 2.1 of the thesis, but that both layers are trained. */
static void write_network(source *s, FILE *to) {
  enum { DENSE, RESIDUAL, CONVOLUTION, FAMILIES };
  const int family = (int)(s->state % FAMILIES);
  const int layers = s->state ? draw_whole(s, family == DENSE ? 2 : 3, 4) : 2;
  const int units = draw_whole(s, 2, 5), outputs = draw_whole(s, 1, 3), n = draw_whole(s, 3, 8);
  const int channels = draw_whole(s, 1, 3), pixels = draw_whole(s, 2, 6);
  fprintf(to, "\nlayers: [");
  for (int h = 1; h < layers; h++) {
    const char *activation = s->state ? draw_activation(s) : "relu";
    const double scale = draw_uniform(s, 0.3, 1), deviation = draw_uniform(s, 0.3, 1.5);
    const int patch = 1 + 2 * draw_whole(s, 0, 2);
    if (family == CONVOLUTION) fprintf(to, "{conv: {channels: %d, patch: %d}", units, patch);
    else fprintf(to, "{dense: %d", units);
    fprintf(to, ", activation: %s, scale: %.3f%s, init: {normal: %.3f}}, ", activation, scale,
            h > 1 && family != DENSE ? ", skip: true" : "", deviation);
  }
  fprintf(to, "{dense: %d}]\ndata: {n: %d, ", outputs, n);
  if (family == CONVOLUTION) fprintf(to, "channels: %d, pixels: %d", channels, pixels);
  else fprintf(to, "d: %d", pixels);
  fprintf(to, ", inputs: normal, labels: {normal: 1}}\nloss: %s\n",
          draw_uniform(s, 0, 1) < 0.5 ? "sum" : "mean");
}

/* parameters, teachers and starts; 0 as write_row */
static int write_vectors(const basin_model *model, source *s, const double *parameter, FILE *to) {
  int good = 1;
  fprintf(to, "\nparameters: {");
  for (int i = 0; i < model->parameters; i++)
    fprintf(to, "%s%s: %s", i ? ", " : "", model->parameter[i].name,
            basin_exact(parameter[i]).text);
  fprintf(to, "}\nteacher: {");
  for (int i = 0; i < model->teachers; i++) {
    fprintf(to, "%s%s: ", i ? ", " : "", model->teacher[i].name);
    good = good && write_teacher(model, s, &model->teacher[i], parameter, to);
  }
  const int wide = !is_sampled(model) && draw_uniform(s, 0, 1) < 0.5;
  fprintf(to, "}\ninit: {");
  for (int i = 0; i < model->initials; i++)
    fprintf(to, "%s%s: {normal: %.3f}", i ? ", " : "", model->initial[i].name,
            draw_uniform(s, 0.3, wide ? 6 : 1.5));
  fprintf(to, "}\n");
  return good;
}

/* an experiment whose trial 0 takes one step; NULL where memory is short */
static char *write_experiment(const basin_model *model, source *s, const double *parameter) {
  char *text = NULL;
  size_t size;
  int good = 1;
  FILE *to = open_memstream(&text, &size);
  if (!to) return NULL;
  fprintf(to, "model: %s\nseed: %llu\ntrials: 1", model->name,
          (unsigned long long)basin_mix(s->key ^ s->state));
  if (model->layer_observables) write_network(s, to);
  else good = write_vectors(model, s, parameter, to);
  fprintf(to,
          "schedule: [{eta: %s}]\nstop: {at: 1e-12, max_steps: 1}\n"
          "record: {trials: 1, steps: [0, 1]}\n",
          basin_exact(ETA).text);
  good = good && !ferror(to);
  if (!fclose(to) && good) return text;
  free(text);
  return NULL;
}

/* from s->attempt on, draw until the model takes the setting and there is room for the inputs */
static basin_status draw(const basin_model *model, source *s, int64_t inputs, basin_verified *out,
                         basin_experiment **e, basin_error *error) {
  int room = 0;
  for (; s->attempt < ATTEMPTS; s->attempt++) {
    s->block = 0;
    free(out->experiment);
    draw_parameters(model, s, out->parameter);
    out->experiment = write_experiment(model, s, out->parameter);
    if (!out->experiment) return basin_fail_memory(error);
    const basin_status status = basin_experiment_parse(
        "verify.yaml", out->experiment, (int64_t)strlen(out->experiment), NULL, 0, e, error);
    if (!status && (!is_sampled(model) || basin_inputs_max(&(*e)->cell[0].setting) >= inputs))
      return BASIN_OK;
    if (status == BASIN_FAILED) return status;
    room |= !status;
    basin_experiment_free(*e);
    *e = NULL;
  }
  if (!room) return BASIN_BAD_INPUT; /* the model's own reason */
  return basin_fail(
      error, BASIN_BAD_INPUT,
      "--inputs %lld: the counter has no room for as many of model %s, expected fewer",
      (long long)inputs, model->name);
}

/* ---- comparisons ---- */

/* Cholesky's factor of C, in its place below the diagonal and on it; returns how many entries do not follow from those
   before them, but for the floor of the variances */
static int64_t decompose(double *c, int64_t n, double floor) {
  int64_t freedom = 0;
  for (int64_t i = 0; i < n; i++) {
    const double variance = c[i * n + i];
    for (int64_t j = 0; j <= i; j++) {
      double x = c[i * n + j];
      for (int64_t m = 0; m < j; m++) x -= c[i * n + m] * c[j * n + m];
      c[i * n + j] = j < i ? x / c[j * n + j] : sqrt(x);
      if (j == i) freedom += x - floor > VARIANCE_LEFT * variance;
    }
  }
  return freedom;
}

/* d' C^-1 d from the factor; d is overwritten */
static double quadratic(const double *factor, double *d, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    for (int64_t m = 0; m < i; m++) d[i] -= factor[i * n + m] * d[m];
    d[i] /= factor[i * n + i];
    sum += d[i] * d[i];
  }
  return sum;
}

/* gradient: [size] of the step; inputs: of the moments, which are used up; scratch: [size][size] */
static void compare_gradient(const double *gradient, const basin_moments *moments, int64_t size,
                             int64_t inputs, double *scratch, basin_comparison *out) {
  double norm2 = 0, *d = moments->mean, *c = moments->covariance;
  for (int64_t e = 0; e < size; e++) norm2 += gradient[e] * gradient[e];
  const double floor = FLOOR * (1 + sqrt(norm2));
  *out = (basin_comparison){
      .name = "gradient", .closed = NAN, .measured = NAN, .error = NAN, .z = NAN, .entries = size};
  for (int64_t e = 0; e < size; e++) {
    for (int64_t f = 0; f < size; f++)
      c[e * size + f] = c[e * size + f] / (double)inputs + (e == f ? floor * floor : 0);
    d[e] -= gradient[e];
    out->largest = fmax(out->largest, fabs(d[e]) / sqrt(c[e * size + e]));
  }
  memcpy(scratch, c, (size_t)(size * size) * sizeof *c);
  out->freedom = decompose(scratch, size, floor * floor);
  for (int64_t e = 0; e < size; e++) c[e * size + e] *= 1 + RARE / (double)inputs;
  decompose(c, size, floor * floor);
  out->chi_square = quadratic(c, d, size);
  out->p = isfinite(out->chi_square) ? basin_chi_square_tail(out->chi_square, out->freedom) : 0;
}

/* freedom: of Student's law for the z of a norm, whose noise this is; 0: the normal law */
static void compare_number(const char *name, double closed, basin_measured measured, double noise,
                           int freedom, basin_comparison *out) {
  const double floor = FLOOR * (1 + fabs(closed)), error = hypot(measured.error, floor);
  const double z = (measured.value - closed) / error;
  *out = (basin_comparison){.name = name,
                            .closed = closed,
                            .measured = measured.value,
                            .error = measured.error,
                            .z = z,
                            .chi_square = NAN};
  out->p = freedom ? basin_student_tail(z, freedom) : basin_normal_tail(z);
  if (isnan(z)) out->p = 0; /* not a number is no loss and no norm */
  noise = RESOLVED * noise + floor;
  if (freedom && fabs(closed) <= noise && measured.value <= noise) out->p = NAN;
}

/* standard error of the length of the mean gradient by one initial vector */
static double noise_of(const basin_setting *setting, const basin_moments *moments, int64_t size,
                       int vector, int64_t inputs) {
  double variance = 0;
  int64_t e = 0;
  for (int v = 0; v < vector; v++) e += basin_vector_size(&setting->initial[v]);
  for (int64_t end = e + basin_vector_size(&setting->initial[vector]); e < end; e++)
    variance += moments->covariance[e * size + e];
  return sqrt(variance / (double)inputs);
}

/* ---- one state ---- */

/* take the step: full vectors before it, the gradient that it follows, and the observables */
static basin_status take_step(const basin_experiment *e, double *vectors, double *gradient,
                              double *observed, basin_error *error) {
  const int64_t size = e->cell[0].setting.size.vectors;
  basin_backend backend = {0};
  int stepped = 0;
  basin_status status = basin_cpu_open(NULL, 1, &backend, error);
  if (!status) status = basin_first_step(e, &backend, observed, vectors, gradient, &stepped, error);
  if (!status && !stepped)
    status = basin_fail(error, BASIN_FAILED, "verify: model %s ended before its first step",
                        e->cell[0].model->name);
  for (int64_t i = 0; i < size && !status; i++) gradient[i] = (vectors[i] - gradient[i]) / ETA;
  if (backend.close) backend.close(backend.self);
  return status;
}

static basin_status compare(const basin_experiment *e, int64_t inputs, basin_verified *out,
                            basin_error *error) {
  const basin_model *model = e->cell[0].model;
  const basin_setting *setting = &e->cell[0].setting;
  const int64_t size = setting->size.vectors;
  const int loss = basin_symbol_find(model->observable, model->observables, "loss");
  double *vectors = calloc((size_t)(3 * size + 2 * size * size), sizeof *vectors);
  double *gradient = vectors + size;
  const basin_moments moments = {gradient + size, gradient + 2 * size};
  basin_measured *measured = calloc((size_t)model->norms + 1, sizeof *measured);
  out->comparison = calloc((size_t)model->norms + 2, sizeof *out->comparison);
  basin_status status = vectors && measured && out->comparison ? BASIN_OK
                                                               : basin_fail_memory(error);
  if (!status) status = take_step(e, vectors, gradient, out->observed, error);
  if (!status)
    status = basin_measure(model, basin_cpu_isa(NULL), setting, vectors, 0, 0, inputs, measured,
                           &moments, error);
  if (!status) {
    compare_number("loss", out->observed[loss], measured[0], 0, 0, out->comparison);
    for (int i = 0; i < model->norms; i++)
      compare_number(model->observable[model->norm[i].observable].name,
                     out->observed[model->norm[i].observable], measured[1 + i],
                     noise_of(setting, &moments, size, model->norm[i].initial, inputs),
                     BASIN_SUMS - 1, out->comparison + 1 + i);
    compare_gradient(gradient, &moments, size, inputs, moments.covariance + size * size,
                     out->comparison + 1 + model->norms);
    out->comparisons = model->norms + 2;
  }
  free(measured);
  free(vectors);
  return status;
}

static double draw_normal(void *self) {
  double normal, uniform;
  next(self, &normal, &uniform);
  return normal;
}

/* the slope at a state; without a sampled form at the first one that has a slope, from s->attempt on */
static basin_status compare_slope(source *s, basin_experiment **e, basin_verified *out,
                                  basin_error *error) {
  const basin_model *model = out->model;
  source directions = {.key = s->key, .state = s->state, .attempt = ATTEMPTS};
  out->slope = (basin_slope){.why = basin_slope_lacks(model)};
  if (out->slope.why || s->state >= BASIN_SLOPE_STATES) return BASIN_OK;
  for (;;) {
    int usable;
    basin_status status = basin_slope_measure(*e, "loss", draw_normal, &directions, &usable,
                                              &out->slope, error);
    if (status || usable) return status;
    out->slope = (basin_slope){
        .why = "no state has been found whose loss is finite and that takes a step"};
    if (is_sampled(model) || ++s->attempt >= ATTEMPTS) return BASIN_OK;
    basin_experiment_free(*e);
    *e = NULL;
    status = draw(model, s, 0, out, e, error);
    if (status) return status;
  }
}

basin_status basin_verify_state(const basin_model *model, uint64_t seed, int64_t state,
                                int64_t inputs, basin_verified *out, basin_error *error) {
  source s = {.key = basin_key(seed, basin_hash_text(0, model->name)), .state = (uint64_t)state};
  basin_experiment *e = NULL;
  *out = (basin_verified){.model = model};
  out->parameter = calloc((size_t)model->parameters + 1, sizeof *out->parameter);
  out->observed = calloc((size_t)model->observables + 1, sizeof *out->observed);
  basin_status status = out->parameter && out->observed ? BASIN_OK : basin_fail_memory(error);
  for (int i = 0; i < model->observables && !status; i++) out->observed[i] = NAN;
  if (!status) status = draw(model, &s, inputs, out, &e, error);
  if (!status) status = compare_slope(&s, &e, out, error);
  if (!status && is_sampled(model)) status = compare(e, inputs, out, error);
  basin_experiment_free(e);
  return status;
}

basin_status basin_verify_kind(const basin_verified *v, uint64_t seed, basin_check *check,
                               basin_error *error) {
  basin_experiment *e;
  basin_status status = basin_experiment_parse("verify.yaml", v->experiment,
                                               (int64_t)strlen(v->experiment), NULL, 0, &e, error);
  if (!status) status = basin_check_kind(e, 0, NULL, seed, 1, check, error);
  basin_experiment_free(e);
  return status;
}

void basin_verified_free(basin_verified *v) {
  free(v->experiment);
  free(v->parameter);
  free(v->observed);
  free(v->comparison);
  memset(v, 0, sizeof *v);
}

void basin_verify_together(const basin_verified *state, int64_t states, basin_comparison out[2]) {
  for (int i = 0; i < 2; i++) {
    double sum = 0;
    out[i] = (basin_comparison){.closed = NAN, .measured = NAN, .error = NAN, .z = NAN};
    for (int64_t s = 0; s < states; s++) {
      const basin_comparison *c = &state[s].comparison[i ? state[s].comparisons - 1 : 0];
      out[i].name = c->name;
      sum += i ? c->chi_square : c->z * c->z;
      out[i].freedom += i ? c->freedom : 1;
    }
    out[i].chi_square = sum;
    out[i].p = isfinite(sum) ? basin_chi_square_tail(sum, out[i].freedom) : 0;
  }
}
