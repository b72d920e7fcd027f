/* SPDX-License-Identifier: MIT
 *
 * product.h: what a matrix product of a network is, and the promise about its bits.
 *
 *   C(row, column) = sum over depth of A(row, depth) B(column, depth)
 *
 * Every element is one chain of fused multiply-adds in the order of the depth: it begins with 0, or with what C has,
 * and for one depth after the other becomes fma(A(row, depth), B(column, depth), element). So whatever computes a
 * product, by blocks, in vectors, by threads or on a device, comes to the same bits. (Of a NaN, that it is one is
 * promised; its sign and payload are not.)
 *
 * Rows, columns and the depth are pairs of indices, an outer and an inner one; the inner one is the faster. Element
 * (o, i) of an index lies o times its outer stride and i times its inner stride from the beginning of the array, in
 * doubles. So the one-dimensional convolutions of arrays that have zeros around them are products too. An index that
 * needs no pair has an inner count of 1. Three examples, of a dense layer of `out` units on `in`, for n examples: U =
 * X W', the gradient by X, and that by W; W is [out][in], X [n][in], U [n][out].
 *
 *   basin_product forward = {.rows = {n, 1}, .columns = {out, 1}, .depth = {in, 1},
 *                            .a_rows = {in, 0}, .a_depth = {1, 0},
 *                            .b_columns = {in, 0}, .b_depth = {1, 0},
 *                            .c_rows = {out, 0}, .c_columns = {1, 0}};
 *   basin_product backward = {.rows = {n, 1}, .columns = {in, 1}, .depth = {out, 1},
 *                             .a_rows = {out, 0}, .a_depth = {1, 0},
 *                             .b_columns = {1, 0}, .b_depth = {in, 0},
 *                             .c_rows = {in, 0}, .c_columns = {1, 0}};
 *   basin_product gradient = {.rows = {out, 1}, .columns = {in, 1}, .depth = {n, 1},
 *                             .a_rows = {1, 0}, .a_depth = {out, 0},
 *                             .b_columns = {1, 0}, .b_depth = {in, 0},
 *                             .c_rows = {in, 0}, .c_columns = {1, 0}};
 *
 * and the same layer as a convolution with a patch of q of pictures of p pixels, X [n][in][p + q - 1], U [n][out][p]:
 *
 *   basin_product convolution = {.rows = {n, p}, .columns = {out, 1}, .depth = {in, q},
 *                                .a_rows = {in * (p + q - 1), 1}, .a_depth = {p + q - 1, 1},
 *                                .b_columns = {in * q, 0}, .b_depth = {q, 1},
 *                                .c_rows = {out * p, 1}, .c_columns = {p, 0}};
 */
#ifndef BASIN_NUMERIC_PRODUCT_H
#define BASIN_NUMERIC_PRODUCT_H

#include <stdint.h>

typedef struct basin_pair {
  int64_t outer, inner;
} basin_pair;

typedef struct basin_product {
  basin_pair rows, columns, depth; /* how many */
  basin_pair a_rows, a_depth;      /* strides of A(row, depth), in doubles */
  basin_pair b_columns, b_depth;   /* of B(column, depth) */
  basin_pair c_rows, c_columns;    /* of C(row, column) */
} basin_product;

#endif
