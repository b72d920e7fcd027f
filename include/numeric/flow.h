/* SPDX-License-Identifier: MIT
 *
 * flow.h: gradient flow dx/dt = -grad L for a time eta, in substeps of a length of each lane's own: the pair of Dormand
 * and Prince (1980) of orders 5 and 4, the gradient at the end of a substep being the first one of the next, six
 * gradients a substep. Whoever has a gradient makes a step of it:
 *
 *   real least = r_set(FLOW_LEAST) * eta, left = eta;
 *   while (time is left, and not FLOW_TRIES_MAX times)
 *     const mask open = r_lt(r_set(0.0), left);
 *     const real length = r_min(more[FLOW_LENGTH], left);
 *     for (s = 0; s < FLOW_STAGES; s++)
 *       point[j] = flow_combine(s, length, x[j], g[j], k + j, size) for all j; k[s] = the gradient at point
 *     error2 = the squared error, of the differences flow_combine(FLOW_STAGES, length, 0, g[j], k + j, size), relative
 *              to what is allowed
 *     accepted = flow_accepts(open, error2, length, least): x = point, g = the last k there
 *     flow_next(open, accepted, error2, eta, length, more, &least, &left, next); more = next
 *
 * A substep is accepted where e, the root of error2, is at most 1, and the next length is chosen by the
 * proportional-integral controller of Hairer and Wanner (Solving Ordinary Differential Equations II, IV.2, beta =
 * 0.04):
 *
 *   h <- h min(10, max(1/5, 0.9 (1/e)^0.17 e_old^0.04))
 *
 * One of FLOW_LEAST eta is accepted whatever its error, and counted: no substep is short enough for a kink. Each
 * doubles the least length of the rest of the step, up to FLOW_LEAST_MAX eta, and so do FLOW_TRIES substeps or
 * attempts.
 */
#ifndef BASIN_NUMERIC_FLOW_H
#define BASIN_NUMERIC_FLOW_H

#include "numeric/functions.h"

#define FLOW_LEAST 0x1p-30    /* of eta */
#define FLOW_LEAST_MAX 0x1p-8 /* likewise */
#define FLOW_LENGTH_MAX 1e100
#define FLOW_LOG_ERROR_MIN -9.2103403719761836 /* log 1e-4: the least e_old */

enum {
  FLOW_STAGES = 6, /* gradients of a substep */
  FLOW_TRIES = 2048,
  FLOW_TRIES_MAX = 1 << 16
};

/* what a state has beside x and its gradient */
enum {
  FLOW_LENGTH,    /* h */
  FLOW_LOG_ERROR, /* log e_old */
  FLOW_FORCED,    /* substeps accepted for their length alone */
  FLOW_MORE
};

/* the time of a stage, in lengths of the substep */
BASIN_HD double flow_node(int stage) {
  BASIN_TABLE double node[FLOW_STAGES] = {1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
  return node[stage];
}

/* x after stage number `stage` (0: the first), or for FLOW_STAGES the difference of the two orders; of one coordinate
   with the gradients g, k [stage][size] */
BASIN_HD real flow_combine(int stage, real length, real x, real g, const real *k, int64_t size) {
  BASIN_TABLE double a[FLOW_STAGES + 1][FLOW_STAGES + 1] = {
      {1.0 / 5},
      {3.0 / 40, 9.0 / 40},
      {44.0 / 45, -56.0 / 15, 32.0 / 9},
      {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
      {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
      {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
      {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40}};
  real sum = r_set(a[stage][0]) * g;
  for (int s = 1; s <= stage; s++) sum = r_fma(r_set(a[stage][s]), k[(s - 1) * size], sum);
  return r_fnma(length, sum, x);
}

/* the factor by which the length changes */
BASIN_HD real flow_factor(real log_error, real old_log_error) {
  const real factor = r_set(0.9) *
                      r_exp(r_fma(r_set(-0.17), log_error, r_set(0.04) * old_log_error));
  return r_min(r_max(factor, r_set(0.2)), r_set(10.0));
}

BASIN_HD mask flow_accepts(mask open, real error2, real length, real least) {
  return m_and(open, m_or(r_le(error2, r_set(1.0)), r_le(length, least)));
}

/* What there is to know after a substep or an attempt at it: *left, the time that is left, *least, the least length of
   the next one, and next, for `more` of the state. */
BASIN_HD void flow_next(mask open, mask accepted, real error2, real eta, real length,
                        const real *more, real *least, real *left, real next[FLOW_MORE]) {
  const real zero = r_set(0.0), one = r_set(1.0), kept = more[FLOW_LENGTH];
  const mask fine = r_le(error2, one);
  *left = r_select(accepted, *left - length, *left);

  /* the next length: one that was cut to the end of the time is not taken for a short one */
  const real log_error = r_set(0.5) * r_log(r_min(r_max(error2, r_set(1e-30)), r_set(1e30)));
  real factor = flow_factor(log_error, more[FLOW_LOG_ERROR]);
  factor = r_select(fine, factor, r_min(factor, r_set(0.5)));
  const real grown = length * factor;
  const real longer = r_select(r_lt(factor, one), grown, r_max(kept, grown));
  const real limited = r_max(r_min(longer, r_set(FLOW_LENGTH_MAX)), *least);
  const mask forced = m_and(accepted, m_not(fine));
  *least = r_select(forced, r_min(*least + *least, r_set(FLOW_LEAST_MAX) * eta), *least);
  const real old = r_max(log_error, r_set(FLOW_LOG_ERROR_MIN));
  next[FLOW_LENGTH] = r_select(open, limited, kept);
  next[FLOW_LOG_ERROR] = r_select(accepted, old, more[FLOW_LOG_ERROR]);
  next[FLOW_FORCED] = more[FLOW_FORCED] + r_select(forced, one, zero);
}

/* the first length: what moves x, of squared length norm2, by a hundredth of itself; grad2, of the gradient: above 0 */
BASIN_HD void flow_begin(real norm2, real grad2, real *more) {
  const real length = r_sqrt(norm2 / grad2);
  more[FLOW_LENGTH] = r_min(r_set(0.01) * length, r_set(FLOW_LENGTH_MAX));
  more[FLOW_LOG_ERROR] = r_set(FLOW_LOG_ERROR_MIN);
  more[FLOW_FORCED] = r_set(0.0);
}

#endif
