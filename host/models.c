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

uint64_t basin_hash(uint64_t seed, const void *bytes, size_t length) {
  return XXH3_64bits_withSeed(bytes, length, seed);
}

uint64_t basin_hash_text(uint64_t seed, const char *text) {
  return basin_hash(seed, text, strlen(text) + 1);
}
