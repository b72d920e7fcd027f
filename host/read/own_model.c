/* SPDX-License-Identifier: MIT */
#include "read/own_model.h"
#include "base/files.h"
#include "formula/emit.h"
#include "formula/formula.h"
#include "read/images.h"
#include "read/numbers.h"
#include "read/scope.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  CONSTANTS_MAX = 1 << 17 /* numbers of all constants together: they become text that is compiled */
};

static const char *const model_keys[] = {"state",  "parameters", "teacher",    "inputs",
                                         "define", "loss",       "observables"};
#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

/* What is read, until it is a header. */
typedef struct reading {
  struct basin_album *album;
  basin_error *error;
  formula_source source;
  int64_t numbers; /* of the constants so far */
  void **block;    /* [blocks] what the source points to */
  int blocks;
} reading;

/* keeps a block that malloc made until the source is done with; 0 where there is no memory, not for it either */
static int keep(reading *r, void *block) {
  void **grown = block ? realloc(r->block, (size_t)(r->blocks + 1) * sizeof *grown) : NULL;
  if (grown) (r->block = grown)[r->blocks++] = block;
  else free(block);
  return grown != NULL;
}

int basin_own_model_is_meant(const basin_node *model) {
  return model && model->kind == BASIN_MAPPING;
}

/* ---- tables of the source ---- */

/* room for the children of a mapping, and one more, for none may be no room */
static basin_status make_room(reading *r, const basin_node *mapping, const char *what, size_t size,
                              void *table) {
  void *room = NULL;
  if (mapping && mapping->kind != BASIN_MAPPING)
    return basin_fail_at(r->error, mapping->place, "model.%s: expected a mapping, not %s", what,
                         basin_kind_name(mapping->kind));
  room = calloc((size_t)(mapping ? mapping->count : 0) + 1, size);
  if (!keep(r, room)) return basin_fail_memory(r->error);
  memcpy(table, &room, sizeof room);
  return BASIN_OK;
}

static int count_of(const basin_node *mapping) { return mapping ? mapping->count : 0; }

static basin_place place_of(const basin_node *scalar) {
  basin_place place = scalar->place;
  place.column += scalar->quoted;
  return place;
}

static basin_status read_parameters(reading *r, const basin_node *mapping) {
  formula_default *table;
  basin_scope none = {0};
  basin_status status = make_room(r, mapping, "parameters", sizeof *table, &table);
  if (status) return status;
  r->source.parameter = table;
  for (int i = 0; i < count_of(mapping) && !status; i++) {
    formula_default *to = &table[r->source.parameters++];
    to->name = mapping->key[i];
    to->name_place = mapping->key_place[i];
    status = basin_scope_value(&none, mapping->child[i], to->name, &to->value, r->error);
  }
  return status;
}

static basin_status read_size(reading *r, const basin_node *node, const char *name,
                              formula_sized *to) {
  if (node->kind != BASIN_SCALAR || !*node->text)
    return basin_fail_at(r->error, node->place,
                         "model: %s: expected its size, or [rows, columns], of numbers and "
                         "parameters",
                         name);
  to->size[to->sizes] = node->text;
  to->size_place[to->sizes++] = place_of(node);
  return BASIN_OK;
}

static basin_status read_arrays(reading *r, const basin_node *mapping, const char *what,
                                const formula_sized **arrays, int *count) {
  formula_sized *table;
  basin_status status = make_room(r, mapping, what, sizeof *table, &table);
  if (status) return status;
  *arrays = table;
  for (int i = 0; i < count_of(mapping) && !status; i++) {
    const basin_node *node = mapping->child[i];
    formula_sized *to = &table[(*count)++];
    to->name = mapping->key[i];
    to->name_place = mapping->key_place[i];
    if (node->kind != BASIN_SEQUENCE) status = read_size(r, node, to->name, to);
    else if (node->count < 1 || node->count > 2)
      status = basin_fail_at(r->error, node->place,
                             "model: %s has %d sizes, expected one, or rows and columns", to->name,
                             node->count);
    else
      for (int j = 0; j < node->count && !status; j++)
        status = read_size(r, node->child[j], to->name, to);
  }
  return status;
}

static basin_status read_text(reading *r, const basin_node *node, const char *what,
                              formula_text *to) {
  if (node->kind != BASIN_SCALAR || !*node->text)
    return basin_fail_at(r->error, node->place, "model: %s: expected a formula", what);
  to->text = node->text;
  to->place = place_of(node);
  return BASIN_OK;
}

static basin_status read_observables(reading *r, const basin_node *mapping) {
  formula_text *table;
  basin_status status = make_room(r, mapping, "observables", sizeof *table, &table);
  if (status) return status;
  r->source.observable = table;
  for (int i = 0; i < count_of(mapping) && !status; i++) {
    formula_text *to = &table[r->source.observables++];
    to->name = mapping->key[i];
    to->name_place = mapping->key_place[i];
    status = read_text(r, mapping->child[i], to->name, to);
  }
  return status;
}

/* ---- constants ---- */

static basin_status too_many(reading *r, const basin_node *node) {
  return basin_fail_at(r->error, node->place,
                       "model.define: more than %d numbers of constants; what is larger may be "
                       "a teacher",
                       CONSTANTS_MAX);
}

/* a row of numbers behind those that are there */
static basin_status read_row(reading *r, const basin_node *row, const char *name,
                             const formula_values *to, double *value) {
  basin_scope none = {0};
  basin_status status = BASIN_OK;
  if (row->kind != BASIN_SEQUENCE || row->count != to->columns)
    return basin_fail_at(r->error, row->place, "model.define: %s: expected rows of equal length",
                         name);
  for (int i = 0; i < row->count && !status; i++)
    status = basin_scope_value(&none, row->child[i], name, &value[i], r->error);
  return status;
}

/* [1, 2, 3], or [[1, 2], [3, 4]] */
static basin_status read_list(reading *r, const basin_node *list, formula_values *to) {
  const int rows = list->count, nested = rows && list->child[0]->kind == BASIN_SEQUENCE;
  const int64_t columns = nested ? list->child[0]->count : 0,
                count = nested ? rows * columns : rows;
  basin_status status = BASIN_OK;
  if (!count)
    return basin_fail_at(r->error, list->place, "model.define: %s has no entries", to->name);
  if ((r->numbers += count) > CONSTANTS_MAX) return too_many(r, list);
  double *value = calloc((size_t)count, sizeof *value);
  if (!keep(r, value)) return basin_fail_memory(r->error);
  to->rows = rows;
  to->columns = nested ? columns : rows;
  to->value = value;
  if (!nested) status = read_row(r, list, to->name, to, value);
  for (int i = 0; nested && i < rows && !status; i++)
    status = read_row(r, list->child[i], to->name, to, value + i * columns);
  if (!nested) to->columns = 0;
  return status;
}

/* {file: A.csv}; one row or one column is a vector */
static basin_status read_file(reading *r, const basin_node *mapping, formula_values *to) {
  static const char *const key[] = {"file"};
  const basin_node *node = basin_node_get(mapping, "file");
  char path[BASIN_PATH_BYTES];
  double *value = NULL;
  basin_status status = basin_check_keys(mapping, key, 1, "model.define", r->error);
  if (status) return status;
  if (!node || node->kind != BASIN_SCALAR || !*node->text)
    return basin_fail_at(r->error, mapping->place, "model.define: %s.file: expected a path",
                         to->name);
  const int used = snprintf(path, sizeof path, "%s%s",
                            *node->text == '/' || !r->album->folder ? "" : r->album->folder,
                            node->text);
  if (used >= (int)sizeof path)
    return basin_fail_at(r->error, node->place, "model.define: the path is too long");
  status = basin_numbers_read(path, node->place, CONSTANTS_MAX - r->numbers, &to->rows,
                              &to->columns, &value, r->error);
  to->value = value;
  if (value && !keep(r, value)) return basin_fail_memory(r->error);
  if (status) return status;
  r->numbers += to->rows * to->columns;
  r->album->tables = 1;
  if (to->rows == 1) to->rows = to->columns, to->columns = 0;
  else if (to->columns == 1) to->columns = 0;
  return BASIN_OK;
}

static basin_status read_definitions(reading *r, const basin_node *mapping) {
  formula_values *constants;
  formula_text *formulas;
  basin_status status = make_room(r, mapping, "define", sizeof *constants, &constants);
  if (status) return status;
  r->source.constant = constants;
  status = make_room(r, mapping, "define", sizeof *formulas, &formulas);
  if (status) return status;
  r->source.define = formulas;
  for (int i = 0; i < count_of(mapping) && !status; i++) {
    const basin_node *node = mapping->child[i];
    if (node->kind == BASIN_SCALAR) {
      formula_text *to = &formulas[r->source.defines++];
      to->name = mapping->key[i];
      to->name_place = mapping->key_place[i];
      status = read_text(r, node, to->name, to);
      continue;
    }
    formula_values *to = &constants[r->source.constants++];
    to->name = mapping->key[i];
    to->name_place = mapping->key_place[i];
    status = node->kind == BASIN_SEQUENCE ? read_list(r, node, to) : read_file(r, node, to);
  }
  return status;
}

/* ---- the whole ---- */

static basin_status read_model(reading *r, const basin_node *model, const basin_node *when) {
  formula_source *s = &r->source;
  const basin_node *loss = basin_node_get(model, "loss");
  basin_status status = basin_check_keys(model, model_keys, LENGTH(model_keys), "model", r->error);
  if (status) return status;
  if (!basin_node_get(model, "state"))
    return basin_fail_at(r->error, model->place,
                         "model.state is missing: what gradient descent moves, {x: size}");
  if (!loss) return basin_fail_at(r->error, model->place, "model.loss is missing: a formula");
  s->title = "a model that the experiment writes as formulas";
  status = read_parameters(r, basin_node_get(model, "parameters"));
  if (!status)
    status = read_arrays(r, basin_node_get(model, "state"), "state", &s->state, &s->states);
  if (!status)
    status = read_arrays(r, basin_node_get(model, "teacher"), "teacher", &s->teacher, &s->teachers);
  if (!status)
    status = read_arrays(r, basin_node_get(model, "inputs"), "inputs", &s->input, &s->inputs);
  if (!status) status = read_definitions(r, basin_node_get(model, "define"));
  if (!status) status = read_text(r, loss, "loss", &s->loss);
  if (!status) status = read_observables(r, basin_node_get(model, "observables"));
  if (!status && when) status = read_text(r, when, "stop.when", &s->when);
  return status;
}

basin_status basin_own_model_graph(const basin_node *model, const basin_node *when,
                                   struct basin_album *album, formula_model **graph,
                                   basin_error *error) {
  reading r = {.album = album, .error = error};
  *graph = NULL;
  basin_status status = read_model(&r, model, when);
  if (!status) status = basin_formula_read(&r.source, graph, error);
  while (r.blocks) free(r.block[--r.blocks]);
  free(r.block);
  return status;
}

basin_status basin_own_model_header(const basin_node *model, const basin_node *when,
                                    struct basin_album *album, char **text, basin_error *error) {
  formula_model *graph;
  *text = NULL;
  basin_status status = basin_own_model_graph(model, when, album, &graph, error);
  if (!status) status = basin_formula_emit(graph, text, error);
  basin_formula_free(graph);
  return status;
}
