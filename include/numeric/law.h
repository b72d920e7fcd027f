/* SPDX-License-Identifier: MIT
 *
 * law.h: the laws of inputs: vectors whose entries have mean 0 and variance 1, and are no normals. Like every other
 * random number they follow from key, stream, trial, step and block alone (philox.h).
 *
 *   uniform      sqrt 3 (2 U - 1), U uniform on [0, 1)
 *   rademacher   -1 or 1
 *   sphere       the vector is uniform on the sphere of radius sqrt(its length): normals, brought to that length
 *   laplace      -+ log U / sqrt 2
 *   student      of nu degrees of freedom, 2 < nu, divided by its deviation sqrt(nu / (nu - 2)):
 *                sqrt((nu - 2) (U^(-2/nu) - 1)) cos(2 pi V)                             (Bailey 1994, eq. 3)
 *   normal       for models whose own inputs have another law
 *
 * Entries come in pairs, as two normals do: of one block, but student's of two, for of the cosine and the sine of one
 * block only one may be taken: they are not independent of each other.
 */
#ifndef BASIN_NUMERIC_LAW_H
#define BASIN_NUMERIC_LAW_H

#include "numeric/philox.h"

/* Which law. The first is that of the model's own inputs: normal, unless its header says another. Numbers that are
   hashed: never renumbered. X(NAME, "word", whether it has degrees of freedom) */
#define BASIN_LAW_TABLE(X)       \
  X(NORMAL, "normal", 0)         \
  X(UNIFORM, "uniform", 0)       \
  X(RADEMACHER, "rademacher", 0) \
  X(SPHERE, "sphere", 0)         \
  X(LAPLACE, "laplace", 0)       \
  X(STUDENT, "student", 1)

enum basin_input_law_kind {
  BASIN_LAW_OWN,
#define BASIN_INPUT_LAW(NAME, word, degrees) BASIN_LAW_##NAME,
  BASIN_LAW_TABLE(BASIN_INPUT_LAW)
#undef BASIN_INPUT_LAW
      BASIN_LAWS,
  BASIN_LAW_IMAGES = 64 /* no law: patches of images, which the host has */
};

#define BASIN_DEGREES_MIN \
  2.0 /* of student's degrees of freedom: not included, for the variance is infinite there */
#define BASIN_DEGREES_MAX 1000.0

typedef struct basin_input_law {
  int kind;       /* enum basin_input_law_kind */
  double degrees; /* of freedom, of student; else 0 */
} basin_input_law;

/* Philox blocks of two entries, and of a vector of so many */
BASIN_HD uint64_t law_pair_blocks(const basin_input_law *law) {
  return law->kind == BASIN_LAW_STUDENT ? 2 : 1;
}
BASIN_HD int64_t law_blocks(const basin_input_law *law, int64_t length) {
  return (length + 1) / 2 * (int64_t)law_pair_blocks(law);
}

/* an entry from a word; of student from both words of a block */
BASIN_HD real law_uniform(bits word) { /* exactly symmetric: 2 (U + 2^-53) - 1 */
  return r_set(1.7320508075688772) * r_fma(r_set(2.0), r_uniform(word), r_set(0x1p-52 - 1.0));
}
BASIN_HD real law_rademacher(bits word) {
  return r_from_bits((word & b_set(0x8000000000000000u)) | b_set(0x3ff0000000000000u));
}
BASIN_HD real law_laplace(bits word) { /* the last bit is none of U's */
  const real size = r_set(-0.70710678118654757) * r_log(r_uniform_positive(word));
  return r_from_bits((r_bits(size) & b_set(0x7fffffffffffffffu)) | word << 63);
}
BASIN_HD real law_student(double degrees, bits low, bits high) {
  real sine, cosine;
  const real power = r_exp(r_set(-2.0 / degrees) * r_log(r_uniform_positive(low)));
  const real radius = r_sqrt(r_set(degrees - 2.0) * (power - r_set(1.0)));
  const real turn = r_uniform(high);
  r_sincospi(turn + turn, &sine, &cosine);
  return radius * cosine;
}

/* two entries, from the block and, of student, the next one; those of the sphere before they are brought to their
   length */
BASIN_HD void law_pair(const basin_input_law *law, uint64_t key, int stream, bits trial, bits step,
                       bits block, real *x, real *y) {
  bits low, high;
  basin_words_in(key, stream, trial, step, block, &low, &high);
  if (law->kind == BASIN_LAW_UNIFORM) {
    *x = law_uniform(low);
    *y = law_uniform(high);
  } else if (law->kind == BASIN_LAW_RADEMACHER) {
    *x = law_rademacher(low);
    *y = law_rademacher(high);
  } else if (law->kind == BASIN_LAW_LAPLACE) {
    *x = law_laplace(low);
    *y = law_laplace(high);
  } else if (law->kind == BASIN_LAW_STUDENT) {
    *x = law_student(law->degrees, low, high);
    basin_words_in(key, stream, trial, step, block + b_set(1), &low, &high);
    *y = law_student(law->degrees, low, high);
  } else {
    basin_box_muller(low, high, x, y);
  }
}

/* what the entries of a vector of the sphere are multiplied by; norm2: their squared length */
BASIN_HD real law_spread(int64_t count, real norm2) {
  const mask some = r_lt(r_set(0.0), norm2); /* but once in 2^52 vectors of one entry, or never */
  return r_sqrt(r_set((double)count) / r_select(some, norm2, r_set(1.0)));
}

/* a vector of `count` entries from the blocks from `block` on, into z */
BASIN_HD void law_vector(const basin_input_law *law, uint64_t key, int stream, bits trial,
                         bits step, bits block, int64_t count, real *z) {
  const uint64_t each = law_pair_blocks(law);
  BASIN_ROLLED
  for (int64_t q = 0; q < count; q += 2, block = block + b_set(each)) {
    real x, y;
    law_pair(law, key, stream, trial, step, block, &x, &y);
    z[q] = x;
    if (q + 1 < count) z[q + 1] = y;
  }
  if (law->kind != BASIN_LAW_SPHERE) return;
  real norm2 = r_set(0.0);
  for (int64_t q = 0; q < count; q++) norm2 = r_fma(z[q], z[q], norm2);
  const real spread = law_spread(count, norm2);
  for (int64_t q = 0; q < count; q++) z[q] = spread * z[q];
}

/* the same, whose blocks a team shares; it has to sync before it reads what other threads have drawn */
BASIN_HD void law_row(const basin_input_law *law, basin_team team, uint64_t key, int stream,
                      bits trial, bits step, bits block, int64_t count, real *z) {
  const uint64_t each = law_pair_blocks(law);
  BASIN_ROLLED
  BASIN_TEAM_FOR(team, b, (count + 1) / 2) {
    real x, y;
    law_pair(law, key, stream, trial, step, block + b_set((uint64_t)b * each), &x, &y);
    z[2 * b] = x;
    if (2 * b + 1 < count) z[2 * b + 1] = y;
  }
  if (law->kind != BASIN_LAW_SPHERE) return;
  real norm2 = r_set(0.0);
  team_sync(team);
  for (int64_t q = 0; q < count; q++) norm2 = r_fma(z[q], z[q], norm2);
  const real spread = law_spread(count, norm2);
  team_sync(team);
  BASIN_TEAM_FOR(team, q, count) z[q] = spread * z[q];
}

#endif
