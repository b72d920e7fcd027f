/* SPDX-License-Identifier: MIT */
#include "formula/wide.h"
#include <math.h>

#if defined(__x86_64__)
#define WIDE(name) name##f128
#else
#define WIDE(name) name##l
#endif

/* those of the C library, which tells of them to some compilers alone */
#define FUNCTION(name) extern formula_wide WIDE(name)(formula_wide);
#define FUNCTION2(name) extern formula_wide WIDE(name)(formula_wide, formula_wide);
FUNCTION(sqrt)
FUNCTION(exp)
FUNCTION(expm1)
FUNCTION(log)
FUNCTION(log1p)
FUNCTION(sin)
FUNCTION(cos)
FUNCTION(tan)
FUNCTION(atan)
FUNCTION(acos)
FUNCTION(asin)
FUNCTION(tanh)
FUNCTION(erf)
FUNCTION(floor)
FUNCTION2(pow)
FUNCTION2(atan2)

static formula_wide times_plus(formula_wide x, formula_wide y, formula_wide z) { return x * y + z; }

typedef struct wide_entries {
  int64_t *size;
  formula_wide **of, *memory;
} wide_entries;

static formula_wide scalar(formula_operation operation, formula_wide x, formula_wide y,
                           formula_wide z);

#define NUMBER formula_wide
#define ENTRIES wide_entries
#define SCALAR scalar
#define FMA times_plus
#include "formula/interpret_nodes.h"

static formula_wide magnitude(formula_wide x) { return x < 0 ? -x : x; }

/* as basin_formula_scalar(); an fma may be rounded twice here */
static formula_wide scalar(formula_operation operation, formula_wide x, formula_wide y,
                           formula_wide z) {
  switch (operation) {
  case FORMULA_FMA:
    return x * y + z;
  case FORMULA_POW:
    return WIDE(pow)(x, y);
  case FORMULA_SQRT:
    return WIDE(sqrt)(x);
  case FORMULA_EXP:
    return WIDE(exp)(x);
  case FORMULA_EXPM1:
    return WIDE(expm1)(x);
  case FORMULA_LOG:
    return WIDE(log)(x);
  case FORMULA_LOG1P:
    return WIDE(log1p)(x);
  case FORMULA_SIN:
    return WIDE(sin)(x);
  case FORMULA_COS:
    return WIDE(cos)(x);
  case FORMULA_TAN:
    return WIDE(tan)(x);
  case FORMULA_ATAN:
    return WIDE(atan)(x);
  case FORMULA_ATAN2:
    return WIDE(atan2)(x, y);
  case FORMULA_ACOS:
    return WIDE(acos)(x);
  case FORMULA_ASIN:
    return WIDE(asin)(x);
  case FORMULA_TANH:
    return WIDE(tanh)(x);
  case FORMULA_ERF:
    return WIDE(erf)(x);
  case FORMULA_LOGISTIC:
    return 1 / (1 + WIDE(exp)(-x));
  case FORMULA_SOFTPLUS:
    return (x > 0 ? x : 0) + WIDE(log1p)(WIDE(exp)(-magnitude(x)));
  case FORMULA_ABS:
    return magnitude(x);
  case FORMULA_FLOOR:
    return WIDE(floor)(x);
  default:
    return arithmetic(operation, x, y, z);
  }
}

basin_status basin_formula_wide_loss(const formula_model *model, const formula_point *point,
                                     formula_wide *loss, basin_error *error) {
  wide_entries *entries;
  const basin_status status = interpret(model, point, model->loss + 1, &entries, error);
  if (!status) *loss = entries->of[model->loss][0];
  forget(entries);
  return status;
}
