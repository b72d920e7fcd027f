/* SPDX-License-Identifier: MIT
 *
 * methods.h: the methods of seam/method.h in a model's steps, against recursions in plain doubles. The gradient is what
 * a step of gradient descent with step size 1 takes off, at the same state, trial and step: with the same inputs.
 * Behind a model's header:
 *
 *   const methods_of what = {conv_direct_layout, conv_sampled_paces, conv_direct_start, conv_direct_step,
 *                            .at = 0, .size = k + p, .second = k, .eta = {0.02, 0.05}};
 *   check_methods(&setting, &what, 0, 1);
 */
#ifndef BASIN_TEST_METHODS_H
#define BASIN_TEST_METHODS_H

#include "test.h"

typedef struct methods_of {
  basin_layout (*layout)(const basin_setting *setting, const model_cell *cell);
  void (*paces)(const model_cell *cell, const double *eta, double *pace);
  void (*start)(const model_cell *cell, basin_turn t, real *x);
  void (*step)(const model_cell *cell, basin_turn t, real *x);
  int64_t at, size;                           /* of the vectors in the state */
  double eta[2];                              /* step sizes of the model */
  int64_t second;                             /* entries from there on have the second one */
  int normalised;                             /* whether those have length 1 after a step */
  void (*adapt)(model_cell *cell, int plain); /* NULL, or what makes a cell the one that is meant */
} methods_of;

/* one step of the recursion, by the definitions; xi: normals; moment: [2][size] */
static void plain_method(const basin_setting *s, const methods_of *o, int step, const double *g0,
                         const double *xi, double *moment, double *x) {
  const double *option = s->gradient.option;
  double length2 = 0;
  for (int64_t i = 0; i < o->size; i++) {
    const double eta = o->eta[i >= o->second], g = g0[i] + s->gradient.noise * xi[i];
    double *v = moment + i, *w = v + o->size;
    if (s->gradient.method == BASIN_ADAM) {
      *v = option[0] * *v + (1 - option[0]) * g;
      *w = option[1] * *w + (1 - option[1]) * g * g;
      x[i] -= eta * (*v / (1 - pow(option[0], step + 1))) /
              (sqrt(*w / (1 - pow(option[1], step + 1))) + option[2]);
    } else if (s->gradient.method == BASIN_LANGEVIN) {
      x[i] += sqrt(2 * eta * option[0]) * xi[i] - eta * g;
    } else {
      *v = option[0] * *v - eta * g;
      x[i] += s->gradient.method == BASIN_NESTEROV ? option[0] * *v - eta * g : *v;
    }
    if (i >= o->second) length2 += x[i] * x[i];
  }
  for (int64_t i = o->second; i < o->size && o->normalised; i++) x[i] /= sqrt(length2);
}

/* largest difference over 200 steps of two trials, relative to 1 or the entry */
static double check_method(const basin_setting *asked, const methods_of *o) {
  basin_setting plain = *asked;
  model_cell cell, descent;
  const char *where;
  double worst = 0, steepest = 0, pace[BASIN_PACES_MAX] = {0}, unit[BASIN_PACES_MAX] = {0};
  const double one[2 * BASIN_STEP_SIZES_MAX] = {1, 1};
  double eta[2 * BASIN_STEP_SIZES_MAX] = {o->eta[0], o->eta[1]};
  plain.gradient.method = BASIN_DESCENT;
  plain.gradient.noise = 0;
  basin_room room = {calloc((size_t)asked->size.data + 1, sizeof(double)), 0, 0};
  double *data = room.data;
  assert_null(model_prepare(&plain, &room, &descent, &where));
  room.used = 0;
  assert_null(model_prepare(asked, &room, &cell, &where));
  if (o->adapt) o->adapt(&descent, 1), o->adapt(&cell, 0);
  o->paces(&cell, eta, pace);
  o->paces(&descent, one, unit);
  const basin_layout sizes = o->layout(asked, &cell);
  const size_t states = (size_t)sizes.states, n = (size_t)o->size;
  double *x = calloc(2 * states + (size_t)sizes.work + 5 * n, sizeof *x), *y = x + states,
         *work = y + states, *want = work + sizes.work, *g = want + n, *xi = g + n,
         *moment = xi + n;
  for (uint64_t trial = 3; trial < 5; trial++) {
    basin_turn t = {.data = data, .pace = pace, .work = work, .team = basin_alone, .trial = trial};
    o->start(&cell, t, x);
    memcpy(want, x + o->at, n * sizeof *x);
    memset(moment, 0, 2 * n * sizeof *x);
    for (int step = 0; step < 200; step++) {
      t.step = (uint64_t)step;
      t.pace = unit;
      memcpy(y, x, states * sizeof *x);
      o->step(&descent, t, y);
      for (size_t i = 0; i < n; i++) {
        g[i] = x[o->at + (int64_t)i] - y[o->at + (int64_t)i];
        steepest = fmax(steepest, fabs(g[i]));
      }
      basin_normals_row(basin_alone, asked->key, BASIN_STREAM_PERTURBATION, trial, t.step, 0,
                        o->size, xi);
      t.pace = pace;
      o->step(&cell, t, x);
      plain_method(asked, o, step, g, xi, moment, want);
      for (size_t i = 0; i < n; i++)
        worst = fmax(worst, fabs(x[o->at + (int64_t)i] - want[i]) / fmax(1, fabs(want[i])));
    }
    assert_true(isfinite(want[0]) && steepest > 0);

    /* a lane that idles stays where it is */
    memset(pace, 0, sizeof pace);
    memcpy(y, x, states * sizeof *x);
    o->step(&cell, t, x);
    for (size_t i = 0; i < n; i++)
      assert_within(x[o->at + (int64_t)i], y[o->at + (int64_t)i] - 1e-15,
                    y[o->at + (int64_t)i] + 1e-15);
    o->paces(&cell, eta, pace);
  }
  free(x);
  free(data);
  return worst;
}

/* every method but those whose bits are set in `without`, and each with noise, too, where `noise` says so */
static void check_methods(const basin_setting *setting, const methods_of *o, unsigned without,
                          int noise) {
  double worst = 0;
  for (int method = 0; method < BASIN_METHODS; method++)
    for (int noisy = 0; noisy <= noise; noisy++) {
      basin_setting asked = *setting;
      if (without >> method & 1 || (!method && !noisy) || (method == BASIN_LANGEVIN && noisy))
        continue;
      asked.gradient.method = method;
      asked.gradient.noise = noisy ? 0.3 : 0;
      asked.gradient.option[0] = method == BASIN_LANGEVIN ? 0.01 : method ? 0.9 : 0;
      asked.gradient.option[1] = 0.99;
      asked.gradient.option[2] = 1e-6;
      const double error = check_method(&asked, o);
      assert_within(error, 0, 1e-9);
      worst = fmax(worst, error);
    }
  print_message("  largest difference: %.2g\n", worst);
}

#endif
