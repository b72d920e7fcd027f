/* SPDX-License-Identifier: MIT */
#include "formula/formula.h"
#include "base/text.h"
#include "formula/build.h"
#include "formula/derive.h"
#include "formula/size.h"
#include "numeric/dmath.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NESTING_MAX = 200, SIZE_MAX_VALUE = 1000000 };

/* How far a definition has been read: as a formula, and as a whole number. */
typedef enum progress { UNREAD, READING, READ } progress;
typedef struct definition {
  progress formula, whole;
  int node;
  formula_polynomial value; /* as a whole number */
} definition;

/* Where a FLOOR was written. */
typedef struct floor_place {
  int node;
  basin_place place;
} floor_place;

typedef struct reader {
  const formula_source *source;
  formula_model *model;
  basin_error *error;
  basin_status status;

  const formula_text *text; /* what is being read */
  formula_text of_size;     /* it, where it is the size of an array */
  const char *at;
  int depth;
  definition *define;       /* [defines] */
  formula_polynomial *size; /* [sizes] of the model's table */
  floor_place *floor;
  int floors;
  int knows_loss; /* the loss and its gradient are there: observables and `when` are being read */
} reader;

/* the place of a character of the text that is being read */
static basin_place here(const reader *r, const char *at) {
  basin_place place = r->text->place;
  if (place.line > 0) place.column += (int)(at - r->text->text);
  return place;
}

/* the reason, of which the first holds, and -1, which stands for no node */
#define REFUSE_AT(r, place, ...) \
  ((r)->status ? -1 : ((r)->status = basin_fail_at((r)->error, place, __VA_ARGS__), -1))
#define REFUSE(r, at, ...) REFUSE_AT(r, here(r, at), __VA_ARGS__)

static int out_of_memory(reader *r) {
  if (!r->status) r->status = basin_fail_memory(r->error);
  return -1;
}

/* ---- names ---- */

static int is_name_character(char c) { return isalnum((unsigned char)c) || c == '_'; }

static int find_array(const formula_array *array, int arrays, const char *name) {
  for (int i = 0; i < arrays; i++)
    if (!strcmp(array[i].name, name)) return i;
  return -1;
}

static int find_definition(const reader *r, const char *name) {
  for (int i = 0; i < r->source->defines; i++)
    if (!strcmp(r->source->define[i].name, name)) return i;
  return -1;
}

/* The arrays of a model, by the operation that takes them. */
typedef struct array_kind {
  formula_operation operation;
  const formula_array *array;
  int arrays;
} array_kind;

enum { ARRAY_KINDS = 5 };

static void list_kinds(const formula_model *m, array_kind kind[ARRAY_KINDS]) {
  kind[0] = (array_kind){FORMULA_PARAMETER, m->parameter, m->parameters};
  kind[1] = (array_kind){FORMULA_STATE, m->state, m->states};
  kind[2] = (array_kind){FORMULA_TEACHER, m->teacher, m->teachers};
  kind[3] = (array_kind){FORMULA_INPUT, m->input, m->inputs};
  kind[4] = (array_kind){FORMULA_CONSTANT, m->constant, m->constants};
}

static int is_function(const char *name);

static int unknown_name(reader *r, const char *at, const char *name) {
  array_kind kind[ARRAY_KINDS];
  const char **candidate;
  int candidates = 0;
  list_kinds(r->model, kind);
  for (int k = 0; k < ARRAY_KINDS; k++) candidates += kind[k].arrays;
  candidate = malloc((size_t)(candidates + r->source->defines + 1) * sizeof *candidate);
  if (!candidate) return out_of_memory(r);
  candidates = 0;
  for (int k = 0; k < ARRAY_KINDS; k++)
    for (int i = 0; i < kind[k].arrays; i++) candidate[candidates++] = kind[k].array[i].name;
  for (int i = 0; i < r->source->defines; i++) candidate[candidates++] = r->source->define[i].name;
  candidate[candidates++] = "pi";
  const char *near = basin_nearest(name, candidate, candidates);
  free(candidate);
  if (near) return REFUSE(r, at, "unknown name `%s`, did you mean `%s`?", name, near);
  return REFUSE(r, at,
                "unknown name `%s`, expected a parameter, a state, a teacher, an input, a constant "
                "or a definition",
                name);
}

/* ---- tokens ---- */

static char next(reader *r) {
  while (isspace((unsigned char)*r->at)) r->at++;
  return *r->at;
}

/* take the token if it is next */
static int take(reader *r, const char *token) {
  next(r);
  const size_t length = strlen(token);
  if (strncmp(r->at, token, length) != 0) return 0;
  r->at += length;
  return 1;
}

/* the same for a word, which ends where a name would */
static int take_word(reader *r, const char *word) {
  next(r);
  const size_t length = strlen(word);
  if (strncmp(r->at, word, length) != 0 || is_name_character(r->at[length])) return 0;
  r->at += length;
  return 1;
}

/* what stands there instead of what was expected */
static int unexpected(reader *r, const char *expected) {
  const char c = next(r);
  int bytes = 1; /* of a character in UTF-8 */
  while (c && ((unsigned char)r->at[bytes] & 0xc0) == 0x80 && bytes < 4) bytes++;
  if (!c) return REFUSE(r, r->at, "the formula ends too early, expected %s", expected);
  return REFUSE(r, r->at, "unexpected `%.*s`, expected %s", bytes, r->at, expected);
}

static int expect(reader *r, const char *token, const char *expected) {
  return take(r, token) ? 0 : unexpected(r, expected);
}

/* a name into a buffer of BASIN_NAME_LENGTH + 1; -1: too long */
static int read_name(reader *r, char *name) {
  const char *at = r->at;
  int length = 0;
  while (is_name_character(*r->at)) {
    if (length == BASIN_NAME_LENGTH)
      return REFUSE(r, at, "a name of over %d characters", BASIN_NAME_LENGTH);
    name[length++] = *r->at++;
  }
  name[length] = 0;
  return 0;
}

static int starts_number(const reader *r) {
  return isdigit((unsigned char)*r->at) || (*r->at == '.' && isdigit((unsigned char)r->at[1]));
}

/* digits, a point, an exponent: strtod would take more; -1: it is no number */
static int read_number(reader *r, double *value) {
  const char *start = r->at, *end = start + basin_number_length(start);
  char copy[64], *stop;
  if (end - start >= (int)sizeof copy)
    return REFUSE(r, start, "a number of over %d characters", (int)sizeof copy - 1);
  memcpy(copy, start, (size_t)(end - start));
  copy[end - start] = 0;
  *value = strtod(copy, &stop);
  if (*stop) return REFUSE(r, start, "`%s` is not a number", copy);
  if (!isfinite(*value)) return REFUSE(r, start, "`%s` is too large for a number", copy);
  r->at = end;
  return 0;
}

static int descend(reader *r) {
  if (++r->depth > NESTING_MAX)
    return REFUSE(r, r->at, "nested deeper than %d levels", NESTING_MAX);
  return 0;
}

/* ---- sizes: whole numbers and parameters ---- */

/* the row of a size in the model's table; -1: no memory */
static int size_row(reader *r, const formula_polynomial *size) {
  formula_model *m = r->model;
  char *text = basin_formula_polynomial_text(size, m->parameter, 1);
  if (!text) return out_of_memory(r);
  for (int i = 0; i < m->sizes; i++)
    if (!strcmp(m->size[i].text, text)) {
      free(text);
      return i;
    }
  formula_size *grown = realloc(m->size, (size_t)(m->sizes + 1) * sizeof *grown);
  if (grown) m->size = grown;
  formula_polynomial *also = realloc(r->size, (size_t)(m->sizes + 1) * sizeof *also);
  if (also) r->size = also;
  if (!grown || !also) {
    free(text);
    return out_of_memory(r);
  }
  formula_size *row = &m->size[m->sizes];
  *row = (formula_size){.text = text};
  row->constant = basin_formula_is_whole(size, &row->value);
  r->size[m->sizes] = *size;
  for (int i = 0; i < size->terms; i++)
    for (int j = 0; j < size->term[i].degree; j++) m->is_size[size->term[i].factor[j]] = 1;
  return m->sizes++;
}

/* The size has to be at least so much, or `reason` (allocated, taken) holds: refused at once where it never is, else
   noted where it may not be. */
static int require(reader *r, basin_place place, const formula_polynomial *size, int64_t least,
                   char *reason) {
  formula_model *m = r->model;
  const int known = basin_formula_at_least(size, least);
  if (!reason) return out_of_memory(r);
  if (known < 0) REFUSE_AT(r, place, "%s", reason);
  if (known == 0) {
    const int row = size_row(r, size);
    basin_error with_place = {""};
    for (int i = 0; i < m->bounds; i++)
      if (m->bound[i].size == row && m->bound[i].least >= least) {
        free(reason);
        return row < 0 ? -1 : 0;
      }
    formula_bound *grown = realloc(m->bound, (size_t)(m->bounds + 1) * sizeof *grown);
    basin_fail_at(&with_place, place, "%s", reason);
    char *text = strdup(with_place.text);
    if (grown) m->bound = grown;
    if (row >= 0 && grown && text) m->bound[m->bounds++] = (formula_bound){row, least, text};
    else {
      free(text);
      out_of_memory(r);
    }
  }
  free(reason);
  return r->status ? -1 : 0;
}

__attribute__((format(printf, 1, 2))) static char *written(const char *format, ...) {
  char *text = NULL;
  va_list list;
  va_start(list, format);
  if (vasprintf(&text, format, list) < 0) text = NULL;
  va_end(list);
  return text;
}

/* a shape as a person writes it: "[k, p]", "[n - 1]", "a scalar"; allocated, or NULL */
static char *shape_text(const reader *r, formula_shape shape) {
  const formula_array *parameter = r->model->parameter;
  if (shape.rank == 0) return strdup("a scalar");
  char *first = basin_formula_polynomial_text(&r->size[shape.size[0]], parameter, 0),
       *second = NULL;
  char *text = NULL;
  if (shape.rank == 2)
    second = basin_formula_polynomial_text(&r->size[shape.size[1]], parameter, 0);
  if (first && shape.rank == 1) text = written("[%s]", first);
  else if (first && second) text = written("[%s, %s]", first, second);
  free(first);
  free(second);
  return text;
}

static int whole_sum(reader *r, formula_polynomial *value);

static int too_complicated(reader *r, const char *at) {
  return REFUSE(r, at, "a size of too many terms, too high a degree or too large a number");
}

/* a definition, read as a whole number */
static int whole_definition(reader *r, int number, const char *at, formula_polynomial *value) {
  definition *d = &r->define[number];
  const formula_text *text = &r->source->define[number], *outer = r->text;
  const char *outer_at = r->at;
  if (d->whole == READING) return REFUSE(r, at, "`%s` is defined by itself", text->name);
  if (d->whole == UNREAD) {
    d->whole = READING;
    r->text = text, r->at = text->text;
    int failed = whole_sum(r, &d->value);
    if (!failed && next(r)) failed = unexpected(r, "an operator or the end of a whole number");
    if (failed) return -1;
    r->text = outer, r->at = outer_at;
    d->whole = READ;
  }
  *value = d->value;
  return 0;
}

static int whole_atom(reader *r, formula_polynomial *value) {
  static const char expected[] = "a whole number or a parameter";
  const char c = next(r), *at = r->at;
  double number;
  char name[BASIN_NAME_LENGTH + 1];
  if (starts_number(r)) {
    if (read_number(r, &number)) return -1;
    if (number != floor(number) || number > 1e15)
      return REFUSE(r, at, "not a whole number, and sizes and indices are");
    *value = basin_formula_whole((int64_t)number);
    return 0;
  }
  if (take(r, "(")) return whole_sum(r, value) ? -1 : expect(r, ")", "`)`");
  if (!is_name_character(c)) return unexpected(r, expected);
  if (read_name(r, name)) return -1;
  const int parameter = find_array(r->model->parameter, r->model->parameters, name);
  const int definition = find_definition(r, name);
  if (parameter < 0 && definition >= 0) return whole_definition(r, definition, at, value);
  if (parameter < 0) {
    array_kind kind[ARRAY_KINDS];
    list_kinds(r->model, kind);
    for (int k = 1; k < ARRAY_KINDS; k++)
      if (find_array(kind[k].array, kind[k].arrays, name) >= 0)
        return REFUSE(r, at, "`%s` is no parameter, and sizes and indices are made of those", name);
    return unknown_name(r, at, name);
  }
  *value = basin_formula_of_parameter(parameter);
  return 0;
}

static int whole_power(reader *r, formula_polynomial *value) {
  if (whole_atom(r, value)) return -1;
  next(r);
  const char *at = r->at;
  if (!take(r, "^") && !take(r, "**")) return 0;
  formula_polynomial exponent;
  int64_t n;
  const formula_polynomial base = *value;
  if (whole_atom(r, &exponent)) return -1;
  if (!basin_formula_is_whole(&exponent, &n) || n < 1 || n > 50)
    return REFUSE(r, at, "a power in a size has to be a number from 1 to 50");
  for (; n > 1; n--)
    if (!basin_formula_polynomial_multiply(value, &base, value)) return too_complicated(r, at);
  return 0;
}

static int whole_sign(reader *r, formula_polynomial *value) {
  const formula_polynomial minus_one = basin_formula_whole(-1);
  if (descend(r)) return -1;
  int failed;
  if (take(r, "-"))
    failed = whole_sign(r, value) || !basin_formula_polynomial_multiply(&minus_one, value, value);
  else if (take(r, "+")) failed = whole_sign(r, value);
  else failed = whole_power(r, value);
  r->depth--;
  return failed ? -1 : 0;
}

static int whole_product(reader *r, formula_polynomial *value) {
  if (whole_sign(r, value)) return -1;
  for (;;) {
    formula_polynomial factor;
    next(r);
    const char *at = r->at;
    if (*at == '/')
      return REFUSE(r, at,
                    "sizes and indices are made by + - * and ^: a quotient may not be whole");
    if (!take(r, "*")) return 0;
    if (whole_sign(r, &factor)) return -1;
    if (!basin_formula_polynomial_multiply(value, &factor, value)) return too_complicated(r, at);
  }
}

static int whole_sum(reader *r, formula_polynomial *value) {
  if (whole_product(r, value)) return -1;
  for (;;) {
    formula_polynomial term;
    const char c = next(r), *at = r->at;
    if (c != '+' && c != '-') return 0;
    r->at++;
    if (whole_product(r, &term)) return -1;
    if (!basin_formula_polynomial_add(value, &term, c == '+' ? 1 : -1, value))
      return too_complicated(r, at);
  }
}

/* ---- nodes and what is wrong with them ---- */

static const formula_node *node_of(const reader *r, int node) { return &r->model->node[node]; }

/* a node that has been made: that there was room, that numbers have a finite result */
static int made(reader *r, const char *at, int node) {
  if (r->status) return -1;
  if (node < 0 && r->model->nodes >= FORMULA_NODES_MAX)
    return REFUSE(r, at, "the formulas have more than %d operations", FORMULA_NODES_MAX);
  if (node < 0) return out_of_memory(r);
  const formula_node *x = node_of(r, node);
  int numbers = 0, operands = 0;
  for (int j = 0; j < 3 && x->of[j] >= 0; j++, operands++)
    numbers += node_of(r, x->of[j])->operation == FORMULA_NUMBER;
  if (operands && numbers == operands && !x->is_mask && x->operation != FORMULA_FILL)
    return REFUSE(r, at, "the result is not a finite number");
  if (x->operation != FORMULA_FLOOR) return node;
  floor_place *grown = realloc(r->floor, (size_t)(r->floors + 1) * sizeof *grown);
  if (!grown) return out_of_memory(r);
  r->floor = grown;
  r->floor[r->floors++] = (floor_place){node, here(r, at)};
  return node;
}

static int need_number(reader *r, const char *at, int node, const char *what) {
  if (!node_of(r, node)->is_mask) return 0;
  return REFUSE(r, at,
                "%s takes numbers and this is a mask, as comparisons make them: where(mask, 1, 0) "
                "is a number",
                what);
}
static int need_mask(reader *r, const char *at, int node, const char *what) {
  if (node_of(r, node)->is_mask) return 0;
  return REFUSE(r, at, "%s takes masks, as comparisons make them, and this is a number", what);
}

/* two shapes do not go together */
static int misfit(reader *r, const char *at, const char *what, int x, int y, const char *expected) {
  char *first = shape_text(r, node_of(r, x)->shape), *second = shape_text(r, node_of(r, y)->shape);
  if (!first || !second) out_of_memory(r);
  else
    REFUSE(r, at, "%s: the shapes %s and %s do not fit, expected %s", what, first, second,
           expected);
  free(first);
  free(second);
  return -1;
}

static int need_fit(reader *r, const char *at, const char *what, int x, int y) {
  const formula_shape a = node_of(r, x)->shape, b = node_of(r, y)->shape;
  if (a.rank == 0 || b.rank == 0 || basin_formula_same_shape(a, b)) return 0;
  return misfit(r, at, what, x, y, "equal ones, or a scalar");
}

/* ---- functions ---- */

/* What a function was called with. */
typedef struct call {
  const char *name, *at; /* the name, and where it stands */
  int of[3], arguments;
  const char *start[3]; /* where the arguments stand */
} call;

static int make_sum(reader *r, const call *c) { return basin_formula_sum(r->model, c->of[0]); }

static int make_mean(reader *r, const call *c) {
  const int entries = basin_formula_entries_of(r->model, node_of(r, c->of[0])->shape);
  return basin_formula_apply(r->model, FORMULA_DIV, basin_formula_sum(r->model, c->of[0]), entries,
                             -1);
}

static int make_norm(reader *r, const call *c) {
  if (node_of(r, c->of[0])->shape.rank == 0)
    return basin_formula_apply(r->model, FORMULA_ABS, c->of[0], -1, -1);
  return basin_formula_apply(r->model, FORMULA_SQRT, basin_formula_square_norm(r->model, c->of[0]),
                             -1, -1);
}

static int make_extreme(reader *r, const call *c, formula_operation of_all,
                        formula_operation of_two) {
  if (c->arguments == 1) return basin_formula_extreme(r->model, of_all, c->of[0]);
  if (need_fit(r, c->at, c->name, c->of[0], c->of[1])) return -1;
  return basin_formula_apply(r->model, of_two, c->of[0], c->of[1], -1);
}
static int make_max(reader *r, const call *c) {
  return make_extreme(r, c, FORMULA_MAXIMUM, FORMULA_MAX2);
}
static int make_min(reader *r, const call *c) {
  return make_extreme(r, c, FORMULA_MINIMUM, FORMULA_MIN2);
}

static int make_dot(reader *r, const call *c) {
  const formula_shape x = node_of(r, c->of[0])->shape, y = node_of(r, c->of[1])->shape;
  if (x.rank == 0 || y.rank == 0)
    return basin_formula_apply(r->model, FORMULA_MUL, c->of[0], c->of[1], -1);
  if (x.size[x.rank - 1] != y.size[0])
    return misfit(r, c->at, c->name, c->of[0], c->of[1],
                  "the last size of the first to be the first of the second");
  return basin_formula_dot(r->model, c->of[0], c->of[1]);
}

static int make_outer(reader *r, const call *c) {
  if (node_of(r, c->of[0])->shape.rank != 1 || node_of(r, c->of[1])->shape.rank != 1)
    return misfit(r, c->at, c->name, c->of[0], c->of[1], "two vectors");
  return basin_formula_outer(r->model, c->of[0], c->of[1]);
}

static int make_transpose(reader *r, const call *c) {
  return basin_formula_transpose(r->model, c->of[0]);
}

static int make_where(reader *r, const call *c) {
  if (need_mask(r, c->start[0], c->of[0], "the first argument of where") ||
      need_number(r, c->start[1], c->of[1], c->name) ||
      need_number(r, c->start[2], c->of[2], c->name) ||
      need_fit(r, c->at, c->name, c->of[0], c->of[1]) ||
      need_fit(r, c->at, c->name, c->of[0], c->of[2]) ||
      need_fit(r, c->at, c->name, c->of[1], c->of[2]))
    return -1;
  return basin_formula_apply(r->model, FORMULA_SELECT, c->of[0], c->of[1], c->of[2]);
}

static int make_square(reader *r, const call *c) {
  return basin_formula_apply(r->model, FORMULA_MUL, c->of[0], c->of[0], -1);
}

/* NumPy's: 0 at 0 */
static int make_sign(reader *r, const call *c) {
  const int zero = basin_formula_number(r->model, 0);
  return basin_formula_apply(r->model, FORMULA_SELECT,
                             basin_formula_apply(r->model, FORMULA_EQ, c->of[0], zero, -1), zero,
                             basin_formula_apply(r->model, FORMULA_SIGN, c->of[0], -1, -1));
}

static int make_leaky(reader *r, const call *c) {
  if (need_fit(r, c->at, c->name, c->of[0], c->of[1])) return -1;
  return basin_formula_apply(
      r->model, FORMULA_SELECT,
      basin_formula_apply(r->model, FORMULA_LE, basin_formula_number(r->model, 0), c->of[0], -1),
      c->of[0], basin_formula_apply(r->model, FORMULA_MUL, c->of[1], c->of[0], -1));
}

static const struct function {
  const char *name;
  int fewest, most;            /* arguments */
  formula_operation operation; /* entry by entry; where `make` is NULL */
  int (*make)(reader *, const call *);
} functions[] = {
    {"abs", 1, 1, FORMULA_ABS, NULL},           {"acos", 1, 1, FORMULA_ACOS, NULL},
    {"asin", 1, 1, FORMULA_ASIN, NULL},         {"atan", 1, 1, FORMULA_ATAN, NULL},
    {"atan2", 2, 2, FORMULA_ATAN2, NULL},       {"cos", 1, 1, FORMULA_COS, NULL},
    {"dot", 2, 2, FORMULA_ENDS, make_dot},      {"erf", 1, 1, FORMULA_ERF, NULL},
    {"exp", 1, 1, FORMULA_EXP, NULL},           {"expm1", 1, 1, FORMULA_EXPM1, NULL},
    {"floor", 1, 1, FORMULA_FLOOR, NULL},       {"leaky", 2, 2, FORMULA_ENDS, make_leaky},
    {"log", 1, 1, FORMULA_LOG, NULL},           {"log1p", 1, 1, FORMULA_LOG1P, NULL},
    {"logistic", 1, 1, FORMULA_LOGISTIC, NULL}, {"max", 1, 2, FORMULA_ENDS, make_max},
    {"mean", 1, 1, FORMULA_ENDS, make_mean},    {"min", 1, 2, FORMULA_ENDS, make_min},
    {"norm", 1, 1, FORMULA_ENDS, make_norm},    {"outer", 2, 2, FORMULA_ENDS, make_outer},
    {"relu", 1, 1, FORMULA_RELU, NULL},         {"sign", 1, 1, FORMULA_ENDS, make_sign},
    {"sin", 1, 1, FORMULA_SIN, NULL},           {"softplus", 1, 1, FORMULA_SOFTPLUS, NULL},
    {"sqrt", 1, 1, FORMULA_SQRT, NULL},         {"square", 1, 1, FORMULA_ENDS, make_square},
    {"sum", 1, 1, FORMULA_ENDS, make_sum},      {"tan", 1, 1, FORMULA_TAN, NULL},
    {"tanh", 1, 1, FORMULA_TANH, NULL},         {"T", 1, 1, FORMULA_ENDS, make_transpose},
    {"where", 3, 3, FORMULA_ENDS, make_where},
};

enum { FUNCTIONS = sizeof functions / sizeof *functions };

static const struct function *find_function(const char *name) {
  for (int i = 0; i < FUNCTIONS; i++)
    if (!strcmp(functions[i].name, name)) return &functions[i];
  return NULL;
}
static int is_function(const char *name) { return find_function(name) != NULL; }

static const char *nearest_function(const char *name) {
  const char *candidate[FUNCTIONS];
  for (int i = 0; i < FUNCTIONS; i++) candidate[i] = functions[i].name;
  return basin_nearest(name, candidate, FUNCTIONS);
}

static int unknown_function(reader *r, const char *at, const char *name) {
  const char *near = nearest_function(name);
  array_kind kind[ARRAY_KINDS];
  list_kinds(r->model, kind);
  int is_known = find_definition(r, name) >= 0 || !strcmp(name, "pi");
  for (int k = 0; k < ARRAY_KINDS; k++)
    if (find_array(kind[k].array, kind[k].arrays, name) >= 0) is_known = 1;
  if (is_known) return REFUSE(r, at, "`%s` is no function, expected an operator behind it", name);
  if (near) return REFUSE(r, at, "unknown function `%s`, did you mean `%s`?", name, near);
  return REFUSE(r, at,
                "unknown function `%s`, expected one of abs acos asin atan atan2 cos dot erf exp "
                "expm1 floor leaky log log1p logistic max mean min norm outer relu sign sin "
                "softplus sqrt square sum tan tanh T where",
                name);
}

static int disjunction(reader *r);

/* name(, the bracket taken already */
static int read_call(reader *r, const char *name, const char *at) {
  const struct function *f = find_function(name);
  call c = {.name = name, .at = at, .of = {-1, -1, -1}};
  if (!f) return unknown_function(r, at, name);
  const char *several = f->most == 1     ? "one argument"
                        : f->most == 3   ? "three arguments"
                        : f->fewest == 1 ? "one or two arguments"
                                         : "two arguments";
  if (take(r, ")")) return REFUSE(r, at, "%s takes %s", name, several);
  do {
    next(r);
    if (c.arguments == f->most) return REFUSE(r, r->at, "%s takes %s", name, several);
    c.start[c.arguments] = r->at;
    c.of[c.arguments] = disjunction(r);
    if (c.of[c.arguments++] < 0) return -1;
  } while (take(r, ","));
  if (c.arguments < f->fewest && next(r) == ')')
    return REFUSE(r, r->at, "%s takes %s", name, several);
  if (!take(r, ")")) return unexpected(r, "`,` or `)`");
  for (int i = 0; i < c.arguments; i++)
    if (f->make != make_where && need_number(r, c.start[i], c.of[i], name)) return -1;
  if (f->make) return made(r, at, f->make(r, &c));
  if (c.arguments == 2 && need_fit(r, at, name, c.of[0], c.of[1])) return -1;
  return made(r, at, basin_formula_apply(r->model, f->operation, c.of[0], c.of[1], -1));
}

/* ---- entries and slices ---- */

/* One axis of x[...]. */
typedef struct axis {
  formula_polynomial from, count;
  int is_index; /* one entry, and the axis falls away */
} axis;

/* a bound of an axis of n entries: below 0 it counts from the end */
static int read_bound(reader *r, const formula_polynomial *n, formula_polynomial *value) {
  const char *at = r->at;
  if (whole_sum(r, value)) return -1;
  if (basin_formula_at_least(value, 0) < 0 && !basin_formula_polynomial_add(n, value, 1, value))
    return too_complicated(r, at);
  return 0;
}

/* from within [0, n], its end likewise, and something between them */
static int check_axis(reader *r, const char *at, const axis *a, const formula_polynomial *n) {
  formula_polynomial end, beyond;
  if (!basin_formula_polynomial_add(&a->from, &a->count, 1, &end) ||
      !basin_formula_polynomial_add(n, &end, -1, &beyond))
    return too_complicated(r, at);
  char *entries = basin_formula_polynomial_text(n, r->model->parameter, 0);
  const char *what = a->is_index ? "the index is not within the axis, which has length"
                                 : "the slice is not within the axis, which has length";
  if (!entries) return out_of_memory(r);
  int failed = require(r, here(r, at), &a->from, 0, written("%s %s", what, entries));
  if (!failed) failed = require(r, here(r, at), &beyond, 0, written("%s %s", what, entries));
  if (!failed && !a->is_index)
    failed = require(r, here(r, at), &a->count, 1, written("the slice has no entries"));
  free(entries);
  return failed;
}

static int read_axis(reader *r, int size, axis *a) {
  const formula_polynomial n = r->size[size];
  formula_polynomial to = n;
  next(r);
  const char *at = r->at;
  *a = (axis){basin_formula_whole(0), basin_formula_whole(1), 0};
  if (*at != ':' && read_bound(r, &n, &a->from)) return -1;
  if (take(r, ":")) {
    const char c = next(r);
    if (c == ':') return REFUSE(r, r->at, "slices have no steps, expected x[a:b]");
    if (c != ',' && c != ']' && read_bound(r, &n, &to)) return -1;
    if (next(r) == ':') return REFUSE(r, r->at, "slices have no steps, expected x[a:b]");
    if (!basin_formula_polynomial_add(&to, &a->from, -1, &a->count)) return too_complicated(r, at);
  } else {
    a->is_index = 1;
  }
  return check_axis(r, at, a, &n);
}

/* x[, the bracket taken already */
static int read_slice(reader *r, const char *at, int x) {
  const formula_shape whole = node_of(r, x)->shape;
  formula_shape shape = {0, {0, 0}};
  int begin[2] = {-1, -1}, drop[2] = {0, 0}, axes = 0;
  if (need_number(r, at, x, "[...]")) return -1;
  if (whole.rank == 0) return REFUSE(r, at, "a scalar has no entries to choose from");
  do {
    axis a;
    next(r);
    if (axes == whole.rank)
      return REFUSE(r, r->at, "a vector has one axis and a matrix two, expected `]`");
    if (read_axis(r, whole.size[axes], &a)) return -1;
    begin[axes] = size_row(r, &a.from);
    drop[axes++] = a.is_index;
    if (!a.is_index) shape.size[shape.rank++] = size_row(r, &a.count);
  } while (take(r, ","));
  if (expect(r, "]", "`,` or `]`")) return -1;
  for (; axes < whole.rank; axes++) {
    const formula_polynomial zero = basin_formula_whole(0);
    begin[axes] = size_row(r, &zero);
    shape.size[shape.rank++] = whole.size[axes];
  }
  if (r->status) return -1;
  if (basin_formula_same_shape(shape, whole)) return x;
  return made(r, at, basin_formula_part(r->model, FORMULA_SLICE, x, shape, begin, drop));
}

/* ---- the grammar: or, and, not, comparison, sum, product, sign, power, entries, atom ---- */

static int read_text(reader *r, const formula_text *text);

static int definition_node(reader *r, int number, const char *at) {
  definition *d = &r->define[number];
  const formula_text *outer = r->text;
  const char *outer_at = r->at;
  if (d->formula == READING)
    return REFUSE(r, at, "`%s` is defined by itself", r->source->define[number].name);
  if (d->formula == UNREAD) {
    d->formula = READING;
    d->node = read_text(r, &r->source->define[number]);
    d->formula = READ;
    r->text = outer, r->at = outer_at;
  }
  return d->node;
}

/* loss and norm_grad */
static int result_node(reader *r, const char *at, const char *name) {
  formula_model *m = r->model;
  if (!r->knows_loss)
    return REFUSE(r, at, "`%s` is known in observables and in `when`, and nowhere else", name);
  if (m->norm2 < 0)
    return REFUSE(r, at, "`%s` depends on random inputs here, so it is no number of a trial", name);
  return !strcmp(name, "loss")
             ? m->loss
             : made(r, at, basin_formula_apply(m, FORMULA_SQRT, m->norm2, -1, -1));
}

static int named(reader *r) {
  char name[BASIN_NAME_LENGTH + 1];
  const char *at = r->at;
  array_kind kind[ARRAY_KINDS];
  if (read_name(r, name)) return -1;
  if (next(r) == '(') {
    r->at++;
    return read_call(r, name, at);
  }
  if (!strcmp(name, "pi")) return made(r, at, basin_formula_number(r->model, BASIN_PI));
  if (!strcmp(name, "loss") || !strcmp(name, "norm_grad")) return result_node(r, at, name);
  list_kinds(r->model, kind);
  for (int k = 0; k < ARRAY_KINDS; k++) {
    const int i = find_array(kind[k].array, kind[k].arrays, name);
    if (i >= 0) return made(r, at, basin_formula_leaf(r->model, kind[k].operation, i));
  }
  const int definition = find_definition(r, name);
  if (definition >= 0) return definition_node(r, definition, at);
  if (is_function(name)) return REFUSE(r, at, "`%s` is a function, expected `(` behind it", name);
  if (!strcmp(name, "t"))
    return REFUSE(r, at, "`t`, the steps taken so far, is known to step sizes alone");
  return unknown_name(r, at, name);
}

static int atom(reader *r) {
  const char c = next(r), *at = r->at;
  double value;
  if (starts_number(r))
    return read_number(r, &value) ? -1 : made(r, at, basin_formula_number(r->model, value));
  if (is_name_character(c)) {
    static const char *const words[] = {"and", "or", "not"};
    for (int i = 0; i < 3; i++)
      if (take_word(r, words[i]))
        return REFUSE(r, at, "unexpected `%s`, expected a value", words[i]);
    return named(r);
  }
  if (take(r, "(")) {
    const int x = disjunction(r);
    return x < 0 || expect(r, ")", "`)`") ? -1 : x;
  }
  if (c == '[')
    return REFUSE(r, at,
                  "a list of numbers is a constant of its own under `define`, expected a value");
  return unexpected(r, "a value");
}

static int entries(reader *r) {
  next(r);
  const char *start = r->at;
  int x = atom(r);
  while (x >= 0) {
    next(r);
    const char *at = r->at;
    if (take(r, "[")) {
      x = read_slice(r, at, x);
    } else if (at[0] == '.' && at[1] == 'T' && !is_name_character(at[2])) {
      r->at += 2;
      if (need_number(r, start, x, ".T")) return -1;
      x = made(r, at, basin_formula_transpose(r->model, x));
    } else {
      break;
    }
  }
  return x;
}

static int sign(reader *r);

/* two operands and what stands between them */
static int binary(reader *r, formula_operation operation, const char *name, const char *at,
                  const int x[2], const char *const start[2]) {
  if (x[0] < 0 || x[1] < 0 || need_number(r, start[0], x[0], name) ||
      need_number(r, start[1], x[1], name) || need_fit(r, at, name, x[0], x[1]))
    return -1;
  if (operation == FORMULA_POW) return made(r, at, basin_formula_power(r->model, x[0], x[1]));
  return made(r, at, basin_formula_apply(r->model, operation, x[0], x[1], -1));
}

static int power(reader *r) {
  next(r);
  const char *start[2] = {r->at, NULL};
  int x[2] = {entries(r), -1};
  if (x[0] < 0) return -1;
  next(r);
  const char *at = r->at;
  if (!take(r, "^") && !take(r, "**")) return x[0];
  next(r);
  start[1] = r->at;
  x[1] = sign(r); /* to the right: 2^3^2 = 2^9, and 2^-1 */
  return binary(r, FORMULA_POW, *at == '^' ? "`^`" : "`**`", at, x, start);
}

static int sign(reader *r) {
  next(r);
  const char *at = r->at;
  int x;
  if (descend(r)) return -1;
  if (take(r, "-") || take(r, "+")) {
    next(r);
    const char *start = r->at;
    x = sign(r);
    if (x >= 0 && need_number(r, start, x, *at == '-' ? "`-`" : "`+`")) return -1;
    if (x >= 0 && *at == '-')
      x = made(r, at, basin_formula_apply(r->model, FORMULA_NEG, x, -1, -1));
  } else {
    x = power(r);
  }
  r->depth--;
  return x;
}

static int product(reader *r) {
  next(r);
  const char *start[2] = {r->at, NULL};
  int x[2] = {sign(r), -1};
  while (x[0] >= 0) {
    const char c = next(r), *at = r->at;
    if (c == '%') return REFUSE(r, at, "unexpected `%%`: there is no remainder in formulas");
    if (c != '*' && c != '/') break;
    r->at++;
    next(r);
    start[1] = r->at;
    x[1] = sign(r);
    x[0] = c == '*' ? binary(r, FORMULA_MUL, "`*`", at, x, start)
                    : binary(r, FORMULA_DIV, "`/`", at, x, start);
  }
  return x[0];
}

static int sum(reader *r) {
  next(r);
  const char *start[2] = {r->at, NULL};
  int x[2] = {product(r), -1};
  while (x[0] >= 0) {
    const char c = next(r), *at = r->at;
    if (c != '+' && c != '-') break;
    r->at++;
    next(r);
    start[1] = r->at;
    x[1] = product(r);
    x[0] = c == '+' ? binary(r, FORMULA_ADD, "`+`", at, x, start)
                    : binary(r, FORMULA_SUB, "`-`", at, x, start);
  }
  return x[0];
}

/* > and >= are < and <= of what is exchanged, != is not == */
static const struct comparison {
  const char *token, *name;
  formula_operation operation;
  int exchanged, negated;
} comparisons[] = {
    {"<=", "`<=`", FORMULA_LE, 0, 0}, {">=", "`>=`", FORMULA_LE, 1, 0},
    {"==", "`==`", FORMULA_EQ, 0, 0}, {"!=", "`!=`", FORMULA_EQ, 0, 1},
    {"<", "`<`", FORMULA_LT, 0, 0},   {">", "`>`", FORMULA_LT, 1, 0},
};

static const struct comparison *take_comparison(reader *r) {
  for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++)
    if (take(r, comparisons[i].token)) return &comparisons[i];
  return NULL;
}

static int comparison(reader *r) {
  next(r);
  const char *start[2] = {r->at, NULL};
  int x[2] = {sum(r), -1};
  if (x[0] < 0) return -1;
  next(r);
  const char *at = r->at;
  const struct comparison *c = take_comparison(r);
  if (!c) return *at == '=' ? REFUSE(r, at, "unexpected `=`, expected `==`") : x[0];
  next(r);
  start[1] = r->at;
  x[1] = sum(r);
  if (x[1] < 0 || need_number(r, start[0], x[0], c->name) ||
      need_number(r, start[1], x[1], c->name) || need_fit(r, at, c->name, x[0], x[1]))
    return -1;
  next(r);
  const char *again = r->at;
  if (take_comparison(r))
    return REFUSE(r, again, "comparisons do not chain, expected `and` between two of them");
  int mask = basin_formula_apply(r->model, c->operation, x[c->exchanged], x[!c->exchanged], -1);
  if (c->negated) mask = basin_formula_apply(r->model, FORMULA_NOT, mask, -1, -1);
  return made(r, at, mask);
}

static int negation(reader *r) {
  next(r);
  const char *at = r->at;
  int x;
  if (descend(r)) return -1;
  if (take_word(r, "not")) {
    next(r);
    const char *start = r->at;
    x = negation(r);
    if (x >= 0 && need_mask(r, start, x, "`not`")) return -1;
    if (x >= 0) x = made(r, at, basin_formula_apply(r->model, FORMULA_NOT, x, -1, -1));
  } else {
    x = comparison(r);
  }
  r->depth--;
  return x;
}

/* `and` of negations, `or` of those */
static int junction(reader *r, const char *word, const char *name, formula_operation operation,
                    int (*part)(reader *)) {
  next(r);
  const char *start = r->at;
  int x = part(r);
  while (x >= 0) {
    next(r);
    const char *at = r->at;
    if (!take_word(r, word)) break;
    next(r);
    const char *second = r->at;
    const int y = part(r);
    if (y < 0 || need_mask(r, start, x, name) || need_mask(r, second, y, name) ||
        need_fit(r, at, name, x, y))
      return -1;
    x = made(r, at, basin_formula_apply(r->model, operation, x, y, -1));
  }
  return x;
}
static int conjunction(reader *r) { return junction(r, "and", "`and`", FORMULA_AND, negation); }
static int disjunction(reader *r) { return junction(r, "or", "`or`", FORMULA_OR, conjunction); }

/* a whole text; -1: it is refused */
static int read_text(reader *r, const formula_text *text) {
  r->text = text;
  r->at = text->text;
  const int x = disjunction(r);
  if (x < 0) return -1;
  if (next(r)) return unexpected(r, "an operator or the end of the formula");
  return x;
}

/* ---- the parts of a model ---- */

/* What a name may not be: a word of the language, or a name that is there. */
static int check_name(reader *r, basin_place place, const char *name) {
  static const char *const words[] = {"t", "pi", "loss", "norm_grad", "and", "or", "not"};
  const formula_source *s = r->source;
  int there = 0;
  if (!basin_is_name(name))
    return REFUSE_AT(r, place,
                     "`%s` is not a name, expected up to %d letters, digits and _, no digit first",
                     name, BASIN_NAME_LENGTH);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(words[i], name))
      return REFUSE_AT(r, place, "`%s` is a word of the language, expected another name", name);
  if (is_function(name))
    return REFUSE_AT(r, place, "`%s` is a function, expected another name", name);
  for (int i = 0; i < s->parameters; i++) there += !strcmp(s->parameter[i].name, name);
  for (int i = 0; i < s->states; i++) there += !strcmp(s->state[i].name, name);
  for (int i = 0; i < s->teachers; i++) there += !strcmp(s->teacher[i].name, name);
  for (int i = 0; i < s->inputs; i++) there += !strcmp(s->input[i].name, name);
  for (int i = 0; i < s->constants; i++) there += !strcmp(s->constant[i].name, name);
  for (int i = 0; i < s->defines; i++) there += !strcmp(s->define[i].name, name);
  if (there > 1) return REFUSE_AT(r, place, "`%s` is there twice, expected another name", name);
  return 0;
}

static int check_names(reader *r) {
  const formula_source *s = r->source;
  for (int i = 0; i < s->parameters; i++)
    if (check_name(r, s->parameter[i].name_place, s->parameter[i].name)) return -1;
  for (int i = 0; i < s->states; i++)
    if (check_name(r, s->state[i].name_place, s->state[i].name)) return -1;
  for (int i = 0; i < s->teachers; i++)
    if (check_name(r, s->teacher[i].name_place, s->teacher[i].name)) return -1;
  for (int i = 0; i < s->inputs; i++)
    if (check_name(r, s->input[i].name_place, s->input[i].name)) return -1;
  for (int i = 0; i < s->constants; i++)
    if (check_name(r, s->constant[i].name_place, s->constant[i].name)) return -1;
  for (int i = 0; i < s->defines; i++)
    if (check_name(r, s->define[i].name_place, s->define[i].name)) return -1;
  return 0;
}

/* room for so many arrays, *arrays counting them as they come */
static formula_array *room_for(reader *r, int arrays) {
  formula_array *array = calloc((size_t)arrays + 1, sizeof *array);
  if (!array) out_of_memory(r);
  return array;
}

static int read_parameters(reader *r) {
  formula_model *m = r->model;
  m->parameter = room_for(r, r->source->parameters);
  m->is_size = calloc((size_t)r->source->parameters + 1, sizeof *m->is_size);
  if (!m->parameter || !m->is_size) return out_of_memory(r);
  for (int i = 0; i < r->source->parameters; i++) {
    m->parameter[i].name = strdup(r->source->parameter[i].name);
    m->parameter[i].initial = r->source->parameter[i].value;
    m->parameters++;
    if (!m->parameter[i].name) return out_of_memory(r);
    if (!isfinite(m->parameter[i].initial))
      return REFUSE_AT(r, r->source->parameter[i].name_place,
                       "the default of `%s` is not a finite number", m->parameter[i].name);
  }
  return 0;
}

/* one size of an array; *value as a whole number */
static int read_size(reader *r, const char *name, const char *size, basin_place place,
                     formula_polynomial *value) {
  r->of_size = (formula_text){.name = name, .text = size, .place = place};
  r->text = &r->of_size;
  r->at = size;
  int failed = whole_sum(r, value);
  if (!failed && next(r)) failed = unexpected(r, "an operator or the end of the size");
  if (failed) return -1;
  int64_t n;
  if (basin_formula_is_whole(value, &n) && n > SIZE_MAX_VALUE)
    return REFUSE_AT(r, place, "a size of %lld is too large, expected at most %d", (long long)n,
                     SIZE_MAX_VALUE);
  return require(r, place, value, 1, written("a size of `%s` is less than 1", name));
}

static int read_arrays(reader *r, const formula_sized *sized, int count, formula_array **array,
                       int *arrays) {
  *array = room_for(r, count);
  for (int i = 0; i < count && *array; i++) {
    formula_array *a = &(*array)[i];
    a->name = strdup(sized[i].name);
    ++*arrays;
    if (!a->name) return out_of_memory(r);
    for (int j = 0; j < sized[i].sizes; j++) {
      formula_polynomial size;
      int64_t one;
      if (read_size(r, a->name, sized[i].size[j], sized[i].size_place[j], &size)) return -1;
      if (sized[i].sizes == 1 && basin_formula_is_whole(&size, &one) && one == 1) break;
      a->shape.size[j] = size_row(r, &size);
      a->shape.rank++;
    }
  }
  return r->status ? -1 : 0;
}

static int read_constants(reader *r) {
  formula_model *m = r->model;
  m->constant = room_for(r, r->source->constants);
  for (int i = 0; i < r->source->constants && m->constant; i++) {
    const formula_values *v = &r->source->constant[i];
    formula_array *a = &m->constant[i];
    const formula_polynomial rows = basin_formula_whole(v->rows),
                             columns = basin_formula_whole(v->columns);
    a->name = strdup(v->name);
    m->constants++;
    if (!a->name) return out_of_memory(r);
    if (v->rows < 1 || v->columns < 0 || v->rows > SIZE_MAX_VALUE || v->columns > SIZE_MAX_VALUE)
      return REFUSE_AT(r, v->name_place, "`%s` has %lld rows, expected 1 to %d", v->name,
                       (long long)v->rows, SIZE_MAX_VALUE);
    const size_t entries = (size_t)v->rows * (size_t)(v->columns ? v->columns : 1);
    a->value = malloc(entries * sizeof *a->value);
    if (!a->value) return out_of_memory(r);
    memcpy(a->value, v->value, entries * sizeof *a->value);
    for (size_t j = 0; j < entries; j++)
      if (!isfinite(a->value[j]))
        return REFUSE_AT(r, v->name_place, "an entry of `%s` is not a finite number", v->name);
    a->shape.rank = v->columns ? 2 : 1;
    a->shape.size[0] = size_row(r, &rows);
    if (v->columns) a->shape.size[1] = size_row(r, &columns);
  }
  return r->status ? -1 : 0;
}

/* the place of the first character of a text that is not a space */
static basin_place start_of(reader *r, const formula_text *text) {
  r->text = text;
  r->at = text->text;
  next(r);
  return here(r, r->at);
}

/* a text whose value is one number or, where `mask` is set, one truth value */
static int read_scalar(reader *r, const formula_text *text, const char *what, int mask) {
  const int x = read_text(r, text);
  if (x < 0) return -1;
  const basin_place place = start_of(r, text);
  const formula_node *node = node_of(r, x);
  if (!mask && node->is_mask)
    return REFUSE_AT(r, place, "%s is a mask, as comparisons make them, expected a number", what);
  if (mask && !node->is_mask)
    return REFUSE_AT(r, place, "%s is a number, expected a comparison", what);
  if (node->shape.rank == 0) return x;
  char *shape = shape_text(r, node->shape);
  if (!shape) return out_of_memory(r);
  REFUSE_AT(r, place, "%s has the shape %s, expected a scalar", what, shape);
  free(shape);
  return -1;
}

/* the loss and its derivatives */
static int read_loss(reader *r) {
  formula_model *m = r->model;
  int without, depends = 0;
  m->loss = read_scalar(r, &r->source->loss, "the loss", 0);
  if (m->loss < 0) return -1;
  const basin_place place = start_of(r, &r->source->loss);
  const basin_status status = basin_formula_derive(m, &without);
  if (status == BASIN_BAD_INPUT)
    for (int i = 0; i < r->floors; i++)
      if (r->floor[i].node == without)
        return REFUSE_AT(r, r->floor[i].place,
                         "floor is a function without a derivative, and the loss depends on a "
                         "state through it");
  if (status) return made(r, r->at, -1);
  m->norm2 = -1;
  const int has_input = basin_formula_has_input(m, m->loss);
  if (has_input < 0) return out_of_memory(r);
  for (int i = 0; i < m->states; i++) {
    const int square = basin_formula_square_norm(m, m->gradient[i]);
    depends |= !basin_formula_is_number(m, basin_formula_unfilled(m, m->gradient[i]), 0);
    if (has_input) continue;
    m->norm2 = i ? basin_formula_apply(m, FORMULA_ADD, m->norm2, square, -1) : square;
    if (m->norm2 < 0) return made(r, r->at, -1);
  }
  if (!depends) return REFUSE_AT(r, place, "the loss depends on no state, so nothing would move");
  return 0;
}

/* refuses what depends on an input, which a trial has anew at every step */
static int need_no_input(reader *r, const formula_text *text, int node, const char *what) {
  const basin_place place = start_of(r, text);
  const int has = basin_formula_has_input(r->model, node);
  if (has < 0) return out_of_memory(r);
  return has ? REFUSE_AT(r, place, "%s depends on a random input, expected a number of the trial",
                         what)
             : 0;
}

static int check_observable(reader *r, const formula_text *text) {
  const formula_source *s = r->source;
  int arrays = 0, twice = 0;
  if (!basin_is_name(text->name))
    return REFUSE_AT(r, text->name_place,
                     "`%s` is not a name, expected up to %d letters, digits and _, no digit first",
                     text->name, BASIN_NAME_LENGTH);
  if (!strcmp(text->name, "loss") || !strcmp(text->name, "norm_grad"))
    return REFUSE_AT(r, text->name_place, "every model of formulas has the observable `%s`",
                     text->name);
  for (int i = 0; i < s->parameters; i++) arrays += !strcmp(s->parameter[i].name, text->name);
  for (int i = 0; i < s->states; i++) arrays += !strcmp(s->state[i].name, text->name);
  for (int i = 0; i < s->teachers; i++) arrays += !strcmp(s->teacher[i].name, text->name);
  for (int i = 0; i < s->inputs; i++) arrays += !strcmp(s->input[i].name, text->name);
  for (int i = 0; i < s->observables; i++) twice += !strcmp(s->observable[i].name, text->name);
  if (arrays || twice > 1)
    return REFUSE_AT(r, text->name_place, "`%s` is there twice, expected another name", text->name);
  return 0;
}

static int read_results(reader *r) {
  formula_model *m = r->model;
  const formula_source *s = r->source;
  r->knows_loss = 1;
  m->observable = calloc((size_t)s->observables + 1, sizeof *m->observable);
  if (!m->observable) return out_of_memory(r);
  for (int i = 0; i < s->observables; i++) {
    if (check_observable(r, &s->observable[i])) return -1;
    const int node = read_scalar(r, &s->observable[i], "an observable", 0);
    if (node < 0 || need_no_input(r, &s->observable[i], node, "an observable")) return -1;
    m->observable[i] = (formula_result){strdup(s->observable[i].name), node};
    m->observables++;
    if (!m->observable[i].name) return out_of_memory(r);
  }
  m->when = -1;
  if (!s->when.text) return 0;
  m->when = read_scalar(r, &s->when, "`when`", 1);
  return m->when < 0 ? -1 : need_no_input(r, &s->when, m->when, "`when`");
}

/* what a parameter that is a size has by default */
static int check_defaults(reader *r) {
  for (int i = 0; i < r->model->parameters; i++) {
    const double value = r->model->parameter[i].initial;
    if (r->model->is_size[i] && !(value >= 1 && value <= SIZE_MAX_VALUE && value == floor(value)))
      return REFUSE_AT(r, r->source->parameter[i].name_place,
                       "`%s` is a size or an index, its default %s is not: expected a whole number "
                       "from 1 to %d",
                       r->model->parameter[i].name, basin_exact(value).text, SIZE_MAX_VALUE);
  }
  return 0;
}

/* drops the nodes that nothing asks for; those that stay keep their order */
static int prune(reader *r) {
  formula_model *m = r->model;
  int *to = calloc((size_t)m->nodes, sizeof *to), kept = 0;
  if (!to) return out_of_memory(r);
  to[m->loss] = 1;
  for (int i = 0; i < m->states; i++) to[m->gradient[i]] = 1;
  if (m->norm2 >= 0) to[m->norm2] = 1;
  for (int i = 0; i < m->observables; i++) to[m->observable[i].node] = 1;
  if (m->when >= 0) to[m->when] = 1;
  for (int i = m->nodes - 1; i >= 0; i--)
    for (int j = 0; j < 3 && to[i]; j++)
      if (m->node[i].of[j] >= 0) to[m->node[i].of[j]] = 1;
  for (int i = 0; i < m->nodes; i++) {
    if (!to[i]) continue;
    to[i] = kept;
    m->node[kept] = m->node[i];
    for (int j = 0; j < 3; j++)
      if (m->node[kept].of[j] >= 0) m->node[kept].of[j] = to[m->node[kept].of[j]];
    kept++;
  }
  m->nodes = kept;
  m->loss = to[m->loss];
  for (int i = 0; i < m->states; i++) m->gradient[i] = to[m->gradient[i]];
  if (m->norm2 >= 0) m->norm2 = to[m->norm2];
  for (int i = 0; i < m->observables; i++) m->observable[i].node = to[m->observable[i].node];
  if (m->when >= 0) m->when = to[m->when];
  free(to);
  free(m->slot);
  m->slot = NULL, m->slots = 0;
  return 0;
}

/* those that nothing has asked for are read too, so that a fault in one is told */
static int read_rest(reader *r) {
  for (int i = 0; i < r->source->defines; i++) {
    const formula_text *text = &r->source->define[i];
    r->text = text;
    if (definition_node(r, i, text->text) < 0) return -1;
  }
  return 0;
}

static int read_model(reader *r) {
  const formula_source *s = r->source;
  formula_model *m = r->model;
  m->title = strdup(s->title ? s->title : "");
  r->define = calloc((size_t)s->defines + 1, sizeof *r->define);
  if (!m->title || !r->define) return out_of_memory(r);
  return check_names(r) || read_parameters(r) ||
         read_arrays(r, s->state, s->states, &m->state, &m->states) ||
         read_arrays(r, s->teacher, s->teachers, &m->teacher, &m->teachers) ||
         read_arrays(r, s->input, s->inputs, &m->input, &m->inputs) || read_constants(r) ||
         read_rest(r) || read_loss(r) || read_results(r) || check_defaults(r) || prune(r);
}

basin_status basin_formula_read(const formula_source *source, formula_model **model,
                                basin_error *error) {
  reader r = {.source = source, .model = calloc(1, sizeof **model), .error = error};
  *model = NULL;
  if (!r.model) return basin_fail_memory(error);
  read_model(&r);
  free(r.define);
  free(r.size);
  free(r.floor);
  if (r.status) basin_formula_free(r.model);
  else *model = r.model;
  return r.status;
}
