/* SPDX-License-Identifier: MIT */
#include "analyse/checks.h"
#include "analyse/probe.h"
#include "analyse/slope.h"
#include "base/statistics.h"
#include "engine/cpu.h"
#include "engine/measure.h"
#include "formula/wide.h"
#include "own/own.h"
#include "own/own_methods.h"
#include "store/part.h"
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 3, BATCHES = 32, TRIALS = 4096, INPUTS = 1 << 18, ENTRIES_MOST = 512, ATTEMPTS = 8 };
enum { FLOW_LEVELS = 6, FLOW_ROOM = FLOW_LEVELS + 6, SHORTER = 3 };
static const double FAR = 0x1p40;     /* a step size beside which the start is nothing */
static const double PRECISION = 1e-9; /* of an entry of the gradient, or of what a method adds up */
static const double COARSE =
    1e-6; /* the same on gradients that are themselves differences of steps */
static const double SHORT = 0x1p-26, FLOOR = 1e-7, MOVE = 0.05;

/* What is at hand while a kind is looked at. */
typedef struct looker {
  const basin_experiment *experiment;
  int64_t cell;
  const char *kind;
  const formula_model *graph; /* or NULL */
  uint64_t key;               /* of the present start */
  basin_probe probe,
      plain; /* of the kind; of the population gradient, where that is needed and there is one */
  int64_t entries;         /* of the full vectors */
  double *teacher, *input; /* of formulas, one array after another */
  double *point;           /* [entries] */
  uint64_t drawn;          /* random numbers so far */
  basin_check *check;
  basin_error *error;
} looker;

static double length(const double *x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sqrt(sum);
}

static int is_one_of(const char *word, const char *const *list) {
  while (*list && strcmp(*list, word) != 0) list++;
  return *list != NULL;
}
static const char *const methods[] = {"momentum", "nesterov", "adam", "langevin", "noise", NULL};
static const char *const means[] = {"direct", "mixed", "law", NULL};

/* an error beside its bound, both of the same scale; the worst is kept */
static void note(basin_check *c, double error, double bound) {
  if (!(error <= bound)) c->wrong = 1;
  if (isnan(c->error) || !(error / bound <= c->error / c->bound))
    c->error = error, c->bound = bound;
}

/* ---- formulas: the loss in binary128 ---- */

static int64_t count_of(const formula_model *graph, const formula_shape *shape,
                        const double *parameter) {
  int64_t count = 1;
  for (int i = 0; i < shape->rank; i++)
    count *= (int64_t)basin_formula_size_value(graph, shape->size[i], parameter);
  return count;
}

/* rows, and length of a row */
static void lengths_of(const looker *l, const formula_shape *shape, int *rows, int *columns) {
  const double *parameter = l->probe.cell.setting.parameter;
  *rows = shape->rank == 2 ? (int)basin_formula_size_value(l->graph, shape->size[0], parameter) : 1;
  *columns = shape->rank
                 ? (int)basin_formula_size_value(l->graph, shape->size[shape->rank - 1], parameter)
                 : 1;
}

static int64_t total_of(const looker *l, const formula_array *array, int arrays) {
  int64_t total = 0;
  for (int i = 0; i < arrays; i++)
    total += count_of(l->graph, &array[i].shape, l->probe.cell.setting.parameter);
  return total;
}

/* pointers to arrays that lie one after another */
static void part_up(const looker *l, const formula_array *array, int arrays, const double *x,
                    const double **of) {
  for (int i = 0; i < arrays; i++) {
    of[i] = x;
    x += count_of(l->graph, &array[i].shape, l->probe.cell.setting.parameter);
  }
}

/* the teachers of trial 0 */
static basin_status draw_teachers(looker *l) {
  const basin_setting *setting = &l->probe.cell.setting;
  double *to = l->teacher;
  for (int i = 0; i < l->graph->teachers; i++) {
    const basin_vector *vector = &setting->teacher[i];
    const int64_t size = basin_vector_size(vector);
    double *values = calloc((size_t)size + 1, sizeof *values);
    if (!values) return basin_fail_memory(l->error);
    basin_room room = {values, 0, 0};
    const draw_source source = draw_put(&room, vector, setting->key,
                                        BASIN_STREAM_TEACHER_DIRECTION + i,
                                        BASIN_STREAM_TEACHER_RADIUS + i);
    own_draw(&source, (basin_turn){.data = values}, (int)vector->rows, (int)vector->length, to);
    free(values);
    to += size;
  }
  return BASIN_OK;
}

/* input `which` of step 0 of trial 0 */
static void draw_inputs(looker *l, int64_t which) {
  const own_cell cell = own_cell_of(&l->probe.cell.setting);
  const basin_input_law *law = !strcmp(l->kind, "law") ? &cell.law : NULL;
  const formula_model *g = l->graph;
  int64_t block = 0;
  int rows, columns;
  double *to = l->input;
  for (int i = 0; i < g->inputs; i++) {
    lengths_of(l, &g->input[i].shape, &rows, &columns);
    block += which * own_blocks(law, rows, columns);
  }
  for (int i = 0; i < g->inputs; i++) {
    lengths_of(l, &g->input[i].shape, &rows, &columns);
    own_input(&cell, law, BASIN_STREAM_INPUT, (basin_turn){.team = basin_alone}, (uint64_t)block,
              rows, columns, to);
    block += own_blocks(law, rows, columns);
    to += (int64_t)rows * columns;
  }
}

/* the loss at x, the mean over the inputs of a step where it has any */
static basin_status wide_loss(looker *l, const double *x, formula_wide *loss) {
  const formula_model *g = l->graph;
  const int inputs = g->inputs ? (int)l->probe.cell.setting.gradient.inputs : 1;
  const int all = g->states + g->teachers + g->inputs;
  const double **of = calloc((size_t)all + 1, sizeof *of);
  basin_status status = of ? BASIN_OK : basin_fail_memory(l->error);
  *loss = 0;
  for (int which = 0; which < inputs && !status; which++) {
    formula_wide one;
    if (g->inputs) draw_inputs(l, which);
    part_up(l, g->state, g->states, x, of);
    part_up(l, g->teacher, g->teachers, l->teacher, of + g->states);
    part_up(l, g->input, g->inputs, l->input, of + g->states + g->teachers);
    const formula_point point = {l->probe.cell.setting.parameter, of, of + g->states,
                                 of + g->states + g->teachers};
    status = basin_formula_wide_loss(g, &point, &one, l->error);
    if (!status) *loss += one / inputs;
  }
  free(of);
  return status;
}

/* the central difference over h in entry i, over what h is once it is rounded */
static basin_status wide_difference(looker *l, const double *x, int64_t i, double h,
                                    double *slope) {
  formula_wide loss[2];
  double at[2];
  basin_status status = BASIN_OK;
  memcpy(l->point, x, (size_t)l->entries * sizeof *x);
  for (int side = 0; side < 2 && !status; side++) {
    l->point[i] = at[side] = x[i] + (side ? -h : h);
    status = wide_loss(l, l->point, &loss[side]);
  }
  if (!status) *slope = (double)((loss[0] - loss[1]) / ((formula_wide)at[0] - at[1]));
  return status;
}

/* The derivative by entry i, extrapolated to h = 0; *open: what it may be wrong by. Nearer and nearer to x, as long as
   there is a kink of the loss between. */
static basin_status wide_slope(looker *l, const double *x, int64_t i, double *slope, double *open) {
  *slope = NAN;
  *open = INFINITY;
  for (double h = 0x1p-20; h >= 0x1p-40; h *= 0x1p-10) {
    const double scale = h * fmax(fabs(x[i]), 0x1p-6);
    double wide, half;
    basin_status status = wide_difference(l, x, i, scale, &wide);
    if (!status) status = wide_difference(l, x, i, scale / 2, &half);
    if (status) return status;
    *slope = (4 * half - wide) / 3;
    *open = fabs(half - wide);
    if (*open <= 1e-11 * fabs(*slope)) break;
  }
  return BASIN_OK;
}

/* ---- gradients to compare with ---- */

/* of formulas: by differences, [entries], with what they may be wrong by; else by a short step of `population` */
static basin_status gradient_at(looker *l, const double *x, double *g, double *open) {
  basin_status status = BASIN_OK;
  for (int64_t i = 0; l->graph && i < l->entries && !status; i++)
    status = wide_slope(l, x, i, &g[i], &open[i]);
  if (l->graph || status) return status;
  double *both = calloc((size_t)(2 * l->entries), sizeof *both);
  if (!both) return basin_fail_memory(l->error);
  const int taken = basin_probe_start(&l->plain, x);
  if (taken) status = basin_probe_steps(&l->plain, 1, SHORT, both, l->error);
  for (int64_t i = 0; i < l->entries; i++) {
    g[i] = taken ? (both[i] - both[l->entries + i]) / SHORT : NAN;
    open[i] = 0;
  }
  free(both);
  return status;
}

/* ---- one step of formulas ---- */

/* x: the start, then what a step that goes far makes of it, so that their difference is the gradient to all digits */
static basin_status look_at_gradient(looker *l, int *judged) {
  const int64_t n = l->entries, stride = 1 + n / ENTRIES_MOST;
  double *x = calloc((size_t)(2 * n), sizeof *x), slope, open;
  formula_wide loss = 0;
  basin_status status = x ? basin_probe_steps(&l->probe, 1, FAR, x, l->error)
                          : basin_fail_memory(l->error);
  for (int64_t i = 0; i < n && !status; i++) x[n + i] = (x[i] - x[n + i]) / FAR;
  if (!status) status = wide_loss(l, x, &loss);
  const double norm = status ? NAN : length(x + n, n);
  const double least = 1e-11 * norm + 1e-13 * fabs((double)loss) / (1 + (x ? length(x, n) : 0));
  for (int64_t i = 0; i < n && !status && isfinite(norm) && norm > 0; i += stride) {
    status = wide_slope(l, x, i, &slope, &open);
    if (status || !(open <= 1e-6 * fabs(slope) + least)) continue;
    note(l->check, fabs(x[n + i] - slope) / norm,
         (PRECISION * fabs(slope) + 8 * open + least) / norm);
    l->check->entries++;
    *judged = 1;
  }
  free(x);
  return status;
}

/* ---- methods ---- */

/* a step of the method's definition from x, with gradient g, to which the experiment's noise comes, into x */
static void define(const looker *l, int step, double eta, const double *g, const double *normal,
                   double *x, double *moment) {
  const basin_gradient *chosen = &l->probe.cell.setting.gradient;
  const double *option = chosen->option, first = option[0];
  const int64_t n = l->entries;
  for (int64_t i = 0; i < n; i++) {
    const double d = g[i] + chosen->noise * normal[i];
    double *v = &moment[i], *w = &moment[n + i];
    if (!strcmp(l->kind, "adam")) {
      *v = first * *v + (1 - first) * d;
      *w = option[1] * *w + (1 - option[1]) * d * d;
      const double size = sqrt(*w / (1 - pow(option[1], step + 1))) + option[2];
      if (size > 0) x[i] -= eta * *v / (1 - pow(first, step + 1)) / size;
    } else if (!strcmp(l->kind, "langevin")) {
      x[i] += -eta * g[i] + sqrt(2 * eta * first) * normal[i];
    } else if (!strcmp(l->kind, "noise")) {
      x[i] -= eta * d;
    } else {
      *v = first * *v - eta * d;
      x[i] += !strcmp(l->kind, "nesterov") ? first * *v - eta * d : *v;
    }
  }
}

static basin_status look_at_method(looker *l, int *judged) {
  const int64_t n = l->entries;
  double *x = calloc((size_t)((STEPS + 1) * n + 6 * n), sizeof *x), *to = x + (STEPS + 1) * n,
         *g = to + n, *open = g + n, *normal = open + n, *moment = normal + n;
  basin_status status = x ? basin_probe_steps(&l->probe, 1, 0, x, l->error)
                          : basin_fail_memory(l->error);
  if (!status) status = gradient_at(l, x, g, open);
  const double eta = status                    ? 0
                     : strcmp(l->kind, "adam") ? MOVE * (1 + length(x, n)) / length(g, n)
                                               : MOVE;
  if (!status && isfinite(eta)) status = basin_probe_steps(&l->probe, STEPS, eta, x, l->error);
  for (int step = 0; step < STEPS && !status && isfinite(eta); step++) {
    double wrong = 0, unknown = 0, moved = 0;
    const double *next = x + (step + 1) * n;
    if (!isfinite(length(next, n))) break;
    status = gradient_at(l, x + step * n, g, open);
    if (status || !isfinite(length(g, n))) break;
    basin_normals_row(basin_alone, l->probe.cell.setting.key, BASIN_STREAM_PERTURBATION, 0,
                      (uint64_t)step, 0, n, normal);
    memcpy(to, x + step * n, (size_t)n * sizeof *to);
    define(l, step, eta, g, normal, to, moment);
    for (int64_t i = 0; i < n; i++) {
      wrong = fmax(wrong, fabs(to[i] - next[i]));
      moved = fmax(moved, fabs(next[i] - x[step * n + i]));
      unknown = fmax(unknown, open[i] / length(g, n));
    }
    if (!(unknown < COARSE) || !(moved > 0)) break;
    note(l->check, wrong / moved, (l->graph ? PRECISION : COARSE) + 8 * unknown);
    l->check->entries += n;
    *judged = 1;
  }
  free(x);
  return status;
}

/* ---- gradient flow ---- */

/* The modified midpoint rule (Gragg) over `time`, in so many substeps, an even number, from x with gradient g; room
   [4][n]. *unknown: what a gradient on the way may be wrong by, beside its length; the largest is kept. */
static basin_status midpoint(looker *l, const double *x, const double *g, double time, int substeps,
                             double *room, double *to, double *unknown) {
  const int64_t n = l->entries;
  const double h = time / substeps;
  double *before = room, *now = room + n, *slope = now + n, *open = slope + n;
  basin_status status = BASIN_OK;
  for (int64_t i = 0; i < n; i++) before[i] = x[i], now[i] = x[i] - h * g[i];
  for (int m = 1; m <= substeps && !status; m++) {
    status = gradient_at(l, now, slope, open);
    for (int64_t i = 0; i < n && !status; i++) {
      const double next = before[i] - 2 * h * slope[i];
      *unknown = fmax(*unknown, open[i] / length(slope, n));
      if (m == substeps) to[i] = (before[i] + now[i] - h * slope[i]) / 2;
      before[i] = now[i];
      now[i] = next;
    }
  }
  return status;
}

/* The flow from x for a time, into `to`: midpoints extrapolated (Bulirsch, Stoer), until that changes no more than by
   `fine`. *rest: by how much it did last; room [FLOW_ROOM][n]. */
static basin_status integrate(looker *l, const double *x, double time, double fine, double *room,
                              double *to, double *rest, double *unknown) {
  const int64_t n = l->entries;
  double *row = room, *g = row + FLOW_LEVELS * n, *value = g + n, *work = value + n;
  basin_status status = gradient_at(l, x, g, work);
  *rest = INFINITY;
  for (int64_t i = 0; i < n && !status; i++) *unknown = fmax(*unknown, work[i] / length(g, n));
  for (int level = 0; level < FLOW_LEVELS && !status && *rest > fine; level++) {
    status = midpoint(l, x, g, time, 2 * (level + 1), work, value, unknown);
    if (level) *rest = 0;
    for (int64_t i = 0; i < n && !status; i++) {
      for (int j = 0; j < level; j++) { /* row[j]: before, extrapolated j times */
        const double ratio = (level + 1.0) / (level - j), finer = value[i];
        value[i] += (finer - row[j * n + i]) / (ratio * ratio - 1);
        row[j * n + i] = finer;
      }
      if (level) *rest = fmax(*rest, fabs(value[i] - row[(level - 1) * n + i]));
      to[i] = row[level * n + i] = value[i];
    }
  }
  return status;
}

/* steps of size eta, as far as the integration is exact enough to say something */
static basin_status follow_flow(looker *l, double eta, double *x, double *to, double *room,
                                int *judged) {
  const int64_t n = l->entries;
  basin_status status = basin_probe_steps(&l->probe, STEPS, eta, x, l->error);
  for (int step = 0; step < STEPS && !status; step++) {
    const double *from = x + step * n, *next = from + n;
    double wrong = 0, moved = 0, unknown = 0, rest;
    for (int64_t i = 0; i < n; i++) moved = fmax(moved, fabs(next[i] - from[i]));
    if (!isfinite(length(next, n)) || !(moved > 0)) break;
    status = integrate(l, from, eta, 1e-3 * PRECISION * moved, room, to, &rest, &unknown);
    const double open = unknown + rest / moved;
    if (status || !(open < PRECISION) || !isfinite(length(to, n))) break;
    for (int64_t i = 0; i < n; i++) wrong = fmax(wrong, fabs(to[i] - next[i]));
    note(l->check, wrong / moved, PRECISION + 8 * open);
    l->check->entries += n;
    *judged = 1;
  }
  return status;
}

static basin_status look_at_flow(looker *l, int *judged) {
  const int64_t n = l->entries;
  double *x = calloc((size_t)((STEPS + 2 + FLOW_ROOM) * n), sizeof *x), *to = x + (STEPS + 1) * n,
         *room = to + n;
  basin_status status = x ? basin_probe_steps(&l->probe, 1, 0, x, l->error)
                          : basin_fail_memory(l->error);
  if (!status) status = gradient_at(l, x, room, to);
  double eta = status ? NAN : MOVE * (1 + length(x, n)) / length(room, n);
  for (int i = 0; i < SHORTER && !status && isfinite(eta) && !*judged; i++, eta /= 8)
    status = follow_flow(l, eta, x, to, room, judged);
  free(x);
  return status;
}

/* ---- means over fresh inputs ---- */

/* the chance of a mean as far from the one it should have, over batches; floor: what is no error */
static double chance(const double *batch, double expected, double floor) {
  double mean = 0, square = 0;
  for (int b = 0; b < BATCHES; b++) mean += batch[b] / BATCHES;
  for (int b = 0; b < BATCHES; b++) square += (batch[b] - mean) * (batch[b] - mean);
  const double error = sqrt(square / (BATCHES - 1) / BATCHES + floor * floor);
  if (!(error > 0)) return mean >= expected && mean <= expected;
  return isnan(mean) ? 0 : basin_student_tail((mean - expected) / error, BATCHES - 1);
}

/* the worst of several chances, as one */
static void note_chance(basin_check *c, double least, int64_t entries) {
  const double p = fmin(1, least * (double)entries);
  c->entries += entries;
  if (isnan(c->p) || p < c->p) c->p = p;
}

/* whether a teacher is drawn anew for every trial: then no two trials have the same gradient */
static int draws_teachers(const basin_setting *setting, const basin_model *model) {
  int drawn = 0;
  for (int i = 0; i < model->teachers; i++) drawn |= setting->teacher[i].source != BASIN_GIVEN;
  return drawn;
}

/* What the mean should be, and what that may be wrong by: the population's gradient; or of normal inputs, which are not
   the model's own, what single ones say of it. */
static basin_status expect_mean(looker *l, const double *x, double *g, double *open) {
  const basin_model *model = l->probe.cell.model;
  const int64_t n = l->entries;
  if (!model->own_law || basin_inputs_are_own(&l->probe.cell.setting.gradient))
    return gradient_at(l, x, g, open);
  double *covariance = calloc((size_t)(n * n), sizeof *covariance);
  basin_measured *measured = calloc((size_t)model->norms + 1, sizeof *measured);
  const basin_moments moments = {g, covariance};
  const int isa = basin_cpu_isa(NULL);
  basin_status status = covariance && measured ? BASIN_OK : basin_fail_memory(l->error);
  if (!status) status = basin_own_ready(model, "input", isa, l->error);
  if (!status)
    status = basin_measure(model, isa, &l->probe.cell.setting, x, 0, 0, INPUTS, measured, &moments,
                           l->error);
  for (int64_t i = 0; i < n && !status; i++) open[i] = sqrt(covariance[i * n + i] / INPUTS);
  free(measured);
  free(covariance);
  return status;
}

static basin_status look_at_mean(looker *l, int *judged) {
  const int64_t n = l->entries;
  double *x = calloc((size_t)((5 + BATCHES) * n), sizeof *x), *g = x + n, *open = g + n,
         *after = open + n, *batch = after + 2 * n, least = 1;
  basin_part part = {0};
  basin_status status = x ? basin_probe_steps(&l->plain, 0, 0, x, l->error)
                          : basin_fail_memory(l->error);
  if (!status) status = expect_mean(l, x, g, open);
  const int taken = !status && isfinite(length(g, n)) && basin_probe_start(&l->probe, x);
  if (taken) status = basin_probe_run(&l->probe, TRIALS, 1, SHORT, &part, l->error);
  for (int64_t t = 0; t < TRIALS && taken && !status; t++) {
    status = basin_probe_vectors(&l->probe, &part, t, 1, after, l->error);
    for (int64_t i = 0; i < n; i++)
      batch[i * BATCHES + t % BATCHES] += (x[i] - after[i]) / SHORT * BATCHES / TRIALS;
  }
  const double floor = taken ? FLOOR * (1 + length(g, n)) : 0;
  *judged = taken && !status;
  for (int64_t i = 0; i < n && *judged; i++)
    least = fmin(least, chance(batch + i * BATCHES, g[i], hypot(floor, open[i])));
  if (*judged) note_chance(l->check, least, n);
  basin_part_free(&part);
  free(x);
  return status;
}

/* observables behind one step, of the kind and of `direct`; l->plain is `direct` here */
static basin_status look_at_observables(looker *l, int *judged) {
  const int observables = l->plain.experiment.observables;
  double *x = calloc((size_t)l->entries, sizeof *x), least = 1;
  basin_part part[2] = {{0}, {0}};
  int64_t known = 0;
  int taken = 1;
  basin_status status = x ? basin_probe_steps(&l->plain, 0, 0, x, l->error)
                          : basin_fail_memory(l->error);
  for (int side = 0; side < 2 && !status && taken; side++) {
    basin_probe *probe = side ? &l->plain : &l->probe;
    taken = basin_probe_start(probe, x);
    if (!taken) break;
    probe->cell.setting.key ^= (uint64_t)side; /* of inputs of its own */
    status = basin_probe_run(probe, TRIALS, 1, MOVE, &part[side], l->error);
  }
  for (int o = 0; o < observables && !status && taken; o++) {
    double batch[BATCHES] = {0}, size = 0;
    for (int64_t t = 0; t < TRIALS; t++) {
      const double *of[2] = {part[0].record + (o * TRIALS + t) * 2,
                             part[1].record + (o * TRIALS + t) * 2};
      batch[t % BATCHES] += (of[0][1] - of[1][1]) * BATCHES / TRIALS;
      size = fmax(size, fabs(of[1][1]));
    }
    int unknown = 0;
    for (int b = 0; b < BATCHES; b++) unknown |= isnan(batch[b]) != 0;
    if (unknown) continue;
    least = fmin(least, chance(batch, 0, FLOOR * size));
    known++;
  }
  *judged = known > 0;
  if (known) note_chance(l->check, least, known);
  for (int side = 0; side < 2; side++) basin_part_free(&part[side]);
  free(x);
  return status;
}

/* ---- the slope ---- */

static double draw_normal(void *self) {
  looker *l = self;
  bits low, high;
  double normal, other;
  basin_words(l->key, BASIN_STREAM_VERIFY, 0, 1, l->drawn++, &low, &high);
  basin_box_muller(low, high, &normal, &other);
  return normal;
}

static basin_status look_at_slope(looker *l, int *judged) {
  basin_slope slope;
  basin_probe *p = &l->probe;
  const basin_setting *setting = &p->cell.setting;
  const char *loss = setting->gradient.set_size > 0 && !setting->network ? "train_loss" : "loss";
  p->experiment.recorded = 1;
  p->experiment.times = 2;
  p->cell.setting.stop.max_steps = 1;
  const basin_status status = basin_slope_measure(&p->experiment, loss, draw_normal, l, judged,
                                                  &slope, l->error);
  *judged = !status && *judged && !slope.why;
  if (*judged) {
    note(l->check, slope.relative, slope.allowed);
    l->check->entries += slope.entries;
  }
  return status;
}

/* ---- a kind ---- */

typedef basin_status look(looker *l, int *judged);

/* how it is looked at, and with what beside it (*beside, or NULL); NULL: not at all */
static look *choose(const looker *l, const char **beside) {
  basin_check *c = l->check;
  const basin_model *model = l->experiment->cell[l->cell].model;
  const int closed = basin_dynamics_find(model, "population") != NULL;
  *beside = NULL;
  if (l->graph && (!strcmp(l->kind, "population") || is_one_of(l->kind, means))) {
    c->what = l->graph->inputs
                  ? "gradient of a step beside differences, in binary128, of its inputs' mean loss"
                  : "gradient of a step beside differences of the loss in binary128";
    return look_at_gradient;
  }
  if (l->graph && !strcmp(l->kind, "flow")) {
    c->what = "steps beside an integration, of another method, on differences of the loss";
    return look_at_flow;
  }
  if (is_one_of(l->kind, methods) && (l->graph || closed)) {
    c->what = l->graph ? "steps beside the method's definition on differences of the loss"
                       : "steps beside the method's definition on the population's gradient";
    *beside = l->graph ? NULL : "population";
    return look_at_method;
  }
  if (is_one_of(l->kind, means) && closed) {
    c->what = model->own_law && !strcmp(l->kind, "law")
                  ? "mean of 4096 steps of 16 inputs beside that of single inputs"
                  : "mean of 4096 steps of 16 inputs beside the population's gradient";
    *beside = "population";
    return look_at_mean;
  }
  if (!strcmp(l->kind, "projected") && basin_dynamics_find(model, "direct")) {
    c->what = "observables behind a step, means of 4096, beside those of direct";
    *beside = "direct";
    return look_at_observables;
  }
  if (is_one_of(l->kind, methods) || is_one_of(l->kind, means) || !strcmp(l->kind, "projected")) {
    snprintf(c->why, sizeof c->why, "the model has nothing that its mean could be compared with");
    return NULL;
  }
  c->what = !strcmp(l->kind, "dataset") ? "gradient of a step beside differences of the risk"
                                        : "gradient of a step beside differences of the loss";
  if (strcmp(l->kind, "dataset") != 0 &&
      basin_symbol_find(model->observable, model->observables, "loss") < 0) {
    snprintf(c->why, sizeof c->why, "the model has no observable `loss`");
    return NULL;
  }
  return look_at_slope;
}

/* the probes of a start; 0 with the check's `why` where the cell cannot have the kind */
static basin_status open_start(looker *l, const char *beside, int *there) {
  *there = 0;
  basin_status status = basin_probe_open(l->experiment, l->cell, l->kind, l->key, &l->probe,
                                         l->error);
  if (!status && !l->probe.why && beside)
    status = basin_probe_open(l->experiment, l->cell, beside, l->key, &l->plain, l->error);
  if (status) return status;
  const basin_setting *setting = &l->probe.cell.setting;
  const char *why = l->probe.why ? l->probe.why : l->plain.why;
  if (!why && beside && !l->graph && !is_one_of(l->kind, methods) &&
      draws_teachers(setting, l->probe.cell.model))
    why = "its teachers are drawn for every trial";
  if (why) snprintf(l->check->why, sizeof l->check->why, "%s", why);
  if (why) return BASIN_OK;
  l->entries = setting->size.vectors;
  *there = 1;
  const int64_t teachers = l->graph ? total_of(l, l->graph->teacher, l->graph->teachers) : 0,
                inputs = l->graph ? total_of(l, l->graph->input, l->graph->inputs) : 0;
  l->teacher = calloc((size_t)(teachers + inputs + l->entries) + 3, sizeof *l->teacher);
  if (!l->teacher) return basin_fail_memory(l->error);
  l->input = l->teacher + teachers + 1;
  l->point = l->input + inputs + 1;
  return l->graph ? draw_teachers(l) : BASIN_OK;
}

static void close_start(looker *l) {
  basin_probe_close(&l->probe);
  basin_probe_close(&l->plain);
  free(l->teacher);
  l->teacher = NULL;
}

basin_check basin_check_none(const char *kind) {
  return (basin_check){.kind = kind, .error = NAN, .bound = NAN, .p = NAN};
}

basin_status basin_check_kind(const basin_experiment *experiment, int64_t cell,
                              const formula_model *graph, uint64_t seed, int starts,
                              basin_check *check, basin_error *error) {
  const int64_t before = check->starts;
  looker l = {.experiment = experiment,
              .cell = cell,
              .kind = check->kind,
              .graph = graph,
              .check = check,
              .error = error};
  const char *beside;
  look *at = choose(&l, &beside);
  basin_status status = BASIN_OK;
  for (int s = 0; s < starts * ATTEMPTS && at && check->starts < before + starts && !status; s++) {
    int judged = 0, there;
    l.key = basin_mix(basin_key(seed, experiment->cell[cell].identity) + (uint64_t)s);
    status = open_start(&l, beside, &there);
    if (!status && there) status = at(&l, &judged);
    check->starts += judged;
    close_start(&l);
    if (!there) break;
  }
  if (at && !check->starts && !*check->why)
    snprintf(check->why, sizeof check->why,
             "at no start is the loss smooth enough, and finite, with a step to take");
  return status;
}
