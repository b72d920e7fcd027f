/* SPDX-License-Identifier: MIT
 *
 * test_network_whole.c: one trial at a time by whole arrays (include/models/network/network_whole.h) is the same, to
 * the last bit, as trials in lanes: all kinds of layers, methods and observables, by every instruction set, and with
 * pauses. And which cells are run so.
 */
#include "compare.h"

#define HEAD "trials: 11\nallow: {unresolved: 1, diverged: 1}\n"
#define SEEN                                                                                    \
  "record: {trials: 11, steps: {every: 1}, parameters: true, final: all, observables: [loss, "  \
  "margin, "                                                                                    \
  "norm_grad, flow_time, loss_rises, pattern_changes, distance_max, distance_rms, distance_1, " \
  "norm_1, balance_1, balance_drift_1, neuron_balance_1]}\n"

static const char *const nets[] = {
    /* wide, sizes that fill no tile, and ends of vectors */
    "layers:\n"
    "  - {dense: 37, activation: relu, scale: 1/sqrt(37), init: {normal: 1}}\n"
    "  - {dense: 1, init: sign, train: false}\n"
    "data: {n: 13, d: 5, inputs: sphere, labels: {normal: 1}}\n"
    "schedule: [{eta: 0.3}]\n"
    "stop: {at: 1e-3, at_gradient: 1e-9, max_steps: 40}\n",
    /* deep, momentum, moving step sizes, starts on spheres and in balls */
    "layers:\n"
    "  - {dense: 9, activation: softplus, scale: sqrt(c_sigma/9), init: {sphere: 2}}\n"
    "  - {dense: 17, activation: erf, scale: sqrt(c_sigma/17), init: {ball: 2}}\n"
    "  - {dense: 17, activation: tanh, scale: 0.2, skip: true, init: {uniform: [-1, 1]}}\n"
    "  - {dense: 3}\n"
    "data: {n: 6, d: 4, inputs: normal, labels: sign}\n"
    "loss: mean\n"
    "method: {momentum: 0.9}\n"
    "schedule: [{steps: 7, eta: 0.1/(t + 1)}, {eta: 0.02}]\n"
    "stop: {max_steps: 25}\n",
    /* pictures: pads of several widths, skips, a dense layer of many pixels */
    "layers:\n"
    "  - {conv: {channels: 5, patch: 3}, activation: softplus, scale: 0.5}\n"
    "  - {conv: {channels: 5, patch: 5}, activation: {leaky: 0.1}, scale: 0.2, skip: true}\n"
    "  - {conv: {channels: 5, patch: 1}, activation: relu, scale: 0.2, skip: true}\n"
    "  - {dense: 30, activation: tanh, scale: 0.1}\n"
    "  - {dense: 2}\n"
    "data: {n: 7, channels: 2, pixels: 6, inputs: sphere, labels: {normal: 1}}\n"
    "schedule: [{eta: 0.02}]\n"
    "stop: {when: loss < 1e-2, max_steps: 30}\n",
    /* the last layer is a picture, and a residual one; mini-batches; Adam; frozen below */
    "layers:\n"
    "  - {conv: {channels: 3, patch: 3}, activation: erf, train: false}\n"
    "  - {conv: {channels: 3, patch: 3}, activation: tanh, scale: 0.5, skip: true}\n"
    "data: {n: 9, channels: 1, pixels: 5, inputs: normal, labels: {normal: 1}, batch: 4}\n"
    "method: adam\n"
    "schedule: [{eta: 0.01}]\n"
    "stop: {max_steps: 30}\n",
    /* diverges; a layer without products */
    "layers:\n"
    "  - {dense: 1, activation: relu}\n"
    "  - {dense: 4, init: {normal: 10}}\n"
    "data: {n: 3, d: 1, inputs: normal, labels: {normal: 1}}\n"
    "schedule: [{eta: 5}]\n"
    "stop: {max_steps: 60}\n",
    /* in the coordinates of the inputs: mini-batches, momentum, labels */
    "layers:\n"
    "  - {dense: 19, activation: tanh, scale: 0.3, init: {sphere: 3}}\n"
    "  - {dense: 6, activation: relu, scale: 0.3}\n"
    "  - {dense: 2}\n"
    "data: {n: 10, d: 31, inputs: sphere, labels: {normal: 1}, batch: 6}\n"
    "method: {momentum: 0.8}\n"
    "schedule: [{eta: 0.02}]\n"
    "stop: {max_steps: 20}\n",
    /* the same, plainly, of all inputs */
    "layers:\n"
    "  - {dense: 29, activation: relu, scale: 1/sqrt(29)}\n"
    "  - {dense: 1}\n"
    "data: {n: 21, d: 40, inputs: sphere, labels: {normal: 1}}\n"
    "schedule: [{eta: 0.1}]\n"
    "stop: {at_gradient: 1e-4, max_steps: 30}\n",
    /* more than a block of a product's depth and columns */
    "layers:\n"
    "  - {dense: 1540, activation: relu, scale: 1/sqrt(1540)}\n"
    "  - {dense: 2, init: sign}\n"
    "data: {n: 3, d: 520, inputs: sphere, labels: {normal: 1}}\n"
    "schedule: [{eta: 0.1}]\n"
    "stop: {max_steps: 3}\n",
};
enum { NETS = sizeof nets / sizeof *nets };

/* the last one is large; Gram matrices are looked at where there are few outputs */
static basin_experiment *read_net(int i) {
  static const char *const set[] = {"trials=2", "record.trials=2",
                                    "record.observables=[loss, gram_min, gram_change]"};
  const int large = i == NETS - 1, gram = i == 0 || i == NETS - 2;
  char text[4096];
  snprintf(text, sizeof text, "model: network\n%s%s%s", nets[i], HEAD, SEEN);
  return test_parse(text, gram ? set + 2 : set, gram ? 1 : large ? 2 : 0);
}

static void same_as_lanes(void **state) {
  (void)state;
  for (int i = 0; i < NETS; i++) {
    basin_experiment *e = read_net(i);
    basin_part lanes, whole;
    basin_size *size = &e->cell[0].setting.size;
    assert_true(size->whole > 0);
    size->large = 0;
    test_run_range(e, 0, basin_cpu_isa(NULL), 0, e->trials, 0, &lanes);
    size->large = 1;
    for (int isa = 0; isa < BASIN_ISAS; isa++)
      for (int pausing = 0; pausing < 2 && basin_cpu_isa(basin_cpu_isa_name(isa)) >= 0; pausing++) {
        test_run_range(e, 0, isa, 0, e->trials, pausing, &whole);
        test_same_part(e, 0, &lanes, &whole);
        basin_part_free(&whole);
      }
    basin_part_free(&lanes);
    basin_experiment_free(e);
  }
}

/* by the sizes alone; one trial takes less memory than eight */
static void large_ones(void **state) {
  (void)state;
  static const char text[] = "model: network\n" HEAD "grid: {m: [64, 1000]}\n"
                             "layers: [{dense: m, activation: relu}, {dense: 1}]\n"
                             "data: {n: 100, d: 100, inputs: sphere, labels: sign}\n"
                             "schedule: [{eta: 0.1}]\nstop: {max_steps: 3}\n";
  basin_experiment *e = test_parse(text, NULL, 0);
  assert_false(e->cell[0].setting.size.large);
  assert_true(e->cell[1].setting.size.large);
  assert_true(e->cell[1].setting.size.whole < 8 * e->cell[1].setting.size.work);
  basin_experiment_free(e);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_as_lanes),
      cmocka_unit_test(large_ones),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
