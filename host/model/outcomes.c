/* SPDX-License-Identifier: MIT */
#include "model/outcomes.h"
#include <string.h>

basin_outcomes basin_outcomes_built_in(void) {
  return (basin_outcomes){.count = BASIN_OUTCOMES,
                          .name =
                              {
#define BASIN_OUTCOME(NAME, word, meaning) [BASIN_##NAME] = word,
                                  BASIN_OUTCOME_TABLE(BASIN_OUTCOME)
#undef BASIN_OUTCOME
                              },
                          .success = BASIN_CAN(BASIN_GLOBAL)};
}

int basin_outcomes_add(basin_outcomes *o, const char *name, int success) {
  if (o->count == BASIN_OUTCOMES_MAX || strlen(name) >= BASIN_OUTCOME_BYTES) return -1;
  strcpy(o->name[o->count], name);
  if (success) o->success |= BASIN_CAN(o->count);
  return o->count++;
}

int basin_outcomes_find(const basin_outcomes *o, const char *name) {
  for (int i = 0; i < o->count; i++)
    if (!strcmp(o->name[i], name)) return i;
  return -1;
}

const char *basin_outcomes_name(const basin_outcomes *o, int outcome) {
  return outcome >= 0 && outcome < o->count ? o->name[outcome] : NULL;
}

int64_t basin_outcomes_successes(const basin_outcomes *o, const int64_t count[BASIN_OUTCOMES_MAX]) {
  int64_t sum = 0;
  for (int i = 0; i < o->count; i++)
    if (basin_outcomes_succeeds(o, i)) sum += count[i];
  return sum;
}

const char *basin_outcomes_success_word(const basin_outcomes *o) {
  return o->success == BASIN_CAN(BASIN_GLOBAL) ? o->name[BASIN_GLOBAL] : "successful";
}
