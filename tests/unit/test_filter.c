/* SPDX-License-Identifier: MIT
 *
 * test_filter.c: one convolutional filter (include/models/filter.h). Loss and gradient of the tables against integrals
 * over the angles, done here with the edges of every ReLU in their place; against differences; the smallest eigenvalues
 * that the specification prints, and the slopes that follow from them. The laws of centres and patches by Kolmogorov
 * and Smirnov's test; steps of the samplers against plain ones on the same words; means against the population. What is
 * wrong on purpose must fail. Seeds are fixed, so a test that passes once passes always; z-scores are compared with
 * 5.5.
 */
#include "compare.h"
#include "models/filter.h"
#include "methods.h"

#define Z_MOST 5.5

/* ---- a cell of the model ---- */

typedef struct system {
  basin_experiment *e;
  filter_cell cell;
  double *data;
} system_of;

static system_of open_system(const char *parameters, const char *more) {
  char text[1024];
  const char *where;
  system_of s;
  snprintf(
      text, sizeof text,
      "model: filter\ntrials: 200\nparameters: {%s}\nteacher: {w: {head: [1]}}\n"
      "init: {w: {head: [0.3, 0.6]}}\nschedule: [{eta: 0.5}]\nstop: {at: 1e-22, max_steps: 3}\n"
      "record: {trials: 200, steps: [0, 1, 2, 3], parameters: true}\n%s",
      parameters, more);
  s.e = test_parse(text, NULL, 0);
  const basin_setting *setting = &s.e->cell[0].setting;
  s.data = calloc((size_t)setting->size.data + 1, sizeof *s.data);
  assert_non_null(s.data);
  basin_room room = {s.data, 0, 0};
  assert_null(model_prepare(setting, &room, &s.cell, &where));
  return s;
}
static void close_system(system_of *s) {
  basin_experiment_free(s->e);
  free(s->data);
}

/* ---- integrals ---- */

typedef double integrand(double x, void *context);

/* by Gauss's rule of 5 points on `panels` pieces */
static double integral(integrand *f, void *context, double from, double to, int panels) {
  static const double at[] = {0, 0.5384693101056831, 0.9061798459386640},
                      of[] = {0.5688888888888889, 0.4786286704993665, 0.2369268850561891};
  const double half = 0.5 * (to - from) / panels;
  double sum = 0;
  for (int i = 0; i < panels && to > from; i++)
    for (int g = -2; g <= 2; g++) {
      const int n = abs(g);
      sum += half * of[n] * f(from + half * (2 * i + 1 + (g < 0 ? -at[n] : at[n])), context);
    }
  return sum;
}

static double bell(double t, double sigma) { return exp(-0.5 * (t / sigma) * (t / sigma)); }
/* the mass of bell() on [-most, most] */
static double bell_mass(double sigma, double most) {
  return isinf(sigma) ? 2 * most : sigma * sqrt(2 * M_PI) * erf(most / (sigma * sqrt(2)));
}

/* what is integrated, at w = r (cos phi, sin phi), w* = (1, 0) */
enum { LOSS, GRAD_X, GRAD_Y, QUANTITIES };
enum mistake { NONE, NO_OWN_TERM, ALL_PAIRS, TWICE };
typedef struct point {
  int k, p, quantity;
  double sigma, sigma2, r, phi;
  enum mistake mistake;
  double angle, moment[2]; /* of the centre; of what is integrated over a patch */
  int part;
} point;

static double relu(double x) { return x > 0 ? x : 0; }

/* moments of a patch at angle `angle`: 0: f - f*, 1: the active Z_x, 2: Z_y, 3: (f - f*)^2, 4: (f - f*) Z_x, 5: Z_y */
static double moment(const point *s, double angle) {
  const double u = s->r * cos(angle - s->phi), change = relu(u) - relu(cos(angle));
  const double z[] = {cos(angle), sin(angle)};
  if (s->part == 0) return change;
  if (s->part == 3) return change * change;
  if (u < 0) return 0;
  return s->part < 3 ? z[s->part - 1] : change * z[s->part - 4];
}
static double of_patch(double angle, void *context) {
  const point *s = context;
  return moment(s, s->angle + angle) * bell(angle, s->sigma2) / bell_mass(s->sigma2, M_PI);
}

static int by_size(const void *a, const void *b) { return test_ascending(a, b); }

/* E over the patches of a centre, between the edges of both ReLUs */
static double patch_mean(point *s, int part) {
  double edge[16] = {-M_PI, M_PI}, sum = 0;
  int edges = 2;
  s->part = part;
  if (s->k == 1) return moment(s, s->angle);
  for (int i = 0; i < 4; i++)
    for (int turn = -1; turn <= 1; turn++) {
      const double at = (i < 2 ? 0 : s->phi) + (i % 2 ? 0.5 : -0.5) * M_PI - s->angle;
      const double there = remainder(at, 2 * M_PI) + 0 * turn;
      if (turn == 0) edge[edges++] = there;
    }
  qsort(edge, (size_t)edges, sizeof *edge, by_size);
  for (int i = 0; i + 1 < edges; i++) {
    const double mass = edge[i + 1] - edge[i];
    const double reach = isinf(s->sigma2) ? 1 : s->sigma2;
    sum += integral(of_patch, s, edge[i], edge[i + 1], 1 + (int)(mass / reach));
  }
  return sum;
}

static double of_centre(double t, void *context) {
  point *s = context;
  double sum = 0;
  const double k = s->k, weight = 0.5 * bell(t, s->sigma) / bell_mass(s->sigma, M_PI / 2);
  for (int lobe = 0; lobe < 2; lobe++) {
    s->angle = t + lobe * M_PI;
    const double change = patch_mean(s, 0);
    const int q = s->quantity;
    const double own = patch_mean(s, 3 + q),
                 other = change * (q == LOSS ? change : patch_mean(s, q));
    const double pairs = s->mistake == ALL_PAIRS ? 1 : (k - 1) / k;
    sum += (s->mistake == NO_OWN_TERM ? 0 : own / k) + pairs * other;
  }
  return weight * sum * (s->mistake == TWICE ? 1.001 : 1) * (s->quantity == LOSS ? 0.5 : 1);
}

/* p = 2: over the angle of the centre */
static double on_circle(point s, int quantity) {
  double edge[] = {-M_PI / 2, s.phi - M_PI / 2, M_PI / 2 - 1e-300, M_PI / 2}, sum = 0;
  s.quantity = quantity;
  const double reach = fmin(isinf(s.sigma) ? 1 : s.sigma, s.k > 1 ? fmin(s.sigma2, 1) : 1);
  for (int i = 0; i < 3; i++)
    sum += integral(of_centre, &s, edge[i], edge[i + 1],
                    1 + (int)(3 * (edge[i + 1] - edge[i]) / reach));
  return sum;
}

/* p >= 3, k = 1: over t and the angle beta of u to the plane's axis, u = cos beta */
static double of_beta(double beta, void *context) {
  const point *s = context;
  const double z[] = {cos(s->angle), sin(s->angle) * cos(beta)};
  double sum = 0;
  for (int side = -1; side <= 1; side += 2) {
    const double u = side * s->r * (z[0] * cos(s->phi) + z[1] * sin(s->phi));
    const double change = relu(u) - relu(side * z[0]);
    sum += s->quantity == LOSS ? 0.5 * change * change
           : u >= 0            ? change * side * z[s->quantity - 1]
                               : 0;
  }
  return 0.5 * sum * pow(sin(beta), s->p - 3);
}
static double of_tilt(double t, void *context) {
  point *s = context;
  const double c = -cos(s->phi) / sin(s->phi) * cos(t) / sin(t);
  const double edge = c <= -1 ? M_PI : c >= 1 ? 0 : acos(c);
  s->angle = t;
  return bell(t, s->sigma) *
         (integral(of_beta, s, 0, edge, 12) + integral(of_beta, s, edge, M_PI, 12));
}
static double on_sphere(point s, int quantity) {
  const double gap = fabs(M_PI / 2 - s.phi);
  double sum = 0, from = gap, sine = sqrt(M_PI) * tgamma((s.p - 2) / 2.0) / tgamma((s.p - 1) / 2.0);
  s.quantity = quantity;
  sum = integral(of_tilt, &s, 0, gap, 12);
  for (double width = 1e-6; from < M_PI / 2; width *= 2) {
    const double to = fmin(from + width, M_PI / 2);
    sum += integral(of_tilt, &s, from, to, 4);
    from = to;
  }
  return sum / (0.5 * bell_mass(s.sigma, M_PI / 2) * sine);
}

/* ---- closed forms ---- */

/* the largest difference between the tables and the integrals; of wrong ones at one point */
static double difference(const system_of *f, enum mistake mistake) {
  const double angles[] = {1e-3, 0.2, 0.9, 1.5, 1.5707, 2.2, 3.1}, lengths[] = {0.4, 1, 1.7};
  const double *parameter = f->e->cell[0].setting.parameter;
  double worst = 0;
  for (int a = mistake ? 2 : 0; a < (mistake ? 3 : 7); a++) {
    const double r = lengths[a % 3], phi = angles[a];
    const point s = {(int)f->cell.k,
                     (int)f->cell.p,
                     0,
                     parameter[2],
                     parameter[3],
                     r,
                     phi,
                     mistake,
                     0,
                     {0, 0},
                     0};
    double out[FILTER_OBSERVED], got[QUANTITIES];
    const double dx = r * cos(phi) - 1, y = r * sin(phi);
    const filter_point at = filter_point_of(&f->cell, f->data, f->cell.graded, dx, y);
    got[GRAD_X] = at.g_x, got[GRAD_Y] = at.g_y;
    filter_show(&f->cell, f->data, dx, y, out);
    got[LOSS] = out[FILTER_OBSERVE_loss];
    assert_within(out[FILTER_OBSERVE_norm_grad], hypot(got[1], got[2]) - 1e-15,
                  hypot(got[1], got[2]) + 1e-15);
    for (int q = 0; q < QUANTITIES; q++) {
      const double exact = s.p == 2 ? on_circle(s, q) : on_sphere(s, q);
      worst = fmax(worst, fabs(got[q] - exact));
    }
  }
  return worst;
}

static void population_is_an_integral(void **unused) {
  static const struct {
    const char *parameters;
    double bound;
  } cases[] = {{"k: 1, p: 2, sigma: 0.1", 1e-9},
               {"k: 1, p: 2, sigma: 1", 1e-9},
               {"k: 1, p: 2, sigma: inf", 1e-9},
               {"k: 3, p: 2, sigma2: 0.1", 1e-9},
               {"k: 10, p: 2, sigma: inf, sigma2: 1", 1e-9},
               {"k: 3, p: 2, sigma: 0.3, sigma2: inf", 1e-9},
               {"k: 1, p: 3, sigma: 1", 1e-6},
               {"k: 1, p: 10, sigma: 0.2", 1e-6},
               {"k: 1, p: 51, sigma: inf", 1e-6}};
  (void)unused;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    system_of f = open_system(cases[i].parameters, "");
    const double worst = difference(&f, NONE);
    print_message("  %s: largest error %.2g\n", cases[i].parameters, worst);
    assert_within(worst, 0, cases[i].bound);
    if (f.cell.p == 2)
      for (enum mistake m = NO_OWN_TERM; m <= TWICE; m++)
        assert_true((m == ALL_PAIRS && f.cell.k == 1) || difference(&f, m) > 100 * cases[i].bound);
    close_system(&f);
  }
}

/* equal patches are one; independent normal ones have the closed form, one the known gradient */
static void special_cases(void **unused) {
  (void)unused;
  system_of one = open_system("k: 1, p: 2, sigma: 0.4", ""),
            equal = open_system("k: 7, p: 2, sigma: 0.4, sigma2: 0", "");
  system_of normal[2] = {open_system("k: 1, p: 5", "gradient: {population: {law: normal}}"),
                         open_system("k: 4, p: 5", "gradient: {population: {law: normal}}")};
  for (double phi = 0.1; phi < 3; phi += 0.3) {
    const double r = 0.7, dx = r * cos(phi) - 1, y = r * sin(phi);
    double a[2], b[2];
    filter_point at = filter_point_of(&one.cell, one.data, one.cell.graded, dx, y);
    a[0] = at.g_x, a[1] = at.g_y;
    at = filter_point_of(&equal.cell, equal.data, equal.cell.graded, dx, y);
    b[0] = at.g_x, b[1] = at.g_y;
    assert_within(hypot(a[0] - b[0], a[1] - b[1]), 0, 1e-15);
    for (int i = 0; i < 2; i++) {
      const double k = i ? 4 : 1, along = (k - 1) / k * (r - 1) / (2 * M_PI);
      const double x = (0.5 * r * cos(phi) - (M_PI - phi + sin(phi) * cos(phi)) / (2 * M_PI)) / k,
                   z = (0.5 * r * sin(phi) - sin(phi) * sin(phi) / (2 * M_PI)) / k;
      at = filter_point_of(&normal[i].cell, normal[i].data, normal[i].cell.graded, dx, y);
      a[0] = at.g_x, a[1] = at.g_y;
      assert_within(fabs(a[0] - x - along * cos(phi)), 0, 1e-11);
      assert_within(fabs(a[1] - z - along * sin(phi)), 0, 1e-11);
    }
  }
  close_system(&one);
  close_system(&equal);
  for (int i = 0; i < 2; i++) close_system(&normal[i]);
}

/* the gradient is that of the loss; both keep their digits as w -> w* */
static void differences(void **unused) {
  static const char *const cases[] = {"k: 1, p: 2", "k: 3, p: 2, sigma2: 0.3", "k: 1, p: 4"};
  const double step = 1e-4;
  (void)unused;
  for (int i = 0; i < 3; i++) {
    system_of f = open_system(cases[i], "");
    for (double phi = 0.05; phi < 3.1; phi += 0.21) {
      const double dx = 0.8 * cos(phi) - 1, y = 0.8 * sin(phi);
      double g[2], loss[4];
      const filter_point at = filter_point_of(&f.cell, f.data, f.cell.graded, dx, y);
      g[0] = at.g_x, g[1] = at.g_y;
      for (int j = 0; j < 4; j++) {
        double out[FILTER_OBSERVED];
        const double by = j % 2 ? step : -step;
        filter_show(&f.cell, f.data, dx + (j < 2 ? by : 0), y + (j < 2 ? 0 : by), out);
        loss[j] = out[FILTER_OBSERVE_loss];
      }
      assert_within((loss[1] - loss[0]) / (2 * step), g[0] - 2e-5, g[0] + 2e-5);
      assert_within((loss[3] - loss[2]) / (2 * step), g[1] - 2e-5, g[1] + 2e-5);
    }
    for (double size = 1e-2; size > 1e-9; size *= 0.1) {
      double out[FILTER_OBSERVED];
      filter_show(&f.cell, f.data, 0, size, out);
      const double curvature = f.cell.form.d_y + f.cell.form.g_y;
      assert_within(out[FILTER_OBSERVE_loss] / (0.5 * curvature * size * size), 1 - 5 * size - 1e-5,
                    1 + 5 * size + 1e-5);
      assert_within(out[FILTER_OBSERVE_rate] / curvature, 1 - 5 * size - 1e-9, 1 + 5 * size + 1e-9);
    }
    close_system(&f);
  }
}

/* what the specification prints, and the slope of ln |w - w*|^2 in the end */
static void rates_in_the_end(void **unused) {
  static const double deviation[3][6] = {{0.1, 0.2, 0.5, 1, 2, INFINITY},
                                         {0.1, 0.3, 0.5, 1, 2, INFINITY},
                                         {0.1, 0.3, 0.5, 1, 2, INFINITY}};
  static const double printed[3][6] = {{0.004950, 0.019221, 0.097719, 0.193248, 0.234682, 0.25},
                                       {0.18688, 0.16722, 0.14400, 0.10580, 0.08717, 0.08333},
                                       {0.18426, 0.15483, 0.11895, 0.05800, 0.02968, 0.02500}};
  static const int patches[] = {1, 3, 10};
  (void)unused;
  for (int row = 0; row < 3; row++)
    for (int i = 0; i < 6; i++)
      for (int p = 2; p <= (row ? 2 : 10); p += 8) {
        char text[128];
        basin_part part;
        double out[FILTER_OBSERVED];
        snprintf(text, sizeof text, "k: %d, p: %d, %s: %g", patches[row], p,
                 row ? "sigma2" : "sigma", deviation[row][i]);
        system_of f = open_system(text, "");
        filter_show(&f.cell, f.data, 0.1, 0.1, out);
        const double lambda = out[FILTER_OBSERVE_lambda_min], last = row ? 5.1e-6 : 5.1e-7;
        assert_within(lambda * (p - 1), printed[row][i] - last, printed[row][i] + last);
        basin_experiment_free(f.e);
        const double fall = log(1 - 0.5 * lambda);
        char steps[512];
        snprintf(steps, sizeof steps,
                 "model: filter\ntrials: 1\nparameters: {%s}\nteacher: {w: {head: [1]}}\n"
                 "init: {w: {head: [0.3, 0.6]}}\nschedule: [{eta: 0.5}]\nstop: {at: 1e-200, "
                 "max_steps: %d}\nrecord: {trials: 1, steps: [%d, %d], observables: [error_w]}\n",
                 text, (int)(-90 / fall) + 1, (int)(-70 / fall), (int)(-90 / fall));
        f.e = test_parse(steps, NULL, 0);
        test_run_cell(f.e, 0, &part);
        const double slope = (log(part.record[1]) - log(part.record[0])) /
                             (double)(f.e->time[1] - f.e->time[0]);
        assert_within(slope / (2 * fall), 1 - 1e-6, 1 + 1e-6);
        basin_part_free(&part);
        close_system(&f);
      }
}

/* ---- laws ---- */

enum { DRAWS = 20000 };
static double sample[DRAWS];

/* sqrt(n) times Kolmogorov and Smirnov's distance to the law of a normal angle that is cut to [-most, most] */
static double distance(double sigma, double most) {
  double largest = 0;
  qsort(sample, DRAWS, sizeof *sample, test_ascending);
  for (int i = 0; i < DRAWS; i++) {
    const double x = sample[i], scale = sigma * sqrt(2);
    const double chance = isinf(sigma) ? (x / most + 1) / 2
                                       : 0.5 + 0.5 * erf(x / scale) / erf(most / scale);
    largest = fmax(largest, fmax((i + 1.0) / DRAWS - chance, chance - (double)i / DRAWS));
  }
  return largest * sqrt(DRAWS);
}

/* an angle between 0 and pi with a sign that a coin gives: symmetric where the law is */
static double either(double angle, uint64_t *coin) {
  return test_uniform(coin) < 0.5 ? -angle : angle;
}

static void law_of_inputs(void **unused) {
  static const char *const cases[] = {"k: 2, p: 2, sigma: 0.7, sigma2: 1.3",
                                      "k: 2, p: 2, sigma: inf, sigma2: inf",
                                      "k: 2, p: 5, sigma: 1.5, sigma2: 0.4"};
  const double most = sqrt(-0.5 * log(FALSE_ALARM / 2));
  (void)unused;
  for (int i = 0; i < 3; i++) {
    system_of f = open_system(cases[i], "gradient: {sampled: {inputs: 1, sampler: direct}}");
    const double *parameter = f.e->cell[0].setting.parameter;
    const double sigma = parameter[2], sigma2 = parameter[3];
    const int p = (int)f.cell.p;
    for (int what = 0; what < 3; what++) {
      uint64_t coin = 99;
      int positive = 0;
      double sum[5] = {0};
      for (int n = 0; n < DRAWS; n++) {
        const filter_source at = {BASIN_STREAM_INPUT, (uint64_t)n, 7, 0};
        double c[5] = {0}, z[5] = {0}, again[5], norm2 = 0, dot = 0;
        filter_patch(&f.cell, NULL, &at, 0, c, again);
        filter_patch(&f.cell, NULL, &at, 1, c, z);
        memcpy(again, c, sizeof c);
        filter_around(&f.cell, &at, 1, again, again);
        for (int q = 0; q < p; q++) norm2 += z[q] * z[q], dot += z[q] * c[q];
        for (int q = 0; q < p; q++) assert_true(fabs(again[q] - z[q]) < 1e-15);
        assert_within(norm2, 1 - 1e-14, 1 + 1e-14);
        positive += c[0] > 0;
        for (int q = 0; q < p; q++) sum[q] += c[q];
        if (what == 0)
          sample[n] = p == 2 ? asin(c[0] > 0 ? c[1] : -c[1])
                             : either(acos(fmin(fabs(c[0]), 1)), &coin);
        if (what == 1)
          sample[n] = p == 2 ? atan2(c[0] * z[1] - c[1] * z[0], dot)
                             : either(acos(fmax(-1, fmin(dot, 1))), &coin);
        if (what == 2) /* the direction around the axis, in a plane */
          sample[n] = p == 2 ? atan2(c[1], c[0]) : atan2(c[2], c[1]);
      }
      if (what == 0) {
        assert_within(distance(sigma, M_PI / 2), 0, most);
        assert_true(isinf(sigma) || distance(sqrt(sigma), M_PI / 2) > most || sigma == 1.5);
        assert_within((positive - 0.5 * DRAWS) / sqrt(0.25 * DRAWS), -Z_MOST, Z_MOST);
        for (int q = 0; q < p; q++) assert_within(fabs(sum[q]) / sqrt(DRAWS), 0, Z_MOST);
      } else if (what == 1) {
        assert_within(distance(sigma2, M_PI), 0, most);
        assert_true(isinf(sigma2) || distance(sqrt(sigma2), M_PI) > most);
      } else if (p > 2 || isinf(sigma)) {
        assert_within(distance(INFINITY, M_PI), 0, most);
      }
    }
    close_system(&f);
  }
}

/* ---- the samplers on the same words, written plainly ---- */

/* a uniform number in (-1, 1), and the angle that is made of it */
static double plain_angle(uint64_t word, double sigma, double most) {
  const double u = 2 * ((double)(word >> 12) + 0.5) / 4503599627370496.0 - 1;
  double low = -most, high = most;
  if (isinf(sigma)) return most * u;
  for (int i = 0; i < 100; i++) {
    const double middle = 0.5 * (low + high), scale = sigma * sqrt(2);
    if (erf(middle / scale) / erf(most / scale) < u) low = middle;
    else high = middle;
  }
  return 0.5 * (low + high);
}

/* patch j of an input of the angle model in coordinates whose first axis is w*; first: its first block, word: its first
   word, counted from the first block on */
static void plain_patch(const system_of *f, int stream, uint64_t trial, uint64_t step,
                        uint64_t first, uint64_t word, int j, double *z) {
  const double *parameter = f->e->cell[0].setting.parameter;
  const int p = (int)f->cell.p, k = (int)f->cell.k;
  const uint64_t key = f->cell.key, words = k > 1 ? (uint64_t)(k + 2) / 2 : 1;
  uint64_t pair[2];
  double c[16] = {0}, g[17], norm = 0, along = 0;
  basin_words(key, stream, trial, step, first + word / 2, &pair[0], &pair[1]);
  const double t = plain_angle(pair[word % 2], parameter[2], M_PI / 2);
  const double side = pair[word % 2] & 1 ? -1 : 1;
  c[0] = side * cos(t);
  if (p == 2) c[1] = side * sin(t);
  for (int q = 0; q < p - 1 && p > 2; q += 2)
    basin_normals(key, stream, trial, step, first + words + (uint64_t)q / 2, &g[q], &g[q + 1]);
  for (int q = 0; q < p - 1 && p > 2; q++) norm += g[q] * g[q];
  for (int q = 1; q < p && p > 2; q++) c[q] = side * sin(t) * g[q - 1] / sqrt(norm);
  memcpy(z, c, (size_t)p * sizeof *z);
  if (k == 1) return;
  word += 1 + (uint64_t)j;
  basin_words(key, stream, trial, step, first + word / 2, &pair[0], &pair[1]);
  const double s = plain_angle(pair[word % 2], parameter[3], M_PI);
  const uint64_t own = first + words + (uint64_t)(p > 2 ? p / 2 + j * ((p + 1) / 2) : 0);
  if (p == 2) g[0] = -c[1], g[1] = c[0];
  for (int q = 0; q < p && p > 2; q += 2)
    basin_normals(key, stream, trial, step, own + (uint64_t)q / 2, &g[q], &g[q + 1]);
  for (int q = 0; q < p; q++) along += g[q] * c[q];
  norm = 0;
  for (int q = 0; q < p; q++) g[q] -= along * c[q], norm += g[q] * g[q];
  for (int q = 0; q < p; q++) z[q] = cos(s) * c[q] + sin(s) * g[q] / sqrt(norm);
}

/* adds r (1/k) sum of the active patches to the gradient */
static void plain_gradient(const system_of *f, const double *w, int stream, uint64_t trial,
                           uint64_t step, uint64_t first, uint64_t word, double *gradient) {
  const int p = (int)f->cell.p, k = (int)f->cell.k;
  double r = 0, sum[16] = {0}, z[16];
  for (int j = 0; j < k; j++) {
    double u = 0;
    plain_patch(f, stream, trial, step, first, word, j, z);
    for (int q = 0; q < p; q++) u += w[q] * z[q];
    r += (relu(u) - relu(z[0])) / k;
    for (int q = 0; q < p && u >= 0; q++) sum[q] += z[q] / k;
  }
  for (int q = 0; q < p; q++) gradient[q] += r * sum[q];
}

static const char *const shapes[] = {"k: 1, p: 2, sigma: 0.3", "k: 3, p: 2, sigma2: 0.4",
                                     "k: 4, p: 2, sigma: inf, sigma2: inf", "k: 1, p: 4, sigma: 2",
                                     "k: 3, p: 5, sigma2: 0.7"};

static void steps_on_the_same_words(void **unused) {
  static const char *const kinds[] = {
      "gradient: {sampled: {inputs: 5, sampler: direct}}",
      "gradient: {sampled: {inputs: {fixed: 7}}}",
      "gradient: {sampled: {inputs: {fixed: 7}}}\nmethod: {momentum: 0.75}"};
  (void)unused;
  for (int i = 0; i < 5; i++)
    for (int kind = 0; kind < 3; kind++) {
      system_of f = open_system(shapes[i], kinds[kind]);
      const double beta = kind == 2 ? 0.75 : 0;
      const int p = (int)f.cell.p, k = (int)f.cell.k, inputs = kind ? 7 : 5;
      const uint64_t blocks = (uint64_t)filter_blocks(&f.cell);
      basin_part part;
      test_run_range(f.e, 0, basin_cpu_isa(NULL), 0, 20, 0, &part);
      for (int64_t trial = 0; trial < 20; trial++) {
        double w[16] = {0.3, 0.6}, v[16] = {0}, gradient[16];
        for (int step = 0; step < 3; step++) {
          memset(gradient, 0, sizeof gradient);
          for (int n = 0; n < inputs; n++) {
            const uint64_t at = (uint64_t)n;
            if (kind) plain_gradient(&f, w, BASIN_STREAM_DATA, 0, at, 0, 0, gradient);
            else if (p == 2)
              plain_gradient(&f, w, BASIN_STREAM_INPUT, (uint64_t)trial, (uint64_t)step, 0,
                             at * (uint64_t)(k > 1 ? 1 + k : 1), gradient);
            else
              plain_gradient(&f, w, BASIN_STREAM_INPUT, (uint64_t)trial, (uint64_t)step,
                             at * blocks, 0, gradient);
          }
          for (int q = 0; q < p; q++) {
            v[q] = beta * v[q] - 0.5 * gradient[q] / inputs;
            w[q] += v[q];
          }
          const int64_t states = f.e->cell[0].setting.size.states;
          const double *x = part.state + (trial * f.e->times + step + 1) * states;
          for (int q = 0; q < p; q++) {
            const double got = x[q] + (kind || q ? 0 : 1);
            assert_within(got, w[q] - 1e-12, w[q] + 1e-12);
          }
        }
      }
      basin_part_free(&part);
      close_system(&f);
    }
}

/* the frame: w* in any direction, the same path but for a rotation; full vectors come back to it */
static void any_direction(void **unused) {
  static const char *const more[] = {"", "gradient: {sampled: {inputs: 3, sampler: direct}}\n",
                                     "gradient: {sampled: {inputs: {fixed: 30}}}\n"};
  (void)unused;
  for (int i = 0; i < 3; i++) {
    char text[512];
    snprintf(text, sizeof text,
             "model: filter\ntrials: 50\nparameters: {k: 1, p: 3}\n"
             "teacher: {w: [-0.6, 0, 0.8]}\ninit: {w: {normal: 1}}\nschedule: [{eta: 0.3}]\n"
             "stop: {at: 1e-9, max_steps: 20}\nrecord: {trials: 50, steps: [0, 20], parameters: "
             "true}\n%s",
             more[i]);
    basin_experiment *e = test_parse(text, NULL, 0);
    const basin_setting *setting = &e->cell[0].setting;
    const int64_t states = setting->size.states;
    basin_part part;
    test_run_cell(e, 0, &part);
    for (int64_t trial = 0; trial < 50; trial++) {
      double w[6];
      assert_int_equal(
          e->cell[0].model->vectors(setting, trial, 2, part.state + trial * 2 * states, 0, w), 0);
      for (int time = 0; time < 2; time++) {
        const double *v = w + 3 * time, off[] = {v[0] + 0.6, v[1], v[2] - 0.8};
        const double norm = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        const double *seen = part.record + trial * 2 + time;
        const int64_t row = part.recorded * 2;
        assert_within(seen[FILTER_OBSERVE_error_w * row] -
                          (off[0] * off[0] + off[1] * off[1] + off[2] * off[2]),
                      -1e-13, 1e-13);
        assert_within(seen[FILTER_OBSERVE_norm_w * row] - norm, -1e-13, 1e-13);
        assert_within(cos(seen[FILTER_OBSERVE_phi * row]) - (0.8 * v[2] - 0.6 * v[0]) / norm,
                      -1e-13, 1e-13);
      }
      double z[2], start[3], unused_one;
      basin_normals(setting->key, BASIN_STREAM_DIRECTION, (uint64_t)trial, 0, 0, &z[0], &z[1]);
      basin_normals(setting->key, BASIN_STREAM_DIRECTION, (uint64_t)trial, 0, 1, &start[2],
                    &unused_one);
      assert_within(fabs(w[0] - z[0]) + fabs(w[1] - z[1]) + fabs(w[2] - start[2]), 0, 1e-13);
    }
    basin_part_free(&part);
    basin_experiment_free(e);
  }
}

/* ---- in the mean ---- */

/* one step of many trials against the population's; false: the sampler is told a wrong deviation */
static double mean_z(const char *parameters, const char *wrong, const char *gradient) {
  system_of exact = open_system(parameters, ""), f = open_system(wrong, gradient);
  basin_part part, whole;
  double mean[2] = {0}, square[2] = {0}, worst = 0;
  test_run_cell(f.e, 0, &part);
  test_run_range(exact.e, 0, basin_cpu_isa(NULL), 0, 1, 0, &whole);
  const int64_t p = f.cell.p, n = f.e->trials;
  for (int64_t trial = 0; trial < n; trial++)
    for (int q = 0; q < 2; q++) {
      const double x = part.state[(trial * f.e->times + 1) * p + q];
      mean[q] += x / (double)n;
      square[q] += x * x / (double)n;
    }
  for (int q = 0; q < 2; q++) {
    const double error = sqrt((square[q] - mean[q] * mean[q]) / (double)(n - 1));
    worst = fmax(worst, fabs(mean[q] - whole.state[2 + q]) / error);
  }
  basin_part_free(&part);
  basin_part_free(&whole);
  close_system(&exact);
  close_system(&f);
  return worst;
}

static void means(void **unused) {
  static const char *const many = "gradient: {sampled: {inputs: 500, sampler: direct}}";
  (void)unused;
  assert_within(mean_z("k: 3, p: 2, sigma2: 0.4", "k: 3, p: 2, sigma2: 0.4", many), 0, Z_MOST);
  assert_within(mean_z("k: 1, p: 4, sigma: 0.6", "k: 1, p: 4, sigma: 0.6", many), 0, Z_MOST);
  assert_true(mean_z("k: 3, p: 2, sigma2: 0.4", "k: 3, p: 2, sigma2: 0.5", many) > Z_MOST);
  assert_true(mean_z("k: 1, p: 4, sigma: 0.6", "k: 1, p: 4, sigma: 0.7", many) > Z_MOST);
}

/* ---- starts ---- */

/* the regularised incomplete beta function I_x(a, 1/2), by its series (Abramowitz and Stegun 26.5.4) */
static double beta(double a, double x) {
  double term = exp(a * log(x) + 0.5 * log1p(-x) + lgamma(a + 0.5) - lgamma(0.5) - lgamma(a + 1)),
         sum = 0;
  for (int n = 0; n < 100000 && term > 1e-17 * sum; n++) {
    sum += term;
    term *= (a + 0.5 + n) / (a + 1 + n) * x;
  }
  return sum;
}

/* the share of starts in the ball of radius alpha that are near w*: as the exact formulas say, above Theorem 6.6 */
static void near_starts(void **unused) {
  enum { TRIALS = 20000 };
  (void)unused;
  for (int p = 2; p <= 20; p += 9) {
    const double alpha = sqrt(1 / (2 * M_PI * p)) * 0.8, a = (p + 1) / 2.0, a2 = alpha * alpha;
    const double inner = 0.5 * beta(a, 1 - a2) + 0.5 * pow((1 - a2) / a2, p / 2.0) * beta(a, a2);
    const double outer = 0.5 * beta(a, 1 - a2 / 4) +
                         0.5 * pow(alpha, -p) * beta(a, 1 - (1 - a2 / 2) * (1 - a2 / 2));
    char text[512];
    basin_part part;
    int near[2] = {0};
    snprintf(text, sizeof text,
             "model: filter\ntrials: %d\nparameters: {p: %d}\nteacher: {w: {head: [1]}}\n"
             "init: {w: {ball: %.17g}}\nschedule: [{eta: 0.5}]\nstop: {at: 1e-6, max_steps: 1}\n"
             "record: {trials: %d, steps: [0], observables: [error_w]}\n",
             TRIALS, p, alpha, TRIALS);
    basin_experiment *e = test_parse(text, NULL, 0);
    test_run_cell(e, 0, &part);
    for (int i = 0; i < TRIALS; i++) {
      near[0] += part.record[i] <= 1 - a2;
      near[1] += part.record[i] < 1;
    }
    for (int i = 0; i < 2; i++) {
      const double chance = i ? outer : inner;
      assert_within((near[i] - TRIALS * chance) / sqrt(TRIALS * chance * (1 - chance)), -Z_MOST,
                    Z_MOST);
    }
    assert_true(inner > 0.5 - sqrt(M_PI * p / 2) * alpha && outer > inner);
    basin_part_free(&part);
    basin_experiment_free(e);
  }
}

/* ---- bits ---- */

static void bits_are_the_same(void **unused) {
  static const char *const kinds[] = {
      "k: 3, p: 2, sigma2: 0.4",
      "",
      "k: 1, p: 7",
      "",
      "k: 1, p: 2",
      "gradient: {sampled: {inputs: 5, sampler: direct}}",
      "k: 4, p: 2, sigma: inf",
      "gradient: {sampled: {inputs: 3, sampler: direct}}",
      "k: 2, p: 5",
      "gradient: {sampled: {inputs: 1, sampler: direct}}",
      "k: 2, p: 5",
      "gradient: {sampled: {inputs: 2, sampler: direct, law: sphere}}"};
  (void)unused;
  /* events far apart too: lanes have another loop between them */
  for (int i = 0; i < 12; i += 2) {
    char text[1024];
    snprintf(text, sizeof text,
             "model: filter\ntrials: 20\nparameters: {%s}\nteacher: {w: {head: [0.7, 0.5]}}\n"
             "init: {w: {ball: 1}}\nschedule: [{steps: 13, eta: 0.2}, {eta: 0.5}]\n"
             "stop: {at: 0.15, max_steps: 80}\n"
             "record: {trials: 20, steps: [0, 1, 12, 13, 24, 80], parameters: true}\n%s",
             kinds[i], kinds[i + 1]);
    basin_experiment *e = test_parse(text, NULL, 0);
    assert_true(test_same_bits(e, 0) > 0);
    basin_experiment_free(e);
  }
}

/* ---- what is refused ---- */

static void refused(void **unused) {
  static const char *const cases[][2] = {
      {"k: 3, p: 4", "the population gradient is known for k = 1"},
      {"k: 3, p: 2, sigma2: 0.01", "sigma2 of at least 0.03"},
      {"k: 1, p: 1", "p must be at least 2"},
      {"k: 1, p: 2, sigma: 0", "sigma is 0, expected a number from 0.01 to inf"}};
  (void)unused;
  for (int i = 0; i < 4; i++) {
    char text[512];
    basin_experiment *e = NULL;
    basin_error error;
    snprintf(text, sizeof text,
             "model: filter\ntrials: 1\nparameters: {%s}\nteacher: {w: 1}\ninit: {w: 1}\n"
             "schedule: [{eta: 0.2}]\nstop: {at: 1e-6, max_steps: 10}\n",
             cases[i][0]);
    assert_int_not_equal(
        basin_experiment_parse("t.yaml", text, (int64_t)strlen(text), NULL, 0, &e, &error), 0);
    if (!strstr(error.text, cases[i][1])) fail_msg("%s: no `%s`", error.text, cases[i][1]);
  }
}

static void methods_match_recursions(void **unused) {
  static const char *const more[] = {"gradient: {sampled: {inputs: 4}}\n",
                                     "gradient: {sampled: {inputs: 4, law: normal}}\n"};
  (void)unused;
  for (int i = 0; i < 3; i++) { /* in the plane; in the frame; of normal inputs */
    system_of s = open_system(i ? "k: 2, p: 5" : "k: 2, p: 2", more[i == 2]);
    const methods_of what = {filter_direct_layout, filter_direct_paces,
                             filter_direct_start,  i == 2 ? filter_law_step : filter_direct_step,
                             .size = s.cell.p,     .eta = {0.05},
                             .second = INT64_MAX};
    check_methods(&s.e->cell[0].setting, &what, i == 2 ? 0 : 1u << BASIN_ADAM, 1);
    close_system(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(population_is_an_integral),
      cmocka_unit_test(special_cases),
      cmocka_unit_test(differences),
      cmocka_unit_test(rates_in_the_end),
      cmocka_unit_test(law_of_inputs),
      cmocka_unit_test(steps_on_the_same_words),
      cmocka_unit_test(any_direction),
      cmocka_unit_test(means),
      cmocka_unit_test(near_starts),
      cmocka_unit_test(bits_are_the_same),
      cmocka_unit_test(refused),
      cmocka_unit_test(methods_match_recursions),
  };
  return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
