/* SPDX-License-Identifier: MIT
 *
 * method.h: steps of other methods than gradient descent, and noise added to the gradient, of states that have the full
 * vectors in them. For the gradient g at the present point x, eta being the step size of the step and xi standard
 * normals, fresh ones for every step:
 *
 *   momentum  v <- beta v - eta g,  x <- x + v                                            (Polyak 1964: heavy ball)
 *   nesterov  v <- beta v - eta g,  x <- x + (beta v - eta g)                             (Sutskever et al. 2013)
 *             x is the point where the gradient is taken, their theta + mu v: with theta = x - beta v this is their
 *             v <- mu v - eta grad(theta + mu v), theta <- theta + v. Loss, stop and observables are those of x.
 *   adam      m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,
 *             x <- x - eta (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)      (Kingma and Ba 2015)
 *             with 1/(1 - beta^t) taken once a step, and beta^t as a product that is part of the state
 *   langevin  x <- x - eta g + sqrt(2 eta T) xi
 *
 * Noise of deviation sigma is added to the gradient before any of it, langevin excepted: g <- g + sigma xi. Entries 2 b
 * and 2 b + 1 of xi are block b of BASIN_STREAM_PERTURBATION at the trial's step. Velocity and moments begin with 0.
 *
 * A kind of dynamics that takes them (MODEL_METHODS, model.h) has a basin_method in its cell, and calls
 *
 *   cell->method = method_of(setting, size, 1);                         host: g comes as a sum over the inputs
 *   layout = method_layout(&cell->method, layout);                       host: more state, more scratch
 *   method_paces(pace);                                                  host: lanes that idle stay where they are
 *   method_start(&cell->method, t.team, x + states);                     states: what the model's own are
 *   ...
 *   real *z = t.work;                                                    at the beginning of a step
 *   t.work += method_work(&cell->method);
 *   ... the gradient ...
 *   const method_step s = method_begin(&cell->method, t, x + states, z);
 *   BASIN_TEAM_FOR(t.team, e, size) method_entry(&s, eta, e, g[e], &x[e]);
 *   team_sync(t.team);
 */
#ifndef BASIN_SEAM_METHOD_H
#define BASIN_SEAM_METHOD_H

#include "seam/model.h"

typedef struct basin_method {
  int number;           /* enum basin_method_number */
  int vectors, numbers; /* what a state has beside its own */
  double option[BASIN_OPTIONS_MAX];
  double noise; /* sigma */
  double scale; /* by which what is handed over becomes the gradient */
  int64_t size; /* entries of the vectors */
  uint64_t key;
} basin_method;

/* the pace that is 1 of a stage, and 0 in lanes that idle, which no method may move then */
enum { METHOD_PACE = BASIN_PACES_MAX - 1 };

/* ---- host ---- */

/* weight: by which the sum over all inputs is multiplied beside 1/B; 1 of a gradient that has none */
static inline basin_method method_of(const basin_setting *setting, int64_t size, double weight) {
  static const int beside[][2] = {
#define BASIN_METHOD_BESIDE(NAME, word, vectors, numbers) {vectors, numbers},
      BASIN_METHOD_TABLE(BASIN_METHOD_BESIDE)
#undef BASIN_METHOD_BESIDE
  };
  basin_method m;
  memset(&m, 0, sizeof m);
  m.number = setting->gradient.method;
  m.vectors = beside[m.number][0];
  m.numbers = beside[m.number][1];
  memcpy(m.option, setting->gradient.option, sizeof m.option);
  m.noise = setting->gradient.noise;
  m.scale = weight / (double)(setting->gradient.inputs ? setting->gradient.inputs : 1);
  m.size = size;
  m.key = setting->key;
  return m;
}

static inline void method_paces(double *pace) { pace[METHOD_PACE] = 1; }

/* ---- sizes ---- */

/* whether it is nothing but gradient descent */
BASIN_HD int method_is_plain(const basin_method *m) {
  return m->number == BASIN_DESCENT && !(m->noise > 0);
}

/* reals of the state: velocity or moments, and beta^t */
BASIN_HD int64_t method_moments(const basin_method *m) { return m->vectors * m->size + m->numbers; }

/* reals of scratch, for the normals of a step */
BASIN_HD int64_t method_work(const basin_method *m) {
  return m->number == BASIN_LANGEVIN || m->noise > 0 ? m->size : 0;
}

static inline basin_layout method_layout(const basin_method *m, basin_layout plain) {
  plain.states += method_moments(m);
  plain.work += method_work(m);
  return plain;
}

/* ---- one entry: x, g and what belongs to them; option: the method's, 0 in lanes that idle ---- */

BASIN_HD void method_momentum(real eta, const real *option, real g, real *x, real *v) {
  *v = r_fnma(eta, g, option[0] * *v);
  *x = *x + *v;
}
BASIN_HD void method_nesterov(real eta, const real *option, real g, real *x, real *v) {
  *v = r_fnma(eta, g, option[0] * *v);
  *x = *x + r_fnma(eta, g, option[0] * *v);
}

/* what all entries of a step of Adam share; power: beta1^t and beta2^t, of the step before and of this one */
typedef struct method_bias {
  real first, second; /* 1/(1 - beta^t) */
} method_bias;
BASIN_HD method_bias method_adam_begin(const real *option, real *power) {
  method_bias bias;
  power[0] = power[0] * option[0];
  power[1] = power[1] * option[1];
  bias.first = r_set(1.0) / (r_set(1.0) - power[0]);
  bias.second = r_set(1.0) / (r_set(1.0) - power[1]);
  return bias;
}
BASIN_HD void method_adam(real eta, const real *option, method_bias bias, real g, real *x, real *m,
                          real *v) {
  const real rest1 = r_set(1.0) - option[0], rest2 = r_set(1.0) - option[1];
  *m = r_fma(rest1, g, option[0] * *m);
  *v = r_fma(rest2 * g, g, option[1] * *v);
  const real size = r_sqrt(*v * bias.second) + option[2];
  /* where nothing has ever come there is nothing to divide; epsilon may be 0 */
  const mask some = r_lt(r_set(0.0), size);
  *x = r_fnma(eta, (*m * bias.first) / r_select(some, size, r_set(1.0)), *x);
}

/* option: T; the deviation of what is added, sqrt(2 eta T) */
BASIN_HD real method_heat(real eta, const real *option) { return r_sqrt((eta + eta) * option[0]); }
BASIN_HD void method_langevin(real eta, real heat, real z, real g, real *x) {
  *x = r_fma(heat, z, r_fnma(eta, g, *x));
}

/* ---- a step of any of them ---- */

typedef struct method_step {
  const basin_method *method;
  real option[BASIN_OPTIONS_MAX];
  method_bias bias;
  real *moments;
  const real *z; /* normals */
} method_step;

/* moments: of the state */
BASIN_HD void method_start(const basin_method *m, basin_team team, real *moments) {
  const int64_t powers = m->vectors * m->size;
  BASIN_TEAM_FOR(team, e, method_moments(m)) moments[e] = r_set(e < powers ? 0.0 : 1.0);
  team_sync(team);
}

/* z: [method_work()] scratch, for the normals */
BASIN_HD method_step method_begin(const basin_method *m, basin_turn t, real *moments, real *z) {
  method_step s;
  s.method = m;
  s.moments = moments;
  s.z = z;
  BASIN_UNROLL
  for (int i = 0; i < BASIN_OPTIONS_MAX; i++)
    s.option[i] = t.pace[METHOD_PACE] * r_set(m->option[i]);
  s.bias.first = s.bias.second = r_set(1.0);
  if (m->number == BASIN_ADAM) {
    real *kept = moments + 2 * m->size, power[2] = {kept[0], kept[1]};
    s.bias = method_adam_begin(s.option, power);
    team_sync(t.team);
    if (t.team.rank == 0) kept[0] = power[0], kept[1] = power[1];
  }
  if (method_work(m))
    basin_normals_row(t.team, m->key, BASIN_STREAM_PERTURBATION, t.trial, t.step, b_set(0), m->size,
                      z);
  team_sync(t.team);
  return s;
}

/* entry number e of the vectors moves, by one thread of the team */
BASIN_HD void method_entry(const method_step *s, real eta, int64_t e, real g, real *x) {
  const basin_method *m = s->method;
  real *v = s->moments + e;
  g = r_set(m->scale) * g;
  if (m->noise > 0) g = r_fma(r_set(m->noise), s->z[e], g);
  switch (m->number) {
  case BASIN_MOMENTUM:
    method_momentum(eta, s->option, g, x, v);
    break;
  case BASIN_NESTEROV:
    method_nesterov(eta, s->option, g, x, v);
    break;
  case BASIN_ADAM:
    method_adam(eta, s->option, s->bias, g, x, v, v + m->size);
    break;
  case BASIN_LANGEVIN:
    method_langevin(eta, method_heat(eta, s->option), s->z[e], g, x);
    break;
  default:
    *x = r_fnma(eta, g, *x);
  }
}

#endif
