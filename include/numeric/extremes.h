/* SPDX-License-Identifier: MIT
 *
 * extremes.h: the least and the largest eigenvalue of a symmetric matrix, one matrix a lane.
 *
 *   real low, high;
 *   extremes_of(team, n, a, work, &low, &high);     work: EXTREMES_WORK numbers a row
 *
 * a is the lower triangle row by row, entry (i, j), j <= i, at extremes_at(i, j), and is overwritten. All threads of a
 * team call it, and get the same. Of a matrix with an entry that is infinite or none both are NaN.
 *
 * Householder's reflections make it tridiagonal (Golub and Van Loan, Matrix Computations, 8.3), in 4/3 n^3 operations
 * that the threads share; then x is halved in between the ends of the spectrum by the pivots of T - x I,
 *
 *   q_1 = d_1 - x,   q_k = d_k - x - e_k^2 / q_(k-1),
 *
 * which are all positive where x is below all eigenvalues, and all negative where it is above them (Sylvester). So many
 * times, whatever the numbers are: EXTREMES_HALVINGS n divisions for each end. Errors are some units in the last place
 * of the eigenvalue that is largest by its size.
 */
#ifndef BASIN_NUMERIC_EXTREMES_H
#define BASIN_NUMERIC_EXTREMES_H

#include "numeric/team.h"

enum { EXTREMES_WORK = 4, EXTREMES_HALVINGS = 56 };

BASIN_HD int64_t extremes_at(int64_t i, int64_t j) { return i * (i + 1) / 2 + j; }
BASIN_HD int64_t extremes_size(int64_t n) { return extremes_at(n, 0); }

/* By a power of two to a largest entry of about 1; *back: what eigenvalues are to be multiplied by, NaN where an entry
   is not finite. Work: 2 n. */
BASIN_HD void extremes_scale(basin_team team, int64_t n, real *a, real *work, real *back) {
  real most = r_set(0.0), sum = r_set(0.0);
  BASIN_TEAM_FOR(team, i, n) {
    const real *row = a + extremes_at(i, 0);
    work[2 * i] = work[2 * i + 1] = r_set(0.0);
    for (int64_t j = 0; j <= i; j++) {
      work[2 * i] = r_max(r_abs(row[j]), work[2 * i]);
      work[2 * i + 1] = work[2 * i + 1] + r_abs(row[j]);
    }
  }
  team_sync(team);
  for (int64_t i = 0; i < n; i++) {
    most = r_max(work[2 * i], most);
    sum = sum + work[2 * i + 1]; /* a NaN gets lost in most, not here */
  }
  team_sync(team);
  const mask tiny = r_lt(most, r_set(0x1p-1000));
  const real power = r_select(tiny, r_set(1.0),
                              r_from_bits(r_bits(most) & b_set(0x7ff0000000000000u)));
  const real inverse = r_from_bits(b_set(0x7fe0000000000000u) - r_bits(power));
  *back = r_select(r_lt(sum, r_set(0x1p1000)), power, r_set((double)NAN));
  BASIN_TEAM_FOR(team, i, n)
  for (int64_t j = 0; j <= i; j++) a[extremes_at(i, j)] = a[extremes_at(i, j)] * inverse;
  team_sync(team);
}

/* Row i >= 2 becomes (0, ..., 0, t, a_ii) by the reflection I - u u'/half of what is before it, half = |u|^2/2; then A
   before it is A - u w' - w u' with w = A u/half - u (u'A u)/(2 half^2). Returns t^2. */
BASIN_HD real extremes_reflect(basin_team team, int64_t i, real *a, real *u, real *w) {
  const real *row = a + extremes_at(i, 0), first = row[i - 1];
  real square = r_set(0.0), form = r_set(0.0);
  for (int64_t j = 0; j < i - 1; j++) square = r_fma(row[j], row[j], square);
  square = r_fma(first, first, square);
  const real t = r_copysign(r_sqrt(square), r_set(0.0) - first), half = r_fnma(first, t, square);
  /* a row that small is nothing against the matrix, and its inverse would be infinite */
  const real inverse = r_select(r_lt(r_set(0x1p-900), half), r_set(1.0) / half, r_set(0.0));
  BASIN_TEAM_FOR(team, j, i) {
    u[j] = row[j];
    if (j == i - 1) u[j] = first - t;
  }
  team_sync(team);
  BASIN_TEAM_FOR(team, j, i) {
    real sum = r_set(0.0);
    for (int64_t k = 0; k <= j; k++) sum = r_fma(a[extremes_at(j, k)], u[k], sum);
    for (int64_t k = j + 1; k < i; k++) sum = r_fma(a[extremes_at(k, j)], u[k], sum);
    w[j] = sum * inverse;
  }
  team_sync(team);
  for (int64_t j = 0; j < i; j++) form = r_fma(u[j], w[j], form);
  team_sync(team);
  form = r_set(0.5) * form * inverse;
  BASIN_TEAM_FOR(team, j, i) w[j] = r_fnma(form, u[j], w[j]);
  team_sync(team);
  BASIN_TEAM_FOR(team, j, i)
  for (int64_t k = 0; k <= j; k++) {
    real *entry = a + extremes_at(j, k);
    *entry = r_fnma(u[j], w[k], r_fnma(w[j], u[k], *entry));
  }
  team_sync(team);
  return square;
}

/* of a tridiagonal matrix: its diagonal, and the squares beside it, square[i] of (i, i - 1). A thread's own */
BASIN_HD void extremes_bisect(int64_t n, const real *diagonal, const real *square, real *low,
                              real *high) {
  real reach = r_set(0.0), before = r_set(0.0);
  BASIN_ROLLED
  for (int64_t i = 0; i < n; i++) { /* Gershgorin */
    const real after = i + 1 < n ? r_sqrt(square[i + 1]) : r_set(0.0);
    reach = r_max(r_abs(diagonal[i]) + before + after, reach);
    before = after;
  }
  real low_from = r_set(0.0) - reach, low_to = reach, high_from = low_from, high_to = reach;
  for (int turn = 0; turn < EXTREMES_HALVINGS; turn++) {
    const real x = r_set(0.5) * (low_from + low_to), y = r_set(0.5) * (high_from + high_to);
    real q = diagonal[0] - x, p = diagonal[0] - y;
    mask below = r_lt(r_set(0.0), q), above = r_lt(p, r_set(0.0));
    BASIN_ROLLED
    for (int64_t i = 1; i < n; i++) { /* behind a pivot of 0 nothing counts any more */
      q = diagonal[i] - x - square[i] / q;
      p = diagonal[i] - y - square[i] / p;
      below = m_and(below, r_lt(r_set(0.0), q));
      above = m_and(above, r_lt(p, r_set(0.0)));
    }
    low_from = r_select(below, x, low_from);
    low_to = r_select(below, low_to, x);
    high_to = r_select(above, y, high_to);
    high_from = r_select(above, high_from, y);
  }
  *low = r_set(0.5) * (low_from + low_to);
  *high = r_set(0.5) * (high_from + high_to);
}

BASIN_HD void extremes_of(basin_team team, int64_t n, real *a, real *work, real *low, real *high) {
  real *diagonal = work, *square = diagonal + n, *u = square + n, *w = u + n, back;
  extremes_scale(team, n, a, u, &back);
  for (int64_t i = n - 1; i > 1 && !team_stopped(team); i--) {
    const real beside = extremes_reflect(team, i, a, u, w);
    if (team.rank == 0) square[i] = beside;
  }
  if (team.rank == 0) {
    square[0] = r_set(0.0);
    if (n > 1) square[1] = a[extremes_at(1, 0)] * a[extremes_at(1, 0)];
  }
  BASIN_TEAM_FOR(team, i, n) diagonal[i] = a[extremes_at(i, i)];
  team_sync(team);
  extremes_bisect(n, diagonal, square, low, high);
  *low = *low * back;
  *high = *high * back;
  team_sync(team);
}

#endif
