/* SPDX-License-Identifier: MIT
 *
 * experiment.c: the experiment file's own keys, and its grid.
 */
#include "read/experiment.h"
#include "base/text.h"
#include "read/cell.h"
#include "read/expression.h"
#include "read/grid.h"
#include "read/headers.h"
#include "read/identity.h"
#include "read/images.h"
#include "read/named.h"
#include "read/passages.h"
#include "read/record.h"
#include "read/refine.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 16 << 20 };
static const double VECTOR_BYTES_MAX = 2147483648.0; /* of all cells together */

typedef struct reader {
  basin_experiment *experiment;
  const basin_node *file;
  basin_error *error;
  basin_grid grid;
  basin_scope scope; /* of the cells */
  char used[BASIN_AXES_MAX];
  double vector_bytes;
  const basin_added *added; /* [addeds] points behind the grid's */
  int64_t addeds;
} reader;

static const char *const file_keys[] = {
    "title",    "model",  "trials",   "seed",     "grid",    "parameters",    "define",
    "teacher",  "init",   "schedule", "gradient", "method",  "on_divergence", "stop",
    "variants", "record", "outcomes", "until",    "refine",  "allow",         "same_draw",
    "noise",    "layers", "data",     "loss",     "products"};
static const char *const variant_keys[] = {"model",         "parameters", "define",   "teacher",
                                           "init",          "schedule",   "gradient", "method",
                                           "on_divergence", "stop",       "outcomes", "noise",
                                           "layers",        "data",       "loss",     "products"};
#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

const char *const *basin_experiment_keys(int *count) {
  *count = LENGTH(file_keys);
  return file_keys;
}

/* ---- single values that belong to no cell ---- */

static basin_status read_count(reader *r, const char *key, int64_t minimum, int64_t maximum,
                               int64_t *value) {
  const basin_node *node = basin_node_get(r->file, key);
  basin_scope scope = {0};
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
  basin_scope scope = {0};
  e->max_trials = e->trials;
  if (!until) return BASIN_OK;
  basin_status status = basin_check_keys(until, key, 2, "until", r->error);
  const basin_node *halfwidth = basin_node_get(until, "halfwidth"),
                   *most = basin_node_get(until, "max_trials");
  if (!status && !halfwidth)
    status = basin_fail_at(r->error, until->place, "until.halfwidth is missing");
  if (!status)
    status = basin_scope_number(&scope, halfwidth, "until.halfwidth", 1e-6, 0.5, &e->halfwidth,
                                r->error);
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
  basin_scope scope = {0};
  if (!allow) return BASIN_OK;
  basin_status status = basin_check_keys(allow, key, 2, "allow", r->error);
  const basin_node *unresolved = basin_node_get(allow, "unresolved"),
                   *diverged = basin_node_get(allow, "diverged");
  if (!status && unresolved)
    status = basin_scope_number(&scope, unresolved, "allow.unresolved", 0, 1, &e->allow_unresolved,
                                r->error);
  if (!status && diverged)
    status = basin_scope_number(&scope, diverged, "allow.diverged", 0, 1, &e->allow_diverged,
                                r->error);
  return status;
}

/* ---- cells ---- */

/* the given vectors of all cells together are bounded; those of files are there once */
static basin_status count_vectors(reader *r, const basin_cell *cell) {
  for (int i = 0; i < cell->model->teachers + cell->model->initials; i++) {
    const basin_vector *vector = &cell->setting.teacher[i]; /* the initial ones follow */
    if (cell->given[i]) r->vector_bytes += (double)basin_vector_size(vector) * sizeof(double);
  }
  if (cell->own_naming) r->vector_bytes += (double)cell->own_naming->numbers * sizeof(double);
  if (r->vector_bytes > VECTOR_BYTES_MAX)
    return basin_fail_at(
        r->error, r->file->place,
        "the given vectors of all cells need more than 2 GiB: shorten them or the grid");
  return BASIN_OK;
}

static basin_status read_cell(reader *r, const basin_sheet *sheet, const double *coordinate,
                              basin_cell *cell) {
  const basin_status status = basin_cell_read(r->experiment, sheet, &r->scope, coordinate,
                                              r->grid.place, cell, r->error);
  return status ? status : count_vectors(r, cell);
}

/* a fault at a point that nobody has typed */
static basin_status blame_added(reader *r, const basin_added *added, basin_status status) {
  const basin_error fault = *r->error;
  const int axis = r->experiment->refine.axis;
  return basin_fail(r->error, status, "%.800s (at %s = %.15g, which `refine` adds)", fault.text,
                    r->experiment->axis[axis], added->coordinate[axis]);
}

/* the place of the first cell whose trials nothing can end */
static basin_status note_endless(reader *r, const basin_sheet *sheet, const basin_cell *cell) {
  basin_experiment *e = r->experiment;
  if (e->endless.file || basin_cell_rule(cell) != BASIN_NO_RULE || cell->naming) return BASIN_OK;
  const basin_place place = sheet->stop ? sheet->stop->place : sheet->place;
  e->endless.file = strdup(place.file);
  if (!e->endless.file) return basin_fail_memory(r->error);
  e->endless.line = place.line;
  e->endless.column = place.column;
  e->endless.cell = cell - e->cell;
  return BASIN_OK;
}

/* the cells of one variant, or of an experiment without any */
static basin_status read_variant(reader *r, const basin_node *node, int variant) {
  basin_experiment *e = r->experiment;
  basin_cell *cell = e->cell + (variant < 0 ? 0 : variant) * r->grid.points;
  double coordinate[BASIN_AXES_MAX] = {0};
  basin_sheet sheet;
  basin_status status = basin_sheet_read(&sheet, &r->scope, r->file, node, variant, r->error);
  for (int a = 0; a < e->axes && sheet.network.layers && !status; a++)
    status = basin_network_check_name(e->axis[a], "grid", r->grid.place[a], r->error);
  if (!status) status = basin_passages_begin(e, sheet.record, sheet.model, r->error);
  if (!status)
    status = basin_named_begin(e, sheet.outcomes, sheet.model, &r->scope,
                               &e->rules[variant < 0 ? 0 : variant], r->error);
  for (int64_t i = 0; i < r->grid.points && !status; i++, cell++) {
    basin_grid_point(&r->grid, i, coordinate);
    status = read_cell(r, &sheet, coordinate, cell);
    if (!status) status = note_endless(r, &sheet, cell);
  }
  for (int64_t i = 0; i < r->addeds && !status; i++) {
    if (r->added[i].variant != variant) continue;
    status = read_cell(r, &sheet, r->added[i].coordinate, &e->cell[e->grid_cells + i]);
    if (!status) status = note_endless(r, &sheet, &e->cell[e->grid_cells + i]);
    if (status) status = blame_added(r, &r->added[i], status);
  }
  return status;
}

/* the models that any variant takes from a file: names under `define` may be parameters of another one */
static basin_status take_headers(reader *r) {
  const basin_node *variants = basin_node_get(r->file, "variants");
  basin_status status = BASIN_OK;
  for (int v = -1; v < r->experiment->variants && !status; v++) {
    const basin_node *model = basin_node_get(v < 0 ? r->file : variants->child[v], "model");
    const basin_model *ignored;
    if (model && basin_headers_are_meant(model))
      status = basin_headers_take(r->experiment->headers, model, &ignored, r->error);
  }
  return status;
}

static basin_status read_cells(reader *r, int nodes) {
  basin_experiment *e = r->experiment;
  const basin_node *variants = basin_node_get(r->file, "variants");
  e->grid_cells = r->grid.points * (e->variants ? e->variants : 1);
  e->cells = e->grid_cells + r->addeds;
  e->cell = calloc((size_t)e->cells, sizeof *e->cell);
  e->rules = calloc(e->variants ? (size_t)e->variants : 1, sizeof *e->rules);
  if (e->rules) e->rule_sets = e->variants ? e->variants : 1;
  if (!e->cell || !e->rules) {
    e->cells = 0;
    return basin_fail_memory(r->error);
  }
  basin_status status = basin_scope_open(&r->scope, nodes, e->axes, e->axis, r->used, r->error);
  r->scope.album = e->album;
  r->scope.headers = e->headers;
  if (!status) status = take_headers(r);
  if (!status && !e->variants) status = read_variant(r, NULL, -1);
  for (int v = 0; v < e->variants && !status; v++) status = read_variant(r, variants->child[v], v);
  basin_scope_close(&r->scope);
  for (int a = 0; a < e->axes && !status; a++)
    if (!r->used[a])
      status = basin_fail_at(
          r->error, r->grid.place[a],
          "grid: `%s` is no parameter of the model, and nothing in the file uses it", e->axis[a]);
  return status;
}

/* the order of the cells, for those who make a grid of them again */
static void keep_dimensions(const basin_grid *grid, basin_experiment *e) {
  e->dimensions = grid->groups;
  for (int g = 0; g < grid->groups; g++) {
    e->dimension[g].first = grid->group[g].first;
    e->dimension[g].count = grid->group[g].count;
    e->dimension[g].length = grid->group[g].length;
  }
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
      return basin_fail_at(r->error, r->grid.place[a],
                           "`%s` is in the grid and under %s, expected one of them", e->axis[a],
                           basin_node_get(define, e->axis[a]) ? "define" : "parameters");
  return BASIN_OK;
}

/* ---- the whole ---- */

static basin_status read_keys(reader *r, int nodes) {
  basin_experiment *e = r->experiment;
  const basin_node *variants = basin_node_get(r->file, "variants"),
                   *grid = basin_node_get(r->file, "grid");
  basin_status status = basin_check_keys(r->file, file_keys, LENGTH(file_keys), "the experiment",
                                         r->error);
  e->trials = 1000;
  e->outcomes = basin_outcomes_built_in();
  if (!status) status = read_text(r, "title", &e->title);
  if (!status) status = read_seed(r);
  if (!status) status = read_count(r, "trials", 1, BASIN_TRIALS_MAX, &e->trials);
  if (!status) status = read_variants(r);
  if (!status) status = basin_grid_read(&r->grid, e, grid, e->variants ? e->variants : 1, r->error);
  if (!status) status = read_same_draw(r);
  if (!status) status = read_until(r);
  if (!status) status = read_allow(r);
  if (!status) status = check_names(r, r->file);
  for (int i = 0; i < e->variants && !status; i++) status = check_names(r, variants->child[i]);
  if (!status) status = read_cells(r, nodes);
  if (!status) keep_dimensions(&r->grid, e);
  if (!status) status = basin_grid_check(&r->grid, grid, r->error);
  if (!status) status = basin_refine_read(e, &r->grid, basin_node_get(r->file, "refine"), r->error);
  if (!status) status = basin_passages_end(e, basin_node_get(r->file, "record"), r->error);
  if (!status) status = basin_record_read(e, basin_node_get(r->file, "record"), r->error);
  if (!status) e->identity = basin_identity(e);
  return status;
}

static char *base_name(const char *path) {
  const char *slash = strrchr(path, '/'), *start = slash ? slash + 1 : path;
  char *name = strdup(start), *dot = name ? strrchr(name, '.') : NULL;
  if (dot && dot > name && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"))) *dot = 0;
  return name;
}

/* an empty one; paths begin at the folder of the experiment file */
static basin_album *album_of(const char *path) {
  const char *slash = strrchr(path, '/');
  basin_album *album = calloc(1, sizeof *album);
  if (!album || !slash) return album;
  album->folder = strndup(path, (size_t)(slash - path) + 1);
  if (album->folder) return album;
  free(album);
  return NULL;
}

/* the --set assignments, a line each */
static char *join(const char *const *set, int sets) {
  size_t size = 1;
  for (int i = 0; i < sets; i++) size += strlen(set[i]) + 1;
  char *text = calloc(1, size);
  for (int i = 0; i < sets && text; i++) strcat(strcat(text, set[i]), "\n");
  return text;
}

basin_status basin_experiment_parse_kept(const char *name, const char *text, int64_t length,
                                         const char *const *set, int sets, const basin_kept *kept,
                                         basin_experiment **out, basin_error *error) {
  basin_experiment *e = calloc(1, sizeof *e);
  basin_yaml *yaml = NULL;
  reader r = {.experiment = e, .error = error};
  basin_status status;
  *out = NULL;
  if (!e) return basin_fail_memory(error);
  e->name = base_name(name);
  e->album = album_of(name);
  e->headers = e->album ? basin_headers_open(e->album->folder, kept) : NULL;
  e->text = strndup(text, (size_t)length);
  e->overrides = join(set, sets);
  status = e->name && e->album && e->headers && e->text && e->overrides
               ? basin_yaml_parse(name, text, length, &yaml, error)
               : basin_fail_memory(error);
  for (int i = 0; i < sets && !status; i++) status = basin_yaml_set(yaml, set[i], error);
  if (!status) {
    r.file = basin_yaml_root(yaml);
    status = read_keys(&r, basin_yaml_nodes(yaml));
  }
  basin_grid_free(&r.grid);
  if (!status && e->refine.asked) e->yaml = yaml;
  else basin_yaml_free(yaml);
  if (status) {
    basin_experiment_free(e);
    return status;
  }
  *out = e;
  return BASIN_OK;
}

basin_status basin_experiment_parse(const char *name, const char *text, int64_t length,
                                    const char *const *set, int sets, basin_experiment **out,
                                    basin_error *error) {
  return basin_experiment_parse_kept(name, text, length, set, sets, NULL, out, error);
}

basin_status basin_experiment_grow(const basin_experiment *e, const basin_added *added,
                                   int64_t count, basin_experiment **grown, basin_error *error) {
  basin_experiment *more = calloc(1, sizeof *more);
  reader r = {.experiment = more, .error = error, .added = added, .addeds = count};
  *grown = NULL;
  if (!more) return basin_fail_memory(error);
  more->name = strdup(e->name);
  more->text = strdup(e->text);
  more->overrides = strdup(e->overrides);
  more->album = album_of(e->album->folder ? e->album->folder : "");
  more->refine = e->refine;
  r.file = basin_yaml_root(e->yaml);
  char *headers = basin_headers_text(e->headers); /* the files may be others by now */
  if (headers) more->headers = basin_headers_open(NULL, &(basin_kept){headers, strlen(headers), 1});
  basin_status status = more->name && more->text && more->overrides && more->album && more->headers
                            ? BASIN_OK
                            : basin_fail_memory(error);
  if (!status && e->grid_cells + count > BASIN_CELLS_MAX)
    status = basin_fail(error, BASIN_BAD_INPUT, "refine: more than %d cells", BASIN_CELLS_MAX);
  if (!status) status = read_keys(&r, basin_yaml_nodes(e->yaml));
  basin_grid_free(&r.grid);
  free(headers);
  if (status) basin_experiment_free(more);
  else *grown = more;
  return status;
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
  if (e->album) basin_album_free(e->album);
  free(e->album);
  basin_headers_close(e->headers);
  for (int i = 0; i < BASIN_AXES_MAX; i++) free(e->axis[i]);
  for (int i = 0; i < e->variants; i++) free(e->variant[i]);
  for (int i = 0; i < e->observables; i++) free(e->observable[i]);
  for (int i = 0; i < e->asked; i++) free(e->final[i]);
  for (int i = 0; i < e->estimates; i++) free(e->estimate[i]);
  for (int i = 0; i < e->indices; i++) free(e->index[i]);
  for (int i = 0; i < e->ladders; i++) free(e->ladder[i].observable);
  for (int i = 0; i < e->rule_sets; i++) basin_named_free(&e->rules[i]);
  free(e->rules);
  free(e->index);
  free(e->estimate);
  free(e->observable);
  free(e->final);
  free(e->time);
  free(e->cell);
  basin_yaml_free(e->yaml);
  free(e->title);
  free(e->endless.file);
  free(e->overrides);
  free(e->text);
  free(e->name);
  free(e);
}

const char *basin_experiment_title(const basin_experiment *e) { return e->title; }
int64_t basin_experiment_cells(const basin_experiment *e) { return e->cells; }
const char *basin_experiment_outcome_name(const basin_experiment *e, int outcome) {
  return basin_outcomes_name(&e->outcomes, outcome);
}
int64_t basin_experiment_trials(const basin_experiment *e) { return e->trials; }

/* ---- what can be said of it before it runs ---- */

basin_rule basin_cell_rule(const basin_cell *cell) {
  const basin_stop *stop = &cell->setting.stop;
  const basin_dynamics *kind = basin_dynamics_of(cell->model, &cell->setting);
  if (basin_stop_given(stop) || stop->tolerance_gradient > 0) return BASIN_TOLERANCE_RULE;
  if (basin_method_is_asked(&cell->setting.gradient))
    return BASIN_NO_RULE; /* what is proved is of descent */
  if (!strcmp(kind->early_rule, kind->tolerance_rule)) return BASIN_NO_RULE;
  for (int s = 0; s < cell->setting.stages; s++) /* it proves nothing of steps of any size */
    for (int i = 0; i < cell->model->step_sizes; i++)
      if (isinf(cell->setting.stage[s].eta[i])) return BASIN_NO_RULE;
  return BASIN_EARLY_RULE;
}

basin_steps_to basin_cell_steps_to(const basin_cell *cell) {
  return basin_cell_rule(cell) == BASIN_EARLY_RULE ? BASIN_STEPS_PROVED : BASIN_STEPS_REACHED;
}

int64_t basin_experiment_endless(const basin_experiment *e) {
  int64_t cells = 0;
  for (int64_t c = 0; c < e->cells; c++)
    cells += basin_cell_rule(&e->cell[c]) == BASIN_NO_RULE && !e->cell[c].naming;
  return e->allow_unresolved < 1 ? cells : 0;
}

basin_status basin_experiment_ends(const basin_experiment *e, basin_error *error) {
  const int64_t cells = basin_experiment_endless(e);
  if (!cells) return BASIN_OK;
  const basin_place place = {e->endless.file, e->endless.line, e->endless.column};
  return basin_fail_at(
      error, place,
      "stop: no rule can end a trial of %lld of %lld cell%s, the first of them cell %lld: all "
      "would take max_steps steps and stay unresolved; expected stop.at%s or when, or `allow: "
      "{unresolved: 1}` where a fixed number of steps is meant",
      (long long)cells, (long long)e->cells, e->cells == 1 ? "" : "s", (long long)e->endless.cell,
      e->cell[e->endless.cell].model->at_gradient ? ", at_gradient" : "");
}

/* ---- what tells its cells apart ---- */

/* whether every cell's model has the parameter, and it is not in the grid */
static int is_common_parameter(const basin_experiment *e, const char *name) {
  for (int a = 0; a < e->axes; a++)
    if (!strcmp(e->axis[a], name)) return 0;
  for (int64_t c = 0; c < e->cells; c++)
    if ((!c || e->cell[c].model != e->cell[c - 1].model) &&
        basin_symbol_find(e->cell[c].model->parameter, e->cell[c].model->parameters, name) < 0)
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
  return c->setting.parameter[basin_symbol_find(c->model->parameter, c->model->parameters, name)];
}

int basin_same_observables(const basin_cell *x, const basin_cell *y) {
  return x->model == y->model &&
         (x->setting.gradient.set_size > 0) == (y->setting.gradient.set_size > 0) &&
         basin_law_is_closed(&x->setting.gradient) == basin_law_is_closed(&y->setting.gradient);
}

/* whether it is a closed form of the law of the model's own inputs */
static int is_closed_form(const basin_model *model, int observable) {
  int closed = !strcmp(model->observable[observable].name, "loss");
  for (int i = 0; i < model->norms; i++) closed |= model->norm[i].observable == observable;
  return closed;
}

int basin_observable_find(const basin_cell *cell, const char *name) {
  const int index = basin_symbol_find(cell->model->observable, cell->model->observables, name);
  if (index >= 0 && !basin_law_is_closed(&cell->setting.gradient) &&
      is_closed_form(cell->model, index))
    return -1;
  if (index >= 0 || !cell->setting.gradient.set_size || cell->setting.network) return index;
  const int of_risk = basin_symbol_find(basin_risk_observables(), BASIN_RISK_OBSERVABLES, name);
  return of_risk < 0 ? -1 : cell->model->observables + of_risk;
}

const basin_symbol *basin_observable(const basin_cell *cell, int index) {
  const int own = cell->model->observables;
  return index < own ? &cell->model->observable[index] : &basin_risk_observables()[index - own];
}
