/* SPDX-License-Identifier: MIT
 *
 * model_entry.c: what the host knows of a model, expanded from its header. Compiled once per model, with
 * BASIN_MODEL and BASIN_MODEL_HEADER as in lanes.c, for one lane.
 */
#include "backend.h"
#include BASIN_MODEL_HEADER
#include <stdlib.h>

#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define MODEL(what) PASTE(BASIN_MODEL, PASTE(_, what))
#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)
#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]) - 1)
#define RUNNER(isa) PASTE(PASTE(basin_run_, BASIN_MODEL), PASTE(_, isa))
#define SAMPLED_RUNNER(sampler, isa) RUNNER(PASTE(sampler, PASTE(_, isa)))

enum {
#define PARAMETER_INDEX(name, initial, minimum, maximum, integer, unit, meaning) PARAMETER_##name,
  MODEL(PARAMETERS)(PARAMETER_INDEX)
#undef PARAMETER_INDEX
};

/* each table ends with an empty row, for a table may have no other */
static const basin_symbol parameters[] = {
#define PARAMETER(name_, initial_, minimum_, maximum_, integer_, unit_, meaning_) \
  {.name = #name_,                                                                \
   .unit = unit_,                                                                 \
   .meaning = meaning_,                                                           \
   .initial = (initial_),                                                         \
   .minimum = (minimum_),                                                         \
   .maximum = (maximum_),                                                         \
   .integer = (integer_)},
    MODEL(PARAMETERS)(PARAMETER){0}};

#define VECTOR(name_, length_, meaning_) \
  {.name = #name_, .unit = "1", .meaning = meaning_, .length = PARAMETER_##length_},
static const basin_symbol teachers[] = {MODEL(TEACHER)(VECTOR){0}};
static const basin_symbol initials[] = {MODEL(INITIAL)(VECTOR){0}};

#define STEP_SIZE(name_, meaning_) {.name = #name_, .unit = "1", .meaning = meaning_},
static const basin_symbol step_sizes[] = {MODEL(STEP_SIZES)(STEP_SIZE){0}};

#define OBSERVABLE(name_, unit_, meaning_) {.name = #name_, .unit = unit_, .meaning = meaning_},
static const basin_symbol observables[] = {MODEL(OBSERVABLES)(OBSERVABLE){0}};

_Static_assert(ROWS(step_sizes) <= BASIN_STEP_SIZES_MAX, "raise BASIN_STEP_SIZES_MAX");

static int64_t vector_size(const basin_setting *setting) {
  int64_t size = 0;
  for (int i = 0; i < ROWS(initials); i++) size += setting->initial[i].length;
  return size;
}

static const char *check(const basin_setting *setting, const char **where) {
  return MODEL(check)(setting, where);
}

static basin_status vectors(const basin_setting *setting, int64_t trial, const double *state,
                            double *out) {
  MODEL(cell) cell;
  double *data = malloc((size_t)MODEL(data_size)(setting) * sizeof *data);
  if (!data) return BASIN_FAILED;
  MODEL(prepare)(setting, &cell, data);
#ifdef BASIN_HAS_SAMPLERS
  if (setting->gradient.sampler == BASIN_DIRECT)
    MODEL(direct_vectors)(&cell, data, (uint64_t)trial, state, out);
  if (setting->gradient.sampler == BASIN_PROJECTED)
    MODEL(projected_vectors)(&cell, data, (uint64_t)trial, state, out);
#endif
  if (setting->gradient.sampler == BASIN_POPULATION) {
    MODEL(state) x;
    memcpy(&x, state, sizeof x);
    MODEL(vectors)(&cell, data, (uint64_t)trial, &x, out);
  }
  free(data);
  return BASIN_OK;
}

/* the runners of one sampler, by instruction set */
#if BASIN_X86
#define DECLARE(runner) basin_lane_runner runner(generic), runner(avx2), runner(avx512);
#define RUNNERS(runner)                                                     \
  {                                                                         \
    [BASIN_ISA_GENERIC] = runner(generic), [BASIN_ISA_AVX2] = runner(avx2), \
    [BASIN_ISA_AVX512] = runner(avx512)                                     \
  }
#else
#define DECLARE(runner) basin_lane_runner runner(generic);
#define RUNNERS(runner) \
  { [BASIN_ISA_GENERIC] = runner(generic) }
#endif

DECLARE(RUNNER)
#ifdef BASIN_HAS_SAMPLERS
#define DIRECT(isa) SAMPLED_RUNNER(direct, isa)
#define PROJECTED(isa) SAMPLED_RUNNER(projected, isa)
DECLARE(DIRECT)
DECLARE(PROJECTED)
#endif

extern const basin_model PASTE(basin_model_, BASIN_MODEL);
const basin_model PASTE(basin_model_, BASIN_MODEL) = {
    .name = TEXT(BASIN_MODEL),
    .title = MODEL(TITLE),
    .source = MODEL(SOURCE),
    .parameter = parameters,
    .parameters = ROWS(parameters),
    .teacher = teachers,
    .teachers = ROWS(teachers),
    .initial = initials,
    .initials = ROWS(initials),
    .step_size = step_sizes,
    .step_sizes = ROWS(step_sizes),
    .observable = observables,
    .observables = ROWS(observables),
    .outcomes = MODEL(OUTCOMES),
    .states = sizeof(MODEL(state)) / sizeof(double),
    .vector_size = vector_size,
    .check = check,
    .vectors = vectors,
    .lane_run =
        {
            [BASIN_POPULATION] = RUNNERS(RUNNER),
#ifdef BASIN_HAS_SAMPLERS
            [BASIN_DIRECT] = RUNNERS(DIRECT),
            [BASIN_PROJECTED] = RUNNERS(PROJECTED),
#endif
        },
#ifdef BASIN_HAS_SAMPLERS
    .samplers = 1,
    .sampled_states =
        {[BASIN_DIRECT] = MODEL(direct_states), [BASIN_PROJECTED] = MODEL(projected_states)},
    .sampler_check = MODEL(sampler_check),
#endif
};
