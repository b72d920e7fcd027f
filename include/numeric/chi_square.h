/* SPDX-License-Identifier: MIT
 *
 * chi_square.h: chi-square numbers, which the projected samplers draw. Like every other random number they follow from
 * key, stream, trial, step and block alone (philox.h).
 */
#ifndef BASIN_NUMERIC_CHI_SQUARE_H
#define BASIN_NUMERIC_CHI_SQUARE_H

#include "numeric/philox.h"

#define BASIN_CHI_BLOCKS 4096 /* that one number may take: it hardly ever takes more than 4 */

/* A chi-square number of each lane's trial at its own step, with so many degrees of freedom: 0 for none, a squared
   normal for 1, else twice Marsaglia and Tsang's gamma (2000), whose attempts are two blocks each from `block` on. */
BASIN_HD real basin_chi_square(uint64_t key, int stream, int64_t freedom, bits trial, bits step,
                               uint64_t block) {
  const real zero = r_set(0.0), one = r_set(1.0);
  real z0, z1, result = zero;
  if (freedom <= 0) return zero;
  basin_normals_at(key, stream, trial, step, block, &z0, &z1);
  if (freedom == 1) return z0 * z0;
  const double d = 0.5 * (double)freedom - 1.0 / 3.0, c = 1 / sqrt(9 * d);
  mask open = r_lt(zero, one);
  BASIN_ROLLED
  for (uint64_t attempt = block; m_any(open); attempt += 2) {
    bits low, high;
    if (attempt != block) basin_normals_at(key, stream, trial, step, attempt, &z0, &z1);
    basin_words_at(key, stream, trial, step, attempt + 1, &low, &high);
    const real root = r_fma(r_set(c), z0, one), cube = root * root * root;
    const mask positive = r_lt(zero, root);
    const real safe = r_select(positive, cube, one);
    const real bound = r_fma(r_set(0.5) * z0, z0, r_set(d) * ((one - cube) + r_log(safe)));
    const mask accepted = m_and(positive, r_lt(r_log(r_uniform_positive(low)), bound));
    result = r_select(m_and(open, accepted), r_set(2 * d) * cube, result);
    open = m_and(open, m_not(accepted));
  }
  return result;
}

#endif
