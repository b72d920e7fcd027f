/* SPDX-License-Identifier: MIT
 *
 * own_flow.h: gradient flow of models written as formulas, a step being the flow for a time eta (numeric/flow.h). What
 * a substep may be wrong by is `error` of the length of x, before or after it, whichever is larger. A step:
 *
 *   own_flow f = own_flow_begin(c, t, n, x, g, more);                    g [n + 1]: gradient and loss at x
 *   t.work += own_flow_work(n);
 *   while (own_flow_goes_on(&f, t)) {
 *     for (int s = 0; s < FLOW_STAGES; s++) {
 *       own_flow_point(&f, s);
 *       gradient and loss at f.point, into f.k + s * (n + 1)
 *     }
 *     own_flow_settle(&f);
 *   }
 *   own_flow_end(&f);
 *
 * A lane whose time is over waits for the others without changing. Who has time left after FLOW_TRIES_MAX substeps is
 * no number from there on, and diverges.
 */
#ifndef BASIN_OWN_FLOW_H
#define BASIN_OWN_FLOW_H

#include "numeric/flow.h"
#include "own/own_methods.h"

typedef struct own_flow {
  int n, tries;
  double error;
  real eta, least, left, length;
  mask open;
  real *x, *g, *more; /* of the state: [n]; [n + 1]; [FLOW_MORE] */
  real *k, *point;    /* scratch: [FLOW_STAGES][n + 1]; [n] */
} own_flow;

BASIN_HD int64_t own_flow_work(int n) { return FLOW_STAGES * ((int64_t)n + 1) + n; }

/* a trial starts: from x and g */
BASIN_HD void own_flow_start(int n, const real *x, const real *g, real *more) {
  const real norm2 = own_dot(x, x, n), grad2 = own_dot(g, g, n);
  /* at 0 nothing is short or long: the gradient's own length will do */
  const real size2 = r_select(r_lt(r_set(0.0), norm2), norm2, r_set(1e-30));
  flow_begin(size2, r_max(grad2, r_set(1e-300)), more);
}

BASIN_HD own_flow own_flow_begin(const own_cell *c, basin_turn t, int n, real *x, real *g,
                                 real *more) {
  own_flow f;
  f.n = n;
  f.tries = 0;
  f.error = c->error;
  f.eta = own_pace_of(c, t).eta;
  f.least = r_set(FLOW_LEAST) * f.eta;
  f.left = f.eta;
  f.x = x;
  f.g = g;
  f.more = more;
  f.k = t.work;
  f.point = f.k + FLOW_STAGES * (n + 1);
  return f;
}

BASIN_HD int own_flow_goes_on(own_flow *f, basin_turn t) {
  f->open = r_lt(r_set(0.0), f->left);
  f->length = r_min(f->more[FLOW_LENGTH], f->left);
  return m_any(f->open) && f->tries++ < FLOW_TRIES_MAX && !team_stopped(t.team);
}

/* where the gradient of a stage is taken */
BASIN_HD void own_flow_point(own_flow *f, int stage) {
  for (int j = 0; j < f->n; j++)
    f->point[j] = flow_combine(stage, f->length, f->x[j], f->g[j], f->k + j, f->n + 1);
}

BASIN_HD void own_flow_settle(own_flow *f) {
  const int n = f->n, size = n + 1;
  const real *last = f->k + (FLOW_STAGES - 1) * size;
  own_strands wrong = own_strands_none(), old = wrong, now = wrong;
  OWN_STRANDS(n) {
    const int j = OWN_INDEX;
    const real e = flow_combine(FLOW_STAGES, f->length, r_set(0.0), f->g[j], f->k + j, size);
    wrong.of[OWN_STRAND] = r_fma(e, e, wrong.of[OWN_STRAND]);
    old.of[OWN_STRAND] = r_fma(f->x[j], f->x[j], old.of[OWN_STRAND]);
    now.of[OWN_STRAND] = r_fma(f->point[j], f->point[j], now.of[OWN_STRAND]);
  }
  const real norm2 = r_max(r_max(own_strands_sum(&old), own_strands_sum(&now)), r_set(1e-280));
  const real error2 = own_strands_sum(&wrong) / (norm2 * r_set(f->error * f->error));
  const mask accepted = flow_accepts(f->open, error2, f->length, f->least);
  real next[FLOW_MORE];
  for (int j = 0; j < n; j++) f->x[j] = r_select(accepted, f->point[j], f->x[j]);
  for (int j = 0; j < size; j++) f->g[j] = r_select(accepted, last[j], f->g[j]);
  flow_next(f->open, accepted, error2, f->eta, f->length, f->more, &f->least, &f->left, next);
  for (int i = 0; i < FLOW_MORE; i++) f->more[i] = next[i];
  if (f->tries % FLOW_TRIES == 0)
    f->least = r_min(f->least + f->least, r_set(FLOW_LEAST_MAX) * f->eta);
}

BASIN_HD void own_flow_end(own_flow *f) {
  const real none = r_from_bits(b_set(0x7ff8000000000000u));
  const mask late = r_lt(r_set(0.0), f->left);
  for (int j = 0; j < f->n; j++) f->x[j] = r_select(late, none, f->x[j]);
}

#endif
