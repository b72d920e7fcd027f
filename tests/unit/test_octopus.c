/* SPDX-License-Identifier: MIT
 *
 * test_octopus.c: the staircase of saddle points (include/models/octopus.h). Function, gradient and both algorithms
 * against plain ones, written down here from section 7.4 of the thesis in long double, which holds 2^-16445; leaps
 * against single steps; growth of the passage times; the law of the noise, and wrong laws. Seeds are fixed, so a test
 * that passes once passes always.
 */
#include "compare.h"
#include "models/octopus.h"
#include "base/statistics.h"

enum { MOST = 64, SAMPLES = 4000 };

/* ---- the function, as the thesis defines it ---- */

typedef struct plain {
  int d;
  long double L, gamma, tau;
} plain;

/* the cubic with these values and slopes at tau and 2 tau, by Hermite's four polynomials */
static long double cubic(const plain *p, long double y) {
  const long double s = (y - p->tau) / p->tau, s2 = s * s, s3 = s2 * s;
  return (2 * s3 - 3 * s2 + 1) * -2 * p->gamma * p->tau +
         (s3 - 2 * s2 + s) * p->tau * -2 * p->gamma + (-2 * s3 + 3 * s2) * -4 * p->L * p->tau +
         (s3 - s2) * p->tau * 2 * p->L;
}

/* its integral from tau, by Simpson's rule, which is exact for cubics */
static long double g1(const plain *p, long double y) {
  if (y <= p->tau) return -p->gamma * y * y;
  return -p->gamma * p->tau * p->tau +
         (y - p->tau) / 6 * (cubic(p, p->tau) + 4 * cubic(p, (y + p->tau) / 2) + cubic(p, y));
}
static long double g1_slope(const plain *p, long double y) {
  return y <= p->tau ? -2 * p->gamma * y : cubic(p, y);
}

/* from L to -gamma, with first and second derivatives 0 at both ends */
static long double g2(const plain *p, long double y) {
  const long double s = y <= p->tau ? 0 : (y - p->tau) / p->tau, s3 = s * s * s;
  return p->L - (p->L + p->gamma) * s3 * (10 - 15 * s + 6 * s * s);
}
static long double g2_slope(const plain *p, long double y) {
  const long double s = y <= p->tau ? 0 : (y - p->tau) / p->tau;
  return -(p->L + p->gamma) / p->tau * 30 * s * s * (1 - s) * (1 - s);
}

static long double nu(const plain *p) { return 4 * p->L * p->tau * p->tau - g1(p, 2 * p->tau); }

/* the first coordinate below 2 tau, from 0 */
static int first_of(const plain *p, const long double *x) {
  int i = 0;
  while (i < p->d && fabsl(x[i]) >= 2 * p->tau) i++;
  return i;
}

static int is_inside(const plain *p, const long double *x) {
  const int i = first_of(p, x);
  for (int j = 0; j < p->d; j++)
    if (j != i && !(fabsl(x[j]) <= (j < i ? 6 : 1) * p->tau)) return 0;
  return 1;
}

static long double value(const plain *p, const long double *x) {
  const int i = first_of(p, x);
  long double f = 0;
  for (int j = 0; j < i; j++) f += p->L * powl(fabsl(x[j]) - 4 * p->tau, 2) - nu(p);
  if (i < p->d) f += g1(p, fabsl(x[i]));
  if (i + 1 < p->d) f += g2(p, fabsl(x[i])) * x[i + 1] * x[i + 1];
  for (int j = i + 2; j < p->d; j++) f += p->L * x[j] * x[j];
  return f;
}

static void gradient(const plain *p, const long double *x, long double *g) {
  const int i = first_of(p, x);
  for (int j = 0; j < p->d; j++) {
    const long double y = fabsl(x[j]), sign = x[j] < 0 ? -1 : 1;
    if (j < i) g[j] = sign * 2 * p->L * (y - 4 * p->tau);
    else if (j > i + 1) g[j] = 2 * p->L * x[j];
    else if (j == i + 1) g[j] = 2 * g2(p, fabsl(x[i])) * x[j];
    else g[j] = sign * (g1_slope(p, y) + (j + 1 < p->d ? g2_slope(p, y) * x[j + 1] * x[j + 1] : 0));
  }
}

static void descend(const plain *p, long double eta, long double *x) {
  long double g[MOST];
  gradient(p, x, g);
  for (int j = 0; j < p->d; j++) x[j] -= eta * g[j];
}

/* ---- the model, called as an engine does ---- */

typedef struct bench {
  basin_experiment *e;
  octopus_cell c;
  plain p;
  double data[MOST], work[3 * MOST], pace[BASIN_PACES_MAX];
  double x[2 * MOST + OCTOPUS_HEAD]; /* the state */
} bench;

static void set_up(bench *b, const char *text) {
  const char *where;
  memset(b, 0, sizeof *b);
  b->e = test_parse(text, NULL, 0);
  basin_room room = {b->data, 0, 0};
  assert_null(model_prepare(&b->e->cell[0].setting, &room, &b->c, &where));
  b->p = (plain){(int)b->c.d, b->c.L, b->c.gamma, b->c.tau};
}

static void set_up_of(bench *b, int d, double L, double gamma, double tau, const char *rest) {
  char text[1024];
  snprintf(text, sizeof text,
           "model: octopus\ntrials: 1\nparameters: {d: %d, L: %.17g, gamma: %.17g, tau: %.17g}\n"
           "init: {x: {uniform: [-1, 1]}}\n%s",
           d, L, gamma, tau, rest);
  set_up(b, text);
}

static basin_turn turn_of(bench *b, int64_t trial, int64_t step) {
  return (basin_turn){.data = b->data,
                      .pace = b->pace,
                      .work = b->work,
                      .team = basin_alone,
                      .trial = (uint64_t)trial,
                      .step = (uint64_t)step};
}

/* starts at x; the cell's start is a given one from now on */
static void start_at(bench *b, const long double *x) {
  b->c.x.kind = BASIN_GIVEN;
  b->c.x.value = 0;
  b->c.x.offset = -0.0;
  for (int j = 0; j < b->p.d; j++) b->data[j] = (double)x[j];
  octopus_descent_start(&b->c, turn_of(b, 0, 0), b->x);
}

static double uniform(uint64_t *seed, double low, double high) {
  return low + (high - low) * test_uniform(seed);
}

/* a point of D whose first coordinate below 2 tau is number i */
static void random_point(const plain *p, int i, uint64_t *seed, long double *x) {
  const double tau = (double)p->tau;
  for (int j = 0; j < p->d; j++) {
    const double sign = test_uniform(seed) < 0.5 ? -1 : 1;
    x[j] = sign * (j < i    ? uniform(seed, 2 * tau, 6 * tau)
                   : j == i ? uniform(seed, 0, 2 * tau)
                            : uniform(seed, 0, tau));
  }
}

static const struct {
  int d;
  double L, gamma, tau;
} shapes[] = {{1, 2.718281828459045, 1, 2.718281828459045},
              {2, 1, 1, 1},
              {5, 2.718281828459045, 1, 2.718281828459045},
              {7, 3, 0.5, 0.3}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static const char still[] = "schedule: [{eta: 0.01}]\n";

/* observables of a state of both kinds at x */
static void observe(bench *b, const long double *x, double plain_out[OCTOPUS_OBSERVED],
                    double descent_out[OCTOPUS_OBSERVED]) {
  double state[MOST + OCTOPUS_PLAIN_HEAD] = {0};
  for (int j = 0; j < b->p.d; j++) state[OCTOPUS_PLAIN_HEAD + j] = (double)x[j];
  octopus_perturbed_observe(&b->c, turn_of(b, 0, 0), state, plain_out);
  start_at(b, x);
  octopus_descent_observe(&b->c, turn_of(b, 0, 0), b->x, descent_out);
}

/* the model's gradient at x: what a step without noise takes off */
static void model_gradient(bench *b, const long double *x, double *g) {
  double state[MOST + OCTOPUS_PLAIN_HEAD];
  mask inside;
  for (int j = 0; j < b->p.d; j++) state[j] = (double)x[j];
  octopus_gradient(&b->c, state, &inside, g);
}

/* f, its gradient against differences of f, what is observed */
static void is_the_function(void **unused) {
  uint64_t seed = 7;
  (void)unused;
  for (int s = 0; s < SHAPES; s++) {
    bench b;
    set_up_of(&b, shapes[s].d, shapes[s].L, shapes[s].gamma, shapes[s].tau, still);
    const plain *p = &b.p;
    const double scale = (double)(p->L * p->tau * p->tau), slope = (double)(p->L * p->tau);
    for (int n = 0; n < 600; n++) {
      const int i = n % (p->d + 1);
      long double x[MOST], norm2 = 0, distance2 = 0;
      double seen[2][OCTOPUS_OBSERVED], g[MOST];
      random_point(p, i, &seed, x);
      for (int j = 0; j < p->d; j++) x[j] = (double)x[j];
      assert_true(is_inside(p, x));
      observe(&b, x, seen[0], seen[1]);
      model_gradient(&b, x, g);
      for (int j = 0; j < p->d; j++) {
        const long double h = 1e-5L * p->tau;
        long double to[2][MOST];
        memcpy(to[0], x, sizeof x);
        memcpy(to[1], x, sizeof x);
        to[0][j] -= h, to[1][j] += h;
        const double difference = (double)((value(p, to[1]) - value(p, to[0])) / (2 * h));
        assert_within(g[j] - difference, -1e-7 * slope, 1e-7 * slope);
        norm2 += (long double)g[j] * g[j];
        distance2 += powl(fabsl(x[j]) - 4 * p->tau, 2);
      }
      const double f = (double)value(p, x), most = 1e-12 * scale * p->d;
      for (int kind = 0; kind < 2; kind++) {
        const double *o = seen[kind];
        assert_within(o[OCTOPUS_F] - f, -most, most);
        assert_within(o[OCTOPUS_LOSS] - (double)(f + p->d * nu(p)), -most, most);
        assert_true(o[OCTOPUS_PASSED] == i && o[OCTOPUS_NOISES] == 0);
        assert_within(o[OCTOPUS_NORM_GRAD] / sqrt((double)norm2), 1 - 1e-11, 1 + 1e-11);
        assert_within(o[OCTOPUS_DISTANCE] / sqrt((double)distance2), 1 - 1e-11, 1 + 1e-11);
      }
    }
    basin_experiment_free(b.e);
  }
}

/* nu as the thesis's numbers give it; saddle points and minima, in every orthant; the steepest point */
static void has_its_critical_points(void **unused) {
  static const double L[] = {1, 1.5, 2, 2.718281828459045, 3};
  static const double height[] = {61.5754675, 84.3583905, 107.1413134, 139.870432574, 152.7071594};
  (void)unused;
  for (int n = 0; n < 5; n++) {
    bench b;
    set_up_of(&b, 5, L[n], 1, 2.718281828459045, still);
    assert_within(b.c.nu / height[n], 1 - 1e-8, 1 + 1e-8);
    for (int k = 0; k <= 5; k++) {
      for (int orthant = 0; orthant < 32; orthant++) {
        long double x[MOST];
        double seen[2][OCTOPUS_OBSERVED];
        for (int j = 0; j < 5; j++) x[j] = (j < k ? 4 * b.p.tau : 0) * (orthant >> j & 1 ? -1 : 1);
        observe(&b, x, seen[0], seen[1]);
        for (int kind = 0; kind < 2; kind++) {
          assert_within(seen[kind][OCTOPUS_NORM_GRAD], 0, 0);
          assert_within(seen[kind][OCTOPUS_F] + k * b.c.nu, -1e-9, 1e-9);
          assert_true(seen[kind][OCTOPUS_PASSED] == k);
          if (k == 5)
            assert_true(seen[kind][OCTOPUS_LOSS] == 0 && seen[kind][OCTOPUS_DISTANCE] == 0);
        }
      }
    }
    basin_experiment_free(b.e);
  }
}

/* second derivatives across |x_i| = tau and 2 tau agree from both sides; they do not at another point of the spline,
   where they change with x, so the comparison can fail */
static void is_smooth(void **unused) {
  uint64_t seed = 3;
  (void)unused;
  for (int s = 1; s < SHAPES; s++) {
    bench b;
    set_up_of(&b, shapes[s].d, shapes[s].L, shapes[s].gamma, shapes[s].tau, still);
    const plain *p = &b.p;
    const double h = 1e-6 * (double)p->tau, most = 1e-3 * (double)p->L;
    for (int n = 0; n < 200; n++) {
      const int i = n % p->d, end = n / p->d % 2;
      const double sign = n % 3 ? 1 : -1;
      long double x[MOST];
      double g[3][MOST], away = 0;
      random_point(p, i, &seed, x);
      for (int jump = 0; jump < 2; jump++) {
        /* with a jump: in the midst of the spline, from one half of it to the other */
        const double from = sign * (double)p->tau * (jump ? 1.5 : 1 + end), step = jump ? 0.3 : h;
        for (int side = 0; side < 3; side++) {
          x[i] = from + (side - 1) * step;
          model_gradient(&b, x, g[side]);
        }
        for (int j = 0; j < p->d; j++) {
          const double bend = (g[2][j] - 2 * g[1][j] + g[0][j]) / step;
          if (jump) away = fmax(away, fabs(bend));
          else assert_within(bend, -most, most);
        }
      }
      assert_true(away > most);
    }
    basin_experiment_free(b.e);
  }
}

/* ---- gradient descent ---- */

enum rule_of { STILL_RUNNING = BASIN_UNRESOLVED };

static int outcome_of(const bench *b, int early) {
  mask holds[BASIN_OUTCOMES] = {0};
  const basin_turn none = {.team = basin_alone};
  if (early) octopus_descent_decide(&b->c, none, b->x, holds);
  else octopus_descent_reached(&b->c, none, b->x, holds);
  for (int o = 1; o < BASIN_OUTCOMES; o++)
    if (holds[o]) return o;
  return STILL_RUNNING;
}

/* a start as the model draws it */
static void drawn(bench *b, int64_t trial, long double *x) {
  double start[MOST];
  octopus_draw(&b->c, turn_of(b, trial, 0), start);
  for (int j = 0; j < b->p.d; j++) x[j] = start[j];
}

/* steps of the state from `step` to `until`, in leaps of at most so many; stops where the early rule holds */
static int64_t go_on(bench *b, int64_t step, int64_t until, double most) {
  while (step < until && outcome_of(b, 1) == STILL_RUNNING) {
    const double limit = fmin(most, (double)(until - step));
    const double taken = octopus_descent_leap(&b->c, turn_of(b, 0, step), limit, b->x);
    assert_true(taken >= 1 && taken <= limit && taken == floor(taken));
    step += (int64_t)taken;
  }
  return step;
}

/* the path is that of the plain recursion, passage for passage, with step sizes up to 1/L and two stages; with larger
   ones, which move away from every minimum, until it leaves D */
static void is_the_recursion(void **unused) {
  static const double of_L[][2] = {{0.25, 0.25}, {0.7, 0.7}, {0.49, 0.1}, {0.1, 0.8}, {1.3, 1.3}};
  uint64_t seed = 11;
  int passages = 0, left = 0;
  (void)unused;
  for (int s = 1; s < SHAPES; s++) {
    for (int n = 0; n < 5; n++) {
      bench b;
      set_up_of(&b, 3 + (s == 2), shapes[s].L, shapes[s].gamma, shapes[s].tau, still);
      const plain *p = &b.p;
      const double eta[2] = {of_L[n][0] / b.c.L, of_L[n][1] / b.c.L};
      const draw_source source = b.c.x;
      for (int64_t trial = 0; trial < 12; trial++) {
        long double x[MOST];
        int64_t step = 0;
        b.c.x = source;
        drawn(&b, trial, x);
        for (int j = 0; j < p->d; j++) x[j] *= fminl(1, p->tau);
        start_at(&b, x);
        b.c.settles = n != 4; /* then the early rule names what is behind the last saddle point */
        for (int stage = 0; step < 9000; stage++) {
          const int64_t until = stage ? step + 1 + (int64_t)(test_random(&seed) % 60) : 20;
          const double now = eta[stage > 0];
          const int before = first_of(p, x);
          octopus_descent_paces(&b.c, &now, b.pace);
          const int64_t come = go_on(&b, step, until, (double)(1 + test_random(&seed) % 40));
          for (; step < come; step++) descend(p, now, x);
          double out[MOST], seen[OCTOPUS_OBSERVED];
          octopus_descent_observe(&b.c, turn_of(&b, 0, 0), b.x, seen);
          octopus_descent_vectors(&b.c, turn_of(&b, 0, 0), b.x, 0, out);
          assert_int_equal((int)seen[OCTOPUS_PASSED], first_of(p, x));
          passages += first_of(p, x) > before;
          for (int j = 0; j < p->d; j++) {
            const long double size = j < first_of(p, x) ? p->tau : fabsl(x[j]);
            if (size > 1e-290L && fabsl(out[j] - x[j]) > 1e-9L * size)
              fail_msg("shape %d, step sizes %d, trial %d, step %d: x[%d] = %.17g, expected %.17Lg",
                       s, n, (int)trial, (int)step, j, out[j], x[j]);
          }
          const int outcome = outcome_of(&b, 1);
          assert_int_equal(outcome == BASIN_LEFT, !is_inside(p, x));
          left += outcome == BASIN_LEFT;
          if (outcome != STILL_RUNNING) {
            assert_true(outcome == BASIN_LEFT || first_of(p, x) == p->d);
            break;
          }
        }
      }
      basin_experiment_free(b.e);
    }
  }
  assert_true(passages > 300 && left > 20);
}

/* The trap: with d = 5 and L = e all trials come through, at the step at which the recursion does in numbers that reach
   down to 2^-16445. In double precision none does. */
static void does_not_underflow(void **unused) {
  enum { TRIALS = 60, ENOUGH = 15000 };
  int compared = 0, through = 0;
  basin_experiment *e = test_parse("model: octopus\ntrials: 60\nparameters: {d: 5}\n"
                                   "init: {x: {uniform: [-1, 1]}}\nschedule: [{eta: 1/(4*L)}]\n"
                                   "stop: {passed: d, max_steps: 1e9}\n",
                                   NULL, 0);
  bench b;
  basin_part part;
  (void)unused;
  test_run_cell(e, 0, &part);
  set_up(&b, "model: octopus\ntrials: 1\nparameters: {d: 5}\ninit: {x: {uniform: [-1, 1]}}\n"
             "schedule: [{eta: 1/(4*L)}]\n");
  const long double eta = e->cell[0].setting.stage[0].eta[0];
  for (int64_t trial = 0; trial < TRIALS; trial++) {
    long double x[MOST];
    double narrow[MOST];
    assert_int_equal(part.outcome[trial], BASIN_GLOBAL);
    for (int k = 1; k <= 5; k++)
      assert_true(part.passage[(k - 1) * TRIALS + trial] >
                  (k > 1 ? part.passage[(k - 2) * TRIALS + trial] : -1));
    assert_true(part.passage[4 * TRIALS + trial] == part.steps[trial]);
    if (trial >= 30) continue;
    drawn(&b, trial, x);
    for (int j = 0; j < 5; j++) narrow[j] = (double)x[j];
    for (int64_t step = 0; step < ENOUGH && first_of(&b.p, x) < 5; step++) {
      const int before = first_of(&b.p, x);
      descend(&b.p, eta, x);
      for (int k = before; k < first_of(&b.p, x); k++, compared++)
        assert_true(part.passage[k * TRIALS + trial] == step + 1);
    }
    for (int64_t step = 0; step < ENOUGH; step++) { /* the same, rounded to double at each step */
      long double wide[MOST];
      for (int j = 0; j < 5; j++) wide[j] = narrow[j];
      if (first_of(&b.p, wide) == 5) break;
      if (step > 5000 && narrow[4] == 0) break;
      descend(&b.p, eta, wide);
      for (int j = 0; j < 5; j++) narrow[j] = (double)wide[j];
    }
    through += fabs(narrow[4]) >= 2 * b.c.tau;
  }
  assert_true(compared > 4 * 30 + 10);
  assert_int_equal(through, 0);
  basin_experiment_free(e);
  basin_experiment_free(b.e);
  basin_part_free(&part);
}

/* the same bits whatever leaps the steps are taken in, stages included */
static void leaps_are_steps(void **unused) {
  uint64_t seed = 5;
  int64_t longest = 0;
  (void)unused;
  for (int64_t trial = 0; trial < 8; trial++) {
    static bench b[2];
    long double x[MOST];
    for (int n = 0; n < 2; n++) {
      set_up_of(&b[n], 5, 2.718281828459045, 1, 2.718281828459045, still);
      drawn(&b[n], trial, x);
      start_at(&b[n], x);
    }
    for (int64_t step = 0, stage = 0; step < 20000 && outcome_of(&b[0], 1) == STILL_RUNNING;
         stage++) {
      const double eta = stage % 2 ? 0.09 : 0.3;
      const int64_t until = step + 1 + (int64_t)(test_random(&seed) % 900);
      for (int n = 0; n < 2; n++) octopus_descent_paces(&b[n].c, &eta, b[n].pace);
      const int64_t come = go_on(&b[0], step, until, 1);
      int64_t at = step;
      while (at < come) {
        const int64_t before = at;
        at = go_on(&b[1], at, at + 1 + (int64_t)(test_random(&seed) % (uint64_t)(until - at)), 1e9);
        if (at - before > longest) longest = at - before;
      }
      assert_true(at == come);
      step = come;
      assert_memory_equal(b[0].x, b[1].x, (size_t)(OCTOPUS_HEAD + 10) * sizeof(double));
    }
    for (int n = 0; n < 2; n++) basin_experiment_free(b[n].e);
  }
  assert_true(longest > 100);
}

/* T_{k+1}/T_k comes to 1 + ln 2 / ln(1 + gamma/(2 L)) with eta = 1/(4 L), to many digits, not to (L + gamma)/gamma;
   Lemma 7.2's bound holds in every trial */
static void passages_grow(void **unused) {
  static const double L[] = {1, 1.5, 2, 2.718281828459045, 3, 5};
  static const double printed[] = {2.709511, 3.409421, 4.106284, 5.105164, 5.496556, 8.272541};
  enum { D = 10, TRIALS = 20 };
  (void)unused;
  for (int n = 0; n < 6; n++) {
    bench b;
    char text[512];
    snprintf(text, sizeof text,
             "model: octopus\ntrials: %d\nparameters: {d: %d, L: %.17g}\n"
             "init: {x: {uniform: [-1, 1]}}\nschedule: [{eta: 1/(4*L)}]\nstop: {max_steps: 1e12}\n",
             TRIALS, D, L[n]);
    set_up(&b, text);
    const double eta = 1 / (4 * L[n]), exact = 1 + log(2) / log1p(1 / (2 * L[n]));
    basin_part part;
    test_run_cell(b.e, 0, &part);
    assert_within(exact / printed[n], 1 - 1e-6, 1 + 1e-6);
    for (int64_t trial = 0; trial < TRIALS; trial++) {
      const int64_t *passage = part.passage + trial;
      assert_int_equal(part.outcome[trial], BASIN_GLOBAL);
      assert_true(part.steps[trial] == passage[(D - 1) * TRIALS]);
      const double ratio = (double)passage[(D - 1) * TRIALS] / (double)passage[(D - 2) * TRIALS];
      assert_within(ratio / exact, 1 - 5e-3, 1 + 5e-3);
      assert_true(ratio > 1.2 * (L[n] + 1));
      for (int k = 0; k < D; k++)
        assert_true((double)passage[k * TRIALS] >= pow(L[n] + 1, k) / (2 * eta));
    }
    basin_part_free(&part);
    basin_experiment_free(b.e);
  }
}

/* ---- perturbed gradient descent ---- */

static const char noisy[] =
    "schedule: [{eta: 1/(4*L)}]\nmethod: {perturbed: {radius: 0.3, below: 0.05, every: 1}}\n";

static int differs_from_uniform(double *x, int n) {
  double largest = 0;
  qsort(x, (size_t)n, sizeof *x, test_ascending);
  for (int i = 0; i < n; i++)
    largest = fmax(largest, fmax(x[i] - (double)i / n, (double)(i + 1) / n - x[i]));
  return largest > sqrt(-0.5 * log(FALSE_ALARM / 2)) / sqrt(n);
}

/* |xi|^d / r^d is uniform; an entry is distributed as that of points found by rejection; moments. A noise that is wrong
   in its length or in its direction is told. */
static void noise_is_uniform_in_the_ball(void **unused) {
  static const int dimension[] = {1, 2, 3, 8};
  enum wrong { RIGHT, NORMAL, SPHERE, NO_ROOT, CUBE, WRONGS };
  uint64_t seed = 17;
  (void)unused;
  for (int n = 0; n < 4; n++) {
    bench b;
    const int d = dimension[n];
    set_up_of(&b, d, 2.718281828459045, 1, 2.718281828459045, noisy);
    for (int wrong = RIGHT; wrong < WRONGS; wrong++) {
      static double length[SAMPLES], entry[SAMPLES], found[SAMPLES], sum[SAMPLES];
      double mean = 0, square = 0, product = 0;
      for (int i = 0; i < SAMPLES; i++) {
        double noise[MOST], norm2 = 0, other[MOST], other2;
        octopus_noise(&b.c, turn_of(&b, i / 8, 3 + i % 8), noise);
        for (int j = 0; j < d; j++) norm2 += noise[j] * noise[j];
        const double was = sqrt(norm2) / 0.3;
        for (int j = 0; j < d; j++) {
          if (wrong == NORMAL) noise[j] *= sqrt(-2 * log(1 - pow(was, d))) / was;
          if (wrong == SPHERE) noise[j] /= was;
          if (wrong == NO_ROOT) noise[j] *= pow(was, d - 1);
          if (wrong == CUBE) noise[j] = uniform(&seed, -0.3, 0.3);
        }
        norm2 = 0;
        for (int j = 0; j < d; j++) norm2 += noise[j] * noise[j];
        do {
          other2 = 0;
          for (int j = 0; j < d; j++) {
            other[j] = uniform(&seed, -1, 1);
            other2 += other[j] * other[j];
          }
        } while (other2 > 1);
        length[i] = pow(sqrt(norm2) / 0.3, d);
        entry[i] = noise[d - 1] / 0.3;
        found[i] = other[0];
        mean += noise[0] / 0.3 / SAMPLES;
        square += noise[0] * noise[0] / 0.09 / SAMPLES;
        product += d > 1 ? noise[0] * noise[d - 1] / 0.09 / SAMPLES : 0;
        sum[i] = norm2;
      }
      const int told = differs_from_uniform(length, SAMPLES) + test_differ(entry, found, SAMPLES);
      if (wrong == RIGHT) {
        const double variance = 1.0 / (d + 2), sigma = 5.5 / sqrt(SAMPLES);
        assert_int_equal(told, 0);
        assert_within(mean, -sigma * sqrt(variance), sigma * sqrt(variance));
        assert_within(square, variance - 2 * sigma * variance, variance + 2 * sigma * variance);
        assert_within(product, -sigma * variance, sigma * variance);
        for (int i = 0; i < SAMPLES; i++) assert_true(sum[i] <= 0.09 * (1 + 1e-12));
      } else if (d > 1) {
        assert_true(told > 0);
      }
    }
    basin_experiment_free(b.e);
  }
}

/* Algorithm 2, step by step, on the model's own noise */
static void is_algorithm_2(void **unused) {
  static const char *const method[] = {
      "method: {perturbed: {radius: 0.02718281828459045, below: 0.02718281828459045, every: 1}}\n",
      "method: {perturbed: {radius: 0.1, below: 0.3, every: 4}}\n",
      "method: {perturbed: {radius: 0}}\n"};
  (void)unused;
  for (int n = 0; n < 3; n++) {
    char text[1024];
    bench b;
    int64_t noises = 0, passed = 0;
    snprintf(
        text, sizeof text,
        "model: octopus\ntrials: 10\nparameters: {d: 4}\ninit: {x: {uniform: [-1, 1]}}\n"
        "schedule: [{steps: 70, eta: 0.05}, {eta: 1/(4*L)}]\nstop: {at: 1e-9, max_steps: 400}\n"
        "record: {trials: 10, steps: {every: 1}, parameters: true}\nallow: {unresolved: 1}\n%s",
        method[n]);
    set_up(&b, text);
    basin_part part;
    test_run_cell(b.e, 0, &part);
    const double every = b.c.every;
    for (int64_t trial = 0; trial < 10; trial++) {
      long double x[MOST], g[MOST];
      double latest = -every - 1, count = 0;
      int64_t come[MOST];
      for (int k = 0; k < 4; k++) come[k] = -1;
      drawn(&b, trial, x);
      for (int64_t t = 0; t <= 400; t++) {
        const double *state = part.state + (trial * b.e->times + t) * (OCTOPUS_PLAIN_HEAD + 4);
        for (int j = 0; j < 4; j++) {
          assert_within(state[OCTOPUS_PLAIN_HEAD + j] - (double)x[j], -1e-9, 1e-9);
          x[j] = state[OCTOPUS_PLAIN_HEAD + j]; /* the next step begins from the same bits */
        }
        assert_true(state[OCTOPUS_COUNT] == count && state[OCTOPUS_LATEST] == latest);
        for (int k = 0; k < first_of(&b.p, x); k++)
          if (come[k] < 0) come[k] = t;
        long double norm2 = 0;
        gradient(&b.p, x, g);
        for (int j = 0; j < 4; j++) norm2 += g[j] * g[j];
        if (sqrtl(norm2) <= b.c.below && (double)t - latest > every) {
          double noise[MOST];
          octopus_noise(&b.c, turn_of(&b, trial, t), noise);
          for (int j = 0; j < 4; j++) x[j] += noise[j];
          latest = (double)t;
          count++;
        }
        descend(&b.p, t < 70 ? 0.05L : (long double)b.e->cell[0].setting.stage[1].eta[0], x);
      }
      noises += (int64_t)count;
      for (int k = 0; k < 4; k++) {
        assert_true(part.passage[k * 10 + trial] == come[k]);
        passed += come[k] >= 0;
      }
      assert_int_equal(part.outcome[trial], BASIN_UNRESOLVED);
    }
    assert_true(noises > 100 && (n == 2 || passed == 40));
    basin_part_free(&part);
    basin_experiment_free(b.e);
  }
}

/* ---- how trials end ---- */

static void ends(const char *text, int outcome, int64_t steps) {
  basin_experiment *e = test_parse(text, NULL, 0);
  for (int64_t cell = 0; cell < e->cells; cell++) {
    basin_part part;
    test_run_cell(e, cell, &part);
    for (int64_t t = 0; t < part.count; t++) {
      assert_int_equal(part.outcome[t], outcome);
      if (steps >= 0) assert_true(part.steps[t] == steps);
    }
    basin_part_free(&part);
  }
  basin_experiment_free(e);
}

#define HEAD "model: octopus\ntrials: 20\nparameters: {d: 4}\n"
#define CUBE "init: {x: {uniform: [-1, 1]}}\n"
#define BOTH "variants: {gd: {}, pgd: {method: perturbed}}\n"

static void ends_as_it_should(void **unused) {
  (void)unused;
  ends(HEAD CUBE "schedule: [{eta: 0.09}]\nstop: {max_steps: 1e9}\n" BOTH, BASIN_GLOBAL, -1);
  ends(HEAD CUBE "schedule: [{eta: 0.09}]\nstop: {at: 0.05, max_steps: 1e9}\n" BOTH, BASIN_GLOBAL,
       -1);
  /* step sizes of more than 1/L leave; so do starts outside of D, before a step is taken */
  ends(HEAD CUBE "schedule: [{eta: 1.5/L}]\n" BOTH, BASIN_LEFT, -1);
  ends(HEAD "init: {x: [0.1, 2.8, 0, 0]}\nschedule: [{eta: 0.09}]\n" BOTH, BASIN_LEFT, 0);
  ends(HEAD "init: {x: [17, 0.1, 0, 0]}\nschedule: [{eta: 0.09}]\n" BOTH, BASIN_LEFT, 0);
  ends(HEAD "init: {x: [1e60, 0.1, 0, 0]}\nschedule: [{eta: 0.09}]\n" BOTH, BASIN_DIVERGED, 0);
  /* eta = 1/(2 L): every coordinate ahead is 0 after one step */
  ends(HEAD "init: {x: [0.5, 0, 0.1, 0]}\nschedule: [{eta: 0.09}]\nstop: {max_steps: 1e9}\n",
       BASIN_SADDLE, -1);
  ends(HEAD "init: {x: 0}\nschedule: [{eta: 0.09}]\n", BASIN_SADDLE, 0);
  ends("model: octopus\ntrials: 20\nparameters: {d: 4, L: 1, tau: 1}\n" CUBE
       "schedule: [{eta: 0.5}]\nstop: {max_steps: 1e9}\n",
       BASIN_SADDLE, -1);
  /* nothing moves, or not long enough */
  ends(HEAD CUBE "schedule: [{eta: 0}]\nstop: {max_steps: 1e6}\n", BASIN_UNRESOLVED, 1000000);
  ends(HEAD CUBE "schedule: [{eta: 0.09}]\nstop: {max_steps: 12}\n" BOTH, BASIN_UNRESOLVED, 12);
}

static void refused(const char *stop, const char *why) {
  char text[512];
  basin_experiment *e = NULL;
  basin_error error;
  snprintf(text, sizeof text, HEAD CUBE "schedule: [{eta: 0.09}]\nstop: {%s}\n", stop);
  assert_int_equal(
      basin_experiment_parse("t.yaml", text, (int64_t)strlen(text), NULL, 0, &e, &error),
      BASIN_BAD_INPUT);
  if (!strstr(error.text, why)) fail_msg("%s, expected %s", error.text, why);
}

/* stop: {passed: d}, at: 2 tau, the early rule and the last passage are the same step, and `at` below is later */
static void stops_where_it_says(void **unused) {
  static const char *const stop[] = {"passed: d", "at: 2*tau", "passed: d, at: 1e-3", "",
                                     "at: tau/10"};
  int64_t steps[5][20];
  (void)unused;
  for (int n = 0; n < 5; n++) {
    char text[512];
    basin_part part;
    snprintf(text, sizeof text,
             HEAD CUBE "schedule: [{eta: 1/(4*L)}]\nstop: {%s%smax_steps: 1e9}\n", stop[n],
             *stop[n] ? ", " : "");
    basin_experiment *e = test_parse(text, NULL, 0);
    test_run_cell(e, 0, &part);
    for (int t = 0; t < 20; t++) {
      steps[n][t] = part.steps[t];
      assert_int_equal(part.outcome[t], BASIN_GLOBAL);
      assert_true(part.passage[3 * 20 + t] == steps[0][t]);
      if (n < 4) assert_true(steps[n][t] == steps[0][t]);
      else assert_true(steps[n][t] >= steps[0][t] + 3 && steps[n][t] <= steps[0][t] + 6);
    }
    basin_part_free(&part);
    basin_experiment_free(e);
  }
  refused("passed: 3", "stop.passed: a trial ends behind the last saddle point");
  refused("passed: 65", "stop.passed is 65");
  refused("passd: 4", "did you mean `passed`");
  refused("at: 6", "more than 2 tau");
}

/* ---- the drivers ---- */

/* every instruction set, other neighbours, pauses wherever they may come: the same bits, of all records and passages */
static void same_bits(void **unused) {
  static const char text[] =
      "model: octopus\ntrials: 40\ngrid: {d: [1, 4, 9]}\n"
      "init: {x: {uniform: [-1, 1]}}\nschedule: [{steps: 37, eta: 0.05}, {steps: 900, eta: 0.15}, "
      "{eta: 1/(4*L)}]\nstop: {passed: d, max_steps: 3e4}\nvariants: {gd: {}, pgd: {method: "
      "{perturbed: {radius: 0.1, below: 0.1, every: 2}}}, near: {stop: {at: 1e-6, max_steps: "
      "2e4}}, "
      "early: {stop: {max_steps: 3e4}}, all: {stop: {at: 1e-6, max_steps: 700}, method: "
      "perturbed}}\n"
      "record: {trials: 40, steps: {log: 40}, parameters: true, final: all}\n";
  static const char *const watched[] = {
      "record.passages={f: {below: [-1, -100, -200]}, passed: {above: [1]}}", "grid.d=[3]",
      "stop.max_steps=2e3"};
  int64_t ended = 0;
  (void)unused;
  for (int n = 0; n < 2; n++) {
    basin_experiment *e = test_parse(text, watched, n ? 3 : 0);
    for (int64_t cell = 0; cell < e->cells; cell++) ended += test_same_bits(e, cell);
    basin_experiment_free(e);
  }
  assert_true(ended > 200);
}

/* passages of an observable that leaps change are those of a record of every step */
static void watches_what_leaps_change(void **unused) {
  basin_experiment *e = test_parse(
      HEAD CUBE "schedule: [{eta: 1/(4*L)}]\nstop: {passed: d, max_steps: 3e4}\n"
                "record: {trials: 4, steps: {every: 1}, observables: [f], passages: {f: {below: "
                "[-0.5, -1, -2, -200, -400]}}}\n",
      NULL, 0);
  basin_part part;
  static const double level[] = {-0.5, -1, -2, -200, -400};
  int later = 0;
  (void)unused;
  test_run_cell(e, 0, &part);
  for (int64_t trial = 0; trial < 4; trial++) {
    for (int k = 0; k < 5; k++) {
      const double *f = part.record + trial * e->times;
      int64_t t = 0;
      while (t < e->times - 1 && !(f[t] <= level[k])) t++;
      assert_true(part.passage[k * part.count + trial] == t);
      later += t > 0;
    }
  }
  assert_true(later > 10);
  basin_part_free(&part);
  basin_experiment_free(e);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(is_the_function),
                                     cmocka_unit_test(has_its_critical_points),
                                     cmocka_unit_test(is_smooth),
                                     cmocka_unit_test(is_the_recursion),
                                     cmocka_unit_test(does_not_underflow),
                                     cmocka_unit_test(leaps_are_steps),
                                     cmocka_unit_test(passages_grow),
                                     cmocka_unit_test(noise_is_uniform_in_the_ball),
                                     cmocka_unit_test(is_algorithm_2),
                                     cmocka_unit_test(ends_as_it_should),
                                     cmocka_unit_test(stops_where_it_says),
                                     cmocka_unit_test(same_bits),
                                     cmocka_unit_test(watches_what_leaps_change)};
  return cmocka_run_group_tests_name("octopus", tests, NULL, NULL);
}
