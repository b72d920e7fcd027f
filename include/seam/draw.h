/* SPDX-License-Identifier: MIT
 *
 * draw.h: a vector, or a matrix row by row, as the experiment gives it or as it is drawn for every trial. Models call
 * it, to start a trial: on the host draw_put() notes where the vector comes from, in a driver draw_row() makes its
 * entries, and draw_pair(), draw_pairs(), draw_spread() and draw_entry() do where a model sums or keeps them in its
 * own way. For a vector of two entries, the first initial one:
 *
 *   cell->x = draw_put(room, &setting->initial[0], setting->key, BASIN_STREAM_DIRECTION, BASIN_STREAM_RADIUS);
 *   ...
 *   draw_row(&cell->x, turn.data, turn.trial, 0, 2, x);
 *
 * Numbers come in pairs: entries 2 b and 2 b + 1 of row i are block i ceil(length/2) + b of the stream `direction`, as
 * two normals (Box and Muller) or two uniform numbers. The uniform number of a row in a ball is block i of the stream
 * `radius`.
 */
#ifndef BASIN_SEAM_DRAW_H
#define BASIN_SEAM_DRAW_H

#include "seam/model.h"

/* a vector's origin, with its values as an offset into data */
typedef struct draw_source {
  int kind;              /* enum basin_source */
  int direction, radius; /* its streams */
  uint64_t key;
  uint64_t step;  /* of the streams: 0, but where several matrices share them */
  int64_t length; /* of a row */
  double scale;
  double offset; /* added to every entry; -0 where nothing is, for x + -0 is x to the sign */
  int64_t
      value; /* offset of [rows][length] values: given, or added to what is drawn; -1: there are none */
} draw_source;

/* -1 or 1 */
BASIN_HD real draw_sign(bits word) {
  return r_from_bits(b_set(0x3ff0000000000000u) | (word & b_set(0x8000000000000000u)));
}

/* the two numbers of a block that is drawn: normal, uniform on [0, 1), or signs */
BASIN_HD void draw_numbers(const draw_source *source, bits low, bits high, real *x, real *y) {
  if (source->kind == BASIN_UNIFORM) *x = r_uniform(low), *y = r_uniform(high);
  else if (source->kind == BASIN_SIGN) *x = draw_sign(low), *y = draw_sign(high);
  else basin_box_muller(low, high, x, y);
}

/* entries 2 block and 2 block + 1 of a row (0 past its end): as they are given, or the numbers that they are drawn
   from */
BASIN_HD void draw_pair(const draw_source *source, const double *data, bits trial, int64_t row,
                        int64_t block, real *x, real *y) {
  const int64_t j = 2 * block;
  if (source->kind == BASIN_GIVEN) {
    const double *value = data + source->value + row * source->length;
    *x = r_set(value[j]);
    *y = r_set(j + 1 < source->length ? value[j + 1] : 0.0);
    return;
  }
  bits low, high;
  const int64_t blocks = (source->length + 1) / 2;
  basin_words(source->key, source->direction, trial, source->step, (uint64_t)(row * blocks + block),
              &low, &high);
  draw_numbers(source, low, high, x, y);
  if (j + 1 >= source->length) *y = r_set(0.0);
}

/* the same of `count` blocks from `block` on, a constant of at most BASIN_TOGETHER, which wait for each other less when
   they are drawn in turn (philox.h) */
BASIN_HD void draw_pairs(int count, const draw_source *source, const double *data, bits trial,
                         int64_t row, int64_t block, real *x, real *y) {
  bits low[BASIN_TOGETHER], high[BASIN_TOGETHER];
  const int64_t first = row * ((source->length + 1) / 2) + block;
  if (source->kind == BASIN_GIVEN) {
    BASIN_UNROLL
    for (int i = 0; i < count; i++) draw_pair(source, data, trial, row, block + i, x + i, y + i);
    return;
  }
  basin_words_of(count, source->key, source->direction, trial, b_set(source->step),
                 b_set((uint64_t)first), low, high);
  if (source->kind == BASIN_UNIFORM || source->kind == BASIN_SIGN) {
    BASIN_UNROLL
    for (int i = 0; i < count; i++) draw_numbers(source, low[i], high[i], x + i, y + i);
  } else {
    basin_box_muller_of(count, low, high, x, y);
  }
  if (2 * (block + count) > source->length) y[count - 1] = r_set(0.0);
}

/* what the numbers of a row, of squared length norm2, are multiplied by */
BASIN_HD real draw_spread(const draw_source *source, bits trial, int64_t row, real norm2) {
  if (source->kind == BASIN_GIVEN) return r_set(1.0);
  if (source->kind == BASIN_NORMAL || source->kind == BASIN_UNIFORM || source->kind == BASIN_SIGN)
    return r_set(source->scale);
  real length = r_set(source->scale);
  if (source->kind == BASIN_BALL) {
    bits low, high;
    basin_words(source->key, source->radius, trial, source->step, (uint64_t)row, &low, &high);
    length = length * r_exp(r_log(r_uniform_positive(low)) * r_set(1.0 / (double)source->length));
  }
  return length / r_sqrt(norm2);
}

/* what is then added to entry j of a row */
BASIN_HD double draw_offset(const draw_source *source, const double *data, int64_t row, int64_t j) {
  if (source->kind == BASIN_GIVEN || source->value < 0) return source->offset;
  return source->offset + data[source->value + row * source->length + j];
}

/* entry j of a row, from its number */
BASIN_HD real draw_entry(const draw_source *source, const double *data, int64_t row, int64_t j,
                         real spread, real z) {
  return r_fma(spread, z, r_set(draw_offset(source, data, row, j)));
}

/* a row of so many entries, as it is given or drawn, into x */
BASIN_HD void draw_row(const draw_source *source, const double *data, bits trial, int64_t row,
                       int64_t length, real *x) {
  real norm2 = r_set(0.0);
  int64_t begun = 0;
  if (BASIN_TOGETHER > 1)
    for (; begun + 2 * BASIN_TOGETHER <= length; begun += 2 * BASIN_TOGETHER) {
      real z0[BASIN_TOGETHER], z1[BASIN_TOGETHER];
      draw_pairs(BASIN_TOGETHER, source, data, trial, row, begun / 2, z0, z1);
      for (int i = 0; i < BASIN_TOGETHER; i++) {
        x[begun + 2 * i] = z0[i];
        x[begun + 2 * i + 1] = z1[i];
        norm2 = r_fma(z1[i], z1[i], r_fma(z0[i], z0[i], norm2));
      }
    }
  BASIN_UNROLLED
  for (int64_t j = begun; j < length; j += 2) {
    real z[2];
    draw_pair(source, data, trial, row, j / 2, &z[0], &z[1]);
    x[j] = z[0];
    if (j + 1 < length) x[j + 1] = z[1];
    norm2 = r_fma(z[1], z[1], r_fma(z[0], z[0], norm2));
  }
  const real spread = draw_spread(source, trial, row, norm2);
  BASIN_UNROLLED
  for (int64_t j = 0; j < length; j++) x[j] = draw_entry(source, data, row, j, spread, x[j]);
}

/* whether anything is added to what is drawn */
BASIN_HD int draw_is_moved(const draw_source *source) {
  return source->kind != BASIN_GIVEN && (source->value >= 0 || source->offset != 0);
}

/* ---- host: into the constants of a cell ---- */

/* takes the vector's values, where it has any, into the room; direction, radius: the streams it is drawn from */
static inline draw_source draw_put(basin_room *room, const basin_vector *vector, uint64_t key,
                                   int direction, int radius) {
  draw_source source;
  memset(&source, 0, sizeof source);
  source.kind = (int)vector->source;
  source.direction = direction;
  source.radius = radius;
  source.key = key;
  source.length = vector->length;
  source.scale = vector->scale;
  source.offset = vector->offset != 0 ? vector->offset : -0.0;
  source.value = vector->value ? room_put(room, vector->value, basin_vector_size(vector)) : -1;
  return source;
}

/* whether the stream has numbers enough for a trial's vector or matrix */
static inline int draw_fits(const basin_vector *vector) {
  return (double)vector->rows * (double)((vector->length + 1) / 2) <=
         (double)(BASIN_VECTOR_MAX / 2);
}

/* what is given of an entry: all of it, or what is added to the draw */
static inline double draw_given(const basin_vector *vector, int64_t row, int64_t j) {
  return vector->offset + (vector->value ? vector->value[row * vector->length + j] : 0);
}

/* how long a row may be: a bound, but of normal entries, where it is the size to expect. 0: it is zero */
static inline double draw_reach(const basin_vector *vector, int64_t row) {
  double spread = vector->source == BASIN_GIVEN ? 0 : fabs(vector->scale), norm2 = 0;
  if (vector->source == BASIN_NORMAL || vector->source == BASIN_UNIFORM ||
      vector->source == BASIN_SIGN)
    spread *= sqrt((double)vector->length);
  for (int64_t j = 0; (vector->value || vector->offset != 0) && j < vector->length; j++)
    norm2 += draw_given(vector, row, j) * draw_given(vector, row, j);
  return spread + sqrt(norm2);
}

#endif
