/* SPDX-License-Identifier: MIT
 *
 * network: layers on a fixed data set, trained by gradient descent; a trial is an initialisation.
 *
 *   theta <- theta - eta grad L,   L = 1/2 sum_i |u_i - y_i|^2   or   1/(2n) sum_i |u_i - y_i|^2
 *
 * S. S. Du: Gradient Descent for Non-convex Problems in Modern Machine Learning, CMU-ML-19-102, chapters 2, 3 and
 * section 4.2: wide two-layer nets, deep fully connected ones, residual and convolutional residual ones, nets of
 * homogeneous activations. The experiment file says which (seam/layers.h); so parameters, vectors and observables of
 * this model are those that the file has (host/read/network_model.h), and the tables here say what there can be. What
 * is computed: network/network_pass.h; what is seen: network/network_observe.h.
 */
#ifndef BASIN_MODELS_NETWORK_H
#define BASIN_MODELS_NETWORK_H

#define BASIN_TEAM_MOST 256 /* a large net is a block's: numeric/team.h */
#include "seam/drawn.h"
#include "models/network/network_observe.h"

#define MODEL_TITLE "network of layers on a fixed data set"
#define MODEL_SOURCE "Du, thesis CMU-ML-19-102, chapters 2 and 3, section 4.2"

#define MODEL_PARAMETERS(X)
#define MODEL_TEACHER(X)
#define MODEL_INITIAL(X)
#define MODEL_STEP_SIZES(X) X(eta, "step size of all weights")
#define MODEL_OBSERVABLES(X) NETWORK_OBSERVABLES(X)

/* of each layer, behind those: names end with _h, the layer's number from 1 */
#define MODEL_LAYER_OBSERVABLES(X) NETWORK_LAYER_OBSERVABLES(X)

#define MODEL_OUTCOMES                                                                 \
  (BASIN_CAN(BASIN_GLOBAL) | BASIN_CAN(BASIN_STATIONARY) | BASIN_CAN(BASIN_DIVERGED) | \
   BASIN_CAN(BASIN_UNRESOLVED))
#define MODEL_AT "the loss"
#define MODEL_AT_SPURIOUS ""
#define MODEL_AT_GRADIENT

#define MODEL_DYNAMICS(X) X(training)
#define MODEL_METHODS(X) X(training)
#define MODEL_training(F)                                                           \
  F(0, network_layout, network_paces, network_start, network_step, network_reached, \
    network_reached, network_observe, network_vectors)

/* large nets are run one trial at a time */
#define MODEL_WHOLE(F) F(network_whole_work, network_is_large)
#define MODEL_whole(F) MODEL_training(F)

#if BASIN_ONE_LANE
/* Where the first layer is in the coordinates of the inputs its weights are W(0), drawn again and common to the states
   of a trial, and V X. */
static inline void network_vectors(const network_cell *cell, basin_turn t, const real *x, int any,
                                   double *out) {
  const network_layer first = network_layer_at(cell, t.data, 0);
  const int64_t rows = first.is.out, d = cell->look, of_first = cell->span ? rows * cell->n : 0;
  double *start = t.work, *room = start + rows * d;
  (void)any; /* nothing is unknown */
  if (cell->span) {
    const basin_product p = {.rows = {rows, 1},
                             .columns = {d, 1},
                             .depth = {cell->n, 1},
                             .a_rows = {cell->n, 0},
                             .a_depth = {1, 0},
                             .b_columns = {1, 0},
                             .b_depth = {cell->input, 0},
                             .c_rows = {d, 0},
                             .c_columns = {1, 0}};
    for (int64_t r = 0; r < rows && !t.warm; r++)
      drawn_row(&first.start, t.data, t.trial, r, start + r * d);
    memcpy(out, start, (size_t)(rows * d) * sizeof *out);
    drawn_product(&p, x + first.weights, t.set, out, 1, room);
    out += rows * d;
  }
  memcpy(out, x + of_first, (size_t)(cell->weights - of_first) * sizeof *out);
}
#endif

/* the inputs: where layer 0 is in their coordinates with their products behind each, else with the zeros beside each
   row that the patches of the first layer look at */
static inline basin_status network_inputs_of(const basin_setting *setting, const network_cell *cell,
                                             const double *data, int64_t first, int64_t count,
                                             double *z, double *label) {
  const basin_network *network = setting->network;
  const int64_t rows = count * cell->channels, length = cell->span ? cell->look : network->pixels,
                pad = cell->span ? 0 : (cell->row - length) / 2;
  (void)data;
  const basin_status status = network->draw(setting, first, count, z, label);
  for (int64_t r = rows - 1; r >= 0 && cell->row > length && !status; r--) {
    double *to = z + r * cell->row;
    memmove(to + pad, z + r * length, (size_t)length * sizeof *z);
    for (int64_t j = 0; j < pad; j++) to[j] = to[cell->row - 1 - j] = 0;
  }
  return status || !cell->span ? status : network_inner(setting, cell, first, count, z);
}
#define MODEL_SET(F) F(network_shape, network_inputs_of)

static inline int network_looks_at_set(const network_cell *cell) { return cell->span; }
static inline int64_t network_room_of_vectors(const network_cell *cell) { return cell->making; }
#define MODEL_VECTORS(F) F(network_looks_at_set, network_room_of_vectors)

static inline const char *model_prepare(const basin_setting *setting, basin_room *room,
                                        model_cell *cell, const char **where) {
  return network_prepare(setting, room, cell, where);
}

#endif
