/* SPDX-License-Identifier: MIT
 *
 * test_conv.c: the closed forms and the reduced dynamics of include/models/conv/conv.h, against what they stand for:
 * Monte Carlo over Gaussian inputs, finite differences of the loss, and gradient descent on full vectors.
 */
#include "test.h"
#include "models/cnn.h"

enum { K_MAX = 128, P_MAX = 64 };

/* ---- gradient descent on full vectors, as a paper's script does it ---- */

typedef struct full {
  int k, p, weight_norm;
  double a[K_MAX], v[P_MAX], a_star[K_MAX], v_star[P_MAX];
} full;

static double dot(const double *x, const double *y, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* angle by atan2 of the two components: accurate at both ends */
static double full_angle(const full *f) {
  const double along = dot(f->v, f->v_star, f->p), norm2 = dot(f->v_star, f->v_star, f->p);
  double rest2 = 0;
  for (int i = 0; i < f->p; i++) rest2 += pow(f->v[i] - along / norm2 * f->v_star[i], 2);
  return atan2(sqrt(rest2), along / sqrt(norm2));
}

static double g_of(double phi) { return (M_PI - phi) * cos(phi) + sin(phi); }

/* Proposition 16, as printed */
static double full_loss(const full *f) {
  const double phi = full_angle(f);
  double sum = 0, sum_star = 0;
  for (int j = 0; j < f->k; j++) sum += f->a[j], sum_star += f->a_star[j];
  return 0.5 *
         ((M_PI - 1) / (2 * M_PI) * (dot(f->a, f->a, f->k) + dot(f->a_star, f->a_star, f->k)) -
          (g_of(phi) - 1) / M_PI * dot(f->a, f->a_star, f->k) +
          (sum * sum + sum_star * sum_star) / (2 * M_PI) - sum * sum_star / M_PI);
}

static void full_gradient(const full *f, double *by_a, double *by_v) {
  const double phi = full_angle(f), g = g_of(phi), q = dot(f->a, f->a_star, f->k);
  const double norm2 = dot(f->v, f->v, f->p), along = dot(f->v, f->v_star, f->p);
  double sum = 0, sum_star = 0;
  for (int j = 0; j < f->k; j++) sum += f->a[j], sum_star += f->a_star[j];
  for (int j = 0; j < f->k; j++)
    by_a[j] = (sum + (M_PI - 1) * f->a[j] - sum_star - (g - 1) * f->a_star[j]) / (2 * M_PI);
  for (int i = 0; i < f->p; i++)
    by_v[i] = -q * (M_PI - phi) / (2 * M_PI * sqrt(norm2)) *
              (f->v_star[i] - along / norm2 * f->v[i]);
}

static void full_step(full *f, double eta_a, double eta_w) {
  double by_a[K_MAX], by_v[P_MAX];
  full_gradient(f, by_a, by_v);
  for (int j = 0; j < f->k; j++) f->a[j] -= eta_a * by_a[j];
  for (int i = 0; i < f->p; i++) f->v[i] -= eta_w * by_v[i];
  const double length = sqrt(dot(f->v, f->v, f->p));
  for (int i = 0; i < f->p && !f->weight_norm; i++) f->v[i] /= length;
}

/* ---- a setting with random teacher and start ---- */

typedef struct problem {
  basin_setting setting;
  double parameter[2], a_star[K_MAX], v_star[P_MAX], start_a[K_MAX], start_v[P_MAX];
  basin_vector teacher[2], initial[2];
  basin_stage stage[2];
  double data[3 * K_MAX + 2 * P_MAX + 3 * K_MAX];
} problem;

/* drawn starts where `drawn`, else given ones; the teacher's entries are random, v* of length 1 */
static void make_problem(problem *x, int k, int p, int drawn, double eta_a, double eta_w,
                         uint64_t *state) {
  double norm2 = 0;
  memset(x, 0, sizeof *x);
  for (int j = 0; j < k; j++)
    x->a_star[j] = 2 * test_uniform(state) - 0.7, x->start_a[j] = 2 * test_uniform(state) - 1;
  for (int i = 0; i < p; i++) {
    x->v_star[i] = 2 * test_uniform(state) - 1, x->start_v[i] = 2 * test_uniform(state) - 1;
    norm2 += x->v_star[i] * x->v_star[i];
  }
  for (int i = 0; i < p; i++) x->v_star[i] /= sqrt(norm2);
  x->parameter[0] = k;
  x->parameter[1] = p;
  x->teacher[0] = (basin_vector){BASIN_GIVEN, 1, k, 1, x->a_star, 0};
  x->teacher[1] = (basin_vector){BASIN_GIVEN, 1, p, 1, x->v_star, 0};
  x->initial[0] = drawn ? (basin_vector){BASIN_BALL, 1, k, 1.5, NULL, 0}
                        : (basin_vector){BASIN_GIVEN, 1, k, 1, x->start_a, 0};
  x->initial[1] = drawn ? (basin_vector){BASIN_SPHERE, 1, p, 0.8, NULL, 0}
                        : (basin_vector){BASIN_GIVEN, 1, p, 1, x->start_v, 0};
  x->stage[0] = (basin_stage){.steps = INT64_MAX, .eta = {eta_a, eta_w}, .scale = 1};
  x->setting = (basin_setting){.parameter = x->parameter,
                               .teacher = x->teacher,
                               .initial = x->initial,
                               .stage = x->stage,
                               .stages = 1,
                               .stop = {.max_steps = 1000000},
                               .key = test_random(state)};
}

/* either model's cell, whichever the header is */
static void prepare(problem *x, int weight_norm, conv_cell *cell, double *paces) {
  basin_room room = {NULL, 0, 0};
  const char *where;
  const double shift = weight_norm ? 0 : 1 / sqrt(x->parameter[1]);
  assert_null(conv_prepare(&x->setting, shift, weight_norm, &room, cell, &where));
  assert_true(room.used <= (int64_t)(sizeof x->data / sizeof *x->data));
  room = (basin_room){x->data, 0, 0};
  assert_null(conv_prepare(&x->setting, shift, weight_norm, &room, cell, &where));
  conv_paces(cell, x->stage[0].eta, paces);
}

static void start(const conv_cell *cell, const double *data, uint64_t trial, conv_state *s) {
  conv_start_a(cell, data, trial, s);
  conv_start_v(cell, data, basin_alone, trial, s);
}

/* the full vectors of the state */
static void to_full(const problem *x, const conv_cell *cell, uint64_t trial, int weight_norm,
                    const conv_state *s, full *f) {
  double out[K_MAX + P_MAX], common[CONV_COMMON + K_MAX + P_MAX];
  conv_common(cell, x->data, trial, common);
  conv_vectors(cell, x->data, common, s, out);
  f->k = (int)cell->k;
  f->p = (int)cell->p;
  f->weight_norm = weight_norm;
  memcpy(f->a, out, (size_t)cell->k * sizeof *out);
  for (int64_t i = 0; i < cell->p; i++) f->v[i] = out[cell->k + i] + cell->shift;
  memcpy(f->a_star, x->a_star, sizeof f->a_star);
  memcpy(f->v_star, x->v_star, sizeof f->v_star);
}

static double loss_of(const conv_cell *cell, const conv_state *s) {
  double out[CONV_OBSERVED];
  conv_observe(cell, s, out);
  return out[CONV_OBSERVE_loss];
}

/* ---- tests ---- */

/* mean over Gaussian inputs of the loss and of both gradients, z-scores against the closed forms */
static void monte_carlo(void **unused) {
  static const int shape[][2] = {{1, 2}, {3, 2}, {16, 8}, {25, 6}};
  enum { INPUTS = 100000 };
  uint64_t state = 11;
  (void)unused;
  for (size_t n = 0; n < sizeof shape / sizeof *shape; n++) {
    const int k = shape[n][0], p = shape[n][1];
    double mean[K_MAX + P_MAX + 1] = {0}, square[K_MAX + P_MAX + 1] = {0}, by_a[K_MAX], by_v[P_MAX];
    problem x;
    conv_cell cell;
    double paces[BASIN_PACES_MAX];
    conv_state s;
    full f;
    make_problem(&x, k, p, 1, 0.1, 0.1, &state);
    prepare(&x, 1, &cell, paces);
    start(&cell, x.data, n, &s);
    to_full(&x, &cell, n, 1, &s, &f);
    const double length = sqrt(dot(f.v, f.v, p));
    for (int i = 0; i < INPUTS; i++) {
      double z[K_MAX * P_MAX], u[K_MAX], t[K_MAX], residual = 0, sample[K_MAX + P_MAX + 1] = {0};
      for (int j = 0; j < k * p; j += 2) {
        double pair[2];
        basin_normals(99, 7, (uint64_t)i, n, (uint64_t)j / 2, &pair[0], &pair[1]);
        z[j] = pair[0];
        if (j + 1 < k * p) z[j + 1] = pair[1];
      }
      for (int j = 0; j < k; j++) {
        u[j] = dot(z + j * p, f.v, p) / length;
        t[j] = dot(z + j * p, f.v_star, p);
        residual += f.a[j] * fmax(u[j], 0) - f.a_star[j] * fmax(t[j], 0);
      }
      sample[0] = 0.5 * residual * residual;
      for (int j = 0; j < k; j++) {
        sample[1 + j] = residual * fmax(u[j], 0);
        for (int d = 0; d < p && u[j] > 0;
             d++) /* d sigma(z'v/|v|)/dv = (z - u v/|v|)/|v| where u > 0 */
          sample[1 + k + d] += residual * f.a[j] * (z[j * p + d] - u[j] * f.v[d] / length) / length;
      }
      for (int c = 0; c < 1 + k + p; c++) mean[c] += sample[c], square[c] += sample[c] * sample[c];
    }
    full_gradient(&f, by_a, by_v);
    for (int c = 0; c < 1 + k + p; c++) {
      const double m = mean[c] / INPUTS, error = sqrt((square[c] / INPUTS - m * m) / INPUTS);
      const double exact = c == 0 ? loss_of(&cell, &s) : c <= k ? by_a[c - 1] : by_v[c - 1 - k];
      assert_within((m - exact) / error, -4.5,
                    4.5); /* some 90 scores: one beyond 4.5 in 1600 runs, seeds fixed */
    }
  }
}

/* the reduced loss is the full one, and the gradients are its derivatives */
static void finite_differences(void **unused) {
  uint64_t state = 12;
  (void)unused;
  for (uint64_t n = 0; n < 50; n++) {
    double by_a[K_MAX], by_v[P_MAX], seen[CONV_OBSERVED];
    const int k = 1 + (int)(test_random(&state) % 30), p = 2 + (int)(test_random(&state) % 10);
    problem x;
    conv_cell cell;
    double paces[BASIN_PACES_MAX];
    conv_state s;
    full f;
    make_problem(&x, k, p, 1, 0.1, 0.1, &state);
    prepare(&x, 1, &cell, paces);
    start(&cell, x.data, n, &s);
    to_full(&x, &cell, n, 1, &s, &f);
    conv_observe(&cell, &s, seen);
    const double loss = full_loss(&f);
    assert_within(seen[CONV_OBSERVE_loss] / loss - 1, -1e-12, 1e-12);
    assert_within(seen[CONV_OBSERVE_phi] - full_angle(&f), -1e-14, 1e-14);
    full_gradient(&f, by_a, by_v);
    assert_within(seen[CONV_OBSERVE_norm_grad_a] / sqrt(dot(by_a, by_a, k)) - 1, -1e-12, 1e-12);
    assert_within(seen[CONV_OBSERVE_norm_grad_v] / sqrt(dot(by_v, by_v, p)) - 1, -1e-12, 1e-12);
    for (int c = 0; c < k + p; c++) {
      double *at = c < k ? &f.a[c] : &f.v[c - k], step = 1e-5, kept = *at;
      *at = kept + step;
      const double above = full_loss(&f);
      *at = kept - step;
      const double below = full_loss(&f);
      *at = kept;
      assert_within((above - below) / (2 * step) - (c < k ? by_a[c] : by_v[c - k]), -1e-8, 1e-8);
    }
  }
}

/* the reduced state follows the full vectors to rounding over thousands of steps, whatever the step sizes: small
   turns, large turns, and turns that cross v*. Large steps amplify any rounding on the way, so the bound is what
   the full vectors themselves make of a change of their start in its last place. */
static void follows_full_vectors(void **unused) {
  static const struct {
    int k, p, weight_norm;
    double eta_a, eta_w;
    int steps;
  } run[] = {
      {16, 8, 0, 1e-2, 1e-2, 5000}, {25, 6, 1, 1e-2, 1e-2, 5000}, {100, 8, 1, 0.05, 0.05, 3000},
      {1, 2, 0, 0.1, 0.1, 2000},    {2, 3, 1, 0.1, 0.1, 2000},    {7, 5, 1, 0.3, 3.0, 2000},
      {7, 5, 0, 0.3, 0.6, 2000},    {64, 4, 1, 0.05, 0.06, 2000}, {9, 1, 0, 0.05, 0.05, 500},
  };
  uint64_t state = 13;
  int crossings = 0;
  (void)unused;
  for (size_t n = 0; n < sizeof run / sizeof *run; n++) {
    for (uint64_t trial = 0; trial < 20; trial++) {
      problem x;
      conv_cell cell;
      double paces[BASIN_PACES_MAX];
      conv_state s;
      full f, nudged, now;
      double bound = 1e-12;
      make_problem(&x, run[n].k, run[n].p, 1, run[n].eta_a, run[n].eta_w, &state);
      prepare(&x, run[n].weight_norm, &cell, paces);
      start(&cell, x.data, trial, &s);
      to_full(&x, &cell, trial, run[n].weight_norm, &s, &f);
      nudged = f;
      for (int i = 0; i < f.p; i++) nudged.v[i] *= i % 2 ? 1 + 0x1p-52 : 1 - 0x1p-52;
      for (int step = 0; step < run[n].steps; step++) {
        const double side = s.side;
        conv_step(&cell, paces, &s, run[n].weight_norm);
        full_step(&f, run[n].eta_a, run[n].eta_w);
        full_step(&nudged, run[n].eta_a, run[n].eta_w);
        crossings += s.side != side;
      }
      to_full(&x, &cell, trial, run[n].weight_norm, &s, &now);
      for (int i = 0; i < f.p; i++) bound = fmax(bound, 100 * fabs(nudged.v[i] - f.v[i]));
      assert_within(bound, 0, 1e-3); /* else the comparison says nothing */
      for (int j = 0; j < f.k; j++) assert_within(now.a[j] - f.a[j], -bound, bound);
      for (int i = 0; i < f.p; i++) assert_within(now.v[i] - f.v[i], -bound, bound);
    }
  }
  assert_true(crossings > 100); /* the test has seen what it claims */
}

/* near the optimum the state keeps its relative accuracy: against the same recursion in binary128 */
static void accurate_near_optimum(void **unused) {
  uint64_t seed = 14;
  double worst = 0;
  (void)unused;
  for (uint64_t trial = 0; trial < 20; trial++) {
    problem x;
    conv_cell cell;
    double paces[BASIN_PACES_MAX];
    conv_state s;
    make_problem(&x, 5, 4, 0, 0.05, 0.5, &seed);
    prepare(&x, 0, &cell, paces);
    start(&cell, x.data, trial, &s);
    __float128 e1 = s.e1, e2 = s.e2, perp = s.perp,
               phi = (__float128)BASIN_PI + BASIN_PI_LOW - s.psi;
    for (int step = 0; step < 20000; step++) {
      const __float128 pi = (__float128)BASIN_PI + BASIN_PI_LOW;
      /* cos and sin of phi by Taylor series: no library function of binary128 is needed */
      __float128 cosine = 1, sine = phi, term = 1;
      for (int i = 1; i < 60; i++) {
        term *= phi / i;
        const __float128 part = (i / 2) % 2 ? -term : term;
        if (i % 2 && i > 1) sine += part;
        if (i % 2 == 0) cosine += part;
      }
      const __float128 h = pi - ((pi - phi) * cosine + sine),
                       q = cell.norm2_a + cell.a1 * e1 + cell.a2 * e2;
      const __float128 t = paces[CONV_PACE_W] * q * (pi - phi) * sine;
      __float128 turn = 0, power = t; /* |t| < 0.5 here */
      for (int i = 1; i < 300; i += 2, power *= -t * t) turn += power / i;
      phi -= turn;
      e1 = paces[CONV_KEEP1] * e1 - paces[CONV_PULL1] * h;
      e2 = paces[CONV_KEEP2] * e2 - paces[CONV_PULL2] * h;
      perp = paces[CONV_KEEP2] * perp;
      conv_step(&cell, paces, &s, 0);
      const double exact = (double)(e1 * e1 + e2 * e2 + perp * perp);
      if (phi < 1e-12 && phi > 1e-60) {
        double seen[CONV_OBSERVED];
        conv_observe(&cell, &s, seen);
        worst = fmax(worst, fabs(seen[CONV_OBSERVE_phi] / (double)phi - 1));
        worst = fmax(worst, fabs(s.x / (double)(phi / 2) - 1));
        worst = fmax(worst, fabs(conv_terms_of(&cell, &s).h / (double)(pi * phi * phi / 2) - 1));
      }
      if (exact < 1e-20 && exact > 1e-80) worst = fmax(worst, fabs(conv_error2_a(&s) / exact - 1));
    }
    assert_true(s.x < s.y ? conv_error2_a(&s) < 1e-20 : 1);
  }
  print_message("  largest relative error below 1e-12: %.2g\n", worst);
  assert_within(worst, 1e-16, 1e-10);
}

/* what the early rule names is what happens: every trial of a large sample is run on to the tolerance */
static void early_rule_holds(void **unused) {
  static const struct {
    int k, p, weight_norm;
    double eta_a, eta_w;
  } run[] = {{16, 8, 1, 0.1, 0.1},
             {16, 8, 0, 4e-3, 4e-3},
             {90, 6, 1, 0.1, 0.02},
             {3, 4, 1, 1.5, 1.5},
             {8, 3, 0, 0.5, 0.2}};
  uint64_t seed = 15;
  int64_t named[BASIN_OUTCOMES] = {0};
  (void)unused;
  for (size_t n = 0; n < sizeof run / sizeof *run; n++) {
    for (uint64_t trial = 0; trial < 2000; trial++) {
      problem x;
      conv_cell cell;
      double paces[BASIN_PACES_MAX];
      conv_state s;
      int early = 0, late = 0;
      make_problem(&x, run[n].k, run[n].p, 1, run[n].eta_a, run[n].eta_w, &seed);
      x.setting.stop.tolerance = 1e-5;
      prepare(&x, run[n].weight_norm, &cell, paces);
      start(&cell, x.data, trial, &s);
      for (int64_t step = 0; step < 2000000 && !late; step++) {
        mask decided[BASIN_OUTCOMES] = {0}, reached[BASIN_OUTCOMES] = {0};
        conv_decide(&cell, &s, decided);
        conv_reached(&cell, &s, reached);
        for (int o = 1; o < BASIN_OUTCOMES; o++) {
          if (decided[o] && !early) early = o;
          if (decided[o]) assert_int_equal(o, early); /* it never changes its mind */
          if (reached[o]) late = o;
        }
        conv_step(&cell, paces, &s, run[n].weight_norm);
      }
      assert_true(late != 0);
      assert_true(early == late || early == 0);
      named[early]++;
    }
  }
  assert_true(named[BASIN_GLOBAL] > 1000 && named[BASIN_SPURIOUS] > 1000);
  assert_true(named[0] < 100); /* and it nearly always decides before the tolerance is reached */
}

/* the ball, the sphere and N(0, sigma^2) are what they are called */
static void laws_of_starts(void **unused) {
  enum { TRIALS = 20000 };
  uint64_t seed = 16;
  double radius[3] = {0}, along[3] = {0}, along2[3] = {0};
  (void)unused;
  for (int law = BASIN_BALL; law <= BASIN_NORMAL; law++) {
    problem x;
    conv_cell cell;
    double paces[BASIN_PACES_MAX];
    make_problem(&x, 6, 4, 1, 0.1, 0.1, &seed);
    x.initial[0] = (basin_vector){(enum basin_source)law, 1, 6, 2.0, NULL, 0};
    prepare(&x, 1, &cell, paces);
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
      conv_state s;
      full f;
      start(&cell, x.data, trial, &s);
      to_full(&x, &cell, trial, 1, &s, &f);
      const double r = sqrt(dot(f.a, f.a, 6));
      radius[law - 1] += law == BASIN_BALL     ? pow(r / 2, 6)
                         : law == BASIN_SPHERE ? r / 2
                                               : r * r / 4 / 6;
      along[law - 1] += f.a[0];
      along2[law - 1] += f.a[0] * f.a[0];
      assert_true(law != BASIN_BALL || r <= 2 * (1 + 1e-15));
    }
  }
  const double root = sqrt(TRIALS);
  assert_within(radius[0] / TRIALS, 0.5 - 5 * 0.289 / root,
                0.5 + 5 * 0.289 / root); /* (r/R)^k is uniform */
  assert_within(radius[1] / TRIALS, 1 - 1e-12, 1 + 1e-12);
  assert_within(radius[2] / TRIALS, 1 - 5 * sqrt(2.0 / 6) / root, 1 + 5 * sqrt(2.0 / 6) / root);
  for (int i = 0; i < 3; i++) assert_within(along[i] / sqrt(along2[i]), -5, 5);
  assert_within(along2[0] / TRIALS, 0.49, 0.51);  /* R^2/(k+2) = 4/8 */
  assert_within(along2[1] / TRIALS, 0.65, 0.683); /* R^2/k = 4/6 */
  assert_within(along2[2] / TRIALS, 3.85, 4.15);
}

/* a diverging run is called so, and never anything else */
static void divergence(void **unused) {
  uint64_t seed = 17;
  (void)unused;
  for (uint64_t trial = 0; trial < 100; trial++) {
    problem x;
    conv_cell cell;
    double paces[BASIN_PACES_MAX];
    conv_state s;
    mask outcome[BASIN_OUTCOMES] = {0};
    make_problem(&x, 10, 4, 1, 10, 10, &seed);
    x.setting.stop.tolerance = 1e-6;
    prepare(&x, (int)trial % 2, &cell, paces);
    start(&cell, x.data, trial, &s);
    for (int step = 0; step < 5000; step++) conv_step(&cell, paces, &s, (int)trial % 2);
    for (int rule = 0; rule < 2; rule++) {
      if (rule) conv_decide(&cell, &s, outcome);
      else conv_reached(&cell, &s, outcome);
      assert_true(outcome[BASIN_DIVERGED] && !outcome[BASIN_GLOBAL] && !outcome[BASIN_SPURIOUS]);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(monte_carlo),          cmocka_unit_test(finite_differences),
      cmocka_unit_test(follows_full_vectors), cmocka_unit_test(accurate_near_optimum),
      cmocka_unit_test(early_rule_holds),     cmocka_unit_test(laws_of_starts),
      cmocka_unit_test(divergence),
  };
  return cmocka_run_group_tests_name("conv", tests, NULL, NULL);
}
