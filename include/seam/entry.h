/* SPDX-License-Identifier: MIT
 *
 * entry.h: what the host knows of a model: plain data and functions, expanded from the tables of its header by
 * host/model/entry.c. So the host has no model's name in its code. host/model/registry.h finds the entry of a name:
 *
 *   const basin_model *model = basin_model_find("cnn");
 *   model->check(&setting, &where);                             NULL, or what is wrong with setting->...
 *   basin_cpu_run(&job, isa, &part, &watch);                    by its kinds' engines (host/engine/cpu.h)
 *
 * The entry of a header that is not part of the build comes of host/own/own.h, with BASIN_OWN defined: engines and data
 * sets are left out of it.
 */
#ifndef BASIN_SEAM_ENTRY_H
#define BASIN_SEAM_ENTRY_H

#include "seam/condition.h"
#include "seam/job.h"
#include <string.h>

/* Name, unit and meaning of a parameter, vector, step size, option or observable. */
typedef struct basin_symbol {
  const char *name, *unit, *meaning;
  const char *of;      /* of options: the dynamics that has it */
  const char *example; /* of stops: what may be given */
  double initial, minimum,
      maximum;      /* of parameters and options: the default and the range; of stops the range */
  int integer;      /* whether a parameter must be a whole number */
  int rows, length; /* of vectors: what their sizes are, see basin_model.size; -1: one */
} basin_symbol;

/* Runs a part on the calling thread; BASIN_OK, BASIN_INTERRUPTED (paused, half done), BASIN_FAILED (out of memory) or
   BASIN_BAD_INPUT (part->refused). calls: of a kind whose state is an array (calls.h), else NULL. */
typedef struct basin_calls basin_calls;
typedef basin_status basin_engine(const basin_calls *calls, const basin_job *job, basin_part *part,
                                  basin_watch *watch);

/* Sums over the fresh inputs 0 .. inputs - 1 of one state, in BASIN_SUMS partial sums: input i counts in partial sum
   i mod BASIN_SUMS, which adds up in the order of its inputs, so that the bits do not depend on the number of lanes.
   g_e is the derivative of an input's loss by entry e of the full vectors. */
enum { BASIN_SUMS = 32 };
typedef struct basin_input_sums {
  const double *vectors; /* the state: [size] */
  int64_t trial, step;   /* which inputs these are: a stretch of BASIN_STREAM_ESTIMATE */
  const int *stop;       /* not NULL: BASIN_INTERRUPTED as soon as this is not 0 */
  int64_t inputs;
  int64_t size; /* entries of the full vectors */
  double shift; /* the loss of input 0: near the mean, so that sums of loss - shift cancel little */
  double *loss; /* [2][BASIN_SUMS] of loss - shift, and of its square */
  double *gradient; /* [size][BASIN_SUMS] of g_e */
  double *square;   /* [initials][BASIN_SUMS] of |g|^2, g by one of the initial vectors */

  /* [size (size + 1) / 2][BASIN_SUMS] of g_e g_f, f <= e; or NULL: not asked for */
  double *product;
} basin_input_sums;

/* Draws the inputs and fills the sums; BASIN_OK, BASIN_INTERRUPTED or BASIN_FAILED (out of memory). */
typedef basin_status basin_input_summer(const basin_setting *setting, basin_input_sums *sums);

/* instruction sets: name, word */
#define BASIN_ISA_TABLE(X) X(GENERIC, "generic") X(AVX2, "avx2") X(AVX512, "avx512")

enum {
#define BASIN_ISA_ROW(NAME, word) BASIN_ISA_##NAME,
  BASIN_ISA_TABLE(BASIN_ISA_ROW)
#undef BASIN_ISA_ROW
      BASIN_ISAS
};

/* An observable that is the norm of the gradient by an initial vector: indices into the model's tables. */
typedef struct basin_norm {
  int observable, initial;
} basin_norm;

/* Passages that are kept of a model's trials where the experiment names none: the observable rises to the levels first,
   first + 1, ..., up to a parameter. */
typedef struct basin_own_passages {
  int observable; /* indices into the model's tables */
  double first;
  int last;
} basin_own_passages;

/* One kind of dynamics of a model. */
typedef struct basin_dynamics {
  const char *name;
  int registers; /* whether the state is a few numbers, kept in registers */
  int leaps;     /* whether several steps can be taken in one go */

  /* names of the functions of the two rules: the same where there is no early one */
  const char *early_rule, *tolerance_rule;

  /* In registers its own engine; in arrays what the one of all such kinds calls. NULL where not compiled for this
     machine; of a model that is not part of the build: not yet (own/own.h) */
  basin_engine *run[BASIN_ISAS];
  const basin_calls *calls[BASIN_ISAS];
} basin_dynamics;

/* Makes full vectors of the states of a cell, whose constants it has prepared once; a thread each. What the states of a
   trial have in common, as the draw of its start, is made once while they come one after another. */
typedef struct basin_maker basin_maker;

typedef struct basin_model {
  const char *name, *title, *source;
  uint64_t content; /* hash of its header, of a model that is not part of the build; else 0 */
  const basin_symbol *parameter, *teacher, *initial, *step_size, *observable;
  int parameters, teachers, initials, step_sizes, observables;

  /* MODEL_LAYER_OBSERVABLES: what there is of every layer, where a model has layers. Of the model that an experiment's
     layers make they are among its observables, with the layer's number behind their names */
  const basin_symbol *layer_observable;
  int layer_observables;
  int observed; /* numbers that its engines observe, of as many layers as there can be: at least `observables` */
  const char *own_law;          /* MODEL_INPUT_LAW, or NULL: its inputs are normal */
  double precision;             /* MODEL_PRECISION, or 0: that of rounding */
  int drawn_teachers;           /* whether a teacher may be drawn for every trial */
  int decays;                   /* MODEL_DECAYS: whether steps compute A/(t + 1)^p themselves */
  int at_gradient;              /* whether stop.at_gradient is asked of the model itself */
  unsigned outcomes;            /* or-ed BASIN_CAN() */
  const char *at, *at_spurious; /* what stop.at and stop.at_spurious are compared with */
  const basin_symbol *stop;     /* [stops] criteria of its own, keys of `stop`: numbers above 0 */
  int stops;
  int passages;
  const basin_own_passages *passage; /* [passages] */

  const basin_symbol
      *option; /* [options] of all dynamics; those of one in the order of gradient.option */
  int options;

  /* The value of rows or length of a vector: a number of a parameter, or behind them of one of the size_text[sizes],
     which say what they are as the header does; 1 of -1. */
  double (*size)(int index, const double *parameter);
  const char *const *size_text;
  int sizes;

  const basin_dynamics *kind; /* [kinds]; the first is the default */
  int kinds;
  const char *const *methods; /* names of the kinds that take a method of method.h, up to NULL */
  const char *const *noisy;   /* of the other ones that add noise to the gradient, up to NULL */

  /* NULL, and setting->size filled in; or what is wrong, *where being the key: "teacher.v", "stop.at", "gradient" */
  const char *(*check)(basin_setting *setting, const char **where);

  /* A maker of the cell's full vectors; NULL without memory. with: NULL, or one of the same setting, whose constants
     and data set it uses, too, and which must outlive it */
  basin_maker *(*maker)(const basin_setting *setting, const basin_maker *with);

  /* full vectors [n][size.vectors], each in the order of `initial`, from n states of a trial [n][size.states]; any: see
     model.h */
  void (*make)(basin_maker *maker, int64_t trial, int64_t n, const double *state, int any,
               double *out);
  void (*maker_free)(basin_maker *maker);

  /* the same by a maker that is there for one call: BASIN_OK or BASIN_FAILED (out of memory) */
  basin_status (*vectors)(const basin_setting *setting, int64_t trial, int64_t n,
                          const double *state, int any, double *out);

  /* Inputs first .. first + count - 1 of the cell's data set, z [count][size.rows][size.width], and their labels
     [count][size.labels], the same bits wherever they are drawn. BASIN_OK or BASIN_FAILED (out of memory). NULL where
     the model has no data sets */
  basin_status (*inputs)(const basin_setting *setting, int64_t first, int64_t count, double *z,
                         double *label);

  /* the calls of the engine that runs one trial at a time, for cells that are `large` (setting.h): the same bits; NULL
     where the model has none (MODEL_WHOLE), or it is not compiled for this machine */
  const basin_calls *whole[BASIN_ISAS];

  /* what is measured on fresh inputs; 0 and NULL where the model has no such inputs */
  int has_inputs;         /* whether it has: MODEL_INPUT */
  int norms;              /* observables that are norms of the gradient by an initial vector */
  const basin_norm *norm; /* [norms] */
  basin_input_summer *sum_inputs[BASIN_ISAS];
} basin_model;

/* whether the kind is among these names */
static inline int basin_kind_is_of(const char *const *names, const char *kind) {
  while (*names && strcmp(*names, kind) != 0) names++;
  return *names != NULL;
}

/* the model's dynamics of that name, or NULL */
static inline const basin_dynamics *basin_dynamics_find(const basin_model *model,
                                                        const char *name) {
  for (int i = 0; i < model->kinds; i++)
    if (!strcmp(model->kind[i].name, name)) return &model->kind[i];
  return NULL;
}

/* the dynamics of a setting that was checked */
static inline const basin_dynamics *basin_dynamics_of(const basin_model *model,
                                                      const basin_setting *setting) {
  return basin_dynamics_find(model, setting->gradient.dynamics);
}

/* Who asks for the observables of BASIN_RISK_TABLE, in a part of the kind `dataset`: or-ed. Finals and records;
   passages; stop.when. */
enum { BASIN_RISK_KEPT = 1, BASIN_RISK_PASSED = 2, BASIN_RISK_ASKED = 4 };
static inline int basin_risk_wanted(const basin_job *job) {
  const int own = job->model->observables;
  const basin_condition *when = job->setting->stop.when;
  int wanted = 0;
  for (int i = 0; i < job->finals; i++)
    if (job->final[i] >= own) wanted |= BASIN_RISK_KEPT;
  for (int i = 0; i < job->observables; i++)
    if (job->observable[i] >= own) wanted |= BASIN_RISK_KEPT;
  for (int i = 0; i < job->passages; i++)
    if (job->passage[i].observable >= own) wanted |= BASIN_RISK_PASSED;
  for (int64_t i = 0; when && i < when->count; i++)
    if (when->step[i].operation == BASIN_CONDITION_OBSERVABLE && when->step[i].observable >= own)
      wanted |= BASIN_RISK_ASKED;
  return wanted;
}

#endif
