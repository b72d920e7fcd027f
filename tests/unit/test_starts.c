/* SPDX-License-Identifier: MIT
 *
 * test_starts.c: every law of a start, for every model and kind of dynamics. The start is what the law says of full
 * vectors: they are made here of the same random words, in plain loops and with the C library's functions. And the law
 * is what it is called.
 */
#include "compare.h"
#include "numeric/philox.h"

/* ---- full vectors, as setting.h and draw.h define them ---- */

enum { ENTRIES_MAX = 64 };

/* the entries of a row, from the numbers that it is made of, whose place they take */
static void full_entries(const basin_vector *v, uint64_t key, int radius, uint64_t trial,
                         int64_t row, double *to) {
  const int64_t n = v->length;
  double norm2 = 0, spread = v->scale;
  for (int64_t j = 0; j < n; j++) norm2 += to[j] * to[j];
  if (v->source == BASIN_BALL) {
    bits low, high;
    basin_words(key, radius, trial, 0, (uint64_t)row, &low, &high);
    spread *= pow(r_uniform_positive(low), 1 / (double)n);
  }
  if (v->source == BASIN_BALL || v->source == BASIN_SPHERE) spread /= sqrt(norm2);
  for (int64_t j = 0; j < n; j++)
    to[j] = v->offset + (v->value ? v->value[row * n + j] : 0) + spread * to[j];
}

static void full_row(const basin_vector *v, uint64_t key, int direction, int radius, uint64_t trial,
                     int64_t row, double *to) {
  const int64_t n = v->length, blocks = (n + 1) / 2;
  if (v->source == BASIN_GIVEN) {
    memcpy(to, v->value + row * n, (size_t)n * sizeof *to);
    return;
  }
  for (int64_t j = 0; j < n; j++) {
    bits low, high;
    basin_words(key, direction, trial, 0, (uint64_t)(row * blocks + j / 2), &low, &high);
    const double u = r_uniform_positive(low), turn = 2 * BASIN_PI * r_uniform(high);
    const double normal = sqrt(-2 * log(u)) * (j % 2 ? sin(turn) : cos(turn));
    to[j] = v->source == BASIN_UNIFORM ? r_uniform(j % 2 ? high : low) : normal;
  }
  full_entries(v, key, radius, trial, row, to);
}

static double dot(const double *x, const double *y, int64_t n) {
  double sum = 0;
  for (int64_t j = 0; j < n; j++) sum += x[j] * y[j];
  return sum;
}

/* A chi-square number by Marsaglia and Tsang (2000), as chi_square.h says */
static double full_chi_square(uint64_t key, int stream, int64_t freedom, uint64_t trial) {
  const double d = 0.5 * (double)freedom - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (uint64_t attempt = 0;; attempt += 2) {
    bits low, high;
    basin_words(key, stream, trial, 0, attempt, &low, &high);
    const double normal = sqrt(-2 * log(r_uniform_positive(low))) *
                          cos(2 * BASIN_PI * r_uniform(high)),
                 cube = pow(1 + c * normal, 3);
    basin_words(key, stream, trial, 0, attempt + 1, &low, &high);
    if (cube > 0 &&
        log(r_uniform_positive(low)) < 0.5 * normal * normal + d - d * cube + d * log(cube))
      return 2 * d * cube;
  }
}

/* a_0 of cnn and resnet where it is drawn in the directions of 1 and of the teacher a*: z has two normals along them,
   and a rest that is as long as a chi-square number says and points where other normals do */
static void full_in_directions(const basin_setting *s, uint64_t trial, double *to) {
  const basin_vector *v = &s->initial[0];
  const int64_t n = v->length;
  double axis[2][ENTRIES_MAX], mean = 0, normal[2];
  basin_vector normals = {BASIN_NORMAL, 1, n, 1, NULL, 0}, two = {BASIN_NORMAL, 1, 2, 1, NULL, 0};
  for (int64_t j = 0; j < n; j++) mean += s->teacher[0].value[j] / (double)n;
  for (int64_t j = 0; j < n; j++) axis[1][j] = s->teacher[0].value[j] - mean;
  const double length = sqrt(dot(axis[1], axis[1], n));
  const int axes = length > 1e-12 ? 2 : 1;
  for (int64_t j = 0; j < n; j++) axis[0][j] = 1 / sqrt((double)n), axis[1][j] /= length;

  full_row(&two, s->key, BASIN_STREAM_DIRECTION, 0, trial, 0, normal);
  full_row(&normals, s->key, BASIN_STREAM_START_FRAME, 0, trial, 0, to);
  for (int a = 0; a < axes; a++) {
    const double along = dot(to, axis[a], n);
    for (int64_t j = 0; j < n; j++) to[j] -= along * axis[a][j];
  }
  const double rest2 = full_chi_square(s->key, BASIN_STREAM_START_CHI, n - axes, trial),
               scale = sqrt(rest2 / dot(to, to, n));
  for (int64_t j = 0; j < n; j++) to[j] *= scale;
  for (int a = 0; a < axes; a++)
    for (int64_t j = 0; j < n; j++) to[j] += normal[a] * axis[a][j];
  full_entries(v, s->key, BASIN_STREAM_RADIUS, trial, 0, to);
}

/* whether cell's a_0 is drawn so */
static int is_in_directions(const basin_cell *cell) {
  const basin_vector *v = &cell->setting.initial[0];
  return strcmp(cell->model->name, "relu_sum") != 0 && v->length > 8 &&
         (v->source == BASIN_NORMAL || v->source == BASIN_SPHERE || v->source == BASIN_BALL);
}

/* number i of the cell's teachers, or of its initial vectors */
static void full(const basin_setting *s, int teacher, int i, uint64_t trial, double *to) {
  const basin_vector *v = teacher ? &s->teacher[i] : &s->initial[i];
  const int direction = teacher ? BASIN_STREAM_TEACHER_DIRECTION : BASIN_STREAM_DIRECTION,
            radius = teacher ? BASIN_STREAM_TEACHER_RADIUS : BASIN_STREAM_RADIUS;
  for (int64_t row = 0; row < v->rows; row++)
    full_row(v, s->key, direction + i, radius + i, trial, row, to + row * v->length);
}

/* ---- what is seen of them ---- */

/* the angle between x and y */
static double angle(const double *x, const double *y, int64_t n) {
  double p2 = 0, q2 = 0;
  const double x_length = sqrt(dot(x, x, n)), y_length = sqrt(dot(y, y, n));
  for (int64_t j = 0; j < n; j++) {
    const double a = x[j] / x_length, b = y[j] / y_length;
    p2 += (a + b) * (a + b);
    q2 += (a - b) * (a - b);
  }
  return 2 * atan2(sqrt(q2), sqrt(p2));
}

/* (23) of Xu and Du (2023), for any number of teachers */
static double relu_loss(const basin_setting *s, const double *teacher, const double *student) {
  const int64_t m = s->teacher[0].rows, n = s->initial[0].rows, d = s->initial[0].length;
  double r[ENTRIES_MAX] = {0}, sum = 0;
  for (int64_t a = 0; a < m + n; a++) {
    const double *x = a < m ? teacher + a * d : student + (a - m) * d, sign_x = a < m ? -1 : 1;
    for (int64_t j = 0; j < d; j++) r[j] += sign_x * x[j];
    for (int64_t b = 0; b < a; b++) {
      const double *y = b < m ? teacher + b * d : student + (b - m) * d, sign_y = b < m ? -1 : 1;
      const double theta = angle(x, y, d);
      sum += sign_x * sign_y * sqrt(dot(x, x, d) * dot(y, y, d)) *
             (sin(theta) - theta * cos(theta));
    }
  }
  return dot(r, r, d) / 4 + sum / (2 * BASIN_PI);
}

/* observable `name` of a start, from its full vectors */
static double seen(const basin_cell *cell, const char *name, const double *teacher,
                   const double *start) {
  const basin_setting *s = &cell->setting;
  if (!strcmp(cell->model->name, "relu_sum")) return relu_loss(s, teacher, start);
  const int64_t k = s->initial[0].length, p = s->initial[1].length;
  double v[ENTRIES_MAX], e2 = 0;
  const double shift = strcmp(cell->model->name, "resnet") ? 0 : 1 / sqrt((double)p);
  for (int64_t j = 0; j < p; j++) v[j] = shift + start[k + j];
  for (int64_t j = 0; j < k; j++) e2 += (start[j] - teacher[j]) * (start[j] - teacher[j]);
  if (!strcmp(name, "phi")) return angle(v, teacher + k, p);
  if (!strcmp(name, "error_a")) return e2;
  assert_string_equal(name, "a_dot_a_star");
  return dot(start, teacher, k);
}

/* ---- the experiments ---- */

static const char conv_text[] =
    "grid: {k: [1, 2, 5, 9, 14], p: [3, 4]}\n"
    "trials: 60\n"
    "teacher: {a: {head: [0.75], scale: 2}, v: {head: [0.6, 0.8]}}\n"
    "schedule: [{eta: 0.1}]\n"
    "stop: {at: 1e-30, max_steps: 20}\n"
    "record: {trials: 60, steps: [0, 3], observables: [phi, error_a, a_dot_a_star], parameters: "
    "true}\n"
    "variants:\n"
    "  population: {gradient: population}\n"
    "  direct: {gradient: {sampled: {inputs: 2, sampler: direct}}}\n"
    "  mixed: {gradient: {sampled: {inputs: 2, sampler: direct, precision: mixed}}}\n"
    "  projected: {gradient: {sampled: {inputs: 2, sampler: projected}}}\n"
    "  batch: {gradient: {sampled: {inputs: {fixed: 9, batch: 2}}}}\n";

static const char relu_text[] = "model: relu_sum\n"
                                "grid: {n: [1, 3], d: [2, 5]}\n"
                                "parameters: {m: 2}\n"
                                "trials: 60\n"
                                "schedule: [{eta: 0.1}]\n"
                                "stop: {at: 1e-9, max_steps: 20}\n"
                                "record: {trials: 60, steps: [0, 3], observables: [loss], "
                                "parameters: true}\n"
                                "variants:\n"
                                "  population: {}\n"
                                "  entries: {parameters: {m: 2, span: 0}}\n"
                                "  flow: {method: gradient_flow}\n"
                                "  direct: {gradient: {sampled: {inputs: 2, sampler: direct}}}\n"
                                "  projected: {gradient: {sampled: {inputs: 2, sampler: "
                                "projected}}}\n";

static const struct start {
  const char *text, *set[3];
} starts[] = {
    {conv_text, {"model=cnn", "init={a: {uniform: [-1, 2]}, v: {uniform: [0.5, 1]}}"}},
    {conv_text, {"model=resnet", "init={a: {uniform: [0, 1]}, w: {uniform: [-2, 2], scale: -1}}"}},
    {conv_text,
     {"model=cnn",
      "init={a: {ball: 0.3, around: teacher}, v: {sphere: 0.1, around: teacher, scale: 2}}"}},
    {conv_text,
     {"model=resnet", "init={a: {sphere: 0.3, around: teacher}, w: {ball: 0.2, around: 0.4}}"}},
    {conv_text,
     {"model=cnn", "init={a: {sphere: 0.5, around: {head: [1], scale: 3}, scale: -2}, v: {ball: 2, "
                   "around: {sum: 1, norm: 4}}}"}},
    {conv_text,
     {"model=cnn", "init={a: {normal: 0.7, mean: 0.25}, v: {normal: 0.2, mean: {head: [1, -1, "
                   "1]}}}"}},
    {conv_text, {"model=cnn", "init={a: {normal: 0, mean: teacher}, v: {ball: 0, around: 1}}"}},
    {conv_text, {"model=cnn", "init={a: {ball: 1}, v: {sphere: 1}}"}},
    {conv_text, {"model=resnet", "init={a: {normal: 0.5, scale: -1}, w: 0}"}},
    {conv_text, {"model=cnn", "init={a: {ball: 1}, v: {sphere: 1}}", "teacher.a=0.5"}},
    {conv_text,
     {"model=cnn", "init={a: {normal: 1, mean: {head: [1]}}, v: {sphere: 1}}", "teacher.a=0.5"}},
    {relu_text, {"teacher={v: {uniform: [-1, 1]}}", "init={w: {uniform: [0.1, 0.5]}}"}},
    {relu_text, {"teacher={v: {ball: 0.5, around: 2}}", "init={w: {normal: 0.2, mean: -1}}"}},
    {relu_text,
     {"teacher={v: {sphere: 0.5, around: {orthonormal: 2}}}",
      "init={w: {sphere: 0.2, around: {head: [1, 1]}, scale: 3}}"}},
    {relu_text,
     {"teacher={v: {normal: 0.5, mean: [{head: [1]}, 2]}}", "grid.n=[2]",
      "init={w: {ball: 0.2, around: [{head: [1]}, {head: [0, -1]}]}}"}},
};
enum { STARTS = sizeof starts / sizeof *starts };

static basin_experiment *parse(const struct start *start) {
  int sets = 0;
  while (sets < 3 && start->set[sets]) sets++;
  return test_parse(start->text, start->set, sets);
}

/* how far two numbers are apart, in units of the larger one or of 1 */
static double apart(double x, double y) { return fabs(x - y) / fmax(1, fmax(fabs(x), fabs(y))); }

static void compare_cell(const basin_experiment *e, int64_t c) {
  const basin_cell *cell = &e->cell[c];
  const basin_setting *s = &cell->setting;
  const basin_model *model = cell->model;
  basin_part part;
  double teacher[ENTRIES_MAX], start[ENTRIES_MAX], vectors[ENTRIES_MAX];
  test_run_cell(e, c, &part);
  for (int64_t trial = 0; trial < e->trials; trial++) {
    double *to = teacher;
    for (int i = 0; i < model->teachers; to += basin_vector_size(&s->teacher[i++]))
      full(s, 1, i, (uint64_t)trial, to);
    to = start;
    for (int i = 0; i < model->initials; to += basin_vector_size(&s->initial[i++]))
      if (i == 0 && is_in_directions(cell)) full_in_directions(s, (uint64_t)trial, to);
      else full(s, 0, i, (uint64_t)trial, to);
    for (int o = 0; o < e->observables; o++) {
      const double *record = part.record + (o * part.recorded + trial) * e->times;
      const double expected = seen(cell, e->observable[o], teacher, start);
      if (!(apart(record[0], expected) < 1e-12))
        fail_msg("%s, %s, cell %lld: %s is %.17g, expected %.17g", e->overrides,
                 e->variant[cell->variant], (long long)c, e->observable[o], record[0], expected);
    }
    const double *state = part.state + trial * e->times * s->size.states;
    assert_int_equal(model->vectors(s, trial, 1, state, 0, vectors), BASIN_OK);
    for (int64_t j = 0; j < s->size.vectors; j++) {
      const int unknown = !strcmp(e->variant[cell->variant], "projected") && isnan(vectors[j]);
      const int reset = !strcmp(model->name, "resnet") && j >= s->initial[0].length; /* |v| = 1 */
      if (!unknown && !reset && !(apart(vectors[j], start[j]) < 1e-12))
        fail_msg("%s, %s, cell %lld: entry %lld is %.17g, expected %.17g", e->overrides,
                 e->variant[cell->variant], (long long)c, (long long)j, vectors[j], start[j]);
    }
  }
  basin_part_free(&part);
}

static void full_vectors(void **unused) {
  (void)unused;
  for (int i = 0; i < STARTS; i++) {
    basin_experiment *e = parse(&starts[i]);
    for (int64_t c = 0; c < e->cells; c++) compare_cell(e, c);
    basin_experiment_free(e);
  }
}

/* the second half of the trials without the first, on another instruction set: of data sets, which a watch that asks to
   stop keeps from every step */
static void same_halves(const basin_experiment *e, int64_t cell) {
  basin_part whole, half;
  test_run_range(e, cell, BASIN_ISA_GENERIC, 0, e->trials, 0, &whole);
  test_run_range(e, cell, basin_cpu_isa(NULL), e->trials / 2, e->trials / 2, 0, &half);
  test_assert_same(e, cell, &whole, &half, e->trials / 2);
  basin_part_free(&whole);
  basin_part_free(&half);
}

/* whatever runs it, and beside whatever: the same bits */
static void same_bits(void **unused) {
  (void)unused;
  for (int i = 0; i < STARTS; i++) {
    basin_experiment *e = parse(&starts[i]);
    for (int64_t c = 0; c < e->cells; c += 3)
      if (e->cell[c].setting.gradient.set_size) same_halves(e, c);
      else test_same_bits(e, c);
    basin_experiment_free(e);
  }
}

/* close to the teacher nothing is lost: |a - a*| is the drawn radius to all digits, and phi to those that v has */
static void close_to_teacher(void **unused) {
  static const char *const set[] = {"model=cnn", "variants={population: {}}",
                                    "init={a: {sphere: 1e-9, around: teacher}, v: {sphere: 1e-6, "
                                    "around: teacher}}"};
  basin_experiment *e = test_parse(conv_text, set, 3);
  (void)unused;
  for (int64_t c = 0; c < e->cells; c++) {
    basin_part part;
    test_run_cell(e, c, &part);
    for (int64_t trial = 0; trial < e->trials; trial++) {
      double start[ENTRIES_MAX];
      const double phi = part.record[trial * e->times],
                   error_a = part.record[(part.recorded + trial) * e->times];
      full(&e->cell[c].setting, 0, 1, (uint64_t)trial, start);
      const double expected = angle(start, e->cell[c].setting.teacher[1].value,
                                    e->cell[c].setting.initial[1].length);
      assert_within(error_a, 1e-18 * (1 - 1e-12), 1e-18 * (1 + 1e-12));
      assert_within(phi, expected - 1e-15, expected + 1e-15);
    }
    basin_part_free(&part);
  }
  basin_experiment_free(e);
}

/* ---- laws ---- */

enum { SAMPLE = 20000, LENGTH = 3, LONG = 12 };

/* the start of every trial of one vector of k entries [SAMPLE][k] */
static basin_experiment *sample(const char *law, int k, double *to) {
  char set[2][256];
  snprintf(set[0], sizeof set[0], "init={a: %s, v: {sphere: 1}}", law);
  snprintf(set[1], sizeof set[1], "parameters.k=%d", k);
  basin_experiment *e = test_parse(
      "model: cnn\nparameters: {p: 2}\nschedule: [{eta: 0}]\n"
      "trials: 20000\nteacher: {a: {head: [1, -2, 0.5]}, v: {head: [1]}}\n"
      "record: {trials: 20000, steps: [0], parameters: true}\n"
      "stop: {max_steps: 1}\n",
      (const char *const[]){set[0], set[1]}, 2);
  basin_part part;
  double vectors[LONG + 2];
  const basin_setting *s = &e->cell[0].setting;
  test_run_cell(e, 0, &part);
  for (int64_t trial = 0; trial < SAMPLE; trial++) {
    const double *state = part.state + trial * s->size.states;
    assert_int_equal(e->cell[0].model->vectors(s, trial, 1, state, 0, vectors), BASIN_OK);
    memcpy(to + trial * k, vectors, (size_t)k * sizeof *to);
  }
  basin_part_free(&part);
  return e;
}

/* whether a sample is uniform on [0, 1], by Kolmogorov and Smirnov; sorts it */
static int is_uniform(double *x) {
  double largest = 0;
  qsort(x, SAMPLE, sizeof *x, test_ascending);
  for (int i = 0; i < SAMPLE; i++)
    largest = fmax(largest, fmax(x[i] - (double)i / SAMPLE, (double)(i + 1) / SAMPLE - x[i]));
  return largest < sqrt(-0.5 * log(FALSE_ALARM / 2) / SAMPLE);
}

/* the distribution function of the sum of two uniform numbers */
static double triangle(double sum) {
  return sum < 1 ? sum * fabs(sum) / 2 : 1 - (2 - sum) * fabs(2 - sum) / 2;
}

/* Whether the sample x [SAMPLE][LENGTH] has the law around the point c, with the scale r; a uniform one goes from c to
   c + r. Numbers are made that are uniform then: of independent entries alone and of sums of two; of a direction by one
   coordinate (Archimedes: of a sphere in 3 dimensions) and by an angle; of the length in a ball. */
static int has_law(const double *x, enum basin_source law, const double *c, double r) {
  static double u[LENGTH + 2][SAMPLE];
  int good = 1;
  for (int i = 0; i < SAMPLE; i++) {
    double e[LENGTH], norm2 = 0;
    for (int j = 0; j < LENGTH; j++) e[j] = (x[i * LENGTH + j] - c[j]) / r;
    for (int j = 0; j < LENGTH; j++) norm2 += e[j] * e[j];
    const double length = sqrt(norm2);
    for (int j = 0; j < LENGTH; j++)
      u[j][i] = law == BASIN_UNIFORM  ? e[j]
                : law == BASIN_NORMAL ? erfc(-e[j] / sqrt(2)) / 2
                                      : 0.5 + 0.5 * e[j] / length;
    for (int j = 0; j < 2; j++)
      u[LENGTH + j][i] = law == BASIN_UNIFORM  ? triangle(e[j] + e[j + 1])
                         : law == BASIN_NORMAL ? erfc(-(e[j] + e[j + 1]) / 2) / 2
                         : j == 0              ? 0.5 + atan2(e[1], e[0]) / (2 * BASIN_PI)
                                               : pow(length, LENGTH);
    if (law == BASIN_SPHERE && !(fabs(length - 1) < 1e-12)) good = 0;
  }
  for (int j = 0; j < LENGTH + (law == BASIN_SPHERE ? 1 : 2); j++) good &= is_uniform(u[j]);
  return good;
}

static void laws(void **unused) {
  static const double zero[] = {0, 0, 0}, teacher[] = {1, -2, 0.5}, half[] = {0.5, 0.5, 0.5},
                      given[] = {3, 1, 0}, low[] = {-1, -1, -1};
  static const struct {
    const char *text;
    enum basin_source law;
    const double *center;
    double scale;
  } known[] = {
      {"{uniform: [-1, 1]}", BASIN_UNIFORM, low, 2},
      {"{uniform: [0, 2], scale: 0.5}", BASIN_UNIFORM, zero, 1},
      {"{uniform: [0, 1/2], scale: -2}", BASIN_UNIFORM, low, 1},
      {"{ball: 0.1, around: teacher}", BASIN_BALL, teacher, 0.1},
      {"{ball: 2}", BASIN_BALL, zero, 2},
      {"{sphere: 3, around: [3, 1, 0]}", BASIN_SPHERE, given, 3},
      {"{sphere: 1, around: {blocks: [[-1, 3]]}, scale: -0.5}", BASIN_SPHERE, half, -0.5},
      {"{normal: 1, mean: 0.5}", BASIN_NORMAL, half, 1},
      {"{normal: 0.2, mean: teacher}", BASIN_NORMAL, teacher, 0.2},
      {"{normal: 0.2, mean: {head: [3, 1]}}", BASIN_NORMAL, given, 0.2},
  };
  static double x[SAMPLE * LENGTH];
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    const double scale = known[i].scale;
    double aside[LENGTH];
    basin_experiment_free(sample(known[i].text, LENGTH, x));
    if (!has_law(x, known[i].law, known[i].center, scale)) fail_msg("%s", known[i].text);

    /* and no other: neither a little wider, nor a little aside, nor another one of the laws */
    memcpy(aside, known[i].center, sizeof aside);
    aside[1] += 0.1 * scale;
    assert_false(has_law(x, known[i].law, known[i].center, 1.15 * scale));
    assert_false(has_law(x, known[i].law, aside, scale));
    for (int law = BASIN_BALL; law <= BASIN_UNIFORM; law++)
      if (law != (int)known[i].law && has_law(x, (enum basin_source)law, known[i].center, scale))
        fail_msg("%s: law %d", known[i].text, law);
  }
}

/* P(chi-square of an even number n of degrees of freedom <= x) */
static double erlang(double x, int n) {
  double term = 1, sum = 0;
  for (int i = 0; i < n / 2; term *= x / 2 / ++i) sum += term;
  return 1 - exp(-x / 2) * sum;
}

/* A_0 of cnn where it is drawn in the directions of 1 and a*, and the rest by its length. Of a normal law the entries,
   sums of two and the squared length; of the others the same entries with the lengths of other normal trials, for a
   direction is theirs; and (|a_0|/r)^k, which is uniform in a ball. */
static void laws_in_directions(void **unused) {
  static double normal[SAMPLE * LONG], x[SAMPLE * LONG], u[SAMPLE];
  static const char *const law[] = {"{normal: 1}", "{sphere: 2}", "{ball: 2}"};
  (void)unused;
  for (int l = 0; l < 3; l++) {
    basin_experiment_free(sample(law[l], LONG, x));
    for (int i = 0; i < SAMPLE; i++) u[i] = dot(x + i * LONG, x + i * LONG, LONG);
    if (l == 0) memcpy(normal, x, sizeof x);
    for (int i = 0; l > 0 && i < SAMPLE; i++) {
      const double *other = normal + (i + 1) % SAMPLE * LONG;
      const double scale = sqrt(dot(other, other, LONG) / u[i]);
      for (int j = 0; j < LONG; j++) x[i * LONG + j] *= scale;
    }
    for (int i = 0; i < SAMPLE; i++) {
      if (l == 1) assert_within(u[i], 4 * (1 - 1e-13), 4 * (1 + 1e-13));
      u[i] = l == 0 ? erlang(u[i], LONG) : pow(u[i] / 4, LONG / 2);
    }
    if (l != 1) assert_true(is_uniform(u));
    for (int j = 0; j < 2 * LONG; j++) {
      for (int i = 0; i < SAMPLE; i++) {
        const double *e = x + i * LONG, one = e[j % LONG], two = one + e[(j + 1) % LONG];
        u[i] = j < LONG ? erfc(-one / sqrt(2)) / 2 : erfc(-two / 2) / 2;
      }
      if (!is_uniform(u)) fail_msg("%s: %s", law[l], j < LONG ? "an entry" : "a sum");
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(full_vectors),       cmocka_unit_test(same_bits),
      cmocka_unit_test(close_to_teacher),   cmocka_unit_test(laws),
      cmocka_unit_test(laws_in_directions),
  };
  return cmocka_run_group_tests_name("starts", tests, NULL, NULL);
}
