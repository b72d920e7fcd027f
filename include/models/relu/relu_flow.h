/* SPDX-License-Identifier: MIT
 *
 * relu_flow.h: gradient flow dw/dt = -grad L of the networks of relu.h.
 *
 * One step of the driver is the flow for a time eta, in substeps of each trial's own, by the integrator of
 * numeric/flow.h. A substep is accepted where the difference of its two orders is, for every student, at most `error`
 * |w_i| (with |w_i| no less than FLOW_SMALL of the length of all students together): e = max_i difference_i / (error
 * |w_i|).
 *
 * L has a kink where a student passes 0: no substep is short enough there, and those that are accepted for their
 * length alone are counted (observable forced_substeps). So a step has some 45 000 substeps at most, for a least
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
#include "numeric/flow.h"

#define FLOW_SMALL 0x1p-20
#define FLOW_HELD 0x1p-40

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
    BASIN_ROLLED
    for (int64_t j = i * width; j < (i + 1) * width; j++) {
      const real error = flow_combine(FLOW_STAGES, length, zero, g[j], k + j, size);
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

/* One substep for every lane that has time left, or an attempt at it; *left is what is left then, *least the least
   length of the next one. */
BASIN_HD void relu_flow_substep(const relu_cell *cell, basin_team team, real eta, real *least,
                                real *left, real *work, real *x) {
  const int64_t size = cell->n * cell->width;
  const real zero = r_set(0.0);
  real *w = x + cell->at_w, *g = x + cell->at_g, *more = x + cell->states;
  real *k = work + cell->to_own, *point = k + FLOW_STAGES * size, head[RELU_HEAD];
  const mask open = r_lt(zero, *left);
  const real length = r_min(more[FLOW_LENGTH], *left);
  relu_flow_hold(cell, team, length, work, x);
  for (int s = 0; s < FLOW_STAGES; s++) {
    BASIN_TEAM_FOR(team, j, size) {
      const real *hold = work + relu_flow_to_hold(cell) + j / (int)cell->width;
      const real along = r_fma(hold[cell->n], w[j], hold[2 * cell->n] * g[j]);
      const real held = r_fnma(r_set(flow_node(s)) * length, along, w[j]);
      const real free = flow_combine(s, length, w[j], g[j], k + j, size);
      point[j] = relu_floor(r_select(r_lt(zero, hold[0]), held, free));
    }
    team_sync(team);
    relu_gradient(cell, team, x, point, 0, work, k + s * size, head);
  }
  const real error2 = relu_flow_error2(cell, team, length, head[RELU_NORM2], work, x);
  const mask accepted = flow_accepts(open, error2, length, *least);
  BASIN_TEAM_FOR(team, j, size) {
    w[j] = r_select(accepted, point[j], w[j]);
    g[j] = r_select(accepted, k[(FLOW_STAGES - 1) * size + j], g[j]);
  }
  real next[FLOW_MORE];
  flow_next(open, accepted, error2, eta, length, more, least, left, next);
  team_sync(team);
  if (team.rank == 0)
    for (int i = 0; i < FLOW_MORE; i++) more[i] = next[i];
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
  relu_refresh(cell, 0, team, work, x);
}

/* the first length: what moves the students by a hundredth of themselves */
BASIN_HD void relu_flow_start(const relu_cell *cell, basin_turn t, real *x) {
  const basin_team team = t.team;
  relu_start(cell, t, x);
  const real *g = x + cell->at_g;
  const real grad2 = team_dot(team, g, g, cell->n * cell->width, t.work + cell->to_strand);
  if (team.rank == 0) flow_begin(x[RELU_NORM2], r_max(grad2, r_set(RELU_ZERO2)), x + cell->states);
  team_sync(team);
}

BASIN_HD void relu_flow_observe(const relu_cell *cell, basin_turn t, const real *x, real *out) {
  relu_observe_with(cell, t, x, x[cell->states + FLOW_FORCED], out);
}

#define MODEL_flow(F)                                                                             \
  F(0, relu_flow_layout, relu_paces, relu_flow_start, relu_flow_step, relu_reached, relu_reached, \
    relu_flow_observe, relu_vectors)

#endif
