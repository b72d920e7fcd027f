/* SPDX-License-Identifier: MIT
 *
 * test_cell_limit.c: networks of infinite width of a cell (host/network/cell_limit.h). Of inputs that are the unit
 * vectors Gram matrices can be written down; others are held against limit.h, with the layers listed by hand. Which
 * cells have no limit, or no curve, and why.
 */
#include "test.h"
#include "network/cell_limit.h"
#include "network/limit.h"
#include "network/symmetric.h"
#include "read/experiment.h"

static const double PI = 3.14159265358979323846;
enum { TIMES = 3 };
static const int64_t times[TIMES] = {0, 1, 7};

/* two layers on three unit vectors, with labels of -2 or 2 */
#define TWO                                                                 \
  "model: network\nparameters: {m: 4}\n"                                    \
  "layers:\n"                                                               \
  "  - {dense: m, activation: relu, scale: 1/sqrt(m), init: {normal: 1}}\n" \
  "  - {dense: 1, init: sign, train: false}\n"                              \
  "data: {n: 3, d: 3, inputs: identity, labels: {sign: 2}}\n"               \
  "schedule: [{eta: 0.1}]\nstop: {at: 1e-9, max_steps: 10}\n"

static void find(const char *text, const char *const *set, int sets, basin_cell_limit *limit,
                 double loss[TIMES]) {
  basin_error error;
  basin_experiment *e = test_parse(text, set, sets);
  assert_ok(basin_cell_limit_find(&e->cell[0].setting, TIMES, times, limit, loss, &error), error);
  basin_experiment_free(e);
}

static void assert_near(double x, double y) {
  assert_within(x, y - 1e-12 * fabs(y), y + 1e-12 * fabs(y));
}

/* by one eigenvalue: the loss falls by (1 - c eta lambda)^2 a step, 2c being 1 or 1/n */
static void by_hand(void **unused) {
  (void)unused;
  static const struct row {
    const char *set[2];
    double lambda_0, lambda_max, start, eta; /* eta: of the law; 0: more than one eigenvalue */
  } rows[] = {
      /* G = H = 1/2, |y|^2 = 12, tr C = 3/2 */
      {{NULL}, 0.5, 0.5, 6.75, 0.1},
      {{"parameters.m=64"}, 0.5, 0.5, 6.75, 0.1},
      {{"loss=mean"}, 0.5, 0.5, 6.75 / 3, 0.1 / 3},
      {{"schedule=[{steps: 3, eta: 0.1}, {eta: 0.1}]"}, 0.5, 0.5, 6.75, 0.1},
      /* C grows with the weights of both layers, H with those of the second */
      {{"layers.0.init={normal: 2}"}, 0.5, 0.5, 6 + 4 * 0.75, 0.1},
      {{"layers.1.init={sign: 3}"}, 4.5, 4.5, 6 + 9 * 0.75, 0.1},
      {{"layers.1.init={uniform: [-3, 3]}"}, 1.5, 1.5, 6 + 3 * 0.75, 0.1},
      {{"layers.1.scale=3"}, 4.5, 4.5, 6 + 9 * 0.75, 0.1},
      {{"layers.0.scale=1"}, 2, 2, 6 + 4 * 0.75, 0.1}, /* 4 neurons */
      /* three outputs, each with the same law: |y|^2 = 5 */
      {{"layers.1.dense=3", "data.labels={low_rank: {singular: [2, 1]}}"}, 0.5, 0.5, 4.75, 0.1},
      /* Q = 1/2 on the diagonal, 1/(2 pi) beside it; alone it is that of the readout */
      {{"layers.1.train=true"}, 1 - 0.5 / PI, 1 + 1 / PI, 6.75, 0},
      {{"layers.1.train=true", "layers.0.train=false"}, 0.5 - 0.5 / PI, 0.5 + 1 / PI, 6.75, 0},
      /* sigma' = 1 or 1/2: E = (1 + 1/4)/2 on the diagonal; E sigma sigma the same */
      {{"layers.0.activation={leaky: 0.5}"}, 0.625, 0.625, 6 + 1.5 * 0.625, 0.1},
      {{"layers.0.activation=identity"}, 1, 1, 7.5, 0.1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const struct row *r = &rows[i];
    basin_cell_limit limit;
    double loss[TIMES];
    find(TWO, r->set, (r->set[0] != NULL) + (r->set[1] != NULL), &limit, loss);
    assert_near(limit.lambda_0, r->lambda_0);
    assert_near(limit.lambda_max, r->lambda_max);
    assert_near(limit.loss_start, r->start);
    assert_true(limit.exact);
    assert_near(loss[0], r->start);
    for (int t = 1; t < TIMES && r->eta > 0; t++)
      assert_near(loss[t], r->start * pow(1 - r->eta * r->lambda_0, 2 * (double)times[t]));
  }
}

/* pictures of two channels and three pixels, through a residual convolutional net */
static const char deep[] =
    "model: network\nparameters: {m: 6}\n"
    "layers:\n"
    "  - {conv: {channels: m, patch: 3}, activation: erf, scale: sqrt(c_sigma/m)}\n"
    "  - {conv: {channels: m, patch: 3}, activation: erf, scale: 0.5/sqrt(m), skip: true, init: "
    "{normal: 2}}\n"
    "  - {dense: 5, activation: tanh, scale: 1/sqrt(5), train: false}\n"
    "  - {dense: 1}\n"
    "data: {n: 5, channels: 2, pixels: 3, inputs: sphere, labels: {normal: 1}}\n"
    "schedule: [{eta: 0.01}]\nstop: {at: 1e-9, max_steps: 10}\n";

static void by_layers(void **unused) {
  (void)unused;
  enum { N = 5, NUMBERS = 6 };
  const double c_erf = basin_sigma_constant(&(basin_sigma){BASIN_ERF, 0});
  const basin_limit_layer conv[] = {{{BASIN_ERF, 0}, c_erf, 1, 3, 0},
                                    {{BASIN_ERF, 0}, 0.25, 2, 3, 1},
                                    {{BASIN_TANH, 0}, 1, 1, 0, 0},
                                    {{BASIN_IDENTITY, 0}, 1, 1, 0, 0}},
                          dense[] = {{{BASIN_ERF, 0}, c_erf, 1, 0, 0}, conv[2], conv[3]};
  static const char *const flat[] = {
      "layers=[{dense: m, activation: erf, scale: sqrt(c_sigma/m)}, {dense: 5, activation: tanh, "
      "scale: 1/sqrt(5), train: false}, {dense: 1}]"};
  for (int kind = 0; kind < 2; kind++) {
    basin_experiment *e = test_parse(deep, flat, kind);
    const basin_setting *setting = &e->cell[0].setting;
    const double share[] = {1, 1, 0, 1}, of_dense[] = {1, 0, 1};
    double x[N * NUMBERS], y[N], gram[N * N], covariance[N * N], value[N], start = 0;
    basin_cell_limit limit;
    basin_error error;
    assert_int_equal(setting->network->draw(setting, 0, N, x, y), BASIN_OK);
    const basin_limit_net net = {kind ? 3 : 4, kind ? dense : conv, N,
                                 kind ? 6 : 2, kind ? 1 : 3,        x};
    assert_ok(basin_limit_gram(&net, kind ? of_dense : share, gram, covariance, &error), error);
    for (int i = 0; i < N; i++) start += (y[i] * y[i] + covariance[i * N + i]) / 2;
    assert_ok(basin_symmetric_eigen(N, gram, 0, value, &error), error);
    assert_ok(basin_cell_limit_find(setting, 0, NULL, &limit, NULL, &error), error);
    assert_near(limit.lambda_0, value[0]);
    assert_near(limit.lambda_max, value[N - 1]);
    assert_near(limit.loss_start, start);
    assert_false(limit.exact);
    basin_experiment_free(e);
  }
}

/* what has no limit, and what has one, but no curve */
static void without(void **unused) {
  (void)unused;
  static const char *const none[][2] = {
      {"layers.0.init={sphere: 1}", "layer 1 are not drawn independently"},
      {"layers.0.init={normal: 1, mean: 1}", "layer 1 are not drawn independently"},
      {"layers.0.init={uniform: [-1, 1]}", "layer 1 are not normal"},
      {"layers.1.init={uniform: [0, 1]}", "layer 2 are not drawn independently"},
      {"layers.1.init=1", "layer 2 are not drawn independently"},
      {"layers.1.activation=relu", "last layer"},
      {"layers=[{dense: 1}]", "hidden layer"},
      {"data={n: 20000, d: 3, inputs: sphere, labels: sign}", "GiB"},
  };
  static const char *const curveless[] = {"method={momentum: {beta: 0.5}}",
                                          "schedule=[{steps: 3, eta: 0.1}, {eta: 0.2}]",
                                          "schedule=[{eta: 0.1/(t + 1)^0.5}]",
                                          "schedule=[{eta: \"0.1*min(1, (t + 1)/10)\"}]",
                                          "data.batch=2",
                                          "noise={gradient: 0.1}"};
  basin_error error;
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
    basin_experiment *e = test_parse(TWO, none[i], 1);
    assert_int_equal(basin_cell_limit_check(&e->cell[0].setting, &error), BASIN_BAD_INPUT);
    if (!strstr(error.text, none[i][1])) fail_msg("%s: %s", none[i][0], error.text);
    basin_experiment_free(e);
  }
  for (size_t i = 0; i < sizeof curveless / sizeof *curveless; i++) {
    basin_cell_limit limit;
    double loss[TIMES];
    find(TWO, &curveless[i], 1, &limit, loss);
    assert_near(limit.lambda_0, 0.5);
    for (int t = 0; t < TIMES; t++) assert_true(isnan(loss[t]));
  }
}

static basin_status (*plain_draw)(const basin_setting *, int64_t, int64_t, double *, double *);
static int draws;
static basin_status counted_draw(const basin_setting *setting, int64_t first, int64_t count,
                                 double *z, double *label) {
  draws++;
  return plain_draw(setting, first, count, z, label);
}

/* lambda_0 is worked out when it is first asked for, once for bound_excess and record.limit; likewise the matrix */
static void once(void **unused) {
  (void)unused;
  static const char *const asked[] = {"record={final: [loss, bound_excess], limit: true}",
                                      "record={final: [loss]}"};
  basin_error error;
  for (int i = 0; i < 2; i++) {
    basin_experiment *e = test_parse(TWO, &asked[i], 1);
    basin_network *network = e->cell[0].network;
    const basin_setting *setting = &e->cell[0].setting;
    basin_cell_limit limit;
    double loss[TIMES];
    assert_int_equal(network->bounded, i == 0);
    plain_draw = network->draw;
    network->draw = counted_draw;
    draws = 0;
    assert_near(network->lambda_0(setting), 0.5);
    assert_near(network->lambda_0(setting), 0.5);
    assert_ok(basin_cell_limit_find(setting, TIMES, times, &limit, loss, &error), error);
    assert_near(limit.lambda_0, 0.5);
    assert_int_equal(draws, 1);
    const double *gram = network->gram(setting);
    assert_non_null(gram);
    assert_ptr_equal(gram, network->gram(setting));
    assert_int_equal(draws, 2);
    basin_experiment_free(e);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(by_hand),
      cmocka_unit_test(by_layers),
      cmocka_unit_test(without),
      cmocka_unit_test(once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
