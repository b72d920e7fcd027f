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

#if BASIN_X86
#define DECLARE(type, runner, kind) \
  type runner(kind, generic), runner(kind, avx2), runner(kind, avx512)
#define RUNNERS(runner, kind)                                                           \
  {                                                                                     \
    [BASIN_ISA_GENERIC] = runner(kind, generic), [BASIN_ISA_AVX2] = runner(kind, avx2), \
    [BASIN_ISA_AVX512] = runner(kind, avx512)                                           \
  }
#else
#define DECLARE(type, runner, kind) type runner(kind, generic)
#define RUNNERS(runner, kind) \
  { [BASIN_ISA_GENERIC] = runner(kind, generic) }
#endif

/* of a kind of dynamics: in registers a state is a structure of doubles and there is no scratch, in arrays the model
   says how many there are */
#define STATES_IN_2(kind, setting) (int64_t)(sizeof(MODEL(state)) / sizeof(double))
#define STATES_IN_1(kind, setting) MODEL(kind##_states)(setting)
#define WORK_IN_2(kind, setting) 0
#define WORK_IN_1(kind, setting) MODEL(kind##_work)(setting)
#define VECTORS_IN_2(kind, cell, data, trial, work, state, out) \
  do {                                                          \
    MODEL(state) x;                                             \
    memcpy(&x, state, sizeof x);                                \
    (void)(work);                                               \
    MODEL(vectors)(cell, data, trial, &x, out);                 \
  } while (0)
#define VECTORS_IN_1(kind, cell, data, trial, work, state, out) \
  MODEL(kind##_vectors)(cell, data, trial, work, state, out)
#define STATES(kind, ...) PASTE(STATES_IN_, BASIN_HAS_##kind)(kind, __VA_ARGS__)
#define WORK(kind, ...) PASTE(WORK_IN_, BASIN_HAS_##kind)(kind, __VA_ARGS__)
#define VECTORS(kind, ...) PASTE(VECTORS_IN_, BASIN_HAS_##kind)(kind, __VA_ARGS__)

static int64_t population_states(const basin_setting *setting) {
  (void)setting;
  return STATES(population, setting);
}
DECLARE(basin_lane_runner, RUNNER, population);
#ifdef BASIN_HAS_flow
static int64_t flow_states(const basin_setting *setting) { return STATES(flow, setting); }
DECLARE(basin_lane_runner, RUNNER, flow);
#endif
#ifdef BASIN_HAS_direct
static int64_t direct_states(const basin_setting *setting) { return STATES(direct, setting); }
DECLARE(basin_lane_runner, RUNNER, direct);
#endif
#ifdef BASIN_HAS_mixed
static int64_t mixed_states(const basin_setting *setting) { return STATES(mixed, setting); }
DECLARE(basin_lane_runner, RUNNER, mixed);
#endif
#ifdef BASIN_HAS_projected
static int64_t projected_states(const basin_setting *setting) { return STATES(projected, setting); }
DECLARE(basin_lane_runner, RUNNER, projected);
#endif
#ifdef BASIN_HAS_fixed
static int64_t fixed_states(const basin_setting *setting) { return STATES(fixed, setting); }
static int64_t fixed_rows(const basin_setting *setting) { return MODEL(fixed_rows)(setting); }
static int64_t fixed_width(const basin_setting *setting) { return MODEL(fixed_width)(setting); }
DECLARE(basin_lane_runner, RUNNER, fixed);
#endif

static int64_t data_size(const basin_setting *setting) { return MODEL(data_size)(setting); }

/* scratch of the dynamics that a setting has; that of a fixed data set is no lane's: host/inputs.c */
static int64_t work_size(const basin_setting *setting) {
  switch (setting->gradient.dynamics) {
  case BASIN_POPULATION:
    return WORK(population, setting);
#ifdef BASIN_HAS_flow
  case BASIN_FLOW:
    return WORK(flow, setting);
#endif
#ifdef BASIN_HAS_direct
  case BASIN_DIRECT:
    return WORK(direct, setting);
#endif
#ifdef BASIN_HAS_mixed
  case BASIN_MIXED:
    return WORK(mixed, setting);
#endif
#ifdef BASIN_HAS_projected
  case BASIN_PROJECTED:
    return WORK(projected, setting);
#endif
  default:
    return 0;
  }
}

/* known: NaN for what a projected state does not know; else some vectors of the same loss and gradient norms */
static void write_vectors(const basin_setting *setting, const MODEL(cell) * cell,
                          const double *data, uint64_t trial, double *work, const double *state,
                          int known, double *out) {
  (void)known;
  switch (setting->gradient.dynamics) {
  case BASIN_POPULATION:
    VECTORS(population, cell, data, trial, work, state, out);
    break;
#ifdef BASIN_HAS_flow
  case BASIN_FLOW:
    VECTORS(flow, cell, data, trial, work, state, out);
    break;
#endif
#ifdef BASIN_HAS_direct
  case BASIN_DIRECT:
    VECTORS(direct, cell, data, trial, work, state, out);
    break;
#endif
#ifdef BASIN_HAS_mixed
  case BASIN_MIXED:
    VECTORS(mixed, cell, data, trial, work, state, out);
    break;
#endif
#ifdef BASIN_HAS_projected
  case BASIN_PROJECTED:
#ifdef BASIN_HAS_SAMPLE
    if (!known) {
      MODEL(projected_some_vectors)(cell, data, trial, work, state, out);
      break;
    }
#endif
    VECTORS(projected, cell, data, trial, work, state, out);
    break;
#endif
#ifdef BASIN_HAS_fixed
  case BASIN_FIXED:
    VECTORS(fixed, cell, data, trial, work, state, out);
    break;
#endif
  default:
    break;
  }
}

static basin_status prepare_vectors(const basin_setting *setting, int64_t trial,
                                    const double *state, int known, double *out) {
  MODEL(cell) cell;
  const int64_t constants = MODEL(data_size)(setting);
  double *data = malloc((size_t)(constants + work_size(setting)) * sizeof *data);
  if (!data) return BASIN_FAILED;
  MODEL(prepare)(setting, &cell, data);
  write_vectors(setting, &cell, data, (uint64_t)trial, data + constants, state, known, out);
  free(data);
  return BASIN_OK;
}

static basin_status vectors(const basin_setting *setting, int64_t trial, const double *state,
                            double *out) {
  return prepare_vectors(setting, trial, state, 1, out);
}

#ifdef BASIN_HAS_SAMPLE
static basin_status some_vectors(const basin_setting *setting, int64_t trial, const double *state,
                                 double *out) {
  return prepare_vectors(setting, trial, state, 0, out);
}

enum {
#define OBSERVABLE_INDEX(name, unit, meaning) OBSERVABLE_##name,
  MODEL(OBSERVABLES)(OBSERVABLE_INDEX)
#undef OBSERVABLE_INDEX
};
enum {
#define INITIAL_INDEX(name, rows, length, meaning) INITIAL_##name,
  MODEL(INITIAL)(INITIAL_INDEX)
#undef INITIAL_INDEX
};
#define NORM(observable_, vector_) \
  {.observable = OBSERVABLE_##observable_, .initial = INITIAL_##vector_},
static const basin_norm norms[] = {MODEL(SAMPLE_NORMS)(NORM){0}};

#define SAMPLER(model, isa) PASTE(PASTE(basin_sample_, model), PASTE(_, isa))
DECLARE(basin_sample_runner, SAMPLER, BASIN_MODEL);
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
    .arrays = BASIN_HAS_population == BASIN_ARRAYS,
#ifdef BASIN_DRAWN_TEACHERS
    .drawn_teachers = 1,
#endif
    .outcomes = MODEL(OUTCOMES),
    .at = MODEL(AT),
    .at_spurious = MODEL(AT_SPURIOUS),
    .work = work_size,
    .data_size = data_size,
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
#ifdef BASIN_HAS_mixed
            [BASIN_MIXED] = mixed_states,
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
            [BASIN_POPULATION] = RUNNERS(RUNNER, population),
#ifdef BASIN_HAS_flow
            [BASIN_FLOW] = RUNNERS(RUNNER, flow),
#endif
#ifdef BASIN_HAS_direct
            [BASIN_DIRECT] = RUNNERS(RUNNER, direct),
#endif
#ifdef BASIN_HAS_mixed
            [BASIN_MIXED] = RUNNERS(RUNNER, mixed),
#endif
#ifdef BASIN_HAS_projected
            [BASIN_PROJECTED] = RUNNERS(RUNNER, projected),
#endif
#ifdef BASIN_HAS_fixed
            [BASIN_FIXED] = RUNNERS(RUNNER, fixed),
#endif
        },
#ifdef BASIN_HAS_SAMPLE
    .norms = ROWS(norms),
    .norm = norms,
    .sample_blocks = MODEL(sample_blocks),
    .sample_work = MODEL(sample_work),
    .some_vectors = some_vectors,
    .sample = RUNNERS(SAMPLER, BASIN_MODEL),
#endif
};
