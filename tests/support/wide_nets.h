/* SPDX-License-Identifier: MIT
 *
 * wide_nets.h: what the tests of networks of infinite width share: random numbers, tallies, inputs, and activations,
 * written from their definitions.
 */
#ifndef BASIN_TEST_WIDE_NETS_H
#define BASIN_TEST_WIDE_NETS_H

#include "test.h"
#include "network/limit.h"

/* two normal numbers at once (Box and Muller), in turn */
typedef struct source {
  uint64_t state;
  double kept;
  int has;
} source;

static inline double normal(source *s) {
  s->has = !s->has;
  if (!s->has) return s->kept;
  const double radius = sqrt(-2 * log(1 - test_uniform(&s->state))),
               angle = 2 * M_PI * test_uniform(&s->state);
  s->kept = radius * sin(angle);
  return radius * cos(angle);
}

static inline double *room(int64_t count) {
  double *x = calloc((size_t)count, sizeof *x);
  assert_non_null(x);
  return x;
}

/* mean and its standard error */
typedef struct tally {
  double sum, square;
  int n;
} tally;

static inline void count(tally *t, double x) { t->sum += x, t->square += x * x, t->n++; }
static inline double mean_of(const tally *t) { return t->sum / t->n; }
static inline double error_of(const tally *t) {
  return sqrt((t->square / t->n - mean_of(t) * mean_of(t)) / (t->n - 1));
}
static inline double z_of(const tally *t, double expected) {
  return (mean_of(t) - expected) / error_of(t);
}

/* to += t from */
static inline void add(int64_t n, double t, const double *from, double *to) {
  for (int64_t i = 0; i < n; i++) to[i] += t * from[i];
}

static inline double inner(int64_t count, const double *a, const double *b) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
  return sum;
}

static inline double *inputs(int64_t n, int64_t channels, int64_t pixels, int unit, source *s) {
  double *x = room(n * channels * pixels);
  for (int64_t i = 0; i < n; i++) {
    double *row = x + i * channels * pixels;
    for (int64_t a = 0; a < channels * pixels; a++) row[a] = normal(s);
    const double length = sqrt(inner(channels * pixels, row, row)),
                 wanted = unit ? 1 : 0.5 + (double)i / (double)n;
    for (int64_t a = 0; a < channels * pixels; a++) row[a] *= wanted / length;
  }
  return x;
}

static inline double activate(const basin_sigma *s, double z) {
  switch (s->kind) {
  case BASIN_IDENTITY:
    return z;
  case BASIN_RELU:
    return z >= 0 ? z : 0;
  case BASIN_LEAKY:
    return z >= 0 ? z : s->slope * z;
  case BASIN_SOFTPLUS:
    return fmax(z, 0) + log1p(exp(-fabs(z)));
  case BASIN_ERF:
    return erf(z);
  default:
    return tanh(z);
  }
}

static inline double slope(const basin_sigma *s, double z) {
  switch (s->kind) {
  case BASIN_IDENTITY:
    return 1;
  case BASIN_RELU:
    return z >= 0;
  case BASIN_LEAKY:
    return z >= 0 ? 1 : s->slope;
  case BASIN_SOFTPLUS:
    return 1 / (1 + exp(-z));
  case BASIN_ERF:
    return 2 / sqrt(M_PI) * exp(-z * z);
  default:
    return 1 - tanh(z) * tanh(z);
  }
}

#endif
