/* SPDX-License-Identifier: MIT
 *
 * own_model.h: a model that the experiment file writes as formulas.
 *
 *   model:
 *     state: {x: 1, y: 1}                # a size, or [rows, columns]: whole numbers, parameters or expressions of them
 *     parameters: {s: 1}                 # with their defaults
 *     teacher: {v: p}                    # arrays that are given, or drawn for every trial, under `teacher` of the file
 *     inputs: {Z: [k, p]}                # drawn for every step
 *     define: {r: x - y, c: [1, 2, 3], A: {file: A.csv}}
 *     loss: s * r^2
 *     observables: {radius: sqrt(x^2 + y^2)}
 *   stop: {when: loss < 1e-8}            # belongs to the model, too
 *
 * formula/formula.h has the language. For example
 *
 *   if (basin_own_model_is_meant(node)) status = basin_own_model_header(node, when, album, &text, &error);
 *
 * makes the header of a model (seam/model.h) of it, which own/own.h compiles.
 */
#ifndef BASIN_OWN_MODEL_H
#define BASIN_OWN_MODEL_H

#include "formula/graph.h"
#include "read/yaml.h"

#define BASIN_OWN_NAME "own" /* what such a model is called */

struct basin_album;

/* whether `model` is written as formulas: a mapping */
int basin_own_model_is_meant(const basin_node *model);

/* The header, allocated into *text: the caller's to free. when: the node of stop.when, or NULL; album: knows the folder
   of the experiment file, and is told of files that are read (images.h). */
basin_status basin_own_model_header(const basin_node *model, const basin_node *when,
                                    struct basin_album *album, char **text, basin_error *error);

/* What the header is written from: the caller's to free. */
basin_status basin_own_model_graph(const basin_node *model, const basin_node *when,
                                   struct basin_album *album, formula_model **graph,
                                   basin_error *error);

#endif
