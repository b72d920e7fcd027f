/* SPDX-License-Identifier: MIT
 *
 * filter_inputs.h: the inputs of the model filter, and the loss and its gradient on a single one.
 *
 * The angle model (du-thesis-2019, Figure 6.3): with the axis e = w* / |w*|, a sign s = +-1 and u uniform on the unit
 * sphere orthogonal to e,
 *
 *   Z~ = s (cos t e + sin t u),      t ~ N(0, sigma^2) cut to [-pi/2, pi/2]
 *   Z_j = cos s_j Z~ + sin s_j v_j,  s_j ~ N(0, sigma2^2) cut to [-pi, pi], v_j uniform orthogonal to Z~
 *
 * and Z_1 = Z~ for k = 1; by inverse: t = sigma sqrt 2 erfinv(c U), c = erf(pi / (2 sqrt 2 sigma)), U uniform on the
 * odd multiples of 2^-52 in (-1, 1); the sign is a bit of the same word. For p = 2 both t and s_j are symmetric, and u
 * and v_j are one direction. Or, by the key `law`, k independent patches, each a vector of numeric/law.h.
 *
 * Coordinates. The angle model knows the axis e alone, so sampled dynamics work in coordinates whose first axis is e:
 * the reflection along h = e + sgn(e_1) e^1, and the sign of the first coordinate turned where that makes it +e. For
 * w* = |w*| e^1 they are the plain ones, to the bit.
 *
 * Words of an input, two a block: first that of Z~, then that of each patch; behind these blocks the normals of u
 * (p - 1), then those of each v_j (p), for p >= 3. Of another law: the blocks of each patch.
 */
#ifndef BASIN_MODELS_FILTER_INPUTS_H
#define BASIN_MODELS_FILTER_INPUTS_H

#include "models/filter/filter_state.h"

/* ---------------------------------------------------------------- angles */

/* uniform on the odd multiples of 2^-52 in (-1, 1) */
BASIN_HD real filter_symmetric(bits word) {
  const real u = r_uniform(word);
  return ((u + u) - r_set(1.0)) + r_set(0x1p-52);
}

/* sine and cosine of angles that are made of a word each; a[i]: of which kind, none of them uniform; of `count`, a
   constant up to BASIN_ABREAST */
BASIN_HD void filter_turn_of(int count, const filter_angle *const *a, const bits *word, real *sine,
                             real *cosine) {
  real x[BASIN_ABREAST];
  BASIN_UNROLL
  for (int i = 0; i < count; i++) x[i] = r_set(a[i]->cut) * filter_symmetric(word[i]);
  r_erfinv_of(count, x, x);
  BASIN_UNROLL
  for (int i = 0; i < count; i++) x[i] = r_set(a[i]->scale) * x[i];
  r_sincos_of(count, x, sine, cosine);
}
/* the same of one angle of any kind */
BASIN_HD void filter_turn(const filter_angle *a, bits word, real *sine, real *cosine) {
  if (a->uniform) r_sincospi(r_set(a->half) * filter_symmetric(word), sine, cosine);
  else filter_turn_of(1, &a, &word, sine, cosine);
}

/* turned by pi where the word's lowest bit says so */
BASIN_HD void filter_either(bits word, real *sine, real *cosine) {
  const bits side = (word & b_set(1)) << 63;
  *sine = r_from_bits(r_bits(*sine) ^ side);
  *cosine = r_from_bits(r_bits(*cosine) ^ side);
}

/* ---------------------------------------------------------------- blocks of an input */

BASIN_HD int64_t filter_word_blocks(const filter_cell *cell) {
  return cell->law.kind ? 0 : cell->around ? (cell->k + 2) / 2 : 1;
}
BASIN_HD int64_t filter_centre_blocks(const filter_cell *cell) {
  return cell->law.kind || cell->p == 2 ? 0 : cell->p / 2;
}
BASIN_HD int64_t filter_patch_blocks(const filter_cell *cell) {
  if (cell->law.kind) return law_blocks(&cell->law, cell->p);
  return cell->around && cell->p > 2 ? (cell->p + 1) / 2 : 0;
}
BASIN_HD int64_t filter_blocks(const filter_cell *cell) {
  return filter_word_blocks(cell) + filter_centre_blocks(cell) +
         cell->k * filter_patch_blocks(cell);
}

/* where an input's random numbers are */
typedef struct filter_source {
  int stream;
  bits trial, step, block; /* the first block */
} filter_source;

BASIN_HD bits filter_word(const filter_cell *cell, const filter_source *at, int64_t n) {
  bits low, high;
  basin_words_in(cell->key, at->stream, at->trial, at->step, at->block + b_set((uint64_t)n / 2),
                 &low, &high);
  return n % 2 ? high : low;
}

/* the first block of what patch j has of its own; of the centre for j = -1 */
BASIN_HD bits filter_block_of(const filter_cell *cell, const filter_source *at, int64_t j) {
  const int64_t before = j < 0 ? 0 : filter_centre_blocks(cell) + j * filter_patch_blocks(cell);
  return at->block + b_set((uint64_t)(filter_word_blocks(cell) + before));
}

/* ---------------------------------------------------------------- patches */

/* Z~ in the frame, z [p] */
BASIN_HD void filter_centre(const filter_cell *cell, const filter_source *at, real *z) {
  const int64_t p = cell->p;
  real sine, cosine, norm2 = r_set(0.0);
  const bits word = filter_word(cell, at, 0);
  filter_turn(&cell->centre, word, &sine, &cosine);
  filter_either(word, &sine, &cosine);
  z[0] = cosine;
  z[1] = sine;
  if (p == 2) return;
  basin_normals_row(basin_alone, cell->key, at->stream, at->trial, at->step,
                    filter_block_of(cell, at, -1), p - 1, z + 1);
  for (int64_t q = 1; q < p; q++) norm2 = r_fma(z[q], z[q], norm2);
  const real scale = sine / r_sqrt(norm2);
  for (int64_t q = 1; q < p; q++) z[q] = scale * z[q];
}

/* Patch j around the centre z~ [p], into z [p], which may be the same: then the normals are drawn twice. */
BASIN_HD void filter_around(const filter_cell *cell, const filter_source *at, int64_t j,
                            const real *centre, real *z) {
  const int64_t p = cell->p;
  real sine, cosine, along = r_set(0.0), norm2 = r_set(0.0);
  filter_turn(&cell->patch, filter_word(cell, at, 1 + j), &sine, &cosine);
  if (p == 2) {
    const real x = centre[0], y = centre[1];
    z[0] = r_fnma(sine, y, cosine * x);
    z[1] = r_fma(sine, x, cosine * y);
    return;
  }
  const bits block = filter_block_of(cell, at, j);
  real scale = r_set(0.0);
  for (int pass = 0; pass < 2; pass++)
    for (int64_t q = 0; q < p; q += 2) {
      real g[2];
      basin_normals_in(cell->key, at->stream, at->trial, at->step, block + b_set((uint64_t)q / 2),
                       &g[0], &g[1]);
      if (pass && q == 0) scale = sine / r_sqrt(r_fnma(along, along, norm2));
      BASIN_UNROLLED
      for (int64_t i = 0; i < 2 && q + i < p; i++) {
        const real c = centre[q + i];
        if (!pass) {
          along = r_fma(g[i], c, along);
          norm2 = r_fma(g[i], g[i], norm2);
        } else {
          z[q + i] = r_fma(scale, r_fnma(along, c, g[i]), cosine * c);
        }
      }
    }
}

/* Patch j of an input, into z [p]. law: NULL, which the compiler has to know, for the angle model. centre [p]: made for
   j = 0 where it is not z, else for every patch anew */
BASIN_HD void filter_patch(const filter_cell *cell, const basin_input_law *law,
                           const filter_source *at, int64_t j, real *centre, real *z) {
  if (law) {
    law_vector(law, cell->key, at->stream, at->trial, at->step, filter_block_of(cell, at, j),
               cell->p, z);
  } else if (cell->around) {
    if (j == 0 || centre == z) filter_centre(cell, at, centre);
    filter_around(cell, at, j, centre, z);
  } else if (j == 0 || centre == z) { /* all patches are the centre */
    filter_centre(cell, at, z);
  }
}

/* ---------------------------------------------------------------- coordinates */

/* between plain coordinates and those of the frame, in place: x [p], entries `stride` apart */
BASIN_HD void filter_reflect(const filter_cell *cell, const double *data, real *x) {
  const double *h = data + cell->mirror;
  real along = r_set(0.0);
  for (int64_t q = 0; q < cell->p; q++) along = r_fma(r_set(h[q]), x[q], along);
  along = along * r_set(1 / fabs(h[0]));
  for (int64_t q = 0; q < cell->p; q++) x[q] = r_fnma(along, r_set(h[q]), x[q]);
}
BASIN_HD void filter_into_frame(const filter_cell *cell, const double *data, real *x) {
  if (!cell->framed) return;
  filter_reflect(cell, data, x);
  x[0] = r_set(cell->sign) * x[0];
}
BASIN_HD void filter_out_of_frame(const filter_cell *cell, const double *data, real *x) {
  if (!cell->framed) return;
  x[0] = r_set(cell->sign) * x[0];
  filter_reflect(cell, data, x);
}

/* ---------------------------------------------------------------- one input */

/* what a patch adds to k f(w, Z) - k f(w*, Z): t = w*'Z, u - t = (w - w*)'Z = d, exact as d -> 0 */
BASIN_HD real filter_change(real t, real d, real u) {
  const real zero = r_set(0.0);
  const mask star = r_lt(zero, t);
  return r_select(r_le(zero, u), r_select(star, d, u), r_select(star, zero - t, zero));
}

/* k times the residual of an input at w - w* = off [p], and the sum of its active patches into sum [p]; centre, z [p]:
   scratch */
BASIN_HD real filter_input(const filter_cell *cell, const basin_input_law *law, const double *data,
                           basin_team team, const filter_source *at, const real *off, real *sum,
                           real *centre, real *z) {
  const int64_t p = cell->p;
  const double *goal = data + cell->goal;
  const real zero = r_set(0.0);
  real r = zero;
  for (int64_t q = 0; q < p; q++) sum[q] = zero;
  for (int64_t j = 0; j < cell->k && !team_stopped(team); j++) {
    real t = zero, d = zero;
    filter_patch(cell, law, at, j, centre, z);
    for (int64_t q = 0; q < p; q++) {
      t = r_fma(z[q], r_set(goal[q]), t);
      d = r_fma(z[q], off[q], d);
    }
    const real u = t + d;
    const mask on = r_le(zero, u);
    r = r + filter_change(t, d, u);
    for (int64_t q = 0; q < p; q++) sum[q] = sum[q] + r_select(on, z[q], zero);
  }
  return r;
}

/* ---------------------------------------------------------------- estimates */

/* scratch: w - w*, sum, centre, patch */
static inline basin_input_layout filter_input_layout(const filter_cell *cell) {
  const basin_input_layout layout = {filter_blocks(cell), 4 * cell->p};
  return layout;
}

BASIN_HD void filter_input_begin(const filter_cell *cell, basin_turn t, const double *vectors) {
  const double *star = t.data + cell->teacher;
  for (int64_t q = 0; q < cell->p; q++) t.work[q] = r_set(vectors[q] - star[q]);
  filter_into_frame(cell, t.data, t.work);
}

BASIN_HD void filter_input_draw(const filter_cell *cell, basin_turn t, bits input, real *out) {
  const int64_t p = cell->p;
  real *off = t.work, *sum = off + p, *centre = sum + p, *z = centre + p;
  const filter_source at = {BASIN_STREAM_ESTIMATE, t.trial, t.step,
                            b_mul32(input, b_set((uint64_t)filter_blocks(cell)))};
  const real over_k = r_set(cell->over_k);
  const basin_input_law *law = cell->law.kind ? &cell->law : NULL;
  const real r = over_k * filter_input(cell, law, t.data, basin_alone, &at, off, sum, centre, z);
  const real weight = over_k * r;
  out[0] = r_set(0.5) * r * r;
  for (int64_t q = 0; q < p; q++) out[1 + q] = weight * sum[q];
  filter_out_of_frame(cell, t.data, out + 1);
}

#define MODEL_INPUT(F) F(filter_input_layout, filter_input_begin, filter_input_draw)

#endif
