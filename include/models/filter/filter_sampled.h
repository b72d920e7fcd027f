/* SPDX-License-Identifier: MIT
 *
 * filter_sampled.h: stochastic gradient descent of one convolutional filter, with fresh inputs or on a fixed data set.
 *
 * direct: every step draws B inputs (filter_inputs.h) and follows the mean of r (1/k) sum_j Z_j 1{w'Z_j >= 0}, r the
 * residual. The state is w - w*, so that residuals and errors keep their digits as w -> w*. For p = 2 and the angle
 * model all is done in registers, and the words of the step are numbered through: word n of a step is word n mod 2 of
 * block n / 2, and an input has 1 word (k = 1) or 1 + k.
 *
 * direct, law and dataset take the methods of seam/method.h, in the coordinates of the state.
 *
 * law: the same with patches of another law (numeric/law.h), in plain coordinates.
 *
 * dataset: the same on inputs that are drawn once (models/risk/risk.h): the rows of an input are its patches, the
 * filter is w, the coefficients are 1/k each. Input number i of data set s has the numbers of (key, trial s,
 * BASIN_STREAM_DATA, step i).
 *
 * Operations of a patch for p = 2: a logarithm, a polynomial, sine and cosine, some 110 instructions in all, of which
 * half a block of Philox is 20. They are one long chain: several words are worked on side by side.
 */
#ifndef BASIN_MODELS_FILTER_SAMPLED_H
#define BASIN_MODELS_FILTER_SAMPLED_H

#include "models/filter/filter_inputs.h"

BASIN_HD int filter_is_planar(const filter_cell *cell) { return cell->p == 2 && !cell->law.kind; }

/* state: w - w*; scratch: gradient, sum, centre, patch */
static inline basin_layout filter_direct_layout(const basin_setting *setting,
                                                const filter_cell *cell) {
  const basin_layout layout = {cell->p, filter_is_planar(cell) ? 0 : 4 * cell->p, 1};
  (void)setting;
  return method_layout(&cell->method, layout);
}

/* eta / B, of other methods than gradient descent eta */
static inline void filter_direct_paces(const filter_cell *cell, const double *eta, double *pace) {
  pace[0] = eta[0] / (method_is_plain(&cell->method) ? (double)cell->inputs : 1);
  method_paces(pace);
}

/* x moves; grad: B k^2 times the gradient; z: [method_work()] scratch */
BASIN_HD void filter_move(const filter_cell *cell, basin_turn t, const real *grad, real *z,
                          real *x) {
  if (method_is_plain(&cell->method)) {
    const real pace = t.pace[0] * r_set(cell->over_k * cell->over_k);
    for (int64_t q = 0; q < cell->p; q++) x[q] = r_fnma(pace, grad[q], x[q]);
    return;
  }
  const method_step s = method_begin(&cell->method, t, x + cell->p, z);
  for (int64_t q = 0; q < cell->p; q++) method_entry(&s, t.pace[0], q, grad[q], &x[q]);
}

BASIN_HD void filter_direct_start(const filter_cell *cell, basin_turn t, real *x) {
  const double *star = t.data + cell->teacher;
  real z[2], norm2 = r_set(0.0);
  for (int64_t j = 0; j < cell->p && !team_stopped(t.team); j += 2) {
    draw_pair(&cell->w, t.data, t.trial, 0, j / 2, &z[0], &z[1]);
    x[j] = z[0];
    if (j + 1 < cell->p) x[j + 1] = z[1];
    norm2 = r_fma(z[1], z[1], r_fma(z[0], z[0], norm2));
  }
  const real spread = draw_spread(&cell->w, t.trial, 0, norm2);
  for (int64_t j = 0; j < cell->p; j++)
    x[j] = draw_entry(&cell->w, t.data, 0, j, spread, x[j]) - r_set(star[j]);
  filter_into_frame(cell, t.data, x);
  method_start(&cell->method, t.team, x + cell->p);
}

/* ---------------------------------------------------------------- the plane */

/* what is summed up over the words of a step */
typedef struct filter_plane {
  int64_t place; /* of the next word in its input: 0 is the centre */
  real centre_x, centre_y;
  real off_x, off_y;    /* w - w* */
  real r, sum_x, sum_y; /* of the present input: k times the residual, the active patches */
  real grad_x, grad_y;  /* sum of r times these */
} filter_plane;

/* the patch (x, y) of the present input */
BASIN_HD void filter_plane_patch(const filter_cell *cell, filter_plane *s, real x, real y) {
  const real zero = r_set(0.0);
  const real t = x * r_set(cell->star), d = r_fma(y, s->off_y, x * s->off_x), u = t + d;
  const mask on = r_le(zero, u);
  s->r = s->r + filter_change(t, d, u);
  s->sum_x = s->sum_x + r_select(on, x, zero);
  s->sum_y = s->sum_y + r_select(on, y, zero);
}

/* the next word of the step, of which sine and cosine are made */
BASIN_HD void filter_plane_next(const filter_cell *cell, filter_plane *s, real sine, real cosine) {
  const int64_t last = cell->around ? cell->k : 0;
  if (s->place == 0) {
    s->r = s->sum_x = s->sum_y = r_set(0.0);
    s->centre_x = cosine;
    s->centre_y = sine;
    if (!cell->around) filter_plane_patch(cell, s, cosine, sine);
  } else {
    filter_plane_patch(cell, s, r_fnma(sine, s->centre_y, cosine * s->centre_x),
                       r_fma(sine, s->centre_x, cosine * s->centre_y));
  }
  if (s->place == last) {
    s->grad_x = r_fma(s->r, s->sum_x, s->grad_x);
    s->grad_y = r_fma(s->r, s->sum_y, s->grad_y);
  }
  s->place = s->place == last ? 0 : s->place + 1;
}

/* `count` blocks, a constant, of which the step has `words` words left */
BASIN_HD void filter_plane_blocks(int count, const filter_cell *cell, basin_turn t, uint64_t block,
                                  int64_t words, filter_plane *s) {
  const int64_t last = cell->around ? cell->k : 0;
  bits low[BASIN_TOGETHER], high[BASIN_TOGETHER], word[BASIN_ABREAST];
  const filter_angle *angle[BASIN_ABREAST];
  real sine[BASIN_ABREAST], cosine[BASIN_ABREAST];
  basin_words_of(count, cell->key, BASIN_STREAM_INPUT, t.trial, t.step, b_set(block), low, high);
  int64_t place = s->place;
  BASIN_UNROLL
  BASIN_UNROLLED
  for (int i = 0; i < 2 * count; i++) {
    word[i] = i % 2 ? high[i / 2] : low[i / 2];
    angle[i] = place == 0 ? &cell->centre : &cell->patch;
    place = place == last ? 0 : place + 1;
  }
  if (BASIN_TOGETHER > 1 && !cell->centre.uniform && !cell->patch.uniform) {
    filter_turn_of(2 * count, angle, word, sine, cosine);
  } else {
    BASIN_UNROLLED
    for (int i = 0; i < 2 * count; i++) filter_turn(angle[i], word[i], &sine[i], &cosine[i]);
  }
  BASIN_UNROLL
  BASIN_UNROLLED
  for (int i = 0; i < 2 * count; i++) {
    if (angle[i] == &cell->centre) filter_either(word[i], &sine[i], &cosine[i]);
    if (i < words) filter_plane_next(cell, s, sine[i], cosine[i]);
  }
}

BASIN_HD void filter_plane_step(const filter_cell *cell, basin_turn t, real *x) {
  const real zero = r_set(0.0);
  filter_plane s = {0, zero, zero, x[0], x[1], zero, zero, zero, zero, zero};
  int64_t words = cell->inputs * (cell->around ? 1 + cell->k : 1);
  uint64_t block = 0;
  if (BASIN_TOGETHER > 1)
    for (; words >= 2 * BASIN_TOGETHER && !team_stopped(t.team); words -= 2 * BASIN_TOGETHER) {
      filter_plane_blocks(BASIN_TOGETHER, cell, t, block, words, &s);
      block += BASIN_TOGETHER;
    }
  BASIN_ROLLED
  for (; words > 0; words -= 2) filter_plane_blocks(1, cell, t, block++, words, &s);
  if (method_is_plain(&cell->method)) {
    const real pace = t.pace[0] * r_set(cell->over_k * cell->over_k);
    x[0] = r_fnma(pace, s.grad_x, x[0]);
    x[1] = r_fnma(pace, s.grad_y, x[1]);
  } else {
    const method_step m = method_begin(&cell->method, t, x + 2, t.work);
    method_entry(&m, t.pace[0], 0, s.grad_x, &x[0]);
    method_entry(&m, t.pace[0], 1, s.grad_y, &x[1]);
  }
}

/* ---------------------------------------------------------------- direct */

/* one step, with inputs of the law, see filter_patch() */
BASIN_HD void filter_descend(const filter_cell *cell, const basin_input_law *law, basin_turn t,
                             real *x) {
  const int64_t p = cell->p;
  const uint64_t blocks = (uint64_t)filter_blocks(cell);
  real *normals = t.work, *grad = normals + method_work(&cell->method), *sum = grad + p,
       *centre = sum + p, *z = centre + p;
  for (int64_t q = 0; q < p; q++) grad[q] = r_set(0.0);
  BASIN_ROLLED
  for (int64_t i = 0; i < cell->inputs && !team_stopped(t.team); i++) {
    const filter_source at = {BASIN_STREAM_INPUT, t.trial, t.step, b_set((uint64_t)i * blocks)};
    const real r = filter_input(cell, law, t.data, t.team, &at, x, sum, centre, z);
    for (int64_t q = 0; q < p; q++) grad[q] = r_fma(r, sum[q], grad[q]);
  }
  filter_move(cell, t, grad, normals, x);
}

BASIN_HD void filter_direct_step(const filter_cell *cell, basin_turn t, real *x) {
  if (filter_is_planar(cell)) filter_plane_step(cell, t, x);
  else filter_descend(cell, NULL, t, x);
}
BASIN_HD void filter_law_step(const filter_cell *cell, basin_turn t, real *x) {
  filter_descend(cell, &cell->law, t, x);
}

/* (w - w*)'e, and the length of the rest */
BASIN_HD void filter_direct_reduce(const filter_cell *cell, const double *data, const real *x,
                                   real *dx, real *y) {
  const double *axis = data + cell->axis;
  real along = r_set(0.0), rest2 = r_set(0.0);
  if (cell->framed) along = x[0];
  else
    for (int64_t q = 0; q < cell->p; q++) along = r_fma(x[q], r_set(axis[q]), along);
  for (int64_t q = cell->framed ? 1 : 0; q < cell->p; q++) {
    const real rest = cell->framed ? x[q] : r_fnma(along, r_set(axis[q]), x[q]);
    rest2 = r_fma(rest, rest, rest2);
  }
  *dx = along;
  *y = r_sqrt(rest2);
}

BASIN_HD void filter_direct_reached(const filter_cell *cell, basin_turn t, const real *x,
                                    mask *outcome) {
  real error = r_set(0.0);
  (void)t;
  for (int64_t q = 0; q < cell->p; q++) error = r_fma(x[q], x[q], error);
  filter_ends(cell, error, outcome);
}

BASIN_HD void filter_direct_observe(const filter_cell *cell, basin_turn t, const real *x,
                                    real *out) {
  real dx, y;
  filter_direct_reduce(cell, t.data, x, &dx, &y);
  filter_show(cell, t.data, dx, y, out);
}

#if BASIN_ONE_LANE
static inline void filter_direct_vectors(const filter_cell *cell, basin_turn t, const real *x,
                                         int any, double *out) {
  (void)any;
  memcpy(out, x, (size_t)cell->p * sizeof *out);
  filter_out_of_frame(cell, t.data, out);
  for (int64_t q = 0; q < cell->p; q++) out[q] += t.data[cell->teacher + q];
}
#endif

#define MODEL_direct(F)                                                                    \
  F(0, filter_direct_layout, filter_direct_paces, filter_direct_start, filter_direct_step, \
    filter_direct_reached, filter_direct_reached, filter_direct_observe, filter_direct_vectors)
#define MODEL_law(F)                                                                    \
  F(0, filter_direct_layout, filter_direct_paces, filter_direct_start, filter_law_step, \
    filter_direct_reached, filter_direct_reached, filter_direct_observe, filter_direct_vectors)

/* ---------------------------------------------------------------- a fixed data set */

/* state: w in the coordinates of the inputs; scratch: the coefficients, then the sums */
static inline basin_layout filter_dataset_layout(const basin_setting *setting,
                                                 const filter_cell *cell) {
  const basin_layout layout = {cell->p, cell->k + risk_reals(&cell->risk), 1};
  (void)setting;
  return method_layout(&cell->method, layout);
}

BASIN_HD real *filter_dataset_coefficients(const filter_cell *cell, basin_turn t) {
  real *a = t.work + method_work(&cell->method);
  for (int64_t j = 0; j < cell->k; j++) a[j] = r_set(cell->over_k);
  return a;
}
BASIN_HD risk_sums filter_dataset_sums(const filter_cell *cell, basin_turn t) {
  return risk_sums_in(&cell->risk, t.work + method_work(&cell->method) + cell->k);
}

/* of the whole data set; without `gradients`, a constant, the risk alone */
BASIN_HD void filter_dataset_whole(const filter_cell *cell, basin_turn t, int gradients,
                                   const real *x) {
  const risk_sums s = filter_dataset_sums(cell, t);
  risk_whole(&cell->risk, t, gradients, 1, x, filter_dataset_coefficients(cell, t), &s);
}

BASIN_HD void filter_dataset_move(const filter_cell *cell, basin_turn t, const real *grad,
                                  real *x) {
  const real pace = t.pace[0];
  if (method_is_plain(&cell->method)) {
    for (int64_t q = 0; q < cell->p; q++) x[q] = r_fnma(pace, grad[q], x[q]);
    return;
  }
  const method_step s = method_begin(&cell->method, t, x + cell->p, t.work);
  for (int64_t q = 0; q < cell->p; q++) method_entry(&s, pace, q, grad[q], &x[q]);
}

/* that of the whole data set ends with the gradient where it has come to, for rules, observables and the next step */
BASIN_HD void filter_dataset_step(const filter_cell *cell, basin_turn t, real *x) {
  const risk_sums s = filter_dataset_sums(cell, t);
  if (cell->risk.batch) {
    risk_batch(&cell->risk, t, 1, x, filter_dataset_coefficients(cell, t), &s);
    filter_dataset_move(cell, t, s.grad_f, x);
    return;
  }
  for (int moved = 0; moved < 2; moved++) {
    if (moved) filter_dataset_move(cell, t, s.grad_f, x);
    if (moved || !t.warm) filter_dataset_whole(cell, t, 1, x);
  }
}

/* squared norm of the gradient of the sums that are there */
BASIN_HD real filter_dataset_gradient2(const filter_cell *cell, const real *grad) {
  const real scale = r_set(1.0 / (double)cell->inputs);
  real sum = r_set(0.0);
  for (int64_t q = 0; q < cell->p; q++) {
    const real g = scale * grad[q];
    sum = r_fma(g, g, sum);
  }
  return sum;
}

/* rules and observables ask for w - w*, which is made of the state */
BASIN_HD void filter_dataset_start(const filter_cell *cell, basin_turn t, real *x) {
  filter_direct_start(cell, t, x);
  for (int64_t q = 0; q < cell->p; q++) x[q] = x[q] + r_set(t.data[cell->goal + q]);
}
BASIN_HD real filter_dataset_off(const filter_cell *cell, const double *data, const real *x,
                                 int64_t q) {
  return x[q] - r_set(data[cell->goal + q]);
}
BASIN_HD void filter_dataset_reached(const filter_cell *cell, basin_turn t, const real *x,
                                     mask *outcome) {
  real error = r_set(0.0);
  for (int64_t q = 0; q < cell->p; q++) {
    const real off = filter_dataset_off(cell, t.data, x, q);
    error = r_fma(off, off, error);
  }
  filter_ends(cell, error, outcome);
  if (!(cell->tolerance_gradient > 0)) return;
  if (!t.warm) filter_dataset_whole(cell, t, 1, x);
  const risk_sums s = filter_dataset_sums(cell, t);
  outcome[BASIN_STATIONARY] = r_le(filter_dataset_gradient2(cell, s.grad_f),
                                   r_set(cell->tolerance_gradient));
}
BASIN_HD void filter_dataset_observe(const filter_cell *cell, basin_turn t, const real *x,
                                     real *out) {
  const double *axis = t.data + cell->axis;
  real along = r_set(0.0), rest2 = r_set(0.0);
  if (cell->framed) along = filter_dataset_off(cell, t.data, x, 0);
  else
    for (int64_t q = 0; q < cell->p; q++)
      along = r_fma(filter_dataset_off(cell, t.data, x, q), r_set(axis[q]), along);
  for (int64_t q = cell->framed ? 1 : 0; q < cell->p; q++) {
    const real off = filter_dataset_off(cell, t.data, x, q);
    const real rest = cell->framed ? off : r_fnma(along, r_set(axis[q]), off);
    rest2 = r_fma(rest, rest, rest2);
  }
  filter_show(cell, t.data, along, r_sqrt(rest2), out);
  out[FILTER_OBSERVED + BASIN_RISK_train_loss] = r_set((double)NAN);
  if (!t.risk) return;
  const risk_sums s = filter_dataset_sums(cell, t);
  if (cell->risk.batch || !t.warm) filter_dataset_whole(cell, t, 0, x);
  out[FILTER_OBSERVED + BASIN_RISK_train_loss] = risk_train_loss(&cell->risk, &s);
}

#if BASIN_ONE_LANE
static inline void filter_dataset_vectors(const filter_cell *cell, basin_turn t, const real *x,
                                          int any, double *out) {
  (void)any;
  memcpy(out, x, (size_t)cell->p * sizeof *out);
  filter_out_of_frame(cell, t.data, out);
}

static inline basin_input_shape filter_dataset_shape(const filter_cell *cell) {
  const basin_input_shape shape = {cell->k, cell->p, 1};
  return shape;
}

static inline basin_status filter_dataset_inputs(const basin_setting *setting,
                                                 const filter_cell *cell, const double *data,
                                                 int64_t first, int64_t count, double *z,
                                                 double *label) {
  const basin_gradient *g = &setting->gradient;
  const int64_t blocks = law_blocks(&g->law, cell->p);
  const double *goal = data + cell->goal;
  for (int64_t i = 0; i < count; i++) {
    const filter_source at = {BASIN_STREAM_DATA, (uint64_t)g->set, (uint64_t)(first + i), 0};
    label[i] = 0;
    for (int64_t j = 0; j < cell->k; j++, z += cell->p) {
      double u = 0;
      if (basin_inputs_are_own(g)) filter_patch(cell, NULL, &at, j, z, z);
      else if (!g->images)
        law_vector(&g->law, cell->key, at.stream, at.trial, at.step, (uint64_t)(j * blocks),
                   cell->p, z);
      for (int64_t q = 0; q < cell->p; q++) u = r_fma(z[q], goal[q], u);
      label[i] = r_fma(cell->over_k, risk_relu(u), label[i]);
    }
  }
  return BASIN_OK;
}
#endif

#define MODEL_dataset(F)                                                                      \
  F(0, filter_dataset_layout, filter_direct_paces, filter_dataset_start, filter_dataset_step, \
    filter_dataset_reached, filter_dataset_reached, filter_dataset_observe,                   \
    filter_dataset_vectors)

#define MODEL_SET(F) F(filter_dataset_shape, filter_dataset_inputs)

#endif
