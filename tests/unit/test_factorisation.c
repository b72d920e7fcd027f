/* SPDX-License-Identifier: MIT
 *
 * test_factorisation.c: matrix factorisation (include/models/factorisation.h) against gradient descent on full
 * matrices, written here from the thesis; starts in law against full normal matrices; the law of one step of D; rates,
 * step sizes and slopes against what follows from the Hessian; what is called settled against what happens. Seeds are
 * fixed, so a test that passes once passes always.
 */
#include "compare.h"
#include "run/halving.h"
#include "models/factorisation.h"
#include "methods.h"

enum { D_MAX = 16, R_MAX = 8 };

/* ---- the thesis, in full: M = diag(sigma) ---- */

typedef struct full {
  int d1, d2, r;
  double reg, sigma[R_MAX];
  double u[D_MAX][R_MAX], v[D_MAX][R_MAX];   /* U, V */
  double du[D_MAX][R_MAX], dv[D_MAX][R_MAX]; /* the gradient */
} full;

static double residual(const full *f, int i, int j) {
  double sum = i == j && i < f->r ? -f->sigma[i] : 0;
  for (int k = 0; k < f->r; k++) sum += f->u[i][k] * f->v[j][k];
  return sum;
}

/* D = U'U - V'V */
static double imbalance(const full *f, int j, int k) {
  double sum = 0;
  for (int i = 0; i < f->d1; i++) sum += f->u[i][j] * f->u[i][k];
  for (int i = 0; i < f->d2; i++) sum -= f->v[i][j] * f->v[i][k];
  return sum;
}

static double loss_of(const full *f) {
  double sum = 0, tie = 0;
  for (int i = 0; i < f->d1; i++)
    for (int j = 0; j < f->d2; j++) sum += residual(f, i, j) * residual(f, i, j);
  for (int j = 0; j < f->r; j++)
    for (int k = 0; k < f->r; k++) tie += imbalance(f, j, k) * imbalance(f, j, k);
  return sum / 2 + f->reg / 8 * tie;
}

/* dU = R V + (reg/2) U D, dV = R'U - (reg/2) V D */
static void differentiate(full *f) {
  double d[R_MAX][R_MAX];
  for (int j = 0; j < f->r; j++)
    for (int k = 0; k < f->r; k++) d[j][k] = imbalance(f, j, k);
  memset(f->du, 0, sizeof f->du);
  memset(f->dv, 0, sizeof f->dv);
  for (int i = 0; i < f->d1; i++)
    for (int j = 0; j < f->d2; j++) {
      const double r = residual(f, i, j);
      for (int k = 0; k < f->r; k++) f->du[i][k] += r * f->v[j][k], f->dv[j][k] += r * f->u[i][k];
    }
  for (int j = 0; j < f->r; j++)
    for (int k = 0; k < f->r; k++) {
      for (int i = 0; i < f->d1; i++) f->du[i][k] += f->reg / 2 * f->u[i][j] * d[j][k];
      for (int i = 0; i < f->d2; i++) f->dv[i][k] -= f->reg / 2 * f->v[i][j] * d[j][k];
    }
}

static void descend(full *f, double eta) {
  differentiate(f);
  for (int k = 0; k < f->r; k++) {
    for (int i = 0; i < f->d1; i++) f->u[i][k] -= eta * f->du[i][k];
    for (int i = 0; i < f->d2; i++) f->v[i][k] -= eta * f->dv[i][k];
  }
}

static double normal(uint64_t *state) {
  const double radius = sqrt(-2 * log(1 - test_uniform(state)));
  return radius * cos(2 * M_PI * test_uniform(state));
}

static void draw(full *f, double sd_u, double sd_v, uint64_t *state) {
  for (int k = 0; k < f->r; k++) {
    for (int i = 0; i < f->d1; i++) f->u[i][k] = sd_u * normal(state);
    for (int i = 0; i < f->d2; i++) f->v[i][k] = sd_v * normal(state);
  }
}

/* ---- cells ---- */

/* every trial recorded, with full matrices */
static basin_experiment *make(const char *more, const char *const *set, int sets) {
  static const char text[] = "model: factorisation\n"
                             "trials: 6\n"
                             "parameters: {d1: 7, d2: 5, r: 2}\n"
                             "teacher: {sigma: [1, 0.5]}\n"
                             "init: {U: {normal: 0.1}, V: {normal: 0.1}}\n"
                             "schedule: [{eta: 0.3}]\n"
                             "stop: {max_steps: 1000}\n"
                             "record: {trials: 4000, steps: [0, 1, 10, 60], parameters: true}\n";
  char whole[sizeof text + 2048];
  snprintf(whole, sizeof whole, "%s%s", text, more);
  return test_parse(whole, set, sets);
}

static full full_of(const basin_setting *s) {
  full f = {.d1 = (int)s->parameter[0], .d2 = (int)s->parameter[1], .r = (int)s->parameter[2]};
  f.reg = s->parameter[3];
  for (int i = 0; i < f.r; i++) f.sigma[i] = s->teacher[0].value[i];
  return f;
}

/* the full matrices of a recorded state */
static void take(const basin_experiment *e, int64_t cell, const basin_part *part, int64_t trial,
                 int64_t time, full *f) {
  const basin_setting *s = &e->cell[cell].setting;
  double out[2 * D_MAX * R_MAX];
  const double *state = part->state + (trial * e->times + time) * s->size.states;
  assert_true(s->size.vectors <= 2 * D_MAX * R_MAX);
  assert_int_equal(e->cell[cell].model->vectors(s, trial, 1, state, 0, out), BASIN_OK);
  for (int k = 0; k < f->r; k++) {
    for (int i = 0; i < f->d1; i++) f->u[i][k] = out[i * f->r + k];
    for (int i = 0; i < f->d2; i++) f->v[i][k] = out[(f->d1 + i) * f->r + k];
  }
}

static double seen(const basin_experiment *e, const basin_part *part, int observable, int64_t trial,
                   int64_t time) {
  return part->record[(observable * part->recorded + trial) * e->times + time];
}

static double apart(const full *f, const full *g) {
  double most = 0;
  for (int k = 0; k < f->r; k++) {
    for (int i = 0; i < f->d1; i++) most = fmax(most, fabs(f->u[i][k] - g->u[i][k]));
    for (int i = 0; i < f->d2; i++) most = fmax(most, fabs(f->v[i][k] - g->v[i][k]));
  }
  return most;
}

/* ---- derivatives ---- */

static void derivatives(void **unused) {
  uint64_t state = 7;
  (void)unused;
  for (int reg = 0; reg < 3; reg++) {
    full f = {.d1 = 5, .d2 = 4, .r = 3, .reg = reg, .sigma = {1, 0.7, 0.2}};
    draw(&f, 0.8, 0.6, &state);
    differentiate(&f);
    for (int e = 0; e < (f.d1 + f.d2) * f.r; e++) {
      const int i = e / f.r, k = e % f.r;
      double *x = i < f.d1 ? &f.u[i][k] : &f.v[i - f.d1][k];
      const double here = *x, g = i < f.d1 ? f.du[i][k] : f.dv[i - f.d1][k], step = 1e-5;
      *x = here + step;
      const double above = loss_of(&f);
      *x = here - step;
      const double below = loss_of(&f);
      *x = here;
      assert_within((above - below) / (2 * step), g - 1e-8, g + 1e-8);
    }
  }
}

/* ---- reduced against full ---- */

/* Largest difference of the full matrices at recorded steps, over a cell's trials, and of what is seen. wrong: the
   reference forgets that all of U moves with V's old value. */
static double against_full(const basin_experiment *e, int64_t cell, int wrong) {
  const basin_setting *s = &e->cell[cell].setting;
  const double a = s->stage[0].eta[0], p = s->stage[0].eta[BASIN_DECAY];
  double most = 0;
  basin_part part;
  test_run_cell(e, cell, &part);
  for (int64_t trial = 0; trial < e->trials; trial++) {
    full f = full_of(s), g = f;
    take(e, cell, &part, trial, 0, &f);
    for (int64_t time = 0, t = 0; time < e->times; time++) {
      for (; t < e->time[time]; t++) {
        if (wrong) f.reg = 0;
        descend(&f, a * pow((double)t + 1, -p));
      }
      take(e, cell, &part, trial, time, &g);
      most = fmax(most, apart(&f, &g));
      differentiate(&g);
      double norm[2] = {0, 0}, grad2 = 0, r2 = 0, d2 = 0, across[2] = {0, 0};
      for (int k = 0; k < g.r; k++) {
        for (int i = 0; i < g.d1; i++)
          norm[0] += g.u[i][k] * g.u[i][k], grad2 += g.du[i][k] * g.du[i][k];
        for (int i = 0; i < g.d2; i++)
          norm[1] += g.v[i][k] * g.v[i][k], grad2 += g.dv[i][k] * g.dv[i][k];
        for (int j = 0; j < g.r; j++) d2 += imbalance(&g, j, k) * imbalance(&g, j, k);
      }
      for (int i = 0; i < g.d1; i++)
        for (int j = 0; j < g.d2; j++) r2 += residual(&g, i, j) * residual(&g, i, j);
      for (int i = 1; i < g.d1; i++) across[0] += g.u[i][0] * g.u[i][0];
      for (int i = 1; i < g.d2; i++) across[1] += g.v[i][0] * g.v[i][0];
      const double is[] = {
          loss_of(&g), sqrt(r2), sqrt(grad2), norm[0], norm[1], sqrt(norm[0] / norm[1]), sqrt(d2)};
      for (int o = 0; o <= FACTOR_SEES_norm_D; o++)
        most = fmax(most, fabs(is[o] - seen(e, &part, o, trial, time)));
      const double of_one[] = {g.u[0][0],
                               g.v[0][0],
                               sqrt(across[0]),
                               sqrt(across[1]),
                               g.u[0][0] * g.v[0][0] - g.sigma[0],
                               across[0] + across[1],
                               g.u[0][0] * g.u[0][0] + g.v[0][0] * g.v[0][0]};
      for (int o = FACTOR_SEES_alpha_t; o <= FACTOR_SEES_signal; o++) {
        const double x = seen(e, &part, o, trial, time);
        if (g.r == 1) most = fmax(most, fabs(of_one[o - FACTOR_SEES_alpha_t] - x));
        else assert_true(isnan(x));
      }
    }
  }
  basin_part_free(&part);
  return most;
}

static const char shapes[] =
    "grid: {reg: [0, 1, 0.3]}\n"
    "variants:\n"
    "  two: {}\n"
    "  one: {parameters: {d1: 7, d2: 5, r: 1}, teacher: {sigma: 1.2}}\n"
    "  one watched: {parameters: {d1: 7, d2: 1, r: 1, watch: 1}, teacher: {sigma: 1.2}}\n"
    "  square: {parameters: {d1: 3, d2: 3, r: 3}, teacher: {sigma: [1, 1, 0.4]}}\n"
    "  just: {parameters: {d1: 5, d2: 9, r: 3}, teacher: {sigma: [1, 0.5, 0.4]}, schedule: [{eta: "
    "0.5/(t + 1)^0.6}]}\n"
    "  seven: {parameters: {d1: 16, d2: 10, r: 7}, teacher: {sigma: [1, 1, 0.9, 0.5, 0.4, 0.3, "
    "0.2]}}\n"
    "  watched: {parameters: {d1: 9, d2: 8, r: 4, watch: 1}, teacher: {sigma: [1, 0.5, 0.4, "
    "0.1]}}\n"
    "  unbalanced: {init: {U: {normal: 0.7}, V: {normal: 0.01}}}\n"
    "  given: {init: {U: [[0.1, 0.2], [0.3, -0.1], [0.2, 0.2], [0.1, 0], [0, 0.1], [0.3, 0.2], "
    "[-0.2, 0.4]], V: {head: [0.1, 0.3]}}}\n";

static void reduced_is_full(void **unused) {
  basin_experiment *e = make(shapes, NULL, 0);
  (void)unused;
  for (int64_t cell = 0; cell < e->cells; cell++) {
    const double most = against_full(e, cell, 0);
    if (!(most <= 2e-13)) fail_msg("cell %d: %g", (int)cell, most);
    if (e->cell[cell].setting.parameter[3] > 0) assert_true(against_full(e, cell, 1) > 1e-6);
  }
  basin_experiment_free(e);
}

/* A = 0.4 and p = 0.7 from the start of the trial on, through a stage of constant steps; not from the stage's */
static void falling_steps(void **unused) {
  static const char *const set[] = {"schedule=[{steps: 7, eta: 0.1}, {eta: 0.4/(t + 1)^0.7}]",
                                    "record.steps=[0, 7, 9, 40]",
                                    "grid={r: [1, 2]}",
                                    "parameters={d1: 7, d2: 5}",
                                    "teacher.sigma={head: [1]}",
                                    "teacher.sigma={blocks: [[1, r]]}"};
  basin_experiment *e = make("", set, 6);
  (void)unused;
  for (int64_t cell = 0; cell < e->cells; cell++) {
    basin_part part;
    test_run_cell(e, cell, &part);
    for (int from = 0; from < 2; from++) { /* from 1: as if t began with the stage */
      double most = 0;
      for (int64_t trial = 0; trial < e->trials; trial++) {
        full f = full_of(&e->cell[cell].setting), g = f;
        take(e, cell, &part, trial, 0, &f);
        for (int t = 0; t < 40; t++) {
          descend(&f, t < 7 ? 0.1 : 0.4 * pow(t + 1.0 - 7 * from, -0.7));
          if (t + 1 != 40) continue;
          take(e, cell, &part, trial, 3, &g);
          most = fmax(most, apart(&f, &g));
        }
      }
      if (from) assert_true(most > 1e-3);
      else assert_within(most, 0, 1e-13);
    }
    basin_part_free(&part);
  }
  basin_experiment_free(e);
}

static void decay_is_accurate(void **unused) {
  static const double power[] = {0, 0.5, 0.6, 1, 2, 25};
  (void)unused;
  for (int i = 0; i < 6; i++)
    for (double t = 0; t < 1e12; t = floor(1.7 * t) + 1) {
      const double is = basin_decay(power[i], (uint64_t)t), want = pow(t + 1, -power[i]);
      if (power[i] == 0) assert_true(is == 1);
      assert_within(is, want * (1 - 1e-14 * fmax(1, power[i])),
                    want * (1 + 1e-14 * fmax(1, power[i])));
    }
}

/* ---- starts ---- */

enum { STARTS = 2000, LOOKS = 10 };

/* a start and what it has become after 25 steps */
static void look(full *f, double to[LOOKS][STARTS], int n) {
  for (int later = 0; later < 2; later++) {
    double *x[LOOKS / 2], u2 = 0, v2 = 0;
    for (int i = 0; i < LOOKS / 2; i++) x[i] = &to[later * LOOKS / 2 + i][n];
    for (int k = 0; k < f->r; k++) {
      for (int i = 0; i < f->d1; i++) u2 += f->u[i][k] * f->u[i][k];
      for (int i = 0; i < f->d2; i++) v2 += f->v[i][k] * f->v[i][k];
    }
    *x[0] = u2, *x[1] = v2, *x[2] = f->u[0][0], *x[3] = loss_of(f),
    *x[4] = imbalance(f, 0, f->r - 1);
    for (int t = 0; t < 25 && !later; t++) descend(f, 0.2);
  }
}

/* how many of the numbers tell the model's starts from full normal ones, of d1 + off rows in the place of d1 */
static int starts_differ(const char *const *set, int sets, int off, double mean[2]) {
  static double is[LOOKS][STARTS], want[LOOKS][STARTS];
  basin_experiment *e = make("", set, sets);
  const basin_setting *s = &e->cell[0].setting;
  uint64_t state = 11;
  int differ = 0;
  basin_part part;
  test_run_cell(e, 0, &part);
  mean[0] = mean[1] = 0;
  for (int n = 0; n < STARTS; n++) {
    full f = full_of(s), g = f;
    take(e, 0, &part, n, 0, &f);
    g.d1 += off;
    draw(&g, s->initial[0].scale, s->initial[1].scale, &state);
    look(&f, is, n);
    look(&g, want, n);
    for (int of_v = 0; of_v < 2; of_v++) mean[of_v] += is[of_v][n] / STARTS;
  }
  for (int i = 0; i < LOOKS; i++) differ += test_differ(is[i], want[i], STARTS);
  basin_part_free(&part);
  basin_experiment_free(e);
  return differ;
}

/* also where T has fewer rows than the rank, or none: d1 = 4 and d2 = 3 of rank 3 */
static void starts_in_law(void **unused) {
  static const char *const set[][7] = {
      {"trials=2000", "record.steps=[0]", "stop.max_steps=1"},
      {"trials=2000", "record.steps=[0]", "stop.max_steps=1", "parameters={d1: 6, d2: 2, r: 1}",
       "teacher.sigma=1"},
      {"trials=2000", "record.steps=[0]", "stop.max_steps=1", "parameters={d1: 4, d2: 3, r: 3}",
       "teacher.sigma=[1, 0.5, 0.3]", "init.U={normal: 0.3}", "init.V={normal: 0.05}"}};
  static const int sets[] = {3, 5, 7};
  static const double d[][3] = {{7, 5, 2}, {6, 2, 1}, {4, 3, 3}},
                      sd[][2] = {{0.1, 0.1}, {0.1, 0.1}, {0.3, 0.05}};
  (void)unused;
  for (int i = 0; i < 3; i++) {
    double mean[2];
    assert_int_equal(starts_differ(set[i], sets[i], 0, mean), 0);
    for (int of_v = 0; of_v < 2; of_v++) {
      const double count = d[i][of_v] * d[i][2], unit = sd[i][of_v] * sd[i][of_v];
      const double error = 5.5 * unit * sqrt(2 * count / STARTS);
      assert_within(mean[of_v], count * unit - error, count * unit + error);
    }
    assert_true(starts_differ(set[i], sets[i], 1, mean) >= 1);
  }
}

/* ---- the law of one step of D ---- */

/* Largest difference between D' and D - (eta reg/2)((A + C) D + D (A + C)) + eta^2 (dU'dU - dV'dV); wrong: with U'R'R U
   in the second product, as it is printed (E 3), of which the shapes fit where d1 = d2. */
static double law_of_D(double reg, int wrong) {
  uint64_t state = 3;
  full f = {.d1 = 6, .d2 = 6, .r = 3, .reg = reg, .sigma = {1, 0.7, 0.2}};
  const double eta = 0.2;
  double d[R_MAX][R_MAX], sum[R_MAX][R_MAX], law[R_MAX][R_MAX], most = 0;
  draw(&f, 0.6, 0.4, &state);
  differentiate(&f);
  for (int j = 0; j < f.r; j++)
    for (int k = 0; k < f.r; k++) {
      d[j][k] = imbalance(&f, j, k);
      sum[j][k] = 0;
      for (int i = 0; i < f.d1; i++) sum[j][k] += f.u[i][j] * f.u[i][k];
      for (int i = 0; i < f.d2; i++) sum[j][k] += f.v[i][j] * f.v[i][k];
    }
  for (int j = 0; j < f.r; j++)
    for (int k = 0; k < f.r; k++) {
      double grown = 0, tied = 0;
      for (int i = 0; i < f.d1; i++) grown += f.du[i][j] * f.du[i][k];
      for (int i = 0; i < f.d2 && !wrong; i++) grown -= f.dv[i][j] * f.dv[i][k];
      for (int i = 0; i < f.d1 && wrong; i++) { /* R U in the place of R'U */
        double x = 0, y = 0;
        for (int l = 0; l < f.d2; l++)
          x += residual(&f, i, l) * f.u[l][j], y += residual(&f, i, l) * f.u[l][k];
        grown -= x * y;
      }
      for (int l = 0; l < f.r; l++) tied += sum[j][l] * d[l][k] + d[j][l] * sum[l][k];
      law[j][k] = d[j][k] - eta * reg / 2 * tied + eta * eta * grown;
    }
  descend(&f, eta);
  for (int j = 0; j < f.r; j++)
    for (int k = 0; k < f.r; k++) most = fmax(most, fabs(imbalance(&f, j, k) - law[j][k]));
  return most;
}

/* and the model's own, over a thousand steps; D moves by far more */
static void one_step_law(void **unused) {
  static const char *const set[] = {"grid={r: [1, 2, 3, 5], reg: [0, 1]}",
                                    "parameters={d1: 7, d2: 5, watch: 1}",
                                    "teacher.sigma={blocks: [[1, r]]}",
                                    "init.U={normal: 0.3}",
                                    "record.steps=[0, 1000]",
                                    "schedule=[{eta: 0.02}]",
                                    "stop={at: 1e-26, max_steps: 1000}"};
  basin_experiment *e = make("", set, 7);
  (void)unused;
  for (int reg = 0; reg < 2; reg++) assert_within(law_of_D(reg, 0), 0, 1e-15);
  assert_true(law_of_D(0, 1) > 1e-3);
  for (int64_t cell = 0; cell < e->cells; cell++) {
    basin_part part;
    test_run_cell(e, cell, &part);
    for (int64_t trial = 0; trial < e->trials; trial++) {
      full f = full_of(&e->cell[cell].setting), g = f;
      double d2 = 0;
      take(e, cell, &part, trial, 0, &f);
      take(e, cell, &part, trial, 1, &g);
      for (int j = 0; j < f.r; j++)
        for (int k = 0; k < f.r; k++) d2 += pow(imbalance(&f, j, k) - imbalance(&g, j, k), 2);
      assert_within(seen(e, &part, FACTOR_SEES_law_error, trial, 1), 0, 1e-13);
      const double drift = seen(e, &part, FACTOR_SEES_drift, trial, 1);
      assert_within(drift, sqrt(d2) - 1e-12, sqrt(d2) + 1e-12);
      assert_true(drift > 1e-4);
    }
    basin_part_free(&part);
  }
  basin_experiment_free(e);
}

/* what a watched trial keeps of all its steps is what a record of every step has */
static void extremes(void **unused) {
  static const char *const set[] = {"grid={r: [1, 3], eta: [0.3, 0.9]}",
                                    "parameters={d1: 7, d2: 5, watch: 1}",
                                    "teacher.sigma={blocks: [[1, r]]}",
                                    "schedule=[{eta: eta}]",
                                    "record.steps={every: 1}",
                                    "stop.max_steps=150",
                                    "init.U={normal: 0.4}"};
  basin_experiment *e = make("", set, 7);
  double all = 0;
  (void)unused;
  for (int64_t cell = 0; cell < e->cells; cell++) {
    basin_part part;
    test_run_cell(e, cell, &part);
    for (int64_t trial = 0; trial < e->trials; trial++) {
      double most[3] = {0, 0, 0}, low = INFINITY, high = 0, top = -INFINITY, rises = 0;
      int64_t last = part.steps[trial];
      for (int64_t t = 0; t <= last; t++) {
        const double a = seen(e, &part, FACTOR_SEES_alpha_t, trial, t),
                     b = seen(e, &part, FACTOR_SEES_beta_t, trial, t);
        most[0] = fmax(most[0], seen(e, &part, FACTOR_SEES_norm_D, trial, t));
        most[1] = fmax(most[1], seen(e, &part, FACTOR_SEES_norm2_U, trial, t));
        most[2] = fmax(most[2], seen(e, &part, FACTOR_SEES_norm2_V, trial, t));
        low = fmin(low, fabs(a / b)), high = fmax(high, fabs(a / b)), top = fmax(top, a * b - 1);
        if (t > 0)
          rises += seen(e, &part, FACTOR_SEES_loss, trial, t) >
                   seen(e, &part, FACTOR_SEES_loss, trial, t - 1);
      }
      for (int i = 0; i < 3; i++)
        assert_within(seen(e, &part, FACTOR_SEES_max_D + i, trial, last), most[i] * (1 - 1e-12),
                      most[i] * (1 + 1e-12));
      const double risen = seen(e, &part, FACTOR_SEES_rises, trial, last);
      assert_within(risen, rises - 2, rises + 2); /* the two sums of rank 1 round otherwise */
      all += risen;
      if (isnan(low) || e->cell[cell].setting.parameter[2] > 1) continue;
      assert_within(seen(e, &part, FACTOR_SEES_min_a_b, trial, last), low * (1 - 1e-12),
                    low * (1 + 1e-12));
      assert_within(seen(e, &part, FACTOR_SEES_max_a_b, trial, last), high * (1 - 1e-12),
                    high * (1 + 1e-12));
      assert_within(seen(e, &part, FACTOR_SEES_max_h, trial, last), top - 1e-12, top + 1e-12);
    }
    basin_part_free(&part);
  }
  assert_true(all > 10);
  basin_experiment_free(e);
}

/* ---- singular values ---- */

/* U V' of a given U = diag(x) turned, V = diag(y): the singular values are those of diag(x) Q' diag(y); here Q = 1 and
   rows that are swapped, so that they are x_i y_i, over ten decades */
static void singular_values(void **unused) {
  static const char *const set[] = {
      "parameters={d1: 4, d2: 6, r: 4}",
      "teacher.sigma=[1, 0.5, 0.25, 0.1]",
      "init.U=[[0, 0, 3e-5, 0], [0.9, 0, 0, 0], [0, 1e-3, 0, 0], [0, 0, 0, 0.6]]",
      "init.V=[[0, 0, 0, 0], [0, 0, 0.5, 0], [1, 0, 0, 0], [0, 0, 0, 0.2], [0, 1e-3, 0, 0], [0, 0, "
      "0, 0]]",
      "trials=1",
      "record.steps=[0]",
      "stop.max_steps=1"};
  static const double value[] = {0.9, 0.12, 1.5e-5, 1e-6};
  basin_experiment *e = make("", set, 7);
  basin_part part;
  (void)unused;
  test_run_cell(e, 0, &part);
  for (int i = 0; i < 4; i++)
    assert_within(seen(e, &part, FACTOR_SEES_sv_1 + i, 0, 0), value[i] * (1 - 1e-13),
                  value[i] * (1 + 1e-13));
  assert_true(isnan(seen(e, &part, FACTOR_SEES_sv_5, 0, 0)));
  assert_true(seen(e, &part, FACTOR_SEES_learnt, 0, 0) == 1); /* 0.9 >= 0.5; 0.12 < 0.25 */
  basin_part_free(&part);
  basin_experiment_free(e);
}

/* their sum of squares is |U V'|_F^2, and their product, of rank 2, the root of det A det C */
static void singular_values_of_draws(void **unused) {
  basin_experiment *e = make("", NULL, 0);
  basin_part part;
  (void)unused;
  test_run_cell(e, 0, &part);
  for (int64_t trial = 0; trial < e->trials; trial++)
    for (int64_t time = 0; time < e->times; time++) {
      full f = full_of(&e->cell[0].setting);
      if (time > 0 && e->time[time] > part.steps[trial]) continue;
      double norm2 = 0, a[3] = {0, 0, 0}, c[3] = {0, 0, 0};
      take(e, 0, &part, trial, time, &f);
      for (int i = 0; i < f.d1; i++)
        a[0] += f.u[i][0] * f.u[i][0], a[1] += f.u[i][1] * f.u[i][1], a[2] += f.u[i][0] * f.u[i][1];
      for (int i = 0; i < f.d2; i++)
        c[0] += f.v[i][0] * f.v[i][0], c[1] += f.v[i][1] * f.v[i][1], c[2] += f.v[i][0] * f.v[i][1];
      for (int i = 0; i < f.d1; i++)
        for (int j = 0; j < f.d2; j++)
          norm2 += pow(f.u[i][0] * f.v[j][0] + f.u[i][1] * f.v[j][1], 2);
      const double first = seen(e, &part, FACTOR_SEES_sv_1, trial, time),
                   second = seen(e, &part, FACTOR_SEES_sv_2, trial, time),
                   root = sqrt((a[0] * a[1] - a[2] * a[2]) * (c[0] * c[1] - c[2] * c[2]));
      assert_true(first >= second);
      assert_within(first * first + second * second, norm2 * (1 - 1e-12), norm2 * (1 + 1e-12));
      assert_within(first * second, root * (1 - 1e-11), root * (1 + 1e-11));
    }
  basin_part_free(&part);
  basin_experiment_free(e);
}

/* ---- how trials end ---- */

/* the last rate of the loss per step, beside -2 ln max |1 - eta lambda| over the Hessian's eigenvalues but 0 */
static void last_rates(void **unused) {
  static const char *const set[] = {"parameters={d1: 9, d2: 9, r: 2}", "teacher.sigma=[1, 0.5]",
                                    "init.U={normal: 0.02}",           "init.V={normal: 0.02}",
                                    "record.steps=[300, 340]",         "schedule=[{eta: 0.1}]"},
                           *const square[] = {"parameters={d1: 2, d2: 2, r: 2}",
                                              "record.steps=[200, 220]"},
                           *const one[] = {"parameters={d1: 9, d2: 9, r: 1}", "teacher.sigma=1",
                                           "schedule=[{eta: 0.6}]", "record.steps=[20, 28]"},
                           *const steep[] = {"schedule=[{eta: 0.9}]", "record.steps=[40, 80]"},
                           *const tied[] = {"parameters.reg=1"};
  const struct {
    const char *const *set[3];
    int sets[3];
    double rate;
  } rates[] = {{{set}, {6}, -2 * log(1 - 0.1 * 0.5)},
               {{set, tied}, {6, 1}, -2 * log(1 - 0.1 * 0.5)},
               {{set, square}, {6, 2}, -2 * log(1 - 2 * 0.1 * 0.5)},
               {{set, one}, {6, 4}, -2 * log(1 - 0.6)},
               {{set, one, steep}, {6, 4, 2}, -2 * log(fabs(1 - 2 * 0.9))}};
  (void)unused;
  for (int i = 0; i < 5; i++) {
    const char *all[16];
    int sets = 0;
    for (int s = 0; s < 3; s++)
      for (int j = 0; j < rates[i].sets[s]; j++) all[sets++] = rates[i].set[s][j];
    all[sets++] = "stop={at: 1e-29, max_steps: 1000}";
    basin_experiment *e = make("", all, sets);
    basin_part part;
    test_run_cell(e, 0, &part);
    for (int64_t trial = 0; trial < e->trials; trial++) {
      const double fall = log(seen(e, &part, FACTOR_SEES_loss, trial, 0) /
                              seen(e, &part, FACTOR_SEES_loss, trial, 1));
      const double rate = fall / (double)(e->time[1] - e->time[0]);
      if (!(fabs(rate / rates[i].rate - 1) < 0.01))
        fail_msg("%d: %g, not %g", i, rate, rates[i].rate);
    }
    basin_part_free(&part);
    basin_experiment_free(e);
  }
}

/* A constant eta works iff eta sigma_1 < 1. Above, the loss may touch a tolerance in passing, which is no success. */
static void edge_of_stability(void **unused) {
  static const char *const set[] = {"trials=500",
                                    "stop={at: 1e-3, max_steps: 3000}",
                                    "record={trials: 500, steps: {every: 1}, observables: [loss]}",
                                    "grid={c: [0.95, 1.05], r: [1, 2]}",
                                    "parameters={d1: 20, d2: 15}",
                                    "teacher.sigma={blocks: [[1, 1], [0.5, r - 1]]}",
                                    "schedule=[{eta: c}]"};
  basin_experiment *e = make("", set, 7);
  int touched = 0;
  (void)unused;
  for (int64_t cell = 0; cell < e->cells; cell++) {
    const int stable = e->cell[cell].setting.stage[0].eta[0] < 1;
    basin_part part;
    test_run_range(e, cell, basin_cpu_isa(NULL), 0, stable ? 500 : 200, 0, &part);
    for (int64_t trial = 0; trial < part.count; trial++) {
      assert_int_equal(part.outcome[trial], stable ? BASIN_GLOBAL : BASIN_UNRESOLVED);
      for (int64_t t = 0; t <= part.steps[trial] && !stable; t++)
        if (seen(e, &part, 0, trial, t) <= 1e-3) {
          touched++;
          break;
        }
    }
    basin_part_free(&part);
  }
  if (!touched) fail_msg("none of the trials above the edge touches the tolerance");
  basin_experiment_free(e);
}

/* What is settled at some step goes on to the optimum, and the loss never rises, over starts and step sizes of all
   kinds; that is not so of states that are not. */
static void settled_means_settled(void **unused) {
  static const char *const set[] = {
      "trials=60",
      "grid={c: [0.2, 0.7, 0.98], s: [0.01, 0.8], r: [1, 2, 3], reg: [0, 1]}",
      "parameters={d1: 6, d2: 4}",
      "teacher.sigma={blocks: [[1, r]]}",
      "init.U={normal: s}",
      "init.V={normal: 0.3 * s}",
      "schedule=[{eta: c}]",
      "record.steps=[0]"};
  basin_experiment *e = make("", set, 8);
  int settled = 0, open = 0;
  (void)unused;
  for (int64_t cell = 0; cell < e->cells; cell++) {
    const basin_setting *s = &e->cell[cell].setting;
    basin_part part;
    test_run_cell(e, cell, &part);
    for (int64_t trial = 0; trial<e->trials; trial += TEST_SLOWER> 1 ? 10 : 1) {
      full f = full_of(s);
      if (part.outcome[trial] != BASIN_GLOBAL) {
        open++;
        continue;
      }
      take(e, cell, &part, trial, 0, &f);
      for (int64_t t = 0; t < part.steps[trial]; t++) descend(&f, s->stage[0].eta[0]);
      double before = loss_of(&f);
      for (int t = 0; t < 4000 && before > 1e-20; t++) {
        descend(&f, s->stage[0].eta[0]);
        const double loss = loss_of(&f);
        if (!(loss <= before))
          fail_msg("cell %d, trial %d: %g to %g", (int)cell, (int)trial, before, loss);
        before = loss;
      }
      assert_within(before, 0, 1e-20);
      settled++;
    }
    basin_part_free(&part);
  }
  if (settled < 100 * 60 / 10 || !open) fail_msg("%d settled, %d open", settled, open);
  basin_experiment_free(e);
}

/* an exact saddle point is one, by the early rule; one that is only near goes by at_gradient */
static void saddles(void **unused) {
  static const char *const set[] = {"trials=2",
                                    "init.U=0",
                                    "init.V=0",
                                    "grid={r: [1, 2]}",
                                    "parameters={d1: 7, d2: 5}",
                                    "teacher.sigma={blocks: [[1, r]]}"},
                           *const near[] = {"init.U={normal: 1e-6}", "init.V={normal: 1e-6}",
                                            "stop={at: 1e-6, at_gradient: 1e-9, max_steps: 9}"},
                           *const passed[] = {
                               "stop={at: 1e-6, at_gradient: 1e-20, max_steps: 999}"};
  const char *all[10];
  (void)unused;
  memcpy(all, set, sizeof set);
  memcpy(all + 6, near, sizeof near);
  for (int i = 0; i < 3; i++) {
    if (i == 2) all[8] = passed[0];
    basin_experiment *e = make("", all, i ? 9 : 6);
    for (int64_t cell = 0; cell < e->cells; cell++) {
      basin_part part;
      test_run_cell(e, cell, &part);
      for (int64_t trial = 0; trial < 2; trial++) {
        assert_int_equal(part.outcome[trial], i == 2 ? BASIN_GLOBAL : BASIN_SADDLE);
        assert_true((part.steps[trial] > 0) == (i == 2));
      }
      basin_part_free(&part);
    }
    basin_experiment_free(e);
  }
}

/* step sizes that add up to something finite prove nothing: trials stay unresolved */
static void steps_that_run_out(void **unused) {
  static const char *const set[] = {"trials=4",
                                    "schedule=[{steps: 150, eta: 0.3}, {eta: 1/(t + 1)^1.5}]"};
  basin_experiment *e = make("", set, 2), *endless = make("", set, 1);
  basin_part part;
  (void)unused;
  test_run_cell(e, 0, &part);
  for (int64_t trial = 0; trial < 4; trial++)
    assert_int_equal(part.outcome[trial], BASIN_UNRESOLVED);
  basin_part_free(&part);
  test_run_cell(endless, 0, &part);
  for (int64_t trial = 0; trial < 4; trial++) assert_int_equal(part.outcome[trial], BASIN_GLOBAL);
  basin_part_free(&part);
  basin_experiment_free(e);
  basin_experiment_free(endless);
}

/* ---- rank 1: the sharp forms ---- */

/* steps to any loss rise by 1/(2 ln(1 + c)) with every e-fold of d; the proof's c/3 would give another slope */
static void steps_against_d(void **unused) {
  static const char *const set[] = {"trials=2000",
                                    "grid={c: [0.1, 0.5], d1: [100, 1000000]}",
                                    "parameters={d2: d1, r: 1}",
                                    "teacher.sigma=1",
                                    "init.U={normal: 0.01*sqrt(1/d1)}",
                                    "init.V={normal: 0.01*sqrt(1/d1)}",
                                    "schedule=[{eta: c}]",
                                    "stop={at: 1e-6, max_steps: 100000}",
                                    "record.trials=0",
                                    "record.parameters=false"};
  basin_experiment *e = make("", set, 10);
  (void)unused;
  for (int64_t cell = 0; cell < e->cells; cell += 2) {
    double mean[2] = {0, 0}, square[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
      basin_part part;
      test_run_cell(e, cell + i, &part);
      for (int64_t trial = 0; trial < e->trials; trial++) {
        assert_int_equal(part.outcome[trial], BASIN_GLOBAL);
        mean[i] += (double)part.steps[trial] / (double)e->trials;
        square[i] += pow((double)part.steps[trial], 2) / (double)e->trials;
      }
      basin_part_free(&part);
    }
    const double c = e->cell[cell].setting.stage[0].eta[0], range = log(1e4);
    double variance = 0;
    for (int i = 0; i < 2; i++) variance += (square[i] - mean[i] * mean[i]) / (double)e->trials;
    const double slope = (mean[1] - mean[0]) / range, error = 4 * sqrt(variance) / range;
    assert_within(1 / (2 * log1p(c)), slope - error, slope + error);
    assert_true(fabs(1 / (2 * log1p(c / 3)) - slope) > 10 * error);
  }
  basin_experiment_free(e);
}

/* ---- the same bits ---- */

static void same_bits(void **unused) {
  static const char *const rules[][4] = {
      {"trials=19", "stop={max_steps: 90}"},
      {"trials=19", "stop={at: 1e-4, max_steps: 90}", "stop.at_gradient=1e-6"}};
  int64_t ended = 0;
  (void)unused;
  for (int rule = 0; rule < 2; rule++) {
    basin_experiment *e = make(shapes, rules[rule], 2 + rule);
    for (int64_t cell = 0; cell < e->cells; cell++) ended += test_same_bits(e, cell);
    basin_experiment_free(e);
  }
  assert_true(ended > 100);
}

/* trials that diverge begin again with half of A, and p stays */
static void halved(void **unused) {
  static const char *const set[] = {"on_divergence=halve", "schedule=[{eta: 9/(t + 1)^0.2}]",
                                    "grid={r: [1, 2]}", "parameters={d1: 7, d2: 5}",
                                    "teacher.sigma={blocks: [[1, r]]}"};
  basin_experiment *e = make("", set, 5);
  basin_backend backend;
  basin_error error;
  (void)unused;
  assert_ok(basin_cpu_open(NULL, 1, &backend, &error), error);
  for (int64_t cell = 0; cell < e->cells; cell++) {
    basin_job job = basin_part_job(e, cell, 0, e->trials);
    basin_part part;
    basin_watch watch = {0};
    assert_ok(basin_part_allocate(&job, &part, &error), error);
    assert_ok(basin_run_part(&backend, 0, &job, &part, &watch, &error), error);
    for (int64_t trial = 0; trial < e->trials; trial++) {
      full f = full_of(&e->cell[cell].setting), g = f;
      assert_true(part.halvings[trial] > 0 && part.outcome[trial] == BASIN_GLOBAL);
      take(e, cell, &part, trial, 0, &f);
      take(e, cell, &part, trial, 2, &g);
      for (int t = 0; t < 10; t++)
        descend(&f, ldexp(9, -part.halvings[trial]) * pow(t + 1.0, -0.2));
      assert_within(apart(&f, &g), 0, 1e-11);
    }
    basin_part_free(&part);
  }
  backend.close(backend.self);
  basin_experiment_free(e);
}

/* ---- what is refused, and what is read ---- */

static void refused(void **unused) {
  static const struct {
    const char *set, *why;
  } wrong[] = {{"init.U={ball: 1}", "entries that are drawn must be normal"},
               {"init.V={normal: 1, mean: 2}", "around a mean"},
               {"parameters.d2=1", "fewer rows than the rank"},
               {"teacher.sigma=[0.5, 1]", "must be above 0 (and below 1e50) and descend"},
               {"teacher.sigma=[1, 0]", "must be above 0"},
               {"stop.at=1e-40", "rounding errors of the loss"},
               {"stop.at_gradient=1e-3", "goes with stop.at, which is missing"},
               {"schedule.0.eta=1/(t + 1) - 1", "eta_UV at t = 62501 is -0.99998"},
               {"schedule.0.eta=1/(t - 1)", "eta_UV at t = 0 is -1"},
               {"parameters.reg=t", "which step sizes of the schedule may depend on"}};
  (void)unused;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    const char *text = "model: factorisation\nparameters: {r: 2}\nteacher: {sigma: [1, 0.5]}\n"
                       "init: {U: {normal: 0.1}, V: {normal: 0.1}}\nschedule: [{eta: 0.3}]\n";
    basin_experiment *e = NULL;
    basin_error error;
    assert_int_equal(
        basin_experiment_parse("t.yaml", text, (int64_t)strlen(text), &wrong[i].set, 1, &e, &error),
        BASIN_BAD_INPUT);
    if (!strstr(error.text, wrong[i].why)) fail_msg("%s: %s", wrong[i].set, error.text);
  }
}

/* forms that are read, and that a `t` of the experiment's own is that */
static void forms_of_t(void **unused) {
  static const struct {
    const char *eta;
    double a, p;
  } form[] = {{"0.5/(t + 1)^0.6", 0.5, 0.6},         {"0.5/(t+1)", 0.5, 1},
              {"(1 + 2)/( t + 1 ) ^ (r/4)", 3, 0.5}, {"0.3", 0.3, 0},
              {"2*r/4/(t+1)^ 2^-1", 1, 0.5},         {"1/r/(t + 1)^0", 0.5, 0}};
  (void)unused;
  for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
    char eta[128];
    const char *set[] = {eta};
    snprintf(eta, sizeof eta, "schedule=[{eta: %s}]", form[i].eta);
    basin_experiment *e = make("", set, 1);
    const basin_stage *stage = e->cell[0].setting.stage;
    assert_true(stage->eta[0] == form[i].a && stage->eta[BASIN_DECAY] == form[i].p);
    basin_experiment_free(e);
  }
  const char *own[] = {"schedule=[{eta: 0.5/(t + 1)}]", "grid={t: [1, 4]}"};
  basin_experiment *e = make("", own, 2);
  for (int64_t cell = 0; cell < 2; cell++) {
    const basin_stage *stage = e->cell[cell].setting.stage;
    assert_true(stage->eta[0] == (cell ? 0.1 : 0.25) && stage->eta[BASIN_DECAY] == 0);
  }
  basin_experiment_free(e);
}

/* another power is another experiment, of the same draws */
static void identities(void **unused) {
  static const char *const set[][1] = {{"schedule=[{eta: 0.5}]"},
                                       {"schedule=[{eta: 0.5/(t + 1)}]"},
                                       {"schedule=[{eta: 0.5/(t + 1)^0.5}]"},
                                       {"schedule=[{eta: 0.5/(t + 1)^0}]"}};
  uint64_t identity[4], key[4];
  (void)unused;
  for (int i = 0; i < 4; i++) {
    basin_experiment *e = make("", set[i], 1);
    identity[i] = e->identity;
    key[i] = e->cell[0].setting.key;
    basin_experiment_free(e);
  }
  assert_true(identity[0] != identity[1] && identity[1] != identity[2] &&
              identity[0] != identity[2]);
  assert_true(identity[0] == identity[3] && key[0] == key[1] && key[0] == key[2]);
}

static void methods_match_recursions(void **unused) {
  static const char *const of[][3] = {{"parameters={d1: 7, d2: 5, r: 2}", NULL, NULL},
                                      {"parameters={d1: 4, d2: 3, r: 2}", NULL, NULL},
                                      {"parameters={d1: 3, d2: 2, r: 2}",
                                       "init.U=[[0.1, 0.2], [0.3, 0.1], [0, 0.2]]",
                                       "init.V=[[0.2, -0.1], [0.1, 0.4]]"}};
  static const int rows[] = {8, 7, 5}; /* of both matrices, in their coordinates */
  (void)unused;
  for (int i = 0; i < 3; i++) {
    basin_experiment *e = make("method: {momentum: 0.9}\n", of[i], of[i][1] ? 3 : 1);
    const basin_setting *s = &e->cell[0].setting;
    const methods_of what = {
        factor_layout, factor_paces,        factor_start,  factor_step,
        .at = 1,       .size = 2 * rows[i], .eta = {0.05}, .second = INT64_MAX};
    check_methods(s, &what,
                  i == 0   ? 1u << BASIN_ADAM | 1u << BASIN_LANGEVIN
                  : i == 1 ? 1u << BASIN_ADAM
                           : 0,
                  i > 0);
    basin_experiment_free(e);
  }
}

/* momentum and Nesterov's method in reduced coordinates are those of the full matrices */
static void methods_of_full_matrices(void **unused) {
  static const char *const method[] = {"method={momentum: 0.8}", "method={nesterov: 0.8}"};
  (void)unused;
  for (int nesterov = 0; nesterov < 2; nesterov++) {
    basin_experiment *e = make("allow: {unresolved: 1}\n", &method[nesterov], 1);
    basin_part part;
    test_run_cell(e, 0, &part);
    for (int64_t trial = 0; trial < e->trials; trial++) {
      full f = full_of(&e->cell[0].setting), v = f, end;
      take(e, 0, &part, trial, 0, &f);
      memset(v.u, 0, sizeof v.u);
      memset(v.v, 0, sizeof v.v);
      for (int step = 0; step < 60; step++) {
        differentiate(&f);
        for (int k = 0; k < f.r; k++) {
          for (int i = 0; i < f.d1; i++) {
            v.u[i][k] = 0.8 * v.u[i][k] - 0.3 * f.du[i][k];
            f.u[i][k] += nesterov ? 0.8 * v.u[i][k] - 0.3 * f.du[i][k] : v.u[i][k];
          }
          for (int i = 0; i < f.d2; i++) {
            v.v[i][k] = 0.8 * v.v[i][k] - 0.3 * f.dv[i][k];
            f.v[i][k] += nesterov ? 0.8 * v.v[i][k] - 0.3 * f.dv[i][k] : v.v[i][k];
          }
        }
      }
      end = f;
      take(e, 0, &part, trial, 3, &end);
      assert_within(apart(&f, &end), 0, 1e-11);
    }
    basin_part_free(&part);
    basin_experiment_free(e);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(derivatives),
                                     cmocka_unit_test(reduced_is_full),
                                     cmocka_unit_test(falling_steps),
                                     cmocka_unit_test(decay_is_accurate),
                                     cmocka_unit_test(starts_in_law),
                                     cmocka_unit_test(one_step_law),
                                     cmocka_unit_test(extremes),
                                     cmocka_unit_test(singular_values),
                                     cmocka_unit_test(singular_values_of_draws),
                                     cmocka_unit_test(last_rates),
                                     cmocka_unit_test(edge_of_stability),
                                     cmocka_unit_test(settled_means_settled),
                                     cmocka_unit_test(saddles),
                                     cmocka_unit_test(steps_that_run_out),
                                     cmocka_unit_test(steps_against_d),
                                     cmocka_unit_test(same_bits),
                                     cmocka_unit_test(halved),
                                     cmocka_unit_test(refused),
                                     cmocka_unit_test(forms_of_t),
                                     cmocka_unit_test(methods_match_recursions),
                                     cmocka_unit_test(methods_of_full_matrices),
                                     cmocka_unit_test(identities)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
