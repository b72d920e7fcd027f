/* SPDX-License-Identifier: MIT */
#include "formula/graph.h"
#include <stdlib.h>
#include <string.h>

formula_node basin_formula_node(formula_operation operation, formula_shape shape) {
  return (formula_node){
      .operation = operation, .shape = shape, .of = {-1, -1, -1}, .index = -1, .begin = {-1, -1}};
}

int basin_formula_same_shape(formula_shape x, formula_shape y) {
  return x.rank == y.rank && (x.rank < 1 || x.size[0] == y.size[0]) &&
         (x.rank < 2 || x.size[1] == y.size[1]);
}

/* the bits of a number count: 0 and -0 are two */
static int is_same(const formula_node *x, const formula_node *y) {
  return x->operation == y->operation && x->shape.rank == y->shape.rank &&
         !memcmp(x->shape.size, y->shape.size, sizeof x->shape.size) && x->is_mask == y->is_mask &&
         !memcmp(x->of, y->of, sizeof x->of) && !memcmp(&x->number, &y->number, sizeof x->number) &&
         x->index == y->index && !memcmp(x->begin, y->begin, sizeof x->begin) &&
         !memcmp(x->drop, y->drop, sizeof x->drop);
}

static void mix(uint64_t *hash, uint64_t word) {
  *hash = (*hash ^ word) * 0x9e3779b97f4a7c15u;
  *hash ^= *hash >> 29;
}

static uint64_t hash_of(const formula_node *x) {
  uint64_t hash = (uint64_t)x->operation, number;
  memcpy(&number, &x->number, sizeof number);
  mix(&hash, number);
  mix(&hash, (uint64_t)x->index << 3 | (uint64_t)x->shape.rank);
  for (int i = 0; i < 3; i++) mix(&hash, (uint64_t)x->of[i]);
  for (int i = 0; i < 2; i++) mix(&hash, (uint64_t)x->shape.size[i] << 32 ^ (uint64_t)x->begin[i]);
  return hash;
}

/* the slot that has the node or, where it is not there, would have it */
static int *find(const formula_model *model, const formula_node *node) {
  size_t i = hash_of(node) & (size_t)(model->slots - 1);
  while (model->slot[i] >= 0 && !is_same(&model->node[model->slot[i]], node))
    i = (i + 1) & (size_t)(model->slots - 1);
  return &model->slot[i];
}

/* a table of the nodes that is at most half full with one more; 0: no memory */
static int spread(formula_model *model) {
  int slots = 128;
  while (slots < 2 * (model->nodes + 1)) slots *= 2;
  if (model->slot && model->slots >= slots) return 1;
  free(model->slot);
  model->slot = malloc((size_t)slots * sizeof *model->slot);
  model->slots = slots;
  if (!model->slot) return 0;
  for (int i = 0; i < slots; i++) model->slot[i] = -1;
  for (int i = 0; i < model->nodes; i++) *find(model, &model->node[i]) = i;
  return 1;
}

int basin_formula_add(formula_model *model, const formula_node *node) {
  if (!spread(model)) return -1;
  int *slot = find(model, node);
  if (*slot >= 0) return *slot;
  if (model->nodes == model->room) {
    const int room = model->room ? 2 * model->room : 64;
    formula_node *grown = realloc(model->node, (size_t)room * sizeof *grown);
    if (!grown) return -1;
    model->node = grown;
    model->room = room;
  }
  model->node[model->nodes] = *node;
  return *slot = model->nodes++;
}

int basin_formula_has_input(const formula_model *model, int node) {
  char *has = calloc((size_t)node + 1, 1);
  int found = -1;
  for (int i = 0; has && i <= node; i++) {
    const formula_node *x = &model->node[i];
    has[i] = x->operation == FORMULA_INPUT;
    for (int j = 0; j < 3; j++)
      if (x->of[j] >= 0) has[i] = (char)(has[i] | has[x->of[j]]);
  }
  if (has) found = has[node];
  free(has);
  return found;
}

static void free_arrays(formula_array *array, int arrays) {
  for (int i = 0; array && i < arrays; i++) {
    free(array[i].name);
    free(array[i].value);
  }
  free(array);
}

void basin_formula_free(formula_model *model) {
  if (!model) return;
  free(model->title);
  free_arrays(model->parameter, model->parameters);
  free_arrays(model->state, model->states);
  free_arrays(model->teacher, model->teachers);
  free_arrays(model->input, model->inputs);
  free_arrays(model->constant, model->constants);
  free(model->is_size);
  for (int i = 0; i < model->sizes; i++) free(model->size[i].text);
  free(model->size);
  for (int i = 0; i < model->bounds; i++) free(model->bound[i].reason);
  free(model->bound);
  free(model->node);
  free(model->slot);
  free(model->gradient);
  for (int i = 0; i < model->observables; i++) free(model->observable[i].name);
  free(model->observable);
  free(model);
}
