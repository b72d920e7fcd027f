/* SPDX-License-Identifier: MIT
 *
 * test_relu_sum.c: the sum of ReLU neurons (include/models/relu/relu.h) against what it stands for: the printed
 * formulas in binary128, Monte Carlo over Gaussian inputs, finite differences, full vectors, and the toy cases of Xu
 * and Du (2023), Appendix A. Seeds are fixed. A z-score of 5.5 is exceeded once in 2e7 comparisons by chance.
 */
#include "compare.h"
#include "models/relu_sum.h"
#include <quadmath.h>

typedef __float128 quad;

static const quad pi = (quad)BASIN_PI + BASIN_PI_LOW;

/* ---- (23) and (4) as printed, in binary128: angles by arc cosine, any number of teachers ---- */

typedef struct exact {
  int n, m, d;
  quad *u;         /* [m + n][d] teachers, then students */
  quad *by;        /* [n][d] gradient */
  quad loss, size; /* size: sum of the sizes of the loss's terms */
} exact;

static quad exact_dot(const quad *a, const quad *b, int d) {
  quad sum = 0;
  for (int k = 0; k < d; k++) sum += a[k] * b[k];
  return sum;
}

static quad exact_angle(const quad *a, const quad *b, int d) {
  const quad cosine = exact_dot(a, b, d) / sqrtq(exact_dot(a, a, d) * exact_dot(b, b, d));
  return acosq(fminq(1, fmaxq(-1, cosine)));
}

static void exact_evaluate(exact *e) {
  const int n = e->n, m = e->m, d = e->d;
  quad r[64], r2 = 0, pairs = 0;
  assert_true(d <= 64);
  e->size = 0;
  for (int k = 0; k < d; k++) {
    r[k] = 0;
    for (int a = 0; a < m + n; a++) r[k] += a < m ? -e->u[a * d + k] : e->u[a * d + k];
    r2 += r[k] * r[k];
  }
  for (int i = 0; i < n; i++)
    for (int k = 0; k < d; k++) e->by[i * d + k] = r[k] / 2;
  for (int a = 0; a < m + n; a++)
    for (int b = 0; b < m + n; b++) {
      const quad *ua = e->u + a * d, *ub = e->u + b * d;
      if (a == b) continue;
      const quad theta = exact_angle(ua, ub, d), la = sqrtq(exact_dot(ua, ua, d)),
                 lb = sqrtq(exact_dot(ub, ub, d)), sign_b = b < m ? -1 : 1,
                 sign = (a < m) == (b < m) ? 1 : -1;
      if (a < b) {
        const quad term = (sinq(theta) - theta * cosq(theta)) * la * lb / (2 * pi);
        pairs += sign * term;
        e->size += term;
      }
      for (int k = 0; k < d && a >= m; k++)
        e->by[(a - m) * d + k] += sign_b * (lb * sinq(theta) * ua[k] / la - theta * ub[k]) /
                                  (2 * pi);
    }
  e->loss = r2 / 4 + pairs;
  e->size += r2 / 4;
}

static exact exact_of(const double *v, const double *w, int n, int m, int d) {
  exact e = {.n = n, .m = m, .d = d};
  e.u = malloc((size_t)((n + m) * d) * sizeof *e.u);
  e.by = malloc((size_t)(n * d) * sizeof *e.by);
  for (int j = 0; j < m * d; j++) e.u[j] = v[j];
  for (int j = 0; j < n * d; j++) e.u[m * d + j] = w[j];
  exact_evaluate(&e);
  return e;
}

static void exact_free(exact *e) {
  free(e->u);
  free(e->by);
}

/* ---- one cell, one trial ---- */

typedef struct problem {
  int n, m, d;
  basin_setting setting;
  double parameter[4], *v, *w; /* given [m][d], [n][d] */
  basin_vector teacher, initial;
  basin_stage stage;
  relu_cell cell;
  double *data, *work, *x; /* x: the state */
} problem;

/* all zero: what to start from is up to the caller, and then open_problem() */
static problem make_problem(int n, int m, int d, int span) {
  problem p = {.n = n, .m = m, .d = d, .parameter = {n, m, d, span}};
  p.v = calloc((size_t)(m * d), sizeof *p.v);
  p.w = calloc((size_t)(n * d), sizeof *p.w);
  p.teacher = (basin_vector){BASIN_GIVEN, m, d, 1, p.v, 0};
  p.initial = (basin_vector){BASIN_GIVEN, n, d, 1, p.w, 0};
  p.stage = (basin_stage){.steps = INT64_MAX, .eta = {0.05}, .scale = 1};
  p.setting = (basin_setting){
      .stages = 1, .stop = {.tolerance = m > 1 ? 1e-3 : 1e-300, .max_steps = 1000000}, .key = 99};
  return p;
}

static int is_flow(const problem *p) { return !strcmp(p->setting.gradient.dynamics, "flow"); }

static basin_turn turn_of(const problem *p, uint64_t trial, const double *pace) {
  return (basin_turn){
      .data = p->data, .pace = pace, .work = p->work, .team = basin_alone, .trial = trial};
}

static void open_problem(problem *p, uint64_t trial) {
  const char *where = "";
  p->setting.parameter = p->parameter;
  p->setting.teacher = &p->teacher;
  p->setting.initial = &p->initial;
  p->setting.stage = &p->stage;
  if (!p->setting.gradient.dynamics) p->setting.gradient.dynamics = "population";
  basin_room room = {NULL, 0, 0};
  if (model_prepare(&p->setting, &room, &p->cell, &where)) fail_msg("%s", where);
  p->data = malloc((size_t)room.used * sizeof *p->data);
  room = (basin_room){p->data, 0, 0};
  model_prepare(&p->setting, &room, &p->cell, &where);
  const basin_layout size = is_flow(p) ? relu_flow_layout(&p->setting, &p->cell)
                                       : relu_layout(&p->setting, &p->cell);
  p->work = malloc((size_t)size.work * sizeof *p->work);
  p->x = malloc((size_t)size.states * sizeof *p->x);
  memset(p->work, 0xff, (size_t)size.work * sizeof *p->work);
  memset(p->x, 0xff, (size_t)size.states * sizeof *p->x);
  if (is_flow(p)) relu_flow_start(&p->cell, turn_of(p, trial, NULL), p->x);
  else relu_start(&p->cell, turn_of(p, trial, NULL), p->x);
}

static void close_problem(problem *p) {
  free(p->v);
  free(p->w);
  free(p->data);
  free(p->work);
  free(p->x);
}

static void step(problem *p, double eta, int64_t steps) {
  const double pace[BASIN_PACES_MAX] = {eta};
  while (steps-- > 0) relu_step(&p->cell, turn_of(p, 0, pace), p->x);
}

static void flow(problem *p, double time, int64_t steps) {
  while (steps-- > 0) relu_flow_step(&p->cell, turn_of(p, 0, &time), p->x);
}

/* the students in full [n][d], and one observable */
static void full(problem *p, uint64_t trial, double *out) {
  relu_vectors(&p->cell, turn_of(p, trial, NULL), p->x, 0, out);
}
static double observed(problem *p, int which) {
  double out[RELU_OBSERVED];
  if (is_flow(p)) relu_flow_observe(&p->cell, turn_of(p, 0, NULL), p->x, out);
  else relu_observe(&p->cell, turn_of(p, 0, NULL), p->x, out);
  return out[which];
}

/* a vector of the gradient in full: what a step of size 1 takes away, by linearity in the coordinates */
static void full_gradient(problem *p, uint64_t trial, double *out) {
  double *kept = malloc((size_t)p->cell.states * sizeof *kept);
  memcpy(kept, p->x, (size_t)p->cell.states * sizeof *kept);
  memcpy(p->x + p->cell.at_w, kept + p->cell.at_g, (size_t)(p->n * p->cell.width) * sizeof *kept);
  full(p, trial, out);
  memcpy(p->x, kept, (size_t)p->cell.states * sizeof *kept);
  free(kept);
}

static void fill(double *x, int count, double scale, uint64_t *state) {
  for (int j = 0; j < count; j++) x[j] = scale * (2 * test_uniform(state) - 1);
}

/* ---- tests: formulas ---- */

/* sin - theta cos, and the angle of two vectors in the plane, and of one with the first axis, relative to binary128 */
static void small_angles(void **unused) {
  uint64_t state = 3;
  double gap = 0, angle = 0, sines = 0, plane = 0;
  (void)unused;
  for (int i = 0; i < 400000; i++) {
    const double theta = i % 2 ? M_PI * test_uniform(&state) : pow(10, -30 * test_uniform(&state));
    const quad t = theta;
    /* by its series where the difference itself would need more than binary128 */
    const quad want = theta < 1e-6 ? t * t * t / 3 - t * t * t * t * t / 30 : sinq(t) - t * cosq(t);
    gap = fmax(gap, fabs((double)((relu_gap(theta) - want) / want)));

    double a[2] = {1, 0}, b[2] = {(double)cosq(t), (double)sinq(t)}, got, sine;
    if (i % 4 == 1) b[0] = -b[0]; /* pi - theta: then pi - got is theta */
    const quad exact = atan2q(b[1], b[0]);
    plane = fmax(plane, fabs((double)((relu_plane_angle(b[0], b[1]) - exact) / exact)));
    relu_angle(a, b, 2, &got, &sine);
    angle = fmax(angle, fabs((double)((got - exact) / exact)));
    sines = fmax(sines, fabs((double)((sine - sinq(exact)) / sinq(exact))));
  }
  print_message("  relative errors: gap %.2g, angle %.2g, with an axis %.2g, sine %.2g\n", gap,
                angle, plane, sines);
  assert_within(gap, 1e-17, 4e-15);
  assert_within(angle, 1e-17, 1e-15);
  assert_within(plane, 1e-17, 4e-16);
  assert_within(sines, 1e-17, 1e-15);
}

/* loss and gradient at random students and teachers, some nearly parallel or opposite, are the printed ones, and the
   gradient is the derivative of the loss */
static void closed_forms(void **unused) {
  uint64_t state = 5;
  (void)unused;
  for (int round = 0; round < 60; round++) {
    const int n = 1 + round % 5, m = 1 + round % 3, d = 1 + (int)(test_random(&state) % 7);
    problem p = make_problem(n, m, d, round % 4 != 0);
    double w[64], g[64];
    fill(p.v, m * d, 1, &state);
    fill(p.w, n * d, 1, &state);
    if (n > 1 && round % 3 == 0)
      for (int k = 0; k < d; k++) p.w[d + k] = (round % 2 ? -1.5 : 2) * p.w[k] + (k == 0) * 1e-5;
    open_problem(&p, 0);
    full(&p, 0, w);
    for (int j = 0; j < n * d; j++) assert_within(w[j] - p.w[j], -1e-13, 1e-13);
    exact e = exact_of(p.v, p.w, n, m, d);
    const double size = (double)e.size;
    assert_within(p.x[RELU_LOSS] - (double)e.loss, -1e-14 * size, 1e-14 * size);
    assert_true(observed(&p, RELU_OBSERVE_loss) == p.x[RELU_LOSS]);
    full_gradient(&p, 0, g);
    double grad2 = 0;
    for (int j = 0; j < n * d; j++) {
      /* two nearly parallel students of 1e-5: eps / theta */
      assert_within(g[j] - (double)e.by[j], -1e-13, 1e-13);
      grad2 += g[j] * g[j];
    }
    assert_within(observed(&p, RELU_OBSERVE_norm_grad) / sqrt(grad2), 1 - 1e-12, 1 + 1e-12);
    for (int j = 0; j < n * d; j++) {
      const quad at = e.u[m * d + j], h = 1e-8;
      e.u[m * d + j] = at + h;
      exact_evaluate(&e);
      const quad above = e.loss;
      e.u[m * d + j] = at - h;
      exact_evaluate(&e);
      e.u[m * d + j] = at;
      const double slope = (double)((above - e.loss) / (2 * h));
      assert_within(g[j] - slope, -1e-9, 1e-9);
    }
    exact_free(&e);
    close_problem(&p);
  }
}

/* ---- tests: observables ---- */

/* in binary128 from their definitions: [RELU_OBSERVED], NaN for what several teachers do not have */
static void exact_observe(const exact *e, double *out) {
  const int n = e->n, m = e->m, d = e->d;
  const quad *v = e->u, *w = e->u + m * d, v2 = exact_dot(v, v, d);
  quad z[64], h = sqrtq(v2), farthest = 0, longest = 0, shortest = 1e30, all = 0, kappa = 0;
  for (int i = 0; i < n; i++) {
    const quad *own = w + i * d, along = exact_dot(own, v, d),
               length = sqrtq(exact_dot(own, own, d));
    quad nearest = pi;
    for (int l = 0; l < m; l++) nearest = fminq(nearest, exact_angle(own, v + l * d, d));
    farthest = fmaxq(farthest, nearest);
    longest = fmaxq(longest, length);
    shortest = fminq(shortest, length);
    h -= along / sqrtq(v2);
    for (int k = 0; k < d; k++) z[i * d + k] = own[k] - along / v2 * v[k];
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++) {
      quad distance2 = 0;
      for (int k = 0; k < d; k++)
        distance2 += (z[i * d + k] - z[j * d + k]) * (z[i * d + k] - z[j * d + k]);
      all += sqrtq(distance2);
      kappa = fmaxq(kappa, exact_angle(z + i * d, z + j * d, d));
    }
  out[RELU_OBSERVE_theta_max] = (double)farthest;
  out[RELU_OBSERVE_norm_w_max] = (double)longest;
  out[RELU_OBSERVE_norm_w_min] = (double)shortest;
  out[RELU_OBSERVE_H] = m > 1 ? NAN : (double)h;
  out[RELU_OBSERVE_Z] = m > 1 ? NAN : (double)all;
  out[RELU_OBSERVE_kappa_max] = m > 1 ? NAN : (double)kappa;
}

/* every observable of random students, also of those that look away from every teacher; the extreme student and the
   extreme pair in any place */
static void observables(void **unused) {
  static const int which[] = {RELU_OBSERVE_H,          RELU_OBSERVE_theta_max,
                              RELU_OBSERVE_norm_w_max, RELU_OBSERVE_norm_w_min,
                              RELU_OBSERVE_Z,          RELU_OBSERVE_kappa_max};
  uint64_t state = 29;
  int obtuse = 0;
  (void)unused;
  for (int round = 0; round < 80; round++) {
    const int n = 1 + round % 5, m = 1 + round / 5 % 2, d = 3 + round % 3;
    problem p = make_problem(n, m, d, round % 4 != 0);
    double want[RELU_OBSERVED];
    fill(p.v, m * d, 1, &state);
    fill(p.w, n * d, 1, &state);
    open_problem(&p, 0);
    exact e = exact_of(p.v, p.w, n, m, d);
    exact_observe(&e, want);
    obtuse += want[RELU_OBSERVE_theta_max] > 2;
    for (size_t o = 0; o < sizeof which / sizeof *which; o++) {
      const double got = observed(&p, which[o]);
      if (isnan(want[which[o]])) assert_true(isnan(got));
      else assert_within(got - want[which[o]], -1e-13, 1e-13);
    }
    exact_free(&e);
    close_problem(&p);
  }
  assert_within(obtuse, 10, 70);
}

/* students as small as they start are no zeros: their directions count, down to lengths of 1e-140 */
static void tiny_students(void **unused) {
  uint64_t state = 31;
  (void)unused;
  for (int round = 0; round < 40; round++) {
    const int n = 1 + round % 3, d = 4;
    problem p = make_problem(n, 1, d, round % 2);
    double g[16];
    fill(p.v, d, 1, &state);
    fill(p.w, n * d, pow(10, -3.5 * (1 + round)), &state);
    open_problem(&p, 0);
    full_gradient(&p, 0, g);
    exact e = exact_of(p.v, p.w, n, 1, d);
    for (int j = 0; j < n * d; j++) assert_within(g[j] - (double)e.by[j], -1e-13, 1e-13);
    exact_free(&e);
    close_problem(&p);
  }
}

/* means over 4e6 Gaussian inputs of the loss and of every entry of the gradient: z-scores */
static void monte_carlo(void **unused) {
  enum { N = 3, M = 2, D = 4, INPUTS = 4000000 };
  uint64_t state = 7;
  problem p = make_problem(N, M, D, 1);
  double g[N * D], mean[N * D + 1] = {0}, square[N * D + 1] = {0}, worst = 0;
  (void)unused;
  fill(p.v, M * D, 1, &state);
  fill(p.w, N * D, 1, &state);
  open_problem(&p, 0);
  full_gradient(&p, 0, g);
  for (uint64_t t = 0; t < INPUTS; t++) {
    double x[D], s[N], r = 0, value[N * D + 1];
    for (int k = 0; k < D; k += 2) basin_normals(1234, 0, t, 0, (uint64_t)k / 2, &x[k], &x[k + 1]);
    for (int l = 0; l < M; l++) {
      double sum = 0;
      for (int k = 0; k < D; k++) sum += p.v[l * D + k] * x[k];
      r -= fmax(sum, 0);
    }
    for (int i = 0; i < N; i++) {
      s[i] = 0;
      for (int k = 0; k < D; k++) s[i] += p.w[i * D + k] * x[k];
      r += fmax(s[i], 0);
    }
    for (int j = 0; j < N * D; j++) value[j] = s[j / D] > 0 ? r * x[j % D] : 0;
    value[N * D] = r * r / 2;
    for (int j = 0; j <= N * D; j++) mean[j] += value[j], square[j] += value[j] * value[j];
  }
  for (int j = 0; j <= N * D; j++) {
    const double m = mean[j] / INPUTS, error = sqrt((square[j] / INPUTS - m * m) / INPUTS);
    const double want = j < N * D ? g[j] : p.x[RELU_LOSS];
    worst = fmax(worst, fabs(m - want) / error);
    assert_within(error, 1e-6, 3e-3); /* else the comparison says nothing */
  }
  print_message("  largest z-score of %d: %.2f\n", N * D + 1, worst);
  assert_within(worst, 0.1, 5.5);
  close_problem(&p);
}

/* students near the optimum: split v, add parts of size `angle` across and `off` along it */
static void near_optimum(problem *p, double angle, double off, uint64_t *state) {
  const int n = p->n, d = p->d;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < d; k++)
      p->w[i * d + k] = p->v[k] * (1 + off * test_uniform(state)) / n +
                        angle * (2 * test_uniform(state) - 1) / n * (p->v[k] == 0);
}

/* how far the loss is from the truth, relative to what relu.h allows; down to losses of 1e-33 */
static void small_losses(void **unused) {
  uint64_t state = 11;
  double worst = 0, relative[40] = {0};
  (void)unused;
  for (int round = 0; round < 3000; round++) {
    const int n = 1 + round % 6, d = 2 + round % 5;
    const double angle = pow(10, -1 - 10.5 * test_uniform(&state));
    problem p = make_problem(n, 1, d, 1);
    p.v[0] = round % 2 ? 1 : 3;
    near_optimum(&p, angle, round % 3 ? angle * angle : angle, &state);
    open_problem(&p, 0);
    exact e = exact_of(p.v, p.w, n, 1, d);
    double r2 = 0;
    for (int k = 0; k < d; k++) {
      double sum = -p.v[k];
      for (int i = 0; i < n; i++) sum += p.w[i * d + k];
      r2 += sum * sum;
    }
    const double loss = (double)e.loss, error = fabs((double)(p.x[RELU_LOSS] - e.loss));
    const double bound = 1e-16 * (n + 1) * p.v[0] * (sqrt(r2) + 1e-16 * p.v[0]) +
                         2e-15 * (double)e.size;
    const int decade = (int)floor(-log10(loss));
    worst = fmax(worst, error / bound);
    if (decade < 40 && round % 3) relative[decade] = fmax(relative[decade], error / loss);
    exact_free(&e);
    close_problem(&p);
  }
  print_message(
      "  largest error / bound: %.2g; relative at 1e-10: %.2g, 1e-20: %.2g, 1e-28: %.2g\n", worst,
      relative[10], relative[20], relative[28]);
  assert_within(worst, 1e-4, 1);
  assert_within(relative[20], 1e-17, 1e-11);
}

/* the same with all d entries and v in a general direction, and for two teachers: absolute accuracy of the angles */
static void small_losses_full(void **unused) {
  uint64_t state = 12;
  double worst = 0, two = 0;
  (void)unused;
  for (int round = 0; round < 300; round++) {
    problem p = make_problem(3, 1, 5, 0), q = make_problem(4, 2, 5, 1);
    for (int which = 0; which < 2; which++) {
      problem *one = which ? &q : &p;
      const int m = one->m;
      fill(one->v, m * 5, 1, &state);
      for (int i = 0; i < one->n; i++)
        for (int k = 0; k < 5; k++)
          one->w[5 * i + k] = one->v[5 * (i % m) + k] * m / one->n +
                              3e-7 * (2 * test_uniform(&state) - 1);
      for (int k = 0; k < 5 * m; k++) { /* the last of each to make r small */
        one->w[5 * (one->n - m) + k] = one->v[k];
        for (int i = k / 5; i < one->n - m; i += m)
          one->w[5 * (one->n - m) + k] -= one->w[5 * i + k % 5];
      }
      open_problem(one, 0);
      exact e = exact_of(one->v, one->w, one->n, m, 5);
      const double error = fabs((double)(one->x[RELU_LOSS] - e.loss));
      if (which) two = fmax(two, error);
      else worst = fmax(worst, error / (double)e.loss);
      exact_free(&e);
      close_problem(one);
    }
  }
  print_message("  all entries: %.2g of a loss of 1e-20; two teachers: %.2g\n", worst, two);
  assert_within(worst, 1e-12, 1e-7);
  assert_within(two, 0, 4e-15 * 5);
}

/* ---- tests: runs ---- */

/* toy case 1, started late: 3e5 steps of the recursion for (lambda_1, lambda_2) in binary128; the loss stays right on
   the way down to 1e-20 */
static void late_run(void **unused) {
  const double eta = 1;
  problem p = make_problem(2, 1, 2, 1);
  quad one, two;
  (void)unused;
  p.v[0] = 1;
  p.w[0] = p.w[2] = 0.5;
  p.w[1] = 3e-7;
  p.w[3] = -3e-7;
  one = p.w[0];
  two = p.w[1];
  open_problem(&p, 0);
  double worst = 0, loss = 1;
  for (int t = 0; t <= 300000; t++) {
    const quad theta = atanq(two / one), sine = sinq(2 * theta);
    if (t % 1000 == 0) {
      const quad w[] = {1, 0, one, two, one, -two};
      exact e = {.n = 2, .m = 1, .d = 2, .u = (quad *)w, .by = (quad[4]){0}};
      exact_evaluate(&e);
      loss = (double)e.loss;
      worst = fmax(worst, fabs(p.x[RELU_LOSS] / loss - 1));
    }
    const quad excess = one - 0.5, across = two;
    two -= eta * across / (2 * pi) * (2 * theta + excess / one * sine);
    one -= eta * excess * (1 - theta / pi + sine / (2 * pi));
    step(&p, eta, 1);
  }
  print_message("  to a loss of %.3g: largest relative error %.2g\n", loss, worst);
  assert_within(loss, 1e-22, 1e-20);
  assert_within(worst, 1e-17, 1e-10);
  close_problem(&p);
}

/* from a random start through all phases; then the loss of the very state in binary128. BASIN_SOAK goes on to 1e-20. */
static void long_run(void **unused) {
  uint64_t state = 13;
  double w[6 * 20];
  (void)unused;
  for (int n = 2; n <= 6; n += 2) {
    problem p = make_problem(n, 1, 20, 1);
    p.v[0] = 1;
    p.initial = (basin_vector){BASIN_NORMAL, n, 20, 0.1, NULL, 0};
    p.setting.key = test_random(&state);
    open_problem(&p, 4);
    step(&p, 0.4, getenv("BASIN_SOAK") ? 15000000 : 300000);
    for (int i = 0; i < n; i++)
      for (int k = 0; k < 20; k++)
        w[i * 20 + k] = k < p.cell.width ? p.x[p.cell.at_w + i * p.cell.width + k] : 0;
    exact e = exact_of(p.v, w, n, 1, 20);
    print_message("  n = %d: loss %.6g, relative error %.2g\n", n, p.x[RELU_LOSS],
                  fabs((double)(p.x[RELU_LOSS] / e.loss - 1)));
    assert_within(p.x[RELU_LOSS], 1e-21, getenv("BASIN_SOAK") ? 1e-20 : 1e-12);
    assert_within((double)(p.x[RELU_LOSS] / e.loss), 1 - 1e-11, 1 + 1e-11);
    exact_free(&e);
    close_problem(&p);
  }
}

/* coordinates in the span and all d entries are the same run, to rounding */
static void span_is_full(void **unused) {
  static const int shape[][3] = {{2, 1, 3}, {3, 2, 10}, {4, 1, 1000},
                                 {5, 2, 3}, {1, 1, 1},  {6, 3, 4}};
  (void)unused;
  for (size_t s = 0; s < sizeof shape / sizeof *shape; s++) {
    const int n = shape[s][0], m = shape[s][1], d = shape[s][2];
    problem p[2];
    double *w[2], worst = 0;
    for (int span = 0; span < 2; span++) {
      p[span] = make_problem(n, m, d, span);
      p[span].teacher = (basin_vector){BASIN_SPHERE, m, d, 1, NULL, 0};
      p[span].initial = (basin_vector){BASIN_NORMAL, n, d, 0.5 / sqrt(d), NULL, 0};
      w[span] = malloc((size_t)(n * d) * sizeof *w[span]);
      open_problem(&p[span], s);
    }
    assert_true(p[1].cell.width == (d < n + m ? d : n + m) && p[0].cell.width == d);
    for (int part = 0; part < 2; part++) {
      for (int span = 0; span < 2; span++) {
        step(&p[span], 0.1, part * 1000);
        full(&p[span], s, w[span]);
      }
      for (int j = 0; j < n * d; j++) worst = fmax(worst, fabs(w[0][j] - w[1][j]));
      assert_within(worst, 0, part ? 1e-12 : 1e-14);
    }
    for (int o = 0; o < RELU_OBSERVED; o++) {
      const double full_one = observed(&p[0], o), span_one = observed(&p[1], o);
      if (m > 1 && (o == RELU_OBSERVE_H || o == RELU_OBSERVE_Z || o == RELU_OBSERVE_kappa_max)) {
        assert_true(isnan(full_one) && isnan(span_one));
      } else if (d > 1 || o != RELU_OBSERVE_kappa_max) {
        assert_within(full_one - span_one, -1e-11, 1e-11);
      }
    }
    for (int span = 0; span < 2; span++) {
      free(w[span]);
      close_problem(&p[span]);
    }
  }
}

/* students and teacher reflected together: the same observables */
static void rotation(void **unused) {
  uint64_t state = 17;
  (void)unused;
  for (int span = 0; span < 2; span++) {
    problem p = make_problem(3, 2, 6, span), q = make_problem(3, 2, 6, span);
    double u[6], norm2 = 0;
    fill(u, 6, 1, &state);
    fill(p.v, 12, 1, &state);
    fill(p.w, 18, 0.5, &state);
    for (int k = 0; k < 6; k++) norm2 += u[k] * u[k];
    for (int row = 0; row < 5; row++) {
      const double *from = row < 2 ? p.v + 6 * row : p.w + 6 * (row - 2);
      double *to = row < 2 ? q.v + 6 * row : q.w + 6 * (row - 2), along = 0;
      for (int k = 0; k < 6; k++) along += u[k] * from[k];
      for (int k = 0; k < 6; k++) to[k] = from[k] - 2 * along / norm2 * u[k];
    }
    open_problem(&p, 0);
    open_problem(&q, 0);
    for (int part = 0; part < 5; part++) {
      for (int o = 0; o < RELU_OBSERVED; o++) {
        const double a = observed(&p, o), b = observed(&q, o);
        if (!isnan(a)) assert_within(a - b, -1e-12, 1e-12);
      }
      step(&p, 0.1, 100);
      step(&q, 0.1, 100);
    }
    close_problem(&p);
    close_problem(&q);
  }
}

/* ---- tests: Appendix A ---- */

/* toy case 1: the recursion with the factor 1 - theta/pi + sin(2 theta)/(2 pi), to rounding; the printed
   (21), which has sin(2 theta)/lambda_1 in its place, is another one */
static void toy_1(void **unused) {
  const double eta = 0.05;
  problem p = make_problem(2, 1, 7, 1);
  double one = 0.2, two = 0.3, printed_one = one, printed_two = two, apart = 0;
  (void)unused;
  p.v[3] = 1;
  for (int k = 0; k < 7; k++) p.w[k] = one * p.v[k], p.w[7 + k] = one * p.v[k];
  p.w[5] = two;
  p.w[7 + 5] = -two;
  open_problem(&p, 0);
  for (int t = 0; t < 20000; t++) {
    const double *w = p.x + p.cell.at_w;
    assert_within(w[0] - one, -1e-14, 1e-14);
    assert_within(w[1] - two, -1e-14, 1e-14);
    assert_true(w[0] == w[3] && w[1] == -w[4] && w[2] == 0 && w[5] == 0);
    apart = fmax(apart, fabs(printed_one - one));
    const double theta = atan2(two, one), excess = one - 0.5;
    const double printed = atan2(printed_two, printed_one), other = printed_one - 0.5;
    two *= 1 - eta / (2 * M_PI) * (2 * theta + excess / one * sin(2 * theta));
    one -= eta * excess * (1 - theta / M_PI + sin(2 * theta) / (2 * M_PI));
    printed_two *= 1 - eta / (2 * M_PI) * (2 * printed + other / printed_one * sin(2 * printed));
    printed_one -= eta * other * (1 - printed / M_PI + sin(2 * printed) / printed_one);
    step(&p, eta, 1);
  }
  assert_within(apart, 0.05, 1);
  /* theta ~ 1/t, and the loss theta^3 / (6 pi) */
  const double theta = observed(&p, RELU_OBSERVE_theta_max);
  assert_within(observed(&p, RELU_OBSERVE_loss) / (pow(theta, 3) / (6 * M_PI)), 0.99, 1.01);
  assert_within(observed(&p, RELU_OBSERVE_Z) / (2 * two), 1 - 1e-11, 1 + 1e-11);
  assert_within(observed(&p, RELU_OBSERVE_kappa_max), M_PI - 1e-15, M_PI + 1e-15);
  assert_within(observed(&p, RELU_OBSERVE_H) - (1 - 2 * one), -1e-13, 1e-13);
  close_problem(&p);
}

/* toy case 2, students along v: H falls by 1 - n eta / 2 a step, nothing else comes up */
static void toy_2(void **unused) {
  const double eta = 0.1, length[] = {0.1, 0.3, 0.02, 0.25};
  problem p = make_problem(4, 1, 5, 1);
  double h = 1;
  (void)unused;
  for (int k = 0; k < 5; k++) p.v[k] = k % 2 ? 0.4 : -sqrt(0.68 / 3);
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < 5; k++) p.w[5 * i + k] = length[i] * p.v[k];
  for (int i = 0; i < 4; i++) h -= length[i];
  open_problem(&p, 0);
  for (int t = 0; t < 100; t++) {
    assert_within(observed(&p, RELU_OBSERVE_H) - h, -1e-15, 1e-15);
    assert_within(sqrt(observed(&p, RELU_OBSERVE_loss)) - fabs(h) / 2, -1e-15, 1e-15);
    assert_true(observed(&p, RELU_OBSERVE_theta_max) == 0 && observed(&p, RELU_OBSERVE_Z) == 0);
    for (int i = 0; i < 4; i++)
      for (int64_t k = 1; k < p.cell.width; k++)
        assert_true(p.x[p.cell.at_w + i * p.cell.width + k] == 0);
    step(&p, eta, 1);
    h *= 1 - 4 * eta / 2;
  }
  close_problem(&p);
}

/* toy case 3, equal students, stay equal to the bit, and fall exponentially; as one student does at n times the
   step size (n = 1) */
static void toy_3(void **unused) {
  uint64_t state = 19;
  problem p = make_problem(4, 1, 6, 1), one = make_problem(1, 1, 6, 1);
  double start[6];
  (void)unused;
  fill(start, 6, 0.1, &state);
  one.v[2] = 0.25;
  p.v[2] = 1;
  for (int i = 0; i < 4; i++) memcpy(p.w + 6 * i, start, sizeof start);
  memcpy(one.w, start, sizeof start);
  open_problem(&p, 0);
  open_problem(&one, 0);
  double before[2] = {0};
  for (int t = 0; t <= 240; t += 40) {
    const double *w = p.x + p.cell.at_w, now[] = {p.x[RELU_LOSS], one.x[RELU_LOSS]};
    for (int i = 1; i < 4; i++)
      assert_memory_equal(w, w + i * p.cell.width, (size_t)p.cell.width * sizeof *w);
    for (int k = 0; k < 2; k++) assert_within(w[k] - one.x[one.cell.at_w + k], -1e-14, 1e-14);
    assert_true(observed(&p, RELU_OBSERVE_Z) == 0 && observed(&p, RELU_OBSERVE_kappa_max) == 0);
    assert_within(now[0] / (16 * now[1]), 1 - 1e-6, 1 + 1e-6);
    if (t > 80) { /* both parts of r fall by 1 - eta / 2 a step */
      assert_within(log(now[1] / before[1]) / (80 * log(1 - 0.2 / 2)), 0.97, 1.03);
    }
    memcpy(before, now, sizeof now);
    step(&p, 0.05, 40);
    step(&one, 0.2, 40);
  }
  close_problem(&p);
  close_problem(&one);
}

/* two and five students from random starts: the loss falls as t^-3, Z as 1/t */
static void slope(void **unused) {
  (void)unused;
  for (int n = 2; n <= 5; n += 3)
    for (uint64_t trial = 0; trial < 3; trial++) {
      problem p = make_problem(n, 1, 10, 1);
      double loss, z;
      p.v[0] = 1;
      p.initial = (basin_vector){BASIN_NORMAL, n, 10, 0.1, NULL, 0};
      open_problem(&p, trial);
      step(&p, 0.3, 30000);
      loss = p.x[RELU_LOSS];
      z = observed(&p, RELU_OBSERVE_Z);
      step(&p, 0.3, 30000);
      assert_within(log(p.x[RELU_LOSS] / loss) / log(2), -3.05, -2.95);
      assert_within(log(observed(&p, RELU_OBSERVE_Z) / z) / log(2), -1.02, -0.98);
      close_problem(&p);
    }
}

/* ---- tests: gradient flow ---- */

static problem make_flow(int n, int d, double error) {
  problem p = make_problem(n, 1, d, 1);
  p.setting.gradient = (basin_gradient){.dynamics = "flow", .error = error};
  p.v[0] = 1;
  p.initial = (basin_vector){BASIN_NORMAL, n, d, 0.3, NULL, 0};
  return p;
}

/* toy case 2 has the solution H = H_0 e^(-n t / 2): it is met to the error asked for, at any division of the time */
static void flow_toy_2(void **unused) {
  (void)unused;
  for (int divided = 1; divided <= 100; divided *= 10) {
    problem p = make_flow(3, 2, 1e-10);
    p.initial = (basin_vector){BASIN_GIVEN, 3, 2, 1, p.w, 0};
    for (int i = 0; i < 3; i++) p.w[2 * i] = 0.1 * (i + 1);
    open_problem(&p, 0);
    for (int t = 1; t <= 8; t++) {
      flow(&p, 1.0 / divided, divided);
      assert_within(observed(&p, RELU_OBSERVE_H) - 0.4 * exp(-1.5 * t), -3e-9, 3e-9);
      assert_true(observed(&p, RELU_OBSERVE_Z) == 0);
    }
    assert_true(observed(&p, RELU_OBSERVE_forced_substeps) == 0);
    close_problem(&p);
  }
}

/* the error at a fixed time falls with the error allowed: as its first power, the fifth of the length */
static void flow_order(void **unused) {
  enum { N = 3, D = 5, ERRORS = 5 };
  double sum_slope = 0;
  (void)unused;
  for (uint64_t trial = 0; trial < 4; trial++) {
    double want[N * D], got[N * D], wrong[ERRORS], length[ERRORS];
    problem p = make_flow(N, D, 1e-14);
    open_problem(&p, trial);
    flow(&p, 6, 1);
    full(&p, trial, want);
    close_problem(&p);
    for (int i = 0; i < ERRORS; i++) {
      p = make_flow(N, D, pow(10, -4 - 2 * i));
      open_problem(&p, trial);
      flow(&p, 6, 1);
      full(&p, trial, got);
      wrong[i] = 0;
      length[i] = p.x[p.cell.states + FLOW_LENGTH];
      for (int j = 0; j < N * D; j++) wrong[i] = fmax(wrong[i], fabs(got[j] - want[j]));
      assert_within(wrong[i], 0, 30 * pow(10, -4 - 2 * i));
      assert_true(observed(&p, RELU_OBSERVE_forced_substeps) == 0);
      close_problem(&p);
    }
    /* the estimate of the error is of fifth order in the length: 10^(6/5) for a millionth */
    assert_within(length[1] / length[4], 8, 32);
    sum_slope += log10(wrong[0] / wrong[ERRORS - 1]) / (2 * (ERRORS - 1)) / 4;
  }
  print_message("  order in the error allowed: %.3f\n", sum_slope);
  assert_within(sum_slope, 0.85, 1.15);
}

/* gradient descent with small steps comes to it: to first order, to second order by Richardson's extrapolation */
static void flow_is_limit(void **unused) {
  enum { N = 4, D = 6 };
  double w[4][N * D], far[3] = {0};
  problem p = make_flow(N, D, 1e-12);
  (void)unused;
  open_problem(&p, 3);
  flow(&p, 0.5, 10);
  full(&p, 3, w[3]);
  close_problem(&p);
  for (int i = 0; i < 3; i++) {
    p = make_flow(N, D, 0);
    p.setting.gradient = (basin_gradient){.dynamics = "population"};
    open_problem(&p, 3);
    step(&p, 5.0 / (2000 << i), 2000 << i);
    full(&p, 3, w[i]);
    close_problem(&p);
  }
  for (int j = 0; j < N * D; j++) {
    for (int i = 0; i < 2; i++) far[i] = fmax(far[i], fabs(w[i][j] - w[3][j]));
    const double fine = 2 * w[1][j] - w[0][j], finer = 2 * w[2][j] - w[1][j];
    far[2] = fmax(far[2], fabs((4 * finer - fine) / 3 - w[3][j]));
  }
  assert_within(far[0] / far[1], 1.99, 2.01);
  assert_within(far[0], 1e-5, 1e-2);
  assert_within(far[2], 0, 1e-9);
}

/* an attempt at a substep that is not accurate enough leaves students, gradient and time as they are; repeated with
   shorter ones it is the flow all the same, and no step is forced, whatever its time */
static void flow_rejects(void **unused) {
  enum { N = 3, D = 5 };
  (void)unused;
  for (int i = 0; i < 3; i++) {
    const double time = pow(10, -2 * i), long_one = 100;
    problem p = make_flow(N, D, 1e-10), q = make_flow(N, D, 1e-14);
    double got[N * D], want[N * D], left = long_one, least = FLOW_LEAST * long_one;
    open_problem(&p, 2);
    open_problem(&q, 2);
    const size_t students = (size_t)(N * p.cell.width) * sizeof *got;
    double *w = p.x + p.cell.at_w, *g = p.x + p.cell.at_g, kept[2][N * D];
    memcpy(kept[0], w, students);
    memcpy(kept[1], g, students);
    p.x[p.cell.states + FLOW_LENGTH] = long_one;
    relu_flow_substep(&p.cell, basin_alone, long_one, &least, &left, p.work, p.x);
    assert_true(left == long_one && least == FLOW_LEAST * long_one);
    assert_true(p.x[p.cell.states + FLOW_LENGTH] <= long_one / 2);
    assert_memory_equal(w, kept[0], students);
    assert_memory_equal(g, kept[1], students);
    p.x[p.cell.states + FLOW_LENGTH] = long_one;
    flow(&p, time, 3);
    flow(&q, time, 3);
    full(&p, 2, got);
    full(&q, 2, want);
    for (int j = 0; j < N * D; j++) assert_within(got[j] - want[j], -1e-9, 1e-9);
    assert_true(observed(&p, RELU_OBSERVE_forced_substeps) == 0);
    close_problem(&p);
    close_problem(&q);
  }
}

/* n = 1 falls as e^-t, more students as t^-3 */
static void flow_paces(void **unused) {
  problem p = make_flow(1, 5, 1e-12);
  (void)unused;
  open_problem(&p, 5);
  flow(&p, 10, 1);
  const double one = p.x[RELU_LOSS];
  flow(&p, 5, 1);
  assert_within(log(p.x[RELU_LOSS] / one) / 5, -1.02, -0.98);
  close_problem(&p);
  p = make_flow(3, 5, 1e-9);
  open_problem(&p, 5);
  flow(&p, 1000, 4);
  const double many = p.x[RELU_LOSS];
  flow(&p, 1000, 4);
  assert_within(log(p.x[RELU_LOSS] / many) / log(2), -3.05, -2.95);
  close_problem(&p);
}

/* a student that the flow takes through 0, where L has a kink: it goes on, and on the other side it goes back to 0 as
   e^(-t/2) */
static void flow_kink(void **unused) {
  problem p = make_flow(2, 2, 1e-9);
  (void)unused;
  p.initial = (basin_vector){BASIN_GIVEN, 2, 2, 1, p.w, 0};
  p.w[0] = 0.05;
  p.w[2] = 2;
  open_problem(&p, 0);
  flow(&p, 1, 1);
  const double before = p.x[p.cell.at_w];
  flow(&p, 1, 4);
  assert_within(p.x[p.cell.at_w], -1e-6, 1e-6);
  assert_within(p.x[p.cell.at_w + p.cell.width], 1 - 0.2, 1 + 0.2);
  assert_within(before, -1e-6, 1e-6);
  close_problem(&p);
}

/* Students that are drawn to 0 from all sides, as the network overshoots v, and held there: without a forced substep,
   and the others go the way of gradient descent with small steps. */
static void flow_held(void **unused) {
  double w[2][3 * 3];
  (void)unused;
  for (int flowing = 0; flowing < 2; flowing++) {
    problem p = make_flow(3, 3, 1e-9);
    if (!flowing) p.setting.gradient = (basin_gradient){.dynamics = "population"};
    p.initial = (basin_vector){BASIN_GIVEN, 3, 3, 1, p.w, 0};
    p.w[0] = 2;
    p.w[3] = 0.03, p.w[4] = 0.05;
    p.w[6] = -0.02, p.w[8] = 0.04;
    open_problem(&p, 0);
    if (flowing) flow(&p, 0.1, 40);
    else step(&p, 1e-4, 40000);
    full(&p, 0, w[flowing]);
    if (flowing) assert_true(observed(&p, RELU_OBSERVE_forced_substeps) == 0);
    if (flowing) assert_within(observed(&p, RELU_OBSERVE_norm_w_min), 1e-13, 1e-11);
    close_problem(&p);
  }
  for (int j = 0; j < 9; j++) assert_within(w[0][j] - w[1][j], -2e-4, 2e-4);
}

/* Held, and let go: the third student is drawn to 0 about t = 0.9 and leaves it about t = 3.2, or passes 0 at once on
   the way to where F < 0; each is as long, and the loss as small, as gradient descent with small steps has them. */
static void flow_let_go(void **unused) {
  static const double start[2][6] = {
      {-1.06615357, 2.24661153, -0.37332904, 0.76786586, 1.03753559, -0.022647},
      {-2.03305913, 0.7857223, -0.59917577, -0.50765847, 1.08450255, -2.11487087}};
  enum { TIMES = 10 };
  (void)unused;
  for (int i = 0; i < 2; i++) {
    double length[2][TIMES], loss[2][TIMES];
    for (int flowing = 0; flowing < 2; flowing++) {
      problem p = make_flow(3, 2, 1e-9);
      if (!flowing) p.setting.gradient = (basin_gradient){.dynamics = "population"};
      p.initial = (basin_vector){BASIN_GIVEN, 3, 2, 1, p.w, 0};
      memcpy(p.w, start[i], sizeof start[i]);
      open_problem(&p, 0);
      for (int t = 0; t < TIMES; t++) {
        if (flowing) flow(&p, 0.05, 10);
        else step(&p, 1e-4, 5000);
        length[flowing][t] = observed(&p, RELU_OBSERVE_norm_w_min);
        loss[flowing][t] = p.x[RELU_LOSS];
      }
      close_problem(&p);
    }
    int held = 0;
    for (int t = 0; t < TIMES; t++) {
      held += length[1][t] < 1e-11;
      assert_within(length[1][t] - length[0][t], -1e-3, 1e-3);
      assert_within(loss[1][t] / loss[0][t] - 1, -1e-3, 1e-3);
    }
    assert_int_equal(held, i ? 0 : 5);
    assert_true(length[1][TIMES - 1] > 5e-3);
  }
}

/* ---- tests: starts and ends ---- */

/* drawn rows are the stream's normals; teachers have streams of their own; the frame does not change them */
static void starts(void **unused) {
  enum { N = 3, M = 2, D = 5 };
  (void)unused;
  for (int span = 0; span < 2; span++) {
    problem p = make_problem(N, M, D, span);
    double w[N * D], pair[2], norm2 = 0;
    p.teacher = (basin_vector){BASIN_SPHERE, M, D, 2, NULL, 0};
    p.initial = (basin_vector){BASIN_NORMAL, N, D, 0.3, NULL, 0};
    open_problem(&p, 77);
    full(&p, 77, w);
    for (int j = 0; j < N * D; j++) {
      basin_normals(99, BASIN_STREAM_DIRECTION, 77, 0, (uint64_t)(j / D * 3 + j % D / 2), &pair[0],
                    &pair[1]);
      assert_within(w[j] - 0.3 * pair[j % D % 2], -1e-14, 1e-14);
    }
    for (int l = 0; l < M; l++) assert_within(p.x[p.cell.at_mass_v + l], -2 - 1e-14, -2 + 1e-14);
    double v[M * D], sum2 = 0;
    for (int j = 0; j < M * D; j++) {
      basin_normals(99, BASIN_STREAM_TEACHER_DIRECTION, 77, 0, (uint64_t)(j / D * 3 + j % D / 2),
                    &pair[0], &pair[1]);
      v[j] = pair[j % D % 2];
    }
    for (int l = 0; l < M; l++) {
      norm2 = 0;
      for (int k = 0; k < D; k++) norm2 += v[l * D + k] * v[l * D + k];
      for (int k = 0; k < D; k++) v[l * D + k] *= 2 / sqrt(norm2);
    }
    for (int k = 0; k < D; k++) sum2 += pow(v[k] + v[D + k], 2);
    for (int64_t k = 0; k < p.cell.width; k++) sum2 -= pow(p.x[p.cell.at_sum_v + k], 2);
    assert_within(sum2, -1e-13, 1e-13);
    close_problem(&p);
  }
}

/* rows of a ball have radii of their own: |w_i|^d is uniform, and independent of the others' and of the teachers' */
static void balls(void **unused) {
  enum { N = 3, M = 2, D = 5, TRIALS = 2000 };
  double sum[N + M] = {0}, product[N + M][N + M] = {{0}};
  (void)unused;
  problem p = make_problem(N, M, D, 1);
  p.teacher = (basin_vector){BASIN_BALL, M, D, 2, NULL, 0};
  p.initial = (basin_vector){BASIN_BALL, N, D, 0.3, NULL, 0};
  open_problem(&p, 0);
  for (uint64_t trial = 0; trial < TRIALS; trial++) {
    double u[N + M];
    relu_start(&p.cell, turn_of(&p, trial, NULL), p.x);
    for (int a = 0; a < N + M; a++) {
      const double *w = p.x + p.cell.at_w + a * p.cell.width;
      double length2 = 0;
      for (int64_t k = 0; k < p.cell.width && a < N; k++) length2 += w[k] * w[k];
      const double length = a < N ? sqrt(length2) / 0.3 : -p.x[p.cell.at_mass_v + a - N] / 2;
      u[a] = pow(length, D) - 0.5;
      sum[a] += u[a];
      for (int b = 0; b <= a; b++) product[a][b] += u[a] * u[b];
    }
  }
  for (int a = 0; a < N + M; a++) {
    assert_within(sum[a] / sqrt(TRIALS / 12.0), -5.5, 5.5);
    assert_within((product[a][a] - TRIALS / 12.0) / sqrt(TRIALS / 180.0), -5.5, 5.5);
    for (int b = 0; b < a; b++) assert_within(product[a][b] / sqrt(TRIALS / 144.0), -5.5, 5.5);
  }
  close_problem(&p);
}

/* at w_i = 0 the gradient is r / 2, the others' as if it were not there; nothing is lost */
static void zero_student(void **unused) {
  uint64_t state = 23;
  problem p = make_problem(3, 1, 4, 1), q = make_problem(2, 1, 4, 1);
  double g[12], h[8], r;
  (void)unused;
  fill(p.v, 4, 1, &state);
  fill(p.w + 4, 8, 1, &state);
  memcpy(q.v, p.v, 4 * sizeof *q.v);
  memcpy(q.w, p.w + 4, 8 * sizeof *q.w);
  open_problem(&p, 0);
  open_problem(&q, 0);
  full_gradient(&p, 0, g);
  full_gradient(&q, 0, h);
  for (int k = 0; k < 4; k++) {
    r = q.w[k] + q.w[4 + k] - q.v[k];
    assert_within(g[k] - r / 2, -1e-14, 1e-14);
    for (int i = 0; i < 2; i++) assert_within(g[4 * (i + 1) + k] - h[4 * i + k], -1e-14, 1e-14);
  }
  assert_within(p.x[RELU_LOSS] - q.x[RELU_LOSS], -1e-14, 1e-14);
  step(&p, 0.05, 5000);
  assert_within(p.x[RELU_LOSS], 1e-12, 1e-5);
  close_problem(&p);
  close_problem(&q);

  /* all of them at 0, and opposite to v: on the way to 0, where they stay */
  for (int opposite = 0; opposite < 2; opposite++) {
    problem z = make_problem(2, 1, 3, 1);
    z.v[0] = 1;
    z.w[0] = z.w[3] = opposite ? -0.5 : 0;
    open_problem(&z, 0);
    step(&z, 0.1, 20000);
    assert_true(isfinite(z.x[RELU_LOSS]) && isfinite(observed(&z, RELU_OBSERVE_theta_max)));
    close_problem(&z);
  }
}

/* one student, two teachers at a right angle: the gradient vanishes, the loss does not; eta = 50 diverges */
static void outcomes(void **unused) {
  (void)unused;
  for (int which = 0; which < 3; which++) {
    static const int want[] = {BASIN_GLOBAL, BASIN_SPURIOUS, BASIN_DIVERGED};
    problem p = make_problem(which == 1 ? 1 : 2, which == 1 ? 2 : 1, 4, 1);
    mask outcome[BASIN_OUTCOMES] = {0};
    int ended = 0;
    p.v[0] = 1;
    if (which == 1) p.v[5] = 1;
    p.initial = (basin_vector){BASIN_SPHERE, p.n, 4, 0.4, NULL, 0};
    p.setting.stop = (basin_stop){.tolerance = 1e-6, .tolerance_spurious = 1e-9};
    open_problem(&p, 1);
    for (int t = 0; t < 100000 && !ended; t++) {
      memset(outcome, 0, sizeof outcome);
      step(&p, which == 2 ? 50 : 0.1, 1);
      relu_reached(&p.cell, turn_of(&p, 0, NULL), p.x, outcome);
      for (int o = 0; o < BASIN_OUTCOMES; o++) {
        if (outcome[o]) assert_int_equal(o, want[which]);
        ended |= outcome[o];
      }
    }
    assert_true(ended);
    if (which == 0) assert_within(p.x[RELU_LOSS], 1e-7, 1e-6);
    if (which == 1) {
      assert_within(p.x[RELU_LOSS], 0.01, 1);
      assert_within(observed(&p, RELU_OBSERVE_norm_grad), 0, 1e-9);
      assert_within(observed(&p, RELU_OBSERVE_theta_max), M_PI / 4 - 1e-6, M_PI / 4 + 1e-6);
    }
    close_problem(&p);
  }
}

/* ---- tests: the driver ---- */

static const char experiment_text[] =
    "trials: 21\n"
    "model: relu_sum\n"
    "grid: {n: [1, 4], span: [0, 1]}\n"
    "same_draw: [span]\n"
    "parameters: {d: 5, m: 2}\n"
    "teacher: {v: {sphere: 1}}\n"
    "init: {w: {normal: 0.3}}\n"
    "schedule: [{steps: 20, eta: 0.5}, {eta_w: 0.2}]\n"
    "stop: {at: 1e-4, at_spurious: 1e-3, max_steps: 200}\n"
    "record: {trials: 21, steps: [0, 1, 7, 16, 20, 21, 100, 200], parameters: true, final: all}\n";

static basin_experiment *parse(const char *const *set, int sets) {
  return test_parse(experiment_text, set, sets);
}

/* the same bits, by gradient descent and by gradient flow */
static void same_bits(void **unused) {
  static const char *const set[][2] = {
      {"stop={at: 1e-4, at_spurious: 1e-3, max_steps: 200}", "method=gradient_descent"},
      {"stop={max_steps: 200}", "method=gradient_descent"},
      {"stop={at: 1e-4, at_spurious: 1e-3, max_steps: 200}", "method=gradient_flow"},
      {"stop={max_steps: 60}", "method={gradient_flow: {error: 1e-5}}"}};
  (void)unused;
  for (int rule = 0; rule < 4; rule++) {
    basin_experiment *e = parse(set[rule], 2);
    int64_t ended = 0;
    for (int64_t c = 0; c < e->cells; c++) ended += test_same_bits(e, c);
    assert_true(rule % 2 ? ended == 0 : ended > 10);
    basin_experiment_free(e);
  }
}

/* the step of few students gives the bits of the one of many, with and without the loss, and its scratch is large
   enough */
static void few_students(void **unused) {
  const double pace[BASIN_PACES_MAX] = {0.1};
  uint64_t state = 11;
  (void)unused;
  for (int n = 1; n <= 3; n++)
    for (int with_loss = 0; with_loss < 2; with_loss++) {
      problem p = make_problem(n, 1, 10, 1);
      relu_cell few = {.n = n, .m = 1, .width = n + 1};
      fill(p.v, 10, 1, &state);
      fill(p.w, 10 * n, 0.5, &state);
      if (!with_loss) p.setting.stop.tolerance = 0;
      open_problem(&p, 0);
      relu_offsets(&few);
      assert_true(few.work <= RELU_FEW_WORK && few.states == p.cell.states);
      assert_int_equal(relu_few(&p.cell), n);
      double *many = malloc((size_t)p.cell.states * sizeof *many);
      memcpy(many, p.x, (size_t)p.cell.states * sizeof *many);
      for (int t = 0; t < 300; t++) {
        const basin_turn turn = turn_of(&p, 0, pace);
        relu_move(&p.cell, turn, NULL, many);
        relu_refresh(&p.cell, 0, turn.team, turn.work, many);
        relu_step(&p.cell, turn, p.x);
        assert_memory_equal(many, p.x, (size_t)p.cell.states * sizeof *many);
      }
      assert_true(with_loss == (p.x[RELU_LOSS] > 0));
      free(many);
      close_problem(&p);
    }
}

/* full vectors from the recorded state, by the model's entry: those of the other form, to rounding */
static void vectors(void **unused) {
  basin_experiment *e = parse(NULL, 0);
  (void)unused;
  for (int64_t c = 0; c < e->cells; c += 2) {
    basin_part part[2];
    double out[2][20];
    int compared = 0;
    for (int span = 0; span < 2; span++)
      test_run_range(e, c + span, basin_cpu_isa(NULL), 0, 21, 0, &part[span]);
    assert_true(e->cell[c].coordinate[1] == 0 && e->cell[c + 1].coordinate[1] == 1);
    for (int64_t at = 0; at < 21 * e->times; at++) {
      for (int span = 0; span < 2; span++) {
        const basin_cell *cell = &e->cell[c + span];
        const int64_t states = cell->setting.size.states;
        assert_int_equal(cell->model->vectors(&cell->setting, at / e->times, 1,
                                              part[span].state + at * states, 0, out[span]),
                         BASIN_OK);
      }
      const int64_t size = e->cell[c].setting.size.vectors;
      for (int64_t j = 0; j < size; j++) {
        if (isnan(part[0].state[at * e->cell[c].setting.size.states])) continue;
        assert_within(out[0][j] - out[1][j], -1e-12, 1e-12);
        compared++;
      }
    }
    assert_true(compared > 300);
    for (int span = 0; span < 2; span++) basin_part_free(&part[span]);
  }
  basin_experiment_free(e);
}

/* what a substep of gradient flow may be wrong by: as given, else 1e-9 */
static void flow_error(void **unused) {
  static const char *const set[] = {"method=gradient_flow",
                                    "method={gradient_flow: {error: 1e-5}}"};
  (void)unused;
  for (int given = 0; given < 2; given++) {
    basin_experiment *e = parse(set + given, 1);
    for (int64_t c = 0; c < e->cells; c++) {
      assert_string_equal(e->cell[c].setting.gradient.dynamics, "flow");
      assert_true(e->cell[c].setting.gradient.error == (given ? 1e-5 : 1e-9));
    }
    basin_experiment_free(e);
  }
}

/* a teacher that is zero, or rows that no stream has numbers for, are refused */
static void refused(void **unused) {
  static const char *const bad[][2] = {{"teacher.v=0", "must not be zero"},
                                       {"teacher.v={sphere: 0}", "must not be zero"},
                                       {"teacher.v={head: [1e200]}", "too long"},
                                       {"teacher.v={normal: 1e60}", "too long"},
                                       {"stop.at=4e-16", "rounding errors of the loss"},
                                       {"stop.at_gradient=0.1", "goes with a fixed data set"},
                                       {"parameters={n: 4000, d: 1e5}", "more than 2^25"}};
  basin_experiment *e = NULL;
  basin_error error;
  (void)unused;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *set[] = {bad[i][0], "grid={span: 1}"};
    assert_int_equal(basin_experiment_parse("t.yaml", experiment_text,
                                            (int64_t)strlen(experiment_text), set, 2, &e, &error),
                     BASIN_BAD_INPUT);
    if (!strstr(error.text, bad[i][1])) fail_msg("%s", error.text);
  }
  basin_experiment_free(parse((const char *[]){"stop.at=5e-16"}, 1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(flow_toy_2),
      cmocka_unit_test(flow_order),
      cmocka_unit_test(flow_rejects),
      cmocka_unit_test(flow_is_limit),
      cmocka_unit_test(flow_paces),
      cmocka_unit_test(flow_kink),
      cmocka_unit_test(flow_held),
      cmocka_unit_test(flow_let_go),
      cmocka_unit_test(small_angles),
      cmocka_unit_test(closed_forms),
      cmocka_unit_test(observables),
      cmocka_unit_test(tiny_students),
      cmocka_unit_test(monte_carlo),
      cmocka_unit_test(small_losses),
      cmocka_unit_test(small_losses_full),
      cmocka_unit_test(late_run),
      cmocka_unit_test(long_run),
      cmocka_unit_test(span_is_full),
      cmocka_unit_test(rotation),
      cmocka_unit_test(toy_1),
      cmocka_unit_test(toy_2),
      cmocka_unit_test(toy_3),
      cmocka_unit_test(slope),
      cmocka_unit_test(starts),
      cmocka_unit_test(balls),
      cmocka_unit_test(zero_student),
      cmocka_unit_test(outcomes),
      cmocka_unit_test(same_bits),
      cmocka_unit_test(few_students),
      cmocka_unit_test(vectors),
      cmocka_unit_test(flow_error),
      cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests_name("relu_sum", tests, NULL, NULL);
}
