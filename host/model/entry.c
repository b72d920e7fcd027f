/* SPDX-License-Identifier: MIT
 *
 * entry.c: what the host knows of a model, expanded from its header. Compiled once per model, for one lane, with
 * BASIN_MODEL and BASIN_MODEL_HEADER as engine/lanes.c.
 */
#include BASIN_MODEL_HEADER
#include "seam/entry.h"
#include "seam/expand.h"
#include "model/patches.h"
#include <stdlib.h>

#ifdef BASIN_OWN
#undef MODEL_WHOLE
#undef MODEL_SET /* data sets are those of the models of the build */
#endif

/* rows of a table that ends with an empty one */
#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]) - 1)

enum {
  PARAMETER_one = -1,
#define PARAMETER_INDEX(name, initial, minimum, maximum, integer, unit, meaning) PARAMETER_##name,
  MODEL_PARAMETERS(PARAMETER_INDEX)
#undef PARAMETER_INDEX
#ifndef MODEL_SIZES
#define MODEL_SIZES(X)
#endif
#define SIZE_INDEX(name, expression) PARAMETER_##name,
      MODEL_SIZES(SIZE_INDEX) /* behind the parameters */
#undef SIZE_INDEX
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
    MODEL_PARAMETERS(PARAMETER){0}};

#define VECTOR(name_, rows_, length_, meaning_) \
  {.name = #name_,                              \
   .unit = "1",                                 \
   .meaning = meaning_,                         \
   .rows = PARAMETER_##rows_,                   \
   .length = PARAMETER_##length_},
static const basin_symbol teachers[] = {MODEL_TEACHER(VECTOR){0}};
static const basin_symbol initials[] = {MODEL_INITIAL(VECTOR){0}};

#define SIZE_TEXT(name, expression) #expression,
static const char *const size_texts[] = {MODEL_SIZES(SIZE_TEXT) NULL};

static double size_of(int index, const double *parameter) {
#undef P /* a header may have one for itself */
#define P(name) (parameter[PARAMETER_##name])
#define SIZE(name, expression) \
  if (index == PARAMETER_##name) return (expression);
  MODEL_SIZES(SIZE)
#undef SIZE
#undef P
  return index < 0 ? 1 : parameter[index];
}

#define STEP_SIZE(name_, meaning_) {.name = #name_, .unit = "1", .meaning = meaning_},
static const basin_symbol step_sizes[] = {MODEL_STEP_SIZES(STEP_SIZE){0}};

#define OBSERVABLE(name_, unit_, meaning_) {.name = #name_, .unit = unit_, .meaning = meaning_},
static const basin_symbol observables[] = {MODEL_OBSERVABLES(OBSERVABLE){0}};
static const basin_symbol layer_observables[] = {MODEL_LAYER_OBSERVABLES(OBSERVABLE){0}};

_Static_assert(ROWS(step_sizes) <= BASIN_STEP_SIZES_MAX, "raise BASIN_STEP_SIZES_MAX");

#ifndef MODEL_OPTIONS
#define MODEL_OPTIONS(X)
#endif
#define OPTION(kind_, name_, initial_, minimum_, maximum_, meaning_) \
  {.name = #name_,                                                   \
   .unit = "1",                                                      \
   .meaning = meaning_,                                              \
   .of = #kind_,                                                     \
   .initial = (initial_),                                            \
   .minimum = (minimum_),                                            \
   .maximum = (maximum_)},
static const basin_symbol options[] = {MODEL_OPTIONS(OPTION){0}};

#ifndef MODEL_METHODS
#define MODEL_METHODS(X)
#endif
#ifndef MODEL_NOISY
#define MODEL_NOISY(X)
#endif
#define KIND_NAME(kind) #kind,
static const char *const of_methods[] = {MODEL_METHODS(KIND_NAME) NULL};
static const char *const noisy[] = {MODEL_NOISY(KIND_NAME) NULL};

#ifndef MODEL_STOPS
#define MODEL_STOPS(X)
#endif
#define STOP(name_, minimum_, maximum_, example_, meaning_) \
  {.name = #name_,                                          \
   .unit = "1",                                             \
   .meaning = meaning_,                                     \
   .example = example_,                                     \
   .minimum = (minimum_),                                   \
   .maximum = (maximum_)},
static const basin_symbol stops[] = {MODEL_STOPS(STOP){0}};

_Static_assert(ROWS(stops) <= BASIN_STOPS_MAX, "raise BASIN_STOPS_MAX");

#ifndef MODEL_PASSAGES
#define MODEL_PASSAGES(X)
#endif
#define PASSAGES(observable_, first_, last_) \
  {.observable = OBSERVABLE_##observable_, .first = (first_), .last = PARAMETER_##last_},
static const basin_own_passages passages[] = {MODEL_PASSAGES(PASSAGES){0}};

/* ---- the kinds of dynamics ---- */

#define RUNNER(kind, isa) BASIN_JOIN4(basin_run, BASIN_MODEL, kind, isa)
#define CALLS(kind, isa) BASIN_JOIN4(basin_calls, BASIN_MODEL, kind, isa)
#define SUMMER(isa) BASIN_JOIN3(basin_sum_inputs, BASIN_MODEL, isa)

/* what is built beside the program is built for one instruction set, when it is first asked for (host/own) */
#ifdef BASIN_OWN
#define DECLARE(kind)
#define RUNNERS(kind) \
  { NULL }
#define ALL_CALLS(kind) \
  { NULL }
#else
#if BASIN_HAS_avx2
#define FOR_AVX2(X, kind) X(kind, avx2, AVX2)
#else
#define FOR_AVX2(X, kind)
#endif
#if BASIN_HAS_avx512
#define FOR_AVX512(X, kind) X(kind, avx512, AVX512)
#else
#define FOR_AVX512(X, kind)
#endif
#define FOR_EACH_ISA(X, kind) X(kind, generic, GENERIC) FOR_AVX2(X, kind) FOR_AVX512(X, kind)

#define DECLARE_RUNNER(kind, isa, ISA) \
  basin_engine RUNNER(kind, isa);      \
  extern const basin_calls CALLS(kind, isa);
#define DECLARE(kind) FOR_EACH_ISA(DECLARE_RUNNER, kind)
/* a kind has the one or the other: so it is not linked */
#define RUNNER_ROW(kind, isa, ISA) \
  [BASIN_ISA_##ISA] = MODEL_##kind(ROW_states) > 0 ? RUNNER(kind, isa) : NULL,
#define RUNNERS(kind) \
  { FOR_EACH_ISA(RUNNER_ROW, kind) }
#define CALLS_ROW(kind, isa, ISA) \
  [BASIN_ISA_##ISA] = MODEL_##kind(ROW_states) > 0 ? NULL : &CALLS(kind, isa),
#define ALL_CALLS(kind) \
  { FOR_EACH_ISA(CALLS_ROW, kind) }
#endif
MODEL_DYNAMICS(DECLARE)
#ifdef MODEL_WHOLE
DECLARE(whole)
#endif

#define KIND(kind_)                                          \
  {.name = #kind_,                                           \
   .registers = MODEL_##kind_(ROW_states) > 0,               \
   .leaps = MODEL_##kind_(ROW_states) < 0,                   \
   .early_rule = BASIN_TEXT(MODEL_##kind_(ROW_decide)),      \
   .tolerance_rule = BASIN_TEXT(MODEL_##kind_(ROW_reached)), \
   .run = RUNNERS(kind_),                                    \
   .calls = ALL_CALLS(kind_)},
static const basin_dynamics kinds[] = {MODEL_DYNAMICS(KIND){0}};

#define IS(kind) (!strcmp(setting->gradient.dynamics, #kind))

/* what a row may leave out, as NULL */
typedef basin_layout layout_function(const basin_setting *setting, const model_cell *cell);
typedef void vectors_function(const model_cell *cell, basin_turn turn, const real *x, int any,
                              double *out);

static int layout_of(const basin_setting *setting, const model_cell *cell, basin_layout *layout) {
#define LAYOUT(kind)                                                              \
  if (IS(kind)) {                                                                 \
    layout_function *own = MODEL_##kind(ROW_layout);                              \
    *layout = own ? own(setting, cell)                                            \
                  : basin_layout_in_registers((int64_t)MODEL_##kind(ROW_states)); \
    return 1;                                                                     \
  }
  MODEL_DYNAMICS(LAYOUT)
  return 0;
}

static int makes_vectors(const basin_setting *setting) {
#define MAKES(kind)                                    \
  if (IS(kind)) {                                      \
    vectors_function *own = MODEL_##kind(ROW_vectors); \
    return own != NULL;                                \
  }
  MODEL_DYNAMICS(MAKES)
  return 0;
}

static const char *check(basin_setting *setting, const char **where) {
  basin_size *size = &setting->size;
  basin_layout layout;
  model_cell cell;
  basin_room room = {NULL, 0, 0};
  const char *why = model_prepare(setting, &room, &cell, where);
  if (why) return why;
#ifdef MODEL_INSTEAD
  setting->gradient.dynamics = MODEL_INSTEAD(setting);
  room.used = 0;
  why = model_prepare(setting, &room, &cell, where);
  if (why) return why;
#endif
  *where = "gradient";
  if (!layout_of(setting, &cell, &layout)) return "the model has no such dynamics";
  *size = (basin_size){
      .data = room.used, .states = layout.states, .work = layout.work, .team = layout.team};
  const int vectors = setting->network ? setting->network->layers : ROWS(initials);
  for (int i = 0; i < vectors; i++) size->vectors += basin_vector_size(&setting->initial[i]);
  if (layout.states < 1 || (!makes_vectors(setting) && layout.states < size->vectors))
    return "the model's header is wrong: the state of these dynamics lacks numbers, see MODEL_kind "
           "in seam/model.h";
#ifdef MODEL_VECTORS
  size->making = VECTORS_room(&cell);
#endif
#ifdef MODEL_WHOLE
  size->whole = WHOLE_work(&cell);
  size->large = WHOLE_is_large(&cell);
#endif
#ifdef MODEL_SET
  const basin_input_shape shape = SET_shape(&cell);
  size->rows = shape.rows;
  size->width = shape.width;
  size->labels = shape.labels;
#endif
#ifdef MODEL_INPUT
  const basin_input_layout input = INPUT_layout(&cell);
  size->input_blocks = input.blocks;
  size->input_work = input.work;
#endif
  return NULL;
}

/* ---- full vectors ---- */

struct basin_maker {
  const basin_setting *setting;
  model_cell cell;
  double *data, *set, *work; /* data and set: of its own, or NULL where another has them */
  basin_turn turn;           /* `warm` once there was a state of its trial */
  int any;                   /* that of the last state */
};

static void maker_free(basin_maker *m) {
  if (!m) return;
  free(m->work);
  free(m->set);
  free(m->data);
  free(m);
}

/* the data set, where the full vectors of the cell need it */
static int maker_takes_set(basin_maker *m) {
#ifdef MODEL_VECTORS
  const basin_setting *setting = m->setting;
  const basin_size *size = &setting->size;
  const int64_t n = setting->gradient.set_size, numbers = n * size->rows * size->width;
  if (!VECTORS_look_at_set(&m->cell)) return 1;
  m->set = malloc((size_t)(numbers + n * size->labels + 1) * sizeof *m->set);
  if (!m->set) return 0;
  m->turn.set = m->set;
  m->turn.label = m->set + numbers;
  return !SET_inputs(setting, &m->cell, m->data, 0, n, m->set, m->set + numbers);
#else
  return m != NULL;
#endif
}

/* the cell's constants */
static int maker_prepares(basin_maker *m) {
  const char *where;
  m->data = malloc((size_t)(m->setting->size.data + 1) * sizeof *m->data);
  basin_room room = {m->data, 0, 1};
  m->turn.data = m->data;
  return m->data && !model_prepare(m->setting, &room, &m->cell, &where) && maker_takes_set(m);
}

static basin_maker *maker(const basin_setting *setting, const basin_maker *with) {
  const basin_size *size = &setting->size;
  basin_maker *m = calloc(1, sizeof *m);
  int ok = m != NULL;
  if (ok && with) *m = (basin_maker){.cell = with->cell, .turn = with->turn};
  if (ok) {
    m->setting = setting;
    m->turn.team = basin_alone;
    m->turn.warm = 0;
    m->work = malloc((size_t)(size->work + size->vectors + BASIN_COMMON + size->making) *
                     sizeof *m->work);
    m->turn.work = m->work;
    ok = m->work && (with || maker_prepares(m));
  }
  if (ok) return m;
  maker_free(m);
  return NULL;
}

static inline __attribute__((always_inline)) void make_any(basin_maker *m, int64_t trial, int64_t n,
                                                           const double *state, int any,
                                                           double *out) {
  const basin_setting *setting = m->setting;
  const basin_size *size = &setting->size;
  m->turn.warm = m->turn.warm && m->turn.trial == (uint64_t)trial && m->any == any;
  m->turn.trial = (uint64_t)trial;
  m->any = any;
#define MAKE(kind)                                                                 \
  if (IS(kind)) {                                                                  \
    vectors_function *own = MODEL_##kind(ROW_vectors);                             \
    for (int64_t i = 0; i < n; i++, state += size->states, out += size->vectors) { \
      if (own) own(&m->cell, m->turn, state, any, out);                            \
      else memcpy(out, state, (size_t)size->vectors * sizeof *out);                \
      m->turn.warm = 1;                                                            \
    }                                                                              \
    return;                                                                        \
  }
  MODEL_DYNAMICS(MAKE)
}

/* with the processor's own fma, and its longer vectors, where it has them: the same bits */
#if defined(__x86_64__)
__attribute__((target("avx2,fma"), flatten)) static void make_fma(basin_maker *m, int64_t trial,
                                                                  int64_t n, const double *state,
                                                                  int any, double *out) {
  make_any(m, trial, n, state, any, out);
}
#endif
static void make(basin_maker *m, int64_t trial, int64_t n, const double *state, int any,
                 double *out) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    make_fma(m, trial, n, state, any, out);
    return;
  }
#endif
  make_any(m, trial, n, state, any, out);
}

static basin_status vectors(const basin_setting *setting, int64_t trial, int64_t n,
                            const double *state, int any, double *out) {
  basin_maker *m = maker(setting, NULL);
  if (m) make(m, trial, n, state, any, out);
  maker_free(m);
  return m ? BASIN_OK : BASIN_FAILED;
}

/* ---- data sets ---- */

#ifdef MODEL_SET
static basin_status inputs(const basin_setting *setting, int64_t first, int64_t count, double *z,
                           double *label) {
  const basin_gradient *g = &setting->gradient;
  const int64_t size = setting->size.rows * setting->size.width;
  const char *where;
  model_cell cell;
  double *data = malloc((size_t)(setting->size.data + 1) * sizeof *data);
  basin_status status = data ? BASIN_OK : BASIN_FAILED;
  basin_room room = {data, 0, 1};
  for (int64_t i = 0; g->images && i < count && !status; i++)
    status = basin_images_cut(g, first + i, z + i * size);
  if (!status && !model_prepare(setting, &room, &cell, &where))
    status = SET_inputs(setting, &cell, data, first, count, z, label);
  free(data);
  return status;
}
#endif

/* ---- what is measured on fresh inputs ---- */

#ifdef MODEL_INPUT
_Static_assert((int)OBSERVABLE_loss >= 0, "what has a MODEL_INPUT has an observable `loss`");
#define NORM(observable_, vector_) \
  {.observable = OBSERVABLE_##observable_, .initial = INITIAL_##vector_},
static const basin_norm norms[] = {MODEL_NORMS(NORM){0}};
#ifdef BASIN_OWN
#define SUMMERS \
  { NULL }
#else
#define DECLARE_SUMMER(kind, isa, ISA) basin_input_summer SUMMER(isa);
FOR_EACH_ISA(DECLARE_SUMMER, input)
#define SUMMER_ROW(kind, isa, ISA) [BASIN_ISA_##ISA] = SUMMER(isa),
#define SUMMERS \
  { FOR_EACH_ISA(SUMMER_ROW, input) }
#endif
#endif

extern const basin_model BASIN_JOIN2(basin_model, BASIN_MODEL);
const basin_model BASIN_JOIN2(basin_model, BASIN_MODEL) = {
    .name = BASIN_TEXT(BASIN_MODEL),
    .title = MODEL_TITLE,
    .source = MODEL_SOURCE,
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
    .layer_observable = layer_observables,
    .layer_observables = ROWS(layer_observables),
    .observed = MODEL_OBSERVED,
    .option = options,
    .options = ROWS(options),
    .kind = kinds,
    .kinds = ROWS(kinds),
    .methods = of_methods,
    .noisy = noisy,
    .size = size_of,
    .size_text = size_texts,
    .sizes = ROWS(size_texts),
#ifdef MODEL_INPUT_LAW
    .own_law = MODEL_INPUT_LAW,
#endif
#ifdef MODEL_DECAYS
    .decays = 1,
#endif
#ifdef MODEL_AT_GRADIENT
    .at_gradient = 1,
#endif
#ifdef MODEL_PRECISION
    .precision = MODEL_PRECISION,
#endif
#ifdef MODEL_DRAWN_TEACHERS
    .drawn_teachers = 1,
#endif
    .outcomes = MODEL_OUTCOMES,
    .at = MODEL_AT,
    .at_spurious = MODEL_AT_SPURIOUS,
    .stop = stops,
    .stops = ROWS(stops),
    .passages = ROWS(passages),
    .passage = passages,
    .check = check,
    .maker = maker,
    .make = make,
    .maker_free = maker_free,
    .vectors = vectors,
#ifdef MODEL_SET
    .inputs = inputs,
#endif
#ifdef MODEL_WHOLE
    .whole = ALL_CALLS(whole),
#endif
#ifdef MODEL_INPUT
    .has_inputs = 1,
    .norms = ROWS(norms),
    .norm = norms,
    .sum_inputs = SUMMERS,
#endif
};
