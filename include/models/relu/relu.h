/* SPDX-License-Identifier: MIT
 *
 * relu.h: a sum of ReLU neurons that learns another one; its loss and gradient over Gaussian inputs.
 *
 * n students w_i, m teachers v_l in R^d. Count teachers and students as one list of N = m + n vectors u_a of which
 * the teachers, a < m, have the sign c_a = -1, the students c_a = 1. With r = sum_a c_a u_a, the angles theta_ab and
 * the signed lengths M_a = c_a |u_a|, (23) and (4) of Xu and Du (2023), for any m, are
 *
 *   L        = 1/2 E [ (sum_a c_a max(0, u_a'x))^2 ]
 *            = 1/4 |r|^2 + 1/(2 pi) sum_{a<b} (sin theta_ab - theta_ab cos theta_ab) M_a M_b
 *   grad_a L = 1/2 r + 1/(2 pi) [ (sum_{b!=a} M_b sin theta_ab) u_a/|u_a| - sum_{b!=a} M_b theta_ab u_b/|u_b| ]
 *
 * The gradient lies in the span of students and teachers, so they never leave it, and a trial is carried in
 * D = min(d, n + m) coordinates of that span (frame.h; the first axis points along v_1): what a step costs does not
 * depend on d. With `span` 0 the coordinates are the d entries themselves.
 *
 * Angles come from y = sin^2(theta/2), or cos^2 beyond pi/2: (1 - |c|) / 2 up to a size 3/4 of the product c of the
 * two directions, where that loses nothing, and beyond it, as Kahan has it, |u - u'|^2 / 4, or |u + u'|^2 / 4. Then
 * sin theta = 2 sqrt(y (1 - y)), and theta is that times a polynomial in y (relu_turn): one square root for both, no
 * division. Nothing is lost as theta -> 0 or pi but what the coordinates themselves have lost: a coordinate of
 * relative accuracy e makes an error e |coordinate| / theta.
 * sin theta - theta cos theta is a Taylor series in theta^2 on all of [0, pi]: its terms have both signs, but their
 * sizes add up to 8 times the sum at most (at pi), to 1.2 times below 1.
 *
 * How accurate the loss is. |error| <= 1e-16 (n + m) |v| |r| + 2e-15 S, |v| the longest teacher and S the sum of the
 * sizes of the terms of L, of which those of two teachers do not fall. For one teacher S falls with L: as theta^3
 * for n >= 2, where r ~ theta^2. So a loss of 1e-20 (theta ~ 1e-7) is right to 1e-11 of itself where it comes from
 * the angles, to about 1e-6 where it comes from r (n = 1, or students parallel to v), and the first digits are lost
 * at 1e-30 alone. With span 0, or for students near other teachers than the first, a small angle lies between
 * coordinates of size 1, and is right to about 1e-16 absolutely: at a loss of 1e-20 the error is 1e-8 of it. For
 * m >= 2 terms of size |v|^2 cancel, and the loss is right to about 1e-15 m^2 |v|^2, absolutely: it may even come out
 * negative so far. tests/unit/test_relu_sum.c measures all this against binary128.
 *
 * Where w_i = 0 the loss has no gradient by w_i. Taken is E[ (...) 1{w_i'x >= 0} x ], as Appendix B has it, which is
 * r / 2: angles with a vector of length 0 count as 0. Lengths below 1e-145 are 0, coordinates below 1e-100 are set to
 * 0 (so that decay ends there, and not among subnormal numbers, which cost a hundred times as much).
 *
 * Operations of one step, with P = n (n-1)/2 + n m pairs: n units of 3 D multiplications and fma, 1 square root and
 * 1 division; P angles of D + 12 fma, 2 D more where any lane's is near 0 or pi, 15 others and 1 square root; n rows of
 * D (N + 3) fma. With `stop.at` 17 more a pair for the loss. On a CPU products and rows are computed in tiles of two
 * students, so that a vector is loaded once for two sums. n = 2, m = 1: about 150. n = 20, m = 1, D = 10: about 13 000,
 * D = 21: about 22 000. One student and one teacher in the plane that they span (relu_plane): about 60, and two
 * divisions.
 */
#ifndef BASIN_MODELS_RELU_H
#define BASIN_MODELS_RELU_H

#include "numeric/frame.h"
#include "seam/draw.h"
#include "seam/method.h"

#define RELU_TINY 1e-100
#define RELU_ZERO2 1e-290 /* squared lengths below are 0 */

/* the head of a state */
enum {
  RELU_LOSS,     /* of the present state, where stop.at is given */
  RELU_GRAD2,    /* squared length of its gradient, likewise */
  RELU_NORM2,    /* sum of |w_i|^2 */
  RELU_TEACHERS, /* sum over pairs of teachers in the loss */
  RELU_HEAD
};

typedef struct relu_cell {
  int64_t n, m, d;
  int64_t width; /* D: coordinates of a vector */
  int spanned;   /* whether they are those of a frame, else the d entries */
  int with_loss; /* whether a step ends with the loss and the length of the gradient */
  double tolerance, tolerance_gradient2;
  double error;   /* of gradient flow */
  int64_t inputs; /* B, of a sampled gradient */
  basin_input_law law;
  basin_method method; /* where the coordinates are the d entries */
  draw_source teacher, student;

  /* offsets into a state, in reals, and its length */
  int64_t at_w;      /* [n][D] students */
  int64_t at_g;      /* [n][D] their gradient */
  int64_t at_unit_v; /* [m][D] teachers, of length 1 */
  int64_t at_mass_v; /* [m] -|v_l| */
  int64_t at_sum_v;  /* [D] sum of the teachers */
  int64_t states;

  /* offsets into the scratch, and its length */
  int64_t to_strand;          /* [32] */
  int64_t to_unit_v, to_unit; /* [m][D] and, behind them, [n][D], of length 1 */
  int64_t to_mass_v, to_mass; /* [m] -|v_l| and, behind them, [n] |w_i| */
  int64_t to_residual;        /* [D] r */
  int64_t to_theta, to_sine;  /* [N (N-1)/2] of the pairs with a student: theta, sin theta */
  int64_t to_pull_v, to_pull; /* [m] and, behind them, [n] sum of M_b sin theta_ab */
  int64_t to_term;            /* [N (N-1)/2] */
  int64_t to_gradient;        /* [n][D] */
  int64_t to_own;             /* that of the dynamics: relu_flow.h, relu_sampled.h */
  int64_t to_row, to_teacher, to_axis; /* at the start: [d]; [m][D]; the frame */
  int64_t work;
} relu_cell;

/* ---------------------------------------------------------------- angles */

/* sin^2 of half the angle between two vectors of length 1, or of half its rest to pi where c, their product, is
   negative: in [0, 1/2]. Where the angle is near 0, or pi, from their difference, or sum, else from c. */
BASIN_HD real relu_haversine(const real *a, const real *b, int64_t width, real c) {
  const real size = r_abs(c), y = r_fnma(r_set(0.5), size, r_set(0.5));
  const mask near = r_lt(r_set(0.75), size);
  if (!m_any(near)) return y;
  const real sign = r_copysign(r_set(1.0), c);
  real chord2 = r_set(0.0);
  for (int64_t k = 0; k < width; k++) {
    const real difference = r_fnma(sign, b[k], a[k]);
    chord2 = r_fma(difference, difference, chord2);
  }
  return r_select(near, r_set(0.25) * chord2, y);
}

/* The angle theta of which y is that, and its sine; pi less the angle where c < 0. Up to pi/4 the angle is sin theta
   (1 + y p(y)), p the polynomial of (arcsin(s) / (s sqrt(1 - s^2)) - 1) / s^2 in y = s^2, its even and odd terms apart;
   beyond it pi/2 less the angle whose sine is c, by (1 - sin theta) / 2 for y. */
BASIN_HD void relu_turn(real y, real c, real *theta, real *sine) {
  const real root = r_sqrt(r_fnma(y, y, y)), sin_theta = root + root;
  const mask steep = r_lt(r_set(0x1.2bec333018867p-3), y);
  const real s = r_select(steep, c, sin_theta);
  const real u = r_select(steep, r_fnma(r_set(0.5), sin_theta, r_set(0.5)), y), z = u * u;
  real even = r_set(0x1.2c2c851937be1p-1), odd = r_set(0x1.1c65c0355820fp-3);
  even = BASIN_HORNER(even, z, 0x1.3eedef4804946p-2);
  odd = BASIN_HORNER(odd, z, 0x1.2f1f8b68dbe35p-2);
  even = BASIN_HORNER(even, z, 0x1.46301a5a23169p-2);
  odd = BASIN_HORNER(odd, z, 0x1.5d2949cfc92e9p-2);
  even = BASIN_HORNER(even, z, 0x1.7a464f00f65bfp-2);
  odd = BASIN_HORNER(odd, z, 0x1.a01a010da641dp-2);
  even = BASIN_HORNER(even, z, 0x1.d41d41d57f33dp-2);
  odd = BASIN_HORNER(odd, z, 0x1.11111111106abp-1);
  even = BASIN_HORNER(even, z, 0x1.5555555555557p-1);
  const real rest = u * r_fma(u, odd, even), angle = r_fma(s, rest, s);
  const mask obtuse = r_lt(c, r_set(0.0));
  const real from = r_select(steep, BASIN_LITERAL(BASIN_PI / 2), BASIN_LITERAL(BASIN_PI));
  const real low = r_select(steep, BASIN_LITERAL(BASIN_PI_LOW / 2), BASIN_LITERAL(BASIN_PI_LOW));
  *sine = sin_theta;
  *theta = r_select(m_or(steep, obtuse), from - (angle - low), angle);
}

/* product of two vectors */
BASIN_HD real relu_dot(const real *a, const real *b, int64_t width) {
  real sum = r_set(0.0);
  for (int64_t k = 0; k < width; k++) sum = r_fma(a[k], b[k], sum);
  return sum;
}

/* angle and its sine between two vectors of length 1; 0 where one is a zero vector */
BASIN_HD void relu_angle(const real *a, const real *b, int64_t width, real *theta, real *sine) {
  const real c = relu_dot(a, b, width), lengths2 = relu_dot(a, a, width) + relu_dot(b, b, width);
  const real y = relu_haversine(a, b, width, c), zero = r_set(0.0);
  const mask none = r_lt(lengths2, r_set(1.5)); /* 2, but 1 and 0 with one and two zero vectors */
  relu_turn(r_select(none, zero, y), c, theta, sine);
}

/* sin theta - theta cos theta on [0, pi]: sum of (-1)^(k+1) 2k/(2k+1)! theta^(2k+1), relative error < 4e-15 */
BASIN_HD real relu_gap(real theta) {
  const real z = theta * theta;
  real p = r_set(0x1.2f185b90bb660p-108);
  p = BASIN_HORNER(p, z, -0x1.00eba59daed98p-98);
  p = BASIN_HORNER(p, z, 0x1.7a5b06e5367e5p-89);
  p = BASIN_HORNER(p, z, -0x1.dedb34ba18f7dp-80);
  p = BASIN_HORNER(p, z, 0x1.0132bcd1f4692p-70);
  p = BASIN_HORNER(p, z, -0x1.ce272b49432cep-62);
  p = BASIN_HORNER(p, z, 0x1.5532eaf516982p-53);
  p = BASIN_HORNER(p, z, -0x1.952c77030ad4ap-45);
  p = BASIN_HORNER(p, z, 0x1.78af56a4d411bp-37);
  p = BASIN_HORNER(p, z, -0x1.08db48ebe51c7p-29);
  p = BASIN_HORNER(p, z, 0x1.0cfeb60f94b0ep-22);
  p = BASIN_HORNER(p, z, -0x1.71de3a556c734p-16);
  p = BASIN_HORNER(p, z, 0x1.3813813813814p-10);
  p = BASIN_HORNER(p, z, -0x1.1111111111111p-5);
  p = BASIN_HORNER(p, z, 0x1.5555555555555p-2);
  return (theta * z) * p;
}

/* The vector brought to length 1, and its length; both 0 for a zero vector. Quotients by Markstein's correction of a
   product with the reciprocal: a vector along an axis becomes the unit vector itself. */
BASIN_HD real relu_unit(const real *vector, int64_t width, real *unit) {
  const real zero = r_set(0.0), all2 = relu_dot(vector, vector, width);
  const real norm2 = r_select(r_lt(all2, r_set(RELU_ZERO2)), zero, all2);
  const real length = r_sqrt(norm2);
  const real inverse = r_select(r_le(length, zero), zero, r_set(1.0) / length);
  for (int64_t k = 0; k < width; k++) {
    const real quotient = inverse * vector[k];
    unit[k] = r_fma(inverse, r_fnma(quotient, length, vector[k]), quotient);
  }
  return length;
}

/* The pairs (lo, hi), lo < hi, in the order (0,1) (0,2) (1,2) (0,3) ...: number p belongs to the hi with
   hi (hi-1)/2 <= p. A loop over ascending p finds it by going on from the last one. There are at most 2^13 vectors. */
BASIN_HD void relu_pair(int p, int *lo, int *hi) {
  while (p - *hi * (*hi - 1) / 2 >= *hi) ++*hi;
  *lo = p - *hi * (*hi - 1) / 2;
}
BASIN_HD int64_t relu_pairs(int64_t count) { return count * (count - 1) / 2; }

/* where the parts of a state and of the scratch lie, by n, m and D */
BASIN_HD void relu_offsets(relu_cell *cell) {
  const int64_t n = cell->n, m = cell->m;
  int64_t at = RELU_HEAD;
  cell->at_w = at;
  cell->at_g = at += n * cell->width;
  cell->at_unit_v = at += n * cell->width;
  cell->at_mass_v = at += m * cell->width;
  cell->at_sum_v = at += m;
  cell->states = at += cell->width;

  cell->to_strand = 0;
  at = 32;
  cell->to_term = at;
  cell->to_teacher = cell->to_unit_v = at += relu_pairs(n + m);
  cell->to_unit = at += m * cell->width;
  cell->to_mass_v = at += n * cell->width;
  cell->to_mass = at += m;
  cell->to_residual = at += n;
  cell->to_theta = at += cell->width;
  cell->to_sine = at += relu_pairs(n + m);
  cell->to_pull_v = at += relu_pairs(n + m);
  cell->to_pull = at += m;
  cell->to_gradient = at += n;
  cell->to_own = cell->work = at += n * cell->width;
}

/* ---------------------------------------------------------------- loss and gradient */

/* lengths and directions of teachers and students w [n][D], and r */
BASIN_HD void relu_measure(const relu_cell *cell, basin_team team, const real *x, const real *w,
                           real *work) {
  const int64_t n = cell->n, width = cell->width;
  BASIN_TEAM_FOR(team, i, n) {
    if (team_stopped(team)) break;
    work[cell->to_mass + i] = relu_unit(w + i * width, width, work + cell->to_unit + i * width);
  }
  BASIN_TEAM_FOR(team, e, cell->m * width) work[cell->to_unit_v + e] = x[cell->at_unit_v + e];
  BASIN_TEAM_FOR(team, l, cell->m) work[cell->to_mass_v + l] = x[cell->at_mass_v + l];
  BASIN_TEAM_FOR(team, k, width) {
    real sum = r_set(0.0) - x[cell->at_sum_v + k];
    for (int64_t i = 0; i < n; i++) sum = sum + w[i * width + k];
    work[cell->to_residual + k] = sum;
  }
  team_sync(team);
}

/* Where the pair of vectors lo < hi is among those with a student in them. */
BASIN_HD int64_t relu_place_of(int m, int lo, int hi) {
  return relu_pairs(hi) - relu_pairs(m) + lo;
}

/* What a thread computes of a product of matrices at once: sums in a few rows of up to RELU_COLUMNS columns, for which
   it loads each vector once. On a device every sum has a thread. */
enum {
  RELU_ROWS = BASIN_ON_DEVICE ? 1 : 2,
  RELU_COLUMNS = BASIN_ON_DEVICE ? 1 : (BASIN_SIMD == 5 ? 8 : 4), /* as the registers allow */
  /* of the gradient */
  RELU_GATHER = BASIN_ON_DEVICE ? 1 : (BASIN_SIMD == 5 ? 4 : 2),
  RELU_GATHER_COLUMNS = BASIN_ON_DEVICE ? 1 : (BASIN_SIMD == 5 ? 6 : 4)
};
#define RELU_TILE(r, c, columns) \
  BASIN_UNROLL for (int r = 0; r < RELU_ROWS; r++) BASIN_UNROLL for (int c = 0; c < (columns); c++)
/* F(columns), up to RELU_COLUMNS or RELU_GATHER_COLUMNS, as constants, for the loops over them to be none */
#if !BASIN_ON_DEVICE
#define RELU_CASE_OF(c, F) \
  case c:                  \
    F(c);                  \
    break;
#define RELU_UP_TO_3(F) RELU_CASE_OF(1, F) RELU_CASE_OF(2, F) RELU_CASE_OF(3, F)
#if BASIN_SIMD == 5
#define RELU_UP_TO_5(F) RELU_UP_TO_3(F) RELU_CASE_OF(4, F) RELU_CASE_OF(5, F)
#define RELU_CASES(F) RELU_UP_TO_5(F) RELU_CASE_OF(6, F) RELU_CASE_OF(7, F)
#define RELU_GATHER_CASES(F) RELU_UP_TO_5(F)
#else
#define RELU_CASES(F) RELU_UP_TO_3(F)
#define RELU_GATHER_CASES(F) RELU_UP_TO_3(F)
#endif
#endif

#if !BASIN_ON_DEVICE
/* the products of the rows with the columns, which lie one after another from `column` on; `less` by the last column of
   the first row */
static inline __attribute__((always_inline)) void relu_products_of(const real *const row[RELU_ROWS],
                                                                   const real *column,
                                                                   int64_t width, int columns,
                                                                   int less,
                                                                   real *const to[RELU_ROWS]) {
  real sum[RELU_ROWS][RELU_COLUMNS];
  RELU_TILE(r, c, columns) sum[r][c] = r_set(0.0);
  for (int64_t k = 0; k < width; k++) {
    real of_row[RELU_ROWS];
    BASIN_UNROLL
    for (int r = 0; r < RELU_ROWS; r++) of_row[r] = row[r][k];
    BASIN_UNROLL
    for (int c = 0; c < columns; c++) {
      real of_column = column[c * width + k];
      BASIN_KEEP(of_column);
      BASIN_UNROLL
      for (int r = 0; r < RELU_ROWS; r++) sum[r][c] = r_fma(of_row[r], of_column, sum[r][c]);
    }
  }
  RELU_TILE(r, c, columns) {
    if (!less || r > 0 || c < columns - 1) to[r][c] = sum[r][c];
  }
}

/* the product of every such pair of directions, where its angle comes later */
BASIN_HD void relu_products(const relu_cell *cell, basin_team team, real *work) {
  const int m = (int)cell->m, all = m + (int)cell->n;
  const int64_t width = cell->width;
  const real *unit = work + cell->to_unit_v;
  for (int top = m; top < all && !team_stopped(team); top += RELU_ROWS) {
    const int two = top + 1 < all;
    const real *const row[RELU_ROWS] = {unit + top * width, unit + (top + two) * width};
    real *first = work + cell->to_theta + relu_place_of(m, 0, top), *second = first + top * two;
    for (int left = 0; left < top + two; left += RELU_COLUMNS) {
      const real *column = unit + left * width;
      real *const to[RELU_ROWS] = {first + left, second + left};
      const int columns = top + two - left, less = two && columns <= RELU_COLUMNS;
#define RELU_PRODUCTS(columns) relu_products_of(row, column, width, columns, less, to)
      switch (columns) {
        RELU_CASES(RELU_PRODUCTS)
      default:
        RELU_PRODUCTS(RELU_COLUMNS);
      }
#undef RELU_PRODUCTS
    }
  }
}
#endif

/* The angle of every pair with a student in it, its term in the loss, and for every vector the sum of M_b sin theta
   over all others, in the order of b: as that of the pairs, or behind them where these have threads of their own, and
   then of the students alone. */
#if BASIN_ON_DEVICE
BASIN_HD void relu_interact(const relu_cell *cell, basin_team team, int with_loss, real *work) {
  const int m = (int)cell->m, all = m + (int)cell->n;
  const int64_t width = cell->width, first = relu_pairs(m);
  const real *mass = work + cell->to_mass_v, *unit = work + cell->to_unit_v;
  real *theta = work + cell->to_theta, *sine = work + cell->to_sine;
  int lo, hi = m;
  BASIN_TEAM_FOR(team, p, relu_pairs(all) - first) {
    if (team_stopped(team)) break;
    relu_pair((int)first + p, &lo, &hi);
    const real *a = unit + lo * width, *b = unit + hi * width, c = relu_dot(a, b, width);
    relu_turn(relu_haversine(a, b, width, c), c, &theta[p], &sine[p]);
    if (with_loss) work[cell->to_term + p] = relu_gap(theta[p]) * (mass[lo] * mass[hi]);
  }
  team_sync(team);
  BASIN_TEAM_FOR(team, i, cell->n) {
    const real *of = sine + relu_place_of(m, 0, m + i);
    real sum = r_set(0.0);
    for (int b = 0; b < m + i; b++) sum = r_fma(mass[b], *of++, sum);
    for (int b = m + i + 1; b < all; b++) sum = r_fma(mass[b], *(of += b - 1), sum);
    work[cell->to_pull + i] = sum;
  }
  team_sync(team);
}
#else
BASIN_HD void relu_interact(const relu_cell *cell, basin_team team, int with_loss, real *work) {
  const int m = (int)cell->m, all = m + (int)cell->n;
  const int64_t width = cell->width;
  const real *mass = work + cell->to_mass_v, *unit = work + cell->to_unit_v;
  real *theta = work + cell->to_theta, *term = work + cell->to_term, *pull = work + cell->to_pull_v;
  relu_products(cell, team, work);
  for (int l = 0; l < m; l++) pull[l] = r_set(0.0);
  for (int hi = m; hi < all && !team_stopped(team); hi++) {
    const real *b = unit + hi * width, mass_hi = mass[hi];
    real sum = r_set(0.0);
    for (int lo = 0; lo < hi; lo++, theta++, term++) {
      real sine;
      const real c = *theta;
      relu_turn(relu_haversine(unit + lo * width, b, width, c), c, theta, &sine);
      if (with_loss) *term = relu_gap(*theta) * (mass[lo] * mass_hi);
      pull[lo] = r_fma(mass_hi, sine, pull[lo]);
      sum = r_fma(mass[lo], sine, sum);
    }
    pull[hi] = sum;
  }
}
#endif

/* some columns of the gradient, from `left` on, of students i, i + 1, ...; rows, columns: constants */
BASIN_HD void relu_collect_tile(const relu_cell *cell, const real *w, const real *work, real *g,
                                int i, int rows, int left, int columns) {
  const int m = (int)cell->m, n = (int)cell->n, width = (int)cell->width;
  const real *theta[RELU_GATHER], *mass = work + cell->to_mass, *mass_v = work + cell->to_mass_v;
  const real *residual = work + cell->to_residual + left, *v = work + cell->to_unit_v + left;
  real sum[RELU_GATHER][RELU_GATHER_COLUMNS];
#define EACH_ROW BASIN_UNROLL for (int r = 0; r < rows; r++)
#define EACH_COLUMN BASIN_UNROLL for (int c = 0; c < columns; c++)
/* less `times` the columns of v from all rows but the one that v is of, or -1 */
#define SUBTRACT(of, times)                                                    \
  {                                                                            \
    real by[RELU_GATHER];                                                      \
    EACH_ROW if (r != (of)) by[r] = (times);                                   \
    EACH_COLUMN {                                                              \
      real of_column = v[c];                                                   \
      BASIN_KEEP(of_column);                                                   \
      EACH_ROW if (r != (of)) sum[r][c] = r_fnma(by[r], of_column, sum[r][c]); \
    }                                                                          \
  }
  EACH_ROW theta[r] = work + cell->to_theta + relu_place_of(m, 0, m + i + r);
  EACH_ROW EACH_COLUMN sum[r][c] = work[cell->to_pull + i + r] *
                                   work[cell->to_unit + (i + r) * width + left + c];
  for (int b = 0; b < m; b++, v += width) {
    SUBTRACT(-1, mass_v[b] * theta[r][b])
  }
  v = w + left;
  for (int b = 0; b < i; b++, v += width) {
    SUBTRACT(-1, theta[r][m + b])
  }
  BASIN_UNROLL
  for (int b = 0; b < rows; b++, v += width) { /* these and each other */
    SUBTRACT(b, r > b ? theta[r][m + i + b] : theta[b][m + i + (r < b ? r : 0)])
  }
  const real *across = work + cell->to_theta + relu_place_of(m, m + i, m + i + rows);
  for (int b = i + rows; b < n; across += m + b, b++, v += width) {
    SUBTRACT(-1, across[r])
  }
  EACH_ROW EACH_COLUMN {
    const real half = r_set(0.5) * residual[c];
    const real all = r_fma(BASIN_LITERAL(1 / (2 * BASIN_PI)), sum[r][c], half);
    g[(i + r) * width + left + c] = r_select(r_le(mass[i + r], r_set(0.0)), half, all);
  }
#undef SUBTRACT
#undef EACH_COLUMN
#undef EACH_ROW
}

/* the gradient g [n][D] at w [n][D] from what the pairs do */
BASIN_HD void relu_collect(const relu_cell *cell, basin_team team, const real *w, real *work,
                           real *g) {
  const int n = (int)cell->n, width = (int)cell->width;
#if BASIN_ON_DEVICE
  BASIN_TEAM_FOR(team, e, n * width)
  relu_collect_tile(cell, w, work, g, e / width, 1, e % width, 1);
#else
  const int tiles = (width + RELU_GATHER_COLUMNS - 1) / RELU_GATHER_COLUMNS;
  const int each = (width + tiles - 1) / tiles; /* tiles are alike: 10 columns are two times five */
  for (int i = 0, rows; i < n && !team_stopped(team); i += rows) {
    rows = n - i >= RELU_GATHER ? (int)RELU_GATHER : n - i >= 2 ? 2 : 1;
    for (int left = 0; left < width; left += each) {
      const int columns = width - left < each ? width - left : each;
#define RELU_COLLECT(columns)                                                                  \
  if (rows == RELU_GATHER) relu_collect_tile(cell, w, work, g, i, RELU_GATHER, left, columns); \
  else if (rows == 2) relu_collect_tile(cell, w, work, g, i, 2, left, columns);                \
  else relu_collect_tile(cell, w, work, g, i, 1, left, columns)
      switch (columns) {
        RELU_GATHER_CASES(RELU_COLLECT)
      default:
        RELU_COLLECT(RELU_GATHER_COLUMNS);
      }
#undef RELU_COLLECT
    }
  }
#endif
  team_sync(team);
}

/* ---- one student and one teacher, in the plane that they span, whose first axis points along the teacher */

BASIN_HD int relu_in_plane(const relu_cell *cell) {
  return cell->spanned && cell->n == 1 && cell->m == 1 && cell->width == 2;
}

/* The angle between (a, b) and the first axis, by height = |b|, to 4e-16 of itself: within pi/8 of an axis the arc
   tangent of a quotient, else pi/4 and that of difference over sum. */
BASIN_HD real relu_plane_angle(real a, real height) {
  const real side = r_abs(a), zero = r_set(0.0),
             slope = BASIN_LITERAL(0x1.a827999fcef32p-2); /* tan pi/8 */
  const mask flat = r_lt(height, slope * side), steep = r_lt(side, slope * height);
  const real over = r_select(flat, height, r_select(steep, zero - side, height - side));
  const real under = r_select(flat, side, r_select(steep, height, height + side));
  const real turned = r_select(steep, BASIN_LITERAL(BASIN_PI / 2), BASIN_LITERAL(BASIN_PI / 4));
  const real t = over / r_max(under, r_set(0x1p-1000)), z = t * t, z2 = z * z;
  /* (arctan(t) / t - 1) / t^2 in t^2, even and odd terms apart */
  real even = r_set(-0x1.255b341c4a89cp-6), odd = r_set(0x1.37ce1ac094f79p-5);
  even = BASIN_HORNER(even, z2, -0x1.9ccf7cd21220fp-5);
  odd = BASIN_HORNER(odd, z2, 0x1.df0e7fb248e72p-5);
  even = BASIN_HORNER(even, z2, -0x1.10eba8c075aeap-4);
  odd = BASIN_HORNER(odd, z2, 0x1.3b1117948652cp-4);
  even = BASIN_HORNER(even, z2, -0x1.745cf8c36d549p-4);
  odd = BASIN_HORNER(odd, z2, 0x1.c71c70e50e27dp-4);
  even = BASIN_HORNER(even, z2, -0x1.24924922aa4e5p-3);
  odd = BASIN_HORNER(odd, z2, 0x1.99999999957cdp-3);
  even = BASIN_HORNER(even, z2, -0x1.555555555553dp-2);
  const real arc = r_fma(t * z, r_fma(z, odd, even), t);
  const real angle = r_select(flat, zero, turned) + arc;
  return r_select(r_lt(a, zero), BASIN_LITERAL(BASIN_PI) - angle, angle);
}

/* The gradient g [2] at w = (a, b), the pair's term in the loss, and |w|^2. With |w| sin theta = |b| it takes two
   divisions that do not wait for each other, and no root:
     g = 1/2 r + M_v/(2 pi) ( |b|/|w|^2 w - (theta, 0) ) */
BASIN_HD real relu_plane(const relu_cell *cell, basin_team team, const real *x, const real *w,
                         int with_loss, real *work, real *g) {
  const real *residual = work + cell->to_residual, zero = r_set(0.0), half = r_set(0.5);
  const real a = w[0], b = w[1], height = r_abs(b), mass_v = x[cell->at_mass_v];
  const real all2 = r_fma(b, b, a * a), across = height / all2, theta = relu_plane_angle(a, height);
  const mask none = r_lt(all2, r_set(RELU_ZERO2));
  const real half0 = half * residual[0], half1 = half * residual[1];
  const real pull = BASIN_LITERAL(1 / (2 * BASIN_PI)) * mass_v;
  if (team.rank == 0) {
    g[0] = r_select(none, half0, r_fma(pull, r_fma(across, a, zero - theta), half0));
    g[1] = r_select(none, half1, r_fma(pull, across * b, half1));
    if (with_loss) work[cell->to_term] = relu_gap(theta) * (mass_v * work[cell->to_mass]);
  }
  team_sync(team);
  return r_select(none, zero, all2);
}

/* ---- any students and teachers */

/* Gradient g [n][D] at students w [n][D]; loss, squared length of the gradient (both where with_loss) and sum of
   |w_i|^2 into head. x: the state, for the teachers. And as it is called, where sizes are not known to the compiler. */
BASIN_HD void relu_gradient_of(const relu_cell *cell, basin_team team, const real *x, const real *w,
                               int with_loss, real *work, real *g, real head[RELU_HEAD]) {
  const int64_t n = cell->n, width = cell->width, pairs = relu_pairs(cell->m + n);
  real *strand = work + cell->to_strand;
  relu_measure(cell, team, x, w, work);
  if (BASIN_UNLIKELY(relu_in_plane(cell))) {
    head[RELU_NORM2] = relu_plane(cell, team, x, w, with_loss, work, g);
  } else {
    relu_interact(cell, team, with_loss, work);
    relu_collect(cell, team, w, work, g);
    head[RELU_NORM2] = r_set(0.0);
    for (int64_t i = 0; i < n; i++) {
      const real mass = work[cell->to_mass + i];
      head[RELU_NORM2] = r_fma(mass, mass, head[RELU_NORM2]);
    }
  }
  head[RELU_LOSS] = head[RELU_GRAD2] = r_set(0.0);
  if (!with_loss) return;
  const real *residual = work + cell->to_residual;
  const real r2 = team_dot(team, residual, residual, width, strand);
  const real terms = team_total(team, work + cell->to_term, pairs - relu_pairs(cell->m), strand);
  head[RELU_LOSS] = r_fma(r_set(1 / (2 * BASIN_PI)), terms + x[RELU_TEACHERS], r_set(0.25) * r2);
  head[RELU_GRAD2] = team_dot(team, g, g, n * width, strand);
}

BASIN_CALLED void relu_gradient(const relu_cell *cell, basin_team team, const real *x,
                                const real *w, int with_loss, real *work, real *g,
                                real head[RELU_HEAD]) {
  relu_gradient_of(cell, team, x, w, with_loss, work, g, head);
}

/* the same for the state's own students, kept in it; here: as a part of whoever calls */
BASIN_HD void relu_refresh(const relu_cell *cell, int here, basin_team team, real *work, real *x) {
  const real *w = x + cell->at_w;
  real *g = x + cell->at_g, head[RELU_HEAD];
  team_sync(team);
  if (here) relu_gradient_of(cell, team, x, w, cell->with_loss, work, g, head);
  else relu_gradient(cell, team, x, w, cell->with_loss, work, g, head);
  if (team.rank == 0) {
    x[RELU_NORM2] = head[RELU_NORM2];
    if (cell->with_loss) x[RELU_LOSS] = head[RELU_LOSS], x[RELU_GRAD2] = head[RELU_GRAD2];
  }
  team_sync(team);
}

/* of that, sum |w_i|^2 alone: what tells whether a trial has diverged */
BASIN_HD void relu_bound(const relu_cell *cell, basin_team team, real *work, real *x) {
  const real *w = x + cell->at_w;
  const real norm2 = team_dot(team, w, w, cell->n * cell->width, work + cell->to_strand);
  if (team.rank == 0) x[RELU_NORM2] = norm2;
  team_sync(team);
}

/* a coordinate, set to 0 below RELU_TINY */
BASIN_HD real relu_floor(real x) {
  return r_select(r_lt(r_abs(x), BASIN_LITERAL(RELU_TINY)), r_set(0.0), x);
}

/* The students move by g, in the state or B times that of a sample; scratch: [method_work()]. The only pace is eta, in
   which 1/B is where a step is that of gradient descent. */
BASIN_HD void relu_move(const relu_cell *cell, basin_turn t, real *scratch, real *x) {
  const int64_t size = cell->n * cell->width;
  const real *g = x + cell->at_g, pace = t.pace[0];
  real *w = x + cell->at_w;
  if (method_is_plain(&cell->method)) {
    BASIN_TEAM_FOR(t.team, e, size) w[e] = relu_floor(r_fnma(pace, g[e], w[e]));
  } else {
    const method_step m = method_begin(&cell->method, t, x + cell->states, scratch);
    BASIN_TEAM_FOR(t.team, e, size) {
      method_entry(&m, pace, e, g[e], &w[e]);
      w[e] = relu_floor(w[e]);
    }
  }
}

/* One to three students and one teacher in their span, on a CPU: sizes and offsets are known to the compiler, so that
   what would be scratch is in registers. The same numbers. */
enum { RELU_FEW_WORK = 96 };
#if BASIN_ON_DEVICE
#define RELU_FEW(X)
#else
#define RELU_FEW(X) X(1) X(2) X(3)
#endif
#define RELU_DESCEND(N)                                                                \
  BASIN_CALLED void relu_descend_##N(const relu_cell *cell, real pace, real *x) {      \
    relu_cell few;                                                                     \
    few.n = N, few.m = few.spanned = 1, few.width = N + 1;                             \
    few.with_loss = cell->with_loss;                                                   \
    const basin_team one = {0, 1, 1, NULL};                                            \
    real work[RELU_FEW_WORK];                                                          \
    relu_offsets(&few);                                                                \
    real *w = x + few.at_w, *g = x + few.at_g;                                         \
    for (int e = 0; e < N * (N + 1); e++) w[e] = relu_floor(r_fnma(pace, g[e], w[e])); \
    relu_refresh(&few, 1, one, work, x);                                               \
  }
RELU_FEW(RELU_DESCEND)

/* the number of students, where there is such a step of so many; else 0 */
BASIN_HD int64_t relu_few(const relu_cell *cell) {
  const int few = cell->spanned && cell->m == 1 && cell->width == cell->n + 1;
  return few && method_is_plain(&cell->method) ? cell->n : 0;
}

/* one step by the population's gradient: of any number of them, and as it is called, where few have their own */
BASIN_CALLED void relu_descend(const relu_cell *cell, basin_turn t, real *x) {
  real *scratch = t.work;
  t.work += method_work(&cell->method);
  team_sync(t.team);
  relu_move(cell, t, scratch, x);
  relu_refresh(cell, 1, t.team, t.work, x);
}
BASIN_HD void relu_step(const relu_cell *cell, basin_turn t, real *x) {
#define RELU_CASE(N)                      \
  case N:                                 \
    relu_descend_##N(cell, t.pace[0], x); \
    break;
  switch (relu_few(cell)) {
    RELU_FEW(RELU_CASE)
  default:
    relu_descend(cell, t, x);
  }
#undef RELU_CASE
}

/* ---------------------------------------------------------------- outcomes */

/* global: the loss is at most stop.at; spurious: the gradient's length is at most stop.at_spurious, and the loss is
   larger. The bound on sum |w_i|^2 also catches every NaN. */
BASIN_HD void relu_reached(const relu_cell *cell, basin_turn t, const real *x,
                           mask outcome[BASIN_OUTCOMES]) {
  (void)t;
  outcome[BASIN_DIVERGED] = m_not(r_le(x[RELU_NORM2], r_set(1e100)));
  if (!cell->with_loss) return;
  outcome[BASIN_GLOBAL] = r_le(x[RELU_LOSS], r_set(cell->tolerance));
  outcome[BASIN_SPURIOUS] = m_and(r_lt(r_set(cell->tolerance), x[RELU_LOSS]),
                                  r_le(x[RELU_GRAD2], r_set(cell->tolerance_gradient2)));
}

/* ---------------------------------------------------------------- initialisation */

/* a row as it is given or drawn [d] */
BASIN_HD void relu_row(const relu_cell *cell, const double *data, basin_team team,
                       const draw_source *source, bits trial, int64_t row, real *strand, real *to) {
  const int64_t d = cell->d;
  BASIN_TEAM_FOR(team, block, (d + 1) / 2) {
    real z0, z1;
    if (team_stopped(team)) break;
    draw_pair(source, data, trial, row, block, &z0, &z1);
    to[2 * block] = z0;
    if (2 * block + 1 < d) to[2 * block + 1] = z1;
  }
  const real norm2 = team_dot(team, to, to, d, strand);
  const real spread = draw_spread(source, trial, row, norm2);
  BASIN_TEAM_FOR(team, j, d) to[j] = draw_entry(source, data, row, j, spread, to[j]);
  team_sync(team);
}

/* teachers [m][D] and students [n][D] in their coordinates; *frame, where they have one, stays in the scratch */
BASIN_HD void relu_place(const relu_cell *cell, const double *data, basin_team team, bits trial,
                         real *work, real *teacher, real *student, basin_frame *frame) {
  real *strand = work + cell->to_strand, *row = work + cell->to_row;
  frame_open(team, cell->d, cell->spanned ? cell->width : 0, work + cell->to_axis, strand, frame);
  for (int64_t a = 0; a < cell->m + cell->n && !team_stopped(team); a++) {
    const int64_t i = a - cell->m;
    real *to = i < 0 ? teacher + a * cell->width : student + i * cell->width;
    relu_row(cell, data, team, i < 0 ? &cell->teacher : &cell->student, trial, i < 0 ? a : i,
             strand, cell->spanned ? row : to);
    if (cell->spanned) frame_add(team, frame, row, to);
  }
}

BASIN_CALLED void relu_start(const relu_cell *cell, basin_turn t, real *x) {
  const basin_team team = t.team;
  real *work = t.work;
  const int64_t m = cell->m, width = cell->width, pairs = relu_pairs(m);
  real *teacher = work + cell->to_teacher, *unit = x + cell->at_unit_v, *mass = x + cell->at_mass_v;
  real *term = work + cell->to_term;
  int lo, hi = 1;
  basin_frame frame;
  team_sync(team);
  relu_place(cell, t.data, team, t.trial, work, teacher, x + cell->at_w, &frame);
  BASIN_TEAM_FOR(team, l, m) {
    mass[l] = r_set(0.0) - relu_unit(teacher + l * width, width, unit + l * width);
  }
  BASIN_TEAM_FOR(team, k, width) {
    real sum = r_set(0.0);
    for (int64_t l = 0; l < m; l++) sum = sum + teacher[l * width + k];
    x[cell->at_sum_v + k] = sum;
  }
  team_sync(team);
  BASIN_TEAM_FOR(team, p, pairs) {
    real theta, sine;
    if (team_stopped(team)) break;
    relu_pair(p, &lo, &hi);
    relu_angle(unit + lo * width, unit + hi * width, width, &theta, &sine);
    term[p] = relu_gap(theta) * (mass[lo] * mass[hi]);
  }
  const real teachers = team_total(team, term, pairs, work + cell->to_strand);
  if (team.rank == 0) {
    x[RELU_TEACHERS] = teachers;
    x[RELU_LOSS] = x[RELU_GRAD2] = r_set(0.0);
  }
  relu_refresh(cell, 0, team, work, x);
}
BASIN_HD void relu_method_start(const relu_cell *cell, basin_turn t, real *x) {
  relu_start(cell, t, x);
  method_start(&cell->method, t.team, x + cell->states);
}

/* ---------------------------------------------------------------- host: constants of a cell */

/* sizes and offsets; spanned: coordinates in the span, else all entries */
static inline void relu_sizes(const basin_setting *setting, int spanned, relu_cell *cell) {
  const int64_t n = setting->initial[0].rows, m = setting->teacher[0].rows,
                d = setting->initial[0].length, all = n + m;
  memset(cell, 0, sizeof *cell);
  cell->n = n;
  cell->m = m;
  cell->d = d;
  cell->spanned = spanned;
  cell->width = spanned && all < d ? all : d;

  relu_offsets(cell);

  /* the start comes before all this, but for strands and terms */
  cell->to_row = cell->to_teacher + m * cell->width;
  cell->to_axis = cell->to_row + d;
  const int64_t at = cell->to_axis + (spanned ? frame_size(d, cell->width) : 0);
  if (at > cell->work) cell->work = at;
}

/* threads that find work in a step: the pairs are most of it */
static inline int relu_team(const relu_cell *cell) {
  return team_strands(relu_pairs(cell->n + cell->m) - relu_pairs(cell->m));
}

static inline basin_layout relu_layout(const basin_setting *setting, const relu_cell *cell) {
  const basin_layout layout = {cell->states, cell->work, relu_team(cell)};
  (void)setting;
  return method_layout(&cell->method, layout);
}

static inline void relu_paces(const relu_cell *cell, const double *eta, double *pace) {
  (void)cell;
  pace[0] = eta[0];
  method_paces(pace);
}

static inline const char *relu_check(const basin_setting *setting, const char **where) {
  const basin_vector *v = &setting->teacher[0], *w = &setting->initial[0];
  *where = "teacher.v";
  if (!draw_fits(v)) return "more than 2^25 numbers: fewer rows or a smaller d";
  const double least = v->source == BASIN_GIVEN ? sqrt(RELU_ZERO2) : 0;
  double lengths = 0;
  for (int64_t l = 0; l < v->rows; l++) {
    const double length = draw_reach(v, l);
    if (!(length > least)) return "a teacher must not be zero: it has no direction";
    lengths += length;
  }
  if (!(lengths < 1e50)) return "the teachers are too long: 1e50 together, or more";
  *where = "stop.at";
  if (v->rows > 1 && setting->stop.tolerance > 0 &&
      setting->stop.tolerance < 0x1p-53 * lengths * lengths)
    return "smaller than the rounding errors of the loss with several teachers, 1.1e-16 (sum "
           "|v_l|)^2";
  *where = "init.w";
  return draw_fits(w) ? NULL : "more than 2^25 numbers: fewer rows or a smaller d";
}

/* NULL, or what is wrong with vectors and tolerances */
static inline const char *relu_prepare(const basin_setting *setting, int spanned, basin_room *room,
                                       relu_cell *cell, const char **where) {
  relu_sizes(setting, spanned, cell);
  cell->teacher = draw_put(room, &setting->teacher[0], setting->key, BASIN_STREAM_TEACHER_DIRECTION,
                           BASIN_STREAM_TEACHER_RADIUS);
  cell->student = draw_put(room, &setting->initial[0], setting->key, BASIN_STREAM_DIRECTION,
                           BASIN_STREAM_RADIUS);
  const double spurious = basin_tolerance_spurious(&setting->stop);
  cell->tolerance = setting->stop.tolerance;
  cell->tolerance_gradient2 = spurious * spurious;
  cell->with_loss = cell->tolerance > 0;
  cell->error = setting->gradient.error;
  cell->inputs = setting->gradient.inputs;
  cell->law = setting->gradient.law;
  cell->method = method_of(setting, cell->n * cell->width, 1);
  if (!basin_law_is_closed(&setting->gradient)) cell->tolerance_gradient2 = -1;
  return relu_check(setting, where);
}

#if BASIN_ONE_LANE
/* the axes that a frame lacks once every vector is in: each from the unit vector that the others hold least of;
   scratch: unit [d], coordinate [D] */
static inline void relu_complete(basin_frame *frame, double *unit, double *coordinate) {
  const int64_t d = frame->length;
  while (frame->used < (double)frame->width) {
    double least = INFINITY;
    int64_t best = 0;
    for (int64_t j = 0; j < d; j++) {
      double held2 = 0;
      for (int64_t s = 0; s < frame->width; s++)
        held2 += frame->axis[s * d + j] * frame->axis[s * d + j];
      if (held2 < least) least = held2, best = j;
    }
    for (int64_t j = 0; j < d; j++) unit[j] = j == best;
    frame_add(basin_alone, frame, unit, coordinate);
  }
}

/* the students in full [n][d]; what the states of a trial have in common is the frame, in the scratch */
static inline void relu_vectors(const relu_cell *cell, basin_turn t, const real *x, int any,
                                double *out) {
  double *work = t.work;
  basin_frame frame;
  const double *w = x + cell->at_w;
  (void)any;
  if (!cell->spanned) {
    memcpy(out, w, (size_t)(cell->n * cell->d) * sizeof *out);
    return;
  }
  if (t.warm) {
    frame.length = cell->d, frame.width = cell->width, frame.axis = work + cell->to_axis;
  } else {
    relu_place(cell, t.data, basin_alone, t.trial, work, work + cell->to_teacher, out, &frame);
    relu_complete(&frame, work + cell->to_row, work + cell->to_teacher);
  }
  for (int64_t i = 0; i < cell->n; i++)
    frame_vector(basin_alone, &frame, w + i * cell->width, out + i * cell->d);
}
#endif

#endif
