/* SPDX-License-Identifier: MIT */
#include "analyse/slope.h"
#include "engine/cpu.h"
#include "seam/layers.h"
#include "store/part.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 9, STEP_LEVELS = 5, INITIALS_MAX = BASIN_LAYERS_MAX };
static const double FIRST_H = 0x1p-3, ETA = 0x1p-8;
static const double TRUSTED = 8; /* an error is at most so many times the extrapolation's own */
static const double PRECISION =
    1e-9; /* relative to |g|: what is always left open, but see MODEL_PRECISION */
static const double FINE = 0.02;        /* of the precision: finer differences are not asked for */
static const double JUDGED = 20;        /* precisions: where more is left open nothing is said */
static const double STEP_ROUND = 1e-11; /* of 1 + |x|: the rounding of the step */
static const double LOSS_ROUND = 0x1p-50; /* of the loss */

/* Runs single steps from given starts: the experiment's cell, with vectors of its own. */
typedef struct stepper {
  basin_experiment experiment;
  basin_cell cell;
  basin_vector initial[INITIALS_MAX];
  basin_stage stage;
  basin_backend backend;
  int loss;               /* index of the observable among those recorded */
  int64_t size;           /* of the full vectors */
  double *before, *after; /* [size] each */
  double *observed;       /* [observables] */
} stepper;

static int is_recorded(const basin_experiment *e, const char *name) {
  for (int i = 0; i < e->observables; i++)
    if (!strcmp(e->observable[i], name)) return i;
  return -1;
}

const char *basin_slope_lacks(const basin_model *model) {
  static const char *const other[] = {"flow", "direct", "projected", "mixed", "law", "dataset"};
  if (basin_symbol_find(model->observable, model->observables, "loss") < 0)
    return "it has no observable `loss`";
  if (model->initials > INITIALS_MAX) return "it has too many vectors";
  for (size_t i = 0; i < sizeof other / sizeof *other; i++)
    if (!strcmp(model->kind[0].name, other[i]))
      return "its steps do not follow the gradient of a closed form";
  return NULL;
}

static void point_to(stepper *s, const double *x) {
  const basin_setting *setting = &s->cell.setting;
  for (int i = 0; i < s->cell.model->initials; i++) {
    s->initial[i] = (basin_vector){.source = BASIN_GIVEN,
                                   .rows = setting->initial[i].rows,
                                   .length = setting->initial[i].length,
                                   .value = x};
    x += basin_vector_size(&s->initial[i]);
  }
  s->cell.setting.initial = s->initial;
}

basin_status basin_first_step(const basin_experiment *e, const basin_backend *backend,
                              double *observed, double *before, double *after, int *stepped,
                              basin_error *error) {
  const basin_model *model = e->cell[0].model;
  const basin_setting *setting = &e->cell[0].setting;
  basin_experiment kept = *e;
  basin_watch watch = {0};
  basin_part part = {0};
  kept.keep_vectors = 1;
  const basin_job job = basin_part_job(&kept, 0, 0, 1);
  basin_status status = basin_part_allocate(&job, &part, error);
  if (!status && backend->run(backend->self, 0, &job, &part, &watch, error)) status = BASIN_FAILED;
  if (!status) {
    *stepped = part.steps[0] == 1;
    for (int i = 0; i < e->observables; i++) observed[i] = part.record[i * job.times];
    if (before && (model->vectors(setting, 0, 1, part.state, 0, before) ||
                   model->vectors(setting, 0, 1, part.state + setting->size.states, 0, after)))
      status = basin_fail_memory(error);
  }
  basin_part_free(&part);
  return status;
}

/* one step of size eta from x, or with x NULL from the start that the experiment has: the loss before it, and full
   vectors before and behind it where `whole`; *stepped: whether it was taken */
static basin_status take_step(stepper *s, const double *x, double eta, int whole, double *loss,
                              int *stepped, basin_error *error) {
  if (x) point_to(s, x);
  for (int i = 0; i < s->cell.model->step_sizes; i++) s->stage.eta[i] = eta;
  const basin_status status = basin_first_step(&s->experiment, &s->backend, s->observed,
                                               whole ? s->before : NULL, s->after, stepped, error);
  if (!status) *loss = s->observed[s->loss];
  return status;
}

static double length(const double *x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sqrt(sum);
}

/* the central difference over h along u */
static basin_status difference_over(stepper *s, const double *x, const double *u, double h,
                                    double *point, double *difference, double *rounding,
                                    basin_error *error) {
  double loss[2] = {NAN, NAN};
  basin_status status = BASIN_OK;
  int stepped;
  for (int side = 0; side < 2 && !status; side++) {
    for (int64_t i = 0; i < s->size; i++) point[i] = x[i] + (side ? -h : h) * u[i];
    status = take_step(s, point, ETA, 0, &loss[side], &stepped, error);
  }
  *difference = (loss[0] - loss[1]) / (2 * h);
  *rounding = LOSS_ROUND * (fabs(loss[0]) + fabs(loss[1])) / h;
  return status;
}

/* the slope along u at x, extrapolated as Ridders does; *open: what it may be wrong by, which need not be below
   `fine` */
static basin_status slope_along(stepper *s, const double *x, const double *u, double fine,
                                double *point, double *slope, double *open, basin_error *error) {
  double row[LEVELS] = {0}, h = FIRST_H, value, rounding; /* row[i]: of order i, with twice the h */
  *slope = NAN;
  *open = INFINITY;
  for (int level = 0; level<LEVELS && * open> fine; level++, h /= 2) {
    const basin_status status = difference_over(s, x, u, h, point, &value, &rounding, error);
    if (status) return status;
    double factor = 1;
    for (int i = 0; i <= level; i++) {
      const double coarser = row[i], finer = value;
      row[i] = finer;
      if (i == level) break;
      factor *= 4;
      value = (factor * finer - coarser) / (factor - 1);
      const double wrong = fmax(fabs(value - finer), fabs(value - coarser)) + rounding;
      if (wrong < *open) *open = wrong, *slope = value;
    }
  }
  return BASIN_OK;
}

/* the gradient of the step at x, extrapolated to step size 0: a step may end with something beside x - eta g, as a
   normalisation; *open: what the length of its error may be */
static basin_status gradient_at(stepper *s, const double *x, double *g, double *open, int *usable,
                                basin_error *error) {
  const int64_t n = s->size;
  basin_status status = BASIN_OK;
  double *row = calloc((size_t)(STEP_LEVELS * n), sizeof *row), eta = ETA,
         loss; /* as in slope_along */
  if (!row) return basin_fail_memory(error);
  for (int level = 0; level < STEP_LEVELS && !status && *usable; level++, eta /= 2) {
    status = take_step(s, x, eta, 1, &loss, usable, error);
    double moved2 = 0;
    for (int64_t e = 0; e < n && !status; e++) {
      double value = (s->before[e] - s->after[e]) / eta, factor = 1;
      for (int i = 0; i < level; i++) {
        const double finer = value;
        factor *= 2;
        value = (factor * finer - row[i * n + e]) / (factor - 1);
        row[i * n + e] = finer;
      }
      row[level * n + e] = value;
      moved2 += (value - g[e]) * (value - g[e]);
      g[e] = value;
    }
    *open = sqrt(moved2);
  }
  free(row);
  *usable = *usable && isfinite(length(g, n));
  return status;
}

static basin_status measure(stepper *s, basin_slope_draw *draw, void *self, int *usable,
                            double *memory, basin_slope *slope, basin_error *error) {
  const int64_t n = s->size;
  double *x = memory, *g = x + n, *u = g + n, *point = u + n, loss, step_open = INFINITY,
         worst = -1;
  s->before = point + n;
  s->after = s->before + n;
  s->observed = s->after + n;
  basin_status status = take_step(s, NULL, ETA, 1, &loss, usable, error);
  memcpy(x, s->before, (size_t)n * sizeof *x);
  *usable = *usable && isfinite(loss) && isfinite(length(x, n));
  if (status || !*usable) return status;
  point_to(s, x);
  const char *where;
  if (s->cell.model->check(&s->cell.setting, &where)) *usable = 0;
  if (*usable) status = gradient_at(s, x, g, &step_open, usable, error);
  const double norm = length(g, n), precision = fmax(PRECISION, s->cell.model->precision);
  for (int d = 0; d < BASIN_SLOPE_DIRECTIONS && !status && *usable; d++) {
    double along = 0, difference, open;
    for (int64_t i = 0; i < n; i++) u[i] = draw(self);
    const double scale = length(u, n);
    for (int64_t i = 0; i < n; i++) u[i] /= scale, along += g[i] * u[i];
    status = slope_along(s, x, u, FINE * precision * norm, point, &difference, &open, error);
    const double allowed = TRUSTED * (open + step_open) + precision * norm +
                           STEP_ROUND * (1 + length(x, n)),
                 beyond = fabs(along - difference) / allowed;
    if (!(allowed <= JUDGED * precision * norm)) {
      slope->why = "the differences are not smooth or not fine enough";
    } else if (!(beyond <= worst)) {
      worst = beyond;
      slope->relative = fabs(along - difference) / norm;
      slope->allowed = allowed / norm;
      slope->wrong = !(beyond <= 1);
    }
  }
  if (worst >= 0 || slope->wrong) slope->why = NULL;
  return status;
}

basin_status basin_slope_measure(const basin_experiment *e, const char *loss,
                                 basin_slope_draw *draw, void *self, int *usable,
                                 basin_slope *slope, basin_error *error) {
  stepper s = {.experiment = *e, .cell = e->cell[0], .loss = is_recorded(e, loss)};
  s.experiment.cell = &s.cell;
  s.stage = s.cell.setting.stage[0];
  memset(s.stage.moving, 0, sizeof s.stage.moving); /* step sizes are those of take_step */
  s.cell.setting.stage = &s.stage;
  s.size = s.cell.setting.size.vectors;
  *usable = s.loss >= 0;
  *slope = (basin_slope){
      .kind = s.cell.setting.gradient.dynamics, .entries = s.size, .relative = NAN, .allowed = NAN};
  double *memory = calloc((size_t)(6 * s.size + e->observables), sizeof *memory);
  basin_status status = memory ? basin_cpu_open(NULL, 1, &s.backend, error)
                               : basin_fail_memory(error);
  if (!status && *usable) status = measure(&s, draw, self, usable, memory, slope, error);
  if (s.backend.close) s.backend.close(s.backend.self);
  free(memory);
  return status;
}
