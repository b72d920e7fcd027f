/* SPDX-License-Identifier: MIT
 *
 * test_laws.c: inputs of other laws than the normal one. Each law against its distribution function (Kolmogorov and
 * Smirnov) and its moments, and what is wrong on purpose fails; steps against plain loops in long double; the mean
 * gradient over Rademacher's inputs against the sum over all of them; the same bits on every instruction set, in parts
 * and after pauses; data sets; what is refused, and what no trial may claim.
 */
#include "compare.h"
#include "engine/measure.h"
#include "models/relu_sum.h"

enum { N = 1 << 16, LENGTH = 5, MOST = 64 };

static const char *const words[] = {"uniform", "rademacher", "sphere", "laplace",
                                    "{student: {degrees: 5}}"};
enum { WORDS = sizeof words / sizeof *words };

/* ---- distributions ---- */

static double cdf_normal(double x) { return 0.5 * erfc(-x / sqrt(2)); }
static double cdf_uniform(double x) { return fmin(fmax(0.5 + x / (2 * sqrt(3)), 0), 1); }
static double cdf_arcsine(double x) { /* a coordinate on the circle of radius sqrt 2 */
  return 0.5 + asin(fmin(fmax(x / sqrt(2), -1), 1)) / BASIN_PI;
}
static double cdf_laplace(double x) {
  const double tail = 0.5 * exp(-sqrt(2) * fabs(x));
  return x < 0 ? tail : 1 - tail;
}
static double cdf_student3(double x) { /* of variance 1: t / sqrt 3 */
  return 0.5 + (x / (1 + x * x) + atan(x)) / BASIN_PI;
}
static double cdf_student5(double x) { /* t = x sqrt(5/3) */
  const double y = x / sqrt(3), f = 1 / (1 + y * y);
  return 0.5 + (atan(y) + y * f * (1 + 2 * f / 3)) / BASIN_PI;
}

/* Kolmogorov and Smirnov's distance of a sample from a distribution, in units of what FALSE_ALARM allows; sorts it */
static double distance(double *x, int n, double (*cdf)(double)) {
  double largest = 0;
  qsort(x, (size_t)n, sizeof *x, test_ascending);
  for (int i = 0; i < n; i++) {
    const double f = cdf(x[i]);
    largest = fmax(largest, fmax(fabs(f - (double)i / n), fabs(f - (double)(i + 1) / n)));
  }
  return largest * sqrt(n) / sqrt(-0.5 * log(FALSE_ALARM / 2));
}

/* entries of vectors of so many, of all blocks in order */
static void draw_entries(const basin_input_law *law, int64_t length, double *x, int n) {
  double z[LENGTH];
  const int64_t blocks = law_blocks(law, length);
  for (int i = 0; i * length < n; i++) {
    law_vector(law, 17, BASIN_STREAM_INPUT, 5, 3, (uint64_t)(i * blocks), length, z);
    for (int64_t q = 0; q < length && i * length + q < n; q++) x[i * length + q] = z[q];
  }
}

static void distributions(void **unused) {
  static const struct {
    basin_input_law law;
    int64_t length;
    double (*cdf)(double);
  } known[] = {{{BASIN_LAW_NORMAL, 0}, 5, cdf_normal},   {{BASIN_LAW_UNIFORM, 0}, 5, cdf_uniform},
               {{BASIN_LAW_SPHERE, 0}, 3, cdf_uniform},  {{BASIN_LAW_SPHERE, 0}, 2, cdf_arcsine},
               {{BASIN_LAW_LAPLACE, 0}, 5, cdf_laplace}, {{BASIN_LAW_STUDENT, 3}, 5, cdf_student3},
               {{BASIN_LAW_STUDENT, 5}, 5, cdf_student5}};
  enum { KNOWN = sizeof known / sizeof *known };
  double *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
  (void)unused;
  for (int i = 0; i < KNOWN; i++) {
    draw_entries(&known[i].law, known[i].length, x, N);
    memcpy(y, x, N * sizeof *y);
    assert_within(distance(y, N, known[i].cdf), 0, 1);
    for (int j = 0; j < N; j++) y[j] = 1.05 * x[j]; /* of another size, moved, or another law */
    assert_within(distance(y, N, known[i].cdf), 1, INFINITY);
    for (int j = 0; j < N; j++) y[j] = x[j] + 0.03;
    assert_within(distance(y, N, known[i].cdf), 1, INFINITY);
    for (int j = 0; j < KNOWN; j++) {
      if (known[j].cdf == known[i].cdf) continue;
      memcpy(y, x, N * sizeof *y);
      assert_within(distance(y, N, known[j].cdf), 1, INFINITY);
    }
  }
  free(x);
  free(y);
}

/* z-score of the mean of x - mean */
static double score(const double *x, int n, double mean) {
  double sum = 0, sum2 = 0;
  for (int i = 0; i < n; i++) {
    sum += x[i] - mean;
    sum2 += (x[i] - mean) * (x[i] - mean);
  }
  return sum / sqrt(sum2);
}

/* z-scores of pairs of entries of vectors: of the products, and of those of |entry| - mean, the larger one */
static double dependence(const double *entry, int64_t length, int n, int64_t a, int64_t b) {
  double *product = malloc((size_t)n * sizeof *product), *size = malloc((size_t)n * sizeof *size);
  double mean = 0;
  const int vectors = n / (int)length;
  for (int i = 0; i < n; i++) mean += fabs(entry[i]) / n;
  for (int i = 0; i < vectors; i++) {
    const double x = entry[i * length + a], y = entry[i * length + b];
    product[i] = x * y;
    size[i] = (fabs(x) - mean) * (fabs(y) - mean);
  }
  const double largest = fmax(fabs(score(product, vectors, 0)), fabs(score(size, vectors, 0)));
  free(product);
  free(size);
  return largest;
}

static void moments(void **unused) {
  static const basin_input_law law[] = {{BASIN_LAW_UNIFORM, 0}, {BASIN_LAW_RADEMACHER, 0},
                                        {BASIN_LAW_SPHERE, 0},  {BASIN_LAW_LAPLACE, 0},
                                        {BASIN_LAW_STUDENT, 5}, {BASIN_LAW_STUDENT, 1000}};
  enum { ENTRIES = LENGTH * (N / LENGTH) };
  double *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
  (void)unused;
  for (size_t l = 0; l < sizeof law / sizeof *law; l++) {
    draw_entries(&law[l], LENGTH, x, ENTRIES);
    assert_within(score(x, ENTRIES, 0), -5, 5);
    for (int i = 0; i < ENTRIES; i++) y[i] = x[i] * x[i];
    if (law[l].kind == BASIN_LAW_RADEMACHER) {
      for (int i = 0; i < ENTRIES; i++) assert_true(y[i] == 1);
      continue;
    }
    assert_within(score(y, ENTRIES, 1), -5, 5);
    assert_true(fabs(score(y, ENTRIES, 1.1)) > 5);
    for (int64_t a = 0; a < LENGTH && law[l].kind != BASIN_LAW_SPHERE; a++)
      for (int64_t b = 0; b < a; b++) assert_within(dependence(x, LENGTH, ENTRIES, a, b), 0, 5);
    for (int i = 0; i < ENTRIES && law[l].kind == BASIN_LAW_SPHERE; i += LENGTH) {
      double norm2 = 0;
      for (int q = 0; q < LENGTH; q++) norm2 += y[i + q];
      assert_within(norm2, LENGTH * (1 - 1e-15 * LENGTH), LENGTH * (1 + 1e-15 * LENGTH));
    }
  }
  /* the sine and the cosine of one block are uncorrelated, each of Student's law, and are not independent */
  for (int i = 0; i < ENTRIES; i += 2) {
    bits low, high;
    double sine, cosine;
    basin_words(17, BASIN_STREAM_INPUT, 5, 3, (uint64_t)i, &low, &high);
    r_sincospi(2 * r_uniform(high), &sine, &cosine);
    x[i] = law_student(5, low, high);
    x[i + 1] = x[i] / cosine * sine;
  }
  assert_true(dependence(x, 2, ENTRIES, 0, 1) > 10);
  free(x);
  free(y);
}

/* ---- steps against plain loops ---- */

static const char conv_text[] =
    "trials: 20\n"
    "parameters: {k: 3, p: 5}\n"
    "teacher: {a: [0.9, -0.4, 0.3], v: {head: [0.6, 0.8]}}\n"
    "variants:\n"
    "  cnn: {model: cnn, init: {v: {head: [0.9, -0.5, 0.3]}, a: [0.5, 0.2, -0.3]}}\n"
    "  resnet: {model: resnet, init: {w: {normal: 0.4}, a: {ball: 1}}}\n"
    "gradient: {sampled: {inputs: 4, sampler: direct, law: uniform}}\n"
    "schedule: [{eta_a: 0.02, eta_w: 0.05}]\n"
    "stop: {at: 1e-9, max_steps: 40}\n"
    "record: {trials: 20, steps: [0, 1, 40], parameters: true, final: [phi]}\n";

static const char relu_text[] = "model: relu_sum\n"
                                "trials: 20\n"
                                "parameters: {n: 3, m: 2, d: 5}\n"
                                "teacher: {v: {sphere: 1}}\n"
                                "init: {w: {normal: 0.5}}\n"
                                "gradient: {sampled: {inputs: 4, sampler: direct, law: uniform}}\n"
                                "schedule: [{eta: 0.05}]\n"
                                "stop: {at: 1e-9, max_steps: 40}\n"
                                "record: {trials: 20, steps: [0, 1, 40], parameters: true, "
                                "final: [theta_max]}\n";

static basin_experiment *with_law(const char *text, const char *word, const char *const *more,
                                  int mores) {
  char law[128];
  const char *set[8] = {law};
  snprintf(law, sizeof law, "gradient.sampled.law=%s", word);
  for (int i = 0; i < mores; i++) set[1 + i] = more[i];
  return test_parse(text, set, 1 + mores);
}

/* the gradient of 1/2 r^2 of one input z [k][p] by a and v, added; returns 1/2 r^2 */
static long double conv_plain(int64_t k, int64_t p, const double *a_star, const double *v_star,
                              const double *a, const double *v, const double *z,
                              long double *grad_a, long double *grad_v) {
  long double length2 = 0, r = 0, u[MOST], g[MOST] = {0}, along = 0;
  for (int64_t q = 0; q < p; q++) length2 += (long double)v[q] * v[q];
  const long double length = sqrtl(length2);
  for (int64_t j = 0; j < k; j++) {
    long double t = 0;
    u[j] = 0;
    for (int64_t q = 0; q < p; q++) {
      u[j] += z[j * p + q] * v[q] / length;
      t += (long double)z[j * p + q] * v_star[q];
    }
    r += a[j] * fmaxl(u[j], 0) - a_star[j] * fmaxl(t, 0);
  }
  for (int64_t j = 0; j < k; j++) {
    grad_a[j] += r * fmaxl(u[j], 0);
    for (int64_t q = 0; q < p && u[j] > 0; q++) g[q] += r * a[j] * z[j * p + q];
  }
  for (int64_t q = 0; q < p; q++) along += g[q] * v[q] / length2;
  for (int64_t q = 0; q < p; q++) grad_v[q] += (g[q] - along * v[q]) / length;
  return r * r / 2;
}

static void conv_steps(void **unused) {
  (void)unused;
  for (int l = 0; l < WORDS; l++) {
    basin_experiment *e = with_law(conv_text, words[l], NULL, 0);
    for (int64_t c = 0; c < e->cells; c++) {
      const basin_setting *s = &e->cell[c].setting;
      const int64_t k = 3, p = 5, inputs = 4, blocks = law_blocks(&s->gradient.law, p);
      const int grows = !strcmp(e->cell[c].model->name, "cnn");
      basin_part part;
      assert_string_equal(s->gradient.dynamics, "law");
      test_run_cell(e, c, &part);
      for (int64_t trial = 0; trial < e->trials; trial++) {
        const double *x = part.state + trial * e->times * (k + p), *y = x + k + p;
        long double grad_a[MOST] = {0}, grad_v[MOST] = {0}, v[MOST], length2 = 0;
        for (int64_t i = 0; i < inputs; i++) {
          double z[MOST];
          for (int64_t j = 0; j < k; j++)
            law_vector(&s->gradient.law, s->key, BASIN_STREAM_INPUT, (uint64_t)trial, 0,
                       (uint64_t)((i * k + j) * blocks), p, z + j * p);
          conv_plain(k, p, s->teacher[0].value, s->teacher[1].value, x, x + k, z, grad_a, grad_v);
        }
        for (int64_t j = 0; j < k; j++)
          assert_within(y[j] - (double)(x[j] - 0.02L * grad_a[j] / inputs), -1e-14, 1e-14);
        for (int64_t q = 0; q < p; q++) {
          v[q] = x[k + q] - 0.05L * grad_v[q] / inputs;
          length2 += v[q] * v[q];
        }
        for (int64_t q = 0; q < p; q++)
          assert_within(y[k + q] - (double)(v[q] / (grows ? 1 : sqrtl(length2))), -1e-14, 1e-14);
      }
      basin_part_free(&part);
    }
    basin_experiment_free(e);
  }
}

/* the same for a sum of neurons: w [n][d], v [m][d] */
static long double relu_plain(int64_t n, int64_t m, int64_t d, const double *w, const double *v,
                              const double *z, long double *grad) {
  long double r = 0, dot[MOST];
  for (int64_t l = 0; l < m; l++) {
    long double t = 0;
    for (int64_t q = 0; q < d; q++) t += (long double)v[l * d + q] * z[q];
    r -= fmaxl(t, 0);
  }
  for (int64_t i = 0; i < n; i++) {
    dot[i] = 0;
    for (int64_t q = 0; q < d; q++) dot[i] += (long double)w[i * d + q] * z[q];
    r += fmaxl(dot[i], 0);
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t q = 0; q < d && dot[i] >= 0; q++) grad[i * d + q] += r * z[q];
  return r * r / 2;
}

/* the teachers that were drawn for a state of relu_sum */
static void teachers_of(const relu_cell *cell, const double *x, double *v) {
  for (int64_t e = 0; e < cell->m * cell->d; e++)
    v[e] = -x[cell->at_mass_v + e / cell->d] * x[cell->at_unit_v + e];
}

static void relu_steps(void **unused) {
  (void)unused;
  for (int l = 0; l < WORDS; l++) {
    basin_experiment *e = with_law(relu_text, words[l], NULL, 0);
    const basin_setting *s = &e->cell[0].setting;
    const int64_t blocks = law_blocks(&s->gradient.law, 5), states = s->size.states;
    basin_room room = {NULL, 0, 0};
    relu_cell cell;
    const char *where;
    basin_part part;
    assert_null(model_prepare(s, &room, &cell, &where));
    test_run_cell(e, 0, &part);
    for (int64_t trial = 0; trial < e->trials; trial++) {
      const double *x = part.state + trial * e->times * states, *y = x + states;
      long double grad[MOST] = {0};
      double z[MOST], v[MOST];
      teachers_of(&cell, x, v);
      for (int64_t i = 0; i < 4; i++) {
        law_vector(&s->gradient.law, s->key, BASIN_STREAM_INPUT, (uint64_t)trial, 0,
                   (uint64_t)(i * blocks), 5, z);
        relu_plain(3, 2, 5, x + cell.at_w, v, z, grad);
      }
      for (int64_t q = 0; q < 15; q++)
        assert_within(y[cell.at_w + q] - (double)(x[cell.at_w + q] - 0.05L * grad[q] / 4), -1e-14,
                      1e-14);
    }
    basin_part_free(&part);
    basin_experiment_free(e);
  }
}

/* ---- the mean over all inputs that there are ---- */

/* Rademacher's inputs of 12 entries are 2^12: the mean step and what is measured are those of their sum, and not those
   of normal inputs */
static void means(void **unused) {
  static const char *const more[] = {
      "parameters={k: 3, p: 4}", "trials=4000", "teacher.v={head: [1]}",
      "record={trials: 4000, steps: [0, 1], parameters: true, final: [phi], estimate: {inputs: "
      "20000}}"};
  enum { K = 3, P = 4, SIZE = K + P };
  basin_experiment *e = with_law(conv_text, "rademacher", more, 4);
  const basin_cell *cell = &e->cell[0]; /* cnn: the step is linear in the gradient */
  const basin_setting *s = &cell->setting;
  long double gradient[SIZE] = {0}, loss = 0;
  double covariance[SIZE * SIZE], mean[SIZE];
  const basin_moments moments = {mean, covariance};
  basin_measured measured[3], normal[3];
  basin_error error;
  basin_part part;
  (void)unused;
  test_run_cell(e, 0, &part);
  const double *x = part.state;
  for (int sign = 0; sign < 1 << K * P; sign++) {
    double z[K * P];
    for (int q = 0; q < K * P; q++) z[q] = sign >> q & 1 ? 1 : -1;
    loss += conv_plain(K, P, s->teacher[0].value, s->teacher[1].value, x, x + K, z, gradient,
                       gradient + K);
  }
  for (int q = 0; q < SIZE; q++) {
    double sum = 0, sum2 = 0;
    const double eta = q < K ? 0.02 : 0.05;
    gradient[q] /= 1 << K * P;
    for (int64_t t = 0; t < e->trials; t++) {
      const double g = (x[t * 2 * SIZE + q] - x[t * 2 * SIZE + SIZE + q]) / eta;
      sum += g - (double)gradient[q];
      sum2 += (g - (double)gradient[q]) * (g - (double)gradient[q]);
    }
    assert_within(sum / sqrt(sum2), -5, 5);
  }
  assert_ok(basin_measure(cell->model, basin_cpu_isa(NULL), s, x, 0, 0, 20000, measured, &moments,
                          &error),
            error);
  basin_setting of_normal = *s;
  of_normal.gradient.law.kind = BASIN_LAW_OWN;
  of_normal.gradient.dynamics = "direct";
  assert_ok(basin_measure(cell->model, basin_cpu_isa(NULL), &of_normal, x, 0, 0, 20000, normal,
                          NULL, &error),
            error);
  loss /= 1 << K * P;
  assert_within((measured[0].value - (double)loss) / measured[0].error, -5, 5);
  assert_true(fabs(normal[0].value - (double)loss) > 5 * normal[0].error);
  for (int q = 0; q < SIZE; q++)
    assert_within((mean[q] - (double)gradient[q]) / sqrt(covariance[q * SIZE + q] / 20000), -5, 5);
  basin_part_free(&part);
  basin_experiment_free(e);
}

/* ---- bits, data sets ---- */

static void same_bits(void **unused) {
  static const char *const batch[] = {"gradient.sampled={inputs: {fixed: 30, batch: 3}, law: "
                                      "{student: {degrees: 2.5}}}"};
  (void)unused;
  for (int l = 0; l < WORDS; l++) {
    basin_experiment *e = with_law(conv_text, words[l], NULL, 0),
                     *f = with_law(relu_text, words[l], NULL, 0);
    for (int64_t c = 0; c < e->cells; c++) test_same_bits(e, c);
    test_same_bits(f, 0);
    basin_experiment_free(e);
    basin_experiment_free(f);
  }
  basin_experiment *e = test_parse(conv_text, batch, 1);
  for (int64_t c = 0; c < e->cells; c++) { /* told to stop, a data set is not even drawn */
    basin_part whole, part;
    test_run_range(e, c, BASIN_ISA_GENERIC, 0, e->trials, 0, &whole);
    for (int isa = 0; isa < BASIN_ISAS; isa++) {
      if (basin_cpu_isa(basin_cpu_isa_name(isa)) < 0) continue;
      test_run_range(e, c, isa, 7, e->trials - 7, 0, &part);
      test_assert_same(e, c, &whole, &part, 7);
      basin_part_free(&part);
    }
    basin_part_free(&whole);
  }
  basin_experiment_free(e);
}

/* the risk of the first state is that of plain loops on the law's numbers, in the order of the patches */
static void data_sets(void **unused) {
  (void)unused;
  for (int l = 0; l < WORDS; l++) {
    char set[160];
    snprintf(set, sizeof set, "gradient.sampled={inputs: {fixed: 70, set: 2}, law: %s}", words[l]);
    const char *const sets[] = {set, "record.observables=[train_loss]"};
    basin_experiment *e = test_parse(conv_text, sets, 2);
    const basin_setting *s = &e->cell[0].setting;
    const int64_t k = 3, p = 5, blocks = law_blocks(&s->gradient.law, p);
    long double unused_a[MOST], unused_v[MOST], risk = 0;
    basin_part part;
    test_run_cell(e, 0, &part);
    for (int64_t i = 0; i < 70; i++) {
      double z[MOST];
      for (int64_t j = 0; j < k; j++)
        law_vector(&s->gradient.law, s->key, BASIN_STREAM_DATA, 2, (uint64_t)i,
                   (uint64_t)(j * blocks), p, z + j * p);
      memset(unused_a, 0, sizeof unused_a);
      memset(unused_v, 0, sizeof unused_v);
      risk += conv_plain(k, p, s->teacher[0].value, s->teacher[1].value, part.state, part.state + k,
                         z, unused_a, unused_v);
    }
    assert_within(part.record[0] - (double)(risk / 70), -1e-14, 1e-14);
    basin_part_free(&part);
    basin_experiment_free(e);
  }
}

/* ---- what is said, and what is not ---- */

/* near the spurious optimum of normal inputs, or where their gradient is small, no trial of another law is spurious */
static void nothing_spurious(void **unused) {
  static const char *const conv[] = {"stop={at: 1e-9, at_spurious: 100, max_steps: 1}"},
                           *const relu[] = {"stop={at: 1e-9, at_spurious: 100, max_steps: 1}"};
  (void)unused;
  for (int law = 0; law < 2; law++) {
    basin_experiment *e[] = {with_law(conv_text, law ? "laplace" : "normal", conv, 1),
                             with_law(relu_text, law ? "laplace" : "normal", relu, 1)};
    for (int i = 0; i < 2; i++) {
      basin_part part;
      test_run_cell(e[i], 0, &part);
      for (int64_t t = 0; t < e[i]->trials; t++)
        assert_int_equal(part.outcome[t], law ? BASIN_UNRESOLVED : BASIN_SPURIOUS);
      basin_part_free(&part);
      basin_experiment_free(e[i]);
    }
  }
}

/* the normal law is no law; every other one is another experiment, with the same starts */
static void identities(void **unused) {
  static const char *const more[] = {"{student: {degrees: 5.5}}"};
  basin_experiment *plain = test_parse(
      conv_text, (const char *const[]){"gradient={sampled: {inputs: 4, sampler: direct}}"}, 1);
  basin_experiment *normal = with_law(conv_text, "normal", NULL, 0);
  uint64_t seen[WORDS + 2] = {plain->identity};
  (void)unused;
  assert_true(normal->identity == plain->identity);
  assert_string_equal(normal->cell[0].setting.gradient.dynamics, "direct");
  for (int l = 0; l <= WORDS; l++) {
    basin_experiment *e = with_law(conv_text, l < WORDS ? words[l] : more[0], NULL, 0);
    seen[l + 1] = e->identity;
    for (int i = 0; i <= l; i++) assert_true(seen[i] != seen[l + 1]);
    assert_true(e->cell[0].setting.key == plain->cell[0].setting.key);
    basin_experiment_free(e);
  }
  basin_experiment_free(plain);
  basin_experiment_free(normal);
}

/* of another law there is no loss and no norm of the gradient; beside cells that have them they are missing there */
static void closed_forms(void **unused) {
  static const char *const set[] = {
      "variants={own: {model: cnn, gradient: population, init: {v: {sphere: 1}, a: {ball: 1}}}, "
      "other: {model: cnn, init: {v: {sphere: 1}, a: {ball: 1}}}}",
      "record.final=all", "record.observables=all"};
  basin_experiment *e = with_law(conv_text, "sphere", NULL, 0), *f = test_parse(conv_text, set, 3);
  (void)unused;
  assert_int_equal(basin_observable_find(&e->cell[0], "loss"), -1);
  assert_int_equal(basin_observable_find(&e->cell[0], "norm_grad_v"), -1);
  assert_true(basin_observable_find(&e->cell[0], "phi") >= 0);
  for (int o = 0; o < f->finals; o++)
    for (int64_t c = 0; c < f->cells; c++) {
      const int closed = !strcmp(f->final[o], "loss") || !strncmp(f->final[o], "norm_grad", 9);
      basin_part part;
      test_run_cell(f, c, &part);
      assert_int_equal(isnan(part.final[o * part.count]), closed && c == 1);
      basin_part_free(&part);
    }
  basin_experiment_free(e);
  basin_experiment_free(f);
}

static void refused(void **unused) {
  static const char *const wrong[][2] = {
      {"gradient.sampled.inputs=inf", "the population's gradient is a closed form"},
      {"gradient.sampled.sampler=projected", "give sampler direct"},
      {"gradient.sampled.precision=mixed", "precision mixed draws normal inputs alone"},
      {"gradient.sampled={inputs: {fixed: inf}, law: uniform}",
       "the population's gradient is a closed form"},
      {"gradient={population: {law: uniform}}", "the population's gradient is a closed form"},
      {"gradient.sampled.law=unifrom", "did you mean `uniform`?"},
      {"gradient.sampled.law=student", "expected `normal`"},
      {"gradient.sampled.law={uniform: 1}", "expected `normal`"},
      {"gradient.sampled.law={student: {degrees: 2}}", "the variance is infinite"},
      {"gradient.sampled.law={student: {degrees: 1001}}", "1000"},
      {"gradient.sampled.law={student: {}}", "degrees is missing"},
      {"record.observables=[loss]", "measure it, by record.estimate"}};
  (void)unused;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    basin_experiment *e = NULL;
    basin_error error;
    assert_int_equal(basin_experiment_parse("t.yaml", conv_text, (int64_t)strlen(conv_text),
                                            &wrong[i][0], 1, &e, &error),
                     BASIN_BAD_INPUT);
    if (!strstr(error.text, wrong[i][1])) fail_msg("%s: %s", wrong[i][0], error.text);
    if (strchr(error.text, '\n')) fail_msg("more than a line: %s", error.text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(distributions), cmocka_unit_test(moments),
      cmocka_unit_test(conv_steps),    cmocka_unit_test(relu_steps),
      cmocka_unit_test(means),         cmocka_unit_test(same_bits),
      cmocka_unit_test(data_sets),     cmocka_unit_test(nothing_spurious),
      cmocka_unit_test(identities),    cmocka_unit_test(closed_forms),
      cmocka_unit_test(refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
