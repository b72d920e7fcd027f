/* SPDX-License-Identifier: MIT
 *
 * patches.c: patches of images, and the drawings that are made where there are no images.
 *
 * A drawing has two or three strokes, each a quadratic Bezier curve whose three control points are uniform in
 * [4, 24]^2, drawn on 28 x 28 pixels with a pen exp(-r^2 / (2 0.8^2)), r the distance to the nearest of 40 points of
 * the curve, from its first end to its last one at equal steps of the parameter; where strokes cross the brighter one
 * shows. So a pixel is the pen at the nearest point of all. Block 0 says how many strokes, blocks 1 + 3 s + c are the
 * coordinates of control point c of stroke s; all of them are the same numbers whatever the experiment and its seed.
 */
#include "model/patches.h"
#include "base/hash.h"
#include <stdlib.h>

enum { SIDE = BASIN_STROKES_SIDE, POINTS = 40, STROKES_MOST = 3 };
static const double LEAST = 4, MOST = 24, PEN = 0.8;

/* ---- drawings ---- */

/* control points of a stroke: x, y each */
static void draw_controls(uint64_t key, int64_t set, int64_t i, int stroke, double control[3][2]) {
  for (int c = 0; c < 3; c++) {
    bits low, high;
    basin_words(key, BASIN_STREAM_STROKES, (uint64_t)set, (uint64_t)i,
                (uint64_t)(1 + 3 * stroke + c), &low, &high);
    control[c][0] = r_fma(MOST - LEAST, r_uniform(low), LEAST);
    control[c][1] = r_fma(MOST - LEAST, r_uniform(high), LEAST);
  }
}

/* squared distances of all pixels to the nearest point so far, made smaller by one more */
static void come_near(double x, double y, double *distance2) {
  for (int row = 0; row < SIDE; row++)
    for (int column = 0; column < SIDE; column++) {
      const double dx = column - x, dy = row - y, here = r_fma(dx, dx, dy * dy);
      double *least = &distance2[row * SIDE + column];
      *least = here < *least ? here : *least;
    }
}

void basin_strokes_draw(int64_t set, int64_t i, double *image) {
  const uint64_t key = basin_hash_text(0, "basin strokes 1");
  bits low, high;
  basin_words(key, BASIN_STREAM_STROKES, (uint64_t)set, (uint64_t)i, 0, &low, &high);
  const int strokes = r_uniform(low) < 0.5 ? STROKES_MOST - 1 : STROKES_MOST;
  for (int q = 0; q < SIDE * SIDE; q++) image[q] = 4.0 * SIDE * SIDE;
  for (int s = 0; s < strokes; s++) {
    double control[3][2];
    draw_controls(key, set, i, s, control);
    for (int p = 0; p < POINTS; p++) {
      const double t = p / (POINTS - 1.0), r = 1 - t, a = r * r, b = 2 * t * r, c = t * t;
      come_near(r_fma(a, control[0][0], r_fma(b, control[1][0], c * control[2][0])),
                r_fma(a, control[0][1], r_fma(b, control[1][1], c * control[2][1])), image);
    }
  }
  for (int q = 0; q < SIDE * SIDE; q++) image[q] = r_exp(image[q] * (-0.5 / (PEN * PEN)));
}

/* ---- patches ---- */

static int64_t places(int64_t length, const basin_gradient *g) {
  return (length - g->patch_size) / g->patch_stride + 1;
}

int64_t basin_images_patches(const basin_gradient *g) {
  return g->patch_size ? places(g->images->height, g) * places(g->images->width, g)
                       : g->images->height;
}

int64_t basin_images_width(const basin_gradient *g) {
  return g->patch_size ? g->patch_size * g->patch_size : g->images->width;
}

basin_status basin_images_cut(const basin_gradient *g, int64_t i, double *z) {
  const basin_images *images = g->images;
  const int64_t width = images->width, size = images->height * width;
  double *drawn = images->value ? NULL : malloc((size_t)size * sizeof *drawn);
  const double *image = images->value ? images->value + i * size : drawn;
  if (!image) return BASIN_FAILED;
  if (drawn) basin_strokes_draw(images->set, i, drawn);
  if (!g->patch_size)
    for (int64_t q = 0; q < size; q++) z[q] = image[q];
  for (int64_t y = 0; g->patch_size && y < places(images->height, g); y++)
    for (int64_t x = 0; x < places(width, g); x++)
      for (int64_t q = 0; q < g->patch_size * g->patch_size; q++)
        *z++ = image[(y * g->patch_stride + q / g->patch_size) * width + x * g->patch_stride +
                     q % g->patch_size];
  free(drawn);
  return BASIN_OK;
}
