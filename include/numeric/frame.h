/* SPDX-License-Identifier: MIT
 *
 * frame.h: vectors of R^d as a few coordinates, in an orthonormal frame of what they span.
 *
 * The axes are made by Gram and Schmidt's process, in the order of the vectors: the first one points along the first
 * vector that is not zero. Every vector goes twice through the axes there are, which leaves them orthogonal to
 * rounding. A vector
 * of which no more than FRAME_NEW of its length is new makes no axis: that much is rounding. So vectors that are
 * parallel have coordinates 0, exactly, off their axis, and equal vectors have equal coordinates: a vector's are its
 * products with the axes up to its own, and 0 on later ones.
 */
#ifndef BASIN_NUMERIC_FRAME_H
#define BASIN_NUMERIC_FRAME_H

#include "numeric/team.h"

#define FRAME_NEW 0x1p-46

typedef struct basin_frame {
  int64_t length, width; /* d; axes there is room for: min(d, number of vectors) */
  real *axis;            /* [width][length], zero where unused */
  real *rest;            /* [length] scratch */
  real *strand;          /* [32] scratch */
  int64_t seen;          /* vectors so far */
  real used;             /* axes so far, by lane */
} basin_frame;

/* reals of axis and rest */
static inline int64_t frame_size(int64_t length, int64_t width) { return (width + 1) * length; }

BASIN_HD void frame_open(basin_team team, int64_t length, int64_t width, real *memory, real *strand,
                         basin_frame *frame) {
  frame->length = length;
  frame->width = width;
  frame->axis = memory;
  frame->rest = memory + width * length;
  frame->strand = strand;
  frame->seen = 0;
  frame->used = r_set(0.0);
  BASIN_TEAM_FOR(team, i, width * length) frame->axis[i] = r_set(0.0);
  team_sync(team);
}

/* take in a vector and give its coordinates [width] */
BASIN_HD void frame_add(basin_team team, basin_frame *frame, const real *vector, real *coordinate) {
  const int64_t d = frame->length, width = frame->width;
  const int64_t known = frame->seen < width ? frame->seen : width;
  const int64_t possible = known < width ? known + 1 : width;
  const real zero = r_set(0.0), half = r_set(0.5);
  real *rest = frame->rest;
  BASIN_TEAM_FOR(team, j, d) rest[j] = vector[j];
  for (int pass = 0; pass < 2; pass++)
    for (int64_t s = 0; s < known && !team_stopped(team); s++) {
      const real *axis = frame->axis + s * d;
      const real along = team_dot(team, axis, rest, d, frame->strand);
      BASIN_TEAM_FOR(team, j, d) rest[j] = r_fnma(along, axis[j], rest[j]);
    }
  const real all2 = team_dot(team, vector, vector, d, frame->strand);
  const real rest2 = team_dot(team, rest, rest, d, frame->strand);
  const mask fresh = m_and(r_lt(r_set(FRAME_NEW * FRAME_NEW) * all2, rest2),
                           r_lt(frame->used + half, r_set((double)width)));
  const real length = r_select(fresh, r_sqrt(rest2), r_set(1.0));
  BASIN_TEAM_FOR(team, j, d) rest[j] = rest[j] / length;
  for (int64_t s = 0; s < possible && !team_stopped(team); s++) {
    const mask here = m_and(fresh, r_lt(r_abs(frame->used - r_set((double)s)), half));
    real *axis = frame->axis + s * d;
    if (!m_any(here)) continue;
    BASIN_TEAM_FOR(team, j, d) axis[j] = r_select(here, rest[j], axis[j]);
  }
  team_sync(team);
  for (int64_t s = 0; s < width && !team_stopped(team); s++) {
    const real along = s < possible ? team_dot(team, frame->axis + s * d, vector, d, frame->strand)
                                    : zero;
    if (team.rank == 0) coordinate[s] = along;
  }
  team_sync(team);
  frame->used = frame->used + r_select(fresh, r_set(1.0), zero);
  frame->seen++;
}

/* the vector of these coordinates */
BASIN_HD void frame_vector(basin_team team, const basin_frame *frame, const real *coordinate,
                           real *vector) {
  const int64_t d = frame->length;
  BASIN_TEAM_FOR(team, j, d) {
    real sum = r_set(0.0);
    for (int64_t s = 0; s < frame->width; s++)
      sum = r_fma(coordinate[s], frame->axis[s * d + j], sum);
    vector[j] = sum;
  }
  team_sync(team);
}

#endif
