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

/* known: NaN for what a projected state does not know; else some vectors of the same loss and gradient norms */
static basin_status write_vectors(const basin_setting *setting, int64_t trial, const double *state,
                                  int known, double *out) {
  MODEL(cell) cell;
  double *data = malloc((size_t)MODEL(data_size)(setting) * sizeof *data);
  if (!data) return BASIN_FAILED;
  MODEL(prepare)(setting, &cell, data);
#ifdef BASIN_HAS_SAMPLERS
  if (setting->gradient.sampler == BASIN_DIRECT)
    MODEL(direct_vectors)(&cell, data, (uint64_t)trial, state, out);
  if (setting->gradient.sampler == BASIN_PROJECTED && known)
    MODEL(projected_vectors)(&cell, data, (uint64_t)trial, state, out);
#endif
#if defined(BASIN_HAS_SAMPLERS) && defined(BASIN_HAS_SAMPLE)
  if (setting->gradient.sampler == BASIN_PROJECTED && !known)
    MODEL(projected_some_vectors)(&cell, data, state, out);
#else
  (void)known;
#endif
  if (setting->gradient.sampler == BASIN_POPULATION) {
    MODEL(state) x;
    memcpy(&x, state, sizeof x);
    MODEL(vectors)(&cell, data, (uint64_t)trial, &x, out);
  }
  free(data);
  return BASIN_OK;
}

static basin_status vectors(const basin_setting *setting, int64_t trial, const double *state,
                            double *out) {
  return write_vectors(setting, trial, state, 1, out);
}

#ifdef BASIN_HAS_SAMPLE
static basin_status some_vectors(const basin_setting *setting, int64_t trial, const double *state,
                                 double *out) {
  return write_vectors(setting, trial, state, 0, out);
}

enum {
#define OBSERVABLE_INDEX(name, unit, meaning) OBSERVABLE_##name,
  MODEL(OBSERVABLES)(OBSERVABLE_INDEX)
#undef OBSERVABLE_INDEX
};
enum {
#define INITIAL_INDEX(name, length, meaning) INITIAL_##name,
  MODEL(INITIAL)(INITIAL_INDEX)
#undef INITIAL_INDEX
};
#define NORM(observable_, vector_) \
  {.observable = OBSERVABLE_##observable_, .initial = INITIAL_##vector_},
static const basin_norm norms[] = {MODEL(SAMPLE_NORMS)(NORM){0}};
#endif

/* the runners of one sampler, by instruction set */
#if BASIN_X86
#define DECLARE(type, runner) type runner(generic), runner(avx2), runner(avx512);
#define RUNNERS(runner)                                                     \
  {                                                                         \
    [BASIN_ISA_GENERIC] = runner(generic), [BASIN_ISA_AVX2] = runner(avx2), \
    [BASIN_ISA_AVX512] = runner(avx512)                                     \
  }
#else
#define DECLARE(type, runner) type runner(generic);
#define RUNNERS(runner) \
  { [BASIN_ISA_GENERIC] = runner(generic) }
#endif

DECLARE(basin_lane_runner, RUNNER)
#ifdef BASIN_HAS_SAMPLERS
#define DIRECT(isa) SAMPLED_RUNNER(direct, isa)
#define PROJECTED(isa) SAMPLED_RUNNER(projected, isa)
DECLARE(basin_lane_runner, DIRECT)
DECLARE(basin_lane_runner, PROJECTED)
#endif
#ifdef BASIN_HAS_SAMPLE
#define SAMPLE(isa) PASTE(PASTE(basin_sample_, BASIN_MODEL), PASTE(_, isa))
DECLARE(basin_sample_runner, SAMPLE)
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
#ifdef BASIN_HAS_SAMPLE
    .norms = ROWS(norms),
    .norm = norms,
    .sample_blocks = MODEL(sample_blocks),
    .sample_work = MODEL(sample_work),
    .some_vectors = some_vectors,
    .sample = RUNNERS(SAMPLE),
#endif
};
