/* SPDX-License-Identifier: MIT
 *
 * products.h: the second contract of a model, for gradient descent on a data set that is drawn once. A model with the
 * dynamics `dataset` defines this beside the row of model.h; host/engine/dataset.c and cuda/dataset call it.
 *
 * A data set has inputs. Each has `rows` rows z of `width` normals, and a label. All that a student sees of a row is
 * the number u = z'f, where the filter f follows from its state. The gradient by f is a sum of rows, each with a weight
 * that follows from the u of its input. So the u of all rows and trials are one matrix product, and so are the
 * gradients. Matrices lie in rows of `stride` reals, a trial a lane. The row MODEL_dataset has `none` for the step, and
 *
 *   MODEL_PRODUCTS(F)   F(shape, draw, filter, coefficients, residual, slope, weight, gradient2, move, label)
 *
 *   basin_input_shape shape(const model_cell *c)
 *   draw(c, t, set, input, row, z[width], real *label)   a row of input number `input`; adds its share to the label
 *   label(c, t, row, z[width], real *label)              adds the share of a row that is there: of another law
 *   filter(c, x, f, stride)                              f [width]
 *   coefficients(c, x, a, stride)                        a [rows]
 *   real residual(a, u, r)                               r and the share of one row more; r is -label at first
 *   real slope(u, r, g)                                  g and the share of one input more; g, the gradient by a
 *                                                        coefficient, is 0 at first
 *   real weight(a, u, r)                                 the weight of a row, given the whole residual
 *   real gradient2(c, grad_a, grad_f, stride, x)         squared norm of the risk's gradient
 *   move(c, t, grad_a, grad_f, stride, x)                one step, by one thread, with pace, trial, step and work in t;
 *                                                        grad_a [rows] and grad_f [width] are the sums over the
 *                                                        step's inputs
 *
 * A model whose `move` takes the methods of method.h names the kind in MODEL_METHODS. State, scratch and start are then
 * as written there, and grad_a and grad_f, or what the model makes of them, go to method_entry() entry by entry.
 *
 * For resnet and cnn (models/conv/conv_dataset.h) a row is a patch: rows is k, width is p, the filter v/|v|, and
 *
 *   BASIN_HD real conv_dataset_residual(real a, real u, real r) { return r_fma(a, conv_relu(u), r); }
 */
#ifndef BASIN_SEAM_PRODUCTS_H
#define BASIN_SEAM_PRODUCTS_H

#include "seam/model.h"

#define PRODUCTS_SHAPE(shape, draw, filter, coefficients, residual, slope, weight, g2, move, \
                       label)                                                                \
  shape
#define PRODUCTS_DRAW(shape, draw, filter, coefficients, residual, slope, weight, g2, move, label) \
  draw
#define PRODUCTS_FILTER(shape, draw, filter, coefficients, residual, slope, weight, g2, move, \
                        label)                                                                \
  filter
#define PRODUCTS_COEFFICIENTS(shape, draw, filter, coefficients, residual, slope, weight, g2, \
                              move, label)                                                    \
  coefficients
#define PRODUCTS_RESIDUAL(shape, draw, filter, coefficients, residual, slope, weight, g2, move, \
                          label)                                                                \
  residual
#define PRODUCTS_SLOPE(shape, draw, filter, coefficients, residual, slope, weight, g2, move, \
                       label)                                                                \
  slope
#define PRODUCTS_WEIGHT(shape, draw, filter, coefficients, residual, slope, weight, g2, move, \
                        label)                                                                \
  weight
#define PRODUCTS_GRADIENT2(shape, draw, filter, coefficients, residual, slope, weight, g2, move, \
                           label)                                                                \
  g2
#define PRODUCTS_MOVE(shape, draw, filter, coefficients, residual, slope, weight, g2, move, label) \
  move

#define PRODUCTS_LABEL(shape, draw, filter, coefficients, residual, slope, weight, g2, move, \
                       label)                                                                \
  label

#define SET_shape MODEL_PRODUCTS(PRODUCTS_SHAPE)
#define SET_draw MODEL_PRODUCTS(PRODUCTS_DRAW)
#define SET_filter MODEL_PRODUCTS(PRODUCTS_FILTER)
#define SET_coefficients MODEL_PRODUCTS(PRODUCTS_COEFFICIENTS)
#define SET_residual MODEL_PRODUCTS(PRODUCTS_RESIDUAL)
#define SET_slope MODEL_PRODUCTS(PRODUCTS_SLOPE)
#define SET_weight MODEL_PRODUCTS(PRODUCTS_WEIGHT)
#define SET_gradient2 MODEL_PRODUCTS(PRODUCTS_GRADIENT2)
#define SET_move MODEL_PRODUCTS(PRODUCTS_MOVE)
#define SET_label MODEL_PRODUCTS(PRODUCTS_LABEL)

#endif
