/* SPDX-License-Identifier: MIT
 *
 * variables.h: the table of the output file's variables, in the order in which they are made there. A grid parameter is
 * a variable too, so an experiment is refused where one has a name of this table: hence it is here, in host/read.
 *
 * X(id, name, type, dimensions, fill, there, long_name)
 *   name       %s: the name of what it is of
 *   type       int8, int32, int64, uint64, real or text
 *   dimensions or-ed BASIN_BY_; a variable of the one dimension that bears its name is the dimension's scale
 *   fill       value of what is not written: minus_one, nan, or none
 *   there      always; where there are variants, trajectories, halvings, any passages, crossings, attractors, limits,
 *              limits of trajectories; or one
 *              for each of finals, passages, observables, estimates, vectors, points (vectors and observables that
 *              attractors are found by)
 *   long_name  %s: the meaning of what it is of, of errors and vectors the name
 *
 * Beside these: one on cell for every grid parameter and parameter of the model.
 */
#ifndef BASIN_VARIABLES_H
#define BASIN_VARIABLES_H

/* the dimensions of a variable come in this order */
enum {
  BASIN_BY_CELL = 1,
  BASIN_BY_TRIAL = 2,
  BASIN_BY_RECORDED = 4,
  BASIN_BY_TIME = 8,
  BASIN_BY_CROSSING = 16,
  BASIN_BY_PASSAGE = 32,
  BASIN_BY_ATTRACTOR = 64,
  BASIN_BY_ENTRY = 128,
  BASIN_DIMENSIONS = 8
};

#define BASIN_OUTPUT_VARIABLES(X)                                                                  \
  X(cell, "cell", int64, BASIN_BY_CELL, none, always, "point of the grid")                         \
  X(trial, "trial", int64, BASIN_BY_TRIAL, none, always, "number of the random initialisation")    \
  X(recorded, "recorded", int64, BASIN_BY_RECORDED, none, trajectories,                            \
    "number of the recorded trial")                                                                \
  X(time, "time", int64, BASIN_BY_TIME, none, trajectories, "step of gradient descent")            \
  X(variant, "variant", text, BASIN_BY_CELL, none, variants,                                       \
    "alternative setting of the experiment")                                                       \
  X(variant_number, "variant_number", int8, BASIN_BY_CELL, none, variants,                         \
    "number of the variant, a line of the attribute `names`")                                      \
  X(model, "model", text, BASIN_BY_CELL, none, always, "model")                                    \
  X(trials, "trials", int64, BASIN_BY_CELL, none, always, "number of trials run")                  \
  X(draw, "draw", uint64, BASIN_BY_CELL, none, always,                                             \
    "identity of the random draws: cells with the same value share them")                          \
  X(early_rule, "early_rule", int8, BASIN_BY_CELL, none, always,                                   \
    "1: trials end where their outcome is proved, before it is reached; 0: where it is reached")   \
  X(success, "success", real, BASIN_BY_CELL, nan, always,                                          \
    "share of the trials that reached the global optimum")                                         \
  X(success_low, "success_low", real, BASIN_BY_CELL, nan, always,                                  \
    "lower end of the 95% Wilson score interval of success")                                       \
  X(success_high, "success_high", real, BASIN_BY_CELL, nan, always,                                \
    "upper end of the 95% Wilson score interval of success")                                       \
  X(outcome, "outcome", int8, BASIN_BY_CELL | BASIN_BY_TRIAL, minus_one, always,                   \
    "how the trial ended")                                                                         \
  X(steps, "steps", int64, BASIN_BY_CELL | BASIN_BY_TRIAL, minus_one, always,                      \
    "steps taken until the outcome was %s")                                                        \
  X(halvings, "halvings", int8, BASIN_BY_CELL | BASIN_BY_TRIAL, minus_one, halvings,               \
    "how often the trial diverged and began again with half the step sizes")                       \
  X(final, "final_%s", real, BASIN_BY_CELL | BASIN_BY_TRIAL, nan, finals,                          \
    "%s, at the end of the trial")                                                                 \
  X(attractor, "attractor", int32, BASIN_BY_CELL | BASIN_BY_TRIAL, minus_one, attractors,          \
    "number of the attractor where the trial came to rest; -1: at none, -2: at one beyond the "    \
    "1000 that are told apart")                                                                    \
  X(passages, "passage", int64, BASIN_BY_PASSAGE, none, any_passages,                              \
    "number of the passage: that of passage_1, passage_2, ...")                                    \
  X(passage_level, "passage_level", real, BASIN_BY_CELL | BASIN_BY_PASSAGE, nan, any_passages,     \
    "level of the passage")                                                                        \
  X(passage, "passage_%s", int64, BASIN_BY_CELL | BASIN_BY_TRIAL, minus_one, passages,             \
    "first step with %s")                                                                          \
  X(eta_t, "eta_t", real, BASIN_BY_CELL | BASIN_BY_TIME, nan, trajectories,                        \
    "flow time: sum of the step sizes up to the step, of the model's first where it has several; " \
    "of a trial with halvings h the 2^h-th part")                                                  \
  X(record, "%s", real, BASIN_BY_CELL | BASIN_BY_RECORDED | BASIN_BY_TIME, nan, observables, "%s") \
  X(estimate, "estimated_%s", real, BASIN_BY_CELL | BASIN_BY_RECORDED | BASIN_BY_TIME, nan,        \
    estimates, "%s, on fresh inputs")                                                              \
  X(error, "estimated_%s_error", real, BASIN_BY_CELL | BASIN_BY_RECORDED | BASIN_BY_TIME, nan,     \
    estimates, "standard error of estimated_%s")                                                   \
  X(entry, "%s_entry", int64, BASIN_BY_ENTRY, none, vectors, "index of the entry, from 0")         \
  X(vector, "vector_%s", real, BASIN_BY_CELL | BASIN_BY_RECORDED | BASIN_BY_TIME | BASIN_BY_ENTRY, \
    nan, vectors, "entries of %s")                                                                 \
  X(lambda_0, "lambda_0", real, BASIN_BY_CELL, nan, limits,                                        \
    "smallest eigenvalue of the Gram matrix of the gradients at the start, at infinite width")     \
  X(lambda_max, "lambda_max", real, BASIN_BY_CELL, nan, limits,                                    \
    "largest eigenvalue of the Gram matrix of the gradients at the start, at infinite width")      \
  X(loss_start_limit, "loss_start_limit", real, BASIN_BY_CELL, nan, limits,                        \
    "mean of the loss over all starts, at infinite width; see loss_start_exact")                   \
  X(loss_start_exact, "loss_start_exact", int8, BASIN_BY_CELL, minus_one, limits,                  \
    "1: loss_start_limit is exact at the cell's own width, 0: at infinite width")                  \
  X(loss_limit, "loss_limit", real, BASIN_BY_CELL | BASIN_BY_TIME, nan, limit_curves,              \
    "mean of the loss over all starts, at infinite width")                                         \
  X(attractor_number, "attractor_number", int64, BASIN_BY_ATTRACTOR, none, attractors,             \
    "number of the attractor, the same in all cells")                                              \
  X(attractor_other, "attractor_other", int64, BASIN_BY_CELL, none, attractors,                    \
    "trials at rest beyond the 1000 attractors that are told apart")                               \
  X(attractor_trials, "attractor_trials", int64, BASIN_BY_CELL | BASIN_BY_ATTRACTOR, minus_one,    \
    attractors, "trials that came to rest there")                                                  \
  X(attractor_share, "attractor_share", real, BASIN_BY_CELL | BASIN_BY_ATTRACTOR, nan, attractors, \
    "share of all trials run that came to rest there")                                             \
  X(attractor_share_low, "attractor_share_low", real, BASIN_BY_CELL | BASIN_BY_ATTRACTOR, nan,     \
    attractors, "lower end of the 95% Wilson score interval of attractor_share")                   \
  X(attractor_share_high, "attractor_share_high", real, BASIN_BY_CELL | BASIN_BY_ATTRACTOR, nan,   \
    attractors, "upper end of the 95% Wilson score interval of attractor_share")                   \
  X(attractor_loss, "attractor_loss", real, BASIN_BY_CELL | BASIN_BY_ATTRACTOR, nan, attractors,   \
    "loss at the end of the first trial that came to rest there")                                  \
  X(attractor_first, "attractor_first_trial", int64, BASIN_BY_CELL | BASIN_BY_ATTRACTOR,           \
    minus_one, attractors, "first trial that came to rest there")                                  \
  X(attractor_at, "attractor_at_%s", real, BASIN_BY_CELL | BASIN_BY_ATTRACTOR | BASIN_BY_ENTRY,    \
    nan, points, "entries of %s at the end of that trial")                                         \
  X(attractor_value, "attractor_at_%s", real, BASIN_BY_CELL | BASIN_BY_ATTRACTOR, nan, points,     \
    "%s at the end of that trial")                                                                 \
  X(crossing, "crossing", int64, BASIN_BY_CROSSING, none, crossings,                               \
    "number of the crossing, or of the curve without one")                                         \
  X(crossing_at, "crossing_at", real, BASIN_BY_CROSSING, nan, crossings,                           \
    "the refined parameter where success crosses the rate: on the line between both ends' rates")  \
  X(crossing_low, "crossing_low", real, BASIN_BY_CROSSING, nan, crossings,                         \
    "lower end of the crossing's 95% interval")                                                    \
  X(crossing_high, "crossing_high", real, BASIN_BY_CROSSING, nan, crossings,                       \
    "upper end of the crossing's 95% interval")                                                    \
  X(crossing_low_cell, "crossing_low_cell", int64, BASIN_BY_CROSSING, none, crossings,             \
    "cell at the lower end; of a curve without a crossing its first")                              \
  X(crossing_high_cell, "crossing_high_cell", int64, BASIN_BY_CROSSING, none, crossings,           \
    "cell at the upper end; of a curve without a crossing its last")                               \
  X(crossing_direction, "crossing_direction", int8, BASIN_BY_CROSSING, none, crossings,            \
    "1: success rises there with the parameter, -1: it falls, 0: no crossing")                     \
  X(crossing_status, "crossing_status", int8, BASIN_BY_CROSSING, none, crossings,                  \
    "what the search has come to")

/* Groups beside them. */
#define BASIN_OUTPUT_GROUPS(X) X("provenance") X("checksum")

#endif
