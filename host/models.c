/* SPDX-License-Identifier: MIT
 *
 * models.c: the models that the build found in include/models. build/models.inc is made by the Makefile:
 * a line BASIN_MODEL(name) each.
 */
#include "experiment.h"
#include <string.h>
#include <xxhash.h>

#define BASIN_MODEL(name) extern const basin_model basin_model_##name;
#include "models.inc"
#undef BASIN_MODEL

static const basin_model *const models[] = {
#define BASIN_MODEL(name) &basin_model_##name,
#include "models.inc"
#undef BASIN_MODEL
};

const basin_model *const *basin_models(int *count) {
  *count = (int)(sizeof models / sizeof *models);
  return models;
}

const basin_model *basin_model_find(const char *name) {
  for (size_t i = 0; i < sizeof models / sizeof *models; i++)
    if (!strcmp(models[i]->name, name)) return models[i];
  return NULL;
}

int basin_symbol_find(const basin_symbol *symbol, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (!strcmp(symbol[i].name, name)) return i;
  return -1;
}

#define RISK(name_, unit_, meaning_) {.name = #name_, .unit = unit_, .meaning = meaning_},
static const basin_symbol risk[BASIN_RISK_OBSERVABLES] = {BASIN_RISK_TABLE(RISK)};
#undef RISK

const basin_symbol *basin_risk_observables(void) { return risk; }

int basin_observable_find(const basin_cell *cell, const char *name) {
  const int index = basin_symbol_find(cell->model->observable, cell->model->observables, name);
  if (index >= 0 || cell->setting.gradient.dynamics != BASIN_FIXED) return index;
  const int of_risk = basin_symbol_find(risk, BASIN_RISK_OBSERVABLES, name);
  return of_risk < 0 ? -1 : cell->model->observables + of_risk;
}

const basin_symbol *basin_observable(const basin_cell *cell, int index) {
  const int own = cell->model->observables;
  return index < own ? &cell->model->observable[index] : &risk[index - own];
}

uint64_t basin_hash(uint64_t seed, const void *bytes, size_t length) {
  return XXH3_64bits_withSeed(bytes, length, seed);
}

uint64_t basin_hash_text(uint64_t seed, const char *text) {
  return basin_hash(seed, text, strlen(text) + 1);
}
