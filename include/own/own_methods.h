/* SPDX-License-Identifier: MIT
 *
 * own_methods.h: what headers of models written as formulas (host/formula/emit.c) have in common beside their formulas:
 * the settings that all of them have, starts, the steps of the methods, inputs, and the rule that ends a trial. One
 * entry of gradient descent:
 *
 *   const own_pace pace = own_pace_of(&c->own, t);
 *   own_descend(pace, g[0], &x[0]);                            x <- x - eta g
 *
 * The methods are those of seam/method.h: those of models without inputs a kind each, whose state is in registers where
 * it is small; with inputs the kinds `direct` and `law` take them all, the gradient being the mean over B fresh inputs,
 * summed up in their order.
 *
 * Entries 2 b and 2 b + 1 of xi are block b of BASIN_STREAM_PERTURBATION at the trial's step. The inputs of a step are
 * those of BASIN_STREAM_INPUT, one after another, row by row; every row begins with a block of its own.
 */
#ifndef BASIN_OWN_METHODS_H
#define BASIN_OWN_METHODS_H

#include "own/own_sums.h"
#include "seam/draw.h"
#include "seam/method.h"

/* ---- the settings ---- */

typedef struct own_cell {
  double tolerance,
      tolerance_gradient; /* of the loss, and of the gradient's squared norm; 0: not given */
  double option[BASIN_OPTIONS_MAX]; /* of the method */
  double noise;                     /* sigma, of the gradient's */
  double error;                     /* of gradient flow, a substep's */
  int falls;                        /* whether step sizes fall */
  int64_t inputs;                   /* B */
  basin_input_law law;
  basin_method method; /* of models with inputs */
  uint64_t key;
} own_cell;

static inline own_cell own_cell_of(const basin_setting *setting) {
  own_cell c;
  memset(&c, 0, sizeof c);
  c.tolerance = setting->stop.tolerance;
  c.tolerance_gradient = setting->stop.tolerance_gradient;
  memcpy(c.option, setting->gradient.option, sizeof c.option);
  c.noise = setting->gradient.noise;
  c.error = setting->gradient.error;
  for (int s = 0; s < setting->stages; s++) c.falls |= setting->stage[s].eta[BASIN_DECAY] > 0;
  c.inputs = setting->gradient.inputs;
  c.law = setting->gradient.law;
  c.key = setting->key;
  return c;
}

/* with inputs: by what the sum of their gradients is multiplied where a step is that of gradient descent; other steps
   take their mean */
static inline double own_scale(const own_cell *c) {
  return method_is_plain(&c->method) ? 1 / (double)c->inputs : 1;
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

BASIN_HD void own_momentum(own_pace p, real g, real *x, real *v) {
  method_momentum(p.eta, p.option, g, x, v);
}
BASIN_HD void own_nesterov(own_pace p, real g, real *x, real *v) {
  method_nesterov(p.eta, p.option, g, x, v);
}
BASIN_HD void own_adam(own_pace p, method_bias bias, real g, real *x, real *m, real *v) {
  method_adam(p.eta, p.option, bias, g, x, m, v);
}

/* n standard normals of the step, into z */
BASIN_HD void own_normals(const own_cell *c, basin_turn t, int n, real *z) {
  basin_normals_row(team_alone(), c->key, BASIN_STREAM_PERTURBATION, t.trial, t.step, b_set(0), n,
                    z);
}
BASIN_HD void own_langevin(own_pace p, real heat, real z, real g, real *x) {
  method_langevin(p.eta, heat, z, g, x);
}
/* noise, of the normal z, joins an entry of the gradient */
BASIN_HD void own_disturb(const own_cell *c, real z, real *g) {
  *g = r_fma(r_set(c->noise), z, *g);
}

/* with inputs: the vectors of a state, x [n], move by the sum [n] of the gradients of all inputs. moments: those of the
   method in the state; scratch: [n] */
BASIN_HD void own_move(const own_cell *c, basin_turn t, int n, const real *sum, real *moments,
                       real *scratch, real *x) {
  const own_pace pace = own_pace_of(c, t);
  if (method_is_plain(&c->method)) {
    for (int j = 0; j < n; j++) own_descend(pace, sum[j], &x[j]);
    return;
  }
  const method_step s = method_begin(&c->method, t, moments, scratch);
  for (int j = 0; j < n; j++) method_entry(&s, pace.eta, j, sum[j], &x[j]);
}

/* ---- what is drawn ---- */

/* a vector or matrix as the experiment gives or draws it, into x */
BASIN_HD void own_draw(const draw_source *source, basin_turn t, int rows, int length, real *x) {
  BASIN_UNROLLED
  for (int row = 0; row < rows; row++)
    draw_row(source, t.data, t.trial, row, length, x + row * length);
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
