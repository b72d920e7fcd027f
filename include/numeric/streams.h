/* SPDX-License-Identifier: MIT
 *
 * streams.h: the one table of random streams. Every random word of the program belongs to a stream, and no stream has
 * two uses: so the draw of a start, say, never repeats in an input of a later step.
 */
#ifndef BASIN_NUMERIC_STREAMS_H
#define BASIN_NUMERIC_STREAMS_H

/* The random streams. A stream is never reused for a second purpose. */
#define BASIN_STREAMS(X)                                                                          \
  X(BASIN_STREAM_DIRECTION, 0, "initial vector i: what its entries are made of, stream 0 + i")    \
  X(BASIN_STREAM_RADIUS, 16,                                                                      \
    "initial vector i: one uniform a row for the radius in a ball, stream 16 + i")                \
  X(BASIN_STREAM_INPUT, 32, "sampled gradient: the normals of the step's inputs")                 \
  X(BASIN_STREAM_CHI, 33, "sampled gradient: attempts at the step's chi-square numbers")          \
  X(BASIN_STREAM_WISHART, 34, "sampled gradient: the step's Wishart matrix, see relu_sampled.h")  \
  X(BASIN_STREAM_NOISE, 38,                                                                       \
    "perturbed gradient descent: the step's noise, see octopus/perturbed.h")                      \
  X(BASIN_STREAM_PERTURBATION, 39,                                                                \
    "models written as formulas: the normals added to a step, see own/own_methods.h")             \
  X(BASIN_STREAM_DATA, 40,                                                                        \
    "fixed data set number `trial`: the entries of input number `step`, see conv_dataset.h and "  \
    "host/model/network_inputs.h")                                                                \
  X(BASIN_STREAM_BATCH, 41, "fixed data set: the inputs of the step's mini-batch, two a block")   \
  X(BASIN_STREAM_STROKES, 42,                                                                     \
    "drawings of strokes, number `step` of the set `trial`, see host/model/patches.c")            \
  X(BASIN_STREAM_WEIGHTS, 43, "networks: the weights of layer number `step`, as initial vectors") \
  X(BASIN_STREAM_WEIGHTS_RADIUS, 44, "networks: the same, for the radius of a row in a ball")     \
  X(BASIN_STREAM_LABEL, 45,                                                                       \
    "fixed data set number `trial`: the drawn labels of input number `step`, two a block")        \
  X(BASIN_STREAM_DATA_TEACHER, 46,                                                                \
    "fixed data set number `trial`: the weights of layer number `step` of the network that "      \
    "labels it, as initial vectors")                                                              \
  X(BASIN_STREAM_DATA_TEACHER_RADIUS, 47, "the same, for the radius of a row in a ball")          \
  X(BASIN_STREAM_TEACHER_DIRECTION, 48, "drawn teacher i: as initial vectors, stream 48 + i")     \
  X(BASIN_STREAM_TEACHER_RADIUS, 64, "drawn teacher i: as initial vectors, stream 64 + i")        \
  X(BASIN_STREAM_START_CHI, 112,                                                                  \
    "initial vector or matrix i in reduced coordinates: its chi-square numbers, stream 112 + i")  \
  X(BASIN_STREAM_START_FRAME, 120,                                                                \
    "initial vector or matrix i in reduced coordinates: what they leave out, stream 120 + i")     \
  X(BASIN_STREAM_ESTIMATE, 128,                                                                   \
    "estimates: the normals of fresh inputs at the trial's recorded step, see "                   \
    "host/engine/measure.h")                                                                      \
  X(BASIN_STREAM_VERIFY, 129, "basin verify: the sizes and the teacher of a random state")        \
  X(BASIN_STREAM_BOOTSTRAP, 256, "statistics.h: which trials a resample has")

enum basin_stream {
#define BASIN_STREAM(name, number, use) name = (number),
  BASIN_STREAMS(BASIN_STREAM)
#undef BASIN_STREAM
};

#endif
