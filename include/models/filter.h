/* SPDX-License-Identifier: MIT
 *
 * filter: one convolutional filter under inputs that are not Gaussian.
 *
 *   f(w, Z) = (1/k) sum_j max(0, w'Z_j),   L = E [ 1/2 (f(w, Z) - f(w*, Z))^2 ],   w <- w - eta grad L      (6.1, 6.2)
 *
 * S. S. Du: Gradient Descent for Non-convex Problems in Modern Machine Learning, CMU-ML-19-102, chapter 6 (Du, Lee,
 * Tian, When is a convolutional filter easy to learn?, ICLR 2018). k patches Z_j in R^p share the filter; k = 1 is one
 * neuron. Inputs are those of Figure 6.3 (filter/filter_inputs.h). The expectation of the gradient is known for k = 1
 * and any p, for p = 2 and any k, and for independent normal patches (filter/filter_curves.h); else it is sampled
 * (filter/filter_sampled.h). At w = 0 there is no gradient: no trial starts there.
 */
#ifndef BASIN_MODELS_FILTER_H
#define BASIN_MODELS_FILTER_H

#include "models/filter/filter_sampled.h"

#define MODEL_TITLE "one convolutional filter, its inputs at angles to it"
#define MODEL_SOURCE "Du, thesis CMU-ML-19-102, (6.1)-(6.3) and Figure 6.3"

#define MODEL_PARAMETERS(X)                                                                   \
  X(k, 1, 1, 1 << 12, 1, "1", "number of patches")                                            \
  X(p, 2, 1, 1 << 20, 1, "1", "size of a patch: length of w")                                 \
  X(sigma, 1, 0.01, INFINITY, 0, "rad", "deviation of the angle of Z~ to +-w*; inf: uniform") \
  X(sigma2, 1, 0, INFINITY, 0, "rad",                                                         \
    "where k > 1, deviation of the angles of the patches to Z~; inf: uniform, 0: all are Z~")

#define MODEL_TEACHER(X) X(w, one, p, "filter w*")
#define MODEL_INITIAL(X) X(w, one, p, "filter w_0")
#define MODEL_STEP_SIZES(X) X(eta_w, "step size of w")
#define MODEL_OBSERVABLES(X) FILTER_OBSERVABLES(X)
#define MODEL_NORMS(X) X(norm_grad, w)
#define MODEL_OUTCOMES                                                                 \
  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_STATIONARY) | BASIN_CAN(BASIN_DIVERGED) | \
   BASIN_CAN(BASIN_UNRESOLVED))
#define MODEL_AT "the squared distance |w - w*|^2"
#define MODEL_AT_SPURIOUS "nothing: there is no spurious optimum"
#define MODEL_PRECISION 5e-8 /* of the tables, at the default law: filter/filter_curves.h */
#define MODEL_DYNAMICS(X) X(population) X(direct) X(law) X(dataset)

#define MODEL_COMMON(cell) (!(cell)->graded)
#define MODEL_MIXED
#define MODEL_METHODS(X) X(direct) X(law) X(dataset)

#define MODEL_TEAM_RESIDENT(shared, is) 2
#define MODEL_INPUT_LAW "inputs of its angle model"

typedef filter_cell model_cell;

/* the law of a normal angle of deviation sigma, cut to [-most, most] */
static inline filter_angle filter_angle_put(double sigma, double most) {
  filter_angle a = {sigma == INFINITY, 1, 0, most / BASIN_PI};
  if (a.uniform) return a;
  a.scale = sigma * sqrt(2.0);
  const real cut = r_erf(r_set(most / a.scale));
  a.cut = r_lane(&cut, 0);
  return a;
}

/* the vectors of the cell: w*, its direction, the reflection to and from the frame, w* there */
static inline void filter_put_axis(const basin_vector *star, basin_room *room, filter_cell *cell) {
  const int64_t p = cell->p;
  double norm2 = 0;
  for (int64_t q = 0; q < p; q++) norm2 += star->value[q] * star->value[q];
  cell->star = sqrt(norm2);
  cell->teacher = room_put(room, star->value, p);
  cell->axis = room_put(room, NULL, p);
  cell->mirror = room_put(room, NULL, p);
  cell->goal = room_put(room, cell->framed ? NULL : star->value, p);
  cell->sign = star->value[0] < 0 ? 1 : -1;
  for (int64_t q = 0; room->data && q < p; q++) {
    const double e = star->value[q] / cell->star;
    room->data[cell->axis + q] = e;
    room->data[cell->mirror + q] = q ? e : e - cell->sign;
  }
  if (room->data && cell->framed) room->data[cell->goal] = cell->star;
}

/* what the population gradient is made of */
static inline void filter_put_curves(double sigma, double sigma2, basin_room *room,
                                     filter_cell *cell) {
  cell->table = room_put(room, NULL, FILTER_INTERVALS * FILTER_ROW);
  if (!room->data || room->bare) return;
  filter_values values;
  if (cell->normal) filter_curves_normal(cell->k, &values, &cell->form);
  else if (cell->around) filter_curves_patches(cell->k, sigma, sigma2, &values, &cell->form);
  else if (cell->p == 2) filter_curves_circle(sigma, &values, &cell->form);
  else filter_curves_sphere((int)cell->p, sigma, &values, &cell->form);
  filter_curves_from(&cell->form, cell->star, cell->graded, &values);
  for (int c = 0; c < FILTER_CURVES; c++)
    filter_fit(values.at[c], c, cell->graded, room->data + cell->table);
}

static inline const char *model_prepare(const basin_setting *setting, basin_room *room,
                                        model_cell *cell, const char **where) {
  const double sigma = setting->parameter[2], sigma2 = setting->parameter[3];
  const basin_gradient *g = &setting->gradient;
  const int population = !strcmp(g->dynamics, "population");
  memset(cell, 0, sizeof *cell);
  cell->k = (int64_t)setting->parameter[0];
  cell->p = (int64_t)setting->parameter[1];
  cell->law = g->law;
  cell->normal = g->law.kind == BASIN_LAW_NORMAL;
  cell->framed = g->law.kind == BASIN_LAW_OWN;
  cell->around = cell->framed && cell->k > 1 && sigma2 > 0;
  cell->graded = cell->framed && cell->p > 2;
  cell->closed = cell->normal ||
                 (cell->framed && (!cell->around || (cell->p == 2 && sigma2 >= 0.03)));
  if (cell->graded && cell->p > FILTER_TABLE_P_MAX) cell->closed = 0;
  cell->key = setting->key;
  cell->over_k = 1 / (double)cell->k;
  cell->tolerance = setting->stop.tolerance;
  cell->tolerance_gradient = setting->stop.tolerance_gradient;
  cell->risk = risk_set_of(setting, cell->k, cell->p);
  cell->inputs = g->inputs;
  cell->centre = filter_angle_put(sigma, BASIN_PI / 2);
  cell->patch = filter_angle_put(sigma2 > 0 ? sigma2 : 1, BASIN_PI);
  filter_put_axis(&setting->teacher[0], room, cell);
  cell->w = draw_put(room, &setting->initial[0], setting->key, BASIN_STREAM_DIRECTION,
                     BASIN_STREAM_RADIUS);
  *where = "teacher.w";
  if (!(cell->star > 0)) return "the teacher's w must not be zero";
  *where = "init.w";
  if (!(draw_reach(&setting->initial[0], 0) > 0))
    return "w_0 must not be zero: the loss has no gradient there";
  if (!draw_fits(&setting->initial[0])) return "more than 2^25 random numbers";
  *where = "teacher.w";
  if (cell->framed && cell->p < 2)
    return "p must be at least 2: in one dimension there is no angle to w*";
  /* the sums over a data set have the coefficients 1/k in them */
  cell->method = method_of(setting, cell->p, g->set_size ? 1 : cell->over_k * cell->over_k);
  *where = "method";
  if (cell->method.number == BASIN_ADAM && cell->framed)
    return "adam moves every coordinate by itself, and those of the angle model are along w* and "
           "across: give another law, gradient: {sampled: {inputs: B, law: normal}}, or momentum";
  *where = "gradient";
  if (population && !cell->closed)
    return "the population gradient is known for k = 1 (p up to 1024), and for p = 2 with sigma2 "
           "of at least 0.03 or 0: give gradient: {sampled: {inputs: B, sampler: direct}}";
  const double blocks = (g->set_size ? 1 : (double)g->inputs) * (double)filter_blocks(cell);
  if (blocks > (double)(BASIN_VECTOR_MAX / 2))
    return "more than 2^25 random numbers a step: fewer inputs, or smaller patches";
  if (cell->closed) filter_put_curves(sigma, sigma2, room, cell);
  return NULL;
}

#endif
