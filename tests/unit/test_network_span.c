/* SPDX-License-Identifier: MIT
 *
 * test_network_span.c: a first layer in the coordinates of its inputs (include/models/network/network_span.h) beside
 * the same one in those of its weights, trial by trial: states, full weights and all that is observed, of networks of
 * every kind, by every method that it has and by mini-batches; the products of the inputs as chains of fma, in any
 * stretches; when it is chosen, and what is refused.
 */
#include "test.h"
#include "models/network.h"
#include "seam/expand.h"

enum { LAYERS = 4, MOST = 1 << 14, STEPS = 30, INPUTS = 40 };
#define ROUNDING 0x1p-53

/* ---- a cell ---- */

typedef struct net {
  basin_network network;
  basin_network_layer layer[LAYERS];
  basin_vector weights[LAYERS];
  int64_t n;
} net;

/* data of a fixed stream: all inputs on the sphere but one, which is longer */
static basin_status draw(const basin_setting *setting, int64_t first, int64_t count, double *z,
                         double *label) {
  const int64_t d = setting->network->channels * setting->network->pixels,
                labels = setting->network->labels;
  static const basin_input_law normal = {BASIN_LAW_NORMAL, 0};
  for (int64_t i = first; i < first + count; i++, z += d) {
    double norm2 = 0;
    law_vector(&normal, 5, BASIN_STREAM_DATA, 0, (uint64_t)i, 0, d, z);
    for (int64_t j = 0; j < d; j++) norm2 += z[j] * z[j];
    for (int64_t j = 0; j < d; j++) z[j] *= (i == 2 ? 2 : 1) / sqrt(norm2);
    for (int64_t j = 0; label && j < labels; j++)
      label[(i - first) * labels + j] = sin((double)(3 * i + j));
  }
  return BASIN_OK;
}

static void add(net *p, int64_t out, int activation, double scale, int skip) {
  const int h = p->network.layers++;
  const int64_t in = h ? p->layer[h - 1].out : p->network.channels * p->network.pixels;
  p->layer[h] = (basin_network_layer){.out = out,
                                      .in = in,
                                      .pixels = 1,
                                      .patch = 1,
                                      .scale = scale,
                                      .activation = activation,
                                      .slope = 0.2,
                                      .skip = skip,
                                      .trained = 1};
  p->weights[h] = (basin_vector){.source = BASIN_NORMAL, .rows = out, .length = in, .scale = 1};
  p->network.labels = out;
}

static void begin(net *p, int64_t n, int64_t channels, int64_t pixels) {
  memset(p, 0, sizeof *p);
  p->network = (basin_network){
      .layer = p->layer, .channels = channels, .pixels = pixels, .loss_weight = 0.5, .draw = draw};
  p->n = n;
}

enum { KINDS = 9 };
static void make(net *p, int kind) {
  static const double given[3 * 6] = {0.5, -1, 2, 0.25, 1, -0.5, 3, 1, -2};
  switch (kind) {
  case 0: /* W alone */
    begin(p, 7, 19, 1);
    add(p, 9, BASIN_RELU, 1 / 3.0, 0);
    add(p, 1, BASIN_IDENTITY, 1, 0);
    p->layer[1].trained = 0;
    break;
  case 1: /* as many inputs as numbers; rows of a given length around a point */
    begin(p, 6, 6, 1);
    add(p, 5, BASIN_RELU, 0.4, 0);
    add(p, 1, BASIN_IDENTITY, 1, 0);
    p->weights[0].source = BASIN_SPHERE;
    p->weights[0].scale = 2;
    p->weights[0].offset = 0.25;
    break;
  case 2: /* both layers, several labels, a mean */
    begin(p, 5, 8, 1);
    add(p, 7, BASIN_RELU, 0.4, 0);
    add(p, 3, BASIN_IDENTITY, 1, 0);
    p->network.loss_weight = 0.5 / 5;
    break;
  case 3: /* deep */
    begin(p, 4, 5, 1);
    for (int h = 0; h < 3; h++) add(p, 6, BASIN_SOFTPLUS, 0.4, 0);
    add(p, 1, BASIN_IDENTITY, 1, 0);
    p->weights[0].source = BASIN_BALL;
    break;
  case 4: /* residual */
    begin(p, 6, 33, 1);
    add(p, 5, BASIN_ERF, 0.5, 0);
    for (int h = 0; h < 2; h++) add(p, 5, BASIN_TANH, 0.3, 1);
    add(p, 2, BASIN_IDENTITY, 1, 0);
    p->layer[2].trained = 0;
    break;
  case 5: /* of pictures */
    begin(p, 5, 3, 4);
    add(p, 8, BASIN_LEAKY, 0.4, 0);
    add(p, 1, BASIN_IDENTITY, 1, 0);
    p->weights[0].source = BASIN_UNIFORM;
    break;
  case 6: /* one layer, given */
    begin(p, 4, 6, 1);
    add(p, 3, BASIN_IDENTITY, 1, 0);
    p->weights[0].source = BASIN_GIVEN;
    p->weights[0].value = given;
    break;
  case 7: /* more inputs than numbers: where it is asked for */
    begin(p, 9, 4, 1);
    add(p, 6, BASIN_TANH, 0.4, 0);
    add(p, 1, BASIN_IDENTITY, 1, 0);
    break;
  default: /* two inputs; signs */
    begin(p, 2, 2, 1);
    add(p, 11, BASIN_TANH, 0.3, 0);
    add(p, 1, BASIN_IDENTITY, 1, 0);
    p->weights[0].source = BASIN_SIGN;
  }
}

/* ---- the model, of one lane ---- */

typedef struct trial {
  basin_setting setting;
  basin_stage stage;
  network_cell cell;
  basin_layout layout;
  double data[2048], state[MOST], work[MOST], set[MOST], label[256], pace[BASIN_PACES_MAX];
  basin_turn turn;
} trial;

static void set_up(net *p, const basin_gradient *gradient, int coordinates, trial *t) {
  p->layer[0].coordinates = coordinates;
  t->stage = (basin_stage){.steps = INT64_MAX};
  t->setting = (basin_setting){.initial = p->weights,
                               .stage = &t->stage,
                               .stages = 1,
                               .gradient = *gradient,
                               .network = &p->network,
                               .key = 77};
  t->setting.gradient.set_size = p->n;
  if (gradient->batch > p->n) t->setting.gradient.batch = p->n;
}

static void open_trial(net *p, const basin_gradient *gradient, int coordinates, double eta,
                       trial *t) {
  const char *where;
  basin_room room = {t->data, 0, 0};
  double etas[2 * BASIN_STEP_SIZES_MAX] = {eta};
  set_up(p, gradient, coordinates, t);
  assert_null(model_prepare(&t->setting, &room, &t->cell, &where));
  t->layout = network_layout(&t->setting, &t->cell);
  assert_true(room.used <= 2048 && t->layout.states <= MOST && t->layout.work <= MOST);
  memset(t->pace, 0, sizeof t->pace);
  network_paces(&t->cell, etas, t->pace);
  for (int i = 0; i < MOST; i++) t->work[i] = t->state[i] = NAN; /* whatever was there */
  assert_int_equal(network_inputs_of(&t->setting, &t->cell, t->data, 0, p->n, t->set, t->label), 0);
  t->turn = (basin_turn){.data = t->data,
                         .set = t->set,
                         .label = t->label,
                         .pace = t->pace,
                         .work = t->work,
                         .team = basin_alone,
                         .trial = 3};
  network_start(&t->cell, t->turn, t->state);
}

static void step_once(trial *t, int warm) {
  t->turn.warm = warm;
  network_step(&t->cell, t->turn, t->state);
  t->turn.step++;
}

/* ---- tests ---- */

static net p;
static trial t, u;

enum { OBSERVED = NETWORK_OF_ALL + LAYERS * NETWORK_OF_LAYER };

/* All is the same up to rounding: a z is a chain of d + n fma at most, of numbers of the size of what is compared; each
   of k steps adds as much again, and eta times the curvature is below 1, so that they do not grow. The factor 16 is for
   what a layer above and an observable's own sums add. */
static double bound_of(const net *of, int steps) {
  const basin_network *network = &of->network;
  return 16 * ROUNDING * (double)(network->channels * network->pixels + of->n) * (steps + 1);
}

static void assert_alike(double x, double y, double bound, const char *what, int number) {
  if (isnan(x) && isnan(y)) return;
  if (!(fabs(x - y) <= bound * (1 + fabs(y))))
    fail_msg("%s %d: %.17g, and of the weights %.17g: more than %g apart", what, number, x, y,
             bound);
}

/* the full weights, which leave the scratch of the steps alone */
static void full(const trial *p, double *out) {
  static double work[MOST + BASIN_COMMON];
  basin_turn turn = p->turn;
  assert_true(p->cell.weights <= MOST);
  turn.work = work;
  turn.warm = 0;
  network_vectors(&p->cell, turn, p->state, 0, out);
}

static void compare(const net *of, trial *inputs, trial *weights, int steps, double *moved) {
  static double x[MOST], y[MOST];
  double a[OBSERVED], b[OBSERVED];
  const double bound = bound_of(of, steps);
  full(inputs, x);
  full(weights, y);
  for (int64_t e = 0; e < weights->cell.weights; e++)
    assert_alike(x[e], y[e], bound, "weight", (int)e);
  network_observe(&inputs->cell, inputs->turn, inputs->state, a);
  network_observe(&weights->cell, weights->turn, weights->state, b);
  for (int i = 0; i < NETWORK_OF_ALL + of->network.layers * NETWORK_OF_LAYER; i++) {
    assert_true(isnan(a[i]) == isnan(b[i]));
    assert_alike(a[i], b[i], bound, "observable", i);
  }
  assert_true(a[NETWORK_SEES_pattern_changes] == b[NETWORK_SEES_pattern_changes]);
  *moved = b[NETWORK_SEES_distance_max];
}

static const basin_gradient ways[] = {
    {.dynamics = "training"},
    {.dynamics = "training", .method = BASIN_MOMENTUM, .option = {0.7}},
    {.dynamics = "training", .method = BASIN_NESTEROV, .option = {0.7}},
    {.dynamics = "training", .batch = 1},
    {.dynamics = "training", .batch = 4},
    {.dynamics = "training", .batch = 4, .method = BASIN_MOMENTUM, .option = {0.7}},
    {.dynamics = "training", .batch = 5, .method = BASIN_NESTEROV, .option = {0.7}}};
enum { WAYS = sizeof ways / sizeof *ways };

/* mini-batches have inputs twice */
static void as_the_weights(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++)
    for (int way = 0; way < WAYS; way++) {
      double moved = 0;
      make(&p, kind);
      p.network.wanted = NETWORK_GRADIENT | NETWORK_START | NETWORK_NORMS | NETWORK_DRIFT;
      open_trial(&p, &ways[way], BASIN_COORDINATES_WEIGHTS, 0.02, &u);
      open_trial(&p, &ways[way], BASIN_COORDINATES_INPUTS, 0.02, &t);
      assert_true(t.cell.span && !u.cell.span);
      compare(&p, &t, &u, 0, &moved);
      assert_true(moved == 0);
      for (int k = 1; k <= STEPS; k++) {
        step_once(&t, k > 1);
        step_once(&u, k > 1);
        if (k % 6 == 1) compare(&p, &t, &u, k, &moved);
      }
      assert_true(moved > 0.01);
    }
}

/* of the start the outputs are the same bits */
static void starts_alike(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) {
    double a[OBSERVED], b[OBSERVED];
    make(&p, kind);
    open_trial(&p, &ways[0], BASIN_COORDINATES_WEIGHTS, 0.02, &u);
    open_trial(&p, &ways[0], BASIN_COORDINATES_INPUTS, 0.02, &t);
    network_observe(&t.cell, t.turn, t.state, a);
    network_observe(&u.cell, u.turn, u.state, b);
    assert_true(a[NETWORK_SEES_loss] == b[NETWORK_SEES_loss]);
  }
}

/* a step that finds the scratch of the last one is the same as one which does not; nothing is kept that nobody asks
   for */
static void warm_is_cold(void **state) {
  (void)state;
  for (int way = 0; way < WAYS; way++) {
    double seen[OBSERVED];
    make(&p, 2);
    open_trial(&p, &ways[way], BASIN_COORDINATES_INPUTS, 0.02, &t);
    open_trial(&p, &ways[way], BASIN_COORDINATES_INPUTS, 0.02, &u);
    for (int k = 0; k < 8; k++) {
      step_once(&t, k > 0);
      step_once(&u, 0);
      u.turn.warm = 0;
      if (k % 3 == 0) network_observe(&u.cell, u.turn, u.state, seen);
    }
    assert_memory_equal(t.state, u.state, (size_t)t.layout.states * sizeof(double));
    for (int64_t e = 0; e < t.layout.states; e++) assert_true(isfinite(t.state[e]));
  }
  make(&p, 0); /* V and Z(0), the other layer, two sums */
  open_trial(&p, &ways[0], BASIN_COORDINATES_INPUTS, 0.02, &t);
  assert_int_equal(t.layout.states, 2 * 9 * 7 + 9 + 2);
}

/* every product is a chain of fma in the order of the numbers, whatever the stretch and the blocks */
static void products(void **state) {
  (void)state;
  static double whole[INPUTS * 100], part[INPUTS * 100], label[INPUTS];
  static const int64_t sizes[] = {1, 7, 33, 39};
  begin(&p, INPUTS, 45, 1);
  add(&p, 3, BASIN_RELU, 1, 0);
  add(&p, 1, BASIN_IDENTITY, 1, 0);
  open_trial(&p, &ways[0], BASIN_COORDINATES_BEST, 0.02, &t);
  const int64_t row = t.cell.row;
  assert_int_equal(row, 45 + INPUTS);
  network_inputs_of(&t.setting, &t.cell, t.data, 0, INPUTS, whole, label);
  for (int64_t i = 0; i < INPUTS; i++)
    for (int64_t j = 0; j < INPUTS; j++) {
      double s = 0;
      for (int k = 0; k < 45; k++) s = fma(whole[i * row + k], whole[j * row + k], s);
      assert_true(whole[i * row + 45 + j] == s);
    }
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    memset(part, 0, sizeof part);
    for (int64_t i = 0; i < INPUTS; i += sizes[s]) {
      const int64_t count = INPUTS - i < sizes[s] ? INPUTS - i : sizes[s];
      network_inputs_of(&t.setting, &t.cell, t.data, i, count, part + i * row, label);
    }
    assert_memory_equal(whole, part, (size_t)(INPUTS * row) * sizeof(double));
  }
}

static int is_chosen(const basin_gradient *gradient, int coordinates, const char **why) {
  const char *where;
  basin_room room = {t.data, 0, 0};
  set_up(&p, gradient, coordinates, &t);
  *why = model_prepare(&t.setting, &room, &t.cell, &where);
  return !*why && t.cell.span;
}

static void when_it_is_chosen(void **state) {
  (void)state;
  static const basin_gradient other[] = {
      {.dynamics = "training", .method = BASIN_ADAM, .option = {0.9, 0.999, 1e-8}},
      {.dynamics = "training", .method = BASIN_LANGEVIN, .option = {1}},
      {.dynamics = "training", .noise = 0.1}};
  const char *why;
  make(&p, 1);
  for (int way = 0; way < WAYS; way++)
    assert_true(is_chosen(&ways[way], BASIN_COORDINATES_BEST, &why));
  assert_true(!is_chosen(&ways[0], BASIN_COORDINATES_WEIGHTS, &why) && !why);
  for (int i = 0; i < 3; i++) {
    assert_true(!is_chosen(&other[i], BASIN_COORDINATES_BEST, &why) && !why);
    assert_true(!is_chosen(&other[i], BASIN_COORDINATES_INPUTS, &why) && strstr(why, "nesterov"));
  }
  p.n = 7; /* more than it has numbers */
  assert_true(!is_chosen(&ways[0], BASIN_COORDINATES_BEST, &why) && !why);
  assert_true(is_chosen(&ways[0], BASIN_COORDINATES_INPUTS, &why));
  p.n = NETWORK_SPAN_INPUTS + 1;
  assert_true(!is_chosen(&ways[0], BASIN_COORDINATES_INPUTS, &why) && strstr(why, "at most"));
  make(&p, 1);
  p.layer[0].trained = 0;
  assert_true(!is_chosen(&ways[0], BASIN_COORDINATES_BEST, &why) && !why);
  assert_true(!is_chosen(&ways[0], BASIN_COORDINATES_INPUTS, &why) && strstr(why, "dense"));
  make(&p, 5); /* of pictures, by patches */
  p.layer[0].in = 3;
  p.layer[0].pixels = 4;
  p.layer[0].patch = 3;
  p.layer[1].in = 8 * 4;
  assert_true(!is_chosen(&ways[0], BASIN_COORDINATES_BEST, &why) && !why);
  assert_true(!is_chosen(&ways[0], BASIN_COORDINATES_INPUTS, &why) && strstr(why, "dense"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_weights),
                                     cmocka_unit_test(starts_alike), cmocka_unit_test(warm_is_cold),
                                     cmocka_unit_test(products),
                                     cmocka_unit_test(when_it_is_chosen)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
