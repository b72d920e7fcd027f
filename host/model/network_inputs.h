/* SPDX-License-Identifier: MIT
 *
 * network_inputs.h: the data set of a cell of networks: its inputs and their labels, drawn or copied.
 *
 *   double z[3 * 5], label[3];
 *   basin_network_inputs(setting, 0, 3, z, label);     the first three of inputs with 5 numbers and one label each
 *
 * Everything of input i follows from the setting's key, the number s of its data set (gradient.set), and i. So the bits
 * depend neither on the stretches in which they are asked for nor on n: n inputs are the beginning of n + 1.
 *
 *   inputs   all channels x pixels numbers are one vector, from block 0 on of (key, BASIN_STREAM_DATA, trial s, step
 *            i), as numeric/law.h draws them; on the unit sphere they are normals, times sqrt(1/(their squared length))
 *   labels   label j of input i is word j % 2 of block j/2 of (key, BASIN_STREAM_LABEL, trial s, step i), as the normal
 *            of Box and Muller, or as the sign
 *   teacher  the weights of layer h, from 0 on, are drawn as an initial matrix (seam/draw.h) of trial s and step h, of
 *            the streams BASIN_STREAM_DATA_TEACHER and BASIN_STREAM_DATA_TEACHER_RADIUS
 *
 * The teacher's labels are a plain forward pass: of a layer as in seam/layers.h every
 *
 *   z[r][l] = one chain of fma from 0 over c, then o, of W[r][c][o] and x[c][l + o - (patch - 1)/2]
 *   x'[r][l] = scale activation(z[r][l]), or, with a skip, fma(scale, activation(z[r][l]), x[r][l])
 *
 * What lies beyond the picture is left out of the chain: as 0 it would change no bit.
 */
#ifndef BASIN_NETWORK_INPUTS_H
#define BASIN_NETWORK_INPUTS_H

#include "basin.h"
#include "seam/layers.h"
#include "seam/setting.h"

/* Inputs first .. first + count - 1 to z [count][channels][pixels], their labels to label [count][labels]. A teacher is
   drawn anew by every call, so that long stretches are the cheaper ones. BASIN_FAILED: out of memory. */
basin_status basin_network_inputs(const basin_setting *setting, int64_t first, int64_t count,
                                  double *z, double *label);

#endif
