/* SPDX-License-Identifier: MIT
 *
 * statistics.h: intervals, scores and quantiles.
 */
#ifndef BASIN_STATISTICS_H
#define BASIN_STATISTICS_H

#include "basin.h"

/* Two-sample z-score of rates p (of n trials) and q (of m), pooled variance; `rounding` is half a unit of the
   last digit that q was printed with and is taken off the difference first. 0 where nothing is left. */
double basin_z_score(double p, int64_t n, double q, int64_t m, double rounding);

/* out[i] is the at[i] quantile (0 to 1) of value[count], linear between order statistics (type 7 of Hyndman
   and Fan 1996); sorts value, which must hold no NaN; NaN where count is 0 */
void basin_quantiles(double *value, int64_t count, const double *at, int quantiles, double *out);

#endif
