/* SPDX-License-Identifier: MIT
 *
 * products.h: what a model with the dynamics `dataset` has beside the row of model.h: gradient descent on a data set
 * that is drawn once, by matrix products.
 *
 * A data set has inputs, each of them `rows` rows z of `width` normals and a label. All that a student sees of a row is
 * u = z'f, with a filter f that follows from its state, and the gradient by f is a sum of rows, each with a weight that
 * follows from the u of its input: so the u of all rows and trials are one matrix product, and so are the gradients.
 * Matrices lie in rows of `stride` reals, a trial a lane. The row MODEL_dataset has `none` for the step, and
 *
 *   MODEL_PRODUCTS(F)   F(shape, draw, filter, coefficients, residual, slope, weight, gradient2, move)
 *
 *   basin_input_shape shape(const model_cell *c)
 *   draw(c, t, set, input, row, z[width], real *label)   a row of input number `input`; adds its share to the label
 *   filter(c, x, f, stride)                              f [width]
 *   coefficients(c, x, a, stride)                        a [rows]
 *   real residual(a, u, r)                               the residual so far, from -label on, and one row more
 *   real slope(u, r, g)                                  the gradient by a coefficient so far, and one input more
 *   real weight(a, u, r)                                 the weight of a row, given the whole residual
 *   real gradient2(c, grad_a, grad_f, stride, x)         squared norm of the risk's gradient
 *   move(c, pace, grad_a, grad_f, stride, x)             one step; grad_a [rows] and grad_f [width] are the sums over
 *                                                        the step's inputs
 */
#ifndef BASIN_SEAM_PRODUCTS_H
#define BASIN_SEAM_PRODUCTS_H

#include "seam/model.h"

typedef struct basin_input_shape {
  int64_t rows, width; /* of an input: rows, and numbers of a row */
} basin_input_shape;

#define PRODUCTS_SHAPE(shape, draw, filter, coefficients, residual, slope, weight, g2, move) shape
#define PRODUCTS_DRAW(shape, draw, filter, coefficients, residual, slope, weight, g2, move) draw
#define PRODUCTS_FILTER(shape, draw, filter, coefficients, residual, slope, weight, g2, move) filter
#define PRODUCTS_COEFFICIENTS(shape, draw, filter, coefficients, residual, slope, weight, g2, \
                              move)                                                           \
  coefficients
#define PRODUCTS_RESIDUAL(shape, draw, filter, coefficients, residual, slope, weight, g2, move) \
  residual
#define PRODUCTS_SLOPE(shape, draw, filter, coefficients, residual, slope, weight, g2, move) slope
#define PRODUCTS_WEIGHT(shape, draw, filter, coefficients, residual, slope, weight, g2, move) weight
#define PRODUCTS_GRADIENT2(shape, draw, filter, coefficients, residual, slope, weight, g2, move) g2
#define PRODUCTS_MOVE(shape, draw, filter, coefficients, residual, slope, weight, g2, move) move

#define SET_shape MODEL_PRODUCTS(PRODUCTS_SHAPE)
#define SET_draw MODEL_PRODUCTS(PRODUCTS_DRAW)
#define SET_filter MODEL_PRODUCTS(PRODUCTS_FILTER)
#define SET_coefficients MODEL_PRODUCTS(PRODUCTS_COEFFICIENTS)
#define SET_residual MODEL_PRODUCTS(PRODUCTS_RESIDUAL)
#define SET_slope MODEL_PRODUCTS(PRODUCTS_SLOPE)
#define SET_weight MODEL_PRODUCTS(PRODUCTS_WEIGHT)
#define SET_gradient2 MODEL_PRODUCTS(PRODUCTS_GRADIENT2)
#define SET_move MODEL_PRODUCTS(PRODUCTS_MOVE)

#endif
