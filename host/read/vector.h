/* SPDX-License-Identifier: MIT
 *
 * vector.h: reads a vector or matrix as an experiment file gives it, {head: [1, 2]}, say, or {ball: 1}. vector.c lists
 * all the ways.
 */
#ifndef BASIN_VECTOR_H
#define BASIN_VECTOR_H

#include "read/scope.h"

/* A vector or matrix of the size that *vector has already, from its node. random: it may be drawn; teacher: the one of
   its name, which it may then be drawn around, or NULL. Entries, where they are given or added to what is drawn, are
   allocated into *given, where they are not those of a file, and the vector shows them. The scope's `vector` says how a
   file has it. */
basin_status basin_vector_read(basin_scope *scope, const basin_node *node, const char *what,
                               int matrix, int random, const basin_vector *teacher,
                               basin_vector *vector, double **given, basin_error *error);

/* The same of a point: entries that are given, or `teacher`, those of the given teacher of that name. */
basin_status basin_vector_read_point(basin_scope *scope, const basin_node *node, const char *what,
                                     int matrix, const basin_vector *teacher, basin_vector *vector,
                                     double **given, basin_error *error);

/* Refuses a word that is no name of the scope and looks like one of these, as `sing` does like `sign`. */
basin_status basin_vector_check_word(basin_scope *scope, const basin_node *node, const char *what,
                                     const char *const *word, int words, basin_error *error);

#endif
