/* SPDX-License-Identifier: MIT
 *
 * test_rates.c: straight lines, the bootstrap and its promise, and rates read from output files whose records are put
 * there: exact laws, zeros, rounding noise, ends, halved step sizes, windows.
 */
#include "folder.h"
#include "base/hdf5_util.h"
#include "store/results.h"
#include "base/statistics.h"

static const double tight = 1e-12;

/* ---- lines ---- */

static void line_known(void **unused) {
  static const double x[] = {1, 2, 3, 4},
                      y[] = {6, 5, 7, 10}; /* by hand: 3.5 + 1.4 x, residual 4.2 */
  basin_line line;
  (void)unused;
  assert_true(basin_line_fit(x, y, 4, &line));
  assert_within(line.slope, 1.4 - tight, 1.4 + tight);
  assert_within(line.intercept, 3.5 - tight, 3.5 + tight);
  assert_within(line.residual, 4.2 - tight, 4.2 + tight);
}

static void line_of_no_width(void **unused) {
  static const double x[] = {2, 2, 2}, y[] = {1, 2, 3};
  basin_line line;
  (void)unused;
  assert_false(basin_line_fit(x, y, 3, &line));
  assert_false(basin_line_fit(x, y, 1, &line));
  assert_false(basin_line_fit(x, y, 0, &line));
}

/* far from the origin the slope keeps its digits */
static void line_far_away(void **unused) {
  double x[100], y[100];
  basin_line line;
  (void)unused;
  for (int i = 0; i < 100; i++) x[i] = 1e8 + i, y[i] = 3 - 0.25 * i;
  assert_true(basin_line_fit(x, y, 100, &line));
  assert_within(line.slope, -0.25 - tight, -0.25 + tight);
  assert_within(line.residual, 0, 1e-20);
}

/* ---- the bootstrap ---- */

static basin_interval bootstrap_one(const double *value, int64_t trials, uint64_t key) {
  basin_interval out;
  basin_error error;
  assert_ok(basin_bootstrap(&value, 1, trials, key, &out, &error), error);
  return out;
}

static double normal(uint64_t *state) {
  return sqrt(-2 * log(1 - test_uniform(state))) * cos(2 * acos(-1) * test_uniform(state));
}

static void bootstrap_repeats(void **unused) {
  double value[50], twice[50];
  uint64_t state = 11;
  basin_interval out[2];
  basin_error error;
  (void)unused;
  for (int i = 0; i < 50; i++) value[i] = normal(&state), twice[i] = 2 * value[i];
  const double *const both[] = {value, twice};
  assert_ok(basin_bootstrap(both, 2, 50, 7, out, &error), error);
  const basin_interval again = bootstrap_one(value, 50, 7), other = bootstrap_one(value, 50, 8);
  assert_true(out[0].low == again.low && out[0].high == again.high && out[0].value == again.value);
  assert_true(other.value == again.value && other.low != again.low);
  /* the same draws for every statistic */
  assert_true(out[1].low == 2 * out[0].low && out[1].high == 2 * out[0].high);
}

static void bootstrap_of_little(void **unused) {
  static const double value[] = {4, NAN, 5};
  (void)unused;
  basin_interval out = bootstrap_one(value, 1, 1);
  assert_true(out.value == 4 && isnan(out.low) && isnan(out.high));
  out = bootstrap_one(value, 0, 1);
  assert_true(isnan(out.value) && isnan(out.low) && isnan(out.high));
  out = bootstrap_one(value, 3, 1);
  assert_true(isnan(out.value) && isnan(out.low) && isnan(out.high));
}

/* how often a trial is in a resample is Poisson with mean 1, near enough: 0 at the 2.5% quantile, 3 at the 97.5% one
   (P(X <= 2) = 0.920, P(X <= 3) = 0.981); the first, the last and any between alike, also past the first words */
static void bootstrap_draws_all(void **unused) {
  static double value[1001];
  static const int at[] = {0, 1, 2, 500, 999, 1000};
  (void)unused;
  for (int i = 0; i < 6; i++) {
    memset(value, 0, sizeof value);
    value[at[i]] = 1001;
    const basin_interval out = bootstrap_one(value, 1001, (uint64_t)i);
    assert_true(out.value == 1 && out.low == 0 && out.high == 3);
  }
}

/* the interval is as wide as the central limit theorem says */
static void bootstrap_width(void **unused) {
  double value[400], sum = 0, square = 0;
  uint64_t state = 5;
  (void)unused;
  for (int i = 0; i < 400; i++) {
    value[i] = normal(&state);
    sum += value[i];
    square += value[i] * value[i];
  }
  const double error = sqrt(square / 400 - sum / 400 * sum / 400) / 20;
  const basin_interval out = bootstrap_one(value, 400, 3);
  /* a quantile of 2000 resamples has a standard error of 0.06 of theirs; six of them */
  assert_within((out.value - out.low) / error, 1.96 - 0.36, 1.96 + 0.36);
  assert_within((out.high - out.value) / error, 1.96 - 0.36, 1.96 + 0.36);
}

/* Of 1000 sets of 40 noisy trajectories with slopes around -3, the interval holds -3 in about 94%: percentiles of 40
   are a little narrow. Five standard errors (0.0075) around 0.94: false alarm below 1e-6, and the seed is fixed. */
static void coverage(void **unused) {
  uint64_t state = 17;
  int covered = 0;
  (void)unused;
  for (int set = 0; set < 1000; set++) {
    double slope[40];
    for (int i = 0; i < 40; i++) {
      double x[12], y[12];
      const double own = -3 + 0.3 * normal(&state);
      basin_line line;
      for (int j = 0; j < 12; j++) x[j] = 0.2 * j, y[j] = own * x[j] + 0.1 * normal(&state);
      assert_true(basin_line_fit(x, y, 12, &line));
      slope[i] = line.slope;
    }
    const basin_interval out = bootstrap_one(slope, 40, (uint64_t)set);
    covered += out.low <= -3 && -3 <= out.high;
  }
  assert_within(covered / 1000.0, 0.9025, 0.9775);
}

/* ---- rates of files ---- */

enum { TRIALS = 8 };
static const char experiment_text[] =
    "model: resnet\n"
    "grid: {k: [4, 5]}\n"
    "trials: 10\n"
    "parameters: {p: 3}\n"
    "teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}\n"
    "init: {w: {normal: 0.3}, a: {ball: 1}}\n"
    "schedule: [{steps: 13, eta_a: 0.02, eta_w: 7e-3}, {eta_a: 0.05, eta_w: 1e-3}]\n"
    "stop: {at: 1e-300, max_steps: 100000}\n"
    "allow: {unresolved: 1}\n"
    "record: {trials: 8, steps: [0, 1, 5, 13, 14, 20, 40, 100, 200, 400, 1000, 2000, 4000, 11000, "
    "20000, 40000, 60000, 100000], observables: [loss, phi]}\n";
static const double step[] = {0,   1,    5,    13,   14,    20,    40,    100,   200,
                              400, 1000, 2000, 4000, 11000, 20000, 40000, 60000, 100000};
enum { TIMES = sizeof step / sizeof *step };
static char output[64];
static double value[2][TRIALS][TIMES]; /* the records of cells 0 and 1, to be put into the file */

/* eta t by hand: the first step size of the table */
static double flow_time(int i) {
  return step[i] <= 13 ? 0.02 * step[i] : 0.26 + 0.05 * (step[i] - 13);
}

static int set_up(void **unused) {
  basin_experiment *e;
  basin_error error;
  (void)unused;
  if (make_folder(unused)) return -1;
  snprintf(output, sizeof output, "%s/out.h5", folder);
  if (basin_experiment_parse("t.yaml", experiment_text, (int64_t)strlen(experiment_text), NULL, 0,
                             &e, &error))
    return -1;
  const basin_run_options options = {.output = output, .threads = 1, .no_provenance = 1};
  const basin_status status = basin_run(e, &options, &error);
  basin_experiment_free(e);
  return status;
}

/* put numbers into a variable of the file, whole */
static void put(const char *name, hid_t type, const void *numbers) {
  const hid_t file = H5Fopen(output, H5F_ACC_RDWR, H5P_DEFAULT);
  if (H5Lexists(file, "checksum", H5P_DEFAULT) > 0) /* of what is no longer there */
    assert_true(H5Ldelete(file, "checksum", H5P_DEFAULT) >= 0);
  const hid_t id = H5Dopen2(file, name, H5P_DEFAULT);
  assert_true(H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers) >= 0);
  H5Dclose(id);
  assert_true(H5Fclose(file) >= 0);
}

static basin_rates rates_with(int64_t cell, const basin_rates_options *options) {
  basin_results *results;
  basin_rates rates;
  basin_error error;
  put("loss", H5T_NATIVE_DOUBLE, value);
  assert_ok(basin_results_open(output, &results, &error), error);
  assert_ok(basin_results_rates(results, cell, options, &rates, &error), error);
  basin_results_close(results);
  return rates;
}

static basin_rates rates_of(int64_t cell) {
  return rates_with(cell, &(basin_rates_options){.observable = NULL});
}

/* cell 0: C t^slope, slopes around -3 by trial, so that their mean is -3; cell 1: C exp(-t/80 (1 + trial / 10)) */
static void put_laws(void) {
  for (int i = 0; i < TRIALS; i++)
    for (int j = 0; j < TIMES; j++) {
      const double t = flow_time(j);
      value[0][i][j] = t > 0 ? (1 + i) * pow(t, -3 + 0.1 * (i - 3.5)) : 10;
      value[1][i][j] = (1 + i) * exp(-t / 80 * (1 + i / 10.0));
    }
}

static void exact_laws(void **unused) {
  (void)unused;
  put_laws();
  basin_rates r = rates_of(0);
  assert_int_equal(r.trials, TRIALS);
  assert_int_equal(r.left_out, 0);
  assert_true(r.better == BASIN_POWER && !*r.reason);
  assert_within(r.slope.value, -3 - 1e-9, -3 + 1e-9);
  assert_within(r.slope.low, -3.35, -3.01);
  assert_within(r.slope.high, -2.99, -2.65);
  assert_within(r.power_residual, 0, 1e-9);
  assert_true(r.exponential_residual > 0.1);
  /* both are roots of the mean square over all points: of trials of other constants, the same of each */
  for (int i = 0; i < TRIALS; i++)
    for (int j = 0; j < TIMES; j++)
      value[0][i][j] = flow_time(j) > 0 ? exp(i) * pow(flow_time(j), -3) : 10;
  double x[TIMES], y[TIMES];
  int points = 0;
  for (int j = 0; j < TIMES; j++)
    if (flow_time(j) >= r.from) x[points] = flow_time(j), y[points++] = -3 * log(flow_time(j));
  basin_line line;
  assert_true(basin_line_fit(x, y, points, &line));
  const double residual = rates_of(0).exponential_residual, want = sqrt(line.residual / points);
  assert_within(residual / want, 1 - 1e-9, 1 + 1e-9);
  for (int i = 0; i < TRIALS; i++)
    for (int j = 0; j < TIMES; j++) value[0][i][j] = exp(-3e-3 * flow_time(j));
  for (int j = 0; j < points; j++) y[j] = -3e-3 * x[j], x[j] = log(x[j]);
  assert_true(basin_line_fit(x, y, points, &line));
  r = rates_with(0, &(basin_rates_options){.from = r.from, .to = r.to});
  assert_within(r.power_residual / sqrt(line.residual / points), 1 - 1e-9, 1 + 1e-9);
  put_laws();
  r = rates_of(0);
  /* the last decade, both ends in it: eta t from 500 to 5000 */
  assert_within(r.to, flow_time(TIMES - 1), flow_time(TIMES - 1));
  assert_within(r.from, r.to / 10, r.to / 10);
  double local = 0;
  for (int i = 0; i < TRIALS; i++) local += log(value[0][i][TIMES - 1]) / log(r.to) / TRIALS;
  assert_within(r.local.value, local - 1e-12, local + 1e-12);

  /* exp underflows: each trial counts down to the noise, the window ends where half of them do */
  r = rates_of(1);
  assert_int_equal(r.trials, TRIALS);
  assert_true(r.better == BASIN_EXPONENTIAL);
  assert_within(r.rate.value, 1.35 / 80 - 1e-9, 1.35 / 80 + 1e-9);
  assert_true(r.rate.low < r.rate.value && r.rate.value < r.rate.high);
  assert_true(r.to < 88 * log(2) * 80 / 1.3 && r.to > 1000);
}

/* below 2^-88 of the largest, and behind a zero, nothing counts, whatever comes there */
static void noise_is_left_out(void **unused) {
  (void)unused;
  put_laws();
  const basin_rates clean = rates_of(1);
  for (int i = 0; i < TRIALS; i++) {
    int j = 1;
    while (j < TIMES && value[1][i][j] > 0x1p-88 * value[1][i][0]) j++;
    for (; j < TIMES; j++) value[1][i][j] = j % 2 ? 0 : 1e-31;
  }
  const basin_rates noisy = rates_of(1);
  assert_memory_equal(&clean, &noisy, sizeof clean);
  for (int i = 0; i < TRIALS; i++) value[1][i][2] = i % 2 ? 0 : -1e-40;
  const basin_rates short_ones = rates_of(1);
  assert_int_equal(short_ones.trials, 0);
  assert_true(*short_ones.reason && short_ones.better == BASIN_NO_LAW);
  assert_true(isnan(short_ones.slope.value) && isnan(short_ones.rate.low));
  assert_true(isnan(short_ones.from) && isnan(short_ones.to));
}

/* trials that end early: those that reach into the window count, up to their end */
static void ends(void **unused) {
  (void)unused;
  put_laws();
  for (int j = 7; j < TIMES; j++) value[0][0][j] = NAN;
  for (int j = TIMES - 1; j < TIMES; j++) value[0][1][j] = NAN;
  value[0][2][TIMES - 3] = NAN; /* a gap */
  const basin_rates r = rates_of(0);
  assert_int_equal(r.trials, TRIALS - 1);
  assert_int_equal(r.left_out, 1);
  /* trials 1 to 7: their slopes are still exact */
  assert_within(r.slope.value, -3 + 0.05 - 1e-9, -3 + 0.05 + 1e-9);
  /* half of the trials decide on the window */
  for (int i = 0; i < 5; i++)
    for (int j = 10; j < TIMES; j++) value[0][i][j] = NAN;
  const basin_rates half = rates_of(0);
  assert_within(half.to, flow_time(9), flow_time(9));
  assert_int_equal(half.trials, TRIALS - 1);
  /* three records are enough to decide on it, and for a line */
  put_laws();
  for (int i = 0; i < TRIALS; i++)
    for (int j = 4; j < TIMES; j++) value[0][i][j] = NAN;
  const basin_rates three = rates_of(0);
  assert_within(three.to, flow_time(3), flow_time(3));
  assert_int_equal(three.trials, TRIALS);
}

static void one_trial(void **unused) {
  (void)unused;
  put_laws();
  for (int i = 1; i < TRIALS; i++)
    for (int j = 0; j < TIMES; j++) value[0][i][j] = NAN;
  const basin_rates r = rates_of(0);
  assert_int_equal(r.trials, 1);
  assert_within(r.slope.value, -3.35 - 1e-9, -3.35 + 1e-9);
  assert_true(isnan(r.slope.low) && isnan(r.slope.high) && r.better == BASIN_POWER);
}

/* windows that are given, and those that are chosen from few records */
static void windows(void **unused) {
  (void)unused;
  put_laws();
  /* a power law with a kink at eta t = 50 */
  for (int i = 0; i < TRIALS; i++)
    for (int j = 0; j < TIMES; j++) {
      const double t = flow_time(j);
      if (t > 0) value[0][i][j] = t < 50 ? pow(t, -1) : pow(50, 3) * pow(t, -4);
    }
  basin_rates_options options = {.observable = "loss", .to = 49};
  basin_rates r = rates_with(0, &options);
  assert_within(r.slope.value, -1 - 1e-9, -1 + 1e-9);
  assert_within(r.from, flow_time(5), flow_time(5)); /* 20, 40, 100, 200, 400 */
  options = (basin_rates_options){.from = 51};
  r = rates_with(0, &options);
  assert_within(r.slope.value, -4 - 1e-9, -4 + 1e-9);
  assert_true(r.from == 51 && r.to == flow_time(TIMES - 1));
  options = (basin_rates_options){.from = 0.01, .to = flow_time(3)};
  r = rates_with(0, &options);
  assert_int_equal(r.trials, TRIALS); /* records at 1, 5 and 13: both ends belong to it */
  assert_true(isnan(r.local.value));  /* eta t <= 1 */
  options.to = flow_time(3) - 1e-9;
  r = rates_with(0, &options);
  assert_int_equal(r.trials, 0);
  assert_int_equal(r.left_out, TRIALS);
  assert_non_null(strstr(r.reason, "3 records in the window"));
  options = (basin_rates_options){
      .to = flow_time(7)}; /* a tenth would be 0.461: steps 20, 40, 100 */
  r = rates_with(0, &options);
  assert_within(r.from, flow_time(3), flow_time(3)); /* 13, 14, 20, 40, 100 */
  options = (basin_rates_options){.from = 1e6};
  r = rates_with(0, &options);
  assert_non_null(strstr(r.reason, "no further than eta t = "));
}

/* a trial whose step sizes were halved h times has been at eta_t 2^-h; -1 is the fill value */
static void halvings(void **unused) {
  static int8_t count[2][10] = {{0, 1, 2, 3, -1, 1, 2, 3, -1, -1}};
  const hsize_t size[2] = {2, 10};
  (void)unused;
  const hid_t file = H5Fopen(output, H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(2, size, NULL);
  H5Dclose(
      H5Dcreate2(file, "halvings", H5T_NATIVE_INT8, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
  assert_true(H5Fclose(file) >= 0);
  put("halvings", H5T_NATIVE_INT8, count);
  for (int i = 0; i < TRIALS; i++)
    for (int j = 0; j < TIMES; j++)
      value[0][i][j] = exp(-0.01 * flow_time(j) / (1 << (i % 4))) + 1e-300;
  const basin_rates_options options = {.from = 1, .to = 600};
  basin_rates r = rates_with(0, &options);
  assert_int_equal(r.trials, TRIALS);
  assert_within(r.rate.value, 0.01 - 1e-9, 0.01 + 1e-9);
  assert_within(r.exponential_residual, 0, 1e-9);

  /* the window is chosen in the time of those trials */
  memset(count, 3, sizeof count);
  put("halvings", H5T_NATIVE_INT8, count);
  put_laws();
  r = rates_of(0);
  assert_true(r.to == flow_time(TIMES - 1) / 8 && r.from == r.to / 10);
  assert_within(r.slope.value, -3 - 1e-9, -3 + 1e-9);

  memset(count, 0, sizeof count);
  put("halvings", H5T_NATIVE_INT8, count);
  for (int i = 0; i < TRIALS; i++)
    for (int j = 0; j < TIMES; j++) value[0][i][j] = exp(-0.01 * flow_time(j) / (1 << (i % 4)));
  r = rates_with(0, &options);
  assert_true(r.rate.value < 0.007 && r.exponential_residual < 1e-9);
}

/* diverged trials are left out, and one outcome may be asked for; the program's own outcomes are put aside for it */
static void outcomes(void **unused) {
  static int8_t outcome[2][10] = {{BASIN_GLOBAL, BASIN_DIVERGED, BASIN_GLOBAL, BASIN_SPURIOUS,
                                   BASIN_SPURIOUS, BASIN_UNRESOLVED, BASIN_DIVERGED, BASIN_SPURIOUS,
                                   BASIN_GLOBAL, BASIN_GLOBAL}};
  static const int8_t unresolved[2][10] = {{BASIN_UNRESOLVED}};
  (void)unused;
  put("outcome", H5T_NATIVE_INT8, outcome);
  put_laws();
  basin_rates r = rates_of(0);
  assert_int_equal(r.trials, 6);
  assert_int_equal(r.left_out, 2);
  basin_rates_options options = {.outcome = "global"};
  r = rates_with(0, &options);
  assert_int_equal(r.trials, 2);
  assert_int_equal(r.left_out, 0);
  assert_within(r.slope.value, -3 - 0.25 - 1e-9, -3 - 0.25 + 1e-9); /* trials 0 and 2 */
  options.outcome = "stationary";
  r = rates_with(0, &options);
  assert_int_equal(r.trials, 0);
  assert_string_equal(r.reason, "no recorded trial ended as asked for");
  options.to = 100;
  r = rates_with(0, &options);
  assert_string_equal(r.reason, "no recorded trial ended as asked for");
  put("outcome", H5T_NATIVE_INT8, unresolved);
}

/* constant records: nothing is better */
static void constant(void **unused) {
  (void)unused;
  for (int i = 0; i < TRIALS; i++)
    for (int j = 0; j < TIMES; j++) value[0][i][j] = 1;
  const basin_rates r = rates_of(0);
  assert_true(r.trials == TRIALS && r.slope.value == 0 && r.slope.low == 0 && r.rate.value == 0);
  assert_true(r.better == BASIN_NO_LAW);
}

static void refusals(void **unused) {
  static const struct {
    basin_rates_options options;
    int64_t cell;
    const char *reason;
  } bad[] = {{{.from = 5, .to = 5}, 0, "ends at 5, before it begins at 5"},
             {{.from = -1}, 0, "expected positive numbers"},
             {{.to = INFINITY}, 0, "expected positive numbers"},
             {{.from = NAN}, 0, "expected positive numbers"},
             {{.observable = "psi"}, 0, "no recorded observable `psi`, expected loss, phi"},
             {{.outcome = "good"}, 0, "no outcome `good`, expected unresolved, global"},
             {{.from = 1}, 2, "no cell 2, expected 0 to 1"},
             {{.from = 1}, -1, "no cell -1"}};
  basin_results *results;
  basin_error error;
  (void)unused;
  assert_ok(basin_results_open(output, &results, &error), error);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    basin_rates rates;
    assert_int_equal(basin_results_rates(results, bad[i].cell, &bad[i].options, &rates, &error),
                     BASIN_BAD_INPUT);
    if (!strstr(error.text, bad[i].reason)) fail_msg("%s: %s", bad[i].reason, error.text);
  }
  basin_results_close(results);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(line_known),
      cmocka_unit_test(line_of_no_width),
      cmocka_unit_test(line_far_away),
      cmocka_unit_test(bootstrap_repeats),
      cmocka_unit_test(bootstrap_of_little),
      cmocka_unit_test(bootstrap_draws_all),
      cmocka_unit_test(bootstrap_width),
      cmocka_unit_test(coverage),
      cmocka_unit_test(exact_laws),
      cmocka_unit_test(noise_is_left_out),
      cmocka_unit_test(ends),
      cmocka_unit_test(one_trial),
      cmocka_unit_test(windows),
      cmocka_unit_test(halvings),
      cmocka_unit_test(outcomes),
      cmocka_unit_test(constant),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests_name("rates", tests, set_up, remove_folder);
}
