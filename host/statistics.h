/* SPDX-License-Identifier: MIT
 *
 * statistics.h: intervals, scores, tails and quantiles.
 */
#ifndef BASIN_STATISTICS_H
#define BASIN_STATISTICS_H

#include "basin.h"

/* Two-sample z-score of rates p (of n trials) and q (of m), pooled variance; `rounding` is half a unit of the
   last digit that q was printed with and is taken off the difference first. 0 where nothing is left. */
double basin_z_score(double p, int64_t n, double q, int64_t m, double rounding);

/* Probabilities of what lies as far out or farther. Of the normal law and of Student's with `freedom` degrees of
   freedom on both sides, to 1e-15; of the chi-square law beyond x, to a relative 1e-11 */
double basin_normal_tail(double z);
double basin_student_tail(double t, int freedom);
double basin_chi_square_tail(double x, int64_t freedom);

/* out[i] is the at[i] quantile (0 to 1) of value[count], linear between order statistics (type 7 of Hyndman
   and Fan 1996); sorts value, which must hold no NaN; NaN where count is 0 */
void basin_quantiles(double *value, int64_t count, const double *at, int quantiles, double *out);

#endif
