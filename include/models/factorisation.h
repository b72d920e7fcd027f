/* SPDX-License-Identifier: MIT
 *
 * factorisation: a matrix of rank r as a product U V', by gradient descent on both factors from small random starts.
 *
 *   f(U, V) = 1/2 |U V' - M|_F^2 + (reg/8) |U'U - V'V|_F^2                                          (4.1), (4.3)
 *   U <- U - eta_t dU, V <- V - eta_t dV, from the old pair;   eta_t constant, or A/(t + 1)^p
 *
 * S. S. Du: Gradient Descent for Non-convex Problems in Modern Machine Learning, thesis, CMU 2019, chapter 4. M is
 * given by its singular values sigma, for nothing else of it matters. What is computed, in which coordinates, and when
 * a trial is at the global optimum for good: factor/factor.h. Starts: factor/factor_start.h. Rank 1 runs in four
 * scalars (factor/factor_scalar.h), whatever the experiment says of it; `parameters: {watch: 1}` carries the law of
 * D = U'U - V'V along (factor/factor_observe.h).
 */
#ifndef BASIN_MODELS_FACTORISATION_H
#define BASIN_MODELS_FACTORISATION_H

#include "models/factor/factor_scalar.h"

#define MODEL_TITLE "matrix factorisation from small random starts"
#define MODEL_SOURCE "Du, thesis 2019, chapter 4, equations (4.1), (4.3) and (4.23)"

#define MODEL_PARAMETERS(X)                                              \
  X(d1, 20, 1, 1 << 24, 1, "1", "rows of U and of M")                    \
  X(d2, 15, 1, 1 << 24, 1, "1", "rows of V, columns of M")               \
  X(r, 2, 1, FACTOR_RANK_MAX, 1, "1", "rank of M; columns of U and V")   \
  X(reg, 0, 0, 1e6, 0, "1", "weight of the regulariser: 1 is eq. (4.3)") \
  X(watch, 0, 0, 1, 1, "1", "1: D(0), the one-step law of D and extremes are carried along")

#define MODEL_TEACHER(X) X(sigma, one, r, "singular values of M, descending")
#define MODEL_INITIAL(X)     \
  X(U, d1, r, "left factor") \
  X(V, d2, r, "right factor")
#define MODEL_STEP_SIZES(X) X(eta_UV, "step size; may be A/(t + 1)^p")
#define MODEL_OBSERVABLES(X) FACTOR_OBSERVABLES(X)

#define MODEL_OUTCOMES                                                             \
  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_SADDLE) | BASIN_CAN(BASIN_DIVERGED) | \
   BASIN_CAN(BASIN_UNRESOLVED))
#define MODEL_AT "the loss, where it is proved that it never rises again"
#define MODEL_AT_SPURIOUS "nothing"

/* in shared memory 64 registers and what they spill are 1.27 times as fast as 90, which five blocks have (population,
   on an H200) */
#define MODEL_TEAM_RESIDENT(shared, is) ((shared) ? 8 : 2)
#define MODEL_DECAYS
#define MODEL_COMMON(cell) (!(cell)->falls && !((cell)->reg > 0))
#define MODEL_INSTEAD factor_instead
#define MODEL_METHODS(X) X(population)
#define MODEL_DYNAMICS(X) X(population) X(scalar)
#define MODEL_population(F)                                                                   \
  F(0, factor_layout, factor_paces, factor_start, factor_step, factor_reached, factor_decide, \
    factor_observe, factor_vectors)
#define MODEL_scalar(F)                                                                    \
  F(5, NULL, factor_paces, factor_scalar_start, factor_scalar_step, factor_scalar_reached, \
    factor_scalar_decide, factor_scalar_observe, factor_scalar_vectors)

typedef factor_cell model_cell;

/* rank 1 that is not watched, and has no other method, runs in four scalars, all else in arrays, whichever of the two
   is asked for */
static inline const char *factor_instead(const basin_setting *setting) {
  const int arrays = setting->parameter[4] > 0 || basin_method_is_asked(&setting->gradient);
  return setting->teacher[0].length == 1 && !arrays ? "scalar" : "population";
}

static inline const char *model_prepare(const basin_setting *setting, basin_room *room,
                                        model_cell *cell, const char **where) {
  return factor_prepare(setting, room, cell, where);
}

#endif
