/* SPDX-License-Identifier: MIT
 *
 * test_identity.c: the identities of experiments, as the first release had them. Parts on disk are found by these
 * numbers: a difference means that runs under way, and files that could be extended, would be taken for others'. Where
 * an experiment did not name its final values they were `all`.
 */
#include "test.h"
#include "read/experiment.h"

typedef struct frozen {
  const char *what;
  int64_t cells;
  uint64_t identity,
      keys; /* of the experiment; and of the keys of all its cells, one after another */
} frozen;

static const char *const all[] = {"record.final=all"};

static void compare(const frozen *known, basin_experiment *e) {
  uint64_t keys = 0;
  for (int64_t c = 0; c < e->cells; c++)
    keys = basin_hash(keys, &e->cell[c].setting.key, sizeof e->cell[c].setting.key);
  if (e->cells != known->cells || e->identity != known->identity || keys != known->keys)
    fail_msg("%s: %lld cells, 0x%016llx, 0x%016llx", known->what, (long long)e->cells,
             (unsigned long long)e->identity, (unsigned long long)keys);
  basin_experiment_free(e);
}

static void files(void **unused) {
  static const frozen known[] = {
      {"data/experiments/cnn-figure5-2.yaml", 1, 0x380f76c5e08b29db, 0x8cd9e1576ad80abf},
      {"data/experiments/cnn-sgd.yaml", 7, 0xd9dcd27fd298b493, 0x2e7f3ab01ff251d9},
      {"data/experiments/cnn-signs.yaml", 8, 0x95864585e788c12a, 0xba63aa7ba475cdd9},
      {"data/experiments/cnn-table5-1.yaml", 36, 0x359b893b72c32b26, 0x1354ab88ad14f590},
      {"data/experiments/erm.yaml", 32, 0x8ae911d55352851b, 0xb2a4ff798fb64b84},
      {"data/experiments/neuron-figure1.yaml", 6, 0x049777d058dcaf44, 0x1b7de39b95bcd89b},
      {"data/experiments/neuron-toy.yaml", 3, 0x0c888329cb60d156, 0xa29b09750bf1ada7},
      {"data/experiments/neuron-width.yaml", 20, 0xe1dc8ce5cfc99ca9, 0x4b93ad4d49b7ae3a},
      {"data/experiments/resnet-figure3.yaml", 2, 0xf12e415a4a6c6bbc, 0x714e02a6fbd375cb},
      {"data/experiments/resnet-precision.yaml", 6, 0x1c21fa67e592d31b, 0xc86d4fabad946d09},
      {"data/experiments/resnet-sgd.yaml", 14, 0xbf6f4045614e38af, 0x550ea946bb7dcf35},
      {"data/experiments/resnet-table1-unit-ball.yaml", 21, 0x32516c12dccd35ae, 0xe4bbdc431c07f12a},
      {"data/experiments/resnet-table1.yaml", 21, 0xbbfb57419255aa6c, 0xe4bbdc431c07f12a},
      {"data/experiments/teachers-orthonormal.yaml", 30, 0x6e220ad350abec0c, 0x29ff37cd8389d322},
      {"tests/support/dataset.yaml", 9, 0x37ad77bbef5aaab4, 0xaf181441380b1dbd},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    basin_experiment *e = NULL;
    basin_error error;
    assert_ok(basin_experiment_read(known[i].what, NULL, 0, &e, &error), error);
    const int losses = e->finals > 0 && e->finals <= 2 && !strcmp(e->final[0], "loss") &&
                       (e->finals == 1 || !strcmp(e->final[1], "train_loss"));
    if (losses) {
      basin_experiment_free(e);
      assert_ok(basin_experiment_read(known[i].what, all, 1, &e, &error), error);
    }
    compare(&known[i], e);
  }
}

/* what no shipped file has: every kind of dynamics, and every key that makes an identity */
static const char
    flow[] = "model: relu_sum\n"
             "grid: {n: [1, 3], d: [2, 4]}\n"
             "parameters: {m: 1}\n"
             "teacher: {v: {orthonormal: 2}}\n"
             "init: {w: {normal: 1/sqrt(d)}}\n"
             "variants:\n"
             "  descent: {}\n"
             "  flow: {method: gradient_flow}\n"
             "  fine: {method: {gradient_flow: {error: 1e-11}}, schedule: [{steps: 5, eta: 1}, "
             "{eta: 0.5}]}\n"
             "schedule: [{eta: 0.01*n}]\n"
             "stop: {at: 1e-9}\n"
             "same_draw: [variant]\n"
             "record: {trials: 1, steps: {every: 1000}, estimate: {inputs: 640}}\n",
    halve[] = "model: cnn\n"
              "grid: [{k: [4, 9], r: [1, 2]}, {p: [3, 5]}]\n"
              "define: {twice: 2*eta_a, s: sqrt(r)/2}\n"
              "teacher: {a: {blocks: [[s, 2], [-s, k - 2]]}, v: {head: [1]}}\n"
              "init: {v: {sphere: 1, scale: -2}, a: {ball: s}}\n"
              "schedule: [{steps: 10*k, eta_a: 1/k^2, eta_w: twice}, {eta: 0.1/r}]\n"
              "on_divergence: halve\n"
              "stop: {at: 1e-6, at_spurious: 1e-3, max_steps: 1e4}\n"
              "same_draw: [r]\n"
              "record: {trials: 3, steps: [0, 7, 20], observables: [phi], final: [loss, phi], "
              "parameters: true}\n",
    sampled[] = "model: resnet\n"
                "grid: {B: [1, 16, inf], N: [50, inf]}\n"
                "parameters: {k: 6, p: 4}\n"
                "teacher: {a: {sum: 1, norm: 1}, v: {head: [0.6, 0.8]}}\n"
                "init: {w: 0, a: {ball: 1/sqrt(k)}}\n"
                "variants:\n"
                "  direct: {gradient: {sampled: {inputs: B, sampler: direct}}}\n"
                "  mixed: {gradient: {sampled: {inputs: B, sampler: direct, precision: mixed}}}\n"
                "  projected: {gradient: {sampled: {inputs: B, sampler: projected}}, stop: {at: "
                "1e-2, max_steps: 50}}\n"
                "  fixed: {gradient: {sampled: {inputs: {fixed: N, set: 2}}}, stop: {at: 1e-2, "
                "at_gradient: 1e-7}}\n"
                "  batch: {model: cnn, init: {v: {sphere: 1}, a: 0.25}, gradient: {sampled: "
                "{inputs: {fixed: 40, batch: 8}}}}\n"
                "schedule: [{eta: 0.05}]\n"
                "stop: {max_steps: 1e5}\n";

/* starts around a point, and uniform ones */
static const char around[] = "model: cnn\n"
                             "grid: {k: {range: [3, 5]}, r: {logspace: [0.01, 1, 3]}}\n"
                             "parameters: {p: 3}\n"
                             "teacher: {a: {sum: 1, norm: 1}, v: {head: [1]}}\n"
                             "init: {v: {ball: r, around: teacher}, a: {uniform: [-r, 1]}}\n"
                             "variants:\n"
                             "  plain: {}\n"
                             "  sphere: {init: {v: {sphere: r, around: [1, 2, 3]}, a: 1}}\n"
                             "  normal: {init: {v: {normal: r, mean: 0.5}, a: 1}}\n"
                             "schedule: [{eta: 0.1}]\n";

static basin_experiment *parse(const char *text, const char *set) {
  return test_parse(text, &set, set != NULL);
}

static void kinds(void **unused) {
  static const frozen known[] = {
      {flow, 12, 0x3522fe571c5d178d, 0x9d0b268fc1c794a4},
      {halve, 4, 0xa430f7785dd93cac, 0x3ca87783be26bafe},
      {sampled, 30, 0xbff372dcf3a03a77, 0x7243d060fa0855af},
      {around, 27, 0xf8dfdcb578170887, 0xf556bc0290fea496},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    compare(&known[i], parse(known[i].what, known[i].what == halve ? NULL : all[0]));
}

/* a change of anything that decides the output is another experiment; of what does not, the same */
static void changes(void **unused) {
  static const struct {
    const char *text, *set;
    int same;
  } known[] = {
      {halve, "trials=7", 1},
      {halve, "title=x", 1},
      {halve, "allow.diverged=1", 1},
      {halve, "seed=1", 0},
      {halve, "define.twice=2*eta_a + 0", 1},
      {halve, "define.twice=3*eta_a", 0},
      {halve, "teacher.v={head: [0, 1]}", 0},
      {halve, "init.v={sphere: 1, scale: 2}", 0},
      {halve, "init.v={ball: 1, scale: -2}", 0},
      {halve, "schedule=[{steps: 10*k, eta_a: 1/k^2, eta_w: twice}, {eta: 0.2/r}]", 0},
      {halve, "schedule=[{steps: 11*k, eta_a: 1/k^2, eta_w: twice}, {eta: 0.1/r}]", 0},
      {halve, "on_divergence=stop", 0},
      {halve, "stop.at=1e-7", 0},
      {halve, "stop.at_spurious=1e-4", 0},
      {halve, "stop.max_steps=10001", 0},
      {halve, "record.trials=4", 0},
      {halve, "record.steps=[0, 7, 21]", 0},
      {halve, "record.parameters=false", 0},
      {halve, "record.final=[loss]", 0},
      {flow, "record.final=[loss]", 1}, /* as where none are named */
      {flow, "record.final=all", 0},
      {sampled, "record.final=[loss, train_loss]", 1},
      {halve, "init.v={sphere: 1, scale: -2, around: 0}", 1},
      {halve, "init.v={sphere: 1, scale: -2, around: 1e-9}", 0},
      {halve, "init.v={sphere: 1, scale: -2, around: teacher}", 0},
      {around, "init.v={ball: r, around: {head: [1]}}", 1}, /* which is the teacher */
      {around, "init.v={ball: r, around: {head: [0, 1]}}", 0},
      {around, "init.v={ball: r}", 0},
      {around, "init.a={uniform: [-r, 2]}", 0},
      {around, "init.a={uniform: [-2*r, 1]}", 0},
      {around, "init.a={normal: 1 + r, mean: -r}", 0},
      {around, "variants.sphere.init.v={sphere: r, around: [1, 2, 4]}", 0},
      {around, "variants.normal.init.v={normal: r, mean: 0.25}", 0},
      {around, "grid.k=[3, 4, 5]", 1},
      {around, "grid.r=[0.01, 0.1, 1]", 1},
      {flow, "record.estimate.inputs=641", 0},
      {flow, "variants.fine.method.gradient_flow.error=1e-10", 0},
      {flow, "variants.flow.method=gradient_descent", 0},
      {sampled, "variants.fixed.gradient.sampled.inputs.set=3", 0},
      {sampled, "variants.fixed.stop.at_gradient=1e-8", 0},
      {sampled, "variants.batch.gradient.sampled.inputs.batch=9", 0},
      {sampled, "variants.batch.gradient.sampled.inputs.fixed=41", 0},
      {sampled, "variants.mixed.gradient.sampled.precision=double", 0},
      {sampled, "variants.projected.gradient.sampled.sampler=direct", 0},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    basin_experiment *before = parse(known[i].text, NULL),
                     *after = parse(known[i].text, known[i].set);
    if ((before->identity == after->identity) != known[i].same) fail_msg("%s", known[i].set);
    basin_experiment_free(before);
    basin_experiment_free(after);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files),
      cmocka_unit_test(kinds),
      cmocka_unit_test(changes),
  };
  return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
