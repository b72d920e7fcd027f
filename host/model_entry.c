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
#define RUNNER(dynamics, isa) \
  PASTE(PASTE(basin_run_, BASIN_MODEL), PASTE(_, PASTE(dynamics, PASTE(_, isa))))

enum {
  PARAMETER_one = -1,
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

#define VECTOR(name_, rows_, length_, meaning_) \
  {.name = #name_,                              \
   .unit = "1",                                 \
   .meaning = meaning_,                         \
   .rows = PARAMETER_##rows_,                   \
   .length = PARAMETER_##length_},
static const basin_symbol teachers[] = {MODEL(TEACHER)(VECTOR){0}};
static const basin_symbol initials[] = {MODEL(INITIAL)(VECTOR){0}};

#define STEP_SIZE(name_, meaning_) {.name = #name_, .unit = "1", .meaning = meaning_},
static const basin_symbol step_sizes[] = {MODEL(STEP_SIZES)(STEP_SIZE){0}};

#define OBSERVABLE(name_, unit_, meaning_) {.name = #name_, .unit = unit_, .meaning = meaning_},
static const basin_symbol observables[] = {MODEL(OBSERVABLES)(OBSERVABLE){0}};

_Static_assert(ROWS(step_sizes) <= BASIN_STEP_SIZES_MAX, "raise BASIN_STEP_SIZES_MAX");

static int64_t vector_size(const basin_setting *setting) {
  int64_t size = 0;
  for (int i = 0; i < ROWS(initials); i++) size += basin_vector_size(&setting->initial[i]);
  return size;
}

static const char *check(const basin_setting *setting, const char **where) {
  return MODEL(check)(setting, where);
}

static const char *gradient_check(const basin_setting *setting) {
  return MODEL(gradient_check)(setting);
}

/* ---- the kinds of dynamics ---- */

/* in registers: a structure of doubles; in arrays: as many as the model says */
#define STATES_2(kind)                                         \
  static int64_t kind##_states(const basin_setting *setting) { \
    (void)setting;                                             \
    return sizeof(MODEL(state)) / sizeof(double);              \
  }
#define STATES_1(kind)                                         \
  static int64_t kind##_states(const basin_setting *setting) { \
    return MODEL(kind##_states)(setting);                      \
  }
#define VECTORS_2(kind, cell, data, trial, state, out)      \
  do {                                                      \
    MODEL(state) x;                                         \
    memcpy(&x, state, sizeof x);                            \
    MODEL(vectors)(cell, data, (uint64_t)(trial), &x, out); \
  } while (0)
#define VECTORS_1(kind, cell, data, trial, state, out) \
  MODEL(kind##_vectors)(cell, data, (uint64_t)(trial), state, out)

#if BASIN_X86
#define DECLARE(kind) \
  basin_lane_runner RUNNER(kind, generic), RUNNER(kind, avx2), RUNNER(kind, avx512);
#define RUNNERS(kind)                                                                   \
  {                                                                                     \
    [BASIN_ISA_GENERIC] = RUNNER(kind, generic), [BASIN_ISA_AVX2] = RUNNER(kind, avx2), \
    [BASIN_ISA_AVX512] = RUNNER(kind, avx512)                                           \
  }
#else
#define DECLARE(kind) basin_lane_runner RUNNER(kind, generic);
#define RUNNERS(kind) \
  { [BASIN_ISA_GENERIC] = RUNNER(kind, generic) }
#endif

DECLARE(population)
PASTE(STATES_, BASIN_HAS_population)
(population)
#ifdef BASIN_HAS_flow
    DECLARE(flow) PASTE(STATES_, BASIN_HAS_flow)(flow)
#endif
#ifdef BASIN_HAS_direct
        DECLARE(direct) PASTE(STATES_, BASIN_HAS_direct)(direct)
#endif
#ifdef BASIN_HAS_projected
            DECLARE(projected) PASTE(STATES_, BASIN_HAS_projected)(projected)
#endif
#ifdef BASIN_HAS_fixed
                DECLARE(fixed) PASTE(STATES_, BASIN_HAS_fixed)(fixed)

                    static int64_t fixed_rows(const basin_setting *setting) {
  return MODEL(fixed_rows)(setting);
}

static int64_t fixed_width(const basin_setting *setting) { return MODEL(fixed_width)(setting); }
#endif

static basin_status vectors(const basin_setting *setting, int64_t trial, const double *state,
                            double *out) {
  MODEL(cell) cell;
  double *data = malloc((size_t)MODEL(data_size)(setting) * sizeof *data);
  if (!data) return BASIN_FAILED;
  MODEL(prepare)(setting, &cell, data);
  switch (setting->gradient.dynamics) {
  case BASIN_POPULATION:
    PASTE(VECTORS_, BASIN_HAS_population)(population, &cell, data, trial, state, out);
    break;
#ifdef BASIN_HAS_flow
  case BASIN_FLOW:
    PASTE(VECTORS_, BASIN_HAS_flow)(flow, &cell, data, trial, state, out);
    break;
#endif
#ifdef BASIN_HAS_direct
  case BASIN_DIRECT:
    PASTE(VECTORS_, BASIN_HAS_direct)(direct, &cell, data, trial, state, out);
    break;
#endif
#ifdef BASIN_HAS_projected
  case BASIN_PROJECTED:
    PASTE(VECTORS_, BASIN_HAS_projected)(projected, &cell, data, trial, state, out);
    break;
#endif
#ifdef BASIN_HAS_fixed
  case BASIN_FIXED:
    PASTE(VECTORS_, BASIN_HAS_fixed)(fixed, &cell, data, trial, state, out);
    break;
#endif
  default:
    break; /* refused when the experiment was read */
  }
  free(data);
  return BASIN_OK;
}

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
#ifdef BASIN_DRAWN_TEACHERS
    .drawn_teachers = 1,
#endif
    .outcomes = MODEL(OUTCOMES),
    .vector_size = vector_size,
    .check = check,
    .gradient_check = gradient_check,
    .vectors = vectors,
    .states =
        {
            [BASIN_POPULATION] = population_states,
#ifdef BASIN_HAS_flow
            [BASIN_FLOW] = flow_states,
#endif
#ifdef BASIN_HAS_direct
            [BASIN_DIRECT] = direct_states,
#endif
#ifdef BASIN_HAS_projected
            [BASIN_PROJECTED] = projected_states,
#endif
#ifdef BASIN_HAS_fixed
            [BASIN_FIXED] = fixed_states,
#endif
        },
#ifdef BASIN_HAS_fixed
    .fixed_rows = fixed_rows,
    .fixed_width = fixed_width,
#endif
    .lane_run =
        {
            [BASIN_POPULATION] = RUNNERS(population),
#ifdef BASIN_HAS_flow
            [BASIN_FLOW] = RUNNERS(flow),
#endif
#ifdef BASIN_HAS_direct
            [BASIN_DIRECT] = RUNNERS(direct),
#endif
#ifdef BASIN_HAS_projected
            [BASIN_PROJECTED] = RUNNERS(projected),
#endif
#ifdef BASIN_HAS_fixed
            [BASIN_FIXED] = RUNNERS(fixed),
#endif
        },
};
