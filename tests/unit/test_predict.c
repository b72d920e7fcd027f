/* SPDX-License-Identifier: MIT
 *
 * test_predict.c: laws of wide nets (host/network/predict.h) against gradient descent on two layers, as section 2.1 of
 * the thesis has it; what limits are refused. Seeds are fixed.
 */
#include "wide_nets.h"
#include "network/predict.h"

enum { N = 8, D = 6, STEPS = 10 };

/* gradient descent on W, and on a where `both`, as section 2.1 has it; w[m][D], u[N] of the last step's start */
typedef struct two {
  int64_t m;
  double *w, *a; /* a behind w */
} two;

static double forward(const two *t, const double *x, const double *y, double *r) {
  double loss = 0;
  for (int64_t i = 0; i < N; i++) {
    double u = 0;
    for (int64_t k = 0; k < t->m; k++) {
      const double z = inner(D, t->w + k * D, x + i * D);
      if (z >= 0) u += t->a[k] * z;
    }
    r[i] = u / sqrt((double)t->m) - y[i];
    loss += r[i] * r[i] / 2;
  }
  return loss;
}

static void step(two *t, const double *x, const double *r, double eta, int both) {
  const double scale = eta / sqrt((double)t->m);
  for (int64_t k = 0; k < t->m; k++) {
    double *w = t->w + k * D, change[D] = {0}, change_a = 0;
    for (int64_t i = 0; i < N; i++) {
      const double z = inner(D, w, x + i * D);
      if (z < 0) continue;
      add(D, scale * t->a[k] * r[i], x + i * D, change);
      change_a += scale * r[i] * z;
    }
    add(D, -1, change, w);
    if (both) t->a[k] -= change_a;
  }
}

static const basin_limit_layer two_layers[] = {{{BASIN_RELU, 0}, 1, 1, 0, 0},
                                               {{BASIN_IDENTITY, 0}, 1, 1, 0, 0}};

/* what residuals r become by r -> (I - eta G) r: their loss, and the squared distance s'G s, s being eta times their
   sum */
static void linear(const double *gram, double eta, double *r, double *loss, double *distance) {
  double sum[N] = {0}, image[N];
  *distance = 0;
  for (int k = 0; k < STEPS; k++) {
    for (int i = 0; i < N; i++) image[i] = inner(N, gram + i * N, r);
    add(N, eta, r, sum);
    add(N, -eta, image, r);
  }
  for (int i = 0; i < N; i++) *distance += sum[i] * inner(N, gram + i * N, sum);
  *loss = inner(N, r, r) / 2;
}

/* The laws that hold at every m, by their z-scores: the loss and the Gram matrix at the start, and what becomes of the
   residuals there if the net is as if of infinite width. What it does beyond that, of the loss and of the distance. */
static void train(int64_t m, int starts, int both, double eta, const double *x, const double *y,
                  const double *gram, const double *h, const basin_modes *modes, tally beyond[2],
                  source *s) {
  const int64_t weights = m * (D + both);
  two t = {m, room(m * (D + 1)), NULL};
  double *begun = room(m * (D + 1)), r[N], deviation;
  tally start = {0}, away = {0}, loss = {0}, distance = {0};
  const double law = basin_modes_loss(modes, eta, STEPS),
               far = basin_modes_distance(modes, eta, STEPS);
  basin_error error;
  assert_ok(basin_gram_deviation(N, D, x, m, &deviation, &error), error);
  t.a = t.w + m * D;
  for (int i = 0; i < starts; i++) {
    for (int64_t k = 0; k < m * D; k++) t.w[k] = normal(s);
    for (int64_t k = 0; k < m; k++) t.a[k] = test_uniform(&s->state) < 0.5 ? -1 : 1;
    memcpy(begun, t.w, (size_t)weights * sizeof *begun);
    double square = 0, predicted[2];
    for (int64_t a = 0; a < N * N; a++) {
      const double *u = x + a / N * D, *v = x + a % N * D;
      double patterns = 0;
      for (int64_t k = 0; k < m; k++)
        patterns += inner(D, t.w + k * D, u) >= 0 && inner(D, t.w + k * D, v) >= 0;
      square += pow(inner(D, u, v) * patterns / (double)m - h[a], 2);
    }
    count(&away, square);
    count(&start, forward(&t, x, y, r));
    linear(gram, eta, r, &predicted[0], &predicted[1]);
    count(&loss, predicted[0]);
    count(&distance, predicted[1]);
    for (int k = 0; k < STEPS; k++) {
      forward(&t, x, y, r);
      step(&t, x, r, eta, both);
    }
    count(&beyond[0], (forward(&t, x, y, r) - predicted[0]) / law);
    add(weights, -1, begun, t.w);
    count(&beyond[1], (inner(weights, t.w, t.w) - predicted[1]) / far);
  }
  assert_within(z_of(&start, basin_modes_loss(modes, eta, 0)), -4.5, 4.5);
  assert_within(z_of(&away, deviation), -4.5, 4.5);
  assert_within(z_of(&loss, law), -4.5, 4.5);
  assert_within(z_of(&distance, far), -4.5, 4.5);
  free(t.w), free(begun);
}

static void laws(void **unused) {
  (void)unused;
  source s = {.state = 31};
  basin_error error;
  double *x = inputs(N, D, 1, 1, &s), y[N], gram[N * N], covariance[N * N], h[N * N];
  for (int i = 0; i < N; i++) y[i] = normal(&s);
  const basin_limit_net net = {2, two_layers, N, D, 1, x};
  const double first[2] = {1, 0};
  assert_ok(basin_limit_gram(&net, first, h, NULL, &error), error);
  for (int both = 0; both < 2; both++) {
    const double share[2] = {1, both}, eta = 0.3;
    basin_modes modes;
    assert_ok(basin_limit_gram(&net, share, gram, covariance, &error), error);
    assert_ok(basin_modes_make(N, 1, gram, covariance, y, &modes, &error), error);
    assert_within(basin_modes_loss(&modes, eta, 0) - (inner(N, y, y) + N / 2.0) / 2, -1e-12, 1e-12);
    tally beyond[3][2] = {0};
    for (int i = 0, m = 16; i < 3; i++, m *= 8)
      train(m, 120000 / m, both, eta, x, y, gram, h, &modes, beyond[i], &s);
    assert_within(mean_of(&beyond[0][0]), 1,
                  3); /* narrow nets are slower, wide ones come to the limit */
    assert_within(mean_of(&beyond[1][0]), 0.1, 0.5);
    assert_within(mean_of(&beyond[2][0]), 0, 0.12);
    assert_within(mean_of(&beyond[2][1]), -0.015, 0.015);
    basin_modes_free(&modes);
  }
  free(x);
}

/* several outputs, equal inputs, what is refused */
static void edges(void **unused) {
  (void)unused;
  source s = {.state = 41};
  basin_error error;
  double *x = inputs(N, D, 1, 0, &s), y[N][2], column[2][N], gram[N * N], covariance[N * N];
  const double share[2] = {1, 1};
  memcpy(x + D, x, D * sizeof *x); /* the first two inputs are one */
  for (int i = 0; i < N; i++)
    for (int o = 0; o < 2; o++) y[i][o] = column[o][i] = normal(&s);
  basin_limit_net net = {2, two_layers, N, D, 1, x};
  basin_modes modes, each[2];
  assert_ok(basin_limit_gram(&net, share, gram, covariance, &error), error);
  assert_ok(basin_modes_make(N, 2, gram, covariance, *y, &modes, &error), error);
  for (int o = 0; o < 2; o++)
    assert_ok(basin_modes_make(N, 1, gram, covariance, column[o], &each[o], &error), error);
  assert_within(modes.lambda[0], -1e-15, 1e-15);
  for (int64_t k = 0; k <= 1000000; k = 10 * k + 1)
    for (int i = 0; i < 2; i++) {
      double (*law)(const basin_modes *, double, int64_t) = i ? basin_modes_distance
                                                              : basin_modes_loss;
      const double whole = law(&modes, 0.1, k);
      assert_true(isfinite(whole) && whole >= 0);
      assert_within(whole - law(&each[0], 0.1, k) - law(&each[1], 0.1, k), -1e-13 * whole,
                    1e-13 * whole);
    }
  /* the labels of equal inputs differ: half the square of the difference can never be learnt */
  const double left = pow(y[0][0] - y[1][0], 2) + pow(y[0][1] - y[1][1], 2);
  assert_within(basin_modes_loss(&modes, 0.1, 1000000), left / 4 * (1 - 1e-9),
                left / 4 * (1 + 1e-6));
  basin_modes_free(&modes), basin_modes_free(&each[0]), basin_modes_free(&each[1]);

  const basin_limit_layer hidden = two_layers[0], last = two_layers[1];
  basin_limit_layer wrong[6][2] = {{hidden, hidden}, {hidden, last}, {hidden, last},
                                   {hidden, last},   {hidden, last}, {hidden, last}};
  static const char *const why[6] = {"last layer", "last layer", "skip", "even", "scale", "tanh"};
  wrong[1][1].skip = 1;
  wrong[2][0].skip = 1;
  wrong[3][0].patch = 2;
  wrong[4][0].weight = -1;
  wrong[5][0].sigma.kind = BASIN_TANH, wrong[5][0].sd = 100;
  for (int i = 0; i < 6; i++) {
    net.layer = wrong[i];
    assert_int_equal(basin_limit_gram(&net, share, gram, NULL, &error), BASIN_BAD_INPUT);
    assert_non_null(strstr(error.text, why[i]));
  }
  net.layers = 1;
  assert_int_equal(basin_limit_gram(&net, share, gram, NULL, &error), BASIN_BAD_INPUT);
  free(x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(laws),
      cmocka_unit_test(edges),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
