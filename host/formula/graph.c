/* SPDX-License-Identifier: MIT */
#include "formula/graph.h"
#include <stdlib.h>
#include <string.h>

/* the bits of a number count: 0 and -0 are two */
static int is_same(const formula_node *x, const formula_node *y) {
  return x->operation == y->operation && x->shape.rank == y->shape.rank &&
         !memcmp(x->shape.size, y->shape.size, sizeof x->shape.size) && x->is_mask == y->is_mask &&
         !memcmp(x->of, y->of, sizeof x->of) && !memcmp(&x->number, &y->number, sizeof x->number) &&
         x->index == y->index && !memcmp(x->begin, y->begin, sizeof x->begin) &&
         !memcmp(x->drop, y->drop, sizeof x->drop);
}

int formula_add(formula_model *model, const formula_node *node) {
  for (int i = 0; i < model->nodes; i++)
    if (is_same(&model->node[i], node)) return i;
  if (model->nodes == model->room) {
    const int room = model->room ? 2 * model->room : 64;
    formula_node *grown = realloc(model->node, (size_t)room * sizeof *grown);
    if (!grown) return -1;
    model->node = grown;
    model->room = room;
  }
  model->node[model->nodes] = *node;
  return model->nodes++;
}

int formula_has_input(const formula_model *model, int node) {
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

void formula_free(formula_model *model) {
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
  free(model->node);
  free(model->gradient);
  for (int i = 0; i < model->observables; i++) free(model->observable[i].name);
  free(model->observable);
  free(model);
}
