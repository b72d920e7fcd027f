/* SPDX-License-Identifier: MIT
 *
 * fuzz_formula.c: any lines as a model of formulas. It is refused with one line of reason, or there is a graph that can
 * be computed.
 */
#include "formula/interpret.h"
#include "formula_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* computes it at zero, where the defaults of its parameters make it small */
static void compute(const formula_model *model) {
  static const double zeros[4096];
  const double *array[SCRIPT_ITEMS];
  double parameter[SCRIPT_ITEMS];
  formula_entries *entries;
  basin_error error;
  double all = 0;
  for (int i = 0; i < SCRIPT_ITEMS; i++) array[i] = zeros;
  for (int i = 0; i < model->parameters; i++) parameter[i] = model->parameter[i].initial;
  for (int i = 0; i < model->nodes; i++) {
    double count = 1;
    for (int j = 0; j < model->node[i].shape.rank; j++)
      count *= basin_formula_size_value(model, model->node[i].shape.size[j], parameter);
    if (!(count >= 0 && count <= 4096)) return;
    all += count;
  }
  if (all > 1e6) return;
  if (!basin_formula_interpret(model, &(formula_point){parameter, array, array, array}, &entries,
                               &error))
    basin_formula_entries_free(entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  formula_model *model;
  basin_error error = {""};
  if (!text) return 0;
  memcpy(text, data, size);
  text[size] = 0;
  script *s = script_read(text);
  const basin_status status = basin_formula_read(&s->source, &model, &error);
  if (status ? model || !*error.text || strchr(error.text, '\n') : !model) abort();
  if (model) compute(model);
  basin_formula_free(model);
  script_free(s);
  free(text);
  return 0;
}
