/* SPDX-License-Identifier: MIT
 *
 * own_methods.h: what headers of models written as formulas (host/formula/emit.c) have in common beside their formulas:
 * the settings that all of them have, starts, the steps of the methods, inputs, and the rule that ends a trial. One
 * entry of gradient descent:
 *
 *   const own_pace pace = own_pace_of(&c->own, t);
 *   own_descend(pace, g[0], &x[0]);                            x <- x - eta g
 *
 * The methods, for the gradient g at the present point x, eta being the step size of the step:
 *
 *   population  x <- x - eta g
 *   momentum    v <- beta v - eta g,  x <- x + v                                          (Polyak 1964: heavy ball)
 *   nesterov    v <- beta v - eta g,  x <- x + (beta v - eta g)                           (Sutskever et al. 2013)
 *               x is the point where the gradient is taken, their theta + mu v: with theta = x - beta v this is their
 *               v <- mu v - eta grad(theta + mu v), theta <- theta + v. Loss, stop and observables are those of x.
 *   adam        m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,
 *               x <- x - eta (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)    (Kingma and Ba 2015)
 *               with 1/(1 - beta^t) taken once a step, and beta^t as a product that is part of the state
 *   langevin    x <- x - eta g + sqrt(2 eta T) xi                     xi: standard normals, fresh ones for every step
 *   noise       x <- x - eta (g + sigma xi)
 *   direct, law x <- x - (eta / B) sum of g over B fresh inputs, in their order
 *
 * Entries 2 b and 2 b + 1 of xi are block b of BASIN_STREAM_PERTURBATION at the trial's step. The inputs of a step are
 * those of BASIN_STREAM_INPUT, one after another, row by row; every row begins with a block of its own.
 */
#ifndef BASIN_OWN_METHODS_H
#define BASIN_OWN_METHODS_H

#include "own/own_sums.h"
#include "seam/draw.h"

/* ---- the settings ---- */

typedef struct own_cell {
  double tolerance,
      tolerance_gradient; /* of the loss, and of the gradient's squared norm; 0: not given */
  double option[BASIN_OPTIONS_MAX]; /* of the method */
  int falls;                        /* whether step sizes fall */
  int64_t inputs;                   /* B */
  basin_input_law law;
  uint64_t key;
} own_cell;

static inline own_cell own_cell_of(const basin_setting *setting) {
  own_cell c;
  memset(&c, 0, sizeof c);
  c.tolerance = setting->stop.tolerance;
  c.tolerance_gradient = setting->stop.tolerance_gradient;
  memcpy(c.option, setting->gradient.option, sizeof c.option);
  for (int s = 0; s < setting->stages; s++) c.falls |= setting->stage[s].eta[BASIN_DECAY] > 0;
  c.inputs = setting->gradient.inputs;
  c.law = setting->gradient.law;
  c.key = setting->key;
  return c;
}

/* a whole number of entries that arrays can have: more would not fit into memory */
static inline int own_is_size(double size) {
  return size >= 1 && size < 0x1p27 && size == (double)(int64_t)size;
}

/* A stage: its step size, the exponent by which it falls, and the options of the method. Of all of them a lane that
   idles has 0, so that no method moves it. */
enum { OWN_PACE_ETA, OWN_PACE_FALL, OWN_PACE_OPTION };
static inline void own_paces(const own_cell *c, double scale, const double *eta, double *pace) {
  pace[OWN_PACE_ETA] = eta[0] * scale;
  pace[OWN_PACE_FALL] = eta[BASIN_DECAY];
  for (int i = 0; i < BASIN_OPTIONS_MAX; i++) pace[OWN_PACE_OPTION + i] = c->option[i];
}

typedef struct own_pace {
  real eta, option[BASIN_OPTIONS_MAX];
} own_pace;

BASIN_HD own_pace own_pace_of(const own_cell *c, basin_turn t) {
  own_pace p;
  p.eta = t.pace[OWN_PACE_ETA];
  if (c->falls) p.eta = p.eta * basin_decay(t.pace[OWN_PACE_FALL], t.step);
  BASIN_UNROLL
  for (int i = 0; i < BASIN_OPTIONS_MAX; i++) p.option[i] = t.pace[OWN_PACE_OPTION + i];
  return p;
}

/* ---- one entry of a step ---- */

BASIN_HD void own_descend(own_pace p, real g, real *x) { *x = r_fnma(p.eta, g, *x); }

/* option: beta */
BASIN_HD void own_momentum(own_pace p, real g, real *x, real *v) {
  *v = r_fnma(p.eta, g, p.option[0] * *v);
  *x = *x + *v;
}
BASIN_HD void own_nesterov(own_pace p, real g, real *x, real *v) {
  *v = r_fnma(p.eta, g, p.option[0] * *v);
  *x = *x + r_fnma(p.eta, g, p.option[0] * *v);
}

/* options: beta1, beta2, epsilon; power: beta1^t and beta2^t. What all entries of a step share */
typedef struct own_bias {
  real first, second; /* 1/(1 - beta^t) */
} own_bias;
BASIN_HD own_bias own_adam_begin(own_pace p, real *power) {
  own_bias bias;
  power[0] = power[0] * p.option[0];
  power[1] = power[1] * p.option[1];
  bias.first = r_set(1.0) / (r_set(1.0) - power[0]);
  bias.second = r_set(1.0) / (r_set(1.0) - power[1]);
  return bias;
}
BASIN_HD void own_adam(own_pace p, own_bias bias, real g, real *x, real *m, real *v) {
  const real rest1 = r_set(1.0) - p.option[0], rest2 = r_set(1.0) - p.option[1];
  *m = r_fma(rest1, g, p.option[0] * *m);
  *v = r_fma(rest2 * g, g, p.option[1] * *v);
  const real size = r_sqrt(*v * bias.second) + p.option[2];
  /* where nothing has ever come there is nothing to divide; epsilon may be 0 */
  const mask some = r_lt(r_set(0.0), size);
  *x = r_fnma(p.eta, (*m * bias.first) / r_select(some, size, r_set(1.0)), *x);
}

/* n standard normals of the step, into z */
BASIN_HD void own_normals(const own_cell *c, basin_turn t, int n, real *z) {
  basin_normals_row(team_alone(), c->key, BASIN_STREAM_PERTURBATION, t.trial, t.step, b_set(0), n,
                    z);
}
/* option: T; the deviation of what is added, sqrt(2 eta T) */
BASIN_HD real own_heat(own_pace p) { return r_sqrt((p.eta + p.eta) * p.option[0]); }
BASIN_HD void own_langevin(own_pace p, real heat, real z, real g, real *x) {
  *x = r_fma(heat, z, r_fnma(p.eta, g, *x));
}
/* option: sigma */
BASIN_HD void own_noise(own_pace p, real z, real g, real *x) {
  *x = r_fnma(p.eta, r_fma(p.option[0], z, g), *x);
}

/* ---- what is drawn ---- */

/* a vector or matrix as the experiment gives or draws it, into x */
BASIN_HD void own_draw(const draw_source *source, basin_turn t, int rows, int length, real *x) {
  BASIN_UNROLLED
  for (int row = 0; row < rows; row++) {
    real *to = x + row * length, norm2 = r_set(0.0);
    BASIN_UNROLLED
    for (int j = 0; j < length; j += 2) {
      real z[2];
      draw_pair(source, t.data, t.trial, row, j / 2, &z[0], &z[1]);
      to[j] = z[0];
      if (j + 1 < length) to[j + 1] = z[1];
    }
    BASIN_UNROLLED
    for (int j = 0; j < length; j++) norm2 = r_fma(to[j], to[j], norm2);
    const real spread = draw_spread(source, t.trial, row, norm2);
    BASIN_UNROLLED
    for (int j = 0; j < length; j++) to[j] = draw_entry(source, t.data, row, j, spread, to[j]);
  }
}

/* Philox blocks of an input of so many rows; law: NULL for the normal one */
BASIN_HD int64_t own_blocks(const basin_input_law *law, int rows, int length) {
  return rows * (law ? law_blocks(law, length) : ((int64_t)length + 1) / 2);
}

/* a row of an input, from the block `block` on */
OWN_ONE_COPY void own_input_row(const own_cell *c, const basin_input_law *law, int stream,
                                bits trial, bits step, bits block, int64_t length, real *z) {
  if (law) law_vector(law, c->key, stream, trial, step, block, length, z);
  else basin_normals_row(team_alone(), c->key, stream, trial, step, block, length, z);
}

/* an input, from the block `block` on */
BASIN_HD void own_input(const own_cell *c, const basin_input_law *law, int stream, basin_turn t,
                        bits block, int rows, int length, real *z) {
  if (!law && length % 2 == 0) { /* one long row: no block is left half used */
    own_input_row(c, law, stream, t.trial, t.step, block, rows * (int64_t)length, z);
    return;
  }
  const bits each = b_set((uint64_t)own_blocks(law, 1, length));
  for (int row = 0; row < rows; row++, z += length, block = block + each)
    own_input_row(c, law, stream, t.trial, t.step, block, length, z);
}

/* ---- the rule ---- */

/* whether the vectors, of squared length norm2, have left every bound */
BASIN_HD mask own_diverged(real norm2) { return m_not(r_le(norm2, r_set(1e100))); }

#endif
