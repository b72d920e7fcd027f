/* SPDX-License-Identifier: MIT
 *
 * test_emit.c: headers that formula/emit.c writes. Graphs are built by hand here, with their derivatives; the emitted
 * text is compiled as the engine is, for every instruction set, and its steps are compared, bit for bit, with an
 * interpreter of the graph and the methods in plain doubles; the derivatives with differences of the loss.
 */
#include "formula/contract.h"
#include "formula/emit.h"
#include "numeric/flow.h"
#include "seam/model.h"
#include "folder.h"
#include "own_lanes.h"
#include "test.h"
#include <dlfcn.h>

/* ---- graphs ---- */

static formula_model *m;

static void *copy(const void *from, size_t size) {
  void *to = calloc(1, size + 1);
  assert_non_null(to);
  memcpy(to, from, size);
  return to;
}
static char *text_of(const char *text) { return copy(text, strlen(text)); }

static int size(const char *text) {
  const formula_size row = {.constant = text[0] != 'P', .value = atoi(text), .text = text_of(text)};
  for (int i = 0; i < m->sizes; i++)
    if (!strcmp(m->size[i].text, text)) {
      free(row.text);
      return i;
    }
  m->size = realloc(m->size, (size_t)(m->sizes + 1) * sizeof *m->size);
  m->size[m->sizes] = row;
  return m->sizes++;
}

static formula_shape shape(const char *rows, const char *columns) {
  formula_shape s = {.rank = !rows ? 0 : !columns ? 1 : 2};
  if (rows) s.size[0] = size(rows);
  if (columns) s.size[1] = size(columns);
  return s;
}

static formula_node node_of(formula_operation operation, formula_shape s, int x, int y, int z) {
  formula_node node;
  memset(&node, 0, sizeof node);
  node.operation = operation;
  node.shape = s;
  node.is_mask = operation >= FORMULA_LT && operation <= FORMULA_NOT;
  node.of[0] = x;
  node.of[1] = y;
  node.of[2] = z;
  node.index = -1;
  node.begin[0] = node.begin[1] = -1;
  return node;
}
static int put(formula_node node) {
  const int number = basin_formula_add(m, &node);
  assert_true(number >= 0);
  return number;
}
static int add(formula_operation operation, formula_shape s, int x, int y, int z) {
  return put(node_of(operation, s, x, y, z));
}

static int leaf(formula_operation operation, formula_array **array, int *count, const char *name,
                formula_shape s, double initial, const double *value) {
  formula_node node = node_of(operation, s, -1, -1, -1);
  node.index = *count;
  *array = realloc(*array, (size_t)(*count + 1) * sizeof **array);
  (*array)[(*count)++] = (formula_array){text_of(name), s, initial, NULL};
  if (value) {
    const int64_t n = m->size[s.size[0]].value * (s.rank == 2 ? m->size[s.size[1]].value : 1);
    (*array)[*count - 1].value = copy(value, (size_t)n * sizeof *value);
  }
  return put(node);
}
static int parameter(const char *name, double initial, int is_size) {
  m->is_size = realloc(m->is_size, (size_t)(m->parameters + 1) * sizeof *m->is_size);
  m->is_size[m->parameters] = is_size;
  return leaf(FORMULA_PARAMETER, &m->parameter, &m->parameters, name, shape(NULL, NULL), initial,
              NULL);
}
static int state(const char *name, formula_shape s) {
  return leaf(FORMULA_STATE, &m->state, &m->states, name, s, 0, NULL);
}
static int teacher(const char *name, formula_shape s) {
  return leaf(FORMULA_TEACHER, &m->teacher, &m->teachers, name, s, 0, NULL);
}
static int input(const char *name, formula_shape s) {
  return leaf(FORMULA_INPUT, &m->input, &m->inputs, name, s, 0, NULL);
}
static int constant(const char *name, formula_shape s, const double *value) {
  return leaf(FORMULA_CONSTANT, &m->constant, &m->constants, name, s, 0, value);
}
static int number(double x) {
  formula_node node = node_of(FORMULA_NUMBER, shape(NULL, NULL), -1, -1, -1);
  node.number = x;
  return put(node);
}
/* the larger of two shapes */
static formula_shape wider(int x, int y) {
  return m->node[x].shape.rank ? m->node[x].shape : m->node[y].shape;
}
static int binary(formula_operation operation, int x, int y) {
  return add(operation, wider(x, y), x, y, -1);
}
static int unary(formula_operation operation, int x) {
  return add(operation, m->node[x].shape, x, -1, -1);
}
static int whole(formula_operation operation, int x, int y) {
  return add(operation, shape(NULL, NULL), x, y, -1);
}
static int plus(int x, int y) { return binary(FORMULA_ADD, x, y); }
static int minus(int x, int y) { return binary(FORMULA_SUB, x, y); }
static int times(int x, int y) { return binary(FORMULA_MUL, x, y); }
static int over(int x, int y) { return binary(FORMULA_DIV, x, y); }
static int sum(int x) { return whole(FORMULA_SUM, x, -1); }
static int dot(int x, int y) { return whole(FORMULA_DOT, x, y); }
static int product(int x, int y, formula_shape s) { return add(FORMULA_DOT, s, x, y, -1); }
static int transpose(int x) {
  const formula_shape s = {2, {m->node[x].shape.size[1], m->node[x].shape.size[0]}};
  return add(FORMULA_TRANSPOSE, s, x, -1, -1);
}
static int part(formula_operation operation, int x, formula_shape s, const char *row,
                const char *column, int drop_row, int drop_column) {
  formula_node node = node_of(operation, s, x, -1, -1);
  if (row) node.begin[0] = size(row);
  if (column) node.begin[1] = size(column);
  node.drop[0] = drop_row;
  node.drop[1] = drop_column;
  return put(node);
}

static void begin(const char *title) {
  m = calloc(1, sizeof *m);
  assert_non_null(m);
  m->title = text_of(title);
  m->when = -1;
  shape("1", NULL);
}
/* the derivatives by the states, in their order */
static void end(int loss, int first, int second) {
  m->loss = loss;
  m->gradient = calloc(2, sizeof *m->gradient);
  m->gradient[0] = first;
  m->gradient[1] = second;
  m->norm2 = -1;
  for (int i = 0; i < m->states && !m->inputs; i++) {
    const int g = m->gradient[i], rank = m->node[g].shape.rank;
    const int square = rank == 1 ? dot(g, g) : rank == 2 ? sum(times(g, g)) : times(g, g);
    m->norm2 = i ? plus(m->norm2, square) : square;
  }
}
static void observable(const char *name, int node) {
  m->observable = realloc(m->observable, (size_t)(m->observables + 1) * sizeof *m->observable);
  m->observable[m->observables++] = (formula_result){text_of(name), node};
}

/* ---- the models ---- */

/* s sum_i A_i exp(a_i (x - X_i)^2 + b_i (x - X_i)(y - Y_i) + c_i (y - Y_i)^2), in registers */
static void mueller_brown(void) {
  static const double A[] = {-200, -100, -170, 15}, a[] = {-1, -1, -6.5, 0.7},
                      b[] = {0, 0, 11, 0.6}, c[] = {-10, -10, -6.5, 0.7}, X[] = {1, 0, -0.5, -1},
                      Y[] = {0, 0.5, 1.5, 1};
  begin("the M\"uller-Brown \\potential\?\?/");
  const int s = parameter("s", 0.01, 0), x = state("x", shape(NULL, NULL)),
            y = state("y", shape(NULL, NULL));
  int loss = number(0), by_x = loss, by_y = loss;
  for (int i = 0; i < 4; i++) {
    const int u = minus(x, number(X[i])), v = minus(y, number(Y[i]));
    const int form = plus(plus(times(number(a[i]), times(u, u)), times(number(b[i]), times(u, v))),
                          times(number(c[i]), times(v, v)));
    const int term = times(times(s, number(A[i])), unary(FORMULA_EXP, form));
    loss = plus(loss, term);
    by_x = plus(by_x, times(term, plus(times(number(2 * a[i]), u), times(number(b[i]), v))));
    by_y = plus(by_y, times(term, plus(times(number(b[i]), u), times(number(2 * c[i]), v))));
  }
  end(loss, by_x, by_y);
  observable("r", unary(FORMULA_SQRT, plus(times(x, x), times(y, y))));
  m->when = add(FORMULA_AND, shape(NULL, NULL), binary(FORMULA_LT, m->loss, number(-0.5)),
                add(FORMULA_NOT, shape(NULL, NULL), binary(FORMULA_LE, x, number(0)), -1, -1), -1);
}

/* Rosenbrock's function, of a length that the cell knows: slices, and adjoints of slices */
static void rosenbrock(void) {
  begin("rosenbrock");
  parameter("n", 10, 1);
  const formula_shape all = shape("P(n)", NULL), less = shape("P(n) - 1", NULL);
  const int x = state("x", all);
  const int low = part(FORMULA_SLICE, x, less, "0", NULL, 0, 0),
            high = part(FORMULA_SLICE, x, less, "1", NULL, 0, 0);
  const int f = minus(number(1), low), g = minus(high, times(low, low));
  const int loss = sum(plus(times(f, f), times(number(100), times(g, g))));
  const int by_low = minus(times(number(-2), f), times(times(number(400), g), low)),
            by_high = times(number(200), g);
  end(loss,
      plus(part(FORMULA_PLACE, by_low, all, "0", NULL, 0, 0),
           part(FORMULA_PLACE, by_high, all, "1", NULL, 0, 0)),
      -1);
  observable("most", whole(FORMULA_MAXIMUM, unary(FORMULA_ABS, x), -1));
}

enum { ROWS = 21, COLUMNS = 11 };

/* phase retrieval: sum_i ((A_i x)^2 - y_i)^2 / 4 n, A and y being constants */
static void phase(void) {
  double A[ROWS * COLUMNS], y[ROWS];
  uint64_t random = 7;
  for (int i = 0; i < ROWS * COLUMNS; i++) A[i] = test_uniform(&random) - 0.5;
  for (int i = 0; i < ROWS; i++) y[i] = test_uniform(&random);
  begin("phase retrieval");
  const formula_shape rows = shape("21", NULL), columns = shape("11", NULL);
  const int x = state("x", columns), a = constant("A", shape("21", "11"), A),
            of = constant("y", rows, y);
  const int z = product(a, x, rows), e = minus(times(z, z), of);
  end(over(sum(times(e, e)), number(4 * ROWS)),
      product(over(times(e, z), number(ROWS)), a, columns), -1);
}

/* the same with a matrix and a signal of each trial's own */
static void drawn(void) {
  begin("phase retrieval of drawn signals");
  const int n = parameter("n", 21, 1);
  parameter("d", 9, 1);
  const formula_shape rows = shape("P(n)", NULL), columns = shape("P(d)", NULL);
  const int x = state("x", columns), a = teacher("A", shape("P(n)", "P(d)")),
            star = teacher("x_star", columns);
  const int z = product(a, x, rows), of = product(a, star, rows);
  const int e = minus(times(z, z), times(of, of));
  end(over(sum(times(e, e)), times(number(4), n)),
      product(transpose(a), over(times(e, z), n), columns), -1);
  observable("overlap", over(dot(x, star), times(unary(FORMULA_SQRT, dot(x, x)),
                                                 unary(FORMULA_SQRT, dot(star, star)))));
}

/* the convolutional network of models/conv: r^2 / 2, r = a'relu(Z v)/|v| - a*'relu(Z v*) */
static void network(void) {
  begin("cnn");
  parameter("k", 6, 1);
  parameter("p", 5, 1);
  const formula_shape k = shape("P(k)", NULL), p = shape("P(p)", NULL);
  const int a = state("a", k), v = state("v", p), a_star = teacher("a_star", k),
            v_star = teacher("v_star", p);
  const int Z = input("Z", shape("P(k)", "P(p)"));
  const int u = product(Z, v, k), on = unary(FORMULA_RELU, u),
            norm = unary(FORMULA_SQRT, dot(v, v));
  const int r = minus(over(dot(a, on), norm),
                      dot(a_star, unary(FORMULA_RELU, product(Z, v_star, k))));
  const int by_a = times(over(r, norm), on);
  const int weight = times(times(over(r, norm), a), unary(FORMULA_STEP, u));
  const int along = over(times(r, dot(a, on)), times(norm, dot(v, v)));
  end(times(number(0.5), times(r, r)), by_a, minus(product(weight, Z, p), times(along, v)));
  observable("norm_v", norm);
}

/* |U V' - M|^2 / 2, and terms of rows, columns, largest entries and outer products */
static void matrices(void) {
  begin("matrices");
  parameter("m", 4, 1);
  parameter("r", 3, 1);
  const formula_shape of_u = shape("P(m)", "P(r)"), of_v = shape("P(m) + 1", "P(r)"),
                      none = shape(NULL, NULL);
  const int U = state("U", of_u), V = state("V", of_v), M = teacher("M", shape("P(m)", "P(m) + 1"));
  const int R = minus(product(U, transpose(V), shape("P(m)", "P(m) + 1")), M);
  const int top = whole(FORMULA_MAXIMUM, U, -1);
  const int row = part(FORMULA_SLICE, U, shape("P(r)", NULL), "0", "0", 1, 0);
  const int column = part(FORMULA_SLICE, V, shape("P(m) + 1", NULL), "0", "1", 0, 1);
  const int corner = part(FORMULA_SLICE, V, none, "P(m)", "0", 1, 1);
  const int outer = add(FORMULA_OUTER, shape("P(r)", "P(m) + 1"), row, column, -1);
  const int mask = binary(FORMULA_LT, U, number(0.1));
  const int loss = plus(
      plus(times(number(0.5), sum(times(R, R))), plus(top, sum(outer))),
      plus(times(corner, corner), sum(add(FORMULA_SELECT, of_u, mask, U, times(U, U)))));
  int by_u = product(R, V, of_u), by_v = product(transpose(R), U, of_v);
  by_u = plus(by_u, add(FORMULA_FIRST_OF, of_u, U, top, -1));
  by_u = plus(by_u, part(FORMULA_PLACE, add(FORMULA_FILL, shape("P(r)", NULL), sum(column), -1, -1),
                         of_u, "0", "0", 1, 0));
  by_u = plus(by_u, add(FORMULA_SELECT, of_u, mask, add(FORMULA_FILL, of_u, number(1), -1, -1),
                        times(number(2), U)));
  by_v = plus(by_v,
              part(FORMULA_PLACE, add(FORMULA_FILL, shape("P(m) + 1", NULL), sum(row), -1, -1),
                   of_v, "0", "1", 0, 1));
  by_v = plus(by_v, part(FORMULA_PLACE, times(number(2), corner), of_v, "P(m)", "0", 1, 1));
  end(loss, by_u, by_v);
  observable("top", top);
  observable("least", whole(FORMULA_MINIMUM, outer, -1));
  observable("firsts", sum(add(FORMULA_FIRST_OF, of_u, U, top, -1)));
  m->bound = calloc(1, sizeof *m->bound);
  m->bound[0] = (formula_bound){size("P(r)"), 2, text_of("mine.yaml:3:9: \"r\" is too small")};
  m->bounds = 1;
}

/* ---- the interpreter ---- */

static double parameters[8];

static int64_t size_value(int row) { /* sums of P(name) and whole numbers */
  const char *text = m->size[row].text;
  double value = 0, sign = 1;
  for (; *text; text++) {
    if (*text == '-') sign = -1;
    else if (*text == '+') sign = 1;
    else if (*text >= '0' && *text <= '9') {
      char *behind;
      value += sign * (double)strtol(text, &behind, 10);
      text = behind - 1;
    } else if (*text == 'P') {
      for (int i = 0; i < m->parameters; i++)
        if (text[2] == m->parameter[i].name[0]) value += sign * parameters[i];
      text += 3;
    }
  }
  return (int64_t)value;
}
static int64_t rows_of(const formula_shape *s) { return s->rank == 2 ? size_value(s->size[0]) : 1; }
static int64_t length_of(const formula_shape *s) {
  return s->rank ? size_value(s->size[s->rank - 1]) : 1;
}
static int64_t count_of(const formula_shape *s) { return rows_of(s) * length_of(s); }
static int64_t total_of(const formula_array *array, int count) {
  int64_t total = 0;
  for (int i = 0; i < count; i++) total += count_of(&array[i].shape);
  return total;
}

static double apply(formula_operation operation, double x, double y, double z) {
  switch (operation) {
  case FORMULA_ADD:
    return x + y;
  case FORMULA_SUB:
    return x - y;
  case FORMULA_MUL:
    return x * y;
  case FORMULA_DIV:
    return x / y;
  case FORMULA_NEG:
    return -x;
  case FORMULA_FMA:
    return fma(x, y, z);
  case FORMULA_SQRT:
    return sqrt(x);
  case FORMULA_EXP:
    return r_exp_total(x);
  case FORMULA_ABS:
    return fabs(x);
  case FORMULA_STEP:
    return 0 <= x;
  case FORMULA_RELU:
    return 0 <= x ? x : 0;
  case FORMULA_LT:
    return x < y;
  case FORMULA_LE:
    return x <= y;
  case FORMULA_AND:
    return x != 0 && y != 0;
  case FORMULA_NOT:
    return x == 0;
  case FORMULA_SELECT:
    return x != 0 ? y : z;
  default:
    fail_msg("operation %d", (int)operation);
    return 0;
  }
}

static double strands(const double *x, const double *y, int64_t n) {
  double s[8] = {-0.0, -0.0, -0.0, -0.0, -0.0, -0.0, -0.0, -0.0};
  for (int64_t i = 0; i < n; i++) {
    double *to = &s[n < 8 ? 0 : i % 8];
    *to = y ? fma(x[i], y[i], *to) : *to + x[i];
  }
  for (int half = 4; half; half /= 2)
    for (int i = 0; i < half; i++) s[i] += s[i + half];
  return s[0];
}

static void interpret_part(const formula_node *x, const formula_shape *large,
                           const formula_shape *small, double *in_large, double *in_small,
                           int back) {
  const int64_t columns = length_of(large);
  int64_t from[2] = {0, 0}, count[2] = {1, 1};
  for (int axis = 0, kept = 0; axis < large->rank; axis++) {
    from[axis] = size_value(x->begin[axis]);
    if (!x->drop[axis]) count[axis] = size_value(small->size[kept++]);
  }
  for (int64_t i = 0; i < count[0]; i++)
    for (int64_t j = 0; j < count[1]; j++) {
      double *a = large->rank == 2 ? &in_large[(from[0] + i) * columns + from[1] + j]
                                   : &in_large[from[0] + i];
      double *b = &in_small[i * count[1] + j];
      *(back ? a : b) = *(back ? b : a);
    }
}

/* the entries of every node, [nodes][MOST] */
enum { MOST = 512 };
static double value[400][MOST];

static void interpret_node(int number, const double *const leaves[4]) {
  const formula_node *x = &m->node[number];
  const formula_shape *left = x->of[0] < 0 ? NULL : &m->node[x->of[0]].shape,
                      *right = x->of[1] < 0 ? NULL : &m->node[x->of[1]].shape;
  const double *const array = x->operation == FORMULA_STATE
                                  ? leaves[0] + total_of(m->state, x->index)
                              : x->operation == FORMULA_TEACHER
                                  ? leaves[1] + total_of(m->teacher, x->index)
                              : x->operation == FORMULA_INPUT
                                  ? leaves[2] + total_of(m->input, x->index)
                              : x->operation == FORMULA_CONSTANT ? m->constant[x->index].value
                                                                 : NULL;
  const int64_t n = count_of(&x->shape), columns = length_of(&x->shape);
  double *out = value[number], *a = left ? value[x->of[0]] : NULL,
         *b = right ? value[x->of[1]] : NULL;
  assert_true(n <= MOST && number < 400);
  for (int64_t i = 0; i < n; i++) {
    const int64_t row = i / columns, column = i % columns;
    if (array) out[i] = array[i];
    else if (x->operation == FORMULA_NUMBER) out[i] = x->number;
    else if (x->operation == FORMULA_PARAMETER) out[i] = parameters[x->index];
    else if (x->operation == FORMULA_FILL) out[i] = a[0];
    else if (x->operation == FORMULA_TRANSPOSE) out[i] = a[column * length_of(left) + row];
    else if (x->operation == FORMULA_OUTER) out[i] = a[row] * b[column];
    else if (x->operation == FORMULA_SUM) out[0] = strands(a, NULL, count_of(left));
    else if (x->operation == FORMULA_SLICE) interpret_part(x, left, &x->shape, a, out, 0);
    else if (x->operation == FORMULA_PLACE) out[i] = 0;
    else if (x->operation == FORMULA_MAXIMUM || x->operation == FORMULA_MINIMUM) {
      const int most = x->operation == FORMULA_MAXIMUM;
      out[0] = a[0];
      for (int64_t j = 1; j < count_of(left); j++)
        out[0] = (most ? out[0] < a[j] : a[j] < out[0]) ? a[j] : out[0];
    } else if (x->operation == FORMULA_FIRST_OF) {
      out[i] = a[i] == b[0];
      for (int64_t j = 0; j < i; j++)
        if (a[j] == b[0]) out[i] = 0;
    } else if (x->operation == FORMULA_DOT && x->shape.rank == 0)
      out[0] = strands(a, b, length_of(left));
    else if (x->operation == FORMULA_DOT) {
      const int64_t inner = size_value(right->size[0]),
                    r = left->rank == 2 ? (right->rank == 2 ? row : i) : 0,
                    c = right->rank == 2 ? column : 0, width = right->rank == 2 ? columns : 1;
      for (int64_t j = 0; j < inner; j++)
        out[i] = j ? fma(a[r * inner + j], b[j * width + c], out[i]) : a[r * inner] * b[c];
    } else {
      double of[3] = {0, 0, 0};
      for (int j = 0; j < 3 && x->of[j] >= 0; j++)
        of[j] = value[x->of[j]][m->node[x->of[j]].shape.rank ? i : 0];
      out[i] = apply(x->operation, of[0], of[1], of[2]);
    }
  }
  if (x->operation == FORMULA_PLACE) interpret_part(x, &x->shape, left, out, a, 1);
}

/* the loss; its gradient into g where that is not NULL */
static double interpret(const double *x, const double *teachers, const double *z, double *g) {
  const double *const leaves[4] = {x, teachers, z, NULL};
  for (int i = 0; i < m->nodes; i++) interpret_node(i, leaves);
  for (int i = 0; g && i < m->states; i++) {
    const int64_t n = count_of(&m->state[i].shape);
    memcpy(g, value[m->gradient[i]], (size_t)n * sizeof *g);
    g += n;
  }
  return value[m->loss][0];
}

/* ---- the emitted text, compiled ---- */

static const struct {
  const char *name, *flags;
} isas[] = {{"generic", "-DBASIN_SIMD=0"},
#if defined(__x86_64__)
            {"avx2", "-DBASIN_SIMD=2 -mavx2 -mfma"},
            {"avx512", "-DBASIN_SIMD=5 -mavx512f -mavx512dq -mfma"}
#endif
};
enum { ISAS = (int)(sizeof isas / sizeof isas[0]) };

/* instruction sets that the model at work was compiled for, a bit each: in turn, for compiling takes long */
static unsigned built;

static int can_run(int isa) {
  if (!(built >> isa & 1)) return 0;
#if defined(__x86_64__)
  if (isa == 1) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == 2) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#endif
  return isa == 0;
}

static void emit(const char *name) {
  basin_error error;
  char path[128], *text, *again;
  assert_ok(basin_formula_emit(m, &text, &error), error);
  assert_ok(basin_formula_emit(m, &again, &error), error);
  assert_string_equal(text, again);
  snprintf(path, sizeof path, "%s/%s.h", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
  free(text);
  free(again);
}

#define WARNINGS "-Wall -Wextra -Wpedantic -Wconversion -Werror "
static void compile(const char *compiler, const char *name, int isa, const char *what,
                    const char *source) {
  char command[1024];
  snprintf(
      command, sizeof command,
      "%s -std=c17 -D_GNU_SOURCE %s -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno "
      "-fno-trapping-math " WARNINGS "%s -Iinclude -Ihost -Itests/support -I%s -DBASIN_MODEL=own "
      "-DBASIN_MODEL_HEADER='\"%s.h\"' %s -o %s/%s-%s.so -lm",
      compiler, what, isas[isa].flags, folder, name, source, folder, name, isas[isa].name);
  if (system(command)) fail_msg("%s", command);
}

static void *symbol_of(const char *name, int isa, const char *what) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s-%s.so", folder, name, isas[isa].name);
  void *opened = dlopen(path, RTLD_NOW | RTLD_LOCAL), *symbol = opened ? dlsym(opened, what) : NULL;
  if (!symbol) fail_msg("%s", dlerror());
  return symbol;
}
static own_lanes_run *library(const char *name, int isa) {
  own_lanes_run *run;
  void *symbol = symbol_of(name, isa, "own_lanes");
  memcpy(&run, &symbol, sizeof run);
  return run;
}

/* ---- a cell, and the methods in plain doubles ---- */

enum { TRIALS = 9, STEPS = 4, FIRST = 5, INPUTS = 3, KEY = 4711 };
static basin_vector initial[4], teachers[4];
static basin_stage stage;
static basin_setting setting;

static void vectors_of(const formula_array *array, int count, basin_vector *vector) {
  for (int i = 0; i < count; i++)
    vector[i] = (basin_vector){.source = i ? BASIN_UNIFORM : BASIN_NORMAL,
                               .rows = rows_of(&array[i].shape),
                               .length = length_of(&array[i].shape),
                               .scale = 0.7};
}

static void make_cell(void) {
  for (int i = 0; i < m->parameters; i++) parameters[i] = m->parameter[i].initial;
  memset(&setting, 0, sizeof setting);
  vectors_of(m->state, m->states, initial);
  vectors_of(m->teacher, m->teachers, teachers);
  stage = (basin_stage){.steps = INT64_MAX, .eta = {1e-3}, .scale = 1};
  stage.eta[BASIN_DECAY] = 0.5;
  setting = (basin_setting){.parameter = parameters,
                            .teacher = teachers,
                            .initial = initial,
                            .stage = &stage,
                            .stages = 1,
                            .key = KEY};
  setting.stop.tolerance = 1e-8;
  setting.stop.tolerance_gradient = 1e-8;
  setting.gradient.inputs = INPUTS;
}

/* what is compared: kind, kind+noise, kind:method or kind:method+noise */
typedef struct way {
  char kind[32], method[32];
  int noisy;
} way;

static way way_of(const char *text, int length) {
  way w = {.noisy = 0};
  char copy[64], *plus, *colon;
  snprintf(copy, sizeof copy, "%.*s", length, text);
  plus = strchr(copy, '+');
  if (plus) *plus = 0;
  colon = strchr(copy, ':');
  if (colon) *colon = 0;
  snprintf(w.kind, sizeof w.kind, "%.31s", copy);
  snprintf(w.method, sizeof w.method, "%.31s", colon ? colon + 1 : copy);
  w.noisy = plus || !strcmp(w.kind, "noise");
  return w;
}

static void set_method(const way *w) {
  static const char *const word[] = {"direct", "momentum", "nesterov", "adam", "langevin"};
  double *option = setting.gradient.option;
  memset(option, 0, sizeof setting.gradient.option);
  option[0] = !strcmp(w->method, "langevin") ? 0.3 : 0.9;
  option[1] = 0.999;
  option[2] = 1e-8;
  setting.gradient.noise = w->noisy ? 0.3 : 0;
  setting.gradient.error = 1e-9;
  setting.gradient.method = 0;
  for (int i = 1; i < BASIN_METHODS && m->inputs; i++)
    if (!strcmp(w->method, word[i])) setting.gradient.method = i;
  setting.gradient.law.kind = !strcmp(w->kind, "law") ? BASIN_LAW_RADEMACHER : BASIN_LAW_OWN;
}

/* a step from x, whose gradient is g, of what has been moved */
static void plain_step(const char *kind, uint64_t trial, int step, int64_t n, const double *g,
                       double *x, double moment[2][MOST], double power[2]) {
  const double *option = setting.gradient.option;
  const double eta = 1e-3 * basin_decay(0.5, (uint64_t)step), beta = option[0];
  double z[MOST];
  basin_normals_row(basin_alone, KEY, BASIN_STREAM_PERTURBATION, trial, (uint64_t)step, 0, n, z);
  for (int i = 0; i < 2; i++) power[i] *= option[i];
  for (int64_t i = 0; i < n; i++) {
    double *v = &moment[0][i], *w = &moment[1][i];
    const double slope = setting.gradient.noise > 0 ? fma(setting.gradient.noise, z[i], g[i])
                                                    : g[i];
    if (!strcmp(kind, "adam")) {
      *v = fma(1 - option[0], slope, option[0] * *v);
      *w = fma((1 - option[1]) * slope, slope, option[1] * *w);
      x[i] = fma(-eta, *v * (1 / (1 - power[0])) / (sqrt(*w * (1 / (1 - power[1]))) + option[2]),
                 x[i]);
      continue;
    }
    *v = fma(-eta, slope, beta * *v);
    if (!strcmp(kind, "momentum")) x[i] += *v;
    else if (!strcmp(kind, "nesterov")) x[i] += fma(-eta, slope, beta * *v);
    else x[i] = fma(-eta, slope, x[i]);
    if (!strcmp(kind, "langevin")) x[i] = fma(sqrt((eta + eta) * option[0]), z[i], x[i]);
  }
}

/* number `which` of the inputs of a stream and step */
static void draw_input(int stream, uint64_t trial, int step, int which, double *z) {
  int64_t block = 0;
  for (int i = 0; i < m->inputs; i++)
    block += which * rows_of(&m->input[i].shape) * ((length_of(&m->input[i].shape) + 1) / 2);
  for (int i = 0; i < m->inputs; i++) {
    const int64_t length = length_of(&m->input[i].shape);
    for (int64_t row = 0; row < rows_of(&m->input[i].shape); row++) {
      law_vector(&setting.gradient.law, KEY, stream, trial, (uint64_t)step, (uint64_t)block, length,
                 z);
      z += length;
      block += (length + 1) / 2;
    }
  }
}

/* the flow for a time, by many steps of Runge and Kutta's classical method */
static void plain_flow(double time, int64_t n, const double *star, double *x) {
  enum { PARTS = 200 };
  static const double ahead[] = {0.5, 0.5, 1};
  static double k[4][MOST], at[MOST];
  const double h = time / PARTS;
  for (int part = 0; part < PARTS; part++) {
    interpret(x, star, NULL, k[0]);
    for (int s = 1; s < 4; s++) {
      for (int64_t i = 0; i < n; i++) at[i] = x[i] - ahead[s - 1] * h * k[s - 1][i];
      interpret(at, star, NULL, k[s]);
    }
    for (int64_t i = 0; i < n; i++) x[i] -= h / 6 * (k[0][i] + 2 * k[1][i] + 2 * k[2][i] + k[3][i]);
  }
}

/* the steps of a trial from x, in plain doubles */
static void plain_trial(const way *w, uint64_t trial, const double *star, double *x) {
  static double moment[2][MOST], g[MOST], mean[MOST], z[MOST];
  const int64_t n = total_of(m->state, m->states);
  double power[2] = {1, 1};
  memset(moment, 0, sizeof moment);
  for (int step = 0; step < STEPS; step++) {
    if (!m->inputs) interpret(x, star, NULL, g);
    for (int which = 0; which < INPUTS && m->inputs; which++) {
      draw_input(BASIN_STREAM_INPUT, trial, step, which, z);
      interpret(x, star, z, mean);
      for (int64_t i = 0; i < n; i++) g[i] = which ? g[i] + mean[i] : mean[i];
    }
    if (!strcmp(w->kind, "flow")) {
      plain_flow(1e-3 * basin_decay(0.5, (uint64_t)step), n, star, x);
      continue;
    }
    const int whole = !m->inputs || basin_method_is_asked(&setting.gradient);
    for (int64_t i = 0; i < n && m->inputs && whole; i++) g[i] = 1.0 / INPUTS * g[i];
    if (whole) {
      plain_step(w->method, trial, step, n, g, x, moment, power);
      continue;
    }
    const double eta = 1e-3 * (1.0 / INPUTS) * basin_decay(0.5, (uint64_t)step);
    for (int64_t i = 0; i < n; i++) x[i] = fma(-eta, g[i], x[i]);
  }
}

/* ---- comparisons ---- */

static void same(const char *what, int64_t i, double got, double want) {
  if (memcmp(&got, &want, sizeof got) && !(isnan(got) && isnan(want)))
    fail_msg("%s %d is %.17g, expected %.17g", what, (int)i, got, want);
}

/* the derivatives of the graph against differences of its loss */
static void check_differences(const double *x, const double *star, const double *z) {
  static double at[MOST], g[MOST];
  const int64_t n = total_of(m->state, m->states);
  interpret(x, star, z, g);
  memcpy(at, x, (size_t)n * sizeof *at);
  for (int64_t i = 0; i < n; i++) {
    const double h = 1e-6;
    at[i] = x[i] + h;
    const double above = interpret(at, star, z, NULL);
    at[i] = x[i] - h;
    const double slope = (above - interpret(at, star, z, NULL)) / (2 * h);
    at[i] = x[i];
    assert_within(slope, g[i] - 1e-5 * (1 + fabs(g[i])), g[i] + 1e-5 * (1 + fabs(g[i])));
  }
}

/* where teachers are in a state, and the gradient */
static int64_t at_teachers(const char *kind, int64_t n) {
  const int adam = !strcmp(kind, "adam"), flow = !strcmp(kind, "flow"),
            one = !strcmp(kind, "momentum") || !strcmp(kind, "nesterov");
  return adam ? 3 * n + 2 : one ? 2 * n : flow ? n + FLOW_MORE : n;
}

static double states[ISAS][TRIALS * 2048], starts[TRIALS * 2048], seen[ISAS][TRIALS * 16];
static int ended[ISAS][TRIALS];

static void check_observables(const double *x, const double *star, int trial) {
  const int own = m->inputs ? 1 : 2;
  const double *out = seen[0] + trial * (own + m->observables);
  const double loss = interpret(x, star, x, NULL);
  same("the loss", trial, out[0], m->inputs ? NAN : loss);
  if (!m->inputs) same("norm_grad", trial, out[1], sqrt(value[m->norm2][0]));
  for (int i = 0; i < m->observables; i++)
    same("an observable", trial, out[own + i], value[m->observable[i].node][0]);
  const int stationary = ended[0][trial] >> BASIN_STATIONARY & 1;
  const double when = m->when >= 0 ? value[m->when][0] : 0;
  assert_int_equal(stationary, when != 0 || (!m->inputs && value[m->norm2][0] <= 1e-8));
  assert_int_equal(ended[0][trial] >> BASIN_GLOBAL & 1, !m->inputs && loss <= 1e-8);
  assert_int_equal(ended[0][trial] >> BASIN_DIVERGED & 1, 0);
}

static void check_way(const char *name, const way *w, int compare_differences) {
  const char *kind = w->kind;
  const int64_t n = total_of(m->state, m->states);
  const char *why;
  int64_t count = 0;
  set_method(w);
  for (int isa = 0; isa < ISAS; isa++) {
    if (!can_run(isa)) continue;
    own_lanes_run *run = library(name, isa);
    count = run(kind, &setting, FIRST, TRIALS, STEPS, states[isa], seen[isa], ended[isa], &why);
    assert_true(count > 0 && count <= 2048);
    for (int64_t i = 0; i < TRIALS * count; i++)
      same(isas[isa].name, i, states[isa][i], states[0][i]);
    for (int i = 0; i < TRIALS; i++) assert_int_equal(ended[isa][i], ended[0][i]);
  }
  library(name, 0)(kind, &setting, FIRST, TRIALS, 0, starts, NULL, NULL, &why);
  for (int trial = 0; trial < TRIALS; trial++) {
    static double g[MOST];
    double *x = starts + trial * count;
    const double *now = states[0] + trial * count, *star = x + at_teachers(kind, n),
                 *slope = x + count - n - 1;
    if (!m->inputs) {
      const double loss = interpret(x, star, NULL, g);
      for (int64_t i = 0; i < n; i++) same("the gradient's entry", i, slope[i], g[i]);
      same("the loss of trial", trial, slope[n], loss);
    }
    if (compare_differences) {
      double z[MOST];
      const way normal = way_of("direct", 6);
      set_method(&normal);
      if (m->inputs) draw_input(BASIN_STREAM_INPUT, (uint64_t)trial, 0, 0, z);
      set_method(w);
      check_differences(x, star, z);
    }
    plain_trial(w, (uint64_t)(FIRST + trial), star, x);
    for (int64_t i = 0; i < n; i++) {
      if (!strcmp(kind, "flow"))
        assert_within(now[i], x[i] - 1e-8 * (1 + fabs(x[i])), x[i] + 1e-8 * (1 + fabs(x[i])));
      else same(kind, i, now[i], x[i]);
    }
    check_observables(now, star, trial);
  }
}
static void check_kind(const char *name, const char *kind, int compare_differences) {
  const way w = way_of(kind, (int)strlen(kind));
  check_way(name, &w, compare_differences);
}

/* the model that `build` makes: emitted, compiled for the instruction sets whose bits are set, some kinds compared */
static void check_model(const char *name, void (*build)(void), const char *kinds,
                        const char *lanes_kinds, unsigned isas_of) {
  char what[256];
  formula_model *written;
  build();
  emit(name);
  written = m;
  assert_true(basin_formula_contract(written, &m));
  basin_formula_free(written);
  make_cell();
  snprintf(what, sizeof what, "-O1 -shared '-DLANES_KINDS(X)=%s'", lanes_kinds);
  const int clang = system("command -v clang > /dev/null 2>&1") == 0;
  built = isas_of;
  for (int isa = 0; isa < ISAS; isa++)
    if (built >> isa & 1)
      compile(isa == 1 && clang ? "clang" : "gcc", name, isa, what, "tests/support/own_lanes.c");
  for (int first = 1; *kinds; first = 0) {
    const int length = (int)strcspn(kinds, " ");
    const way w = way_of(kinds, length);
    check_way(name, &w, first);
    kinds += length + (kinds[length] == ' ');
  }
}

static void in_registers(void **unused) {
  (void)unused;
  check_model("mueller", mueller_brown,
              "population momentum nesterov adam langevin noise flow momentum+noise nesterov+noise "
              "adam+noise",
              "MODEL_DYNAMICS(X)", 5);
  basin_formula_free(m);
}
static void in_arrays(void **unused) {
  (void)unused;
  check_model("rosenbrock", rosenbrock, "population adam adam+noise langevin flow",
              "X(population) X(adam) X(langevin) X(flow)", 7);
  for (parameters[0] = 2; parameters[0] < 20;
       parameters[0] += 3) { /* sums are chains below 8 entries */
    vectors_of(m->state, m->states, initial);
    check_kind("rosenbrock", "population", 0);
  }
  basin_formula_free(m);
}
static void constants(void **unused) {
  (void)unused;
  check_model("phase", phase, "population", "X(population)", 3);
  basin_formula_free(m);
}
static void of_each_trial(void **unused) {
  (void)unused;
  check_model("drawn", drawn, "momentum", "X(momentum)", 5);
  basin_formula_free(m);
}
static void with_inputs(void **unused) {
  static const enum basin_input_law_kind laws[] = {BASIN_LAW_OWN, BASIN_LAW_UNIFORM};
  (void)unused;
  check_model("network", network,
              "direct law direct:momentum direct:nesterov direct:adam direct:langevin direct+noise "
              "direct:momentum+noise direct:nesterov+noise direct:adam+noise law:momentum law:adam",
              "X(direct) X(law)", 7);
  const way plain = way_of("direct", 6);
  set_method(&plain);

  /* single inputs, at the starts that are left of the comparison */
  for (int i = 0; i < 2 * ISAS; i++) {
    const int64_t n = total_of(m->state, m->states);
    const int number = 1000003;
    double z[MOST], g[MOST], out[MOST];
    own_lanes_input_run *run;
    if (!can_run(i / 2)) continue;
    setting.gradient.law.kind = laws[i % 2];
    void *symbol = symbol_of("network", i / 2, "own_lanes_input");
    memcpy(&run, &symbol, sizeof run);
    run(&setting, starts, n, FIRST, number, out);
    draw_input(BASIN_STREAM_ESTIMATE, FIRST, 0, number, z);
    same("the loss of input", number, out[0], interpret(starts, starts + n, z, g));
    for (int64_t j = 0; j < n; j++) same("its derivative", j, out[1 + j], g[j]);
  }
  basin_formula_free(m);
}
static void matrices_and_masks(void **unused) {
  const char *why;
  (void)unused;
  check_model("matrices", matrices, "population", "X(population)", 5);
  parameters[1] = 1;
  assert_true(library("matrices", 0)("population", &setting, 0, 1, 1, NULL, NULL, NULL, &why) < 0);
  assert_string_equal(why, "mine.yaml:3:9: \"r\" is too small");
  parameters[0] = 2.5;
  parameters[1] = 3;
  assert_true(library("matrices", 0)("population", &setting, 0, 1, 1, NULL, NULL, NULL, &why) < 0);
  assert_non_null(strstr(why, "the size m"));
  basin_formula_free(m);
}

/* a state that runs away is found */
static void diverging(void **unused) {
  const char *why;
  (void)unused;
  rosenbrock();
  make_cell();
  built = 7;
  stage.eta[0] = 1e6;
  stage.eta[BASIN_DECAY] = 0;
  const way population = way_of("population", 10);
  set_method(&population);
  for (int isa = 0; isa < ISAS; isa++) {
    if (!can_run(isa)) continue;
    assert_true(library("rosenbrock", isa)("population", &setting, 0, TRIALS, 40, states[0], NULL,
                                           ended[0], &why) > 0);
    for (int i = 0; i < TRIALS; i++) assert_int_equal(ended[0][i], 1 << BASIN_DIVERGED);
  }
  basin_formula_free(m);
}

/* names come from a file that somebody else may have written */
static void refused(void **unused) {
  static const char *const bad[] = {"x[0];system(1)", "", "2x", "one", "a b", "x\ny", "\"", NULL};
  basin_error error;
  char *text;
  (void)unused;
  for (int i = 0; bad[i]; i++) {
    rosenbrock();
    free(m->state[0].name);
    m->state[0].name = text_of(bad[i]);
    assert_int_equal(basin_formula_emit(m, &text, &error), BASIN_BAD_INPUT);
    assert_null(text);
    basin_formula_free(m);
  }
  rosenbrock();
  free(m->size[1].text);
  m->size[1].text = text_of("system(1)");
  assert_int_equal(basin_formula_emit(m, &text, &error), BASIN_BAD_INPUT);
  basin_formula_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(in_registers), cmocka_unit_test(in_arrays),
      cmocka_unit_test(constants),    cmocka_unit_test(of_each_trial),
      cmocka_unit_test(with_inputs),  cmocka_unit_test(matrices_and_masks),
      cmocka_unit_test(diverging),    cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests_name("emit", tests, make_folder, remove_folder);
}
