/* SPDX-License-Identifier: MIT
 *
 * statistics.h: intervals, scores, tails, quantiles, straight lines and the bootstrap.
 */
#ifndef BASIN_STATISTICS_H
#define BASIN_STATISTICS_H

#include "basin.h"

/* Difference of two success rates over the same `trials` draws, the second's less the first's, of which only[0]
   succeeded in the first alone and only[1] in the second alone; the interval is the adjusted Wald interval of Bonett
   and Price (2012, J. Educ. Behav. Stat. 37, 479). NaN where there are no trials. */
basin_interval basin_paired_difference(const int64_t only[2], int64_t trials);

/* The 95% interval of a median by order statistics: of n numbers in ascending order, counted from 0, it goes from this
   one to the one as far from the other end. It holds the median of any law with at least 95%: how many numbers are
   below a median is binomial. -1 where n is below 6, and the whole range is not enough. */
int64_t basin_median_rank(int64_t n);

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

/* The straight line through points by least squares. */
typedef struct basin_line {
  double slope, intercept;
  double residual; /* sum of the squared distances in y */
} basin_line;

/* The line through (x[i], y[i]), finite, i < count; 0 where there is none: less than two different x. */
int basin_line_fit(const double *x, const double *y, int64_t count, basin_line *line);

enum { BASIN_RESAMPLES = 2000, BASIN_STATISTICS_MAX = 8 };

/* Means over trials with their 95% intervals: the 2.5% and 97.5% quantiles of the mean over BASIN_RESAMPLES draws of
   as many trials with replacement (percentile bootstrap, Efron 1979), the same draws for every statistic.
   value[statistics][trials], at most BASIN_STATISTICS_MAX of them. Draw i of resample r is a word of Philox under `key`
   (philox.h, BASIN_STREAM_BOOTSTRAP), so the interval is a function of its arguments alone. A statistic that is not a
   number for some trial has a mean that is none, and no interval; one trial has a mean and no interval. BASIN_FAILED
   where memory is short. */
basin_status basin_bootstrap(const double *const *value, int statistics, int64_t trials,
                             uint64_t key, basin_interval *out, basin_error *error);

#endif
