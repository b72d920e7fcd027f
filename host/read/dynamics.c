/* SPDX-License-Identifier: MIT
 *
 * dynamics.c: what a step does, in tables of forms: a key is a word, or a mapping of one word to its own keys.
 *
 *   gradient: population, or, of a model whose own inputs are not normal, {population: {law: normal}}
 *   gradient: {sampled: {inputs: B, sampler: direct or projected, precision: double or mixed}}
 *   gradient: {sampled: {inputs: {fixed: n, batch: B, set: s}}}
 *                             {file: PATH, variable: NAME, size: m, stride: s, images: n, batch: B}
 *                             {strokes: n, size: m, stride: s, set: s, batch: B}: see images.c
 *                                                and law: WORD, or {student: {degrees: nu}}, behind either `inputs`
 *   method: gradient_descent, gradient_flow, or {gradient_flow: {error: 1e-9}}
 *   method: NAME, or {NAME: {option: value}}, or {NAME: value} of one option: any other dynamics that the header has,
 *                                         or a method of seam/method.h where the chosen gradient takes it
 *   noise: {gradient: sigma}              where the chosen gradient and method take it
 *   on_divergence: stop, or halve
 *
 * Infinitely many inputs are the population.
 */
#include "read/dynamics.h"
#include "base/text.h"
#include "read/images.h"
#include <stdio.h>
#include <string.h>

typedef struct reading {
  basin_scope *scope;
  basin_setting *setting;
  basin_place place; /* of the key's value */
  basin_error *error;
} reading;

/* One way to write a key. */
typedef struct form {
  const char *word;
  int alone;          /* whether the word may stand alone */
  const char *key[4]; /* of the mapping that may stand behind it; none: it has none */
  basin_status (*read)(reading *r, const basin_node *body); /* body: that mapping, or NULL */
} form;

enum { KEYS_MAX = sizeof((form *)NULL)->key / sizeof(char *), FORMS_MAX = 8 };
#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

static int keys_of(const form *f) {
  int keys = 0;
  while (keys < KEYS_MAX && f->key[keys]) keys++;
  return keys;
}

/* reads a key in whichever form it is written; `expected` tells of all of them */
static basin_status read_form(basin_scope *scope, basin_setting *setting, const basin_node *node,
                              const char *what, const char *expected, const form *f, int forms,
                              basin_error *error) {
  reading r = {scope, setting, {0}, error};
  const char *word[FORMS_MAX] = {NULL};
  char name[64];
  int words = 0;
  if (!node) return BASIN_OK;
  r.place = node->place;
  for (int i = 0; i < forms && node->kind == BASIN_SCALAR; i++)
    if (f[i].alone && !strcmp(node->text, f[i].word)) return f[i].read(&r, NULL);
  for (int i = 0; i < forms; i++)
    if (node->kind == BASIN_SCALAR ? f[i].alone : keys_of(&f[i])) word[words++] = f[i].word;
  const char *near = node->kind == BASIN_SCALAR ? basin_nearest(node->text, word, words) : NULL;
  if (near)
    return basin_fail_at(error, node->place, "%s: unknown word `%s`, did you mean `%s`?", what,
                         node->text, near);
  if (node->kind != BASIN_MAPPING || !words)
    return basin_fail_at(error, node->place, "%s: expected %s", what, expected);
  for (int i = 0; i < forms; i++) /* a word that stands alone, and does not here */
    if (!keys_of(&f[i]) && basin_node_get(node, f[i].word))
      return basin_fail_at(error, node->place, "%s: expected %s", what, expected);
  basin_status status = basin_scope_keys(scope, node, word, words, what, error);
  if (status) return status;
  if (node->count != 1) return basin_fail_at(error, node->place, "%s: expected %s", what, expected);
  while (strcmp(node->key[0], f->word) != 0) f++;
  snprintf(name, sizeof name, "%s.%s", what, f->word);
  status = basin_scope_keys(scope, node->child[0], f->key, keys_of(f), name, error);
  return status ? status : f->read(&r, node->child[0]);
}

/* ---- gradient ---- */

static const basin_keyed keyed[] = {
    {"population", "gradient", "population", NULL, NULL, 0},
    {"direct", "gradient", "sampled direct", "direct", "double", 1},
    {"mixed", "gradient", "sampled direct with precision mixed", "direct", "mixed", 1},
    {"law", "gradient", "sampled direct of another law", NULL, NULL, 1},
    {"projected", "gradient", "sampled projected", "projected", "double", 1},
    {"dataset", "gradient", "fixed data set", NULL, NULL, 1},
    {"training", "gradient", "of the loss of all data, or of data.batch of them", NULL, NULL, 0},
    {"flow", "method", "gradient_flow", NULL, NULL, 0},
    {"noise", "noise", "{gradient: sigma}", NULL, NULL, 0},
};

const basin_keyed *basin_keyed_find(const char *kind) {
  for (int i = 0; i < LENGTH(keyed); i++)
    if (!strcmp(kind, keyed[i].kind)) return &keyed[i];
  return NULL;
}

static int has(const basin_model *model, const char *dynamics) {
  return basin_dynamics_find(model, dynamics) != NULL;
}

/* ---- the law of the inputs ---- */

static const char *const law_word[] = {
#define BASIN_INPUT_LAW(NAME, word, degrees) word,
    BASIN_LAW_TABLE(BASIN_INPUT_LAW)
#undef BASIN_INPUT_LAW
};
static const int law_degrees[] = {
#define BASIN_INPUT_LAW(NAME, word, degrees) degrees,
    BASIN_LAW_TABLE(BASIN_INPUT_LAW)
#undef BASIN_INPUT_LAW
};

static basin_status read_degrees(basin_scope *scope, const basin_node *body, double *degrees,
                                 basin_error *error) {
  static const char *const key[] = {"degrees"};
  const char *what = "law.student.degrees";
  basin_status status = basin_scope_keys(scope, body, key, 1, "law.student", error);
  const basin_node *node = basin_node_get(body, "degrees");
  if (!status && !node)
    return basin_fail_at(error, body->place, "%s is missing: degrees of freedom", what);
  if (!status)
    status = basin_scope_number(scope, node, what, BASIN_DEGREES_MIN, BASIN_DEGREES_MAX, degrees,
                                error);
  if (status || *degrees > BASIN_DEGREES_MIN) return status;
  return basin_fail_at(error, node->place, "%s is %g: the variance is infinite, expected more",
                       what, *degrees);
}

basin_status basin_law_read(basin_scope *scope, const basin_node *node, basin_input_law *law,
                            basin_error *error) {
  enum { LAWS = sizeof law_word / sizeof *law_word };
  const int mapping = node->kind == BASIN_MAPPING && node->count == 1;
  const char *word = mapping ? node->key[0] : node->kind == BASIN_SCALAR ? node->text : "";
  int at = 0;
  while (at < LAWS && strcmp(word, law_word[at]) != 0) at++;
  if (at == LAWS || law_degrees[at] != mapping) {
    const char *near = at < LAWS || !*word ? NULL : basin_nearest(word, law_word, LAWS);
    if (near)
      return basin_fail_at(error, node->place, "law: unknown law `%s`, did you mean `%s`?", word,
                           near);
    return basin_fail_at(error, node->place,
                         "law: expected `normal`, `uniform`, `rademacher`, `sphere`, `laplace` or "
                         "{student: {degrees: nu}}");
  }
  law->kind = at + 1;
  return mapping ? read_degrees(scope, node->child[0], &law->degrees, error) : BASIN_OK;
}

/* the same; normal inputs are the model's own, unless that has a law of its own */
static basin_status read_law(reading *r, const basin_node *node, basin_input_law *law) {
  const basin_status status = basin_law_read(r->scope, node, law, r->error);
  if (law->kind == BASIN_LAW_NORMAL && !r->scope->model->own_law) law->kind = BASIN_LAW_OWN;
  return status;
}

/* a data set of images */
static basin_status read_images(reading *r, const basin_node *inputs) {
  if (!has(r->scope->model, "dataset"))
    return basin_fail_at(r->error, inputs->place, "model %s has no fixed data sets",
                         r->scope->model->name);
  return basin_images_read(r->scope, inputs, &r->setting->gradient, r->error);
}

/* The law, behind all else that is said of the inputs: whether it goes with that. */
static basin_status find_law(reading *r, const basin_node *node) {
  basin_gradient *g = &r->setting->gradient;
  const char *kind = g->dynamics,
             *own = r->scope->model->own_law ? r->scope->model->own_law : "normal inputs";
  basin_status status = node ? read_law(r, node, &g->law) : BASIN_OK;
  if (status || basin_inputs_are_own(g) || !strcmp(kind, "dataset")) return status;
  if (!strcmp(kind, "population") && basin_law_is_closed(g)) return BASIN_OK;
  if (!strcmp(kind, "direct")) {
    g->dynamics = "law";
    return has(r->scope->model, "law")
               ? BASIN_OK
               : basin_fail_at(r->error, node->place, "law: model %s has %s alone",
                               r->scope->model->name, own);
  }
  return basin_fail_at(
      r->error, node->place,
      !strcmp(kind, "population")
          ? "law: the population's gradient is a closed form, of %s alone: give a number of inputs"
      : !strcmp(kind, "projected")
          ? "law: sampler projected has the law of the gradient for %s alone: give sampler direct"
          : "law: precision mixed draws %s alone: leave it out",
      own);
}

/* body: {law: WORD}, or NULL */
static basin_status read_population(reading *r, const basin_node *body) {
  if (!has(r->scope->model, "population"))
    return basin_fail_at(r->error, r->place, "model %s has no population gradient",
                         r->scope->model->name);
  r->setting->gradient.dynamics = "population";
  return find_law(r, basin_node_get(body, "law"));
}

/* {fixed: n, batch: B, set: s}; n = inf is the population, B = inf all n inputs */
static basin_status read_fixed(reading *r, const basin_node *inputs) {
  static const char *const key[] = {"fixed", "batch", "set"};
  basin_gradient *g = &r->setting->gradient;
  basin_scope *scope = r->scope;
  basin_status status = basin_scope_keys(scope, inputs, key, LENGTH(key), "gradient.sampled.inputs",
                                         r->error);
  const basin_node *fixed = basin_node_get(inputs, "fixed"),
                   *batch = basin_node_get(inputs, "batch"), *set = basin_node_get(inputs, "set");
  if (status) return status;
  if (!fixed)
    return basin_fail_at(r->error, inputs->place,
                         "gradient.sampled.inputs.fixed is missing: the size of the data set");
  if (!has(scope->model, "dataset"))
    return basin_fail_at(r->error, fixed->place, "model %s has no fixed data sets",
                         scope->model->name);
  if (set)
    status = basin_scope_integer(scope, set, "gradient.sampled.inputs.set", 0, BASIN_TRIALS_MAX - 1,
                                 &g->set, r->error);
  const int whole = !batch || basin_scope_infinite(scope, batch);
  if (status) return status;
  if (basin_scope_infinite(scope, fixed))
    return whole ? read_population(r, NULL)
                 : basin_fail_at(r->error, batch->place,
                                 "gradient.sampled.inputs.batch: a mini-batch of infinitely many "
                                 "inputs is `inputs: B` with a sampler");
  status = basin_scope_integer(scope, fixed, "gradient.sampled.inputs.fixed", 1, BASIN_DATA_SET_MAX,
                               &g->set_size, r->error);
  if (!status && !whole)
    status = basin_scope_integer(scope, batch, "gradient.sampled.inputs.batch", 1, g->set_size,
                                 &g->batch, r->error);
  g->inputs = g->batch ? g->batch : g->set_size;
  g->dynamics = "dataset";
  return status;
}

static const char *text_of(const basin_node *node, const char *otherwise) {
  return !node ? otherwise : node->kind == BASIN_SCALAR ? node->text : "";
}

/* the dynamics of a sampler and a precision */
static basin_status find_fresh(reading *r, const basin_node *sampled, const char **found) {
  const basin_node *sampler = basin_node_get(sampled, "sampler"),
                   *precision = basin_node_get(sampled, "precision");
  const basin_model *model = r->scope->model;
  const char *how = text_of(sampler, has(model, "projected") ? "" : "direct"),
             *with = text_of(precision, "double");
  int samplers = 0, precisions = 0, row = -1;
  for (int i = 0; i < LENGTH(keyed); i++) {
    if (!keyed[i].sampler) continue;
    const int same_sampler = !strcmp(how, keyed[i].sampler),
              same_precision = !strcmp(with, keyed[i].precision);
    samplers += same_sampler;
    precisions += same_precision;
    if (same_sampler && same_precision) row = i;
  }
  if (!samplers)
    return basin_fail_at(r->error, sampler ? sampler->place : sampled->place,
                         "gradient.sampled.sampler: expected `direct` or `projected`");
  if (!precisions)
    return basin_fail_at(r->error, precision->place,
                         "gradient.sampled.precision: expected `double` or `mixed`");
  if (row < 0 || (precision && strcmp(with, "double") != 0 && !has(model, keyed[row].kind)))
    return basin_fail_at(r->error, precision ? precision->place : sampled->place,
                         "gradient.sampled.precision: %s goes with sampler direct, of models that "
                         "have it (see basin models)",
                         with);
  if (!has(model, keyed[row].kind))
    return basin_fail_at(r->error, r->place, "model %s has no gradient sampled so", model->name);
  *found = keyed[row].kind;
  return BASIN_OK;
}

static basin_status read_sampled(reading *r, const basin_node *sampled) {
  basin_gradient *g = &r->setting->gradient;
  const basin_node *inputs = basin_node_get(sampled, "inputs");
  if (!inputs)
    return basin_fail_at(r->error, sampled->place,
                         "gradient.sampled.inputs is missing: how many a step");
  if (inputs->kind == BASIN_MAPPING) {
    static const char *const of_fresh[] = {"precision", "sampler"};
    for (int i = 0; i < LENGTH(of_fresh); i++) {
      const basin_node *extra = basin_node_get(sampled, of_fresh[i]);
      if (extra)
        return basin_fail_at(r->error, extra->place,
                             "gradient.sampled.%s goes with fresh inputs, not with a fixed data "
                             "set: leave it out",
                             of_fresh[i]);
    }
    const basin_node *law = basin_node_get(sampled, "law");
    const int images = basin_images_are_meant(inputs);
    if (images && law)
      return basin_fail_at(r->error, law->place,
                           "law: the inputs are patches of images, not drawn: leave it out");
    const basin_status status = images ? read_images(r, inputs) : read_fixed(r, inputs);
    return status || images ? status : find_law(r, law);
  }
  const char *dynamics = NULL;
  basin_status status = find_fresh(r, sampled, &dynamics);
  if (status) return status;
  g->dynamics = dynamics;
  if (basin_scope_infinite(r->scope, inputs)) status = read_population(r, NULL);
  else
    status = basin_scope_integer(r->scope, inputs, "gradient.sampled.inputs", 1, BASIN_VECTOR_MAX,
                                 &g->inputs, r->error);
  return status ? status : find_law(r, basin_node_get(sampled, "law"));
}

static const form gradients[] = {
    {"population", 1, {"law"}, read_population},
    {"sampled", 0, {"inputs", "sampler", "precision", "law"}, read_sampled},
};

/* stationary points: the rule asks for the gradient of the whole risk; saddle points: for a model with them */
static basin_status check_stop(const basin_model *model, const basin_node *stop,
                               const basin_node *gradient, const basin_setting *setting,
                               basin_error *error) {
  const basin_node *inputs = basin_node_get(basin_node_get(gradient, "sampled"), "inputs");
  const int fixed = inputs && inputs->kind == BASIN_MAPPING; /* of infinitely many inputs, too */
  if (!(setting->stop.tolerance_gradient > 0) || (fixed && !setting->gradient.batch))
    return BASIN_OK;
  if (!fixed && model->at_gradient) return BASIN_OK;
  if (!fixed && model->outcomes & BASIN_CAN(BASIN_SADDLE)) {
    if (setting->stop.tolerance > 0) return BASIN_OK;
    return basin_fail_at(error, basin_node_get(stop, "at_gradient")->place,
                         "stop.at_gradient: of model %s it goes with stop.at, which is missing",
                         model->name);
  }
  return basin_fail_at(error, basin_node_get(stop, "at_gradient")->place,
                       "stop.at_gradient goes with a fixed data set, all of it at every step");
}

/* ---- method ---- */

/* of the gradient that is chosen: the population's, where it is none of those that the key can choose */
static basin_status read_descent(reading *r, const basin_node *body) {
  const basin_keyed *chosen = basin_keyed_find(r->setting->gradient.dynamics);
  return chosen && !strcmp(chosen->key, "gradient") ? BASIN_OK : read_population(r, body);
}

static const double error_default = 1e-9, error_least = 1e-14, error_most = 1e-2;

static basin_status read_flow(reading *r, const basin_node *body) {
  const basin_model *model = r->scope->model;
  const basin_node *wrong = basin_node_get(body, "error");
  basin_gradient *g = &r->setting->gradient;
  if (!has(model, "flow"))
    return basin_fail_at(r->error, r->place, "model %s has no gradient flow", model->name);
  if (g->inputs)
    return basin_fail_at(r->error, r->place,
                         "gradient flow follows the expectation, not a sampled gradient");
  g->dynamics = "flow";
  g->error = error_default;
  return wrong ? basin_scope_number(r->scope, wrong, "method.gradient_flow.error", error_least,
                                    error_most, &g->error, r->error)
               : BASIN_OK;
}

/* the options of a method, among all that there are */
static basin_status read_options(basin_scope *scope, const basin_node *body, const char *what,
                                 const basin_symbol *all, int count, const char *of,
                                 basin_gradient *g, basin_error *error) {
  const char *name[BASIN_OPTIONS_MAX] = {NULL};
  char full[128];
  int options = 0;
  basin_status status = BASIN_OK;
  for (int i = 0; i < count && options < BASIN_OPTIONS_MAX; i++)
    if (!strcmp(all[i].of, of)) name[options++] = all[i].name;
  const int alone = body && body->kind == BASIN_SCALAR &&
                    options == 1; /* the number of the only one */
  if (body && !alone) status = basin_scope_keys(scope, body, name, options, what, error);
  for (int i = 0, n = 0; i < count && n < options && !status; i++) {
    const basin_symbol *option = &all[i];
    if (strcmp(option->of, of) != 0) continue;
    const basin_node *node = alone ? body : basin_node_get(body, option->name);
    snprintf(full, sizeof full, "%s.%s", what, option->name);
    g->option[n] = option->initial;
    if (node)
      status = basin_scope_number(scope, node, full, option->minimum, option->maximum,
                                  &g->option[n], error);
    n++;
  }
  return status;
}

static const char *const method_word[] = {
#define METHOD_WORD(NAME, word, vectors, numbers) #word,
    BASIN_METHOD_TABLE(METHOD_WORD)
#undef METHOD_WORD
};
static const basin_symbol method_option[] = {
#define METHOD_OPTION(of_, name_, initial_, minimum_, maximum_, meaning_) \
  {.name = #name_,                                                        \
   .meaning = meaning_,                                                   \
   .of = #of_,                                                            \
   .initial = (initial_),                                                 \
   .minimum = (minimum_),                                                 \
   .maximum = (maximum_)},
    BASIN_METHOD_OPTIONS(METHOD_OPTION)
#undef METHOD_OPTION
};

const basin_symbol *basin_method_options(int *count) {
  *count = LENGTH(method_option);
  return method_option;
}
const char *basin_method_name(int method) { return method_word[method]; }

/* what the model has where the chosen gradient takes no method and no noise */
static basin_status refuse_method(const basin_scope *scope, basin_place place, const char *what,
                                  const basin_gradient *g, basin_error *error) {
  const basin_model *model = scope->model;
  const char *instead =
      basin_kind_is_of(model->methods, "direct")
          ? "give gradient: {sampled: {inputs: B, sampler: direct}}, whose steps move full vectors"
      : *model->methods
          ? "it goes with the gradient of the population and no other method"
          : "write the loss as a formula (data/experiments/own-model.md), which takes every method";
  const basin_keyed *chosen = basin_keyed_find(g->dynamics);
  return basin_fail_at(error, place, "%s does not go with model %s and %s %s: %s", what,
                       model->name, chosen ? chosen->key : "method",
                       chosen ? chosen->words : g->dynamics, instead);
}

/* the method is read (*own), or left to the others: dynamics of the model's own, or a method that the gradient takes */
static basin_status read_own(basin_scope *scope, const basin_node *node, int *own,
                             basin_setting *setting, basin_error *error) {
  const basin_model *model = scope->model;
  basin_gradient *g = &setting->gradient;
  const int mapping = node && node->kind == BASIN_MAPPING && node->count == 1;
  const char *word = mapping ? node->key[0] : node && node->kind == BASIN_SCALAR ? node->text : "";
  const basin_dynamics *kind = basin_keyed_find(word) ? NULL : basin_dynamics_find(model, word);
  const basin_node *body = mapping ? node->child[0] : NULL;
  int method = 1;
  char what[64];
  while (method < LENGTH(method_word) && strcmp(word, method_word[method]) != 0) method++;
  const int known = method < LENGTH(method_word);
  *own = kind != NULL || known;
  snprintf(what, sizeof what, "method.%s", word);
  if (kind && g->inputs)
    return basin_fail_at(error, node->place, "method %s does not go with a sampled gradient", word);
  if (kind) {
    g->dynamics = kind->name;
    return read_options(scope, body, what, model->option, model->options, kind->name, g, error);
  }
  if (!known) return BASIN_OK;
  snprintf(what, sizeof what, "method %s", word);
  if (!basin_kind_is_of(model->methods, g->dynamics))
    return refuse_method(scope, node->place, what, g, error);
  g->method = method;
  what[6] = '.';
  return read_options(scope, body, what, method_option, LENGTH(method_option), word, g, error);
}

/* what a method can be, in words */
static void tell_methods(const basin_model *model, char *text, size_t size) {
  int used = snprintf(text, size, "`gradient_descent` or `gradient_flow`");
  for (int i = 0; i < model->kinds && used < (int)size; i++)
    if (!basin_keyed_find(model->kind[i].name))
      used += snprintf(text + used, size - (size_t)used, ", or `%s`", model->kind[i].name);
  for (int i = 1; i < LENGTH(method_word) && *model->methods && used < (int)size; i++)
    used += snprintf(text + used, size - (size_t)used, ", or `%s`", method_word[i]);
}

/* noise: {gradient: sigma}, behind the method */
static basin_status read_noise(basin_scope *scope, const basin_node *node, basin_setting *setting,
                               basin_error *error) {
  static const char *const key[] = {"gradient"};
  const basin_model *model = scope->model;
  basin_gradient *g = &setting->gradient;
  if (!node) return BASIN_OK;
  if (node->kind != BASIN_MAPPING)
    return basin_fail_at(error, node->place, "noise: expected {gradient: sigma}");
  const basin_node *sigma = basin_node_get(node, "gradient");
  basin_status status = basin_scope_keys(scope, node, key, 1, "noise", error);
  if (!status && !sigma)
    return basin_fail_at(error, node->place, "noise.gradient is missing: the noise's deviation");
  if (!status)
    status = basin_scope_number(scope, sigma, "noise.gradient", 0, 1e300, &g->noise, error);
  if (status || !(g->noise > 0)) return status;
  if (g->method == BASIN_LANGEVIN || !strcmp(g->dynamics, method_word[BASIN_LANGEVIN]))
    return basin_fail_at(error, node->place,
                         "noise.gradient does not go with langevin, which has noise of its own: "
                         "leave one of them out");
  if (!strcmp(g->dynamics, "flow"))
    return basin_fail_at(error, node->place,
                         "noise.gradient does not go with gradient flow: method {langevin: T} has "
                         "steps that approximate a flow with noise");
  if (basin_kind_is_of(model->methods, g->dynamics) || basin_kind_is_of(model->noisy, g->dynamics))
    return BASIN_OK;
  if (strcmp(g->dynamics, "population") != 0 || !has(model, "noise"))
    return refuse_method(scope, node->place, "noise.gradient", g, error);
  g->dynamics = "noise";
  return BASIN_OK;
}

static const form methods[] = {
    {"gradient_descent", 1, {NULL}, read_descent},
    {"gradient_flow", 1, {"error"}, read_flow},
};

/* ---- on_divergence ---- */

static basin_status read_stop(reading *r, const basin_node *body) {
  (void)body;
  r->setting->halve = 0;
  return BASIN_OK;
}

static basin_status read_halve(reading *r, const basin_node *body) {
  (void)body;
  r->setting->halve = 1;
  return BASIN_OK;
}

static const form divergences[] = {
    {"stop", 1, {NULL}, read_stop},
    {"halve", 1, {NULL}, read_halve},
};

/* The model's first kind, where no key says another: with its defaults. */
static basin_status read_default(basin_scope *scope, basin_place place, basin_setting *setting,
                                 basin_error *error) {
  basin_gradient *g = &setting->gradient;
  const basin_keyed *chosen = basin_keyed_find(g->dynamics);
  if (!chosen)
    return read_options(scope, NULL, "method", scope->model->option, scope->model->options,
                        g->dynamics, g, error);
  if (!strcmp(g->dynamics, "flow") && !(g->error > 0)) g->error = error_default;
  if (!chosen->needs_inputs) return BASIN_OK;
  return basin_fail_at(
      error, place, "gradient is missing: model %s has sampled gradients alone (see basin models)",
      scope->model->name);
}

basin_status basin_dynamics_read(basin_scope *scope, const basin_dynamics_keys *keys,
                                 basin_place place, const basin_node *stop, basin_setting *setting,
                                 basin_error *error) {
  setting->gradient.dynamics = scope->model->kind[0].name;
  if (keys->gradient && !strcmp(scope->model->kind[0].name, "training"))
    return basin_fail_at(
        error, keys->gradient->place,
        "gradient: a network follows the gradient of its loss, of all data or of a "
        "mini-batch: leave it out, or give data.batch");
  basin_status status = read_form(scope, setting, keys->gradient, "gradient",
                                  "`population`, or {sampled: {inputs: B, sampler: direct}}, or "
                                  "{sampled: {inputs: {fixed: n}}}",
                                  gradients, LENGTH(gradients), error);
  if (!status) status = check_stop(scope->model, stop, keys->gradient, setting, error);
  char expected[512];
  int own = 0;
  tell_methods(scope->model, expected, sizeof expected);
  if (!status) status = read_own(scope, keys->method, &own, setting, error);
  if (!status && !own)
    status = read_form(scope, setting, keys->method, "method", expected, methods, LENGTH(methods),
                       error);
  if (!status && !own && !keys->gradient) status = read_default(scope, place, setting, error);
  if (!status) status = read_noise(scope, keys->noise, setting, error);
  if (!status)
    status = read_form(scope, setting, keys->on_divergence, "on_divergence", "`stop` or `halve`",
                       divergences, LENGTH(divergences), error);
  return status;
}
