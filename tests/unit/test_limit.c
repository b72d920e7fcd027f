/* SPDX-License-Identifier: MIT
 *
 * test_limit.c: networks of infinite width (host/network/limit.h) against networks of finite width, written here from
 * their definition, which the formulas as printed in the thesis fail; what the thesis says of depth. Seeds are fixed.
 */
#include "wide_nets.h"
#include "network/symmetric.h"

enum { N_MAX = 10, LAYERS_MAX = 14, INPUTS_MAX = 200 };

/* the net as limit.h says it, of `width` channels; everything is kept [channel][pixel][input] */
typedef struct finite_net {
  const basin_limit_net *net;
  int64_t width, channels[LAYERS_MAX + 1], pixels[LAYERS_MAX + 1];
  double *w[LAYERS_MAX], *z[LAYERS_MAX], *x[LAYERS_MAX + 1], *dz[LAYERS_MAX], *g[LAYERS_MAX + 1];
} finite_net;

static double scale_of(const finite_net *f, int64_t h) {
  return sqrt(f->net->layer[h].weight / (double)f->channels[h + 1]);
}

/* where the offset `o` of pixel l of layer h is in the layer below; -1: in the margin */
static int64_t pixel_of(const finite_net *f, int64_t h, int64_t l, int64_t o) {
  const int64_t at = f->net->layer[h].patch ? l + o - (f->net->layer[h].patch - 1) / 2 : o;
  return at < f->pixels[h] ? at : -1;
}
static int64_t offsets_of(const finite_net *f, int64_t h) {
  return f->net->layer[h].patch ? f->net->layer[h].patch : f->pixels[h];
}

static void build(finite_net *f, const basin_limit_net *net, int64_t width) {
  *f = (finite_net){
      .net = net, .width = width, .channels = {net->channels}, .pixels = {net->pixels}};
  for (int64_t h = 0; h <= net->layers; h++) {
    if (h) {
      f->channels[h] = h == net->layers ? 1 : width;
      f->pixels[h] = net->layer[h - 1].patch ? f->pixels[h - 1] : 1;
    }
    const int64_t size = f->channels[h] * f->pixels[h] * net->n;
    f->x[h] = room(size);
    f->g[h] = room(size);
    if (!h) continue;
    f->z[h - 1] = room(size);
    f->dz[h - 1] = room(size);
    f->w[h - 1] = room(f->channels[h] * f->channels[h - 1] * offsets_of(f, h - 1));
  }
  for (int64_t i = 0; i < net->n; i++)
    for (int64_t a = 0; a < net->channels * net->pixels; a++)
      f->x[0][a * net->n + i] = net->x[i * net->channels * net->pixels + a];
}

static void tear_down(finite_net *f) {
  for (int64_t h = 0; h <= f->net->layers; h++) {
    free(f->x[h]), free(f->g[h]);
    if (h) free(f->z[h - 1]), free(f->dz[h - 1]), free(f->w[h - 1]);
  }
}

/* z += W phi(x), or where `back` g += W'dz spread over the patches */
static void connect(finite_net *f, int64_t h, int back) {
  const int64_t n = f->net->n, q = offsets_of(f, h), in = f->channels[h];
  for (int64_t c = 0; c < f->channels[h + 1]; c++)
    for (int64_t b = 0; b < in; b++)
      for (int64_t o = 0; o < q; o++)
        for (int64_t l = 0; l < f->pixels[h + 1]; l++) {
          const int64_t at = pixel_of(f, h, l, o), to = (c * f->pixels[h + 1] + l) * n;
          if (at < 0) continue;
          const double w = f->w[h][(c * in + b) * q + o];
          if (back) add(n, w, f->dz[h] + to, f->g[h] + (b * f->pixels[h] + at) * n);
          else add(n, w, f->x[h] + (b * f->pixels[h] + at) * n, f->z[h] + to);
        }
}

/* draws the weights; outputs in x[layers], gradients of each input's output in dz */
static void run(finite_net *f, source *s) {
  const int64_t n = f->net->n, layers = f->net->layers;
  for (int64_t h = 0; h < layers; h++) {
    const basin_limit_layer *layer = &f->net->layer[h];
    const int64_t weights = f->channels[h + 1] * f->channels[h] * offsets_of(f, h),
                  size = f->channels[h + 1] * f->pixels[h + 1] * n;
    for (int64_t a = 0; a < weights; a++) f->w[h][a] = layer->sd * normal(s);
    memset(f->z[h], 0, (size_t)size * sizeof(double));
    connect(f, h, 0);
    for (int64_t a = 0; a < size; a++)
      f->x[h + 1][a] = scale_of(f, h) * activate(&layer->sigma, f->z[h][a]) +
                       (layer->skip ? f->x[h][a] : 0);
  }
  for (int64_t i = 0; i < n; i++) f->g[layers][i] = 1;
  for (int64_t h = layers - 1; h >= 0; h--) {
    const basin_limit_layer *layer = &f->net->layer[h];
    const int64_t size = f->channels[h + 1] * f->pixels[h + 1] * n;
    for (int64_t a = 0; a < size; a++)
      f->dz[h][a] = scale_of(f, h) * slope(&layer->sigma, f->z[h][a]) * f->g[h + 1][a];
    if (layer->skip) memcpy(f->g[h], f->g[h + 1], (size_t)size * sizeof(double));
    else memset(f->g[h], 0, (size_t)(f->channels[h] * f->pixels[h] * n) * sizeof(double));
    if (h) connect(f, h, 1);
  }
}

/* <du_i/dW_h, du_j/dW_h>, over all pairs of pixels */
static void gram_of(const finite_net *f, int64_t h, double *gram) {
  const int64_t n = f->net->n, p = f->pixels[h + 1];
  memset(gram, 0, (size_t)(n * n) * sizeof *gram);
  for (int64_t l = 0; l < p; l++)
    for (int64_t r = 0; r < p; r++)
      for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
          double patches = 0, slopes = 0;
          for (int64_t o = 0; o < offsets_of(f, h); o++) {
            const int64_t at = pixel_of(f, h, l, o), to = pixel_of(f, h, r, o);
            if (at < 0 || to < 0) continue;
            for (int64_t c = 0; c < f->channels[h]; c++)
              patches += f->x[h][(c * f->pixels[h] + at) * n + i] *
                         f->x[h][(c * f->pixels[h] + to) * n + j];
          }
          for (int64_t c = 0; c < f->channels[h + 1]; c++)
            slopes += f->dz[h][(c * p + l) * n + i] * f->dz[h][(c * p + r) * n + j];
          gram[i * n + j] += patches * slopes;
        }
}

static void limit_of(const basin_limit_net *net, int64_t h, double *gram) {
  double share[LAYERS_MAX] = {0};
  basin_error error;
  share[h] = 1;
  assert_ok(basin_limit_gram(net, share, gram, NULL, &error), error);
}

/* G_h of every layer, and the outputs' covariance, against starts at finite width: the size along the limit, and the
   whole. `printed` is what the thesis prints for the last hidden layer: on the way from the limit, 0, to it, 1, the
   simulation has to lie at 0. */
static void against(const basin_limit_net *net, int64_t width, int starts, const double *printed,
                    source *s) {
  const int64_t n = net->n, layers = net->layers;
  finite_net f;
  build(&f, net, width);
  double gram[N_MAX * N_MAX], covariance[N_MAX * N_MAX], limit[LAYERS_MAX + 1][N_MAX * N_MAX];
  double average[LAYERS_MAX + 1][N_MAX * N_MAX] = {0}, way[N_MAX * N_MAX];
  tally along[LAYERS_MAX + 1] = {0}, place = {0};
  basin_error error;
  assert_true(n <= N_MAX && layers <= LAYERS_MAX);
  for (int64_t h = 0; h < layers; h++) limit_of(net, h, limit[h]);
  assert_ok(basin_limit_gram(net, NULL, NULL, covariance, &error), error);
  memcpy(limit[layers], covariance, sizeof covariance);
  for (int64_t a = 0; printed && a < n * n; a++) way[a] = printed[a] - limit[layers - 2][a];
  for (int start = 0; start < starts; start++) {
    run(&f, s);
    for (int64_t h = 0; h <= layers; h++) {
      if (h < layers) gram_of(&f, h, gram);
      else
        for (int64_t a = 0; a < n * n; a++) gram[a] = f.x[h][a / n] * f.x[h][a % n];
      count(&along[h], inner(n * n, gram, limit[h]) / inner(n * n, limit[h], limit[h]));
      add(n * n, 1.0 / starts, gram, average[h]);
      if (printed && h == layers - 2)
        count(&place,
              (inner(n * n, gram, way) - inner(n * n, limit[h], way)) / inner(n * n, way, way));
    }
  }
  tear_down(&f);
  for (int64_t h = 0; h <= layers; h++) {
    const double bias = 4.0 / (double)width, near = 4.5 * error_of(&along[h]) + bias;
    assert_within(mean_of(&along[h]) - 1, -near, near);
    if (h == layers) break; /* of the covariance single entries vary too much */
    add(n * n, -1, limit[h], average[h]);
    const double whole = sqrt(inner(n * n, average[h], average[h]) /
                              inner(n * n, limit[h], limit[h]));
    assert_within(whole, 0, 4.5 * error_of(&along[h]) + bias);
  }
  if (!printed) return;
  assert_within(mean_of(&place), -4.5 * error_of(&place), 4.5 * error_of(&place));
  assert_within((1 - mean_of(&place)) / error_of(&place), 8, INFINITY);
}

/* H hidden layers and a readout, as sections 3.2.2 has them: c_res = 0 is the net without skip */
static void deep(basin_limit_layer *layer, int64_t hidden, basin_sigma sigma, int64_t patch,
                 double c_res) {
  for (int64_t h = 0; h < hidden; h++)
    layer[h] = (basin_limit_layer){.sigma = sigma,
                                   .weight = h && c_res > 0 ? pow(c_res / (double)hidden, 2)
                                                            : basin_sigma_constant(&sigma),
                                   .sd = 1,
                                   .patch = patch,
                                   .skip = h && c_res > 0};
  layer[hidden] = (basin_limit_layer){.sigma = {BASIN_IDENTITY, 0}, .weight = 1, .sd = 1};
}

static const basin_sigma relu = {BASIN_RELU, 0}, softplus = {BASIN_SOFTPLUS, 0},
                         sigma_erf = {BASIN_ERF, 0};

static void outer_products(int64_t n, int64_t channels, int64_t pixels, const double *x,
                           double *k) { /* x'x, over (input, pixel) */
  for (int64_t a = 0; a < n * pixels; a++)
    for (int64_t b = 0; b < n * pixels; b++) {
      k[a * n * pixels + b] = 0;
      for (int64_t c = 0; c < channels; c++)
        k[a * n * pixels + b] += x[(a / pixels * channels + c) * pixels + a % pixels] *
                                 x[(b / pixels * channels + c) * pixels + b % pixels];
    }
}

/* (3.7): fully connected, H = 2; the last means are over K^(H-2) */
static void printed_connected(int64_t n, int64_t d, const double *x, double *out) {
  double k[N_MAX * N_MAX], product[N_MAX * N_MAX], slopes[N_MAX * N_MAX];
  const double c = basin_sigma_constant(&softplus);
  basin_error error;
  outer_products(n, d, 1, x, k);
  assert_ok(basin_gaussian_means(&softplus, n, k, product, slopes, NULL, &error), error);
  for (int64_t a = 0; a < n * n; a++) out[a] = c * c * product[a] * slopes[a];
}

/* (3.8) with H = 3 and a product where there must be a sum; or with the sum of what is printed, in which b_i goes with
   the i of sigma(u), not of v */
static void printed_residual(int64_t n, int64_t d, const double *x, basin_sigma sigma, double c_res,
                             int is_sum, double *out) {
  double k[N_MAX * N_MAX], product[N_MAX * N_MAX], slopes[N_MAX * N_MAX], b[N_MAX], e[N_MAX];
  const double c = basin_sigma_constant(&sigma), step = c_res / 3;
  basin_error error;
  outer_products(n, d, 1, x, k);
  assert_ok(basin_gaussian_means(&sigma, n, k, product, NULL, b, &error), error);
  for (int64_t a = 0; a < n * n; a++) k[a] = c * product[a];
  for (int64_t i = 0; i < n; i++) b[i] *= sqrt(c);
  assert_ok(basin_gaussian_means(&sigma, n, k, product, slopes, e, &error), error);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++)
      k[i * n + j] += step * step * product[i * n + j] * (is_sum ? 1 : 1 + b[i] * b[j]) +
                      (is_sum ? step * (b[i] * e[i] + b[j] * e[j]) : 0);
  /* of the sum, as it is otherwise right, the last means too are over the layer just below */
  if (is_sum) assert_ok(basin_gaussian_means(&sigma, n, k, NULL, slopes, NULL, &error), error);
  for (int64_t a = 0; a < n * n; a++) out[a] = step * step * k[a] * slopes[a];
}

/* (3.9) with H = 2: K^(1) without the sum over patches */
static void printed_convolution(int64_t n, int64_t channels, int64_t pixels, const double *x,
                                double c_res, double *out) {
  const int64_t size = n * pixels;
  double k[INPUTS_MAX], patches[INPUTS_MAX * 2], product[INPUTS_MAX * 2], slopes[INPUTS_MAX * 2];
  const double c = basin_sigma_constant(&softplus);
  basin_error error;
  assert_true(size * size <= INPUTS_MAX);
  outer_products(n, channels, pixels, x, k);
  for (int64_t a = 0; a < size; a++)
    for (int64_t b = 0; b < size; b++) {
      patches[a * size + b] = 0;
      for (int64_t o = -1; o <= 1; o++)
        if (a % pixels + o >= 0 && a % pixels + o < pixels && b % pixels + o >= 0 &&
            b % pixels + o < pixels)
          patches[a * size + b] += k[(a + o) * size + b + o];
    }
  assert_ok(basin_gaussian_means(&softplus, size, patches, product, slopes, NULL, &error), error);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) {
      out[i * n + j] = 0;
      for (int64_t l = 0; l < pixels; l++) {
        const int64_t at = (i * pixels + l) * size + j * pixels + l;
        out[i * n + j] += c_res * c_res / 4 * c * product[at] * slopes[at];
      }
    }
}

static void connected(void **unused) {
  (void)unused;
  source s = {.state = 21};
  basin_limit_layer layer[LAYERS_MAX];
  double printed[N_MAX * N_MAX], *x = inputs(10, 5, 1, 1, &s);
  deep(layer, 2, softplus, 0, 0);
  const basin_limit_net two = {3, layer, 10, 5, 1, x};
  printed_connected(10, 5, x, printed);
  against(&two, 256, 100, printed, &s);
  free(x);

  x = inputs(6, 4, 1, 0, &s); /* lengths from 0.5 to 1.5 */
  deep(layer, 3, sigma_erf, 0, 0);
  layer[1].sd = 0.7;
  layer[3].sd = 1.5;
  against(&(basin_limit_net){4, layer, 6, 4, 1, x}, 128, 100, NULL, &s);
  deep(layer, 1, relu, 0, 0);
  against(&(basin_limit_net){2, layer, 6, 4, 1, x}, 400, 400, NULL, &s);
  free(x);
}

static void residual(void **unused) {
  (void)unused;
  source s = {.state = 22};
  basin_limit_layer layer[LAYERS_MAX];
  double printed[N_MAX * N_MAX], *x = inputs(6, 4, 1, 1, &s);
  deep(layer, 3, softplus, 0, 0.5);
  printed_residual(6, 4, x, softplus, 0.5, 0, printed);
  against(&(basin_limit_net){4, layer, 6, 4, 1, x}, 200, 100, printed, &s);
  free(x);
  x = inputs(6, 4, 1, 0, &s); /* b differs between inputs */
  for (int64_t a = 0; a < 3 * 4; a++) x[a] *= 0.1;
  deep(layer, 3, relu, 0, 2);
  printed_residual(6, 4, x, relu, 2, 1, printed);
  against(&(basin_limit_net){4, layer, 6, 4, 1, x}, 128, 100, printed, &s);
  free(x);
}

static void convolutional(void **unused) {
  (void)unused;
  source s = {.state = 23};
  basin_limit_layer layer[LAYERS_MAX];
  double printed[N_MAX * N_MAX], *x = inputs(3, 2, 4, 1, &s);
  deep(layer, 2, softplus, 3, 0.5);
  layer[2].patch = 0;
  printed_convolution(3, 2, 4, x, 0.5, printed);
  against(&(basin_limit_net){3, layer, 3, 2, 4, x}, 128, 100, printed, &s);
  deep(layer, 3, softplus, 3, 0.9);
  against(&(basin_limit_net){4, layer, 3, 2, 4, x}, 100, 100, NULL, &s);

  /* wide patches, another activation in each layer, a dense one over the picture */
  const basin_limit_layer mixed[] = {{{BASIN_LEAKY, 0.2}, 1.5, 1, 5, 0},
                                     {{BASIN_TANH, 0}, 0.5, 0.8, 1, 1},
                                     {{BASIN_ERF, 0}, 2, 0.6, 0, 0},
                                     {{BASIN_SOFTPLUS, 0}, 0.3, 1.2, 0, 1},
                                     {{BASIN_IDENTITY, 0}, 0.4, 1.5, 0, 0}};
  against(&(basin_limit_net){5, mixed, 3, 2, 4, x}, 100, 120, NULL, &s);

  /* with patches of one pixel, of pictures of one pixel, it is the residual net */
  double one[N_MAX * N_MAX], other[N_MAX * N_MAX];
  for (int64_t h = 0; h < 4; h++) {
    deep(layer, 3, softplus, 1, 0.5);
    limit_of(&(basin_limit_net){4, layer, 3, 8, 1, x}, h, one);
    deep(layer, 3, softplus, 0, 0.5);
    limit_of(&(basin_limit_net){4, layer, 3, 8, 1, x}, h, other);
    assert_memory_equal(one, other, 9 * sizeof *one);
  }
  free(x);
}

/* what the errata say of smallest eigenvalues, on inputs of this test's own */
static void depth(void **unused) {
  (void)unused;
  source s = {.state = 24};
  basin_limit_layer layer[LAYERS_MAX];
  basin_error error;
  double gram[N_MAX * N_MAX], printed[N_MAX * N_MAX], value[N_MAX], *x = inputs(10, 10, 1, 1, &s);
  double least[3][13], residual[13];
  const basin_sigma of[3] = {softplus, relu, sigma_erf};
  for (int64_t hidden = 1; hidden <= 12; hidden++)
    for (int i = 0; i < 4; i++) {
      deep(layer, hidden, i < 3 ? of[i] : softplus, 0, i < 3 ? 0 : 0.5);
      limit_of(&(basin_limit_net){hidden + 1, layer, 10, 10, 1, x}, hidden - 1, gram);
      assert_ok(basin_symmetric_eigen(10, gram, 0, value, &error), error);
      if (i < 3) least[i][hidden] = value[0];
      else residual[hidden] = value[0] * (double)(hidden * hidden);
    }
  for (int64_t hidden = 2; hidden <= 12; hidden++) {
    assert_within(least[0][hidden - 1] / least[0][hidden], hidden > 3 ? 2.8 : 1.5, 4.2); /* 15 */
    assert_within(least[1][hidden] / least[1][hidden - 1], 0.8, 1);
    assert_within(least[2][hidden] / least[2][hidden - 1], 1, 2);
    assert_within(residual[hidden] / residual[12], 0.85, 1.15); /* Proposition 3.2 */
  }
  const double share[4] = {1, 1, 1, 1}; /* 16: all layers have 5 and 200 times that of the last */
  for (int i = 0; i < 2; i++) {
    deep(layer, 3, softplus, 0, i ? 0.5 : 0);
    assert_ok(
        basin_limit_gram(&(basin_limit_net){4, layer, 10, 10, 1, x}, share, gram, NULL, &error),
        error);
    assert_ok(basin_symmetric_eigen(10, gram, 0, value, &error), error);
    assert_within(value[0] / (i ? residual[3] / 9 : least[0][3]), i ? 100 : 3.5, i ? 400 : 7);
  }
  printed_connected(10, 10, x, printed); /* 8: 0.0159 for 0.00962 on its inputs */
  assert_ok(basin_symmetric_eigen(10, printed, 0, value, &error), error);
  assert_within(value[0] / least[0][2], 1.3, 2.5);
  free(x);
}

/* the same bits on every machine and with every compiler: numbers of a net with a bit of everything */
static void bits(void **unused) {
  (void)unused;
  const double x[16] = {0.5,   -0.25, 0.125, 0.75, 1,  -0.5, 0.25,  0.375,
                        -0.75, 0.5,   0,     0.25, -1, 0.5,  0.625, 0.25};
  const basin_limit_layer layer[] = {{{BASIN_SOFTPLUS, 0}, 1.5, 1, 3, 0},
                                     {{BASIN_TANH, 0}, 0.25, 0.75, 3, 1},
                                     {{BASIN_RELU, 0}, 0.5, 1, 0, 0},
                                     {{BASIN_ERF, 0}, 0.5, 1, 0, 0},
                                     {{BASIN_IDENTITY, 0}, 1, 1, 0, 0}};
  const double share[] = {1, 1, 1, 1, 1};
  double gram[4], covariance[4], value[2];
  basin_error error;
  assert_ok(
      basin_limit_gram(&(basin_limit_net){5, layer, 2, 2, 4, x}, share, gram, covariance, &error),
      error);
  assert_ok(basin_symmetric_eigen(2, gram, 0, value, &error), error);
  assert_true(value[0] == 0x1.ca6a9ad6dcb42p-1);
  assert_true(value[1] == 0x1.bd7e40841dbfdp+0);
  assert_true(covariance[1] == 0x1.45c62601a9eb2p-3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(connected), cmocka_unit_test(residual), cmocka_unit_test(convolutional),
      cmocka_unit_test(depth),     cmocka_unit_test(bits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
