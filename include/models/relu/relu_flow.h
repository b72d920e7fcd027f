/* SPDX-License-Identifier: MIT
 *
 * relu_flow.h: gradient flow dw/dt = -grad L of the networks of relu.h.
 *
 * One step of the driver is the flow for a time eta. Inside, every trial has substeps of its own length: the pair of
 * Dormand and Prince (1980) of orders 5 and 4, the gradient at the end of a substep being the first one of the next;
 * six gradients a substep. A substep is accepted where the difference of the two orders is, for every student,
 * at most `error` |w_i| (with |w_i| no less than FLOW_SMALL of the length of all students together), and the next
 * length is chosen by the proportional-integral controller of Hairer and Wanner (Solving Ordinary Differential
 * Equations II, IV.2, beta = 0.04):
 *
 *   h <- h min(10, max(1/5, 0.9 (1/e)^0.17 e_old^0.04)),   e = max_i difference_i / (error |w_i|)
 *
 * L has a kink where a student passes 0: no substep is short enough there. One of FLOW_LEAST eta is accepted whatever
 * its error, and counted (observable forced_substeps); each doubles the least length of the rest of the step, up to
 * FLOW_LEAST_MAX eta, and so do FLOW_TRIES substeps or attempts. So a step has some 45 000 of them at most, for a least
 * length is not shortened to FLOW_LENGTH_MAX. Where eta is so small that its parts are 0 in double precision even that
 * may not end: who has time left after FLOW_TRIES_MAX of them is no number from there on, and diverges.
 *
 * The flow may also hold a student at 0, as where the network overshoots its teacher. Near 0 the gradient of student i
 * depends on its direction u alone, and w_i is drawn to 0 where F(u) = u'grad_i > 0. Where this is so on all sides the
 * right side of the equation has to be read as Filippov does (Differential Equations with Discontinuous Righthand
 * Sides, 1988): w_i stays 0, until F(u) < 0 for some u. As w_i goes to 0 its direction goes, faster and faster, to a
 * minimum of F. So a student with F(u) > 0 is held if it is shorter than FLOW_SMALL of the length of all students and
 * grad_i is along it but for a thousandth, or if it is shorter than 2 FLOW_HELD of that length. A student that is held
 * is put to FLOW_HELD of that length, and each substep takes it to a smaller F: from u to -u where F(-u) < F(u), else a
 * step of gradient descent on F further, of the length 1/(sum |w_j| + sum |v_l|). It goes on with the flow as soon as
 * F(u) < 0. So it may leave 0 some substeps late, and one at 0 makes the loss wrong by some (FLOW_HELD |w|)^2.
 *
 * The loss is right to about (error |w|)^2 at best: r is fast, with rate n/2, and stable lengths of substeps for
 * it are found by its error. So a loss of 1e-20 asks for an error of 1e-11 or less.
 *
 * A lane whose time is over waits for the others without changing: what a trial does is its own.
 */
#ifndef BASIN_MODELS_RELU_FLOW_H
#define BASIN_MODELS_RELU_FLOW_H

#include "models/relu/relu_observe.h"

#define FLOW_LEAST 0x1p-30    /* of eta */
#define FLOW_LEAST_MAX 0x1p-8 /* likewise */
#define FLOW_SMALL 0x1p-20
#define FLOW_HELD 0x1p-40
#define FLOW_LENGTH_MAX 1e100
#define FLOW_LOG_ERROR_MIN -9.2103403719761836 /* log 1e-4: the least e_old */

enum {
  FLOW_STAGES = 6, /* gradients of a substep */
  FLOW_TRIES = 2048,
  FLOW_TRIES_MAX = 1 << 16
};

/* what a state has behind that of relu.h */
enum {
  FLOW_LENGTH,    /* h */
  FLOW_LOG_ERROR, /* log e_old */
  FLOW_FORCED,    /* substeps accepted for their length alone */
  FLOW_MORE
};

/* Scratch behind relu.h's: the gradients of the stages, and where the next one is taken, [n][D] each; for each
   student whether it is held (1 or 0), and p, q with which it goes then: dw_i/dt = -(p w_i + q grad_i), [n] each. */
BASIN_HD int64_t relu_flow_to_hold(const relu_cell *cell) {
  return cell->to_own + (FLOW_STAGES + 1) * cell->n * cell->width;
}
static inline basin_layout relu_flow_layout(const basin_setting *setting, const relu_cell *cell) {
  const int64_t work = relu_flow_to_hold(cell) + 3 * cell->n;
  const basin_layout layout = {cell->states + FLOW_MORE, work > cell->work ? work : cell->work,
                               relu_team(cell)};
  (void)setting;
  return layout;
}

/* the students after stage number `stage` (0: the first), or for FLOW_STAGES the difference of the two orders; of one
   coordinate with the gradients g, k [stage][size] */
BASIN_HD real relu_flow_combine(int stage, real length, real w, real g, const real *k,
                                int64_t size) {
  static const double a[FLOW_STAGES + 1][FLOW_STAGES + 1] = {
      {1.0 / 5},
      {3.0 / 40, 9.0 / 40},
      {44.0 / 45, -56.0 / 15, 32.0 / 9},
      {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
      {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
      {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
      {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40}};
  real sum = r_set(a[stage][0]) * g;
  for (int s = 1; s <= stage; s++) sum = r_fma(r_set(a[stage][s]), k[(s - 1) * size], sum);
  return r_fnma(length, sum, w);
}

/* which students are held, and how they go; F(u) - F(-u) = r'u/2 */
BASIN_HD void relu_flow_hold(const relu_cell *cell, basin_team team, real length, real *work,
                             const real *x) {
  const int64_t n = cell->n, width = cell->width;
  const real *g = x + cell->at_g, *mass = work + cell->to_mass;
  const real zero = r_set(0.0), one = r_set(1.0), inverse = one / length;
  real *hold = work + relu_flow_to_hold(cell), norm2 = zero, bound = zero;
  relu_measure(cell, team, x, x + cell->at_w, work);
  for (int64_t i = 0; i < n; i++) {
    norm2 = r_fma(mass[i], mass[i], norm2);
    bound = bound + mass[i];
  }
  for (int64_t l = 0; l < cell->m; l++) bound = bound - x[cell->at_mass_v + l];
  const real norm = r_sqrt(norm2), target = r_set(FLOW_HELD) * norm;
  BASIN_TEAM_FOR(team, i, n) {
    const real *u = work + cell->to_unit + i * width, *grad = g + i * width;
    const real *residual = work + cell->to_residual;
    real along = zero, excess = zero, across2 = zero;
    for (int64_t k = 0; k < width; k++) {
      along = r_fma(grad[k], u[k], along);
      excess = r_fma(residual[k], u[k], excess);
    }
    for (int64_t k = 0; k < width; k++) {
      const real across = r_fnma(along, u[k], grad[k]);
      across2 = r_fma(across, across, across2);
    }
    const mask settled = m_and(r_le(mass[i], r_set(FLOW_SMALL) * norm),
                               r_le(across2, r_set(0x1p-20) * (along * along)));
    const mask near = m_or(settled, r_le(mass[i], target + target));
    const mask turns = r_lt(zero, excess);
    const real kept = target / mass[i], turn = r_select(turns, zero, target / bound);
    const real length_kept = r_select(turns, zero - kept, r_fma(turn, along / mass[i], kept));
    hold[i] = r_select(m_and(r_lt(zero, along), near), one, zero);
    hold[n + i] = inverse * (one - length_kept);
    hold[2 * n + i] = inverse * turn;
  }
  team_sync(team);
}

/* the squared largest e of all students; NaN where any is. norm2: sum of |w_i|^2 after the substep */
BASIN_HD real relu_flow_error2(const relu_cell *cell, basin_team team, real length, real norm2,
                               real *work, const real *x) {
  const int64_t width = cell->width, size = cell->n * width;
  const real *w = x + cell->at_w, *g = x + cell->at_g, *k = work + cell->to_own;
  const real *point = k + FLOW_STAGES * size, zero = r_set(0.0);
  const real least2 = r_max(r_set(FLOW_SMALL * FLOW_SMALL) * norm2, r_set(RELU_ZERO2));
  real *pull = work + cell->to_pull, largest = zero;
  BASIN_TEAM_FOR(team, i, cell->n) {
    real error2 = zero, old2 = zero, new2 = zero;
    for (int64_t j = i * width; j < (i + 1) * width; j++) {
      const real error = relu_flow_combine(FLOW_STAGES, length, zero, g[j], k + j, size);
      error2 = r_fma(error, error, error2);
      old2 = r_fma(w[j], w[j], old2);
      new2 = r_fma(point[j], point[j], new2);
    }
    const real relative2 = error2 /
                           (r_max(r_max(old2, new2), least2) * r_set(cell->error * cell->error));
    pull[i] = r_select(r_lt(zero, work[relu_flow_to_hold(cell) + i]), zero, relative2);
  }
  team_sync(team);
  for (int64_t i = 0; i < cell->n; i++)
    largest = r_select(r_le(pull[i], largest), largest, largest + (pull[i] - largest));
  team_sync(team);
  return largest;
}

/* the factor by which the length changes */
BASIN_HD real relu_flow_factor(real log_error, real old_log_error) {
  const real factor = r_set(0.9) *
                      r_exp(r_fma(r_set(-0.17), log_error, r_set(0.04) * old_log_error));
  return r_min(r_max(factor, r_set(0.2)), r_set(10.0));
}

/* One substep for every lane that has time left, or an attempt at it; *left is what is left then, *least the least
   length of the next one. */
BASIN_HD void relu_flow_substep(const relu_cell *cell, basin_team team, real eta, real *least,
                                real *left, real *work, real *x) {
  static const double node[FLOW_STAGES] = {1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
  const int64_t size = cell->n * cell->width;
  const real zero = r_set(0.0), one = r_set(1.0);
  real *w = x + cell->at_w, *g = x + cell->at_g, *more = x + cell->states;
  real *k = work + cell->to_own, *point = k + FLOW_STAGES * size, head[RELU_HEAD];
  const mask open = r_lt(zero, *left);
  const real kept = more[FLOW_LENGTH], length = r_min(kept, *left);
  relu_flow_hold(cell, team, length, work, x);
  for (int s = 0; s < FLOW_STAGES; s++) {
    BASIN_TEAM_FOR(team, j, size) {
      const real *hold = work + relu_flow_to_hold(cell) + j / cell->width;
      const real along = r_fma(hold[cell->n], w[j], hold[2 * cell->n] * g[j]);
      const real held = r_fnma(r_set(node[s]) * length, along, w[j]);
      const real free = relu_flow_combine(s, length, w[j], g[j], k + j, size);
      point[j] = relu_floor(r_select(r_lt(zero, hold[0]), held, free));
    }
    team_sync(team);
    relu_gradient(cell, team, x, point, 0, work, k + s * size, head);
  }
  const real error2 = relu_flow_error2(cell, team, length, head[RELU_NORM2], work, x);
  const mask fine = r_le(error2, one), shortest = r_le(length, *least);
  const mask accepted = m_and(open, m_or(fine, shortest));
  BASIN_TEAM_FOR(team, j, size) {
    w[j] = r_select(accepted, point[j], w[j]);
    g[j] = r_select(accepted, k[(FLOW_STAGES - 1) * size + j], g[j]);
  }
  *left = r_select(accepted, *left - length, *left);

  /* the next length: one that was cut to the end of the time is not taken for a short one */
  const real log_error = r_set(0.5) * r_log(r_min(r_max(error2, r_set(1e-30)), r_set(1e30)));
  real factor = relu_flow_factor(log_error, more[FLOW_LOG_ERROR]);
  factor = r_select(fine, factor, r_min(factor, r_set(0.5)));
  const real next = length * factor;
  const real longer = r_select(r_lt(factor, one), next, r_max(kept, next));
  const real limited = r_max(r_min(longer, r_set(FLOW_LENGTH_MAX)), *least);
  const mask forced = m_and(accepted, m_not(fine));
  *least = r_select(forced, r_min(*least + *least, r_set(FLOW_LEAST_MAX) * eta), *least);
  const real forced_now = more[FLOW_FORCED] + r_select(forced, one, zero);
  const real old = r_max(log_error, r_set(FLOW_LOG_ERROR_MIN));
  const real log_old = r_select(accepted, old, more[FLOW_LOG_ERROR]);
  team_sync(team);
  if (team.rank == 0) {
    more[FLOW_LENGTH] = r_select(open, limited, kept);
    more[FLOW_LOG_ERROR] = log_old;
    more[FLOW_FORCED] = forced_now;
  }
  team_sync(team);
}

/* one step: the flow for a time eta */
BASIN_HD void relu_flow_step(const relu_cell *cell, basin_turn t, real *x) {
  const basin_team team = t.team;
  const real eta = t.pace[0];
  real *work = t.work;
  const real most = r_set(FLOW_LEAST_MAX) * eta, zero = r_set(0.0);
  const real none = r_from_bits(b_set(0x7ff8000000000000u));
  real least = r_set(FLOW_LEAST) * eta, left = eta;
  team_sync(team);
  for (int tries = 1; m_any(r_lt(zero, left)) && tries <= FLOW_TRIES_MAX; tries++) {
    if (team_stopped(team)) break;
    relu_flow_substep(cell, team, eta, &least, &left, work, x);
    if (tries % FLOW_TRIES == 0) least = r_min(least + least, most);
  }
  if (m_any(r_lt(zero, left))) {
    BASIN_TEAM_FOR(team, j, cell->n * cell->width)
    x[cell->at_w + j] = r_select(r_lt(zero, left), none, x[cell->at_w + j]);
    team_sync(team);
  }
  relu_refresh(cell, team, work, x);
}

/* the first length: what moves the students by a hundredth of themselves */
BASIN_HD void relu_flow_start(const relu_cell *cell, basin_turn t, real *x) {
  const basin_team team = t.team;
  relu_start(cell, t, x);
  const real *g = x + cell->at_g;
  const real grad2 = team_dot(team, g, g, cell->n * cell->width, t.work + cell->to_strand);
  const real length = r_sqrt(x[RELU_NORM2] / r_max(grad2, r_set(RELU_ZERO2)));
  real *more = x + cell->states;
  if (team.rank == 0) {
    more[FLOW_LENGTH] = r_min(r_set(0.01) * length, r_set(FLOW_LENGTH_MAX));
    more[FLOW_LOG_ERROR] = r_set(FLOW_LOG_ERROR_MIN);
    more[FLOW_FORCED] = r_set(0.0);
  }
  team_sync(team);
}

BASIN_HD void relu_flow_observe(const relu_cell *cell, basin_turn t, const real *x, real *out) {
  relu_observe_with(cell, t, x, x[cell->states + FLOW_FORCED], out);
}

#define MODEL_flow(F)                                                                             \
  F(0, relu_flow_layout, relu_paces, relu_flow_start, relu_flow_step, relu_reached, relu_reached, \
    relu_flow_observe, relu_vectors)

#endif
