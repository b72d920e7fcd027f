/* SPDX-License-Identifier: MIT */
#include "formula/emit.h"
#include "base/text.h"
#include "formula/code.h"
#include "formula/contract.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  VECTORS_MAX = 16,    /* random streams of initial vectors, and of teachers */
  UNROLLED_MAX = 3000, /* operations of a gradient and its loss that are written out one by one */
  REGISTERS_MAX =
      1500, /* the same where the state is in registers: there are four copies at work at a time */
  STATES_MAX = 24, /* reals of a state in registers */
  CHEAP = 10 /* the loss is computed unasked where it costs so little of a gradient: a tenth */
};

/* ---- the methods ---- */

typedef struct method {
  const char *name;
  int moments; /* vectors beside x that the state has */
  int powers;  /* numbers beside those */
  int draws;   /* whether a step draws normals of its own */
  int noisy;   /* whether it adds noise to the gradient where there is any */
  int inputs;  /* whether it is one of models with inputs: it takes the methods of seam/method.h */
  const char *options[3]; /* rows of MODEL_OPTIONS, without the kind */
} method;

enum { FLOW_NUMBERS = 3 }; /* FLOW_MORE of numeric/flow.h */

static const method methods[] = {
    {"population", 0, 0, 0, 0, 0, {NULL}},
    {"momentum", 1, 0, 0, 1, 0, {"beta, 0.9, 0, 1, \"what is kept of the last step\""}},
    {"nesterov", 1, 0, 0, 1, 0, {"beta, 0.9, 0, 1, \"what is kept of the last step\""}},
    {"adam",
     2,
     2,
     0,
     1,
     0,
     {"beta1, 0.9, 0, 1, \"what is kept of the mean gradient\"",
      "beta2, 0.999, 0, 1, \"what is kept of the mean square\"",
      "epsilon, 1e-8, 0, 1e300, \"added to the root of the mean square\""}},
    {"langevin", 0, 0, 1, 0, 0, {"temperature, 1, 0, 1e300, \"T of the noise sqrt(2 eta T) xi\""}},
    {"noise", 0, 0, 0, 1, 0, {NULL}},
    {"flow", 0, FLOW_NUMBERS, 0, 0, 0, {NULL}},
    {"direct", 0, 0, 0, 0, 1, {NULL}},
    {"law", 0, 0, 0, 0, 1, {NULL}},
};
enum { METHODS = (int)(sizeof methods / sizeof methods[0]) };

/* a model on its way to a header */
typedef struct header {
  formula_code code;
  const formula_model *model;
  const char *vectors, *teachers, *inputs; /* reals of all of them, in C */
  int64_t vectors_known, teachers_known;   /* -1: known to the cell alone */
  int small;                               /* whether states may be in registers */
  int loss_on_demand; /* whether the state has a loss where somebody asks for it alone */
  int when_has_loss;
  int keeps; /* whether something is kept behind the teachers */
  const char *scratch_of_gradient, *scratch_of_rule, *scratch_of_observe, *scratch_of_input,
      *scratch_of_keep;
} header;

static int has_method(const header *h, const method *m) {
  return m->inputs == (h->model->inputs > 0);
}

static int is_flow(const method *m) { return !strcmp(m->name, "flow"); }

/* ---- names and texts ---- */

/* a C string that says what the text does, whatever is in it */
static const char *quoted(formula_code *code, const char *text) {
  const size_t length = text ? strlen(text) : 0;
  char *out = malloc(4 * length + 1), *to = out;
  if (!out) code->failed = 1;
  for (size_t i = 0; out && i < length; i++) {
    const unsigned char byte = (unsigned char)text[i];
    if (byte < 32 || byte > 126 || strchr("\"\\?", byte)) to += sprintf(to, "\\%03o", byte);
    else *to++ = (char)byte;
  }
  if (out) *to = 0;
  const char *kept = basin_code_say(code, "%s", out ? out : "");
  free(out);
  return kept;
}

/* P(k) as k */
static const char *without_p(formula_code *code, const char *text) {
  const char *out = "";
  for (; *text; text++) {
    if (text[0] == 'P' && text[1] == '(') {
      const int length = (int)strcspn(text + 2, ")");
      out = basin_code_say(code, "%s%.*s", out, length, text + 2);
      text += 2 + length;
      if (!*text) break;
    } else {
      out = basin_code_say(code, "%s%c", out, *text);
    }
  }
  return out;
}

static int names_are_good(const formula_array *array, int count) {
  for (int i = 0; i < count; i++)
    if (!array[i].name || !basin_is_name(array[i].name) || !strcmp(array[i].name, "one")) return 0;
  return 1;
}

/* of digits, P(name), + - * and brackets alone */
static int is_size_text(const formula_model *model, const char *text) {
  while (text && *text) {
    if (isalpha((unsigned char)*text) || *text == '_') {
      const size_t length = text[0] == 'P' && text[1] == '(' ? strcspn(text + 2, ")") : 0;
      int found = 0;
      for (int i = 0; i < model->parameters && length; i++)
        found |= strlen(model->parameter[i].name) == length &&
                 !memcmp(model->parameter[i].name, text + 2, length);
      if (!found || !text[2 + length]) return 0;
      text += 3 + length;
    } else if (isdigit((unsigned char)*text) || strchr("+-*() .", *text)) {
      text++;
    } else {
      return 0;
    }
  }
  return text != NULL;
}

static basin_status check(const formula_model *model, basin_error *error) {
  if (!names_are_good(model->parameter, model->parameters) ||
      !names_are_good(model->state, model->states) ||
      !names_are_good(model->teacher, model->teachers) ||
      !names_are_good(model->input, model->inputs) ||
      !names_are_good(model->constant, model->constants))
    return basin_fail(error, BASIN_BAD_INPUT,
                      "a name of the model is none: expected letters, digits and _, and not `one`");
  for (int i = 0; i < model->observables; i++)
    if (!model->observable[i].name || !basin_is_name(model->observable[i].name))
      return basin_fail(error, BASIN_BAD_INPUT, "`%s` is no name of an observable",
                        model->observable[i].name);
  for (int i = 0; i < model->sizes; i++)
    if (!is_size_text(model, model->size[i].text))
      return basin_fail(error, BASIN_BAD_INPUT, "`%s` is no size",
                        model->size[i].text ? model->size[i].text : "");
  if (model->states < 1 || model->states > VECTORS_MAX || model->teachers > VECTORS_MAX)
    return basin_fail(error, BASIN_BAD_INPUT,
                      "%d states and %d teachers, expected 1 to %d and up to %d", model->states,
                      model->teachers, VECTORS_MAX, VECTORS_MAX);
  if (model->when >= 0 && basin_formula_has_input(model, model->when))
    return basin_fail(error, BASIN_BAD_INPUT, "stop.when depends on an input");
  return BASIN_OK;
}

/* ---- the tables ---- */

/* a size as the tables name it */
static const char *table_size(header *h, const formula_shape *shape, int axis) {
  const formula_model *model = h->model;
  if (axis < 0) return "one";
  const formula_size *size = &model->size[shape->size[axis]];
  if (size->constant && size->value == 1) return "one";
  const char *name = basin_code_size_name(&h->code, shape->size[axis]);
  return name[0] == 'n' ? name + 2 : name;
}

static void table_of_arrays(header *h, const char *table, const formula_array *array, int count) {
  basin_code_line(&h->code, "#define %s(X)%s", table, count ? " \\" : " /* none */");
  for (int i = 0; i < count; i++) {
    const formula_shape *shape = &array[i].shape;
    basin_code_line(&h->code, "  X(%s, %s, %s, \"%s\")%s", array[i].name,
                    table_size(h, shape, shape->rank - 2), table_size(h, shape, shape->rank - 1),
                    array[i].name, i + 1 < count ? " \\" : "");
  }
}

/* whether a row of the table of sizes is the extent of a state or a teacher, and no parameter as it is */
static int needs_name(header *h, int row) {
  const formula_model *model = h->model;
  int used = 0;
  for (int i = 0; i < model->states; i++)
    for (int j = 0; j < model->state[i].shape.rank; j++)
      used |= model->state[i].shape.size[j] == row;
  for (int i = 0; i < model->teachers; i++)
    for (int j = 0; j < model->teacher[i].shape.rank; j++)
      used |= model->teacher[i].shape.size[j] == row;
  if (model->size[row].constant && model->size[row].value == 1) return 0;
  return used && basin_code_size_name(&h->code, row)[0] != 'n';
}

static void tables(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  const char *rest = "";
  basin_code_line(code, "#define MODEL_TITLE \"%s\"", quoted(code, model->title));
  basin_code_line(code, "#define MODEL_SOURCE \"the experiment file\"");
  basin_code_line(code, "#define MODEL_PARAMETERS(X)%s", model->parameters ? " \\" : " /* none */");
  for (int i = 0; i < model->parameters; i++)
    basin_code_line(code, "  X(%s, %s, %s, \"1\", \"%s\")%s", model->parameter[i].name,
                    basin_code_number(code, model->parameter[i].initial),
                    model->is_size[i] ? "1, 1e6, 1" : "-1e300, 1e300, 0",
                    model->is_size[i] ? "size" : "parameter",
                    i + 1 < model->parameters ? " \\" : "");
  for (int i = 0; i < model->sizes; i++)
    if (needs_name(h, i))
      rest = basin_code_say(code, "%s \\\n  X(%s, %s)", rest, basin_code_size_name(code, i),
                            model->size[i].text);
  basin_code_line(code, "#define MODEL_SIZES(X)%s", *rest ? rest : " /* none */");
  table_of_arrays(h, "MODEL_TEACHER", model->teacher, model->teachers);
  table_of_arrays(h, "MODEL_INITIAL", model->state, model->states);
  if (model->teachers) basin_code_line(code, "#define MODEL_DRAWN_TEACHERS");
  basin_code_line(code, "#define MODEL_STEP_SIZES(X) X(eta, \"step size; may be A/(t + 1)^p\")");
  basin_code_line(code, "#define MODEL_DECAYS");
  basin_code_line(code, "#define MODEL_OBSERVABLES(X) \\");
  basin_code_line(code, "  X(loss, \"1\", \"%s\")%s",
                  model->inputs ? "the loss; its expectation is not known" : "the loss",
                  model->inputs && !model->observables ? "" : " \\");
  if (!model->inputs)
    basin_code_line(code, "  X(norm_grad, \"1\", \"Euclidean norm of the gradient\")%s",
                    model->observables ? " \\" : "");
  for (int i = 0; i < model->observables; i++)
    basin_code_line(code, "  X(%s, \"1\", \"as the experiment has it\")%s",
                    model->observable[i].name, i + 1 < model->observables ? " \\" : "");
  basin_code_line(code, "#define MODEL_OUTCOMES \\");
  basin_code_line(
      code,
      "  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_STATIONARY) | BASIN_CAN(BASIN_DIVERGED) | \\");
  basin_code_line(code, "   BASIN_CAN(BASIN_UNRESOLVED))");
  basin_code_line(code, "#define MODEL_AT \"%s\"",
                  model->inputs ? "nothing: the loss is not known" : "the loss");
  basin_code_line(code, "#define MODEL_AT_SPURIOUS \"nothing\"");
  if (!model->inputs) basin_code_line(code, "#define MODEL_AT_GRADIENT");
  if (model->when >= 0)
    basin_code_line(code,
                    "#define MODEL_STOPS(X) X(when, 1, 1, \"1\", \"whether the condition of the "
                    "experiment ends a trial\")");
  if (model->inputs) basin_code_line(code, "#define MODEL_NORMS(X) /* none */");
}

static int is_small(const header *h, const method *m) {
  const int64_t states = h->vectors_known * (2 + m->moments) + m->powers + h->teachers_known + 1;
  return h->small && !m->inputs && !is_flow(m) && states <= STATES_MAX;
}

/* where the parts of a state begin: teachers behind the moments, the gradient behind those */
static const char *at_teachers(header *h, const method *m) {
  if (h->vectors_known >= 0)
    return basin_code_say(&h->code, "%lld",
                          (long long)(h->vectors_known * (1 + m->moments) + m->powers));
  const char *powers = m->powers ? basin_code_say(&h->code, " + %d", m->powers) : "";
  const char *vectors = m->moments ? basin_code_say(&h->code, "%d * %s", 1 + m->moments, h->vectors)
                                   : h->vectors;
  return basin_code_say(&h->code, "%s%s", vectors, powers);
}
static const char *at_gradient(header *h, const method *m) {
  if (h->vectors_known >= 0 && h->teachers_known >= 0)
    return basin_code_say(
        &h->code, "%lld",
        (long long)(h->vectors_known * (1 + m->moments) + m->powers + h->teachers_known));
  return basin_code_say(&h->code, "%s + %s", at_teachers(h, m), h->teachers);
}

static void kinds(header *h) {
  formula_code *code = &h->code;
  const char *names = "", *noisy = "", *options = "";
  for (int i = 0; i < METHODS; i++) {
    const method *m = &methods[i];
    if (!has_method(h, m)) continue;
    names = basin_code_say(code, "%s X(%s)", names, m->name);
    if (m->noisy) noisy = basin_code_say(code, "%s X(%s)", noisy, m->name);
    for (int j = 0; j < 3 && m->options[j]; j++)
      options = basin_code_say(code, "%s \\\n  X(%s, %s)", options, m->name, m->options[j]);
  }
  basin_code_line(code, "#define MODEL_DYNAMICS(X)%s", names);
  if (*options) basin_code_line(code, "#define MODEL_OPTIONS(X)%s", options);
  if (h->model->inputs) basin_code_line(code, "#define MODEL_METHODS(X)%s", names);
  else basin_code_line(code, "#define MODEL_NOISY(X)%s", noisy);
  for (int i = 0; i < METHODS; i++) {
    const method *m = &methods[i];
    if (!has_method(h, m)) continue;
    const int registers = is_small(h, m);
    const char *states = "0", *layout = basin_code_say(code, "formula_%s_layout", m->name);
    if (registers)
      states = basin_code_say(
          code, "%lld",
          (long long)(h->vectors_known * (2 + m->moments) + m->powers + h->teachers_known + 1));
    basin_code_line(code, "#define MODEL_%s(F) \\", m->name);
    basin_code_line(code, "  F(%s, %s, formula_paces, formula_%s_start, formula_%s_step, \\",
                    states, registers ? "NULL" : layout, m->name, m->name);
    basin_code_line(code, "    formula_%s_reached, formula_%s_reached, formula_%s_observe, NULL)",
                    m->name, m->name, m->name);
  }
  if (h->model->inputs)
    basin_code_line(
        code,
        "#define MODEL_INPUT(F) F(formula_input_layout, formula_input_begin, formula_input_draw)");
}

/* ---- the cell ---- */

static void cell(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  basin_code_line(code, "typedef struct model_cell {");
  basin_code_line(code, "own_cell own;");
  for (int i = 0; i < model->parameters; i++)
    basin_code_line(code, "double p_%s;", model->parameter[i].name);
  for (int i = 0; i < model->sizes; i++)
    if (!model->size[i].constant)
      basin_code_line(code, "int %s; /* %s */", basin_code_size_name(code, i),
                      without_p(code, model->size[i].text));
  basin_code_line(code,
                  "int vectors, teachers, inputs; /* entries of states; of teachers, and what is "
                  "kept behind them; of inputs */");
  for (int i = 0; i < model->constants; i++)
    basin_code_line(code, "int64_t c_%s; /* [%s] */", model->constant[i].name,
                    basin_code_count(code, &model->constant[i].shape));
  basin_code_line(code, "int keeps_loss; /* whether a rule asks for it */");
  basin_code_line(code, "draw_source initial[%d];", model->states);
  if (model->teachers) basin_code_line(code, "draw_source teacher[%d];", model->teachers);
  basin_code_line(code, "} model_cell;");
  basin_code_blank(code);
}

/* the entries of a shape, and of some arrays, in C, of size[], in doubles */
static const char *in_sizes(header *h, const formula_shape *shape) {
  if (shape->rank == 0) return "1";
  if (shape->rank == 1) return basin_code_say(&h->code, "size[%d]", shape->size[0]);
  return basin_code_say(&h->code, "size[%d] * size[%d]", shape->size[0], shape->size[1]);
}
static const char *total(header *h, const formula_array *array, int count) {
  const char *sum = "";
  for (int i = 0; i < count; i++)
    sum = basin_code_say(&h->code, "%s%s%s", sum, i ? " + " : "", in_sizes(h, &array[i].shape));
  return count ? sum : "0";
}

static void constants(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  for (int i = 0; i < model->constants; i++) {
    const formula_array *array = &model->constant[i];
    const int64_t count = basin_code_constant_count(model, &array->shape);
    const char *line = "";
    basin_code_line(code, "static const double %s_of[] = {", array->name);
    for (int64_t j = 0; j < count && !code->failed; j++) {
      line = basin_code_say(code, "%s%s%s", line, basin_code_number(code, array->value[j]),
                            j + 1 < count ? ", " : "");
      if (strlen(line) < 90 && j + 1 < count) continue;
      basin_code_line(code, "%s", line);
      line = "";
    }
    basin_code_line(code, "};");
    basin_code_line(code, "c->c_%s = room_put(room, %s_of, %lld);", array->name, array->name,
                    (long long)count);
  }
}

/* refuses sizes that are none, and arrays that memory does not hold */
static void check_sizes(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  char *shape_has = calloc((size_t)model->sizes + 1, 1);
  if (!shape_has) code->failed = 1;
  for (int i = 0; shape_has && i < model->nodes; i++)
    for (int j = 0; j < model->node[i].shape.rank; j++) shape_has[model->node[i].shape.size[j]] = 1;
  basin_code_line(code, "*where = \"parameters\";");
  for (int i = 0; i < model->bounds; i++)
    basin_code_line(code, "if (size[%d] < %lld) return \"%s\";", model->bound[i].size,
                    (long long)model->bound[i].least, quoted(code, model->bound[i].reason));
  for (int i = 0; shape_has && i < model->sizes; i++)
    if (shape_has[i] && !model->size[i].constant)
      basin_code_line(
          code,
          "if (!own_is_size(size[%d])) return \"the size %s, expected a whole number from 1 "
          "to 10^8\";",
          i, without_p(code, model->size[i].text));
  const char *told = "";
  for (int i = 0; i < model->nodes && !code->failed; i++) {
    const formula_shape *shape = &model->node[i].shape;
    if (shape->rank < 2) continue;
    const char *entries = basin_code_say(code, "size[%d] * size[%d] < 0x1p27", shape->size[0],
                                         shape->size[1]);
    if (strstr(told, entries)) continue;
    told = basin_code_say(code, "%s%s\n", told, entries);
    basin_code_line(code, "if (!(%s)) return \"a matrix of more than 10^8 entries\";", entries);
  }
  basin_code_line(code, "const double vectors = %s, teachers = %s, inputs = %s;",
                  total(h, model->state, model->states), total(h, model->teacher, model->teachers),
                  total(h, model->input, model->inputs));
  basin_code_line(
      code,
      "if (!(vectors + teachers + inputs < 0x1p27)) return \"more than 10^8 numbers a trial\";");
  free(shape_has);
}

static void sources(header *h, const char *what, const char *key, const char *direction,
                    const char *radius, const formula_array *array, int count) {
  formula_code *code = &h->code;
  for (int i = 0; i < count; i++) {
    basin_code_line(code, "*where = \"%s.%s\";", key, array[i].name);
    basin_code_line(code,
                    "if (!draw_fits(&setting->%s[%d])) return \"more than 2^25 random numbers\";",
                    what, i);
    basin_code_line(code,
                    "c->%s[%d] = draw_put(room, &setting->%s[%d], setting->key, %s + %d, %s + %d);",
                    what, i, what, i, direction, i, radius, i);
  }
}

/* Philox blocks of an input, a sum in C */
static const char *blocks_of(header *h, const char *law, int count) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  const char *sum = "";
  for (int i = 0; i < count; i++) {
    const formula_shape *shape = &model->input[i].shape;
    const char *rows = shape->rank == 2 ? basin_code_size(code, shape->size[0]) : "1",
               *length = shape->rank ? basin_code_size(code, shape->size[shape->rank - 1]) : "1";
    sum = basin_code_say(code, "%s%sown_blocks(%s, %s, %s)", sum, i ? " + " : "", law, rows,
                         length);
  }
  return count ? sum : "0";
}

static void prepare(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  const char *names = "";
  basin_code_line(
      code,
      "static inline const char *model_prepare(const basin_setting *setting, basin_room *room, "
      "model_cell *c, const char **where) {");
  for (int i = 0; i < model->parameters; i++)
    names = basin_code_say(code, "%s%sof_%s", names, i ? ", " : "", model->parameter[i].name);
  if (model->parameters) basin_code_line(code, "enum { %s };", names);
  if (model->sizes) {
    basin_code_line(code, "#define P(name) setting->parameter[of_##name]");
    basin_code_line(code, "const double size[] = {");
    for (int i = 0; i < model->sizes; i++) basin_code_line(code, "%s,", model->size[i].text);
    basin_code_line(code, "};");
    basin_code_line(code, "#undef P");
  }
  if (model->sizes) basin_code_line(code, "(void)size;");
  basin_code_line(code, "memset(c, 0, sizeof *c);");
  basin_code_line(code, "c->own = own_cell_of(setting);");
  for (int i = 0; i < model->parameters; i++)
    basin_code_line(code, "c->p_%s = setting->parameter[of_%s];", model->parameter[i].name,
                    model->parameter[i].name);
  check_sizes(h);
  basin_code_line(code, "c->vectors = (int)vectors;");
  const char *kept = "";
  for (int i = 0; i < model->nodes; i++)
    if (code->kept[i])
      kept = basin_code_say(code, "%s + %s", kept, in_sizes(h, &model->node[i].shape));
  basin_code_line(code, "c->teachers = (int)(teachers%s);", kept);
  basin_code_line(code, "c->inputs = (int)inputs;");
  if (model->inputs) basin_code_line(code, "c->own.method = method_of(setting, c->vectors, 1);");
  for (int i = 0; i < model->sizes; i++)
    if (!model->size[i].constant)
      basin_code_line(code, "c->%s = (int)size[%d];", basin_code_size_name(code, i), i);
  basin_code_line(code, "c->keeps_loss = %s;", h->when_has_loss ? "1" : "c->own.tolerance > 0");
  constants(h);
  sources(h, "initial", "init", "BASIN_STREAM_DIRECTION", "BASIN_STREAM_RADIUS", model->state,
          model->states);
  sources(h, "teacher", "teacher", "BASIN_STREAM_TEACHER_DIRECTION", "BASIN_STREAM_TEACHER_RADIUS",
          model->teacher, model->teachers);
  basin_code_line(code, "*where = \"gradient\";");
  if (model->inputs) {
    for (int i = 0; i < model->sizes; i++)
      if (!model->size[i].constant) {
        basin_code_line(code, "const int %s = c->%s;", basin_code_size_name(code, i),
                        basin_code_size_name(code, i));
        basin_code_line(code, "(void)%s;", basin_code_size_name(code, i));
      }
    basin_code_line(code, "const double blocks = (double)(%s);",
                    blocks_of(h, "&c->own.law", model->inputs));
    basin_code_line(code, "if (blocks * (double)c->own.inputs > (double)(BASIN_VECTOR_MAX / 2))");
    basin_code_line(code, "  return \"more than 2^25 random numbers a step: fewer inputs\";");
  }
  basin_code_line(code, "return NULL;");
  basin_code_line(code, "}");
  basin_code_line(
      code,
      "static inline void formula_paces(const model_cell *c, const double *eta, double *pace) {");
  basin_code_line(code, "own_paces(&c->own, %s, eta, pace);",
                  model->inputs ? "own_scale(&c->own)" : "1");
  if (model->inputs) basin_code_line(code, "method_paces(pace);");
  basin_code_line(code, "}");
}

/* ---- gradient and loss ---- */

/* a block that finds what is kept behind the teachers */
static code_block *new_block(header *h) {
  code_block *block = basin_code_block_new(&h->code);
  for (int i = 0; block && i < h->model->nodes; i++)
    if (h->code.kept[i]) block->known[i] = CODE_KEPT;
  return block;
}

/* the block finds gradient and loss, too */
static void gradient_is_known(header *h, code_block *block) {
  const formula_model *model = h->model;
  for (int i = model->states - 1; i >= 0; i--) block->known[model->gradient[i]] = CODE_GRADIENT + i;
  block->known[model->loss] = CODE_LOSS;
}

/* where the derivatives are to be put; states that share one have it copied behind */
static void gradient_to(header *h, code_block *block) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  for (int i = 0; i < model->states; i++) {
    basin_code_line(code, "real *g_%s = g%s;", model->state[i].name,
                    basin_code_offset(code, model->state, i));
    if (!block->to[model->gradient[i]])
      block->to[model->gradient[i]] = basin_code_say(code, "g_%s", model->state[i].name);
  }
}

static void share_gradient(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  for (int i = 0; i < model->states; i++)
    for (int j = 0; j < i; j++)
      if (model->gradient[j] == model->gradient[i]) {
        basin_code_line(code, "BASIN_UNROLLED");
        basin_code_line(code, "for (int i = 0; i < %s; i++) g_%s[i] = g_%s[i];",
                        basin_code_count(code, &model->state[i].shape), model->state[i].name,
                        model->state[j].name);
        break;
      }
}

/* in registers all is a part of the loop of steps; with arrays a call is nothing */
static const char *long_function(const header *h) {
  return h->code.unrolled ? "BASIN_HD" : "OWN_ONE_COPY";
}

/* without inputs: gradient and loss at x */
static void gradient(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  basin_code_blank(code);
  basin_code_line(code, "/* g: the gradient at x, and behind it the loss%s */",
                  h->loss_on_demand ? ", where c->keeps_loss" : "");
  basin_code_function(
      code,
      basin_code_say(code,
                     "%s void formula_gradient(const model_cell *c, basin_turn t, const real *x, "
                     "const real *teacher, real *g)",
                     long_function(h)));
  code_block *block = new_block(h);
  if (!block) return;
  gradient_to(h, block);
  for (int i = 0; i < model->states; i++) basin_code_need(block, model->gradient[i], 0);
  basin_code_need(block, model->loss, h->loss_on_demand);
  basin_code_compute(block, 0);
  if (h->loss_on_demand) {
    basin_code_line(code, "g[%s] = r_set(0.0);", h->vectors);
    basin_code_line(code, "if (c->keeps_loss) {");
    basin_code_compute(block, 1);
  }
  basin_code_line(code, "g[%s] = %s;", h->vectors, basin_code_scalar(block, model->loss));
  if (h->loss_on_demand) basin_code_line(code, "}");
  share_gradient(h);
  basin_code_line(code, "(void)c, (void)t, (void)x, (void)teacher;");
  basin_code_block_free(block);
  h->scratch_of_gradient = basin_code_function_end(code);
}

/* ---- rules and observables ---- */

/* the squared length of n entries, in the order of own_dot() */
static const char *squared_length(header *h, const char *x) {
  formula_code *code = &h->code;
  const int64_t n = h->vectors_known;
  const char *strand[8] = {"", "", "", "", "", "", "", ""};
  if (n < 0 || !code->unrolled)
    return basin_code_say(code, "own_dot(%s, %s, %s)", x, x, h->vectors);
  for (int64_t i = 0; i < n; i++) {
    const char **s = &strand[n < 8 ? 0 : i % 8];
    if (i < (n < 8 ? 1 : 8))
      *s = basin_code_say(code, "%s[%lld] * %s[%lld]", x, (long long)i, x, (long long)i);
    else
      *s = basin_code_say(code, "r_fma(%s[%lld], %s[%lld], %s)", x, (long long)i, x, (long long)i,
                          *s);
  }
  if (n < 8) return strand[0];
  return basin_code_say(code, "((%s + %s) + (%s + %s)) + ((%s + %s) + (%s + %s))", strand[0],
                        strand[4], strand[2], strand[6], strand[1], strand[5], strand[3],
                        strand[7]);
}

static void rule(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  basin_code_blank(code);
  basin_code_line(
      code, "BASIN_HD void formula_diverged(const model_cell *c, const real *x, mask *outcome) {");
  basin_code_line(code, "outcome[BASIN_DIVERGED] = own_diverged(%s);", squared_length(h, "x"));
  basin_code_line(code, "(void)c;");
  basin_code_line(code, "}");
  basin_code_function(
      code, "BASIN_HD void formula_reached(const model_cell *c, basin_turn t, const real *x, "
            "const real *teacher, const real *g, mask *outcome)");
  code_block *block = new_block(h);
  if (!block) return;
  if (!model->inputs) {
    gradient_is_known(h, block);
    basin_code_line(
        code,
        "if (c->own.tolerance > 0) outcome[BASIN_GLOBAL] = r_le(g[%s], r_set(c->own.tolerance));",
        h->vectors);
    basin_code_need(block, model->norm2, 0);
    basin_code_line(code, "if (c->own.tolerance_gradient > 0) {");
    basin_code_compute(block, 0);
    basin_code_line(code, "outcome[BASIN_STATIONARY] = r_le(%s, r_set(c->own.tolerance_gradient));",
                    basin_code_scalar(block, model->norm2));
    basin_code_line(code, "}");
    basin_code_block_free(block);
    block = new_block(h);
    if (!block) return;
    gradient_is_known(h, block);
  }
  if (model->when >= 0) {
    basin_code_need(block, model->when, 0);
    basin_code_compute(block, 0);
    basin_code_line(code, "outcome[BASIN_STATIONARY] = m_or(outcome[BASIN_STATIONARY], %s);",
                    basin_code_scalar(block, model->when));
  }
  basin_code_line(code, "formula_diverged(c, x, outcome);");
  basin_code_line(code, "(void)t, (void)teacher, (void)g;");
  basin_code_block_free(block);
  h->scratch_of_rule = basin_code_function_end(code);
}

static void observe(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  const int first = model->inputs ? 1 : 2;
  basin_code_blank(code);
  basin_code_function(
      code,
      basin_code_say(code,
                     "%s void formula_observe(const model_cell *c, basin_turn t, const real *x, "
                     "const real *teacher, const real *g, real *out)",
                     long_function(h)));
  code_block *block = new_block(h);
  if (!block) return;
  if (!model->inputs) {
    gradient_is_known(h, block);
    if (h->loss_on_demand) block->known[model->loss] = 0;
    basin_code_need(block, model->loss, 0);
    basin_code_need(block, model->norm2, 0);
  }
  for (int i = 0; i < model->observables; i++) basin_code_need(block, model->observable[i].node, 0);
  basin_code_compute(block, 0);
  basin_code_line(code, "out[0] = %s;",
                  model->inputs ? "r_set((double)NAN)" : basin_code_scalar(block, model->loss));
  if (!model->inputs)
    basin_code_line(code, "out[1] = r_sqrt(%s);", basin_code_scalar(block, model->norm2));
  for (int i = 0; i < model->observables; i++)
    basin_code_line(code, "out[%d] = %s;", first + i,
                    basin_code_scalar(block, model->observable[i].node));
  basin_code_line(code, "(void)c, (void)t, (void)x, (void)teacher, (void)g;");
  basin_code_block_free(block);
  h->scratch_of_observe = basin_code_function_end(code);
}

/* ---- the kinds ---- */

static void draw(header *h, const char *what, const formula_array *array, int count,
                 const char *to) {
  formula_code *code = &h->code;
  for (int i = 0; i < count; i++) {
    const formula_shape *shape = &array[i].shape;
    basin_code_line(code, "own_draw(&c->%s[%d], t, %s, %s, %s%s);", what, i,
                    shape->rank == 2 ? basin_code_size(code, shape->size[0]) : "1",
                    shape->rank ? basin_code_size(code, shape->size[shape->rank - 1]) : "1", to,
                    basin_code_offset(code, array, i));
  }
}

static void start(header *h, const method *m) {
  formula_code *code = &h->code;
  const formula_model *model = h->model;
  basin_code_blank(code);
  basin_code_function(
      code, basin_code_say(
                code, "BASIN_HD void formula_%s_start(const model_cell *c, basin_turn t, real *x)",
                m->name));
  draw(h, "initial", model->state, model->states, "x");
  if (model->teachers)
    draw(h, "teacher", model->teacher, model->teachers,
         basin_code_say(code, "x + %s", at_teachers(h, m)));
  if (h->keeps) basin_code_line(code, "formula_keep(c, t, x + %s);", at_teachers(h, m));
  if (m->moments) {
    basin_code_line(code, "BASIN_UNROLLED");
    basin_code_line(code, "for (int j = 0, n = %d * %s; j < n; j++) x[%s + j] = r_set(0.0);",
                    m->moments, h->vectors, h->vectors);
  }
  if (m->powers && !is_flow(m)) {
    const char *at = basin_code_say(code, "%d * %s", 1 + m->moments, h->vectors);
    basin_code_line(code, "x[%s] = x[%s + 1] = r_set(1.0);", at, at);
  }
  if (m->inputs)
    basin_code_line(code, "method_start(&c->own.method, t.team, x + %s + %s);", h->vectors,
                    h->teachers);
  else
    basin_code_line(code, "formula_gradient(c, t, x, x + %s, x + %s);", at_teachers(h, m),
                    at_gradient(h, m));
  if (is_flow(m))
    basin_code_line(code, "own_flow_start(%s, x, x + %s, x + %s);", h->vectors, at_gradient(h, m),
                    h->vectors);
  basin_code_function_end(code);
}

/* one entry of the step; index: of it */
static const char *entry_step(header *h, const method *m, const char *j) {
  formula_code *code = &h->code;
  if (!m->moments && !m->draws)
    return basin_code_say(code, "own_descend(pace, g[%s], &x[%s]);", j, j);
  if (!strcmp(m->name, "adam"))
    return basin_code_say(code, "own_adam(pace, bias, g[%s], &x[%s], &m[%s], &v[%s]);", j, j, j, j);
  if (!strcmp(m->name, "langevin"))
    return basin_code_say(code, "own_langevin(pace, heat, z[%s], g[%s], &x[%s]);", j, j, j);
  return basin_code_say(code, "own_%s(pace, g[%s], &x[%s], &v[%s]);", m->name, j, j, j);
}

/* a line for every entry of the vectors, in which it is the one that the line is told */
static void for_entries(header *h, const method *m,
                        const char *line(header *h, const method *m, const char *j)) {
  formula_code *code = &h->code;
  if (!code->unrolled)
    basin_code_line(code, "for (int j = 0, n = %s; j < n; j++) %s", h->vectors, line(h, m, "j"));
  for (int64_t j = 0; code->unrolled && j < h->vectors_known; j++)
    basin_code_line(code, "%s", line(h, m, basin_code_say(code, "%lld", (long long)j)));
}

static const char *entry_noise(header *h, const method *m, const char *j) {
  (void)m;
  return basin_code_say(&h->code, "own_disturb(&c->own, z[%s], &g[%s]);", j, j);
}

/* the normals of a step, into z */
static void normals(header *h) {
  formula_code *code = &h->code;
  if (code->unrolled) basin_code_line(code, "real z[%s];", h->vectors);
  else basin_code_line(code, "real *z = t.work;");
  basin_code_line(code, "own_normals(&c->own, t, %s, z);", h->vectors);
}

static void step_of_flow(header *h, const method *m) {
  formula_code *code = &h->code;
  basin_code_function(
      code, basin_code_say(
                code, "BASIN_HD void formula_%s_step(const model_cell *c, basin_turn t, real *x)",
                m->name));
  basin_code_line(code, "own_flow f = own_flow_begin(&c->own, t, %s, x, x + %s, x + %s);",
                  h->vectors, at_gradient(h, m), h->vectors);
  basin_code_line(code, "t.work += own_flow_work(%s);", h->vectors);
  basin_code_line(code, "while (own_flow_goes_on(&f, t)) {");
  basin_code_line(code, "BASIN_ROLLED");
  basin_code_line(code, "for (int s = 0; s < FLOW_STAGES; s++) {");
  basin_code_line(code, "own_flow_point(&f, s);");
  basin_code_line(code, "formula_gradient(c, t, f.point, x + %s, f.k + s * (%s + 1));",
                  at_teachers(h, m), h->vectors);
  basin_code_line(code, "}");
  basin_code_line(code, "own_flow_settle(&f);");
  basin_code_line(code, "}");
  basin_code_line(code, "own_flow_end(&f);");
  basin_code_function_end(code);
}

static void step(header *h, const method *m) {
  formula_code *code = &h->code;
  const char *v = m->moments ? basin_code_say(code, "%d * %s", m->moments, h->vectors) : "";
  basin_code_function(
      code, basin_code_say(
                code, "BASIN_HD void formula_%s_step(const model_cell *c, basin_turn t, real *x)",
                m->name));
  basin_code_line(code, "const own_pace pace = own_pace_of(&c->own, t);");
  basin_code_line(code, "real *g = x + %s;", at_gradient(h, m));
  if (m->moments) basin_code_line(code, "real *v = x + %s;", v);
  if (m->powers) {
    basin_code_line(code, "real *m = x + %s;", h->vectors);
    basin_code_line(code, "const method_bias bias = method_adam_begin(pace.option, v + %s);",
                    h->vectors);
  }
  if (m->draws) normals(h);
  if (m->noisy) {
    basin_code_line(code, "if (c->own.noise > 0) {");
    normals(h);
    for_entries(h, m, entry_noise);
    basin_code_line(code, "}");
  }
  if (!strcmp(m->name, "langevin"))
    basin_code_line(code, "const real heat = method_heat(pace.eta, pace.option);");
  for_entries(h, m, entry_step);
  basin_code_line(code, "formula_gradient(c, t, x, x + %s, g);", at_teachers(h, m));
  basin_code_function_end(code);
}

static void layout(header *h, const method *m) {
  formula_code *code = &h->code;
  if (code->failed) return; /* the scratches may not be there */
  const char *v = h->vectors,
             *work = m->inputs ? basin_code_say(code, "c->inputs + 2 * (int64_t)%s + %s", v,
                                                h->scratch_of_input)
                     : is_flow(m)
                         ? basin_code_say(code, "own_flow_work(%s) + %s", v, h->scratch_of_gradient)
                         : "0";
  basin_code_blank(code);
  basin_code_line(
      code,
      "static inline basin_layout formula_%s_layout(const basin_setting *setting, const "
      "model_cell *c) {",
      m->name);
  basin_code_line(code, "int64_t work = %s;", work);
  const char *others[] = {m->inputs ? "0" : h->scratch_of_gradient, h->scratch_of_rule,
                          h->keeps ? h->scratch_of_keep : "0", h->scratch_of_observe,
                          (m->noisy || m->draws) && !code->unrolled ? v : "0"};
  for (int i = 0; i < 5; i++)
    if (strcmp(others[i], "0") != 0)
      basin_code_line(code, "if (work < %s) work = %s;", others[i], others[i]);
  if (m->inputs)
    basin_code_line(code, "const basin_layout layout = {(int64_t)c->vectors + c->teachers + "
                          "method_moments(&c->own.method), work, 1};");
  else
    basin_code_line(
        code, "const basin_layout layout = {%d * (int64_t)c->vectors + %d + c->teachers, work, 1};",
        2 + m->moments, 1 + m->powers);
  basin_code_line(code, "(void)setting;");
  basin_code_line(code, "return layout;");
  basin_code_line(code, "}");
}

static void rules_of_kind(header *h, const method *m) {
  formula_code *code = &h->code;
  const char *teacher = at_teachers(h, m), *g = m->inputs ? "0" : at_gradient(h, m);
  basin_code_line(
      code,
      "BASIN_HD void formula_%s_reached(const model_cell *c, basin_turn t, const real *x, "
      "mask *outcome) {",
      m->name);
  basin_code_line(code, "formula_reached(c, t, x, x + %s, x + %s, outcome);", teacher, g);
  basin_code_line(code, "}");
  basin_code_line(
      code,
      "BASIN_HD void formula_%s_observe(const model_cell *c, basin_turn t, const real *x, "
      "real *out) {",
      m->name);
  basin_code_line(code, "formula_observe(c, t, x, x + %s, x + %s, out);", teacher, g);
  basin_code_line(code, "}");
}

/* ---- inputs ---- */

static void draw_inputs(header *h, const char *stream, const char *first) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  for (int i = 0; i < model->inputs; i++) {
    const formula_shape *shape = &model->input[i].shape;
    const char *block = i ? basin_code_say(code, "%s + b_set((uint64_t)(%s))", first,
                                           blocks_of(h, "law", i))
                          : first;
    basin_code_line(code, "own_input(&c->own, law, %s, t, %s, %s, %s, z%s);", stream, block,
                    shape->rank == 2 ? basin_code_size(code, shape->size[0]) : "1",
                    shape->rank ? basin_code_size(code, shape->size[shape->rank - 1]) : "1",
                    basin_code_offset(code, model->input, i));
  }
}

/* what depends on no input is computed once for all inputs of a step */
static void need_of_inputs(header *h, code_block *block, int with_loss) {
  const formula_model *model = h->model;
  char *wanted = calloc((size_t)model->nodes + 1, 1);
  if (!wanted) h->code.failed = 1;
  for (int i = 0; wanted && i < model->states; i++) wanted[model->gradient[i]] = 1;
  if (wanted && with_loss) wanted[model->loss] = 1;
  for (int i = model->nodes - 1; wanted && i >= 0; i--) {
    if (!wanted[i]) continue;
    if (basin_formula_has_input(model, i) == 0 && !block->to[i]) {
      basin_code_need(block, i, 0);
      continue;
    }
    int of[3], negative;
    const int count = basin_code_operands(model, i, of, &negative);
    for (int j = 0; j < count; j++) wanted[of[j]] = 1;
  }
  for (int i = 0; wanted && i < model->states; i++) basin_code_need(block, model->gradient[i], 1);
  if (with_loss) basin_code_need(block, model->loss, 1);
  free(wanted);
}

static void descend(header *h) {
  formula_code *code = &h->code;
  basin_code_blank(code);
  basin_code_line(code,
                  "/* law: NULL for normal inputs; z, g, sum: scratch for an input, its gradient, "
                  "and those of all */");
  basin_code_function(code,
                      "BASIN_HD void formula_descend(const model_cell *c, basin_turn t, const "
                      "basin_input_law *law, "
                      "real *x, const real *teacher, real *z, real *g, real *sum)");
  code_block *block = new_block(h);
  if (!block) return;
  basin_code_line(code, "const uint64_t blocks = (uint64_t)(%s);",
                  blocks_of(h, "law", h->model->inputs));
  gradient_to(h, block);
  need_of_inputs(h, block, 0);
  basin_code_compute(block, 0);
  basin_code_line(code, "for (int j = 0, n = %s; j < n; j++) sum[j] = r_set(-0.0);", h->vectors);
  basin_code_line(code, "BASIN_ROLLED");
  basin_code_line(
      code, "for (int64_t input = 0; input < c->own.inputs && !team_stopped(t.team); input++) {");
  draw_inputs(h, "BASIN_STREAM_INPUT", "b_set((uint64_t)input * blocks)");
  basin_code_compute(block, 1);
  share_gradient(h);
  basin_code_line(code, "for (int j = 0, n = %s; j < n; j++) sum[j] = sum[j] + g[j];", h->vectors);
  basin_code_line(code, "}");
  basin_code_line(code, "own_move(&c->own, t, %s, sum, x + %s + %s, g, x);", h->vectors, h->vectors,
                  h->teachers);
  basin_code_line(code, "(void)teacher;");
  basin_code_block_free(block);
  h->scratch_of_input = basin_code_function_end(code);
}

static void step_of_inputs(header *h, const method *m, const char *law) {
  formula_code *code = &h->code;
  basin_code_line(
      code, "BASIN_HD void formula_%s_step(const model_cell *c, basin_turn t, real *x) {", m->name);
  basin_code_line(code, "real *z = t.work, *g = z + c->inputs, *sum = g + %s;", h->vectors);
  basin_code_line(code, "t.work = sum + %s;", h->vectors);
  basin_code_line(code, "formula_descend(c, t, %s, x, x + %s, z, g, sum);", law, h->vectors);
  basin_code_line(code, "}");
}

/* loss and derivative on one fresh input */
static void single_input(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  basin_code_blank(code);
  basin_code_function(
      code,
      "BASIN_HD void formula_input(const model_cell *c, basin_turn t, const basin_input_law *law, "
      "bits block, const real *x, const real *teacher, real *z, real *loss, real *g)");
  code_block *block = new_block(h);
  if (!block) return;
  gradient_to(h, block);
  need_of_inputs(h, block, 1);
  draw_inputs(h, "BASIN_STREAM_ESTIMATE", "block");
  basin_code_compute(block, 0);
  basin_code_compute(block, 1);
  share_gradient(h);
  basin_code_line(code, "*loss = %s;", basin_code_scalar(block, model->loss));
  basin_code_line(code, "(void)x, (void)teacher;");
  basin_code_block_free(block);
  const char *scratch = basin_code_function_end(code);

  basin_code_function(code, "BASIN_HD int64_t formula_blocks(const model_cell *c)");
  basin_code_line(code, "const basin_input_law *law = c->own.law.kind ? &c->own.law : NULL;");
  basin_code_line(code, "return %s;", blocks_of(h, "law", model->inputs));
  basin_code_function_end(code);
  basin_code_line(code,
                  "static inline basin_input_layout formula_input_layout(const model_cell *c) {");
  basin_code_line(code,
                  "const basin_input_layout layout = {formula_blocks(c), (int64_t)c->vectors + "
                  "c->teachers + c->inputs + %s + %s};",
                  scratch, h->keeps ? h->scratch_of_keep : "0");
  basin_code_line(code, "return layout;");
  basin_code_line(code, "}");
  basin_code_function(code,
                      "BASIN_HD void formula_input_begin(const model_cell *c, basin_turn t, const "
                      "double *vectors)");
  basin_code_line(code, "for (int j = 0, n = %s; j < n; j++) t.work[j] = r_set(vectors[j]);",
                  h->vectors);
  draw(h, "teacher", model->teacher, model->teachers,
       basin_code_say(code, "t.work + %s", h->vectors));
  if (h->keeps) {
    basin_code_line(code, "real *teacher = t.work + %s;", h->vectors);
    basin_code_line(code, "t.work = teacher + %s + c->inputs;", h->teachers);
    basin_code_line(code, "formula_keep(c, t, teacher);");
  }
  basin_code_line(code, "(void)c;");
  basin_code_function_end(code);
  basin_code_line(code,
                  "BASIN_HD void formula_input_draw(const model_cell *c, basin_turn t, bits input, "
                  "real *out) {");
  basin_code_line(code, "const basin_input_law *law = c->own.law.kind ? &c->own.law : NULL;");
  basin_code_line(code, "const bits block = b_mul32(input, b_set((uint64_t)formula_blocks(c)));");
  basin_code_line(code, "real *x = t.work, *teacher = x + %s, *z = teacher + %s;", h->vectors,
                  h->teachers);
  basin_code_line(code, "t.work = z + c->inputs;");
  basin_code_line(code, "if (law) formula_input(c, t, law, block, x, teacher, z, out, out + 1);");
  basin_code_line(code, "else formula_input(c, t, NULL, block, x, teacher, z, out, out + 1);");
  basin_code_line(code, "}");
}

/* ---- all of it ---- */

static int64_t known_total(const formula_model *model, const formula_array *array, int count) {
  int64_t sum = 0;
  for (int i = 0; i < count; i++) {
    const int64_t each = basin_code_constant_count(model, &array[i].shape);
    if (each < 0 || sum < 0) return -1;
    sum += each;
  }
  return sum;
}

static const char *total_in_c(header *h, int64_t known, const char *name) {
  return known >= 0 ? basin_code_say(&h->code, "%lld", (long long)known)
                    : basin_code_say(&h->code, "c->%s", name);
}

/* What follows from the teachers alone, and costs more than to be read, is computed once, when a trial starts. */
static void choose_kept(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  code_block *block = basin_code_block_new(code);
  char *fixed = calloc((size_t)model->nodes + 1, 1), *dear = calloc((size_t)model->nodes + 1, 1);
  if (!fixed || !dear) code->failed = 1;
  for (int i = 0; block && !code->failed && i < model->nodes; i++) {
    const formula_node *x = &model->node[i];
    int of[3], negative;
    const int count = basin_code_operands(model, i, of, &negative);
    fixed[i] = x->operation != FORMULA_STATE && x->operation != FORMULA_INPUT;
    dear[i] = (x->operation >= FORMULA_SUM && x->operation <= FORMULA_MINIMUM) ||
              x->operation == FORMULA_DOT || x->operation == FORMULA_SQRT ||
              (x->operation >= FORMULA_EXP && x->operation <= FORMULA_SOFTPLUS);
    for (int j = 0; j < count; j++) {
      fixed[i] = (char)(fixed[i] & fixed[of[j]]);
      dear[i] = (char)(dear[i] | dear[of[j]]);
    }
  }
  for (int i = 0; block && i < model->states; i++) basin_code_need(block, model->gradient[i], 0);
  if (block) basin_code_need(block, model->loss, 0);
  for (int i = 0; block && !code->failed && model->teachers && i < model->nodes; i++) {
    int of[3], negative;
    const int count = basin_code_operands(model, i, of, &negative);
    for (int j = 0; j < count && block->part[i] && !fixed[i]; j++) {
      const formula_node *x = &model->node[of[j]];
      code->kept[of[j]] = (char)(fixed[of[j]] && dear[of[j]] && x->shape.rank < 2 && !x->is_mask);
    }
  }
  for (int i = 0; i < model->nodes; i++) h->keeps |= code->kept[i];
  free(fixed);
  free(dear);
  basin_code_block_free(block);
}

/* how it is to be computed: written out or in loops, the loss always or on demand */
static void choose(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  choose_kept(h);
  code_block *block = new_block(h);
  if (!block) return;
  for (int i = 0; i < model->states; i++) basin_code_need(block, model->gradient[i], 0);
  basin_code_need(block, model->loss, 1);
  const double of_gradient = basin_code_weight(block, 0), of_loss = basin_code_weight(block, 1);
  h->vectors_known = known_total(model, model->state, model->states);
  h->teachers_known = known_total(model, model->teacher, model->teachers);
  const int known = h->vectors_known >= 0 && h->teachers_known >= 0 &&
                    known_total(model, model->input, model->inputs) >= 0;
  code->unrolled = known && of_gradient + of_loss <= UNROLLED_MAX;
  h->small = code->unrolled && of_gradient + of_loss <= REGISTERS_MAX;
  h->loss_on_demand = !model->inputs && !(of_loss * CHEAP <= of_gradient);
  for (int i = 0; i < model->nodes; i++)
    if (code->kept[i] && h->teachers_known >= 0) {
      const int64_t count = basin_code_constant_count(model, &model->node[i].shape);
      h->teachers_known = count < 0 ? -1 : h->teachers_known + count;
    }
  h->vectors = total_in_c(h, h->vectors_known, "vectors");
  code->vectors = h->vectors;
  h->teachers = total_in_c(h, h->teachers_known, "teachers");
  basin_code_block_free(block);
  block = new_block(h);
  if (block && model->when >= 0) {
    basin_code_need(block, model->when, 0);
    h->when_has_loss = block->part[model->loss] != 0;
  }
  basin_code_block_free(block);
}

static void keep(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  if (!h->keeps) return;
  basin_code_blank(code);
  basin_code_line(code, "/* what follows from the teachers of a trial alone, behind them */");
  basin_code_function(
      code,
      basin_code_say(code, "%s void formula_keep(const model_cell *c, basin_turn t, real *teacher)",
                     long_function(h)));
  code_block *block = basin_code_block_new(code);
  for (int i = 0; block && i < model->nodes; i++)
    if (code->kept[i]) {
      basin_code_line(code, "real *kept_%d = teacher%s;", i, basin_code_kept_offset(code, i));
      block->to[i] = basin_code_say(code, "kept_%d", i);
      basin_code_need(block, i, 0);
    }
  if (block) basin_code_compute(block, 0);
  basin_code_line(code, "(void)c, (void)t;");
  basin_code_block_free(block);
  h->scratch_of_keep = basin_code_function_end(code);
}

static void write_all(header *h) {
  const formula_model *model = h->model;
  formula_code *code = &h->code;
  basin_code_line(code,
                  "/* The model of an experiment file, written by basin from its formulas: one "
                  "more header on the contract");
  basin_code_line(code,
                  "   seam/model.h. x_ are its states, p_ its parameters, c_ constants, z_ inputs, "
                  "v intermediate values, e");
  basin_code_line(code, "   their entries; the order of all operations is as it stands here. */");
  basin_code_line(code, "#ifndef BASIN_MODELS_OWN_H");
  basin_code_line(code, "#define BASIN_MODELS_OWN_H");
  basin_code_blank(code);
  basin_code_line(code, "#include \"own/own_flow.h\"");
  basin_code_blank(code);
  tables(h);
  kinds(h);
  basin_code_blank(code);
  cell(h);
  prepare(h);
  keep(h);
  if (model->inputs) descend(h);
  else gradient(h);
  rule(h);
  observe(h);
  for (int i = 0; i < METHODS; i++) {
    const method *m = &methods[i];
    if (!has_method(h, m)) continue;
    if (!is_small(h, m)) layout(h, m);
    start(h, m);
    if (m->inputs) step_of_inputs(h, m, !strcmp(m->name, "law") ? "&c->own.law" : "NULL");
    else if (is_flow(m)) step_of_flow(h, m);
    else step(h, m);
    rules_of_kind(h, m);
  }
  if (model->inputs) single_input(h);
  basin_code_blank(code);
  basin_code_line(code, "#endif");
}

basin_status basin_formula_emit(const formula_model *model, char **text, basin_error *error) {
  formula_model *contracted;
  header h;
  *text = NULL;
  basin_status status = check(model, error);
  if (status) return status;
  if (!basin_formula_contract(model, &contracted)) return basin_fail_memory(error);
  memset(&h, 0, sizeof h);
  h.model = contracted;
  if (!basin_code_begin(&h.code, contracted)) h.code.failed = 1;
  if (!h.code.failed) choose(&h);
  if (!h.code.failed) write_all(&h);
  if (h.code.failed) {
    status = basin_fail_memory(error);
  } else {
    *text = h.code.text.at;
    h.code.text.at = NULL;
  }
  basin_code_end(&h.code);
  basin_formula_free(contracted);
  return status;
}
