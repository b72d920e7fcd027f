/* SPDX-License-Identifier: MIT */
#include "network/symmetric.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEPS_MAX = 60 /* for an eigenvalue; two are usual */ };

/* y += t x */
static void add(int64_t n, double t, const double *x, double *y) {
  for (int64_t i = 0; i < n; i++) y[i] += t * x[i];
}

static double dot(int64_t n, const double *x, const double *y) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* x becomes v, with which (I - factor v v') x is *first times the first unit vector; returns the factor, 0 where there
   is nothing to do */
static double reflector(int64_t n, double *x, double *first) {
  const double below = dot(n - 1, x + 1, x + 1);
  *first = x[0];
  if (below == 0) return 0;
  const double length = sqrt(x[0] * x[0] + below);
  *first = x[0] > 0 ? -length : length;
  x[0] -= *first;
  return 2 / (x[0] * x[0] + below);
}

/* A to tridiagonal form; row k of A keeps the reflector of step k behind its diagonal, factor[k] its factor */
static void tridiagonalise(int64_t n, double *a, double *factor, double *work, double *diagonal,
                           double *beside) {
  for (int64_t k = 0; k < n; k++) {
    double *v = a + k * n + k + 1;
    const int64_t left = n - 1 - k;
    diagonal[k] = a[k * n + k];
    if (!left) break;
    factor[k] = reflector(left, v, &beside[k]);
    if (factor[k] == 0) continue;
    /* with w = factor A v - t v it becomes A - v w' - w v' */
    memset(work, 0, (size_t)left * sizeof *work);
    for (int64_t i = 0; i < left; i++) add(left, factor[k] * v[i], v + (i + 1) * n, work);
    add(left, -0.5 * factor[k] * dot(left, work, v), v, work);
    for (int64_t i = 0; i < left; i++) {
      double *row = v + (i + 1) * n;
      const double t = v[i], u = work[i];
      for (int64_t j = 0; j < left; j++) row[j] -= t * work[j] + u * v[j];
    }
  }
}

/* the transposed product of all reflectors, into A; q[n][n] is room */
static void accumulate(int64_t n, double *a, const double *factor, double *q, double *work) {
  memset(q, 0, (size_t)(n * n) * sizeof *q);
  for (int64_t i = 0; i < n; i++) q[i * n + i] = 1;
  for (int64_t k = n - 2; k >= 0; k--) {
    const double *v = a + k * n + k + 1;
    const int64_t left = n - 1 - k;
    double *corner = q + (k + 1) * n + k + 1;
    if (factor[k] == 0) continue;
    memset(work, 0, (size_t)left * sizeof *work);
    for (int64_t i = 0; i < left; i++) add(left, v[i], corner + i * n, work);
    for (int64_t i = 0; i < left; i++) add(left, -factor[k] * v[i], work, corner + i * n);
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) a[j * n + i] = q[i * n + j];
}

/* rows x and y turned: (c x + s y, c y - s x) */
static void turn(int64_t n, double c, double s, double *x, double *y) {
  for (int64_t i = 0; i < n; i++) {
    const double t = x[i];
    x[i] = c * t + s * y[i];
    y[i] = c * y[i] - s * t;
  }
}

/* one implicit QR step on rows low .. high; the rows of v, where there are any, turn with them */
static void sweep(int64_t n, int64_t low, int64_t high, double *d, double *e, double *v) {
  const double half = (d[high - 1] - d[high]) / 2, last = e[high - 1];
  const double root = sqrt(half * half + last * last);
  double x = d[low] - (d[high] - last * (last / (half + (half < 0 ? -root : root)))), z = e[low];
  for (int64_t k = low; k < high; k++) {
    const double r = sqrt(x * x + z * z), c = r > 0 ? x / r : 1, s = r > 0 ? z / r : 0;
    const double a = d[k], b = e[k], g = d[k + 1];
    if (k > low) e[k - 1] = r;
    d[k] = c * c * a + 2 * c * s * b + s * s * g;
    d[k + 1] = s * s * a - 2 * c * s * b + c * c * g;
    e[k] = (c * c - s * s) * b + c * s * (g - a);
    if (k + 1 < high) {
      x = e[k];
      z = s * e[k + 1];
      e[k + 1] *= c;
    }
    if (v) turn(n, c, s, v + k * n, v + (k + 1) * n);
  }
}

/* whether an entry beside the diagonal is nothing: against its neighbours, or the matrix, whose largest entry is about
   1 */
static int is_split(const double *d, const double *e, int64_t k) {
  return fabs(e[k]) <= fmax(DBL_EPSILON * (fabs(d[k]) + fabs(d[k + 1])), 0x1p-60);
}

static basin_status diagonalise(int64_t n, double *d, double *e, double *v, basin_error *error) {
  int64_t high = n - 1, sweeps = 0;
  while (high > 0) {
    if (is_split(d, e, high - 1)) {
      high--;
      continue;
    }
    int64_t low = high - 1;
    while (low > 0 && !is_split(d, e, low - 1)) low--;
    if (++sweeps > SWEEPS_MAX * n)
      return basin_fail(error, BASIN_FAILED, "the eigenvalues of a matrix cannot be found");
    sweep(n, low, high, d, e, v);
  }
  return BASIN_OK;
}

/* into ascending order, the rows of v with them */
static void sort(int64_t n, double *d, double *v, double *work) {
  for (int64_t i = 0; i < n; i++) {
    int64_t least = i;
    for (int64_t j = i + 1; j < n; j++)
      if (d[j] < d[least]) least = j;
    if (least == i) continue;
    const double t = d[i];
    d[i] = d[least];
    d[least] = t;
    if (!v) continue;
    memcpy(work, v + i * n, (size_t)n * sizeof *v);
    memcpy(v + i * n, v + least * n, (size_t)n * sizeof *v);
    memcpy(v + least * n, work, (size_t)n * sizeof *v);
  }
}

/* the largest entry in size; not finite where one is not */
static double size(int64_t n, const double *a) {
  double largest = 0;
  for (int64_t i = 0; i < n && isfinite(largest); i++)
    if (!(fabs(a[i]) <= largest)) largest = fabs(a[i]);
  return largest;
}

basin_status basin_symmetric_eigen(int64_t n, double *a, int vectors, double *value,
                                   basin_error *error) {
  const double largest = size(n * n, a);
  if (!isfinite(largest))
    return basin_fail(error, BASIN_BAD_INPUT, "a matrix has an entry that is not finite");
  double *work = malloc((size_t)n * (3 + (vectors ? (size_t)n : 0)) * sizeof *work);
  if (!work) return basin_fail_memory(error);
  double *factor = work + n, *beside = factor + n, *room = beside + n;

  /* by a power of two near to one, so that no square leaves the range */
  int power = 0;
  frexp(largest, &power);
  for (int64_t i = 0; i < n * n; i++) a[i] = ldexp(a[i], -power);
  tridiagonalise(n, a, factor, work, value, beside);
  if (vectors) accumulate(n, a, factor, room, work);
  const basin_status status = diagonalise(n, value, beside, vectors ? a : NULL, error);
  for (int64_t i = 0; i < n; i++) value[i] = ldexp(value[i], power);
  sort(n, value, vectors ? a : NULL, work);
  free(work);
  return status;
}
