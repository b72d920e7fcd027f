/* SPDX-License-Identifier: MIT
 *
 * draw.h: a vector, or a matrix row by row, as the experiment gives it or as it is drawn for every trial. Models call
 * it, to start a trial: on the host draw_put() notes where the vector comes from, in a driver draw_pair() and
 * draw_factor() make its entries. For a vector of two entries, the first initial one:
 *
 *   cell->x = draw_put(room, &setting->initial[0], setting->key, BASIN_STREAM_DIRECTION, BASIN_STREAM_RADIUS);
 *   ...
 *   draw_pair(&cell->x, turn.data, turn.trial, 0, 0, &x[0], &x[1]);
 *   const real factor = draw_factor(&cell->x, turn.trial, 0, r_fma(x[0], x[0], x[1] * x[1]));
 *   x[0] = factor * x[0], x[1] = factor * x[1];
 *
 * Normals come in pairs: entries 2 b and 2 b + 1 of row i are block i ceil(length/2) + b of the stream `direction`,
 * the uniform number of a row in a ball is block i of the stream `radius`.
 */
#ifndef BASIN_SEAM_DRAW_H
#define BASIN_SEAM_DRAW_H

#include "seam/model.h"

/* a vector's origin, with the given values as an offset into data */
typedef struct draw_source {
  int kind;              /* enum basin_source */
  int direction, radius; /* its streams */
  uint64_t key;
  int64_t length; /* of a row */
  double scale;
  int64_t value; /* offset of [rows][length] values where kind is BASIN_GIVEN */
} draw_source;

/* entries 2 block and 2 block + 1 of a row: of the drawn direction, or given (0 past its end) */
BASIN_HD void draw_pair(const draw_source *source, const double *data, bits trial, int64_t row,
                        int64_t block, real *x, real *y) {
  const int64_t j = 2 * block;
  if (source->kind == BASIN_GIVEN) {
    const double *value = data + source->value + row * source->length;
    *x = r_set(value[j]);
    *y = r_set(j + 1 < source->length ? value[j + 1] : 0.0);
  } else {
    const int64_t blocks = (source->length + 1) / 2;
    basin_normals(source->key, source->direction, trial, 0, (uint64_t)(row * blocks + block), x, y);
    if (j + 1 >= source->length) *y = r_set(0.0);
  }
}

/* the factor that makes the drawn direction of squared length `norm2` the row itself */
BASIN_HD real draw_factor(const draw_source *source, bits trial, int64_t row, real norm2) {
  if (source->kind == BASIN_GIVEN) return r_set(1.0);
  if (source->kind == BASIN_NORMAL) return r_set(source->scale);
  real length = r_set(source->scale);
  if (source->kind == BASIN_BALL) {
    bits low, high;
    basin_words(source->key, source->radius, trial, 0, (uint64_t)row, &low, &high);
    length = length * r_exp(r_log(r_uniform_positive(low)) * r_set(1.0 / (double)source->length));
  }
  return length / r_sqrt(norm2);
}

/* ---- host: into the constants of a cell ---- */

/* takes the vector's values, where it is given, into the room; direction, radius: the streams it is drawn from */
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
  source.value = room_put(room, vector->value, basin_vector_size(vector));
  return source;
}

/* whether the stream has numbers enough for a trial's vector or matrix */
static inline int draw_fits(const basin_vector *vector) {
  return (double)vector->rows * (double)((vector->length + 1) / 2) <=
         (double)(BASIN_VECTOR_MAX / 2);
}

#endif
