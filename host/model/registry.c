/* SPDX-License-Identifier: MIT
 *
 * registry.c: the models that the build found in include/models. build/models.inc is made by the Makefile:
 * a line BASIN_MODEL(name) each, and lines of their dynamics, which are their own to know.
 */
#include "model/registry.h"
#include "base/text.h"
#include "numeric/philox.h"
#include <stdio.h>
#include <string.h>

#define BASIN_PAIR(model, kind)
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

const char *basin_model_unknown(const char *name, char text[BASIN_UNKNOWN]) {
  enum { MODELS = sizeof models / sizeof *models };
  const char *known[MODELS];
  for (int i = 0; i < MODELS; i++) known[i] = models[i]->name;
  const char *near = basin_nearest(name, known, MODELS);
  if (near) {
    snprintf(text, BASIN_UNKNOWN, "unknown model `%.64s`, did you mean `%.64s`?", name, near);
    return text;
  }
  int used = snprintf(text, BASIN_UNKNOWN,
                      "unknown model%s%.64s%s, expected one of: ", *name ? " `" : "", name,
                      *name ? "`" : "");
  for (int i = 0; i < MODELS && used < BASIN_UNKNOWN; i++)
    used += snprintf(text + used, (size_t)(BASIN_UNKNOWN - used), "%s%s", i ? ", " : "", known[i]);
  return text;
}

int basin_symbol_find(const basin_symbol *symbol, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (!strcmp(symbol[i].name, name)) return i;
  return -1;
}

int basin_is_symbol(const char *name) {
  for (size_t i = 0; i < sizeof models / sizeof *models; i++)
    if (basin_symbol_find(models[i]->parameter, models[i]->parameters, name) >= 0 ||
        basin_symbol_find(models[i]->step_size, models[i]->step_sizes, name) >= 0)
      return 1;
  return 0;
}

#define RISK(name_, unit_, meaning_) {.name = #name_, .unit = unit_, .meaning = meaning_},
static const basin_symbol risk[BASIN_RISK_OBSERVABLES] = {BASIN_RISK_TABLE(RISK)};
#undef RISK

const basin_symbol *basin_risk_observables(void) { return risk; }

int64_t basin_inputs_max(const basin_setting *setting) {
  return BASIN_BLOCKS_MAX / setting->size.input_blocks;
}
