/* SPDX-License-Identifier: MIT
 *
 * experiment.c: the experiment file's own keys, and its grid.
 */
#include "experiment.h"
#include "expression.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 16 << 20 };
static const double VECTOR_BYTES_MAX = 2147483648.0; /* of all cells together */

/* one axis of the grid: parameters that vary together */
typedef struct grid_group {
  int first, count; /* axes */
  int length;       /* values of each */
} grid_group;

typedef struct reader {
  basin_experiment *experiment;
  const basin_node *file;
  basin_error *error;
  grid_group group[BASIN_AXES_MAX];
  int groups;
  double *value[BASIN_AXES_MAX]; /* [length of the axis's group] */
  char used[BASIN_AXES_MAX];
  double vector_bytes;
} reader;

static const char *const file_keys[] = {
    "title",    "model",  "trials",   "seed",     "grid",     "parameters",    "define",
    "teacher",  "init",   "schedule", "gradient", "method",   "on_divergence", "stop",
    "variants", "record", "until",    "allow",    "same_draw"};
static const char *const variant_keys[] = {"model",         "parameters", "define",   "teacher",
                                           "init",          "schedule",   "gradient", "method",
                                           "on_divergence", "stop"};
#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

/* ---- single values that belong to no cell ---- */

static basin_status read_number(reader *r, const basin_node *node, const char *what, double minimum,
                                double maximum, double *value) {
  basin_scope scope = {.experiment = r->experiment, .used = r->used};
  const basin_status status = basin_scope_value(&scope, node, what, value, r->error);
  if (status) return status;
  if (!(*value >= minimum && *value <= maximum))
    return basin_fail_at(r->error, node->place, "%s is %g, expected a number from %g to %g", what,
                         *value, minimum, maximum);
  return BASIN_OK;
}

static basin_status read_count(reader *r, const char *key, int64_t minimum, int64_t maximum,
                               int64_t *value) {
  const basin_node *node = basin_node_get(r->file, key);
  basin_scope scope = {.experiment = r->experiment, .used = r->used};
  return node ? basin_scope_integer(&scope, node, key, minimum, maximum, value, r->error)
              : BASIN_OK;
}

static basin_status read_text(reader *r, const char *key, char **value) {
  const basin_node *node = basin_node_get(r->file, key);
  if (node && (node->kind != BASIN_SCALAR || !*node->text))
    return basin_fail_at(r->error, node->place, "%s: expected text", key);
  *value = strdup(node ? node->text : r->experiment->name);
  return *value ? BASIN_OK : basin_fail_memory(r->error);
}

/* decimal or 0x..., and nothing that strtoull would read in another way: neither 010 nor a blank or a sign */
static int is_seed(const char *text) {
  static const char decimal[] = "0123456789", hexadecimal[] = "0123456789abcdefABCDEF";
  const int hex = text[0] == '0' && text[1] == 'x';
  const char *digits = text + 2 * hex;
  if (!*digits || digits[strspn(digits, hex ? hexadecimal : decimal)]) return 0;
  return hex || text[0] != '0' || !text[1];
}

static basin_status read_seed(reader *r) {
  const basin_node *node = basin_node_get(r->file, "seed");
  if (!node) return BASIN_OK;
  errno = 0;
  if (node->kind == BASIN_SCALAR && is_seed(node->text))
    r->experiment->seed = strtoull(node->text, NULL, 0);
  else errno = EINVAL;
  if (errno)
    return basin_fail_at(r->error, node->place,
                         "seed: expected a whole number from 0 to 18446744073709551615, without "
                         "leading zeros, blanks or a sign");
  return BASIN_OK;
}

/* ---- grid ---- */

/* whether the output file has a variable of that name */
static int is_taken(const char *name) {
  static const char *const fixed[] = {"cell",           "trial",    "recorded",   "time", "variant",
                                      "variant_number", "model",    "trials",     "draw", "outcome",
                                      "steps",          "halvings", "provenance", "eta_t"};
  int models;
  const basin_model *const *model = basin_models(&models);
  const size_t length = strlen(name);
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
    if (!strcmp(name, fixed[i])) return 1;
  for (int m = 0; m < models; m++)
    if (basin_symbol_find(model[m]->observable, model[m]->observables, name) >= 0) return 1;
  if (basin_symbol_find(basin_risk_observables(), BASIN_RISK_OBSERVABLES, name) >= 0) return 1;
  return !strncmp(name, "final_", 6) || !strncmp(name, "vector_", 7) ||
         !strncmp(name, "estimated_", 10) || (length > 6 && !strcmp(name + length - 6, "_entry"));
}

static basin_status read_axis(reader *r, const char *name, basin_place place,
                              const basin_node *list) {
  basin_experiment *e = r->experiment;
  const int axis = e->axes, length = list->kind == BASIN_SEQUENCE ? list->count : 1;
  if (axis == BASIN_AXES_MAX)
    return basin_fail_at(r->error, place, "grid: more than %d parameters", BASIN_AXES_MAX);
  if (!basin_is_name(name) || !strcmp(name, "pi"))
    return basin_fail_at(r->error, place,
                         "grid: `%s` cannot be a name, expected letters, digits and _", name);
  if (is_taken(name))
    return basin_fail_at(r->error, place, "grid: the name `%s` is taken by the output file", name);
  for (int i = 0; i < axis; i++)
    if (!strcmp(e->axis[i], name))
      return basin_fail_at(r->error, place, "grid: `%s` is given twice", name);
  if (length == 0)
    return basin_fail_at(r->error, list->place, "grid: `%s` has no values, expected at least one",
                         name);
  r->value[axis] = calloc((size_t)length, sizeof *r->value[axis]);
  e->axis[axis] = strdup(name);
  e->axis_place[axis] = list->place;
  if (!r->value[axis] || !e->axis[axis]) return basin_fail_memory(r->error);
  for (int i = 0; i < length; i++) {
    const basin_node *item = list->kind == BASIN_SEQUENCE ? list->child[i] : list;
    r->value[axis][i] = INFINITY;
    if (basin_is_infinity(item)) continue;
    const basin_status status = read_number(r, item, name, -INFINITY, INFINITY, &r->value[axis][i]);
    if (status) return status;
  }
  e->axes++;
  return BASIN_OK;
}

/* a mapping crosses its parameters; a list crosses its items, and the parameters of one item run together */
static basin_status read_grid(reader *r) {
  const basin_node *grid = basin_node_get(r->file, "grid");
  basin_status status = BASIN_OK;
  if (!grid) return BASIN_OK;
  if (grid->kind == BASIN_SCALAR)
    return basin_fail_at(r->error, grid->place,
                         "grid: expected a mapping of parameters to lists, or a list of them");
  if (!grid->count)
    return basin_fail_at(r->error, grid->place, "grid: empty, expected at least one parameter");
  for (int i = 0; i < grid->count; i++) {
    const basin_node *item = grid->child[i];
    const int zipped = grid->kind == BASIN_SEQUENCE;
    grid_group *group = &r->group[r->groups];
    if (r->groups == BASIN_AXES_MAX)
      return basin_fail_at(r->error, grid->place, "grid: more than %d parameters", BASIN_AXES_MAX);
    group->first = r->experiment->axes;
    if (!zipped) {
      status = read_axis(r, grid->key[i], grid->key_place[i], item);
      group->length = item->kind == BASIN_SEQUENCE ? item->count : 1;
    } else if (item->kind != BASIN_MAPPING || !item->count) {
      status = basin_fail_at(r->error, item->place,
                             "grid: expected a mapping of parameters to lists");
    }
    for (int j = 0; zipped && j < item->count && !status; j++) {
      const basin_node *list = item->child[j];
      const int length = list->kind == BASIN_SEQUENCE ? list->count : 1;
      if (j && length != group->length)
        return basin_fail_at(
            r->error, list->place,
            "grid: `%s` has %d values and `%s` %d, expected as many: they run together",
            item->key[j], length, item->key[0], group->length);
      group->length = length;
      status = read_axis(r, item->key[j], item->key_place[j], list);
    }
    if (status) return status;
    group->count = r->experiment->axes - group->first;
    r->groups++;
  }
  return BASIN_OK;
}

static basin_status read_variants(reader *r) {
  const basin_node *variants = basin_node_get(r->file, "variants");
  basin_experiment *e = r->experiment;
  if (!variants) return BASIN_OK;
  if (variants->kind != BASIN_MAPPING || !variants->count)
    return basin_fail_at(r->error, variants->place,
                         "variants: expected a mapping of names to settings");
  if (variants->count > BASIN_VARIANTS_MAX)
    return basin_fail_at(r->error, variants->place, "variants: more than %d", BASIN_VARIANTS_MAX);
  for (int i = 0; i < variants->count; i++) {
    const basin_status status = basin_check_keys(variants->child[i], variant_keys,
                                                 LENGTH(variant_keys), "the variant", r->error);
    if (status) return status;
    e->variant[i] = strdup(variants->key[i]);
    if (!e->variant[i]) return basin_fail_memory(r->error);
    e->variants++;
  }
  return BASIN_OK;
}

static basin_status read_same_draw(reader *r) {
  const basin_node *list = basin_node_get(r->file, "same_draw");
  basin_experiment *e = r->experiment;
  if (!list) return BASIN_OK;
  if (list->kind != BASIN_SEQUENCE)
    return basin_fail_at(r->error, list->place,
                         "same_draw: expected a list of grid parameters, or `variant`");
  for (int i = 0; i < list->count; i++) {
    const basin_node *item = list->child[i];
    const char *name = item->kind == BASIN_SCALAR ? item->text : "";
    int known = !strcmp(name, "variant") && e->variants > 0;
    e->same_draw_variant |= known;
    for (int a = 0; a < e->axes; a++)
      if (!strcmp(e->axis[a], name)) known = e->same_draw[a] = 1;
    if (!known)
      return basin_fail_at(r->error, item->place, "same_draw: `%s` is no grid parameter%s", name,
                           !strcmp(name, "variant") ? ", and there are no variants"
                                                    : ", nor `variant`");
  }
  return BASIN_OK;
}

static basin_status read_until(reader *r) {
  static const char *const key[] = {"halfwidth", "max_trials"};
  const basin_node *until = basin_node_get(r->file, "until");
  basin_experiment *e = r->experiment;
  basin_scope scope = {.experiment = e, .used = r->used};
  e->max_trials = e->trials;
  if (!until) return BASIN_OK;
  basin_status status = basin_check_keys(until, key, 2, "until", r->error);
  const basin_node *halfwidth = basin_node_get(until, "halfwidth"),
                   *most = basin_node_get(until, "max_trials");
  if (!status && !halfwidth)
    status = basin_fail_at(r->error, until->place, "until.halfwidth is missing");
  if (!status) status = read_number(r, halfwidth, "until.halfwidth", 1e-6, 0.5, &e->halfwidth);
  e->max_trials = 1000000000;
  if (!status && most)
    status = basin_scope_integer(&scope, most, "until.max_trials", e->trials, BASIN_TRIALS_MAX,
                                 &e->max_trials, r->error);
  return status;
}

static basin_status read_allow(reader *r) {
  static const char *const key[] = {"unresolved", "diverged"};
  const basin_node *allow = basin_node_get(r->file, "allow");
  basin_experiment *e = r->experiment;
  if (!allow) return BASIN_OK;
  basin_status status = basin_check_keys(allow, key, 2, "allow", r->error);
  const basin_node *unresolved = basin_node_get(allow, "unresolved"),
                   *diverged = basin_node_get(allow, "diverged");
  if (!status && unresolved)
    status = read_number(r, unresolved, "allow.unresolved", 0, 1, &e->allow_unresolved);
  if (!status && diverged)
    status = read_number(r, diverged, "allow.diverged", 0, 1, &e->allow_diverged);
  return status;
}

/* ---- cells ---- */

static basin_status resolve_cell(reader *r, int64_t index, int64_t point, int variant) {
  const basin_node *variants = basin_node_get(r->file, "variants");
  basin_experiment *e = r->experiment;
  basin_cell *cell = &e->cell[index];
  double coordinate[BASIN_AXES_MAX] = {0};

  /* the first group varies slowest */
  for (int g = r->groups - 1; g >= 0; g--) {
    const int64_t i = point % r->group[g].length;
    point /= r->group[g].length;
    for (int a = r->group[g].first; a < r->group[g].first + r->group[g].count; a++)
      coordinate[a] = r->value[a][i];
  }
  const basin_status status = basin_cell_resolve(e, r->file,
                                                 variant < 0 ? NULL : variants->child[variant],
                                                 coordinate, variant, r->used, cell, r->error);
  if (status) return status;
  for (int i = 0; i < cell->model->teachers + cell->model->initials; i++)
    r->vector_bytes += cell->vector[i].value
                           ? (double)basin_vector_size(&cell->vector[i]) * sizeof(double)
                           : 0;
  if (r->vector_bytes > VECTOR_BYTES_MAX)
    return basin_fail_at(
        r->error, r->file->place,
        "the given vectors of all cells need more than 2 GiB: shorten them or the grid");
  return BASIN_OK;
}

static basin_status resolve_cells(reader *r) {
  basin_experiment *e = r->experiment;
  const int variants = e->variants ? e->variants : 1;
  int64_t points = 1;
  for (int g = 0; g < r->groups; g++) {
    points *= r->group[g].length;
    if (points * variants > BASIN_CELLS_MAX)
      return basin_fail_at(r->error, basin_node_get(r->file, "grid")->place,
                           "grid: more than %d cells", BASIN_CELLS_MAX);
  }
  e->cell = calloc((size_t)(points * variants), sizeof *e->cell);
  if (!e->cell) return basin_fail_memory(r->error);
  e->cells = points * variants;
  for (int64_t i = 0; i < e->cells; i++) {
    const basin_status status = resolve_cell(r, i, i % points,
                                             e->variants ? (int)(i / points) : -1);
    if (status) return status;
  }
  for (int a = 0; a < e->axes; a++)
    if (!r->used[a])
      return basin_fail_at(
          r->error, e->axis_place[a],
          "grid: `%s` is no parameter of the model, and nothing in the file uses it", e->axis[a]);
  return BASIN_OK;
}

/* names must not hide each other */
static basin_status check_names(reader *r, const basin_node *keys) {
  const basin_node *define = basin_node_get(keys, "define"),
                   *parameters = basin_node_get(keys, "parameters");
  const basin_experiment *e = r->experiment;
  if (define && define->kind != BASIN_MAPPING)
    return basin_fail_at(r->error, define->place,
                         "define: expected a mapping of names to expressions");
  for (int i = 0; define && i < define->count; i++) {
    if (!basin_is_name(define->key[i]) || !strcmp(define->key[i], "pi"))
      return basin_fail_at(r->error, define->key_place[i], "define: `%s` cannot be a name",
                           define->key[i]);
    if (basin_node_get(parameters, define->key[i]))
      return basin_fail_at(r->error, define->key_place[i],
                           "define: `%s` is already under parameters", define->key[i]);
  }
  for (int a = 0; a < e->axes; a++)
    if (basin_node_get(define, e->axis[a]) || basin_node_get(parameters, e->axis[a]))
      return basin_fail_at(r->error, e->axis_place[a],
                           "`%s` is in the grid and under %s, expected one of them", e->axis[a],
                           basin_node_get(define, e->axis[a]) ? "define" : "parameters");
  return BASIN_OK;
}

/* ---- cells that are alike ---- */

typedef struct cell_key {
  const basin_experiment *experiment;
  int64_t cell;
} cell_key;

static int by_place(const void *a, const void *b) {
  const cell_key *x = a, *y = b;
  const basin_cell *p = &x->experiment->cell[x->cell], *q = &y->experiment->cell[y->cell];
  if (p->variant != q->variant) return p->variant < q->variant ? -1 : 1;
  for (int i = 0; i < x->experiment->axes; i++)
    if (p->coordinate[i] != q->coordinate[i]) return p->coordinate[i] < q->coordinate[i] ? -1 : 1;
  return 0;
}

/* a point of the grid that is there twice would be the same trials twice */
static basin_status check_cells(reader *r) {
  const basin_experiment *e = r->experiment;
  cell_key *key = malloc((size_t)e->cells * sizeof *key);
  basin_status status = key ? BASIN_OK : basin_fail_memory(r->error);
  for (int64_t c = 0; c < e->cells && !status; c++) key[c] = (cell_key){e, c};
  if (!status) qsort(key, (size_t)e->cells, sizeof *key, by_place);
  for (int64_t c = 1; c < e->cells && !status; c++)
    if (!by_place(&key[c - 1], &key[c])) {
      const basin_node *grid = basin_node_get(r->file, "grid");
      status = basin_fail_at(r->error, grid ? grid->place : r->file->place,
                             "grid: two of its points are the same, expected every point once");
    }
  free(key);
  return status;
}

/* ---- identity of the whole ---- */

static uint64_t hash_vector(uint64_t hash, const basin_vector *v) {
  hash = basin_hash(hash, &(int64_t[3]){(int64_t)v->source, v->rows, v->length},
                    3 * sizeof(int64_t));
  hash = basin_hash(hash, &v->scale, sizeof v->scale);
  return v->value ? basin_hash(hash, v->value, (size_t)basin_vector_size(v) * sizeof *v->value)
                  : hash;
}

static uint64_t hash_cell(uint64_t hash, const basin_experiment *e, const basin_cell *cell) {
  const basin_setting *s = &cell->setting;
  hash = basin_hash_text(hash, cell->model->name);
  hash = basin_hash(hash, &s->key, sizeof s->key);
  hash = basin_hash(hash, cell->coordinate, (size_t)e->axes * sizeof(double));
  hash = basin_hash(hash, cell->parameter, (size_t)cell->model->parameters * sizeof(double));
  for (int i = 0; i < cell->model->teachers + cell->model->initials; i++)
    hash = hash_vector(hash, &cell->vector[i]);
  for (int i = 0; i < s->stages; i++) {
    hash = basin_hash(hash, &s->stage[i].steps, sizeof s->stage[i].steps);
    hash = basin_hash(hash, s->stage[i].eta, (size_t)cell->model->step_sizes * sizeof(double));
  }
  hash = basin_hash(hash, &s->stop.tolerance, sizeof s->stop.tolerance);
  hash = basin_hash(hash, &s->stop.tolerance_spurious, sizeof s->stop.tolerance_spurious);
  hash = basin_hash(hash, &(int64_t[2]){(int64_t)s->gradient.dynamics, s->gradient.inputs},
                    2 * sizeof(int64_t));
  hash = basin_hash(hash, &s->gradient.error, sizeof s->gradient.error);
  if (s->gradient.dynamics == BASIN_FIXED) {
    hash = basin_hash(hash, &(int64_t[3]){s->gradient.fixed, s->gradient.batch, s->gradient.set},
                      3 * sizeof(int64_t));
    hash = basin_hash(hash, &s->stop.tolerance_gradient, sizeof s->stop.tolerance_gradient);
  }
  hash = basin_hash(hash, &s->halve, sizeof s->halve);
  return basin_hash(hash, &s->stop.max_steps, sizeof s->stop.max_steps);
}

static uint64_t identify(const basin_experiment *e) {
  uint64_t hash = basin_hash_text(0, "basin experiment 1");
  for (int i = 0; i < e->axes; i++) hash = basin_hash_text(hash, e->axis[i]);
  for (int i = 0; i < e->variants; i++) hash = basin_hash_text(hash, e->variant[i]);
  for (int64_t i = 0; i < e->cells; i++) hash = hash_cell(hash, e, &e->cell[i]);
  hash = basin_hash(hash, &(int64_t[3]){e->recorded, e->times, e->keep_vectors},
                    3 * sizeof(int64_t));
  hash = basin_hash(hash, e->time, (size_t)e->times * sizeof *e->time);
  for (int i = 0; i < e->observables; i++) hash = basin_hash_text(hash, e->observable[i]);
  hash = basin_hash_text(hash, "final");
  for (int i = 0; i < e->finals; i++) hash = basin_hash_text(hash, e->final[i]);
  if (e->inputs) hash = basin_hash(basin_hash_text(hash, "estimate"), &e->inputs, sizeof e->inputs);
  return hash;
}

/* ---- the whole ---- */

static basin_status read_keys(reader *r) {
  basin_experiment *e = r->experiment;
  const basin_node *variants = basin_node_get(r->file, "variants");
  basin_status status = basin_check_keys(r->file, file_keys, LENGTH(file_keys), "the experiment",
                                         r->error);
  e->trials = 1000;
  if (!status) status = read_text(r, "title", &e->title);
  if (!status) status = read_seed(r);
  if (!status) status = read_count(r, "trials", 1, BASIN_TRIALS_MAX, &e->trials);
  if (!status) status = read_grid(r);
  if (!status) status = read_variants(r);
  if (!status) status = read_same_draw(r);
  if (!status) status = read_until(r);
  if (!status) status = read_allow(r);
  if (!status) status = check_names(r, r->file);
  for (int i = 0; i < e->variants && !status; i++) status = check_names(r, variants->child[i]);
  if (!status) status = resolve_cells(r);
  if (!status) status = check_cells(r);
  if (!status) status = basin_record_read(e, basin_node_get(r->file, "record"), r->error);
  if (!status) e->identity = identify(e);
  return status;
}

static char *base_name(const char *path) {
  const char *slash = strrchr(path, '/'), *start = slash ? slash + 1 : path;
  char *name = strdup(start), *dot = name ? strrchr(name, '.') : NULL;
  if (dot && dot > name && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"))) *dot = 0;
  return name;
}

/* the --set assignments, a line each */
static char *join(const char *const *set, int sets) {
  size_t size = 1;
  for (int i = 0; i < sets; i++) size += strlen(set[i]) + 1;
  char *text = calloc(1, size);
  for (int i = 0; i < sets && text; i++) strcat(strcat(text, set[i]), "\n");
  return text;
}

basin_status basin_experiment_parse(const char *name, const char *text, int64_t length,
                                    const char *const *set, int sets, basin_experiment **out,
                                    basin_error *error) {
  basin_experiment *e = calloc(1, sizeof *e);
  basin_yaml *yaml = NULL;
  reader r = {.experiment = e, .error = error};
  basin_status status;
  *out = NULL;
  if (!e) return basin_fail_memory(error);
  e->name = base_name(name);
  e->text = strndup(text, (size_t)length);
  e->overrides = join(set, sets);
  status = e->name && e->text && e->overrides ? basin_yaml_parse(name, text, length, &yaml, error)
                                              : basin_fail_memory(error);
  for (int i = 0; i < sets && !status; i++) status = basin_yaml_set(yaml, set[i], error);
  if (!status) {
    r.file = basin_yaml_root(yaml);
    status = read_keys(&r);
  }
  for (int i = 0; i < BASIN_AXES_MAX; i++) free(r.value[i]);
  basin_yaml_free(yaml);
  if (status) {
    basin_experiment_free(e);
    return status;
  }
  *out = e;
  return BASIN_OK;
}

basin_status basin_experiment_read(const char *path, const char *const *set, int sets,
                                   basin_experiment **out, basin_error *error) {
  basin_status status = BASIN_OK;
  FILE *file = fopen(path, "rb");
  char *text = malloc(FILE_BYTES_MAX + 1);
  size_t length = 0;
  *out = NULL;
  if (!file)
    status = basin_fail(error, BASIN_BAD_INPUT, "%s: cannot be read: %s", path, strerror(errno));
  else if (!text) status = basin_fail_memory(error);
  else length = fread(text, 1, FILE_BYTES_MAX + 1, file);
  if (file && ferror(file))
    status = basin_fail(error, BASIN_BAD_INPUT, "%s: cannot be read: %s", path, strerror(errno));
  if (length > FILE_BYTES_MAX)
    status = basin_fail(error, BASIN_BAD_INPUT,
                        "%s: larger than 16 MiB, expected an experiment file", path);
  if (!status) status = basin_experiment_parse(path, text, (int64_t)length, set, sets, out, error);
  if (file) fclose(file);
  free(text);
  return status;
}

void basin_experiment_free(basin_experiment *e) {
  if (!e) return;
  for (int64_t i = 0; i < e->cells; i++) basin_cell_free(&e->cell[i]);
  for (int i = 0; i < BASIN_AXES_MAX; i++) free(e->axis[i]);
  for (int i = 0; i < e->variants; i++) free(e->variant[i]);
  for (int i = 0; i < e->observables; i++) free(e->observable[i]);
  for (int i = 0; i < e->finals; i++) free(e->final[i]);
  for (int i = 0; i < e->estimates; i++) free(e->estimate[i]);
  free(e->estimate);
  free(e->observable);
  free(e->final);
  free(e->time);
  free(e->cell);
  free(e->title);
  free(e->overrides);
  free(e->text);
  free(e->name);
  free(e);
}

const char *basin_experiment_title(const basin_experiment *e) { return e->title; }
int64_t basin_experiment_cells(const basin_experiment *e) { return e->cells; }
int64_t basin_experiment_trials(const basin_experiment *e) { return e->trials; }

/* ---- what can be said of it before it runs ---- */

/* the early rule is proved for the population gradient in registers alone */
static int has_rule(const basin_cell *cell) {
  const basin_stop *stop = &cell->setting.stop;
  const enum basin_dynamics dynamics = cell->setting.gradient.dynamics;
  return stop->tolerance > 0 || stop->tolerance_gradient > 0 ||
         (dynamics == BASIN_POPULATION && !cell->model->arrays);
}

int64_t basin_experiment_endless(const basin_experiment *e) {
  int64_t cells = 0;
  for (int64_t c = 0; c < e->cells; c++) cells += !has_rule(&e->cell[c]);
  return e->allow_unresolved < 1 ? cells : 0;
}

/* ---- what tells its cells apart ---- */

/* whether every cell's model has the parameter, and it is not in the grid */
static int is_common_parameter(const basin_experiment *e, const char *name) {
  for (int a = 0; a < e->axes; a++)
    if (!strcmp(e->axis[a], name)) return 0;
  for (int64_t c = 0; c < e->cells; c++)
    if (basin_symbol_find(e->cell[c].model->parameter, e->cell[c].model->parameters, name) < 0)
      return 0;
  return 1;
}

int basin_experiment_columns(const basin_experiment *e, const char *name[BASIN_COLUMNS_MAX]) {
  const basin_model *model = e->cell[0].model;
  int columns = 0;
  for (int a = 0; a < e->axes; a++) name[columns++] = e->axis[a];
  for (int p = 0; p < model->parameters && columns < BASIN_COLUMNS_MAX; p++)
    if (is_common_parameter(e, model->parameter[p].name))
      name[columns++] = model->parameter[p].name;
  return columns;
}

double basin_experiment_column(const basin_experiment *e, int64_t cell, int column,
                               const char *name) {
  const basin_cell *c = &e->cell[cell];
  if (column < e->axes) return c->coordinate[column];
  return c->parameter[basin_symbol_find(c->model->parameter, c->model->parameters, name)];
}
