/* SPDX-License-Identifier: MIT
 *
 * test_network_data.c: data sets of networks. Laws of inputs and labels by their moments; the same bits for every
 * stretch and size; what a teacher makes of inputs, against a plain loop; files of text and HDF5; what is refused, and
 * with which words.
 */
#include "folder.h"
#include "model/network_inputs.h"
#include "numeric/philox.h"
#include "read/images.h"
#include "read/network_model.h"
#include "read/network_data.h"
#include <hdf5.h>
#include <hdf5_hl.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- a section that is read, for a grid of the one parameter m ---- */

typedef struct section {
  basin_yaml *yaml;
  basin_scope scope;
  basin_album album;
  char used[1];
  const basin_node *node;
} section;

static void open_section(section *s, const char *text) {
  static char *axis[] = {"m"};
  basin_error error;
  memset(s, 0, sizeof *s);
  assert_ok(basin_yaml_parse("e.yaml", text, (int64_t)strlen(text), &s->yaml, &error), error);
  assert_ok(basin_scope_open(&s->scope, basin_yaml_nodes(s->yaml), 1, axis, s->used, &error),
            error);
  basin_scope_enter(&s->scope, NULL, NULL, NULL);
  s->album.folder = malloc(sizeof folder + 1);
  snprintf(s->album.folder, sizeof folder + 1, "%s/", folder);
  s->scope.album = &s->album;
  s->node = basin_node_get(basin_yaml_root(s->yaml), "data");
}

static void close_section(section *s) {
  basin_scope_close(&s->scope);
  basin_album_free(&s->album);
  basin_yaml_free(s->yaml);
}

/* A cell with the last layer's numbers, `made`; free_cell() has to follow. */
typedef struct cell {
  basin_network network;
  basin_network_layer last;
  basin_setting setting;
} cell;

static basin_status read_cell(section *s, double m, int64_t made, cell *c, basin_error *error) {
  memset(c, 0, sizeof *c);
  basin_scope_move(&s->scope, &m);
  c->last = (basin_network_layer){.out = made, .in = 1, .pixels = 1, .patch = 1, .scale = 1};
  c->setting.network = &c->network;
  c->setting.key = 0x5eed;
  basin_status status = basin_network_data_read(&s->scope, s->node, &c->network,
                                                &c->setting.gradient, error);
  c->network.layer = &c->last;
  c->network.layers = 1;
  return status ? status : basin_network_data_fit(s->node, &c->network, error);
}

static void free_cell(cell *c) { basin_network_data_free(&c->network.data); }

/* a cell that is right, of a text that no file needs */
static void take(const char *text, int64_t made, cell *c) {
  section s;
  basin_error error;
  open_section(&s, text);
  assert_ok(read_cell(&s, 1, made, c, &error), error);
  close_section(&s);
}

/* n inputs and their labels, from `first` on; to be freed */
typedef struct drawn {
  double *z, *label;
} drawn;

static drawn draw(const cell *c, int64_t first, int64_t n) {
  const int64_t d = c->network.channels * c->network.pixels;
  drawn out = {malloc((size_t)(n * d) * sizeof(double)),
               malloc((size_t)(n * c->network.labels) * sizeof(double))};
  assert_true(out.z && out.label);
  assert_int_equal(basin_network_inputs(&c->setting, first, n, out.z, out.label), BASIN_OK);
  return out;
}

static void free_drawn(drawn out) {
  free(out.z);
  free(out.label);
}

/* ---- laws ---- */

enum { MANY = 20000, D = 4 };

/* the mean of n numbers x[i * stride] y[i * stride], or of the first alone, is `want` to within 5 of its deviations */
static void check_mean(const char *what, int64_t n, const double *x, int64_t x_stride,
                       const double *y, int64_t y_stride, double want) {
  double sum = 0, square = 0;
  for (int64_t i = 0; i < n; i++) {
    const double value = x[i * x_stride] * (y ? y[i * y_stride] : 1);
    sum += value;
    square += value * value;
  }
  const double mean = sum / (double)n,
               deviation = sqrt(fmax(square / (double)n - mean * mean, 0) / (double)n);
  if (!(fabs(mean - want) <= 5 * deviation + 1e-12))
    fail_msg("%s: a mean is %g, expected %g +- %g", what, mean, want, deviation);
}

static void laws(void **unused) {
  static const struct {
    const char *inputs;
    double variance, norm; /* norm: of all inputs, or 0 */
  } law[] = {{"sphere", 1.0 / D, 1},      {"normal", 1, 0},
             {"{law: normal}", 1, 0},     {"{law: uniform}", 1, 0},
             {"{law: rademacher}", 1, 2}, {"{law: sphere}", 1, 2},
             {"{law: laplace}", 1, 0},    {"{law: {student: {degrees: 10}}}", 1, 0}};
  (void)unused;
  for (int l = 0; l < LENGTH(law); l++) {
    char text[256];
    cell c;
    snprintf(text, sizeof text, "data: {n: %d, d: %d, inputs: %s, labels: {normal: 2}}", MANY, D,
             law[l].inputs);
    take(text, 3, &c);
    const drawn of = draw(&c, 0, MANY);
    for (int a = 0; a < D; a++) {
      check_mean(law[l].inputs, MANY, of.z + a, D, NULL, 0, 0);
      for (int b = 0; b <= a; b++)
        check_mean(law[l].inputs, MANY, of.z + a, D, of.z + b, D, a == b ? law[l].variance : 0);
      for (int j = 0; j < 3; j++) check_mean("z y", MANY, of.z + a, D, of.label + j, 3, 0);
    }
    for (int64_t i = 0; i < MANY && law[l].norm > 0; i++) {
      double norm2 = 0;
      for (int a = 0; a < D; a++) norm2 += of.z[i * D + a] * of.z[i * D + a];
      assert_within(sqrt(norm2) / law[l].norm, 1 - 4e-16, 1 + 4e-16);
    }
    for (int j = 0; j < 3; j++) {
      check_mean("labels", MANY, of.label + j, 3, NULL, 0, 0);
      for (int k = 0; k <= j; k++)
        check_mean("labels", MANY, of.label + j, 3, of.label + k, 3, j == k ? 4 : 0);
    }
    free_drawn(of);
    free_cell(&c);
  }
}

/* fourth moments tell laws of one variance apart: that of the law that was asked for is drawn */
static void fourth_moments(void **unused) {
  static const struct {
    const char *inputs;
    double fourth;
  } law[] = {{"normal", 3},
             {"sphere", 3.0 / (D * (D + 2))},
             {"{law: uniform}", 9.0 / 5},
             {"{law: laplace}", 6},
             {"{law: {student: {degrees: 10}}}", 4}};
  (void)unused;
  for (int l = 0; l < LENGTH(law); l++) {
    char text[256];
    cell c;
    snprintf(text, sizeof text, "data: {n: %d, d: %d, inputs: %s, labels: sign}", MANY, D,
             law[l].inputs);
    take(text, 1, &c);
    const drawn of = draw(&c, 0, MANY);
    for (int64_t i = 0; i < (int64_t)MANY * D; i++) of.z[i] *= of.z[i];
    for (int a = 0; a < D; a++)
      check_mean(law[l].inputs, MANY, of.z + a, D, of.z + a, D, law[l].fourth);
    free_drawn(of);
    free_cell(&c);
  }
}

/* label j is word j % 2 of block j/2 */
static void words(void **unused) {
  cell c;
  (void)unused;
  take("data: {n: 4, d: 2, inputs: normal, labels: {sign: 3}, set: 7}", 5, &c);
  const drawn of = draw(&c, 0, 4);
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 5; j++) {
      bits word[2];
      basin_words(0x5eed, BASIN_STREAM_LABEL, 7, (uint64_t)i, (uint64_t)j / 2, &word[0], &word[1]);
      assert_true(of.label[i * 5 + j] == (word[j % 2] >> 63 ? -3 : 3));
    }
  free_drawn(of);
  free_cell(&c);
}

static void signs(void **unused) {
  static const char *const text[] = {
      "data: {n: 20000, d: 1, inputs: normal, labels: sign}",
      "data: {n: 20000, d: 1, inputs: normal, labels: {sign: 3/2}, outputs: 2}"};
  (void)unused;
  for (int t = 0; t < 2; t++) {
    const int labels = t + 1;
    const double size = t ? 1.5 : 1;
    cell c;
    take(text[t], labels, &c);
    const drawn of = draw(&c, 0, MANY);
    for (int64_t i = 0; i < (int64_t)MANY * labels; i++) assert_true(fabs(of.label[i]) == size);
    for (int j = 0; j < labels; j++) check_mean("signs", MANY, of.label + j, labels, NULL, 0, 0);
    check_mean("signs", MANY, of.label, labels, of.label + labels - 1, labels, t ? 0 : 1);
    free_drawn(of);
    free_cell(&c);
  }
}

static void low_rank(void **unused) {
  static const double singular[] = {1, 0.5, -3};
  cell c;
  (void)unused;
  take("data: {n: 5, d: 6, inputs: identity, labels: {low_rank: {singular: [1, 1/2, -3]}}}", 4, &c);
  const drawn of = draw(&c, 0, 5);
  for (int i = 0; i < 5; i++) {
    for (int j = 0; j < 6; j++) assert_true(of.z[i * 6 + j] == (i == j));
    for (int j = 0; j < 4; j++)
      assert_true(of.label[i * 4 + j] == (i == j && i < 3 ? singular[i] : 0));
  }
  free_drawn(of);
  free_cell(&c);
}

/* ---- a teacher ---- */

enum { CHANNELS = 2, PIXELS = 5, LAYERS = 5, WIDE = 16 };

/* conv 2 -> 4 of 3 pixels, twice more with a skip, dense 20 -> 3, dense 3 -> 2 */
typedef struct taught {
  basin_network teacher;
  basin_network_layer layer[LAYERS];
  basin_vector weights[LAYERS];
  double value[4 * 4 * 3];
  cell of;
} taught;

static void make_teacher(taught *t, const int *activation) {
  static const basin_network_layer shape[LAYERS] = {
      {.out = 4, .in = CHANNELS, .pixels = PIXELS, .patch = 3, .scale = 0.7},
      {.out = 4, .in = 4, .pixels = PIXELS, .patch = 3, .scale = 0.3, .skip = 1},
      {.out = 4, .in = 4, .pixels = PIXELS, .patch = 1, .scale = 0.2, .skip = 1},
      {.out = 3, .in = 4 * PIXELS, .pixels = 1, .patch = 1, .scale = 0.5},
      {.out = 2, .in = 3, .pixels = 1, .patch = 1, .scale = 1}};
  memset(t, 0, sizeof *t);
  for (int i = 0; i < LENGTH(t->value); i++) t->value[i] = sin(3 * i + 1);
  for (int h = 0; h < LAYERS; h++) {
    t->layer[h] = shape[h];
    t->layer[h].activation = activation[h];
    t->layer[h].slope = 0.1;
    t->weights[h] = (basin_vector){.source = h == 1   ? BASIN_GIVEN
                                             : h == 4 ? BASIN_UNIFORM
                                                      : BASIN_NORMAL,
                                   .rows = shape[h].out,
                                   .length = shape[h].in * shape[h].patch,
                                   .scale = 1 + 0.1 * h,
                                   .value = h == 1 ? t->value : NULL,
                                   .offset = h == 4 ? -0.7 : 0};
  }
  t->teacher = (basin_network){
      .layers = LAYERS, .layer = t->layer, .channels = CHANNELS, .pixels = PIXELS, .labels = 2};
  t->of.network = (basin_network){.channels = CHANNELS,
                                  .pixels = PIXELS,
                                  .labels = 2,
                                  .data = {.inputs = BASIN_INPUTS_NORMAL,
                                           .labels = BASIN_LABELS_TEACHER,
                                           .teacher = &t->teacher,
                                           .weights = t->weights}};
  t->of.setting = (basin_setting){
      .network = &t->of.network, .key = 77, .gradient = {.set_size = 40, .set = 3}};
}

static double plain_activation(int activation, double z) {
  return activation == BASIN_RELU       ? (z >= 0 ? z : 0)
         : activation == BASIN_LEAKY    ? (z >= 0 ? z : 0.1 * z)
         : activation == BASIN_SOFTPLUS ? fmax(z, 0) + log1p(exp(-fabs(z)))
         : activation == BASIN_ERF      ? erf(z)
         : activation == BASIN_TANH     ? tanh(z)
                                        : z;
}

/* entry e of row r of the weights of layer h, from the random words */
static double plain_weight(const taught *t, int h, int64_t r, int64_t e) {
  const basin_vector *w = &t->weights[h];
  const int64_t block = r * ((w->length + 1) / 2) + e / 2;
  bits word[2];
  double normal[2];
  if (w->source == BASIN_GIVEN) return w->value[r * w->length + e];
  basin_words(77, BASIN_STREAM_DATA_TEACHER, 3, (uint64_t)h, (uint64_t)block, &word[0], &word[1]);
  if (w->source == BASIN_UNIFORM) return fma(w->scale, r_uniform(word[e % 2]), w->offset);
  basin_box_muller(word[0], word[1], &normal[0], &normal[1]);
  return w->scale * normal[e % 2];
}

/* on arrays with zeros beside the pixels */
static void plain_labels(const taught *t, const double *z, double *label) {
  double x[WIDE][PIXELS + 2] = {{0}}, next[WIDE][PIXELS + 2], flat[WIDE * PIXELS];
  for (int c = 0; c < CHANNELS; c++)
    for (int l = 0; l < PIXELS; l++) x[c][l + 1] = z[c * PIXELS + l];
  for (int h = 0; h < LAYERS; h++) {
    const basin_network_layer *layer = &t->layer[h];
    const int64_t below = h == 3 ? PIXELS : layer->pixels;
    for (int64_t e = 0; e < layer->in * (h == 3 ? 1 : below); e++)
      flat[e] = x[e / below][e % below + 1];
    memset(next, 0, sizeof next);
    for (int64_t r = 0; r < layer->out; r++)
      for (int64_t l = 0; l < layer->pixels; l++) {
        double sum = 0;
        for (int64_t e = 0; e < layer->in * layer->patch; e++) {
          const int64_t c = e / layer->patch, o = e % layer->patch;
          const double here = layer->pixels == 1 ? flat[e]
                                                 : x[c][l + 1 + o - (layer->patch - 1) / 2];
          sum = fma(plain_weight(t, h, r, e), here, sum);
        }
        const double value = plain_activation(layer->activation, sum);
        next[r][l + 1] = layer->skip ? fma(layer->scale, value, x[r][l + 1]) : layer->scale * value;
      }
    memcpy(x, next, sizeof x);
  }
  for (int j = 0; j < 2; j++) label[j] = x[j][1];
}

/* the bits of what is made of + - * alone; else to rounding */
static void teachers(void **unused) {
  static const int activation[2][LAYERS] = {
      {BASIN_RELU, BASIN_LEAKY, BASIN_RELU, BASIN_RELU, BASIN_IDENTITY},
      {BASIN_SOFTPLUS, BASIN_TANH, BASIN_ERF, BASIN_SOFTPLUS, BASIN_TANH}};
  (void)unused;
  for (int a = 0; a < 2; a++) {
    taught t;
    double largest = 0;
    make_teacher(&t, activation[a]);
    const drawn of = draw(&t.of, 0, 40);
    for (int i = 0; i < 40; i++) {
      double want[2];
      plain_labels(&t, of.z + (ptrdiff_t)i * CHANNELS * PIXELS, want);
      for (int j = 0; j < 2; j++) {
        const double error = of.label[2 * i + j] - want[j];
        if (a == 0) assert_true(error == 0);
        assert_within(error, -1e-14, 1e-14);
        largest = fmax(largest, fabs(want[j]));
      }
    }
    assert_within(largest, 0.1, 10);
    free_drawn(of);
  }
}

/* ---- stretches, sizes and sets ---- */

static void check_stretches(cell *c, int64_t n) {
  static const int64_t stretch[] = {1, 2, 3, 7};
  const int64_t d = c->network.channels * c->network.pixels, labels = c->network.labels;
  const drawn all = draw(c, 0, n);
  for (int s = 0; s < LENGTH(stretch); s++)
    for (int64_t first = 0; first < n; first += stretch[s]) {
      const int64_t count = first + stretch[s] < n ? stretch[s] : n - first;
      const drawn some = draw(c, first, count);
      assert_memory_equal(some.z, all.z + first * d, (size_t)(count * d) * sizeof(double));
      assert_memory_equal(some.label, all.label + first * labels,
                          (size_t)(count * labels) * sizeof(double));
      free_drawn(some);
    }
  c->setting.gradient.set_size = n + 1;
  const drawn more = draw(c, 0, n + 1);
  assert_memory_equal(more.z, all.z, (size_t)(n * d) * sizeof(double));
  assert_memory_equal(more.label, all.label, (size_t)(n * labels) * sizeof(double));
  free_drawn(more);
  for (int other = 0; other < 2; other++) { /* another set, another key */
    c->setting.gradient.set += other == 0;
    c->setting.key += (uint64_t)other;
    const drawn apart = draw(c, 0, n);
    for (int64_t i = 0; i < n * d; i++) assert_true(apart.z[i] != all.z[i]);
    assert_true(memcmp(apart.label, all.label, (size_t)(n * labels) * sizeof(double)) != 0);
    free_drawn(apart);
  }
  free_drawn(all);
}

static void stretches(void **unused) {
  static const char *const text[] = {
      "data: {n: 20, channels: 3, pixels: 5, inputs: sphere, labels: {normal: 1}, set: 4}",
      "data: {n: 20, d: 3, inputs: normal, labels: sign}",
      "data: {n: 20, d: 3, inputs: {law: laplace}, labels: {normal: 2}}",
      "data: {n: 20, d: 3, inputs: {law: {student: {degrees: 3}}}, labels: {sign: 2}}"};
  static const int activation[LAYERS] = {BASIN_TANH, BASIN_ERF, BASIN_SOFTPLUS, BASIN_RELU,
                                         BASIN_IDENTITY};
  (void)unused;
  for (int i = 0; i < LENGTH(text); i++) {
    cell c;
    take(text[i], 3, &c);
    check_stretches(&c, 20);
    free_cell(&c);
  }
  taught t;
  make_teacher(&t, activation);
  check_stretches(&t.of, 20);
}

/* what is read of one, with as many labels as it makes */
static void read_teachers(void **unused) {
  cell c;
  (void)unused;
  take("data: {n: 9, channels: 2, pixels: 3, inputs: sphere, labels: {teacher: {layers: [{conv: "
       "{channels: 4, patch: 3}, activation: tanh, scale: 1/sqrt(2 + m)}, {dense: m + 2}]}}}",
       3, &c);
  const basin_network *teacher = c.network.data.teacher;
  assert_int_equal(c.network.labels, 3);
  assert_int_equal(teacher->layers, 2);
  assert_int_equal(teacher->layer[0].pixels, 3);
  assert_int_equal(teacher->layer[0].in, 2);
  assert_int_equal(teacher->layer[1].in, 12);
  assert_true(teacher->layer[0].scale == 1 / sqrt(3));
  assert_int_equal(c.network.data.weights[0].length, 6);
  check_stretches(&c, 9);
  free_cell(&c);
}

/* ---- expressions ---- */

static void expressions(void **unused) {
  section s;
  basin_error error;
  (void)unused;
  open_section(&s, "data: {n: m^2, channels: m + 1, pixels: 2*m, inputs: {law: {student: {degrees: "
                   "m + 2}}}, labels: {normal: sqrt(m)}, set: m - 1, batch: m, outputs: 2}");
  for (int m = 1; m < 4; m++) {
    cell c;
    assert_ok(read_cell(&s, m, 2, &c, &error), error);
    const basin_gradient *g = &c.setting.gradient;
    assert_int_equal(g->set_size, m * m);
    assert_int_equal(g->batch, m);
    assert_int_equal(g->inputs, m);
    assert_int_equal(g->set, m - 1);
    assert_int_equal(g->law.kind, BASIN_LAW_STUDENT);
    assert_true(g->law.degrees == m + 2);
    assert_int_equal(c.network.channels, m + 1);
    assert_int_equal(c.network.pixels, 2 * m);
    assert_int_equal(c.network.labels, 2);
    assert_true(c.network.data.label_scale == sqrt(m));
    free_cell(&c);
  }
  close_section(&s);
}

/* ---- files ---- */

static void write_text(const char *name, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

/* x and y of these ranks, of the numbers 1, 2, 3, ...; NULL: not there. nan: one of x is none */
static void write_hdf5(const char *name, int x_rank, const hsize_t *x_size, int y_rank,
                       const hsize_t *y_size, int nan) {
  char path[128];
  double x[64];
  int y[64];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  for (int i = 0; i < 64; i++) x[i] = nan && i == 4 ? NAN : 1.0 + i, y[i] = 1 + i;
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  if (x_size) assert_true(H5LTmake_dataset_double(file, "x", x_rank, x_size, x) >= 0);
  if (y_size) assert_true(H5LTmake_dataset_int(file, "y", y_rank, y_size, y) >= 0);
  H5Fclose(file);
}

/* what a text says, on a file: n, channels, pixels, labels, and the first input and label */
static uint64_t check_file(const char *text, int64_t n, int64_t channels, int64_t pixels,
                           int64_t labels, const double *x, const double *y) {
  section s;
  cell c;
  basin_error error;
  open_section(&s, text);
  assert_ok(read_cell(&s, 1, labels, &c, &error), error);
  assert_int_equal(c.setting.gradient.set_size, n);
  assert_int_equal(c.network.channels, channels);
  assert_int_equal(c.network.pixels, pixels);
  assert_int_equal(c.network.labels, labels);
  const drawn of = draw(&c, 0, n), last = draw(&c, n - 1, 1);
  assert_memory_equal(of.z, x, (size_t)(n * channels * pixels) * sizeof *x);
  assert_memory_equal(of.label, y, (size_t)(n * labels) * sizeof *y);
  assert_memory_equal(last.z, x + (n - 1) * channels * pixels,
                      (size_t)(channels * pixels) * sizeof *x);
  free_drawn(of);
  free_drawn(last);
  assert_true(basin_album_bytes(&s.album) == 8.0 * (3 * 4 + 3 * (double)labels));
  assert_int_equal(s.album.tables, 1);
  const uint64_t checksum = c.network.data.checksum;
  free_cell(&c);
  close_section(&s);
  return checksum;
}

static void files(void **unused) {
  static const double x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, y[] = {1, 2, 3},
                      pairs[] = {1, 2, 3, 4, 5, 6};
  static const hsize_t x_size[2] = {3, 4}, y_size[1] = {3}, y_table[2] = {3, 2};
  (void)unused;
  write_text("a.csv", "1, 2, 3, 4, 1\n5,6,7,8,2\n\n# a remark\n9 10 11 12 3\n");
  write_text("b.csv", "1,2,3,4,1,2\n5,6,7,8,3,4\n9,10,11,12,5,6\n");
  write_text("c.csv", "1,2,3,4,1\n5,6,7,8,2\n9,10,11,12,3.0000000001\n");
  write_hdf5("a.h5", 2, x_size, 1, y_size, 0);
  write_hdf5("b.h5", 2, x_size, 2, y_table, 0);
  const uint64_t one = check_file("data: {file: a.csv, labels: 1}", 3, 4, 1, 1, x, y),
                 two = check_file("data: {file: b.csv, labels: 2}", 3, 4, 1, 2, x, pairs);
  assert_true(one != two);
  assert_true(one == check_file("data: {file: a.h5}", 3, 4, 1, 1, x, y));
  assert_true(two == check_file("data: {file: b.h5, labels: 2}", 3, 4, 1, 2, x, pairs));
  assert_true(one == check_file("data: {file: a.h5, labels: m, channels: 2*m}", 3, 2, 2, 1, x, y));
  assert_true(one ==
              check_file("data: {file: a.csv, labels: 1, n: 2, batch: 2}", 2, 4, 1, 1, x, y));
  cell c;
  section s;
  basin_error error;
  open_section(&s, "data: {file: c.csv, labels: 1}");
  assert_ok(read_cell(&s, 1, 1, &c, &error), error);
  assert_true(c.network.data.checksum != one);
  close_section(&s);
}

/* files, and one of them with other labels, beside each other; a negative zero is 0 */
static void many_files(void **unused) {
  section s;
  cell one, two, again;
  basin_error error;
  (void)unused;
  write_text("zero.csv", "-0,2,3,4\n5,6,-0,8\n");
  open_section(&s, "data: {file: zero.csv, labels: m}");
  assert_ok(read_cell(&s, 1, 1, &one, &error), error);
  assert_ok(read_cell(&s, 2, 2, &two, &error), error);
  assert_ok(read_cell(&s, 1, 1, &again, &error), error);
  assert_ptr_equal(one.network.data.x, again.network.data.x);
  assert_int_equal(one.network.channels, 3);
  assert_int_equal(two.network.channels, 2);
  assert_true(one.network.data.x[3] == 5 && two.network.data.x[2] == 5);
  assert_true(two.network.data.y[0] == 3 && !signbit(two.network.data.y[2]));
  assert_true(!signbit(one.network.data.x[0]));
  assert_true(basin_album_bytes(&s.album) == 8.0 * (8 + 8));
  close_section(&s);
}

/* all cells have one copy, read once: the file may go then */
static void one_copy(void **unused) {
  section s;
  basin_error error;
  const double *x = NULL;
  char path[128];
  (void)unused;
  write_text("once.csv", "1,2,3\n4,5,6\n");
  snprintf(path, sizeof path, "%s/once.csv", folder);
  open_section(&s, "data: {file: once.csv, labels: 1, batch: \"min(2, 1 + m)\"}");
  for (int m = 0; m < 100000; m++) {
    cell c;
    assert_ok(read_cell(&s, m, 1, &c, &error), error);
    if (!x) remove(path);
    if (x) assert_ptr_equal(x, c.network.data.x);
    x = c.network.data.x;
  }
  assert_true(basin_album_bytes(&s.album) == 8.0 * 6);
  close_section(&s);
}

/* the values of a file, which of them and how, are what an experiment is; where they lie is not */
static void identities(void **unused) {
  static const char *const data[] = {"{file: a.csv, labels: 1}",
                                     "{file: a.h5}",
                                     "{file: c.csv, labels: 1}",
                                     "{file: a.csv, labels: 1, n: 2}",
                                     "{file: a.csv, labels: 1, batch: 2}",
                                     "{n: 3, d: 4, inputs: sphere, labels: {normal: 1}}",
                                     "{n: 3, d: 4, inputs: normal, labels: {normal: 1}}",
                                     "{n: 3, d: 4, inputs: sphere, labels: {normal: 2}}",
                                     "{n: 3, d: 4, inputs: sphere, labels: {normal: 1}, set: 1}",
                                     "{n: 3, d: 4, inputs: sphere, labels: {low_rank: {singular: "
                                     "[1]}}}",
                                     "{n: 3, d: 4, inputs: sphere, labels: {teacher: {layers: "
                                     "[{dense: 1}]}}}",
                                     "{n: 3, d: 4, inputs: sphere, labels: {teacher: {layers: "
                                     "[{dense: 1, scale: 2}]}}}"};
  uint64_t seen[LENGTH(data)];
  char path[128];
  (void)unused;
  snprintf(path, sizeof path, "%s/e.yaml", folder);
  for (int i = 0; i < LENGTH(data); i++) {
    char text[512];
    basin_experiment *e = NULL;
    basin_error error;
    snprintf(text, sizeof text,
             "model: network\ntrials: 2\nlayers: [{dense: 1}]\ndata: %s\nschedule: [{eta: 0.1}]\n"
             "stop: {at: 1e-9, max_steps: 4}\n",
             data[i]);
    assert_ok(basin_experiment_parse(path, text, (int64_t)strlen(text), NULL, 0, &e, &error),
              error);
    seen[i] = e->identity;
    basin_experiment_free(e);
    for (int j = 0; j < i; j++)
      if ((seen[i] == seen[j]) != (i == 1 && j == 0)) fail_msg("%s and %s", data[i], data[j]);
  }
}

/* the coordinates that are asked for, for they decide the rounding; which are taken where nobody asks follows from the
   rest */
static void coordinates(void **unused) {
  static const char *const layer[] = {"", ", coordinates: weights", ", coordinates: inputs"};
  uint64_t seen[3];
  (void)unused;
  for (int i = 0; i < 3; i++) {
    char text[256];
    basin_experiment *e = NULL;
    basin_error error;
    snprintf(
        text, sizeof text,
        "model: network\ntrials: 2\nlayers: [{dense: 1%s}]\ndata: {n: 3, d: 4, inputs: sphere, "
        "labels: sign}\nschedule: [{eta: 0.1}]\nstop: {at: 1e-9, max_steps: 4}\n",
        layer[i]);
    assert_ok(basin_experiment_parse("e.yaml", text, (int64_t)strlen(text), NULL, 0, &e, &error),
              error);
    seen[i] = e->identity;
    assert_int_equal(e->cell[0].setting.network->layer[0].coordinates, i);
    assert_int_equal(e->cell[0].setting.size.width, i == 1 ? 1 : 4 + 3);
    basin_experiment_free(e);
  }
  assert_true(seen[0] != seen[1] && seen[0] != seen[2] && seen[1] != seen[2]);
}

/* ---- what is refused ---- */

static void refused(void **unused) {
  static const char *const wrong[][2] = {
      {"3", "e.yaml:1:7: data: expected a mapping"},
      {"{d: 5, inputs: sphere, labels: sign}", "e.yaml:1:8: data.n is missing"},
      {"{n: 0, d: 5, inputs: sphere, labels: sign}", "e.yaml:1:11: data.n is 0"},
      {"{n: 1e10, d: 5, inputs: sphere, labels: sign}", "data.n is 10000000000"},
      {"{n: 5.5, d: 5, inputs: sphere, labels: sign}", "expected a whole number"},
      {"{n: 5, inputs: sphere, labels: sign}", "data.d is missing"},
      {"{n: 5, d: 2, pixels: 3, inputs: sphere, labels: sign}", "data.pixels: give either d"},
      {"{n: 5, pixels: 3, inputs: sphere, labels: sign}", "data.channels is missing"},
      {"{n: 5, channels: 3, inputs: sphere, labels: sign}", "data.pixels is missing"},
      {"{n: 5, d: 1e9, inputs: sphere, labels: sign}", "data.d is 1000000000"},
      {"{n: 5, channels: 1e5, pixels: 1e5, inputs: sphere, labels: sign}", "channels x pixels"},
      {"{n: 5, d: 3e7, inputs: {law: {student: {degrees: 3}}}, labels: sign}",
       "an input of this law has at most 16777216 numbers"},
      {"{n: 5, d: 2, labels: sign}", "data.inputs is missing: sphere, normal"},
      {"{n: 5, d: 2, inputs: spheer, labels: sign}",
       "e.yaml:1:28: data.inputs: unknown word `spheer`, did you mean `sphere`?"},
      {"{n: 5, d: 2, inputs: [1], labels: sign}", "data.inputs: expected sphere, normal"},
      {"{n: 5, d: 2, inputs: {laws: normal}, labels: sign}", "did you mean `law`"},
      {"{n: 5, d: 2, inputs: {law: laplase}, labels: sign}", "did you mean `laplace`"},
      {"{n: 5, d: 2, inputs: identity, labels: sign}",
       "e.yaml:1:11: data.n is 5, and there are 2 unit vectors"},
      {"{n: 5, d: 2, inputs: sphere}", "data.labels is missing: {normal: sd}"},
      {"{n: 5, d: 2, inputs: sphere, labels: sing}", "did you mean `sign`"},
      {"{n: 5, d: 2, inputs: sphere, labels: {norm: 1}}", "did you mean `normal`"},
      {"{n: 5, d: 2, inputs: sphere, labels: {normal: 1, sign: 1}}", "data.labels: expected"},
      {"{n: 5, d: 2, inputs: sphere, labels: {normal: -1}}",
       "data.labels.normal is -1, expected a number from 0 on"},
      {"{n: 5, d: 2, inputs: sphere, labels: {low_rank: {singular: []}}}",
       "expected a list of singular values"},
      {"{n: 1, d: 2, inputs: sphere, labels: {low_rank: {singular: [1, 2]}}}",
       "2 of them, and there are 1 inputs"},
      {"{n: 5, d: 2, inputs: sphere, labels: {low_rank: {singular: [1, 2, 3]}}}",
       "3 singular values, and an input has 2 labels"},
      {"{n: 5, d: 2, inputs: sphere, labels: {low_rank: {singulars: [1]}}}",
       "did you mean `singular`"},
      {"{n: 5, d: 2, inputs: sphere, labels: {teacher: {layer: []}}}", "did you mean `layers`"},
      {"{n: 5, d: 2, inputs: sphere, labels: {teacher: {}}}", "teacher.layers is missing"},
      {"{n: 5, d: 2, inputs: sphere, labels: {teacher: {layers: [{dense: 0}]}}}",
       "e.yaml:1:72: data.labels.teacher.layers.1 is 0"},
      {"{n: 5, d: 2, inputs: sphere, labels: {teacher: {layers: [{dense: 2}]}}, outputs: 3}",
       "data.outputs is 3, and the teacher makes 2"},
      {"{n: 5, d: 2, inputs: sphere, labels: {teacher: {layers: [{dense: 3}]}}}",
       "an input has 3 labels, and the last layer makes 2"},
      {"{n: 5, d: 3, inputs: sphere, labels: {teacher: {layers: [{dense: 9e6}]}}}",
       "layer 1 has too many weights"},
      {"{n: 5, d: 2, inputs: sphere, labels: sign, set: -1}", "data.set is -1"},
      {"{n: 5, d: 2, inputs: sphere, labels: sign, batch: 6}", "data.batch is 6, expected"},
      {"{n: 5, d: 2, inputs: sphere, labels: sign, outputs: 3}",
       "an input has 3 labels, and the last layer makes 2 numbers"},
      {"{n: 5, d: 2, inputs: sphere, label: sign}", "did you mean `labels`"},
      {"{file: none.csv, labels: 2}", "none.csv: no file that can be read"},
      {"{file: ., labels: 2}", "no file that can be read"},
      {"{file: [1], labels: 2}", "data.file: expected a path"},
      {"{file: right.csv}", "e.yaml:1:14: data.labels is missing: how many"},
      {"{file: right.csv, labels: 4}", "has 4 columns, expected at least 5"},
      {"{file: right.csv, labels: 2, channels: 3}", "data.channels is 3, expected"},
      {"{file: three.csv, labels: 2, channels: 2}", "are no multiple of it"},
      {"{file: right.csv, labels: 2, n: 3}", "data.n is 3, expected a whole number from 1 to 2"},
      {"{file: right.csv, labels: 2, batch: 3}", "data.batch is 3"},
      {"{file: right.csv, labels: 1}", "an input has 1 labels, and the last layer makes 2"},
      {"{file: right.csv, labels: 2, inputs: sphere}", "unknown key `inputs`"},
      {"{file: short.csv, labels: 2}", "short.csv:2: this row has another number of entries"},
      {"{file: nan.csv, labels: 2}", "nan.csv:3: that is no number"},
      {"{file: inf.csv, labels: 2}", "inf.csv:1: that is no number"},
      {"{file: head.csv, labels: 2}", "head.csv:1: that is no number"},
      {"{file: empty.csv, labels: 2}", "empty.csv: no numbers in it"},
      {"{file: right.h5, labels: 1}", "data.labels is 1, and `y`"},
      {"{file: no_x.h5}", "e.yaml:1:14: data.file: "},
      {"{file: no_x.h5}", "has no variable `x`"},
      {"{file: no_y.h5}", "has no variable `y`"},
      {"{file: flat.h5}", "the variable `x` is no array of examples x numbers"},
      {"{file: deep.h5}", "the variable `y` is no array of examples"},
      {"{file: other.h5}", "`x` has 3 examples, and `y` has 2"},
      {"{file: nan.h5}", "the variable `x` has a number that is infinite, or none, in row 1"},
      {"{file: huge.h5}", "the variable `x` has more than 2 GiB"},
      {"{file: words.h5}", "the variable `x` has no numbers"},
      {"{file: torn.h5}", "torn.h5"}};
  char path[128];
  (void)unused;
  write_text("right.csv", "1,2,3,4\n5,6,7,8\n");
  write_text("three.csv", "1,2,3,4,5\n");
  write_text("short.csv", "1,2,3,4\n5,6,7\n");
  write_text("nan.csv", "1,2,3,4\n\n5,6,nan,8\n");
  write_text("inf.csv", "1,2,3,1e999\n");
  write_text("head.csv", "x1,x2,y1,y2\n1,2,3,4\n");
  write_text("empty.csv", "\n# nothing\n");
  write_hdf5("right.h5", 2, (const hsize_t[2]){3, 4}, 2, (const hsize_t[2]){3, 2}, 0);
  write_hdf5("no_x.h5", 0, NULL, 1, (const hsize_t[1]){3}, 0);
  write_hdf5("no_y.h5", 2, (const hsize_t[2]){3, 4}, 0, NULL, 0);
  write_hdf5("flat.h5", 1, (const hsize_t[1]){3}, 1, (const hsize_t[1]){3}, 0);
  write_hdf5("deep.h5", 2, (const hsize_t[2]){3, 4}, 3, (const hsize_t[3]){3, 1, 1}, 0);
  write_hdf5("other.h5", 2, (const hsize_t[2]){3, 4}, 1, (const hsize_t[1]){2}, 0);
  write_hdf5("nan.h5", 2, (const hsize_t[2]){3, 4}, 1, (const hsize_t[1]){3}, 1);
  snprintf(path, sizeof path, "%s/huge.h5", folder);
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t pieces = H5Pcreate(H5P_DATASET_CREATE),
              space = H5Screate_simple(2, (const hsize_t[2]){1 << 15, 1 << 14}, NULL);
  H5Pset_chunk(pieces, 2, (const hsize_t[2]){64, 64});
  H5Dclose(H5Dcreate2(file, "x", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, pieces, H5P_DEFAULT));
  double pad[64 * 1024] = {1}; /* a file that could hold as much, packed */
  assert_true(H5LTmake_dataset_double(file, "y", 1, (const hsize_t[1]){LENGTH(pad)}, pad) >= 0);
  H5Sclose(space);
  H5Pclose(pieces);
  H5Fclose(file);
  snprintf(path, sizeof path, "%s/words.h5", folder);
  file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(H5LTmake_dataset_string(file, "x", "one two") >= 0);
  H5Fclose(file);
  write_text("torn.h5", "\211HDF\r\n\032\n and no more");
  for (int i = 0; i < LENGTH(wrong); i++) {
    char text[256];
    section s;
    cell c;
    basin_error error;
    snprintf(text, sizeof text, "data: %s", wrong[i][0]);
    open_section(&s, text);
    if (read_cell(&s, 1, 2, &c, &error) != BASIN_BAD_INPUT) fail_msg("%s was taken", wrong[i][0]);
    if (!strstr(error.text, wrong[i][1]) || strncmp(error.text, "e.yaml:1:", 9) != 0)
      fail_msg("%s: %s", wrong[i][0], error.text);
    if (strchr(error.text, '\n')) fail_msg("more than a line: %s", error.text);
    free_cell(&c);
    close_section(&s);
  }
}

/* ---- layers ---- */

static void layers(void **unused) {
  section s;
  basin_network_layers l;
  basin_error error;
  (void)unused;
  open_section(
      &s, "data: [{conv: {channels: 3, patch: 3}, activation: relu, scale: c_sigma*H, init: sign},"
          " {dense: 4, init: zero, train: false}, {dense: 1}]");
  assert_ok(basin_network_layers_read(&s.scope, s.node, "layers", 2, 5, &l, &error), error);
  assert_int_equal(l.count, 3);
  const basin_network_layer conv = l.layer[0];
  assert_true(conv.in == 2 && conv.out == 3 && conv.patch == 3 && conv.pixels == 5);
  assert_true(conv.scale == 4 && conv.activation == BASIN_RELU && conv.trained && !conv.skip);
  assert_true(l.layer[1].in == 15 && l.layer[1].pixels == 1 && !l.layer[1].trained);
  assert_true(l.layer[2].in == 4 && l.layer[2].scale == 1 && l.layer[2].trained);
  for (int h = 0; h < 3; h++) {
    static const basin_vector want[] = {
        {.source = BASIN_SIGN, .rows = 3, .length = 6, .scale = 1},
        {.source = BASIN_NORMAL, .rows = 4, .length = 15},
        {.source = BASIN_NORMAL, .rows = 1, .length = 4, .scale = 1}};
    const basin_vector *w = &l.weights[h];
    assert_true(w->source == want[h].source && w->rows == want[h].rows);
    assert_true(w->length == want[h].length && w->scale == want[h].scale);
  }
  basin_network_layers_free(&l);
  close_section(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(laws),        cmocka_unit_test(fourth_moments),
      cmocka_unit_test(signs),       cmocka_unit_test(low_rank),
      cmocka_unit_test(teachers),    cmocka_unit_test(read_teachers),
      cmocka_unit_test(stretches),   cmocka_unit_test(expressions),
      cmocka_unit_test(files),       cmocka_unit_test(one_copy),
      cmocka_unit_test(many_files),  cmocka_unit_test(identities),
      cmocka_unit_test(coordinates), cmocka_unit_test(words),
      cmocka_unit_test(layers),      cmocka_unit_test(refused)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
