/* SPDX-License-Identifier: MIT
 *
 * test_sampled.c: stochastic gradients. A step against a plain reference on the same numbers; direct against projected
 * and double against mixed precision by two-sample tests; against the population gradient in the mean and in the limit
 * of many inputs; a sampler that is wrong on purpose must fail. Seeds are fixed, so a test that passes once passes
 * always.
 */
#include "compare.h"
#include "models/cnn.h"
#include "methods.h"

enum { K = 5, TRIALS = 2000 };

/* fixed starts, so that all that varies is the gradient */
static const char experiment_text[] =
    "trials: 2000\n"
    "grid: {p: [2, 3, 8, 64], B: [1, 4]}\n"
    "parameters: {k: 5}\n"
    "teacher: {a: [0.9, -0.4, 0.3, 0.6, -0.2], v: {head: [0.6, 0.8]}}\n"
    "variants:\n"
    "  resnet direct: {model: resnet, init: {w: {head: [0.3, -0.5]}, a: [0.5, 0.2, -0.3, 0.1, "
    "0.4]},"
    " gradient: {sampled: {inputs: B, sampler: direct}}}\n"
    "  resnet projected: {model: resnet, init: {w: {head: [0.3, -0.5]}, a: [0.5, 0.2, -0.3, 0.1, "
    "0.4]},"
    " gradient: {sampled: {inputs: B, sampler: projected}}}\n"
    "  cnn direct: {model: cnn, init: {v: {head: [0.9, -0.5]}, a: [0.5, 0.2, -0.3, 0.1, 0.4]},"
    " gradient: {sampled: {inputs: B, sampler: direct}}}\n"
    "  cnn projected: {model: cnn, init: {v: {head: [0.9, -0.5]}, a: [0.5, 0.2, -0.3, 0.1, 0.4]},"
    " gradient: {sampled: {inputs: B, sampler: projected}}}\n"
    "  resnet mixed: {model: resnet, init: {w: {head: [0.3, -0.5]}, a: [0.5, 0.2, -0.3, 0.1, 0.4]},"
    " gradient: {sampled: {inputs: B, sampler: direct, precision: mixed}}}\n"
    "  cnn mixed: {model: cnn, init: {v: {head: [0.9, -0.5]}, a: [0.5, 0.2, -0.3, 0.1, 0.4]},"
    " gradient: {sampled: {inputs: B, sampler: direct, precision: mixed}}}\n"
    "schedule: [{eta_a: 0.02, eta_w: 0.05}]\n"
    "stop: {at: 1e-30, max_steps: 1000}\n"
    "record: {trials: 2000, steps: [1, 10, 1000], observables: [loss, phi, norm_v], parameters: "
    "true}\n";

static basin_experiment *parse(const char *const *set, int sets) {
  return test_parse(experiment_text, set, sets);
}

/* number of quantities that tell two cells apart at a recorded step: loss, angle, |v|, every entry of a */
static int compare(const basin_experiment *e, const basin_part *x, const basin_part *y,
                   int64_t states_x, int64_t states_y, int64_t time) {
  static double sx[TRIALS], sy[TRIALS];
  int different = 0;
  for (int q = 0; q < e->observables + K; q++) {
    for (int64_t t = 0; t < TRIALS; t++) {
      const int64_t row = (q * TRIALS + t) * e->times + time;
      const int entry = q - e->observables;
      sx[t] = entry < 0 ? x->record[row] : x->state[(t * e->times + time) * states_x + entry];
      sy[t] = entry < 0 ? y->record[row] : y->state[(t * e->times + time) * states_y + entry];
      assert_true(isfinite(sx[t]) && isfinite(sy[t]));
    }
    different += test_differ(sx, sy, TRIALS);
  }
  return different;
}

/* the cell of a variant with these grid values */
static int64_t cell_of(const basin_experiment *e, int variant, double p, double inputs) {
  for (int64_t c = 0; c < e->cells; c++)
    if (e->cell[c].variant == variant && e->cell[c].coordinate[0] == p &&
        e->cell[c].coordinate[1] == inputs)
      return c;
  fail_msg("no such cell");
  return -1;
}

/* the same of two cells, run to step 10 */
static int compare_cells(const basin_experiment *e, int64_t c, int64_t d, int64_t time) {
  basin_part x, y;
  test_run_cell(e, c, &x);
  test_run_cell(e, d, &y);
  const int different = compare(e, &x, &y, e->cell[c].setting.size.states,
                                e->cell[d].setting.size.states, time);
  basin_part_free(&x);
  basin_part_free(&y);
  return different;
}

/* direct and another variant have the same distribution after 1, 10 and 1000 steps, for every p */
static void direct_is(const int other[2]) {
  static const char *const ten[] = {"stop.max_steps=10"};
  basin_experiment *e = parse(NULL, 0), *brief = parse(ten, 1);
  for (int model = 0; model < 2; model++)
    for (int p = 0; p < 4; p++)
      for (int b = 0; b < 2; b++) {
        const double size[] = {2, 3, 8, 64}, inputs[] = {1, 4};
        const int64_t c = cell_of(e, 2 * model, size[p], inputs[b]),
                      d = cell_of(e, other[model], size[p], inputs[b]);
        basin_part x, y;
        const basin_experiment *here = inputs[b] > 1 ? brief : e; /* B = 4 to step 10 alone */
        test_run_cell(here, c, &x);
        test_run_cell(here, d, &y);
        for (int64_t t = 0; t < e->times - (inputs[b] > 1); t++)
          if (compare(e, &x, &y, e->cell[c].setting.size.states, e->cell[d].setting.size.states, t))
            fail_msg("model %d, p = %g, B = %g, step %lld: the samplers differ", model, size[p],
                     inputs[b], (long long)e->time[t]);
        basin_part_free(&x);
        basin_part_free(&y);
      }
  basin_experiment_free(brief);
  basin_experiment_free(e);
}

static void direct_is_projected(void **unused) {
  (void)unused;
  direct_is((const int[2]){1, 3});
}

static void direct_is_mixed(void **unused) {
  (void)unused;
  direct_is((const int[2]){4, 5});
}

/* what is wrong is found: too many degrees of freedom (the projected sampler of another p), too many inputs */
static void wrong_sampler_is_found(void **unused) {
  static const char *const ten[] = {"stop.max_steps=10"};
  basin_experiment *e = parse(ten, 1);
  (void)unused;
  assert_true(compare_cells(e, cell_of(e, 2, 2, 4), cell_of(e, 3, 3, 4), 1) > 0);
  assert_true(compare_cells(e, cell_of(e, 0, 3, 1), cell_of(e, 1, 8, 1), 0) > 0);
  assert_true(compare_cells(e, cell_of(e, 2, 8, 4), cell_of(e, 3, 8, 1), 0) > 0);
  assert_true(compare_cells(e, cell_of(e, 2, 2, 4), cell_of(e, 5, 3, 4), 1) > 0);
  assert_true(compare_cells(e, cell_of(e, 0, 8, 4), cell_of(e, 4, 8, 1), 0) > 0);
  assert_int_equal(compare_cells(e, cell_of(e, 2, 8, 4), cell_of(e, 2, 8, 4), 0), 0);
  basin_experiment_free(e);
}

/* ---- one step against a plain reference on the same numbers ---- */

/* entry q of patch `patch`, counted over all inputs */
static double drawn(const conv_cell *cell, int mixed, uint64_t trial, uint64_t step, int64_t patch,
                    int64_t q) {
  double two[2];
  float four[4];
  if (mixed) {
    basin_singles_of(1, cell->key, BASIN_STREAM_INPUT, trial, step,
                     (uint64_t)(patch * ((cell->p + 3) / 4) + q / 4), four);
    return four[q % 4];
  }
  basin_normals(cell->key, BASIN_STREAM_INPUT, trial, step,
                (uint64_t)(patch * ((cell->p + 1) / 2) + q / 2), &two[0], &two[1]);
  return two[q % 2];
}

static void reference_step(const conv_cell *cell, const double *data, int mixed, uint64_t trial,
                           uint64_t step, const double *pace, int weight_norm, double *a,
                           double *v) {
  const int64_t k = cell->k, p = cell->p;
  const double *a_star = data + cell->teacher_a, *v_star = data + cell->teacher_v;
  long double grad_a[8] = {0}, grad_v[64] = {0}, length2 = 0, along = 0;
  for (int64_t q = 0; q < p; q++) length2 += (long double)v[q] * v[q];
  const long double length = sqrtl(length2);
  for (int64_t i = 0; i < cell->inputs; i++) {
    long double z[8][64], u[8], r = 0;
    for (int64_t j = 0; j < k; j++) {
      long double t = 0;
      u[j] = 0;
      for (int64_t q = 0; q < p; q++) {
        z[j][q] = drawn(cell, mixed, trial, step, i * k + j, q);
        u[j] += z[j][q] * v[q] / length;
        t += z[j][q] * v_star[q];
      }
      r += a[j] * fmaxl(u[j], 0) - a_star[j] * fmaxl(t, 0);
    }
    for (int64_t j = 0; j < k; j++) {
      grad_a[j] += r * fmaxl(u[j], 0) / cell->inputs;
      for (int64_t q = 0; q < p; q++)
        grad_v[q] += (u[j] > 0 ? r * a[j] * z[j][q] : 0) / cell->inputs;
    }
  }
  for (int64_t q = 0; q < p; q++) along += grad_v[q] * v[q] / length2;
  for (int64_t j = 0; j < k; j++) a[j] = (double)(a[j] - pace[0] * grad_a[j]);
  long double new2 = 0;
  for (int64_t q = 0; q < p; q++) {
    v[q] = (double)(v[q] - pace[1] * (grad_v[q] - along * v[q]) / length);
    new2 += (long double)v[q] * v[q];
  }
  for (int64_t q = 0; q < p && !weight_norm; q++) v[q] = (double)(v[q] / sqrtl(new2));
}

static void step_matches_reference(void **unused) {
  const double pace[] = {0.02, 0.05};
  double worst[2] = {0};
  basin_experiment *e = parse(NULL, 0);
  (void)unused;
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_setting *s = &e->cell[c].setting;
    const int weight_norm = !strcmp(e->cell[c].model->name, "cnn");
    const int mixed = !strcmp(s->gradient.dynamics, "mixed");
    if (!strcmp(s->gradient.dynamics, "projected")) continue;
    const double tolerance = mixed ? 2e-7 : 1e-13;
    double *data = malloc((size_t)s->size.data * sizeof *data), x[K + 64], y[K + 64];
    double *work = malloc((size_t)s->size.work * sizeof *work), paces[BASIN_PACES_MAX];
    conv_cell cell;
    basin_room room = {data, 0, 0};
    const char *where;
    assert_null(conv_prepare(s, weight_norm ? 0 : 1 / sqrt(s->parameter[1]), weight_norm, &room,
                             &cell, &where));
    conv_sampled_paces(&cell, pace, paces);
    for (uint64_t trial = 0; trial < 20; trial++) {
      basin_turn turn = {
          .data = data, .pace = paces, .work = work, .team = basin_alone, .trial = trial};
      conv_direct_start(&cell, turn, x);
      memcpy(y, x, sizeof x);
      for (uint64_t step = 0; step < 3; step++) {
        turn.step = step;
        if (mixed) conv_mixed_step(&cell, turn, x);
        else conv_direct_step(&cell, turn, x);
        reference_step(&cell, data, mixed, trial, step, pace, weight_norm, y, y + K);
      }
      for (int64_t i = 0; i < K + cell.p; i++) {
        const double error = fabs(x[i] - y[i]) / fmax(1, fabs(y[i]));
        worst[mixed] = fmax(worst[mixed], error);
        assert_within(error, 0, tolerance);
      }
    }
    free(work);
    free(data);
  }
  print_message("  largest error: %.2g, in mixed precision %.2g\n", worst[0], worst[1]);
  assert_true(worst[1] > 1e-10); /* single precision it is */
  basin_experiment_free(e);
}

static void becomes_resnet(conv_cell *cell, int plain) { cell->grows = plain; }

static void methods_match_recursions(void **unused) {
  basin_experiment *e = parse(NULL, 0);
  (void)unused;
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_setting *s = &e->cell[c].setting;
    const int mixed = !strcmp(s->gradient.dynamics, "mixed");
    if (strcmp(e->cell[c].model->name, "cnn") != 0 || s->parameter[1] > 8 ||
        !strcmp(s->gradient.dynamics, "projected"))
      continue;
    methods_of what = {mixed ? conv_mixed_layout : conv_direct_layout,
                       conv_sampled_paces,
                       conv_direct_start,
                       mixed ? conv_mixed_step : conv_direct_step,
                       .size = K + (int64_t)s->parameter[1],
                       .eta = {0.02, 0.05},
                       .second = K};
    check_methods(s, &what, 0, 1);
    what.normalised = 1;
    what.adapt = becomes_resnet;
    check_methods(s, &what, 0, 1);
  }
  basin_experiment_free(e);
}

/* ---- the population ---- */

/* the mean of a_1, and of v_1 for cnn, which are linear in the gradient, is the population's */
static void unbiased(void **unused) {
  static const char *const set[] = {"record.steps=[1]", "stop.max_steps=1"},
                           *const population[] = {"record.steps=[1]", "stop.max_steps=1",
                                                  "variants.cnn direct.gradient=population",
                                                  "variants.cnn projected.gradient=population",
                                                  "variants.cnn mixed.gradient=population"};
  basin_experiment *e = parse(set, 2), *exact = parse(population, 5);
  (void)unused;
  for (int64_t c = 0; c < e->cells; c++) {
    const basin_cell *cell = &e->cell[c];
    const int64_t states = cell->setting.size.states;
    const int linear = !strcmp(cell->setting.gradient.dynamics, "projected") ? K : (int)states;
    if (strcmp(cell->model->name, "cnn") != 0) continue;
    double want[K + 64], z_max = 0;
    basin_part part, one;
    test_run_cell(exact, c, &one);
    assert_int_equal(
        exact->cell[c].model->vectors(&exact->cell[c].setting, 0, 1, one.state, 0, want), BASIN_OK);
    test_run_cell(e, c, &part);
    for (int i = 0; i < linear; i++) {
      double sum = 0, sum2 = 0;
      for (int64_t t = 0; t < TRIALS; t++) {
        const double d = part.state[t * states + i] - want[i];
        sum += d;
        sum2 += d * d;
      }
      const double mean = sum / TRIALS, error = sqrt(sum2 / TRIALS / TRIALS);
      if (error > 0) z_max = fmax(z_max, fabs(mean) / error);
      else assert_within(mean, -1e-15, 1e-15);
    }
    assert_within(z_max, 0, 5.2); /* 1e-7 each */
    basin_part_free(&part);
    basin_part_free(&one);
  }
  basin_experiment_free(e);
  basin_experiment_free(exact);
}

/* many inputs: the path comes to the population's as 1/sqrt(B) */
static void approaches_population(void **unused) {
  static const char *const set[] = {"grid={p: 8, B: [8, 64, 512, inf]}", "trials=200",
                                    "record={trials: 200, steps: [100], observables: [phi]}",
                                    "stop.max_steps=100"};
  basin_experiment *e = parse(set, 4);
  (void)unused;
  for (int variant = 0; variant < 6; variant++) {
    double deviation[3];
    basin_part exact, part;
    test_run_cell(e, cell_of(e, variant, 8, INFINITY), &exact);
    for (int b = 0; b < 3; b++) {
      double sum = 0;
      test_run_cell(e, cell_of(e, variant, 8, 8 << 3 * b), &part);
      for (int t = 0; t < 200; t++) sum += pow(part.record[t] - exact.record[0], 2);
      deviation[b] = sqrt(sum / 200);
      basin_part_free(&part);
    }
    const double slope = log(deviation[2] / deviation[0]) / log(64);
    assert_within(slope, -0.56, -0.44);
    basin_part_free(&exact);
  }
  basin_experiment_free(e);
}

/* the degrees of freedom of the chi-square: mean n and variance 2n, and its distribution for n = 1, 2 */
static void chi_square(void **unused) {
  enum { N = 200000 };
  (void)unused;
  for (int64_t freedom = 0; freedom < 70; freedom += freedom < 6 ? 1 : 21) {
    double sum = 0, sum2 = 0, below = 0;
    for (uint64_t t = 0; t < N; t++) {
      const double x = basin_chi_square(77, BASIN_STREAM_CHI, freedom, t, t % 5,
                                        t % 3 * BASIN_CHI_BLOCKS);
      assert_true(freedom ? x > 0 : x == 0);
      sum += x;
      sum2 += x * x;
      below += x < 1;
    }
    const double n = (double)freedom, mean = sum / N, variance = sum2 / N - mean * mean;
    assert_within(mean, n - 5.2 * sqrt(2 * n / N), n + 5.2 * sqrt(2 * n / N));
    assert_within(variance, 2 * n * (1 - 5.2 * sqrt((2 + 12 / fmax(n, 1)) / N)),
                  2 * n * (1 + 5.2 * sqrt((2 + 12 / fmax(n, 1)) / N)));
    if (freedom == 1) assert_within(below / N, erf(sqrt(0.5)) - 0.006, erf(sqrt(0.5)) + 0.006);
    if (freedom == 2) assert_within(below / N, 1 - exp(-0.5) - 0.006, 1 - exp(-0.5) + 0.006);
  }
}

/* one entry in v: it cannot turn, and the projected sampler, which needs a plane, is refused */
static void one_dimension(void **unused) {
  static const char *const set[] = {"grid={p: 1, B: 2}",
                                    "trials=3",
                                    "teacher.v=[1]",
                                    "variants={v: {model: cnn, init: {v: [2], a: 0.1}, "
                                    "gradient: {sampled: {inputs: B, sampler: direct}}}}",
                                    "record={trials: 3, steps: [100], observables: [phi, norm_v]}",
                                    "stop.max_steps=100"};
  const char *projected[6];
  basin_experiment *e = parse(set, 6), *none = NULL;
  basin_error error;
  basin_part part;
  (void)unused;
  test_run_cell(e, 0, &part);
  assert_true(part.record[0] == 0 && part.record[3] == 2);
  basin_part_free(&part);
  basin_experiment_free(e);
  memcpy(projected, set, sizeof set);
  projected[3] =
      "variants={v: {model: cnn, init: {v: [2], a: 0.1}, gradient: {sampled: {inputs: B, "
      "sampler: projected}}}}";
  assert_int_equal(basin_experiment_parse("t.yaml", experiment_text,
                                          (int64_t)strlen(experiment_text), projected, 6, &none,
                                          &error),
                   BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "projected needs p of at least 2"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(step_matches_reference),
      cmocka_unit_test(chi_square),
      cmocka_unit_test(unbiased),
      cmocka_unit_test(approaches_population),
      cmocka_unit_test(direct_is_projected),
      cmocka_unit_test(direct_is_mixed),
      cmocka_unit_test(wrong_sampler_is_found),
      cmocka_unit_test(one_dimension),
      cmocka_unit_test(methods_match_recursions),
  };
  return cmocka_run_group_tests_name("sampled", tests, NULL, NULL);
}
