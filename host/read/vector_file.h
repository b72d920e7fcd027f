/* SPDX-License-Identifier: MIT
 *
 * vector_file.h: entries of a vector or matrix that lie in a file, read once for all cells of an experiment.
 *
 *   init: {file: start.csv}               a table of text (numbers.h): its rows are those of the matrix
 *   init: {file: start.h5}                the variable of the vector's name in an HDF5 or netCDF-4 file: W_1 of the
 *                                         first layer, [rows][entries of a row], or [out][in][patch] of a layer
 *   init: {file: start.h5, variable: w}   or of another name
 *   init: {file: run.h5, cell: 3, trial: 0}
 *                                         what trial 0 of cell 3 had at its last recorded step: of an output file of
 *                                         basin, whose experiment says record: {parameters: true}
 *
 * What has one row, or rows of one entry, may lie in a row or in a column. The path begins at the folder of the
 * experiment file. Numbers that are infinite, or none, are refused. Entries are part of what a cell is, wherever they
 * come from: a run is not gone on with where other ones are in the file.
 */
#ifndef BASIN_VECTOR_FILE_H
#define BASIN_VECTOR_FILE_H

#include "read/scope.h"

/* The entries [rows][length] of the vector that the scope says is being read, from a mapping with the key `file`: they
   stay the album's. what: how messages name it. BASIN_BAD_INPUT, with the place and the reason. */
basin_status basin_vector_file(basin_scope *scope, const basin_node *node, const char *what,
                               int64_t rows, int64_t length, const double **value,
                               basin_error *error);

/* The files that have been read, which an experiment's album keeps (images.h): bytes of them all. */
typedef struct basin_vector_page basin_vector_page;
void basin_vector_pages_free(basin_vector_page *first);
double basin_vector_pages_bytes(const basin_vector_page *first);

#endif
