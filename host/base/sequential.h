/* SPDX-License-Identifier: MIT
 *
 * sequential.h: on which side of a number a success rate lies, looked at as often as one likes.
 *
 * Of n trials s succeeded, each with probability p. For a number q let
 *
 *   M_n(q) = integral of x^s (1-x)^(n-s) over a fixed law of x / (q^s (1-q)^(n-s)).
 *
 * At q = p it is a martingale that begins at 1, so it ever reaches 1/error with probability at most `error` (Ville
 * 1939): the numbers q with M_n(q) < 1/error are, at all n together, an interval that holds p with probability at least
 * 1 - error, a confidence sequence (Robbins 1970, Ann. Math. Stat. 41, 1397; Howard, Ramdas, McAuliffe, Sekhon 2021,
 * Ann. Stat. 49, 1055). Where it does not hold q, the side is told; and it is told wrong with probability at most
 * `error`, whenever and however often one looks. If p is not q it is told some day: a test of power one.
 *
 * The law is Beta(w q, w (1-q)), whose integral is a quotient of Beta functions: with q itself as centre and the weight
 * w of so many trials it is sharpest at some twenty times w trials. The bits are the same on every machine (dmath.h).
 */
#ifndef BASIN_SEQUENTIAL_H
#define BASIN_SEQUENTIAL_H

#include <stdint.h>

typedef struct basin_side_rule {
  double of;     /* q, between 0 and 1 */
  double weight; /* w, above 0 */
  double error;  /* that a side is told wrong */
} basin_side_rule;

/* 1: the rate lies above, -1: below, 0: that cannot be told yet. */
int basin_side(const basin_side_rule *rule, int64_t trials, int64_t successes);

/* About how many trials in all tell the side at the share of successes so far: at least a quarter more than there are,
   at most twice as many. */
int64_t basin_side_enough(const basin_side_rule *rule, int64_t trials, int64_t successes);

#endif
