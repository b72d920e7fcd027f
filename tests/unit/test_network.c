/* SPDX-License-Identifier: MIT
 *
 * test_network.c: networks (include/models/network.h) against a plain one that is written down here from the thesis, in
 * long double: outputs, losses, gradients by central differences; chains of fma to the bit; that a step which finds the
 * scratch of the last one is the same as one which does not; a convolution of one pixel is a dense layer; the balance
 * of homogeneous layers by the exact law of a step; the bound on the loss; Gram matrices of gradients by differences,
 * and by patterns of neurons; what is observed; methods and mini-batches.
 */
#include "test.h"
#include "models/network.h"
#include "network/symmetric.h"
#include "seam/expand.h"

static void assert_close(double x, double y, double error) {
  if (!(fabs(x - y) <= error)) fail_msg("%.17g, expected %.17g +- %g", x, y, error);
}

enum { LAYERS = 4, MOST = 4096, INPUTS = 7, WORK = 32768 };

/* ---- a network, written down plainly ---- */

typedef struct plain {
  basin_network network;
  basin_network_layer layer[LAYERS];
  basin_vector weights[LAYERS];
  int64_t n, size; /* inputs; weights of all layers */
  double x[MOST], y[MOST];
} plain;

static long double plain_sigma(const basin_network_layer *l, long double z) {
  switch (l->activation) {
  case BASIN_RELU:
    return z >= 0 ? z : 0;
  case BASIN_LEAKY:
    return z >= 0 ? z : l->slope * z;
  case BASIN_SOFTPLUS:
    return z > 0 ? z + log1pl(expl(-z)) : log1pl(expl(z));
  case BASIN_ERF:
    return erfl(z);
  case BASIN_TANH:
    return tanhl(z);
  default:
    return z;
  }
}

/* what the network makes of input i, into out */
static void plain_outputs(const plain *p, const double *w, int64_t i, long double *out) {
  long double x[MOST], made[MOST];
  int64_t channels = p->network.channels, pixels = p->network.pixels;
  for (int64_t j = 0; j < channels * pixels; j++) x[j] = p->x[i * channels * pixels + j];
  for (int h = 0; h < p->network.layers; h++) {
    const basin_network_layer *l = &p->layer[h];
    const int64_t half = (l->patch - 1) / 2;
    if (l->pixels == 1 && pixels > 1) channels *= pixels, pixels = 1; /* dense: all numbers */
    for (int64_t r = 0; r < l->out; r++)
      for (int64_t at = 0; at < pixels; at++) {
        long double z = 0;
        for (int64_t c = 0; c < channels; c++)
          for (int64_t o = 0; o < l->patch; o++) {
            const int64_t from = at + o - half;
            if (from >= 0 && from < pixels)
              z += (long double)w[(r * channels + c) * l->patch + o] * x[c * pixels + from];
          }
        made[r * pixels + at] = (l->skip ? x[r * pixels + at] : 0) + l->scale * plain_sigma(l, z);
      }
    w += l->out * channels * l->patch;
    channels = l->out;
    memcpy(x, made, (size_t)(channels * pixels) * sizeof *x);
  }
  memcpy(out, x, (size_t)p->network.labels * sizeof *x);
}

static long double plain_loss(const plain *p, const double *w) {
  long double loss = 0, u[MOST];
  for (int64_t i = 0; i < p->n; i++) {
    plain_outputs(p, w, i, u);
    for (int64_t j = 0; j < p->network.labels; j++) {
      const long double r = u[j] - p->y[i * p->network.labels + j];
      loss += r * r;
    }
  }
  return p->network.loss_weight * loss;
}

/* by a difference of fourth order */
static double plain_slope(const plain *p, double *w, int64_t e) {
  const double h = 0x1p-9, was = w[e];
  long double at[4];
  for (int i = 0; i < 4; i++) {
    w[e] = was + h * (i < 2 ? i - 2 : i - 1);
    at[i] = plain_loss(p, w);
  }
  w[e] = was;
  return (double)((at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * (long double)h));
}

/* ---- kinds of networks ---- */

static void add(plain *p, int64_t out, int64_t patch, int activation, double scale, int skip) {
  const int h = p->network.layers++;
  const basin_network_layer *below = h ? &p->layer[h - 1] : NULL;
  const int64_t channels = below ? below->out : p->network.channels,
                pixels = below ? below->pixels : p->network.pixels;
  basin_network_layer *l = &p->layer[h];
  *l = (basin_network_layer){.out = out,
                             .in = patch ? channels : channels * pixels,
                             .pixels = patch ? pixels : 1,
                             .patch = patch ? patch : 1,
                             .scale = scale,
                             .activation = activation,
                             .slope = activation == BASIN_LEAKY ? 0.2 : 0,
                             .skip = skip,
                             .trained = 1,
                             .coordinates = BASIN_COORDINATES_WEIGHTS};
  p->weights[h] = (basin_vector){
      .source = BASIN_NORMAL, .rows = out, .length = l->in * l->patch, .scale = 1};
  p->size += basin_layer_weights(l);
  p->network.labels = out * l->pixels;
}

static void begin(plain *p, int64_t channels, int64_t pixels) {
  memset(p, 0, sizeof *p);
  p->network.layer = p->layer;
  p->network.channels = channels;
  p->network.pixels = pixels;
  p->network.loss_weight = 0.5;
  p->n = INPUTS;
}

enum { KINDS = 9 };
static void make(plain *p, int kind) {
  switch (kind) {
  case 0: /* section 2.1 */
    begin(p, 5, 1);
    add(p, 9, 0, BASIN_RELU, 1 / 3.0, 0);
    add(p, 1, 0, BASIN_IDENTITY, 1, 0);
    p->layer[1].trained = 0;
    break;
  case 1: /* section 3.2.2, fully connected */
    begin(p, 3, 1);
    for (int h = 0; h < 3; h++) add(p, 6, 0, BASIN_SOFTPLUS, 0.4, 0);
    add(p, 1, 0, BASIN_IDENTITY, 1, 0);
    break;
  case 2: /* residual */
    begin(p, 4, 1);
    add(p, 5, 0, BASIN_ERF, 0.5, 0);
    for (int h = 0; h < 2; h++) add(p, 5, 0, BASIN_ERF, 0.3, 1);
    add(p, 1, 0, BASIN_IDENTITY, 1, 0);
    break;
  case 3: /* convolutional residual */
    begin(p, 2, 6);
    add(p, 4, 3, BASIN_SOFTPLUS, 0.5, 0);
    for (int h = 0; h < 2; h++) add(p, 4, 5, BASIN_SOFTPLUS, 0.2, 1);
    add(p, 1, 0, BASIN_IDENTITY, 1, 0);
    break;
  case 4: /* section 4.2 */
    begin(p, 8, 1);
    add(p, 7, 0, BASIN_RELU, 1, 0);
    add(p, 5, 0, BASIN_LEAKY, 1, 0);
    add(p, 3, 0, BASIN_IDENTITY, 1, 0);
    break;
  case 5: /* several labels of pictures, and a mean */
    begin(p, 1, 5);
    add(p, 3, 1, BASIN_TANH, 1, 0);
    add(p, 2, 3, BASIN_IDENTITY, 1, 0);
    p->network.loss_weight = 0.5 / INPUTS;
    break;
  case 6: /* one layer */
    begin(p, 4, 1);
    add(p, 2, 0, BASIN_IDENTITY, 1, 0);
    break;
  case 7: /* a frozen layer between trained ones, and one that makes all */
    begin(p, 3, 4);
    add(p, 13, 0, BASIN_TANH, 0.3, 0);
    add(p, 8, 0, BASIN_TANH, 0.3, 0);
    add(p, 1, 0, BASIN_SOFTPLUS, 1, 0);
    p->layer[1].trained = 0;
    break;
  default: /* the first layer is frozen */
    begin(p, 3, 1);
    add(p, 11, 0, BASIN_RELU, 1, 0);
    add(p, 2, 0, BASIN_IDENTITY, 1, 0);
    p->layer[0].trained = 0;
  }
}

/* ---- the model, of one lane ---- */

typedef struct trial {
  basin_setting setting;
  basin_stage stage;
  network_cell cell;
  double data[2048], state[MOST], work[WORK], set[MOST], pace[BASIN_PACES_MAX];
  basin_turn turn;
} trial;

static void open_trial(plain *p, const basin_gradient *gradient, double eta, trial *t) {
  const char *where;
  basin_room room = {t->data, 0, 0};
  double etas[2 * BASIN_STEP_SIZES_MAX] = {eta};
  t->setting = (basin_setting){.initial = p->weights,
                               .stage = &t->stage,
                               .stages = 1,
                               .gradient = *gradient,
                               .network = &p->network,
                               .key = 77};
  t->setting.gradient.set_size = p->n;
  assert_null(model_prepare(&t->setting, &room, &t->cell, &where));
  assert_true(room.used <= 2048);
  const basin_layout layout = network_layout(&t->setting, &t->cell);
  assert_true(layout.states <= MOST && layout.work <= WORK);
  memset(t->pace, 0, sizeof t->pace);
  network_paces(&t->cell, etas, t->pace);
  for (int i = 0; i < WORK; i++) t->work[i] = NAN; /* whatever was there */
  /* data of a fixed stream, and the same with zeros beside each row */
  for (int64_t i = 0; i < MOST / 2; i++)
    basin_normals(5, BASIN_STREAM_DATA, 0, 0, (uint64_t)i, &p->x[2 * i], &p->x[2 * i + 1]);
  for (int64_t i = 0; i < MOST / 2; i++)
    basin_normals(5, BASIN_STREAM_LABEL, 0, 0, (uint64_t)i, &p->y[2 * i], &p->y[2 * i + 1]);
  const int64_t pixels = p->network.pixels, pad = (t->cell.row - pixels) / 2;
  memset(t->set, 0, sizeof t->set);
  for (int64_t r = 0; r < p->n * p->network.channels; r++)
    memcpy(t->set + r * t->cell.row + pad, p->x + r * pixels, (size_t)pixels * sizeof *p->x);
  t->turn = (basin_turn){.data = t->data,
                         .set = t->set,
                         .label = p->y,
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

static plain p;
static trial t, u;
static const basin_gradient descent = {.dynamics = "training"};

static void outputs_and_losses(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) {
    make(&p, kind);
    open_trial(&p, &descent, 0.01, &t);
    double seen[MODEL_OBSERVED];
    network_observe(&t.cell, t.turn, t.state, seen);
    const double loss = (double)plain_loss(&p, t.state);
    assert_close(seen[NETWORK_SEES_loss], loss, 1e-13 * loss);
  }
}

/* a step is eta times the gradient, of trained layers alone */
static void steps_by_differences(void **state) {
  (void)state;
  for (int kind = 0; kind < KINDS; kind++) {
    double before[MOST], slope2 = 0, seen[MODEL_OBSERVED];
    int64_t at = 0;
    make(&p, kind);
    p.network.wanted = NETWORK_GRADIENT;
    open_trial(&p, &descent, 0.01, &t);
    network_observe(&t.cell, t.turn, t.state, seen);
    memcpy(before, t.state, sizeof before);
    step_once(&t, 0);
    for (int h = 0; h < p.network.layers; h++)
      for (int64_t j = 0; j < basin_layer_weights(&p.layer[h]); j++, at++) {
        if (!p.layer[h].trained) {
          assert_true(t.state[at] == before[at]);
          continue;
        }
        const double slope = plain_slope(&p, before, at);
        assert_close((before[at] - t.state[at]) / 0.01, slope, 2e-9 * (1 + fabs(slope)));
        slope2 += slope * slope;
      }
    assert_close(seen[NETWORK_SEES_norm_grad], slope2, 1e-8 * slope2);
  }
}

/* z of the second layer is a chain of fma in the order of its channels */
static void chains(void **state) {
  (void)state;
  make(&p, 1);
  open_trial(&p, &descent, 0.01, &t);
  const network_inputs in = network_all_inputs(&t.cell, t.turn);
  network_forward(&t.cell, t.turn, t.state, &in);
  const network_layer below = network_layer_at(&t.cell, t.data, 0),
                      l = network_layer_at(&t.cell, t.data, 1);
  int other = 0;
  for (int64_t i = 0; i < p.n; i++)
    for (int64_t r = 0; r < 6; r++) {
      double z = 0, back = 0;
      for (int64_t c = 0; c < 6; c++)
        z = fma(t.work[below.x + i * network_x_size(&below) + c], t.state[l.weights + r * 6 + c],
                z);
      for (int64_t c = 5; c >= 0; c--)
        back = fma(t.work[below.x + i * network_x_size(&below) + c], t.state[l.weights + r * 6 + c],
                   back);
      assert_true(t.work[l.z + i * network_z_size(&l) + r] == z);
      other += back != z;
    }
  assert_true(other > 0); /* another order has other bits */
}

static void warm_is_cold(void **state) {
  (void)state;
  static const basin_gradient momentum = {
      .dynamics = "training", .method = BASIN_MOMENTUM, .option = {0.9}};
  for (int kind = 0; kind < KINDS; kind++) {
    make(&p, kind);
    p.network.wanted = NETWORK_GRADIENT | NETWORK_START | NETWORK_NORMS | NETWORK_DRIFT;
    const basin_gradient *g = kind % 2 ? &momentum : &descent;
    open_trial(&p, g, 0.02, &t);
    open_trial(&p, g, 0.02, &u);
    for (int i = 0; i < 20; i++) {
      double seen[MODEL_OBSERVED];
      step_once(&t, i > 0);
      u.turn.warm = 0;
      step_once(&u, 0);
      if (i % 3 == 0)
        network_observe(&u.cell, u.turn, u.state, seen); /* leaves the scratch behind */
      assert_memory_equal(t.state, u.state, (size_t)t.cell.begun * sizeof(double));
    }
  }
}

static void one_pixel_is_dense(void **state) {
  (void)state;
  make(&p, 2);
  open_trial(&p, &descent, 0.05, &t);
  for (int i = 0; i < 10; i++) step_once(&t, 1);
  begin(&p, 4, 1);
  add(&p, 5, 1, BASIN_ERF, 0.5, 0);
  for (int h = 0; h < 2; h++) add(&p, 5, 1, BASIN_ERF, 0.3, 1);
  add(&p, 1, 0, BASIN_IDENTITY, 1, 0);
  open_trial(&p, &descent, 0.05, &u);
  for (int i = 0; i < 10; i++) step_once(&u, 1);
  assert_memory_equal(t.state, u.state, (size_t)p.size * sizeof(double));
}

/* |W_h|^2 - |W_(h+1)|^2 changes by eta^2 (|G_h|^2 - |G_(h+1)|^2) a step, balance.md section 1: to rounding; and neuron
   by neuron by terms of second order alone */
static void balance_by_its_law(void **state) {
  (void)state;
  double first[MODEL_OBSERVED], seen[MODEL_OBSERVED];
  make(&p, 4);
  p.network.wanted = NETWORK_START | NETWORK_NORMS | NETWORK_DRIFT;
  open_trial(&p, &descent, 1e-3, &t);
  network_observe(&t.cell, t.turn, t.state, first);
  for (int i = 0; i < 300; i++) step_once(&t, i > 0);
  network_observe(&t.cell, t.turn, t.state, seen);
  for (int h = 0; h < 2; h++) {
    const double *a = first + NETWORK_OF_ALL + h * NETWORK_OF_LAYER,
                 *b = seen + NETWORK_OF_ALL + h * NETWORK_OF_LAYER;
    const double change = b[NETWORK_LAYER_balance] - a[NETWORK_LAYER_balance],
                 moved = fabs(b[NETWORK_LAYER_norm] - a[NETWORK_LAYER_norm]);
    assert_true(moved > 0.1 && fabs(change) > 1e-6);
    assert_close(change, b[NETWORK_LAYER_balance_drift], 1e-12 * b[NETWORK_LAYER_norm]);
    assert_true(b[NETWORK_LAYER_neuron_balance] > 0 &&
                b[NETWORK_LAYER_neuron_balance] < 0.1 * moved);
  }
  assert_close(seen[NETWORK_SEES_flow_time], 0.3, 1e-12);
  assert_true(isnan(seen[NETWORK_OF_ALL + 2 * NETWORK_OF_LAYER + NETWORK_LAYER_balance]));
}

/* distances from the start, and patterns, by plain loops */
static void what_has_changed(void **state) {
  (void)state;
  double start[MOST], seen[MODEL_OBSERVED], most = 0, all = 0;
  int flips = 0;
  make(&p, 0);
  p.network.wanted = NETWORK_START;
  open_trial(&p, &descent, 0.3, &t);
  memcpy(start, t.state, sizeof start);
  for (int i = 0; i < 50; i++) step_once(&t, i > 0);
  network_observe(&t.cell, t.turn, t.state, seen);
  for (int r = 0; r < 9; r++) {
    double sum = 0;
    for (int q = 0; q < 5; q++)
      sum += (t.state[5 * r + q] - start[5 * r + q]) * (t.state[5 * r + q] - start[5 * r + q]);
    most = fmax(most, sum);
    all += sum;
    for (int64_t i = 0; i < p.n; i++) {
      double z = 0, z0 = 0;
      for (int q = 0; q < 5; q++) {
        z += p.x[5 * i + q] * t.state[5 * r + q];
        z0 += p.x[5 * i + q] * start[5 * r + q];
      }
      flips += (z >= 0) != (z0 >= 0);
    }
  }
  assert_true(flips > 0);
  assert_close(seen[NETWORK_SEES_distance_max], sqrt(most), 1e-13);
  assert_close(seen[NETWORK_SEES_distance_rms], sqrt(all / 9), 1e-13);
  assert_close(seen[NETWORK_OF_ALL + NETWORK_LAYER_distance], sqrt(all), 1e-13);
  assert_close(seen[NETWORK_SEES_pattern_changes], flips / (9.0 * (double)p.n), 1e-15);
  assert_true(isnan(seen[NETWORK_SEES_norm_grad])); /* nobody has asked */
}

/* of the network whose bound is asked for */
static double least_eigenvalue;
static double lambda_of(const basin_setting *setting) {
  (void)setting;
  return least_eigenvalue;
}

/* the excess over the bound L(0) (1 - 2c eta lambda_0/2)^k, as the theorem has it, beside a plain network */
static void bound(void **state) {
  (void)state;
  double seen[MODEL_OBSERVED];
  static const struct row {
    double lambda, weight;
    int above;
  } rows[] = {{0.01, 0.5, 0}, {12, 0.5, 1}, {60, 0.5 / INPUTS, 1}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const double eta = 0.05;
    make(&p, 0);
    p.network.wanted = NETWORK_BOUND;
    p.network.bounded = 1;
    p.network.lambda_0 = lambda_of;
    least_eigenvalue = rows[i].lambda;
    p.network.loss_weight = rows[i].weight;
    open_trial(&p, &descent, eta, &t);
    const double begun = log((double)plain_loss(&p, t.state));
    double most = 0;
    for (int k = 0; k <= 20; k++) {
      network_observe(&t.cell, t.turn, t.state, seen);
      most = fmax(most, log((double)plain_loss(&p, t.state)) - begun -
                            k * log1p(-eta * rows[i].weight * rows[i].lambda));
      assert_close(seen[NETWORK_SEES_bound_excess], most, 1e-12);
      t.turn.step = (bits)k;
      step_once(&t, 0);
    }
    assert_int_equal(most > 0, rows[i].above);
  }
  /* nothing of other steps, of no bound, and where nobody has asked */
  static const basin_gradient other[] = {
      {.dynamics = "training", .batch = 3},
      {.dynamics = "training", .method = BASIN_MOMENTUM, .option = {0.8}},
      {.dynamics = "training"},
      {.dynamics = "training"},
      {.dynamics = "training"}};
  for (int i = 0; i < 5; i++) {
    make(&p, 0);
    p.network.wanted = i == 2 ? NETWORK_START : NETWORK_BOUND;
    p.network.bounded = i != 2;
    p.network.lambda_0 = lambda_of;
    least_eigenvalue = i == 3 ? 0 : i == 4 ? 50 : 0.01; /* 50: eta lambda_0 is 2.5 */
    open_trial(&p, &other[i], 0.05, &t);
    t.turn.step = 0;
    step_once(&t, 0);
    network_observe(&t.cell, t.turn, t.state, seen);
    assert_true(isnan(seen[NETWORK_SEES_bound_excess]));
  }
}

/* the mean over the mini-batches of all pairs of numbers is the gradient: here the numbers that are drawn, plainly */
static void mini_batches(void **state) {
  (void)state;
  static const basin_gradient batch = {.dynamics = "training", .batch = 3};
  double before[MOST];
  make(&p, 1);
  open_trial(&p, &batch, 0.01, &t);
  memcpy(before, t.state, sizeof before);
  t.turn.step = 11;
  step_once(&t, 0);
  plain few = p;
  few.n = 3;
  for (int64_t b = 0; b < 3; b++) {
    bits word[2];
    basin_words(77, BASIN_STREAM_BATCH, 3, 11, (uint64_t)(b / 2), &word[0], &word[1]);
    const int64_t i = (int64_t)(r_uniform(word[b % 2]) * (double)p.n);
    memcpy(few.x + 3 * b, p.x + 3 * i, 3 * sizeof(double));
    few.y[b] = p.y[i];
  }
  for (int64_t e = 0; e < p.size; e++) {
    const double slope = plain_slope(&few, before, e) * (double)p.n / 3;
    assert_close((before[e] - t.state[e]) / 0.01, slope, 2e-9 * (1 + fabs(slope)));
  }
}

/* heavy ball beside its recursion on the gradients of the model */
static void momentum(void **state) {
  (void)state;
  static const basin_gradient heavy = {
      .dynamics = "training", .method = BASIN_MOMENTUM, .option = {0.8}};
  double velocity[MOST] = {0}, x[MOST];
  make(&p, 3);
  open_trial(&p, &heavy, 0.02, &t);
  open_trial(&p, &descent, 0.02, &u);
  for (int i = 0; i < 5; i++) {
    step_once(&t, 0);
    memcpy(x, u.state, sizeof x);
    step_once(&u, 0); /* u.state - x is -eta g */
    for (int64_t e = 0; e < p.size; e++) {
      velocity[e] = 0.8 * velocity[e] + (u.state[e] - x[e]);
      u.state[e] = x[e] + velocity[e];
      assert_close(t.state[e], u.state[e], 1e-12 * (1 + fabs(u.state[e])));
    }
  }
}

/* ---- Gram matrices ---- */

enum { OUTPUTS = 10 * INPUTS };

/* G of all outputs, row a n + i, by differences of fourth order of what the plain network makes */
static void plain_gram(const plain *net, const double *weights, double *gram) {
  static double jacobian[OUTPUTS][MOST], w[MOST];
  const double h = 0x1p-13;
  const int64_t labels = net->network.labels, outputs = net->n * labels;
  int64_t e = 0, trained = 0;
  memcpy(w, weights, sizeof w);
  for (int layer = 0; layer < net->network.layers; layer++)
    for (int64_t j = 0; j < basin_layer_weights(&net->layer[layer]); j++, e++) {
      if (!net->layer[layer].trained) continue;
      for (int64_t i = 0; i < net->n; i++) {
        long double at[4][MOST];
        for (int k = 0; k < 4; k++) {
          w[e] = weights[e] + h * (k < 2 ? k - 2 : k - 1);
          plain_outputs(net, w, i, at[k]);
        }
        for (int64_t a = 0; a < labels; a++)
          jacobian[a * net->n + i][trained] =
              (double)((at[0][a] - 8 * at[1][a] + 8 * at[2][a] - at[3][a]) / (12 * (long double)h));
      }
      w[e] = weights[e];
      trained++;
    }
  for (int64_t i = 0; i < outputs; i++)
    for (int64_t j = 0; j < outputs; j++) {
      gram[i * outputs + j] = 0;
      for (int64_t k = 0; k < trained; k++)
        gram[i * outputs + j] += jacobian[i][k] * jacobian[j][k];
    }
}

static void extremes(int64_t n, const double *matrix, double *low, double *high) {
  static double a[OUTPUTS * OUTPUTS];
  double value[OUTPUTS];
  basin_error error;
  memcpy(a, matrix, (size_t)(n * n) * sizeof *a);
  assert_ok(basin_symmetric_eigen(n, a, 0, value, &error), error);
  *low = value[0];
  *high = value[n - 1];
}
static double spectral_norm(int64_t n, const double *a, const double *b) {
  static double d[OUTPUTS * OUTPUTS];
  double low, high;
  for (int64_t i = 0; i < n * n; i++) d[i] = a[i] - b[i];
  extremes(n, d, &low, &high);
  return fmax(fabs(low), fabs(high));
}

/* what the tests take for the Gram matrix at infinite width */
static const double *assumed(const basin_setting *setting) {
  static double gram[INPUTS * INPUTS];
  const int64_t n = setting->gradient.set_size;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) gram[i * n + j] = 1.0 / (double)(1 + i + j);
  return gram;
}

/* every kind of network, some of many labels, with frozen layers; at the start and after some steps */
static void grams_by_differences(void **state) {
  (void)state;
  static double start[OUTPUTS * OUTPUTS], now[OUTPUTS * OUTPUTS], limit[OUTPUTS * OUTPUTS];
  int changed = 0;
  for (int kind = 0; kind < KINDS + 2; kind++) {
    double seen[MODEL_OBSERVED], low, high, square = 0;
    make(&p, kind < KINDS ? kind : kind == KINDS ? 3 : 4);
    if (kind >= KINDS) p.layer[0].trained = p.layer[2].trained = 0; /* one in the middle alone */
    const int64_t n = p.n * p.network.labels;
    p.network.wanted = NETWORK_GRAMS | NETWORK_GRADIENT;
    p.network.gram = assumed;
    open_trial(&p, &descent, 0.01, &t);
    plain_gram(&p, t.state, start);
    network_observe(&t.cell, t.turn, t.state, seen);
    assert_true(seen[NETWORK_SEES_gram_change] == 0);
    for (int i = 0; i < 5; i++) step_once(&t, i > 0);
    t.turn.warm = 1;
    network_observe(&t.cell, t.turn, t.state, seen);
    plain_gram(&p, t.state, now);
    extremes(n, now, &low, &high);
    const double most = 1e-9 * high;
    assert_close(seen[NETWORK_SEES_gram_min], low, most);
    assert_close(seen[NETWORK_SEES_gram_max], high, most);
    assert_close(seen[NETWORK_SEES_gram_change], spectral_norm(n, now, start), most);
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < n; j++) {
        const int64_t e = i * n + j;
        limit[e] = i / p.n == j / p.n ? 1.0 / (double)(1 + i % p.n + j % p.n) : 0;
        square += (now[e] - limit[e]) * (now[e] - limit[e]);
      }
    assert_close(seen[NETWORK_SEES_gram_limit], spectral_norm(n, now, limit), most);
    assert_close(seen[NETWORK_SEES_gram_deviation], square, 1e-9 * square);
    changed += seen[NETWORK_SEES_gram_change] > 1e-3 * high;
    /* and the scratch is that of no pass: the next step is the same as without a look */
    open_trial(&p, &descent, 0.01, &u);
    for (int i = 0; i < 5; i++) step_once(&u, i > 0);
    step_once(&t, 1);
    step_once(&u, 1);
    assert_memory_equal(t.state, u.state, (size_t)p.size * sizeof(double));
  }
  assert_true(changed >= 6); /* linear maps do not, and ReLU only where a pattern does */
}

/* H = (XX') o (PP'/m) of section 2.1, P being 1 where a neuron is active, and 0 elsewhere */
static void gram_by_patterns(void **state) {
  (void)state;
  double seen[MODEL_OBSERVED];
  make(&p, 0);
  p.weights[1].source = BASIN_SIGN;
  p.network.wanted = NETWORK_GRAM;
  open_trial(&p, &descent, 0.3, &t);
  for (int i = 0; i < 20; i++) step_once(&t, i > 0);
  network_observe(&t.cell, t.turn, t.state, seen);
  for (int64_t i = 0; i < p.n; i++)
    for (int64_t j = 0; j <= i; j++) {
      double alike = 0;
      int both = 0;
      for (int q = 0; q < 5; q++) alike += p.x[5 * i + q] * p.x[5 * j + q];
      for (int r = 0; r < 9; r++) {
        double z[2] = {0, 0};
        for (int q = 0; q < 5; q++) {
          z[0] += p.x[5 * i + q] * t.state[5 * r + q];
          z[1] += p.x[5 * j + q] * t.state[5 * r + q];
        }
        both += z[0] >= 0 && z[1] >= 0;
      }
      assert_close(t.work[t.cell.gram + extremes_at(i, j)], alike * both / 9, 1e-14);
    }
  assert_true(isnan(seen[NETWORK_SEES_gram_limit]) && isnan(seen[NETWORK_SEES_gram_change]));
}

/* weights that have left all bounds: no number, and no trouble */
static void gram_of_nothing(void **state) {
  (void)state;
  static const double weight[] = {NAN, INFINITY, 1e200};
  for (int kind = 0; kind < 3 * KINDS; kind++) {
    double seen[MODEL_OBSERVED];
    make(&p, kind / 3);
    if (p.network.layers == 1) continue; /* a linear map: G knows no weights */
    p.network.wanted = NETWORK_GRAMS;
    p.network.gram = assumed;
    open_trial(&p, &descent, 0.01, &t);
    for (int64_t e = 0; e < p.size; e++) t.state[e] = weight[kind % 3];
    network_observe(&t.cell, t.turn, t.state, seen);
    /* of 1e200 a bounded activation, or a frozen layer, may make numbers */
    for (int i = NETWORK_SEES_gram_min; i <= NETWORK_SEES_gram_limit; i++)
      assert_true(isnan(seen[i]) || kind % 3 == 2);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(outputs_and_losses),
                                     cmocka_unit_test(steps_by_differences),
                                     cmocka_unit_test(chains),
                                     cmocka_unit_test(warm_is_cold),
                                     cmocka_unit_test(one_pixel_is_dense),
                                     cmocka_unit_test(balance_by_its_law),
                                     cmocka_unit_test(what_has_changed),
                                     cmocka_unit_test(bound),
                                     cmocka_unit_test(grams_by_differences),
                                     cmocka_unit_test(gram_by_patterns),
                                     cmocka_unit_test(gram_of_nothing),
                                     cmocka_unit_test(mini_batches),
                                     cmocka_unit_test(momentum)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
