/* SPDX-License-Identifier: MIT
 *
 * backend.h: the seam between who decides what to run (host/) and what runs it.
 *
 * A part is a contiguous range of trials of one cell. The host hands parts to the workers of a backend,
 * one call a part; nothing else crosses the seam while trials run. A backend must fill every output of
 * the part, and its bits must not depend on the backend, the worker or the size of the part.
 *
 * A part may come half done: trials whose outcome is not negative have ended and are left as they are, the
 * trials under way go on from their state. A backend that is asked to pause leaves the part like that. Of a part
 * that comes fresh every bit of every array is set: outcome and steps are -1, doubles NaN.
 */
#ifndef BASIN_BACKEND_H
#define BASIN_BACKEND_H

#include "basin.h"
#include "model.h"

/* Name, unit and meaning of a parameter, vector, step size or observable. */
typedef struct basin_symbol {
  const char *name, *unit, *meaning;
  double initial, minimum, maximum; /* of parameters: the default and the range */
  int integer;                      /* whether a parameter must be a whole number */
  int rows, length; /* of vectors: indices of the parameters that are their sizes; rows -1: one */
} basin_symbol;

/* Observables that every model has beside those of its own table, in cells with a fixed data set. */
#define BASIN_RISK_TABLE(X) \
  X(train_loss, "1", "empirical risk: half the mean of r^2 over the data set")

enum {
#define BASIN_RISK(name, unit, meaning) BASIN_RISK_##name,
  BASIN_RISK_TABLE(BASIN_RISK)
#undef BASIN_RISK
      BASIN_RISK_OBSERVABLES
};

typedef struct basin_job basin_job;
typedef struct basin_part basin_part;
typedef struct basin_watch basin_watch;

/* Runs a part on the calling thread; BASIN_OK, BASIN_INTERRUPTED (paused, half done) or BASIN_FAILED (out of
   memory). */
typedef basin_status basin_lane_runner(const basin_job *job, basin_part *part, basin_watch *watch);

/* Sums over the fresh inputs 0 .. inputs - 1 of one state, in BASIN_COLUMNS columns: input i counts in column
   i mod BASIN_COLUMNS, and a column adds up in the order of its inputs, so that the bits do not depend on the number
   of lanes. g_e is the derivative of an input's loss by entry e of the full vectors. */
enum { BASIN_COLUMNS = 32 };
typedef struct basin_columns {
  const double *vectors; /* the state: [size] */
  int64_t trial, step;   /* which inputs these are: a stretch of BASIN_STREAM_ESTIMATE */
  int64_t inputs;
  int64_t size; /* entries of the full vectors */
  double shift; /* the loss of input 0: near the mean, so that sums of loss - shift cancel little */
  double *loss; /* [2][BASIN_COLUMNS] of loss - shift, and of its square */
  double *gradient; /* [size][BASIN_COLUMNS] of g_e */
  double *square;   /* [initials][BASIN_COLUMNS] of |g|^2, g by one of the initial vectors */
  const int *stop;  /* as basin_team.stop (hd.h) */
  double *
      product; /* [size (size + 1) / 2][BASIN_COLUMNS] of g_e g_f, f <= e; or NULL: not asked for */
} basin_columns;

/* Draws the inputs and fills the sums; BASIN_OK, BASIN_INTERRUPTED (broken off) or BASIN_FAILED (out of memory). */
typedef basin_status basin_sample_runner(const basin_setting *setting, basin_columns *columns);

enum { BASIN_ISA_GENERIC, BASIN_ISA_AVX2, BASIN_ISA_AVX512, BASIN_ISAS };

/* An observable that is the norm of the gradient by an initial vector: indices into the model's tables. */
typedef struct basin_norm {
  int observable, initial;
} basin_norm;

/* What the host knows of a model: expanded from the tables of its header by host/model_entry.c. */
typedef struct basin_model {
  const char *name, *title, *source;
  const basin_symbol *parameter, *teacher, *initial, *step_size, *observable;
  int parameters, teachers, initials, step_sizes, observables;
  int arrays;         /* whether the state is an array with the population gradient, too */
  int drawn_teachers; /* whether a teacher may be drawn for every trial */
  unsigned outcomes;  /* or-ed BASIN_CAN() */
  const char *at, *at_spurious; /* what stop.at and stop.at_spurious are compared with */
  int64_t (*states[BASIN_DYNAMICS_COUNT])(const basin_setting *setting); /* doubles of one trial's
                                                        state; NULL where the model lacks the dynamics */
  int64_t (*work)(const basin_setting *setting); /* doubles of the scratch of one trial's steps */
  int64_t (*data_size)(const basin_setting *setting);   /* doubles of a cell's constants */
  int64_t (*vector_size)(const basin_setting *setting); /* doubles of one trial's full vectors */
  /* of an input of a fixed data set: rows, and numbers of a row; NULL where the model has none */
  int64_t (*fixed_rows)(const basin_setting *setting), (*fixed_width)(const basin_setting *setting);
  const char *(*check)(const basin_setting *setting, const char **where);
  const char *(*gradient_check)(const basin_setting *setting);
  /* full vectors, one after another in the order of `initial`, from the state at some step; BASIN_OK or
     BASIN_FAILED (out of memory) */
  basin_status (*vectors)(const basin_setting *setting, int64_t trial, const double *state,
                          double *out);
  /* NULL where the model lacks the dynamics, or not compiled for this machine */
  basin_lane_runner *lane_run[BASIN_DYNAMICS_COUNT][BASIN_ISAS];

  /* what is measured on fresh inputs; 0 and NULL where the model has no sampled form */
  int norms;              /* observables that are norms of the gradient by an initial vector */
  const basin_norm *norm; /* [norms] */
  int64_t (*sample_blocks)(const basin_setting *setting); /* Philox blocks of an input */
  int64_t (*sample_work)(const basin_setting *setting);   /* reals of its scratch array */
  basin_status (*some_vectors)(const basin_setting *setting, int64_t trial, const double *state,
                               double *out); /* as vectors, with every entry known: see model.h */
  basin_sample_runner *sample[BASIN_ISAS];
} basin_model;

/* doubles of the state of one trial of a cell */
static inline int64_t basin_states(const basin_model *model, const basin_setting *setting) {
  return model->states[setting->gradient.dynamics](setting);
}

/* The part to run. */
struct basin_job {
  const basin_model *model;
  const basin_setting *setting;
  int64_t cell;         /* its index in the experiment, for messages */
  int64_t first, count; /* trials first .. first + count - 1 */
  int64_t recorded;     /* trials below this number keep their trajectory */
  int64_t times;        /* number of recorded steps */
  const int64_t *time;  /* [times] the steps, ascending */
  int finals;           /* number of observables kept at the end of every trial */
  const int
      *final; /* [finals] their indices in the model's table, then in BASIN_RISK_TABLE; -1: NaN */
  int observables;       /* number of observables kept along trajectories */
  const int *observable; /* [observables] their indices, or -1 */
  int keep_states;       /* whether the state is kept at the recorded steps too */
  int64_t
      inputs; /* fresh inputs of the estimates at a recorded step; 0: none. Not the backend's: host/measure.h */
  int estimates; /* quantities estimated */
};

/* how many of its trials are recorded: those at its head */
static inline int64_t basin_job_recorded(const basin_job *job) {
  const int64_t n = job->recorded - job->first;
  return n < 0 ? 0 : n > job->count ? job->count : n;
}

/* A trial under way: its index in the part, and the steps it has taken. Everything due by then, records and
   stages too, is done; the step is positive and a multiple of BASIN_DECIDE_EVERY. With a fixed data set the step is any
   positive one, and the records due at it are still to be done. */
typedef struct basin_flight {
  int64_t trial, step;
} basin_flight;

/* What came of it. Trials are counted from the part's first; the recorded ones are at its head. */
struct basin_part {
  int64_t first, count, recorded; /* recorded: number of recorded trials in the part */
  int8_t *outcome;                /* [count] enum basin_outcome; -1: has not ended */
  int8_t *
      halvings; /* [count] how often the trial began again with half the step sizes, NULL where the setting does
                       not ask for it; the host's alone */
  int64_t *steps; /* [count] steps taken until the outcome */
  double *final;  /* [finals][count]; NaN where diverged */
  double *record; /* [observables][recorded][times]; NaN after the end of the trial */
  double *state;  /* [recorded][times][states], or NULL; NaN after the end of the trial */
  double
      *estimate; /* [2 * estimates][recorded][times], or NULL; not the backend's: host/measure.h */

  /* trials under way, where the run was paused: malloc'ed by the backend, freed by the host. Where it was not, those of
     an earlier pause are still here, and mean nothing any more. */
  int64_t flights;
  basin_flight *flight; /* [flights], or NULL */
  double *flight_state; /* [flights][states] */
};

/* Shared by all workers: the host's wishes, and how far the work is. Accessed atomically. */
struct basin_watch {
  int stop; /* not 0: pause soon, for good */
  int give_up; /* likewise, in the midst of a step: what takes long is broken off and done again later */
  int pauses;          /* when it changes: pause soon, to be saved and called again */
  int64_t trials;      /* trials ended */
  int64_t trial_steps; /* steps taken by all trials */
};

/* all workers leave, within a fraction of a second wherever they are */
static inline void basin_watch_stop(basin_watch *watch) {
  __atomic_store_n(&watch->stop, 1, __ATOMIC_RELAXED);
  __atomic_store_n(&watch->give_up, 1, __ATOMIC_RELAXED);
}

/* What came of a worker's call. */
typedef enum basin_worker_status {
  BASIN_WORKER_OK,
  BASIN_WORKER_PAUSED, /* the part is half done */
  BASIN_WORKER_FAILED, /* the host has no memory, or lacks what the part needs: no worker would do better */
  /* this worker is gone (its device failed), and nothing that this call did counts; others may run the part.
     error->text is the reason, "" where another worker has given it already */
  BASIN_WORKER_LOST,
  /* from the CUDA module alone, not from a backend: as BASIN_WORKER_LOST, but all that is amiss is memory of the
     device, which other workers may have; it is given back when the worker is closed */
  BASIN_WORKER_STARVED
} basin_worker_status;

/* A backend. run may be called from `workers` threads at once, each with its own worker number. */
typedef struct basin_backend {
  const char *name;
  int workers;
  int devices; /* with memory of their own, worker i at device i % devices; 0: the workers use the machine's */
  char description[128]; /* one line for `basin info` and the provenance */
  void *self;
  basin_worker_status (*run)(void *self, int worker, const basin_job *job, basin_part *part,
                             basin_watch *watch, basin_error *error);
  /* bytes that worker 0 would take of its device's memory, for this job or any asked about before, and for the data
     set of the job's cell; not 0 where the device does not tell. NULL without devices. */
  int (*plan)(void *self, const basin_job *job, int64_t *buffers, int64_t *inputs);
  void (*close)(void *self);
} basin_backend;

#endif
