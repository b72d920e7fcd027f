/* SPDX-License-Identifier: MIT
 *
 * test_relu_sampled.c: stochastic gradients of the sums of neurons (include/models/relu/relu_sampled.h). A step of each
 * sampler against a plain reference on the same numbers; hundreds of steps against the same model written as formulas;
 * direct against projected by two-sample tests of every observable and of the Gram matrix; against the population
 * gradient in the mean and in the limit of many inputs; a sampler that is wrong on purpose must fail. Seeds are fixed,
 * so a test that passes once passes always. z-scores are compared with 5.5: one comparison exceeds that by chance in
 * 2e7.
 */
#include "compare.h"
#include "folder.h"
#include "formula_script.h"
#include "own_lanes.h"
#include "models/relu_sum.h"
#include "methods.h"
#include "base/statistics.h"
#include "formula/emit.h"
#include <dlfcn.h>

enum { TRIALS = 2000, STUDENTS = 4, TEACHERS = 2, WIDE = 64 };

/* rows of the starts, of which all but `n + m` (or d) entries are cut off: the Gram matrix does not depend on d */
static const double rows[STUDENTS][STUDENTS + TEACHERS] = {{0.3, -0.5, 0.2, 0.1, -0.4, 0.2},
                                                           {-0.2, 0.4, 0.5, -0.3, 0.1, 0.3},
                                                           {0.6, 0.1, -0.3, 0.2, 0.3, -0.1},
                                                           {0.1, 0.2, 0.3, 0.4, -0.5, 0.6}};
static const double targets[TEACHERS][STUDENTS + TEACHERS] = {{0.9, 0.3, -0.2, 0.3, 0.2, 0.1},
                                                              {-0.3, 0.8, 0.3, -0.2, 0.1, 0.4}};

enum start {
  GENERAL,
  PARALLEL, /* student 1 is twice student 0, student 2 opposite to it, teacher 1 twice teacher 0 */
  ZERO      /* student 1 is 0, student 2 equal to student 0 */
};

/* one cell: fixed starts, so that all that varies is the gradient */
typedef struct shape {
  int n, m, d, inputs; /* inputs 0: the population */
  enum start start;
  double eta;
  const char *steps; /* recorded ones, up to most */
  int most, trials;
} shape;

static void write_row(FILE *to, const shape *s, const double *row, double factor) {
  const int all = s->n + s->m, length = all < s->d ? all : s->d;
  fprintf(to, "{head: [");
  for (int k = 0; k < length; k++) fprintf(to, "%s%.17g", k ? ", " : "", factor * row[k]);
  fprintf(to, "]}");
}

static void write_student(FILE *to, const shape *s, int i) {
  static const double parallel[] = {1, 2, -1}, zero[] = {1, 0, 1};
  if (s->start == GENERAL || i > 2) write_row(to, s, rows[i], 1);
  else if (s->start == ZERO) write_row(to, s, rows[0], zero[i]);
  else write_row(to, s, rows[0], parallel[i]);
}

static basin_experiment *make(const shape *s, const char *sampler) {
  char *text = NULL;
  size_t size;
  FILE *to = open_memstream(&text, &size);
  fprintf(to, "model: relu_sum\ntrials: %d\nparameters: {n: %d, m: %d, d: %d}\nteacher: {v: [",
          s->trials, s->n, s->m, s->d);
  for (int l = 0; l < s->m; l++) {
    if (l) fprintf(to, ", ");
    write_row(to, s, targets[s->start == PARALLEL ? 0 : l], s->start == PARALLEL ? 1 + l : 1);
  }
  fprintf(to, "]}\ninit: {w: [");
  for (int i = 0; i < s->n; i++) {
    if (i) fprintf(to, ", ");
    write_student(to, s, i);
  }
  fprintf(to, "]}\nschedule: [{eta: %.17g}]\nstop: {max_steps: %d}\n", s->eta, s->most);
  if (s->inputs)
    fprintf(to, "gradient: {sampled: {inputs: %d, sampler: %s}}\n", s->inputs, sampler);
  fprintf(to, "record: {trials: %d, steps: %s, parameters: true}\n", s->trials, s->steps);
  fclose(to);
  basin_experiment *e = test_parse(text, NULL, 0);
  free(text);
  return e;
}

static relu_cell layout(const basin_experiment *e) {
  const basin_setting *setting = &e->cell[0].setting;
  relu_cell cell;
  basin_room room = {NULL, 0, 0};
  const char *where;
  assert_null(model_prepare(setting, &room, &cell, &where));
  return cell;
}

/* ---- what does not depend on the frame ---- */

static double dot(const double *a, const double *b, int64_t length) {
  double sum = 0;
  for (int64_t k = 0; k < length; k++) sum += a[k] * b[k];
  return sum;
}

enum { INVARIANTS = STUDENTS * (STUDENTS + 1) / 2 + STUDENTS * TEACHERS + 1 };

/* w_i'w_j, j <= i; w_i'v_l; |sum w - sum v|. Returns their number. */
static int invariants(const relu_cell *cell, const double *x, double out[INVARIANTS]) {
  const int64_t width = cell->width;
  const double *w = x + cell->at_w;
  double rest2 = 0;
  int count = 0;
  for (int64_t i = 0; i < cell->n; i++) {
    for (int64_t j = 0; j <= i; j++) out[count++] = dot(w + i * width, w + j * width, width);
    for (int64_t l = 0; l < cell->m; l++)
      out[count++] = -x[cell->at_mass_v + l] *
                     dot(w + i * width, x + cell->at_unit_v + l * width, width);
  }
  for (int64_t k = 0; k < width; k++) {
    double rest = -x[cell->at_sum_v + k];
    for (int64_t i = 0; i < cell->n; i++) rest += w[i * width + k];
    rest2 += rest * rest;
  }
  out[count++] = sqrt(rest2);
  return count;
}

static const double *state_of(const basin_experiment *e, const relu_cell *cell,
                              const basin_part *part, int64_t trial, int64_t time) {
  return part->state + (trial * e->times + time) * cell->states;
}

/* number of observables and invariants that tell two cells apart at a recorded step */
static int compare(const basin_experiment *e, const basin_part *x, const relu_cell *cell_x,
                   const basin_part *y, const relu_cell *cell_y, int64_t time) {
  static double sx[RELU_OBSERVED + INVARIANTS][TRIALS], sy[RELU_OBSERVED + INVARIANTS][TRIALS];
  int different = 0, count = 0;
  for (int64_t t = 0; t < e->trials; t++) {
    double a[INVARIANTS], b[INVARIANTS];
    count = RELU_OBSERVED + invariants(cell_x, state_of(e, cell_x, x, t, time), a);
    invariants(cell_y, state_of(e, cell_y, y, t, time), b);
    for (int q = 0; q < count; q++) {
      const int64_t row = (q * e->trials + t) * e->times + time;
      sx[q][t] = q < RELU_OBSERVED ? x->record[row] : a[q - RELU_OBSERVED];
      sy[q][t] = q < RELU_OBSERVED ? y->record[row] : b[q - RELU_OBSERVED];
    }
  }
  for (int q = 0; q < count; q++) {
    const int none = cell_x->m > 1 &&
                     (q == RELU_OBSERVE_H || q == RELU_OBSERVE_Z || q == RELU_OBSERVE_kappa_max);
    for (int64_t t = 0; t < e->trials; t++)
      assert_true(none ? isnan(sx[q][t]) && isnan(sy[q][t])
                       : isfinite(sx[q][t]) && isfinite(sy[q][t]));
    different += !none && test_differ(sx[q], sy[q], (int)e->trials);
  }
  return different;
}

/* the same of a direct and a projected cell, over all recorded steps; fails on the first one where `equal` */
static int compare_shapes(const shape *direct, const shape *projected, int equal) {
  basin_experiment *e = make(direct, "direct"), *f = make(projected, "projected");
  const relu_cell cell_e = layout(e), cell_f = layout(f);
  basin_part x, y;
  int different = 0;
  test_run_cell(e, 0, &x);
  test_run_cell(f, 0, &y);
  for (int64_t t = 0; t < e->times; t++) {
    different += compare(e, &x, &cell_e, &y, &cell_f, t);
    if (equal && different)
      fail_msg("n = %d, m = %d, d = %d, B = %d, start %d, step %lld: the samplers differ",
               direct->n, direct->m, direct->d, direct->inputs, (int)direct->start,
               (long long)e->time[t]);
  }
  basin_part_free(&x);
  basin_part_free(&y);
  basin_experiment_free(e);
  basin_experiment_free(f);
  return different;
}

/* ---- direct against projected ---- */

/* d < n + m; =; one, two (f < n: T is trapezoidal) and n dimensions more; many. With B < n Q is singular. */
static const int sizes[][3] = {{3, 1, 2},    {3, 1, 4},    {3, 1, 5}, {3, 1, 6}, {3, 1, 7},
                               {3, 1, WIDE}, {2, 2, 3},    {2, 2, 4}, {2, 2, 5}, {2, 2, 6},
                               {4, 2, 9},    {2, 2, WIDE}, {1, 1, 3}};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* few inputs for many steps, and a step so large that what leaves the span counts at once */
static void direct_is_projected(void **unused) {
  (void)unused;
  for (int i = 0; i < SIZES; i++) {
    const int n = sizes[i][0], m = sizes[i][1], d = sizes[i][2];
    const shape slow = {n, m, d, 1, GENERAL, 0.3 / d, "[1, 10, 1000]", 1000, TRIALS},
                fast = {n, m, d, 4, GENERAL, 2.0 / (d + 2), "[1, 10]", 10, TRIALS};
    compare_shapes(&slow, &slow, 1);
    compare_shapes(&fast, &fast, 1);
  }
}

/* Q is singular, or the frame has fewer axes than room, or a student is 0 */
static void special_starts(void **unused) {
  static const int size[][3] = {{3, 1, 3}, {3, 1, 5}, {3, 2, 9}, {4, 2, 6}};
  (void)unused;
  for (int i = 0; i < 4; i++)
    for (int start = PARALLEL; start <= ZERO; start++)
      for (int inputs = 1; inputs < 6; inputs += 4) {
        const shape s = {size[i][0],
                         size[i][1],
                         size[i][2],
                         inputs,
                         (enum start)start,
                         1.0 / (size[i][2] + 2),
                         "[1, 10, 100]",
                         100,
                         TRIALS};
        compare_shapes(&s, &s, 1);
      }
}

/* what is wrong is found: a degree of freedom too many, where there are few and where there are more (the projected
   sampler knows d by f alone); one input more; another step size; nothing is where nothing is wrong */
static void wrong_sampler_is_found(void **unused) {
  (void)unused;
  const shape right = {3, 1, 5, 2, GENERAL, 0.7, "[1, 2]", 2, TRIALS};
  shape other = right;
  assert_int_equal(compare_shapes(&right, &other, 0), 0);
  other.d = 6;
  assert_true(compare_shapes(&right, &other, 0) > 0);
  other = right;
  other.inputs = 3;
  assert_true(compare_shapes(&right, &other, 0) > 0);
  other = right;
  other.eta = 0.8;
  assert_true(compare_shapes(&right, &other, 0) > 0);
  const shape seven = {3, 1, 7, 2, GENERAL, 0.7, "[1, 2]", 2, TRIALS};
  other = seven;
  other.d = 8;
  assert_true(compare_shapes(&seven, &other, 0) > 0);
  const shape pair = {2, 2, 5, 2, GENERAL, 0.7, "[1, 2]", 2, TRIALS};
  other = pair;
  other.d = 6;
  assert_true(compare_shapes(&pair, &other, 0) > 0);
}

/* ---- one step against a plain reference on the same numbers ---- */

typedef struct problem {
  basin_experiment *e;
  relu_cell cell;
  double *data, *work, *x;
} problem;

static problem open_problem(const shape *s, const char *sampler) {
  problem p = {.e = make(s, sampler)};
  const basin_setting *setting = &p.e->cell[0].setting;
  const size_t work = (size_t)setting->size.work;
  p.data = malloc((size_t)setting->size.data * sizeof *p.data);
  p.work = malloc(work * sizeof *p.work);
  basin_room room = {p.data, 0, 0};
  const char *where;
  assert_null(model_prepare(setting, &room, &p.cell, &where));
  p.x = malloc((size_t)p.cell.states * sizeof *p.x);
  memset(p.work, 0xff, work * sizeof *p.work);
  return p;
}

static void close_problem(problem *p) {
  free(p->data);
  free(p->work);
  free(p->x);
  basin_experiment_free(p->e);
}

static double normal(const relu_cell *cell, int stream, uint64_t trial, uint64_t step,
                     uint64_t block, int which) {
  double pair[2];
  basin_normals(cell->student.key, stream, trial, step, block, &pair[0], &pair[1]);
  return pair[which];
}

/* B times the gradient [n][width] at the state, and Q [n][n] */
static void reference_sums(const relu_cell *cell, const double *x, uint64_t trial, uint64_t step,
                           long double *g, long double *q) {
  const int64_t n = cell->n, m = cell->m, width = cell->width;
  memset(g, 0, (size_t)(n * width) * sizeof *g);
  memset(q, 0, (size_t)(n * n) * sizeof *q);
  for (int64_t s = 0; s < cell->inputs; s++) {
    long double input[WIDE], product[STUDENTS], r = 0;
    for (int64_t k = 0; k < width; k++)
      input[k] = normal(cell, BASIN_STREAM_INPUT, trial, step,
                        (uint64_t)(s * ((width + 1) / 2) + k / 2), (int)(k % 2));
    for (int64_t l = 0; l < m; l++) {
      long double sum = 0;
      for (int64_t k = 0; k < width; k++)
        sum -= x[cell->at_mass_v + l] * (long double)x[cell->at_unit_v + l * width + k] * input[k];
      r -= fmaxl(sum, 0);
    }
    for (int64_t i = 0; i < n; i++) {
      product[i] = 0;
      for (int64_t k = 0; k < width; k++) product[i] += x[cell->at_w + i * width + k] * input[k];
      r += fmaxl(product[i], 0);
    }
    for (int64_t i = 0; i < n; i++) {
      for (int64_t k = 0; k < width && product[i] >= 0; k++) g[i * width + k] += r * input[k];
      for (int64_t j = 0; j < n; j++)
        if (product[i] >= 0 && product[j] >= 0) q[i * n + j] += r * r;
    }
  }
}

/* L of Q = L L', column by column, 0 where what is left of a diagonal entry is rounding; returns whether that is so
   anywhere */
static int reference_factor(int64_t n, const long double *q, long double *l) {
  int singular = 0;
  for (int64_t j = 0; j < n; j++)
    for (int64_t i = 0; i < n; i++) {
      long double sum = q[i * n + j];
      for (int64_t k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      const long double pivot = i < j ? 0 : i == j ? sum : l[j * n + j];
      if (i < j || (i == j && sum <= 1e-12L * q[j * n + j]) || pivot == 0) l[i * n + j] = 0;
      else l[i * n + j] = i == j ? sqrtl(sum) : sum / pivot;
      singular |= i == j && l[i * n + j] == 0;
    }
  return singular;
}

/* the chi-square numbers and normals of T, entry (i, j) */
static long double reference_t(const relu_cell *cell, uint64_t trial, uint64_t step, int64_t i,
                               int64_t j) {
  const int64_t freedom = cell->d - cell->width, pair = i * (i - 1) / 2 + j;
  if (j > i) return 0;
  if (j < i)
    return normal(cell, BASIN_STREAM_WISHART, trial, step, (uint64_t)pair / 2, (int)(pair % 2));
  return sqrtl(basin_chi_square(cell->student.key, BASIN_STREAM_CHI, freedom - i, trial, step,
                                (uint64_t)i * BASIN_CHI_BLOCKS));
}

/* w [n][WIDE] after the step: in the coordinates of the state, and behind them in new axes, without turning back.
   Returns what rounding may make of it: an entry of L that should be 0 may be the root of Q's rounding. */
static double reference_step(const relu_cell *cell, const double *x, uint64_t trial, uint64_t step,
                             double eta, long double *w) {
  const int64_t n = cell->n, width = cell->width, left = cell->spanned ? cell->d - width : 0,
                axes = left < n ? left : n;
  const long double pace = (long double)eta / cell->inputs;
  long double g[STUDENTS * WIDE], q[STUDENTS * STUDENTS], l[STUDENTS * STUDENTS];
  reference_sums(cell, x, trial, step, g, q);
  const int singular = reference_factor(n, q, l);
  for (int64_t i = 0; i < n; i++) {
    for (int64_t k = 0; k < width; k++)
      w[i * WIDE + k] = x[cell->at_w + i * width + k] - pace * g[i * width + k];
    for (int64_t k = 0; k < axes; k++) {
      long double sum = 0;
      for (int64_t j = 0; j <= i; j++) sum += l[i * n + j] * reference_t(cell, trial, step, j, k);
      w[i * WIDE + width + k] = -pace * sum;
    }
    for (int64_t k = width + axes; k < WIDE; k++) w[i * WIDE + k] = 0;
  }
  return singular && axes ? 1e-9 : 1e-13;
}

static void assert_close(double value, long double want, double error) {
  const double room = error * fmax(1, (double)fabsl(want));
  assert_within(value, (double)want - room, (double)want + room);
}

/* the state's students have the inner products of the reference's, with each other and with the teachers; direct: they
   are the reference's */
static void assert_reference(const relu_cell *cell, const double *x, const long double *w,
                             double error) {
  const double *have = x + cell->at_w;
  for (int64_t i = 0; i < cell->n; i++) {
    const double *a = have + i * cell->width;
    for (int64_t j = 0; j <= i; j++) {
      long double want = 0;
      for (int k = 0; k < WIDE; k++) want += w[i * WIDE + k] * w[j * WIDE + k];
      assert_close(dot(a, have + j * cell->width, cell->width), want, error);
    }
    for (int64_t l = 0; l < cell->m; l++) {
      const double *v = x + cell->at_unit_v + l * cell->width;
      long double want = 0;
      for (int64_t k = 0; k < cell->width; k++) want += w[i * WIDE + k] * v[k];
      assert_close(dot(a, v, cell->width), want, error);
    }
    for (int64_t k = 0; k < cell->width && !cell->spanned; k++)
      assert_close(a[k], w[i * WIDE + k], error);
  }
}

/* teachers have no coordinates behind the m-th, and students none above the diagonal behind them, once turned */
static void assert_triangular(const relu_cell *cell, const double *x) {
  if (!cell->spanned || cell->d <= cell->width) return;
  for (int64_t l = 0; l < cell->m; l++)
    for (int64_t k = cell->m; k < cell->width; k++)
      assert_true(x[cell->at_unit_v + l * cell->width + k] == 0);
  for (int64_t i = 0; i < cell->n; i++)
    for (int64_t k = cell->m + i + 1; k < cell->width; k++)
      assert_true(x[cell->at_w + i * cell->width + k] == 0);
}

static void step_matches_reference(void **unused) {
  static const int size[][3] = {{3, 1, 2}, {3, 1, 5}, {3, 1, 6}, {3, 1, 9},  {3, 2, 3},
                                {3, 2, 5}, {3, 2, 7}, {4, 2, 7}, {4, 2, 51}, {1, 1, 3}};
  (void)unused;
  for (int which = 0; which < 10 * 2 * 2 * 3; which++) {
    const int *z = size[which % 10], projected = which / 10 % 2, inputs = which / 20 % 2 ? 5 : 1;
    const enum start start = z[0] > 1 ? (enum start)(which / 40) : GENERAL;
    const double eta = 0.2, pace[BASIN_PACES_MAX] = {eta / inputs};
    const shape s = {z[0], z[1], z[2], inputs, start, eta, "[1]", 1, 1};
    problem p = open_problem(&s, projected ? "projected" : "direct");
    for (uint64_t trial = 0; trial < 10; trial++) {
      basin_turn turn = {.data = p.data, .work = p.work, .team = basin_alone, .trial = trial};
      relu_start(&p.cell, turn, p.x);
      for (uint64_t step = 0; step < 3; step++) {
        long double w[STUDENTS * WIDE];
        const double error = reference_step(&p.cell, p.x, trial, step, eta, w);
        turn.pace = pace;
        turn.step = step;
        relu_sampled_step(&p.cell, turn, p.x);
        assert_reference(&p.cell, p.x, w, error);
        assert_triangular(&p.cell, p.x);
      }
    }
    close_problem(&p);
  }
}

/* ---- the same model, written as formulas ---- */

static own_lanes_run *formulas(void) {
  char path[64], command[512];
  basin_error error;
  formula_model *model;
  own_lanes_run *run;
  char *text;
  script *s = script_read("parameter n = 2\nparameter m = 1\nparameter d = 10\nstate w: n; d\n"
                          "teacher v: m; d\ninput z: d\n"
                          "define r: sum(relu(dot(w, z))) - sum(relu(dot(v, z)))\nloss: r^2/2\n");
  assert_ok(basin_formula_read(&s->source, &model, &error), error);
  assert_ok(basin_formula_emit(model, &text, &error), error);
  snprintf(path, sizeof path, "%s/formulas.h", folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
  free(text);
  basin_formula_free(model);
  script_free(s);
  snprintf(command, sizeof command,
           "gcc -std=c17 -D_GNU_SOURCE -O1 -fPIC -shared -ffp-contract=off -Iinclude -Ihost "
           "-Itests/support -I%s -DBASIN_MODEL=own -DBASIN_SIMD=0 '-DLANES_KINDS(X)=X(direct)' "
           "'-DBASIN_MODEL_HEADER=\"formulas.h\"' tests/support/own_lanes.c -o %s/formulas.so",
           folder, folder);
  if (system(command)) fail_msg("%s", command);
  snprintf(path, sizeof path, "%s/formulas.so", folder);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL),
       *symbol = library ? dlsym(library, "own_lanes") : NULL;
  if (!symbol) fail_msg("%s", dlerror());
  memcpy(&run, &symbol, sizeof run);
  return run;
}

/* the same students to rounding after hundreds of steps on the same inputs */
static void as_formulas(void **unused) {
  static const int size[][4] = {{3, 1, 5, 1}, {3, 2, 8, 4}, {2, 2, 5, 3}, {1, 1, 11, 5}};
  enum { STARTS = 10, STEPS = 400 };
  (void)unused;
  own_lanes_run *run = formulas();
  for (int which = 0; which < 4; which++) {
    const int *z = size[which], entries = z[0] * z[2];
    const double eta = 0.1, pace[BASIN_PACES_MAX] = {eta / z[3]};
    const shape s = {z[0], z[1], z[2], z[3], GENERAL, eta, "[1]", 1, 1};
    problem p = open_problem(&s, "direct");
    double *all = malloc(STARTS * (STUDENTS + TEACHERS) * WIDE * sizeof *all);
    const char *why;
    assert_non_null(all);
    const int64_t states = run("direct", &p.e->cell[0].setting, 5, STARTS, STEPS, all, NULL, NULL,
                               &why);
    assert_int_equal(states, entries + z[1] * z[2]);
    for (int trial = 0; trial < STARTS; trial++) {
      basin_turn turn = {.data = p.data,
                         .pace = pace,
                         .work = p.work,
                         .team = basin_alone,
                         .trial = (uint64_t)(5 + trial)};
      double moved = 0;
      relu_start(&p.cell, turn, p.x);
      for (int i = 0; i < entries; i++)
        moved += fabs(p.x[p.cell.at_w + i] - all[trial * states + i]);
      assert_true(moved > 0.05);
      for (; turn.step < STEPS; turn.step++) relu_sampled_step(&p.cell, turn, p.x);
      for (int i = 0; i < entries; i++) {
        const double w = p.x[p.cell.at_w + i];
        assert_within(all[trial * states + i], w - 1e-12, w + 1e-12);
      }
    }
    free(all);
    close_problem(&p);
  }
}

/* ---- equal and parallel students, and one at 0 ---- */

/* equal students stay equal, to rounding where they are turned; parallel ones move alike; the other way round they
   are never active together, and one of all students moves; at 0 a student is active on every input */
static void alike(void **unused) {
  (void)unused;
  for (int projected = 0; projected < 2; projected++)
    for (int d = 3; d < 12; d += 4) {
      const shape equal = {3, 1, d, 2, ZERO, 0.1, "[100]", 100, 50},
                  parallel = {3, 1, d, 2, PARALLEL, 0.1, "[0, 1]", 1, 50};
      const char *sampler = projected ? "projected" : "direct";
      basin_experiment *e = make(&equal, sampler), *f = make(&parallel, sampler);
      const relu_cell cell = layout(e);
      basin_part x, y;
      double a[INVARIANTS], b[INVARIANTS]; /* 00 0v 10 11 1v 20 21 22 2v */
      test_run_cell(e, 0, &x);
      test_run_cell(f, 0, &y);
      for (int64_t t = 0; t < 50; t++) {
        const double *w = state_of(e, &cell, &x, t, 0) + cell.at_w;
        for (int64_t k = 0; k < cell.width; k++)
          assert_within(w[k] - w[2 * cell.width + k], projected ? -1e-12 : 0,
                        projected ? 1e-12 : 0);
        invariants(&cell, state_of(e, &cell, &x, t, 0), a);
        assert_true(a[3] > 1e-6); /* student 1 has left 0 */
        invariants(&cell, state_of(f, &cell, &y, t, 0), a);
        invariants(&cell, state_of(f, &cell, &y, t, 1), b);
        assert_within(b[0] + b[3] - 2 * b[2] - a[0], -1e-14, 1e-14); /* |w_1 - w_0| */
      }
      basin_part_free(&x);
      basin_part_free(&y);
      basin_experiment_free(e);
      basin_experiment_free(f);
    }
}

/* ---- the population ---- */

/* the largest z-score of a mean against a number, or against another mean */
typedef struct mean {
  double sum, sum2;
  int count;
} mean;

static void add(mean *m, double x) {
  m->sum += x;
  m->sum2 += x * x;
  m->count++;
}

static double error2(const mean *m) {
  const double average = m->sum / m->count;
  return fmax(m->sum2 / m->count - average * average, 0) / m->count + 1e-30;
}

/* One step, by direct every entry of w, by projected the products w_i'v_l, is in the mean the population's; so is the
   gradient at w_i = 0. The Gram matrices, which have the noise's square in them, have one mean. */
static void unbiased(void **unused) {
  static const int size[][3] = {{3, 1, 3}, {3, 1, 5}, {3, 2, 8}, {4, 2, 20}};
  static mean entry[STUDENTS * WIDE], gram[2][INVARIANTS], along[INVARIANTS];
  (void)unused;
  for (int which = 0; which < 4 * 2 * 3; which++) {
    const int *z = size[which % 4], inputs = which / 4 % 2 ? 1 : 3;
    const enum start start = (enum start)(which / 8);
    const shape s = {z[0], z[1], z[2], inputs, start, 0.5, "[1]", 1, TRIALS};
    shape exact = s;
    exact.inputs = 0;
    exact.trials = 1;
    basin_experiment *e[] = {make(&s, "direct"), make(&s, "projected")};
    basin_experiment *population = make(&exact, NULL);
    double want[STUDENTS * WIDE], want_gram[INVARIANTS], got[INVARIANTS];
    basin_part one;
    test_run_cell(population, 0, &one);
    const basin_cell *c = &population->cell[0];
    const relu_cell exact_cell = layout(population);
    assert_int_equal(c->model->vectors(&c->setting, 0, 1, one.state, 0, want), BASIN_OK);
    const int count = invariants(&exact_cell, one.state, want_gram);
    memset(entry, 0, sizeof entry);
    memset(gram, 0, sizeof gram);
    memset(along, 0, sizeof along);
    for (int k = 0; k < 2; k++) {
      const relu_cell cell = layout(e[k]);
      basin_part part;
      test_run_cell(e[k], 0, &part);
      for (int64_t t = 0; t < TRIALS; t++) {
        const double *x = state_of(e[k], &cell, &part, t, 0);
        invariants(&cell, x, got);
        for (int q = 0; q < count; q++) add(&gram[k][q], got[q]);
        for (int64_t i = 0; i < cell.n * cell.width && !k; i++) add(&entry[i], x[cell.at_w + i]);
      }
      basin_part_free(&part);
    }
    for (int i = 0; i < z[0] * z[2]; i++) {
      const double off = entry[i].sum / TRIALS - want[i];
      assert_within(off / sqrt(error2(&entry[i])), -5.5, 5.5);
    }
    for (int q = 0; q < count; q++) {
      const double off = (gram[0][q].sum - gram[1][q].sum) / TRIALS;
      assert_within(off / sqrt(error2(&gram[0][q]) + error2(&gram[1][q])), -5.5, 5.5);
    }
    for (int i = 0, q = 0; i < z[0]; i++) {
      q += i + 1;
      for (int l = 0; l < z[1]; l++, q++) {
        const double off = gram[1][q].sum / TRIALS - want_gram[q];
        assert_within(off / sqrt(error2(&gram[1][q])), -5.5, 5.5);
      }
    }
    basin_part_free(&one);
    basin_experiment_free(population);
    for (int k = 0; k < 2; k++) basin_experiment_free(e[k]);
  }
}

/* many inputs: the path comes to the population's as 1/sqrt(B) */
static void approaches_population(void **unused) {
  static const int size[][3] = {{3, 1, 3}, {3, 1, 8}, {3, 2, 6}};
  (void)unused;
  for (int which = 0; which < 6; which++) {
    const int *z = size[which % 3];
    double deviation[3] = {0}, want[INVARIANTS], got[INVARIANTS];
    shape s = {z[0], z[1], z[2], 0, GENERAL, 0.05, "[100]", 100, 1};
    basin_experiment *e = make(&s, NULL);
    relu_cell cell = layout(e);
    basin_part part;
    test_run_cell(e, 0, &part);
    const int count = invariants(&cell, state_of(e, &cell, &part, 0, 0), want);
    basin_part_free(&part);
    basin_experiment_free(e);
    s.trials = 200;
    for (int b = 0; b < 3; b++) {
      s.inputs = 8 << 3 * b;
      e = make(&s, which < 3 ? "direct" : "projected");
      cell = layout(e);
      test_run_cell(e, 0, &part);
      for (int64_t t = 0; t < 200; t++) {
        invariants(&cell, state_of(e, &cell, &part, t, 0), got);
        for (int q = 0; q < count - 1; q++) deviation[b] += pow(got[q] - want[q], 2);
      }
      basin_part_free(&part);
      basin_experiment_free(e);
    }
    assert_within(log(deviation[2] / deviation[0]) / (2 * log(64)), -0.56, -0.44);
  }
}

/* Chi-square numbers of f degrees of freedom: x^s has the mean 2^s Gamma(f/2 + s) / Gamma(f/2), and its distribution
   function is that of statistics.h. A million draws see what a sampler that is a little wrong does to the tails. */
static void chi_squares(void **unused) {
  enum { DRAWS = 1000000, CUTS = 6 };
  static const int freedoms[] = {1, 2, 3, 4, 5, 8, 60};
  static const double powers[] = {0.5, 1, 2, 3};
  (void)unused;
  for (int which = 0; which < 7; which++) {
    const int f = freedoms[which];
    mean power[4] = {{0, 0, 0}}, below[CUTS] = {{0, 0, 0}};
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
      const double x = basin_chi_square(77, BASIN_STREAM_CHI, f, draw / 100, draw % 100, 4096);
      for (int s = 0; s < 4; s++) add(&power[s], pow(x, powers[s]));
      for (int i = 0; i < CUTS; i++) add(&below[i], x <= f * (0.1 + 0.5 * i));
    }
    for (int s = 0; s < 4; s++) {
      const double want = exp(powers[s] * log(2) + lgamma(0.5 * f + powers[s]) - lgamma(0.5 * f));
      assert_within((power[s].sum / DRAWS - want) / sqrt(error2(&power[s])), -5.5, 5.5);
    }
    for (int i = 0; i < CUTS; i++) {
      const double want = 1 - basin_chi_square_tail(f * (0.1 + 0.5 * i), f);
      assert_within((below[i].sum / DRAWS - want) / sqrt(error2(&below[i]) + 1e-15), -5.5, 5.5);
    }
  }
}

/* T T' is a Wishart matrix, also where T is trapezoidal: E W_ij = f d_ij, d the unit matrix, and
   E W_ij W_kl = f^2 d_ij d_kl + f (d_ik d_jl + d_il d_jk) */
static void wishart(void **unused) {
  enum { N = 4, ENTRIES = N * (N + 1) / 2, DRAWS = 20000 };
  static const int freedoms[] = {1, 2, 3, 4, 5, 60};
  (void)unused;
  for (int which = 0; which < 6; which++) {
    const double f = freedoms[which];
    const relu_cell cell = {
        .n = N, .width = 10, .d = 10 + freedoms[which], .spanned = 1, .student = {.key = 5}};
    const int64_t axes = relu_new_axes(&cell);
    mean first[ENTRIES] = {{0, 0, 0}}, second[ENTRIES][ENTRIES] = {{{0, 0, 0}}};
    int row[ENTRIES], column[ENTRIES];
    for (int i = 0, e = 0; i < N; i++)
      for (int j = 0; j <= i; j++, e++) row[e] = i, column[e] = j;
    for (uint64_t draw = 0; draw < DRAWS; draw++) {
      double t[N * N], w[ENTRIES];
      relu_bartlett(&cell, basin_alone, draw / 7, draw % 7, t);
      for (int e = 0; e < ENTRIES; e++) {
        w[e] = dot(t + row[e] * axes, t + column[e] * axes, axes);
        add(&first[e], w[e]);
        for (int g = 0; g <= e; g++) add(&second[e][g], w[e] * w[g]);
      }
    }
    for (int e = 0; e < ENTRIES; e++) {
      const int i = row[e], j = column[e];
      assert_within((first[e].sum / DRAWS - f * (i == j)) / sqrt(error2(&first[e])), -5.5, 5.5);
      for (int g = 0; g <= e; g++) {
        const int k = row[g], l = column[g];
        const double want = f * f * (i == j && k == l) +
                            f * ((i == k && j == l) + (i == l && j == k));
        assert_within((second[e][g].sum / DRAWS - want) / sqrt(error2(&second[e][g])), -5.5, 5.5);
      }
    }
  }
}

/* ---- bits and refusals ---- */

/* every instruction set, other neighbours, pauses: with stop.at, where trials end at times of their own, and without */
static void same_bits(void **unused) {
  static const char text[] =
      "trials: 21\n"
      "model: relu_sum\n"
      "grid: {n: [1, 4], d: [3, 9], B: [1, 3]}\n"
      "parameters: {m: 2}\n"
      "teacher: {v: {sphere: 1}}\n"
      "init: {w: {normal: 0.3}}\n"
      "schedule: [{steps: 20, eta: 0.3}, {eta_w: 0.1}]\n"
      "variants:\n"
      "  direct: {gradient: {sampled: {inputs: B, sampler: direct}}}\n"
      "  projected: {gradient: {sampled: {inputs: B, sampler: projected}}}\n"
      "stop: {at: 0.02, at_spurious: 0.1, max_steps: 200}\n"
      "record: {trials: 21, steps: [0, 1, 7, 16, 20, 21, 100, 200], parameters: true}\n";
  static const char *const plain[] = {"stop={max_steps: 60}"};
  (void)unused;
  for (int rule = 0; rule < 2; rule++) {
    basin_experiment *e = test_parse(text, plain, rule);
    int64_t ended = 0;
    for (int64_t c = 0; c < e->cells; c++) ended += test_same_bits(e, c);
    assert_true(rule ? ended == 0 : ended > 100 && ended < 21 * e->cells);
    basin_experiment_free(e);
  }
}

static void refusals(void **unused) {
  static const char text[] = "model: relu_sum\n"
                             "trials: 1\n"
                             "parameters: {n: 2, m: 1, d: 32768}\n"
                             "teacher: {v: {head: [1]}}\n"
                             "init: {w: {normal: 0.3}}\n"
                             "schedule: [{eta: 0.1}]\n"
                             "stop: {max_steps: 10}\n"
                             "gradient: {sampled: {inputs: 1024, sampler: direct}}\n";
  static const struct {
    const char *set, *reason; /* reason NULL: taken */
  } attempt[] = {
      {"trials=1", NULL},
      {"parameters.d=32769", "numbers a step: fewer inputs, or sampler projected"},
      {"gradient={sampled: {inputs: 2^23, sampler: projected}}", NULL},
      {"gradient={sampled: {inputs: 2^23 + 1, sampler: projected}}", "a step: fewer inputs"},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof attempt / sizeof *attempt; i++) {
    basin_experiment *e = NULL;
    basin_error error;
    const basin_status status = basin_experiment_parse("t.yaml", text, (int64_t)strlen(text),
                                                       &attempt[i].set, 1, &e, &error);
    assert_int_equal(status, attempt[i].reason ? BASIN_BAD_INPUT : BASIN_OK);
    if (attempt[i].reason && !strstr(error.text, attempt[i].reason))
      fail_msg("%s: said %s", attempt[i].set, error.text);
    /* as many students as there can be have chi-square numbers enough */
    if (e)
      assert_true(e->cell[0].model->parameter[0].maximum * BASIN_CHI_BLOCKS <=
                  (double)BASIN_BLOCKS_MAX);
    basin_experiment_free(e);
  }
}

static void methods_match_recursions(void **unused) {
  const shape s = {3, 2, 5, 4, GENERAL, 0.05, "[1]", 1, 1};
  basin_experiment *e = make(&s, "direct");
  const relu_cell cell = layout(e);
  const methods_of what = {relu_sampled_layout, relu_sampled_paces, relu_method_start,
                           relu_sampled_step,   .at = cell.at_w,    .size = cell.n * cell.d,
                           .eta = {0.05, 0.05}, .second = INT64_MAX};
  (void)unused;
  check_methods(&e->cell[0].setting, &what, 0, 1);

  /* by the population's gradient, which is part of the state: the way the entries are moved is the same */
  basin_setting population = e->cell[0].setting;
  const double parameter[] = {population.parameter[0], population.parameter[1],
                              population.parameter[2], 0};
  methods_of whole = what;
  population.parameter = parameter;
  population.gradient.dynamics = "population";
  population.gradient.inputs = 0;
  whole.layout = relu_layout;
  whole.paces = relu_paces;
  whole.step = relu_step;
  check_methods(&population, &whole, 0, 1);
  basin_experiment_free(e);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(step_matches_reference),
      cmocka_unit_test(as_formulas),
      cmocka_unit_test(chi_squares),
      cmocka_unit_test(wishart),
      cmocka_unit_test(alike),
      cmocka_unit_test(unbiased),
      cmocka_unit_test(approaches_population),
      cmocka_unit_test(direct_is_projected),
      cmocka_unit_test(special_starts),
      cmocka_unit_test(wrong_sampler_is_found),
      cmocka_unit_test(same_bits),
      cmocka_unit_test(refusals),
      cmocka_unit_test(methods_match_recursions),
  };
  return cmocka_run_group_tests_name("relu_sampled", tests, make_folder, remove_folder);
}
