/* SPDX-License-Identifier: MIT
 *
 * test_formula.c: formulas: what they mean against NumPy, their derivatives against differences in binary128, what is
 * refused and where, that any text is taken or refused, and that the code of random formulas computes what they say,
 * where this test is built with sanitizers under these.
 */
#include "test.h"
#include "folder.h"
#include "formula/build.h"
#include "formula/contract.h"
#include "formula/emit.h"
#include "formula/interpret.h"
#include "formula_script.h"
#include "own_lanes.h"
#include <ctype.h>
#include <dlfcn.h>
#include <quadmath.h>

enum { ENTRIES_MAX = 64, ARRAYS_MAX = 8, TEXT_MAX = 1 << 16 };

/* the model of a script that is right */
static formula_model *model_of(const char *text) {
  formula_model *model;
  basin_error error;
  script *s = script_read(text);
  if (basin_formula_read(&s->source, &model, &error)) fail_msg("%s\n%s", text, error.text);
  script_free(s);
  return model;
}

/* ---- a point, and the values there ---- */

typedef struct point {
  double parameter[ARRAYS_MAX], state[ARRAYS_MAX][ENTRIES_MAX], teacher[ARRAYS_MAX][ENTRIES_MAX],
      input[ARRAYS_MAX][ENTRIES_MAX];
} point;

static formula_entries *values_at(const formula_model *model, const point *at) {
  const double *state[ARRAYS_MAX], *teacher[ARRAYS_MAX], *input[ARRAYS_MAX];
  formula_entries *entries;
  basin_error error;
  for (int i = 0; i < ARRAYS_MAX; i++)
    state[i] = at->state[i], teacher[i] = at->teacher[i], input[i] = at->input[i];
  assert_ok(basin_formula_interpret(model, &(formula_point){at->parameter, state, teacher, input},
                                    &entries, &error),
            error);
  return entries;
}

static void take_defaults(const formula_model *model, point *at) {
  for (int i = 0; i < model->parameters; i++) at->parameter[i] = model->parameter[i].initial;
}

static void fill_uniform(double *x, int n, double low, double high, uint64_t *seed) {
  for (int i = 0; i < n; i++) x[i] = low + (high - low) * test_uniform(seed);
}

/* ---- the same graph in binary128, written another time ---- */

typedef __float128 quad;

typedef struct quad_values {
  const formula_model *model;
  const int64_t *size;
  quad **of, *memory;
} quad_values;

static int64_t extent(const quad_values *v, int node, int axis) {
  const formula_shape *shape = &v->model->node[node].shape;
  return axis < shape->rank ? v->size[shape->size[axis]] : 1;
}
static int64_t count(const quad_values *v, int node) {
  return extent(v, node, 0) * extent(v, node, 1);
}

static quad quad_scalar(formula_operation operation, quad x, quad y, quad z) {
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
  case FORMULA_POW:
    return expq(y * logq(x));
  case FORMULA_SQRT:
    return sqrtq(x);
  case FORMULA_EXP:
    return expq(x);
  case FORMULA_EXPM1:
    return expm1q(x);
  case FORMULA_LOG:
    return logq(x);
  case FORMULA_LOG1P:
    return log1pq(x);
  case FORMULA_SIN:
    return sinq(x);
  case FORMULA_COS:
    return cosq(x);
  case FORMULA_TAN:
    return tanq(x);
  case FORMULA_ATAN:
    return atanq(x);
  case FORMULA_ATAN2:
    return atan2q(x, y);
  case FORMULA_ACOS:
    return acosq(x);
  case FORMULA_ASIN:
    return asinq(x);
  case FORMULA_TANH:
    return tanhq(x);
  case FORMULA_ERF:
    return erfq(x);
  case FORMULA_LOGISTIC:
    return 1 / (1 + expq(-x));
  case FORMULA_SOFTPLUS:
    return logq(1 + expq(x));
  case FORMULA_ABS:
    return fabsq(x);
  case FORMULA_SIGN:
    return x >= 0 ? 1 : -1;
  case FORMULA_STEP:
    return x >= 0;
  case FORMULA_RELU:
    return x >= 0 ? x : 0;
  case FORMULA_FLOOR:
    return floorq(x);
  case FORMULA_MAX2:
    return x >= y ? x : y;
  case FORMULA_MIN2:
    return x <= y ? x : y;
  case FORMULA_LT:
    return x < y;
  case FORMULA_LE:
    return x <= y;
  case FORMULA_EQ:
    return x == y;
  case FORMULA_AND:
    return x == 1 && y == 1;
  case FORMULA_OR:
    return x == 1 || y == 1;
  case FORMULA_NOT:
    return x == 0;
  case FORMULA_SELECT:
    return x == 1 ? y : z;
  default:
    fail_msg("operation %d is not entry by entry", (int)operation);
  }
  return 0;
}

static void quad_node(const quad_values *v, int number, const double *from) {
  const formula_node *node = &v->model->node[number];
  const int a = node->of[0], b = node->of[1];
  const quad *x = a >= 0 ? v->of[a] : NULL, *y = b >= 0 ? v->of[b] : NULL;
  const int64_t rows = extent(v, number, 0), columns = extent(v, number, 1), n = rows * columns;
  quad *out = v->of[number];
  for (int64_t i = 0; i < n && from; i++) out[i] = from[i];
  if (from) return;
  switch (node->operation) {
  case FORMULA_NUMBER:
    *out = node->number;
    break;
  case FORMULA_SIZE:
    *out = (quad)v->size[node->index];
    break;
  case FORMULA_SUM:
    for (int64_t i = 0; i < count(v, a); i++) *out = i ? *out + x[i] : x[i];
    break;
  case FORMULA_MAXIMUM:
  case FORMULA_MINIMUM:
    *out = x[0];
    for (int64_t i = 1; i < count(v, a); i++)
      *out = node->operation == FORMULA_MAXIMUM ? fmaxq(*out, x[i]) : fminq(*out, x[i]);
    break;
  case FORMULA_FIRST_OF:
    for (int64_t i = 0, found = 0; i < n; i++) {
      out[i] = !found && x[i] == *y;
      if (x[i] == *y) found = 1;
    }
    break;
  case FORMULA_DOT: {
    const int64_t inner = extent(v, b, 0), across = extent(v, b, 1);
    for (int64_t i = 0; i < n; i++) {
      out[i] = 0;
      for (int64_t l = 0; l < inner; l++)
        out[i] += x[i / across * inner + l] * y[l * across + i % across];
    }
    break;
  }
  case FORMULA_OUTER:
    for (int64_t i = 0; i < n; i++) out[i] = x[i / columns] * y[i % columns];
    break;
  case FORMULA_TRANSPOSE:
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < columns; j++) out[i * columns + j] = x[j * rows + i];
    break;
  case FORMULA_SLICE:
  case FORMULA_PLACE: {
    const int whole = node->operation == FORMULA_SLICE ? a : number;
    const int64_t i0 = v->size[node->begin[0]],
                  j0 = node->begin[1] >= 0 ? v->size[node->begin[1]] : 0;
    const int64_t across = extent(v, whole, 1), entries = whole == a ? n : count(v, a);
    /* entries in a row of the part: all of one row, or of one column, where an axis fell away */
    const int part = whole == a ? number : a, falls = node->drop[0];
    const int64_t width = falls ? entries : extent(v, part, 1);
    if (whole == number)
      for (int64_t i = 0; i < n; i++) out[i] = 0;
    for (int64_t i = 0; i < entries; i++) {
      const int64_t at = (i0 + i / width) * across + j0 + i % width;
      if (whole == a) out[i] = x[at];
      else out[at] = x[i];
    }
    break;
  }
  case FORMULA_FILL:
    for (int64_t i = 0; i < n; i++) out[i] = *x;
    break;
  default:
    for (int64_t i = 0; i < n; i++) {
      quad of[3] = {0, 0, 0};
      for (int j = 0; j < 3 && node->of[j] >= 0; j++)
        of[j] = v->of[node->of[j]][v->model->node[node->of[j]].shape.rank ? i : 0];
      out[i] = quad_scalar(node->operation, of[0], of[1], of[2]);
    }
  }
}

/* of the states, a distance along a direction from the point */
static quad_values quads_at(const formula_model *model, const formula_entries *entries,
                            const point *at, double direction[][ENTRIES_MAX], quad distance) {
  quad_values v = {model, entries->size, calloc((size_t)model->nodes, sizeof *v.of), NULL};
  size_t room = 0;
  for (int i = 0; i < model->nodes; i++) room += (size_t)count(&v, i);
  v.memory = calloc(room, sizeof *v.memory);
  assert_non_null(v.memory);
  for (int i = 0, used = 0; i < model->nodes; used += (int)count(&v, i), i++)
    v.of[i] = &v.memory[used];
  for (int i = 0; i < model->nodes; i++) {
    const formula_node *node = &model->node[i];
    const double *from = node->operation == FORMULA_PARAMETER  ? &at->parameter[node->index]
                         : node->operation == FORMULA_STATE    ? at->state[node->index]
                         : node->operation == FORMULA_TEACHER  ? at->teacher[node->index]
                         : node->operation == FORMULA_INPUT    ? at->input[node->index]
                         : node->operation == FORMULA_CONSTANT ? model->constant[node->index].value
                                                               : NULL;
    quad_node(&v, i, from);
    if (node->operation == FORMULA_STATE)
      for (int64_t j = 0; j < count(&v, i); j++) v.of[i][j] += distance * direction[node->index][j];
  }
  return v;
}

static void free_quads(quad_values *v) {
  free(v->of);
  free(v->memory);
}

/* ---- random expressions ---- */

typedef enum shape_code { SCALAR, OF_N, OF_K, OF_N_LESS_1, K_BY_N, N_BY_K, SHAPES } shape_code;

static const char *const leaves[SHAPES][8] = {
    {"1.25", "s", "y", "x[0]", "z[-1]", "A[1, 0]", "n", "u[1]"},
    {"x", "u", "A[0]", "A[-1, :]", "B[:, 1]", "where(x > 0, y, y)", "c[:n]", "(x*u)"},
    {"z", "A[:, 1]", "B[-1]", "z", "c[:k]", "A.T[0]", "(A.T)[-1, :]", "(s*z)"},
    {"x[1:]", "x[:-1]", "u[1:]", "A[0, 1:]", "B[:-1, 0]", "c[1:n]", "x[:n-1]",
     "where(x > 0, y, y)[1:]"},
    {"A", "B.T", "outer(z, x)", "A", "T(B)", "(A + 1)", "A[0:k, :]", "(2*A)"},
    {"B", "A.T", "outer(x, z)", "B", "T(A)", "(B - s)", "B[:, 0:k]", "B[:n]"},
};

/* around one argument, or one that sin() has bounded */
static const struct around {
  const char *before, *behind;
  int bounded;
} around[] = {
    {"exp(", ")", 1},
    {"expm1(", ")", 1},
    {"log(1.5 + ", ")", 1},
    {"log1p(0.7*", ")", 1},
    {"sqrt(1.3 + ", ")", 1},
    {"sin(", ")", 0},
    {"cos(", ")", 0},
    {"tan(", ")", 1},
    {"asin(0.9*", ")", 1},
    {"acos(0.9*", ")", 1},
    {"atan(", ")", 0},
    {"tanh(", ")", 0},
    {"erf(", ")", 0},
    {"logistic(", ")", 0},
    {"softplus(", ")", 1},
    {"relu(", ")", 0},
    {"abs(", ")", 0},
    {"square(", ")", 0},
    {"(-(", "))", 0},
    {"sign(", ")", 0},
    {"leaky(", ", 0.3)", 0},
    {"(1.5*", ")^3", 1},
    {"(1.5 + ", ")^2.5", 1},
    {"(1.3 - ", ")^-1", 1},
    {"(1.5 + ", ")**-0.5", 1},
    {"(1.2 + ", ")^1.7", 1},
    {"1.7^(", ")", 1},
    {"(1.1 + ", ")^s", 1},
    {"where(floor(", ") < 1, 0.5, s)", 0},
};
enum { AROUND = sizeof around / sizeof *around };
/* between two arguments of one shape, or of which one is a scalar */
static const char *const between[][3] = {
    {"(", " + ", ")"},     {"(", " - ", ")"},
    {"(", " * ", ")"},     {"(", " / (2.5 + sin(", ")))"},
    {"max(", ", ", ")"},   {"min(", ", ", ")"},
    {"atan2(", ", ", ")"}, {"((1.4 + sin(", "))^cos(", "))"},
};
enum { BETWEEN = sizeof between / sizeof *between };

typedef struct writer {
  char text[TEXT_MAX];
  size_t used;
  uint64_t *seed;
  int definitions;
  shape_code shape[4]; /* of the definitions */
  int around_used[AROUND], between_used[BETWEEN];
} writer;

static void put(writer *w, const char *text) {
  const size_t length = strlen(text);
  assert_true(w->used + length < TEXT_MAX);
  memcpy(w->text + w->used, text, length + 1);
  w->used += length;
}
static int choose(writer *w, int n) { return (int)(test_random(w->seed) % (uint64_t)n); }

static void write_expression(writer *w, shape_code shape, int depth);

/* a pattern in which letters stand for expressions: s n k m a b for the shapes */
static void write_pattern(writer *w, const char *pattern, int depth) {
  static const char letters[] = "SNKMAB";
  for (; *pattern; pattern++) {
    const char *letter = strchr(letters, *pattern);
    if (letter) write_expression(w, (shape_code)(letter - letters), depth);
    else put(w, (char[2]){*pattern, 0});
  }
}

static const char *const products[SHAPES][8] = {
    {"sum(A)", "mean(N)", "norm(K)", "max(M)", "min(B)", "dot(N, N)", "dot(K, K)", "norm(A)"},
    {"dot(K, A)", "dot(B, K)", "(dot(B, A))[0]", "dot((A).T, K)", "max(N, S)", "dot(dot(N, B), A)",
     "dot(S, N)", "(A)[0, :]"},
    {"dot(A, N)", "dot(N, B)", "dot((B).T, N)", "(A)[:, -1]", "(B)[1]", "dot(A, B)[:, 0]",
     "min(K, S)", "dot(K, S)"},
    {"(N)[1:]", "(N)[:-1]", "(A)[0, 1:]", "(B)[1:, 0]", "min(M, M)", "(N)[1:n]", "(M)*S", "M"},
    {"outer(K, N)", "dot(dot(A, B), A)", "(B).T", "T(B)", "max(A, S)", "dot(A, outer(N, N))",
     "(A)*S", "min(A, A)"},
    {"outer(N, K)", "dot(B, dot(A, B))", "(A).T", "T(A)", "(B)/(2 + sin(S))", "dot(outer(N, N), B)",
     "max(B, B)", "(B)*S"},
};

static void write_where(writer *w, shape_code shape, int depth) {
  static const char *const relations[] = {" < ", " <= ", " > ", " >= ", " != "};
  put(w, "where(");
  if (choose(w, 3) == 0) put(w, "not ");
  write_expression(w, choose(w, 2) ? shape : SCALAR, depth - 1);
  put(w, relations[choose(w, 5)]);
  write_expression(w, SCALAR, depth - 1);
  put(w, choose(w, 3) ? ", " : " or y > s and y < 1, ");
  write_expression(w, shape, depth - 1);
  put(w, ", ");
  write_expression(w, shape, depth - 1);
  put(w, ")");
}

static void write_expression(writer *w, shape_code shape, int depth) {
  const int kind = choose(w, 12);
  for (int i = 0; i < w->definitions; i++)
    if (w->shape[i] == shape && choose(w, 6) == 0) {
      put(w, (char[3]){'d', (char)('0' + i), 0});
      return;
    }
  if (depth <= 0 || kind == 0) {
    put(w, leaves[shape][choose(w, 8)]);
  } else if (kind < 5) {
    const int i = choose(w, AROUND);
    w->around_used[i]++;
    put(w, around[i].before);
    if (around[i].bounded) put(w, "sin(");
    write_expression(w, shape, depth - 1);
    if (around[i].bounded) put(w, ")");
    put(w, around[i].behind);
  } else if (kind < 8) {
    const int i = choose(w, BETWEEN), scalar = choose(w, 4);
    w->between_used[i]++;
    put(w, between[i][0]);
    write_expression(w, scalar == 0 ? SCALAR : shape, depth - 1);
    put(w, between[i][1]);
    write_expression(w, scalar == 1 ? SCALAR : shape, depth - 1);
    put(w, between[i][2]);
  } else if (kind < 11) {
    write_pattern(w, products[shape][choose(w, 8)], depth - 1);
  } else {
    write_where(w, shape, depth);
  }
}

static void write_model(writer *w) {
  char line[128];
  w->used = 0;
  w->definitions = 0;
  snprintf(line, sizeof line, "parameter s = 0.7\nparameter n = %d\nparameter k = %d\n",
           2 + choose(w, 4), 2 + choose(w, 2));
  put(w, line);
  put(w, "state x: n\nstate z: k\nstate A: k; n\nstate y:\nstate B: n; k\nteacher u: n\n"
         "constant c: 0.3 -1.1 0.8 2 -0.4 1.5\n");
  for (int i = choose(w, 4); i > 0; i--) {
    const shape_code shape = (shape_code)choose(w, SHAPES);
    put(w, (char[]){'d', 'e', 'f', 'i', 'n', 'e', ' ', 'd', (char)('0' + w->definitions), ':', ' ',
                    0});
    write_expression(w, shape, 2);
    put(w, "\n");
    w->shape[w->definitions++] = shape;
  }
  /* every state is in it, however little the rest asks of them */
  put(w, "loss: ");
  write_expression(w, SCALAR, 4);
  put(w, " + 0.125*y\n");
}

/* the derivative along a random direction against a difference in binary128; 0: not finite there, or as good as that */
static int agrees(const writer *w, const formula_model *model, uint64_t *seed) {
  static double direction[ARRAYS_MAX][ENTRIES_MAX];
  point at = {.parameter = {0}};
  const quad h = 0x1p-33;
  quad slope = 0;
  take_defaults(model, &at);
  for (int i = 0; i < model->states; i++) {
    fill_uniform(at.state[i], ENTRIES_MAX, -1.5, 1.5, seed);
    fill_uniform(direction[i], ENTRIES_MAX, -1, 1, seed);
  }
  fill_uniform(at.teacher[0], ENTRIES_MAX, -1.5, 1.5, seed);
  formula_entries *entries = values_at(model, &at);
  const double loss = entries->of[model->loss][0];
  quad_values here = quads_at(model, entries, &at, direction, 0);
  quad_values left = quads_at(model, entries, &at, direction, -h);
  quad_values right = quads_at(model, entries, &at, direction, h);
  const quad exact = here.of[model->loss][0];
  const quad difference = (right.of[model->loss][0] - left.of[model->loss][0]) / (2 * h);
  quad largest = 0, off = 0;
  for (int s = 0; s < model->states; s++)
    for (int64_t i = 0; i < count(&here, model->gradient[s]); i++) {
      const quad g = here.of[model->gradient[s]][i];
      slope += g * direction[s][i];
      largest = fmaxq(largest, fabsq(g));
      off = fmaxq(off, fabsq(g - entries->of[model->gradient[s]][i]));
    }
  const int is_finite = finiteq(difference) && finiteq(slope) && largest < 1e6 &&
                        fabsq(exact) < 1e6;
  if (is_finite && fabsq(slope - difference) > 1e-13 * (1 + largest))
    fail_msg("%s\nthe derivative is %.17g, by differences %.17g", w->text, (double)slope,
             (double)difference);
  if (is_finite &&
      (fabsq(loss - exact) > 1e-9 * (1 + fabsq(exact)) || off > 1e-9 * (1 + largest * largest)))
    fail_msg("%s\nin doubles %.17g, in binary128 %.17g; derivatives are off by %.3g", w->text, loss,
             (double)exact, (double)off);
  free_quads(&here);
  free_quads(&left);
  free_quads(&right);
  basin_formula_entries_free(entries);
  return is_finite;
}

static void random_expressions(void **unused) {
  static writer w;
  const int models = 10000 / TEST_SLOWER;
  uint64_t seed = 20260716;
  int compared = 0;
  (void)unused;
  w.seed = &seed;
  for (int i = 0; i < models; i++) {
    write_model(&w);
    formula_model *model = model_of(w.text);
    compared += agrees(&w, model, &seed);
    basin_formula_free(model);
  }
  if (compared < models * 95 / 100) fail_msg("%d of %d were compared", compared, models);
  for (int i = 0; i < AROUND; i++) assert_true(w.around_used[i] > models / 50);
  for (int i = 0; i < BETWEEN; i++) assert_true(w.between_used[i] > models / 50);
}

/* ---- their code ---- */

enum { CODE_MODELS = 6, CODE_TRIALS = 9, CODE_STATES_MAX = 512 };

/* the parameters n and k, which are sizes, as the numbers that they are */
static void fix_sizes(char *text) {
  char digit[2] = {0, 0};
  for (int i = 0; i < 2; i++) {
    char *line = strstr(text, i ? "parameter k = " : "parameter n = ");
    digit[i] = line[14];
    memset(line, ' ', 15);
  }
  for (char *c = text; *c; c++) {
    const int in_word = (c > text && (isalnum(c[-1]) || c[-1] == '_')) || isalnum(c[1]) ||
                        c[1] == '_' || c[1] == '(';
    if (!in_word && (*c == 'n' || *c == 'k')) *c = digit[*c == 'k'];
  }
}

/* in loops, for d is a parameter, with a matrix of constants */
static const char *const in_loops = "parameter d = 11\nstate x: 4\nstate w: d\nstate U: 9; 4\n"
                                    "constant A: 1 2 3 4; 2 3 4 5; -1 0.5 1 2; 0 1 -1 3; 2 2 1 1; "
                                    "1 0 1 0; 4 1 2 1; 0.5 1 1 -2; 3 1 -1 1\n"
                                    "define r: dot(A, x)^2 - 1\ndefine M: dot(A.T, U)\n"
                                    "loss: dot(r, r)/36 + sum(w^4) + sum(dot(M, A.T)^2)/100\n"
                                    "observable o: max(w) + sum(dot(U, A.T))\n";

static void write_code(const formula_model *model, int number, char path[64]) {
  basin_error error;
  char *text;
  assert_ok(basin_formula_emit(model, &text, &error), error);
  snprintf(path, 64, "%s/code-%d.h", folder, number);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
  free(text);
}

/* all that were written, two at a time */
static void compile_codes(int codes) {
  char command[2048];
  snprintf(command, sizeof command,
           "seq 0 %d | xargs -P 2 -I '{}' gcc -std=c17 -D_GNU_SOURCE -O0 -g1 -fPIC -shared "
           "-ffp-contract=off "
           "-fno-math-errno -fno-trapping-math %s -Iinclude -Ihost -Itests/support -I%s "
           "-DBASIN_MODEL=own "
           "-DBASIN_SIMD=0 '-DLANES_KINDS(X)=X(population)' -DBASIN_MODEL_HEADER='\"code-{}.h\"' "
           "tests/support/own_lanes.c -o %s/code-{}.so",
           codes - 1,
#if defined(__SANITIZE_ADDRESS__)
           "-fsanitize=address,undefined -fno-sanitize-recover=all",
#else
           "",
#endif
           folder, folder);
  if (system(command)) fail_msg("%s", command);
}

static void check_code(const formula_model *written, int number) {
  static double state[CODE_TRIALS * CODE_STATES_MAX], seen[CODE_TRIALS * 8];
  char path[64];
  const char *why;
  own_lanes_run *run;
  basin_vector initial[ARRAYS_MAX] = {0}, teacher[ARRAYS_MAX] = {0};
  basin_stage stage = {.steps = INT64_MAX, .eta = {1e-3}, .scale = 1};
  point at = {.parameter = {0}};
  formula_model *model;
  assert_true(basin_formula_contract(written, &model));
  take_defaults(model, &at);
  formula_entries *entries = values_at(model, &at);
  for (int teachers = 0; teachers < 2; teachers++)
    for (int i = 0; i < (teachers ? model->teachers : model->states); i++) {
      const formula_shape *shape = &(teachers ? model->teacher : model->state)[i].shape;
      (teachers ? teacher : initial)[i] = (basin_vector){
          .source = BASIN_NORMAL,
          .rows = shape->rank == 2 ? entries->size[shape->size[0]] : 1,
          .length = shape->rank ? entries->size[shape->size[shape->rank - 1]] : 1,
          .scale = 0.7};
    }
  const basin_setting setting = {.parameter = at.parameter,
                                 .teacher = teacher,
                                 .initial = initial,
                                 .stage = &stage,
                                 .stages = 1,
                                 .key = 7,
                                 .stop = {.tolerance = 1e-8, .tolerance_gradient = 1e-8}};
  basin_formula_entries_free(entries);
  snprintf(path, sizeof path, "%s/code-%d.so", folder, number);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL),
       *symbol = library ? dlsym(library, "own_lanes") : NULL;
  if (!symbol) fail_msg("%s", dlerror());
  memcpy(&run, &symbol, sizeof run);
  const int64_t states = run("population", &setting, 3, CODE_TRIALS, 2, state, seen, NULL, &why);
  assert_true(states > 0 && states <= CODE_STATES_MAX);
  for (int trial = 0; trial < CODE_TRIALS; trial++) {
    const double *x = state + trial * states, *g = x + states - 1;
    for (int i = 0; i < model->states; i++)
      for (int64_t j = 0; j < initial[i].rows * initial[i].length; j++) at.state[i][j] = *x++, g--;
    for (int i = 0; i < model->teachers; i++)
      memcpy(at.teacher[i], x, (size_t)teacher[i].length * sizeof *x);
    entries = values_at(model, &at);
    for (int i = 0; i < model->states; i++)
      for (int64_t j = 0; j < initial[i].rows * initial[i].length; j++, g++) {
        const double wanted = entries->of[model->gradient[i]][j];
        if (memcmp(g, &wanted, sizeof wanted) && !(isnan(*g) && isnan(wanted)))
          fail_msg("model %d: the derivative by entry %d of %s is %.17g, expected %.17g", number,
                   (int)j, model->state[i].name, *g, wanted);
      }
    const double loss = entries->of[model->loss][0];
    assert_true(!memcmp(g, &loss, sizeof loss) || (isnan(*g) && isnan(loss)));
    const double *observed = seen + trial * (2 + model->observables);
    for (int i = 0; i < model->observables; i++) {
      const double wanted = entries->of[model->observable[i].node][0];
      assert_true(!memcmp(&observed[2 + i], &wanted, sizeof wanted) ||
                  (isnan(observed[2 + i]) && isnan(wanted)));
    }
    basin_formula_entries_free(entries);
  }
  basin_formula_free(model);
}

/* the code computes what the graph says, bit for bit: written out, where sizes are numbers, and in loops */
static void random_code(void **unused) {
  static writer w;
  uint64_t seed = 20261126;
  formula_model *model[CODE_MODELS + 1];
  char path[64];
  (void)unused;
  w.seed = &seed;
  for (int i = 0; i < CODE_MODELS; i++) {
    write_model(&w);
    for (int o = 0; o < 4; o++) {
      put(&w, (char[]){'o', 'b', 's', 'e', 'r', 'v', 'a', 'b', 'l', 'e', ' ', 'o', (char)('0' + o),
                       ':', ' ', 0});
      write_expression(&w, SCALAR, 4);
      put(&w, "\n");
    }
    if (i % 2) fix_sizes(w.text);
    model[i] = model_of(w.text);
  }
  model[CODE_MODELS] = model_of(in_loops);
  for (int i = 0; i <= CODE_MODELS; i++) write_code(model[i], i, path);
  compile_codes(CODE_MODELS + 1);
  for (int i = 0; i <= CODE_MODELS; i++) {
    check_code(model[i], i);
    basin_formula_free(model[i]);
  }
}

/* ---- what NumPy makes of the same texts ---- */

static const struct numpy {
  const char *text;
  int rank, size[2];
  double value[16];
} numpy[] = {
    {"x[1:]", 1, {3, 0}, {-2.0, 3.0, 0.5}},
    {"x[:-1]", 1, {3, 0}, {1.0, -2.0, 3.0}},
    {"x[1:3]", 1, {2, 0}, {-2.0, 3.0}},
    {"x[-2:]", 1, {2, 0}, {3.0, 0.5}},
    {"x[0]", 0, {0, 0}, {1.0}},
    {"x[-1]", 0, {0, 0}, {0.5}},
    {"A[0]", 1, {4, 0}, {1.0, 2.0, 3.0, 4.0}},
    {"A[-1]", 1, {4, 0}, {-1.0, 0.5, 2.0, -3.0}},
    {"A[1,:]", 1, {4, 0}, {5.0, 6.0, 7.0, 8.0}},
    {"A[:,2]", 1, {3, 0}, {3.0, 7.0, 2.0}},
    {"A[:,-1]", 1, {3, 0}, {4.0, 8.0, -3.0}},
    {"A[1:,1:3]", 2, {2, 2}, {6.0, 7.0, 0.5, 2.0}},
    {"A[0:2]", 2, {2, 4}, {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0}},
    {"A[1,2]", 0, {0, 0}, {7.0}},
    {"A[-1,-2]", 0, {0, 0}, {2.0}},
    {"A[:2,0]", 1, {2, 0}, {1.0, 5.0}},
    {"A.T", 2, {4, 3}, {1.0, 5.0, -1.0, 2.0, 6.0, 0.5, 3.0, 7.0, 2.0, 4.0, 8.0, -3.0}},
    {"A.T[1]", 1, {3, 0}, {2.0, 6.0, 0.5}},
    {"dot(x,u)", 0, {0, 0}, {-1.0}},
    {"dot(A,x)", 1, {3, 0}, {8.0, 18.0, 2.5}},
    {"dot(z,A)", 1, {4, 0}, {-6.0, -3.0, 0.0, -10.0}},
    {"dot(A,B)", 2, {3, 3}, {10.0, 20.0, 30.0, 2.0, 28.0, 54.0, -6.0, -7.5, -9.0}},
    {"dot(B,A)",
     2,
     {4, 4},
     {-22.0, -35.5, -49.0, -43.0, -7.0, -10.0, -13.0, -16.0, 8.0, 15.5, 23.0, 11.0, 23.0, 41.0,
      59.0, 38.0}},
    {"outer(z,x)", 2, {3, 4}, {1.0, -2.0, 3.0, 0.5, -1.0, 2.0, -3.0, -0.5, 2.0, -4.0, 6.0, 1.0}},
    {"outer(x,z)[1:,0]", 1, {3, 0}, {-2.0, 3.0, 0.5}},
    {"dot(A.T,z)", 1, {4, 0}, {-6.0, -3.0, 0.0, -10.0}},
    {"x*u", 1, {4, 0}, {2.0, -2.0, -3.0, 2.0}},
    {"2*x-u/x", 1, {4, 0}, {0.0, -3.5, 6.333333333333333, -7.0}},
    {"x**2", 1, {4, 0}, {1.0, 4.0, 9.0, 0.25}},
    {"-x^2", 1, {4, 0}, {-1.0, -4.0, -9.0, -0.25}},
    {"(-x)^2", 1, {4, 0}, {1.0, 4.0, 9.0, 0.25}},
    {"2**x", 1, {4, 0}, {2.0, 0.25, 8.0, 1.4142135623730951}},
    {"sum(A)", 0, {0, 0}, {34.5}},
    {"mean(A)", 0, {0, 0}, {2.875}},
    {"norm(A)", 0, {0, 0}, {14.773286702694158}},
    {"norm(x)", 0, {0, 0}, {3.774917217635375}},
    {"max(A)", 0, {0, 0}, {8.0}},
    {"min(x)", 0, {0, 0}, {-2.0}},
    {"max(x,u)", 1, {4, 0}, {2.0, 1.0, 3.0, 4.0}},
    {"min(x,0)", 1, {4, 0}, {0.0, -2.0, 0.0, 0.0}},
    {"where(x>u,x,u)", 1, {4, 0}, {2.0, 1.0, 3.0, 4.0}},
    {"where((x>0)and(u>0),1,-1)", 1, {4, 0}, {1.0, -1.0, -1.0, 1.0}},
    {"where((x>0)or not (u==4),x,10*u)", 1, {4, 0}, {1.0, -2.0, 3.0, 0.5}},
    {"where(x!=3,x,0)", 1, {4, 0}, {1.0, -2.0, 0.0, 0.5}},
    {"sign(x*(x-1))", 1, {4, 0}, {0.0, 1.0, 1.0, -1.0}},
    {"abs(x)", 1, {4, 0}, {1.0, 2.0, 3.0, 0.5}},
    {"relu(x)", 1, {4, 0}, {1.0, 0.0, 3.0, 0.5}},
    {"where(x<=1,1,0)", 1, {4, 0}, {1.0, 1.0, 0.0, 1.0}},
    {"where(x>=1,1,0)", 1, {4, 0}, {1.0, 0.0, 1.0, 0.0}},
    {"where(x<1,1,0)", 1, {4, 0}, {0.0, 1.0, 0.0, 1.0}},
    {"dot(2,x)", 1, {4, 0}, {2.0, -4.0, 6.0, 1.0}},
    {"dot(x,2)", 1, {4, 0}, {2.0, -4.0, 6.0, 1.0}},
    {"exp(x)",
     1,
     {4, 0},
     {2.718281828459045, 0.13533528323661267, 20.085536923187668, 1.6487212707001282}},
    {"expm1(x/10)",
     1,
     {4, 0},
     {0.10517091807564763, -0.18126924692201815, 0.3498588075760031, 0.05127109637602404}},
    {"log(abs(x))", 1, {4, 0}, {0.0, 0.6931471805599453, 1.0986122886681096, -0.6931471805599453}},
    {"log1p(u/10)",
     1,
     {4, 0},
     {0.18232155679395465, 0.09531017980432487, -0.10536051565782631, 0.3364722366212129}},
    {"sqrt(abs(x))", 1, {4, 0}, {1.0, 1.4142135623730951, 1.7320508075688772, 0.7071067811865476}},
    {"sin(x)",
     1,
     {4, 0},
     {0.8414709848078965, -0.9092974268256816, 0.1411200080598672, 0.47942553860420295}},
    {"cos(x)",
     1,
     {4, 0},
     {0.5403023058681397, -0.4161468365471424, -0.9899924966004454, 0.8775825618903725}},
    {"tan(x)",
     1,
     {4, 0},
     {1.557407724654902, 2.185039863261519, -0.1425465430742778, 0.5463024898437905}},
    {"asin(x/4)",
     1,
     {4, 0},
     {0.25268025514207865, -0.5235987755982989, 0.8480620789814809, 0.1253278311680654}},
    {"acos(x/4)",
     1,
     {4, 0},
     {1.318116071652818, 2.0943951023931957, 0.7227342478134157, 1.445468495626831}},
    {"atan(x)",
     1,
     {4, 0},
     {0.7853981633974483, -1.1071487177940904, 1.2490457723982544, 0.4636476090008061}},
    {"atan2(x,u)",
     1,
     {4, 0},
     {0.46364760900080615, -1.1071487177940904, 1.8925468811915387, 0.12435499454676144}},
    {"tanh(x)",
     1,
     {4, 0},
     {0.7615941559557649, -0.9640275800758169, 0.9950547536867305, 0.46211715726000974}},
    {"erf(x)",
     1,
     {4, 0},
     {0.8427007929497149, -0.9953222650189527, 0.9999779095030014, 0.5204998778130465}},
    {"logistic(x)",
     1,
     {4, 0},
     {0.7310585786300049, 0.11920292202211755, 0.9525741268224334, 0.6224593312018546}},
    {"softplus(x)",
     1,
     {4, 0},
     {1.3132616875182228, 0.1269280110429725, 3.048587351573742, 0.9740769841801067}},
    {"square(x)", 1, {4, 0}, {1.0, 4.0, 9.0, 0.25}},
    {"floor(x)", 1, {4, 0}, {1.0, -2.0, 3.0, 0.0}},
    {"leaky(x,0.1)", 1, {4, 0}, {1.0, -0.2, 3.0, 0.5}},
    {"x**3", 1, {4, 0}, {1.0, -8.0, 27.0, 0.125}},
    {"x^-2", 1, {4, 0}, {1.0, 0.25, 0.1111111111111111, 4.0}},
    {"u[1:]-u[:-1]", 1, {3, 0}, {-1.0, -2.0, 5.0}},
    {"dot(dot(z,A),x)", 0, {0, 0}, {-5.0}},
    {"abs(x)^1.5", 1, {4, 0}, {1.0, 2.8284271247461903, 5.196152422706632, 0.3535533905932738}},
    {"abs(x)**-0.5", 1, {4, 0}, {1.0, 0.7071067811865476, 0.5773502691896257, 1.4142135623730951}},
    {"abs(x)^0.3", 1, {4, 0}, {1.0, 1.2311444133449163, 1.3903891703159093, 0.8122523963562355}},
    {"T(x)", 1, {4, 0}, {1.0, -2.0, 3.0, 0.5}},
    {"3*2**2", 0, {0, 0}, {12.0}},
    {"2^3^2", 0, {0, 0}, {512.0}},
    {"-2^2", 0, {0, 0}, {-4.0}},
    {"2^-1", 0, {0, 0}, {0.5}},
    {"1-2-3", 0, {0, 0}, {-4.0}},
    {"12/4/3", 0, {0, 0}, {1.0}},
    {"7-2*3", 0, {0, 0}, {1.0}},
    {"pi*1", 0, {0, 0}, {3.141592653589793}},
    {"x[1:][1:]", 1, {2, 0}, {3.0, 0.5}},
};

/* whether it is refused, when it is read or with the parameters of the point */
static int is_outside(const char *text, const point *at) {
  const double *state[] = {at->state[0], at->state[1]},
               *teacher[] = {at->teacher[0], at->teacher[1]};
  basin_error error = {""};
  formula_model *model;
  formula_entries *entries = NULL;
  script *s = script_read(text);
  basin_status status = basin_formula_read(&s->source, &model, &error);
  if (!status)
    status = basin_formula_interpret(model, &(formula_point){at->parameter, state, teacher, NULL},
                                     &entries, &error);
  basin_formula_entries_free(entries);
  basin_formula_free(model);
  script_free(s);
  return status == BASIN_BAD_INPUT && strstr(error.text, "the index is not within");
}

static void as_numpy(void **unused) {
  (void)unused;
  for (size_t c = 0; c < sizeof numpy / sizeof *numpy; c++) {
    const struct numpy *known = &numpy[c];
    const int rows = known->rank > 0 ? known->size[0] : 1,
              columns = known->rank > 1 ? known->size[1] : 1;
    char text[TEXT_MAX];
    int used = snprintf(text, sizeof text,
                        "state x: 4\nstate A: 3; 4\nteacher u: 4\n"
                        "teacher z: 3\nconstant B: -5 -4 -3; -2 -1 0; 1 2 3; 4 5 6\nloss: x[0]\n"
                        "define e: %s\n",
                        known->text);
    for (int i = 0; i < rows * columns; i++) {
      used += snprintf(text + used, sizeof text - (size_t)used, "observable o%d: e", i);
      if (known->rank == 1) used += snprintf(text + used, sizeof text - (size_t)used, "[%d]", i);
      if (known->rank == 2)
        used += snprintf(text + used, sizeof text - (size_t)used, "[%d, %d]", i / columns,
                         i % columns);
      used += snprintf(text + used, sizeof text - (size_t)used, "\n");
    }
    formula_model *model = model_of(text);
    point at = {.parameter = {4, 3},
                .state = {{1, -2, 3, 0.5}, {1, 2, 3, 4, 5, 6, 7, 8, -1, 0.5, 2, -3}},
                .teacher = {{2, 1, -1, 4}, {1, -1, 2}}};
    formula_entries *entries = values_at(model, &at);
    assert_int_equal(model->observables, rows * columns);
    for (int i = 0; i < rows * columns; i++) {
      const double got = entries->of[model->observable[i].node][0], want = known->value[i];
      if (!(fabs(got - want) <= 4e-15 * fabs(want)))
        fail_msg("%s: entry %d is %.17g, expected %.17g", known->text, i, got, want);
    }
    /* not one entry more */
    if (known->rank > 0) {
      snprintf(text + used, sizeof text - (size_t)used, "observable more: e[%d%s]\n", rows,
               known->rank == 2 ? ", 0" : "");
      assert_true(is_outside(text, &at));
    }
    basin_formula_entries_free(entries);
    basin_formula_free(model);
  }
}

/* ---- losses whose gradients are known ---- */

static void assert_close(double got, double want, double scale) {
  if (!(fabs(got - want) <= 1e-13 * scale)) fail_msg("%.17g, expected %.17g", got, want);
}

static void rosenbrock(void **unused) {
  uint64_t seed = 1;
  formula_model *model = model_of("parameter n = 7\nstate x: n\ndefine f: 1 - x[:-1]\n"
                                  "define g: x[1:] - x[:-1]^2\nloss: sum(f^2 + 100*g^2)");
  (void)unused;
  assert_true(model->is_size[0]);
  for (int t = 0; t < 20; t++) {
    point at;
    const int n = 2 + t % 6;
    double want[8] = {0};
    at.parameter[0] = n;
    fill_uniform(at.state[0], n, -2, 2, &seed);
    const double *x = at.state[0];
    for (int i = 0; i + 1 < n; i++) {
      want[i] += -2 * (1 - x[i]) - 400 * x[i] * (x[i + 1] - x[i] * x[i]);
      want[i + 1] += 200 * (x[i + 1] - x[i] * x[i]);
    }
    formula_entries *entries = values_at(model, &at);
    double norm2 = 0;
    for (int i = 0; i < n; i++) {
      assert_close(entries->of[model->gradient[0]][i], want[i], 4000);
      norm2 += want[i] * want[i];
    }
    assert_close(entries->of[model->norm2][0], norm2, 1e7);
    basin_formula_entries_free(entries);
  }
  /* of one variable there are no pairs: that is told, with the place of the slice */
  const double one = 1, x[1] = {0}, *state[1] = {x};
  basin_error error;
  formula_entries *none;
  assert_int_equal(
      basin_formula_interpret(model, &(formula_point){&one, state, NULL, NULL}, &none, &error),
      BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "f:3:17: the slice has no entries"));
  const double half = 2.5;
  assert_int_equal(
      basin_formula_interpret(model, &(formula_point){&half, state, NULL, NULL}, &none, &error),
      BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "n = 2.5 is a size, expected a whole number"));
  basin_formula_free(model);
}

static int operations(const formula_model *model, formula_operation operation) {
  int found = 0;
  for (int i = 0; i < model->nodes; i++) found += model->node[i].operation == operation;
  return found;
}

static void mueller_brown(void **unused) {
  static const double A[] = {-200, -100, -170, 15}, a[] = {-1, -1, -6.5, 0.7},
                      b[] = {0, 0, 11, 0.6}, c[] = {-10, -10, -6.5, 0.7}, x0[] = {1, 0, -0.5, -1},
                      y0[] = {0, 0.5, 1.5, 1};
  uint64_t seed = 1;
  formula_model *model = model_of(
      "parameter s = 1\nstate x: 1\nstate y: 1\ndefine V1: -200*exp(-(x - 1)^2 - 10*y^2)\n"
      "define V2: -100*exp(-x^2 - 10*(y - 0.5)^2)\n"
      "define V3: -170*exp(-6.5*(x + 0.5)^2 + 11*(x + 0.5)*(y - 1.5) - 6.5*(y - 1.5)^2)\n"
      "define V4: 15*exp(0.7*(x + 1)^2 + 0.6*(x + 1)*(y - 1) + 0.7*(y - 1)^2)\n"
      "loss: s*(V1 + V2 + V3 + V4)\nobservable r: norm(x)\nwhen: norm_grad < 1e-6 and loss < s");
  (void)unused;
  for (int t = 0; t < 20; t++) {
    point at = {.parameter = {0.5}};
    double loss = 0, gx = 0, gy = 0;
    fill_uniform(at.state[0], 1, -1.5, 1.2, &seed);
    fill_uniform(at.state[1], 1, -0.2, 2, &seed);
    for (int i = 0; i < 4; i++) {
      const double u = at.state[0][0] - x0[i], v = at.state[1][0] - y0[i];
      const double e = 0.5 * A[i] * exp(a[i] * u * u + b[i] * u * v + c[i] * v * v);
      loss += e;
      gx += e * (2 * a[i] * u + b[i] * v);
      gy += e * (b[i] * u + 2 * c[i] * v);
    }
    formula_entries *entries = values_at(model, &at);
    assert_close(entries->of[model->loss][0], loss, 1e3);
    assert_close(entries->of[model->gradient[0]][0], gx, 1e4);
    assert_close(entries->of[model->gradient[1]][0], gy, 1e4);
    assert_close(entries->of[model->observable[0].node][0], fabs(at.state[0][0]), 1);
    assert_int_equal(entries->of[model->when][0], 0);
    basin_formula_entries_free(entries);
  }
  /* what the loss has computed its derivatives do not compute again */
  assert_int_equal(operations(model, FORMULA_EXP), 4);
  assert_int_equal(operations(model, FORMULA_SQRT), 1);
  basin_formula_free(model);
}

static void phase_retrieval(void **unused) {
  enum { M = 5, D = 3 };
  static const double A[M][D] = {{1, 2, -1}, {0.5, -1, 2}, {-2, 0.25, 1}, {1, 1, 1}, {3, -1, 0.5}};
  uint64_t seed = 1;
  formula_model *model = model_of(
      "constant A: 1 2 -1; 0.5 -1 2; -2 0.25 1; 1 1 1; 3 -1 0.5\nstate x: 3\nteacher x_star: 3\n"
      "define residual: dot(A, x)^2 - dot(A, x_star)^2\nloss: mean(residual^2)/4");
  (void)unused;
  for (int t = 0; t < 20; t++) {
    point at;
    double want[D] = {0};
    fill_uniform(at.state[0], D, -2, 2, &seed);
    fill_uniform(at.teacher[0], D, -2, 2, &seed);
    for (int i = 0; i < M; i++) {
      double p = 0, q = 0;
      for (int j = 0; j < D; j++) p += A[i][j] * at.state[0][j], q += A[i][j] * at.teacher[0][j];
      for (int j = 0; j < D; j++) want[j] += (p * p - q * q) * p * A[i][j] / M;
    }
    formula_entries *entries = values_at(model, &at);
    for (int j = 0; j < D; j++) assert_close(entries->of[model->gradient[0]][j], want[j], 1e3);
    basin_formula_entries_free(entries);
  }
  basin_formula_free(model);
}

static void cnn(void **unused) {
  enum { K = 5, P = 3 };
  uint64_t seed = 1;
  formula_model *model = model_of(
      "parameter k = 25\nparameter p = 8\nstate a: k\nstate v: p\nteacher a_star: k\nteacher "
      "v_star: p\n"
      "input Z: k; p\n"
      "define residual: dot(a, relu(dot(Z, v)))/norm(v) - dot(a_star, relu(dot(Z, v_star)))\n"
      "loss: residual^2 / 2\nobservable angle: dot(v, v_star)/norm(v)/norm(v_star)");
  (void)unused;
  assert_int_equal(model->norm2, -1);
  for (int t = 0; t < 20; t++) {
    point at = {.parameter = {K, P}};
    double out = 0, teach = 0, length = 0, ga[K], gv[P] = {0};
    fill_uniform(at.state[0], K, -1, 1, &seed);
    fill_uniform(at.state[1], P, -1, 1, &seed);
    fill_uniform(at.teacher[0], K, -1, 1, &seed);
    fill_uniform(at.teacher[1], P, -1, 1, &seed);
    fill_uniform(at.input[0], K * P, -2, 2, &seed);
    const double *a = at.state[0], *v = at.state[1], *Z = at.input[0];
    for (int j = 0; j < P; j++) length += v[j] * v[j];
    length = sqrt(length);
    for (int i = 0; i < K; i++) {
      double h = 0, h_star = 0;
      for (int j = 0; j < P; j++)
        h += Z[i * P + j] * v[j], h_star += Z[i * P + j] * at.teacher[1][j];
      ga[i] = fmax(h, 0) / length;
      out += a[i] * fmax(h, 0) / length;
      teach += at.teacher[0][i] * fmax(h_star, 0);
      for (int j = 0; j < P && h > 0; j++) gv[j] += a[i] * Z[i * P + j] / length;
    }
    formula_entries *entries = values_at(model, &at);
    for (int i = 0; i < K; i++)
      assert_close(entries->of[model->gradient[0]][i], (out - teach) * ga[i], 100);
    for (int j = 0; j < P; j++)
      assert_close(entries->of[model->gradient[1]][j],
                   (out - teach) * (gv[j] - out * v[j] / length / length), 1000);
    basin_formula_entries_free(entries);
  }
  basin_formula_free(model);
}

/* ---- kinks, and what is not taken ---- */

static void kinks(void **unused) {
  static const struct {
    const char *loss;
    double at, derivative;
  } known[] = {
      {"relu(x)", 0, 1},
      {"relu(-x)", 0, -1},
      {"abs(x)", 0, 1},
      {"leaky(x, 0.25)", 0, 1},
      {"leaky(x, 0.25)", -1, 0.25},
      {"max(x, 2*x)", 0, 1},
      {"max(2*x, x)", 0, 2},
      {"min(3*x, x)", 0, 3},
      {"max(3*v)", 0, 3},
      {"norm(v)", 0, 0},
      {"sqrt(dot(v, v))", 0, 0},
      {"norm(outer(v, v))", 0, 0},
      {"norm(v)", 2, 1},
      {"sign(x)*x", 0, 0},
      {"sign(x)*x", -2, -1},
      {"x*where(x <= 0, 2, 3)", 0, 2},
      {"where(x > 0, x*log(x), 0)", 0, 0},
      {"where(x > 0, x*log(x), 0)", -1, 0},
      {"where(x > 0, sqrt(x), 2*x)", 0, 2},
      {"where(x > 0, 1/x, where(x < 0, 1/x, 5*x))", 0, 5},
      {"sum(where(v > 0, v*sqrt(v), 3*v))", 0, 3},
      {"where(floor(x) == 0, x^2, 0)", 0.5, 1},
      {"x^0 + x", 0, 1},
      {"x^1.5", 0, 0},
      {"x^3", -2, 12},
      {"x^-2", 2, -0.25},
      {"x^0.5", 4, 0.25},
      {"x^64", 1, 64},
      {"(x^64)^2", 1, 128},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    char text[256];
    point at = {.state = {{known[i].at, -100}, {known[i].at}}};
    /* v has the state x for its first entry, where the other is far away */
    const int is_vector = strchr(known[i].loss, 'v') != NULL;
    snprintf(text, sizeof text, "state v: n\nparameter n = 1\nstate x: 1\nloss: %s", known[i].loss);
    at.parameter[0] = 1;
    formula_model *model = model_of(text);
    formula_entries *entries = values_at(model, &at);
    const double got = entries->of[model->gradient[!is_vector]][0];
    if (!(fabs(got - known[i].derivative) <= 1e-14 * fabs(known[i].derivative)))
      fail_msg("%s at %g: %.17g, expected %.17g", known[i].loss, known[i].at, got,
               known[i].derivative);
    basin_formula_entries_free(entries);
    basin_formula_free(model);
  }
}

/* max of equal entries: the first has the derivative */
static void ties(void **unused) {
  formula_model *model = model_of("state x: 4\nloss: max(x) + 10*min(x)");
  point at = {.state = {{1, 2, 2, 1}}};
  static const double want[] = {10, 1, 0, 0};
  (void)unused;
  formula_entries *entries = values_at(model, &at);
  for (int i = 0; i < 4; i++) assert_within(entries->of[model->gradient[0]][i], want[i], want[i]);
  basin_formula_entries_free(entries);
  basin_formula_free(model);
}

/* ---- the graph ---- */

static void common_once(void **unused) {
  formula_model *model = model_of("state x: 5\nstate y: 5\ndefine a: x*y\n"
                                  "loss: sum(exp(a)) + dot(exp(y*x), exp(x*y))\n"
                                  "observable e: sum(exp(a))\ndefine unused: tan(x)");
  (void)unused;
  assert_int_equal(operations(model, FORMULA_EXP), 1);
  assert_int_equal(operations(model, FORMULA_TAN), 0);
  basin_formula_free(model);
  /* x, x x, which is the squared norm of the gradient too, 1/2 and the loss; the derivative is x */
  model = model_of("state x: 1\nloss: x^2/2");
  assert_int_equal(model->nodes, 4);
  assert_int_equal(model->node[model->gradient[0]].operation, FORMULA_STATE);
  /* nodes can still be added, and are found */
  const int nodes = model->nodes;
  assert_int_equal(basin_formula_leaf(model, FORMULA_STATE, 0), model->gradient[0]);
  assert_int_equal(basin_formula_number(model, 7), nodes);
  assert_int_equal(basin_formula_number(model, 7), nodes);
  basin_formula_free(model);
}

/* what is computed while reading, and what may not be: the sign of zero counts */
static void folded(void **unused) {
  static const struct {
    const char *text;
    formula_operation operation; /* of the observable's node */
  } known[] = {
      {"2*3 + sqrt(4)", FORMULA_NUMBER},
      {"x*1", FORMULA_STATE},
      {"1*x", FORMULA_STATE},
      {"x/1", FORMULA_STATE},
      {"x - 0", FORMULA_STATE},
      {"--x", FORMULA_STATE},
      {"x + 0", FORMULA_ADD},
      {"0 + x", FORMULA_ADD},
      {"x*0", FORMULA_MUL},
      {"0 - x", FORMULA_SUB},
      {"x/4", FORMULA_MUL},
      {"x/3", FORMULA_DIV},
      {"x + -y", FORMULA_SUB},
      {"x - -y", FORMULA_ADD},
      {"-1*x", FORMULA_NEG},
      {"where(x < 1, y, y)", FORMULA_STATE},
      {"max(x, x)", FORMULA_STATE},
      {"-(2*x)", FORMULA_MUL},
      {"x^1", FORMULA_STATE},
      {"x^0.5", FORMULA_SQRT},
      {"x^1.7", FORMULA_POW},
      {"x^s", FORMULA_POW},
      {"x^65", FORMULA_POW},
  };
  (void)unused;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    char text[256];
    snprintf(text, sizeof text,
             "parameter s = 2\nstate x: 1\nstate y: 1\nloss: x*y\nobservable o: %s", known[i].text);
    formula_model *model = model_of(text);
    if (model->node[model->observable[0].node].operation != known[i].operation)
      fail_msg("%s: operation %d", known[i].text,
               (int)model->node[model->observable[0].node].operation);
    basin_formula_free(model);
  }
}

static void sizes(void **unused) {
  formula_model *model = model_of(
      "parameter k = 3\nparameter p = 2\nparameter s = 0.5\ndefine m: 2*k\nstate x: m*(p + 1) - k\n"
      "state W: k; p\nstate one: 1\nstate single: p - p + 1\nloss: s*sum(x[1:k]) + sum(W) + one + "
      "single");
  (void)unused;
  static const char *const text[] = {"2 * P(k) * P(p) + P(k)", "P(k)", "P(p)"};
  static const double value[] = {15, 3, 2};
  const double parameter[] = {3, 2, 0.5};
  for (int i = 0; i < 3; i++) {
    assert_string_equal(model->size[i].text, text[i]);
    assert_within(basin_formula_size_value(model, i, parameter), value[i], value[i]);
  }
  assert_int_equal(model->state[0].shape.rank, 1);
  assert_int_equal(model->state[1].shape.rank, 2);
  assert_int_equal(model->state[2].shape.rank, 0);
  assert_int_equal(model->state[3].shape.rank, 0);
  assert_true(model->is_size[0] && model->is_size[1] && !model->is_size[2]);
  /* k - 1 entries, of which there is at least one; all else is known to hold */
  assert_int_equal(model->bounds, 1);
  assert_string_equal(model->size[model->bound[0].size].text, "P(k) - 1");
  assert_int_equal(model->bound[0].least, 1);
  assert_string_equal(model->bound[0].reason, "f:9:15: the slice has no entries");
  basin_formula_free(model);
  /* what may be of either sign has to be 0 for an index, 1 for a size, each told once */
  model = model_of(
      "parameter k = 3\nparameter p = 2\nstate x: k\nloss: x[k - p] + 2*x[-p + k] + sum(d)\n"
      "constant c: 1 2 3 4\ndefine d: c[k - p]*x[:k - p]");
  static const struct {
    const char *size;
    int64_t least;
  } bound[] = {{"P(k) - P(p)", 0}, {"P(p) + 3 - P(k)", 0}, {"P(k) - P(p)", 1}};
  assert_int_equal(model->bounds, 3);
  for (int i = 0; i < 3; i++) {
    assert_string_equal(model->size[model->bound[i].size].text, bound[i].size);
    assert_int_equal(model->bound[i].least, bound[i].least);
  }
  basin_formula_free(model);
}

/* the order of sums that graph.h promises, bit by bit */
static void order_of_sums(void **unused) {
  formula_model *model = model_of(
      "parameter n = 4\nstate x: n\nstate y: n\nloss: sum(x) + dot(x, y)\n"
      "observable s: sum(x)\nobservable d: dot(x, y)\n"
      "observable m: dot(outer(x, y), x)[0]");
  uint64_t seed = 3;
  (void)unused;
  for (int t = 0; t < 400; t++) {
    const int n = 1 + t % 40;
    point at = {.parameter = {n}};
    fill_uniform(at.state[0], n, -1, 1, &seed);
    fill_uniform(at.state[1], n, -1, 1, &seed);
    const double *x = at.state[0], *y = at.state[1];
    double s[8], d[8], chain = x[0] * y[0] * x[0];
    for (int i = 0; i < n; i++) {
      const int j = n < 8 ? 0 : i % 8, first = n < 8 ? i == 0 : i < 8;
      s[j] = first ? x[i] : s[j] + x[i];
      d[j] = first ? x[i] * y[i] : fma(x[i], y[i], d[j]);
    }
    if (n >= 8) {
      s[0] = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
      d[0] = ((d[0] + d[4]) + (d[2] + d[6])) + ((d[1] + d[5]) + (d[3] + d[7]));
    }
    for (int i = 1; i < n; i++) chain = fma(x[0] * y[i], x[i], chain);
    formula_entries *entries = values_at(model, &at);
    assert_within(entries->of[model->observable[0].node][0], s[0], s[0]);
    assert_within(entries->of[model->observable[1].node][0], d[0], d[0]);
    assert_within(entries->of[model->observable[2].node][0], chain, chain);
    basin_formula_entries_free(entries);
  }
  basin_formula_free(model);
}

/* ---- what is refused ---- */

#define MODEL                                                                                  \
  "parameter k = 3\nparameter p = 2\nparameter s = 1\nstate x: p\nstate W: k; p\nstate y: 1\n" \
  "teacher a: k\n"
/* of this the loss stands in line 8 from column 7 on */
#define LOSS MODEL "loss: "

static const struct fault {
  const char *script;
  int line, column;
  const char *reason;
} faults[] = {
    {LOSS "exp(gama)\ndefine gamma: y", 8, 11, "unknown name `gama`, did you mean `gamma`?"},
    {LOSS "quux + 1", 8, 7, "unknown name `quux`, expected a parameter"},
    {LOSS "1 + expp(y)", 8, 11, "unknown function `expp`, did you mean `exp`?"},
    {LOSS "sinus_of(y)", 8, 7, "unknown function `sinus_of`, expected one of abs"},
    {LOSS "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", 8, 7,
     "a name of over 63 characters"},
    {LOSS "1111111111111111111111111111111111111111111111111111111111111111", 8, 7,
     "a number of over 63 characters"},
    {LOSS "x[1e15*p + p - 1e15*p*(1e15)]", 8, 16, "too large a number"},
    {LOSS "x[(k + p + 1)^4]", 8, 20, "a size of too many terms"},
    {LOSS "y(2)", 8, 7, "`y` is no function"},
    {LOSS "exp + y", 8, 7, "`exp` is a function, expected `(`"},
    {LOSS "sum(W + x)", 8, 13,
     "`+`: the shapes [k, p] and [p] do not fit, expected equal ones, or a scalar"},
    {LOSS "sum(a*x)", 8, 12, "`*`: the shapes [k] and [p] do not fit"},
    {LOSS "sum(x[1:] - x)", 8, 17, "`-`: the shapes [p - 1] and [p] do not fit"},
    {LOSS "sum(dot(x, W))", 8, 11, "dot: the shapes [p] and [k, p] do not fit"},
    {LOSS "dot(a, x)", 8, 7, "dot: the shapes [k] and [p] do not fit"},
    {LOSS "sum(outer(W, x))", 8, 11,
     "outer: the shapes [k, p] and [p] do not fit, expected two vectors"},
    {LOSS "sum(outer(y, x))", 8, 11, "outer: the shapes a scalar and [p] do not fit"},
    {LOSS "sum(atan2(x, a))", 8, 11, "atan2: the shapes [p] and [k] do not fit"},
    {LOSS "sum(where(a > 0, x, 1))", 8, 11, "where: the shapes [k] and [p] do not fit"},
    {LOSS " x", 8, 8, "the loss has the shape [p], expected a scalar"},
    {LOSS "W", 8, 7, "the loss has the shape [k, p], expected a scalar"},
    {LOSS "y < 1", 8, 7, "the loss is a mask"},
    {LOSS "y + (y < 1)", 8, 11, "`+` takes numbers and this is a mask"},
    {LOSS "(y < 1) * 2", 8, 7, "`*` takes numbers and this is a mask"},
    {LOSS "-(y < 1)", 8, 8, "`-` takes numbers and this is a mask"},
    {LOSS "exp(y < 1)", 8, 11, "exp takes numbers and this is a mask"},
    {LOSS "sum(x > 0)", 8, 11, "sum takes numbers and this is a mask"},
    {LOSS "(y < 1) < 2", 8, 7, "`<` takes numbers and this is a mask"},
    {LOSS "where(y, 1, 2)", 8, 13, "the first argument of where takes masks"},
    {LOSS "where(y < 1, y < 2, 2)", 8, 20, "where takes numbers and this is a mask"},
    {LOSS "where(y < 1 and y, y, 2)", 8, 23, "`and` takes masks"},
    {LOSS "where(y or y < 1, y, 2)", 8, 13, "`or` takes masks"},
    {LOSS "where(not y, y, 2)", 8, 17, "`not` takes masks"},
    {LOSS "where(0 < y < 1, y, 2)", 8, 19, "comparisons do not chain"},
    {LOSS "where(y = 1, y, 2)", 8, 15, "unexpected `=`, expected `==`"},
    {LOSS "(y < 1)[0]", 8, 14, "[...] takes numbers"},
    {LOSS "(x < 1).T", 8, 7, ".T takes numbers"},
    {LOSS "floor(y)^2", 8, 7, "floor is a function without a derivative"},
    {LOSS "y + sum(floor(2*x))", 8, 15, "floor is a function without a derivative"},
    {LOSS "s + dot(a, a)", 8, 7, "the loss depends on no state"},
    {LOSS "sign(y)", 8, 7, "the loss depends on no state"},
    {LOSS "", 8, 7, "ends too early"},
    {LOSS "y +", 8, 10, "ends too early, expected a value"},
    {LOSS "(y", 8, 9, "expected `)`"},
    {LOSS "y)", 8, 8, "unexpected `)`, expected an operator or the end of the formula"},
    {LOSS "y y", 8, 9, "unexpected `y`, expected an operator"},
    {LOSS "y \xc2\xb7 y", 8, 9, "unexpected `\xc2\xb7`"},
    {LOSS "y % 2", 8, 9, "no remainder"},
    {LOSS "* y", 8, 7, "unexpected `*`, expected a value"},
    {LOSS "and y", 8, 7, "unexpected `and`"},
    {LOSS "[1, 2]", 8, 7, "a list of numbers is a constant"},
    {LOSS "1..2*y", 8, 7, "`1..2` is not a number"},
    {LOSS "1e999*y", 8, 7, "too large"},
    {LOSS "0x10*y", 8, 8, "unexpected `x`"},
    {LOSS "1/0 + y", 8, 8, "the result is not a finite number"},
    {LOSS "y + log(-1)", 8, 11, "the result is not a finite number"},
    {LOSS "y*(-8)^0.3", 8, 13, "the result is not a finite number"},
    {LOSS "exp()", 8, 7, "exp takes one argument"},
    {LOSS "exp(y, y)", 8, 14, "exp takes one argument"},
    {LOSS "atan2(y)", 8, 14, "atan2 takes two arguments"},
    {LOSS "max(y, y, y)", 8, 17, "max takes one or two arguments"},
    {LOSS "where(y < 1, y)", 8, 21, "where takes three arguments"},
    {LOSS "exp(y; y)", 8, 12, "unexpected `;`, expected `,` or `)`"},
    {LOSS "y[0]", 8, 8, "a scalar has no entries"},
    {LOSS "x[0, 0]", 8, 12, "a vector has one axis"},
    {LOSS "W[0, 0, 0]", 8, 15, "a vector has one axis and a matrix two"},
    {LOSS "x[p]", 8, 9, "the index is not within the axis, which has length p"},
    {LOSS "x[-p - 1]", 8, 9, "the index is not within the axis"},
    {LOSS "sum(x[1:p + 1])", 8, 13, "the slice is not within the axis, which has length p"},
    {LOSS "sum(x[1:1])", 8, 13, "the slice has no entries"},
    {LOSS "W[0, p]", 8, 12, "the index is not within the axis, which has length p"},
    {LOSS "sum(x[0:p:2])", 8, 16, "slices have no steps"},
    {LOSS "sum(x[::2])", 8, 14, "slices have no steps"},
    {LOSS "x[0.5]", 8, 9, "not a whole number"},
    {LOSS "x[y]", 8, 9, "`y` is no parameter"},
    {LOSS "x[q]", 8, 9, "unknown name `q`"},
    {LOSS "x[p/2]", 8, 10, "a quotient may not be whole"},
    {LOSS "x[0", 8, 10, "expected `,` or `]`"},
    {LOSS "x[]", 8, 9, "expected a whole number or a parameter"},
    {LOSS "x[p^0]", 8, 10, "a power in a size"},
    {LOSS "x[p^9]", 8, 10, "too high a degree"},
    {LOSS "loss + y", 8, 7, "`loss` is known in observables"},
    {LOSS "t*y", 8, 7, "`t`, the steps taken so far"},
    {LOSS "y\nwhen: y", 9, 7, "`when` is a number, expected a comparison"},
    {LOSS "y\nwhen: x < 1", 9, 7, "`when` has the shape [p], expected a scalar"},
    {LOSS "y\nobservable o: x", 9, 15, "an observable has the shape [p]"},
    {LOSS "y\nobservable o: y < 1", 9, 15, "an observable is a mask"},
    {LOSS "y\nobservable loss: y", 9, 12, "every model of formulas has the observable `loss`"},
    {LOSS "y\nobservable x: y", 9, 12, "`x` is there twice"},
    {LOSS "y\nobservable o: y\nobservable o: y", 9, 12, "`o` is there twice"},
    {LOSS "y\nobservable 2o: y", 9, 12, "`2o` is not a name"},
    {LOSS "y*sum(Z)\ninput Z: k\nobservable o: loss", 10, 15, "`loss` depends on random inputs"},
    {LOSS "y*sum(Z)\ninput Z: k\nwhen: norm_grad < 1", 10, 7,
     "`norm_grad` depends on random inputs"},
    {LOSS "y*sum(Z)\ninput Z: k\nobservable o: y + Z[0]", 10, 15,
     "an observable depends on a random input"},
    {LOSS "y*sum(Z)\ninput Z: k\nwhen: Z[0] < 1", 10, 7, "`when` depends on a random input"},
    {LOSS "d\ndefine d: y + e\ndefine e: 2*d", 10, 13, "`d` is defined by itself"},
    {LOSS "d\ndefine d: d", 9, 11, "`d` is defined by itself"},
    {LOSS "x[d]\ndefine d: e\ndefine e: 1 + d", 10, 15, "`d` is defined by itself"},
    {LOSS "y\ndefine unused: 2*q", 9, 18, "unknown name `q`"},
    {LOSS "y\ndefine exp: 2", 9, 8, "`exp` is a function, expected another name"},
    {LOSS "y\ndefine k: 2", 1, 11, "`k` is there twice"},
    {LOSS "y\ndefine d: 2\ndefine d: 3", 9, 8, "`d` is there twice"},
    {LOSS "y\ndefine pi: 3", 9, 8, "`pi` is a word of the language"},
    {LOSS "y\nstate t: 3", 9, 7, "`t` is a word of the language"},
    {LOSS "y\nstate b-c: 3", 9, 7, "`b-c` is not a name"},
    {LOSS "y\nstate b: 3*", 9, 12, "ends too early"},
    {LOSS "y\nstate b: 0", 9, 10, "a size of `b` is less than 1"},
    {LOSS "y\nstate b: k; 2 - k - p", 9, 13, "a size of `b` is less than 1"},
    {LOSS "y\nstate b: 1e7", 9, 10, "a size of 10000000 is too large"},
    {LOSS "y\nstate b: x", 9, 10, "`x` is no parameter"},
    {LOSS "y\nstate b: 3 4", 9, 12, "unexpected `4`"},
    {LOSS "y\nstate b: s2\nparameter s2 = 0.5", 10, 11,
     "`s2` is a size or an index, its default 0.5 is not"},
    {LOSS "y + x[s3]\nparameter s3 = 0", 9, 11, "`s3` is a size or an index"},
    {LOSS "y\nparameter b = inf", 9, 11, "the default of `b` is not a finite number"},
    {LOSS "y\nconstant c: 1 inf", 9, 10, "an entry of `c` is not a finite number"},
    {LOSS "y\nconstant c:", 9, 10, "`c` has 0 rows"},
};

static void refused(void **unused) {
  (void)unused;
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    const struct fault *f = &faults[i];
    basin_error error = {""};
    char place[32];
    formula_model *model;
    script *s = script_read(f->script);
    snprintf(place, sizeof place, "f:%d:%d: ", f->line, f->column);
    const basin_status status = basin_formula_read(&s->source, &model, &error);
    if (status != BASIN_BAD_INPUT || model || strncmp(error.text, place, strlen(place)) != 0 ||
        !strstr(error.text, f->reason))
      fail_msg("%s\n\"%s\", expected \"%s...%s\"", f->script, error.text, place, f->reason);
    script_free(s);
  }
}

/* nesting is bounded, so that no text can exhaust the stack, and so are nodes */
static void limits(void **unused) {
  static const char *const open[] = {"(", "-", "exp(", "x[", "2^", "not ", "where(", "((x).T"};
  char *text = malloc(4000000);
  basin_error error;
  formula_model *model;
  (void)unused;
  assert_non_null(text);
  for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
    char *at = text + sprintf(text, "state x: 3\nloss: ");
    for (int j = 0; j < 100000; j++) at = stpcpy(at, open[i]);
    script *s = script_read(text);
    assert_int_equal(basin_formula_read(&s->source, &model, &error), BASIN_BAD_INPUT);
    script_free(s);
  }
  /* brackets after each other, and sums, are not nested */
  char *at = text + sprintf(text, "state x: 1\nloss: x");
  for (int j = 0; j < 60000; j++) at += sprintf(at, "+(x+%d)", j);
  script *s = script_read(text);
  assert_int_equal(basin_formula_read(&s->source, &model, &error), BASIN_BAD_INPUT);
  assert_non_null(strstr(error.text, "more than 100000 operations"));
  script_free(s);
  at = text + sprintf(text, "state x: 1\nloss: x");
  for (int j = 0; j < 15000; j++) at += sprintf(at, "+exp(x+%d)", j);
  s = script_read(text);
  assert_ok(basin_formula_read(&s->source, &model, &error), error);
  basin_formula_free(model);
  script_free(s);
  /* definitions in the wrong order are found, those that are deep in each other refused */
  for (int deep = 50; deep <= 5000; deep *= 100) {
    formula_text *define = calloc((size_t)deep, sizeof *define);
    char(*word)[2][24] = calloc((size_t)deep, sizeof *word);
    const formula_sized x = {.name = "x"};
    formula_source source = {.state = &x,
                             .states = 1,
                             .define = define,
                             .defines = deep,
                             .loss = {.text = "d0", .place = {"f", 1, 1}}};
    for (int i = 0; i < deep; i++) {
      sprintf(word[i][0], "d%d", i);
      sprintf(word[i][1], i + 1 < deep ? "d%d" : "x + %d", i + 1);
      define[i] = (formula_text){word[i][0], word[i][1], {"f", i + 2, 5}, {"f", i + 2, 1}};
    }
    const basin_status status = basin_formula_read(&source, &model, &error);
    assert_int_equal(status, deep == 50 ? BASIN_OK : BASIN_BAD_INPUT);
    if (status) assert_non_null(strstr(error.text, "nested deeper"));
    basin_formula_free(model);
    free(define);
    free(word);
  }
  free(text);
}

/* any tokens are taken, or refused in one line that says where */
static void random_tokens(void **unused) {
  static const char *const tokens[] = {
      "x",    "W",    "y",     "a",        "k",       "p",         "s",         "d",
      "(",    ")",    "[",     "]",        ",",       ":",         "+",         "-",
      "*",    "/",    "^",     "**",       ".T",      "<",         ">=",        "==",
      "!=",   "and",  "or",    "not",      "1",       "0.5",       "2",         "-1",
      "1e-3", "exp",  "dot",   "where",    "norm",    "max",       "sum",       "T",
      "pi",   "log",  "atan2", "outer",    "loss",    "norm_grad", "floor",     "exp(",
      "dot(", "sum(", "x[1:]", "W[0]",     "W[:, 1]", "x[k]",      "dot(W, x)", "(x)",
      " ",    "%",    "=",     "\xc2\xb2", "t",       "relu(",     ")",         ")",
  };
  uint64_t seed = 5;
  int taken = 0;
  (void)unused;
  for (int i = 0; i < 40000 / TEST_SLOWER; i++) {
    char text[2048] = MODEL;
    basin_error error = {""};
    formula_model *model;
    static const char *const lines[] = {"define d: ", "\nloss: sum(x) + ",
                                        "\nobservable o: ", "\nwhen: y < "};
    for (int l = 0; l < 4; l++) {
      strcat(text, lines[l]);
      const int length = 1 + (int)(test_random(&seed) % (i % 2 ? 1 : 12));
      for (int j = 0; j < length; j++)
        strcat(text, tokens[test_random(&seed) % (sizeof tokens / sizeof *tokens)]);
    }
    script *s = script_read(text);
    const basin_status status = basin_formula_read(&s->source, &model, &error);
    if (status ? status != BASIN_BAD_INPUT || model || strncmp(error.text, "f:", 2) != 0 ||
                     strchr(error.text, '\n')
               : !model)
      fail_msg("%s\n%s", text, error.text);
    taken += !status;
    basin_formula_free(model);
    script_free(s);
  }
  assert_true(taken > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_expressions),
      cmocka_unit_test(random_code),
      cmocka_unit_test(as_numpy),
      cmocka_unit_test(rosenbrock),
      cmocka_unit_test(mueller_brown),
      cmocka_unit_test(phase_retrieval),
      cmocka_unit_test(cnn),
      cmocka_unit_test(kinks),
      cmocka_unit_test(ties),
      cmocka_unit_test(common_once),
      cmocka_unit_test(folded),
      cmocka_unit_test(sizes),
      cmocka_unit_test(order_of_sums),
      cmocka_unit_test(refused),
      cmocka_unit_test(limits),
      cmocka_unit_test(random_tokens),
  };
  return cmocka_run_group_tests_name("formula", tests, make_folder, remove_folder);
}
