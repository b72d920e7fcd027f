/* SPDX-License-Identifier: MIT
 *
 * batch.h: which inputs of a data set a step takes, where it takes a mini-batch: B of the n, with replacement, by every
 * trial for itself at every step. Input number 2b + c is floor(n U), U the uniform number of word c of (key, trial,
 * BASIN_STREAM_BATCH, step, block b).
 *
 *   real even, odd;
 *   batch_pair(key, t, b, n, &even, &odd);
 *   const int64_t number = (int64_t)r_lane(&odd, lane);       input 2b + 1 of that lane
 */
#ifndef BASIN_SEAM_BATCH_H
#define BASIN_SEAM_BATCH_H

#include "seam/model.h"

/* n U of the inputs 2 pair and 2 pair + 1 of the turn's step */
BASIN_HD void batch_pair(uint64_t key, basin_turn t, int64_t pair, int64_t n, real *even,
                         real *odd) {
  bits low, high;
  basin_words_at(key, BASIN_STREAM_BATCH, t.trial, t.step, (uint64_t)pair, &low, &high);
  *even = r_uniform(low) * r_set((double)n);
  *odd = r_uniform(high) * r_set((double)n);
}

#endif
