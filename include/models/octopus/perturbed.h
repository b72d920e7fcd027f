/* SPDX-License-Identifier: MIT
 *
 * perturbed.h: perturbed gradient descent (Algorithm 2 of the thesis; Jin et al. 2017) on the octopus of landscape.h.
 *
 *   t_noise = -every - 1; for t = 0, 1, ...:
 *     where |grad f(x)| <= below and t - t_noise > every:   x <- x + xi, t_noise = t
 *     x <- x - eta grad f(x)
 *
 * xi is uniform in the ball of radius r in R^d, and the gradient is that of the perturbed point. (Algorithm 2 begins
 * with t = 1 from x^(0), and writes the gradient before the perturbation; with it the noise would not grow.) Noise
 * keeps coming at a minimum, so a trial hovers about it. With radius 0 this is gradient descent, in plain double
 * precision: what descent.h is for does not happen here, for noise refills the coordinates.
 *
 * xi is a normal vector brought to the length r U^(1/d), of the stream BASIN_STREAM_NOISE at the trial's step: entries
 * 2 b and 2 b + 1 of block b, U of block ceil(d/2).
 *
 * A point outside of D, before or after the perturbation, stays where it is, and ends the trial as `left`.
 *
 * The early rule. Behind the last saddle point |x_j| - 4 tau is multiplied by q = 1 - 2 eta L, and noise of length r
 * comes only where 2 L | |x| - 4 tau | <= below. So with |q| <= 1 and below/(2 L) + r <= 2 tau a trial never comes back
 * to |x_j| < 2 tau, and goes on about the minimum for ever: `global`.
 */
#ifndef BASIN_MODELS_OCTOPUS_PERTURBED_H
#define BASIN_MODELS_OCTOPUS_PERTURBED_H

#include "models/octopus/landscape.h"

/* the head of a state; behind it x [d] */
enum { OCTOPUS_LATEST /* t_noise */, OCTOPUS_COUNT /* of noises */, OCTOPUS_PLAIN_HEAD };

/* scratch: the gradient, the noise, and what observe() is told, [d] each */
static inline basin_layout octopus_perturbed_layout(const basin_setting *setting,
                                                    const octopus_cell *c) {
  const basin_layout layout = {OCTOPUS_PLAIN_HEAD + c->d, 2 * c->d + 1, 1};
  (void)setting;
  return layout;
}

static inline void octopus_perturbed_paces(const octopus_cell *c, const double *eta, double *pace) {
  (void)c;
  pace[0] = eta[0];
}

/* the first coordinate below 2 tau, from 0, and whether x is in D */
BASIN_HD real octopus_where(const octopus_cell *c, const real *x, mask *inside) {
  const real one = r_set(1.0), zero = r_set(0.0), end = r_set(2 * c->tau);
  mask in = r_le(zero, zero), passing = in;
  real first = zero;
  for (int64_t j = 0; j < c->d; j++) {
    const real size = r_abs(x[j]);
    const mask ahead = m_not(passing);
    passing = m_and(passing, r_le(end, size));
    first = first + r_select(passing, one, zero);
    /* its own coordinate may be anywhere below 2 tau */
    const real most = r_select(passing, r_set(6 * c->tau), r_select(ahead, r_set(c->tau), end));
    in = m_and(in, r_le(size, most));
  }
  *inside = in;
  return first;
}

/* the gradient at x [d] into grad [d]; its squared length */
BASIN_HD real octopus_gradient(const octopus_cell *c, const real *x, mask *inside, real *grad) {
  const real one = r_set(1.0), twice = r_set(2 * c->L), middle = r_set(4 * c->tau);
  const real first = octopus_where(c, x, inside), next = first + one;
  const real y = r_abs(octopus_entry(c, x, first)), w = octopus_entry(c, x, next);
  const octopus_piece p = octopus_piece_of(c, y);
  const real here = r_fma(p.factor_slope * w, w, p.slope), beside = p.factor + p.factor;
  real norm2 = r_set(0.0);
  for (int64_t j = 0; j < c->d; j++) {
    const real number = r_set((double)j), size = r_abs(x[j]);
    const mask passed = r_lt(number, first), own = m_and(m_not(passed), r_le(number, first));
    const mask after = m_and(r_le(number, next), r_lt(first, number));
    const real slope = r_select(
        own, here, r_select(after, beside, twice) * (size - r_select(passed, middle, r_set(0.0))));
    grad[j] = slope * r_copysign(one, x[j]);
    norm2 = r_fma(slope, slope, norm2);
  }
  return norm2;
}

/* uniform in the ball of radius r, into noise [d], with room for one more */
BASIN_HD void octopus_noise(const octopus_cell *c, basin_turn t, real *noise) {
  const uint64_t key = c->x.key, blocks = (uint64_t)(c->d + 1) / 2;
  bits low, high;
  real norm2 = r_set(0.0);
  basin_normals_row(basin_alone, key, BASIN_STREAM_NOISE, t.trial, t.step, b_set(0), c->d, noise);
  for (int64_t j = 0; j < c->d; j++) norm2 = r_fma(noise[j], noise[j], norm2);
  basin_words_at(key, BASIN_STREAM_NOISE, t.trial, t.step, blocks, &low, &high);
  const real length = r_set(c->radius) *
                      r_exp(r_log(r_uniform_positive(low)) * r_set(1.0 / (double)c->d));
  const real factor = length / r_sqrt(norm2);
  for (int64_t j = 0; j < c->d; j++) noise[j] = noise[j] * factor;
}

BASIN_HD void octopus_perturbed_start(const octopus_cell *c, basin_turn t, real *x) {
  x[OCTOPUS_LATEST] = r_set(-c->every - 1);
  x[OCTOPUS_COUNT] = r_set(0.0);
  octopus_draw(c, t, x + OCTOPUS_PLAIN_HEAD);
}

BASIN_HD void octopus_perturbed_step(const octopus_cell *c, basin_turn t, real *state) {
  const real zero = r_set(0.0), one = r_set(1.0), eta = t.pace[0];
  const real now = r_from_bits(t.step | b_set(0x4330000000000000u)) - r_set(0x1p52);
  real *x = state + OCTOPUS_PLAIN_HEAD, *grad = t.work, *noise = grad + c->d;
  mask inside;
  const real norm2 = octopus_gradient(c, x, &inside, grad);
  const mask due = r_lt(r_set(c->every), now - state[OCTOPUS_LATEST]);
  const mask noisy = m_and(m_and(m_and(inside, due), r_lt(zero, eta)),
                           r_le(norm2, r_set(c->below * c->below)));
  if (m_any(noisy)) {
    octopus_noise(c, t, noise);
    for (int64_t j = 0; j < c->d; j++) x[j] = x[j] + r_select(noisy, noise[j], zero);
    state[OCTOPUS_LATEST] = r_select(noisy, now, state[OCTOPUS_LATEST]);
    state[OCTOPUS_COUNT] = state[OCTOPUS_COUNT] + r_select(noisy, one, zero);
    octopus_gradient(c, x, &inside, grad);
  }
  for (int64_t j = 0; j < c->d; j++) x[j] = r_select(inside, r_fnma(eta, grad[j], x[j]), x[j]);
}

BASIN_HD void octopus_perturbed_bounds(const octopus_cell *c, const real *x, real *first,
                                       mask *outcome) {
  mask inside, bounded = r_le(x[0], x[0]);
  *first = octopus_where(c, x, &inside);
  for (int64_t j = 0; j < c->d; j++) bounded = m_and(bounded, r_le(r_abs(x[j]), r_set(1e50)));
  outcome[BASIN_LEFT] = m_not(inside);
  outcome[BASIN_DIVERGED] = m_not(bounded);
}

BASIN_HD void octopus_perturbed_reached(const octopus_cell *c, basin_turn t, const real *state,
                                        mask *outcome) {
  const real *x = state + OCTOPUS_PLAIN_HEAD, most = r_set(c->passed ? 2 * c->tau : c->tolerance);
  real first, largest = r_set(0.0);
  (void)t;
  octopus_perturbed_bounds(c, x, &first, outcome);
  for (int64_t j = 0; j < c->d; j++)
    largest = r_max(r_abs(r_abs(x[j]) - r_set(4 * c->tau)), largest);
  outcome[BASIN_GLOBAL] = m_and(m_and(r_le(r_set((double)c->d), first), r_le(largest, most)),
                                m_not(outcome[BASIN_LEFT]));
}

BASIN_HD void octopus_perturbed_decide(const octopus_cell *c, basin_turn t, const real *state,
                                       mask *outcome) {
  real first;
  (void)t;
  octopus_perturbed_bounds(c, state + OCTOPUS_PLAIN_HEAD, &first, outcome);
  outcome[BASIN_GLOBAL] = m_and(r_le(r_set(c->settles ? (double)c->d : INFINITY), first),
                                m_not(outcome[BASIN_LEFT]));
}

BASIN_HD void octopus_perturbed_observe(const octopus_cell *c, basin_turn t, const real *state,
                                        real *out) {
  const real *x = state + OCTOPUS_PLAIN_HEAD;
  mask inside;
  const real first = octopus_where(c, x, &inside);
  for (int64_t j = 0; j < c->d; j++)
    t.work[j] = r_abs(x[j]) -
                r_select(r_lt(r_set((double)j), first), r_set(4 * c->tau), r_set(0.0));
  octopus_evaluate(c, first, t.work, out);
  out[OCTOPUS_NOISES] = state[OCTOPUS_COUNT];
}

#if BASIN_ONE_LANE
static inline void octopus_perturbed_vectors(const octopus_cell *c, basin_turn t, const real *state,
                                             int any, double *out) {
  (void)t, (void)any;
  memcpy(out, state + OCTOPUS_PLAIN_HEAD, (size_t)c->d * sizeof *out);
}
#endif

#define MODEL_perturbed(F)                                                         \
  F(0, octopus_perturbed_layout, octopus_perturbed_paces, octopus_perturbed_start, \
    octopus_perturbed_step, octopus_perturbed_reached, octopus_perturbed_decide,   \
    octopus_perturbed_observe, octopus_perturbed_vectors)

#endif
