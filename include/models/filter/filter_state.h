/* SPDX-License-Identifier: MIT
 *
 * filter_state.h: the cell of the model filter, its gradient descent on the population loss, its observables.
 *
 * A trial of `population` is two numbers, dx and y of filter_curves.h: w = (|w*| + dx) e + y n with a unit vector n
 * orthogonal to e = w* / |w*| that follows from the start. Its step is
 *
 *   dx <- dx - eta ((D_x + T_x(0)) dx + a K_x + U_x),   y <- y - eta (a K_y + U_y) sgn y,   a = |x| + |y|
 *
 * in which nothing cancels as w -> w*. A y that changes its sign has crossed the axis. Numbers below FILTER_FLOOR are
 * put to 0. The loss is
 *
 *   L = 1/2 (w - w*)'grad + 1/2 (|w*| a K_x + (w + w*)'U),
 *
 * whose terms are of second order in w - w*. At w*, H_0 = diag(D_x + T_x(0), D_y + G_y'(0), ...).
 *
 * Operations of one step: a division, a row of 16 numbers of the table for each lane with its four cubics, and some 35
 * more.
 */
#ifndef BASIN_MODELS_FILTER_STATE_H
#define BASIN_MODELS_FILTER_STATE_H

#include "seam/drawn.h"
#include "models/filter/filter_curves.h"
#include "models/risk/risk.h"
#include "seam/draw.h"
#include "seam/method.h"

#define FILTER_FLOOR 1e-150

/* an angle that is drawn: normal, of deviation sigma, and cut to [-most, most] */
typedef struct filter_angle {
  int uniform;  /* sigma = inf */
  double cut;   /* erf(most / (sigma sqrt 2)) */
  double scale; /* sigma sqrt 2 */
  double half;  /* most / pi */
} filter_angle;

typedef struct filter_cell {
  int64_t k, p;
  int normal; /* whether the patches are independent normal vectors */
  int around; /* whether they differ: lie around a centre */
  int framed; /* whether sampled dynamics use coordinates whose first axis is e */
  int closed; /* whether the population gradient is known */
  int graded; /* see filter_curves.h */
  basin_input_law law;
  uint64_t key;
  double star; /* |w*| */
  filter_form form;
  filter_angle centre, patch;
  double sign; /* of the frame: -sgn e_1; see filter_inputs.h */
  double over_k, tolerance;
  double tolerance_gradient; /* of a data set; 0: no such rule */
  risk_set risk;             /* of a data set */
  basin_method method;       /* of the samplers */
  int64_t inputs;            /* B */
  draw_source w;
  int64_t teacher, axis, mirror,
      goal;      /* [p] w*; e; the vector of the reflection; w* in coordinates */
  int64_t table; /* [FILTER_INTERVALS][FILTER_ROW] */
} filter_cell;

#define FILTER_OBSERVABLES(X)                                                                   \
  X(loss, "1",                                                                                  \
    "population loss; like norm_grad, rate and lambda_min missing where it has no closed form") \
  X(error_w, "1", "|w - w*|^2")                                                                 \
  X(phi, "rad", "angle between w and w*")                                                       \
  X(norm_w, "1", "|w|")                                                                         \
  X(norm_grad, "1", "Euclidean norm of the population gradient")                                \
  X(rate, "1",                                                                                  \
    "(w - w*)'grad / |w - w*|^2: error_w falls by (1 - eta rate)^2 a step or more slowly")      \
  X(lambda_min, "1", "smallest eigenvalue of the Hessian at w*: where w -> w*, rate in the end")

enum {
#define FILTER_INDEX(name, unit, meaning) FILTER_OBSERVE_##name,
  FILTER_OBSERVABLES(FILTER_INDEX)
#undef FILTER_INDEX
      FILTER_OBSERVED
};

/* the state of the population dynamics */
#define FILTER_STATES 2
enum { FILTER_DX, FILTER_Y };

/* ---------------------------------------------------------------- the gradient */

/* the gradient at a point of the plane and what it is made of; second components for y >= 0 */
typedef struct filter_point {
  real y;        /* |y| */
  real a_k;      /* a K_x */
  real u_x, u_y; /* U */
  real rest_x;   /* of the gradient without (D_x + T_x(0)) dx: a K_x + U_x */
  real g_x, g_y; /* the gradient */
} filter_point;

BASIN_HD real filter_along(const filter_cell *cell) {
  return r_set(cell->form.d_x + cell->form.t_x);
}

/* graded: as the cell says */
BASIN_HD filter_point filter_point_of(const filter_cell *cell, const double *data, int graded,
                                      real dx, real y) {
  const real zero = r_set(0.0), one = r_set(1.0), end = r_set(2 - 0x1p-46);
  const real half = r_set(1.0 / FILTER_INTERVALS); /* of an interval */
  const real x = r_set(cell->star) + dx;
  filter_point s;
  s.y = r_abs(y);
  const real size = r_abs(x), across = r_max(size + s.y, r_set(1e-200));
  const mask left = r_lt(x, zero);
  const real ratio = s.y / across;
  real place = r_select(left, end - ratio, ratio);
  real middle = r_select(left, (end - half) - ratio, ratio - half); /* place - half */
  if (graded) {
    const real root = r_sqrt(size / across);
    place = r_select(left, r_min(one + root, end), ratio / (one + root));
    middle = place - half;
  }
  /* the interval, by rounding to an integer, and how far into it; any row where that is NaN */
  const real scale = r_set(0.5 * FILTER_INTERVALS), shift = r_set(0x1.8p52);
  const real nearest = r_fma(scale, middle, shift);
  const bits at = (r_bits(nearest) & b_set(FILTER_INTERVALS - 1)) * b_set(FILTER_ROW);
  real curve[FILTER_CURVES];
  r_cubics(data + cell->table, at, r_fma(scale, place, shift - nearest), curve);
  s.a_k = across * curve[0];
  s.u_x = curve[2];
  s.u_y = curve[3];
  s.rest_x = r_fma(across, curve[0], s.u_x);
  s.g_x = r_fma(filter_along(cell), dx, s.rest_x);
  s.g_y = r_fma(across, curve[1], s.u_y);
  return s;
}

/* ---------------------------------------------------------------- rules, observables */

BASIN_HD void filter_ends(const filter_cell *cell, real error, mask *outcome) {
  outcome[BASIN_GLOBAL] = r_le(error, r_set(cell->tolerance));
  outcome[BASIN_DIVERGED] = m_not(r_le(error, r_set(1e100)));
}

BASIN_HD void filter_show(const filter_cell *cell, const double *data, real dx, real y, real *out) {
  const real star = r_set(cell->star), size = r_abs(y);
  const real x = star + dx, error = r_fma(dx, dx, y * y);
  const real length = r_sqrt(r_fma(x, x, y * y)), none = r_from_bits(b_set(0x7ff8000000000000u));
  out[FILTER_OBSERVE_error_w] = error;
  out[FILTER_OBSERVE_phi] = r_angle(size, x);
  out[FILTER_OBSERVE_norm_w] = length;
  out[FILTER_OBSERVE_loss] = out[FILTER_OBSERVE_norm_grad] = out[FILTER_OBSERVE_rate] =
      out[FILTER_OBSERVE_lambda_min] = none;
  if (!cell->closed) return;
  const filter_point s = filter_point_of(cell, data, cell->graded, dx, y);
  const real inner = r_fma(dx, s.g_x, s.y * s.g_y);
  const real rest = r_fma(x + star, s.u_x, r_fma(s.y, s.u_y, star * s.a_k));
  out[FILTER_OBSERVE_loss] = r_set(0.5) * (inner + rest);
  out[FILTER_OBSERVE_norm_grad] = r_sqrt(r_fma(s.g_x, s.g_x, s.g_y * s.g_y));
  out[FILTER_OBSERVE_rate] = inner / r_max(error, r_set(1e-290));
  const double across = cell->form.d_y + cell->form.g_y, along = cell->form.d_x + cell->form.t_x;
  out[FILTER_OBSERVE_lambda_min] = r_set(cell->p > 1 && across < along ? across : along);
}

/* ---------------------------------------------------------------- the start */

/* Three passes over the numbers of w_0: the drawn length, then (w_0 - w*)'e, then the length of the rest. */
BASIN_HD void filter_start(const filter_cell *cell, basin_turn t, real *x) {
  const double *star = t.data + cell->teacher, *axis = t.data + cell->axis;
  real z[2], spread = r_set(0.0), along = r_set(0.0), norm2 = r_set(0.0), rest2 = r_set(0.0);
  for (int pass = 0; pass < 3; pass++) {
    for (int64_t j = 0; j < cell->p && !team_stopped(t.team); j += 2) {
      draw_pair(&cell->w, t.data, t.trial, 0, j / 2, &z[0], &z[1]);
      for (int64_t i = 0; i < 2 && j + i < cell->p; i++) {
        const real e = r_set(axis[j + i]);
        const real off = draw_entry(&cell->w, t.data, 0, j + i, spread, z[i]) - r_set(star[j + i]);
        const real rest = r_fnma(along, e, off);
        if (pass == 0) norm2 = r_fma(z[i], z[i], norm2);
        if (pass == 1) along = r_fma(off, e, along);
        if (pass == 2) rest2 = r_fma(rest, rest, rest2);
      }
    }
    if (pass == 0) spread = draw_spread(&cell->w, t.trial, 0, norm2);
  }
  x[FILTER_DX] = along;
  x[FILTER_Y] = r_sqrt(rest2);
}

/* ---------------------------------------------------------------- the population dynamics */

static inline void filter_paces(const filter_cell *cell, const double *eta, double *pace) {
  (void)cell;
  pace[0] = eta[0];
}

BASIN_HD void filter_step(const filter_cell *cell, basin_turn t, real *x) {
  const real floor = r_set(FILTER_FLOOR), pace = t.pace[0], was = x[FILTER_DX];
  const int graded = !t.common && cell->graded;
  const filter_point s = filter_point_of(cell, t.data, graded, was, x[FILTER_Y]);
  /* what is along w* moves by itself, beside the table: the chain of a step is shorter so */
  const real dx = r_fnma(pace, s.rest_x, r_fnma(pace * filter_along(cell), was, was));
  const real y = r_fnma(pace, s.g_y, s.y);
  /* y times the sign that it had */
  const bits negative = r_bits(x[FILTER_Y]) & b_set(0x8000000000000000u);
  x[FILTER_DX] = r_unless(r_lt(r_abs(dx), floor), dx);
  x[FILTER_Y] = r_unless(r_lt(r_abs(y), floor), r_from_bits(r_bits(y) ^ negative));
}

BASIN_HD void filter_reached(const filter_cell *cell, basin_turn t, const real *x, mask *outcome) {
  (void)t;
  filter_ends(cell, r_fma(x[FILTER_DX], x[FILTER_DX], x[FILTER_Y] * x[FILTER_Y]), outcome);
}

BASIN_HD void filter_observe(const filter_cell *cell, basin_turn t, const real *x, real *out) {
  filter_show(cell, t.data, x[FILTER_DX], x[FILTER_Y], out);
}

#if BASIN_ONE_LANE
/* w = w* + dx e + y n, n the direction of w_0 orthogonal to e. What the states of a trial have in common is y of the
   start, and there y n. */
static inline void filter_vectors(const filter_cell *cell, basin_turn t, const real *x, int any,
                                  double *out) {
  const double *star = t.data + cell->teacher, *axis = t.data + cell->axis;
  double *rest = t.work + 1;
  (void)any;
  if (!t.warm) {
    double start[FILTER_STATES];
    filter_start(cell, t, start);
    t.work[0] = start[FILTER_Y];
    drawn_row(&cell->w, t.data, t.trial, 0, rest);
    for (int64_t j = 0; j < cell->p; j++)
      rest[j] = (rest[j] - star[j]) - start[FILTER_DX] * axis[j];
  }
  const double kept = t.work[0] > 0 ? x[FILTER_Y] / t.work[0] : 0, dx = x[FILTER_DX];
  for (int64_t j = 0; j < cell->p; j++) out[j] = star[j] + dx * axis[j] + kept * rest[j];
}
#endif

#define MODEL_population(F)                                                                       \
  F(FILTER_STATES, NULL, filter_paces, filter_start, filter_step, filter_reached, filter_reached, \
    filter_observe, filter_vectors)

#endif
