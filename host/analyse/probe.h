/* SPDX-License-Identifier: MIT
 *
 * probe.h: a few steps of one kind of dynamics, from starts that are chosen: what tests of single steps are made of.
 *
 *   basin_probe_open(experiment, 3, "momentum", key, &probe, &error);      cell 3, with starts of that key
 *   basin_probe_steps(&probe, 2, 0.1, x, &error);       trial 0: x[3][entries], full vectors at steps 0, 1 and 2
 *   basin_probe_close(&probe);
 *
 * Options of the kind are its defaults, where it is not the cell's own kind, but for the gradient `below` which a kind
 * adds noise, which is 0: no noise; a sampled one takes 16 inputs a step, of normal law, a data set has 8. A flow may
 * be wrong by 1e-13, whatever the cell says. A network trains all its layers, on all data at every step.
 */
#ifndef BASIN_PROBE_H
#define BASIN_PROBE_H

#include "read/experiment.h"
#include "seam/layers.h"

enum { BASIN_PROBE_STEPS = 4, BASIN_PROBE_INITIALS = BASIN_LAYERS_MAX };

typedef struct basin_probe {
  basin_experiment experiment; /* one cell, whose trials are recorded at every step */
  basin_cell cell;
  basin_vector initial[BASIN_PROBE_INITIALS];
  basin_stage stage;
  basin_network network; /* of a cell with one */
  basin_network_layer *layer;
  int64_t time[BASIN_PROBE_STEPS + 1];
  int *index;        /* [observables] */
  char **observable; /* [observables] their names */
  const char *why;   /* not NULL: the cell cannot have this kind, for this reason */
  basin_backend backend;
} basin_probe;

/* key: of the draws; 0: the cell's own. BASIN_OK too where probe->why is set. To be closed in any case. */
basin_status basin_probe_open(const basin_experiment *experiment, int64_t cell, const char *kind,
                              uint64_t key, basin_probe *probe, basin_error *error);
void basin_probe_close(basin_probe *probe);

/* Every trial begins at these full vectors, which must stay. 0 where the model does not take them. */
int basin_probe_start(basin_probe *probe, const double *vectors);

/* Steps of `trials` trials, of size eta: *part, to be freed, with the states and observables at steps 0 .. steps. */
basin_status basin_probe_run(basin_probe *probe, int64_t trials, int steps, double eta,
                             basin_part *part, basin_error *error);

/* the same of trial 0: full vectors [steps + 1][entries], NaN behind its end and where the state does not know them */
basin_status basin_probe_steps(basin_probe *probe, int steps, double eta, double *vectors,
                               basin_error *error);

/* full vectors at a recorded step of a trial of such a part */
basin_status basin_probe_vectors(const basin_probe *probe, const basin_part *part, int64_t trial,
                                 int64_t time, double *vectors, basin_error *error);

#endif
