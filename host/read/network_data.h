/* SPDX-License-Identifier: MIT
 *
 * network_data.h: the section `data` of an experiment with networks: inputs and labels that a cell's trials share.
 *
 *   data: {n: 1000, d: 5, inputs: sphere, labels: {normal: 1}}       1000 inputs of 5 numbers, drawn with their labels
 *   data: {file: digits.csv, labels: 1}                              or read
 *
 * What is drawn has
 *
 *   n: 1000                 inputs
 *   d: 5                    numbers of an input; of pictures `channels: 3, pixels: 32` in its place
 *   inputs: sphere          uniform on the unit sphere of all numbers of an input
 *           normal          standard normals
 *           identity        the unit vectors, n of them at most d
 *           {law: laplace}  or any other law of numeric/law.h, {student: {degrees: 4}} too: of mean 0 and variance 1
 *   labels: {normal: sd}    normals of that standard deviation
 *           sign            -1 or 1; {sign: c}: -c or c
 *           {teacher: {layers: [...]}}         what a network makes of the input: its weights are drawn once, by its
 *                                              layers' `init`
 *           {low_rank: {singular: [1, 0.5]}}   label i of input i is the i-th of these numbers, all others are 0: with
 *                                              `inputs: identity` and linear layers a matrix that is factorised
 *   set: s                  which data set it is, 0 if it is not given: another one, drawn in the same way
 *   batch: b                every step takes b inputs, drawn anew, in the place of all n
 *   outputs: k              labels of an input; if it is not given what the last layer makes, which it must be
 *
 * and what is read
 *
 *   file: F                 a path from the folder of the experiment file
 *   labels: c               numbers of a label: of a table of text (numbers.h), whose rows are the examples, the last c
 *                           columns. HDF5 and netCDF-4 have variables `x` [n][d] and `y` [n] or [n][c], which tell it
 *   channels: c             where the numbers of an input are a picture's: of each channel, one after another, all
 *                           pixels
 *   n: 100                  the first 100 examples; if it is not given all of them
 *   batch: b                as above
 *
 * All numbers may be expressions. A file is read once for all cells of an experiment. What it says is part of what the
 * experiment is: a run is not gone on with, where other numbers have come into it.
 */
#ifndef BASIN_READ_NETWORK_DATA_H
#define BASIN_READ_NETWORK_DATA_H

#include "read/scope.h"
#include "seam/layers.h"

/* The section for one cell: fills in network->channels, pixels and data, and set_size, batch, inputs, set and law of
   the gradient; network->labels is 0 then where the layers alone tell it. What network->data has allocated is to be
   freed, whatever comes of it; it must be zero before. BASIN_BAD_INPUT, with the place and the reason. */
basin_status basin_network_data_read(basin_scope *scope, const basin_node *node,
                                     basin_network *network, basin_gradient *gradient,
                                     basin_error *error);
void basin_network_data_free(basin_network_data *data);

/* Once the network's layers are there, too: whether the labels are as many as the last one makes numbers, which
   network->labels becomes. */
basin_status basin_network_data_fit(const basin_node *node, basin_network *network,
                                    basin_error *error);

/* The files that have been read, which an experiment's album keeps (images.h): bytes of them all. */
typedef struct basin_data_file basin_data_file;
void basin_data_files_free(basin_data_file *first);
double basin_data_files_bytes(const basin_data_file *first);

#endif
