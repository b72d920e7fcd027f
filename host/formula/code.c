/* SPDX-License-Identifier: MIT */
#include "formula/code.h"
#include "base/text.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- text that grows ---- */

static void append(formula_code *code, code_text *text, const char *what, size_t length) {
  if (code->failed) return;
  if (text->used + length + 1 > text->room) {
    const size_t room = 2 * (text->used + length) + 1024;
    char *grown = realloc(text->at, room);
    if (!grown) {
      code->failed = 1;
      return;
    }
    text->at = grown;
    text->room = room;
  }
  memcpy(text->at + text->used, what, length);
  text->used += length;
  text->at[text->used] = 0;
}

static char *printed(formula_code *code, const char *format, va_list words) {
  va_list again;
  va_copy(again, words);
  const int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  char *text = length < 0 ? NULL : malloc((size_t)length + 1);
  if (text) vsnprintf(text, (size_t)length + 1, format, words);
  else code->failed = 1;
  return text;
}

void basin_code_line(formula_code *code, const char *format, ...) {
  if (code->muted) return;
  code_text *to = code->inside ? &code->body : &code->text;
  va_list words;
  va_start(words, format);
  char *line = printed(code, format, words);
  va_end(words);
  if (line && *line == '}' && code->indent > 0) code->indent--;
  if (line && *line && *line != '#')
    for (int i = 0; i < code->indent; i++) append(code, to, "  ", 2);
  if (line) {
    const size_t length = strlen(line);
    append(code, to, line, length);
    append(code, to, "\n", 1);
    if (length && line[length - 1] == '{') code->indent++;
  }
  free(line);
}

void basin_code_blank(formula_code *code) { basin_code_line(code, "%s", ""); }

const char *basin_code_say(formula_code *code, const char *format, ...) {
  va_list words;
  va_start(words, format);
  char *text = printed(code, format, words);
  va_end(words);
  if (code->keeps == code->keep_room) {
    const int room = 2 * code->keep_room + 256;
    char **grown = realloc(code->kept_texts, (size_t)room * sizeof *grown);
    if (!grown) {
      free(text);
      code->failed = 1;
      return "";
    }
    code->kept_texts = grown;
    code->keep_room = room;
  }
  if (!text) return "";
  code->kept_texts[code->keeps++] = text;
  return text;
}

int basin_code_begin(formula_code *code, const formula_model *model) {
  memset(code, 0, sizeof *code);
  code->model = model;
  code->used_size = calloc((size_t)model->sizes + 1, 1);
  code->used_parameter = calloc((size_t)model->parameters + 1, 1);
  code->used_state = calloc((size_t)model->states + 1, 1);
  code->used_teacher = calloc((size_t)model->teachers + 1, 1);
  code->used_input = calloc((size_t)model->inputs + 1, 1);
  code->used_constant = calloc((size_t)model->constants + 1, 1);
  code->used_gradient = calloc((size_t)model->states + 1, 1);
  code->used_kept = calloc((size_t)model->nodes + 1, 1);
  code->kept = calloc((size_t)model->nodes + 1, 1);
  return code->used_gradient && code->used_kept && code->kept && code->used_size &&
         code->used_parameter && code->used_state && code->used_teacher && code->used_input &&
         code->used_constant;
}

void basin_code_end(formula_code *code) {
  for (int i = 0; i < code->keeps; i++) free(code->kept_texts[i]);
  free(code->kept_texts);
  free(code->text.at);
  free(code->body.at);
  free(code->scratch.at);
  free(code->used_gradient);
  free(code->used_kept);
  free(code->kept);
  free(code->used_size);
  free(code->used_parameter);
  free(code->used_state);
  free(code->used_teacher);
  free(code->used_input);
  free(code->used_constant);
}

/* ---- functions ---- */

void basin_code_function(formula_code *code, const char *head) {
  const formula_model *model = code->model;
  code->head = (char *)basin_code_say(code, "%s", head);
  code->body.used = code->scratch.used = 0;
  code->inside = 1;
  code->indent = 1;
  code->used_work = code->used_loss = 0;
  memset(code->used_gradient, 0, (size_t)model->states);
  memset(code->used_kept, 0, (size_t)model->nodes);
  memset(code->used_size, 0, (size_t)model->sizes);
  memset(code->used_parameter, 0, (size_t)model->parameters);
  memset(code->used_state, 0, (size_t)model->states);
  memset(code->used_teacher, 0, (size_t)model->teachers);
  memset(code->used_input, 0, (size_t)model->inputs);
  memset(code->used_constant, 0, (size_t)model->constants);
}

const char *basin_code_offset(formula_code *code, const formula_array *array, int i) {
  int64_t known = 0;
  const char *rest = "";
  for (int j = 0; j < i; j++) {
    const int64_t count = basin_code_constant_count(code->model, &array[j].shape);
    if (count >= 0) known += count;
    else rest = basin_code_say(code, "%s + %s", rest, basin_code_count(code, &array[j].shape));
  }
  return known ? basin_code_say(code, "%s + %lld", rest, (long long)known) : rest;
}

const char *basin_code_kept_offset(formula_code *code, int node) {
  const formula_model *model = code->model;
  const char *offset = basin_code_offset(code, model->teacher, model->teachers);
  for (int i = 0; i < node; i++)
    if (code->kept[i])
      offset = basin_code_say(code, "%s + %s", offset,
                              basin_code_count(code, &model->node[i].shape));
  return offset;
}

static void declare_arrays(formula_code *code, const char *used, const formula_array *array,
                           int count, const char *prefix, const char *from) {
  for (int i = 0; i < count; i++)
    if (used[i])
      basin_code_line(code, "const real *%s%s = %s%s;", prefix, array[i].name, from,
                      basin_code_offset(code, array, i));
}

static void declare_known(formula_code *code) {
  const formula_model *model = code->model;
  for (int i = 0; i < model->states; i++)
    if (code->used_gradient[i])
      basin_code_line(code, "const real *g_%s = g%s;", model->state[i].name,
                      basin_code_offset(code, model->state, i));
  if (code->used_loss) basin_code_line(code, "const real *loss = g + %s;", code->vectors);
  for (int i = 0; i < model->nodes; i++)
    if (code->used_kept[i])
      basin_code_line(code, "const real *kept_%d = teacher%s;", i, basin_code_kept_offset(code, i));
}

const char *basin_code_function_end(formula_code *code) {
  const formula_model *model = code->model;
  const code_text body = code->body;
  code->body = (code_text){NULL, 0, 0};
  code->indent = 1;
  declare_arrays(code, code->used_state, model->state, model->states, "x_", "x");
  declare_arrays(code, code->used_teacher, model->teacher, model->teachers, "teacher_", "teacher");
  declare_arrays(code, code->used_input, model->input, model->inputs, "z_", "z");
  declare_known(code);
  for (int i = 0; i < model->constants; i++)
    if (code->used_constant[i])
      basin_code_line(code, "const double *c_%s = t.data + c->c_%s;", model->constant[i].name,
                      model->constant[i].name);
  for (int i = 0; i < model->parameters; i++)
    if (code->used_parameter[i])
      basin_code_line(code, "const real p_%s = r_set(c->p_%s);", model->parameter[i].name,
                      model->parameter[i].name);
  if (code->used_work) basin_code_line(code, "real *work = t.work;");
  const code_text head = code->body;
  code->body = (code_text){NULL, 0, 0};
  for (int i = 0; i < model->sizes; i++) /* the declarations above may have asked for sizes */
    if (code->used_size[i])
      basin_code_line(code, "const int %s = c->%s;", basin_code_size_name(code, i),
                      basin_code_size_name(code, i));
  code->inside = 0;
  code->indent = 0;
  basin_code_line(code, "%s {", code->head);
  if (code->body.used) append(code, &code->text, code->body.at, code->body.used);
  if (head.used) append(code, &code->text, head.at, head.used);
  if (body.used) append(code, &code->text, body.at, body.used);
  basin_code_line(code, "}");
  free(head.at);
  free(code->body.at);
  code->body = body;
  return code->scratch.used ? basin_code_say(code, "%s", code->scratch.at) : "0";
}

void basin_code_scratch(formula_code *code, const formula_shape *shape) {
  const char *term = code->scratch.used ? " + " : "";
  const int64_t known = basin_code_constant_count(code->model, shape);
  if (known >= 0) term = basin_code_say(code, "%s%lld", term, (long long)known);
  for (int i = 0; known < 0 && i < shape->rank; i++) {
    const formula_size *size = &code->model->size[shape->size[i]];
    const char *times = i ? " * " : "";
    if (size->constant)
      term = basin_code_say(code, "%s%s%lld", term, times, (long long)size->value);
    else
      term = basin_code_say(code, "%s%s(int64_t)c->%s", term, times,
                            basin_code_size_name(code, shape->size[i]));
  }
  append(code, &code->scratch, term, strlen(term));
}

/* ---- sizes and numbers ---- */

const char *basin_code_size_name(formula_code *code, int row) {
  const formula_model *model = code->model;
  const char *text = model->size[row].text;
  for (int i = 0; i < model->parameters; i++)
    if (!strcmp(text, basin_code_say(code, "P(%s)", model->parameter[i].name)))
      return basin_code_say(code, "n_%s", model->parameter[i].name);
  return basin_code_say(code, "size_%d", row);
}

const char *basin_code_size(formula_code *code, int row) {
  const formula_size *size = &code->model->size[row];
  if (size->constant) return basin_code_say(code, "%lld", (long long)size->value);
  code->used_size[row] = 1;
  return basin_code_size_name(code, row);
}

const char *basin_code_count(formula_code *code, const formula_shape *shape) {
  const int64_t count = basin_code_constant_count(code->model, shape);
  if (count >= 0) return basin_code_say(code, "%lld", (long long)count);
  if (shape->rank == 1) return basin_code_size(code, shape->size[0]);
  return basin_code_say(code, "%s * %s", basin_code_size(code, shape->size[0]),
                        basin_code_size(code, shape->size[1]));
}

int64_t basin_code_constant_count(const formula_model *model, const formula_shape *shape) {
  double count = 1;
  for (int i = 0; i < shape->rank; i++) {
    const formula_size *size = &model->size[shape->size[i]];
    if (!size->constant) return -1;
    count *= (double)size->value;
  }
  return count >= 0 && count < 0x1p31 ? (int64_t)count : -1;
}

const char *basin_code_number(formula_code *code, double number) {
  if (isnan(number)) return "(double)NAN";
  if (isinf(number)) return number < 0 ? "-(double)INFINITY" : "(double)INFINITY";
  const char *text = basin_code_say(code, "%s", basin_exact(number).text);
  return strpbrk(text, ".e") ? text : basin_code_say(code, "%s.0", text);
}

/* ---- operations ---- */

/* of single entries; $ stands for the operands, in their order */
static const char *const form[FORMULA_ENDS] = {
    [FORMULA_ADD] = "$ + $",
    [FORMULA_SUB] = "$ - $",
    [FORMULA_MUL] = "$ * $",
    [FORMULA_DIV] = "$ / $",
    [FORMULA_NEG] = "-$",
    [FORMULA_FMA] = "r_fma($, $, $)",
    [FORMULA_POW] = "r_pow($, $)",
    [FORMULA_SQRT] = "r_sqrt($)",
    [FORMULA_EXP] = "r_exp_total($)",
    [FORMULA_EXPM1] = "r_expm1($)",
    [FORMULA_LOG] = "r_log_total($)",
    [FORMULA_LOG1P] = "r_log1p($)",
    [FORMULA_SIN] = "r_sin($)",
    [FORMULA_COS] = "r_cos($)",
    [FORMULA_TAN] = "r_tan($)",
    [FORMULA_ATAN] = "r_atan_total($)",
    [FORMULA_ATAN2] = "r_atan2($, $)",
    [FORMULA_ACOS] = "r_acos($)",
    [FORMULA_ASIN] = "r_asin($)",
    [FORMULA_TANH] = "r_tanh($)",
    [FORMULA_ERF] = "r_erf_total($)",
    [FORMULA_LOGISTIC] = "r_logistic($)",
    [FORMULA_SOFTPLUS] = "r_softplus($)",
    [FORMULA_ABS] = "r_abs($)",
    [FORMULA_SIGN] = "own_sign($)",
    [FORMULA_STEP] = "own_step($)",
    [FORMULA_RELU] = "own_relu($)",
    [FORMULA_FLOOR] = "r_floor($)",
    [FORMULA_MAX2] = "own_max($, $)",
    [FORMULA_MIN2] = "own_min($, $)",
    [FORMULA_LT] = "r_lt($, $)",
    [FORMULA_LE] = "r_le($, $)",
    [FORMULA_EQ] = "own_eq($, $)",
    [FORMULA_AND] = "m_and($, $)",
    [FORMULA_OR] = "m_or($, $)",
    [FORMULA_NOT] = "m_not($)",
    [FORMULA_SELECT] = "r_select($, $, $)",
    /* of one entry */
    [FORMULA_SUM] = "$",
    [FORMULA_MAXIMUM] = "$",
    [FORMULA_MINIMUM] = "$",
};

int basin_code_operands(const formula_model *model, int node, int of[3], int *negative) {
  const formula_node *x = &model->node[node];
  int count = 0;
  *negative = 0;
  for (; count < 3 && x->of[count] >= 0; count++) of[count] = x->of[count];
  if (x->operation == FORMULA_FMA && model->node[of[0]].operation == FORMULA_NEG) {
    of[0] = model->node[of[0]].of[0];
    *negative = 1;
  }
  return count;
}

const char *basin_code_apply(formula_code *code, const formula_node *node,
                             const char *const of[3]) {
  const char *from = form[node->operation], *to = "";
  const int negative = node->operation == FORMULA_FMA &&
                       code->model->node[node->of[0]].operation == FORMULA_NEG;
  if (negative) from = "r_fnma($, $, $)";
  if (!from) return NULL;
  for (int i = 0; *from; i++) {
    const int words = (int)strcspn(from, "$");
    to = basin_code_say(code, "%s%.*s%s", to, words, from, from[words] ? of[i] : "");
    from += words + (from[words] != 0);
  }
  return to;
}

int basin_code_is_leaf(const formula_node *node) {
  return node->operation == FORMULA_STATE || node->operation == FORMULA_TEACHER ||
         node->operation == FORMULA_INPUT || node->operation == FORMULA_CONSTANT ||
         node->operation == FORMULA_NUMBER || node->operation == FORMULA_PARAMETER ||
         node->operation == FORMULA_SIZE;
}

const char *basin_code_leaf(formula_code *code, const formula_node *node, const char *index) {
  const formula_model *model = code->model;
  const int i = node->index;
  switch (node->operation) {
  case FORMULA_STATE:
    code->used_state[i] = 1;
    return basin_code_say(code, "x_%s[%s]", model->state[i].name, index);
  case FORMULA_TEACHER:
    code->used_teacher[i] = 1;
    return basin_code_say(code, "teacher_%s[%s]", model->teacher[i].name, index);
  case FORMULA_INPUT:
    code->used_input[i] = 1;
    return basin_code_say(code, "z_%s[%s]", model->input[i].name, index);
  case FORMULA_CONSTANT:
    code->used_constant[i] = 1;
    return basin_code_say(code, "r_set(c_%s[%s])", model->constant[i].name, index);
  case FORMULA_PARAMETER:
    code->used_parameter[i] = 1;
    return basin_code_say(code, "p_%s", model->parameter[i].name);
  case FORMULA_SIZE:
    return basin_code_say(code, "r_set((double)%s)", basin_code_size(code, i));
  default:
    return basin_code_say(code, "r_set(%s)", basin_code_number(code, node->number));
  }
}

/* ---- blocks ---- */

code_block *basin_code_block_new(formula_code *code) {
  const size_t nodes = (size_t)code->model->nodes + 1;
  code_block *block = calloc(1, sizeof *block);
  if (block) {
    block->code = code;
    block->part = calloc(nodes, 1);
    block->kind = calloc(nodes, 1);
    block->flat = calloc(nodes, 1);
    block->root = calloc(nodes, 1);
    block->live = calloc(nodes, sizeof *block->live);
    block->store = calloc(nodes, 1);
    block->known = calloc(nodes, sizeof *block->known);
    block->to = calloc(nodes, sizeof *block->to);
    block->stage = calloc(nodes, sizeof *block->stage);
  }
  if (!block || !block->root || !block->live || !block->part || !block->kind || !block->flat ||
      !block->store || !block->known || !block->to || !block->stage) {
    code->failed = 1;
    basin_code_block_free(block);
    return NULL;
  }
  return block;
}

void basin_code_block_free(code_block *block) {
  if (!block) return;
  free(block->part);
  free(block->kind);
  free(block->flat);
  free(block->root);
  for (int i = 0; block->live && i < block->code->model->nodes; i++) free(block->live[i]);
  free(block->live);
  free(block->store);
  free(block->known);
  free(block->to);
  free(block->stage);
  free(block);
}

void basin_code_need(code_block *block, int node, int part) {
  const formula_model *model = block->code->model;
  if (!model->node[node].shape.rank) block->root[node] = 1;
  if (block->part[node]) return;
  block->part[node] = (char)(1 + part);
  for (int i = node; i >= 0; i--) { /* operands are earlier nodes */
    int of[3], negative;
    if (block->part[i] != 1 + part || block->known[i]) continue;
    const int count = basin_code_operands(model, i, of, &negative);
    for (int j = 0; j < count; j++)
      if (!block->part[of[j]]) block->part[of[j]] = (char)(1 + part);
  }
}

void basin_code_compute(code_block *block, int part) {
  if (block->code->unrolled) basin_code_compute_unrolled(block, part);
  else basin_code_compute_loops(block, part);
}

const char *basin_code_known(code_block *block, int node) {
  formula_code *code = block->code;
  const int known = block->known[node];
  if (known == CODE_LOSS) {
    code->used_loss = 1;
    return "loss";
  }
  if (known == CODE_KEPT) {
    code->used_kept[node] = 1;
    return basin_code_say(code, "kept_%d", node);
  }
  code->used_gradient[known - CODE_GRADIENT] = 1;
  return basin_code_say(code, "g_%s", code->model->state[known - CODE_GRADIENT].name);
}

const char *basin_code_scalar(code_block *block, int node) {
  formula_code *code = block->code;
  const formula_node *x = &code->model->node[node];
  if (block->known[node]) return basin_code_say(code, "%s[0]", basin_code_known(block, node));
  if (basin_code_is_leaf(x)) return basin_code_leaf(code, x, "0");
  return code->unrolled ? basin_code_unrolled_entry(block, node, 0)
                        : basin_code_say(code, "v%d", node);
}

double basin_code_weight(const code_block *block, int part) {
  const formula_model *model = block->code->model;
  double weight = 0;
  for (int i = 0; i < model->nodes; i++) {
    const formula_node *x = &model->node[i];
    double each = 1, count = (double)basin_code_constant_count(model, &x->shape);
    if (block->part[i] != 1 + part || block->known[i]) continue;
    if (basin_code_is_leaf(x) || x->operation == FORMULA_TRANSPOSE ||
        x->operation == FORMULA_SLICE || x->operation == FORMULA_PLACE ||
        x->operation == FORMULA_FILL)
      each = 0;
    if (x->operation == FORMULA_DIV || x->operation == FORMULA_SQRT) each = 8;
    if (x->operation >= FORMULA_EXP && x->operation <= FORMULA_SOFTPLUS) each = 30;
    if (x->operation >= FORMULA_SUM && x->operation <= FORMULA_MINIMUM)
      each = (double)basin_code_constant_count(model, &model->node[x->of[0]].shape);
    if (x->operation == FORMULA_DOT) {
      const formula_shape *right = &model->node[x->of[1]].shape;
      each = model->size[right->size[0]].constant ? (double)model->size[right->size[0]].value : -1;
    }
    if (count < 0 || each < 0 || each > CODE_TERMS_MAX) return INFINITY;
    weight += each * count;
  }
  return weight;
}
