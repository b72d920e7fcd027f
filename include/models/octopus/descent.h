/* SPDX-License-Identifier: MIT
 *
 * descent.h: gradient descent on the octopus of landscape.h, x <- x - eta grad f(x), many steps at a time and without
 * underflow.
 *
 * Let i be the first coordinate with |x_i| < 2 tau. With q = 1 - 2 eta L a step is
 *
 *   j < i                      |x_j| - 4 tau <- q (|x_j| - 4 tau)
 *   |x_i| <= tau               x_i <- (1 + 2 eta gamma) x_i,   x_j <- q x_j for j > i         (the quadratic piece)
 *   tau < |x_i| < 2 tau        |x_i| <- |x_i| - eta (g1'(|x_i|) + g2'(|x_i|) x_{i+1}^2),      (the spline)
 *                              x_{i+1} <- (1 - 2 eta g2(|x_i|)) x_{i+1},   x_j <- q x_j for j > i + 1
 *
 * Underflow. The coordinates ahead shrink by q in every step: at eta = 1/(4 L) they are 0 in double precision after
 * 1074 steps, and the trial is stuck at the next saddle point for ever, which gradient descent is not. So they are kept
 * as ln|x_j| beside a sign, and so is x_i in its quadratic piece.
 *
 * Many steps. In the quadratic piece every coordinate is multiplied by a number that does not change, so the state is
 * kept as an anchor, what it was when the piece (or the stage) was entered, and the number n of steps since:
 *
 *   ln|x_i| = anchor + n ln(1 + 2 eta gamma),   ln|x_j| = anchor + n ln|q|,   excess = anchor q^n
 *
 * The same holds behind the last saddle point, where all coordinates have an excess. A leap adds to n, and nothing
 * else: so the state after so many steps is a function of anchor and n alone, whatever the leaps were, to the bit.
 *
 * That nothing happens between. A leap must end where the piece is left or a trial ends.
 *   - The piece is left at the smallest n with anchor + n ln(1 + 2 eta gamma) > ln tau. The left side is one fma of n,
 *     correctly rounded, so it never falls as n grows, and the smallest n is that for which this holds in exact
 *     arithmetic but for a relative 2^-52 of the quotient. A leap goes to a whole step before the quotient less 2^-40
 *     of it, the last steps are taken singly, and are asked.
 *   - Behind the last saddle point the tolerance is met at the smallest n with ln max|excess| + n ln|q| <= ln at, in
 *     the same way. Before, it is not: |x_i| < 2 tau, while stop.at is at most 2 tau.
 *   - The number of saddle points passed changes with |x_i| >= 2 tau, on the spline alone.
 *   - D is not left: where |q| <= 1 no |x_j| ahead and no |excess| grows, and |x_i| <= tau. Where |q| > 1 (eta > 1/L)
 *     every step is single, and the first coordinate below 2 tau is looked for again after each.
 * The steps of the spline are single: from tau to 2 tau takes about 1/(2 eta gamma) of them at most.
 *
 * A trial whose x_i is 0 stays at its saddle point for ever, and ends as `saddle`. eta = 1/(2 L) does that to all.
 *
 * Accuracy. ln|x_j| has the error of one fma, some 1e-16 of its size, and of n times that of ln|q|, a relative 1e-16:
 * as n products would have. tests/unit/test_octopus.c compares with the plain recursion in numbers that reach down to
 * 2^-16445, passage for passage.
 */
#ifndef BASIN_MODELS_OCTOPUS_DESCENT_H
#define BASIN_MODELS_OCTOPUS_DESCENT_H

#include "models/octopus/landscape.h"

/* the head of a state; behind it an anchor for each coordinate, then its sign */
enum {
  OCTOPUS_FIRST,  /* the first coordinate below 2 tau, from 0; d: none */
  OCTOPUS_SPLINE, /* 1: its anchor is |x_i|, 0: ln|x_i| */
  OCTOPUS_SINCE,  /* n */
  OCTOPUS_ETA,    /* the step size of these n steps, */
  OCTOPUS_SHRINK, /* ln|q|, */
  OCTOPUS_GROW,   /* ln(1 + 2 eta gamma), */
  OCTOPUS_TURN,   /* and the sign of q */
  OCTOPUS_HEAD
};

/* the paces */
enum {
  OCTOPUS_PACE_ETA,
  OCTOPUS_PACE_SHRINK,
  OCTOPUS_PACE_GROW,
  OCTOPUS_PACE_TURN,
  OCTOPUS_PACE_Q
};

#define OCTOPUS_FAR (-1e300)   /* ln 0 */
#define OCTOPUS_ZERO 1e-300    /* numbers below are 0 */
#define OCTOPUS_LOG_MOST 115.0 /* of |x| up to about 1e50 */

static inline basin_layout octopus_descent_layout(const basin_setting *setting,
                                                  const octopus_cell *c) {
  const basin_layout layout = {OCTOPUS_HEAD + 2 * c->d, c->d, 1};
  (void)setting;
  return layout;
}

/* ln|x|; OCTOPUS_FAR of 0 */
BASIN_HD real octopus_log(real x) {
  const real size = r_abs(x), least = r_set(OCTOPUS_ZERO);
  return r_select(r_lt(size, least), r_set(OCTOPUS_FAR), r_log(r_max(size, least)));
}
/* exp(l), 0 where that is below 1e-304 */
BASIN_HD real octopus_exp(real l) {
  const real least = r_set(-700.0);
  return r_select(r_lt(l, least), r_set(0.0), r_exp(r_max(l, least)));
}

/* ln|1 + x|, with what the rounding of 1 + x lost */
static inline double octopus_log1p(double x) {
  const double sum = 1 + x, lost = x - (sum - 1);
  const real l = octopus_log(r_set(sum));
  return sum == 0 ? OCTOPUS_FAR : r_lane(&l, 0) + lost / sum;
}
static inline void octopus_descent_paces(const octopus_cell *c, const double *eta, double *pace) {
  const double down = -2 * eta[0] * c->L, q = 1 + down;
  pace[OCTOPUS_PACE_ETA] = eta[0];
  pace[OCTOPUS_PACE_SHRINK] = octopus_log1p(down);
  pace[OCTOPUS_PACE_GROW] = octopus_log1p(2 * eta[0] * c->gamma);
  pace[OCTOPUS_PACE_TURN] = q < 0 ? -1 : 1;
  pace[OCTOPUS_PACE_Q] = q;
}

BASIN_HD mask octopus_is(real a, real b) { return m_and(r_le(a, b), r_le(b, a)); }
BASIN_HD real octopus_at_least_far(real l) { return r_max(l, r_set(OCTOPUS_FAR)); }

/* q^n, with its sign in *turned */
BASIN_HD real octopus_power(const real *x, real *turned) {
  const real half = r_set(0.5) * x[OCTOPUS_SINCE];
  const mask odd = m_not(octopus_is(half, r_nearest(half)));
  *turned = r_select(odd, x[OCTOPUS_TURN], r_set(1.0));
  return octopus_exp(octopus_at_least_far(x[OCTOPUS_SINCE] * x[OCTOPUS_SHRINK]));
}

/* ln|x_j| of a coordinate that is kept so: the first one, or one ahead */
BASIN_HD real octopus_log_now(const real *x, mask first, real anchor) {
  const real rate = r_select(first, x[OCTOPUS_GROW], x[OCTOPUS_SHRINK]);
  return octopus_at_least_far(r_fma(x[OCTOPUS_SINCE], rate, anchor));
}

/* the anchors of these lanes become what they are now */
BASIN_HD void octopus_anchor(const octopus_cell *c, mask m, real *x) {
  real *anchor = x + OCTOPUS_HEAD, *sign = anchor + c->d, turned;
  const real first = x[OCTOPUS_FIRST], power = octopus_power(x, &turned);
  const mask spline = r_lt(r_set(0.0), x[OCTOPUS_SPLINE]);
  for (int64_t j = 0; j < c->d; j++) {
    const real number = r_set((double)j),
               ahead = octopus_log_now(x, octopus_is(number, first), anchor[j]);
    const mask own = octopus_is(number, first), passed = r_lt(number, first);
    const real now = r_select(passed, anchor[j] * power * turned,
                              r_select(m_and(own, spline), anchor[j], ahead));
    anchor[j] = r_select(m, now, anchor[j]);
    sign[j] = r_select(m_and(m, r_lt(first, number)), sign[j] * turned, sign[j]);
  }
  x[OCTOPUS_SINCE] = r_select(m, r_set(0.0), x[OCTOPUS_SINCE]);
}

/* With n = 0: the first coordinate below 2 tau is looked for, from that which is now the first one on; it may be on its
   spline by now, or have come through. */
BASIN_HD void octopus_advance(const octopus_cell *c, mask m, real *x) {
  const real zero = r_set(0.0), one = r_set(1.0), end = r_set(2 * c->tau),
             middle = r_set(4 * c->tau);
  real *anchor = x + OCTOPUS_HEAD;
  for (int64_t j = 0; j < c->d; j++) {
    const mask own = m_and(m, octopus_is(r_set((double)j), x[OCTOPUS_FIRST]));
    if (!m_any(own)) continue;
    const mask spline = r_lt(zero, x[OCTOPUS_SPLINE]);
    const real y = r_select(spline, anchor[j], octopus_exp(anchor[j]));
    const mask through = m_and(own, r_le(end, y));
    const mask on = m_and(own, m_or(spline, r_lt(r_set(c->log_tau), anchor[j])));
    anchor[j] = r_select(on, y, anchor[j]);
    anchor[j] = r_select(through, y - middle, anchor[j]);
    x[OCTOPUS_SPLINE] = r_select(own, r_select(m_and(on, m_not(through)), one, zero),
                                 x[OCTOPUS_SPLINE]);
    x[OCTOPUS_FIRST] = x[OCTOPUS_FIRST] + r_select(through, one, zero);
  }
}

/* With n = 0: where a coordinate has come back below 2 tau it is the first one again, which steps of more than 1/L may
   do. */
BASIN_HD void octopus_retreat(const octopus_cell *c, mask m, real *x) {
  real *anchor = x + OCTOPUS_HEAD, *sign = anchor + c->d, first = x[OCTOPUS_FIRST];
  const real end = r_set(2 * c->tau), middle = r_set(4 * c->tau), one = r_set(1.0);
  const mask spline = r_lt(r_set(0.0), x[OCTOPUS_SPLINE]);
  for (int64_t j = c->d - 1; j >= 0; j--) {
    const real number = r_set((double)j), position = middle + anchor[j];
    const mask back = m_and(r_lt(number, x[OCTOPUS_FIRST]), r_lt(r_abs(position), end));
    first = r_select(m_and(m, back), number, first);
  }
  const mask moved = r_lt(first, x[OCTOPUS_FIRST]);
  for (int64_t j = 0; j < c->d; j++) {
    const real number = r_set((double)j), position = middle + anchor[j];
    const mask passed = m_and(r_lt(number, x[OCTOPUS_FIRST]), m_and(moved, r_le(first, number)));
    const mask was = m_and(m_and(moved, spline), octopus_is(number, x[OCTOPUS_FIRST]));
    sign[j] = r_select(passed, sign[j] * r_copysign(one, position), sign[j]);
    anchor[j] = r_select(passed, octopus_log(position),
                         r_select(was, octopus_log(anchor[j]), anchor[j]));
  }
  x[OCTOPUS_SPLINE] = r_select(moved, r_set(0.0), x[OCTOPUS_SPLINE]);
  x[OCTOPUS_FIRST] = first;
}

/* another step size: these lanes count its steps from here on */
BASIN_HD void octopus_renew(const octopus_cell *c, mask m, const real *pace, real *x) {
  octopus_anchor(c, m, x);
  x[OCTOPUS_ETA] = r_select(m, pace[OCTOPUS_PACE_ETA], x[OCTOPUS_ETA]);
  x[OCTOPUS_SHRINK] = r_select(m, pace[OCTOPUS_PACE_SHRINK], x[OCTOPUS_SHRINK]);
  x[OCTOPUS_GROW] = r_select(m, pace[OCTOPUS_PACE_GROW], x[OCTOPUS_GROW]);
  x[OCTOPUS_TURN] = r_select(m, pace[OCTOPUS_PACE_TURN], x[OCTOPUS_TURN]);
}

/* ln of the largest excess, of anchors behind the last saddle point */
BASIN_HD real octopus_log_excess(const octopus_cell *c, const real *x) {
  real largest = r_set(0.0);
  for (int64_t j = 0; j < c->d; j++) largest = r_max(r_abs(x[OCTOPUS_HEAD + j]), largest);
  return octopus_log(largest);
}

/* how many steps these lanes take in one go */
BASIN_HD real octopus_reach(const octopus_cell *c, mask single, real limit, const real *x) {
  const mask last = r_le(r_set((double)c->d), x[OCTOPUS_FIRST]);
  const real one = r_set(1.0), own = octopus_entry(c, x + OCTOPUS_HEAD, x[OCTOPUS_FIRST]);
  const real from = r_select(last, octopus_log_excess(c, x), own);
  const real to = r_select(last, r_set(c->log_tolerance), r_set(c->log_tau));
  const real rate = r_select(last, x[OCTOPUS_SHRINK], x[OCTOPUS_GROW]);
  const real steps = r_min((to - from) / rate, r_set(0x1p41));
  const real sure = r_nearest(r_fma(r_set(1 - 0x1p-40), steps, r_set(-1.5))) - x[OCTOPUS_SINCE];
  return r_min(r_select(single, one, r_max(sure, one)), limit);
}

/* one step of the lanes that are on a spline */
BASIN_HD void octopus_spline(const octopus_cell *c, mask m, const real *pace, real *x) {
  real *anchor = x + OCTOPUS_HEAD, *sign = anchor + c->d;
  const real eta = pace[OCTOPUS_PACE_ETA], one = r_set(1.0), first = x[OCTOPUS_FIRST];
  const real y = octopus_entry(c, anchor, first), next = first + one;
  const real w = octopus_exp(octopus_entry(c, anchor, next)) *
                 r_select(r_lt(next, r_set((double)c->d)), one, r_set(0.0));
  const octopus_piece p = octopus_piece_of(c, y);
  const real moved = r_fnma(eta, r_fma(p.factor_slope * w, w, p.slope), y);
  const real times = r_fnma(eta + eta, p.factor, one), beside = octopus_log(times);
  for (int64_t j = 0; j < c->d; j++) {
    const real number = r_set((double)j);
    const mask passed = r_lt(number, first), own = octopus_is(number, first),
               after = octopus_is(number, next);
    const real ahead = octopus_at_least_far(anchor[j] +
                                            r_select(after, beside, pace[OCTOPUS_PACE_SHRINK]));
    const real now = r_select(passed, pace[OCTOPUS_PACE_Q] * anchor[j],
                              r_select(own, moved, ahead));
    const real turn = r_copysign(one, r_select(after, times, pace[OCTOPUS_PACE_TURN]));
    anchor[j] = r_select(m, now, anchor[j]);
    sign[j] = r_select(m_and(m, r_lt(first, number)), sign[j] * turn, sign[j]);
  }
}

BASIN_HD void octopus_descent_start(const octopus_cell *c, basin_turn t, real *x) {
  real *anchor = x + OCTOPUS_HEAD, *sign = anchor + c->d;
  const real zero = r_set(0.0), one = r_set(1.0), end = r_set(2 * c->tau);
  mask before = r_le(zero, zero); /* all coordinates before this one are behind 2 tau */
  for (int i = 0; i < OCTOPUS_HEAD; i++) x[i] = zero;
  x[OCTOPUS_TURN] = one;
  octopus_draw(c, t, anchor);
  for (int64_t j = 0; j < c->d; j++) {
    const real size = r_abs(anchor[j]);
    const mask passed = m_and(before, r_le(end, size));
    const mask spline = m_and(m_and(before, r_lt(size, end)), r_lt(r_set(c->tau), size));
    sign[j] = r_copysign(one, anchor[j]);
    anchor[j] = r_select(passed, size - r_set(4 * c->tau),
                         r_select(spline, size, octopus_log(size)));
    x[OCTOPUS_FIRST] = x[OCTOPUS_FIRST] + r_select(passed, one, zero);
    x[OCTOPUS_SPLINE] = r_select(spline, one, x[OCTOPUS_SPLINE]);
    before = passed;
  }
}

BASIN_HD real octopus_descent_leap(const octopus_cell *c, basin_turn t, real limit, real *x) {
  const real zero = r_set(0.0), one = r_set(1.0), *pace = t.pace;
  const mask moving = r_le(one, limit);
  const mask other = m_and(moving, m_not(octopus_is(pace[OCTOPUS_PACE_ETA], x[OCTOPUS_ETA])));
  if (m_any(other)) octopus_renew(c, other, pace, x);
  const mask spline = m_and(moving, r_lt(zero, x[OCTOPUS_SPLINE]));
  const mask outward = m_and(moving, r_lt(zero, x[OCTOPUS_SHRINK]));
  const real taken = octopus_reach(c, m_or(spline, outward), limit, x);
  if (m_any(spline)) octopus_spline(c, spline, pace, x);
  x[OCTOPUS_SINCE] = x[OCTOPUS_SINCE] + r_select(spline, zero, taken);
  const real own = octopus_entry(c, x + OCTOPUS_HEAD, x[OCTOPUS_FIRST]);
  const mask before = m_and(moving, r_lt(x[OCTOPUS_FIRST], r_set((double)c->d)));
  const mask over = r_lt(r_set(c->log_tau), octopus_log_now(x, before, own));
  const mask through = m_and(spline, r_le(r_set(2 * c->tau), own));
  const mask left = m_or(through, m_and(m_and(before, m_not(spline)), over));
  const mask renewed = m_or(outward, left);
  if (m_any(renewed)) {
    octopus_anchor(c, renewed, x);
    if (m_any(outward)) octopus_retreat(c, outward, x);
    octopus_advance(c, renewed, x);
  }
  return taken;
}

/* what holds of the anchors holds of what follows from them */
BASIN_HD void octopus_descent_bounds(const octopus_cell *c, const real *x, mask *outcome) {
  const real first = x[OCTOPUS_FIRST], zero = r_set(0.0), *anchor = x + OCTOPUS_HEAD;
  const mask spline = r_lt(zero, x[OCTOPUS_SPLINE]);
  mask inside = r_le(zero, zero), bounded = inside;
  for (int64_t j = 0; j < c->d; j++) {
    const real number = r_set((double)j), size = r_abs(anchor[j]);
    const mask passed = r_lt(number, first), own = octopus_is(number, first);
    const mask linear = m_or(passed, m_and(own, spline));
    const real bound = r_select(passed, r_set(2 * c->tau), r_set(c->log_tau));
    inside = m_and(inside, m_or(own, r_le(r_select(passed, size, anchor[j]), bound)));
    bounded = m_and(bounded, r_le(r_select(linear, size, anchor[j]),
                                  r_select(linear, r_set(1e50), r_set(OCTOPUS_LOG_MOST))));
  }
  const real own = octopus_entry(c, anchor, first);
  const mask nowhere = r_le(own, r_set(c->settles ? 0.1 * OCTOPUS_FAR : -INFINITY));
  outcome[BASIN_LEFT] = m_not(inside);
  outcome[BASIN_DIVERGED] = m_not(bounded);
  outcome[BASIN_SADDLE] = m_and(m_and(inside, nowhere), r_lt(first, r_set((double)c->d)));
}

BASIN_HD void octopus_descent_reached(const octopus_cell *c, basin_turn t, const real *x,
                                      mask *outcome) {
  const mask last = r_le(r_set((double)c->d), x[OCTOPUS_FIRST]);
  const real excess = r_fma(x[OCTOPUS_SINCE], x[OCTOPUS_SHRINK], octopus_log_excess(c, x));
  const real most = r_set(c->passed ? INFINITY : c->log_tolerance);
  (void)t;
  octopus_descent_bounds(c, x, outcome);
  outcome[BASIN_GLOBAL] = m_and(m_and(last, m_not(outcome[BASIN_LEFT])), r_le(excess, most));
}

/* Behind the last saddle point every excess shrinks by |q| < 1 in each step, and D is left no more. */
BASIN_HD void octopus_descent_decide(const octopus_cell *c, basin_turn t, const real *x,
                                     mask *outcome) {
  (void)t;
  octopus_descent_bounds(c, x, outcome);
  outcome[BASIN_GLOBAL] = m_and(r_le(r_set(c->settles ? (double)c->d : INFINITY), x[OCTOPUS_FIRST]),
                                m_not(outcome[BASIN_LEFT]));
}

/* excess or size of every coordinate, into kept [d] */
BASIN_HD void octopus_descent_now(const octopus_cell *c, const real *x, real *kept) {
  const real *anchor = x + OCTOPUS_HEAD, first = x[OCTOPUS_FIRST];
  real turned;
  const real power = octopus_power(x, &turned);
  const mask spline = r_lt(r_set(0.0), x[OCTOPUS_SPLINE]);
  for (int64_t j = 0; j < c->d; j++) {
    const real number = r_set((double)j);
    const mask own = octopus_is(number, first), passed = r_lt(number, first);
    const real ahead = octopus_exp(
        octopus_log_now(x, own, r_select(passed, r_set(0.0), anchor[j])));
    kept[j] = r_select(passed, anchor[j] * power * turned,
                       r_select(m_and(own, spline), anchor[j], ahead));
  }
}

BASIN_HD void octopus_descent_observe(const octopus_cell *c, basin_turn t, const real *x,
                                      real *out) {
  octopus_descent_now(c, x, t.work);
  octopus_evaluate(c, x[OCTOPUS_FIRST], t.work, out);
  out[OCTOPUS_NOISES] = r_set(0.0);
}

#if BASIN_ONE_LANE
/* what is smaller than 1e-304 is 0 */
static inline void octopus_descent_vectors(const octopus_cell *c, basin_turn t, const real *x,
                                           int any, double *out) {
  const real *sign = x + OCTOPUS_HEAD + c->d;
  real turned;
  (void)t, (void)any;
  octopus_power(x, &turned);
  octopus_descent_now(c, x, out);
  for (int64_t j = 0; j < c->d; j++) {
    const double at = (double)j, first = x[OCTOPUS_FIRST];
    out[j] = sign[j] * (at < first ? 4 * c->tau + out[j] : at > first ? turned * out[j] : out[j]);
  }
}
#endif

#define MODEL_population(F)                                                            \
  F(BASIN_LEAPS, octopus_descent_layout, octopus_descent_paces, octopus_descent_start, \
    octopus_descent_leap, octopus_descent_reached, octopus_descent_decide,             \
    octopus_descent_observe, octopus_descent_vectors)

#endif
